"""The drop-down lists in Prefect's forms."""

from dataclasses import replace
from pathlib import Path

from prefect.utilities.callables import parameter_schema

from amends.content.file.shipped import ADDENDA_FILE
from amends.content.incident.incident import read_incident
from amends.content.playbook.library import shipped_playbooks
from flows.form.rehearse import rehearse
from flows.respond import respond
from flows.run.choices import CHOSEN, TYPED, choices_now, with_choices
from tests.builders import story_of_few
from tests.story import INCIDENT, LEAD, START, a_context, a_ledger


def schema_of(flow: object) -> dict[str, object]:
    return parameter_schema(flow).model_dump(mode="json")


def test_a_form_offers_what_there_is_and_takes_any_other() -> None:
    asked = with_choices(schema_of(respond), {"incident_id": ["first", "second"]})["properties"]["incident_id"]
    assert asked["title"] == "Incident"
    assert asked["anyOf"] == [
        {"title": CHOSEN, "type": "string", "enum": ["first", "second"]},
        {"title": TYPED, "type": "string"},
    ]


def test_a_list_of_texts_is_chosen_from_what_there_is() -> None:
    asked = with_choices(schema_of(rehearse), {"injects": ["bounces"]})["properties"]["injects"]
    assert asked["items"] == {"type": "string", "enum": ["bounces"]}


def test_choices_that_are_gone_leave_the_form_as_it_was() -> None:
    plain = with_choices(schema_of(respond), {})
    offered = with_choices(plain, {"incident_id": ["first"]})
    assert offered != plain
    assert with_choices(offered, {"incident_id": ["first"]}) == offered
    assert with_choices(offered, {"incident_id": []}) == plain


def test_closed_incidents_are_no_choice(tmp_path: Path) -> None:
    context, _ = a_context(a_ledger(tmp_path), tmp_path)
    incidents = context.ledger.incidents
    incidents.open(read_incident(story_of_few()), [], LEAD.name, START)
    incidents.pause(INCIDENT, LEAD.name, START)
    assert choices_now(context)["incident_id"] == [INCIDENT]
    incidents.resume(INCIDENT, LEAD.name, START)
    incidents.close(INCIDENT, LEAD.name, START)
    assert choices_now(context)["incident_id"] == []
    context.ledger.dispose()


def test_playbooks_in_the_home_are_offered_by_path(tmp_path: Path) -> None:
    context, _ = a_context(a_ledger(tmp_path), tmp_path)
    for name in ("ours.yaml", ADDENDA_FILE):
        (tmp_path / name).touch()
    offered = choices_now(replace(context, own_playbooks=tmp_path))["playbook"]
    assert offered == [*shipped_playbooks(), str(tmp_path / "ours.yaml")]
    context.ledger.dispose()
