"""Every template is tried in every state that its notice may find, before a night comes in which it has to be sent."""

from datetime import timedelta

import pytest

from amends.content.incident.incident import read_incident
from amends.content.notice import shipped_wording
from amends.domain.base.errors import Finding
from amends.domain.case.case import Case
from amends.domain.draft.trial import faults
from amends.domain.incident.incident import News
from amends.domain.notice.wording import Wording
from tests.builders import NOW, a_case, an_assessment, an_incident
from tests.domain.draft import test_draft
from tests.playbooks.rendering import STORY

NEWS = News(at=NOW + timedelta(days=9), text={"en": "They are found.", "zh-CN": "找到了。"})
TYPO = "{{ nothing_of_that_name }}"

STATES = (
    "news",
    "not news",
    "late.named",
    "late.came",
    "changes",
    "changes | selectattr('wrong') | list",
    "changes | selectattr('ruled_out') | list",
    "promises",
    "promises | selectattr('kind', 'eq', 'credit_monitoring') | list",
    "promises | selectattr('state', 'eq', 'kept') | list",
    "promises | selectattr('state', 'eq', 'late') | list",
    "promises | selectattr('state', 'eq', 'dropped') | list",
    "not promises",
    "since.first",
    "next_news",
    "not next_news",
    "questions.asked",
    "not contained",
    "not data",
    "not organisation.hours",
    "not story.what_you_can_do",
    "reader == 'guardian'",
    "severity == 'very_high'",
    "tone == 'factual'",
)


def words(text: str = "fine", **given: str) -> Wording:
    """Words for one notice, with the shipped phrases and addenda."""
    return shipped_wording().model_copy(update={"templates": test_draft.words(text, **given).templates})


def found(wording: Wording, case: Case | None = None) -> list[Finding]:
    return list(faults(case or a_case(incident=an_incident(news=(NEWS,)), assessment=an_assessment()), wording, NOW))


def at(finding: Finding) -> str:
    return f"{finding.where} {finding.code}"


def test_shipped_templates_have_no_fault_in_any_state() -> None:
    case = a_case(incident=read_incident(STORY / "incident.yaml"), assessment=an_assessment())
    assert found(shipped_wording(), case) == []


def test_each_fault_is_named_once_with_its_line() -> None:
    wording = words("{{ story.in_short }}", en_email=f"one\n{TYPO}", notice="update")
    wording = wording.model_copy(update={"templates": wording.templates | {"closing/zh-CN.sms.txt": f"one\n\n{TYPO}"}})
    assert sorted(map(at, found(wording))) == [
        "notices/closing/zh-CN.sms.txt:3:1 E121",
        "notices/update/en.email.md:2:1 E121",
    ]


def test_a_fault_in_a_rare_state_is_found() -> None:
    texts = {f"in-{n:02}/en.email.md": f"{{% if {state} %}}\n{TYPO}\n{{% endif %}}" for n, state in enumerate(STATES)}
    places = sorted(at(one) for one in found(words().model_copy(update={"templates": texts})))
    assert places == [f"notices/{path}:2:1 E121" for path in texts]


@pytest.mark.parametrize("addendum", ["us-ma", "general"])
def test_a_fault_for_readers_of_one_place_is_found(addendum: str) -> None:
    text = f"{{% if addendum.id == {addendum!r} %}}\n{TYPO}\n{{% endif %}}"
    wording = words(en_sms=text)
    assert [at(one) for one in found(wording)] == ["notices/first-notice/en.sms.txt:2:1 E121"]


def test_a_fault_in_the_revisions_of_a_page_is_found() -> None:
    wording = words(notice="update", en_website=f"{{% if revisions|length == 2 %}}\n{TYPO}\n{{% endif %}}")
    assert [at(one) for one in found(wording)] == ["notices/update/en.website.md:2:1 E121"]


@pytest.mark.parametrize(
    ("notice", "state"),
    [
        ("promise-made", "promise.state == 'open'"),
        ("promise-kept", "promise.evidence"),
        ("promise-kept", "not promise.evidence"),
        ("promise-late", "promise.new_due"),
        ("promise-late", "promise.next_word"),
        ("promise-late", "promise.state == 'dropped'"),
    ],
)
def test_a_notice_about_a_promise_is_tried_with_each_fate(notice: str, state: str) -> None:
    wording = words(notice=notice, en_email=f"{{% if {state} %}}\n{TYPO}\n{{% endif %}}")
    assert [at(one) for one in found(wording)] == [f"notices/{notice}/en.email.md:2:1 E121"]


def test_a_language_without_texts_in_the_example_is_tried_too() -> None:
    case = a_case(incident=an_incident(texts={"en": an_incident().texts["en"]}), assessment=an_assessment())
    wording = words("{{ story.what_happened }} {{ news | map(attribute='text') | join }}")
    assert found(wording, case) == []
    files = wording.templates | {"first-notice/zh-CN.sms.txt": TYPO}
    assert [at(one) for one in found(wording.model_copy(update={"templates": files}), case)] == [
        "notices/first-notice/zh-CN.sms.txt:1:1 E121"
    ]
