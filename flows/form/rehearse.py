"""Rehearse: play a playbook through in virtual time, with invented people; nothing is sent and no ledger is read."""

import asyncio
from collections.abc import Iterable
from typing import Annotated

from prefect import State, flow
from prefect.states import Completed
from pydantic import Field

from amends.content.file.shipped import library
from amends.content.playbook.library import find_playbook
from amends.content.rehearse import find_injects
from amends.domain.base.errors import AmendsError, NotAllowed
from amends.domain.base.text import counted, counts, length, minute
from amends.domain.rehearse.report import Noticed, Order, RehearsalReport, what_was_not_kept
from amends.domain.rehearse.text import sums
from amends.rehearsal_process import carry_out, check
from amends.system.processes import give_way
from flows.run.artifacts import show
from flows.run.form import refused

EXAMPLE = library() / "examples" / "stolen-terminals"
Days = Annotated[int, Field(ge=1, le=90)]
"""Days of a rehearsal that is begun in Prefect, where it is to be over soon; `amends rehearse` plays more."""
NICER = 10
"""The niceness of a rehearsal, which yields to a send on the same machine."""


@flow(name="rehearse", flow_run_name="rehearse {playbook}, {days} days")
async def rehearse(
    playbook: str = "customer-data-theft", injects: tuple[str, ...] = (), days: Days = 30
) -> State[None]:
    """Play a playbook through with the example incident and a simulated team, in virtual time. Nothing is sent.

    The report is an artifact of the run, under *Artifacts*: who was told when, what was not kept, and what went wrong.
    With facts of your own, and for longer: `amends rehearse`.

    Args:
        playbook: The playbook that is played through in virtual time, with the example incident, invented people and a
            simulated team. Nothing is sent. One of your own: the absolute path of its file.
        injects: What goes wrong; with none, everything goes well.
        days: How many days pass, 90 at the most. Thirty take a quarter of a minute, more beside other work.
    """
    try:
        order = await asyncio.to_thread(_order, playbook, injects, days)
        give_way(NICER)
        found = await asyncio.to_thread(carry_out, order, quiet=True)
    except AmendsError as error:
        return refused(str(error))
    await show(found.playbook, "rehearsal", rehearsal_page(found), "What a rehearsal found; nothing was sent")
    return Completed(message=_in_short(found))


def _order(playbook: str, injects: Iterable[str], days: int) -> Order:
    """Return the order, checked. Raises ContentError for a wrong file, and NotAllowed for a clash of injects."""
    order = Order(
        playbook=find_playbook(playbook).absolute(),
        incident=EXAMPLE / "incident.yaml",
        audience=EXAMPLE / "audience.csv",
        injects=tuple(find_injects(name).absolute() for name in injects),
        days=days,
    )
    try:
        check(order)
    except ValueError as error:
        raise NotAllowed(str(error)) from None
    return order


def _in_short(found: RehearsalReport) -> str:
    missed = len(list(what_was_not_kept(found)))
    kept = f"{counted(missed, 'time was', 'times were')} not kept" if missed else "every time was kept"
    wrong = len(found.ledger_faults) + found.twice
    faults = f"; WRONG: {counted(wrong, 'fault')} of Amends itself" if wrong else ""
    return f"rehearsed {found.days} days with {found.people} invented people, nothing was sent: {kept}{faults}"


def rehearsal_page(found: RehearsalReport) -> str:
    """Return the report as a page: what was not kept and what went wrong first, then the notices and the sums."""
    happened = [f"{minute(one.at)}: {one.what}" for one in found.injected]
    troubles = [f"{minute(trouble.at)}: {trouble.what}" for trouble in found.troubles]
    sections = {
        "Not kept": list(what_was_not_kept(found)) or ["every time was kept"],
        "What did not go as it should": troubles,
        "WRONG: faults of Amends itself": list(found.ledger_faults),
        "What happened": happened,
        "Notices": list(map(_notice, found.notices)),
        "In sum": sums(found),
    }
    head = (
        f"# Rehearsal of {found.playbook}: nothing was sent, nobody was told\n\n{found.people} invented people of "
        f"`{found.incident}`, {found.days} days from {minute(found.start)}. With: {found.injects}\n"
    )
    return head + "".join(f"\n## {title}\n{_listed(lines)}" for title, lines in sections.items() if lines)


def _listed(lines: Iterable[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


def _notice(notice: Noticed) -> str:
    approved = f"approved after {length(notice.waited)}" if notice.waited else "waits for approval"
    arrived = f"first arrived {minute(notice.first_at)}" if notice.first_at else "reached nobody"
    return f"**{notice.id}**: drafted {minute(notice.drafted_at)}, {approved}, {arrived}; {counts(notice.people)}"
