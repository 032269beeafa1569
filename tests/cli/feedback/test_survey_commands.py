"""The team lists surveys, reads their results and reads what people wrote, of nobody."""

from pathlib import Path

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.domain.team.member import TeamRole
from tests.builders import NOW
from tests.cli.conftest import LOOKS, Office, make_home
from tests.delivery.sending import INCIDENT
from tests.ledger.feedback.surveyed import INVITATION, answer, customers, invited


@pytest.fixture(scope="module")
def surveyed(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Twelve were invited, ten of them have answered; the commands only read."""
    office = make_home(tmp_path_factory.mktemp("surveyed") / "home")
    ledger = office.ledger()
    invited(ledger, customers(12))
    for person in range(1, 11):
        answer(ledger, person, understood="4", comment=f"My card was \u202eused, said {person}.")
    office.tokens[LOOKS] = ledger.team.add(LOOKS, TeamRole.LEAD, LOOKS, NOW)
    ledger.dispose()
    return office


def test_each_invitation_is_listed_with_its_numbers(surveyed: Office) -> None:
    (one,) = surveyed.values("surveys", "list", INCIDENT)
    numbers = (one["invited"], one["answered"], one["counted"], one["texts"])
    assert (one["survey"], one["invitation"], numbers) == ("how-we-did", INVITATION, (12, 10, 10, 10))
    assert "surveys results" in surveyed.amends("surveys", "list", INCIDENT).stderr


def test_results_come_with_their_intervals_and_without_texts(surveyed: Office) -> None:
    shown = surveyed.amends("surveys", "results", INCIDENT)
    assert "10 answers, 83 % (55 to 95 %) of 12 invited" in shown.stdout
    assert "understood  4.00 (4.00 to 4.00)" in shown.stdout
    assert "10 texts for people to read" in shown.stderr
    assert "used" not in shown.output


def test_texts_are_shown_of_nobody(surveyed: Office) -> None:
    shown = surveyed.amends("surveys", "comments", INCIDENT).stdout
    assert all(f"used, said {person}." in shown for person in range(1, 11))
    assert ("person" in shown, "\u202e" in shown) == (False, False)
    (comments,) = surveyed.values("surveys", "comments", INCIDENT)
    assert comments.keys() == {"invitation", "question", "texts"}


def test_without_a_survey_there_is_nothing_to_show(office: Office) -> None:
    for command in ("list", "results", "comments"):
        assert office.amends("surveys", command, "stolen-terminals").stdout == "none\n"


def test_the_report_has_the_results(surveyed: Office, tmp_path: Path) -> None:
    assert surveyed.amends("report", INCIDENT, "--out", tmp_path / "report.html").exit_code == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "how-we-did, survey-invitation: 10 answers" in page
    assert "4.00 (4.00 to 4.00)" in page
    assert "used" not in page.partition("<h2>Surveys</h2>")[2].partition("<h2>")[0]
    assert ChannelKind.EMAIL in page
