"""Refused attempts: who called a verb that is not for their role, as the audit chain keeps it."""

from amends.domain.base.value import Moment, Value

REFUSED = "refused"
"""The act of a refused attempt in the audit chain."""


class RefusedAttempt(Value):
    """One call that the table of roles refused to a member who had proved their name."""

    at: Moment
    incident: str = ""
    """The id that was named; empty for a verb of no incident."""
    by: str
    role: str
    """The member's role at that time."""
    verb: str
