"""What the laws of a place ask for stands in its letter, what they forbid does not, in every language and channel."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from amends.content.law.regimes import read_duties
from amends.content.notice import shipped_wording
from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.facts import Count
from amends.domain.law.addendum import GENERAL
from amends.domain.law.duty import Addressee
from amends.domain.law.regime import DutyRow, Regime
from amends.domain.lint.readability import LINK, sentences
from amends.domain.notice.notice import Slot
from amends.domain.notice.templates import ITEM_CLOSE, environment
from amends.domain.notice.wording import say_count
from tests.playbooks.rendering import (
    LOCALES,
    Rendered,
    Setting,
    context_of,
    incident,
    letters,
    phrases,
    render,
    settings,
    templates,
)

MASSACHUSETTS, UNITED_STATES = "us-ma", "us"
UNSAID = {"parent_company", "delay_reasons", "law_enforcement_delay"}
"""No fact of an incident file tells these, so no template can say them; each is asked for only if there is something."""
TELLS_HOW = {
    "en": r"\b(?:stolen|thief|broke|van)\b|(?<!identity )\btheft\b|\bpolice found\b",
    "zh-CN": r"被盗|小偷|撬|服务车|警方找到",
}


def in_letter(letter: str, **wanted: object) -> list[Rendered]:
    """Every message that is written in this letter."""
    found = [each for each in settings() if each.letter == letter]
    chosen = [each for each in found if all(getattr(each, name) == value for name, value in wanted.items())]
    assert chosen
    return [render(each) for each in chosen]


def first_letter(letter: str, locale: str = "en", **more: object) -> Rendered:
    return render(replace(Setting("first-notice", locale, ChannelKind.EMAIL, letter=letter), **more))


def duties_to_people() -> Iterator[tuple[Regime, DutyRow]]:
    table = read_duties()
    for regime in table.all_regimes():
        for row in regime.duties:
            if table.recipients[row.recipient].addressee is Addressee.PEOPLE:
                yield regime, row


def test_every_code_of_every_duty_to_people_is_answered_by_an_item() -> None:
    codes = {(regime.id, code) for regime, row in duties_to_people() for code in row.content}
    assert len(codes) > 100
    assert [pair for pair in sorted(codes) if letters().item_of(pair[1]) is None] == []


def test_no_item_answers_a_code_that_no_duty_to_people_has() -> None:
    asked = {code for _, row in duties_to_people() for code in row.content}
    assert {code for item in letters().items.values() for code in item.codes} - asked == set()


def test_a_places_addendum_says_what_duties_ask_unless_forbidden() -> None:
    """The addendum of a place says each item that the duties to people there ask for, unless the addendum must leave
    the item out.
    """
    missing = []
    for regime, row in duties_to_people():
        for place in regime.places:
            letter_id = letters().addendum_for(*place.split("-"))
            letter = letters().addendum(letter_id)
            for code in row.content:
                item = letters().item_of(code) or code
                if not letters().says(letter_id, item) and item not in (letter.leaves_out if letter else ()):
                    missing.append((regime.id, letter_id, item))
    assert missing == []


def test_addenda_leave_out_what_duties_forbid_and_nothing_else() -> None:
    """The addenda leave out the items that the duties of a place forbid, and no other items."""
    forbidden = {
        (place, ban.item)
        for regime in read_duties().all_regimes()
        for ban in regime.must_not
        for place in regime.places
        if ban.item
    }
    left_out = {(place, item) for letter in letters().addenda for place in letter.places for item in letter.leaves_out}
    assert left_out == forbidden


def test_people_of_a_territory_get_the_addendum_of_its_country() -> None:
    """People of a territory that has a country code of its own get the addendum of the country to which it belongs."""
    for own, place in read_duties().also_called.items():
        assert letters().addendum_for(own) == letters().addendum_for(*place.split("-"))


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("letter", [GENERAL, *(letter.id for letter in letters().addenda)])
def test_a_first_notice_says_all_that_its_letter_is_to_say(letter: str, locale: str) -> None:
    wanted = {item for item in letters().items if letters().says(letter, item)} - UNSAID
    wanted -= {"people_count"}  # the page has the number; no law asks for it in a letter
    if letter == MASSACHUSETTS:
        wanted -= {"consequences"}  # only the story could tell, and it tells how it happened
    assert set(first_letter(letter, locale).items) == wanted


def test_what_no_template_says_is_asked_for_only_conditionally() -> None:
    """An item that no template says is one that the duties ask for only where there is something to say."""
    assert {item for item in UNSAID if not letters().items[item].if_any} == set()


@pytest.mark.parametrize("letter", [GENERAL, *(letter.id for letter in letters().addenda)])
def test_a_correction_is_as_full_as_a_first_notice(letter: str) -> None:
    correction = render(Setting("correction", "en", ChannelKind.EMAIL, letter=letter))
    assert set(first_letter(letter).items) == set(correction.items) - {"people_count"}


def test_a_fact_that_is_not_known_is_not_marked_as_said() -> None:
    assert not {"wrongdoer", "officer", "people_count"} & set(first_letter("za", sparse=True).items)


# Massachusetts: neither how it happened nor how many.


@pytest.mark.parametrize("locale", LOCALES)
def test_no_message_to_massachusetts_tells_a_sentence_of_the_story(locale: str) -> None:
    story = incident().texts[locale]
    news = [one.text[locale] for one in incident().news]
    told = {sentence for text in (*story.model_dump().values(), *news) for sentence in sentences(text)}
    assert [
        (str(message.setting), sentence)
        for message in in_letter(MASSACHUSETTS, locale=locale)
        for sentence in told
        if sentence in f"{message.subject} {message.text}"
    ] == []


@pytest.mark.parametrize("locale", LOCALES)
def test_no_message_to_massachusetts_tells_how_it_happened(locale: str) -> None:
    how = re.compile(TELLS_HOW[locale], re.IGNORECASE)
    said = {str(m.setting): LINK.sub("", f"{m.subject} {m.text}") for m in in_letter(MASSACHUSETTS, locale=locale)}
    assert [setting for setting, text in said.items() if how.search(text)] == []
    assert how.search(LINK.sub("", first_letter(UNITED_STATES, locale).text))


@pytest.mark.parametrize("locale", LOCALES)
def test_no_message_to_massachusetts_tells_the_number_of_people(locale: str) -> None:
    assert [
        str(m.setting) for m in in_letter(MASSACHUSETTS, locale=locale) if re.search(r"(?<!\d)240(?!\d)", m.text)
    ] == []
    assert "240" in first_letter(UNITED_STATES, locale).text


def test_no_message_to_massachusetts_marks_what_it_must_leave_out() -> None:
    assert [str(m.setting) for m in in_letter(MASSACHUSETTS) if {"nature", "people_count"} & set(m.items)] == []


def test_every_notice_has_a_text_for_massachusetts_per_channel() -> None:
    """Each notice has a text for Massachusetts on each personal channel that it is written for."""
    written = {(message.setting.notice, message.setting.channel) for message in in_letter(MASSACHUSETTS)}
    general = {(each.notice, each.channel) for each in settings() if each.channel.personal}
    assert written == general


def test_no_email_to_massachusetts_leads_to_the_page_of_what_happened() -> None:
    """No email to Massachusetts leads to the page that tells how the incident happened."""
    emails = in_letter(MASSACHUSETTS, channel=ChannelKind.EMAIL)
    assert [str(message.setting) for message in emails if "/n/stolen-terminals/" in message.text] == []


@pytest.mark.parametrize("locale", LOCALES)
def test_an_email_to_massachusetts_still_names_data_and_advice(locale: str) -> None:
    """An email to Massachusetts still says which data was touched, what to do, and at which number to call."""
    letter = first_letter(MASSACHUSETTS, locale)
    assert Slot.YOUR_DATA.mark in letter.drafted
    assert Slot.STEPS.mark in letter.parts["what_you_can_do"]
    assert incident().organisation.contacts.phone in letter.text


@pytest.mark.parametrize("locale", LOCALES)
def test_an_sms_to_massachusetts_is_neutral_and_to_others_is_not(locale: str) -> None:
    """An SMS to Massachusetts does not say what happened, and an SMS to other states does."""
    in_short = incident().texts[locale].in_short
    sms = Setting("first-notice", locale, ChannelKind.SMS)
    assert in_short not in render(replace(sms, letter=MASSACHUSETTS)).text
    assert in_short in render(replace(sms, letter=UNITED_STATES)).text


# Everywhere.


@pytest.mark.parametrize("locale", LOCALES)
def test_the_general_letter_names_no_office_of_any_one_country(locale: str) -> None:
    messages = [render(each) for each in settings() if each.letter == GENERAL and each.locale == locale]
    personal = [message for message in messages if message.setting.channel.personal]
    named = [one for one in personal if any(helper in one.drafted for helper in shipped_wording().helpers)]
    assert [str(one.setting) for one in named] == []


@pytest.mark.parametrize(
    ("place", "office"),
    [
        ("US-DC", "Attorney General of the District of Columbia"),
        ("US-IA", "Attorney General of Iowa"),
        ("US-MA", "Attorney General of Massachusetts"),
        ("US-MD", "Attorney General of Maryland"),
        ("US-NC", "Attorney General of North Carolina"),
        ("US-NM", "New Mexico Department of Justice"),
        ("US-NY", "Attorney General of New York"),
        ("US-OR", "Attorney General of Oregon"),
        ("US-RI", "Attorney General of Rhode Island"),
    ],
)
def test_a_state_that_asks_for_its_attorney_general_gets_that_one(place: str, office: str) -> None:
    assert letters().says(letters().addendum_for("US", place[3:]), "attorney_general")
    told = shipped_wording().help_text("en", place, incident().facts.categories(), child=False)
    assert re.findall(r"^- (.*(?:Attorney General|Department of Justice).*?):", told, re.MULTILINE) == [office]


def test_the_places_that_ask_for_an_attorney_general_are_all_tried() -> None:
    asking = {place for one in letters().addenda if "attorney_general" in one.adds for place in one.places}
    assert asking == {f"US-{state}" for state in "DC IA MA MD NC NM NY OR RI".split()}


OFFER = {
    "provider": "",
    "code": "AB-12",
    "link": "https://help.btepai.example/watch",
    "phone": "",
    "until": "X",
    "how": "",
    "codes": "",
}
"""A way to take up an offer, as a template is given it."""
SIGN_UP = {
    "en": "To sign up, go to <https://help.btepai.example/watch>, use the code AB-12, by X.",
    "zh-CN": "登记网址：<https://help.btepai.example/watch>。登记码：AB-12。登记截止：X。",
}


def with_monitoring(setting: Setting, **fate: object) -> str:
    """The notice of this setting, in which the first promise is credit monitoring that can be taken up."""
    first, *others = context_of(setting)["promises"]
    return written(setting, promises=[first | {"kind": "credit_monitoring", "take_up": OFFER} | fate, *others])


@pytest.mark.parametrize("locale", LOCALES)
def test_an_offer_says_how_to_take_it_up(locale: str) -> None:
    setting = Setting("first-notice", locale, ChannelKind.EMAIL, letter=MASSACHUSETTS)
    said = with_monitoring(setting)
    assert SIGN_UP[locale] in said
    assert {"en": "You need not show a bank card", "zh-CN": "不用出示银行卡"}[locale] in said
    assert SIGN_UP[locale] not in first_letter(MASSACHUSETTS, locale).text


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(("state", "offered"), [("kept", True), ("late", True), ("dropped", False)])
def test_a_correction_offers_what_still_stands(locale: str, state: str, offered: bool) -> None:
    text = with_monitoring(Setting("correction", locale, ChannelKind.EMAIL, letter=UNITED_STATES), state=state)
    assert (SIGN_UP[locale] in text) is offered


@pytest.mark.parametrize(("locale", "number"), [("en", "5,203"), ("zh-CN", "5203")])
def test_a_large_number_of_people_is_written_as_the_language_does(locale: str, number: str) -> None:
    people = say_count(phrases(locale), Count(min=5_203, max=5_203))
    text = written(Setting("first-notice", locale, ChannelKind.WEBSITE), people=people)
    assert f"people_count{ITEM_CLOSE}{number}\n" in text


def written(setting: Setting, **changes: object) -> str:
    """A notice as its template writes it when these values are others."""
    return str(environment(templates()).get_template(setting.path).render(context_of(setting) | changes))


def test_free_calls_are_named_only_where_the_number_is_free() -> None:
    assert "toll_free" in first_letter(UNITED_STATES).items
    assert "toll_free" not in first_letter(UNITED_STATES, sparse=True).items
