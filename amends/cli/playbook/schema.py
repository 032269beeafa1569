"""The command `amends schema`: JSON schemas of the files that people write, for editors, and of those for programs."""

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from amends.cli.terminal.desk import Desk


class SchemaKind(StrEnum):
    """A kind of file that has a schema."""

    INCIDENT = "incident"
    PLAYBOOK = "playbook"
    INJECT = "inject"
    COMMITMENTS = "commitments"
    CASE = "case"
    """The file that `amends export case` writes."""


def schema(
    ctx: typer.Context, kind: Annotated[SchemaKind, typer.Argument(metavar="KIND", help="Of which file.")]
) -> None:
    """Print the JSON schema of a file."""
    desk: Desk = ctx.obj
    desk.show(FILES[kind](), printed(kind))
    desk.hint("save it, and name it in the file's first line: # yaml-language-server: $schema=./FILE.json")


def printed(kind: str) -> str:
    """Return the schema as text, exactly as the file beside the playbooks holds it."""
    return json.dumps(FILES[kind](), ensure_ascii=False, indent=2, sort_keys=True)


def _incident_schema() -> dict[str, Any]:
    from amends.content.playbook.schemas import incident_schema

    return incident_schema()


def _playbook_schema() -> dict[str, Any]:
    from amends.content.playbook.schemas import playbook_schema

    return playbook_schema()


def _inject_schema() -> dict[str, Any]:
    from amends.content.playbook.schemas import inject_schema

    return inject_schema()


def _commitments_schema() -> dict[str, Any]:
    from amends.content.playbook.schemas import commitments_schema

    return commitments_schema()


def _case_schema() -> dict[str, Any]:
    from amends.cli.export.case_json import case_file_schema

    return case_file_schema()


FILES: dict[str, Callable[[], dict[str, Any]]] = {
    "incident": _incident_schema,
    "playbook": _playbook_schema,
    "inject": _inject_schema,
    "commitments": _commitments_schema,
    "case": _case_schema,
}
