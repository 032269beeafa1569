"""Picks of an incident file from the library of commitments: `use` names an entry, other keys change it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from amends.content.file.binding import did_you_mean
from amends.content.file.codes import Code
from amends.content.file.document import Document
from amends.content.playbook.commitment_library import shipped_commitments
from amends.domain.base.errors import Finding


def with_picks(document: Document) -> Document:
    """Return the document with each pick written out as the library's entry.

    An unknown pick, which has a finding, is written out as any entry, so that what it lacks is no finding too.
    """
    if not any(True for _ in _picks(document)):
        return document
    written = [_written_out(one) for one in document.content["commitments"]]
    return replace(document, content={**document.content, "commitments": written})


def unknown_picks(document: Document) -> Iterator[Finding]:
    """Yield a finding for each pick of an entry that the library does not have."""
    for index, use in _picks(document):
        known = shipped_commitments().entries
        if use not in known:
            where = document.where(("commitments", index, "use"))
            what = f"the library has no commitment {use!r}"
            yield Finding(where, Code.UNKNOWN_WORD, what, f"{did_you_mean(use, known)}; `amends commitments library`")


def _picks(document: Document) -> Iterator[tuple[int, str]]:
    content = document.content if isinstance(document.content, dict) else {}
    entries = content.get("commitments")
    for index, one in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(one, dict) and isinstance(one.get("use"), str):
            yield index, one["use"]


def _written_out(one: Any) -> Any:
    library = shipped_commitments()
    if not (isinstance(one, dict) and isinstance(one.get("use"), str)):
        return one
    return library.picked(one["use"] if one["use"] in library.entries else next(iter(library.entries)), one)
