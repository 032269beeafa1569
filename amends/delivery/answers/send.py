"""Sending the replies of an incident that are due; a run may be killed and repeated, and nobody is answered twice."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from amends.delivery.answers.compose import ReplyComposer
from amends.delivery.answers.in_flight import RepliesInFlight, ReplyRules
from amends.delivery.channels import ChannelSettings, connected, paces
from amends.domain.base.errors import ChannelError
from amends.domain.channel.channel import Channel, ChannelKind, is_kept_here, kept_here
from amends.domain.draft.draft import quiet_hours_of
from amends.domain.draft.writer import Links
from amends.domain.feedback.answer import ReplyState
from amends.domain.plan.gates import shut
from amends.ledger import Ledger
from amends.ledger.store.disk_reserve import no_room

BROKEN_OFF = "the sender stopped before an answer came"


@dataclass
class RepliesSent:
    """The result of one run over the replies of an incident, without personal data."""

    states: Counter[ReplyState] = field(default_factory=Counter)
    """The new states of the replies that were tried, by number."""
    uncertain_after_crash: int = 0
    waits: str = ""
    """The reason why all replies wait, as a pause; empty when none is known."""
    trouble: dict[str, str] = field(default_factory=dict)
    """The reason why replies stay behind, by channel."""


async def send_replies(
    ledger: Ledger, settings: ChannelSettings, links: Links, incident: str, clock: Callable[[], datetime]
) -> RepliesSent:
    """Send all replies of an incident that are due, over the channels of the installation.

    Nothing leaves while the incident is paused or under an embargo, the clock or the ledger is in doubt, or the disk is
    full. Raises NotInLedger when no playbook runs, whose words a reply needs.
    """
    sent = RepliesSent()
    if not (due := ledger.replies.due(incident, clock())):
        return sent
    _, sent.uncertain_after_crash = ledger.replies.recover(incident, clock())
    composer = ReplyComposer(ledger.cases.incident_file(incident), ledger.playbooks.wording(incident), links)
    if why := why_not_send(ledger, incident, clock()) or composer.why_not():
        sent.waits = why
        return sent
    kinds = {channel.kind: channel for channel in due if channel.kind}
    sent.trouble |= _not_set_up(ledger, settings, kinds)
    ready = {kind: settings[kind] for kind in kinds if kind not in sent.trouble}
    ledger.channels.note_used({kind for kind, own in ready.items() if not is_kept_here(own)})
    async with connected(ready) as channels:
        pace, rules = paces(ready), _rules(ledger, incident)
        for kind, channel in channels.items():
            bucket = pace[kind].bucket
            replies = RepliesInFlight(ledger, incident, kinds[kind], composer, rules, bucket, clock)
            await _carry(channel, replies)
            sent.states.update(replies.states)
            sent.trouble |= {kind: replies.trouble} if replies.trouble else {}
    return sent


def send_replies_now(
    ledger: Ledger, settings: ChannelSettings, links: Links, incident: str, clock: Callable[[], datetime]
) -> RepliesSent:
    """Send all replies of an incident that are due, for a caller without an event loop. Raises as `send_replies`."""
    return asyncio.run(send_replies(ledger, settings, links, incident, clock))


def why_not_send(ledger: Ledger, incident: str, now: datetime) -> str:
    """Return why no reply may leave now, or ""; the ledger checks for a pause and an embargo at each claim too."""
    if not ledger.store.reserve.keep():
        return no_room()
    if ledger.clocks.doubts():
        return "; ".join(shut(ledger.cases.read(incident, now), (), now))
    return ledger.replies.why_shut(incident, now)


async def _carry(channel: Channel, replies: RepliesInFlight) -> None:
    try:
        await channel.carry(replies)
    except ChannelError as error:
        replies.end(str(error))
    except BaseException:
        replies.end(BROKEN_OFF)
        raise


def _not_set_up(ledger: Ledger, settings: ChannelSettings, kinds: Collection[ChannelKind]) -> dict[str, str]:
    """Return, by channel, why this installation cannot send on it."""
    found = {str(kind): f"add [channels.{kind}] to amends.toml" for kind in kinds if kind not in settings}
    elsewhere = ledger.channels.used()
    for kind in kinds:
        if kind in elsewhere and (wrong := kept_here(settings, [kind])):
            found[str(kind)] = f"{wrong}; messages of this ledger have left there by a provider"
    return found


def _rules(ledger: Ledger, incident: str) -> ReplyRules:
    case = ledger.cases.read(incident)
    home, stopped = case.incident.organisation.timezone, ledger.stops.domains(incident)
    return ReplyRules(quiet_hours_of(case), home, stopped)
