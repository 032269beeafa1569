"""Reading Accept-Language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.web.http.languages import best_locale, preferred


@pytest.mark.parametrize(
    ("header", "locales"),
    [
        ("en", ("en",)),
        ("en;q=0.5, de", ("de", "en")),
        ("ZH-hans-cn", ("zh-Hans-CN",)),
        ("en;q=0, de", ("de",)),
        ("*, en", ("en",)),
        ("", ()),
    ],
)
def test_the_languages_are_read_best_first(header: str, locales: tuple[str, ...]) -> None:
    assert preferred(header) == locales


@given(st.text(max_size=600))
def test_any_header_leads_to_a_locale_that_we_have(header: str) -> None:
    assert best_locale(header, ("en", "zh-CN"), "en") in ("en", "zh-CN")
