"""The story's incident with five people, and flows that run over it by a clock that a test moves."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from amends.ledger import Ledger
from flows.rehearsal.fast_forward import PassedClock
from flows.run.context import using
from tests.story import a_context, a_ledger, everybody, opened


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = a_ledger(tmp_path)
    opened(ledger, islice(everybody(), 5))
    yield ledger
    ledger.dispose()


@pytest.fixture
def clock(ledger: Ledger, tmp_path: Path) -> Iterator[PassedClock]:
    context, clock = a_context(ledger, tmp_path)
    with using(context):
        yield clock
