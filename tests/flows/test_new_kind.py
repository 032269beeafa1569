"""A channel of a new kind needs a row, an address, a template and an adapter, and no other file of the product."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from amends.domain.channel.channel import ChannelKind, KindTraits

TOP = Path(__file__).parents[2]
SENT_AT_ONCE = {"0 website sent", "2 email sent", "6 email sent", "3 push failed", "3 email sent", "4 push sent"}


def test_a_new_kind_is_sent_from_end_to_end(tmp_path: Path) -> None:
    """Push messages to a device leave with the other messages to people, and the cascade, a bounce, the law, a report
    and the audit know them.
    """
    command = [sys.executable, "-m", "tests.flows.added_kind", str(tmp_path)]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert set(told["sent"]) - {"5 push sent", "5 email sent"} == SENT_AT_ONCE  # 5 lives where an app is no notice
    assert set(told["after the bounce"]) - set(told["sent"]) == {"4 push bounced", "4 email sent"}
    assert told["pushed"] == ["phone", "tablet"]
    assert told["told by"] == ["email", "push"]
    assert told["report"][0] == "5 of 5"
    assert "only by app" in told["report"][1]
    assert told["verified"] == []


def test_no_two_kinds_have_one_seal() -> None:
    """A sum over messages names a kind by three letters."""
    with pytest.raises(ValueError, match="ema seals the messages of another kind"):
        ChannelKind.add("emaki", KindTraits(words="emaki"))
    assert "emaki" not in ChannelKind
