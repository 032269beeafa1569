"""The stocks of codes: import them, count them, show one person's, replace or void some, and record the redeemed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from sqlmodel import Session, select

from amends.domain.base.errors import NotAllowed, NotInLedger, Refusal
from amends.domain.base.text import listed as in_words
from amends.domain.entitlement.code import (
    CodeState,
    CodeVariant,
    NewCode,
    OwnCode,
    StockLine,
    why_no_variant,
    why_short,
)
from amends.domain.notice.notice import DeliveryState
from amends.domain.team.member import Member
from amends.ledger.entitlement.change import change_each
from amends.ledger.entitlement.code_rows import index_of, of, opened, place_of, reason_place, rows_where
from amends.ledger.entitlement.entitled import LEFT, messages_to
from amends.ledger.entitlement.giving import give_to, these
from amends.ledger.store.bulk import on_postgresql, pages, statement
from amends.ledger.store.session import Store, Transaction, incident_row, must_approve
from amends.ledger.store.sums import changing
from amends.ledger.tables.commitment import CodeRow, CodeStockRow
from amends.ledger.tables.notice import ReleaseRow

PAGE = 500
"""The number of codes that are looked up at once."""
NAMED = 5
"""The most persons named one by one."""
COUNTED = """
SELECT commitment, variant, state, expires <> '' AND expires < :today AS past, count(*) FROM code
WHERE incident = :incident GROUP BY commitment, variant, state, past
"""
KNOWN = "SELECT code_index, incident, commitment FROM code WHERE code_index IN :indexes"
OF_THESE = "incident = :incident AND commitment = :commitment AND code_index IN :indexes"
OF_PERSON = "incident = :incident AND person = :person"
INSERT = "INSERT INTO code (incident, commitment, variant, expires, code_index, sealed, state, told_in)"
HAD_IT = (*LEFT, DeliveryState.FAILED)
"""The states of messages that were put together with the code: those that left, and those that nobody took."""


class Elsewhere(NamedTuple):
    """A code that the ledger has already: its position in what was asked, and the stock that it lies in."""

    position: int
    incident: str
    commitment: str


class Voided(NamedTuple):
    """The result of making codes void."""

    codes: int
    persons: tuple[int, ...]
    """The persons who had one of them, and have none now."""


class Redeemed(NamedTuple):
    """The result of an import of redeemed codes."""

    new: int
    known: int
    """Codes that were recorded as redeemed before."""
    void: tuple[int, ...]
    """The positions of codes that count no more and were redeemed all the same."""


class CodeStocks:
    """The stocks of codes of a ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def stock(self, incident: str, now: datetime) -> tuple[StockLine, ...]:
        """Return the codes of the incident, counted by commitment, variant and state. Raises NotInLedger."""
        with self._store.read() as session:
            incident_row(session, incident)
            return stock_of(session, incident, now)

    def why_short(self, incident: str, notice: str, needed: Mapping[str, int], now: datetime) -> Refusal | None:
        """Return why the stock is too small for the people of a notice without a code, counted by part, or None."""
        return why_short(notice, needed, self.stock(incident, now)) if needed else None

    def elsewhere(self, codes: Sequence[str]) -> tuple[Elsewhere, ...]:
        """Return those of these codes that lie in a stock of any incident already."""
        found: list[Elsewhere] = []
        with self._store.read() as session:
            for page in pages(enumerate(codes), PAGE):
                at = {index_of(self._store.keys, code): position for position, code in page}
                rows = session.connection().execute(statement(KNOWN, "indexes"), {"indexes": list(at)})
                found += [Elsewhere(at[index], incident, commitment) for index, incident, commitment in rows]
        return tuple(sorted(found))

    def add(self, incident: str, commitment: str, codes: Sequence[NewCode], by: str, now: datetime) -> None:
        """Store new codes, all or none, in this order. Nothing but the sealed row holds their text.

        Raises AlreadyInLedger when one of them is known; NotAllowed for variants that do not fit those in the stock;
        NotInLedger.
        """
        variants = {code.variant for code in codes}
        with self._store.write() as write:
            write.incident(incident)
            known = {line.variant for line in stock_of(write.session, incident, now) if line.commitment == commitment}
            if why := why_no_variant(commitment, known, variants):
                raise NotAllowed(why)
            self._begin_stock(write, incident, commitment, CodeVariant.EVERYONE not in variants, now)
            with changing(write.session, "code", (incident, commitment)):
                self._insert(write.session, incident, commitment, codes)
            counts = Counter(code.variant.value for code in codes)
            write.note(now, incident, "codes imported", commitment, actor=by, codes=len(codes), **counts)

    def _begin_stock(self, write: Transaction, incident: str, commitment: str, by_variant: bool, now: datetime) -> None:
        if write.session.get(CodeStockRow, (incident, commitment), with_for_update=True) is None:
            row = CodeStockRow(incident=incident, commitment=commitment, by_variant=by_variant, at=now)
            write.session.add(row)
            write.session.flush()

    def _insert(self, session: Session, incident: str, commitment: str, codes: Iterable[NewCode]) -> None:
        seal, keys = self._store.seal(session, incident), self._store.keys
        rows = []
        for code, variant, expires in codes:
            index = index_of(keys, code)
            place = (incident, commitment, variant.value, expires, index)
            rows.append((*place, seal.close(code, place_of(*place)), CodeState.FREE.value, ""))
        mark = "%s" if on_postgresql(session.connection()) else "?"
        if rows:
            session.connection().exec_driver_sql(f"{INSERT} VALUES ({', '.join([mark] * 8)})", rows)

    def of_person(self, incident: str, person: int) -> tuple[OwnCode, ...]:
        """Return every code that the person has or had, in the order of the import. Raises DataDamaged."""
        with self._store.read() as session:
            seal = self._store.seal(session, incident)
            rows = rows_where(session.connection(), OF_PERSON, incident=incident, person=person)
            return tuple(opened(seal, row) for row in rows)

    def look(self, incident: str, person: int, by: Member, now: datetime) -> tuple[OwnCode, ...]:
        """Return a person's codes to a member, and record who looked. Raises NotInLedger."""
        found = self.of_person(incident, person)
        with self._store.write() as write:
            incident_row(write.session, incident)
            write.note(now, incident, "codes looked at", f"person {person}", actor=by.name, codes=[x.id for x in found])
        return found

    def reissue(self, incident: str, commitment: str, person: int, reason: str, by: Member, now: datetime) -> OwnCode:
        """Make the person's code void and give them the next one of the stock; return the new one.

        Raises NotAllowed without a reason, for a code that is redeemed, while a message to the person is being sent,
        and when the stock is empty; NotInLedger when the person has no code.
        """
        must_approve(by, "replace a code")
        with self._store.write() as write:
            self._lock(write, incident, commitment)
            old = self._held(write.session, incident, commitment, person)
            self._make_void(write, incident, commitment, [old], reason, now)
            got, lacking = give_to(write.session, incident, commitment, these(write.session, [person]), now)
            if not got:
                raise NotAllowed(f"no code of {lacking[person]} is left; import more with `amends codes import`")
            row = self._held(write.session, incident, commitment, person, redeemed=True)
            new = opened(self._store.seal(write.session, incident), row)
            write.note(
                now, incident, "code reissued", commitment, actor=by.name, by_person=person, old=old[0], new=new.id
            )
            return new

    def void(
        self, incident: str, commitment: str, codes: Sequence[str], reason: str, by: Member, now: datetime
    ) -> Voided:
        """Make these codes void, all or none, as when a provider withdraws a batch.

        Codes that are void already stay as they are. Raises NotAllowed without a reason, for a redeemed code, and while
        a message to somebody with one of them is being sent; NotInLedger for a code that the stock does not have.
        """
        must_approve(by, "make codes void")
        with self._store.write() as write:
            self._lock(write, incident, commitment)
            rows = [row for row, _ in self._rows_of(write.session, incident, commitment, codes)]
            still = [row for row in rows if of(row, "state") != CodeState.VOID]
            self._make_void(write, incident, commitment, still, reason, now)
            persons = tuple(sorted(of(row, "person") for row in still if of(row, "person") is not None))
            numbers = {"codes": len(still), "persons": len(persons)}
            write.note(now, incident, "codes made void", commitment, actor=by.name, **numbers)
            return Voided(len(still), persons)

    def redeem(self, incident: str, commitment: str, codes: Sequence[str], by: str, now: datetime) -> Redeemed:
        """Record that these codes were redeemed, all or none; safe to repeat with a longer file.

        Raises NotAllowed for a code that nobody was given; NotInLedger for a code that the stock does not have.
        """
        with self._store.write() as write:
            self._lock(write, incident, commitment)
            rows = self._rows_of(write.session, incident, commitment, codes)
            if free := [position for row, position in rows if of(row, "state") == CodeState.FREE]:
                raise NotAllowed(f"{len(free)} of these codes were given to nobody")
            new = [row for row, _ in rows if of(row, "state") == CodeState.GIVEN]
            redeemed = {"state": CodeState.REDEEMED.value, "ended_at": now}
            change_each(
                write.session, CodeRow, (incident, commitment), "id", dict.fromkeys((row[0] for row in new), redeemed)
            )
            void = tuple(position for row, position in rows if of(row, "state") == CodeState.VOID)
            numbers = {"codes": len(new), "void": len(void)}
            write.note(now, incident, "codes redeemed", commitment, actor=by, **numbers)
            return Redeemed(len(new), len(rows) - len(new) - len(void), void)

    def states(self, incident: str, commitment: str, codes: Sequence[str]) -> tuple[CodeState | None, ...]:
        """Return the state of each of these codes, None for one that is not in the stock."""
        at = self._at(codes)
        with self._store.read() as session:
            found = {position: of(row, "state") for row, position in self._in_stock(session, incident, commitment, at)}
        positions = (at[index_of(self._store.keys, code)] for code in codes)
        return tuple(CodeState(found[position]) if position in found else None for position in positions)

    def _lock(self, write: Transaction, incident: str, commitment: str) -> None:
        """Lock the stock until the transaction ends. Raises NotInLedger, DataDestroyed."""
        write.incident(incident)
        if write.session.get(CodeStockRow, (incident, commitment), with_for_update=True) is None:
            raise NotInLedger(f"{commitment} of {incident} has no stock of codes; `amends codes import` begins one")

    def _held(
        self, session: Session, incident: str, commitment: str, person: int, *, redeemed: bool = False
    ) -> Sequence[Any]:
        """Return the row of the code that the person has. Raises NotInLedger; NotAllowed for a redeemed one."""
        where = f"{OF_PERSON} AND commitment = :commitment AND state <> 'void'"
        asked = {"incident": incident, "person": person, "commitment": commitment}
        row = next(rows_where(session.connection(), where, **asked), None)
        if row is None:
            raise NotInLedger(f"person {person} of {incident} has no code of {commitment}")
        if of(row, "state") == CodeState.REDEEMED and not redeemed:
            raise NotAllowed(f"person {person} has redeemed their code of {commitment} already")
        return row  # type: ignore[no-any-return]

    def _rows_of(
        self, session: Session, incident: str, commitment: str, codes: Sequence[str]
    ) -> list[tuple[Sequence[Any], int]]:
        """Return the rows of these codes, each with its position. Raises NotInLedger when the stock lacks some."""
        at = self._at(codes)
        found = list(self._in_stock(session, incident, commitment, at))
        if lacks := len(at) - len(found):
            raise NotInLedger(f"{lacks} of these codes are not in the stock of {commitment}")
        return sorted(found, key=itemgetter(1))

    def _at(self, codes: Sequence[str]) -> dict[bytes, int]:
        """Return the position of each of these codes, by its index."""
        return {index_of(self._store.keys, code): position for position, code in enumerate(codes)}

    def _in_stock(
        self, session: Session, incident: str, commitment: str, at: Mapping[bytes, int]
    ) -> Iterator[tuple[Sequence[Any], int]]:
        """Yield the rows of those of these codes that are in the stock, each with its position."""
        for page in pages(at, PAGE):
            asked: dict[str, Any] = {"incident": incident, "commitment": commitment, "indexes": page}
            for row in rows_where(session.connection(), OF_THESE, "indexes", **asked):
                yield row, at[of(row, "code_index")]

    def _make_void(
        self, write: Transaction, incident: str, commitment: str, rows: Sequence[Any], reason: str, now: datetime
    ) -> None:
        """Make the codes of these rows void. Raises NotAllowed."""
        if not reason.strip():
            raise NotAllowed("a code becomes void for a reason; give it with --reason")
        if done := [row for row in rows if of(row, "state") == CodeState.REDEEMED]:
            raise NotAllowed(f"{len(done)} of these codes are redeemed already")
        people = [of(row, "person") for row in rows if of(row, "person") is not None]
        messages = list(messages_to(write.session, incident, _released(write.session, incident), people))
        if now_sent := [person for person, state, _ in messages if state == DeliveryState.CLAIMED]:
            named = in_words([str(one) for one in sorted(set(now_sent))[:NAMED]])
            raise NotAllowed(f"a message to person {named} is being sent at this moment; try again in a minute")
        told: dict[int, list[int]] = {}
        for person, state, number in messages:
            if state in HAD_IT:
                told.setdefault(person, []).append(number)
        seal = self._store.seal(write.session, incident)
        ended = {"state": CodeState.VOID.value, "ended_at": now}
        changed = {
            row[0]: ended
            | {
                "told_in": ",".join(map(str, sorted(told.get(of(row, "person") or 0, ())))),
                "sealed_reason": seal.close(reason.strip(), reason_place(incident, of(row, "code_index"))),
            }
            for row in rows
        }
        change_each(write.session, CodeRow, (incident, commitment), "id", changed)


def stock_of(session: Session, incident: str, now: datetime) -> tuple[StockLine, ...]:
    """Return the codes of the incident, counted by commitment, variant and state."""
    asked = {"incident": incident, "today": f"{now:%Y-%m-%d}"}
    found: dict[tuple[str, str], Counter[str]] = {}
    for commitment, variant, state, past, count in session.connection().execute(statement(COUNTED), asked):
        word = "expired" if past and state == CodeState.FREE else state
        found.setdefault((commitment, variant), Counter())[word] += count
    return tuple(
        StockLine(commitment=commitment, variant=CodeVariant(variant), **counts)
        for (commitment, variant), counts in sorted(found.items())
    )


def _released(session: Session, incident: str) -> Sequence[str]:
    """Return the notices of the incident that left."""
    return session.exec(select(ReleaseRow.notice).where(ReleaseRow.incident == incident).distinct()).all()
