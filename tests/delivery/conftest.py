"""The engine between a real ledger and a real relay, web services and website."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from amends.ledger import Ledger
from amends.sandbox.mail import MailServer
from amends.sandbox.web import WebServices
from tests.delivery.sending import Rig, a_ledger, channel_settings, sqlite_url


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    yield opened
    opened.dispose()


@pytest.fixture
def rig(ledger: Ledger, tmp_path: Path) -> Iterator[Rig]:
    with MailServer(tmp_path / "mail") as mail, WebServices(tmp_path / "web") as web:
        yield Rig(ledger, mail, web, channel_settings(mail.port, web.url, tmp_path))
