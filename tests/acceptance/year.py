"""A year of the shipped playbook in virtual time: what happens, to whom, and what a relay on loopback took.

What is so is kept beside it as values of the test (truth.py); the ledger is only told of it.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from amends.content.incident.incident import read_incident
from amends.content.playbook.playbook import load_playbook
from amends.domain.base.audience import Persons
from amends.domain.case.case import Case
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.correction import Ask
from amends.domain.draft.writer import Links
from amends.domain.incident.commitment import Commitment, CommitmentKind, PlannedCommitment
from amends.domain.incident.facts import Count, Fact
from amends.domain.incident.incident import Incident
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from amends.domain.notice.wording import Wording
from amends.domain.people.person import Person
from amends.domain.plan.plan import plan
from amends.domain.playbook.playbook import Playbook
from amends.domain.team.approval import Decision
from amends.ledger import Ledger
from amends.sandbox.mail import MailServer
from flows.rehearsal.closing import carry_over, pass_over
from flows.rehearsal.fast_forward import PHASES, PassedClock
from flows.rehearsal.team import record_results
from flows.run.context import Context, using
from flows.sweep import sweep
from tests.acceptance.truth import AT_FIRST, GROWN, Truth
from tests.commitments import keep
from tests.story import APPROVERS, INCIDENT, LEAD, START, STORY, a_ledger, outboxes

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
END = START + 365 * DAY
APPROVED_AFTER = 5 * HOUR
"""How long the team takes for an approval, so that much can happen between draft and release."""
MOST_AT_ONCE = 40
PLACES = (("DE", "", "en"), ("SG", "", "en"), ("CN", "", "zh-CN"), ("US", "WA", "en"), ("US", "MA", "en"))
TIMES = {
    "occurred": "2026-11-12T20:00+08:00",
    "discovered": "2026-11-17T07:40+08:00",
    "aware": "2026-11-17T08:05+08:00",
    "contained": "2026-11-18T09:00+08:00",
}
TEXTS = {
    "en": {
        "what_happened": "Someone broke into one of our service vans and stole three terminals with visit records.",
        "in_short": "Three of our service terminals with records of customer visits were stolen.",
        "what_it_means": "Someone could use the records to pose as our staff, on the phone or at the door.",
        "what_we_do": "We told the police at once, and cut the terminals off from our systems.",
    },
    "zh-CN": {
        "what_happened": "有人撬开我们的一辆服务车，偷走了三台存有上门记录的终端。",
        "in_short": "我们的三台服务终端被盗，内有上门服务记录。",
        "what_it_means": "有人可能利用这些记录，在电话里或上门时冒充我们的员工。",
        "what_we_do": "我们当即报警，并切断了这些终端与系统的连接。",
    },
}
STATES = {"what_happened": ["cause", "vector", "malicious"], "in_short": ["cause", "vector"], "what_we_do": []}


@dataclass(frozen=True)
class Sizes:
    """How many people the story has."""

    known: int
    found_late: int
    removed: int
    grown: int


@dataclass
class Year:
    """The case, the relay and the people at their desks."""

    folder: Path
    relay: MailServer
    sizes: Sizes

    def __post_init__(self) -> None:
        self.ledger: Ledger = self._new_ledger()
        self.clock = PassedClock(START)
        self.links = Links("http://127.0.0.1:8400")
        self.context = Context(self.ledger, self.links, self._channels(), self.clock, mirrored=False, home=self.folder)
        first = [self.customer(number) for number in range(1, self.sizes.known + 1)]
        self.incident = self._new_incident()
        self.truth = Truth(
            days={key: [(START, datetime.fromisoformat(TIMES[key]))] for key in ("discovered", "contained")}
        )
        self.truth.names(first, START)
        self.came: list[tuple[int, datetime]] = []
        """How many messages the relay had, and when that was."""
        self.states: list[tuple[datetime, str]] = []
        """The states of the case, each from when on."""
        self.listed = first
        self._open()

    def _new_ledger(self) -> Ledger:
        return a_ledger(self.folder)

    def _new_incident(self) -> Incident:
        return an_incident()

    def _playbook(self) -> tuple[Playbook, Wording]:
        return load_playbook("customer-data-theft")

    def _channels(self) -> dict[ChannelKind, dict[str, str]]:
        relay = {"host": "127.0.0.1", "port": str(self.relay.port), "security": "none", "connections": "4"}
        sender = {"sender": "care@btepai.example", "bounce_domain": "bounces.btepai.example"}
        return {**outboxes(self.folder / "outbox"), ChannelKind.EMAIL: {"use": "email_smtp", **relay, **sender}}

    def customer(self, number: int) -> Person:
        """Return the person with this number."""
        return a_customer(number)

    def _open(self) -> None:
        self.ledger.incidents.open(self.incident, self.listed, LEAD.name, START)
        for member in (LEAD, *APPROVERS):
            self.ledger.team.add(member.name, member.role, LEAD.name, START)
        self.ledger.playbooks.pin(INCIDENT, *self._playbook(), LEAD.name, START)
        for commitment in self.incident.commitments:
            self.truth.promises[commitment.id] = dict(commitment.promise)
            self.truth.due[commitment.id] = START + commitment.due + DAY  # people are told within the first day

    # The world

    def it_was(self, key: str, at: datetime) -> None:
        """A date turns out to be another one."""
        times = self.incident.times
        changed = {"contained": at} if key == "contained" else {"events": {**times.events, key: at}}
        self.incident = self.incident.model_copy(update={"times": times.model_copy(update=changed)})
        self.truth.days[key].append((self.clock.now, at))
        self.ledger.incidents.amend(self.incident, LEAD.name, self.clock.now)

    def list_is(self, people: list[Person]) -> None:
        """A corrected list comes."""
        self.truth.names(people, self.clock.now)
        self.listed = people
        correction = self.ledger.corrections.compare(INCIDENT, people)
        said = {ask: correction.difference.counts[ask.value] for ask in Ask}
        self.ledger.corrections.apply(correction, said, "", LEAD.name, self.clock.now)

    def list_changes(self) -> None:
        """Some are found late, some were never touched, and of some there is more than was thought."""
        sizes, known = self.sizes, self.listed
        stay = [one for place, one in enumerate(known) if place % 10 or place >= 10 * sizes.removed]
        growing = {one.number for one in stay[3 :: max(len(stay) // sizes.grown, 1)][: sizes.grown]}
        late = [a_customer(sizes.known + more) for more in range(1, sizes.found_late + 1)]
        self.list_is([one._replace(data=GROWN) if one.number in growing else one for one in stay] + late)

    def found_after_closing(self) -> None:
        """Two more are found, and one who was removed was affected after all."""
        last, back = max(self.truth.people), min(self.truth.removed)
        self.list_is([*self.listed, self.truth.people[back], a_customer(last + 1), a_customer(last + 2)])

    # Promises

    def promise(self, name: str, audience: str, to: set[int], words: dict[str, str], due: int) -> None:
        one = Commitment(
            id=name,
            kind=CommitmentKind.OTHER,
            promise=words,
            owner="Field service",
            audience=audience,
            due_at=START + due * DAY,
        )
        persons = sorted(to) if isinstance(audience, Persons) else ()
        self.truth.promises[name], self.truth.promised_to[name], self.truth.due[name] = words, to, one.due_at
        self.ledger.commitments.add(INCIDENT, [(one, persons)], LEAD.name, self.clock.now)

    def promise_locks(self) -> None:
        business = {one.number for one in self.listed if one.segment == "business"}
        words = {"en": "We will put new locks on your doors.", "zh-CN": "我们将为您更换门锁。"}
        self.promise("new-locks", "business", business, words, due=45)

    def promise_visits(self) -> None:
        some = {one.number for one in self.listed[20:30]}
        words = {"en": "We will come and look at your door with you.", "zh-CN": "我们将上门与您一起查看门锁。"}
        self.promise("door-visit", Persons("door-visit"), some, words, due=35)

    def keep(self, name: str) -> None:
        self.truth.ends[name] = "kept"
        words = {"en": "Report 17.", "zh-CN": "第17号报告。"}
        self.record_results(name)
        keep(self.ledger, INCIDENT, name, words, LEAD.name, self.clock.now)

    def record_results(self, name: str) -> None:
        """The result is recorded of everybody who waits for one of their own."""
        record_results(self.ledger, INCIDENT, self.ledger.commitments.get(INCIDENT, name), self.clock.now)

    def drop(self, name: str) -> None:
        self.truth.ends[name] = "dropped"
        words = {"en": "No teacher was free.", "zh-CN": "没有找到讲师。"}
        self.ledger.commitments.drop(INCIDENT, name, words, LEAD.name, self.clock.now)

    def put_off(self, name: str, until: int) -> None:
        self.truth.late.add(name)
        words = {"en": "The work takes longer.", "zh-CN": "这项工作需要更多时间。"}
        at = START + until * DAY
        self.ledger.commitments.put_off(INCIDENT, name, at, words, LEAD.name, self.clock.now)

    def resolve(self) -> None:
        carry_over(self.ledger, INCIDENT, LEAD.name, self.clock.now)
        pass_over(self.ledger, INCIDENT, (LEAD, APPROVERS[0]), "no news is left to tell", self.clock.now)
        self.ledger.incidents.resolve(INCIDENT, LEAD.name, self.clock.now)

    # Time

    async def pass_by(self, script: "list[tuple[float, Act]]", until: datetime = END) -> None:
        """Live until then; each act of the script is done at its day."""
        acts = sorted(((START + day * DAY, act) for day, act in script), key=lambda one: one[0])
        with using(self.context):
            while self.clock.now <= until:
                while acts and acts[0][0] <= self.clock.now:
                    acts.pop(0)[1](self)
                case = await self._work()
                self.clock.now = self._next(case, [at for at, _ in acts])

    async def _work(self) -> Case:
        """Do what is due until nothing is."""
        await sweep.fn(INCIDENT)
        for _ in range(MOST_AT_ONCE):
            case = self.ledger.cases.read(INCIDENT, self.clock.now)
            if approved := self._approve(case):
                case = self.ledger.cases.read(INCIDENT, self.clock.now)
            due = plan(case, self.clock.now).due
            for one in due:
                await PHASES[one.phase].fn(INCIDENT, one.step, one.number)
            if not due and not approved:
                self._observe(case)
                return case
        raise AssertionError(f"at {self.clock.now} it does not come to rest: {due}")

    def _observe(self, case: Case) -> None:
        if not self.came or self.came[-1][0] != len(self.relay.arrived):
            self.came.append((len(self.relay.arrived), self.clock.now))
        if not self.states or self.states[-1][1] != case.state:
            self.states.append((self.clock.now, case.state))

    def _approve(self, case: Case) -> bool:
        ready = [draft for draft in _drafts(case) if draft.drafted_at + APPROVED_AFTER <= self.clock.now]
        for notice in ready:
            for member in APPROVERS:
                self.ledger.approvals.decide(
                    INCIDENT, notice.id, member, Decision.APPROVE, notice.binding, "", self.clock.now
                )
        return bool(ready)

    def _next(self, case: Case, acts: list[datetime]) -> datetime:
        coming = [one.due_at for one in plan(case, self.clock.now).upcoming]
        approvals = [draft.drafted_at + APPROVED_AFTER for draft in _drafts(case)]
        return min(at for at in (*coming, *approvals, *acts, END + DAY) if at > self.clock.now)

    @property
    def closed_at(self) -> datetime:
        """Return when the case was closed for the first time."""
        return next(at for at, state in self.states if state == "closed")

    def when(self, place: int) -> datetime:
        """When the message at this place of the relay's log came."""
        return self.came[bisect_right([count for count, _ in self.came], place)][1]


def _drafts(case: Case) -> list[NoticeStatus]:
    return [notice for notice in case.notices if notice.stage is NoticeStage.DRAFTED and notice.current]


def a_customer(number: int) -> Person:
    """A customer of one of five places; some are businesses, and the relay puts some off at first."""
    country, region, locale = PLACES[number % len(PLACES)]
    return Person(
        number=number,
        ref=f"C-{number:05}",
        name=f"Kim Lee {number}",
        email=f"{'grey' if number % 97 == 0 else 'kim'}{number}@mail.example",
        phone="",
        locale=locale,
        country=country,
        region=region,
        postal_address=f"{number} Harbor Street",
        data=AT_FIRST,
        segment="business" if number % 7 == 0 else "household",
        consents_to_email=START.date(),
    )


def an_incident() -> Incident:
    """The stolen terminals, with up to ten thousand people and texts that name no day."""
    story = read_incident(STORY / "incident.yaml")
    facts = story.facts.model_copy(update={"people": Fact[Count](value=Count(max=10_000))})
    content = story.model_dump(by_alias=True) | {
        "facts": facts.model_dump(by_alias=True),
        "times": TIMES,
        "texts": TEXTS,
        "states": STATES,
        "news": (),
        "commitments": [promise.model_dump(by_alias=True) for promise in _promises(story)],
    }
    return Incident.model_validate(content)


def _promises(story: Incident) -> Iterator[PlannedCommitment]:
    """Yield the story's promises that can wait a year."""
    for commitment in story.commitments:
        if commitment.id != "photo-before-visit":
            yield commitment


Act = Callable[[Any], object]
SCRIPT: list[tuple[float, Act]] = [
    (8, Year.promise_locks),
    (8.1, Year.promise_visits),
    (8.6, lambda year: year.keep("account-recheck")),
    (12, lambda year: year.keep("number-protection")),
    (14.9, lambda year: year.it_was("discovered", datetime(2026, 11, 15, 3, tzinfo=UTC))),
    # The list comes while the correction waits for approval, and a promise is dropped while the late cohort's notice does.
    (15, Year.list_changes),
    (15.1, lambda year: year.drop("scam-course")),
    (28, lambda year: year.keep("security-fix")),
    (30, lambda year: year.keep("door-visit")),
    (44, lambda year: year.keep("new-locks")),
    (50, lambda year: year.put_off("training", 80)),
    (60, Year.resolve),
    (75, lambda year: year.keep("training")),
    # Nobody says anything of the audit by its day, so that people are told that it is late; then it gets another day.
    (95, lambda year: year.put_off("audit", 150)),
    (140, lambda year: year.keep("audit")),
    (200, lambda year: year.it_was("contained", datetime(2026, 11, 20, 9, tzinfo=UTC))),
    (200.1, Year.found_after_closing),
]
"""What happens, by the day on which it does."""
