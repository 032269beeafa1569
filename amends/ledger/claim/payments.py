"""Payment files in the ledger: made by one member, released by another, and what the bank says of each payment."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import or_
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotAllowed, NotInLedger, Refusal
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
    why_not_release,
    why_not_take,
)
from amends.domain.claim.rules import ClaimRules, PayingAccount
from amends.domain.claim.words import ClaimWords
from amends.domain.team.member import Member
from amends.ledger.claim.rows import account_of, claim_row, payment_place
from amends.ledger.feedback.answering import tell_of_claims
from amends.ledger.feedback.question_rows import question_row
from amends.ledger.store.session import Store, Write, must_approve
from amends.ledger.store.tables import ClaimPaymentRow, CompensationClaimRow, PaymentFileRow

MOST_IN_FILE = 10_000
"""The most payments in one file; further claims wait for the next one."""
OF_PAYMENT = {PaymentState.PAID: ClaimState.PAID, PaymentState.RETURNED: ClaimState.RETURNED}


class Payable(NamedTuple):
    """A claim that can be paid, with the account to pay to. Holds personal data: never log or print it."""

    claim: CompensationClaimRow
    account: Account


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
        with self._store.write() as write:
            write.incident(incident)
            rows = write.session.exec(_payable(incident, currency, now - rules.object_within)).all()
            if not rows:
                raise NotAllowed(f"no claim of {incident} waits for a payment in {currency} and has an account")
            payable = [Payable(row, self._account(write.session, row)) for row in rows]
            kinds = ([one for one in payable if fits_pain(one.account, currency) is fits] for fits in (True, False))
            return tuple(self._make_file(write, rules, kind, by, now) for kind in kinds if kind)

    def _account(self, session: Session, row: CompensationClaimRow) -> Account:
        if account := account_of(row, self._store.seal(session, row.incident)):
            return account
        raise NotAllowed(f"the account of claim {row.id} cannot be read: it was altered or moved")

    def _make_file(
        self, write: Write, rules: ClaimRules, payable: Sequence[Payable], by: Member, now: datetime
    ) -> PaymentFile:
        rows = [one.claim for one in payable]
        incident = rows[0].incident
        file = self._file(write.session, incident, rules.currency, rows, rules.pay_from, by, now)
        write.session.add(file)
        write.session.flush()
        for one in payable:
            self._add_payment(write.session, one, file.id, now)
        write.session.flush()
        write.note(
            now, incident, "payment file made", f"payment file {file.id}",
            actor=by.name, claims=[row.id for row in rows], minor=file.total, currency=file.currency,
        )  # fmt: skip
        return _as_file(file)

    def _file(
        self, session: Session, incident: str, currency: str, rows: Sequence[CompensationClaimRow],
        pay_from: PayingAccount | None, by: Member, now: datetime,
    ) -> PaymentFileRow:  # fmt: skip
        last = session.exec(select(func.max(PaymentFileRow.id)).where(PaymentFileRow.incident == incident)).one()
        number = (last or 0) + 1
        return PaymentFileRow(
            incident=incident, id=number, made_by=by.name, made_at=now, currency=currency, count=len(rows),
            total=sum(row.granted or 0 for row in rows), message_id=f"AM{_mark(incident)}-F{number}",
            pay_from=pay_from.model_dump(mode="json") if pay_from else {},
        )  # fmt: skip

    def _add_payment(self, session: Session, payable: Payable, file: int, now: datetime) -> None:
        row, account = payable
        seal, attempt = self._store.seal(session, row.incident), _next_attempt(session, row)
        place = payment_place(row.incident, row.id, attempt)
        session.add(
            ClaimPaymentRow(
                incident=row.incident, claim=row.id, attempt=attempt, file=file,
                end_to_end=end_to_end(_mark(row.incident), row.id, attempt), minor=row.granted or 0,
                sealed_account=seal.close(account.model_dump_json(), place), state=PaymentState.PREPARED.value, at=now,
            )
        )  # fmt: skip
        row.state = ClaimState.IN_PAYMENT.value

    def release(self, incident: str, file: int, form: PaymentFormat, by: Member, now: datetime) -> PaymentFile:
        """Release a payment file that another member made, in one format for ever. Raises NotAllowed, NotInLedger."""
        must_approve(by, "release a payment file")
        return self._end(incident, file, by, now, form, lambda known: why_not_release(known, by.name))

    def drop(self, incident: str, file: int, by: Member, now: datetime) -> PaymentFile:
        """Drop a payment file that nobody has released; its claims wait for another. Raises NotAllowed, NotInLedger."""
        must_approve(by, "drop a payment file")
        return self._end(incident, file, by, now, None, lambda known: why_not_release(known, ""))

    def _end(
        self, incident: str, file: int, by: Member, now: datetime, form: PaymentFormat | None,
        why_not: Callable[[PaymentFile], Refusal | None],
    ) -> PaymentFile:  # fmt: skip
        """Release the file in this format, or drop it without one."""
        to = PaymentState.RELEASED if form else PaymentState.DROPPED
        with self._store.write() as write:
            write.incident(incident)
            row = _file_row(write.session, incident, file, locked=True)
            if why := why_not(_as_file(row)):
                raise NotAllowed(why)
            if form:
                row.released_by, row.released_at, row.form = by.name, now, form.value
            else:
                row.dropped_by, row.dropped_at = by.name, now
            for payment in _payments(write.session, incident, file):
                payment.state, payment.at = to.value, now
                if form is None:
                    claim_row(write.session, incident, payment.claim).state = ClaimState.GRANTED.value
            write.note(now, incident, f"payment file {to}", f"payment file {file}", actor=by.name)
            write.session.flush()
            return _as_file(row)

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
            found = _as_file(_file_row(session, incident, file))
            if found.dropped_at or not (found.released_at or to_look_at):
                raise NotAllowed(f"payment file {file} is {found.state}: only a released one is written")
            seal = self._store.seal(session, incident)
            return found, tuple(
                PaymentLine(
                    claim=row.claim,
                    end_to_end=row.end_to_end,
                    account=Account.model_validate_json(
                        seal.open(row.sealed_account, payment_place(incident, row.claim, row.attempt))
                    ),
                    money=Money(row.minor, found.currency),
                )
                for row in _payments(session, incident, file)
            )

    def note_written(self, incident: str, file: int, by: str, now: datetime) -> None:
        """Record that a member wrote a released payment file. Raises NotInLedger."""
        with self._store.write() as write:
            write.incident(incident)
            write.note(now, incident, "payment file written", f"payment file {file}", actor=by)

    def take(
        self, incident: str, lines: Iterable[BankLine], rules: ClaimRules, words: ClaimWords, by: str, now: datetime
    ) -> BankAnswer:
        """Record what the bank says of payments, each once; the people hear that they were paid, or must give another
        account. A line that fits no payment is refused with its place, and all others count. Raises NotInLedger.
        """
        answer, account_until = BankAnswer(), now + rules.account_within
        with self._store.write() as write:
            write.incident(incident)
            before = (answer.paid, answer.returned)
            for line in lines:
                self._take_line(write, incident, line, words, account_until, answer, by, now)
            if before != (answer.paid, answer.returned):
                write.note(
                    now, incident, "bank answer", actor=by, paid=answer.paid, returned=answer.returned,
                    refused=len(answer.refused),
                )  # fmt: skip
        return answer

    def _take_line(
        self, write: Write, incident: str, line: BankLine, words: ClaimWords, account_until: datetime,
        answer: BankAnswer, by: str, now: datetime,
    ) -> None:  # fmt: skip
        rows = _meant(write.session, incident, line)
        if not rows:
            answer.refused.append(f"{line.place}: no payment of {incident} has this reference")
        for row in rows:
            file = _file_row(write.session, incident, row.file)
            state, to = PaymentState(row.state), line.status.state
            if why := why_not_take(state, row.minor, file.currency, line):
                answer.refused.append(f"{line.place}: claim {row.claim}: {why}")
            elif to is None:
                answer.pending += 1
            elif later(state, to) is state:
                answer.unchanged += 1
            else:
                self._set_state(write, row, to, line.reason, words, account_until, by, now)
                answer.paid += to is PaymentState.PAID
                answer.returned += to is PaymentState.RETURNED

    def _set_state(
        self, write: Write, row: ClaimPaymentRow, to: PaymentState, reason: str, words: ClaimWords,
        account_until: datetime, by: str, now: datetime,
    ) -> None:  # fmt: skip
        row.state, row.at, row.reason = to.value, now, reason
        claim = claim_row(write.session, row.incident, row.claim, locked=True)
        claim.state = OF_PAYMENT[to].value
        seal = self._store.seal(write.session, row.incident)
        place = payment_place(row.incident, row.claim, row.attempt)
        shown = Account.model_validate_json(seal.open(row.sealed_account, place)).hidden
        granted = Money(row.minor, claim.currency)
        question = question_row(write.session, row.incident, claim.question, locked=True)
        if to is PaymentState.PAID:
            said = words.paid(question.locale, granted, shown)
        else:
            claim.account_due_at = account_until
            said = words.returned(question.locale, granted, shown, account_until)
        tell_of_claims(write, self._store, row.incident, ((question, said),), by, now)
        write.note(now, row.incident, f"claim {to}", f"claim {row.claim}", actor=by, attempt=row.attempt)


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
            CompensationClaimRow.incident == incident, CompensationClaimRow.state == ClaimState.GRANTED,
            CompensationClaimRow.currency == currency, col(CompensationClaimRow.sealed_account).is_not(None), is_final,
        )
        .order_by(col(CompensationClaimRow.id))
        .limit(MOST_IN_FILE)
        .with_for_update()
    )  # fmt: skip


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
    return PaymentFile(
        id=row.id,
        made_by=row.made_by,
        made_at=row.made_at,
        currency=row.currency,
        count=row.count,
        total=row.total,
        message_id=row.message_id,
        pay_from=PayingAccount.model_validate(row.pay_from) if row.pay_from else None,
        released_by=row.released_by,
        released_at=row.released_at,
        form=PaymentFormat(row.form) if row.form else None,
        dropped_by=row.dropped_by,
        dropped_at=row.dropped_at,
    )


def _mark(incident: str) -> str:
    """Return eight characters that stand for the incident in the bank's references."""
    return hashlib.sha256(incident.encode()).hexdigest()[:8].upper()
