"""Replies by mail, read where bounces are read: stop is obeyed, more words are a question, and nobody learns anything."""

import os
import shutil
from pathlib import Path

import pytest

from amends.domain.channel.identifiers import bounce_address
from amends.ledger import Claim
from tests.cli.conftest import INCIDENT, Office
from tests.cli.receipt.test_bounces import maildir, message, sent_by_email, told

__all__ = ["maildir", "message", "sent_by_email"]


def reply(message: Claim, words: str, *lines: str, sender: str = "", answers: str = "") -> bytes:
    assert message.to
    head = (
        f"From: {sender or message.to.email}",
        "To: help@company.example",
        "Subject: Re: Your data",
        "Message-ID: <first@mail.example>",
        f"In-Reply-To: <{answers or message.key}@company.example>",
        *lines,
    )
    return (
        "\n".join(head) + f"\nContent-Type: text/plain; charset=utf-8\n\n{words}\n\n> Dear Kim,\n> we write\n"
    ).encode()


def opted_out(office: Office, message: Claim) -> bool:
    assert message.about
    ledger = office.ledger()
    has = ledger.opt_outs.has(INCIDENT, message.about.number)
    ledger.dispose()
    return has


def acts(office: Office) -> list[str]:
    ledger = office.ledger()
    found = [entry.act for entry in ledger.audit.entries(INCIDENT)]
    ledger.dispose()
    return found


def questions(office: Office) -> list[dict[str, object]]:
    return office.values("questions", "list", INCIDENT)


def test_stop_in_a_maildir_ends_what_is_optional(office: Office, message: Claim, maildir: Path) -> None:
    (maildir / "new" / "1.host").write_bytes(reply(message, "STOP"))
    assert told(office.amends("--json", "bounces", maildir))["effects"] == {"opted_out": 1}
    assert opted_out(office, message)
    assert os.listdir(maildir / "cur") == ["1.host:2,S"]
    assert (acts(office).count("opted out"), questions(office)) == (1, [])


@pytest.mark.parametrize("words", ["退订", "Abbestellen", "arrêt", "Unsubscribe", "Stop.\n\nSent from my iPhone"])
def test_stop_counts_in_the_languages_of_sms(office: Office, message: Claim, maildir: Path, words: str) -> None:
    (maildir / "new" / "1.host").write_bytes(reply(message, words))
    office.amends("bounces", maildir)
    assert opted_out(office, message)


def test_stop_to_the_bounce_address_counts(office: Office, message: Claim) -> None:
    """A stop counts from another address too when it comes to the message's own bounce address."""
    mail = reply(message, "stop", sender="kim@elsewhere.example", answers="0" * 32)
    forged = office.amends("bounces", "-", "--to", bounce_address(message.bounce, "b.example"), stdin=mail)
    assert (forged.exit_code, opted_out(office, message)) == (0, False)
    plain = mail.replace(b"In-Reply-To: <" + b"0" * 32 + b"@company.example>\n", b"")
    office.amends("bounces", "-", "--to", bounce_address(message.bounce, "b.example"), stdin=plain)
    assert opted_out(office, message)


def test_a_stop_that_is_read_twice_counts_once(office: Office, message: Claim, maildir: Path) -> None:
    """A stop that is read again after the person wanted messages again does not stop them a second time."""
    (maildir / "new" / "1.host").write_bytes(reply(message, "stop"))
    office.amends("bounces", maildir)
    again = reply(message, "start").replace(b"<first@", b"<second@")
    assert told(office.amends("--json", "bounces", "-", stdin=again))["effects"] == {"opted_in": 1}
    assert told(office.amends("--json", "bounces", maildir, "--again"))["effects"] == {"unchanged": 1}
    assert not opted_out(office, message)


@pytest.mark.parametrize(
    "words", ["please stop sharing my data", "Stop\n\nAnd what happened?", "Is my mailbox full? 550 5.1.1"]
)
def test_more_than_the_word_is_a_question(office: Office, message: Claim, maildir: Path, words: str) -> None:
    (maildir / "new" / "1.host").write_bytes(reply(message, words))
    assert told(office.amends("--json", "bounces", maildir))["effects"] == {"asked": 1}
    (asked,) = questions(office)
    assert message.about
    assert (asked["source"], asked["person"]) == ("mailbox", message.about.number)
    assert words in office.amends("questions", "show", INCIDENT, 1).stdout
    assert not opted_out(office, message)


def test_an_automatic_answer_is_never_obeyed(office: Office, message: Claim, maildir: Path) -> None:
    for number, line in enumerate(("Auto-Submitted: auto-replied", "Precedence: junk", "X-Autoreply: yes")):
        (maildir / "new" / f"{number}.host").write_bytes(reply(message, "stop", line))
    office.amends("bounces", maildir)
    assert (opted_out(office, message), questions(office)) == (False, [])


def test_a_stranger_learns_nothing(office: Office, message: Claim) -> None:
    """A mail of somebody unknown, of somebody known without a message of ours, and with another's message: all are
    answered alike, and change nothing."""
    mails = (
        reply(message, "stop", sender="stranger@elsewhere.example", answers="0" * 32),
        reply(message, "stop", sender="stranger@elsewhere.example"),
        reply(message, "stop", answers="0" * 32),
    )
    before = acts(office)
    answers = [office.amends("bounces", "-", stdin=mail) for mail in mails]
    assert {(answer.exit_code, answer.stdout, answer.stderr) for answer in answers} == {
        (0, "1 report: 1 foreign\n", "")
    }
    assert (opted_out(office, message), acts(office)) == (False, before)


def test_a_reply_is_kept_when_the_ledger_is_gone(office: Office, message: Claim) -> None:
    """The mail server is told to bring the mail again, and the stop is obeyed then."""
    ledger, aside = office.home / "ledger.sqlite3", office.home / "aside"
    shutil.move(ledger, aside)
    assert office.amends("bounces", "-", stdin=reply(message, "stop")).exit_code == 75
    shutil.move(aside, ledger)
    assert office.amends("bounces", "-", stdin=reply(message, "stop")).exit_code == 0
    assert opted_out(office, message)


def test_a_reply_with_another_s_data_raises_the_alarm(office: Office, message: Claim) -> None:
    """The alarm is raised also for what the reply only quotes, and stands among what waits for people."""
    ledger = office.ledger()
    assert message.about
    other = next(number for number in (2, 3, 4) if number != message.about.number)
    theirs = ledger.people.get(INCIDENT, other)
    ledger.dispose()
    office.amends(
        "bounces", "-", stdin=reply(message, "Who is this?", "References: <x@y>") + f"> {theirs.email}\n".encode()
    )
    shown = office.amends("timeline", INCIDENT).stdout
    assert "question 1 holds contact data of other people of the list" in shown
    assert theirs.email not in shown
