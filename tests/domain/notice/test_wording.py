"""How each locale says dates and times."""

from datetime import UTC, datetime

import pytest

from amends.domain.incident.facts import Cause, Certainty, Count, Exfiltration, RecipientKind, Vector
from amends.domain.incident.incident import StatementKey
from amends.domain.notice.statement import Statement
from amends.domain.notice.wording import quote_statement, say_count, say_moment, say_statement
from tests.playbooks.rendering import phrases

PHRASES = phrases("en")
NOON = datetime(2026, 12, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "said"),
    [("Asia/Shanghai", "Thursday, 3 December 2026"), ("America/Chicago", "Wednesday, 2 December 2026")],
)
def test_the_day_of_the_next_news_is_that_of_the_organisation(zone: str, said: str) -> None:
    assert say_moment(PHRASES, NOON.replace(hour=18), zone) == said


def test_a_locale_may_name_the_hour_with_its_offset_from_utc() -> None:
    """An abbreviation such as CST would mean Shanghai and Chicago."""
    phrases_with_hour = PHRASES.model_copy(update={"moment": "{weekday}, {date}, {hour}:{minute} ({zone})"})
    said = "Wednesday, 2 December 2026, 08:30 (UTC-3:30)"
    assert say_moment(phrases_with_hour, NOON, "America/St_Johns") == said


@pytest.mark.parametrize(
    ("count", "english", "chinese"),
    [
        (Count(min=5203, max=5203), "5,203", "5203"),
        (Count(min=1200), "at least 1,200", "至少1200人"),
        (Count(max=1200), "up to 1,200", "最多1200人"),
        (Count(min=1200, max=1500), "between 1,200 and 1,500", "1200至1500人"),
        (Count(), "", ""),
    ],
)
def test_a_number_of_people_is_said_as_far_as_it_is_known(count: Count, english: str, chinese: str) -> None:
    assert (say_count(PHRASES, count), say_count(phrases("zh-CN"), count)) == (english, chinese)


@pytest.mark.parametrize(
    ("key", "value", "english", "chinese"),
    [
        (
            "occurred",
            "2026-03-02/2026-03-05",
            "between 2 March 2026 and 5 March 2026",
            "2026年3月2日至2026年3月5日之间",
        ),
        ("commitment:audit", "open 2026-12-10", "Open, 10 December 2026", "进行中、2026年12月10日"),
        ("commitment:audit", "late 2026-12-20", "Late, 20 December 2026", "已延期、2026年12月20日"),
        ("commitment:audit", "kept 2026-12-10", "Kept", "已兑现"),
        ("commitment:audit", "dropped 2026-12-10", "Not kept", "未能兑现"),
        ("occurred", "2026-03-02/2026-03-02", "on 2 March 2026", "2026年3月2日"),
        ("occurred", "2026-03-02/", "on 2 March 2026 or later", "2026年3月2日或之后"),
        ("occurred", "/2026-03-02", "on 2 March 2026 or before", "2026年3月2日或之前"),
        ("discovered", "2026-03-02", "2 March 2026", "2026年3月2日"),
        ("people", "240/240", "240", "240"),
        ("people", "1200/", "at least 1,200", "至少1200人"),
        ("elements", "basic_identity|contact", None, "电话等联系方式和姓名等身份信息"),
        ("encrypted", "yes|key taken", None, "已加密，但密钥可能也被拿走"),
        ("measures", "police_report", "", ""),
    ],
)
def test_a_statement_is_said_in_words(key: str, value: str, english: str | None, chinese: str) -> None:
    statement = Statement(key=key, value=value)
    assert say_statement(phrases("zh-CN"), statement) == chinese
    assert english is None or say_statement(PHRASES, statement) == english


def test_what_is_ruled_out_is_said_to_be_not_so() -> None:
    ruled_out = Statement(key="misuse", value="", certainty=Certainty.RULED_OUT)
    assert say_statement(PHRASES, ruled_out) == PHRASES.not_so
    assert quote_statement(PHRASES, ruled_out) == ""


def test_what_was_ruled_out_is_quoted_with_what_it_was() -> None:
    ruled_out = Statement(key="cause", value="theft", certainty=Certainty.RULED_OUT)
    assert quote_statement(PHRASES, ruled_out) == "this was not so: a theft"
    assert quote_statement(PHRASES, Statement(key="cause", value="theft")) == "a theft"


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_every_value_of_a_fact_has_words(locale: str) -> None:
    answers, encrypted = ("yes", "no"), ("yes", "no", "yes|key safe", "yes|key taken")
    values = {
        StatementKey.CAUSE: Cause,
        StatementKey.VECTOR: Vector,
        StatementKey.EXFILTRATION: Exfiltration,
        StatementKey.RECIPIENT: RecipientKind,
        StatementKey.MALICIOUS: answers,
        StatementKey.MISUSE: answers,
        StatementKey.ENCRYPTED: encrypted,
    }
    assert {key: set(words) for key, words in phrases(locale).values.items()} == {
        key: {str(value) for value in known} for key, known in values.items()
    }
