"""Approvals of a notice: record, refuse and override them. The audit chain has each attempt, also a refused one."""

from datetime import datetime

from sqlmodel import Session

from amends.domain.base.errors import NotAllowed, Refusal
from amends.domain.base.text import minute
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.notice.notice import Draft, NoticeStage
from amends.domain.playbook.checks import HOW_TO_ADD, too_few
from amends.domain.playbook.playbook import Event
from amends.domain.team.approval import (
    Approval,
    Decision,
    Emergency,
    why_not_approve,
    why_not_release_in_emergency,
    why_not_speak_for,
    why_not_speak_twice,
)
from amends.domain.team.member import Member
from amends.domain.team.vote import VoteKind
from amends.ledger.incident.incidents import happened, note_alert
from amends.ledger.notice.codes import why_not_enough_codes
from amends.ledger.notice.notices import Notices, existing_row, why_not_fit, why_not_release
from amends.ledger.notice.stage import RELEASED, approvals_of, keep_word, stage_of, standing_of, subject_of
from amends.ledger.store.session import Store, Transaction
from amends.ledger.tables.notice import NoticeRow, ReleaseRow
from amends.ledger.team import team
from amends.ledger.votes import cast, take_back, votes_on


class Approvals:
    """The approvals of a ledger; members who decide at the same time are served one after another."""

    def __init__(self, store: Store, notices: Notices) -> None:
        self._store = store
        self._notices = notices

    def decide(
        self,
        incident: str,
        notice: str,
        member: Member,
        decision: Decision,
        binding: str,
        note: str,
        now: datetime,
        *,
        in_place_of: str = "",
    ) -> NoticeStage:
        """Record a member's decision on exactly the draft with this binding, and return the notice's new stage.

        A deputy decides in the place of an absent member. Raises NotAllowed when this member may not decide, when the
        decision was made already, when the draft is another one by now, and when an approval finds that not every
        person's message can be composed. Raises LedgerRestored.
        """
        with self._store.write() as write:
            self._store.refuse_if_restored(write.session)
            write.incident(incident)
            row = existing_row(write.session, incident, notice)
            draft = self._notices.drafted(row)
            refusal = (
                _why_not_speak(write.session, row, draft, member, in_place_of, now)
                or _why_not_open(write.session, row, draft, binding, now)
                or (why_not_fit(row) if decision is Decision.APPROVE else None)
                or (why_not_enough_codes(write.session, row, now) if decision is Decision.APPROVE else None)
            )
            detail = {"binding": binding, **({"in_place_of": in_place_of} if in_place_of else {})}
            if refusal is None:
                whose = _whose(write.session, member, in_place_of)
                deputy = member.name if in_place_of else ""
                word = Approval(
                    member=whose.name,
                    role=whose.role,
                    decision=decision,
                    binding=binding,
                    at=now,
                    note=note,
                    given_by=deputy,
                )
                keep_word(write.session, row, word)
                _take_stage(write.session, row, draft, now)
                write.note(now, incident, decision, _subject(row), actor=member.name, note=note, **detail)
            else:
                _note_refusal(write, row, decision, member, {"why": refusal, **detail}, now)
        if refusal:
            raise NotAllowed(refusal)
        return NoticeStage(row.stage)

    def release_in_emergency(
        self, incident: str, notice: str, first: Member, second: Member, binding: str, why: str, now: datetime
    ) -> Emergency:
        """Record that two members release exactly this draft with too few approvals, and alert the lead.

        Raises NotAllowed when these two may not release it, when somebody rejected the draft, when the draft has its
        approvals anyway, and whenever nobody could approve the draft.
        """
        with self._store.write() as write:
            self._store.refuse_if_restored(write.session)
            write.incident(incident)
            row = existing_row(write.session, incident, notice)
            draft = self._notices.drafted(row)
            stands = standing_of(write.session, row, draft, now)
            two = _as_now(write.session, first), _as_now(write.session, second)
            refusal = (
                _why_not_open(write.session, row, draft, binding, now)
                or _why_not_by_authors(write.session, draft, first, second)
                or why_not_release_in_emergency(*two, draft.authors, stands, why)
                or why_not_fit(row)
                or why_not_enough_codes(write.session, row, now)
            )
            if refusal is None:
                emergency = Emergency(
                    first=first.name,
                    second=second.name,
                    why=why,
                    binding=binding,
                    at=now,
                    given=len(stands.approved_by),
                    needed=draft.approvals.needed,
                )
                _keep_emergency(write, row, draft, emergency, (first, second))
                _take_stage(write.session, row, draft, now)
            else:
                detail = {"why": refusal, "binding": binding, "second": second.name}
                _note_refusal(write, row, "emergency release", first, detail, now)
        if refusal:
            raise NotAllowed(refusal)
        return emergency


def _take_stage(session: Session, row: NoticeRow, draft: Draft, now: datetime) -> None:
    """Store the notice's stage after a decision; the first approved notice is an event of the case."""
    row.stage = stage_of(row, standing_of(session, row, draft, now))
    if row.stage == NoticeStage.APPROVED:
        happened(session, row.incident, Event.APPROVED, now)


def _subject(row: NoticeRow) -> str:
    return f"{row.notice} v{row.version}"


def _note_refusal(
    write: Transaction, row: NoticeRow, act: str, member: Member, detail: dict[str, str], now: datetime
) -> None:
    """Record a refused decision in the audit chain, because an attempt is part of the history of the incident."""
    write.note(now, row.incident, f"{act} refused", _subject(row), actor=member.name, **detail)


def _why_not_speak(
    session: Session, row: NoticeRow, draft: Draft, member: Member, in_place_of: str, now: datetime
) -> Refusal | None:
    words = [word for word in approvals_of(session, row) if word.binding == row.binding]
    lapsed = standing_of(session, row, draft, now).expired
    here = {one.name for one in team(session) if one.active}
    heard = [word for word in words if word.member not in lapsed and {word.member, word.by} <= here]
    refusal = _why_not_by_authors(session, draft, member) or why_not_approve(member, draft.authors)
    if in_place_of and not refusal:
        absent = next((one for one in team(session) if one.name == in_place_of), None)
        gone = Refusal(f"{in_place_of} is not in the team")
        refusal = why_not_speak_for(absent, member, draft.authors, now) if absent else gone
    return refusal or why_not_speak_twice(heard, member.name, in_place_of or member.name, row.notice)


def _why_not_by_authors(session: Session, draft: Draft, *members: Member) -> Refusal | None:
    """Return why an author among these members may not decide, or None when none of them is an author.

    When too few other members are left, the refusal also says how to add members.
    """
    author = next((member for member in members if member.name in draft.authors), None)
    refusal = why_not_approve(author, draft.authors) if author else None
    if refusal is None:
        return None
    lacking = too_few(draft.approvals, team(session), draft.authors)
    return Refusal("; ".join((refusal, *lacking, *([HOW_TO_ADD] if lacking else []))))


def _why_not_open(session: Session, row: NoticeRow, draft: Draft, binding: str, now: datetime) -> Refusal | None:
    """Return why nobody can decide on this version any more, or None when members can."""
    if row.stage in RELEASED:
        release = session.get_one(ReleaseRow, (row.incident, row.notice, row.version))
        return Refusal(f"{row.notice} has been released already, {_at(release.at)}; your word changes nothing any more")
    look = f"look at it again with `amends preview {row.incident} {row.notice}`"
    if row.stage == NoticeStage.DROPPED:
        return Refusal(f"{row.notice} is dropped: the list of people has nobody left whom it would tell")
    if row.binding != binding:
        made = f"version {row.version}, drafted {_at(row.drafted_at)}"
        return Refusal(f"{row.notice} is another by now than the one you looked at: {made}; {look}")
    by = standing_of(session, row, draft).rejected_by
    if no := next((word for word in approvals_of(session, row) if word.member == by), None):
        return Refusal(f"{row.notice} was rejected by {no.member}, {_at(no.at)}; it must be drafted anew")
    return why_not_release(session, draft, now)


def _at(moment: datetime) -> str:
    return f"at {minute(moment)}"


def _whose(session: Session, speaker: Member, in_place_of: str) -> Member:
    """Return the member whose word it is: the speaker, or the absent member for whom a deputy speaks."""
    return next(member for member in team(session) if member.name == in_place_of) if in_place_of else speaker


def _as_now(session: Session, member: Member) -> Member:
    """Return the member as the team has them now; a member who has left the team is not active."""
    gone = member.model_copy(update={"active": False})
    return next((one for one in team(session) if one.name == member.name), gone)


def _keep_emergency(
    write: Transaction, row: NoticeRow, draft: Draft, emergency: Emergency, two: tuple[Member, Member]
) -> None:
    subject, why, now = subject_of(row, VoteKind.EMERGENCY), emergency.why, emergency.at
    take_back(write.session, votes_on(write.session, subject))  # of an emergency that has expired
    stood = {"given": emergency.given, "needed": emergency.needed}
    for member in two:
        words = {"reason": why, "detail": stood, "at": now}
        cast(write.session, subject, member=member.name, role=member.role, binding=row.binding, **words)
    detail = {"second": emergency.second, "why": why, "given": emergency.given, "needed": str(draft.approvals)}
    who = emergency.first
    write.note(now, row.incident, "EMERGENCY RELEASE", _subject(row), actor=who, binding=row.binding, **detail)
    released = AlertId(AlertKind.EMERGENCY, _subject(row), minute(now))
    note_alert(write, row.incident, Alert(released, f"EMERGENCY: {_subject(row)} was {emergency}", now))
