"""Where a form comes from, and how many may come."""

from collections import Counter

import pytest
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from starlette.datastructures import Headers

from amends.web.http.limits import AT_ONCE, IN_ALL, PER_ADDRESS, PER_LINK, PostLimits, sender_address


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        ("", 0, "10.0.0.9"),
        ("203.0.113.5", 0, "10.0.0.9"),
        ("203.0.113.5", 1, "203.0.113.5"),
        ("198.51.100.1, 203.0.113.5", 1, "203.0.113.5"),
        ("198.51.100.1, 203.0.113.5", 2, "198.51.100.1"),
        ("203.0.113.5", 2, "10.0.0.9"),
        ("no address", 1, "10.0.0.9"),
        ("2001:db8:1:2:3:4:5:6", 1, "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.5", 1, "203.0.113.5"),
    ],
)
def test_only_our_own_proxies_say_where_a_form_comes_from(forwarded: str, proxies: int, address: str) -> None:
    assert sender_address("10.0.0.9", Headers({"x-forwarded-for": forwarded}), proxies) == address


def test_the_proxys_own_line_counts_and_not_a_forged_one() -> None:
    """With one trusted proxy, the sender's address is the last X-Forwarded-For line, which the proxy added, and not an
    earlier line that the sender forged.
    """
    lines = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"203.0.113.9")]
    assert sender_address("10.0.0.9", Headers(raw=lines), 1) == "203.0.113.9"


def posts(limits: PostLimits, count: int) -> list[int]:
    """What so many senders have to wait who send one form each, at once."""
    return [limits.seconds_to_wait(f"203.0.{n // 200}.{n % 200}", f"link-{n}") for n in range(count)]


def test_a_flood_from_everywhere_is_held_at_the_common_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amends.web.http.limits.AT_ONCE", RateLimitItemPerSecond(IN_ALL.amount + 1))
    waits = posts(PostLimits(), IN_ALL.amount + 1)
    assert not any(waits[:-1])
    assert 0 < waits[-1] <= 60


def test_a_flood_does_not_use_up_its_minute_at_once() -> None:
    waits = Counter(posts(PostLimits(), IN_ALL.amount))
    assert waits[0] < IN_ALL.amount // 2
    assert waits.keys() == {0, 1}


def test_one_who_floods_does_not_use_up_what_all_may_send() -> None:
    limits = PostLimits()
    for _ in range(2 * IN_ALL.amount):
        limits.seconds_to_wait("203.0.113.5", "link")
    assert limits.seconds_to_wait("203.0.113.6", "other link") <= 1


def test_what_may_not_go_on_is_not_kept_in_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = MemoryStorage()
    monkeypatch.setattr("amends.web.http.limits.MemoryStorage", lambda: counts)
    monkeypatch.setattr("amends.web.http.limits.AT_ONCE", RateLimitItemPerSecond(IN_ALL.amount + 1))
    limits = PostLimits()
    for n in range(2 * PER_LINK.amount):
        limits.seconds_to_wait(f"2001:db8:0:{n}::/64", "link")
    for n in range(2 * PER_ADDRESS.amount):
        limits.seconds_to_wait("203.0.113.5", f"link-{n}")
    theirs = (PER_LINK.amount + 1) + (1 + PER_ADDRESS.amount)
    assert len(counts.storage) == theirs + len((IN_ALL, AT_ONCE))
