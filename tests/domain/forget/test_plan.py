"""The plan of forgetting: each kind of data goes exactly when its span ends, and nothing goes under hold."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from amends.domain.forget.hold import LegalHold
from amends.domain.forget.plan import Forgotten, PlannedForgetting, due, in_words, plan_of
from amends.domain.forget.retention import DataKind, Retention
from tests.builders import NOW

SPANS = Retention.model_validate({"questions": "30d", "contacts": "90d", "whole_case": "365d"})
DAY = timedelta(days=1)


def hold(person: int | None = None, *, lifted: datetime | None = None) -> LegalHold:
    return LegalHold(id=1, person=person, reason="court", by="omar", at=NOW, lifted_at=lifted)


def line(planned: tuple[PlannedForgetting, ...], kind: DataKind) -> PlannedForgetting:
    return next(one for one in planned if one.kind is kind)


def test_spans_are_counted_from_the_closing() -> None:
    planned = plan_of(SPANS, NOW, None, (), ())
    assert [(one.kind, one.due_at) for one in planned] == [
        (DataKind.CONTACTS, NOW + 90 * DAY),
        (DataKind.QUESTIONS, NOW + 30 * DAY),
        (DataKind.WHOLE_CASE, NOW + 365 * DAY),
    ]
    assert in_words(planned[1]) == f"words of questions and answers: goes on {NOW + 30 * DAY:%Y-%m-%d}"


def test_nothing_goes_before_the_case_is_closed() -> None:
    planned = plan_of(SPANS, None, NOW, (), ())
    assert due(planned, NOW + 9_999 * DAY) == ()


def test_the_incident_s_own_date_is_the_last_of_all() -> None:
    planned = plan_of(SPANS, NOW, NOW + 10 * DAY, (), ())
    assert {one.due_at for one in planned} == {NOW + 10 * DAY}
    assert due(planned, NOW + 10 * DAY) == (DataKind.WHOLE_CASE,)


def test_data_that_somebody_still_needs_stays() -> None:
    planned = plan_of(SPANS, NOW, None, (), (), ["a promise is open"])
    assert due(planned, NOW + 9_999 * DAY) == ()
    assert "kept: still needed: a promise is open" in in_words(planned[0])


def test_words_of_surveys_go_even_while_a_promise_is_open() -> None:
    spans = Retention.model_validate({"survey_texts": "10d", "contacts": "10d"})
    planned = plan_of(spans, NOW, None, (), (), ["a promise is open"])
    assert due(planned, NOW + 10 * DAY) == (DataKind.SURVEY_TEXTS,)


def test_a_person_under_hold_keeps_the_whole_case_and_their_own_data() -> None:
    planned = plan_of(SPANS, NOW, None, (), [hold(7)])
    assert due(planned, NOW + 400 * DAY) == (DataKind.CONTACTS, DataKind.QUESTIONS)
    assert line(planned, DataKind.QUESTIONS).except_for == (7,)
    assert line(planned, DataKind.WHOLE_CASE).kept == "person 7 under hold by omar"


def test_data_kept_under_a_hold_goes_when_the_hold_is_lifted() -> None:
    went = Forgotten(kind=DataKind.QUESTIONS, at=NOW + 30 * DAY, kept=(7,))
    assert due(plan_of(SPANS, NOW, None, [went], [hold(7)]), NOW + 31 * DAY) == ()
    assert due(plan_of(SPANS, NOW, None, [went], [hold(7, lifted=NOW)]), NOW + 31 * DAY) == (DataKind.QUESTIONS,)


def test_a_part_cannot_be_kept_for_longer_than_the_whole() -> None:
    with pytest.raises(ValidationError, match="claims is kept for longer than whole_case"):
        Retention.model_validate({"claims": "400d", "whole_case": "365d"})


KINDS = [kind for kind in DataKind if kind is not DataKind.WHOLE_CASE]


@given(
    spans=st.dictionaries(st.sampled_from(KINDS), st.integers(1, 400), min_size=1),
    after=st.integers(0, 500),
    held=st.lists(st.one_of(st.none(), st.integers(1, 3)), max_size=3),
)
def test_each_kind_goes_exactly_in_time_and_never_under_hold(
    spans: dict[DataKind, int], after: int, held: list[int | None]
) -> None:
    retention = Retention.model_validate({kind.value: f"{days}d" for kind, days in spans.items()})
    holds = [hold(person) for person in held]
    planned = plan_of(retention, NOW, None, (), holds)
    going = due(planned, NOW + after * DAY)
    if None in held:
        assert going == ()
    else:
        assert set(going) == {kind for kind, days in spans.items() if days <= after}
    people = {person for person in held if person is not None}
    assert all(set(one.except_for) == people for one in planned)
