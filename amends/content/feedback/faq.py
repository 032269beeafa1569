"""Reading of the file with the texts of an entry of the questions and answers."""

from pathlib import Path

from amends.content.file.binding import bind
from amends.content.file.characters import odd_characters
from amends.content.file.document import read_document
from amends.domain.base.errors import ContentError
from amends.domain.feedback.queue.faq import FaqFile, FaqText


def read_faq(path: Path) -> dict[str, FaqText]:
    """Return the texts by locale. Raises ContentError with every finding."""
    document = read_document(path)
    odd = tuple(odd_characters(document))
    try:
        texts = bind(document, FaqFile).texts
    except ContentError as error:
        raise ContentError(*odd, *error.findings) from None
    if odd:
        raise ContentError(*odd)
    return texts
