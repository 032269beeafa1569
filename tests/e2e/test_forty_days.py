"""Forty days of an incident on a real Prefect server, with everything killed once, and Prefect's database deleted.

The installation is a rehearsal home: its clock is put forward while all of it runs. `pytest -s` shows what happened
when, and how long after its time each run began.
"""

import os
import re
import signal
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from amends.domain.case.case import Case
from amends.domain.case.deadlines import open_duties, reminders
from amends.domain.case.next_update import awaited
from amends.domain.case.states import IncidentState, OccurrenceState
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.outgoing import OutgoingState
from amends.domain.incident.commitment import CommitmentState
from amends.domain.law.duty import Addressee
from amends.domain.notice.notice import SENT_STATES, DeliveryState, NoticeStage, PersonState
from amends.domain.plan.plan import PlannedOccurrence, plan
from amends.domain.team.approval import Decision
from amends.ledger.deliver.statistics import Only
from amends.rehearsal_clock import RehearsalClock
from amends.sandbox.mail import MailServer
from amends.sandbox.web import WebServices
from flows.rehearsal.closing import carry_over, pass_over
from flows.rehearsal.team import record_results
from tests.commitments import keep
from tests.e2e.installation import Installation, canaries, until
from tests.story import APPROVERS, INCIDENT, LEAD, START, STORY

PEOPLE = 240
WINDOW = 8
"""So many connections to the relay, with one message on each, whose answer a kill can leave unknown."""
FORGOTTEN = "sg-pdpa.pdpc"
"""The authority that nobody files with."""
LEAD_TIME = timedelta(seconds=15)
"""So long before a time the clock arrives there: its run stands in Prefect already, and begins by itself."""
UPDATE = re.compile("our update of|的最新情况")
"""In the subject of every update, and of no other notice."""
TOO_LATE = timedelta(hours=1)
"""After the time that was named for news."""
SOON = timedelta(seconds=2)
PATIENCE = 180

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(1800)]


class Weeks:
    """The forty days, with what people do in them and what goes wrong."""

    def __init__(self, installation: Installation) -> None:
        self.up, self.ledger = installation, installation.ledger
        self.clock = RehearsalClock(installation.home)
        self.began = time.monotonic()
        self.flows_killed = 0
        self.runs: dict[str, dict[str, Any]] = {}
        """Every run that Prefect ever showed, by its id."""
        self.scheduled: dict[str, Counter[str]] = {}
        """What stood in Prefect for each pending turn, after each repair."""
        self.missing: dict[str, set[str]] = {}
        self.late_run: dict[str, Any] = {}
        """The one that nobody could start, as Prefect showed it then."""
        self.runner_back_at: datetime
        self.prefect_wrote: list[bytes] = []

    # What is there.

    @property
    def case(self) -> Case:
        return self.ledger.cases.read(INCIDENT, self.clock())

    def say(self, what: str) -> None:
        tell(f"{time.monotonic() - self.began:5.0f} s  {self.clock():%d %b %H:%M}  {what}")

    def look(self) -> list[dict[str, Any]]:
        """The incident's runs; none while Prefect is away."""
        try:
            found = self.up.runs()
        except httpx2.HTTPError:
            return []
        self.runs |= {run["id"]: run for run in found}
        return found

    # What passes.

    def live_until(self, moment: datetime, meanwhile: Callable[[], object] = lambda: None) -> None:
        """The clock goes on to just before this time; then all that is due is carried out."""
        self.up.put_clock(moment - LEAD_TIME)
        self.say(f"the clock was put forward, to {LEAD_TIME.seconds} s before")
        self.sweep()
        meanwhile()
        until(lambda: self.clock() >= moment, 30, "it is time")
        self.calm()

    def live_without_a_runner(self, step: str) -> None:
        """The runner dies and stays away until this step's turn should be carried out, and people should have heard.

        Then one is there again.
        """
        run = until(lambda: self._standing(step), PATIENCE, f"a run stands for {step}")
        until(lambda: self.up.children("worker", "start"), PATIENCE, "a runner is there")
        self.up.halt()
        self.kill("the runner, and nothing starts it again", "worker", "start")
        named = awaited(self.case)
        assert named
        self.up.put_clock(named + TOO_LATE)
        self.up.let_its_time_come(run["id"])
        self.late_run = until(lambda: self._called_late(run["id"]), PATIENCE, f"Prefect calls the run of {step} Late")
        self.say(f"{step}: people should have heard, and its run is Late; `amends up` starts a runner again")
        self.runner_back_at = datetime.now(UTC)
        self.up.go_on()
        self.calm()

    def _standing(self, step: str) -> dict[str, Any] | None:
        turn = f"{INCIDENT}:{step}:"
        waiting = (run for run in self.look() if run["state_type"] == "SCHEDULED")
        return next((run for run in waiting if str(run["idempotency_key"]).startswith(turn)), None)

    def _called_late(self, run: str) -> dict[str, Any] | None:
        return next((one for one in self.look() if one["id"] == run and one["state_name"] == "Late"), None)

    def due(self, step: str) -> datetime:
        """When the planner will have this step's next turn."""
        return next(turn.due_at for turn in plan(self.case, self.clock()).upcoming if turn.step == step)

    def sweep(self) -> None:
        """As a nudge of the command line does."""
        self.up.run_deployment("sweep", {"incident_id": INCIDENT})

    def calm(self) -> None:
        """Nothing is due, and nothing is under way."""
        until(self._is_calm, PATIENCE, "all that is due is carried out", look_every=1)

    def _is_calm(self) -> bool:
        if plan(self.case, self.clock()).due:
            return False
        now = datetime.now(UTC)
        runs = self.look()
        return bool(runs) and not any(
            run["state_type"] in ("PENDING", "RUNNING")
            or (run["state_type"] == "SCHEDULED" and _moment(run["next_scheduled_start_time"]) <= now)
            for run in runs
        )

    # What the team does.

    def approve(self) -> list[str]:
        waiting = [notice for notice in self.case.notices if notice.stage is NoticeStage.DRAFTED and notice.current]
        for notice in waiting:
            for member in APPROVERS[: notice.approvals_needed]:
                self.ledger.approvals.decide(
                    INCIDENT, notice.id, member, Decision.APPROVE, notice.binding, "", self.clock()
                )
        self.say(f"approved: {', '.join(notice.id for notice in waiting)}")
        return [notice.id for notice in waiting]

    def hand_over(self) -> None:
        """Take the letters that wait to the print shop."""
        for notice in self.case.notices:
            if notice.letters_to_hand_over:
                self.ledger.letters.take(INCIDENT, notice.id, APPROVERS[0], self.clock())

    def file(self) -> None:
        owed = [duty for duty in open_duties(self.case) if duty.addressee is not Addressee.PEOPLE and not duty.waits]
        for duty in owed:
            if duty.id != FORGOTTEN:
                self.ledger.filings.record(INCIDENT, duty.id, self.clock(), LEAD.name, "R-1", "", self.clock())

    def ask_and_answer(self) -> None:
        """A customer asks on the personal page of the real portal, and is answered."""
        address = f"http://127.0.0.1:{self.up.settings.portal_port}/p/{self.ledger.people.link_of(INCIDENT, 2)}"
        with httpx2.Client(trust_env=False, timeout=60) as browser:
            shown = browser.get(address).raise_for_status().text
            form = re.search(r'action="[^"]*/ask[^"]*".*?name="form" value="([^"]+)"', shown, re.DOTALL)
            assert form
            self.up.put_clock(self.clock() + timedelta(minutes=1))  # who answers a form at once is a program
            said = {"kind": "question", "text": "Is my address among it?", "form": form[1]}
            assert browser.post(f"{address}/ask", data=said).status_code == httpx2.codes.SEE_OTHER
        (question,) = self.ledger.questions.all(INCIDENT, open_only=True)
        self.ledger.questions.answer(INCIDENT, question.id, "Yes, your page names it.", APPROVERS[0].name, self.clock())

    # What goes wrong.

    def sending(self, notice: str) -> None:
        """Wait until this notice is being sent."""
        before = len(self.up.mail.arrived)
        until(lambda: len(self.up.mail.arrived) > before + 20, PATIENCE, f"{notice} is being sent")

    def kill_flow(self, step: str) -> None:
        """SIGKILL the process that carries out a turn of this step."""
        process = until(lambda: self._process_of(step), PATIENCE, f"{step} has a process")
        self.flows_killed += 1
        os.kill(process, signal.SIGKILL)
        self.say(f"SIGKILL: the process of {step}")

    def _process_of(self, step: str) -> int | None:
        under_way = (run for run in self.look() if run["state_type"] in ("PENDING", "RUNNING"))
        ids = {run["id"] for run in under_way if _step_of(run) == step}
        return next((pid for pid, run in self.up.flow_processes().items() if run in ids), None)

    def kill(self, what: str, *words: str) -> None:
        self.up.kill(*words)
        self.say(f"SIGKILL: {what}")

    def kill_everything_and_lose_prefects_database(self) -> None:
        self.flows_killed += len(self.up.flow_processes())
        self.look()
        self.prefect_wrote.append(self.up.everything_prefect_wrote())
        self.up.kill_all()
        self.say("SIGKILL: all of it; then Prefect's database is deleted")
        for file in (self.up.home / "prefect").glob("prefect.db*"):
            file.unlink()
        self.up.up_again()
        self.say("`amends up` again")

    # What must be so.

    def check_schedule(self, when: str) -> None:
        """What stands in Prefect for the turns that come."""
        wanted = {turn.key(INCIDENT): turn for turn in plan(self.case, self.clock()).upcoming}
        waiting = [run for run in self.look() if run["state_type"] == "SCHEDULED" and _step_of(run)]
        keys = Counter(str(run["idempotency_key"]) for run in waiting)
        at_their_time = {str(run["idempotency_key"]) for run in waiting if self._in_time(run, wanted)}
        self.scheduled[when] = Counter(_turn_of(key) for key in keys.elements())
        self.missing[when] = set(wanted) - at_their_time

    def _in_time(self, run: dict[str, Any], wanted: dict[str, PlannedOccurrence]) -> bool:
        turn = wanted.get(str(run["idempotency_key"]))
        apart = _moment(run["expected_start_time"]) + self.clock.ahead() - turn.due_at if turn else timedelta.max
        return abs(apart) < timedelta(minutes=2)


def tell(what: str) -> None:
    print(f"  {what}", flush=True)  # noqa: T201 - `pytest -s` shows it


def _step_of(run: dict[str, Any]) -> str:
    """The step that the run carries out, by its key; empty for a sweep."""
    key = str(run["idempotency_key"] or "")
    return key.split(":")[1] if key.startswith(f"{INCIDENT}:") else ""


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _late(run: dict[str, Any]) -> float:
    """How many seconds after its time a run began."""
    return (_moment(run["start_time"]) - _moment(run["expected_start_time"])).total_seconds()


def _turn_of(key: str) -> str:
    return key.rpartition(":r")[0]


def _live(weeks: Weeks) -> None:
    """Day by day."""
    up, ledger = weeks.up, weeks.ledger
    mei = up.member("mei", "lead")
    for member in APPROVERS:
        ledger.team.add(member.name, member.role, LEAD.name, weeks.clock())
    files = [str(STORY / "incident.yaml"), "--audience", str(STORY / "audience.csv")]
    up.amends("incident", "open", *files, "--as", "mei", token=mei)
    up.run_deployment("respond", {"incident_id": INCIDENT, "playbook": "customer-data-theft"})
    until(lambda: weeks.case.notice("first-notice"), PATIENCE, "the first notice is drafted")
    weeks.calm()

    weeks.approve()
    up.mail.delay = 0.3
    weeks.sweep()
    weeks.sending("first-notice")
    weeks.kill_flow("first-notice")
    up.mail.delay = 0.0
    weeks.calm()
    weeks.say("everybody was told; a question is asked and answered; all is filed but with one authority")
    weeks.ask_and_answer()
    weeks.file()
    weeks.hand_over()

    weeks.live_until(weeks.due("update"))
    weeks.approve()
    up.mail.delay = 0.3
    weeks.sweep()
    weeks.sending("update-1")
    weeks.kill("the runner", "worker", "start")
    up.mail.delay = 0.0
    weeks.calm()

    record_results(ledger, INCIDENT, ledger.commitments.get(INCIDENT, "account-recheck"), weeks.clock())
    keep(ledger, INCIDENT, "account-recheck", {"*": "Report CHK-17"}, "Customer care", weeks.clock())
    late = {"en": "The provider needs more time.", "zh-CN": "服务商还需要时间。"}
    ledger.commitments.put_off(
        INCIDENT, "number-protection", START + timedelta(days=24), late, LEAD.name, weeks.clock()
    )
    weeks.live_without_a_runner("update")
    weeks.approve()
    up.mail.delay = 0.3
    weeks.sweep()
    weeks.sending("update-2 and what became of two promises")
    weeks.kill_everything_and_lose_prefects_database()
    up.mail.delay = 0.0
    weeks.calm()
    weeks.check_schedule("after Prefect's database was deleted")

    weeks.kill("the Prefect server", "server", "start")
    carry_over(ledger, INCIDENT, LEAD.name, weeks.clock())
    pass_over(ledger, INCIDENT, (LEAD, APPROVERS[0]), "the weeks of the test are over", weeks.clock())
    ledger.incidents.resolve(INCIDENT, LEAD.name, weeks.clock())
    until(lambda: weeks.look(), PATIENCE, "Prefect is there again")
    weeks.live_until(START + timedelta(days=17), meanwhile=lambda: weeks.kill_flow("promises"))
    weeks.approve()
    weeks.sweep()
    weeks.calm()

    weeks.hand_over()
    weeks.live_until(START + timedelta(days=20))  # two days of calm end: the case closes
    weeks.sweep()
    weeks.calm()
    weeks.live_until(START + timedelta(days=40))
    weeks.approve()
    weeks.sweep()
    weeks.calm()
    weeks.hand_over()
    weeks.sweep()
    weeks.calm()
    weeks.check_schedule("at the end")
    weeks.prefect_wrote.append(up.everything_prefect_wrote())


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weeks]:
    folder = tmp_path_factory.mktemp("weeks")
    with MailServer(folder / "mail") as mail, WebServices(folder / "web") as web:
        installation = Installation(folder, mail, web)
        installation.make_rehearsal(START)
        story = Weeks(installation)
        try:
            installation.up()
            story.say("`amends up`")
            _live(story)
            story.say("forty days have passed")
            yield story
        finally:
            installation.kill_all()
            installation.ledger.dispose()


def _mails(weeks: Weeks) -> Counter[tuple[str, str]]:
    """How often each message arrived at each address, as the relay saw it."""
    arrived = weeks.up.mail.arrived
    return Counter((message_from_bytes(mail.content)["Message-ID"], mail.recipients[0]) for mail in arrived)


def test_the_case_is_closed_in_the_end(weeks: Weeks) -> None:
    assert weeks.case.state is IncidentState.CLOSED


def test_every_notice_is_sent(weeks: Weeks) -> None:
    """The second word on the late photographs was drafted while nobody looked, and the third took its place."""
    assert {notice.id for notice in weeks.case.notices} == {
        "first-notice",
        "update-1",
        "update-2",
        "survey-invitation",
        "promise-kept-account-recheck-1",
        "promise-late-number-protection-1",
        "promise-late-photo-before-visit-1",
        "closing",
        "promise-late-number-protection-2",
        "promise-late-photo-before-visit-3",
        "promise-late-security-fix-1",
    }
    assert {notice.stage for notice in weeks.case.notices} == {NoticeStage.SENT}


def test_no_message_arrives_twice(weeks: Weeks) -> None:
    assert set(_mails(weeks).values()) == {1}
    assert {len(mail.recipients) for mail in weeks.up.mail.arrived} == {1}
    posts = Counter(str(taken.fields) for taken in weeks.up.web.taken)
    assert set(posts.values()) == {1}


def test_no_notice_is_missing(weeks: Weeks) -> None:
    """What the ledger calls sent has arrived; what is uncertain is named, and no more than the kills explain."""
    sent: Counter[ChannelKind] = Counter()
    uncertain: Counter[ChannelKind] = Counter()
    first = weeks.case.notice("first-notice")
    assert first
    reached = sum(first.people.get(state, 0) for state in SENT_STATES if state is not PersonState.BOUNCED)
    for notice in weeks.case.notices:
        assert sum(notice.people.values()) == notice.meant_for, notice.id
        assert notice.meant_for == (reached if notice.about else PEOPLE), notice.id
        for line in weeks.ledger.statistics.lines(INCIDENT, notice.id):
            assert not line.state.pending, f"{notice.id} on {line.channel} is {line.state}"
            sent[line.channel] += line.state == "sent"
            uncertain[line.channel] += line.state == "uncertain"
    for reply in weeks.ledger.replies.all(INCIDENT):
        for states, count in (
            ((OutgoingState.SENT, OutgoingState.DELIVERED), sent),
            ((OutgoingState.UNCERTAIN,), uncertain),
        ):
            if reply.state in states and reply.channel.kind:
                count[reply.channel.kind] += 1
    taken = Counter(one.service for one in weeks.up.web.taken)
    for kind, arrived in {
        ChannelKind.EMAIL: len(weeks.up.mail.arrived),
        ChannelKind.SMS: taken["sms"],
        ChannelKind.SOCIAL: taken["mastodon"],
    }.items():
        assert sent[kind] <= arrived <= sent[kind] + uncertain[kind], kind
    tell(f"{weeks.flows_killed} processes of flows were killed; uncertain since then: {dict(uncertain)}")
    assert uncertain.total() <= weeks.flows_killed * WINDOW


def test_updates_come_in_time_unless_nobody_could_send_them(weeks: Weeks) -> None:
    """Every notice is sent by the time that the notice before named for the next update, except the one that nobody
    could send; the closing notice names none.
    """
    told = sorted(
        (n for n in weeks.case.notices if n.template in ("first-notice", "update", "closing")),
        key=lambda n: n.drafted_at,
    )
    late = []
    for before, after in pairwise(told):
        assert before.next_news_at and after.sent_at
        late += [after.id] if after.sent_at > before.next_news_at else []
    assert late == ["update-2"]
    assert told[-1].next_news_at is None


def test_a_late_run_still_runs_after_the_runner_returns(weeks: Weeks) -> None:
    assert weeks.late_run["state_name"] == "Late"
    assert weeks.late_run["start_time"] is None
    run = weeks.runs[weeks.late_run["id"]]
    assert (run["state_type"], run["run_count"]) == ("COMPLETED", 1), str(run["state"]["message"])
    assert _moment(run["start_time"]) > weeks.runner_back_at


def test_the_notice_of_a_late_run_leaves_once(weeks: Weeks) -> None:
    before = weeks.case.notice("update-1")
    assert before and before.sent_at
    mails = [message_from_bytes(mail.content, policy=default) for mail in weeks.up.mail.arrived]
    updates = [mail for mail in mails if UPDATE.search(mail["Subject"]) and mail["Date"].datetime > before.sent_at]
    assert set(Counter(mail["Message-ID"] for mail in updates).values()) == {1}
    states = weeks.ledger.statistics.states(INCIDENT, "update-2", Only(channel=ChannelKind.EMAIL))
    sent, uncertain = states[DeliveryState.SENT], states.get(DeliveryState.UNCERTAIN, 0)
    assert sent <= len(updates) <= sent + uncertain


def test_people_are_told_that_the_notice_of_a_late_run_comes_late(weeks: Weeks) -> None:
    expected, came = weeks.case.notice("update-1"), weeks.case.notice("update-2")
    assert expected and came
    assert came.sorry_for == expected.next_news_at


def test_the_team_sees_how_late_the_notice_of_a_late_run_came(weeks: Weeks) -> None:
    for shown in (weeks.up.amends("timeline", INCIDENT), weeks.up.page_in_prefect(f"{INCIDENT}-timeline")):
        assert re.search(r"update-2 came 1 h( \d+ min)? late", shown)


def test_every_legal_deadline_is_recorded_or_reminded_of_in_time(weeks: Weeks) -> None:
    case = weeks.case
    open_now = [duty for duty in open_duties(case) if not duty.waits and duty.addressee is not Addressee.PEOPLE]
    assert [duty.id for duty in open_now] == [FORGOTTEN]
    given = [turn for turn in case.recorded_reminders if turn.step.startswith(f"{FORGOTTEN} ")]
    assert [turn.number for turn in given] == [1, 2], "once before its time, and once after it"
    due_at = open_now[0].due_at
    assert due_at and given[0].done_at and given[0].done_at < due_at <= given[1].due_at
    assert not reminders(case)


def test_a_promise_is_kept_or_said_to_be_late(weeks: Weeks) -> None:
    case, now = weeks.case, weeks.clock()
    by_id = {commitment.id: commitment for commitment in case.commitments}
    assert by_id["account-recheck"].state is CommitmentState.KEPT
    said = case.notice("promise-late-number-protection-1")
    assert said and said.sent_at and said.sent_at < by_id["number-protection"].due_at
    assert not case.untold
    overdue = {commitment.id for commitment in case.commitments if commitment.overdue(now)}
    assert overdue == {"number-protection", "security-fix", "photo-before-visit"}
    assert all(by_id[name].escalated_at for name in overdue)


def test_a_question_from_the_portal_is_answered_in_time(weeks: Weeks) -> None:
    assert (weeks.case.questions.asked, weeks.case.questions.open, weeks.case.questions.overdue) == (1, 0, 0)


def test_each_pending_turn_has_one_run_at_its_time(weeks: Weeks) -> None:
    assert set(weeks.scheduled) == {"after Prefect's database was deleted", "at the end"}
    for when, standing in weeks.scheduled.items():
        assert not weeks.missing[when], when
        assert set(standing.values()) == {1}, when


def test_a_killed_run_is_followed_by_a_sweep_of_prefects_own(weeks: Weeks) -> None:
    """A run that was killed counts as crashed, and Prefect starts a sweep of the incident by itself."""
    crashed = [run for run in weeks.runs.values() if run["state_type"] == "CRASHED"]
    assert {_step_of(run) for run in crashed} >= {"first-notice", "promises"}
    by_prefect = [run for run in weeks.runs.values() if (run["created_by"] or {}).get("type") == "AUTOMATION"]
    assert {run["name"] for run in by_prefect} == {f"look after {INCIDENT}"}


def test_nothing_is_held_and_no_turn_is_done_twice(weeks: Weeks) -> None:
    states = Counter(turn.state for turn in weeks.case.occurrences)
    assert set(states) <= {OccurrenceState.DONE, OccurrenceState.PLANNED}
    done = Counter(entry.subject for entry in weeks.ledger.audit.entries(INCIDENT) if entry.act == "step done")
    assert set(done.values()) == {1}


def test_prefect_knows_nobody(weeks: Weeks) -> None:
    assert len(weeks.prefect_wrote) == 2, "before its database was deleted, and at the end"
    for written in weeks.prefect_wrote:
        assert b"first-notice" in written, "the scan reads what it should"
        assert not [word for word in canaries() if word in written]


def test_the_audit_chain_holds(weeks: Weeks) -> None:
    assert weeks.ledger.audit.verify() == ()


def test_runs_begin_soon_after_their_time(weeks: Weeks) -> None:
    """How late they begin depends on the machine: a process has to start. It is printed; minutes would be a fault.

    Apart from the one that no runner was there to start.
    """
    begun = [run for run in weeks.runs.values() if run["start_time"] and run["id"] != weeks.late_run["id"]]
    begun = [
        run for run in begun if _late(run) > -SOON.total_seconds()
    ]  # one that was woken began long before its time
    late = sorted(map(_late, begun))
    waited = sorted(_late(run) for run in begun if _moment(run["created"]) + SOON < _moment(run["expected_start_time"]))
    tell(f"{len(late)} runs began {statistics.median(late):.1f} s after their time (median), {late[-1]:.1f} s at most")
    tell(f"those that stood there before their time: {', '.join(f'{seconds:.1f} s' for seconds in waited)}")
    assert statistics.median(late) < 60
