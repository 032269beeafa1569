"""Files as people hand them in: written to a temporary folder, read from there."""

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

Transaction = Callable[..., Path]

INCIDENT = """\
id: lost-laptop
title: A lost laptop
organisation:
  name: {en: Example Ltd, zh-CN: 示例公司}
  established_in: CN
  own_domains: [example.org]
  contacts: {email: care@example.org, phone: +86 571 5550 0142}
texts:
  en:
    what_happened: A laptop was lost.
    in_short: A laptop was lost.
    what_it_means: Somebody may read what is on it.
    what_we_do: We have locked it.
  zh-CN:
    what_happened: 一台笔记本电脑丢失。
    in_short: 一台笔记本电脑丢失。
    what_it_means: 可能有人读到其中的内容。
    what_we_do: 我们已将其锁定。
"""

PLAYBOOK = """\
id: plain
title: Plain
for: Trying things out
reply_within: 48h
questions_owner: Customer care
remind_before: 3d
steps:
  - {id: assess, phase: assess, after: 0h, of: opened}
  - {id: tell, phase: notify, after: 24h, of: assessed, notice: first-notice, channels: [email]}
"""


@pytest.fixture
def write(tmp_path: Path) -> Transaction:
    """Writes a file and gives its path."""

    def to(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return to


@pytest.fixture
def incident(write: Transaction) -> Callable[..., Path]:
    """An incident file, with lines replaced or added."""

    def with_(old: str = "", new: str = "", more: str = "") -> Path:
        assert old in INCIDENT
        return write("incident.yaml", INCIDENT.replace(old, new, 1) + more)

    return with_


@pytest.fixture
def playbook(write: Transaction) -> Callable[..., Path]:
    """A playbook file, with a part replaced or steps added."""

    def with_(old: str = "", new: str = "", more: str = "") -> Path:
        assert old in PLAYBOOK
        return write("plain.yaml", PLAYBOOK.replace(old, new, 1) + more)

    return with_


HEADER = "id,name,email,phone,locale,country"


@pytest.fixture
def audience(write: Transaction) -> Callable[..., Path]:
    """A CSV file of persons below the usual header."""

    def of(*rows: str, header: str = HEADER) -> Path:
        return write("audience.csv", "\n".join((header, *rows)) + "\n")

    return of


_PARTS = {
    "[Content_Types].xml": (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
    ),
    "_rels/.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/_rels/workbook.xml.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
        'Target="worksheets/sheet1.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        '<sheets><sheet name="people" sheetId="1" r:id="r1"/></sheets></workbook>'
    ),
}


def _cell(place: str, value: object) -> str:
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    """An XLSX file with these rows; single cells may be added anywhere."""

    def of(rows: Iterable[Iterable[object]], stray: str = "") -> Path:
        lines = (
            f'<row r="{number}">{"".join(_cell(f"{chr(65 + at)}{number}", value) for at, value in enumerate(row))}</row>'
            for number, row in enumerate(rows, 1)
        )
        end = f'<row r="{stray.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}">{_cell(stray, "x")}</row>' if stray else ""
        sheet = (
            '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
            f"<sheetData>{''.join(lines)}{end}</sheetData></worksheet>"
        )
        path = tmp_path / "audience.xlsx"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in {**_PARTS, "xl/worksheets/sheet1.xml": sheet}.items():
                archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
        return path

    return of
