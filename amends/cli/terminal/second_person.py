"""The second person, whom an act needs that two named people must want."""

from typing import Annotated

import typer

from amends.cli.terminal.desk import SECOND_TOKEN, Desk
from amends.domain.base.errors import NotAllowed
from amends.domain.team.member import Member
from amends.domain.team.verbs import why_not_call_together

With = Annotated[
    str,
    typer.Option(
        "--with",
        metavar="NAME",
        help="A second person whose role may do this too; their token is asked for, or read from AMENDS_TOKEN_2.",
    ),
]


def second_member(desk: Desk, first: Member, name: str, verb: str = "") -> Member:
    """Return the second member, who is not the first and proves by a token of their own to be this one.

    Raises NotAllowed unless both may call the verb, which is the command's own unless another is named.
    """
    second = first if name == first.name else desk.member(name, SECOND_TOKEN, verb)
    if refusal := why_not_call_together(first, second, verb or desk.verb):
        raise NotAllowed(refusal)
    return second
