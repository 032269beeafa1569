"""The table of verbs against the command line: every command is in the table."""

from collections.abc import Iterator
from typing import Any

from amends.cli.app import COMMANDS, load
from amends.domain.team.verbs import VERBS


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


def test_every_command_is_in_the_table() -> None:
    assert [verb for verb in commands() if verb not in VERBS] == []
