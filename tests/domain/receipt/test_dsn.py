"""What the mails say that come back: one example of each kind in tests/data/bounces, and bytes that mean harm."""

import base64
import random
import re
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.receipt.codes import codes_in
from amends.domain.receipt.dsn import MailReport, ReportKind, read_report

FOLDER = Path(__file__).parents[2] / "data" / "bounces"
MAILS = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.eml"))}

TOKEN = "0123456789abcdef0123456789abcdef"
BOUNCES = f"b+{TOKEN}@bounces.company.example"
MESSAGE = "<4ce821ef6583365ec4a70edb81c2cc8a@company.example>"

FAILED, GAVE_UP, DELAYED = ReportKind.FAILED, ReportKind.GAVE_UP, ReportKind.DELAYED
COMPLAINED, AUTO_REPLY, UNKNOWN = ReportKind.COMPLAINED, ReportKind.AUTO_REPLY, ReportKind.UNKNOWN

READ = {
    "postfix_no_such_user": MailReport(FAILED, TOKEN, MESSAGE, "5.1.1", "550 5.1.1"),
    "office365_no_such_user": MailReport(FAILED, TOKEN, MESSAGE, "5.1.10", "550 5.1.10"),
    "exchange_odd_code": MailReport(FAILED, TOKEN, MESSAGE, "5.1.1", "550 5.1.1"),
    "japanese_no_such_user": MailReport(FAILED, TOKEN, MESSAGE, "5.1.1", "550 5.1.1"),
    "international_report": MailReport(FAILED, TOKEN, MESSAGE, "5.1.1", "5.1.1"),
    "exim_no_such_user": MailReport(FAILED, TOKEN, MESSAGE, "", "550"),
    "qmail_no_such_user": MailReport(FAILED, TOKEN, MESSAGE, "5.1.1", "5.1.1"),
    "qq_no_such_user": MailReport(FAILED, TOKEN, MESSAGE, "", "550"),
    "netease_no_such_user": MailReport(FAILED, TOKEN, "", "", "550"),
    "postfix_time_run_out": MailReport(GAVE_UP, TOKEN, MESSAGE, "4.4.1", "4.4.1"),
    "qmail_time_run_out": MailReport(GAVE_UP, TOKEN, MESSAGE, "4.4.1", "4.4.1"),
    "exchange_expired": MailReport(GAVE_UP, TOKEN, MESSAGE, "5.4.7", "550 5.4.7"),
    "gmail_full": MailReport(GAVE_UP, TOKEN, MESSAGE, "5.2.2", "552 5.2.2"),
    "gmail_policy": MailReport(GAVE_UP, TOKEN, MESSAGE, "5.7.26", "550 5.7.26"),
    "exim_full": MailReport(GAVE_UP, TOKEN, MESSAGE),
    "opensmtpd_policy": MailReport(GAVE_UP, TOKEN, MESSAGE, "5.7.1", "550 5.7.1"),
    "qq_full": MailReport(GAVE_UP, TOKEN),
    "netease_refused": MailReport(GAVE_UP, TOKEN, MESSAGE, "", "554"),
    "two_recipients": MailReport(GAVE_UP, TOKEN, MESSAGE, "5.2.2", "552 5.2.2"),
    "postfix_delayed": MailReport(DELAYED, TOKEN, MESSAGE, "4.4.1", "4.4.1"),
    "exim_delayed": MailReport(DELAYED, TOKEN, "", "4.3.0", "451 4.3.0"),
    "netease_delayed": MailReport(DELAYED, TOKEN, "", "4.7.1", "451 4.7.1"),
    "postfix_delivered": MailReport(ReportKind.DELIVERED, TOKEN, MESSAGE, "2.0.0", "2.0.0"),
    "relayed_on": MailReport(UNKNOWN, TOKEN, MESSAGE, "2.0.0", "2.0.0"),
    "complaint_abuse": MailReport(COMPLAINED, TOKEN, MESSAGE, "", "abuse"),
    "complaint_fraud": MailReport(COMPLAINED, TOKEN, MESSAGE, "", "fraud"),
    "complaint_taken_back": MailReport(UNKNOWN, TOKEN, MESSAGE, "", "not-spam"),
    "vacation_quoting_us": MailReport(AUTO_REPLY, TOKEN, MESSAGE),
    "vacation_of_a_postmaster": MailReport(AUTO_REPLY, TOKEN, MESSAGE),
    "vacation_chinese": MailReport(AUTO_REPLY, TOKEN),
    "challenge": MailReport(AUTO_REPLY, TOKEN),
    "read_receipt": MailReport(AUTO_REPLY, TOKEN),
    "bounce_of_a_bounce": MailReport(UNKNOWN, TOKEN, MESSAGE),
    "a_person_writes": MailReport(UNKNOWN, TOKEN, MESSAGE),
    "to_a_stranger": MailReport(FAILED, "", "<watches@spammer.example>", "5.1.1", "5.1.1"),
}


def test_every_example_is_in_the_table() -> None:
    assert READ.keys() == MAILS.keys()


@pytest.mark.parametrize("name", READ)
def test_an_example_is_read_as_the_table_says(name: str) -> None:
    assert read_report(MAILS[name]) == READ[name]


@pytest.mark.parametrize("name", READ)
def test_line_ends_change_nothing(name: str) -> None:
    assert read_report(MAILS[name].replace(b"\n", b"\r\n")) == READ[name]


@pytest.mark.parametrize("name", READ)
def test_no_report_shows_an_address_or_the_text_of_a_server(name: str) -> None:
    report = read_report(MAILS[name])
    assert "@" not in repr(report)
    assert codes_in(report.detail).status == report.status
    assert report.detail.replace(".", "").replace(" ", "").isdigit() or report.detail in (
        "",
        "abuse",
        "fraud",
        "not-spam",
    )


def in_base64(mail: bytes, kind: str) -> bytes:
    """The same mail with its part of this kind encoded, as some gateways do whatever it is."""
    part = rb"(?<=Content-Type: %b\n)\n(.*?)(?=\n--=_)" % kind.encode()
    head, body, rest = re.split(part, mail, maxsplit=1, flags=re.DOTALL)
    return head + b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(body) + rest


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("postfix_no_such_user", "message/delivery-status"),
        ("international_report", "message/global-delivery-status"),
        ("complaint_abuse", "message/feedback-report"),
        ("complaint_abuse", "message/rfc822"),
    ],
)
def test_a_part_in_base64_says_what_it_says(name: str, kind: str) -> None:
    assert read_report(in_base64(MAILS[name], kind)) == READ[name]


def test_words_for_people_say_nothing_against_a_delivery() -> None:
    delivered = MAILS["opensmtpd_policy"].replace(b"Action: failed\nStatus: 5.0.0", b"Action: delivered\nStatus: 2.0.0")
    assert read_report(delivered).kind is ReportKind.DELIVERED


# Which message


def test_the_envelope_recipient_goes_before_what_the_header_says() -> None:
    other = "f" * 32
    assert read_report(MAILS["postfix_no_such_user"], f"<B+{other}@bounces.company.example>").token == other


def test_the_header_tells_the_token_when_the_recipient_is_a_mailbox() -> None:
    """The token is read from the header when the envelope recipient is a plain mailbox without a token."""
    assert read_report(MAILS["postfix_no_such_user"], "bounces@company.example").token == TOKEN


def test_a_token_in_the_text_or_returned_message_is_not_taken() -> None:
    """A token that stands in the text of a bounce, or in the message that it returns, is not taken."""
    mail = MAILS["exim_no_such_user"]
    head, _, body = mail.partition(b"\n\n")
    assert BOUNCES.encode() in body
    assert read_report(head.replace(BOUNCES.encode(), b"care@company.example") + b"\n\n" + body).token == ""


def test_a_complaint_is_known_by_the_sender_of_its_enclosed_message() -> None:
    """A complaint is matched by the sender of the message that it encloses, because its own header has no token."""
    assert BOUNCES.encode() not in MAILS["complaint_abuse"].partition(b"\n\n")[0]
    assert read_report(MAILS["complaint_abuse"], "complaints@company.example").token == TOKEN


@pytest.mark.parametrize("gone", [b"Original-Mail-From:", b"\nReturn-Path: <b+"])
def test_either_sender_in_a_complaint_names_the_message(gone: bytes) -> None:
    mail = MAILS["complaint_abuse"]
    assert gone in mail
    assert read_report(mail.replace(gone, b"\nX-Gone: "), "complaints@company.example").token == TOKEN


def test_the_message_id_of_the_report_itself_is_never_taken_for_ours() -> None:
    mail = MAILS["postfix_no_such_user"].replace(f"Message-ID: {MESSAGE}".encode(), b"X-Gone: yes")
    assert b"Message-ID: <report-of" in mail
    assert read_report(mail).message_id == ""


@pytest.mark.parametrize("mark", ["", "> "])
def test_a_message_is_known_by_headers_returned_as_plain_text(mark: str) -> None:
    """The message is known by the headers that a mail server without reports returns as plain text, quoted or not."""
    head = f"From: MAILER-DAEMON@mx.example\nTo: {BOUNCES}\n\nNo such user.\n\n"
    returned = f"{mark}Received: from relay.example\n{mark}Message-ID: {MESSAGE}\n"
    assert read_report((head + returned).encode()).message_id == MESSAGE


# What it says


def a_status(**fields: str) -> bytes:
    """A report with one recipient and these fields, dashes written as underscores."""
    lines = "\n".join(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())
    return (
        f"To: {BOUNCES}\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n{lines}\n".encode()
    )


@pytest.mark.parametrize("status", ["4.4.1", "5.1.1", "5.0.0", "2.0.0", "nonsense", ""])
def test_a_delayed_report_is_no_failure_whatever_its_status(status: str) -> None:
    report = read_report(a_status(Action="Delayed", Status=status, Diagnostic_Code="smtp; 550 5.1.1 User unknown"))
    assert report.kind is DELAYED


@pytest.mark.parametrize("action", ["expanded", "relayed", "delivered", "exploded"])
def test_contradicting_action_and_status_decide_nothing(action: str) -> None:
    """When the action and the status of a report contradict each other, the message counts neither as delivered nor as
    failed.
    """
    assert read_report(a_status(Action=action, Status="5.1.1")).kind is UNKNOWN


@pytest.mark.parametrize(
    ("status", "diagnostic", "kind"),
    [
        ("5.1.1", "", FAILED),
        ("5.1.2", "", FAILED),
        ("5.2.1", "", FAILED),
        ("5.4.1", "", FAILED),
        ("5.5.0", "smtp; 550 Requested action not taken: mailbox unavailable", FAILED),
        ("5.0.0", "smtp; 550", FAILED),
        ("5.0.0", "smtp; 550 Domain name not found", FAILED),
        ("5.1.8", "", GAVE_UP),
        ("5.1.90", "", GAVE_UP),
        ("5.2.2", "", GAVE_UP),
        ("5.2.3", "", GAVE_UP),
        ("5.3.4", "", GAVE_UP),
        ("5.4.7", "", GAVE_UP),
        ("5.6.0", "", GAVE_UP),
        ("5.7.1", "", GAVE_UP),
        ("4.2.2", "", GAVE_UP),
        ("2.0.0", "", GAVE_UP),
        ("5.0.0", "smtp; 552 Quota exceeded or service disabled", GAVE_UP),
        ("5.0.0", "smtp; 554", GAVE_UP),
        ("5.0.0", "smtp; 550 Ip frequency limited", GAVE_UP),
        ("5.1.1", "smtp; 550 5.1.1 Mailbox is full", GAVE_UP),
        ("", "", GAVE_UP),
    ],
)
def test_a_failure_condemns_an_address_only_if_it_is_to_blame(status: str, diagnostic: str, kind: ReportKind) -> None:
    """A failure counts against the address only when the address is to blame: an unknown mailbox or domain, not a full
    mailbox, a policy or a fault of the sender.
    """
    assert read_report(a_status(Action="failed", Status=status, Diagnostic_Code=diagnostic)).kind is kind


def test_a_failure_without_a_status_is_one() -> None:
    assert read_report(a_status(Action="failed")).kind is GAVE_UP


def test_a_group_without_an_action_is_judged_by_its_status() -> None:
    assert [read_report(a_status(Status=status)).kind for status in ("4.0.0", "5.1.1", "2.0.0")] == [
        DELAYED,
        FAILED,
        UNKNOWN,
    ]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Le destinataire est inconnu.", FAILED),
        ("Empfänger unbekannt", FAILED),
        ("Die Adresse wurde nicht gefunden, Benutzer ist unbekannt.", FAILED),
        ("Das Postfach des Empfängers ist voll.", GAVE_UP),
        ("El usuario no existe.", FAILED),
        ("La boîte de réception du destinataire est pleine.", GAVE_UP),
        ("收件人空間已滿:郵箱已滿", GAVE_UP),
        ("查无此人", FAILED),
        ("对方拒收了您的邮件", GAVE_UP),
        ("仍在尝试投递", DELAYED),
        ("Nothing that we know.", UNKNOWN),
        ("The digits of others: 55\u0660 and 5.1.\u0661", UNKNOWN),
        ("Nothing that we know.\n> 550 5.1.1 No such user, you wrote", UNKNOWN),
        ("Our version is 5.1.1.7 and the port 5500.", UNKNOWN),
        ("See no-such-user@elsewhere.example and https://elsewhere.example/mailbox-full", UNKNOWN),
    ],
)
def test_a_mail_server_is_understood_in_other_words(said: str, kind: ReportKind) -> None:
    mail = f"From: MAILER-DAEMON@mx.example\nTo: {BOUNCES}\nContent-Type: text/plain; charset=utf-8\n\n{said}\n"
    assert read_report(mail.encode()).kind is kind


@pytest.mark.parametrize("charset", ["gb18030", "gb2312", "x-nobody-knows", "punycode", ""])
def test_a_chinese_report_is_read_with_a_wrong_or_missing_charset(charset: str) -> None:
    """A Chinese report is read although its charset is wrong, unknown or missing."""
    head = f"From: postmaster@qq.example\nTo: {BOUNCES}\nContent-Type: text/html; charset={charset}\n\n"
    assert read_report(head.encode() + "<p>退信原因:收件人邮件地址不存在</p>".encode("gb18030")).kind is FAILED


@pytest.mark.parametrize(
    "sign",
    [
        "Auto-Submitted: auto-generated",
        "Auto-Submitted: auto-replied; owner-email=kim",
        "X-Autoreply: yes",
        "Precedence: bulk",
        "Precedence: junk",
        "Precedence: list",
        "Return-Path: <>",
        "X-Auto-Response-Suppress: OOF",
        "Subject: Abwesenheitsnotiz: bis Montag",
    ],
)
def test_each_sign_of_a_machine_makes_it_an_automatic_answer(sign: str) -> None:
    plain = f"From: kim@elsewhere.example\nTo: {BOUNCES}\n\nI am away; room 550, telephone 0421 5520.\n"
    assert read_report(plain.encode()).kind is UNKNOWN
    assert read_report(f"{sign}\n{plain}".encode()).kind is AUTO_REPLY


@pytest.mark.parametrize(
    "head",
    [
        "From: MAILER-DAEMON@mx.example\n",
        "From: Systemadministrator <x@elsewhere.example>\nContent-Type: multipart/report; report-type=delivery-status\n",
    ],
)
def test_a_mail_servers_words_that_are_not_understood_go_to_people(head: str) -> None:
    """A mail server's report in words that are not understood is of unknown kind and is left to a person."""
    mail = f"Return-Path: <>\n{head}To: {BOUNCES}\nSubject: consegna\n\nIl messaggio non e' stato recapitato.\n"
    assert read_report(mail.encode()).kind is UNKNOWN


@pytest.mark.parametrize(
    ("sender", "said"),
    [
        ("MDaemon at elsewhere.example <MDaemon@elsewhere.example>", "PERMANENT delivery failure: 550 5.1.1 unknown"),
        ("System Administrator <administrator@elsewhere.example>", "The account does not exist. <mx #5.1.1>"),
        ("Mail Delivery Service <noreply@elsewhere.example>", "It could not be delivered: user unknown"),
        ("系统退信 <bounce@elsewhere.example>", "您发送的邮件被退回，原因：收件人邮箱不存在。"),
        ("Courier mail server <@>", "cannot be delivered: <<< 550 User unknown."),
    ],
)
def test_a_failure_told_by_an_unknown_machine_goes_to_people(sender: str, said: str) -> None:
    """A failure that a sender without a mail server's usual name tells of is of unknown kind and is left to a
    person.
    """
    mail = f"Return-Path: <>\nFrom: {sender}\nTo: {BOUNCES}\nAuto-Submitted: auto-replied\n\n{said}\n"
    assert read_report(mail.encode()).kind is UNKNOWN


@pytest.mark.parametrize("kind", ["text/rfc822-headers", "application/octet-stream", "message/rfc822", "text/plain"])
def test_only_what_the_server_wrote_says_what_happened(kind: str) -> None:
    head = f"From: MAILER-DAEMON@mx.example\nTo: {BOUNCES}\nContent-Type: multipart/mixed; boundary=b\n\n"
    mail = f"{head}--b\n\nNon recapitato.\n--b\nContent-Type: {kind}\n\nSubject: no such user\n\n--b--\n"
    assert read_report(mail.encode()).kind is (FAILED if kind == "text/plain" else UNKNOWN)


@pytest.mark.parametrize(("recipients", "kind"), [(1, GAVE_UP), (2, FAILED)])
def test_words_about_one_recipient_of_several_are_nobodys(recipients: int, kind: ReportKind) -> None:
    groups = "\n".join("Action: failed\nStatus: 5.0.0\n" for _ in range(recipients))
    parts = f"--b\n\nThe mailbox is full.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: mx\n\n{groups}\n--b--\n"
    assert read_report(f"Content-Type: multipart/report; boundary=b\n\n{parts}".encode()).kind is kind


def test_a_returned_message_is_no_report_whatever_its_header_says() -> None:
    """A message that is returned is no report, even if its own header looks like one."""
    mail = f"To: {BOUNCES}\nContent-Type: message/rfc822\n\nAction: failed\nStatus: 5.1.1\n\nHello\n"
    assert read_report(mail.encode()).kind is UNKNOWN


def test_a_server_that_lists_who_failed_gave_up_in_whatever_words() -> None:
    mail = f"From: x@mx.example\nX-Failed-Recipients: kim@elsewhere.example\nTo: {BOUNCES}\n\nNon recapitato.\n"
    assert read_report(mail.encode()).kind is GAVE_UP


@pytest.mark.parametrize(
    "sign", ["Auto-Submitted: auto-generated (Vacation)", "X-Autoreply: yes", "X-Autorespond: yes", "X-Vacation: yes"]
)
def test_a_vacation_is_one_though_a_postmaster_takes_it(sign: str) -> None:
    mail = f"From: postmaster@elsewhere.example\nTo: {BOUNCES}\n\nNo such user before Monday.\n"
    assert read_report(mail.encode()).kind is FAILED
    assert read_report(f"{sign}\n{mail}".encode()).kind is AUTO_REPLY


@pytest.mark.parametrize(
    "said",
    [
        "Message delayed. Delivery will be reattempted. 451 4.7.1 try later",
        "Your message has not been delivered yet. Attempts continue. 450 4.2.0",
        "Zustellung verzögert. Es werden weitere Zustellversuche unternommen. 451 4.4.1",
        "La remise est retardée. 4.4.1",
        "邮件暂时无法投递,将重新尝试 451",
    ],
)
def test_a_delay_in_other_words_is_no_failure(said: str) -> None:
    mail = f"From: MAILER-DAEMON@mx.example\nTo: {BOUNCES}\nContent-Type: text/plain; charset=utf-8\n\n{said}\n"
    assert read_report(mail.encode()).kind is DELAYED


@pytest.mark.parametrize(
    "said",
    [
        "Delivery was delayed for five days and 451 4.4.1 is its end: I gave up.",
        "Message expired after it was delayed. 4.4.7",
        "It was delayed, and 550 5.1.1 is the answer.",
        "Delayed by 451 4.4.1, then the answer was 550 5.1.1.",
    ],
)
def test_a_delay_that_came_to_an_end_is_a_failure(said: str) -> None:
    mail = f"From: MAILER-DAEMON@mx.example\nTo: {BOUNCES}\n\n{said}\n"
    assert read_report(mail.encode()).kind in (FAILED, GAVE_UP)


def test_who_says_that_no_machine_wrote_is_believed() -> None:
    assert read_report(f"Auto-Submitted: no\nTo: {BOUNCES}\n\nHello\n".encode()).kind is UNKNOWN


def test_a_report_that_somebody_forwards_is_no_report() -> None:
    forwarded = b"From: kim@elsewhere.example\nContent-Type: message/rfc822\n\n" + MAILS["postfix_no_such_user"]
    assert read_report(forwarded, BOUNCES).kind is UNKNOWN


@pytest.mark.parametrize("sign", ["Return-Path: <>", "Auto-Submitted: auto-replied", "Content-Type: multipart/report"])
def test_what_comes_back_of_a_machines_answer_is_no_news_of_a_message(sign: str) -> None:
    head = f"From: MAILER-DAEMON@mx.example\nTo: {BOUNCES}\n\nNo such user.\n\n--- Below this line is a copy.\n\n"
    assert read_report(f"{head}Received: from us\nSubject: to you\n".encode()).kind is FAILED
    assert read_report(f"{head}Received: from us\n{sign}\n".encode()).kind is UNKNOWN


@pytest.mark.parametrize("stated", ["abuse", "Fraud", "opt-out"])
def test_who_reports_abuse_or_wants_no_more_complains(stated: str) -> None:
    report = read_report(MAILS["complaint_abuse"].replace(b"Feedback-Type: abuse", f"Feedback-Type: {stated}".encode()))
    assert (report.kind, report.detail) == (COMPLAINED, stated.lower())


@pytest.mark.parametrize("stated", ["virus", "other", "auth-failure", "dmarc", "kim@elsewhere.example"])
def test_only_people_complain(stated: str) -> None:
    report = read_report(MAILS["complaint_abuse"].replace(b"Feedback-Type: abuse", f"Feedback-Type: {stated}".encode()))
    assert (report.kind, report.detail) == (UNKNOWN, "" if "@" in stated else stated)


# Bytes that mean harm


def nested(kind: str, depth: int) -> bytes:
    layer = (
        "Content-Type: multipart/mixed; boundary=b{0}\n\n--b{0}\n" if kind == "multipart" else "Content-Type: {1}\n\n"
    )
    return "".join(layer.format(number, kind) for number in range(depth)).encode()


PARTS = b"Content-Type: multipart/mixed; boundary=b\n\n"
MAILER = b"From: MAILER-DAEMON@mx.example\nContent-Type: text/html; charset=utf-8\n\n"
STATUS = b"Content-Type: message/delivery-status\n\n"
BIG = 10_000_000
HOSTILE: dict[str, Callable[[], bytes]] = {
    "3000 levels of multiparts": lambda: nested("multipart", 3000),
    "3000 levels of messages": lambda: nested("message/rfc822", 3000),
    "as many levels as are read": lambda: nested("multipart", 30) + b"x\n" * BIG,
    "as many messages as are read": lambda: nested("message/rfc822", 30) + b"x\n" * BIG,
    "5000 parts": lambda: PARTS + b"--b\n\nx\n" * 5000,
    "digests of messages": lambda: b"Content-Type: multipart/digest; boundary=b\n\n" + b"--b\n\n" * 190,
    "10 MB of text": lambda: MAILER + b"user unknown 550 " * (BIG // 17),
    "10 MB in one line": lambda: MAILER + b"a" * BIG,
    "10 MB of empty lines": lambda: MAILER + b"\n" * BIG,
    "10 MB of carriage returns": lambda: MAILER + b"\r" * BIG,
    "10 MB of headers": lambda: b"To: x\n" * (BIG // 6),
    "one header of 10 MB": lambda: b"To: " + b"b+@," * (BIG // 4),
    "a type with 10 MB of parameters": lambda: b"Content-Type: text/plain" + b';a="' * (BIG // 4),
    "types that are just short enough": lambda: (
        PARTS + b"".join(b"--b\nContent-Type: text/plain" + b';a="' * 240 + b"\n\nx\n" for _ in range(200))
    ),
    "a folded type": lambda: b"Content-Type: text/plain" + b'\n ;a="' * 100_000,
    "subjects of encoded words": lambda: b"Subject: " + b"=?utf-8?q?=41?= " * 100_000 + b"\n\n",
    "broken base64": lambda: MAILER.replace(b"\n\n", b"\nContent-Transfer-Encoding: base64\n\n") + b"=A=" * BIG,
    "broken uuencode": lambda: (
        MAILER.replace(b"\n\n", b"\nContent-Transfer-Encoding: uuencode\n\n") + b"begin 666 a\n~~~\n"
    ),
    "open tags": lambda: MAILER + b"<a" * BIG,
    "styles": lambda: MAILER + b"<style" * (BIG // 6),
    "a character of many digits": lambda: MAILER + b"&#" + b"9" * 100_000 + b";",
    "addresses without an end": lambda: MAILER + b"a.b-c+d=e%" * (BIG // 10),
    "exceeded quotas": lambda: MAILER + b"exceed" * (BIG // 6),
    "100,000 recipients": lambda: STATUS + b"Action: failed\nStatus: 5.1.1\n\n" * 100_000,
    "dashes": lambda: MAILER + b"-" * BIG,
    "zeros": lambda: b"\0" * BIG,
    "a boundary that contradicts itself": lambda: b"Content-Type: multipart/mixed; boundary*=a; boundary*0=b\n\n",
    "a boundary in a strange charset": lambda: b"Content-Type: multipart/mixed; boundary*=idna''a%FF\n\n",
    "a boundary with a huge number": lambda: b"Content-Type: multipart/mixed; boundary*" + b"9" * 900 + b"=a\n\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_mail_that_means_harm_costs_little(name: str) -> None:
    raw = HOSTILE[name]()
    began = time.process_time()
    report = read_report(raw, BOUNCES)
    assert time.process_time() - began < 2
    assert report.token == TOKEN
    assert _peak(raw) < 100_000_000


def _peak(raw: bytes) -> int:
    """The most bytes that reading takes beyond the mail itself."""
    tracemalloc.start()
    try:
        read_report(raw)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["3000 levels of multiparts", "3000 levels of messages", "5000 parts"])
def test_a_mail_that_is_built_to_be_costly_is_not_read(name: str) -> None:
    hostile = HOSTILE[name]() + MAILS["postfix_no_such_user"]
    assert read_report(hostile, BOUNCES) == MailReport(UNKNOWN, TOKEN)


def test_a_report_that_returns_a_very_long_message_is_read() -> None:
    mail = MAILS["postfix_no_such_user"] + base64.encodebytes(random.Random(1).randbytes(3_000_000))
    assert read_report(mail) == READ["postfix_no_such_user"]


@given(st.binary(max_size=2000), st.text(max_size=50))
def test_no_bytes_make_it_raise(raw: bytes, delivered_to: str) -> None:
    assert read_report(raw, delivered_to).kind in ReportKind


HEADS = [b"Content-Type: ", b"Content-Transfer-Encoding: ", b"From: ", b"To: ", b"Subject: ", b"Return-Path: "]
VALUES = [
    b"multipart/report; boundary=b",
    b"multipart/mixed; boundary*0*=b",
    b"message/delivery-status",
    b"message/rfc822",
    b"message/feedback-report",
    b"text/html; charset=gbk",
    b"text/rfc822-headers",
    b"base64",
    b"quoted-printable",
    b"x-uuencode",
    b"postmaster",
    b"=?gbk?b?zdA=?=",
    b"=?x?q?=ff?=",
    b"<>",
    b"\xff\xfe",
]
OTHERS = [b"\n", b"\n\n", b"\r", b"--b\n", b"--b--\n", b"Action: failed\n", b"Status: 5.1.1\n", b"begin 666 a\n", b"\0"]


@given(st.lists(st.one_of(st.sampled_from([*HEADS, *VALUES, *OTHERS]), st.binary(max_size=8)), max_size=60))
def test_no_pieces_of_mail_in_any_order_make_it_raise(pieces: list[bytes]) -> None:
    assert read_report(b"".join(pieces)).kind in ReportKind


@given(
    st.sampled_from(sorted(MAILS)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6), st.integers(0, 40)), max_size=8),
)
def test_no_change_to_a_real_report_raises_or_names_a_person(
    name: str, changes: list[tuple[float, bytes, int]]
) -> None:
    """No random change to a real report makes the reading raise an error, or puts an address into what is recorded."""
    raw = MAILS[name]
    for where, put, cut in changes:
        place = int(where * len(raw))
        raw = raw[:place] + put + raw[place + cut :]
    report = read_report(raw)
    assert "@" not in report.detail + report.status


@given(st.sampled_from(sorted(MAILS)), st.floats(0, 1))
def test_a_report_that_is_cut_off_never_tells_of_another_message(name: str, share: float) -> None:
    raw = MAILS[name]
    assert read_report(raw[: int(share * len(raw))]).token in ("", TOKEN)


@given(st.text("0123456789abcdef", min_size=32, max_size=32), st.sampled_from(["To", "Delivered-To", "X-Original-To"]))
def test_any_token_comes_back_from_any_field_that_names_the_recipient(token: str, name: str) -> None:
    mail = f'{name}: "Bounces, of ours" <b+{token}@bounces.company.example>, other@company.example\n\n'
    assert read_report(mail.encode()).token == token
