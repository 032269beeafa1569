"""Settings, read once at the edge: from HOME/amends.toml, overridden by AMENDS_… variables."""

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from amends.domain.channel import ChannelKind
from amends.domain.errors import AmendsError

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
        local = parts.hostname in ("127.0.0.1", "localhost", "::1")
        if not parts.hostname or parts.scheme not in (("http", "https") if local else ("https",)):
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
