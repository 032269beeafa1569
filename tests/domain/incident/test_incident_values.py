"""An incident's times, and what its file must name."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from amends.domain.incident.incident import Incident, Organisation, Times
from tests.builders import an_incident


def test_clock_events_stand_beside_the_other_times() -> None:
    times = Times.model_validate({"aware": "2026-11-23T10:00:00Z", "contained": "2026-11-23T12:00:00Z"})
    assert times.events == {"aware": datetime(2026, 11, 23, 10, tzinfo=UTC)}


def test_a_clock_event_that_is_null_is_not_recorded() -> None:
    assert Times.model_validate({"aware": None}).events == {}


def test_an_event_that_starts_no_clock_is_refused() -> None:
    with pytest.raises(ValidationError, match="awear"):
        Times.model_validate({"awear": "2026-11-23T10:00:00Z"})


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        Times.model_validate({"aware": "2026-11-23T10:00:00"})


def test_nothing_ends_before_it_starts() -> None:
    period = {"from": "2026-11-21T00:00:00Z", "to": "2026-11-20T00:00:00Z"}
    with pytest.raises(ValidationError, match="it ends before it starts"):
        Times.model_validate({"occurred": period})


@pytest.mark.parametrize("event", ["discovered", "contained"])
def test_nothing_is_noticed_or_stopped_before_it_starts(event: str) -> None:
    times = {"occurred": {"from": "2026-11-21T00:00:00Z"}, event: "2026-11-20T00:00:00Z"}
    with pytest.raises(ValidationError, match=f"{event} is before occurred.from"):
        Times.model_validate(times)


def test_times_survive_a_journey_through_json() -> None:
    times = an_incident().times
    assert Times.model_validate_json(times.model_dump_json()) == times


def test_the_first_language_written_is_the_one_for_everybody_else() -> None:
    assert an_incident().default_locale == "en"


@pytest.mark.parametrize(("name", "locale"), [({"zh-CN": "贝塔派"}, "zh-CN"), ("Betapai", "en"), ({}, "en")])
def test_without_texts_the_name_decides_the_language(name: object, locale: str) -> None:
    organisation = {**an_incident().organisation.model_dump(mode="json"), "name": name}
    assert an_incident(texts={}, organisation=organisation).default_locale == locale


MORNING = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)


def occurred(said: object, zone: str = "Europe/Berlin") -> tuple[datetime | None, datetime | None]:
    organisation = {"name": "Betapai", "timezone": zone}
    period = an_incident(organisation=organisation, times={"occurred": said}).times.occurred
    return period.start, period.end


@pytest.mark.parametrize("said", ["2026-03-02T08:00+01:00", MORNING, {"from": MORNING, "to": MORNING}])
def test_one_moment_is_both_ends_of_the_period(said: object) -> None:
    assert occurred(said) == (MORNING, MORNING)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Shanghai", "UTC"])
def test_a_bare_date_is_that_day_in_the_organisations_zone(zone: str) -> None:
    there = ZoneInfo(zone)
    assert occurred("2026-03-02", zone) == (
        datetime(2026, 3, 2, 0, 0, tzinfo=there),
        datetime(2026, 3, 2, 23, 59, tzinfo=there),
    )


def test_one_end_of_a_period_may_be_unknown() -> None:
    assert occurred({"from": "unknown", "to": "2026-03-02T08:00+01:00"}) == (None, MORNING)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("2026-03-02T08:00", "timezone"),
        ("2026-02-30", "date"),
        ("yesterday", "datetime"),
        (20260302, "write a date and a time"),
        ({"from": "2026-03-02"}, "timezone"),
    ],
)
def test_a_period_that_cannot_be_read_is_refused(said: object, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        occurred(said)


def test_what_is_unknown_or_empty_is_as_if_left_out() -> None:
    """Every optional key of an incident file may hold nothing, or the word `unknown`."""
    bare = {"id": "night", "title": "Something happened"}
    told = {
        "organisation": {"established_in": "unknown", "regulated": None, "contacts": {"phone": "unknown"}},
        "times": {"occurred": "unknown", "aware": "unknown", "contained": None},
        "facts": {"people": {"min": 3, "max": "unknown"}, "recipient": {"kind": "unknown"}},
        "residences": "unknown",
        "texts": {"en": {"what_we_do": "unknown"}},
    }
    given = Incident.model_validate({**bare, **told})
    facts = {"people": {"min": 3}, "recipient": {"kind": None}}
    assert given == Incident.model_validate({**bare, "facts": facts, "texts": {"en": {}}})


def test_a_wrong_word_is_not_taken_for_unknown() -> None:
    with pytest.raises(ValidationError, match="established_in"):
        an_incident(organisation={"established_in": "unknwon"})


def test_an_unknown_key_is_refused_even_when_it_is_empty() -> None:
    with pytest.raises(ValidationError, match="titel"):
        Incident.model_validate({"id": "night", "title": "Something happened", "titel": None})


def test_an_id_is_needed_whatever_else_is_unknown() -> None:
    with pytest.raises(ValidationError, match="id"):
        Incident.model_validate({"id": None, "title": "Something happened"})


@pytest.mark.parametrize("name", ["../november", "November", "a b", ""])
def test_an_incident_whose_id_is_unsafe_in_a_path_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="id"):
        an_incident(id=name)


def with_domains(*domains: str) -> tuple[str, ...]:
    values = an_incident().organisation.model_dump(mode="json") | {"own_domains": domains}
    return Organisation.model_validate(values).own_domains


NO_DOMAINS = """
    * *.betapai.example com .betapai.example betapai.example. betapai..example -a.example https://betapai.example
    betapai.example/n betapai.example:8400 mei@betapai.example bücher.example
"""


@pytest.mark.parametrize("domain", ["", "betapai example.org", *NO_DOMAINS.split()])
def test_links_cannot_lead_to_what_is_no_domain_of_ones_own(domain: str) -> None:
    with pytest.raises(ValidationError, match=r"own_domains.1\n.* a domain of the organisation is meant"):
        with_domains("betapai.example", domain)


@pytest.mark.parametrize("domain", ["betapai.example", "Notice.BetaPai.example", "xn--bcher-kva.example", "127.0.0.1"])
def test_links_may_lead_to_any_domain_below_a_top_one(domain: str) -> None:
    assert with_domains(domain) == (domain,)
