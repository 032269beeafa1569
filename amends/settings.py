"""The settings, read once at the edge from HOME/amends.toml; AMENDS_… variables take precedence over the file."""

import os
import re
import secrets
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError as NoJson

from amends.domain.base.errors import AmendsError, KeyMissing, LedgerUnavailable, Refusal
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from amends.ledger import Keys, Ledger

DATABASES = ("sqlite", "postgresql", "postgresql+psycopg")
"""The schemes with which `database_url` may begin."""
SETTINGS_FILE = "amends.toml"
KEY_FILE = Path("keys") / "master.key"
TOML_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)")
"""The message of tomllib about an error, with the place of the error."""
ANCHOR_FILE = Path("keys") / "audit-head"

Port = Annotated[int, Field(ge=1, le=65_535)]


def _as_text(value: object) -> object:
    """Return a number, true or false as the text that a channel reads. TOML may have these values without quotes."""
    return str(value).lower() if isinstance(value, (bool, int, float)) else value


Seconds = Annotated[float, Field(gt=0, le=3600)]
Word = Annotated[str, BeforeValidator(_as_text)]


class SettingsError(AmendsError):
    """A setting is missing or wrong; the message names it."""


class ConnectionLimits(BaseModel):
    """The limits of connections to the portal, which hold with and without a proxy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    head_seconds: Seconds = 10
    """The time for the whole head of a request, from the opening of the connection or the answer before."""
    body_seconds: Seconds = 30
    """The time for the whole body of a request."""
    least_rate: int = Field(default=128, ge=0)
    """The least bytes per second of a body, after a quarter of its time."""
    answer_seconds: Seconds = 60
    """The time in which a reader must take what was written."""
    most: int = Field(default=512, ge=1)
    """The most connections in all. Each takes a file, of which a process often may open 1,024."""
    per_address: int = Field(default=128, ge=0)
    """The most connections of one address, 0 for any number. Holds only without a proxy, which has one address."""


class InboxSettings(BaseModel):
    """The mailbox to which people write: a Maildir or another folder of this machine, or a mailbox on a mail server."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path | None = None
    """A Maildir, an mbox or a folder of mails; absolute."""
    host: str = Field(default="", max_length=253)
    """The mail server (IMAP)."""
    port: Port | None = None
    """The port of the mail server: 993 with TLS, else 143."""
    security: Literal["tls", "starttls", "none"] = "tls"
    username: str = Field(default="", repr=False, max_length=320)
    password: str = Field(default="", repr=False, max_length=1000)
    mailbox: str = Field(default="INBOX", max_length=200)
    incident: str = ""
    """The incident of mails that answer no message of ours; empty means the only one that is open."""
    every_seconds: int = Field(default=60, ge=5, le=3600)
    """The time between two looks."""

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if bool(self.folder) == bool(self.host):
            raise ValueError("give either folder or host")
        if self.folder and not self.folder.is_absolute():
            raise ValueError("the folder must be an absolute path")
        if self.host and not (self.username and self.password):
            raise ValueError("with host, username and password are needed")
        if self.host and self.security == "none" and self.host not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("security none sends the password for everybody to read; it is for this machine alone")
        if not (self.username + self.password).isprintable() or not (
            self.mailbox.isascii() and self.mailbox.isprintable()
        ):
            raise ValueError("a name or the password holds a character that nobody can type; a mailbox has ASCII only")
        return self


class Settings(BaseSettings):
    """The settings of an installation. Holds secrets: repr shows none."""

    model_config = SettingsConfigDict(env_prefix="AMENDS_", env_nested_delimiter="__", extra="forbid", frozen=True)

    home: Path
    """The folder with the ledger, the keys and amends.toml; absolute, so that no worker opens another by accident."""
    public_url: str
    """The address of the portal and the notice pages, without a slash at the end."""
    database_url: str = Field(default="", repr=False)
    """The URL of the ledger's database; empty means SQLite in the home folder."""
    master_key: str = Field(default="", repr=False)
    """The master key, base64 of 32 bytes; empty means the key in keys/master.key in the home folder."""
    channels: dict[ChannelKind, dict[str, Word]] = Field(default={}, repr=False)
    """For each channel `use`, the name of a module in channels/, and the settings of this module."""
    limits: Limits = DEFAULT
    """The limits of bad addresses, uncertain answers and complaints beyond which a send stops by itself."""
    alarm_url: str = Field(default="", repr=False)
    """The team's own channel for alarms of Prefect, as an Apprise address; empty means no alarms."""
    inbox: InboxSettings | None = Field(default=None, repr=False)
    """The mailbox that `amends up` looks into; None means that nobody looks."""
    disk_reserve: int = Field(default=64, ge=1)
    """The megabytes beside a ledger in a file that are freed when the disk is full, for the answers in flight."""
    portal_port: Port = 8400
    prefect_port: Port = 4200
    connections: ConnectionLimits = ConnectionLimits()
    """The limits of time and number of connections to the portal."""
    trusted_proxies: int = Field(default=0, ge=0)
    """The number of our proxies in front of the portal. Each adds one address to X-Forwarded-For."""

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        if not home.is_absolute():
            raise ValueError("the home folder must be an absolute path")
        return home

    @field_validator("public_url")
    @classmethod
    def _complete(cls, url: str) -> str:
        if why := why_not_public_url(url):
            raise ValueError(why)
        return url.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _of_a_database(cls, url: str) -> str:
        kind, _, place = url.partition("://")
        if url and kind not in DATABASES:
            raise ValueError("it must begin with postgresql+psycopg:// or sqlite:///")
        if kind == "sqlite" and not Path(place.removeprefix("/")).is_absolute():
            raise ValueError("the path of the ledger must be absolute: sqlite:////DIR/ledger.sqlite3")
        return url

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        if self.portal_port == self.prefect_port:
            raise ValueError(f"portal_port and prefect_port are both {self.portal_port}; each needs a port of its own")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources by precedence: the command line, the environment, the file."""
        home = init_settings().get("home")
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, Path(str(home)) / SETTINGS_FILE))

    @cached_property
    def ledger_url(self) -> str:
        """Return the URL of the ledger's database."""
        return self.database_url or f"sqlite:///{self.home / 'ledger.sqlite3'}"

    @property
    def site(self) -> Path:
        """Return the folder of the public notice pages."""
        return self.home / "site"

    @property
    def prefect(self) -> Path:
        """Return the folder of Prefect's database, which exists once Prefect has run."""
        return self.home / "prefect"


def is_local(url: str) -> bool:
    """Return True when only this machine can reach this address."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def why_not_public_url(url: str) -> Refusal | None:
    """Return why this address cannot be the beginning of links for people, or None when it can."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return Refusal("it is no address: a bracket is missing, or what stands in them is none")
    if not parts.hostname or parts.scheme not in (("http", "https") if is_local(url) else ("https",)):
        return Refusal("it must begin with https:// and a host name of the organisation")
    if not url.isprintable() or " " in url:
        return Refusal("there must be no blank in it")
    if "@" in parts.netloc:
        return Refusal("there must be no user name or password in it")
    if "?" in url or "#" in url:
        return Refusal("it must end before any ? or #, because every link begins with it")
    try:
        wrong_port = parts.port == 0
    except ValueError:
        wrong_port = True
    return Refusal("its port must be a number from 1 to 65535") if wrong_port else None


def read_settings(home: Path | None = None) -> Settings:
    """Return the settings of this home, or of AMENDS_HOME. Raises SettingsError that names what is missing or wrong."""
    folder = home or (Path(os.environ["AMENDS_HOME"]) if os.environ.get("AMENDS_HOME") else None)
    if folder is None:
        raise SettingsError("which home? set AMENDS_HOME or give --home DIR; `amends init DIR` makes one")
    file = folder.absolute() / SETTINGS_FILE
    with _readable_errors(file):
        return _read(file)


def new_settings(home: Path, public_url: str) -> Settings:
    """Return the settings of a home that is to be made. Raises SettingsError that names the wrong AMENDS_… variable."""
    with _readable_errors(home / SETTINGS_FILE):
        return Settings(home=home, public_url=public_url)


@contextmanager
def _readable_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except (ValidationError, NoJson, OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(_in_words(file, error)) from None


def _advice(home: Path) -> str:
    """Return the advice for a folder without settings: a home that lost them, or a folder that is no home."""
    if (home / KEY_FILE.parent).exists():
        return "this home has lost it: put its copy there again"
    return f"another folder is the home, or `amends init {home} --public-url URL` makes a new one"


def _read(file: Path) -> Settings:
    if not file.exists():
        raise SettingsError(f"{file} is not there; {_advice(file.parent)}")
    if not file.is_file():
        raise SettingsError(f"{file} is no file; the settings must stand in a file of that name")
    return Settings(home=file.parent)


def _in_words(file: Path, error: Exception) -> str:
    """Return the place and the kind of an error in the settings, never the value, which may be a secret."""
    match error:
        case ValidationError():
            faults = [
                ([str(part) for part in fault["loc"] if part != "[key]"], fault["msg"]) for fault in error.errors()
            ]
            return "; ".join(f"{_place(file, at)}: {what.removeprefix('Value error, ')}" for at, what in faults)
        case tomllib.TOMLDecodeError():
            what, *place = found.groups() if (found := TOML_PLACE.fullmatch(str(error))) else (str(error),)
            return ":".join((str(file), *filter(None, place))) + f": {what}; is a quote or a bracket missing?"
        case UnicodeDecodeError():
            line = error.object.count(b"\n", 0, error.start) + 1
            return f"{file}:{line}: this is not UTF-8; save the file as UTF-8"
        case OSError():
            return f"{error.filename or file} cannot be read: {error.strerror}"
    found = re.search(r'field "(\w+)"', str(error))
    variable = f"AMENDS_{found[1].upper()}" if found else "a variable AMENDS_…"
    return f"{variable} is no JSON; set one value at a time, as in AMENDS_CHANNELS__EMAIL__PASSWORD"


def _place(file: Path, at: list[str]) -> str:
    """Return the setting with its source: a variable, which takes precedence, or the file.

    One variable can hold a whole section, to which the file may add; then both are named.
    """
    whole = "__".join(("AMENDS", *at)).upper().replace("__", "_", 1)
    set_here = [name for name in os.environ if _within(name.upper(), whole) or _within(whole, name.upper())]
    variable = max(set_here, key=len, default="")
    may_be_either = len(variable) < len(whole) and file.exists()
    where = " or ".join(filter(None, (variable, str(file) if may_be_either or not variable else "")))
    return ": ".join(filter(None, (where, ".".join(at))))


def _within(name: str, section: str) -> bool:
    return f"{name}__".startswith(f"{section}__")


def open_ledger(settings: Settings) -> "Ledger":
    """Return the ledger of this installation, with its tables.

    Raises KeyMissing, LedgerUnavailable or SettingsError. The ledger must exist: only `amends init` makes one, because
    a new one here would be empty, and the loss of the old one would go unnoticed.
    """
    return _ledger_at(settings, _keys(settings)).migrate()


def _keys(settings: Settings) -> "Keys":
    """Return the keys of the ledger. Raises KeyMissing, which names the place where the master key should stand."""
    from amends.ledger import Keys
    from amends.system.key_file import KeyFile

    file = settings.home / KEY_FILE
    try:
        return Keys.from_text(settings.master_key or file.read_text(encoding="ascii"), KeyFile(file))
    except FileNotFoundError:
        what = f"{file} is not there; put its copy there again: without the master key the ledger cannot be read"
    except OSError as error:
        what = f"{file} cannot be read: {error.strerror}"
    except (UnicodeDecodeError, KeyMissing):
        place = "the setting master_key" if settings.master_key else file
        what = f"{place} holds no master key, which is base64 text of 32 bytes; put its copy there again"
    raise KeyMissing(what)


def _ledger_at(settings: Settings, keys: "Keys") -> "Ledger":
    """Return the ledger. Raises LedgerUnavailable when it is gone, and SettingsError when its address is impossible.

    The errors do not show the address, which may hold a password.
    """
    from sqlalchemy.exc import ArgumentError

    from amends.ledger import Ledger
    from amends.ledger.store.disk_reserve import MEGABYTE

    try:
        _refuse_when_gone(settings)
        reserve = settings.disk_reserve * MEGABYTE
        return Ledger(settings.ledger_url, keys, settings.home / ANCHOR_FILE, reserve=reserve)
    except ModuleNotFoundError as error:
        what = f"it needs {error.name}, which is not installed here: pip install 'amends[postgres]'"
    except (ArgumentError, ValueError):
        what = "it is no address of a database; write postgresql+psycopg://USER:PASSWORD@HOST:5432/NAME"
    raise SettingsError(f"{settings.home / SETTINGS_FILE}: database_url: {what}")


def _refuse_when_gone(settings: Settings) -> None:
    """Raise LedgerUnavailable when the SQLite file is gone, because SQLite would create an empty one.

    A file that `database_url` names may be missing as long as nothing was recorded in the ledger.
    """
    from amends.ledger.store.database import file_of

    file = file_of(settings.ledger_url)
    was_there = not settings.database_url or (settings.home / ANCHOR_FILE).exists()
    if file and was_there and not (file.exists() and file.stat().st_size):
        raise LedgerUnavailable(
            f"{file} is {'empty' if file.exists() else 'gone'}, and with it who was told what; nothing was changed. "
            "Restore it from a backup, as docs/operations.md says under `Restore a backup`"
        )


def prefect_environment(settings: Settings) -> dict[str, str]:
    """Return the environment in which Prefect, its runs and the portal work for this installation.

    Prefect listens on loopback only, asks for a shared secret, protects against CSRF, accepts no foreign origin and
    reports nothing to anybody. The path of the home is absolute.
    """
    secret = _prefect_secret(settings.home)
    address = f"http://127.0.0.1:{settings.prefect_port}"
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        **_without_proxy("127.0.0.1"),
        "AMENDS_HOME": str(settings.home),
        # The runner calls `python3`, which must be this interpreter.
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
        "PREFECT_HOME": str(settings.prefect),
        "PREFECT_API_URL": f"{address}/api",
        "PREFECT_API_AUTH_STRING": secret,
        "PREFECT_SERVER_API_AUTH_STRING": secret,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": address,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # The older UI, which alone is served: see amends/cli/home/prefect_pages.py.
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        "PREFECT_LOGGING_LOG_PRINTS": "false",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        # Runs of the timetable have a name of no meaning until they begin: few of them stand among those to come.
        "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_RUNS": "1",
        "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_RUNS": "2",
    }


def _without_proxy(host: str) -> dict[str, str]:
    """Return the variables that keep requests to this host, and their secret, from the company's proxy.

    No variable is needed when `*` excludes all hosts already.
    """
    excluded = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    hosts = ",".join(filter(None, (excluded, host)))
    return {} if excluded == "*" else {"no_proxy": hosts, "NO_PROXY": hosts}


def _prefect_secret(home: Path) -> str:
    """Return the secret that Prefect's UI and API ask for, made once and readable by us alone.

    An empty file is replaced, because an empty secret would keep nobody out.
    """
    from amends.system.files import locked, replace_locked

    file = home / "keys" / "prefect-auth"
    if not _has_content(file):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(file):
            if not _has_content(file):
                replace_locked(file, f"amends:{secrets.token_urlsafe(24)}")
    return file.read_text()


def _has_content(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0
