"""The trial of templates, which is carried out once for the same words."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from amends.cli.notice.dry_run import case_from_files
from amends.cli.playbook import trial
from amends.cli.playbook.trial import template_faults
from amends.content.file.shipped import EXAMPLE_FILE, library
from amends.content.playbook.playbook import load_playbook
from amends.domain.base.errors import Finding
from amends.domain.case.views.draft import DraftView
from amends.domain.notice.wording import Wording
from amends.system import cache_folder

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
BROKEN = "promise-late/en.website.md"
FOUND = Finding("a place", "E120", "as it was found before")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of a user who has tried no template yet, in a process that has not either."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(trial, "_known", {})
    return tmp_path / "amends"


@pytest.fixture(scope="module")
def case() -> DraftView:
    playbook, _ = load_playbook("customer-data-theft")
    return case_from_files(library() / EXAMPLE_FILE).model_copy(update={"playbook": playbook})


@pytest.fixture(scope="module")
def words() -> Wording:
    """The words with one notice alone, in one language, whose page is broken."""
    _, wording = load_playbook("customer-data-theft")
    few = {path: text for path, text in wording.templates.items() if path.startswith("_base")} | {BROKEN: "{{ oops }}"}
    return wording.model_copy(update={"templates": few, "phrases": {"en": wording.phrases["en"]}})


def kept_in(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.exists() else []


def test_findings_are_kept_for_the_next_command(folder: Path, case: DraftView, words: Wording) -> None:
    found = template_faults(case, words, NOW)
    assert [finding.where.partition(":")[0] for finding in found] == [f"notices/{BROKEN}"]
    trial._known.clear()
    assert template_faults(case, words, NOW) == found
    (file,) = kept_in(folder)
    cache_folder.keep(file.name, json.dumps([["a place", "E120", "as it was found before"]]).encode())
    trial._known.clear()
    assert template_faults(case, words, NOW) == (FOUND,), "the second command tried the templates again"


CHANGES: dict[str, Callable[[DraftView, Wording], tuple[DraftView, Wording, datetime]]] = {
    "words": lambda case, words: (case, words.model_copy(update={"templates": {**words.templates, BROKEN: "x"}}), NOW),
    "playbook": lambda case, words: (case.model_copy(update={"playbook": None}), words, NOW),
    "day": lambda case, words: (case, words, NOW + timedelta(days=1)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_trial_is_carried_out(
    folder: Path,
    case: DraftView,
    words: Wording,
    change: Callable[[DraftView, Wording], tuple[DraftView, Wording, datetime]],
) -> None:
    template_faults(case, words, NOW)
    template_faults(*change(case, words))
    assert len(kept_in(folder)) == 2


def test_other_code_tries_again(
    folder: Path, case: DraftView, words: Wording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template_faults(case, words, NOW)
    monkeypatch.setattr(trial, "CODE", tmp_path)
    template_faults(case, words, NOW)
    assert len(kept_in(folder)) == 2


def test_a_template_that_takes_too_long_is_tried_again(folder: Path, case: DraftView, words: Wording) -> None:
    """A faster machine, or a quieter hour, may find that the template is no trouble."""
    endless = "{% for a in range(900) %}{% for b in range(900) %}{% for c in range(900) %}{{ c }}{% endfor %}"
    slow = words.model_copy(update={"templates": {**words.templates, BROKEN: f"{endless}{{% endfor %}}{{% endfor %}}"}})
    assert [finding.code for finding in template_faults(case, slow, NOW)] == ["E129"]
    assert not kept_in(folder)
