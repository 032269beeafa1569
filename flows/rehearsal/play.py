"""A rehearsal: the real playbook, flows, approvals and sending engine, in a world that exists only in this process.

`amends rehearse` runs this as `python -m flows.rehearsal FOLDER`: FOLDER holds order.json, and gets rehearsed.json.
The process reads no home and no settings, has simulated channels only, and blocks its network before it reads anything.
"""

import asyncio
import heapq
import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from amends.content.incident.incident import read_incident_for_notices
from amends.content.people.audience import AudienceFile
from amends.content.playbook.days_off import with_days_off
from amends.content.playbook.playbook import load_playbook
from amends.content.rehearse import read_injects
from amends.domain.base.errors import AmendsError
from amends.domain.case.case import Case
from amends.domain.case.states import OccurrenceState
from amends.domain.case.views.closing import ClosingView
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Message
from amends.domain.draft.languages import usable_locales
from amends.domain.draft.writer import Links
from amends.domain.incident.facts import Count
from amends.domain.incident.incident import Incident
from amends.domain.people.person import Person
from amends.domain.plan.plan import PlannedOccurrence, plan
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.domain.rehearse.injects import HOUR, Script, full_hour, together
from amends.domain.rehearse.report import FOUND, ORDER, Order, RehearsalReport
from amends.ledger import Keys, Ledger
from amends.system.processes import few_cycles
from channels.simulated import World, existing
from flows.rehearsal.fast_forward import PHASES, PassedClock
from flows.rehearsal.injected import InjectedChanges
from flows.rehearsal.network_block import cut_off
from flows.rehearsal.public import Public
from flows.rehearsal.report import report
from flows.rehearsal.scene import APPROVERS, LEAD, Scene
from flows.rehearsal.team import RehearsedTeam
from flows.rehearsal.virtual_loop import VirtualLoop
from flows.run.context import Context, using

SWEEP = timedelta(minutes=5)
"""Interval at which interrupted work is tried again, as in prefect.yaml."""
MOST_OCCURRENCES = 20_000
MOST_IN_A_MOMENT = 1_000
LONGEST_PAUSE = timedelta(hours=6)

Progress = Callable[[datetime, str], None]
"""A callback for each line of progress, with its virtual time."""


async def rehearse(order: Order, folder: Path, progress: Progress = lambda _now, _what: None) -> RehearsalReport:
    """Play the rehearsal to its end and return its report. Raises ContentError for a file that cannot be used."""
    incident = read_incident_for_notices(order.incident)
    playbook, wording = load_playbook(order.playbook)
    start = order.start or beginning(incident)
    script = Script(together(map(read_injects, order.injects)), start, order.seed)
    ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite3'}", Keys(os.urandom(32)), durable=False)
    scene = Scene(ledger.migrate(), incident.id, script, order.team)
    clock = PassedClock(start)
    try:
        people = RehearsedAudience(order, script)
        _open(ledger, incident, people, start)
        usable = usable_locales(incident, sorted(wording.phrases))
        ledger.locale_rulings.rule(incident.id, order.rules, usable, LEAD, start)
        ledger.playbooks.pin(incident.id, with_days_off(playbook, incident, start), wording, LEAD.name, start)
        played = Play(scene, clock, people, start + timedelta(days=order.days), progress)
        with existing("rehearsal", World(script, clock, played.returns.expect)) as world:
            context = Context(ledger, _links(incident), simulated_channels(), clock, mirrored=False)
            with using(context):
                await played.run()
        return report(scene, world, order, played.carried_out, clock.now)
    finally:
        ledger.dispose()


def beginning(incident: Incident) -> datetime:
    """Return when somebody opens the incident: an hour after the last event in the incident file, at a full hour."""
    times = incident.times
    said = (*times.events.values(), times.occurred.start, times.occurred.end, times.contained)
    return full_hour(max((at for at in said if at), default=datetime.fromisoformat("2026-01-05T08:00+00:00"))) + HOUR


def simulated_channels() -> dict[ChannelKind, dict[str, str]]:
    """Return settings of a simulated channel for every kind that is not printed."""
    kinds = (kind for kind in ChannelKind if not kind.printed)
    return {kind: {"use": "simulated", "kind": kind.value, "world": "rehearsal"} for kind in kinds}


def _links(incident: Incident) -> Links:
    return Links(f"https://{incident.organisation.own_domains[0]}")


def _open(ledger: Ledger, incident: Incident, people: "RehearsedAudience", start: datetime) -> None:
    ledger.incidents.open(people.as_known(incident), people.at_first(), LEAD.name, start)
    for member in (LEAD, *APPROVERS):
        ledger.team.add(member.name, member.role, LEAD.name, start)


class RehearsedAudience:
    """The people of the audience file, of whom a late cohort is not in the audience at first."""

    def __init__(self, order: Order, script: Script) -> None:
        self._order, self._script = order, script
        self.locales: dict[int, str] = {}
        """Locales of the people in the first audience, by their number."""

    def as_known(self, incident: Incident) -> Incident:
        """Return the incident file; with a late cohort its number of people is an upper bound: some are not found yet.

        An exact number would not agree with the first audience, so that no notice could be drafted (L157).
        """
        stated = incident.facts.people
        if not (self._script.injects.late_cohorts and stated.value):
            return incident
        open_ended = stated.model_copy(update={"value": Count(max=stated.value.max)})
        return incident.model_copy(update={"facts": incident.facts.model_copy(update={"people": open_ended})})

    def at_first(self) -> Iterator[Person]:
        """Yield the people who are in the audience when the incident is opened."""
        for person in self.everybody():
            if not self._script.found_late(person.ref):
                self.locales[person.number] = person.locale
                yield person

    def everybody(self) -> Iterator[Person]:
        """Return all rows of the file, one by one. Raises ContentError at the end for bad rows, unless allowed."""
        from amends.content.people.audience import only_good, usable

        file = AudienceFile(self._order.audience, encoding=self._order.encoding)
        if self._order.allow_bad_rows:
            return usable(self._order.audience, file)
        return only_good(self._order.audience, file, "correct them, or leave them out: --allow-bad-rows")


class Returns:
    """The bounces and spam reports of a rehearsal, each at its time."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._coming: list[tuple[datetime, ReportKind, str]] = []

    def expect(self, message: Message, now: datetime) -> None:
        """Schedule the bounce or the spam report of an email that arrived, when the script has one."""
        if not message.kind.mail:
            return
        script = self._scene.script
        if after := script.comes_back_after(message.to):
            heapq.heappush(self._coming, (full_hour(now + after), ReportKind.FAILED, message.bounce))
        elif script.reports_as_spam(message.key):
            heapq.heappush(self._coming, (full_hour(now + HOUR), ReportKind.COMPLAINED, message.bounce))

    def next_at(self) -> datetime | None:
        """Return when the next report comes, or None when none is expected."""
        return self._coming[0][0] if self._coming else None

    def take_due(self, now: datetime) -> None:
        """Record the reports that have come by now."""
        reports: list[MailReport] = []
        while self._coming and self._coming[0][0] <= now:
            _, kind, token = heapq.heappop(self._coming)
            reports.append(MailReport(kind, token=token, detail="550 5.1.1" if kind is ReportKind.FAILED else "abuse"))
        if reports:
            self._scene.ledger.receipts.take(reports, now)
            back = sum(report.kind is ReportKind.FAILED for report in reports)
            said = {"emails came back": back, "emails were reported as spam": len(reports) - back}
            self._scene.record_inject(now, ", ".join(f"{count} {what}" for what, count in said.items() if count))


class Play:
    """The loop of a rehearsal: due occurrences are carried out at their time, and people act in between."""

    def __init__(
        self, scene: Scene, clock: PassedClock, people: RehearsedAudience, end: datetime, progress: Progress
    ) -> None:
        self._scene, self._clock, self._end, self._progress = scene, clock, end, progress
        self._team = RehearsedTeam(scene, _resolves_at(scene.script.start, end))
        self._public = Public(scene, people.locales)
        self._injected = InjectedChanges(scene, people.everybody)
        self.returns = Returns(scene)
        self.carried_out: list[PlannedOccurrence] = []
        self._not_before: dict[tuple[str, int], datetime] = {}
        self._pauses: dict[tuple[str, int], timedelta] = {}
        self._shown = 0

    async def run(self) -> None:
        """Play from the opening to the end. Raises RuntimeError when virtual time does not move on."""
        since, moment = 0, self._clock.now
        while len(self.carried_out) < MOST_OCCURRENCES:
            since, moment = (since + 1, moment) if self._clock.now == moment else (0, self._clock.now)
            if since > MOST_IN_A_MOMENT:
                raise RuntimeError(f"the rehearsal stands still at {moment}")
            if not await self._step():
                self._clock.now = self._end
                return

    async def _step(self) -> bool:
        """Carry out one occurrence, or move on to the next event; return False when no event is left before the end."""
        now = self._clock.now
        case = self._scene.ledger.views.closing(self._scene.incident, now)
        found = plan(case, now)
        self._public.expect_curious(case)
        if planned := next((one for one in found.due if self._may_begin(one, now)), None):
            await self._carry_out(case, planned)
            return True
        return self._pass_time(case, [one.due_at for one in found.upcoming])

    def _may_begin(self, planned: PlannedOccurrence, now: datetime) -> bool:
        return self._not_before.get((planned.step, planned.number), now) <= now

    def _pass_time(self, case: ClosingView, upcoming: list[datetime]) -> bool:
        now = self._clock.now
        waiting = [at for at in self._not_before.values() if at > now]
        people = (self._team.next_at(case, now), self._injected.next_at(), self.returns.next_at())
        at = min((*upcoming, *waiting, *filter(None, people)), default=self._end + SWEEP)
        while (spoken := self._public.next_at()) and spoken <= min(at, self._end):
            self._clock.now = max(now, spoken)
            self._public.act(case, self._clock.now)
            if _watches_questions(case):
                return True
        if at > self._end:
            return False
        self._clock.now = now = max(self._clock.now, at)
        self._injected.apply_due(now)
        self.returns.take_due(now)
        self._team.act(self._scene.ledger.views.closing(self._scene.incident, now), now)
        self._show()
        return True

    async def _carry_out(self, case: Case, planned: PlannedOccurrence) -> None:
        """Carry out the occurrence; hold it on an error, and try again later, as the sweep does, if it stays due."""
        key, now = (planned.step, planned.number), self._clock.now
        try:
            state = await PHASES[planned.phase].fn(self._scene.incident, planned.step, planned.number)
        except AmendsError as error:
            self._hold(planned, f"{planned.step} {planned.number} could not be done: {error}", now)
            return
        self.carried_out.append(planned)
        after = self._scene.ledger.cases.read(self._scene.incident, now)
        if any((other.step, other.number) == key for other in plan(after, now).due):
            self._try_later(key, now, f"{planned.step} {planned.number}: {state.message}")
        elif _begun(after, key) != _begun(case, key):
            self._pauses.pop(key, None)
        if not str(state.message).startswith("nothing to tell"):
            self._progress(now, f"{planned.step} {planned.number}: {state.message}")

    def _try_later(self, key: tuple[str, int], now: datetime, why: str) -> None:
        """Set the next try: at the first sweep after the outage, else after a pause that doubles each time."""
        ends = self._scene.script.outage_ends(now)
        pause = min(2 * self._pauses.get(key, SWEEP / 2), LONGEST_PAUSE)
        self._pauses[key] = pause
        self._not_before[key] = _next_sweep(ends, self._scene.script.start) if ends else now + pause
        self._scene.record_trouble(now, why)

    def _hold(self, planned: PlannedOccurrence, why: str, now: datetime) -> None:
        """Hold the occurrence, as flows/run/schedule.py does after repeated failures."""
        scene, held = self._scene, OccurrenceState.HELD
        scene.ledger.occurrences.mark(
            scene.incident, planned.step, planned.number, planned.due_at, held, now, "it failed in the rehearsal"
        )
        scene.record_trouble(now, why)

    def _show(self) -> None:
        for one in self._scene.injected[self._shown :]:
            self._progress(one.at, one.what)
        self._shown = len(self._scene.injected)


def _begun(case: Case, key: tuple[str, int]) -> OccurrenceState | None:
    return next(
        (occurrence.state for occurrence in case.occurrences if (occurrence.step, occurrence.number) == key), None
    )


def _resolves_at(start: datetime, end: datetime) -> datetime:
    """Return when the lead resolves: after two thirds of the time, so that the end of the case is rehearsed too."""
    return full_hour(start + (end - start) * 2 / 3)


def _next_sweep(ends: datetime, start: datetime) -> datetime:
    return start + -(-(ends - start) // SWEEP) * SWEEP


def _watches_questions(case: Case) -> bool:
    """Return True when the number of questions may make a step due."""
    return case.playbook is not None and bool(case.playbook.thresholds)


def say(now: datetime, what: str) -> None:
    """Print one line of progress, marked as a rehearsal so that nobody mistakes it for a real incident."""
    print(f"  rehearsal {now:%d %b %H:%M}  {what}", file=sys.stderr, flush=True)  # noqa: T201


def main(folder: Path) -> int:
    """Rehearse what the folder's order says."""
    cut_off()
    order = Order.model_validate_json((folder / ORDER).read_text(encoding="utf-8"))
    try:
        with few_cycles(), asyncio.Runner(loop_factory=VirtualLoop) as runner:
            found = runner.run(rehearse(order, folder, say))
    except AmendsError as error:
        print(f"amends: {error}", file=sys.stderr)  # noqa: T201
        return 1
    (folder / FOUND).write_text(found.model_dump_json(), encoding="utf-8")
    return 0
