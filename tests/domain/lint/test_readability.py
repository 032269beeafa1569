"""How hard a text is to read."""

import pytest

from amends.domain.lint.readability import grade, sentences, words

LETTER = (
    "The unauthorised individual potentially exfiltrated personally identifiable information "
    "subsequent to obtaining administrative credentials through a sophisticated methodology."
)


def test_a_full_stop_ends_a_sentence() -> None:
    assert sentences("We are sorry. Call us!") == ("We are sorry", "Call us")


def test_a_full_stop_inside_a_number_does_not() -> None:
    assert len(sentences("It cost 2.5 million.")) == 1


def test_a_chinese_full_stop_ends_a_sentence() -> None:
    assert sentences("我们很抱歉。请致电。") == ("我们很抱歉", "请致电")


def test_a_chinese_colon_ends_a_sentence() -> None:
    assert len(sentences("请先做这件事：致电我们。")) == 2


def test_headings_and_points_of_a_list_are_sentences_of_their_own() -> None:
    text = "## What to do\n\n- Call your bank\n- Change your password"
    assert sentences(text) == ("What to do", "Call your bank", "Change your password")


def test_a_line_break_inside_a_paragraph_does_not_end_a_sentence() -> None:
    assert len(sentences("We are\nsorry.")) == 1


def test_a_link_counts_as_one_word() -> None:
    assert words(sentences("See https://betapai.example/a-b-c/d for more.")[0]) == ("See", "link", "for", "more")


def test_a_word_with_an_apostrophe_is_one_word() -> None:
    assert words("We don’t know") == ("We", "don’t", "know")


def test_plain_words_ask_for_few_years_of_school() -> None:
    assert grade("We are sorry. Somebody took your data. Call your bank today.") < 6


def test_a_letter_by_lawyers_asks_for_many_years_of_school() -> None:
    assert grade(LETTER) > 16


@pytest.mark.parametrize("text", ["", "...", "。"])
def test_a_text_without_words_asks_for_nothing(text: str) -> None:
    assert grade(text) == 0
