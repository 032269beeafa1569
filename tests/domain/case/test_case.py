"""What people have heard, as a case tells it."""

from datetime import timedelta

from amends.domain.case.case import Case
from amends.domain.case.outline import Outline
from tests.builders import NOW, a_case
from tests.domain.plan.test_plan import a_notice

DAY = timedelta(days=1)
OUTLINE = frozenset(
    "assessment audience changes commitments embargo events incident locale_rulings opened_at pinned playbook state "
    "untold version".split()
)
COUNTED = frozenset(
    "alarms alerts author carried_over claims clock_doubt closing_overrides contacts earlier_authors filings last_signs "
    "leaks ledger_doubt mailboxes many_asked missed_updates news_told notices occurrences questions reach "
    "recorded_reminders remedies reports_open requests result_corrections stopped_domains stopped_sends substitutes "
    "surveys told_wrongly worded_by".split()
)


def test_an_invitation_to_a_survey_tells_no_news() -> None:
    first = a_notice(id="first-notice", step="first-notice", drafted_at=NOW + DAY, sent_at=NOW + 3 * DAY)
    survey = a_notice(id="survey", step="survey", drafted_at=NOW + 6 * DAY, sent_at=NOW + 7 * DAY)
    case = a_case(notices=(first, survey))
    assert (case.told_news_until(), case.last_told()) == (NOW + DAY, (NOW + DAY,))


def test_a_case_takes_no_new_fields() -> None:
    """Each reader of a case pays for every field: what a new room needs is a query of that room's own."""
    assert frozenset(Outline.model_fields) == OUTLINE
    assert frozenset(Case.model_fields) - OUTLINE <= COUNTED
