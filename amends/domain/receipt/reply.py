"""Replies that people write to our mails: the words above what they quote, and the message that they answer.

Everybody can write such a mail and put any sender into it, so the ledger decides whose words they are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from amends.domain.receipt.dsn import is_automatic, is_from_server
from amends.domain.receipt.mail import Mail, all_fields, decoded, decoded_field, leaves, parsed, text
from amends.domain.receipt.mail import field as field_of
from amends.domain.receipt.quotation import QUOTE_IN_HTML, cut, inert, without_quotation

SUBJECT_OF_REPLY = re.compile(r"\W*(?:re|aw|sv|antw|antwort|回复|回覆|答复)\s{0,3}[:：]", re.IGNORECASE)
ADDRESS = re.compile(r"[^\s<>()\[\],;:\"@]{1,64}@[^\s<>()\[\],;:\"@]{1,253}")
ANSWERED = re.compile(r"<([0-9a-f]{32})@[!-;=?-~]{1,253}>", re.IGNORECASE)
"""A Message-ID of ours, as In-Reply-To and References name it."""
MOST_ANSWERED = 20
SHOWN = ("text/plain", "text/html")


@dataclass(frozen=True, slots=True)
class MailReply:
    """Words that somebody wrote in reply to a mail. Holds personal data: never log or print a reply."""

    sender: str = field(repr=False)
    """The address in From, in lower case; empty when From has none or several."""
    words: str = field(repr=False)
    """The words without quotation and signature; a subject alone counts when nothing else was written."""
    whole: str = field(repr=False)
    """The subject and all text of the mail, with everything that is quoted."""
    name: str = field(repr=False)
    """The mail's own Message-ID; may be empty."""
    answered: tuple[str, ...] = field(default=(), repr=False)
    """The keys in the Message-IDs that the mail names as answered, if they may be ours."""


def read_reply(raw: bytes) -> MailReply | None:
    """Return the reply in a mail; None for a machine's mail (RFC 3834), and for one that cannot be read."""
    mail = parsed(raw)
    return reply_in(mail) if mail is not None else None


def reply_in(mail: Mail) -> MailReply | None:
    """Return the reply in a parsed mail; None for a machine's mail (RFC 3834)."""
    if mail.get_content_type() == "multipart/report" or is_from_server(mail, ""):
        return None
    parts = tuple(leaves(mail))
    if is_automatic(mail, parts):
        return None
    subject = decoded_field(mail, "Subject")
    words = _written(parts)
    if not words and not SUBJECT_OF_REPLY.match(subject):
        words = subject.strip()
    return MailReply(
        sender=_sender(mail),
        words=words,
        whole="\n".join((subject, *(text(part) for part in parts if part.get_content_type() in SHOWN))),
        name=field_of(mail, "Message-ID"),
        answered=_answered(mail),
    )


def _written(parts: tuple[Mail, ...]) -> str:
    plain = [part for part in _texts(parts) if part.get_content_type() == "text/plain"]
    if words := without_quotation("\n".join(map(text, plain))):
        return words
    shown = (part for part in _texts(parts) if part.get_content_type() == "text/html")
    return without_quotation("\n".join(inert(cut(decoded(part), QUOTE_IN_HTML)) for part in shown))


def _texts(parts: tuple[Mail, ...]) -> Iterator[Mail]:
    """Yield the parts that a reader sees as the text of the mail."""
    return (part for part in parts if part.get_content_type() in SHOWN and not is_attached(part))


def is_attached(part: Mail) -> bool:
    """Return True for a part that its sender attached as a file."""
    return field_of(part, "Content-Disposition").lower().startswith("attachment")


def _sender(mail: Mail) -> str:
    found = {address.lower() for value in all_fields(mail, "From") for address in ADDRESS.findall(value)}
    return found.pop() if len(found) == 1 else ""


def _answered(mail: Mail) -> tuple[str, ...]:
    named = f"{field_of(mail, 'In-Reply-To')} {field_of(mail, 'References')}"
    return tuple(dict.fromkeys(key.lower() for key in ANSWERED.findall(named)))[:MOST_ANSWERED]
