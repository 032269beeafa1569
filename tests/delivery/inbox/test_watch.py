"""A folder that is looked into again and again, and what the settings of a mailbox must say."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from amends.delivery.inbox.take import Intake, MailTaker
from amends.delivery.inbox.watch import PATIENCE, MailboxWatch, for_strangers, own_addresses
from amends.domain.receipt.incoming import MailOutcome
from amends.ledger import Claim, Ledger
from amends.settings import InboxSettings, Settings, SettingsError, read_settings
from tests.builders import NOW
from tests.delivery.inbox.mails import a_reply
from tests.delivery.sending import INCIDENT

SERVER = {"host": "imap.example.org", "username": "care", "password": "secret"}


def test_a_maildir_is_looked_into_again_and_again(
    ledger: Ledger, messages: tuple[Claim, ...], taker: MailTaker, tmp_path: Path
) -> None:
    folder = tmp_path / "Maildir"
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    watch = MailboxWatch(InboxSettings(folder=folder), ledger, taker, lambda: NOW)
    (folder / "new" / "1").write_bytes(a_reply(messages[0]))
    assert watch.look()[0].outcomes == {MailOutcome.QUESTION: 1}
    assert [path.name for path in (folder / "cur").iterdir()] == ["1:2,S"]
    assert watch.look() == (Intake(), "")


def test_a_folder_that_is_gone_becomes_an_alert(
    ledger: Ledger, messages: tuple[Claim, ...], taker: MailTaker, tmp_path: Path
) -> None:
    watch = MailboxWatch(InboxSettings(folder=tmp_path / "gone"), ledger, taker, lambda: NOW)
    for _ in range(PATIENCE):
        assert watch.look()[1]
    (alert,) = (one for one in ledger.views.timeline(INCIDENT).alerts if "mails of people wait" in one.what)
    assert str(tmp_path) not in alert.what


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "either folder or host"),
        ({**SERVER, "folder": "/var/mail/care"}, "either folder or host"),
        ({"folder": "mail"}, "absolute"),
        ({"host": "imap.example.org"}, "username and password"),
        ({**SERVER, "security": "none"}, "for this machine alone"),
        ({**SERVER, "username": "care\r\nA1 DELETE INBOX"}, "nobody can type"),
        ({**SERVER, "mailbox": "Fragen ü"}, "ASCII"),
        ({**SERVER, "every_seconds": 1}, "greater than or equal to 5"),
    ],
)
def test_a_mailbox_that_cannot_be_read_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why) as told:
        InboxSettings.model_validate(given)
    assert told.value


def test_the_password_is_never_shown() -> None:
    assert "secret" not in repr(InboxSettings.model_validate(SERVER))


def test_the_password_may_stand_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'public_url = "https://a.example"\n[inbox]\nhost = "imap.example.org"\nusername = "care"\n'
    (tmp_path / "amends.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="username and password are needed"):
        read_settings(tmp_path)
    monkeypatch.setenv("AMENDS_INBOX__PASSWORD", "secret")
    settings = read_settings(tmp_path)
    assert settings.inbox
    assert (settings.inbox.password, settings.inbox.port) == ("secret", None)
    assert "secret" not in repr(settings)


def test_strangers_ask_about_the_only_open_incident(ledger: Ledger, messages: tuple[Claim, ...]) -> None:
    assert (for_strangers(ledger), for_strangers(ledger, "other")) == (INCIDENT, "other")
    ledger.incidents.close(INCIDENT, "lena", NOW)
    assert for_strangers(ledger) == ""


def test_our_own_addresses_are_known(ledger: Ledger, messages: tuple[Claim, ...], tmp_path: Path) -> None:
    channels = {"email": {"use": "email_smtp", "sender": "Notices@betapai.example"}, "sms": {"sender": "Betapai"}}
    settings = Settings(home=tmp_path, public_url="https://a.example", channels=channels)  # type: ignore[arg-type]
    assert own_addresses(settings, ledger) == {"notices@betapai.example", "care@betapai.example"}
