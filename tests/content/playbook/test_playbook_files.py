import os
import subprocess
import sys
from pathlib import Path

import pytest

from amends.content.file.shipped import library
from amends.content.playbook.checks import check_playbook
from amends.content.playbook.library import find_playbook, shipped_playbooks
from amends.content.playbook.playbook import load_playbook, read_playbook
from amends.domain.base.errors import ContentError
from amends.domain.law.addendum import Addenda, Addendum
from amends.domain.notice.wording import Phrases, Wording
from tests.builders import HAPPENED, HEADINGS, STEP_WORDS

PHRASES = Phrases(
    locale="en",
    language="English",
    date="{day} {month} {year}",
    months=("m",) * 12,
    weekdays=("d",) * 7,
    happened=HAPPENED,
    statements=HEADINGS,
    values={},
    no_data="none",
    not_so="No.",
    denied="not {value}",
    moment="{date}",
    at_least="{number}",
    at_most="{number}",
    between="{first}-{last}",
    list_comma=", ",
    list_and=" and ",
    data={},
    step_words=STEP_WORDS,
    steps={},
    help_elsewhere="Call.",
    commitment_states={},
    never_say=(),
    portal={},
)

LETTERS = Addenda(addenda=(Addendum(id="us", places=("US",)),))


def wording(*templates, locales=("en",)):
    return Wording(templates=dict.fromkeys(templates, "text"), phrases=dict.fromkeys(locales, PHRASES), addenda=LETTERS)


def findings(path):
    with pytest.raises(ContentError) as caught:
        read_playbook(path)
    return [(finding.where.removeprefix(f"{path}:"), str(finding.code)) for finding in caught.value.findings]


def test_a_playbook_file_becomes_a_playbook(playbook):
    assert [step.id for step in read_playbook(playbook()).steps] == ["assess", "tell"]


def test_an_unknown_event_names_its_place_and_the_nearest_word(playbook):
    path = playbook("of: assessed", "of: assesed")
    with pytest.raises(ContentError) as caught:
        read_playbook(path)
    (finding,) = caught.value.findings
    assert (finding.where, finding.code, finding.advice.split("?")[0]) == (
        f"{path}:9:47",
        "E102",
        "Did you mean 'assessed'",
    )


def test_spans_of_retention_are_read(playbook):
    retention = read_playbook(playbook(more="retention: {contacts: 90d, whole_case: 365d}\n")).retention
    assert [str(kind) for kind in retention.spans] == ["contacts", "whole_case"]


@pytest.mark.parametrize(
    ("said", "found"), [("{contact: 90d}", ("10:13", "E101")), ("{contacts: 3months}", ("10:23", "E104"))]
)
def test_a_mistake_in_retention_names_its_place(playbook, said, found):
    assert findings(playbook(more=f"retention: {said}\n")) == [found]


def test_a_part_that_outlives_the_whole_case_is_refused(playbook):
    path = playbook(more="retention: {claims: 400d, whole_case: 365d}\n")
    with pytest.raises(ContentError, match="claims is kept for longer than whole_case"):
        read_playbook(path)


def test_an_unknown_survey_names_its_place(playbook):
    more = "  - {id: ask, phase: collect_feedback, after: 1d, of: tell, notice: n, channels: [email], survey: hw}\n"
    assert ("10:99", "E102") in findings(playbook(more=more))


def test_all_unknown_events_come_at_once_and_with_the_other_errors(playbook):
    more = "  - {id: more, phase: update, after: 1d, of: tel, every: 1d, at_most: 2, until: solved, chanels: []}\n"
    assert findings(playbook("remind_before: 3d", "remind_before: 1M", more)) == [
        ("10:46", "E102"),
        ("10:81", "E102"),
        ("6:16", "E104"),
        ("10:89", "E101"),
    ]


def test_a_missing_key_is_named_beside_an_unknown_event(playbook):
    more = "  - {id: more, phase: assess, after: 1d, of: tel}\n"
    assert findings(playbook("title: Plain\n", more=more)) == [("9:46", "E102"), ("1:1", "E103")]


@pytest.mark.parametrize("name", ["assess", "notified"])
def test_a_step_may_not_bear_the_name_of_another_or_of_an_event(playbook, name):
    assert findings(playbook("id: tell", f"id: {name}")) == [("9:10", "E107")]


@pytest.mark.parametrize("span", ["1M", "2 months", "1.5h", "-3d", "soon", "P1Y"])
def test_a_span_without_a_fixed_length_is_refused_with_the_forms(playbook, span):
    """A span without a fixed length, such as a month, is refused with its place and the forms that are understood."""
    path = playbook("after: 24h", f"after: {span}")
    with pytest.raises(ContentError, match=r"9:38 E104 .*30min, 72h, 3d or 2w"):
        read_playbook(path)


@pytest.mark.parametrize("span", ["150000d", "99999999999d"])
def test_a_span_that_leaves_the_calendar_is_refused_at_its_place(playbook, span):
    with pytest.raises(ContentError, match=r"9:38 E104 .*at most 36525d"):
        read_playbook(playbook("after: 24h", f"after: {span}"))


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("reply_within: 48h", "reply_within: 0h", "4:15"),
        ("remind_before: 3d", "remind_before: 3d\napproval_expires_after: 0h", "7:25"),
        ("remind_before: 3d", "remind_before: 3d\napproval_expires_after: -1h", "7:25"),
        ("remind_before: 3d", "remind_before: 3d\napprove_within: 0min", "7:17"),
        ("remind_before: 3d", "remind_before: 3d\nnext_word_within: P0D", "7:19"),
        ("channels: [email]", "channels: [email], every: 0d, at_most: 3", "9:105"),
        ("channels: [email]", "channels: [email], every: -1d, at_most: 3", "9:105"),
        ("channels: [email]", "channels: [email], every: 0 business days, at_most: 3", "9:105"),
        ("channels: [email]", "channels: [email], every: 1d, at_most: 1000000000", "9:118"),
        ("channels: [email]", "channels: [email], waves: {size: 10, pause: 0h}", "9:123"),
        ("channels: [email]", "channels: [email], waves: {size: 1000000000000, pause: 1h}", "9:112"),
        ("channels: [email]", "channels: [email], optional: 'yes'", "9:108"),
        ("channels: [email]", "channels: [email], when: {people_at_least: 1000000000000}", "9:122"),
        ("channels: [email]", "channels: [email], when: {open_questions: 'yes'}", "9:121"),
        ("channels: [email]", "channels: [email, null]", "9:97"),
        (
            "after: 0h, of: opened}",
            "after: 0h, of: opened}\n  - {id: call, phase: follow_up, of: opened, task: Call., owner: us, within: 0}",
            "9:78",
        ),
        ("after: 0h, of: opened}", "after: 0h, of: opened, within: 0h}", "8:64"),
        ("after: 0h, of: opened}", "on: 2126-01-01T00:00:00Z}", "8:37"),
        ("after: 0h, of: opened}", "on: 1989-01-01T00:00:00Z}", "8:37"),
    ],
)
def test_a_length_that_nobody_can_mean_is_refused_at_its_place(playbook, old, new, where):
    """Spans of nothing where something must last, absurd numbers and years, words for truth values, empty items."""
    assert [place for place, _ in findings(playbook(old, new))] == [where]


def test_a_step_that_makes_no_sense_is_placed_at_the_step(playbook):
    assert findings(playbook("channels: [email]", "channels: [sms]")) == [("9:5", "E107")]


def test_an_unknown_channel_is_placed_at_its_word(playbook):
    assert findings(playbook("channels: [email]", "channels: [email, fax]")) == [("9:97", "E102")]


def test_a_template_for_each_channel_is_enough(playbook):
    assert check_playbook(read_playbook(playbook()), wording("first-notice/en.email.md")) == ()


def test_a_notice_without_any_template_is_found_with_the_nearest_name(playbook):
    (finding,) = check_playbook(read_playbook(playbook()), wording("first-notices/en.email.md"))
    assert (finding.where, finding.code, finding.advice.split("?")[0]) == (
        "plain: steps.tell",
        "E120",
        "Did you mean 'first-notices'",
    )


def test_every_locale_that_is_begun_needs_every_channel(playbook):
    steps = read_playbook(playbook("channels: [email]", "channels: [email], cascade: [sms]"))
    words = wording(
        "first-notice/en.email.md", "first-notice/en.sms.txt", "first-notice/zh-CN.email.md", locales=("en", "zh-CN")
    )
    assert [finding.what for finding in check_playbook(steps, words)] == [
        "notices/first-notice/zh-CN.sms.txt is missing"
    ]


def test_templates_in_a_locale_without_phrases_are_found(playbook):
    words = wording("first-notice/en.email.md", "first-notice/de.email.md")
    (finding,) = check_playbook(read_playbook(playbook()), words)
    assert "locales/de.yaml is missing" in finding.what


def test_a_notice_lacking_a_locale_is_reported_without_blocking(playbook):
    """A notice for which one locale has no template is reported with E110, and the finding does not block."""
    (finding,) = check_playbook(read_playbook(playbook()), wording("first-notice/en.email.md", locales=("en", "de")))
    assert (finding.code, finding.blocks) == ("E110", False)


def test_a_follow_up_step_needs_words_for_every_fate_of_promises(playbook):
    """A follow-up step with channels is refused unless there are templates that make a commitment and say its end."""
    more = "  - {id: promises, phase: follow_up, after: 1d, of: tell, channels: [email]}\n"
    found = check_playbook(
        read_playbook(playbook(more=more)), wording("first-notice/en.email.md", "promise-kept/en.email.md")
    )
    missing = ("promise-made", "promise-late", "result-corrected")
    assert [finding.what for finding in found] == [
        f"no template is written for the notice {notice!r} in any locale" for notice in missing
    ]


def test_words_without_letters_are_told_but_do_not_block(playbook):
    words = wording("first-notice/en.email.md").model_copy(update={"addenda": Addenda()})
    (finding,) = check_playbook(read_playbook(playbook()), words)
    assert (finding.code, finding.blocks) == ("E103", False)


@pytest.mark.parametrize(
    ("of_one", "of_two", "circles"),
    [("one", "opened", {"one"}), ("two", "one", {"one", "two"}), ("two", "two", {"two"}), ("two", "opened", set())],
)
def test_steps_that_wait_for_each_other_are_found(playbook, of_one, of_two, circles):
    more = f"  - {{id: one, phase: assess, after: 1d, of: {of_one}}}\n  - {{id: two, phase: assess, after: 1d, of: {of_two}}}\n"
    found = check_playbook(read_playbook(playbook(more=more)), wording("first-notice/en.email.md"))
    assert {finding.where.removeprefix("plain: steps.") for finding in found if finding.code == "E122"} == circles


@pytest.mark.parametrize("name", shipped_playbooks())
def test_a_shipped_playbook_bears_its_files_name_and_has_no_findings(name):
    playbook, wording = load_playbook(name)
    assert (playbook.id, check_playbook(playbook, wording)) == (name, ())


@pytest.mark.parametrize("name", ["customer-data-theft", "stolen-device-or-papers", "vendor-breach"])
def test_shipped_steps_after_sms_or_letter_have_the_whole_cascade(name):
    """In the shipped playbooks every mandatory step with channels has the cascade email, SMS, letter, so that people
    who were told by SMS or letter hear everything else that is owed to them.
    """
    steps = [step for step in read_playbook(find_playbook(name)).steps if step.channels and not step.optional]
    assert {step.id: step.cascade for step in steps if step.cascade != ("email", "sms", "letter")} == {}


def test_a_playbook_is_found_by_name():
    assert find_playbook("customer-data-theft").parent == library()


def test_a_playbook_is_found_by_path(playbook):
    assert find_playbook(str(playbook())) == playbook()


@pytest.mark.parametrize(
    "name", ["customer-data-thief", "../playbooks/customer-data-theft", "/etc", "", "\0", "a" * 5000]
)
def test_what_is_no_playbook_is_refused(name):
    with pytest.raises(ContentError, match="no such playbook"):
        find_playbook(name)


def test_a_name_that_is_nearly_right_gets_advice():
    with pytest.raises(ContentError, match="Did you mean 'customer-data-theft'"):
        find_playbook("customer-data-thief")


def test_naming_an_own_playbook_without_its_ending_gets_advice():
    """When a playbook is named without an ending and no shipped one has this name, the refusal says that a file of
    one's own is named with its ending.
    """
    with pytest.raises(ContentError, match="a file of your own is named with its ending"):
        find_playbook("my-leak")


@pytest.mark.parametrize("name", ["my-leak.yaml", "customer-data-theft.yaml", "there/my-leak.json"])
def test_a_file_of_their_own_that_is_not_there_is_said_to_be_no_file(name):
    with pytest.raises(ContentError) as caught:
        find_playbook(name)
    [found] = caught.value.findings
    assert (found.where, found.what) == (name, "there is no such file")
    assert "shipped ones have no ending: customer-data-theft" in found.advice


def test_the_library_is_found_from_anywhere_and_not_where_one_works(tmp_path):
    (tmp_path / "playbooks").mkdir()
    command = [sys.executable, "-c", "from amends.content.file.shipped import library; print(library())"]
    printed = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, env=os.environ).stdout
    assert Path(printed.strip()) == library()


def test_a_playbook_without_words_uses_the_shipped_ones(playbook):
    """A playbook file without words of its own uses the shipped templates."""
    assert "first-notice/en.email.md" in load_playbook(playbook())[1].templates


def test_a_playbook_with_words_of_its_own_uses_only_those(playbook, write):
    write("notices/update/en.email.md", "Hello")
    with pytest.raises(ContentError, match="no template is written"):
        load_playbook(playbook())


def test_a_misnamed_session_is_named_by_its_place(playbook):
    more = (
        "  - {id: more, phase: collect_feedback, of: assessed, session: askus}\n"
        "sessions:\n"
        '  - {id: ask-us, title: A, where: "+49 30 555", of: asessed}\n'
        '  - {id: ask-us, title: A, where: "+49 30 555", of: assessed}\n'
    )
    assert findings(playbook(more=more))[:3] == [("12:53", "E102"), ("13:10", "E107"), ("10:64", "E102")]


@pytest.mark.parametrize("step", ["phase: notify, of: assessed", "phase: collect_feedback, of: facts_changed"])
def test_a_session_is_announced_once_by_a_step_of_feedback(playbook, step):
    more = (
        f"  - {{id: more, {step}, session: ask-us}}\n"
        'sessions: [{id: ask-us, title: A, where: "+49 30 555", of: assessed}]\n'
    )
    assert [code for _, code in findings(playbook(more=more))] == ["E107"]
