"""What may be said of one person's remedy, and when a commitment counts as kept."""

import pytest
from pydantic import ValidationError

from amends.domain.entitlement.remedy import RemedyCounts, RemedyOutcome, RemedyState, outcome_of, why_not, why_not_keep
from amends.domain.incident.per_person import DECLINED, PerPerson

WORDS = PerPerson(results={"sound": {"*": "It is sound."}}, reasons={"moved": {"*": "You have moved."}})
BARE = PerPerson(results={"sound": {"*": "It is sound."}})


@pytest.mark.parametrize(
    ("state", "result", "reason", "found"),
    [
        ("", "sound", "", RemedyOutcome(RemedyState.DONE, "sound")),
        ("done", "sound", "", RemedyOutcome(RemedyState.DONE, "sound")),
        ("", "", "moved", RemedyOutcome(RemedyState.NOT_POSSIBLE, "moved")),
        ("not possible", "", "moved", RemedyOutcome(RemedyState.NOT_POSSIBLE, "moved")),
        ("under_way", "", "", RemedyOutcome(RemedyState.UNDER_WAY)),
        ("declined", "", "", RemedyOutcome(RemedyState.DECLINED, DECLINED)),
        ("open", "", "", RemedyOutcome(RemedyState.OPEN)),
    ],
)
def test_words_name_an_outcome(state: str, result: str, reason: str, found: RemedyOutcome) -> None:
    assert outcome_of(state, result, reason, WORDS) == found


@pytest.mark.parametrize(
    ("state", "result", "reason", "why"),
    [
        ("", "", "", "the state is none of open, under_way"),
        ("gone", "", "", "the state is none of open, under_way"),
        ("set_aside", "", "", "the state is none of open, under_way"),
        ("done", "", "", "the result is none of sound"),
        ("", "broken", "", "the result is none of sound"),
        ("", "moved", "", "the result is none of sound"),
        ("not_possible", "", "sound", "the reason is none of moved"),
        ("", "sound", "moved", "a result and a reason"),
        ("under_way", "sound", "", "what is under way has no result"),
        ("declined", "sound", "", "what is declined has no result"),
    ],
)
def test_other_words_are_refused_with_what_is_wrong(state: str, result: str, reason: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        outcome_of(state, result, reason, WORDS)


def test_without_reasons_nothing_is_impossible() -> None:
    refusal = why_not(RemedyOutcome(RemedyState.NOT_POSSIBLE, "moved"), BARE)
    assert refusal == "the commitment has no words for any reason: add them under per_person"


@pytest.mark.parametrize("names", [{"results": {"a": {}}, "reasons": {"a": {}}}, {"results": {DECLINED: {}}}])
def test_a_word_means_one_thing(names: dict[str, dict[str, dict[str, str]]]) -> None:
    with pytest.raises(ValidationError, match="cannot be the name"):
        PerPerson.model_validate(names)


def test_a_commitment_per_person_needs_a_result() -> None:
    with pytest.raises(ValidationError, match="results"):
        PerPerson(results={})


def test_who_is_set_aside_holds_nothing_open() -> None:
    counts = RemedyCounts(by_state={RemedyState.SET_ASIDE: 2, RemedyState.DONE: 3})
    assert (counts.owed, counts.entitled, counts.in_words) == (0, 3, "3 done, 2 set aside")
    assert why_not_keep("i", "c", counts.owed) is None


def test_a_refusal_to_keep_names_how_many_and_the_command() -> None:
    refusal = why_not_keep("leak", "locks", 3)
    assert refusal
    assert refusal.startswith("3 people who heard of locks still wait for their own result")
    assert "`amends remedies list leak locks --open`" in refusal
