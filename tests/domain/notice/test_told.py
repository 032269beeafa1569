"""A message says what its text states, and an SMS what the page says to which it leads."""

from amends.domain.channel.channel import ChannelKind
from amends.domain.notice.notice import Draft
from amends.domain.notice.statement import Statement
from amends.domain.notice.told import Saying, saying
from tests.builders import a_draft, a_variant

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
