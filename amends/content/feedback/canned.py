"""Reading of canned answers, from the library and from the home's own folder."""

from pathlib import Path

from amends.content.file.binding import bind
from amends.content.file.characters import odd_characters
from amends.content.file.codes import Code
from amends.content.file.document import Document, read_document
from amends.content.file.shipped import library
from amends.domain.base.errors import ContentError, Finding
from amends.domain.feedback.queue.canned import SLOTS, CannedAnswer, unknown_slots

FOLDER = "answers"


def canned_answers(home: Path) -> dict[str, CannedAnswer]:
    """Return the canned answers by id; one of the home replaces a shipped one. Raises ContentError."""
    return read_canned(library() / FOLDER) | read_canned(home / FOLDER)


def read_canned(folder: Path) -> dict[str, CannedAnswer]:
    """Return the canned answers of this folder, one a file; none without a folder. Raises ContentError."""
    found: dict[str, CannedAnswer] = {}
    findings: list[Finding] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            answer = _read(document := read_document(path))
            if answer.id in found:
                findings.append(_twice(document, answer.id))
            found[answer.id] = answer
        except ContentError as error:
            findings += error.findings
    if findings:
        raise ContentError(*findings)
    return found


def _twice(document: Document, answer: str) -> Finding:
    what = f"two answers are called {answer}"
    return Finding(document.where(("id",)), Code.DUPLICATE_KEY, what, "choose another id")


def _read(document: Document) -> CannedAnswer:
    odd = tuple(odd_characters(document))
    try:
        answer = bind(document, CannedAnswer)
    except ContentError as error:
        raise ContentError(*odd, *error.findings) from None
    unknown = tuple(
        Finding(
            document.where(("text", locale)),
            Code.UNKNOWN_WORD,
            f"text.{locale}: nothing fills the slot {{{slot}}}",
            f"known are {', '.join(SLOTS)}",
        )
        for locale, text in answer.text.items()
        for slot in unknown_slots(text)
    )
    if odd or unknown:
        raise ContentError(*odd, *unknown)
    return answer
