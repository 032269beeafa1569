"""Steps that can never be taken, with the reasons: found in the playbook alone, before it runs.

Whatever the playbook does not decide counts as possible, so that only certain objections are raised.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from amends.domain.base.text import listed
from amends.domain.base.value import Value
from amends.domain.incident.commitment import PlannedCommitment
from amends.domain.playbook.closing import Criterion
from amends.domain.playbook.playbook import REPEATING, Event, Phase, Playbook, Step, When, at_severity
from amends.domain.risk.levels import Severity
from amends.domain.team.approval import ApprovalRule, why_not_approve
from amends.domain.team.member import Member

NO_COMMITMENT = "this playbook makes no promise"
ONLY_AT_MOST = "only at_most ends the series"
PROMISES = (Phase.NOTIFY, Phase.UPDATE)
"""Phases whose notices make commitments."""
NEWS = (Phase.ASSESS, Phase.NOTIFY, Phase.UPDATE)
"""Phases whose notices tell people what happened."""
COMES_WITHOUT_A_STEP = (Event.OPENED, Event.RESOLVED, Event.CLOSED, Event.COMMITMENT_LATE)
CAUSED_BY: dict[str, Callable[[Step], bool]] = {
    Event.ASSESSED: lambda step: step.phase is Phase.ASSESS,
    Event.NOTIFIED: lambda step: step.phase is Phase.NOTIFY and step.notice is not None,
    Event.APPROVED: lambda step: bool(step.channels),
    Event.FACTS_CHANGED: lambda step: step.phase in NEWS and step.notice is not None,
    Event.NO_LONGER_AFFECTED: lambda step: step.phase in NEWS and step.notice is not None,
}
"""The steps that cause each event; the id of a step is an event that the step itself causes."""
WHY_NEVER: dict[str, str] = {
    Event.ASSESSED: "there is no step of the phase assess",
    Event.NOTIFIED: "no step of the phase notify sends a notice",
    Event.APPROVED: "no step sends anything",
    Event.FACTS_CHANGED: "no step tells people anything that could change",
    Event.NO_LONGER_AFFECTED: "no step tells people that their data is affected",
}
"""The reason why an event never happens when no step causes it."""
MANY = 10_000
"""More occurrences than any step that comes again by itself will have."""
HOW_TO_ADD = "`amends team add NAME --role ROLE` adds somebody"


class Objection(Value):
    """An objection to one step that cannot work as it was meant."""

    step: str
    key: str
    """The key of the step that causes the objection."""
    why: str
    advice: str = ""
    severity: Severity | None = None
    """The severity from which on the objection holds, when the cause is a change in `by_severity`."""


def never_due(playbook: Playbook) -> tuple[Objection, ...]:
    """Return an objection to each step whose time never comes, with the first reason; not to steps in `circles`."""
    events = _PossibleEvents(playbook)
    return tuple(
        one for step in playbook.steps if (one := _never_by_keys(events, step) or _never_by_event(events, step))
    )


def circles(playbook: Playbook) -> dict[str, tuple[str, ...]]:
    """Return, by step, the steps through which the step waits for itself; the step stands at both ends."""
    events = _PossibleEvents(playbook)
    return {step.id: way for step in playbook.steps if (way := _circle(events, step))}


def never_chosen(playbook: Playbook) -> tuple[Objection, ...]:
    """Return an objection to each step that its condition, or an earlier step of the same choice, always excludes."""
    return tuple(one for step in playbook.steps if (one := _contradicts(step) or _always_another(playbook, step)))


def no_choice(playbook: Playbook) -> tuple[Objection, ...]:
    """Return an objection to each step that is the only one of its choice."""
    words = [step.one_of for step in playbook.steps]
    alone = (step for step in playbook.steps if step.one_of and words.count(step.one_of) == 1)
    return tuple(Objection(step=one.id, key="one_of", why=f"no other step says one_of: {one.one_of}") for one in alone)


def perhaps_never(playbook: Playbook) -> tuple[Objection, ...]:
    """Return an objection to each step that needs a commitment, when only the incident file can bring one."""
    if playbook.commitments or playbook.offers:
        return ()
    waiting = ((step.id, _needs_commitment(step)) for step in playbook.steps)
    advice = "the step is taken only when the incident file brings a promise"
    return tuple(Objection(step=step, key=key, why=NO_COMMITMENT, advice=advice) for step, key in waiting if key)


def never_promised(playbook: Playbook, commitments: Iterable[PlannedCommitment]) -> tuple[PlannedCommitment, ...]:
    """Return those of the commitments that no notice ever makes, because none goes to exactly their audience."""
    told = {step.audience for step in playbook.steps if step.phase in PROMISES and step.notice and not step.found_for}
    return tuple(commitment for commitment in commitments if commitment.audience not in told)


def endless(playbook: Playbook) -> tuple[Objection, ...]:
    """Return an objection to each series whose end never comes, so that only `at_most` ends the series."""
    events = _PossibleEvents(playbook)
    ends = [(step, step.until) for step in playbook.steps if step.until and step.until not in events.happens]
    return tuple(
        Objection(step=step.id, key="until", why=events.why_not(until), advice=ONLY_AT_MOST) for step, until in ends
    )


def never_calm(playbook: Playbook) -> tuple[Objection, ...]:
    """Return an objection to each series of updates whose receipts come so often that the case never gets calm."""
    rules = playbook.closing
    if Criterion.CALM not in rules.criteria:
        return ()
    advice = f"let calm_for be less, or leave {Criterion.CALM} out"
    found = []
    for severity in (None, *Severity):
        for step in at_severity(playbook, severity).steps:
            often = step.every and step.until == Event.RESOLVED and _writes(step) and not step.every.business_days
            if often and step.every and step.every.span <= rules.calm_for:
                why = f"{step.id} brings receipts every {step.every}, so that it is never calm for {rules.calm_for}"
                found.append(Objection(step=step.id, key="every", why=why, advice=advice))
    return tuple({one.step: one for one in reversed(found)}.values())


def _writes(step: Step) -> bool:
    return any(channel.personal for channel in step.channels)


class _PossibleEvents:
    """The events that can happen in a playbook: those that need no step, and all that follow from them."""

    def __init__(self, playbook: Playbook) -> None:
        self.steps, self.thresholds = playbook.steps, playbook.thresholds
        self._never_chosen = {one.step for one in never_chosen(playbook)}
        words = [*map(str, Event), *self.thresholds, *(step.id for step in self.steps)]
        self.happens = {word for word in words if self.causes_of(word) is None}
        while new := {word for word in words if word not in self.happens and self._is_caused(word)}:
            self.happens |= new

    def causes_of(self, word: str) -> tuple[Step, ...] | None:
        """Return the steps of which one must be taken for the event to happen; None when the event needs no step."""
        if threshold := self.thresholds.get(word):
            told = threshold.told_percent_at_least is not None
            return tuple(step for step in self.steps if sends(step, threshold.notice)) if told else None
        if word in COMES_WITHOUT_A_STEP:
            return None
        causes = CAUSED_BY.get(word, lambda step: step.id == word)
        return tuple(filter(causes, self.steps))

    def _is_caused(self, word: str) -> bool:
        return any(self._can_be_taken(step) for step in self.causes_of(word) or ())

    def _can_be_taken(self, step: Step) -> bool:
        begins = step.on is not None or step.of in self.happens
        return begins and step.id not in self._never_chosen and not _never_by_keys(self, step)

    def before(self, word: str, seen: frozenset[str] = frozenset()) -> frozenset[str]:
        """Return the events that have certainly happened once this event has, including itself; circles add nothing."""
        sure = frozenset({str(Event.OPENED), word} - {*map(str, REPEATING)})
        seen |= {word}
        causes = [step for step in self.causes_of(word) or () if step.of not in seen]
        ways = [self.before(step.of, seen) if step.of else sure for step in causes]
        return sure | frozenset.intersection(*ways) if ways else sure

    def awaited(self, word: str) -> Iterator[str]:
        """Yield the impossible events for which this event waits."""
        steps = [step for step in self.steps if step.id == word]
        waits = (step.of for step in steps) if steps else (step.id for step in self.causes_of(word) or ())
        return (wait for wait in waits if wait and wait not in self.happens)

    def why_not(self, word: str) -> str:
        """Return in words that the event never happens, and why."""
        steps = ", ".join(step.id for step in self.causes_of(word) or ())
        if steps == word:
            return f"{word} can never be taken"
        if steps:
            return f"{word} never happens: {steps} can never be taken"
        threshold = self.thresholds.get(word)
        reason = f"no step sends the notice {threshold.notice}" if threshold else WHY_NEVER[word]
        return f"{word} never happens: {reason}"


def sends(step: Step, notice: str) -> bool:
    """Return True when the step sends the notice of this name; a series numbers its notices: update-1, update-2."""
    if not step.notice or not step.repeats:
        return step.notice == notice
    stem, _, number = notice.rpartition("-")
    return stem == step.notice and number in map(str, range(1, (step.at_most if step.every else MANY) + 1))


def _never_by_keys(events: _PossibleEvents, step: Step) -> Objection | None:
    """Return the objection that the step's own keys keep it from being taken, or None."""
    if step.of == Event.CLOSED and step.phase is not Phase.FOLLOW_UP:
        why = f"once a case is closed only steps of the phase {Phase.FOLLOW_UP} are taken"
        return Objection(
            step=step.id, key="of", why=why, advice=f"begin with {Event.RESOLVED}; closing waits for the step"
        )
    if step.until and step.until in (events.before(step.of) if step.of else {Event.OPENED}):
        same = step.until == step.of
        why = f"it begins and ends with {step.until}" if same else f"{step.until} has always happened before it begins"
        advice = "name an event that comes later, or leave until out: at_most ends the series too"
        return Objection(step=step.id, key="until", why=why, advice=advice)
    return None


def _never_by_event(events: _PossibleEvents, step: Step) -> Objection | None:
    """Return the objection that the event with which the step begins never happens, or None."""
    if step.on or step.of in events.happens or _circle(events, step):
        return None
    return Objection(step=step.id, key="of", why=events.why_not(step.of), advice=_notice_meant(events, step.of))


def _notice_meant(events: _PossibleEvents, word: str) -> str:
    """Return a hint that a series numbers its notices, when a threshold names one without a number; else empty."""
    threshold = events.thresholds.get(word)
    if threshold and any(step.repeats and step.notice == threshold.notice for step in events.steps):
        return f"the notices of a series are numbered. Did you mean {threshold.notice + '-1'!r}?"
    return ""


def _circle(events: _PossibleEvents, step: Step) -> tuple[str, ...]:
    """Return the circle of impossible events from the step back to itself; empty when there is none."""
    ways: list[tuple[str, ...]] = [(step.id,)]
    seen = set[str]()
    for way in ways:
        for word in events.awaited(way[-1]):
            if word == step.id:
                return (*way, word)
            if word not in seen:
                seen.add(word)
                ways.append((*way, word))
    return ()


def _needs_commitment(step: Step) -> str:
    """Return the key by which the step needs a commitment, or an empty text."""
    if step.of == Event.COMMITMENT_LATE:
        return "of"
    return "when" if step.when.open_commitments else ""


def _contradicts(step: Step) -> Objection | None:
    if step.of != Event.COMMITMENT_LATE or step.when.open_commitments is not False:
        return None
    why = "a promise that is late is open, so open_commitments is never false here"
    return Objection(step=step.id, key="when", why=why, advice="leave the condition out")


def _always_another(playbook: Playbook, step: Step) -> Objection | None:
    """Return the objection that an earlier step of the same choice is always taken instead, or None."""
    choice = [other for other in playbook.steps if step.one_of and other.one_of == step.one_of]
    earlier = choice[: choice.index(step)] if choice else []
    first = next((other for other in earlier if _covers(other.when, step.when)), None)
    if first is None:
        return None
    reason = "has no condition" if first.when == When() else "has a condition that holds whenever this one's does"
    why = f"of the steps with one_of: {step.one_of} always {first.id} is taken instead: it comes first and {reason}"
    return Objection(step=step.id, key="one_of", why=why, advice=f"put {step.id} before {first.id}")


def _covers(wide: When, narrow: When) -> bool:
    """Return True when the first condition holds in every case in which the second one does."""
    return all(_is_wider(getattr(wide, key), getattr(narrow, key)) for key in When.model_fields)


def _is_wider(wide: object, narrow: object) -> bool:
    """Return True when the first value of a key demands no more than the second; a missing value demands nothing."""
    match wide:
        case None | () | Severity.LOW:
            return True
        case Severity():
            return isinstance(narrow, Severity) and wide.rank <= narrow.rank
        case bool():
            return wide is narrow
        case int():
            return isinstance(narrow, int) and wide <= narrow
        case tuple():
            return isinstance(narrow, tuple) and bool(narrow) and set(narrow) <= set(wide)
    return wide == narrow


def nobody_could_approve(
    playbook: Playbook, members: Iterable[Member], authors: tuple[str, ...] = ()
) -> tuple[Objection, ...]:
    """Return an objection to each step whose notices the team can never approve: too few members, or a missing role.

    A member who handed in the incident file or the list of people is an author of the notices and approves none.
    """
    everybody = tuple(members)
    return tuple(
        Objection(step=step, key="approvals", why=why, advice=HOW_TO_ADD, severity=severity)
        for step, severity, asked in _asked(playbook)
        for why in too_few(asked, everybody, authors)
    )


def too_few(asked: ApprovalRule, members: Sequence[Member], authors: tuple[str, ...]) -> tuple[str, ...]:
    """Return why this team cannot approve, under this rule, what these authors wrote; empty when it can."""
    able = [member for member in members if why_not_approve(member, authors) is None]
    barred = [one.name for one in members if one.name in authors and why_not_approve(one) is None]
    besides = f" besides {listed(barred)}, who handed in the incident file or the list of people" if barred else ""
    return tuple(_missing(asked, able, besides))


def _asked(playbook: Playbook) -> Iterator[tuple[str, Severity | None, ApprovalRule]]:
    sending = {step.id: step for step in playbook.steps if step.channels}
    yield from ((step.id, None, step.approvals) for step in sending.values())
    for severity, changes in playbook.by_severity.items():
        for step_id, change in changes.items():
            if change.approvals and (step_id in sending or change.channels):
                yield step_id, severity, change.approvals


def _missing(asked: ApprovalRule, able: Sequence[Member], besides: str) -> Iterator[str]:
    if len(able) < asked.needed:
        have = f"only {len(able)}" if able else "nobody"
        wanted = "1 person who approves" if asked.needed == 1 else f"{asked.needed} people who approve"
        yield f"it needs {wanted}, but {have} in the team may{besides}"
    roles = {member.role for member in able}
    if missing := [role for role in asked.roles if role not in roles]:
        yield f"{listed(missing)} must be among those who approve, but nobody in the team is{besides}"
