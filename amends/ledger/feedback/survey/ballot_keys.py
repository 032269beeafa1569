"""Keys of held ballots: kept beside the ledger, never in it, and destroyed once their ballots are opened.

The ledger's write-ahead log and its old pages show in which order ballots came in. A key outside of the ledger keeps
them closed there, also for somebody with the master key, and for ever once the key is gone.
"""

import base64
import hashlib
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from amends.domain.base.errors import DiskFull, LedgerUnavailable
from amends.ledger.store.disk_reserve import FULL, no_room
from amends.system.files import locked, replace_locked

NONCE_BYTES = 12
FOLDER = "survey-keys"


class BallotKey:
    """A key of held ballots."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self.name = hashlib.sha256(b"amends ballot key" + secret).hexdigest()[:16]
        self._cipher = AESGCM(secret)

    def close(self, plain: bytes, place: str) -> bytes:
        """Return the bytes, encrypted for their place."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes | None:
        """Return the bytes that were encrypted for this place, or None when they were altered."""
        with suppress(InvalidTag, ValueError):
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
        return None


class BallotKeys:
    """The keys of this machine for the held ballots of each invitation; without an anchor, only of this process."""

    def __init__(self, anchor: Path | None) -> None:
        self._folder = anchor.with_name(FOLDER) if anchor else None
        self._in_memory: dict[str, list[BallotKey]] = {}
        self._lock = Lock()

    @contextmanager
    def of(self, incident: str, notice: str) -> Iterator["KeyRing"]:
        """Yield the keys of one invitation, which no other process uses meanwhile.

        Raises LedgerUnavailable, DiskFull when the keys cannot be read or written.
        """
        if self._folder is None:
            with self._lock:
                yield KeyRing(self._in_memory.setdefault(f"{incident}/{notice}", []), None)
            return
        path = self._folder / f"{incident}.{notice}"
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with locked(path):
                yield KeyRing(_read(path), path)
        except OSError as error:
            if error.errno in FULL:
                raise DiskFull(no_room()) from None
            raise LedgerUnavailable(f"{path} cannot be used: {error.strerror}") from error


class KeyRing:
    """The keys of one invitation, the newest last."""

    def __init__(self, keys: list[BallotKey], path: Path | None) -> None:
        self._keys, self._path = keys, path

    def newest(self) -> BallotKey:
        """Return the newest key, or a new one when there is none."""
        return self._keys[-1] if self._keys else self.renew()

    def renew(self) -> BallotKey:
        """Add a new key, which is on the disk before anything is encrypted with it."""
        self._keys.append(BallotKey(os.urandom(32)))
        self._write()
        return self._keys[-1]

    def named(self, name: str) -> BallotKey | None:
        """Return the key with this name, or None when it is another machine's, or lost."""
        return next((key for key in self._keys if key.name == name), None)

    def keep_only(self, used: Collection[str]) -> None:
        """Destroy all keys but those with these names, once the change that needs no other is committed."""
        if any(key.name not in used for key in self._keys):
            self._keys[:] = [key for key in self._keys if key.name in used]
            self._write()

    def _write(self) -> None:
        if self._path:
            replace_locked(self._path, "".join(f"{base64.b64encode(key.secret).decode()}\n" for key in self._keys))


def _read(path: Path) -> list[BallotKey]:
    """Return the keys in the file; a line that was damaged is a lost key."""
    keys: list[BallotKey] = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else ():
        with suppress(ValueError):
            secret = base64.b64decode(line, validate=True)
            keys += [BallotKey(secret)] if len(secret) == 32 else []
    return keys
