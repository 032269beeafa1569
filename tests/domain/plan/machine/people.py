"""Who is told when: at night nobody, waves, an authority that hears first, silence for the police, who is found late, who was held.

The world draws what happens; whether a message may leave, and whether it comes in the end, is worked out here by
counting on fingers, and not by the functions that decide it.
"""

import sys
from collections import Counter
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from amends.domain.case.states import IncidentState
from amends.domain.channel.channel import ChannelKind
from amends.domain.law.filing import Filing
from amends.domain.notice.notice import DeliveryState, NoticeStage
from amends.domain.people.person import Hold
from amends.domain.plan.plan import PlannedOccurrence
from amends.domain.playbook.playbook import Event, Gate, Phase, Playbook
from tests.builders import a_duty, a_playbook, an_assessment
from tests.domain.plan.machine.sending import PUBLIC, RELEASED, Message, Sending, Written, home_of
from tests.domain.plan.machine.world import DAY, HOUR

BATCH, PAUSE = 8, 3 * HOUR
KEPT_BACK = (DeliveryState.HELD, DeliveryState.FAILED)
"""A person decides about the one, and three days of `later` mean the other."""
FIVE_IN_A_HUNDRED = 20
"""Of so many, one."""


def the_playbook() -> Playbook:
    by_email = {"channels": ["email"], "cascade": ["email"]}
    steps: list[dict[str, Any]] = [
        {"id": "assess", "phase": "assess", "after": 0, "of": "opened"},
        {
            "id": "first",
            "phase": "notify",
            "after": "1h",
            "of": "assessed",
            "notice": "first",
            "channels": ["email", "social"],
            "cascade": ["email"],
            "waits_for": ["authorities", "direct_notices"],
            "waves": {"size": BATCH, "pause": "3h"},
        },
        {
            "id": "update",
            "phase": "update",
            "after": "1d",
            "of": "notified",
            "every": "2d",
            "until": "resolved",
            "at_most": 9,
            "notice": "update",
            "waves": {"size": BATCH, "pause": "3h"},
            **by_email,
        },
        {"id": "closing", "phase": "notify", "after": 0, "of": "resolved", "notice": "closing", **by_email},
    ]
    night = {"from": "21:00", "until": "08:00", "channels": ["email"]}
    return a_playbook(steps=steps, commitments=[], quiet_hours=night)


class People(Sending):
    def __init__(self) -> None:
        super().__init__(the_playbook(), people=20)
        self.people[3] = Hold.PROTECTED
        self.got: Counter[tuple[str, int, ChannelKind]] = Counter()
        self.begun: dict[tuple[str, int], set[int]] = {}
        """Who was tried of each version of a notice."""
        self.untried: list[int] = []
        """Of whom it was said that they were told, and nobody had tried."""

    # What happens.

    @initialize(turns=st.sampled_from([0, 1, 2, 4, 8]), told=st.sampled_from([True, True, False]))
    def so_far_it_went_as_planned(self, turns: int, told: bool) -> None:
        if told:
            self.the_authority_is_told()
        for _ in range(turns):
            self.it_goes_as_planned(1)

    @rule(later=st.sampled_from([HOUR / 2, PAUSE / 2, PAUSE, 2 * PAUSE]))
    def a_part_of_a_day_passes(self, later: Any) -> None:
        self.now += later

    @rule()
    def the_authority_is_told(self) -> None:
        filed = Filing(number=1, duty=a_duty().id, filed_at=self.now, by="lena", receipt="R-1", recorded_at=self.now)
        self._change(filings=(filed,))

    @precondition(lambda self: self.case.state is not IncidentState.CLOSED and len(self.people) < 40)
    @rule(found=st.sampled_from([1, 5, 9]), held=st.booleans())
    def people_are_found_late(self, found: int, held: bool) -> None:
        """A corrected list brings them; who was told already is not told again, and news from before is not for them."""
        first = max(self.people) + 1
        self.people |= dict.fromkeys(range(first, first + found), "")
        self.people[first] = Hold.DECEASED if held else ""
        self._amend()
        for notice in self.notices.values():
            if notice.let_go and (notice.stage is not NoticeStage.SENT or notice.step.phase is Phase.NOTIFY):
                self._reopen(notice)

    @precondition(lambda self: self._held_of())
    @rule()
    def somebody_who_was_held_is_let_go(self) -> None:
        """With one notice and those to come; here with each that keeps a place for them."""
        for notice, person in self._held_of():
            self.people[person] = ""
            notice.messages = [message for message in notice.messages if message.person != person]
            notice.messages += self._first_messages(notice, person)
            self._reopen(notice)

    @rule(full=st.booleans())
    def a_mailbox_is_full_or_empty(self, full: bool) -> None:
        self.full = {7} if full else set()

    @rule(full=st.booleans())
    def mailboxes_are_full_or_empty(self, full: bool) -> None:
        self.full = {2, 7, 12, 19} if full else set()

    @precondition(lambda self: Event.NOTIFIED in self.case.events)
    @rule()
    def nothing_new_is_left_to_tell(self) -> None:
        self._change(events={Event.RESOLVED: self.now} | self.case.events)

    # What must be so when a message leaves.

    def _tried(self, notice: Written, message: Message) -> None:
        self._nothing_leaves_from_a_paused_case_or_without_approval(notice)
        assert not self._is_silenced(), "the police asked for silence"
        assert self.authority_has_heard or Gate.AUTHORITIES not in notice.step.waits_for, "an authority hears first"
        if message.person == PUBLIC:
            waiting = len(notice.to_people) - notice.through
            assert waiting * FIVE_IN_A_HUNDRED <= len(notice.to_people), "the public hears before the people"
        else:
            self._no_part_begins_before_the_pause_is_over(notice, message.person)
            assert 8 <= self.now.astimezone(ZoneInfo(home_of(message.person))).hour < 21, "somebody is asleep"
            assert not self.people[message.person], "somebody who is held"
        if message.state is DeliveryState.SENT:
            self.got[notice.id, message.person, message.channel] += 1

    def _nothing_leaves_from_a_paused_case_or_without_approval(self, notice: Written) -> None:
        assert self.case.state is not IncidentState.PAUSED
        assert not self.case.clock_doubt
        assert notice.facts == self.case.version
        assert notice.stage is NoticeStage.SENDING

    def _no_part_begins_before_the_pause_is_over(self, notice: Written, person: int) -> None:
        if notice.step.waves is None:
            return
        begun = self.begun.setdefault((notice.id, notice.version), set())
        begun |= {person} if person > notice.had_their_turn else set()
        assert len(begun) <= BATCH * self._parts_by_now(notice), "a part of the people too early"

    def _parts_by_now(self, notice: Written) -> int:
        parts, begins = 0, notice.goes_on_at
        while begins <= self.now:
            parts, begins = parts + 1, begins + PAUSE
        return parts

    # What must be so.

    @invariant()
    def nobody_is_told_the_same_twice(self) -> None:
        assert all(count == 1 for count in self.got.values())

    @invariant()
    def people_count_as_told_when_everybody_was_tried(self) -> None:
        assert self.untried == []

    @invariant()
    def what_is_approved_is_due_as_soon_as_its_gate_is_open(self) -> None:
        """Not before; and when only the police keep it, or a mailbox that said `later`, the plan says until when."""
        due = {(turn.step, turn.number) for turn in self.plan.due}
        comes = {(turn.step, turn.number): turn.due_at for turn in self.plan.upcoming}
        for notice in self._stage(NoticeStage.APPROVED):
            turn = (notice.step.id, notice.number)
            if self._goes_on(notice):
                opens = self._opens_at(notice)
                assert (turn in due) == (opens == self.now), turn
                assert comes.get(turn) == (opens if opens != self.now else None), turn

    @invariant()
    def whoever_waits_is_written_to_when_their_part_begins(self) -> None:
        """At the latest: a mailbox that said `later` may be tried before."""
        due = {(turn.step, turn.number) for turn in self.plan.due}
        comes = {(turn.step, turn.number): turn.due_at for turn in self.plan.upcoming}
        for notice in self._stage(NoticeStage.SENDING):
            opens = self._opens_at(notice) if self._goes_on(notice) else None
            waiting = [to_person.person for to_person in notice.to_people if to_person.state is DeliveryState.WAITING]
            if opens and waiting:
                turn, begins = (notice.step.id, notice.number), self._part_begins(notice, min(waiting))
                assert turn in due or (turn in comes and comes[turn] <= max(opens, begins)), turn

    @invariant()
    def nobody_is_skipped_in_silence(self) -> None:
        """Who is in the list when a version is let go has a message of it, if only one that is held."""
        for notice in self.notices.values():
            if notice.stage in RELEASED and notice.facts == self.case.version:
                assert self.people.keys() <= {to_person.person for to_person in notice.to_people}

    # What must be so in the end.

    def teardown(self) -> None:
        """All that stands in the way is taken away, or waited for; then everybody has what is theirs, once."""
        if sys.exc_info()[0] is None:
            self._everything_is_put_right()
            self.the_authority_is_told()
            self.full &= {7}  # one in twenty may stay out of reach until the public has heard
            self._everything_comes()
            self._everybody_has_it()
            self.somebody_who_was_held_is_let_go()
            self._everything_comes()
            self._everybody_has_it()
            assert not self._held_of()

    def _everything_comes(self) -> None:
        for _ in range(600):
            self.the_team_approves()
            self.everything_due_is_carried_out()
            if Event.NOTIFIED in self.case.events:
                self._change(events={Event.RESOLVED: self.now} | self.case.events)
            if not self._stage(NoticeStage.DRAFTED) and not self._due():
                coming = [turn for turn in self.plan.upcoming if turn.step != "deadlines"]
                if not coming:
                    return
                self.now = max(self.now + PAUSE, coming[0].due_at)
                if self.got["first", PUBLIC, ChannelKind.SOCIAL]:
                    self.full = set()
        raise AssertionError("it does not come to an end")

    def _everybody_has_it(self) -> None:
        for notice in self.notices.values():
            kept_back = {message.person for message in notice.messages if message.state in KEPT_BACK}
            theirs = {to_person.person for to_person in notice.to_people}
            for person in self.people if notice.step.phase is Phase.NOTIFY else theirs:
                told = self.got[notice.id, person, ChannelKind.EMAIL]
                assert told == (person not in kept_back), (notice.id, person)
        assert self.got["first", PUBLIC, ChannelKind.SOCIAL] == 1

    def _held_of(self) -> list[tuple[Written, int]]:
        """The notices that were let go and the people for whom they hold a message."""
        return [
            (notice, message.person)
            for notice in self.notices.values()
            if notice.stage in RELEASED
            for message in notice.messages
            if message.state is DeliveryState.HELD
        ]

    # Counted on fingers.

    @property
    def authority_has_heard(self) -> bool:
        return bool(self.case.filings)

    def _is_silenced(self) -> bool:
        return self.case.embargo is not None and self.now < self.case.embargo.until

    def _opens_at(self, notice: Written) -> datetime | None:
        if Gate.AUTHORITIES in notice.step.waits_for and not self.authority_has_heard:
            return None
        return self.case.embargo.until if self.case.embargo and self._is_silenced() else self.now

    def _goes_on(self, notice: Written) -> bool:
        return self.case.state is IncidentState.OPEN and not self.case.clock_doubt and not self._ended(notice)

    def _part_begins(self, notice: Written, person: int) -> datetime:
        begins = notice.goes_on_at
        for _ in range(notice.had_their_turn + BATCH, person, BATCH):
            begins += PAUSE
        return begins

    def _conclude(self, turn: PlannedOccurrence) -> None:
        noted = Event.NOTIFIED in self.case.events
        super()._conclude(turn)
        if Event.NOTIFIED in self.case.events and not noted:
            for notice in self.notices.values():
                if (notice.step.id, notice.number) == (turn.step, turn.number):
                    self.untried += [
                        to_person.person for to_person in notice.to_people if to_person.state is DeliveryState.WAITING
                    ]

    def _assessed(self) -> Any:
        return an_assessment(duties=(a_duty(first=True, due_at=self.now + 400 * DAY),))
