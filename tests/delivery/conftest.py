"""The engine between a real ledger and a real relay, web services and website."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from amends.ledger import Ledger
from amends.sandbox.mail import MailServer
from amends.sandbox.web import WebServices
from tests.delivery.sending import Rig, channel_settings
from tests.ledger.conftest import made_on_sqlite, on_sqlite

__all__ = ["made_on_sqlite"]


@pytest.fixture
def ledger(made_on_sqlite: Path, tmp_path: Path) -> Iterator[Ledger]:
    yield from on_sqlite(made_on_sqlite, tmp_path)


@pytest.fixture
def rig(ledger: Ledger, tmp_path: Path) -> Iterator[Rig]:
    with MailServer(tmp_path / "mail") as mail, WebServices(tmp_path / "web") as web:
        yield Rig(ledger, mail, web, channel_settings(mail.port, web.url, tmp_path))
