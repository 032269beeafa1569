"""A visit to a personal page: the person of a valid link, and everything that concerns the person."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Annotated

from fastapi import Path
from pydantic import BeforeValidator

from amends.delivery.markdown import to_html
from amends.domain.base.audience import EVERYONE
from amends.domain.base.link_code import as_sent
from amends.domain.entitlement.remedy import Remedy, RemedyState
from amends.domain.incident.commitment import Commitment, fate
from amends.domain.people.person import Flag, Left, Person, place_of
from amends.domain.playbook.survey import Survey
from amends.web.portal.cache import CachedCase, Told, Voice

Link = Annotated[str, BeforeValidator(as_sent), Path(pattern=r"^[A-Za-z0-9_-]{27}$")]
"""The secret part of a personal link, as it was sent, or as a person types it from a letter."""
TEXTS_KEPT = 1_000
"""The number of steps and helps that are kept as HTML: all of the shipped ones in two languages, and some more."""
_html = lru_cache(TEXTS_KEPT)(to_html)


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit to a personal page. Holds personal data: never log or print it."""

    link: str = field(repr=False)
    incident: str
    person: Person
    left: Left | None
    """The knowledge about a person whom a corrected list no longer has; None while the person is in the list."""
    got: Mapping[str, int]
    """The version that the person received, for each notice."""
    promised: frozenset[str]
    """The commitments that the person was told of."""
    known: CachedCase
    voice: Voice
    chosen: str
    """The locale that the visitor asked for, or empty."""
    now: datetime
    remedies: Mapping[str, Remedy] = field(default_factory=dict)
    """By commitment that is kept for each person alone, how it stands for this person."""

    @property
    def guardian(self) -> bool:
        """Return True when the reader is the parent or guardian of the person whose data was touched."""
        return Flag.MINOR in self.person.flags

    @property
    def data(self) -> tuple[str, ...]:
        """Return the names of the person's kinds of data."""
        return tuple(name for kind, name in self.voice.phrases.data.items() if kind in self.person.data)

    @property
    def steps(self) -> tuple[tuple[str, str], ...]:
        """Return the steps for the person's kinds of data with their keys, the most urgent first, as HTML."""
        steps = self.known.wording.steps_in(self.voice.phrases.locale, self.person.country)
        entries = steps.keyed(self.person.data, child=self.guardian)
        return tuple((key, _html(text).removeprefix("<p>").removesuffix("</p>\n")) for key, text in entries)

    @property
    def help(self) -> str:
        """Return the help where the person lives, as HTML."""
        home, locale = place_of(self.person.country, self.person.region), self.voice.phrases.locale
        text = self.known.wording.help_text(locale, home, self.person.data, child=self.guardian)
        return _html(text)

    @property
    def commitments(self) -> tuple[tuple[Commitment, str], ...]:
        """Return each commitment that the person was told of, or that is for their segment, with its fate.

        A person who left the list has only the commitments that they were told of.
        """
        given = self.known.commitments
        told = self.promised | {one.series for one in given if one.series and one.id in self.promised}
        theirs = (
            one for one in given if told & {one.id, one.series} or (not self.left and self._belongs_to(one.audience))
        )
        return tuple((commitment, fate(commitment, self.now)) for commitment in theirs)

    def own_result(self, commitment: Commitment) -> tuple[str, str]:
        """Return the state of this person's part of a commitment, and the result in words; empty without any."""
        remedy = self.remedies.get(commitment.id)
        if commitment.per_person is None or self.left or (remedy is None and commitment.id not in self.promised):
            return "", ""
        if remedy is None:
            return RemedyState.OPEN, ""
        texts = commitment.per_person.words.get(remedy.word, {})
        return remedy.state, self.voice.text(texts) if texts else ""

    @property
    def told(self) -> list[Told]:
        """Return the notices to the person, the latest first: the version received, else the version released last."""
        theirs = {one.notice: one for one in self.known.told if self._concerns(one)}  # the last version of each
        return sorted(theirs.values(), key=lambda one: one.dated, reverse=True)

    @property
    def invitation(self) -> str:
        """Return the notice that invited this person to a survey, the last one when there are several, or ""."""
        theirs = [one for one in self.known.told if one.survey and one.notice in self.got]
        return max(theirs, key=lambda one: one.dated).notice if theirs else ""

    @property
    def survey(self) -> Survey | None:
        """Return the survey to which the person was invited last, or None."""
        playbook = self.known.case.playbook
        named = next((one.survey for one in self.known.told if one.notice == self.invitation), "")
        return playbook.survey(named) if playbook and named else None

    def _concerns(self, told: Told) -> bool:
        """Return True when the person received this version or a later one, or has yet to receive the notice."""
        if told.notice in self.got:
            return told.version <= self.got[told.notice]
        return not self.left and self._belongs_to(told.audience)

    def _belongs_to(self, audience: str) -> bool:
        return audience in (EVERYONE, self.person.segment)
