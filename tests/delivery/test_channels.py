"""Channels as the settings describe them, and what of them each of several processes may use."""

from pathlib import Path

import pytest

from amends.delivery.channels import connect, paces
from amends.domain.base.errors import ChannelMisconfigured
from amends.domain.channel.channel import ChannelKind

EMAIL, SMS = ChannelKind.EMAIL, ChannelKind.SMS


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_processes_together_keep_the_rate_of_a_channel(processes: int) -> None:
    pace = paces({EMAIL: {"rate": "100/s"}, SMS: {}}, processes)
    bucket = pace[EMAIL].bucket
    assert bucket is not None
    in_ten_seconds = sum(bucket.at_once(1, at / 1000) for at in range(10_000)) * processes
    assert 990 <= in_ten_seconds <= 1010
    assert (pace[EMAIL].processes, pace[SMS].processes, pace[SMS].bucket) == (processes, processes, None)


def test_a_rate_that_is_none_is_told_with_its_place() -> None:
    with pytest.raises(ChannelMisconfigured, match=r"channels\.sms\.rate: "):
        paces({SMS: {"rate": "fast"}})


@pytest.mark.parametrize("use", ["", "email_stmp", "os", "mime"])
def test_what_is_no_provider_is_not_loaded(use: str) -> None:
    with pytest.raises(ChannelMisconfigured, match=rf"channels\.email\.use: '{use}' is none of .*email_smtp"):
        connect(EMAIL, {"use": use})


def test_a_provider_of_another_channel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChannelMisconfigured, match=r"channels\.email\.use: outbox is a channel for sms"):
        connect(EMAIL, {"use": "outbox", "kind": "sms", "folder": str(tmp_path)})
