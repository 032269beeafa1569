"""Which notices people can opt out of, and that the class is part of what is approved."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from amends.content.playbook.library import shipped_playbooks
from amends.content.playbook.playbook import read_playbook
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import ReceiptCause
from amends.domain.deliver.cascade import first_messages, why_held
from amends.domain.draft.draft import draft, notices_wanted
from amends.domain.draft.writer import Links, Readers
from amends.domain.incident.commitment import CommitmentState
from amends.domain.notice.notice import DeliveryState, Draft, Reader, TextName
from amends.domain.playbook.playbook import Phase, Step
from tests.builders import NOW, a_case, a_commitment, a_draft, a_wording

KINDS = frozenset({TextName("en", Reader.SELF)})


def a_step(**changes: Any) -> Step:
    given_ = {"id": "survey", "phase": "collect_feedback", "after": "5d", "of": "notified", "notice": "survey"}
    return Step.model_validate({**given_, "channels": ["email"], **changes})


def drafted_fate(state: CommitmentState, **changes: Any) -> Draft:
    """What a follow-up step tells of a promise that has come to this."""
    step = a_step(phase="follow_up", notice=None, **changes)
    promise = a_commitment(state=state)
    case = a_case(commitments=(promise,), untold={promise.id: 1}, events={"opened": NOW, "notified": NOW})
    (wanted,) = notices_wanted(case, step, 1)
    files = (f"{wanted.template}/{locale}.email.md" for locale in case.incident.texts)
    words = a_wording(templates=dict.fromkeys(files, "{{ promise.text }}"))
    return draft(case, words, step, 1, wanted, Readers("a", 1, KINDS), Links("https://betapai.example"), "f", NOW)


def test_a_step_is_mandatory_unless_it_says_otherwise() -> None:
    assert (a_step().optional, a_step(optional=True).optional) == (False, True)


def test_what_tells_people_that_their_data_is_gone_cannot_be_optional() -> None:
    with pytest.raises(ValidationError, match="cannot be optional"):
        a_step(phase="notify", optional=True)


def test_what_sends_nothing_cannot_be_optional() -> None:
    with pytest.raises(ValidationError, match="add channels"):
        a_step(optional=True, notice=None, channels=[])


@pytest.mark.parametrize("name", shipped_playbooks())
def test_in_the_shipped_playbooks_only_the_survey_is_optional(name: str) -> None:
    playbook = read_playbook(shipped_playbooks()[name])
    assert [step.id for step in playbook.steps if step.optional] == ["survey"]


@pytest.mark.parametrize("optional", [True, False])
def test_a_draft_has_the_class_of_its_step(optional: bool) -> None:
    assert drafted_fate(CommitmentState.KEPT, optional=optional).optional is optional


def test_a_dropped_commitment_is_told_to_all_even_if_optional() -> None:
    """A commitment that is dropped is told to everybody, even by an optional step."""
    assert not drafted_fate(CommitmentState.DROPPED, optional=True).optional


def test_an_approval_binds_the_class() -> None:
    assert a_draft(optional=True).binding != a_draft(optional=False).binding


def test_a_phase_other_than_notify_may_be_optional() -> None:
    for phase in set(Phase) - {Phase.NOTIFY}:
        assert a_step(phase=phase, optional=True).optional


@given(st.sampled_from(["", "deceased", "protected"]), st.booleans(), st.booleans())
def test_an_opt_out_holds_exactly_what_is_optional(hold: str, optional: bool, opted_out: bool) -> None:
    why = why_held(hold, optional=optional, opted_out=opted_out)
    (message,) = first_messages(why, {ChannelKind.EMAIL}, (ChannelKind.EMAIL,), ())
    stays = bool(hold) or (optional and opted_out)
    assert (message.state is DeliveryState.HELD) == stays
    assert message.cause == (hold or (ReceiptCause.OPTED_OUT if stays else ""))
