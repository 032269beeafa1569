"""Only a home that was made for rehearsals has a clock that can be moved."""

import json
import pickle
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amends.cli.app import app
from amends.cli.terminal.clock import now, use_home
from amends.delivery.send.workers import wall_clock
from amends.domain.channel.channel import ChannelKind
from amends.rehearsal_clock import MARK, OFFSET_FILE, RehearsalClock, rehearsal_clock
from amends.settings import Settings, SettingsError, read_settings
from flows.run.context import opened

LOCAL, REAL = "http://127.0.0.1:8400", "https://notice.example.com"
WEEK = timedelta(days=7)
CLOSE = timedelta(minutes=1)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A real home, with a file in it that would move a rehearsal's clock."""
    made = tmp_path / "home"
    assert CliRunner().invoke(app, ["init", str(made), "--public-url", LOCAL]).exit_code == 0
    (made / OFFSET_FILE).write_text(f"{WEEK.total_seconds():.0f}\n")
    return made


@pytest.fixture
def rehearsal(home: Path) -> Path:
    (home / MARK).touch()
    return home


def is_ahead(moment: datetime, by: timedelta) -> bool:
    return abs(moment - datetime.now(UTC) - by) < CLOSE


def test_a_real_home_lives_in_everybodys_time_whatever_lies_in_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMENDS_HOME", str(home))
    assert rehearsal_clock(read_settings(home)) is None
    with opened() as context:
        assert context.clock is wall_clock, "a send looks whether it is this very clock"
        assert context.ahead == timedelta()


def test_the_mark_in_a_home_that_customers_reach_stops_everything(tmp_path: Path) -> None:
    (tmp_path / MARK).touch()
    with pytest.raises(SettingsError, match=f"{re.escape(str(tmp_path / MARK))} .* {re.escape(REAL)}"):
        rehearsal_clock(Settings(home=tmp_path, public_url=REAL))


REAL_PROVIDERS = {
    "a relay elsewhere": {"use": "email_smtp", "host": "smtp.example.org", "port": "2525"},
    "this machine's own relay": {"use": "email_smtp", "host": "127.0.0.1", "port": "25"},
    "the port that a relay has when none is named": {"use": "email_smtp", "host": "localhost"},
    "a gateway": {"use": "email_smtp", "url": "https://sms.example.org/messages"},
    "a provider whose address its channel knows": {"use": "sms_http", "shape": "twilio", "account": "A", "token": "t"},
    "reports from elsewhere": {
        "use": "sms_http",
        "url": "http://127.0.0.1:8000",
        "status_url": "https://sms.example.org",
    },
    "no address": {"use": "email_smtp", "host": "127.0.0.1", "port": "many"},
    "a name that is misspelt": {"use": "outbocks"},
}


@pytest.mark.parametrize("own", REAL_PROVIDERS.values(), ids=REAL_PROVIDERS)
def test_a_rehearsal_home_with_a_channel_to_people_is_refused(tmp_path: Path, own: dict[str, str]) -> None:
    """A rehearsal home in which one channel could reach real people is refused as a whole. The refusal names the
    setting and the file that marks the home, and shows no password.
    """
    (tmp_path / MARK).touch()
    channels = {ChannelKind.EMAIL: own | {"password": "hunter2"}}
    settings = Settings(home=tmp_path, public_url=LOCAL, channels=channels)
    place = f"{tmp_path / 'amends.toml'}: channels.email.use: "
    with pytest.raises(SettingsError, match=re.escape(place)) as refused:
        rehearsal_clock(settings)
    assert str(tmp_path / MARK) in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_real_home_may_have_real_channels(tmp_path: Path) -> None:
    channels = {ChannelKind.EMAIL: REAL_PROVIDERS["a relay elsewhere"]}
    assert rehearsal_clock(Settings(home=tmp_path, public_url=LOCAL, channels=channels)) is None


def test_a_rehearsal_may_write_files_and_use_local_providers(tmp_path: Path) -> None:
    """A rehearsal may write to folders, and may use providers that are simulated on this machine: its clock can be
    moved.
    """
    (tmp_path / MARK).touch()
    channels = {
        ChannelKind.EMAIL: {"use": "email_smtp", "host": "127.0.0.1", "port": "40025"},
        ChannelKind.SMS: {"use": "sms_http", "url": "http://127.0.0.1:40080/sms"},
        ChannelKind.SOCIAL: {"use": "outbox", "kind": "social", "folder": "/tmp/outbox"},
        ChannelKind.WEBSITE: {"use": "website_static", "folder": "/tmp/site", "base_url": f"{LOCAL}/n"},
    }
    assert rehearsal_clock(Settings(home=tmp_path, public_url=LOCAL, channels=channels))


def test_no_flow_begins_in_a_rehearsal_with_real_channels(rehearsal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMENDS_HOME", str(rehearsal))
    monkeypatch.setenv("AMENDS_CHANNELS__EMAIL__USE", "email_smtp")
    with pytest.raises(SettingsError, match=r"channels\.email\.use: email_smtp could reach people"), opened():
        pass


def test_the_clock_of_a_rehearsal_moves_for_all_who_hold_it(rehearsal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMENDS_HOME", str(rehearsal))
    with opened() as context:
        elsewhere = pickle.loads(pickle.dumps(context.clock))
        for by in (WEEK, 2 * WEEK, -WEEK):
            (rehearsal / OFFSET_FILE).write_text(f"{by.total_seconds():.0f}")
            assert is_ahead(context.clock(), by)
            assert is_ahead(elsewhere(), by)
            assert context.ahead == by


def test_without_the_file_a_rehearsal_begins_at_everybodys_time(tmp_path: Path) -> None:
    assert is_ahead(RehearsalClock(tmp_path)(), timedelta())


@pytest.mark.parametrize("said", ["", "soon", "1.5", "12 days", "9" * 20])
def test_what_is_no_number_of_seconds_is_refused_by_name(rehearsal: Path, said: str) -> None:
    (rehearsal / OFFSET_FILE).write_text(said)
    with pytest.raises(SettingsError, match=re.escape(str(rehearsal / OFFSET_FILE))):
        RehearsalClock(rehearsal)()


def test_commands_tell_the_time_of_their_home(rehearsal: Path, tmp_path: Path) -> None:
    try:
        use_home(rehearsal)
        assert is_ahead(now(), WEEK)
        use_home(tmp_path)
        assert is_ahead(now(), timedelta())
    finally:
        use_home(None)
    assert is_ahead(now(), timedelta())


def test_the_doctor_does_not_let_a_rehearsal_home_pass_for_a_real_one(home: Path) -> None:
    def told() -> dict[str, str]:
        answer = CliRunner().invoke(app, ["--home", str(home), "--json", "doctor"])
        lines = json.loads(answer.stdout)["checks"]
        return {line["what"]: line["verdict"] for line in lines if " time " in line["what"]}

    assert told() == {"the time here is that of this machine": "ok"}
    (home / MARK).touch()
    (what, verdict), *_ = told().items()
    assert verdict == "fail"
    assert what.startswith("THIS IS A REHEARSAL HOME: its time can be moved, and is 7 days")
