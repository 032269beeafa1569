"""Claims of compensation: what a person asks for, how it was decided, and what became of the payment."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from amends.domain.base.errors import Refusal
from amends.domain.base.home_file import HomeFile, NewHomeFile
from amends.domain.base.money import Money
from amends.domain.base.value import Moment, Value
from amends.domain.claim.account import Account

LONGEST_CLAIM = 2_000
"""The largest number of characters of what a person says that something cost them."""
LONGEST_REASON = 1_000
"""The largest number of characters of the reason for a decision."""
BY_RULE = "rule"
"""The name under which a decision stands that the playbook's rules made."""


class ClaimWay(StrEnum):
    """The way by which a claim came."""

    PAGE = "page"
    MAIL = "mail"
    """A mail or another message of a person, which a member made a claim of."""
    DESK = "desk"
    """A member entered what somebody said on the telephone, at the counter or in a letter."""


class ClaimState(StrEnum):
    """The state of a claim."""

    RECEIVED = "received"
    """The claim waits for a decision, or for the second of two."""
    GRANTED = "granted"
    """The claim is granted, wholly or partly, and in no payment file."""
    REJECTED = "rejected"
    IN_PAYMENT = "in_payment"
    """The claim is in a payment file, and the bank has not said what became of the payment."""
    PAID = "paid"
    RETURNED = "returned"
    """The payment came back; the claim is paid again once there is another account."""
    LAPSED = "lapsed"
    """The claim was granted, and its person named no account until the last day; a member may take it up again."""

    @property
    def is_open(self) -> bool:
        """Return True while somebody of the team, the person or the bank has something to do."""
        return self not in (ClaimState.REJECTED, ClaimState.PAID, ClaimState.LAPSED)


OPEN_STATES = tuple(state for state in ClaimState if state.is_open)
UNPAYABLE = (ClaimState.GRANTED, ClaimState.RETURNED)
"""The states in which a claim without an account to pay to waits for one until its last day."""
OBJECTABLE = (ClaimState.GRANTED, ClaimState.REJECTED)
"""The states in which a person may object: a payment that is on its way can no longer be changed."""


class PaymentState(StrEnum):
    """The state of one payment for a claim; a later state is never followed by an earlier one."""

    PREPARED = "prepared"
    """In a payment file that nobody has released."""
    DROPPED = "dropped"
    """In a payment file that was dropped before anybody released it; it has never left."""
    RELEASED = "released"
    """In a payment file that was released to the bank."""
    PAID = "paid"
    RETURNED = "returned"


class ClaimDecision(Value):
    """One member's decision on a claim, or that of the rules."""

    by: str
    round: int
    """1 for the first decision, 2 for that after an objection."""
    granted: int
    """The minor units that are granted; 0 for a rejection."""
    reason: str = Field(default="", repr=False)
    """The reason in words for the person; needed when less is granted than was asked for."""
    without_evidence: str = ""
    """The reason, for the team, to grant the claim although its evidence is missing; holds no personal data."""
    at: Moment


class ClaimPayment(Value):
    """One payment for a claim."""

    attempt: int
    file: int
    end_to_end: str
    """The reference that the bank gives back (EndToEndId)."""
    minor: int
    state: PaymentState
    at: Moment
    reason: str = ""
    """The bank's code for a return, such as AC04."""


class CompensationClaim(Value):
    """A claim in the ledger. Holds personal data: never log or print it outside of the team's tools."""

    id: int
    person: int
    question: int
    """The question under which the claim's words and the answers to the person stand."""
    locale: str
    source: ClaimWay
    entered_by: str = ""
    """The member who entered the claim; empty when the person did."""
    asked: Money
    text: str = Field(repr=False)
    state: ClaimState
    round: int = 1
    granted: Money | None = None
    decisions: tuple[ClaimDecision, ...] = ()
    at: Moment
    due_at: Moment
    """The time by which the person is to know the decision."""
    decided_at: Moment | None = None
    account_due_at: Moment | None = None
    """The time by which the person is to name an account; None while none is awaited."""
    account_reminded_at: Moment | None = None
    """The time at which the person was reminded of it."""
    objected_at: Moment | None = None
    objection: str = Field(default="", repr=False)
    account: Account | None = Field(default=None, repr=False)
    files: int = 0
    """The number of files with evidence."""
    payments: tuple[ClaimPayment, ...] = ()

    @property
    def partly(self) -> bool:
        """Return True when less is granted than was asked for."""
        return self.granted is not None and 0 < self.granted.minor < self.asked.minor

    @property
    def reason(self) -> str:
        """Return the reason of the decision that stands, or "" without one."""
        return self.decisions[-1].reason if self.decisions and self.state is not ClaimState.RECEIVED else ""

    @property
    def reopened(self) -> bool:
        """Return True after an objection."""
        return self.round > 1

    def overdue(self, now: datetime) -> bool:
        """Return True when the person should know the decision by now and does not."""
        return self.state is ClaimState.RECEIVED and self.due_at < now

    def may_be_objected_to(self) -> bool:
        """Return True when the person can object: once, to a rejection or a part, before a payment is under way."""
        return not self.reopened and self.state in OBJECTABLE and (self.partly or self.state is ClaimState.REJECTED)


@dataclass(frozen=True, slots=True)
class NewClaim:
    """A claim before the ledger stores it. Holds personal data: never log or print it."""

    person: int
    text: str = field(repr=False)
    asked: Money
    locale: str
    source: ClaimWay
    once: str
    """An idempotency key: a form that is sent again makes no second claim."""
    at: datetime
    """The time at which the claim came."""
    due_at: datetime
    account: Account | None = field(default=None, repr=False)
    device: str = field(default="", repr=False)
    """The address from which the form was sent; only a keyed hash is stored."""
    files: tuple[NewHomeFile, ...] = ()
    question: int | None = None
    """The question that becomes the claim, or None for a new one."""


class Evidence(HomeFile):
    """A file with evidence for a claim."""

    claim: int


class ClaimTotals(Value):
    """The claims of an incident in numbers; amounts are minor units of `currency`."""

    currency: str = ""
    claims: dict[str, int] = {}
    """The number of claims in each state."""
    asked: int = 0
    granted: int = 0
    paid: int = 0
    in_payment: int = 0
    budget: int | None = None
    overdue: int = 0

    @property
    def open(self) -> int:
        """Return the number of claims that are not settled."""
        return sum(count for state, count in self.claims.items() if ClaimState(state).is_open)

    def money(self, minor: int) -> str:
        """Return an amount in words."""
        return str(Money(minor, self.currency)) if self.currency else "0"


def why_not_object(claim: CompensationClaim, words: str, until: datetime | None, now: datetime) -> Refusal | None:
    """Return why the person cannot object to the decision, or None."""
    if claim.reopened:
        return Refusal(f"claim {claim.id} was objected to once already")
    if not claim.may_be_objected_to():
        return Refusal(f"claim {claim.id} is {claim.state}: there is nothing to object to")
    if until is not None and now > until:
        return Refusal(f"an objection to claim {claim.id} was possible until {until:%Y-%m-%d}")
    if len(words) > LONGEST_CLAIM:
        return Refusal(f"an objection has at most {LONGEST_CLAIM} characters")
    return None


def why_not_name_account(claim: int, state: ClaimState, by: str) -> Refusal | None:
    """Return why no account may be named for the claim, by this member or by the person (""), or None."""
    if state is ClaimState.LAPSED:
        return None if by else Refusal(f"claim {claim} has lapsed: only a member takes it up again")
    if not state.is_open or state is ClaimState.IN_PAYMENT:
        return Refusal(f"claim {claim} is {state}: it waits for no account")
    return None


def end_to_end(incident_mark: str, claim: int, attempt: int) -> str:
    """Return the reference of a payment: at most 35 characters that each bank takes, without personal data."""
    return f"AM{incident_mark}-{claim}-{attempt}"


def later(state: PaymentState, other: PaymentState) -> PaymentState:
    """Return the later of two states of a payment: a returned one was paid before, in whatever order one hears it."""
    order: Collection[PaymentState] = tuple(PaymentState)
    return max(state, other, key=tuple(order).index)
