"""Where a value first stood is known as a dictionary would know it."""

from hypothesis import given
from hypothesis import strategies as st

from amends.content.people.duplicates import FEWEST, FirstRows

CLOSE = st.integers(-3, 3) | st.integers(0, 3).map(lambda n: n * FEWEST) | st.integers(-(2**63), 2**63 - 1)
"""Hashes that want the same place, and any."""


@given(st.lists(CLOSE), st.integers(0, 3 * FEWEST))
def test_the_first_row_of_a_value_is_kept(keys: list[int], expected: int) -> None:
    rows, known = FirstRows(), dict[int, int]()
    rows.expect(expected)
    for row, key in enumerate(keys, 1):
        assert rows.row_of(key) == known.get(key or 1, 0)
        assert rows.record(key, row) == known.setdefault(key or 1, row)


def test_it_grows() -> None:
    rows, values = FirstRows(), range(0, 40 * FEWEST, 8)
    for row, value in enumerate(values, 1):
        assert rows.record(value, row) == row
    assert [rows.row_of(value) for value in values] == list(range(1, len(values) + 1))
    assert rows.row_of(1 + 40 * FEWEST) == 0
