"""Letters go to the print shop in files that only their owner reads and no spreadsheet carries out."""

import csv
import json
import re
import stat
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import text

from amends.cli.deliver.letter_files import PaperLetter, pdf_of, write_letters
from amends.delivery.markdown import blocks_of
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.correction import Ask
from amends.domain.people.person import Person
from amends.domain.team.member import TeamRole
from amends.ledger import Ledger
from amends.ledger.tables.notice import RestoredNoticeRow
from tests.builders import NOW, a_person
from tests.cli.conftest import Office, a_copy, make_home
from tests.delivery.sending import INCIDENT, NOTICE, approved

EMAIL, SMS, LETTER, WEBSITE = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.LETTER, ChannelKind.WEBSITE
HOME = "Example Street 1\n10115 Berlin\nGermany"
EVIL = "=HYPERLINK(1)"
COLUMNS = ["name", "postal address", "locale", "subject", "text", "personal page", "reference"]


def by_post(number: int, **changes: object) -> Person:
    return a_person(number=number, **({"email": "", "phone": "", "postal_address": HOME} | changes))


PEOPLE = (
    a_person(number=1),
    by_post(2),
    by_post(3, name="李雷", locale="zh-CN", country="CN", postal_address="100000\n北京市示例路1号"),
    by_post(4, name=EVIL, postal_address="+1 Example Road\n=1+1"),
    by_post(5, postal_address=""),
)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A home with a released notice, three letters of which wait."""
    office = make_home(tmp_path_factory.mktemp("letters") / "home")
    ledger = office.ledger()
    approved(ledger, PEOPLE, channels=(WEBSITE, EMAIL), cascade=(EMAIL, SMS, LETTER))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    for name, role in (("lena", TeamRole.LEAD), ("rosa", TeamRole.RESPONDER)):
        office.tokens[name] = ledger.team.add(name, role, "lena", NOW)
    ledger.dispose()
    return office


@pytest.fixture
def office(made: Office, tmp_path: Path) -> Office:
    return a_copy(made, tmp_path / "home")


@pytest.fixture
def ledger(office: Office) -> Iterator[Ledger]:
    opened = office.ledger()
    yield opened
    opened.dispose()


@pytest.mark.parametrize("out", [False, True], ids=["look", "hand over"])
def test_a_missing_notice_is_told_apart_from_one_without_letters(office: Office, tmp_path: Path, out: bool) -> None:
    """For a notice that does not exist, the command letters fails and says that the incident has no such notice,
    instead of reporting that there are no letters; no folder is made.
    """
    folder = tmp_path / "letters"
    answer = office.amends("letters", INCIDENT, "nope", *(("--out", folder) if out else ()), by="lena" if out else "")
    assert (answer.exit_code, folder.exists()) == (1, False)
    assert f"incident {INCIDENT} has no notice nope" in answer.stderr


def test_a_file_in_place_of_the_folder_is_refused_first(office: Office, tmp_path: Path) -> None:
    """When --out names a file, the command is refused as a usage error before any letter is handed over, and the file
    stays as it was.
    """
    (tmp_path / "letters").write_text("mine")
    answer = office.amends("letters", INCIDENT, NOTICE, "--out", tmp_path / "letters", by="lena")
    assert (answer.exit_code, "--out" in answer.stderr, "is a file" in answer.stderr) == (2, True, True)
    assert (tmp_path / "letters").read_text() == "mine"


def hand_over(office: Office, out: Path, *more: object) -> dict:
    return office.values("letters", INCIDENT, NOTICE, "--out", out, *more, by="lena")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def sheet(path: Path) -> list[list]:
    return CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()


def test_a_batch_is_two_lists_with_everything_the_print_shop_needs(office: Office, tmp_path: Path) -> None:
    answer = hand_over(office, tmp_path / "out")
    assert (answer["batch"], answer["letters"]) == (1, 3)
    assert answer["files"] == [str(tmp_path / "out" / f"letters-1.{kind}") for kind in ("csv", "xlsx")]
    rows = table(tmp_path / "out" / "letters-1.csv")
    assert list(rows[0]) == COLUMNS
    assert (rows[0]["name"], rows[0]["postal address"], rows[0]["locale"]) == ("Kim Example 2", HOME, "en")
    assert "Dear Kim Example 2," in rows[0]["text"]
    assert rows[0]["personal page"].rsplit("/")[-1] in rows[0]["text"]
    assert re.fullmatch(r"https://btepai\.example/p/\w{3}(-\w{3}){10}", rows[0]["personal page"])
    assert re.fullmatch("[0-9a-f]{10}", rows[0]["reference"])
    assert (rows[1]["name"], rows[1]["locale"]) == ("李雷", "zh-CN")


def test_both_lists_hold_the_same_letters(office: Office, tmp_path: Path) -> None:
    hand_over(office, tmp_path / "out")
    head, *rows = sheet(tmp_path / "out" / "letters-1.xlsx")
    assert head == COLUMNS
    kept = [list(row.values()) for row in table(tmp_path / "out" / "letters-1.csv")]
    assert [[cell.removeprefix("'") for cell in row] for row in kept] == rows


def test_no_spreadsheet_carries_out_what_somebody_is_called(office: Office, tmp_path: Path) -> None:
    hand_over(office, tmp_path / "out")
    evil = table(tmp_path / "out" / "letters-1.csv")[2]
    assert (evil["name"], evil["postal address"]) == (f"'{EVIL}", "'+1 Example Road\n=1+1")
    assert sheet(tmp_path / "out" / "letters-1.xlsx")[3][:2] == [EVIL, "+1 Example Road\n=1+1"]
    from zipfile import ZipFile

    with ZipFile(tmp_path / "out" / "letters-1.xlsx") as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")


def letter_to(name: str) -> PaperLetter:
    return PaperLetter(
        name,
        HOME,
        "en",
        "Your data",
        blocks_of(f"<p>Dear {name},</p>"),
        "https://a.example/p",
        "0123456789",
        "Bank",
        "1 May",
    )


def test_a_name_is_no_formula_where_a_semicolon_begins_a_new_cell(tmp_path: Path) -> None:
    write_letters(tmp_path, 1, [letter_to("Eve;=1+1")], NOW, pdf=False)
    lines = (tmp_path / "letters-1.csv").read_text("utf-8-sig").splitlines()
    cells = [cell for row in csv.reader(lines, delimiter=";") for cell in row]
    assert [cell for cell in cells if "=1+1" in cell and cell.startswith("=")] == []
    assert sheet(tmp_path / "letters-1.xlsx")[1][0] == "Eve;=1+1"


def test_lines_of_an_address_are_parted_by_line_feeds(tmp_path: Path) -> None:
    """The lines of a postal address are parted by line feeds in CSV and XLSX, also when the audience list has carriage
    returns, which a workbook would print as _x000D_.
    """
    write_letters(tmp_path, 1, [replace(letter_to("Kim"), address=HOME.replace("\n", "\r\n"))], NOW, pdf=False)
    assert table(tmp_path / "letters-1.csv")[0]["postal address"] == HOME
    assert sheet(tmp_path / "letters-1.xlsx")[1][1] == HOME  # a carriage return is written _x000D_, and printed so


def test_letters_that_are_too_many_for_a_sheet_go_on_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amends.cli.deliver.letter_files.SHEET_HOLDS", 3)
    write_letters(tmp_path, 1, [letter_to(f"Kim {number}") for number in range(5)], NOW, pdf=False)
    book = CalamineWorkbook.from_path(tmp_path / "letters-1.xlsx")
    sheets = [[row[0] for row in book.get_sheet_by_name(name).to_python()] for name in book.sheet_names]
    assert sheets == [["name", "Kim 0", "Kim 1"], ["name", "Kim 2", "Kim 3"], ["name", "Kim 4"]]


def test_only_the_owner_can_read_them(office: Office, tmp_path: Path) -> None:
    hand_over(office, tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    files = list((tmp_path / "out").iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_a_folder_open_to_others_is_refused_and_nothing_leaves(office: Office, ledger: Ledger, tmp_path: Path) -> None:
    """A folder that other users can look into is refused, and no letter is handed over."""
    out = tmp_path / "open"
    out.mkdir(mode=0o755)
    answer = office.amends("letters", INCIDENT, NOTICE, "--out", out, by="lena")
    assert answer.exit_code == 1
    assert "others can look into" in answer.stderr
    assert ledger.letters.to_print(INCIDENT, NOTICE) == 3


def test_a_second_call_hands_over_nothing_twice(office: Office, tmp_path: Path) -> None:
    hand_over(office, tmp_path / "out")
    assert hand_over(office, tmp_path / "later") == {"batch": None, "letters": 0, "moved": [], "files": []}
    assert list((tmp_path / "later").iterdir()) == []


def test_the_same_batch_again_makes_the_same_files(office: Office, tmp_path: Path) -> None:
    hand_over(office, tmp_path / "out")
    hand_over(office, tmp_path / "again", "--again", 1)
    for name in ("letters-1.csv", "letters-1.xlsx"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_the_same_batch_again_removes_its_earlier_pages(office: Office, tmp_path: Path) -> None:
    """When a batch is written again, the pages of an earlier run of the same batch are removed, because a page may hold
    an address that a corrected list has replaced; pages of other batches stay.
    """
    hand_over(office, tmp_path / "out")
    pages = [tmp_path / "out" / name for name in ("letters-1-001.pdf", "letters-10-001.pdf", "letters-2-001.pdf")]
    for page in pages:
        page.touch()
    hand_over(office, tmp_path / "out", "--again", 1)
    assert [page.exists() for page in pages] == [False, True, True]


def test_the_same_batch_again_leaves_out_people_who_moved(office: Office, ledger: Ledger, tmp_path: Path) -> None:
    """When a batch is written again after a corrected list has changed a person's postal address, the letter to this
    person is left out and named with its reference, and the number of letters says so.
    """
    first = hand_over(office, tmp_path / "out")
    people = [person._replace(postal_address="Neue Straße 5") if person.number == 2 else person for person in PEOPLE]
    found = ledger.corrections.compare(INCIDENT, people)
    ledger.corrections.apply(found, {Ask.CHANGED: 1}, "f" * 64, "maya", NOW)
    reference = table(tmp_path / "out" / "letters-1.csv")[0]["reference"]
    again = hand_over(office, tmp_path / "again", "--again", 1)
    assert (first["moved"], again["moved"]) == ([], [{"person": 2, "reference": reference}])
    assert reference not in [row["reference"] for row in table(tmp_path / "again" / "letters-1.csv")]
    answer = office.amends("letters", INCIDENT, NOTICE, "--out", tmp_path / "more", "--again", 1, by="lena")
    assert "batch 1: 2 letters of the 3\n" in answer.stdout
    assert (first["written"], again["written"]) == (3, 2)
    assert f"1 letter has another address, or none: person 2 ({reference}); of one that never left" in answer.stderr


def test_a_crash_before_the_files_are_whole_loses_no_letter(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("amends.cli.deliver.letter_files._TextSheet.add", full)
        answer = office.amends("letters", INCIDENT, NOTICE, "--out", tmp_path / "out", by="lena")
    assert (answer.exit_code, list((tmp_path / "out").iterdir())) == (1, [])
    assert f"`amends letters {INCIDENT} {NOTICE} --out DIR --again 1 --as NAME`" in answer.stderr
    assert hand_over(office, tmp_path / "out", "--again", 1)["letters"] == 3
    assert len(table(tmp_path / "out" / "letters-1.csv")) == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "x"], "--as NAME"),
        (["--pdf"], "--out DIR"),
        (["--again", 1], "--out DIR"),
        (["--out", "x", "--returned", "abc"], "call it twice"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(office: Office, options: list, said: str) -> None:
    answer = office.amends("letters", INCIDENT, NOTICE, *options)
    assert answer.exit_code == 2
    assert said in " ".join(re.sub(r"[│╭╰─╮╯]", " ", answer.stderr).split())


def test_a_responder_may_not_take_them(office: Office, tmp_path: Path) -> None:
    answer = office.amends("letters", INCIDENT, NOTICE, "--out", tmp_path / "out", by="rosa")
    assert answer.exit_code == 1
    assert "role" in answer.stderr


def test_a_returned_letter_is_noted_and_its_person_unreached(office: Office, tmp_path: Path) -> None:
    hand_over(office, tmp_path / "out")
    reference = table(tmp_path / "out" / "letters-1.csv")[0]["reference"]
    answer = office.amends("letters", INCIDENT, NOTICE, "--returned", reference, by="rosa")
    assert answer.exit_code == 0
    assert "the letter to person 2 came back" in answer.stdout
    standing = office.values("letters", INCIDENT, NOTICE)
    assert standing["batches"] == [{"number": 1, "letters": 3, "returned": 1}]


def test_a_returned_letter_with_next_message_in_doubt_needs_a_person(
    office: Office, ledger: Ledger, tmp_path: Path
) -> None:
    """When a letter comes back and, after a restore, the next message to the person may have left already, no message
    is sent by itself: the answer names the command with which a person decides.
    """
    hand_over(office, tmp_path / "out")
    with ledger.store.write() as write:
        write.session.add(RestoredNoticeRow(incident=INCIDENT, notice=NOTICE, may_have_left="sms"))
        write.session.execute(text("UPDATE person SET phone_index = :index WHERE number = 2"), {"index": b"p" * 32})
    reference = table(tmp_path / "out" / "letters-1.csv")[0]["reference"]
    answer = office.amends("letters", INCIDENT, NOTICE, "--returned", reference, by="rosa")
    assert "written to elsewhere" not in answer.stdout
    assert f"`amends deliver {INCIDENT} {NOTICE} --again 2 --as NAME`" in answer.stdout


def test_an_unknown_reference_is_said_in_words(office: Office) -> None:
    answer = office.amends("letters", INCIDENT, NOTICE, "--returned", "0123456789", by="rosa")
    assert answer.exit_code == 1
    assert "has the reference '0123456789'" in answer.stderr


def test_an_unknown_reference_is_named_as_it_was_typed(office: Office) -> None:
    assert (
        "has the reference 'XYZ'" in office.amends("letters", INCIDENT, NOTICE, "--returned", "XYZ", by="rosa").stderr
    )


def test_without_options_it_says_how_they_stand_and_what_comes_next(office: Office) -> None:
    answer = office.amends("letters", INCIDENT, NOTICE)
    assert "3 letters wait to be handed over" in answer.stdout
    assert f"`amends letters {INCIDENT} {NOTICE} --out DIR --as NAME`" in answer.stderr
    assert "one that waits even then is of a wave that has not begun, or has no approved text" in answer.stderr


def test_the_preview_says_that_the_email_is_printed_too(office: Office) -> None:
    answer = office.amends("preview", INCIDENT, NOTICE)
    assert "en/self/email, also printed as a letter" in answer.stdout
    assert "en/self/sms, also" not in answer.stdout
    assert "or lawfully tells; 3 people get one" in answer.stdout
    assert json.loads(office.amends("--json", "preview", INCIDENT, NOTICE).stdout)["letters"] == 3


# As pages.


def test_without_typst_it_says_what_to_install_and_hands_nothing_over(
    office: Office, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    answer = office.amends("letters", INCIDENT, NOTICE, "--out", tmp_path / "out", "--pdf", by="lena")
    assert answer.exit_code == 1
    assert "`pip install 'amends[letters]'`" in answer.stderr
    assert ledger.letters.to_print(INCIDENT, NOTICE) == 3


def test_without_a_chinese_font_it_says_which_and_hands_nothing_over(
    office: Office, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("typst")
    monkeypatch.setattr("amends.cli.deliver.letter_files.CHINESE_FONTS", ("No Such Font",))
    answer = office.amends("letters", INCIDENT, NOTICE, "--out", tmp_path / "out", "--pdf", by="lena")
    assert answer.exit_code == 1
    assert "No Such Font" in answer.stderr
    assert ledger.letters.to_print(INCIDENT, NOTICE) == 3


def test_the_pages_hold_one_letter_each_and_are_the_same_again(office: Office, tmp_path: Path) -> None:
    typst = pytest.importorskip("typst")
    if "Noto Sans CJK SC" not in typst.Fonts().families():
        pytest.skip("no font with Chinese characters here")
    answer = hand_over(office, tmp_path / "out", "--pdf")
    pages = Path(answer["files"][2])
    assert (pages.name, pages.read_bytes()[:5]) == ("letters-1-001.pdf", b"%PDF-")
    assert stat.S_IMODE(pages.stat().st_mode) == 0o600
    assert re.search(rb"/Count (\d+)", pages.read_bytes())[1] == b"3"
    hand_over(office, tmp_path / "again", "--again", 1, "--pdf")
    assert (tmp_path / "again" / pages.name).read_bytes() == pages.read_bytes()


def places_of_text(node: ET.Element, x: float = 0, y: float = 0) -> Iterator[tuple[float, float]]:
    """Where each piece of text of a page stands, in mm from its left and its top."""
    moved = node.get("transform", "0 0")
    more_x, more_y = map(float, re.findall(r"-?[\d.]+", moved)[-2:])
    x, y = x + more_x, y + more_y
    if moved.startswith("matrix(1 0 0 -1"):  # letters are drawn upwards
        yield x * 25.4 / 72, y * 25.4 / 72
    for part in node:
        yield from places_of_text(part, x, y)


@pytest.mark.parametrize("lines", [1, 5, 7, 9, 12])
def test_all_of_an_address_is_seen_through_the_window(monkeypatch: pytest.MonkeyPatch, lines: int) -> None:
    typst = pytest.importorskip("typst")
    monkeypatch.setattr(typst, "compile", partial(typst.compile, format="svg"))
    address = "\n".join(f"Line {number}" for number in range(lines))
    page = ET.fromstring(pdf_of([replace(letter_to("Kim"), address=address)], NOW))
    at_the_window = [y for x, y in places_of_text(page) if 19 < x < 21]
    assert len(at_the_window) == len(("sender", "name")) + lines
    assert max(at_the_window) < 90


def test_a_batch_that_cannot_be_is_a_usage_error(office: Office, tmp_path: Path) -> None:
    asked = ("letters", INCIDENT, NOTICE, "--out", tmp_path, "--again", 2**63)
    assert office.amends(*asked, by="omar").exit_code == 2
