"""Texts that ask the same are alike, whatever the wording around it; marks tell nothing without the key."""

import pytest

from amends.domain.feedback.queue.groups import ALIKE, MOST_SHINGLES, likeness, marks, shingles

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
LONG = " ".join(f"word{each}" for each in range(3 * MOST_SHINGLES))


def alike(one: str, other: str) -> bool:
    return likeness(shingles(one), shingles(other)) >= ALIKE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Is my address among the stolen data?", "WAS MY ADDRESS IN THE STOLEN DATA"),
        ("Hello, please tell me: was my card number stolen?", "Was my card number stolen?? Thank you!"),
        ("Do I need to change my password?", "Should I change my password now?"),
        ("What should I do now?", "What should I do?"),
        ("Muss ich mein Passwort ändern?", "Guten Tag, soll ich jetzt mein Passwort ändern?"),
        ("Dois-je changer mon mot de passe ?", "Bonjour, je dois changer mot de passe ?"),
        ("我的地址在泄露的信息里吗？", "请问我的地址有没有在泄露的信息里？"),
        ("我需要改密码吗", "我需要改密码吗？谢谢！"),
    ],
)
def test_the_same_question_in_other_words_is_alike(one: str, other: str) -> None:
    assert alike(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Is my address among the stolen data?", "Is my password among the stolen data?"),
        ("Is my data safe?", "Is my data not safe?"),
        ("我的地址在泄露的信息里吗？", "我的密码在泄露的信息里吗？"),
        ("", ""),
        ("?!", "?!"),
    ],
)
def test_another_question_is_not_alike(one: str, other: str) -> None:
    assert not alike(one, other)


def test_alike_texts_have_a_mark_in_common() -> None:
    one, other = (shingles(text) for text in ("Was my card number stolen?", "was my CARD number stolen, please"))
    assert set(marks(one, KEY)) & set(marks(other, KEY))


def test_a_text_has_other_marks_with_another_key() -> None:
    words = shingles("Was my card number stolen?")
    assert not set(marks(words, KEY)) & set(marks(words, OTHER_KEY))


def test_a_mark_fits_into_a_column_of_the_ledger() -> None:
    assert all(0 <= mark < 2**63 for mark in marks(shingles(LONG), KEY))


def test_a_text_without_words_has_no_marks() -> None:
    assert marks(shingles("…"), KEY) == ()
