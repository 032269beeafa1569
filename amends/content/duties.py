"""Reads the table of first deadlines."""

from pathlib import Path

from amends.content.binding import bind
from amends.content.document import read_document
from amends.content.playbooks import library
from amends.domain.duties import DutyTable


def read_duties(path: Path | None = None) -> DutyTable:
    """The shipped table of first deadlines, or that of another file. Raises ContentError."""
    return bind(read_document(path or library() / "duties" / "first-deadlines.yaml"), DutyTable)
