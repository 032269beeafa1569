"""Paper letters: hand them over for printing in batches, write a batch again, and record the letters that came back.

A letter is recorded as handed over before its batch is written; the batch can be written from the ledger repeatedly.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

from sqlalchemy import and_, case, text, update
from sqlalchemy import select as sql
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import DataDamaged, NotAllowed, NotInLedger
from amends.domain.channel.message import ReceiptCause
from amends.domain.incident.incident import Incident
from amends.domain.notice.notice import DeliveryState, Draft, name_parts
from amends.domain.notice.wording import Wording
from amends.domain.people.person import damaged
from amends.domain.team.member import Member
from amends.ledger.deliver.cascade import call_after_the_end, pass_on, released_last
from amends.ledger.deliver.claims import Claim, Claims, Released, WaitingMessage
from amends.ledger.deliver.deliveries import Deliveries, park
from amends.ledger.deliver.latecomer_news import send_news_again
from amends.ledger.notice.codes import coded_texts, give_codes
from amends.ledger.notice.first_messages import GUARDED, addendum_of
from amends.ledger.notice.notices import Notices, existing_row
from amends.ledger.people.holds import withhold
from amends.ledger.people.opt_outs import withdraw
from amends.ledger.people.people import CHUNK, ELEMENTS
from amends.ledger.store.bulk import pages
from amends.ledger.store.session import ENGINE, Store, Transaction, incident_row, must_approve
from amends.ledger.store.sums import settle
from amends.ledger.tables.deliver import PRINTED, DeliveryRow
from amends.ledger.tables.incident import IncidentVersionRow
from amends.ledger.tables.notice import NoticeRow
from amends.ledger.tables.people import PersonRow
from amends.ledger.tables.playbook import PinRow

REFERENCE_LENGTH = 10
WAITING_COLUMNS = ("id", "person", "channel", "address_index", "variant", "attempts", "notice")
Conditions = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class LetterBatch:
    """A batch of letters that were handed over together."""

    number: int
    letters: int
    returned: int
    """The number of the batch's letters that came back."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A letter that the post brought back."""

    person: int
    handed_over: bool = False
    """True when a message on the next channel takes over."""
    in_doubt: bool = False
    """True when that message may have left before a backup was restored; a person decides whether to send it."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A letter to an address that by a corrected list is not the person's any more."""

    person: int
    reference: str


@dataclass(frozen=True)
class PrintedFrom:
    """The draft, facts and words that messages were made of, even when later ones are approved by now."""

    draft: Draft
    incident: Incident
    wording: Wording


class PaperLetters:
    """The paper letters of a ledger."""

    def __init__(self, store: Store, claims: Claims, deliveries: Deliveries, notices: Notices) -> None:
        self._store = store
        self._claims = claims
        self._deliveries = deliveries
        self._notices = notices

    def to_print(self, incident: str, notice: str) -> int:
        """Count the letters that wait to be handed over, including those of waves that have not begun."""
        with self._store.read() as session:
            here = _to_print(incident, notice)
            return session.exec(select(func.count()).select_from(DeliveryRow).where(*here)).one()

    def batches(self, incident: str, notice: str) -> tuple[LetterBatch, ...]:
        """Return all batches that were handed over, the first one first."""
        with self._store.read() as session:
            return _batches(session, incident, notice)

    def take(self, incident: str, notice: str, by: Member, now: datetime) -> LetterBatch | None:
        """Hand over all waiting letters with an approved text as one batch, and return the batch, or None without any.

        Letters of waves that have not begun go on waiting.

        Raises ApprovalMissing when the released version is not what is approved now, NotAllowed while the incident is
        paused or when this member may not hand letters over, and LedgerRestored.
        """
        must_approve(by, "hand over letters")
        readable = self._readable(incident, notice, now)
        with self._store.write() as write:
            self._store.refuse_if_restored(write.session)
            write.incident(incident)
            released, _ = self._deliveries.may_send(write.session, incident, notice, now)
            withhold(write.session, incident, now)
            if released.optional:
                withdraw(write.session, incident, now)
            batch = max((one.number for one in _batches(write.session, incident, notice)), default=0) + 1
            draft = self._notices.drafted(existing_row(write.session, incident, notice))
            waiting = _to_print(incident, notice, released.people)
            self._park_unreadable(write, draft, waiting, readable, now)
            self._choose_addenda_anew(write, draft)
            give_codes(write, incident, notice, _rows(write.session, waiting), released.coded, now)
            taken = _hand_over(write, draft, waiting, batch, released.version, now)
            if not taken:
                return None
            send_news_again(write.session, incident, notice)
            write.note(now, incident, "letters handed over", f"{notice} batch {batch}", actor=by.name, letters=taken)
            return LetterBatch(batch, taken, 0)

    def _readable(self, incident: str, notice: str, now: datetime) -> frozenset[int]:
        """Return the waiting letters whose data can be opened; done before the transaction that blocks senders."""
        with self._store.read() as session:
            if not (rows := _rows(session, _to_print(incident, notice))):
                return frozenset()
            draft = self._notices.drafted(existing_row(session, incident, notice))
            return frozenset(row.id for row in rows).difference(*self._unreadable(session, draft, rows, now))

    def _park_unreadable(
        self, write: Transaction, draft: Draft, waiting: Conditions, readable: Collection[int], now: datetime
    ) -> None:
        """Park the letters that cannot be written, so that no person counts as told by such a letter."""
        others = [row for row in _rows(write.session, waiting) if row.id not in readable]
        for shut in self._unreadable(write.session, draft, others, now):
            park(write, shut, now)

    def _unreadable(
        self, session: Session, draft: Draft, rows: Sequence[WaitingMessage], now: datetime
    ) -> Iterator[list[int]]:
        for page in pages(rows, CHUNK):
            claims = self._claims.of_rows(session, draft.incident, page, Released(draft.template, now))
            yield [claim.id for claim in claims if not claim.readable]

    def _choose_addenda_anew(self, write: Transaction, draft: Draft) -> None:
        """Store the present text's name for each waiting letter: the addenda in force may have changed meanwhile."""
        here = _to_print(draft.incident, draft.notice)
        homes = (PersonRow.country, PersonRow.region)
        is_theirs = (col(PersonRow.incident) == DeliveryRow.incident, col(PersonRow.number) == DeliveryRow.person)
        kinds = select(DeliveryRow.variant, *homes).where(*here, *is_theirs).distinct()
        addenda = self._notices.addenda(write.session, draft.incident)
        for variant, country, region in write.session.exec(kinds).all():
            name = str(name_parts(variant)._replace(addendum=addendum_of(addenda, draft.template, country, region)))
            if name != variant:
                at_home = (PersonRow.country == country, PersonRow.region == region)
                theirs = select(PersonRow.number).where(PersonRow.incident == draft.incident, *at_home)
                these = (*here, DeliveryRow.variant == variant, col(DeliveryRow.person).in_(theirs))
                settle(write.session, update(DeliveryRow).where(*these).values(variant=name))

    def take_again(self, incident: str, notice: str, batch: int, by: Member, now: datetime) -> LetterBatch:
        """Return a batch to be written again, and record that. Raises NotAllowed; NotInLedger for an unknown batch."""
        must_approve(by, "hand over letters")
        with self._store.write() as write:
            batches = {one.number: one for one in _batches(write.session, incident, notice)}
            if batch not in batches:
                known = ", ".join(map(str, batches)) or "none"
                raise NotInLedger(f"{notice} has no batch {batch} of letters; there are {known}")
            write.note(now, incident, "letters written again", f"{notice} batch {batch}", actor=by.name)
            return batches[batch]

    def printed_from(self, incident: str, notice: str, batch: int) -> PrintedFrom:
        """Return the draft, the facts and the words of a batch. Raises NotInLedger."""
        with self._store.read() as session:
            return printed_from(session, self._drafted_for(session, incident, notice, batch))

    def moved_since(self, incident: str, notice: str, batch: int) -> tuple[Moved, ...]:
        """Return, by person, the letters of this batch that are not written again because the person has moved.

        Such a letter may have arrived at the earlier address, so a person must find out. A letter that came back is
        not among them, because another message has taken over already.
        """
        columns = (DeliveryRow.person, DeliveryRow.channel, DeliveryRow.address_index)
        here = (*_of_batch(incident, notice, batch), DeliveryRow.state == DeliveryState.SENT)
        query = sql(*map(col, columns)).where(*here, col(DeliveryRow.person).in_(_elsewhere(incident, notice, batch)))
        with self._store.read() as session:
            return tuple(
                Moved(row.person, reference_of(self._store.keys.message_key(incident, notice, *row)))
                for row in session.execute(query.order_by(col(DeliveryRow.person)))
            )

    def of_batch(self, incident: str, notice: str, batch: int) -> Iterator[Claim]:
        """Yield the letters of a batch, by person, with the text that was handed over, also letters that came back.

        Letters that would go to another address by now are left out: see `moved_since`. Name and link are the present
        ones. Raises DataDamaged.
        """
        after = 0
        while page := self._page_of_letters(incident, notice, batch, after):
            yield from (claim for _, claim in page)
            after = page[-1][0]

    def _page_of_letters(self, incident: str, notice: str, batch: int, after: int) -> list[tuple[int, Claim]]:
        with self._store.read() as session:
            columns = (col(getattr(DeliveryRow, name)) for name in WAITING_COLUMNS)
            in_batch = (*_of_batch(incident, notice, batch), col(DeliveryRow.person) > after)
            stays = col(DeliveryRow.person).not_in(_elsewhere(incident, notice, batch))
            query = sql(*columns).where(*in_batch, stays).order_by(col(DeliveryRow.person))
            rows = [WaitingMessage(*row) for row in session.execute(query.limit(CHUNK)).all()]
            if not rows:
                return []
            draft = self._drafted_for(session, incident, notice, batch)
            released = Released(
                draft.template,
                draft.dated,
                has_cohorts=draft.has_cohorts,
                has_results=bool(draft.results),
                coded=coded_texts(session, draft),
            )
            claims = self._claims.of_rows(session, incident, rows, released)
            if shut := [row.person for row, claim in zip(rows, claims, strict=True) if not claim.readable]:
                raise DataDamaged(damaged(shut[0]))
            return [
                (row.person, claim._replace(text=name_parts(row.variant)))
                for row, claim in zip(rows, claims, strict=True)
            ]

    def _drafted_for(self, session: Session, incident: str, notice: str, batch: int) -> Draft:
        """Return the draft that a batch was printed from. Raises NotInLedger."""
        versions = select(DeliveryRow.version).where(*_of_batch(incident, notice, batch))
        version = session.exec(versions.limit(1)).first()
        row = session.get(NoticeRow, (incident, notice, version)) if version else None
        if row is None:
            raise NotInLedger(f"{notice} has no batch {batch} of letters")
        return self._notices.drafted(row)

    def returned(self, incident: str, notice: str, reference: str, now: datetime, by: str = ENGINE) -> Returned:
        """Record that the post brought back the letter with this reference. Safe to repeat.

        The next channel of the cascade takes over, or a letter to another address from a corrected list. Raises
        NotInLedger when no handed-over letter of this notice has the reference, NotAllowed when several have.
        """
        with self._store.read() as session:  # reads every letter, so before the transaction that blocks senders
            incident_row(session, incident)
            number, person = self._letter_with(session, incident, notice, reference)
        with self._store.write() as write:
            case = write.incident(incident)
            letter = write.session.get_one(DeliveryRow, number)
            if letter.state != DeliveryState.SENT:
                return Returned(person)
            letter.state, letter.cause = DeliveryState.BOUNCED, ReceiptCause.BAD_ADDRESS
            letter.detail = "returned by the post"
            letter.doubtful, letter.updated_at = False, now
            version = released_last(write.session, incident, notice)
            handed_over = pass_on(write.session, self._notices.drafted(version), version.version, [letter], now) > 0
            if handed_over:
                call_after_the_end(write, case, notice, now)
            write.note(now, incident, "letter returned", f"{notice} person {person}", actor=by, handed_over=handed_over)
            return Returned(person, handed_over, handed_over and _next_in_doubt(write.session, letter))

    def _letter_with(self, session: Session, incident: str, notice: str, reference: str) -> tuple[int, int]:
        """Return id and person of the letter with this reference; no reference is stored, so all letters are read."""
        wanted = reference.strip().lower()
        columns = (DeliveryRow.id, DeliveryRow.person, DeliveryRow.channel, DeliveryRow.address_index)
        query = sql(*map(col, columns)).where(*_letters(incident, notice), col(DeliveryRow.batch).is_not(None))
        found = [
            (number or 0, person)
            for number, person, channel, address in session.execute(query)
            if reference_of(self._store.keys.message_key(incident, notice, person, channel, address)) == wanted
        ]
        if not found:
            typed = reference.strip()[:20]
            raise NotInLedger(f"no letter of {notice} that was handed over has the reference {typed!r}")
        if len(found) > 1:
            people = " and ".join(str(person) for _, person in found)
            raise NotAllowed(f"{wanted} stands on the letters of persons {people}; nothing was noted")
        return found[0]


def reference_of(key: str) -> str:
    """Return the reference that is printed on a letter and identifies the letter when it comes back."""
    return key[:REFERENCE_LENGTH]


def _letters(incident: str, notice: str) -> Conditions:
    return (
        col(DeliveryRow.incident) == incident,
        col(DeliveryRow.notice) == notice,
        col(DeliveryRow.channel).in_(PRINTED),
    )


def _to_print(incident: str, notice: str, people: int | None = None) -> Conditions:
    """Return the conditions for letters that wait, up to the last person whose wave has begun if `people` is given."""
    begun = () if people is None else (col(DeliveryRow.person) <= people,)
    return (*_letters(incident, notice), col(DeliveryRow.state) == DeliveryState.TO_PRINT, *begun)


def _rows(session: Session, letters: Conditions) -> list[WaitingMessage]:
    columns = (col(getattr(DeliveryRow, name)) for name in WAITING_COLUMNS)
    return [WaitingMessage(*row) for row in session.execute(sql(*columns).where(*letters)).all()]


def _hand_over(write: Transaction, draft: Draft, waiting: Conditions, batch: int, version: int, now: datetime) -> int:
    """Mark the waiting letters that have an approved text as sent in this batch, and return how many they are."""
    names = write.session.exec(select(DeliveryRow.variant).where(*waiting).distinct()).all()
    approved = col(DeliveryRow.variant).in_([name for name in names if _has_text(draft, name)])
    handed_over = {
        "state": DeliveryState.SENT,
        "batch": batch,
        "version": version,
        "attempts": DeliveryRow.attempts + 1,
        "updated_at": now,
        "elements": text(ELEMENTS),
    }
    return settle(write.session, update(DeliveryRow).where(*waiting, approved).values(handed_over))


def _of_batch(incident: str, notice: str, batch: int) -> Conditions:
    return (*_letters(incident, notice), col(DeliveryRow.batch) == batch)


def _next_in_doubt(session: Session, letter: DeliveryRow) -> bool:
    """Return True when the message that takes over from this letter may have left already and waits for a person."""
    here = (DeliveryRow.incident == letter.incident, DeliveryRow.notice == letter.notice)
    theirs = select(DeliveryRow.state).where(*here, DeliveryRow.person == letter.person)
    return session.exec(theirs.order_by(col(DeliveryRow.id).desc()).limit(1)).one() == DeliveryState.UNCERTAIN


def _elsewhere(incident: str, notice: str, batch: int) -> Any:
    """Return a query for the people of this batch whose letter would go to another address by now, or to none."""
    reader = aliased(PersonRow)
    about = and_(col(PersonRow.incident) == incident, col(PersonRow.number) == DeliveryRow.person)
    addressee = case((GUARDED, col(PersonRow.guardian)), else_=col(PersonRow.number))
    reads = and_(col(reader.incident) == incident, col(reader.number) == addressee)
    moved = col(reader.postal_index).is_distinct_from(col(DeliveryRow.address_index))
    people = sql(col(DeliveryRow.person)).join(PersonRow, about).join(reader, reads)
    return people.where(*_of_batch(incident, notice, batch), moved)


def _batches(session: Session, incident: str, notice: str) -> tuple[LetterBatch, ...]:
    returned = case((col(DeliveryRow.state) == DeliveryState.BOUNCED, 1), else_=0)
    query = (
        sql(col(DeliveryRow.batch), func.count(), func.sum(returned))
        .where(*_letters(incident, notice), col(DeliveryRow.batch).is_not(None))
        .group_by(col(DeliveryRow.batch))
        .order_by(col(DeliveryRow.batch))
    )
    return tuple(LetterBatch(number, letters, back) for number, letters, back in session.execute(query))


def _has_text(draft: Draft, name: str) -> bool:
    """Return True when an email was approved for this reader and addendum; the composer finds the nearest locale."""
    own, printed = name_parts(name)[1:], {kind.reads for kind in PRINTED}
    return any(text.channel in printed and text.name[1:] == own for text in draft.variants)


def printed_from(session: Session, draft: Draft) -> PrintedFrom:
    """Return the draft with the facts and the words of which its messages are made. Raises NotInLedger."""
    return sources(session)(draft)


def sources(session: Session) -> Callable[[Draft], PrintedFrom]:
    """Return `printed_from` for many drafts, which reads the facts and the words that several of them share once."""
    facts, words = cache(partial(_facts, session)), cache(partial(_words, session))

    def source(draft: Draft) -> PrintedFrom:
        wording = words(draft.incident, draft.pinned)
        if wording is None:
            gone = f"the words of {draft.notice} are not in the ledger; it was drafted before a playbook ran"
            raise NotInLedger(gone)
        return PrintedFrom(draft, facts(draft.incident, draft.facts_digest), wording)

    return source


def _facts(session: Session, incident: str, digest: str) -> Incident:
    row = IncidentVersionRow
    query = select(row.content).where(row.incident == incident, row.digest == digest)
    return Incident.model_validate(session.exec(query.limit(1)).one())


def _words(session: Session, incident: str, pinned: str) -> Wording | None:
    query = select(PinRow.wording).where(PinRow.incident == incident, PinRow.digest == pinned)
    wording = session.exec(query.limit(1)).first()
    return None if wording is None else Wording.model_validate(wording)
