"""The closing criteria: all that is missing before a case may close, with who ends each thing and by which command."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from amends.domain.base.text import counted, listed, minute
from amends.domain.case.deadlines import open_duties
from amends.domain.case.reach import why_not_done
from amends.domain.case.states import OccurrenceState
from amends.domain.case.views.closing import ClosingView
from amends.domain.closing.missing import Missing, closing_rules, date_of, is_carried_over
from amends.domain.closing.reached import everyone_reached
from amends.domain.incident.commitment import Commitment, CommitmentState
from amends.domain.incident.facts import Certainty
from amends.domain.law.duty import DutyStanding
from amends.domain.notice.notice import digest
from amends.domain.plan.plan import holds
from amends.domain.playbook.closing import NEVER_OVERRIDDEN, ClosingOverride, Criterion, UnmetCriterion
from amends.domain.playbook.playbook import Event, Step
from amends.domain.team.member import TeamRole

STATED = (Certainty.UNKNOWN, Certainty.SUSPECTED)
"""The certainties of a cause that is not confirmed, which close a case when they are stated with their date."""


def missing(case: ClosingView, now: datetime) -> tuple[Missing, ...]:
    """Return what is missing by the criteria in force, whether anybody passes over it or not."""
    return tuple(one for criterion in closing_rules(case).criteria for one in FINDERS[criterion](case, now))


def unmet(case: ClosingView, now: datetime) -> tuple[Missing, ...]:
    """Return what keeps the case from closing: all that is missing and that no two people pass over."""
    return tuple(one for one in missing(case, now) if not is_passed_over(case, one))


def is_passed_over(case: ClosingView, one: Missing) -> bool:
    """Return True when two people pass over exactly what is missing, in the state in which it is missing."""
    if one.criterion in NEVER_OVERRIDDEN:
        return False
    mine = (over for over in case.closing_overrides if over.criterion is one.criterion and over.in_force)
    return any(one.key in over.covers for over in mine)


def bound(criterion: Criterion, found: Iterable[Missing]) -> str:
    """Return the hash of what is missing by one criterion, which an override binds."""
    return digest([criterion.value, *sorted(one.key for one in found)])


def as_unmet(criterion: Criterion, found: Iterable[Missing]) -> UnmetCriterion:
    """Return the criterion with those of these things that are missing by it."""
    mine = [one for one in found if one.criterion is criterion]
    return UnmetCriterion(criterion, bound(criterion, mine), tuple((one.key, one.what) for one in mine))


def overrides_waiting(case: ClosingView, now: datetime) -> tuple[ClosingOverride, ...]:
    """Return the overrides that a second person can still confirm: the same things are missing as when they were said.

    What two people pass over already waits for nobody.
    """
    waiting = [closing_override for closing_override in case.closing_overrides if not closing_override.in_force]
    found = missing(case, now) if waiting else ()
    return tuple(one for one in waiting if _can_be_confirmed(case, one, found))


def _can_be_confirmed(case: ClosingView, override: ClosingOverride, found: Iterable[Missing]) -> bool:
    mine = [one for one in found if one.criterion is override.criterion]
    same = override.binding == bound(override.criterion, mine)
    return same and not all(is_passed_over(case, one) for one in mine)


# The criteria


def _told(case: ClosingView, _now: datetime) -> Iterator[Missing]:
    if Event.NOTIFIED not in case.events:
        ends = f"`amends timeline {case.incident.id}` says what the first notice waits for"
        yield Missing(
            criterion=Criterion.TOLD, about="nobody", what="nobody has been told yet", owner=TeamRole.LEAD, ends=ends
        )


def _sent(case: ClosingView, _now: datetime) -> Iterator[Missing]:
    """Yield the notices that have not left; once the lead has resolved the case, its closing steps count instead."""
    if Event.RESOLVED in case.events:
        return
    for notice in case.notices:
        if not notice.is_over:
            parked = f" ({notice.parked} parked)" if notice.parked else ""
            yield Missing(
                criterion=Criterion.SENT,
                about=notice.id,
                state=f"v{notice.version} {notice.stage} {notice.parked}",
                what=f"not sent: {notice.id}{parked}",
                owner=TeamRole.COMMUNICATIONS,
                ends=f"`amends deliveries {case.incident.id} {notice.id}` shows what it waits for",
            )


def _letters(case: ClosingView, _now: datetime) -> Iterator[Missing]:
    for notice in case.notices:
        if notice.letters:
            yield Missing(
                criterion=Criterion.LETTERS_HANDED_IN,
                about=notice.id,
                state=f"{notice.letters}",
                what=f"letters wait to be handed over: {notice.id} ({notice.letters})",
                owner=TeamRole.COMMUNICATIONS,
                ends=f"`amends letters {case.incident.id} {notice.id} --out DIR --as NAME`",
            )


def _duties(case: ClosingView, _now: datetime) -> Iterator[Missing]:
    for duty in open_duties(case):
        if duty.standing is DutyStanding.APPLIES and not duty.waits and not why_not_done(case, duty):
            yield Missing(
                criterion=Criterion.DUTIES_FILED,
                about=duty.id,
                what=f"no filing is recorded for {duty.id}",
                owner=TeamRole.LEGAL,
                ends=f"`amends duty filed {case.incident.id} {duty.id} --receipt REF --as NAME`",
            )


def _root_cause(case: ClosingView, _now: datetime) -> Iterator[Missing]:
    cause = case.incident.facts.cause
    if cause.certainty is Certainty.CONFIRMED or (cause.certainty in STATED and cause.at):
        return
    yield Missing(
        criterion=Criterion.ROOT_CAUSE_KNOWN,
        about="cause",
        state=cause.certainty,
        what=f"the cause is {cause.certainty.replace('_', ' ')}, and no date says since when that is so",
        owner=TeamRole.SECURITY,
        ends="`amends incident amend FILE` with facts.cause, or with {certainty: unknown, at: DAY} under it",
    )


def _contained(case: ClosingView, _now: datetime) -> Iterator[Missing]:
    if case.incident.times.contained is None:
        yield Missing(
            criterion=Criterion.CONTAINED,
            about="contained",
            what="the incident is not known to be contained",
            owner=TeamRole.SECURITY,
            ends="`amends incident amend FILE` with times.contained",
        )


def _questions(case: ClosingView, _now: datetime) -> Iterator[Missing]:
    incident, owner = case.incident.id, case.questions_owner
    waiting = (
        ("questions", case.questions.open, "have no answer", "questions list {} --open` shows each"),
        ("reports", case.reports_open, "from personal pages are undecided", "reports list {} --open` shows each"),
        ("requests", case.requests.open, "for data are undecided", "requests list {} --open` shows each"),
    )
    for about, count, how, command in waiting:
        if count:
            yield Missing(
                criterion=Criterion.QUESTIONS_SETTLED,
                about=about,
                state=str(count),
                what=f"{count} {about} {how}",
                owner=owner,
                ends=f"`amends {command.format(incident)}",
            )


def _claims(case: ClosingView, _now: datetime) -> Iterator[Missing]:
    if case.open_claims:
        yield Missing(
            criterion=Criterion.CLAIMS_SETTLED,
            about="claims",
            state=str(case.open_claims),
            what=counted(case.open_claims, "claim is not settled", "claims are not settled"),
            owner=TeamRole.LEAD,
            ends=f"`amends claims list {case.incident.id} --open` shows each",
        )


def _commitments(case: ClosingView, now: datetime) -> Iterator[Missing]:
    for commitment in case.commitments:
        if commitment.state is CommitmentState.OPEN and (
            commitment.overdue(now) or not is_carried_over(case, commitment)
        ):
            due = minute(date_of(commitment))
            late = f"late, and nobody was told: {commitment.id} was due {due}" if commitment.overdue(now) else ""
            yield Missing(
                criterion=Criterion.COMMITMENTS_SETTLED,
                about=commitment.id,
                state=date_of(commitment).isoformat(),
                what=late or f"{commitment.id} is open and due {due}",
                owner=commitment.owner,
                ends=_ends_of(case, commitment, now),
            )


def _ends_of(case: ClosingView, one: Commitment, now: datetime) -> str:
    about = f"{case.incident.id} {one.id} --as NAME"
    if one.overdue(now):
        return f"`amends commitments keep|late|drop {about}`"
    return f"`amends commitments keep|drop|carry-over {about}`"


def _surveys(case: ClosingView, now: datetime) -> Iterator[Missing]:
    steps = case.playbook.steps if case.playbook else ()
    for step in steps:
        if step.survey and _is_to_be_sent(case, step):
            yield Missing(
                criterion=Criterion.SURVEY_OVER,
                about=step.id,
                what=f"the survey of {step.id} was not sent yet",
                owner=TeamRole.COMMUNICATIONS,
                ends=f"`amends timeline {case.incident.id}` says when it comes",
            )
    for survey in case.surveys:
        if (until := survey.released_at + closing_rules(case).survey_for) > now:
            yield Missing(
                criterion=Criterion.SURVEY_OVER,
                about=survey.invitation,
                state=until.isoformat(),
                what=f"people may answer {survey.invitation} until {minute(until)}",
                owner=TeamRole.COMMUNICATIONS,
            )


def _is_to_be_sent(case: ClosingView, step: Step) -> bool:
    """Return True when the survey of the step is to come before the closing and was not sent yet."""
    later = step.of in (Event.RESOLVED, Event.CLOSED) or (step.of and step.of not in case.events)
    if later or not holds(case, step.when):
        return False
    ended = (OccurrenceState.DONE, OccurrenceState.SKIPPED)
    return not any(occurrence.step == step.id and occurrence.state in ended for occurrence in case.occurrences)


def _calm(case: ClosingView, now: datetime) -> Iterator[Missing]:
    last = case.last_signs.last
    if last and (until := last + closing_rules(case).calm_for) > now:
        signs = {
            "question": case.last_signs.question_at,
            "receipt": case.last_signs.receipt_at,
            "person found late": case.last_signs.latecomer_at,
        }
        which = listed([name for name, at in signs.items() if at == last])
        yield Missing(
            criterion=Criterion.CALM,
            about="calm",
            state=last.isoformat(),
            what=f"the last {which} came {minute(last)}, so it is calm enough on {minute(until)}",
            owner=TeamRole.LEAD,
        )


Finder = Callable[[ClosingView, datetime], Iterator[Missing]]
FINDERS: dict[Criterion, Finder] = {
    Criterion.TOLD: _told,
    Criterion.SENT: _sent,
    Criterion.EVERYONE_REACHED: everyone_reached,
    Criterion.LETTERS_HANDED_IN: _letters,
    Criterion.DUTIES_FILED: _duties,
    Criterion.ROOT_CAUSE_KNOWN: _root_cause,
    Criterion.CONTAINED: _contained,
    Criterion.QUESTIONS_SETTLED: _questions,
    Criterion.CLAIMS_SETTLED: _claims,
    Criterion.COMMITMENTS_SETTLED: _commitments,
    Criterion.SURVEY_OVER: _surveys,
    Criterion.CALM: _calm,
}
"""Functions that find what is missing, by criterion."""
