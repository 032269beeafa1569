"""Takes in what providers report of their own accord: signed, so that it needs no form and no cookie."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Protocol, runtime_checkable

from fastapi import FastAPI, Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from amends.delivery.connect import connect
from amends.domain.bounces import Report as MailReport
from amends.domain.bounces import ReportKind
from amends.domain.channel import ChannelKind
from amends.domain.errors import ChannelMisconfigured, LedgerRestored, LedgerUnavailable, NotAllowed
from amends.domain.provider_receipts import ProviderReceipt, Report
from amends.ledger import Ledger
from amends.ledger.reports import Effect, Told
from amends.settings import Settings
from amends.web.forms import small_body
from amends.web.limits import sender_address
from amends.web.pages import RETRY_SECONDS

log = logging.getLogger("amends.web")

PATHS = {ChannelKind.SMS: "/receipts/sms", ChannelKind.EMAIL: "/receipts/email"}
REFUSED_PER_ADDRESS = RateLimitItemPerMinute(30)
REFUSED_IN_ALL = RateLimitItemPerMinute(600)
CAME_BACK = (ReportKind.FAILED, ReportKind.GAVE_UP)
AGAIN_AFTER = (1.0, 3.0)
"""Seconds until a receipt that names no message is looked at again: it may be faster than the gateway's own answer,
which is where we learn the name."""


@runtime_checkable
class Rules(Protocol):
    """How one provider's reports are read and checked."""

    @property
    def largest(self) -> int:
        """Bytes of one body."""

    def read(self, report: Report, now: datetime) -> Sequence[Told]:
        """What the report says that settles something. Raises NotAllowed when it is not the provider's."""


def add_receipts(app: FastAPI, settings: Settings, ledger: Ledger, clock: Callable[[], datetime]) -> None:
    """Take reports at the path of each channel of this installation that has any that can be believed."""
    for kind, path in PATHS.items():
        if rules := report_rules(settings, kind):
            who, methods = str(getattr(rules, "provider", kind)), getattr(rules, "methods", ("POST",))
            _take(app, path, Gate(rules, settings.trusted_proxies, clock), Inbox(ledger, clock, who), methods)


def _take(app: FastAPI, path: str, gate: "Gate", inbox: "Inbox", methods: Sequence[str]) -> None:
    @app.api_route(path, methods=list(methods))
    async def receive(request: Request) -> Response:
        try:
            if told := await gate.let_in(request):
                await inbox.take(told)
        except Refused as refused:
            return Response(status_code=refused.status, headers=refused.headers)
        return Response()  # 200: some providers take any other answer for a no


def report_rules(settings: Settings, kind: ChannelKind) -> Rules | None:
    """How the reports on this channel are read and checked; None without a provider that signs any."""
    own = settings.channels.get(kind)
    try:
        rules = getattr(connect(kind, own), "reports", None) if own else None
    except ChannelMisconfigured as error:
        log.error("no reports on %s are taken: %s", kind, error)  # noqa: TRY400 - the message says what to correct
        return None
    return rules if isinstance(rules, Rules) else None


class Refused(Exception):
    """Why nothing is taken, as a machine reads it."""

    def __init__(self, status: HTTPStatus, seconds: int = 0) -> None:
        super().__init__(status)
        self.status = status
        self.headers = {"Retry-After": str(seconds)} if seconds else {}


class Gate:
    """Lets in what the provider signed. Whoever sends other things too often is not even read for a while."""

    def __init__(self, rules: Rules, trusted_proxies: int, clock: Callable[[], datetime]) -> None:
        self._rules, self._trusted_proxies, self._clock = rules, trusted_proxies, clock
        self._refusals = FixedWindowRateLimiter(MemoryStorage())

    async def let_in(self, request: Request) -> Sequence[Told]:
        """What the report says; nothing when it is no last word. Raises Refused."""
        sender = sender_address(request.client.host if request.client else "", request.headers, self._trusted_proxies)
        if seconds := self._seconds_to_wait(sender):
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, seconds)
        try:
            return self._rules.read(await _report(request, self._rules.largest), self._clock())
        except NotAllowed:
            self._count(sender)
            raise Refused(HTTPStatus.FORBIDDEN) from None
        except HTTPException as error:
            self._count(sender)
            raise Refused(HTTPStatus(error.status_code)) from None

    def _seconds_to_wait(self, sender: str) -> int:
        if self._refusals.test(REFUSED_PER_ADDRESS, sender):
            return 0
        reset = self._refusals.get_window_stats(REFUSED_PER_ADDRESS, sender).reset_time
        return max(math.ceil(reset - time.time()), 1)

    def _count(self, sender: str) -> None:
        """No more senders are kept in mind than REFUSED_IN_ALL, however many a flood has."""
        if self._refusals.hit(REFUSED_IN_ALL):
            self._refusals.hit(REFUSED_PER_ADDRESS, sender)


async def _report(request: Request, largest: int) -> Report:
    body = await small_body(request, largest)
    return Report(body, dict(request.headers), request.scope["query_string"].decode("latin-1"))


@dataclass(eq=False)
class Batch:
    """Reports that are kept in one transaction."""

    reports: list[Told] = field(default_factory=list)
    effects: tuple[Effect, ...] | None = None
    """What came of them; None while they are not kept."""


class Inbox:
    """Keeps reports before they are answered. Those that come while some are being written make the next batch."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime], who: str) -> None:
        """`who` tells it all, for the log."""
        self._ledger, self._clock, self._who = ledger, clock, who
        self._turn = asyncio.Lock()
        self._next = Batch()

    async def take(self, reports: Sequence[Told]) -> None:
        """Return when the ledger has it. Raises Refused when it cannot be kept now."""
        foreign = await self._take(reports)
        self._say_nameless([told for told in foreign if isinstance(told, MailReport) and told.kind in CAME_BACK])
        unknown: list[Told] = [told for told in foreign if isinstance(told, ProviderReceipt)]
        for seconds in AGAIN_AFTER:
            if unknown:
                await asyncio.sleep(seconds)
                unknown = await self._take(unknown)

    def _say_nameless(self, bounces: Sequence[Told]) -> None:
        """Somebody was not told, and we cannot know who."""
        if bounces:
            log.warning(
                "%s: bounces that name no message of ours: %d; somebody may not have been told (docs/channels.md)",
                self._who, len(bounces),
            )  # fmt: skip

    async def _take(self, reports: Sequence[Told]) -> list[Told]:
        """Keep these; those that name no message."""
        batch = self._next
        start = len(batch.reports)
        batch.reports += reports
        async with self._turn:
            if batch is self._next:
                self._next = Batch()
                await self._keep(batch)
        if batch.effects is None:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, RETRY_SECONDS)
        came_of = zip(reports, batch.effects[start : start + len(reports)], strict=True)
        return [told for told, effect in came_of if effect is Effect.FOREIGN]

    async def _keep(self, batch: Batch) -> None:
        with suppress(LedgerUnavailable, LedgerRestored):
            reported = await run_in_threadpool(self._ledger.reported, batch.reports, self._clock())
            batch.effects = reported.each
