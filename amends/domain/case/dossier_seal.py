"""The seal of a dossier's file: the last line, which covers every byte before it."""

import hashlib
import json
import re
from enum import StrEnum

from amends.domain.base.value import Moment, Value


class DossierForm(StrEnum):
    """A form of a dossier's file, named as the file's suffix."""

    HTML = "html"
    JSON = "json"


SEAL_LINE = {DossierForm.HTML: b"<!-- amends dossier %b -->\n", DossierForm.JSON: b'"seal": %b}\n'}
"""The last line of a file in each form."""
SEALED = {form: re.compile(re.escape(line).replace(b"%b", rb"(\{.*\})")) for form, line in SEAL_LINE.items()}


class DossierSeal(Value):
    """A seal: the content that it covers, and the end of the audit chain at the time of the dossier."""

    form: DossierForm
    incident: str
    person: int
    """The person's number."""
    made_at: Moment
    entries: int
    """The number of the last audit entry at that time."""
    head: str
    """The MAC of that entry, in hex."""
    digest: str
    """The SHA-256 of all bytes before the seal, in hex."""
    mac: str = ""
    """The HMAC-SHA-256 of `signed`, in hex, by a key that only the holder of the master key can derive."""

    @property
    def signed(self) -> bytes:
        """Return the bytes that the MAC covers: everything but the MAC, as canonical JSON."""
        return _canonical(self.model_dump(mode="json", exclude={"mac"}))

    @property
    def line(self) -> bytes:
        """Return the last line of the file."""
        return SEAL_LINE[self.form] % _canonical(self.model_dump(mode="json"))


def digest_of(body: bytes) -> str:
    """Return the digest of everything before the seal."""
    return hashlib.sha256(body).hexdigest()


def split_seal(file: bytes) -> tuple[bytes, DossierSeal] | None:
    """Return what stands before the seal, and the seal; None for a file without a seal, or with one spelled anew."""
    start = file.rfind(b"\n", 0, -1) + 1
    body, line = file[:start], file[start:]
    for pattern in SEALED.values():
        if found := pattern.fullmatch(line):
            seal = _read(found[1])
            return (body, seal) if seal and seal.line == line else None
    return None


def _read(spelled: bytes) -> DossierSeal | None:
    try:
        return DossierSeal.model_validate_json(spelled)
    except ValueError:
        return None


def _canonical(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
