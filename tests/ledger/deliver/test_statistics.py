"""Where messages and people stand: what the database counts is what one would count line by line."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update

from amends.domain.base.errors import NotInLedger
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import ReceiptCause
from amends.domain.law.substitute import PlaceCounts
from amends.domain.notice.notice import PERSON_STATE, DeliveryState, PersonState
from amends.domain.people.person import place_of
from amends.ledger import PUBLIC, DeliveryLine, Ledger
from amends.ledger.deliver.statistics import EXPLAINED, Only, counted_reason, message_states, person_states
from amends.ledger.tables.deliver import DeliveryRow, LeaseRow
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, approved

EMAIL, SMS, WEBSITE, SOCIAL = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.WEBSITE, ChannelKind.SOCIAL
PEOPLE = (
    a_person(number=1, country="DE"),
    a_person(number=2, country="US", region="CA"),
    a_person(number=3, country="US", phone=""),
    a_person(number=4, country="CN", locale="zh-CN"),
    a_person(number=5, country="", email="", phone=""),
)
MESSAGES = 8
"""Two for each of those with two addresses, one for each of the others."""
FAILED = DeliveryState.FAILED
BEST_FIRST = list(DeliveryState)


class Why(NamedTuple):
    detail: str = ""
    cause: ReceiptCause = ReceiptCause.NONE
    doubtful: bool = False


DETAILS = ("", "550 5.1.1", "550 5.1.1 nobody here", "a\x1eb\x1fc\x1dd", "=1+1")
states = st.lists(st.sampled_from(DeliveryState), min_size=MESSAGES, max_size=MESSAGES)
reasons = st.lists(
    st.builds(Why, st.sampled_from(DETAILS), st.sampled_from(ReceiptCause), st.booleans()),
    min_size=MESSAGES,
    max_size=MESSAGES,
)


@pytest.fixture
def opened(ledger: Ledger) -> Ledger:
    """Released to five people by email and SMS at once, and to the public."""
    return released(ledger)


@pytest.fixture
def on_sqlite(ledger_on_sqlite: Ledger) -> Ledger:
    return released(ledger_on_sqlite)


def released(ledger: Ledger) -> Ledger:
    approved(ledger, PEOPLE, channels=(WEBSITE, SOCIAL, EMAIL, SMS), cascade=(EMAIL, SMS))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    return ledger


def set_fates(ledger: Ledger, fates: Iterable[tuple[DeliveryState, Why]]) -> None:
    """To the personal messages, one after another, all under one lease."""
    with ledger.store.write() as write:
        numbers = write.session.scalars(text("SELECT id FROM delivery WHERE person > 0 ORDER BY id")).all()
        assert len(numbers) == MESSAGES
        lease = LeaseRow(incident=INCIDENT, notice=NOTICE, facts=1, first=numbers[0], last=numbers[-1], until=NOW)
        write.session.add(lease)
        write.session.flush()
        for number, (state, why) in zip(numbers, fates, strict=True):
            mine = update(DeliveryRow).where(DeliveryRow.id == number)
            write.change(mine.values(state=state, lease=lease.id, **why._asdict()))


def best(lines: Iterable[DeliveryLine]) -> dict[int, DeliveryState]:
    """Of each person, counted line by line."""
    found: dict[int, DeliveryState] = {}
    for line in lines:
        if line.person != PUBLIC:
            found[line.person] = min(found.get(line.person, line.state), line.state, key=BEST_FIRST.index)
    return found


def reach(ledger: Ledger) -> PlaceCounts:
    """How many people live where, and how many of them nothing reaches; counted line by line."""
    stand = best(ledger.statistics.lines(INCIDENT, NOTICE))
    homes = {
        number: place_of(person.country, person.region)
        for number, person in ledger.people.get_many(INCIDENT, stand).items()
    }
    nothing = (PersonState.BOUNCED, PersonState.UNREACHABLE)
    unreached = [number for number, state in stand.items() if PERSON_STATE[state] in nothing]
    return PlaceCounts(Counter(homes.values()), Counter(homes[number] for number in unreached))


def by(lines: Iterable[DeliveryLine], name: Callable[[DeliveryLine], str]) -> dict[str, Counter[DeliveryState]]:
    found: dict[str, Counter[DeliveryState]] = {}
    for line in lines:
        found.setdefault(name(line), Counter())[line.state] += 1
    return found


def people_by_state(ledger: Ledger) -> dict[str, dict[PersonState, int]]:
    """With every notice."""
    with ledger.store.read() as session:
        return person_states(session, INCIDENT)


any_fates = given(states, reasons)
on_one_ledger = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@on_one_ledger
@any_fates
def test_the_numbers_are_those_of_the_lines(on_sqlite: Ledger, fates: list[DeliveryState], why: list[Why]) -> None:
    set_fates(on_sqlite, zip(fates, why, strict=True))
    lines, numbers = on_sqlite.statistics.lines(INCIDENT, NOTICE), on_sqlite.statistics.numbers(INCIDENT, NOTICE)
    assert numbers.messages == Counter(line.state for line in lines)
    assert numbers.people == Counter(best(lines).values())
    assert numbers.by_channel == by(lines, lambda line: line.channel)
    assert numbers.by_variant == by(lines, lambda line: line.variant)
    assert numbers.by_country == by(lines, lambda line: line.country if line.person else "public")
    assert numbers.reasons == Counter(
        (line.state, counted_reason(line.reason.replace("\x1e", " "))) for line in lines if line.state in EXPLAINED
    )


@on_one_ledger
@any_fates
def test_a_substitute_notice_is_decided_by_who_was_reached_where(
    on_sqlite: Ledger, fates: list[DeliveryState], why: list[Why]
) -> None:
    set_fates(on_sqlite, zip(fates, why, strict=True))
    assert on_sqlite.statistics.numbers(INCIDENT, NOTICE).reach == reach(on_sqlite)


@on_one_ledger
@any_fates
def test_people_stand_where_their_best_message_stands(
    on_sqlite: Ledger, fates: list[DeliveryState], why: list[Why]
) -> None:
    set_fates(on_sqlite, zip(fates, why, strict=True))
    expected = Counter(PERSON_STATE[state] for state in best(on_sqlite.statistics.lines(INCIDENT, NOTICE)).values())
    assert people_by_state(on_sqlite) == {NOTICE: expected}
    assert on_sqlite.audit.miscounted() == ()
    assert on_sqlite.statistics.people(INCIDENT, NOTICE) == expected


@pytest.mark.parametrize("state", [None, DeliveryState.SENT, DeliveryState.FAILED])
@pytest.mark.parametrize("channel", [None, EMAIL, WEBSITE])
@pytest.mark.parametrize("country", [None, "US", "XX"])
def test_filters_leave_out_all_else(
    on_sqlite: Ledger, state: DeliveryState | None, channel: ChannelKind | None, country: str | None
) -> None:
    set_fates(on_sqlite, [(DeliveryState.SENT, Why()), (DeliveryState.FAILED, Why("550 5.1.1"))] * 4)
    wanted = [
        line
        for line in on_sqlite.statistics.lines(INCIDENT, NOTICE)
        if state in (None, line.state) and channel in (None, line.channel) and country in (None, line.country)
    ]
    only = Only(state, channel, country)
    assert list(on_sqlite.statistics.stream_lines(INCIDENT, NOTICE, only)) == wanted
    assert on_sqlite.statistics.states(INCIDENT, NOTICE, only) == Counter(line.state for line in wanted)


def test_both_databases_count_alike(opened: Ledger) -> None:
    fates = [(state, Why("550 5.1.1 \x1e", ReceiptCause.POLICY, doubtful=True)) for state in BEST_FIRST[-MESSAGES:]]
    set_fates(opened, fates)
    lines, numbers = opened.statistics.lines(INCIDENT, NOTICE), opened.statistics.numbers(INCIDENT, NOTICE)
    assert numbers.messages == Counter(line.state for line in lines)
    assert numbers.people == Counter(best(lines).values())
    assert numbers.by_country == by(lines, lambda line: line.country if line.person else "public")
    assert numbers.reach == reach(opened)
    assert {words for _, words in numbers.reasons} == {"may have it: refused by policy: 550 5.1.1"}
    assert opened.audit.miscounted() == ()
    assert people_by_state(opened)[NOTICE] == Counter(PERSON_STATE[state] for state in best(lines).values())
    with opened.store.read() as session:
        assert message_states(session, INCIDENT) == {NOTICE: numbers.messages}
    only = Only(DeliveryState.FAILED, country="CN")
    assert opened.statistics.states(INCIDENT, NOTICE, only) == Counter(
        line.state for line in opened.statistics.stream_lines(INCIDENT, NOTICE, only)
    )


def test_as_many_lines_are_read_as_are_wanted(opened: Ledger) -> None:
    first = list(opened.statistics.stream_lines(INCIDENT, NOTICE, most=3))
    assert first == list(opened.statistics.lines(INCIDENT, NOTICE)[:3])


def test_who_stops_reading_lines_leaves_the_ledger_free(opened: Ledger) -> None:
    lines = opened.statistics.stream_lines(INCIDENT, NOTICE)
    next(lines)
    lines.close()
    assert opened.store.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_reasons_are_counted_by_their_codes(opened: Ledger) -> None:
    policy, nowhere = Why("550 5.7.1 d", ReceiptCause.POLICY), Why(cause=ReceiptCause.NO_ADDRESS)
    why = [Why("550 5.1.1 a b"), Why("550 5.1.1 c"), policy, nowhere]
    set_fates(opened, [(FAILED, one) for one in why] + [(DeliveryState.SENT, Why("250 2.0.0"))] * 4)
    assert opened.statistics.numbers(INCIDENT, NOTICE).reasons == {
        (DeliveryState.FAILED, "550 5.1.1"): 2,
        (DeliveryState.FAILED, "refused by policy: 550 5.7.1"): 1,
        (DeliveryState.FAILED, "no_address"): 1,
    }


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ("", ""),
        ("no_address", "no_address"),
        ("550 5.1.1", "550 5.1.1"),
        ("550 5.1.1 user unknown", "550 5.1.1"),
        ("gave up: 451 4.2.2 full", "gave up: 451 4.2.2"),
        ("refused 400 InvalidRequest", "refused 400 InvalidRequest"),
        ("10.20.30.40 refused", "10.20.30.40 refused"),
    ],
)
def test_a_reason_is_the_codes_without_the_chatter(detail: str, reason: str) -> None:
    assert counted_reason(detail) == reason


@given(st.text())
def test_a_reason_is_how_its_detail_begins_and_never_long(detail: str) -> None:
    reason = counted_reason(detail)
    assert detail.startswith(reason)
    assert len(reason) <= 80


def test_a_notice_of_which_nothing_left_has_no_numbers(opened: Ledger) -> None:
    assert opened.statistics.numbers(INCIDENT, "update-1").messages == {}


def test_the_notices_of_an_unknown_incident_are_refused(opened: Ledger) -> None:
    with pytest.raises(NotInLedger, match="no incident nowhere"):
        opened.statistics.drafted_notices("nowhere")


def test_notices_come_in_the_order_in_which_they_were_first_drafted(opened: Ledger) -> None:
    later = opened.notices.latest_draft(INCIDENT, NOTICE).model_copy(update={"notice": "a-later-one"})
    opened.notices.draft(later, NOW + timedelta(hours=1))
    opened.notices.draft(
        opened.notices.latest_draft(INCIDENT, NOTICE).model_copy(update={"people": 4}), NOW + timedelta(hours=2)
    )
    assert opened.statistics.drafted_notices(INCIDENT) == (NOTICE, "a-later-one")


def test_refusals_are_counted_since_a_taken_message_or_a_look(opened: Ledger) -> None:
    """The messages that a channel refused or left uncertain are counted since the channel last took a message.

    When a person has looked and resumed the incident since, they are counted from that moment.
    """
    by_email = [(person, EMAIL) for person in (1, 2, 3, 4)]
    fates = (FAILED, DeliveryState.DELIVERED, DeliveryState.UNCERTAIN, FAILED)
    for minute, (message, state) in enumerate(zip(by_email, fates, strict=True)):
        ends_at(opened, message, state, NOW + timedelta(minutes=minute))
    ends_at(opened, (1, SMS), FAILED, NOW + timedelta(minutes=9))
    assert opened.statistics.taken_nothing(INCIDENT, NOTICE, EMAIL) == 2
    assert opened.statistics.taken_nothing(INCIDENT, NOTICE, SMS) == 1
    opened.incidents.pause(INCIDENT, "mei", NOW + timedelta(minutes=2))
    opened.incidents.resume(INCIDENT, "mei", NOW + timedelta(minutes=2))
    assert opened.statistics.taken_nothing(INCIDENT, NOTICE, EMAIL) == 1


@pytest.mark.parametrize(
    ("why", "counted"), [(ReceiptCause.NONE, 2), (ReceiptCause.BROKEN_OFF, 1), (ReceiptCause.NOT_KNOWN, 1)]
)
def test_messages_left_open_by_a_crash_or_restore_are_no_refusals(
    opened: Ledger, why: ReceiptCause, counted: int
) -> None:
    """A message that a crash or a restored backup left uncertain does not count as refused by its channel."""
    ends_at(opened, (1, EMAIL), FAILED, NOW)
    ends_at(opened, (2, EMAIL), DeliveryState.UNCERTAIN, NOW, why)
    assert opened.statistics.taken_nothing(INCIDENT, NOTICE, EMAIL) == counted


def ends_at(
    ledger: Ledger,
    message: tuple[int, ChannelKind],
    state: DeliveryState,
    at: datetime,
    why: ReceiptCause = ReceiptCause.NONE,
) -> None:
    person, channel = message
    mine = (DeliveryRow.person == person, DeliveryRow.channel == channel)
    with ledger.store.write() as write:
        write.change(update(DeliveryRow).where(*mine).values(state=state, updated_at=at, cause=why))
