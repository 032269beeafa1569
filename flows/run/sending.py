"""Sending in a run: the messages of approved notices leave, and each channel is a task of the run."""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from amends.delivery.alerts import alert_at_once
from amends.delivery.send.engine import Tally
from amends.delivery.send.stops import ALERTED_BY_ITSELF
from amends.delivery.send.workers import Part, Work, send
from amends.domain.base.errors import AmendsError
from amends.domain.base.text import counted
from amends.domain.case.case import Case
from amends.domain.case.states import IncidentState
from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.alert import AlertId, AlertKind
from amends.domain.incident.stops import StoppedSend
from amends.domain.notice.notice import NoticeStatus
from amends.domain.plan.gates import shut_by
from amends.domain.plan.plan import PlannedOccurrence
from amends.domain.timeline.waiting import Waiting, WaitsFor
from amends.ledger.deliver.statistics import Only
from amends.rehearsal_clock import RehearsalClock
from flows.run import artifacts
from flows.run.context import Context
from flows.run.graph import as_task


class SendTrouble(NamedTuple):
    """A reason for which messages of a notice wait, in words."""

    what: str
    alert: AlertId | None
    """None for trouble of which the send has recorded an alert when it stopped."""


async def send_unless_gated(context: Context, case: Case, notice: NoticeStatus) -> list[SendTrouble]:
    """Send the notice unless a gate is shut, and return the trouble there was."""
    if shut := shut_by(case, notice.waits_for, context.clock()):
        return [
            SendTrouble(f"{notice.id} waits: {why}", AlertId(AlertKind.NOTICE_WAITS, notice.id, cause))
            for cause, why in shut.items()
        ]
    tally = await _send(context, case, notice.id)
    return await asyncio.to_thread(_troubles, context, case.incident.id, notice.id, tally.trouble)


def _troubles(context: Context, incident_id: str, notice: str, by_part: Mapping[str, str]) -> list[SendTrouble]:
    """Return the troubles of a send; those of a stop that the ledger lacks are still to be alerted of."""
    if not by_part:
        return []
    recorded = context.ledger.stops.sends(incident_id, notice) | ALERTED_BY_ITSELF
    now = context.clock()
    return [
        SendTrouble(f"{part}: {why}", None if part in recorded else StoppedSend(notice, part, why, now).alert)
        for part, why in by_part.items()
    ]


async def _send(context: Context, case: Case, notice: str) -> Tally:
    """Send the approved messages of the notice that were not sent yet."""
    incident_id = case.incident.id
    work = Work(context.ledger, context.channels, incident_id, notice, context.links, context.clock, context.limits)
    async with artifacts.progress(incident_id, notice) as progress:
        return await send(work, progress.advance, each=process_as_task, during=_ChannelTasks(work))


async def alert_of_stop(context: Context, case: Case) -> None:
    """Send the leads their alerts at once when something has stopped, without waiting for the next sweep."""
    stopped = await asyncio.to_thread(context.ledger.stops.any_of, case.incident.id)
    if not stopped and case.state is not IncidentState.PAUSED:
        return
    rehearsal = isinstance(context.clock, RehearsalClock)
    with suppress(AmendsError):  # the sweep sends them later
        alert = partial(alert_at_once, context.ledger, case.incident.id, context.clock(), rehearsal=rehearsal)
        await asyncio.to_thread(alert)


async def process_as_task(number: int, part: Part) -> Tally:
    """Run one process's part of a large send as a task."""
    return await as_task(f"send, process {number}", part, lambda tally: f"{sum(tally.answers.values())} answers")


class _ChannelTasks:
    """The tasks of one send: one for each channel, which comes once although a channel may send in several passes."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._shown: set[ChannelKind] = set()

    async def __call__(self, kind: ChannelKind, sending: Awaitable[None]) -> None:
        """Wait until the channel has sent what is due on it; the first time, as a task."""
        if kind in self._shown:
            return await sending
        self._shown.add(kind)
        return await as_task(kind.task, lambda: sending, lambda _: self._sent(kind))

    def _sent(self, kind: ChannelKind) -> str:
        """Return the numbers of messages on the channel, by their states."""
        states = self._work.ledger.statistics.states(*self._work.named, Only(channel=kind))
        said = ", ".join(f"{count} {state}" for state, count in states.items() if count)
        return f"{self._work.notice}: {said or 'no message'}"


async def show_letters(case: Case, planned: PlannedOccurrence) -> None:
    """Show a task for each notice of the occurrence of which letters wait for a person who hands them over."""
    for notice in case.notices:
        mine = (notice.step, notice.occurrence) == (planned.step, planned.number)
        if mine and notice.letters_to_hand_over:
            await as_task("print letters", _left_to_a_person, partial(_letters, case, notice))


async def _left_to_a_person() -> None:
    """Do nothing: the state of the task names the command."""


def _letters(case: Case, notice: NoticeStatus, _done: None) -> Waiting:
    command = f"amends letters {case.incident.id} {notice.id} --out DIR --as NAME"
    waits = counted(notice.letters_to_hand_over, "letter waits", "letters wait")
    return Waiting(waits_for=WaitsFor.LETTERS, why=f"{notice.id}: {waits} to be handed over: `{command}`")
