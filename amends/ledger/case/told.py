"""The record of what people were told, which follows from the messages sent and the statements of their texts."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, insert, text, true, tuple_, update
from sqlalchemy import select as sql
from sqlmodel import Session, col, func, select

from amends.domain.deliver.correction import OPEN
from amends.domain.incident.incident import StatementKey
from amends.domain.notice.difference import OWN, OWN_BEFORE, Changes, Differences, cohort_of, difference, wrong_changes
from amends.domain.notice.notice import DeliveryState
from amends.domain.notice.statement import Statement, stated_by
from amends.domain.notice.told import Heard, Pages, SaidTo, Saying, last_told, pages_for
from amends.ledger.audit.tally import texts_to_people
from amends.ledger.case.case import Cases
from amends.ledger.deliver.told import (
    IS_PUBLIC,
    TEXT,
    SentTexts,
    Text,
    element_sets,
    messages_to,
    people_no_longer_affected,
    people_told_otherwise,
    public_sayings,
    public_told_otherwise,
    telling,
    told_by_all,
    told_differently,
)
from amends.ledger.entitlement.entitled import LEFT, TELLS
from amends.ledger.notice.notices import PUBLIC, Notices
from amends.ledger.people.people import CHUNK
from amends.ledger.store.bulk import pages
from amends.ledger.store.session import Store, Transaction, incident_row
from amends.ledger.store.sums import changing, settle
from amends.ledger.tables.deliver import ONE_OF_SEVERAL, DeliveryRow
from amends.ledger.tables.notice import ToldOtherwiseRow

EVERYBODY_ELSE = ("", "")
"""The cohort, and the earlier data elements, of people who read what is known now and no difference."""


class ToldRecord:
    """The record of what people were told. Only texts are stored, so that a million people cost a count."""

    def __init__(self, store: Store, notices: Notices, cases: Cases) -> None:
        self._store = store
        self._notices = notices
        self._cases = cases

    def people(self, incident: str, texts: Collection[Saying]) -> tuple[int, int]:
        """Count the people who were told by one of these texts, and those of them who may not have any such message.

        A person with several of the messages counts once. Of one notice only the messages of people with several are
        read, and of several notices all that tell.
        """
        with self._store.read() as session:
            numbers: defaultdict[str, list[int]] = defaultdict(list)
            for number, known in element_sets(session, incident).items():
                numbers[known.elements].append(number)
            keys = {(*one.text, number) for one in texts for number in numbers.get(one.elements, [0])}
            if len({one.notice for one in texts}) > 1:
                return _people_told(session, incident, keys)[:2]
            several = (text(ONE_OF_SEVERAL),)
            people, uncertain, *messages = _people_told(session, incident, keys, *several)
            told, may_be = (
                _messages(session, incident, keys, states) for states in (TELLS, (DeliveryState.UNCERTAIN,))
            )
            return told - messages[0] + people, may_be - messages[1] + uncertain

    def sayings(self, incident: str) -> tuple[SaidTo, ...]:
        """Return what was said to people and to the public, in the order in which it was written. Raises NotInLedger.

        A page or a post counts as said to one.
        """
        default = self._cases.incident_file(incident).default_locale
        with self._store.read() as session:
            counted: defaultdict[tuple[Any, ...], list[Any]] = defaultdict(list)
            for *text, state, people, first, last in session.execute(_texts(incident)):
                counted[tuple(text)].append((DeliveryState(state), people, first, last))
            texts = SentTexts(session, self._notices, incident, default)
            found = [_said_to(texts.saying(*text), parts) for text, parts in counted.items()]
        return tuple(sorted(found, key=lambda one: (one.saying.written_at, one.first)))

    def otherwise(self, incident: str) -> dict[int, Mapping[str, Statement]]:
        """Return the people in the list who were told otherwise than is known now, each with what is wrong, by key.

        Raises NotInLedger.
        """
        file = self._cases.incident_file(incident)
        with self._store.read() as session:
            listed = incident_row(session, incident).people
            return dict(people_told_otherwise(session, self._notices, file, listed))

    def public_otherwise(self, incident: str) -> Mapping[str, Statement]:
        """Return what pages and posts said last and that is wrong by now, by key. Raises NotInLedger."""
        file = self._cases.incident_file(incident)
        with self._store.read() as session:
            return public_told_otherwise(session, self._notices, file, incident_row(session, incident).people)

    def to_correct(self, incident: str, notice: str) -> Differences:
        """Store the people who were told otherwise as the audience of this correction, and return what is wrong.

        They replace those of an earlier draft, whose messages are deleted unless they have left. Raises NotInLedger.
        """
        known = self._known(incident)
        people: dict[str, Changes] = {}
        rows: dict[int, tuple[str, str]] = {}
        for person, wrong in self.otherwise(incident).items():
            changes, elements = _with_own_data(wrong, known)
            rows[person] = (cohort_of(changes), elements)
            people[cohort_of(changes)] = changes
        public = wrong_changes(self.public_otherwise(incident), known)
        with self._store.write() as write:
            _replace(write, incident, notice, rows)
            _drop_unsent(write, incident, notice, everything_public=not public)
        return Differences(people=people, public=public)

    def to_take_back(self, incident: str, notice: str) -> None:
        """Store the people who were told and are not affected after all as the audience of this notice.

        They replace those of an earlier draft. Raises NotInLedger.
        """
        file = self._cases.incident_file(incident)
        with self._store.read() as session:
            people = list(people_no_longer_affected(session, self._notices, file))
        with self._store.write() as write:
            _replace(write, incident, notice, dict.fromkeys(people, EVERYBODY_ELSE))

    def to_update(self, incident: str, notice: str) -> Differences:
        """Store the people who were told something else than most as cohorts of this update, and return what is new.

        Raises NotInLedger.
        """
        known, file = self._known(incident), self._cases.incident_file(incident)
        with self._store.read() as session:
            differing = dict(told_differently(session, self._notices, file, known))
            told, public = told_by_all(session, self._notices, file), public_sayings(session, self._notices, file)
        found = {person: difference(own, known) for person, own in differing.items()}
        usual = Counter(found.values()).most_common(1)[0][0] if found else difference(told, known)
        rows = {person: (cohort_of(own), "") for person, own in found.items() if own != usual}
        with self._store.write() as write:
            _replace(write, incident, notice, rows)
        people = {cohort_of(own): own for own in found.values() if own != usual}
        return Differences(people={**people, "": usual}, public=difference(last_told(public), known))

    def _known(self, incident: str) -> dict[str, Statement]:
        file = self._cases.incident_file(incident)
        with self._store.read() as session:
            return stated_by(file, incident_row(session, incident).people)

    def person(self, incident: str, number: int) -> tuple[Heard, ...]:
        """Return what this person was told, in the order in which it was written. Raises NotInLedger."""
        return self._heard(incident, number)

    def public(self, incident: str) -> tuple[Heard, ...]:
        """Return what stands, or stood, on pages and in posts, in the order in which it was written.

        Raises NotInLedger.
        """
        return self._heard(incident, PUBLIC)

    def pages(self, incident: str, notice: str) -> Pages:
        """Return the published pages as far as they concern the page of this notice. Raises NotInLedger."""
        file, known = self._cases.incident_file(incident), self._known(incident)
        with self._store.read() as session:
            return pages_for(notice, public_sayings(session, self._notices, file), known)

    def _heard(self, incident: str, person: int) -> tuple[Heard, ...]:
        query = sql(*TEXT, IS_PUBLIC, col(DeliveryRow.state), col(DeliveryRow.updated_at))
        default = self._cases.incident_file(incident).default_locale
        with self._store.read() as session:
            theirs = query.where(*telling(incident), *messages_to(session, incident, person))
            texts = SentTexts(session, self._notices, incident, default)
            rows = session.execute(theirs.order_by(col(DeliveryRow.id))).all()
            found = [Heard(texts.saying(*text), DeliveryState(state), at) for *text, state, at in rows]
        return tuple(sorted(found, key=lambda one: one.saying.written_at))


def _messages(session: Session, incident: str, texts: Collection[Text], states: Collection[DeliveryState]) -> int:
    """Count the messages with one of these texts and in one of these states."""
    told = texts_to_people(session, incident, states)
    return sum(told.get(one, 0) for one in texts)


def _people_told(session: Session, incident: str, texts: Collection[Text], *these: Any) -> tuple[int, int, int, int]:
    """Count the people with such messages that tell and those who may have none, then the messages of either kind."""
    doubt = case((col(DeliveryRow.state) == DeliveryState.UNCERTAIN, 1), else_=0)
    theirs = (func.min(doubt).label("doubt"), func.count().label("messages"), func.sum(doubt).label("uncertain"))
    named = col(DeliveryRow.notice).in_({one[0] for one in texts})
    here = sql(*theirs).where(*telling(incident), named, tuple_(*TEXT).in_(texts), *these)
    each = here.group_by(col(DeliveryRow.person)).subquery()
    sums = (func.coalesce(func.sum(one), 0) for one in (each.c.doubt, each.c.messages, each.c.uncertain))
    people, *rest = session.execute(sql(func.count(), *sums).select_from(each)).one()
    return people, *map(int, rest)


def _texts(incident: str) -> Any:
    """Return a query that counts the messages that tell, by text and state, with the times of the first and last."""
    at, by = col(DeliveryRow.updated_at), (*TEXT, IS_PUBLIC, col(DeliveryRow.state))
    return sql(*by, func.count(), func.min(at), func.max(at)).where(*telling(incident)).group_by(*by)


def _said_to(text: Saying, parts: Sequence[tuple[DeliveryState, int, datetime, datetime]]) -> SaidTo:
    states: Counter[DeliveryState] = Counter()
    for state, people, _, _ in parts:
        states[state] += people
    first, last = min(part[2] for part in parts), max(part[3] for part in parts)
    return SaidTo(text, states.total(), states[DeliveryState.UNCERTAIN], first, last)


def _with_own_data(wrong: Mapping[str, Statement], known: Mapping[str, Statement]) -> tuple[Changes, str]:
    """Return the changes for a person who was told this wrongly, and the data elements of their own that were named.

    Whoever was told that none of their data was affected was told the same as all others who were.
    """
    if StatementKey.ELEMENTS not in wrong:
        return wrong_changes(wrong, known), ""
    told = wrong[StatementKey.ELEMENTS]
    was, now = (Statement(key=StatementKey.ELEMENTS, value=value) for value in (OWN_BEFORE, OWN))
    earlier = dict(wrong) | {StatementKey.ELEMENTS: was if told.value else told}
    return wrong_changes(earlier, {**known, StatementKey.ELEMENTS: now}), told.value


def _replace(write: Transaction, incident: str, notice: str, people: Mapping[int, tuple[str, str]]) -> None:
    """Store these people with their cohorts and earlier data elements, in place of those of an earlier draft.

    Those to whom a message of the notice has left stay as they are: their message keeps its words.
    """
    with changing(write.session, "told_otherwise", (incident, notice)):
        stay = _drop_unwritten(write, incident, notice)
        rows = [
            {"incident": incident, "notice": notice, "person": person, "cohort": cohort, "elements": elements}
            for person, (cohort, elements) in people.items()
            if person not in stay
        ]
        for page in pages(rows, CHUNK):
            write.session.execute(insert(ToldOtherwiseRow), page)


def _drop_unwritten(write: Transaction, incident: str, notice: str) -> set[int]:
    """Delete those told otherwise to whom no message of the notice has left, and return the others."""
    mine = (col(ToldOtherwiseRow.incident) == incident, col(ToldOtherwiseRow.notice) == notice)
    theirs = (col(DeliveryRow.incident) == incident, col(DeliveryRow.notice) == notice)
    left = sql(col(DeliveryRow.person)).where(*theirs, col(DeliveryRow.state).in_(LEFT))
    write.change(delete(ToldOtherwiseRow).where(*mine, col(ToldOtherwiseRow.person).not_in(left)))
    return set(write.session.exec(select(ToldOtherwiseRow.person).where(*mine)).all())


def _drop_unsent(write: Transaction, incident: str, notice: str, *, everything_public: bool) -> None:
    """Delete the messages that have not left of people who are not in the audience any more.

    A message that a provider may have becomes uncertain. With `everything_public`, delete pages and posts too.
    """
    audience = (col(ToldOtherwiseRow.incident) == incident, col(ToldOtherwiseRow.notice) == notice)
    row, found = DeliveryRow, sql(col(ToldOtherwiseRow.person)).where(*audience)
    theirs = (col(row.incident) == incident, col(row.notice) == notice, col(row.state).in_(OPEN))
    dropped = (*theirs, col(row.person).not_in(found), true() if everything_public else ~IS_PUBLIC)
    settle(write.session, update(row).where(*dropped, col(row.doubtful)).values(state=DeliveryState.UNCERTAIN))
    with changing(write.session, "delivery", (incident, notice)):
        write.change(delete(row).where(*dropped, ~col(row.doubtful)))
