"""A segment may be misspelled, or a corrected list has nobody in it any more."""

import pytest

from amends.domain.channel import ChannelKind
from amends.domain.drafting import Wanted
from amends.domain.nobody import count_as_told, has_nobody, nobody_is_left
from amends.domain.notice import NoticeStage, PersonState
from amends.domain.playbook import Step
from tests.builders import a_case, a_playbook, an_audience
from tests.domain.test_plan import a_notice

CASE = a_case(audience=an_audience(by_segment={"patients": 2}))
TO_NOBODY = Wanted("first-notice", "first-notice", "shop")
GONE = {PersonState.HELD: 1}


def by(*channels: ChannelKind) -> Step:
    return a_playbook().step("first-notice").model_copy(update={"channels": channels})


BY_EMAIL = by(ChannelKind.EMAIL)


@pytest.mark.parametrize(("audience", "nobody"), [("everyone", False), ("patients", False), ("patience", True)])
def test_nobody_is_in_a_segment_that_the_list_does_not_have(audience: str, nobody: bool) -> None:
    assert has_nobody(CASE, audience) is nobody


def test_as_long_as_there_is_no_list_nobody_can_say_who_is_in_it() -> None:
    assert not has_nobody(a_case(audience=an_audience(people=0, by_segment={})), "patients")


def test_whom_a_list_left_out_before_anything_left_does_not_count_as_told() -> None:
    held = a_notice(stage=NoticeStage.SENT, people=GONE)
    assert [count_as_told(CASE, audience, (held,)) for audience in ("shop", "patients")] == [False, True]
    assert count_as_told(CASE, "shop", (held.model_copy(update={"people": {PersonState.SENT: 1}}),))


def test_what_was_let_go_to_a_segment_that_has_left_the_list_has_nobody_left() -> None:
    on_its_way = a_notice(stage=NoticeStage.SENDING, people=GONE, current=False)
    assert nobody_is_left(CASE, BY_EMAIL, TO_NOBODY, on_its_way)
