"""A playbook in words, for people who do not write YAML."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from amends.domain.base.text import listed, minute
from amends.domain.base.value import some_text
from amends.domain.incident.commitment import when_due
from amends.domain.playbook.playbook import Event, Gate, Playbook, QuietHours, Step, StepChange, Threshold, Waves, When

GATES = {
    Gate.AUTHORITIES: "every authority that must hear of it before the people has been told",
    Gate.DIRECT_NOTICES: "nearly all messages to people have left",
}
EVENTS: dict[str, str] = {
    Event.OPENED: "the incident was opened",
    Event.ASSESSED: "it was worked out how grave it is",
    Event.APPROVED: "a notice got its last approval for the first time",
    Event.NOTIFIED: "the first notice has gone to everybody it could go to",
    Event.FACTS_CHANGED: "somebody was told otherwise than is known now; each time anew",
    Event.NO_LONGER_AFFECTED: "a corrected list lacks somebody who was told; each time anew",
    Event.COMMITMENT_LATE: "a promise is not settled on the day it was due; each time anew",
    Event.RESOLVED: "the lead says that there is nothing new to tell",
    Event.CLOSED: "the case was closed",
}


def in_words(playbook: Playbook) -> Iterator[str]:
    """Yield the whole playbook in lines, in reading order."""
    yield f"{playbook.id}: {playbook.title}"
    yield playbook.for_
    for step in playbook.steps:
        yield f"\n{step.id} ({step.phase}), {timing(step)}"
        yield from (f"  {line}" for line in about(playbook, step))
    for commitment in playbook.commitments:
        yield f"\npromise {commitment.id}, {when_due(commitment)}, {commitment.owner}"
        yield f"  {some_text(commitment.promise, 'en')}"
    if playbook.offers:
        yield f"\nfits, and is promised only where the incident file picks it: {', '.join(playbook.offers)}"
    yield ""
    yield from _rules(playbook)
    yield from _events(playbook)


def timing(step: Step) -> str:
    """Return when the step comes, how often and until when."""
    if step.every is None:
        return begins(step)
    series = f", then every {step.every}" if step.after or step.on else f", every {step.every}"
    until = f" until {step.until}" if step.until else ""
    return f"{begins(step)}{series}{until}, {step.at_most} times at most"


def begins(step: Step) -> str:
    """Return when the step comes first."""
    hour = f", at {step.at:%H:%M}" if step.at else ""
    if step.on:
        return f"on {minute(step.on)}{hour}"
    return f"{step.after} after {step.of}{hour}" if step.after else f"right after {step.of}{hour}"


def condition(when: When) -> str:
    """Return the condition under which a step is taken, or empty; what is not known counts as fulfilled."""
    given = ((key, getattr(when, key)) for key in When.model_fields)
    return " and ".join(CONDITIONS[key](value) for key, value in given if value not in (None, ()))


CONDITIONS: dict[str, Callable[[Any], str]] = {
    "severity_at_least": lambda severity: f"the severity is {_word(severity)} or graver",
    "people_at_least": lambda people: f"{people:,} people or more are affected",
    "cause": lambda causes: f"the cause is {_or(causes)}",
    "vector": lambda vectors: f"the way in was {_or(vectors)}",
    "data_includes": lambda kinds: f"{_or(kinds)} data was touched",
    "open_commitments": lambda yes: f"{'a' if yes else 'no'} promise is open",
    "open_questions": lambda yes: f"{'a' if yes else 'no'} question is open",
    "told_wrongly": lambda yes: f"{'something' if yes else 'nothing'} that people were told as certain was wrong",
}
"""The words for each key of a condition."""


def to_whom(step: Step, people: int | None = None) -> str:
    """Return which notice goes to whom and how; empty when the step sends none."""
    if not step.channels:
        return ""
    what = f"notice {step.notice} to {step.readers}" if step.notice else "news of promises to those promised"
    count = f" ({people:,} people)" if people is not None else ""
    cascade = f"; whom these do not reach gets it by {_then(step.cascade)}" if step.cascade else ""
    return f"{what}{count} by {listed(step.channels)}{cascade}"


def waves(step: Step) -> str:
    """Return in which waves the notice leaves; empty when the notice leaves all at once."""
    return _in_parts(step.waves) if step.waves else ""


def gates(step: Step) -> str:
    """Return what the approved notice waits for; empty when it waits for nothing."""
    return f"leaves only once {listed(GATES[gate] for gate in step.waits_for)}" if step.waits_for else ""


def task(step: Step) -> str:
    """Return what a person has to do; empty when the step is no task."""
    if not step.task:
        return ""
    return f"{step.owner}: {step.task} (within {step.within}; then the {step.escalate_to} hears of it)"


def quiet_hours(quiet: QuietHours) -> str:
    """Return which channels are quiet at night, when, and for whom."""
    unless = f", unless the severity is {_word(quiet.unless_severity)} or graver" if quiet.unless_severity else ""
    hours = f"from {quiet.from_:%H:%M} until {quiet.until:%H:%M}"
    return f"no {_or(quiet.channels)} goes out {hours} on the clock of where each person lives{unless}"


def about(playbook: Playbook, step: Step) -> Iterator[str]:
    """Yield what the step does, for whom and under which conditions, in lines."""
    lines = (
        step.reads_on,
        f"only if {condition(step.when)}" if step.when != When() else "",
        _choice(playbook, step),
        task(step),
        to_whom(step),
        f"needs {step.approvals}" if step.channels else "",
        gates(step),
        waves(step),
        "whoever opted out does not get it" if step.optional else "",
    )
    yield from filter(None, lines)
    for severity in sorted(playbook.by_severity, key=lambda one: one.rank):
        if change := playbook.by_severity[severity].get(step.id):
            yield f"when the severity is {_word(severity)} or graver: {'; '.join(_changed(change, change.of(step)))}"


def _choice(playbook: Playbook, step: Step) -> str:
    if step.one_of is None:
        return ""
    others = [other.id for other in playbook.steps if other.one_of == step.one_of]
    return f"of {listed(others)} only one is taken: the first whose condition holds"


def _changed(change: StepChange, step: Step) -> Iterator[str]:
    """Yield what the change makes different, in the words of the changed step."""
    given = change.model_fields_set
    if given & {"after", "at", "every", "at_most"}:
        yield timing(step)
    if given & {"channels", "cascade"}:
        yield to_whom(step)
    if "approvals" in given:
        yield f"needs {step.approvals}"
    if "waves" in given:
        yield waves(step) or "to everybody at once"


def _in_parts(parts: Waves) -> str:
    return f"leaves in parts of {parts.size:,} people, one every {parts.pause}"


def _rules(playbook: Playbook) -> Iterator[str]:
    """Yield the rules that hold for the whole playbook."""
    yield f"every question is answered within {playbook.reply_within}, by {playbook.questions_owner}"
    for name, topic in playbook.topics.items():
        within, owner = topic.reply_within or playbook.reply_within, topic.owner or playbook.questions_owner
        yield f"a question about {name} is answered within {within}, by {owner}"
    yield from (f"a question of {why} is answered within {within}" for why, within in playbook.urgent.items())
    yield f"what {playbook.gap_at} people ask without an answer is spoken of in the next update"
    yield (
        f"approvers have {playbook.approve_within} for a draft; an approval counts for "
        f"{playbook.approval_expires_after}, then it must be given anew"
    )
    yield f"the owner of a promise is reminded {playbook.remind_before} before it is due"
    if playbook.quiet_hours:
        yield quiet_hours(playbook.quiet_hours)
    if playbook.uses_business_days:
        days = f"and {len(playbook.days_off)} public holidays" if playbook.days_off else "and public holidays"
        yield f"business days are all but Saturdays, Sundays {days}"


def _events(playbook: Playbook) -> Iterator[str]:
    """Yield the meaning of the events that the steps are timed by."""
    used = {word for step in playbook.steps for word in (step.of, step.until) if word}
    yield from (f"{word} means: {said}" for word, said in EVENTS.items() if word in used)
    yield from (f"{name} means: {_reached(one)}" for name, one in playbook.thresholds.items() if name in used)


def _reached(threshold: Threshold) -> str:
    if threshold.told_percent_at_least:
        return f"{threshold.notice} has left for {threshold.told_percent_at_least} % of its people"
    if threshold.open_questions_at_least:
        return f"{threshold.open_questions_at_least} questions or more were waiting for an answer at one time"
    return f"{threshold.questions_at_least} questions or more were asked"


def _word(word: object) -> str:
    return str(word).replace("_", " ")


def _or(words: Iterable[object]) -> str:
    return " or ".join(map(_word, words))


def _then(words: Iterable[object]) -> str:
    return ", then ".join(map(_word, words))
