"""Nobody without the master key reads a person, and what is sealed opens only where it belongs."""

import base64
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.base.errors import KeyMissing
from amends.ledger import Keys, Ledger
from amends.ledger.store.encryption import Seal
from tests.delivery.sending import a_ledger, sqlite_url

MASTER, OTHER = Keys(b"m" * 32), Keys(b"n" * 32)
PLACE = "person:contact:november-breach:1"


def a_seal(keys: Keys = MASTER, incident: str = "november-breach") -> Seal:
    return keys.seal_for(incident, keys.new_data_key(incident))


def test_what_is_sealed_opens_in_its_place() -> None:
    seal = a_seal()
    assert seal.open(seal.close("Ada 王", PLACE), PLACE) == "Ada 王"


def test_the_same_text_is_sealed_differently_each_time() -> None:
    seal = a_seal()
    assert seal.close("Ada", PLACE) != seal.close("Ada", PLACE)


@pytest.mark.parametrize(
    "elsewhere", ["person:contact:november-breach:2", "person:contact:may-breach:1", "question:text:november-breach:1"]
)
def test_what_is_sealed_does_not_open_in_another_place(elsewhere: str) -> None:
    seal = a_seal()
    with pytest.raises(KeyMissing, match=elsewhere):
        seal.open(seal.close("Ada", PLACE), elsewhere)


@pytest.mark.parametrize("byte", [0, 1, 12, 13, -1])
def test_what_was_altered_does_not_open(byte: int) -> None:
    seal = a_seal()
    sealed = bytearray(seal.close("Ada", PLACE))
    sealed[byte] ^= 1
    with pytest.raises(KeyMissing):
        seal.open(bytes(sealed), PLACE)


@pytest.mark.parametrize("kept", [0, 1, 5, 13, 20])
def test_what_was_cut_off_does_not_open(kept: int) -> None:
    seal = a_seal()
    with pytest.raises(KeyMissing):
        seal.open(seal.close("Ada", PLACE)[:kept], PLACE)


def test_one_incidents_seal_does_not_open_anothers() -> None:
    with pytest.raises(KeyMissing):
        a_seal().open(a_seal().close("Ada", PLACE), PLACE)


def test_another_master_key_opens_no_incident() -> None:
    with pytest.raises(KeyMissing, match="november-breach"):
        OTHER.seal_for("november-breach", MASTER.new_data_key("november-breach"))


def test_a_data_key_belongs_to_its_incident() -> None:
    with pytest.raises(KeyMissing):
        MASTER.seal_for("may-breach", MASTER.new_data_key("november-breach"))


@pytest.mark.parametrize("text", ["", "no key", base64.b64encode(b"m" * 31).decode(), "é"])
def test_a_key_file_that_holds_no_key_is_refused(text: str) -> None:
    with pytest.raises(KeyMissing, match="amends init"):
        Keys.from_text(text)


def test_a_key_file_may_end_with_a_line_break() -> None:
    assert Keys.from_text(base64.b64encode(b"m" * 32).decode() + "\n").check() == MASTER.check()


def test_the_repr_of_the_keys_shows_no_secret() -> None:
    assert repr(MASTER) == "Keys(…)"


def test_a_link_token_is_27_characters_that_are_safe_in_an_address() -> None:
    tokens = [MASTER.link_token("november-breach", number, 1) for number in range(200)]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{27}", token) for token in tokens)


def test_no_two_people_versions_or_incidents_share_a_link_token() -> None:
    tokens = {
        MASTER.link_token(incident, number, version)
        for incident in ("november-breach", "may-breach")
        for number in range(1, 100)
        for version in (1, 2)
    }
    assert len(tokens) == 2 * 99 * 2


@given(st.integers(1, 2**63 - 1), st.binary(min_size=16, max_size=16))
def test_a_bounce_token_holds_the_number_and_half_of_the_key(message: int, key: bytes) -> None:
    """A bounce token gives back the number of its message and the first half of the message's key."""
    token = MASTER.bounce_token(message, key.hex())
    assert re.fullmatch("[0-9a-f]{32}", token)
    assert MASTER.bounced(token) == (message, key.hex()[:16])


@given(st.binary(min_size=16, max_size=16))
def test_a_forged_bounce_token_names_no_message_that_anybody_knows(forged: bytes) -> None:
    known = "c0ffee" * 5 + "00"
    assert MASTER.bounced(forged.hex()) != (1, known[:16])


@pytest.mark.parametrize("token", ["", "00", "no token", "g" * 32, "0" * 30, "0" * 64])
def test_what_is_no_bounce_token_at_all_names_nothing(token: str) -> None:
    assert MASTER.bounced(token) is None


def test_a_message_id_does_not_reveal_the_bounce_address() -> None:
    """The key that a message ID shows does not reveal the message's bounce address.

    The token shows no half of the key and differs for each message and master key.
    """
    key = MASTER.message_key("november-breach", "first-notice", 1, "email", b"x" * 16)
    token = MASTER.bounce_token(1, key)
    assert key[:16] not in token
    assert token != OTHER.bounce_token(1, key)
    assert token != MASTER.bounce_token(2, key)


def test_equal_values_have_equal_indexes_in_one_incident_and_kind() -> None:
    """Equal values have equal indexes only within one incident, one kind of value and one master key."""
    index = MASTER.index("november-breach", "email", "ada@mail.example")
    assert index == MASTER.index("november-breach", "email", "ada@mail.example")
    assert (
        len(
            {
                index,
                MASTER.index("may-breach", "email", "ada@mail.example"),
                MASTER.index("november-breach", "ref", "ada@mail.example"),
                OTHER.index("november-breach", "email", "ada@mail.example"),
            }
        )
        == 4
    )


def test_a_ledger_refuses_another_master_key(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    stranger = Ledger(sqlite_url(tmp_path), OTHER)
    with pytest.raises(KeyMissing, match="not the one"):
        stranger.migrate()
    stranger.dispose()


def test_a_ledger_opens_again_with_its_own_key(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    again = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    assert again.incidents.all() == ()
    again.dispose()


def test_names_that_were_given_out_are_never_made_otherwise() -> None:
    """Links that people have, Message-IDs in a relay's log, bounce addresses, and indexes that are stored."""
    keys, incident = Keys(bytes(range(32))), "november-breach"
    assert keys.index(incident, "email", "ada@mail.example").hex() == "ea5ec643c3b7dd4647e8cab6962f1442"
    assert keys.link_token(incident, 7, 1) == "_YVGu7PMP9iT67PzIwVGcHj9o9j"
    key = keys.message_key(incident, "first-notice", 7, "email", bytes([1]) * 16)
    assert key == "29e4532dcfab4cfe9f41c59a2e94712d"
    assert keys.bounce_token(7, "00" * 16) == "1498c32e55cb0afc801a8e031b480a31"
    assert keys.opt_out_token(incident, 7) == "hEdi5Fx8yeVn_VdVdlEES-4F6lxoNXptklUyABkjGlss"
