"""Public posts on Mastodon and Bluesky."""

from typing import Any
from urllib.parse import parse_qsl

import pytest

from amends.domain.base.errors import ChannelMisconfigured, ChannelUnavailable
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Message, Receipt, Status
from amends.sandbox.web import HttpTrouble, WebServices
from channels import social_bluesky, social_mastodon
from channels.social_bluesky import TID_LETTERS, record_key
from channels.web_api import provider
from tests.channels.contract import PUBLISHED, Arrival, Bell, ChannelContract, Rig, a_message
from tests.channels.scripted_http import HANG_UP, ScriptedHttp, reply, scripted_http

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
        (HttpTrouble(422), Status.REJECTED),
        (HttpTrouble(401), Status.DEFERRED),
        (HttpTrouble(404), Status.DEFERRED),
        (HttpTrouble(429), Status.DEFERRED),
        (HttpTrouble(503), Status.UNCERTAIN),
        (HttpTrouble(silent=True), Status.UNCERTAIN),
    ],
    ids=str,
)
async def test_trouble_at_mastodon_means(web: WebServices, at_once: None, trouble: HttpTrouble, status: Status) -> None:
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
    assert facet["features"] == [{"$type": "app.bsky.richtext.facet#link", "uri": LINK}]


async def test_a_bluesky_post_without_a_link_marks_nothing(web: WebServices) -> None:
    await skeeted(web, a_post(text="No link.", link=""))
    assert web.taken[0].fields["record"]["facets"] == []


@pytest.mark.parametrize(("length", "status"), [(300, Status.SENT), (301, Status.REJECTED)])
async def test_a_bluesky_post_that_is_too_long_is_refused(web: WebServices, length: int, status: Status) -> None:
    assert (await skeeted(web, a_post(text="字" * length))).status is status


async def test_a_wrong_app_password_is_an_engineers_matter(web: WebServices) -> None:
    with pytest.raises(ChannelMisconfigured, match="password"):
        await skeeted(web, a_post(), password="wrong")


@pytest.mark.parametrize("trouble", [HttpTrouble(429), HttpTrouble(503), HttpTrouble(silent=True)], ids=str)
async def test_trouble_at_the_bluesky_login_is_the_channels(web: WebServices, trouble: HttpTrouble) -> None:
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


def test_a_record_key_says_when_the_notice_is_dated() -> None:
    number = 0
    for letter in record_key("november-breach", PUBLISHED):
        number = number << 5 | TID_LETTERS.index(letter)
    assert (number >> 10) // 1_000_000 == PUBLISHED.timestamp()


def test_two_posts_of_one_moment_have_different_record_keys() -> None:
    assert len({record_key(f"key-{number}", PUBLISHED) for number in range(5000)}) == 5000


# A post whose answer was lost is looked for, and never posted again (F17).

MASTODON_POST, WHO = "POST /api/v1/statuses", "GET /api/v1/accounts/verify_credentials"
MASTODON_POSTS = "GET /api/v1/accounts/42/statuses"
AS_HTML = (
    "<p>客户数据被复制 – <a href='https://notice.example.test/november-breach' rel='nofollow'>"
    "<span class='invisible'>https://</span><span class='ellipsis'>notice.example.test/november-b</span>"
    "<span class='invisible'>reach</span></a></p>"
)
OURS = {"id": "7", "url": "https://social.test/@bank/7", "content": AS_HTML, "created_at": "2026-11-24T08:59:58.000Z"}
OTHERS = {**OURS, "id": "8", "content": "<p>Good morning</p>"}
OF_LAST_WEEK = {**OURS, "created_at": "2026-11-17T08:59:58.000Z"}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "LOOK_AFTER", (0.0, 0.05))


async def lost_toot(lost: bytes, posts: bytes | list[bytes], who: bytes | None = None) -> tuple[Receipt, ScriptedHttp]:
    replies = {MASTODON_POST: lost, WHO: who or reply(200, {"id": "42"}), MASTODON_POSTS: posts}
    async with scripted_http(replies) as server:
        channel = social_mastodon.connect({"url": server.url, "token": "s3cret", "timeout": "5"})
        receipt = await channel.deliver(a_post(), Bell())
        await channel.close()
    return receipt, server


@pytest.mark.parametrize("lost", [HANG_UP, reply(502), reply(200, {})], ids=["hung up", "502", "no id"])
async def test_a_toot_whose_answer_was_lost_is_sent_when_it_can_be_seen(lost: bytes, at_once: None) -> None:
    receipt, server = await lost_toot(lost, reply(200, [OTHERS, OURS]))
    assert (receipt.status, receipt.provider_id) == (Status.SENT, OURS["url"])
    assert server.lines.count(MASTODON_POST) == 1
    assert {heard.headers["authorization"] for heard in server.heard} == {"Bearer s3cret"}


async def test_a_toot_that_shows_up_late_is_found(at_once: None) -> None:
    receipt, _ = await lost_toot(HANG_UP, [reply(200, []), reply(200, [OURS])])
    assert receipt.status is Status.SENT


@pytest.mark.parametrize(
    "posts",
    [
        reply(200, []),
        reply(200, [OTHERS]),
        reply(200, [OF_LAST_WEEK]),
        reply(200, [{**OURS, "created_at": "soon"}, {"content": AS_HTML}, 7]),
        reply(200, {"error": "?"}),
        reply(200, 7),
        reply(200, [OURS], Date="never"),
        reply(200, [{**OURS, "content": "<" * 500_000}]),
        reply(200, [{**OURS, "content": f"&#{'9' * 5000};"}]),
        reply(200, [{**OURS, "content": [a_post().text]}, {**OURS, "created_at": 1795510798}]),
        reply(200, [OTHERS], Date="0001-01-01T00:00:00Z"),
        reply(403),
        HANG_UP,
    ],
    ids=[
        "none",
        "others",
        "of last week",
        "undated",
        "no list",
        "a number",
        "no clock",
        "brackets",
        "entity",
        "no text",
        "clock at zero",
        "no scope",
        "hung up",
    ],
)
async def test_a_toot_that_cannot_be_seen_is_for_a_person_to_decide(posts: bytes, at_once: None) -> None:
    receipt, server = await lost_toot(HANG_UP, posts)
    assert receipt == Receipt(a_post().key, Status.UNCERTAIN, "no answer")
    assert server.lines.count(MASTODON_POST) == 1


@pytest.mark.parametrize("account", ["../../x", "", 4.2], ids=str)
async def test_an_account_that_would_lead_elsewhere_is_not_asked_for(account: Any, at_once: None) -> None:
    receipt, server = await lost_toot(HANG_UP, reply(200, [OURS]), reply(200, {"id": account}))
    assert receipt.status is Status.UNCERTAIN
    assert set(server.lines) == {MASTODON_POST, WHO}


async def test_mastodon_says_by_a_date_how_long_to_wait() -> None:
    receipt, _ = await lost_toot(reply(429, {}, X_RateLimit_Reset="2026-11-24T09:05:00.000000Z"), HANG_UP)
    assert (receipt.status, receipt.retry_after) == (Status.DEFERRED, 300.0)


async def test_a_toot_that_was_taken_is_not_looked_for() -> None:
    _, server = await lost_toot(reply(200, {"id": "7", "url": "https://social.test/@bank/7"}), HANG_UP)
    assert server.lines == [MASTODON_POST]


LOGIN, PUT, GET_RECORD = (
    "POST /xrpc/com.atproto.server.createSession",
    "POST /xrpc/com.atproto.repo.putRecord",
    "GET /xrpc/com.atproto.repo.getRecord",
)
SESSION = reply(200, {"did": "did:plc:bank", "accessJwt": "token"})
URI = "at://did:plc:bank/app.bsky.feed.post/3kabc"


def standing(text: str) -> bytes:
    return reply(200, {"uri": URI, "cid": "bafy", "value": {"$type": "app.bsky.feed.post", "text": text}})


async def skeet(
    put: bytes, stands: bytes | list[bytes] = HANG_UP, login: bytes = SESSION
) -> tuple[Receipt, ScriptedHttp]:
    async with scripted_http({LOGIN: login, PUT: put, GET_RECORD: stands}) as server:
        channel = social_bluesky.connect({"url": server.url, "identifier": "bank.test", "password": "s3cret"})
        try:
            return await channel.deliver(a_post(), Bell()), server
        finally:
            await channel.close()


INVALID_SWAP = reply(400, {"error": "InvalidSwap", "message": "Record was at bafy"})


@pytest.mark.parametrize(
    "put", [HANG_UP, reply(502), reply(200, {}), INVALID_SWAP], ids=["hung up", "502", "no uri", "swap"]
)
async def test_a_bluesky_post_that_stands_in_its_place_is_sent(put: bytes, at_once: None) -> None:
    receipt, server = await skeet(put, standing(a_post().text))
    assert (receipt.status, receipt.provider_id) == (Status.SENT, URI)
    assert [line.partition("?")[0] for line in server.lines] == [LOGIN, PUT, GET_RECORD]


async def test_a_bluesky_post_is_only_put_where_nothing_stands(at_once: None) -> None:
    """Without swapRecord the server would replace what stands there, whoever wrote it."""
    _, server = await skeet(reply(200, {"uri": URI}))
    put = server.heard[1].fields
    assert put.get("swapRecord", "left out") is None


async def test_a_bluesky_post_is_looked_for_in_its_own_place(at_once: None) -> None:
    _, server = await skeet(HANG_UP, standing(a_post().text))
    place = dict(parse_qsl(server.lines[-1].partition("?")[2]))
    put = server.heard[1].fields
    assert place == {name: put[name] for name in ("repo", "collection", "rkey")}


@pytest.mark.parametrize("stands", [reply(400, {"error": "RecordNotFound"}), HANG_UP, reply(200, {"value": 1})])
async def test_a_bluesky_post_that_cannot_be_seen_is_for_a_person_to_decide(stands: bytes, at_once: None) -> None:
    receipt, server = await skeet(HANG_UP, stands)
    assert receipt == Receipt(a_post().key, Status.UNCERTAIN, "no answer")
    assert server.lines.count(PUT) == 1


@pytest.mark.parametrize("put", [HANG_UP, INVALID_SWAP], ids=["hung up", "swap"])
async def test_other_words_under_the_same_key_are_an_error(put: bytes, at_once: None) -> None:
    receipt, _ = await skeet(put, standing("other words"))
    assert (receipt.status, receipt.detail) == (Status.REJECTED, "key used before")


@pytest.mark.parametrize(
    ("put", "status", "detail"),
    [
        (reply(400, {"error": "InvalidRecord"}), Status.REJECTED, "refused 400 InvalidRecord"),
        (reply(400, {"error": "InvalidRequest"}), Status.REJECTED, "refused 400 InvalidRequest"),
        (reply(400, {"error": "ExpiredToken"}), Status.DEFERRED, "refused 400"),
        (reply(401, {"error": "AuthMissing"}), Status.DEFERRED, "refused 401"),
        (reply(429, {}, RateLimit_Reset="1795511400"), Status.DEFERRED, "429"),
    ],
)
async def test_a_refusal_by_bluesky_means(put: bytes, status: Status, detail: str) -> None:
    receipt, _ = await skeet(put)
    assert (receipt.status, receipt.detail) == (status, detail)


@pytest.mark.parametrize(
    "session",
    [
        {},
        {"did": "did:plc:bank"},
        {"did": "did:plc:bank", "accessJwt": "a\r\nX: b"},
        {"did": 1, "accessJwt": "t"},
        {"did": "d" * 70_000, "accessJwt": "t"},
    ],
)
async def test_a_session_that_is_none_is_the_channels_trouble(session: dict[str, Any]) -> None:
    with pytest.raises(ChannelUnavailable, match="refused a session"):
        await skeet(HANG_UP, login=reply(200, session))


async def test_a_refused_login_opens_no_session_whatever_it_says() -> None:
    with pytest.raises(ChannelUnavailable, match="refused a session with 400"):
        await skeet(HANG_UP, login=reply(400, {"did": "did:plc:bank", "accessJwt": "token"}))


@pytest.mark.parametrize("post", [tooted, skeeted])
async def test_a_post_that_is_no_unicode_is_refused(web: WebServices, post: Any) -> None:
    receipt = await post(web, a_post(text="copied \ud800"))
    assert (receipt.status, receipt.detail, web.requests) == (Status.REJECTED, "not Unicode text", 0)


@pytest.mark.parametrize("connect", [social_mastodon.connect, social_bluesky.connect])
async def test_a_server_that_cannot_be_reached_makes_no_mark(connect: Any) -> None:
    login = {"token": "t"} if connect is social_mastodon.connect else {"identifier": "bank.test", "password": "p"}
    channel, bell = connect({"url": NOWHERE, **login}), Bell()
    with pytest.raises(ChannelUnavailable):
        await channel.deliver(a_post(), bell)
    await channel.close()
    assert bell.rung == 0
