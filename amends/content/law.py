"""The law as it is kept here: the table of duties, and the days on which offices work."""

from pathlib import Path

from amends.content.duties import read_duties
from amends.content.letters import FILE, read_letters
from amends.content.playbooks import library
from amends.content.workdays import is_estimated, works_on
from amends.domain.duties import Law


def read_law(folder: Path | None = None) -> Law:
    """The shipped table of duties, or that of another folder. Raises ContentError."""
    return Law(read_duties(folder), works_on, is_estimated, read_letters(library() / FILE))
