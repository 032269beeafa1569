"""Claims of compensation for tests: rules, words, accounts, and the verbs with their usual values."""

from datetime import date, datetime, timedelta
from typing import Any

from amends.content.notice import shipped_wording
from amends.delivery.claims import claim_words
from amends.domain.base.money import Money, read_money
from amends.domain.claim.account import Account, read_account
from amends.domain.claim.claim import ClaimWay, CompensationClaim, NewClaim
from amends.domain.claim.payment import BankAnswer, BankLine, BankStatus, PaymentFile, PaymentFormat
from amends.domain.claim.rules import ClaimRules, ClaimVerdict, PayingAccount
from amends.domain.claim.words import ClaimTerms, ClaimWords
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from tests.builders import NOW, a_person, a_playbook, a_wording, an_incident
from tests.delivery.sending import INCIDENT

OMAR, WEI, MEI = (
    Member(name=name, role=role)
    for name, role in (("omar", TeamRole.LEGAL), ("wei", TeamRole.SECURITY), ("mei", TeamRole.LEAD))
)
EVE, ROSA = Member(name="eve", role=TeamRole.EXECUTIVE), Member(name="rosa", role=TeamRole.RESPONDER)
IBANS = ("DE89370400440532013000", "NL91ABNA0417164300", "FR1420041010050500013M02606", "GB29NWBK60161331926819")
OURS = PayingAccount(name="Betapai GmbH", iban="DE75512108001245126199", bic="SOGEDEFF")
DUE = NOW + timedelta(days=14)


def claim_rules(**changes: Any) -> ClaimRules:
    """Euros: 25 by rule, one approver up to 100, evidence above 250, at most 200 for a claim, 300 for a person, 1000 in all."""
    given: dict[str, Any] = {
        "currency": "EUR",
        "last_day": date(2027, 3, 31),
        "one_approver_up_to": 100,
        "by_rule_up_to": 25,
        "evidence_above": 250,
        "cap": 200,
        "cap_per_person": 300,
        "budget": 1000,
        "pay_from": OURS.model_dump(),
    }
    return ClaimRules.model_validate(given | changes)


RULES = claim_rules()


def with_claims(ledger: Ledger, people: int = 3, rules: ClaimRules = RULES) -> Ledger:
    """Open the incident, with a playbook that pays compensation."""
    ledger.incidents.open(an_incident(), [a_person(number=n) for n in range(1, people + 1)], "lena", NOW)
    ledger.playbooks.pin(INCIDENT, a_playbook(claims=rules.model_dump(mode="json")), a_wording(), "lena", NOW)
    return ledger


def words(ledger: Ledger) -> ClaimWords:
    return claim_words(ledger.cases.outline(INCIDENT), ledger.playbooks.wording(INCIDENT), shipped_wording())


def terms(ledger: Ledger, rules: ClaimRules = RULES) -> ClaimTerms:
    """The terms of claims, without a last day."""
    return ClaimTerms(rules, words(ledger), "support")


def euros(amount: str) -> Money:
    return read_money(amount, "EUR")


def an_account(number: int = 0, holder: str = "Kim Example") -> Account:
    return read_account(holder, IBANS[number])


def in_china(holder: str = "李雷") -> Account:
    """An account at a bank in China, where there are no IBANs."""
    return read_account(holder, "6222 0202 0011 2345 678", "中国工商银行")


def a_claim(amount: str = "50", **changes: Any) -> NewClaim:
    """A claim of person 1 from their page, with an account."""
    given: dict[str, Any] = {
        "person": 1,
        "text": "A new bank card.",
        "asked": euros(amount),
        "locale": "en",
        "source": ClaimWay.PAGE,
        "once": "a",
        "at": NOW,
        "due_at": DUE,
        "account": an_account(),
        "device": "192.0.2.7",
    }
    return NewClaim(**(given | changes))


def claimed(ledger: Ledger, amount: str = "50", by: str = "", **changes: Any) -> int:
    """Store a claim."""
    return ledger.claims.add(INCIDENT, a_claim(amount, **changes), terms(ledger), NOW, by)


def decided(
    ledger: Ledger,
    claim: int,
    amount: str,
    by: Member = OMAR,
    reason: str = "",
    rules: ClaimRules = RULES,
    now: datetime = NOW,
    unproven: str = "",
) -> CompensationClaim:
    """Record a decision; an amount of 0 rejects."""
    verdict = ClaimVerdict(euros(amount).minor, reason, unproven)
    return ledger.claims.decide(INCIDENT, claim, verdict, terms(ledger, rules), by, now)


def released(ledger: Ledger, file: int, by: Member = WEI) -> PaymentFile:
    """Release a payment file."""
    return ledger.payments.release(INCIDENT, file, PaymentFormat.PAIN, by, NOW)


def paid_file(ledger: Ledger, by: Member = OMAR, releaser: Member = WEI) -> PaymentFile:
    """Make a payment file, the only one, and release it."""
    (made,) = ledger.payments.make(INCIDENT, RULES, by, NOW)
    return released(ledger, made.id, releaser)


def bank_says(ledger: Ledger, end_to_end: str, status: BankStatus, **changes: Any) -> BankAnswer:
    """Take in one line of the bank's answer."""
    line = BankLine("bank.csv:2:1", status, end_to_end, **changes)
    return ledger.payments.take(INCIDENT, (line,), terms(ledger), "wei", NOW)


def named(ledger: Ledger, claim: int, account: Account, by: str = "", now: datetime = NOW) -> None:
    """Name the account of a claim; the person does without `by`."""
    ledger.claims.give_account(INCIDENT, claim, account, RULES, now, by)


def objected(ledger: Ledger, claim: int, why: str = "", now: datetime = NOW) -> CompensationClaim:
    """Record that the person does not agree."""
    return ledger.claims.object(INCIDENT, claim, why, terms(ledger), now)


def heard(ledger: Ledger, claim: int) -> list[str]:
    """The first lines of what the person was told of a claim, in order."""
    found = ledger.claims.get(INCIDENT, claim)
    return [one.text.split("\n")[0] for one in ledger.answers.said(INCIDENT, found.person)[found.question]]
