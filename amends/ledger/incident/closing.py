"""The closing of a case in the ledger: criteria that two people pass over, and commitments that are carried over."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.base.text import minute
from amends.domain.case.states import LastSigns
from amends.domain.incident.commitment import CommitmentState
from amends.domain.notice.notice import DeliveryState
from amends.domain.playbook.closing import CarriedOver, ClosingOverride, Criterion, UnmetCriterion, why_not_override
from amends.domain.team.member import Member
from amends.domain.team.vote import Subject, Vote, VoteKind
from amends.ledger.store.session import Store
from amends.ledger.tables.audit import AuditRow
from amends.ledger.tables.commitment import CarriedOverRow, CommitmentRow
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.feedback import QuestionRow
from amends.ledger.tables.team import VoteRow
from amends.ledger.votes import cast, votes_of_kind, votes_on

RECEIPTS = (DeliveryState.DELIVERED, DeliveryState.BOUNCED, DeliveryState.COMPLAINED)
"""The states that a message gets only by what a channel, a mailbox or a person answers."""
CORRECTED = "audience corrected"


class Closing:
    """The overrides of closing criteria, and the commitments that go on after the closing, of all incidents."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def override(self, incident: str, unmet: UnmetCriterion, by: Member, reason: str, now: datetime) -> ClosingOverride:
        """Record the member's word that a criterion is passed over, and return the override as it stands now.

        The word counts for what is missing now alone. The same member's word again changes nothing. Raises NotAllowed
        for a member, criterion or reason that cannot pass, and when nothing is missing; NotInLedger.
        """
        criterion, binding, missing = unmet
        if refusal := why_not_override(by, criterion, reason):
            raise NotAllowed(refusal)
        if not missing:
            raise NotAllowed(f"{criterion} is met, or passed over already; there is nothing to pass over")
        with self._store.write() as write:
            write.incident(incident)
            subject = Subject(incident, VoteKind.CLOSING, criterion)
            if not any((vote.member, vote.binding) == (by.name, binding) for vote in votes_on(write.session, subject)):
                state = {"covers": [key for key, _ in missing], "what": [what for _, what in missing]}
                word = {"binding": binding, "reason": reason.strip()}
                cast(write.session, subject, member=by.name, role=by.role, at=now, detail=state, **word)
                said = {**word, "missing": len(missing), "what": state["what"]}
                write.note(now, incident, "closing override", criterion, actor=by.name, **said)
            found = overrides_of(write.session, incident)
            return next(one for one in found if (one.criterion, one.binding) == (criterion, binding))

    def carry_over(self, incident: str, commitment: str, owner: str, due_at: datetime, by: str, now: datetime) -> None:
        """Record that a commitment goes on after the case is closed, with its owner and the date that it has now.

        The same again changes nothing; another owner or date replaces the first. Raises NotAllowed for a commitment
        that has ended, for another date than that of the commitment, and for one that has passed; NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            promised = write.session.get(CommitmentRow, (incident, commitment), with_for_update=True)
            _refuse_to_carry(incident, commitment, promised, due_at, now)
            carried = write.session.get(CarriedOverRow, (incident, commitment))
            if carried is not None and (carried.owner, carried.due_at) == (owner, due_at):
                return
            if carried is None:
                row = CarriedOverRow(
                    incident=incident, commitment=commitment, owner=owner, due_at=due_at, by=by, at=now
                )
                write.session.add(row)
            else:
                carried.owner, carried.due_at, carried.by, carried.at = owner, due_at, by, now
            detail = {"owner": owner, "due": due_at.isoformat()}
            write.note(now, incident, "commitment carried over", commitment, actor=by, **detail)


def _refuse_to_carry(
    incident: str, commitment: str, row: CommitmentRow | None, due_at: datetime, now: datetime
) -> None:
    if row is None:
        raise NotInLedger(f"incident {incident} has no commitment {commitment}; `amends commitments list {incident}`")
    if row.state != CommitmentState.OPEN:
        raise NotAllowed(f"{commitment} is {row.state} already")
    if (row.new_due_at or row.due_at) != due_at:
        raise NotAllowed(f"{commitment} is due {minute(row.new_due_at or row.due_at)}, not {minute(due_at)}")
    if due_at <= now:
        raise NotAllowed(f"{commitment} was due {minute(due_at)}; carry it over to a day to come")


def overrides_of(session: Session, incident: str) -> tuple[ClosingOverride, ...]:
    """Return the overrides of an incident, those in force and those that wait for a second person."""
    groups: dict[tuple[str, str], list[VoteRow]] = {}
    for vote in votes_of_kind(session, incident, VoteKind.CLOSING):
        groups.setdefault((vote.about, vote.binding), []).append(vote)
    overrides = [_override(sorted(group, key=lambda vote: (vote.at, vote.member))) for group in groups.values()]
    return tuple(sorted(overrides, key=lambda over: (over.voices[0].at, over.criterion, over.binding)))


def _override(votes: Sequence[VoteRow]) -> ClosingOverride:
    voices = tuple(Vote(by=vote.member, role=vote.role, reason=vote.reason, at=vote.at) for vote in votes)
    first = votes[0]
    return ClosingOverride(
        criterion=Criterion(first.about),
        binding=first.binding,
        covers=tuple(first.detail["covers"]),
        what=tuple(first.detail["what"]),
        voices=voices,
    )


def carried_over(session: Session, incident: str) -> tuple[CarriedOver, ...]:
    """Return the commitments of an incident that were carried over."""
    query = select(CarriedOverRow).where(CarriedOverRow.incident == incident).order_by(col(CarriedOverRow.commitment))
    return tuple(row.as_value(CarriedOver) for row in session.exec(query))


def last_question_at(session: Session, incident: str) -> datetime | None:
    """Return when the last question of an incident was asked, or None."""
    return session.exec(select(func.max(QuestionRow.asked_at)).where(QuestionRow.incident == incident)).one()


def last_receipt_at(session: Session, incident: str, notices: Collection[str]) -> datetime | None:
    """Return when the last receipt for a message of these notices came, or None. Reads all their messages."""
    here = (DeliveryRow.incident == incident, col(DeliveryRow.notice).in_(notices))
    answered = col(DeliveryRow.state).in_([state.value for state in RECEIPTS])
    return session.exec(select(func.max(DeliveryRow.updated_at)).where(*here, answered)).one()


def last_latecomer_at(session: Session, incident: str) -> datetime | None:
    """Return when the list of an incident was last corrected, or None."""
    corrected = (AuditRow.incident == incident, AuditRow.act == CORRECTED)
    return session.exec(select(func.max(AuditRow.at)).where(*corrected)).one()


def last_signs(latest: Sequence[datetime | None]) -> LastSigns:
    """Return the last signs from the times of the last question, receipt and latecomer."""
    question, receipt, latecomer = latest
    return LastSigns(question_at=question, receipt_at=receipt, latecomer_at=latecomer)
