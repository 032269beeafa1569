"""Every finding about a playbook is one whole line: where, what, and what was probably meant."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from amends.content.playbook.checks import check_playbook, check_team
from amends.content.playbook.playbook import open_playbook, read_playbook
from amends.domain.base.errors import ContentError
from tests.builders import a_member

Transaction = Callable[..., Path]
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ASK = "phase: collect_feedback"


def lines(path: Path) -> list[str]:
    """All that is said of the file, each line without the folder that it stands in."""
    try:
        found = open_playbook(path).findings(NOW)
    except ContentError as error:
        found = error.findings
    return [str(finding).removeprefix(f"{path.parent}/") for finding in found]


def line(path: Path) -> str:
    (only,) = lines(path)
    return only


def place(path: Path, words: str) -> str:
    """Where these words stand in the file, without its folder."""
    before = path.read_text(encoding="utf-8").partition(words)[0]
    return f"{path.name}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


NOT_ALWAYS = "name an event that comes later, or leave until out: at_most ends the series too"
EVENTS = "opened, assessed, approved, notified, facts_changed, no_longer_affected, commitment_late, resolved, closed"
SPANS = "a span is written 30min, 72h, 3d or 2w; months and years have no fixed length"


@pytest.mark.parametrize(
    ("step", "at", "said"),
    [
        (
            f"id: ask, {ASK}, of: closed",
            "closed",
            (
                "E123 ask.of: once a case is closed only steps of the phase follow_up are taken"
                " (begin with resolved; closing waits for the step)"
            ),
        ),
        (f"id: ask, {ASK}, of: tell, one_of: way", "way", "E107 ask.one_of: no other step says one_of: way"),
        (
            f"id: ask, {ASK}, of: resolved, every: 1d, at_most: 5, until: resolved",
            "resolved}",
            f"E123 ask.until: it begins and ends with resolved ({NOT_ALWAYS})",
        ),
        (
            f"id: ask, {ASK}, of: tell, every: 1d, at_most: 5, until: assessed",
            "assessed}",
            f"E123 ask.until: assessed has always happened before it begins ({NOT_ALWAYS})",
        ),
        (
            "id: chase, phase: follow_up, of: commitment_late",
            "commitment_late",
            (
                "E123 chase.of: this playbook makes no promise"
                " (the step is taken only when the incident file brings a promise)"
            ),
        ),
        (
            "id: chase, phase: follow_up, of: assessed, when: {open_commitments: true}",
            "{open_commitments",
            (
                "E123 chase.when: this playbook makes no promise"
                " (the step is taken only when the incident file brings a promise)"
            ),
        ),
        (
            f'id: ask, {ASK}, on: "2026-11-20T10:00:00+01:00"',
            '"2026-11-20',
            "E125 ask.on: 2026-11-20 09:00 UTC is over (the step would be due as soon as the playbook is started)",
        ),
        (
            f"id: ask, {ASK}, of: tell, every: 1 month, at_most: 5",
            "1 month",
            f"E104 steps.2.every: {SPANS}; or 5 business days",
        ),
        (
            f"id: ask, {ASK}, of: tell, every: 1d, at_most: 5, until: notifed",
            "notifed",
            (
                "E102 steps.2.until: 'notifed' is neither an event nor a step"
                f" (Did you mean 'notified'? Known: {EVENTS}, assess, tell, ask)"
            ),
        ),
    ],
)
def test_the_line_that_a_reader_sees(playbook: Transaction, step: str, at: str, said: str) -> None:
    path = playbook(more=f"  - {{{step}}}\n")
    assert line(path) == f"{place(path, at)} {said}"


def test_a_late_promise_is_never_settled(playbook: Transaction) -> None:
    path = playbook(more="  - {id: a, phase: follow_up, of: commitment_late, when: {open_commitments: false}}\n")
    assert (
        f"{place(path, '{open')} E124 a.when: a promise that is late is open, so open_commitments is never false here "
        "(leave the condition out)" in lines(path)
    )


def test_a_promises_due_date_is_no_number_of_months(playbook: Transaction) -> None:
    path = playbook("remind_before: 3d", "remind_before: P1M")
    assert line(path) == f"{place(path, 'P1M')} E104 remind_before: {SPANS}"


def test_a_threshold_on_a_notice_that_no_step_sends(playbook: Transaction) -> None:
    head = "thresholds:\n  many: {told_percent_at_least: 90, notice: updat}\nsteps:\n"
    path = playbook("steps:\n", head, f"  - {{id: ask, {ASK}, of: many}}\n")
    assert line(path) == f"{place(path, 'many}')} E123 ask.of: many never happens: no step sends the notice updat"


def test_a_threshold_is_an_event_that_steps_may_name(playbook: Transaction) -> None:
    head = "thresholds:\n  many: {questions_at_least: 90}\nsteps:\n"
    assert lines(playbook("steps:\n", head, f"  - {{id: ask, {ASK}, of: many}}\n")) == []


def test_a_threshold_may_not_bear_the_name_of_a_step(playbook: Transaction) -> None:
    path = playbook("steps:\n", "thresholds:\n  tell: {questions_at_least: 90}\nsteps:\n")
    assert line(path) == "plain.yaml:8:3 E107 thresholds.tell: an event or a step is called that; choose another name"


def test_of_a_choice_the_later_ones_are_told_to_be_unreachable(playbook: Transaction) -> None:
    more = f"  - {{id: all, {ASK}, of: tell, one_of: way}}\n  - {{id: few, {ASK}, of: tell, one_of: way}}\n"
    path = playbook(more=more)
    assert line(path) == (
        f"{place(path, 'way}').replace(':10:', ':11:')} E124 few.one_of: of the steps with one_of: way always all is taken instead: it comes first "
        "and has no condition (put few before all)"
    )


def test_a_circle_is_named_in_full_at_each_of_its_steps(playbook: Transaction) -> None:
    more = "".join(f"  - {{id: {one}, {ASK}, of: {of}}}\n" for one, of in (("a", "b"), ("b", "c"), ("c", "a")))
    found = lines(playbook(more=more))
    assert [one.split(" (")[0] for one in found] == [
        "plain.yaml:10:42 E122 a.of: the step waits for itself: a -> b -> c -> a",
        "plain.yaml:11:42 E122 b.of: the step waits for itself: b -> c -> a -> b",
        "plain.yaml:12:42 E122 c.of: the step waits for itself: c -> a -> b -> c",
    ]


def test_a_missing_template_is_placed_at_the_notice(playbook: Transaction) -> None:
    path = playbook("notice: first-notice", "notice: frst-notice")
    assert line(path).startswith(
        f"{place(path, 'frst')} E120 no template is written for the notice 'frst-notice' in any locale "
        "(Did you mean 'first-notice'?"
    )


def test_a_change_for_an_unknown_step_is_told_what_was_meant(playbook: Transaction) -> None:
    path = playbook("steps:\n", "by_severity:\n  high: {tel: {after: 1h}}\nsteps:\n")
    assert line(path) == (
        "plain.yaml:8:10 E102 by_severity.high.tel: there is no step 'tel' (Did you mean 'tell'? Known: assess, tell)"
    )


def test_a_change_that_breaks_a_step_is_placed_at_the_change(playbook: Transaction) -> None:
    """When a change by severity makes a step senseless, the finding stands at the change, and not at the step."""
    path = playbook("steps:\n", "by_severity:\n  high: {tell: {channels: [sms]}}\nsteps:\n")
    assert line(path) == (
        "plain.yaml:8:10 E107 by_severity.high.tell: the step makes no sense then: quick channels never stand alone: "
        "add email or website to channels"
    )


def test_changes_that_make_no_sense_only_together_are_found(playbook: Transaction) -> None:
    changes = "  medium: {tell: {channels: [website]}}\n  high: {tell: {cascade: [sms, letter]}}\n"
    assert line(playbook("steps:\n", f"by_severity:\n{changes}steps:\n")).startswith(
        "plain.yaml:9:10 E107 by_severity.high.tell: the step makes no sense then: a letter is the email on paper"
    )


def test_the_words_errors_come_together_with_the_playbooks(playbook: Transaction, write: Transaction) -> None:
    path = playbook("remind_before: 3d", "remind_before: 1M")
    write("notices/first-notice/en.fax.md", "Hello")
    assert [one.split(" ")[1] for one in lines(path)] == ["E104", "E102"]


def test_a_pinned_playbook_has_no_file_and_names_its_steps(playbook: Transaction) -> None:
    opened = open_playbook(playbook(more=f"  - {{id: ask, {ASK}, of: closed}}\n"))
    (finding,) = check_playbook(opened.playbook, opened.wording)
    assert (finding.where, finding.code) == ("plain: steps.ask", "E123")


def test_approvals_that_nobody_could_give_are_placed_at_the_number(playbook: Transaction, tmp_path: Path) -> None:
    opened = open_playbook(playbook("channels: [email]", "channels: [email], approvals: 3"))
    (finding,) = check_team(opened.playbook, [a_member()], (), opened.document, blocks=False)
    where = f"{tmp_path}/{place(tmp_path / 'plain.yaml', '3}')}"
    assert str(finding) == (
        f"{where} E127 tell.approvals: it needs 3 people who approve, but only 1 in the team may "
        "(`amends team add NAME --role ROLE` adds somebody)"
    )


def test_approvals_of_grave_cases_are_placed_at_the_change(playbook: Transaction) -> None:
    head = "by_severity:\n  high: {tell: {approvals: {needed: 1, roles: [privacy]}}}\nsteps:\n"
    opened = open_playbook(playbook("steps:\n", head))
    found = check_team(opened.playbook, [a_member(), a_member(name="wei")], (), opened.document, blocks=True)
    assert "\n".join(map(str, found)) == (
        f"{opened.document.file}:8:28 E127 by_severity.high.tell: privacy must be among those who approve, but nobody "
        "in the team is (`amends team add NAME --role ROLE` adds somebody)"
    )


def test_a_playbook_of_two_steps_that_make_sense_has_no_finding(playbook: Transaction) -> None:
    assert lines(playbook()) == []
    assert read_playbook(playbook()).step("tell").id == "tell"
