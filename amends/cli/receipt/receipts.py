"""The command `amends receipts`: asks the SMS gateway what became of the messages that it took."""

import asyncio
import random
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.prefect import send_on
from amends.domain.base.errors import ChannelMisconfigured
from amends.domain.base.text import counted, counts

if TYPE_CHECKING:
    from amends.delivery.receipts import PollResult


@runtime_checkable
class DoubtfulChannel(Protocol):
    """A channel that notices when its questions go to the wrong place."""

    @property
    def asked_in_vain(self) -> str:
        """Return which setting may be wrong, because the provider knew none of the messages; empty when it knew one."""


def receipts(ctx: typer.Context) -> None:
    """Ask the SMS gateway what became of the messages that it took. Only last words change anything.

    For a gateway that does not report of its own accord; call it every ten minutes. It asks for what was taken between
    ten minutes and three days ago and of which nothing was told. Safe to repeat. Exit code 5 means that the gateway did
    not answer every question, or knew none of the messages and has told of no other in these three days.
    """
    desk: Desk = ctx.obj
    asked = asyncio.run(_ask(desk))
    lines = [f"{asked.messages} SMS were asked for: {counts(asked.effects)}"]
    if asked.handed_over:
        whom = counted(asked.handed_over, "person is", "people are")
        lines.append(f"{whom} written to on another channel")
    desk.show(asked, "\n".join(lines))
    send_on(desk, asked.waiting)
    if asked.trouble:
        desk.complain(asked.trouble)
        raise typer.Exit(Exit.PARTLY)


async def _ask(desk: Desk) -> "PollResult":
    from amends.delivery.channels import ChannelSettings, connected, paces
    from amends.delivery.receipts import LATEST, Askable, ask

    settings: ChannelSettings = {kind: own for kind, own in desk.settings.channels.items() if kind.tracked}
    async with connected(settings) as channels:
        channel = next(iter(channels.values()), None)
        if not isinstance(channel, Askable) or not channel.can_be_asked:
            raise ChannelMisconfigured("channels.sms: there is no gateway that can be asked; sms_http needs status_url")
        bucket, share = paces(settings)[channel.kind].bucket, random.random()  # noqa: S311 - no secret
        asked = await ask(desk.ledger, channel, bucket, now, share)
        in_vain = channel.asked_in_vain if isinstance(channel, DoubtfulChannel) else ""
        if in_vain and desk.ledger.polling.any_told(now() - LATEST, now()):
            desk.hint("the gateway has forgotten these SMS: it does not know them (404), and told of others meanwhile")
            in_vain = ""
        asked.trouble = "; ".join(filter(None, (in_vain, asked.trouble)))
        return asked
