"""The duties engine: what applies where, by when, and what stays open; on a small table of invented laws."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from amends.domain.incident.incident import CLOCK_EVENTS
from amends.domain.law.applicability import Law, Ruled, duties_of
from amends.domain.law.condition import PeopleRange
from amends.domain.law.duty import Duty, DutyStanding
from amends.domain.law.jurisdiction import homes
from amends.domain.law.regime import DutyTable
from amends.domain.risk.levels import Risk
from tests.builders import AWARE, NOW, an_audience, an_incident

RECIPIENTS = {
    "authority": {"addressee": "authority", "name": "Authority of {place}"},
    "people": {"addressee": "people", "name": "people in {place}"},
    "market": {"addressee": "market", "name": "the market"},
}


def a_regime(**changes: Any) -> dict[str, Any]:
    return {
        "id": "law",
        "law": "Data Act",
        "citation": "s. 1",
        "places": ["FR"],
        "duties": [{"id": "authority", "recipient": "authority", "of": "aware", "within": {"hours": 72}}],
        "confidence": "verified",
        "reviewed": "2026-11-24",
        "source": "the text",
    } | changes


def a_row(**changes: Any) -> dict[str, Any]:
    return {"id": "people", "recipient": "people", "of": "discovered", "within": {"days": 30}} | changes


def a_table(*regimes: dict[str, Any], **changes: Any) -> DutyTable:
    clocks = {name: {"means": name.replace("_", " "), "ask": f"When was {name}?"} for name in CLOCK_EVENTS}
    clocks["aware"]["not_before"] = ["discovered", "suspected"]  # type: ignore[assignment]
    clocks["controller_aware"]["same_as"] = ["aware"]  # type: ignore[assignment]
    clocks["learned"] |= {"met_by": ["aware"], "not_before": ["detected"]}  # type: ignore[dict-item]
    clocks["individuals_notified"]["ours"] = True  # type: ignore[assignment]
    unknown = a_regime(id="unknown", places=["ZZ"], confidence="memory-low", stands_for="the law of that country")
    given: dict[str, Any] = {
        "clock_events": clocks,
        "recipients": RECIPIENTS,
        "place_names": {"FR": "France", "US-WA": "Washington", "US-KS": "Kansas"},
        "also_called": {"PR": "US-PR"},
        "regimes": regimes or [a_regime()],
        "unknown_place": unknown,
    }
    return DutyTable.model_validate(given | changes)


def ruled(table: DutyTable, homes: dict[str, int] | None = None, risk: Risk = Risk.HIGH, **changes: Any) -> Ruled:
    places = {"FR": 10} if homes is None else homes
    people = sum(places.values()) or None
    audience = an_audience(people=people or 0, by_place=places)
    seat = changes.pop("seat", "FR")
    organisation = {
        **an_incident().organisation.model_dump(),
        "established_in": seat,
        **changes.pop("organisation", {}),
    }
    incident = an_incident(organisation=organisation, **changes)
    return duties_of(incident, audience, risk, PeopleRange(0, people), Law(table, weekdays), NOW)


def weekdays(place: str, day: date) -> bool:
    return day.weekday() < 5


def only(found: Ruled, part: str = "law.") -> Duty:
    (duty,) = (duty for duty in found.duties if duty.id.startswith(part))
    return duty


def test_a_recorded_clock_gives_the_exact_deadline() -> None:
    duty = only(ruled(a_table()))
    assert (duty.due_at, duty.assumed, duty.starts_at) == (AWARE + timedelta(hours=72), "", AWARE)


def test_an_event_under_another_name_starts_the_clock_too() -> None:
    table = a_table(a_regime(duties=[a_row(of="controller_aware", within={"hours": 72})]))
    assert only(ruled(table)).assumed == ""


def test_an_unrecorded_clock_event_counts_from_its_earliest_time() -> None:
    """A clock event that is not recorded is counted from the earliest time at which it can have happened.

    The duty says that this is assumed, and a question asks for the time.
    """
    found = ruled(a_table(), times={"discovered": "2026-11-23T08:00:00Z"})
    duty = only(found)
    assert duty.due_at == datetime(2026, 11, 26, 8, tzinfo=UTC)
    assert "not recorded" in duty.assumed and "When was aware?" in found.questions


@pytest.mark.parametrize(
    ("times", "start"),
    [
        ({"occurred": {"from": "2026-11-20T00:00:00Z"}, "noticed": "2026-11-22T00:00:00Z"}, "2026-11-20T00:00:00Z"),
        ({"noticed": "2026-11-22T00:00:00Z", "learned": "2026-11-23T00:00:00Z"}, "2026-11-22T00:00:00Z"),
        ({}, NOW.isoformat()),
    ],
)
def test_where_nothing_must_come_first_the_first_thing_known_counts(times: dict[str, Any], start: str) -> None:
    assert only(ruled(a_table(), times=times)).starts_at == datetime.fromisoformat(start)


@pytest.mark.parametrize(
    ("times", "start", "assumed"),
    [
        ({"aware": "2026-11-20T10:00:00Z"}, "2026-11-20T10:00:00Z", ""),
        ({"aware": "2026-11-20T10:00:00Z", "detected": "2026-11-19T10:00:00Z"}, "2026-11-19T10:00:00Z", "not recorded"),
        ({"aware": "2026-11-20T10:00:00Z", "learned": "2026-11-20T11:00:00Z"}, "2026-11-20T11:00:00Z", ""),
    ],
)
def test_an_event_that_implies_another_counts_if_it_is_the_earliest(
    times: dict[str, Any], start: str, assumed: str
) -> None:
    """A recorded event that implies the clock event starts the clock, even if the clock event itself is recorded later.

    If another event is recorded earlier, its time counts, and the duty says that the clock event is not recorded.
    """
    duty = only(ruled(a_table(a_regime(duties=[a_row(of="learned", within={"hours": 5})])), times=times))
    assert duty.starts_at == datetime.fromisoformat(start) and (
        assumed in duty.assumed if assumed else not duty.assumed
    )


def test_times_in_the_wrong_order_are_doubted_and_the_earlier_counts() -> None:
    """When recorded times contradict their order, the earlier time counts, the duty says so, and a question asks for
    the time.
    """
    times = {"aware": "2026-11-10T00:00:00Z", "discovered": "2026-11-19T00:00:00Z"}
    found = ruled(a_table(a_regime(duties=[a_row(of="discovered", within={"hours": 5})])), times=times)
    assert only(found).starts_at == datetime(2026, 11, 10, tzinfo=UTC)
    assert "earlier time counts" in only(found).assumed and "When was discovered?" in found.questions


def test_a_time_in_the_future_is_doubted_and_counted_from_now() -> None:
    duty = only(ruled(a_table(), times={"aware": "2026-12-24T00:00:00Z"}))
    assert duty.due_at == NOW + timedelta(hours=72) and "in the future" in duty.assumed


def test_that_it_was_contained_shows_that_somebody_knew_by_then() -> None:
    times = {"contained": "2026-11-10T00:00:00Z"}
    assert only(ruled(a_table(), times=times)).starts_at == datetime(2026, 11, 10, tzinfo=UTC)


def test_those_whose_home_nobody_named_may_live_anywhere() -> None:
    table = a_table(a_regime(duties=[a_row(when={"residents_over": 500})]))
    seat = {**an_incident().organisation.model_dump(), "established_in": "FR"}
    incident, nobody = an_incident(organisation=seat, residences={"FR": 3}), an_audience(people=0, by_place={})
    found = duties_of(incident, nobody, Risk.HIGH, PeopleRange(0, 50_000), Law(table, weekdays), NOW)
    duty = only(found)
    assert duty.standing is DutyStanding.MAY_APPLY and "3 to 50,000" in duty.why
    assert only(found, "unknown.").people == 49_997


def test_a_ruling_that_meets_no_duty_is_asked_about() -> None:
    ruling = {"applies": True, "reason": "as agreed", "by": "Counsel"}
    found = ruled(a_table(), rulings={"law.authority@DE": ruling, "law.authority": ruling})
    assert found.questions == ("The ruling on law.authority@DE meets no duty here: which one does it mean?",)


def test_at_the_lead_authoritys_seat_the_reason_names_the_homes() -> None:
    """At the lead authority of the organisation's seat, the reason of the duty counts all people and names the
    countries in which they live.
    """
    row = {"id": "authority", "recipient": "authority", "of": "aware", "within": {"hours": 72}, "lead": True}
    table = a_table(a_regime(places=["DE", "FR"], duties=[row]), place_names={"DE": "Germany", "FR": "France"})
    duty = only(ruled(table, {"FR": 7, "DE": 2}, seat="DE"))
    assert duty.why.startswith("9 people live in Germany, France; the organisation is established in Germany")


def test_a_trade_law_of_many_places_stands_once_without_a_known_seat() -> None:
    """A law about a trade that holds in many places gives one duty while nobody knows the organisation's seat."""
    row = {"id": "authority", "recipient": "authority", "of": "aware", "within": {"hours": 4}, "lead": True}
    table = a_table(a_regime(places=["DE", "FR"], regulated=["financial_entity"], duties=[row]))
    organisation = {"regulated": ["financial_entity"], "established_in": None}
    assert only(ruled(table, {"JP": 7}, organisation=organisation)).standing is DutyStanding.APPLIES


def test_published_data_was_not_unreadable() -> None:
    regime = a_regime(exemptions=[{"text": "encrypted", "when": {"unreadable": True}}])
    published = {"encrypted_at_rest": True, "encryption_key_safe": True, "exfiltration_evidence": "published"}
    facts = {**an_incident().facts.model_dump(), **published}
    assert only(ruled(a_table(regime), facts=facts)).standing is DutyStanding.APPLIES


def test_an_own_step_not_taken_yet_counts_from_now_and_comes_last() -> None:
    """A duty that waits for a step of our own, such as telling the people, is counted from now and comes after all
    other duties.
    """
    waiting = a_row(id="later", recipient="authority", of="individuals_notified", within={"days": 15})
    found = ruled(a_table(a_regime(duties=[waiting, a_row(of="individuals_notified", within=None), a_row(id="now")])))
    assert [duty.waits for duty in found.duties if duty.id.startswith("law.")] == [False, True, True]
    assert found.duties[-1].due_at == datetime(2026, 12, 9, 23, 59, tzinfo=UTC)


def test_a_second_limit_runs_while_the_first_waits_for_us() -> None:
    cap = {"within": {"hours": 24}, "of": "aware"}
    row = a_row(of="individuals_notified", within={"hours": 4}, no_later_than=cap)
    duty = only(ruled(a_table(a_regime(duties=[row]))))
    assert not duty.waits and duty.due_at is not None


def test_the_earlier_of_two_limits_counts() -> None:
    row = a_row(of="aware", within={"hours": 72}, no_later_than={"within": {"hours": 24}, "of": "discovered"})
    assert only(ruled(a_table(a_regime(duties=[row])))).due_at == datetime(2026, 11, 24, 8, tzinfo=UTC)


def test_days_end_with_the_last_minute_where_the_recipient_is() -> None:
    table = a_table(a_regime(duties=[a_row()], timezone="America/Los_Angeles", places=["US-WA"]))
    assert only(ruled(table, {"US-WA": 1})).due_at == datetime(2026, 12, 24, 7, 59, tzinfo=UTC)


def test_the_end_of_the_year_is_that_of_the_discovery() -> None:
    row = a_row(of="end_of_calendar_year", within={"days": 60})
    due = only(ruled(a_table(a_regime(duties=[row], timezone="UTC")))).due_at
    assert due == datetime(2027, 3, 1, 23, 59, tzinfo=UTC)


def test_a_law_applies_where_the_people_live_or_the_organisation_is() -> None:
    assert only(ruled(a_table(), {"FR": 1}, seat="IT"))
    assert only(ruled(a_table(), {"IT": 1}, seat="FR"))
    assert not [duty for duty in ruled(a_table(), {"IT": 1}, seat="IT").duties if duty.id.startswith("law.")]


def test_a_law_of_a_state_asks_for_people_in_that_state() -> None:
    table = a_table(a_regime(places=["US-WA"]), a_regime(id="federal", places=["US"]))
    assert only(ruled(table, {"US-WA": 2})).people == 2
    assert {duty.id for duty in ruled(table, {"US-OR": 2}, seat="US").duties} == {"federal.authority"}


def test_people_whose_province_is_not_known_may_live_in_each() -> None:
    table = a_table(a_regime(places=["CA-QC"]), a_regime(id="federal", places=["CA"]))
    duty = only(ruled(table, {"CA": 5}))
    assert duty.standing is DutyStanding.MAY_APPLY


def test_a_state_without_a_row_and_an_unknown_state_get_the_stand_in() -> None:
    stand_in = a_regime(id="state", places=["US"], stands_for="the law of a state", confidence="memory-low")
    table = a_table(a_regime(id="federal", places=["US"]), a_regime(places=["US-WA"]), unknown_state={"US": stand_in})
    found = ruled(table, {"US": 1, "US-KS": 2, "US-WA": 3}, seat="US")
    assert {duty.id for duty in found.duties} == {
        "federal.authority",
        "law.authority",
        "state.authority@US",
        "state.authority@US-KS",
    }


def test_a_country_that_nobody_wrote_a_row_for_needs_a_lawyer() -> None:
    duty = only(ruled(a_table(), {"XK": 1}), "unknown.")
    assert duty.id == "unknown.authority@XK" and duty.lawyer_needed
    assert duty.standing is DutyStanding.MAY_APPLY and "nobody has looked up the law there" in duty.why


def test_people_of_unknown_country_are_not_passed_over() -> None:
    """People whose country is not known have a duty of their own and are not passed over in silence."""
    assert only(ruled(a_table(), {"": 4, "FR": 1}), "unknown.").id == "unknown.authority@unknown"


def test_a_place_with_two_names_is_one_place() -> None:
    assert only(ruled(a_table(a_regime(places=["US-PR"])), {"PR": 1, "US-PR": 2})).people == 3


def test_an_organisation_seated_in_the_union_has_one_authority() -> None:
    """An organisation seated in the union answers only to the authority of its seat.

    An organisation seated elsewhere answers to the authority of each country in which people live.
    """
    row = {"id": "authority", "recipient": "authority", "of": "aware", "within": {"hours": 72}, "lead": True}
    table = a_table(a_regime(places=["DE", "FR", "IT"], duties=[row]))
    assert [duty.id for duty in ruled(table, {"FR": 1, "IT": 1}, seat="DE").duties] == ["law.authority@DE"]
    outside = ruled(table, {"FR": 1, "IT": 1}, seat="CN")
    assert {duty.id for duty in outside.duties if duty.id.startswith("law.")} == {
        "law.authority@FR",
        "law.authority@IT",
    }


@pytest.mark.parametrize(
    ("when", "standing"),
    [
        ({"residents_over": 9}, "applies"),
        ({"residents_over": 10}, None),
        ({"residents_at_least": 10}, "applies"),
        ({"people_under": 10}, None),
        ({"people_under": 11}, "applies"),
        ({"risk_at_least": "high"}, "applies"),
        ({"role": ["processor"]}, None),
        ({"role": ["controller"]}, "applies"),
        ({"data": ["health"]}, None),
        ({"data": ["contact"]}, "applies"),
        ({"cause": ["external_attack"]}, "applies"),
        ({"cause": ["loss"]}, None),
        ({"malicious": False}, None),
        ({"regulated": ["us_listed"]}, "may_apply"),
        ({"any_of": [{"data": ["health"]}, {"residents_over": 5}]}, "applies"),
        ({"any_of": [{"data": ["health"]}, {"residents_over": 50}]}, None),
    ],
)
def test_conditions_are_held_against_the_facts(when: dict[str, Any], standing: str | None) -> None:
    found = ruled(a_table(a_regime(duties=[a_row(when=when)])))
    assert [duty.standing for duty in found.duties] == ([standing] if standing else [])
    assert bool(found.set_aside) is (standing is None)


@pytest.mark.parametrize(
    ("known", "named", "standing"),
    [
        ("ssn", ["ssn", "drivers_license"], "applies"),
        ("ssn", ["national_id"], "applies"),
        ("national_id", ["ssn", "drivers_license"], "may_apply"),
        ("passport", ["ssn", "drivers_license"], None),
        ("card_number", ["card_with_code"], None),
        ("payment_card", ["card_with_code"], "may_apply"),
        ("diagnosis", ["health"], "applies"),
    ],
)
def test_a_law_that_names_elements_is_not_met_by_others(known: str, named: list[str], standing: str | None) -> None:
    table = a_table(a_regime(duties=[a_row(when={"data": named})]))
    found = ruled(table, facts={"data_categories": [known]})
    assert [duty.standing for duty in found.duties] == ([standing] if standing else [])


@pytest.mark.parametrize(
    "when",
    [
        {"data": ["health"]},
        {"cause": ["loss"]},
        {"vector": ["other"]},
        {"malicious": False},
        {"unreadable": True},
        {"people_over": 500},
        {"residents_over": 500},
        {"role": ["processor"]},
        {"not_regulated": ["us_listed"]},
    ],
)
def test_what_nobody_knows_never_makes_a_duty_disappear(when: dict[str, Any]) -> None:
    found = ruled(a_table(a_regime(duties=[a_row(when=when)])), {"FR": 0}, facts={}, organisation={"role": None})
    assert only(found).standing is DutyStanding.MAY_APPLY


def test_an_unnamed_trade_may_be_meant_unless_the_sector_says_no() -> None:
    """A law about a trade may apply to an organisation whose trades nobody has named, unless its sector rules the trade
    out. A named trade or an empty list decides.
    """

    def table(*sectors: str) -> DutyTable:
        return a_table(a_regime(regulated=["financial_entity"], sectors=sectors))

    assert only(ruled(table("banking"))).standing is DutyStanding.MAY_APPLY
    assert not ruled(table("telecom")).duties
    assert not ruled(table("banking"), organisation={"regulated": []}).duties
    said = ruled(table("telecom"), organisation={"regulated": ["financial_entity"]})
    assert only(said).standing is DutyStanding.APPLIES


def test_what_only_a_person_can_judge_may_apply_and_is_asked() -> None:
    found = ruled(a_table(a_regime(duties=[a_row(ask="clients lose money")])))
    duty = only(found)
    assert duty.standing is DutyStanding.MAY_APPLY and any("clients lose money" in why for why in duty.lawyer_needed)
    assert "Data Act: is it so that clients lose money?" in found.questions


def test_a_judgement_in_a_condition_is_asked_only_if_it_decides() -> None:
    """A judgement that a person must make inside a condition is asked for only where no other part of the condition
    settles it.
    """
    when = {"any_of": [{"residents_over": 5}, {"ask": "the loss is large"}]}
    table = a_table(a_regime(duties=[a_row(when=when)]))
    assert only(ruled(table)).asks == ()
    few = ruled(table, {"FR": 2})
    assert (
        only(few).standing is DutyStanding.MAY_APPLY
        and few.questions[-1] == "Data Act: is it so that the loss is large?"
    )


def test_a_law_of_a_trade_reaches_whoever_is_known_to_be_under_it() -> None:
    table = a_table(a_regime(places=["US"], regulated=["us_listed"]))
    assert not [duty for duty in ruled(table).duties if duty.id.startswith("law.")]
    assert only(ruled(table, organisation={"regulated": ["us_listed"]})).standing is DutyStanding.APPLIES


def test_what_stands_in_for_one_state_does_not_hold_up_another() -> None:
    rows = [a_row(id="authority", recipient="authority", before=["residents"]), a_row(id="residents")]
    stand_in = a_regime(id="state", places=["US"], stands_for="the law of a state", duties=rows)
    table = a_table(a_regime(id="federal", places=["US"]), unknown_state={"US": stand_in})
    found = {duty.id: duty.before for duty in ruled(table, {"US-KS": 1, "US-OK": 1}).duties}
    assert found["state.authority@US-KS"] == ("state.residents@US-KS",)


def test_a_lawyers_ruling_settles_it_and_stands_in_the_record() -> None:
    table = a_table(a_regime(duties=[a_row(ask="clients lose money")]))
    no = ruled(table, rulings={"law.people": {"applies": False, "reason": "no accounts were touched", "by": "Counsel"}})
    assert not no.duties and no.set_aside[0].why == "Counsel decided: no accounts were touched"
    yes = ruled(table, rulings={"law.people": {"applies": True, "reason": "accounts were touched", "by": "Counsel"}})
    assert only(yes).standing is DutyStanding.APPLIES


def test_an_authority_is_not_told_rules_that_are_only_for_letters() -> None:
    """Rules about what a letter must not say, or how it must look, stand only at duties to people.

    A rule for all notices stands at duties to an authority too.
    """
    bans = [{"text": "say how in the letter", "notices_only": True, "item": "nature"}, {"text": "wait for the count"}]
    rows = [a_row(), a_row(id="authority", recipient="authority")]
    found = ruled(a_table(a_regime(duties=rows, must_not=bans, format_rules=["10 point"])))
    said = {duty.id: (duty.must_not, duty.leaves_out, duty.format_rules) for duty in found.duties}
    assert said["law.authority"] == (("wait for the count",), (), ())
    assert said["law.people"] == (("say how in the letter", "wait for the count"), ("nature",), ("10 point",))


def test_an_exemption_names_its_evidence_and_a_lawyer_must_agree() -> None:
    """An exemption that the facts meet is claimed with the facts that are its evidence, and a lawyer must agree.

    Without these facts the duty applies.
    """
    regime = a_regime(exemptions=[{"text": "encrypted", "when": {"unreadable": True}}, {"text": "no harm"}])
    facts = {**an_incident().facts.model_dump(), "encrypted_at_rest": True, "encryption_key_safe": True}
    duty = only(ruled(a_table(regime), facts=facts))
    assert duty.standing is DutyStanding.EXEMPT and duty.exemptions[0].evidence == (
        "encrypted_at_rest",
        "encryption_key_safe",
    )
    assert any("exemption" in why for why in duty.lawyer_needed)
    assert only(ruled(a_table(regime))).standing is DutyStanding.APPLIES


def test_a_lawyers_ruling_outweighs_an_exemption() -> None:
    """A lawyer's ruling that a duty applies weighs more than an exemption that the facts seem to meet, and no lawyer is
    needed any more.
    """
    regime = a_regime(exemptions=[{"text": "encrypted", "when": {"unreadable": True}}])
    facts = {**an_incident().facts.model_dump(), "encrypted_at_rest": True, "encryption_key_safe": True}
    rulings = {"law.authority": {"applies": True, "reason": "the method is outdated", "by": "Counsel"}}
    duty = only(ruled(a_table(regime), facts=facts, rulings=rulings))
    assert duty.standing is DutyStanding.APPLIES and not duty.lawyer_needed


def test_the_stand_in_for_unknown_states_counts_only_unknown_ones() -> None:
    """The regime that stands in for the unknown state counts only people whose state is unknown."""
    stand_in = a_regime(id="state", places=["US"], stands_for="the law of a state")
    table = a_table(a_regime(places=["US-WA"]), a_regime(id="federal", places=["US"]), unknown_state={"US": stand_in})
    assert only(ruled(table, {"US-WA": 700, "US": 3}), "state.").people == 3


def test_an_exemption_that_spares_one_duty_leaves_the_others() -> None:
    spared = {"text": "encrypted", "when": {"unreadable": True}, "spares": ["people"]}
    rows = [a_row(), a_row(id="authority", recipient="authority")]
    facts = {**an_incident().facts.model_dump(), "encrypted_at_rest": True, "encryption_key_safe": True}
    found = ruled(a_table(a_regime(duties=rows, exemptions=[spared])), facts=facts)
    assert {duty.id: duty.standing for duty in found.duties} == {"law.people": "exempt", "law.authority": "applies"}


def test_the_earliest_to_the_same_recipient_is_marked_as_first() -> None:
    table = a_table(a_regime(duties=[a_row()]), a_regime(id="stricter", duties=[a_row(within={"days": 10})]))
    assert {duty.id: duty.first for duty in ruled(table).duties} == {"stricter.people": True, "law.people": False}


def test_a_duty_without_a_term_means_at_once_and_comes_first() -> None:
    """A duty without a term in hours or days means at once, and comes before all duties with a date."""
    table = a_table(a_regime(), a_regime(id="prompt", duties=[a_row(within=None, standard="at once")]))
    assert [duty.id for duty in ruled(table).duties] == ["prompt.people", "law.authority"]


def test_order_constraints_name_the_duties_that_must_wait() -> None:
    rows = [a_row(id="authority", recipient="authority", before=["people"]), a_row(id="people")]
    market = a_regime(id="market", duties=[a_row(id="filing", recipient="market", before=["people"])])
    duties = {duty.id: duty.before for duty in ruled(a_table(a_regime(duties=rows), market)).duties}
    assert duties["law.authority"] == ("law.people",) and duties["market.filing"] == ("law.people",)


def test_what_nobody_checked_and_what_only_stands_in_needs_a_lawyer() -> None:
    assert not only(ruled(a_table())).lawyer_needed
    assert only(ruled(a_table(a_regime(confidence="memory-high")))).lawyer_needed
    assert only(ruled(a_table(a_regime(lawyer_check=["which authority"])))).lawyer_needed == ("which authority",)


def test_business_days_over_undecreed_holidays_need_a_lawyer() -> None:
    """A term in business days that runs over public holidays that nobody has decreed yet needs a lawyer's look."""
    table = a_table(a_regime(duties=[a_row(within={"business_days": 3})]))
    law = Law(table, weekdays, is_estimated=lambda place, year: (place, year) == ("FR", 2026))
    (duty,) = duties_of(an_incident(), an_audience(by_place={"FR": 3}), Risk.HIGH, PeopleRange(0, 3), law, NOW).duties[
        -1:
    ]
    assert duty.lawyer_needed == ("the public holidays of France in 2026 are not certain yet",)


def test_without_homes_only_the_seat_counts_and_no_number_is_known() -> None:
    """When nobody's home is known, only the organisation's seat counts.

    The number of people is not known, so a duty that depends on it may apply.
    """
    found = ruled(a_table(a_regime(duties=[a_row(when={"residents_over": 500})])), {})
    duty = only(found)
    assert duty.people is None and duty.standing is DutyStanding.MAY_APPLY
    assert only(found, "unknown.").id == "unknown.authority@unknown"


@pytest.mark.parametrize(
    ("regime", "said"),
    [
        (a_regime(timezone="Mars/Olympus"), "no IANA time zone"),
        (a_regime(duties=[a_row(of="doomsday")]), "no clock event is called doomsday"),
        (a_regime(duties=[a_row(), a_row()]), "the same id"),
        (a_regime(duties=[a_row(recipient="nobody")]), "no name for the recipients nobody"),
        (a_regime(duties=[a_row(within={"hours": 1, "days": 1})]), "give one of hours"),
    ],
)
def test_a_broken_table_is_refused(regime: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        a_table(regime)


def test_a_filing_is_early_or_late_by_the_difference() -> None:
    """A filing is early or late by the difference between its time and the date of the duty.

    Without a date it is neither.
    """
    duty = only(ruled(a_table()))
    assert duty.due_at is not None
    assert duty.early_by(duty.due_at - timedelta(hours=1)) == timedelta(hours=1)
    assert duty.early_by(duty.due_at + timedelta(days=3)) == timedelta(days=-3)
    assert duty.model_copy(update={"due_at": None}).early_by(NOW) is None


@pytest.mark.parametrize(
    ("changes", "overdue"),
    [({}, True), ({"waits": True}, False), ({"standing": DutyStanding.EXEMPT}, False), ({"due_at": None}, False)],
)
def test_what_waits_for_us_or_is_exempt_is_never_overdue(changes: dict[str, Any], overdue: bool) -> None:
    duty = only(ruled(a_table())).model_copy(update=changes)
    assert duty.overdue(NOW + timedelta(days=9)) is overdue


# Seats and homes

LEADING = {"id": "authority", "recipient": "authority", "of": "aware", "within": {"hours": 72}, "lead": True}
NAMED = {
    "addressee": "authority",
    "name": "Authority of {place}",
    "names": {"DE": "that of the Land", "DE-BE": "Berlin's"},
}


@pytest.mark.parametrize(
    ("seat", "name"), [("DE", "that of the Land"), ("DE-BE", "Berlin's"), ("FR", "Authority of France")]
)
def test_a_seat_in_a_part_of_a_country_has_its_authority(seat: str, name: str) -> None:
    """A company that sits in a part of a country answers to the authority of that part, under the country's id."""
    table = a_table(a_regime(places=["DE", "FR"], duties=[LEADING]), recipients=RECIPIENTS | {"authority": NAMED})
    duty = only(ruled(table, {"FR": 4}, seat=seat))
    assert (duty.id, duty.recipient_name) == (f"law.authority@{seat[:2]}", name)


def test_authorities_that_the_lead_informs_are_named_as_such() -> None:
    """Beside the lead authority the others concerned are named, in a note: the company tells the lead one alone."""
    table = a_table(a_regime(places=["DE", "FR"], duties=[LEADING]), recipients=RECIPIENTS | {"authority": NAMED})
    assert (
        "the others concerned (not told by you): Authority of France"
        in only(ruled(table, {"FR": 4}, seat="DE-BE")).note
    )
    assert only(ruled(table, {"DE": 4}, seat="DE-BE")).note == ""


def test_a_seat_in_a_us_state_brings_in_federal_law_only() -> None:
    """A law of a US state protects the people who live there; the seat brings in the law of the country."""
    stand_in = a_regime(id="state", places=["US"], stands_for="the law of a state")
    table = a_table(a_regime(places=["US-WA"]), a_regime(id="federal", places=["US"]), unknown_state={"US": stand_in})
    assert {duty.id for duty in ruled(table, {"XK": 1}, seat="US-WA").duties} == {
        "federal.authority",
        "unknown.authority@XK",
    }


@pytest.mark.parametrize(
    ("listed", "stated", "at_most", "found"),
    [
        ({}, {"DE": 6, "US-WA": 4}, None, {"DE": 6, "US-WA": 4}),
        ({"DE": 3, "": 7}, {}, None, {"DE": 3, "": 7}),
        ({"DE": 3, "": 7}, {"DE": 6, "FR": 4}, None, {"DE": 6, "FR": 4}),
        ({"DE": 3, "": 2}, {"DE": 103, "FR": 100}, None, {"DE": 4, "FR": 1}),
        ({"DE": 3}, {"DE": 6, "FR": 1}, 10, {"DE": 6, "FR": 1, "": 3}),
        ({"DE": 3}, {"DE": 60}, None, {"DE": 3}),
        ({"US": 5}, {"US-WA": 5}, 10, {"US": 5, "": 5}),
        ({"PR": 1, "": 2}, {"US-PR": 3}, None, {"US-PR": 3}),
        ({}, {}, 10, {}),
    ],
)
def test_the_file_places_people_whom_no_list_places(
    listed: dict[str, int], stated: dict[str, int], at_most: int | None, found: dict[str, int]
) -> None:
    """The homes that the incident file states count for people without a country in the list, and for those whom the
    list does not have; where the list places everybody, the list counts.
    """
    assert homes(listed, stated, {"PR": "US-PR"}, PeopleRange(0, at_most)) == found


def test_the_states_with_many_people_are_named() -> None:
    """A duty that depends on the people in one state names each state with more than the law says."""
    row = a_row(id="media", recipient="authority", when={"one_state_over": 500})
    table = a_table(a_regime(places=["US"], duties=[row]))
    duty = only(ruled(table, {"US-WA": 501, "US-KS": 500}, seat="US"))
    assert duty.recipient_name == "Authority of Washington"
    assert "501 in Washington; the law says more than 500" in duty.why
    assert only(ruled(table, {"US": 501}, seat="US")).standing is DutyStanding.MAY_APPLY


def test_what_is_only_recommended_is_no_duty_and_never_late() -> None:
    row = a_row(within={"hours": 1})
    found = ruled(a_table(a_regime(recommended=True, duties=[row]), a_regime(id="binding", duties=[row])))
    duty = only(found)
    assert duty.standing is DutyStanding.RECOMMENDED and not duty.overdue(NOW + timedelta(days=9)) and not duty.first


@pytest.mark.parametrize(
    ("facts", "listed", "standing"),
    [
        ({"data_subjects": ["customers", "children"]}, 0, "applies"),
        ({"data_subjects": ["customers"]}, 2, "applies"),
        ({"data_subjects": ["customers"]}, 0, "may_apply"),
        ({"vulnerable_subjects": False}, 0, None),
        ({"vulnerable_subjects": False}, 1, "applies"),
    ],
)
def test_minors_are_seen_by_the_facts_or_by_the_list(facts: dict[str, Any], listed: int, standing: str | None) -> None:
    table = a_table(a_regime(duties=[a_row(when={"minors": True})]))
    audience = an_audience(people=3, by_place={"FR": 3}, by_flag={"minor": listed})
    found = duties_of(an_incident(facts=facts), audience, Risk.HIGH, PeopleRange(0, 3), Law(table, weekdays), NOW)
    assert [duty.standing for duty in found.duties if duty.id == "law.people"] == ([standing] if standing else [])


# Reviews


def test_a_duty_of_a_row_that_is_over_age_needs_a_lawyer() -> None:
    duty = only(ruled(a_table(a_regime(reviewed="2026-01-01"))))
    assert duty.lawyer_needed == ("nobody has held this row against the law since 2026-01-01",)


@pytest.mark.parametrize(
    ("day", "stale"), [("2027-05-22", []), ("2027-05-23", ["law"]), ("2027-06-30", ["law", "soon"])]
)
def test_a_row_is_stale_180_days_after_its_review(day: str, stale: list[str]) -> None:
    """A row is due for review 180 days after its last review, or on the day that it names itself."""
    table = a_table(
        a_regime(),
        a_regime(id="soon", places=["DE"], next_review="2027-06-01"),
        place_names={"FR": "France", "DE": "Germany"},
    )
    assert [one.id for one in table.stale(date.fromisoformat(day)) if one.id != "unknown"] == stale


def test_a_next_review_before_the_last_one_is_refused() -> None:
    with pytest.raises(ValidationError, match="is not after reviewed"):
        a_table(a_regime(next_review="2026-11-24"))


def test_a_row_without_the_day_of_its_review_is_refused() -> None:
    with pytest.raises(ValidationError, match="reviewed"):
        a_table({name: value for name, value in a_regime().items() if name != "reviewed"})
