"""Reads a YAML or JSON file strictly, and remembers where every key and value stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amends.content.file.reading import Place, Reading, Trail, read_text
from amends.domain.base.errors import ContentError


@dataclass(frozen=True)
class Document:
    """What a file says, as plain dicts, lists and scalars, with the place of everything in it."""

    file: str
    content: Any
    keys: dict[Trail, Place]
    values: dict[Trail, Place]

    def place(self, trail: Trail, *, of_key: bool = False) -> Place:
        """The place of a value, or of its key; of what encloses it when the value is not in the file."""
        while trail not in self.values:
            trail = trail[:-1]
        return self.keys.get(trail, self.values[trail]) if of_key else self.values[trail]

    def where(self, trail: Trail, *, of_key: bool = False) -> str:
        """The place as file:line:column."""
        line, column = self.place(trail, of_key=of_key)
        return f"{self.file}:{line}:{column}"

    def at(self, trail: Trail) -> Any:
        """The value at the end of the trail. Raises KeyError or IndexError."""
        found = self.content
        for part in trail:
            found = found[part]
        return found

    def texts(self) -> Iterator[tuple[Trail, str]]:
        """Every text in the document, keys included, in the order of the file."""
        for trail in self.values:
            if trail and isinstance(trail[-1], str):
                yield trail, trail[-1]
            if isinstance(text := self.at(trail), str):
                yield trail, text


def read_document(path: Path) -> Document:
    """Read a .yaml, .yml or .json file. Raises ContentError with every finding that stops it from being read."""
    text = read_text(path)
    reading = _reading(path.suffix)(str(path), text)
    content = reading.read()
    if reading.findings:
        raise ContentError(*reading.findings)
    return Document(str(path), content, reading.keys, reading.values)


def _reading(suffix: str) -> "type[Reading]":
    if suffix == ".json":
        from amends.content.file.json_file import JsonReading

        return JsonReading
    from amends.content.file.yaml_file import YamlReading

    return YamlReading
