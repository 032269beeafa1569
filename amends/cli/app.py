"""The root of the command line: global options, the table of commands, and the report of errors in words."""

import os
import sys
import traceback
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand
from typer.main import get_command, get_group

from amends.cli.terminal.clock import use_home
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.errors import explain
from amends.cli.terminal.options import CommandGroup, place
from amends.system.places import named


class CommandEntry(NamedTuple):
    """A command's place (`module:name` below amends.cli, a Typer or a function) and its summary."""

    place: str
    summary: str


COMMANDS = {
    "init": CommandEntry("home.init:init", "Make a home: settings, keys and an empty ledger."),
    "doctor": CommandEntry("home.doctor:doctor", "Check that everything here is as it must be."),
    "demo": CommandEntry("home.demo:demo", "Run a complete invented incident on this machine."),
    "up": CommandEntry("home.up:up", "Start Prefect, its runner and the portal; Ctrl-C stops them."),
    "assess": CommandEntry(
        "assess.assess:assess", "Work out how grave an incident is, from its file alone; facts are enough."
    ),
    "incident": CommandEntry("incident.incident:app", "Write, open, check, amend, follow and close incidents."),
    "audience": CommandEntry("people.audience:app", "Check an audience file, correct a list of people, count them."),
    "playbook": CommandEntry("playbook.playbook:app", "List, check and try out playbooks."),
    "timeline": CommandEntry(
        "incident.timeline:timeline", "Show what waits for whom, what is expected, and what was done."
    ),
    "rehearse": CommandEntry(
        "rehearse.rehearse:rehearse", "Play a playbook through with a simulated team, in virtual time."
    ),
    "run": CommandEntry("playbook.run:run", "Start a playbook for an incident."),
    "migrate": CommandEntry(
        "playbook.migrate:migrate", "Replace the playbook of a running incident; shows first what that changes."
    ),
    "lint": CommandEntry("notice.lint:lint", "Read notices as a strict editor would, before anybody approves them."),
    "preview": CommandEntry("notice.preview:preview", "Look at a notice exactly as people will get it."),
    "approve": CommandEntry("notice.approval:approve", "Approve exactly this notice."),
    "reject": CommandEntry("notice.approval:reject", "Reject a notice; it must be drafted anew."),
    "deliver": CommandEntry("deliver.deliver:deliver", "Send an approved notice to everybody it has not reached."),
    "reconcile": CommandEntry(
        "receipt.reconcile:reconcile", "Take what the relay's log knows of as sent, after a backup was restored."
    ),
    "stop": CommandEntry("deliver.stop:stop", "Stop whatever is being sent, at once, until it is resumed."),
    "deliveries": CommandEntry(
        "deliver.deliveries:deliveries", "Say who was reached, who waits, who was not reached and why."
    ),
    "told": CommandEntry("notice.told:told", "Say what people were told, to how many, and what is wrong by now."),
    "dossier": CommandEntry(
        "people.dossier:app", "Write what one person was told, word for word, under a seal; check such a file."
    ),
    "bounces": CommandEntry("receipt.bounces:bounces", "Take in the mails that came back."),
    "inbox": CommandEntry("receipt.inbox:app", "Take in the mails of people as questions, and list their files."),
    "receipts": CommandEntry(
        "receipt.receipts:receipts", "Ask the SMS gateway what became of the messages that it took."
    ),
    "letters": CommandEntry(
        "deliver.letters:letters", "Hand paper letters to a print shop; note those that came back."
    ),
    "questions": CommandEntry("feedback.questions:app", "Read, answer and sort what people ask."),
    "surveys": CommandEntry("feedback.surveys:app", "Show who answered surveys, and what all answered together."),
    "reports": CommandEntry(
        "people.reports:app", "Decide what people say on their pages: this is not me, my address is outdated."
    ),
    "requests": CommandEntry("people.requests:app", "Decide on people's requests for their data."),
    "claims": CommandEntry("claim.claims:app", "Take in, decide and pay claims of compensation."),
    "mentions": CommandEntry("feedback.mentions:app", "Take in posts that mention our account; answer them in public."),
    "load": CommandEntry(
        "feedback.load:load", "Say how many people will contact you, and in which waves to send for your team."
    ),
    "sessions": CommandEntry("feedback.sessions:app", "Announce question hours, remind of them, publish the answers."),
    "faq": CommandEntry("feedback.faq:app", "Publish answers to what many people ask."),
    "duty": CommandEntry("law.duty:app", "Follow the legal duties; record what was filed with authorities."),
    "commitments": CommandEntry("commitment.commitments:app", "Follow the promises that were made."),
    "remedies": CommandEntry(
        "entitlement.remedies:app", "Say what was done for each person of a promise kept person by person."
    ),
    "codes": CommandEntry(
        "entitlement.codes:app",
        "Keep the codes that people were promised: import, count, replace, record the redeemed.",
    ),
    "review": CommandEntry(
        "incident.review:app", "Review a case: its figures, what went well, badly or by luck, and lessons."
    ),
    "report": CommandEntry("incident.report:report", "Write a report about an incident, without personal data."),
    "export": CommandEntry(
        "export.export:app", "Write a case as JSON or VERIS, or a playbook as CACAO; without personal data."
    ),
    "calendar": CommandEntry(
        "incident.calendar:calendar", "Write the deadlines as a calendar file, without personal data."
    ),
    "step": CommandEntry("playbook.step:app", "Decide about a step that is held; say that a task is done."),
    "clock": CommandEntry("home.clocks:app", "Say whether this machine's clock is believed; settle it when it jumped."),
    "team": CommandEntry("team:app", "Say who works on incidents."),
    "opt-out": CommandEntry(
        "people.opt_out:opt_out", "Note that somebody wants no optional messages, or wants them again."
    ),
    "link": CommandEntry("people.link:app", "Revoke a personal link, or give a new one."),
    "forget": CommandEntry("forget.forget:app", "Say what is forgotten when; put under legal hold; erase one person."),
    "keys": CommandEntry("forget.keys:app", "Rotate the master key, or the key of one case."),
    "audit": CommandEntry("home.audit:app", "Check the audit chain."),
    "schema": CommandEntry("playbook.schema:schema", "Print the JSON schema of a file."),
}


class Commands(CommandGroup):
    """The root group: names and summaries for help and completion at once, a command only when it is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name=name, help=entry.summary) for name, entry in COMMANDS.items()}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments, in which global options may stand anywhere."""
        return super().parse_args(ctx, globals_first(args))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, found, rest = super().resolve_command(ctx, args)
        return name, load(COMMANDS[name]) if name else found, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; report every error in words and by the exit code."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")  # typer takes over pydantic's words
            raise
        except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - a traceback is shown only with --debug
            desk = ctx.obj
            if desk.debug:
                traceback.print_exc(file=sys.stderr)
            raise typer.Exit(explain(error, desk)) from None


def load(entry: CommandEntry) -> Any:
    """Import and return the command of an entry."""
    found = named(f"amends.cli.{entry.place}")
    if isinstance(found, typer.Typer):
        found.info.help = entry.summary
        return get_group(found)
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command()(found)
    return get_command(alone)


def globals_first(args: Sequence[str]) -> list[str]:
    """Return the same arguments with the global options in front; what follows `--` stays in place."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(args)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in ("--json", "--debug") or word.startswith("--home="):
            front.append(word)
        elif word == "--home":
            front += [word, *islice(words, 1)]
        else:
            rest.append(word)
    return front + rest


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from amends import __version__

        typer.echo(f"amends {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    home: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The home to work in.", envvar="AMENDS_HOME", parser=place)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and no hints.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run a company's customer communication after customer data was stolen or leaked.

    The options below may stand anywhere. Exit codes: 0 ok, 1 error, 2 usage, 3 findings, 4 waiting for approval,
    5 partly delivered.
    """
    os.environ["DO_NOT_TRACK"] = "1"  # or Prefect, loaded by a command at a terminal, reports its use to its maker
    ctx.obj = Desk(home, json, debug, ctx.meta)
    use_home(home)
    ctx.call_on_close(ctx.obj.close)
