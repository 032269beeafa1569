"""`incident check` advises when a promise has no owner whom an alert reaches, or a day that has passed."""

from pathlib import Path

from tests.builders import story_of_few
from tests.cli.conftest import Office

PROMISE = """commitments:
  - id: more
    kind: other
    owner: {owner}
    due: {due}
    promise: {{en: We will do more., zh-CN: 我们将做得更多。}}
"""


def advice(office: Office, folder: Path, owner: str = "lena", due: str = "30d") -> list[tuple[str, str]]:
    """The line and the code of each advice on an incident file with one more promise."""
    path = folder / "incident.yaml"
    text = story_of_few().read_text(encoding="utf-8")
    path.write_text(text.replace("commitments:\n", PROMISE.format(owner=owner, due=due), 1), encoding="utf-8")
    lines = path.read_text(encoding="utf-8").splitlines()
    begins = lines.index("  - id: more") + 1
    found = office.values("incident", "check", path)["findings"]
    placed = [(int(one["where"].split(":")[-2]) - begins, one["code"]) for one in found]
    return [(("id", "kind", "owner", "due")[line], code) for line, code in placed if 0 <= line < 4]


def test_a_member_and_a_day_to_come_need_no_advice(sent: Office, tmp_path: Path) -> None:
    assert advice(sent, tmp_path, due="2099-03-31") == []


def test_an_owner_who_is_no_member_is_pointed_out(sent: Office, tmp_path: Path) -> None:
    assert advice(sent, tmp_path, owner="Facilities") == [("owner", "E130")]


def test_a_day_that_has_passed_is_pointed_out(sent: Office, tmp_path: Path) -> None:
    assert advice(sent, tmp_path, due="2020-03-31") == [("due", "E125")]
