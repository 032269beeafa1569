"""The commands there are, and the tables of docs/roles.md."""

from collections.abc import Iterator
from typing import Any

from amends.cli.app import COMMANDS, load
from tests.domain.team.roles_page import BEGIN, PAGE


def commands() -> Iterator[str]:
    """Yield every command as it is typed, such as `incident close`."""
    for name, entry in COMMANDS.items():
        yield from _below(load(entry), name)


def _below(command: Any, verb: str) -> Iterator[str]:
    if not hasattr(command, "commands"):
        yield verb
        return
    for name, one in command.commands.items():
        yield from _below(one, f"{verb} {name}")


def command_of(verb: str) -> str:
    return verb.split(" --", 1)[0]


def on_page() -> dict[str, dict[str, str]]:
    """Return the tables of the page: for each verb its cells by the name of their column."""
    found: dict[str, dict[str, str]] = {}
    for line in PAGE.read_text(encoding="utf-8").split(BEGIN)[1].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `amends"):
            head = cells
        elif line.startswith("| `"):
            found[cells[0].strip("`")] = dict(zip(head, cells, strict=True))
    return found


HERE = frozenset(commands())
