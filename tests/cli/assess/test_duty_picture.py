"""The picture shows every pressing duty, leaves room for the first hours, and says in words what its colours say."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amends.cli.assess.duty_picture import AFTER, LEFT, MOST_ROWS, RIGHT, _axis, _ticks, duty_picture
from amends.domain.law.duty import Duty, DutyStanding
from tests.builders import AWARE, NOW, a_duty

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SVG = "{http://www.w3.org/2000/svg}"
ZONE = "Europe/Berlin"


class Picture:
    """A drawn picture, read back."""

    def __init__(
        self, *duties: Duty, filed: dict[str, datetime] | None = None, now: datetime = NOW, zone: str = ZONE
    ) -> None:
        self.text = duty_picture(duties, filed or {}, now, zone)
        self.root = ET.fromstring(self.text)
        self.rows = [group for group in self.root.iter(f"{SVG}g") if group.find(f"{SVG}title") is not None]

    def words(self, row: int = 0) -> list[str]:
        return [text.text or "" for text in self.rows[row].iter(f"{SVG}text")]

    def marks(self, name: str, row: int = 0) -> list[ET.Element]:
        return [mark for mark in self.rows[row].iter() if name in mark.get("class", "").split()]

    def bar(self, row: int = 0) -> tuple[float, float]:
        (bar,) = self.marks("bar", row)
        return float(bar.get("x1", "")), float(bar.get("x2", ""))


def many(number: int) -> list[Duty]:
    return [a_duty(id=f"d{n}", recipient=f"r{n}", due_at=AWARE + n * DAY) for n in range(1, number + 1)]


# What stands on a line


def test_a_row_names_recipient_law_deadline_and_time_left() -> None:
    """A row of the duty picture names the recipient, the law with its article, the deadline, and how much time is left."""
    assert Picture(a_duty()).words() == [
        "Data protection authority of Germany",
        "GDPR (EU) 2016/679, Art. 33",
        "Thu 26 Nov 11:00",
        "in 2 d 1 h",
    ]


def test_times_are_those_of_the_zone() -> None:
    assert Picture(a_duty(), zone="Asia/Shanghai").words()[2] == "Thu 26 Nov 18:00"


def test_another_year_is_said() -> None:
    assert Picture(a_duty(due_at=datetime(2027, 3, 1, 22, 59, tzinfo=UTC))).words()[2:] == [
        "1 Mar 2027 23:59",
        "in 97 d",
    ]


def test_one_kind_of_recipient_at_one_time_is_one_line() -> None:
    states = [
        a_duty(id=f"us-{s}", recipient="attorney_general", recipient_name=f"Attorney General of {s}", places=(s,))
        for s in ("US-WA", "US-CO", "US-FL")
    ]
    picture = Picture(*states)
    assert len(picture.rows) == 1
    assert picture.words()[0] == "3 × Attorney General: US-WA, US-CO…"


def test_what_is_done_does_not_hide_behind_what_is_not() -> None:
    picture = Picture(a_duty(id="one"), a_duty(id="other"), filed={"one": NOW})
    assert len(picture.rows) == 2


def test_what_names_no_time_comes_first_and_is_due_at_once() -> None:
    picture = Picture(a_duty(due_at=AWARE + HOUR), a_duty(id="prompt", due_at=None))
    assert picture.words(0)[2:] == ["at once", "to be done"]


def test_a_law_whose_clock_waits_for_us_is_not_late() -> None:
    picture = Picture(a_duty(waits=True, due_at=NOW - HOUR))
    assert picture.words()[2:] == ["its clock has not started", "waits for a step of ours"]
    assert picture.marks("late") == []


def test_an_exemption_that_is_claimed_is_not_late() -> None:
    picture = Picture(a_duty(standing=DutyStanding.EXEMPT), now=NOW + 9 * DAY)
    assert picture.words()[3] == "exemption claimed"
    assert picture.marks("late") == []


@pytest.mark.parametrize(
    ("hours", "words"), [(1.5, "in 1 h 30 min"), (17.6, "in 17 h"), (30.6, "in 1 d 6 h"), (24 * 20.5, "in 20 d")]
)
def test_what_is_left_is_said_no_finer_than_it_matters(hours: float, words: str) -> None:
    assert Picture(a_duty(due_at=NOW + hours * HOUR)).words()[3] == words


def test_what_may_apply_says_so() -> None:
    assert Picture(a_duty(standing=DutyStanding.MAY_APPLY)).words()[3] == "in 2 d 1 h, may apply"


# What marks say


def test_lateness_is_a_word_and_not_only_red() -> None:
    picture = Picture(a_duty(), now=AWARE + 75 * HOUR)
    assert picture.words()[3] == "3 h late"
    assert len(picture.marks("late")) == 1


def test_what_was_done_late_is_both() -> None:
    picture = Picture(a_duty(), filed={a_duty().id: AWARE + 75 * HOUR}, now=AWARE + 9 * DAY)
    assert picture.words()[3] == "done, 3 h late"
    assert (len(picture.marks("late")), len(picture.marks("done"))) == (1, 1)


def test_what_was_done_in_time_is_ticked() -> None:
    picture = Picture(a_duty(), filed={a_duty().id: AWARE + 70 * HOUR}, now=AWARE + 9 * DAY)
    assert picture.words()[3] == "done, 2 h early"
    assert (len(picture.marks("late")), len(picture.marks("done"))) == (0, 1)


@pytest.mark.parametrize(("assumed", "dashed"), [("counted from now", True), ("", False)])
def test_an_assumed_start_is_dashed(assumed: str, dashed: bool) -> None:
    (bar,) = Picture(a_duty(assumed=assumed)).marks("bar")
    assert ("stroke-dasharray" in bar.attrib) is dashed


@pytest.mark.parametrize(("reasons", "sign"), [(("is it trivial?",), ["§"]), ((), [])])
def test_what_a_lawyer_must_see_has_a_sign(reasons: tuple[str, ...], sign: list[str]) -> None:
    assert [mark.text for mark in Picture(a_duty(lawyer_needed=reasons)).marks("lawyer-sign")] == sign


# The axis


def test_a_bar_runs_from_the_start_of_the_clock_until_it_is_due() -> None:
    assert Picture(a_duty()).bar() == (LEFT, RIGHT)


def test_far_deadlines_leave_room_for_the_first_72_hours() -> None:
    """A deadline that is months away does not squeeze the first 72 hours: the bar of a duty that is due soon keeps more
    than a quarter of the width.
    """
    start, end = Picture(a_duty(), a_duty(id="year", recipient="r", due_at=AWARE + 365 * DAY)).bar(0)
    assert (end - start) / (RIGHT - LEFT) > 0.25


def test_a_clock_that_started_long_before_leaves_it_too() -> None:
    old = a_duty(id="old", recipient="r", starts_at=AWARE - 300 * DAY, assumed="when it first happened")
    start, end = Picture(a_duty(due_at=AWARE + 71 * HOUR), old).bar(0)
    assert (end - start) / (RIGHT - LEFT) > 0.75


def test_what_is_due_years_from_now_is_an_arrow_at_the_end() -> None:
    picture = Picture(a_duty(), a_duty(id="keep", recipient="r", due_at=AWARE + 1800 * DAY))
    assert picture.bar(0)[1] == picture.bar(1)[1] == RIGHT
    assert [mark.get("d", "").count("l") for row in (0, 1) for mark in picture.marks("due", row)] == [0, 2]


moments = st.integers(-600 * 24, 600 * 24).map(lambda hours: NOW + hours * HOUR)
some_duties = st.lists(
    st.builds(
        lambda start, due, assumed, n: a_duty(id=f"d{n}", recipient=f"r{n}", starts_at=start, due_at=due, assumed=assumed),
        st.none() | moments,
        st.none() | moments,
        st.sampled_from(["", "counted from now"]),
        st.integers(0, 9),
    ),
    max_size=6,
    unique_by=lambda duty: duty.id,
)  # fmt: skip


@settings(deadline=None, max_examples=30)
@given(some_duties, st.dictionaries(st.sampled_from(["d1", "d2", "d3"]), moments))
def test_everything_lies_on_the_axis_and_no_words_on_others(duties: list[Duty], filed: dict[str, datetime]) -> None:
    axis = _axis(duties, filed, NOW)
    times = sorted([NOW, *filed.values(), *(t for d in duties for t in (d.starts_at, d.due_at) if t)])
    places = [axis.x(at) for at in times]
    assert places == sorted(places)
    assert all(LEFT <= place <= RIGHT for place in places)
    ticks = _ticks(axis, ZONE)
    assert ticks
    assert all(one.x + one.reach <= other.x - other.reach for one, other in pairwise(ticks))
    assert ticks[-1].x + ticks[-1].reach <= AFTER
    Picture(*duties, filed=filed)


# As a whole


def test_it_says_how_many_more_there_are() -> None:
    picture = Picture(*many(MOST_ROWS + 3))
    assert len(picture.rows) == MOST_ROWS
    assert "Not shown, because done or less pressing: rows 3, duties 3." in picture.text


def test_what_is_done_gives_way_to_what_is_not() -> None:
    picture = Picture(*many(MOST_ROWS + 1), filed={"d1": NOW})
    assert not any(picture.marks("done", row) for row in range(MOST_ROWS))


def test_without_duties_it_says_so() -> None:
    assert "No duties." in Picture().text


def test_those_who_cannot_see_it_hear_every_line() -> None:
    picture = Picture(a_duty(), a_duty(id="other", recipient="r", recipient_name="CSIRT"), now=AWARE + 75 * HOUR)
    title, told = picture.root.find(f"{SVG}title"), picture.root.find(f"{SVG}desc")
    assert picture.root.get("role") == "img"
    assert picture.root.get("aria-labelledby", "").split() == [
        part.get("id") for part in (title, told) if part is not None
    ]
    assert told is not None
    assert told.text is not None
    assert "2 late." in told.text
    assert "CSIRT: GDPR (EU) 2016/679, Art. 33; due Thu 26 Nov 11:00; 3 h late" in told.text


def test_it_loads_nothing_and_runs_nothing() -> None:
    text = Picture(a_duty()).text
    assert not re.search(r"<script|href|url\(|@import|\bon\w+=", text)


def test_no_word_is_smaller_than_12_pixels() -> None:
    assert min(map(int, re.findall(r"font-size: ?(\d+)", Picture(a_duty()).text))) >= 12


def test_it_turns_dark_on_screens_and_never_on_paper() -> None:
    assert "@media screen and (prefers-color-scheme: dark)" in Picture(a_duty()).text


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=80))
def test_no_text_can_break_the_picture(text: str) -> None:
    picture = Picture(a_duty(recipient_name=text, law=text, assumed=text, lawyer_needed=(text,)))
    assert len(picture.rows) == 1


def test_markup_and_turned_words_stay_text() -> None:
    picture = Picture(a_duty(recipient_name="</text><script>alert(1)</script>\u202e", law="A & B"))
    assert "<script" not in picture.text
    assert "\u202e" not in picture.text
    assert picture.words()[1].startswith("A & B")
