"""A public post on a Mastodon account."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from html import unescape

import httpx2

from amends.domain.channel.channel import ChannelKind, LastCall, Message, Receipt, Status
from amends.domain.receipt.webhook import plain_value
from channels.base.one_by_one import OneByOne
from channels.base.settings import ProviderSettings
from channels.web_api.client import NetworkReach
from channels.web_api.provider import HttpAnswer, Provider, accepted, open_provider, read_back, server_time, writable

LINK = re.compile(r"https?://\S+")
LINK_LENGTH = 23
"""Characters that Mastodon counts for a link of any length."""
TAG = re.compile(r"<[^<>]*>")
LATEST_POSTS = 40
CLOCK_SLACK = timedelta(minutes=1)
OPTIONAL = {"visibility": "public", "max_length": "500", "timeout": "60", "network": NetworkReach.PUBLIC.value}


class Visibility(StrEnum):
    """The visibility of a post."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    PRIVATE = "private"
    DIRECT = "direct"


def connect(settings: Mapping[str, str]) -> "SocialMastodon":
    """Return a channel with the settings url of the server, token, visibility and the server's max_length of a post.

    The token needs the scope write:statuses, and read:accounts with read:statuses to find a post whose answer was lost.
    """
    chosen = ProviderSettings("social_mastodon", settings, required=("url", "token"), optional=OPTIONAL)
    seconds, url = chosen.number("timeout", most=600), chosen.url("url")
    return SocialMastodon(
        url=url,
        token=chosen.secret("token"),
        visibility=chosen.choice("visibility", Visibility),
        max_length=chosen.number("max_length"),
        # Mastodon forgets an Idempotency-Key after an hour: a post whose answer was lost is looked for, never repeated.
        provider=open_provider(url, seconds, reach=chosen.choice("network", NetworkReach)),
    )


class SocialMastodon(OneByOne):
    """A Mastodon account; the text is the whole post."""

    kind = ChannelKind.SOCIAL

    def __init__(self, url: str, token: str, visibility: Visibility, max_length: int, provider: Provider) -> None:
        self._url = f"{url}/api/v1"
        self._token = token
        self._visibility = visibility
        self._max_length = max_length
        self._provider = provider

    async def deliver(self, message: Message, last_call: LastCall) -> Receipt:
        text = message.text
        if len(LINK.sub("x" * LINK_LENGTH, text)) > self._max_length:
            return Receipt(message.key, Status.REJECTED, "too long")
        if not writable(text):
            return Receipt(message.key, Status.REJECTED, "not Unicode text")
        answer = await self._provider.submit(self._post(message), message.key, last_call)
        receipt = answer if isinstance(answer, Receipt) else _verdict(message.key, answer)
        if receipt.status is not Status.UNCERTAIN:
            return receipt
        return await read_back(receipt, lambda: self._find(text))

    async def close(self) -> None:
        await self._provider.close()

    def _post(self, message: Message) -> httpx2.Request:
        return self._provider.client.build_request(
            "POST",
            f"{self._url}/statuses",
            json={"status": message.text, "visibility": self._visibility, "language": message.locale.split("-")[0]},
            headers={"Authorization": f"Bearer {self._token}", "Idempotency-Key": message.key},
        )

    async def _find(self, text: str) -> str:
        """Return the address of a post with this text that appeared just now, or an empty string."""
        account = plain_value((await self._get("accounts/verify_credentials")).object(), "id")
        if not account.isalnum():
            return ""
        answer = await self._get(f"accounts/{account}/statuses?limit={LATEST_POSTS}&exclude_reblogs=true")
        posts, now = answer.json(), server_time(answer)
        if not isinstance(posts, list) or now is None:
            return ""
        just_now = timedelta(seconds=self._provider.seconds) + CLOCK_SLACK
        return next((found for post in posts if (found := _same_post(post, text, now, just_now))), "")

    async def _get(self, path: str) -> HttpAnswer:
        """Read this path. Raises ChannelUnavailable when no answer comes."""
        request = self._provider.client.build_request(
            "GET", f"{self._url}/{path}", headers={"Authorization": f"Bearer {self._token}"}
        )
        return await self._provider.ask(request)


def _verdict(key: str, answer: HttpAnswer) -> Receipt:
    if answer.ok:
        return accepted(answer, key, "url", "id")
    return Receipt(key, Status.REJECTED, f"refused {answer.code}")


def _same_post(post: object, text: str, now: datetime, oldest: timedelta) -> str:
    """Return the address of the post when it has this text and is at most `oldest` old, else an empty string."""
    if not isinstance(post, dict):
        return ""
    content, created_at = post.get("content"), post.get("created_at")
    if not (isinstance(content, str) and isinstance(created_at, str)):
        return ""
    try:
        # The difference of two dates always exists; a date minus a span may be out of range.
        ours = _bare(TAG.sub("", content)) == _bare(text) and now - datetime.fromisoformat(created_at) <= oldest
    except (ValueError, TypeError):  # no date, one without a zone, or an entity with thousands of digits
        return ""
    return (plain_value(post, "url") or plain_value(post, "id")) if ours else ""


def _bare(text: str) -> str:
    """Return the text with entities decoded and without white space, which Mastodon changes."""
    return "".join(unescape(text).split())
