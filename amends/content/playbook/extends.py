"""A playbook on top of another: `extends` names it, and only what is different is written down.

A key that is given replaces the one of the playbook below; a key without a value takes it away. Steps and promises are
found by their id, thresholds and changes by severity by their name, and of each only the keys that are given are
replaced. `without` leaves steps and promises out. Everything keeps the place in the file that says it.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from amends.content.file.binding import did_you_mean
from amends.content.file.codes import Code
from amends.content.file.document import Document, read_document
from amends.content.file.reading import Place, Trail
from amends.content.playbook.library import shipped_playbooks
from amends.domain.base.errors import Finding

BEFORE, BEHIND = "before", "behind"
OWN_KEYS = ("extends", "without")
"""Keys that are about the playbook below; the whole does not have them."""
LISTS = ("steps", "commitments")


@dataclass(frozen=True)
class Whole(Document):
    """A playbook with all that it extends, as one document."""

    files: dict[Trail, str] = field(default_factory=dict)
    """Which file says what."""
    sources: tuple[Path, ...] = ()
    """The files, the topmost first."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Where it is said that a step or promise is left out."""
    findings: tuple[Finding, ...] = ()
    """What does not fit between the files."""
    astray: tuple[Finding, ...] = ()
    """Why a playbook below cannot be found: nobody knows then what it would have said."""

    def where(self, trail: Trail, *, of_key: bool = False) -> str:
        """The place as file:line:column, in the file that says it."""
        while trail not in self.values:
            trail = trail[:-1]
        line, column = self.place(trail, of_key=of_key)
        return f"{self.files[trail]}:{line}:{column}"


def read_whole(path: Path) -> Whole:
    """A playbook file with all that it extends. Raises ContentError when one of the files cannot be read."""
    stack = _Stack()
    part = stack.read(path, ())
    whole = Whole(
        str(path), None, {}, {}, {}, tuple(stack.sources), stack.left_out, tuple(stack.findings), tuple(stack.astray)
    )
    return replace(whole, content=_unfolded(part, (), whole))


@dataclass(frozen=True)
class _Part:
    """A value with the place where it stands: a scalar, or further parts by key or in a row."""

    content: Any
    file: str
    place: Place
    key: Place | None = None

    @property
    def keyed(self) -> "dict[str, _Part]":
        """Its parts by key; none when it has no keys."""
        return self.content if isinstance(self.content, dict) else {}

    @property
    def row(self) -> "list[_Part]":
        """Its parts in a row; none when it is no list."""
        return self.content if isinstance(self.content, list) else []

    @property
    def where(self) -> str:
        return f"{self.file}:{self.place.line}:{self.place.column}"

    def word(self, key: str) -> Any:
        """The scalar under this key, or None."""
        return self.keyed[key].content if key in self.keyed else None


def _folded(document: Document, trail: Trail = ()) -> _Part:
    content = document.at(trail)
    if isinstance(content, dict):
        content = {key: _folded(document, (*trail, key)) for key in content}
    elif isinstance(content, list):
        content = [_folded(document, (*trail, index)) for index in range(len(content))]
    return _Part(content, document.file, document.values[trail], document.keys.get(trail))


def _unfolded(part: _Part, trail: Trail, whole: Whole) -> Any:
    whole.values[trail], whole.files[trail] = part.place, part.file
    if part.key:
        whole.keys[trail] = part.key
    if isinstance(part.content, dict):
        return {key: _unfolded(inner, (*trail, key), whole) for key, inner in part.content.items()}
    if isinstance(part.content, list):
        return [_unfolded(inner, (*trail, index), whole) for index, inner in enumerate(part.content)]
    return part.content


class _Stack:
    """Reads one file after another and lays each on top of the one below."""

    def __init__(self) -> None:
        self.sources: list[Path] = []
        self.left_out: dict[str, str] = {}
        self.findings: list[Finding] = []
        self.astray: list[Finding] = []

    def read(self, path: Path, above: tuple[Path, ...]) -> _Part:
        """The file with all that it extends."""
        own = _folded(read_document(path))
        self.sources.append(path)
        if "extends" not in own.keyed:
            return own
        below = self._below(own, (*above, path))
        return _Top(own, self).on(below) if below else replace(own, content=_without(own.keyed, *OWN_KEYS))

    def _below(self, own: _Part, chain: tuple[Path, ...]) -> _Part | None:
        """The playbook that it extends; None when none is meant that could be read."""
        name = own.keyed["extends"]
        path = _found(name)
        if path is None:
            self._note_unknown(name)
            return None
        if path.resolve() in [one.resolve() for one in chain]:
            way = " -> ".join(one.name for one in (*chain, path))
            self._lost(name, Code.CIRCLE, f"the playbook would be built on itself: {way}")
            return None
        return self.read(path, chain)

    def _note_unknown(self, name: _Part) -> None:
        if not isinstance(name.content, str):
            self._lost(name, Code.WRONG_FORM, "the name of a shipped playbook, or a file, is expected here")
            return
        beside = sorted(path.name for path in Path(name.file).parent.glob("*.y*ml") if path != Path(name.file))
        advice = did_you_mean(name.content, (*shipped_playbooks(), *beside))
        self._lost(name, Code.UNKNOWN_WORD, f"there is no playbook {name.content[:200]!r}", advice)

    def _lost(self, name: _Part, code: Code, what: str, advice: str = "") -> None:
        self.astray.append(Finding(name.where, code, f"extends: {what}", advice))

    def note(self, part: _Part, code: Code, what: str, advice: str = "") -> None:
        """One more thing that does not fit."""
        self.findings.append(Finding(part.where, code, what, advice))


def _found(name: _Part) -> Path | None:
    """A shipped one by name, else a file, from the folder of the file that names it."""
    if not isinstance(name.content, str):
        return None
    path = shipped_playbooks().get(name.content) or Path(name.file).parent / name.content
    return path if os.path.isfile(path) else None  # noqa: PTH113 - pathlib raises for what can be no path at all


class _Top:
    """What one file says on top of another."""

    def __init__(self, own: _Part, stack: _Stack) -> None:
        self._own, self._stack = own, stack

    def on(self, below: _Part) -> _Part:
        """Both as one."""
        self._check_id(below)
        parts = self._reduced(below)
        for key, part in self._own.keyed.items():
            if key not in OWN_KEYS:
                _put(parts, key, self._merged(key, parts.get(key), part))
        return replace(self._own, content=parts)

    def _check_id(self, below: _Part) -> None:
        own = self._own.keyed.get("id")
        if own is None:
            self._stack.note(self._own, Code.MISSING, "'id' is missing: what extends a playbook has a name of its own")
        elif own.content == below.word("id"):
            what = f"id: {own.content!r} is the playbook that this one extends; choose a name of its own"
            self._stack.note(own, Code.DOES_NOT_FIT, what)

    def _reduced(self, below: _Part) -> dict[str, _Part]:
        """What stands below, without what is left out, and what was to change about that."""
        gone = set(self._gone(below))
        parts = dict(below.keyed)
        for name in LISTS:
            if name in parts:
                kept = [item for item in parts[name].row if item.word("id") not in gone]
                parts[name] = replace(parts[name], content=kept)
        if "by_severity" in parts:
            kept_changes = {key: _cut(changes, gone) for key, changes in parts["by_severity"].keyed.items()}
            parts["by_severity"] = replace(parts["by_severity"], content=kept_changes)
        return parts

    def _gone(self, below: _Part) -> Iterator[str]:
        known = [item.word("id") for name in LISTS if name in below.keyed for item in below.keyed[name].row]
        listed = self._own.keyed.get("without")
        if listed and not isinstance(listed.content, list):
            self._stack.note(listed, Code.WRONG_FORM, "without: a list is expected here, as in [survey]")
        for word in listed.row if listed else ():
            if known.count(word.content) == 1:
                self._stack.left_out[word.content] = word.where
                yield word.content
            else:
                self._note_without(word, known)

    def _note_without(self, word: _Part, known: list[Any]) -> None:
        if word.content in known:
            what = f"without: both a step and a promise are called {word.content!r}, so nobody can tell which is meant"
            self._stack.note(word, Code.DOES_NOT_FIT, what)
        else:
            what = f"without: no step or promise below is called {word.content!r}"
            self._stack.note(word, Code.UNKNOWN_WORD, what, did_you_mean(str(word.content), known))

    def _merged(self, key: str, below: _Part | None, own: _Part) -> _Part:
        if below is None:
            return self._in_row(key, replace(own, content=[]), own) if key in LISTS and own.row else own
        if key in LISTS and own.row:
            return self._in_row(key, below, own)
        if key in ("thresholds", "by_severity") and own.keyed:
            return _keyed(below, own, deeper=2 if key == "by_severity" else 0)
        return own

    def _in_row(self, key: str, below: _Part, own: _Part) -> _Part:
        """What has the id of one below replaces its keys; what is new comes where it says, or at the end."""
        row, mine = list(below.row), list[Any]()
        for item in own.row:
            part = (
                replace(item, content=_without(item.keyed, BEFORE, BEHIND)) if key == "steps" and item.keyed else item
            )
            word, ids = part.word("id"), [other.word("id") for other in row]
            if word in ids and word not in mine:
                part = _keyed(row.pop(ids.index(word)), part)
                row.insert(self._position(key, item, row, ids.index(word)), part)
            else:
                row.insert(self._position(key, item, row, len(row)), part)
            mine.append(word)  # no set: the id may be a list, which is told of once all is put together
        return replace(own, content=row)

    def _position(self, key: str, item: _Part, row: list[_Part], otherwise: int) -> int:
        """Where in the row the item comes."""
        said = [word for word in (BEFORE, BEHIND) if key == "steps" and word in item.keyed]
        if len(said) == 2:
            self._stack.note(item.keyed[BEHIND], Code.DOES_NOT_FIT, "say before or behind, not both")
        if not said:
            return otherwise
        named = item.keyed[said[0]]
        ids = [other.word("id") for other in row]
        if named.content not in ids:
            what = f"{said[0]}: there is no step {named.content!r}"
            self._stack.note(named, Code.UNKNOWN_WORD, what, did_you_mean(str(named.content), ids))
            return otherwise
        return ids.index(named.content) + (said[0] == BEHIND)


def _keyed(below: _Part, own: _Part, deeper: int = 0) -> _Part:
    """The keys of both; of one that both have its own keys are merged too, so many levels deep."""
    parts = dict(below.keyed)
    for key, part in own.keyed.items():
        both = deeper and part.keyed and key in parts
        _put(parts, key, _keyed(parts[key], part, deeper - 1) if both else part)
    return replace(own, content=parts)


def _put(parts: dict[str, _Part], key: str, part: _Part) -> None:
    """Replace the key, in its old place; without a value it is taken away."""
    if part.content is None and key in parts:
        del parts[key]
    else:
        parts[key] = part


def _cut(part: _Part, gone: set[str]) -> _Part:
    return replace(part, content=_without(part.keyed, *gone)) if part.keyed else part


def _without(parts: dict[str, _Part], *gone: str) -> dict[str, _Part]:
    return {key: part for key, part in parts.items() if key not in gone}
