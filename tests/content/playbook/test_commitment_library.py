"""The library of commitments: what comes with it, and what is refused in a file of it."""

from pathlib import Path

import pytest
import yaml

from amends.content.file.shipped import library
from amends.content.notice import shipped_wording
from amends.content.playbook.commitment_library import read_commitment_library, shipped_commitments
from amends.domain.base.errors import ContentError
from amends.domain.incident.commitment import CommitmentKind, TakeUpPart
from amends.domain.playbook.commitment_library import entry_lines

GOOD = {
    "id": "help",
    "owner": "Customer care",
    "due": "14d",
    "costs": "An hour of staff.",
    "done_by": "Customer care.",
    "promise": {"en": "We will help you."},
    "kept": {"en": "We help you now.\n{result}"},
}


def refused(tmp_path: Path, **changes: object) -> list[str]:
    """The findings of a file with this one entry, each without its folder."""
    content = {"kind": "other", "commitments": [GOOD | changes]}
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    with pytest.raises(ContentError) as error:
        read_commitment_library(tmp_path)
    return [str(finding).removeprefix(f"{tmp_path}/") for finding in error.value.findings]


def test_every_kind_has_an_entry() -> None:
    assert {kind for kind, _ in shipped_commitments().entries.values()} == set(CommitmentKind)


@pytest.mark.parametrize("name", sorted(shipped_commitments().entries))
def test_an_entry_is_written_in_every_shipped_language(name: str) -> None:
    kind, entry = shipped_commitments().entries[name]
    assert set(entry.promise) == set(entry.kept) == set(shipped_wording().phrases)
    assert "\n".join(entry_lines(kind, entry))


def test_states_that_ask_for_monitoring_get_its_length() -> None:
    """The states whose laws ask for a number of months have an entry with this number, and a source."""
    entries = shipped_commitments().entries
    wanted = {"ma": "18 months", "ct": "24 months", "ca": "12 months", "de": "12 months", "dc": "18 months"}
    for state, months in wanted.items():
        _, entry = entries[f"monitoring-us-{state}"]
        assert months in entry.promise["en"]
        assert entry.law[0].source


def test_the_first_entry_for_a_state_is_its_own() -> None:
    found = [entry.id for _, entry in shipped_commitments().for_place("US-MA")]
    assert found[0] == "monitoring-us-ma"
    assert "monitoring-us-ct" not in found
    assert {"monitoring-us", "account-recheck"} <= set(found)


def test_nobody_is_offered_monitoring_in_mainland_china() -> None:
    found = {entry.id: kind for kind, entry in shipped_commitments().for_place("CN")}
    assert CommitmentKind.CREDIT_MONITORING not in found.values()
    assert {"cn-credit-report", "cn-number-protection", "cn-person-check"} <= found.keys()


def test_credit_monitoring_asks_for_a_way_and_a_day() -> None:
    for kind, entry in shipped_commitments().entries.values():
        if kind is CommitmentKind.CREDIT_MONITORING:
            assert {TakeUpPart.LINK, TakeUpPart.PHONE, TakeUpPart.UNTIL} <= set(entry.take_up)


def test_each_file_is_named_after_its_kind_or_help() -> None:
    names = {path.stem for path in (library() / "commitments").glob("*.yaml")}
    assert names == {*CommitmentKind, "identity_help"} - {"other"}


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"owmer": "x"}, "other.yaml:14:3 E101 'owmer' is not a known key"),
        ({"places": ["UK"]}, "E102 'UK' is no place"),
        ({"kept": {"en": "Done.\n{report}"}}, "E102 help: nothing fills the slot {report}"),
        ({"kept": {"zh-CN": "好了。"}}, "E110 help: promise and kept are in other languages"),
        ({"take_up": ["link"]}, "E103 help: does not say how to take it up: {link}"),
        ({"take_up": ["password"]}, "E102 commitments.0.take_up.0"),
        ({"due": "soon"}, "E104 commitments.0.due"),
    ],
)
def test_a_wrong_entry_is_named_with_its_place(tmp_path: Path, changes: dict[str, object], finding: str) -> None:
    found = refused(tmp_path, **changes)
    assert any(finding in one for one in found), found
    assert all(one.startswith("other.yaml:") for one in found)


def test_an_id_stands_once_in_all_files(tmp_path: Path) -> None:
    (tmp_path / "audit.yaml").write_text(yaml.safe_dump({"kind": "audit", "commitments": [GOOD]}), encoding="utf-8")
    assert any("E106 help stands at" in one for one in refused(tmp_path))
