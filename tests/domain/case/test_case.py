"""What people have heard, as a case tells it."""

from datetime import timedelta

from tests.builders import NOW, a_case
from tests.domain.plan.test_plan import a_notice

DAY = timedelta(days=1)


def test_an_invitation_to_a_survey_tells_no_news() -> None:
    first = a_notice(id="first-notice", step="first-notice", drafted_at=NOW + DAY, sent_at=NOW + 3 * DAY)
    survey = a_notice(id="survey", step="survey", drafted_at=NOW + 6 * DAY, sent_at=NOW + 7 * DAY)
    case = a_case(notices=(first, survey))
    assert (case.told_news_until(), case.last_told()) == (NOW + DAY, (NOW + DAY,))
