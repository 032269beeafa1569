"""The decision on shared mailboxes, as a person takes it."""

from pathlib import Path

import pytest

from tests.builders import story_of_few
from tests.cli.conftest import AUDIENCE_HEAD, INCIDENT, Office

HOME = "C-1,Kim One,home@mail.example,,en,DE,household\nC-2,Kim Two,home@mail.example,,en,DE,household\n"
OTHER = "C-3,Ada,ada@mail.example,,en,DE,household\n"


@pytest.fixture
def shared(empty: Office, tmp_path: Path) -> Office:
    """An incident with a mailbox of two; its team has one person who may decide."""
    path = tmp_path / "people.csv"
    path.write_text(AUDIENCE_HEAD + HOME + OTHER, encoding="utf-8")
    empty.tokens["lena"] = empty.values("team", "add", "lena", "--role", "lead")["token"]
    empty.values("incident", "open", story_of_few(), "--audience", path, by="lena")
    return empty


def test_what_waits_names_the_command(shared: Office) -> None:
    shown = shared.amends("timeline", INCIDENT).stdout
    assert "1 person shares a mailbox with somebody before them in the list" in " ".join(shown.split())
    assert f"amends audience mailboxes {INCIDENT} --rule one|each --as NAME" in " ".join(shown.split())


def test_one_copy_is_decided_and_said(shared: Office) -> None:
    before = shared.amends("audience", "mailboxes", INCIDENT)
    assert "1 mailbox is shared by 2 people: not decided, so a message for each person" in before.stdout
    after = shared.values("audience", "mailboxes", INCIDENT, "--rule", "one", by="lena")
    assert after == {"mailboxes": 1, "people": 2, "in_copies": 1, "ruling": "one"}
    assert "mailbox" not in shared.amends("timeline", INCIDENT).stdout


def test_each_is_decided_and_said(shared: Office) -> None:
    answer = shared.amends("audience", "mailboxes", INCIDENT, "--rule", "each", by="lena")
    assert "1 mailbox is shared by 2 people: a message for each person" in answer.stdout


def test_a_decision_needs_a_name_and_a_known_word(shared: Office) -> None:
    nobody = shared.amends("audience", "mailboxes", INCIDENT, "--rule", "one")
    wrong = shared.amends("audience", "mailboxes", INCIDENT, "--rule", "both", by="lena")
    assert (nobody.exit_code, wrong.exit_code) == (2, 2)
    assert shared.values("audience", "mailboxes", INCIDENT)["ruling"] is None


def test_a_list_without_shared_mailboxes_says_so(office: Office) -> None:
    assert office.amends("audience", "mailboxes", INCIDENT).stdout == "no mailbox is shared\n"
