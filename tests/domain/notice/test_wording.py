"""How each locale says dates and times."""

from datetime import UTC, datetime

import pytest

from amends.domain.incident.facts import Count
from amends.domain.notice.wording import say_count, say_moment
from tests.playbooks.rendering import phrases

PHRASES = phrases("en")
NOON = datetime(2026, 12, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Asia/Shanghai", "20:00 (UTC+8)"),
        ("America/Chicago", "06:00 (UTC-6)"),
        ("Asia/Kolkata", "17:30 (UTC+5:30)"),
        ("America/St_Johns", "08:30 (UTC-3:30)"),
        ("UTC", "12:00 (UTC)"),
    ],
)
def test_a_time_of_day_cannot_be_taken_for_that_of_another_zone(zone: str, said: str) -> None:
    assert say_moment(PHRASES, NOON, zone) == f"Wednesday, 2 December 2026, {said}"


@pytest.mark.parametrize(
    ("count", "english", "chinese"),
    [
        (Count(min=5203, max=5203), "5,203", "5203"),
        (Count(min=1200), "at least 1,200", "至少1200人"),
        (Count(max=1200), "up to 1,200", "最多1200人"),
        (Count(min=1200, max=1500), "between 1,200 and 1,500", "1200至1500人"),
        (Count(), "", ""),
    ],
)
def test_a_number_of_people_is_said_as_far_as_it_is_known(count: Count, english: str, chinese: str) -> None:
    assert (say_count(PHRASES, count), say_count(phrases("zh-CN"), count)) == (english, chinese)
