"""What does not change is read once, and what may change is looked at again where it was found."""

from amends.ledger.store.cache import MOST, Memory


def test_a_remembered_place_is_looked_at_before_all_others() -> None:
    """Something that was found once is looked for first in its place, and everywhere only when it is gone."""
    there, looks = [7, 8], list[int | None]()

    def look(known: int | None) -> int | None:
        looks.append(known)
        return next((one for one in there if known in (None, one)), None)

    memory = Memory()
    assert [memory.again("heard", look), memory.again("heard", look)] == [7, 7]
    there.remove(7)
    assert [memory.again("heard", look), memory.again("heard", look)] == [8, 8]
    there.remove(8)
    assert [memory.again("heard", look), memory.again("heard", look)] == [None, None]
    assert looks == [None, 7, 7, None, 8, 8, None, 8, None]


def test_it_does_not_grow_and_keeps_what_is_asked_for() -> None:
    read: list[int] = []
    memory = Memory()
    for number in (*range(MOST), 0, MOST, 0, 1):
        memory.get(number, lambda number=number: read.append(number))  # type: ignore[misc]
    assert read == [*range(MOST + 1), 1]
