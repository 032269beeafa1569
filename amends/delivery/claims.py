"""Claims of compensation at the edge: their rules and words in one incident, and the files in the home."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from amends.delivery.sealed_files import SealedFiles
from amends.domain.base.errors import NotAllowed, Refusal
from amends.domain.base.home_file import NewHomeFile
from amends.domain.base.value import nearest_locale
from amends.domain.case.outline import Outline
from amends.domain.claim.claim import Evidence
from amends.domain.claim.words import ClaimTerms, ClaimWords
from amends.domain.notice.wording import Wording, say_date
from amends.domain.playbook.playbook import Event
from amends.domain.receipt.attachment import Attachment
from amends.ledger import Ledger

MOST_FILES = 3
"""The most files with one claim."""
MOST_FILE_BYTES = 5 * 1024 * 1024
MOST_BYTES_OF_ALL = 4 * 1024**3
"""The bytes of all evidence of one incident; further files are refused."""
KINDS = {"application/pdf": (b"%PDF-",), "image/jpeg": (b"\xff\xd8\xff",), "image/png": (b"\x89PNG\r\n\x1a\n",)}
"""The kinds of files that are taken, each with its first bytes; what a browser says of a file does not count."""
HEIC = (b"heic", b"heix", b"mif1", b"msf1")
"""The brands of a picture as telephones take it (ISO 14496-12, box ftyp)."""


def claim_terms(ledger: Ledger, incident: str, shipped: Wording) -> ClaimTerms:
    """Return the terms of claims. Raises NotAllowed when the playbook has no claims, NotInLedger."""
    if terms := terms_of(ledger.cases.outline(incident), ledger.playbooks.wording(incident), shipped):
        return terms
    raise NotAllowed(f"the playbook of {incident} has no `claims:`; docs/claims.md says what stands there")


def terms_of(case: Outline, wording: Wording, shipped: Wording) -> ClaimTerms | None:
    """Return the terms of claims, or None when the playbook has no claims."""
    if case.playbook is None or (rules := case.playbook.claims) is None:
        return None
    last = rules.last_moment(case.events.get(Event.NOTIFIED), case.incident.organisation.timezone)
    return ClaimTerms(rules, claim_words(case, wording, shipped), case.questions_owner, last)


def claim_words(case: Outline, wording: Wording, shipped: Wording) -> ClaimWords:
    """Return the words for messages about claims, with shipped ones in place of those that an older playbook lacks."""
    ours, zone = shipped.phrases, case.incident.organisation.timezone

    def date(locale: str, moment: datetime) -> str:
        return say_date(wording.phrases[locale], moment, zone)

    nearest = {phrase: nearest_locale(phrase, tuple(ours), next(iter(ours))) for phrase in wording.phrases}
    portal = {one: ours[nearest[one]].portal | phrases.portal for one, phrases in wording.phrases.items()}
    default = nearest_locale(case.incident.default_locale, tuple(portal), next(iter(portal)))
    return ClaimWords(portal, default, date)


def kind_of_file(content: bytes) -> str:
    """Return the media type of a file by its first bytes, or "" for one that is not taken."""
    if content[4:8] == b"ftyp" and content[8:12] in HEIC:
        return "image/heic"
    return next((kind for kind, begins in KINDS.items() if content.startswith(begins)), "")


def why_not_take(contents: Sequence[bytes], most: int = MOST_FILES) -> Refusal | None:
    """Return why these files are not taken, or None: too many, too large, or of another kind."""
    if len(contents) > most:
        return Refusal(f"at most {most} files are taken with a claim")
    if any(len(content) > MOST_FILE_BYTES for content in contents):
        return Refusal(f"a file has at most {MOST_FILE_BYTES // 1024**2} MB")
    if not all(kind_of_file(content) for content in contents):
        return Refusal("files are PDF, JPEG, PNG or HEIC")
    return None


class EvidenceFolder:
    """The folder of a home where files with evidence lie, sealed, under names of our own."""

    def __init__(self, home: Path, ledger: Ledger) -> None:
        self._files = SealedFiles(home / "claims", ledger.evidence)

    def store(
        self, incident: str, once: str, contents: Sequence[bytes], most: int = MOST_FILES
    ) -> tuple[NewHomeFile, ...]:
        """Store the files of a claim, and return them; files that the ledger lists already stay as they are.

        Raises NotAllowed for files that are not taken.
        """
        if why := why_not_take(contents, most):
            raise NotAllowed(why)
        files = [Attachment(kind_of_file(content), content) for content in contents]
        if (stored := self._files.store(incident, once[:40], files, MOST_BYTES_OF_ALL)) is None:
            raise NotAllowed("there is no room for further files with claims of this incident")
        return stored

    def content(self, incident: str, file: Evidence) -> bytes:
        """Return the content of a file. Raises NotAllowed when it is gone, DataDamaged."""
        return self._files.content(incident, file)
