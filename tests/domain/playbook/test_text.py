"""A playbook is read by people who do not write YAML: everything that it says is said in words."""

from pathlib import Path
from typing import Any

import pytest

from amends.domain.playbook.playbook import Playbook, When
from amends.domain.playbook.text import condition, in_words
from tests.builders import a_playbook

ASSESS = {"id": "assess", "phase": "assess", "of": "opened"}


def words_of(*more: dict[str, Any], **keys: Any) -> list[str]:
    book = Playbook.model_validate(a_playbook().model_dump(by_alias=True) | {"steps": [ASSESS, *more]} | keys)
    return [line.strip() for line in in_words(book)]


def telling(**changes: Any) -> dict[str, Any]:
    return {
        "id": "tell",
        "phase": "notify",
        "of": "assessed",
        "notice": "news",
        "channels": ["website", "email"],
    } | changes


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"after": "5 business days"}, "tell (notify), 5 business days after assessed"),
        ({"after": "1d", "at": "09:00"}, "tell (notify), 1d after assessed, at 09:00"),
        ({"of": "", "on": "2027-01-04T08:00:00Z"}, "tell (notify), on 2027-01-04 08:00 UTC"),
        (
            {"after": "1d", "every": "2 business days", "until": "resolved", "at_most": 9},
            "tell (notify), 1d after assessed, then every 2 business days until resolved, 9 times at most",
        ),
        ({"every": "1d", "at_most": 2}, "tell (notify), right after assessed, every 1d, 2 times at most"),
        (
            {"cascade": ["email", "sms", "letter"], "channels": ["website", "email"]},
            "notice news to everyone by website and email; whom these do not reach gets it by email, then sms, then letter",
        ),
        ({"approvals": {"needed": 2, "roles": ["legal"]}}, "needs 2 approvals, with legal among them"),
        (
            {"waits_for": ["authorities", "direct_notices"]},
            (
                "leaves only once every authority that must hear of it before the people has been told and nearly all "
                "messages to people have left"
            ),
        ),
        ({"waves": {"size": 5000, "pause": "2h"}}, "leaves in parts of 5,000 people, one every 2h"),
    ],
)
def test_each_key_of_a_step_is_said(step: dict[str, Any], said: str) -> None:
    assert said in words_of(telling(**step))


def test_a_task_says_who_has_how_long_and_who_hears_of_it_then() -> None:
    file = {"id": "file", "phase": "follow_up", "of": "assessed", "task": "Hand in the form", "owner": "Privacy office"}
    assert "Privacy office: Hand in the form (within 2 business days; then the executive hears of it)" in words_of(
        file | {"within": "2 business days", "escalate_to": "executive"}
    )


def test_a_choice_names_all_of_it() -> None:
    found = words_of(telling(one_of="way", when={"people_at_least": 5}), telling(id="others", one_of="way"))
    assert found.count("of tell and others only one is taken: the first whose condition holds") == 2


def test_a_condition_is_a_sentence() -> None:
    given = {"severity_at_least": "very_high", "people_at_least": 5000, "cause": ["theft", "external_attack"]}
    more = {"data_includes": ["health"], "open_questions": False, "open_commitments": True}
    assert condition(When.model_validate(given | more)) == (
        "the severity is very high or graver and 5,000 people or more are affected and the cause is theft or external "
        "attack and health data was touched and a promise is open and no question is open"
    )


def test_what_is_different_in_a_grave_case_stands_with_its_step() -> None:
    changes = {"after": "1h", "approvals": 3, "waves": None, "cascade": ["email", "sms"]}
    assert (
        "when the severity is high or graver: 1h after assessed; notice news to everyone by website and email; whom these "
        "do not reach gets it by email, then sms; needs 3 approvals; to everybody at once"
    ) in words_of(telling(waves={"size": 5, "pause": "1h"}), by_severity={"high": {"tell": changes}})


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"quiet_hours": {"from": "21:00", "until": "08:00", "unless_severity": "very_high"}},
            (
                "no sms goes out from 21:00 until 08:00 on the clock of where each person lives, unless the severity is very "
                "high or graver"
            ),
        ),
        (
            {"approve_within": "12h", "approval_expires_after": "36h"},
            "approvers have 12h for a draft; an approval counts for 36h, then it must be given anew",
        ),
    ],
)
def test_what_holds_for_the_whole_playbook_is_said(keys: dict[str, Any], said: str) -> None:
    assert said in words_of(telling(), **keys)


def test_business_days_say_which_days_are_left_out() -> None:
    late = telling(after="1 business day")
    assert "business days are all but Saturdays, Sundays and public holidays" in words_of(late)
    assert "business days are all but Saturdays, Sundays and 1 public holidays" in words_of(
        late, days_off=["2026-12-25"]
    )
    assert not [line for line in words_of(telling()) if line.startswith("business days")]


@pytest.mark.parametrize(
    ("threshold", "said"),
    [
        ({"told_percent_at_least": 95, "notice": "news"}, "many means: news has left for 95 % of its people"),
        ({"questions_at_least": 100}, "many means: 100 questions or more were asked"),
        ({"open_questions_at_least": 9}, "many means: 9 questions or more were waiting for an answer at one time"),
    ],
)
def test_a_threshold_says_what_it_means(threshold: dict[str, Any], said: str) -> None:
    press = telling(id="press", of="many", notice="press")
    assert said in words_of(telling(), press, thresholds={"many": threshold})


def test_events_are_explained_where_they_are_used() -> None:
    found = words_of(telling())
    assert "assessed means: it was worked out how grave it is" in found
    assert not [line for line in found if line.startswith("closed means")]


def test_every_event_gate_and_condition_has_words() -> None:
    from amends.domain.playbook.playbook import Event, Gate
    from amends.domain.playbook.text import CONDITIONS, EVENTS, GATES

    assert (EVENTS.keys(), GATES.keys()) == (set(Event), set(Gate))
    assert CONDITIONS.keys() == When.model_fields.keys()


def test_the_shipped_playbooks_can_be_read() -> None:
    from amends.content.playbook.library import shipped_playbooks
    from amends.content.playbook.playbook import read_playbook

    for path in shipped_playbooks().values():
        assert Path(path).stem in next(in_words(read_playbook(path)))
