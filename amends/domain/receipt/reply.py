"""Replies that people write to our mails: the words above what they quote, and the message that they answer.

Everybody can write such a mail and put any sender into it, so the ledger decides whose words they are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from amends.domain.receipt.dsn import is_automatic, is_from_server
from amends.domain.receipt.mail import Mail, all_fields, decoded, decoded_field, leaves, parsed, text, without_tags
from amends.domain.receipt.mail import field as field_of

SUBJECT_OF_REPLY = re.compile(r"\W*(?:re|aw|sv|antw|antwort|回复|回覆|答复)\s{0,3}[:：]", re.IGNORECASE)
ADDRESS = re.compile(r"[^\s<>()\[\],;:\"@]{1,64}@[^\s<>()\[\],;:\"@]{1,253}")
ANSWERED = re.compile(r"<([0-9a-f]{32})@[!-;=?-~]{1,253}>", re.IGNORECASE)
"""A Message-ID of ours, as In-Reply-To and References name it."""
MOST_ANSWERED = 20
QUOTED_LINE = re.compile(r"^[ \t]{0,4}>.*$", re.MULTILINE)
QUOTE_IN_HTML = re.compile(r"<blockquote\b|<div[^<>]{0,200}(?:gmail_quote|yahoo_quoted|divRplyFwdMsg)", re.IGNORECASE)
WHO_WROTE = re.compile(
    r"^[ \t]{0,4}(?:(?:on|am|le|el|il|op|em|den|w dniu)\b[^\n]{4,300}(?:\n[^\n]{0,200})?"
    r"(?:wrote|schrieb[^\n]{0,100}|a écrit|escribió|ha scritto|schreef[^\n]{0,100}|escreveu|skrev[^\n]{0,100})"
    r"|(?:在|于|於)?[^\n]{4,300}(?:写道|寫道))[ \t]{0,4}[:：][ \t]{0,4}$",
    re.IGNORECASE | re.MULTILINE,
)
"""The line above a quotation: On 3 Nov 2026 at 10:00, Example Ltd <info@example.org> wrote:"""
BEGINNING_OF_QUOTE = re.compile(
    r"^[ \t]{0,4}(?:-{2,}\s{0,4}(?:original message|ursprüngliche nachricht|message d'origine|mensaje original"
    r"|原始邮件|原始郵件|原邮件)\b|_{20,}[ \t]{0,4}$|-- $"
    r"|(?:from|von|de|da|发件人|寄件者)[ \t]{0,4}[:：][^\n]{0,300}\n"
    r"[ \t]{0,4}(?:sent|date|gesendet|datum|envoyé|enviado|inviato|data|发送时间|日期)[ \t]{0,4}[:：])",
    re.IGNORECASE | re.MULTILINE,
)
"""The beginning of what a mail program adds below the words, and of a signature: nothing below it was just written."""
SENT_FROM = re.compile(
    r"^[ \t]{0,4}(?:(?:sent|get|gesendet|von meinem|diese nachricht wurde von|envoyé|enviado|inviato|verzonden)\b"
    r"[^\n]{0,80}(?:iphone|ipad|android|samsung|galaxy|huawei|xiaomi|phone|handy|móvil|mobile|outlook|mail|gmx|web\.de)"
    r"[^\n]{0,60}|发自[^\n]{1,40}|(?:從|从)我的[^\n]{1,30})$",
    re.IGNORECASE | re.MULTILINE,
)
"""The line that a telephone adds: Sent from my iPhone."""


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
    if mail is None or mail.get_content_type() == "multipart/report" or is_from_server(mail, ""):
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
        whole="\n".join((subject, *map(text, _texts(parts)))),
        name=field_of(mail, "Message-ID"),
        answered=_answered(mail),
    )


def without_quotation(whole: str) -> str:
    """Return what a person wrote in a mail, without quoted lines, the line above them, signature and sign-off."""
    has_marks = QUOTED_LINE.search(whole) is not None
    bare = _cut(QUOTED_LINE.sub("", whole), BEGINNING_OF_QUOTE)
    # Where quoted lines have no mark, everything below the line that names their writer is quoted.
    bare = WHO_WROTE.sub("", bare) if has_marks else _cut(bare, WHO_WROTE)
    return SENT_FROM.sub("", bare).strip()


def _written(parts: tuple[Mail, ...]) -> str:
    plain = [part for part in _texts(parts) if part.get_content_type() == "text/plain"]
    if plain:
        return without_quotation("\n".join(map(text, plain)))
    return without_quotation("\n".join(without_tags(_cut(decoded(part), QUOTE_IN_HTML)) for part in _texts(parts)))


def _texts(parts: tuple[Mail, ...]) -> Iterator[Mail]:
    return (part for part in parts if part.get_content_type() in ("text/plain", "text/html"))


def _cut(whole: str, beginning: re.Pattern[str]) -> str:
    found = beginning.search(whole)
    return whole[: found.start()] if found else whole


def _sender(mail: Mail) -> str:
    found = {address.lower() for value in all_fields(mail, "From") for address in ADDRESS.findall(value)}
    return found.pop() if len(found) == 1 else ""


def _answered(mail: Mail) -> tuple[str, ...]:
    named = f"{field_of(mail, 'In-Reply-To')} {field_of(mail, 'References')}"
    return tuple(dict.fromkeys(key.lower() for key in ANSWERED.findall(named)))[:MOST_ANSWERED]
