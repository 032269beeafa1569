"""A public post on a Mastodon account."""

import re
from collections.abc import Mapping
from enum import StrEnum

from amends.domain.channel import ChannelKind, LastCall, Message, Receipt, Status
from channels.https import Provider, accepted, open_client
from channels.settings import Settings

LINK = re.compile(r"https?://\S+")
LINK_LENGTH = 23
"""What Mastodon counts for a link of any length."""
OPTIONAL = {"visibility": "public", "max_length": "500", "timeout": "60"}


class Visibility(StrEnum):
    """Who sees the post."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    PRIVATE = "private"
    DIRECT = "direct"


def connect(settings: Mapping[str, str]) -> "SocialMastodon":
    """Settings: url of the server, token; visibility (public) and max_length (500), as the server has them."""
    chosen = Settings("social_mastodon", settings, required=("url", "token"), optional=OPTIONAL)
    return SocialMastodon(
        url=f"{chosen.url('url')}/api/v1/statuses",
        token=chosen.secret("token"),
        visibility=chosen.choice("visibility", Visibility),
        max_length=chosen.number("max_length"),
        # Mastodon forgets an Idempotency-Key after an hour, so a lost answer is looked into by a person.
        provider=Provider(open_client(chosen.number("timeout", most=600)), repeatable=False),
    )


class SocialMastodon:
    """Posts once; the text is the whole post."""

    kind = ChannelKind.SOCIAL

    def __init__(self, url: str, token: str, visibility: Visibility, max_length: int, provider: Provider) -> None:
        self._url = url
        self._token = token
        self._visibility = visibility
        self._max_length = max_length
        self._provider = provider

    async def deliver(self, message: Message, last_call: LastCall) -> Receipt:
        if len(LINK.sub("x" * LINK_LENGTH, message.text)) > self._max_length:
            return Receipt(message.key, Status.REJECTED, "too long")
        request = self._provider.client.build_request(
            "POST",
            self._url,
            json={"status": message.text, "visibility": self._visibility, "language": message.locale.split("-")[0]},
            headers={"Authorization": f"Bearer {self._token}", "Idempotency-Key": message.key},
        )
        answer = await self._provider.submit(request, message.key, last_call)
        if isinstance(answer, Receipt):
            return answer
        if answer.is_success:
            return accepted(answer, message.key, "url", "id")
        return Receipt(message.key, Status.REJECTED, f"refused {answer.status_code}")

    async def close(self) -> None:
        await self._provider.client.aclose()
