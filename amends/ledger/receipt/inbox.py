"""The mails that were taken in, each once however often it is read, and the files that came with them."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from amends.domain.base.home_file import NewHomeFile
from amends.domain.receipt.incoming import MailOutcome
from amends.ledger.home_files import list_files, listed
from amends.ledger.store.session import Store, Transaction
from amends.ledger.tables.feedback import IncomingMailRow, MailFileRow, SmsReplyRow


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
    files: tuple[NewHomeFile, ...] = ()


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

    def _record(self, write: Transaction, mail: TakenMail, now: datetime) -> None:
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
        if not listed(write.session, MailFileRow, mail.incident, [file.name for file in mail.files]):
            list_files(write.session, MailFileRow, mail.incident, mail.files, now, question=mail.question)
