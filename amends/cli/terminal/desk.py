"""The surroundings of every command: the home, the ledger, and the output for people and for programs."""

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
"""The variable with the second token, where two people must say who they are."""


@dataclass(frozen=True)
class Desk:
    """One call of the command line: the home, its ledger, and the output."""

    home: Path | None
    json: bool = False
    debug: bool = False

    @cached_property
    def settings(self) -> "Settings":
        """Return the settings of this home. Raises SettingsError."""
        from amends.settings import read_settings

        return read_settings(self.home)

    @cached_property
    def ledger(self) -> "Ledger":
        """Return the ledger of this home, its tables up to date. Raises SettingsError and KeyMissing.

        Personal data that a restored backup has brought back is forgotten again first.
        """
        from amends.settings import open_ledger

        ledger = open_ledger(self.settings)
        if ledger.brought_back.may_be:
            from amends.delivery.forget import DataPlaces, forget_again

            for trouble in forget_again(ledger, DataPlaces(self.settings.channels, self.settings.home)):
                self.complain(trouble)
        return ledger

    def close(self) -> None:
        """Close the ledger's connections, if the ledger was opened."""
        if "ledger" in self.__dict__:
            self.ledger.dispose()

    def show(self, values: object, text: str) -> None:
        """Print the command's answer: the values with --json, the text otherwise."""
        if self.json:
            typer.echo(json.dumps(to_jsonable_python(values, by_alias=True), ensure_ascii=False, indent=2))
        elif text:
            typer.echo(printable(text))

    def hint(self, text: str) -> None:
        """Print to stderr what to do next, not with --json; that nobody can see the hint is no error."""
        if not self.json:
            with suppress(OSError):
                typer.echo(printable(f"→ {text}"), err=True)

    def complain(self, text: str) -> None:
        """Print to stderr what went wrong; that nobody can see the text is no error, as the exit code says so too."""
        with suppress(OSError):
            typer.echo(printable(f"amends: {text}"), err=True)

    def findings(self, findings: Iterable[Finding]) -> None:
        """Print the findings, one per line, each with its place."""
        found = tuple(findings)
        self.show({"findings": found}, "\n".join(map(str, found)))

    def member(self, name: str, variable: str = TOKEN) -> "Member":
        """Return the member, who proves the name by a token. Raises NotAllowed, also for auditors, who only read."""
        from amends.domain.team.member import TeamRole

        member = self.reader(name, variable)
        if member.role is TeamRole.AUDITOR:
            raise NotAllowed(f"{name} is an auditor; auditors read and change nothing")
        return member

    def reader(self, name: str, variable: str = TOKEN) -> "Member":
        """Return the member, who may be an auditor and proves the name by a token. Raises NotAllowed."""
        return self.ledger.team.authenticate(name, self._token(name, variable))

    @staticmethod
    def _token(name: str, variable: str) -> str:
        """Return the token from the environment or a hidden prompt; on the command line others could see the token."""
        if token := os.environ.get(variable):
            return token
        if sys.stdin is None or not sys.stdin.isatty():  # None when the process was started with it closed
            raise NotAllowed(f"who says that you are {name}? set {variable}, or call this from a terminal")
        token = typer.prompt(f"Token of {name}", hide_input=True, err=True)
        return str(token)


def save(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all. Raises as `whole` does."""
    with whole(path) as file:
        file.write(text.encode())
