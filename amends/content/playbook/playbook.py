"""Reads playbooks with their words, and checks that the two fit together."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from amends.content.file.binding import bind
from amends.content.file.characters import odd_characters
from amends.content.file.codes import Code
from amends.content.file.shipped import library
from amends.content.notice import read_wording
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
    """A playbook with its words, and where each part of it stands."""

    playbook: Playbook
    wording: Wording
    document: Whole

    def findings(self, now: datetime | None = None) -> tuple[Finding, ...]:
        """What speaks against it."""
        return check_playbook(self.playbook, self.wording, self.document, now)


def load_playbook(name_or_path: str | Path) -> tuple[Playbook, Wording]:
    """A playbook with its words, checked together. Raises ContentError when they do not fit."""
    opened = open_playbook(name_or_path)
    refuse(opened.findings())
    return opened.playbook, opened.wording


def refuse(findings: Iterable[Finding]) -> None:
    """Raises ContentError with those that block, if there are any."""
    if blocking := [finding for finding in findings if finding.blocks]:
        raise ContentError(*blocking)


def open_playbook(name_or_path: str | Path) -> Opened:
    """A playbook with its words, not yet checked together. Raises ContentError with all that is wrong with either.

    The words stand beside the playbook's file, or beside the nearest one that it extends; one that brings none of its
    own speaks with the shipped ones.
    """
    document = read_whole(find_playbook(name_or_path))
    folders = (path.parent for path in document.sources)
    words = next((folder for folder in folders if (folder / "notices").is_dir()), library())
    findings: list[Finding] = []
    try:
        playbook = _bound(document)
    except ContentError as error:
        findings += error.findings
    try:
        wording = read_wording(words)
    except ContentError as error:
        findings += error.findings
    if findings:
        raise ContentError(*findings)
    return Opened(playbook, wording, document)


def read_playbook(path: Path) -> Playbook:
    """Read a playbook, with all that it extends, from YAML or JSON. Raises ContentError with every finding."""
    return _bound(read_whole(path))


def _bound(document: Whole) -> Playbook:
    odd = tuple(odd_characters(document))
    if document.astray:
        raise ContentError(*odd, *document.astray)
    between = (*document.findings, *misnamed(document), *odd_changes(document))
    try:
        playbook = bind(document, Playbook)
    except ContentError as error:
        # The playbook's own check names the first of these without its place; here each has one already.
        twice = (document.where(()), Code.DOES_NOT_FIT) if between else None
        rest = (finding for finding in error.findings if (finding.where, finding.code) != twice)
        raise ContentError(*odd, *between, *rest) from None
    if odd or between:
        raise ContentError(*odd, *between)
    return playbook
