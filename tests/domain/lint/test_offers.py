"""Offers, such as credit monitoring: nobody is offered what they could not take up."""

import pytest

from amends.domain.incident.commitment import Commitment, CommitmentKind, TakeUp, commit, said_when_kept
from amends.domain.lint.lint import lint
from amends.domain.notice.notice import Draft
from tests.builders import NOW, PAGE, a_commitment, a_draft, a_variant, a_wording, an_incident, picked

WAY = TakeUp(link="https://watchful.example/acme", phone="+1 800 555 0100", until="2027-02-28")


def offered(take_up: TakeUp, **changes: object) -> Commitment:
    return a_commitment(kind=CommitmentKind.CREDIT_MONITORING, take_up=take_up, **changes)


def codes_of(draft: Draft, *commitments: Commitment) -> dict[str, str]:
    found = lint(draft, an_incident(), a_wording(), PAGE, commitments=commitments)
    return {finding.code: finding.what for finding in found}


@pytest.mark.parametrize(
    ("take_up", "lacks"),
    [
        (TakeUp(), "a code, a link or a telephone number and the last day (until)"),
        (TakeUp(until="2027-02-28"), "a code, a link or a telephone number"),
        (TakeUp(code="ACME"), "the last day (until)"),
    ],
)
def test_an_offer_that_nobody_could_take_up_is_stopped(take_up: TakeUp, lacks: str) -> None:
    found = codes_of(a_draft(commitments=(offered(take_up),)))
    assert found["L162"] == f"offers audit, and nobody could take it up without {lacks}"


def test_an_offer_with_a_way_and_a_day_is_not_stopped() -> None:
    assert "L162" not in codes_of(a_draft(commitments=(offered(WAY),)))


def test_what_a_pick_needs_is_asked_for() -> None:
    """An entry of the library names what it needs, whatever its kind."""
    (pick,) = picked("cn-person-check", take_up={"phone": "+86 571 5550 0142"})
    incident = an_incident(commitments=[pick.model_dump(mode="json")])
    made = commit(pick, NOW, "first-notice")
    found = lint(a_draft(commitments=(made,)), incident, a_wording(), PAGE)
    assert [one.what for one in found if one.code == "L162"] == [
        "offers cn-person-check, and nobody could take it up without the last day (until)"
    ]


def test_a_promise_that_asks_nothing_of_people_needs_no_way() -> None:
    assert "L162" not in codes_of(a_draft(commitments=(a_commitment(),)))


SIGN_UP = "Sign up at https://watchful.example/acme until 28 February 2027, or call +1 800 555 0100."


def test_the_way_of_an_offer_may_stand_in_a_notice() -> None:
    """Its link, its number and its last day are no stranger's and no unknown day; without the offer they are."""
    variant = a_variant()
    draft = a_draft(variants=(variant.model_copy(update={"text": f"{variant.text}\n\n{SIGN_UP}"}),))
    assert {"L104", "L143", "L144"} <= codes_of(draft).keys()
    assert not {"L104", "L143", "L144"} & codes_of(draft, offered(WAY)).keys()


def test_another_page_of_the_provider_may_not() -> None:
    variant = a_variant()
    text = f"{variant.text}\n\nSign up at https://watchful.example/other."
    assert "L104" in codes_of(a_draft(variants=(variant.model_copy(update={"text": text}),)), offered(WAY))


def test_a_line_without_its_value_is_left_out() -> None:
    kept = "It is ready.\nSign up at {link}.\nUse the code {code}.\n{result}"
    assert said_when_kept(kept, {"link": "https://a.example", "code": "", "result": "All is well."}) == (
        "It is ready.",
        "Sign up at https://a.example.",
        "All is well.",
    )
