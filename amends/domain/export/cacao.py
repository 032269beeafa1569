"""A playbook as a CACAO Security Playbook 2.0: steps become actions of people, with delays where CACAO has them.

CACAO knows no events that come from outside, no series, and no conditions over a case. A step that waits for such an
event follows an action in which the lead waits for the event. Series, conditions, channels and times of day stand in
the description of the action, in the words of `amends playbook show`.

Source of all rules: OASIS, CACAO Security Playbooks Version 2.0, committee specification 01 of 27 November 2023.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID, uuid5

from pydantic import Field

from amends.domain.base.value import Value
from amends.domain.playbook.playbook import Event, Phase, Playbook, Step
from amends.domain.playbook.text import EVENTS, about, timing
from amends.domain.team.member import TeamRole

NAMESPACE = UUID("aa7caf3a-d55a-4e9a-b34e-056215fba56a")
"""The namespace of ids of CACAO playbooks that are made from name and types (10.10)."""
UUID_FORM = r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
COMPOSE, DELIVER, AUDIENCE = "compose-content", "deliver-content", "identify-audience"
"""Activities of CACAO's vocabulary (3.1.2)."""
APPROVERS = "approvers"
"""The agent for approvals that no role is named for: whoever may approve."""
MILLISECOND = timedelta(milliseconds=1)

CacaoId = Annotated[str, Field(pattern=rf"^[a-z][a-z0-9-]+[a-z0-9]--{UUID_FORM}$")]
CacaoTime = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$")]


class CacaoCommand(Value):
    """A command that a person carries out (5.9)."""

    type: Literal["manual"] = "manual"
    command: str
    playbook_activity: str | None = None


class CacaoStart(Value):
    """The beginning of a workflow (4.3)."""

    type: Literal["start"] = "start"
    name: str = "Start"
    on_completion: CacaoId


class CacaoEnd(Value):
    """The end of a workflow, or of one branch (4.4)."""

    type: Literal["end"] = "end"
    name: str = "End"


class CacaoAction(Value):
    """Work of one agent (4.5)."""

    type: Literal["action"] = "action"
    name: str
    description: str
    delay: Annotated[int, Field(ge=1)] | None = None
    """Milliseconds before the work begins."""
    timeout: Annotated[int, Field(ge=1)] | None = None
    """Milliseconds after which the work counts as failed."""
    on_completion: CacaoId
    commands: Annotated[tuple[CacaoCommand, ...], Field(min_length=1)]
    agent: CacaoId


class CacaoParallel(Value):
    """Branches that go on at the same time (4.7)."""

    type: Literal["parallel"] = "parallel"
    name: str
    on_completion: CacaoId
    next_steps: Annotated[tuple[CacaoId, ...], Field(min_length=2)]


CacaoStep = CacaoStart | CacaoEnd | CacaoAction | CacaoParallel


class CacaoAgent(Value):
    """A group of people: a role of the team, or an office (7.4)."""

    type: Literal["group"] = "group"
    name: str
    description: str


class CacaoSource(Value):
    """The playbook that the document was made of (10.9)."""

    name: str
    external_id: str
    description: str


class CacaoSummary(Value):
    """The features that a reader of the document must know (10.14)."""

    manual_playbook: bool = True
    parallel_processing: bool
    temporal_logic: bool


class CacaoPlaybook(Value):
    """A playbook in the form of CACAO 2.0 (3.1)."""

    type: Literal["playbook"] = "playbook"
    spec_version: Literal["cacao-2.0"] = "cacao-2.0"
    id: CacaoId
    name: str
    description: str
    playbook_types: tuple[str, ...]
    playbook_activities: tuple[str, ...]
    playbook_processing_summary: CacaoSummary
    created_by: CacaoId
    created: CacaoTime
    modified: CacaoTime
    labels: tuple[str, ...] = ("amends",)
    external_references: tuple[CacaoSource, ...]
    workflow_start: CacaoId
    workflow: dict[CacaoId, CacaoStep]
    agent_definitions: dict[CacaoId, CacaoAgent]

    def as_json(self) -> str:
        """Return the document as JSON text; keys without a value are left out, and the order is always the same."""
        content = self.model_dump(mode="json", exclude_none=True)
        return json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


class PlaybookType(StrEnum):
    """A type of playbook in CACAO's vocabulary (3.1.1)."""

    NOTIFICATION = "notification"


def cacao_playbook(playbook: Playbook, digest: str, created: datetime, modified: datetime, by: str) -> CacaoPlaybook:
    """Return the playbook in the form of CACAO 2.0.

    `digest` is the content hash of the playbook and its words, `by` names who publishes the document. The same playbook
    with the same arguments gives the same document. Raises ValueError when `modified` is before `created`.
    """
    if modified < created:
        raise ValueError("modified is before created")
    work = _Workflow(playbook)
    start = work.whole()
    activities = {command.playbook_activity for step in work.steps.values() for command in _commands(step)} - {None}
    kinds = {step.type for step in work.steps.values()}
    delayed = any(isinstance(step, CacaoAction) and step.delay for step in work.steps.values())
    types = (PlaybookType.NOTIFICATION.value,)
    return CacaoPlaybook(
        id=f"playbook--{uuid5(NAMESPACE, _canonical({'name': playbook.title, 'playbook_types': types}))}",
        name=playbook.title,
        description=playbook.for_,
        playbook_types=types,
        playbook_activities=tuple(sorted(map(str, activities))),
        playbook_processing_summary=CacaoSummary(parallel_processing="parallel" in kinds, temporal_logic=delayed),
        created_by=_made_id("identity", by),
        created=_time(created),
        modified=_time(modified),
        external_references=(CacaoSource(name="Amends", external_id=playbook.id, description=f"SHA-256 {digest}"),),
        workflow_start=start,
        workflow=work.steps,
        agent_definitions=work.agents,
    )


def _commands(step: CacaoStep) -> tuple[CacaoCommand, ...]:
    return step.commands if isinstance(step, CacaoAction) else ()


class _Workflow:
    """The workflow of one playbook, as it is put together from its ends to its start."""

    def __init__(self, playbook: Playbook) -> None:
        self._playbook = playbook
        self.steps: dict[str, CacaoStep] = {}
        self.agents: dict[str, CacaoAgent] = {}

    def whole(self) -> str:
        """Put the whole workflow together; return the id of its start."""
        return self._add("start", "", CacaoStart(on_completion=self._follow("")))

    def _follow(self, place: str) -> str:
        """Add everything that follows a step, or the opening for an empty place; return the id of the first of it."""
        branches = [self._branch(step) for step in self._playbook.steps if self._follows(step) == place]
        branches += [self._after(event) for event in self._events_from_outside()] if not place else []
        if len(branches) == 1:
            return branches[0]
        end = self._add("end", place, CacaoEnd())
        if not branches:
            return end
        name = f"After {place}" if place else "After the incident was opened"
        return self._add("parallel", place, CacaoParallel(name=name, on_completion=end, next_steps=tuple(branches)))

    def _branch(self, step: Step) -> str:
        """Add the actions of a step, and all that follows it; return the id of the first action."""
        following = self._follow(step.id)
        actions = list(self._actions(step))
        for number, action in reversed(list(enumerate(actions))):
            first = {"delay": _milliseconds(step.after.span)} if not number else {}
            linked = action.model_copy(update={"on_completion": following, **first})
            following = self._add("action", f"{step.id}.{number}", linked)
        return following

    def _after(self, event: str) -> str:
        """Add an action in which the lead waits for an event from outside, with the steps that follow the event."""
        following = self._follow(event)
        says = EVENTS.get(event, f"the threshold {event} of the playbook is reached")
        action = self._action(f"wait for {event}", f"Wait until {says}.", TeamRole.LEAD, [CacaoCommand(command=says)])
        return self._add("action", f"wait.{event}", action.model_copy(update={"on_completion": following}))

    def _follows(self, step: Step) -> str:
        """Return the step or the event from outside that this step follows; empty for the opening and for a date.

        Empty too for a step that waits for itself by way of others, which nothing would ever begin.
        """
        before = self._before(step)
        seen, known = {step.id}, {one.id: one for one in self._playbook.steps}
        place = before
        while place in known and place not in seen:
            seen.add(place)
            place = self._before(known[place])
        return "" if place == step.id else before

    def _before(self, step: Step) -> str:
        if step.on or step.of == Event.OPENED:
            return ""
        return self._made_by().get(step.of, step.of)

    def _made_by(self) -> dict[str, str]:
        """Return the steps that bring about events of the case, by the event."""
        assesses = next((step.id for step in self._playbook.steps if step.phase is Phase.ASSESS), None)
        tells = next((step.id for step in self._playbook.steps if step.tells_first), None)
        made = {Event.ASSESSED.value: assesses, Event.APPROVED.value: tells, Event.NOTIFIED.value: tells}
        return {event: step for event, step in made.items() if step}

    def _events_from_outside(self) -> tuple[str, ...]:
        """Return the events that no step brings about and that steps follow, in the order of the steps."""
        known = {step.id for step in self._playbook.steps} | {""}
        return tuple(
            dict.fromkeys(place for step in self._playbook.steps if (place := self._follows(step)) not in known)
        )

    def _actions(self, step: Step) -> Iterator[CacaoAction]:
        """Yield the actions of a step in their order, none of them linked yet."""
        lines = (timing(step), *about(self._playbook, step))
        said = " ".join(f"{line.rstrip('.')}." for line in lines)
        if step.task:
            done = self._action(step.id, said, step.owner, [CacaoCommand(command=step.task)])
            yield done.model_copy(update={"timeout": _milliseconds(step.within.span) if step.within else None})
        elif step.channels:
            yield from self._notice(step, said)
        else:
            owner = {Phase.COLLECT_FEEDBACK: self._playbook.questions_owner}.get(step.phase, TeamRole.LEAD)
            yield self._action(step.id, said, owner, [CacaoCommand(command=step.reads_on or said)])

    def _notice(self, step: Step, said: str) -> Iterator[CacaoAction]:
        """Yield the actions of a step that sends: draft, approve by each role that is asked for, send."""
        draft = [
            CacaoCommand(command=f"Find out who is in the audience: {step.readers}.", playbook_activity=AUDIENCE),
            CacaoCommand(command=f"Draft {step.notice or 'the news of promises'}.", playbook_activity=COMPOSE),
        ]
        yield self._action(f"{step.id}: draft", said, TeamRole.COMMUNICATIONS, draft)
        rest = step.approvals.needed - len(step.approvals.roles)
        for role in step.approvals.roles:
            yield self._approval(step, role, "one approval")
        if rest:
            yield self._approval(step, APPROVERS, "one approval" if rest == 1 else f"{rest} approvals")
        by = ", ".join(step.channels)
        send = CacaoCommand(command=f"Send the approved notice by {by}.", playbook_activity=DELIVER)
        yield self._action(f"{step.id}: send", "Exactly what was approved leaves.", TeamRole.LEAD, [send])

    def _approval(self, step: Step, who: str, count: str) -> CacaoAction:
        said = f"Read the notice as people will get it, and give {count}; any change of it voids the approval."
        return self._action(f"{step.id}: approve", said, who, [CacaoCommand(command=said)])

    def _action(self, name: str, said: str, owner: str, commands: Iterable[CacaoCommand]) -> CacaoAction:
        """Return an action that leads nowhere yet; its agent is defined."""
        agent = _made_id("group", f"{self._playbook.id}.{owner}")
        self.agents[agent] = CacaoAgent(name=str(owner), description=_who(owner))
        return CacaoAction(name=name, description=said, on_completion=UNLINKED, commands=tuple(commands), agent=agent)

    def _add(self, kind: str, place: str, step: CacaoStep) -> str:
        """Add a step under an id that hangs on its kind and place alone; return the id."""
        name = _made_id(kind, f"{self._playbook.id}.{kind}.{place}")
        self.steps[name] = step
        return name


def _who(owner: str) -> str:
    if owner == APPROVERS:
        return "Whoever may approve a notice and did not write it."
    return "A role of the team." if owner in set(TeamRole) else "An office, or a member of the team."


def _made_id(kind: str, name: str) -> str:
    """Return an id that is always the same for this name.

    The ids of steps must have the form of version 4 (10.10), so the id is a hash of the name in that form.
    """
    return f"{kind}--{UUID(bytes=hashlib.sha256(f'amends/{kind}/{name}'.encode()).digest()[:16], version=4)}"


UNLINKED = _made_id("end", "")
"""The place of the step that follows, until it is known."""


def _milliseconds(span: timedelta) -> int | None:
    return span // MILLISECOND or None


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def _canonical(content: object) -> str:
    """Return the content as canonical JSON (RFC 8785) as far as texts and lists go."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
