"""Only a home that was made for rehearsals has a clock that can be moved."""

import json
import pickle
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amends.cli.app import app
from amends.cli.clock import live_in, now
from amends.clock import AHEAD, MARK, RehearsalClock, rehearsal_clock
from amends.delivery.crew import wall_clock
from amends.settings import Settings, SettingsError, read_settings
from flows.context import opened

LOCAL, REAL = "http://127.0.0.1:8400", "https://notice.example.com"
WEEK = timedelta(days=7)
CLOSE = timedelta(minutes=1)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A real home, with a file in it that would move a rehearsal's clock."""
    made = tmp_path / "home"
    assert CliRunner().invoke(app, ["init", str(made), "--public-url", LOCAL]).exit_code == 0
    (made / AHEAD).write_text(f"{WEEK.total_seconds():.0f}\n")
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


def test_the_clock_of_a_rehearsal_moves_for_all_who_hold_it(rehearsal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMENDS_HOME", str(rehearsal))
    with opened() as context:
        elsewhere = pickle.loads(pickle.dumps(context.clock))
        for by in (WEEK, 2 * WEEK, -WEEK):
            (rehearsal / AHEAD).write_text(f"{by.total_seconds():.0f}")
            assert is_ahead(context.clock(), by)
            assert is_ahead(elsewhere(), by)
            assert context.ahead == by


def test_without_the_file_a_rehearsal_begins_at_everybodys_time(tmp_path: Path) -> None:
    assert is_ahead(RehearsalClock(tmp_path)(), timedelta())


@pytest.mark.parametrize("said", ["", "soon", "1.5", "12 days", "9" * 20])
def test_what_is_no_number_of_seconds_is_refused_by_name(rehearsal: Path, said: str) -> None:
    (rehearsal / AHEAD).write_text(said)
    with pytest.raises(SettingsError, match=re.escape(str(rehearsal / AHEAD))):
        RehearsalClock(rehearsal)()


def test_commands_tell_the_time_of_their_home(rehearsal: Path, tmp_path: Path) -> None:
    try:
        live_in(rehearsal)
        assert is_ahead(now(), WEEK)
        live_in(tmp_path)
        assert is_ahead(now(), timedelta())
    finally:
        live_in(None)
    assert is_ahead(now(), timedelta())


def test_the_doctor_does_not_let_a_rehearsal_home_pass_for_a_real_one(home: Path) -> None:
    def told() -> dict[str, str]:
        answer = CliRunner().invoke(app, ["--home", str(home), "--json", "doctor"])
        lines = json.loads(answer.stdout)["checks"]
        return {line["what"]: line["verdict"] for line in lines if "time" in line["what"]}

    assert told() == {"the time here is that of this machine": "ok"}
    (home / MARK).touch()
    (what, verdict), *_ = told().items()
    assert verdict == "fail"
    assert what.startswith("THIS IS A REHEARSAL HOME: its time can be moved, and is 7 days")
