"""Advice on who looks after promises: an alert must reach a person, so owners are members of the team."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from amends.content.file.codes import Code
from amends.content.file.reading import Trail
from amends.domain.base.errors import Finding
from amends.domain.incident.commitment import PlannedCommitment
from amends.domain.team.member import Member

ADVICE = "the leads are reminded instead; name a member whom alerts reach, `amends team list`"


def check_owners(
    planned: Sequence[PlannedCommitment], members: Iterable[Member], where: Callable[[Trail], str]
) -> tuple[Finding, ...]:
    """Return advice on each owner and deputy of these promises who is no member of the team; none without a team.

    `where` returns the place of a value in the file that holds the promises.
    """
    known = {member.name for member in members if member.active}
    if not known:
        return ()
    return tuple(
        Finding(where(trail), Code.NO_MEMBER, f"{who} is no member of the team", ADVICE, blocks=False)
        for index, one in enumerate(planned)
        for trail, who in _named(index, one)
        if who and who not in known
    )


def _named(index: int, one: PlannedCommitment) -> Iterator[tuple[Trail, str]]:
    here: Trail = ("commitments", index)
    yield (*here, "owner"), one.owner
    yield (*here, "deputy"), one.deputy
    for number, step in enumerate(one.steps):
        yield (*here, "steps", number, "owner"), step.owner
