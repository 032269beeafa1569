"""The team and the public of a rehearsal: they do with the real ledger what people would do, each at its time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from amends.domain.approval import Decision
from amends.domain.case import Case, IncidentState
from amends.domain.commitment import Commitment, CommitmentState
from amends.domain.correction import Ask
from amends.domain.deadlines import open_duties
from amends.domain.duty import Addressee, Duty
from amends.domain.errors import AmendsError
from amends.domain.injects import HOUR, Asking, LatePromise, Script, WrongFact, amended, full_hour
from amends.domain.notice import NoticeStage, NoticeStatus, PersonState
from amends.domain.people import Person
from amends.domain.playbook import Event
from amends.domain.question import QuestionKind
from amends.domain.rehearsed import Happening, TeamTimes
from amends.domain.team import Member, TeamRole
from amends.domain.value import nearest_locale
from amends.ledger import Ledger

LEAD = Member(name="rehearsal-lead", role=TeamRole.LEAD)
APPROVERS = tuple(
    Member(name=f"rehearsal-{role}", role=role)
    for role in (TeamRole.LEGAL, TeamRole.COMMUNICATIONS, TeamRole.SECURITY, TeamRole.PRIVACY, TeamRole.EXECUTIVE)
)
"""In this order they are asked; those who are not needed are deputies."""

ASKING = {
    "en": (
        "Is my address among the stolen data?",
        "Which data of mine is concerned? Please tell me exactly.",
        "What should I do now?",
        "Do I need to change my password?",
        "Somebody called me in your name. Is that a scam?",
        "Please delete my data.",
    ),
    "zh-CN": (
        "我的地址在泄露的信息里吗？",
        "涉及我的哪些信息？请说清楚。",
        "我现在该怎么办？",
        "我需要改密码吗？",
        "有人以你们的名义打电话给我，是诈骗吗？",
        "请删除我的资料。",
    ),
}
COMPLAINING = {
    "en": (
        "I read of this in the newspaper before I heard it from you. That is not how one treats customers.",
        "I want compensation for this.",
        "Stop writing and tell me who is responsible.",
    ),
    "zh-CN": (
        "我是先从新闻上看到的，你们才通知我。这样对待客户太不应该。",
        "我要求赔偿。",
        "别再发通知了，请告诉我谁负责。",
    ),
}
ANSWER = {
    "en": "Thank you for asking. (This answer is part of a rehearsal.)",
    "zh-CN": "感谢您的来信。（本回复属于演练。）",
}
KEPT_BY = "Rehearsal: the document that would show it"


@dataclass
class Scene:
    """What the people of a rehearsal work with, and what they say that they did."""

    ledger: Ledger
    incident: str
    script: Script
    times: TeamTimes
    injected: list[Happening] = field(default_factory=list)
    team: list[Happening] = field(default_factory=list)
    troubles: list[Happening] = field(default_factory=list)
    amended_at: list[datetime] = field(default_factory=list)
    """When facts turned out to be wrong."""

    def trouble(self, now: datetime, what: str) -> None:
        """Something that did not go as it should."""
        self.troubles.append(Happening(at=now, what=what))

    def did(self, now: datetime, what: str) -> None:
        """Something that the team did."""
        self.team.append(Happening(at=now, what=what))

    def struck(self, now: datetime, what: str) -> None:
        """Something that an inject did."""
        self.injected.append(Happening(at=now, what=what))


class Team:
    """Approves, files, keeps promises, hands letters over, lets go on what stopped by itself, and ends the case."""

    def __init__(self, scene: Scene, resolve_at: datetime) -> None:
        self._scene, self._resolve_at = scene, resolve_at
        self._known_since: dict[str, datetime] = {}
        self._forgotten: frozenset[str] | None = None
        self._late: dict[str, LatePromise] | None = None
        self._refused: set[tuple[str, str]] = set()
        self._paused_since: datetime | None = None
        self._printed: dict[str, datetime | None] = {}
        """When letters of a notice were handed over last; None when those that wait cannot be."""

    def next_at(self, case: Case, now: datetime) -> datetime | None:
        """When somebody of the team does something next."""
        self._look(case, now)
        times = (
            *(at for _, _, at in self._words(case, now)),
            *(at for _, at in self._filings(case)),
            *(at for _, at in self._promises(case, now)),
            *(at for _, at in self._letters(case)),
            *filter(None, (self._resumes_at(), self._resolves_at(case))),
        )
        return min(times, default=None)

    def act(self, case: Case, now: datetime) -> None:
        """Do all that is due now."""
        self._look(case, now)
        self._resume(now)
        self._decide(case, now)
        self._file(case, now)
        for promise, at in self._promises(case, now):
            if at <= now:
                self._settle(promise, now)
        for notice, at in self._letters(case):
            if at <= now:
                self._hand_over(notice, now)
        if (ends := self._resolves_at(case)) and ends <= now:
            self._scene.ledger.resolve_incident(self._scene.incident, LEAD.name, now)
            self._scene.did(now, "the lead says that nothing new is left to tell")

    def _look(self, case: Case, now: datetime) -> None:
        for duty in _filed_by_hand(case):
            self._known_since.setdefault(duty.id, now)
        if self._forgotten is None and case.assessment:
            self._forgotten = self._scene.script.forgotten(_filed_by_hand(case))
            for duty_id in sorted(self._forgotten):
                self._scene.struck(now, f"nobody thinks of the filing {duty_id}")
        if self._late is None and case.commitments:
            self._late = self._scene.script.put_off(case.commitments)
        paused = case.state is IncidentState.PAUSED
        self._paused_since = (self._paused_since or now) if paused else None

    # Approvals.

    def _words(self, case: Case, now: datetime) -> Iterator[tuple[NoticeStatus, Member, datetime]]:
        """Who will decide on which notice, and when."""
        for notice in case.notices:
            if notice.stage is NoticeStage.DRAFTED and notice.current:
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

    def _decide(self, case: Case, now: datetime) -> None:
        decided: set[str] = set()
        for notice, member, at in list(self._words(case, now)):
            if at <= now and notice.id not in decided and self._approve(notice, member, now):
                decided.add(notice.id)

    def _approve(self, notice: NoticeStatus, member: Member, now: datetime) -> bool:
        """Whether the notice needs no more words."""
        scene = self._scene
        try:
            stage = scene.ledger.decide(
                scene.incident, notice.id, member, Decision.APPROVE, notice.binding, "rehearsal", now
            )
        except AmendsError as error:
            self._refused.add((notice.binding, member.name))
            scene.trouble(now, f"{member.name} could not approve {notice.id}: {error}")
            return False
        scene.did(now, f"{member.name} approves {notice.id}")
        return stage is not NoticeStage.DRAFTED

    # Filings.

    def _filings(self, case: Case) -> Iterator[tuple[Duty, datetime]]:
        for duty in _filed_by_hand(case):
            if (duty.id, "") not in self._refused:
                yield duty, full_hour(self._files_at(duty))

    def _files_at(self, duty: Duty) -> datetime:
        known, times = self._known_since[duty.id], self._scene.times
        if duty.due_at and duty.id in (self._forgotten or ()):
            return max(known, duty.due_at) + times.file_after
        in_good_time = known + times.file_after
        return max(known, min(in_good_time, duty.due_at - HOUR)) if duty.due_at else in_good_time

    def _file(self, case: Case, now: datetime) -> None:
        due = [duty for duty, at in self._filings(case) if at <= now]
        filed = [duty.id for duty in due if self._filed(duty, now)]
        if filed:
            self._scene.did(now, f"files {len(filed)} duties: {', '.join(filed)}")

    def _filed(self, duty: Duty, now: datetime) -> bool:
        scene = self._scene
        try:
            scene.ledger.file_duty(scene.incident, duty.id, now, LEAD.name, "REHEARSAL", "", now)
        except AmendsError as error:
            self._refused.add((duty.id, ""))
            scene.trouble(now, f"{duty.id} could not be filed: {error}")
            return False
        return True

    # Promises.

    def _promises(self, case: Case, now: datetime) -> Iterator[tuple[Commitment, datetime]]:
        for promise in case.commitments:
            if promise.state is CommitmentState.OPEN:
                due = promise.new_due_at or promise.due_at
                yield promise, full_hour(due - self._scene.times.keep_before)

    def _settle(self, promise: Commitment, now: datetime) -> None:
        scene, late = self._scene, (self._late or {}).get(promise.id)
        if late and promise.new_due_at is None:
            until = promise.due_at + late.by
            scene.ledger.put_off_commitment(scene.incident, promise.id, until, late.reason, LEAD.name, now)
            scene.struck(now, f"the promise {promise.id} is put off by {late.by}")
        else:
            scene.ledger.keep_commitment(scene.incident, promise.id, KEPT_BY, LEAD.name, now)
            scene.did(now, f"keeps the promise {promise.id}")

    # What else only people do.

    def _letters(self, case: Case) -> Iterator[tuple[NoticeStatus, datetime]]:
        for notice in case.notices:
            waits = notice.sent_at and notice.people.get(PersonState.WAITING, 0)
            handed_over = self._printed.get(notice.id, notice.sent_at)
            if waits and handed_over:
                yield notice, full_hour(handed_over + self._scene.times.file_after)

    def _hand_over(self, notice: NoticeStatus, now: datetime) -> None:
        scene = self._scene
        self._printed[notice.id] = None
        try:
            batch = scene.ledger.take_letters(scene.incident, notice.id, LEAD, now)
        except AmendsError as error:
            scene.trouble(now, f"letters of {notice.id} could not be handed over: {error}")
            return
        if batch:
            self._printed[notice.id] = now
            scene.did(now, f"hands {batch.letters} letters of {notice.id} to the print shop")

    def _resumes_at(self) -> datetime | None:
        return self._paused_since + self._scene.times.resume_after if self._paused_since else None

    def _resume(self, now: datetime) -> None:
        if (at := self._resumes_at()) and at <= now:
            self._scene.ledger.resume_incident(self._scene.incident, LEAD.name, now)
            self._scene.did(now, "the lead has looked, and lets it go on")
            self._paused_since = None

    def _resolves_at(self, case: Case) -> datetime | None:
        told, over = Event.NOTIFIED in case.events, Event.RESOLVED in case.events
        ready = told and not over and case.state is IncidentState.OPEN
        return max(self._resolve_at, case.events[Event.NOTIFIED]) if ready else None


def _filed_by_hand(case: Case) -> tuple[Duty, ...]:
    """The duties that a person must file; people are told by our notices."""
    return tuple(duty for duty in open_duties(case) if duty.addressee is not Addressee.PEOPLE and not duty.waits)


class Public:
    """The people who write to us, and those of the team who answer them."""

    def __init__(self, scene: Scene, locales: dict[int, str]) -> None:
        self._scene, self._locales = scene, locales
        self._to_come = deque(scene.script.asking(locales))
        self._unanswered: deque[tuple[int, str, datetime]] = deque()
        self._free_at = scene.script.start
        self._told = False
        self._asked = 0
        self.complaints = 0

    def next_at(self) -> datetime | None:
        """When somebody asks, or an answer is ready."""
        asks = [self._to_come[0].at] if self._to_come else []
        answers = [self._unanswered[0][2]] if self._unanswered else []
        return min((*asks, *answers), default=None)

    def hear(self, case: Case) -> None:
        """Once people were told, some ask by themselves."""
        told_at = case.events.get(Event.NOTIFIED)
        if told_at and not self._told:
            self._told = True
            curious = self._scene.script.curious(self._locales, told_at)
            self._to_come = deque(sorted((*self._to_come, *curious), key=lambda asking: asking.at))

    def act(self, case: Case, now: datetime) -> None:
        """Ask and answer all that is due."""
        while self._to_come and self._to_come[0].at <= now:
            self._ask(case, self._to_come.popleft(), now)
        while self._unanswered and self._unanswered[0][2] <= now:
            question, locale, _ = self._unanswered.popleft()
            self._scene.ledger.answer(self._scene.incident, question, ANSWER[locale], LEAD.name, now)

    def _ask(self, case: Case, asking: Asking, now: datetime) -> None:
        if case.playbook is None:
            return
        self._asked += 1
        angry = asking.kind is QuestionKind.COMPLAINT
        self.complaints += angry
        words = COMPLAINING if angry else ASKING
        locale = nearest_locale(self._locales[asking.person], list(words), "en")
        question = self._scene.ledger.ask(
            self._scene.incident,
            words[locale][asking.saying % len(words[locale])],
            person=asking.person,
            kind=asking.kind,
            source=asking.source,
            locale=locale,
            once=f"rehearsal {self._asked}",
            reply_within=case.playbook.reply_within,
            owner=case.playbook.questions_owner,
            now=now,
        )
        self._unanswered.append((question, locale, self._answer_ready(now)))

    def _answer_ready(self, now: datetime) -> datetime:
        """One after another, as many in a day as the team can write."""
        times = self._scene.times
        self._free_at = max(self._free_at, now) + timedelta(days=1) / times.answers_a_day
        return full_hour(max(self._free_at, now + times.answer_after))


class Fate:
    """Injects that change the case itself: a wrong fact is found, a cohort is found."""

    def __init__(self, scene: Scene, everybody: Callable[[], Iterable[Person]]) -> None:
        self._scene, self._everybody = scene, everybody
        injects, script = scene.script.injects, scene.script
        self._wrong = deque(sorted(injects.wrong_facts, key=lambda one: one.at))
        self._cohorts = deque(injects.late_cohorts)
        self._announced = deque(sorted(_announcements(script)))

    def next_at(self) -> datetime | None:
        """When something happens next."""
        at = self._scene.script.at
        listed = (*(self._wrong and [self._wrong[0].at]), *(self._cohorts and [self._cohorts[0].at]))
        return min((*map(at, listed), *(self._announced and [self._announced[0][0]])), default=None)

    def strike(self, now: datetime) -> None:
        """Whatever happens by now."""
        script = self._scene.script
        while self._announced and self._announced[0][0] <= now:
            self._scene.struck(*self._announced.popleft())
        while self._wrong and script.at(self._wrong[0].at) <= now:
            self._amend(self._wrong.popleft(), now)
        while self._cohorts and script.at(self._cohorts[0].at) <= now:
            self._cohorts.popleft()
            self._find(now)

    def _amend(self, wrong: WrongFact, now: datetime) -> None:
        scene = self._scene
        incident = amended(scene.ledger.incident_file(scene.incident), wrong, now)
        version = scene.ledger.amend_incident(incident, LEAD.name, now)
        scene.amended_at.append(now)
        scene.struck(now, f"a fact was wrong: the incident file is amended to version {version}")

    def _find(self, now: datetime) -> None:
        """The whole list is handed in, as `amends audience correct` does."""
        scene = self._scene
        correction = scene.ledger.compare_audience(scene.incident, self._everybody())
        counted = correction.difference.counts
        followed = scene.ledger.correct_audience(correction, dict.fromkeys(Ask), "rehearsal", LEAD.name, now)
        afresh = ", ".join(one.notice for one in followed if one.drafted_afresh) or "nothing"
        new = sum(counted.values())
        scene.struck(now, f"{new} more people are found; drafted afresh for them: {afresh}")


def _announcements(script: Script) -> Iterator[tuple[datetime, str]]:
    """What the injects do by themselves, for the report."""
    injects = script.injects
    for outage in injects.outages:
        yield script.at(outage.at), f"the provider of {outage.channel} is down for {outage.lasts}"
    for leak in injects.press_leaks:
        yield script.at(leak.at), f"the press has it: {leak.asking:.1%} of the people ask within {leak.within}"
    for angry in injects.angry_replies:
        if angry.complaining:
            yield script.at(angry.at), f"{angry.complaining:.1%} of the people complain within {angry.within}"
    for away in injects.approvers_away:
        yield script.at(away.at), f"rehearsal-{away.who} is away for {away.lasts}"
