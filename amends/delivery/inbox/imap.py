"""A mailbox on a mail server (IMAP4rev1), of which mails are only read and marked: nothing is ever deleted or moved."""

import imaplib
import re
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any

from amends.delivery.inbox.places import FoundMail
from amends.domain.base.errors import AmendsError
from amends.domain.receipt.attachment import MOST_MAIL_BYTES
from amends.settings import InboxSettings

MARK = "AmendsTaken"
"""The keyword of mails that the ledger has. A mail that somebody has only read lacks it, so no mail is passed over."""
SECONDS = 30
"""The time for one answer of the mail server."""
AT_ONCE = 20
"""Mails that are fetched before they are taken in, so that an end of the connection loses little work."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UIDS = re.compile(rb"[0-9]{1,10}")
FAULTS = (imaplib.IMAP4.error, OSError, EOFError, ValueError)
"""The errors of a connection; imaplib has a ValueError for an answer that it cannot read."""


class MailboxTrouble(AmendsError):
    """The mailbox cannot be read now. The message holds no word of the server, which may repeat personal data."""


class ImapMailbox:
    """One visit to a mailbox on a mail server."""

    def __init__(self, server: imaplib.IMAP4, *, has_keywords: bool) -> None:
        self._server = server
        self._unseen = f"UNKEYWORD {MARK}" if has_keywords else "UNSEEN"
        self._marks = rf"({MARK} \Seen)" if has_keywords else r"(\Seen)"

    def new(self, since: date | None) -> Iterator[list[FoundMail]]:
        """Yield the mails that were not taken in, some at once, from this day on. Raises MailboxTrouble."""
        sought = f"SINCE {since.day}-{MONTHS[since.month - 1]}-{since.year} " if since else ""
        with in_words("does not answer a search"):
            found = UIDS.findall(b" ".join(_said(self._server.uid("SEARCH", f"{sought}{self._unseen} UNDELETED"))))
        for start in range(0, len(found), AT_ONCE):
            uids = [uid.decode() for uid in found[start : start + AT_ONCE]]
            with in_words("does not hand over a mail"):
                yield [mail for uid in uids if (mail := self._fetched(uid))]

    def _fetched(self, uid: str) -> FoundMail | None:
        """Return a mail, which stays unseen; None when it is gone meanwhile."""
        answer = _said(self._server.uid("FETCH", uid, f"(BODY.PEEK[]<0.{MOST_MAIL_BYTES + 1}>)"))
        raw = next((one[1] for one in answer if isinstance(one, tuple) and len(one) > 1), None)
        return FoundMail(raw, uid=uid) if isinstance(raw, bytes) else None

    def mark(self, mails: Sequence[FoundMail]) -> None:
        """Mark mails as seen and taken in. Raises MailboxTrouble; they are then read, and found known, once more."""
        if mails:
            with in_words("does not let mails be marked"):
                _said(self._server.uid("STORE", ",".join(mail.uid for mail in mails), "+FLAGS.SILENT", self._marks))

    def idle(self, seconds: float) -> None:
        """Wait until the server says that a mail came, or until this time has passed (IDLE, RFC 2177).

        The connection is of no use afterwards. Raises MailboxTrouble when the server cannot say so.
        """
        with in_words("does not say when a mail comes"):
            if "IDLE" not in self._server.capabilities:
                raise imaplib.IMAP4.error("IDLE")
            self._server.send(b"WAIT IDLE\r\n")
            if not self._server.readline().startswith(b"+"):
                raise imaplib.IMAP4.error("IDLE")
            self._hear_of_a_mail(time.monotonic() + seconds)
            self._server.send(b"DONE\r\n")

    def _hear_of_a_mail(self, until: float) -> None:
        with suppress(TimeoutError):
            while (left := until - time.monotonic()) > 0:
                self._server.socket().settimeout(left)
                line = self._server.readline()
                if not line or line.rstrip().endswith((b"EXISTS", b"RECENT")):
                    return


def wait_for_a_mail(settings: InboxSettings, seconds: float) -> None:
    """Wait until the mail server says that a mail came, or until this time has passed. Raises MailboxTrouble."""
    with opened(settings) as mailbox:
        mailbox.idle(seconds)


@contextmanager
def opened(settings: InboxSettings) -> Iterator[ImapMailbox]:
    """Yield the mailbox, logged in. Raises MailboxTrouble that says in words what does not work."""
    with in_words("cannot be reached"):
        server = _connected(settings)
    try:
        with in_words("refuses the user name or the password"):
            _log_in(server, settings)
        with in_words("does not open the mailbox that the setting inbox.mailbox names"):
            _said(server.select(_quoted(settings.mailbox)))
        flags = b" ".join(one for one in server.response("PERMANENTFLAGS")[1] if isinstance(one, bytes))
        yield ImapMailbox(server, has_keywords=rb"\*" in flags or MARK.lower().encode() in flags.lower())
    finally:
        with suppress(*FAULTS):
            server.logout()  # never CLOSE, which would delete what somebody has marked as deleted


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """Raise errors of the connection as MailboxTrouble."""
    try:
        yield
    except FAULTS as error:
        raise MailboxTrouble(f"the mail server {what} ({type(error).__name__})") from None


def _connected(settings: InboxSettings) -> imaplib.IMAP4:
    context = ssl.create_default_context()
    if settings.security == "tls":
        return imaplib.IMAP4_SSL(settings.host, settings.port or 993, ssl_context=context, timeout=SECONDS)
    server = imaplib.IMAP4(settings.host, settings.port or 143, timeout=SECONDS)
    if settings.security == "starttls":
        server.starttls(context)
    return server


def _log_in(server: imaplib.IMAP4, settings: InboxSettings) -> None:
    if "AUTH=PLAIN" in server.capabilities:
        plain = f"\0{settings.username}\0{settings.password}".encode()
        server.authenticate("PLAIN", lambda _: plain)
    else:
        server.login(_quoted(settings.username), settings.password)


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _said(answer: tuple[str, list[Any]]) -> list[Any]:
    """Return the data of an answer. Raises IMAP4.error for a refusal."""
    kind, data = answer
    if kind != "OK":
        raise imaplib.IMAP4.error(kind)
    return [one for one in data if one is not None]
