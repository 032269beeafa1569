"""An update says what many people ask: the published answer, or that there is none yet; the lint asks for it."""

from datetime import timedelta

import pytest

from amends.content.notice import shipped_wording
from amends.domain.base.audience import EVERYONE
from amends.domain.case.case import Case
from amends.domain.channel.channel import ChannelKind
from amends.domain.draft.draft import draft
from amends.domain.draft.writer import Links, Readers, Wanted
from amends.domain.feedback.queue.faq import FaqText
from amends.domain.feedback.queue.gaps import ManyAsked
from amends.domain.law.addendum import GENERAL
from amends.domain.lint.lint import lint_in
from amends.domain.notice.notice import Draft, Reader, TextName
from tests.builders import NOW, a_case, an_assessment, variant_of

LINKS = Links("https://betapai.example")
BOTH = frozenset({TextName("en", Reader.SELF, GENERAL), TextName("zh-CN", Reader.SELF, GENERAL)})
TEXTS = {
    "en": FaqText(question="Is my address in it?", answer="No.\n\nOnly your name is."),
    "zh-CN": FaqText(question="有我的地址吗？", answer="没有。"),
}
GAP = ManyAsked(group=3, topic="scam", questions=60, answered=False)
ANSWERED = ManyAsked(group=4, topic="my_data", questions=60, answered=True, public=TEXTS, public_at=NOW)


def a_case_with(*asked: ManyAsked) -> Case:
    events = {"opened": NOW, "assessed": NOW, "notified": NOW}
    return a_case(events=events, assessment=an_assessment(), many_asked=asked)


def update(case: Case) -> Draft:
    assert case.playbook
    wanted = Wanted("update-1", "update", EVERYONE)
    return draft(
        case,
        shipped_wording(),
        step=case.playbook.step("update"),
        number=1,
        wanted=wanted,
        readers=Readers("audience-1:everyone", 3, BOTH),
        links=LINKS,
        facts_digest="facts-1",
        now=NOW + timedelta(days=3),
    )


@pytest.mark.parametrize("channel", [ChannelKind.EMAIL, ChannelKind.WEBSITE])
@pytest.mark.parametrize(("locale", "said"), [("en", "Many of you asked about calls"), ("zh-CN", "许多人问到冒充我们")])
def test_a_gap_is_spoken_of_with_the_day_of_the_next_news(channel: ChannelKind, locale: str, said: str) -> None:
    text = variant_of(update(a_case_with(GAP)), locale, channel).parts["many_asked"]
    assert (said in text, "2026" in text) == (True, True)


@pytest.mark.parametrize(
    ("locale", "said"),
    [("en", "**Is my address in it?** No. Only your name is."), ("zh-CN", "**有我的地址吗？** 没有。")],
)
def test_an_answer_that_was_published_is_told_to_everybody(locale: str, said: str) -> None:
    assert said in variant_of(update(a_case_with(ANSWERED)), locale, ChannelKind.EMAIL).text


def test_a_long_answer_is_left_to_the_page() -> None:
    long = {"en": FaqText(question="Is my address in it?", answer="No. " * 200)}
    text = variant_of(update(a_case_with(ANSWERED.model_copy(update={"public": long}))), "en", ChannelKind.EMAIL).text
    assert (
        "**Is my address in it?** The answer is here: <https://betapai.example/n/november-breach/en/questions>" in text
    )


def test_an_update_without_such_questions_says_nothing_of_them() -> None:
    silent = ANSWERED.model_copy(update={"public": {}, "public_at": None})
    for case in (a_case_with(), a_case_with(silent)):
        assert "many_asked" not in variant_of(update(case), "en", ChannelKind.EMAIL).parts


def codes(case: Case, drafted: Draft) -> set[str]:
    return {finding.code for finding in lint_in(case, drafted, shipped_wording(), LINKS.pages(case.incident.id))}


def test_the_lint_asks_for_a_gap_that_the_update_leaves_out() -> None:
    assert "L177" in codes(a_case_with(GAP), update(a_case_with()))
    assert "L177" not in codes(a_case_with(GAP), update(a_case_with(GAP)))
    assert "L177" not in codes(a_case_with(ANSWERED), update(a_case_with()))


def test_the_sentences_of_a_gap_are_no_finding_themselves() -> None:
    plain, spoken = (codes(case, update(case)) for case in (a_case_with(), a_case_with(GAP, ANSWERED)))
    assert spoken - plain == set()
