"""The stage of a notice: the stored approvals of a version, and what follows from them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlmodel import Session, col, func, select

from amends.domain.base.value import Span
from amends.domain.notice.notice import Draft, NoticeStage
from amends.domain.team.approval import (
    EXPIRES_AFTER,
    Approval,
    Decision,
    Emergency,
    Standing,
    WantedApprovals,
    standing,
)
from amends.domain.team.member import Member, TeamRole
from amends.domain.team.vote import Subject, VoteKind
from amends.ledger.tables.notice import NoticeRow
from amends.ledger.tables.playbook import PinRow
from amends.ledger.tables.team import VoteRow
from amends.ledger.team import team
from amends.ledger.votes import cast, take_back, votes_of_kind, votes_on

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
    for vote in votes_of_kind(session, incident, VoteKind.NOTICE):
        words.setdefault((vote.about, vote.version), []).append(_approval(vote))
    pairs: dict[tuple[str, int], list[VoteRow]] = {}
    for vote in votes_of_kind(session, incident, VoteKind.EMERGENCY):
        pairs.setdefault((vote.about, vote.version), []).append(vote)
    emergencies = {version: _emergency(pair) for version, pair in pairs.items()}
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
        WantedApprovals(row.binding, draft.approvals, draft.authors),
        words,
        said.members,
        now if expiring else None,
        _expires_after(session, row) if expiring else EXPIRES_AFTER,
        emergency,
    )
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
    return tuple(map(_approval, votes_on(session, subject_of(row))))


def subject_of(row: NoticeRow, kind: VoteKind = VoteKind.NOTICE) -> Subject:
    """Return the subject of votes that this version is, or that its emergency release is."""
    return Subject(row.incident, kind, row.notice, row.version)


def _approval(vote: VoteRow) -> Approval:
    return Approval(
        member=vote.member,
        role=TeamRole(vote.role),
        decision=Decision(vote.says),
        binding=vote.binding,
        at=vote.at,
        note=vote.reason,
        given_by=vote.given_by,
    )


def keep_word(session: Session, row: NoticeRow, word: Approval) -> None:
    """Record a member's approval or rejection in place of an earlier one."""
    subject = subject_of(row)
    take_back(session, [vote for vote in votes_on(session, subject) if vote.member == word.member])
    cast(session, subject, says=word.decision, reason=word.note, **word.model_dump(exclude={"decision", "note"}))


def _said_of(session: Session, row: NoticeRow) -> GivenWords:
    """Return what members have said of this version."""
    version = (row.notice, row.version)
    pair = votes_on(session, subject_of(row, VoteKind.EMERGENCY))
    return GivenWords({version: approvals_of(session, row)}, {version: _emergency(pair)} if pair else {}, team(session))


def _emergency(pair: Sequence[VoteRow]) -> Emergency:
    first, second = pair
    return Emergency(
        first=first.member, second=second.member, why=first.reason, binding=first.binding, at=first.at, **first.detail
    )


def _expires_after(session: Session, row: NoticeRow) -> timedelta:
    """Return when approvals expire by the playbook in force; EXPIRES_AFTER when the playbook does not say."""
    newest = select(func.max(PinRow.number)).where(PinRow.incident == row.incident).scalar_subquery()
    written = col(PinRow.playbook)["approval_expires_after"].as_string()
    text = session.exec(select(written).where(PinRow.incident == row.incident, PinRow.number == newest)).first()
    return Span.parse(text) if text else EXPIRES_AFTER
