"""DKIM signatures (RFC 6376) with a key that is read once: relaxed/relaxed, Ed25519 (RFC 8463) or RSA (RFC 8301).

Over-signed names are listed once more than they occur, so that nobody on the way can add a second From or Reply-To.
"""

import binascii
import re
from base64 import b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from textwrap import wrap

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

SIGNED = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "MIME-Version",
    "Content-Type",
    "Content-Language",
    "Auto-Submitted",
)
"""The headers that a signature covers, where present."""
OVER_SIGNED = frozenset({"From", "To", "Subject", "Date", "Reply-To", "MIME-Version", "Content-Type"})
"""Headers that are over-signed: what the reader is shown, the date, and the address for answers."""
SHORTEST_RSA, LONGEST_RSA = 2048, 4096
"""Key sizes in bits: the least that RFC 8301 asks of a signer, and the most that every verifier must support."""

LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = re.compile(rf"(?:{LABEL}\.)+{LABEL}")
SELECTOR = re.compile(rf"{LABEL}(?:\.{LABEL})*")
LONGEST_NAME = 253
FOLD = b"\r\n "
LINE = 72

_KEYS = tuple(name.lower().encode() for name in SIGNED)
_PADDING, _DIGEST = PKCS1v15(), SHA256()

PrivateKey = Ed25519PrivateKey | RSAPrivateKey


class CannotSign(ValueError):
    """A key, domain or selector that cannot be used; `part` names which, and `why` explains without showing the key."""

    def __init__(self, part: str, why: str) -> None:
        self.part = part
        self.why = why
        super().__init__(f"DKIM {part} {why}")


@dataclass(frozen=True, slots=True)
class Signer:
    """A signer of emails for one domain, to be kept, because reading the key costs more than signing."""

    domain: str
    selector: str
    key: PrivateKey = field(repr=False)

    @classmethod
    def load(cls, pem: Path | bytes, domain: str, selector: str) -> "Signer":
        """Return a signer with the key of this unencrypted PEM, or of the file that holds it. Raises CannotSign."""
        key = _private_key(_content(pem))
        return cls(_name("domain", domain, DOMAIN), _name("selector", selector, SELECTOR), key)

    def header(self, head: bytes, body: bytes, now: int) -> bytes:
        """Return the whole DKIM-Signature header, to stand before the email; `now` is in seconds since 1970.

        `head` is the header lines, with or without the last line end; `body` is the body before dots are doubled for
        SMTP.
        """
        fields = _fields(head)
        names = _listed(tuple([len(lines) for lines in fields.values()]))
        body_hash = _base64(sha256(relaxed_body(body)).digest())
        tags = b"%b t=%d;\r\n %b\r\n bh=%b;\r\n b=" % (self._origin(), now, names, body_hash)
        # A verifier takes the lowest of several fields of one name first.
        signed = [line for lines in fields.values() for line in reversed(lines)]
        signed.append(b"dkim-signature:" + tags.replace(FOLD, b" "))
        return b"DKIM-Signature: %b%b\r\n" % (tags, _folded(_base64(self._signature(b"".join(signed)))))

    def public_record(self) -> str:
        """Return the TXT record to publish under record_name; a zone file needs strings of at most 255 characters."""
        public = self.key.public_key()
        if isinstance(self.key, Ed25519PrivateKey):
            kind, point = "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        else:
            kind, point = "rsa", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k={kind}; p={b64encode(point).decode()}"

    @property
    def record_name(self) -> str:
        """Return the DNS name under which verifiers look for the public record."""
        return f"{self.selector}._domainkey.{self.domain}"

    def _origin(self) -> bytes:
        algorithm = "ed25519-sha256" if isinstance(self.key, Ed25519PrivateKey) else "rsa-sha256"
        return f"v=1; a={algorithm}; c=relaxed/relaxed;\r\n d={self.domain};\r\n s={self.selector};".encode()

    def _signature(self, signed: bytes) -> bytes:
        if isinstance(self.key, Ed25519PrivateKey):
            return self.key.sign(sha256(signed).digest())  # RFC 8463, 3: the hash is what Ed25519 signs.
        return self.key.sign(signed, _PADDING, _DIGEST)


def relaxed_body(body: bytes) -> bytes:
    """Return the body in the relaxed form of RFC 6376, 3.4.4."""
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    body = _single_blanks(body).replace(b" \r\n", b"\r\n")
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    return body[: end + 2] if end else b""


def _single_blanks(text: bytes) -> bytes:
    """Replace every run of blanks and tabs by one blank; halving the runs takes time in proportion to the text."""
    text = text.replace(b"\t", b" ")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text


def _fields(head: bytes) -> dict[bytes, list[bytes]]:
    """Return the header lines to sign in the relaxed form of RFC 6376, 3.4.2, by name, in the order of SIGNED."""
    fields: dict[bytes, list[bytes]] = {name: [] for name in _KEYS}
    unfolded = head.replace(FOLD, b" ").replace(b"\r\n\t", b" ")
    for line in _single_blanks(unfolded).split(b"\r\n"):
        name, _, value = line.partition(b":")
        name = name.rstrip(b" ").lower()
        if name in fields:
            fields[name].append(b"%b:%b\r\n" % (name, value.strip(b" ")))
    return fields


@lru_cache(maxsize=64)
def _listed(counts: tuple[int, ...]) -> bytes:
    """Return the folded h= tag for this number of fields of each signed name."""
    counted = zip(SIGNED, counts, strict=True)
    names = [name for name, count in counted for _ in range(count + (name in OVER_SIGNED))]
    return FOLD.join(line.encode() for line in wrap(f"h={': '.join(names)};", LINE, break_on_hyphens=False))


def _folded(text: bytes) -> bytes:
    return FOLD.join([text[start : start + LINE] for start in range(0, len(text), LINE)])


def _base64(content: bytes) -> bytes:
    return binascii.b2a_base64(content, newline=False)


def _content(pem: Path | bytes) -> bytes:
    try:
        return pem if isinstance(pem, bytes) else pem.read_bytes()
    except (OSError, ValueError):  # The given path may be the key itself, which the cause would show.
        raise CannotSign("key", "is not a file that can be read") from None


def _private_key(pem: bytes) -> PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise CannotSign("key", "is encrypted; it must be a PEM file without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise CannotSign("key", "is no private key in PEM") from None
    if isinstance(key, Ed25519PrivateKey):
        return key
    if not isinstance(key, RSAPrivateKey):
        raise CannotSign("key", "must be an Ed25519 or RSA key")
    if not SHORTEST_RSA <= key.key_size <= LONGEST_RSA:
        raise CannotSign("key", f"has {key.key_size} bits; an RSA key must have {SHORTEST_RSA} to {LONGEST_RSA}")
    return key


def _name(part: str, name: str, pattern: re.Pattern[str]) -> str:
    if len(name) > LONGEST_NAME or not pattern.fullmatch(name.lower()):
        raise CannotSign(part, "must be a name as DNS has it: labels of letters, digits and hyphens")
    return name.lower()
