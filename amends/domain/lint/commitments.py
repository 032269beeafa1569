"""Reads evidence and reasons as the notice about their promise will be read, before anybody stores them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from amends.domain.base.errors import ContentError, Finding
from amends.domain.case.case import Case
from amends.domain.draft.draft import Links, Readers, draft, notice_about
from amends.domain.incident.commitment import Commitment
from amends.domain.lint.lint import lint_in
from amends.domain.notice.wording import Wording
from amends.domain.playbook.playbook import Phase, Step


def unsayable(
    case: Case, changed: Commitment, wording: Wording, readers: Readers, links: Links, now: datetime
) -> tuple[Finding, ...]:
    """What would stop the notice about this promise because of its evidence or its reasons; each once.

    What stops it whatever they say is for others to correct, and is told when it is drafted.
    """
    desk = _Desk(case, wording, readers, links, now)
    silent = changed.model_copy(update={"evidence": {}, "reason": {}})
    found = (one for step in _telling(case) for one in desk.because(step, changed, silent))
    return tuple({(one.code, one.what): one for one in found}.values())


def _telling(case: Case) -> Iterator[Step]:
    """The steps that tell people what became of a promise."""
    steps = case.playbook.steps if case.playbook else ()
    return (step for step in steps if step.phase is Phase.FOLLOW_UP and not step.task)


@dataclass(frozen=True)
class _Desk:
    """All that a notice is written from."""

    case: Case
    wording: Wording
    readers: Readers
    links: Links
    now: datetime

    def because(self, step: Step, said: Commitment, silent: Commitment) -> Iterator[Finding]:
        """What stops the one and not the other."""
        anyway = self._stopping(step, silent)
        return (finding for finding in self._stopping(step, said) if finding not in anyway)

    def _stopping(self, step: Step, promise: Commitment) -> tuple[Finding, ...]:
        others = (one for one in self.case.commitments if one.id != promise.id)
        case = self.case.model_copy(update={"commitments": (*others, promise)})
        wanted, pages = notice_about(promise, 0), self.links.pages(case.incident.id)
        try:
            drafted = draft(case, self.wording, step, 1, wanted, self.readers, self.links, "", self.now)
        except ContentError as error:
            return error.findings
        return tuple(one for one in lint_in(case, drafted, self.wording, pages) if one.blocks)
