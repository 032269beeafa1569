"""Payment files in the ledger: made by one member, released by another, and what the bank says of each payment."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.base.money import Money
from amends.domain.claim.account import Account
from amends.domain.claim.claim import ClaimState, PaymentState, end_to_end, later
from amends.domain.claim.payment import (
    BankAnswer,
    BankLine,
    PaymentFile,
    PaymentFormat,
    PaymentLine,
    fits_pain,
    why_not_end,
    why_not_release,
    why_not_take,
)
from amends.domain.claim.rules import ClaimRules
from amends.domain.claim.words import ClaimTerms
from amends.domain.team.member import Member
from amends.ledger.claim.change import ClaimChange, claim_change
from amends.ledger.claim.rows import account_of, claim_row, payment_place
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import Store, must_approve
from amends.ledger.tables.claim import ClaimPaymentRow, CompensationClaimRow, PaymentFileRow

MOST_IN_FILE = 10_000
"""The most payments in one file; further claims wait for the next one."""
OF_PAYMENT = {PaymentState.PAID: ClaimState.PAID, PaymentState.RETURNED: ClaimState.RETURNED}


class ClaimPayments:
    """The payments of granted claims."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def make(self, incident: str, rules: ClaimRules, by: Member, now: datetime) -> tuple[PaymentFile, ...]:
        """Put all granted claims that have an account into new payment files, and return the files.

        Accounts that pain.001 cannot name have a file of their own, so that the others need not leave as CSV. Claims
        that were granted in part wait as long as their people can object. Raises NotAllowed when there is none.
        """
        currency = rules.currency
        must_approve(by, "make a payment file")
        with claim_change(self._store, incident, now, by.name) as change:
            rows = change.session.exec(_payable(incident, currency, now - rules.object_within)).all()
            if not rows:
                raise NotAllowed(f"no claim of {incident} waits for a payment in {currency} and has an account")
            payable = [(row, _account(row, change)) for row in rows]
            kinds = ([one for one in payable if fits_pain(one[1], currency) is fits] for fits in (True, False))
            return tuple(_make_file(change, rules, kind) for kind in kinds if kind)

    def release(self, incident: str, file: int, form: PaymentFormat, by: Member, now: datetime) -> PaymentFile:
        """Release a payment file that another member made, in one format for ever. Raises NotAllowed, NotInLedger."""
        with claim_change(self._store, incident, now, by.name) as change:
            row = _file_row(change.session, incident, file, locked=True)
            if why := why_not_release(_as_file(row), by):
                raise NotAllowed(why)
            row.released_by, row.released_at, row.form = by.name, now, form.value
            return _end(change, row, PaymentState.RELEASED)

    def drop(self, incident: str, file: int, by: Member, now: datetime) -> PaymentFile:
        """Drop a payment file that nobody has released; its claims wait for another. Raises NotAllowed, NotInLedger."""
        must_approve(by, "drop a payment file")
        with claim_change(self._store, incident, now, by.name) as change:
            row = _file_row(change.session, incident, file, locked=True)
            if why := why_not_end(_as_file(row)):
                raise NotAllowed(why)
            row.dropped_by, row.dropped_at = by.name, now
            return _end(change, row, PaymentState.DROPPED)

    def files(self, incident: str) -> tuple[PaymentFile, ...]:
        """Return the payment files, the first one first."""
        query = select(PaymentFileRow).where(PaymentFileRow.incident == incident).order_by(col(PaymentFileRow.id))
        with self._store.read() as session:
            return tuple(map(_as_file, session.exec(query)))

    def lines(
        self, incident: str, file: int, *, to_look_at: bool = False
    ) -> tuple[PaymentFile, tuple[PaymentLine, ...]]:
        """Return a released file with its payments, which are always the same; one that was made only `to_look_at`.

        Raises NotAllowed, NotInLedger.
        """
        with self._store.read() as session:
            whole = _as_file(_file_row(session, incident, file))
            if whole.dropped_at or not (whole.released_at or to_look_at):
                raise NotAllowed(f"payment file {file} is {whole.state}: only a released one is written")
            seal = self._store.seal(session, incident)
            return whole, tuple(
                PaymentLine(
                    claim=row.claim,
                    end_to_end=row.end_to_end,
                    account=_paid_to(row, seal),
                    money=Money(row.minor, whole.currency),
                )
                for row in _payments(session, incident, file)
            )

    def note_written(self, incident: str, file: int, by: str, now: datetime) -> None:
        """Record that a member wrote a released payment file. Raises NotInLedger."""
        with claim_change(self._store, incident, now, by) as change:
            change.note("payment file written", f"payment file {file}")

    def take(self, incident: str, lines: Iterable[BankLine], terms: ClaimTerms, by: str, now: datetime) -> BankAnswer:
        """Record what the bank says of payments, each once; the people hear that they were paid, or must give another
        account. A line that fits no payment is refused with its place, and all others count. Raises NotInLedger.
        """
        answer = BankAnswer()
        with claim_change(self._store, incident, now, by) as change:
            for line in lines:
                _take_line(change, line, answer, terms)
            if answer.paid or answer.returned:
                refused = len(answer.refused)
                change.note("bank answer", paid=answer.paid, returned=answer.returned, refused=refused)
        return answer


def _account(row: CompensationClaimRow, change: ClaimChange) -> Account:
    if account := account_of(row, change.seal):
        return account
    raise NotAllowed(f"the account of claim {row.id} cannot be read: it was altered or moved")


def _paid_to(row: ClaimPaymentRow, seal: Seal) -> Account:
    sealed = seal.open(row.sealed_account, payment_place(row.incident, row.claim, row.attempt))
    return Account.model_validate_json(sealed)


def _make_file(
    change: ClaimChange, rules: ClaimRules, payable: Sequence[tuple[CompensationClaimRow, Account]]
) -> PaymentFile:
    """Store a payment file of these claims, and return the file."""
    session, incident = change.session, change.incident
    last = session.exec(select(func.max(PaymentFileRow.id)).where(PaymentFileRow.incident == incident)).one()
    number, rows = (last or 0) + 1, [row for row, _ in payable]
    file = PaymentFileRow(
        incident=incident,
        id=number,
        made_by=change.by,
        made_at=change.now,
        currency=rules.currency,
        count=len(rows),
        total=sum(row.granted or 0 for row in rows),
        message_id=f"AM{_mark(incident)}-F{number}",
        pay_from=rules.pay_from.model_dump(mode="json") if rules.pay_from else {},
    )
    session.add(file)
    session.flush()
    for row, account in payable:
        _add_payment(change, row, account, number)
    session.flush()
    claims = [row.id for row in rows]
    change.note("payment file made", f"payment file {number}", claims=claims, minor=file.total, currency=file.currency)
    return _as_file(file)


def _add_payment(change: ClaimChange, row: CompensationClaimRow, account: Account, file: int) -> None:
    attempt = _next_attempt(change.session, row)
    sealed = change.seal.close(account.model_dump_json(), payment_place(row.incident, row.id, attempt))
    change.session.add(
        ClaimPaymentRow(
            incident=row.incident,
            claim=row.id,
            attempt=attempt,
            file=file,
            end_to_end=end_to_end(_mark(row.incident), row.id, attempt),
            minor=row.granted or 0,
            sealed_account=sealed,
            state=PaymentState.PREPARED.value,
            at=change.now,
        )
    )
    row.state = ClaimState.IN_PAYMENT.value


def _end(change: ClaimChange, row: PaymentFileRow, to: PaymentState) -> PaymentFile:
    """Change all payments of a file that was released or dropped, and return the file."""
    for payment in _payments(change.session, row.incident, row.id):
        payment.state, payment.at = to.value, change.now
        if to is PaymentState.DROPPED:
            claim_row(change.session, row.incident, payment.claim).state = ClaimState.GRANTED.value
    change.note(f"payment file {to}", f"payment file {row.id}")
    change.session.flush()
    return _as_file(row)


def _take_line(change: ClaimChange, line: BankLine, answer: BankAnswer, terms: ClaimTerms) -> None:
    """Record what one line says of payments, and count it in the answer."""
    rows = _meant(change.session, change.incident, line)
    if not rows:
        answer.refused.append(f"{line.place}: no payment of {change.incident} has this reference")
    for row in rows:
        currency = _file_row(change.session, change.incident, row.file).currency
        state, to = PaymentState(row.state), line.status.state
        if why := why_not_take(state, row.minor, currency, line):
            answer.refused.append(f"{line.place}: claim {row.claim}: {why}")
        elif to is None:
            answer.pending += 1
        elif later(state, to) is state:
            answer.unchanged += 1
        else:
            row.state, row.at, row.reason = to.value, change.now, line.reason
            _settle(change, row, to, terms)
            answer.paid += to is PaymentState.PAID
            answer.returned += to is PaymentState.RETURNED


def _settle(change: ClaimChange, row: ClaimPaymentRow, to: PaymentState, terms: ClaimTerms) -> None:
    """Change the claim of a payment that was paid or came back, and tell the person."""
    claim, words = change.row(row.claim), terms.words
    claim.state = OF_PAYMENT[to].value
    granted, shown = Money(row.minor, claim.currency), _paid_to(row, change.seal).hidden
    if to is PaymentState.PAID:
        change.tell((claim, lambda locale: words.paid(locale, granted, shown)))
    else:
        claim.account_due_at = until = change.now + terms.rules.account_within
        change.tell((claim, lambda locale: words.returned(locale, granted, shown, until)))
    change.note(f"claim {to}", f"claim {row.claim}", attempt=row.attempt)


def _payable(  # type: ignore[no-untyped-def]  # noqa: ANN202
    incident: str, currency: str, decided_before: datetime
):
    """Return the query of the granted claims in this currency that have an account, locked.

    A claim that was granted in part is among them when it was decided before this time, or after an objection.
    """
    row = CompensationClaimRow
    is_final = or_(col(row.granted) == col(row.asked), col(row.round) > 1, col(row.decided_at) < decided_before)
    return (
        select(CompensationClaimRow)
        .where(
            CompensationClaimRow.incident == incident,
            CompensationClaimRow.state == ClaimState.GRANTED,
            CompensationClaimRow.currency == currency,
            col(CompensationClaimRow.sealed_account).is_not(None),
            is_final,
        )
        .order_by(col(CompensationClaimRow.id))
        .limit(MOST_IN_FILE)
        .with_for_update()
    )


def _next_attempt(session: Session, row: CompensationClaimRow) -> int:
    """Return the number of the next payment for a claim. Raises NotAllowed while an earlier one has not ended."""
    here = (ClaimPaymentRow.incident == row.incident, ClaimPaymentRow.claim == row.id)
    earlier = session.exec(select(ClaimPaymentRow).where(*here)).all()
    ended = (PaymentState.DROPPED, PaymentState.RETURNED)
    if under_way := [one for one in earlier if one.state not in ended]:
        raise NotAllowed(f"claim {row.id} is in payment file {under_way[0].file} already")
    return max((one.attempt for one in earlier), default=0) + 1


def _meant(session: Session, incident: str, line: BankLine) -> Sequence[ClaimPaymentRow]:
    """Return the payments that a line of the bank's answer is about."""
    if line.end_to_end:
        here = (ClaimPaymentRow.incident == incident, ClaimPaymentRow.end_to_end == line.end_to_end)
        return session.exec(select(ClaimPaymentRow).where(*here).with_for_update()).all()
    whole = (PaymentFileRow.incident == incident, PaymentFileRow.message_id == line.message_id)
    file = session.exec(select(PaymentFileRow.id).where(*whole)).first()
    return _payments(session, incident, file) if file is not None else ()


def _payments(session: Session, incident: str, file: int) -> Sequence[ClaimPaymentRow]:
    here = (ClaimPaymentRow.incident == incident, ClaimPaymentRow.file == file)
    return session.exec(select(ClaimPaymentRow).where(*here).order_by(col(ClaimPaymentRow.claim))).all()


def _file_row(session: Session, incident: str, file: int, *, locked: bool = False) -> PaymentFileRow:
    row = session.get(PaymentFileRow, (incident, file), with_for_update=locked or None)
    if row is None:
        raise NotInLedger(f"incident {incident} has no payment file {file}; `amends claims pay {incident} --list`")
    return row


def _as_file(row: PaymentFileRow) -> PaymentFile:
    return row.as_value(PaymentFile, pay_from=row.pay_from or None, form=row.form or None)


def _mark(incident: str) -> str:
    """Return eight characters that stand for the incident in the bank's references."""
    return hashlib.sha256(incident.encode()).hexdigest()[:8].upper()
