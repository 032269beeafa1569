"""What holds for all tests."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from amends.ledger.store import disk_reserve

# On a busy machine an example may take long; that says nothing about it.
settings.register_profile("any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(autouse=True, scope="session")
def small_reserve() -> Iterator[None]:
    """The folders of hundreds of tests stay for a while; they need not hold 64 MB each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk_reserve, "SIZE", 4096)
        yield
