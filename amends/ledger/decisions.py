"""Verbs about messages on which only a person may decide."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from amends.domain.errors import NotAllowed, NotInLedger
from amends.domain.letters import Letters
from amends.domain.notice import DeliveryState, Draft
from amends.domain.reach import OPTED_OUT
from amends.domain.team import Member
from amends.ledger.bulk import DELIVERY, spelled, store_messages
from amends.ledger.cascade import reopen
from amends.ledger.notices import EVERYONE, RELEASED, Notices, Post, addressees, notice_row
from amends.ledger.store import Write
from amends.ledger.tables import DeliveryRow, NoticeRow, PersonRow

STATE = DELIVERY.index("state")


class Decisions(Notices):
    """What a member of the team decides about one person's messages."""

    def send_again(self, incident: str, notice: str, person: int, by: Member, now: datetime) -> int:
        """An uncertain message shall go out once more; how many do. Raises NotAllowed."""
        _may_decide(by)
        with self.write() as write:
            write.incident(incident)
            again = write.change(
                update(DeliveryRow)
                .where(
                    col(DeliveryRow.incident) == incident,
                    col(DeliveryRow.notice) == notice,
                    col(DeliveryRow.person) == person,
                    col(DeliveryRow.state) == DeliveryState.UNCERTAIN,
                )
                .values(state=DeliveryState.WAITING, lease=None, detail="", updated_at=now)
            )
            row = notice_row(write.session, incident, notice)
            if again and row:
                reopen(row)
            write.note(now, incident, "sent again", f"{notice} person {person}", actor=by.name, messages=again)
            return again

    def let_go(self, incident: str, notice: str, person: int, by: Member, now: datetime) -> int:
        """Somebody who was held is written to after all, with this notice and those to come; how many messages wait.

        Raises NotAllowed, and NotInLedger when nothing of this notice is held for the person.
        """
        _may_decide(by)
        with self.write() as write:
            write.incident(incident)
            row = notice_row(write.session, incident, notice)
            held = _held(write.session, incident, notice, person)
            if row is None or row.stage not in RELEASED or held is None:
                raise NotInLedger(f"nothing of {notice} is held for person {person}")
            if held.detail == OPTED_OUT:
                raise NotAllowed(f"person {person} opted out of what is optional; only they can change that")
            waiting = _put_in_place(write, row, held, self.letters(write.session, incident), now)
            reopen(row)
            write.note(now, incident, "let go", f"{notice} person {person}", actor=by.name, held_for=held.detail)
            return waiting


def _may_decide(by: Member) -> None:
    if not by.role.may_approve:
        raise NotAllowed(f"{by.name} may not decide this: it needs a role that may approve")


def _held(session: Session, incident: str, notice: str, person: int) -> DeliveryRow | None:
    query = select(DeliveryRow).where(
        DeliveryRow.incident == incident,
        DeliveryRow.notice == notice,
        DeliveryRow.person == person,
        DeliveryRow.state == DeliveryState.HELD,
    )
    return session.exec(query).first()


def _put_in_place(write: Write, row: NoticeRow, held: DeliveryRow, letters: Letters, now: datetime) -> int:
    """The messages that the person would have got, in place of the one that was held."""
    subject = write.session.get_one(PersonRow, (row.incident, held.person))
    subject.hold = ""
    write.session.delete(held)
    write.session.flush()
    draft, connection = Draft.model_validate(row.draft), write.session.connection()
    query = addressees(row.incident, EVERYONE).where(col(PersonRow.number) == subject.number)
    post = Post(draft, row.version, letters, spelled(connection, now))
    messages = post.first_rows(*write.session.execute(query).one())
    store_messages(connection, messages)
    return sum(message[STATE] == DeliveryState.WAITING for message in messages)
