"""Whatever happens in whatever order: who was told and is in the list has a result, or the promise is not kept."""

from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amends.domain.base.errors import ApprovalMissing, NotAllowed
from amends.domain.deliver.correction import Ask
from amends.domain.entitlement.remedy import RemedyOutcome, RemedyState
from amends.domain.incident.commitment import CommitmentState
from amends.ledger import Ledger
from tests.builders import NOW, a_person
from tests.commitments import keep as keeps
from tests.delivery.sending import INCIDENT
from tests.ledger.conftest import on_sqlite
from tests.ledger.entitlement.remedy_scene import LOCKS, MOVED, REPLACED, SOUND, promised, send

PEOPLE = 4
FOLDERS = count()
Act = tuple[str, Any]
OUTCOMES = (SOUND, REPLACED, MOVED, RemedyOutcome(RemedyState.UNDER_WAY), RemedyOutcome(RemedyState.OPEN))
tell = st.tuples(st.just("tell"), st.just(1))
list_is = st.tuples(st.just("list"), st.integers(PEOPLE - 1, PEOPLE))
settle = st.tuples(st.just("settle"), st.dictionaries(st.integers(1, PEOPLE), st.sampled_from(OUTCOMES), min_size=1))
keep = st.tuples(st.just("keep"), st.none())
acts = st.lists(st.one_of(tell, list_is, settle, keep), min_size=3, max_size=10)


class Model:
    """The ledger, and beside it what must be so."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.listed = ledger, PEOPLE
        self.known: dict[int, RemedyOutcome] = {}

    @property
    def told(self) -> set[int]:
        visits = self.ledger.visits
        return {one for one in range(1, PEOPLE + 1) if LOCKS in visits.commitments_told(INCIDENT, one)}

    @property
    def waiting(self) -> set[int]:
        """The people in the list who were told and have no end of their own."""
        ended = {one for one, outcome in self.known.items() if not outcome.state.owed}
        return {one for one in self.told if one <= self.listed} - ended

    def tell(self, people: int) -> None:
        with suppress(ApprovalMissing):  # after another list, what is left waits for an approval of its own
            send(self.ledger, people)

    def list(self, people: int) -> None:
        correction = self.ledger.corrections.compare(INCIDENT, [a_person(number=one) for one in range(1, people + 1)])
        changes = {ask: correction.difference.counts[ask.value] for ask in Ask}
        self.ledger.corrections.apply(correction, changes, "", "lena", NOW)
        self.listed = people

    def settle(self, outcomes: dict[int, RemedyOutcome]) -> None:
        entitled = self.known.keys() | {one for one in self.told if one <= self.listed}
        said = self.ledger.remedies.settle(INCIDENT, LOCKS, outcomes, "lena", NOW)
        assert set(said.refused) == outcomes.keys() - entitled
        if not said.refused:
            self.known |= outcomes

    def keep(self, _: None) -> None:
        state, waiting = self.ledger.commitments.get(INCIDENT, LOCKS).state, len(self.waiting)
        if state is CommitmentState.OPEN and waiting:
            with pytest.raises(NotAllowed, match=f"^{waiting} p"):
                self.ledger.commitments.keep(INCIDENT, LOCKS, {"*": "Report"}, "lena", NOW)
        elif state is CommitmentState.OPEN:
            keeps(self.ledger, INCIDENT, LOCKS, {"*": "Report"}, "lena", NOW)

    def agrees(self) -> None:
        self.ledger.remedies.enrol(INCIDENT, NOW)
        for one in self.told:
            if one <= self.listed:
                self.known.setdefault(one, RemedyOutcome(RemedyState.OPEN))
        rows = {remedy.person: remedy for remedy in self.ledger.remedies.all(INCIDENT, LOCKS)}
        assert {person: one.word for person, one in rows.items()} == {p: one.word for p, one in self.known.items()}
        aside = {person for person, one in rows.items() if one.state is RemedyState.SET_ASIDE}
        assert aside == {person for person in rows if person > self.listed}
        counts = self.ledger.remedies.counts(INCIDENT)[LOCKS]
        assert (counts.owed, counts.by_state.get(RemedyState.SET_ASIDE, 0)) == (len(self.waiting), len(aside))


def play(made: Path, folder: Path, acts: list[Act]) -> None:
    mine = folder / str(next(FOLDERS))
    mine.mkdir()
    for ledger in on_sqlite(made, mine):
        promised(ledger, people=PEOPLE, told=0)
        model = Model(ledger)
        for name, given_ in acts:
            getattr(model, name)(given_)
            model.agrees()
        assert ledger.audit.disagreements() == ()


EACH = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(EACH, max_examples=6)
@given(acts)
def test_no_promise_is_kept_over_somebodys_head(made_on_sqlite: Path, tmp_path: Path, acts: list[Act]) -> None:
    play(made_on_sqlite, tmp_path, acts)


@pytest.mark.full
@settings(EACH, max_examples=60)
@given(acts)
def test_sixty_stories_keep_no_promise_over_a_head(made_on_sqlite: Path, tmp_path: Path, acts: list[Act]) -> None:
    play(made_on_sqlite, tmp_path, acts)
