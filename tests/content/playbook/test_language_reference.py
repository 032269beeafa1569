"""The reference of the playbook language: every key stands in it, and every example can be used as it is."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from amends.content.file.codes import Code
from amends.content.playbook.playbook import open_playbook
from amends.domain.playbook.playbook import Event, Gate, Playbook, QuietHours, Step, Threshold, Waves, When

Transaction = Callable[..., Path]

PAGE = (Path(__file__).parents[3] / "docs" / "playbooks.md").read_text(encoding="utf-8")
REFERENCE = PAGE.partition("## The language\n")[2].partition("\n## Begin one")[0]
EXAMPLES = re.findall(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL)


def as_file(example: str) -> str:
    """The example as it stands, or on top of a shipped playbook where it is only a part of one."""
    if "extends:" in example:
        return example
    part = f"steps:\n{example}" if example.startswith("-") else example
    own = "" if part.startswith("id:") else "id: example\n"
    return f"{own}extends: customer-data-theft\n{part}"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.split("\n")[0][:40])
def test_every_example_can_be_used_as_it_is(write: Transaction, example: str) -> None:
    opened = open_playbook(write("example.yaml", as_file(example)))
    assert [str(finding) for finding in opened.findings() if finding.blocks] == []


@pytest.mark.parametrize(
    "model", [Playbook, Step, When, Waves, QuietHours, Threshold], ids=lambda model: model.__name__
)
def test_every_key_stands_in_the_reference(model: type[Playbook]) -> None:
    keys = {field.alias or name for name, field in model.model_fields.items()}
    assert {key for key in keys if not re.search(rf"\b{key}\b", REFERENCE)} == set()


def test_every_event_gate_and_code_stands_in_the_reference() -> None:
    words = [*Event, *Gate, *(code.value for code in Code if code.value.startswith("E12"))]
    assert {str(word) for word in words if word not in REFERENCE} == set()
