"""Money that is spent on a commitment, beside its budget."""

from amends.domain.base.errors import Refusal
from amends.domain.base.money import Money
from amends.domain.base.value import Moment, Value
from amends.domain.incident.commitment import Commitment

LONGEST_INVOICE = 80


class Spending(Value):
    """One payment for a commitment."""

    invoice: str
    """The number of the invoice, or another word that names the payment alone."""
    amount: Money
    by: str
    """The member who recorded it."""
    at: Moment


def why_not_spend(commitment: Commitment, invoice: str, amount: Money, known: str) -> Refusal | None:
    """Return why this amount may not be recorded for the invoice, or None; `known` is the amount it had before, or "".

    More than the budget may be recorded: money that is gone is gone, and the team sees it.
    """
    if not invoice.strip() or len(invoice) > LONGEST_INVOICE:
        return Refusal(f"an invoice is named in 1 to {LONGEST_INVOICE} characters")
    if known and known != str(amount):
        return Refusal(f"invoice {invoice} is recorded already, with {known}")
    counted_in = commitment.budget or commitment.spent
    if counted_in and counted_in.currency != amount.currency:
        return Refusal(f"{commitment.id} is counted in {counted_in.currency}, and {amount} is another currency")
    return None


def total(commitment: Commitment, amount: Money) -> Money:
    """Return all that is spent on the commitment, with this amount."""
    return commitment.spent.plus(amount) if commitment.spent else amount
