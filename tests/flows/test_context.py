"""What a flow does when it opens the ledger of the installation."""

from pathlib import Path

import pytest

from amends.cli.init import make_home
from amends.ledger import Ledger
from amends.settings import ANCHOR_FILE, new_settings, open_ledger, read_settings
from flows.context import opened
from tests.builders import NOW


def test_what_another_machine_wrote_is_noted_here_so_that_an_older_copy_lacks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    make_home(home, new_settings(home, "https://betapai.example"))
    ledger = open_ledger(read_settings(home))
    elsewhere = Ledger(read_settings(home).ledger_url, ledger.keys, tmp_path / "audit-head")
    with elsewhere.write() as write:
        write.note(NOW, "", "claimed")
    assert not (home / ANCHOR_FILE).exists()
    monkeypatch.setenv("AMENDS_HOME", str(home))
    with opened():
        assert (home / ANCHOR_FILE).read_text() == (tmp_path / "audit-head").read_text()
    ledger.dispose()
    elsewhere.dispose()
