"""Messages on which only a person may decide: send them again, release them, try them again or give them up."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete
from sqlmodel import Session, col, select

from amends.domain.base.audience import EVERYONE
from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import ReceiptCause
from amends.domain.deliver.cascade import starts_as
from amends.domain.deliver.correction import LOST
from amends.domain.deliver.reason import reason
from amends.domain.law.addendum import Addenda
from amends.domain.notice.notice import DeliveryState, Draft
from amends.domain.team.member import Member
from amends.ledger.deliver.cascade import next_message, reachable_at, reopen
from amends.ledger.deliver.deliveries import Deliveries
from amends.ledger.notice.first_messages import FirstMessages, addressees_of, may_have_left
from amends.ledger.notice.notices import PUBLIC, Notices, notice_row
from amends.ledger.notice.redirects import redirect
from amends.ledger.notice.stage import RELEASED
from amends.ledger.store.bulk import DELIVERY, spelled
from amends.ledger.store.session import Store, Transaction, must_approve
from amends.ledger.store.sums import changing, store_messages
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.notice import NoticeRow
from amends.ledger.tables.people import PersonRow

STATE, CHANNEL, CAUSE = (DELIVERY.index(name) for name in ("state", "channel", "cause"))


class Decisions:
    """The decisions of team members about people's messages."""

    def __init__(self, store: Store, deliveries: Deliveries, notices: Notices) -> None:
        self._store = store
        self._deliveries = deliveries
        self._notices = notices

    def send_again(self, incident: str, notice: str, person: int | None, by: Member, now: datetime) -> int:
        """Make uncertain messages wait again, for the addresses in the list in force, and return how many do.

        Without a person, only messages that are uncertain because a backup was restored are sent again: a message that
        was in flight in a crash needs a decision for each person. A person whom nothing has reached is also written to
        again at an address that took no message before: then the address counts as good. Raises NotAllowed, also when
        by a corrected list none of the messages can be sent again, and NotInLedger when this notice has no such
        message.
        """
        must_approve(by)
        with self._store.write() as write:
            write.incident(incident)
            query = select(DeliveryRow).where(*_of(incident, notice, DeliveryState.UNCERTAIN, person))
            query = query.where(DeliveryRow.cause == ReceiptCause.NOT_KNOWN) if person is None else query
            uncertain = write.session.exec(query.with_for_update()).all()
            if person and not uncertain:
                uncertain = _came_back(write.session, incident, notice, person)
            if not uncertain:
                whose = f"person {person}" if person else "the public"
                why = "since a backup was restored" if person is None else f"for {whose}"
                raise NotInLedger(f"nothing of {notice} is uncertain {why}")
            free = uncertain if person is not None else [one for one in uncertain if not _held(write.session, one)]
            again = sum(_once_more(write.session, message, now) for message in free)
            if not again:
                raise NotAllowed(_nowhere(incident, notice, person))
            if row := notice_row(write.session, incident, notice):
                reopen(write.session, row)
            write.note(now, incident, "sent again", _subject(notice, person), actor=by.name, messages=again)
            return again

    def release_held(self, incident: str, notice: str, person: int, by: Member, now: datetime) -> int:
        """End the hold of a person, for this notice and later ones, and return how many messages wait now.

        Raises NotAllowed, and NotInLedger when no message of this notice is held for the person.
        """
        must_approve(by)
        with self._store.write() as write:
            write.incident(incident)
            row = notice_row(write.session, incident, notice)
            query = select(DeliveryRow).where(*_of(incident, notice, DeliveryState.HELD, person))
            held = write.session.exec(query).first()
            if row is None or row.stage not in RELEASED or held is None:
                raise NotInLedger(f"nothing of {notice} is held for person {person}")
            if held.cause == ReceiptCause.GONE:
                raise NotAllowed(f"person {person} is not in the list any more; a corrected one can take them in again")
            waiting = put_in_place(write, row, person, self._notices.addenda(write.session, incident), now)
            reopen(write.session, row)
            write.note(now, incident, "let go", f"{notice} person {person}", actor=by.name, held_for=_reason(held))
            return waiting

    def try_parked(self, incident: str, notice: str, person: int | None, by: Member, now: datetime) -> int:
        """Make the parked messages of this person, or of everybody, wait again without attempts; return how many.

        Raises NotAllowed, and NotInLedger when no such message is parked.
        """
        must_approve(by)
        with self._store.write() as write:
            parked = _parked(write, incident, notice, person)
            for message in parked:
                message.state, message.attempts = starts_as(ChannelKind(message.channel)), 0
                message.cause, message.detail, message.updated_at = ReceiptCause.NONE, "", now
            if row := notice_row(write.session, incident, notice):
                reopen(write.session, row)
            write.note(now, incident, "tried again", _subject(notice, person), actor=by.name, messages=len(parked))
            return len(parked)

    def give_up_parked(self, incident: str, notice: str, person: int | None, by: Member, now: datetime) -> int:
        """Give up the parked messages of this person, or of everybody, and return how many.

        The next channel of the cascade takes over; but a message that a provider may have becomes uncertain. The notice
        is finished when nothing else is pending. Raises NotAllowed, also for the page, to which every message links,
        and NotInLedger when no such message is parked.
        """
        must_approve(by)
        with self._store.write() as write:
            parked = _parked(write, incident, notice, person)
            if any(ChannelKind(message.channel).page for message in parked):
                raise NotAllowed("the page cannot be given up, because every message leads to it; it is tried again")
            taken_over = sum(self._give_up(write.session, message, now) for message in parked)
            if taken_over and (row := notice_row(write.session, incident, notice)):
                reopen(write.session, row)
            done = {"messages": len(parked), "handed_over": taken_over}
            write.note(now, incident, "given up", _subject(notice, person), actor=by.name, **done)
        self._deliveries.finish(incident, notice, now)
        return len(parked)

    def _give_up(self, session: Session, message: DeliveryRow, now: datetime) -> bool:
        """Give one message up, and return True when another channel takes over."""
        message.updated_at = now
        if message.doubtful:
            message.state = DeliveryState.UNCERTAIN
            return False
        message.state, message.cause, message.detail = DeliveryState.FAILED, ReceiptCause.GIVEN_UP, _reason(message)
        draft = self._notices.drafted(session.get_one(NoticeRow, (message.incident, message.notice, message.version)))
        return next_message(session, draft, message.version, message.person, message.variant, now)


def _came_back(session: Session, incident: str, notice: str, person: int) -> Sequence[DeliveryRow]:
    """Return the messages of a person that came back from addresses that take none, letters excepted.

    Empty when another message of the notice has reached the person, or may yet.
    """
    here = (DeliveryRow.incident == incident, DeliveryRow.notice == notice, DeliveryRow.person == person)
    theirs = session.exec(select(DeliveryRow).where(*here).with_for_update()).all()
    if any(row.state not in (*LOST, DeliveryState.UNREACHABLE) for row in theirs):
        return ()
    return [row for row in theirs if row.cause == ReceiptCause.BAD_ADDRESS and not ChannelKind(row.channel).printed]


def _reason(message: DeliveryRow) -> str:
    return reason(ReceiptCause(message.cause), message.detail, doubtful=message.doubtful)


def _held(session: Session, message: DeliveryRow) -> str:
    """Return why the message's person is held, or ""."""
    return "" if message.person == PUBLIC else session.get_one(PersonRow, (message.incident, message.person)).hold


def _nowhere(incident: str, notice: str, person: int | None) -> str:
    """Return in words why no message can be sent again, and what to do."""
    who = "these people have" if person is None else f"person {person} has"
    return (
        f"nothing of {notice} goes out again: by the list in force {who} no address for it, or one that another of its "
        f"messages goes to. `amends deliveries {incident} {notice}` says how they stand; once a corrected list gives "
        f"an address (`amends audience correct {incident} FILE`), it can be sent again"
    )


def _once_more(session: Session, message: DeliveryRow, now: datetime) -> bool:
    """Make an uncertain message wait again; return False when the person has no address for the message any more."""
    address = message.address_index if message.person == PUBLIC else _address_now(session, message)
    if address is None:
        return False
    message.state, message.lease = starts_as(ChannelKind(message.channel)), None
    message.cause, message.detail, message.doubtful = ReceiptCause.NONE, "", False
    message.address_index, message.updated_at = address, now
    return True


def _address_now(session: Session, message: DeliveryRow) -> bytes | None:
    """Return the message's address by the list in force; None without one, or when another message has that address.

    Raises NotAllowed when nobody may write to the person any more.
    """
    if why := _held(session, message):
        raise NotAllowed(f"person {message.person} is not written to any more, by a corrected list: {why}")
    address = reachable_at(session, message.incident, message.person).get(ChannelKind(message.channel))
    same = (
        DeliveryRow.incident == message.incident,
        DeliveryRow.notice == message.notice,
        DeliveryRow.person == message.person,
        DeliveryRow.channel == message.channel,
        DeliveryRow.address_index == address,
        DeliveryRow.id != message.id,
    )
    return None if session.exec(select(DeliveryRow.id).where(*same)).first() is not None else address


def _of(incident: str, notice: str, state: DeliveryState, person: int | None) -> list[ColumnElement[bool]]:
    """Return the conditions for messages in this state, of one person or of everybody."""
    here = [col(DeliveryRow.incident) == incident, col(DeliveryRow.notice) == notice, col(DeliveryRow.state) == state]
    return here if person is None else [*here, col(DeliveryRow.person) == person]


def _parked(write: Transaction, incident: str, notice: str, person: int | None) -> Sequence[DeliveryRow]:
    """Return the parked messages, locked. Raises NotInLedger when there are none."""
    write.incident(incident)
    query = select(DeliveryRow).where(*_of(incident, notice, DeliveryState.PARKED, person))
    parked = write.session.exec(query.with_for_update()).all()
    if not parked:
        raise NotInLedger(f"nothing of {notice} is parked" + ("" if person is None else f" for person {person}"))
    return parked


def _subject(notice: str, person: int | None) -> str:
    return notice if person is None else f"{notice} person {person}"


def put_in_place(write: Transaction, row: NoticeRow, person: int, addenda: Addenda, now: datetime) -> int:
    """Replace the person's held messages by the messages of a person without a hold; return how many of them wait.

    A person whom the channels of the step had failed before gets a message on the next channel. Raises NotAllowed for
    an optional notice to a person who opted out.
    """
    session = write.session
    session.get_one(PersonRow, (row.incident, person)).hold = ""
    session.flush()
    draft = Draft.model_validate(row.draft)
    query = addressees_of(draft, EVERYONE).where(col(PersonRow.number) == person)
    at, doubt = spelled(session.connection(), now), may_have_left(session, draft)
    messages = FirstMessages(draft, row.version, addenda, at, doubt).first_rows(session.execute(query).one())
    if any(message[CAUSE] == ReceiptCause.OPTED_OUT for message in messages):
        raise NotAllowed(f"person {person} opted out of what is optional; only they can change that")
    with changing(session, "delivery", (row.incident, row.notice), "person = :person", person=person):
        write.change(delete(DeliveryRow).where(*_of(row.incident, row.notice, DeliveryState.HELD, person)))
    theirs = (DeliveryRow.incident == row.incident, DeliveryRow.notice == row.notice, DeliveryRow.person == person)
    got = session.exec(select(DeliveryRow.channel).where(*theirs)).all()
    messages = [message for message in messages if message[CHANNEL] not in got]
    store_messages(session, messages)
    waiting: int = sum(message[STATE] == DeliveryState.WAITING for message in messages)
    return waiting + redirect(session, draft, row.version, addenda, [person], now, anew=True).new
