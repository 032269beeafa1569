"""A public post on a Bluesky account, through two calls of the AT protocol."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import httpx2

from amends.domain.base.errors import ChannelMisconfigured, ChannelUnavailable
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import LastCall, Message, Receipt, Status
from amends.domain.receipt.webhook import plain_value
from channels.base.one_by_one import OneByOne
from channels.base.settings import ProviderSettings
from channels.web_api.client import NetworkReach
from channels.web_api.provider import HttpAnswer, Provider, accepted, open_provider, read_back, writable

COLLECTION = "app.bsky.feed.post"
LONGEST_POST = 300
TID_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"
ABOUT_THE_POST = frozenset({"InvalidRequest", "InvalidRecord"})
OPTIONAL = {"url": "https://bsky.social", "timeout": "60", "network": NetworkReach.PUBLIC.value}


def connect(settings: Mapping[str, str]) -> "SocialBluesky":
    """Return a channel with the settings identifier (handle or DID), password (an app password), url of the server."""
    chosen = ProviderSettings("social_bluesky", settings, required=("identifier", "password"), optional=OPTIONAL)
    seconds, url = chosen.number("timeout", most=600), chosen.url("url")
    return SocialBluesky(
        url=url,
        identifier=chosen.text("identifier"),
        password=chosen.text("password"),
        # The record's key follows from the message, so that a second post cannot exist beside the first. Even so a post
        # whose answer was lost is looked for and not posted again: somebody may have deleted it in the meantime.
        provider=open_provider(url, seconds, reach=chosen.choice("network", NetworkReach)),
    )


@dataclass(frozen=True, slots=True)
class PostPlace:
    """The place of one post in the account's repository."""

    repo: str
    rkey: str
    collection: str = COLLECTION


class SocialBluesky(OneByOne):
    """A Bluesky account; the text is the whole post, with its link made clickable."""

    kind = ChannelKind.SOCIAL

    def __init__(self, url: str, identifier: str, password: str, provider: Provider) -> None:
        self._url = f"{url}/xrpc"
        self._identifier = identifier
        self._password = password
        self._provider = provider

    async def deliver(self, message: Message, last_call: LastCall) -> Receipt:
        """Post the message once. Raises ChannelMisconfigured when the login is refused, before anything is posted."""
        if unfit := _unfit(message):
            return Receipt(message.key, Status.REJECTED, unfit)
        if message.published_at is None:
            return Receipt(message.key, Status.REJECTED, "message has no date")
        did, token = await self._log_in()
        place = PostPlace(did, record_key(message.key, message.published_at))
        request = self._put(place, record(message, message.published_at), token)
        answer = await self._provider.submit(request, message.key, last_call)
        receipt = answer if isinstance(answer, Receipt) else _verdict(message.key, answer)
        if receipt.status is not Status.UNCERTAIN:
            return receipt
        return await self._look(receipt, place, message.text)

    async def close(self) -> None:
        await self._provider.close()

    def _put(self, place: PostPlace, post: dict[str, object], token: str) -> httpx2.Request:
        only_where_nothing_stands = {"swapRecord": None}
        return self._provider.client.build_request(
            "POST",
            f"{self._url}/com.atproto.repo.putRecord",
            json={**asdict(place), "record": post, **only_where_nothing_stands},
            headers={"Authorization": f"Bearer {token}"},
        )

    async def _log_in(self) -> tuple[str, str]:
        """Log in, and return the account's DID and a token for one post."""
        client, name = self._provider.client, self._provider.name
        login = {"identifier": self._identifier, "password": self._password}
        answer = await self._provider.ask(
            client.build_request("POST", f"{self._url}/com.atproto.server.createSession", json=login)
        )
        if answer.code == httpx2.codes.UNAUTHORIZED:
            raise ChannelMisconfigured(f"{name} refused identifier or password")
        did, token = (answer.object().get(part) for part in ("did", "accessJwt"))
        if not answer.ok or not (isinstance(did, str) and isinstance(token, str) and _visible(did) and _visible(token)):
            raise ChannelUnavailable(f"{name} refused a session with {answer.code}")
        return did, token

    async def _look(self, doubt: Receipt, place: PostPlace, text: str) -> Receipt:
        """Read the post back: sent when it has this text, rejected when it has another text, else the doubt stays."""
        others = False

        async def look() -> str:
            nonlocal others
            request = self._provider.client.build_request(
                "GET", f"{self._url}/com.atproto.repo.getRecord", params=asdict(place)
            )
            found = (await self._provider.ask(request)).object()
            post = found.get("value")
            ours = isinstance(post, dict) and post.get("text") == text
            others = isinstance(post, dict) and not ours
            return plain_value(found, "uri") if ours else ""

        receipt = await read_back(doubt, look)
        return Receipt(doubt.key, Status.REJECTED, "key used before") if others else receipt


def record(message: Message, published_at: datetime) -> dict[str, object]:
    """Return the post in the form of the lexicon app.bsky.feed.post."""
    return {
        "$type": COLLECTION,
        "text": message.text,
        "langs": [message.locale],
        "createdAt": published_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "facets": _link_facets(message.text, message.link),
    }


def record_key(key: str, published_at: datetime) -> str:
    """Return the record's key: a TID of the second of the notice's date, its last 30 bits from the message's key."""
    spread = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])
    microseconds = int(published_at.timestamp()) * 1_000_000 + spread % 1_000_000
    number = microseconds << 10 | spread // 1_000_000 & 0x3FF
    return "".join(TID_LETTERS[number >> shift & 31] for shift in range(60, -1, -5))


def _link_facets(text: str, link: str) -> list[dict[str, object]]:
    if not link:
        return []
    places = re.finditer(re.escape(link.encode()), text.encode())
    return [
        {
            "index": {"byteStart": place.start(), "byteEnd": place.end()},
            "features": [{"$type": "app.bsky.richtext.facet#link", "uri": link}],
        }
        for place in places
    ]


def _unfit(message: Message) -> str:
    if len(message.text) > LONGEST_POST:
        return "too long"
    return "" if writable(message.text) else "not Unicode text"


def _visible(text: str) -> bool:
    """Return True for text that fits a header and a URL: visible ASCII, not longer than servers accept."""
    return bool(re.fullmatch(r"[!-~]{1,4096}", text))


def _verdict(key: str, answer: HttpAnswer) -> Receipt:
    if answer.ok:
        return accepted(answer, key, "uri")
    error = plain_value(answer.object(), "error")
    if error == "InvalidSwap":
        return Receipt(key, Status.UNCERTAIN, "already there")  # another record is at the place and must be read
    if error in ABOUT_THE_POST:
        return Receipt(key, Status.REJECTED, f"refused {answer.code} {error}")
    return Receipt(key, Status.DEFERRED, f"refused {answer.code}")
