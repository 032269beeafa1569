"""The claims of a person on their page: the form, how each claim stands, the objection, and the account to pay to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from amends.delivery.claims import ClaimDesk, EvidenceFolder, claim_words, why_not_take
from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.base.money import Money, read_money
from amends.domain.base.value import EVERYONE
from amends.domain.claim.account import Account, UnfitAccount, UnfitLetters, read_account
from amends.domain.claim.claim import LONGEST_CLAIM, ClaimState, ClaimWay, CompensationClaim, NewClaim, why_not_object
from amends.domain.feedback.clean import clean
from amends.ledger import Ledger, once_for
from amends.web.portal.own_forms import Mistake
from amends.web.portal.visit import Visit

CLAIM_FIELDS = ("claim", "claim_amount", "claim_text", "claim_holder", "claim_number", "claim_bank", "claim_why")
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
class ClaimSection:
    """The section about claims on a personal page."""

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


class ClaimForms:
    """The recorder of the forms about claims."""

    def __init__(self, ledger: Ledger, home: Path) -> None:
        self._ledger, self._folder = ledger, EvidenceFolder(home, ledger)

    def claim(self, visit: Visit, fields: Mapping[str, str], files: Sequence[bytes], sender: str) -> Mistake | None:
        """Record a claim with its files; a claim that the person made and that waits is not recorded again."""
        desk = _desk(visit)
        if desk is None or not _may_claim(desk, visit):
            return Mistake("form_expired")
        if desk.why_late(visit.now):
            return Mistake("claim_too_late")
        read = _read(desk, fields, files)
        if isinstance(read, Mistake):
            return read
        asked, text, account = read
        if self._waits(visit, asked, text):
            return None
        once, rules = once_for(fields.get("form", "")), desk.rules
        stored = self._folder.store(visit.incident, once, files)
        new = NewClaim(
            person=visit.person.number, text=text, asked=asked, locale=visit.voice.phrases.locale,
            source=ClaimWay.PAGE, once=once, at=visit.now, due_at=visit.now + rules.reply_within,
            account=account, device=sender, files=stored,
        )  # fmt: skip
        self._ledger.claims.add(visit.incident, new, desk.words, desk.owner, visit.now)
        return None

    def object(self, visit: Visit, fields: Mapping[str, str]) -> Mistake | None:
        """Record that the person does not agree with a decision."""
        desk, claim = _desk(visit), self._theirs(visit, fields)
        if desk is None or claim is None:
            return Mistake("form_expired")
        why, until = clean(fields.get("claim_why", "")), desk.object_until(claim)
        if len(why) > LONGEST_CLAIM:
            return Mistake("too_long", f"claim-why-{claim.id}")
        if why_not_object(claim, why, until, visit.now):
            return Mistake("form_expired")
        due = visit.now + desk.rules.reply_within
        self._ledger.claims.object(visit.incident, claim.id, why, due, until, desk.words, visit.now)
        return None

    def account(self, visit: Visit, fields: Mapping[str, str]) -> Mistake | None:
        """Record the account to which a claim is paid."""
        desk, claim = _desk(visit), self._theirs(visit, fields)
        if desk is None or claim is None or not _wants_account(claim):
            return Mistake("form_expired")
        account = _account(fields, suffix=f"-{claim.id}", needed=True)
        if isinstance(account, Mistake) or account is None:
            return account
        try:
            self._ledger.claims.give_account(visit.incident, claim.id, account, desk.rules, visit.now)
        except NotAllowed:  # it was put into a payment file meanwhile, or has lapsed
            return Mistake("form_expired")
        return None

    def shown(self, visit: Visit) -> ClaimSection | None:
        """Return the section about claims, or None when the playbook pays none; only then the ledger is asked."""
        if (desk := _desk(visit)) is None:
            return None
        claims = self._ledger.claims.all(visit.incident, person=visit.person.number)
        may, last = _may_claim(desk, visit), desk.last_moment
        if not (claims or may):
            return None
        over = desk.why_late(visit.now) is not None
        above = Money(desk.rules.minor("evidence_above"), desk.rules.currency)
        newest = sorted(claims, key=lambda one: one.id, reverse=True)
        return ClaimSection(
            tuple(_shown(desk, one, visit.now) for one in newest), may, last and last - MOMENT, over,
            desk.rules.currency, str(Money(EXAMPLE, desk.rules.currency).amount), str(above) if above.minor else "",
        )  # fmt: skip

    def _waits(self, visit: Visit, asked: Money, text: str) -> bool:
        """Return True when the same claim waits already: after Back a form may have another token."""
        theirs = self._ledger.claims.all(visit.incident, person=visit.person.number, states=(ClaimState.RECEIVED,))
        return any((one.asked, one.text) == (asked, text) for one in theirs)

    def _theirs(self, visit: Visit, fields: Mapping[str, str]) -> CompensationClaim | None:
        """Return the claim that a form is about, or None when it is no claim of this person."""
        said = fields.get("claim", "")
        if not (said.isascii() and said.isdecimal() and len(said) < 10):
            return None
        try:
            found = self._ledger.claims.get(visit.incident, int(said))
        except NotInLedger:
            return None
        return found if found.person == visit.person.number else None


def _desk(visit: Visit) -> ClaimDesk | None:
    case = visit.known.case
    if case.playbook is None or case.playbook.claims is None:
        return None
    return ClaimDesk(case.playbook.claims, claim_words(case, visit.known.wording, visit.known.shipped), case)


def _may_claim(desk: ClaimDesk, visit: Visit) -> bool:
    return not visit.left and desk.rules.audience in (EVERYONE, visit.person.segment)


def _read(
    desk: ClaimDesk, fields: Mapping[str, str], files: Sequence[bytes]
) -> tuple[Money, str, Account | None] | Mistake:
    """Return the amount, the words and the account of a claim, or what is wrong with them."""
    text = clean(fields.get("claim_text", ""))
    try:
        asked = read_money(fields.get("claim_amount", ""), desk.rules.currency)
    except ValueError:
        return Mistake("claim_bad_amount", "claim_amount")
    if not asked.minor:
        return Mistake("claim_bad_amount", "claim_amount")
    if not text or len(text) > LONGEST_CLAIM:
        return Mistake("too_long" if text else "empty_text", "claim_text")
    account = _account(fields)
    if isinstance(account, Mistake):
        return account
    if why_not_take(files):
        return Mistake("claim_bad_files", "claim_files")
    return asked, text, account


def _account(fields: Mapping[str, str], *, suffix: str = "", needed: bool = False) -> Account | Mistake | None:
    """Return the account in a form, or what is wrong with it; None when the form names none and need not."""
    holder, number, bank = (clean(fields.get(name, "")) for name in NAMES.values())
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


def _shown(desk: ClaimDesk, claim: CompensationClaim, now: datetime) -> ClaimShown:
    until, last = desk.object_until(claim), claim.payments[-1] if claim.payments else None
    may_object = until is not None and why_not_object(claim, "", until, now) is None
    return ClaimShown(
        claim,
        str(claim.granted or ""),
        claim.account.hidden if claim.account else "",
        until if may_object else None,
        last.at if last and claim.state is ClaimState.PAID else None,
        _wants_account(claim),
    )
