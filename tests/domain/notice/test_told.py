"""A message says what its text states, and an SMS what the page says to which it leads."""

from datetime import datetime, timedelta

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import PageVersion
from amends.domain.notice.notice import Draft
from amends.domain.notice.statement import Statement
from amends.domain.notice.told import Saying, pages_for, saying
from tests.builders import NOW, a_draft, a_variant

CAUSE, PEOPLE = Statement(key="cause", value="theft"), Statement(key="people", value="240/240")
ELEMENTS = Statement(key="elements", value="contact|health")
PAGE = a_variant(channel=ChannelKind.WEBSITE, states=("cause", "elements", "people"))
SMS = a_variant(channel=ChannelKind.SMS, states=("cause",))
EMAIL = a_variant(states=("elements",))


def draft_of(*variants: object) -> Draft:
    return a_draft(variants=variants, statements=(CAUSE, ELEMENTS, PEOPLE))


def said(draft: Draft, channel: ChannelKind, elements: str = "", *, public: bool = False) -> Saying:
    return saying(draft, 1, channel, "en/self", elements, "en", public=public)


def test_an_sms_says_what_its_page_says_but_nobodys_own_data() -> None:
    """Somebody who has only an SMS was told what stands on the page; the page lists the data of everybody."""
    assert said(draft_of(PAGE, SMS), ChannelKind.SMS, "contact").statements == {"cause": CAUSE, "people": PEOPLE}


def test_an_sms_of_a_notice_without_a_page_says_its_own_text() -> None:
    assert said(draft_of(SMS), ChannelKind.SMS).statements == {"cause": CAUSE}


def test_a_letter_says_what_the_email_says() -> None:
    found = said(draft_of(PAGE, EMAIL), ChannelKind.LETTER, "health").statements
    assert {key: one.value for key, one in found.items()} == {"elements": "health"}


def test_a_page_says_its_own_text() -> None:
    found = said(draft_of(PAGE, SMS), ChannelKind.WEBSITE, public=True).statements
    assert found == {"cause": CAUSE, "elements": ELEMENTS, "people": PEOPLE}


KNOWN = {"cause": Statement(key="cause", value="insider"), "people": PEOPLE}
DAY = timedelta(days=1)


def a_page(notice: str, at: datetime, *, channel: ChannelKind = ChannelKind.WEBSITE, **values: str) -> Saying:
    """What a page, or a post, of this date says."""
    stated = {key: Statement(key=key, value=value) for key, value in values.items()}
    return Saying(notice, 1, channel, "en/self", "", True, at, stated)


def wrong(notice: str, *sayings: Saying) -> dict[PageVersion, frozenset[str]]:
    return dict(pages_for(notice, sayings, KNOWN).wrong)


FIRST = a_page("first-notice", NOW, cause="theft", people="240/240")
RIGHT = a_page("correction-1", NOW + 2 * DAY, cause="insider")


def test_a_correction_names_the_pages_that_say_otherwise() -> None:
    update = a_page("update-1", NOW + DAY, people="240/240")
    assert wrong("correction-1", FIRST, update) == {PageVersion("first-notice", NOW): frozenset({"cause"})}


def test_a_page_is_not_named_when_a_later_page_has_set_it_right() -> None:
    """A correction of something else leaves the note as it is: it leads to where this was set right."""
    assert wrong("correction-2", FIRST, RIGHT) == {}


def test_a_wrong_correction_is_named_with_the_first_page() -> None:
    again = a_page("correction-1", NOW + 2 * DAY, cause="loss")
    assert wrong("correction-2", FIRST, again).keys() == {
        PageVersion("first-notice", NOW),
        PageVersion("correction-1", NOW + 2 * DAY),
    }


def test_only_the_version_of_a_page_that_stands_can_be_wrong() -> None:
    right, at = a_page("first-notice", NOW + DAY, people="240/240"), NOW + 3 * DAY
    assert wrong("correction-1", FIRST, right) == {}
    assert wrong("correction-1", right, a_page("first-notice", at, cause="theft")).keys() == {
        PageVersion("first-notice", at)
    }


def test_a_wrong_post_is_no_wrong_page() -> None:
    assert wrong("correction-1", a_page("first-notice", NOW, channel=ChannelKind.SOCIAL, cause="theft")) == {}


def test_earlier_versions_of_a_page_come_in_order_with_all_languages() -> None:
    chinese = a_page("first-notice", NOW, discovered="2026-03-02")
    found = pages_for("first-notice", [a_page("first-notice", NOW + DAY), FIRST, chinese, RIGHT], KNOWN).earlier
    assert [one.dated for one in found] == [NOW, NOW + DAY]
    assert found[PageVersion("first-notice", NOW)].keys() == {"cause", "people", "discovered"}
