"""The simulated team of a rehearsal, which does in the real ledger what people would do, each act at its time."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from amends.domain.base.errors import AmendsError
from amends.domain.base.text import counted, listed
from amends.domain.case.deadlines import open_duties
from amends.domain.case.states import IncidentState, OccurrenceState, RecordedOccurrence
from amends.domain.case.views.closing import ClosingView
from amends.domain.closing.closing import is_at_its_end
from amends.domain.entitlement.remedy import OWED, RemedyOutcome, RemedyState
from amends.domain.incident.commitment import Commitment, CommitmentState
from amends.domain.law.duty import Addressee, Duty
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from amends.domain.playbook.playbook import Event
from amends.domain.rehearse.injects import HOUR, LateCommitment, full_hour
from amends.domain.team.approval import Decision
from amends.domain.team.member import Member
from amends.ledger import Ledger
from flows.rehearsal.closing import carry_over, pass_over
from flows.rehearsal.scene import APPROVERS, LEAD, Scene

EVIDENCE = {"*": "Rehearsal: the document that would show it", "zh-CN": "演练：将在此列出兑现承诺的证明文件"}


class RehearsedTeam:
    """A team that approves, files, settles commitments, does tasks, hands over letters, resumes and resolves."""

    def __init__(self, scene: Scene, resolve_at: datetime) -> None:
        self._scene, self._resolve_at = scene, resolve_at
        self._known_since: dict[str, datetime] = {}
        self._forgotten: frozenset[str] | None = None
        self._late: dict[str, LateCommitment] | None = None
        self._refused: set[tuple[str, str]] = set()
        self._paused_since: datetime | None = None
        self._printed: dict[str, datetime | None] = {}
        """When letters of a notice were last handed over; None when its waiting letters cannot be handed over."""

    def next_at(self, case: ClosingView, now: datetime) -> datetime | None:
        """Return the time of the team's next act, or None when nothing is left to do."""
        self._observe(case, now)
        times = (
            *(at for _, _, at in self._decisions(case, now)),
            *(at for _, at in self._filings(case)),
            *(at for _, at in self._commitments(case, now)),
            *(at for _, at in self._letters(case)),
            *(at for _, at in self._tasks(case)),
            *filter(None, (self._resumes_at(), self._resolves_at(case))),
        )
        return min(times, default=None)

    def act(self, case: ClosingView, now: datetime) -> None:
        """Do all that is due now."""
        self._observe(case, now)
        self._resume(now)
        self._decide(case, now)
        self._file(case, now)
        for commitment, at in self._commitments(case, now):
            if at <= now:
                self._settle(commitment, now)
        for notice, at in self._letters(case):
            if at <= now:
                self._hand_over(notice, now)
        for task, at in self._tasks(case):
            if at <= now:
                self._do(task, now)
        if (ends := self._resolves_at(case)) and ends <= now:
            self._prepare_closing(now)
            self._scene.ledger.incidents.resolve(self._scene.incident, LEAD.name, now)
            self._scene.record_act(now, "the lead says that nothing new is left to tell")
        elif is_at_its_end(case):
            self._prepare_closing(now)

    def _observe(self, case: ClosingView, now: datetime) -> None:
        for duty in _filed_by_hand(case):
            self._known_since.setdefault(duty.id, now)
        if self._forgotten is None and case.assessment:
            self._forgotten = self._scene.script.forgotten(_filed_by_hand(case))
            for duty_id in sorted(self._forgotten):
                self._scene.record_inject(now, f"nobody thinks of the filing {duty_id}")
        if self._late is None and case.commitments:
            self._late = self._scene.script.put_off(case.commitments)
        paused = case.state is IncidentState.PAUSED
        self._paused_since = (self._paused_since or now) if paused else None

    # Approvals.

    def _decisions(self, case: ClosingView, now: datetime) -> Iterator[tuple[NoticeStatus, Member, datetime]]:
        """Yield who will decide on which notice, and when."""
        waiting = [notice for notice in case.notices if notice.stage is NoticeStage.DRAFTED and notice.current]
        for notice in waiting:
            for place, member in enumerate(APPROVERS):
                if self._may_decide(notice, place, member):
                    yield notice, member, self._decides_at(notice, place, member, now)

    def _may_decide(self, notice: NoticeStatus, place: int, member: Member) -> bool:
        asked = place < notice.approvals_needed
        open_to = asked or self._scene.script.deputies_step_in()
        return open_to and member.name not in notice.approvals and (notice.binding, member.name) not in self._refused

    def _decides_at(self, notice: NoticeStatus, place: int, member: Member, now: datetime) -> datetime:
        times = self._scene.times
        deputy = timedelta(0) if place < notice.approvals_needed else times.deputy_after
        at = notice.drafted_at + times.approve_after + deputy
        return self._scene.script.back_at(member.role, max(at, now)) or at

    def _decide(self, case: ClosingView, now: datetime) -> None:
        decided: set[str] = set()
        for notice, member, at in list(self._decisions(case, now)):
            if at <= now and notice.id not in decided and self._approve(notice, member, now):
                decided.add(notice.id)

    def _approve(self, notice: NoticeStatus, member: Member, now: datetime) -> bool:
        """Approve the notice, and return True when it needs no more approvals."""
        scene = self._scene
        try:
            stage = scene.ledger.approvals.decide(
                scene.incident, notice.id, member, Decision.APPROVE, notice.binding, "rehearsal", now
            )
        except AmendsError as error:
            self._refused.add((notice.binding, member.name))
            scene.record_trouble(now, f"{member.name} could not approve {notice.id}: {error}")
            return False
        scene.record_act(now, f"{member.name} approves {notice.id}")
        return stage is not NoticeStage.DRAFTED

    # Filings.

    def _filings(self, case: ClosingView) -> Iterator[tuple[Duty, datetime]]:
        for duty in _filed_by_hand(case):
            if (duty.id, "") not in self._refused:
                yield duty, full_hour(self._files_at(duty))

    def _files_at(self, duty: Duty) -> datetime:
        known, times = self._known_since[duty.id], self._scene.times
        if duty.due_at and duty.id in (self._forgotten or ()):
            return max(known, duty.due_at) + times.file_after
        in_good_time = known + times.file_after
        return max(known, min(in_good_time, duty.due_at - HOUR)) if duty.due_at else in_good_time

    def _file(self, case: ClosingView, now: datetime) -> None:
        due = [duty for duty, at in self._filings(case) if at <= now]
        filed = [duty.id for duty in due if self._filed(duty, now)]
        if filed:
            self._scene.record_act(now, f"files {len(filed)} duties: {', '.join(filed)}")

    def _filed(self, duty: Duty, now: datetime) -> bool:
        scene = self._scene
        try:
            scene.ledger.filings.record(scene.incident, duty.id, now, LEAD.name, "REHEARSAL", "", now)
        except AmendsError as error:
            self._refused.add((duty.id, ""))
            scene.record_trouble(now, f"{duty.id} could not be filed: {error}")
            return False
        return True

    # Commitments.

    def _commitments(self, case: ClosingView, now: datetime) -> Iterator[tuple[Commitment, datetime]]:
        for commitment in case.commitments:
            if commitment.state is CommitmentState.OPEN:
                due = commitment.new_due_at or commitment.due_at
                yield commitment, full_hour(due - self._scene.times.keep_before)
            elif commitment.state is CommitmentState.KEPT and case.remedies_owed.get(commitment.id):
                yield commitment, now  # people who were told late are owed a result of their own too

    def _settle(self, commitment: Commitment, now: datetime) -> None:
        scene, late = self._scene, (self._late or {}).get(commitment.id)
        if late and commitment.new_due_at is None:
            until = commitment.due_at + late.by
            scene.ledger.commitments.put_off(scene.incident, commitment.id, until, late.reason, LEAD.name, now)
            scene.record_inject(now, f"the promise {commitment.id} is put off by {late.by}")
            return
        if people := record_results(scene.ledger, scene.incident, commitment, now):
            scene.record_act(now, f"does what {commitment.id} promises for {people} people")
        if commitment.state is CommitmentState.OPEN:
            scene.ledger.commitments.keep(scene.incident, commitment.id, EVIDENCE, LEAD.name, now)
            scene.ledger.commitments.accept(scene.incident, commitment.id, APPROVERS[0].name, now)
            scene.record_act(now, f"keeps the promise {commitment.id}")

    # Letters, tasks, pauses and the end of the case.

    def _letters(self, case: ClosingView) -> Iterator[tuple[NoticeStatus, datetime]]:
        for notice in case.notices:
            waits = notice.sent_at and notice.letters_to_hand_over
            handed_over = self._printed.get(notice.id, notice.sent_at)
            if waits and handed_over:
                yield notice, full_hour(handed_over + self._scene.times.file_after)

    def _hand_over(self, notice: NoticeStatus, now: datetime) -> None:
        scene = self._scene
        self._printed[notice.id] = None
        try:
            batch = scene.ledger.letters.take(scene.incident, notice.id, LEAD, now)
        except AmendsError as error:
            scene.record_trouble(now, f"letters of {notice.id} could not be handed over: {error}")
            return
        if batch:
            self._printed[notice.id] = now
            scene.record_act(now, f"hands {batch.letters} letters of {notice.id} to the print shop")

    def _tasks(self, case: ClosingView) -> Iterator[tuple[RecordedOccurrence, datetime]]:
        """Yield each task that its owner was asked to do, and when the owner does it."""
        within = {step.id: step.within for step in (case.playbook.steps if case.playbook else ())}
        for task in case.occurrences:
            if task.state is OccurrenceState.WAITING and (time := within.get(task.step)):
                in_time = time.after(task.due_at, case.calendar) - HOUR
                yield task, max(task.due_at, min(task.due_at + self._scene.times.file_after, in_time))

    def _do(self, task: RecordedOccurrence, now: datetime) -> None:
        scene, done = self._scene, OccurrenceState.DONE
        scene.ledger.occurrences.mark(scene.incident, task.step, task.number, task.due_at, done, now, "rehearsal")
        scene.record_act(now, f"does the task {task.step} {task.number}")

    def _resumes_at(self) -> datetime | None:
        return self._paused_since + self._scene.times.resume_after if self._paused_since else None

    def _resume(self, now: datetime) -> None:
        if (at := self._resumes_at()) and at <= now:
            self._scene.ledger.incidents.resume(self._scene.incident, LEAD.name, now)
            self._scene.record_act(now, "the lead has looked, and lets it go on")
            self._paused_since = None

    def _resolves_at(self, case: ClosingView) -> datetime | None:
        told, over = Event.NOTIFIED in case.events, Event.RESOLVED in case.events
        ready = told and not over and case.state is IncidentState.OPEN
        return max(self._resolve_at, case.events[Event.NOTIFIED]) if ready else None

    def _prepare_closing(self, now: datetime) -> None:
        """Carry over open commitments, and pass over what is missing then: two people say so in the ledger."""
        scene = self._scene
        if carried := carry_over(scene.ledger, scene.incident, LEAD.name, now):
            scene.record_act(now, f"carries over {counted(len(carried), 'promise')}: {listed(carried)}")
        if passed := pass_over(scene.ledger, scene.incident, (LEAD, APPROVERS[0]), "rehearsal", now):
            scene.record_act(now, f"two people pass over what is missing to close: {listed(passed)}")


def record_results(ledger: Ledger, incident: str, commitment: Commitment, now: datetime) -> int:
    """Record the first of its results for everybody who waits for one, and return how many people that are."""
    if commitment.per_person is None:
        return 0
    ledger.remedies.enrol(incident, now)
    outcome = RemedyOutcome(RemedyState.DONE, next(iter(commitment.per_person.results)))
    waiting = {remedy.person: outcome for remedy in ledger.remedies.all(incident, commitment.id, states=OWED)}
    done = ledger.remedies.settle(incident, commitment.id, waiting, LEAD.name, now) if waiting else None
    ledger.latecomer_news.send_results(incident, now)
    return done.changed if done else 0


def _filed_by_hand(case: ClosingView) -> tuple[Duty, ...]:
    """Return the open duties that a person must file; duties to people are met by notices."""
    return tuple(duty for duty in open_duties(case) if duty.addressee is not Addressee.PEOPLE and not duty.waits)
