"""The second person: what two named people must want, one of them cannot do alone."""

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


def second_member(desk: Desk, first: Member, name: str) -> Member:
    """The member beside the first who proves by a token of their own to be this one, and may approve.

    Raises NotAllowed. Whether the first may do what is asked is for the caller to say.
    """
    if name == first.name:
        raise NotAllowed(f"{name} cannot be the second person too; two different people must want this")
    second = desk.member(name, SECOND_TOKEN)
    if not second.role.may_approve:
        raise NotAllowed(f"{name} is {second.role}; the second person must have a role that may approve")
    return second
