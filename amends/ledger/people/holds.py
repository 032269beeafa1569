"""Holds by what was said on a personal page: keep back every message to a reader until a member decides."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from amends.domain.people.person import Hold
from amends.ledger.people.opt_outs import people_of, reader_of
from amends.ledger.store.bulk import among, listed, spelled, statement
from amends.ledger.store.leases import recall
from amends.ledger.store.session import incident_row
from amends.ledger.store.sums import SETTLES, settle_rows
from amends.ledger.tables.notice import ReleaseRow
from amends.ledger.tables.people import REPORTED, PersonRow

REPORTED_HOLDS = (Hold.WRONG_PERSON, Hold.OUTDATED_ADDRESS)
FREE = ("", Hold.SHARED_MAILBOX.value)
"""The holds in place of which a report holds a person."""
REPORTED_PEOPLE = f"SELECT number, hold FROM person WHERE incident = :incident AND {REPORTED}"
OF_RELEASED = "notice IN (SELECT notice FROM release WHERE release.incident = :incident)"
"""The condition of a message of the incident, spelled so that databases find it by notice and person."""
# The `|| ''` keeps SQLite from using the index of due messages, as in opt_outs.py.
WITHHOLD = f"""
UPDATE delivery SET next_try_at = NULL, updated_at = :now,
state = CASE WHEN doubtful THEN 'uncertain' ELSE 'held' END,
cause = CASE WHEN doubtful THEN cause ELSE :hold END,
detail = CASE WHEN doubtful THEN detail ELSE '' END
WHERE incident = :incident AND {OF_RELEASED} AND {{people}}
AND state || '' IN ('waiting', 'deferred', 'to_print', 'parked')
RETURNING {SETTLES}"""
"""The statement that holds waiting messages; a message that a provider may have becomes uncertain instead."""
IN_HAND = f"""
SELECT DISTINCT lease FROM delivery
WHERE incident = :incident AND {OF_RELEASED} AND {{people}} AND state || '' = 'claimed'"""


def hold_reader(session: Session, incident: str, person: int, hold: Hold, now: datetime) -> tuple[int, ...]:
    """Hold the reader of messages about this person, and the child told through the reader; return who is held.

    Messages that wait are held at once, and leases on others are recalled. People who are held for a reason of their
    own stay so. Raises NotInLedger.
    """
    incident_row(session, incident, locked=True)
    # The locks keep messages from being prepared meanwhile for people as they stood before.
    session.exec(select(ReleaseRow.notice).where(ReleaseRow.incident == incident).with_for_update()).all()
    reader = reader_of(session, incident, person).number
    held = [row for row in _rows(session, incident, people_of(session, incident, reader)) if row.hold in FREE]
    for row in held:
        row.hold = hold.value
    session.flush()
    numbers = tuple(row.number for row in held)
    withhold_people(session, incident, numbers, hold, now)
    recall_people(session, incident, numbers)
    return numbers


def end_hold(session: Session, incident: str, person: int) -> tuple[int, ...]:
    """End the hold of the person's reader and of the child told through the reader; return whose hold has ended."""
    reader = reader_of(session, incident, person).number
    held = [row for row in _rows(session, incident, people_of(session, incident, reader)) if row.hold in REPORTED_HOLDS]
    for row in held:
        row.hold = ""
    session.flush()
    return tuple(row.number for row in held)


def withhold(session: Session, incident: str, now: datetime) -> int:
    """Hold the messages that wait for people held by a report, and return how many.

    Messages come to wait after a report when they are given back by a worker or are next in a cascade.
    """
    people = session.execute(statement(REPORTED_PEOPLE), {"incident": incident}).all()
    return sum(
        withhold_people(session, incident, [number for number, why in people if why == hold], hold, now)
        for hold in REPORTED_HOLDS
    )


def _rows(session: Session, incident: str, numbers: Iterable[int]) -> Sequence[PersonRow]:
    theirs = (PersonRow.incident == incident, col(PersonRow.number).in_(list(numbers)))
    return session.exec(select(PersonRow).where(*theirs).with_for_update()).all()


def withhold_people(session: Session, incident: str, numbers: Sequence[int], hold: Hold, now: datetime) -> int:
    """Hold the messages that wait for these people, or put them in doubt; return how many. See WITHHOLD."""
    if not numbers:
        return 0
    connection = session.connection()
    asked = {"incident": incident, "now": spelled(connection, now), "hold": hold.value}
    changed = statement(WITHHOLD.format(people=among(connection, "person")))
    return settle_rows(session, connection.execute(changed, asked | {"ids": listed(connection, numbers)}))


def recall_people(session: Session, incident: str, numbers: Sequence[int]) -> None:
    """Recall the leases on messages to these people."""
    connection = session.connection()
    query = statement(IN_HAND.format(people=among(connection, "person")))
    leases = connection.execute(query, {"incident": incident, "ids": listed(connection, numbers)}).all()
    recall(session, incident, [lease for (lease,) in leases])
