"""An incident's times, and what its file must name."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from amends.domain.incident.incident import Organisation, Times
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


def test_an_incident_without_any_text_is_refused() -> None:
    with pytest.raises(ValidationError, match="texts"):
        an_incident(texts={})


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
