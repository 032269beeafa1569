"""Duties to people: whether all to whom a duty is owed were told, and the substitute notices that the law demands."""

from collections import Counter
from datetime import datetime

from amends.domain.base.errors import Refusal
from amends.domain.base.text import counted
from amends.domain.case.case import Case
from amends.domain.case.lawfully import LawfullyTold, told_under
from amends.domain.law.duty import Addressee, Duty
from amends.domain.law.means import is_in
from amends.domain.law.substitute import PlaceCounts, SubstituteDue, SubstituteNotice, living_in, substitute_due
from amends.domain.playbook.playbook import Event

SUBSTITUTE_DEMANDED = "the law demands a substitute notice, and none is recorded"


def told_at(case: Case, duty: Duty) -> datetime | None:
    """Return when all to whom this duty is owed were told, or None while somebody is not.

    People whom nothing can reach count once the substitute notice was given that the law then demands.
    """
    if Event.NOTIFIED not in case.events or why_not_done(case, duty):
        return None
    letters = [at for place, at in case.reach.letters_at.items() if is_in(place, duty.places)]
    given = [substitute.at for substitute in case.substitutes if substitute.duty == duty.id]
    return max([case.events[Event.NOTIFIED], *letters, *given])


def why_not_done(case: Case, duty: Duty) -> str:
    """Return in words why a duty to people is not done although people were told; empty when it is."""
    if duty.addressee is not Addressee.PEOPLE or Event.NOTIFIED not in case.events:
        return ""
    told = told_under(case, duty)
    if waiting := _waiting(case, duty, told):
        return f"{counted(waiting, 'person there waits', 'people there wait')} for a message or a letter"
    demanded = _demanded(case, duty)
    if told and told.unlawfully and not _given(case, duty):
        return _not_counted(told) + (f"; {SUBSTITUTE_DEMANDED}" if demanded else "")
    return SUBSTITUTE_DEMANDED if demanded else ""


def substitutes_demanded(case: Case) -> tuple[SubstituteDue, ...]:
    """Return the substitute notices that a law demands by the present numbers and that nobody has recorded."""
    return tuple(found for duty in case.duties if (found := _demanded(case, duty)))


def given_for(case: Case, duty_id: str) -> SubstituteNotice | None:
    """Return the substitute notice that was recorded for this duty, or None."""
    return next((substitute for substitute in case.substitutes if substitute.duty == duty_id), None)


def why_not_substitute(case: Case, duty: Duty) -> Refusal | None:
    """Return why no substitute notice can stand for telling people directly under this duty, or None."""
    if duty.addressee is not Addressee.PEOPLE:
        return Refusal(f"{duty.id} is not owed to people; `amends duty filed {case.incident.id} {duty.id}` records it")
    if duty.substitute is None:
        return Refusal(f"the table of duties knows no substitute notice for {duty.id} ({duty.law}, {duty.citation})")
    if Event.NOTIFIED not in case.events:
        return Refusal(
            f"whom nothing reaches in {case.incident.id} shows once its first notice was sent; record it then"
        )
    if _due(case, duty) is None:
        return Refusal(
            f"{duty.id} needs no substitute notice: by the present numbers none of its grounds is met; "
            f"`amends duty show {case.incident.id} {duty.id}` lists them"
        )
    return None


def _waiting(case: Case, duty: Duty, told: LawfullyTold | None) -> int:
    """Return how many people there wait for the message that tells them, or for the one that counts."""
    nothing_yet = living_in(duty.places, case.reach.waiting)
    return nothing_yet + (told.told_meanwhile if told else 0)


def _not_counted(told: LawfullyTold) -> str:
    """Return in words how many people only messages have told that the law does not count."""
    each = (
        f"{people:,} of {told.people:,} {'was' if people == 1 else 'were'} told only by {channels}"
        for channels, people in told.only_by.items()
    )
    return f"{'; '.join(each)}, which this law does not count"


def _given(case: Case, duty: Duty) -> bool:
    """Return True when a substitute notice stands for the people whom no message has told as the law demands."""
    due = _due(case, duty)
    return given_for(case, duty.id) is not None or bool(due and due.must and not due.to_do)


def _demanded(case: Case, duty: Duty) -> SubstituteDue | None:
    """Return the substitute notice that the law demands and nobody has recorded, or None.

    A notice of which our page on the website does everything is given.
    """
    found = _due(case, duty)
    return found if found and found.must and found.to_do and not given_for(case, duty.id) else None


def _due(case: Case, duty: Duty) -> SubstituteDue | None:
    told = told_under(case, duty)
    unreached = Counter(case.reach.unreached) + Counter(told.by_place if told else {})
    counts = PlaceCounts(case.audience.by_place, unreached)
    return next(iter(substitute_due([duty], counts, case.reach.page_up_since)), None)
