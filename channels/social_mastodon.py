"""A public post on a Mastodon account."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from html import unescape

import httpx2
from pydantic import ValidationError

from amends.domain.base.errors import ChannelMisconfigured, ChannelUnavailable
from amends.domain.base.value import LOCALE
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import LastCall, Message, Receipt, Status
from amends.domain.feedback.mention import Mention, MentionsFound, Visibility, reply_text
from amends.domain.receipt.webhook import plain_value, text_value
from channels.base.one_by_one import OneByOne
from channels.base.settings import ProviderSettings
from channels.web_api.client import NetworkReach
from channels.web_api.provider import HttpAnswer, Provider, accepted, open_provider, read_back, server_time, writable

LINK = re.compile(r"https?://\S+")
LINK_LENGTH = 23
"""Characters that Mastodon counts for a link of any length."""
TAG = re.compile(r"<[^<>]*>")
LATEST_POSTS = 40
MENTIONS = 20
"""Notifications of one page: an answer is read to a million bytes, and a post may be long."""
MOST_PAGES = 100
"""Pages of one visit; the next visit goes on behind them."""
BREAK = re.compile(r"<br\b[^<>]*>|</p>")
CLOCK_SLACK = timedelta(minutes=1)
LANGUAGES = {"zh": "zh-CN"}
"""The locale for a language that a post names without the script that its readers expect."""
OPTIONAL = {"visibility": "public", "max_length": "500", "timeout": "60", "network": NetworkReach.PUBLIC.value}


def connect(settings: Mapping[str, str]) -> "SocialMastodon":
    """Return a channel with the settings url of the server, token, visibility and the server's max_length of a post.

    The token needs the scope write:statuses, and read:accounts with read:statuses to find a post whose answer was lost;
    read:notifications to take in posts that mention the account.
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

    @property
    def server(self) -> str:
        """Return the address under which the ledger remembers the last mention of this account."""
        return self._url

    async def mentions(self, since: str) -> MentionsFound:
        """Return the posts that mention the account since this notification.

        Raises ChannelUnavailable, ChannelMisconfigured.
        """
        found: list[Mention | None] = []
        for _ in range(MOST_PAGES):
            page = await self._notifications(since)
            if not page:
                break
            found += map(_mention, page)
            since = max((plain_value(one, "id") for one in page), key=lambda name: (len(name), name))
        return MentionsFound(since, tuple(post for post in found if post), found.count(None))

    async def _notifications(self, since: str) -> list[dict[str, object]]:
        """Return the mentions that come next after this one. Raises ChannelUnavailable, ChannelMisconfigured."""
        # With min_id the server answers with the oldest ones behind it, so that none between is left out.
        answer = await self._get(f"notifications?types[]=mention&limit={MENTIONS}&min_id={since or '0'}")
        if answer.code in (401, 403):
            raise ChannelMisconfigured("channels.social.token: it may not read notifications (read:notifications)")
        page = answer.json()
        if not answer.ok or not isinstance(page, list):
            raise ChannelUnavailable(f"{self._provider.name} did not list the mentions ({answer.code})")
        return [one for one in page if isinstance(one, dict) and plain_value(one, "id").isalnum()]

    async def reply(self, post: str, account: str, text: str, locale: str, key: str, last_call: LastCall) -> Receipt:
        """Post a reply to this post. A reply with the same key within the hour is the same reply."""
        said = reply_text(account, text)
        if len(LINK.sub("x" * LINK_LENGTH, said)) > self._max_length:
            return Receipt(key, Status.REJECTED, "too long")
        request = self._provider.client.build_request(
            "POST",
            f"{self._url}/statuses",
            json={
                "status": said,
                "visibility": Visibility.PUBLIC,
                "language": locale.split("-", maxsplit=1)[0],
                "in_reply_to_id": post,
            },
            headers={"Authorization": f"Bearer {self._token}", "Idempotency-Key": key},
        )
        answer = await self._provider.submit(request, key, last_call)
        return answer if isinstance(answer, Receipt) else _verdict(key, answer)

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


def _mention(notification: dict[str, object]) -> Mention | None:
    """Return the post of a notification, or None when it cannot be read as one."""
    post = notification.get("status")
    if not isinstance(post, dict) or not isinstance(account := post.get("account"), dict):
        return None
    content, language = post.get("content"), plain_value(post, "language")
    try:
        return Mention(
            account=text_value(account, "acct"),
            url=text_value(post, "url"),
            text=plain_text(content if isinstance(content, str) else ""),
            visibility=Visibility(plain_value(post, "visibility")),
            locale=LANGUAGES.get(language, language) if LOCALE.fullmatch(language) else "en",
            at=datetime.fromisoformat(text_value(post, "created_at")),
            post=plain_value(post, "id"),
        )
    except (ValidationError, ValueError):
        return None


def plain_text(content: str) -> str:
    """Return the words of a post's HTML, each paragraph on a line of its own."""
    return unescape(TAG.sub("", BREAK.sub("\n", content))).strip()


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
