"""What a flow does when it opens the ledger of the installation."""

from datetime import timedelta
from pathlib import Path

import pytest

from amends.cli.home.init import make_home
from amends.delivery.send.clock import seen
from amends.ledger import Ledger
from amends.settings import ANCHOR_FILE, new_settings, open_ledger, read_settings
from flows.run.context import opened
from tests.builders import NOW


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    make_home(folder, new_settings(folder, "https://betapai.example"))
    monkeypatch.setenv("AMENDS_HOME", str(folder))
    return folder


def test_what_another_machine_wrote_is_recorded_here_as_well(tmp_path: Path, home: Path) -> None:
    """When a flow opens a ledger to which another machine has written, this machine records the head of the audit
    chain, so that an older copy of the ledger would be found out.
    """
    ledger = open_ledger(read_settings(home))
    elsewhere = Ledger(read_settings(home).ledger_url, ledger.store.keys, tmp_path / "audit-head")
    with elsewhere.store.write() as write:
        write.note(NOW, "", "claimed")
    assert not (home / ANCHOR_FILE).exists()
    with opened():
        assert (home / ANCHOR_FILE).read_text() == (tmp_path / "audit-head").read_text()
    ledger.dispose()
    elsewhere.dispose()


def test_a_clock_that_was_set_since_the_last_flow_is_doubted(home: Path) -> None:
    ledger, now = open_ledger(read_settings(home)), seen()
    ledger.clocks.observe(now._replace(at=now.at - timedelta(days=30)))
    with opened() as context:
        assert "jumped ahead by about 30 days" in context.ledger.clocks.doubts()[0]
    ledger.dispose()
