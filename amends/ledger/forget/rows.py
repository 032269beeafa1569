"""Rows with words of people, emptied or deleted: the words go, and counts, times and states stay."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime
from secrets import token_bytes
from typing import Any

from sqlalchemy import Column, delete, text, tuple_, update
from sqlalchemy import select as sql
from sqlmodel import Session, SQLModel, col

from amends.domain.base.errors import KeyMissing
from amends.domain.channel.outgoing import OutgoingState
from amends.domain.forget.retention import DataKind
from amends.ledger.forget.people import RANDOM_BYTES
from amends.ledger.forget.personal import (
    PeopleFilter,
    PersonalTable,
    RowKey,
    file_tables,
    keys_of,
    names_of_files,
    personal_tables,
)
from amends.ledger.store.bulk import pages
from amends.ledger.store.encryption import INDEX_BYTES, Seal
from amends.ledger.store.session import ENGINE, Store, Transaction
from amends.ledger.store.sums import changing, changing_these
from amends.ledger.tables.declared import RANDOM, forgotten_values, found_by, sealed_place, summed
from amends.ledger.tables.feedback import OutgoingRow, QuestionLikenessRow, QuestionRow

PAGE = 500
"""The number of rows changed in one transaction, so that others write in between."""
ERASED = "erased {}"
"""The idempotency key of a row that is emptied; the former one is a hash of the person's words."""


def forget_rows(store: Store, whose: PeopleFilter, kind: DataKind, now: datetime) -> int:
    """Forget the rows of these people of one kind, page by page, and return how many rows changed.

    Rows that were forgotten before are left alone, so that a call after a crash goes on where it was.
    """
    return sum(_forget_table(store, whose, table, now) for table in personal_tables(kind))


def forget_whole(store: Store, incident: str, now: datetime) -> None:
    """Forget all rows of an incident whose key is destroyed, page by page; a call after a crash goes on as above."""
    for table in personal_tables():
        if table.is_summed:
            with store.write() as write:
                _empty_all(write.session, table, incident)
        else:
            _forget_table(store, PeopleFilter(incident), table, now, destroyed=True)


def _empty_all(session: Session, table: PersonalTable, incident: str) -> None:
    """Empty all rows of an incident at once: a table with sums has a row for each person."""
    rows = table.row.__table__
    random = text(RANDOM_BYTES[session.connection().dialect.name])
    values = {name: random if value is RANDOM else value for name, value in forgotten_values(rows).items()}
    values |= {column.name: None if column.nullable else b"" for column in table.columns}
    by = [rows.c[name] for name in summed(rows).by]
    for group in session.execute(sql(*by).where(rows.c.incident == incident).distinct()).all():
        with changing(session, table.name, group):
            session.execute(update(rows).where(tuple_(*by) == tuple_(*group)).values(values))


def _forget_table(
    store: Store, whose: PeopleFilter, table: PersonalTable, now: datetime, *, destroyed: bool = False
) -> int:
    with store.read() as session:
        names = keys_of(session, table, whose)
    changed = 0
    for page in pages(names, PAGE):
        with store.write() as write:
            seal = None if destroyed else store.seal(write.session, whose.incident)
            changed += forget_page(write, seal, table, page, now)
    return changed


def forget_all(write: Transaction, seal: Seal, whose: PeopleFilter, kind: DataKind, now: datetime, by: str) -> int:
    """Forget the rows of one person of one kind in the caller's transaction, and return how many rows changed."""
    tables = personal_tables(kind)
    return sum(forget_page(write, seal, table, keys_of(write.session, table, whose), now, by) for table in tables)


def forget_page(
    write: Transaction,
    seal: Seal | None,
    table: PersonalTable,
    names: Sequence[RowKey],
    now: datetime,
    by: str = ENGINE,
) -> int:
    """Forget these rows of a table, and return how many changed; a question without an answer is closed.

    There is no seal once the key is destroyed.
    """
    session, changed = write.session, 0
    for name in names:
        row: Any = session.get(table.row, name, with_for_update=True)
        if row is None:
            continue
        if table.declared.deleted or not _is_empty(seal, table, row):
            with noting_sum(session, table, row):
                _forget(session, seal, table, row, now, by)
                session.flush()
            changed += 1
    return changed


def noting_sum(session: Session, table: PersonalTable, row: Any) -> AbstractContextManager[None]:
    """Note in the block how the row changes its sum, for a table that the audit chain knows by sums."""
    if not table.is_summed:
        return nullcontext()
    rows = table.row.__table__
    group, name = [getattr(row, name) for name in summed(rows).by], found_by(rows)
    noting: AbstractContextManager[None] = changing_these(session, table.name, group, name, [getattr(row, name)])
    return noting


def _forget(session: Session, seal: Seal | None, table: PersonalTable, row: Any, now: datetime, by: str) -> None:
    if table.declared.deleted:
        session.delete(row)
        return
    _empty(seal, table, row)
    _settle(session, row, now, by)


def _is_empty(seal: Seal | None, table: PersonalTable, row: Any) -> bool:
    """Return True when nothing is left in any sealed column of the row, or in the others where there is none."""
    if table.once and row.once != ERASED.format(row.id):
        return False
    if not table.columns:
        return all(getattr(row, name) == value for name, value in forgotten_values(row.__table__).items())
    return not any(_has_words(seal, column, row) for column in table.columns)


def _has_words(seal: Seal | None, column: Column[Any], row: Any) -> bool:
    """Return True for a column with words, and for one that nobody can open any more, which is replaced too."""
    sealed = getattr(row, column.name)
    if sealed and seal:
        with suppress(KeyMissing):
            return seal.open(sealed, sealed_place(row, column.name)) not in ("", column.info["sealing"].empty)
    return bool(sealed)


def _empty(seal: Seal | None, table: PersonalTable, row: Any) -> None:
    for name, value in forgotten_values(row.__table__).items():  # first, because the place of a text may rest on them
        setattr(row, name, token_bytes(INDEX_BYTES) if value is RANDOM else value)
    for column in table.columns:
        setattr(row, column.name, _nothing(seal, column, row))
    if table.once:
        row.once = ERASED.format(row.id)


def _nothing(seal: Seal | None, column: Column[Any], row: Any) -> bytes | None:
    """Return the value of an emptied column; without a seal no bytes, where the column may not be empty."""
    if column.nullable:
        return None
    return seal.close(column.info["sealing"].empty, sealed_place(row, column.name)) if seal else b""


def _settle(session: Session, row: SQLModel, now: datetime, by: str) -> None:
    """Close a question that waits, and withdraw a reply; nobody can answer what is forgotten."""
    if isinstance(row, QuestionRow):
        if row.answered_at is None:
            row.answered_at, row.answered_by = now, by
        marks = (col(QuestionLikenessRow.incident) == row.incident, col(QuestionLikenessRow.question) == row.id)
        session.execute(delete(QuestionLikenessRow).where(*marks))
    if isinstance(row, OutgoingRow):
        row.provider_id = row.detail = ""
        if row.state == OutgoingState.WAITING:
            row.state, row.next_try_at, row.leased_until = OutgoingState.WITHDRAWN.value, None, None


def files_of(session: Session, whose: PeopleFilter, *kinds: DataKind) -> Iterator[str]:
    """Yield the paths in the home, as texts, of the sealed files of these people; only of these kinds of data."""
    for table in file_tables(*kinds):
        yield from (table.path(whose.incident, name) for name in names_of_files(session, table, whose))
