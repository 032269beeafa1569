"""Pages in the Prefect UI: one for each name of each incident, with numbers and nobody's words."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from prefect.client.schemas.actions import ArtifactCreate

from amends.delivery.send.engine import Tally
from amends.domain.case.case import Case
from amends.domain.channel.message import Status
from amends.domain.feedback.survey.survey import Estimate, QuestionResult, SurveyResults, wilson
from amends.ledger import Ledger
from flows.collect_feedback import collect_feedback
from flows.rehearsal.fast_forward import PassedClock
from flows.run.artifacts import feedback_page, figures, page_key, share
from tests.builders import a_case
from tests.story import INCIDENT, START


def test_incidents_that_differ_only_by_a_dash_have_own_pages() -> None:
    """Incidents whose ids differ only by a dash or an underscore have pages with different keys in Prefect."""
    names = ("a-b", "a_b", "a--b", "a-b-c", "a_b-c", "a-b_c", "a_b_c")
    assert len({page_key(name, "timeline") for name in names}) == len(names)


def test_prefect_takes_the_key_of_any_page() -> None:
    keys = [page_key("a_b-", "preview-first_notice"), page_key("0" * 64, "timeline"), page_key("_" * 64, "timeline")]
    assert [ArtifactCreate(key=key).key for key in keys] == keys


def test_the_key_of_an_ordinary_page_is_what_it_says() -> None:
    assert page_key("stolen-terminals", "preview-first-notice") == "stolen-terminals-preview-first-notice"


def surveyed(**changes: Any) -> Case:
    mean = Estimate(value=4.0, low=3.5, high=4.5, answers=12)
    given: dict[str, Any] = {"invited": 40, "answered": 14, "counted": 12, "texts": 1, "rate": wilson(14, 40)}
    questions = (QuestionResult(question="understood", mean=mean),)
    results = SurveyResults(
        survey="how-we-did", invitation="survey", released_at=START, questions=questions, **given | changes
    )
    return a_case(surveys=(results,))


def test_a_survey_is_shown_with_its_intervals_and_where_texts_are() -> None:
    page = feedback_page(case := surveyed())
    assert "survey: 14 answers, 35 % (22 to 50 %) of 40 invited; 2 wait to be opened with others" in page
    assert "| understood | 4.00 (3.50 to 4.50) | 12 |" in page
    assert f"1 text for people to read: `amends surveys comments {case.incident.id}`" in page
    assert "surveys comments" not in feedback_page(surveyed(texts=0))


async def test_the_step_opens_what_has_waited_for_a_day(
    ledger: Ledger, clock: PassedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[datetime] = []
    monkeypatch.setattr(ledger.surveys, "open_waiting", lambda _, now: opened.append(now))
    ledger.incidents.note_event(INCIDENT, "notified", START)
    clock.now = START + timedelta(days=1)
    await collect_feedback.fn(INCIDENT, "feedback", 1)
    assert opened == [clock.now]


@pytest.mark.parametrize(
    ("tally", "seconds", "said"),
    [
        (Tally(messages=5000), 0.0, "0 of 5,000 messages have an answer"),
        (
            Tally(messages=5000, answers=Counter({Status.SENT: 1190, Status.REJECTED: 10})),
            4.0,
            "1,200 of 5,000 messages have an answer (1190 sent, 10 rejected); 300 a second; 3,800 left, less than a minute",
        ),
        (
            Tally(messages=2, answers=Counter({Status.SENT: 3})),
            60.0,
            "3 of 3 messages have an answer (3 sent); 3.0 a minute; none left",
        ),
    ],
)
def test_progress_has_figures_pace_and_what_is_left(tally: Tally, seconds: float, said: str) -> None:
    assert figures(tally, seconds) == said
    assert 0 <= share(tally) <= 100
