"""A first notice that is read late says how the promises stand that day, as the sixth surprise of the walk asks."""

from dataclasses import dataclass

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.domain.notice.templates import environment, split_items, split_parts, split_statements
from tests.playbooks.rendering import LOCALES, Setting, context_of, phrases, templates

NEW_DAY, OLD_DAY = "NEW-DAY", "OLD-DAY"


@dataclass(frozen=True)
class Fate:
    """What has become of every promise."""

    state: str
    new_due: str = ""
    per_person: str = ""


def first_notice(locale: str, fate: Fate, channel: ChannelKind = ChannelKind.EMAIL) -> str:
    """The text of the first notice when this has become of the promises."""
    return told_late(locale, fate, channel)


def told_late(locale: str, fate: Fate, channel: ChannelKind = ChannelKind.EMAIL, notice: str = "first-notice") -> str:
    """The text of this notice when this has become of the promises."""
    setting = Setting(notice, locale, channel)
    words = phrases(locale).commitment_states[fate.state]
    now = {"state": fate.state, "state_in_words": words, "due": OLD_DAY, "new_due": fate.new_due}
    now |= {"per_person": fate.per_person}
    values = context_of(setting)
    values["promises"] = [promise | now for promise in values["promises"]]
    whole, _ = split_statements(environment(templates()).get_template(setting.path).render(values))
    return split_parts(split_items(whole)[0])[0]


@pytest.mark.parametrize("channel", [ChannelKind.EMAIL, ChannelKind.WEBSITE])
@pytest.mark.parametrize("locale", LOCALES)
def test_a_promise_that_was_put_off_is_given_with_its_new_day(locale: str, channel: ChannelKind) -> None:
    text = first_notice(locale, Fate("late", NEW_DAY), channel)
    assert NEW_DAY in text
    assert OLD_DAY not in text


@pytest.mark.parametrize(
    ("locale", "said"), [("en", "cannot name a new date yet"), ("zh-CN", "新的完成时限目前还无法确定")]
)
def test_a_late_promise_without_a_new_day_names_none(locale: str, said: str) -> None:
    text = first_notice(locale, Fate("late"))
    assert said in text
    assert OLD_DAY not in text


@pytest.mark.parametrize(("locale", "said"), [("en", "**Kept:**"), ("zh-CN", "**已兑现**")])
def test_a_kept_promise_is_not_promised_again(locale: str, said: str) -> None:
    text = first_notice(locale, Fate("kept"))
    assert said in text
    assert OLD_DAY not in text


@pytest.mark.parametrize(
    ("locale", "kept"),
    [
        ("en", "**Kept person by person; your page says how yours stands:**"),
        ("zh-CN", "**已逐一办理，结果见您的专属页面**："),
    ],
)
@pytest.mark.parametrize("notice", ["first-notice", "update"])
def test_who_comes_late_reads_that_theirs_may_be_open(notice: str, locale: str, kept: str) -> None:
    text = told_late(locale, Fate("kept", per_person="yes"), notice=notice)
    assert kept in text
    assert f"**{phrases(locale).commitment_states['kept']}" not in text.replace(kept, "")


@pytest.mark.parametrize("locale", LOCALES)
def test_a_dropped_promise_is_not_given_to_who_comes_late(locale: str) -> None:
    dropped = first_notice(locale, Fate("dropped"))
    promise = context_of(Setting("first-notice", locale, ChannelKind.EMAIL))["promises"][0]["text"]
    assert promise not in dropped


@pytest.mark.parametrize("locale", LOCALES)
def test_an_open_promise_is_given_with_its_day(locale: str) -> None:
    assert OLD_DAY in first_notice(locale, Fate("open"))
