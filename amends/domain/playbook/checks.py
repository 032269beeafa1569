"""Steps that can never be taken, and why: found in the playbook alone, before it runs.

What cannot be told from the playbook counts as possible, so that only what is certain is said.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from amends.domain.base.text import listed
from amends.domain.base.value import Value
from amends.domain.playbook.playbook import REPEATING, Event, Phase, Playbook, Step, When
from amends.domain.risk.levels import Severity
from amends.domain.team.approval import ApprovalRule, why_not_approve
from amends.domain.team.member import Member


class Objection(Value):
    """One thing about one step that cannot be as it was meant."""

    step: str
    key: str
    """The key of the step that says so."""
    why: str
    advice: str = ""
    severity: Severity | None = None
    """From which severity on, where it is about a change in `by_severity`."""


NEWS = (Phase.ASSESS, Phase.NOTIFY, Phase.UPDATE)
"""Phases whose notices tell people what happened."""
MANY = 10_000
"""More turns than any step that comes again by itself will have."""


def never_due(playbook: Playbook) -> tuple[Objection, ...]:
    """Steps whose time never comes, each with its first reason; not those in `circles`."""
    bound = _Bound(playbook)
    return tuple(one for step in playbook.steps if (one := _barred(bound, step) or _in_vain(bound, step)))


def circles(playbook: Playbook) -> dict[str, tuple[str, ...]]:
    """Steps that wait for themselves, each with all that stands between; the step is at both ends."""
    bound = _Bound(playbook)
    return {step.id: way for step in playbook.steps if (way := _way_back(bound, step))}


def never_chosen(playbook: Playbook) -> tuple[Objection, ...]:
    """Steps that a condition, or an earlier step of the same choice, keeps from being taken."""
    return tuple(one for step in playbook.steps if (one := _contradicts(step) or _always_another(playbook, step)))


def no_choice(playbook: Playbook) -> tuple[Objection, ...]:
    """Steps of a choice that has no other step."""
    words = [step.one_of for step in playbook.steps]
    alone = (step for step in playbook.steps if step.one_of and words.count(step.one_of) == 1)
    return tuple(Objection(step=one.id, key="one_of", why=f"no other step says one_of: {one.one_of}") for one in alone)


def perhaps_never(playbook: Playbook) -> tuple[Objection, ...]:
    """Steps that are only taken when the incident file brings promises, because the playbook makes none."""
    if playbook.commitments:
        return ()
    waiting = ((step.id, _needs_a_promise(step)) for step in playbook.steps)
    advice = "the step is taken only when the incident file brings a promise"
    return tuple(Objection(step=step, key=key, why=NO_PROMISE, advice=advice) for step, key in waiting if key)


NO_PROMISE = "this playbook makes no promise"


def endless(playbook: Playbook) -> tuple[Objection, ...]:
    """Series whose end never comes, so that only `at_most` ends them."""
    bound = _Bound(playbook)
    ends = [(step, step.until) for step in playbook.steps if step.until and step.until not in bound.happens]
    return tuple(
        Objection(step=step.id, key="until", why=bound.why_not(until), advice=ONLY_AT_MOST) for step, until in ends
    )


ONLY_AT_MOST = "only at_most ends the series"


class _Bound:
    """What can happen in a playbook: the events that need no step, and whatever follows from these."""

    def __init__(self, playbook: Playbook) -> None:
        self.steps, self.thresholds = playbook.steps, playbook.thresholds
        self._passed_over = {one.step for one in never_chosen(playbook)}
        words = [*map(str, Event), *self.thresholds, *(step.id for step in self.steps)]
        self.happens = {word for word in words if self.brought_by(word) is None}
        while new := {word for word in words if word not in self.happens and self._follows(word)}:
            self.happens |= new

    def brought_by(self, word: str) -> tuple[Step, ...] | None:
        """The steps of which one must be taken for this to happen; None when it needs none."""
        if threshold := self.thresholds.get(word):
            told = threshold.told_percent_at_least is not None
            return tuple(step for step in self.steps if sends(step, threshold.notice)) if told else None
        if word in COMES_WITHOUT_A_STEP:
            return None
        brings = BROUGHT_BY.get(word, lambda step: step.id == word)
        return tuple(filter(brings, self.steps))

    def _follows(self, word: str) -> bool:
        return any(self._taken(step) for step in self.brought_by(word) or ())

    def _taken(self, step: Step) -> bool:
        begins = step.on is not None or step.of in self.happens
        return begins and step.id not in self._passed_over and not _barred(self, step)

    def before(self, word: str, seen: frozenset[str] = frozenset()) -> frozenset[str]:
        """What has certainly happened once this has, itself included; a circle adds nothing."""
        sure = frozenset({str(Event.OPENED), word} - {*map(str, REPEATING)})
        seen |= {word}
        bringing = [step for step in self.brought_by(word) or () if step.of not in seen]
        ways = [self.before(step.of, seen) if step.of else sure for step in bringing]
        return sure | frozenset.intersection(*ways) if ways else sure

    def awaited(self, word: str) -> Iterator[str]:
        """What this waits for in vain."""
        steps = [step for step in self.steps if step.id == word]
        waits = (step.of for step in steps) if steps else (step.id for step in self.brought_by(word) or ())
        return (one for one in waits if one and one not in self.happens)

    def why_not(self, word: str) -> str:
        """That this never happens, and why."""
        steps = ", ".join(step.id for step in self.brought_by(word) or ())
        if steps == word:
            return f"{word} can never be taken"
        if steps:
            return f"{word} never happens: {steps} can never be taken"
        threshold = self.thresholds.get(word)
        reason = f"no step sends the notice {threshold.notice}" if threshold else NOBODY[word]
        return f"{word} never happens: {reason}"


COMES_WITHOUT_A_STEP = (Event.OPENED, Event.RESOLVED, Event.CLOSED, Event.COMMITMENT_LATE)
BROUGHT_BY: dict[str, Callable[[Step], bool]] = {
    Event.ASSESSED: lambda step: step.phase is Phase.ASSESS,
    Event.NOTIFIED: lambda step: step.phase is Phase.NOTIFY and step.notice is not None,
    Event.APPROVED: lambda step: bool(step.channels),
    Event.FACTS_CHANGED: lambda step: step.phase in NEWS and step.notice is not None,
}
"""Which steps bring an event about; the word of a step is brought about by the step itself."""
NOBODY: dict[str, str] = {
    Event.ASSESSED: "there is no step of the phase assess",
    Event.NOTIFIED: "no step of the phase notify sends a notice",
    Event.APPROVED: "no step sends anything",
    Event.FACTS_CHANGED: "no step tells people anything that could change",
}
"""Why an event never happens when there is no such step."""


def sends(step: Step, notice: str) -> bool:
    """Whether this step sends the notice of that name; those of a series are numbered: update-1, update-2."""
    if not step.notice or not step.repeats:
        return step.notice == notice
    stem, _, number = notice.rpartition("-")
    return stem == step.notice and number in map(str, range(1, (step.at_most if step.every else MANY) + 1))


def _barred(bound: _Bound, step: Step) -> Objection | None:
    """Why its own keys keep the step from being taken."""
    if step.of == Event.CLOSED and step.phase is not Phase.FOLLOW_UP:
        why = f"once a case is closed only steps of the phase {Phase.FOLLOW_UP} are taken"
        return Objection(
            step=step.id, key="of", why=why, advice=f"begin with {Event.RESOLVED}; closing waits for the step"
        )
    if step.until and step.until in (bound.before(step.of) if step.of else {Event.OPENED}):
        same = step.until == step.of
        why = f"it begins and ends with {step.until}" if same else f"{step.until} has always happened before it begins"
        advice = "name an event that comes later, or leave until out: at_most ends the series too"
        return Objection(step=step.id, key="until", why=why, advice=advice)
    return None


def _in_vain(bound: _Bound, step: Step) -> Objection | None:
    """That what the step begins with never happens."""
    if step.on or step.of in bound.happens or _way_back(bound, step):
        return None
    return Objection(step=step.id, key="of", why=bound.why_not(step.of), advice=_notice_meant(bound, step.of))


def _notice_meant(bound: _Bound, word: str) -> str:
    """That the notices of a series bear numbers, where a threshold names one without."""
    threshold = bound.thresholds.get(word)
    if threshold and any(step.repeats and step.notice == threshold.notice for step in bound.steps):
        return f"the notices of a series are numbered. Did you mean {threshold.notice + '-1'!r}?"
    return ""


def _way_back(bound: _Bound, step: Step) -> tuple[str, ...]:
    """From the step along what it waits for in vain back to itself; empty when it does not wait for itself."""
    ways: list[tuple[str, ...]] = [(step.id,)]
    seen = set[str]()
    for way in ways:
        for word in bound.awaited(way[-1]):
            if word == step.id:
                return (*way, word)
            if word not in seen:
                seen.add(word)
                ways.append((*way, word))
    return ()


def _needs_a_promise(step: Step) -> str:
    """The key by which the step needs one."""
    if step.of == Event.COMMITMENT_LATE:
        return "of"
    return "when" if step.when.open_commitments else ""


def _contradicts(step: Step) -> Objection | None:
    if step.of != Event.COMMITMENT_LATE or step.when.open_commitments is not False:
        return None
    why = "a promise that is late is open, so open_commitments is never false here"
    return Objection(step=step.id, key="when", why=why, advice="leave the condition out")


def _always_another(playbook: Playbook, step: Step) -> Objection | None:
    """That of the steps of its choice an earlier one is taken whenever this one could be."""
    choice = [other for other in playbook.steps if step.one_of and other.one_of == step.one_of]
    earlier = choice[: choice.index(step)] if choice else []
    first = next((other for other in earlier if _covers(other.when, step.when)), None)
    if first is None:
        return None
    reason = "has no condition" if first.when == When() else "has a condition that holds whenever this one's does"
    why = f"of the steps with one_of: {step.one_of} always {first.id} is taken instead: it comes first and {reason}"
    return Objection(step=step.id, key="one_of", why=why, advice=f"put {step.id} before {first.id}")


def _covers(wide: When, narrow: When) -> bool:
    """Whether the first condition holds in every case in which the second does."""
    return all(_is_wider(getattr(wide, key), getattr(narrow, key)) for key in When.model_fields)


def _is_wider(wide: object, narrow: object) -> bool:
    """Whether a key asks for no more than the other; one that is not given asks for nothing."""
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
    """The steps whose notices could never leave, because the team has too few who may approve, or not the role.

    Whoever handed in the incident file or the list of people is an author of its notices and approves none of them.
    """
    everybody = tuple(members)
    return tuple(
        Objection(step=step, key="approvals", why=why, advice=ADD, severity=severity)
        for step, severity, asked in _asked(playbook)
        for why in too_few(asked, everybody, authors)
    )


def too_few(asked: ApprovalRule, members: Sequence[Member], authors: tuple[str, ...]) -> tuple[str, ...]:
    """Why this team cannot give these approvals of what these authors wrote; empty when it can."""
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


ADD = "`amends team add NAME --role ROLE` adds somebody"
