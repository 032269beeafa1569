"""The tally: the number of messages by notice, text and state, which the database keeps while messages change.

Triggers, which schema.py makes, count each message that has settled. Messages that the engine has in hand change
often and are few once a notice is sent: they are counted in an index that holds nothing else, and by lease.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import case, literal, text
from sqlalchemy import select as sql
from sqlmodel import Session, col, func

from amends.domain.channel.channel import ChannelKind, to_people
from amends.domain.notice.notice import DeliveryState
from amends.ledger.store.leases import HELD
from amends.ledger.tables.deliver import DUE, DeliveryRow, LeaseRow, TallyRow

IN_HAND = tuple(state for state in DeliveryState if state.pending)
"""The states of messages that are not in the tally."""
TO_PEOPLE = to_people()
TEXT = ("notice", "version", "channel", "variant", "elements")
TALLIED = ("incident", *TEXT, "state")
"""The columns by which messages are counted; see schema.py."""
BY_STATE = ("incident", "notice", "state")
COUNTED = func.sum(col(TallyRow.messages))
BY_HAND = "somebody has changed the tables by other means than Amends"
MISCOUNTED = (
    f"of {{incident}}, {{notice}}, {{messages}} messages count as {{state}}, and there are {{there}}: {BY_HAND}"
)
NOT_MARKED = f"of {{incident}}, {{notice}}, {{people}} people with several messages count more than once: {BY_HAND}"
NOT_HELD = f"of {{incident}}, {{notice}}, {{messages}} messages are claimed by no lease: {BY_HAND}"

ByNotice = defaultdict[str, Counter[DeliveryState]]
"""Messages by notice and state."""


def messages_by_state(session: Session, incident: str, notice: str = "", *, to_people: bool = False) -> ByNotice:
    """Count the messages of each notice, or of this one, by state; `to_people` leaves out pages and posts."""
    counted: ByNotice = defaultdict(Counter)
    for name, state, messages in _settled(session, incident, notice, to_people):
        counted[name][DeliveryState(state)] += messages
    for name, state, messages in _in_hand(session, incident, notice):
        counted[name][DeliveryState(state)] += messages
    if to_people:
        for name, state, messages in _public_in_hand(session, incident, list(counted)):
            counted[name][DeliveryState(state)] -= messages
    return defaultdict(Counter, {name: +states for name, states in counted.items() if +states})


def texts_to_people(session: Session, incident: str, states: Collection[DeliveryState]) -> dict[tuple[Any, ...], int]:
    """Return how many messages to people have each text and one of these settled states.

    A text is named by notice, version, channel, variant and set of data elements.
    """
    by = [col(getattr(TallyRow, name)) for name in TEXT]
    here = (col(TallyRow.incident) == incident, col(TallyRow.state).in_(states), col(TallyRow.channel).in_(TO_PEOPLE))
    rows = session.execute(sql(*by, COUNTED).where(*here).group_by(*by).having(COUNTED > 0))
    return {tuple(text_of): messages for *text_of, messages in rows}


def any_in(
    session: Session, incident: str, notice: str, version: int, states: Collection[DeliveryState], *, to_people: bool
) -> bool:
    """Return True when a message of this version is in one of these settled states; `to_people` as above."""
    here = (col(TallyRow.incident) == incident, col(TallyRow.notice) == notice, col(TallyRow.version) == version)
    kinds = TO_PEOPLE if to_people else tuple(ChannelKind)
    these = (col(TallyRow.state).in_(states), col(TallyRow.channel).in_(kinds))
    return bool(session.execute(sql(COUNTED).where(*here, *these)).scalar_one())


def _settled(session: Session, incident: str, notice: str, to_people: bool) -> Iterator[Any]:
    here = [col(TallyRow.incident) == incident]
    here += [col(TallyRow.notice) == notice] if notice else []
    here += [col(TallyRow.channel).in_(TO_PEOPLE)] if to_people else []
    by = (col(TallyRow.notice), col(TallyRow.state))
    yield from session.execute(sql(*by, COUNTED).where(*here).group_by(*by))


def _in_hand(session: Session, incident: str, notice: str) -> Iterator[Any]:
    by = (col(DeliveryRow.notice), col(DeliveryRow.state))
    here = [col(DeliveryRow.incident) == incident]
    here += [col(DeliveryRow.notice) == notice] if notice else []
    due = sql(*by, func.count()).where(*here, text("state IN " + DUE))  # spelled as in the index
    yield from session.execute(due.group_by(*by))
    mine = [col(LeaseRow.incident) == incident]
    mine += [col(LeaseRow.notice) == notice] if notice else []
    held = sql(func.count()).select_from(DeliveryRow).where(HELD).correlate(LeaseRow).scalar_subquery()
    claimed = sql(col(LeaseRow.notice), literal(DeliveryState.CLAIMED.value), func.sum(held)).where(*mine)
    yield from session.execute(claimed.group_by(col(LeaseRow.notice)))


def _public_in_hand(session: Session, incident: str, notices: list[str]) -> Iterator[Any]:
    """Count pages and posts in hand; those of a notice stand first in the index of its people."""
    by = (col(DeliveryRow.notice), col(DeliveryRow.state))
    here = (col(DeliveryRow.incident) == incident, col(DeliveryRow.notice).in_(notices), col(DeliveryRow.person) == 0)
    yield from session.execute(sql(*by, func.count()).where(*here, col(DeliveryRow.state).in_(IN_HAND)).group_by(*by))


def tally_problems(session: Session) -> Iterator[str]:
    """Yield in words each difference between the counts and the messages, all of which are read."""
    columns = [col(getattr(TallyRow, name)) for name in TALLIED]
    counted = _by_state(session.execute(sql(*columns, COUNTED).group_by(*columns).having(COUNTED != 0)))
    there = _by_state(session.execute(_recount()))
    for key in sorted(counted.keys() | there.keys()):
        if counted[key] != there[key]:
            numbers = {"messages": counted[key].total(), "there": there[key].total()}
            yield MISCOUNTED.format(**dict(zip(BY_STATE, key, strict=True)), **numbers)
    for incident, notice, messages in session.execute(_not_held()):
        yield NOT_HELD.format(incident=incident, notice=notice, messages=messages)
    for incident, notice, people in session.execute(_not_marked()):
        yield NOT_MARKED.format(incident=incident, notice=notice, people=people)


def _by_state(rows: Iterable[Any]) -> defaultdict[tuple[str, ...], Counter[tuple[Any, ...]]]:
    """Return the messages by incident, notice and state, and within these by text."""
    found: defaultdict[tuple[str, ...], Counter[tuple[Any, ...]]] = defaultdict(Counter)
    for incident, notice, *text_of, state, messages in rows:
        found[incident, notice, state][tuple(text_of)] = messages
    return found


def _recount() -> Any:
    """Return a query that counts the messages themselves as the triggers count them."""
    columns = {name: col(getattr(DeliveryRow, name)) for name in TALLIED}
    by = (columns | {"elements": func.coalesce(DeliveryRow.elements, 0)}).values()
    return sql(*by, func.count()).where(col(DeliveryRow.state).not_in(IN_HAND)).group_by(*by)


def _not_held() -> Any:
    """Return a query that counts, by notice, the claimed messages that no lease holds, and that are so not counted."""
    by = (col(DeliveryRow.incident), col(DeliveryRow.notice))
    claimed = col(DeliveryRow.state) == DeliveryState.CLAIMED
    return sql(*by, func.count()).where(claimed, ~sql(col(LeaseRow.id)).where(HELD).exists()).group_by(*by)


def _not_marked() -> Any:
    """Return a query that counts, by notice, the people with several messages of which one is not marked as such."""
    by = (col(DeliveryRow.incident), col(DeliveryRow.notice))
    marked = func.sum(case((col(DeliveryRow.one_of_several), 1), else_=0))
    theirs = sql(*by).where(col(DeliveryRow.person) > 0).group_by(*by, col(DeliveryRow.person))
    people = theirs.having(func.count() > 1, marked < func.count()).subquery()
    return sql(people.c.incident, people.c.notice, func.count()).group_by(people.c.incident, people.c.notice)
