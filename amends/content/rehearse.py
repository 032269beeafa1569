"""Reading of a file of injects, the failures of a rehearsal."""

from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from amends.content.file.binding import bind, did_you_mean
from amends.content.file.characters import odd_characters
from amends.content.file.codes import Code
from amends.content.file.document import read_document
from amends.content.file.shipped import library
from amends.domain.base.errors import ContentError, Finding
from amends.domain.incident.incident import Incident
from amends.domain.rehearse.injects import Injects, amended

FOLDER = "injects"
ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def shipped_injects() -> dict[str, Path]:
    """Return the files of the injects that come with Amends, by name."""
    return {path.stem: path for path in sorted((library() / FOLDER).glob("*.yaml"))}


def find_injects(name_or_path: str | Path) -> Path:
    """Return the file of the shipped injects of this name, or the file at this path. Raises ContentError."""
    wanted, known = str(name_or_path), shipped_injects()
    if wanted in known:
        return known[wanted]
    if not Path(wanted).is_file():
        raise ContentError(Finding(wanted, Code.UNKNOWN_WORD, "there is no such inject", did_you_mean(wanted, known)))
    return Path(wanted)


def read_injects(path: Path) -> Injects:
    """Read injects from YAML or JSON. Raises ContentError with every finding."""
    document = read_document(path)
    odd = tuple(odd_characters(document))
    try:
        injects = bind(document, Injects)
    except ContentError as error:
        raise ContentError(*odd, *error.findings) from None
    if odd:
        raise ContentError(*odd)
    return injects


def check_injects(path: Path, injects: Injects, incident: Incident) -> None:
    """Check that each inject of wrong facts can be applied to this incident. Raises ContentError, naming the inject."""
    document = read_document(path)
    findings = []
    for number, wrong in enumerate(injects.wrong_facts):
        try:
            amended(incident, wrong, ANY_TIME)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, fault["loc"]))
            trail = ("wrong_facts", number, "facts")
            what = f"wrong_facts.{number}: {incident.id} cannot be amended so: {place}: {fault['msg']}"
            findings.append(Finding(document.where(trail), Code.DOES_NOT_FIT, what))
    if findings:
        raise ContentError(*findings)
