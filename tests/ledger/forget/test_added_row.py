"""A table with data of people needs a row that declares itself, and no list of the product is extended."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table

from amends.ledger.tables.declared import undeclared
from tests.delivery.sending import INCIDENT

TOP = Path(__file__).parents[3]
WISH = "My canary needs a voucher."


@pytest.fixture
def told(ledger_url: str, tmp_path: Path) -> dict[str, Any]:
    """What a process with two more tables says of them, see `added_row.py`."""
    command = [sys.executable, "-m", "tests.ledger.forget.added_row", str(tmp_path), ledger_url]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_a_new_row_is_sealed_summed_rotated_and_forgotten(told: dict[str, Any]) -> None:
    """The row that declares what is sealed and personal is sealed, summed, rotated, erased with its person, erased again
    after a restore, and forgotten with its kind and with its case.
    """
    full = {
        "wishes": [WISH] * 3,
        "shops": ["nest"] * 3,
        "once": ["1", "2", "3"],
        "notes": ["came"] * 3,
        "indexes": [True] * 3,
    }
    without_one = {
        "wishes": ["", WISH, WISH],
        "shops": ["", "nest", "nest"],
        "once": ["erased 1", "2", "3"],
        "notes": ["", "came", "came"],
        "indexes": [False, True, True],
    }
    nothing = {
        "wishes": [""] * 3,
        "shops": [""] * 3,
        "once": ["erased 1", "erased 2", "erased 3"],
        "notes": [""] * 3,
        "indexes": [False] * 3,
    }
    assert told["first"] == [full, []]
    assert told["altered"] == {
        "amount": [f"the row {INCIDENT}, 1 of table voucher was altered, moved or forged"],
        "visit": [f"a row in table visit of {INCIDENT} was altered or replaced"],
        "note": [f"a row in table visit of {INCIDENT} was altered or replaced"],
        "read": [f"the row {INCIDENT}, 1 of table voucher was altered, moved or forged"],
    }
    assert (told["rotated"], told["after rotation"]) == ([True] * 3, [full, []])
    assert told["erased"] == [without_one, []]
    if "brought back" in told:
        assert told["brought back"] == {"restored": [WISH] * 3, "again": without_one, "wrong": []}
    assert told["forgotten"] == [nothing, []]
    assert told["destroyed"] == [[""] * 3, []]


def test_a_silent_column_that_seems_personal_is_refused() -> None:
    """A sealed column, or a table that names a person, of which no declaration says what becomes of it is named."""
    columns = (Column("incident", Integer), Column("person", Integer), Column("sealed_wish", LargeBinary))
    table = Table("voucher", MetaData(), *columns)
    assert undeclared([table]) == ("voucher.person", "voucher.sealed_wish")
    table.info["numbers_only"] = "the number is all that leads to a person"
    assert undeclared([table]) == ("voucher.sealed_wish",)
