"""What people write by mail: questions of the person or of nobody, wishes, files; each once."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from amends.delivery.inbox import quarantine
from amends.delivery.inbox.places import FoundMail
from amends.delivery.inbox.quarantine import Quarantine
from amends.delivery.inbox.take import Intake, MailTaker
from amends.domain.base.errors import DataDestroyed
from amends.domain.channel.identifiers import bounce_address
from amends.domain.feedback.question import Question, QuestionSource, Sender
from amends.domain.receipt.incoming import MailOutcome
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Claim, Ledger
from amends.ledger.feedback.answering import reply_name
from amends.ledger.outbox.outbox import key_of
from tests.builders import NOW, an_asked
from tests.delivery.inbox.conftest import Take
from tests.delivery.inbox.mails import STRANGER, a_reply
from tests.delivery.sending import INCIDENT, NOTICE
from tests.domain.receipt.test_dsn import MAILS, TOKEN
from tests.domain.receipt.test_incoming import with_files

KEY = "4ce821ef6583365ec4a70edb81c2cc8a"
"""The message that the examples of bounces are about."""


def only_question(ledger: Ledger) -> Question:
    (asked,) = ledger.questions.all(INCIDENT)
    return asked


def test_a_reply_is_the_question_of_the_person(ledger: Ledger, messages: tuple[Claim, ...], take: Take) -> None:
    total = take(a_reply(messages[1], "Is my card safe?", "References: <a@x.example>"))
    (line,) = total.lines
    assert (line.outcome, line.incident, line.question, line.person, line.notice) == (
        MailOutcome.QUESTION,
        INCIDENT,
        1,
        2,
        NOTICE,
    )
    asked = only_question(ledger)
    assert (asked.text, asked.person, asked.source, asked.locale) == (
        "Is my card safe?",
        2,
        QuestionSource.MAILBOX,
        "en",
    )
    sender = ledger.questions.sender(INCIDENT, 1)
    assert sender
    assert (sender.address, sender.message_id, sender.references, sender.subject) == (
        "kim2@mail.example",
        "<1@mail.example>",
        "<a@x.example>",
        "Re: Your data",
    )


def test_a_person_keeps_their_language(ledger: Ledger, messages: tuple[Claim, ...], take: Take) -> None:
    take(a_reply(messages[2], "Is my card safe?"))
    assert only_question(ledger).locale == "zh-CN"


@pytest.mark.parametrize(("words", "locale"), [("我的卡安全吗？", "zh-CN"), ("Is my card safe?", "en")])
def test_a_stranger_s_language_is_guessed(ledger: Ledger, take: Take, words: str, locale: str) -> None:
    take(f"From: {STRANGER}\nSubject: x\nMessage-ID: <1@x>\n\n{words}\n".encode())
    assert (only_question(ledger).person, only_question(ledger).locale) == (None, locale)


def test_a_reply_to_the_message_s_own_address_is_the_person_s(
    ledger: Ledger, messages: tuple[Claim, ...], take: Take
) -> None:
    to = bounce_address(messages[0].bounce, "bounces.betapai.example")
    take(f"From: kim1@mail.example\nTo: {to}\nSubject: Re: x\nMessage-ID: <1@x>\n\nWhy?\n".encode())
    assert only_question(ledger).person == 1


def test_a_quoted_link_names_the_person_who_writes(ledger: Ledger, messages: tuple[Claim, ...], take: Take) -> None:
    link = f"> https://betapai.example/p/{messages[0].link}"
    take(f"From: kim1@mail.example\nSubject: Re: x\nMessage-ID: <1@x>\n\nWhy?\n\n{link}\n".encode())
    assert only_question(ledger).person == 1


@pytest.mark.parametrize(
    ("person", "sender", "whose"), [(1, "kim1@mail.example", 1), (None, STRANGER, None), (1, STRANGER, None)]
)
def test_a_reply_to_an_answer_is_of_who_asked(
    ledger: Ledger, messages: tuple[Claim, ...], take: Take, person: int | None, sender: str, whose: int | None
) -> None:
    first = "kim1@mail.example" if person else STRANGER
    asked = an_asked("Safe?", person=person, source=QuestionSource.MAILBOX, sender=Sender(address=first))
    number = ledger.questions.ask(INCIDENT, asked, NOW)
    answer = ledger.answers.give(INCIDENT, (number,), {"en": "Yes."}, "omar", NOW)
    key = key_of(ledger.store.keys, reply_name(INCIDENT, answer, number))
    take(a_reply(messages[0], "And my card?", sender=sender, answers=key))
    follow_up = ledger.questions.get(INCIDENT, number + 1)
    assert (follow_up.text, follow_up.person) == ("And my card?", whose)


def test_stop_and_start_are_obeyed_once(ledger: Ledger, messages: tuple[Claim, ...], take: Take) -> None:
    stop = a_reply(messages[0], "stop", name="a")
    assert take(stop).outcomes == {MailOutcome.STOP: 1}
    assert ledger.opt_outs.has(INCIDENT, 1)
    assert take(a_reply(messages[0], "start", name="b")).outcomes == {MailOutcome.START: 1}
    assert take(stop, b"X-Added: by another server\n" + stop).outcomes == {MailOutcome.REPEATED: 2}
    assert not ledger.opt_outs.has(INCIDENT, 1)


def test_the_stop_of_a_stranger_waits_for_a_person(ledger: Ledger, messages: tuple[Claim, ...], take: Take) -> None:
    take(a_reply(messages[0], "stop", sender=STRANGER))
    assert not ledger.opt_outs.has(INCIDENT, 1)
    assert (only_question(ledger).text, only_question(ledger).person) == ("stop", None)


def test_a_mail_counts_once_however_often_it_is_read(ledger: Ledger, messages: tuple[Claim, ...], take: Take) -> None:
    mails = (a_reply(messages[0]), a_reply(messages[0]), a_reply(messages[0]).replace(b"\n", b"\r\n"))
    assert take(*mails).outcomes == {MailOutcome.QUESTION: 1, MailOutcome.REPEATED: 2}
    assert take(*mails).outcomes == {MailOutcome.REPEATED: 3}
    assert only_question(ledger)


def test_a_kill_before_the_record_asks_nothing_twice(
    ledger: Ledger, messages: tuple[Claim, ...], take: Take, taker: MailTaker
) -> None:
    """The question was stored and the process killed: the mail is read again and stays one question."""

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    taker._ledger.inbox.record = killed  # type: ignore[method-assign]
    with pytest.raises(Killed):
        take(a_reply(messages[0]))
    del taker._ledger.inbox.record  # type: ignore[method-assign]
    assert take(a_reply(messages[0])).outcomes == {MailOutcome.QUESTION: 1}
    assert only_question(ledger)


def test_a_true_bounce_settles_its_message(ledger: Ledger, messages: tuple[Claim, ...], take: Take) -> None:
    raw = MAILS["postfix_no_such_user"]
    about = raw.replace(TOKEN.encode(), messages[0].bounce.encode()).replace(KEY.encode(), messages[0].key.encode())
    assert take(about, MAILS["vacation_chinese"]).outcomes == {MailOutcome.BOUNCE: 1, MailOutcome.AUTOMATIC: 1}
    with ledger.store.read() as session:
        states = session.execute(text("SELECT id FROM delivery WHERE state = 'bounced'")).scalars().all()
    assert states == [messages[0].id]


def test_our_own_mails_are_no_questions(ledger: Ledger, take: Take) -> None:
    ours = b"From: Care <Care@betapai.example>\nSubject: x\nMessage-ID: <1@x>\n\nDear Kim\n"
    assert take(ours).outcomes == {MailOutcome.AUTOMATIC: 1}


def test_a_mail_that_cannot_be_read_is_kept(ledger: Ledger, take: Take, tmp_path: Path) -> None:
    broken = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" * 60
    total = take(broken, broken + b"x")
    assert total.outcomes == {MailOutcome.KEPT: 2}
    kept = Quarantine(tmp_path, ledger).kept()
    assert {one.name for one in kept} == {line.kept for line in total.lines}
    assert (tmp_path / "inbox" / "kept" / total.lines[0].kept).read_bytes() == broken
    assert take(broken).outcomes == {MailOutcome.REPEATED: 1}


def test_a_full_folder_leaves_the_mail_where_it_lies(
    ledger: Ledger, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MOST_KEPT", 1)
    broken = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" * 60
    assert take(broken, broken + b"x").outcomes == {MailOutcome.KEPT: 1, MailOutcome.LEFT: 1}
    monkeypatch.setattr(quarantine, "MOST_KEPT", 2)
    assert take(broken + b"x").outcomes == {MailOutcome.KEPT: 1}


def test_without_an_incident_a_stranger_s_mail_is_kept(
    ledger: Ledger, messages: tuple[Claim, ...], tmp_path: Path
) -> None:
    total = Intake()
    mails = [FoundMail(a_reply(messages[0])), FoundMail(f"From: {STRANGER}\nMessage-ID: <1@x>\n\nWhy?\n".encode())]
    outcomes = MailTaker(ledger, tmp_path).take(mails, NOW, total)
    assert outcomes == (MailOutcome.QUESTION, MailOutcome.KEPT)


def test_files_are_sealed_under_names_of_ours(ledger: Ledger, take: Take, tmp_path: Path) -> None:
    total = take(with_files(("image/png", b"\x89PNG secret"), ("application/zip", b"PK"), name="../../my card.png"))
    assert (total.lines[0].files, total.lines[0].left_out) == (2, 0)
    first, second = ledger.mail_files.all(INCIDENT)
    assert (first.kind, first.size, first.question, second.kind) == ("image/png", 11, 1, "application/zip")
    assert Quarantine(tmp_path, ledger).content(INCIDENT, first) == b"\x89PNG secret"
    stored = [path for path in (tmp_path / "inbox").rglob("*") if path.is_file()]
    assert len(stored) == 2
    assert not [path for path in stored if b"secret" in path.read_bytes() or "card" in path.name]


def test_files_beyond_the_room_of_an_incident_are_left_out(
    ledger: Ledger, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MOST_FILE_BYTES_OF_ALL", 4)
    total = take(with_files(("image/png", b"12345")))
    assert (total.lines[0].files, total.lines[0].left_out) == (0, 1)
    assert only_question(ledger).text == "See the picture."


def test_files_go_with_the_key_of_the_incident(ledger: Ledger, take: Take, tmp_path: Path) -> None:
    take(with_files(("image/png", b"secret")))
    (file,) = ledger.mail_files.all(INCIDENT)
    ledger.questions.answer(INCIDENT, 1, "Yes.", "omar", NOW)
    ledger.incidents.close(INCIDENT, "lena", NOW)
    lena, omar = Member(name="lena", role=TeamRole.LEAD), Member(name="omar", role=TeamRole.LEGAL)
    ledger.destruction.destroy(INCIDENT, lena, omar, NOW + timedelta(days=500))
    with pytest.raises(DataDestroyed):
        Quarantine(tmp_path, ledger).content(INCIDENT, file)
    assert take(b"From: a@b.example\nMessage-ID: <2@x>\n\nWhy?\n").outcomes == {MailOutcome.KEPT: 1}


def test_the_audit_says_what_came_without_words(ledger: Ledger, messages: tuple[Claim, ...], take: Take) -> None:
    take(a_reply(messages[0]), b"\n")
    entries = ledger.audit.entries(INCIDENT)
    assert [entry.detail for entry in entries if entry.act == "mails taken in"]
    assert not [entry for entry in entries if "card" in repr(entry) or "mail.example" in repr(entry)]
    assert ledger.audit.verify() == ()
