"""The command `amends doctor`: checks that an installation is as it must be, before it has to work at night."""

import asyncio
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path
from pkgutil import iter_modules
from typing import Protocol, runtime_checkable

import typer

import amends
from amends.cli.incident.own_domains import why_not_on_portal
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.text import coloured
from amends.domain.base.errors import AmendsError, Refusal
from amends.domain.base.text import counted, kept_back
from amends.domain.case.states import IncidentState
from amends.domain.channel.channel import ChannelKind, kept_here
from amends.domain.channel.message import Channel
from amends.domain.team.member import nobody_alerted
from amends.system.diversions import Diversion, diversions

OLDEST_PYTHON = (3, 11)
MOUNTS = Path("/proc/mounts")
PORTAL_ADDRESSES = (
    ("callback_url", attrgetter("receipts"), "delivery reports"),
    ("incoming_url", attrgetter("incoming"), "what people write back"),
)
"""Settings that hold an address of the portal, the portal's path by channel, and what arrives there, in words."""


class CheckVerdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


COLOURS = {CheckVerdict.OK: "green", CheckVerdict.WARN: "yellow", CheckVerdict.FAIL: "red"}


@dataclass(frozen=True)
class CheckResult:
    """The result of one check, in a verdict and a line of text."""

    verdict: CheckVerdict
    what: str


Check = Callable[[Desk], Iterator[CheckResult]]


@runtime_checkable
class SigningChannel(Protocol):
    """A channel that signs its messages itself."""

    @property
    def dns_record(self) -> tuple[str, str] | None:
        """Return name and value of the TXT record that verifies the signatures; None when the channel does not sign."""


@runtime_checkable
class WritingChannel(Protocol):
    """A channel that writes into a folder of this machine."""

    def why_not_writable(self) -> Refusal | None:
        """Return why nothing can be written to the folder now; None when it can."""


def doctor(ctx: typer.Context) -> None:
    """Check that everything here is as it must be."""
    desk: Desk = ctx.obj
    lines = list(_examine(desk))
    coloured_lines = (f"{coloured(f'{line.verdict:4}', COLOURS[line.verdict])}  {line.what}" for line in lines)
    if desk.json:
        desk.show({"checks": lines}, "")
    else:
        typer.echo("\n".join(coloured_lines))
    if any(line.verdict is CheckVerdict.FAIL for line in lines):
        raise typer.Exit(Exit.FINDINGS)
    warned = sum(line.verdict is CheckVerdict.WARN for line in lines)
    but = f", but {counted(warned, 'line is', 'lines are')} marked warn" if warned else ""
    desk.hint(f"nothing here keeps Amends from working{but}")


def _examine(desk: Desk) -> Iterator[CheckResult]:
    """Yield the results of all checks, each line once, as the same trouble often shows in several checks."""
    shown: list[CheckResult] = []
    skipped: tuple[Check, ...] = ()
    for check in (check for check in CHECKS if check not in skipped):
        lines = [line for line in _results_of(check, desk) if line not in shown]
        shown += lines
        yield from lines
        if any(line.verdict is CheckVerdict.FAIL for line in lines):
            skipped += NEEDED_BY.get(check, ())


def _results_of(check: Check, desk: Desk) -> Iterator[CheckResult]:
    """Yield the results of a check; a check that raises an error counts as failed."""
    try:
        yield from check(desk)
    except AmendsError as error:
        yield CheckResult(CheckVerdict.FAIL, str(error))
    except Exception as error:  # noqa: BLE001 - the other checks go on after any error
        yield CheckResult(CheckVerdict.FAIL, _in_words(check, error))


def _in_words(check: Check, error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return f"{check.__name__.strip('_').replace('_', ' ')}: {type(error).__name__}"


def _python(_: Desk) -> Iterator[CheckResult]:
    running = ".".join(map(str, sys.version_info[:3]))
    fits = sys.version_info[:2] >= OLDEST_PYTHON
    yield CheckResult(
        CheckVerdict.OK if fits else CheckVerdict.FAIL, f"Python {running}" + ("" if fits else "; 3.11 is the oldest")
    )


def _packages(_: Desk) -> Iterator[CheckResult]:
    """Check that the packages are ours: their names are common, and Python may find another package first."""
    ours = Path(amends.__file__).parents[1]
    for name in ("flows", "channels"):
        spec = find_spec(name)
        origin = Path(spec.origin).parents[1] if spec and spec.origin else None
        if origin == ours:
            yield CheckResult(CheckVerdict.OK, f"package {name} is ours")
        else:
            where = f"another one is at {origin}" if origin else "it is not there"
            yield CheckResult(CheckVerdict.FAIL, f"package {name}: {where}; give Amends an environment of its own")


def _flows(_: Desk) -> Iterator[CheckResult]:
    names = [module.name for module in iter_modules(import_module("flows").__path__)]
    broken = {name: reason for name in names if (reason := _import_error(f"flows.{name}"))}
    yield from (
        CheckResult(CheckVerdict.FAIL, f"flows.{name} cannot be imported: {reason}") for name, reason in broken.items()
    )
    if not broken:
        yield CheckResult(CheckVerdict.OK, f"{len(names)} modules of flows can be imported")


def _import_error(module: str) -> str:
    # Prefect loads only half of a flow when an import fails, and says so only at the first run.
    try:
        with warnings.catch_warnings():  # Prefect warns of the caller's home folder, in which none of our runs works
            warnings.filterwarnings("ignore", "Failed to create the Prefect home directory")
            import_module(module)
    except Exception as error:  # noqa: BLE001 - any error would break a run
        return f"{type(error).__name__}: {error}"
    return ""


def _settings(desk: Desk) -> Iterator[CheckResult]:
    yield CheckResult(CheckVerdict.OK, f"settings of {desk.settings.home} can be read")


def _time(desk: Desk) -> Iterator[CheckResult]:
    from amends.rehearsal_clock import rehearsal_clock

    if clock := rehearsal_clock(desk.settings):
        what = f"THIS IS A REHEARSAL HOME: its time can be moved, and is {clock.ahead()} ahead; tell nobody from here"
        yield CheckResult(CheckVerdict.FAIL, what)
    else:
        yield CheckResult(CheckVerdict.OK, "the time here is that of this machine")


def _modes(desk: Desk) -> Iterator[CheckResult]:
    from amends.settings import KEY_FILE, SETTINGS_FILE

    home = desk.settings.home
    private = (home, home / SETTINGS_FILE, home / KEY_FILE.parent, home / KEY_FILE, home / "ledger.sqlite3")
    open_to_others = [path for path in private if path.exists() and path.stat().st_mode & 0o077]
    for path in open_to_others:
        yield CheckResult(
            CheckVerdict.FAIL, f"others can read {path}; chmod {'700' if path.is_dir() else '600'} {path}"
        )
    if not open_to_others:
        yield CheckResult(CheckVerdict.OK, "only you can read settings, keys and ledger")


def _paths(desk: Desk) -> Iterator[CheckResult]:
    """Check that nobody can put another ledger, key or outbox in the place of ours."""
    home = desk.settings.home
    found = [
        (what, where, diversion)
        for what, where, path in _kept_in(desk)
        for diversion in diversions(path, home if path.is_relative_to(home) else path)
    ]
    yield from (_diverted(*one) for one in found)
    if not found:
        yield CheckResult(CheckVerdict.OK, "settings, keys, ledger and folders of channels are where their paths say")


def _kept_in(desk: Desk) -> Iterator[tuple[str, str, Path]]:
    """Yield what decides over a send, the way to name another place for it, and its path."""
    from amends.ledger.store.database import named_file
    from amends.settings import KEY_FILE, SETTINGS_FILE

    home = desk.settings.home
    yield "the settings", "begin with --home or AMENDS_HOME", home / SETTINGS_FILE
    yield "the master key", "begin with --home or AMENDS_HOME", home / KEY_FILE
    if file := named_file(desk.settings.ledger_url):
        yield "the ledger", "set database_url", file
    for kind, settings in desk.settings.channels.items():
        for setting in ("folder", "dkim_key_file", "ca_file"):
            if (place := settings.get(setting, "")) and Path(place).is_absolute():
                yield f"{setting} of channel {kind}", f"set {setting} under [channels.{kind}]", Path(place)


def _diverted(what: str, elsewhere: str, found: Diversion) -> CheckResult:
    if found.target is not None:
        advice = (
            f"put the real one there, or {elsewhere} to lead to {found.target} without a link; "
            "if nobody here made the link, send nothing before you know who did"
        )
        return CheckResult(CheckVerdict.WARN, f"{what}: {found.place} is a symbolic link to {found.target}; {advice}")
    who = "everybody on this machine" if found.anyone else "another user or group of this machine"
    cure = f"chmod go-w {found.place}, and have it belong to you or root, or move what lies in it"
    verdict = CheckVerdict.FAIL if found.anyone else CheckVerdict.WARN
    return CheckResult(verdict, f"{what}: {who} can write the folder {found.place}, and so replace it; {cure}")


def _ledger(desk: Desk) -> Iterator[CheckResult]:
    count = len(desk.ledger.incidents.all())
    yield CheckResult(CheckVerdict.OK, f"the master key opens the ledger ({counted(count, 'incident')})")


def _disk(desk: Desk) -> Iterator[CheckResult]:
    """Check that a ledger in a file is on a disk of this machine, where SQLite's locks work."""
    from amends.ledger.store.database import file_of

    file = file_of(desk.settings.ledger_url)
    if file and (device := network_device(file, MOUNTS)):
        what = (
            f"the ledger {file} is in a folder of the network ({device}), where SQLite cannot keep two machines apart: "
            "put it on a disk of this machine; several machines need a ledger on PostgreSQL"
        )
        yield CheckResult(CheckVerdict.FAIL, what)


def network_device(file: Path, mounts: Path) -> str:
    """Return the device of the innermost mount above the file when it is on another machine, as in HOST:/DIR; else "".

    `mounts` is a table as /proc/mounts is (proc_pid_mounts(5)); without one, nothing is known.
    """
    lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines() if mounts.exists() else []
    above = [(folder, device) for device, folder, *_ in map(str.split, lines) if file.is_relative_to(folder)]
    device = max(above, key=lambda mount: len(mount[0]), default=("", ""))[1]
    return device if ":/" in device or device.startswith("//") else ""


def _audit(desk: Desk) -> Iterator[CheckResult]:
    problems = desk.ledger.audit.verify()
    yield from (CheckResult(CheckVerdict.FAIL, f"audit chain: {problem}") for problem in problems)
    if not problems:
        yield CheckResult(CheckVerdict.OK, "the audit chain holds")


def _room(desk: Desk) -> Iterator[CheckResult]:
    """Check for free disk space: on a full disk Prefect still answers as if all were well, and begins no run."""
    from amends.ledger.store.disk_reserve import LEAST

    desk.ledger.store.check_writable()
    folder = next(path for path in (desk.settings.prefect, desk.settings.home) if path.exists())
    if shutil.disk_usage(folder).free < LEAST:
        yield CheckResult(
            CheckVerdict.FAIL, f"the disk with {folder} is full: Prefect can keep nothing there; make room"
        )
    else:
        yield CheckResult(CheckVerdict.OK, "there is room for what the ledger and Prefect keep")


def _whole(desk: Desk) -> Iterator[CheckResult]:
    if why := desk.ledger.store.doubt():
        yield CheckResult(
            CheckVerdict.FAIL, f"nothing is sent: {why}; `amends reconcile` compares it with what has left"
        )


def _server(desk: Desk) -> Iterator[CheckResult]:
    if kept := desk.ledger.store.kept_back():
        yield CheckResult(CheckVerdict.FAIL, kept_back(kept))


def _team(desk: Desk) -> Iterator[CheckResult]:
    members = desk.ledger.team.members()
    approvers = [member for member in members if member.active and member.role.may_approve]
    enough = len(approvers) >= 3
    advice = "" if enough else "; a notice needs two approvers beside its author: `amends team add`"
    yield CheckResult(
        CheckVerdict.OK if enough else CheckVerdict.WARN,
        f"{counted(len(approvers), 'person', 'people')} may approve{advice}",
    )
    why = nobody_alerted(members)
    yield CheckResult(CheckVerdict.WARN if why else CheckVerdict.OK, why or "what is to be looked at comes to a lead")


def _channels(desk: Desk) -> Iterator[CheckResult]:
    """Check every section of channels as a send reads it; a send does not begin when one of the sections is wrong."""
    for kind in ChannelKind:
        settings = desk.settings.channels.get(kind)
        if settings is not None:
            yield from _channel(desk, kind, settings)
        elif not kind.printed:
            yield CheckResult(CheckVerdict.WARN, f"channel {kind} is not set up; notices that need it cannot leave")


def _channel(desk: Desk, kind: ChannelKind, settings: dict[str, str]) -> Iterator[CheckResult]:
    try:
        channel = asyncio.run(_connect_once(kind, settings))
    except AmendsError as error:
        yield CheckResult(CheckVerdict.FAIL, str(error))
        return
    if isinstance(channel, WritingChannel) and (why := channel.why_not_writable()):
        yield CheckResult(CheckVerdict.FAIL, why)
        return
    here = kept_here({kind: settings}, [kind])
    yield CheckResult(
        CheckVerdict.WARN if here else CheckVerdict.OK, here or f"channel {kind} is {settings.get('use')}"
    )
    yield from (
        CheckResult(CheckVerdict.WARN, f"channel {kind}: {what}") for what in _past_the_portal(desk, kind, settings)
    )
    if isinstance(channel, SigningChannel) and (record := channel.dns_record):
        # Not looked up in DNS: here the company's name servers may answer differently from the public ones.
        yield CheckResult(CheckVerdict.OK, f"channel {kind} signs; publish in DNS: {record[0]} TXT {record[1]}")


async def _connect_once(kind: ChannelKind, settings: dict[str, str]) -> Channel:
    """Connect the channel and close it again; return the closed channel."""
    from amends.delivery.channels import connect, paces

    paces({kind: settings})
    channel = connect(kind, settings)
    await channel.close()
    return channel


def _past_the_portal(desk: Desk, kind: ChannelKind, channel: dict[str, str]) -> Iterator[str]:
    """Yield in words each setting that sends readers or reports elsewhere than to the portal of this home."""
    ours = desk.settings
    for setting, path_of, what in PORTAL_ADDRESSES:
        path = path_of(kind)
        here = {f"http://{host}:{ours.portal_port}{path}" for host in ("127.0.0.1", "localhost", "[::1]")}
        if path and channel.get(setting, "").rstrip("/") not in {"", f"{ours.public_url}{path}", *here}:
            yield f"{setting} is not {ours.public_url}{path}, where the portal takes {what}"
    if channel.get("base_url", "").rstrip("/") not in ("", f"{ours.public_url}/n"):
        yield f"base_url is not {ours.public_url}/n, where every message leads"
    elif "base_url" in channel and Path(channel["folder"]).resolve() != ours.site.resolve():
        yield f"its folder is not {ours.site}, which the portal shows"


def _public_url(desk: Desk) -> Iterator[CheckResult]:
    for line in desk.ledger.incidents.all():
        if line.state is IncidentState.CLOSED:
            continue
        if why := why_not_on_portal(desk.settings.public_url, desk.ledger.cases.outline(line.id).incident):
            yield CheckResult(CheckVerdict.FAIL, why)
            return
    yield CheckResult(CheckVerdict.OK, f"people reach us at {desk.settings.public_url}")


def _prefect(desk: Desk) -> Iterator[CheckResult]:
    from amends.cli.terminal.prefect import answers, why_idle

    address = f"http://127.0.0.1:{desk.settings.prefect_port}"
    if not answers(address):
        yield CheckResult(CheckVerdict.WARN, f"Prefect does not answer at {address}; `amends up` starts it")
    elif why := why_idle(desk.settings):
        what = f"Prefect at {address} does not do its work: {'; '.join(why)}; `amends up`, started anew, puts it right"
        yield CheckResult(CheckVerdict.FAIL, what)
    else:
        yield CheckResult(CheckVerdict.OK, f"Prefect answers at {address}")


CHECKS: tuple[Check, ...] = (
    _python,
    _packages,
    _flows,
    _settings,
    _time,
    _modes,
    _paths,
    _ledger,
    _disk,
    _audit,
    _room,
    _whole,
    _server,
    _team,
    _channels,
    _public_url,
    _prefect,
)

NEEDED_BY: dict[Check, tuple[Check, ...]] = {
    _settings: CHECKS[CHECKS.index(_settings) + 1 :],
    _ledger: (_audit, _room, _whole, _server, _team, _public_url),
}
"""Checks that are skipped when this check failed, as they would only fail for the same reason."""
