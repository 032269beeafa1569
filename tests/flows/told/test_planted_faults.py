"""Faults of one function each that the machine of what people were told must find."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import true
from sqlmodel import Session, col, select

from amends.domain.draft import writer
from amends.domain.incident.facts import Certainty
from amends.domain.notice.notice import DeliveryState
from amends.domain.notice.statement import Statement
from amends.ledger.case import told as record
from amends.ledger.deliver import claims, told
from amends.ledger.notice import audience
from amends.ledger.people.people import categories
from amends.ledger.tables.people import PersonRow
from tests.flows.told.team import Team
from tests.flows.told.world import Lists, Promises, World

# Hypothesis takes a timeout of pytest for a failed example, and its second try, which passes, for inconsistent data.
pytestmark = pytest.mark.timeout(0)
SEEDS = 15
"""The searches, each from a start of its own, of which one finds the fault: a start that leads nowhere is left early."""
SEARCHING = settings(max_examples=20, stateful_step_count=20, deadline=None, database=None, phases=[Phase.generate])


def everybody_is_corrected(planting: pytest.MonkeyPatch) -> None:
    """Correct all in the list, latecomers too, of what somebody was told wrongly."""
    found = record.people_told_otherwise

    def to_all(session: Session, notices: Any, file: Any, listed: int) -> Iterator[tuple[int, Any]]:
        for _, wrong in list(found(session, notices, file, listed))[:1]:
            here = select(PersonRow.number).where(PersonRow.incident == file.id, col(PersonRow.gone_at).is_(None))
            yield from ((number, wrong) for number in session.exec(here))

    planting.setattr(record, "people_told_otherwise", to_all)


def what_may_have_arrived_tells_nobody(planting: pytest.MonkeyPatch) -> None:
    planting.setattr(told, "TELLS", tuple(tell for tell in told.TELLS if tell is not DeliveryState.UNCERTAIN))


def what_is_suspected_counts_as_confirmed(planting: pytest.MonkeyPatch) -> None:
    stated_by = writer.stated_by

    def sure(*known: Any) -> dict[str, Statement]:
        sure = {"certainty": Certainty.CONFIRMED}
        return {key: one.model_copy(update=sure) for key, one in stated_by(*known).items()}

    planting.setattr(writer, "stated_by", sure)


def whoever_is_gone_is_not_affected(planting: pytest.MonkeyPatch) -> None:
    """Tell also those who share a mailbox with somebody in the list."""
    planting.setattr(told, "_listed_among", lambda *_: iter(()))


def news_of_a_promise_goes_to_everybody(planting: pytest.MonkeyPatch) -> None:
    """Tell the audience to whom the promise was made, and not those whom a message told of it."""
    planting.setattr(audience, "_promised", lambda *_: true())


def the_data_of_today_were_named_before(planting: pytest.MonkeyPatch) -> None:
    def of_today(session: Session, incident: str, rows: Any) -> dict[tuple[str, int], Any]:
        here = select(PersonRow.number, PersonRow.data).where(PersonRow.incident == incident)
        data = dict(session.exec(here).all())
        return {(row.notice, row.person): categories(data[row.person]) for row in rows if row.person}

    planting.setattr(claims, "_earlier_data", of_today)


FAULTS: tuple[Callable[[pytest.MonkeyPatch], None], ...] = (
    everybody_is_corrected,
    what_may_have_arrived_tells_nobody,
    what_is_suspected_counts_as_confirmed,
    whoever_is_gone_is_not_affected,
    news_of_a_promise_goes_to_everybody,
    the_data_of_today_were_named_before,
)
"""Faults of one function each that the relay must find."""
SEARCHED_IN: dict[Callable[[pytest.MonkeyPatch], None], type[Team]] = {
    whoever_is_gone_is_not_affected: Lists,
    news_of_a_promise_goes_to_everybody: Promises,
    the_data_of_today_were_named_before: Lists,
}
"""The machine that finds the fault in tens of examples where the whole world may need hundreds."""


@pytest.mark.full
@pytest.mark.parametrize("plant", FAULTS, ids=lambda one: one.__name__)
def test_a_planted_fault_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = SEARCHED_IN.get(plant, World)
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        search(lambda: machine(tmp_path))


def search(made: Callable[[], Team]) -> None:
    for number in range(SEEDS):
        run_state_machine_as_test(seed(number)(made), settings=SEARCHING)
