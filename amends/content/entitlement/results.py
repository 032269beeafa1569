"""Import of results of remedies: each row of a file names a person and what became of theirs, or is rejected."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from amends.content.feedback.columns import NO_MAP, ColumnMap, Columns, MappedRow, Rejected, mapped_rows
from amends.domain.entitlement.remedy import RemedyOutcome, outcome_of
from amends.domain.incident.per_person import PerPerson

COLUMNS = Columns(("person_id",), ("state", "result", "reason"))


@dataclass(frozen=True)
class ResultRow:
    """A row that names a person and an outcome. Holds personal data: never log or print it."""

    row: int
    person_id: str
    outcome: RemedyOutcome
    column: int
    """The number of the column with the person's id."""

    def rejected(self, reason: str) -> Rejected:
        """Return the row as one that cannot be recorded, for a reason that is about its person."""
        return Rejected(self.row, reason, self.column)


def read_results(path: Path, words: PerPerson, by: ColumnMap = NO_MAP) -> tuple[ResultRow | Rejected, ...]:
    """Read every row before one is recorded. Raises ContentError when the file is not a table with COLUMNS."""
    rows = mapped_rows(path, COLUMNS, by)
    return tuple(_once(row if isinstance(row, Rejected) else _result(row, words) for row in rows))


def _result(row: MappedRow, words: PerPerson) -> ResultRow | Rejected:
    said = {name: row.cells.get(name, "").strip() for name in COLUMNS.all}
    column = row.places.get("person_id", 1)
    if not said["person_id"]:
        return Rejected(row.number, "it names no person", column)
    try:
        outcome = outcome_of(said["state"], said["result"], said["reason"], words)
    except ValueError as error:
        return Rejected(row.number, str(error), _column_of(row.places, said))
    return ResultRow(row.number, said["person_id"], outcome, column)


def _column_of(places: Mapping[str, int], said: Mapping[str, str]) -> int:
    """Return the number of the last column in which the row says something of the outcome."""
    return max((at for name, at in places.items() if said[name]), default=1)


def _once(rows: Iterable[ResultRow | Rejected]) -> Iterator[ResultRow | Rejected]:
    """Yield the rows; one whose person stands further up already is rejected."""
    seen: dict[str, int] = {}
    for row in rows:
        if isinstance(row, Rejected):
            yield row
        elif row.person_id in seen:
            yield row.rejected(f"the same person stands in row {seen[row.person_id]} already")
        else:
            seen[row.person_id] = row.row
            yield row
