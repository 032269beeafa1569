"""Reading of posts that mention our account from a file: CSV, XLSX or JSON."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from amends.content.feedback.columns import NO_MAP, ColumnMap, Columns, MappedRow, Rejected, mapped_rows, moment
from amends.content.file.codes import Code
from amends.content.file.document import Document, read_document
from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.value import LOCALE
from amends.domain.feedback.clean import clean
from amends.domain.feedback.mention import Mention, Visibility

COLUMNS = Columns(("account", "text", "posted_at"), ("url", "locale", "visibility"))


def read_mentions(path: Path, now: datetime, by: ColumnMap = NO_MAP) -> tuple[Mention | Rejected, ...]:
    """Read every post before one is recorded. Raises ContentError when the file is no list of posts."""
    rows = _json_rows(path, by) if path.suffix == ".json" else mapped_rows(path, COLUMNS, by)
    return tuple(row if isinstance(row, Rejected) else _mention(row, by, now) for row in rows)


def _json_rows(path: Path, by: ColumnMap) -> Iterator[MappedRow | Rejected]:
    document = read_document(path)
    if not isinstance(document.content, list):
        raise ContentError(Finding(f"{path}:1:1", Code.WRONG_FORM, "a list of posts is expected here"))
    for at, post in enumerate(document.content):
        line, column = document.place((at,))
        heads = {name: by.heading(name) for name in COLUMNS.all if name not in by.values}
        missing = [head for name, head in heads.items() if name in COLUMNS.needed and head not in (post or ())]
        if not isinstance(post, dict) or missing:
            yield Rejected(line, f"it lacks {', '.join(missing) or 'its keys'}", column)
            continue
        yield _json_row(document, at, post, heads, by)


def _json_row(document: Document, at: int, post: dict[str, object], heads: dict[str, str], by: ColumnMap) -> MappedRow:
    there = {name: head for name, head in heads.items() if isinstance(post.get(head), str)}
    cells = {name: by.spelled(name, str(post[head])) for name, head in there.items()}
    places = {name: document.place((at, head)).column for name, head in there.items()}
    return MappedRow(document.place((at,)).line, by.values | cells, places)


def _mention(row: MappedRow, by: ColumnMap, now: datetime) -> Mention | Rejected:
    cells, locale = row.cells, row.cells.get("locale", "").strip() or "en"
    try:
        at = moment(cells.get("posted_at", "").strip(), by, now)
    except ValueError as error:
        return Rejected(row.number, f"posted_at {error}", row.places.get("posted_at", 1))
    if not LOCALE.fullmatch(locale):
        return Rejected(row.number, "locale is not written like en or zh-CN", row.places.get("locale", 1))
    visibility = cells.get("visibility", "").strip() or Visibility.PUBLIC
    if visibility not in tuple(Visibility):
        return Rejected(row.number, f"visibility is none of {', '.join(Visibility)}", row.places.get("visibility", 1))
    try:
        return Mention(
            account=cells.get("account", "").strip().removeprefix("@"),
            url=cells.get("url", "").strip(),
            text=clean(cells.get("text", "")),
            visibility=Visibility(visibility),
            locale=locale,
            at=at,
        )
    except ValidationError as error:
        name = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
        return Rejected(row.number, f"{name} is empty, too long or no address", row.places.get(name, 1))
