"""The mails that were taken in, each once however often it is read, and the files that came with them."""

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotInLedger
from amends.domain.base.value import Moment, Value
from amends.domain.receipt.incoming import MailOutcome
from amends.ledger.incident.incidents import note_alert
from amends.ledger.store.session import Store, Write
from amends.ledger.store.tables import IncomingMailRow, MailFileRow, SmsReplyRow


@dataclass(frozen=True, slots=True)
class NewMailFile:
    """A file that came with a mail, before the ledger lists it."""

    name: str
    kind: str
    size: int


@dataclass(frozen=True, slots=True)
class TakenMail:
    """A mail with its outcome, without personal data."""

    once: str
    outcome: MailOutcome
    incident: str = ""
    question: int | None = None
    notice: str = ""
    reply_once: str = ""
    """The idempotency key of a reply's words, or empty."""
    files: tuple[NewMailFile, ...] = ()


class MailFile(Value):
    """A file that came with a mail and lies sealed in the home."""

    id: int
    name: str
    question: int
    kind: str
    size: int
    at: Moment


class IncomingMails:
    """The mails that were taken in."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def key(self, raw: bytes) -> str:
        """Return the idempotency key of a mail, a keyed hash; line ends do not matter."""
        return self._store.keys.index("", "mail", raw.replace(b"\r\n", b"\n").decode("latin-1")).hex()

    def known(self, keys: Collection[str]) -> frozenset[str]:
        """Return those of these keys whose mails were taken in before."""
        with self._store.read() as session:
            query = select(IncomingMailRow.once).where(col(IncomingMailRow.once).in_(keys))
            return frozenset(session.exec(query))

    def record(self, mails: Sequence[TakenMail], now: datetime) -> None:
        """Record mails that were taken in, each once; their files are listed with them."""
        with self._store.write() as write:
            known = frozenset(
                write.session.exec(
                    select(IncomingMailRow.once).where(col(IncomingMailRow.once).in_([mail.once for mail in mails]))
                )
            )
            new = [mail for mail in mails if mail.once not in known]
            for mail in new:
                self._record(write, mail, now)
            for incident in sorted({mail.incident for mail in new}):
                outcomes = Counter(mail.outcome.value for mail in new if mail.incident == incident)
                write.note(now, incident, "mails taken in", outcomes=dict(sorted(outcomes.items())))

    def _record(self, write: Write, mail: TakenMail, now: datetime) -> None:
        write.add_once(
            IncomingMailRow(
                once=mail.once,
                incident=mail.incident,
                outcome=mail.outcome.value,
                question=mail.question,
                notice=mail.notice,
                at=now,
            )
        )
        if mail.reply_once:
            write.add_once(SmsReplyRow(once=mail.reply_once, at=now))
        if mail.question is None or not mail.files:
            return
        write.incident(mail.incident)  # locked, so that no other process gives a file the same number
        names = {one.name for one in mail.files}
        if write.session.exec(
            select(MailFileRow.id).where(*_here(mail.incident), col(MailFileRow.name).in_(names))
        ).first():
            return
        number = _last_file(write.session, mail.incident)
        for one in mail.files:
            number += 1
            row = MailFileRow(
                incident=mail.incident,
                id=number,
                name=one.name,
                question=mail.question,
                kind=one.kind,
                size=one.size,
                at=now,
            )
            write.session.add(row)
        write.session.flush()

    def files(self, incident: str) -> tuple[MailFile, ...]:
        """Return the files that came with mails, the first first."""
        with self._store.read() as session:
            rows = session.exec(select(MailFileRow).where(*_here(incident)).order_by(col(MailFileRow.id)))
            return tuple(MailFile.model_validate(row, from_attributes=True) for row in rows)

    def file(self, incident: str, number: int) -> MailFile:
        """Return one file that came with a mail. Raises NotInLedger."""
        with self._store.read() as session:
            row = session.get(MailFileRow, (incident, number))
            if row is None:
                raise NotInLedger(f"incident {incident} has no file {number}; `amends inbox files {incident}`")
            return MailFile.model_validate(row, from_attributes=True)

    def bytes_of_files(self, incident: str) -> int:
        """Return the bytes of all files that came with mails."""
        with self._store.read() as session:
            return int(session.exec(select(func.sum(MailFileRow.size)).where(*_here(incident))).one() or 0)

    def sealed(self, incident: str, name: str, content: bytes) -> bytes:
        """Return a file's content, sealed with the incident's key for its name. Raises DataDestroyed."""
        with self._store.read() as session:
            return self._store.seal(session, incident).close(b64encode(content).decode(), file_place(incident, name))

    def opened(self, incident: str, name: str, sealed: bytes) -> bytes:
        """Return the content of a sealed file. Raises DataDamaged, DataDestroyed."""
        with self._store.read() as session:
            return b64decode(self._store.seal(session, incident).open(sealed, file_place(incident, name)))

    def note_opened(self, incident: str, number: int, by: str, now: datetime) -> None:
        """Record that a member saved a file to look at it."""
        with self._store.write() as write:
            write.note(now, incident, "mail file saved", f"file {number}", actor=by)

    def note_trouble(self, incident: str, what: str, now: datetime) -> None:
        """Record an alert that mails wait in a mailbox which cannot be read; the same trouble once."""
        with self._store.write() as write:
            note_alert(write, incident, what, now)


def _here(incident: str) -> tuple[bool, ...]:
    return (MailFileRow.incident == incident,)


def _last_file(session: Session, incident: str) -> int:
    return session.exec(select(func.max(MailFileRow.id)).where(*_here(incident))).one() or 0


def file_place(incident: str, name: str) -> str:
    """Return the place for which a file that came with a mail is sealed."""
    return f"mail_file:content:{incident}:{name}"
