"""Forms: what a person asks for in Prefect is done, or the run's state says what is wrong and what to do."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from prefect import State
from prefect.states import Completed, Failed

from amends.domain.base.errors import AmendsError, LedgerUnavailable, NotInLedger
from amends.domain.base.text import minute
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.team.verbs import why_not_call_by_form
from amends.ledger import Ledger
from flows.run.choices import offer_choices, open_incidents
from flows.run.context import Context, opened
from flows.run.graph import begin_graph
from flows.run.occurrence import settle
from flows.run.schedule import tag_own_run

REFUSED = "Refused"
"""The name of the state in which a form ends that has changed nothing; its message says why and what to do."""

Fill = Callable[[Context], Awaitable[str]]
"""A coroutine that does what the form asks for, and returns what was done in a sentence: numbers and ids only."""


async def carry_out_form(verb: str, incident_id: str, fill: Fill) -> State[None]:
    """Do what the form asks for of this incident, and return the state that says what was done, or what to do.

    The verb must be one that the table of roles lets forms call. The ledger comes first, so that a form that stops
    something needs no answer from Prefect before it does.
    """
    if refusal := why_not_call_by_form(verb):
        return refused(refusal)
    begin_graph()
    try:
        with opened() as context:
            try:
                said = await fill(context)
            except NotInLedger as error:
                return refused(f"{error}; {await asyncio.to_thread(_incidents_there_are, context.ledger)}")
            return await _settled(context, incident_id, said)
    except AmendsError as error:
        return refused(str(error))


def refused(why: str) -> State[None]:
    """Return the state of a form that has changed nothing."""
    return Failed(name=REFUSED, message=why)


async def _settled(context: Context, incident_id: str, said: str) -> State[None]:
    """Show and set up what follows from the form, and return its state."""
    await tag_own_run(incident_id)
    try:
        await settle(context, incident_id)
        await offer_choices(context)
    except AmendsError as error:
        return Failed(message=f"{said}; what comes next is not set up, and the next sweep tries again: {error}")
    return Completed(message=said)


def tell_leads(context: Context, incident_id: str, form: str, what: str) -> None:
    """Record an alert: a form needs no token, so the leads hear of what was done by one."""
    now = context.clock()
    with suppress(LedgerUnavailable):  # what the form has done stands, and its state says so
        words = f"by a form in Prefect, at {minute(now)}: {what}"
        context.ledger.alerts.record(incident_id, Alert(AlertId(AlertKind.BY_FORM, form, minute(now)), words, now))


def _incidents_there_are(ledger: Ledger) -> str:
    known = ", ".join(open_incidents(ledger))
    return f"open are: {known}" if known else "none is open: `amends incident open FILE --audience FILE` opens one"
