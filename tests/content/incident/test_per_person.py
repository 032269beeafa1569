"""A promise that is kept person by person needs its results in every language, and can be made one for all at once."""

from pathlib import Path

import pytest

from amends.content.incident.incident import read_incident
from amends.domain.base.errors import ContentError
from tests.story import STORY

PICK = "  - use: account-recheck\n"


def a_file(folder: Path, per_person: str = "") -> Path:
    """The shipped incident, whose account check has these results."""
    text = (STORY / "incident.yaml").read_text(encoding="utf-8")
    assert PICK in text
    added = f"    per_person: {per_person}\n" if per_person else ""
    path = folder / "incident.yaml"
    path.write_text(text.replace(PICK, PICK + added, 1), encoding="utf-8")
    return path


def test_the_librarys_results_come_with_the_pick(tmp_path: Path) -> None:
    check, *others = read_incident(a_file(tmp_path)).commitments
    assert check.per_person
    assert set(check.per_person.results) == {"clean", "changed", "reversed"}
    assert set(check.per_person.reasons) == {"account-closed", "no-account"}
    assert not any(one.per_person for one in others)


def test_a_pick_can_be_kept_for_all_at_once(tmp_path: Path) -> None:
    assert read_incident(a_file(tmp_path, "null")).commitments[0].per_person is None


@pytest.mark.parametrize(
    ("per_person", "place", "what"),
    [
        ("{results: {clean: {en: Good.}}}", "35 E110", "results.clean says nothing for zh-CN"),
        ("{results: {clean: Good.}, reasons: {gone: {en: Gone.}}}", "59 E110", "reasons.gone says nothing for zh-CN"),
        ("{results: {}}", "27 E104", "results: nothing stands here"),
        ("{results: {Clean Slate: Good.}}", "28 E104", "Clean Slate"),
        ("{results: {declined: Good.}}", "17 E107", "declined cannot be the name"),
        ("{results: {clean: Good.}, words: {}}", "43 E101", "words"),
    ],
)
def test_a_wrong_result_is_named_with_its_place(tmp_path: Path, per_person: str, place: str, what: str) -> None:
    path = a_file(tmp_path, per_person)
    line = path.read_text(encoding="utf-8").splitlines().index(f"    per_person: {per_person}") + 1
    with pytest.raises(ContentError) as refused:
        read_incident(path)
    (finding,) = refused.value.findings
    assert f"{finding.where} {finding.code}" == f"{path}:{line}:{place}"
    assert what in finding.what
