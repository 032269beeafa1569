"""Differences between two assessments, in lines for the incident lead."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from amends.domain.assess.assessment import Assessment
from amends.domain.base.text import minute
from amends.domain.law.duty import Duty


def changes(old: Assessment | None, new: Assessment) -> tuple[str, ...]:
    """Return the differences, the weightiest first; empty for the first assessment and when nothing is different."""
    if old is None:
        return ()
    return (*_gravity(old, new), *_duties(old, new), *_addenda(old, new), *_questions(old, new))


def _gravity(old: Assessment, new: Assessment) -> Iterator[str]:
    if old.band is not new.band:
        scores = f"{old.severity.score:g} → {new.severity.score:g}"
        yield f"severity {_words(old.band)} → {_words(new.band)} (score {scores})"
    if old.risk is not new.risk:
        yield f"risk to people {old.risk} → {new.risk}"
    if old.tell_people is not new.tell_people:
        yield "the people must be told now" if new.tell_people else "the people need not be told any more"
    if old.notify_authority is not new.notify_authority:
        yield "an authority must be told now" if new.notify_authority else "no authority need be told any more"
    if old.tone is not new.tone:
        yield f"tone {old.tone} → {new.tone}, signed by the {new.signed_by}"


def _duties(old: Assessment, new: Assessment) -> Iterator[str]:
    before, after = _by_id(old.duties), _by_id(new.duties)
    reasons = {aside.id: aside.why for aside in new.set_aside}
    for duty in new.duties:
        if duty.id not in before:
            yield f"new duty {duty.id}: {duty.recipient_name}, {_by(duty.due_at)}"
        else:
            yield from _changed_duty(before[duty.id], duty)
    for duty_id in sorted(before.keys() - after.keys()):
        yield f"duty {duty_id} falls away: {reasons.get(duty_id, 'nobody lives there any more')}"


def _changed_duty(old: Duty, new: Duty) -> Iterator[str]:
    if old.standing is not new.standing:
        yield f"duty {new.id}: {_words(old.standing)} → {_words(new.standing)}"
    counted_from_now = new.assumed and old.assumed
    if old.due_at != new.due_at and not counted_from_now:
        yield f"duty {new.id}: {_by(old.due_at)} → {_by(new.due_at)}"


def _addenda(old: Assessment, new: Assessment) -> Iterator[str]:
    if added := _without(new.addenda, old.addenda):
        yield f"letters needed now: {added}"
    if gone := _without(old.addenda, new.addenda):
        yield f"letters not needed any more: {gone}"


def _questions(old: Assessment, new: Assessment) -> Iterator[str]:
    yield from (f"answered: {question}" for question in old.open_questions if question not in new.open_questions)
    yield from (f"open now: {question}" for question in new.open_questions if question not in old.open_questions)


def _by_id(duties: tuple[Duty, ...]) -> dict[str, Duty]:
    return {duty.id: duty for duty in duties}


def _without(names: Iterable[str], others: tuple[str, ...]) -> str:
    return ", ".join(name for name in names if name not in others)


def _by(moment: datetime | None) -> str:
    return f"by {minute(moment)}" if moment else "at once"


def _words(word: str) -> str:
    return word.replace("_", " ")
