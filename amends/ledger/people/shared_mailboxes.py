"""Mailboxes that several people of a list share: count them, record a decision, and find whom one copy names."""

from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy import select as sql
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import DataDamaged, NotAllowed
from amends.domain.people.person import Hold, MailboxRuling
from amends.domain.team.member import Member
from amends.ledger.people.people import opened_contact
from amends.ledger.store.bulk import among, listed, statement
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import Store, must_approve
from amends.ledger.store.sums import changing_these
from amends.ledger.tables.deliver import MAIL, on_kinds
from amends.ledger.tables.incident import IncidentRow
from amends.ledger.tables.notice import ReleaseRow
from amends.ledger.tables.people import PersonRow

SAME = ("email_index", "locale", "country", "region", "timezone", "data", "segment")
"""The columns in which people of one copy agree: then a message says the same to each of them."""
ALONE = (
    "{0}.gone_at IS NULL AND {0}.email_index IS NOT NULL AND {0}.guardian = 0 AND {0}.child_index IS NULL "
    "AND {0}.flags = '' AND {0}.opted_out_at IS NULL AND {0}.hold = ''"
)
"""The condition of people who may be in one copy: nobody else is written to for them, and they for nobody else."""
AGREE = " AND ".join(f"one.{name} = other.{name}" for name in SAME).replace("one.segment", "one.segment || ''")
"""The condition of two people in one copy; spelled so that SQLite searches by mailbox, and not by segment."""
GROUPS = f"""
SELECT {", ".join(SAME)}, max(number) AS reader FROM person AS one
WHERE incident = :incident AND {ALONE.format("one")} GROUP BY {", ".join(SAME)} HAVING count(*) > 1
"""
# The reader of a copy is the last of its people: when the copy is claimed, the rows of all others are stored.
NAMED = f"""
SELECT one.number FROM person AS one JOIN ({GROUPS}) AS other ON {AGREE}
WHERE one.incident = :incident AND {ALONE.format("one")} AND one.number <> other.reader
"""
LEFT_ALONE = f"""
SELECT number FROM person
WHERE incident = :incident AND hold = 'shared_mailbox' AND ({", ".join(SAME)}) NOT IN (
    SELECT {", ".join(SAME)} FROM person AS other WHERE other.incident = :incident AND {ALONE.format("other")}
    AND email_index IN (SELECT email_index FROM person WHERE incident = :incident AND hold = 'shared_mailbox')
)
"""
# CROSS JOIN tells SQLite to begin with the readers, who are few. Ordered by number, it would read the whole list.
IN_COPY = f"""
SELECT other.number, one.number, one.sealed, one.data, one.country, one.region, one.timezone
FROM person AS other CROSS JOIN person AS one
WHERE other.incident = :incident AND other.hold = '' AND one.incident = :incident AND one.hold = 'shared_mailbox'
AND {AGREE} AND one.gone_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM delivery AS own WHERE own.incident = :incident AND own.notice = :notice
    AND own.person = one.number AND own.{on_kinds(MAIL)} AND own.state <> 'held'
) AND """

RULING = sql(col(IncidentRow.mailbox_ruling)).where(col(IncidentRow.id) == bindparam("incident"))


@dataclass(frozen=True, slots=True)
class SharedMailboxCounts:
    """The mailboxes that people of a list share, in numbers."""

    mailboxes: int
    people: int
    in_copies: int
    """The people who get no message of their own when there is one copy; a copy to somebody else names them."""
    ruling: MailboxRuling | None


class SharedMailboxes:
    """The decisions on mailboxes that several people share."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def counts(self, incident: str) -> SharedMailboxCounts:
        """Count the shared mailboxes of an incident's list. Raises NotInLedger."""
        with self._store.read() as session:
            here = (PersonRow.incident == incident, col(PersonRow.gone_at).is_(None))
            shared = select(func.count().label("people")).where(*here, col(PersonRow.email_index).is_not(None))
            each = shared.group_by(col(PersonRow.email_index)).having(func.count() > 1).subquery()
            mailboxes, people = session.execute(select(func.count(), func.sum(each.c.people)).select_from(each)).one()
            held = select(func.count()).where(*here, PersonRow.hold == Hold.SHARED_MAILBOX)
            named = len(_numbers(session, incident, NAMED)) + session.exec(held).one()
            return SharedMailboxCounts(mailboxes, people or 0, named, ruling_of(session, incident))

    def rule(self, incident: str, ruling: MailboxRuling, by: Member, now: datetime) -> int:
        """Record the decision, and return how many people get no message of their own by it.

        Approvals become void. The same decision again changes nothing. Raises NotAllowed once a notice was released,
        because then people were told each by a message of their own, or in a copy.
        """
        must_approve(by)
        with self._store.write() as write:
            row = write.incident(incident)
            if ruling_of(write.session, incident) is ruling:
                return len(_held(write.session, incident))
            if write.session.exec(select(ReleaseRow.notice).where(ReleaseRow.incident == incident).limit(1)).first():
                raise NotAllowed(f"a notice of {incident} was released already; this is decided before the first one")
            row.mailbox_ruling = ruling.value
            _set_hold(write.session, incident, _held(write.session, incident), "")
            named = _numbers(write.session, incident, NAMED) if ruling is MailboxRuling.ONE else []
            _set_hold(write.session, incident, named, Hold.SHARED_MAILBOX)
            # Another digest of the list, so that a draft for other messages than these is out of date.
            row.audience_digest = f"{row.audience_digest.partition('+')[0]}+{ruling}"
            write.note(now, incident, "shared mailboxes", ruling, actor=by.name, in_copies=len(named))
            return len(named)


def ruling_of(session: Session, incident: str) -> MailboxRuling | None:
    """Return the decision on shared mailboxes, or None without one."""
    found = session.execute(RULING, {"incident": incident}).scalar()
    return MailboxRuling(found) if found else None


def free_without_copy(session: Session, incident: str) -> list[int]:
    """End the hold of people whose copy has no reader by the list in force any more, and return their numbers."""
    if ruling_of(session, incident) is not MailboxRuling.ONE:
        return []
    alone = _numbers(session, incident, LEFT_ALONE)
    _set_hold(session, incident, alone, "")
    return alone


def names_in_copies(
    session: Session, incident: str, seal: Seal, notice: str, readers: Collection[int]
) -> dict[int, list[str]]:
    """Return the names of the other people in the copy to each of these readers, in the order of their numbers.

    A name that does not open is left out: one damaged row must not hold up everybody else's messages.
    """
    names: dict[int, list[str]] = defaultdict(list)
    for reader, number, sealed, *said in in_copies_to(session, incident, notice, readers):
        with suppress(DataDamaged):
            names[reader].append(opened_contact(incident, number, sealed, seal, said)[1])
    return names


def in_copies_to(session: Session, incident: str, notice: str, readers: Collection[int]) -> list[Any]:
    """Return reader, number and sealed contact of each person whom a copy names, and what the contact opens beside."""
    if not readers or ruling_of(session, incident) is not MailboxRuling.ONE:
        return []
    connection = session.connection()
    asked = {"incident": incident, "notice": notice, "ids": listed(connection, readers)}
    found = connection.execute(statement(IN_COPY + among(connection, "other.number")), asked)
    return sorted(found.all(), key=lambda row: row[:2])


def _held(session: Session, incident: str) -> list[int]:
    query = select(PersonRow.number).where(PersonRow.incident == incident, PersonRow.hold == Hold.SHARED_MAILBOX)
    return list(session.exec(query).all())


def _numbers(session: Session, incident: str, query: str) -> list[int]:
    return sorted(session.execute(text(query), {"incident": incident}).scalars())


def _set_hold(session: Session, incident: str, numbers: list[int], hold: str) -> None:
    connection = session.connection()
    change = f"UPDATE person SET hold = :hold WHERE incident = :incident AND {among(connection, 'number')}"
    asked = {"incident": incident, "hold": hold, "ids": listed(connection, numbers)}
    with changing_these(session, "person", (incident,), "number", numbers):
        connection.execute(statement(change), asked)
