"""Public posts on Mastodon and Bluesky."""

from typing import Any

import pytest

from amends.domain.channel import ChannelKind, Message, Receipt, Status
from amends.domain.errors import ChannelMisconfigured, ChannelUnavailable
from amends.world import WebServices
from amends.world.web import Trouble
from channels import social_bluesky, social_mastodon
from channels.social_bluesky import TID_LETTERS, record_key
from tests.channels.contract import PUBLISHED, Arrival, Bell, ChannelContract, Rig, a_message

LINK = "https://notice.example.test/november-breach"
NOWHERE = "http://127.0.0.1:1"


def a_post(**changes: Any) -> Message:
    ordinary = {"kind": ChannelKind.SOCIAL, "to": "", "to_name": "", "text": f"客户数据被复制 – {LINK}", "link": LINK}
    return a_message(**{**ordinary, **changes})


class TestMastodonContract(ChannelContract):
    @pytest.fixture
    def rig(self, web: WebServices) -> Rig:
        return Rig(
            connect=social_mastodon.connect,
            settings={"url": web.url, "token": "s3cret"},
            required=("url", "token"),
            nowhere={"url": NOWHERE, "token": "s3cret"},
            arrivals=lambda: [
                Arrival(taken.headers["idempotency-key"], taken.fields["status"], (), tuple(taken.fields))
                for taken in web.taken
            ],
            message=a_post(),
            secrets=("s3cret",),
        )


class TestBlueskyContract(ChannelContract):
    @pytest.fixture
    def rig(self, web: WebServices) -> Rig:
        return Rig(
            connect=social_bluesky.connect,
            settings={"url": web.url, "identifier": "bank.test", "password": "s3cret"},
            required=("identifier", "password"),
            nowhere={"url": NOWHERE, "identifier": "bank.test", "password": "s3cret"},
            arrivals=lambda: [
                Arrival(taken.fields["rkey"], taken.fields["record"]["text"], (), tuple(taken.fields["record"]))
                for taken in web.taken
            ],
            message=a_post(),
            secrets=("s3cret",),
        )


async def tooted(web: WebServices, message: Message, **changes: str) -> Receipt:
    channel = social_mastodon.connect({"url": web.url, "token": "s3cret", **changes})
    try:
        return await channel.deliver(message, Bell())
    finally:
        await channel.close()


async def skeeted(web: WebServices, message: Message, **changes: str) -> Receipt:
    channel = social_bluesky.connect({"url": web.url, "identifier": "bank.test", "password": "s3cret", **changes})
    try:
        return await channel.deliver(message, Bell())
    finally:
        await channel.close()


async def test_a_toot_says_its_language_and_who_may_see_it(web: WebServices) -> None:
    await tooted(web, a_post(locale="zh-CN"), visibility="unlisted")
    assert web.taken[0].fields == {"status": a_post().text, "visibility": "unlisted", "language": "zh"}


async def test_a_toot_is_known_by_its_address(web: WebServices) -> None:
    assert (await tooted(web, a_post())).provider_id == f"{web.url}/@amends/mastodon-1"


@pytest.mark.parametrize(("length", "status"), [(500, Status.SENT), (501, Status.REJECTED)])
async def test_a_toot_that_is_too_long_is_refused(web: WebServices, length: int, status: Status) -> None:
    assert (await tooted(web, a_post(text="x" * length))).status is status


async def test_a_link_in_a_toot_counts_as_mastodon_counts_it(web: WebServices) -> None:
    text = "x" * 476 + " https://notice.example.test/" + "y" * 100
    assert (await tooted(web, a_post(text=text))).status is Status.SENT


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        (Trouble(422), Status.REJECTED),
        (Trouble(401), Status.DEFERRED),
        (Trouble(429), Status.DEFERRED),
        (Trouble(503), Status.UNCERTAIN),
        (Trouble(silent=True), Status.UNCERTAIN),
    ],
    ids=str,
)
async def test_trouble_at_mastodon_means(web: WebServices, trouble: Trouble, status: Status) -> None:
    web.trouble = trouble
    assert (await tooted(web, a_post())).status is status


async def test_a_bluesky_post_is_dated_and_says_its_language(web: WebServices) -> None:
    await skeeted(web, a_post(locale="zh-CN"))
    record = web.taken[0].fields["record"]
    assert (record["createdAt"], record["langs"]) == ("2026-11-24T09:00:00.000Z", ["zh-CN"])


async def test_the_link_in_a_bluesky_post_is_marked_by_bytes(web: WebServices) -> None:
    await skeeted(web, a_post())
    record = web.taken[0].fields["record"]
    (facet,) = record["facets"]
    place = facet["index"]
    assert record["text"].encode()[place["byteStart"] : place["byteEnd"]].decode() == LINK


@pytest.mark.parametrize(("length", "status"), [(300, Status.SENT), (301, Status.REJECTED)])
async def test_a_bluesky_post_that_is_too_long_is_refused(web: WebServices, length: int, status: Status) -> None:
    assert (await skeeted(web, a_post(text="字" * length))).status is status


async def test_a_bluesky_post_whose_answer_was_lost_can_be_sent_again(web: WebServices) -> None:
    channel = social_bluesky.connect({"url": web.url, "identifier": "bank.test", "password": "s3cret"})

    async def silence() -> None:
        web.trouble = Trouble(silent=True)

    first = await channel.deliver(a_post(), silence)
    web.trouble = Trouble()
    second = await channel.deliver(a_post(), Bell())
    await channel.close()
    assert (first.status, second.status, len(web.taken)) == (Status.DEFERRED, Status.SENT, 1)


async def test_a_record_that_stands_already_is_a_post_that_was_sent(web: WebServices) -> None:
    await skeeted(web, a_post())
    receipt = await skeeted(web, a_post(text="other words under the same key"))
    assert (receipt.status, receipt.detail, len(web.taken)) == (Status.SENT, "already there", 1)


async def test_a_wrong_app_password_is_an_engineers_matter(web: WebServices) -> None:
    with pytest.raises(ChannelMisconfigured, match="password"):
        await skeeted(web, a_post(), password="wrong")


@pytest.mark.parametrize("trouble", [Trouble(429), Trouble(503), Trouble(silent=True)], ids=str)
async def test_trouble_at_the_bluesky_login_is_the_channels(web: WebServices, trouble: Trouble) -> None:
    web.trouble = trouble
    with pytest.raises(ChannelUnavailable):
        await skeeted(web, a_post())


async def test_a_bluesky_post_without_a_date_is_refused(web: WebServices) -> None:
    assert (await skeeted(web, a_post(published_at=None))).detail == "message has no date"


def test_a_record_key_is_a_tid() -> None:
    key = record_key("november-breach", PUBLISHED)
    assert len(key) == 13
    assert set(key) <= set(TID_LETTERS)
    assert key[0] in TID_LETTERS[:16]


def test_two_posts_of_one_moment_have_different_record_keys() -> None:
    assert len({record_key(f"key-{number}", PUBLISHED) for number in range(5000)}) == 5000
