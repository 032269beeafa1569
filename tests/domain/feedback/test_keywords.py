"""Which texts a machine obeys, and which are for a person to read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.feedback.keywords import WISHES, WORDS, Wish, wish_of

OF_THE_RULE = ("stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe")
"""47 CFR 64.1200(a)(10)."""


@pytest.mark.parametrize("word", [*OF_THE_RULE, "STOPALL", "Stop All", "OPTOUT", "opt-out", "Arrêt", "ARRET", "STOPP"])
def test_the_words_of_the_rules_end_it(word: str) -> None:
    assert wish_of(word) is Wish.STOP


@pytest.mark.parametrize(
    "word", ["退订", "TD", "td", "T", "退", "拒收", "退訂", "ＴＤ", "【退订】", "td退订", "T 退订"]
)
def test_so_do_those_that_people_in_china_answer_with(word: str) -> None:
    assert wish_of(word) is Wish.STOP


@pytest.mark.parametrize("word", ["START", "unstop", "Subscribe", "恢复", "开通", "opt in"])
def test_these_let_them_come_again(word: str) -> None:
    assert wish_of(word) is Wish.START


@pytest.mark.parametrize(
    "text", ["  STOP\r\n", "«Stop!»", '"stop".', "ＳＴＯＰ", "s t o p", "STOP \U0001f620", "sto\u0301p"]
)
def test_case_width_accents_spaces_and_signs_make_no_difference(text: str) -> None:
    assert wish_of(text) is Wish.STOP


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "?!",
        "\U0001f620",
        "Please cancel my card",
        "When does it end?",
        "stop the thief",
        "START where?",
        "no",
        "Is my T-shirt size in it?",
        "退款",
        "HELP",
        "info",
        "STOP sending me the wrong name",
    ],
)
def test_what_says_more_or_something_else_is_for_a_person(text: str) -> None:
    assert wish_of(text) is None


def test_no_word_is_two_wishes() -> None:
    assert len(WISHES) == len({word.replace(" ", "") for words in WORDS.values() for word in words})
    assert "" not in WISHES


@given(st.text(max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    assert wish_of(text) in (None, Wish.STOP, Wish.START)
