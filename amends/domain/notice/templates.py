"""Templates of notices: rendered in a sandbox, with marks that name what each piece of the text says."""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Self

from amends.domain.notice.sandbox import BoundedSandbox

PART_OPEN, PART_CLOSE = "\ue002", "\ue003"
ITEM_OPEN, ITEM_CLOSE = "\ue004", "\ue005"
"""Marks around the names of items that the text says up to the next mark; removed, like part marks, before anybody
reads the text."""
STATES_OPEN, STATES_CLOSE = "\ue006", "\ue007"
"""Marks around the keys of the statements that the text makes here; removed in the same way."""
QUOTE = "\ue008"
"""The mark of a value that an earlier message gave and that is wrong by now; removed in the same way."""
STATES = re.compile(f"{STATES_OPEN}([^{STATES_CLOSE}]*){STATES_CLOSE}")


class SaidText(str):
    """A text that states something: a template that prints the text prints the mark of these statements too.

    A template that only asks about the text, as in `{% if contained %}`, states nothing by that.
    """

    __slots__ = ("keys",)
    keys: tuple[str, ...]

    def __new__(cls, text: str, *keys: str) -> Self:
        """Make a text that states what these keys are about; a text without a word states nothing."""
        said = super().__new__(cls, text)
        said.keys = keys if text else ()
        return said

    def __str__(self) -> str:
        """Return the text with the mark of its statements."""
        return mark_statements(self.keys) + super().__str__()

    def __format__(self, spec: str) -> str:
        """Return the text in this form with the mark of its statements."""
        return mark_statements(self.keys) + super().__str__().__format__(spec)


class Quoted(str):
    """A value that an earlier message gave and that is wrong by now: its line in a text is marked as a quote."""

    __slots__ = ()

    def __str__(self) -> str:
        """Return the text with the mark of a quote."""
        return f"{QUOTE}{super().__str__()}"


def environment(templates: Mapping[str, str]) -> BoundedSandbox:
    """Return a sandbox for these templates, which may include each other and nothing else.

    A value that is null or missing is an error, never a gap. The same templates give the same environment, so that each
    template is compiled once in weeks of drafts.
    """
    return _environment(tuple(templates.items()))


@lru_cache(maxsize=8)
def _environment(templates: tuple[tuple[str, str], ...]) -> BoundedSandbox:
    return BoundedSandbox(dict(templates))


def mark_items(names: Iterable[str], known: Collection[str]) -> str:
    """Return the mark that the text from here to the next mark says these items; without names, that it says none.

    Raises KeyError for an unknown item.
    """
    listed = tuple(names)
    if unknown := [name for name in listed if name not in known]:
        raise KeyError(*unknown)
    return f"{ITEM_OPEN}{' '.join(listed)}{ITEM_CLOSE}"


def mark_statements(keys: Iterable[str]) -> str:
    """Return the mark that the text makes the statements with these keys; empty without any key."""
    listed = " ".join(keys)
    return f"{STATES_OPEN}{listed}{STATES_CLOSE}" if listed else ""


def split_statements(text: str) -> tuple[str, frozenset[str]]:
    """Return the text without the marks of its statements, and the keys of the statements."""
    return STATES.sub("", text), frozenset(key for listed in STATES.findall(text) for key in listed.split(" "))


def split_quotes(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the text without the marks of quotes, and the lines that had one."""
    lines = tuple(line.replace(QUOTE, "") for line in text.splitlines() if QUOTE in line)
    return text.replace(QUOTE, ""), lines


def split_items(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the text without its item marks, and the sorted items for which the text has at least a word."""
    opening, *rest = text.split(ITEM_OPEN)
    marked = [piece.split(ITEM_CLOSE, 1) for piece in rest]
    said = {name for names, body in marked if re.search(r"\w", body.split(PART_OPEN)[0]) for name in names.split()}
    return opening + "".join(body for _, body in marked), tuple(sorted(said))


def split_parts(text: str) -> tuple[str, dict[str, str]]:
    """Return the text without its part marks, and the text of each part."""
    opening, *rest = text.split(PART_OPEN)
    named = [piece.split(PART_CLOSE, 1) for piece in rest]
    parts = {name: body.strip() for name, body in named}
    return (opening + "".join(body for _, body in named)).strip(), parts
