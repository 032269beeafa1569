"""Takes in what providers report of our messages."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from amends.domain.base.errors import LedgerRestored, LedgerUnavailable
from amends.domain.channel.channel import RECEIPTS, ChannelKind
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.domain.receipt.webhook import ProviderReceipt, Scheme
from amends.ledger import Ledger
from amends.ledger.receipt.receipts import Effect, Told
from amends.settings import Settings
from amends.web.http.limits import RETRY_SECONDS
from amends.web.webhook.authenticate import Refused, Rules, WebhookGate, of_channel

log = logging.getLogger("amends.web")

CAME_BACK = (ReportKind.FAILED, ReportKind.GAVE_UP)
AGAIN_AFTER = (1.0, 3.0)
"""Seconds until a receipt that names no message is looked at again: it may be faster than the gateway's own answer,
which is where we learn the name."""


def add_receipts(app: FastAPI, settings: Settings, ledger: Ledger, clock: Callable[[], datetime]) -> None:
    """Take reports at the path of each channel of this installation that has any that can be believed."""
    for kind, path in RECEIPTS.items():
        if rules := report_rules(settings, kind):
            who, methods = str(getattr(rules, "provider", kind)), getattr(rules, "scheme", Scheme.BODY).methods
            _take(app, path, WebhookGate(rules, settings.trusted_proxies, clock), Inbox(ledger, clock, who), methods)


def _take(app: FastAPI, path: str, gate: WebhookGate[Told], inbox: "Inbox", methods: Sequence[str]) -> None:
    @app.api_route(path, methods=list(methods))
    async def receive(request: Request) -> Response:
        try:
            if told := await gate.let_in(request):
                await inbox.take(told)
        except Refused as refused:
            return Response(status_code=refused.status, headers=refused.headers)
        return Response()  # 200: some providers take any other answer for a no


def report_rules(settings: Settings, kind: ChannelKind) -> Rules[Told] | None:
    """How the reports on this channel are read and checked; None without a provider that signs any."""
    rules = of_channel(settings, kind, "reports")
    return rules if isinstance(rules, Rules) else None


@dataclass(eq=False)
class ReportBatch:
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
        self._next = ReportBatch()

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
                self._next = ReportBatch()
                await self._keep(batch)
        if batch.effects is None:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, RETRY_SECONDS)
        came_of = zip(reports, batch.effects[start : start + len(reports)], strict=True)
        return [told for told, effect in came_of if effect is Effect.FOREIGN]

    async def _keep(self, batch: ReportBatch) -> None:
        with suppress(LedgerUnavailable, LedgerRestored):
            reported = await run_in_threadpool(self._ledger.receipts.take, batch.reports, self._clock())
            batch.effects = reported.each
