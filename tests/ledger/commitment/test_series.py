"""Commitments that recur in the ledger: each occurrence is stored once, told to those promised, and settled alone."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amends.domain.base.audience import Promised
from amends.domain.base.errors import NotAllowed
from amends.domain.incident.commitment import Commitment, CommitmentState
from amends.ledger import Ledger
from tests.builders import NOW, a_commitment
from tests.commitments import keep
from tests.delivery.sending import INCIDENT, a_ledger, approved_again, sqlite_url
from tests.ledger.commitment.promised import NOTICE, promise, tell

DAY = timedelta(days=1)
PROOF = {"*": "Report 17"}
WHY = {"*": "No rooms."}
EVERY_QUARTER = {"id": "training", "kind": "training", "due": "60d", "every": "90d", "at_most": 4}


@pytest.fixture
def promised(ledger_on_sqlite: Ledger) -> Ledger:
    return promise(ledger_on_sqlite, EVERY_QUARTER)


def known(ledger: Ledger) -> dict[str, Commitment]:
    return {commitment.id: commitment for commitment in ledger.commitments.all(INCIDENT)}


def test_the_next_one_appears_with_the_end_of_the_last(promised: Ledger) -> None:
    keep(promised, INCIDENT, "training", PROOF, "mei", NOW + DAY)
    second = known(promised)["training-2"]
    assert (second.state, second.due_at, second.made_in) == (CommitmentState.OPEN, NOW + 150 * DAY, NOTICE)
    assert promised.cases.read(INCIDENT).commitments_open


def test_the_next_one_appears_when_the_last_is_due(promised: Ledger) -> None:
    assert promised.commitments.renew(INCIDENT, NOW + 59 * DAY) == ()
    assert promised.commitments.renew(INCIDENT, NOW + 60 * DAY) == ("training-2",)
    assert promised.commitments.renew(INCIDENT, NOW + 60 * DAY) == ()


def test_a_series_ends_with_the_one_that_is_dropped(promised: Ledger) -> None:
    promised.commitments.drop(INCIDENT, "training", WHY, "mei", NOW, series=True)
    promised.commitments.renew(INCIDENT, NOW + 999 * DAY)
    assert set(known(promised)) == {"training"}


def test_only_the_last_one_ends_its_series(promised: Ledger) -> None:
    promised.commitments.renew(INCIDENT, NOW + 60 * DAY)
    with pytest.raises(NotAllowed, match="end the series with the last"):
        promised.commitments.break_word(INCIDENT, "training", WHY, "mei", NOW + 61 * DAY, series=True)


def test_what_does_not_recur_has_no_series_to_end(ledger_on_sqlite: Ledger) -> None:
    promise(ledger_on_sqlite, {"id": "audit"})
    with pytest.raises(NotAllowed, match="does not recur"):
        ledger_on_sqlite.commitments.drop(INCIDENT, "audit", WHY, "mei", NOW, series=True)


def test_an_added_commitment_keeps_the_id_that_it_has(promised: Ledger) -> None:
    promised.commitments.add(INCIDENT, [(a_commitment(id="training-2", made_in=""), ())], "lena", NOW)
    keep(promised, INCIDENT, "training", PROOF, "mei", NOW + DAY)
    assert {"training-2", "training-2b"} <= set(known(promised))


def test_those_told_of_the_first_hear_of_each_one(ledger: Ledger) -> None:
    """Person 1 was told of the series and person 2 was not: news of the second occurrence goes to person 1 alone."""
    promise(ledger, EVERY_QUARTER, {"id": "audit"}, people=2)
    keep(ledger, INCIDENT, "training", PROOF, "mei", NOW + DAY)
    told = {name: ledger.notices.audience(INCIDENT, Promised(name)).people for name in known(ledger)}
    assert told == {"training": 1, "training-2": 1, "audit": 1}


@settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))
@given(
    acts=st.lists(
        st.tuples(st.integers(1, 90), st.sampled_from(["keep", "report", "break", "late", "look"])), max_size=8
    )
)
def test_open_is_never_kept_and_none_is_skipped(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[int, str]]
) -> None:
    """Whatever the team does, in whatever order: a commitment is open or has ended, and the numbers run from 1 on."""
    folder = tmp_path_factory.mktemp("series")
    ledger, now = promise(a_ledger(sqlite_url(folder), folder).migrate(), EVERY_QUARTER), NOW
    for days, act in acts:
        now += days * DAY
        ledger.commitments.renew(INCIDENT, now)
        mine = [one for one in known(ledger).values() if one.state is CommitmentState.OPEN]
        if mine:
            _act(ledger, mine[0], act, now)
        found = sorted(known(ledger).values(), key=lambda one: one.number)
        assert [one.number for one in found] == list(range(1, len(found) + 1))
        assert [one.due_at for one in found] == [NOW + (60 + 90 * n) * DAY for n in range(len(found))]
        for one in found:
            assert (one.settled_at is None) == (one.state is CommitmentState.OPEN)
            assert one.state is not CommitmentState.KEPT or one.reviewed_by not in ("", one.reported_by)
    ledger.dispose()


def _act(ledger: Ledger, one: Commitment, act: str, at: datetime) -> None:
    commitments = ledger.commitments
    try:
        if act == "keep":
            keep(ledger, INCIDENT, one.id, {"*": f"Report {at}"}, "mei", at)
        elif act == "report":
            commitments.keep(INCIDENT, one.id, {"*": f"Draft {at}"}, "mei", at)
        elif act == "break":
            commitments.break_word(INCIDENT, one.id, WHY, "mei", at)
        elif act == "late":
            commitments.put_off(INCIDENT, one.id, at + 30 * DAY, WHY, "mei", at)
    except NotAllowed:
        return


def test_whoever_is_told_late_hears_of_each_round(promised_to_two: Ledger) -> None:
    """Person 2 reads the first notice, which states the first round only, after the news of the second round has left:
    the news goes to person 2 as well, under the approval that it had.
    """
    ledger = promised_to_two
    keep(ledger, INCIDENT, "training", PROOF, "mei", NOW)
    keep(ledger, INCIDENT, "training-2", PROOF, "mei", NOW)
    audience = Promised("training-2")
    to = {"audience": audience, "audience_digest": ledger.notices.audience(INCIDENT, audience).digest}
    news = approved_again(
        ledger,
        notice="promise-kept-training-2-1",
        template="promise-kept",
        step="chase",
        about="training-2",
        change=1,
        **to,
    )
    ledger.notices.release(INCIDENT, news.notice, NOW)
    tell(ledger, 1, notice=news.notice)
    assert heard(ledger, news.notice) == {1}
    assert "training-2" not in ledger.cases.read(INCIDENT).untold
    tell(ledger, 2)
    assert "training-2" in ledger.cases.read(INCIDENT).untold
    ledger.notices.release(INCIDENT, news.notice, NOW)
    assert heard(ledger, news.notice) == {1, 2}


@pytest.fixture
def promised_to_two(ledger_on_sqlite: Ledger) -> Ledger:
    """A series of which person 1 was told, and person 2 will be."""
    return promise(ledger_on_sqlite, EVERY_QUARTER, people=2)


def heard(ledger: Ledger, notice: str) -> set[int]:
    return {line.person for line in ledger.statistics.lines(INCIDENT, notice) if line.person}
