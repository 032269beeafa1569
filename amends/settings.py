"""Settings, read once at the edge: from HOME/amends.toml, overridden by AMENDS_… variables."""

import os
import secrets
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from amends.domain.channel import ChannelKind
from amends.domain.errors import AmendsError
from amends.domain.guard import DEFAULT, Limits

if TYPE_CHECKING:
    from amends.ledger import Ledger

FILE = "amends.toml"
KEY_FILE = Path("keys") / "master.key"
ANCHOR_FILE = Path("keys") / "audit-head"


class SettingsError(AmendsError):
    """A setting is missing or wrong; the message names it."""


class Settings(BaseSettings):
    """How this installation is set up. Holds secrets: repr shows none."""

    model_config = SettingsConfigDict(env_prefix="AMENDS_", env_nested_delimiter="__", extra="forbid", frozen=True)

    home: Path
    """The folder with the ledger, the keys and this file; absolute, so that no worker opens another by accident."""
    public_url: str
    """Where people reach the portal and the notice pages, without a slash at the end."""
    database_url: str = Field(default="", repr=False)
    """The ledger's database; empty means SQLite in the home folder."""
    master_key: str = Field(default="", repr=False)
    """Base64 of 32 bytes; empty means that it is read from keys/master.key in the home folder."""
    channels: dict[ChannelKind, dict[str, str]] = Field(default={}, repr=False)
    """Per channel: `use`, the module in channels/, and that module's own settings."""
    limits: Limits = DEFAULT
    """From where on bad addresses, uncertain answers or complaints stop a send by themselves."""
    portal_port: int = 8400
    prefect_port: int = 4200
    trusted_proxies: int = Field(default=0, ge=0)
    """How many proxies of ours stand before the portal; each adds one address to X-Forwarded-For."""

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        if not home.is_absolute():
            raise ValueError("the home folder must be an absolute path")
        return home

    @field_validator("public_url")
    @classmethod
    def _complete(cls, url: str) -> str:
        parts = urlsplit(url)
        if not parts.hostname or parts.scheme not in (("http", "https") if is_local(url) else ("https",)):
            raise ValueError("it must begin with https:// and a host name of the organisation")
        return url.rstrip("/")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the command line says, then the environment, then the file."""
        home = init_settings().get("home")
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, Path(str(home)) / FILE))

    @cached_property
    def ledger_url(self) -> str:
        """The ledger's database."""
        return self.database_url or f"sqlite:///{self.home / 'ledger.sqlite3'}"

    @property
    def site(self) -> Path:
        """The folder of the public notice pages."""
        return self.home / "site"


def is_local(url: str) -> bool:
    """Whether only this machine can reach that address."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def read_settings(home: Path | None = None) -> Settings:
    """The settings of this home, or of AMENDS_HOME. Raises SettingsError that names what is missing."""
    folder = home or (Path(os.environ["AMENDS_HOME"]) if os.environ.get("AMENDS_HOME") else None)
    if folder is None:
        raise SettingsError("which home? set AMENDS_HOME or give --home DIR; `amends init DIR` makes one")
    folder = folder.absolute()
    if not (folder / FILE).exists():
        raise SettingsError(f"{folder / FILE} is not there; `amends init {folder}` makes it")
    try:
        return Settings(home=folder)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise SettingsError(f"{folder / FILE}: {wrong}") from None


def open_ledger(settings: Settings) -> "Ledger":
    """The ledger of this installation, its tables up to date. Raises KeyMissing."""
    from amends.domain.errors import KeyMissing
    from amends.ledger import Keys, Ledger

    key_file = settings.home / KEY_FILE
    if not settings.master_key and not key_file.exists():
        raise KeyMissing(f"{key_file} is not there; without the master key the ledger cannot be read")
    keys = Keys.from_text(settings.master_key or key_file.read_text())
    return Ledger(settings.ledger_url, keys, settings.home / ANCHOR_FILE).migrate()


def prefect_environment(settings: Settings) -> dict[str, str]:
    """The environment in which Prefect, its runs and the portal work for this installation.

    Loopback only, a shared secret asked for, CSRF protection on, no foreign origins, nothing reported to anybody,
    the ledger's home absolute.
    """
    secret = _prefect_secret(settings.home)
    address = f"http://127.0.0.1:{settings.prefect_port}"
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "AMENDS_HOME": str(settings.home),
        # The runner calls `python3`, and it must be this one.
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
        "PREFECT_HOME": str(settings.home / "prefect"),
        "PREFECT_API_URL": f"{address}/api",
        "PREFECT_API_AUTH_STRING": secret,
        "PREFECT_SERVER_API_AUTH_STRING": secret,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": address,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # The newer UI asks a tracking service for its settings on every page; this one asks nobody.
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        "PREFECT_LOGGING_LOG_PRINTS": "false",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "3",
    }


def _prefect_secret(home: Path) -> str:
    """What Prefect's UI and API ask for; made once, readable by us alone."""
    file = home / "keys" / "prefect-auth"
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as made:
            made.write(f"amends:{secrets.token_urlsafe(24)}")
    return file.read_text()
