"""Replies by mail: the words above what is quoted, in many programs and languages; a machine's mail is no reply."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.feedback.keywords import Wish, wish_of
from amends.domain.receipt.mail import MOST_BYTES
from amends.domain.receipt.quotation import without_quotation
from amends.domain.receipt.reply import read_reply
from tests.domain.receipt.test_dsn import MAILS

KEY = "4ce821ef6583365ec4a70edb81c2cc8a"
HEAD = (
    "From: Ada <Ada@Mail.Example>\nTo: help@company.example\nSubject: Re: Your data\nMessage-ID: <1@mail.example>\n"
    f"In-Reply-To: <{KEY}@company.example>\n"
)


def mail(body: str, head: str = HEAD, kind: str = "text/plain") -> bytes:
    return f"{head}MIME-Version: 1.0\nContent-Type: {kind}; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{body}".encode()


def words(raw: bytes) -> str:
    reply = read_reply(raw)
    assert reply
    return reply.words


@pytest.mark.parametrize(
    "body",
    [
        "STOP",
        "Stop.\n",
        "stop\n\n> Dear Ada,\n> we write\n",
        "Stop\n\nOn Tue, 3 Nov 2026 at 10:00, Example Ltd <help@company.example> wrote:\n> Dear Ada\n",
        "Stop\n\nOn Tue, 3 Nov 2026 at 10:00, Example Ltd\n<help@company.example> wrote:\n\n> Dear Ada\n",
        "> Dear Ada,\n> we write\n\nstop\n",
        "stop\n\n-----Original Message-----\nFrom: Example\nSent: today\n\nDear Ada, please answer\n",
        "Stopp\n\nAm 03.11.2026 um 10:00 schrieb Example AG:\n> Sehr geehrte\n",
        "Abmelden\n\nVon: Example AG\nGesendet: Dienstag\nAn: Ada\nBetreff: Daten\n\nSehr geehrte\n",
        "Abbestellen\n\nVon meinem iPhone gesendet\n",
        "ARRÊT\n\nLe mar. 3 nov. 2026 à 10:00, Example <h@company.example> a écrit :\n> Bonjour\n",
        "désabonner\n\nEnvoyé de mon iPhone\n",
        "退订\n\n在 2026年11月3日，公司 <h@company.example> 写道：\n> 您好\n",
        "退订\n\n------------------ 原始邮件 ------------------\n发件人: 公司\n您好\n",
        "TD\n\n发自我的iPhone\n",
        "Stop\n-- \nAda Lovelace\n+49 30 1234\n",
        "Stop\n\nSent from my Galaxy\n",
        "取消订阅",
    ],
)
def test_the_word_alone_is_a_wish(body: str) -> None:
    assert wish_of(words(mail(body))) is Wish.STOP


@pytest.mark.parametrize(
    "body",
    [
        "please stop sharing my data",
        "Stop.\nAnd delete my account\n",
        "I did not say stop",
        "Stop\n\nKind regards,\nAda Lovelace\n",
        "Cancel my card",
        "请停止使用我的信息",
        "Bitte stoppen Sie die Weitergabe meiner Daten",
    ],
)
def test_a_text_with_more_words_is_no_wish(body: str) -> None:
    assert wish_of(words(mail(body))) is None
    assert words(mail(body))


def test_html_is_read_without_what_it_quotes() -> None:
    quoted = (
        '<div>Stop</div><br><div class="gmail_quote"><div>On Tuesday wrote:<br></div><blockquote>Dear Ada</blockquote>'
    )
    assert words(mail(quoted, kind="text/html")) == "Stop"
    assert words(mail("<p>Stop</p><blockquote type=cite>Dear</blockquote>", kind="text/html")) == "Stop"


def test_the_plain_text_of_two_forms_counts() -> None:
    both = (
        f"{HEAD}MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nstop\n--b\nContent-Type: text/html\n\n<b>stop</b> quoted below\n--b--\n"
    )
    assert words(both.encode()) == "stop"


def test_a_subject_counts_only_where_nothing_else_is_written() -> None:
    head = HEAD.replace("Re: Your data", "Unsubscribe")
    assert words(mail("", head)) == "Unsubscribe"
    assert words(mail("Why?", head)) == "Why?"
    assert words(mail("")) == ""


def test_the_message_that_is_answered_is_named() -> None:
    reply = read_reply(mail("stop"))
    assert reply
    assert (reply.sender, reply.answered) == ("ada@mail.example", (KEY,))
    assert "Ada" not in repr(reply)
    several = read_reply(mail("stop", HEAD.replace("From: ", "From: b@c.example, ")))
    assert several
    assert several.sender == ""


@pytest.mark.parametrize(
    "line",
    [
        "Auto-Submitted: auto-replied",
        "Precedence: bulk",
        "X-Autoreply: yes",
        "X-Auto-Response-Suppress: All",
        "Return-Path: <>",
        "X-Failed-Recipients: ada@mail.example",
    ],
)
def test_a_machine_writes_no_reply(line: str) -> None:
    assert read_reply(mail("stop", f"{HEAD}{line}\n")) is None


def test_no_report_is_a_reply() -> None:
    """No example of a bounce, a complaint or an automatic answer is read as a person's words with a wish."""
    for name, raw in MAILS.items():
        reply = read_reply(raw)
        assert reply is None or wish_of(reply.words) is None, name
    assert read_reply(MAILS["complaint_abuse"]) is None
    assert read_reply(MAILS["vacation_quoting_us"]) is None


@given(st.text(max_size=400))
def test_any_text_is_read(body: str) -> None:
    assert isinstance(without_quotation(body), str)


@pytest.mark.parametrize(
    "hostile",
    [
        "on " * 80_000,
        "> " * 100_000,
        "\n" * 200_000,
        "On x\n" * 50_000,
        "从我的" * 50_000,
        "From:\n" * 40_000,
        "sent " * 50_000,
    ],
)
def test_the_largest_mail_takes_little_time(hostile: str) -> None:
    begun = time.monotonic()
    read_reply(mail(hostile[:MOST_BYTES]))
    read_reply(mail(hostile[:MOST_BYTES], kind="text/html"))
    assert time.monotonic() - begun < 5
