"""Statements that are compiled once for all ledgers of a process."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Dialect, Integer, column, select
from sqlalchemy.dialects import postgresql, sqlite

from amends.ledger.store.database import CompiledStatements, connect
from tests.delivery.sending import sqlite_url

STATEMENT = select(column("n", Integer) + 1)


def compiled(cache: CompiledStatements, dialect: Dialect) -> object:
    return STATEMENT._compile_w_cache(dialect, compiled_cache=cache, column_keys=[])[0]


def test_two_ledgers_of_a_process_compile_a_statement_once(tmp_path: Path) -> None:
    cache = CompiledStatements(10)
    folders = tmp_path / "one", tmp_path / "other"
    for folder in folders:
        folder.mkdir()
        engine = connect(sqlite_url(folder)).execution_options(compiled_cache=cache)
        with engine.connect() as connection:
            assert connection.execute(select(1)).scalar_one() == 1
        engine.dispose()
    assert len(cache) == 1
    assert (
        connect(sqlite_url(folders[0])).get_execution_options()
        == connect(sqlite_url(folders[1])).get_execution_options()
    )


def a_server(**found: object) -> Dialect:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for name, value in found.items():
        setattr(dialect, name, value)
    return dialect


@pytest.mark.parametrize(
    "other",
    [
        sqlite.dialect(),  # type: ignore[no-untyped-call]
        a_server(server_version_info=(13,)),
        a_server(server_version_info=(17,), _backslash_escapes=True),
        a_server(server_version_info=(17,), default_schema_name="elsewhere"),
        a_server(server_version_info=(17,), paramstyle="named"),
    ],
    ids=["SQLite", "older server", "escapes", "schema", "style of parameters"],
)
def test_servers_with_other_sql_share_nothing(other: Dialect) -> None:
    cache = CompiledStatements(10)
    own = compiled(cache, a_server(server_version_info=(17,)))
    assert compiled(cache, other) is not own
    assert compiled(cache, a_server(server_version_info=(17,))) is own


def test_threads_share_compiled_statements() -> None:
    """Many threads that fill a small cache at once get what fits their statement."""
    cache = CompiledStatements(5)
    dialect = a_server(server_version_info=(17,))

    def sql(number: int) -> str:
        statement = select(*(column(f"c{one}") for one in range(number % 20)), column("last"))
        return str(statement._compile_w_cache(dialect, compiled_cache=cache, column_keys=[])[0])

    with ThreadPoolExecutor(8) as threads:
        texts = list(threads.map(sql, range(2000)))
    assert texts == [sql(number % 20) for number in range(2000)]
    assert len(cache) <= 8
