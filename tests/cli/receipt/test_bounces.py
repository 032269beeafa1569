"""Mails that came back are read wherever they lie; what is not true, or cannot be read, changes nothing."""

import json
import os
import sqlite3
from pathlib import Path

import pytest
from typer.testing import Result

from amends.cli.terminal.clock import now
from amends.cli.terminal.exits import Exit
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.identifiers import bounce_address
from amends.domain.channel.message import Receipt, Status
from amends.ledger import Claim
from tests.cli.conftest import INCIDENT, NOTICE, Office, a_copy, become
from tests.domain.receipt.test_dsn import MAILS, TOKEN
from tests.privileges import given_to_nobody, of_nobody

KEY = "4ce821ef6583365ec4a70edb81c2cc8a"
"""The message that the examples are about."""
HARMLESS = b"From: kim@mail.example\nSubject: Hello\n\nWhen do you open?\n"


@pytest.fixture(scope="session")
def sent_by_email(template: Office, tmp_path_factory: pytest.TempPathFactory) -> tuple[Office, Claim]:
    """An office that has sent the first notice by email, and one of its emails."""
    office = a_copy(template, tmp_path_factory.mktemp("emails") / "home")
    ledger = office.ledger()
    only_email = {"channels": (ChannelKind.WEBSITE, ChannelKind.EMAIL)}
    ledger.notices.draft(ledger.notices.latest_draft(INCIDENT, NOTICE).model_copy(update=only_email), now())
    binding = ledger.notices.latest_draft(INCIDENT, NOTICE).binding[:12]
    for name in ("omar", "wei"):
        office.amends("approve", INCIDENT, NOTICE, "--people", 3, "--binding", binding, by=name)
    ledger.notices.release(INCIDENT, NOTICE, now())
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 10, now())
    ledger.deliveries.record(claims, (), INCIDENT, NOTICE, now())
    answers = [(claim, Receipt(claim.key, Status.SENT)) for claim in claims]
    ledger.deliveries.record((), answers, INCIDENT, NOTICE, now())
    ledger.dispose()
    return office, claims[0]


@pytest.fixture
def message(office: Office, sent_by_email: tuple[Office, Claim]) -> Claim:
    """An email to somebody who has a telephone too, where it goes only if the email fails; it was sent."""
    become(office, sent_by_email[0])
    return sent_by_email[1]


def about(message: Claim, name: str = "postfix_no_such_user") -> bytes:
    """One of the example mails, as if it were about this message."""
    return MAILS[name].replace(TOKEN.encode(), message.bounce.encode()).replace(KEY.encode(), message.key.encode())


def told(answer: Result) -> dict[str, object]:
    values: dict[str, object] = json.loads(answer.stdout)
    return values


def bounced(office: Office) -> int:
    listed = office.values("deliveries", INCIDENT, NOTICE, "--state", "bounced")
    return len(listed["deliveries"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "mails"
    made.mkdir()
    return made


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    made = tmp_path / "Maildir"
    for name in ("new", "cur", "tmp"):
        (made / name).mkdir(parents=True)
    return made


def test_a_file_with_a_true_bounce_counts(office: Office, message: Claim, folder: Path) -> None:
    (folder / "one.eml").write_bytes(about(message))
    answer = office.amends("bounces", folder / "one.eml")
    assert (answer.exit_code, bounced(office)) == (0, 1)
    assert answer.stdout == "1 report: 1 bounced\n1 person is written to on another channel\n"
    assert f"amends deliver {INCIDENT} {NOTICE}" in answer.stderr


def test_every_file_of_a_folder_is_read(office: Office, message: Claim, folder: Path) -> None:
    for name in MAILS:
        (folder / f"{name}.eml").write_bytes(MAILS[name])
    (folder / "true.eml").write_bytes(about(message, "complaint_abuse"))
    (folder / ".hidden").write_bytes(about(message))
    (folder / "below").mkdir()
    answer = office.amends("--json", "bounces", folder)
    assert answer.exit_code == 0
    assert told(answer)["effects"] == {"complained": 1, "foreign": len(MAILS)}


def test_the_same_mails_again_change_nothing(office: Office, message: Claim, folder: Path) -> None:
    (folder / "one.eml").write_bytes(about(message))
    office.amends("bounces", folder)
    assert told(office.amends("--json", "bounces", folder, folder))["effects"] == {"unchanged": 2}
    assert bounced(office) == 1


def test_in_a_maildir_what_was_understood_is_moved_and_the_rest_stays(
    office: Office, message: Claim, maildir: Path
) -> None:
    mails = {
        "1.host": about(message),
        "2.host": about(message, "postfix_delayed"),
        "3.host": MAILS["postfix_no_such_user"],
        "4.host": about(message, "a_person_writes"),
    }
    for name, raw in mails.items():
        (maildir / "new" / name).write_bytes(raw)
    assert office.amends("bounces", maildir).exit_code == 0
    assert sorted(os.listdir(maildir / "new")) == ["3.host", "4.host"]
    assert sorted(os.listdir(maildir / "cur")) == ["1.host:2,S", "2.host:2,S"]


def test_what_was_seen_is_read_again_after_a_restore(office: Office, message: Claim, maildir: Path) -> None:
    seen = maildir / "cur" / "1.host:2,RS"
    seen.write_bytes(about(message))
    assert (office.amends("bounces", maildir).exit_code, bounced(office)) == (0, 0)
    assert (office.amends("bounces", maildir, "--again").exit_code, bounced(office)) == (0, 1)
    assert told(office.amends("--json", "bounces", maildir, "--again"))["effects"] == {"unchanged": 1}
    assert seen.exists()


def test_a_mail_on_stdin_is_never_read_again(office: Office) -> None:
    assert office.amends("bounces", "-", "--again", stdin="x").exit_code == Exit.USAGE


def test_a_bounce_moved_to_cur_by_a_mail_program_is_still_read(office: Office, message: Claim, maildir: Path) -> None:
    """A bounce that a mail program has moved to the folder cur, as it does with all new mail when somebody opens the
    mailbox, is still read, and is marked as seen so that it is read once.
    """
    (maildir / "cur" / "1.host:2,F").write_bytes(about(message))
    (maildir / "cur" / "2.host:2,").write_bytes(about(message, "a_person_writes"))
    assert (office.amends("bounces", maildir).exit_code, bounced(office)) == (0, 1)
    assert sorted(os.listdir(maildir / "cur")) == ["1.host:2,FS", "2.host:2,"]
    assert told(office.amends("--json", "bounces", maildir))["effects"] == {"unclear": 1}


def test_nothing_is_moved_when_the_ledger_cannot_keep_it(
    office: Office, message: Claim, maildir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (maildir / "new" / "1.host").write_bytes(about(message))
    monkeypatch.setattr("amends.ledger.store.database.BUSY_SECONDS", 0)
    with sqlite3.connect(office.home / "ledger.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = office.amends("bounces", maildir)
        other.execute("ROLLBACK")
    assert answer.exit_code == 1
    assert os.listdir(maildir / "new") == ["1.host"]


def test_a_mail_that_cannot_be_moved_is_named_and_counts(office: Office, message: Claim, maildir: Path) -> None:
    (maildir / "new" / "1.host").write_bytes(about(message))
    (maildir / "cur" / "1.host:2,S").mkdir()
    answer = office.amends("bounces", maildir)
    assert (answer.exit_code, bounced(office)) == (3, 1)
    assert "1.host E204 it cannot be moved to cur" in answer.stdout


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_an_mbox_is_read_mail_by_mail(office: Office, message: Claim, folder: Path, line_end: bytes) -> None:
    mails = (HARMLESS, about(message), about(message, "postfix_delayed"))
    box = b"".join(b"From MAILER-DAEMON Tue Nov  3 09:00:00 2026\n" + mail + b"\n" for mail in mails)
    (folder / "box").write_bytes(box.replace(b"\n", line_end))
    answer = office.amends("--json", "bounces", folder / "box")
    assert told(answer)["effects"] == {"bounced": 1, "harmless": 1, "foreign": 1}


def test_a_mail_server_hands_over_one_mail_with_its_recipient(office: Office, message: Claim) -> None:
    bare = about(message, "postfix_no_such_user").replace(b"b+" + message.bounce.encode(), b"b+" + b"0" * 32)
    assert office.amends("bounces", "-", stdin=bare.decode()).stdout == "1 report: 1 foreign\n"
    to = bounce_address(message.bounce, "bounces.company.example")
    assert office.amends("bounces", "-", f"--to={to}", stdin=bare.decode()).exit_code == 0
    assert bounced(office) == 1


def test_a_mail_server_keeps_the_mail_when_the_ledger_is_not_there(office: Office, message: Claim) -> None:
    (office.home / "keys" / "master.key").unlink()
    answer = office.amends("bounces", "-", stdin=about(message).decode())
    assert answer.exit_code == 75
    assert "master key" in answer.stderr


@pytest.mark.parametrize("args", [("-", "x.eml"), ("x.eml", "--to", "b+x@bounces.example"), ()])
def test_what_cannot_be_meant_is_a_usage_error(office: Office, args: tuple[str, ...]) -> None:
    assert office.amends("bounces", *args).exit_code == 2


def test_what_cannot_be_read_is_named_and_the_rest_is_taken_in(office: Office, message: Claim, folder: Path) -> None:
    os.mkfifo(folder / "1.pipe")
    (folder / "2.eml").write_bytes(about(message))
    (folder / "3.eml").symlink_to("/etc/hostname")
    answer = office.amends("--json", "bounces", folder / "missing", "/dev/null", folder)
    assert (answer.exit_code, told(answer)["effects"]) == (3, {"bounced": 1})
    named = told(answer)["unreadable"]
    assert isinstance(named, list)
    assert [(one["where"], one["what"]) for one in named] == [
        (str(folder / "missing"), "No such file or directory"),
        ("/dev/null", "it is no file"),
        (str(folder / "1.pipe"), "it is no file"),
    ]


HOSTILE = {
    "empty": b"",
    "zeros": b"\0" * 10_000,
    "one line": b"a" * 3_000_000,
    "an mbox of one line": b"From " + b"a" * 3_000_000,
    "an mbox of many": b"From x\n\n" * 2_000,
    "nested": b"Content-Type: multipart/mixed; boundary=a\n\n--a\n" * 5_000,
    "Latin-1": "Subject: é\nTo: b+é@x\n\n".encode("latin-1") * 100,
    "addresses": b"To: " + b"b+" + b"f" * 32 + b"@x, " * 50_000,
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_read_and_changes_nothing(office: Office, folder: Path, raw: bytes) -> None:
    (folder / "hostile").write_bytes(raw)
    answer = office.amends("--json", "bounces", folder)
    assert (answer.exit_code, set(told(answer)["effects"])) == (0, {"foreign"})  # type: ignore[call-overload]
    assert office.amends("bounces", "-", stdin=raw.decode("latin-1")).exit_code == 0
    assert bounced(office) == 0


def test_only_where_something_was_taken_in_it_says_so(office: Office, folder: Path) -> None:
    (folder / "one.eml").write_bytes(HARMLESS)
    nowhere = folder / "nowhere"
    assert "taken in" not in office.amends("bounces", nowhere).output
    assert "what could be read was taken in" in office.amends("bounces", nowhere, folder).output


def test_a_hostile_name_cannot_take_over_the_terminal(office: Office, folder: Path) -> None:
    os.mkfifo(os.fsencode(folder) + b"/\x1b[2J\xff\n.eml")
    for more in ((), ("--json",)):
        answer = office.amends("bounces", folder, *more)
        assert answer.exit_code == 3
        assert "\x1b" not in answer.stdout


def test_an_answer_holds_no_address_and_no_token(office: Office, message: Claim, folder: Path) -> None:
    (folder / "one.eml").write_bytes(about(message))
    (folder / "two.eml").write_bytes(MAILS["to_a_stranger"])
    said = office.amends("bounces", folder).output + office.amends("--json", "bounces", folder).output
    assert "@" not in said
    assert message.bounce not in said


def test_a_mail_server_keeps_a_mail_while_the_home_cannot_be_read(empty: Office) -> None:
    with given_to_nobody(empty.home) as home:
        given = Office(home)
        assert given.amends("bounces", "-", stdin=HARMLESS.decode()).exit_code == 0
        home.chmod(0)
        with of_nobody():
            answers = [given.amends(*words, stdin=HARMLESS.decode()) for words in (("bounces", "-"), _at(home))]
    assert [answer.exit_code for answer in answers] == [75, 75]
    assert all("cannot be read: Permission denied" in answer.stderr for answer in answers)


def _at(home: Path) -> tuple[object, ...]:
    """As the mail server calls it."""
    return ("--home", home, "bounces", "-")
