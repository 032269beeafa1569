"""A send that is told to stop gets the answers to what is in flight, however often it is told."""

import asyncio

import pytest

from amends.delivery.send.shutdown import delay_shutdown


async def test_a_second_cancel_does_not_break_off_the_answers() -> None:
    begun, asked, answers = asyncio.Event(), asyncio.Event(), list[str]()

    async def sending() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asked.wait()
            answers.append("250 Ok")
            raise

    send = asyncio.create_task(delay_shutdown(sending(), lambda: None))
    await begun.wait()
    for _ in range(3):
        send.cancel()
        await asyncio.sleep(0)
    asked.set()
    with pytest.raises(asyncio.CancelledError):
        await send
    assert answers == ["250 Ok"]


async def test_an_error_of_a_cancelled_send_is_raised() -> None:
    begun = asyncio.Event()

    async def sending() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("the ledger is away") from None

    send = asyncio.create_task(delay_shutdown(sending(), lambda: None))
    await begun.wait()
    send.cancel()
    with pytest.raises(ValueError, match="away"):
        await send
