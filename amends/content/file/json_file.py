"""Reading of JSON exactly as RFC 8259 defines it: no NaN, no key twice."""

import json
import math
import re
from bisect import bisect_right
from typing import Any, NoReturn

from amends.content.file.codes import Code
from amends.content.file.reading import Place, Reading, Trail

_SPACE = re.compile(r"[ \t\r\n]*")


class JsonReading(Reading):
    """The reading of one JSON text."""

    def read(self) -> Any:
        self.lines = [0, *(end.end() for end in re.finditer("\n", self.text))]
        self.decoder = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse_constant)
        content, end = self._value(self._skip(0), ())
        if (end := self._skip(end)) != len(self.text):
            self._not_json(end, "something stands after the end")
        return content

    def _value(self, at: int, trail: Trail) -> tuple[Any, int]:
        self.enter(self._place(at), trail)
        match self.text[at : at + 1]:
            case "{":
                return self._mapping(self._skip(at + 1), trail)
            case "[":
                return self._list(self._skip(at + 1), trail)
        return self._scalar(at)

    def _mapping(self, at: int, trail: Trail) -> tuple[dict[str, Any], int]:
        mapping: dict[str, Any] = {}
        if self.text[at : at + 1] == "}":
            return mapping, at + 1
        while True:
            if self.text[at : at + 1] != '"':
                self._not_json(at, "a key in double quotes is expected")
            key, end = self._scalar(at)
            self.enter_key(self._place(at), (*trail, key))
            mapping[key], end = self._value(self._skip(self._expect(":", end)), (*trail, key))
            if self.text[(end := self._skip(end)) : end + 1] == "}":
                return mapping, end + 1
            at = self._skip(self._expect(",", end))

    def _list(self, at: int, trail: Trail) -> tuple[list[Any], int]:
        items: list[Any] = []
        if self.text[at : at + 1] == "]":
            return items, at + 1
        while True:
            item, end = self._value(at, (*trail, len(items)))
            items.append(item)
            if self.text[(end := self._skip(end)) : end + 1] == "]":
                return items, end + 1
            at = self._skip(self._expect(",", end))

    def _scalar(self, at: int) -> tuple[Any, int]:
        try:
            value, end = self.decoder.raw_decode(self.text, at)
        except json.JSONDecodeError as error:
            self._not_json(error.pos, error.msg)
        except ValueError:
            self._not_json(at, "this is not a number that JSON knows")
        if isinstance(value, str) and re.search("[\ud800-\udfff]", value):
            self.add(self._place(at), Code.CHARACTER, "half a surrogate pair stands in this text")
        return value, end

    def _expect(self, mark: str, at: int) -> int:
        if self.text[(at := self._skip(at)) : at + 1] != mark:
            self._not_json(at, f"a {mark!r} is expected")
        return at + 1

    def _skip(self, at: int) -> int:
        space = _SPACE.match(self.text, at)
        return space.end() if space else at

    def _place(self, at: int) -> Place:
        line = bisect_right(self.lines, at)
        return Place(line, at - self.lines[line - 1] + 1)

    def _not_json(self, at: int, why: str) -> NoReturn:
        self.stop(self._place(at), Code.UNREADABLE, f"this is not JSON: {why}")


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(text)
    return number


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(text)
