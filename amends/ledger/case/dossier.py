"""Dossiers: read all that concerns one person, seal the dossier's file, and check a file by its seal."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from amends.domain.base.value import some_text
from amends.domain.case.dossier import (
    Dossier,
    DossierAnswer,
    DossierPerson,
    DossierPost,
    DossierQuestion,
    corrections_told,
    promises_told,
)
from amends.domain.case.dossier_seal import DossierForm, DossierSeal, digest_of, split_seal
from amends.domain.feedback.answer import HeardAnswer
from amends.domain.feedback.question import Question
from amends.domain.notice.notice import name_parts
from amends.domain.notice.statement import stated_by
from amends.domain.notice.told import Heard
from amends.domain.people.locales import ruling_for
from amends.ledger.case.case import Cases
from amends.ledger.case.person_messages import PersonMessage, messages_of
from amends.ledger.case.told import ToldRecord
from amends.ledger.commitment.rows import commitments_of
from amends.ledger.deliver.claims import Claims
from amends.ledger.deliver.told import known_about
from amends.ledger.entitlement.remedies import Remedies
from amends.ledger.feedback.answers import GivenAnswers
from amends.ledger.feedback.questions import Questions
from amends.ledger.notice.notices import Notices
from amends.ledger.people.locale_rulings import rulings_of
from amends.ledger.people.opt_outs import people_of, reader_of
from amends.ledger.people.people import opened_person, person_row
from amends.ledger.store.chain import SEALED, Head
from amends.ledger.store.session import Store, incident_row
from amends.ledger.tables.notice import NoticeRow
from amends.ledger.tables.people import PersonRow

NO_SEAL = "this is no dossier: the seal of Amends is not in its last line"
NOT_OURS = "the seal was altered, or made with another master key than that of this ledger"
ALTERED = "the text was altered since the dossier was made"
NOT_IN_CHAIN = (
    "the audit chain does not hold entry {entries} as it was when the dossier was made: entries were altered or cut "
    "off, or a backup was restored; `amends audit verify` reads the whole chain"
)


@dataclass(frozen=True)
class PersonRecord:
    """Everything in the ledger that a dossier shows. Holds personal data: never log or print it."""

    dossier: Dossier = field(repr=False)
    """The dossier without its messages, and without the links of its pages."""
    messages: tuple[PersonMessage, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DossierCheck:
    """The result of checking a file: what its seal says, and in words what is wrong."""

    seal: DossierSeal | None
    """None when the seal cannot be trusted."""
    problems: tuple[str, ...] = ()


class Dossiers:
    """The dossiers of the people of all incidents."""

    def __init__(
        self,
        store: Store,
        notices: Notices,
        claims: Claims,
        cases: Cases,
        told: ToldRecord,
        questions: Questions,
        answers: GivenAnswers,
        remedies: Remedies,
    ) -> None:
        self._store, self._notices, self._claims = store, notices, claims
        self._cases, self._told, self._questions, self._answers = cases, told, questions, answers
        self._remedies = remedies

    def read(self, incident: str, number: int, now: datetime) -> PersonRecord:
        """Read what a dossier of this person shows. Raises NotInLedger, DataDestroyed, DataDamaged."""
        with self._store.read() as session:
            head = self._store.chain.newest(session) or Head(0, "")  # first, so that nothing up to it is left out
            self._store.seal(session, incident)
            person_row(session, incident, number)
        heard, posts = self._told.person(incident, number), self._told.public(incident)
        answers = self._answers.said(incident, number)
        asked, file = self._questions.all(incident, person=number), self._cases.incident_file(incident)
        own = self._remedies.of_person(incident, number)
        with self._store.read() as session:
            row = person_row(session, incident, number)
            known = known_about(stated_by(file, incident_row(session, incident).people), row.data)
            dossier = Dossier(
                incident=incident,
                title=file.title,
                organisation=some_text(file.organisation.name, "en"),
                made_at=now,
                entries=head.seq,
                head=head.mac,
                person=self._person(session, row),
                promises=promises_told(heard, commitments_of(session, incident), row.locale, now, own),
                corrections=tuple(corrections_told(heard, known)),
                questions=tuple(_question(one, answers.get(one.id, ())) for one in asked),
                public=tuple(self._post(session, incident, post, file.default_locale) for post in posts),
            )
            return PersonRecord(dossier, tuple(messages_of(session, self._notices, self._claims, row, now)))

    def _person(self, session: Session, row: PersonRow) -> DossierPerson:
        person = opened_person(row.incident, row, self._store.seal(session, row.incident))
        ruling = ruling_for(row.locale, rulings_of(session, row.incident))
        return DossierPerson(
            number=row.number,
            ref=person.ref,
            name=person.name,
            locale=row.locale,
            language_ruling=ruling.of_one if ruling else "",
            guardian=row.guardian or None,
            children=people_of(session, row.incident, row.number)[1:],
            opted_out_at=reader_of(session, row.incident, row.number).opted_out_at,
            data_changed_at=row.data_changed_at,
            gone_at=row.gone_at,
        )

    def _post(self, session: Session, incident: str, heard: Heard, default_locale: str) -> DossierPost:
        said = heard.saying
        draft = self._notices.drafted(session.get_one(NoticeRow, (incident, said.notice, said.version)))
        text = draft.nearest(name_parts(said.name), said.channel, default_locale)
        return DossierPost(
            notice=said.notice, channel=said.channel, locale=text.locale, title=text.subject or text.text, at=heard.at
        )

    def seal(self, dossier: Dossier, form: DossierForm, body: bytes, by: str) -> bytes:
        """Record in the audit chain that a member made the dossier, and return its file: the body and the seal.

        Raises DataDestroyed when the personal data was destroyed meanwhile.
        """
        with self._store.write() as write:
            write.incident(dossier.incident)
            who = f"person {dossier.person.number}"
            write.note(dossier.made_at, dossier.incident, "dossier made", who, actor=by, up_to=dossier.entries)
        unsigned = DossierSeal(
            form=form,
            incident=dossier.incident,
            person=dossier.person.number,
            made_at=dossier.made_at,
            entries=dossier.entries,
            head=dossier.head,
            digest=digest_of(body),
        )
        return body + unsigned.model_copy(update={"mac": self._mac(unsigned)}).line

    def check(self, file: bytes) -> DossierCheck:
        """Check that a dossier's file is as it was made, and that the audit chain still holds its end of then."""
        parts = split_seal(file)
        if parts is None:
            return DossierCheck(None, (NO_SEAL,))
        body, seal = parts
        if not hmac.compare_digest(seal.mac.encode(), self._mac(seal).encode()):
            return DossierCheck(None, (NOT_OURS,))
        if seal.digest != digest_of(body):
            return DossierCheck(None, (ALTERED,))
        with self._store.read() as session:
            mac = session.exec(SEALED, params={"seq": seal.entries}).first()
        holds = mac is not None and mac.hex() == seal.head
        return DossierCheck(seal, () if holds else (NOT_IN_CHAIN.format(entries=seal.entries),))

    def _mac(self, seal: DossierSeal) -> str:
        return hmac.digest(self._store.keys.dossier, seal.signed, "sha256").hex()


def _question(asked: Question, answers: Sequence[HeardAnswer]) -> DossierQuestion:
    own = {name: getattr(asked, name) for name in DossierQuestion.model_fields if name != "answers"}
    return DossierQuestion(**own, answers=tuple(map(_answer, answers)))


def _answer(heard: HeardAnswer) -> DossierAnswer:
    return DossierAnswer(**{name: getattr(heard, name) for name in DossierAnswer.model_fields})
