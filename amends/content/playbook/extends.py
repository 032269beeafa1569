"""A playbook on top of another: `extends` names the playbook below, and the file holds only the differences.

A key replaces the same key of the playbook below; a key without a value deletes it. Steps and commitments are matched
by their id, thresholds and changes by severity by their name, and in each of them only the given keys are replaced.
`without` leaves steps and commitments out. Each value keeps its place in the file from which it comes.
"""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from amends.content.file.binding import did_you_mean
from amends.content.file.codes import Code
from amends.content.file.document import Document, read_document
from amends.content.file.reading import Place, Trail
from amends.content.playbook.library import ENDINGS, shipped_playbooks
from amends.domain.base.errors import ContentError, Finding

BEFORE, BEHIND = "before", "behind"
OWN_KEYS = ("extends", "without")
"""Keys about the playbook below, which the merged playbook does not have."""
LISTS = ("steps", "commitments", "surveys")
ONLY_BESIDE = (
    f"a file in the folder of this playbook, or below it, is expected here, with the ending {', '.join(ENDINGS)}"
)


@dataclass(frozen=True)
class Whole(Document):
    """A playbook merged with all that it extends, as one document."""

    files: dict[Trail, str] = field(default_factory=dict)
    """The file from which each value comes."""
    sources: tuple[Path, ...] = ()
    """The files, the topmost first."""
    left_out: dict[str, str] = field(default_factory=dict)
    """The place at which a step or commitment is left out, by its id."""
    findings: tuple[Finding, ...] = ()
    """The errors between the files."""
    unresolved: tuple[Finding, ...] = ()
    """The errors in `extends` for which a playbook below cannot be found, so that its content is unknown."""

    def where(self, trail: Trail, *, of_key: bool = False) -> str:
        """Return the place as file:line:column, in the file from which the value comes."""
        while trail not in self.values:
            trail = trail[:-1]
        line, column = self.place(trail, of_key=of_key)
        return f"{self.files[trail]}:{line}:{column}"


def read_whole(path: Path) -> Whole:
    """Return a playbook file merged with all that it extends. Raises ContentError when a file cannot be read."""
    stack = _Stack()
    part = stack.read(path, ())
    findings, unresolved = tuple(stack.findings), tuple(stack.unresolved)
    whole = Whole(str(path), None, {}, {}, {}, tuple(stack.sources), stack.left_out, findings, unresolved)
    return replace(whole, content=_as_content(part, (), whole))


@dataclass(frozen=True)
class _Part:
    """A value with its place: a scalar, or a dict or a list of further parts."""

    content: Any
    file: str
    place: Place
    key: Place | None = None

    @property
    def keyed(self) -> "dict[str, _Part]":
        """Return the parts of a dict, or none when the value is not a dict."""
        return self.content if isinstance(self.content, dict) else {}

    @property
    def row(self) -> "list[_Part]":
        """Return the parts of a list, or none when the value is not a list."""
        return self.content if isinstance(self.content, list) else []

    @property
    def where(self) -> str:
        return f"{self.file}:{self.place.line}:{self.place.column}"

    def word(self, key: str) -> Any:
        """Return the content under this key, or None when there is no such key."""
        return self.keyed[key].content if key in self.keyed else None


def _as_part(document: Document, trail: Trail = ()) -> _Part:
    content = document.at(trail)
    if isinstance(content, dict):
        content = {key: _as_part(document, (*trail, key)) for key in content}
    elif isinstance(content, list):
        content = [_as_part(document, (*trail, index)) for index in range(len(content))]
    return _Part(content, document.file, document.values[trail], document.keys.get(trail))


def _as_content(part: _Part, trail: Trail, whole: Whole) -> Any:
    whole.values[trail], whole.files[trail] = part.place, part.file
    if part.key:
        whole.keys[trail] = part.key
    if isinstance(part.content, dict):
        return {key: _as_content(inner, (*trail, key), whole) for key, inner in part.content.items()}
    if isinstance(part.content, list):
        return [_as_content(inner, (*trail, index), whole) for index, inner in enumerate(part.content)]
    return part.content


class _Stack:
    """The reading of a playbook file and of all files below it, each merged onto the next."""

    def __init__(self) -> None:
        self.sources: list[Path] = []
        self.left_out: dict[str, str] = {}
        self.findings: list[Finding] = []
        self.unresolved: list[Finding] = []

    def read(self, path: Path, above: tuple[Path, ...]) -> _Part:
        """Return the file merged with all that it extends."""
        own = _as_part(_read_below(path) if above else read_document(path))
        self.sources.append(path)
        if "extends" not in own.keyed:
            return own
        below = self._below(own, (*above, path))
        return _Overlay(own, self).on(below) if below else replace(own, content=_without(own.keyed, *OWN_KEYS))

    def _below(self, own: _Part, chain: tuple[Path, ...]) -> _Part | None:
        """Return the playbook below, or None when `extends` names no file, or a file above."""
        name = own.keyed["extends"]
        if isinstance(name.content, str) and not _is_within_reach(name):
            self._add_unresolved(name, Code.NOT_ALLOWED, ONLY_BESIDE, "or the name of a shipped playbook")
            return None
        path = _found(name)
        if path is None:
            self._add_unknown(name)
            return None
        if path.resolve() in [one.resolve() for one in chain]:
            way = " -> ".join(one.name for one in (*chain, path))
            self._add_unresolved(name, Code.CIRCLE, f"the playbook would be built on itself: {way}")
            return None
        return self.read(path, chain)

    def _add_unknown(self, name: _Part) -> None:
        if not isinstance(name.content, str):
            self._add_unresolved(name, Code.WRONG_FORM, "the name of a shipped playbook, or a file, is expected here")
            return
        beside = sorted(path.name for path in Path(name.file).parent.glob("*.y*ml") if path != Path(name.file))
        advice = did_you_mean(name.content, (*shipped_playbooks(), *beside))
        self._add_unresolved(name, Code.UNKNOWN_WORD, f"there is no playbook {name.content[:200]!r}", advice)

    def _add_unresolved(self, name: _Part, code: Code, what: str, advice: str = "") -> None:
        self.unresolved.append(Finding(name.where, code, f"extends: {what}", advice))

    def add(self, part: _Part, code: Code, what: str, advice: str = "") -> None:
        """Add a finding about two files that do not fit together."""
        self.findings.append(Finding(part.where, code, what, advice))


def _read_below(path: Path) -> Document:
    """Return a file that `extends` names. Raises ContentError, with nothing of its content, when it is no playbook.

    Whoever writes `extends` may not be allowed to read what it names.
    """
    advice = f"`amends playbook validate {shlex.quote(str(path))}` says why"
    try:
        document = read_document(path)
    except ContentError as error:
        what = "what `extends` names cannot be read as a playbook"
        raise ContentError(*(replace(finding, what=what, advice=advice) for finding in error.findings[:1])) from None
    if not (isinstance(document.content, dict) and {"steps", "extends"} & document.content.keys()):
        raise ContentError(Finding(f"{path}:1:1", Code.WRONG_FORM, "what `extends` names is no playbook", advice))
    return document


def _is_within_reach(name: _Part) -> bool:
    """Return True for a shipped playbook, and for a path that stays below the naming file's folder, links followed."""
    if name.content in shipped_playbooks():
        return True
    folder, path = Path(name.file).parent, Path(name.content)
    if path.is_absolute() or ".." in path.parts or "\0" in name.content:
        return False
    try:
        inside = (folder / path).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a circle of links
        return False
    return inside and (path.suffix in ENDINGS or not (folder / path).exists())


def _found(name: _Part) -> Path | None:
    """Return the shipped playbook of this name, else the file relative to the naming file, or None when absent."""
    if not isinstance(name.content, str):
        return None
    path = shipped_playbooks().get(name.content) or Path(name.file).parent / name.content
    return path if os.path.isfile(path) else None  # noqa: PTH113 - pathlib raises for a text that can be no path


class _Overlay:
    """A playbook file that is merged onto the playbook below."""

    def __init__(self, own: _Part, stack: _Stack) -> None:
        self._own, self._stack = own, stack

    def on(self, below: _Part) -> _Part:
        """Return the playbook below, with the changes of this file."""
        self._check_id(below)
        parts = self._without_excluded(below)
        for key, part in self._own.keyed.items():
            if key not in OWN_KEYS:
                _put(parts, key, self._merged(key, parts.get(key), part))
        return replace(self._own, content=parts)

    def _check_id(self, below: _Part) -> None:
        own = self._own.keyed.get("id")
        if own is None:
            self._stack.add(self._own, Code.MISSING, "'id' is missing: what extends a playbook has a name of its own")
        elif own.content == below.word("id"):
            what = f"id: {own.content!r} is the playbook that this one extends; choose a name of its own"
            self._stack.add(own, Code.DOES_NOT_FIT, what)

    def _without_excluded(self, below: _Part) -> dict[str, _Part]:
        """Return the parts of the playbook below without the steps and commitments that `without` names.

        The changes by severity of these steps are left out too.
        """
        excluded = set(self._excluded(below))
        parts = dict(below.keyed)
        for name in LISTS:
            if name in parts:
                kept = [item for item in parts[name].row if item.word("id") not in excluded]
                parts[name] = replace(parts[name], content=kept)
        if "by_severity" in parts:
            kept_changes = {key: _cut(changes, excluded) for key, changes in parts["by_severity"].keyed.items()}
            parts["by_severity"] = replace(parts["by_severity"], content=kept_changes)
        return parts

    def _excluded(self, below: _Part) -> Iterator[str]:
        known = [item.word("id") for name in LISTS if name in below.keyed for item in below.keyed[name].row]
        listed = self._own.keyed.get("without")
        if listed and not isinstance(listed.content, list):
            self._stack.add(listed, Code.WRONG_FORM, "without: a list is expected here, as in [survey]")
        for word in listed.row if listed else ():
            if known.count(word.content) == 1:
                self._stack.left_out[word.content] = word.where
                yield word.content
            else:
                self._add_unfit_exclusion(word, known)

    def _add_unfit_exclusion(self, word: _Part, known: list[Any]) -> None:
        if word.content in known:
            what = f"without: both a step and a promise are called {word.content!r}, so nobody can tell which is meant"
            self._stack.add(word, Code.DOES_NOT_FIT, what)
        else:
            what = f"without: no step or promise below is called {word.content!r}"
            self._stack.add(word, Code.UNKNOWN_WORD, what, did_you_mean(str(word.content), known))

    def _merged(self, key: str, below: _Part | None, own: _Part) -> _Part:
        if below is None:
            return self._merged_list(key, replace(own, content=[]), own) if key in LISTS and own.row else own
        if key in LISTS and own.row:
            return self._merged_list(key, below, own)
        if key in ("thresholds", "topics", "urgent", "by_severity") and own.keyed:
            return _merged_keys(below, own, deeper=2 if key == "by_severity" else 0)
        return own

    def _merged_list(self, key: str, below: _Part, own: _Part) -> _Part:
        """Return both lists as one.

        An item with the id of an item below replaces the keys of that item. A new item comes at the position that it
        names, or at the end.
        """
        row, mine = list(below.row), list[Any]()
        for item in own.row:
            part = (
                replace(item, content=_without(item.keyed, BEFORE, BEHIND)) if key == "steps" and item.keyed else item
            )
            word, ids = part.word("id"), [other.word("id") for other in row]
            if word in ids and word not in mine:
                part = _merged_keys(row.pop(ids.index(word)), part)
                row.insert(self._position(key, item, row, ids.index(word)), part)
            else:
                row.insert(self._position(key, item, row, len(row)), part)
            mine.append(word)  # not a set: the id may wrongly be a list, which binding reports after the merge
        return replace(own, content=row)

    def _position(self, key: str, item: _Part, row: list[_Part], otherwise: int) -> int:
        """Return the index in the list at which the item comes; `otherwise` when it names no valid position."""
        said = [word for word in (BEFORE, BEHIND) if key == "steps" and word in item.keyed]
        if len(said) == 2:
            self._stack.add(item.keyed[BEHIND], Code.DOES_NOT_FIT, "say before or behind, not both")
        if not said:
            return otherwise
        named = item.keyed[said[0]]
        ids = [other.word("id") for other in row]
        if named.content not in ids:
            what = f"{said[0]}: there is no step {named.content!r}"
            self._stack.add(named, Code.UNKNOWN_WORD, what, did_you_mean(str(named.content), ids))
            return otherwise
        return ids.index(named.content) + (said[0] == BEHIND)


def _merged_keys(below: _Part, own: _Part, deeper: int = 0) -> _Part:
    """Return the keys of both; the values of a common key are merged too, down to this many levels."""
    parts = dict(below.keyed)
    for key, part in own.keyed.items():
        both = deeper and part.keyed and key in parts
        _put(parts, key, _merged_keys(parts[key], part, deeper - 1) if both else part)
    return replace(own, content=parts)


def _put(parts: dict[str, _Part], key: str, part: _Part) -> None:
    """Set the key, an existing one in its old position, or delete an existing key when the part has no value."""
    if part.content is None and key in parts:
        del parts[key]
    else:
        parts[key] = part


def _cut(part: _Part, excluded: set[str]) -> _Part:
    return replace(part, content=_without(part.keyed, *excluded)) if part.keyed else part


def _without(parts: dict[str, _Part], *excluded: str) -> dict[str, _Part]:
    return {key: part for key, part in parts.items() if key not in excluded}
