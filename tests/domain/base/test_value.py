"""The small types: spans, locales, moments, slugs."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from amends.domain.base.value import (
    Moment,
    Slug,
    Span,
    Texts,
    Value,
    fallbacks,
    nearest_locale,
    some_text,
    text_for,
    to_utc,
)

LOCALES = ("en", "zh-CN", "de")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("30min", timedelta(minutes=30)),
        ("72h", timedelta(hours=72)),
        ("3 d", timedelta(days=3)),
        ("2w", timedelta(weeks=2)),
        ("PT72H", timedelta(hours=72)),
        ("P1DT12H30M", timedelta(days=1, hours=12, minutes=30)),
        ("P2W", timedelta(weeks=2)),
        (0, timedelta(0)),
        (timedelta(hours=5), timedelta(hours=5)),
    ],
)
def test_a_span_is_read_as_people_write_it(written: object, meant: timedelta) -> None:
    assert Span.parse(written) == meant


@pytest.mark.parametrize(
    "written", ["", "3", 3, "3m", "1y", "P1M", "P", "PT", "-3d", "1.5h", True, False, None, "3d 2h"]
)
def test_a_span_of_no_fixed_length_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="a span is written"):
        Span.parse(written)


@pytest.mark.parametrize("written", ["36526d", "9999999999999d", "P5219W", "PT99999999999999H", timedelta(weeks=5219)])
def test_a_span_with_which_nothing_could_be_reckoned_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="at most 36525d"):
        Span.parse(written)


@given(st.integers(0, 10**6))
def test_a_span_written_out_is_read_back_the_same(minutes: int) -> None:
    span = Span.parse(f"{minutes}min")
    assert Span.parse(str(span)) == span


@pytest.mark.parametrize(("span", "text"), [("14d", "2w"), ("48h", "2d"), ("90min", "90min"), ("0h", "0min")])
def test_a_span_is_written_in_its_largest_whole_unit(span: str, text: str) -> None:
    assert str(Span.parse(span)) == text


class Wait(Value):
    span: Span


def test_a_span_survives_a_journey_through_json() -> None:
    wait = Wait(span=Span.parse("3d"))
    assert Wait.model_validate_json(wait.model_dump_json()) == wait


def test_a_value_cannot_be_changed() -> None:
    wait = Wait(span=Span.parse("3d"))
    with pytest.raises(ValidationError, match="frozen"):
        wait.span = Span.parse("4d")


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Wait.model_validate({"span": "3d", "spam": 1})


@pytest.mark.parametrize(
    ("wanted", "given_"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("de-AT", "de"),
        ("zh", "zh-CN"),
        ("zh-Hans-SG", "zh-CN"),
        ("fr", "en"),
        ("fr-CA", "en"),
    ],
)
def test_the_nearest_locale_is_taken(wanted: str, given_: str) -> None:
    assert nearest_locale(wanted, LOCALES, "en") == given_


@pytest.mark.parametrize(
    ("wanted", "given_"),
    [("en-GB", "en-GB"), ("en-US", "en-US"), ("en-AU", "en-GB"), ("en-PH", "en-US"), ("en", "en-US"), ("fr", "")],
)
def test_english_of_two_countries_is_kept_apart(wanted: str, given_: str) -> None:
    assert nearest_locale(wanted, ("en-US", "en-GB"), "") == given_


@pytest.mark.parametrize(
    ("wanted", "offered", "given_"),
    [
        ("zh-HK", "zh-Hant", "zh-Hant"),
        ("zh-Hant", "zh-TW", "zh-TW"),
        ("zh-Hans-HK", "zh-CN", "zh-CN"),
        ("sr-Cyrl", "sr-Latn", ""),
        ("sr", "sr-Latn", "sr-Latn"),
        ("en-GB", "en-US", "en-US"),
    ],
)
def test_a_script_decides_where_it_is_known(wanted: str, offered: str, given_: str) -> None:
    assert nearest_locale(wanted, (offered,), "") == given_


@pytest.mark.parametrize("wanted", ["zh-TW", "zh-Hant", "zh-Hant-HK", "zh-MO"])
def test_readers_of_traditional_chinese_do_not_get_simplified(wanted: str) -> None:
    assert nearest_locale(wanted, LOCALES, "en") == "en"


def test_a_locale_falls_back_to_its_script_and_then_its_language() -> None:
    assert fallbacks("zh-Hant-TW") == ("zh-Hant-TW", "zh-Hant", "zh")


def test_a_bare_text_stands_for_every_locale() -> None:
    texts = TypeAdapter(Texts).validate_python("Ada Wong")
    assert text_for(texts, "ko") == "Ada Wong"


def test_a_text_of_the_language_goes_before_the_one_for_all() -> None:
    assert text_for({"*": "Hello", "de": "Hallo"}, "de-AT") == "Hallo"


def test_a_text_that_is_missing_is_empty() -> None:
    assert text_for({"de": "Hallo"}, "en") == ""


@pytest.mark.parametrize(("locale", "said"), [("en", "Hello"), ("ko", "Hallo")])
def test_the_team_reads_a_text_in_whichever_language_there_is(locale: str, said: str) -> None:
    """A member of the team reads a text in their own language if there is one, else in any language, and nothing where
    there is no text.
    """
    assert some_text({"de": "Hallo", "en": "Hello"}, locale) == said
    assert some_text({}, locale) == ""


def test_a_moment_is_held_in_utc() -> None:
    moment = TypeAdapter(Moment).validate_python("2026-11-24T10:00:00+08:00")
    assert (moment, moment.tzinfo) == (datetime(2026, 11, 24, 2, tzinfo=UTC), UTC)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        TypeAdapter(Moment).validate_python("2026-11-24T10:00:00")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "Ä", "A", "-a", "a b", "a" * 65, "a\n"])
def test_a_name_that_is_unsafe_in_a_path_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="small letters"):
        TypeAdapter(Slug).validate_python(name)


@pytest.mark.parametrize("year", ["2926-12-11T10:00Z", "1066-10-14T09:00Z"])
def test_a_moment_of_a_mistyped_year_is_refused(year: str) -> None:
    with pytest.raises(ValidationError, match="between the years 1970 and 2300"):
        TypeAdapter(Moment).validate_python(year)


@pytest.mark.parametrize("edge", ["1970-01-01T00:00+08:00", "2300-12-31T23:59-05:00"])
def test_a_moment_whose_year_is_out_of_range_in_utc_is_refused(edge: str) -> None:
    """A moment whose year is out of the range 1970 to 2300 only after conversion to UTC is refused, because it could
    never be read back.
    """
    with pytest.raises(ValidationError, match="between the years 1970 and 2300"):
        TypeAdapter(Moment).validate_python(edge)


@pytest.mark.parametrize("edge", ["9999-12-31T23:59-05:00", "0001-01-01T00:00+08:00"])
def test_a_moment_that_utc_has_no_date_for_is_refused_alike(edge: str) -> None:
    """A moment that has no date in UTC (before year 1 or after year 9999) is refused in the same words as any year out
    of range.
    """
    with pytest.raises(ValueError, match="between the years 1970 and 2300"):
        to_utc(datetime.fromisoformat(edge))
