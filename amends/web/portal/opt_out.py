"""The end of optional messages to a person by one POST (RFC 8058), from a mail program or from the page here."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Path
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from amends.domain.base.errors import NotInLedger
from amends.ledger import Ledger
from amends.web.http.forms import OneClick
from amends.web.http.limits import PostLimits, sender_address
from amends.web.portal.pages import PortalPages

READ = ["GET", "HEAD"]

Token = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,200}$")]
"""The token that names the person whose optional messages end."""

ANSWER_SECONDS = 0.25
"""The least time of an answer. The ledger takes less, so the time of an answer does not reveal a wrong token."""
BY_MAIL = "link in a message"
"""The way of opting out, as the audit names it."""


def add_opt_outs(app: FastAPI, opt_outs: "OptOutPages") -> None:
    """Add the page, and the POSTs of the page and of mail programs, which need no cookie and no form token."""

    @app.api_route("/u/{token}", methods=READ)
    @app.api_route("/u/{token}/again", methods=READ)
    def offer(request: Request, token: Token) -> Response:
        return opt_outs.show(request, token)

    @app.post("/u/{token}")
    async def stop(request: Request, token: Token, one_click: OneClick) -> Response:
        return await opt_outs.stop(request, token, one_click=one_click)

    @app.post("/u/{token}/again")
    async def again(request: Request, token: Token) -> Response:
        return await opt_outs.again(request, token)


class OptOutStage(StrEnum):
    """A state of the page: optional messages can be stopped, are stopped, or are sent again."""

    OFFERED = "offered"
    STOPPED = "stopped"
    RESUMED = "resumed"


class OptOutPages:
    """The page on which optional messages are stopped; it depends on the pressed button, never on the token's person.

    Only a POST reads the ledger. A wrong token gets the answer of a right one, after the same time. Stopping has no
    limit, because mailbox providers press the button for many people from one address, and an opt-out is recorded once.
    """

    def __init__(
        self,
        ledger: Ledger,
        pages: PortalPages,
        trusted_proxies: int,
        clock: Callable[[], datetime],
        write_slots: asyncio.Semaphore,
    ) -> None:
        self._ledger, self._pages, self._trusted_proxies, self._clock = ledger, pages, trusted_proxies, clock
        self._limits, self._write_slots = PostLimits(), write_slots

    def show(self, request: Request, token: str, stage: OptOutStage = OptOutStage.OFFERED) -> Response:
        """Return the page, and change nothing."""
        return self._pages.show(
            "opt_out.html",
            token=token,
            stage=stage,
            phrases=self._pages.phrases(request),
            languages=self._pages.languages,
            lang=request.query_params.get("lang", ""),
        )

    async def stop(self, request: Request, token: str, *, one_click: bool) -> Response:
        """Stop optional messages and return the page; any POST other than that of RFC 8058 only gets the page."""
        if not one_click:
            return self.show(request, token)
        await self._in_time(self._ledger.opt_outs.add, token)
        return self.show(request, token, OptOutStage.STOPPED)

    async def again(self, request: Request, token: str) -> Response:
        """Resume optional messages and return the page."""
        peer = request.client.host if request.client else ""
        sender = sender_address(peer, request.headers, self._trusted_proxies)
        if seconds := self._limits.seconds_to_wait(sender, token):
            wait = {"Retry-After": str(seconds)}
            return self._pages.explain(request, HTTPStatus.TOO_MANY_REQUESTS, headers=wait)
        await self._in_time(self._ledger.opt_outs.end, token)
        return self.show(request, token, OptOutStage.RESUMED)

    async def _in_time(self, verb: Callable[[str, int, str, datetime], bool], token: str) -> None:
        await asyncio.gather(self._in_write_slot(verb, token), asyncio.sleep(ANSWER_SECONDS))

    async def _in_write_slot(self, verb: Callable[[str, int, str, datetime], bool], token: str) -> None:
        async with self._write_slots:
            await run_in_threadpool(self._carry_out, verb, token)

    def _carry_out(self, verb: Callable[[str, int, str, datetime], bool], token: str) -> None:
        whose = self._ledger.store.keys.opted_out(token)
        if whose is None:
            return
        try:
            verb(*whose, BY_MAIL, self._clock())
        except NotInLedger:
            return  # the incident's data was destroyed, so nobody gets messages any more
