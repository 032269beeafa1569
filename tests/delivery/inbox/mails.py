"""Mails that people write in reply to a message, and hostile ones, made from a seed."""

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.identifiers import bounce_address
from amends.domain.channel.message import Receipt, Status
from amends.ledger import Claim, Ledger
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, approved

STRANGER = "stranger@elsewhere.example"


def told(ledger: Ledger, people: int = 3) -> tuple[Claim, ...]:
    """Everybody got the first notice by email; the last person reads Chinese."""
    everybody = [a_person(number=n, locale="zh-CN" if n == people else "en") for n in range(1, people + 1)]
    approved(ledger, everybody, cascade=(), next_news_at=None)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    sent: list[Claim] = []
    while claims := ledger.deliveries.claim(INCIDENT, NOTICE, tuple(ChannelKind), 100, NOW):
        ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
        answers = [(claim, Receipt(claim.key, Status.SENT)) for claim in claims]
        ledger.deliveries.record((), answers, INCIDENT, NOTICE, NOW)
        ledger.deliveries.end_leases(sorted({claim.lease for claim in claims}), {}, INCIDENT, NOTICE, NOW)
        sent += [claim for claim in claims if claim.channel is ChannelKind.EMAIL]
    return tuple(sorted(sent, key=lambda one: one.about.number if one.about else 0))


def a_reply(
    message: Claim, words: str = "Is my card safe?", *lines: str, sender: str = "", answers: str = "", name: str = "1"
) -> bytes:
    assert message.to
    head = (
        f"From: {sender or message.to.email}",
        "To: help@betapai.example",
        "Subject: Re: Your data",
        f"Message-ID: <{name}@mail.example>",
        f"In-Reply-To: <{answers or message.key}@betapai.example>",
        *lines,
        "Content-Type: text/plain; charset=utf-8",
    )
    return "\n".join((*head, "", words, "", "> Dear Kim,", "> we write", "")).encode()


@dataclass(frozen=True)
class Attacker:
    """Somebody who has a mail that was forwarded, and means harm; no mail of theirs may change anything."""

    chance: random.Random
    mine: Claim
    """A message whose tokens and Message-ID the attacker has."""
    victim: Claim
    number: int

    @property
    def head(self) -> str:
        return f"From: {STRANGER}\nTo: help@betapai.example\nSubject: Hello {self.number}\nMessage-ID: <h{self.number}@x>\n"

    def words(self, most: int = 40) -> str:
        letters = "stop STOP 退订 \u202e\u0000é<>&;\"'%\n> = <b>".split(" ")
        return " ".join(self.chance.choice(letters) for _ in range(self.chance.randint(0, most)))

    def noise(self, most: int = 3000) -> bytes:
        return self.chance.randbytes(self.chance.randint(0, most))

    def text(self, body: str, *lines: str) -> bytes:
        return (self.head + "".join(f"{line}\n" for line in lines) + f"\n{body}\n").encode(errors="surrogatepass")


def forged_bounce(by: Attacker) -> bytes:
    token = by.chance.choice([by.chance.randbytes(16).hex(), by.victim.bounce[::-1], "0" * 32])
    return _report(by, bounce_address(token, "b.example"), by.victim.key)


def contradicting_bounce(by: Attacker) -> bytes:
    return _report(by, bounce_address(by.mine.bounce, "b.example"), by.victim.key)


def _report(by: Attacker, to: str, key: str) -> bytes:
    return (
        f"From: MAILER-DAEMON@x.example\nReturn-Path: <>\nTo: {to}\nSubject: Undelivered {by.number}\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nno such user\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"
        f"Final-Recipient: rfc822; kim1@mail.example\nAction: failed\nStatus: 5.1.1\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <{key}@betapai.example>\n\n--b--\n"
    ).encode()


def forged_complaint(by: Attacker) -> bytes:
    token = by.chance.randbytes(16).hex()
    return (
        f"From: abuse@x.example\nTo: fbl@betapai.example\nSubject: complaint {by.number}\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n\nspam\n"
        "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n"
        f"Original-Mail-From: <{bounce_address(token, 'b.example')}>\n\n"
        f"--b\nContent-Type: message/rfc822\n\nMessage-ID: <{by.victim.key}@betapai.example>\n\nx\n--b--\n"
    ).encode()


def stop_with_another_s_message(by: Attacker) -> bytes:
    return a_reply(by.victim, "stop", sender=STRANGER, name=f"h{by.number}")


def stop_to_another_s_address(by: Attacker) -> bytes:
    to = bounce_address(by.victim.bounce, "b.example")
    return f"From: {STRANGER}\nTo: {to}\nSubject: stop\nMessage-ID: <h{by.number}@x>\n\nstop\n".encode()


def stop_in_another_s_name(by: Attacker) -> bytes:
    assert by.victim.to
    return f"From: {by.victim.to.email}\nSubject: stop\nMessage-ID: <h{by.number}@x>\n\nstop\n".encode()


def stop_in_one_s_name_with_another_s_message(by: Attacker) -> bytes:
    assert by.victim.to
    return a_reply(by.mine, "stop", sender=by.victim.to.email or "", name=f"h{by.number}")


def stop_with_a_link(by: Attacker) -> bytes:
    return by.text(f"stop\n\n> https://betapai.example/p/{by.victim.link}")


def stop_of_several(by: Attacker) -> bytes:
    assert by.victim.to
    senders = by.chance.choice(
        [
            f"{STRANGER}, {by.victim.to.email}",
            f'"{by.victim.to.email}" <{STRANGER}>',
            f"{by.victim.to.email}\nFrom: {STRANGER}",
            f"=?utf-8?q?{by.victim.to.email}?= <{STRANGER}>",
        ]
    )
    return a_reply(by.victim, "stop", sender=senders, name=f"h{by.number}")


def machine(by: Attacker) -> bytes:
    """An automatic answer from the person's own address, to a message of ours, that holds the word stop."""
    line = by.chance.choice(
        [
            "Auto-Submitted: auto-replied",
            "Precedence: bulk",
            "X-Autoreply: yes",
            "Return-Path: <>",
            "List-Id: <a.b>",
            "X-Auto-Response-Suppress: All",
            "Auto-Submitted: auto-generated",
        ]
    )
    return a_reply(by.victim, "stop", line, name=f"h{by.number}")


def header_injection(by: Attacker) -> bytes:
    line = by.chance.choice(
        [
            "Subject: =?utf-8?q?x=0D=0ABcc:_kim2=40mail.example?=",
            "References: <a@b>\r\n\tBcc: kim2@mail.example",
            "Reply-To: kim2@mail.example\r\nBcc: kim3@mail.example",
            "References: <a\x00b@c>\x0b<d@e\x7f>",
        ]
    )
    return by.text(by.words(), line)


def huge_headers(by: Attacker) -> bytes:
    name = by.chance.choice(["References", "Subject", "X-Filler", "From", "Content-Type", "In-Reply-To"])
    filler = by.chance.choice(["<a@b> ", "a", "=?utf-8?b?", "a;b=c;", "\n ", "a*0*=b;"])
    return f"{by.head}{name}: {filler * (200_000 // len(filler))}\n\nhello\n".encode()


def nested(by: Attacker) -> bytes:
    depth = by.chance.choice([5, 29, 60, 3000])
    kind = by.chance.choice(["multipart/mixed; boundary=b", "message/rfc822"])
    return f"{by.head}{f'Content-Type: {kind}{chr(10)}{chr(10)}--b{chr(10)}' * depth}x".encode()


def many_parts(by: Attacker) -> bytes:
    parts = by.chance.choice([150, 199, 5000])
    return (
        f"{by.head}Content-Type: multipart/mixed; boundary=b\n\n{'--b' + chr(10) + chr(10) + 'x' + chr(10)}".encode()
        * parts
    )


def odd_charset(by: Attacker) -> bytes:
    charset = by.chance.choice(
        [
            "utf-7",
            "punycode",
            "idna",
            "zip",
            "bz2",
            "rot13",
            "hex",
            "utf-16",
            "unicode_escape",
            "x" * 5000,
            "utf-8\x00",
            "raw_unicode_escape",
            "undefined",
            "mbcs",
            "iso-2022-jp-3",
            "\udcff",
        ]
    )
    coding = by.chance.choice(["base64", "quoted-printable", "x-uuencode", "8bit", "binary", "bz2", "x-gzip"])
    head = f"{by.head}Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: {coding}\n\n"
    return head.encode(errors="surrogateescape") + by.noise(20_000)


def odd_parameters(by: Attacker) -> bytes:
    line = by.chance.choice(
        [
            "Content-Type: text/plain; charset*0*=utf-8''a; charset*1=b; charset*=c",
            "Content-Type: ;;;=;",
            "Content-Type: \x00/\x00",
            "Content-Type: multipart/mixed",
            'Content-Type: multipart/mixed; boundary=""',
            "Content-Type: text/html; charset*=''",
            "Content-Disposition: attachment; filename*0*=utf-8''%00%2e%2e; filename*2=x",
            "Content-Type: message/rfc822",
        ]
    )
    return by.text(by.words(), line, "MIME-Version: 1.0")


def attached(by: Attacker) -> bytes:
    name = by.chance.choice(
        ["../../../etc/passwd", "/etc/cron.d/x", "CON", "a\u202egpj.exe", "x" * 3000, "a\x00b", "..", ""]
    )
    files = by.chance.choice([1, 3, 60])
    bomb = base64.b64encode(b"PK\x03\x04" + b"\0" * by.chance.choice([10, 2000, 300_000 // files]))
    part = (
        (
            f'--b\nContent-Type: application/zip; name="{name}"\nContent-Disposition: attachment; filename="{name}"\n'
            "Content-Transfer-Encoding: base64\n\n"
        ).encode()
        + bomb
        + b"\n"
    )
    head = f"{by.head}Content-Type: multipart/mixed; boundary=b\n\n--b\n\nsee file\n".encode()
    return head + part * files + by.chance.choice([b"--b--\n", b""])


def hostile_html(by: Attacker) -> bytes:
    piece = by.chance.choice(
        ["<style>", "<!--", "<a href=", "<blockquote ", "&#x", "<script>alert(1)</script>", "<div class="]
    )
    body = piece * by.chance.choice([10, 20_000])
    return by.text(body, "Content-Type: text/html; charset=utf-8")


def quoted_without_end(by: Attacker) -> bytes:
    piece = by.chance.choice(
        ["on ", "> ", "\n", "On x\n", "从我的", "From:\n", "sent ", "写道", "-- \n", "confidential ", "在2026年\n"]
    )
    return by.text(piece * (by.chance.choice([200, 250_000 // len(piece.encode())])))


def noise(by: Attacker) -> bytes:
    return by.chance.choice([b"", by.noise(), by.head.encode() + by.noise(), b"\xff\xfe" + by.noise(), b"\n" * 50_000])


def broken_copy(by: Attacker) -> bytes:
    """A mail as one of the others, cut off and with some bytes changed."""
    whole = bytearray(by.chance.choice([header_injection, odd_charset, attached, odd_parameters])(by))
    for _ in range(20):
        whole[by.chance.randrange(len(whole))] = by.chance.randrange(256)
    return bytes(whole[: by.chance.randrange(len(whole))])


KINDS: tuple[Callable[[Attacker], bytes], ...] = (
    forged_bounce,
    contradicting_bounce,
    forged_complaint,
    stop_with_another_s_message,
    stop_to_another_s_address,
    stop_in_another_s_name,
    stop_in_one_s_name_with_another_s_message,
    stop_with_a_link,
    stop_of_several,
    machine,
    header_injection,
    huge_headers,
    nested,
    many_parts,
    odd_charset,
    odd_parameters,
    attached,
    hostile_html,
    quoted_without_end,
    noise,
    broken_copy,
)


def hostile_mails(count: int, mine: Claim, victim: Claim, seed: int = 32) -> list[bytes]:
    """Return so many mails, of each kind about as many, the same for the same seed."""
    chance = random.Random(seed)
    return [KINDS[n % len(KINDS)](Attacker(chance, mine, victim, n)) for n in range(count)]
