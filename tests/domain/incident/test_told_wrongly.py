"""Only what people heard as certain can have been told wrongly."""

from typing import Any

import pytest

from amends.domain.incident.facts import Facts, told_wrongly
from amends.domain.plan.plan import holds
from amends.domain.playbook.playbook import When
from tests.builders import a_case


def facts(**values: Any) -> Facts:
    return Facts.model_validate(values)


def suspected(value: Any) -> dict[str, Any]:
    return {"value": value, "certainty": "suspected"}


def ruled_out(value: Any) -> dict[str, Any]:
    return {"value": value, "certainty": "ruled_out"}


@pytest.mark.parametrize(
    ("told", "known", "wrong"),
    [
        ({"cause": "theft"}, {"cause": "theft"}, ()),
        ({"cause": "theft"}, {"cause": "insider"}, ("cause",)),
        ({"cause": "theft"}, {"cause": ruled_out("theft")}, ("cause",)),
        ({"cause": suspected("theft")}, {"cause": "insider"}, ()),
        ({}, {"cause": "insider"}, ()),
        ({"cause": "theft"}, {}, ()),
        ({"encrypted_at_rest": True}, {"encrypted_at_rest": False}, ("encrypted_at_rest",)),
        ({"misuse_observed": False}, {"misuse_observed": True}, ()),
        ({"data_categories": ["contact"]}, {"data_categories": ["contact"]}, ()),
        ({"data_categories": ["contact"]}, {"data_categories": ["contact", "national_id"]}, ("data_categories",)),
        ({"data_categories": ["contact", "health"]}, {"data_categories": ["contact"]}, ("data_categories",)),
        ({}, {"data_categories": ["contact"]}, ()),
        ({"data_categories": ["contact"]}, {}, ()),
        ({"data_categories": ["contact"]}, {"data_categories": ruled_out(["contact"])}, ("data_categories",)),
        ({"data_categories": ruled_out(["contact"])}, {"data_categories": ["contact"]}, ()),
        ({"data_categories": ["contact", "health"]}, {"data_categories": ["health", "contact"]}, ()),
        ({"cause": "theft"}, {"cause": suspected("theft")}, ()),
        ({"cause": "theft"}, {"cause": suspected("insider")}, ("cause",)),
        ({"vector": "phishing"}, {"vector": "ransomware"}, ("vector",)),
        ({"malicious": True}, {"malicious": False}, ("malicious",)),
        ({"encryption_key_safe": True}, {"encryption_key_safe": False}, ("encryption_key_safe",)),
        ({"exfiltration": "no"}, {"exfiltration": "yes"}, ("exfiltration",)),
    ],
)
def test_what_was_told_as_certain_and_is_otherwise_was_told_wrongly(
    told: dict[str, Any], known: dict[str, Any], wrong: tuple[str, ...]
) -> None:
    assert told_wrongly(facts(**told), facts(**known)) == wrong


def test_a_step_can_wait_for_something_that_was_told_wrongly() -> None:
    assert not holds(a_case(), When(told_wrongly=True))
    assert holds(a_case(told_wrongly=("cause",)), When(told_wrongly=True))
