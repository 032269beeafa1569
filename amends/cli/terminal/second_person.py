"""The second person, whom an act needs that two named people must want."""

from typing import Annotated

import typer

from amends.cli.terminal.desk import SECOND_TOKEN, Desk
from amends.domain.base.errors import NotAllowed
from amends.domain.team.member import Member

With = Annotated[
    str,
    typer.Option(
        "--with",
        metavar="NAME",
        help="A second person who may approve; their token is asked for, or read from AMENDS_TOKEN_2.",
    ),
]


def second_member(desk: Desk, first: Member, name: str, verb: str = "") -> Member:
    """Return the second member, who is not the first, proves by a token of their own to be this one, and may call it.

    The verb is the command's own unless another is named, as in `Desk.member`. Raises NotAllowed. The caller checks
    whether the first member may do what is asked.
    """
    if name == first.name:
        raise NotAllowed(f"{name} cannot be the second person too; two different people must want this")
    return desk.member(name, SECOND_TOKEN, verb)
