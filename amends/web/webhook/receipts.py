"""The webhooks by which providers report on our messages."""

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
from amends.domain.channel.channel import ChannelKind
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.domain.receipt.webhook import ProviderReceipt, Scheme
from amends.ledger import Ledger
from amends.ledger.receipt.receipts import Effect, Report
from amends.settings import Settings
from amends.web.http.limits import RETRY_SECONDS
from amends.web.webhook.authenticate import Refused, Rules, WebhookGate, of_channel

log = logging.getLogger("amends.web")

CAME_BACK = (ReportKind.FAILED, ReportKind.GAVE_UP)
AGAIN_AFTER = (1.0, 3.0)
"""The seconds until a receipt that names no known message is looked up again. A receipt may come before the gateway's
answer to the send, from which we learn the gateway's name of the message."""


def add_receipts(app: FastAPI, settings: Settings, ledger: Ledger, clock: Callable[[], datetime]) -> None:
    """Accept reports at the path of each channel of this installation that has reports that can be authenticated."""
    for kind in ChannelKind:
        if kind.receipts and (rules := report_rules(settings, kind)):
            provider, methods = str(getattr(rules, "provider", kind)), getattr(rules, "scheme", Scheme.BODY).methods
            gate, inbox = WebhookGate(rules, settings.trusted_proxies, clock), Inbox(ledger, clock, provider)
            _add_path(app, kind.receipts, gate, inbox, methods)


def _add_path(app: FastAPI, path: str, gate: WebhookGate[Report], inbox: "Inbox", methods: Sequence[str]) -> None:
    @app.api_route(path, methods=list(methods))
    async def receive(request: Request) -> Response:
        try:
            if reports := await gate.let_in(request):
                await inbox.take(reports)
        except Refused as refused:
            return Response(status_code=refused.status, headers=refused.headers)
        return Response()  # 200, because some providers take any other status for a failure


def report_rules(settings: Settings, kind: ChannelKind) -> Rules[Report] | None:
    """Return the rules for the reports on this channel, or None without a provider that signs its reports."""
    rules = of_channel(settings, kind, "reports")
    return rules if isinstance(rules, Rules) else None


@dataclass(eq=False)
class ReportBatch:
    """A group of reports that are recorded in one transaction."""

    reports: list[Report] = field(default_factory=list)
    effects: tuple[Effect, ...] | None = None
    """The effect of each report; None until the reports are recorded."""


class Inbox:
    """The recorder of one provider's reports, with group commit: reports that come during a write are written next."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime], provider: str) -> None:
        """Name the provider for the log."""
        self._ledger, self._clock, self._provider = ledger, clock, provider
        self._writing = asyncio.Lock()
        self._next = ReportBatch()

    async def take(self, reports: Sequence[Report]) -> None:
        """Record reports, and return once the ledger has them. Raises Refused when they cannot be recorded now."""
        foreign = await self._record(reports)
        self._log_foreign_bounces([one for one in foreign if isinstance(one, MailReport) and one.kind in CAME_BACK])
        unknown: list[Report] = [one for one in foreign if isinstance(one, ProviderReceipt)]
        for seconds in AGAIN_AFTER:
            if unknown:
                await asyncio.sleep(seconds)
                unknown = await self._record(unknown)

    def _log_foreign_bounces(self, bounces: Sequence[Report]) -> None:
        """Log the number of bounces that name no message of ours: people were not told, and nothing tells which."""
        if bounces:
            log.warning(
                "%s: bounces that name no message of ours: %d; somebody may not have been told (docs/channels.md)",
                self._provider,
                len(bounces),
            )

    async def _record(self, reports: Sequence[Report]) -> list[Report]:
        """Record reports, and return the reports that name no message of ours."""
        batch = self._next
        start = len(batch.reports)
        batch.reports += reports
        async with self._writing:
            if batch is self._next:
                self._next = ReportBatch()
                await self._write(batch)
        if batch.effects is None:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, RETRY_SECONDS)
        effects = zip(reports, batch.effects[start : start + len(reports)], strict=True)
        return [report for report, effect in effects if effect is Effect.FOREIGN]

    async def _write(self, batch: ReportBatch) -> None:
        with suppress(LedgerUnavailable, LedgerRestored):
            reported = await run_in_threadpool(self._ledger.receipts.take, batch.reports, self._clock())
            batch.effects = reported.each
