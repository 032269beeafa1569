"""A playbook may say only what is different from another; every finding names the file that says it."""

from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from amends.content.file.document import read_document
from amends.content.playbook.playbook import load_playbook, open_playbook, read_playbook
from amends.content.playbook.schemas import playbook_schema
from amends.domain.base.errors import ContentError
from amends.domain.channel.channel import ChannelKind
from amends.domain.playbook.playbook import Event

Transaction = Callable[..., Path]

SHIPPED = read_playbook(Path(__file__).parents[3] / "playbooks" / "customer-data-theft.yaml")


@pytest.fixture
def top(write: Transaction) -> Callable[..., Path]:
    """A file on top of a shipped playbook."""
    return lambda more="", extends="customer-data-theft", name="ours": write(
        f"{name}.yaml", f"id: {name}\nextends: {extends}\n{more}"
    )


def found(path: Path) -> list[str]:
    with pytest.raises(ContentError) as caught:
        load_playbook(path)
    return [str(finding).removeprefix(f"{path.parent}/") for finding in caught.value.findings]


def ids(path: Path) -> list[str]:
    return [step.id for step in read_playbook(path).steps]


def test_what_is_not_said_is_as_below(top: Transaction) -> None:
    assert read_playbook(top()) == SHIPPED.model_copy(update={"id": "ours"})


def test_a_key_replaces_the_one_below(top: Transaction) -> None:
    book = read_playbook(top("title: Our leak\nreply_within: 24h\n"))
    assert (book.title, str(book.reply_within), book.questions_owner) == ("Our leak", "1d", "Customer care")


def test_of_a_step_only_the_keys_that_are_given_are_replaced(top: Transaction) -> None:
    step = read_playbook(top("steps:\n  - {id: update, every: 2d}\n")).step("update")
    assert step == SHIPPED.step("update").model_copy(update={"every": step.every})
    assert str(step.every) == "2d"


@pytest.mark.parametrize("name", ["[ask]", "{is: ask}"])
def test_an_id_that_is_no_word_is_found_at_its_place(top: Transaction, name: str) -> None:
    (finding,) = found(top(f"steps:\n  - {{id: {name}, phase: collect_feedback, of: notified}}\n"))
    assert finding.startswith("ours.yaml:4:10 E10")


def test_a_step_of_below_keeps_its_place(top: Transaction) -> None:
    assert ids(top("steps:\n  - {id: update, every: 2d}\n")) == [step.id for step in SHIPPED.steps]


def test_a_key_without_a_value_takes_the_one_below_away(top: Transaction) -> None:
    step = read_playbook(top("steps:\n  - {id: update, cascade: , every: , until: , at_most: }\n")).step("update")
    assert (step.cascade, step.every, step.until, step.at_most) == ((), None, None, 1)


def test_a_condition_is_replaced_whole(top: Transaction) -> None:
    step = read_playbook(top("steps:\n  - {id: promises, when: {people_at_least: 5}}\n")).step("promises")
    assert (step.when.people_at_least, step.when.open_commitments) == (5, None)


NEW = "phase: follow_up, of: assessed"


def test_a_new_step_comes_last(top: Transaction) -> None:
    assert ids(top(f"steps:\n  - {{id: file, {NEW}}}\n")) == [*(step.id for step in SHIPPED.steps), "file"]


@pytest.mark.parametrize(
    ("place", "expected"), [("before: update", ["file", "update"]), ("behind: update", ["update", "file"])]
)
def test_a_new_step_comes_at_its_place(top: Transaction, place: str, expected: list[str]) -> None:
    steps = ids(top(f"steps:\n  - {{id: file, {NEW}, {place}}}\n"))
    first = steps.index(expected[0])
    assert steps[first : first + 2] == expected


def test_a_new_step_may_stand_beside_another_new_one(top: Transaction) -> None:
    rows = f"  - {{id: a, {NEW}, behind: assess}}\n  - {{id: b, {NEW}, before: a}}\n"
    assert ids(top(f"steps:\n{rows}"))[:3] == ["assess", "b", "a"]


def test_a_step_of_below_may_move(top: Transaction) -> None:
    assert ids(top("steps:\n  - {id: closing, before: feedback}\n"))[2:4] == ["closing", "feedback"]


PROMISES = """commitments:
  - {id: audit, kind: audit, owner: Internal audit, due: 90d, promise: We will look.}
  - {id: training, kind: training, owner: Human resources, due: 60d, promise: We will learn.}
"""


def test_steps_and_promises_are_left_out(top: Transaction) -> None:
    top(PROMISES, name="base")
    book = read_playbook(top("without: [survey, training]\n", extends="base.yaml"))
    assert [promise.id for promise in book.commitments] == ["audit"]
    assert "survey" not in [step.id for step in book.steps]
    assert "training" not in [promise.id for promise in book.commitments]


def test_a_step_that_is_left_out_may_be_written_anew(top: Transaction) -> None:
    book = read_playbook(top(f"without: [survey]\nsteps:\n  - {{id: survey, {NEW}}}\n"))
    assert book.step("survey").of == Event.ASSESSED
    assert not book.step("survey").optional


def test_a_promise_is_found_by_its_id_too(top: Transaction) -> None:
    top(PROMISES, name="base")
    book = read_playbook(top("commitments:\n  - {id: audit, due: 30d}\n", extends="base.yaml"))
    due = {promise.id: str(promise.due) for promise in book.commitments}
    assert (due["audit"], due["training"]) == ("30d", "60d")


def test_severities_and_thresholds_are_merged_by_name(top: Transaction) -> None:
    """Changes by severity and thresholds of a playbook and of the playbook that it extends are merged by their names;
    the nearer playbook wins.
    """
    top(
        "thresholds: {many: {questions_at_least: 5}, few: {questions_at_least: 1}}\n"
        "by_severity: {high: {update: {every: 5d, at_most: 9}}}\n",
        name="base",
    )
    more = "thresholds: {many: {questions_at_least: 7}}\nby_severity: {high: {update: {every: 2d}, closing: {after: 1h}}}\n"
    book = read_playbook(top(more, extends="base.yaml"))
    assert {name: one.questions_at_least for name, one in book.thresholds.items()} == {"many": 7, "few": 1}
    changes = next(iter(book.by_severity.values()))
    assert (str(changes["update"].every), changes["update"].at_most, str(changes["closing"].after)) == ("2d", 9, "1h")


def test_what_was_to_change_about_a_step_goes_with_it(top: Transaction) -> None:
    top("by_severity: {high: {survey: {after: 1h}, update: {every: 2d}}}\n", name="base")
    book = read_playbook(top("without: [survey]\n", extends="base.yaml"))
    assert [list(changes) for changes in book.by_severity.values()] == [["update"]]


def test_two_levels_are_one_playbook(top: Transaction) -> None:
    top("steps:\n  - {id: update, every: 2d}\n", name="base")
    book = read_playbook(top("steps:\n  - {id: update, at_most: 3}\n", extends="base.yaml"))
    assert (str(book.step("update").every), book.step("update").at_most) == ("2d", 3)


def test_what_is_pinned_is_the_whole(top: Transaction) -> None:
    pinned = read_playbook(top("without: [survey]\n")).model_dump(mode="json", by_alias=True)
    assert not pinned.keys() & {"extends", "without"}
    assert len(pinned["steps"]) == len(SHIPPED.steps) - 1


def test_a_finding_names_the_file_that_says_it_through_two_levels(top: Transaction) -> None:
    top("steps:\n  - {id: update, evry: 2d}\n", name="base")
    path = top("steps:\n  - {id: update, at_most: many}\n", extends="base.yaml")
    assert sorted(one.split(" ", 2)[:2] for one in found(path)) == [
        ["base.yaml:4:18", "E101"],
        ["ours.yaml:4:27", "E104"],
    ]


def test_a_finding_about_the_whole_is_placed_where_the_key_is_said(top: Transaction) -> None:
    top("steps:\n  - {id: survey, of: closing}\n", name="base")
    path = top("steps:\n  - {id: closing, of: survey}\n", extends="base.yaml")
    assert [one.split(" (")[0] for one in found(path)] == [
        "base.yaml:4:22 E122 survey.of: the step waits for itself: survey -> closing -> survey",
        "ours.yaml:4:23 E122 closing.of: the step waits for itself: closing -> survey -> closing",
    ]


def test_a_step_waiting_for_a_left_out_one_says_where_it_went(top: Transaction) -> None:
    """When a step waits for a step that the extending playbook leaves out, the finding names the file and place where
    the step is left out.
    """
    top(f"steps:\n  - {{id: thank, {NEW.replace('assessed', 'survey')}}}\n", name="base")
    path = top("without: [survey]\n", extends="base.yaml")
    assert found(path) == [
        (
            f"base.yaml:4:39 E102 steps.{len(SHIPPED.steps) - 1}.of: 'survey' is neither an event nor a step "
            f"(it is left out at {path}:3:11: name another here, or keep it)"
        )
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "without: [surve]\n",
            "ours.yaml:3:11 E102 without: no step or promise below is called 'surve' (Did you mean 'survey'?",
        ),
        ("without: survey\n", "ours.yaml:3:10 E104 without: a list is expected here, as in [survey]"),
        (
            f"steps:\n  - {{id: a, {NEW}, before: updat}}\n",
            "ours.yaml:4:53 E102 before: there is no step 'updat' (Did you mean 'update'?",
        ),
        (
            f"steps:\n  - {{id: a, {NEW}, before: update, behind: assess}}\n",
            "ours.yaml:4:69 E107 say before or behind, not both",
        ),
        (
            f"steps:\n  - {{id: a, {NEW}}}\n  - {{id: a, {NEW}}}\n",
            f"ours.yaml:5:10 E107 steps.{len(SHIPPED.steps) + 1}.id: another step or an event is called 'a'",
        ),
    ],
)
def test_what_does_not_fit_between_two_files_is_named(top: Transaction, more: str, said: str) -> None:
    (only,) = found(top(more))
    assert only.startswith(said)


def test_it_needs_a_name_of_its_own(write: Transaction) -> None:
    assert found(write("ours.yaml", "extends: vendor-breach\n")) == [
        "ours.yaml:1:1 E103 'id' is missing: what extends a playbook has a name of its own"
    ]
    assert found(write("ours.yaml", "id: vendor-breach\nextends: vendor-breach\n"))[0].startswith(
        "ours.yaml:1:5 E107 id: 'vendor-breach' is the playbook that this one extends"
    )


def test_a_playbook_that_is_not_there_gets_the_nearest_name(top: Transaction) -> None:
    assert found(top(extends="customer-data-thef"))[0].startswith(
        "ours.yaml:2:10 E102 extends: there is no playbook 'customer-data-thef' (Did you mean 'customer-data-theft'?"
    )


@pytest.mark.parametrize(
    "more", ["", "without: [survey]\nsteps:\n  - {id: update, of: first-notice, before: closing}\n"]
)
def test_a_missing_base_playbook_is_the_only_finding(top: Transaction, more: str) -> None:
    """When the playbook that is extended is not found, this is the only finding, and nothing is said about steps that
    it would have.
    """
    (finding,) = found(top(more, extends="customer-data-thef"))
    assert finding.startswith("ours.yaml:2:10 E102 extends: ")


def test_a_name_that_is_wrong_further_below_is_told_alone_too(top: Transaction) -> None:
    top(extends="customer-data-thef", name="base")
    (finding,) = found(top("without: [survey]\n", extends="base.yaml"))
    assert finding.startswith("base.yaml:2:10 E102 extends: ")


def test_a_file_beside_it_is_offered_too(top: Transaction, write: Transaction) -> None:
    write("our-base.yaml", "id: our-base\n")
    assert "Did you mean 'our-base.yaml'?" in found(top(extends="our-bas.yaml"))[0]


@pytest.mark.parametrize("name", ["[a]", "3", '"\\0"', "/", "{a: b}"])
def test_what_is_no_name_is_refused_with_its_place(top: Transaction, name: str) -> None:
    assert found(top(extends=name))[0].startswith("ours.yaml:2:10 E10")


@pytest.mark.parametrize(
    "name",
    ["../secret.yaml", "sub/../../secret.yaml", "{tmp}/secret.yaml", "link.yaml", "folder/secret.yaml", "notes.txt"],
)
def test_extends_leads_out_of_no_folder(write: Transaction, tmp_path: Path, name: str) -> None:
    """An absolute path, `..`, a link to a file or a folder outside and a file that is no playbook are refused unread."""
    write("secret.yaml", "password: hunter2\nsteps: []\n")
    write("books/notes.txt", "password: hunter2\n")
    (tmp_path / "books" / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (tmp_path / "books" / "folder").symlink_to(tmp_path)
    (finding,) = found(write("books/ours.yaml", f"id: ours\nextends: {name.format(tmp=tmp_path)}\n"))
    assert finding.startswith("ours.yaml:2:10 E108 extends: a file in the folder of this playbook")
    assert "hunter2" not in finding


@pytest.mark.parametrize(
    "content",
    [
        "hunter2: 1\n",
        "hunter2",
        "[hunter2]",
        "hunter2: 1\nhunter2: 2\n",
        '"hunter2',
        "!hunter2!a b: c",
        "a: &hunter2 b",
    ],
)
def test_an_error_shows_nothing_of_what_it_opened(top: Transaction, write: Transaction, content: str) -> None:
    write("base.yaml", content)
    (finding,) = found(top(extends="base.yaml"))
    assert finding.startswith(("base.yaml:1:", "base.yaml:2:"))
    assert "hunter2" not in finding
    assert "amends playbook validate" in finding


def test_a_link_inside_the_folder_is_followed(top: Transaction, write: Transaction, tmp_path: Path) -> None:
    write("base/real.yaml", "id: real\nextends: customer-data-theft\n")
    (tmp_path / "linked.yaml").symlink_to(tmp_path / "base" / "real.yaml")
    assert read_playbook(top(extends="linked.yaml")).id == "ours"


def test_a_circle_is_refused_with_its_way(top: Transaction) -> None:
    top(extends="ours.yaml", name="base")
    assert found(top(extends="base.yaml"))[0] == (
        "base.yaml:2:10 E122 extends: the playbook would be built on itself: ours.yaml -> base.yaml -> ours.yaml"
    )


def test_a_playbook_on_top_of_itself_is_refused(top: Transaction) -> None:
    assert "ours.yaml -> ours.yaml" in found(top(extends="./ours.yaml"))[0]


def test_words_come_from_the_nearest_playbook_that_has_some(top: Transaction, write: Transaction) -> None:
    """A playbook without words of its own uses the words of the nearest extended playbook that has some."""
    write("base/notices/first-notice/en.email.md", "{% set subject %}Hello{% endset %}Hello")
    write("base/base.yaml", "id: base\nextends: customer-data-theft\n")
    assert list(open_playbook(top(extends="base/base.yaml")).wording.templates) == ["first-notice/en.email.md"]


def test_a_base_that_cannot_be_read_is_named_itself(top: Transaction, write: Transaction) -> None:
    write("base.yaml", "steps: [")
    assert found(top(extends="base.yaml"))[0].startswith("base.yaml:")


@pytest.mark.parametrize(
    ("more", "fits"),
    [
        ("steps:\n  - {id: update, every: 2d, cascade: , before: survey}\n", True),
        ("without: [survey]\ncommitments:\n  - {id: audit, due: 30d}\n", True),
        ("steps:\n  - {id: update, evry: 2d}\n", False),
        ("steps:\n  - {every: 2d}\n", False),
    ],
)
def test_the_schema_knows_what_may_stand_on_top(top: Transaction, more: str, fits: bool) -> None:
    content = read_document(top(more)).content
    assert jsonschema.Draft202012Validator(playbook_schema()).is_valid(content) is fits


def test_without_extends_the_schema_wants_the_whole(playbook: Transaction) -> None:
    whole = read_document(playbook()).content
    schema = jsonschema.Draft202012Validator(playbook_schema())
    assert schema.is_valid(whole)
    assert not schema.is_valid({"id": "ours", "steps": whole["steps"]})
    assert not schema.is_valid(whole | {"without": ["tell"]})


def test_a_channel_of_the_top_counts(top: Transaction) -> None:
    step = read_playbook(top("steps:\n  - {id: first-notice, channels: [email]}\n")).step("first-notice")
    assert step.channels == (ChannelKind.EMAIL,)
