"""Each room's tables are whole by themselves, and a command imports those of the rooms that it reads."""

import subprocess
import sys
from pkgutil import iter_modules

import pytest

from amends.ledger import tables
from amends.ledger.store.schema import all_rows, all_tables

ALONE = """
import sys
from importlib import import_module
from sqlalchemy.orm import configure_mappers
from sqlmodel import SQLModel
import_module(sys.argv[1])
configure_mappers()
known = SQLModel.metadata.tables
print(*sorted(f"{key.parent} to {key.target_fullname}" for table in known.values() for key in table.foreign_keys
              if key.target_fullname.split(".")[0] not in known))
SQLModel.metadata.sorted_tables
"""


@pytest.mark.parametrize("module", [module.name for module in iter_modules(tables.__path__)])
def test_the_tables_of_a_room_know_what_they_refer_to(module: str) -> None:
    """A process that has imported the tables of one room has each table that their foreign keys name."""
    command = [sys.executable, "-c", ALONE, f"{tables.__name__}.{module}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("", 0), done.stderr


def test_all_tables_are_found_by_the_package() -> None:
    """Whoever makes, restores, forgets or audits tables has all of them, and every row has a table of its own."""
    rows = [kind.__table__.name for kind in all_rows()]
    assert sorted(rows) == sorted(all_tables().tables)
    assert {kind.__module__.rpartition(".")[0] for kind in all_rows()} == {tables.__name__}
