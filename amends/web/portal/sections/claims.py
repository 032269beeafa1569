"""The section with the claims of a person: the form, how each claim stands, the objection, the account to pay to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from amends.delivery.claims import EvidenceFolder, terms_of, why_not_take
from amends.domain.base.audience import EVERYONE
from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.base.money import Money, read_money
from amends.domain.claim.account import Account, UnfitAccount, UnfitLetters, read_account
from amends.domain.claim.claim import LONGEST_CLAIM, ClaimState, ClaimWay, CompensationClaim, NewClaim, why_not_object
from amends.domain.claim.words import ClaimTerms
from amends.web.portal.sections.section import EXPIRED, Mistake, PageForm, PageSection, PageView, PortalParts, SentForm
from amends.web.portal.visit import Visit

BAD = {"holder": "claim_bad_holder", "account": "claim_bad_account", "bank": "claim_bad_bank"}
"""The word of the portal for each part of an account that cannot be read."""
EXAMPLE = 4990
"""The minor units of the amount that the form gives as an example."""
MOMENT = timedelta(seconds=1)
NAMES = {"holder": "claim_holder", "account": "claim_number", "bank": "claim_bank"}
"""The field of the form for each part of an account."""


@dataclass(frozen=True, slots=True)
class ClaimShown:
    """A claim as its person reads it. Holds personal data: never log or print it."""

    claim: CompensationClaim
    granted: str
    account: str
    """The last characters of the account's number, or empty."""
    object_until: datetime | None
    """The time until which the person can object, or None when they cannot."""
    paid_at: datetime | None
    wants_account: bool


@dataclass(frozen=True, slots=True)
class ClaimsShown:
    """The claims of a person, and what the page says about making one."""

    claims: tuple[ClaimShown, ...]
    may_claim: bool
    last_day: datetime | None
    """The last moment of the last day to claim, or None while it is not known."""
    is_over: bool
    currency: str
    example: str
    """An amount with all digits of the currency."""
    evidence_above: str
    """The amount above which a claim needs evidence; empty when each claim does."""


class ClaimsSection(PageSection):
    """The section with the claims of the person."""

    template = "claims.html"
    fields = ("claim", "claim_amount", "claim_text", "claim_holder", "claim_number", "claim_bank", "claim_why")

    def __init__(self, portal: PortalParts) -> None:
        super().__init__(portal)
        self._folder = EvidenceFolder(portal.home, portal.ledger)

    def claim(self, visit: Visit, sent: SentForm) -> Mistake | None:
        """Record a claim with its files; a claim that the person made and that waits is not recorded again."""
        terms = _terms(visit)
        if terms is None or not _may_claim(terms, visit):
            return Mistake(EXPIRED)
        if terms.why_late(visit.now):
            return Mistake("claim_too_late")
        read = _read(terms, sent)
        if isinstance(read, Mistake):
            return read
        asked, text, account = read
        if self._waits(visit, asked, text):
            return None
        stored = self._folder.store(visit.incident, sent.once, sent.files)
        new = NewClaim(
            person=visit.person.number,
            text=text,
            asked=asked,
            locale=visit.voice.phrases.locale,
            source=ClaimWay.PAGE,
            once=sent.once,
            at=visit.now,
            due_at=visit.now + terms.rules.reply_within,
            account=account,
            device=sent.sender,
            files=stored,
        )
        self._ledger.claims.add(visit.incident, new, terms, visit.now)
        return None

    def objection(self, visit: Visit, sent: SentForm) -> Mistake | None:
        """Record that the person does not agree with a decision."""
        terms, claim = _terms(visit), self._theirs(visit, sent)
        if terms is None or claim is None:
            return Mistake(EXPIRED)
        why = sent.text("claim_why")
        if len(why) > LONGEST_CLAIM:
            return Mistake("too_long", f"claim-why-{claim.id}")
        if why_not_object(claim, why, terms.object_until(claim), visit.now):
            return Mistake(EXPIRED)
        self._ledger.claims.object(visit.incident, claim.id, why, terms, visit.now)
        return None

    def account(self, visit: Visit, sent: SentForm) -> Mistake | None:
        """Record the account to which a claim is paid."""
        terms, claim = _terms(visit), self._theirs(visit, sent)
        if terms is None or claim is None or not _wants_account(claim):
            return Mistake(EXPIRED)
        account = _account(sent, suffix=f"-{claim.id}", needed=True)
        if isinstance(account, Mistake) or account is None:
            return account
        try:
            self._ledger.claims.give_account(visit.incident, claim.id, account, terms.rules, visit.now)
        except NotAllowed:  # it was put into a payment file meanwhile, or has lapsed
            return Mistake(EXPIRED)
        return None

    forms = {
        "claim": PageForm(claim, takes_files=True),
        "claim-objection": PageForm(objection),
        "claim-account": PageForm(account),
    }

    def shown(self, view: PageView) -> Mapping[str, Any]:
        """Return the claims, or None when the playbook pays none, and what was just sent."""
        shown = self._shown(view.visit)
        newest = shown.claims[0].claim.due_at if shown and shown.claims else None
        return {
            "claims": shown,
            "claim_sent": newest if view.sent == "claim" else None,
            "account_saved": view.sent == "claim-account",
        }

    def _shown(self, visit: Visit) -> ClaimsShown | None:
        """Return the claims, or None when the playbook pays none; only then the ledger is asked."""
        if (terms := _terms(visit)) is None:
            return None
        claims = self._ledger.claims.all(visit.incident, person=visit.person.number)
        may, last = _may_claim(terms, visit), terms.last_moment
        if not (claims or may):
            return None
        over = terms.why_late(visit.now) is not None
        above = Money(terms.rules.minor("evidence_above"), terms.rules.currency)
        newest = sorted(claims, key=lambda claim: claim.id, reverse=True)
        return ClaimsShown(
            tuple(_shown(terms, claim, visit.now) for claim in newest),
            may,
            last and last - MOMENT,
            over,
            terms.rules.currency,
            str(Money(EXAMPLE, terms.rules.currency).amount),
            str(above) if above.minor else "",
        )

    def _waits(self, visit: Visit, asked: Money, text: str) -> bool:
        """Return True when the same claim waits already: after Back a form may have another token."""
        theirs = self._ledger.claims.all(visit.incident, person=visit.person.number, states=(ClaimState.RECEIVED,))
        return any((claim.asked, claim.text) == (asked, text) for claim in theirs)

    def _theirs(self, visit: Visit, sent: SentForm) -> CompensationClaim | None:
        """Return the claim that a form is about, or None when it is no claim of this person."""
        number = sent.text("claim")
        if not (number.isascii() and number.isdecimal() and len(number) < 10):
            return None
        try:
            claim = self._ledger.claims.get(visit.incident, int(number))
        except NotInLedger:
            return None
        return claim if claim.person == visit.person.number else None


def _terms(visit: Visit) -> ClaimTerms | None:
    return terms_of(visit.known.case, visit.known.wording, visit.known.shipped)


def _may_claim(terms: ClaimTerms, visit: Visit) -> bool:
    return not visit.left and terms.rules.audience in (EVERYONE, visit.person.segment)


def _read(terms: ClaimTerms, sent: SentForm) -> tuple[Money, str, Account | None] | Mistake:
    """Return the amount, the words and the account of a claim, or what is wrong with them."""
    text = sent.text("claim_text")
    try:
        asked = read_money(sent.fields.get("claim_amount", ""), terms.rules.currency)
    except ValueError:
        return Mistake("claim_bad_amount", "claim_amount")
    if not asked.minor:
        return Mistake("claim_bad_amount", "claim_amount")
    if not text or len(text) > LONGEST_CLAIM:
        return Mistake("too_long" if text else "empty_text", "claim_text")
    account = _account(sent)
    if isinstance(account, Mistake):
        return account
    if why_not_take(sent.files):
        return Mistake("claim_bad_files", "claim_files")
    return asked, text, account


def _account(sent: SentForm, *, suffix: str = "", needed: bool = False) -> Account | Mistake | None:
    """Return the account in a form, or what is wrong with it; None when the form names none and need not."""
    holder, number, bank = (sent.text(name) for name in NAMES.values())
    if not (needed or holder or number or bank):
        return None
    try:
        return read_account(holder, number, bank)
    except UnfitLetters:
        return Mistake("claim_bad_letters", f"{NAMES['holder']}{suffix}")
    except UnfitAccount as error:
        return Mistake(BAD[error.field], f"{NAMES[error.field]}{suffix}")


def _wants_account(claim: CompensationClaim) -> bool:
    missing = claim.account is None and claim.state in (ClaimState.RECEIVED, ClaimState.GRANTED)
    return missing or claim.state is ClaimState.RETURNED


def _shown(terms: ClaimTerms, claim: CompensationClaim, now: datetime) -> ClaimShown:
    until, last = terms.object_until(claim), claim.payments[-1] if claim.payments else None
    may_object = until is not None and why_not_object(claim, "", until, now) is None
    return ClaimShown(
        claim,
        str(claim.granted or ""),
        claim.account.hidden if claim.account else "",
        until if may_object else None,
        last.at if last and claim.state is ClaimState.PAID else None,
        _wants_account(claim),
    )
