"""The stage of a notice: the stored approvals of a version, and what follows from them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from amends.domain.base.value import Span
from amends.domain.notice.notice import Draft, NoticeStage
from amends.domain.team.approval import EXPIRES_AFTER, Approval, Decision, Emergency, Standing, standing
from amends.domain.team.member import TeamRole
from amends.ledger.store.tables import ApprovalRow, EmergencyRow, NoticeRow, PinRow
from amends.ledger.team import team

RELEASED = (NoticeStage.SENDING, NoticeStage.SENT)
"""The stages of a released version, which nobody can take back."""


def standing_of(session: Session, row: NoticeRow, draft: Draft, now: datetime | None = None) -> Standing:
    """Return the standing of this version, by the approvals of members who are in the team now.

    With `now`, expired approvals do not count; after the release no approval expires.
    """
    words, emergency, released = approvals_of(session, row), emergency_of(session, row), row.stage in RELEASED
    expiring = now is not None and bool(words or emergency) and not released
    stands = standing(
        row.binding, draft.approvals, draft.authors, words, team(session),
        now if expiring else None, _expires_after(session, row) if expiring else EXPIRES_AFTER, emergency,
    )  # fmt: skip
    # An emergency release stays one when the members who released the version leave the team.
    return stands.model_copy(update={"emergency": emergency}) if released else stands


def stage_of(row: NoticeRow, stands: Standing) -> NoticeStage:
    """Return the stage of this version with this standing; a stage of a release or a dropped notice stays."""
    if row.stage in (*RELEASED, NoticeStage.DROPPED):
        return NoticeStage(row.stage)
    if stands.rejected_by:
        return NoticeStage.REJECTED
    return NoticeStage.APPROVED if stands.still_needed == 0 else NoticeStage.DRAFTED


def approvals_of(session: Session, row: NoticeRow) -> tuple[Approval, ...]:
    """Return the latest approval or rejection of each member on this version, the earliest first."""
    return tuple(
        Approval(
            member=word.member,
            role=TeamRole(word.role),
            decision=Decision(word.decision),
            binding=word.binding,
            at=word.at,
            note=word.note,
            given_by=word.given_by,
        )
        for word in _words(session, row)
    )


def keep_word(session: Session, row: NoticeRow, word: Approval) -> None:
    """Record a member's approval or rejection in place of an earlier one; the audit chain keeps them all."""
    for said in _words(session, row):
        if said.member == word.member:
            session.delete(said)
    session.flush()
    session.add(ApprovalRow(incident=row.incident, notice=row.notice, version=row.version, **word.model_dump()))
    session.flush()


def _words(session: Session, row: NoticeRow) -> Sequence[ApprovalRow]:
    query = select(ApprovalRow).where(
        ApprovalRow.incident == row.incident, ApprovalRow.notice == row.notice, ApprovalRow.version == row.version
    )
    return session.exec(query.order_by(col(ApprovalRow.id))).all()


def emergency_of(session: Session, row: NoticeRow) -> Emergency | None:
    """Return the emergency release of this version, which needs fewer approvals, or None."""
    kept = session.get(EmergencyRow, (row.incident, row.notice, row.version))
    return Emergency.model_validate(kept.model_dump(include=set(Emergency.model_fields))) if kept else None


def _expires_after(session: Session, row: NoticeRow) -> timedelta:
    """Return when approvals expire by the playbook in force; EXPIRES_AFTER when the playbook does not say."""
    newest = select(func.max(PinRow.number)).where(PinRow.incident == row.incident).scalar_subquery()
    written = col(PinRow.playbook)["approval_expires_after"].as_string()
    text = session.exec(select(written).where(PinRow.incident == row.incident, PinRow.number == newest)).first()
    return Span.parse(text) if text else EXPIRES_AFTER
