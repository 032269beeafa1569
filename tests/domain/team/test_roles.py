"""The table of verbs and roles: who may call what, alone or as two."""

import pytest

from amends.domain.team.member import TeamRole
from amends.domain.team.verbs import VERBS, rule_of, why_not_call, why_not_call_together
from tests.builders import a_member

HELD_FROM_RESPONDERS = (
    "incident open",
    "run",
    "incident amend",
    "audience correct",
    "commitments drop",
    "commitments late",
    "incident close",
    "incident destroy",
)


@pytest.mark.parametrize("verb", HELD_FROM_RESPONDERS)
def test_a_responder_does_not_decide_about_the_case(verb: str) -> None:
    refusal = why_not_call(a_member(name="rosa", role=TeamRole.RESPONDER), verb)
    assert refusal is not None
    assert refusal.startswith(f"rosa is responder, and `amends {verb}` is for ")


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_is_the_leads_or_open(verb: str) -> None:
    assert why_not_call(a_member(role=TeamRole.LEAD), verb) is None


@pytest.mark.parametrize("verb", sorted(verb for verb, rule in VERBS.items() if not (rule.is_open or rule.looks)))
def test_an_auditor_changes_nothing_but_their_address(verb: str) -> None:
    refused = why_not_call(a_member(role=TeamRole.AUDITOR), verb) is not None
    assert refused == (verb not in ("team contact", "audit refused"))  # the second only lists names and verbs


def test_a_member_who_left_may_call_nothing() -> None:
    assert why_not_call(a_member(role=TeamRole.LEAD, active=False), "questions show")


def test_a_verb_out_of_the_table_is_nobodys() -> None:
    with pytest.raises(LookupError, match="incident vanish"):
        why_not_call(a_member(role=TeamRole.LEAD), "incident vanish")


def test_one_person_is_not_two() -> None:
    lead = a_member(name="lena", role=TeamRole.LEAD)
    assert why_not_call_together(lead, lead, "incident destroy") is not None


def test_each_of_two_must_be_of_the_roles() -> None:
    lead, wei = a_member(name="lena", role=TeamRole.LEAD), a_member(name="wei", role=TeamRole.SECURITY)
    assert why_not_call_together(lead, a_member(), "incident destroy") is None
    assert why_not_call_together(lead, wei, "incident destroy") is not None


@pytest.mark.parametrize("verb", ["claims pay", "forget person", "incident destroy", "incident close --override"])
def test_money_destruction_and_overrides_take_two(verb: str) -> None:
    assert rule_of(verb).people == 2
