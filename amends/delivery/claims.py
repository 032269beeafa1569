"""Claims of compensation at the edge: their rules and words in one incident, and the files in the home."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from amends.delivery.sealed_files import SealedFiles
from amends.domain.base.errors import NotAllowed, Refusal
from amends.domain.base.value import nearest_locale
from amends.domain.case.case import DESTROYED, Outline
from amends.domain.claim.claim import CompensationClaim, Evidence, NewEvidence
from amends.domain.claim.rules import ClaimRules
from amends.domain.claim.words import ClaimWords
from amends.domain.notice.wording import Wording, say_date
from amends.domain.playbook.playbook import Event
from amends.ledger import Ledger
from amends.ledger.claim.lapses import Lapses

MOST_FILES = 3
"""The most files with one claim."""
MOST_FILE_BYTES = 5 * 1024 * 1024
MOST_BYTES_OF_ALL = 4 * 1024**3
"""The bytes of all evidence of one incident; further files are refused."""
KINDS = {
    "application/pdf": (b"%PDF-",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
}
"""The kinds of files that are taken, each with its first bytes; what a browser says of a file does not count."""
HEIC = (b"heic", b"heix", b"mif1", b"msf1")
"""The brands of a picture as telephones take it (ISO 14496-12, box ftyp)."""


class ClaimDesk(NamedTuple):
    """The rules and the words of claims in one incident."""

    rules: ClaimRules
    words: ClaimWords
    case: Outline

    @property
    def owner(self) -> str:
        """Return who answers questions about claims."""
        return self.case.questions_owner

    @property
    def last_moment(self) -> datetime | None:
        """Return the end of the last day to claim, or None while it is not known."""
        told_at = self.case.events.get(Event.NOTIFIED)
        return self.rules.last_moment(told_at, self.case.incident.organisation.timezone)

    def object_until(self, claim: CompensationClaim) -> datetime | None:
        """Return until when the person can object to the decision, or None before there is one."""
        return claim.decided_at + self.rules.object_within if claim.decided_at else None

    def why_late(self, received: datetime) -> Refusal | None:
        """Return why a claim that came at this time is too late, or None."""
        last = self.last_moment
        if last is None or received < last:
            return None
        return Refusal(f"the last day to claim was over on {last:%Y-%m-%d %H:%M %Z}")


def claim_desk(ledger: Ledger, incident: str, shipped: Wording) -> ClaimDesk:
    """Return the rules and words of claims. Raises NotAllowed when the playbook has no claims, NotInLedger."""
    case = ledger.cases.outline(incident)
    if case.playbook is None or case.playbook.claims is None:
        raise NotAllowed(f"the playbook of {incident} has no `claims:`; docs/claims.md says what stands there")
    return ClaimDesk(case.playbook.claims, claim_words(case, ledger.playbooks.wording(incident), shipped), case)


def decide_by_rules(ledger: Ledger, case: Outline, shipped: Wording, now: datetime) -> int:
    """Grant the claims that need no person by the playbook's rules, and return how many; 0 without claims."""
    if case.playbook is None or case.playbook.claims is None or DESTROYED in case.events:
        return 0
    words = claim_words(case, ledger.playbooks.wording(case.incident.id), shipped)
    return ledger.claims.decide_by_rules(case.incident.id, case.playbook.claims, words, now)


def end_without_account(ledger: Ledger, case: Outline, shipped: Wording, now: datetime) -> Lapses:
    """Remind people of whom no account is known, and end claims whose last day is over; return how many of each."""
    incident = case.incident.id
    if DESTROYED in case.events:
        return Lapses(0, 0)
    return ledger.lapses.carry_out(incident, claim_words(case, ledger.playbooks.wording(incident), shipped), now)


def claim_words(case: Outline, wording: Wording, shipped: Wording) -> ClaimWords:
    """Return the words for messages about claims, with shipped ones in place of those that an older playbook lacks."""
    ours, zone = shipped.phrases, case.incident.organisation.timezone

    def date(locale: str, moment: datetime) -> str:
        return say_date(wording.phrases[locale], moment, zone)

    nearest = {one: nearest_locale(one, tuple(ours), next(iter(ours))) for one in wording.phrases}
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
    if any(len(one) > MOST_FILE_BYTES for one in contents):
        return Refusal(f"a file has at most {MOST_FILE_BYTES // 1024**2} MB")
    if not all(kind_of_file(one) for one in contents):
        return Refusal("files are PDF, JPEG, PNG or HEIC")
    return None


class EvidenceFolder:
    """The folder of a home where files with evidence lie, sealed, under names of our own."""

    def __init__(self, home: Path, ledger: Ledger) -> None:
        self._files, self._ledger = SealedFiles(home / "claims", ledger.evidence), ledger

    def store(
        self, incident: str, once: str, contents: Sequence[bytes], most: int = MOST_FILES
    ) -> tuple[NewEvidence, ...]:
        """Store the files of a claim, and return them; files that the ledger lists already stay as they are.

        Raises NotAllowed for files that are not taken.
        """
        if not contents:
            return ()
        if why := why_not_take(contents, most):
            raise NotAllowed(why)
        if self._ledger.evidence.bytes_in_all(incident) + sum(map(len, contents)) > MOST_BYTES_OF_ALL:
            raise NotAllowed("there is no room for further files with claims of this incident")
        return tuple(self._stored(incident, f"{once[:40]}-{n}", one) for n, one in enumerate(contents, 1))

    def _stored(self, incident: str, name: str, content: bytes) -> NewEvidence:
        if not self._ledger.evidence.lists(incident, name):  # a form that is sent again may have other files
            self._files.store(incident, name, content)
        return NewEvidence(name, kind_of_file(content), len(content))

    def content(self, incident: str, file: Evidence) -> bytes:
        """Return the content of a file. Raises NotAllowed when it is gone, DataDamaged."""
        return self._files.content(incident, file.name, file.size)
