"""Counts and lists of messages and people. The database counts, because there may be a million of them."""

import re
from collections import Counter, defaultdict
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, text, true
from sqlalchemy import select as sql
from sqlmodel import Session, col, func, select

from amends.domain.base.audience import audience_of
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import ReceiptCause
from amends.domain.deliver.limits import ChannelCounts
from amends.domain.deliver.reason import reason
from amends.domain.law.substitute import PlaceCounts
from amends.domain.notice.notice import PERSON_STATE, SENT_STATES, DeliveryState, PersonState
from amends.domain.people.person import place_of
from amends.ledger.audit.tally import ByNotice, messages_by_state
from amends.ledger.notice.notices import PUBLIC, latecomers, notice_row
from amends.ledger.store.session import Store, incident_row
from amends.ledger.tables.deliver import DUE, ONE_OF_SEVERAL, PAGES, TROUBLED, DeliveryRow
from amends.ledger.tables.notice import NoticeRow
from amends.ledger.tables.people import PersonRow

BEST_FIRST = tuple(DeliveryState)
EXPLAINED = (
    DeliveryState.DEFERRED,
    DeliveryState.UNCERTAIN,
    DeliveryState.PARKED,
    DeliveryState.HELD,
    DeliveryState.BOUNCED,
    DeliveryState.FAILED,
    DeliveryState.UNREACHABLE,
)
"""The states whose reasons are counted."""
CAME_BACK = (DeliveryState.BOUNCED, DeliveryState.COMPLAINED)
TAKEN_OVER = (DeliveryState.SENT, DeliveryState.DELIVERED, *CAME_BACK)
"""The states of messages that a channel has taken over."""
HAS_LEFT = tuple(state for state, person in PERSON_STATE.items() if person in SENT_STATES)
"""The states of messages that the person has, may have, or had and that came back."""
NOT_REACHED = (PersonState.BOUNCED, PersonState.UNREACHABLE)
THROUGH_STATUS = re.compile(r".*?\b[245]\.\d{1,3}\.\d{1,3}\b", re.DOTALL)
REASON_HOLDS = 80
"""The number of leading characters by which reasons are told apart; later ones differ from message to message."""

PART, MESSAGE = "\x1f", "\x1e"
"""The separators between the parts of a message, and between messages, in a text that the database aggregates."""
DOUBTFUL, GONE = "doubtful", "gone"
PAGE = 5_000
"""The number of rows that are read from the database at a time."""

States = Counter[DeliveryState]


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """A message in a list, without any personal data."""

    person: int
    country: str
    channel: ChannelKind
    variant: str
    """Locale and reader, and the addendum unless it is the general one: en/self, en/self/us-ma."""
    state: DeliveryState
    cause: ReceiptCause
    detail: str
    doubtful: bool
    attempts: int
    updated_at: datetime

    @property
    def reason(self) -> str:
        """Return the reason for the message's state in words, or ""."""
        return reason(self.cause, self.detail, doubtful=self.doubtful)


class CameBack(NamedTuple):
    """A sent message that bounced or drew a complaint."""

    id: int
    channel: ChannelKind
    state: DeliveryState


@dataclass(frozen=True, slots=True)
class Only:
    """A filter of messages; a field that is None matches every message."""

    state: DeliveryState | None = None
    channel: ChannelKind | None = None
    country: str | None = None

    def __bool__(self) -> bool:
        return (self.state, self.channel, self.country) != (None, None, None)


ALL = Only()


@dataclass(slots=True)
class Numbers:
    """The counts of a notice's messages and people."""

    people: States = field(default_factory=Counter)
    """People by the best state among their messages; each person counts once."""
    messages: States = field(default_factory=Counter)
    by_channel: dict[str, States] = field(default_factory=lambda: defaultdict(Counter))
    by_country: dict[str, States] = field(default_factory=lambda: defaultdict(Counter))
    """Messages by the home country of the person affected; `public` for pages and posts, "" for an unknown country."""
    by_variant: dict[str, States] = field(default_factory=lambda: defaultdict(Counter))
    reasons: Counter[tuple[DeliveryState, str]] = field(default_factory=Counter)
    """Messages by state and by the reason why they were deferred or reached nobody."""
    living: Counter[str] = field(default_factory=Counter)
    """People by place: US-CA where the state is known, else US."""
    unreached: Counter[str] = field(default_factory=Counter)
    """The people of `living` without an address, or without one that works, by place."""
    gone: int = 0
    """People with messages whom a corrected list has removed; they do not count in `living`."""
    not_told: int = 0
    """People without a message of the notice, because a corrected list added them after the release."""

    @property
    def reach(self) -> PlaceCounts:
        """Return the counts that decide whether telling the public may replace telling each person."""
        return PlaceCounts(self.living, self.unreached)


class Statistics:
    """The statistics of a ledger. They only read messages."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def drafted_notices(self, incident: str) -> tuple[str, ...]:
        """Return the ids of all drafted notices, in the order of their first drafts. Raises NotInLedger."""
        with self._store.read() as session:
            incident_row(session, incident)
            query = select(NoticeRow.notice).where(NoticeRow.incident == incident).group_by(col(NoticeRow.notice))
            return tuple(session.exec(query.order_by(func.min(NoticeRow.drafted_at), col(NoticeRow.notice))))

    def people(self, incident: str, notice: str) -> dict[PersonState, int]:
        """Count the people of this notice by state."""
        with self._store.read() as session:
            return person_states(session, incident, notice).get(notice, {})

    def numbers(self, incident: str, notice: str) -> Numbers:
        """Count the people and messages by state, channel, country, variant and reason, in one pass."""
        numbers = Numbers()
        with self._store.read() as session:
            if latest := notice_row(session, incident, notice):
                numbers.not_told = latecomers(
                    session, latest, audience_of(latest.draft["audience"]), latest.draft["audience_digest"]
                )
            for fate, people in session.execute(_alike(incident, notice), execution_options={"yield_per": PAGE}):
                _add(numbers, fate, people)
        return numbers

    def states(self, incident: str, notice: str, only: Only = ALL) -> dict[DeliveryState, int]:
        """Count these messages by state."""
        query = _these(sql(col(DeliveryRow.state), func.count()), incident, notice, only)
        with self._store.read() as session:
            counted = session.execute(query.group_by(col(DeliveryRow.state))).all()
        return {DeliveryState(state): count for state, count in counted}

    def troubles(self, incident: str, notice: str) -> dict[DeliveryState, int]:
        """Count the bounced, complained, failed, parked and uncertain messages by state; an index makes this quick."""
        with self._store.read() as session:
            query = (
                select(DeliveryRow.state, func.count())
                .where(DeliveryRow.incident == incident, DeliveryRow.notice == notice, text(TROUBLED))
                .group_by(col(DeliveryRow.state))
            )
            return {DeliveryState(state): count for state, count in session.exec(query)}

    def came_back(self, incident: str, notice: str) -> tuple[CameBack, ...]:
        """Return the messages of the notice that bounced or drew a complaint; an index makes this quick."""
        query = sql(col(DeliveryRow.id), col(DeliveryRow.channel), col(DeliveryRow.state)).where(
            *_of(incident, notice),  # type: ignore[arg-type]
            text(TROUBLED),
            col(DeliveryRow.state).in_(CAME_BACK),
        )
        with self._store.read() as session:
            return tuple(
                CameBack(number, ChannelKind(channel), DeliveryState(state))
                for number, channel, state in session.execute(query)
            )

    def taken_over(self, incident: str, notice: str) -> dict[ChannelKind, ChannelCounts]:
        """Count the messages of a notice that each channel ever took over, and those of them that came back.

        A message that came back before the incident was last resumed counts as sent only, because the person who
        resumed the incident has looked at it. All messages are read: a second for a million.
        """
        counted: defaultdict[str, States] = defaultdict(Counter)
        with self._store.read() as session:
            for channel, state, messages, news in session.execute(_taken_over(session, incident, notice)):
                counted[channel][DeliveryState.SENT] += messages
                counted[channel][DeliveryState(state)] += news if state in CAME_BACK else 0
        return {ChannelKind(channel): _as_sent(states) for channel, states in counted.items()}

    def taken_nothing(self, incident: str, notice: str, channel: ChannelKind) -> int:
        """Count the messages of a notice that this channel refused or left open since it last took one over.

        Messages from before the incident was last resumed do not count, because a person has looked at them. Messages
        that a crash or a restored backup left open do not count either, because the channel is not the cause.
        """
        on_it = (*_of(incident, notice), DeliveryRow.channel == channel)
        changed = col(DeliveryRow.updated_at)
        with self._store.read() as session:
            taken = select(func.max(changed)).where(*on_it, col(DeliveryRow.state).in_(TAKEN_OVER))
            since = [at for at in (session.exec(taken).one(), incident_row(session, incident).resumed_at) if at]
            bad = col(DeliveryRow.state).in_((DeliveryState.FAILED, DeliveryState.UNCERTAIN))
            its_own = col(DeliveryRow.cause).not_in((ReceiptCause.BROKEN_OFF, ReceiptCause.NOT_KNOWN))
            return session.exec(select(func.count()).where(*on_it, bad, its_own, *(changed > at for at in since))).one()

    def page_up_since(self, incident: str, notice: str) -> datetime | None:
        """Return when the notice's page was put up on the website, or None."""
        query = select(func.min(DeliveryRow.updated_at)).where(
            DeliveryRow.incident == incident,
            DeliveryRow.notice == notice,
            DeliveryRow.person == PUBLIC,
            col(DeliveryRow.channel).in_(PAGES),
            col(DeliveryRow.state).in_([DeliveryState.SENT, DeliveryState.DELIVERED]),
        )
        with self._store.read() as session:
            return session.exec(query).first()

    def lines(self, incident: str, notice: str, only: Only = ALL) -> tuple[DeliveryLine, ...]:
        """Return these messages of a notice, by person, all in memory; for very many use `stream_lines`."""
        return tuple(self.stream_lines(incident, notice, only))

    def stream_lines(
        self, incident: str, notice: str, only: Only = ALL, most: int | None = None
    ) -> Generator[DeliveryLine]:
        """Yield these messages of a notice, by person, read as needed and all as of one moment."""
        names = ("channel", "variant", "state", "cause", "detail", "doubtful", "attempts", "updated_at")
        columns = [col(getattr(DeliveryRow, name)) for name in names]
        query = _these(sql(col(DeliveryRow.person), col(PersonRow.country), *columns), incident, notice, only)
        ordered = query.order_by(col(DeliveryRow.person), col(DeliveryRow.id)).limit(most)
        with self._store.read() as session:
            for row in session.execute(ordered, execution_options={"yield_per": PAGE}):
                yield _line(*row)


def message_states(session: Session, incident: str, notice: str = "") -> dict[str, dict[DeliveryState, int]]:
    """Count the messages by state, for every notice that has any or for this one."""
    return {name: dict(states) for name, states in messages_by_state(session, incident, notice).items()}


def person_states(session: Session, incident: str, notice: str = "") -> dict[str, dict[PersonState, int]]:
    """Count the people by state, for every notice that has any or for this one; each counts once, by the best message.

    The tally counts the messages. Only those of people who have several are read, and count as their best one.
    """
    counted: dict[str, dict[PersonState, int]] = {}
    several, best = _of_several(session, incident, notice)
    for name, messages in messages_by_state(session, incident, notice, to_people=True).items():
        people: Counter[PersonState] = Counter()
        for state, count in (messages - several[name] + best[name]).items():
            people[PERSON_STATE[state]] += count
        counted[name] = dict(people)
    return counted


def _of_several(session: Session, incident: str, notice: str) -> tuple[ByNotice, ByNotice]:
    """Count, by notice and state, the messages of people who have several, and these people by their best message."""
    whose: list[Any] = [col(DeliveryRow.incident) == incident, text(ONE_OF_SEVERAL)]
    whose += [col(DeliveryRow.notice) == notice] if notice else []
    rank = case({state.value: place for place, state in enumerate(BEST_FIRST)}, value=col(DeliveryRow.state))
    each = sql(col(DeliveryRow.notice), rank.label("rank")).where(*whose)
    first = sql(col(DeliveryRow.notice), func.min(rank).label("rank")).where(*whose)
    people = first.group_by(col(DeliveryRow.notice), col(DeliveryRow.person))
    return _by_rank(session, each.subquery()), _by_rank(session, people.subquery())


def _by_rank(session: Session, ranked: Any) -> ByNotice:
    counted: ByNotice = defaultdict(Counter)
    by = (ranked.c.notice, ranked.c.rank)
    for name, place, count in session.execute(sql(*by, func.count()).group_by(*by)):
        counted[name][BEST_FIRST[place]] = count
    return counted


class DeferredMessages(NamedTuple):
    """The deferred messages of one notice."""

    at: datetime
    """The time of the earliest next attempt."""
    kept_back: int
    """Messages to people that were postponed, so that no attempt was made."""
    for_domains: int
    """Messages to domains that have stopped."""


def next_tries(session: Session, incident: str) -> dict[str, DeferredMessages]:
    """Return the deferred messages of each notice that has any: their next attempt, and how many are postponed."""
    ours = and_(col(DeliveryRow.person) > 0, col(DeliveryRow.cause) == ReceiptCause.POSTPONED)
    stopped = col(DeliveryRow.cause) == ReceiptCause.DOMAIN_STOPPED
    kept, halted = func.sum(case((ours, 1), else_=0)), func.sum(case((stopped, 1), else_=0))
    query = (
        select(DeliveryRow.notice, func.min(DeliveryRow.next_try_at), kept, halted)
        .where(DeliveryRow.incident == incident, DeliveryRow.state == DeliveryState.DEFERRED)
        .where(text("state IN " + DUE))  # spelled as in the index, so that the index is used
        .group_by(col(DeliveryRow.notice))
    )
    return {
        notice: DeferredMessages(at, int(kept_back), int(for_domains))
        for notice, at, kept_back, for_domains in session.exec(query)
        if at is not None
    }


def counted_reason(words: str) -> str:
    """Return the part of a reason by which it is counted: of a mail server's reply only the codes, `550 5.1.1`."""
    codes = THROUGH_STATUS.match(words)
    return (codes[0] if codes else words)[:REASON_HOLDS]


def _of(incident: str, notice: str) -> tuple[bool, bool]:
    return DeliveryRow.incident == incident, DeliveryRow.notice == notice


def _alike(incident: str, notice: str) -> Select[*tuple[Any, ...]]:
    """Return a query that counts people who live in the same place and have the same messages in the same states.

    Each such kind of people is one text, because the database sorts by kind, and sorting by several columns takes twice
    as long.
    """
    state = col(DeliveryRow.state)
    plain = {one.value: "" for one in (DeliveryState.SENT, *BEST_FIRST) if one not in EXPLAINED}
    doubt = case((col(DeliveryRow.doubtful), DOUBTFUL), else_="")
    words = func.replace(col(DeliveryRow.detail), MESSAGE, " ")
    why = case(plain, value=state, else_=col(DeliveryRow.cause) + PART + doubt + PART + words)
    message = col(DeliveryRow.channel) + PART + col(DeliveryRow.variant) + PART + state + PART + why
    each = (
        sql(col(DeliveryRow.person).label("person"), func.aggregate_strings(message, MESSAGE).label("messages"))
        .where(*_of(incident, notice))  # type: ignore[arg-type]
        .group_by(col(DeliveryRow.person))
        .subquery()
    )
    left = case((col(PersonRow.gone_at).is_(None), ""), else_=GONE)
    home = func.coalesce(col(PersonRow.country) + PART + col(PersonRow.region) + PART + left, "")
    lives = and_(col(PersonRow.incident) == incident, col(PersonRow.number) == each.c.person)
    fate = (home + MESSAGE + each.c.messages).label("fate")
    return sql(fate, func.count()).select_from(each).join(PersonRow, lives, isouter=True).group_by(text("fate"))


def _add(numbers: Numbers, fate: str, people: int) -> None:
    """Add people of one kind, and their messages, to the counts."""
    home, *messages = fate.split(MESSAGE)
    country, region, left = home.split(PART) if home else ("public", "", "")
    states = [_add_message(numbers, country, message, people) for message in messages]
    if not home:
        return
    best = min(states, key=BEST_FIRST.index)
    numbers.people[best] += people
    if left:
        numbers.gone += people
        return
    numbers.living[place_of(country, region)] += people
    if PERSON_STATE[best] in NOT_REACHED:
        numbers.unreached[place_of(country, region)] += people


def _add_message(numbers: Numbers, place: str, message: str, people: int) -> DeliveryState:
    channel, variant, word, why = message.split(PART, maxsplit=3)
    state = DeliveryState(word)
    numbers.messages[state] += people
    numbers.by_channel[channel][state] += people
    numbers.by_country[place][state] += people
    numbers.by_variant[variant][state] += people
    if state in EXPLAINED:
        cause, doubt, detail = why.split(PART, maxsplit=2)
        words = reason(ReceiptCause(cause), detail, doubtful=doubt == DOUBTFUL)
        numbers.reasons[state, counted_reason(words)] += people
    return state


def _taken_over(session: Session, incident: str, notice: str) -> Select[*tuple[Any, ...]]:
    """Return a query that counts the messages taken over, and those that changed since the incident was last resumed.

    The counts are by channel and state.
    """
    resumed = incident_row(session, incident).resumed_at
    news = true() if resumed is None else col(DeliveryRow.updated_at) > resumed
    by = (col(DeliveryRow.channel), col(DeliveryRow.state))
    return (
        sql(*by, func.count(), func.count().filter(news))
        .where(*_of(incident, notice), col(DeliveryRow.state).in_(TAKEN_OVER))  # type: ignore[arg-type]
        .group_by(*by)
    )


def _as_sent(states: States) -> ChannelCounts:
    sent, bounced, complained = (states[one] for one in (DeliveryState.SENT, *CAME_BACK))
    return ChannelCounts(sent=sent, bounced=bounced, complained=complained)


def _these(query: Select[*tuple[Any, ...]], incident: str, notice: str, only: Only) -> Select[*tuple[Any, ...]]:
    """Return the query over these messages, joined with the person affected; messages to the public have no person."""
    lives = and_(col(PersonRow.incident) == DeliveryRow.incident, col(PersonRow.number) == DeliveryRow.person)
    wanted: tuple[tuple[ColumnElement[str], str | None], ...] = (
        (col(DeliveryRow.state), only.state),  # type: ignore[assignment]
        (col(DeliveryRow.channel), only.channel),
        (col(PersonRow.country), only.country),
    )
    conditions = [column == value for column, value in wanted if value is not None]
    together = query.select_from(DeliveryRow).join(PersonRow, lives, isouter=True)
    return together.where(*_of(incident, notice), *conditions)  # type: ignore[arg-type]


def _line(
    person: int,
    country: str | None,
    channel: str,
    variant: str,
    state: str,
    cause: str,
    detail: str,
    doubtful: bool,
    tries: int,
    at: datetime,
) -> DeliveryLine:
    return DeliveryLine(
        person,
        country or "",
        ChannelKind(channel),
        variant,
        DeliveryState(state),
        ReceiptCause(cause),
        detail,
        doubtful,
        tries,
        at,
    )
