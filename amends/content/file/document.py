"""Strict reading of a YAML or JSON file into a document that knows the place of each key and value."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amends.content.file.parsed import Parsed, is_shipped, parsed_once
from amends.content.file.reading import Place, Reading, Trail, read_text
from amends.domain.base.errors import ContentError


@dataclass(frozen=True)
class Document:
    """The content of a file as plain dicts, lists and scalars, with the place of each key and value."""

    file: str
    content: Any
    keys: dict[Trail, Place]
    values: dict[Trail, Place]

    def place(self, trail: Trail, *, of_key: bool = False) -> Place:
        """Return the place of a value, or of its key; of the enclosing value when the file has no such value."""
        while trail not in self.values:
            trail = trail[:-1]
        return self.keys.get(trail, self.values[trail]) if of_key else self.values[trail]

    def where(self, trail: Trail, *, of_key: bool = False) -> str:
        """Return the place of a value, or of its key, as file:line:column."""
        line, column = self.place(trail, of_key=of_key)
        return f"{self.file}:{line}:{column}"

    def at(self, trail: Trail) -> Any:
        """Return the value at the end of the trail. Raises KeyError or IndexError when the document has none."""
        found = self.content
        for part in trail:
            found = found[part]
        return found

    def texts(self) -> Iterator[tuple[Trail, str]]:
        """Yield each text of the document with its trail, keys included, in the order of the file."""
        for trail in self.values:
            if trail and isinstance(trail[-1], str):
                yield trail, trail[-1]
            if isinstance(text := self.at(trail), str):
                yield trail, text


def read_document(path: Path) -> Document:
    """Read a .yaml, .yml or .json file. Raises ContentError with every error of syntax in the file."""
    text = read_text(path)
    return Document(str(path), *(parsed_once(path, text, _parse) if is_shipped(path) else _parse(path, text)))


def parse_document(path: Path, text: str) -> Document:
    """Return the text as the document of a file with this name. Raises ContentError with every error of syntax."""
    return Document(str(path), *_parse(path, text))


def _parse(path: Path, text: str) -> Parsed:
    reading = _reading(path.suffix)(str(path), text)
    content = reading.read()
    if reading.findings:
        raise ContentError(*reading.findings)
    return Parsed(content, reading.keys, reading.values)


def _reading(suffix: str) -> "type[Reading]":
    if suffix == ".json":
        from amends.content.file.json_file import JsonReading

        return JsonReading
    from amends.content.file.yaml_file import YamlReading

    return YamlReading
