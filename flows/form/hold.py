"""Hold: let nothing of an incident leave before a time, because law enforcement asked for it."""

import asyncio
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from prefect import State, flow
from pydantic import Field

from amends.domain.base.errors import NotAllowed
from amends.domain.base.text import minute
from amends.domain.base.value import to_utc
from amends.domain.team.member import FROM_PREFECT
from flows.run.context import Context
from flows.run.form import carry_out_form, tell_leads

Reference = Annotated[str, Field(min_length=1, max_length=200)]


@flow(name="hold", flow_run_name="{incident_id} hold")
async def hold(incident_id: str, until: datetime, reference: Reference) -> State[None]:
    """Let nothing of an incident leave before a time, because law enforcement asked for it.

    A send that is under way stops too; drafting and approving go on. A day before the end the lead is asked to look
    again; then what is approved leaves. The form makes a hold longer and never shorter; `amends incident lift INC --as
    NAME` ends it.

    Args:
        incident_id: The incident of which nothing leaves before a time, because law enforcement asked for it. A send
            that is under way stops too; drafting and approving go on.
        until: The time before which nothing leaves. A hold can be made longer here, and never shorter.
        reference: The number of the letter or file in which it was asked for. No names: everybody in Prefect reads it.
    """

    async def fill(context: Context) -> str:
        end = await asyncio.to_thread(_hold, context, incident_id, until, reference)
        return (
            f"nothing of {incident_id} leaves before {minute(end)}; deadlines of the law go on, "
            f"`amends timeline {incident_id}` has them; `amends incident lift {incident_id} --as NAME` ends it"
        )

    return await carry_out_form("incident embargo", incident_id, fill)


def _hold(context: Context, incident_id: str, until: datetime, reference: str) -> datetime:
    """Record the embargo, and return its end in UTC; a time without a zone is that of the organisation's clock."""
    ledger = context.ledger
    zone = ZoneInfo(ledger.cases.incident_file(incident_id).organisation.timezone)
    try:
        end = to_utc(until if until.tzinfo else until.replace(tzinfo=zone))
    except ValueError as error:
        raise NotAllowed(f"{until.isoformat(timespec='minutes')}: {error}; look at the year") from None
    ledger.incidents.embargo(incident_id, end, reference, FROM_PREFECT, context.clock())
    tell_leads(context, incident_id, "hold", f"nothing leaves before {minute(end)}")
    return end
