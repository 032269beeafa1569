"""Opt-outs in the ledger: end or resume the optional messages to a person, who still gets all required messages."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from amends.domain.channel.message import ReceiptCause
from amends.ledger.people.people import person_row
from amends.ledger.store.bulk import among, listed, spelled, statement
from amends.ledger.store.leases import recall
from amends.ledger.store.session import ENGINE, Store, incident_row
from amends.ledger.store.sums import SETTLES, settle_rows
from amends.ledger.tables.feedback import OPEN_COMPLAINT, QuestionRow
from amends.ledger.tables.notice import NoticeRow, ReleaseRow
from amends.ledger.tables.people import PersonRow

OPTIONAL = """
notice IN (
    SELECT notice.notice FROM notice
    WHERE incident = :incident AND optional AND version = (
        SELECT max(version) FROM release WHERE release.incident = notice.incident AND release.notice = notice.notice
    )
)
"""
"""The condition that a message's notice is optional in the version released last.

Waiting messages of earlier versions are sent in the version released last.
"""
# The `|| ''` keeps SQLite from using the index of due messages, which would scan the messages of all people.
WAITS = f"""
WHERE incident = :incident AND {{people}} AND state || '' IN ('waiting', 'deferred', 'to_print', 'parked')
AND {OPTIONAL}"""
WITHDRAW = f"""
UPDATE delivery SET next_try_at = NULL, updated_at = :now,
state = CASE WHEN doubtful THEN 'uncertain' ELSE 'held' END,
cause = CASE WHEN doubtful THEN cause ELSE :cause END,
detail = CASE WHEN doubtful THEN detail ELSE '' END
{WAITS}RETURNING {SETTLES}"""
"""The statement that holds waiting messages.

A message that a provider may have becomes uncertain instead: held, it would be sent once more when a version that
everybody must get is released.
"""
WAITING = f"SELECT id FROM delivery{WAITS}LIMIT 1"
IN_HAND = f"""
SELECT DISTINCT lease FROM delivery WHERE incident = :incident AND {{people}} AND state || '' = 'claimed'
AND {OPTIONAL}"""

ADULT, CHILD = aliased(PersonRow), aliased(PersonRow)
IS_READER, HAS_OPTED_OUT = col(ADULT.number) == bindparam("reader"), col(ADULT.opted_out_at).is_not(None)
ADULTS = select(ADULT.number).where(col(ADULT.incident) == bindparam("incident"))
CHILDREN = (
    select(CHILD.number)
    .join(ADULT, (col(CHILD.incident) == ADULT.incident) & (col(CHILD.ref_index) == ADULT.child_index))
    .where(col(ADULT.incident) == bindparam("incident"), col(CHILD.guardian) == ADULT.number)
)
# Made once: to make them for each mail of a mailbox would take longer than to execute them.
OF_READER = (ADULTS.where(IS_READER), CHILDREN.where(IS_READER))
OF_ALL = (ADULTS.where(HAS_OPTED_OUT), CHILDREN.where(HAS_OPTED_OUT))


class OptOuts:
    """The opt-outs of the people of all incidents from optional messages."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, incident: str, person: int, how: str, now: datetime, *, by: str = ENGINE) -> bool:
        """Record that the person wants no optional messages, and return True when that is new.

        Optional messages that wait for the person are held at once. For a child the guardian decides, for both. Raises
        NotInLedger.
        """
        if self._is_in_force(incident, person):  # repeated clicks must not take the write lock from a running send
            return False
        with self._store.write() as write:
            new = opted_out(write.session, incident, person, now)
            if new:
                write.note(now, incident, "opted out", f"person {person}", actor=by, how=how)
            return new

    def end(self, incident: str, person: int, how: str, now: datetime, *, by: str = ENGINE) -> bool:
        """Record that the person wants optional messages again, from the next notice on; return True when that is new.

        Messages that were held stay held: weeks later they would come as a surprise. Raises NotInLedger.
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
        """Return True when the person, or for a child the guardian, gets no optional messages. Raises NotInLedger."""
        with self._store.read() as session:
            return reader_of(session, incident, person).opted_out_at is not None

    def _is_in_force(self, incident: str, person: int) -> bool:
        """Return True when the person opted out before, and no optional message waits for the person since."""
        with self._store.read() as session:
            reader = reader_of(session, incident, person)
            if reader.opted_out_at is None:
                return False
            connection, theirs = session.connection(), people_of(session, incident, reader.number)
            asked = {"incident": incident, "ids": listed(connection, theirs)}
            waiting = statement(WAITING.format(people=among(connection, "person")))
            return connection.execute(waiting, asked).first() is None


def opted_out(session: Session, incident: str, person: int, now: datetime) -> bool:
    """Record in the caller's transaction that the person wants no optional messages, and hold those that wait.

    Return True when that is new. The caller writes the entry in the audit chain. Raises NotInLedger.
    """
    # Both locks keep messages of an optional notice from being prepared meanwhile for people as they stood before.
    incident_row(session, incident, locked=True)
    _lock_releases(session, incident)
    reader = reader_of(session, incident, person)
    new = reader.opted_out_at is None
    reader.opted_out_at = reader.opted_out_at or now
    session.flush()
    theirs = people_of(session, incident, reader.number)
    _withdraw(session, incident, theirs, now)  # waits for running claims, so that _recall sees what they took
    if new:
        _recall(session, incident, theirs)
    return new


def withdraw(session: Session, incident: str, now: datetime) -> int:
    """Hold the optional messages that wait for people who opted out or whose complaint is open; return how many.

    Messages come to wait after an opt-out when they are given back, put off, or next in a cascade. Nothing but the
    state of the complaint itself says that optional messages pause.
    """
    complained = _withdraw(session, incident, _complainers(session, incident), now, ReceiptCause.COMPLAINT_OPEN)
    return complained + _withdraw(session, incident, people_of(session, incident), now)


def _complainers(session: Session, incident: str) -> set[int]:
    """Return the readers of messages about people whose complaint is open, and the children told through them."""
    mine = (QuestionRow.incident == incident, text(OPEN_COMPLAINT), col(QuestionRow.person).is_not(None))
    people = session.exec(select(QuestionRow.person).where(*mine).distinct()).all()
    if not people:
        return set()
    connection = session.connection()
    told = (
        PersonRow.incident == incident,
        text(among(connection, "number")).bindparams(ids=listed(connection, people)),
    )
    readers = {
        guardian or number
        for number, guardian in session.exec(select(PersonRow.number, PersonRow.guardian).where(*told))
    }
    guarded = text(among(connection, "guardian")).bindparams(ids=listed(connection, readers))
    children = select(PersonRow.number).where(PersonRow.incident == incident, col(PersonRow.guardian) > 0, guarded)
    return readers | set(session.exec(children))


def _recall(session: Session, incident: str, people: Sequence[int]) -> None:
    """Recall the leases on optional messages to these people; the next claim leaves out those who opted out."""
    connection = session.connection()
    query = statement(IN_HAND.format(people=among(connection, "person")))
    asked = {"incident": incident, "ids": listed(connection, people)}
    recall(session, incident, [lease for (lease,) in connection.execute(query, asked).all()])


def _withdraw(
    session: Session, incident: str, people: Iterable[int], now: datetime, cause: ReceiptCause = ReceiptCause.OPTED_OUT
) -> int:
    if not (numbers := tuple(people)):
        return 0
    connection = session.connection()
    asked = {"incident": incident, "now": spelled(connection, now), "ids": listed(connection, numbers)}
    asked |= {"cause": cause.value}
    held = statement(WITHDRAW.format(people=among(connection, "person")))
    return settle_rows(session, connection.execute(held, asked))


def _lock_releases(session: Session, incident: str) -> None:
    query = (
        select(ReleaseRow.notice)
        .join(NoticeRow, (col(NoticeRow.notice) == ReleaseRow.notice) & (col(NoticeRow.version) == ReleaseRow.version))
        .where(NoticeRow.incident == incident, ReleaseRow.incident == incident, col(NoticeRow.optional))
    )
    session.exec(query.with_for_update(of=ReleaseRow, key_share=True)).all()


def reader_of(session: Session, incident: str, person: int) -> PersonRow:
    """Return the row of the person to whom messages about this person go: the same person, or the guardian.

    Raises NotInLedger.
    """
    row = person_row(session, incident, person)
    return person_row(session, incident, row.guardian) if row.guardian else row


def people_of(session: Session, incident: str, reader: int = 0) -> tuple[int, ...]:
    """Return the people whose messages go to this reader, or to all who opted out: the readers and their children."""
    asked = {"incident": incident, "reader": reader} if reader else {"incident": incident}
    return tuple(number for query in (OF_READER if reader else OF_ALL) for number in session.exec(query, params=asked))
