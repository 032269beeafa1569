"""Import of the questions that a hotline or a mailbox received.

Each row of the file is recorded in the ledger, or rejected by its number.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amends.content.feedback.columns import NO_MAP, ColumnMap, Columns, MappedRow, Rejected, mapped_rows, moment
from amends.domain.base.value import LOCALE
from amends.domain.case.intake import new_question
from amends.domain.feedback.question import ASKED, QuestionKind, QuestionSource
from amends.domain.feedback.transcript import why_not_store
from amends.domain.playbook.playbook import Playbook

if TYPE_CHECKING:
    from amends.ledger import Ledger

COLUMNS = Columns(("person_id", "kind", "locale", "asked_at", "text"))


@dataclass(frozen=True)
class Call:
    """A row that can be recorded. Holds personal data: never log or print it."""

    row: int
    person_id: str
    kind: QuestionKind
    locale: str
    asked_at: datetime
    text: str


@dataclass(frozen=True)
class ImportReport:
    """The counts of an import. Rows are numbered as a spreadsheet counts: the header is row 1."""

    rows: int
    accepted: int
    new: int
    rejected: tuple[Rejected, ...]
    unmatched: tuple[int, ...]
    """The numbers of the rows whose person is not in the audience."""


def read_calls(path: Path, now: datetime, by: ColumnMap = NO_MAP) -> tuple[Call | Rejected, ...]:
    """Read every row before one is recorded. Raises ContentError when the file is not a table with COLUMNS."""
    rows = mapped_rows(path, COLUMNS, by)
    return tuple(row if isinstance(row, Rejected) else _call(row, by, now) for row in rows)


def _call(row: MappedRow, by: ColumnMap, now: datetime) -> Call | Rejected:
    read: Mapping[str, Callable[[str], Any]] = {
        "person_id": str.strip,
        "kind": kind_of,
        "locale": locale_of,
        "asked_at": lambda cell: _asked_at(cell.strip(), by, now),
        "text": words_of,
    }
    found: dict[str, Any] = {}
    for name, reader in read.items():
        try:
            found[name] = reader(row.cells[name])
        except ValueError as error:
            return Rejected(row.number, str(error), row.places.get(name, 1))
    return Call(row.number, **found)


def kind_of(cell: str) -> QuestionKind:
    """Return the kind of question that a cell names. Raises ValueError."""
    if (word := cell.strip()) not in ASKED:
        raise ValueError(f"kind is none of {', '.join(ASKED)}")
    return QuestionKind(word)


def locale_of(cell: str) -> str:
    """Return the locale that a cell names. Raises ValueError."""
    if not LOCALE.fullmatch(word := cell.strip()):
        raise ValueError("locale is not written like en or zh-CN")
    return word


def _asked_at(cell: str, by: ColumnMap, now: datetime) -> datetime:
    try:
        return moment(cell, by, now)
    except ValueError as error:
        raise ValueError(f"asked_at {error}") from None


def words_of(cell: str) -> str:
    """Return the words of a question. Raises ValueError for none, for too many, and for those of a transcript."""
    from amends.ledger.feedback.questions import LONGEST_QUESTION

    if refusal := why_not_store(cell):
        raise ValueError(refusal)
    said = cell.strip()
    if len(said) > LONGEST_QUESTION:
        raise ValueError(f"text must have 1 to {LONGEST_QUESTION} characters: note the question instead of the talk")
    if not said:
        raise ValueError(f"text must have 1 to {LONGEST_QUESTION} characters")
    return said


def record_calls(
    ledger: "Ledger",
    incident: str,
    playbook: Playbook,
    rows: tuple[Call | Rejected, ...],
    now: datetime,
    source: QuestionSource = QuestionSource.HOTLINE,
    by: str = "",
) -> ImportReport:
    """Record the question of every good row. A question that the ledger has already stays as it is.

    The audit names `by`, who brought the file in.
    """
    calls = [row for row in rows if isinstance(row, Call)]
    before = ledger.cases.read(incident).questions.asked
    unmatched = tuple(_record(ledger, incident, playbook, calls, now, source, by))
    return ImportReport(
        rows=len(rows),
        accepted=len(calls),
        new=ledger.cases.read(incident).questions.asked - before,
        rejected=tuple(row for row in rows if isinstance(row, Rejected)),
        unmatched=unmatched,
    )


def _record(
    ledger: "Ledger",
    incident: str,
    playbook: Playbook,
    calls: list[Call],
    now: datetime,
    source: QuestionSource,
    by: str,
) -> Iterator[int]:
    """Record the question of each call, and yield the number of each row whose person is not in the audience."""
    for call, once in zip(calls, _idempotency_keys(calls, source), strict=True):
        person = ledger.people.number_of(incident, call.person_id) if call.person_id else None
        if call.person_id and person is None:
            yield call.row
        asked = new_question(
            playbook,
            call.text,
            person=person,
            kind=call.kind,
            source=source,
            locale=call.locale,
            once=once,
            at=call.asked_at,
        )
        ledger.questions.ask(incident, asked, now, by)


def _idempotency_keys(calls: list[Call], source: QuestionSource) -> Iterator[str]:
    """Yield the idempotency key of each call, which stays the same when the row is imported again.

    Equal rows of one person are one question, however often they were written down. Equal rows without a person may
    come from two people who said the same in one minute, and each of them is owed an answer.
    """
    from amends.ledger import once_for

    seen: Counter[str] = Counter()
    for call in calls:
        key = once_for(source, call.person_id, call.kind, call.locale, call.asked_at.isoformat(), call.text)
        yield key if call.person_id or not seen[key] else once_for(key, seen[key])
        seen[key] += 1
