"""What is known to be so is not looked at again; what is not so yet is."""

from amends.ledger.memory import MOST, Memory


def test_what_holds_is_not_looked_at_again() -> None:
    looks = iter([False, True])
    memory = Memory()
    assert [memory.holds("heard", lambda: next(looks)) for _ in range(4)] == [False, True, True, True]


def test_it_does_not_grow_and_keeps_what_is_asked_for() -> None:
    read: list[int] = []
    memory = Memory()
    for number in (*range(MOST), 0, MOST, 0, 1):
        memory.get(number, lambda number=number: read.append(number))  # type: ignore[misc]
    assert read == [*range(MOST + 1), 1]
