"""The table of verbs in Markdown, as docs/roles.md shows it."""

from collections.abc import Iterable, Iterator, Mapping

from amends.domain.team.member import TeamRole
from amends.domain.team.roles import VerbRule

YES = "yes"
HEAD = ("`amends …`", *TeamRole, "people", "besides")


def roles_table(verbs: Mapping[str, VerbRule]) -> str:
    """Return the verbs that ask for a member as a table in Markdown, one line for each."""
    rows = [_cells(verb, rule) for verb, rule in verbs.items() if not rule.is_open]
    return "\n".join(map(_line, (HEAD, ["---"] * len(HEAD), *rows)))


def open_verbs(verbs: Mapping[str, VerbRule]) -> str:
    """Return the verbs that ask for no member as a list in Markdown, each with its remark."""
    return "\n".join(_open(verb, rule) for verb, rule in verbs.items() if rule.is_open)


def _cells(verb: str, rule: VerbRule) -> Iterator[str]:
    yield f"`{verb}`"
    yield from (YES if role in rule.roles else "" for role in TeamRole)
    yield str(rule.people)
    yield rule.besides


def _open(verb: str, rule: VerbRule) -> str:
    return f"- `{verb}`: {rule.note}" if rule.note else f"- `{verb}`"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
