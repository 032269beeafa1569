"""The base of channels that send one message at a time and await each message's commit mark before it leaves."""

import asyncio
from abc import ABC, abstractmethod
from functools import partial

from amends.domain.base.errors import StaleClaim
from amends.domain.channel.message import LastCall, Message, MessagesInFlight, Receipt


class OneByOne(ABC):
    """A channel that has one message in flight on each connection."""

    at_once = 64
    """Connections that the channel may have."""

    @abstractmethod
    async def deliver(self, message: Message, last_call: LastCall) -> Receipt:
        """Send the message, calling last_call exactly once before the point of no return.

        Raises ChannelUnavailable or ChannelMisconfigured only while nothing has left, that is before last_call
        returned; after it, trouble is a receipt that says uncertain. A StaleClaim of last_call is raised again.
        """

    async def carry(self, in_flight: MessagesInFlight) -> None:
        """Deliver one message after another, until there are no more. Raises as `deliver` does."""
        while message := await in_flight.next():
            try:
                receipt = await self.deliver(message, partial(_last_call, in_flight, message.key))
            except StaleClaim:
                continue
            in_flight.answer(receipt)


async def _last_call(in_flight: MessagesInFlight, key: str) -> None:
    called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    in_flight.last_call(key, partial(settle, called))
    await called


def settle(future: "asyncio.Future[None]", error: Exception | None) -> None:
    """Pass the outcome of a last call on to its caller, if the caller still waits."""
    if future.done():
        return
    if error:
        future.set_exception(error)
    else:
        future.set_result(None)
