"""JSON schemas of the files that people write, for their editors."""

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from amends.cli.desk import Desk


class Kind(StrEnum):
    """A file that has a schema."""

    INCIDENT = "incident"
    PLAYBOOK = "playbook"


def schema(ctx: typer.Context, kind: Annotated[Kind, typer.Argument(help="Of which file.")]) -> None:
    """Print the JSON schema of a file."""
    desk: Desk = ctx.obj
    desk.show(FILES[kind](), printed(kind))
    desk.hint("save it, and name it in the file's first line: # yaml-language-server: $schema=./FILE.json")


def printed(kind: str) -> str:
    """The schema as text."""
    return json.dumps(FILES[kind](), ensure_ascii=False, indent=2)


def incident_schema() -> dict[str, Any]:
    """A JSON Schema of incident files, with the short forms that reading allows."""
    from amends.domain.incident import CLOCK_EVENTS, Incident

    made = Incident.model_json_schema(by_alias=True)
    parts: dict[str, Any] = made["$defs"]
    times = parts["Times"]["properties"]
    del times["events"]  # in the file they stand beside the others
    a_time = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
    times |= dict.fromkeys(sorted(CLOCK_EVENTS), a_time)
    for name, part in parts.items():
        if name.startswith("Fact_"):
            parts[name] = {"anyOf": [part["properties"]["value"], part]}
    parts["Count"] = {"anyOf": [{"type": "integer", "minimum": 0}, parts["Count"]]}
    parts["Mitigation"] = {"anyOf": [{"type": "string"}, parts["Mitigation"]]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_one_text_for_all(made)}


def _one_text_for_all(node: Any) -> Any:
    """A text per locale may also be written as one text for every locale."""
    if isinstance(node, list):
        return [_one_text_for_all(item) for item in node]
    if not isinstance(node, dict):
        return node
    inner = {key: _one_text_for_all(item) for key, item in node.items()}
    if inner.get("additionalProperties") == {"type": "string"}:
        return {"anyOf": [{"type": "string"}, inner]}
    return inner


def _playbook_schema() -> dict[str, Any]:
    from amends.content.playbooks import playbook_schema

    return playbook_schema()


FILES: dict[str, Callable[[], dict[str, Any]]] = {"incident": incident_schema, "playbook": _playbook_schema}
