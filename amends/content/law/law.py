"""The law as Amends knows it: the table of duties, the addenda, and the days on which offices work."""

from functools import cache
from pathlib import Path

from amends.content.file.shipped import ADDENDA_FILE, library
from amends.content.law.addenda import read_addenda
from amends.content.law.holidays import is_estimated, works_on
from amends.content.law.regimes import read_duties
from amends.domain.law.addendum import Addenda
from amends.domain.law.applicability import Law


def read_law(folder: Path | None = None) -> Law:
    """Return the law with the shipped table of duties, or with the table of another folder. Raises ContentError."""
    return Law(read_duties(folder), works_on, is_estimated, _shipped_addenda())


@cache
def _shipped_addenda() -> Addenda:
    """Return the addenda that come with Amends, read and checked once in each process."""
    return read_addenda(library() / ADDENDA_FILE)
