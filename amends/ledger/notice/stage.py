"""The stage of a notice: the stored approvals of a version, and what follows from them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlmodel import Session, col, func, select

from amends.domain.base.value import Span
from amends.domain.notice.notice import Draft, NoticeStage
from amends.domain.team.approval import EXPIRES_AFTER, Approval, Decision, Emergency, Standing, standing
from amends.domain.team.member import Member, TeamRole
from amends.ledger.store.tables import ApprovalRow, EmergencyRow, NoticeRow, PinRow
from amends.ledger.team import team

RELEASED = (NoticeStage.SENDING, NoticeStage.SENT)
"""The stages of a released version, which nobody can take back."""


class GivenWords(NamedTuple):
    """The approvals and emergency releases of versions of notices, each by notice and number; and the team."""

    words: Mapping[tuple[str, int], Sequence[Approval]]
    """The latest approval or rejection of each member, the earliest first."""
    emergencies: Mapping[tuple[str, int], Emergency]
    """The emergency releases, which need fewer approvals."""
    members: tuple[Member, ...]


def said_of_all(session: Session, incident: str) -> GivenWords:
    """Return what members have said of all notices of an incident, for whoever asks of many of them."""
    words: dict[tuple[str, int], list[Approval]] = {}
    approvals = select(ApprovalRow).where(ApprovalRow.incident == incident).order_by(col(ApprovalRow.id))
    for row in session.exec(approvals):
        words.setdefault((row.notice, row.version), []).append(_approval(row))
    released = session.exec(select(EmergencyRow).where(EmergencyRow.incident == incident))
    emergencies = {(row.notice, row.version): _emergency(row) for row in released}
    return GivenWords(words, emergencies, team(session))


def standing_of(
    session: Session, row: NoticeRow, draft: Draft, now: datetime | None = None, said: GivenWords | None = None
) -> Standing:
    """Return the standing of this version, by the approvals of members who are in the team now.

    With `now`, expired approvals do not count; after the release no approval expires. Nothing that `said` has is read
    again.
    """
    said, released, version = said or _said_of(session, row), row.stage in RELEASED, (row.notice, row.version)
    words, emergency = said.words.get(version, ()), said.emergencies.get(version)
    expiring = now is not None and bool(words or emergency) and not released
    stands = standing(
        row.binding, draft.approvals, draft.authors, words, said.members,
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
    return tuple(map(_approval, _words(session, row)))


def _approval(word: ApprovalRow) -> Approval:
    return Approval(
        member=word.member,
        role=TeamRole(word.role),
        decision=Decision(word.decision),
        binding=word.binding,
        at=word.at,
        note=word.note,
        given_by=word.given_by,
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


def _said_of(session: Session, row: NoticeRow) -> GivenWords:
    """Return what members have said of this version."""
    version = (row.notice, row.version)
    kept = session.get(EmergencyRow, (row.incident, *version))
    return GivenWords({version: approvals_of(session, row)}, {version: _emergency(kept)} if kept else {}, team(session))


def _emergency(row: EmergencyRow) -> Emergency:
    return Emergency.model_validate(row.model_dump(include=set(Emergency.model_fields)))


def _expires_after(session: Session, row: NoticeRow) -> timedelta:
    """Return when approvals expire by the playbook in force; EXPIRES_AFTER when the playbook does not say."""
    newest = select(func.max(PinRow.number)).where(PinRow.incident == row.incident).scalar_subquery()
    written = col(PinRow.playbook)["approval_expires_after"].as_string()
    text = session.exec(select(written).where(PinRow.incident == row.incident, PinRow.number == newest)).first()
    return Span.parse(text) if text else EXPIRES_AFTER
