"""A world in which notices have messages: each is drafted, approved, let go, and leaves person by person.

What the ledger and the sending engine do to a notice is done here to lists, with the domain's own words where they use
them: `shut` before it is let go, `Waves.people` for each page, `outcome` for each answer.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from amends.delivery.send.postpone import NotYet
from amends.domain.case.case import Case
from amends.domain.case.next_update import Fate, as_news_stands, holding_step, next_updates, to_be_sorry_for
from amends.domain.case.states import Embargo, IncidentState, OccurrenceState
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.closing.closing import ready_to_close
from amends.domain.deliver.cascade import first_messages, outcome, why_held
from amends.domain.draft.draft import notices_wanted
from amends.domain.incident.incident import Incident
from amends.domain.notice.notice import (
    PERSON_STATE,
    DeliveryState,
    NoticeRelease,
    NoticeStage,
    NoticeStatus,
    PersonState,
)
from amends.domain.plan.gates import shut
from amends.domain.plan.plan import PlannedOccurrence, next_news_at
from amends.domain.playbook.playbook import HOLDING, Event, Phase, Playbook, Step
from amends.ledger.deliver.claims import Contact
from tests.builders import a_draft, an_assessment
from tests.domain.plan.machine.world import ENDED, HOUR, OPENED, World

PUBLIC = 0
BEST_FIRST = tuple(DeliveryState)
RELEASED = (NoticeStage.SENDING, NoticeStage.SENT)
DUE = (DeliveryState.WAITING, DeliveryState.DEFERRED)
DIES_AFTER = 3
"""So many messages leave before a run that dies in the middle does."""


def home_of(person: int) -> str:
    """The time zone of one of the people."""
    return "Asia/Shanghai" if person % 3 == 0 else "Europe/Berlin"


@dataclass
class Message:
    person: int
    channel: ChannelKind
    state: DeliveryState
    next_try_at: datetime | None = None
    tries: int = 0
    kept_back: bool = False
    """For the night; nobody has tried it."""
    says: int = 0
    """The version of the facts that its person read in it."""
    written_at: datetime = OPENED
    left_at: datetime = OPENED

    @property
    def to(self) -> Contact:
        """Who gets it, by the number alone, and where they are at home."""
        return Contact(self.person, "", "", "", "", (), timezone=home_of(self.person))

    def is_due(self, now: datetime) -> bool:
        return self.state is DeliveryState.WAITING or (
            self.state is DeliveryState.DEFERRED and self.next_try_at is not None and self.next_try_at <= now
        )


@dataclass
class Written:
    """A notice: its latest version, and every message of any."""

    id: str
    step: Step
    number: int
    version: int = 0
    facts: int = 0
    """The version of the facts and the list that it was drafted from."""
    stage: NoticeStage = NoticeStage.DRAFTED
    drafted_at: datetime = OPENED
    next_news_at: datetime | None = None
    sorry_for: datetime | None = None
    let_go: list[NoticeRelease] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    had_their_turn: int = 0
    """Up to this person the waves of earlier versions had begun when this one was let go."""
    goes_on_at: datetime = OPENED
    """When the next wave begins after that."""
    sent_at: datetime | None = None

    @property
    def to_people(self) -> list[Message]:
        return [message for message in self.messages if message.person != PUBLIC]

    @property
    def through(self) -> int:
        """With how many messages to people there is nothing more to do."""
        return sum(message.state not in DUE for message in self.to_people)

    def status(self, now: datetime, facts: int, people: dict[int, str]) -> NoticeStatus:
        outdated = self.stage not in RELEASED and self.next_news_at is not None and self.next_news_at <= now
        wave = self._next_wave_at(now)
        return NoticeStatus(
            id=self.id,
            version=self.version,
            template="update",
            step=self.step.id,
            occurrence=self.number,
            stage=self.stage,
            binding=f"{self.id}-{self.version}",
            approvals_needed=2,
            drafted_at=self.drafted_at,
            sent_at=self.sent_at,
            next_news_at=self.next_news_at,
            sorry_for=self.sorry_for,
            releases=tuple(self.let_go),
            people=self._people(),
            pending=sum(message.state in DUE for message in self.messages),
            not_told=len(people.keys() - {message.person for message in self.messages}) if self.let_go else 0,
            kept_back=sum(message.kept_back for message in self.to_people),
            next_try_at=self._only_deferred_until(wave),
            more_waves=wave is not None,
            waits_for=self.step.waits_for,
            current=self.facts == facts and not outdated,
        )

    def _people(self) -> dict[PersonState, int]:
        best: dict[int, DeliveryState] = {}
        for message in self.to_people:
            best[message.person] = min(best.get(message.person, message.state), message.state, key=BEST_FIRST.index)
        return dict(Counter(PERSON_STATE[state] for state in best.values()))

    def _next_wave_at(self, now: datetime) -> datetime | None:
        waiting = [message.person for message in self.to_people if message.state is DeliveryState.WAITING]
        if not waiting or self.step.waves is None or self.stage not in RELEASED:
            return None
        begins = self.step.waves.begins(min(waiting), self.goes_on_at, self.had_their_turn)
        return begins if begins > now else None

    def _only_deferred_until(self, wave: datetime | None) -> datetime | None:
        if wave is None and any(message.state is DeliveryState.WAITING for message in self.messages):
            return None
        tries = [m.next_try_at for m in self.messages if m.state is DeliveryState.DEFERRED and m.next_try_at]
        return min([*tries, *([wave] if wave else [])], default=None)


@dataclass
class Counted:
    """What is asked of a ledger before the public hears of something."""

    incident: Incident
    notice: Written

    @property
    def cases(self) -> "Counted":
        return self

    @property
    def deliveries(self) -> "Counted":
        return self

    def incident_file(self, incident: str) -> Incident:
        return self.incident

    def share_left(self, incident: str, notice: str) -> float:
        return self.notice.through / len(self.notice.to_people) if self.notice.to_people else 1.0


class Sending(World):
    def __init__(self, book: Playbook, people: int, **changes: Any) -> None:
        super().__init__(book, **changes)
        self.people: dict[int, str] = dict.fromkeys(range(1, people + 1), "")
        """Whoever is affected, and why nobody writes to them; empty when somebody does."""
        self.notices: dict[str, Written] = {}
        self.full: set[int] = set()
        """Those whose mailbox says `later`."""
        self.amended_at = self.now
        self.looked_at = self.now
        """When somebody looked last whether a time for news was missed."""
        self._seen: tuple[Case, datetime, Case] | None = None

    # What happens.

    @rule()
    def the_team_approves(self) -> None:
        for notice in self._stage(NoticeStage.DRAFTED):
            notice.stage = NoticeStage.APPROVED
        self._change()

    @rule(hours=st.sampled_from([0, 0, 2, 30, 24 * 5]))
    def the_police_ask_for_silence_or_for_no_more(self, hours: int) -> None:
        self._change(embargo=Embargo(until=self.now + hours * HOUR, why="letter 17") if hours else None)

    @precondition(lambda self: self.case.version < 7 and self.case.state is not IncidentState.CLOSED)
    @rule()
    def the_facts_are_corrected(self) -> None:
        self._amend()

    @rule(turns=st.integers(1, 3))
    def it_goes_as_planned(self, turns: int) -> None:
        """Without days like these hardly anything would get as far as what can go wrong late."""
        self._everything_is_put_right()
        for _ in range(turns):
            self.everything_due_is_carried_out()
            self.the_team_approves()
            self.everything_due_is_carried_out()
            self.time_passes_to_the_next_turn()
            self.now += HOUR

    # How the world changes.

    def _everything_is_put_right(self) -> None:
        paused = self.case.state is IncidentState.PAUSED
        self._change(state=IncidentState.OPEN if paused else self.case.state, clock_doubt="")

    @property
    def seen(self) -> Case:
        if self._seen is None or self._seen[0] is not self.case or self._seen[1] != self.now:
            self._seen = (self.case, self.now, as_news_stands(self._with_notices(), self.now))
        return self._seen[2]

    def _with_notices(self) -> Case:
        version, people = self.case.version, self.people
        notices = tuple(notice.status(self.now, version, people) for notice in self.notices.values())
        case = self.case.model_copy(update={"notices": notices})
        if all(at >= self.amended_at for at in case.last_told()):
            return case
        return case.model_copy(update={"events": case.events | {Event.FACTS_CHANGED: self.amended_at}})

    def _stage(self, stage: NoticeStage) -> list[Written]:
        """Those that stand so and are as the facts are."""
        return [self.notices[notice.id] for notice in self.seen.notices if notice.current and notice.stage is stage]

    def _amend(self) -> None:
        self.amended_at = self.now
        self._change(version=self.case.version + 1)

    def _carry_out(self, turn: PlannedOccurrence, *, dies: str) -> None:
        step = holding_step(self.case) if turn.step == HOLDING else self.book.step(turn.step)
        if step.phase is Phase.ASSESS:
            if not dies:
                assessment = self._assessed().model_copy(update={"version": turn.number})
                self._change(assessment=assessment, events={Event.ASSESSED: self.now} | self.case.events)
                self._note(turn, OccurrenceState.DONE)
            return
        self._note(turn, OccurrenceState.WAITING)
        if dies != "at once":
            self._draft_what_is_wanted(step, turn)
            self._send_what_may_leave(turn, most=DIES_AFTER if dies else sys.maxsize)
        if not dies:
            self._conclude(turn)
            self._look()

    def _assessed(self) -> Any:
        return an_assessment()

    def _draft_what_is_wanted(self, step: Step, turn: PlannedOccurrence) -> None:
        for wanted in notices_wanted(self.seen, step, turn.number):
            existing = self.seen.notice(wanted.id)
            if existing is None or not (existing.current or existing.stage is NoticeStage.SENT):
                self._draft(self.notices.setdefault(wanted.id, Written(wanted.id, step, turn.number)))

    def _draft(self, notice: Written) -> None:
        case, with_news = self.seen, notice.step.phase in (Phase.NOTIFY, Phase.UPDATE)
        missed = to_be_sorry_for(case, self.now) if with_news else None
        notice.next_news_at = next_news_at(case, notice.step, notice.number, self.now)
        notice.sorry_for = missed.until if missed else None
        notice.version, notice.stage = notice.version + 1, NoticeStage.DRAFTED
        notice.facts, notice.drafted_at = case.version, self.now
        self._change()

    def _of(self, turn: PlannedOccurrence) -> list[NoticeStatus]:
        return [notice for notice in self.seen.notices if (notice.step, notice.occurrence) == (turn.step, turn.number)]

    def _send_what_may_leave(self, turn: PlannedOccurrence, most: int) -> None:
        for one in self._of(turn):
            if one.current and one.wants_work(self.now) and not shut(self.seen, one.waits_for, self.now):
                self._send(self.notices[one.id], most)

    def _send(self, notice: Written, most: int) -> None:
        self._let_go(notice)
        attempts = iter(range(most))
        for message in self._in_rounds(notice):
            if next(attempts, None) is None:
                break
            self._attempt(notice, message)
        if not any(message.state in DUE for message in notice.messages):
            notice.sent_at, notice.stage = notice.sent_at or self.now, NoticeStage.SENT
        self._change()

    def _let_go(self, notice: Written) -> None:
        if notice.stage in RELEASED:
            return
        notice.stage = NoticeStage.SENDING
        self._go_on_with_the_next_wave(notice)
        said = {"next_news_at": notice.next_news_at, "sorry_for": notice.sorry_for}
        notice.let_go.append(NoticeRelease(at=self.now, drafted_at=notice.drafted_at, **said))
        for message in notice.messages:
            if message.state in DUE:
                message.state, message.next_try_at, message.kept_back = DeliveryState.WAITING, None, False
        have_one = {message.person for message in notice.messages}
        if ChannelKind.SOCIAL in notice.step.channels and PUBLIC not in have_one:
            notice.messages.append(Message(PUBLIC, ChannelKind.SOCIAL, DeliveryState.WAITING))
        for person in self.people.keys() - have_one:
            notice.messages += self._first_messages(notice, person)

    def _go_on_with_the_next_wave(self, notice: Written) -> None:
        """Counted on from the wave in which the version before this one was."""
        waves, known = notice.step.waves, max((message.person for message in notice.messages), default=0)
        begins, through = notice.goes_on_at, notice.had_their_turn
        while waves and notice.let_go and begins <= self.now and through < known:
            begins, through = begins + waves.pause, through + waves.size
        room_left = through > known  # in the wave that was the last one
        notice.had_their_turn = min(through, known)
        notice.goes_on_at = self.now if room_left else max(self.now, begins)

    def _first_messages(self, notice: Written, person: int) -> list[Message]:
        why, channels = why_held(self.people[person], optional=False, opted_out=False), notice.step.channels
        planned = first_messages(why, [ChannelKind.EMAIL], channels, notice.step.cascade)
        return [Message(person, one.channel, one.state) for one in planned]

    def _in_rounds(self, notice: Written) -> Iterator[Message]:
        """What may leave now, the public last."""
        waves = notice.step.waves
        begun = waves.people(notice.goes_on_at, self.now, notice.had_their_turn) if waves else sys.maxsize
        yield from (
            to_person for to_person in notice.to_people if to_person.is_due(self.now) and to_person.person <= begun
        )
        yield from (message for message in notice.messages if message.person == PUBLIC and message.is_due(self.now))

    def _attempt(self, notice: Written, message: Message) -> None:
        draft = a_draft(notice=notice.id, waits_for=notice.step.waits_for, quiet_hours=self.book.quiet_hours)
        postponed = NotYet(Counted(self.case.incident, notice), draft, lambda: self.now)(message)
        message.kept_back = bool(postponed)
        if postponed:
            why, seconds = postponed
            self._answered(notice, message, Receipt("", Status.DEFERRED, why, retry_after=seconds))
            return
        message.tries += 1
        status = Status.DEFERRED if message.person in self.full else Status.SENT
        self._answered(notice, message, Receipt("", status, "421 later" if status is Status.DEFERRED else ""))
        self._tried(notice, message)

    def _answered(self, notice: Written, message: Message, receipt: Receipt) -> None:
        answer = outcome(receipt, message.tries, notice.let_go[-1].at, self.now)
        message.state, message.next_try_at = answer.state, answer.next_try_at
        message.says, message.written_at, message.left_at = notice.facts, notice.drafted_at, self.now

    def _tried(self, notice: Written, message: Message) -> None:
        """It has left, or its mailbox said `later`."""

    def _conclude(self, turn: PlannedOccurrence) -> None:
        mine = self._of(turn)
        if turn.phase is Phase.NOTIFY and mine and all(notice.has_gone for notice in mine):
            self._change(events={Event.NOTIFIED: self.now} | self.case.events)
        if all(notice.stage is NoticeStage.SENT for notice in mine):
            self._note(turn, OccurrenceState.DONE)

    def _look(self) -> None:
        """Close what is ready, and note which times for news were missed."""
        if ready_to_close(self.seen, self.now):
            self._change(state=IncidentState.CLOSED, events=self.case.events | {Event.CLOSED: self.now})
        missed = (clock for clock in next_updates(self.seen, self.now) if clock.fate is Fate.MISSED)
        self._change(missed_updates={clock.missed_event: self.now for clock in missed} | self.case.missed_updates)
        self.looked_at = self.now

    def _reopen(self, notice: Written) -> None:
        """Something of it waits once more, so its turn goes on."""
        if notice.stage is NoticeStage.SENT:
            notice.stage = NoticeStage.SENDING
        for turn in self.case.occurrences:
            if (turn.step, turn.number) == (notice.step.id, notice.number) and turn.state is OccurrenceState.DONE:
                self._record(turn, OccurrenceState.WAITING)
        self._change()

    def _ended(self, notice: Written) -> bool:
        turns = (turn for turn in self.case.occurrences if (turn.step, turn.number) == (notice.step.id, notice.number))
        return any(turn.state in ENDED for turn in turns)
