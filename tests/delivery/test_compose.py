"""From a variant and a person to a message: everybody reads their own values, in every place as it is safe there."""

import html
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.delivery import compose
from amends.delivery.compose import Composer
from amends.delivery.markdown import to_html
from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.facts import DataCategory
from amends.domain.notice.notice import Reader, Slot, TextName, Variant
from amends.domain.people.person import Person
from amends.ledger import Claim
from amends.ledger.deliver.claims import Released
from tests.builders import NOW, a_draft, a_person, a_variant, a_wording, an_incident
from tests.delivery.sending import LINKS, personal_variants

HOSTILE = (
    "<script>alert(1)</script>",
    "{{7*7}}",
    "{% include 'x' %}",
    "**bold** _and_ `code`",
    "[click](https://evil.example)",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "O\"Neil & Sons' <b>",
    "&lt;already&gt;",
    Slot.PERSONAL_LINK.mark,
    "%EE%80%80personal_link%EE%80%81",
)


def a_composer(*variants: Variant) -> Composer:
    return Composer(an_incident(), a_draft(variants=variants or personal_variants("en", "zh-CN")), a_wording(), LINKS)


def a_claim(person: Person, **changes: object) -> Claim:
    """The person's own email."""
    first = Claim(
        id=person.number,
        lease=1,
        key=f"key-{person.number}",
        bounce=f"bounce-{person.number}",
        released=Released("first-notice", NOW, 1),
        attempts=1,
        channel=ChannelKind.EMAIL,
        text=TextName(person.locale, Reader.SELF),
        about=person,
        to=person,
        link=f"token-of-{person.number}-xxxxxxxxxxxx",
    )
    return first._replace(**changes)


@pytest.mark.parametrize(("locale", "greeting"), [("en", "customer"), ("zh-CN", "尊敬的用户")])
def test_who_has_no_name_gets_a_neutral_greeting(locale: str, greeting: str) -> None:
    named = {"en": "customer", "zh-CN": "尊敬的用户"}
    wording = a_wording()
    spoken = {name: one.model_copy(update={"nameless": named[name]}) for name, one in wording.phrases.items()}
    composer = Composer(
        an_incident(),
        a_draft(variants=personal_variants("en", "zh-CN")),
        wording.model_copy(update={"phrases": spoken}),
        LINKS,
    )
    message = composer.message(a_claim(a_person(number=1, name="", locale=locale)))
    assert greeting in message.text
    assert (message.to_name, message.values[Slot.NAME]) == ("", greeting)


class Seen(HTMLParser):
    """What a browser makes of markup: its tags, where its links lead, and the text that people read."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_text_names_the_person_the_data_and_the_link() -> None:
    text = a_composer().message(a_claim(a_person())).text
    assert text.startswith("Dear Kim Example 1,\n")
    assert "your name and contact details" in text
    assert text.count("https://betapai.example/p/token-of-1-xxxxxxxxxxxx") == 2


def test_each_link_in_the_markup_leads_to_the_personal_page() -> None:
    """The markup leads to the personal page wherever the link stands in the text."""
    seen = Seen(a_composer().message(a_claim(a_person())).html)
    assert seen.links == ["https://betapai.example/p/token-of-1-xxxxxxxxxxxx"] * 2


def test_no_slot_is_left_over_in_any_form() -> None:
    message = a_composer().message(a_claim(a_person()))
    everything = message.subject + message.text + message.html
    assert not any(trace in everything for trace in ("\ue000", "\ue001", "%EE%80", "personal_link", "your_data"))


def test_a_slot_in_the_subject_is_filled_as_plain_text() -> None:
    composer = a_composer(a_variant(subject=f"News for {Slot.NAME.mark}"))
    assert composer.message(a_claim(a_person(name="A & B"))).subject == "News for A & B"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_text_in_the_markup(name: str) -> None:
    usual = Seen(a_composer().message(a_claim(a_person(name="Kim"))).html)
    hostile = Seen(a_composer().message(a_claim(a_person(name=name))).html)
    assert (hostile.tags, hostile.links) == (usual.tags, usual.links)
    assert hostile.text == usual.text.replace("Kim", name)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stands_in_the_text_as_it_is(name: str) -> None:
    assert a_composer().message(a_claim(a_person(name=name))).text.startswith(f"Dear {name},\n")


def test_mail_without_markup_has_no_marks_and_shows_every_link() -> None:
    """A mail that is read without markup shows no marks of Markdown, and the address of every link."""
    text = f"## What to do\n\n1. **Call** us\n2. Read [your page]({LINKS.personal})\n"
    message = a_composer(a_variant(text=text)).message(a_claim(a_person(name="Kim", number=7)))
    link = LINKS.personal.replace(Slot.PERSONAL_LINK.mark, "token-of-7-xxxxxxxxxxxx")
    assert message.text == f"What to do\n\n1. Call us\n2. Read your page ({link})"


def test_a_value_inside_an_attribute_cannot_leave_it() -> None:
    composer = a_composer(a_variant(text=f'![x](y "about {Slot.NAME.mark}")'))
    seen = Seen(composer.message(a_claim(a_person(name='" onerror="alert(1)'))).html)
    assert seen.tags == ["p", "img"]


def test_a_guardian_reads_of_the_child_under_the_guardians_name() -> None:
    """A guardian reads the guardian's variant, under the guardian's own name and about the child."""
    child = a_person(number=5, name="Bo Child", data=(DataCategory.CREDENTIALS_HASHED,))
    guardian = a_person(number=6, name="Ana Parent")
    claim = a_claim(child, text=TextName("en", Reader.GUARDIAN), to=guardian)
    message = a_composer().message(claim)
    assert (message.to, message.to_name) == (guardian.email, "Ana Parent")
    assert message.text.startswith("Dear Ana Parent,\n\nit is about Bo Child: password in scrambled form.")


def test_a_person_without_listed_data_reads_what_was_touched() -> None:
    """A person without data of their own on the list reads what was touched in general."""
    text = a_composer().message(a_claim(a_person(data=()))).text
    assert "your name, contact details and password in scrambled form" in text


@pytest.mark.parametrize(
    ("reads", "gets"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("zh-CN", "zh-CN"),
        ("zh", "zh-CN"),
        ("zh-TW", "en"),
        ("zh-Hant-HK", "en"),
        ("fr", "en"),
    ],
)
def test_everybody_gets_the_nearest_locale_and_scripts_are_not_mixed(reads: str, gets: str) -> None:
    assert a_composer().message(a_claim(a_person(locale=reads))).locale == gets


def test_a_ruling_on_a_language_is_kept_in_the_message() -> None:
    """Readers without words get the text that was ruled for their locale, and nobody else does."""
    draft = a_draft(variants=personal_variants("en", "zh-CN"), instead={"fr": "zh-CN"})
    composer = Composer(an_incident(), draft, a_wording(), LINKS)
    said = {one: composer.message(a_claim(a_person(locale=one))).locale for one in ("fr", "en", "en-GB")}
    assert said == {"fr": "zh-CN", "en": "en", "en-GB": "en"}


@pytest.mark.parametrize("approved", [("en", "zh-CN"), ("zh-CN", "en")])
def test_whose_language_nobody_wrote_in_reads_that_of_the_incident(approved: tuple[str, str]) -> None:
    composer = a_composer(*personal_variants(*approved))
    assert composer.message(a_claim(a_person(locale="fr"))).locale == an_incident().default_locale == "en"


@pytest.mark.parametrize(("locale", "organisation"), [("en", "Betapai"), ("zh-CN", "贝塔派")])
def test_sender_and_page_are_named_in_the_language_of_the_message(locale: str, organisation: str) -> None:
    """Who writes and where the web page is are said in the language of the message."""
    message = a_composer().message(a_claim(a_person(locale=locale)))
    assert (message.form.sender, message.form.link) == (organisation, LINKS.page(an_incident().id, locale))


def test_what_comes_back_names_the_message_that_it_is_about() -> None:
    claims = [a_claim(a_person(number=number)) for number in (1, 2)]
    composer = a_composer()
    assert [composer.message(claim).bounce for claim in claims] == ["bounce-1", "bounce-2"]


def test_who_reads_for_themselves_reads_of_no_child() -> None:
    variant = a_variant(text=f"About {Slot.CHILD.mark}.")
    assert a_composer(variant).message(a_claim(a_person())).values[Slot.CHILD] == ""


def test_the_data_is_named_in_the_language_of_the_message() -> None:
    assert "姓名和联系方式" in a_composer().message(a_claim(a_person(locale="zh-CN"))).text


def test_a_variant_that_was_not_approved_is_an_error() -> None:
    with pytest.raises(KeyError):
        a_composer(a_variant()).message(a_claim(a_person(), text=TextName("en", Reader.GUARDIAN)))


def test_an_sms_goes_to_the_phone_and_has_no_markup() -> None:
    message = a_composer().message(a_claim(a_person(), channel=ChannelKind.SMS))
    assert (message.to, message.html) == (a_person().phone, "")


def test_a_chinese_sms_bears_the_registered_signature() -> None:
    composer = a_composer()
    signatures = {
        locale: composer.message(a_claim(a_person(locale=locale), channel=ChannelKind.SMS)).signature
        for locale in ("en", "zh-CN")
    }
    assert signatures == {"en": "", "zh-CN": "贝塔派"}


def test_an_optional_message_says_where_one_post_ends_them() -> None:
    message = a_composer().message(a_claim(a_person(), opt_out="stop-1"))
    assert message.unsubscribe == "https://betapai.example/u/stop-1"


def test_what_people_must_get_offers_no_end() -> None:
    assert a_composer().message(a_claim(a_person())).unsubscribe == ""


def test_the_way_out_stands_in_no_text_and_does_not_open_the_page() -> None:
    message = a_composer().message(a_claim(a_person(), opt_out="stop-1"))
    assert "stop-1" not in message.text + message.html + message.subject
    assert "token-of-1" not in message.unsubscribe


def test_what_is_said_to_the_public_is_addressed_to_nobody() -> None:
    page = a_composer().message(a_claim(a_person(), channel=ChannelKind.WEBSITE, about=None, to=None, link=""))
    assert (page.to, page.to_name) == ("", "")
    assert page.text == "On 20 November 2026 somebody copied part of our customer database."


def test_a_page_knows_the_clock_of_the_organisation() -> None:
    incident = an_incident()
    there = incident.organisation.model_copy(update={"timezone": "Asia/Shanghai"})
    draft = a_draft(variants=personal_variants("en"))
    composer = Composer(incident.model_copy(update={"organisation": there}), draft, a_wording(), LINKS)
    page = composer.message(a_claim(a_person(), channel=ChannelKind.WEBSITE, about=None, to=None, link=""))
    assert page.form.zone == "Asia/Shanghai"


def test_markup_is_made_once_for_each_variant_however_many_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[str] = []

    def counted(markdown: str) -> str:
        rendered.append(markdown)
        return to_html(markdown)

    monkeypatch.setattr(compose, "to_html", counted)
    composer = a_composer(a_variant(), a_variant(channel=ChannelKind.SMS))
    for number in range(1, 50):
        composer.message(a_claim(a_person(number=number)))
    steps, help_text = "1. From now on: Be careful with emails and calls in our name.", "Tell the police."
    assert (len(rendered), rendered[1].startswith(steps), rendered[2]) == (3, True, help_text)


NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Co")), min_size=1, max_size=60)
COMPOSER = a_composer()


@given(NAMES)
def test_a_name_is_exact_in_the_text_and_escaped_in_the_markup(name: str) -> None:
    """Any name stands exactly in the text and escaped in the markup."""
    message = COMPOSER.message(a_claim(a_person(name=name)))
    assert message.to_name == name
    assert message.text.startswith(f"Dear {name},\n\n")
    assert f"<p>Dear {html.escape(name)},</p>" in message.html


@given(st.lists(NAMES, min_size=2, max_size=5))
def test_no_value_of_one_person_stands_in_the_message_of_another(names: list[str]) -> None:
    people = [a_person(number=number, name=f"{name} <{number}>") for number, name in enumerate(names, start=1)]
    claims = [a_claim(person) for person in people]
    for claim in claims:
        message = COMPOSER.message(claim)
        read = html.unescape(message.html) + message.text + message.to + message.to_name
        others = [other for other in claims if other is not claim]
        private = [value for other in others for value in (other.link, other.to.name, other.to.email, other.to.phone)]
        assert [value for value in private if value in read] == []
