"""A new home is complete, private and never written over; the doctor finds what is wrong with one."""

import base64
import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from amends.cli.home.doctor import network_device
from amends.ledger.store import disk_reserve
from amends.settings import SettingsError, read_settings
from channels.smtp.dkim import Signer
from tests.cli.conftest import INCIDENT, Office, tamper
from tests.disks import fill_up, small_file_system


def init(folder: Path, url: str = "https://btepai.example") -> int:
    return Office(folder).amends("init", folder, "--public-url", url).exit_code


def test_a_new_home_is_for_its_owner_only(empty: Office) -> None:
    private = ("amends.toml", "keys/master.key", "ledger.sqlite3")
    assert empty.home.stat().st_mode & 0o777 == 0o700
    assert {(empty.home / name).stat().st_mode & 0o777 for name in private} == {0o600}


def test_the_master_key_is_32_bytes_in_base64(empty: Office) -> None:
    assert len(base64.b64decode((empty.home / "keys" / "master.key").read_text())) == 32


def test_every_channel_begins_as_an_outbox(empty: Office) -> None:
    from amends.settings import read_settings

    channels = read_settings(empty.home).channels
    assert {kind: settings["use"] for kind, settings in channels.items()} == dict.fromkeys(
        ("email", "sms", "social", "website"), "outbox"
    )


def test_init_into_an_empty_folder_works(tmp_path: Path) -> None:
    assert init(tmp_path) == 0


def test_init_writes_over_nothing(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    assert init(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_second_init_leaves_the_first_home_alone(empty: Office) -> None:
    before = (empty.home / "keys" / "master.key").read_text()
    assert init(empty.home) == 1
    assert (empty.home / "keys" / "master.key").read_text() == before


@pytest.mark.parametrize("url", ["http://btepai.example", "btepai.example", "ftp://x.example"])
def test_a_public_url_that_people_cannot_trust_is_refused(tmp_path: Path, url: str) -> None:
    home = tmp_path / "home"
    assert init(home, url) == 2
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_with_a_public_url_is_said_in_our_words(tmp_path: Path) -> None:
    answer = Office(tmp_path).amends("init", tmp_path / "home", "--public-url", "btepai.example")
    assert "--public-url: it must begin with https://" in answer.stderr


@pytest.mark.parametrize("words", [("init",), ("demo", "--home")], ids=["init", "demo"])
@pytest.mark.parametrize("value", ["{", "[]", '{"email": 1}'], ids=["no JSON", "a list", "a number"])
def test_a_variable_that_is_wrong_is_named_before_a_home_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], value: str
) -> None:
    monkeypatch.setenv("AMENDS_CHANNELS", value)
    url = ("--public-url", "https://btepai.example") if words == ("init",) else ()
    answer = Office(tmp_path / "none").amends(*words, tmp_path / "home", *url)
    assert answer.exit_code == 1
    assert answer.stderr.startswith("amends: AMENDS_CHANNELS")
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    answer = Office(tmp_path).amends("init", tmp_path / "home", "--public-url", "https://[")
    assert (answer.exit_code, "--public-url: it is no address" in answer.stderr) == (2, True)


def test_a_home_that_cannot_be_made_is_named_by_its_own_path(tmp_path: Path) -> None:
    """When a home cannot be made, the error names the home and the cause, and not the temporary folder in which the
    home is built.
    """
    file = tmp_path / "file"
    file.touch()
    answer = Office(tmp_path).amends("init", file / "home", "--public-url", "https://btepai.example")
    assert answer.exit_code == 1
    assert f"{file / 'home'} cannot be made: {file}: " in answer.stderr


def test_the_doctor_counts_one_as_one(office: Office) -> None:
    assert "the master key opens the ledger (1 incident)" in checks(office)


def test_the_doctor_finds_nothing_wrong_with_a_new_home(empty: Office) -> None:
    answer = empty.amends("doctor")
    assert answer.exit_code == 0, answer.output
    assert "fail" not in answer.stdout


def checks(office: Office) -> dict[str, str]:
    answer = office.amends("doctor", "--json")
    return {line["what"]: line["verdict"] for line in json.loads(answer.stdout)["checks"]}


def failures(office: Office) -> list[str]:
    return [what for what, verdict in checks(office).items() if verdict == "fail"]


def test_a_channel_that_reaches_nobody_is_not_called_ok(empty: Office) -> None:
    kinds = ("email", "sms", "social", "website")
    assert {what: verdict for what, verdict in checks(empty).items() if "NOBODY IS TOLD" in what} == {
        f"NOBODY IS TOLD by {kind}: files on this machine, as amends.toml says": "warn" for kind in kinds
    }
    assert "lines are marked warn" in empty.amends("doctor").stderr


def test_a_key_that_others_can_read_fails(empty: Office) -> None:
    (empty.home / "keys" / "master.key").chmod(0o644)
    assert ["master.key" in what for what in failures(empty)] == [True]


def test_another_key_fails(empty: Office) -> None:
    (empty.home / "keys" / "master.key").write_text(base64.b64encode(b"x" * 32).decode())
    wrong = "this master key is not the one that the ledger was written with; put that one in its place: "
    assert [what for what in failures(empty) if what.startswith(wrong)]


def test_a_file_that_cannot_be_read_is_named(empty: Office) -> None:
    head = empty.home / "keys" / "audit-head"
    head.unlink(missing_ok=True)
    head.mkdir()
    assert f"{head}: Is a directory" in failures(empty)


def test_a_channel_that_is_set_up_wrongly_fails(empty: Office) -> None:
    settings = empty.home / "amends.toml"
    settings.write_text(settings.read_text().replace('use = "outbox"\nkind = "sms"', 'use = "pigeon"\nkind = "sms"'))
    assert ["pigeon" in what for what in failures(empty)] == [True]


def signing(office: Office) -> Office:
    """An office whose email signs itself."""
    key = Ed25519PrivateKey.generate()
    (office.home / "dkim.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    relay = ('use = "email_smtp"', 'host = "127.0.0.1"', 'security = "none"', 'sender = "care@btepai.example"')
    dkim = (f'dkim_key_file = "{office.home}/dkim.pem"', 'dkim_domain = "btepai.example"', 'dkim_selector = "notices"')
    return with_section(office, "email", *relay, 'bounce_domain = "b.btepai.example"', *dkim)


def test_whoever_signs_is_told_what_to_publish_in_dns(empty: Office) -> None:
    (told,) = [what for what in checks(signing(empty)) if "publish" in what]
    signer = Signer.load(empty.home / "dkim.pem", "btepai.example", "notices")
    assert told.endswith(f"notices._domainkey.btepai.example TXT {signer.public_record()}")


def with_section(office: Office, kind: str, *lines: str) -> Office:
    """An office with these settings of a channel, in place of its outbox."""
    settings = office.home / "amends.toml"
    section = "\n".join(lines)
    settings.write_text(re.sub(rf'use = "outbox"\nkind = "{kind}"\nfolder = .*', section, settings.read_text()))
    return office


def with_pages(office: Office, folder: str = "site", base_url: str = "https://btepai.example/n") -> Office:
    where = (f'folder = "{office.home / folder}"', f'base_url = "{base_url}"')
    return with_section(office, "website", 'use = "website_static"', *where)


def with_reports(office: Office, url: str, *more: str) -> Office:
    """SMS by a gateway that is told to report there."""
    gateway = ('use = "sms_http"', 'shape = "twilio"', 'url = "https://sms.example"', 'account = "AC1"')
    return with_section(office, "sms", *gateway, 'token = "t"', 'from_ = "+1555"', f'callback_url = "{url}"', *more)


def warnings(office: Office) -> list[str]:
    return [what for what, verdict in checks(office).items() if verdict == "warn"]


def test_pages_that_the_portal_shows_are_fine(empty: Office) -> None:
    assert checks(with_pages(empty))["channel website is website_static"] == "ok"
    assert not [what for what in warnings(empty) if "channel website" in what]


def test_a_folder_for_pages_that_is_not_there_fails(empty: Office) -> None:
    assert failures(with_pages(empty, "gone")) == ["channel website_static: folder does not exist"]


def test_a_folder_for_pages_that_the_portal_does_not_show_is_told(empty: Office) -> None:
    assert f"channel website: its folder is not {empty.home / 'site'}, which the portal shows" in warnings(
        with_pages(empty, "keys")
    )


def test_pages_at_an_address_where_no_message_leads_are_told(empty: Office) -> None:
    assert "channel website: base_url is not https://btepai.example/n, where every message leads" in warnings(
        with_pages(empty, base_url="https://btepai.example/notices")
    )


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://btepai.example/receipts/sms", False),
        ("http://127.0.0.1:8400/receipts/sms", False),
        ("https://btepai.example/receipts", True),
        ("https://elsewhere.example/receipts/sms", True),
        ("http://127.0.0.1:8401/receipts/sms", True),
    ],
)
def test_an_address_at_which_the_portal_takes_no_report_is_told(empty: Office, url: str, told: bool) -> None:
    ours = "https://btepai.example/receipts/sms"
    line = f"channel sms: callback_url is not {ours}, where the portal takes delivery reports"
    assert (line in warnings(with_reports(empty, url))) is told
    assert checks(empty)["channel sms is sms_http"] == "ok"


def test_an_address_at_which_the_portal_hears_nobody_is_told(empty: Office) -> None:
    ours = "https://btepai.example/incoming/sms"
    line = f"channel sms: incoming_url is not {ours}, where the portal takes what people write back"
    assert line in warnings(
        with_reports(
            empty, "https://btepai.example/receipts/sms", 'incoming_url = "https://btepai.example/receipts/sms"'
        )
    )


def test_whoever_does_not_sign_has_nothing_to_publish(empty: Office) -> None:
    assert [what for what in checks(empty) if "publish" in what] == []


def test_a_full_disk_with_the_ledger_fails(empty: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_reserve, "LEAST", 1 << 60)
    assert ["the disk with the ledger is full: make room" in what for what in failures(empty)] == [True]


def test_a_full_disk_with_prefects_database_fails(empty: Office) -> None:
    """The ledger may lie elsewhere, and Prefect answers as if all were well."""
    with small_file_system(empty.home / "prefect") as folder:
        assert failures(empty) == []
        fill_up(folder / "filler")
        assert [f"the disk with {folder} is full" in what for what in failures(empty)] == [True]


def test_a_public_url_on_a_foreign_domain_fails(office: Office) -> None:
    settings = office.home / "amends.toml"
    settings.write_text(settings.read_text().replace("https://btepai.example", "https://elsewhere.example"))
    assert [INCIDENT in what for what in failures(office)] == [True]


def test_an_altered_audit_chain_fails(office: Office) -> None:
    tamper(office, 2)
    assert any("entry 2" in what for what in failures(office))


def test_without_a_home_the_doctor_still_checks_python_and_packages(tmp_path: Path) -> None:
    answer = Office(tmp_path / "nowhere").amends("doctor")
    assert answer.exit_code == 3
    assert "package flows is ours" in answer.stdout


@pytest.mark.full
def test_the_doctor_at_a_terminal_sends_no_usage_data_to_prefect(empty: Office, tmp_path: Path) -> None:
    """At a terminal, in a new home folder and without a variable that says CI, the doctor imports Prefect without any
    usage data going to Prefect's maker, which Prefect would send by default.
    """
    words = [sys.executable, "-c", "from amends.cli import main; main()", "doctor"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AMENDS_HOME": str(empty.home)}
    ours, theirs = pty.openpty()
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        said = all_said(ours)
    assert (process.returncode in (0, 3), b"modules of flows can be imported" in said) == (True, True), said
    assert b"usage data" not in said


@pytest.mark.full
def test_the_doctor_hides_prefects_warning_without_a_home_folder(empty: Office, tmp_path: Path) -> None:
    """For a user without a home folder, such as the user of a service, the doctor reports on Prefect without Prefect's
    own warning about the missing folder.
    """
    words = [sys.executable, "-c", "from amends.cli import main; main()", "doctor"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "nowhere"), "AMENDS_HOME": str(empty.home)}
    asked = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert "modules of flows can be imported" in asked.stdout
    assert "UserWarning" not in asked.stderr


def all_said(terminal: int) -> bytes:
    said = b""
    with suppress(OSError):  # the other side hangs up
        while more := os.read(terminal, 1024):
            said += more
    os.close(terminal)
    return said


def test_a_limit_can_be_raised_and_a_slip_in_its_name_is_named(office: Office) -> None:
    file = office.home / "amends.toml"
    written = file.read_text()
    file.write_text(written + "\n[limits]\nuseless = 0.2\n")
    assert read_settings(office.home).limits.useless == 0.2
    file.write_text(written + "\n[limits]\nuseles = 0.2\n")
    with pytest.raises(SettingsError, match="useles"):
        read_settings(office.home)


def test_a_rate_that_no_send_understands_fails(empty: Office) -> None:
    settings = empty.home / "amends.toml"
    settings.write_text(settings.read_text().replace('kind = "sms"', 'kind = "sms"\nrate = "abc"'))
    assert ["channels.sms.rate: a rate is written" in what for what in failures(empty)] == [True]


def test_a_section_that_only_breaks_a_send_fails_too(empty: Office) -> None:
    with (empty.home / "amends.toml").open("a") as settings:
        settings.write('\n[channels.letter]\nuse = "nope"\n')
    assert ["channels.letter.use: 'nope' is none of" in what for what in failures(empty)] == [True]


def test_a_missing_quote_is_named_by_its_line(empty: Office) -> None:
    (empty.home / "amends.toml").write_text('public_url = "https://btepai.example\n')
    assert [f"{empty.home / 'amends.toml'}:1:" in what for what in failures(empty)] == [True]


def failed_lines(office: Office) -> list[str]:
    """As people see them, each as often as it stands there."""
    return [line for line in office.amends("doctor").stdout.splitlines() if line.startswith("fail")]


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "is empty"), (b"this is no database" * 1000, "file is not a database")]
)
def test_a_ledger_that_is_lost_is_told_once(office: Office, content: bytes, words: str) -> None:
    for file in office.home.glob("ledger.sqlite3-*"):
        file.unlink()
    (office.home / "ledger.sqlite3").write_bytes(content)
    (office.home / "ledger.sqlite3").chmod(0o600)
    assert [words in line for line in failed_lines(office)] == [True]


def test_pages_of_the_ledger_that_are_damaged_are_told_once(office: Office) -> None:
    """Its head can be read, so it shows only where the pages are read, which is in more than one check."""
    with sqlite3.connect(office.home / "ledger.sqlite3") as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        roots = ledger.execute("SELECT rootpage FROM sqlite_master WHERE name IN ('audit', 'member')").fetchall()
        (size,) = ledger.execute("PRAGMA page_size").fetchone()
    with (office.home / "ledger.sqlite3").open("r+b") as file:
        for (page,) in roots:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)
    assert ["malformed" in line for line in failed_lines(office)] == [True]


@pytest.mark.parametrize("device", ["filer:/export", "//filer/share", "me@filer:/home"])
def test_a_ledger_on_a_network_folder_fails(tmp_path: Path, device: str) -> None:
    """The doctor names the other machine of the mount in which the ledger's file lies."""
    (tmp_path / "mounts").write_text(f"/dev/vda / ext4 rw 0 0\n{device} {tmp_path} nfs4 rw 0 0\n")
    assert network_device(tmp_path / "home" / "ledger.sqlite3", tmp_path / "mounts") == device


def test_a_ledger_on_a_disk_of_the_machine_is_fine(tmp_path: Path) -> None:
    """The innermost mount counts, and a folder whose name only begins alike is another one."""
    lines = (
        f"filer:/export {tmp_path} nfs4 rw 0 0",
        f"/dev/vdb {tmp_path}/home ext4 rw 0 0",
        "filer:/x /ho nfs4 rw 0 0",
    )
    (tmp_path / "mounts").write_text("\n".join(lines))
    assert network_device(tmp_path / "home" / "ledger.sqlite3", tmp_path / "mounts") == ""
    assert network_device(tmp_path / "ledger.sqlite3", tmp_path / "nowhere") == ""


def test_the_doctor_fails_for_a_network_folder(office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`amends doctor` ends with an error and says where the ledger should be."""
    (tmp_path / "mounts").write_text(f"filer:/export {office.home} nfs4 rw 0 0\n")
    monkeypatch.setattr("amends.cli.home.doctor.MOUNTS", tmp_path / "mounts")
    answer = office.amends("doctor")
    assert answer.exit_code == 3
    assert "several machines need a ledger on PostgreSQL" in answer.output


def lines_about(office: Office, word: str) -> list[str]:
    return [line for line in office.amends("doctor").stdout.splitlines() if word in line]


def test_the_doctor_names_a_ledger_that_is_a_link(office: Office, tmp_path: Path) -> None:
    file, elsewhere = office.home / "ledger.sqlite3", tmp_path / "elsewhere.sqlite3"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    (line,) = lines_about(office, "symbolic link")
    assert line.startswith(
        f"warn  the ledger: {file} is a symbolic link to {elsewhere}; put the real one there, or set"
    )


def test_the_doctor_names_an_outbox_that_is_a_link(office: Office, tmp_path: Path) -> None:
    folder = Path(read_settings(office.home).channels["email"]["folder"])  # type: ignore[index]
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    lines = lines_about(office, "symbolic link")
    assert {line.partition(" is a ")[0] for line in lines} == {
        f"warn  folder of channel {kind}: {folder}" for kind in ("email", "sms", "social", "website")
    }


def test_the_doctor_names_keys_that_are_a_link(office: Office, tmp_path: Path) -> None:
    (office.home / "keys").rename(tmp_path / "keys")
    (office.home / "keys").symlink_to(tmp_path / "keys")
    assert [line[:22] for line in lines_about(office, "symbolic link")] == ["warn  the master key: "]


def test_the_doctor_fails_for_an_outbox_that_anyone_can_write(office: Office) -> None:
    folder = Path(read_settings(office.home).channels["email"]["folder"])  # type: ignore[index]
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    lines = lines_about(office, "everybody on this machine can write")
    assert len(lines) == 4
    assert all(line.startswith("fail") and f"chmod go-w {folder}" in line for line in lines)
