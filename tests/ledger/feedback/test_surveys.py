"""A survey is answered once by those who were invited, and shown when at least ten answers are there."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from amends.domain.base.errors import NotAllowed
from amends.domain.feedback.survey.survey import SurveyResults
from amends.domain.playbook.survey import Sample
from amends.ledger import Ledger
from tests.builders import NOW, a_survey
from tests.delivery.sending import INCIDENT, approved
from tests.ledger.feedback.surveyed import AGAIN, INVITATION, answer, customers, invite, invited

DAY = timedelta(days=1)


def results(ledger: Ledger, index: int = -1) -> SurveyResults:
    return ledger.views.closing(INCIDENT).surveys[index]


def counted(ledger: Ledger) -> tuple[int, int]:
    found = results(ledger)
    return found.answered, found.counted


@pytest.fixture
def asked(ledger_on_sqlite: Ledger) -> Ledger:
    """Fifteen in Germany and ten in China were invited."""
    abroad = [customer._replace(country="CN", locale="zh-CN") for customer in customers(25)[15:]]
    invited(ledger_on_sqlite, [*customers(15, country="DE"), *abroad])
    return ledger_on_sqlite


def test_nothing_is_shown_before_ten_have_answered(ledger: Ledger) -> None:
    invited(ledger, customers(12))
    for person in range(1, 10):
        answer(ledger, person, understood="4", comment="Thanks")
    assert (counted(ledger), results(ledger).means, ledger.surveys.comments(INCIDENT)) == ((9, 0), {}, ())
    answer(ledger, 10, understood="2", comment="Late")
    (comments,) = ledger.surveys.comments(INCIDENT)
    assert (counted(ledger), results(ledger).means) == ((10, 10), {"understood": 3.8})
    assert sorted(comments.texts) == ["Late", *["Thanks"] * 9]


def test_each_opening_that_shows_leaks_is_an_alert(ledger: Ledger) -> None:
    """Texts with other people's data are an alert each time that ballots are opened, also when they are as many."""
    invited(ledger, customers(20))
    for person in range(1, 21):
        leak = "write to kim20@mail.example" if person in (3, 13) else ""
        answer(ledger, person, NOW + person * timedelta(minutes=1), understood="4", comment=leak or "Thanks")
    alerts = [entry.subject for entry in ledger.audit.entries(INCIDENT) if entry.act == "alert"]
    assert len(alerts) == 2
    assert alerts[0] == alerts[1]
    assert "contact data of 1 other person of the list" in alerts[0]


def test_a_second_answer_of_the_same_person_counts_for_nothing(asked: Ledger) -> None:
    assert [answer(asked, 1, understood=score) for score in ("5", "1")] == [True, False]
    assert asked.surveys.has_answered(INCIDENT, INVITATION, 1)
    assert not asked.surveys.has_answered(INCIDENT, INVITATION, 2)
    assert counted(asked) == (1, 0)


def test_only_who_was_invited_can_answer(asked: Ledger) -> None:
    with pytest.raises(NotAllowed, match="was not invited"):
        answer(asked, 26, understood="5")


@pytest.mark.parametrize(
    "given", [{}, {"understood": "6"}, {"shoe-size": "3"}, {"best-way": "fax"}, {"comment": "x" * 1_001}]
)
def test_what_the_survey_did_not_ask_is_refused(asked: Ledger, given: dict[str, str]) -> None:
    with pytest.raises(NotAllowed, match="asks for other answers"):
        asked.surveys.answer(INCIDENT, INVITATION, 1, a_survey(), given, NOW)


def test_ten_of_one_country_are_opened_with_their_country(asked: Ledger) -> None:
    for person in range(1, 26):
        answer(asked, person, understood="2" if person > 15 else "4")
    groups = {(group.dimension, group.value): group.mean.value for group in results(asked).groups}
    assert groups == {("country", "CN"): 2, ("country", "DE"): 4, ("variant", "en"): 4, ("variant", "zh-CN"): 2}
    assert counted(asked) == (25, 20)


def test_a_mixed_rest_of_ten_is_opened_a_day_later_without(asked: Ledger) -> None:
    """Five of one country and five of another are opened on the next day, and nothing says where they live."""
    for person in range(11, 21):
        answer(asked, person, understood="3")
    asked.surveys.open_waiting(INCIDENT, NOW)
    assert counted(asked) == (10, 0)
    asked.surveys.open_waiting(INCIDENT, NOW + DAY)
    assert (counted(asked), results(asked).groups) == ((10, 10), ())


def test_fewer_than_ten_are_never_opened(asked: Ledger) -> None:
    for person in range(1, 10):
        answer(asked, person, understood="3")
    asked.surveys.open_waiting(INCIDENT, NOW + 90 * DAY)
    assert counted(asked) == (9, 0)


def test_held_ballots_outlive_the_process(asked: Ledger) -> None:
    for person in range(1, 10):
        answer(asked, person, understood="3")
    again = Ledger(str(asked.store.engine.url), asked.store.keys, asked.store.anchor)
    answer(again, 10, understood="3")
    assert counted(again) == (10, 10)
    again.dispose()


def test_the_same_survey_at_two_times_is_compared(asked: Ledger) -> None:
    for person in range(1, 13):
        answer(asked, person, understood="2" if person % 2 else "3", **{"best-way": "sms"})
    invite(asked, AGAIN, NOW + 20 * DAY)
    for person in range(1, 13):
        answer(asked, person, NOW + 21 * DAY, AGAIN, understood="4" if person % 2 else "5", **{"best-way": "email"})
    by = {(difference.question, difference.choice): difference.by for difference in results(asked).differences}
    assert by["understood", ""].value == pytest.approx(2.0)
    assert by["understood", ""].low > 1
    assert (by["best-way", "sms"].value, results(asked, 0).differences) == (-1, ())
    assert by["best-way", "sms"].high < 0


def test_the_rate_counts_those_who_got_the_invitation(asked: Ledger) -> None:
    for person in range(1, 11):
        answer(asked, person, understood="3")
    found = results(asked)
    assert (found.invited, found.rate and found.rate.in_percent) == (25, "40 % (23 to 59 %)")


def test_an_altered_text_is_empty_and_the_others_are_read(asked: Ledger) -> None:
    for person in range(1, 11):
        answer(asked, person, comment=f"said by {person}")
    with asked.store.write() as write:
        one = "(SELECT sealed_text FROM survey_text LIMIT 1)"
        write.session.execute(text(f"UPDATE survey_text SET sealed_text = {one}"))
    (comments,) = asked.surveys.comments(INCIDENT)
    assert (comments.texts.count(""), len(comments.texts)) == (9, 10)


# Samples


def drawn(ledger: Ledger, sample: Sample, notice: str = INVITATION) -> set[int]:
    ledger.samples.draw(INCIDENT, notice, "how-we-did", sample, "everyone", NOW)
    with ledger.store.read() as session:
        chosen = session.execute(text("SELECT person FROM survey_sample WHERE notice = :of"), {"of": notice})
        return {person for (person,) in chosen}


@pytest.mark.parametrize(("sample", "least", "most"), [(Sample(percent=20), 25, 60), (Sample(people=30), 30, 30)])
def test_a_sample_is_drawn_the_same_for_each_invitation(ledger: Ledger, sample: Sample, least: int, most: int) -> None:
    approved(ledger, customers(200))
    first = drawn(ledger, sample)
    assert least <= len(first) <= most
    assert drawn(ledger, sample) == drawn(ledger, sample, AGAIN) == first
    audience = ledger.notices.audience(INCIDENT, f"sample:{INVITATION}")
    assert (audience.people, ledger.audit.verify(), ledger.audit.disagreements()) == (len(first), (), ())


def test_the_invitation_goes_to_the_sample_alone(ledger_on_sqlite: Ledger) -> None:
    approved(ledger_on_sqlite, customers(40))
    chosen = drawn(ledger_on_sqlite, Sample(people=12))
    audience = ledger_on_sqlite.notices.audience(INCIDENT, f"sample:{INVITATION}")
    invite(ledger_on_sqlite, audience=f"sample:{INVITATION}", audience_digest=audience.digest, people=audience.people)
    assert [person for person in range(1, 41) if ledger_on_sqlite.visits.versions_got(INCIDENT, person)] == sorted(
        chosen
    )
