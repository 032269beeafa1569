"""What holds for all tests."""

from collections.abc import Iterator

import pytest

from amends.ledger import reserve


@pytest.fixture(autouse=True, scope="session")
def small_reserve() -> Iterator[None]:
    """The folders of hundreds of tests stay for a while; they need not hold 64 MB each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reserve, "SIZE", 4096)
        yield
