"""Binding of a document to a domain value; errors become findings that name the place and the known words."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from amends.content.file.codes import Code
from amends.content.file.document import Document
from amends.content.file.reading import Place, Trail
from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.value import LOCALE
from amends.domain.incident.incident import EMAIL_IF_ANY

T = TypeVar("T", bound=BaseModel)

MoreKeys = Mapping[type[BaseModel], Iterable[str]]
"""Keys that a model accepts beside its fields."""

NOTHING_MORE: MoreKeys = MappingProxyType({})

KEY = ("[key]",)
"""The end of pydantic's location of a wrong key in a mapping."""

_EXPECTED_FORMS = {
    "^[A-Z]{2}$": "a country is expected here, in two capital letters as in DE",
    "^[A-Z]{2}(-[A-Z0-9]{1,3})?$": "a country is expected here, in two capital letters as in DE, or a part as DE-BE",
    f"^{LOCALE.pattern}$": "a locale is expected here, as in en, zh-CN or zh-Hant-TW",
    EMAIL_IF_ANY: "an email address is expected here, as in care@example.org",
    "^[a-z0-9_]+$": "a word of small letters, digits and _ is expected here, as in police_report",
}
"""The advice for a text that does not match a pattern of the domain, by pattern."""

_LIMITS = {
    "string_too_short": "at least {min_length} characters are expected here",
    "string_too_long": "at most {max_length} characters have room here",
    "less_than_equal": "at most {le:,.12g} is possible here; is it a typing error?",
    "greater_than_equal": "at least {ge:,.12g} is expected here",
}
_PLAIN_WORDS = {
    "string_type": "a text is expected here: put it in quotes",
    "bool_parsing": "true or false is expected here",
    "bool_type": "true or false is expected here",
    "int_parsing": "a whole number is expected here",
    "int_type": "a whole number is expected here",
    "int_from_float": "a whole number is expected here",
    "float_parsing": "a number is expected here",
    "float_type": "a number is expected here",
    "finite_number": "a number is expected here",
    "model_type": "keys with values are expected here",
    "dict_type": "keys with values are expected here",
    "tuple_type": "a list is expected here",
    "timezone_aware": "a time needs its zone, as in 2026-11-20T08:00:00+08:00",
    "datetime_type": "a time is expected here, as in 2026-11-20T08:00:00+08:00",
    "datetime_parsing": "a time is expected here, as in 2026-11-20T08:00:00+08:00",
    "datetime_from_date_parsing": "a time is expected here, as in 2026-11-20T08:00:00+08:00",
}


def bind(document: Document, model: type[T], more_keys: MoreKeys = NOTHING_MORE) -> T:
    """Return the document as a value of this model. Raises ContentError with all findings, in the file's order."""
    try:
        return model.model_validate(document.content)
    except ValidationError as error:
        wrong = [details for details in error.errors(include_url=False) if not _is_echo(details, document)]
        found = {_finding(details, document, model, more_keys) for details in wrong}
    raise ContentError(*(finding for _, finding in sorted(found, key=lambda pair: (pair[0], str(pair[1])))))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return advice that names the known word nearest to this word, and all known words."""
    words = [str(one) for one in known]
    near = get_close_matches(word, words, 1)
    return (f"Did you mean {near[0]!r}? " if near else "") + f"Known: {', '.join(words)}"


def _is_echo(details: ErrorDetails, document: Document) -> bool:
    """Return True for a `too_short` error that only follows from other errors.

    Pydantic counts the valid items alone: the list in the file is long enough, and its invalid items have findings.
    """
    if details["type"] != "too_short":
        return False
    inside = document.at(_trail(document, details["loc"]))
    return isinstance(inside, dict | list) and len(inside) >= details["ctx"]["min_length"]


def _finding(
    details: ErrorDetails, document: Document, model: type[BaseModel], more: MoreKeys
) -> tuple[Place, Finding]:
    kind, loc = details["type"], details["loc"]
    trail = _trail(document, loc)
    of_key = kind == "extra_forbidden" or loc[-1:] == KEY
    code, what, advice = _say(details, document, trail, _known_keys(model, loc[:-1], more))
    return document.place(trail, of_key=of_key), Finding(document.where(trail, of_key=of_key), code, what, advice)


def _trail(document: Document, loc: Trail) -> Trail:
    """Return pydantic's location without the parts that no file has: the `value` of a bare fact, the tag of a union."""
    trail: Trail = ()
    for part in loc:
        if (*trail, part) in document.values:
            trail = (*trail, part)
    return trail


def _say(details: ErrorDetails, document: Document, trail: Trail, keys: list[str]) -> tuple[Code, str, str]:
    name = ".".join(map(str, trail)) or "the file"
    context = details.get("ctx", {})
    match details["type"]:
        case "missing":
            return Code.MISSING, f"{name}: {details['loc'][-1]!r} is missing", ""
        case "extra_forbidden":
            return Code.UNKNOWN_KEY, f"{trail[-1]!r} is not a known key", did_you_mean(str(trail[-1]), keys)
        case "enum" | "literal_error" if details["loc"][-1:] == KEY:
            key = str(trail[-1])
            return Code.UNKNOWN_KEY, f"{key!r} is not a known key", _did_you_mean_of(key, context)
        case "enum" | "literal_error" if details["input"] is not None:
            word = str(document.at(trail))
            return Code.UNKNOWN_WORD, f"{name}: {word!r} is not a known word", _did_you_mean_of(word, context)
        case "value_error":
            leaf = not isinstance(document.at(trail), dict | list)
            return Code.WRONG_FORM if leaf else Code.DOES_NOT_FIT, f"{name}: {context['error']}", ""
    return Code.WRONG_FORM, f"{name}: {_plain_words(details)}", ""


def _plain_words(details: ErrorDetails) -> str:
    if details["input"] is None:
        return "nothing stands here"
    context = details.get("ctx", {})
    if details["type"] in _LIMITS:
        return _LIMITS[details["type"]].format(**context)
    match details["type"]:
        case "string_pattern_mismatch" if context["pattern"] in _EXPECTED_FORMS:
            return _EXPECTED_FORMS[context["pattern"]]
        case "too_short":
            few = f"{context['min_length']} are expected here"
            return few if context["actual_length"] else "nothing stands here"
    return _PLAIN_WORDS.get(details["type"], details["msg"].removeprefix("Input "))


def _did_you_mean_of(word: str, context: Mapping[str, Any]) -> str:
    return did_you_mean(word, re.findall(r"'([^']*)'", str(context["expected"])))


def _known_keys(model: type[BaseModel], loc: Trail, more_keys: MoreKeys) -> list[str]:
    kind: Any = model
    for part in loc:
        kind = _inside(kind, part)
    kind = _bare(kind)
    if not _is_model(kind):
        return []
    return [*(field.alias or name for name, field in kind.model_fields.items()), *sorted(more_keys.get(kind, ()))]


def _inside(kind: Any, part: str | int) -> Any:
    """Return the type of the value under this key or index, or None when the outer type does not tell."""
    kind = _bare(kind)
    if _is_model(kind):
        named = (field for name, field in kind.model_fields.items() if part in (name, field.alias))
        return next((field.annotation for field in named), None)
    inner = get_args(kind)
    return inner[-1 if get_origin(kind) is dict else 0] if inner else None


def _bare(kind: Any) -> Any:
    """Return the type inside Annotated and Optional."""
    while get_origin(kind) in (Annotated, Union, UnionType):
        kind = next(inner for inner in get_args(kind) if inner is not type(None))
    return kind


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
