"""The setting for alarms is checked before anything starts, and what `amends up` makes of it is always the same."""

import subprocess
import sys
from pathlib import Path

import pytest

from amends.cli.home.alarms import require_understood
from amends.domain.base.errors import AmendsError
from amends.settings import Settings, new_settings

TAGS = """
from uuid import UUID
from amends.cli.home.alarms import _automations
print(*(tag for one in _automations(UUID(int=1)) for tag in one.tags))
"""


def with_alarms(folder: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("AMENDS_ALARM_URL", address)
    return new_settings(folder, "https://care.example")


def test_an_address_that_is_none_is_refused_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_alarms(tmp_path, "hunter2://nowhere", monkeypatch)
    with pytest.raises(AmendsError, match=r"amends\.toml: alarm_url") as refused:
        require_understood(settings)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    "address", ["", "json://127.0.0.1:8080/amends", "slack://T0000AAAA/B0000BBBB/abcdefghijklmnopqrstuvwx/#incidents"]
)
def test_the_addresses_of_the_manual_are_understood(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_understood(with_alarms(tmp_path, address, monkeypatch))


def test_each_start_makes_the_same_automations() -> None:
    """A set in a trigger has another order in each process; the tag, by which a change is known, has not."""
    made = {
        subprocess.run([sys.executable, "-c", TAGS], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    (tags,) = made
    assert len(set(tags.split())) == 4
