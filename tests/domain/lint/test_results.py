"""The words of each person's own result are read as the rest of the notice is."""

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.domain.lint.lint import lint
from amends.domain.notice.notice import Slot
from tests.builders import ENGLISH_PARTS, PAGE, a_draft, a_variant, a_wording, an_incident

SOUND = {"en": "We looked at your lock, and it is sound.", "zh-CN": "我们检查了您的门锁，没有问题。"}


def codes(said: str, channel: ChannelKind = ChannelKind.EMAIL) -> set[str]:
    """The codes of the findings that come from this result beside a sound one."""
    text = "\n\n".join((*ENGLISH_PARTS.values(), Slot.RESULT.mark))
    variants = (a_variant(channel=channel, text=text),)
    found = []
    for results in ({"sound": SOUND}, {"sound": SOUND, "other": {"en": said, "zh-CN": "没有问题。"}}):
        draft = a_draft(variants=variants, results=results)
        found.append({one.code for one in lint(draft, an_incident(), a_wording(), PAGE)})
    return found[1] - found[0]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("Your account is fine, and no evidence of misuse.", "L106"),
        ("We found {name}.", "L109"),
        ("TODO", "L114"),
        ("See https://elsewhere.example/you for more.", "L104"),
    ],
)
def test_the_words_of_a_result_are_read(said: str, code: str) -> None:
    assert code in codes(said)


def test_a_sound_result_adds_no_finding() -> None:
    assert codes("We checked your account and found no change that is not yours.") == set()


def test_a_page_for_everybody_holds_nobodys_result() -> None:
    text = f"{ENGLISH_PARTS['what_happened']} {Slot.RESULT.mark}"
    draft = a_draft(variants=(a_variant(channel=ChannelKind.WEBSITE, text=text),), results={"sound": SOUND})
    assert "L111" in {one.code for one in lint(draft, an_incident(), a_wording(), PAGE)}
