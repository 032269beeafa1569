import random
import zipfile
from pathlib import Path

import pytest

from amends.content.people.open_table import open_table
from amends.content.people.xlsx_file import MOST_SHARED, MOST_UNPACKED
from amends.domain.base.errors import ContentError

COLUMNS = frozenset({"id", "name"})


def rows(path, encoding=None):
    return list(open_table(path, encoding, COLUMNS).rows())


def refusal(path, encoding=None):
    with pytest.raises(ContentError) as caught:
        rows(path, encoding)
    return str(caught.value)


def test_rows_are_numbered_as_a_spreadsheet_shows_them(write):
    assert rows(write("a.csv", 'id,name\n1,"two\nlines"\n3,C\n')) == [
        (1, ["id", "name"]),
        (2, ["1", "two\nlines"]),
        (3, ["3", "C"]),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_read(write, end):
    assert rows(write("a.csv", f"id,name{end}1,A{end}")) == [(1, ["id", "name"]), (2, ["1", "A"])]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_told_by_the_header(write, delimiter):
    path = write("a.csv", f"id{delimiter}name\n1{delimiter}a,b;c\td\n".replace("a,b;c\td", '"a,b;c\td"'))
    assert rows(path)[1] == (2, ["1", "a,b;c\td"])


def test_semicolons_in_a_name_do_not_make_them_the_delimiter(write):
    assert rows(write("a.csv", "id,name\n1,a;b;c;d\n"))[1] == (2, ["1", "a;b;c;d"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_read_with_and_without_a_mark(write, encoding):
    assert rows(write("a.csv", "id,name\n1,李娜\n".encode(encoding)))[1] == (2, ["1", "李娜"])


def test_another_encoding_is_refused_with_the_byte_and_the_way_out(write):
    text = "id,name\n1,李娜\n"
    assert "byte 10 (counted from 0) is not UTF-8 (save the file as UTF-8, or name its encoding: --encoding" in refusal(
        write("a.csv", text.encode("gb18030"))
    )


def test_a_file_in_cp1252_is_refused_with_the_byte(write):
    assert "byte 12 (counted from 0) is not UTF-8" in refusal(write("a.csv", "id,name\n1,Bjö\n".encode("cp1252")))


BAD = b"\xff"


@pytest.mark.parametrize("rows_before", [2, 200_000])
@pytest.mark.parametrize(
    ("encoding", "bad"), [("utf-8", BAD), ("gb18030", BAD), ("utf-16-le", b"\x00\xdc"), ("utf-16-be", b"\xdc\x00")]
)
def test_what_cannot_be_read_is_named_by_its_line(write, encoding, bad, rows_before):
    """Whether it stands in the first piece of the file that is read, or in a later one."""
    mark = "\ufeff".encode(encoding) if encoding.startswith("utf-16") else b""
    before = "id,name\n" + "1,上海市\n" * (rows_before - 1)
    said = refusal(write("a.csv", mark + before.encode(encoding) + bad + "\n".encode(encoding)), encoding)
    assert f"line {rows_before + 1}, byte" in said


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_byte_order_mark_outweighs_the_named_encoding(write, encoding):
    """The byte order mark of a CSV file counts more than the encoding that the user named."""
    assert rows(write("a.csv", "id,name\n1,李娜\n".encode("utf-8-sig")), encoding)[0] == (1, ["id", "name"])


def test_the_byte_is_counted_through_the_whole_file(write):
    good = b"id,name\n" + "1,李\n".encode() * 300_000
    assert f"byte {len(good)} (counted" in refusal(write("a.csv", good + b"\xff\n"))


def test_a_character_cut_off_at_the_end_is_refused(write):
    assert "byte 10 " in refusal(write("a.csv", b"id,name\n1,\xe6\x9d"))


def test_another_encoding_is_read_when_it_is_named(write):
    assert rows(write("a.csv", "id,name\n1,李娜\n".encode("gb18030")), "gb18030")[1] == (2, ["1", "李娜"])


@pytest.mark.parametrize("encoding", ["klingon", "rot13", "idna", "a\0b"])
def test_an_encoding_that_is_none_is_refused(write, encoding):
    assert "is not known" in refusal(write("a.csv", "id,name\n"), encoding)


def test_an_unclosed_quote_is_refused_with_the_row_where_it_began(write):
    assert "row 3: a quote is opened in this row and never closed" in refusal(
        write("a.csv", 'id,name\n1,A\n2,"B\n3,C\n4,D\n')
    )


def test_text_after_a_closing_quote_is_refused_with_its_row(write):
    assert "row 2: text follows a closing quote" in refusal(write("a.csv", 'id,name\n1,"A"x\n'))


def test_an_endless_cell_is_refused_with_its_row(write):
    assert "row 2: a cell is longer than 131072" in refusal(write("a.csv", f"id,name\n1,{'x' * 140_000}\n"))


def test_a_nul_is_refused_with_its_line(write):
    assert "line 3: there is a NUL" in refusal(write("a.csv", "id,name\n1,A\n2,\0\n"))


def test_utf_16_without_its_mark_is_refused_with_the_way_out(write):
    assert "name that as its encoding" in refusal(write("a.csv", "id,name\n".encode("utf-16-le")))


def test_utf_32_is_refused(write):
    assert "NUL" in refusal(write("a.csv", "id,name\n".encode("utf-32")))


def test_an_absent_file_is_refused(tmp_path):
    assert "cannot be read" in refusal(tmp_path / "absent.csv")


def test_an_old_excel_file_is_refused_with_the_way_out(write):
    assert "save it as .xlsx" in refusal(write("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))


def test_a_workbook_is_read_like_a_table(workbook):
    assert rows(workbook([["id", "name"], ["1", "李娜"]])) == [(1, ["id", "name"]), (2, ["1", "李娜"])]


def test_a_workbook_is_known_by_its_content_and_not_by_its_name(workbook, tmp_path):
    path = workbook([["id", "name"]]).rename(tmp_path / "audience.csv")
    assert rows(path) == [(1, ["id", "name"])]


def test_a_whole_number_in_a_workbook_is_read_as_its_digits(workbook):
    assert rows(workbook([["id", "name"], [4915112345678, 1.5]]))[1] == (2, ["4915112345678", "1.5"])


def test_a_number_too_long_for_a_workbook_stays_visibly_inexact(workbook):
    """A number that a workbook cannot hold exactly is read in scientific notation, so that the loss of digits stays
    visible.
    """
    assert rows(workbook([["id", "name"], [4915112345678901234, "A"]]))[1][1][0] == "4.915112E+18"


def test_rows_of_a_workbook_that_begins_lower_keep_their_numbers(workbook):
    """Rows of a workbook whose table begins further down keep the row numbers of the sheet."""
    assert [number for number, row in rows(workbook([[], [], ["id", "name"]])) if any(row)] == [3]


def test_rows_of_a_workbook_are_header_wide_unless_they_say_more(workbook):
    """Rows of a workbook are as wide as the header, and wider only where a cell beyond the header holds something."""
    read = rows(workbook([["id", "name"], ["1", "A"], ["2", "B", "", "more"]]))
    assert [len(row) for _, row in read] == [2, 2, 4]


def test_a_bomb_is_refused_before_it_is_unpacked(workbook):
    path = workbook([["id", "name"]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/big", bytes(20_000_000))
    assert path.stat().st_size * 100 < 20_000_000 < MOST_UNPACKED
    assert "unpacks to far more" in refusal(path)


def test_a_bomb_that_lies_about_its_size_is_refused_too(workbook):
    path = workbook([["id", "name"]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/big", bytes(20_000_000))
    true_size = (20_000_000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(true_size, (10).to_bytes(4, "little")))
    assert "unpacks to far more" in refusal(path)


def shared(path: Path, text: str, cells: int) -> Path:
    """With this text in the list that cells may share, and so many cells that name it."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/any.xml", f"<x:sst xmlns:x='s'><x:si><x:t>{text}</x:t></x:si></x:sst >")
        archive.writestr("xl/worksheets/sheet2.xml", '<c t="s"><v>0</v></c>' * cells)
        archive.writestr("xl/media/noise", random.Random(1).randbytes(20_000))
    return path


@pytest.mark.parametrize("between", ["", "<!--</x:si>-->", "<![CDATA[</x:si>]]>", "<x:t a='>&lt;/x:si>'/>"])
def test_a_long_shared_text_is_refused_before_it_is_copied(workbook, between):
    """A long text that many cells of a workbook share is refused before each cell gets a copy, also where comments,
    CDATA or attributes hide the text's end.
    """
    text = between.join(["x" * 250_000] * 4)
    assert "very long text" in refusal(shared(workbook([["id", "name"]]), text, MOST_SHARED // 1_000_000 + 1))


def test_a_long_text_that_few_cells_share_is_read(workbook):
    assert rows(shared(workbook([["id", "name"]]), "x" * 1_000_000, 10)) == [(1, ["id", "name"])]


def test_shared_texts_that_are_no_xml_are_refused(workbook):
    assert "texts inside" in refusal(shared(workbook([["id", "name"]]), "</x:si>", 1))


def test_a_cell_far_out_is_refused_before_a_rectangle_is_filled(workbook):
    """A workbook with a cell far from the others is refused, because the reader would fill the whole rectangle up to
    this cell.
    """
    assert "16384 columns, 1048576 rows" in refusal(workbook([["id", "name"]], stray="XFD1048576"))


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x03\x04" + b"x" * 100])
def test_a_broken_archive_is_refused(write, content):
    assert "damaged" in refusal(write("a.xlsx", content))


def test_an_archive_that_is_no_workbook_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert "not an Excel file" in refusal(tmp_path / "a.xlsx")
