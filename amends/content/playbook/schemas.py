"""JSON Schemas of the files that people write, for their editors; `amends` itself says more than they can."""

from typing import Any

from pydantic import BaseModel

from amends.domain.incident.incident import CLOCK_EVENTS, Incident
from amends.domain.playbook.playbook import Playbook
from amends.domain.rehearse.injects import Injects

_A_TIME = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}


def playbook_schema() -> dict[str, Any]:
    """Of playbooks."""
    schema = _schema(Playbook)
    parts = schema["$defs"]
    parts["Approvals"] = {"anyOf": [parts["Approvals"]["properties"]["needed"], parts["Approvals"]]}
    _allow_on_top(schema)
    return schema


def _allow_on_top(schema: dict[str, Any]) -> None:
    """A file that extends another playbook has an id, and of the rest only what is different."""
    parts, keys = schema["$defs"], schema["properties"]
    parts["StepOnTop"] = _on_top(parts["Step"], _PLACES)
    parts["PromiseOnTop"] = _on_top(parts["Promise"], {})
    lists = {"steps": "Step", "commitments": "Promise"}
    for name in lists:
        del keys[name]["items"]
    keys |= _EXTENDING
    schema["if"] = {"required": ["extends"]}
    below = {name: {"items": {"$ref": f"#/$defs/{part}OnTop"}} for name, part in lists.items()}
    schema["then"] = {"required": ["id"], "properties": below}
    alone = {name: {"items": {"$ref": f"#/$defs/{part}"}} for name, part in lists.items()}
    schema["else"] = {"required": schema.pop("required"), "properties": alone | {"without": False}}


def _on_top(part: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Found by its id; a key is replaced, or taken away where it has no value."""
    keys = {name: {"anyOf": [form, {"type": "null"}]} for name, form in part["properties"].items() if name != "id"}
    return {**part, "properties": {"id": part["properties"]["id"], **keys, **more}, "required": ["id"]}


_PLACES = {
    "before": {"type": "string", "description": "The step before which this one comes."},
    "behind": {"type": "string", "description": "The step behind which this one comes."},
}
_EXTENDING = {
    "extends": {
        "type": "string",
        "description": "A shipped playbook, or a file beside this one; here stands only what is different.",
    },
    "without": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Steps and promises of the playbook below that are left out.",
    },
}


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


def inject_schema() -> dict[str, Any]:
    """Of files that say what goes wrong in a rehearsal."""
    return _schema(Injects)


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
