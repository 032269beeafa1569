"""How each locale says dates and times."""

from datetime import UTC, datetime

import pytest

from amends.domain.notice.wording import say_moment
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
