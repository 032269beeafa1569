"""Takes messages out of the hands of workers: nothing more of their pages may leave."""

from collections.abc import Collection

from sqlalchemy import update
from sqlmodel import Session, col

from amends.ledger.tables import LeaseRow

NO_FACTS = 0
"""No version of an incident file is called so: a page that was claimed under it may not leave."""


def recall(session: Session, incident: str, leases: Collection[int] | None = None) -> None:
    """What is marked from now on of these leases, or of all that the incident has, is refused; what has left counts.

    The worker gives such a page back, and what may still leave of it is claimed anew.
    """
    these = [col(LeaseRow.incident) == incident]
    if leases is not None:
        these.append(col(LeaseRow.id).in_(leases))
    session.connection().execute(update(LeaseRow).where(*these).values(facts=NO_FACTS))
