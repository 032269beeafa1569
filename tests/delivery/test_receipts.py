"""A gateway that does not report of its own accord is asked what became of the SMS that it took."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from amends.delivery import receipts
from amends.delivery.receipts import PollResult, ask
from amends.domain.base.errors import ChannelUnavailable
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.deliver.pace import Bucket
from amends.domain.notice.notice import DeliveryState
from amends.ledger import Ledger
from channels import sms_http
from channels.sms_http import SmsHttp
from tests.builders import NOW, a_person
from tests.channels.scripted_http import ScriptedHttp, reply, scripted_http
from tests.channels.test_sms_http import settings_for
from tests.delivery.sending import INCIDENT, NOTICE, approved

SOON = NOW + timedelta(minutes=11)
ACCOUNT = "GET /2010-04-01/Accounts/AC123/Messages"


@pytest.fixture
def texted(ledger: Ledger) -> Ledger:
    """Three people whose SMS the gateway took; whoever it does not reach gets an email."""
    by_sms = {"channels": (ChannelKind.SMS,), "cascade": (ChannelKind.SMS, ChannelKind.EMAIL)}
    approved(ledger, [a_person(number=number) for number in (1, 2, 3)], **by_sms)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.SMS], 9, NOW)
    ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
    answers = [
        (claim, Receipt(claim.key, Status.SENT, provider_id=f"SM{claim.about.number}"))
        for claim in claims
        if claim.about
    ]
    ledger.deliveries.record((), answers, INCIDENT, NOTICE, NOW)
    return ledger


@asynccontextmanager
async def gateway(told: Mapping[str, bytes]) -> AsyncIterator[tuple[SmsHttp, ScriptedHttp]]:
    """Answers so for each message."""
    async with scripted_http({f"{ACCOUNT}/{name}.json": answer for name, answer in told.items()}) as server:
        channel = sms_http.connect(settings_for("twilio", server.url))
        try:
            yield channel, server
        finally:
            await channel.close()


def says(status: str, **more: Any) -> bytes:
    return reply(200, {"status": status, **more})


async def asked(
    ledger: Ledger, told: Mapping[str, bytes], at: timedelta = SOON - NOW, bucket: Bucket | None = None
) -> PollResult:
    async with gateway(told) as (channel, _):
        return await ask(ledger, channel, bucket, lambda: NOW + at)


def states(ledger: Ledger, channel: ChannelKind = ChannelKind.SMS) -> dict[int, str]:
    return {line.person: line.state for line in ledger.statistics.lines(INCIDENT, NOTICE) if line.channel is channel}


LAST_WORDS = {"SM1": says("delivered"), "SM2": says("undelivered", error_code=30003), "SM3": says("queued")}


async def test_last_words_settle_what_was_sent_and_hand_over(texted: Ledger) -> None:
    """The gateway's last words settle the SMS that were sent; where an SMS came back, the next channel takes over."""
    found = await asked(texted, LAST_WORDS)
    assert (found.messages, found.handed_over, found.waiting, found.trouble) == (3, 1, {(INCIDENT, NOTICE)}, "")
    assert found.effects == {"delivered": 1, "bounced": 1}
    assert states(texted) == {1: DeliveryState.DELIVERED, 2: DeliveryState.BOUNCED, 3: DeliveryState.SENT}
    assert states(texted, ChannelKind.EMAIL) == {2: DeliveryState.WAITING}


async def test_only_what_nothing_was_told_of_is_asked_for_again(texted: Ledger) -> None:
    await asked(texted, LAST_WORDS)
    async with gateway(LAST_WORDS) as (channel, server):
        again = await ask(texted, channel, None, lambda: SOON)
    assert (again.messages, server.lines) == (1, [f"{ACCOUNT}/SM3.json"])


@pytest.mark.parametrize("at", [timedelta(minutes=9), timedelta(days=3, minutes=1)])
async def test_what_is_under_way_or_long_gone_is_not_asked_for(texted: Ledger, at: timedelta) -> None:
    assert (await asked(texted, LAST_WORDS, at)).messages == 0


async def test_when_the_gateway_does_not_answer_what_it_said_is_kept(
    texted: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "AT_ONCE", 1)
    found = await asked(texted, LAST_WORDS | {"SM3": reply(503)})
    assert (found.messages, "503" in found.trouble) == (2, True)
    assert states(texted)[2] == DeliveryState.BOUNCED


async def test_a_full_page_is_followed_by_the_next(texted: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "PAGE", 2)
    found = await asked(texted, LAST_WORDS)
    assert (found.messages, found.handed_over, found.waiting) == (3, 1, {(INCIDENT, NOTICE)})


class Stingy:
    """A gateway that answers so many questions of each run, and knows no last word."""

    can_be_asked = True

    def __init__(self, asked_for: set[str], answers: int = 1) -> None:
        self.asked_for, self._left = asked_for, answers

    async def poll(self, provider_id: str) -> None:
        if not self._left:
            raise ChannelUnavailable("429")
        self._left -= 1
        self.asked_for.add(provider_id)


@pytest.mark.parametrize(("share", "first"), [(0, "SM1"), (0.4, "SM2"), (0.999, "SM3")])
async def test_a_gateway_with_few_answers_is_asked_for_others_each_run(
    texted: Ledger, share: float, first: str
) -> None:
    """A gateway that answers few questions is asked about other messages when a run begins elsewhere in the list."""
    asked_for: set[str] = set()
    await ask(texted, Stingy(asked_for), None, lambda: SOON, share)
    assert asked_for == {first}


@pytest.mark.parametrize("share", [0, 0.4, 0.999])
async def test_wherever_a_run_begins_all_are_asked_for(texted: Ledger, share: float) -> None:
    gateway = Stingy(set(), 3)
    assert (await ask(texted, gateway, None, lambda: SOON, share)).messages == 3
    assert gateway.asked_for == {"SM1", "SM2", "SM3"}


async def test_questions_are_not_asked_faster_than_the_channel_may_be_used(texted: Ledger) -> None:
    begun = asyncio.get_running_loop().time()
    await asked(texted, LAST_WORDS, bucket=Bucket(10, 1))
    assert asyncio.get_running_loop().time() - begun >= 0.2
