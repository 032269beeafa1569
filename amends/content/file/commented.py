"""YAML with a comment beside each value, for a file that Amends begins and a person goes on writing.

Written by hand, because nobody could read a file again in which ruamel.yaml put a comment beside a mapping in a list.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_AMBIGUOUS = frozenset({"false", "n", "no", "null", "off", "on", "true", "y", "yes"})
"""The words that some reader of YAML takes for something other than a text."""


class Noted(NamedTuple):
    """A value of a file, and the comment beside it."""

    value: Any
    comment: str


def commented_yaml(said: Mapping[str, Any], head: Sequence[str]) -> str:
    """Return the text of a file with these values, below these lines of comment."""
    lines = [f"# {line}" for line in head]
    for key, value in said.items():
        entry = list(_entry(f"{key}:", value))
        lines += [""] * (len(entry) > 1) + entry
    return "\n".join(lines) + "\n"


def without_comments(value: Any) -> Any:
    """Return the value as the file gives it to a reader."""
    match value:
        case Noted():
            return without_comments(value.value)
        case dict():
            return {key: without_comments(inner) for key, inner in value.items()}
        case list():
            return [without_comments(inner) for inner in value]
    return value


def _entry(head: str, value: Any) -> Iterator[str]:
    """Yield the lines of `head` and the value, with the comment in the first line."""
    comment = ""
    if isinstance(value, Noted):
        value, comment = value.value, f"  # {value.comment}"
    match value:
        case dict() if head != "-":
            yield f"{head}{comment}"
            for key, inner in value.items():
                yield from (f"  {line}" for line in _entry(f"{key}:", inner))
        case [Noted(), *_]:
            yield f"{head}{comment}"
            for inner in value:
                yield from (f"  {line}" for line in _entry("-", inner))
        case _:
            yield f"{head} {_scalar(value)}".rstrip() + comment


def _scalar(value: Any) -> str:
    match value:
        case None:
            return ""
        case list():
            return f"[{', '.join(map(_scalar, value))}]"
        case dict():
            return f"{{{', '.join(f'{key}: {_scalar(inner)}' for key, inner in value.items())}}}"
        case str() if _PLAIN.fullmatch(value) and value.casefold() not in _AMBIGUOUS:
            return value
    return json.dumps(value, ensure_ascii=False)
