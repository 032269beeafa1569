"""A mailbox on a real mail server: each mail is taken in once, marked after the ledger has it, and never deleted."""

import imaplib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from amends.delivery.inbox.imap import MARK, MailboxTrouble, opened, wait_for_a_mail
from amends.delivery.inbox.take import Intake, MailTaker
from amends.delivery.inbox.watch import PATIENCE, MailboxWatch, look
from amends.domain.receipt.incoming import MailOutcome
from amends.ledger import Claim, Ledger
from amends.settings import InboxSettings
from tests.builders import NOW
from tests.delivery.inbox.dovecot import PASSWORD, Dovecot, is_usable, served
from tests.delivery.inbox.mails import a_reply
from tests.delivery.sending import INCIDENT

pytestmark = pytest.mark.skipif(not is_usable(), reason="needs Dovecot 2.4 (apt-get install dovecot-imapd)")

Look = Callable[[], Intake]


@pytest.fixture(scope="module")
def running() -> Iterator[Dovecot]:
    with served() as server:
        yield server


@pytest.fixture
def server(running: Dovecot) -> Iterator[Dovecot]:
    yield running
    if running.process is None or running.process.poll() is not None:
        running.start()
    for path in (*(running.maildir / "new").iterdir(), *(running.maildir / "cur").iterdir()):
        path.unlink()


def settings_of(server: Dovecot, **changes: object) -> InboxSettings:
    given = {"host": "127.0.0.1", "port": server.port, "security": "none", "username": "care", "password": PASSWORD}
    return InboxSettings.model_validate(given | changes)


@pytest.fixture
def looks(server: Dovecot, ledger: Ledger, messages: tuple[Claim, ...], taker: MailTaker) -> Look:
    def looked() -> Intake:
        total = Intake()
        assert look(settings_of(server), ledger, taker, lambda: NOW, total) == []
        return total

    return looked


def flags(server: Dovecot) -> list[bytes]:
    with imaplib.IMAP4("127.0.0.1", server.port) as client:
        client.authenticate("PLAIN", lambda _: f"\0care\0{PASSWORD}".encode())
        client.select("INBOX", readonly=True)
        return [one for one in client.fetch("1:*", "(FLAGS)")[1] if isinstance(one, bytes)]


def as_somebody(server: Dovecot, *flags: str) -> None:
    """Somebody else marks all mails."""
    with imaplib.IMAP4("127.0.0.1", server.port) as client:
        client.authenticate("PLAIN", lambda _: f"\0care\0{PASSWORD}".encode())
        client.select("INBOX")
        client.store("1:*", "+FLAGS", f"({' '.join(flags)})")


def test_a_mail_that_comes_ends_the_wait(server: Dovecot) -> None:
    began = time.monotonic()
    timer = threading.Timer(0.5, server.deliver, [b"From: a@b.example\n\nHello\n"])
    timer.start()
    wait_for_a_mail(settings_of(server), 120)
    timer.join()
    assert time.monotonic() - began < 60


def test_a_wait_without_a_mail_ends_in_time(server: Dovecot) -> None:
    began = time.monotonic()
    wait_for_a_mail(settings_of(server), 0.5)
    assert 0.5 <= time.monotonic() - began < 60


def test_each_mail_is_taken_in_once_and_marked(
    server: Dovecot, messages: tuple[Claim, ...], looks: Look, ledger: Ledger
) -> None:
    server.deliver(a_reply(messages[0]))
    server.deliver(b"\xff\x00 no mail")
    assert looks().outcomes == {MailOutcome.QUESTION: 2}
    assert all(MARK.encode() in flag and rb"\Seen" in flag for flag in flags(server))
    assert looks().outcomes == {}
    server.deliver(a_reply(messages[1], name="2"))
    assert looks().outcomes == {MailOutcome.QUESTION: 1}
    assert len(ledger.questions.all(INCIDENT)) == 3


def test_a_mail_that_somebody_has_read_is_taken_in(server: Dovecot, messages: tuple[Claim, ...], looks: Look) -> None:
    server.deliver(a_reply(messages[0]))
    as_somebody(server, r"\Seen")
    assert looks().outcomes == {MailOutcome.QUESTION: 1}


def test_nothing_is_deleted(server: Dovecot, messages: tuple[Claim, ...], looks: Look) -> None:
    """Not even what somebody has marked as deleted, which an end of the visit by CLOSE would remove."""
    server.deliver(a_reply(messages[0]))
    looks()
    as_somebody(server, r"\Deleted")
    server.deliver(a_reply(messages[1], name="2"))
    looks()
    assert len(flags(server)) == 2


def test_a_mail_is_marked_only_when_the_ledger_has_it(
    server: Dovecot, messages: tuple[Claim, ...], looks: Look, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.deliver(a_reply(messages[0]))

    def gone(*_: object) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(ledger.inbox, "record", gone)
        with pytest.raises(OSError, match="the disk is gone"):
            looks()
    assert not any(MARK.encode() in flag for flag in flags(server))
    assert looks().outcomes == {MailOutcome.QUESTION: 1}


def test_mails_of_before_the_incident_are_left_alone(server: Dovecot, messages: tuple[Claim, ...], looks: Look) -> None:
    server.deliver(a_reply(messages[0]), at=(NOW - timedelta(days=30)).timestamp())
    assert looks().outcomes == {}


def test_a_wrong_password_is_said_without_any_secret(server: Dovecot) -> None:
    wrong = opened(settings_of(server, password="wrong-Secret"))
    with pytest.raises(MailboxTrouble, match="refuses the user name or the password") as told:
        wrong.__enter__()
    assert "Secret" not in str(told.value)
    with pytest.raises(MailboxTrouble, match="does not open the mailbox"), opened(settings_of(server, mailbox="No")):
        pass


def test_trouble_that_lasts_is_an_alert_and_ends(
    server: Dovecot, ledger: Ledger, messages: tuple[Claim, ...], taker: MailTaker
) -> None:
    """While the server is gone the lead hears of it once; when it is back, what waited is taken in."""
    server.deliver(a_reply(messages[0]))
    watch = MailboxWatch(settings_of(server), ledger, taker, lambda: NOW)
    server.stop()
    for _ in range(PATIENCE + 2):
        assert "cannot be reached" in watch.look()[1]
    assert len([alert for alert in ledger.views.timeline(INCIDENT).alerts if "mails of people wait" in alert.what]) == 1
    server.start()
    total, why = watch.look()
    assert (total.outcomes, why, watch.failed) == ({MailOutcome.QUESTION: 1}, "", 0)


def test_an_end_of_the_connection_loses_no_mail(
    server: Dovecot, messages: tuple[Claim, ...], looks: Look, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection ends before the mails are marked: they are read once more, and count once."""
    for number in range(3):
        server.deliver(a_reply(messages[0], f"Question {number}", name=str(number)))
    really = imaplib.IMAP4.uid

    def broken(client: imaplib.IMAP4, command: str, *args: str) -> object:
        if command == "STORE":
            client.shutdown()
        return really(client, command, *args)

    with monkeypatch.context() as patch:
        patch.setattr(imaplib.IMAP4, "uid", broken)
        with pytest.raises(MailboxTrouble):
            looks()
    assert looks().outcomes == {MailOutcome.REPEATED: 3}
    assert len(ledger.questions.all(INCIDENT)) == 3


def test_a_clock_is_asked_for_each_batch(
    server: Dovecot, messages: tuple[Claim, ...], taker: MailTaker, ledger: Ledger
) -> None:
    asked: list[datetime] = []

    def clock() -> datetime:
        asked.append(NOW)
        return NOW

    server.deliver(a_reply(messages[0]))
    look(settings_of(server), ledger, taker, clock, Intake())
    assert asked == [NOW]
