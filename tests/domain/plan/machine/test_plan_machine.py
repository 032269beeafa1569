"""The planner through weeks that Hypothesis makes up, held against what a person with a calendar would say."""

import os

from hypothesis import settings

from tests.domain.plan.machine.news import News
from tests.domain.plan.machine.people import People
from tests.domain.plan.machine.weeks import Weeks

RUNS, STEPS = (2000, 50) if os.environ.get("AMENDS_SOAK") else (500, 40)

TestWeeks, TestPeople, TestNews = Weeks.TestCase, People.TestCase, News.TestCase
TestWeeks.settings = TestPeople.settings = TestNews.settings = settings(
    max_examples=RUNS, stateful_step_count=STEPS, deadline=None
)
