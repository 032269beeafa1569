"""A portal over a real ledger, in the middle of an incident."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from limits import RateLimitItemPerSecond
from starlette.testclient import TestClient

from amends.ledger import Keys, Ledger
from amends.settings import Settings
from amends.web.app import create_app
from tests.web.scene import ADA, INCIDENT, KEY, LI, Clock, Visitor, open_scene, settle_promises, tell_everybody


@pytest.fixture(scope="session")
def opened_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The incident is open and nobody was told. Copied for each test, because that is quicker than telling it again."""
    home = tmp_path_factory.mktemp("opened")
    ledger = Ledger(f"sqlite:///{home / 'ledger.sqlite3'}", Keys(KEY)).migrate()
    open_scene(ledger)
    ledger.dispose()
    return home


@pytest.fixture(scope="session")
def told_home(opened_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """People were told, the notice stands on the website, and promises are in every state."""
    home = shutil.copytree(opened_home, tmp_path_factory.mktemp("told"), dirs_exist_ok=True)
    ledger = Ledger(f"sqlite:///{home / 'ledger.sqlite3'}", Keys(KEY))
    tell_everybody(ledger, home / "site")
    settle_promises(ledger, Clock().now)
    ledger.dispose()
    return home


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, public_url="https://betapai.example")


@pytest.fixture
def opened(settings: Settings, opened_home: Path) -> Iterator[Ledger]:
    yield from _ledger_from(opened_home, settings)


@pytest.fixture
def ledger(settings: Settings, told_home: Path) -> Iterator[Ledger]:
    yield from _ledger_from(told_home, settings)


def _ledger_from(home: Path, settings: Settings) -> Iterator[Ledger]:
    shutil.copytree(home, settings.home, dirs_exist_ok=True)
    made = Ledger(settings.ledger_url, Keys(KEY))
    yield made
    made.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(settings: Settings, ledger: Ledger, clock: Clock) -> FastAPI:
    return create_app(settings, ledger, clock)


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app)


@pytest.fixture(scope="session")
def resting(told_home: Path) -> Iterator[TestClient]:
    """A portal that is only looked at."""
    settings = Settings(home=told_home, public_url="https://betapai.example")
    ledger = Ledger(settings.ledger_url, Keys(KEY))
    yield TestClient(create_app(settings, ledger, Clock()))
    ledger.dispose()


@pytest.fixture
def visitor(client: TestClient, ledger: Ledger, clock: Clock) -> Callable[[int], Visitor]:
    """Any person of the incident, with a browser."""
    return lambda number: Visitor(client, ledger.people.link_of(INCIDENT, number), clock)


@pytest.fixture
def ada(visitor: Callable[[int], Visitor]) -> Visitor:
    return visitor(ADA)


@pytest.fixture
def li(visitor: Callable[[int], Visitor]) -> Visitor:
    return visitor(LI)


@pytest.fixture
def restarted(settings: Settings, ledger: Ledger, clock: Clock) -> Callable[[], Visitor]:
    """Ada before a portal that has just started, so that no limit is near."""
    return lambda: Visitor(TestClient(create_app(settings, ledger, clock)), ledger.people.link_of(INCIDENT, ADA), clock)


@pytest.fixture
def as_many_at_once_as_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amends.web.http.limits.AT_ONCE", RateLimitItemPerSecond(100))
