"""Giving of codes: each entitled person gets one of the stock, once, in the transaction that stores or claims messages.

People and codes are taken in the order of their numbers. So the same people get the same codes again when a backup from
before the send is restored and the notice is released anew.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlmodel import Session

from amends.domain.codes.code import CodeState, CodeVariant, give, part_of, variant_for
from amends.ledger.codes.rows import COLUMNS, MEANT, seal_of, stocks_of, whole
from amends.ledger.store.bulk import among, listed, on_postgresql, spelled, stamp, statement
from amends.ledger.store.encryption import Keys
from amends.ledger.store.sealing import journal_of
from amends.ledger.store.sums import summer_of
from amends.ledger.store.tables import FREE_CODE, HELD_CODE, CodeStockRow

WITHOUT = f"""
SELECT number, flags, guardian FROM person
WHERE incident = :incident AND number BETWEEN :first AND :last AND NOT EXISTS (
    SELECT 1 FROM code WHERE code.incident = :incident AND code.commitment = :commitment
    AND code.person = person.number AND {HELD_CODE}
) AND """
IN_ORDER = " ORDER BY number"
SELECT_FREE = f"""
SELECT {COLUMNS} FROM code
WHERE incident = :incident AND commitment = :commitment AND variant = :variant AND {FREE_CODE}
AND (expires = '' OR expires >= :today)"""
GIVE = "UPDATE code SET state = 'given', person = ?, given_at = ?, seal = ? WHERE id = ?"
GIVE_POSTGRESQL = """
UPDATE code SET state = 'given', person = a.person, given_at = %s, seal = a.seal
FROM unnest(%s::bigint[], %s::integer[], %s::bytea[]) AS a(id, person, seal) WHERE code.id = a.id
"""
STATE, PERSON, GIVEN_AT = (MEANT.index(name) for name in ("state", "person", "given_at"))

Wanted = Callable[[str, str], Collection[str]]
"""A function that returns the commitments of which the reader of a text (by its stored name and channel) has a code."""


class ToTell(NamedTuple):
    """A message that waits, as far as its text decides on a code."""

    id: int
    person: int
    variant: str
    """The name of the text."""
    channel: str


class Given(NamedTuple):
    """The result of giving codes to the people of a page of messages."""

    codes: int
    """The number of people who got a code just now."""
    lacking: Mapping[int, str]
    """The ids of messages for whose person no code is left, each with the part of the stock that is empty."""


NOTHING = Given(0, {})


def give_for(
    session: Session, keys: Keys, incident: str, messages: Collection[ToTell], wanted: Wanted, now: datetime
) -> Given:
    """Give a code to each person of these messages who has none yet of a commitment that the message tells of."""
    entitled = _entitled(messages, wanted)
    if not entitled:
        return NOTHING
    stocks, codes, lacking = stocks_of(session, incident), 0, dict[int, str]()
    for commitment, theirs in sorted(entitled.items()):
        got, left = _give(session, keys, incident, commitment, theirs.keys(), now, stocks.get(commitment))
        codes += got
        lacking |= {message: part for person, part in left.items() for message in theirs[person]}
    return Given(codes, lacking)


def _entitled(messages: Iterable[ToTell], wanted: Wanted) -> dict[str, dict[int, list[int]]]:
    """Return the people, each with the ids of their messages, by the commitment of which they are to have a code."""
    entitled: dict[str, dict[int, list[int]]] = {}
    for number, person, variant, channel in messages:
        for commitment in wanted(variant, channel) if person else ():
            entitled.setdefault(commitment, {}).setdefault(person, []).append(number)
    return entitled


def _give(
    session: Session, keys: Keys, incident: str, commitment: str, people: Collection[int], now: datetime,
    by_variant: bool | None,
) -> tuple[int, dict[int, str]]:  # fmt: skip
    """Return how many of these people got a code, and the part of the stock that was empty for each of the others.

    Most pages find that everybody has a code, and then lock nothing.
    """
    if not _without(session, incident, commitment, people, bool(by_variant)):
        return 0, {}
    if by_variant is not None:
        session.get_one(CodeStockRow, (incident, commitment), with_for_update=True)
    without = _without(session, incident, commitment, people, bool(by_variant))
    needed = {variant: sum(one == variant for _, one in without) for variant in {one for _, one in without}}
    free = {variant: _free(session, incident, commitment, variant, most, now) for variant, most in needed.items()}
    known = {row[0]: row for rows in free.values() for row in rows}
    pairs, lacking = give(without, {variant: [row[0] for row in rows] for variant, rows in free.items()})
    _store(session, keys, (incident, commitment), [(person, known[code]) for person, code in pairs], now)
    variants = dict(without)
    return len(pairs), {person: part_of(commitment, variants[person]) for person in lacking}


def people_without(
    session: Session, incident: str, commitment: str, people: Collection[int], *, by_variant: bool
) -> dict[int, CodeVariant]:
    """Return those of these people who have no code of the commitment, each with the variant that they need."""
    return dict(_without(session, incident, commitment, people, by_variant)) if people else {}


def _without(
    session: Session, incident: str, commitment: str, people: Collection[int], by_variant: bool
) -> list[tuple[int, CodeVariant]]:
    connection = session.connection()
    asked = {"incident": incident, "commitment": commitment, "first": min(people), "last": max(people)}
    query = statement(WITHOUT + among(connection, "number") + IN_ORDER)
    rows = connection.execute(query, asked | {"ids": listed(connection, people)}).all()
    kinds = {(flags, guardian > 0) for _, flags, guardian in rows}
    needs = {kind: _variant(*kind) if by_variant else CodeVariant.EVERYONE for kind in kinds}
    return [(number, needs[flags, guardian > 0]) for number, flags, guardian in rows]


def _variant(flags: str, guarded: bool) -> CodeVariant:
    return variant_for(flags.split("|"), guarded=guarded)


def _free(
    session: Session, incident: str, commitment: str, variant: CodeVariant, most: int, now: datetime
) -> list[Sequence[Any]]:
    """Return the first free codes of this variant, as many as there are up to `most`."""
    asked = {"incident": incident, "commitment": commitment, "variant": variant.value, "today": f"{now:%Y-%m-%d}"}
    query = statement(f"{SELECT_FREE} ORDER BY id LIMIT :most")
    return list(session.connection().execute(query, asked | {"most": most}).all())


def _store(
    session: Session, keys: Keys, stock: tuple[str, str], pairs: Sequence[tuple[int, Sequence[Any]]], now: datetime
) -> None:
    """Store who has which code; the database does it in one statement."""
    if not pairs:
        return
    at = stamp(now) or ""
    found = [(person, row, _seal_of_given(keys, whole(keys, row)[2:], person, at)) for person, row in pairs]
    connection = session.connection()
    if on_postgresql(connection):
        given = ([row[0] for _, row, _ in found], [one[0] for one in found], [one[2] for one in found])
        connection.exec_driver_sql(GIVE_POSTGRESQL, (spelled(connection, now), *given))
    else:
        connection.exec_driver_sql(GIVE, [(person, at, seal, row[0]) for person, row, seal in found])
    summer = summer_of(session)
    before, after = ((row[0], bytes(row[1])) for _, row, _ in found), ((row[0], seal) for _, row, seal in found)
    journal_of(session).add(("code", *stock), 0, summer.of_codes(before) ^ summer.of_codes(after))


def _seal_of_given(keys: Keys, meant: Sequence[Any], person: int, at: str) -> bytes:
    values = list(meant)
    values[STATE], values[PERSON], values[GIVEN_AT] = CodeState.GIVEN.value, person, at
    return seal_of(keys, values)
