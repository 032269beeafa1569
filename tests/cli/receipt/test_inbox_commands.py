"""The command `amends inbox`: mails in a folder become questions, with a summary that names nobody."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from amends.cli.terminal.exits import Exit
from amends.ledger import Claim
from tests.cli.conftest import INCIDENT, Office
from tests.cli.receipt.test_bounces import about, maildir, message, sent_by_email
from tests.cli.receipt.test_mail_replies import opted_out, reply
from tests.domain.receipt.test_incoming import with_files

__all__ = ["maildir", "message", "sent_by_email"]

STRANGER = "stranger@elsewhere.example"
BROKEN = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" * 60


def a_question(number: int) -> bytes:
    return f"From: {STRANGER}\nSubject: Hello\nMessage-ID: <q{number}@x>\n\nIs card {number} safe?\n".encode()


@pytest.fixture
def mails(message: Claim, tmp_path: Path) -> Path:
    """Twelve mails, as they come to a care address."""
    folder = tmp_path / "mails"
    folder.mkdir()
    found = [
        *(a_question(n) for n in range(6)),
        reply(message, "And what happened?").replace(b"<first@", b"<asked@"),
        reply(message, "stop"),
        reply(message, "I am away", "Auto-Submitted: auto-replied"),
        a_question(9).replace(b"Subject:", b"List-Id: <a.b>\nSubject:"),
        about(message),
        BROKEN,
    ]
    for number, raw in enumerate(found):
        (folder / f"{number:02}.eml").write_bytes(raw)
    return folder


def test_a_folder_of_mails_in_one_line(office: Office, message: Claim, mails: Path) -> None:
    told = office.amends("inbox", mails, "--incident", INCIDENT)
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines()[-1] == ("12 mails: 7 questions, 1 stop, 2 automatic, 1 bounce, 1 kept aside")
    assert not [word for word in (STRANGER, "mail.example", "Hello", "safe", "happened") if word in told.output]
    assert message.about
    assert f"by person {message.about.number}, about first-notice" in told.stdout
    assert (len(office.values("questions", "list", INCIDENT)), opted_out(office, message)) == (7, True)
    again = office.amends("inbox", mails, "--incident", INCIDENT)
    assert again.stdout.splitlines()[-1] == "12 mails: 12 taken in before"


def test_what_was_kept_is_listed(office: Office, mails: Path) -> None:
    office.amends("inbox", mails)
    (kept,) = office.values("inbox", "kept")
    assert (office.home / "inbox" / "kept" / kept["name"]).read_bytes() == BROKEN
    assert (office.home / "inbox" / "kept" / kept["name"]).stat().st_mode & 0o777 == 0o600
    assert "in no mail program" in office.amends("inbox", "kept").stderr


def test_a_maildir_and_an_mbox_are_read(office: Office, maildir: Path, tmp_path: Path) -> None:
    (maildir / "new" / "1").write_bytes(a_question(1))
    mbox = tmp_path / "mbox"
    mbox.write_bytes(b"From a@b Tue\n" + a_question(2) + b"\nFrom a@b Tue\n" + a_question(3))
    told = office.values("inbox", maildir, mbox)
    assert told["outcomes"] == {"question": 3}
    assert os.listdir(maildir / "cur") == ["1:2,S"]


def test_files_are_listed_and_saved(office: Office, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(with_files(("image/png", b"\x89PNG"), name="../my card.png"))
    assert office.values("inbox", tmp_path / "a.eml")["mails"][0]["files"] == 1
    listed = office.amends("inbox", "files", INCIDENT)
    assert "image/png" in listed.stdout
    assert "card" not in listed.output
    saved = tmp_path / "saved.png"
    assert office.amends("inbox", "save", INCIDENT, 1, "--to", saved).exit_code == Exit.USAGE
    assert office.amends("inbox", "save", INCIDENT, 1, "--to", saved, by="aude").exit_code == Exit.ERROR
    assert office.amends("inbox", "save", INCIDENT, 1, "--to", saved, by="rosa").exit_code == 0
    assert (saved.read_bytes(), saved.stat().st_mode & 0o777) == (b"\x89PNG", 0o600)
    assert "has no file 2" in office.amends("inbox", "save", INCIDENT, 2, "--to", saved, by="rosa").stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("inbox", "nowhere"), Exit.FINDINGS, "nowhere E204"),
        (("inbox", "--incident", INCIDENT), Exit.USAGE, "name either places of mails, or --watch"),
        (("inbox", "a", "--watch"), Exit.USAGE, "name either places of mails, or --watch"),
        (("inbox", "--watch"), Exit.ERROR, "no mailbox is set"),
        (("inbox", "a", "--incident", "other"), Exit.ERROR, "other"),
    ],
)
def test_what_cannot_be_done_is_said(office: Office, words: tuple[str, ...], code: Exit, said: str) -> None:
    told = office.amends(*words)
    assert (told.exit_code, said in told.output) == (code, True), told.output


def test_a_watch_takes_in_and_ends_by_a_signal(office: Office, maildir: Path) -> None:
    """The part of `amends up`, as a process of its own: it takes in what comes, and ends at once when asked to."""
    settings = office.home / "amends.toml"
    settings.write_text(f'{settings.read_text()}\n[inbox]\nfolder = "{maildir}"\nevery_seconds = 5\n')
    (maildir / "new" / "1").write_bytes(a_question(1))
    call = [sys.executable, "-m", "amends.cli.receipt.inbox_watch"]
    watching = subprocess.Popen(
        call, env={**os.environ, "AMENDS_HOME": str(office.home)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert watching.stdout
    try:
        assert watching.stdout.readline() == b"1 mail: 1 question\n"
    finally:
        watching.terminate()
    assert watching.wait(30) == 0
    assert len(office.values("questions", "list", INCIDENT)) == 1
