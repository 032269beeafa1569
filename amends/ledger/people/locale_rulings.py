"""Decisions on readers of a locale without words: record one, and read those in force."""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session, col, select

from amends.domain.base.errors import NotAllowed
from amends.domain.people.locales import LocaleRuling, why_not_rule
from amends.domain.people.person import AudienceCounts
from amends.domain.team.member import Member
from amends.ledger.store.session import Store, must_approve
from amends.ledger.tables.people import LocaleRulingRow


class LocaleRulings:
    """The decisions in which language people are written to for whose own there are no words."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def rule(
        self, incident: str, ruled: Mapping[str, str], offered: tuple[str, ...], by: Member, now: datetime
    ) -> tuple[LocaleRuling, ...]:
        """Record for each locale the one in which its readers are written to, and return the decisions in force.

        `offered` are the locales that have words. A draft for readers of whom an earlier decision said otherwise is
        out of date; messages that have left stay. The same decision again changes nothing. Raises NotAllowed for a
        locale that nobody reads, that has words, or that has none to be written to in; then nothing is stored.
        """
        must_approve(by)
        with self._store.write() as write:
            read = AudienceCounts.model_validate(write.incident(incident).counts).by_locale
            for locale, instead in ruled.items():
                if refusal := why_not_rule(locale, instead, read, offered):
                    raise NotAllowed(refusal)
                if _store(
                    write.session,
                    LocaleRulingRow(incident=incident, locale=locale, instead=instead, by=by.name, at=now),
                ):
                    people = sum(count for one, count in read.items() if one == locale)
                    write.note(now, incident, "locale ruled", f"{locale}={instead}", actor=by.name, people=people)
            return rulings_of(write.session, incident)


def rulings_of(session: Session, incident: str) -> tuple[LocaleRuling, ...]:
    """Return the decisions on readers of locales without words, sorted by locale."""
    query = select(LocaleRulingRow).where(LocaleRulingRow.incident == incident).order_by(col(LocaleRulingRow.locale))
    return tuple(
        LocaleRuling.model_validate(row.model_dump(exclude={"incident", "seal"})) for row in session.exec(query)
    )


def _store(session: Session, ruling: LocaleRulingRow) -> bool:
    """Store the decision in place of an earlier one, and return False when it is in force already."""
    before = session.get(LocaleRulingRow, (ruling.incident, ruling.locale))
    if before is None:
        session.add(ruling)
        session.flush()
        return True
    if before.instead == ruling.instead:
        return False
    before.instead, before.by, before.at = ruling.instead, ruling.by, ruling.at
    return True
