"""The data that all personal pages of an incident share, read from the ledger a few times a minute at most."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from amends.domain.base.errors import LedgerUnavailable, NotInLedger
from amends.domain.base.value import nearest_locale, some_text, text_for
from amends.domain.case.outline import Outline
from amends.domain.incident.commitment import Commitment
from amends.domain.incident.incident import Incident
from amends.domain.law.addendum import GENERAL
from amends.domain.notice.notice import Draft
from amends.domain.notice.wording import Phrases, Wording, say_date, say_day
from amends.domain.people.locales import written_in
from amends.ledger import Ledger

FRESH = timedelta(seconds=15)
"""The time for which a case is not read again, because people come by the thousand right after a notice."""


@dataclass(frozen=True, slots=True)
class Voice:
    """The words of a page in one locale."""

    phrases: Phrases
    words: Mapping[str, str]
    zone: str
    otherwise: str
    """The locale from which texts are taken that this one lacks."""

    def say(self, word: str, **values: str) -> str:
        """Return a phrase of the portal with these values inserted."""
        return self.words[word].format(**values)

    def date(self, moment: datetime) -> str:
        """Return the date in the time zone of the organisation."""
        return say_date(self.phrases, moment, self.zone)

    def day(self, day: str) -> str:
        """Return a day such as 2027-03-31 in words."""
        return say_day(self.phrases, date.fromisoformat(day))

    def some(self, texts: Mapping[str, str]) -> str:
        """Return the text in this locale, else in the incident's, else in any."""
        return self.text(texts) or some_text(dict(texts), self.otherwise)

    def text(self, texts: Mapping[str, str]) -> str:
        """Return the text in this locale, else in the locale in which the incident was first written up."""
        return text_for(dict(texts), self.phrases.locale) or text_for(dict(texts), self.otherwise)


@dataclass(frozen=True, slots=True)
class Told:
    """A released version of a notice."""

    notice: str
    template: str
    version: int
    audience: str
    dated: datetime
    """The date that the notice bears."""
    about: tuple[str, int]
    """The commitment that the notice is about, and the number of the change that it tells; "" and 0 without one."""
    subjects: Mapping[str, str]
    survey: str = ""
    """The survey to which the notice invites."""


@dataclass(frozen=True, slots=True)
class CachedCase:
    """The outline of a case, its words and its released notices. Holds no person."""

    case: Outline
    wording: Wording
    told: tuple[Told, ...]
    """Every released version; the versions of one notice come in ascending order."""
    shipped: Wording

    @property
    def locales(self) -> tuple[str, ...]:
        """Return the locales in which a page can be read."""
        return tuple(self.wording.phrases)

    @property
    def commitments(self) -> tuple[Commitment, ...]:
        """Return the commitments that were made, as they stand now, without words that no released notice has said."""
        given = (commitment.reviewed_only() for commitment in self.case.commitments if commitment.made_in)
        return tuple(one if self._is_said(one) else one.unsaid() for one in given)

    def _is_said(self, commitment: Commitment) -> bool:
        change = self.case.untold.get(commitment.id)
        return change is None or (commitment.id, change) in {told.about for told in self.told}

    def voice(self, locale: str, country: str = "") -> Voice:
        """Return the voice in which a reader of this locale is written to, with dates as in this country or the seat.

        Without words and without a ruling, the incident's own locale stands in.
        """
        default = self.case.incident.default_locale
        own = written_in(locale, self.locales, self.case.locale_rulings)
        nearest = own or nearest_locale(default, self.locales, self.locales[0])
        home = country or self.case.incident.organisation.established_in or ""
        phrases = self.wording.phrases_in(nearest, home[:2])
        return Voice(phrases, self._words(phrases), self.case.incident.organisation.timezone, default)

    def _words(self, phrases: Phrases) -> Mapping[str, str]:
        """Return the portal's words, with shipped ones in place of words that an old pinned playbook lacks."""
        locales = tuple(self.shipped.phrases)
        shipped = self.shipped.phrases[nearest_locale(phrases.locale, locales, locales[0])]
        return shipped.portal | phrases.portal


class ContactWays(NamedTuple):
    """The contacts of the organisation, for a page that does not know its reader."""

    phone: str
    email: str


class RecentCases:
    """A cache of cases, which reads each case at most once every FRESH. Safe to use from several threads."""

    def __init__(self, ledger: Ledger, shipped: Wording) -> None:
        self._ledger = ledger
        self._shipped = shipped
        self._contact_ways = self._first_contact_ways()
        self._known: dict[str, tuple[datetime, CachedCase]] = {}
        self._lock = threading.Lock()

    def read(self, incident: str, now: datetime) -> CachedCase:
        """Return the case of the incident, from the ledger or as last read. Raises NotInLedger."""
        with self._lock:
            read_at, known = self._known.get(incident, (None, None))
            if read_at is None or known is None or abs(now - read_at) >= FRESH:
                known = self._read(incident)
                self._known[incident] = (now, known)
            return known

    def contact_ways(self) -> ContactWays | None:
        """Return the contacts of the case read last, else of the newest with a released notice, or None.

        Does not read the ledger.
        """
        return self._contact_ways

    def _first_contact_ways(self) -> ContactWays | None:
        with suppress(LedgerUnavailable):
            for incident in self._ledger.incidents.all():
                if self._ledger.visits.released_versions(incident.id):
                    return _contact_ways(self._ledger.cases.incident_file(incident.id))
        return None

    def _read(self, incident: str) -> CachedCase:
        case, wording = self._ledger.cases.outline(incident), self._wording(incident)
        self._contact_ways = _contact_ways(case.incident) or self._contact_ways
        told = tuple(_told(version, draft) for version, draft in self._ledger.visits.released_versions(incident))
        return CachedCase(case, wording, told, self._shipped)

    def _wording(self, incident: str) -> Wording:
        try:
            return self._ledger.playbooks.wording(incident)
        except NotInLedger:  # no playbook runs yet
            return self._shipped


def _contact_ways(incident: Incident) -> ContactWays | None:
    """Return the contacts of the organisation, or None while its file names no phone or no email address."""
    contacts = incident.organisation.contacts
    return ContactWays(contacts.phone, contacts.email) if contacts.phone and contacts.email else None


def _told(version: int, draft: Draft) -> Told:
    general_last = sorted(draft.variants, key=lambda variant: variant.addendum == GENERAL)
    subjects = {variant.locale: variant.subject for variant in general_last if variant.subject}
    about = (draft.about, draft.change)
    return Told(draft.notice, draft.template, version, draft.audience, draft.dated, about, subjects, draft.survey)
