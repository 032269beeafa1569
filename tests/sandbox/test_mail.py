"""The mail relay of the rehearsal world."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from amends.sandbox.mail import FAULTS, REFUSALS, AfterDot, Faults, MailServer, SmtpStage


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailServer]:
    with MailServer(tmp_path / "mail") as server:
        yield server


def send(mail: MailServer, to: str) -> None:
    with smtplib.SMTP("127.0.0.1", mail.port) as client:
        client.sendmail("b@bank.test", [to], b"Subject: hello\r\n\r\nhello\r\n")


def test_a_message_is_kept_in_memory_and_as_a_file(mail: MailServer, tmp_path: Path) -> None:
    send(mail, "ada@example.test")
    (arrived,) = mail.arrived
    assert (arrived.envelope_sender, arrived.recipients) == ("b@bank.test", ("ada@example.test",))
    assert (tmp_path / "mail" / "000001.eml").read_bytes() == arrived.content


@pytest.mark.parametrize(("word", "code"), [("bounce", 550), ("full", 452), ("policy", 550), ("grey", 451)])
def test_a_word_in_the_address_makes_it_refused(mail: MailServer, word: str, code: int) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(mail, f"ada.{word}@example.test")
    assert refused.value.recipients[f"ada.{word}@example.test"][0] == code


@pytest.mark.parametrize(("word", "code"), [("content", 554), ("busy", 451)])
def test_a_word_in_the_address_makes_the_content_refused(mail: MailServer, word: str, code: int) -> None:
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(mail, f"ada.{word}@example.test")
    assert (refused.value.smtp_code, mail.arrived) == (code, [])


def test_a_greylisted_address_is_taken_the_second_time(mail: MailServer) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(mail, "grey@example.test")
    send(mail, "grey@example.test")
    assert len(mail.arrived) == 1


@pytest.mark.parametrize(("after_dot", "kept"), [(AfterDot.KEEP_AND_DROP, 1), (AfterDot.LOSE_AND_DROP, 0)])
def test_it_can_hang_up_after_the_dot(mail: MailServer, after_dot: AfterDot, kept: int) -> None:
    mail.after_dot = after_dot
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(mail, "ada@example.test")
    assert len(mail.arrived) == kept


def test_it_listens_on_this_machine_only(mail: MailServer) -> None:
    assert {socket.getsockname()[0] for socket in mail._controller.server.sockets} == {"127.0.0.1"}


def always(stage: SmtpStage) -> Faults:
    return Faults({stage: 1.0})


@pytest.mark.parametrize("stage", list(REFUSALS))
def test_it_can_refuse_at_every_stage_of_a_transaction(mail: MailServer, stage: SmtpStage) -> None:
    mail.faults = always(stage)
    with pytest.raises((smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)):
        send(mail, "ada@example.test")
    assert (mail.gone_wrong[stage], mail.arrived) == (1, [])


def test_it_can_hang_up_while_the_content_arrives(mail: MailServer) -> None:
    mail.faults = always(SmtpStage.BODY)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(mail, "ada@example.test")
    assert (mail.gone_wrong[SmtpStage.BODY], mail.arrived) == (1, [])


def test_it_can_leave_open_whether_it_took_a_message(mail: MailServer) -> None:
    mail.faults = always(SmtpStage.ENDING)
    for number in range(20):
        with pytest.raises((smtplib.SMTPServerDisconnected, smtplib.SMTPResponseException, ConnectionError)):
            send(mail, f"ada{number}@example.test")
    assert 0 < len(mail.arrived) < mail.gone_wrong[SmtpStage.ENDING] == 20


def test_it_can_greylist_everybody(mail: MailServer) -> None:
    mail.faults = FAULTS["greylisting"]
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(mail, "ada@example.test")
    send(mail, "ada@example.test")
    assert len(mail.arrived) == 1


def test_the_same_seed_repeats_its_faults(tmp_path: Path) -> None:
    outcomes = [_outcomes(tmp_path / f"{n}", seed) for n, seed in enumerate((1, 1, 2))]
    assert outcomes[0] == outcomes[1] != outcomes[2]


def _outcomes(folder: Path, seed: int) -> list[bool]:
    with MailServer(folder, faults=Faults({SmtpStage.RECIPIENT: 0.5}), seed=seed) as server:
        return [_refused(server, f"ada{number}@example.test") for number in range(30)]


def _refused(mail: MailServer, to: str) -> bool:
    try:
        send(mail, to)
    except smtplib.SMTPRecipientsRefused:
        return True
    return False
