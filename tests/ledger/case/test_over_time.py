"""The counts by day are those of the whole case, whatever the states and times of its messages."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update

from amends.domain.base.errors import NotInLedger
from amends.domain.export.over_time import AskedOn, ReachedOn
from amends.domain.notice.notice import DeliveryState, PersonState
from amends.ledger import Ledger
from amends.ledger.deliver.statistics import person_states
from amends.ledger.tables.deliver import DeliveryRow, LeaseRow
from tests.builders import NOW, a_person, an_asked
from tests.delivery.sending import INCIDENT, NOTICE, approved
from tests.ledger.deliver.test_statistics import EMAIL, MESSAGES, WEBSITE, released

BERLIN = "Europe/Berlin"
REACHED = (PersonState.DELIVERED, PersonState.SENT)
SENT = DeliveryState.SENT
fates = st.lists(st.tuples(st.sampled_from(DeliveryState), st.integers(0, 3)), min_size=MESSAGES, max_size=MESSAGES)


@pytest.fixture
def opened(ledger: Ledger) -> Ledger:
    """Released to five people by email and SMS at once, and to the public."""
    return released(ledger)


@pytest.fixture
def on_sqlite(ledger_on_sqlite: Ledger) -> Ledger:
    return released(ledger_on_sqlite)


def settle(ledger: Ledger, fated: list[tuple[DeliveryState, datetime]]) -> None:
    """Give the personal messages these states at these times, one after another."""
    with ledger.store.write() as write:
        numbers = write.session.scalars(text("SELECT id FROM delivery WHERE person > 0 ORDER BY id")).all()
        lease = LeaseRow(incident=INCIDENT, notice=NOTICE, facts=1, first=numbers[0], last=numbers[-1], until=NOW)
        write.session.add(lease)
        write.session.flush()
        for number, (state, at) in zip(numbers, fated, strict=True):
            mine = update(DeliveryRow).where(DeliveryRow.id == number)
            write.change(mine.values(state=state, lease=lease.id, updated_at=at))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(fates)
def test_the_curve_ends_at_the_people_reached(on_sqlite: Ledger, given: list[tuple[DeliveryState, int]]) -> None:
    """Each person counts once, as in the numbers of the case, however many messages reached them."""
    settle(on_sqlite, [(state, NOW + timedelta(days=days)) for state, days in given])
    with on_sqlite.store.read() as session:
        people = person_states(session, INCIDENT)[NOTICE]
    found = on_sqlite.over_time.read(INCIDENT, BERLIN).reached
    assert sum(one.people for one in found) == sum(people.get(state, 0) for state in REACHED)


def test_a_day_ends_at_midnight_of_the_organisation(opened: Ledger) -> None:
    before, after = datetime(2026, 6, 1, 21, 59, tzinfo=UTC), datetime(2026, 6, 1, 22, 1, tzinfo=UTC)
    settle(opened, [(SENT, before), (SENT, after), *[(SENT, after)] * (MESSAGES - 2)])
    assert opened.over_time.read(INCIDENT, "UTC").reached == (ReachedOn(notice=NOTICE, day=date(2026, 6, 1), people=5),)
    berlin = {one.day: one.people for one in opened.over_time.read(INCIDENT, BERLIN).reached}
    assert (berlin[date(2026, 6, 1)], sum(berlin.values())) == (1, 5)


def test_of_several_messages_the_first_that_arrived_counts(opened: Ledger) -> None:
    late = NOW + timedelta(days=9)
    settle(opened, [(SENT, late), (SENT, NOW), *[(DeliveryState.FAILED, NOW)] * (MESSAGES - 2)])
    assert opened.over_time.read(INCIDENT, "UTC").reached == (ReachedOn(notice=NOTICE, day=NOW.date(), people=1),)


def test_questions_are_counted_by_day(ledger: Ledger) -> None:
    approved(ledger, (a_person(number=1),), channels=(WEBSITE, EMAIL))
    later = NOW + timedelta(days=2)
    first, _, _ = (
        ledger.questions.ask(INCIDENT, an_asked(f"Question {number}?", at=at), at)
        for number, at in enumerate((NOW, NOW, later))
    )
    ledger.questions.answer(INCIDENT, first, "Yes.", "mei", later)
    assert ledger.over_time.read(INCIDENT, "UTC").questions == (
        AskedOn(day=NOW.date(), asked=2),
        AskedOn(day=later.date(), asked=1, answered=1),
    )


def test_an_incident_that_is_not_there_is_named(ledger: Ledger) -> None:
    with pytest.raises(NotInLedger, match="nowhere"):
        ledger.over_time.read("nowhere", "UTC")
