"""First letters of four incidents, kept word for word, with their numbers in docs/words.md."""

from pathlib import Path

import pytest

from amends.domain.lint.letter import FIRST_STEP_WITHIN, LENGTH
from tests.words.reading import KEPT, LETTERS, Letter, row_of, table, text_of

DOCS = Path(__file__).parents[2] / "docs" / "words.md"
EASY = 7
"""The school grade that a first letter may ask for."""
EACH = pytest.mark.parametrize("letter", KEPT, ids=str)


@EACH
def test_a_letter_says_what_it_said_when_people_read_it(letter: Letter) -> None:
    """Write the files again with `python -m tests.words.write`, read each of them, and say in docs/words.md what changed."""
    assert text_of(letter) == (LETTERS / f"{letter}.txt").read_text(encoding="utf-8")


@EACH
def test_a_first_letter_is_short_easy_and_begins_with_its_step(letter: Letter) -> None:
    words, before, school, long = row_of(letter)
    assert words <= LENGTH
    assert before <= FIRST_STEP_WITHIN
    assert school is None or school <= EASY
    assert long == 0


def test_the_table_in_the_docs_is_current() -> None:
    assert table() in DOCS.read_text(encoding="utf-8")


def test_every_letter_that_is_kept_is_one_of_ours() -> None:
    assert {path.stem for path in LETTERS.glob("*.txt")} == {str(letter) for letter in KEPT}
