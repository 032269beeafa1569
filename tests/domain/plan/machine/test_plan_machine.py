"""The planner through weeks that Hypothesis makes up, held against what a person with a calendar would say."""

import os

import pytest
from hypothesis import settings

from tests.domain.plan.machine.news import News
from tests.domain.plan.machine.people import People
from tests.domain.plan.machine.weeks import Weeks

# Hypothesis takes a timeout of pytest for a failed example, and its second try, which passes, for inconsistent data.
pytestmark = pytest.mark.timeout(0)
FEW = 30
"""The number of examples in `make test`; `make test-all` tries many more."""
RUNS, STEPS = (2000, 50) if os.environ.get("AMENDS_SOAK") else (500, 40)

TestWeeks, TestPeople, TestNews = Weeks.TestCase, People.TestCase, News.TestCase
TestWeeks.settings = TestPeople.settings = TestNews.settings = settings(
    max_examples=FEW, stateful_step_count=STEPS, deadline=None
)


@pytest.mark.full
class TestManyWeeks(Weeks.TestCase):
    settings = settings(TestWeeks.settings, max_examples=RUNS)


@pytest.mark.full
class TestManyPeople(People.TestCase):
    settings = settings(TestPeople.settings, max_examples=RUNS)


@pytest.mark.full
class TestMuchNews(News.TestCase):
    settings = settings(TestNews.settings, max_examples=RUNS)
