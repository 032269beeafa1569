"""A promise that no notice to come would make is refused where it is written, before people rely on it."""

from pathlib import Path

import pytest

from tests.builders import story_of_few
from tests.cli.conftest import INCIDENT, Office

PROMISE = """
  - id: new-locks
    kind: security_fix
    owner: Facilities
    due: 20d
    audience: {audience}
    promise: {{en: We will put new locks on your door., zh-CN: 我们将为您更换门锁。}}
"""


def promising(folder: Path, audience: str) -> Path:
    """The incident file with one more commitment."""
    text = story_of_few().read_text(encoding="utf-8")
    path = folder / "incident.yaml"
    path.write_text(
        text.replace("commitments:\n", "commitments:" + PROMISE.format(audience=audience), 1), encoding="utf-8"
    )
    return path


@pytest.mark.parametrize(
    "command", [("incident", "check"), ("playbook", "validate", "customer-data-theft", "--incident")]
)
def test_surprise_5_a_promise_never_told_is_found_with_its_line(
    sent: Office, tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = promising(tmp_path, "business")
    answer = sent.amends(*command, file)
    line = file.read_text(encoding="utf-8").splitlines().index("  - id: new-locks") + 1
    found = f"{file}:{line}:5 E107 commitments.new-locks: no notice to come goes to exactly business"
    assert (answer.exit_code, found in answer.stdout) == (3, True), answer.output


def test_surprise_5_a_promise_never_told_is_not_amended_in(sent: Office, tmp_path: Path) -> None:
    answer = sent.amends("incident", "amend", promising(tmp_path, "business"), by="lena")
    assert (answer.exit_code, "amends commitments add" in answer.stdout) == (3, True), answer.output
    assert sent.values("incident", "show", INCIDENT)["case"]["version"] == 1


def test_a_promise_to_everyone_is_amended_in(sent: Office, tmp_path: Path) -> None:
    file = promising(tmp_path, "everyone")
    assert {one["code"] for one in sent.values("incident", "check", file)["findings"]} == {"E130"}  # only advice
    assert sent.values("incident", "amend", file, by="lena")["version"] == 2


def test_a_file_is_checked_without_a_home(tmp_path: Path) -> None:
    answer = Office(tmp_path / "nowhere").amends("incident", "check", promising(tmp_path, "business"))
    assert answer.exit_code == 0
