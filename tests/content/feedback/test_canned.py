"""Canned answers are read strictly, and filled from the case."""

from pathlib import Path

import pytest

from amends.content.feedback.canned import canned_answers, read_canned
from amends.content.file.shipped import library
from amends.domain.base.errors import ContentError, NotAllowed
from amends.domain.feedback.queue.canned import SLOTS, filled

GOOD = "id: hours\ntopic: other\nabout: When are you open?\ntext: {en: 'Call {hotline}.', zh-CN: '请拨打{hotline}。'}\n"


def written(folder: Path, *texts: str) -> Path:
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_every_shipped_answer_is_in_both_languages_of_the_notices() -> None:
    shipped = read_canned(library() / "answers")
    assert {tuple(one.text) for one in shipped.values()} == {("en", "zh-CN")}
    values = dict.fromkeys(SLOTS, "x")
    assert all(filled(one, locale, values) for one in shipped.values() for locale in one.text)


def test_an_answer_of_the_home_replaces_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "answers").mkdir()
    written(tmp_path / "answers", GOOD.replace("hours", "scam-call"))
    assert canned_answers(tmp_path)["scam-call"].about == "When are you open?"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{hotline}.", "{hotlin}.", "nothing fills the slot {hotlin}"),
        ("topic: other", "topic: other\ntopics: x", "topics"),
        ("en:", "english:", "text"),
        ("id: hours", "id: Our hours", "id"),
    ],
)
def test_a_faulty_answer_is_refused_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ContentError, match=r"0\.yaml:\d+") as refused:
        read_canned(written(tmp_path, GOOD.replace(old, new)))
    assert said in str(refused.value)


def test_two_answers_with_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="two answers are called hours"):
        read_canned(written(tmp_path, GOOD, GOOD))


def test_an_answer_without_a_value_or_a_language_is_not_given(tmp_path: Path) -> None:
    answer = read_canned(written(tmp_path, GOOD))["hours"]
    assert filled(answer, "en-GB", {"hotline": "+49 30 1"}) == "Call +49 30 1."
    with pytest.raises(NotAllowed, match="needs a telephone number"):
        filled(answer, "en", {"hotline": ""})
    with pytest.raises(NotAllowed, match="no text in de"):
        filled(answer, "de", {"hotline": "1"})
