"""Checks that everything here is as it must be, before it has to work at night."""

import asyncio
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Protocol, runtime_checkable

import typer

import amends
from amends.cli.incident.own_domains import portal_elsewhere
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.text import coloured
from amends.domain.base.errors import AmendsError
from amends.domain.base.text import counted, kept_back
from amends.domain.case.case import IncidentState
from amends.domain.channel.channel import INCOMING, RECEIPTS, Channel, ChannelKind, kept_here
from amends.domain.team.member import nobody_alerted

OLDEST_PYTHON = (3, 11)


class CheckVerdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


COLOURS = {CheckVerdict.OK: "green", CheckVerdict.WARN: "yellow", CheckVerdict.FAIL: "red"}


@dataclass(frozen=True)
class CheckResult:
    """What one check found."""

    verdict: CheckVerdict
    what: str


Check = Callable[[Desk], Iterator[CheckResult]]


@runtime_checkable
class SigningChannel(Protocol):
    """A channel that signs its messages itself."""

    @property
    def dns_record(self) -> tuple[str, str] | None:
        """Name and value of the TXT record with which others check that; None when it does not sign after all."""


HANDED_IN = (
    ("callback_url", RECEIPTS, "delivery reports"),
    ("incoming_url", INCOMING, "what people write back"),
)
"""Settings with an address of the portal's, the paths there, and what comes to it."""


@runtime_checkable
class WritingChannel(Protocol):
    """A channel that writes into a folder of this machine."""

    def trouble(self) -> str:
        """Why nothing could be written there now; empty when it can be."""


def doctor(ctx: typer.Context) -> None:
    """Check that everything here is as it must be."""
    desk: Desk = ctx.obj
    lines = list(_examine(desk))
    told = (f"{coloured(f'{line.verdict:4}', COLOURS[line.verdict])}  {line.what}" for line in lines)
    if desk.json:
        desk.show({"checks": lines}, "")
    else:
        typer.echo("\n".join(told))
    if any(line.verdict is CheckVerdict.FAIL for line in lines):
        raise typer.Exit(Exit.FINDINGS)
    warned = sum(line.verdict is CheckVerdict.WARN for line in lines)
    but = f", but {counted(warned, 'line is', 'lines are')} marked warn" if warned else ""
    desk.hint(f"nothing here keeps Amends from working{but}")


def _examine(desk: Desk) -> Iterator[CheckResult]:
    """Each line once: the same trouble often shows in several checks."""
    told: list[CheckResult] = []
    in_vain: tuple[Check, ...] = ()
    for check in (check for check in CHECKS if check not in in_vain):
        lines = [line for line in _carefully(check, desk) if line not in told]
        told += lines
        yield from lines
        if any(line.verdict is CheckVerdict.FAIL for line in lines):
            in_vain += NEEDED_BY.get(check, ())


def _carefully(check: Check, desk: Desk) -> Iterator[CheckResult]:
    """A check that breaks down is a check that failed."""
    try:
        yield from check(desk)
    except AmendsError as error:
        yield CheckResult(CheckVerdict.FAIL, str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks go on
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
    """The names are common: another package may stand before ours."""
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
    broken = {name: reason for name in names if (reason := _why_not(f"flows.{name}"))}
    yield from (
        CheckResult(CheckVerdict.FAIL, f"flows.{name} cannot be imported: {reason}") for name, reason in broken.items()
    )
    if not broken:
        yield CheckResult(CheckVerdict.OK, f"{len(names)} modules of flows can be imported")


def _why_not(module: str) -> str:
    # Prefect loads a half flow when an import fails, and says so only at the first run.
    try:
        with warnings.catch_warnings():  # it would warn of the caller's home folder, in which no run of ours works
            warnings.filterwarnings("ignore", "Failed to create the Prefect home directory")
            import_module(module)
    except Exception as error:  # noqa: BLE001 - any of them would break a run
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
    from amends.settings import FILE, KEY_FILE

    home = desk.settings.home
    private = (home, home / FILE, home / KEY_FILE.parent, home / KEY_FILE, home / "ledger.sqlite3")
    open_to_others = [path for path in private if path.exists() and path.stat().st_mode & 0o077]
    for path in open_to_others:
        yield CheckResult(
            CheckVerdict.FAIL, f"others can read {path}; chmod {'700' if path.is_dir() else '600'} {path}"
        )
    if not open_to_others:
        yield CheckResult(CheckVerdict.OK, "only you can read settings, keys and ledger")


def _ledger(desk: Desk) -> Iterator[CheckResult]:
    count = len(desk.ledger.incidents.all())
    yield CheckResult(CheckVerdict.OK, f"the master key opens the ledger ({counted(count, 'incident')})")


def _audit(desk: Desk) -> Iterator[CheckResult]:
    problems = desk.ledger.audit.verify()
    yield from (CheckResult(CheckVerdict.FAIL, f"audit chain: {problem}") for problem in problems)
    if not problems:
        yield CheckResult(CheckVerdict.OK, "the audit chain holds")


def _room(desk: Desk) -> Iterator[CheckResult]:
    """On a full disk Prefect still answers as if all were well, and no run begins there."""
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
    """Every section as a send reads it, which begins with none when one of them is wrong."""
    for kind in ChannelKind:
        settings = desk.settings.channels.get(kind)
        if settings is not None:
            yield from _channel(desk, kind, settings)
        elif not kind.printed:
            yield CheckResult(CheckVerdict.WARN, f"channel {kind} is not set up; notices that need it cannot leave")


def _channel(desk: Desk, kind: ChannelKind, settings: dict[str, str]) -> Iterator[CheckResult]:
    try:
        channel = asyncio.run(_closed(kind, settings))
    except AmendsError as error:
        yield CheckResult(CheckVerdict.FAIL, str(error))
        return
    if isinstance(channel, WritingChannel) and (why := channel.trouble()):
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
        # Not looked up: from here the name servers of the company may answer otherwise than those of the world.
        yield CheckResult(CheckVerdict.OK, f"channel {kind} signs; publish in DNS: {record[0]} TXT {record[1]}")


async def _closed(kind: ChannelKind, settings: dict[str, str]) -> Channel:
    """The channel, after it was connected and closed."""
    from amends.delivery.channels import connect, paces

    paces({kind: settings})
    channel = connect(kind, settings)
    await channel.close()
    return channel


def _past_the_portal(desk: Desk, kind: ChannelKind, channel: dict[str, str]) -> Iterator[str]:
    """What is read or reported elsewhere than at the portal of this home."""
    ours = desk.settings
    for setting, paths, what in HANDED_IN:
        path = paths.get(kind, "")
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
        if why := portal_elsewhere(desk.settings.public_url, desk.ledger.cases.read(line.id).incident):
            yield CheckResult(CheckVerdict.FAIL, why)
            return
    yield CheckResult(CheckVerdict.OK, f"people reach us at {desk.settings.public_url}")


def _prefect(desk: Desk) -> Iterator[CheckResult]:
    from amends.cli.terminal.prefect import answers, held

    address = f"http://127.0.0.1:{desk.settings.prefect_port}"
    if not answers(address):
        yield CheckResult(CheckVerdict.WARN, f"Prefect does not answer at {address}; `amends up` starts it")
    elif why := held(desk.settings):
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
    _ledger,
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
"""What is not looked at when this one failed, because it would only say the same again."""
