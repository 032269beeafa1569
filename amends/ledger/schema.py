"""The tables of a new ledger: made from the rows, with the triggers that SQLAlchemy does not know, and identified.

There is no migration before the first release; see docs/why.md.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, MetaData, Table, text

from amends.ledger.audit.tally import TALLIED
from amends.ledger.store.schema import all_tables, schema
from amends.ledger.tables.declared import undeclared

IDENTIFIER = "CREATE TABLE amends_schema (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
FORBID_ON_SQLITE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{why}'); END
"""
FORBID_ON_POSTGRESQL = """
CREATE FUNCTION {table}_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{why}'; END $$;
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION {table}_is_append_only()
"""
HAS_SETTLED = "({row}.state <> 'claimed' AND {row}.state <> 'waiting' AND {row}.state <> 'deferred')"
"""The condition that a row is counted: the engine has not, or no longer, the message in hand.

SQLite compares words one by one directly, but builds a table for a list of three each time.
"""
COUNT_ON_SQLITE = """
CREATE TRIGGER tally_{name} AFTER {event} ON delivery WHEN {counted}
BEGIN
    INSERT INTO tally VALUES ({key}, 0, {by})
    ON CONFLICT DO UPDATE SET messages = messages + {by};
END
"""
COUNT_ON_POSTGRESQL = """
CREATE FUNCTION tally_{verb}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally SELECT {columns}, pg_backend_pid(), sum(by) FROM ({changed}) AS changed
    GROUP BY {columns} HAVING sum(by) <> 0
    ON CONFLICT ({columns}, part) DO UPDATE SET messages = tally.messages + excluded.messages;
    RETURN NULL;
END $$;
CREATE TRIGGER tally_{verb} AFTER {verb} ON delivery REFERENCING {tables}
FOR EACH STATEMENT EXECUTE FUNCTION tally_{verb}()
"""
CHANGES = {
    "INSERT": {"NEW": ("inserted", 1)},
    "UPDATE": {"OLD": ("before", -1), "NEW": ("after", 1)},
    "DELETE": {"OLD": ("deleted", -1)},
}
"""By kind of change: the rows that are counted, under the names that a trigger gives them, and the number for each."""


def create(connection: Connection) -> None:
    """Create all tables with their indexes and triggers, and record which tables they are.

    Raises TypeError for a column that seems personal and of which no declaration says what becomes of it.
    """
    tables = all_tables()
    if silent := undeclared(tables.sorted_tables):
        raise TypeError(f"{', '.join(silent)}: the row declares whose it is and what is forgotten (CONTRIBUTING.md)")
    _limit_indexes(tables, connection.dialect.name)
    tables.create_all(connection, checkfirst=False)
    on_sqlite = connection.dialect.name == "sqlite"
    for table in tables.sorted_tables:
        for trigger in _append_only(table, on_sqlite=on_sqlite):
            connection.exec_driver_sql(trigger)
    for trigger in _counts_on_sqlite() if on_sqlite else _counts_on_postgresql():
        connection.exec_driver_sql(trigger)
    connection.exec_driver_sql(IDENTIFIER)
    connection.exec_driver_sql(f"INSERT INTO amends_schema VALUES ('{schema()}')")


def _limit_indexes(tables: MetaData, dialect: str) -> None:
    """Set the condition of each partial index as an option of this dialect."""
    for index in (index for table in tables.sorted_tables for index in table.indexes if "where" in index.info):
        index.dialect_options[dialect]["where"] = text(index.info["where"])


def _append_only(table: Table, *, on_sqlite: bool) -> Iterator[str]:
    """Yield the triggers that refuse a change of this table's rows, where the table says why."""
    if why := table.info.get("append_only"):
        verbs = ("UPDATE", "DELETE") if on_sqlite else ("",)
        spelled = FORBID_ON_SQLITE if on_sqlite else FORBID_ON_POSTGRESQL
        yield from (spelled.format(table=table.name, verb=verb, why=why) for verb in verbs)


def _counts_on_sqlite() -> Iterator[str]:
    """Yield triggers that count each row as it changes; of a change that concerns no count, a condition is all."""
    old, new = (HAS_SETTLED.format(row=row) for row in ("OLD", "NEW"))
    differs = f"(NEW.state <> OLD.state OR {' OR '.join(f'NEW.{name} IS NOT OLD.{name}' for name in TALLIED)})"
    update = f"UPDATE OF {', '.join(TALLIED)}"
    triggers = (
        ("insert", "INSERT", "NEW", 1, new),
        ("before", update, "OLD", -1, f"{old} AND {differs}"),
        ("after", update, "NEW", 1, f"{new} AND {differs}"),
        ("delete", "DELETE", "OLD", -1, old),
    )
    for name, event, row, by, counted in triggers:
        key = ", ".join(_spelled(column, f"{row}.") for column in TALLIED)
        yield COUNT_ON_SQLITE.format(name=name, event=event, counted=counted, key=key, by=by)


def _counts_on_postgresql() -> Iterator[str]:
    """Yield triggers that count the rows of each statement at once."""
    for verb, rows in CHANGES.items():
        chosen = [
            f"SELECT {', '.join(f'{_spelled(column)} AS {column}' for column in TALLIED)}, {by} AS by FROM {name} "
            f"WHERE {HAS_SETTLED.format(row=name)}"
            for name, by in rows.values()
        ]
        tables = " ".join(f"{which} TABLE AS {name}" for which, (name, _) in rows.items())
        parts = {"columns": ", ".join(TALLIED), "changed": " UNION ALL ".join(chosen), "tables": tables}
        yield COUNT_ON_POSTGRESQL.format(verb=verb, **parts)


def _spelled(column: str, row: str = "") -> str:
    return f"coalesce({row}elements, 0)" if column == "elements" else f"{row}{column}"
