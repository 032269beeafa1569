"""Whatever way a case is forgotten, the same table of columns says what goes."""

from sqlmodel import select

from amends.ledger import Ledger
from amends.ledger.forget.personal import PersonalTable, personal_tables
from tests.delivery.sending import INCIDENT
from tests.ledger.forget.forgetting import LATER, with_traces


def left(ledger: Ledger, table: PersonalTable) -> list[str]:
    """Return what a destroyed case still has in a table: rows that should be gone, columns that should be empty."""
    with ledger.store.read() as session:
        rows = session.exec(select(table.row)).all()
    names = [column.name for column in table.columns]
    full = {name for row in rows for name in names if getattr(row, name)}
    hashes = {"once" for row in rows if table.once and not row.once.startswith("erased ")}  # type: ignore[attr-defined]
    return sorted({*full, *hashes, *({"rows"} if table.declared.deleted and rows else ())})


def test_a_destroyed_case_has_nothing_left_in_any_table(ledger: Ledger) -> None:
    with_traces(ledger)
    before = {table.name for table in personal_tables() if left(ledger, table)}
    for _ in range(2):  # as after a crash
        ledger.destruction.again(INCIDENT, LATER)
    assert {"question", "answer", "outgoing", "person_report", "access_request", "preference", "mail_file"} <= before
    assert {table.name: found for table in personal_tables() if (found := left(ledger, table))} == {}
    assert (ledger.audit.verify(), ledger.audit.disagreements()) == ((), ())
