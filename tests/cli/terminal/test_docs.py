"""What the pages tell people to type, and lead them to, is there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from amends.cli.app import COMMANDS, load

TOP = Path(__file__).parents[3]
PAGES = [
    *sorted((TOP / "docs").glob("*.md")),
    *(TOP / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
]
CALL = re.compile(r"\bamends (?:--home \S+ )?(?P<words>[a-z][^`\n|#]*)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
OF_ALL = {"--home", "--json", "--help"}
LINK = re.compile(r"\]\((?!http)([^)#\s]*)#?([^)\s]*)\)")
TEST = re.compile(r"`(tests/[\w./]+)`")

each_page = pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])


def called(words: list[str]) -> Any:
    """The command that these words begin with; None when there is none such."""
    if words[0] not in COMMANDS:
        return None
    command = load(COMMANDS[words[0]])
    if not hasattr(command, "commands"):
        return command
    implied = command.commands.get(getattr(command, "implied", ""))
    return command.commands.get(words[1].rstrip(".,;:"), implied) if len(words) > 1 else command


def unknown(page: Path) -> Iterator[str]:
    for call in CALL.finditer(page.read_text(encoding="utf-8")):
        command = called(call["words"].split())
        parameters = getattr(command, "params", ())
        known = {name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)}
        if command is None or set(OPTION.findall(call["words"])) - known - OF_ALL:
            yield call[0]


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.strip().lower()).replace(" ", "-") for head in heads}


@each_page
def test_every_command_and_option_that_a_page_names_is_there(page: Path) -> None:
    assert list(unknown(page)) == []


@each_page
def test_every_link_leads_to_a_page_and_a_heading_of_it(page: Path) -> None:
    for name, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / name if name else page
        assert target.exists(), name
        assert not anchor or anchor in anchors(target), f"{name}#{anchor}"


def test_every_test_that_a_promise_names_is_there() -> None:
    named = TEST.findall((TOP / "docs" / "promises.md").read_text(encoding="utf-8"))
    assert named
    assert [name for name in named if not (TOP / name).exists()] == []
