"""The messages to which people reply by mail: found by what a reply proves to know, never by its sender alone."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hmac import compare_digest

from sqlmodel import Session, col, select

from amends.domain.channel.outgoing import OutgoingKind
from amends.domain.receipt.dsn import MailReport
from amends.domain.receipt.reply import MailReply
from amends.ledger.deliver.told import messages_to
from amends.ledger.feedback.answering import sender_of
from amends.ledger.feedback.question_rows import question_row
from amends.ledger.outbox.reports import OutgoingReports
from amends.ledger.people.opt_outs import people_of, reader_of
from amends.ledger.people.people import link_index
from amends.ledger.receipt.receipts import Receipts, StoredMessage
from amends.ledger.store.session import Store
from amends.ledger.tables.deliver import MAIL, DeliveryRow
from amends.ledger.tables.incident import IncidentRow
from amends.ledger.tables.people import PersonRow

NOT_DESTROYED = IncidentRow.wrapped_key != b""
Readers = Mapping[str, Sequence[tuple[str, int]]]
"""The people with an address, each as incident and number."""
MOST_READERS = 200
"""The most people with one address who are looked at: a mailbox that many share."""
COLUMNS = tuple(col(getattr(DeliveryRow, name)) for name in StoredMessage.__slots__)


@dataclass(frozen=True, slots=True)
class RepliedTo:
    """The message to which somebody replied."""

    incident: str
    person: int
    locale: str
    """The locale of the person who reads the message."""
    by_reader: bool
    """True when the reply comes from an address of the person who reads the message, or says so."""
    notice: str = ""
    """The notice of the message; empty when only the person is known."""


class Replied:
    """The emails of a ledger that were replied to."""

    def __init__(self, store: Store, receipts: Receipts, reports: OutgoingReports) -> None:
        self._store = store
        self._receipts = receipts
        self._reports = reports

    def message(self, report: MailReport, reply: MailReply, readers: Readers | None = None) -> RepliedTo | None:
        """Return the message that the reply is about, or None; `readers` are those of `readers`, else looked up.

        The address that the reply came to names the message, or the reply names the Message-ID of a message that went
        to its sender. A sender alone proves nothing. Raises DataDestroyed.
        """
        message = self._receipts.named(report) if report.token else None
        if message is None and not (reply.sender and reply.answered):
            return None
        known = self.readers((reply.sender,)) if readers is None and message is None else readers or {}
        with self._store.read() as session:
            found = message or next(self._answered(session, reply, known.get(reply.sender, ())), None)
            return self._replied_to(session, found, reply.sender) if found else None

    def readers(self, senders: Collection[str]) -> Readers:
        """Return the people with each of these addresses, found together, because that reads the whole list."""
        with self._store.read() as session:
            known = session.exec(select(IncidentRow.id).where(NOT_DESTROYED)).all()
            index = self._store.keys.index
            whose = {index(incident, "email", sender): sender for incident in known for sender in senders}
            query = select(PersonRow.email_index, PersonRow.incident, PersonRow.number)
            found: dict[str, list[tuple[str, int]]] = {}
            for address, incident, number in session.exec(query.where(col(PersonRow.email_index).in_(list(whose)))):
                people = found.setdefault(whose[bytes(address or b"")], [])
                if len(people) < MOST_READERS:
                    people.append((incident, number))
            return found

    def once(self, reply: MailReply) -> str:
        """Return the idempotency key of a reply, a keyed hash, because the key includes words."""
        return self._store.keys.index("", "mail reply", f"{reply.name}\0{reply.sender}\0{reply.words}").hex()

    def _replied_to(self, session: Session, message: StoredMessage, sender: str) -> RepliedTo:
        reader = reader_of(session, message.incident, message.person)
        address = self._store.keys.index(message.incident, "email", sender)
        by_reader = reader.email_index == address
        return RepliedTo(message.incident, message.person, reader.locale, by_reader, message.notice)

    def by_link(self, links: Iterable[str], sender: str) -> RepliedTo | None:
        """Return the person whose personal link a mail quotes, if the mail comes from the address of their reader.

        A link alone proves nothing: whoever forwards a mail hands its link on.
        """
        with self._store.read() as session:
            for link in links if sender else ():
                row = session.exec(select(PersonRow).where(PersonRow.link_index == link_index(link))).first()
                if row is None:
                    continue
                reader = reader_of(session, row.incident, row.number)
                if reader.email_index == self._store.keys.index(row.incident, "email", sender):
                    return RepliedTo(row.incident, row.number, reader.locale, by_reader=True)
        return None

    def to_answer(self, reply: MailReply) -> RepliedTo | None:
        """Return the person whose question the mail that is replied to has answered; person 0 for a stranger.

        None unless it comes from the address of the person's reader, or from that which asked. Raises KeyMissing.
        """
        found = self._reports.answered(reply.answered) if reply.sender else None
        if found is None or found.kind is not OutgoingKind.ANSWER:
            return None
        incident, question = found.incident, int(found.reader)
        with self._store.read() as session:
            row = question_row(session, incident, question)
            if row.person is not None:
                reader = reader_of(session, incident, row.person)
                if reader.email_index == self._store.keys.index(incident, "email", reply.sender):
                    return RepliedTo(incident, row.person, reader.locale, by_reader=True)
            asked = sender_of(row, self._store.seal(session, incident))
            known = asked is not None and asked.address.lower() == reply.sender.lower()
            return RepliedTo(incident, 0, row.locale, by_reader=True) if known else None

    def _answered(
        self, session: Session, reply: MailReply, readers: Iterable[tuple[str, int]]
    ) -> Iterator[StoredMessage]:
        """Yield the messages to the sender whose Message-IDs the reply names."""
        for incident, reader in readers:
            for message in _emails_about(session, incident, people_of(session, incident, reader)):
                if _is_among(self._receipts.key(message), reply.answered):
                    yield message


def _emails_about(session: Session, incident: str, people: Iterable[int]) -> Iterator[StoredMessage]:
    for person in people:
        here = (*messages_to(session, incident, person), col(DeliveryRow.channel).in_(MAIL))
        for row in session.execute(select(*COLUMNS).where(*here)):
            yield StoredMessage(*row)


def _is_among(key: str, named: Collection[str]) -> bool:
    return any(compare_digest(key, one) for one in named)
