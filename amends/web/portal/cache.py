"""What all personal pages of an incident share, read from the ledger a few times a minute at most."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from amends.domain.base.errors import LedgerUnavailable, NotInLedger
from amends.domain.base.value import nearest_locale, text_for
from amends.domain.case.case import Outline
from amends.domain.incident.incident import Incident
from amends.domain.law.addendum import GENERAL
from amends.domain.notice.notice import Draft
from amends.domain.notice.wording import Phrases, Wording, say_date
from amends.ledger import Ledger

REPLY_WITHIN, OWNER = timedelta(hours=72), "support"
"""For questions that come before a playbook runs."""
FRESH = timedelta(seconds=15)
"""How long a case is not read again: right after a notice, people come by the thousand."""


@dataclass(frozen=True, slots=True)
class Voice:
    """How a page speaks in one locale."""

    phrases: Phrases
    words: Mapping[str, str]
    zone: str
    otherwise: str
    """The locale of texts that are missing in this one."""

    def say(self, word: str, **values: str) -> str:
        """A phrase of the portal with these values in it."""
        return self.words[word].format(**values)

    def date(self, moment: datetime) -> str:
        """The date where the organisation is."""
        return say_date(self.phrases, moment, self.zone)

    def text(self, texts: Mapping[str, str]) -> str:
        """The text in this locale, else in the one that the incident was written up in first."""
        return text_for(dict(texts), self.phrases.locale) or text_for(dict(texts), self.otherwise)


@dataclass(frozen=True, slots=True)
class Told:
    """A version of a notice that has left or is leaving."""

    notice: str
    template: str
    version: int
    audience: str
    dated: datetime
    """The date that it bears."""
    about: tuple[str, int]
    """The commitment that it is about, and which change of its fate it tells; empty and 0 when it is about none."""
    subjects: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CachedCase:
    """The outline of a case, its words, and the notices that people have; no person is in it."""

    case: Outline
    wording: Wording
    told: tuple[Told, ...]
    """Every version that was let go, the first of each notice before the next."""
    shipped: Wording

    @property
    def locales(self) -> tuple[str, ...]:
        """In which a page can be read."""
        return tuple(self.wording.phrases)

    @property
    def reply_within(self) -> timedelta:
        """How soon a question is to be answered."""
        return self.case.playbook.reply_within if self.case.playbook else REPLY_WITHIN

    @property
    def questions_owner(self) -> str:
        """By whom."""
        return self.case.playbook.questions_owner if self.case.playbook else OWNER

    def voice(self, locale: str) -> Voice:
        """The voice that comes nearest to this locale."""
        default = self.case.incident.default_locale
        nearest = nearest_locale(locale, self.locales, nearest_locale(default, self.locales, self.locales[0]))
        phrases = self.wording.phrases[nearest]
        return Voice(phrases, self._words(phrases), self.case.incident.organisation.timezone, default)

    def _words(self, phrases: Phrases) -> Mapping[str, str]:
        """A playbook pinned long ago may lack a word that pages need by now; it is said as shipped."""
        locales = tuple(self.shipped.phrases)
        shipped = self.shipped.phrases[nearest_locale(phrases.locale, locales, locales[0])]
        return shipped.portal | phrases.portal


class ContactWays(NamedTuple):
    """How to reach the organisation from a page that does not know whose link brought the reader."""

    phone: str
    email: str


class RecentCases:
    """Reads each incident's case at most every FRESH. Safe to use from several threads."""

    def __init__(self, ledger: Ledger, shipped: Wording) -> None:
        self._ledger = ledger
        self._shipped = shipped
        self._reach = self._reach_at_first()
        self._known: dict[str, tuple[datetime, CachedCase]] = {}
        self._lock = threading.Lock()

    def read(self, incident: str, now: datetime) -> CachedCase:
        """What is known about the incident. Raises NotInLedger."""
        with self._lock:
            read_at, known = self._known.get(incident, (None, None))
            if read_at is None or known is None or abs(now - read_at) >= FRESH:
                known = self._read(incident)
                self._known[incident] = (now, known)
            return known

    def reach(self) -> ContactWays | None:
        """By the case that was read last, else by the newest that people know of, or None. Asks the ledger nothing."""
        return self._reach

    def _reach_at_first(self) -> ContactWays | None:
        with suppress(LedgerUnavailable):
            for incident in self._ledger.incidents.all():
                if self._ledger.visits.released_versions(incident.id):
                    return _reach(self._ledger.cases.incident_file(incident.id))
        return None

    def _read(self, incident: str) -> CachedCase:
        case, wording = self._ledger.cases.outline(incident), self._wording(incident)
        self._reach = _reach(case.incident)
        told = tuple(_told(version, draft) for version, draft in self._ledger.visits.released_versions(incident))
        return CachedCase(case, wording, told, self._shipped)

    def _wording(self, incident: str) -> Wording:
        try:
            return self._ledger.playbooks.wording(incident)
        except NotInLedger:  # no playbook runs yet
            return self._shipped


def _reach(incident: Incident) -> ContactWays:
    contacts = incident.organisation.contacts
    return ContactWays(contacts.phone, contacts.email)


def _told(version: int, draft: Draft) -> Told:
    general_last = sorted(draft.variants, key=lambda variant: variant.addendum == GENERAL)
    subjects = {variant.locale: variant.subject for variant in general_last if variant.subject}
    about = (draft.about, draft.change)
    return Told(draft.notice, draft.template, version, draft.audience, draft.dated, about, subjects)
