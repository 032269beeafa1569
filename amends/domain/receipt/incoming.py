"""Mails from outside as they are read before the ledger says whose they are: person or machine, words and files."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from amends.domain.receipt.attachment import Attachments, attachments_of
from amends.domain.receipt.dsn import MESSAGE_ID, MailReport, read_report
from amends.domain.receipt.mail import MOST_BYTES, Mail, decoded_field, parsed
from amends.domain.receipt.mail import field as field_of
from amends.domain.receipt.reply import MailReply, reply_in

MAILING_LISTS = ("List-Id", "List-Post", "List-Unsubscribe", "Mailing-List")
"""The fields of mailing lists and newsletters, whose posts are written to no person."""
LINK = re.compile(r"/p/([A-Za-z0-9_-]{27})(?![A-Za-z0-9_-])")
"""The token of a personal link, which a reply quotes."""
MOST_LINKS = 5
LONGEST_SUBJECT = 200
MOST_REFERENCES = 20
LONGEST_REFERENCES = 8_000
ATTACHED = re.compile(rb"^content-(?:disposition|type):", re.IGNORECASE | re.MULTILINE)


class MailOutcome(StrEnum):
    """The outcome of a mail that was taken in."""

    QUESTION = "question"
    STOP = "stop"
    START = "start"
    AUTOMATIC = "automatic"
    """A machine's mail, a mailing list's, or our own: never answered, and no question."""
    BOUNCE = "bounce"
    """A report of a mail server or a provider about a message of ours."""
    REPEATED = "repeated"
    """The mail was taken in before."""
    KEPT = "kept"
    """The mail lies in the folder of kept mails, for a person to look at."""
    LEFT = "left"
    """The mail stays where it lies, because there is no room to keep it aside."""


@dataclass(frozen=True, slots=True)
class IncomingMail:
    """A mail as it was read. Holds personal data, and everything in it may be forged: never log or print it."""

    report: MailReport
    reply: MailReply | None = field(repr=False)
    """The words of a person; None for a mail of a machine."""
    message_id: str = field(default="", repr=False)
    references: str = field(default="", repr=False)
    subject: str = field(default="", repr=False)
    links: tuple[str, ...] = field(default=(), repr=False)
    """The tokens of personal links that stand in the mail."""
    attached: Attachments = field(default_factory=Attachments)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A mail that could not be read."""

    why: str


def read_incoming(raw: bytes, delivered_to: str = "") -> IncomingMail | Unreadable:
    """Return what stands in a mail, or why the mail cannot be read; `delivered_to` is the envelope recipient."""
    mail = parsed(raw)
    if mail is None:
        return Unreadable("it is malformed, or built to be costly")
    report = read_report(raw, delivered_to)
    reply = None if _is_of_a_list(mail) else reply_in(mail)
    if reply is None:
        return IncomingMail(report, None)
    return IncomingMail(
        report,
        reply,
        next(iter(_message_ids(field_of(mail, "Message-ID"))), ""),
        _references(mail),
        _subject(mail),
        tuple(dict.fromkeys(LINK.findall(reply.whole)))[:MOST_LINKS],
        attachments_of(raw) if _may_have_files(raw) else Attachments(),
    )


def _is_of_a_list(mail: Mail) -> bool:
    return any(name in mail for name in MAILING_LISTS)


def _may_have_files(raw: bytes) -> bool:
    return len(raw) > MOST_BYTES or len(ATTACHED.findall(raw)) > 1


def _message_ids(text: str) -> list[str]:
    return [one for one in MESSAGE_ID.findall(text) if one.isascii()]


def _references(mail: Mail) -> str:
    """Return the messages of the thread, oldest first: only Message-IDs, so that nothing else gets into a header."""
    written = str(mail.get("References", "") or mail.get("In-Reply-To", ""))[:LONGEST_REFERENCES]
    named = _message_ids(written)
    return " ".join(named if len(named) <= MOST_REFERENCES else [named[0], *named[1 - MOST_REFERENCES :]])


def _subject(mail: Mail) -> str:
    """Return the subject on one line, without characters that nobody sees."""
    shown = (character if character.isprintable() else " " for character in decoded_field(mail, "Subject"))
    return " ".join("".join(shown).split())[:LONGEST_SUBJECT]
