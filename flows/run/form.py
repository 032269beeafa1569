"""Forms: what a person asks for in Prefect is done, or the run's state says what is wrong and what to do."""

import asyncio
from collections.abc import Awaitable, Callable

from prefect import State
from prefect.states import Completed, Failed

from amends.domain.base.errors import AmendsError, NotInLedger
from amends.ledger import Ledger
from flows.run.choices import offer_choices, open_incidents
from flows.run.context import Context, opened
from flows.run.schedule import tag_own_run

REFUSED = "Refused"
"""The name of the state in which a form ends that could not be carried out; its message says what to do."""

Fill = Callable[[Context], Awaitable[str]]
"""A coroutine that does what the form asks for, and returns what was done in a sentence: numbers and ids only."""


async def carry_out_form(incident_id: str, fill: Fill) -> State[None]:
    """Do what the form asks for of this incident, and return the state that says what was done or what to do."""
    await tag_own_run(incident_id)
    try:
        with opened() as context:
            try:
                said = await fill(context)
            except NotInLedger as error:
                return _refused(f"{error}; {await asyncio.to_thread(_incidents_there_are, context.ledger)}")
            await offer_choices(context)
    except AmendsError as error:
        return _refused(str(error))
    return Completed(message=said)


def _refused(why: str) -> State[None]:
    return Failed(name=REFUSED, message=why)


def _incidents_there_are(ledger: Ledger) -> str:
    known = ", ".join(open_incidents(ledger))
    return f"open are: {known}" if known else "none is open: `amends incident open FILE --audience FILE` opens one"
