"""A playbook of ours is a playbook of CACAO: whole, without a loose end, and the same whenever it is made."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from amends.content.playbook.library import shipped_playbooks
from amends.content.playbook.playbook import read_playbook
from amends.domain.export.cacao import CacaoPlaybook, cacao_playbook
from amends.domain.playbook.playbook import Event, Playbook
from tests.builders import a_playbook

CREATED, MODIFIED = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, 9, 30, 0, 123456, tzinfo=UTC)
SCHEMAS = os.environ.get("AMENDS_CACAO_SCHEMAS", "")
"""The folder `schemas` of a copy of oasis-open/cacao-json-schemas, where the machine has one."""
ASSESS = {"id": "assess", "phase": "assess", "of": "opened"}


def made(playbook: Playbook) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cacao_playbook(playbook, "0" * 64, CREATED, MODIFIED, "Ours").as_json())
    return found


def a_book(*steps: dict[str, Any], **keys: Any) -> Playbook:
    content = a_playbook().model_dump(by_alias=True) | {"steps": [ASSESS, *steps], "by_severity": {}} | keys
    return Playbook.model_validate(content)


def telling(**changes: Any) -> dict[str, Any]:
    return {"id": "tell", "phase": "notify", "of": "assessed", "notice": "n", "channels": ["email"]} | changes


SHIPPED = {name: read_playbook(path) for name, path in shipped_playbooks().items()}
each_shipped = pytest.mark.parametrize("name", SHIPPED)


def follow(document: dict[str, Any], start: str = "") -> list[str]:
    """Every step that is reached from the start, each as often as a way leads to it."""
    found, waiting = [], [start or document["workflow_start"]]
    while waiting:
        name = waiting.pop()
        step = document["workflow"][name]
        found.append(name)
        waiting += [*step.get("next_steps", ()), *([step["on_completion"]] if "on_completion" in step else [])]
    return found


@each_shipped
def test_every_step_is_reached_once_and_every_way_ends(name: str) -> None:
    document = made(SHIPPED[name])
    assert sorted(follow(document)) == sorted(document["workflow"])
    assert {step["type"] for step in document["workflow"].values()} == {"start", "action", "parallel", "end"}


@each_shipped
def test_every_step_of_ours_is_an_action_with_its_words(name: str) -> None:
    actions = [one for one in made(SHIPPED[name])["workflow"].values() if one["type"] == "action"]
    for step in SHIPPED[name].steps:
        told = [one for one in actions if one["name"].split(":")[0] == step.id]
        assert any(step.reads_on.rstrip(".") in one["description"] for one in told), step.id
        assert len(told) == 1 or [one["name"] for one in told if one["name"].endswith("send")]


@each_shipped
def test_agents_are_defined_and_ids_are_of_their_kind(name: str) -> None:
    document = made(SHIPPED[name])
    for step_id, step in document["workflow"].items():
        assert step_id.split("--")[0] == step["type"]
        assert UUID(step_id.split("--")[1]).version == 4
        assert step["type"] != "action" or step["agent"] in document["agent_definitions"]
    assert UUID(document["id"].split("--")[1]).version == 5
    used = {step["agent"] for step in document["workflow"].values() if step["type"] == "action"}
    assert used == set(document["agent_definitions"])


@each_shipped
def test_each_activity_that_is_listed_is_done_by_a_step(name: str) -> None:
    document = made(SHIPPED[name])
    done = {
        command.get("playbook_activity")
        for step in document["workflow"].values()
        for command in step.get("commands", ())
    }
    assert set(document["playbook_activities"]) == done - {None}
    assert {"compose-content", "deliver-content"} <= done


def test_the_same_playbook_is_the_same_document() -> None:
    assert made(a_book(telling())) == made(a_book(telling()))
    assert made(a_book(telling()))["id"] == made(a_book())["id"]


def test_times_have_three_digits_of_a_second() -> None:
    document = made(a_book())
    assert (document["created"], document["modified"]) == ("2026-11-01T00:00:00.000Z", "2026-12-01T09:30:00.123Z")


def test_a_version_before_the_first_is_refused() -> None:
    with pytest.raises(ValueError, match="before created"):
        cacao_playbook(a_book(), "", MODIFIED, CREATED, "Ours")


def action(document: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (one for one in document["workflow"].values() if one.get("name") == name)
    return dict(found)


def test_a_delay_is_in_milliseconds_before_the_first_action() -> None:
    document = made(a_book(telling(after="3h")))
    assert action(document, "tell: draft")["delay"] == 3 * 3_600_000
    assert "delay" not in action(document, "tell: send")


def test_business_days_are_said_and_not_counted_wrongly() -> None:
    drafted = action(made(a_book(telling(after="5 business days"))), "tell: draft")
    assert "delay" not in drafted
    assert "5 business days after assessed" in drafted["description"]


def test_roles_that_must_approve_each_have_an_action() -> None:
    document = made(a_book(telling(approvals={"needed": 3, "roles": ["legal", "security"]})))
    approvals = [one for one in document["workflow"].values() if one.get("name") == "tell: approve"]
    agents = {document["agent_definitions"][approval["agent"]]["name"] for approval in approvals}
    assert agents == {"legal", "security", "approvers"}


def test_a_task_has_its_owner_and_its_time() -> None:
    task = {
        "id": "file",
        "phase": "follow_up",
        "of": "assessed",
        "task": "Hand in the form",
        "owner": "Privacy office",
        "within": "2d",
    }
    document = made(a_book(task))
    found = action(document, "file")
    assert found["timeout"] == timedelta(days=2) // timedelta(milliseconds=1)
    assert found["commands"] == [{"type": "manual", "command": "Hand in the form"}]
    assert document["agent_definitions"][found["agent"]]["name"] == "Privacy office"


def test_an_event_from_outside_is_waited_for_by_the_lead() -> None:
    document = made(a_book(telling(id="last", of="resolved")))
    waits = action(document, "wait for resolved")
    assert document["workflow"][waits["on_completion"]]["name"] == "last: draft"


def test_steps_that_wait_for_each_other_are_not_lost() -> None:
    document = made(a_book(telling(id="one", of="two"), telling(id="two", of="one")))
    assert sorted(follow(document)) == sorted(document["workflow"])
    assert action(document, "one: draft")
    assert action(document, "two: draft")


NAMES = ("one", "two", "three", "four")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*NAMES, *Event]), min_size=4, max_size=4), st.integers(0, 90))
def test_whatever_steps_wait_for_each_is_reached_once(events: list[str], minutes: int) -> None:
    steps = [telling(id=name, of=str(of), after=f"{minutes}min") for name, of in zip(NAMES, events, strict=True)]
    document = made(a_book(*steps))
    assert sorted(follow(document)) == sorted(document["workflow"])
    assert {f"{name}: send" for name in NAMES} <= {one["name"] for one in document["workflow"].values()}


def test_a_document_with_an_unknown_kind_of_step_is_refused() -> None:
    document = made(a_book())
    document["workflow"][document["workflow_start"]]["type"] = "goto"
    with pytest.raises(ValueError, match="workflow"):
        CacaoPlaybook.model_validate(document)


@pytest.mark.skipif(not SCHEMAS, reason="AMENDS_CACAO_SCHEMAS names no copy of the schemas of OASIS")
@each_shipped
def test_the_schemas_of_oasis_find_nothing(name: str) -> None:
    found = [json.loads(path.read_text(encoding="utf-8")) for path in Path(SCHEMAS).rglob("*.json")]
    known = Registry().with_resources((one["$id"], Resource.from_contents(one)) for one in found)
    (root,) = (one for one in found if one["title"] == "playbook")
    validator = Draft7Validator(root, registry=known)
    document = made(SHIPPED[name])
    assert [error.message for error in validator.iter_errors(document)] == []
    assert [*validator.iter_errors({**document, "spec_version": "1.0"})]
