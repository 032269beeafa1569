"""When telling the public may or must stand for telling each person."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.content.law.regimes import read_duties
from amends.domain.law.duty import Addressee, Confidence, Duty, DutyStanding, Substitute
from amends.domain.law.substitute import PlaceCounts, SubstituteDue, substitute_due
from tests.builders import NOW

HIPAA = Substitute(
    if_any=("insufficient or out-of-date contact data",),
    do_all=(
        "under 10 people: other written, telephone or other means",
        "10 people or more: home page for 90 days, or major print or broadcast media",
        "10 people or more: toll-free number active for at least 90 days",
    ),
    for_days=90,
)
STATE = Substitute(
    if_any=("cost > USD 250,000", "people > 500,000", "insufficient contact data"),
    do_all=("email where held", "conspicuous website posting", "major statewide media"),
)
EUROPE = Substitute(
    if_any=("disproportionate effort (34(3)(c))",), do_all=("public communication that is equally effective",)
)


def a_duty(substitute: Substitute | None, *places: str, **changes: object) -> Duty:
    given: dict[str, object] = {
        "id": "a-law.individuals",
        "regime": "a-law",
        "law": "A law",
        "citation": "s. 1",
        "recipient": "individuals",
        "recipient_name": "the people",
        "addressee": Addressee.PEOPLE,
        "places": places or ("US",),
        "people": None,
        "standing": DutyStanding.APPLIES,
        "due_at": None,
        "standard": "",
        "clock": "discovered",
        "why": "",
        "confidence": Confidence.VERIFIED,
        "substitute": substitute,
    }
    return Duty.model_validate(given | changes)


def due(substitute: Substitute, counts: PlaceCounts, *places: str, page_is_up: bool = False) -> SubstituteDue:
    (found,) = substitute_due([a_duty(substitute, *places)], counts, NOW if page_is_up else None)
    return found


def test_ten_people_without_an_address_ask_for_page_and_free_number() -> None:
    """Under HIPAA, ten people without a valid address ask for a home page (or major media) for 90 days and a toll-free
    number.
    """
    found = due(HIPAA, PlaceCounts({"US-CA": 500}, {"US-CA": 10}))
    assert found.must
    assert found.because == ("10 of 500 people there were not reached (insufficient or out-of-date contact data)",)
    assert found.to_do == (
        "home page for 90 days, or major print or broadcast media",
        "toll-free number active for at least 90 days",
    )


def test_nine_people_without_an_address_are_told_by_other_means() -> None:
    assert due(HIPAA, PlaceCounts({"US": 500}, {"US": 9})).to_do == ("other written, telephone or other means",)


def test_the_page_that_is_up_does_its_part_and_must_stay() -> None:
    found = due(HIPAA, PlaceCounts({"US": 500}, {"US": 12}), page_is_up=True)
    assert found.done == ("home page for 90 days, or major print or broadcast media",)
    assert found.to_do == ("toll-free number active for at least 90 days",)
    assert found.until == NOW + timedelta(days=90)


def test_a_page_alone_never_does_what_asks_for_more_beside_it() -> None:
    rule = Substitute(if_any=("no contact data",), do_all=("premises, website and fliers",))
    assert due(rule, PlaceCounts({"US": 9}, {"US": 1}), page_is_up=True).done == ()


@pytest.mark.parametrize(("people", "found"), [(500_000, False), (500_001, True)])
def test_more_people_than_the_law_names_may_be_told_in_public(people: int, found: bool) -> None:
    counts = PlaceCounts({"US-CA": people, "US-NV": 900_000}, {})
    assert bool(substitute_due([a_duty(STATE, "US-CA")], counts)) is found


def test_that_is_the_organisations_choice() -> None:
    found = due(STATE, PlaceCounts({"US-CA": 500_001}, {}), "US-CA")
    assert not found.must
    assert found.because == ("500,001 people live there, more than 500,000",)


def test_a_ground_for_a_person_to_judge_is_a_question_with_numbers() -> None:
    """A ground that a person must judge, such as disproportionate effort in GDPR Art. 34(3)(c), is asked as a question
    with its numbers and makes nothing due by itself.
    """
    found = due(EUROPE, PlaceCounts({"DE": 800, "FR": 200}, {"DE": 7, "FR": 1}), "DE", "FR")
    assert not found.must
    assert not found.because
    assert found.asks == ("8 of 1000 people there were not reached: is that disproportionate effort (34(3)(c))?",)


def test_people_who_live_elsewhere_do_not_count() -> None:
    assert substitute_due([a_duty(HIPAA, "US-CA")], PlaceCounts({"US-NV": 50, "": 9}, {"US-NV": 50, "": 9})) == ()


@pytest.mark.parametrize(
    "duty", [a_duty(None), a_duty(HIPAA, standing=DutyStanding.EXEMPT), a_duty(HIPAA, addressee=Addressee.AUTHORITY)]
)
def test_a_duty_without_it_or_that_is_exempt_or_to_an_office_has_none(duty: Duty) -> None:
    assert substitute_due([duty], PlaceCounts({"US": 50}, {"US": 50})) == ()


def test_a_duty_that_only_may_apply_counts_and_says_so() -> None:
    (found,) = substitute_due([a_duty(HIPAA, standing=DutyStanding.MAY_APPLY)], PlaceCounts({"US": 50}, {"US": 50}))
    assert not found.certain


def test_what_must_be_comes_before_what_may_be() -> None:
    duties = [a_duty(STATE, "US-CA", id="may.individuals"), a_duty(HIPAA, "US-NV", id="must.individuals")]
    found = substitute_due(duties, PlaceCounts({"US-CA": 600_000, "US-NV": 20}, {"US-NV": 1}))
    assert [one.duty for one in found] == ["must.individuals", "may.individuals"]


def test_every_ground_of_the_shipped_duties_is_understood() -> None:
    """Each ground in the shipped duties is understood by the program or named in this test.

    A new ground that nobody reads would be a threshold that nobody watches.
    """
    rules = [row.substitute for regime in read_duties().all_regimes() for row in regime.duties if row.substitute]
    unread = {
        ground
        for rule in rules
        for ground in rule.if_any
        if not substitute_due(
            [a_duty(rule.model_copy(update={"if_any": (ground,)}))], PlaceCounts({"US": 10**9}, {"US": 10**6})
        )
    }
    # What telling each of them would cost, the ledger does not know.
    by_cost = {ground for ground in unread if ground.startswith("cost > USD ")}
    assert unread - by_cost == {"direct notice would cause further harm"}


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_nobody_unreached_and_few_people_never_ask_for_anything(people: int, unreached: int) -> None:
    found = substitute_due([a_duty(STATE, "US-CA")], PlaceCounts({"US-CA": people}, {"US-CA": min(people, unreached)}))
    assert bool(found) == (people > 500_000 or min(people, unreached) > 0)
