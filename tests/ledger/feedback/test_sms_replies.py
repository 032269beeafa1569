"""Who writes back: whoever an SMS went to at that number, as long as it is theirs; and each text is heard once."""

import pytest
from sqlalchemy import event

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.deliver.correction import Ask
from amends.domain.people.person import Flag, Person
from amends.ledger import Ledger
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, approved

ADA, LI, CHILD, GUARDIAN, OTHER_GUARDIAN, HERS = 1, 2, 3, 4, 5, 6
HOME = "+4930555777"
"""A telephone of two."""
SMS = {"channels": (ChannelKind.SMS,), "cascade": ()}


def people() -> list[Person]:
    minor = frozenset({Flag.MINOR})
    return [
        a_person(number=ADA),
        a_person(number=LI, locale="zh-CN"),
        a_person(number=CHILD, phone="", email="", flags=minor),
        a_person(number=GUARDIAN, guardian_of="C-00003", locale="zh-CN"),
        a_person(number=OTHER_GUARDIAN, guardian_of="C-00006", phone=HOME),
        a_person(number=HERS, phone="", email="", flags=minor),
        a_person(number=7, phone=HOME),
    ]


@pytest.fixture
def texted(ledger: Ledger) -> Ledger:
    approved(ledger, people(), **SMS)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.SMS], 100, NOW)
    ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
    ledger.deliveries.record((), [(claim, Receipt(claim.key, Status.SENT)) for claim in claims], INCIDENT, NOTICE, NOW)
    ledger.deliveries.end_leases(sorted({claim.lease for claim in claims}), {}, INCIDENT, NOTICE, NOW)
    return ledger


def phone(number: int) -> str:
    return a_person(number=number).phone


def whose(ledger: Ledger, number: str) -> set[tuple[int, int, str]]:
    return {(one.person, one.reader, one.locale) for one in ledger.sms_replies.texted(number)}


def test_somebody_is_found_by_the_number_that_an_sms_went_to(texted: Ledger) -> None:
    assert whose(texted, phone(ADA)) == {(ADA, ADA, "en")}
    assert whose(texted, "+4930555999") == set()
    assert texted.sms_replies.texted_last() == INCIDENT


def test_who_reads_for_a_child_is_found_for_both(texted: Ledger) -> None:
    assert whose(texted, phone(GUARDIAN)) == {(CHILD, GUARDIAN, "zh-CN"), (GUARDIAN, GUARDIAN, "zh-CN")}


def test_several_may_have_one_telephone(texted: Ledger) -> None:
    assert {reader for _, reader, _ in whose(texted, HOME)} == {OTHER_GUARDIAN, 7}


def test_nobody_is_found_at_a_number_that_is_not_theirs_any_more(texted: Ledger) -> None:
    moved = [person._replace(phone="+4930555888") if person.number == ADA else person for person in people()]
    correction = texted.corrections.compare(INCIDENT, moved)
    seen = {ask: correction.difference.counts[ask] for ask in Ask}
    texted.corrections.apply(correction, seen, "f" * 64, "lena", NOW)
    assert whose(texted, phone(ADA)) == set()
    assert whose(texted, phone(LI)) == {(LI, LI, "zh-CN")}


def test_nobody_is_found_to_whom_no_sms_went(ledger: Ledger) -> None:
    approved(ledger, people(), channels=(ChannelKind.EMAIL,), cascade=())
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 100, NOW)
    assert whose(ledger, phone(ADA)) == set()
    assert ledger.sms_replies.texted_last() == ""


def test_a_text_is_heard_once(ledger: Ledger) -> None:
    assert not ledger.sms_replies.is_recorded("SM1")
    for _ in range(2):
        ledger.sms_replies.record("SM1", NOW)
    assert ledger.sms_replies.is_recorded("SM1")
    assert not ledger.sms_replies.is_recorded("SM2")


def test_whoever_writes_is_found_by_an_index(ledger_on_sqlite: Ledger) -> None:
    approved(ledger_on_sqlite, people(), **SMS)
    plans: list[str] = []

    def explain(connection, _cursor, statement, values, _context, _many) -> None:  # type: ignore[no-untyped-def]
        if "delivery" in statement:
            database = connection.connection.driver_connection
            plans.extend(row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", values))

    event.listen(ledger_on_sqlite.store.engine, "before_cursor_execute", explain)
    ledger_on_sqlite.sms_replies.texted(HOME)
    assert plans[0] == "SEARCH delivery USING INDEX ix_delivery_sms_to (address_index=?)"
