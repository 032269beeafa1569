"""The lint of the words, evidence and reasons of a commitment, as its notice will say them, before they are stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from amends.domain.base.errors import ContentError, Finding
from amends.domain.case.views.draft import DraftView
from amends.domain.draft.draft import draft, notice_about
from amends.domain.draft.writer import Links, Readers
from amends.domain.incident.commitment import Commitment
from amends.domain.lint.lint import lint_in
from amends.domain.notice.wording import Wording
from amends.domain.playbook.playbook import Phase, Step


def unsayable(
    case: DraftView, changed: Commitment, wording: Wording, readers: Readers, links: Links, now: datetime
) -> tuple[Finding, ...]:
    """Return each finding that would block the notice about this commitment because of its evidence or reason.

    Findings that block the notice without evidence and reason too are left out: they are for other people to correct,
    and are reported when the notice is drafted.
    """
    trial = _Trial(case, wording, readers, links, now)
    without_words = changed.model_copy(update={"evidence": {}, "reason": {}})
    found = (one for step in _follow_ups(case) for one in trial.caused_by_words(step, changed, without_words))
    return tuple({(one.code, one.what): one for one in found}.values())


def unmakeable(
    case: DraftView, added: Commitment, wording: Wording, readers: Readers, links: Links, now: datetime
) -> tuple[Finding, ...]:
    """Return each finding that would block the notice that makes this commitment because of its words."""
    trial = _Trial(case, wording, readers, links, now)
    without_words = added.model_copy(update={"promise": dict.fromkeys(added.promise, "…")})
    found = (one for step in _follow_ups(case) for one in trial.caused_by_words(step, added, without_words))
    return tuple({(one.code, one.what): one for one in found}.values())


def _follow_ups(case: DraftView) -> Iterator[Step]:
    """Return the steps that tell people that a commitment was kept, is late or was dropped."""
    steps = case.playbook.steps if case.playbook else ()
    return (step for step in steps if step.phase is Phase.FOLLOW_UP and step.channels)


@dataclass(frozen=True)
class _Trial:
    """A trial draft of the notice about a commitment, with all that it is written from."""

    case: DraftView
    wording: Wording
    readers: Readers
    links: Links
    now: datetime

    def caused_by_words(self, step: Step, changed: Commitment, without_words: Commitment) -> Iterator[Finding]:
        """Return the findings that block the notice about the first commitment and not about the second."""
        anyway = self._blocking(step, without_words)
        return (finding for finding in self._blocking(step, changed) if finding not in anyway)

    def _blocking(self, step: Step, commitment: Commitment) -> tuple[Finding, ...]:
        others = (one for one in self.case.commitments if one.id != commitment.id)
        case = self.case.model_copy(update={"commitments": (*others, commitment)})
        wanted, pages = notice_about(commitment, 0), self.links.pages(case.incident.id)
        try:
            drafted = draft(case, self.wording, step, 1, wanted, self.readers, self.links, "", self.now)
        except ContentError as error:
            return error.findings
        return tuple(one for one in lint_in(case, drafted, self.wording, pages) if one.blocks)
