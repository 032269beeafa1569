"""Claims of compensation in the ledger: take one in, decide on it by people or by rule, and hear an objection.

Every change locks the row of the incident, so that caps and the budget hold whoever decides at the same moment.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, false, or_
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotAllowed, Refusal
from amends.domain.base.money import Money
from amends.domain.claim.account import Account
from amends.domain.claim.claim import (
    BY_RULE,
    ClaimState,
    ClaimTotals,
    ClaimWay,
    CompensationClaim,
    NewClaim,
    why_not_name_account,
    why_not_object,
)
from amends.domain.claim.rules import (
    ClaimRules,
    ClaimVerdict,
    GrantedSoFar,
    is_decided,
    most_to_grant,
    verdict_by_rule,
    why_not_decide,
)
from amends.domain.claim.signals import Signal, Trace, signals
from amends.domain.claim.words import ClaimWords
from amends.domain.feedback.question import NewQuestion, QuestionKind, QuestionSource
from amends.domain.team.member import Member
from amends.ledger.claim.rows import (
    as_values,
    claim_place,
    claim_row,
    decisions_of,
    questions_of,
    reason_place,
)
from amends.ledger.feedback.answering import tell_of_claims
from amends.ledger.feedback.question_rows import question_row
from amends.ledger.feedback.questions import add_claim_words
from amends.ledger.people.people import person_row
from amends.ledger.store.session import Store, Write, incident_row, must_approve
from amends.ledger.store.tables import (
    ClaimDecisionRow,
    ClaimFileRow,
    CompensationClaimRow,
    PersonRow,
    QuestionRow,
)

PAGE = 500
"""The number of claims that the rules decide in one transaction, so that others write in between."""
TOPIC = "compensation"
GRANTED = (ClaimState.GRANTED, ClaimState.IN_PAYMENT, ClaimState.PAID, ClaimState.RETURNED)
"""The states of claims whose amount counts against caps and budget."""
SOURCES = {ClaimWay.PAGE: QuestionSource.PORTAL, ClaimWay.DESK: QuestionSource.HOTLINE}
"""The source of the question of a claim that no question came before."""


class CompensationClaims:
    """The claims of the people of an incident."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, incident: str, new: NewClaim, words: ClaimWords, owner: str, now: datetime, by: str = "") -> int:
        """Store a claim with the word that it came, unless it is stored already, and return its id.

        `by` is the member who enters it; `owner` is who answers questions about it. Raises NotAllowed for words that
        are missing or too long, and for a question that is no claim of the same person; NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            if (known := _known(write.session, incident, new)) is not None:
                return known
            person_row(write.session, incident, new.person)
            question = new.question or self._words(write, incident, new, owner, now, by)
            asked = question_row(write.session, incident, question, locked=True)
            if asked.person != new.person:
                raise NotAllowed(f"question {question} is not of person {new.person}")
            row = self._row(write.session, incident, new, question, by)
            write.session.add(row)
            write.session.flush()
            self._add_files(write.session, row, new, now)
            said = words.received(asked.locale, new.asked, new.due_at, account=new.account is not None)
            tell_of_claims(write, self._store, incident, ((asked, said),), by, now)
            write.note(
                now, incident, "claimed", f"claim {row.id}",
                actor=by or "amends", by_person=new.person, source=new.source.value, question=question,
                minor=new.asked.minor, currency=new.asked.currency, files=len(new.files),
            )  # fmt: skip
            return row.id

    def _words(self, write: Write, incident: str, new: NewClaim, owner: str, now: datetime, by: str) -> int:
        asked = NewQuestion(
            text=new.text, person=new.person, kind=QuestionKind.CLAIM, source=SOURCES[new.source], locale=new.locale,
            once=f"claim {new.once}", reply_within=new.due_at - new.at, owner=owner, at=new.at, topic=TOPIC,
        )  # fmt: skip
        return add_claim_words(write, self._store, incident, asked, now, by)

    def _row(self, session: Session, incident: str, new: NewClaim, question: int, by: str) -> CompensationClaimRow:
        last = session.exec(
            select(func.max(CompensationClaimRow.id)).where(CompensationClaimRow.incident == incident)
        ).one()
        row = CompensationClaimRow(
            incident=incident, id=(last or 0) + 1, once=new.once, person=new.person, question=question,
            locale=new.locale, source=new.source.value, entered_by=by, currency=new.asked.currency,
            asked=new.asked.minor, state=ClaimState.RECEIVED.value, files=len(new.files), at=new.at, due_at=new.due_at,
            device_index=self._store.keys.index(incident, "claim device", new.device) if new.device else b"",
        )  # fmt: skip
        if new.account:
            self._set_account(session, row, new.account)
        return row

    def _set_account(self, session: Session, row: CompensationClaimRow, account: Account) -> None:
        seal = self._store.seal(session, row.incident)
        row.sealed_account = seal.close(account.model_dump_json(), claim_place(row.incident, row.id, "account"))
        row.account_index = self._store.keys.index(row.incident, "claim account", account.identity)

    def _add_files(self, session: Session, row: CompensationClaimRow, new: NewClaim, now: datetime) -> None:
        query = select(func.max(ClaimFileRow.id)).where(ClaimFileRow.incident == row.incident)
        first = (session.exec(query).one() or 0) + 1
        for number, one in enumerate(new.files, start=first):
            session.add(
                ClaimFileRow(
                    incident=row.incident, id=number, claim=row.id, name=one.name, kind=one.kind, size=one.size, at=now
                )
            )
        session.flush()

    def give_account(
        self, incident: str, claim: int, account: Account, rules: ClaimRules, now: datetime, by: str = ""
    ) -> None:
        """Store the account to which an open claim is paid; a payment that is under way keeps its own.

        A claim whose payment came back can be paid again from then on, and so can a lapsed one to which a member gives
        an account. Raises NotAllowed, also when caps and budget no longer leave what a lapsed one was granted;
        NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            row = claim_row(write.session, incident, claim, locked=True)
            state = ClaimState(row.state)
            if why := why_not_name_account(claim, state, by) or _why_not_take_up(write.session, row, rules):
                raise NotAllowed(why)
            self._set_account(write.session, row, account)
            row.account_due_at = row.account_reminded_at = None
            if state is not ClaimState.RECEIVED:
                row.state = ClaimState.GRANTED.value
            act = "lapsed claim taken up" if state is ClaimState.LAPSED else "claim account given"
            write.note(now, incident, act, f"claim {claim}", by_person=row.person, **({"actor": by} if by else {}))

    def decide(
        self, incident: str, claim: int, verdict: ClaimVerdict, rules: ClaimRules, words: ClaimWords, by: Member,
        now: datetime,
    ) -> CompensationClaim:  # fmt: skip
        """Record a member's decision, and return the claim as it stands then; the person hears when it is complete.

        Raises NotAllowed for who may not decide this, and for an amount above a cap or the budget; NotInLedger.
        """
        must_approve(by, "decide on a claim")
        with self._store.write() as write:
            write.incident(incident)
            row = claim_row(write.session, incident, claim, locked=True)
            seal = self._store.seal(write.session, incident)
            (known,) = as_values(write.session, seal, (row,))
            others = granted_so_far(write.session, incident, row.person)
            if why := why_not_decide(rules, known, by, verdict, others):
                raise NotAllowed(why)
            self._add_decision(write.session, row, len(known.decisions) + 1, by.name, verdict, now)
            said = [one for one in _decisions(write.session, row) if one.round == row.round]
            done = is_decided(rules, row.asked, decisions_of(said, seal))
            write.note(
                now, incident, "claim decided" if done else "claim decision", f"claim {claim}",
                actor=by.name, minor=verdict.granted, round=row.round, **_unproven(verdict),
            )  # fmt: skip
            if done:
                news = _settle(row, verdict, words, rules, now)
                question = question_row(write.session, incident, row.question, locked=True)
                tell_of_claims(write, self._store, incident, ((question, news(question)),), by.name, now)
            write.session.flush()
            (found,) = as_values(write.session, seal, (row,))
            return found

    def _add_decision(
        self, session: Session, row: CompensationClaimRow, number: int, by: str, verdict: ClaimVerdict, now: datetime
    ) -> None:
        reason, place = verdict.reason.strip(), reason_place(row.incident, row.id, number)
        session.add(
            ClaimDecisionRow(
                incident=row.incident, claim=row.id, id=number, round=row.round, by=by, granted=verdict.granted, at=now,
                without_evidence=verdict.without_evidence.strip(),
                sealed_reason=self._store.seal(session, row.incident).close(reason, place) if reason else None,
            )
        )  # fmt: skip
        session.flush()

    def decide_by_rules(self, incident: str, rules: ClaimRules, words: ClaimWords, now: datetime) -> int:
        """Grant the claims that need no person by the rules, page by page, and return how many. Safe to repeat."""
        granted, last = 0, 0
        while True:
            with self._store.read() as session:
                page = session.exec(_undecided(incident, rules, last)).all()
                ids = [row.id for row in page]
            if not ids:
                return granted
            last = ids[-1]
            with self._store.write() as write:
                write.incident(incident)
                granted += self._decide_page(write, incident, ids, rules, words, now)

    def _decide_page(
        self, write: Write, incident: str, ids: Sequence[int], rules: ClaimRules, words: ClaimWords, now: datetime
    ) -> int:
        here = (CompensationClaimRow.incident == incident, col(CompensationClaimRow.id).in_(ids))
        query = select(CompensationClaimRow).where(*here).order_by(col(CompensationClaimRow.id)).with_for_update()
        rows = [row for row in write.session.exec(query).all() if row.state == ClaimState.RECEIVED and row.round == 1]
        begun = set(_numbers(write.session, incident, ids))  # a member has decided, and a second one must
        sums = _sums_by_person(write.session, incident, {row.person for row in rows})
        in_all, news = _granted_in_all(write.session, incident), []
        questions, people = questions_of(write.session, incident, rows), _people(write.session, incident, rows)
        for row in rows:
            asked = Money(row.asked, row.currency)
            others = GrantedSoFar(sums.get(row.person, 0), in_all)
            verdict = None if row.id in begun else verdict_by_rule(rules, asked, row.files, others)
            if verdict is None:
                continue
            sums[row.person], in_all = others.to_person + verdict.granted, in_all + verdict.granted
            write.session.add(
                ClaimDecisionRow(
                    incident=incident, claim=row.id, id=1, round=1, by=BY_RULE, granted=verdict.granted, at=now
                )
            )
            said = _settle(row, verdict, words, rules, now)
            news.append((questions[row.question], said(questions[row.question])))
        if news:
            tell_of_claims(write, self._store, incident, news, BY_RULE, now)
            people.clear()
            decided = [row.id for row in rows if row.state == ClaimState.GRANTED]
            write.note(now, incident, "claims decided by rule", claims=decided)
        return len(news)

    def object(
        self, incident: str, claim: int, why: str, due_at: datetime, until: datetime | None, words: ClaimWords,
        now: datetime, by: str = "",
    ) -> None:  # fmt: skip
        """Reopen a claim once, after a rejection or a part, for members who have not decided on it.

        Raises NotAllowed, NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            row = claim_row(write.session, incident, claim, locked=True)
            seal = self._store.seal(write.session, incident)
            (known,) = as_values(write.session, seal, (row,))
            if refusal := why_not_object(known, why, until, now):
                raise NotAllowed(refusal)
            row.sealed_objection = seal.close(why.strip(), claim_place(incident, claim, "objection")) if why else None
            row.state, row.round, row.granted = ClaimState.RECEIVED.value, 2, None
            row.objected_at, row.decided_at, row.due_at = now, None, due_at
            row.account_due_at = row.account_reminded_at = None
            question = question_row(write.session, incident, row.question, locked=True)
            said = words.reopened(question.locale, due_at)
            tell_of_claims(write, self._store, incident, ((question, said),), by, now)
            whose = {"actor": by} if by else {}
            write.note(now, incident, "claim objection", f"claim {claim}", by_person=row.person, **whose)

    def all(
        self, incident: str, *, person: int | None = None, states: Iterable[ClaimState] | None = None
    ) -> tuple[CompensationClaim, ...]:
        """Return the claims, the one due first in front. Raises NotInLedger, KeyMissing."""
        query = select(CompensationClaimRow).where(CompensationClaimRow.incident == incident)
        if person is not None:
            query = query.where(CompensationClaimRow.person == person)
        if states is not None:
            query = query.where(col(CompensationClaimRow.state).in_(list(states)))
        with self._store.read() as session:
            seal = self._store.seal(session, incident)
            rows = session.exec(query.order_by(col(CompensationClaimRow.due_at), col(CompensationClaimRow.id))).all()
            return as_values(session, seal, rows)

    def get(self, incident: str, claim: int) -> CompensationClaim:
        """Return one claim. Raises NotInLedger, KeyMissing."""
        with self._store.read() as session:
            row = claim_row(session, incident, claim)
            return as_values(session, self._store.seal(session, incident), (row,))[0]

    def note_shown(self, incident: str, claim: int, by: str, now: datetime) -> None:
        """Record that a member read a claim with its personal data. Raises NotInLedger."""
        with self._store.write() as write:
            write.incident(incident)
            row = claim_row(write.session, incident, claim)
            write.note(now, incident, "claim read", f"claim {claim}", actor=by, person=row.person)

    def signals(self, incident: str) -> dict[int, tuple[Signal, ...]]:
        """Return the signals of fraud of each claim that has any; nothing is decided by them."""
        columns = (
            CompensationClaimRow.id, CompensationClaimRow.person, CompensationClaimRow.account_index,
            CompensationClaimRow.device_index, CompensationClaimRow.at,
        )  # fmt: skip
        with self._store.read() as session:
            incident_row(session, incident)
            rows = session.exec(select(*columns).where(CompensationClaimRow.incident == incident))  # type: ignore[call-overload]
            return signals(Trace(*row) for row in rows)

    def most(self, incident: str, claim: int, rules: ClaimRules) -> int:
        """Return the most minor units that can be granted to the claim now. Raises NotInLedger."""
        with self._store.read() as session:
            row = claim_row(session, incident, claim)
            return most_to_grant(rules, row.asked, granted_so_far(session, incident, row.person))

    def totals(self, incident: str, rules: ClaimRules | None, now: datetime) -> ClaimTotals:
        """Return the claims in numbers beside the budget. Raises NotInLedger."""
        with self._store.read() as session:
            incident_row(session, incident)
            return claim_totals(session, incident, rules, now)


def claim_totals(session: Session, incident: str, rules: ClaimRules | None, now: datetime | None) -> ClaimTotals:
    """Return the claims in numbers; the currency is that of the rules, else that of the claims.

    Without `now`, none counts as overdue.
    """
    here = CompensationClaimRow.incident == incident
    state, currency = col(CompensationClaimRow.state), col(CompensationClaimRow.currency)
    sums = (func.count(), func.sum(CompensationClaimRow.asked), func.sum(CompensationClaimRow.granted))
    found = session.exec(select(currency, state, *sums).where(here).group_by(currency, state)).all()  # type: ignore[call-overload]
    money = rules.currency if rules else next((row[0] for row in found), "")
    mine = {row[1]: row[2:] for row in found if row[0] == money}
    late = (here, state == ClaimState.RECEIVED, col(CompensationClaimRow.due_at) < now if now else false())
    return ClaimTotals(
        currency=money,
        claims={str(one): mine[one][0] for one in ClaimState if one in mine},
        asked=sum(int(row[1]) for row in mine.values()),
        granted=sum(int(mine[one][2] or 0) for one in GRANTED if one in mine),
        paid=int(mine[ClaimState.PAID][2] or 0) if ClaimState.PAID in mine else 0,
        in_payment=int(mine[ClaimState.IN_PAYMENT][2] or 0) if ClaimState.IN_PAYMENT in mine else 0,
        budget=rules.minor("budget") if rules else None,
        overdue=session.exec(select(func.count()).select_from(CompensationClaimRow).where(*late)).one(),
    )


def granted_so_far(session: Session, incident: str, person: int) -> GrantedSoFar:
    """Return what other claims were granted: those of the person, and all."""
    return GrantedSoFar(_sums_by_person(session, incident, {person}).get(person, 0), _granted_in_all(session, incident))


def _granted_in_all(session: Session, incident: str) -> int:
    here = (CompensationClaimRow.incident == incident, col(CompensationClaimRow.state).in_(GRANTED))
    return int(session.exec(select(func.sum(CompensationClaimRow.granted)).where(*here)).one() or 0)


def _sums_by_person(session: Session, incident: str, people: set[int]) -> dict[int, int]:
    person = col(CompensationClaimRow.person)
    here = (CompensationClaimRow.incident == incident, col(CompensationClaimRow.state).in_(GRANTED))
    query = select(person, func.sum(CompensationClaimRow.granted)).where(*here, person.in_(people)).group_by(person)
    return {number: int(total or 0) for number, total in session.exec(query)}


def _undecided(incident: str, rules: ClaimRules, after: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """Return the query of a page of claims that the rules may decide."""
    return (
        select(CompensationClaimRow)
        .where(
            CompensationClaimRow.incident == incident, CompensationClaimRow.state == ClaimState.RECEIVED,
            CompensationClaimRow.round == 1, CompensationClaimRow.asked <= rules.minor("by_rule_up_to"),
            CompensationClaimRow.currency == rules.currency, col(CompensationClaimRow.id) > after,
        )
        .order_by(col(CompensationClaimRow.id))
        .limit(PAGE)
    )  # fmt: skip


def _unproven(verdict: ClaimVerdict) -> dict[str, str]:
    """Return what the audit chain says of a grant without the evidence that was needed; empty for any other."""
    why = verdict.without_evidence.strip()
    return {"without_evidence": why} if why else {}


def _settle(
    row: CompensationClaimRow, verdict: ClaimVerdict, words: ClaimWords, rules: ClaimRules, now: datetime
) -> Callable[[QuestionRow], str]:
    """Change the row to its decision, and return the maker of the word to the person."""
    row.granted, row.decided_at = verdict.granted, now
    row.state = (ClaimState.GRANTED if verdict.granted else ClaimState.REJECTED).value
    if verdict.granted and row.sealed_account is None:
        row.account_due_at = now + rules.account_within
    asked, granted = (Money(minor, row.currency) for minor in (row.asked, verdict.granted))
    until, account_until = now + rules.object_within if row.round == 1 else None, row.account_due_at
    return lambda question: words.decided(
        question.locale, asked, granted, verdict.reason, account_until=account_until, object_until=until
    )


def _why_not_take_up(session: Session, row: CompensationClaimRow, rules: ClaimRules) -> Refusal | None:
    """Return why the caps and the budget no longer leave what a lapsed claim was granted, or None."""
    if row.state != ClaimState.LAPSED:
        return None
    granted = Money(row.granted or 0, row.currency)
    most = most_to_grant(rules, granted.minor, granted_so_far(session, row.incident, row.person))
    if most == granted.minor:
        return None
    left = Money(most, row.currency)
    return Refusal(
        f"the caps and the budget of the playbook leave {left} for claim {row.id}, which was granted {granted}"
    )


def _decisions(session: Session, row: CompensationClaimRow) -> list[ClaimDecisionRow]:
    here = (ClaimDecisionRow.incident == row.incident, ClaimDecisionRow.claim == row.id)
    return list(session.exec(select(ClaimDecisionRow).where(*here)))


def _numbers(session: Session, incident: str, ids: Sequence[int]) -> Iterable[int]:
    here = (ClaimDecisionRow.incident == incident, col(ClaimDecisionRow.claim).in_(ids))
    return session.exec(select(ClaimDecisionRow.claim).where(*here)).all()


def _people(session: Session, incident: str, rows: Sequence[CompensationClaimRow]) -> list[PersonRow]:
    """Return the people of these claims and their guardians; as long as they are held, no query asks for them."""
    here, wanted = PersonRow.incident == incident, {row.person for row in rows}
    found: list[PersonRow] = []
    while wanted:
        read = session.exec(select(PersonRow).where(here, col(PersonRow.number).in_(wanted))).all()
        found += read
        wanted = {row.guardian for row in read if row.guardian} - {row.number for row in found}
    return found


def _known(session: Session, incident: str, new: NewClaim) -> int | None:
    """Return the claim that is stored already for this form, or for this question."""
    here = CompensationClaimRow.incident == incident
    same: ColumnElement[bool] = col(CompensationClaimRow.once) == new.once
    if new.question is not None:
        same = or_(same, col(CompensationClaimRow.question) == new.question)
    return session.exec(select(CompensationClaimRow.id).where(here, same)).first()
