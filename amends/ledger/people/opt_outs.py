"""Verbs about people who want no optional messages. What people must get, they get all the same."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from amends.domain.channel.channel import Cause
from amends.ledger.people.people import person_row
from amends.ledger.store.bulk import among, listed, spelled, statement
from amends.ledger.store.leases import recall
from amends.ledger.store.session import ENGINE, Store, incident_row
from amends.ledger.store.tables import NoticeRow, PersonRow, ReleaseRow

OPTIONAL = """
notice IN (
    SELECT notice.notice FROM notice
    WHERE incident = :incident AND optional AND version = (
        SELECT max(version) FROM release WHERE release.incident = notice.incident AND release.notice = notice.notice
    )
)
"""
"""Of a notice that is optional as it was released last: what is given back of an earlier version leaves as this one."""
# What is done to the state keeps SQLite off the index of what is due, which leads past everybody who waits.
WAITS = f"""
WHERE incident = :incident AND {{people}} AND state || '' IN ('waiting', 'deferred', 'to_print', 'parked')
AND {OPTIONAL}"""
WITHDRAW = f"""
UPDATE delivery SET next_try_at = NULL, updated_at = :now,
state = CASE WHEN doubtful THEN 'uncertain' ELSE 'held' END,
cause = CASE WHEN doubtful THEN cause ELSE '{Cause.OPTED_OUT}' END,
detail = CASE WHEN doubtful THEN detail ELSE '' END
{WAITS}"""
"""A message that a provider may have is not held: a version that all must get would go to the person once more."""
WAITING = f"SELECT id FROM delivery{WAITS}LIMIT 1"
IN_HAND = f"""
SELECT DISTINCT lease FROM delivery WHERE incident = :incident AND {{people}} AND state || '' = 'claimed'
AND {OPTIONAL}"""


class OptOuts:
    """Stop the optional messages to a person, or let them go on."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, incident: str, person: int, how: str, now: datetime, *, by: str = ENGINE) -> bool:
        """The person wants no optional messages; whether that is new. What waits for them is withdrawn at once.

        Who reads for a child speaks for both. Raises NotInLedger.
        """
        if self._is_heeded(incident, person):  # one button pressed a thousand times must keep no send from writing
            return False
        with self._store.write() as write:
            new = opted_out(write.session, incident, person, now)
            if new:
                write.note(now, incident, "opted out", f"person {person}", actor=by, how=how)
            return new

    def end(self, incident: str, person: int, how: str, now: datetime, *, by: str = ENGINE) -> bool:
        """They want them again, from the next notice on; whether that is new. Raises NotInLedger.

        What was withdrawn stays so: weeks later it would come as a surprise.
        """
        with self._store.write() as write:
            write.incident(incident)
            reader = reader_of(write.session, incident, person)
            new = reader.opted_out_at is not None
            reader.opted_out_at = None
            if new:
                write.note(now, incident, "opted in", f"person {person}", actor=by, how=how)
            return new

    def has(self, incident: str, person: int) -> bool:
        """Whether no optional messages go to whoever reads for this person. Raises NotInLedger."""
        with self._store.read() as session:
            return reader_of(session, incident, person).opted_out_at is not None

    def _is_heeded(self, incident: str, person: int) -> bool:
        """Whether they opted out before, and nothing has come to wait for them since."""
        with self._store.read() as session:
            reader = reader_of(session, incident, person)
            if reader.opted_out_at is None:
                return False
            connection, theirs = session.connection(), _read_for(session, incident, reader.number)
            asked = {"incident": incident, "ids": listed(connection, theirs)}
            waiting = statement(WAITING.format(people=among(connection, "person")))
            return connection.execute(waiting, asked).first() is None


def opted_out(session: Session, incident: str, person: int, now: datetime) -> bool:
    """Keep that the person wants no optional messages, and withdraw those that wait; whether that is new.

    For whoever has a transaction open and notes in the audit what it was about. Raises NotInLedger.
    """
    # With both locks no page of an optional notice can be prepared meanwhile for people as they stood before.
    incident_row(session, incident, locked=True)
    _lock_releases(session, incident)
    reader = reader_of(session, incident, person)
    new = reader.opted_out_at is None
    reader.opted_out_at = reader.opted_out_at or now
    session.flush()
    theirs = _read_for(session, incident, reader.number)
    _withdraw(session, incident, theirs, now)  # waits for whoever is just claiming, so what they took is seen below
    if new:
        _recall(session, incident, theirs)
    return new


def withdraw(session: Session, incident: str, now: datetime) -> int:
    """Hold what came to wait for people who opted out: given back, put off, or next in a cascade; how many."""
    return _withdraw(session, incident, _read_for(session, incident), now)


def _recall(session: Session, incident: str, people: Sequence[int]) -> None:
    """What is in hand of the optional messages to them is claimed anew, and that leaves out who opted out."""
    connection = session.connection()
    query = statement(IN_HAND.format(people=among(connection, "person")))
    asked = {"incident": incident, "ids": listed(connection, people)}
    recall(session, incident, [lease for (lease,) in connection.execute(query, asked).all()])


def _withdraw(session: Session, incident: str, people: Iterable[int], now: datetime) -> int:
    if not (numbers := tuple(people)):
        return 0
    connection = session.connection()
    asked = {"incident": incident, "now": spelled(connection, now), "ids": listed(connection, numbers)}
    return connection.execute(statement(WITHDRAW.format(people=among(connection, "person"))), asked).rowcount


def _lock_releases(session: Session, incident: str) -> None:
    query = (
        select(ReleaseRow.notice)
        .join(NoticeRow, (col(NoticeRow.notice) == ReleaseRow.notice) & (col(NoticeRow.version) == ReleaseRow.version))
        .where(NoticeRow.incident == incident, ReleaseRow.incident == incident, col(NoticeRow.optional))
    )
    session.exec(query.with_for_update(of=ReleaseRow, key_share=True)).all()


def reader_of(session: Session, incident: str, person: int) -> PersonRow:
    """Who is written to about this person: they themselves, or the guardian."""
    row = person_row(session, incident, person)
    return person_row(session, incident, row.guardian) if row.guardian else row


def _read_for(session: Session, incident: str, reader: int = 0) -> tuple[int, ...]:
    """The people whose messages go to this one, or to anybody who opted out: themselves, and the child."""
    adult, child = aliased(PersonRow), aliased(PersonRow)
    chosen = col(adult.number) == reader if reader else col(adult.opted_out_at).is_not(None)
    here = (col(adult.incident) == incident, chosen)
    children = (
        select(child.number)
        .join(adult, (col(child.incident) == adult.incident) & (col(child.ref_index) == adult.child_index))
        .where(*here, col(child.guardian) == adult.number)
    )
    return (*session.exec(select(adult.number).where(*here)), *session.exec(children))
