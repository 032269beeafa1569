"""What must not leave, and what is only advised: one bad example of real letters for each rule."""

from datetime import UTC, datetime
from typing import Any

import pytest

from amends.domain.channel import ChannelKind
from amends.domain.errors import Finding
from amends.domain.lint import links, lint, stated
from amends.domain.notice import Draft, Reader, Slot, Variant
from tests.builders import ENGLISH_PARTS, PAGE, a_chinese_phrases, a_draft, a_phrases, a_variant, a_wording, an_incident


def findings(draft: Draft) -> tuple[Finding, ...]:
    return lint(draft, an_incident(), a_wording(), PAGE)


def codes(draft: Draft) -> list[str]:
    return [finding.code for finding in findings(draft)]


def with_words(words: str, **changes: Any) -> Draft:
    """The English email with more words, and nothing else in the draft."""
    variant = a_variant(**changes)
    return a_draft(variants=(variant.model_copy(update={"text": f"{variant.text}\n\n{words}"}),))


def quick(channel: ChannelKind, text: str, **changes: Any) -> Draft:
    """The English email beside one quick message."""
    return a_draft(variants=(a_variant(), a_variant(channel=channel, text=text, **changes)))


def without(words: str) -> Draft:
    variant: Variant = a_variant()
    return a_draft(variants=(variant.model_copy(update={"text": variant.text.replace(words, "us")}),))


def test_a_good_draft_has_no_findings() -> None:
    assert findings(a_draft()) == ()


def test_a_finding_names_notice_language_reader_and_channel() -> None:
    bad = a_draft(variants=(a_variant(locale="zh-CN", text=""),))
    assert findings(bad)[0].where == "first-notice zh-CN/self/email"


def test_an_empty_text_is_stopped() -> None:
    assert "L100" in codes(a_draft(variants=(a_variant(text=" \n"),)))


def test_an_email_without_a_subject_is_stopped() -> None:
    assert codes(a_draft(variants=(a_variant(subject=""),))) == ["L100"]


def test_a_subject_of_two_lines_is_stopped() -> None:
    assert codes(a_draft(variants=(a_variant(subject="Your data\nBcc: x"),))) == ["L100"]


@pytest.mark.parametrize("part", ENGLISH_PARTS)
def test_a_first_notice_without_this_part_is_stopped(part: str) -> None:
    bad = a_draft(variants=(a_variant(parts=ENGLISH_PARTS | {part: " "}),))
    assert codes(bad) == ["L101"]


def test_an_update_may_have_other_parts() -> None:
    assert codes(a_draft(template="update", variants=(a_variant(parts={}),))) == []


def test_an_sms_in_a_language_without_an_email_is_stopped() -> None:
    lonely = a_variant(locale="zh-CN", channel=ChannelKind.SMS)
    assert codes(a_draft(variants=(a_variant(), lonely))) == ["L102"]


def test_a_post_that_does_not_lead_to_the_notice_page_is_stopped() -> None:
    assert codes(quick(ChannelKind.SOCIAL, "Betapai: Somebody copied customer data.")) == ["L103"]


@pytest.mark.parametrize(
    "link",
    [
        "https://bit.ly/3xYzAbC",
        "bit.ly/3xYzAbC",
        "www.btepai-help.example",
        "https://btepai-help.example/start",
        "https://betapai.example.evil.example/",
        "https://betapai.example@evil.example/",
        "https://evil.example\\.betapai.example/",
        "https://xbetapai.example/",
        "https://betаpai.example/",
        "http://[::1]/start",
        "https://betapai.example℀evil.example/",
    ],
)
def test_a_link_to_somebody_elses_host_is_stopped(link: str) -> None:
    assert "L104" in codes(with_words(f"See {link} for more."))


@pytest.mark.parametrize(
    "link", ["https://betapai.example", "https://help.betapai.example/a?b=1", "https://BETAPAI.example:8443/x"]
)
def test_a_link_to_an_own_domain_may_leave(link: str) -> None:
    assert codes(with_words(f"See {link}.")) == []


def test_a_personal_link_is_no_foreign_link() -> None:
    assert codes(with_words(f"Your own page: <{Slot.PERSONAL_LINK.mark}>")) == []


def test_a_letter_without_the_telephone_number_is_stopped() -> None:
    assert codes(without("+49 30 5550100")) == ["L105"]


def test_a_telephone_number_may_be_grouped_in_another_way() -> None:
    variant = a_variant()
    regrouped = variant.model_copy(update={"text": variant.text.replace("+49 30 5550100", "+49 (30) 555-0100")})
    assert codes(a_draft(variants=(regrouped,))) == []


def test_a_letter_without_the_email_address_is_stopped() -> None:
    assert codes(without("care@betapai.example")) == ["L105"]


@pytest.mark.parametrize(
    "phrase",
    [
        "There is no evidence of misuse.",
        "Your Security Is Our Top Priority.",
        "We write out of an abundance\nof caution.",
        "It was a **sophisticated** attack.",
        "It was a series of sophisticated attacks.",
    ],
)
def test_a_phrase_that_makes_light_of_it_is_stopped(phrase: str) -> None:
    assert codes(with_words(phrase)) == ["L106"]


def test_a_forbidden_phrase_in_the_subject_is_stopped() -> None:
    assert codes(a_draft(variants=(a_variant(subject="A small number of customers"),))) == ["L106"]


def test_a_forbidden_phrase_in_chinese_is_stopped() -> None:
    assert "L106" in codes(with_words("仅涉及极少数用户。", locale="zh-CN"))


@pytest.mark.parametrize("request_", ["Please reply with your password.", "Confirm the card number on this page."])
def test_asking_for_a_secret_is_pointed_out(request_: str) -> None:
    assert codes(with_words(request_)) == ["L107"]


def test_asking_for_a_code_in_chinese_is_pointed_out() -> None:
    assert "L107" in codes(with_words("请回复您的验证码。", locale="zh-CN"))


@pytest.mark.parametrize("warning", ["Never tell anyone your password.", "Don't give a code to callers."])
def test_warning_against_giving_a_secret_is_fine(warning: str) -> None:
    assert codes(with_words(warning)) == []


def test_a_letter_that_does_not_name_the_day_of_the_next_news_is_stopped() -> None:
    assert codes(without("28 November 2026")) == ["L108"]


def test_the_day_of_the_next_news_is_that_of_the_organisations_zone() -> None:
    late = a_draft(next_news_at=datetime(2026, 11, 27, 23, 30, tzinfo=UTC))
    berlin = an_incident(organisation=an_incident().organisation.model_copy(update={"timezone": "Europe/Berlin"}))
    assert lint(late, berlin, a_wording(), PAGE) == ()


def test_a_letter_without_next_news_need_not_name_a_day() -> None:
    assert codes(without("28 November 2026").model_copy(update={"next_news_at": None})) == []


@pytest.mark.parametrize("left", ["Dear {{ person.name }}!", "Dear {name}!", "{% if x %}", "Dear ,", "See [page]()."])
def test_a_leftover_of_the_template_is_stopped(left: str) -> None:
    assert "L109" in codes(with_words(left))


@pytest.mark.parametrize("character", ["\ue000", "\uf8ff", "\x07"])
def test_a_character_that_nobody_can_read_is_stopped(character: str) -> None:
    assert codes(with_words(f"We{character} are sorry.")) == ["L110"]


def test_a_value_of_one_person_is_stopped_where_everybody_reads() -> None:
    assert "L111" in codes(with_words(f"Dear {Slot.NAME.mark}!", channel=ChannelKind.WEBSITE))


def test_the_name_of_a_child_is_stopped_for_people_who_have_none() -> None:
    assert codes(with_words(f"It is about {Slot.CHILD.mark}.")) == ["L111"]


def test_the_name_of_a_child_may_go_to_its_guardian() -> None:
    assert codes(with_words(f"It is about {Slot.CHILD.mark}.", reader=Reader.GUARDIAN)) == []


def test_an_sms_of_two_segments_may_leave() -> None:
    assert codes(quick(ChannelKind.SMS, f"{'Sorry. ' * 30}{PAGE}")) == []


def test_an_sms_of_three_segments_is_pointed_out() -> None:
    found = findings(quick(ChannelKind.SMS, f"{'Sorry. ' * 50}{PAGE}"))
    assert [(finding.code, finding.blocks) for finding in found] == [("L112", False)]


def test_an_sms_of_five_segments_is_stopped() -> None:
    found = findings(quick(ChannelKind.SMS, f"{'Sorry. ' * 90}{PAGE}"))
    assert [(finding.code, finding.blocks) for finding in found] == [("L112", True)]


def test_a_slot_does_not_make_an_sms_chinese() -> None:
    text = f"{Slot.NAME.mark}, {'sorry. ' * 15}{PAGE}"
    assert codes(quick(ChannelKind.SMS, text)) == []


def test_a_post_of_more_than_280_characters_is_stopped() -> None:
    assert codes(quick(ChannelKind.SOCIAL, f"{'Sorry. ' * 36}{PAGE}")) == ["L113"]


def test_a_number_that_differs_between_languages_is_pointed_out() -> None:
    chinese = a_variant(locale="zh-CN")
    wrong = chinese.model_copy(update={"text": chinese.text.replace("11月20日", "11月21日")})
    found = findings(a_draft(variants=(a_variant(), wrong)))
    assert [(finding.code, finding.what) for finding in found] == [("L120", "differs from en in 20, 21")]


def test_a_sentence_of_more_than_thirty_words_is_pointed_out() -> None:
    assert codes(with_words("We are sad and " * 11)) == ["L130"]


def test_a_chinese_sentence_of_more_than_forty_characters_is_pointed_out() -> None:
    assert codes(with_words("我们非常抱歉" * 8, locale="zh-CN")) == ["L130"]


def test_officialese_is_pointed_out() -> None:
    words = "Unauthorised exfiltration necessitates precautionary authentication credential rotation. " * 8
    assert codes(with_words(words)) == ["L131"]


@pytest.mark.parametrize("words", ["Please reply with your password.", "We are sad and " * 11])
def test_advice_does_not_stop_a_notice(words: str) -> None:
    assert [finding.blocks for finding in findings(with_words(words))] == [False]


def test_every_finding_says_what_to_do() -> None:
    bad = a_draft(variants=(a_variant(text="", subject="", parts={}),))
    assert all(finding.advice for finding in findings(bad))


def test_the_full_stop_after_a_link_is_not_part_of_it() -> None:
    assert links("See https://betapai.example/a. Or www.betapai.example!") == (
        "https://betapai.example/a",
        "www.betapai.example",
    )


def test_an_email_address_is_no_link() -> None:
    assert links("Write to care.team@betapai.example, or care@betapai.example/now") == ()


def test_the_same_date_in_two_languages_states_the_same_numbers() -> None:
    english = stated("Between 20 and 21 November 2026", a_phrases())
    assert english == stated("2026年11月20日至21日", a_chinese_phrases())


def test_thousands_may_be_marked_or_not() -> None:
    assert stated("12,500 people", a_phrases()) == stated("12500人", a_chinese_phrases())


def test_the_verb_may_is_no_month() -> None:
    assert stated("May we call? You may.", a_phrases()) == frozenset()
