"""Promises are kept with evidence, put off or dropped with a reason in every language, and never in silence."""

import pytest

from tests.cli.conftest import INCIDENT, NOTICE, Office, approve

EN, ZH = "--reason=en=The parts came late.", "--reason=zh-CN=零件到货晚了。"


@pytest.fixture
def promised(office: Office) -> Office:
    """The first notice has left, so its promises are given."""
    approve(office, "omar", "wei")
    office.amends("deliver", INCIDENT, NOTICE)
    return office


def fate(office: Office, commitment: str) -> dict[str, object]:
    listed = office.values("commitments", "list", INCIDENT)
    return next(promise for promise in listed if promise["id"] == commitment)


def test_promises_stand_open_once_they_are_given(promised: Office) -> None:
    assert fate(promised, "audit")["state"] == "open"


def test_nothing_is_promised_before_the_notice_leaves(office: Office) -> None:
    assert office.values("commitments", "list", INCIDENT) == []


def test_a_kept_promise_has_its_evidence(promised: Office) -> None:
    promised.values("commitments", "keep", INCIDENT, "audit", "--evidence", "Report of 3 March", by="lena")
    assert (fate(promised, "audit")["state"], fate(promised, "audit")["evidence"]) == ("kept", "Report of 3 March")


def test_without_evidence_nothing_is_kept(promised: Office) -> None:
    assert promised.amends("commitments", "keep", INCIDENT, "audit", "--evidence", " ", by="lena").exit_code == 1


def test_a_new_date_is_the_end_of_that_day_where_the_organisation_is(promised: Office) -> None:
    words = ("commitments", "late", INCIDENT, "audit", "--until", "2099-03-31", EN, ZH)
    assert promised.values(*words, by="lena")["new_due_at"] == "2099-03-31T15:59:00Z"


def test_the_reason_must_be_said_in_every_language(promised: Office) -> None:
    answer = promised.amends("commitments", "late", INCIDENT, "audit", "--until", "2099-03-31", EN, by="lena")
    assert answer.exit_code == 2
    assert "zh-CN" in answer.stderr


def test_the_english_reason_has_a_short_form(promised: Office) -> None:
    words = ("commitments", "late", INCIDENT, "audit", "--until", "2099-03-31", "--reason-en", "Late.", ZH)
    assert promised.values(*words, by="lena")["reason"]["en"] == "Late."


def test_one_bare_reason_stands_for_every_language(promised: Office) -> None:
    words = ("commitments", "drop", INCIDENT, "training", "--reason", "Replaced by a better course.")
    assert promised.values(*words, by="lena")["state"] == "dropped"


@pytest.mark.parametrize("date", ["next week", "2099-13-01", "2099-03-31T10:00:00"])
def test_what_is_no_date_is_a_usage_error(promised: Office, date: str) -> None:
    words = ("commitments", "late", INCIDENT, "audit", "--until", date, EN, ZH)
    assert promised.amends(*words, by="lena").exit_code == 2


@pytest.mark.parametrize("date", ["2926-12-11", "2926-12-11T10:00Z", "9999-12-31", "9999-12-31T23:59-05:00"])
def test_a_mistyped_year_is_a_usage_error_and_the_promises_stay_readable(promised: Office, date: str) -> None:
    words = ("commitments", "late", INCIDENT, "audit", "--until", date, EN, ZH)
    answer = promised.amends(*words, by="lena")
    assert (answer.exit_code, "between the years 1970 and 2300" in answer.stderr) == (2, True)
    assert fate(promised, "audit")["state"] == "open"


def test_a_date_in_the_past_is_refused(promised: Office) -> None:
    words = ("commitments", "late", INCIDENT, "audit", "--until", "2020-01-01", EN, ZH)
    assert promised.amends(*words, by="lena").exit_code == 1


def test_a_settled_promise_is_not_settled_again(promised: Office) -> None:
    words = ("commitments", "keep", INCIDENT, "audit", "--evidence", "a report")
    promised.values(*words, by="lena")
    assert promised.amends(*words, by="lena").exit_code == 1
