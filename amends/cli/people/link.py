"""Commands for personal links; each link leads one person to their own page."""

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, IncidentId, PersonNumber, noun

app = noun()


@app.command()
def revoke(ctx: typer.Context, incident: IncidentId, person: PersonNumber, name: As) -> None:
    """Stop a person's link, for example because it was passed on; their next message carries a new one."""
    desk: Desk = ctx.obj
    desk.ledger.people.revoke_link(incident, person, desk.member(name).name, now())
    desk.show({"incident": incident, "person": person}, f"the link of person {person} does not work any more")
    desk.hint(f"`amends link renew {incident} {person} --as NAME` gives them a new one at once")


@app.command()
def renew(ctx: typer.Context, incident: IncidentId, person: PersonNumber, name: As) -> None:
    """Give a person a new link, for example because theirs has expired; the old one stops working.

    Make sure first who asks. The new one is shown once: send it to an address that you know to be the person's.
    """
    from amends.domain.draft.writer import Links
    from amends.domain.notice.notice import Slot

    desk: Desk = ctx.obj
    token = desk.ledger.choices.renew_link(incident, person, desk.member(name).name, now())
    link = Links(desk.settings.public_url).personal.replace(Slot.PERSONAL_LINK.mark, token)
    desk.show({"incident": incident, "person": person, "link": link}, link)
    desk.hint("it is shown only now; `amends link revoke` stops it")
