"""Who was reached and who was not: the numbers, the list, the files."""

import csv
import json
import stat
import zipfile
from collections.abc import Iterator
from io import BytesIO, StringIO
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from amends.cli.deliver import deliveries as under_test
from amends.cli.deliver.deliveries import FORMULA, HEAD, SCREEN, stages, write_csv, write_xlsx
from amends.cli.terminal.files import whole
from amends.domain.channel.message import ReceiptCause
from amends.domain.notice.notice import DeliveryState
from amends.ledger import Ledger
from tests.cli.conftest import INCIDENT, NOTICE, Office, a_copy, become

SPREADSHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
FATES = {
    ("email", 2): ("sent", "250 2.0.0"),
    ("sms", 2): ("failed", "=HYPERLINK(1)"),
    ("email", 3): ("bounced", "550 5.1.1 nobody here"),
    ("sms", 3): ("uncertain", "cut off"),
}
"""Person 4 has no address. The public messages wait."""


@pytest.fixture(scope="session")
def released(ready_template: Office, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """An office that has released the first notice, and some of its messages told apart by hand."""
    office = a_copy(ready_template, tmp_path_factory.mktemp("released") / "home")
    ledger = office.ledger()
    ledger.notices.release(INCIDENT, NOTICE, ledger.notices.latest_draft(INCIDENT, NOTICE).dated)
    for (channel, person), fate in FATES.items():
        set_fate(ledger, f"channel = '{channel}' AND person = {person}", *fate)
    ledger.dispose()
    return office


@pytest.fixture
def ledger(office: Office, released: Office) -> Iterator[Ledger]:
    """The ledger of the office, which has released the first notice."""
    become(office, released)
    ledger = office.ledger()
    yield ledger
    ledger.dispose()


def test_a_notice_without_messages_yet_is_said_to_have_none(office: Office) -> None:
    said = office.amends("deliveries", INCIDENT, NOTICE).stdout
    assert said == f"no messages yet of {NOTICE}; `amends incident show {INCIDENT}` says how far that is\n"


def set_fate(ledger: Ledger, where: str, state: str, detail: str, cause: ReceiptCause = ReceiptCause.NONE) -> None:
    with ledger.store.write() as write:
        change = text(f"UPDATE delivery SET state = :state, cause = :cause, detail = :detail WHERE {where}")
        write.session.execute(change, {"state": state, "cause": cause.value, "detail": detail})


def copied(ledger: Ledger, times: int) -> None:
    """The message of person 4 once more for so many numbers that nobody has."""
    names = (
        "incident, notice, version, channel, address_index, variant, state, cause, provider_id, attempts, updated_at"
    )
    with ledger.store.write() as write:
        write.session.execute(
            text(
                "WITH RECURSIVE n(i) AS (SELECT 101 UNION ALL SELECT i + 1 FROM n WHERE i < 100 + :times) "
                f"INSERT INTO delivery ({names}, person) SELECT {names}, i FROM delivery, n WHERE person = 4"
            ),
            {"times": times},
        )


def sheets(file: Path) -> list[list[list[tuple[str, str]]]]:
    """Kind and text of every cell; `inlineStr` is text, and whatever else there is would be a number or a formula."""
    with zipfile.ZipFile(file) as workbook:
        names = sorted(name for name in workbook.namelist() if name.startswith("xl/worksheets/sheet"))
        return [_rows(ET.fromstring(workbook.read(name))) for name in names]


def _rows(sheet: ET.Element) -> list[list[tuple[str, str]]]:
    return [
        [(cell.get("t", "n"), "".join(cell.itertext())) for cell in row.iter(f"{SPREADSHEET}c")]
        for row in sheet.iter(f"{SPREADSHEET}row")
    ]


# Parked messages.


@pytest.fixture
def parked(office: Office, ledger: Ledger) -> Office:
    """One SMS is parked, everything else is settled but the public messages."""
    set_fate(ledger, "channel = 'sms' AND person = 2", "parked", "KeyError", ReceiptCause.FAULT)
    return office


def test_parked_messages_are_listed_and_their_reasons_told(parked: Office) -> None:
    (numbers,) = parked.values("deliveries", INCIDENT, NOTICE)["notices"]
    assert {"state": "parked", "reason": "fault KeyError", "messages": 1} in numbers["reasons"]
    answer = parked.amends("deliveries", INCIDENT, NOTICE, "--state", "parked")
    assert "1 message: 1 parked" in answer.stdout
    assert "--retry" in answer.stderr and "--give-up" in answer.stderr


def test_a_person_with_only_a_parked_message_counts_as_parked(office: Office, ledger: Ledger) -> None:
    """A person whose only message is parked is counted under "parked", apart from people who were sent a message,
    cannot be reached, or are held.
    """
    set_fate(ledger, "person = 3", "parked", "KeyError", ReceiptCause.FAULT)
    (numbers,) = office.values("deliveries", INCIDENT, NOTICE)["notices"]
    assert numbers["people"] == {"sent": 1, "unreachable": 1, "parked": 1}


def test_parked_messages_leave_a_notice_partly_delivered(parked: Office, tmp_path: Path) -> None:
    """A notice with a parked message ends as partly delivered (exit code 5): the commands deliver and incident show,
    and the report, all name the parked message.
    """
    answer = parked.amends("deliver", INCIDENT, NOTICE)
    assert (answer.exit_code, "1 message is parked until somebody decides" in answer.stdout) == (5, True)
    assert "some wait" not in answer.stderr
    shown = parked.amends("incident", "show", INCIDENT)
    assert "sending, 1 parked" in shown.stdout and "1 message is parked" in shown.stderr
    parked.amends("report", INCIDENT, "--out", tmp_path / "report.html")
    assert "sending, 1 parked" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("decision", [("--retry", 2), ("--retry", "all"), ("--give-up", 2), ("--give-up", "all")])
def test_deciding_on_a_parked_message_ends_its_notice(parked: Office, decision: tuple) -> None:
    """When somebody decides to retry or to give up the parked messages, by number or all at once, none stays parked and
    the notice reaches the stage "sent".
    """
    parked.amends("deliver", INCIDENT, NOTICE)
    parked.amends("deliver", INCIDENT, NOTICE, *decision, by="omar")
    states = parked.values("deliveries", INCIDENT, NOTICE)["states"]
    assert "parked" not in states
    assert parked.values("incident", "show", INCIDENT)["case"]["notices"][0]["stage"] == "sent"


def test_who_delivers_hears_of_every_message_in_doubt(office: Office, ledger: Ledger) -> None:
    set_fate(ledger, "person = 2 AND channel = 'sms'", "uncertain", "cut off")
    answer = office.amends("deliver", INCIDENT, NOTICE)
    look = f"`amends deliveries {INCIDENT} {NOTICE} --state uncertain` says which"
    assert (answer.exit_code, "1 uncertain" in answer.stdout) == (5, True)
    assert f"2 messages are uncertain, and 1 person has nothing better: {look}" in answer.stderr


def test_a_message_in_doubt_is_named_though_all_were_reached(office: Office, ledger: Ledger) -> None:
    """A message whose fate is uncertain is named with the command that lists it, also when everybody was reached by
    another message and the exit code is 0.
    """
    set_fate(ledger, "person = 3 AND channel = 'email'", "sent", "250 2.0.0")
    answer = office.amends("deliver", INCIDENT, NOTICE)
    assert (answer.exit_code, "1 message is uncertain: `amends deliveries" in answer.stderr) == (0, True)


def test_an_uncertain_public_post_is_named_as_in_the_list(office: Office, ledger: Ledger) -> None:
    """The public, whose post is uncertain, is called "public" both in the list of deliveries and in the command that
    posts again; the command works only while the post is uncertain.
    """
    again = ("deliver", INCIDENT, NOTICE, "--again", "public")
    assert "is uncertain for the public" in office.amends(*again, by="omar").stderr
    with ledger.store.write() as write:
        write.session.execute(text("UPDATE delivery SET state = 'uncertain' WHERE channel = 'social'"))
    (listed, *_) = office.values("deliveries", INCIDENT, NOTICE, "--channel", "social")["deliveries"]
    assert (listed["person"], listed["state"]) == ("public", "uncertain")
    assert "out once more" in office.amends(*again, by="omar").stderr


def test_who_has_a_message_sent_again_hears_how_many_go_out(office: Office, ledger: Ledger) -> None:
    answer = office.amends("deliver", INCIDENT, NOTICE, "--again", 3, by="omar")
    assert "1 message goes out once more\n" in answer.stderr


def test_who_is_meant_must_be_a_number_or_all(parked: Office) -> None:
    assert parked.amends("deliver", INCIDENT, NOTICE, "--give-up", "everybody", by="omar").exit_code == 2
    assert parked.amends("deliver", INCIDENT, NOTICE, "--give-up", "all").exit_code == 2


# The numbers.


def test_people_are_counted_by_their_best_message(office: Office, ledger: Ledger) -> None:
    (numbers,) = office.values("deliveries", INCIDENT, NOTICE)["notices"]
    assert numbers["people"] == {"sent": 1, "uncertain": 1, "unreachable": 1}


def test_messages_are_counted_by_channel_country_and_variant(office: Office, ledger: Ledger) -> None:
    (numbers,) = office.values("deliveries", INCIDENT, NOTICE)["notices"]
    assert numbers["by_channel"]["sms"] == {"reached": 0, "waiting": 0, "uncertain": 1, "not_reached": 1}
    assert numbers["by_country"]["DE"] == {"reached": 1, "waiting": 0, "uncertain": 0, "not_reached": 2}
    assert numbers["by_variant"]["zh-CN/self"]["uncertain"] == 1
    assert numbers["by_country"]["public"]["waiting"] > 0


def test_each_table_adds_up_to_all_messages(office: Office, ledger: Ledger) -> None:
    answer = office.values("deliveries", INCIDENT)
    (numbers,) = answer["notices"]
    for name in ("by_channel", "by_country", "by_variant"):
        assert sum(sum(counts.values()) for counts in numbers[name].values()) == answer["matching"]


def test_reasons_are_counted_by_their_codes(office: Office, ledger: Ledger) -> None:
    (numbers,) = office.values("deliveries", INCIDENT, NOTICE)["notices"]
    assert {"state": "bounced", "reason": "550 5.1.1", "messages": 1} in numbers["reasons"]
    assert {"state": "unreachable", "reason": "no_address", "messages": 1} in numbers["reasons"]


def test_the_screen_has_summary_tables_and_reasons(office: Office, ledger: Ledger) -> None:
    shown = office.amends("deliveries", INCIDENT, NOTICE).stdout
    assert f"{NOTICE}: 3 people: 1 sent, 1 uncertain, 1 unreachable" in shown
    heads = [line.split() for line in shown.splitlines()]
    for name in ("channel", "country", "variant"):
        assert ["messages", "by", name, "reached", "waiting", "uncertain", "not", "reached"] in heads
    assert ["bounced", "550", "5.1.1", "1"] in heads


def test_the_screen_lists_nobody_unless_asked(office: Office, ledger: Ledger) -> None:
    assert "person" not in office.amends("deliveries", INCIDENT, NOTICE).stdout


def test_a_table_that_is_too_long_sums_up_its_smallest_entries(
    office: Office, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "LARGEST", 1)
    shown = office.amends("deliveries", INCIDENT, NOTICE).stdout
    assert "3 others" in shown  # channels: email, sms, social, website


def test_before_anything_was_released_nobody_is_counted(office: Office) -> None:
    (numbers,) = office.values("deliveries", INCIDENT, NOTICE)["notices"]
    assert (numbers["people"], numbers["messages"]) == ({}, {})


def test_an_unknown_incident_is_an_error(office: Office) -> None:
    answer = office.amends("deliveries", "nowhere")
    assert (answer.exit_code, "no incident nowhere" in answer.stderr) == (1, True)


@given(st.dictionaries(st.sampled_from(DeliveryState), st.integers(0, 10**7)))
def test_every_message_is_in_exactly_one_column(states: dict[DeliveryState, int]) -> None:
    assert sum(stages(states)) == sum(states.values())
    assert all(count >= 0 for count in stages(states))


# The list.


def test_a_channel_or_a_country_narrows_the_list(office: Office, ledger: Ledger) -> None:
    by_channel = office.values("deliveries", INCIDENT, "--channel", "sms")
    assert {line["channel"] for line in by_channel["deliveries"]} == {"sms"}
    by_country = office.values("deliveries", INCIDENT, "--country", "cn")
    assert {line["person"] for line in by_country["deliveries"]} == {3}


def test_a_line_says_who_where_how_why_and_since_when(office: Office, ledger: Ledger) -> None:
    (line,) = office.values("deliveries", INCIDENT, "--state", "bounced")["deliveries"]
    assert list(line) == list(HEAD)
    assert line["since"]
    del line["since"]
    assert line == {
        "notice": NOTICE,
        "person": 3,
        "country": "CN",
        "channel": "email",
        "variant": "zh-CN/self",
        "state": "bounced",
        "reason": "550 5.1.1 nobody here",
        "tries": 0,
    }


def test_a_list_names_nobody(office: Office, ledger: Ledger) -> None:
    shown = office.amends("deliveries", INCIDENT, "--country", "DE").output
    assert "email" in shown
    assert not any(word in shown for word in ("Kim", "mail.example", "+4930"))


def test_a_screen_has_fifty_lines_and_says_where_the_others_are(office: Office, ledger: Ledger) -> None:
    copied(ledger, 100)
    answer = office.amends("deliveries", INCIDENT, "--state", "unreachable")
    assert sum(line.startswith(NOTICE) for line in answer.stdout.splitlines()) == SCREEN
    assert "101 messages: 101 unreachable" in answer.stdout
    assert f"{101 - SCREEN} more are not shown: --csv FILE" in answer.stderr


def test_programs_are_told_how_many_there_are_too(office: Office, ledger: Ledger) -> None:
    copied(ledger, 100)
    answer = office.values("deliveries", INCIDENT, "--state", "unreachable")
    assert (answer["matching"], len(answer["deliveries"])) == (101, SCREEN)


def test_an_empty_list_says_so(office: Office, ledger: Ledger) -> None:
    assert office.amends("deliveries", INCIDENT, "--country", "NZ").stdout == "0 messages: none\n"


@pytest.mark.parametrize("country", ["Germany", "UK", "XX", ""])
def test_an_unknown_country_code_is_a_usage_error_not_an_empty_list(office: Office, country: str) -> None:
    """A --country that is no code of a country is a usage error, and is not answered with an empty list."""
    assert office.amends("deliveries", INCIDENT, "--country", country).exit_code == 2


# The files.


def test_the_files_have_every_line_of_the_list(office: Office, ledger: Ledger, tmp_path: Path) -> None:
    copied(ledger, 100)
    files = ("--csv", tmp_path / "d.csv", "--xlsx", tmp_path / "d.xlsx")
    assert office.amends("deliveries", INCIDENT, "--state", "unreachable", *files).exit_code == 0
    with (tmp_path / "d.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert (tuple(rows[0]), len(rows)) == (HEAD, 102)
    ((head, *cells),) = sheets(tmp_path / "d.xlsx")
    assert (tuple(name for _, name in head), len(cells)) == (HEAD, 101)
    assert [[word for _, word in row] for row in cells] == rows[1:]


def test_a_formula_in_a_reason_is_text_in_both_files(office: Office, ledger: Ledger, tmp_path: Path) -> None:
    set_fate(ledger, "channel = 'sms' AND person = 2", "failed", "=1+1;=2+2")
    files = ("--csv", tmp_path / "d.csv", "--xlsx", tmp_path / "d.xlsx")
    office.amends("deliveries", INCIDENT, "--state", "failed", *files)
    with (tmp_path / "d.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["reason"] == "'=1+1,=2+2"
    ((_, (*_, reason, _, _)),) = sheets(tmp_path / "d.xlsx")
    assert reason == ("inlineStr", "=1+1;=2+2")


def test_files_are_for_their_owner_only_even_in_place_of_others(office: Office, ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("old")
    (tmp_path / "d.csv").chmod(0o644)
    office.amends("deliveries", INCIDENT, "--csv", tmp_path / "d.csv", "--xlsx", tmp_path / "d.xlsx")
    assert {file.name: file.stat().st_mode & 0o777 for file in tmp_path.glob("d.*")} == {
        "d.csv": 0o600,
        "d.xlsx": 0o600,
    }


def test_a_file_in_a_folder_that_is_not_there_is_an_error(office: Office, ledger: Ledger, tmp_path: Path) -> None:
    assert office.amends("deliveries", INCIDENT, "--csv", tmp_path / "none" / "d.csv").exit_code == 1


def test_what_is_no_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/dev/null")
    with whole(link) as file:
        file.write(b"gone")
    assert link.is_char_device()
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with whole(tmp_path / "link") as file:
        file.write(b"new")
    assert ((tmp_path / "link").is_symlink(), (tmp_path / "file").read_bytes()) == (True, b"new")


def test_a_full_disk_is_told_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "d.csv"
    with pytest.raises(OSError, match="No space left") as error, whole(file):
        raise OSError(28, "No space left on device")
    assert error.value.filename == str(file)
    assert not [*tmp_path.iterdir()]


class Full(BytesIO):
    """A disk without room for what comes first."""

    full = True

    def write(self, text: Any, /) -> int:
        if self.full:
            self.full = False
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_a_workbook_that_finds_no_room_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        write_xlsx(Full(), [("first-notice", 1)], tmp_path)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("option", ["--csv", "--xlsx"])
def test_a_folder_or_nothing_in_place_of_a_file_is_a_usage_error(
    office: Office, ledger: Ledger, tmp_path: Path, option: str
) -> None:
    for path, named in ((tmp_path, tmp_path.name), ("", ".")):
        answer = office.amends("deliveries", INCIDENT, option, path)
        said = "".join(answer.stderr.split())
        assert (answer.exit_code, f"{named}isafolder" in said) == (2, True), answer.stderr
    assert not [*tmp_path.parent.glob(".*.part")]


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no folder in memory here")
def test_a_file_in_memory_is_private_and_replaces_the_old_one() -> None:
    """A file in a folder in memory, where a user keeps addresses off the disk, replaces the old file and can be read by
    its owner only.
    """
    with TemporaryDirectory(dir="/dev/shm") as folder:
        file = Path(folder, "d.csv")
        file.write_text("old")
        with whole(file) as opened:
            opened.write(b"new")
        assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)


def test_what_cannot_be_written_is_named_as_it_was_given(tmp_path: Path) -> None:
    file = tmp_path / "none" / "d.csv"
    with pytest.raises(FileNotFoundError) as error, whole(file):
        pass
    assert error.value.filename == str(file)


def test_both_files_in_one_place_are_a_usage_error(office: Office, ledger: Ledger, tmp_path: Path) -> None:
    files = ("--csv", tmp_path / "d", "--xlsx", tmp_path / "d")
    assert office.amends("deliveries", INCIDENT, *files).exit_code == 2


@pytest.mark.parametrize(("option", "name"), [("--csv", "d.xlsx"), ("--xlsx", "d.csv"), ("--xlsx", "D.CSV")])
def test_no_file_is_written_under_the_name_of_the_other_kind(
    office: Office, ledger: Ledger, tmp_path: Path, option: str, name: str
) -> None:
    answer = office.amends("deliveries", INCIDENT, option, tmp_path / name)
    assert (answer.exit_code, f"{option} writes no" in answer.stderr) == (2, True)
    assert not (tmp_path / name).exists()


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "d.csv"
    file.write_text("old")
    with pytest.raises(ZeroDivisionError), whole(file) as opened:
        opened.writelines(b"new" * (1 // left) for left in (1, 0))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"d.csv": "old"}


def test_more_rows_than_a_sheet_holds_go_on_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "SHEET_HOLDS", 4)
    with (tmp_path / "d.xlsx").open("wb") as file:
        write_xlsx(file, repeat((NOTICE, 1), 7), tmp_path)
    assert [len(rows) for rows in sheets(tmp_path / "d.xlsx")] == [4, 4, 2]


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=5))
def test_no_cell_of_a_csv_is_carried_out_or_parted(cells: list[str]) -> None:
    written = BytesIO()
    write_csv(written, [tuple(cells)])
    _, row = csv.reader(StringIO(written.getvalue().decode(), newline=""))
    assert len(row) == len(cells)
    assert not any(cell.startswith(FORMULA) or ";" in cell for cell in row)


def test_numbers_are_numbers_and_all_else_is_text(office: Office, ledger: Ledger, tmp_path: Path) -> None:
    office.amends("deliveries", INCIDENT, "--xlsx", tmp_path / "d.xlsx")
    ((_, *rows),) = sheets(tmp_path / "d.xlsx")
    kinds = {HEAD[place]: {kind for kind, _ in (row[place] for row in rows)} for place in range(len(HEAD))}
    assert kinds.pop("person") == {"n", "inlineStr"}  # the public is no number
    assert kinds.pop("tries") == {"n"}
    assert set().union(*kinds.values()) == {"inlineStr"}


def test_with_json_the_files_are_named(office: Office, ledger: Ledger, tmp_path: Path) -> None:
    answer = office.amends("--json", "deliveries", INCIDENT, "--csv", tmp_path / "d.csv")
    assert json.loads(answer.stdout)["files"] == [str(tmp_path / "d.csv")]
