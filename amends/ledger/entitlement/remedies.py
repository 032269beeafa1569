"""Remedies in the ledger: a row for each entitled person, and what a member says became of it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, func, insert
from sqlalchemy import select as sql
from sqlmodel import Session, col, select

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.entitlement.remedy import (
    Remedy,
    RemedyCounts,
    RemedyOutcome,
    RemedyState,
    RightOutcome,
    why_not,
    why_not_correct,
    why_not_keep,
)
from amends.domain.incident.commitment import CommitmentState
from amends.domain.incident.per_person import PerPerson
from amends.ledger.entitlement.change import change_each
from amends.ledger.entitlement.corrections import correct_told, told_a_result
from amends.ledger.entitlement.entitled import PAGE, PERSON, entitled, has_remedy
from amends.ledger.entitlement.told_results import ToldResult
from amends.ledger.store.bulk import pages
from amends.ledger.store.session import Store, Transaction, incident_row
from amends.ledger.store.sums import changing_these
from amends.ledger.tables.commitment import CommitmentRow, RemedyRow
from amends.ledger.tables.people import PersonRow

NOT_PROMISED = "nobody has told this person of the promise"
NOT_TOLD = "no message has told them a result yet, so `amends remedies done` changes it"


@dataclass(frozen=True, slots=True)
class Settlement:
    """The result of storing some outcomes: all are stored, or none when one of them is refused."""

    changed: int = 0
    same: int = 0
    """The number of persons for whom the ledger said the same before."""
    refused: Mapping[int, str] = field(default_factory=dict)
    """By the number of the person, the reason why an outcome cannot be stored."""


class Corrected(NamedTuple):
    """The correction of one person's result."""

    before: RemedyOutcome
    """The outcome until now."""
    notice: str = ""
    """The id of the notice that tells the person; empty when nothing has changed that the person was told."""


class Remedies:
    """The remedies of persons of all incidents."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def enrol(self, incident: str, now: datetime) -> int:
        """Give a row to everybody who was told of a commitment per person and has none; return how many are new.

        People of a corrected list, and those whom a later message told, so come in by themselves. Raises NotInLedger.
        """
        with self._store.read() as session:
            incident_row(session, incident)
            missing = [
                one.id for one in _per_person(session, incident) if not _dropped(one) and _without_row(session, one)
            ]
        if not missing:
            return 0
        with self._store.write() as write:
            write.incident(incident)
            return sum(enrol_in(write, _row(write.session, incident, one), now) for one in missing)

    def counts(self, incident: str) -> dict[str, RemedyCounts]:
        """Return the persons in numbers, for each commitment per person. Raises NotInLedger."""
        with self._store.read() as session:
            incident_row(session, incident)
            return remedy_counts(session, incident)

    def all(self, incident: str, commitment: str, *, states: Collection[RemedyState] = ()) -> tuple[Remedy, ...]:
        """Return the remedies of a commitment by person, or those in one of these states. Raises NotInLedger."""
        with self._store.read() as session:
            row = _row(session, incident, commitment)
            query = _with_gone().where(*_of(row)).order_by(col(RemedyRow.person))
            found = (_remedy(*one) for one in session.execute(query))
            return tuple(one for one in found if not states or one.state in states)

    def of_person(self, incident: str, person: int) -> dict[str, Remedy]:
        """Return the remedies of one person, by commitment."""
        query = _with_gone().where(col(RemedyRow.incident) == incident, col(RemedyRow.person) == person)
        with self._store.read() as session:
            return {one.commitment: _remedy(one, gone) for one, gone in session.execute(query)}

    def words(self, incident: str, commitment: str) -> PerPerson:
        """Return the words of each result. Raises NotAllowed for a commitment kept for all at once; NotInLedger."""
        with self._store.read() as session:
            return _words(_row(session, incident, commitment))

    def settle(
        self, incident: str, commitment: str, outcomes: Mapping[int, RemedyOutcome], by: str, now: datetime
    ) -> Settlement:
        """Record what became of the remedies of these persons, all or none; the same again changes nothing.

        Somebody who was told of the promise meanwhile gets a row first. Raises NotAllowed for a commitment that is not
        per person, and for an outcome that it has no words for; NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            row = _row(write.session, incident, commitment)
            words = _words(row)
            for refusal in filter(None, (why_not(outcome, words) for outcome in set(outcomes.values()))):
                raise NotAllowed(f"{commitment}: {refusal}")
            if not _dropped(row):
                enrol_in(write, row, now)
            known = _known(write.session, row, outcomes)
            if refused := dict(_refused(write.session, row, outcomes, known)):
                return Settlement(refused=refused)
            new = {person: one for person, one in outcomes.items() if known[person] != one}
            _store(write, row, new, by, now)
            if new:
                states = Counter(one.state.value for one in new.values())
                write.note(now, incident, "remedies settled", commitment, actor=by, persons=len(new), **states)
            return Settlement(changed=len(new), same=len(outcomes) - len(new))

    def correct(
        self, incident: str, commitment: str, person: int, right: RightOutcome, by: str, now: datetime
    ) -> Corrected:
        """Put right the result that a message told a person wrongly; the same again changes nothing.

        Their page has it at once, and a notice tells them what was wrong. Raises NotAllowed without a reason, for an
        outcome that the commitment has no words for, and for somebody to whom no message told a result; NotInLedger.
        """
        outcome, why = right
        with self._store.write() as write:
            write.incident(incident)
            row = _row(write.session, incident, commitment)
            if refusal := why_not(outcome, _words(row)) or why_not_correct(why):
                raise NotAllowed(f"{commitment}: {refusal}")
            before = _known(write.session, row, [person]).get(person)
            if before is None or person not in told_a_result(write.session, row, [person]):
                raise NotAllowed(f"person {person}: {NOT_PROMISED if before is None else NOT_TOLD}")
            if before == outcome:
                return Corrected(before)
            notice = correct_told(write, row, person, ToldResult(outcome.word, before.word), by, now)
            _store(write, row, {person: outcome}, by, now)
            detail = {"by_person": person, "why": why, "notice": notice}
            write.note(now, incident, "result corrected", commitment, actor=by, **detail)
            return Corrected(before, notice)


def refuse_owed(write: Transaction, row: CommitmentRow, now: datetime) -> None:
    """Raise NotAllowed while persons who were told of a commitment per person wait for their own result."""
    if row.per_person is None or row.state != CommitmentState.OPEN:
        return
    enrol_in(write, row, now)
    counts = remedy_counts(write.session, row.incident)[row.id]
    if refusal := why_not_keep(row.incident, row.id, counts.owed):
        raise NotAllowed(refusal)


def enrol_in(write: Transaction, row: CommitmentRow, now: datetime) -> int:
    """Give a row to everybody who was told of this commitment and has none, and return how many there are."""
    numbers = list(write.session.exec(_missing(row)))
    fresh = {"state": RemedyState.OPEN.value, "word": "", "changed_at": now, "settled_by": ""}
    for page in pages(numbers, PAGE):
        rows = [{"incident": row.incident, "commitment": row.id, "person": one, **fresh} for one in page]
        with changing_these(write.session, "remedy", (row.incident, row.id), "person", page):
            write.session.execute(insert(RemedyRow), rows)
    if numbers:
        write.note(now, row.incident, "remedies owed", row.id, persons=len(numbers))
    return len(numbers)


def remedy_counts(session: Session, incident: str) -> dict[str, RemedyCounts]:
    """Return the persons in numbers, for each commitment per person; no row is read when there is none."""
    return {one.id: _counts(session, one) for one in _per_person(session, incident)}


def _counts(session: Session, row: CommitmentRow) -> RemedyCounts:
    """Count all rows by an index, and then those of the few people who are no longer in the list."""
    state = col(RemedyRow.state)
    counted = {RemedyState(one): count for one, count in session.execute(_by_state(row).group_by(state))}
    here = and_(col(PersonRow.incident) == RemedyRow.incident, col(PersonRow.number) == RemedyRow.person)
    gone = _by_state(row).join(PersonRow, here).where(col(PersonRow.gone_at).is_not(None)).group_by(state)
    for one, count in session.execute(gone):
        counted[RemedyState(one)] -= count
        counted[RemedyState.SET_ASIDE] = counted.get(RemedyState.SET_ASIDE, 0) + count
    return RemedyCounts(by_state={one: count for one, count in counted.items() if count})


def _by_state(row: CommitmentRow) -> Any:
    return sql(col(RemedyRow.state), func.count()).where(*_of(row))


def _per_person(session: Session, incident: str) -> Iterator[CommitmentRow]:
    """Yield the commitments of the incident that are kept for each person alone."""
    here = select(CommitmentRow).where(CommitmentRow.incident == incident).order_by(col(CommitmentRow.id))
    return (one for one in session.exec(here).all() if one.per_person)


def _dropped(row: CommitmentRow) -> bool:
    return row.state == CommitmentState.DROPPED


def _without_row(session: Session, row: CommitmentRow) -> bool:
    return session.exec(_missing(row).limit(1)).first() is not None


def _missing(row: CommitmentRow) -> Any:
    """Return a query for the people who were told of the commitment and have no row."""
    # The row is looked up first: of nearly everybody who was told there is one.
    return (
        select(PersonRow.number)
        .where(~has_remedy(row.incident, row.id), *entitled(row.incident, row.id))
        .order_by(PERSON)
    )


def _of(row: CommitmentRow) -> tuple[Any, ...]:
    return col(RemedyRow.incident) == row.incident, col(RemedyRow.commitment) == row.id


def _with_gone() -> Any:
    """Return a query for rows, each with the time since when its person is no longer in the list."""
    same = and_(col(PersonRow.incident) == RemedyRow.incident, col(PersonRow.number) == RemedyRow.person)
    return sql(RemedyRow, col(PersonRow.gone_at)).join(PersonRow, same)


def _remedy(row: RemedyRow, gone_at: datetime | None) -> Remedy:
    state = RemedyState.SET_ASIDE if gone_at else RemedyState(row.state)
    return Remedy(person=row.person, state=state, word=row.word, changed_at=row.changed_at, settled_by=row.settled_by)


def _row(session: Session, incident: str, commitment: str) -> CommitmentRow:
    row = session.get(CommitmentRow, (incident, commitment))
    if row is None:
        incident_row(session, incident)
        raise NotInLedger(f"incident {incident} has no commitment {commitment}; `amends commitments list {incident}`")
    return row


def _words(row: CommitmentRow) -> PerPerson:
    if row.per_person is None:
        raise NotAllowed(f"{row.id} is kept for all at once: it has no `per_person` with a result for each person")
    return PerPerson.model_validate(row.per_person)


def _known(session: Session, row: CommitmentRow, persons: Iterable[int]) -> dict[int, RemedyOutcome]:
    """Return how the remedies of these persons stand, locked until the transaction ends."""
    found: dict[int, RemedyOutcome] = {}
    query = sql(col(RemedyRow.person), col(RemedyRow.state), col(RemedyRow.word)).with_for_update()
    for page in pages(sorted(persons), PAGE):
        rows = session.execute(query.where(*_of(row), col(RemedyRow.person).in_(page)))
        found |= {person: RemedyOutcome(RemedyState(state), word) for person, state, word in rows}
    return found


def _refused(
    session: Session, row: CommitmentRow, outcomes: Mapping[int, RemedyOutcome], known: Mapping[int, RemedyOutcome]
) -> Iterator[tuple[int, str]]:
    """Yield each person whose outcome cannot be stored, with the reason."""
    others = [one for one, outcome in outcomes.items() if one in known and known[one] != outcome]
    told = told_a_result(session, row, others) if row.state == CommitmentState.KEPT and others else set()
    for person, outcome in outcomes.items():
        before = known.get(person)
        if before is None:
            yield person, NOT_PROMISED
        elif _dropped(row) and before != outcome:
            yield person, f"{row.id} was dropped, and those promised were told so"
        elif person in told and not before.state.owed:
            yield person, f"the result {before.word} was told already; `amends remedies correct` says what is right"


def _store(
    write: Transaction, row: CommitmentRow, outcomes: Mapping[int, RemedyOutcome], by: str, now: datetime
) -> None:
    settled = {"changed_at": now, "settled_by": by}
    new = {person: settled | {"state": one.state.value, "word": one.word} for person, one in outcomes.items()}
    change_each(write.session, RemedyRow, (row.incident, row.id), "person", new)
