"""A guardian who reads a child's own result is told that “you” in it means the child."""

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.domain.notice.notice import Reader, Slot
from amends.domain.notice.templates import environment, split_items, split_parts, split_statements
from tests.playbooks.rendering import LOCALES, Setting, context_of, templates

MEANT = {"en": f"“you” and “your” in them mean {Slot.CHILD.mark}.", "zh-CN": f"其中的“您”指{Slot.CHILD.mark}。"}
ABOUT_A_CHILD = {"en": "about your child", "zh-CN": "事关孩子"}


def text_of(
    notice: str, locale: str, reader: Reader, channel: ChannelKind = ChannelKind.EMAIL, state: str = "kept"
) -> str:
    """The text of the notice, which tells each person a result of their own."""
    setting = Setting(notice, locale, channel, reader, state=state)
    values = context_of(setting)
    values["person"] |= {"remedy": Slot.RESULT.mark, "earlier_remedy": Slot.EARLIER_RESULT.mark}
    whole, _ = split_statements(environment(templates()).get_template(setting.path).render(values))
    return split_parts(split_items(whole)[0])[0]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("notice", ["promise-kept", "result-corrected"])
def test_a_guardian_reads_whom_a_result_is_about(notice: str, locale: str) -> None:
    text = text_of(notice, locale, Reader.GUARDIAN)
    assert text.index(MEANT[locale]) < text.index(Slot.RESULT.mark)
    assert MEANT[locale] not in text_of(notice, locale, Reader.SELF)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("state", ["open", "kept", "late", "dropped", "broken"])
@pytest.mark.parametrize("notice", ["promise-made", "promise-kept", "promise-late", "result-corrected"])
def test_an_sms_to_a_guardian_says_that_it_is_about_a_child(notice: str, state: str, locale: str) -> None:
    readers = (Reader.GUARDIAN, Reader.SELF)
    said = [ABOUT_A_CHILD[locale] in text_of(notice, locale, reader, ChannelKind.SMS, state) for reader in readers]
    assert said == [True, False]
