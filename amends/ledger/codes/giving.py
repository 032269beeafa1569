"""Giving of codes: each entitled person gets one of the stock, once, in the transaction that stores or claims messages.

The database pairs people and codes, both in the order of their numbers. So the same people get the same codes again
when a backup from before the send is restored and the notice is released anew.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from sqlmodel import Session

from amends.domain.codes.code import CodeVariant, part_of
from amends.domain.people.person import Flag
from amends.ledger.codes.rows import stocks_of
from amends.ledger.store.bulk import among, listed, on_postgresql, spelled, statement
from amends.ledger.store.sums import changing
from amends.ledger.store.tables import FREE_CODE, HELD_CODE, CodeStockRow

VARIANT = f"""
CASE WHEN NOT :by_variant THEN '{CodeVariant.EVERYONE}'
     WHEN '|' || flags || '|' LIKE '%|{Flag.DECEASED}|%' THEN '{CodeVariant.ESTATE}'
     WHEN guardian > 0 OR '|' || flags || '|' LIKE '%|{Flag.MINOR}|%' THEN '{CodeVariant.MINOR}'
     ELSE '{CodeVariant.ADULT}' END"""
"""The variant that a person needs, as `variant_for` says."""
LACKS = f"""
FROM person WHERE incident = :incident AND number BETWEEN :first AND :last AND NOT EXISTS (
    SELECT 1 FROM code WHERE code.incident = :incident AND code.commitment = :commitment
    AND code.person = person.number AND {HELD_CODE}
) AND """
NAMED = f"SELECT number, {VARIANT} AS needs {LACKS}{{here}} ORDER BY number"
FREE = f"""
SELECT id FROM code WHERE incident = :incident AND commitment = :commitment AND variant = :variant AND {FREE_CODE}
AND (expires = '' OR expires >= :today) ORDER BY id LIMIT :most"""
GIVE = "UPDATE code SET state = 'given', person = ?, given_at = ? WHERE id = ?"
GIVE_POSTGRESQL = """
UPDATE code SET state = 'given', person = given.person, given_at = %s
FROM unnest(%s::integer[], %s::bigint[]) AS given(person, id) WHERE code.id = given.id
"""

Wanted = Callable[[str, str], Collection[str]]
"""A function that returns the commitments of which the reader of a text (by its stored name and channel) has a code."""


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


def give_for(
    session: Session, incident: str, messages: Sequence[CodedMessage], wanted: Wanted, now: datetime
) -> Given:  # fmt: skip
    """Give a code to each person of these messages who has none yet of a commitment that the message tells of."""
    codes, lacking = 0, dict[int, str]()
    for commitment, theirs in _entitled(messages, wanted):
        got, left = give_to(session, incident, commitment, {one.person for one in theirs}, now)
        codes += got
        lacking |= {one.id: left[one.person] for one in theirs if one.person in left} if left else {}
    return Given(codes, lacking)


def _entitled(messages: Sequence[CodedMessage], wanted: Wanted) -> Iterable[tuple[str, Sequence[CodedMessage]]]:
    """Yield each commitment with the messages whose readers are to have a code; nearly always those of all."""
    kinds = {(one.variant, one.channel) for one in messages if one.person}
    tells = {kind: wanted(*kind) for kind in kinds}
    for commitment in sorted({one for told in tells.values() for one in told}):
        those = {kind for kind, told in tells.items() if commitment in told}
        all_alike = len(those) == len(kinds)
        yield commitment, [one for one in messages if one.person and (all_alike or (one.variant, one.channel) in those)]


def give_to(
    session: Session, incident: str, commitment: str, people: Collection[int], now: datetime
) -> tuple[int, dict[int, str]]:  # fmt: skip
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
        _give(session, incident, commitment, [*zip(theirs, codes, strict=False)], now)
        got += len(codes)
        left |= dict.fromkeys(theirs[len(codes) :], part_of(commitment, variant))
    return got, left


def people_without(session: Session, incident: str, commitment: str, people: Collection[int]) -> dict[int, str]:
    """Return those of these people who have no code of the commitment, each with the variant that they need."""
    return dict(_lacking(session, incident, commitment, people)) if people else {}


def _lacking(
    session: Session, incident: str, commitment: str, people: Collection[int]
) -> list[tuple[int, str]]:  # fmt: skip
    """Return the people without a code in the order of their numbers, each with the variant that they need."""
    connection = session.connection()
    asked = {
        "incident": incident,
        "commitment": commitment,
        "by_variant": stocks_of(session, incident, dropped=True).get(commitment, False),
        "first": min(people),
        "last": max(people),
        "ids": listed(connection, people),
    }
    query = statement(NAMED.format(here=among(connection, "number")))
    return [(number, needs) for number, needs in connection.execute(query, asked).all()]


def _free(session: Session, incident: str, commitment: str, variant: str, most: int, now: datetime) -> list[int]:
    """Return the first free codes of this variant, as many as there are up to `most`."""
    asked = {"incident": incident, "commitment": commitment, "variant": variant, "today": f"{now:%Y-%m-%d}"}
    return list(session.connection().execute(statement(FREE), asked | {"most": most}).scalars().all())


def _give(
    session: Session, incident: str, commitment: str, pairs: Sequence[tuple[int, int]], now: datetime
) -> None:  # fmt: skip
    """Store who has which code, given as pairs of person and code."""
    if not pairs:
        return
    connection, codes = session.connection(), [code for _, code in pairs]
    ends = {"from_code": min(codes), "to_code": max(codes)}
    with changing(session, "code", (incident, commitment), "id BETWEEN :from_code AND :to_code", **ends):
        at = spelled(connection, now)
        if on_postgresql(connection):
            connection.exec_driver_sql(GIVE_POSTGRESQL, (at, [person for person, _ in pairs], codes))
        else:
            connection.exec_driver_sql(GIVE, [(person, at, code) for person, code in pairs])
