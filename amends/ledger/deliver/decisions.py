"""Verbs about messages on which only a person may decide."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete
from sqlmodel import Session, col, select

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.base.value import EVERYONE
from amends.domain.channel.channel import Cause, ChannelKind
from amends.domain.deliver.cascade import starts_as
from amends.domain.deliver.reason import reason
from amends.domain.law.addendum import Addenda
from amends.domain.notice.notice import DeliveryState, Draft
from amends.domain.team.member import Member
from amends.ledger.deliver.cascade import next_message, reachable_at, reopen
from amends.ledger.deliver.deliveries import Deliveries
from amends.ledger.notice.first_messages import FirstMessages, addressees, may_have_left
from amends.ledger.notice.notices import PUBLIC, Notices, notice_row
from amends.ledger.notice.redirects import redirect
from amends.ledger.notice.stage import RELEASED
from amends.ledger.store.bulk import DELIVERY, spelled, store_messages
from amends.ledger.store.session import Store, Write, must_approve
from amends.ledger.store.tables import DeliveryRow, NoticeRow, PersonRow

STATE, CHANNEL, CAUSE = (DELIVERY.index(name) for name in ("state", "channel", "cause"))


class Decisions:
    """What a member of the team decides about people's messages."""

    def __init__(self, store: Store, deliveries: Deliveries, notices: Notices) -> None:
        self._store = store
        self._deliveries = deliveries
        self._notices = notices

    def send_again(self, incident: str, notice: str, person: int | None, by: Member, now: datetime) -> int:
        """An uncertain message shall go out once more, to the address that the list says now; how many do.

        Of everybody only what is uncertain because a backup was restored: what was under way in a crash needs a word
        for each person. Raises NotAllowed, also when by a corrected list none of them can be sent again, and
        NotInLedger when nothing of this notice is uncertain so.
        """
        must_approve(by)
        with self._store.write() as write:
            write.incident(incident)
            query = select(DeliveryRow).where(*_of(incident, notice, DeliveryState.UNCERTAIN, person))
            query = query.where(DeliveryRow.cause == Cause.NOT_KNOWN) if person is None else query
            uncertain = write.session.exec(query.with_for_update()).all()
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
        """Somebody who was held is written to after all, with this notice and those to come; how many messages wait.

        Raises NotAllowed, and NotInLedger when nothing of this notice is held for the person.
        """
        must_approve(by)
        with self._store.write() as write:
            write.incident(incident)
            row = notice_row(write.session, incident, notice)
            query = select(DeliveryRow).where(*_of(incident, notice, DeliveryState.HELD, person))
            held = write.session.exec(query).first()
            if row is None or row.stage not in RELEASED or held is None:
                raise NotInLedger(f"nothing of {notice} is held for person {person}")
            if held.cause == Cause.GONE:
                raise NotAllowed(f"person {person} is not in the list any more; a corrected one can take them in again")
            waiting = _put_in_place(write, row, person, self._notices.addenda(write.session, incident), now)
            reopen(write.session, row)
            write.note(now, incident, "let go", f"{notice} person {person}", actor=by.name, held_for=_reason(held))
            return waiting

    def try_parked(self, incident: str, notice: str, person: int | None, by: Member, now: datetime) -> int:
        """What is parked for this person, or for everybody, is tried again, as if for the first time; how many.

        Raises NotAllowed, and NotInLedger when nothing is parked there.
        """
        must_approve(by)
        with self._store.write() as write:
            parked = _parked(write, incident, notice, person)
            for message in parked:
                message.state, message.attempts = starts_as(ChannelKind(message.channel)), 0
                message.cause, message.detail, message.updated_at = Cause.NONE, "", now
            if row := notice_row(write.session, incident, notice):
                reopen(write.session, row)
            write.note(now, incident, "tried again", _subject(notice, person), actor=by.name, messages=len(parked))
            return len(parked)

    def give_up_parked(self, incident: str, notice: str, person: int | None, by: Member, now: datetime) -> int:
        """What is parked for this person, or for everybody, is not tried any more; how many messages.

        The next channel of the cascade takes over; but what a provider may have all the same is uncertain from now on.
        With the last of them the notice may be sent.
        Raises NotAllowed, also for the page, to which all else leads; NotInLedger when nothing is parked there.
        """
        must_approve(by)
        with self._store.write() as write:
            parked = _parked(write, incident, notice, person)
            if any(message.channel == ChannelKind.WEBSITE for message in parked):
                raise NotAllowed("the page cannot be given up, because every message leads to it; it is tried again")
            taken_over = sum(self._give_up(write.session, message, now) for message in parked)
            if taken_over and (row := notice_row(write.session, incident, notice)):
                reopen(write.session, row)
            done = {"messages": len(parked), "handed_over": taken_over}
            write.note(now, incident, "given up", _subject(notice, person), actor=by.name, **done)
        self._deliveries.finish(incident, notice, now)
        return len(parked)

    def _give_up(self, session: Session, message: DeliveryRow, now: datetime) -> bool:
        """Whether another channel takes over."""
        message.updated_at = now
        if message.doubtful:
            message.state = DeliveryState.UNCERTAIN
            return False
        message.state, message.cause, message.detail = DeliveryState.FAILED, Cause.GIVEN_UP, _reason(message)
        draft = self._notices.drafted(session.get_one(NoticeRow, (message.incident, message.notice, message.version)))
        return next_message(session, draft, message.version, message.person, message.variant, now)


def _reason(message: DeliveryRow) -> str:
    return reason(Cause(message.cause), message.detail, doubtful=message.doubtful)


def _held(session: Session, message: DeliveryRow) -> str:
    """Why nobody may write to its person any more, by a corrected list; or empty."""
    return "" if message.person == PUBLIC else session.get_one(PersonRow, (message.incident, message.person)).hold


def _nowhere(incident: str, notice: str, person: int | None) -> str:
    """Why nothing goes out again, and what can be done about it."""
    who = "these people have" if person is None else f"person {person} has"
    return (
        f"nothing of {notice} goes out again: by the list in force {who} no address for it, or one that another of its "
        f"messages goes to. `amends deliveries {incident} {notice}` says how they stand; once a corrected list gives "
        f"an address (`amends audience correct {incident} FILE`), it can be sent again"
    )


def _once_more(session: Session, message: DeliveryRow, now: datetime) -> bool:
    """Whether an uncertain message waits again; not when its person has no such address any more."""
    address = message.address_index if message.person == PUBLIC else _address_now(session, message)
    if address is None:
        return False
    message.state, message.lease = starts_as(ChannelKind(message.channel)), None
    message.cause, message.detail, message.doubtful = Cause.NONE, "", False
    message.address_index, message.updated_at = address, now
    return True


def _address_now(session: Session, message: DeliveryRow) -> bytes | None:
    """Where it goes by the list in force; None when that is nowhere, or when another message of the notice went there.

    Raises NotAllowed when nobody may write to the person any more.
    """
    if why := _held(session, message):
        raise NotAllowed(f"person {message.person} is not written to any more, by a corrected list: {why}")
    address = reachable_at(session, message.incident, message.person).get(ChannelKind(message.channel))
    same = (
        DeliveryRow.incident == message.incident, DeliveryRow.notice == message.notice,
        DeliveryRow.person == message.person, DeliveryRow.channel == message.channel,
        DeliveryRow.address_index == address, DeliveryRow.id != message.id,
    )  # fmt: skip
    return None if session.exec(select(DeliveryRow.id).where(*same)).first() is not None else address


def _of(incident: str, notice: str, state: DeliveryState, person: int | None) -> list[ColumnElement[bool]]:
    """Conditions that the messages in this state meet, of one person or of everybody."""
    here = [col(DeliveryRow.incident) == incident, col(DeliveryRow.notice) == notice, col(DeliveryRow.state) == state]
    return here if person is None else [*here, col(DeliveryRow.person) == person]


def _parked(write: Write, incident: str, notice: str, person: int | None) -> Sequence[DeliveryRow]:
    """Raises NotInLedger when there is nothing parked."""
    write.incident(incident)
    query = select(DeliveryRow).where(*_of(incident, notice, DeliveryState.PARKED, person))
    parked = write.session.exec(query.with_for_update()).all()
    if not parked:
        raise NotInLedger(f"nothing of {notice} is parked" + ("" if person is None else f" for person {person}"))
    return parked


def _subject(notice: str, person: int | None) -> str:
    return notice if person is None else f"{notice} person {person}"


def _put_in_place(write: Write, row: NoticeRow, person: int, letters: Addenda, now: datetime) -> int:
    """The messages that the person would have got, in place of those that are held; how many of them wait.

    Whom the channels of the step had failed by then gets one on the next.
    """
    session = write.session
    session.get_one(PersonRow, (row.incident, person)).hold = ""
    session.flush()
    query = addressees(row.incident, EVERYONE).where(col(PersonRow.number) == person)
    draft = Draft.model_validate(row.draft)
    post = FirstMessages(draft, row.version, letters, spelled(session.connection(), now), may_have_left(session, draft))
    messages = post.first_rows(*session.execute(query).one())
    if any(message[CAUSE] == Cause.OPTED_OUT for message in messages):
        raise NotAllowed(f"person {person} opted out of what is optional; only they can change that")
    write.change(delete(DeliveryRow).where(*_of(row.incident, row.notice, DeliveryState.HELD, person)))
    theirs = (DeliveryRow.incident == row.incident, DeliveryRow.notice == row.notice, DeliveryRow.person == person)
    got = session.exec(select(DeliveryRow.channel).where(*theirs)).all()
    messages = [message for message in messages if message[CHANNEL] not in got]
    store_messages(session.connection(), messages)
    waiting: int = sum(message[STATE] == DeliveryState.WAITING for message in messages)
    return waiting + redirect(session, draft, row.version, letters, [person], now, anew=True).new
