"""What speaks against a step of a playbook, before anybody knows in which file and line it stands."""

from amends.domain.assessment import Severity
from amends.domain.value import Value


class Objection(Value):
    """One thing about one step that cannot be as it was meant."""

    step: str
    key: str
    """The key of the step that says so."""
    why: str
    advice: str = ""
    severity: Severity | None = None
    """From which severity on, where it is about a change in `by_severity`."""
