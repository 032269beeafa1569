"""Two statements about the same thing agree or contradict each other, whatever the language of the notices."""

from typing import Any

import pytest

from amends.domain.incident.incident import Incident, StatementKey
from amends.domain.notice.statement import Statement, committed, contradicts, stated_by
from amends.domain.notice.templates import SaidText, environment, split_statements
from tests.builders import NOW, a_commitment, an_incident


def incident(times: dict[str, Any] | None = None, **facts: Any) -> Incident:
    """An incident in UTC of which nothing else is known."""
    given = {"id": "november-breach", "title": "Customer data was copied", "times": times or {}, "facts": facts}
    return Incident.model_validate(given)


def suspected(value: Any) -> dict[str, Any]:
    return {"value": value, "certainty": "suspected"}


def ruled_out(value: Any) -> dict[str, Any]:
    return {"value": value, "certainty": "ruled_out"}


def wrong(told: Incident, known: Incident, listed: int = 3) -> set[str]:
    """The keys of what a notice about the first state told wrongly, by the second state."""
    now = stated_by(known, listed)
    return {key for key, one in stated_by(told, listed).items() if contradicts(one, now.get(key))}


@pytest.mark.parametrize(
    ("told", "known", "keys"),
    [
        ({"cause": "theft"}, {"cause": "theft"}, set()),
        ({"cause": "theft"}, {"cause": "insider"}, {"cause"}),
        ({"cause": "theft"}, {"cause": ruled_out("theft")}, {"cause"}),
        ({"cause": suspected("theft")}, {"cause": "insider"}, set()),
        ({"cause": "theft"}, {"cause": suspected("theft")}, set()),
        ({"cause": "theft"}, {"cause": suspected("insider")}, {"cause"}),
        ({"cause": ruled_out("theft")}, {"cause": "theft"}, {"cause"}),
        ({"cause": ruled_out("theft")}, {"cause": ruled_out("theft")}, set()),
        ({"cause": ruled_out("theft")}, {"cause": "insider"}, set()),
        ({"cause": ruled_out("theft")}, {"cause": suspected("theft")}, set()),
        ({"cause": "theft"}, {}, set()),
        ({}, {"cause": "insider"}, set()),
        ({"vector": "phishing"}, {"vector": "ransomware"}, {"vector"}),
        ({"malicious": True}, {"malicious": False}, {"malicious"}),
        ({"exfiltration": "no"}, {"exfiltration": "yes"}, {"exfiltration"}),
        ({"encrypted_at_rest": True}, {"encrypted_at_rest": False}, {"encrypted"}),
        ({"encrypted_at_rest": True}, {"encrypted_at_rest": True, "encryption_key_safe": False}, set()),
        (
            {"encrypted_at_rest": True, "encryption_key_safe": True},
            {"encrypted_at_rest": True, "encryption_key_safe": False},
            {"encrypted"},
        ),
        ({"misuse_observed": False}, {"misuse_observed": True}, {"misuse"}),
        ({"recipient": {"kind": "public"}}, {"recipient": {"kind": "unknown_attacker"}}, {"recipient"}),
        ({"recipient": {"kind": "public"}}, {"recipient": {"kind": "public", "count": 3}}, set()),
        ({"mitigations": ["police_report"]}, {"mitigations": ["access_revoked", "police_report"]}, set()),
        ({"mitigations": ["police_report", "remote_wipe"]}, {"mitigations": ["police_report"]}, {"measures"}),
        ({"data_categories": ["contact"]}, {"data_categories": ["contact"]}, set()),
        ({"data_categories": ["contact", "health"]}, {"data_categories": ["health", "contact"]}, set()),
        ({"data_categories": ["contact"]}, {"data_categories": ["contact", "national_id"]}, {"elements"}),
        ({"data_categories": ["contact"]}, {"data_categories": ruled_out(["contact"])}, {"elements"}),
        ({"people": 12}, {"people": 120_000}, {"people"}),
        ({"people": {"min": 9}}, {"people": 120}, set()),
        ({"people": {"max": 300}}, {"people": 120}, set()),
        ({"people": {"max": 300}}, {"people": 1_200}, {"people"}),
        ({"people": {"max": 300}}, {"people": {"min": 100}}, {"people"}),
        ({"people": suspected(12)}, {"people": 120_000}, set()),
    ],
)
def test_what_was_told_as_certain_and_is_otherwise_was_told_wrongly(
    told: dict[str, Any], known: dict[str, Any], keys: set[str]
) -> None:
    assert wrong(incident(**told), incident(**known)) == keys


@pytest.mark.parametrize(
    ("told", "known", "keys"),
    [
        ({"occurred": "2026-03-02"}, {"occurred": "2026-03-02T08:00+00:00"}, set()),
        ({"occurred": "2026-03-02"}, {"occurred": "2026-03-03"}, {"occurred"}),
        (
            {"occurred": {"from": "2026-03-02T08:00+00:00"}},
            {"occurred": {"from": "2026-03-03T08:00+00:00", "to": "2026-03-04T08:00+00:00"}},
            set(),
        ),
        ({"occurred": {"to": "2026-03-02T08:00+00:00"}}, {"occurred": {"to": "2026-03-04T08:00+00:00"}}, {"occurred"}),
        ({"discovered": "2026-03-02T08:00+00:00"}, {"discovered": "2026-03-02T09:00+00:00"}, set()),
        ({"discovered": "2026-03-02T08:00+00:00"}, {"discovered": "2026-03-03T09:00+00:00"}, {"discovered"}),
        ({"contained": "2026-03-02T08:00+00:00"}, {"contained": "2026-03-04T09:00+00:00"}, {"contained"}),
        ({}, {"contained": "2026-03-04T09:00+00:00"}, set()),
    ],
)
def test_a_day_is_wrong_when_another_is_known(told: dict[str, Any], known: dict[str, Any], keys: set[str]) -> None:
    assert wrong(incident(told), incident(known)) == keys


def test_a_count_of_the_list_is_never_told_as_certain() -> None:
    assert wrong(incident(), incident(people=9)) == set()
    assert stated_by(incident(), 3)["people"].value == "3/3"


def test_the_next_update_and_the_contact_are_not_corrected() -> None:
    told, known = an_incident(), an_incident()
    changed = known.organisation.model_copy(update={"contacts": known.organisation.contacts.model_copy()})
    moved = changed.contacts.model_copy(update={"phone": "+86 21 5555 0000"})
    known = known.model_copy(update={"organisation": changed.model_copy(update={"contacts": moved})})
    assert stated_by(told, 3)["contact"] != stated_by(known, 3)["contact"]
    assert wrong(told, known) == set()


def test_a_commitment_is_stated_with_its_fate_and_day() -> None:
    commitment = a_commitment(due_at=NOW)
    stated = committed(commitment, NOW, "UTC")
    assert (stated.key, stated.value) == (f"commitment:{commitment.id}", f"open {NOW:%Y-%m-%d}")


def test_a_statement_about_nothing_known_is_refused() -> None:
    with pytest.raises(ValueError, match="no statement is about weather"):
        Statement(key="weather", value="rain")


@pytest.mark.parametrize(
    ("template", "keys"),
    [
        ("It was {{ cause }}.", {"cause"}),
        ("{% if cause %}It is known.{% endif %}", set()),
        ("{{ cause or 'unknown' }}", {"cause"}),
        ("{{ missing or 'unknown' }}", set()),
        ("{{ cause ~ ', ' ~ people }}", {"cause", "people"}),
        ("{{ '{:>9}'.format(people) }}", {"people"}),
        ("{{ [cause, missing] | join(', ') }}", {"cause"}),
        ("{% filter trim %} {{ cause }} {% endfilter %}", {"cause"}),
        ("{% if cause == 'theft' %}Somebody stole it.{% endif %}", set()),
    ],
)
def test_a_template_states_what_it_prints(template: str, keys: set[str]) -> None:
    values = {
        "cause": SaidText("theft", StatementKey.CAUSE),
        "missing": SaidText("", StatementKey.VECTOR),
        "people": SaidText("1,200", StatementKey.PEOPLE),
    }
    text, stated = split_statements(environment({"one": template}).get_template("one").render(values))
    assert stated == keys
    assert text.isprintable()
