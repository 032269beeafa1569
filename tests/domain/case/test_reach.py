"""A duty to people is done when all to whom it is owed were told, or had the substitute notice that the law demands."""

from datetime import timedelta

import pytest

from amends.domain.alert.by_hand import work_by_hand
from amends.domain.case.case import Case
from amends.domain.case.deadlines import open_duties
from amends.domain.case.filings import status
from amends.domain.case.lawfully import told_in_all
from amends.domain.case.reach import substitutes_demanded, why_not_substitute
from amends.domain.case.states import Reach, ToldBy
from amends.domain.channel.channel import ChannelKind
from amends.domain.law.duty import Addressee, Duty, DutyStanding
from amends.domain.law.means import Means
from amends.domain.law.substitute import SubstituteNotice
from amends.domain.timeline.timeline import Wait, timeline
from tests.builders import NOW, a_case, an_assessment, an_audience, reasons_not_to_close
from tests.domain.law.test_substitute import EUROPE, HIPAA, STATE, a_duty

DAY = timedelta(days=1)
CALIFORNIA = a_duty(STATE, "US-CA", id="us-ca.individuals", due_at=NOW + 30 * DAY)
GIVEN = SubstituteNotice(duty=CALIFORNIA.id, url="https://example.org/notice", by="lena", at=NOW + 5 * DAY)
EVENTS = {"opened": NOW, "notified": NOW + DAY}


def told(duty: Duty = CALIFORNIA, given: tuple[SubstituteNotice, ...] = (), **reach: object) -> Case:
    """People were told a day after NOW; `reach` says who was not."""
    counted = an_audience(people=30, by_place={"US-CA": 30})
    assessment = an_assessment(duties=(duty,))
    return a_case(
        audience=counted, events=EVENTS, assessment=assessment, reach=Reach.model_validate(reach), substitutes=given
    )


def test_a_duty_is_done_when_everybody_there_was_told() -> None:
    found = status(told(waiting={"US-NV": 3}, unreached={"US-NV": 2}), CALIFORNIA, NOW)
    assert (found.done_at, found.missing) == (NOW + DAY, "")


def test_surprise_7_a_duty_is_not_done_while_letters_wait() -> None:
    found = status(told(waiting={"US-CA": 2}), CALIFORNIA, NOW + 40 * DAY)
    assert (found.done_at, found.overdue) == (None, True)
    assert found.missing == "2 people there wait for a message or a letter"


def test_surprise_7_a_duty_is_done_when_the_last_letter_has_left() -> None:
    case = told(letters_at={"US-CA": NOW + 9 * DAY, "FR": NOW + 20 * DAY})
    assert status(case, CALIFORNIA, NOW).done_at == NOW + 9 * DAY


def test_surprise_7_unreached_people_need_the_substitute_notice() -> None:
    case = told(unreached={"US-CA": 14})
    found = status(case, CALIFORNIA, NOW)
    assert (found.done_at, CALIFORNIA in open_duties(case)) == (None, True)
    assert found.missing == "the law demands a substitute notice, and none is recorded"


def test_surprise_7_the_substitute_notice_makes_it_done() -> None:
    found = status(told(given=(GIVEN,), unreached={"US-CA": 14}), CALIFORNIA, NOW)
    assert (found.done_at, found.substitute) == (GIVEN.at, GIVEN)


def test_a_substitute_notice_stands_for_no_waiting_letter() -> None:
    assert status(told(given=(GIVEN,), unreached={"US-CA": 14}, waiting={"US-CA": 1}), CALIFORNIA, NOW).done_at is None


def test_a_notice_that_our_page_is_needs_no_record() -> None:
    """Where the law asks for the website alone, the page of the notice is the substitute notice."""
    by_page = a_duty(STATE.model_copy(update={"do_all": ("conspicuous website posting",)}), "US-CA")
    assert status(told(by_page, unreached={"US-CA": 1}), by_page, NOW).done_at is None
    assert status(told(by_page, unreached={"US-CA": 1}, page_up_since=NOW), by_page, NOW).done_at == NOW + DAY


def test_a_ground_that_a_person_must_judge_demands_nothing() -> None:
    europe = a_duty(EUROPE, "DE")
    assert status(told(europe, unreached={"DE": 3}), europe, NOW).done_at == NOW + DAY


def test_before_anybody_was_told_nothing_is_demanded() -> None:
    case = a_case(assessment=an_assessment(duties=(CALIFORNIA,)))
    found = status(case, CALIFORNIA, NOW)
    assert (found.done_at, found.missing, substitutes_demanded(case)) == (None, "", ())
    assert "once its first notice was sent" in (why_not_substitute(case, CALIFORNIA) or "")


def test_surprise_7_the_timeline_says_who_must_do_what() -> None:
    shown = timeline(told(unreached={"US-CA": 14}, waiting={"US-CA": 2}), NOW + 31 * DAY)
    (task,) = [one for one in shown.waiting if one.wait is Wait.SUBSTITUTE]
    assert (task.by, task.overdue) == (CALIFORNIA.due_at, True)
    assert "14 of 30 people there were not reached" in task.what
    assert task.do == f"amends duty substitute {shown.incident} us-ca.individuals --url URL --as NAME"
    (late,) = [one for one in shown.waiting if one.wait is Wait.DEADLINE]
    assert late.what == "the people: some are not told yet"


def test_surprise_7_a_lead_is_alerted_once_a_day() -> None:
    case = told(unreached={"US-CA": 14})
    first, soon, tomorrow = (work_by_hand(case, NOW + after)[0] for after in (0 * DAY, timedelta(hours=1), DAY))
    assert "us-ca.individuals demands a substitute notice" in first.what
    assert (soon.id, tomorrow.id == first.id) == (first.id, False)
    assert work_by_hand(told(given=(GIVEN,), unreached={"US-CA": 14}), NOW) == ()


def test_surprise_7_closing_names_the_missing_substitute_notice() -> None:
    reasons = reasons_not_to_close(told(unreached={"US-CA": 14}), NOW)
    assert "no substitute notice is recorded for us-ca.individuals" in reasons
    assert not [reason for reason in reasons if reason.startswith("no filing")]
    given = reasons_not_to_close(told(given=(GIVEN,), unreached={"US-CA": 14}), NOW)
    (stays,) = [one for one in given if "substitute" in one]
    assert stays.startswith("the substitute notice for us-ca.individuals must stay up until")


def test_a_law_that_only_may_apply_keeps_no_case_open() -> None:
    perhaps = CALIFORNIA.model_copy(update={"standing": DutyStanding.MAY_APPLY})
    case = told(perhaps, unreached={"US-CA": 14})
    assert "substitute" not in " ".join(reasons_not_to_close(case, NOW))
    assert "(may apply)" in next(one.what for one in timeline(case, NOW).waiting if one.wait is Wait.SUBSTITUTE)


@pytest.mark.parametrize(
    ("duty", "why"),
    [
        (a_duty(None, "US-CA"), "knows no substitute notice"),
        (a_duty(STATE, "US-CA", addressee=Addressee.AUTHORITY), "is not owed to people"),
        (a_duty(HIPAA, "US-NV"), "none of its grounds is met"),
    ],
)
def test_what_needs_no_substitute_notice_is_refused(duty: Duty, why: str) -> None:
    assert why in (why_not_substitute(told(duty, unreached={"US-CA": 14}), duty) or "")


def test_a_notice_that_a_person_judged_right_may_be_recorded() -> None:
    europe = a_duty(EUROPE, "DE")
    assert why_not_substitute(told(europe, unreached={"DE": 3}), europe) is None


# Messages that a law does not count.

E_SIGN = (Means.WRITTEN, Means.ELECTRONIC_WITH_CONSENT)
WRITTEN = CALIFORNIA.model_copy(update={"channels": E_SIGN})
EMAIL, SMS, LETTER = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.LETTER


def by(people: int, *told: ChannelKind, waits: tuple[ChannelKind, ...] = (), **changes: object) -> ToldBy:
    return ToldBy.model_validate(
        {"place": "US-CA", "consented": False, "told": told, "waits": waits, "people": people} | changes
    )


def told_by(*groups: ToldBy, duty: Duty = WRITTEN, **changes: object) -> Case:
    return told(duty, told_by=groups, **changes)


def test_a_duty_is_met_when_all_were_told_by_what_it_counts() -> None:
    """Email counts with consent and a letter without; people of other places do not matter."""
    case = told_by(by(20, EMAIL, SMS, LETTER), by(10, EMAIL, consented=True), by(7, SMS, place="US-NV"))
    found = status(case, WRITTEN, NOW)
    assert (found.done_at, found.missing, str(found.told)) == (NOW + DAY, "", "30 of 30")


def test_whoever_was_told_only_by_sms_keeps_the_duty_open() -> None:
    europe = a_duty(EUROPE, "US-CA", channels=E_SIGN)
    found = status(told_by(by(20, LETTER), by(7, SMS), by(3, EMAIL, SMS), duty=europe), europe, NOW)
    assert found.done_at is None and str(found.told) == "20 of 30 (7 only by SMS; 3 only by email and SMS)"
    assert found.missing == (
        "7 of 30 were told only by SMS; 3 of 30 were told only by email and SMS, which this law does not count"
    )


def test_an_sms_alone_calls_for_the_substitute_notice() -> None:
    """Whoever has no lawful channel counts among those whom nothing reached, for whom the public is told."""
    case = told_by(by(16, LETTER), by(14, SMS))
    assert status(case, WRITTEN, NOW).missing == (
        "14 of 30 were told only by SMS, which this law does not count; "
        "the law demands a substitute notice, and none is recorded"
    )
    assert why_not_substitute(case, WRITTEN) is None
    assert [one.duty for one in substitutes_demanded(case)] == [WRITTEN.id]
    given = case.model_copy(update={"substitutes": (GIVEN,)})
    assert status(given, WRITTEN, NOW).done_at == GIVEN.at


def test_a_letter_that_waits_keeps_the_duty_open() -> None:
    found = status(told_by(by(20, LETTER), by(7, EMAIL, waits=(LETTER,)), waiting={"US-CA": 3}), WRITTEN, NOW)
    assert (found.done_at, found.missing) == (None, "10 people there wait for a message or a letter")
    assert str(found.told) == "20 of 30 (7 wait)"


def test_a_page_counts_where_the_law_says_so() -> None:
    duty = CALIFORNIA.model_copy(update={"channels": (Means.WRITTEN, Means.WEBSITE)})
    case = told_by(by(30, SMS), duty=duty)
    assert status(case, duty, NOW).done_at is None
    assert status(told_by(by(30, SMS), duty=duty, page_up_since=NOW), duty, NOW).done_at == NOW + DAY


def test_of_several_duties_all_must_count_the_message() -> None:
    """Under each duty alone more people are told lawfully than under both together."""
    mail = WRITTEN.model_copy(update={"id": "us-hipaa.individuals", "channels": (Means.FIRST_CLASS_MAIL,)})
    case = told_by(by(20, LETTER), by(10, EMAIL, consented=True))
    both = case.model_copy(update={"assessment": an_assessment(duties=(WRITTEN, mail))})
    assert [str(status(both, duty, NOW).told) for duty in (WRITTEN, mail)] == [
        "30 of 30",
        "20 of 30 (10 only by email)",
    ]
    assert str(told_in_all(both)) == "20 of 30 (10 only by email)"


def test_where_every_message_counts_nothing_is_said() -> None:
    case = told(CALIFORNIA)
    assert (told_in_all(case), status(case, CALIFORNIA, NOW).told) == (None, None)
