"""Reading of the YAML that people write: version 1.2, core schema, one document, no aliases and no tags.

The content is built from the parser's events, not by its constructor: words like `no`, times with a zone and codes with
a leading zero then stay as the author wrote them, and aliases and tags are refused before a value is built from them.
"""

import math
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from amends.content.file.codes import Code
from amends.content.file.reading import Place, Reading, Trail

_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_CHARACTER = re.compile(r"\\U(?!000|0010)[0-9A-Fa-f]{8}")
"""An escape beyond the last character of Unicode."""
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTHS = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]")
_LONGEST_NUMBER = 300
_INTEGER = re.compile(r"[-+]?[0-9]+")
_TRAILING_CONTENT = "expected '<document start>'"
"""The parser's error for content behind the document. A file of another kind, such as a table, ends in this error: its
first row is read as the whole document."""


class YamlReading(Reading):
    """The reading of one YAML document."""

    def read(self) -> Any:
        self.events = iter(YAML(typ="safe", pure=True).parse(self.text))
        try:
            return self._document()
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self.stop(_place(mark), Code.UNREADABLE, f"this is not YAML: {_in_words(error)}")
        except YAMLError:
            self.stop(self._first(_NOT_YAML), Code.UNREADABLE, "a character stands here that YAML does not allow")
        except (ValueError, OverflowError):
            self.stop(self._first(_NO_CHARACTER), Code.UNREADABLE, "this is not YAML: it stands for no character")

    def _document(self) -> Any:
        next(self.events)
        if not isinstance(next(self.events), DocumentStartEvent):
            self.stop(Place(1, 1), Code.UNREADABLE, "the file says nothing")
        content = self._value(next(self.events), ())
        next(self.events)
        if isinstance(start := next(self.events), DocumentStartEvent):
            self.stop(_place(start.start_mark), Code.NOT_ALLOWED, "a second document begins here")
        return content

    def _value(self, event: Any, trail: Trail) -> Any:
        place = _place(event.start_mark)
        self.enter(place, trail)
        self._refuse_anchor_and_tag(event, place)
        match event:
            case SequenceStartEvent():
                return self._list(trail)
            case MappingStartEvent():
                return self._mapping(trail)
            case ScalarEvent():
                return self._scalar(event, place)

    def _refuse_anchor_and_tag(self, event: Any, place: Place) -> None:
        if event.anchor is not None:
            self.add(place, Code.NOT_ALLOWED, "anchors and aliases are not allowed", "write it out")
        if getattr(event, "tag", None) is not None:
            self.add(place, Code.NOT_ALLOWED, "tags are not allowed", "leave out the word with the '!'")

    def _list(self, trail: Trail) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            items.append(self._value(event, (*trail, len(items))))
        return items

    def _mapping(self, trail: Trail) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            place = _place(event.start_mark)
            if not isinstance(event, ScalarEvent):
                self.stop(place, Code.NOT_ALLOWED, "a key is a single word or text")
            self._refuse_anchor_and_tag(event, place)
            self.enter_key(place, (*trail, event.value))
            mapping[event.value] = self._value(next(self.events), (*trail, event.value))
        return mapping

    def _scalar(self, event: Any, place: Place) -> Any:
        text: str = event.value
        if not event.implicit[0]:
            if re.search("[\ud800-\udfff]", text):
                self.add(place, Code.CHARACTER, "half a surrogate pair stands in this text")
            return text
        if text in _NULLS:
            return None
        if text in _TRUTHS:
            return _TRUTHS[text]
        return self._number(text, place) if _DECIMAL.fullmatch(text) else text

    def _number(self, text: str, place: Place) -> int | float:
        if _LEADING_ZERO.match(text):
            advice = "put it in quotes if it is a code, leave out the 0 if it is a number"
            self.add(place, Code.WRONG_FORM, f"{text} begins with 0", advice)
        if len(text) > _LONGEST_NUMBER or math.isinf(float(text)):
            self.add(place, Code.WRONG_FORM, "this number is too large")
            return 0
        return int(text) if _INTEGER.fullmatch(text) else float(text)

    def _first(self, odd: re.Pattern[str]) -> Place:
        """Return the place of the first odd character, because the parser does not tell; the start without one."""
        found = odd.search(self.text)
        before = self.text[: found.start()] if found else ""
        return Place(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _in_words(error: MarkedYAMLError) -> str:
    said = str(error.problem or error.context)
    if said.startswith(_TRAILING_CONTENT):
        return "what came before was all of it, yet it goes on; is it the right file?"
    return said


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)
