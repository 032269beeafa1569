"""The messages to which people reply by mail: found by what a reply proves to know, never by its sender alone."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from hmac import compare_digest

from sqlmodel import Session, col, select

from amends.domain.channel.channel import ChannelKind
from amends.domain.receipt.dsn import MailReport
from amends.domain.receipt.reply import MailReply
from amends.ledger.deliver.told import messages_to
from amends.ledger.people.opt_outs import people_of, reader_of
from amends.ledger.receipt.receipts import Receipts, StoredMessage
from amends.ledger.store.session import Store
from amends.ledger.store.tables import DeliveryRow, IncidentRow, PersonRow

NOT_DESTROYED = IncidentRow.wrapped_key != b""
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


class Replied:
    """The emails of a ledger that were replied to."""

    def __init__(self, store: Store, receipts: Receipts) -> None:
        self._store = store
        self._receipts = receipts

    def message(self, report: MailReport, reply: MailReply) -> RepliedTo | None:
        """Return the message that the reply is about, or None.

        The address that the reply came to names the message, or the reply names the Message-ID of a message that went
        to its sender. A sender alone proves nothing. Raises DataDestroyed.
        """
        message = self._receipts.named(report) if report.token else None
        with self._store.read() as session:
            found = message or next(self._answered(session, reply), None)
            return self._replied_to(session, found, reply.sender) if found else None

    def once(self, reply: MailReply) -> str:
        """Return the idempotency key of a reply, a keyed hash, because the key includes words."""
        return self._store.keys.index("", "mail reply", f"{reply.name}\0{reply.sender}\0{reply.words}").hex()

    def _replied_to(self, session: Session, message: StoredMessage, sender: str) -> RepliedTo:
        reader = reader_of(session, message.incident, message.person)
        address = self._store.keys.index(message.incident, "email", sender)
        return RepliedTo(message.incident, message.person, reader.locale, by_reader=reader.email_index == address)

    def _answered(self, session: Session, reply: MailReply) -> Iterator[StoredMessage]:
        """Yield the messages to the sender whose Message-IDs the reply names."""
        if not (reply.sender and reply.answered):
            return
        for incident, reader in self._readers(session, reply.sender):
            for message in _emails_about(session, incident, people_of(session, incident, reader)):
                if _is_among(self._receipts.key(message), reply.answered):
                    yield message

    def _readers(self, session: Session, sender: str) -> Iterable[tuple[str, int]]:
        known = session.exec(select(IncidentRow.id).where(NOT_DESTROYED)).all()
        addresses = [self._store.keys.index(incident, "email", sender) for incident in known]
        query = select(PersonRow.incident, PersonRow.number).where(col(PersonRow.email_index).in_(addresses))
        return session.exec(query.limit(MOST_READERS)).all()


def _emails_about(session: Session, incident: str, people: Iterable[int]) -> Iterator[StoredMessage]:
    for person in people:
        here = (*messages_to(session, incident, person), DeliveryRow.channel == ChannelKind.EMAIL)
        for row in session.execute(select(*COLUMNS).where(*here)):
            yield StoredMessage(*row)


def _is_among(key: str, named: Collection[str]) -> bool:
    return any(compare_digest(key, one) for one in named)
