"""The language of a stranger is guessed from the writing; what is not sure is the incident's own."""

import pytest

from amends.domain.feedback.guessed_locale import guessed_locale

BOTH = ("en", "zh-CN")


@pytest.mark.parametrize(
    ("words", "offered", "locale"),
    [
        ("我的银行卡安全吗？", BOTH, "zh-CN"),
        ("我的 iPhone 上的 app 安全吗", BOTH, "zh-CN"),
        ("我的银行卡安全吗？", ("en",), "en"),
        ("Is my card safe?", BOTH, "en"),
        ("Is 李雷's card safe, and is the card of his family safe?", BOTH, "en"),
        ("カードは安全ですか、教えてください", BOTH, "en"),
        ("", BOTH, "en"),
        ("?!", BOTH, "en"),
    ],
)
def test_only_chinese_writing_is_chinese(words: str, offered: tuple[str, ...], locale: str) -> None:
    assert guessed_locale(words, offered, "en") == locale
