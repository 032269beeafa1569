"""The generated parts of docs/roles.md; `python -m tests.domain.team.roles_page` writes them again."""

from collections.abc import Mapping
from pathlib import Path

from amends.domain.team import verbs
from amends.domain.team.roles import VerbRule
from amends.domain.team.text import open_verbs, roles_table

PAGE = Path(__file__).parents[3] / "docs" / "roles.md"
TITLES: Mapping[str, Mapping[str, VerbRule]] = {
    "The incident": verbs.INCIDENT,
    "Playbooks and steps": verbs.PLAYBOOK,
    "People": verbs.PEOPLE,
    "Notices": verbs.NOTICE,
    "Questions and answers": verbs.FEEDBACK,
    "Keeping the word": verbs.WORD,
    "The home and the team": verbs.HOME,
}
BEGIN, END = "<!-- the table, generated -->\n", "<!-- end of the table -->\n"


def generated() -> str:
    """Return the part of the page that comes from the table in the code."""
    tables = "".join(f"\n### {title}\n{roles_table(part)}\n" for title, part in TITLES.items())
    return f"{BEGIN}{tables}\n### Without a member\n{open_verbs(verbs.VERBS)}\n\n{END}"


def parts(page: str) -> tuple[str, str, str]:
    """Return what stands before the generated part, the generated part, and what stands behind it."""
    begin, end = page.index(BEGIN), page.index(END) + len(END)
    return page[:begin], page[begin:end], page[end:]


if __name__ == "__main__":
    before, _, after = parts(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(before + generated() + after, encoding="utf-8")
