"""Who may approve, and when a draft has enough of it."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from amends.domain.team.approval import (
    Approval,
    ApprovalRule,
    Decision,
    Emergency,
    Standing,
    WantedApprovals,
    standing,
    why_not_approve,
    why_not_release_in_emergency,
    why_not_speak_for,
    why_not_speak_twice,
)
from amends.domain.team.member import Member, TeamRole
from tests.builders import NOW, a_draft, a_member, a_variant

TEAM = (
    a_member(name="lena", role=TeamRole.COMMUNICATIONS),
    a_member(name="omar", role=TeamRole.LEGAL),
    a_member(name="priya", role=TeamRole.EXECUTIVE),
    a_member(name="tom", role=TeamRole.RESPONDER),
    a_member(name="ida", role=TeamRole.LEGAL, active=False),
)
THIS, OTHER = "binding-1", "binding-2"


def a_word(member: str, **changes: Any) -> Approval:
    role = next((each.role for each in TEAM if each.name == member), TeamRole.LEGAL)
    given_ = {"member": member, "role": role, "decision": Decision.APPROVE, "binding": THIS, "at": NOW}
    return Approval(**(given_ | changes))


def stands(*approvals: Approval, needed: Any = 2, members: tuple[Member, ...] = TEAM, **more: Any) -> Standing:
    return standing(WantedApprovals(THIS, ApprovalRule.model_validate(needed), ("lena",)), approvals, members, **more)


def test_two_different_members_are_enough_for_two() -> None:
    assert stands(a_word("omar"), a_word("priya")) == Standing(approved_by=("omar", "priya"), still_needed=0)


def test_nobody_counts_twice() -> None:
    assert stands(a_word("omar"), a_word("omar")).still_needed == 1


def test_the_author_does_not_count() -> None:
    assert stands(a_word("lena"), a_word("omar")).approved_by == ("omar",)


def test_approval_of_another_binding_does_not_count() -> None:
    assert stands(a_word("omar", binding=OTHER)).approved_by == ()


def test_a_responder_does_not_count() -> None:
    assert stands(a_word("tom")).approved_by == ()


def test_a_member_who_has_left_does_not_count_any_more() -> None:
    assert stands(a_word("ida")).approved_by == ()


def test_somebody_outside_the_team_does_not_count() -> None:
    assert stands(a_word("mallory")).approved_by == ()


def test_the_role_a_member_has_now_decides() -> None:
    demoted = (a_member(name="omar", role=TeamRole.AUDITOR),)
    assert stands(a_word("omar"), members=demoted).approved_by == ()


def test_a_rejection_is_named() -> None:
    assert stands(a_word("omar"), a_word("priya", decision=Decision.REJECT)).rejected_by == "priya"


def test_a_rejection_wins_over_an_approval_by_the_same_member() -> None:
    words = (a_word("omar", decision=Decision.REJECT), a_word("omar"))
    assert stands(*words).rejected_by == "omar"


def test_a_rejection_by_the_author_is_none() -> None:
    assert stands(a_word("lena", decision=Decision.REJECT)).rejected_by is None


def test_a_rejection_of_another_binding_does_not_reject_this() -> None:
    assert stands(a_word("omar", decision=Decision.REJECT, binding=OTHER)).rejected_by is None


WORDS = st.lists(
    st.builds(
        a_word,
        st.sampled_from([*(member.name for member in TEAM), "mallory"]),
        decision=st.sampled_from(Decision),
        binding=st.sampled_from([THIS, OTHER]),
    ),
    max_size=12,
)


@given(WORDS, st.integers(1, 9))
def test_approvers_are_always_different_members_who_may_approve(words: list[Approval], needed: int) -> None:
    approved = stands(*words, needed=needed).approved_by
    assert len(set(approved)) == len(approved)
    assert set(approved) <= {"omar", "priya"}


@given(WORDS, st.integers(1, 9))
def test_what_is_still_needed_is_never_negative(words: list[Approval], needed: int) -> None:
    outcome = stands(*words, needed=needed)
    assert outcome.still_needed == max(needed - len(outcome.approved_by), 0)


@given(WORDS, WORDS)
def test_more_words_never_take_back_a_rejection(words: list[Approval], more: list[Approval]) -> None:
    before, after = stands(*words), stands(*words, *more)
    assert before.rejected_by is None or after.rejected_by is not None


@given(WORDS.map(lambda words: [word.model_copy(update={"binding": OTHER}) for word in words]))
def test_words_on_other_bindings_say_nothing(words: list[Approval]) -> None:
    assert stands(*words) == Standing(still_needed=2)


def test_an_active_member_of_the_legal_team_may_approve() -> None:
    assert why_not_approve(a_member(), ("lena",)) is None


def test_an_author_hears_that_others_must_approve() -> None:
    assert why_not_approve(a_member(name="lena"), ("lena",)) == (
        "lena wrote this notice: its facts or its list of people; others must approve it"
    )


def test_a_responder_hears_that_the_role_may_not() -> None:
    assert "responder" in (why_not_approve(a_member(role=TeamRole.RESPONDER), ("lena",)) or "")


def test_a_member_who_left_hears_it() -> None:
    assert "not in the team any more" in (why_not_approve(a_member(active=False), ("lena",)) or "")


@pytest.mark.parametrize(
    "change",
    [
        {"variants": (a_variant(text="Another text"),)},
        {"audience_digest": "audience-2"},
        {"people": 4},
        {"channels": ()},
        {"facts_digest": "facts-2"},
        {"planned_for": NOW},
        {"next_news_at": None},
        {"approvals": 1},
    ],
)
def test_any_change_of_what_leaves_changes_the_binding(change: dict[str, Any]) -> None:
    assert a_draft(**change).binding != a_draft().binding


def test_the_binding_of_the_same_draft_is_the_same() -> None:
    assert a_draft().binding == a_draft().binding


LEGAL_AND_SECURITY = {"needed": 2, "roles": ["legal", "security"]}
DAY = timedelta(hours=24)


def test_two_of_the_wrong_role_are_not_enough() -> None:
    outcome = stands(a_word("omar"), a_word("priya"), needed=LEGAL_AND_SECURITY)
    assert (outcome.still_needed, outcome.missing_roles) == (1, (TeamRole.SECURITY,))
    assert outcome.waits_for == "1 more approval, by security"


def test_one_of_each_role_is_enough() -> None:
    wei = a_member(name="wei", role=TeamRole.SECURITY)
    outcome = stands(a_word("omar"), a_word("wei"), needed=LEGAL_AND_SECURITY, members=(*TEAM, wei))
    assert (outcome.still_needed, outcome.waits_for) == (0, "none")


def test_the_role_that_counts_is_the_one_a_member_has_now() -> None:
    moved = a_member(name="priya", role=TeamRole.SECURITY)
    outcome = stands(a_word("omar"), a_word("priya"), needed=LEGAL_AND_SECURITY, members=(*TEAM[:2], moved))
    assert outcome.missing_roles == ()


def test_what_is_missing_is_said_in_words() -> None:
    said = [
        stands(needed=needed).waits_for
        for needed in (1, 2, {"needed": 3, "roles": ["legal"]}, {"needed": 2, "roles": ["legal", "security"]})
    ]
    assert said == [
        "1 more approval",
        "2 more approvals",
        "3 more approvals, with legal among them",
        "2 more approvals, by legal and security",
    ]


@pytest.mark.parametrize("written", [2, "2", {"needed": 2}, {"needed": 2, "roles": []}])
def test_a_bare_number_is_kept_as_a_bare_number(written: Any) -> None:
    assert ApprovalRule.model_validate(written).model_dump(mode="json") == 2


def test_roles_are_kept_as_they_were_written() -> None:
    assert ApprovalRule.model_validate(LEGAL_AND_SECURITY).model_dump(mode="json") == LEGAL_AND_SECURITY


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("two", "write how many"),
        (True, "write how many"),
        (0, "greater than or equal to 1"),
        (10, "less than or equal to 9"),
        ({"needed": 1, "roles": ["legal", "security"]}, "2 roles are 2 people"),
        ({"needed": 2, "roles": ["legal", "legal"]}, "twice"),
        ({"needed": 2, "roles": ["auditor"]}, "auditor may not approve"),
        ({"needed": 2, "roles": ["boss"]}, "legal"),
        ({"roles": ["legal"]}, "required"),
    ],
)
def test_approvals_that_nobody_could_give_are_refused(written: Any, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ApprovalRule.model_validate(written)


def test_other_roles_are_another_binding() -> None:
    assert a_draft(approvals={"needed": 2, "roles": ["legal"]}).binding != a_draft(approvals=2).binding


def test_an_approval_counts_for_its_time_and_not_a_moment_longer() -> None:
    words = (a_word("omar"), a_word("priya", at=NOW + timedelta(hours=1)))
    before = stands(*words, now=NOW + DAY - timedelta(seconds=1), expires_after=DAY)
    after = stands(*words, now=NOW + DAY, expires_after=DAY)
    assert (before.still_needed, before.expired, before.counts_until) == (0, {}, NOW + DAY)
    assert (after.approved_by, after.still_needed, after.expired) == (("priya",), 1, {"omar": NOW + DAY})


def test_a_rejection_has_no_end() -> None:
    words = (a_word("omar", decision=Decision.REJECT),)
    assert stands(*words, now=NOW + 99 * DAY, expires_after=DAY).rejected_by == "omar"


def test_a_role_is_missing_again_when_its_approval_has_run_out() -> None:
    outcome = stands(a_word("omar"), needed={"needed": 1, "roles": ["legal"]}, now=NOW + DAY, expires_after=DAY)
    assert (outcome.still_needed, outcome.missing_roles) == (1, (TeamRole.LEGAL,))


@given(WORDS, st.integers(1, 9), st.integers(0, 100))
def test_time_never_adds_an_approval(words: list[Approval], needed: int, hours: int) -> None:
    timeless, later = stands(*words, needed=needed), stands(*words, needed=needed, now=NOW + timedelta(hours=hours))
    assert set(later.approved_by) <= set(timeless.approved_by)
    assert later.rejected_by == timeless.rejected_by


DEPUTY = (
    a_member(name="omar", role=TeamRole.LEGAL, deputy="wei", deputy_until=NOW + DAY),
    a_member(name="wei", role=TeamRole.SECURITY),
    a_member(name="priya", role=TeamRole.EXECUTIVE),
)
FOR_OMAR = a_word("omar", given_by="wei")


def test_a_deputys_word_counts_in_the_role_of_whom_they_stand_in_for() -> None:
    outcome = stands(FOR_OMAR, needed={"needed": 1, "roles": ["legal"]}, members=DEPUTY)
    assert (outcome.approved_by, outcome.still_needed) == (("omar",), 0)


@pytest.mark.parametrize("order", [1, -1])
def test_a_deputy_is_never_two_people(order: int) -> None:
    words = (FOR_OMAR, a_word("wei", role=TeamRole.SECURITY))[::order]
    assert stands(*words, members=DEPUTY).still_needed == 1


def test_the_word_of_a_deputy_who_left_or_who_wrote_it_does_not_count() -> None:
    gone = (DEPUTY[0], a_member(name="wei", active=False), DEPUTY[2])
    assert stands(FOR_OMAR, members=gone).approved_by == ()
    written_by_wei = standing(WantedApprovals(THIS, ApprovalRule(needed=1), ("wei",)), [FOR_OMAR], DEPUTY)
    assert written_by_wei.approved_by == ()


def test_a_deputy_speaks_only_for_who_asked_them_and_only_until_then() -> None:
    omar, wei, priya = DEPUTY
    assert why_not_speak_for(omar, wei, ("lena",), NOW) is None
    assert "has not given priya" in (why_not_speak_for(omar, priya, ("lena",), NOW) or "")
    assert "until 2026-11-25 09:00 UTC" in (why_not_speak_for(omar, wei, ("lena",), NOW + DAY) or "")


def test_neither_a_deputy_nor_the_absent_member_may_be_an_author() -> None:
    """A deputy may not speak for a member when either of the two is an author of the notice."""
    omar, wei, _ = DEPUTY
    assert "omar wrote" in (why_not_speak_for(omar, wei, ("lena", "omar"), NOW) or "")
    assert "wei wrote" in (why_not_speak_for(omar, wei, ("lena", "wei"), NOW) or "")


def test_nobody_speaks_for_two() -> None:
    own = a_word("wei")
    assert "a word of their own" in (why_not_speak_twice([own], "wei", "omar", "first-notice") or "")
    assert "the word of omar" in (why_not_speak_twice([FOR_OMAR], "wei", "wei", "first-notice") or "")
    assert "only they can change it" in (why_not_speak_twice([a_word("omar")], "wei", "omar", "first-notice") or "")


def test_who_comes_back_may_change_what_their_deputy_said() -> None:
    assert why_not_speak_twice([FOR_OMAR], "omar", "omar", "first-notice") is None
    assert why_not_speak_twice([FOR_OMAR], "wei", "omar", "first-notice") is None


LEAD = a_member(name="mei", role=TeamRole.LEAD)
OMAR, PRIYA = TEAM[1], TEAM[2]
EMERGENCY = Emergency(first="omar", second="priya", why="fire", binding=THIS, given=0, needed=2, at=NOW)


def may_release(first: Member, second: Member, why: str = "fire", **stand: Any) -> str | None:
    outcome = Standing(**({"still_needed": 1} | stand))
    return why_not_release_in_emergency(first, second, ("lena", "kim"), outcome, why)


def test_two_of_whom_one_leads_may_release_in_an_emergency() -> None:
    assert may_release(OMAR, LEAD) is may_release(PRIYA, OMAR) is None


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (LEAD, LEAD, "needs two people"),
        (OMAR, a_member(name="wei", role=TeamRole.SECURITY), "neither omar nor wei"),
        (LEAD, a_member(name="lena"), "lena wrote"),
        (LEAD, a_member(name="tom", role=TeamRole.RESPONDER), "responder"),
        (LEAD, a_member(name="ida", active=False), "not in the team"),
    ],
)
def test_others_may_not_release_in_an_emergency(first: Member, second: Member, says: str) -> None:
    assert says in (may_release(first, second) or "")


def test_no_emergency_overrides_a_rejection() -> None:
    assert "wei rejected it" in (may_release(OMAR, LEAD, rejected_by="wei") or "")
    rejected = stands(a_word("omar", decision=Decision.REJECT), emergency=EMERGENCY)
    assert rejected.rejected_by == "omar"


def test_what_has_its_approvals_needs_no_emergency() -> None:
    assert "without an emergency" in (may_release(OMAR, LEAD, still_needed=0) or "")


def test_an_emergency_needs_a_reason() -> None:
    assert "say why" in (may_release(OMAR, LEAD, why="  ") or "")


def test_an_emergency_stands_for_the_approvals_that_are_missing() -> None:
    outcome = stands(needed=LEGAL_AND_SECURITY, emergency=EMERGENCY)
    assert (outcome.still_needed, outcome.missing_roles, outcome.emergency) == (0, (), EMERGENCY)


def test_an_emergency_counts_for_one_binding_two_members_and_a_time() -> None:
    """An emergency counts only for the binding that it names, only while both members may release, and only until it
    expires.
    """
    other = EMERGENCY.model_copy(update={"binding": OTHER})
    without_priya = stands(emergency=EMERGENCY, members=TEAM[:2])
    too_late = stands(emergency=EMERGENCY, now=NOW + DAY, expires_after=DAY)
    assert [one.still_needed for one in (stands(emergency=other), without_priya, too_late)] == [2, 2, 2]
