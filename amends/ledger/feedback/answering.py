"""Giving an answer in the caller's transaction: the answer itself, and a reply for each question that it answers."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import KeyMissing, NotAllowed
from amends.domain.base.value import LOCALE
from amends.domain.channel.outgoing import OutgoingKind, OutgoingName, OutgoingState
from amends.domain.feedback.answer import (
    HEARD,
    LONGEST_ANSWER,
    MOST_AT_ONCE,
    AnswerKind,
    AnswerStatus,
    ReplyChannel,
    best_locale,
    needs_approval,
    way_of,
)
from amends.domain.feedback.mention import is_private, too_long_in_public
from amends.domain.feedback.question import QuestionSource, Sender
from amends.domain.people.person import Flag
from amends.ledger.feedback.question_rows import opened, question_place, question_row
from amends.ledger.outbox.outbox import address_place, put, settle
from amends.ledger.people.opt_outs import reader_of
from amends.ledger.people.people import opened_person
from amends.ledger.store.encryption import Keys, Seal
from amends.ledger.store.session import Store, Transaction
from amends.ledger.tables.declared import place
from amends.ledger.tables.feedback import AnswerRow, OutgoingRow, QuestionRow
from amends.ledger.tables.people import PersonRow

NOT_WRITTEN_TO = frozenset({Flag.DECEASED, Flag.PROTECTED})
"""People to whom nothing is sent but a reply to the address from which a question came."""
NOT_LEFT = (OutgoingState.WAITING, OutgoingState.SENDING, OutgoingState.FAILED)
"""The states of replies that a correction withdraws."""
MOST_IDS = 500
"""The most answers that are named in one query; above, all answers are read."""


def give_answer(
    write: Transaction,
    store: Store,
    incident: str,
    kind: AnswerKind,
    questions: Collection[int],
    texts: Mapping[str, str],
    by: str,
    now: datetime,
    *,
    corrects: int | None = None,
) -> AnswerRow:
    """Store an answer to these questions; it is given at once, or waits for approval when it answers many.

    Raises NotAllowed when a question was answered already, or the answer has no text in its language.
    """
    write.incident(incident)
    rows = _questions(write.session, incident, questions)
    said, seal = _checked(texts, rows), store.seal(write.session, incident)
    public = [row for row in rows if _is_public(row, seal)]
    _refuse_long_in_public(said, public, seal)
    if kind is not AnswerKind.CORRECTION and (answered := [row.id for row in rows if row.answered_at is not None]):
        raise NotAllowed(f"question {answered[0]} was answered already")
    waits, number = needs_approval(len(rows)) or bool(public), _next_number(write.session, incident)
    answer = AnswerRow(
        incident=incident,
        id=number,
        kind=kind.value,
        status=(AnswerStatus.WAITING if waits else AnswerStatus.GIVEN).value,
        questions=[row.id for row in rows],
        sealed_texts=seal.close(json.dumps(said, ensure_ascii=False), texts_place(incident, number)),
        by=by,
        at=now,
        corrects=corrects,
    )
    write.session.add(answer)
    write.session.flush()
    if waits:
        write.note(now, incident, "answer waits", f"answer {number}", actor=by, kind=kind.value, questions=len(rows))
    else:
        hand_out(write, store, answer, rows, now)
    return answer


def hand_out(write: Transaction, store: Store, answer: AnswerRow, rows: Sequence[QuestionRow], now: datetime) -> None:
    """Mark these questions as answered, and store a reply for each."""
    incident, seal = answer.incident, store.seal(write.session, answer.incident)
    for row in rows:
        row.answer_id, row.answered_by = answer.id, answer.by
        row.answered_at = row.answered_at or now  # a correction does not make an answer late
        _put_reply(write, store.keys, seal, answer, row, now)
    write.session.flush()
    act = {AnswerKind.GIVEN: "answered", AnswerKind.CORRECTION: "corrected", AnswerKind.CLOSED: "closed"}
    verb = act[AnswerKind(answer.kind)]
    if len(rows) == 1:
        write.note(now, incident, f"{verb} question", f"question {rows[0].id}", actor=answer.by, answer=answer.id)
    else:
        numbers = [row.id for row in rows]
        write.note(now, incident, f"{verb} questions", f"answer {answer.id}", actor=answer.by, questions=numbers)


def tell_of_claims(
    write: Transaction, store: Store, incident: str, news: Sequence[tuple[QuestionRow, str]], by: str, now: datetime
) -> None:
    """Store, for the question of each claim, the word how the claim stands, with its reply; the caller notes it."""
    number, seal = _next_number(write.session, incident), store.seal(write.session, incident)
    for answer, (row, said) in enumerate(news, start=number):
        texts = json.dumps({row.locale: said}, ensure_ascii=False)
        kept = AnswerRow(
            incident=incident,
            id=answer,
            kind=AnswerKind.CLAIM_NEWS.value,
            status=AnswerStatus.GIVEN.value,
            questions=[row.id],
            sealed_texts=seal.close(texts, texts_place(incident, answer)),
            by=by,
            at=now,
        )
        row.answer_id, row.answered_by, row.answered_at = answer, by, row.answered_at or now
        write.session.add(kept)
        _put_reply(write, store.keys, seal, kept, row, now)
    write.session.flush()


def withdraw_unsent(session: Session, incident: str, answer: int, now: datetime) -> int:
    """Withdraw the replies of a wrong answer that have not left, and return how many."""
    rows = session.exec(
        select(OutgoingRow)
        .where(*replies_of(incident), OutgoingRow.subject == str(answer), col(OutgoingRow.state).in_(NOT_LEFT))
        .with_for_update()
    ).all()
    for row in rows:
        settle(row, OutgoingState.WITHDRAWN, now, row.detail)
    return len(rows)


def answer_texts(session: Session, seal: Seal, incident: str, rows: Iterable[QuestionRow]) -> dict[int, str]:
    """Return, by question, the text of the newest answer to it; a text that was altered or moved is left out."""
    answered = [row for row in rows if row.answer_id is not None]
    wanted = {row.answer_id for row in answered}
    query = select(AnswerRow).where(AnswerRow.incident == incident)
    if len(wanted) <= MOST_IDS:
        query = query.where(col(AnswerRow.id).in_(wanted))
    texts = {row.id: texts_of(row, seal) for row in session.exec(query)} if wanted else {}
    return {row.id: text for row in answered if (text := text_in(texts.get(row.answer_id or 0, {}), row.locale))}


def texts_of(row: AnswerRow, seal: Seal) -> dict[str, str]:
    """Return the texts of an answer by locale; empty when they were altered or moved."""
    sealed = opened(seal, row.sealed_texts, texts_place(row.incident, row.id))
    texts: dict[str, str] = json.loads(sealed) if sealed else {}
    return texts


def text_in(texts: Mapping[str, str], locale: str) -> str:
    """Return the text for a reader of this locale, or ""."""
    return texts.get(best_locale(texts, locale) or "", "")


def sender_of(row: QuestionRow, seal: Seal) -> Sender | None:
    """Return the sender of a question, or None when it came without one."""
    sealed = opened(seal, row.sealed_sender, question_place(row.incident, row.id, "sender"))
    return Sender.model_validate_json(sealed) if sealed else None


def any_public(session: Session, seal: Seal, answer: AnswerRow) -> bool:
    """Return True when the answer, or a part of it, is heard in public."""
    rows = (question_row(session, answer.incident, number) for number in answer.questions)
    return any(_is_public(row, seal) for row in rows)


def correction_of(session: Session, incident: str, answer: int) -> int | None:
    """Return the correction of this answer that was given or waits, or None."""
    here = (AnswerRow.incident == incident, AnswerRow.corrects == answer, AnswerRow.status != AnswerStatus.REJECTED)
    return session.exec(select(AnswerRow.id).where(*here)).first()


def texts_place(incident: str, answer: int) -> str:
    return place("answer", "texts", incident, answer)


def reply_name(incident: str, answer: int, question: int) -> OutgoingName:
    """Return the name of the outgoing message that brings an answer to who asked a question."""
    return OutgoingName(incident, OutgoingKind.ANSWER, str(answer), "", str(question))


def replies_of(incident: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions on an outgoing message that it brings an answer in this incident."""
    return col(OutgoingRow.incident) == incident, col(OutgoingRow.kind) == OutgoingKind.ANSWER


def _put_reply(write: Transaction, keys: Keys, seal: Seal, answer: AnswerRow, row: QuestionRow, now: datetime) -> None:
    incident, sender = answer.incident, sender_of(row, seal)
    email, phone = addresses(write.session, seal, incident, row.person) if row.person else ("", "")
    channel, to = way_of(
        QuestionSource(row.source),
        sender.address if sender else "",
        email,
        phone,
        has_page=row.person is not None,
        in_private=is_private(QuestionSource(row.source), sender),
    )
    on_page, name = channel is ReplyChannel.PAGE, reply_name(incident, answer.id, row.id)
    put(
        write,
        keys,
        name,
        now,
        person=row.person,
        channel=channel.value,
        state=(OutgoingState.DELIVERED if on_page else OutgoingState.WAITING).value,
        apologises=answer.corrects is not None and _heard(write.session, incident, answer.corrects, row),
        sealed_address=seal.close(to, address_place(name)) if to else None,
        next_try_at=None if on_page else now,
    )


def addresses(session: Session, seal: Seal, incident: str, person: int) -> tuple[str, str]:
    """Return the email address and the number of the person, or of a child's guardian.

    Both are empty when the person is not in the list any more, must not be written to, or cannot be read.
    """
    about = session.get(PersonRow, (incident, person))
    if about is None or about.gone_at is not None:
        return "", ""
    reader = reader_of(session, incident, person)
    if reader.gone_at is not None:
        return "", ""
    try:
        flags = opened_person(incident, about, seal).flags
        to = opened_person(incident, reader, seal)
    except KeyMissing:
        return "", ""
    return ("", "") if NOT_WRITTEN_TO & (flags | to.flags) else (to.email, to.phone)


def _heard(session: Session, incident: str, wrong: int, row: QuestionRow) -> bool:
    """Return True when the person has heard the wrong answer, or may have; a page can be read at any time."""
    before = session.get(OutgoingRow, tuple(reply_name(incident, wrong, row.id)))
    return before is not None and (before.apologises or row.person is not None or before.state in HEARD)


def _questions(session: Session, incident: str, questions: Collection[int]) -> list[QuestionRow]:
    """Lock and return the questions, in the order of their numbers. Raises NotInLedger, NotAllowed."""
    numbers = sorted(set(questions))
    if not numbers or len(numbers) > MOST_AT_ONCE:
        raise NotAllowed(f"an answer answers 1 to {MOST_AT_ONCE} questions")
    return [question_row(session, incident, number, locked=True) for number in numbers]


def _checked(texts: Mapping[str, str], rows: Sequence[QuestionRow]) -> dict[str, str]:
    """Return the texts without space around them. Raises NotAllowed."""
    said = {locale: text.strip() for locale, text in texts.items()}
    if not said or not all(said.values()):
        raise NotAllowed("an answer needs words")
    if any(len(text) > LONGEST_ANSWER for text in said.values()):
        raise NotAllowed(f"an answer has at most {LONGEST_ANSWER} characters")
    if strange := [locale for locale in said if not LOCALE.fullmatch(locale)]:
        raise NotAllowed(f"{strange[0][:40]!r} is not the name of a locale, such as en or zh-CN")
    for row in rows:
        if best_locale(said, row.locale) is None:
            raise NotAllowed(f"question {row.id} was asked in {row.locale}: give the answer in {row.locale} too")
    return said


def _is_public(row: QuestionRow, seal: Seal) -> bool:
    return row.source == QuestionSource.SOCIAL and not is_private(QuestionSource.SOCIAL, sender_of(row, seal))


def _refuse_long_in_public(said: Mapping[str, str], public: Sequence[QuestionRow], seal: Seal) -> None:
    """Raise NotAllowed when the text is too long for one of these questions, which were asked in public."""
    for row in public:
        sender = sender_of(row, seal)
        if refusal := too_long_in_public(sender.address if sender else "", text_in(said, row.locale)):
            raise NotAllowed(f"question {row.id}: {refusal}")


def _next_number(session: Session, incident: str) -> int:
    last = session.exec(select(func.max(AnswerRow.id)).where(AnswerRow.incident == incident)).one()
    return (last or 0) + 1
