"""What is known to be so is not looked at again; what is not so yet is."""

from amends.ledger.memory import Memory


def test_what_holds_is_not_looked_at_again() -> None:
    looks = iter([False, True])
    memory = Memory()
    assert [memory.holds("heard", lambda: next(looks)) for _ in range(4)] == [False, True, True, True]
