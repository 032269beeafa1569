"""A running incident gets another playbook only after it was shown what changes, and by two people where it must be."""

import shutil
from pathlib import Path

import pytest

from amends.content.file.shipped import library
from tests.cli.conftest import INCIDENT, NOTICE, PLAYBOOK, Office, approve, write_draft


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Playbooks and words of one's own, as they are shipped; the words change with the files."""
    return Path(shutil.copytree(library(), tmp_path / "own"))


def playbook(folder: Path, old: str, new: str) -> Path:
    """The playbook that runs, with one thing changed in it."""
    path = folder / "ours.yaml"
    text = (folder / f"{PLAYBOOK}.yaml").read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.fixture
def weaker(folder: Path) -> Path:
    return playbook(folder, "approvals: 2", "approvals: 1")


@pytest.fixture
def stronger(folder: Path) -> Path:
    return playbook(folder, "approvals: 2", "approvals: {needed: 2, roles: [legal]}")


@pytest.fixture
def beyond_the_team(folder: Path) -> Path:
    """Besides the lead, who wrote the incident file, two may approve."""
    return playbook(folder, "approvals: 2", "approvals: 3")


NOBODY_COULD = (
    "E127 first-notice.approvals: it needs 3 people who approve, but only 2 in the team may besides lena, who handed "
    "in the incident file or the list of people (`amends team add NAME --role ROLE` adds somebody)"
)
"""As `amends run` says it."""


def runs(office: Office) -> str:
    return str(office.values("incident", "show", INCIDENT)["case"]["pinned"])


def test_it_shows_what_would_change_and_changes_nothing(office: Office, weaker: Path) -> None:
    before = runs(office)
    answer = office.amends("migrate", INCIDENT, "--to", weaker)
    assert answer.exit_code == 0, answer.output
    assert "step first-notice" in answer.stdout
    assert "WEAKER: fewer than was agreed" in answer.stdout
    assert "nothing was changed" in answer.stderr
    assert runs(office) == before


def test_it_says_whose_approvals_are_void(office: Office, stronger: Path) -> None:
    approve(office, "omar")
    shown = office.amends("migrate", INCIDENT, "--to", stronger).stdout
    assert f"{NOTICE} is drafted anew in the new words; approvals: 1 given is void" in shown


def test_what_is_not_weaker_a_lead_applies_alone(office: Office, stronger: Path) -> None:
    applied = office.values("migrate", INCIDENT, "--to", stronger, "--yes", by="lena")
    assert applied["applied"]
    assert runs(office) == applied["content"]


def test_after_it_the_notice_needs_all_its_approvals_anew(ready: Office, stronger: Path) -> None:
    ready.values("migrate", INCIDENT, "--to", stronger, "--yes", by="lena")
    ledger = ready.ledger()
    write_draft(ledger)
    ledger.dispose()
    waiting = ready.values("timeline", INCIDENT)["waiting"]
    assert next(one["missing"] for one in waiting if one["wait"] == "approval") == 2


def test_what_is_weaker_never_applies_by_itself(office: Office, weaker: Path) -> None:
    before = runs(office)
    answer = office.amends("migrate", INCIDENT, "--to", weaker, "--yes", by="lena")
    assert answer.exit_code == 1
    assert "--with" in answer.stderr
    assert runs(office) == before


def test_a_weaker_playbook_applies_when_two_members_agree(
    office: Office, weaker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A playbook that is weaker than the running one applies to an incident when two members prove with their tokens
    that they want it.
    """
    monkeypatch.setenv("AMENDS_TOKEN_2", office.tokens["omar"])
    applied = office.values("migrate", INCIDENT, "--to", weaker, "--with", "omar", "--yes", by="lena")
    assert runs(office) == applied["content"]


def test_the_leads_own_token_does_not_stand_for_two(
    office: Office, weaker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMENDS_TOKEN_2", office.tokens["lena"])
    before = runs(office)
    for other in ("omar", "lena"):
        answer = office.amends("migrate", INCIDENT, "--to", weaker, "--with", other, "--yes", by="lena")
        assert answer.exit_code == 1
    assert runs(office) == before


def test_what_nobody_could_approve_does_not_replace_what_runs(office: Office, beyond_the_team: Path) -> None:
    before = runs(office)
    answer = office.amends("migrate", INCIDENT, "--to", beyond_the_team, "--yes", by="lena")
    assert (answer.exit_code, NOBODY_COULD in answer.stdout) == (3, True)
    assert runs(office) == before


def test_it_shows_what_nobody_could_approve_before_somebody_wants_it(office: Office, beyond_the_team: Path) -> None:
    answer = office.amends("migrate", INCIDENT, "--to", beyond_the_team)
    assert (answer.exit_code, NOBODY_COULD in answer.stdout) == (0, True)


@pytest.mark.parametrize("name", ["omar", "rosa", "aude"])
def test_only_a_lead_may(office: Office, stronger: Path, name: str) -> None:
    assert office.amends("migrate", INCIDENT, "--to", stronger, "--yes", by=name).exit_code == 1


def test_without_a_terminal_it_wants_to_be_told_yes(office: Office, stronger: Path) -> None:
    before = runs(office)
    assert office.amends("migrate", INCIDENT, "--to", stronger, by="lena").exit_code == 2
    assert runs(office) == before


def test_the_same_playbook_changes_nothing(office: Office) -> None:
    assert "exactly this already" in office.amends("migrate", INCIDENT, "--to", PLAYBOOK, by="lena").stdout


def test_a_playbook_that_is_not_valid_is_not_taken(office: Office, folder: Path) -> None:
    broken = playbook(folder, "phase:", "phse:")
    assert office.amends("migrate", INCIDENT, "--to", broken, "--yes", by="lena").exit_code == 3


def test_running_another_playbook_points_to_migrate(office: Office, weaker: Path) -> None:
    before = runs(office)
    answer = office.amends("run", INCIDENT, "--playbook", weaker, by="lena")
    assert (answer.exit_code, "amends migrate" in answer.stderr) == (1, True)
    assert runs(office) == before


def test_the_calendar_shows_what_comes_sooner(office: Office, folder: Path) -> None:
    values = office.values("migrate", INCIDENT, "--to", playbook(folder, "after: 4d", "after: 2d"))
    shift = next(one for one in values["migration"]["shifts"] if (one["step"], one["number"]) == ("update", 1))
    assert shift["after"] < shift["before"]


def test_a_step_that_is_gone_while_its_turn_waits_is_held(
    office: Office, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMENDS_TOKEN_2", office.tokens["omar"])
    renamed = playbook(folder, "id: first-notice", "id: first")
    text = renamed.read_text(encoding="utf-8").replace("of: first-notice", "of: first")
    renamed.write_text(text, encoding="utf-8")
    answer = office.amends("migrate", INCIDENT, "--to", renamed, "--with", "omar", "--yes", by="lena")
    assert answer.exit_code == 0, answer.output
    assert f"amends step go|skip {INCIDENT} {NOTICE} 1" in answer.stderr
    held = [one["what"] for one in office.values("timeline", INCIDENT)["waiting"] if one["wait"] == "decision"]
    assert [what.split(":")[0] for what in held] == [f"{NOTICE} 1 is held"]
    assert office.amends("step", "skip", INCIDENT, NOTICE, 1, by="lena").exit_code == 0


# The difference alone


def test_two_playbooks_are_compared_without_a_home(tmp_path: Path, weaker: Path) -> None:
    found = Office(tmp_path / "none").values("playbook", "diff", PLAYBOOK, weaker)
    assert [(one["where"], bool(one["weaker"])) for one in found] == [("step first-notice", True)]


def test_a_playbook_is_compared_with_what_runs(office: Office, weaker: Path) -> None:
    found = office.values("playbook", "diff", weaker, "--running", INCIDENT)
    assert [one["where"] for one in found] == ["step first-notice"]


def test_other_words_are_a_difference(office: Office, folder: Path) -> None:
    template = folder / "notices" / "update" / "en.email.md"
    template.write_text(template.read_text(encoding="utf-8") + "\nOne more line.\n", encoding="utf-8")
    found = office.values("playbook", "diff", folder / f"{PLAYBOOK}.yaml", "--running", INCIDENT)
    assert [one["what"] for one in found] == ["the text for en email is another: 1 lines new, 0 gone"]


@pytest.mark.parametrize("words", [(PLAYBOOK,), (PLAYBOOK, PLAYBOOK, "--running", INCIDENT)])
def test_what_is_compared_with_what_must_be_clear(office: Office, words: tuple[str, ...]) -> None:
    assert office.amends("playbook", "diff", *words).exit_code == 2
