"""The public marks of a message."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.channel.identifiers import bounce_address, bounced_token, mark, message_id

TOKEN = "0123456789abcdef" * 2


@given(st.text(string.hexdigits.lower(), min_size=32, max_size=32))
def test_a_bounce_comes_to_the_token_that_was_put_into_its_address(token: str) -> None:
    assert bounced_token(bounce_address(token, "bounces.example.test")) == token


def test_a_bounce_finds_its_token_though_a_server_wrote_capitals() -> None:
    assert bounced_token(bounce_address(TOKEN, "bounces.example.test").upper()) == TOKEN


@pytest.mark.parametrize(
    "recipient", ["care@example.test", f"b+{TOKEN[1:]}@example.test", f"x+{TOKEN}@example.test", f"b+{TOKEN}", ""]
)
def test_mail_to_another_address_is_no_bounce_of_ours(recipient: str) -> None:
    assert bounced_token(recipient) is None


def test_the_message_id_is_the_key_at_our_domain_at_every_try() -> None:
    """The Message-ID is made of the idempotency key and our own domain, and is the same at every try."""
    assert message_id("a-key", "example.test") == message_id("a-key", "example.test") == "<a-key@example.test>"


def test_marks_of_one_message_for_two_purposes_have_nothing_in_common() -> None:
    marks = {mark(key, purpose) for key in ("a-key", "another") for purpose in ("social", "sms")}
    assert len(marks) == 4
