"""The outbox: the contract, and files that nobody else can read."""

import json
import stat
from pathlib import Path

import pytest

from amends.domain.base.errors import ChannelMisconfigured
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Status
from channels import outbox
from tests.channels.contract import Arrival, Bell, ChannelContract, Rig, a_message


def arrivals(folder: Path) -> list[Arrival]:
    kept = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return [
        Arrival(message["key"], message["text"], (message["to"].split("@")[1],), tuple(message)) for message in kept
    ]


class TestContract(ChannelContract):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Rig:
        (tmp_path / "file").touch()
        return Rig(
            connect=outbox.connect,
            settings={"folder": str(tmp_path / "outbox"), "kind": "email"},
            required=("folder", "kind"),
            nowhere={"folder": str(tmp_path / "file" / "outbox"), "kind": "email"},
            arrivals=lambda: arrivals(tmp_path / "outbox"),
            message=a_message(),
        )


async def test_a_message_is_a_file_named_by_its_key(tmp_path: Path) -> None:
    channel = outbox.connect({"folder": str(tmp_path), "kind": "email"})
    receipt = await channel.deliver(a_message(key="k-1"), Bell())
    assert (receipt.provider_id, [path.name for path in tmp_path.iterdir()]) == ("k-1.json", ["k-1.json"])


async def test_a_kept_message_is_for_its_owner_only(tmp_path: Path) -> None:
    channel = outbox.connect({"folder": str(tmp_path / "outbox"), "kind": "email"})
    await channel.deliver(a_message(key="k-1"), Bell())
    paths = (tmp_path / "outbox", tmp_path / "outbox" / "k-1.json")
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o700, 0o600]


async def test_a_key_that_is_no_file_name_stays_in_the_folder(tmp_path: Path) -> None:
    channel = outbox.connect({"folder": str(tmp_path / "outbox"), "kind": "email"})
    await channel.deliver(a_message(key="../../escape"), Bell())
    assert [path.parent.name for path in tmp_path.rglob("*.json")] == ["outbox"]


async def test_a_message_that_cannot_be_written_has_not_left(tmp_path: Path) -> None:
    async def gone() -> list[object]:
        (tmp_path / "outbox").rmdir()
        return []

    channel = outbox.connect({"folder": str(tmp_path / "outbox"), "kind": "email"})
    receipt = await channel.deliver(a_message(key="k-1"), Bell(gone))
    assert (receipt.status, receipt.detail) == (Status.DEFERRED, "not written: No such file or directory")


async def test_the_same_key_with_other_words_leaves_the_first_ones(tmp_path: Path) -> None:
    channel = outbox.connect({"folder": str(tmp_path), "kind": "email"})
    for text in ("first", "second"):
        await channel.deliver(a_message(key="k-1", text=text), Bell())
    assert json.loads((tmp_path / "k-1.json").read_text())["text"] == "first"


async def test_a_text_with_half_a_character_is_kept_too(tmp_path: Path) -> None:
    channel = outbox.connect({"folder": str(tmp_path), "kind": "email"})
    receipt = await channel.deliver(a_message(key="k-1", text="copied \ud800"), Bell())
    assert (receipt.status, json.loads((tmp_path / "k-1.json").read_text())["text"]) == (Status.SENT, "copied \ud800")


@pytest.mark.parametrize("kind", list(ChannelKind))
def test_an_outbox_stands_in_for_any_kind_of_channel(tmp_path: Path, kind: ChannelKind) -> None:
    assert outbox.connect({"folder": str(tmp_path), "kind": kind.value}).kind is kind


def test_a_kind_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChannelMisconfigured, match="kind"):
        outbox.connect({"folder": str(tmp_path), "kind": "fax"})
