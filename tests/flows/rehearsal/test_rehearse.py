"""Rehearsals: each shipped playbook survives each shipped inject, and nothing real can be reached from one."""

import asyncio
import csv
import json
import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

import flows.rehearsal.play
from amends.content.file.shipped import library
from amends.content.playbook.library import shipped_playbooks
from amends.content.playbook.playbook import load_playbook
from amends.content.rehearse import shipped_injects
from amends.domain.base.value import Span
from amends.domain.case.states import IncidentState
from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.commitment import CommitmentState
from amends.domain.notice.notice import PersonState
from amends.domain.rehearse.injects import KINDS
from amends.domain.rehearse.report import (
    FOUND,
    ORDER,
    ChannelNumbers,
    Noticed,
    Order,
    RehearsalReport,
    RehearsedOutcome,
    TeamTimes,
)
from amends.rehearsal_process import carry_out
from amends.sandbox.mail import MailServer
from amends.sandbox.web import WebServices
from amends.settings import SETTINGS_FILE, read_settings
from flows.rehearsal.play import rehearse
from flows.rehearsal.virtual_loop import VirtualLoop
from tests.builders import story_of_few
from tests.delivery.sending import channel_settings
from tests.terminals import hears_all

STORY = library() / "examples" / "stolen-terminals"
INJECTS, PLAYBOOKS = shipped_injects(), shipped_playbooks()
PEOPLE = 60
START_SECONDS = 180
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EMAIL, SMS = ChannelKind.EMAIL, ChannelKind.SMS
DAYS = {
    "angry-replies": 3,
    "approver-on-holiday": 2,
    "bounces": 2,
    "forgotten-filing": 3,
    "late-cohort": 7,
    "late-promise": 9,
    "press-leak": 4,
    "provider-outage": 2,
    "wrong-fact": 17,
}
"""So long it takes until what each of them does has been said to people."""

Rehearse = Callable[..., RehearsalReport]


@pytest.fixture(scope="module")
def read_once() -> Iterator[None]:
    """Reading a playbook with all its words takes a quarter of a short rehearsal."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flows.rehearsal.play, "load_playbook", cache(load_playbook))
        yield


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory, read_once: None) -> Rehearse:
    """Rehearses here, in this process; the same order is carried out once for all tests."""
    audience = tmp_path_factory.mktemp("audience") / "audience.csv"
    _some_of_the_story(audience)

    @cache
    def played(playbook: str, *injects: str, days: int, **team: object) -> RehearsalReport:
        order = Order(
            playbook=PLAYBOOKS.get(playbook, Path(playbook)),
            incident=story_of_few(),
            audience=audience,
            injects=tuple(INJECTS.get(name, Path(name)) for name in injects),
            days=days,
            team=TeamTimes.model_validate(team),
        )
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(rehearse(order, tmp_path_factory.mktemp("rehearsal")))

    return played


def _some_of_the_story(path: Path) -> None:
    with (STORY / "audience.csv").open(encoding="utf-8") as story, path.open("w", encoding="utf-8") as some:
        rows = csv.reader(story)
        csv.writer(some).writerows(row for _, row in zip(range(PEOPLE + 1), rows, strict=False))


def notice(found: RehearsalReport, name: str) -> Noticed:
    return next(one for one in found.notices if one.id == name)


def on(found: RehearsalReport, name: str, kind: ChannelKind) -> ChannelNumbers:
    return next(channel for channel in notice(found, name).channels if channel.channel is kind)


def told_after(found: RehearsalReport, moment: datetime) -> list[Noticed]:
    return [one for one in found.notices if one.drafted_at >= moment and one.first_at]


# Each shipped playbook with each shipped inject


def an_outage_delays_and_loses_nothing(found: RehearsalReport) -> None:
    mails = on(found, "first-notice", EMAIL)
    assert mails.first_at and mails.first_at >= found.start + 20 * HOUR
    assert on(found, "first-notice", SMS).first_at == found.start + 2 * HOUR
    assert notice(found, "first-notice").people.get(PersonState.WAITING, 0) <= 2  # those are letters
    assert mails.arrived > PEOPLE * 3 / 4
    assert any("down" in trouble.what for trouble in found.troubles)


def addresses_bounce_and_others_take_over(found: RehearsalReport) -> None:
    channels = notice(found, "first-notice").channels
    assert sum(channel.refused for channel in channels) > 0 or any("came back" in one.what for one in found.injected)


def a_leak_is_answered(found: RehearsalReport) -> None:
    assert found.questions.asked > 0
    assert found.questions.complaints + found.questions.answered > 0
    assert found.questions.late == found.questions.overdue == 0


def people_hear_of_the_wrong_fact(found: RehearsalReport) -> None:
    """In a correction where the playbook has a step for it, else in the next update."""
    corrections = [one for one in told_after(found, found.start + 5 * DAY) if one.template in ("correction", "update")]
    assert corrections
    assert any("version 2" in one.what for one in found.injected)
    assert any("people hear of the wrong fact" in one.what for one in found.injected)


def complaints_are_heard(found: RehearsalReport) -> None:
    assert found.questions.complaints > 0
    assert found.questions.complaints == found.questions.asked - found.questions.answered or found.questions.answered


def others_step_in(found: RehearsalReport) -> None:
    first = notice(found, "first-notice")
    assert first.waited and first.waited >= 8 * HOUR
    assert first.approved_by and "rehearsal-legal" not in first.approved_by


def the_cohort_gets_the_first_notice(found: RehearsalReport) -> None:
    first = notice(found, "first-notice")
    assert sum(first.people.values()) == found.people == PEOPLE
    last = max(channel.last_at for channel in first.channels if channel.last_at)
    assert last >= found.start + 4 * DAY
    assert any("more people are found" in one.what for one in found.injected)


def those_promised_are_told_that_it_is_late(found: RehearsalReport) -> None:
    late = [commitment for commitment in found.commitments if commitment.outcome is RehearsedOutcome.LATE]
    assert [one.new_due_at - one.due_at for one in late if one.new_due_at] == [7 * DAY]
    assert notice(found, f"promise-late-{late[0].id}-1").first_at


def the_missed_deadline_is_named(found: RehearsalReport) -> None:
    late = [deadline for deadline in found.deadlines if deadline.outcome.bad]
    assert late
    assert found.bad >= len(late)
    assert any(late[0].duty in one.what for one in found.injected)


SIGNS: dict[str, Callable[[RehearsalReport], None]] = {
    "angry-replies": complaints_are_heard,
    "approver-on-holiday": others_step_in,
    "bounces": addresses_bounce_and_others_take_over,
    "forgotten-filing": the_missed_deadline_is_named,
    "late-cohort": the_cohort_gets_the_first_notice,
    "late-promise": those_promised_are_told_that_it_is_late,
    "press-leak": a_leak_is_answered,
    "provider-outage": an_outage_delays_and_loses_nothing,
    "wrong-fact": people_hear_of_the_wrong_fact,
}


def test_every_shipped_inject_is_rehearsed() -> None:
    assert SIGNS.keys() == DAYS.keys() == INJECTS.keys()
    assert len(INJECTS) == len(KINDS)


@pytest.mark.parametrize("inject", INJECTS)
@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_shipped_playbook_survives_a_shipped_inject(rehearsed: Rehearse, playbook: str, inject: str) -> None:
    found = rehearsed(playbook, inject, days=DAYS[inject])
    assert found.twice == 0
    assert found.ledger_faults == ()
    for one in (
        one for one in found.notices if not one.template.startswith("promise-")
    ):  # these go to who was promised
        assert not one.people or sum(one.people.values()) + one.not_told == found.people, one.id
    SIGNS[inject](found)


# A whole rehearsal


@pytest.fixture(scope="module")
def whole(rehearsed: Rehearse) -> RehearsalReport:
    return rehearsed("customer-data-theft", days=60)


def test_in_sixty_quiet_days_every_time_is_kept_and_the_case_closes(whole: RehearsalReport) -> None:
    """In a rehearsal of sixty quiet days every time is kept, nothing goes wrong, and the case is closed at the end."""
    assert whole.state is IncidentState.CLOSED
    assert whole.bad == 0
    assert whole.troubles == ()


def test_everybody_who_can_be_told_is_told_by_every_notice(whole: RehearsalReport) -> None:
    assert len(whole.notices) > 10
    for one in whole.notices:
        assert one.first_at and one.sent_at and one.first_at == one.approved_at, one.id


def test_updates_come_by_the_time_that_was_named(whole: RehearsalReport) -> None:
    assert len(whole.named_times) > 4
    assert {named_time.outcome for named_time in whole.named_times} == {RehearsedOutcome.MET}


def test_people_never_wait_longer_than_the_playbook_says(whole: RehearsalReport) -> None:
    """No silence towards people is longer than the playbook says, and the report lists the silences with the longest
    first.
    """
    assert whole.silences[0].length <= 7 * DAY + 12 * HOUR
    assert [silence.length for silence in whole.silences] == sorted((s.length for s in whole.silences), reverse=True)


def test_the_same_order_gives_the_same_report(rehearsed: Rehearse) -> None:
    once = rehearsed("vendor-breach", "press-leak", days=4)
    again = rehearsed.__wrapped__("vendor-breach", "press-leak", days=4)  # type: ignore[attr-defined]
    assert once == again


def test_a_slow_team_misses_deadlines_and_the_report_names_them(rehearsed: Rehearse) -> None:
    found = rehearsed("customer-data-theft", days=5, approve_after=Span(days=3), file_after=Span(days=3))
    assert [deadline.duty for deadline in found.deadlines if deadline.outcome.bad]


def test_a_team_that_cannot_answer_so_many_answers_late(rehearsed: Rehearse, tmp_path: Path) -> None:
    leak = tmp_path / "leak.yaml"
    leak.write_text("title: Everybody asks\npress_leaks:\n  - {at: 1d, asking: 1, within: 2h}\n")
    found = rehearsed("customer-data-theft", str(leak), days=10, answers_a_day=6)
    assert found.questions.asked >= PEOPLE - 5
    assert found.questions.late > 0
    assert found.questions.longest and found.questions.longest > 2 * DAY


def test_an_approver_whom_nobody_stands_in_for_keeps_people_waiting(rehearsed: Rehearse, tmp_path: Path) -> None:
    away = tmp_path / "away.yaml"
    away.write_text("title: Nobody steps in\napprovers_away:\n  - {who: legal, at: 0h, lasts: 30h, deputy: false}\n")
    first = notice(rehearsed("customer-data-theft", str(away), days=3), "first-notice")
    assert first.waited == 30 * HOUR
    assert "rehearsal-legal" in first.approved_by


def test_a_notice_never_approved_is_reported_as_waiting(rehearsed: Rehearse, tmp_path: Path) -> None:
    """When nobody approves a notice during the rehearsal, the report shows the notice as waiting, no message leaves,
    and nobody counts as notified.
    """
    away = tmp_path / "away.yaml"
    away.write_text("title: Nobody steps in\napprovers_away:\n  - {who: legal, at: 0h, lasts: 30d, deputy: false}\n")
    found = rehearsed("customer-data-theft", str(away), days=3)
    assert (notice(found, "first-notice").waited, found.messages) == (None, 0)
    assert "notified" not in found.events


def test_an_outdated_list_stops_the_send_until_the_lead_looks(rehearsed: Rehearse, tmp_path: Path) -> None:
    """When an outdated list makes too many emails bounce, the send stops until the lead has looked: the report names
    the trouble, no fault of the ledger, and no message sent twice.
    """
    old = tmp_path / "old.yaml"
    old.write_text("title: An old list\nbounces:\n  - {channel: email, refused: 0.6}\n")
    found = rehearsed("customer-data-theft", str(old), days=3)
    assert found.troubles
    assert found.ledger_faults == () and found.twice == 0


TASK = """
id: ours
extends: customer-data-theft
steps:
  - {id: bank, phase: follow_up, of: assessed, task: Call the bank., owner: Finance, within: WITHIN}
  - {id: then, phase: follow_up, of: bank, task: Say what the bank said., owner: Finance, within: 4h}
"""


@pytest.mark.parametrize("within", ["30min", "4h", "3d"])
def test_the_team_does_tasks_in_time_and_the_next_ones_follow(rehearsed: Rehearse, tmp_path: Path, within: str) -> None:
    """The rehearsed team does each task within its time, and the task that waits for another one follows."""
    playbook = tmp_path / "ours.yaml"
    playbook.write_text(TASK.replace("WITHIN", within))
    found = rehearsed(str(playbook), days=2)
    done = {one.what: one.at for one in found.team if "task" in one.what}
    assert list(done) == ["does the task bank 1", "does the task then 1"]
    assert done["does the task bank 1"] <= found.start + Span.parse(within)


def test_a_promise_that_is_kept_is_settled_before_it_is_due(whole: RehearsalReport) -> None:
    kept = [commitment for commitment in whole.commitments if commitment.settled_at]
    assert len(kept) >= 4
    assert all(one.told and one.settled_at and one.settled_at < one.due_at for one in kept)
    assert {CommitmentState.KEPT.value} == {"kept"}


# Nothing real can be reached


CANARIES = ("canary-one@canary.example", "canary-two@canary.example")
PROBE = """
from flows.rehearsal.network_block import CutOff, cut_off
cut_off()
import json, os, socket, subprocess, sys
def refused(act):
    try:
        act()
    except CutOff:
        return True
    except BaseException as error:
        return repr(error)
    return False
def fork_refused(act):
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    os._exit(7 if refused(act) is True else 1)
address = ("127.0.0.1", int(sys.argv[1]))
print(json.dumps({
    "connect": refused(lambda: socket.create_connection(address)),
    "socket": refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
    "udp six": refused(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)),
    "name": refused(lambda: socket.getaddrinfo("localhost", 25)),
    "old name": refused(lambda: socket.gethostbyname("localhost")),
    "program": refused(lambda: subprocess.run(["true"])),
    "shell": refused(lambda: os.system("true")),
    "in a fork": fork_refused(lambda: socket.create_connection(address)),
    "program of a fork": fork_refused(lambda: os.execv("/bin/true", ["true"])),
    "exec": refused(lambda: os.execv("/bin/true", ["true"])),
    "spawn": refused(lambda: os.posix_spawn("/bin/true", ["true"], {})),
}))
"""


def test_a_process_that_is_cut_off_reaches_nobody_and_starts_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        port = str(listening.getsockname()[1])
        done = subprocess.run([sys.executable, "-c", PROBE, port], capture_output=True, text=True, check=True)
        with pytest.raises(TimeoutError):
            listening.accept()
    answers = json.loads(done.stdout)
    assert len(answers) == 11
    assert [what for what, refused in answers.items() if refused is not True] == []


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[MailServer, WebServices]]:
    with MailServer(tmp_path / "mail") as mail, WebServices(tmp_path / "web") as web:
        yield mail, web


@pytest.fixture
def home(tmp_path: Path, servers: tuple[MailServer, WebServices]) -> Path:
    """A home whose channels lead to these servers."""
    mail, web = servers
    home = tmp_path / "home"
    home.mkdir()
    lines = ['public_url = "https://btepai.example"']
    for kind, own in channel_settings(mail.port, web.url, tmp_path).items():
        lines += [f"[channels.{kind}]", *(f"{name} = {json.dumps(value)}" for name, value in own.items())]
    (home / SETTINGS_FILE).write_text("\n".join(lines))
    assert read_settings(home).channels[EMAIL]["port"] == str(mail.port)
    return home


@pytest.fixture
def canaries(tmp_path: Path) -> Path:
    path = tmp_path / "canaries.csv"
    rows = [f"C-{n},Canary {n},{address},+4930555{n:05},en,DE" for n, address in enumerate(CANARIES, 1)]
    path.write_text("\n".join(["id,name,email,phone,locale,country", *rows]))
    return path


def order_for(audience: Path) -> Order:
    return Order(playbook=PLAYBOOKS["customer-data-theft"], incident=story_of_few(), audience=audience, days=4)


def connections(servers: tuple[MailServer, WebServices]) -> tuple[int, int, int]:
    mail, web = servers
    time.sleep(0.1)
    return mail.connections, len(mail.arrived), web.requests


def test_no_real_transport_is_touched_though_the_home_has_them(
    servers: tuple[MailServer, WebServices], home: Path, canaries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMENDS_HOME", str(home))
    found = carry_out(order_for(canaries), quiet=True)
    assert on(found, "first-notice", EMAIL).arrived == len(CANARIES)
    assert on(found, "first-notice", SMS).arrived == len(CANARIES)
    assert connections(servers) == (0, 0, 0)


def test_nor_when_its_process_is_told_of_the_home(
    servers: tuple[MailServer, WebServices], home: Path, canaries: Path, tmp_path: Path
) -> None:
    """Started by hand, with all that the command keeps from it."""
    folder = tmp_path / "rehearsal"
    folder.mkdir()
    (folder / ORDER).write_text(order_for(canaries).model_dump_json())
    environment = {**os.environ, "AMENDS_HOME": str(home), "PREFECT_HOME": str(tmp_path / "prefect")}
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    done = subprocess.run(
        [sys.executable, "-m", "flows.rehearsal", str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = RehearsalReport.model_validate_json((folder / FOUND).read_text())
    assert on(found, "first-notice", EMAIL).arrived == len(CANARIES)
    assert connections(servers) == (0, 0, 0)
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before


def test_those_servers_would_have_noticed(servers: tuple[MailServer, WebServices]) -> None:
    mail, _ = servers
    with smtplib.SMTP("127.0.0.1", mail.port, timeout=5) as connection:
        connection.ehlo()
    assert connections(servers)[0] == 1


def test_nobody_of_the_audience_is_in_what_a_rehearsal_leaves_or_says(canaries: Path, tmp_path: Path) -> None:
    folder = tmp_path / "rehearsal"
    folder.mkdir()
    (folder / ORDER).write_text(order_for(canaries).model_dump_json())
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect")}
    done = subprocess.run(
        [sys.executable, "-m", "flows.rehearsal", str(folder)], env=environment, capture_output=True, check=True
    )
    left = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()) + done.stdout + done.stderr
    assert [canary for canary in (*CANARIES, "Canary 1") if canary.encode() in left] == []


# Stopped before its end


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_rehearsal_that_is_stopped_leaves_nothing_behind(tmp_path: Path, number: signal.Signals, code: int) -> None:
    files = ("--incident", STORY / "incident.yaml", "--audience", STORY / "audience.csv")
    call = (sys.executable, "-c", "from amends.cli import main; main()", "rehearse", "customer-data-theft", *files)
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        call, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0, preexec_fn=hears_all
    ) as rehearsal:
        until = time.monotonic() + START_SECONDS
        while not list(tmp_path.glob("*/ledger.sqlite3")) and time.monotonic() < until:
            time.sleep(0.05)
        children = Path(f"/proc/{rehearsal.pid}/task/{rehearsal.pid}/children").read_text().split()
        groups = {os.getpgid(int(child)) for child in children}
        os.killpg(rehearsal.pid, number)  # as a terminal does
        said, _ = rehearsal.communicate(timeout=START_SECONDS)  # its own process writes there too: it has ended as well
    assert (rehearsal.returncode, said) == (code, b"")
    assert groups and rehearsal.pid not in groups, "a Ctrl-C would be two processes', and one would show a traceback"
    assert list(tmp_path.iterdir()) == []


# Virtual time


def test_a_sleeper_in_virtual_time_wakes_at_once_an_hour_later() -> None:
    """In virtual time a sleep of an hour ends at once by the machine's clock and an hour later by the loop's clock."""

    async def an_hour() -> float:
        loop = asyncio.get_running_loop()
        before = loop.time()
        await asyncio.sleep(3600)
        return loop.time() - before

    started = time.monotonic()
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert 3600 <= runner.run(an_hour()) < 3610
    assert time.monotonic() - started < 10


def test_sleepers_are_woken_in_the_order_of_their_time() -> None:
    async def woken() -> list[int]:
        order: list[int] = []

        async def sleeper(minutes: int) -> None:
            await asyncio.sleep(60 * minutes)
            order.append(minutes)

        await asyncio.gather(*(sleeper(minutes) for minutes in (30, 10, 20)))
        return order

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(woken()) == [10, 20, 30]


def test_work_for_a_thread_is_done_here_with_its_result_and_its_error() -> None:
    async def handed_over() -> int:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(lambda: 7)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(handed_over()) == 7
