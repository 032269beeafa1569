"""The simulated channels: the contract, and a world that a real installation does not have."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from amends.domain.base.errors import ChannelMisconfigured, ChannelUnavailable
from amends.domain.base.value import Span
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Message, Status
from amends.domain.rehearse.injects import Bounces, Injects, Outage, Script
from channels import simulated
from channels.simulated import World, existing
from tests.channels.contract import Arrival, Bell, PersonalChannelContract, Rig, a_message, deliver

START = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
EMAIL = ChannelKind.EMAIL


class Clock:
    now = START

    def __call__(self) -> datetime:
        return self.now


def a_script(**injects: object) -> Script:
    return Script(Injects.model_validate({"title": "a test", **injects}), START)


def some_refused() -> Script:
    return a_script(bounces=(Bounces(channel=EMAIL, refused=0.3),))


def addresses(script: Script, *, refused: bool) -> Iterator[str]:
    """Addresses that the script refuses, or not."""
    candidates = (f"p{number}@example.test" for number in range(1000))
    return (candidate for candidate in candidates if script.refuses(EMAIL, candidate) is refused)


class TestContract(PersonalChannelContract):
    @pytest.fixture
    def rig(self) -> Iterator[Rig]:
        arrived: list[Arrival] = []
        script = some_refused()

        def heard(message: Message, _now: datetime) -> None:
            arrived.append(Arrival(message.key, message.text, (message.to,), ("subject", "text")))

        down = World(a_script(outages=(Outage(channel=EMAIL, at=Span(0), lasts=Span(hours=1)),)), Clock())
        with existing("up", World(script, Clock(), heard)), existing("down", down):
            yield Rig(
                connect=simulated.connect,
                settings={"kind": "email", "world": "up"},
                required=("kind", "world"),
                nowhere={"kind": "email", "world": "down"},
                arrivals=lambda: list(arrived),
                message=a_message(to=next(addresses(script, refused=False))),
                refused=a_message(to=next(addresses(script, refused=True))),
            )


@pytest.mark.parametrize("world", ["rehearsal", "", "none"])
def test_without_a_world_the_simulated_channel_cannot_connect(world: str) -> None:
    """A simulated channel whose world does not exist cannot be connected, so a real installation cannot use it by
    mistake.
    """
    with pytest.raises(ChannelMisconfigured):
        simulated.connect({"kind": "email", "world": world})


def test_a_world_is_gone_when_its_rehearsal_is_over() -> None:
    with existing("short", World(some_refused(), Clock())):
        simulated.connect({"kind": "email", "world": "short"})
    with pytest.raises(ChannelMisconfigured):
        simulated.connect({"kind": "email", "world": "short"})


async def test_the_provider_works_again_when_its_outage_is_over() -> None:
    clock = Clock()
    down = a_script(outages=(Outage(channel=EMAIL, at=Span(0), lasts=Span(hours=1)),))
    with existing("world", World(down, clock)) as world:
        channel = simulated.connect({"kind": "email", "world": "world"})
        with pytest.raises(ChannelUnavailable):
            await deliver(channel, a_message(), Bell())
        clock.now = START + HOUR
        assert (await deliver(channel, a_message(), Bell())).status is Status.SENT
        assert world.posts["first-notice", EMAIL].first_at == START + HOUR


async def test_the_world_knows_what_arrived_twice() -> None:
    with existing("world", World(a_script(late_cohorts=({"at": "0h", "share": 0.1},)), Clock())) as world:
        channel = simulated.connect({"kind": "email", "world": "world"})
        for key in ("one", "two", "two"):
            await deliver(channel, a_message(key=key), Bell())
        assert (world.posts["first-notice", EMAIL].arrived, world.twice) == (3, 1)


async def test_a_refused_address_is_asked_for_no_last_call() -> None:
    script, bell = some_refused(), Bell()
    with existing("world", World(script, Clock())):
        channel = simulated.connect({"kind": "email", "world": "world"})
        await deliver(channel, a_message(to=next(addresses(script, refused=True))), bell)
    assert bell.rung == 0


@pytest.mark.parametrize("kind", [kind for kind in ChannelKind if not kind.printed])
def test_it_stands_in_for_any_kind_of_channel(kind: ChannelKind) -> None:
    with existing("world", World(some_refused(), Clock())):
        assert simulated.connect({"kind": kind.value, "world": "world"}).kind is kind
