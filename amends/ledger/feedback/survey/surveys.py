"""Surveys in the ledger: take answers once, count them and read what people wrote."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any

from sqlalchemy import String, cast
from sqlalchemy import select as sql
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import KeyMissing, NotAllowed
from amends.domain.feedback.survey.survey import (
    FEWEST,
    Ballot,
    SurveyComments,
    SurveyResults,
    differences,
    group_means,
    question_results,
    wilson,
)
from amends.domain.playbook.survey import AnswerForm, Survey
from amends.ledger.feedback.leaks import Leaks
from amends.ledger.feedback.survey.ballots import Ballots, HeldBallot, room_for, shuffled, text_place
from amends.ledger.people.links import CAME_TO_THEM
from amends.ledger.store.cache import Memory
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import Store
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.feedback import BallotRow, SurveyAnsweredRow, SurveyTextRow
from amends.ledger.tables.notice import NoticeRow, ReleaseRow
from amends.ledger.tables.people import PersonRow


class Surveys:
    """The surveys of incidents: who has answered, and, apart from that, what was answered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._leaks = Leaks(store)
        self._ballots = Ballots(store)

    def answer(
        self, incident: str, notice: str, person: int, survey: Survey, given: Mapping[str, str], now: datetime
    ) -> bool:
        """Take a person's answers, which count once and cannot be changed; return False when they have answered.

        Raises NotAllowed for answers that the survey does not ask for, and for a person who was not invited.
        """
        if not given or survey.given(given) != dict(given):
            raise NotAllowed(
                f"the survey {survey.id} asks for other answers: {', '.join(one.id for one in survey.questions)}"
            )
        texts = {one.id: given[one.id] for one in survey.texts if one.id in given}
        ballot = HeldBallot(
            answers={question: answer for question, answer in given.items() if question not in texts},
            texts=texts,
            cell=self._cell(incident, notice, person),
            leaks=sum(self._leaks.others_in(incident, text, person) for text in texts.values()),
            day=now.date().isoformat(),
            room=room_for(len(survey.questions), len(survey.texts)),
        )
        return self._ballots.cast((incident, notice), person, ballot, now)

    def _cell(self, incident: str, notice: str, person: int) -> dict[str, str]:
        """Return variant, channel and country of an invited person, coarsely. Raises NotAllowed for another person."""
        with self._store.read() as session:
            got = session.exec(
                select(DeliveryRow.variant, DeliveryRow.channel)
                .where(*_got(incident, notice), DeliveryRow.person == person)
                .order_by(col(DeliveryRow.version).desc(), col(DeliveryRow.id).desc())
            ).first()
            row = session.get(PersonRow, (incident, person))
        if got is None or row is None:
            raise NotAllowed(f"person {person} was not invited by {notice}")
        return {"variant": got[0].partition("/")[0], "channel": got[1], "country": row.country}

    def has_answered(self, incident: str, notice: str, person: int) -> bool:
        """Return True when this person has answered after this invitation."""
        with self._store.read() as session:
            return session.get(SurveyAnsweredRow, (incident, notice, person)) is not None

    def open_waiting(self, incident: str, now: datetime) -> None:
        """Open, for each invitation, the ballots that have waited for a day, when they are enough."""
        with self._store.read() as session:
            notices = [notice for notice, *_ in _invitations(session, incident)]
        for notice in notices:
            self._ballots.open_waiting((incident, notice), now)

    def forget(self, incident: str) -> None:
        """Delete the ballots that were not opened, once the incident's personal data was destroyed."""
        self._ballots.forget(incident)

    def comments(self, incident: str) -> tuple[SurveyComments, ...]:
        """Return the free texts by invitation and question, shuffled; of fewer than ten answers none.

        A text that was altered is empty. Raises NotInLedger, KeyMissing.
        """
        query = select(SurveyTextRow).where(SurveyTextRow.incident == incident)
        order = (col(SurveyTextRow.notice), col(SurveyTextRow.question), col(SurveyTextRow.id))
        with self._store.read() as session:
            seal = self._store.seal(session, incident)
            found = [(row.notice, row.question, _text(seal, row)) for row in session.exec(query.order_by(*order))]
        return tuple(
            SurveyComments(invitation=notice, question=question, texts=tuple(shuffled(text for *_, text in rows)))
            for (notice, question), rows in groupby(found, lambda row: row[:2])
        )


def survey_results(
    session: Session, cache: Memory, incident: str, surveys: Iterable[Survey], invited: Mapping[str, int]
) -> tuple[SurveyResults, ...]:
    """Return the results of each invitation, in the order of their release; `invited` people got each notice.

    Ballots are read again only when others were opened since.
    """
    known = {survey.id: survey for survey in surveys}
    found: list[SurveyResults] = []
    ballots_of: dict[str, list[Ballot]] = {}
    for notice, survey_id, released_at in _invitations(session, incident):
        results = _counted(session, incident, notice, survey_id, released_at, invited.get(notice, 0))
        name = ("ballots", incident, notice, results.counted)
        ballots_of[notice] = ballots = cache.get(name, partial(_ballots, session, incident, notice))
        survey = known.get(survey_id)
        before = next((one.invitation for one in reversed(found) if one.survey == survey_id), "")
        if survey and results.counted >= FEWEST:
            results = _evaluated(results, survey, ballots, before, ballots_of.get(before, []))
        found.append(results)
    return tuple(found)


def _counted(
    session: Session, incident: str, notice: str, survey: str, released_at: datetime, invited: int
) -> SurveyResults:
    tables: tuple[Any, ...] = (SurveyAnsweredRow, BallotRow, SurveyTextRow)
    answered, opened, texts = (
        session.exec(
            select(func.count()).select_from(table).where(table.incident == incident, table.notice == notice)
        ).one()
        for table in tables
    )
    invited = max(invited, answered)  # somebody may have answered whose invitation came back since
    return SurveyResults(
        survey=survey,
        invitation=notice,
        released_at=released_at,
        invited=invited,
        answered=answered,
        counted=opened,
        texts=texts,
        rate=wilson(answered, invited) if invited else None,
    )


def _evaluated(
    results: SurveyResults, survey: Survey, ballots: list[Ballot], before: str, earlier: list[Ballot]
) -> SurveyResults:
    scales = [scale.id for scale in survey.scales]
    choices = [question.id for question in survey.questions if question.kind is AnswerForm.CHOICE]
    found = {
        "questions": tuple(question_results(ballots, scales, choices)),
        "groups": tuple(group_means(ballots, scales)),
        "differences": tuple(differences(earlier, ballots, before, scales, choices)),
    }
    return results.model_copy(update=found)


def _invitations(session: Session, incident: str) -> list[tuple[str, str, datetime]]:
    """Return notice, survey and first release of each invitation, in the order of their release."""
    survey = col(NoticeRow.survey)
    query = (
        select(ReleaseRow.notice, NoticeRow.survey, func.min(ReleaseRow.at))
        .join(
            NoticeRow,
            (col(NoticeRow.incident) == ReleaseRow.incident)
            & (col(NoticeRow.notice) == ReleaseRow.notice)
            & (col(NoticeRow.version) == ReleaseRow.version),
        )
        .where(ReleaseRow.incident == incident, survey != "")
        .group_by(col(ReleaseRow.notice), survey)
        .order_by(func.min(ReleaseRow.at), col(ReleaseRow.notice))
    )
    return [(notice, found, at) for notice, found, at in session.exec(query)]


def _ballots(session: Session, incident: str, notice: str) -> list[Ballot]:
    """Return the ballots; the database counts equal ones together, because few of many differ."""
    answers: Any = cast(BallotRow.answers, String)
    cell = (col(BallotRow.variant), col(BallotRow.channel), col(BallotRow.country))
    alike = sql(answers, *cell, func.count()).where(
        col(BallotRow.incident) == incident, col(BallotRow.notice) == notice
    )
    return [
        Ballot(json.loads(given), {"variant": variant, "channel": channel, "country": country}, count)
        for given, variant, channel, country, count in session.connection().execute(alike.group_by(answers, *cell))
    ]


def _got(incident: str, notice: str) -> tuple[Any, ...]:
    """Return the conditions for the messages of an invitation that came to people."""
    states = col(DeliveryRow.state).in_(CAME_TO_THEM)
    return (DeliveryRow.incident == incident, DeliveryRow.notice == notice, states, DeliveryRow.person > 0)


def _text(seal: Seal, row: SurveyTextRow) -> str:
    try:
        return seal.open(row.sealed_text, text_place(row.id))
    except KeyMissing:
        return ""
