"""Choices on personal pages in the ledger: language and channel of optional messages, ticked steps, renewed links."""

from datetime import datetime

from sqlmodel import Session, select

from amends.domain.people.preference import Preference
from amends.ledger.people.people import link_index, person_row
from amends.ledger.store.session import Store
from amends.ledger.tables.people import LinkRenewalRow, PreferenceRow, TickedStepRow

MOST_TICKS = 50
"""The most steps that are kept of a person; a page offers four."""


class PageChoices:
    """The choices that people make on their own pages, which no decision about others depends on."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def preference(self, incident: str, person: int) -> Preference:
        """Return the person's wishes for optional messages; both are empty when there are none."""
        with self._store.read() as session:
            row = session.get(PreferenceRow, (incident, person))
            return Preference(locale=row.locale, channel=row.channel) if row else Preference()

    def prefer(self, incident: str, person: int, wanted: Preference, now: datetime) -> None:
        """Store the person's wishes in place of earlier ones. Raises NotInLedger."""
        with self._store.write() as write:
            write.incident(incident)
            person_row(write.session, incident, person)
            row = write.session.get(PreferenceRow, (incident, person), with_for_update=True)
            if row is None:
                row = PreferenceRow(incident=incident, person=person, locale="", channel="", at=now)
                write.session.add(row)
            if (row.locale, row.channel) != (wanted.locale, wanted.channel):
                row.locale, row.channel, row.at = wanted.locale, wanted.channel, now
                write.note(now, incident, "preference", f"person {person}")

    def ticked(self, incident: str, person: int) -> frozenset[str]:
        """Return the keys of the steps that the person has ticked."""
        with self._store.read() as session:
            query = select(TickedStepRow.step).where(TickedStepRow.incident == incident, TickedStepRow.person == person)
            return frozenset(session.exec(query))

    def tick(self, incident: str, person: int, step: str, now: datetime, *, done: bool) -> None:
        """Record that the person has taken a step, or has not after all; the same again changes nothing.

        Raises NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            person_row(write.session, incident, person)
            row = write.session.get(TickedStepRow, (incident, person, step), with_for_update=True)
            if (row is not None) == done:
                return
            if row is not None:
                write.session.delete(row)
            elif self._count(write.session, incident, person) < MOST_TICKS:
                write.session.add(TickedStepRow(incident=incident, person=person, step=step, at=now))
            write.note(now, incident, "step ticked" if done else "step not taken", f"person {person}")

    @staticmethod
    def _count(session: Session, incident: str, person: int) -> int:
        query = select(TickedStepRow.step).where(TickedStepRow.incident == incident, TickedStepRow.person == person)
        return len(session.exec(query).all())

    def renew_link(self, incident: str, person: int, by: str, now: datetime) -> str:
        """Replace the person's link by a new one, whose term begins now, and return its token. Raises NotInLedger."""
        with self._store.write() as write:
            write.incident(incident)
            row = person_row(write.session, incident, person, locked=True)
            row.link_version += 1
            token = self._store.keys.link_token(incident, person, row.link_version)
            row.link_index = link_index(token)
            renewal = write.session.get(LinkRenewalRow, (incident, person))
            if renewal is None:
                write.session.add(LinkRenewalRow(incident=incident, person=person, at=now))
            else:
                renewal.at = now
            write.note(now, incident, "link renewed", f"person {person}", actor=by)
            return token
