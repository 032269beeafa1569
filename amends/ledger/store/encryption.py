"""Encryption of personal data, keyed indexes, and the keys derived for both; the master key is not in the database.

Each incident has a data key of its own, wrapped by the master key. Destroying the wrapped key makes every name, address
and question of that incident unreadable, and leaves counts, times and the audit chain as they are. The room `forget`
also replaces the keyed indexes: they are made with the master key, and would outlive the data key.
"""

import base64
import hashlib
import hmac
import os
from contextlib import suppress
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from amends.domain.base.errors import DataDamaged, KeyMissing
from amends.system.key_file import KeyFile

FORMAT = b"\x01"
NONCE_BYTES = 12
INDEX_BYTES = 16
KEY_BYTES = 32


class Keys:
    """The keys derived from the master key, each for one purpose. All are secrets, and repr shows none of them.

    A master key that was rotated has two parts: a new one, which wraps the data keys and seals secrets of the team, and
    the first one ever, the root. From the root come links, bounce addresses and keys of messages, which stand in mails
    that have left, and the seals of rows and of the audit chain.
    """

    def __init__(self, root: bytes, wrapping: bytes = b"", file: KeyFile | None = None) -> None:
        if len(root) != KEY_BYTES or len(wrapping or root) != KEY_BYTES:
            raise KeyMissing("the master key must be 32 bytes; see `amends init`")
        self._root = root
        self.outer = wrapping or root
        """The part that a rotation replaces. A secret."""
        self.file = file
        """The file of the key, from which a running process reads a rotated key; None where there is none."""

    def __repr__(self) -> str:
        return "Keys(…)"

    def __reduce__(self) -> tuple[type["Keys"], tuple[bytes, bytes, KeyFile | None]]:
        return Keys, (self._root, self.outer, self.file)

    @classmethod
    def from_text(cls, text: str, file: KeyFile | None = None) -> "Keys":
        """Return the keys for the base64 text of a key file. Raises KeyMissing for a text that is not a master key."""
        try:
            *wrapping, root = (base64.b64decode(word, validate=True) for word in text.split() or [""])
            return cls(root, b"".join(wrapping), file)
        except ValueError as error:
            raise KeyMissing("the master key is not base64 text; see `amends init`") from error

    @property
    def text(self) -> str:
        """Return the text of a key file for these keys. A secret."""
        parts = (self._root,) if self.outer == self._root else (self.outer, self._root)
        return " ".join(base64.b64encode(part).decode() for part in parts) + "\n"

    def rotated(self) -> "Keys":
        """Return the keys after a rotation, with a new random part."""
        return Keys(self._root, os.urandom(KEY_BYTES), self.file)

    def has_root_of(self, other: "Keys") -> bool:
        """Return True when both come from the same first master key."""
        return hmac.compare_digest(self.rows, other.rows)

    def adopt(self, other: "Keys") -> None:
        """Use the other keys' new part from now on, in every place that has these keys."""
        self.outer = other.outer
        for name in ("wrapping", "team_seal"):
            self.__dict__.pop(name, None)

    def renew(self, check: bytes) -> bool:
        """Adopt the key in the file, or the next one beside it, that has this check; return False when none has."""
        for text in self.file.texts() if self.file else ():
            with suppress(KeyMissing):
                read = Keys.from_text(text)
                if read.has_root_of(self) and hmac.compare_digest(read.check(), check):
                    self.adopt(read)
                    return True
        return False

    def _derive(self, purpose: bytes) -> bytes:
        return HKDFExpand(algorithm=SHA256(), length=32, info=b"amends:" + purpose).derive(self._root)

    def _derive_outer(self, purpose: bytes) -> bytes:
        return HKDFExpand(algorithm=SHA256(), length=32, info=b"amends:" + purpose).derive(self.outer)

    @cached_property
    def wrapping(self) -> AESGCM:
        """Return the cipher that wraps data keys."""
        return AESGCM(self._derive_outer(b"wrap"))

    @cached_property
    def _index(self) -> HMAC:
        return HMAC(self._derive(b"index"), SHA256())

    @cached_property
    def _link(self) -> HMAC:
        return HMAC(self._derive(b"link"), SHA256())

    @cached_property
    def _message(self) -> bytes:
        return self._derive(b"message")

    @cached_property
    def audit(self) -> bytes:
        """Return the key of the audit chain."""
        return self._derive(b"audit")

    @cached_property
    def rows(self) -> bytes:
        """Return the key of the seals of rows."""
        return self._derive(b"rows")

    @cached_property
    def _blocks(self) -> Cipher[modes.ECB]:
        # Each block is a pseudo-random number that names a row; that equal rows have equal blocks is their purpose.
        return Cipher(algorithms.AES(self._derive(b"sums")), modes.ECB())  # noqa: S305

    def blocks(self, data: bytes) -> bytes:
        """Return blocks of 16 bytes, each encrypted by itself."""
        return self._blocks.encryptor().update(data)

    @cached_property
    def draws(self) -> bytes:
        """Return the key of random samples of people."""
        return self._derive(b"draws")

    @cached_property
    def dossier(self) -> bytes:
        """Return the key that seals dossiers."""
        return self._derive(b"dossier")

    @cached_property
    def form_key(self) -> bytes:
        """Return the key that signs the forms of the portal."""
        return self._derive(b"form")

    @cached_property
    def team_seal(self) -> "Seal":
        """Return the seal of secrets about the team itself, which belong to no incident."""
        return Seal(AESGCM(self._derive_outer(b"team")))

    def check(self) -> bytes:
        """Return a value that identifies this master key without revealing the key."""
        return hmac.digest(self._derive_outer(b"check"), b"amends", "sha256")

    def new_data_key(self, incident: str) -> bytes:
        """Return a new data key for this incident, wrapped by the master key."""
        return _seal(self.wrapping, os.urandom(32), incident.encode())

    def seal_for(self, incident: str, wrapped: bytes, next_key: bytes = b"") -> "Seal":
        """Return the seal of an incident; with `next_key`, to which its key is being rotated, of both keys.

        Raises KeyMissing when a data key cannot be unwrapped.
        """
        key, new = self._unwrapped(incident, wrapped), self._unwrapped(incident, next_key) if next_key else b""
        derived = HKDFExpand(algorithm=SHA256(), length=32, info=b"amends:likeness").derive(new or key)
        return Seal(AESGCM(new or key), derived, AESGCM(key) if new else None)

    def _unwrapped(self, incident: str, wrapped: bytes) -> bytes:
        try:
            return _open(self.wrapping, wrapped, incident.encode())
        except InvalidTag as error:
            raise KeyMissing(f"the master key does not open incident {incident}") from error

    def wrapped_anew(self, incident: str, wrapped: bytes, by: "Keys") -> bytes:
        """Return a wrapped data key, wrapped by another master key; empty for an empty one. Raises KeyMissing."""
        return _seal(by.wrapping, self._unwrapped(incident, wrapped), incident.encode()) if wrapped else b""

    def index(self, incident: str, kind: str, value: str) -> bytes:
        """Return the blind index of a value: equal for equal values, and meaningless without the key."""
        return _mac(self._index, f"{incident}\0{kind}\0{value}")[:INDEX_BYTES]

    def message_key(self, incident: str, notice: str, person: int, channel: str, address: bytes) -> str:
        """Return the key of a message: opaque, and the same at every attempt."""
        spelled = f"{incident}\0{notice}\0{person}\0{channel}\0{address.hex()}".encode()
        return hashlib.blake2b(spelled, key=self._message, digest_size=16).hexdigest()

    @cached_property
    def _bounce(self) -> Cipher[modes.ECB]:
        # ECB is safe for a single block that never repeats: AES is then a permutation that only the key can invert.
        return Cipher(algorithms.AES(self._derive(b"bounce")), modes.ECB())  # noqa: S305

    @cached_property
    def _bounce_maker(self) -> CipherContext:
        return self._bounce.encryptor()

    def bounce_token(self, message: int, key: str) -> str:
        """Return the token of a message for its bounce address: its number and half of its key, encrypted."""
        return self._bounce_maker.update(message.to_bytes(8, "big") + bytes.fromhex(key[:16])).hex()

    def bounced(self, token: str) -> tuple[int, str] | None:
        """Return the message's number and the first half of its key from a bounce token; None for any other text.

        A forged token yields a number too, but hardly ever one whose message has a key with that first half.
        """
        try:
            block = self._bounce.decryptor().update(bytes.fromhex(token))
        except ValueError:
            return None
        return (int.from_bytes(block[:8], "big"), block[8:].hex()) if len(block) == 16 else None

    def link_token(self, incident: str, person: int, version: int) -> str:
        """Return the secret part of a personal link, 160 bits; a higher version revokes the link."""
        return base64.urlsafe_b64encode(_mac(self._link, f"{incident}\0{person}\0{version}"))[:27].decode()

    @cached_property
    def _opt_out(self) -> AESSIV:
        return AESSIV(self._derive(b"opt-out"))

    def opt_out_token(self, incident: str, person: int) -> str:
        """Return the token of a person for the address where one POST ends the optional messages to that person.

        The token opens no page of the person. It is the same at every attempt, like the rest of a message, and 128 of
        its bits are an authentication tag that nobody can forge without the key.
        """
        sealed = self._opt_out.encrypt(f"{incident}\0{person}".encode(), None)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def opted_out(self, token: str) -> tuple[str, int] | None:
        """Return the incident and the person of an opt-out token; None for a token that was never given out."""
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            named = self._opt_out.decrypt(sealed, None)
        except (ValueError, InvalidTag):
            return None
        incident, person = named.decode().split("\0")
        return incident, int(person)


class Seal:
    """The encryption of one incident; a sealed text opens only in the row and the column for which it was sealed."""

    def __init__(self, cipher: AESGCM, likeness: bytes = b"", older: AESGCM | None = None) -> None:
        self._cipher = cipher
        self._older = older
        """The key that is being replaced; only opens."""
        self.likeness = likeness
        """The key of the marks by which questions that ask the same are found; it ends with the data key."""

    def close(self, text: str, place: str) -> bytes:
        """Seal a text for its place, written `table:column:row`."""
        return _seal(self._cipher, text.encode(), place.encode())

    def open(self, sealed: bytes, place: str) -> str:
        """Return the text that was sealed for this place. Raises DataDamaged when it was altered or moved."""
        try:
            return self._opened(sealed, place).decode()
        except InvalidTag as error:
            raise DataDamaged(f"{place} was altered, moved, or sealed with another key") from error

    def peek(self, sealed: bytes, place: str) -> bytes:
        """Return the bytes of the text that was sealed for this place, or none when it was altered or moved."""
        try:
            return self._opened(sealed, place)
        except InvalidTag:
            return b""

    def _opened(self, sealed: bytes, place: str) -> bytes:
        try:
            return _open(self._cipher, sealed, place.encode())
        except InvalidTag:
            if self._older is None:
                raise
            return _open(self._older, sealed, place.encode())

    def is_current(self, sealed: bytes, place: str) -> bool:
        """Return True when the value is sealed with the key that closes now, and False for the one being replaced."""
        with suppress(InvalidTag):
            _open(self._cipher, sealed, place.encode())
            return True
        return False


def _mac(keyed: HMAC, text: str) -> bytes:
    """Return the text's HMAC, from a copy of an HMAC that has its key already, which halves the time."""
    mac = keyed.copy()
    mac.update(text.encode())
    return mac.finalize()


def _seal(cipher: AESGCM, plain: bytes, place: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return FORMAT + nonce + cipher.encrypt(nonce, plain, place)


def _open(cipher: AESGCM, sealed: bytes, place: bytes) -> bytes:
    if sealed[:1] != FORMAT or len(sealed) <= len(FORMAT) + NONCE_BYTES:
        raise InvalidTag
    return cipher.decrypt(sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], place)


def token_hash(token: str) -> bytes:
    """Return the form in which a random token is stored: a plain hash, because nobody can guess 192 random bits."""
    return hashlib.sha256(token.encode()).digest()
