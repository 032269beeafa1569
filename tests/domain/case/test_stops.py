"""A stop is read from the name under which it is recorded, whatever its reason says."""

from hypothesis import given
from hypothesis import strategies as st

from amends.domain.incident.stops import LONGEST_REASON, StoppedDomain, StoppedSend
from tests.builders import NOW

REASONS = st.text(max_size=LONGEST_REASON)


@given(REASONS)
def test_a_stopped_send_is_read_again(why: str) -> None:
    stop = StoppedSend("first-notice", "email", why, NOW)
    assert StoppedSend.read(stop.name, NOW) == stop


@given(REASONS)
def test_a_stopped_domain_is_read_again(why: str) -> None:
    stop = StoppedDomain("mail.example", why, NOW)
    assert StoppedDomain.read(stop.name, NOW) == stop


def test_a_long_reason_is_cut() -> None:
    assert len(StoppedSend("n", "email", "x" * 10_000, NOW).name) < LONGEST_REASON + 20
