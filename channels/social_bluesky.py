"""A public post on a Bluesky account, through two calls of the AT protocol."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime

import httpx2

from amends.domain.channel import ChannelKind, LastCall, Message, Receipt, Status
from amends.domain.errors import ChannelMisconfigured, ChannelUnavailable
from channels.https import Provider, accepted, json_object, open_client
from channels.settings import Settings

COLLECTION = "app.bsky.feed.post"
LONGEST_POST = 300
TID_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"
OPTIONAL = {"url": "https://bsky.social", "timeout": "60"}


def connect(settings: Mapping[str, str]) -> "SocialBluesky":
    """Settings: identifier (handle or DID), password (an app password); url of the account's server."""
    chosen = Settings("social_bluesky", settings, required=("identifier", "password"), optional=OPTIONAL)
    return SocialBluesky(
        url=chosen.url("url"),
        identifier=chosen.text("identifier"),
        password=chosen.text("password"),
        # The record's name follows from the message, so the same post sent again is no second one.
        provider=Provider(open_client(chosen.number("timeout", most=600)), repeatable=True),
    )


class SocialBluesky:
    """Posts once; the text is the whole post, its link made clickable."""

    kind = ChannelKind.SOCIAL

    def __init__(self, url: str, identifier: str, password: str, provider: Provider) -> None:
        self._url = url
        self._identifier = identifier
        self._password = password
        self._provider = provider

    async def deliver(self, message: Message, last_call: LastCall) -> Receipt:
        """Raises ChannelMisconfigured when the account refuses the login, before anything is posted."""
        if len(message.text) > LONGEST_POST:
            return Receipt(message.key, Status.REJECTED, "too long")
        if message.published_at is None:
            return Receipt(message.key, Status.REJECTED, "message has no date")
        did, token = await self._log_in()
        request = self._provider.client.build_request(
            "POST",
            f"{self._url}/xrpc/com.atproto.repo.putRecord",
            json={
                "repo": did,
                "collection": COLLECTION,
                "rkey": record_key(message.key, message.published_at),
                "record": record(message, message.published_at),
                "swapRecord": None,  # only where nothing stands yet
            },
            headers={"Authorization": f"Bearer {token}"},
        )
        answer = await self._provider.submit(request, message.key, last_call)
        return answer if isinstance(answer, Receipt) else _verdict(message.key, answer)

    async def close(self) -> None:
        await self._provider.client.aclose()

    async def _log_in(self) -> tuple[str, str]:
        """The account's DID and a token for one post."""
        url = f"{self._url}/xrpc/com.atproto.server.createSession"
        try:
            response = await self._provider.client.post(
                url, json={"identifier": self._identifier, "password": self._password}
            )
        except httpx2.HTTPError as error:
            raise ChannelUnavailable(f"{self._url} did not answer: {type(error).__name__}") from error
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            raise ChannelMisconfigured(f"{self._url} refused identifier or password")
        session = json_object(response)
        if not response.is_success or not session.get("did") or not session.get("accessJwt"):
            raise ChannelUnavailable(f"{self._url} refused a session with {response.status_code}")
        return str(session["did"]), str(session["accessJwt"])


def record(message: Message, published_at: datetime) -> dict[str, object]:
    """The post as the lexicon app.bsky.feed.post has it."""
    return {
        "$type": COLLECTION,
        "text": message.text,
        "langs": [message.locale],
        "createdAt": published_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "facets": _link_facets(message.text, message.link),
    }


def record_key(key: str, published_at: datetime) -> str:
    """The record's name: a TID of the second that the notice is dated, its last 30 bits from the message's key."""
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


def _verdict(key: str, response: httpx2.Response) -> Receipt:
    if response.is_success:
        return accepted(response, key, "uri")
    if json_object(response).get("error") == "InvalidSwap":
        return Receipt(key, Status.SENT, "already there")
    return Receipt(key, Status.REJECTED, f"refused {response.status_code}")
