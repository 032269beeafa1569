"""What is read out of a text: numbers of people, days, telephones, links, promises."""

from datetime import date

import pytest

from amends.domain.lint.extract import (
    bare_hosts,
    dated_promises,
    days,
    emails,
    headcounts,
    links,
    same_telephone,
    shares,
    stated,
    telephones,
)
from tests.builders import a_chinese_phrases, a_phrases


def test_the_full_stop_after_a_link_is_not_part_of_it() -> None:
    assert links("See https://betapai.example/a. Or www.betapai.example!") == (
        "https://betapai.example/a",
        "www.betapai.example",
    )


def test_an_email_address_is_no_link() -> None:
    assert links("Write to care.team@betapai.example, or care@betapai.example/now") == ()


def test_the_same_date_in_two_languages_states_the_same_numbers() -> None:
    english = stated("Between 20 and 21 November 2026", a_phrases())
    assert english == stated("2026年11月20日至21日", a_chinese_phrases())


def test_thousands_may_be_marked_or_not() -> None:
    assert stated("12,500 people", a_phrases()) == stated("12500人", a_chinese_phrases())


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("8 a.m. to 8 p.m.", "8:00至20:00"),
        ("8AM-8PM", "上午8点至晚上8点"),
        ("8:30 p.m.", "20:30"),
        ("8:30 pm", "晚上8点半"),
        ("12 p.m. to 1 p.m.", "中午12点至下午1点"),
        ("11 a.m. to 1 p.m.", "中午11点至中午1点"),
        ("12 a.m.", "0:00"),
    ],
)
def test_the_same_hours_in_two_languages_state_the_same_numbers(english: str, chinese: str) -> None:
    assert stated(english, a_phrases()) == stated(chinese, a_chinese_phrases())


@pytest.mark.parametrize("other", ["9 p.m.", "8 a.m.", "8:15 p.m."])
def test_another_hour_states_another_number(other: str) -> None:
    assert stated(other, a_phrases()) != stated("20:00", a_phrases())


def test_the_verb_may_is_no_month() -> None:
    assert stated("May we call? You may.", a_phrases()) == frozenset()


def test_millions_may_be_written_in_either_language() -> None:
    assert stated("1.5 million", a_phrases()) == stated("150万", a_chinese_phrases())


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("It touches 12,000 customers.", [12_000]),
        ("It touches 1.2 million of our customers.", [1_200_000]),
        ("It touches half a million people.", [500_000]),
        ("How many people it affects: 240", [240]),
        ("People affected: about 3,000", [3_000]),
        ("涉及240人。", [240]),
        ("1.2万名用户", [12_000]),
        ("约3000多人", [3_000]),
        ("一万两千名客户", [12_000]),
        ("三千二百五十人", [3_250]),
        ("涉及人数：1.5万", [15_000]),
        ("影响２４０人", [240]),
        ("**240** people", [240]),
        ("We closed 3 servers in 2 days.", []),
        ("赔偿3万人民币", []),
        ("See https://betapai.example/12/people", []),
    ],
)
def test_numbers_of_people_are_read_in_both_languages(text: str, numbers: list[int]) -> None:
    assert [count.number for count in headcounts(text)] == numbers


@pytest.mark.parametrize(("text", "rough"), [("about 240 people", True), ("240 people", False), ("约240人", True)])
def test_a_rough_number_is_known_as_such(text: str, rough: bool) -> None:
    assert [count.rough for count in headcounts(text)] == [rough]


@pytest.mark.parametrize(
    "text", ["0.5% of our users", "3 per cent of customers", "thousands of people", "百分之一的用户", "数百名客户"]
)
def test_a_share_hides_how_many(text: str) -> None:
    assert shares(text)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("20 November 2026", ["11-20"]),
        ("between 20 and 21 November 2026", ["11-20", "11-21"]),
        ("November 20-21, 2026", ["11-20", "11-21"]),
        ("the 3rd of Sept. 2026", ["9-3"]),
        ("2026-11-20", ["11-20"]),
        ("20/11/2026 or 11/20/2026", ["11-20", "11-20"]),
        ("20.11.26", ["11-20"]),
        ("You may call 20 times in May.", []),
        ("from 8:00 to 20:00", []),
        ("version 1.2.3", []),
        ("2026-13-45", []),
    ],
)
def test_days_are_read_in_every_english_way(text: str, named: list[str]) -> None:
    assert [f"{day.month}-{day.day}" for day in days(text, a_phrases())] == named


def test_days_are_read_in_chinese() -> None:
    named = days("2026年11月20日至21日，11月23号", a_chinese_phrases())
    assert [(day.month, day.day, day.year) for day in named] == [(11, 20, 2026), (11, 21, 2026), (11, 23, None)]


def test_a_day_without_a_year_is_no_date() -> None:
    (day,) = days("20 November", a_phrases())
    assert day.as_date is None
    assert day.among(frozenset({date(2026, 11, 20)}))


def test_a_day_that_does_not_exist_is_no_date() -> None:
    (day,) = days("31 November 2026", a_phrases())
    assert day.as_date is None


def test_telephone_numbers_are_read_and_days_and_counts_are_not() -> None:
    text = "On 20.11.2026 at 07:40 we counted 12 000 000 people. Call (030) 555 0100 or dial 12321. Post: 310024."
    assert telephones(text, a_phrases()) == ("(030) 555 0100", "12321")


@pytest.mark.parametrize("other", ["+49 30 5550101", "+1 30 5550100", "110"])
def test_another_number_is_not_the_same(other: str) -> None:
    assert not same_telephone("+49 30 5550100", other)


@pytest.mark.parametrize("text", ["police report no. 2026-1123-4455", "Case number: 20261123001", "案号：20261123001"])
def test_a_reference_is_no_telephone_number(text: str) -> None:
    assert telephones(text, a_phrases()) == ()


def test_an_email_address_next_to_chinese_is_read_alone() -> None:
    assert emails("写信至care@betapai.example或致电") == ("care@betapai.example",)


def test_a_bare_host_is_read_and_an_abbreviation_is_not() -> None:
    assert bare_hosts("Go to betapai-help.com, e.g. today.Now call.") == ("betapai-help.com",)


@pytest.mark.parametrize(
    "text",
    ["We will pay by 5 December.", "We'll call you within two weeks.", "我们将在下周公布结果。", "我们承诺3天内退款。"],
)
def test_a_promise_with_a_time_is_read(text: str) -> None:
    assert dated_promises(text, a_phrases() if text.isascii() else a_chinese_phrases())


@pytest.mark.parametrize(
    "text",
    ["We will help you.", "They will pay by 5 December.", "We told the police on 5 December.", "我们已在下周排期。"],
)
def test_other_sentences_promise_nothing_with_a_time(text: str) -> None:
    assert not dated_promises(text, a_phrases() if text.isascii() else a_chinese_phrases())
