"""Arguments and options that several commands share."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from amends.cli.terminal.desk import INCIDENT, VERB

if TYPE_CHECKING:
    from amends.domain.channel.channel import ChannelKind

NUMBER = re.compile(r"[0-9]{1,18}")
"""A number of so many digits has room in every ledger."""
LONGEST = 200
"""Characters of a summary that help shows; every summary of a command is shorter."""


def number(said: str) -> int:
    """Return the number of a person, a question or a batch, from 1 on. Raises BadParameter."""
    return _at_least(1, said)


def number_or_none(said: str) -> int:
    """Return a number from 0 on, where 0 may stand for none. Raises BadParameter."""
    return _at_least(0, said)


def _at_least(least: int, said: str) -> int:
    if not NUMBER.fullmatch(said) or int(said) < least:
        raise typer.BadParameter(f"must be a whole number from {least} on, of 18 digits at most")
    return int(said)


def any_of(choices: Iterable[str]) -> str:
    """Return the choices as words for a help text: between the option's brackets they would be one line too long."""
    return ", ".join(choices)


def channel_kind(said: str) -> "ChannelKind":
    """Return the kind of channel of this name. Raises BadParameter."""
    from amends.domain.channel.channel import ChannelKind

    if said not in ChannelKind:
        raise typer.BadParameter(f"{said!r} is not one of {', '.join(map(repr, ChannelKind))}.")
    return ChannelKind(said)


def _noted(ctx: typer.Context, incident: str) -> str:
    """Return the incident's id, after it was noted for the desk."""
    ctx.meta[INCIDENT] = incident
    return incident


IncidentId = Annotated[str, typer.Argument(metavar="INCIDENT", help="The incident's id.", callback=_noted)]
CommitmentId = Annotated[str, typer.Argument(metavar="COMMITMENT", help="The promise's id.")]
PersonNumber = Annotated[int, typer.Argument(metavar="PERSON", parser=number, help="The person's number.")]
NoticeId = Annotated[str, typer.Argument(metavar="NOTICE", help="The notice's id, such as first-notice.")]
As = Annotated[
    str,
    typer.Option(
        "--as", metavar="NAME", help="Who you are in the team; your token is asked for, or read from AMENDS_TOKEN."
    ),
]
AsLooker = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="NAME",
        envvar="AMENDS_AS",
        show_envvar=False,
        help="Who looks, or read from AMENDS_AS; it stands in the audit chain. Needed once the team has people.",
    ),
]
AsBringer = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="NAME",
        envvar="AMENDS_AS",
        show_envvar=False,
        help="Who brings it, or read from AMENDS_AS; it stands in the audit chain. Needed once the team has people.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Ask nothing.")]
InThisLedger = Annotated[str, typer.Argument(metavar="INCIDENT", help="An incident of this ledger.")]
InFile = Annotated[Path | None, typer.Option("--incident", metavar="FILE", help="Or an incident file.")]
AudienceFile = Annotated[Path, typer.Option(metavar="FILE", help="The people affected, CSV or XLSX.")]
AudienceFileIfAny = Annotated[Path | None, typer.Option(metavar="FILE", help="Its audience file.")]
AllowBadRows = Annotated[bool, typer.Option("--allow-bad-rows", help="Leave out rows that cannot be used.")]
LocaleRules = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="LOCALE=LOCALE",
        help="Readers of the first are written to in the second, while there are no words in the first; repeat it.",
    ),
]
OneNotice = Annotated[str, typer.Argument(metavar="NOTICE", help="Only this notice.")]


def read_rules(said: Iterable[str]) -> dict[str, str]:
    """Return the locale that stands for each ruled one. Raises BadParameter for another form, or one ruled twice."""
    from amends.domain.base.value import LOCALE

    rules: dict[str, str] = {}
    for one in said:
        locale, _, instead = one.partition("=")
        if not (LOCALE.fullmatch(locale) and LOCALE.fullmatch(instead)):
            raise typer.BadParameter(f"--rule {one[:40]!r}: write two locales, as in de=en or zh-HK=zh-CN")
        if rules.setdefault(locale, instead) != instead:
            raise typer.BadParameter(f"--rule says twice in which language readers of {locale} are told")
    return rules


def place(text: str) -> Path:
    """Return the path of this name, unchecked: the command finds out whether it is readable and sets the exit code.

    Raises BadParameter for an empty word, as an unset variable gives: the word would mean the current folder.
    """
    if not text:
        raise typer.BadParameter("it is empty; is the variable set that should hold it?")
    return Path(text)


class CommandGroup(TyperGroup):
    """A group of commands under their noun, which notes the verb; help shows each summary to its end."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command of the arguments, and note its name: all names from the root on are the verb."""
        name, command, rest = super().resolve_command(ctx, args)
        ctx.meta[VERB] = " ".join(filter(None, (ctx.meta.get(VERB), name)))
        return name, command, rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands one under the other, each summary on as many lines as needed."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, command.get_short_help_str(LONGEST)) for name, command in found if command]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class ImpliedGroup(CommandGroup):
    """A group in which words that name no command are arguments of the implied one."""

    implied = ""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments, with the implied command in front unless they begin with a command or ask for help."""
        named = not args or args[0] in (*self.commands, *ctx.help_option_names)
        return super().parse_args(ctx, args if named else [self.implied, *args])


def noun() -> typer.Typer:
    """Return a group that has no commands yet."""
    group = typer.Typer(cls=CommandGroup, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    group.callback()(lambda: None)
    return group
