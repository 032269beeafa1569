"""Settings that cannot work are refused where they are read, in words that name them; a lost ledger is never made anew."""

import base64
import sys
from pathlib import Path

import pytest

from amends.domain.base.errors import KeyMissing, LedgerUnavailable
from amends.ledger import Keys, Ledger
from amends.ledger.store.disk_reserve import MEGABYTE
from amends.settings import (
    ANCHOR_FILE,
    SETTINGS_FILE,
    Settings,
    SettingsError,
    open_ledger,
    prefect_environment,
    read_settings,
)
from tests.builders import NOW

URL = "https://notice.example.com"
KEY = b"k" * 32


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home without a ledger."""
    made = tmp_path / "home"
    (made / "keys").mkdir(parents=True)
    (made / "keys" / "master.key").write_bytes(base64.b64encode(KEY))
    (made / SETTINGS_FILE).write_text(f'public_url = "{URL}"\n')
    return made


def add(home: Path, text: str) -> None:
    with (home / SETTINGS_FILE).open("a") as file:
        file.write(text)


def refusal(home: Path) -> str:
    """Why these settings cannot be read."""
    with pytest.raises(SettingsError) as refused:
        read_settings(home)
    return str(refused.value)


def with_ledger(home: Path) -> Path:
    """As `amends init` makes it, and with an act in it."""
    file = home / "ledger.sqlite3"
    ledger = Ledger(f"sqlite:///{file}", Keys(KEY), home / ANCHOR_FILE).migrate()
    with ledger.store.write() as write:
        write.note(NOW, "", "looked")
    ledger.dispose()
    return file


# The ledger that was there


def test_a_ledger_that_is_gone_is_named_and_none_is_made(home: Path) -> None:
    file = with_ledger(home)
    file.unlink()
    with pytest.raises(LedgerUnavailable, match=f"{file} is gone.* backup"):
        open_ledger(read_settings(home))
    assert not file.exists()


def test_a_lost_ledger_is_missed_even_before_its_first_entry(home: Path) -> None:
    """A home whose ledger is gone is refused with LedgerUnavailable also when nothing was ever recorded in the ledger:
    no new ledger is made in silence.
    """
    with pytest.raises(LedgerUnavailable, match="is gone"):
        open_ledger(read_settings(home))


def test_an_empty_file_is_no_ledger(home: Path) -> None:
    file = with_ledger(home)
    file.write_bytes(b"")
    with pytest.raises(LedgerUnavailable, match=f"{file} is empty"):
        open_ledger(read_settings(home))


def test_a_database_without_tables_is_refused_where_acts_were_noted(home: Path, tmp_path: Path) -> None:
    with_ledger(home)
    other = Ledger(f"sqlite:///{tmp_path / 'other.sqlite3'}", Keys(KEY), home / ANCHOR_FILE)
    with pytest.raises(LedgerUnavailable, match="the ledger's database is empty"):
        other.migrate()
    other.dispose()


def test_a_ledger_in_another_place_may_be_new(home: Path, tmp_path: Path) -> None:
    add(home, f'database_url = "sqlite:///{tmp_path / "elsewhere.sqlite3"}"\n')
    ledger = open_ledger(read_settings(home))
    assert ledger.incidents.all() == ()
    ledger.dispose()


def test_a_ledger_that_moved_to_another_place_is_missed_there(home: Path, tmp_path: Path) -> None:
    with_ledger(home)
    add(home, f'database_url = "sqlite:///{tmp_path / "elsewhere.sqlite3"}"\n')
    with pytest.raises(LedgerUnavailable, match=r"elsewhere\.sqlite3 is gone"):
        open_ledger(read_settings(home))


def test_a_home_says_how_much_room_its_reserve_takes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMENDS_DISK_RESERVE", "3")
    with_ledger(home)
    ledger = open_ledger(read_settings(home))
    ledger.dispose()
    assert ledger.store.reserve.size == 3 * MEGABYTE


def test_a_ledger_of_another_amends_says_so(home: Path) -> None:
    with_ledger(home)
    ledger = open_ledger(read_settings(home))
    with ledger.store.engine.execution_options(writes=True).connect() as connection:
        connection.exec_driver_sql("UPDATE amends_schema SET version_num = '9999'")
        connection.commit()
    with pytest.raises(LedgerUnavailable, match="written by another Amends: its tables are 9999"):
        ledger.migrate()
    ledger.dispose()


@pytest.mark.parametrize("content", [b"\xff\x00\x9c" * 11, b"not base64", b""])
def test_a_key_file_that_holds_no_key_is_said_in_words(home: Path, content: bytes) -> None:
    with_ledger(home)
    (home / "keys" / "master.key").write_bytes(content)
    with pytest.raises(KeyMissing, match="master"):
        open_ledger(read_settings(home))


# The address of the database


@pytest.mark.parametrize(
    "url", ["postgres://db/amends", "postgresql+psycopgg://db/amends", "db/amends", "mysql://db/a"]
)
def test_a_database_that_amends_cannot_use_is_refused(home: Path, url: str) -> None:
    add(home, f'database_url = "{url}"\n')
    assert "database_url: it must begin with postgresql+psycopg:// or sqlite:///" in refusal(home)


def test_a_relative_ledger_path_is_refused(home: Path) -> None:
    """A relative path of the ledger is refused because each worker, started in its own folder, would open another
    ledger.
    """
    add(home, 'database_url = "sqlite:///ledger.sqlite3"\n')
    assert "database_url: the path of the ledger must be absolute" in refusal(home)


def test_a_malformed_database_url_is_refused_without_its_password(home: Path) -> None:
    """A database_url that is no address of a database is refused, and the refusal does not show the password in the
    address.
    """
    add(home, 'database_url = "postgresql+psycopg://amends:hunter2@db:none/amends"\n')
    with pytest.raises(SettingsError, match="database_url: it is no address of a database") as refused:
        open_ledger(read_settings(home))
    assert "hunter2" not in str(refused.value)


def test_a_driver_that_is_not_installed_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)  # how Python marks a module that is not there
    add(home, 'database_url = "postgresql+psycopg://amends@db/amends"\n')
    with pytest.raises(SettingsError, match=r"database_url: it needs psycopg.* pip install 'amends\[postgres\]'"):
        open_ledger(read_settings(home))


# Where people reach us


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://x.example.com?a=1", "before any"),
        ("https://x.example.com/#top", "before any"),
        ("https://x.example.com/?", "before any"),
        ("https://mei:secret@x.example.com", "no user name"),
        ("https://x.example.com/a b", "no blank"),
        ("https://x.example.com/\u00a0", "no blank"),
        ("https://x.example.com\n", "no blank"),
        ("https://x.example.com:99999", "its port"),
        ("https://x.example.com:0", "its port"),
        ("https://x.example.com:port", "its port"),
        ("https://", "must begin with https://"),
    ],
)
def test_a_public_url_that_cannot_begin_a_link_is_refused(tmp_path: Path, url: str, reason: str) -> None:
    """A public_url that no link can begin with is refused, and the refusal says which part of the URL is wrong."""
    with pytest.raises(ValueError, match=reason):
        Settings(home=tmp_path, public_url=url)


@pytest.mark.parametrize("url", [URL, f"{URL}:8443", f"{URL}/data-breach", "http://127.0.0.1:8400", "http://[::1]:1"])
def test_a_public_url_may_have_a_port_and_a_path(tmp_path: Path, url: str) -> None:
    assert Settings(home=tmp_path, public_url=url).public_url == url


# Ports


@pytest.mark.parametrize("port", [-1, 0, 65_536, 99_999_999])
@pytest.mark.parametrize("name", ["portal_port", "prefect_port"])
def test_a_port_that_cannot_be_is_refused(home: Path, name: str, port: int) -> None:
    add(home, f"{name} = {port}\n")
    assert name in refusal(home)


def test_two_parts_cannot_share_a_port(home: Path) -> None:
    add(home, "portal_port = 4200\n")
    assert "portal_port and prefect_port are both 4200" in refusal(home)


# The file itself


def test_a_missing_quote_is_named_by_its_line(home: Path) -> None:
    add(home, 'database_url = "sqlite\n')
    assert refusal(home).startswith(f"{home / SETTINGS_FILE}:2:")


def test_a_file_in_another_encoding_is_named_by_its_line(home: Path) -> None:
    with (home / SETTINGS_FILE).open("ab") as file:
        file.write("# für alle\n".encode("latin-1"))
    assert refusal(home) == f"{home / SETTINGS_FILE}:2: this is not UTF-8; save the file as UTF-8"


def test_a_folder_in_place_of_the_file_is_named(home: Path) -> None:
    (home / SETTINGS_FILE).unlink()
    (home / SETTINGS_FILE).mkdir()
    assert refusal(home).startswith(f"{home / SETTINGS_FILE} is no file")


@pytest.mark.parametrize("name", ["AMENDS_CHANNELS", "AMENDS_LIMITS"])
def test_a_variable_that_cannot_be_read_is_named(home: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "{")
    assert refusal(home).startswith(f"{name} is no JSON")


def test_numbers_and_true_may_stand_in_a_channel_without_quotes(home: Path) -> None:
    add(home, '[channels.email]\nuse = "email_smtp"\nport = 587\nchunking = true\n')
    assert read_settings(home).channels == {"email": {"use": "email_smtp", "port": "587", "chunking": "true"}}


def test_a_list_in_a_channel_is_refused(home: Path) -> None:
    add(home, '[channels.email]\nuse = "email_smtp"\nport = [587]\n')
    assert refusal(home).startswith(f"{home / SETTINGS_FILE}: channels.email.port: ")


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("AMENDS_CHANNELS", "[]", "AMENDS_CHANNELS: channels: "),
        ("AMENDS_CHANNELS__FAX__USE", "outbox", "AMENDS_CHANNELS__FAX__USE: channels.fax: "),
        ("AMENDS_PORTAL_PORT", "x", "AMENDS_PORTAL_PORT: portal_port: "),
    ],
    ids=["a list", "a channel", "a port"],
)
def test_a_value_from_a_variable_is_not_blamed_on_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, named: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert refusal(home).startswith(named)


def test_a_flaw_in_a_section_set_by_a_variable_names_both_places(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong value in a section that a variable also sets may stand in the variable or in the file, so the refusal
    names both.
    """
    monkeypatch.setenv("AMENDS_CHANNELS", '{"email": 1}')
    assert refusal(home).startswith(f"AMENDS_CHANNELS or {home / SETTINGS_FILE}: channels.email: ")


def test_a_value_from_the_file_is_not_blamed_on_a_variable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMENDS_CHANNELS__SMS__USE", "outbox")
    add(home, 'portal_port = "x"\n[channels.fax]\nuse = "outbox"\n')
    assert refusal(home).count(f"{home / SETTINGS_FILE}: ") == 2


def test_a_key_that_cannot_be_read_is_named(home: Path) -> None:
    with_ledger(home)
    (home / "keys" / "master.key").unlink()
    (home / "keys" / "master.key").mkdir()
    with pytest.raises(KeyMissing, match=r"keys/master\.key cannot be read"):
        open_ledger(read_settings(home))


@pytest.mark.parametrize("text", ["too short", base64.b64encode(b"k" * 31).decode()], ids=["no base64", "31 bytes"])
def test_a_key_that_is_none_is_named_by_its_place(home: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with_ledger(home)
    (home / "keys" / "master.key").write_text(text)
    with pytest.raises(KeyMissing, match=r"keys/master\.key holds no master key.*put its copy there"):
        open_ledger(read_settings(home))
    monkeypatch.setenv("AMENDS_MASTER_KEY", text)
    with pytest.raises(KeyMissing, match="the setting master_key holds no master key"):
        open_ledger(read_settings(home))


def test_a_secret_of_prefect_lost_with_the_power_is_made_anew(home: Path) -> None:
    """When a power cut has left the file with Prefect's secret empty, a new secret is made, and server and clients get
    the same one.
    """
    (home / "keys" / "prefect-auth").touch()
    secret = prefect_environment(read_settings(home))["PREFECT_SERVER_API_AUTH_STRING"]
    assert secret.startswith("amends:")
    assert prefect_environment(read_settings(home))["PREFECT_API_AUTH_STRING"] == secret
