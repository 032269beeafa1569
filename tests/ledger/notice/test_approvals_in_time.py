"""Approvals by role, for a time, by deputies, and without them in an emergency; all of it is in the audit chain."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from amends.domain.base.errors import ApprovalMissing, KeyMissing, NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.notice.notice import Draft, NoticeStage, NoticeStatus
from amends.domain.team.approval import Decision
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from amends.ledger.tables.team import MemberRow
from tests.builders import NOW, a_draft, a_person, a_playbook, a_wording, an_incident
from tests.delivery.sending import INCIDENT, NOTICE, bound, looked_over

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TEAM = {
    "lena": TeamRole.COMMUNICATIONS,
    "mei": TeamRole.LEAD,
    "omar": TeamRole.LEGAL,
    "wei": TeamRole.SECURITY,
    "priya": TeamRole.EXECUTIVE,
}
OMAR, WEI, MEI, PRIYA, LENA = (Member(name=name, role=TEAM[name]) for name in ("omar", "wei", "mei", "priya", "lena"))
BY_ROLE = {"needed": 2, "roles": ["legal", "security"]}


def drafted(ledger: Ledger, playbook: dict[str, Any] | None = None, **changes: Any) -> Draft:
    """An incident with a team, and a draft that nobody has decided on."""
    ledger.incidents.open(an_incident(), [a_person(number=1)], "lena", NOW)
    ledger.playbooks.pin(INCIDENT, a_playbook(**(playbook or {})), a_wording(), "lena", NOW)
    for name, role in TEAM.items():
        ledger.team.add(name, role, "mei", NOW)
    return again(ledger, **changes)


def again(ledger: Ledger, **changes: Any) -> Draft:
    """Drafted from the facts as they are now, and looked over."""
    draft = a_draft(**(bound(ledger) | changes))
    ledger.notices.draft(draft, NOW)
    looked_over(ledger, draft)
    return draft


def approve(ledger: Ledger, draft: Draft, *members: Member, after: timedelta = timedelta(0), place: str = "") -> None:
    for member in members:
        ledger.approvals.decide(
            INCIDENT, NOTICE, member, Decision.APPROVE, draft.binding, "", NOW + after, in_place_of=place
        )


def status(ledger: Ledger, after: timedelta = timedelta(0)) -> NoticeStatus:
    (notice,) = ledger.cases.read(INCIDENT, NOW + after).notices
    return notice


def acts(ledger: Ledger) -> list[tuple[str, str]]:
    return [(entry.actor, entry.act) for entry in ledger.audit.entries(INCIDENT)]


def test_it_leaves_once_each_role_has_approved(ledger: Ledger) -> None:
    draft = drafted(ledger, approvals=BY_ROLE)
    approve(ledger, draft, OMAR, PRIYA)
    with pytest.raises(ApprovalMissing, match="1 more approval, by security"):
        ledger.notices.release(INCIDENT, NOTICE, NOW)
    approve(ledger, draft, WEI)
    assert ledger.notices.release(INCIDENT, NOTICE, NOW).binding == draft.binding


def test_a_draft_with_roles_comes_back_as_it_was(ledger: Ledger) -> None:
    draft = drafted(ledger, approvals=BY_ROLE)
    assert ledger.notices.latest_draft(INCIDENT, NOTICE) == draft


def test_an_approval_that_is_a_day_old_must_be_given_anew(ledger: Ledger) -> None:
    draft = drafted(ledger)
    approve(ledger, draft, OMAR)
    approve(ledger, draft, WEI, after=HOUR)
    assert status(ledger, DAY - HOUR).stage is NoticeStage.APPROVED
    stands = status(ledger, DAY).standing
    assert (status(ledger, DAY).stage, stands.approved_by) == (NoticeStage.DRAFTED, ("wei",))
    assert stands.expired == {"omar": NOW + DAY}
    with pytest.raises(ApprovalMissing, match="given anew: omar"):
        ledger.notices.release(INCIDENT, NOTICE, NOW + DAY)


def test_an_approval_that_is_given_anew_counts_from_then_on(ledger: Ledger) -> None:
    draft = drafted(ledger)
    approve(ledger, draft, OMAR, WEI)
    approve(ledger, draft, OMAR, WEI, after=DAY)
    assert status(ledger, 2 * DAY - HOUR).stage is NoticeStage.APPROVED
    ledger.notices.release(INCIDENT, NOTICE, NOW + 2 * DAY - HOUR)


def test_the_playbook_says_how_long_an_approval_counts(ledger: Ledger) -> None:
    draft = drafted(ledger, {"approval_expires_after": "2h"})
    approve(ledger, draft, OMAR, WEI)
    assert status(ledger, HOUR).stage is NoticeStage.APPROVED
    assert status(ledger, 2 * HOUR).stage is NoticeStage.DRAFTED


def test_the_end_of_its_approvals_does_not_touch_a_released_notice(ledger: Ledger) -> None:
    """A released notice keeps its approvals and goes on being sent long after the approvals would have run out."""
    draft = drafted(ledger)
    approve(ledger, draft, OMAR, WEI)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    much_later = status(ledger, 90 * DAY)
    assert (much_later.stage, much_later.approvals) == (NoticeStage.SENDING, ("omar", "wei"))
    assert much_later.standing.expired == {}
    assert ledger.notices.release(INCIDENT, NOTICE, NOW + 90 * DAY).binding == draft.binding
    assert ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 9, NOW + 90 * DAY)


def test_a_try_that_is_refused_is_in_the_audit_chain_with_the_reason(ledger: Ledger) -> None:
    draft = drafted(ledger)
    with pytest.raises(NotAllowed):
        approve(ledger, draft, LENA)
    last = ledger.audit.entries(INCIDENT)[-1]
    assert (last.actor, last.act, last.subject) == ("lena", "approve refused", f"{NOTICE} v1")
    assert "wrote this notice" in str(last.detail["why"])
    assert ledger.audit.verify() == ()


def test_who_comes_too_late_is_told_what_happened(ledger: Ledger) -> None:
    old = drafted(ledger)
    ledger.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    new = again(ledger)
    with pytest.raises(NotAllowed, match=r"another by now .* version 2, drafted at 2026-11-24 09:00 UTC; look at it"):
        approve(ledger, old, OMAR)
    ledger.approvals.decide(INCIDENT, NOTICE, WEI, Decision.REJECT, new.binding, "", NOW + HOUR)
    with pytest.raises(NotAllowed, match="was rejected by wei, at 2026-11-24 10:00 UTC"):
        approve(ledger, new, OMAR, after=HOUR)


def test_who_comes_after_a_rejection_is_told_whose_it_was_and_when(ledger_on_sqlite: Ledger) -> None:
    draft = drafted(ledger_on_sqlite)
    approve(ledger_on_sqlite, draft, OMAR)
    ledger_on_sqlite.approvals.decide(INCIDENT, NOTICE, WEI, Decision.REJECT, draft.binding, "", NOW + HOUR)
    with pytest.raises(NotAllowed, match="was rejected by wei, at 2026-11-24 10:00 UTC"):
        approve(ledger_on_sqlite, draft, PRIYA, after=2 * HOUR)


def test_nobody_approves_what_names_a_time_that_has_passed(ledger_on_sqlite: Ledger) -> None:
    draft = drafted(ledger_on_sqlite, next_news_at=NOW + HOUR)
    approve(ledger_on_sqlite, draft, OMAR)
    with pytest.raises(NotAllowed):
        approve(ledger_on_sqlite, draft, WEI, after=2 * HOUR)
    with pytest.raises(NotAllowed):
        ledger_on_sqlite.approvals.release_in_emergency(
            INCIDENT, NOTICE, MEI, PRIYA, draft.binding, "fire", NOW + 2 * HOUR
        )


def test_that_a_notice_has_all_its_approvals_is_an_event_of_the_case(ledger_on_sqlite: Ledger) -> None:
    draft = drafted(ledger_on_sqlite)
    approve(ledger_on_sqlite, draft, OMAR)
    assert "approved" not in ledger_on_sqlite.cases.read(INCIDENT).events
    approve(ledger_on_sqlite, draft, WEI, after=HOUR)
    approve(ledger_on_sqlite, draft, PRIYA, after=2 * HOUR)
    assert ledger_on_sqlite.cases.read(INCIDENT).events["approved"] == NOW + HOUR


def test_who_rejects_what_was_released_is_told_so(ledger: Ledger) -> None:
    draft = drafted(ledger)
    approve(ledger, draft, OMAR, WEI)
    ledger.notices.release(INCIDENT, NOTICE, NOW + HOUR)
    with pytest.raises(NotAllowed, match="released already, at 2026-11-24 10:00 UTC"):
        ledger.approvals.decide(INCIDENT, NOTICE, PRIYA, Decision.REJECT, draft.binding, "", NOW + 2 * HOUR)


def test_the_rejection_of_who_left_the_team_stops_nobody(ledger: Ledger) -> None:
    draft = drafted(ledger)
    ledger.approvals.decide(INCIDENT, NOTICE, WEI, Decision.REJECT, draft.binding, "", NOW)
    ledger.team.remove("wei", "mei", NOW)
    approve(ledger, draft, OMAR, PRIYA)
    assert status(ledger).stage is NoticeStage.APPROVED


def emergency(ledger: Ledger, first: Member, second: Member, binding: str, after: timedelta = timedelta(0)) -> None:
    ledger.approvals.release_in_emergency(
        INCIDENT, NOTICE, first, second, binding, "all others are in the air", NOW + after
    )


def test_in_an_emergency_two_let_it_leave_with_fewer_approvals(ledger: Ledger) -> None:
    draft = drafted(ledger, approvals={"needed": 4, "roles": ["legal", "security"]})
    approve(ledger, draft, WEI)
    emergency(ledger, MEI, PRIYA, draft.binding)
    assert status(ledger).stage is NoticeStage.APPROVED
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    shown = "released in an emergency by mei and priya, with 1 of 4 approvals: all others are in the air"
    assert str(status(ledger).standing.emergency) == shown


def test_an_emergency_is_said_loudly_and_for_ever(ledger: Ledger) -> None:
    draft = drafted(ledger)
    emergency(ledger, MEI, OMAR, draft.binding)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    ledger.team.remove("omar", "mei", NOW)
    (mark,) = [entry for entry in ledger.audit.entries(INCIDENT) if entry.act == "EMERGENCY RELEASE"]
    assert (mark.actor, mark.detail["second"], mark.detail["given"]) == ("mei", "omar", 0)
    (alert,) = [entry for entry in ledger.audit.entries(INCIDENT) if entry.act == "alert"]
    assert alert.subject.startswith("EMERGENCY: first-notice v1 was released in an emergency by mei and omar")
    assert status(ledger, 99 * DAY).standing.emergency is not None
    assert ledger.audit.verify() == ()


def test_an_emergency_is_of_exactly_one_draft(ledger: Ledger) -> None:
    old = drafted(ledger)
    emergency(ledger, MEI, OMAR, old.binding)
    ledger.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    new = again(ledger)
    assert status(ledger).stage is NoticeStage.DRAFTED
    with pytest.raises(NotAllowed, match="another by now"):
        emergency(ledger, MEI, OMAR, old.binding)
    emergency(ledger, MEI, OMAR, new.binding)
    assert status(ledger).stage is NoticeStage.APPROVED


def test_no_emergency_while_a_rejection_stands(ledger: Ledger) -> None:
    draft = drafted(ledger)
    ledger.approvals.decide(INCIDENT, NOTICE, WEI, Decision.REJECT, draft.binding, "", NOW)
    with pytest.raises(NotAllowed, match="rejected by wei"):
        emergency(ledger, MEI, PRIYA, draft.binding)
    assert acts(ledger)[-1] == ("mei", "emergency release refused")


def test_a_rejection_stops_an_emergency_that_has_not_left_yet(ledger: Ledger) -> None:
    draft = drafted(ledger)
    emergency(ledger, MEI, PRIYA, draft.binding)
    ledger.approvals.decide(INCIDENT, NOTICE, WEI, Decision.REJECT, draft.binding, "", NOW)
    with pytest.raises(ApprovalMissing, match="rejected by wei"):
        ledger.notices.release(INCIDENT, NOTICE, NOW)


def test_an_emergency_runs_out_and_can_be_declared_again(ledger: Ledger) -> None:
    """An emergency runs out like an approval.

    After that, the notice cannot be released until the emergency is declared again.
    """
    draft = drafted(ledger)
    emergency(ledger, MEI, PRIYA, draft.binding)
    with pytest.raises(ApprovalMissing):
        ledger.notices.release(INCIDENT, NOTICE, NOW + DAY)
    emergency(ledger, MEI, OMAR, draft.binding, after=DAY)
    ledger.notices.release(INCIDENT, NOTICE, NOW + DAY)


@pytest.mark.parametrize("two", [(MEI, PRIYA), (PRIYA, MEI)])
def test_who_was_removed_meanwhile_declares_no_emergency(ledger: Ledger, two: tuple[Member, Member]) -> None:
    draft = drafted(ledger)
    ledger.team.remove("priya", "mei", NOW)
    with pytest.raises(NotAllowed, match="priya is not in the team"):
        emergency(ledger, *two, draft.binding)


def test_what_cannot_be_put_together_leaves_in_no_emergency(ledger: Ledger) -> None:
    drafted(ledger)
    ledger.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    unseen = a_draft(**bound(ledger))
    ledger.notices.draft(unseen, NOW)
    with pytest.raises(NotAllowed, match="nobody has looked yet"):
        emergency(ledger, MEI, PRIYA, unseen.binding)


def test_what_cannot_be_put_together_can_be_rejected(ledger_on_sqlite: Ledger) -> None:
    drafted(ledger_on_sqlite)
    ledger_on_sqlite.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    unseen = a_draft(**bound(ledger_on_sqlite))
    ledger_on_sqlite.notices.draft(unseen, NOW)
    with pytest.raises(NotAllowed, match="nobody has looked yet"):
        approve(ledger_on_sqlite, unseen, OMAR)
    ledger_on_sqlite.approvals.decide(INCIDENT, NOTICE, OMAR, Decision.REJECT, unseen.binding, "", NOW)
    assert status(ledger_on_sqlite).stage is NoticeStage.REJECTED


def test_a_deputy_approves_in_the_role_of_the_absent_member(ledger: Ledger) -> None:
    """A deputy's approval counts as the approval of the absent member, in the role of the absent member."""
    draft = drafted(ledger, approvals=BY_ROLE)
    ledger.team.delegate("omar", "priya", NOW + DAY, NOW)
    approve(ledger, draft, PRIYA, place="omar")
    approve(ledger, draft, WEI)
    stands = status(ledger).standing
    assert (status(ledger).stage, stands.approved_by, stands.deputies) == (
        NoticeStage.APPROVED,
        ("omar", "wei"),
        {"omar": "priya"},
    )


def test_a_member_without_a_name_takes_nobodys_word_away(ledger_on_sqlite: Ledger) -> None:
    draft = drafted(ledger_on_sqlite)
    with ledger_on_sqlite.store.write() as write:  # as an older Amends let it in
        write.session.add(MemberRow(name="", role="legal", token_hash=b"", active=True, added_at=NOW))
    approve(ledger_on_sqlite, draft, OMAR)
    assert status(ledger_on_sqlite).approvals == ("omar",)


def test_the_audit_chain_says_who_really_spoke(ledger: Ledger) -> None:
    draft = drafted(ledger)
    ledger.team.delegate("omar", "priya", NOW + DAY, NOW)
    approve(ledger, draft, PRIYA, place="omar")
    last = ledger.audit.entries(INCIDENT)[-1]
    assert (last.actor, last.act, last.detail["in_place_of"]) == ("priya", "approve", "omar")


def test_a_deputy_who_has_given_one_word_gives_no_other(ledger: Ledger) -> None:
    draft = drafted(ledger)
    ledger.team.delegate("omar", "priya", NOW + DAY, NOW)
    approve(ledger, draft, PRIYA, place="omar")
    with pytest.raises(NotAllowed, match="nobody speaks for two"):
        approve(ledger, draft, PRIYA)
    assert status(ledger).approvals == ("omar",)


def test_a_member_who_approved_is_no_deputy_on_the_same_notice(ledger: Ledger) -> None:
    """A member who approved a notice for themselves may not approve the same notice as the deputy of another member."""
    draft = drafted(ledger)
    ledger.team.delegate("omar", "priya", NOW + DAY, NOW)
    approve(ledger, draft, PRIYA)
    with pytest.raises(NotAllowed, match="a word of their own"):
        approve(ledger, draft, PRIYA, place="omar")


def test_who_spoke_for_somebody_that_left_speaks_for_themselves_again(ledger: Ledger) -> None:
    draft = drafted(ledger)
    ledger.team.delegate("omar", "priya", NOW + DAY, NOW)
    approve(ledger, draft, PRIYA, place="omar")
    ledger.team.remove("omar", "mei", NOW)
    approve(ledger, draft, PRIYA, WEI)
    assert status(ledger).stage is NoticeStage.APPROVED


def test_who_gave_a_word_that_has_run_out_may_give_the_other(ledger: Ledger) -> None:
    draft = drafted(ledger)
    ledger.team.delegate("omar", "priya", NOW + 2 * DAY, NOW)
    approve(ledger, draft, PRIYA, place="omar")
    approve(ledger, draft, PRIYA, after=DAY)
    assert status(ledger, DAY).approvals == ("priya",)


def test_the_author_is_no_deputy_and_has_none(ledger: Ledger) -> None:
    draft = drafted(ledger)
    ledger.team.delegate("omar", "lena", NOW + DAY, NOW)
    with pytest.raises(NotAllowed, match="lena wrote"):
        approve(ledger, draft, LENA, place="omar")
    ledger.team.end_delegation("omar", "omar", NOW)
    ledger.team.delegate("lena", "omar", NOW + DAY, NOW)
    with pytest.raises(NotAllowed, match="lena wrote"):
        approve(ledger, draft, OMAR, place="lena")


def test_nobody_stands_in_unasked_or_too_late(ledger: Ledger) -> None:
    draft = drafted(ledger)
    with pytest.raises(NotAllowed, match="has not given priya their word"):
        approve(ledger, draft, PRIYA, place="omar")
    ledger.team.delegate("omar", "priya", NOW + HOUR, NOW)
    with pytest.raises(NotAllowed, match="until 2026-11-24 10:00 UTC only"):
        approve(ledger, draft, PRIYA, after=HOUR, place="omar")
    with pytest.raises(NotAllowed, match="mallory is not in the team"):
        approve(ledger, draft, PRIYA, place="mallory")


def test_what_a_deputy_said_in_time_counts_after_that(ledger: Ledger) -> None:
    draft = drafted(ledger)
    ledger.team.delegate("omar", "priya", NOW + HOUR, NOW)
    approve(ledger, draft, PRIYA, place="omar")
    assert status(ledger, 2 * HOUR).approvals == ("omar",)


def test_who_comes_back_can_reject_what_the_deputy_approved(ledger: Ledger) -> None:
    draft = drafted(ledger)
    ledger.team.delegate("omar", "priya", NOW + DAY, NOW)
    approve(ledger, draft, PRIYA, place="omar")
    ledger.approvals.decide(INCIDENT, NOTICE, OMAR, Decision.REJECT, draft.binding, "", NOW)
    assert status(ledger).standing.rejected_by == "omar"


def test_a_deputy_does_not_change_what_was_said_already(ledger: Ledger) -> None:
    draft = drafted(ledger)
    approve(ledger, draft, OMAR)
    ledger.team.delegate("omar", "priya", NOW + DAY, NOW)
    with pytest.raises(NotAllowed, match="only they can change it"):
        ledger.approvals.decide(INCIDENT, NOTICE, PRIYA, Decision.REJECT, draft.binding, "", NOW, in_place_of="omar")


def test_a_word_is_given_on_to_nobody(ledger: Ledger) -> None:
    drafted(ledger)
    ledger.team.delegate("omar", "wei", NOW + DAY, NOW)
    with pytest.raises(NotAllowed, match="wei stands in for omar"):
        ledger.team.delegate("wei", "priya", NOW + DAY, NOW)
    with pytest.raises(NotAllowed, match="has given their own word to wei"):
        ledger.team.delegate("priya", "omar", NOW + DAY, NOW)


def test_what_has_run_out_makes_no_chain(ledger: Ledger) -> None:
    drafted(ledger)
    ledger.team.delegate("omar", "wei", NOW + HOUR, NOW)
    ledger.team.delegate("wei", "priya", NOW + DAY, NOW + HOUR)


def test_a_deputy_of_a_member_who_left_may_name_a_deputy(ledger: Ledger) -> None:
    """A member who was the deputy of a member that left the team may name a deputy of their own."""
    drafted(ledger)
    ledger.team.delegate("omar", "wei", NOW + DAY, NOW)
    ledger.team.remove("omar", "mei", NOW)
    ledger.team.delegate("wei", "priya", NOW + DAY, NOW)
    assert [member.name for member in ledger.team.members() if member.deputy_at(NOW)] == ["wei"]


def test_who_gave_their_word_to_somebody_that_left_may_be_a_deputy(ledger: Ledger) -> None:
    drafted(ledger)
    ledger.team.delegate("omar", "wei", NOW + DAY, NOW)
    ledger.team.remove("wei", "mei", NOW)
    ledger.team.delegate("priya", "omar", NOW + DAY, NOW)
    assert [member.name for member in ledger.team.members() if member.deputy_at(NOW)] == ["priya"]


def test_a_delegation_ends_when_the_deputy_leaves_the_team(ledger: Ledger) -> None:
    """When a deputy leaves the team, the delegation ends: ending it once more is refused, as nobody stands in."""
    drafted(ledger)
    ledger.team.delegate("omar", "wei", NOW + DAY, NOW)
    ledger.team.remove("wei", "mei", NOW)
    with pytest.raises(NotAllowed, match="nobody stands in for omar"):
        ledger.team.end_delegation("omar", "omar", NOW)


@pytest.mark.parametrize(
    ("name", "to", "until", "says"),
    [
        ("omar", "omar", DAY, "speaks for themselves already"),
        ("omar", "nobody", DAY, "nobody is not in the team"),
        ("omar", "rosa", DAY, "responder"),
        ("rosa", "omar", DAY, "responder"),
        ("omar", "wei", timedelta(0), "over already"),
    ],
)
def test_a_delegation_that_makes_no_sense_is_refused(
    ledger_on_sqlite: Ledger, name: str, to: str, until: timedelta, says: str
) -> None:
    drafted(ledger_on_sqlite)
    ledger_on_sqlite.team.add("rosa", TeamRole.RESPONDER, "mei", NOW)
    with pytest.raises(NotAllowed, match=says):
        ledger_on_sqlite.team.delegate(name, to, NOW + until, NOW)


def test_delegations_that_cross_make_no_chain_and_no_deadlock(ledger: Ledger) -> None:
    drafted(ledger)
    pairs = [("omar", "wei"), ("wei", "priya"), ("priya", "mei"), ("mei", "omar")] * 5

    def try_it(pair: tuple[str, str]) -> bool:
        try:
            ledger.team.delegate(*pair, NOW + DAY, NOW)
        except NotAllowed:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(try_it, pairs))
    deputies = {member.name: member.deputy for member in ledger.team.members() if member.deputy}
    assert any(made)
    assert not deputies.keys() & set(deputies.values())


def test_a_contact_is_sealed_at_rest_and_shown_nowhere(ledger: Ledger) -> None:
    drafted(ledger)
    secret = "slack://tokenA/tokenB/tokenC"
    ledger.team.set_contact("omar", secret, "omar", NOW)
    assert ledger.team.contact("omar") == secret
    with ledger.store.engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT sealed_contact FROM member WHERE name = 'omar'").scalar_one()
        noted = connection.exec_driver_sql("SELECT * FROM audit").all()
    assert b"token" not in bytes(stored)
    assert "token" not in f"{noted}{ledger.team.members()}{ledger.store.keys.team_seal!r}"


def test_a_contact_that_is_moved_to_another_member_does_not_open(ledger_on_sqlite: Ledger) -> None:
    drafted(ledger_on_sqlite)
    ledger_on_sqlite.team.set_contact("omar", "slack://tokenA/tokenB/tokenC", "omar", NOW)
    with ledger_on_sqlite.store.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE member SET sealed_contact = (SELECT sealed_contact FROM member WHERE name = 'omar') "
            "WHERE name = 'wei'"
        )
    with pytest.raises(KeyMissing, match="member:contact:wei"):
        ledger_on_sqlite.team.contact("wei")


def test_who_left_is_reminded_nowhere(ledger_on_sqlite: Ledger) -> None:
    drafted(ledger_on_sqlite)
    ledger_on_sqlite.team.set_contact("omar", "slack://tokenA/tokenB/tokenC", "omar", NOW)
    ledger_on_sqlite.team.remove("omar", "mei", NOW)
    assert ledger_on_sqlite.team.contact("omar") == ""
