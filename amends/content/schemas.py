"""JSON Schemas of the files that people write, for their editors; `amends` itself says more than they can."""

from typing import Any

from pydantic import BaseModel

from amends.domain.incident import CLOCK_EVENTS, Incident
from amends.domain.playbook import Playbook

_A_TIME = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}


def playbook_schema() -> dict[str, Any]:
    """Of playbooks."""
    return _schema(Playbook)


def incident_schema() -> dict[str, Any]:
    """Of incident files."""
    schema = _schema(Incident)
    parts = schema["$defs"]
    times = parts["Times"]["properties"]
    del times["events"]  # in the file they stand beside the others
    times |= dict.fromkeys(sorted(CLOCK_EVENTS), _A_TIME)
    for name in parts:
        if name.startswith("Fact_"):
            parts[name] = {"anyOf": [parts[name]["properties"]["value"], parts[name]]}
    parts["Count"] = {"anyOf": [{"type": "integer", "minimum": 0}, parts["Count"]]}
    parts["Mitigation"] = {"anyOf": [{"type": "string"}, parts["Mitigation"]]}
    return schema


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    _open_up(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _open_up(node: Any) -> None:
    """Allow one text for all locales, as reading does, and leave out titles that only repeat the key."""
    if isinstance(node, list):
        for item in node:
            _open_up(item)
    if not isinstance(node, dict):
        return
    for item in node.values():
        _open_up(item)
    if isinstance(node.get("title"), str):
        del node["title"]
    if node.get("type") == "object" and node.get("additionalProperties") == {"type": "string"}:
        per_locale = {key: node.pop(key) for key in ("type", "additionalProperties")}
        node["anyOf"] = [{"type": "string"}, per_locale]
