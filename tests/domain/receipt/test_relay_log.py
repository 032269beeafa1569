"""A message that a log names has not left for that; what counts is whether the relay took it."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from amends.domain.receipt.dsn import ReportKind
from amends.domain.receipt.relay_log import RelayLog, read_relay_logs

LOGS = Path(__file__).parents[2] / "data" / "relay_logs"
POSTFIX = (LOGS / "postfix_3_10.log").read_bytes().splitlines(keepends=True)
SENDMAIL = (LOGS / "sendmail_8_18.log").read_bytes().splitlines(keepends=True)
OPENSMTPD = (LOGS / "opensmtpd_7_6.log").read_bytes().splitlines(keepends=True)
EXIM = (LOGS / "exim_4_97.log").read_bytes().splitlines(keepends=True)
KEY, OTHER = "4ce821ef6583365ec4a70edb81c2cc8a", "0123456789abcdef0123456789abcdef"

LEFT = {
    "short": {
        "ok": "4a5a705bc86d9609506dc146f4d572fd",
        "gone": "bbc006d1a579d6b6cda0297df3d7670a",
        "later": "2ea68d49386d65a0ce79dfcba2cedd1d",
    },
    "long": {
        "ok": "82e0d6ea0c20d84b9b104912bdddc324",
        "gone": "01be24dbf9ad460575f483eb5dabbe27",
        "later": "6a3c26887836d0d160ed619e79daaa52",
    },
}
REFUSED = {
    "18d1d791fc5d127813978a1dabe4fdc8",
    "379f79cc897c4c334d6d0be86427b21f",
    "b005af6c8d5279c2ccd2592fcf503715",
    "936aec4c3d18fe9a8760fcdfa83a7b5d",
    "15d7cf4a708e80222f9a296dacb7527b",
    "45fcc72b5b7e9578a9f284273fddfe99",
}
HELD_OR_DISCARDED = {
    "9c0ccdb775e0cde7ec5016a9fa854edd",
    "97a3e98a3cdb47b3c485b5dd4174fd59",
    "3680c627bee4779651ec41f0e5172f99",
    "fb0afa8e4339e9c9b6578ea048b7c02e",
}
ALL_LEFT = {key for keys in LEFT.values() for key in keys.values()}

CLASSIC = re.compile(rb"Nov 27 (\S+) relay (\S+)\[(\d+)\]: (.*)")


def iso(line: bytes) -> bytes:
    return CLASSIC.sub(rb"2026-11-27T\1.123456+00:00 relay \2[\3]: \4", line)


def rfc5424(line: bytes) -> bytes:
    return CLASSIC.sub(rb"<22>1 2026-11-27T\1.123456Z relay \2 \3 - - \4", line)


def solaris(line: bytes) -> bytes:
    return CLASSIC.sub(rb"Nov 27 \1 relay \2[\3]: [ID 197553 mail.info] \4", line)


def journal(line: bytes) -> bytes:
    found = CLASSIC.match(line)
    assert found
    values = {"SYSLOG_IDENTIFIER": found[2].decode(), "_PID": found[3].decode(), "MESSAGE": found[4].decode()}
    return json.dumps(values).encode() + b"\n"


def two_instances(line: bytes) -> bytes:
    return line.replace(b" postfix/", b" postfix-out/").replace(b"/smtpd[", b"/submission/smtpd[")


def read(*logs: Iterable[bytes]) -> RelayLog:
    return read_relay_logs(logs)


def postfix(*entries: str) -> list[bytes]:
    """Lines of a Postfix, each from its program's name on."""
    return [f"Nov 27 20:53:17 relay postfix/{entry}\n".encode() for entry in entries]


def outcome(log: RelayLog, key: str = KEY) -> str:
    return next((name for name in ("left", "refused", "unclear") if key in getattr(log, name)), "not named")


NAMED = f"cleanup[2]: 6D569B06588: message-id=<{KEY}@shop.example>"
BEGUN = "smtpd[1]: 6D569B06588: client=app.shop.example[192.0.2.7]"
ACTIVE = "qmgr[3]: 6D569B06588: from=<b+1@bounces.shop.example>, size=21323, nrcpt=1 (queue active)"
SENT = (
    "smtp[4]: 6D569B06588: to=<ann@mail.example>, relay=mx.mail.example[192.0.2.9]:25, delay=1, dsn=2.0.0, status=sent"
)
BOUNCED = SENT.replace("2.0.0, status=sent", "5.1.1, status=bounced (no such user)")
REMOVED, CANCELED = "qmgr[3]: 6D569B06588: removed", "cleanup[2]: 6D569B06588: removed (canceled)"
EARLIER = "cleanup[2]: 6D569B06588: canceled"
"""As Postfix 3.10 said it while it was being made."""
GREYLISTED = (
    "cleanup[2]: 6D569B06588: milter-reject: END-OF-MESSAGE from app.shop.example[192.0.2.7]: 4.7.1 Greylisting in "
    "action; from=<b+1@bounces.shop.example> to=<ann@mail.example> proto=ESMTP helo=<app.shop.example>"
)
REFUSED_AT_THE_END = (
    "smtpd[1]: 6D569B06588: reject: END-OF-MESSAGE from app.shop.example[192.0.2.7]: 451 4.7.1 greylisted; "
    "from=<b+1@bounces.shop.example> to=<ann@mail.example> proto=ESMTP helo=<app.shop.example>"
)


@pytest.mark.parametrize("style", [bytes, iso, rfc5424, solaris, journal, two_instances])
def test_what_postfix_took_has_left_and_what_it_gave_up_has_not(style: Callable[[bytes], bytes]) -> None:
    log = read(map(style, POSTFIX))
    assert (log.left, log.refused, log.unclear) == (ALL_LEFT, REFUSED, HELD_OR_DISCARDED)


def test_what_came_back_is_told_with_its_code() -> None:
    told = {key: (report.kind, report.status, report.detail) for key, report in read(POSTFIX).came_back.items()}
    failed = ReportKind.FAILED
    assert told == {
        LEFT["short"]["gone"]: (failed, "5.1.1", "5.1.1"),
        LEFT["short"]["later"]: (failed, "5.0.0", "5.0.0"),
        LEFT["long"]["gone"]: (failed, "5.1.1", "5.1.1"),
        LEFT["long"]["later"]: (failed, "5.0.0", "5.0.0"),
    }


def test_what_the_next_server_said_is_taken_for_a_code_that_says_more() -> None:
    said = SENT.replace("2.0.0, status=sent", "5.0.0, status=bounced (host mx said: 550 5.2.2 <a@b.example> full)")
    assert read(postfix(NAMED, ACTIVE, said)).came_back[KEY].detail == "550 5.2.2"


def test_what_took_too_long_came_back_too() -> None:
    gave_up = ACTIVE.replace("size=21323, nrcpt=1 (queue active)", "status=expired, returned to sender")
    log = read(postfix(NAMED, ACTIVE, gave_up))
    assert (outcome(log), log.came_back[KEY].kind) == ("left", ReportKind.GAVE_UP)


def test_words_about_a_bounce_in_a_delay_are_no_bounce() -> None:
    delayed = SENT.replace("2.0.0, status=sent", "4.0.0, status=deferred (host said: 451 later, status=bounced (x))")
    assert read(postfix(NAMED, ACTIVE, delayed)).came_back == {}


def test_a_bounce_is_the_persons_only_where_nobody_else_got_the_mail() -> None:
    archive = BOUNCED.replace("ann@mail.example", "archive@shop.example")
    assert read(postfix(NAMED, ACTIVE.replace("nrcpt=1", "nrcpt=2"), archive, SENT)).came_back == {}
    assert read(postfix(NAMED, ACTIVE.replace("nrcpt=1", "nrcpt=2"), ACTIVE, archive)).came_back == {}
    assert read(postfix(NAMED, archive)).came_back == {}


@pytest.mark.parametrize(
    "address",
    [
        "status=bounced@b.org",
        "a, status=bounced@b.org",
        '"x>, dsn=5.0.0, status=bounced"@b.org',
        "a@b.org>, orig_to=<dsn=5.0.0, status=bounced@b.org",
    ],
)
def test_an_address_that_reads_like_a_bounce_is_none(address: str) -> None:
    assert read(postfix(NAMED, ACTIVE, SENT.replace("ann@mail.example", address))).came_back == {}


def test_a_bounce_to_an_address_of_quotes_and_aliases_is_heard() -> None:
    address = '"ann > \\"bee\\""@mail.example>, orig_to=<ann'
    assert KEY in read(postfix(NAMED, ACTIVE, BOUNCED.replace("ann@mail.example", address))).came_back


def again(*entries: str) -> list[str]:
    """The same lines about a further queue id of the message."""
    return [entry.replace("6D569B06588", "6D569B06599") for entry in entries]


def test_a_bounce_of_a_first_try_is_void_when_a_later_one_arrived() -> None:
    """A bounce of a first try does not stay when a later try was delivered, in whichever order the lines come.

    It stays while the later try has no end.
    """
    first, second = (NAMED, ACTIVE), again(NAMED, ACTIVE)
    assert read(postfix(*first, BOUNCED, REMOVED, *second, *again(SENT))).came_back == {}
    assert read(postfix(*first, *second, *again(SENT), BOUNCED)).came_back == {}
    assert read(postfix(*first, BOUNCED, *second)).came_back.keys() == {KEY}


def test_a_bounce_after_a_filter_is_told_in_any_order_of_lines() -> None:
    """A message that a content filter took and that then came back is told as bounced, whichever line comes first."""
    first, second = (NAMED, ACTIVE), again(NAMED, ACTIVE)
    assert read(postfix(*first, *second, SENT, *again(BOUNCED))).came_back.keys() == {KEY}
    assert read(postfix(*first, *second, *again(BOUNCED), SENT)).came_back.keys() == {KEY}


@pytest.mark.parametrize("entries", [(ACTIVE,), (SENT,), (ACTIVE, SENT, REMOVED)])
def test_one_line_of_its_life_in_the_queue_is_enough(entries: tuple[str, ...]) -> None:
    assert outcome(read(postfix(BEGUN, NAMED, *entries))) == "left"


@pytest.mark.parametrize(
    "entries", [(NAMED, CANCELED), (NAMED, EARLIER), (NAMED, GREYLISTED), (REFUSED_AT_THE_END, NAMED)]
)
def test_what_was_given_up_or_refused_at_its_end_has_not_left(entries: tuple[str, ...]) -> None:
    assert outcome(read(postfix(BEGUN, *entries))) == "refused"


def test_a_cut_connection_in_an_older_postfix_is_unclear() -> None:
    """Older versions of Postfix do not log what became of a message whose connection was cut, so the message is
    unclear.
    """
    assert outcome(
        read(postfix(BEGUN, NAMED, "smtpd[1]: lost connection after DATA (99 bytes) from a[192.0.2.7]"))
    ) == ("unclear")


def test_what_was_refused_first_and_taken_later_has_left() -> None:
    again = [entry.replace("6D569B06588", "6D569B06599") for entry in (BEGUN, NAMED, ACTIVE)]
    assert outcome(read(postfix(BEGUN, NAMED, GREYLISTED, *again))) == "left"
    assert outcome(read(postfix(*again, BEGUN, NAMED, GREYLISTED))) == "left"


def test_refused_once_and_perhaps_taken_once_is_unclear() -> None:
    """A message that was refused at one try, and may have been taken at another, is unclear."""
    again = [entry.replace("6D569B06588", "6D569B06599") for entry in (BEGUN, NAMED)]
    assert outcome(read(postfix(BEGUN, NAMED, GREYLISTED, *again))) == "unclear"


def test_a_queue_id_that_comes_again_is_another_message() -> None:
    others = NAMED.replace(KEY, "20261127205317.somebody")
    assert outcome(read(postfix(BEGUN, NAMED, BEGUN, others, ACTIVE))) == "unclear"
    assert outcome(read(postfix(NAMED, others, ACTIVE))) == "unclear"
    assert outcome(read(postfix(NAMED, REMOVED, ACTIVE))) == "unclear"
    second = read(postfix(BEGUN, NAMED, ACTIVE, REMOVED, BEGUN, NAMED.replace(KEY, OTHER), CANCELED))
    assert (outcome(second), outcome(second, OTHER)) == ("left", "refused")


def test_nor_does_an_old_refusal_count_for_who_gets_the_queue_id_next() -> None:
    assert outcome(read(postfix(REFUSED_AT_THE_END, BEGUN, NAMED, ACTIVE))) == "left"


def test_a_life_goes_on_in_the_next_log() -> None:
    assert outcome(read(postfix(BEGUN, NAMED), postfix(ACTIVE, NAMED.replace("6D", "7E").replace(KEY, "x")))) == "left"


def test_lines_in_no_order_that_could_be_are_unclear() -> None:
    assert outcome(read(postfix(ACTIVE, SENT, NAMED))) == "unclear"


def test_what_strangers_can_write_into_a_line_is_no_line_of_postfix() -> None:
    subject = f"cleanup[2]: 7D569B06588: warning: header Subject: {ACTIVE.split(': ', 1)[1]}"
    assert outcome(read(postfix(NAMED, subject))) == "unclear"


def test_the_token_in_an_address_for_bounces_is_no_message() -> None:
    active = ACTIVE.replace("b+1@", f"b+{OTHER}@")
    assert outcome(read(postfix(active, active)), OTHER) == "not named"


def test_another_program_in_the_log_of_a_postfix_proves_nothing() -> None:
    passed = [f"Nov 27 20:53:17 relay amavis[9]: (1) Passed CLEAN, Message-ID: <{KEY}@shop.example>\n".encode()]
    assert outcome(read([*postfix(NAMED.replace(KEY, OTHER)), *passed])) == "unclear"
    assert outcome(read([*passed, *postfix(BEGUN, NAMED, CANCELED)])) == "refused"


def test_any_other_log_tells_by_naming_it_but_for_a_refusal() -> None:
    log = read(EXIM)
    assert log.left == {LEFT["short"]["ok"]}
    assert log.refused == {"18d1d791fc5d127813978a1dabe4fdc8"}


@pytest.mark.parametrize(
    "line",
    [
        f'{{"event": "delivered", "message-id": "{KEY}@shop.example"}}',
        f'{{"event":"delivered","smtp-id":"\\u003c{KEY}@shop.example\\u003e"}}',
        f"2026-11-27,delivered,{KEY}@shop.example",
        f"2026-11-27,bounced,{KEY}@shop.example,550 recipient rejected",
    ],
)
def test_names_of_messages_are_found_with_and_without_angle_brackets(line: str) -> None:
    assert outcome(read([line.encode()])) == "left"


@pytest.mark.parametrize(
    "line",
    [
        f'{{"event": "rejected", "id": "{KEY}@x.example"}}',
        f'{{"event":"Rejected","id":"{KEY}@x.example"}}',
        f"1,rejected,{KEY}@x.example",
        f'{{"event":"dropped","reason":"Bounced Address","smtp-id":"<{KEY}@x.example>"}}',
    ],
)
def test_what_a_provider_rejected_has_not_left(line: str) -> None:
    assert outcome(read([line.encode()])) == "refused"


EXIM_REFUSED = (
    "2026-11-27 20:40:02 1vOabd-000000001Ac-1abc H=app [192.0.2.7] F=<b+1@x.example> rejected after DATA: spam"
)
EXIM_TOOK = f"2026-11-27 20:45:02 1vOabe-000000001Ad-1abc <= b+1@x.example H=app P=esmtp S=9 id={KEY}@shop.example"
SPAMD = f"Nov 27 20:40:02 relay spamd[7]: spamd: result: Y 9 - size=1,user=x,mid=<{KEY}@shop.example>,autolearn=no"
REJECTLOG = [
    EXIM_REFUSED,
    "Envelope-from: <b+1@x.example>",
    "P Received: from app",
    f"I Message-ID: <{KEY}@shop.example>",
]


def plain(*lines: str) -> list[bytes]:
    return [f"{line}\n".encode() for line in lines]


def test_what_exim_refused_was_not_sent_despite_its_rejectlog() -> None:
    """A message that Exim refused was not sent, although its rejectlog shows the header of the message."""
    refused = plain(f"{EXIM_REFUSED} id={KEY}@shop.example")
    assert outcome(read(refused, plain(*REJECTLOG))) == "refused"
    assert outcome(read(plain(*REJECTLOG), refused)) == "refused"
    in_syslog = [f"Nov 27 20:40:02 relay exim[7]: [{n}/4] {line}" for n, line in enumerate(REJECTLOG, 1)]
    assert outcome(read(refused, plain(*in_syslog))) == "refused"


def test_a_rejectlog_alone_does_not_say_that_anything_left() -> None:
    assert outcome(read(plain(*REJECTLOG))) == "unclear"


def test_exim_refuses_while_it_reads_the_parts_of_a_mail_too() -> None:
    line = EXIM_REFUSED.replace("rejected after DATA", "rejected during MIME ACL checks")
    assert outcome(read(plain(f"{line} id={KEY}@shop.example"))) == "refused"


def test_what_exim_refused_and_another_program_names_is_unclear() -> None:
    assert outcome(read(plain(f"{EXIM_REFUSED} id={KEY}@shop.example", SPAMD))) == "unclear"
    assert outcome(read(plain(SPAMD), plain(f"{EXIM_REFUSED} id={KEY}@shop.example"))) == "unclear"


def test_what_exim_refused_once_and_took_later_has_left() -> None:
    assert outcome(read(plain(f"{EXIM_REFUSED} id={KEY}@shop.example", EXIM_TOOK))) == "left"
    assert outcome(read(plain(f"{EXIM_REFUSED} id={KEY}@shop.example", SPAMD), plain(EXIM_TOOK))) == "left"


EXIM_CONFUSED = (
    '2026-11-27 20:45:02 SMTP protocol synchronization error (next input sent too soon): rejected "From: a@x.example" '
    f'H=(app) [192.0.2.7] next input="To: b@x.example\\r\\nMessage-ID: <{KEY}@shop.example>\\r\\n"'
)


@pytest.mark.parametrize("line", [SPAMD, EXIM_CONFUSED])
def test_another_line_in_the_log_of_an_exim_proves_nothing(line: str) -> None:
    assert outcome(read(plain(EXIM_TOOK.replace(KEY, OTHER), line))) == "unclear"
    assert outcome(read(plain(line, EXIM_TOOK))) == "left"


def sendmail(queue_id: str, *entries: str) -> list[bytes]:
    return [f"Nov 27 20:53:17 relay sm-mta[9]: {queue_id}: {entry}\n".encode() for entry in entries]


def of_sendmail(*ends: str) -> set[str]:
    return {f"02603000000000000000000000000{end}" for end in ends}


@pytest.mark.parametrize("style", [bytes, iso, rfc5424, solaris, journal])
def test_what_sendmail_queued_was_sent_and_what_it_only_read_was_not(style: Callable[[bytes], bytes]) -> None:
    """A message that Sendmail had in its queue was sent.

    A message that it read and refused was not, and the fate of any other one is unclear, in each style of log.
    """
    log = read(map(style, SENDMAIL))
    assert log.left == of_sendmail("a06", "a07", "d01")
    assert log.refused == of_sendmail("a01", "a02", "a04", "f01")
    assert log.unclear == of_sendmail("a03", "e01", "f04", "f05")


READ = f"from=<b+1@x.example>, size=9, class=0, nrcpts=1, msgid=<{KEY}@shop.example>, proto=ESMTP"
MILTER = "Milter: data, reject=451 4.7.1 Greylisting in action"
GOES_ON = "to=<ann@mail.example>, delay=00:00:01, xdelay=00:00:01, mailer=esmtp, pri=9, dsn=2.0.0, stat=Sent (ok)"
HELD = "to=<ann@mail.example>, delay=00:00:00, mailer=esmtp, pri=9, quarantine=spam, stat=quarantined"
ENDS_THERE = "to=<ann@mail.example>, delay=00:00:00, pri=9, stat=no, mailer=esmtp, stat=Sent"


@pytest.mark.parametrize(
    ("entries", "is_then"),
    [
        ((READ,), "unclear"),
        ((READ, GOES_ON), "left"),
        ((READ, ENDS_THERE), "refused"),
        ((READ, MILTER), "unclear"),
        ((READ, MILTER, ENDS_THERE), "refused"),
        ((READ, HELD), "unclear"),
        ((READ, HELD, GOES_ON), "left"),
        ((GOES_ON, READ), "unclear"),
    ],
)
def test_what_follows_the_name_of_a_message_in_sendmails_log_tells(entries: tuple[str, ...], is_then: str) -> None:
    assert outcome(read(sendmail("4ARKrH1a", *entries))) == is_then


def test_what_sendmail_refused_once_and_took_another_time_has_left() -> None:
    refused, taken = sendmail("4ARKrH1a", READ, ENDS_THERE), sendmail("4ARKrH1b", READ, GOES_ON)
    assert outcome(read([*refused, *taken])) == "left"
    assert outcome(read([*taken, *refused])) == "left"
    assert outcome(read([*refused, *sendmail("4ARKrH1b", READ)])) == "unclear"


def test_another_program_in_the_log_of_a_sendmail_proves_nothing() -> None:
    others = sendmail("4ARKrH1b", READ.replace(KEY, OTHER), GOES_ON)
    assert outcome(read([*others, *plain(SPAMD)])) == "unclear"
    assert outcome(read([*plain(SPAMD), *sendmail("4ARKrH1a", READ, ENDS_THERE)])) == "refused"


@pytest.mark.parametrize("style", [bytes, iso, rfc5424, solaris, journal])
def test_what_opensmtpd_took_it_tells_by_the_bounce_address_alone(style: Callable[[bytes], bytes]) -> None:
    log = read(map(style, OPENSMTPD))
    assert (log.tokens, log.names_any) == ({"a" * 32, f"ad{'a' * 30}"}, False)


@pytest.mark.parametrize("style", [bytes, iso, rfc5424, solaris, journal])
def test_so_does_a_postfix_whose_line_with_the_name_was_lost(style: Callable[[bytes], bytes]) -> None:
    lost = [line for line in POSTFIX if b"message-id=" not in line]
    log = read(map(style, lost))
    assert (len(log.tokens), log.names_any, read(map(style, POSTFIX)).tokens) == (len(ALL_LEFT), False, set())


def test_what_strangers_write_is_no_line_of_a_queue() -> None:
    words = f"7FFF999: from=<b+{OTHER}@shop.example>, size=9, nrcpt=1 (queue active)"
    assert not read(postfix(f"cleanup[2]: 6D569B06588: warning: header Subject: {words} from a[192.0.2.7]")).tokens


def test_another_program_in_the_log_of_an_opensmtpd_proves_nothing() -> None:
    assert outcome(read([*OPENSMTPD, *plain(SPAMD)])) == "unclear"


def test_a_refusal_among_many_messages_on_one_line_is_of_none_of_them() -> None:
    line = f'[{{"event": "rejected", "id": "{OTHER}@x.example"}}, {{"event": "accepted", "id": "{KEY}@x.example"}}]'
    assert read([line.encode()]).left == {KEY, OTHER}


def test_where_two_relays_differ_a_person_decides() -> None:
    elsewhere = [f"2026-11-27,delivered,{KEY}@shop.example\n".encode()]
    assert outcome(read(postfix(BEGUN, NAMED, CANCELED), elsewhere)) == "unclear"
    assert outcome(read(postfix(BEGUN, NAMED, ACTIVE), elsewhere)) == "left"


def test_a_log_without_messages_names_none() -> None:
    assert not read([b"root:x:0:0:root:/root:/bin/bash\n", b"\xff\0\n"], []).names_any


@pytest.mark.parametrize(
    ("line", "has_gaps"),
    [
        ("rsyslogd[8]: imjournal: 5000 messages lost due to rate-limiting (20000 allowed within 600 seconds)", True),
        ("rsyslogd: imuxsock[pid 123]: begin to drop messages due to rate-limiting", True),
        ("rsyslogd: imuxsock[pid: 5, name: /x] from <x:5>: 100 messages lost due to rate-limiting (200 allowed)", True),
        ("rsyslogd-2177: imuxsock lost 300 messages from pid 123 due to rate-limiting", True),
        ("rsyslogd 8 - - imjournal: 5000 messages lost due to rate-limiting", True),
        ("systemd-journald[9]: Suppressed 1234 messages from postfix@-.service", True),
        ("journal: Suppressed 1234 messages from /system.slice/postfix.service", True),
        ("systemd-journald[9]: Suppressed 1234 messages from kubelet.service", False),
    ],
)
def test_a_log_may_say_itself_that_it_has_gaps(line: str, has_gaps: bool) -> None:
    assert read([f"Nov 27 20:53:17 relay {line}\n".encode(), *POSTFIX]).has_gaps is has_gaps


def test_so_may_one_in_json() -> None:
    lost = "Nov 27 20:53:17 relay systemd-journald[9]: Suppressed 1234 messages from postfix@-.service"
    assert read([journal(lost.encode())]).has_gaps


@pytest.mark.parametrize(
    "words",
    [
        "421-4.7.28 unusual rate; rate-limiting your IP",
        "421 rsyslogd: 5 messages lost due to rate-limiting",
        "421 systemd-journald[9]: Suppressed 5 messages from postfix.service",
    ],
)
@pytest.mark.parametrize("style", [bytes, iso, rfc5424, solaris, journal])
def test_what_strangers_say_of_limits_is_no_gap(style: Callable[[bytes], bytes], words: str) -> None:
    entries = (
        f"smtp[4]: 7FFF999: to=<al@mail.example>, relay=g[1]:25, dsn=4.7.28, status=deferred (host g said: {words})",
        f"cleanup[2]: 7FFF999: warning: header Subject: {words} from g[1]; from=<x@mail.example>",
        f"smtpd[2]: NOQUEUE: reject: RCPT from g[1]: {words}",
    )
    assert not read(map(style, postfix(*entries))).has_gaps
