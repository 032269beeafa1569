"""A playbook that makes no sense is refused when it is read."""

from typing import Any

import pytest
from pydantic import ValidationError

from amends.domain.channel.channel import ChannelKind
from amends.domain.playbook.playbook import Playbook, Step
from amends.domain.team.approval import ApprovalRule
from tests.builders import a_playbook


def a_step(**changes: Any) -> Step:
    return Step.model_validate({"id": "update", "phase": "update", "after": "1d", "of": "notified"} | changes)


def test_a_series_faster_than_an_hour_is_refused() -> None:
    with pytest.raises(ValidationError, match="at most once an hour"):
        a_step(every="30min", at_most=5)


@pytest.mark.parametrize("change", [{"until": "resolved"}, {"at_most": 2}])
def test_the_end_of_a_series_without_a_series_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="add every"):
        a_step(**change)


def test_a_series_that_may_run_for_ever_is_refused() -> None:
    with pytest.raises(ValidationError, match="a series needs at_most"):
        a_step(every="3d", until="resolved")


@pytest.mark.parametrize("channels", [["sms"], ["social"], ["sms", "social"]])
def test_quick_channels_never_stand_alone(channels: list[str]) -> None:
    with pytest.raises(ValidationError, match="quick channels never stand alone"):
        a_step(channels=channels)


def test_a_quick_channel_beside_email_is_fine() -> None:
    assert a_step(channels=["email", "sms"], notice="update").notice == "update"


def test_a_notice_without_channels_is_refused() -> None:
    with pytest.raises(ValidationError, match="a notice needs channels"):
        a_step(notice="update")


@pytest.mark.parametrize("channel", ["website", "social"])
def test_a_cascade_over_public_channels_is_refused(channel: str) -> None:
    with pytest.raises(ValidationError, match="personal channels only"):
        a_step(cascade=["email", channel])


def test_a_letter_ends_a_cascade_and_needs_no_text_of_its_own() -> None:
    step = a_step(channels=["website", "email"], cascade=["email", "sms", "letter"], notice="update")
    assert step.written_for == (ChannelKind.WEBSITE, ChannelKind.EMAIL, ChannelKind.SMS)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"channels": ["email"], "cascade": ["letter", "sms"]}, "the last of a cascade"),
        ({"channels": ["website"], "cascade": ["sms", "letter"]}, "add email"),
        ({"channels": ["email", "letter"]}, "name it in cascade"),
    ],
)
def test_a_letter_where_it_cannot_be_is_refused(step: dict[str, list[str]], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        a_step(**step)


@pytest.mark.parametrize("approvals", [0, -1])
def test_nothing_leaves_without_any_approval(approvals: int) -> None:
    with pytest.raises(ValidationError, match="approvals"):
        a_step(approvals=approvals)


@pytest.mark.parametrize("after", ["-1d", "1y", "soon"])
def test_a_time_that_has_no_fixed_length_is_refused(after: str) -> None:
    with pytest.raises(ValidationError, match="after"):
        a_step(after=after)


def test_a_misspelt_condition_is_an_error_and_not_a_skipped_step() -> None:
    with pytest.raises(ValidationError, match="severity_atleast"):
        a_step(when={"severity_atleast": "high"})


def test_two_steps_of_one_name_are_refused() -> None:
    step = {"id": "assess", "phase": "assess", "after": 0, "of": "opened"}
    with pytest.raises(ValidationError, match="two steps have the id assess"):
        a_playbook(steps=[step, step])


def test_a_step_timed_from_nothing_known_is_refused() -> None:
    step = {"id": "assess", "phase": "assess", "after": 0, "of": "openned"}
    with pytest.raises(ValidationError, match="'openned' is neither an event nor a step"):
        a_playbook(steps=[step])


def test_a_playbook_without_steps_is_refused() -> None:
    with pytest.raises(ValidationError, match="steps"):
        a_playbook(steps=[])


def test_a_step_is_found_by_its_id() -> None:
    assert a_playbook().step("survey").approvals == ApprovalRule(needed=1)


def test_a_step_that_does_not_exist_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        a_playbook().step("nothing")


def test_a_playbook_survives_a_journey_through_json() -> None:
    playbook = a_playbook()
    assert Playbook.model_validate_json(playbook.model_dump_json(by_alias=True)) == playbook


@pytest.mark.parametrize("taken", ["deadlines", "holding"])
def test_a_step_cannot_have_the_id_of_one_of_ours(taken: str) -> None:
    with pytest.raises(ValidationError, match=f"{taken} is the step under which"):
        a_playbook(steps=[{"id": taken, "phase": "assess", "after": 0, "of": "opened"}], commitments=[])
