"""Legal holds: a member's word that nothing of a person, or of a whole case, may be forgotten."""

from collections.abc import Iterable

from amends.domain.base.value import Moment, Value

LONGEST_REASON = 300
"""The most characters of a reason."""
NOTED_BESIDE = "a hold that is noted beside the ledger, which lacks it since a backup was restored"
"""The words for a hold that a restored ledger does not have; nobody knows any more who gave it."""


class LegalHold(Value):
    """A legal hold on one person, or on the whole case."""

    id: int
    person: int | None = None
    """The number of the person; None for the whole case."""
    reason: str = ""
    by: str = ""
    at: Moment | None = None
    """None for a hold that only the file beside the ledger knows."""
    lifted_by: str = ""
    lifted_at: Moment | None = None
    lifted_why: str = ""

    @property
    def in_force(self) -> bool:
        """Return True until the hold is lifted."""
        return self.lifted_at is None

    def covers(self, person: int | None) -> bool:
        """Return True when the hold keeps this person, or, for None, anything that is of no person alone."""
        return self.in_force and (self.person is None or self.person == person)

    @property
    def in_words(self) -> str:
        """Return whom the hold keeps and who gave it, for the plan and for refusals."""
        whom = "" if self.person is None else f"person {self.person} "
        return f"{whom}under hold by {self.by}" if self.by else f"{whom}under {NOTED_BESIDE}"


def people_held(holds: Iterable[LegalHold]) -> frozenset[int]:
    """Return the people whom a hold of their own keeps."""
    return frozenset(hold.person for hold in holds if hold.in_force and hold.person is not None)


def whole_case_held(holds: Iterable[LegalHold]) -> LegalHold | None:
    """Return a hold in force on the whole case, or None."""
    return next((hold for hold in holds if hold.in_force and hold.person is None), None)


def why_kept(holds: Iterable[LegalHold], person: int | None = None) -> LegalHold | None:
    """Return a hold that keeps this person, or the whole case; None when nothing does.

    For the whole case (`person` None) the hold of one person keeps all of it, because its key is one.
    """
    found = [hold for hold in holds if hold.in_force]
    if person is None:
        return found[0] if found else None
    return next((hold for hold in found if hold.covers(person)), None)
