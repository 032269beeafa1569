"""Rows with words of people, emptied or deleted: the words go, and counts, times and states stay."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import delete, inspect
from sqlmodel import Session, SQLModel, col, select

from amends.domain.base.errors import KeyMissing
from amends.domain.feedback.answer import ReplyState
from amends.domain.forget.retention import DataKind
from amends.ledger.forget.sealed_columns import (
    FILES,
    TABLES,
    FileTable,
    PersonalTable,
    SealedColumn,
    Whose,
    belongs,
    linked,
    of_kind,
    rows_of,
)
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import ENGINE, Store, Write
from amends.ledger.store.sums import GROUPED_BY, changing_these
from amends.ledger.store.tables import QuestionLikenessRow, QuestionRow, ReplyRow

PAGE = 500
"""The number of rows changed in one transaction, so that others write in between."""
ERASED = "erased {}"
"""The idempotency key of a row that is emptied; the former one is a hash of the person's words."""
Name = tuple[Any, ...]


def forget_rows(store: Store, whose: Whose, kind: DataKind, now: datetime) -> int:
    """Forget the rows of these people of one kind, page by page, and return how many rows changed.

    Rows that were forgotten before are left alone, so that a call after a crash goes on where it was.
    """
    return sum(_forget_table(store, whose, table, now) for table in of_kind(kind))


def forget_whole(store: Store, incident: str, now: datetime) -> None:
    """Forget all rows of an incident whose key is destroyed, page by page; a call after a crash goes on as above."""
    for table in TABLES:
        if table.at_once:
            with store.write() as write:
                table.at_once(write, incident)
        else:
            _forget_table(store, Whose(incident), table, now, destroyed=True)


def _forget_table(
    store: Store, whose: Whose, table: PersonalTable, now: datetime, *, destroyed: bool = False
) -> int:  # fmt: skip
    with store.read() as session:
        names = iter(_names(session, whose, table))
    changed = 0
    while page := list(islice(names, PAGE)):
        with store.write() as write:
            seal = None if destroyed else store.seal(write.session, whose.incident)
            changed += forget_page(write, seal, table, page, now)
    return changed


def forget_all(write: Write, seal: Seal, whose: Whose, kind: DataKind, now: datetime, by: str) -> int:
    """Forget the rows of one person of one kind in the caller's transaction, and return how many rows changed."""
    tables = of_kind(kind)
    return sum(forget_page(write, seal, table, _names(write.session, whose, table), now, by) for table in tables)


def forget_page(
    write: Write, seal: Seal | None, table: PersonalTable, names: Sequence[Name], now: datetime, by: str = ENGINE
) -> int:
    """Forget these rows of a table, and return how many changed; a question without an answer is closed.

    There is no seal once the key is destroyed.
    """
    session, changed = write.session, 0
    for name in names:
        row: Any = session.get(table.row, name, with_for_update=True)
        if row is None:
            continue
        if table.deleted or not _is_empty(seal, table, row):
            with noting_sum(session, table, row):
                _forget(session, seal, table, row, now, by)
                session.flush()
            changed += 1
    return changed


def noting_sum(session: Session, table: PersonalTable, row: Any) -> AbstractContextManager[None]:
    """Note in the block how the row changes its sum, for a table that the audit chain knows by sums."""
    if not table.summed:
        return nullcontext()
    group = [getattr(row, name) for name in GROUPED_BY[table.name]]
    changing: AbstractContextManager[None] = changing_these(
        session, table.name, group, table.summed, [getattr(row, table.summed)]
    )
    return changing


def _forget(session: Session, seal: Seal | None, table: PersonalTable, row: Any, now: datetime, by: str) -> None:
    if table.deleted:
        session.delete(row)
        return
    _empty(seal, table, row)
    _settle(session, row, now, by)


def _names(session: Session, whose: Whose, table: PersonalTable) -> list[Name]:
    """Return the primary keys of the rows of these people."""
    key = [column.name for column in inspect(table.row).primary_key]
    asked = select(QuestionRow.id, QuestionRow.person).where(QuestionRow.incident == whose.incident)
    askers = dict(session.exec(asked).all())
    rows = session.exec(rows_of(table, whose))
    return [tuple(getattr(row, name) for name in key) for row in rows if belongs(row, askers, whose)]


def _is_empty(seal: Seal | None, table: PersonalTable, row: Any) -> bool:
    """Return True when nothing is left in any sealed column of the row, or in the others where there is none."""
    if table.once and row.once != ERASED.format(row.id):
        return False
    if not table.columns:
        return all(getattr(row, name) == value(row) for name, value in table.also.items())
    return not any(_has_words(seal, one, row) for one in table.columns)


def _has_words(seal: Seal | None, column: SealedColumn, row: Any) -> bool:
    """Return True for a column with words, and for one that nobody can open any more, which is replaced too."""
    sealed = getattr(row, column.name)
    if sealed and seal:
        with suppress(KeyMissing):
            return seal.open(sealed, column.place(row)) not in ("", column.empty)
    return bool(sealed)


def _empty(seal: Seal | None, table: PersonalTable, row: Any) -> None:
    for name, value in table.also.items():
        setattr(row, name, value(row))
    for one in table.columns:
        setattr(row, one.name, _nothing(seal, one, row))
    if table.once:
        row.once = ERASED.format(row.id)


def _nothing(seal: Seal | None, column: SealedColumn, row: Any) -> bytes | None:
    """Return the value of an emptied column; without a seal no bytes, where the column may not be empty."""
    if column.empty is None:
        return None
    return seal.close(column.empty, column.place(row)) if seal else b""


def _settle(session: Session, row: SQLModel, now: datetime, by: str) -> None:
    """Close a question that waits, and withdraw a reply; nobody can answer what is forgotten."""
    if isinstance(row, QuestionRow):
        if row.answered_at is None:
            row.answered_at, row.answered_by = now, by
        marks = (col(QuestionLikenessRow.incident) == row.incident, col(QuestionLikenessRow.question) == row.id)
        session.execute(delete(QuestionLikenessRow).where(*marks))
    if isinstance(row, ReplyRow):
        row.provider_id = row.detail = ""
        if row.state == ReplyState.WAITING:
            row.state, row.next_try_at, row.claimed_until = ReplyState.WITHDRAWN.value, None, None


def files_of(session: Session, whose: Whose, *kinds: DataKind) -> Iterator[str]:
    """Yield the paths in the home, as texts, of the sealed files of these people; only of these kinds of data."""
    for table in FILES:
        row: Any = table.row
        here = (row.incident == whose.incident, linked(row, table.link, whose))
        for name in session.exec(select(row.name).where(*here)) if table.kind in kinds else ():
            yield path_of(table, whose.incident, name)


def path_of(table: FileTable, incident: str, name: str) -> str:
    """Return the path in the home of a sealed file."""
    return f"{folder_of(table, incident)}/{name}.sealed"


def folder_of(table: FileTable, incident: str) -> str:
    """Return the path in the home of the folder with an incident's sealed files."""
    return f"{table.folder}/{incident}"
