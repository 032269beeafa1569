"""Injects say what goes wrong when; the same ones with the same number give the same rehearsal."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from amends.domain.base.value import Span
from amends.domain.channel.channel import ChannelKind
from amends.domain.feedback.question import QuestionKind
from amends.domain.incident.facts import DataCategory
from amends.domain.law.duty import Addressee
from amends.domain.rehearse.injects import (
    AngryReplies,
    Away,
    Bounces,
    ForgottenFiling,
    Injects,
    LateCohort,
    LateCommitment,
    Outage,
    PressLeak,
    Script,
    WrongFact,
    amended,
    full_hour,
    together,
)
from amends.domain.team.member import TeamRole
from tests.builders import a_commitment, a_duty, an_incident

START = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EMAIL, SMS = ChannelKind.EMAIL, ChannelKind.SMS
PEOPLE = range(1, 1001)


def script(seed: int = 1, **injects: object) -> Script:
    return Script(Injects.model_validate({"title": "a test", **injects}), START, seed)


def outage(channel: ChannelKind = EMAIL, at: int = 1, lasts: int = 5) -> Outage:
    return Outage(channel=channel, at=Span(hours=at), lasts=Span(hours=lasts))


# Providers


@pytest.mark.parametrize(("hours", "down"), [(0, False), (1, True), (5, True), (6, False)])
def test_a_provider_is_down_from_its_outage_on_until_it_ends(hours: int, down: bool) -> None:
    until = script(outages=(outage(),)).down_until(EMAIL, START + hours * HOUR)
    assert until == (START + 6 * HOUR if down else None)


def test_an_outage_leaves_the_other_channels_alone() -> None:
    assert script(outages=(outage(),)).down_until(SMS, START + 2 * HOUR) is None


def test_of_two_outages_that_overlap_the_later_end_counts() -> None:
    both = (outage(), outage(at=3, lasts=9))
    assert script(outages=both).down_until(EMAIL, START + 4 * HOUR) == START + 12 * HOUR


def test_the_first_outage_that_ends_is_worth_another_try() -> None:
    both = (outage(), outage(channel=SMS, lasts=2))
    assert script(outages=both).outage_ends(START + 2 * HOUR) == START + 3 * HOUR


def test_a_share_of_addresses_bounces_and_always_the_same_ones() -> None:
    """The given share of the addresses bounces, and always the same addresses."""
    bounces = script(bounces=(Bounces(channel=EMAIL, refused=0.1),))
    first = {n for n in PEOPLE if bounces.refuses(EMAIL, f"p{n}@mail.example")}
    again = {n for n in PEOPLE if bounces.refuses(EMAIL, f"p{n}@mail.example")}
    assert 60 < len(first) < 140
    assert first == again


def test_another_number_has_other_addresses_bounce() -> None:
    one, other = (script(seed, bounces=(Bounces(channel=EMAIL, refused=0.1),)) for seed in (1, 2))
    addresses = [f"p{n}@mail.example" for n in PEOPLE]
    assert [one.refuses(EMAIL, a) for a in addresses] != [other.refuses(EMAIL, a) for a in addresses]


def test_bounces_of_one_channel_leave_the_other_alone() -> None:
    bounces = script(bounces=(Bounces(channel=SMS, refused=1),))
    assert (bounces.refuses(SMS, "+4930"), bounces.refuses(EMAIL, "a@mail.example")) == (True, False)


def test_a_mail_comes_back_after_the_time_that_the_inject_says() -> None:
    bounces = Bounces(channel=EMAIL, come_back=1, come_back_after=Span(hours=3))
    assert script(bounces=(bounces,)).comes_back_after("a@mail.example") == 3 * HOUR
    assert script(outages=(outage(),)).comes_back_after("a@mail.example") is None


# The audience


def test_a_leak_has_a_share_of_the_people_ask_within_its_hours() -> None:
    leak = PressLeak(at=Span(days=2), asking=0.1, angry=0.5, within=Span(hours=6))
    asking = script(press_leaks=(leak,)).asking(PEOPLE)
    assert 60 < len(asking) < 140
    assert all(START + 2 * DAY <= one.at <= START + 2 * DAY + 6 * HOUR for one in asking)
    angry = sum(one.kind is QuestionKind.COMPLAINT for one in asking)
    assert len(asking) / 4 < angry < len(asking) * 3 / 4


def test_those_who_ask_come_in_the_order_of_time() -> None:
    leak = PressLeak(at=Span(days=2), asking=0.1)
    replies = AngryReplies(at=Span(days=1), complaining=0.1)
    times = [one.at for one in script(press_leaks=(leak,), angry_replies=(replies,)).asking(PEOPLE)]
    assert times == sorted(times)


def test_a_few_ask_by_themselves_after_they_were_told() -> None:
    told_at = START + 5 * HOUR
    curious = script(outages=(outage(),)).curious(PEOPLE, told_at)
    assert 0 < len(curious) < 40
    assert all(told_at <= curiou.at <= told_at + 3 * DAY + HOUR for curiou in curious)


def test_a_late_cohort_is_a_share_of_the_people() -> None:
    late = script(late_cohorts=(LateCohort(at=Span(days=4), share=0.2),))
    assert 130 < sum(late.found_late(f"C-{n}") for n in PEOPLE) < 270


def test_without_a_late_cohort_everybody_is_there_from_the_beginning() -> None:
    assert not any(script(outages=(outage(),)).found_late(f"C-{n}") for n in PEOPLE)


# The team


def test_who_is_away_is_back_when_their_leave_ends() -> None:
    away = Away(who=TeamRole.LEGAL, at=Span(days=1), lasts=Span(days=3))
    leave = script(approvers_away=(away,))
    assert leave.back_at(TeamRole.LEGAL, START) is None
    assert leave.back_at(TeamRole.LEGAL, START + 2 * DAY) == START + 4 * DAY
    assert leave.back_at(TeamRole.SECURITY, START + 2 * DAY) is None


def test_without_a_deputy_nobody_steps_in() -> None:
    away = Away(who=TeamRole.LEGAL, at=Span(0), lasts=Span(days=3), deputy=False)
    assert not script(approvers_away=(away,)).deputies_step_in()


def test_the_promise_that_is_due_first_is_the_one_that_will_be_late() -> None:
    promises = [a_commitment(id=name, due_at=START + days * DAY) for name, days in (("b", 3), ("a", 9), ("c", 5))]
    late = LateCommitment(by=Span(days=7), reason={"en": "It takes longer."})
    assert set(script(late_commitments=(late,)).put_off(promises)) == {"b"}
    assert set(script(late_commitments=(late, late)).put_off(promises)) == {"b", "c"}


def test_a_promise_can_be_named() -> None:
    promises = [a_commitment(id=name, due_at=START + DAY) for name in ("audit", "training")]
    late = LateCommitment(promise="training", by=Span(days=7), reason={"en": "It takes longer."})
    assert set(script(late_commitments=(late,)).put_off(promises)) == {"training"}


def test_the_filing_that_is_due_first_is_the_one_that_is_forgotten() -> None:
    duties = [
        a_duty(id="x.people", addressee=Addressee.PEOPLE, due_at=START + HOUR),
        a_duty(id="y.office", addressee=Addressee.AUTHORITY, due_at=START + 9 * HOUR),
        a_duty(id="z.office", addressee=Addressee.AUTHORITY, due_at=START + 5 * HOUR),
    ]
    assert script(forgotten_filings=(ForgottenFiling(),)).forgotten(duties) == {"z.office"}


# The facts


def test_a_wrong_fact_is_put_right_and_people_hear_of_it() -> None:
    wrong = WrongFact(
        at=Span(days=5), also_touched=(DataCategory.NATIONAL_ID,), says={"en": "It was more.", "zh-CN": "还有更多。"}
    )
    before = an_incident()
    after = amended(before, wrong, START + 5 * DAY)
    assert DataCategory.NATIONAL_ID in after.facts.categories()
    assert set(before.facts.categories()) < set(after.facts.categories())
    assert after.news[-1].at == START + 5 * DAY


def test_a_fact_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValidationError):
        amended(an_incident(), WrongFact(at=Span(0), facts={"colour": "red"}, says="x"), START)


def test_one_text_stands_for_every_language() -> None:
    wrong = WrongFact(at=Span(0), facts={"people": 9}, says="It was more.")
    assert amended(an_incident(), wrong, START).news[-1].text == {"*": "It was more."}


# The file


def test_several_files_are_one() -> None:
    first = Injects(title="the first", outages=(outage(),))
    second = Injects(title="the second", outages=(outage(SMS),), late_cohorts=(LateCohort(at=Span(0), share=0.1),))
    both = together([first, second])
    assert (both.title, len(both.outages), len(both.late_cohorts)) == ("the first; the second", 2, 1)


def test_two_late_cohorts_cannot_be_rehearsed_together() -> None:
    one = Injects(title="a cohort", late_cohorts=(LateCohort(at=Span(0), share=0.1),))
    with pytest.raises(ValueError, match="late cohort"):
        together([one, one])


def test_nothing_is_injected_when_no_file_is_given() -> None:
    assert together([]).title == "nothing goes wrong"


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"bounces": [{"channel": "social", "refused": 0.1}]},
        {"bounces": [{"channel": "sms", "come_back": 0.1}]},
        {"bounces": [{"channel": "email"}]},
        {"bounces": [{"channel": "email", "refused": 1.1}]},
        {"outages": [{"channel": "letter", "at": "0h", "lasts": "1h"}]},
        {"wrong_facts": [{"at": "5d", "says": "x"}]},
        {"approvers_away": [{"who": "responder", "at": "0h", "lasts": "1d"}]},
        {"angry_replies": [{"at": "1d"}]},
        {"late_cohorts": [{"at": "4d", "share": 0}]},
        {"outages": [{"channel": "email", "at": "1 month", "lasts": "1h"}]},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Injects.model_validate({"title": "a test", **wrong})


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 1 < moment.year < 9999))
def test_the_next_full_hour_is_less_than_an_hour_away(moment: datetime) -> None:
    """The next full hour is never before the moment and always less than an hour away."""
    hour = full_hour(moment)
    assert timedelta(0) <= hour - moment < HOUR
    assert (hour.minute, hour.second, hour.microsecond) == (0, 0, 0)
