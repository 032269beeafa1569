"""Reports that come to the bounce address about our messages: RFC 3464 and 5965, and the many that follow neither.

A report is only read here. Everybody who knows a bounce address can write to it, so the ledger decides by the token
whether a report counts.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from amends.domain.channel.identifiers import bounced_token
from amends.domain.receipt.codes import (
    Codes,
    codes_in,
    more_specific,
    sounds_like_a_failure,
    spares_the_address,
    still_trying,
    words_of,
)
from amends.domain.receipt.mail import Mail, all_fields, decoded_field, enclosed, fields, leaves, parsed, text
from amends.domain.receipt.mail import field as field_of

STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
MOST_GROUPS = 20
"""The most recipients of one report that are read."""

MAILER = re.compile(
    r"mailer-?daemon|postmaster|mail delivery (?:sub)?system|microsoftexchange[0-9a-f]{32}@", re.IGNORECASE
)
QMAIL = "this is the qmail-send program"

COMPLAINTS = ("abuse", "fraud", "opt-out")
NO_COMPLAINTS = ("not-spam", "virus", "other", "auth-failure", "dmarc")

VACATION_FIELDS = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Vacation", "X-Mail-Autoreply")
VACATION_SUBJECT = re.compile(
    r"\W*(?:auto(?:matic|mated)?[ -]?(?:reply|response|answer)|out of (?:the )?office|vacation|abwesenheit"
    r"|automatische antwort|réponse automatique|respuesta automática|自动回复|自動回覆|自动答复)",
    re.IGNORECASE,
)
BULK = ("bulk", "junk", "list", "auto_reply", "auto-reply")

START_OF_RETURNED = re.compile(
    r"^[>\s]{0,8}(?:return-path|received|message-id|dkim-signature|mime-version):"
    r"|^-{2,}\s{0,4}(?:below this line|this is a copy|(?:start of )?(?:the )?(?:original|returned|undelivered) message)"
    r"|^-{2,}\s{0,4}(?:原始邮件|原邮件)",
    re.IGNORECASE | re.MULTILINE,
)
QUOTED_LINE = re.compile(r"^>.*$", re.MULTILINE)
RETURNED_TYPES = ("message/rfc822", "message/global", "message/rfc822-headers", "message/global-headers")
FIRST_FIELD = re.compile(
    r"^(?:return-path|received|message-id|dkim-signature|from|date|mime-version):", re.IGNORECASE | re.MULTILINE
)
MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")
MESSAGE_ID_LINE = re.compile(r"^[>\s]{0,8}message-id:\s{0,4}(<[!-;=?-~]{1,250}>)", re.IGNORECASE | re.MULTILINE)
RECIPIENT_FIELDS = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
BETWEEN_ADDRESSES = re.compile(r"[\s<>()\[\],;:\"]+")


class ReportKind(StrEnum):
    """A kind of report about a message."""

    FAILED = "failed"
    """The message did not arrive, and no message ever will at this address."""
    GAVE_UP = "gave_up"
    """The message did not arrive at an address that may be good: mailbox full, time out, sender or content refused."""
    DELAYED = "delayed"
    """The mail server is still trying: no failure."""
    DELIVERED = "delivered"
    COMPLAINED = "complained"
    """The person, or the provider for the person, calls the message abuse or fraud."""
    AUTO_REPLY = "auto_reply"
    """A machine answered: a vacation, a challenge, a read receipt. An automatic answer is never answered (RFC 3834)."""
    UNKNOWN = "unknown"


WORST_FIRST = (ReportKind.FAILED, ReportKind.GAVE_UP, ReportKind.DELIVERED, ReportKind.DELAYED, ReportKind.UNKNOWN)
"""The kinds of delivery reports, the worst first; final ones stand before those that are not final."""


@dataclass(frozen=True, slots=True)
class MailReport:
    """A report read from one mail; nothing in it is proven. Only codes are shown: a stranger may write the rest."""

    kind: ReportKind
    token: str = field(default="", repr=False)
    """The token in the bounce address; empty when no address of that form was found."""
    message_id: str = field(default="", repr=False)
    """The Message-ID of the reported message, angle brackets included, as the reporter wrote it; or empty."""
    status: str = ""
    """The enhanced status code, such as 5.1.1 (RFC 3463); or empty."""
    detail: str = ""
    """Codes only: '550 5.1.1', or the feedback type of a complaint."""
    by_provider: bool = False
    """True for a report of the provider that hands our mail on, which calls delivered what the next server took.

    Such a message may still bounce."""


@dataclass(frozen=True, slots=True)
class DsnReading:
    """The content of a report, before the reported message is known."""

    kind: ReportKind
    status: str = ""
    detail: str = ""


def read_report(raw: bytes, delivered_to: str = "") -> MailReport:
    """Return the report in a mail, whatever its bytes are; `delivered_to` is the envelope recipient, if known.

    The token stands only in the address that the report came to. A complaint comes to another address, so its token is
    taken from the message that the complaint encloses.
    """
    mail = parsed(raw)
    if mail is None:
        return MailReport(ReportKind.UNKNOWN, _token((delivered_to,)))
    parts = tuple(leaves(mail))
    written, quoted = _written_and_quoted(parts)
    returned = _returned(parts, quoted)
    complaint = _feedback(parts)
    reading = _complaint(complaint) if complaint is not None else _delivery(mail, parts, written, returned)
    recipients = (delivered_to, *_recipients(mail))
    senders = _senders(complaint, returned) if complaint is not None else ()
    return MailReport(
        kind=reading.kind,
        token=_token((*senders, *recipients)),
        message_id=_message_id(mail, returned, quoted),
        status=reading.status,
        detail=reading.detail,
    )


def _delivery(mail: Mail, parts: tuple[Mail, ...], written: str, returned: Mail) -> DsnReading:
    """Return the content of a delivery report, else of an automatic answer.

    A report about a report is UNKNOWN: we send no reports, so it is about no message of ours. So is an answer from a
    mail server, or in a mail server's words, that is not understood: a person must look, as somebody may not have been
    reached.
    """
    reading = _by_status(parts, written) or _in_words(mail, written)
    if reading:
        return DsnReading(ReportKind.UNKNOWN) if _is_report(returned) else reading
    server = is_from_server(mail, written) or sounds_like_a_failure(words_of(written))
    automatic = is_automatic(mail, parts) and not server
    return DsnReading(ReportKind.AUTO_REPLY if automatic or _is_vacation(mail) else ReportKind.UNKNOWN)


# RFC 3464


def _by_status(parts: tuple[Mail, ...], written: str) -> DsnReading | None:
    """Return the content of the worst final group of fields, or None without any group.

    Our messages have one recipient, so several groups mean that the address stands for several: a list, a forwarding.
    """
    groups = [group for part in parts if part.get_content_type() in STATUS_TYPES for group in _groups(part)]
    readings = [_group(group, written if len(groups) == 1 else "") for group in groups]
    return min(readings, key=lambda reading: WORST_FIRST.index(reading.kind), default=None)


def _groups(part: Mail) -> Iterator[Mail]:
    for block in enclosed(part)[:MOST_GROUPS]:
        # In the international form (RFC 6533) the library parses only the first block and leaves the others as text.
        for group in (block, *map(fields, text(block).split("\n\n", MOST_GROUPS))):
            if "Action" in group or "Status" in group:
                yield group


def _group(group: Mail, written: str) -> DsnReading:
    """Read a group. OpenSMTPD gives 5.0.0 to machines for every failure, and the reason only in words for people."""
    action, diagnostic = field_of(group, "Action").lower(), field_of(group, "Diagnostic-Code")
    if action == "failed" and not diagnostic:
        diagnostic = written
    codes = more_specific(field_of(group, "Status"), codes_in(words_of(diagnostic)))
    kind = _outcome(action, codes, diagnostic)
    return DsnReading(kind, codes.status, str(codes))


def _outcome(action: str, codes: Codes, diagnostic: str) -> ReportKind:
    """Return the kind of report. A server that only hands a message on ('relayed', 'expanded') knows no outcome."""
    match action, codes.status[:1]:
        case ("failed", _) | ("", "5"):
            return _failure(codes, diagnostic) or ReportKind.GAVE_UP
        case ("delayed", _) | ("", "4"):
            return ReportKind.DELAYED
        case "delivered", "2" | "":
            return ReportKind.DELIVERED
        case _:
            return ReportKind.UNKNOWN


def _failure(codes: Codes, words: str) -> ReportKind | None:
    return {True: ReportKind.GAVE_UP, False: ReportKind.FAILED, None: None}[spares_the_address(codes, words)]


# Reports in words


def _in_words(mail: Mail, written: str) -> DsnReading | None:
    """Return the content of a report in words (Exim, qmail, QQ, NetEase), or None when a mail is no such report."""
    if _is_vacation(mail) or not _is_from_mailer(mail, written):
        return None
    words = words_of(written)
    codes = codes_in(words)
    if still_trying(words):
        kind: ReportKind | None = ReportKind.DELAYED
    else:
        kind = _failure(codes, words) or (ReportKind.GAVE_UP if "X-Failed-Recipients" in mail else None)
    return DsnReading(kind, codes.status, str(codes)) if kind else None


def _is_from_mailer(mail: Mail, written: str) -> bool:
    sender = MAILER.search(field_of(mail, "From"))
    return bool(sender) or "X-Failed-Recipients" in mail or QMAIL in written[:400].lower()


def is_from_server(mail: Mail, written: str) -> bool:
    """Return True when the mail's headers, or the words of its text, are a mail server's."""
    return "delivery-status" in field_of(mail, "Content-Type").lower() or _is_from_mailer(mail, written)


# Complaints (RFC 5965)


def _feedback(parts: tuple[Mail, ...]) -> Mail | None:
    reports = (part for part in parts if part.get_content_type() == "message/feedback-report")
    return next((block for part in reports for block in enclosed(part)), None)


def _complaint(feedback: Mail) -> DsnReading:
    """Read a complaint. The type not-spam takes a complaint back; the other types tell of filters, not of people."""
    stated = field_of(feedback, "Feedback-Type").lower()
    if stated in COMPLAINTS:
        return DsnReading(ReportKind.COMPLAINED, detail=stated)
    return DsnReading(ReportKind.UNKNOWN, detail=stated if stated in NO_COMPLAINTS else "")


def _senders(feedback: Mail, returned: Mail) -> tuple[str, ...]:
    return field_of(feedback, "Original-Mail-From"), field_of(returned, "Return-Path")


# Automatic answers (RFC 3834)


def _is_vacation(mail: Mail) -> bool:
    automatic = field_of(mail, "Auto-Submitted").lower()
    marked = any(name in mail for name in VACATION_FIELDS) or "vacation" in automatic
    return marked or bool(VACATION_SUBJECT.match(decoded_field(mail, "Subject")))


def is_automatic(mail: Mail, parts: tuple[Mail, ...]) -> bool:
    """Return True when a machine sent the mail: a vacation, a list, a receipt (RFC 3834)."""
    return (
        _is_vacation(mail)
        or field_of(mail, "Auto-Submitted").lower() not in ("", "no")
        or field_of(mail, "Precedence").lower() in BULK
        or field_of(mail, "Return-Path") == "<>"
        or "X-Auto-Response-Suppress" in mail
        or any(part.get_content_type() == "message/disposition-notification" for part in parts)
    )


# Which message


def _written_and_quoted(parts: tuple[Mail, ...]) -> tuple[str, str]:
    """Return the text that the reporter wrote, and the message of ours that the reporter returned as text below."""
    written, quoted = [], []
    for part in parts:
        if part.get_content_maintype() == "text" and part.get_content_type() != "text/rfc822-headers":
            whole = text(part)
            start = START_OF_RETURNED.search(whole)
            written.append(QUOTED_LINE.sub("", whole[: start.start()] if start else whole))
            quoted.append(whole[start.start() :] if start else "")
    return "\n".join(written), "\n".join(quoted)


def _returned(parts: tuple[Mail, ...], quoted: str) -> Mail:
    """Return the header of the message that the report returns, or an empty one when the report returns none."""
    for part in parts:
        if part.get_content_type() == "text/rfc822-headers":
            return fields(text(part))
        if part.get_content_type() in RETURNED_TYPES and enclosed(part):
            return enclosed(part)[0]
    start = FIRST_FIELD.search(quoted)
    return fields(quoted[start.start() :] if start else "")


def _is_report(returned: Mail) -> bool:
    return (
        field_of(returned, "Return-Path") == "<>"
        or returned.get_content_type() == "multipart/report"
        or field_of(returned, "Auto-Submitted").lower().startswith("auto-replied")
    )


def _message_id(mail: Mail, returned: Mail, quoted: str) -> str:
    if found := MESSAGE_ID.search(field_of(returned, "Message-ID")):
        return found[0]
    if found := MESSAGE_ID_LINE.search(quoted):
        return found[1]
    answered = MESSAGE_ID.search(f"{field_of(mail, 'In-Reply-To')} {field_of(mail, 'References')}")
    return answered[0] if answered else ""


def _recipients(mail: Mail) -> Iterator[str]:
    return (value for name in RECIPIENT_FIELDS for value in all_fields(mail, name))


def _token(addresses: Iterable[str]) -> str:
    words = (word for address in addresses for word in BETWEEN_ADDRESSES.split(address))
    return next(filter(None, map(bounced_token, words)), "")
