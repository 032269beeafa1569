"""Every template, in both languages, for both kinds of reader, with all or nothing in what may be empty."""

import re
from collections.abc import Callable
from dataclasses import replace
from statistics import mean
from urllib.parse import urlsplit

import pytest
from markdown_it import MarkdownIt

from amends.domain.assess.assess import CONTENT
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.sms import Encoding, segments
from amends.domain.law.addendum import GENERAL
from amends.domain.lint.extract import links
from amends.domain.lint.lint import CHINESE_AT_MOST, GRADE_AT_MOST, SMS_FINE, WORDS_AT_MOST, stated
from amends.domain.lint.readability import grade, sentences, words
from amends.domain.notice.notice import Reader, Slot
from amends.domain.notice.steps import MOST_STEPS
from amends.domain.notice.templates import environment
from amends.domain.notice.wording import say_moment
from tests.playbooks.rendering import (
    LOCALES,
    NEXT,
    ZONE,
    Rendered,
    Setting,
    incident,
    phrases,
    render,
    settings,
    templates,
)

CHANNELS = {
    "first-notice": {"email", "website", "sms", "social"},
    "update": {"email", "website", "sms", "social"},
    "holding": {"email", "website", "sms", "social"},
    "correction": {"email", "website", "sms", "social"},
    "not-affected": {"email", "sms"},
    "survey-invitation": {"email"},
    "promise-kept": {"email", "sms"},
    "promise-late": {"email", "sms"},
    "result-corrected": {"email", "sms"},
    "closing": {"email", "website", "sms"},
}
PARTS = {
    "first-notice": ("what_you_can_do", "what_it_means", "what_happened", "what_we_do", "how_to_reach_us"),
    "update": ("what_is_new", "promises", "what_you_can_do", "how_to_reach_us"),
    "holding": ("what_is_new", "what_we_do", "how_to_reach_us"),
    "correction": ("what_is_new", *CONTENT),
    "not-affected": ("what_is_new", "what_you_can_do", "how_to_reach_us"),
    "survey-invitation": ("how_to_reach_us",),
    "promise-kept": ("promises", "how_to_reach_us"),
    "promise-late": ("promises", "how_to_reach_us"),
    "result-corrected": ("promises", "how_to_reach_us"),
    "closing": ("what_happened", "what_we_do", "promises", "what_you_can_do", "how_to_reach_us"),
}
SORRY = {"en": r"\bsorry\b", "zh-CN": "歉|对不起"}
NEVER_ASKED = {"en": ("never ask", "password", "code"), "zh-CN": ("绝不", "密码", "验证码")}
ONLY_IF = {"en": "We will write again only if", "zh-CN": "只有出现与您有关的新情况"}
NO_MORE = {"en": "You will get no more messages from us about this", "zh-CN": "我们不会再就此事写信给您"}
CLOSE = {"en": "Yours sincerely", "zh-CN": "此致"}
WORDS_ON_AVERAGE = 20
A_PHRASE = 4
"""Words; shorter points of a list say nothing about how hard the prose is."""


def chosen(
    *, notices: tuple[str, ...] = tuple(CHANNELS), detailed: bool | None = None, **wanted: object
) -> list[Setting]:
    """The settings in which all of this holds."""
    return [
        each
        for each in settings()
        if each.notice in notices
        and detailed in (None, each.channel.detailed)
        and all(getattr(each, name) == value for name, value in wanted.items())
    ]


def failing(found: list[Setting], holds: Callable[[Rendered], object]) -> list[str]:
    """The renderings of these settings for which it does not hold."""
    assert found
    return [str(setting) for setting in found if not holds(render(setting))]


@pytest.mark.parametrize("locale", LOCALES)
def test_each_notice_can_be_sent_on_all_its_channels_in_this_language(locale: str) -> None:
    own = {(each.notice, str(each.channel)) for each in chosen(locale=locale)}
    assert own == {(notice, channel) for notice, channels in CHANNELS.items() for channel in channels}


def test_what_templates_share_is_used() -> None:
    everything = "".join(templates().values())
    shared = [path for path in templates() if path.startswith("_base/")]
    assert [path for path in shared if f'"{path}"' not in everything] == []


def test_nothing_of_the_template_is_left_in_the_text() -> None:
    left = re.compile(r"[{}\ue000-\ue003]|None|Undefined")
    assert failing(chosen(), lambda notice: not left.search(notice.text)) == []


def test_a_detailed_notice_has_a_subject_in_one_line() -> None:
    assert failing(chosen(detailed=True), lambda notice: re.fullmatch(r"\S+( \S+)*", notice.subject)) == []


def test_a_detailed_notice_has_its_parts_in_order() -> None:
    def said(notice: Rendered) -> tuple[str, ...]:
        return tuple(part for part in notice.parts if part not in ("revisions", "many_asked"))

    def wanted(notice: Rendered) -> tuple[str, ...]:
        first_page = notice.setting.notice == "first-notice" and notice.setting.channel is ChannelKind.WEBSITE
        return CONTENT if first_page else PARTS[notice.setting.notice]

    assert failing(chosen(detailed=True), lambda notice: said(notice) == wanted(notice)) == []


def test_a_page_that_was_changed_lists_what_changed() -> None:
    """The words of each kind of change stand on the page: of one without a difference, too."""
    told = {
        "en": ("We wrote: ", "Then we wrote: ", "Now: ", "we brought"),
        "zh-CN": ("我们曾写：", "后来改为：", "现在：", "更新了本页"),
    }
    changed = chosen(channel=ChannelKind.WEBSITE, sparse=False)

    def lists(notice: Rendered) -> bool:
        return all(words in notice.parts["revisions"] for words in told[notice.setting.locale])

    assert failing(changed, lists) == []


def test_each_part_has_a_heading_and_says_something() -> None:
    part = re.compile(r"## [^\n]+\n\n\S.*", re.DOTALL)
    assert failing(chosen(detailed=True), lambda notice: all(map(part.fullmatch, notice.parts.values()))) == []


def test_markdown_becomes_html_without_left_over_marks() -> None:
    left = re.compile(r"\*\*|&lt;|\]\(|^#", re.MULTILINE)
    markdown = MarkdownIt("commonmark", {"html": False})
    assert failing(chosen(detailed=True), lambda notice: not left.search(markdown.render(notice.text))) == []


def test_paragraphs_are_parted_by_one_blank_line() -> None:
    assert failing(chosen(), lambda notice: "\n\n\n" not in notice.text) == []


@pytest.mark.parametrize("locale", LOCALES)
def test_nothing_is_said_that_must_never_be_said(locale: str) -> None:
    never = re.compile("|".join(map(re.escape, phrases(locale).never_say)), re.IGNORECASE)
    assert failing(chosen(locale=locale), lambda notice: not never.search(f"{notice.subject}\n{notice.text}")) == []


@pytest.mark.parametrize("locale", LOCALES)
def test_every_message_says_what_we_never_ask_for(locale: str) -> None:
    asked = NEVER_ASKED[locale]
    assert failing(chosen(locale=locale), lambda notice: all(word in notice.text for word in asked)) == []


@pytest.mark.parametrize("locale", LOCALES)
def test_every_message_with_bad_news_says_sorry(locale: str) -> None:
    bad = chosen(
        locale=locale,
        notices=("first-notice", "correction", "not-affected", "promise-late", "result-corrected", "closing"),
    )
    bad += chosen(locale=locale, notices=("update", "holding", "survey-invitation"), detailed=True)
    assert failing(bad, lambda notice: re.search(SORRY[locale], notice.text)) == []


def test_links_lead_only_to_the_organisation() -> None:
    own = incident().organisation.own_domains
    ours = re.compile("|".join(rf"(?:.+\.)?{re.escape(domain)}" for domain in own))
    assert (
        failing(chosen(), lambda notice: all(ours.fullmatch(urlsplit(link).netloc) for link in links(notice.text)))
        == []
    )


def test_both_languages_state_the_same_numbers_dates_and_links() -> None:
    def says(setting: Setting) -> frozenset[str]:
        return stated(render(setting).text, phrases(setting.locale))

    chinese = chosen(locale="zh-CN")
    assert failing(chinese, lambda notice: says(notice.setting) == says(replace(notice.setting, locale="en"))) == []


@pytest.mark.parametrize("locale", LOCALES)
def test_a_report_says_when_the_next_one_comes(locale: str) -> None:
    moment = say_moment(phrases(locale), NEXT, ZONE)
    reports = chosen(notices=("first-notice", "update", "holding"), detailed=True, locale=locale, sparse=False)
    assert failing(reports, lambda notice: moment in notice.text) == []


@pytest.mark.parametrize(("locale", "said"), [("en", "nothing new yet"), ("zh-CN", "暂无新进展")])
def test_a_short_report_without_news_says_so_before_its_link(locale: str, said: str) -> None:
    """A short report without news says so before its link, so that nobody follows the link in vain."""
    short = chosen(notices=("holding",), detailed=False, locale=locale, sparse=True)
    assert failing(short, lambda notice: said in notice.text.partition("http")[0]) == []


@pytest.mark.parametrize("locale", LOCALES)
def test_without_a_next_date_it_says_when_we_would_write_again(locale: str) -> None:
    last = chosen(notices=tuple(CHANNELS.keys() - {"not-affected"}), detailed=True, locale=locale, sparse=True)
    assert failing(last, lambda notice: ONLY_IF[locale] in notice.text) == []


@pytest.mark.parametrize("locale", LOCALES)
def test_who_is_not_affected_reads_that_no_more_comes(locale: str) -> None:
    last = chosen(notices=("not-affected",), detailed=True, locale=locale)
    assert failing(last, lambda notice: NO_MORE[locale] in notice.text and ONLY_IF[locale] not in notice.text) == []


@pytest.mark.parametrize("locale", LOCALES)
def test_the_close_of_an_email_is_a_paragraph_of_its_own(locale: str) -> None:
    emails = [one for one in chosen(locale=locale) if one.channel is ChannelKind.EMAIL]
    assert failing(emails, lambda notice: f"\n\n{CLOSE[locale]}" in notice.text) == []


def test_actions_are_numbered_from_one_and_at_most_five() -> None:
    def numbers(notice: Rendered) -> list[int]:
        return [int(number) for number in re.findall(r"^(\d+)\. ", notice.text, re.MULTILINE)]

    in_order = list(range(1, MOST_STEPS + 1))
    assert failing(chosen(detailed=True), lambda notice: numbers(notice) == in_order[: len(numbers(notice))]) == []


def test_a_first_notice_always_has_something_to_do() -> None:
    emails = chosen(notices=("first-notice",), channel=ChannelKind.EMAIL)
    assert failing(emails, lambda notice: re.search(r"^1\. ", notice.text, re.MULTILINE)) == []
    pages = chosen(notices=("first-notice",), channel=ChannelKind.WEBSITE, sparse=False)
    assert failing(pages, lambda notice: "- **" in notice.parts["what_you_can_do"]) == []


@pytest.mark.parametrize("locale", LOCALES)
def test_a_detailed_notice_names_every_way_to_reach_us(locale: str) -> None:
    contacts = incident().organisation.contacts
    ways = (contacts.phone, contacts.email, contacts.hours[locale], contacts.postal_address[locale])
    full = chosen(detailed=True, locale=locale, sparse=False)
    assert failing(full, lambda notice: all(way in notice.parts["how_to_reach_us"] for way in ways)) == []


def test_a_guardian_is_told_whose_data_it_is() -> None:
    guardians = chosen(channel=ChannelKind.EMAIL, reader=Reader.GUARDIAN)
    assert failing(guardians, lambda notice: Slot.CHILD.mark in notice.drafted) == []


def test_an_email_with_facts_names_this_persons_own_data() -> None:
    emails = chosen(
        notices=("first-notice", "update", "correction", "closing"), channel=ChannelKind.EMAIL, sparse=False
    )
    assert failing(emails, lambda notice: Slot.YOUR_DATA.mark in notice.drafted) == []


def test_a_first_letter_lists_the_data_under_its_heading() -> None:
    """As California asks under "What information was involved" (Cal. Civ. Code 1798.82(d)(1))."""
    letters = chosen(notices=("first-notice",), channel=ChannelKind.EMAIL, sparse=False)
    assert failing(letters, lambda notice: Slot.YOUR_DATA.mark in notice.parts["what_it_means"]) == []


def test_an_sms_says_that_its_reader_is_concerned_and_how_to_ask() -> None:
    """The nature of the incident alone does not tell a reader that their data was in it."""
    texts = chosen(notices=("first-notice",), channel=ChannelKind.SMS, reader=Reader.SELF, sparse=False, letter=GENERAL)
    yours = {"en": ("Your data was in it.", "or our website"), "zh-CN": ("您的信息在本次泄露之列", "或官网")}
    assert failing(texts, lambda notice: all(words in notice.text for words in yours[notice.setting.locale])) == []


def test_news_has_its_own_heading_in_a_correction() -> None:
    """News is not printed as if it had been wrong."""
    full = chosen(notices=("correction",), detailed=True, sparse=False, letter=GENERAL)
    new = {"en": "### What is new", "zh-CN": "### 最新进展"}
    told = {"en": "We wrote: ", "zh-CN": "我们曾写："}

    def parted(notice: Rendered) -> bool:
        wrong, _, news = notice.parts["what_is_new"].partition(new[notice.setting.locale])
        return told[notice.setting.locale] in wrong and bool(news) and told[notice.setting.locale] not in news

    assert failing(full, parted) == []


@pytest.mark.parametrize("channel", [ChannelKind.SMS, ChannelKind.SOCIAL, ChannelKind.WEBSITE])
def test_nothing_personal_stands_where_others_may_read_it(channel: ChannelKind) -> None:
    """An SMS has nothing of the person but the link to their own page; a post and a page have nothing at all."""
    own = {Slot.PERSONAL_LINK} if channel is ChannelKind.SMS else set()
    slots = [slot for slot in Slot if slot not in own]
    assert failing(chosen(channel=channel), lambda notice: not any(slot.mark in notice.drafted for slot in slots)) == []


def test_an_sms_fits_in_two_segments_or_apologises_in_a_third() -> None:
    """An SMS fits in two segments. Only a Chinese one that apologises for coming late takes a third."""
    texts = chosen(channel=ChannelKind.SMS)
    assert failing(texts, lambda notice: segments(notice.text).count <= SMS_FINE + ("通报迟了" in notice.text)) == []


@pytest.mark.parametrize(("locale", "said"), [("en", "We answer every one."), ("zh-CN", "我们都会答复。")])
def test_nobody_reads_how_many_questions_there_were(locale: str, said: str) -> None:
    """How many asked is for the team; a customer reads that every question is answered."""
    pieces = environment(templates()).get_template(f"_base/{locale}.pieces.md")
    told = str(pieces.make_module({"questions": {"asked": 12, "open": 0}}).questions_so_far())  # type: ignore[attr-defined]
    assert told.endswith(said)


def test_no_customer_reads_that_somebody_was_touched() -> None:
    words = re.compile(r"\btouch(?:ed|es)?\b", re.IGNORECASE)
    assert failing(chosen(locale="en"), lambda notice: not words.search(notice.text)) == []


def test_an_english_sms_needs_no_costly_characters() -> None:
    texts = chosen(channel=ChannelKind.SMS, locale="en")
    assert failing(texts, lambda notice: segments(notice.text).encoding is Encoding.GSM7) == []


def test_a_chinese_sms_begins_with_the_signature() -> None:
    assert (
        failing(chosen(channel=ChannelKind.SMS, locale="zh-CN"), lambda notice: notice.text.startswith("【B特派】"))
        == []
    )


def test_an_sms_names_the_page_and_the_telephone() -> None:
    phone = incident().organisation.contacts.phone
    texts = chosen(channel=ChannelKind.SMS)
    assert failing(texts, lambda notice: links(notice.text) and phone in notice.text) == []


def test_a_social_post_is_short_even_where_chinese_counts_double() -> None:
    def width(text: str) -> int:
        return sum(1 if character.isascii() else 2 for character in text)

    assert (
        failing(
            chosen(channel=ChannelKind.SOCIAL), lambda notice: width(notice.text) <= (ChannelKind.SOCIAL.longest or 0)
        )
        == []
    )


def test_english_prose_asks_for_eight_years_of_school_at_most() -> None:
    def prose(text: str) -> str:
        return " ".join(f"{sentence}." for sentence in sentences(text) if len(words(sentence)) > A_PHRASE)

    english = chosen(detailed=True, locale="en")
    assert failing(english, lambda notice: grade(prose(notice.text)) <= GRADE_AT_MOST) == []


def test_english_sentences_are_short() -> None:
    def lengths(notice: Rendered) -> list[int]:
        return [len(words(sentence)) for sentence in sentences(notice.text)]

    english = chosen(locale="en")
    assert failing(english, lambda notice: max(lengths(notice)) <= WORDS_AT_MOST) == []
    assert failing(english, lambda notice: mean(lengths(notice)) <= WORDS_ON_AVERAGE) == []


def test_chinese_sentences_are_short() -> None:
    def longest(notice: Rendered) -> int:
        return max(len("".join(sentence.split())) for sentence in sentences(notice.text))

    assert failing(chosen(locale="zh-CN"), lambda notice: longest(notice) <= CHINESE_AT_MOST) == []
