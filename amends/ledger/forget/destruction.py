"""Destruction of an incident's personal data: its data key is destroyed, and so is everything sealed with that key.

The keyed indexes are made with the master key, which could still confirm a guessed address, so random values replace
them. The providers' ids of messages lead to addresses in the providers' logs, so they are removed too.
"""

from contextlib import ExitStack
from datetime import datetime

from sqlalchemy import TextClause, text
from sqlmodel import col, func, select

from amends.domain.base.errors import NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.closing.closing import still_needed
from amends.domain.incident.event_kind import DESTROYED
from amends.domain.team.member import Member
from amends.domain.team.vote import to_act, why_not_together
from amends.ledger.case.views import Views
from amends.ledger.feedback.survey.surveys import Surveys
from amends.ledger.forget.people import RANDOM_BYTES
from amends.ledger.forget.rows import forget_whole
from amends.ledger.incident.incidents import happened
from amends.ledger.incident.legal_holds import LegalHolds
from amends.ledger.people.people import ADDRESS_INDEXES
from amends.ledger.store.session import ENGINE, Store, Transaction, incident_row
from amends.ledger.store.sums import changing
from amends.ledger.tables.deliver import DeliveryRow, on_kinds
from amends.ledger.tables.incident import IncidentRow
from amends.ledger.tables.people import PersonRow

OF_THE_PAGE = "id BETWEEN :first AND :last"
PAGE = 5_000
"""The number of rows changed in one transaction, so that messages of other incidents are sent in between."""
INDEXES = ", ".join(
    f"{name} = CASE WHEN {name} IS NOT NULL THEN {{random}} END" for name in (*ADDRESS_INDEXES, "child_index")
)
PEOPLE = f"""
UPDATE person SET ref_index = {{random}}, link_index = {{random}}, {INDEXES}
WHERE incident = :incident AND number BETWEEN :first AND :last
"""
"""An index that is not null stays not null, so that the counts of people with an address stay right."""
TO_PEOPLE = on_kinds(kind for kind in ChannelKind if kind.personal and not kind.printed)
MESSAGES = f"""
UPDATE delivery SET address_index = {{random}},
provider_id = CASE WHEN {TO_PEOPLE} THEN '' ELSE provider_id END
WHERE incident = :incident AND id BETWEEN :first AND :last
"""
"""The provider's id of a post stays, because it leads to a public place."""


class Destruction:
    """The destruction of the personal data of incidents that are over."""

    def __init__(self, store: Store, views: Views, surveys: Surveys, holds: LegalHolds) -> None:
        self._store = store
        self._views = views
        self._surveys = surveys
        self._holds = holds

    def destroy(self, incident: str, first: Member, second: Member, now: datetime) -> None:
        """Destroy the personal data of an incident, whose people can then never be read, found or written to again.

        Counts, times and the audit chain stay. The key is destroyed in one transaction, the rest in pages; a second
        call after a crash finishes the work. Raises NotAllowed when the two members may not, as long as the data is
        needed, and while a legal hold keeps any of it; LedgerUnavailable when the key is destroyed, but old pages of
        the ledger's file may still hold it.
        """
        if refusal := why_not_together(first, second, to_act("destroy personal data")):
            raise NotAllowed(refusal)
        with self._store.write() as write:
            self._store.refuse_if_restored(write.session)
            if (row := self._locked(write, incident)).wrapped_key:
                self._refuse_needed(row.id, now)
                self._destroy_key(write, row, now, actor=first.name, second=second.name)
        self._finish(incident, now)

    def by_retention(self, incident: str, now: datetime) -> None:
        """Destroy the personal data of an incident whose time is over by its playbook or its own date.

        Raises as `destroy` does.
        """
        with self._store.write() as write:
            self._store.refuse_if_restored(write.session)
            if (row := self._locked(write, incident)).wrapped_key:
                self._refuse_needed(row.id, now)
                self._destroy_key(write, row, now, why="retention")
        self._finish(incident, now)

    def again(self, incident: str, at: datetime) -> None:
        """Destroy again the data that a restored backup has brought back; `at` is the time of the destruction.

        Raises NotAllowed while a legal hold keeps any of it, LedgerUnavailable as `destroy` does.
        """
        with self._store.write() as write:
            if (row := self._locked(write, incident)).wrapped_key:
                self._destroy_key(write, row, at, why="a backup was restored")
        self._finish(incident, at)

    @staticmethod
    def _locked(write: Transaction, incident: str) -> IncidentRow:
        row = incident_row(write.session, incident)
        write.session.refresh(row, with_for_update={"key_share": True})
        return row

    def _refuse_needed(self, incident: str, now: datetime) -> None:
        """Raise NotAllowed as long as the data is needed."""
        if needed := still_needed(self._views.closing(incident, now), now):
            raise NotAllowed(f"the personal data of incident {incident} is still needed: {'; '.join(needed)}")

    def _finish(self, incident: str, now: datetime) -> None:
        """Remove what the master key or a provider would still lead from to people, and SQLite's old pages."""
        self._store.seals.pop(incident, None)
        self._forget_addresses(incident)
        forget_whole(self._store, incident, now)
        self._surveys.forget(incident)
        self._store.leave_no_old_pages(f"the key of incident {incident} is destroyed")

    def _destroy_key(self, write: Transaction, row: IncidentRow, now: datetime, **detail: str) -> None:
        """Destroy the key in the caller's transaction. Raises NotAllowed while a legal hold keeps any of the data."""
        self._holds.refuse_held(write.session, row.id)
        row.wrapped_key = row.next_key = b""
        happened(write.session, row.id, DESTROYED, now)
        actor = detail.pop("actor", ENGINE)
        write.note(now, row.id, "data destroyed", actor=actor, people=row.people, **detail)

    def _forget_addresses(self, incident: str) -> None:
        random = RANDOM_BYTES[self._store.engine.dialect.name]
        with self._store.read() as session:
            people, messages = col(PersonRow.number), col(DeliveryRow.id)
            numbers = session.exec(select(func.min(people), func.max(people)).where(PersonRow.incident == incident))
            ids = session.exec(select(func.min(messages), func.max(messages)).where(DeliveryRow.incident == incident))
            pages = ((PEOPLE, numbers.one()), (MESSAGES, ids.one()))
        for statement, (first, last) in pages:
            self._in_pages(text(statement.format(random=random)), incident, first or 0, last or 0)

    def _in_pages(self, statement: TextClause, incident: str, first: int, last: int) -> None:
        for start in range(first, last + 1, PAGE):
            asked = {"first": start, "last": min(start + PAGE - 1, last)}
            with self._store.write() as write, ExitStack() as noting:
                here = select(DeliveryRow.notice).where(DeliveryRow.incident == incident).distinct()
                for notice in write.session.exec(here).all():
                    noting.enter_context(changing(write.session, "delivery", (incident, notice), OF_THE_PAGE, **asked))
                write.session.execute(statement, {"incident": incident, **asked})
