"""Commitments that an incident file picks from the library."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from amends.content.incident.incident import read_incident, read_incident_with_gaps
from amends.domain.base.errors import ContentError
from amends.domain.incident.commitment import CommitmentKind, PlannedCommitment
from tests.builders import an_incident

TAKE_UP = {"provider": "Watchful Ltd", "link": "https://watchful.example/btepai", "until": "2027-02-28"}


def file_with(tmp_path: Path, *commitments: dict[str, Any]) -> Path:
    path = tmp_path / "incident.yaml"
    content = an_incident().model_dump(mode="json", by_alias=True, exclude_defaults=True)
    path.write_text(yaml.safe_dump(content | {"commitments": list(commitments)}, allow_unicode=True), encoding="utf-8")
    return path


def picked(tmp_path: Path, **pick: Any) -> PlannedCommitment:
    (found,) = read_incident(file_with(tmp_path, pick)).commitments
    return found


def test_a_pick_is_written_out(tmp_path: Path) -> None:
    found = picked(tmp_path, use="staff-training")
    assert (found.id, found.use, found.kind) == ("staff-training", "staff-training", CommitmentKind.TRAINING)
    assert found.owner == "Human resources"
    assert found.promise["en"].startswith("We will train all staff")


def test_a_pick_changes_what_it_says_itself(tmp_path: Path) -> None:
    own = {
        "id": "training",
        "owner": "Academy",
        "due": "20d",
        "promise": {"en": "We will learn.", "zh-CN": "我们会学习。"},
    }
    found = picked(tmp_path, use="staff-training", **own)
    assert (found.id, found.owner, str(found.due), found.promise["en"]) == (
        "training",
        "Academy",
        "20d",
        "We will learn.",
    )


def test_an_unknown_pick_is_named_with_its_place(tmp_path: Path) -> None:
    """The finding is at the word, names the nearest entry, and is the only one about the entry."""
    with pytest.raises(ContentError) as error:
        read_incident(file_with(tmp_path, {"use": "staf-training"}))
    (finding,) = error.value.findings
    assert "E102 the library has no commitment 'staf-training' (Did you mean 'staff-training'?" in str(finding)


def test_what_people_need_to_take_it_up_is_asked_for(tmp_path: Path) -> None:
    _, gaps = read_incident_with_gaps(file_with(tmp_path, {"use": "monitoring-us-ma"}))
    (gap,) = (one for one in gaps if "take up" in one.what)
    assert "without a code, a link or a telephone number, provider and the last day (until)" in gap.what
    _, filled = read_incident_with_gaps(file_with(tmp_path, {"use": "monitoring-us-ma", "take_up": TAKE_UP}))
    assert not [one for one in filled if "take up" in one.what]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"link": "http://watchful.example"}, "a whole address is meant"),
        ({"until": "28 February"}, "a day is meant, such as 2027-03-31"),
        ({"until": "1027-02-28"}, "a day between the years 1990 and 2099 is meant"),
        ({"pin": "1"}, "'pin' is not a known key"),
    ],
)
def test_a_wrong_way_is_named_with_its_place(tmp_path: Path, wrong: dict[str, str], why: str) -> None:
    with pytest.raises(ContentError) as error:
        read_incident(file_with(tmp_path, {"use": "monitoring-us-ma", "take_up": wrong}))
    assert any(
        why in str(finding) and f"{tmp_path}/incident.yaml:" in finding.where for finding in error.value.findings
    )


def test_what_is_not_known_yet_may_be_unknown(tmp_path: Path) -> None:
    assert picked(tmp_path, use="monitoring-us", take_up={"link": "unknown"}).take_up.link == ""
