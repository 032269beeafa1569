"""Each entitled person gets one code, once, whatever happens in between."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from amends.domain.base.errors import AlreadyInLedger, NotAllowed, NotInLedger
from amends.domain.channel.message import ReceiptCause
from amends.domain.entitlement.code import CodeState, CodeVariant
from amends.domain.forget.retention import DataKind
from amends.domain.incident.commitment import CodePlace
from amends.domain.notice.notice import DeliveryState
from amends.domain.people.person import Flag, MailboxRuling, Person
from amends.ledger import Ledger
from amends.ledger.forget.personal import PeopleFilter
from amends.ledger.forget.rows import forget_all
from tests.builders import NOW, a_person
from tests.delivery.sending import APPROVERS, INCIDENT, NOTICE, a_ledger, sqlite_url
from tests.ledger.entitlement.stocked import (
    OFFER,
    approve,
    claimed,
    codes_of,
    drafted,
    new_codes,
    opened,
    sent,
    stocked,
)

LATER = NOW + timedelta(hours=1)
OMAR = APPROVERS[0]


def people(count: int) -> list[Person]:
    return [a_person(number=number) for number in range(1, count + 1)]


def test_each_person_gets_one_code_in_the_order_of_the_list(ledger: Ledger) -> None:
    draft = stocked(ledger, people(5), new_codes(*range(10, 20)))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    assert codes_of(claimed(ledger, draft)) == {number: f"CANARY-{number + 9:06d}" for number in range(1, 6)}
    (line,) = ledger.codes.stock(INCIDENT, NOW)
    assert (line.free, line.given) == (5, 5)
    assert [*ledger.audit.verify(), *ledger.audit.disagreements()] == []


def test_people_with_numbers_far_apart_get_their_own_codes(ledger: Ledger) -> None:
    draft = stocked(ledger, [a_person(number=number) for number in (1, 20, 40)], new_codes(1, 2, 3))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = claimed(ledger, draft)
    assert codes_of(claims) == {1: "CANARY-000001", 20: "CANARY-000002", 40: "CANARY-000003"}
    assert [claim.to.name for claim in claims if claim.to] == [f"Kim Example {number}" for number in (1, 20, 40)]


def test_a_claim_that_is_given_back_keeps_its_code(ledger: Ledger) -> None:
    draft = stocked(ledger, people(3), new_codes(*range(3)))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    before = codes_of(claims := claimed(ledger, draft))
    ledger.deliveries.give_back(claims, NOW)
    assert codes_of(claimed(ledger, draft)) == before


def test_a_child_gets_the_code_for_minors(ledger: Ledger) -> None:
    child = a_person(number=2, ref="child", email="", phone="", flags=frozenset({Flag.MINOR}))
    parent = a_person(number=1, guardian_of="child")
    codes = [*new_codes(1, 2, variant=CodeVariant.ADULT), *new_codes(3, variant=CodeVariant.MINOR)]
    draft = stocked(ledger, [parent, child], codes)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    assert codes_of(claimed(ledger, draft)) == {1: "CANARY-000001", 2: "CANARY-000003"}


def test_an_estate_gets_its_own_kind_when_it_is_told(ledger: Ledger) -> None:
    gone = a_person(number=1, flags=frozenset({Flag.DECEASED}))
    draft = stocked(
        ledger,
        [gone, a_person(number=2)],
        [*new_codes(1, variant=CodeVariant.ADULT), *new_codes(2, variant=CodeVariant.ESTATE)],
    )
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    sent(ledger, draft, claimed(ledger, draft))
    ledger.decisions.release_held(INCIDENT, NOTICE, 1, OMAR, NOW)
    assert codes_of(claimed(ledger, draft)) == {1: "CANARY-000002"}


def test_a_text_without_the_promise_brings_no_code(ledger: Ledger) -> None:
    """An SMS that says nothing of the offer tells nobody of it."""
    stocked(ledger, [a_person(number=1, email=""), a_person(number=2)], new_codes(1, 2))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    assert ledger.codes.of_person(INCIDENT, 1) == ()
    assert [one.code for one in ledger.codes.of_person(INCIDENT, 2)] == ["CANARY-000001"]


def test_a_code_on_the_page_is_given_with_the_message(ledger: Ledger) -> None:
    draft = stocked(ledger, people(2), new_codes(1, 2), place=CodePlace.PAGE)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claimed(ledger, draft)
    assert [one.code for one in ledger.codes.of_person(INCIDENT, 2)] == ["CANARY-000002"]


def test_a_stock_that_is_too_small_stops_the_approval(ledger: Ledger) -> None:
    opened(ledger, people(5))
    ledger.codes.add(INCIDENT, OFFER, new_codes(1, 2, 3), "lena", NOW)
    draft = drafted(ledger)
    with pytest.raises(NotAllowed, match="5 people of first-notice need a code of monitoring/everyone and 3 are left"):
        approve(ledger, draft)
    ledger.codes.add(INCIDENT, OFFER, new_codes(4, 5), "lena", NOW)
    approve(ledger, draft)


def test_without_any_stock_nobody_approves(ledger: Ledger) -> None:
    opened(ledger, people(2))
    with pytest.raises(NotAllowed, match=r"2 people .* and 0 are left"):
        approve(ledger, drafted(ledger))


def test_an_expired_code_is_given_to_nobody(ledger: Ledger) -> None:
    opened(ledger, people(1))
    ledger.codes.add(INCIDENT, OFFER, new_codes(1, expires=f"{NOW - timedelta(days=1):%Y-%m-%d}"), "lena", NOW)
    with pytest.raises(NotAllowed, match=r"1 people .* and 0 are left"):
        approve(ledger, drafted(ledger))
    assert [(one.free, one.expired) for one in ledger.codes.stock(INCIDENT, NOW)] == [(0, 1)]


def test_a_stock_that_runs_out_parks_only_those_left(ledger: Ledger) -> None:
    draft = stocked(ledger, people(3), new_codes(1, 2, 3))
    ledger.codes.void(INCIDENT, OFFER, ["CANARY-000003"], "withdrawn", OMAR, NOW)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    assert codes_of(claimed(ledger, draft)).keys() == {1, 2}
    (line,) = [one for one in ledger.statistics.lines(INCIDENT, NOTICE) if one.state is DeliveryState.PARKED]
    assert line.person == 3
    assert "no code is left of monitoring/everyone" in line.reason
    assert any("no code of monitoring/everyone" in entry.subject for entry in ledger.audit.entries(INCIDENT))
    ledger.codes.add(INCIDENT, OFFER, new_codes(4), "lena", NOW)
    ledger.decisions.try_parked(INCIDENT, NOTICE, 3, OMAR, NOW)
    assert codes_of(claimed(ledger, draft)) == {3: "CANARY-000004"}


def test_codes_that_run_out_again_after_a_refill_alert_again(ledger: Ledger) -> None:
    """Codes that run out are one alert for all messages that wait; when more were imported and run out too, another."""
    draft = stocked(ledger, people(4), new_codes(1, 2, 3, 4))
    ledger.codes.void(INCIDENT, OFFER, [f"CANARY-{number:06d}" for number in (2, 3, 4)], "withdrawn", OMAR, NOW)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    for number in (5, 6):
        while claimed(ledger, draft, limit=1):
            pass
        ledger.codes.add(INCIDENT, OFFER, new_codes(number), "lena", NOW)
        ledger.decisions.try_parked(INCIDENT, NOTICE, None, OMAR, NOW)
    claimed(ledger, draft)
    assert [entry.act for entry in ledger.audit.entries(INCIDENT)].count("alert") == 3


def test_a_message_to_a_person_who_has_one_brings_it_again(ledger: Ledger) -> None:
    draft = stocked(ledger, people(2), new_codes(*range(6)))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    first = codes_of(claims := claimed(ledger, draft))
    sent(ledger, draft, claims)
    approve(ledger, again := drafted(ledger, notice="update-1", commitments=()))
    ledger.notices.release(INCIDENT, "update-1", NOW)
    assert codes_of(claimed(ledger, again)) == first


def test_a_known_code_is_refused_and_nothing_is_stored(ledger: Ledger) -> None:
    opened(ledger, people(1))
    ledger.codes.add(INCIDENT, OFFER, new_codes(1, 2), "lena", NOW)
    with pytest.raises(AlreadyInLedger) as refused:
        ledger.codes.add(INCIDENT, "voucher", new_codes(3, 2), "lena", NOW)
    assert "CANARY" not in str(refused.value)
    assert [(one.commitment, one.free) for one in ledger.codes.stock(INCIDENT, NOW)] == [(OFFER, 2)]
    assert [one[1:] for one in ledger.codes.elsewhere(["CANARY-000002", "NEW-ONE"])] == [(INCIDENT, OFFER)]


def test_codes_for_all_and_codes_by_kind_are_not_mixed(ledger: Ledger) -> None:
    opened(ledger, people(1))
    ledger.codes.add(INCIDENT, OFFER, new_codes(1), "lena", NOW)
    with pytest.raises(NotAllowed, match="either for everyone or for minor"):
        ledger.codes.add(INCIDENT, OFFER, new_codes(2, variant=CodeVariant.MINOR), "lena", NOW)


def test_a_replaced_code_stays_in_the_message_that_told_it(ledger: Ledger) -> None:
    draft = stocked(ledger, people(2), new_codes(1, 2, 3))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = claimed(ledger, draft)
    with pytest.raises(NotAllowed, match="being sent at this moment"):
        ledger.codes.reissue(INCIDENT, OFFER, 1, "does not work", OMAR, NOW)
    sent(ledger, draft, claims)
    with pytest.raises(NotAllowed, match="for a reason"):
        ledger.codes.reissue(INCIDENT, OFFER, 1, " ", OMAR, NOW)
    new = ledger.codes.reissue(INCIDENT, OFFER, 1, "does not work", OMAR, LATER)
    assert new.code == "CANARY-000003"
    old, now_held = ledger.codes.of_person(INCIDENT, 1)
    assert (old.state, old.reason, now_held.state) == (CodeState.VOID, "does not work", CodeState.GIVEN)
    (message,) = ledger.sent.of_notice(INCIDENT, 1, NOTICE, LATER)
    assert message.claim.codes == {OFFER: "CANARY-000001"}
    assert [*ledger.audit.verify(), *ledger.audit.disagreements()] == []


def test_redeemed_codes_are_recorded_once_and_never_replaced(ledger: Ledger) -> None:
    draft = stocked(ledger, people(2), new_codes(1, 2, 3))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    sent(ledger, draft, claimed(ledger, draft))
    with pytest.raises(NotAllowed, match="given to nobody"):
        ledger.codes.redeem(INCIDENT, OFFER, ["CANARY-000003", "CANARY-000001"], "omar", LATER)
    with pytest.raises(NotInLedger, match="not in the stock"):
        ledger.codes.redeem(INCIDENT, OFFER, ["CANARY-000009"], "omar", LATER)
    assert ledger.codes.redeem(INCIDENT, OFFER, ["CANARY-000001"], "omar", LATER)[:2] == (1, 0)
    assert ledger.codes.redeem(INCIDENT, OFFER, ["CANARY-000001"], "omar", LATER)[:2] == (0, 1)
    with pytest.raises(NotAllowed, match="has redeemed"):
        ledger.codes.reissue(INCIDENT, OFFER, 1, "lost", OMAR, LATER)
    assert [*ledger.audit.verify(), *ledger.audit.disagreements()] == []


def test_the_same_notice_of_an_older_copy_gives_the_same_codes(ledger: Ledger) -> None:
    """Whatever the order of the claims, the codes follow the order of the list, which a release keeps."""
    draft = stocked(ledger, people(6), new_codes(*range(6)))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    found = codes_of(claimed(ledger, draft, limit=2)) | codes_of(claimed(ledger, draft))
    assert found == {number: f"CANARY-{number - 1:06d}" for number in range(1, 7)}


def test_an_erased_code_is_gone_and_the_counts_stay(ledger: Ledger) -> None:
    draft = stocked(ledger, people(2), new_codes(1, 2, 3))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    with ledger.store.write() as write:
        seal = ledger.store.seal(write.session, INCIDENT)
        assert forget_all(write, seal, PeopleFilter(INCIDENT, 1), DataKind.REMEDIES, NOW, "lena") == 1
    assert codes_of(claimed(ledger, draft)[1:]) == {2: "CANARY-000002"}
    assert [one.code for one in ledger.codes.of_person(INCIDENT, 1)] == [""]
    assert ledger.codes.elsewhere(["CANARY-000001"]) == ()
    assert [(one.free, one.given) for one in ledger.codes.stock(INCIDENT, NOW)] == [(1, 2)]
    assert [*ledger.audit.verify(), *ledger.audit.disagreements()] == []


def test_people_of_one_mailbox_get_a_message_each(ledger: Ledger) -> None:
    """One copy for all of them would have room for one code only."""
    opened(ledger, [a_person(number=number, email="house@mail.example") for number in (1, 2)])
    ledger.codes.add(INCIDENT, OFFER, new_codes(1, 2), "lena", NOW)
    ledger.mailboxes.rule(INCIDENT, MailboxRuling.ONE, OMAR, NOW)
    approve(ledger, draft := drafted(ledger))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = claimed(ledger, draft)
    assert codes_of(claims) == {1: "CANARY-000001", 2: "CANARY-000002"}
    assert [claim.to.name for claim in claims if claim.to] == ["Kim Example 1", "Kim Example 2"]


def test_no_error_record_or_file_has_a_code_in_the_clear(ledger: Ledger) -> None:
    draft = stocked(ledger, people(2), new_codes(1, 2, 3))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    sent(ledger, draft, claims := claimed(ledger, draft))
    ledger.codes.reissue(INCIDENT, OFFER, 1, "lost", OMAR, LATER)
    said = [repr(claims), repr(ledger.codes.of_person(INCIDENT, 1)), repr(new_codes(1))]
    said += [repr(entry) for entry in ledger.audit.entries(INCIDENT)]
    assert not [text for text in said if "CANARY" in text]
    assert ReceiptCause.NO_CODE == "no_code"
    if path := ledger.store.path:
        files = path.parent.glob(f"{path.name}*")
        assert not [file for file in files if b"CANARY" in file.read_bytes()]


def test_a_restored_backup_gives_everybody_the_same_code(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    """The backup is from before the release; what left since stands in the relay's log, and a member sends the rest again."""
    ledger, file = ledger_on_sqlite, ledger_on_sqlite.store.path
    assert file
    draft = stocked(ledger, people(6), new_codes(*range(9)))
    ledger.dispose()
    backup = shutil.copyfile(file, tmp_path / "backup")
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    first = claimed(ledger, draft, limit=3)
    before = codes_of(first) | codes_of(claimed(ledger, draft))
    ledger.dispose()
    shutil.copyfile(backup, file)
    restored = a_ledger(sqlite_url(tmp_path), tmp_path)
    restored.restore.reconcile({one.key for one in first}, OMAR, LATER)
    restored.notices.release(INCIDENT, NOTICE, LATER)
    assert len(before) == 6
    assert {n: restored.codes.of_person(INCIDENT, n)[0].code for n in before} == before
    restored.decisions.send_again(INCIDENT, NOTICE, None, OMAR, LATER)
    again = codes_of(claimed(restored, draft, now=LATER))
    assert again == {number: before[number] for number in before.keys() - codes_of(first).keys()}
    restored.dispose()
