"""Preview, approve, deliver: only exactly what people looked at leaves, and everybody is accounted for."""

import csv
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import Result

from amends.cli.deliver.deliveries import inert
from amends.content.file.shipped import library
from tests.builders import story_of_few
from tests.cli.conftest import AUDIENCE, AUDIENCE_HEAD, INCIDENT, NOTICE, PLAYBOOK, TEAM, Office, approve, write_draft


def test_a_preview_counts_who_will_be_written_to(office: Office) -> None:
    assert office.values("preview", INCIDENT, NOTICE)["expected"] == {"waiting": 2, "unreachable": 1}


def test_a_preview_shows_every_variant(office: Office) -> None:
    shown = office.values("preview", INCIDENT, NOTICE)["variants"]
    assert {"en/self/email", "zh-CN/self/sms", "en/self/website"} <= {variant["id"] for variant in shown}


def test_a_preview_shows_open_slots_by_their_names(office: Office) -> None:
    assert "[name]" in office.amends("preview", INCIDENT, NOTICE, "--variant", "en/self/email").stdout


def test_an_unknown_variant_is_a_usage_error(office: Office) -> None:
    assert office.amends("preview", INCIDENT, NOTICE, "--variant", "fr/self/email").exit_code == 2


def test_a_preview_without_people_shows_no_personal_data(office: Office) -> None:
    assert "mail.example" not in office.amends("preview", INCIDENT, NOTICE).output


def test_a_preview_of_people_shows_their_messages(office: Office) -> None:
    messages = office.values("preview", INCIDENT, NOTICE, "--people", 3)["messages"]
    assert {message["to"] for message in messages} == {
        "kim@mail.example",
        "lilei@mail.example",
        "+493055500001",
        "+8613800138000",
    }


def test_a_preview_says_how_to_approve_exactly_this(office: Office) -> None:
    binding = office.values("preview", INCIDENT, NOTICE)["binding"]
    assert f"--binding {binding[:12]}" in office.amends("preview", INCIDENT, NOTICE).stderr


def test_the_command_that_a_preview_names_works_without_a_terminal(office: Office) -> None:
    hint = " ".join(office.amends("preview", INCIDENT, NOTICE).stderr.split())
    named = re.search(r"`amends (approve [^`]+) --as NAME ([^`]+)`", hint)
    assert named
    assert office.amends(*named[1].split(), *named[2].split(), by="omar").exit_code == 4


def test_a_preview_page_shows_texts_in_sandboxed_frames(office: Office, tmp_path: Path) -> None:
    """A preview that is written as an HTML page shows each text in a sandboxed frame, which can do nothing."""
    page = tmp_path / "preview.html"
    assert office.amends("preview", INCIDENT, NOTICE, "--html", page).exit_code == 0
    frames = re.findall(r"<iframe[^>]*?>", page.read_text(encoding="utf-8"))
    assert frames
    assert all(frame.startswith("<iframe sandbox ") for frame in frames)


def test_a_preview_page_is_for_its_owner_only(office: Office, tmp_path: Path) -> None:
    office.amends("preview", INCIDENT, NOTICE, "--people", 2, "--html", tmp_path / "preview.html")
    assert (tmp_path / "preview.html").stat().st_mode & 0o777 == 0o600


def test_a_preview_says_that_everybodys_message_was_put_together(office: Office) -> None:
    answer = office.amends("preview", INCIDENT, NOTICE)
    assert (answer.exit_code, "4 messages composed and checked, 0 cannot be put together" in answer.stdout) == (0, True)
    found = office.values("preview", INCIDENT, NOTICE)["preflight"]
    assert found == {"messages": 4, "wrong": [], "unusable": [], "not_lawfully": {}, "codes": {}}


def test_an_approval_without_a_preview_composes_every_message(office: Office) -> None:
    """When nobody looked at a preview before, the approval puts every message together first, and the timeline records
    this look before the approval.
    """
    assert approve(office, "omar").exit_code == 4
    acts = [entry["act"] for entry in office.values("incident", "timeline", INCIDENT)["entries"]]
    assert acts[-2:] == ["looked over", "approve"]


def test_a_notice_lacking_a_channel_is_shown_but_not_approved(office: Office) -> None:
    """When a channel that a notice needs is not set up, the preview shows the notice and says what to add to the
    settings, and the approval is refused.
    """
    settings = office.home / "amends.toml"
    text = settings.read_text()
    settings.write_text(text[: text.index("[channels.email]")])
    shown = office.amends("preview", INCIDENT, NOTICE)
    assert (shown.exit_code, "add [channels." in shown.stdout) == (0, True)
    assert "nobody can approve it" in shown.stderr
    assert (refused := approve(office, "omar")).exit_code == 1
    assert "add [channels." in refused.stderr


BLANK_DATA = AUDIENCE_HEAD.replace("segment", "data") + (
    "C-1,Kim Example,kim@mail.example,+493055500001,en,DE,contact\n"
    "C-2,李雷,lilei@mail.example,+8613800138000,zh-CN,CN,\n"
)


@pytest.fixture
def gap(empty: Office, tmp_path: Path) -> Office:
    """Words of one's own that always name a person's data, and one person of whose data nothing is known."""
    words = tmp_path / "words"
    shutil.copytree(library(), words, ignore=shutil.ignore_patterns("examples", "duties"))
    for text in words.glob("notices/first-notice/*.sms.txt"):
        text.write_text(text.read_text(encoding="utf-8").strip() + " {{ person.your_data }}.", encoding="utf-8")
    incident, audience = tmp_path / "incident.yaml", tmp_path / "audience.csv"
    known = story_of_few().read_text(encoding="utf-8")
    unknown = re.sub(r"  data_categories:\n(?:    .*\n)+", "  data_categories: {certainty: unknown}\n", known)
    incident.write_text(unknown, encoding="utf-8")
    audience.write_text(BLANK_DATA, encoding="utf-8")
    for name, role in TEAM.items():
        by = "" if name == "lena" else "lena"
        empty.tokens[name] = empty.values("team", "add", name, "--role", role, by=by)["token"]
    empty.values("incident", "open", incident, "--audience", audience, by="lena")
    empty.values("run", INCIDENT, "--playbook", words / f"{PLAYBOOK}.yaml", by="lena")
    draft_again(empty)
    return empty


def draft_again(office: Office) -> None:
    ledger = office.ledger()
    write_draft(ledger)
    ledger.dispose()


def test_a_gap_in_one_message_blocks_approval_until_corrected(gap: Office, tmp_path: Path) -> None:
    """When the message to one person would have a gap, preview and approval are refused, and name the person by number
    only. After the audience list is corrected and the notice drafted again, it can be approved and delivered.
    """
    shown = gap.amends("preview", INCIDENT, NOTICE)
    assert shown.exit_code == 3
    assert "3 messages composed and checked, 1 cannot be put together" in shown.stdout
    refused = gap.amends("approve", INCIDENT, NOTICE, "--yes", by="omar")
    assert refused.exit_code == 1
    assert "1 × your_data is empty (person 3)" in " ".join(refused.stderr.split())
    assert "李雷" not in shown.output + refused.output
    corrected = tmp_path / "corrected.csv"
    corrected.write_text(BLANK_DATA.strip() + "contact\n", encoding="utf-8")
    gap.values("audience", "correct", INCIDENT, corrected, "--changed-are-right", 1, by="lena")
    draft_again(gap)
    assert "4 messages composed and checked, 0 cannot" in gap.amends("preview", INCIDENT, NOTICE).stdout
    assert [approve_as_it_is(gap, name).exit_code for name in ("omar", "wei")] == [4, 0]
    assert gap.amends("deliver", INCIDENT, NOTICE).exit_code == 0
    texts = [json.loads(path.read_text())["text"] for path in (gap.home / "outbox").glob("*.json")]
    assert [text for text in texts if text.endswith("联系方式.")]


def test_who_approves_or_sends_hears_that_outboxes_tell_nobody(office: Office) -> None:
    nobody = "NOBODY IS TOLD by website, email, sms, social: files on this machine"
    assert nobody in office.amends("preview", INCIDENT, NOTICE).stdout
    approve(office, "omar")
    assert nobody in approve(office, "wei").stderr
    assert nobody in office.amends("deliver", INCIDENT, NOTICE).stderr


def test_a_preview_says_nothing_of_outboxes_where_there_are_none(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("email", "sms", "social", "website"):
        monkeypatch.setenv(f"AMENDS_CHANNELS__{kind.upper()}__USE", "website_static")
    assert "NOBODY IS TOLD" not in office.amends("preview", INCIDENT, NOTICE).stdout


def test_the_first_of_two_approvals_waits_for_the_second(office: Office) -> None:
    assert approve(office, "omar").exit_code == 4


def test_the_second_approval_is_enough(office: Office) -> None:
    assert approve(office, "omar", "wei").exit_code == 0


def test_the_author_cannot_approve(office: Office) -> None:
    answer = approve(office, "lena")
    assert answer.exit_code == 1
    assert "wrote this notice" in answer.stderr


@pytest.fixture
def corrected(office: Office, tmp_path: Path) -> Office:
    """What lena wrote goes by a list that wei has corrected since."""
    listed = tmp_path / "corrected.csv"
    listed.write_text(AUDIENCE + "C-4,Ann Example,ann@mail.example,,en,DE,household\n", encoding="utf-8")
    office.values("audience", "correct", INCIDENT, listed, by="wei")
    draft_again(office)
    return office


def approve_as_it_is(office: Office, *names: str, more: tuple[object, ...] = ()) -> Result:
    """These approve exactly what is drafted now; the last one's answer."""
    binding = office.values("preview", INCIDENT, NOTICE)["binding"]
    words = ("approve", INCIDENT, NOTICE, "--yes", "--binding", binding, *more)
    return [office.amends(*words, by=name) for name in names][-1]


@pytest.mark.parametrize("author", ["lena", "wei"])
def test_authors_of_facts_or_list_cannot_approve(corrected: Office, author: str) -> None:
    """Neither the member who wrote the facts of a notice nor the member who corrected its audience list can approve the
    notice.
    """
    refused = approve_as_it_is(corrected, author)
    assert (refused.exit_code, f"{author} wrote this notice: its facts or its list" in refused.stderr) == (1, True)
    (notice,) = corrected.values("incident", "show", INCIDENT)["case"]["notices"]
    assert notice["authors"] == ["wei", "lena"]


def test_who_amended_the_facts_is_an_author_beside_who_wrote_them(office: Office, tmp_path: Path) -> None:
    amended = tmp_path / "amended.yaml"
    text = story_of_few().read_text(encoding="utf-8")
    amended.write_text(re.sub("^title: .*$", "title: Terminals stolen", text, flags=re.MULTILINE), encoding="utf-8")
    office.values("incident", "amend", amended, by="omar")
    draft_again(office)
    for author in ("lena", "omar"):
        assert f"{author} wrote this notice" in approve_as_it_is(office, author).stderr
    assert approve_as_it_is(office, "wei").exit_code == 4


def test_an_author_hears_when_too_few_others_are_left_and_whom_to_ask(corrected: Office) -> None:
    said = " ".join(approve_as_it_is(corrected, "lena").stderr.split())
    assert "it needs 2 people who approve, but only 1 in the team may besides lena and wei" in said
    assert "`amends team add NAME --role ROLE` adds somebody" in said
    corrected.tokens["mei"] = corrected.values("team", "add", "mei", "--role", "lead", by="lena")["token"]
    assert "amends team add" not in approve_as_it_is(corrected, "lena").stderr
    assert approve_as_it_is(corrected, "omar", "mei").exit_code == 0


def test_no_author_is_one_of_the_two_in_an_emergency(corrected: Office) -> None:
    corrected.tokens["mei"] = corrected.values("team", "add", "mei", "--role", "lead", by="lena")["token"]
    answers = {}
    for other in ("lena", "omar"):
        words = ("--emergency", "--with", other, "--why", "all others are on one plane")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AMENDS_TOKEN_2", corrected.tokens[other])
            answers[other] = approve_as_it_is(corrected, "mei", more=words)
    assert (answers["lena"].exit_code, "lena wrote this notice" in answers["lena"].stderr) == (1, True)
    assert answers["omar"].exit_code == 0


def test_a_responder_cannot_approve(office: Office) -> None:
    assert approve(office, "rosa").exit_code == 1


def test_a_wrong_number_of_people_approves_nothing(office: Office) -> None:
    answer = office.amends("approve", INCIDENT, NOTICE, "--people", 2, by="omar")
    assert answer.exit_code == 1
    assert office.values("incident", "show", INCIDENT)["case"]["notices"][0]["approvals"] == []


@pytest.mark.parametrize("said", ["24o", "-1", "3.0"])
def test_what_is_no_number_of_people_is_refused_in_plain_words(office: Office, said: str) -> None:
    answer = office.amends("approve", INCIDENT, NOTICE, "--people", said, by="omar")
    assert (answer.exit_code, "must be a whole number" in " ".join(answer.stderr.split())) == (2, True)


def test_without_a_terminal_the_number_must_be_given(office: Office) -> None:
    assert office.amends("approve", INCIDENT, NOTICE, by="omar").exit_code == 2


def test_yes_asks_nothing(office: Office) -> None:
    assert office.amends("approve", INCIDENT, NOTICE, "--yes", by="omar").exit_code == 4


def test_yes_does_not_make_a_wrong_number_right(office: Office) -> None:
    assert office.amends("approve", INCIDENT, NOTICE, "--yes", "--people", 2, by="omar").exit_code == 1


def test_another_hash_than_the_one_looked_at_approves_nothing(office: Office) -> None:
    answer = office.amends("approve", INCIDENT, NOTICE, "--people", 3, "--binding", "0000", by="omar")
    assert answer.exit_code == 1
    assert "another by now" in answer.stderr


@pytest.mark.parametrize("empty", ["", " "])
@pytest.mark.parametrize("words", [("approve", "--people", 3), ("reject",)])
def test_an_empty_hash_decides_nothing(office: Office, words: tuple[object, ...], empty: str) -> None:
    verb, *rest = words
    before = office.values("audit", "head")["entries"]
    answer = office.amends(verb, INCIDENT, NOTICE, *rest, "--binding", empty, by="omar")
    assert (answer.exit_code, office.values("audit", "head")["entries"]) == (2, before)


def test_without_a_token_nobody_approves(office: Office) -> None:
    office.tokens = {}
    answer = office.amends("approve", INCIDENT, NOTICE, "--people", 3, by="omar")
    assert answer.exit_code == 1
    assert "AMENDS_TOKEN" in answer.stderr


def test_at_a_terminal_the_token_is_asked_for_and_not_shown(office: Office) -> None:
    words = [sys.executable, "-c", "from amends.cli import main; main()", "approve", INCIDENT, NOTICE, "--as", "omar"]
    environment = {**os.environ, "AMENDS_HOME": str(office.home), "AMENDS_TOKEN": ""}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    try:
        # The blank after the colon comes once the terminal is silent; what was typed before is thrown away.
        said = _converse(ours, {b"Token of omar: ": office.tokens["omar"], b"how many people": "3"})
        assert process.wait(timeout=120) == 4, said
    finally:
        process.kill()
        process.wait()
    assert office.tokens["omar"].encode() not in said


def _converse(terminal: int, answers: dict[bytes, str]) -> bytes:
    """Answer each question once it is asked; everything that was shown."""
    said = b""
    for question, answer in answers.items():
        while question not in said:
            said += os.read(terminal, 1024)
        os.write(terminal, f"{answer}\n".encode())
    with suppress(OSError):  # the other side hangs up
        while more := os.read(terminal, 1024):
            said += more
    os.close(terminal)
    return said


def test_a_rejected_notice_is_not_sent(ready: Office) -> None:
    assert ready.values("reject", INCIDENT, NOTICE, "--note", "wrong date", by="omar")["stage"] == "rejected"
    assert ready.amends("deliver", INCIDENT, NOTICE).exit_code == 4


def test_nothing_is_delivered_before_it_is_approved(office: Office) -> None:
    answer = office.amends("deliver", INCIDENT, NOTICE)
    assert answer.exit_code == 4
    assert not (office.home / "outbox").exists()


def test_a_delivered_notice_is_in_the_outbox_once_per_person(ready: Office) -> None:
    """After a delivery, the outbox holds exactly one message for each person and channel."""
    assert ready.amends("deliver", INCIDENT, NOTICE).exit_code == 0
    messages = [json.loads(path.read_text()) for path in (ready.home / "outbox").glob("*.json")]
    assert sorted(message["to"] for message in messages if message["to"]) == [
        "+493055500001",
        "+8613800138000",
        "kim@mail.example",
        "lilei@mail.example",
    ]


def test_delivering_again_sends_nothing_twice(sent: Office) -> None:
    before = {path: path.stat().st_mtime_ns for path in (sent.home / "outbox").iterdir()}
    assert sent.amends("deliver", INCIDENT, NOTICE).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in (sent.home / "outbox").iterdir()} == before


def test_unreachable_people_do_not_leave_a_delivery_partly_done(ready: Office) -> None:
    """People without any address are counted as unreachable, and do not make the delivery count as partly done: the
    exit code is 0.
    """
    answer = ready.amends("deliver", INCIDENT, NOTICE)
    assert (answer.exit_code, "1 unreachable" in answer.stdout) == (0, True)


def test_a_channel_in_trouble_leaves_it_partly_delivered(ready: Office) -> None:
    # A file stands where the folder should be, so nothing can be put there.
    (ready.home / "outbox").write_text("")
    assert ready.amends("deliver", INCIDENT, NOTICE).exit_code == 5


def test_a_channel_that_is_not_set_up_is_an_error(ready: Office) -> None:
    settings = ready.home / "amends.toml"
    text = settings.read_text()
    settings.write_text(text[: text.index("[channels.email]")])
    answer = ready.amends("deliver", INCIDENT, NOTICE)
    assert answer.exit_code == 1
    assert "channels." in answer.stderr


def test_sending_again_needs_somebody_who_decides(office: Office) -> None:
    assert office.amends("deliver", INCIDENT, NOTICE, "--again", 2).exit_code == 2


@pytest.mark.parametrize("number", ["9" * 22, "9" * 5000, 2**63])
@pytest.mark.parametrize("option", ["--again", "--held", "--retry", "--give-up"])
def test_a_number_that_no_person_has_is_a_usage_error(office: Office, option: str, number: object) -> None:
    assert office.amends("deliver", INCIDENT, NOTICE, option, number, by="omar").exit_code == 2


@pytest.mark.parametrize("option", ["--again", "--retry"])
def test_what_is_for_the_public_is_decided_under_the_number_0(office: Office, option: str) -> None:
    assert office.amends("deliver", INCIDENT, NOTICE, option, 0, by="omar").exit_code != 2


def test_a_typo_in_one_decision_leaves_the_others_undone(office: Office) -> None:
    before = office.values("audit", "head")["entries"]
    words = ("deliver", INCIDENT, NOTICE, "--again", 2, "--retry", "everybody")
    assert (office.amends(*words, by="omar").exit_code, office.values("audit", "head")["entries"]) == (2, before)


@pytest.fixture
def delivered(office: Office) -> Office:
    approve(office, "omar", "wei")
    office.amends("deliver", INCIDENT, NOTICE)
    return office


def test_deliveries_name_people_by_number_only(delivered: Office) -> None:
    assert "example" not in delivered.amends("deliveries", INCIDENT, NOTICE).stdout


def test_deliveries_can_be_narrowed_to_a_state(delivered: Office) -> None:
    listed = delivered.values("deliveries", INCIDENT, "--state", "unreachable")
    assert [(line["person"], line["reason"]) for line in listed["deliveries"]] == [(4, "no_address")]


def test_deliveries_add_up(delivered: Office) -> None:
    listed = delivered.values("deliveries", INCIDENT)
    assert sum(listed["states"].values()) == len(listed["deliveries"])


def test_deliveries_of_a_notice_that_is_not_there_are_an_error(delivered: Office) -> None:
    assert delivered.amends("deliveries", INCIDENT, "update-9").exit_code == 1


def test_deliveries_as_csv_have_a_line_for_each_message(delivered: Office, tmp_path: Path) -> None:
    file = tmp_path / "deliveries.csv"
    delivered.amends("deliveries", INCIDENT, "--csv", file)
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == len(delivered.values("deliveries", INCIDENT)["deliveries"])


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@a", "\t=1"])
def test_no_cell_is_taken_for_a_formula(cell: str) -> None:
    assert inert(cell) == f"'{cell}"


def test_a_plain_cell_stays_as_it_is() -> None:
    assert inert("550 no such user") == "550 no such user"


def test_an_outdated_draft_says_that_it_is_drafted_afresh(office: Office, tmp_path: Path) -> None:
    ledger = office.ledger()
    incident = ledger.cases.read(INCIDENT).incident
    ledger.incidents.amend(incident.model_copy(update={"title": "Four terminals"}), "lena", datetime.now(UTC))
    ledger.dispose()
    assert "drafted afresh" in office.amends("preview", INCIDENT, NOTICE).stderr


@pytest.fixture
def outworded(office: Office) -> Office:
    """An office whose words know no Chinese any more, while the draft still has it."""
    ledger = office.ledger()
    playbook, wording = ledger.cases.read(INCIDENT).playbook, ledger.playbooks.wording(INCIDENT)
    assert playbook
    english = wording.model_copy(update={"phrases": {"en": wording.phrases["en"]}})
    ledger.playbooks.pin(INCIDENT, playbook, english, "lena", datetime.now(UTC))
    ledger.dispose()
    return office


def test_a_preview_of_a_draft_older_than_its_words_says_so(outworded: Office) -> None:
    """When the wording has changed since a notice was drafted, the preview shows the finding L154 and says that the
    notice will be drafted afresh.
    """
    answer = outworded.amends("preview", INCIDENT, NOTICE, "--people", 3)
    assert (answer.exit_code, answer.exception.__class__) == (3, SystemExit)
    assert "L154" in answer.stdout
    assert "drafted afresh" in answer.stderr


def test_the_lint_says_so_too(outworded: Office) -> None:
    answer = outworded.amends("lint", INCIDENT)
    assert (answer.exit_code, "L154" in answer.stdout) == (3, True)


def test_a_fresh_draft_can_be_approved_again(office: Office) -> None:
    draft_again(office)
    assert approve_as_it_is(office, "omar", "wei").exit_code == 0


@pytest.mark.parametrize("more", [(), ("--emergency", "--with", "wei", "--why", "fire")])
def test_an_approval_must_name_which_of_two_drafts_was_seen(
    office: Office, more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a notice was redrafted, an approval that does not name the draft by its binding is refused, records
    nothing, and shows the command with the binding; an emergency approval is refused too.
    """
    monkeypatch.setenv("AMENDS_TOKEN_2", office.tokens["wei"])
    draft_again(office)
    shown, before = office.values("preview", INCIDENT, NOTICE), office.values("audit", "head")["entries"]
    refused = office.amends("approve", INCIDENT, NOTICE, "--yes", *more, by="omar")
    said = " ".join(refused.stderr.split())
    assert (refused.exit_code, office.values("audit", "head")["entries"]) == (1, before)
    assert f"{NOTICE} was redrafted at {datetime.now(UTC):%Y-%m-%d}" in said
    assert f"`amends approve {INCIDENT} {NOTICE} --as omar --binding {shown['binding'][:12]}`" in said


def test_a_released_notice_says_so_and_asks_for_no_binding(office: Office) -> None:
    """An approval of a notice that nobody can approve any more is refused because the notice is released already,
    without a request for a binding.
    """
    draft_again(office)
    approve_as_it_is(office, "omar", "wei")
    office.amends("deliver", INCIDENT, NOTICE)
    refused = office.amends("approve", INCIDENT, NOTICE, "--yes", by="wei")
    assert (refused.exit_code, "released already" in refused.stderr) == (1, True)


def test_the_command_shown_to_other_approvers_approves_this_draft(office: Office) -> None:
    """The command that an approval shows for the other approvers carries the binding, and approves exactly this draft."""
    draft_again(office)
    hint = " ".join(approve_as_it_is(office, "omar").stderr.split())
    named = re.search(r"others approve with `amends (approve .+) --as NAME (--binding \w+)`", hint)
    assert named
    assert office.amends(*named[1].split(), *named[2].split(), "--people", 3, by="wei").exit_code == 0


def test_who_approves_where_no_prefect_runs_hears_that_it_is_not_here(office: Office) -> None:
    """It may well run on another machine at the same ledger."""
    assert "Prefect does not begin it here" in approve(office, "omar", "wei").stderr
