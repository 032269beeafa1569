"""Somebody who came with a link that works, and what concerns them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import BeforeValidator

from amends.domain.base.link_code import as_sent
from amends.domain.base.value import EVERYONE
from amends.domain.draft.draft import fate
from amends.domain.incident.commitment import Commitment
from amends.domain.people.person import Flag, Left, Person
from amends.web.portal.cache import CachedCase, Told, Voice

Link = Annotated[str, BeforeValidator(as_sent), Path(pattern=r"^[A-Za-z0-9_-]{27}$")]
"""The secret part of a personal link, as it was sent or as it is typed from a letter."""

SURVEY_NOTICE = "survey-invitation"


@dataclass(frozen=True, slots=True)
class Visit:
    """One look at a personal page. Holds personal data: never log or print it."""

    link: str = field(repr=False)
    incident: str
    person: Person
    left: Left | None
    """They are not in the list of people affected any more; None as long as they are."""
    got: Mapping[str, int]
    """Of each notice that came to them, which version."""
    known: CachedCase
    voice: Voice
    chosen: str
    """The locale that the visitor asked for, or empty."""
    now: datetime

    @property
    def guardian(self) -> bool:
        """The reader is the parent or guardian of the person whose data it is."""
        return Flag.MINOR in self.person.flags

    @property
    def data(self) -> tuple[str, ...]:
        """What the kinds of data of this person are called."""
        return tuple(name for kind, name in self.voice.phrases.data.items() if kind in self.person.data)

    @property
    def advice(self) -> tuple[str, ...]:
        """What to do about them, the most urgent first."""
        return tuple(text for kind, text in self.voice.phrases.advice.items() if kind in self.person.data)

    @property
    def commitments(self) -> tuple[tuple[Commitment, str], ...]:
        """What this person was promised, each with what has become of it."""
        given = self.known.case.commitments
        theirs = (one for one in given if self._belongs_to(one.audience) and (not self.left or one.made_in in self.got))
        return tuple((promise, fate(promise, self.now)) for promise in map(self._as_told, theirs))

    @property
    def told(self) -> list[Told]:
        """What this person was told, the last first: each notice as they got it, else as it was let go last."""
        theirs = {one.notice: one for one in self.known.told if self._hears(one)}  # the last version of each
        return sorted(theirs.values(), key=lambda one: one.dated, reverse=True)

    @property
    def survey_open(self) -> bool:
        """People were told, so they can say how."""
        invited = any(told.template == SURVEY_NOTICE for told in self.known.told)
        return invited or "notified" in self.known.case.events

    def _as_told(self, promise: Commitment) -> Commitment:
        """Without what became of it, until a notice that says so was approved and let go."""
        change = self.known.case.untold.get(promise.id)
        let_go = {told.about[1] for told in self.known.told if told.about[0] == promise.id}
        return promise if change is None or change in let_go else promise.before(first=not let_go)

    def _hears(self, told: Told) -> bool:
        """Whether they got this version or a later one, or get this notice and have no version of it yet."""
        if told.notice in self.got:
            return told.version <= self.got[told.notice]
        return not self.left and self._belongs_to(told.audience)

    def _belongs_to(self, audience: str) -> bool:
        return audience in (EVERYONE, self.person.segment)
