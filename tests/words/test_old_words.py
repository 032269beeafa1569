"""Sentences that readers, editors and lawyers found untrue, cold or stiff, and that no shipped text says any more."""

import re

import pytest

from amends.content.notice import shipped_wording
from amends.content.playbook.commitment_library import shipped_commitments
from tests.playbooks.rendering import LOCALES

OLD = {
    "en": """
        trust nobody who brings this up
        is named above
        are named above
        as far as we have an address
        how each promise ends
        What has become of our promises
        What shows it
        If you see it otherwise
        we owe you the reason
        Questions that have reached us
        No questions have reached us
        Thank you for your patience
        If you feel in danger because of this
        Helping you comes first
        We want to help you put it right
        distrust
        doubt messages
        all homes of the last five years
        Some days ago we told you
        Letters that the law demands
        In charge of personal data
        does not let this letter say
        what it has cost you
        went wrong on our side, and it affects you
        When we stopped it from going further
        data protection authority where you live
    """,
    "zh-CN": """
        亲口
        我们这边出了一件事
        ，您好：
        当务之急
        都别轻信
        再开门
        承诺日期
        由未参与的人员复核
        添了难处
        应当给您一个说法
        应当让您信得过
        错在哪里
        我们说好在
        抱歉来晚了
        免得您空等
        这样做的都不是我们
        靠复述
        大约十分钟
        小偷能看到
        信用和身份监测
        认真查过
        如果上面提到
        本周内
    """,
}
"""Found on 29 and 30 November 2026, by editors of both languages and by readers of the letters that are kept."""


def shipped_texts(locale: str) -> dict[str, str]:
    """Every text that a customer may read in this locale, by where it stands."""
    wording = shipped_wording()
    phrases = wording.phrases[locale].model_dump(exclude={"never_say", "admissions"})
    texts = {path: text for path, text in wording.templates.items() if path.split("/")[1].startswith(f"{locale}.")}
    texts["locale"] = "\n".join(_strings(phrases))
    texts["help"] = "\n".join(_strings([help_.model_dump() for help_ in wording.helps]))
    texts["commitments"] = "\n".join(_strings(shipped_commitments().model_dump()))
    return texts


def _strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in _strings(one)]
    if isinstance(value, list | tuple):
        return [text for one in value for text in _strings(one)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("locale", LOCALES)
def test_no_text_says_what_readers_took_ill(locale: str) -> None:
    old = [line.strip() for line in OLD[locale].strip().splitlines()]
    said = re.compile("|".join(map(re.escape, old)))
    found = {where: match[0] for where, text in shipped_texts(locale).items() if (match := said.search(text))}
    assert found == {}


def test_no_text_tells_the_hour_of_the_next_news() -> None:
    """A reader plans by the day; nobody reads UTC-8 at three in the morning."""
    for locale in LOCALES:
        assert "{hour}" not in shipped_wording().phrases[locale].moment
