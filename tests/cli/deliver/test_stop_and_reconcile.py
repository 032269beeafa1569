"""Stopping a send by hand, and comparing a restored ledger with the relay's log."""

import gzip
import shutil
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from amends.cli.terminal.clock import now
from amends.cli.terminal.exits import Exit
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.ledger import Claim
from amends.ledger.tables.deliver import LeaseRow
from tests.cli.conftest import INCIDENT, NOTICE, STORY, Office, a_copy, become, make_home
from tests.cli.receipt.test_bounces import bounced, message, sent_by_email
from tests.databases import NEEDS_POSTGRES, fresh_database

__all__ = ["message", "sent_by_email"]


def test_a_stopped_incident_sends_nothing_until_it_is_resumed(ready: Office) -> None:
    stopped = ready.values("stop", INCIDENT, by="lena")
    assert stopped == {"incident": INCIDENT, "state": "paused", "unanswered": 0, "halted": False}
    said = ready.amends("deliver", INCIDENT, NOTICE).output
    assert "paused" in said
    assert f"`amends incident timeline {INCIDENT}` says why" in " ".join(said.split())


def test_stop_and_deliver_show_the_command_that_resumes(ready: Office) -> None:
    """The command stop, and a deliver after it, show the whole command with which the incident is resumed."""
    whole = f"`amends incident resume {INCIDENT} --as NAME`"
    assert whole in ready.amends("stop", INCIDENT, by="lena").output
    assert whole in ready.amends("deliver", INCIDENT, NOTICE).output


def test_stopping_twice_is_no_mistake(office: Office) -> None:
    office.amends("stop", INCIDENT, by="lena")
    again = office.amends("stop", INCIDENT, by="lena")
    assert again.exit_code == 0
    assert "nothing leaves any more" in again.output
    assert f"incident {INCIDENT} is paused already" in again.output


@pytest.fixture(params=[pytest.param("postgresql", marks=NEEDS_POSTGRES)])
def on_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """An office whose ledger is on PostgreSQL, where nobody waits long for others who write."""
    monkeypatch.setattr("amends.ledger.store.database.BUSY_SECONDS", 0.3)
    with fresh_database() as url:
        monkeypatch.setenv("AMENDS_DATABASE_URL", url)
        office = make_home(tmp_path / "home")
        office.tokens["lena"] = office.values("team", "add", "lena", "--role", "lead")["token"]
        office.values("incident", "open", STORY / "incident.yaml", "--audience", STORY / "audience.csv", by="lena")
        yield office


def test_a_process_that_stands_still_in_the_middle_of_a_mark_is_named(on_a_server: Office) -> None:
    ledger = on_a_server.ledger()
    row = LeaseRow(incident=INCIDENT, notice=NOTICE, facts=1, first=1, last=1, until=now(), holder="")
    with ledger.store.write() as write:
        write.session.add(row)
    with ledger.store.driver_write() as swift:
        assert swift.keep_mark(row.id or 0, [1], now())
        said = on_a_server.amends("stop", INCIDENT, by="lena").output
        assert "one process stands still" in " ".join(said.split())
        assert "nothing leaves any more" not in said
    assert on_a_server.values("stop", INCIDENT, by="lena")["halted"] is False
    ledger.dispose()


def test_a_stop_that_is_not_written_down_at_once_says_so(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amends.cli.deliver.stop.SLOW_SECONDS", 0.05)
    ledger = office.ledger()
    with ThreadPoolExecutor(1) as elsewhere, ledger.store.write() as write:
        write.incident(INCIDENT)
        stopping = elsewhere.submit(office.amends, "stop", INCIDENT, by="lena")
        time.sleep(1)
        assert not stopping.done()
    assert "not yet: the ledger has not taken it" in stopping.result().stderr
    ledger.dispose()


def test_a_stop_refused_by_another_version_says_how_to_stop(ready: Office) -> None:
    """When the ledger belongs to another version of Amends, the command stop says that nothing was stopped,
    how to end the senders without the ledger, and what keeps it from the ledger.
    """
    ledger = ready.ledger()
    ledger.notices.release(INCIDENT, NOTICE, now())
    ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 1, now())
    ledger.dispose()
    with sqlite3.connect(ready.home / "ledger.sqlite3") as tables:
        tables.execute("UPDATE amends_schema SET version_num = '9999'")
    answer = ready.amends("stop", INCIDENT, by="lena")
    assert answer.exit_code == Exit.ERROR
    first, then = answer.stderr.splitlines()
    assert "NOTHING WAS STOPPED" in first
    assert "End `amends up` and every `amends deliver` themselves" in first
    assert "the ledger was written by another Amends" in then


def test_a_log_tells_a_restored_ledger_what_had_left(office: Office, tmp_path: Path) -> None:
    home = office.home
    shutil.copy(home / "ledger.sqlite3", tmp_path / "backup")
    office.amends("incident", "pause", INCIDENT, by="lena")
    for file in home.glob("ledger.sqlite3-*"):
        file.unlink()
    shutil.copy(tmp_path / "backup", home / "ledger.sqlite3")
    assert office.amends("audit", "verify").exit_code != 0
    assert "nothing is sent: this ledger is older" in office.amends("timeline", INCIDENT).stdout
    assert "nothing is sent: this ledger is older" in office.amends("doctor").stdout
    found = office.values("reconcile", "--none-left", "email", by="omar")
    assert found == {"sent": 0, "uncertain": 0, "waiting": 0, "bounced": 0, "in_logs": 0}
    assert office.amends("audit", "verify").exit_code == 0


def test_what_the_log_knows_is_said_though_a_backup_has_no_message(office: Office, message: Claim, log: Path) -> None:
    """When the restored backup has no message yet, reconcile also says how many emails were taken by the relay's log;
    otherwise "0 messages had left" would read as if all of them would be sent again.
    """
    log.write_bytes(postfix(message, TAKEN))
    with sqlite3.connect(office.home / "ledger.sqlite3") as older:
        older.execute("DELETE FROM delivery")
    answer = office.amends("reconcile", "--log", log, "--complete", *NO_OTHERS, by="omar")
    assert "0 messages had left" in answer.stdout
    assert "by the logs 1 email was taken; what of them is not stored here yet counts as sent" in answer.stderr


def test_a_log_that_is_not_there_is_named(office: Office) -> None:
    answer = office.amends("reconcile", "--log", "/nowhere.log", by="omar")
    assert answer.exit_code == Exit.USAGE
    assert "nowhere.log" in answer.output


def postfix(claim: Claim, *entries: str) -> bytes:
    """Lines of a Postfix about this message."""
    named = f"cleanup[2]: 6D569B06588: message-id=<{claim.key}@bank.example>"
    lines = [named, *(f"qmgr[3]: 6D569B06588: {entry}" for entry in entries)]
    return "".join(f"Nov 27 20:53:17 relay postfix/{line}\n" for line in lines).encode()


TAKEN = "from=<b+1@bounces.bank.example>, size=21323, nrcpt=1 (queue active)"
CAME_BACK = "to=<kim@mail.example>, relay=none, dsn=5.1.1, status=bounced (no such user)"
CANCELED = "removed (canceled)"
NO_OTHERS = ("--none-left", "sms", "--none-left", "letter", "--none-left", "social")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "mail.log"


@pytest.fixture(scope="session")
def crashed(ready_template: Office, tmp_path_factory: pytest.TempPathFactory) -> tuple[Office, Claim]:
    """An office in which a crash left open whether an email has left, and the email."""
    office = a_copy(ready_template, tmp_path_factory.mktemp("crashed") / "home")
    ledger = office.ledger()
    ledger.notices.release(INCIDENT, NOTICE, now())
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 1, now())
    ledger.deliveries.record(
        claims, [(claim, Receipt(claim.key, Status.UNCERTAIN)) for claim in claims], INCIDENT, NOTICE, now()
    )
    ledger.deliveries.end_leases([claim.lease for claim in claims], {"uncertain": 1}, INCIDENT, NOTICE, now())
    ledger.dispose()
    return office, claims[0]


@pytest.fixture
def doubtful(office: Office, crashed: tuple[Office, Claim]) -> Claim:
    """An email of which a crash left open whether it has left."""
    become(office, crashed[0])
    return crashed[1]


def uncertain(office: Office) -> int:
    return len(office.values("deliveries", INCIDENT, NOTICE, "--state", "uncertain")["deliveries"])


def test_an_uncertain_email_that_the_relay_took_was_sent(office: Office, doubtful: Claim, log: Path) -> None:
    log.write_bytes(postfix(doubtful, TAKEN))
    assert office.values("reconcile", "--log", log, "--complete", *NO_OTHERS, by="omar")["sent"] == 1
    assert uncertain(office) == 0


def test_one_that_the_relay_refused_is_sent_once_more(office: Office, doubtful: Claim, log: Path) -> None:
    log.write_bytes(postfix(doubtful, CANCELED))
    before = uncertain(office)
    found = office.values("reconcile", "--log", log, "--complete", *NO_OTHERS, by="omar")
    assert (before, found["sent"], uncertain(office)) == (1, 0, 0)
    ledger = office.ledger()
    assert doubtful.key in [
        claim.key for claim in ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 9, now())
    ]
    ledger.dispose()


def test_but_not_while_another_log_may_say_that_it_was_taken(office: Office, doubtful: Claim, log: Path) -> None:
    log.write_bytes(postfix(doubtful, CANCELED))
    office.values("reconcile", "--log", log, "--none-left", "sms", by="omar")
    rows = office.values("deliveries", INCIDENT, NOTICE, "--state", "uncertain", "--channel", "email")["deliveries"]
    assert doubtful.about is not None
    assert doubtful.about.number in [row["person"] for row in rows]


def test_one_that_is_only_named_stays_uncertain(office: Office, doubtful: Claim, log: Path) -> None:
    log.write_bytes(postfix(doubtful))
    found = office.values("reconcile", "--log", log, "--complete", *NO_OTHERS, by="omar")
    assert (found["sent"], uncertain(office)) == (0, 1)


def test_what_came_back_by_the_log_is_written_to_on_another_channel(office: Office, message: Claim, log: Path) -> None:
    log.write_bytes(postfix(message, TAKEN, CAME_BACK))
    answer = office.amends("reconcile", "--log", log, "--complete", *NO_OTHERS, by="omar")
    assert bounced(office) == 1
    assert "1 came back by the log" in answer.stdout
    assert f"amends deliver {INCIDENT} {NOTICE}" in answer.stderr


def test_it_says_when_what_waits_leaves(office: Office, doubtful: Claim) -> None:
    answer = office.amends("reconcile", "--none-left", "email", *NO_OTHERS, by="omar")
    assert "leaves with the next sweep" in answer.stderr


def test_what_it_says_about_the_uncertain_can_be_called_as_it_stands(office: Office, message: Claim, log: Path) -> None:
    log.write_bytes(postfix(message, TAKEN))
    said = office.amends("reconcile", "--log", log, by="omar").stderr
    assert "`amends deliver INC NOTICE --again PERSON --as NAME`" in said


def test_it_says_that_what_came_back_must_be_read_again(office: Office, message: Claim, log: Path) -> None:
    log.write_bytes(postfix(message, TAKEN))
    assert "amends bounces PATH --again" in office.amends("reconcile", "--log", log, "--complete", by="omar").stderr


@pytest.mark.parametrize("text", [b"", b"root:x:0:0:root:/root:/bin/bash\n", b"message-id=<" + b"0" * 32 + b"@x>\n"])
def test_a_log_that_is_not_ours_sends_nobody_anything_twice(
    office: Office, message: Claim, log: Path, text: bytes
) -> None:
    log.write_bytes(text)
    before = office.values("audit", "head")
    answer = office.amends("reconcile", "--log", log, "--complete", by="omar")
    assert answer.exit_code == Exit.ERROR
    assert "--none-left email" in answer.output
    assert office.values("audit", "head") == before


def test_a_log_that_names_no_message_is_questioned(office: Office, message: Claim, log: Path) -> None:
    """When the given log names no message of the ledger, reconcile says so, so that the user can check whether the
    right log was given; for a log that names a message it does not.
    """
    log.write_bytes(b"root:x:0:0:root:/root:/bin/bash\n")
    assert "the logs name no message" in office.amends("reconcile", "--log", log, by="omar").stderr
    log.write_bytes(postfix(message, TAKEN))
    assert "the logs name no message" not in office.amends("reconcile", "--log", log, by="omar").stderr


def test_a_packed_log_is_read_and_a_damaged_one_named(office: Office, message: Claim, log: Path) -> None:
    packed = gzip.compress(postfix(message, TAKEN) * 100)
    log.write_bytes(packed[:-12])
    answer = office.amends("reconcile", "--log", log, "--complete", by="omar")
    assert (answer.exit_code, "mail.log:" in answer.output) == (Exit.FINDINGS, True)
    log.write_bytes(packed)
    assert office.amends("reconcile", "--log", log, "--complete", by="omar").exit_code == 0


def test_a_log_and_none_left_for_email_contradict_each_other(office: Office, message: Claim, log: Path) -> None:
    """A log that shows a taken email and the statement that no email has left are refused together as a usage error,
    and nothing is recorded.
    """
    log.write_bytes(postfix(message, TAKEN))
    before = office.values("audit", "head")
    answer = office.amends("reconcile", "--log", log, "--none-left", "email", by="omar")
    assert (answer.exit_code, "give one of the two" in answer.output) == (Exit.USAGE, True)
    assert office.values("audit", "head") == before


def test_a_log_is_needed_or_a_word_that_nothing_has_left(office: Office) -> None:
    for words in ((), ("--complete",), ("--complete", "--none-left", "sms")):
        assert office.amends("reconcile", *words, by="omar").exit_code == Exit.USAGE
