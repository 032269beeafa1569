"""Posts of the public in the ledger: take each in once, as a question, and answer it in public."""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session, select

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.case.intake import new_question
from amends.domain.channel.outgoing import OutgoingState
from amends.domain.feedback.answer import AnswerKind, AnswerStatus, ReplyChannel
from amends.domain.feedback.clean import clean
from amends.domain.feedback.mention import Mention, MentionedPost, PublicAnswer, mentioned, why_not_in_public
from amends.domain.feedback.question import QuestionSource
from amends.domain.playbook.playbook import Playbook
from amends.domain.team.member import Member
from amends.ledger.feedback.answering import give_answer, replies_of, reply_name, text_in, texts_of
from amends.ledger.feedback.answers import GivenAnswers, correct_answer, reject_answer
from amends.ledger.feedback.question_rows import question_row
from amends.ledger.feedback.questions import LONGEST_QUESTION, Questions, once_for
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import Store, Transaction
from amends.ledger.tables.feedback import AnswerRow, MentionCursorRow, OutgoingRow, QuestionRow

CUT = " …"
"""The end of a post that is longer than a question may be."""


class Mentions:
    """The posts that mention our account, and the answers to them."""

    def __init__(self, store: Store, questions: Questions, answers: GivenAnswers) -> None:
        self._store = store
        self._questions = questions
        self._answers = answers

    def take(self, incident: str, post: Mention, playbook: Playbook | None, now: datetime, by: str = "") -> bool:
        """Store a post as a question of nobody of the list, unless it is stored already; return True when it is new.

        The same post from the server and from a file is one question. Raises NotAllowed for a post without words.
        """
        once = once_for(QuestionSource.SOCIAL, post.url or once_for(post.account, post.at.isoformat(), post.text))
        before = self._is_known(incident, once)
        asked = new_question(
            playbook,
            _short(clean(post.text)),
            person=None,
            source=QuestionSource.SOCIAL,
            locale=post.locale,
            once=once,
            at=post.at,
            own=(post.account,),
            sender=post.sender,
        )
        self._questions.ask(incident, asked, now, by)
        return not before

    def last_taken(self, incident: str, server: str) -> str:
        """Return the id of the last notification of this server that was taken in, or an empty string."""
        with self._store.read() as session:
            row = session.get(MentionCursorRow, (incident, server))
            return row.last if row else ""

    def note_taken(self, incident: str, server: str, last: str, now: datetime) -> None:
        """Record the id of the last notification of this server, all before it being stored."""
        with self._store.write() as write:
            write.incident(incident)
            row = write.session.get(MentionCursorRow, (incident, server))
            if row is None:
                row = MentionCursorRow(incident=incident, server=server, last=last, at=now)
                write.session.add(row)
            row.last, row.at = last, now

    def post_of(self, incident: str, question: int) -> MentionedPost | None:
        """Return the post behind a question, or None for a question that came by another way. Raises NotInLedger."""
        asked = self._questions.get(incident, question)
        sender = self._questions.sender(incident, question)
        return mentioned(sender) if sender and asked.source is QuestionSource.SOCIAL else None

    def answer(self, incident: str, question: int, text: str, by: str, now: datetime) -> int:
        """Store an answer in public, for another member to approve, and return its id.

        It replaces an earlier one that waits for approval, or was approved and has not left. Raises NotAllowed when it
        may not be public, or when an earlier answer was posted or may have been; NotInLedger.
        """
        asked, post, said = self._questions.get(incident, question), self.post_of(incident, question), text.strip()
        if refusal := why_not_in_public(asked.source, post, said):
            raise NotAllowed(f"question {question}: {refusal}")
        texts = {asked.locale: said}
        with self._store.write() as write:
            write.incident(incident)
            _withdraw_waiting(write, incident, question, by, now)
            row = question_row(write.session, incident, question, locked=True)
            if row.answered_at is None:
                return give_answer(write, self._store, incident, AnswerKind.GIVEN, (question,), texts, by, now).id
            return correct_answer(write, self._store, incident, _not_posted(write.session, row), texts, by, now)

    def approve(self, incident: str, question: int, by: Member, now: datetime) -> PublicAnswer:
        """Approve the answer to this question that waits, as it stands, and return it. Raises NotAllowed, NotInLedger.

        The ledger's answers say who may approve it. One answer to several questions is approved as a whole.
        """
        found = self.answers(incident).get(question)
        if found is None or found.reply is not None:
            write = f"`amends mentions answer {incident} {question} --as NAME`"
            raise NotInLedger(f"question {question} has no public answer that waits for approval; {write}")
        self._answers.approve(incident, found.answer, by, now)
        return found

    def answers(self, incident: str) -> dict[int, PublicAnswer]:
        """Return the newest answer to each post, by the number of its question. Raises NotInLedger, KeyMissing."""
        here = (QuestionRow.incident == incident, QuestionRow.source == QuestionSource.SOCIAL)
        with self._store.read() as session:
            seal = self._store.seal(session, incident)
            locales = {row.id: row.locale for row in session.exec(select(QuestionRow).where(*here))}
            rows = {row.id: row for row in session.exec(select(AnswerRow).where(AnswerRow.incident == incident))}
            found = {}
            for reply in _replies_to_posts(session, incident):
                answer, question = rows[int(reply.subject)], int(reply.reader)
                found[question] = _public_answer(answer, question, locales, seal, reply)
            for answer in sorted(rows.values(), key=lambda row: row.id):
                if answer.status == AnswerStatus.WAITING:
                    ours = locales.keys() & set(answer.questions)
                    found |= {number: _public_answer(answer, number, locales, seal) for number in ours}
            return found

    def _is_known(self, incident: str, once: str) -> bool:
        with self._store.read() as session:
            query = select(QuestionRow.id).where(QuestionRow.incident == incident, QuestionRow.once == once)
            return session.exec(query).first() is not None


def _withdraw_waiting(write: Transaction, incident: str, question: int, by: str, now: datetime) -> None:
    """Reject the answer that waits for this question alone. Raises NotAllowed for one that waits for several."""
    waiting = (AnswerRow.incident == incident, AnswerRow.status == AnswerStatus.WAITING)
    for row in write.session.exec(select(AnswerRow).where(*waiting)).all():
        if question not in row.questions:
            continue
        if len(row.questions) > 1:
            do = f"`amends questions approve {incident} {row.id} --as NAME`, or reject it"
            raise NotAllowed(f"answer {row.id} to {len(row.questions)} questions waits for approval: {do}")
        reject_answer(write, row, "another text takes its place", by, now)


def _not_posted(session: Session, row: QuestionRow) -> int:
    """Return the answer to this question alone, which has not left. Raises NotAllowed."""
    answer = session.get_one(AnswerRow, (row.incident, row.answer_id))
    reply = session.get_one(OutgoingRow, tuple(reply_name(row.incident, answer.id, row.id)))
    if len(answer.questions) > 1 or reply.state != OutgoingState.WAITING:
        do = f"`amends questions correct {row.incident} {answer.id} --as NAME` replaces a wrong answer"
        raise NotAllowed(f"question {row.id} was answered already; {do}")
    return answer.id


def _replies_to_posts(session: Session, incident: str) -> list[OutgoingRow]:
    """Return the public replies, the one with the newest answer to each question last."""
    query = select(OutgoingRow).where(*replies_of(incident), OutgoingRow.channel == ReplyChannel.PUBLIC)
    return sorted(session.exec(query).all(), key=lambda reply: int(reply.subject))


def _public_answer(
    row: AnswerRow, question: int, locales: Mapping[int, str], seal: Seal, reply: OutgoingRow | None = None
) -> PublicAnswer:
    return PublicAnswer(
        question=question,
        answer=row.id,
        text=text_in(texts_of(row, seal), locales[question]),
        by=row.by,
        approved_by=row.approved_by,
        reply=OutgoingState(reply.state) if reply else None,
        at=reply.at if reply else row.at,
        url=reply.provider_id if reply else "",
    )


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_QUESTION else text[: LONGEST_QUESTION - len(CUT)] + CUT
