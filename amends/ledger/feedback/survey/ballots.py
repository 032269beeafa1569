"""Ballots: held until at least ten can be opened together, then stored as nobody's.

The mark that a person has answered and the person's ballot are written together, so whoever sees the ledger's log sees
which held ballot came from whom; but not what it says, because its key is outside of the ledger. Ballots are opened in
one transaction, shuffled and under random names, and their key is destroyed.
"""

import json
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import TypeVar

from sqlmodel import Session, col, delete, select

from amends.domain.base.errors import NotAllowed
from amends.domain.feedback.survey.survey import DIMENSIONS, FEWEST
from amends.ledger.feedback.leaks import note_leak_in_texts
from amends.ledger.feedback.survey.ballot_keys import BallotKey, BallotKeys, KeyRing
from amends.ledger.store.session import Store, Transaction
from amends.ledger.tables.declared import place
from amends.ledger.tables.feedback import BallotRow, HeldBallotRow, SurveyAnsweredRow, SurveyTextRow

MOST_HELD = 60
"""The most ballots that wait for others of their variant, channel and country, on the day on which they came."""
BYTES_FOR_A_QUESTION, BYTES_FOR_A_TEXT = 160, 4_200
"""The room of an answer: a held ballot is as long as any other of its survey, whatever it says."""
Thing = TypeVar("Thing")
SHUFFLED = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class HeldBallot:
    """A ballot as it waits, in the ledger encrypted. Holds personal data: never log or print it."""

    answers: Mapping[str, str]
    """Scores and choices."""
    texts: Mapping[str, str]
    cell: Mapping[str, str]
    """Variant, channel and country."""
    leaks: int
    """The other people of the list whose contact data the texts hold."""
    day: str
    room: int
    """The length to which the ballots of this survey are padded."""

    def as_bytes(self) -> bytes:
        """Return the ballot, padded. Raises NotAllowed when it is longer than any that the survey asks for."""
        spelled = json.dumps(asdict(self), ensure_ascii=False).encode()
        if len(spelled) > self.room:
            raise NotAllowed("the answers are longer than the survey allows")
        return spelled.ljust(self.room)


class Ballots:
    """The ballots of all surveys."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys = BallotKeys(store.anchor)

    def cast(self, invitation: tuple[str, str], person: int, ballot: HeldBallot, now: datetime) -> bool:
        """Hold a ballot, mark that the person has answered, and open what can be opened.

        Return False, and store nothing, when the person has answered before.
        """
        with self._keys.of(*invitation) as keys:
            with self._store.write() as write:
                incident, notice = invitation
                write.incident(incident)
                if write.session.get(SurveyAnsweredRow, (incident, notice, person)):
                    return False
                today = date.fromisoformat(ballot.day)
                write.session.add(SurveyAnsweredRow(incident=incident, notice=notice, person=person, day=today))
                _hold(write.session, invitation, keys.newest(), [ballot])
                used = self._open(write, invitation, keys, now)
            keys.keep_only(used)
        return True

    def open_waiting(self, invitation: tuple[str, str], now: datetime) -> int:
        """Open the ballots that have waited long enough, and return how many still wait here."""
        with self._keys.of(*invitation) as keys:
            with self._store.write() as write:
                write.incident(invitation[0])
                used = self._open(write, invitation, keys, now)
                left = len(_held(write.session, invitation, keys))
            keys.keep_only(used)
        return left

    def forget(self, incident: str) -> None:
        """Delete the held ballots of an incident whose data was destroyed, and their keys."""
        with self._store.write() as write:
            held = select(HeldBallotRow.notice).where(HeldBallotRow.incident == incident).distinct()
            notices = write.session.exec(held).all()
            write.change(delete(HeldBallotRow).where(col(HeldBallotRow.incident) == incident))
        for notice in notices:
            with self._keys.of(incident, notice) as keys:
                keys.keep_only(())

    def _open(self, write: Transaction, invitation: tuple[str, str], keys: KeyRing, now: datetime) -> set[str]:
        """Open what can be opened; return the names of the keys that are still needed."""
        held = _held(write.session, invitation, keys)
        batches, rest = batches_of([ballot for _, ballot in held], now.date().isoformat())
        if not batches:
            return {row.key for row, _ in held}
        write.change(delete(HeldBallotRow).where(col(HeldBallotRow.id).in_([row.id for row, _ in held])))
        for batch in batches:
            self._store_opened(write, invitation, batch, now)
        if leaks := sum(ballot.leaks for batch in batches for ballot in batch.ballots):
            note_leak_in_texts(write, *invitation, leaks, now)
        key = keys.renew()
        _hold(write.session, invitation, key, rest)
        return {key.name} if rest else set()

    def _store_opened(self, write: Transaction, invitation: tuple[str, str], batch: "Batch", now: datetime) -> None:
        incident, notice = invitation
        seal = self._store.seal(write.session, incident)
        for ballot in shuffled(batch.ballots):
            write.session.add(
                BallotRow(
                    id=_name(),
                    incident=incident,
                    notice=notice,
                    answers=dict(ballot.answers),
                    variant=batch.cell.get("variant", ""),
                    channel=batch.cell.get("channel", ""),
                    country=batch.cell.get("country", ""),
                )
            )
        texts = [(question, said) for ballot in batch.ballots for question, said in ballot.texts.items()]
        for question, said in shuffled(texts):
            name = _name()
            sealed = seal.close(said, text_place(name))
            write.session.add(
                SurveyTextRow(id=name, incident=incident, notice=notice, question=question, sealed_text=sealed)
            )
        write.note(now, incident, "survey ballots opened", notice, ballots=len(batch.ballots))


@dataclass(frozen=True, slots=True)
class Batch:
    """Ballots that are opened together."""

    ballots: Sequence[HeldBallot]
    cell: Mapping[str, str]
    """The variant, channel and country of all of them; empty when they differ."""


def batches_of(held: Sequence[HeldBallot], today: str) -> tuple[list[Batch], list[HeldBallot]]:
    """Return the ballots that can be opened, and the rest.

    FEWEST of one variant, channel and country are opened with these. Others, when there are FEWEST, are opened without
    on the next day, or when MOST_HELD wait: a ballot with a rare country would tell whose it is.
    """
    by_cell: dict[tuple[str, ...], list[HeldBallot]] = defaultdict(list)
    for ballot in held:
        by_cell[tuple(ballot.cell.get(dimension, "") for dimension in DIMENSIONS)].append(ballot)
    whole = [Batch(ballots, ballots[0].cell) for ballots in by_cell.values() if len(ballots) >= FEWEST]
    rest = [ballot for ballots in by_cell.values() if len(ballots) < FEWEST for ballot in ballots]
    waited = any(ballot.day < today for ballot in rest) or len(rest) >= MOST_HELD
    if waited and len(rest) >= FEWEST:
        return [*whole, Batch(rest, {})], []
    return whole, rest


def room_for(questions: int, texts: int) -> int:
    """Return the length of a held ballot of a survey."""
    return 600 + BYTES_FOR_A_QUESTION * questions + BYTES_FOR_A_TEXT * texts


def shuffled(things: Iterable[Thing]) -> list[Thing]:
    """Return the things in random order."""
    found = list(things)
    SHUFFLED.shuffle(found)
    return found


def text_place(name: str) -> str:
    """Return the place for which the free text of this name is sealed."""
    return place("survey_text", "text", name)


def _held(session: Session, invitation: tuple[str, str], keys: KeyRing) -> list[tuple[HeldBallotRow, HeldBallot]]:
    """Return the held ballots for which this machine has the key; one that was altered is left where it is."""
    incident, notice = invitation
    query = select(HeldBallotRow).where(HeldBallotRow.incident == incident, HeldBallotRow.notice == notice)
    found = []
    for row in session.exec(query):
        key = keys.named(row.key)
        if plain := key.open(row.sealed, _held_place(row.id, invitation)) if key else None:
            found.append((row, HeldBallot(**json.loads(plain))))
    return found


def _hold(session: Session, invitation: tuple[str, str], key: BallotKey, ballots: Iterable[HeldBallot]) -> None:
    incident, notice = invitation
    for ballot in shuffled(ballots):
        name, day = _name(), date.fromisoformat(ballot.day)
        sealed = key.close(ballot.as_bytes(), _held_place(name, invitation))
        session.add(HeldBallotRow(id=name, incident=incident, notice=notice, day=day, key=key.name, sealed=sealed))
    session.flush()


def _held_place(name: str, invitation: tuple[str, str]) -> str:
    return f"held_ballot:sealed:{name}:{'/'.join(invitation)}"


def _name() -> str:
    return secrets.token_hex(16)
