"""Authentication of webhooks: the request proves that it comes from the provider, and needs no form and no cookie."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Generic, Protocol, TypeVar, runtime_checkable

from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.exceptions import HTTPException

from amends.delivery.channels import connect
from amends.domain.base.errors import ChannelMisconfigured, NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.receipt.webhook import WebhookReport
from amends.settings import Settings
from amends.web.http.forms import small_body
from amends.web.http.limits import sender_address

log = logging.getLogger("amends.web")

REFUSED_PER_ADDRESS = RateLimitItemPerMinute(30)
REFUSED_IN_ALL = RateLimitItemPerMinute(600)
Handed_co = TypeVar("Handed_co", covariant=True)


@runtime_checkable
class Rules(Protocol[Handed_co]):
    """The rules by which the requests of one provider are checked and read."""

    @property
    def largest(self) -> int:
        """Return the number of bytes that a body may have."""

    def read(self, report: WebhookReport, now: datetime) -> Sequence[Handed_co]:
        """Return the items of a request, perhaps none. Raises NotAllowed when the request is not the provider's."""


def of_channel(settings: Settings, kind: ChannelKind, what: str) -> object:
    """Return the attribute `what` of the channel of this kind, or None without a working channel."""
    own = settings.channels.get(kind)
    try:
        return getattr(connect(kind, own), what, None) if own else None
    except ChannelMisconfigured as error:
        log.error("no %s on %s are taken: %s", what, kind, error)  # noqa: TRY400 - the message says what to correct
        return None


class Refused(Exception):
    """The refusal of a request, as an HTTP status for the provider."""

    def __init__(self, status: HTTPStatus, seconds: int = 0) -> None:
        super().__init__(status)
        self.status = status
        self.headers = {"Retry-After": str(seconds)} if seconds else {}


class WebhookGate(Generic[Handed_co]):
    """The gate for the requests of one provider. After too many refusals a sender is not read for a while."""

    def __init__(self, rules: Rules[Handed_co], trusted_proxies: int, clock: Callable[[], datetime]) -> None:
        self._rules, self._trusted_proxies, self._clock = rules, trusted_proxies, clock
        self._refusals = FixedWindowRateLimiter(MemoryStorage())

    async def let_in(self, request: Request) -> Sequence[Handed_co]:
        """Return the items of a request, perhaps none. Raises Refused."""
        sender = sender_address(request.client.host if request.client else "", request.headers, self._trusted_proxies)
        if seconds := self._seconds_to_wait(sender):
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, seconds)
        try:
            return self._rules.read(await _report(request, self._rules.largest), self._clock())
        except NotAllowed:
            self._count_refusal(sender)
            raise Refused(HTTPStatus.FORBIDDEN) from None
        except HTTPException as error:
            self._count_refusal(sender)
            raise Refused(HTTPStatus(error.status_code)) from None

    def _seconds_to_wait(self, sender: str) -> int:
        if self._refusals.test(REFUSED_PER_ADDRESS, sender):
            return 0
        reset = self._refusals.get_window_stats(REFUSED_PER_ADDRESS, sender).reset_time
        return max(math.ceil(reset - time.time()), 1)

    def _count_refusal(self, sender: str) -> None:
        """Count a refusal of this sender. A flood from many senders fills no more memory than REFUSED_IN_ALL allows."""
        if self._refusals.hit(REFUSED_IN_ALL):
            self._refusals.hit(REFUSED_PER_ADDRESS, sender)


async def _report(request: Request, largest: int) -> WebhookReport:
    body = await small_body(request, largest)
    return WebhookReport(body, dict(request.headers), request.scope["query_string"].decode("latin-1"))
