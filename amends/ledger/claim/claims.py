"""Claims of compensation in the ledger: taken in, decided on by people or by rule, objected to, and ended."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, or_
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotAllowed
from amends.domain.base.money import Money
from amends.domain.claim.account import Account
from amends.domain.claim.claim import (
    BY_RULE,
    UNPAYABLE,
    ClaimState,
    ClaimTotals,
    ClaimWay,
    CompensationClaim,
    NewClaim,
    why_not_name_account,
    why_not_object,
)
from amends.domain.claim.rules import (
    REMINDED_BEFORE,
    ClaimRules,
    ClaimVerdict,
    GrantedSoFar,
    is_decided,
    most_to_grant,
    verdict_by_rule,
    why_not_decide,
    why_not_take_up,
)
from amends.domain.claim.signals import Signal, Trace, signals
from amends.domain.claim.words import ClaimTerms, ClaimWords
from amends.domain.feedback.question import NewQuestion, QuestionKind, QuestionSource
from amends.domain.team.member import Member
from amends.ledger.claim.change import ClaimChange, News, claim_change
from amends.ledger.claim.rows import as_values, claim_place, claim_row, reasons_of, subject_of, votes_of
from amends.ledger.claim.sums import claim_totals, granted_in_all, granted_so_far, sums_by_person
from amends.ledger.feedback.question_rows import question_row
from amends.ledger.feedback.questions import add_claim_words
from amends.ledger.home_files import list_files
from amends.ledger.people.people import person_row
from amends.ledger.store.session import Store, incident_row
from amends.ledger.tables.claim import ClaimFileRow, CompensationClaimRow
from amends.ledger.tables.team import VoteRow
from amends.ledger.votes import cast, take_back, votes_on

PAGE = 500
"""The number of claims changed in one transaction, so that others write in between."""
TOPIC = "compensation"
SOURCES = {ClaimWay.PAGE: QuestionSource.PORTAL, ClaimWay.DESK: QuestionSource.HOTLINE}
"""The source of the question of a claim that no question came before."""
A_DAY = timedelta(days=1)
"""The time after which the day of any moment is over, on whichever clock the person heard of that day."""


class Lapses(NamedTuple):
    """The numbers of people who were reminded, and of claims that have lapsed."""

    reminded: int
    lapsed: int


class CompensationClaims:
    """The claims of the people of an incident."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, incident: str, new: NewClaim, terms: ClaimTerms, now: datetime, by: str = "") -> int:
        """Store a claim with the word that it came, unless it is stored already, and return its id.

        `by` is the member who enters it. Raises NotAllowed for words that are missing or too long, and for a question
        that is no claim of the same person; NotInLedger.
        """
        with claim_change(self._store, incident, now, by) as change:
            if (known := _known(change.session, incident, new)) is not None:
                return known
            person_row(change.session, incident, new.person)
            question = new.question or _add_words(change, new, terms.owner)
            if question_row(change.session, incident, question, locked=True).person != new.person:
                raise NotAllowed(f"question {question} is not of person {new.person}")
            row = _add_row(change, new, question)
            has = new.account is not None
            change.tell((row, lambda locale: terms.words.received(locale, new.asked, new.due_at, account=has)))
            change.note(
                "claimed",
                f"claim {row.id}",
                by_person=new.person,
                source=new.source.value,
                question=question,
                minor=new.asked.minor,
                currency=new.asked.currency,
                files=len(new.files),
            )
            return row.id

    def give_account(
        self, incident: str, claim: int, account: Account, rules: ClaimRules, now: datetime, by: str = ""
    ) -> None:
        """Store the account to which an open claim is paid; a payment that is under way keeps its own.

        A claim whose payment came back can be paid again from then on, and so can a lapsed one to which a member gives
        an account. Raises NotAllowed, also when caps and budget no longer leave what a lapsed one was granted;
        NotInLedger.
        """
        with claim_change(self._store, incident, now, by) as change:
            row = change.row(claim)
            state, granted = ClaimState(row.state), Money(row.granted or 0, row.currency)
            others = granted_so_far(change.session, incident, row.person)
            if why := why_not_name_account(claim, state, by) or why_not_take_up(rules, claim, state, granted, others):
                raise NotAllowed(why)
            _set_account(change, row, account)
            row.account_due_at = row.account_reminded_at = None
            if state is not ClaimState.RECEIVED:
                row.state = ClaimState.GRANTED.value
            act = "lapsed claim taken up" if state is ClaimState.LAPSED else "claim account given"
            change.note(act, f"claim {claim}", by_person=row.person)

    def decide(
        self, incident: str, claim: int, verdict: ClaimVerdict, terms: ClaimTerms, by: Member, now: datetime
    ) -> CompensationClaim:
        """Record a member's decision, and return the claim as it stands then; the person hears when it is complete.

        A further decision of the same member takes the place of the earlier one. Raises NotAllowed for who may not
        decide this, and for an amount above a cap or the budget; NotInLedger.
        """
        with claim_change(self._store, incident, now, by.name) as change:
            row = change.row(claim)
            others = granted_so_far(change.session, incident, row.person)
            if why := why_not_decide(terms.rules, change.value(row), by, verdict, others):
                raise NotAllowed(why)
            _vote(change, row, verdict, by)
            done = is_decided(terms.rules, change.value(row))
            unproven = {"without_evidence": text} if (text := verdict.without_evidence.strip()) else {}
            act = "claim decided" if done else "claim decision"
            change.note(act, f"claim {claim}", minor=verdict.granted, round=row.round, **unproven)
            if done:
                change.tell(_settle(row, verdict, terms, now))
            return change.value(row)

    def decide_by_rules(self, incident: str, terms: ClaimTerms, now: datetime) -> int:
        """Grant the claims that need no person by the rules, page by page, and return how many. Safe to repeat."""
        row, rules = CompensationClaimRow, terms.rules
        which = (
            row.state == ClaimState.RECEIVED,
            row.round == 1,
            row.asked <= rules.minor("by_rule_up_to"),
            row.currency == rules.currency,
        )
        return self._page_by_page(incident, which, now, lambda change, rows: _decide_page(change, rows, terms))

    def object(
        self, incident: str, claim: int, why: str, terms: ClaimTerms, now: datetime, by: str = ""
    ) -> CompensationClaim:
        """Reopen a claim once, after a rejection or a part, for members who have not decided on it, and return it.

        Raises NotAllowed, NotInLedger.
        """
        with claim_change(self._store, incident, now, by) as change:
            row = change.row(claim)
            if refusal := why_not_object(known := change.value(row), why, terms.object_until(known), now):
                raise NotAllowed(refusal)
            place = claim_place(incident, claim, "objection")
            row.sealed_objection = change.seal.close(why.strip(), place) if why else None
            row.state, row.round, row.granted = ClaimState.RECEIVED.value, 2, None
            row.objected_at, row.decided_at, row.due_at = now, None, now + terms.rules.reply_within
            row.account_due_at = row.account_reminded_at = None
            change.tell((row, lambda locale: terms.words.reopened(locale, row.due_at)))
            change.note("claim objection", f"claim {claim}", by_person=row.person)
            return change.value(row)

    def end_without_account(self, incident: str, words: ClaimWords, now: datetime) -> Lapses:
        """Remind the people whose last day to name an account comes near, and end the claims whose last day is over.

        No claim lapses before its person was reminded: a reminder that comes late moves the last day. Safe to repeat.
        Raises DataDestroyed.
        """
        due, reminded = col(CompensationClaimRow.account_due_at), col(CompensationClaimRow.account_reminded_at)
        waits = col(CompensationClaimRow.state).in_(UNPAYABLE)
        near = (waits, reminded.is_(None), due <= now + REMINDED_BEFORE)
        over = (waits, reminded.is_not(None), due <= now - A_DAY)
        return Lapses(
            self._page_by_page(incident, near, now, lambda change, rows: _remind_page(change, rows, words)),
            self._page_by_page(incident, over, now, lambda change, rows: _lapse_page(change, rows, words)),
        )

    def _page_by_page(
        self,
        incident: str,
        which: Sequence[ColumnElement[bool] | bool],
        now: datetime,
        change_page: Callable[[ClaimChange, Sequence[CompensationClaimRow]], int],
    ) -> int:
        """Change these claims by the rules, a page in each transaction, and return the sum of what changed."""
        row, last, changed = CompensationClaimRow, 0, 0
        here = (row.incident == incident, *which)
        while True:
            with self._store.read() as session:
                page = select(row.id).where(*here, col(row.id) > last).order_by(col(row.id)).limit(PAGE)
                ids = session.exec(page).all()
            if not ids:
                return changed
            last = ids[-1]
            with claim_change(self._store, incident, now, BY_RULE) as change:
                mine = select(row).where(*here, col(row.id).in_(ids)).order_by(col(row.id)).with_for_update()
                changed += change_page(change, change.session.exec(mine).all())

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
        with claim_change(self._store, incident, now, by) as change:
            change.note("claim read", f"claim {claim}", person=change.row(claim).person)

    def signals(self, incident: str) -> dict[int, tuple[Signal, ...]]:
        """Return the signals of fraud of each claim that has any; nothing is decided by them."""
        row = CompensationClaimRow
        traces = select(row.id, row.person, row.account_index, row.device_index, row.at)  # type: ignore[call-overload]
        with self._store.read() as session:
            incident_row(session, incident)
            return signals(Trace(*one) for one in session.exec(traces.where(row.incident == incident)))

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


def _known(session: Session, incident: str, new: NewClaim) -> int | None:
    """Return the claim that is stored already for this form, or for this question."""
    row = CompensationClaimRow
    same: ColumnElement[bool] = col(row.once) == new.once
    if new.question is not None:
        same = or_(same, col(row.question) == new.question)
    return session.exec(select(row.id).where(row.incident == incident, same)).first()


def _add_words(change: ClaimChange, new: NewClaim, owner: str) -> int:
    """Store what the person says as a question, and return its id."""
    asked = NewQuestion(
        text=new.text,
        person=new.person,
        kind=QuestionKind.CLAIM,
        source=SOURCES[new.source],
        locale=new.locale,
        once=f"claim {new.once}",
        reply_within=new.due_at - new.at,
        owner=owner,
        at=new.at,
        topic=TOPIC,
    )
    return add_claim_words(change.write, change.store, change.incident, asked, change.now, change.by)


def _add_row(change: ClaimChange, new: NewClaim, question: int) -> CompensationClaimRow:
    """Store the row of a claim, and those of its files."""
    index = change.store.keys.index
    last = change.session.exec(
        select(func.max(CompensationClaimRow.id)).where(CompensationClaimRow.incident == change.incident)
    ).one()
    row = CompensationClaimRow(
        incident=change.incident,
        id=(last or 0) + 1,
        once=new.once,
        person=new.person,
        question=question,
        locale=new.locale,
        source=new.source.value,
        entered_by=change.by,
        currency=new.asked.currency,
        asked=new.asked.minor,
        state=ClaimState.RECEIVED.value,
        files=len(new.files),
        at=new.at,
        due_at=new.due_at,
        device_index=index(change.incident, "claim device", new.device) if new.device else b"",
    )
    if new.account:
        _set_account(change, row, new.account)
    change.session.add(row)
    change.session.flush()
    list_files(change.session, ClaimFileRow, change.incident, new.files, change.now, claim=row.id)
    return row


def _set_account(change: ClaimChange, row: CompensationClaimRow, account: Account) -> None:
    row.sealed_account = change.seal.close(account.model_dump_json(), claim_place(row.incident, row.id, "account"))
    row.account_index = change.store.keys.index(row.incident, "claim account", account.identity)


def _vote(change: ClaimChange, row: CompensationClaimRow, verdict: ClaimVerdict, by: Member) -> None:
    """Store the member's decision in place of an earlier one in this round, with its reason for the person."""
    subject = subject_of(row)
    take_back(change.session, [vote for vote in votes_on(change.session, subject) if vote.member == by.name])
    cast(
        change.session,
        subject,
        member=by.name,
        role=by.role,
        binding="",
        at=change.now,
        reason=verdict.without_evidence.strip(),
        detail={"granted": verdict.granted},
    )
    reasons = reasons_of(row, change.seal) | {f"{row.round} {by.name}": verdict.reason.strip()}
    place = claim_place(row.incident, row.id, "reasons")
    row.sealed_reasons = change.seal.close(json.dumps(reasons, ensure_ascii=False), place)


def _settle(row: CompensationClaimRow, verdict: ClaimVerdict, terms: ClaimTerms, now: datetime) -> News:
    """Change the row to its decision, and return the word to the person."""
    rules, words = terms.rules, terms.words
    row.granted, row.decided_at = verdict.granted, now
    row.state = (ClaimState.GRANTED if verdict.granted else ClaimState.REJECTED).value
    if verdict.granted and row.sealed_account is None:
        row.account_due_at = now + rules.account_within
    asked, granted = (Money(minor, row.currency) for minor in (row.asked, verdict.granted))
    until, account_until = now + rules.object_within if row.round == 1 else None, row.account_due_at
    return row, lambda locale: words.decided(
        locale, asked, granted, verdict.reason, account_until=account_until, object_until=until
    )


def _decide_page(change: ClaimChange, rows: Sequence[CompensationClaimRow], terms: ClaimTerms) -> int:
    """Grant what the rules grant, but to claims that a member has begun to decide: a second one must."""
    session, incident = change.session, change.incident
    begun = {vote.about for vote in votes_of(session, incident, [row.id for row in rows])}
    sums, in_all = sums_by_person(session, incident, {row.person for row in rows}), granted_in_all(session, incident)
    news = []
    for row in rows:
        others = GrantedSoFar(sums.get(row.person, 0), in_all)
        verdict = verdict_by_rule(terms.rules, Money(row.asked, row.currency), row.files, others)
        if verdict is None or str(row.id) in begun:
            continue
        sums[row.person], in_all = others.to_person + verdict.granted, in_all + verdict.granted
        session.add(
            VoteRow(
                **subject_of(row)._asdict(),
                member=BY_RULE,
                role="",
                binding="",
                reason="",
                at=change.now,
                detail={"granted": verdict.granted},
            )
        )
        news.append(_settle(row, verdict, terms, change.now))
    return _tell_page(change, news, "claims decided by rule")


def _remind_page(change: ClaimChange, rows: Sequence[CompensationClaimRow], words: ClaimWords) -> int:
    for row in rows:
        row.account_due_at = max(row.account_due_at or change.now, change.now + REMINDED_BEFORE)
        row.account_reminded_at = change.now
    news = [(row, _word(words.reminder, _granted(row), row.account_due_at)) for row in rows]
    return _tell_page(change, news, "claim accounts asked for again")


def _lapse_page(change: ClaimChange, rows: Sequence[CompensationClaimRow], words: ClaimWords) -> int:
    for row in rows:
        row.state, row.account_due_at = ClaimState.LAPSED.value, None
    return _tell_page(change, [(row, _word(words.lapsed, _granted(row))) for row in rows], "claims lapsed")


def _tell_page(change: ClaimChange, news: Sequence[News], act: str) -> int:
    """Tell the people of changed claims, record the act, and return how many claims there are."""
    if news:
        change.tell(*news)
        change.note(act, claims=[row.id for row, _ in news])
    return len(news)


def _word(say: Callable[..., str], *values: object) -> Callable[[str], str]:
    """Return the maker of a word in a locale with these values."""
    return lambda locale: say(locale, *values)


def _granted(row: CompensationClaimRow) -> Money:
    return Money(row.granted or 0, row.currency)
