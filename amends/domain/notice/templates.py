"""Templates of notices: rendered in a sandbox, with marks that name what each piece of the text says."""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from jinja2 import DictLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

PART_OPEN, PART_CLOSE = "\ue002", "\ue003"
ITEM_OPEN, ITEM_CLOSE = "\ue004", "\ue005"
"""Marks around the names of items that the text says up to the next mark; removed, like part marks, before anybody
reads the text."""


def environment(templates: Mapping[str, str]) -> ImmutableSandboxedEnvironment:
    """Return a sandbox for these templates, which may include each other and nothing else.

    A value that is null or missing is an error, never a gap. The same templates give the same environment, so that each
    template is compiled once in weeks of drafts.
    """
    return _environment(tuple(templates.items()))


@lru_cache(maxsize=8)
def _environment(templates: tuple[tuple[str, str], ...]) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=DictLoader(dict(templates)),
        undefined=StrictUndefined,
        finalize=_never_null,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )


def _never_null(value: object) -> object:
    """Return the value that a template puts into the text. Raises ValueError for null, which would print as None."""
    if value is None:
        raise ValueError("null cannot be put into a text")
    return value


def mark_items(names: Iterable[str], known: Collection[str]) -> str:
    """Return the mark that the text from here to the next mark says these items; without names, that it says none.

    Raises KeyError for an unknown item.
    """
    listed = tuple(names)
    if unknown := [name for name in listed if name not in known]:
        raise KeyError(*unknown)
    return f"{ITEM_OPEN}{' '.join(listed)}{ITEM_CLOSE}"


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
