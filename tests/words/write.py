"""Writing of the letters that are kept, and of their table in docs/words.md: `python -m tests.words.write`."""

import re
from pathlib import Path

from tests.words.reading import KEPT, LETTERS, table, text_of

DOCS = Path(__file__).parents[2] / "docs" / "words.md"


def write() -> None:
    """Write each letter into its file, and the table into the docs."""
    for letter in KEPT:
        (LETTERS / f"{letter}.txt").write_text(text_of(letter), encoding="utf-8")
    docs = DOCS.read_text(encoding="utf-8")
    DOCS.write_text(re.sub(r"\| letter \| words .*?(?=\n\n)", table(), docs, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    write()
