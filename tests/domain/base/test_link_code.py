"""A personal link is typed from paper without a doubt about any letter."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.base.link_code import as_sent, on_paper

TOKENS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=27, max_size=27)
TOKEN = "Ab-_" * 6 + "xyz"


@given(TOKENS)
def test_what_is_typed_from_a_letter_is_the_token_that_was_sent(token: str) -> None:
    assert as_sent(on_paper(token)) == token


@given(TOKENS)
def test_a_letter_has_no_letters_that_look_alike(token: str) -> None:
    assert re.fullmatch(r"[2-9a-km-np-z]{3}(-[2-9a-km-np-z]{3}){10}", on_paper(token))


@pytest.mark.parametrize("typed", [str.upper, lambda text: text.replace("-", ""), lambda text: text.replace("-", " ")])
def test_capitals_and_groups_do_not_matter(typed: Callable[[str], str]) -> None:
    assert as_sent(typed(on_paper(TOKEN))) == TOKEN


@pytest.mark.parametrize("other", ["", TOKEN, "a" * 27, "o" * 33, on_paper(TOKEN)[:-1], "2" * 34])
def test_any_other_text_stays_as_it_is(other: str) -> None:
    assert as_sent(other) == other
