"""A segment may be misspelled, or a corrected list has nobody in it any more."""

from typing import Any

import pytest

from amends.domain.base.audience import EVERYONE, Segment, audience_of
from amends.domain.channel.channel import ChannelKind
from amends.domain.draft.recipients import count_as_told, why_no_recipients, why_no_recipients_left
from amends.domain.draft.writer import Wanted
from amends.domain.notice.notice import NoticeRelease, NoticeStage, NoticeStatus, PersonState
from amends.domain.playbook.playbook import Step
from tests.builders import NOW, a_case, a_playbook, an_audience
from tests.domain.plan.test_plan import a_notice

CASE = a_case(audience=an_audience(by_segment={"patients": 2}))
TO_NOBODY = Wanted("first-notice", "first-notice", Segment("shop"))
GONE = {PersonState.HELD: 1}


def by(*channels: ChannelKind) -> Step:
    return a_playbook().step("first-notice").model_copy(update={"channels": channels})


BY_EMAIL = by(ChannelKind.EMAIL)


WORDS = ("promised:repair", "place:DE", "persons:gift", "told-otherwise:correction-1", "no-longer-affected:word-1")
FOUND = [(one, False) for one in ("everyone", "patients", *WORDS)]


@pytest.mark.parametrize(("audience", "nobody"), [*FOUND, ("patience", True)])
def test_nobody_is_in_a_segment_that_the_list_does_not_have(audience: str, nobody: bool) -> None:
    assert bool(why_no_recipients(CASE, audience_of(audience))) is nobody


@pytest.mark.parametrize("audience", ["everyone", "patients"])
def test_as_long_as_there_is_no_list_nobody_can_say_who_is_in_it(audience: str) -> None:
    assert why_no_recipients(a_case(audience=an_audience(people=0, by_segment={})), audience_of(audience)) is None


def test_in_a_list_of_which_all_are_gone_is_nobody() -> None:
    emptied = a_case(audience=an_audience(people=0, gone=3, by_segment={}))
    assert why_no_recipients(emptied, EVERYONE) == "nobody is in the list any more"
    assert why_no_recipients(emptied, Segment("patients")) == "the list has no segment patients"


def test_people_left_out_before_any_message_do_not_count_as_told() -> None:
    """A segment that a corrected list left out before any message was sent to it does not count as told.

    It does when one of its people was sent a message.
    """
    held = a_notice(stage=NoticeStage.SENT, people=GONE)
    assert [count_as_told(CASE, Segment(audience), (held,)) for audience in ("shop", "patients")] == [False, True]
    assert count_as_told(CASE, Segment("shop"), (held.model_copy(update={"people": {PersonState.SENT: 1}}),))


def test_people_count_as_told_only_when_all_notices_to_them_have_gone() -> None:
    gone, leaving = a_notice(stage=NoticeStage.SENT), a_notice(stage=NoticeStage.SENDING)
    assert [count_as_told(CASE, Segment("patients"), notices) for notices in ((gone, gone), (gone, leaving))] == [
        True,
        False,
    ]


LET_GO = (NoticeRelease(at=NOW, drafted_at=NOW),)
DRAFT = a_notice(audience="shop", meant_for=2, current=False)
ON_ITS_WAY = DRAFT.model_copy(update={"stage": NoticeStage.SENDING, "releases": LET_GO, "people": GONE})


@pytest.mark.parametrize("notice", [DRAFT, ON_ITS_WAY])
def test_a_notice_to_a_segment_that_has_left_the_list_has_nobody_left(notice: NoticeStatus) -> None:
    assert why_no_recipients_left(CASE, BY_EMAIL, TO_NOBODY, notice)


@pytest.mark.parametrize("stage", [NoticeStage.SENDING, NoticeStage.DRAFTED, NoticeStage.APPROVED])
def test_a_notice_that_reached_all_of_a_corrected_list_needs_no_more(stage: NoticeStage) -> None:
    """A released notice that has reached everybody in the corrected list needs no further version."""
    reached = a_notice(stage=stage, releases=LET_GO, people={PersonState.SENT: 2, PersonState.HELD: 1}, current=False)
    wanted = Wanted("first-notice", "first-notice", EVERYONE)
    assert why_no_recipients_left(CASE, by(ChannelKind.WEBSITE, ChannelKind.EMAIL), wanted, reached)


@pytest.mark.parametrize(
    "somebody",
    [{"pending": 1}, {"parked": 1}, {"not_told": 1}, {"people": {PersonState.WAITING: 1}}, {"audience": "patients"}],
)
def test_as_long_as_somebody_waits_another_version_is_for_them(somebody: dict[str, Any]) -> None:
    assert why_no_recipients_left(CASE, BY_EMAIL, TO_NOBODY, ON_ITS_WAY.model_copy(update=somebody)) is None


def test_a_draft_meant_for_nobody_stays_as_it_may_be_misspelled() -> None:
    """A draft that was meant for nobody from the beginning stays, because the name of its audience may be
    misspelled.
    """
    assert why_no_recipients_left(CASE, BY_EMAIL, TO_NOBODY, DRAFT.model_copy(update={"meant_for": 0})) is None


def test_a_draft_that_the_public_reads_stays() -> None:
    assert why_no_recipients_left(CASE, by(ChannelKind.WEBSITE, ChannelKind.EMAIL), TO_NOBODY, DRAFT) is None
