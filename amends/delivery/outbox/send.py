"""Sending the outgoing messages that are due; a run may be killed and repeated, and nobody hears anything twice."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from amends.delivery.channels import ChannelSettings, connected, paces
from amends.delivery.outbox.in_flight import OutgoingComposer, OutgoingInFlight, WaitRules
from amends.delivery.outbox.watch import OutgoingWatch
from amends.domain.base.errors import ChannelError
from amends.domain.channel.channel import ChannelKind, is_kept_here, kept_here
from amends.domain.channel.message import Channel
from amends.domain.channel.outgoing import OutgoingKind, OutgoingState
from amends.domain.draft.draft import quiet_hours_of
from amends.domain.plan.gates import shut
from amends.ledger import Ledger
from amends.ledger.outbox.outbox import STOPPED
from amends.ledger.store.disk_reserve import no_room


@dataclass
class OutgoingSent:
    """The result of one run over the messages of one kind of an incident, without personal data."""

    states: Counter[OutgoingState] = field(default_factory=Counter)
    """The new states of the messages that were tried, by number."""
    uncertain_after_crash: int = 0
    waits: str = ""
    """The reason why all messages wait, as a pause; empty when none is known."""
    trouble: dict[str, str] = field(default_factory=dict)
    """The reason why messages stay behind, by channel."""


async def send_outgoing(
    ledger: Ledger,
    settings: ChannelSettings,
    incident: str,
    kind: OutgoingKind,
    composer: Callable[[], OutgoingComposer],
    clock: Callable[[], datetime],
) -> OutgoingSent:
    """Send all messages of a kind that are due, over the channels of the installation.

    Nothing leaves while the incident is paused or under an embargo, the clock or the ledger is in doubt, or the disk is
    full. The composer is made when a message is due.
    """
    sent = OutgoingSent()
    if not (due := ledger.outbox.due(incident, kind, clock())):
        return sent
    sent.uncertain_after_crash = ledger.outbox.recover(incident, clock()).uncertain
    made = composer()
    if why := why_not_send(ledger, incident, clock()) or made.why_not():
        sent.waits = why
        return sent
    sent.trouble |= _not_set_up(ledger, settings, due)
    ready = {channel: settings[channel] for channel in due if channel not in sent.trouble}
    ledger.channels.note_used({channel for channel, own in ready.items() if not is_kept_here(own)})
    async with connected(ready) as channels:
        pace, rules, watch = paces(ready), _rules(ledger, incident), OutgoingWatch(ledger, incident, kind)
        for name, channel in channels.items():
            in_flight = OutgoingInFlight(
                ledger, incident, kind, name, made, rules, watch, clock, due[name], pace[name].bucket
            )
            await _carry(channel, in_flight)
            sent.states.update(in_flight.states)
            sent.trouble |= {name: in_flight.trouble} if in_flight.trouble else {}
    return sent


def why_not_send(ledger: Ledger, incident: str, now: datetime) -> str:
    """Return why no message may leave now, or ""; the ledger checks for a pause and an embargo at each claim too."""
    if not ledger.store.reserve.keep():
        return no_room()
    if ledger.clocks.doubts():
        return "; ".join(shut(ledger.cases.read(incident, now), (), now))
    return ledger.outbox.why_shut(incident, now)


async def _carry(channel: Channel, in_flight: OutgoingInFlight) -> None:
    try:
        await channel.carry(in_flight)
    except ChannelError as error:
        await in_flight.end(str(error))
    except BaseException:
        await in_flight.end(STOPPED)
        raise
    else:
        await in_flight.end()


def _not_set_up(ledger: Ledger, settings: ChannelSettings, kinds: Collection[ChannelKind]) -> dict[str, str]:
    """Return, by channel, why this installation cannot send on it."""
    troubles = {str(kind): f"add [channels.{kind}] to amends.toml" for kind in kinds if kind not in settings}
    elsewhere = ledger.channels.used()
    for kind in kinds:
        if kind in elsewhere and (wrong := kept_here(settings, [kind])):
            troubles[str(kind)] = f"{wrong}; messages of this ledger have left there by a provider"
    return troubles


def _rules(ledger: Ledger, incident: str) -> WaitRules:
    case = ledger.cases.read(incident)
    return WaitRules(quiet_hours_of(case), case.incident.organisation.timezone, ledger.stops.domains(incident))
