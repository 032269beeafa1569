"""What every command works at: the home, the ledger, and how it speaks to people and to programs."""

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from pydantic_core import to_jsonable_python

from amends.cli.terminal.files import whole
from amends.domain.base.errors import Finding, NotAllowed
from amends.domain.base.text import printable

if TYPE_CHECKING:
    from amends.domain.team.member import Member
    from amends.ledger import Ledger
    from amends.settings import Settings

TOKEN = "AMENDS_TOKEN"  # noqa: S105 - the name of the variable
SECOND_TOKEN = "AMENDS_TOKEN_2"  # noqa: S105
"""Where two must say who they are."""


@dataclass(frozen=True)
class Desk:
    """One call of the command."""

    home: Path | None
    json: bool = False
    debug: bool = False

    @cached_property
    def settings(self) -> "Settings":
        """Of this home. Raises SettingsError."""
        from amends.settings import read_settings

        return read_settings(self.home)

    @cached_property
    def ledger(self) -> "Ledger":
        """Of this home, its tables up to date. Raises SettingsError, KeyMissing."""
        from amends.settings import open_ledger

        return open_ledger(self.settings)

    def close(self) -> None:
        """Give back the ledger's connections, if it was opened."""
        if "ledger" in self.__dict__:
            self.ledger.dispose()

    def show(self, values: object, text: str) -> None:
        """The command's answer: the values with --json, the text otherwise."""
        if self.json:
            typer.echo(json.dumps(to_jsonable_python(values, by_alias=True), ensure_ascii=False, indent=2))
        elif text:
            typer.echo(printable(text))

    def hint(self, text: str) -> None:
        """What to do next, for whoever can see it: that nobody can stops nothing."""
        if not self.json:
            with suppress(OSError):
                typer.echo(printable(f"→ {text}"), err=True)

    def complain(self, text: str) -> None:
        """What went wrong, for whoever can see it: the exit code says so too."""
        with suppress(OSError):
            typer.echo(printable(f"amends: {text}"), err=True)

    def findings(self, findings: Iterable[Finding]) -> None:
        """One per line, each with its place."""
        found = tuple(findings)
        self.show({"findings": found}, "\n".join(map(str, found)))

    def member(self, name: str, variable: str = TOKEN) -> "Member":
        """The member who proves by a token to be this one. Raises NotAllowed; auditors read only."""
        from amends.domain.team.member import TeamRole

        member = self.ledger.team.authenticate(name, self._token(name, variable))
        if member.role is TeamRole.AUDITOR:
            raise NotAllowed(f"{name} is an auditor; auditors read and change nothing")
        return member

    @staticmethod
    def _token(name: str, variable: str) -> str:
        """From the environment or a hidden prompt, never from the command line, where others could see it."""
        if token := os.environ.get(variable):
            return token
        if sys.stdin is None or not sys.stdin.isatty():  # it is None where it was closed
            raise NotAllowed(f"who says that you are {name}? set {variable}, or call this from a terminal")
        token = typer.prompt(f"Token of {name}", hide_input=True, err=True)
        return str(token)


def save(path: Path, text: str) -> None:
    """Write a file that only its owner can read, all of it or nothing. Raises as `whole` does."""
    with whole(path) as file:
        file.write(text.encode())
