"""The vocabulary of an incident file: each fact with its meaning and the words that it may take."""

from collections.abc import Iterable
from enum import Enum
from types import NoneType
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from amends.domain.base.docstrings import field_docstrings
from amends.domain.incident.facts import Count, Fact, Facts, Mitigation

FORMS: dict[Any, str] = {
    bool: "true, false",
    str: "a text",
    int: "a whole number",
    float: "a number",
    Count: "a number, or {min: NUMBER, max: NUMBER}",
    Mitigation: "words of your own, or {what: WORD, at: TIME}",
}
"""The way in which a value of each of these kinds is written."""


class Entry(NamedTuple):
    """One key of an incident file."""

    key: str
    meaning: str
    written: str
    """The words that the key may take, or the form of its value."""


def facts_vocabulary() -> tuple[Entry, ...]:
    """Return every fact, in the order of the incident file."""
    fields, meanings = Facts.model_fields.items(), field_docstrings(Facts)
    return tuple(Entry(name, _one_line(meanings.get(name, "")), _written(field.annotation)) for name, field in fields)


def words_of(fact: str) -> tuple[str, ...]:
    """Return the words of a fixed list that the fact may take; none for a number, a text or a value of several parts.

    Raises KeyError for a fact that does not exist.
    """
    kind = _inside(Facts.model_fields[fact].annotation)
    if kind is bool:
        return ("true", "false")
    return tuple(word.value for word in kind) if _is_enum(kind) else ()


def markdown_table(head: tuple[str, str, str], entries: Iterable[Entry]) -> str:
    """Return the entries as a Markdown table under these three titles."""
    rows = (f"| `{entry.key}` | {entry.meaning} | {entry.written} |" for entry in entries)
    return "\n".join((f"| {' | '.join(head)} |", "|---|---|---|", *rows))


def _written(kind: Any) -> str:
    kind = _bare(kind)
    if kind in FORMS:
        return FORMS[kind]
    if get_origin(kind) is tuple:
        return f"a list: {_written(get_args(kind)[0])}"
    if _is_enum(kind):
        return ", ".join(word.value for word in kind)
    return "; ".join(f"{name}: {_written(field.annotation)}" for name, field in kind.model_fields.items())


def _inside(kind: Any) -> Any:
    """Return the type of one value of a fact, also of a fact that is a list."""
    kind = _bare(kind)
    return _inside(get_args(kind)[0]) if get_origin(kind) is tuple else kind


def _bare(kind: Any) -> Any:
    """Return the type inside a fact, inside a type with limits, or inside a type that may be None."""
    if isinstance(kind, type) and issubclass(kind, BaseModel) and issubclass(kind, Fact):
        return _bare(kind.model_fields["value"].annotation)
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if NoneType in get_args(kind):
        return _bare(next(one for one in get_args(kind) if one is not NoneType))
    return kind


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Enum)


def _one_line(text: str) -> str:
    return " ".join(text.split())
