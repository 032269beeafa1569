"""What is different about a playbook is said key by key, and what of it is weaker."""

from typing import Any

import pytest
from pydantic import BaseModel

from amends.domain.law.addendum import Addenda
from amends.domain.plan.changes import RETIRED, UNKNOWN, PlaybookChange, changes, changes_of_words
from amends.domain.playbook.playbook import Playbook, Step
from tests.builders import a_chinese_phrases, a_phrases, a_playbook, a_promise, a_wording

SERIES = {
    "id": "update",
    "phase": "update",
    "after": "3d",
    "of": "notified",
    "every": "3d",
    "until": "resolved",
    "at_most": 20,
    "notice": "update",
    "channels": ["email", "website", "sms"],
    "approvals": {"needed": 3, "roles": ["legal", "security"]},
    "waits_for": ["authorities"],
    "when": {"severity_at_least": "medium", "cause": ["external_attack", "insider"]},
}


def with_step(**changed: Any) -> Playbook:
    return a_playbook(steps=[SERIES | changed], commitments=[])


def found(**changed: Any) -> list[PlaybookChange]:
    """What is said when these keys of the step are others."""
    return list(changes(with_step(), with_step(**changed)))


def test_the_same_playbook_has_no_changes() -> None:
    assert changes(a_playbook(), a_playbook()) == ()


def test_a_change_is_said_by_its_key_with_both_values() -> None:
    assert [(change.where, change.what) for change in found(every="1d")] == [("step update", "every: 1d instead of 3d")]


@pytest.mark.parametrize(
    "weaker",
    [
        {"after": "1d"},
        {"every": "12h"},
        {"at_most": 10},
        {"approvals": {"needed": 2, "roles": ["legal", "security"]}},
        {"approvals": {"needed": 3, "roles": ["legal"]}},
        {"channels": ["email", "website"]},
        {"waits_for": []},
        {"audience": "household"},
        {"optional": True},
        {"when": {"severity_at_least": "high", "cause": ["external_attack", "insider"]}},
        {"when": {"severity_at_least": "medium", "cause": ["insider"]}},
        {"when": {"severity_at_least": "medium", "cause": ["external_attack", "insider"], "open_questions": True}},
    ],
)
def test_what_protects_people_less_is_weaker(weaker: dict[str, Any]) -> None:
    assert [bool(change.weaker) for change in found(**weaker)] == [True]


@pytest.mark.parametrize(
    "stronger",
    [
        {"after": "5d"},
        {"every": "7d"},
        {"at_most": 30},
        {"approvals": {"needed": 4, "roles": ["legal", "security"]}},
        {"approvals": {"needed": 3, "roles": ["legal", "security", "privacy"]}},
        {"channels": ["email", "website", "sms", "social"]},
        {"cascade": ["email"]},
        {"reads_on": "Other words for whoever reads it."},
        {"when": {"severity_at_least": "low", "cause": ["external_attack", "insider"]}},
        {"when": {"severity_at_least": "medium"}},
    ],
)
def test_what_protects_people_as_well_is_not_weaker(stronger: dict[str, Any]) -> None:
    assert [bool(change.weaker) for change in found(**stronger)] == [False]


def test_telling_everybody_again_is_not_weaker() -> None:
    assert [change.weaker for change in changes(with_step(audience="household"), with_step())] == [""]


@pytest.mark.parametrize("other", [{"of": "assessed"}, {"until": "closed"}, {"notice": "first-notice"}])
def test_what_no_rule_can_judge_needs_two_people(other: dict[str, Any]) -> None:
    assert [change.weaker for change in found(**other)] == [UNKNOWN]


def test_days_of_business_cannot_be_measured_against_days() -> None:
    assert [change.weaker for change in found(after="5 business days")] == [UNKNOWN]


@pytest.mark.parametrize("model", [Step, Playbook])
def test_every_key_of_the_language_is_compared(model: type[BaseModel]) -> None:
    """A key that is added later is found without anybody thinking of it."""
    playbook = with_step()
    old = playbook if model is Playbook else playbook.steps[0]
    unseen = []
    for name in model.model_fields.keys() - {"id", "steps", "commitments"}:
        other = {"one": "more"} if isinstance(getattr(old, name), dict) else "something else"
        new = old.model_copy(update={name: other})
        after = new if isinstance(new, Playbook) else playbook.model_copy(update={"steps": (new,)})
        if not changes(playbook, after):  # type: ignore[arg-type]
            unseen.append(name)
    assert unseen == []


def test_a_step_without_which_people_hear_less_is_weaker() -> None:
    shorter = a_playbook(steps=[step.model_dump(by_alias=True) for step in a_playbook().steps if step.id != "update"])
    assert [(change.where, change.weaker) for change in changes(a_playbook(), shorter)] == [
        ("step update", "people are told less")
    ]


def test_a_new_step_is_said_with_what_it_does() -> None:
    extra = SERIES | {"id": "extra"}
    longer = a_playbook(steps=[*(step.model_dump(by_alias=True) for step in a_playbook().steps), extra])
    assert [str(change) for change in changes(a_playbook(), longer)] == [
        "step extra: is new (update, 3d after notified, update by email, website, sms)"
    ]


def test_a_step_that_stays_only_for_what_had_begun_is_not_missed() -> None:
    assert changes(with_step(reads_on=RETIRED), a_playbook(steps=[SERIES | {"id": "other"}], commitments=[])) == (
        PlaybookChange(where="step other", what="is new (update, 3d after notified, update by email, website, sms)"),
    )


def test_other_steps_first_is_said() -> None:
    steps = [step.model_dump(by_alias=True) for step in a_playbook().steps]
    turned = a_playbook(steps=[*steps[:-2], steps[-1], steps[-2]])
    assert [change.what for change in changes(a_playbook(), turned)] == ["its steps stand in another order"]


def test_a_promise_that_is_not_made_any_more_is_weaker() -> None:
    assert [(change.where, bool(change.weaker)) for change in changes(a_playbook(), a_playbook(commitments=[]))] == [
        ("promise audit", True)
    ]


@pytest.mark.parametrize(("due", "weaker"), [("90d", True), ("30d", False)])
def test_a_promise_that_is_due_later_is_weaker(due: str, weaker: bool) -> None:
    other = a_playbook(commitments=[a_promise().model_dump() | {"due": due}])
    assert [bool(change.weaker) for change in changes(a_playbook(), other)] == [weaker]


@pytest.mark.parametrize(("reply", "weaker"), [("96h", True), ("24h", False)])
def test_later_answers_are_weaker(reply: str, weaker: bool) -> None:
    assert [bool(change.weaker) for change in changes(a_playbook(), a_playbook(reply_within=reply))] == [weaker]


def test_less_time_to_approve_is_weaker() -> None:
    assert [bool(change.weaker) for change in changes(a_playbook(), a_playbook(approve_within="2h"))] == [True]


def test_a_change_for_one_severity_is_named_with_it() -> None:
    other = a_playbook(by_severity={"high": {"update": {"every": "1d"}}})
    assert [change.what for change in changes(a_playbook(), other)] == [
        "by_severity.high.update: every 1d instead of nothing"
    ]


# Words

TEXTS = {"update/en.email.md": "Hello.\nNews.", "update/zh-CN.email.md": "您好。", "other/en.email.md": "Never sent."}


def words(**changed: Any) -> list[PlaybookChange]:
    return list(
        changes_of_words(a_wording(templates=TEXTS), a_wording(**({"templates": TEXTS} | changed)), with_step())
    )


def test_the_same_words_have_no_changes() -> None:
    assert words() == []


def test_a_text_is_named_by_notice_locale_and_channel() -> None:
    found = words(templates=TEXTS | {"update/en.email.md": "Hello.\nOther news."})
    assert [str(one) for one in found] == ["notice update: the text for en email is another: 1 lines new, 1 gone"]


def test_a_text_that_is_left_out_is_weaker() -> None:
    left = {path: text for path, text in TEXTS.items() if "zh-CN" not in path}
    assert [(word.what, bool(word.weaker)) for word in words(templates=left)] == [
        ("the text for zh-CN email is left out", True)
    ]


def test_texts_that_nobody_gets_are_not_told() -> None:
    assert words(templates=TEXTS | {"other/en.email.md": "Changed."}) == []


def test_a_language_that_is_left_out_is_weaker() -> None:
    assert [(word.where, bool(word.weaker)) for word in words(phrases={"en": a_phrases()})] == [
        ("language zh-CN", True)
    ]


def test_phrases_that_are_allowed_again_are_weaker() -> None:
    phrases = {"en": a_phrases(never_say=()), "zh-CN": a_chinese_phrases()}
    assert [bool(word.weaker) for word in words(phrases=phrases)] == [True]


def test_letters_that_change_are_for_a_lawyer() -> None:
    letters = Addenda.model_validate(
        {
            "items": {"nature": {"says": "How"}},
            "addenda": [{"id": "us-ma", "places": ["US-MA"], "leaves_out": ["nature"]}],
        }
    )
    assert {(word.where, bool(word.weaker)) for word in words(addenda=letters)} == {
        ("letter us-ma", True),
        ("letter item nature", True),
    }
