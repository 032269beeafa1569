"""A reminder of codes is drafted for a promise that still stands, with the code in its place."""

from typing import Any

import pytest
from pydantic import ValidationError

from amends.content.playbook.playbook import load_playbook
from amends.domain.base.audience import Unredeemed
from amends.domain.case.case import Case
from amends.domain.channel.channel import ChannelKind
from amends.domain.draft.draft import REMINDER, draft, notices_wanted
from amends.domain.draft.trial import faults
from amends.domain.draft.writer import Links, Readers, Wanted
from amends.domain.incident.commitment import CodePlace, CommitmentState, TakeUp
from amends.domain.lint.lint import lint_in
from amends.domain.notice.notice import Draft, TextName, Variant, code_slot
from amends.domain.notice.statement import about
from amends.domain.notice.wording import Wording
from amends.domain.playbook.playbook import Step
from tests.builders import NOW, a_case, a_commitment

OFFER = "monitoring"
AUDIENCE = Unredeemed(OFFER)
LINKS = Links("https://betapai.example")


def a_step(**changes: Any) -> Step:
    given = {"id": "remind", "phase": "collect_feedback", "after": "30d", "of": "notified", "notice": REMINDER}
    given |= {"audience": AUDIENCE, "channels": ["email"], "optional": True}
    return Step.model_validate(given | changes)


def offered(place: CodePlace = CodePlace.LETTER, **changes: Any) -> Any:
    take_up = TakeUp(link="https://watch.example", until="2027-12-31", codes=place)
    return a_commitment(**({"id": OFFER, "take_up": take_up} | changes))


def written(place: CodePlace) -> tuple[Variant, ...]:
    return in_full(place)[0].variants


def in_full(place: CodePlace) -> tuple[Draft, Case, Wording]:
    playbook, wording = load_playbook("customer-data-theft")
    case = a_case(commitments=(offered(place),), playbook=playbook)
    readers = Readers("", 2, frozenset({TextName("en", "self"), TextName("zh-CN", "self")}))
    wanted = Wanted(REMINDER, REMINDER, AUDIENCE)
    return draft(case, wording, a_step(), 1, wanted, readers, LINKS, "facts", NOW), case, wording


def test_the_reminder_brings_the_code_in_the_letter() -> None:
    for variant in written(CodePlace.LETTER):
        assert code_slot(OFFER) in variant.text
        assert about(OFFER) in variant.states


def test_the_reminder_leads_to_the_code_on_the_page() -> None:
    english, chinese = written(CodePlace.PAGE)
    assert code_slot(OFFER) not in english.text + chinese.text
    assert "use the code that is on your own page" in english.text
    assert "登记码：见您的个人页面。" in chinese.text


@pytest.mark.parametrize("place", CodePlace)
def test_no_reader_takes_the_code_for_a_secret_of_theirs(place: CodePlace) -> None:
    """The letter says that we never ask for a code, and must not seem to ask for one."""
    drafted, case, wording = in_full(place)
    assert "L107" not in {one.code for one in lint_in(case, drafted, wording, LINKS.pages(drafted.incident))}


def test_only_a_promise_that_stands_is_reminded_of() -> None:
    asked = [Wanted(REMINDER, REMINDER, AUDIENCE)]
    assert [*notices_wanted(a_case(commitments=(offered(),)), a_step(), 1)] == asked
    for one in (offered(state=CommitmentState.DROPPED), offered(made_in=""), a_commitment(id=OFFER)):
        assert notices_wanted(a_case(commitments=(one,)), a_step(), 1) == ()


@pytest.mark.parametrize("changes", [{"optional": False}, {"channels": ["email", "website"]}, {"phase": "update"}])
def test_a_reminder_is_optional_and_in_person(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"reminder of codes is optional|reminded of their codes in person"):
        a_step(**changes)


def test_the_shipped_reminder_can_be_written_in_every_state() -> None:
    playbook, wording = load_playbook("customer-data-theft")
    only = {path: text for path, text in wording.templates.items() if path.startswith(("_base/", REMINDER))}
    case = a_case(playbook=playbook)
    assert faults(case, wording.model_copy(update={"templates": only}), NOW) == ()
    assert {ChannelKind.EMAIL} == {ChannelKind(path.split(".")[1]) for path in only if path.startswith(REMINDER)}
