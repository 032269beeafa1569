"""What must not leave, and what is only advised: one bad example of real letters for each rule."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amends.domain.base.errors import Finding
from amends.domain.case.case import Case
from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.commitment import CommitmentKind, CommitmentState
from amends.domain.incident.facts import Facts
from amends.domain.incident.incident import Incident, ListExtent
from amends.domain.law.addendum import Addenda, Addendum
from amends.domain.law.duty import Addressee, Confidence, Duty, DutyStanding
from amends.domain.law.filing import Filing
from amends.domain.lint.lint import CODES, lint, lint_in, table_of_codes
from amends.domain.notice.notice import Draft, Reader, Slot, Variant
from amends.domain.notice.statement import Statement
from amends.domain.people.person import AudienceCounts
from amends.ledger import Keys
from tests.builders import (
    ENGLISH_PARTS,
    NOW,
    PAGE,
    a_case,
    a_commitment,
    a_draft,
    a_duty,
    a_variant,
    a_wording,
    an_assessment,
    an_incident,
)
from tests.domain.lint.bad_notices import (
    BAD,
    COUNTED,
    DUTIES,
    EMAIL,
    LETTERS,
    MA,
    SMS,
    WEBSITE,
    Bad,
    counted,
    for_guardians,
    found,
    good,
    in_massachusetts,
    instead,
    saying,
    the_incident,
    the_wording,
    to_people,
    with_items,
)
from tests.playbooks.rendering import phrases


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
    "link", ["https://betapai.example", "https://help.betapai.example/a?b=1", "https://BETAPAI.example:443/x"]
)
def test_a_link_to_an_own_domain_may_leave(link: str) -> None:
    assert codes(with_words(f"See {link}.")) == []


@pytest.mark.parametrize(
    "link",
    [
        "http://betapai.example/help",
        "HTTP://help.betapai.example",
        "https://betapai.example:8443/x",
        "https://betapai.example:99999/x",
        "https://me@betapai.example/x",
        "https://betapai.example/out?url=https://evil.example/",
        "https://betapai.example/out?url=https%3A%2F%2Fevil.example",
        "https://betapai.example/out?url=https%253A%252F%252Fevil.example",
        "https://betapai.example/out?url=//evil.example",
        "https://betapai.example/out?url=/%5Cevil.example",
        "https://betapai.example/out?next=evil.com",
        "https://betapai.example/out?a=1&next=evil.com/path",
        "https://betapai.example/out/https://evil.example/",
        "https://betapai.example//evil.example",
        "https://betapai.example/a#https://evil.example",
        "https://betapai.example/a?u=javascript:alert",
        "betapai.example/out?url=https://evil.example",
        "www.betapai.example/out?next=evil.com",
    ],
)
def test_a_link_that_could_lead_on_or_be_changed_is_stopped(link: str) -> None:
    """A link without https, with a port or a login, or with another address in it is stopped, on own domains too."""
    assert {"L161"} <= set(codes(with_words(f"See {link} for more.")))


@pytest.mark.parametrize(
    "link",
    [
        "https://betapai.example/a/b.html?lang=en&v=1.2#part-3",
        "https://betapai.example/2026/11/20",
        "betapai.example/help",
    ],
)
def test_a_plain_link_to_a_page_may_leave(link: str) -> None:
    assert codes(with_words(f"See {link} for more.")) == []


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
def test_asking_for_a_secret_is_stopped(request_: str) -> None:
    assert codes(with_words(request_)) == ["L107"]


def test_asking_for_a_code_in_chinese_is_stopped() -> None:
    assert "L107" in codes(with_words("请回复您的验证码。", locale="zh-CN"))


@pytest.mark.parametrize(
    "warning",
    [
        "Never tell anyone your password.",
        "Don't give a code to callers.",
        "We never ask for passwords or codes.",
        "We will never call you, write to you, or ask you to send your password.",
        "If someone asks you to confirm a code, it is not us.",
        "Set your bank's app to ask for a PIN instead.",
        "Change your password today.",
        "Send us your postal code if you have moved.",
    ],
)
def test_warning_against_giving_a_secret_is_fine(warning: str) -> None:
    assert codes(with_words(warning)) == []


def test_a_text_without_the_day_of_the_next_update_is_stopped() -> None:
    """A message that does not name the day of the next update is stopped with L108."""
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


@pytest.mark.parametrize(("more", "stopped"), [("", False), (".", True)], ids=["four segments", "one character more"])
def test_an_sms_is_measured_with_a_personal_link_as_people_get_it(more: str, *, stopped: bool) -> None:
    token, start = Keys(b"k" * 32).link_token("november-breach", 1, 1), "https://betapai.example/p/"
    words = f"{'Sorry. ' * 70}".ljust(4 * 153 - len(f"{PAGE} {start}{token}"))
    found = findings(quick(ChannelKind.SMS, f"{words}{more}{PAGE} {start}{Slot.PERSONAL_LINK.mark}"))
    assert [finding.blocks for finding in found if finding.code == "L112"] == [stopped]


def test_a_slot_does_not_make_an_sms_chinese() -> None:
    text = f"{Slot.NAME.mark}, {'sorry. ' * 15}{PAGE}"
    assert codes(quick(ChannelKind.SMS, text)) == []


def test_a_post_of_more_than_280_characters_is_stopped() -> None:
    assert codes(quick(ChannelKind.SOCIAL, f"{'Sorry. ' * 36}{PAGE}")) == ["L113"]


def test_a_number_that_differs_between_languages_is_pointed_out() -> None:
    chinese = a_variant(locale="zh-CN")
    wrong = chinese.model_copy(update={"text": chinese.text.replace("11月20日", "11月21日")})
    found = findings(a_draft(variants=(a_variant(), wrong)))
    says = "says 21, which the English text does not, and does not say 20, which the English text does"
    assert [(finding.code, finding.what) for finding in found] == [("L120", says)]


def test_the_same_hours_are_the_same_in_every_language() -> None:
    english, chinese = a_variant(), a_variant(locale="zh-CN")
    hours = {"text": f"{english.text}\n\nWe are there from 8:30 a.m. to 8 p.m."}
    there = {"text": f"{chinese.text}\n\n时间：每天8:30至20:00"}
    assert codes(a_draft(variants=(english.model_copy(update=hours), chinese.model_copy(update=there)))) == []


@pytest.mark.parametrize(
    "left", ["TODO say what happened", "Write to todo@example.invalid.", "Call 000 000 000.", "See example.invalid"]
)
def test_a_placeholder_is_stopped(left: str) -> None:
    assert ("L114", True) in [(finding.code, finding.blocks) for finding in findings(with_words(left))]


@pytest.mark.parametrize("words", ["It cost us 1 000 000 000 once.", "To do this, call us.", "100 000 000 records"])
def test_what_only_looks_like_a_placeholder_may_leave(words: str) -> None:
    assert "L114" not in codes(with_words(words))


def test_a_sentence_of_more_than_thirty_words_is_pointed_out() -> None:
    assert codes(with_words("We are sad and " * 11)) == ["L130"]


def test_a_chinese_sentence_over_forty_characters_is_pointed_out() -> None:
    """A Chinese sentence of more than forty characters is pointed out with L130."""
    assert codes(with_words("我们非常抱歉" * 8, locale="zh-CN")) == ["L130"]


def test_officialese_is_pointed_out() -> None:
    words = "Unauthorised exfiltration necessitates precautionary authentication credential rotation. " * 8
    assert codes(with_words(words)) == ["L131"]


def test_advice_does_not_stop_a_notice() -> None:
    assert [finding.blocks for finding in findings(with_words("We are sad and " * 11))] == [False]


def test_every_finding_says_what_to_do() -> None:
    bad = a_draft(variants=(a_variant(text="", subject="", parts={}),))
    assert all(finding.advice for finding in findings(bad))


USUAL = found(good())
"""What is found in the good notice, too."""
PIECES = [
    "12,000",
    "1" * 5000,
    "约",
    "万",
    "名客户",
    "November",
    "2026-",
    "customers",
    " ",
    ".",
    "：",
    "@",
    "://",
    "٣",
    "\ue000",
]


@given(
    st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map("".join), st.sampled_from(["en", "zh-CN"])
)
@settings(max_examples=25)
def test_no_text_is_too_odd_to_be_read(text: str, locale: str) -> None:
    assert isinstance(found(saying(text, locale=locale)), tuple)


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_a_bad_notice_is_found_by_its_code(bad: Bad) -> None:
    stops = {finding.blocks for finding in found(bad.draft) if finding.code == bad.code}
    assert stops == {bad.stops}


def test_a_good_notice_has_only_the_finding_about_its_common_page() -> None:
    """In a good notice for many places, only the link to the page that is common to all of them is refused (L152)."""
    assert {(finding.where, finding.code, finding.blocks) for finding in USUAL} == {
        (f"first-notice en/self/us-ma/{channel}", "L152", True) for channel in (EMAIL, SMS)
    }


def test_there_is_a_bad_notice_for_nearly_every_code() -> None:
    told_below = {"L175", "L101", "L149", "L150", "L151", "L152", "L153", "L154", "L156", "L157", "L158", "L159"}
    told_below |= {"L162", "L177"}
    assert CODES.keys() - {bad.code for bad in BAD} == told_below


def test_a_number_for_insiders_is_no_evidence_for_a_reader() -> None:
    """L175: the evidence of a kept promise that a letter shows is what was found, not the number of a report."""
    made = a_commitment(state=CommitmentState.KEPT, evidence={"*": "Check report CHK-2026-11"})
    shown = found(saying("What shows it: Check report CHK-2026-11"), commitments=(made,))
    assert [(one.code, one.blocks) for one in shown if one.code == "L175"] == [("L175", False)]
    told = a_commitment(
        state=CommitmentState.KEPT, evidence={"*": "We checked your account. Nothing had been changed."}
    )
    said = found(saying("We checked your account. Nothing had been changed."), commitments=(told,))
    assert "L175" not in {one.code for one in said}


def test_the_table_of_codes_in_the_docs_is_current() -> None:
    docs = Path(__file__).parents[3] / "docs" / "lint.md"
    assert table_of_codes() in docs.read_text(encoding="utf-8")


# Corrupt one thing of a good notice at a time


def corrupted(pattern: str, change: Any) -> Iterator[tuple[str, Draft]]:
    """The good notice, again and again, with one match of the pattern changed in one variant."""
    draft = good()
    for index, variant in enumerate(draft.variants):
        for match in re.finditer(pattern, variant.text):
            text = variant.text[: match.start()] + change(match[0]) + variant.text[match.end() :]
            variants = list(draft.variants)
            variants[index] = variant.model_copy(update={"text": text})
            yield f"{variant.id}: {match[0]} at {match.start()}", draft.model_copy(update={"variants": tuple(variants)})


def unfound(pattern: str, change: Any) -> list[str]:
    cases = list(corrupted(pattern, change))
    assert len(cases) >= len(good().variants) - 2
    return [name for name, draft in cases if not set(found(draft)) - set(USUAL)]


def test_no_number_can_be_changed_unseen() -> None:
    assert unfound(r"\d+", lambda number: str(int(number) + 1)) == []


def test_no_link_can_be_turned_away_unseen() -> None:
    assert unfound(r"https://[^\s]+", lambda link: link.replace("betapai.example", "betapai-example.com")) == []


@pytest.mark.parametrize("part", ENGLISH_PARTS)
def test_no_part_can_be_emptied_unseen(part: str) -> None:
    draft = good()
    for index, variant in enumerate(draft.variants):
        if variant.channel.detailed:
            emptied = variant.model_copy(update={"parts": variant.parts | {part: ""}})
            variants = (*draft.variants[:index], emptied, *draft.variants[index + 1 :])
            assert "L101" in {finding.code for finding in found(draft.model_copy(update={"variants": variants}))}


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_no_phrase_that_must_never_be_said_gets_through(locale: str) -> None:
    never = phrases(locale).never_say
    everything = "\n\n".join(f"{phrase.capitalize()}." for phrase in never)
    said = [what for what, _ in told(saying(everything, locale=locale), "L106")]
    assert said == [f"says “{phrase}”" for phrase in never]


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", "We have found no evidence of misuse."),
        ("en", "A small number of accounts were touched."),
        ("en", "This was a sophisticated attack."),
        ("en", "Your security is our top priority."),
        ("en", "Our systems are now 100 % secure."),
        ("en", "This cannot happen again."),
        ("en", "We write to you out of an abundance of caution."),
        ("en", "We paid a ransom."),
        ("en", "There was no negligence on our side."),
        ("en", "We accept no liability."),
        ("en", "The data was deleted by the attackers."),
        ("en", "A rogue employee did this."),
        ("zh-CN", "系统现已绝对安全。"),
        ("zh-CN", "仅涉及极少数用户。"),
        ("zh-CN", "黑客手段高超。"),
        ("zh-CN", "经核实无任何影响。"),
        ("zh-CN", "疑似有数据泄露。"),
        ("zh-CN", "此事系内部员工个人行为。"),
    ],
)
def test_what_practice_says_never_to_say_is_stopped(locale: str, words: str) -> None:
    assert "L106" in {finding.code for finding in found(saying(words, locale=locale))}


# What laws ask for and forbid


def told(draft: Draft, code: str, **changes: Any) -> list[tuple[str, bool]]:
    """What was found under this code, each once, and whether it stops."""
    what = [(finding.what, finding.blocks) for finding in found(draft, **changes) if finding.code == code]
    return list(dict.fromkeys(what))


def test_a_missing_item_is_named_with_law_and_citation() -> None:
    ((what, blocks),) = told(with_items("contact"), "L140", duties=(to_people(),))
    assert what == "does not say nature, which GDPR (EU) 2016/679 asks for (Art. 33, eu-gdpr-34.individuals)".replace(
        "Art. 33", "Art. 34"
    )
    assert blocks


@pytest.mark.parametrize(
    "changes",
    [{"standing": DutyStanding.MAY_APPLY}, {"confidence": Confidence.MEMORY_HIGH}],
    ids=["may apply", "memory"],
)
def test_an_item_that_perhaps_must_be_said_is_pointed_out(changes: dict[str, Any]) -> None:
    assert [blocks for _, blocks in told(with_items("contact"), "L140", duties=(to_people(**changes),))] == [False]


def test_the_strictest_of_two_laws_decides() -> None:
    duties = (to_people(standing=DutyStanding.MAY_APPLY), to_people(id="uk-gdpr.individuals", law="UK GDPR"))
    ((what, blocks),) = told(with_items("contact"), "L140", duties=duties)
    assert (what, blocks) == (
        "does not say nature, which UK GDPR asks for (Art. 34, uk-gdpr.individuals) and 1 more",
        True,
    )


@pytest.mark.parametrize(
    "changes", [{"standing": DutyStanding.EXEMPT}, {"addressee": Addressee.AUTHORITY}, {"places": ("ZA",)}]
)
def test_a_duty_that_is_none_here_asks_for_nothing(changes: dict[str, Any]) -> None:
    assert told(with_items("contact"), "L140", duties=(to_people(**changes),)) == []


@pytest.mark.parametrize(
    "code", ["parent_company", "identity_of_wrongdoer_if_known", "no_such_code"], ids=["if any", "if known", "unknown"]
)
def test_an_item_that_may_have_nothing_to_say_is_only_pointed_out(code: str) -> None:
    """An item that a law asks for, but about which there may be nothing to say, is only pointed out and does
    not block.
    """
    assert [blocks for _, blocks in told(good(), "L140", duties=(to_people(content=(code,)),))] == [False]


def test_an_item_that_one_law_asks_for_without_an_if_must_be_said() -> None:
    items = LETTERS.items | {"bureaus": LETTERS.items["nature"].model_copy(update={"codes": ("cra_if_ssn", "cra")})}
    wording = the_wording().model_copy(update={"addenda": LETTERS.model_copy(update={"items": items})})

    def stops(*codes: str) -> set[bool]:
        duties = tuple(to_people(id=f"x.{code}", content=(code,)) for code in codes)
        return {f.blocks for f in lint(good(), the_incident(), wording, PAGE, duties) if f.code == "L140"}

    assert stops("cra_if_ssn") == {False}
    assert stops("cra_if_ssn", "cra") == {True}


def test_an_item_that_no_fact_supports_is_only_pointed_out() -> None:
    times = an_incident().times.model_copy(update={"events": {}})
    duties = (to_people(content=("date_of_discovery",)),)
    incident = the_incident(times=times.model_dump(by_alias=True))
    assert [blocks for _, blocks in told(good(), "L140", duties=duties, incident=incident)] == [False]
    assert [blocks for _, blocks in told(good(), "L140", duties=duties)] == [True]


def test_the_law_of_a_country_holds_in_its_states() -> None:
    federal = to_people(places=("US",), content=("parent_company",))
    assert "first-notice en/self/us-ma/email" in [finding.where for finding in found(good(), duties=(federal,))]


def test_what_one_law_asks_and_another_forbids_is_left_to_a_lawyer() -> None:
    """An item that one law asks for and another law forbids does not block and is left to a lawyer."""
    federal = to_people(places=("US",), content=("nature",))
    ((_, blocks),) = told(good(), "L140", duties=(federal, in_massachusetts()))
    assert not blocks


def test_an_update_need_not_say_what_the_first_notice_said() -> None:
    update = with_items("contact").model_copy(update={"template": "update"})
    assert told(update, "L140") == []


def test_what_massachusetts_forbids_is_forbidden_in_updates_too() -> None:
    """An item that is forbidden in Massachusetts is forbidden in its updates too, and not only in the first notice."""
    update = saying("Somebody copied customer data from our systems.", addendum=MA)
    assert told(update.model_copy(update={"template": "update"}), "L141")


def test_what_a_place_forbids_holds_without_the_duty_too() -> None:
    assert told(with_items("contact", "police_report", "nature", addendum=MA), "L141", duties=())


def test_what_massachusetts_forbids_may_be_said_elsewhere() -> None:
    assert told(saying("Somebody copied customer data from our systems. It touches 12,000 people."), "L141") == []


@pytest.mark.parametrize("address", ["FTC, 12000 Pennsylvania Avenue NW", "P.O. Box 12000, Chester"])
def test_a_number_of_an_address_gives_nothing_away(address: str) -> None:
    assert told(saying(address, addendum=MA), "L141") == []


def test_a_bare_number_gives_the_count_away() -> None:
    assert told(saying("Letters sent: 12,000.", addendum=MA), "L141")


# What the facts say


@pytest.mark.parametrize(
    "words",
    [
        "It touches about 12,000 people.",
        "It touches 12 000 people.",
        "It touches twelve thousand customers.",
        "It touches nearly 12,100 customers.",
        "500 residents live in Massachusetts.",
        "The cards of 1,250 customers were copied, too.",
        "Call us between 8:00 and 20:00; 12 months of help are free.",
    ],
)
def test_a_number_of_people_that_the_facts_know_may_be_said(words: str) -> None:
    assert told(saying(words), "L142", audience=counted()) == []


@pytest.mark.parametrize(
    "words", ["涉及12000人。", "约1.2万名用户受影响。", "共一万二千名客户。", "受影响人数：12,000。"]
)
def test_a_number_of_people_may_be_written_in_any_chinese_way(words: str) -> None:
    assert told(saying(words, locale="zh-CN"), "L142") == []


def ranged(least: int, most: int | None) -> Incident:
    """The incident when nobody knows better than this how many people it touches."""
    facts = the_incident().facts.model_dump(mode="json", exclude_unset=True)
    return the_incident(facts=facts | {"people": {"min": least, "max": most}})


def test_both_ends_of_a_range_may_be_said() -> None:
    draft = saying("It touches 9,000 to 15,000 customers.")
    assert told(draft, "L142", incident=ranged(9_000, 15_000)) == []


@pytest.mark.parametrize("words", ["About 11,000 people are touched.", "It touches 14,999 customers."])
def test_any_number_within_the_range_of_the_facts_may_be_said(words: str) -> None:
    assert told(saying(words), "L142", incident=ranged(9_000, 15_000)) == []


def test_a_number_outside_the_range_is_stopped_and_the_range_is_named() -> None:
    draft = saying("It touches 8,000 customers.")
    stopping = [one for one in found(draft, incident=ranged(9_000, 15_000)) if one.code == "L142"]
    assert {(one.blocks, one.advice) for one in stopping} == {
        (True, "the facts and the audience say between 9,000 and 15,000 or 12,000")
    }


def test_with_one_end_of_the_range_only_that_number_is_known() -> None:
    assert told(saying("It touches 9,000 customers."), "L142", incident=ranged(9_000, None)) == []
    assert told(saying("It touches 9,900 customers."), "L142", incident=ranged(9_000, None))


def test_other_people_who_are_counted_are_only_pointed_out() -> None:
    assert [blocks for _, blocks in told(saying("The police arrested 7 people."), "L142")] == [False]


def test_the_number_may_be_said_beside_a_share() -> None:
    assert told(saying("That is 3% of our customers."), "L142") == []


@pytest.mark.parametrize(
    "day",
    [
        "20 November 2026",
        "November 21, 2026",
        "Nov 23",
        "the 24th of November",
        "2026-11-20",
        "23.11.2026",
        "11/23/2026",
    ],
)
def test_a_day_of_the_facts_may_be_named_in_every_way(day: str) -> None:
    assert told(saying(f"On {day} we worked through the night."), "L143") == []


@pytest.mark.parametrize(
    "day", ["19 November 2026", "November 29, 2026", "Oct 23", "2025-11-20", "22 and 23 November", "1/2/2026"]
)
def test_any_other_day_is_pointed_out(day: str) -> None:
    assert [blocks for _, blocks in told(saying(f"On {day} we worked through the night."), "L143")] == [False]


@pytest.mark.parametrize(
    ("locale", "line"),
    [
        ("en", "- When it happened: between 20 November 2026 and 23 November 2026"),
        ("en", "- When we found out: 24 November 2026"),
        ("en", "- When we took first steps to contain it: 20 November 2026"),
        ("en", "You will hear from us again by Monday, 30 November 2026, 09:00 (UTC)."),
        ("zh-CN", "- 发生时间：2026年11月20日至22日"),
        ("zh-CN", "- 发现时间：11月20日"),
        ("zh-CN", "我们下次通知您，最晚在：2026年11月30日。"),
        ("zh-CN", "最晚在 2026年11月30日 前，我们会再次通知您。"),
    ],
)
def test_a_day_that_the_facts_contradict_is_stopped(locale: str, line: str) -> None:
    assert True in [blocks for _, blocks in told(saying(line, locale=locale), "L143")]


def test_a_sentence_may_name_a_second_day_beside_the_right_one() -> None:
    words = "We discovered the theft on 23 November 2026 and told the police on 24 November 2026."
    assert told(saying(words), "L143") == []


def test_a_day_is_that_of_the_organisations_zone() -> None:
    organisation = the_incident().organisation.model_dump() | {"timezone": "Asia/Shanghai"}
    shanghai = the_incident(organisation=organisation)
    named = {what for what, _ in told(good(), "L143", incident=shanghai)}
    assert "names 20 November 2026" in named
    assert "names 21 November 2026" not in named | {
        what for what, _ in told(saying("21 November 2026"), "L143", incident=shanghai)
    }


@pytest.mark.parametrize("number", ["030 5550100", "+49 (30) 555-0100", "0049 30 5550100"])
def test_the_own_telephone_number_may_be_written_in_every_way(number: str) -> None:
    assert told(saying(f"Call {number}."), "L144") == []


def stopped_beside_listed_contacts(words: str) -> set[str]:
    wording = the_wording()
    english = wording.phrases["en"].model_copy(update={"outside_contacts": ("1-888-378-4329", "118", "Bureau.example")})
    listed = wording.model_copy(update={"phrases": wording.phrases | {"en": english}})
    found_ = {finding.code for finding in lint(saying(words), the_incident(), listed, PAGE) if finding.blocks}
    return found_ - {"L152"}


def test_contacts_of_others_may_be_named_when_the_words_list_them() -> None:
    words = "The bureau answers at 1-888-378-4329. Or call 118, or type bureau.example."
    assert stopped_beside_listed_contacts(words) == set()


def test_a_host_of_others_that_is_listed_is_still_no_place_to_lead_to() -> None:
    assert stopped_beside_listed_contacts("See https://bureau.example/freeze.") == {"L104"}


def test_a_short_number_that_is_listed_allows_no_longer_one() -> None:
    assert stopped_beside_listed_contacts("Call 1185.") == {"L144"}


@pytest.mark.parametrize(
    "words", ["We called 240 times.", "It was 2026-11-20 07:40.", "Order 12,000,000.", "Room 310024"]
)
def test_what_is_no_telephone_number_is_not_taken_for_one(words: str) -> None:
    assert told(saying(words), "L144") == []


def test_a_mailbox_below_an_own_domain_may_be_named() -> None:
    assert told(saying("Write to press@help.betapai.example."), "L145") == []


# Promises, channels, languages


def test_a_promise_that_is_a_commitment_may_be_repeated() -> None:
    promise = a_commitment(id="check", promise={"en": "We will check every account within 14 days."})
    words = "We will check every account within 14 days."
    assert told(saying(words), "L147", commitments=(promise,)) == []


@pytest.mark.parametrize(
    "words", ["We will write to you again within 3 days.", "We will help you.", "You will get it by Monday."]
)
def test_a_sentence_without_a_dated_promise_is_fine(words: str) -> None:
    assert told(saying(words), "L147") == []


def test_a_promise_of_an_earlier_notice_is_known_with_its_days() -> None:
    earlier = a_commitment(id="fix", new_due_at=NOW + timedelta(days=90), evidence={"*": "Contract of 1 December 2026"})
    words = "New date: 22 February 2027. What shows it: Contract of 1 December 2026"
    assert told(saying(words), "L143", commitments=(earlier,)) == []


def test_credit_monitoring_that_was_promised_must_be_in_the_letter() -> None:
    offered = a_commitment(kind=CommitmentKind.CREDIT_MONITORING)
    items = LETTERS.items | {"credit_monitoring": LETTERS.items["nature"].model_copy(update={"codes": ("offer",)})}
    wording = the_wording().model_copy(update={"addenda": LETTERS.model_copy(update={"items": items})})
    duties = (to_people(content=("offer",)),)

    def stops(*promises: Any) -> set[bool]:
        return {f.blocks for f in lint(good(promises), the_incident(), wording, PAGE, duties) if f.code == "L140"}

    assert stops(offered) == {True}
    assert stops(a_commitment()) == {False}


def test_a_short_message_may_say_less() -> None:
    assert told(saying("It touches 12,000 customers.", channel=SMS), "L146") == []


def test_a_short_message_may_lead_to_the_page_that_no_letter_names() -> None:
    """Where all letters lead to the readers' own pages, an SMS and a post lead to the notice page all the same."""
    draft = good()
    without = tuple(
        variant.model_copy(update={"text": re.sub(rf"<?{re.escape(PAGE)}\S*", "", variant.text)})
        if variant.channel.detailed
        else variant
        for variant in draft.variants
    )
    assert any(PAGE in variant.text for variant in without)
    assert told(draft.model_copy(update={"variants": without}), "L146") == []


def test_two_letters_of_one_language_are_not_held_against_each_other() -> None:
    assert told(good(), "L120") == []


def test_a_guardian_reads_a_notice_of_their_own() -> None:
    assert found(for_guardians(f"It is about {Slot.CHILD.mark}.")) == USUAL


def test_a_language_that_nobody_checks_is_pointed_out() -> None:
    german = phrases("en").model_copy(update={"locale": "de", "language": "Deutsch"})
    wording = the_wording().model_copy(update={"phrases": the_wording().phrases | {"de": german}})
    draft = good()
    variants = (*draft.variants, draft.variants[0].model_copy(update={"locale": "de"}))
    findings_ = lint(draft.model_copy(update={"variants": variants}), the_incident(), wording, PAGE)
    assert ("L149", False) in [(finding.code, finding.blocks) for finding in findings_]


def test_a_case_knows_its_duties_audience_and_promises() -> None:
    case = a_case(
        incident=the_incident(),
        assessment=an_assessment(duties=DUTIES),
        audience=counted(),
        commitments=(a_commitment(),),
    )
    draft = instead(COUNTED["en"], "500 residents of one state are touched.", channel=EMAIL)
    stopped = {f.code for f in lint_in(case, draft, the_wording(), PAGE)}
    assert stopped == {"L120", "L152"}
    missing = with_items("contact", "data_types", addendum=MA)
    assert "L140" in {f.code for f in lint_in(case, missing, the_wording(), PAGE)}


# What those who approve must know of the laws


POLICE_FIRST = a_duty(
    id="us-nj.state_police",
    law="N.J.S.A.",
    citation="56:8-163",
    recipient_name="state police of New Jersey",
    places=("US-NJ",),
    before=("us-nj.individuals",),
)
IN_NEW_JERSEY = to_people(id="us-nj.individuals", places=("US-NJ",), content=())


def owed(*duties: Duty, **changes: Any) -> Case:
    given: dict[str, Any] = {"incident": the_incident(), "audience": counted(), "commitments": (a_commitment(),)}
    return a_case(**(given | {"assessment": an_assessment(duties=duties)} | changes))


def warned(code: str, case: Case, draft: Draft | None = None) -> list[Finding]:
    return [finding for finding in lint_in(case, draft or good(), the_wording(), PAGE) if finding.code == code]


def test_whoever_must_be_told_first_is_named_with_law_and_command() -> None:
    (first,) = warned("L150", owed(POLICE_FIRST, IN_NEW_JERSEY))
    assert str(first) == (
        "first-notice L150 state police of New Jersey must be told first: N.J.S.A. wants that before people are told "
        "(56:8-163, us-nj.state_police), and nothing is filed for it (once it is done, `amends duty filed "
        "november-breach us-nj.state_police --at TIME --receipt REF --as NAME` records it)"
    )
    assert not first.blocks


@pytest.mark.parametrize(
    "changes", [{"standing": DutyStanding.MAY_APPLY}, {"confidence": Confidence.MEMORY_HIGH}], ids=str
)
def test_whoever_may_have_to_be_told_first_is_named_as_that(changes: dict[str, Any]) -> None:
    (first,) = warned("L150", owed(POLICE_FIRST.model_copy(update=changes), IN_NEW_JERSEY))
    assert "may have to be told first" in first.what


def a_filing() -> Filing:
    return Filing(number=1, duty=POLICE_FIRST.id, filed_at=NOW, by="lena", receipt="NJ-1", recorded_at=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"filings": (a_filing(),)},
        {"events": {"opened": NOW, "notified": NOW}},
        {"assessment": an_assessment(duties=(POLICE_FIRST,))},
        {"assessment": an_assessment(duties=(POLICE_FIRST.model_copy(update={"standing": DutyStanding.EXEMPT}),))},
        {"assessment": None},
    ],
    ids=["filed", "people were told", "nobody to tell", "exempt", "not assessed"],
)
def test_nobody_is_named_where_nobody_must_come_first(changes: dict[str, Any]) -> None:
    assert warned("L150", owed(POLICE_FIRST, IN_NEW_JERSEY, **changes)) == []


def test_a_notice_that_does_not_reach_those_people_need_not_wait() -> None:
    personal = tuple(variant for variant in good().variants if variant.addendum == MA)
    assert warned("L150", owed(POLICE_FIRST, IN_NEW_JERSEY), good(variants=personal)) == []
    elsewhere = POLICE_FIRST.model_copy(update={"before": ("us-ma.individuals",)})
    assert warned("L150", owed(elsewhere, in_massachusetts()), good(variants=personal))


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (CommitmentKind.CREDIT_MONITORING, "check the promise audit"),
        (CommitmentKind.AUDIT, "check it: no credit monitoring is promised"),
    ],
)
def test_what_the_law_wants_to_be_given_is_named_where_it_is_wanted(kind: CommitmentKind, advice: str) -> None:
    owing = owed(in_massachusetts(remedy="18 months of monitoring"), commitments=())
    (finding,) = warned("L151", owing, good((a_commitment(kind=kind),)))
    assert (finding.where, finding.advice, finding.blocks) == ("first-notice en/self/us-ma/email", advice, False)
    assert "the law wants: 18 months of monitoring (M.G.L. c. 93H, s. 3(b), us-ma.individuals)" in finding.what


def test_a_page_that_leaves_it_out_may_be_led_to() -> None:
    pages = {v.id: v.model_copy(update={"items": ("contact",)}) for v in good().variants if v.channel is WEBSITE}
    silent = good(variants=tuple(pages.get(variant.id, variant) for variant in good().variants))
    assert told(silent, "L152") == []


def test_a_notice_without_a_page_leads_to_the_page_of_an_earlier_one() -> None:
    """A notice without a page of its own leads to the page of an earlier notice, so an item on that page which an
    addendum leaves out is refused.
    """
    ((what, blocks),) = told(good(variants=tuple(v for v in good().variants if v.channel is not WEBSITE)), "L152")
    assert "nature and people count" in what
    assert blocks


def test_a_letter_that_says_everything_may_lead_to_the_page() -> None:
    leading = [finding.where for finding in found(good()) if finding.code == "L152"]
    assert leading
    assert all("us-ma" in where for where in leading)


def unplaced(people: int, *letters: Addendum, country: str = "US") -> list[Finding]:
    listed = LETTERS.model_copy(update={"addenda": (*LETTERS.addenda, *letters)})
    wording = the_wording().model_copy(update={"addenda": Addenda.model_validate(listed.model_dump())})
    audience = counted().model_copy(update={"by_place": {"DE": 7_000, country: people}})
    found_ = lint(good(), the_incident(), wording, PAGE, (), audience)
    return [finding for finding in found_ if finding.code == "L153"]


def test_people_whose_state_nobody_knows_may_get_the_wrong_letter() -> None:
    (finding,) = unplaced(1_300)
    assert (finding.where, finding.blocks) == ("first-notice", False)
    assert finding.what == "goes to people in US whose state nobody knows (1,300 of the incident)"


def test_a_country_without_letters_for_its_states_needs_no_states() -> None:
    assert unplaced(0) == []
    assert unplaced(1_300, country="ZA") == []


def test_a_notice_that_is_not_for_that_country_is_not_warned_of_it() -> None:
    assert unplaced(1_300, Addendum(id="us", places=("US",))) == []


def test_a_draft_older_than_its_letters_is_to_be_drafted_afresh() -> None:
    gone = the_wording().model_copy(update={"addenda": LETTERS.model_copy(update={"addenda": ()})})
    english = gone.model_copy(update={"phrases": {"en": gone.phrases["en"]}})
    (finding,) = lint_in(a_case(incident=the_incident()), good(), english, PAGE)
    assert (finding.code, finding.blocks) == ("L154", True)
    assert finding.what.endswith("which do not have the language zh-CN or the addendum us-ma")
    assert "drafted afresh" in finding.advice


def test_a_draft_is_not_read_once_its_file_has_a_gap() -> None:
    """After an amendment that left out what every notice needs, that is the only finding, and it names the keys."""
    organisation = the_incident().organisation.model_copy(update={"own_domains": ()})
    case = a_case(incident=the_incident().model_copy(update={"organisation": organisation}))
    (finding,) = lint_in(case, good(), the_wording(), PAGE)
    assert (finding.where, finding.code, finding.blocks) == ("first-notice", "L156", True)
    assert "organisation.own_domains" in finding.what
    assert "amends incident amend" in finding.advice


@pytest.mark.parametrize(
    ("people", "listed", "list_is", "way_out"),
    [
        (240, 240, "whole", ""),
        (240, 244, "whole", ""),
        (240, 246, "whole", "{min: 200}"),
        (240, 234, "whole", "list_is: first_part"),
        (240, 12, "first_part", ""),
        (30, 31, "whole", ""),
        (12, 120_000, "whole", "{min: 200}"),
        (12, 120_000, "first_part", "{min: 200}"),
        ({"min": 240}, 246, "whole", ""),
        ({"min": 240}, 200, "whole", "list_is: first_part"),
        ({"min": 61_000}, 58, "first_part", ""),
        ({"max": 240}, 100, "whole", ""),
        ({"max": 240}, 246, "whole", "{min: 200}"),
        (None, 246, "whole", ""),
    ],
)
def test_a_number_of_people_is_held_against_the_list(people: Any, listed: int, list_is: str, way_out: str) -> None:
    """A draft that names the number of people stops when facts and list are more than 2 %, or a few people, apart.

    A list that is too short stops nothing once the lead rules that it is the first part.
    """
    facts = Facts.model_validate(the_incident().facts.model_dump() | {"people": people})
    incident = the_incident().model_copy(update={"facts": facts, "list_is": ListExtent(list_is)})
    draft = good().model_copy(update={"statements": (Statement(key="people", value="240/240"),)})
    found = lint(draft, incident, the_wording(), PAGE, audience=AudienceCounts(people=listed))
    apart = [one for one in found if one.code == "L157"]
    assert [one.blocks for one in apart] == ([True] if way_out else [])
    assert all(way_out in one.advice for one in apart)


def test_a_draft_that_names_no_number_is_not_held_against_the_list() -> None:
    found = lint(good(), the_incident(), the_wording(), PAGE, audience=AudienceCounts(people=9))
    assert [one for one in found if one.code == "L157"] == []


@pytest.mark.parametrize(
    ("kinds", "stops"),
    [
        ({"basic_identity": 3, "contact": 1}, False),
        ({"credentials_plain": 2}, True),
        ({"health": 1}, True),
        ({}, False),
    ],
)
def test_data_in_the_list_is_held_against_the_facts(kinds: dict[str, int], stops: bool) -> None:
    """A draft that names to people their own data stops when the list has kinds that the facts do not name; see the
    third of the surprises in the walk through the product.
    """
    named = {"value": "health", "certainty": "ruled_out"}
    given = the_incident().facts.model_dump() | {"data_categories": ["basic_identity", "contact", named]}
    incident = the_incident().model_copy(update={"facts": Facts.model_validate(given)})
    variants = tuple(variant.model_copy(update={"states": ("elements",)}) for variant in good().variants)
    draft = good().model_copy(update={"variants": variants})
    found = lint(draft, incident, the_wording(), PAGE, audience=AudienceCounts(people=3, by_category=kinds))
    assert [one.blocks for one in found if one.code == "L158"] == ([True] if stops else [])


def test_unknown_facts_let_the_list_say_which_data_it_was() -> None:
    facts = Facts.model_validate(the_incident().facts.model_dump() | {"data_categories": "unknown"})
    assert AudienceCounts(people=1, by_category={"health": 1}).not_in_the_facts(facts) == {}


@pytest.mark.parametrize(
    ("text", "states", "asked"),
    [
        ("It affects 12,000 people.", (), ["names “12,000 people” and does not state people"]),
        ("It affects 12,000 people.", ("people",), []),
        ("It began on 20 November 2026.", (), ["names 20 November 2026 and does not state occurred"]),
        ("It began on 20 November 2026.", ("occurred",), []),
        ("This is our letter of 24 November 2026.", (), []),
    ],
)
def test_a_number_or_day_that_nothing_states_is_asked_about(
    text: str, states: tuple[str, ...], asked: list[str]
) -> None:
    """Free text that names a number of people or a day of the incident declares which statement that makes."""
    page = a_variant(channel=ChannelKind.WEBSITE, text=text, states=states)
    draft = good().model_copy(update={"variants": (page,)})
    found = lint(draft, the_incident(), the_wording(), PAGE)
    assert [one.what for one in found if one.code == "L159"] == asked
