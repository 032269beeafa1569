"""Reading of playbooks with their words, and the check that the two fit together."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from amends.content.file.binding import bind
from amends.content.file.characters import odd_characters
from amends.content.file.codes import Code
from amends.content.file.shipped import library
from amends.content.notice import read_wording, shipped_wording
from amends.content.playbook.checks import check_playbook
from amends.content.playbook.extends import Whole, read_whole
from amends.content.playbook.library import find_playbook, shipped_playbooks
from amends.content.playbook.names import misnamed, odd_changes
from amends.content.playbook.schemas import playbook_schema
from amends.domain.base.errors import ContentError, Finding
from amends.domain.notice.wording import Wording
from amends.domain.playbook.playbook import Playbook

__all__ = [
    "Opened",
    "check_playbook",
    "find_playbook",
    "library",
    "load_playbook",
    "open_playbook",
    "playbook_schema",
    "read_playbook",
    "read_wording",
    "shipped_playbooks",
]


class Opened(NamedTuple):
    """A playbook with its words, and with the document that knows the place of each part."""

    playbook: Playbook
    wording: Wording
    document: Whole

    @property
    def words(self) -> Path:
        """Return the folder of the words, which stand beside a file of the playbook or are the shipped ones."""
        return _folder_of_words(self.document)

    def findings(self, now: datetime | None = None) -> tuple[Finding, ...]:
        """Return the findings of the check that playbook and words fit together."""
        return check_playbook(self.playbook, self.wording, self.document, now)


def load_playbook(name_or_path: str | Path) -> tuple[Playbook, Wording]:
    """Return a playbook with its words, checked together. Raises ContentError when they do not fit."""
    opened = open_playbook(name_or_path)
    refuse(opened.findings())
    return opened.playbook, opened.wording


def refuse(findings: Iterable[Finding]) -> None:
    """Raise ContentError with the findings that block, if any does."""
    if blocking := [finding for finding in findings if finding.blocks]:
        raise ContentError(*blocking)


def open_playbook(name_or_path: str | Path) -> Opened:
    """Return a playbook with its words, not yet checked together. Raises ContentError with the findings of both.

    The words stand beside the playbook's file, or beside the nearest file that it extends. Without words there, the
    shipped words are used.
    """
    document = read_whole(find_playbook(name_or_path))
    words = _folder_of_words(document)
    findings: list[Finding] = []
    try:
        playbook = _bound(document)
    except ContentError as error:
        findings += error.findings
    try:
        wording = shipped_wording() if words == library() else read_wording(words)
    except ContentError as error:
        findings += error.findings
    if findings:
        raise ContentError(*findings)
    return Opened(playbook, wording, document)


def _folder_of_words(document: Whole) -> Path:
    folders = (path.parent for path in document.sources)
    return next((folder for folder in folders if (folder / "notices").is_dir()), library())


def read_playbook(path: Path) -> Playbook:
    """Read a playbook, with all that it extends, from YAML or JSON. Raises ContentError with every finding."""
    return _bound(read_whole(path))


def _bound(document: Whole) -> Playbook:
    odd = tuple(odd_characters(document))
    if document.unresolved:
        raise ContentError(*odd, *document.unresolved)
    between = (*document.findings, *misnamed(document), *odd_changes(document))
    try:
        playbook = bind(document, Playbook)
    except ContentError as error:
        # The check in Playbook reports the first of these findings once more, without its place in the file.
        twice = (document.where(()), Code.DOES_NOT_FIT) if between else None
        rest = (finding for finding in error.findings if (finding.where, finding.code) != twice)
        raise ContentError(*odd, *between, *rest) from None
    if odd or between:
        raise ContentError(*odd, *between)
    return playbook
