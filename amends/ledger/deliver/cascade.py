"""When a channel has failed a person for good: the next one of the notice's cascade takes over."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, func, select

from amends.domain.case.case import IncidentState, OccurrenceState
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.cascade import next_channel
from amends.domain.law.addendum import Addenda
from amends.domain.notice.notice import Draft, NoticeStage
from amends.ledger.incident.incidents import note_alert
from amends.ledger.notice.first_messages import FirstMessages, addresses, may_have_left
from amends.ledger.notice.notices import PUBLIC, notice_row
from amends.ledger.playbook.occurrences import occurrence_row
from amends.ledger.store.bulk import spelled, store_messages
from amends.ledger.store.session import Write
from amends.ledger.store.tables import DeliveryRow, IncidentRow, NoticeRow, PersonRow, ReleaseRow


def released_last(session: Session, incident: str, notice: str) -> NoticeRow:
    """The latest version of the notice that was let go."""
    here = (ReleaseRow.incident == incident, ReleaseRow.notice == notice)
    version = session.exec(select(func.max(ReleaseRow.version)).where(*here)).one()
    return session.get_one(NoticeRow, (incident, notice, version))


def pass_on(session: Session, draft: Draft, version: int, gone: Sequence[DeliveryRow], now: datetime) -> int:
    """How many of these that came back get a message on the next channel, as this version has it.

    With the first of them the notice is being sent again.
    """
    theirs = sorted(gone, key=lambda row: row.person)
    handed_over = sum(next_message(session, draft, version, row.person, row.variant, now) for row in theirs)
    latest = notice_row(session, draft.incident, draft.notice)
    if handed_over and latest:
        reopen(session, latest)
    return handed_over


def call_after_the_end(write: Write, case: IncidentRow, notice: str, now: datetime) -> None:
    """Call for a person when something is handed over in a closed case, where nobody may look any more."""
    if case.state == IncidentState.CLOSED:
        which = f"{case.id} {notice}"
        go_on = f"`amends deliver {which}` writes to them elsewhere, `amends letters {which}` says whether letters wait"
        note_alert(write, case.id, f"{notice} came back after the end; {go_on}", now)


def next_message(session: Session, draft: Draft, version: int, person: int, name: str, now: datetime) -> bool:
    """Store the message about this person on the next channel, with the same text's name; whether there is one.

    A channel on which they have another address by now, from a corrected list, was not tried. The person is locked, so
    that of two channels that fail them at once the second sees what became of the first. Who calls this for several
    people goes by their numbers. Where it may have left before a backup was restored, it waits for a person.
    """
    if person == PUBLIC or _locked(session, draft.incident, person).hold:
        return False  # somebody who was told, and whom a corrected list has no more, or lets nobody write to
    known = reachable_at(session, draft.incident, person)
    messages = session.exec(
        select(DeliveryRow.channel, DeliveryRow.address_index).where(
            DeliveryRow.incident == draft.incident, DeliveryRow.notice == draft.notice, DeliveryRow.person == person
        )
    ).all()
    there = {(ChannelKind(word), address) for word, address in messages}
    corrected = [channel for channel, _ in there if channel in known and (channel, known[channel]) not in there]
    tried = {channel for channel, _ in there}.difference(corrected)
    channel = next_channel(tried, known.keys(), (*corrected, *draft.cascade))
    if channel is None:
        return False
    connection = session.connection()
    post = FirstMessages(draft, version, Addenda(), spelled(connection, now), may_have_left(session, draft))
    store_messages(connection, [post.row(person, channel, known[channel], name)])
    return True


def _locked(session: Session, incident: str, person: int) -> PersonRow:
    return session.get_one(PersonRow, (incident, person), with_for_update={"key_share": True})


def reachable_at(session: Session, incident: str, person: int) -> dict[ChannelKind, bytes]:
    """Where whoever is written to about this person can be reached: they themselves, or their guardian."""
    about = session.get_one(PersonRow, (incident, person))
    return addresses(session.get_one(PersonRow, (incident, about.guardian)) if about.guardian else about)


AGAIN = {NoticeStage.SENT: NoticeStage.SENDING, NoticeStage.DROPPED: NoticeStage.DRAFTED}


def reopen(session: Session, row: NoticeRow) -> None:
    """A notice that was over goes on, because somebody waits for it once more; so does its turn."""
    if row.stage in AGAIN:
        row.stage = AGAIN[NoticeStage(row.stage)]
    turn = occurrence_row(session, row.incident, row.draft["step"], row.draft["occurrence"])
    if turn and turn.state == OccurrenceState.DONE:
        turn.state, turn.done_at = OccurrenceState.WAITING, None
