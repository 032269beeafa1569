"""The rules of claims in a playbook, and the decisions that follow from them."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pydantic import model_validator

from amends.domain.base.audience import EVERYONE, Audience, Everyone, Segment
from amends.domain.base.errors import Refusal
from amends.domain.base.money import Amount, Currency, Money, minor_of
from amends.domain.base.value import FIRST_STATED, LAST_STATED, Lasting, Span, Value
from amends.domain.claim.account import BIC, LONGEST_NAME, sepa_text, why_not_iban
from amends.domain.claim.claim import LONGEST_REASON, ClaimDecision, ClaimState, CompensationClaim
from amends.domain.team.member import Member
from amends.domain.team.vote import TWO, VoteRule, agreeing, enough, to_act, why_not_vote

EURO = "EUR"
REMINDED_BEFORE = timedelta(days=14)
"""The time before the end of `account_within` at which a person without an account is reminded."""


class PayingAccount(Value):
    """The organisation's account from which compensation is paid."""

    name: str
    iban: str
    bic: str = ""

    @model_validator(mode="after")
    def _is_an_account(self) -> "PayingAccount":
        if why := why_not_iban(self.iban):
            raise ValueError(f"iban: {why}")
        if self.bic and not BIC.fullmatch(self.bic):
            raise ValueError("bic: a BIC has 8 or 11 capitals and digits, as in DEUTDEFF")
        if not 0 < len(self.name) <= LONGEST_NAME or not sepa_text(self.name):
            raise ValueError(f"name: 1 to {LONGEST_NAME} Latin letters are expected")
        return self


class ClaimRules(Value):
    """The rules of claims: who may claim until when, who decides up to which amount, and what is the most."""

    currency: Currency
    audience: Audience = EVERYONE
    """Everyone, or the name of the segment whose people may claim."""
    last_day: date | None = None
    """The last day to claim, on the organisation's clock."""
    within: Lasting | None = None
    """Instead of a day: the time after people were told, at the end of which the last day is over."""
    reply_within: Lasting = Span(days=14)
    """The time within which a person knows the decision."""
    object_within: Lasting = Span(days=30)
    """The time after a decision in which the person may object."""
    account_within: Lasting = Span(days=60)
    """The time after a claim was granted, or its payment came back, within which the person names an account.

    The person is reminded once, 14 days before; then the claim lapses, and its money is the budget's again.
    """
    one_approver_up_to: Amount
    """Up to this claimed amount one member decides; above, two different ones must say the same."""
    by_rule_up_to: Amount = Decimal(0)
    """Up to this amount a claim without need of evidence is granted at once, by no person."""
    evidence_above: Amount = Decimal(0)
    """A claim above this amount and without evidence is granted by no rule, and by members with a reason alone."""
    cap: Amount
    """The most that is granted for one claim."""
    cap_per_person: Amount
    """The most that is granted to one person."""
    budget: Amount
    """The most that is granted in all."""
    pay_from: PayingAccount | None = None
    """The account of payment files in the format pain.001."""

    @model_validator(mode="after")
    def _fits_together(self) -> "ClaimRules":
        if (self.last_day is None) == (self.within is None):
            raise ValueError("say until when people may claim: either last_day, or within (after they were told)")
        if self.last_day and not FIRST_STATED <= self.last_day.year <= LAST_STATED:
            raise ValueError(f"last_day: a day between the years {FIRST_STATED} and {LAST_STATED} is meant")
        if not isinstance(self.audience, Everyone | Segment):
            raise ValueError("audience: everyone, or a segment of the list of people")  # noqa: TRY004 - pydantic's word
        for name in ("one_approver_up_to", "by_rule_up_to", "evidence_above", "cap", "cap_per_person", "budget"):
            try:
                minor_of(getattr(self, name), self.currency)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        if not 0 < self.cap <= self.cap_per_person <= self.budget:
            raise ValueError("cap must be above 0, cap_per_person at least cap, and budget at least cap_per_person")
        if self.account_within <= REMINDED_BEFORE or self.account_within < self.object_within:
            raise ValueError("account_within must be above 14d, when people are reminded, and at least object_within")
        if self.by_rule_up_to > self.one_approver_up_to:
            raise ValueError("by_rule_up_to cannot be above one_approver_up_to: no rule decides what needs two people")
        return self

    def minor(self, name: str) -> int:
        """Return the amount of this key in minor units."""
        return minor_of(getattr(self, name), self.currency)

    def last_moment(self, told_at: datetime | None, zone: str) -> datetime | None:
        """Return the end of the last day to claim, or None while it counts from something that has not happened."""
        day = self.last_day
        if day is None:
            if told_at is None or self.within is None:
                return None
            day = (told_at + self.within).astimezone(ZoneInfo(zone)).date()
        return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone))

    def approvers(self, asked_minor: int) -> int:
        """Return how many different members decide on a claim of this amount."""
        return 1 if asked_minor <= self.minor("one_approver_up_to") else TWO


class GrantedSoFar(NamedTuple):
    """The minor units that were granted to other claims."""

    to_person: int = 0
    in_all: int = 0


class ClaimVerdict(NamedTuple):
    """A decision that is to be recorded: the minor units granted, 0 for a rejection, and the reason for the person."""

    granted: int
    reason: str = ""
    without_evidence: str = ""
    """The reason, for the team, to grant a claim whose evidence is needed and missing."""


def most_to_grant(rules: ClaimRules, asked: int, others: GrantedSoFar) -> int:
    """Return the most minor units that can be granted to a claim, by the caps and the budget."""
    left = (
        asked,
        rules.minor("cap"),
        rules.minor("cap_per_person") - others.to_person,
        rules.minor("budget") - others.in_all,
    )
    return max(0, min(left))


def verdict_by_rule(
    rules: ClaimRules, asked: Money, files: int, others: GrantedSoFar, *, first: bool = True
) -> ClaimVerdict | None:
    """Return the decision that needs no person: all of a small amount is granted; None when people decide.

    Signals of fraud play no part. After an objection (not `first`) people decide.
    """
    small = asked.minor <= rules.minor("by_rule_up_to")
    evident = not lacks_evidence(rules, asked.minor, files)
    if not (first and small and evident and asked.currency == rules.currency):
        return None
    return ClaimVerdict(asked.minor) if most_to_grant(rules, asked.minor, others) == asked.minor else None


def lacks_evidence(rules: ClaimRules, asked_minor: int, files: int) -> bool:
    """Return True for a claim without evidence above the amount up to which none is needed."""
    return not files and asked_minor > rules.minor("evidence_above")


def why_not_decide(
    rules: ClaimRules, claim: CompensationClaim, by: Member, verdict: ClaimVerdict, others: GrantedSoFar
) -> Refusal | None:
    """Return why this member may not decide so on the claim, or None."""
    if claim.state is not ClaimState.RECEIVED:
        return Refusal(f"claim {claim.id} is {claim.state}: there is nothing to decide")
    return (
        why_not_vote(by, _vote_rule(claim), _agreed(claim))
        or _why_not_amount(rules, claim, verdict, others)
        or _why_not_unproven(rules, claim, verdict)
    )


def _vote_rule(claim: CompensationClaim) -> VoteRule:
    """Return the rule of votes on a claim: neither who entered it decides, nor who did before an objection."""
    earlier = {decision.by for decision in claim.decisions if decision.round < claim.round}
    barred = {
        name: f"{name} decided claim {claim.id} before the objection: somebody else decides now" for name in earlier
    }
    if by := claim.entered_by:
        barred[by] = f"{by} entered claim {claim.id}: somebody else decides"
    again = f"{{name}} has decided claim {claim.id}; a second, different member must"
    return to_act("decide on a claim", barred)._replace(again=again)


def _why_not_unproven(rules: ClaimRules, claim: CompensationClaim, verdict: ClaimVerdict) -> Refusal | None:
    why, lacks = verdict.without_evidence.strip(), lacks_evidence(rules, claim.asked.minor, claim.files)
    if len(why) > LONGEST_REASON:
        return Refusal(f"a reason has at most {LONGEST_REASON} characters")
    if why and not (lacks and verdict.granted):
        return Refusal(f"nothing is granted to claim {claim.id} without evidence: leave out --without-evidence")
    if why or not (lacks and verdict.granted):
        return None
    above = Money(rules.minor("evidence_above"), rules.currency)
    return Refusal(f"claim {claim.id} has no evidence, needed above {above}; else say why: --without-evidence REASON")


def _why_not_amount(
    rules: ClaimRules, claim: CompensationClaim, verdict: ClaimVerdict, others: GrantedSoFar
) -> Refusal | None:
    if claim.asked.currency != rules.currency:
        return Refusal(f"claim {claim.id} is in {claim.asked.currency}, and the playbook now pays {rules.currency}")
    if not 0 <= verdict.granted <= claim.asked.minor:
        return Refusal(f"claim {claim.id} asks for {claim.asked}: nobody is granted more")
    most = most_to_grant(rules, claim.asked.minor, others)
    if verdict.granted > most:
        left = Money(most, rules.currency)
        return Refusal(f"the caps and the budget of the playbook leave {left} for claim {claim.id}")
    if verdict.granted < claim.asked.minor and not verdict.reason.strip():
        return Refusal("less than was asked for needs a reason in words for the person: --reason TEXT")
    if len(verdict.reason) > LONGEST_REASON:
        return Refusal(f"a reason has at most {LONGEST_REASON} characters")
    return None


def is_decided(rules: ClaimRules, claim: CompensationClaim) -> bool:
    """Return True when as many different members have decided alike in a row as the amount needs."""
    return enough(_agreed(claim), rules.approvers(claim.asked.minor))


def why_not_take_up(
    rules: ClaimRules, claim: int, state: ClaimState, granted: Money, others: GrantedSoFar
) -> Refusal | None:
    """Return why the caps and the budget no longer leave what a lapsed claim was granted, or None."""
    most = most_to_grant(rules, granted.minor, others)
    if state is not ClaimState.LAPSED or most == granted.minor:
        return None
    left = f"the caps and the budget of the playbook leave {Money(most, granted.currency)} for claim {claim}"
    return Refusal(f"{left}, which was granted {granted}")


def _agreed(claim: CompensationClaim) -> tuple[ClaimDecision, ...]:
    """Return the last decisions of this round that grant the same: a member who decides otherwise begins anew."""
    return agreeing([one for one in claim.decisions if one.round == claim.round], lambda decision: decision.granted)
