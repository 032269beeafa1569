"""What a mail to the bounce address says of one of our messages: RFC 3464 and 5965, and the many who follow neither.

It only reads. Whoever knows an address can write to it, so the ledger decides by the token whether a report counts.
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
from amends.domain.receipt.mail import Mail, all_fields, enclosed, fields, leaves, opened, spoken, text
from amends.domain.receipt.mail import field as field_of


class ReportKind(StrEnum):
    """What a report says of the message."""

    FAILED = "failed"
    """It did not arrive, and nothing ever will at this address."""
    GAVE_UP = "gave_up"
    """It did not arrive, but the address may be good: mailbox full, time run out, refused for its sender or content."""
    DELAYED = "delayed"
    """The mail server is still trying: no failure."""
    DELIVERED = "delivered"
    COMPLAINED = "complained"
    """The person, or the provider for the person, calls it abuse or fraud."""
    AUTO_REPLY = "auto_reply"
    """A machine answered: a vacation, a challenge, a read receipt. Nobody must answer it (RFC 3834)."""
    UNKNOWN = "unknown"


WORST_FIRST = (
    ReportKind.FAILED,
    ReportKind.GAVE_UP,
    ReportKind.DELIVERED,
    ReportKind.DELAYED,
    ReportKind.UNKNOWN,
)
"""What is final goes before what is not."""


@dataclass(frozen=True, slots=True)
class MailReport:
    """What one mail says; nothing in it is proven. Only codes are shown: a stranger may write the rest."""

    kind: ReportKind
    token: str = field(default="", repr=False)
    """The mark in the address that bounces go to; empty when no address of that form was found."""
    message_id: str = field(default="", repr=False)
    """The Message-ID of the message it is about, angle brackets included, as the reporter wrote it; or empty."""
    status: str = ""
    """The enhanced status code, such as 5.1.1 (RFC 3463); or empty."""
    detail: str = ""
    """Codes only: '550 5.1.1', or the feedback type of a complaint."""
    by_provider: bool = False
    """Told by whoever hands our mail on, who calls delivered what the next server took: it may still come back."""


@dataclass(frozen=True, slots=True)
class DsnReading:
    """What a report says before we know which message it is about."""

    kind: ReportKind
    status: str = ""
    detail: str = ""


BETWEEN_ADDRESSES = re.compile(r"[\s<>()\[\],;:\"]+")
MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")
MESSAGE_ID_LINE = re.compile(r"^[>\s]{0,8}message-id:\s{0,4}(<[!-;=?-~]{1,250}>)", re.IGNORECASE | re.MULTILINE)
RECIPIENT_FIELDS = ("Delivered-To", "X-Original-To", "Envelope-To", "To")

MAILER = re.compile(
    r"mailer-?daemon|postmaster|mail delivery (?:sub)?system|microsoftexchange[0-9a-f]{32}@", re.IGNORECASE
)
QMAIL = "this is the qmail-send program"
START_OF_RETURNED = re.compile(
    r"^[>\s]{0,8}(?:return-path|received|message-id|dkim-signature|mime-version):"
    r"|^-{2,}\s{0,4}(?:below this line|this is a copy|(?:start of )?(?:the )?(?:original|returned|undelivered) message)"
    r"|^-{2,}\s{0,4}(?:原始邮件|原邮件)",
    re.IGNORECASE | re.MULTILINE,
)
FIRST_FIELD = re.compile(
    r"^(?:return-path|received|message-id|dkim-signature|from|date|mime-version):", re.IGNORECASE | re.MULTILINE
)
QUOTED_LINE = re.compile(r"^>.*$", re.MULTILINE)

VACATION_FIELDS = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Vacation", "X-Mail-Autoreply")
VACATION_SUBJECT = re.compile(
    r"\W*(?:auto(?:matic|mated)?[ -]?(?:reply|response|answer)|out of (?:the )?office|vacation|abwesenheit"
    r"|automatische antwort|réponse automatique|respuesta automática|自动回复|自動回覆|自动答复)",
    re.IGNORECASE,
)
BULK = ("bulk", "junk", "list", "auto_reply", "auto-reply")

MOST_GROUPS = 20
"""Recipients of one report that are looked at."""
STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
RETURNED_TYPES = ("message/rfc822", "message/global", "message/rfc822-headers", "message/global-headers")
COMPLAINTS = ("abuse", "fraud", "opt-out")
NO_COMPLAINTS = ("not-spam", "virus", "other", "auth-failure", "dmarc")


def read_report(raw: bytes, delivered_to: str = "") -> MailReport:
    """What the mail says, whatever its bytes are; `delivered_to` is the envelope recipient, if the server told it.

    The token stands only in the address that the report came to. A complaint comes to another address, so there it
    is taken from the message that the report encloses.
    """
    mail = opened(raw)
    if mail is None:
        return MailReport(ReportKind.UNKNOWN, _token((delivered_to,)))
    parts = tuple(leaves(mail))
    said, quoted = _told_and_quoted(parts)
    returned = _returned(parts, quoted)
    complaint = _feedback(parts)
    reading = _complaint(complaint) if complaint is not None else _delivery(mail, parts, said, returned)
    recipients = (delivered_to, *_recipients(mail))
    senders = _senders(complaint, returned) if complaint is not None else ()
    return MailReport(
        kind=reading.kind,
        token=_token((*senders, *recipients)),
        message_id=_message_id(mail, returned, quoted),
        status=reading.status,
        detail=reading.detail,
    )


def _delivery(mail: Mail, parts: tuple[Mail, ...], said: str, returned: Mail) -> DsnReading:
    """A report, else an automatic answer. One about a report is no news of a message: we send no reports.

    What a mail server says and we do not understand is for people: it may be that somebody was not reached. So is what
    a machine under any other name says in a mail server's words.
    """
    reading = _by_status(parts, said) or _in_words(mail, said)
    if reading:
        return DsnReading(ReportKind.UNKNOWN) if _is_report(returned) else reading
    server = _is_from_server(mail, said) or sounds_like_a_failure(words_of(said))
    automatic = _is_automatic(mail, parts) and not server
    return DsnReading(ReportKind.AUTO_REPLY if automatic or _is_vacation(mail) else ReportKind.UNKNOWN)


# RFC 3464


def _by_status(parts: tuple[Mail, ...], said: str) -> DsnReading | None:
    """The worst final one of the groups; None without any.

    Our messages have one recipient, so several groups mean that its address stands for several: a list, a forwarding.
    """
    groups = [group for part in parts if part.get_content_type() in STATUS_TYPES for group in _groups(part)]
    readings = [_group(group, said if len(groups) == 1 else "") for group in groups]
    return min(readings, key=lambda reading: WORST_FIRST.index(reading.kind), default=None)


def _groups(part: Mail) -> Iterator[Mail]:
    for block in enclosed(part)[:MOST_GROUPS]:
        # The library takes the blocks of the international form (RFC 6533) apart no further than the first.
        for group in (block, *map(fields, text(block).split("\n\n", MOST_GROUPS))):
            if "Action" in group or "Status" in group:
                yield group


def _group(group: Mail, said: str) -> DsnReading:
    """OpenSMTPD tells a machine that it failed with 5.0.0, whatever it was, and the reason only to people."""
    action, diagnostic = field_of(group, "Action").lower(), field_of(group, "Diagnostic-Code")
    if action == "failed" and not diagnostic:
        diagnostic = said
    codes = more_specific(field_of(group, "Status"), codes_in(words_of(diagnostic)))
    kind = _outcome(action, codes, diagnostic)
    return DsnReading(kind, codes.status, str(codes))


def _outcome(action: str, codes: Codes, diagnostic: str) -> ReportKind:
    """Who hands a message on ('relayed', 'expanded') does not say that it arrived."""
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


def _in_words(mail: Mail, said: str) -> DsnReading | None:
    """What a mail server wrote for people: Exim, qmail, QQ, NetEase. None when it tells of no delivery."""
    if _is_vacation(mail) or not _is_from_mailer(mail, said):
        return None
    words = words_of(said)
    codes = codes_in(words)
    if still_trying(words):
        kind: ReportKind | None = ReportKind.DELAYED
    else:
        kind = _failure(codes, words) or (ReportKind.GAVE_UP if "X-Failed-Recipients" in mail else None)
    return DsnReading(kind, codes.status, str(codes)) if kind else None


def _is_from_mailer(mail: Mail, said: str) -> bool:
    sender = MAILER.search(field_of(mail, "From"))
    return bool(sender) or "X-Failed-Recipients" in mail or QMAIL in said[:400].lower()


def _is_from_server(mail: Mail, said: str) -> bool:
    return "delivery-status" in field_of(mail, "Content-Type").lower() or _is_from_mailer(mail, said)


# Complaints (RFC 5965)


def _feedback(parts: tuple[Mail, ...]) -> Mail | None:
    reports = (part for part in parts if part.get_content_type() == "message/feedback-report")
    return next((block for part in reports for block in enclosed(part)), None)


def _complaint(feedback: Mail) -> DsnReading:
    """Not-spam takes a complaint back; the other types tell of filters, not of people."""
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
    return marked or bool(VACATION_SUBJECT.match(spoken(mail, "Subject")))


def _is_automatic(mail: Mail, parts: tuple[Mail, ...]) -> bool:
    return (
        _is_vacation(mail)
        or field_of(mail, "Auto-Submitted").lower() not in ("", "no")
        or field_of(mail, "Precedence").lower() in BULK
        or field_of(mail, "Return-Path") == "<>"
        or "X-Auto-Response-Suppress" in mail
        or any(part.get_content_type() == "message/disposition-notification" for part in parts)
    )


# Which message


def _told_and_quoted(parts: tuple[Mail, ...]) -> tuple[str, str]:
    """What the reporter wrote, and the message of ours that it returned as text below that."""
    told, quoted = [], []
    for part in parts:
        if part.get_content_maintype() == "text" and part.get_content_type() != "text/rfc822-headers":
            said = text(part)
            start = START_OF_RETURNED.search(said)
            told.append(QUOTED_LINE.sub("", said[: start.start()] if start else said))
            quoted.append(said[start.start() :] if start else "")
    return "\n".join(told), "\n".join(quoted)


def _returned(parts: tuple[Mail, ...], quoted: str) -> Mail:
    """The header of the message that the report returns; empty when it returns none."""
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
