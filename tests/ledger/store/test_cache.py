"""What does not change is read once, and what may change is looked at again where it was found."""

from amends.ledger.store.cache import MOST, Memory


def test_it_does_not_grow_and_keeps_what_is_asked_for() -> None:
    read: list[int] = []
    memory = Memory()
    for number in (*range(MOST), 0, MOST, 0, 1):
        memory.get(number, lambda number=number: read.append(number))  # type: ignore[misc]
    assert read == [*range(MOST + 1), 1]
