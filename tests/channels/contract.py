"""What every channel promises to the sending engine; each channel's tests subclass it with a real sink."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

import pytest

from amends.domain.base.errors import ChannelMisconfigured, ChannelUnavailable, StaleClaim
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import (
    LOOP_ITERATIONS,
    Called,
    Channel,
    Connect,
    LastCall,
    Message,
    MessagesInFlight,
    Receipt,
    Status,
    VariantForm,
)

PUBLISHED = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOSTILE = (
    "Eve\r\nBcc: evil@attacker.test",
    "Eve\nBcc: evil@attacker.test",
    "Eve\rBcc: evil@attacker.test",
    "=?utf-8?q?Eve=0D=0ABcc:_evil=40attacker.test?=",
    "=?utf-8?b?RXZlDQpCY2M6IGV2aWxAYXR0YWNrZXIudGVzdA==?=",
    "Eve\x00",
    "Eve\u2028Bcc: evil@attacker.test",
    "Eve\u0085Bcc: evil@attacker.test",
    "Eve%0d%0aBcc: evil@attacker.test",
    "evil@attacker.test, Eve",
    'Eve" <evil@attacker.test>, "',
    "Eve (comment) <evil@attacker.test>",
    "</title><script>alert(1)</script>",
    "💥" * 100,
)


FORM = {form.name for form in fields(VariantForm)}
TEXTS = ("subject", "text", "html")


def a_message(**changes: Any) -> Message:
    """An ordinary notice to one person; change what the test is about. A text may be given in pieces."""
    ordinary: dict[str, Any] = {
        "key": "0123456789abcdef0123456789abcdef",
        "kind": ChannelKind.EMAIL,
        "locale": "en",
        "text": "Somebody copied part of our customer data.\n\nYour email address was in it.",
        "to": "ada@example.test",
        "to_name": "Ada Lovelace",
        "subject": "Your data was copied",
        "html": "<p>Somebody copied part of our customer data.</p>\n<p>Your email address was in it.</p>",
        "link": "https://notice.example.test/november-breach",
        "incident": "november-breach",
        "notice": "first-notice",
        "sender": "Example Bank",
        "published_at": PUBLISHED,
        "bounce": "fedcba9876543210fedcba9876543210",
    }
    return _built({**ordinary, **changes})


def changed(message: Message, **changes: Any) -> Message:
    """The same message with other texts, another address or whatever the test is about."""
    form = {name: getattr(message.form, name) for name in FORM}
    own = {field.name: getattr(message, field.name) for field in fields(Message) if field.name != "form"}
    return _built({**form, **own, **changes})


def _built(chosen: dict[str, Any]) -> Message:
    chosen |= {name: (chosen[name],) for name in TEXTS if isinstance(chosen[name], str)}
    form = VariantForm(**{name: value for name, value in chosen.items() if name in FORM})
    return Message(form=form, **{name: value for name, value in chosen.items() if name not in FORM})


class Bell:
    """A last call that counts how often it rang and what had left by then; it can say that the claim is stale."""

    def __init__(self, arrived: Callable[[], Awaitable[list[Any]]] | None = None, *, stale: bool = False) -> None:
        self.rung = 0
        self.left_before: list[Any] = []
        self._arrived = arrived
        self._stale = stale

    async def __call__(self) -> None:
        self.rung += 1
        if self._arrived:
            self.left_before = await self._arrived()
        if self._stale:
            raise StaleClaim("somebody else has it")


async def deliver(channel: Channel, message: Message, last_call: LastCall) -> Receipt:
    """Carry this one message. Raises StaleClaim when its last call was refused."""
    in_flight = OneMessage(message, last_call)
    await channel.carry(in_flight)
    return in_flight.receipt()


class OneMessage(MessagesInFlight):
    """A single message in flight."""

    def __init__(self, message: Message, last_call: LastCall) -> None:
        self._left: list[Message] = [message]
        self._ask = last_call
        self._receipts: list[Receipt] = []
        self._stale: StaleClaim | None = None
        self._asking: asyncio.Task[None] | None = None

    async def next(self) -> Message | None:
        return self.next_at_once()

    def next_at_once(self) -> Message | None:
        return self._left.pop() if self._left else None

    def last_call(self, _key: str, then: Called) -> None:
        self._asking = asyncio.create_task(self._asked(then))

    async def _asked(self, then: Called) -> None:
        try:
            await self._ask()
        except StaleClaim as error:
            self._stale = error
            then(error)
        except Exception as error:  # noqa: BLE001 - raised again by the lane
            then(error)
        else:
            for _ in range(LOOP_ITERATIONS):
                await asyncio.sleep(0)
            then(None)

    def answer(self, receipt: Receipt) -> None:
        self._receipts.append(receipt)

    def receipt(self) -> Receipt:
        """The answer. Raises StaleClaim when the last call was refused."""
        if self._stale:
            raise self._stale
        return self._receipts[0]


@dataclass(frozen=True)
class Arrival:
    """One message as the sink saw it."""

    mark: str
    """What the sink can know a repetition by."""
    text: str
    to: tuple[str, ...] = ()
    shape: tuple[str, ...] = ()
    """The names of its headers or fields."""


@dataclass(frozen=True)
class Rig:
    """A channel's way in and its sink."""

    connect: Connect
    settings: Mapping[str, str]
    required: tuple[str, ...]
    nowhere: Mapping[str, str]
    """Settings that lead to a provider which is down."""
    arrivals: Callable[[], list[Arrival]]
    message: Message
    refused: Message | None = None
    numbered: Callable[[Message, int], Message] = field(
        default=lambda message, number: changed(message, key=f"key-{number}", text=f"Only for {number}.")
    )
    secrets: tuple[str, ...] = ()

    async def arrived(self) -> list[Arrival]:
        return await asyncio.to_thread(self.arrivals)


class ChannelContract:
    """Subclass it and give it a `rig`."""

    @pytest.fixture
    def rig(self) -> Rig:
        raise NotImplementedError

    @pytest.fixture
    async def channel(self, rig: Rig) -> Any:
        channel = rig.connect(rig.settings)
        yield channel
        await channel.close()

    async def test_the_receipt_bears_the_key_of_its_message(self, rig: Rig, channel: Channel) -> None:
        receipt = await deliver(channel, rig.message, Bell())
        assert receipt.key == rig.message.key

    async def test_a_message_that_was_taken_is_sent_or_delivered(self, rig: Rig, channel: Channel) -> None:
        receipt = await deliver(channel, rig.message, Bell())
        assert receipt.status in (Status.SENT, Status.DELIVERED)

    async def test_the_message_arrives_once(self, rig: Rig, channel: Channel) -> None:
        await deliver(channel, rig.message, Bell())
        assert len(rig.arrivals()) == 1

    async def test_the_last_call_comes_once(self, rig: Rig, channel: Channel) -> None:
        bell = Bell()
        await deliver(channel, rig.message, bell)
        assert bell.rung == 1

    async def test_the_last_call_comes_before_anything_has_left(self, rig: Rig, channel: Channel) -> None:
        bell = Bell(rig.arrived)
        await deliver(channel, rig.message, bell)
        assert bell.left_before == []

    async def test_a_stale_claim_passes_through(self, rig: Rig, channel: Channel) -> None:
        with pytest.raises(StaleClaim):
            await deliver(channel, rig.message, Bell(stale=True))

    async def test_nothing_leaves_on_a_stale_claim(self, rig: Rig, channel: Channel) -> None:
        with pytest.raises(StaleClaim):
            await deliver(channel, rig.message, Bell(stale=True))
        await asyncio.sleep(0.05)
        assert rig.arrivals() == []

    async def test_the_next_message_goes_out_after_a_stale_claim(self, rig: Rig, channel: Channel) -> None:
        with pytest.raises(StaleClaim):
            await deliver(channel, rig.message, Bell(stale=True))
        await deliver(channel, rig.numbered(rig.message, 2), Bell())
        assert [arrival.text for arrival in rig.arrivals()] == [rig.numbered(rig.message, 2).text]

    async def test_a_provider_that_is_down_leaves_the_message_with_us(self, rig: Rig) -> None:
        channel = rig.connect(rig.nowhere)
        try:
            receipt = await deliver(channel, rig.message, Bell())
        except ChannelUnavailable:
            return
        assert receipt.status is Status.DEFERRED

    @pytest.mark.parametrize("place", ["to_name", "subject", "sender"])
    async def test_hostile_text_adds_no_header_and_no_recipient(self, rig: Rig, channel: Channel, place: str) -> None:
        await deliver(channel, rig.numbered(rig.message, 0), Bell())
        (harmless,) = rig.arrivals()
        hostile = [changed(rig.numbered(rig.message, n * 3), **{place: text}) for n, text in enumerate(HOSTILE, 1)]
        receipts = [await deliver(channel, message, Bell()) for message in hostile]
        taken = [receipt for receipt in receipts if receipt.status is not Status.REJECTED]
        others = [(other.to, other.shape) for other in rig.arrivals() if other.mark != harmless.mark]
        assert others == [(harmless.to, harmless.shape)] * len(taken)

    async def test_the_same_message_sent_twice_can_be_recognised(self, rig: Rig, channel: Channel) -> None:
        await deliver(channel, rig.message, Bell())
        await deliver(channel, rig.message, Bell())
        assert len({arrival.mark for arrival in rig.arrivals()}) == 1

    async def test_different_messages_can_be_told_apart(self, rig: Rig, channel: Channel) -> None:
        await deliver(channel, rig.numbered(rig.message, 1), Bell())
        await deliver(channel, rig.numbered(rig.message, 2), Bell())
        assert len({arrival.mark for arrival in rig.arrivals()}) == 2

    async def test_twenty_messages_side_by_side_keep_their_contents_apart(self, rig: Rig, channel: Channel) -> None:
        messages = [rig.numbered(rig.message, number) for number in range(20)]
        receipts = await asyncio.gather(*(deliver(channel, message, Bell()) for message in messages))
        assert [receipt.key for receipt in receipts] == [message.key for message in messages]
        assert {arrival.text for arrival in rig.arrivals()} == {message.text for message in messages}
        assert len(rig.arrivals()) == 20

    def test_a_setting_that_is_not_known_is_named(self, rig: Rig) -> None:
        with pytest.raises(ChannelMisconfigured, match="postal_code"):
            rig.connect({**rig.settings, "postal_code": "1"})

    def test_every_missing_setting_is_named(self, rig: Rig) -> None:
        for name in rig.required:
            with pytest.raises(ChannelMisconfigured, match=name):
                rig.connect({known: value for known, value in rig.settings.items() if known != name})

    async def test_neither_channel_nor_receipt_shows_personal_or_secret(self, rig: Rig, channel: Channel) -> None:
        """The printed forms of a channel and of a receipt hold nothing of the recipient, the text, or the secrets of
        the settings.
        """
        receipt = await deliver(channel, rig.message, Bell())
        shown = repr(channel) + repr(receipt)
        personal = filter(None, (rig.message.to, rig.message.to_name, rig.message.text, *rig.secrets))
        assert not [text for text in personal if text in shown]


class PersonalChannelContract(ChannelContract):
    """For channels that reach one person at an address: an address can be refused."""

    async def test_a_refused_address_is_an_answer_and_no_accident(self, rig: Rig, channel: Channel) -> None:
        receipt = await deliver(channel, rig.refused, Bell())
        assert receipt.status is Status.REJECTED

    async def test_a_refused_address_is_not_in_the_receipt(self, rig: Rig, channel: Channel) -> None:
        receipt = await deliver(channel, rig.refused, Bell())
        assert rig.refused.to not in repr(receipt)

    async def test_the_next_person_is_reached_after_a_refused_address(self, rig: Rig, channel: Channel) -> None:
        await deliver(channel, rig.refused, Bell())
        receipt = await deliver(channel, rig.message, Bell())
        assert receipt.status is Status.SENT

    async def test_a_message_goes_to_the_one_address_it_is_for(self, rig: Rig, channel: Channel) -> None:
        await deliver(channel, rig.message, Bell())
        assert [arrival.to for arrival in rig.arrivals()] == [(rig.message.to,)]
