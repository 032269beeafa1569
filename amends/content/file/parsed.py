"""The files that come with Amends as they were parsed once: in this process, and between commands.

Parsing took half the time of `amends assess`. The kept form is JSON, from which every reader builds values of its own.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from amends.content.file.reading import Place, Trail
from amends.content.file.shipped import EXAMPLES, library
from amends.system import cache_folder

CODE = Path(__file__).parent
"""The folder of the code that parses, a change of which makes every kept form out of date."""
_known: dict[str, bytes] = {}
"""The kept forms by name: the digest of the text and of what parses it."""


class Parsed(NamedTuple):
    """The content of a file, with the place of each key and value."""

    content: Any
    keys: dict[Trail, Place]
    values: dict[Trail, Place]


def is_shipped(path: Path) -> bool:
    """Return True for a file of Amends; False for the example, which people replace by an incident of their own."""
    whole = path.absolute()
    return (library() in whole.parents and library() / EXAMPLES not in whole.parents) or CODE.parent in whole.parents


def parsed_once(path: Path, text: str, parse: Callable[[Path, str], Parsed]) -> Parsed:
    """Return the parsed text of a file that comes with Amends. Raises what `parse` raises."""
    name = sha256(f"{_parser()}\n{path.suffix}\n{text}".encode()).hexdigest()
    form = _known.get(name) or cache_folder.kept(name)
    if form is None:
        parsed = parse(path, text)
        form = _form_of(parsed)
        cache_folder.keep(name, form)
    _known[name] = form
    return _read(form)


@cache
def _parser() -> str:
    """Return what tells this parser from any other: its own code, and the library's version."""
    return f"{version('ruamel.yaml')} {cache_folder.code_digest(CODE)}"


def _form_of(parsed: Parsed) -> bytes:
    """Return the content with the places of all keys, and those of all values, in the order of the file."""
    return json.dumps((parsed.content, [*parsed.keys.values()], [*parsed.values.values()])).encode()


def _read(form: bytes) -> Parsed:
    content, keys, values = json.loads(form)
    trails = [*_trails(content, ())]
    named = [trail for trail in trails if trail and isinstance(trail[-1], str)]
    return Parsed(content, _placed(named, keys), _placed(trails, values))


def _placed(trails: list[Trail], places: list[list[int]]) -> dict[Trail, Place]:
    return {trail: Place(*place) for trail, place in zip(trails, places, strict=True)}


def _trails(value: Any, trail: Trail) -> Iterator[Trail]:
    """Yield the trail of each value in the order of the file."""
    yield trail
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, inner in inside:
        yield from _trails(inner, (*trail, part))
