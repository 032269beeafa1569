"""The case: everything known about one incident, read at one time, with numbers in place of the audience."""

from collections.abc import Iterator
from datetime import datetime

from amends.domain.base.value import Moment
from amends.domain.case.outline import Outline
from amends.domain.case.states import TOLD, Reach, RecordedOccurrence
from amends.domain.entitlement.remedy import ResultCorrection
from amends.domain.feedback.question import QuestionCounts
from amends.domain.law.filing import Filing
from amends.domain.law.substitute import SubstituteNotice
from amends.domain.notice.notice import NoticeStatus
from amends.domain.playbook.playbook import Threshold


class Case(Outline):
    """The case of one incident at one moment."""

    occurrences: tuple[RecordedOccurrence, ...] = ()
    """The recorded occurrences of steps."""
    recorded_reminders: tuple[RecordedOccurrence, ...] = ()
    """The recorded occurrences of the other kinds."""
    missed_updates: dict[str, Moment] = {}
    """The times for the next update that were missed, by name, and when each was recorded as missed."""
    notices: tuple[NoticeStatus, ...] = ()
    filings: tuple[Filing, ...] = ()
    """Filings with authorities, including wrongly recorded ones that were corrected since."""
    reach: Reach = Reach()
    """The people who are not told, by place; counted once people count as told."""
    substitutes: tuple[SubstituteNotice, ...] = ()
    """The substitute notices that were recorded, the first one first."""
    result_corrections: tuple[ResultCorrection, ...] = ()
    """The corrections of results that messages told wrongly, those that people have read too."""
    questions: QuestionCounts = QuestionCounts()
    told_wrongly: tuple[str, ...] = ()
    """Facts that people were last told as certain and that are different now."""
    clock_doubt: str = ""
    """The reason to doubt the clock; nothing falls due until a person confirms the time. Empty without a doubt."""
    ledger_doubt: str = ""
    """The reason why the ledger may lack the last messages sent; nothing is sent until a person has compared the ledger
    with what was sent. Empty without a doubt."""

    @property
    def commitments_open(self) -> bool:
        """Return True while a commitment is not settled, or its audience has not been told how the commitment ended.

        Somebody to whom a wrong result was told, and not the right one, has not been told.
        """
        told = (self.notice(result_correction.notice) for result_correction in self.result_corrections)
        to_be_corrected = any(one is None or not one.is_over for one in told)
        still_open = any(commitment.settled_at is None for commitment in self.commitments)
        return bool(self.untold) or to_be_corrected or still_open

    def notice(self, notice_id: str) -> NoticeStatus | None:
        """Return the notice with this id, or None when it was never drafted."""
        return next((notice for notice in self.notices if notice.id == notice_id), None)

    def told_news_until(self) -> datetime | None:
        """Return the time up to which all know the news: that of the latest draft sent to all, or None.

        The first version of a notice decides, because people who have the first do not get the later ones.
        """
        return max((one.told_versions[0].drafted_at for one in self.with_news() if one.everybody_told), default=None)

    def last_told(self) -> tuple[datetime, ...]:
        """Return the times of the drafts that people were told last: the one sent to all, and later ones sent to some.

        Empty as long as nothing was sent to all.
        """
        until = self.told_news_until()
        written = {told_version.drafted_at for notice in self.with_news() for told_version in notice.told_versions}
        return tuple(sorted(at for at in written if until and at >= until))

    def with_news(self) -> Iterator[NoticeStatus]:
        """Return the notices that tell news: all but invitations to a survey and notices about one commitment."""
        steps = self.playbook.steps if self.playbook else ()
        without = {step.id for step in steps if not step.tells_news}
        return (notice for notice in self.notices if notice.step not in without)


def newly_reached(case: Case) -> tuple[str, ...]:
    """Return the names of thresholds reached now for the first time; a threshold once reached stays reached."""
    if case.playbook is None:
        return ()
    named = case.playbook.thresholds.items()
    return tuple(name for name, one in named if name not in case.events and is_reached(case, one))


def is_reached(case: Case, threshold: Threshold) -> bool:
    """Return True when the number of the threshold is reached now."""
    if threshold.questions_at_least:
        return case.questions.asked >= threshold.questions_at_least
    if threshold.open_questions_at_least:
        return case.questions.open >= threshold.open_questions_at_least
    return _told_percent(case, threshold.notice) >= (threshold.told_percent_at_least or 0)


def _told_percent(case: Case, notice_id: str) -> float:
    notice = case.notice(notice_id)
    people = sum(notice.people.values()) if notice else 0
    if notice is None or not people:
        return 0.0
    return 100 * sum(notice.people.get(state, 0) for state in TOLD) / people
