"""Who may approve, and when a draft has enough of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.approval import Approval, Decision, Standing, may_approve, standing
from amends.domain.team import Member, TeamRole
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


def stands(*approvals: Approval, needed: int = 2, members: tuple[Member, ...] = TEAM) -> Standing:
    return standing(THIS, needed, "lena", approvals, members)


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
    assert may_approve(a_member(), "lena") is None


def test_an_author_hears_that_others_must_approve() -> None:
    assert may_approve(a_member(name="lena"), "lena") == "lena wrote this notice; others must approve it"


def test_a_responder_hears_that_the_role_may_not() -> None:
    assert "responder" in (may_approve(a_member(role=TeamRole.RESPONDER), "lena") or "")


def test_a_member_who_left_hears_it() -> None:
    assert "not in the team any more" in (may_approve(a_member(active=False), "lena") or "")


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
