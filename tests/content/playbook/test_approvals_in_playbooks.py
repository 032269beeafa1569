"""What a playbook may say about who must approve; what nobody could do is named with its place."""

from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from amends.content.file.document import read_document
from amends.content.playbook.library import shipped_playbooks
from amends.content.playbook.playbook import read_playbook
from amends.content.playbook.schemas import playbook_schema
from amends.domain.base.errors import ContentError, Finding
from amends.domain.playbook.playbook import Playbook
from amends.domain.team.approval import EXPIRES_AFTER, ApprovalRule
from amends.domain.team.member import TeamRole

Transaction = Callable[..., Path]
CHANNELS = "channels: [email]"
BOTH = "approvals: {needed: 2, roles: [legal, security]}"


def with_approvals(playbook: Transaction, written: str) -> Path:
    return playbook(CHANNELS, f"{CHANNELS}, {written}")


def finding(path: Path) -> Finding:
    with pytest.raises(ContentError) as caught:
        read_playbook(path)
    (only,) = caught.value.findings
    return only


def test_a_step_may_name_the_roles_that_must_approve(playbook: Transaction) -> None:
    step = read_playbook(with_approvals(playbook, BOTH)).step("tell")
    assert step.approvals == ApprovalRule(needed=2, roles=(TeamRole.LEGAL, TeamRole.SECURITY))


def test_a_bare_number_is_any_so_many_people(playbook: Transaction) -> None:
    assert read_playbook(with_approvals(playbook, "approvals: 3")).step("tell").approvals == ApprovalRule(needed=3)


def test_a_step_that_says_nothing_asks_for_two(playbook: Transaction) -> None:
    assert read_playbook(playbook()).step("tell").approvals == ApprovalRule(needed=2)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("approvals: two", "write how many must approve, as in 2, or {needed: 2, roles: [legal, security]}"),
        ("approvals: 12", "at most 9 is possible here"),
        ("approvals: {needed: 1, roles: [legal, security]}", "2 roles are 2 people"),
        ("approvals: {needed: 2, roles: [responder]}", "responder may not approve"),
        ("approvals: {needed: 2, roles: [legl]}", "'legl' is not a known word"),
        ("approvals: {needed: 2, role: [legal]}", "'role' is not a known key"),
    ],
)
def test_approvals_that_make_no_sense_are_named_with_their_place(
    playbook: Transaction, written: str, says: str
) -> None:
    path = with_approvals(playbook, written)
    only = finding(path)
    assert says in only.what
    assert only.where.startswith(f"{path}:9:")


def test_a_misspelt_role_is_told_what_was_meant(playbook: Transaction) -> None:
    path = with_approvals(playbook, "approvals: {needed: 2, roles: [legl]}")
    assert "Did you mean 'legal'" in finding(path).advice


def test_approvals_count_for_a_day_unless_the_playbook_says(playbook: Transaction) -> None:
    """Approvals expire after one day where the playbook does not set approval_expires_after, and after the time set
    there otherwise.
    """
    assert read_playbook(playbook()).approval_expires_after == EXPIRES_AFTER
    longer = playbook("remind_before: 3d", "remind_before: 3d\napproval_expires_after: 48h")
    assert read_playbook(longer).approval_expires_after == 2 * EXPIRES_AFTER


def test_a_playbook_pinned_before_roles_is_read_with_the_same_words(playbook: Transaction) -> None:
    """A pinned playbook that holds approvals as plain numbers and no time of expiry, as before there were roles, is
    read as the same playbook.
    """
    pinned = read_playbook(playbook()).model_dump(mode="json", by_alias=True)
    assert [step["approvals"] for step in pinned["steps"]] == [2, 2]
    del pinned["approval_expires_after"]
    assert Playbook.model_validate(pinned) == read_playbook(playbook())


@pytest.mark.parametrize(("approvals", "fits"), [(1, True), ({"needed": 2, "roles": ["legal"]}, True), ("two", False)])
def test_the_schema_knows_both_ways_to_write_it(approvals: object, fits: bool) -> None:
    content = read_document(shipped_playbooks()["vendor-breach"]).content
    content["steps"][0]["approvals"] = approvals
    assert jsonschema.Draft202012Validator(playbook_schema()).is_valid(content) is fits
