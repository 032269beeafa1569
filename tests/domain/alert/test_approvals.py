"""Who is reminded of which approval, when and in which words."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from amends.domain.alert.approvals import ApprovalReminder, Occasion, approval_reminders, text, title
from amends.domain.case.states import IncidentState
from amends.domain.law.duty import Addressee, DutyStanding
from amends.domain.notice.notice import NoticeRelease, NoticeStage, NoticeStatus
from amends.domain.team.approval import Approval, ApprovalRule, Decision, WantedApprovals, standing
from amends.domain.team.member import Member, TeamRole
from tests.builders import NOW, a_case, a_duty, a_member, an_assessment

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BINDING = "b" * 64
TEAM = (
    a_member(name="lena", role=TeamRole.COMMUNICATIONS),
    a_member(name="mei", role=TeamRole.LEAD),
    a_member(name="omar", role=TeamRole.LEGAL),
    a_member(name="wei", role=TeamRole.SECURITY),
    a_member(name="priya", role=TeamRole.EXECUTIVE),
    a_member(name="rosa", role=TeamRole.RESPONDER),
    a_member(name="ida", role=TeamRole.LEGAL, active=False),
)
APPROVERS = {"mei", "omar", "wei", "priya"}
"""Those who may approve what lena wrote."""


def a_word(member: str, at: datetime = NOW, given_by: str = "") -> Approval:
    role = next(one.role for one in TEAM if one.name == member)
    return Approval(member=member, role=role, decision=Decision.APPROVE, binding=BINDING, at=at, given_by=given_by)


def a_waiting(
    *words: Approval, asked: Any = 2, now: datetime = NOW, team: tuple[Member, ...] = TEAM, **changes: Any
) -> NoticeStatus:
    """The first notice, drafted at NOW by lena, with these words on it."""
    stands = standing(WantedApprovals(BINDING, ApprovalRule.model_validate(asked), ("lena",)), words, team, now)
    given_: dict[str, Any] = {
        "id": "first-notice",
        "version": 1,
        "template": "first-notice",
        "step": "first-notice",
        "occurrence": 1,
        "authors": ("lena",),
        "stage": NoticeStage.DRAFTED,
        "binding": BINDING,
        "approvals_needed": 2,
        "approvals": stands.approved_by,
        "standing": stands,
        "drafted_at": NOW,
    }
    return NoticeStatus(**(given_ | changes))


def due(notice: NoticeStatus, now: datetime, team: tuple[Member, ...] = TEAM, **case: Any) -> list[ApprovalReminder]:
    return list(approval_reminders(a_case(notices=(notice,), **case), team, now))


def who(reminders: list[ApprovalReminder]) -> dict[str, Occasion]:
    assert len({reminder.to for reminder in reminders}) == len(reminders)
    return {reminder.to: reminder.occasion for reminder in reminders}


def test_who_can_approve_is_told_at_once_and_nobody_else() -> None:
    assert who(due(a_waiting(), NOW)) == dict.fromkeys(APPROVERS, Occasion.NEEDED)


def test_who_has_approved_is_left_in_peace() -> None:
    assert who(due(a_waiting(a_word("omar")), NOW)) == dict.fromkeys(APPROVERS - {"omar"}, Occasion.NEEDED)


def test_only_missing_roles_are_asked_when_only_roles_are_missing() -> None:
    """When no approvals are missing but those of certain roles, only members of the missing roles are reminded."""
    asked = {"needed": 2, "roles": ["legal", "security"]}
    assert who(due(a_waiting(a_word("wei"), asked=asked), NOW)) == {"omar": Occasion.NEEDED}


def test_everybody_is_asked_while_more_than_the_roles_is_missing() -> None:
    asked = {"needed": 3, "roles": ["legal", "security"]}
    assert set(who(due(a_waiting(asked=asked), NOW))) == APPROVERS


def test_they_are_told_again_at_half_time_and_when_it_is_over() -> None:
    moments = (NOW + 12 * HOUR - timedelta(seconds=1), NOW + 12 * HOUR, NOW + 24 * HOUR)
    occasions = [who(due(a_waiting(), now))["omar"] for now in moments]
    assert occasions == [Occasion.NEEDED, Occasion.HALF, Occasion.OVER]


def test_when_the_time_is_over_the_leads_hear_it_whoever_wrote_it() -> None:
    team = (*TEAM, a_member(name="kim", role=TeamRole.LEAD))
    notice = a_waiting(a_word("mei"), authors=("kim",))
    told = who(due(notice, NOW + 24 * HOUR, team))
    assert (told["mei"], told["kim"]) == (Occasion.OVER, Occasion.OVER)
    assert "mei" not in who(due(notice, NOW, team))


def test_an_approved_rejected_sent_or_outdated_draft_reminds_nobody() -> None:
    """A notice that is approved, rejected, being sent or sent reminds nobody, and neither does a draft that must be
    drafted afresh.
    """
    stages = (NoticeStage.APPROVED, NoticeStage.REJECTED, NoticeStage.SENDING, NoticeStage.SENT)
    assert all(due(a_waiting(stage=stage), NOW + DAY) == [] for stage in stages)
    assert due(a_waiting(current=False), NOW + DAY) == []


def test_an_expired_approval_is_asked_for_anew_with_its_own_time() -> None:
    """When an approval has expired, its member is asked again.

    The time for the new approval begins when the old one expired.
    """
    later = NOW + DAY + HOUR
    notice = a_waiting(a_word("omar", NOW + HOUR), a_word("wei", NOW + 2 * HOUR), now=later)
    (again,) = [one for one in due(notice, later) if one.to == "omar"]
    assert (again.occasion, again.since, again.until) == (Occasion.NEEDED, later, later + DAY)


def test_a_new_draft_is_a_new_reminder() -> None:
    old, new = (due(a_waiting(binding=binding), NOW)[0] for binding in (BINDING, "c" * 64))
    assert old.key != new.key


DEPUTY = tuple(
    one.model_copy(update={"deputy": "wei", "deputy_until": NOW + DAY}) if one.name == "omar" else one for one in TEAM
)


def test_the_deputy_is_asked_in_place_of_who_is_away() -> None:
    reminders = {one.to: one for one in due(a_waiting(team=DEPUTY), NOW, DEPUTY)}
    assert (set(reminders), reminders["wei"].speaks_for) == (APPROVERS - {"omar"}, ("omar", "wei"))


def test_an_absent_member_is_asked_if_their_deputy_has_approved() -> None:
    """A deputy who has approved in their own name cannot also speak for the absent member, so the absent member is
    asked after all.
    """
    assert "omar" in who(due(a_waiting(a_word("wei"), team=DEPUTY), NOW, DEPUTY))


def test_who_spoke_for_another_is_asked_for_nothing_more() -> None:
    notice = a_waiting(a_word("omar", given_by="wei"), team=DEPUTY)
    assert set(who(due(notice, NOW, DEPUTY))) == {"mei", "priya"}


def test_a_deputy_hears_anew_when_a_word_that_they_can_give_runs_out() -> None:
    told, later = NOW + 24 * HOUR, NOW + 25 * HOUR
    (before,) = [
        one for one in due(a_waiting(a_word("omar", NOW + HOUR), team=DEPUTY), told, DEPUTY) if one.to == "wei"
    ]
    lapsed = a_waiting(a_word("omar", NOW + HOUR), team=DEPUTY, now=later)
    away = tuple(one.model_copy(update={"deputy_until": NOW + 9 * DAY}) if one.deputy else one for one in DEPUTY)
    (after,) = [one for one in due(lapsed, later, away) if one.to == "wei"]
    assert (before.occasion, before.speaks_for) == (Occasion.OVER, ("wei",))
    assert (after.occasion, after.speaks_for, after.since) == (Occasion.NEEDED, ("omar", "wei"), later)


def test_leads_hear_again_when_an_expired_approval_is_overdue() -> None:
    """The leads are told when the time for the approvals is over.

    When an approval then expires and its new time is over too, they are told once more.
    """
    team, word = (*TEAM, a_member(name="kim", role=TeamRole.LEAD)), a_word("omar", NOW + HOUR)
    first, quiet, again = (
        [one.key for one in due(a_waiting(word, authors=("kim",), now=now), now, team) if one.to == "kim"]
        for now in (NOW + 24 * HOUR, NOW + 26 * HOUR, NOW + 49 * HOUR)
    )
    assert (len(first), quiet, len(again)) == (1, [], 1)
    assert first != again


def owed(**changes: Any) -> dict[str, Any]:
    """A case with one duty to tell people."""
    duty = a_duty(
        **({"id": "gdpr-34", "citation": "Art. 34", "addressee": Addressee.PEOPLE, "due_at": NOW + 30 * HOUR} | changes)
    )
    return {"assessment": an_assessment(duties=(duty,))}


def test_approvers_and_executives_hear_24_h_and_6_h_before_a_deadline() -> None:
    """All approvers and executives are told 24 hours before a legal deadline and again 6 hours before it, the author
    and a member who has approved included. Earlier than 24 hours before, nobody is told of the deadline.
    """
    notice = a_waiting(a_word("omar"))
    early = who(due(notice, NOW + 5 * HOUR, **owed()))
    soon = {one.to for one in due(notice, NOW + 6 * HOUR, **owed()) if one.occasion is Occasion.LEGAL_SOON}
    last = {one.to for one in due(notice, NOW + 24 * HOUR, **owed()) if one.occasion is Occasion.LEGAL_NOW}
    assert not any(occasion.legal for occasion in early.values())
    assert soon == last == {*APPROVERS, "lena"}


def test_a_reminder_of_a_deadline_replaces_the_reminder_to_approve() -> None:
    """A member who is told of a legal deadline gets no second message that the notice waits for approval."""
    told = due(a_waiting(), NOW, **owed(due_at=NOW + 20 * HOUR))
    assert {one.occasion for one in told} == {Occasion.LEGAL_SOON}


def test_a_deadline_that_has_passed_is_still_told_to_whoever_was_not() -> None:
    told = due(a_waiting(), NOW + 40 * HOUR, **owed())
    assert Occasion.LEGAL_NOW in {one.occasion for one in told}


def test_a_deadline_that_moves_is_told_anew() -> None:
    first, moved = (due(a_waiting(), NOW, **owed(due_at=NOW + hours * HOUR))[0].key for hours in (20, 22))
    assert first != moved


def test_of_several_deadlines_the_first_one_counts() -> None:
    duties = [
        a_duty(id=f"d{n}", citation=f"Art. {n}", addressee=Addressee.PEOPLE, due_at=NOW + n * HOUR) for n in (9, 3)
    ]
    told = due(a_waiting(), NOW, assessment=an_assessment(duties=tuple(duties)))
    assert {(one.occasion, one.since) for one in told} == {(Occasion.LEGAL_NOW, NOW + 3 * HOUR)}


def test_deadlines_that_this_notice_does_not_meet_escalate_nothing() -> None:
    soon = {"due_at": NOW + HOUR}
    quiet = [
        owed(addressee=Addressee.AUTHORITY, **soon),
        owed(standing=DutyStanding.EXEMPT, **soon),
        owed(waits=True, **soon),
        owed(**soon) | {"events": {"opened": NOW, "notified": NOW}},
    ]
    for case in quiet:
        assert not any(one.occasion.legal for one in due(a_waiting(), NOW, **case))
    assert not any(one.occasion.legal for one in due(a_waiting(step="survey"), NOW, **owed(**soon)))


def test_a_duty_without_a_date_tells_all_when_the_time_is_over() -> None:
    """A duty without a date means at once, so all approvers and executives are told when the time for the approvals is
    over, the author and a member who has approved included.
    """
    told = who(due(a_waiting(a_word("omar")), NOW + DAY, **owed(due_at=None)))
    assert told == dict.fromkeys({*APPROVERS, "lena"}, Occasion.OVER)


def test_a_paused_incident_is_quiet_but_the_law_does_not_pause() -> None:
    assert due(a_waiting(), NOW + DAY, state=IncidentState.PAUSED) == []
    told = due(a_waiting(), NOW + 24 * HOUR, state=IncidentState.PAUSED, **owed())
    assert {one.occasion for one in told} == {Occasion.LEGAL_NOW}


def test_a_closed_incident_reminds_nobody() -> None:
    assert due(a_waiting(), NOW + DAY, state=IncidentState.CLOSED, **owed()) == []


def test_what_outlives_a_closed_case_is_still_asked_for() -> None:
    ended: dict[str, Any] = {"state": IncidentState.PAUSED, "events": {"opened": NOW, "closed": NOW}}
    kept = a_waiting(id="promise-kept-audit-1", step="chase", about="audit")
    some_have_it = a_waiting(version=2, releases=(NoticeRelease(at=NOW, drafted_at=NOW),))
    for notice in (kept, some_have_it):
        assert set(who(due(notice, NOW, state=IncidentState.CLOSED))) == APPROVERS
        assert due(notice, NOW, **ended) == []


def said(
    to: str, now: datetime = NOW, notice: NoticeStatus | None = None, team: tuple[Member, ...] = TEAM, **case: Any
) -> str:
    reminder = next(one for one in due(notice or a_waiting(team=team), now, team, **case) if one.to == to)
    return f"{title(reminder)}\n{text(reminder, 'Europe/Berlin', now)}"


def test_a_reminder_names_what_is_missing_until_when_and_the_command() -> None:
    assert said("omar") == (
        "first-notice of november-breach waits for your approval\n"
        "Incident november-breach: first-notice waits for 2 more approvals.\n"
        "It should be approved by 2026-11-25 09:00 UTC (10:00 on Wed 25 Nov in Europe/Berlin).\n"
        "Look at it: amends preview november-breach first-notice\n"
        f"Approve it: amends approve november-breach first-notice --as omar --binding {BINDING[:12]}"
    )


def test_a_deputy_is_told_how_to_give_the_others_word() -> None:
    assert "--as wei --for omar" in said("wei", team=DEPUTY)


def test_a_late_reminder_says_so_and_tells_leads_of_the_emergency() -> None:
    words = said("mei", NOW + DAY)
    assert words.startswith("Overdue: first-notice of november-breach is not approved")
    assert "should have been approved by" in words
    assert "--emergency --as mei --with NAME --why REASON" in words


def test_only_leads_and_executives_hear_of_an_emergency_when_overdue() -> None:
    """A reminder mentions the release in an emergency only to leads and executives who may approve the notice, and only
    when the time for the approvals is over.
    """
    notice = a_waiting(authors=("lena", "kim"))
    early, late = (
        {one.to for one in due(notice, now, (*TEAM, a_member(name="kim", role=TeamRole.LEAD))) if one.can_declare}
        for now in (NOW + 12 * HOUR, NOW + DAY)
    )
    assert (early, late) == (set(), {"mei", "priya"})


def test_a_reminder_of_a_deadline_names_the_time_for_approval_too() -> None:
    """A reminder of a legal deadline also says by when the notice should be approved."""
    words = said("priya", NOW + 21 * HOUR, **owed(due_at=NOW + 20 * HOUR))
    assert "people should have been told by 2026-11-25 05:00 UTC" in words
    assert "It should be approved by 2026-11-25 09:00 UTC" in words


def test_a_legal_deadline_stands_in_the_first_line_with_its_law() -> None:
    words = said("priya", NOW, **owed(due_at=NOW + 3 * HOUR))
    assert words.startswith("Legal deadline 2026-11-24 12:00 UTC: first-notice of november-breach is not approved")
    assert "people must be told by 2026-11-24 12:00 UTC" in words
    assert "Art. 34" in words


def test_an_author_hears_that_their_own_word_does_not_help() -> None:
    words = said("lena", NOW, **owed(due_at=NOW + 3 * HOUR))
    assert "ask those who can" in words
    assert "--as lena" not in words


WORDS = st.lists(
    st.builds(a_word, st.sampled_from(sorted(APPROVERS)), st.integers(0, 40).map(lambda hours: NOW + hours * HOUR)),
    max_size=4,
)


@given(WORDS, st.integers(0, 60), st.integers(0, 60), st.sampled_from([None, 1, 10, 30, 50]))
def test_a_reminder_is_due_once_and_nobody_gets_two_of_one_kind(
    words: list[Approval], hours: int, more: int, deadline: int | None
) -> None:
    """For any approvals, times and legal deadline, the same question has the same answer, no member gets two reminders
    with one key, and no new request to approve appears merely because time passes.
    """
    now, later = NOW + hours * HOUR, NOW + (hours + more) * HOUR
    case = owed(due_at=NOW + deadline * HOUR) if deadline else {}
    notice = a_waiting(*(word for word in words if word.at <= now), now=now)
    first, again = due(notice, now, **case), due(notice, now, **case)
    assert first == again
    assert len({(one.to, one.key) for one in first}) == len(first)
    assert all(not (one.occasion is Occasion.NEEDED and one.since > now) for one in due(notice, later, **case))


@given(st.integers(0, 80), st.integers(0, 80))
def test_after_an_outage_only_the_latest_of_each_kind_is_due(hours: int, deadline: int) -> None:
    told = due(a_waiting(), NOW + hours * HOUR, **owed(due_at=NOW + deadline * HOUR))
    for name in {one.to for one in told}:
        mine = [one.occasion for one in told if one.to == name]
        assert sum(occasion.legal for occasion in mine) <= 1
        assert sum(not occasion.legal for occasion in mine) <= 1


def test_a_case_without_a_playbook_reminds_nobody() -> None:
    assert approval_reminders(a_case(notices=(a_waiting(),), playbook=None), TEAM, NOW) == ()
