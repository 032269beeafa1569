"""The surroundings of every command: the home, the ledger, and the output for people and for programs."""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from amends.cli.terminal.files import whole
from amends.domain.base.errors import Finding, LedgerUnavailable, NotAllowed
from amends.domain.base.text import printable

if TYPE_CHECKING:
    from amends.domain.team.member import Member
    from amends.ledger import Ledger
    from amends.settings import Settings

TOKEN = "AMENDS_TOKEN"  # noqa: S105 - the name of the variable
SECOND_TOKEN = "AMENDS_TOKEN_2"  # noqa: S105
"""The variable with the second token, where two people must say who they are."""
NOBODY_YET = "amends"
"""The name for somebody who acts before the team has members."""
WHO_LOOKS = (
    "personal data and questions are shown to members of the team: say with --as NAME who looks, or once for all "
    "commands with AMENDS_AS; the audit chain keeps who looked"
)
VERB = "amends.verb"
"""The key under which a call of the command line keeps its verb, such as `incident close`, in the table of roles."""
INCIDENT = "amends.incident"
"""The key under which a call keeps the id of the incident that it names."""


@dataclass(frozen=True)
class Desk:
    """One call of the command line: the home, its ledger, and the output."""

    home: Path | None
    json: bool = False
    debug: bool = False
    called: Mapping[str, str] = field(default_factory=dict)
    """The verb of this call below VERB, and the incident below INCIDENT, once the command is found."""

    @property
    def verb(self) -> str:
        """Return the verb that was called, such as `incident close`; empty outside of a command."""
        return self.called.get(VERB, "")

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
        settings = self.settings  # raises for a missing home before anything slow is loaded
        from amends.delivery.forget import DataPlaces, forget_again
        from amends.settings import open_ledger

        ledger = open_ledger(settings)
        for trouble in forget_again(ledger, DataPlaces(settings.channels, settings.home)):
            self.complain(trouble)
        return ledger

    def close(self) -> None:
        """Close the ledger's connections, if the ledger was opened."""
        if "ledger" in self.__dict__:
            self.ledger.dispose()

    def show(self, values: object, text: str) -> None:
        """Print the command's answer: the values with --json, the text otherwise."""
        if self.json:
            from pydantic_core import to_jsonable_python

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

    def member(self, name: str, variable: str = TOKEN, verb: str = "") -> "Member":
        """Return the member, who proves the name by a token and whose role may call the verb. Raises NotAllowed.

        The verb is the command's own, unless the command names another one of the table, as for an option. The audit
        chain keeps a refused attempt.
        """
        from amends.domain.team.verbs import why_not_call

        member = self.ledger.team.authenticate(name, self._token(name, variable))
        if refusal := why_not_call(member, verb or self.verb):
            self._note_refused(member, verb or self.verb)
            raise NotAllowed(refusal)
        return member

    def _note_refused(self, member: "Member", verb: str) -> None:
        from amends.cli.terminal.clock import now
        from amends.domain.team.refused import RefusedAttempt

        about = self.called.get(INCIDENT, "")
        attempt = RefusedAttempt(at=now(), incident=about, by=member.name, role=member.role, verb=verb)
        with suppress(LedgerUnavailable):  # a ledger that cannot be written changes nothing of the refusal
            self.ledger.refused.note(attempt)

    def looker(self, name: str, verb: str = "") -> str:
        """Return the name of the member who looks at personal data, as `member_if_any` does. Raises NotAllowed."""
        return self.member_if_any(name, WHO_LOOKS, verb)

    def member_if_any(self, name: str, unnamed: str, verb: str = "") -> str:
        """Return the name of the member, as `member` does. Raises NotAllowed, in the words `unnamed` without a name.

        Before the team has members nobody can prove anything, and the name is taken as it is.
        """
        if not any(member.active for member in self.ledger.team.members()):
            return name or NOBODY_YET
        if not name:
            raise NotAllowed(unnamed)
        return self.member(name, verb=verb).name

    def looked(self, incident: str, by: str, about: str, person: int | None = None, *, count: int = 1) -> None:
        """Record in the audit chain, before anything is shown, that the member looks at this; ids and numbers only.

        A look at several people names none of them, and has their count.
        """
        from amends.cli.terminal.clock import now
        from amends.domain.team.look import Look

        look = Look(at=now(), by=by, verb=self.verb, about=about, person=person, count=count)
        self.ledger.looks.note(incident, look)

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
