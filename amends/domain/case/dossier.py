"""The dossier of one person: what the person was told and promised, asked and was answered, as one document."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from amends.domain.base.value import Moment, Value, some_text
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.outgoing import OutgoingState
from amends.domain.entitlement.remedy import Remedy, RemedyState
from amends.domain.feedback.answer import AnswerKind, ReplyChannel
from amends.domain.feedback.question import QuestionKind, QuestionSource
from amends.domain.incident.commitment import Commitment, fate
from amends.domain.notice.notice import DeliveryState, Reader
from amends.domain.notice.statement import Statement, about, contradicts
from amends.domain.notice.told import Heard

MASK = "••••••••"
"""The text in place of the secret part of a personal link, which would open the person's page to any reader."""


class DossierPerson(Value):
    """The person of a dossier, by the list in force."""

    number: int
    ref: str = Field(repr=False)
    """The company's own id for this customer."""
    name: str = Field(repr=False)
    locale: str
    language_ruling: str = ""
    """The decision in force in which language the person is told while there are no words in their own, in words."""
    guardian: int | None = None
    """The number of the guardian, who is told in the person's place; None for a person who is told directly."""
    children: tuple[int, ...] = ()
    """The numbers of the children about whom messages go to this person; these stand in the children's dossiers."""
    opted_out_at: Moment | None = None
    """The time since which no optional messages are sent about this person."""
    data_changed_at: Moment | None = None
    """The time since which a corrected list has other data of the person than the first list."""
    gone_at: Moment | None = None
    """The time since which a corrected list lacks the person."""


class DossierMessage(Value):
    """A message of a person. Subject and text are empty unless the message was handed over to a channel."""

    notice: str
    version: int
    channel: ChannelKind
    locale: str
    """The language of the text."""
    reader: Reader
    to: str = Field(repr=False)
    """The name of the reader, by the list in force."""
    state: DeliveryState
    reason: str = ""
    at: Moment
    """The time of the last change of the state."""
    dated: Moment
    """The date that the notice bears."""
    subject: str = Field(default="", repr=False)
    text: str = Field(default="", repr=False)
    """The words, with MASK in place of the secret of the personal link."""
    notes: tuple[str, ...] = ()
    """Reservations about the words, such as a reader whose name the list no longer has."""


class ToldOf(Value):
    """One telling of a statement."""

    notice: str
    value: str
    at: Moment


class DossierPromise(Value):
    """A commitment of which the person was told, as it stands at the time of the dossier."""

    id: str
    promise: str
    told: tuple[ToldOf, ...]
    fate: str
    """The state in the words of the commitments: open, kept, late or dropped."""
    due_at: Moment
    """The promised date."""
    new_due_at: Moment | None = None
    settled_at: Moment | None = None
    evidence: str = ""
    reason: str = ""
    own_state: RemedyState | None = None
    """The state of this person's own part of a commitment that is kept for each person alone; None for any other."""
    own_result: str = Field(default="", repr=False)
    """The person's own result, or the reason why there is none, in words."""


class DossierCorrection(Value):
    """A statement that the person was told as certain, and that turned out to be wrong."""

    about: str
    """The key of the statement."""
    was: str
    told_in: str
    """The notice that made the statement."""
    told_at: Moment
    now: str
    """The right value: as the correcting notice states it, else as it is known now."""
    corrected_in: str = ""
    """The notice that told the person so; empty as long as none has."""
    corrected_at: Moment | None = None


class DossierAnswer(Value):
    """An answer to a question of the person, and how it reached them."""

    kind: AnswerKind
    text: str = Field(repr=False)
    """Empty when the stored words cannot be read any more."""
    at: Moment
    corrected: bool
    """True when a later answer corrects this one."""
    channel: ReplyChannel
    state: OutgoingState
    told_at: Moment
    """The time since which the reply is in its state."""


class DossierQuestion(Value):
    """A question of the person, and the answers."""

    id: int
    kind: QuestionKind
    source: QuestionSource
    locale: str
    asked_at: Moment
    text: str = Field(repr=False)
    """Empty when the stored words cannot be read any more."""
    reply_due_at: Moment
    answered_at: Moment | None = None
    answer: str = Field(default="", repr=False)
    objection: str = Field(default="", repr=False)
    """The reason why an answer did not satisfy the person, in their words."""
    answers: tuple[DossierAnswer, ...] = ()
    """All answers that were given, the first one first."""


class DossierPost(Value):
    """A page or a post that told the public."""

    notice: str
    channel: ChannelKind
    locale: str
    title: str
    at: Moment
    link: str = ""
    """The address of the notice page in this locale."""


class Dossier(Value):
    """The dossier of a person. Holds personal data: never log or print it."""

    incident: str
    title: str
    organisation: str
    made_at: Moment
    entries: int
    """The number of the last audit entry before the ledger was read."""
    head: str
    """The MAC of that entry, in hex."""
    person: DossierPerson
    messages: tuple[DossierMessage, ...] = ()
    promises: tuple[DossierPromise, ...] = ()
    corrections: tuple[DossierCorrection, ...] = ()
    questions: tuple[DossierQuestion, ...] = ()
    public: tuple[DossierPost, ...] = ()


def promises_told(
    heard: Sequence[Heard],
    commitments: Sequence[Commitment],
    locale: str,
    now: datetime,
    remedies: Mapping[str, Remedy] | None = None,
) -> tuple[DossierPromise, ...]:
    """Return the commitments of which these messages tell, each with its texts in this locale where there are any.

    `remedies` has the state of the person's own part by commitment, of those that are kept for each person alone.
    """
    told = {commitment.id: tuple(_tellings(heard, about(commitment.id))) for commitment in commitments}
    return tuple(
        DossierPromise(
            id=commitment.id,
            promise=some_text(commitment.promise, locale),
            told=told[commitment.id],
            fate=fate(commitment, now),
            due_at=commitment.due_at,
            new_due_at=commitment.new_due_at,
            settled_at=commitment.settled_at,
            evidence=some_text(commitment.evidence, locale),
            reason=some_text(commitment.reason, locale),
            **_own(commitment, (remedies or {}).get(commitment.id), locale),
        )
        for commitment in commitments
        if told[commitment.id]
    )


def _own(commitment: Commitment, remedy: Remedy | None, locale: str) -> dict[str, Any]:
    if commitment.per_person is None:
        return {}
    texts = commitment.per_person.words.get(remedy.word, {}) if remedy else {}
    return {"own_state": remedy.state if remedy else RemedyState.OPEN, "own_result": some_text(texts, locale)}


def _tellings(heard: Sequence[Heard], key: str) -> Iterator[ToldOf]:
    """Yield each telling of this statement; a notice on several channels tells once."""
    seen: set[tuple[str, str]] = set()
    for one in heard:
        statement = one.saying.statements.get(key)
        if statement and (one.saying.notice, statement.value) not in seen:
            seen.add((one.saying.notice, statement.value))
            yield ToldOf(notice=one.saying.notice, value=statement.value, at=one.at)


def corrections_told(heard: Sequence[Heard], known: Mapping[str, Statement]) -> Iterator[DossierCorrection]:
    """Yield each statement of these messages that a later message corrects, and those that are wrong by what is known.

    The messages come in the order in which they were written.
    """
    last: dict[str, tuple[Statement, Heard]] = {}
    for one in heard:
        for key, statement in one.saying.statements.items():
            if key in last and contradicts(last[key][0], statement):
                by = {"corrected_in": one.saying.notice, "corrected_at": one.at}
                yield _correction(*last[key], statement).model_copy(update=by)
            last[key] = statement, one
    for key, (statement, one) in last.items():
        if contradicts(statement, right := known.get(key)) and right:
            yield _correction(statement, one, right)


def _correction(was: Statement, told: Heard, right: Statement) -> DossierCorrection:
    return DossierCorrection(
        about=was.key,
        was=was.value,
        told_in=told.saying.notice,
        told_at=told.at,
        now=right.value or right.certainty.value,
    )
