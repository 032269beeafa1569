"""Giving of codes: each entitled person gets one of the stock, once, in the transaction that stores or claims messages.

People and codes are paired in the order of their numbers. So the same people get the same codes again
when a backup from before the send is restored and the notice is released anew.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sqlmodel import Session

from amends.domain.entitlement.code import CodeVariant, part_of
from amends.domain.people.person import Flag
from amends.ledger.entitlement.code_rows import stocks_of
from amends.ledger.store.bulk import listed, numbers_in, on_postgresql, spelled, statement
from amends.ledger.store.sums import note_given
from amends.ledger.tables.commitment import FREE_CODE, HELD_CODE, CodeStockRow

VARIANT = f"""
CASE WHEN NOT :by_variant THEN '{CodeVariant.EVERYONE}'
     WHEN '|' || flags || '|' LIKE '%|{Flag.DECEASED}|%' THEN '{CodeVariant.ESTATE}'
     WHEN guardian > 0 OR '|' || flags || '|' LIKE '%|{Flag.MINOR}|%' THEN '{CodeVariant.MINOR}'
     ELSE '{CodeVariant.ADULT}' END"""
"""The variant that a person needs, as `variant_for` says."""
LACKS = f"""
SELECT number, {VARIANT} AS needs FROM person
WHERE incident = :incident AND number BETWEEN :first AND :last AND number IN (
    {{people}} EXCEPT SELECT person FROM code WHERE incident = :incident AND commitment = :commitment
    AND person BETWEEN :first AND :last AND {HELD_CODE}
) ORDER BY number"""
FREE = f"""
SELECT id, sealed FROM code WHERE incident = :incident AND commitment = :commitment AND variant = :variant
AND {FREE_CODE} AND (expires = '' OR expires >= :today) ORDER BY id LIMIT :most"""
GIVE = """
UPDATE code SET state = 'given', person = CAST(given.value AS INTEGER), given_at = :at
FROM {each}(:given) AS given WHERE code.id = CAST(given.key AS BIGINT)"""

Wanted = Callable[[str, str], Collection[str]]
"""A function that returns the commitments of which the reader of a text (by its stored name and channel) has a code."""


class PeopleQuery(NamedTuple):
    """Some people, whom the database finds by itself: a query for their numbers, and the values that it asks for."""

    query: str
    asked: Mapping[str, Any]
    """The values, among them the `first` and the `last` number that anybody can have."""


class CodedMessage(Protocol):
    """A stored message that is to be sent, as far as its text decides on a code."""

    @property
    def id(self) -> int: ...
    @property
    def person(self) -> int: ...
    @property
    def variant(self) -> str:
        """Return the name of the text."""
        ...

    @property
    def channel(self) -> str: ...


class Given(NamedTuple):
    """The result of giving codes to the people of a page of messages."""

    codes: int
    """The number of people who got a code just now."""
    lacking: Mapping[int, str]
    """The ids of messages for whose person no code is left, each with the part of the stock that is empty."""


NOTHING = Given(0, {})


def give_for(session: Session, incident: str, messages: Sequence[CodedMessage], wanted: Wanted, now: datetime) -> Given:
    """Give a code to each person of these messages who has none yet of a commitment that the message tells of."""
    codes, lacking = 0, dict[int, str]()
    for commitment, theirs in _entitled(messages, wanted):
        people = these(session, {one.person for one in theirs})
        got, left = give_to(session, incident, commitment, people, now)
        codes += got
        lacking |= {one.id: left[one.person] for one in theirs if one.person in left} if left else {}
    return Given(codes, lacking)


def _entitled(messages: Sequence[CodedMessage], wanted: Wanted) -> Iterable[tuple[str, Sequence[CodedMessage]]]:
    """Yield each commitment with the messages whose readers are to have a code; nearly always those of all."""
    kinds = {(message.variant, message.channel) for message in messages if message.person}
    tells = {kind: wanted(*kind) for kind in kinds}
    for commitment in sorted({one for told in tells.values() for one in told}):
        those = {kind for kind, told in tells.items() if commitment in told}
        all_alike = len(those) == len(kinds)
        yield (
            commitment,
            [
                message
                for message in messages
                if message.person and (all_alike or (message.variant, message.channel) in those)
            ],
        )


def these(session: Session, people: Collection[int]) -> PeopleQuery:
    """Return the people with these numbers, at least one."""
    connection = session.connection()
    ends = {"first": min(people), "last": max(people)}
    return PeopleQuery(numbers_in(connection), ends | {"ids": listed(connection, people)})


def give_to(
    session: Session, incident: str, commitment: str, people: PeopleQuery, now: datetime
) -> tuple[int, dict[int, str]]:
    """Return how many of these people got a code, and the part of the stock that was empty for each of the others.

    Most pages find that everybody has a code, and then lock nothing.
    """
    if not (lacking := _lacking(session, incident, commitment, people)):
        return 0, {}
    session.get(CodeStockRow, (incident, commitment), with_for_update=True)
    if on_postgresql(session.connection()):  # where somebody else may have given codes before the lock
        lacking = _lacking(session, incident, commitment, people)
    got, left = 0, dict[int, str]()
    for variant in sorted({needs for _, needs in lacking}):
        theirs = [number for number, needs in lacking if needs == variant]
        codes = _free(session, incident, commitment, variant, len(theirs), now)
        _give(session, (incident, commitment), codes, theirs[: len(codes)], now)
        got += len(codes)
        left |= dict.fromkeys(theirs[len(codes) :], part_of(commitment, variant))
    return got, left


def people_without(session: Session, incident: str, commitment: str, people: Collection[int]) -> dict[int, str]:
    """Return those of these people who have no code of the commitment, each with the variant that they need."""
    return dict(_lacking(session, incident, commitment, these(session, people))) if people else {}


def _lacking(session: Session, incident: str, commitment: str, people: PeopleQuery) -> list[tuple[int, str]]:
    """Return the people without a code in the order of their numbers, each with the variant that they need."""
    by_variant = stocks_of(session, incident, dropped=True).get(commitment, False)
    asked = {"incident": incident, "commitment": commitment, "by_variant": by_variant, **people.asked}
    found = session.connection().execute(statement(LACKS.format(people=people.query)), asked)
    return [(number, needs) for number, needs in found]


def _free(
    session: Session, incident: str, commitment: str, variant: str, most: int, now: datetime
) -> list[tuple[int, bytes]]:
    """Return the first free codes of this variant, as many as there are up to `most`, each with its sealed text."""
    asked = {"incident": incident, "commitment": commitment, "variant": variant, "today": f"{now:%Y-%m-%d}"}
    return [(code, sealed) for code, sealed in session.connection().execute(statement(FREE), asked | {"most": most})]


def _give(
    session: Session, stock: tuple[str, str], codes: Sequence[tuple[int, bytes]], people: Sequence[int], now: datetime
) -> None:
    """Store that each of these people has the code at their place in the list."""
    connection = session.connection()
    given = json.dumps(dict(zip((code for code, _ in codes), people, strict=True)))
    each = "json_each_text" if on_postgresql(connection) else "json_each"
    connection.execute(statement(GIVE.format(each=each)), {"given": given, "at": spelled(connection, now)})
    note_given(session, stock, codes, people)
