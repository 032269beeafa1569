"""Arguments and options that several commands share."""

from typing import Annotated

import typer

IncidentId = Annotated[str, typer.Argument(metavar="INCIDENT", help="The incident's id.")]
NoticeId = Annotated[str, typer.Argument(metavar="NOTICE", help="The notice's id, such as first-notice.")]
As = Annotated[
    str,
    typer.Option(
        "--as", metavar="NAME", help="Who you are in the team; your token is asked for, or read from AMENDS_TOKEN."
    ),
]


def noun() -> typer.Typer:
    """A group that has no commands yet."""
    group = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    group.callback()(lambda: None)
    return group
