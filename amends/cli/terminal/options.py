"""Arguments and options that several commands share."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

NUMBER = re.compile(r"[0-9]{1,18}")
"""So many digits have room in every ledger."""


def number(said: str) -> int:
    """The number of a person, a question or a batch: from 1 on. Raises BadParameter."""
    return _at_least(1, said)


def number_or_none(said: str) -> int:
    """A number of which there may be none, and then it is 0. Raises BadParameter."""
    return _at_least(0, said)


def _at_least(least: int, said: str) -> int:
    if not NUMBER.fullmatch(said) or int(said) < least:
        raise typer.BadParameter(f"must be a whole number from {least} on, of 18 digits at most")
    return int(said)


def any_of(choices: Iterable[str]) -> str:
    """The words to choose from, for a help text: between the option's brackets they would be one line too long."""
    return ", ".join(choices)


IncidentId = Annotated[str, typer.Argument(metavar="INCIDENT", help="The incident's id.")]
PersonNumber = Annotated[int, typer.Argument(metavar="PERSON", parser=number, help="The person's number.")]
NoticeId = Annotated[str, typer.Argument(metavar="NOTICE", help="The notice's id, such as first-notice.")]
As = Annotated[
    str,
    typer.Option(
        "--as", metavar="NAME", help="Who you are in the team; your token is asked for, or read from AMENDS_TOKEN."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Ask nothing.")]
InThisLedger = Annotated[str, typer.Argument(metavar="INCIDENT", help="An incident of this ledger.")]
InFile = Annotated[Path | None, typer.Option("--incident", metavar="FILE", help="Or an incident file.")]
AudienceFile = Annotated[Path, typer.Option(metavar="FILE", help="The people affected, CSV or XLSX.")]
AudienceFileIfAny = Annotated[Path | None, typer.Option(metavar="FILE", help="Its audience file.")]
AllowBadRows = Annotated[bool, typer.Option("--allow-bad-rows", help="Leave out rows that cannot be used.")]
OneNotice = Annotated[str, typer.Argument(metavar="NOTICE", help="Only this notice.")]


def place(text: str) -> Path:
    """The folder of this name; whether it can be read is for the command to find out, whose exit code may matter.

    Raises BadParameter for an empty word, which is a variable that was not set: it would mean the folder that one
    happens to be in.
    """
    if not text:
        raise typer.BadParameter("it is empty; is the variable set that should hold it?")
    return Path(text)


LONGEST = 200
"""No summary of a command has so many letters."""


class CommandGroup(TyperGroup):
    """Commands under their noun; help tells each summary to its end."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """One under the other, over as many lines as it takes."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, command.get_short_help_str(LONGEST)) for name, command in found if command]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def noun() -> typer.Typer:
    """A group that has no commands yet."""
    group = typer.Typer(cls=CommandGroup, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    group.callback()(lambda: None)
    return group
