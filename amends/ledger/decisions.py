"""Verbs about messages on which only a person may decide."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from amends.domain.errors import NotAllowed, NotInLedger
from amends.domain.notice import DeliveryState, Draft, NoticeStage
from amends.domain.team import Member
from amends.ledger.notices import RELEASED, addressees_of, first_rows, letters_in_force, notice_row
from amends.ledger.store import Store, Write
from amends.ledger.tables import DeliveryRow, NoticeRow, PersonRow


class Decisions(Store):
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
                .values(state=DeliveryState.WAITING, detail="", updated_at=now)
            )
            row = notice_row(write.session, incident, notice)
            if again and row:
                _reopen(row)
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
            waiting = _put_in_place(write, row, held, now)
            _reopen(row)
            write.note(now, incident, "let go", f"{notice} person {person}", actor=by.name, held_for=held.detail)
            return waiting


def _may_decide(by: Member) -> None:
    if not by.role.may_approve:
        raise NotAllowed(f"{by.name} may not decide this: it needs a role that may approve")


def _reopen(row: NoticeRow) -> None:
    if row.stage == NoticeStage.SENT:
        row.stage = NoticeStage.SENDING


def _held(session: Session, incident: str, notice: str, person: int) -> DeliveryRow | None:
    query = select(DeliveryRow).where(
        DeliveryRow.incident == incident,
        DeliveryRow.notice == notice,
        DeliveryRow.person == person,
        DeliveryRow.state == DeliveryState.HELD,
    )
    return session.exec(query).first()


def _put_in_place(write: Write, row: NoticeRow, held: DeliveryRow, now: datetime) -> int:
    """The messages that the person would have got, in place of the one that was held."""
    subject = write.session.get_one(PersonRow, (row.incident, held.person))
    subject.hold = ""
    addressees = addressees_of(write.session, row.incident, [subject])
    letters = letters_in_force(write.session, row.incident)
    messages = first_rows(Draft.model_validate(row.draft), row.version, subject, addressees, letters, now)
    write.session.delete(held)
    write.session.flush()
    write.session.add_all(DeliveryRow(**message) for message in messages)
    return sum(message["state"] == DeliveryState.WAITING for message in messages)
