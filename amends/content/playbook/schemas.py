"""JSON Schemas of the files that people write, for their editors. `amends` itself checks more than a schema can."""

from typing import Any

from pydantic import BaseModel

from amends.domain.base.docstrings import DescribedSchema
from amends.domain.base.value import UNKNOWN
from amends.domain.incident.incident import CLOCK_EVENTS, Incident
from amends.domain.playbook.commitment_library import LibraryFile
from amends.domain.playbook.playbook import Playbook
from amends.domain.rehearse.injects import Injects

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
_NOT_KNOWN = {"enum": [None, UNKNOWN]}
_A_MOMENT = {"type": "string", "format": "date-time"}
_A_TIME = {"anyOf": [_A_MOMENT, _NOT_KNOWN]}
_A_DAY = {"type": "string", "format": "date"}
_WRITTEN_STEP_BY_STEP = ("Organisation", "Contacts", "Story", "Times", "Period", "Count", "DataHolder", "TakeUp")
"""The parts of an incident file, beside the file itself, that are `Unfinished`."""


def playbook_schema() -> dict[str, Any]:
    """Return the schema of playbooks."""
    schema = _schema(Playbook)
    parts = schema["$defs"]
    parts["ApprovalRule"] = {"anyOf": [parts["ApprovalRule"]["properties"]["needed"], parts["ApprovalRule"]]}
    _allow_on_top(schema)
    return schema


def _allow_on_top(schema: dict[str, Any]) -> None:
    """Change the schema so that a file that extends a playbook needs only an id and the keys that differ."""
    parts, keys = schema["$defs"], schema["properties"]
    parts["StepOnTop"] = _on_top(parts["Step"], _PLACES)
    parts["PlannedCommitmentOnTop"] = _on_top(parts["PlannedCommitment"], {})
    lists = {"steps": "Step", "commitments": "PlannedCommitment"}
    for name in lists:
        del keys[name]["items"]
    keys |= _EXTENDING
    schema["if"] = {"required": ["extends"]}
    below = {name: {"items": {"$ref": f"#/$defs/{part}OnTop"}} for name, part in lists.items()}
    schema["then"] = {"required": ["id"], "properties": below}
    alone = {name: {"items": {"$ref": f"#/$defs/{part}"}} for name, part in lists.items()}
    schema["else"] = {"required": schema.pop("required"), "properties": alone | {"without": False}}


def _on_top(part: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a part that is matched by its id, and in which null deletes a key of the playbook below."""
    keys = {name: {"anyOf": [form, {"type": "null"}]} for name, form in part["properties"].items() if name != "id"}
    return {**part, "properties": {"id": part["properties"]["id"], **keys, **more}, "required": ["id"]}


def incident_schema() -> dict[str, Any]:
    """Return the schema of incident files."""
    schema = _schema(Incident)
    parts = schema["$defs"]
    for part in (schema, *map(parts.__getitem__, _WRITTEN_STEP_BY_STEP)):
        _allow_unknown(part)
    times = parts["Times"]["properties"]
    del times["events"]  # in the file the events stand beside the other times
    times |= dict.fromkeys(sorted(CLOCK_EVENTS), _A_TIME)
    for name in parts:
        if name.startswith("Fact_"):
            parts[name] = {"anyOf": [parts[name]["properties"]["value"], parts[name], _NOT_KNOWN]}
    parts["PlannedCommitment"] = {
        "if": {"required": ["use"]},
        "then": {**parts["PlannedCommitment"], "required": ["use"]},
        "else": parts["PlannedCommitment"],
    }
    parts["Story"] = _or_unknown(parts["Story"])
    parts["Period"] = {"anyOf": [_A_MOMENT, _A_DAY, parts["Period"]]}
    parts["Count"] = {"anyOf": [{"type": "integer", "minimum": 0}, parts["Count"]]}
    parts["Mitigation"] = {"anyOf": [{"type": "string"}, parts["Mitigation"]]}
    return schema


def _allow_unknown(part: dict[str, Any]) -> None:
    """Change the schema of a part so that each key which may be left out may also hold nothing or `unknown`."""
    optional = part["properties"].keys() - set(part.get("required", ()))
    part["properties"] |= {name: _or_unknown(part["properties"][name]) for name in optional}


def _or_unknown(form: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a value that may also be nothing or `unknown`.

    Unlike one of several forms, a condition lets a validator name the wrong key inside the value.
    """
    about: dict[str, Any] = {key: form[key] for key in ("description", "default") if key in form}
    known = {key: form[key] for key in form if key not in about}
    return {**about, "if": {"not": _NOT_KNOWN}, "then": known}


def commitments_schema() -> dict[str, Any]:
    """Return the schema of files of the library of commitments."""
    return _schema(LibraryFile)


def inject_schema() -> dict[str, Any]:
    """Return the schema of files of injects."""
    return _schema(Injects)


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True, schema_generator=DescribedSchema)
    _open_up(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _open_up(node: Any) -> None:
    """Allow one text for all locales, as the reading of files does, and delete titles, which only repeat the key."""
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
