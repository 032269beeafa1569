"""Pages in the Prefect UI: one for each name of each incident, with numbers and nobody's words."""

from collections import Counter
from datetime import timedelta

import pytest
from prefect.client.schemas.actions import ArtifactCreate

from amends.delivery.send.engine import Tally
from amends.domain.channel.channel import Status
from amends.ledger import Ledger
from flows.collect_feedback import collect_feedback
from flows.rehearsal.fast_forward import PassedClock
from flows.run import artifacts
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


def test_comments_are_counted_and_it_is_said_where_they_can_be_read() -> None:
    case = a_case()
    assert f"1 comment for people to read: `amends questions comments {case.incident.id}`" in feedback_page(case, 1)
    assert "comment" not in feedback_page(case, 0)


async def test_the_page_about_feedback_counts_comments_and_shows_none(
    ledger: Ledger, clock: PassedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: dict[str, str] = {}

    async def show(_incident: str, name: str, markdown: str, _description: str) -> None:
        pages[name] = markdown

    monkeypatch.setattr(artifacts, "show", show)
    for person in (1, 2):
        ledger.questions.answer_survey(INCIDENT, person, {"understood": 4}, "Nobody called me back", START)
    ledger.incidents.note_event(INCIDENT, "notified", START)
    clock.now = START + timedelta(days=1)
    await collect_feedback.fn(INCIDENT, "feedback", 1)
    assert "2 comments" in pages["feedback"]
    assert "called me back" not in pages["feedback"]


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
