"""Promises are kept with evidence, put off or dropped with a reason in every language, and never in silence."""

import pytest

from tests.cli.conftest import INCIDENT, Office

EN, ZH = "--reason=en=The parts came late.", "--reason=zh-CN=零件到货晚了。"


@pytest.fixture
def promised(sent: Office) -> Office:
    """The first notice has left, so its promises are given."""
    return sent


def fate(office: Office, commitment: str) -> dict[str, object]:
    listed = office.values("commitments", "list", INCIDENT)
    return next(promise for promise in listed if promise["id"] == commitment)


def test_promises_stand_open_once_they_are_given(promised: Office) -> None:
    assert fate(promised, "audit")["state"] == "open"


def test_nothing_is_promised_before_the_notice_leaves(office: Office) -> None:
    assert office.values("commitments", "list", INCIDENT) == []


def test_of_an_incident_that_is_not_there_it_is_said(office: Office) -> None:
    answer = office.amends("commitments", "list", "nope")
    assert answer.exit_code
    assert "no incident nope" in answer.output


def test_a_kept_promise_has_its_evidence(promised: Office) -> None:
    promised.values("commitments", "keep", INCIDENT, "audit", "--evidence", "Report of 3 March", by="lena")
    assert fate(promised, "audit")["state"] == "open"
    promised.values("commitments", "review", INCIDENT, "audit", by="omar")
    assert (fate(promised, "audit")["state"], fate(promised, "audit")["evidence"]) == (
        "kept",
        {"*": "Report of 3 March"},
    )


SHOWN = {"en": "Report of 3 March", "zh-CN": "3月3日的报告"}


def test_evidence_is_given_in_each_language(promised: Office) -> None:
    options = [f"--evidence={locale}={text}" for locale, text in SHOWN.items()]
    answer = promised.amends("commitments", "keep", INCIDENT, "audit", *options, by="lena")
    assert (fate(promised, "audit")["evidence"], "in these words" in answer.stderr) == (SHOWN, False)


def test_evidence_must_be_said_in_every_language(promised: Office) -> None:
    words = ("commitments", "keep", INCIDENT, "audit", "--evidence", "en=Report of 3 March")
    answer = promised.amends(*words, by="lena")
    assert (answer.exit_code, "--evidence zh-CN=TEXT" in answer.stderr) == (2, True)


@pytest.mark.parametrize("words", [("keep", "--evidence"), ("drop", "--reason")])
def test_one_text_for_all_languages_is_said_to_be_untranslated(promised: Office, words: tuple[str, str]) -> None:
    """When a member gives one text for all languages as evidence or reason, the answer warns that the notices in every
    language will say it in these words.
    """
    verb, option = words
    answer = promised.amends("commitments", verb, INCIDENT, "audit", option, "Report of 3 March", by="lena")
    assert "the letters in en and zh-CN all say it in these words" in answer.stderr


def test_without_evidence_nothing_is_kept(promised: Office) -> None:
    assert promised.amends("commitments", "keep", INCIDENT, "audit", "--evidence", " ", by="lena").exit_code == 2


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
def test_a_mistyped_year_is_a_usage_error_and_commitments_stay(promised: Office, date: str) -> None:
    """A date before 1970 or after 2300 for a late commitment is a usage error, and the commitment stays open and
    readable.
    """
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


def test_evidence_is_reworded_until_those_promised_are_told(promised: Office) -> None:
    for evidence in ("Report 17", "Report 18"):
        promised.values("commitments", "keep", INCIDENT, "audit", "--evidence", evidence, by="lena")
    assert fate(promised, "audit")["evidence"] == {"*": "Report 18"}


ELSEWHERE = "see https://evil.example/report"
SECRET = "Send us your password to get it."


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("keep", "--evidence", ELSEWHERE), "L104"),
        (("drop", "--reason", ELSEWHERE), "L104"),
        (("drop", f"--reason=en={SECRET}", ZH), "L107"),
        (("late", "--until", "2099-03-31", f"--reason=en={SECRET}", ZH), "L107"),
        (("late", "--until", "2099-03-31", EN, "--reason=zh-CN=请提供密码。"), "L107"),
    ],
)
def test_words_that_no_notice_could_say_are_refused_unstored(
    promised: Office, words: tuple[str, ...], code: str
) -> None:
    """Evidence or a reason that lint would block in the notice is refused with its code and the option to change, and
    nothing is stored.
    """
    before, entries = fate(promised, "audit"), promised.values("audit", "head")["entries"]
    verb, *options = words
    answer = promised.amends("commitments", verb, INCIDENT, "audit", *options, by="lena")
    option = options[-1 if verb == "late" else 0].split("=")[0]
    assert (answer.exit_code, code in answer.stdout) == (3, True)
    assert f"nothing is stored: the notice could not be sent with these words; change {option}" in answer.stderr
    assert (fate(promised, "audit"), promised.values("audit", "head")["entries"]) == (before, entries)


def test_a_promise_that_is_not_there_is_named(promised: Office) -> None:
    answer = promised.amends("commitments", "keep", INCIDENT, "holiday", "--evidence", ELSEWHERE, by="lena")
    assert (answer.exit_code, "no commitment holiday" in answer.stderr) == (1, True)


def test_of_a_mistyped_promise_nobody_is_asked_for_words(promised: Office) -> None:
    answer = promised.amends("commitments", "keep", INCIDENT, "audti", "--evidence", "en=Report of 3 March", by="lena")
    assert (answer.exit_code, "no commitment audti" in answer.stderr) == (1, True)


def test_words_are_not_blamed_for_what_stops_the_notice_anyway(promised: Office) -> None:
    settings = promised.home / "amends.toml"
    settings.write_text(settings.read_text().replace("https://btepai.example", "https://elsewhere.example"))
    refused = promised.amends("commitments", "keep", INCIDENT, "audit", "--evidence", ELSEWHERE, by="lena")
    assert (refused.exit_code, "evil.example" in refused.stdout) == (3, True)
    assert "elsewhere.example" not in refused.stdout
    promised.values("commitments", "keep", INCIDENT, "audit", "--evidence", "Report 17", by="lena")
