"""Letters to hand over are one alert a day for each notice, however many there are."""

from datetime import timedelta

from amends.domain.alert.by_hand import work_by_hand
from amends.domain.incident.alert import AlertId, AlertKind
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from tests.builders import NOW, a_case

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def the_alert(letters: int, after: timedelta) -> tuple[AlertId, str]:
    notice = NoticeStatus(
        id="first-notice",
        version=1,
        template="first-notice",
        step="first-notice",
        occurrence=1,
        binding="b",
        stage=NoticeStage.SENT,
        approvals_needed=2,
        drafted_at=NOW,
        letters=letters,
    )
    (alert,) = work_by_hand(a_case(notices=(notice,)), NOW + after)
    return alert.id, alert.what


def test_more_letters_of_the_same_day_are_no_further_alert() -> None:
    (first, said), (soon, other), (tomorrow, _) = (
        the_alert(letters, after) for letters, after in ((3, 0 * HOUR), (4, HOUR), (4, DAY))
    )
    assert first == soon == AlertId(AlertKind.LETTERS_WAIT, "first-notice", "2026-11-24")
    assert (said == other, tomorrow == first) == (False, False)
