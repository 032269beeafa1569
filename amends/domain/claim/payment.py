"""Payment files: which claims go into one, who may make and release it, and what the bank's answer means."""

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import Field

from amends.domain.base.errors import Refusal
from amends.domain.base.money import Money
from amends.domain.base.value import Moment, Value
from amends.domain.claim.account import Account, sepa_text
from amends.domain.claim.claim import PaymentState
from amends.domain.claim.rules import EURO, PayingAccount
from amends.domain.team.member import Member
from amends.domain.team.vote import to_act, why_not_vote


class PaymentLine(Value):
    """One payment in a file. Holds personal data: never log or print it."""

    claim: int
    end_to_end: str
    account: Account = Field(repr=False)
    money: Money


class PaymentFormat(StrEnum):
    """A format of payment files."""

    CSV = "csv"
    PAIN = "pain.001"


class PaymentFile(Value):
    """A payment file: made by one member, released by another."""

    id: int
    made_by: str
    made_at: Moment
    currency: str
    count: int
    total: int
    """The sum of all payments in minor units."""
    message_id: str
    """The reference of the file that the bank gives back (MsgId)."""
    pay_from: PayingAccount | None = None
    released_by: str = ""
    released_at: Moment | None = None
    form: PaymentFormat | None = None
    """The format in which the file was released, and the only one in which it is written."""
    dropped_by: str = ""
    dropped_at: Moment | None = None

    @property
    def state(self) -> str:
        """Return how far the file is: made, released or dropped."""
        return "dropped" if self.dropped_at else "released" if self.released_at else "made"


class BankStatus(StrEnum):
    """A status of a payment, as the bank states it."""

    PAID = "paid"
    RETURNED = "returned"
    """The payment was refused or came back."""
    PENDING = "pending"
    """The bank has the payment and has not carried it out."""

    @property
    def state(self) -> PaymentState | None:
        """Return the state of the payment that this leads to, or None when it changes nothing."""
        return {BankStatus.PAID: PaymentState.PAID, BankStatus.RETURNED: PaymentState.RETURNED}.get(self)


@dataclass(frozen=True, slots=True)
class BankLine:
    """One line of a bank's answer."""

    place: str
    """The place in the file, as file:line:column."""
    status: BankStatus
    end_to_end: str = ""
    message_id: str = ""
    """Instead of one payment: the file, all of whose payments have this status."""
    minor: int | None = None
    """The amount in minor units when the bank names it."""
    currency: str = ""
    reason: str = ""


@dataclass
class BankAnswer:
    """The outcome of taking in a bank's answer, in numbers and without personal data."""

    paid: int = 0
    returned: int = 0
    unchanged: int = 0
    """Lines that say what the ledger knows already."""
    pending: int = 0
    refused: list[str] = field(default_factory=list)
    """A sentence with its place for each line that fits no payment."""


def fits_pain(account: Account, currency: str) -> bool:
    """Return True when pain.001 can name the account: in euros by its IBAN, else also by a number and Latin names."""
    return bool(account.iban) or (currency != EURO and all(map(sepa_text, (account.holder, account.bank))))


def why_not_end(file: PaymentFile) -> Refusal | None:
    """Return why nobody may release or drop the file any more, or None."""
    if file.dropped_at:
        return Refusal(f"payment file {file.id} was dropped by {file.dropped_by}")
    if file.released_at:
        return Refusal(f"payment file {file.id} was released by {file.released_by} already")
    return None


def why_not_release(file: PaymentFile, by: Member) -> Refusal | None:
    """Return why this member may not release the file, or None: whoever made the file is the first of two people."""
    made = f"{file.made_by} made payment file {file.id}: another member must release it"
    return why_not_end(file) or why_not_vote(by, to_act("release a payment file", {file.made_by: made}))


def why_not_take(state: PaymentState, minor: int, currency: str, line: BankLine) -> Refusal | None:
    """Return why a line of the bank's answer cannot be about the payment in this state and amount, or None."""
    if state in (PaymentState.PREPARED, PaymentState.DROPPED):
        return Refusal("its payment file was never released")
    if line.minor is not None and (line.minor, line.currency or currency) != (minor, currency):
        return Refusal("its amount is not that of the payment")
    return None
