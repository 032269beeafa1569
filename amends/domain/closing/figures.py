"""The figures of a case for its review, as a pure function of the case, the times of its replies and the time now."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import NamedTuple

from amends.domain.base.money import Money, by_currency
from amends.domain.case.filings import DutyStatus, statuses
from amends.domain.case.lawfully import told_in_all
from amends.domain.case.next_update import Fate, longest_silence, next_updates
from amends.domain.case.views.closing import ClosingView
from amends.domain.closing.missing import is_carried_over
from amends.domain.incident.commitment import CommitmentState
from amends.domain.notice.notice import NoticeStatus, PersonState
from amends.domain.playbook.closing import ClosingOverride
from amends.domain.playbook.playbook import Event
from amends.domain.review import CaseCost, ReviewFigures, TrustFigure

HOUR = timedelta(hours=1)
REACHED = (PersonState.SENT, PersonState.DELIVERED, PersonState.UNCERTAIN)
UNREACHED = (PersonState.BOUNCED, PersonState.UNREACHABLE)
TRUST = "trust"
"""The beginning of the id of a survey's question about trust."""


class ReplyTime(NamedTuple):
    """The times of one question."""

    asked_at: datetime
    due_at: datetime
    answered_at: datetime | None


def figures(
    case: ClosingView, replies: Sequence[ReplyTime], now: datetime, other_costs: Iterable[Money] = ()
) -> ReviewFigures:
    """Return the figures of the case at this time; `other_costs` are what the team states."""
    first = [notice for notice in case.notices if case.tells_first(notice) and notice.begun_at]
    told, silence = told_in_all(case), longest_silence(case, now)
    fates = [update.fate for update in next_updates(case, now)]
    states = [commitment.state for commitment in case.commitments]
    return ReviewFigures(
        at=now,
        days_open=((case.events.get(Event.CLOSED) or now) - case.opened_at).days,
        **_deadlines(statuses(case, now)),
        updates_kept=fates.count(Fate.KEPT),
        updates_missed=fates.count(Fate.MISSED),
        longest_silence_hours=silence.length / HOUR if silence else None,
        longest_silence=f"{silence.after} to {silence.before}" if silence else "",
        people=case.audience.people,
        reached=_people(first, REACHED),
        unreached=_people(first, UNREACHED),
        lawfully=told.lawfully if told else None,
        lawfully_of=told.people if told else None,
        **_replies(replies),
        claims_open=case.open_claims,
        commitments_kept=states.count(CommitmentState.KEPT),
        commitments_dropped=states.count(CommitmentState.DROPPED),
        commitments_open=states.count(CommitmentState.OPEN),
        commitments_carried_over=sum(
            commitment.state is CommitmentState.OPEN and is_carried_over(case, commitment)
            for commitment in case.commitments
        ),
        passed_over=len({override.criterion for override in overrides_in_force(case)}),
        cost=case_cost(case, other_costs),
        trust=tuple(_trust(case)),
    )


def case_cost(case: ClosingView, other: Iterable[Money]) -> CaseCost:
    """Return what the case has cost: spent on commitments, paid on claims, and the other costs that the team states."""
    spent, stated = (
        by_currency(commitment.spent for commitment in case.commitments if commitment.spent),
        by_currency(other),
    )
    paid = (Money(case.claims.paid, case.claims.currency),) if case.claims.paid else ()
    return CaseCost(
        spent=spent,
        paid=paid,
        recorded=by_currency((*spent, *paid)),
        other=stated,
        in_all=by_currency((*spent, *paid, *stated)),
    )


def overrides_in_force(case: ClosingView) -> tuple[ClosingOverride, ...]:
    """Return the closing criteria that two people passed over, the first one first."""
    return tuple(closing_override for closing_override in case.closing_overrides if closing_override.in_force)


def _deadlines(duties: Iterable[DutyStatus]) -> dict[str, int]:
    counts = {"deadlines_met": 0, "deadlines_late": 0, "deadlines_missed": 0, "deadlines_open": 0}
    for duty in duties:
        if duty.done_at:
            counts[
                "deadlines_late" if duty.early_by is not None and duty.early_by < timedelta() else "deadlines_met"
            ] += 1
        elif duty.duty.standing.owed:
            counts["deadlines_missed" if duty.overdue else "deadlines_open"] += 1
    return counts


def _people(notices: Iterable[NoticeStatus], states: Iterable[PersonState]) -> int:
    wanted = tuple(states)
    return sum(notice.people.get(state, 0) for notice in notices for state in wanted)


def _replies(replies: Sequence[ReplyTime]) -> dict[str, int | float | None]:
    took = sorted((reply.answered_at - reply.asked_at) / HOUR for reply in replies if reply.answered_at)
    return {
        "questions": len(replies),
        "questions_open": sum(reply.answered_at is None for reply in replies),
        "replied_in_time": sum(
            reply.answered_at is not None and reply.answered_at <= reply.due_at for reply in replies
        ),
        "reply_hours_median": median(took) if took else None,
        "reply_hours_slowest_tenth": took[9 * (len(took) - 1) // 10] if took else None,
    }


def _trust(case: ClosingView) -> Iterator[TrustFigure]:
    """Yield the mean of the question about trust after each invitation with enough answers, the first one first."""
    for results in sorted(case.surveys, key=lambda survey: survey.released_at):
        found = (one for one in results.questions if one.question.startswith(TRUST) and one.mean)
        question = next(found, None)
        if question and question.mean:
            mean = question.mean
            yield TrustFigure(
                invitation=results.invitation, at=results.released_at, mean=mean.value, answers=mean.answers
            )
