"""Import of the questions that a hotline or a mailbox received.

Each row of the file is recorded in the ledger, or rejected by its number.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.value import LOCALE, to_utc
from amends.domain.feedback.question import NewQuestion, QuestionKind, QuestionSource
from amends.domain.playbook.playbook import Playbook

if TYPE_CHECKING:
    from amends.ledger import Ledger

COLUMNS = ("person_id", "kind", "locale", "asked_at", "text")
MOST_BYTES = 20 * 1024 * 1024


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
class Rejected:
    """A row that cannot be recorded, with a reason that holds nothing of the question."""

    row: int
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """The counts of an import. Rows are numbered as a spreadsheet counts: the header is row 1."""

    rows: int
    accepted: int
    new: int
    rejected: tuple[Rejected, ...]
    unmatched: tuple[int, ...]
    """The numbers of the rows whose person is not in the audience."""


def read_calls(path: Path, now: datetime) -> tuple[Call | Rejected, ...]:
    """Read every row before one is recorded. Raises ContentError when the file is not a table with COLUMNS."""
    rows = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
        if missing:
            raise ContentError(_finding(path, 1, f"the columns {', '.join(missing)} are missing"))
        return tuple(_call(number, row, now) for number, row in enumerate(rows, start=2))
    except csv.Error as error:
        raise ContentError(_finding(path, rows.line_num, f"this is not CSV: {error}")) from None


def _text(path: Path) -> str:
    content = path.read_bytes()
    if len(content) > MOST_BYTES:
        raise ContentError(_finding(path, 1, f"it is larger than {MOST_BYTES // 1024 // 1024} MB"))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ContentError(_finding(path, line, "it is not UTF-8; save it as UTF-8")) from None


def _finding(path: Path, line: int, what: str) -> Finding:
    return Finding(f"{path}:{line}:1", "E201", what, f"a hotline file has the columns {','.join(COLUMNS)}")


def _call(number: int, row: dict[str, str], now: datetime) -> Call | Rejected:
    if None in row or None in row.values():
        return Rejected(number, "it has more or fewer cells than the header")
    try:
        return Call(
            number,
            row["person_id"].strip(),
            _kind(row["kind"].strip()),
            _locale(row["locale"].strip()),
            _asked_at(row["asked_at"].strip(), now),
            _words(row["text"]),
        )
    except ValueError as error:
        return Rejected(number, str(error))


def _kind(word: str) -> QuestionKind:
    if word not in tuple(QuestionKind):
        raise ValueError(f"kind is none of {', '.join(QuestionKind)}")
    return QuestionKind(word)


def _locale(word: str) -> str:
    if not LOCALE.fullmatch(word):
        raise ValueError("locale is not written like en or zh-CN")
    return word


def _asked_at(text: str, now: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("asked_at is not a time such as 2026-11-19T08:35:00+08:00") from None
    if moment.tzinfo is None:
        raise ValueError("asked_at has no time zone")
    try:
        asked_at = to_utc(moment)
    except ValueError as error:
        raise ValueError(f"asked_at is out of range: {error}") from None
    if asked_at > now:
        raise ValueError("asked_at is in the future")
    return asked_at


def _words(text: str) -> str:
    from amends.ledger.feedback.questions import LONGEST_QUESTION

    said = text.strip()
    if not said or len(said) > LONGEST_QUESTION:
        raise ValueError(f"text must have 1 to {LONGEST_QUESTION} characters")
    return said


def record_calls(
    ledger: "Ledger", incident: str, playbook: Playbook, rows: tuple[Call | Rejected, ...], now: datetime,
    source: QuestionSource = QuestionSource.HOTLINE,
) -> ImportReport:  # fmt: skip
    """Record the question of every good row. A question that the ledger has already stays as it is."""
    calls = [row for row in rows if isinstance(row, Call)]
    before = ledger.cases.read(incident).questions.asked
    unmatched = tuple(_record(ledger, incident, playbook, calls, now, source))
    return ImportReport(
        rows=len(rows),
        accepted=len(calls),
        new=ledger.cases.read(incident).questions.asked - before,
        rejected=tuple(row for row in rows if isinstance(row, Rejected)),
        unmatched=unmatched,
    )


def _record(
    ledger: "Ledger", incident: str, playbook: Playbook, calls: list[Call], now: datetime, source: QuestionSource
) -> Iterator[int]:
    """Record the question of each call, and yield the number of each row whose person is not in the audience."""
    for call, once in zip(calls, _idempotency_keys(calls, source), strict=True):
        person = ledger.people.number_of(incident, call.person_id) if call.person_id else None
        if call.person_id and person is None:
            yield call.row
        asked = NewQuestion(
            text=call.text,
            person=person,
            kind=call.kind,
            source=source,
            locale=call.locale,
            once=once,
            reply_within=playbook.reply_within,
            owner=playbook.questions_owner,
            at=call.asked_at,
        )
        ledger.questions.ask(incident, asked, now)


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
