"""Who was reached, who waits, who was not reached and why: in numbers, and message by message by person number."""

import csv
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from amends.cli.law.substitute import as_values, hint_at_publishing, in_words, substitutes
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.files import Utf8, whole
from amends.cli.terminal.options import IncidentId, OneNotice, any_of
from amends.cli.terminal.text import fitted
from amends.domain.base.errors import NotInLedger
from amends.domain.base.text import PUBLIC, counted, counts, say
from amends.domain.channel.channel import ChannelKind
from amends.domain.notice.notice import PERSON_STATE, DeliveryState, PersonState

if TYPE_CHECKING:
    from amends.domain.law.substitute import SubstituteDue
    from amends.ledger import DeliveryLine
    from amends.ledger.deliver.statistics import Numbers, Only

Row = tuple[object, ...]

HEAD = ("notice", "person", "country", "channel", "variant", "state", "reason", "tries", "since")
WIDTHS = (16, 10, 8, 9, 14, 12, 28, 6, 22)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A spreadsheet takes what begins so for a formula; in some languages also with the wide characters."""
SCREEN = 50
"""Messages in a list."""
LARGEST = 20
"""Entries of a table; --json has all of them."""
SHEET_HOLDS = 1_048_576
"""Rows of one sheet."""
FOR_PEOPLE = (DeliveryState.TO_PRINT, DeliveryState.PARKED)
"""Whose turn it is to act is told apart from what waits, or is held, by itself."""
PEOPLE = (
    PersonState.DELIVERED, PersonState.SENT, PersonState.WAITING, PersonState.UNCERTAIN, PersonState.UNREACHABLE,
    PersonState.BOUNCED, PersonState.HELD, *FOR_PEOPLE,
)  # fmt: skip
STAGES = ("reached", "waiting", "uncertain", "not reached")


def country_code(said: str) -> str:
    """Of ISO 3166-1, in capitals. Raises BadParameter: of a country's name there would be no messages."""
    from amends.content.file.countries import COUNTRIES

    if said.upper() not in COUNTRIES:
        raise typer.BadParameter(f"{said!r} is no country's two letters, as in CN, DE or GB")
    return said.upper()


def deliveries(
    ctx: typer.Context,
    incident: IncidentId,
    notice: OneNotice = "",
    state: Annotated[
        DeliveryState | None,
        typer.Option(metavar="STATE", help=f"List the messages in this state: {any_of(DeliveryState)}."),
    ] = None,
    channel: Annotated[
        ChannelKind | None,
        typer.Option(metavar="CHANNEL", help=f"List the messages on this channel: {any_of(ChannelKind)}."),
    ] = None,
    country: Annotated[
        str | None,
        typer.Option(metavar="CC", parser=country_code, help="List the messages about people who live there."),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write every message to this file.")] = None,
    xlsx: Annotated[Path | None, typer.Option("--xlsx", metavar="FILE", help="The same as a workbook.")] = None,
) -> None:
    """Say who was reached, who waits, who was not reached and why.

    With --state, --channel or --country it lists single messages, the first fifty; --csv and --xlsx write all of them.
    People stand there by their number only.
    """
    from amends.ledger.deliver.statistics import Only

    desk: Desk = ctx.obj
    only = Only(state, channel, country)
    asked = Selection(desk, incident, _notices(desk, incident, notice), only)
    files = tuple(file for file in (csv, xlsx) if file)
    if len(set(files)) < len(files):
        raise typer.BadParameter("--csv and --xlsx name the same file")
    for option, file, other in (("--csv", csv, ".xlsx"), ("--xlsx", xlsx, ".csv")):
        if file and file.suffix.lower() == other:
            raise typer.BadParameter(f"{option} writes no {other} file; give {file.name} another name")
    if csv:
        asked.save(csv, write_csv)
    if xlsx:
        asked.save(xlsx, partial(write_xlsx, folder=xlsx.parent))
    (_list if only else _summary)(asked, files)


@dataclass(frozen=True)
class Selection:
    """The messages that a call is about."""

    desk: Desk
    incident: str
    notices: tuple[str, ...]
    only: "Only"

    def states(self) -> Counter[DeliveryState]:
        """How many are in each state."""
        ledger = self.desk.ledger
        counted = [ledger.statistics.states(self.incident, name, self.only) for name in self.notices]
        return sum(map(Counter, counted), Counter[DeliveryState]())

    def first(self) -> list[Row]:
        """As many as fit a screen."""
        rows: list[Row] = []
        for name in self.notices:
            lines = self.desk.ledger.statistics.stream_lines(self.incident, name, self.only, SCREEN - len(rows))
            rows += [_cells(name, line) for line in lines]
        return rows

    def save(self, file: Path, write: Callable[[IO[bytes], Iterable[Row]], None]) -> None:
        """All of them, read as they are written."""
        with closing(self._rows()) as rows, whole(file) as opened:
            write(opened, rows)

    def _rows(self) -> Generator[Row]:
        for name in self.notices:
            for line in self.desk.ledger.statistics.stream_lines(self.incident, name, self.only):
                yield _cells(name, line)


def _notices(desk: Desk, incident: str, notice: str) -> tuple[str, ...]:
    """The notices to look at. Raises NotInLedger."""
    drafted = desk.ledger.statistics.drafted_notices(incident)
    if notice and notice not in drafted:
        raise NotInLedger(f"incident {incident} has no notice {notice}; it has {', '.join(drafted) or 'none'}")
    return (notice,) if notice else drafted


def _cells(notice: str, line: "DeliveryLine") -> Row:
    who = line.person or PUBLIC
    return (
        notice, who, line.country, line.channel, line.variant, line.state, line.detail, line.attempts, line.updated_at,
    )  # fmt: skip


# Single messages.


def _list(asked: Selection, files: Sequence[Path]) -> None:
    states = asked.states()
    rows, matching = asked.first(), states.total()
    lines = [fitted(HEAD, rows)] if rows and not files else []
    lines += [f"{counted(matching, 'message')}: {counts(states)}", *_written(files)]
    asked.desk.show(_listed(states, rows, files), "\n".join(lines))
    if matching > len(rows) and not files:
        asked.desk.hint(f"{matching - len(rows)} more are not shown: --csv FILE or --xlsx FILE writes all of them")
    _hint(asked, states)


def _listed(states: Counter[DeliveryState], rows: Iterable[Row], files: Sequence[Path]) -> dict[str, object]:
    """For programs: how many there are in all, and the first of them."""
    listed = [dict(zip(HEAD, row, strict=True)) for row in rows]
    return {"matching": states.total(), "states": states, "deliveries": listed, "files": files}


def _written(files: Sequence[Path]) -> list[str]:
    return [f"written to {file}" for file in files]


def _hint(asked: Selection, states: Mapping[DeliveryState, int]) -> None:
    about = f"{asked.incident} {asked.notices[0] if len(asked.notices) == 1 else 'NOTICE'}"
    if states.get(DeliveryState.UNCERTAIN):
        asked.desk.hint(
            "whether an uncertain message left is not known: ask the provider's log; "
            f"`amends deliver {about} --again PERSON --as NAME` sends one once more"
        )
    if states.get(DeliveryState.PARKED):
        asked.desk.hint(
            f"what is parked waits for a decision: `amends deliver {about} --retry PERSON --as NAME` "
            "tries it again, --give-up lets the next channel take over; `all` for everybody"
        )
    if states.get(DeliveryState.TO_PRINT):
        asked.desk.hint(f"letters wait to be printed: `amends letters {about} --out DIR --as NAME`")


# Numbers.


def _summary(asked: Selection, files: Sequence[Path]) -> None:
    desk = asked.desk
    found = {name: desk.ledger.statistics.numbers(asked.incident, name) for name in asked.notices}
    shown = {name: numbers for name, numbers in found.items() if numbers.messages or len(found) == 1}
    states = sum((numbers.messages for numbers in shown.values()), Counter[DeliveryState]())
    due = _substitutes(asked, found)
    told = [_in_words(name, numbers) for name, numbers in shown.items() if numbers.messages]
    parts = ["\n\n".join(told) or _nothing_yet(asked)]
    parts += ["\n".join((*map(in_words, due), *_written(files)))] if due or files else []
    values = {
        **_listed(states, asked.first() if desk.json else (), files),
        "notices": [{"notice": name, **_values(numbers)} for name, numbers in shown.items()],
        "substitute": [as_values(one) for one in due],
    }
    desk.show(values, "\n\n".join(parts))
    if states.total() and not files:
        desk.hint("--state, --channel and --country list single messages; --csv FILE and --xlsx FILE write them all")
    _hint(asked, states)
    hint_at_publishing(desk, asked.incident, due)


def _nothing_yet(asked: Selection) -> str:
    """Also for the minute between the last approval and the first message."""
    if not asked.notices:
        return "no notice was drafted yet"
    names = " and ".join(asked.notices)
    return f"no messages yet of {names}; `amends incident show {asked.incident}` says how far that is"


def _substitutes(asked: Selection, found: Mapping[str, "Numbers"]) -> "tuple[SubstituteDue, ...]":
    """By the numbers of this notice, else of the first that was drafted: it is the one that the laws ask for."""
    return substitutes(asked.desk, asked.incident, *next(iter(found.items()))) if found else ()


def _in_words(notice: str, numbers: "Numbers") -> str:
    people = _people(numbers)
    lines = [
        f"{notice}: {sum(people.values())} people: {counts(people)}",
        f"{counted(numbers.messages.total(), 'message')}: {counts(_in_order(numbers.messages))}",
        *([f"{numbers.gone} of the people are gone from the list"] if numbers.gone else []),
        *(
            [f"not told: {counted(numbers.not_told, 'person', 'people')} of the list, without a message of it"]
            if numbers.not_told
            else []
        ),
    ]
    tables = (("channel", numbers.by_channel), ("country", numbers.by_country), ("variant", numbers.by_variant))
    parts = ["\n".join(lines), *(_table(name, by) for name, by in tables if by)]
    return "\n\n".join([*parts, *([_reasons(numbers)] if numbers.reasons else [])])


def _people(numbers: "Numbers") -> dict[str, int]:
    """By state; what is for a person to see to stands apart."""
    people = Counter[str]()
    for state, count in numbers.people.items():
        people[state if state in FOR_PEOPLE else PERSON_STATE[state]] += count
    return {str(state): people[state] for state in PEOPLE if people[state]}


def _in_order(states: Mapping[DeliveryState, int]) -> dict[DeliveryState, int]:
    return {state: states[state] for state in DeliveryState if states.get(state)}


def stages(states: Mapping[DeliveryState, int]) -> tuple[int, int, int, int]:
    """How many messages reached somebody, wait, may have, and did not: as STAGES names them."""
    stood = Counter[PersonState]()
    for state, count in states.items():
        stood[PERSON_STATE[state]] += count
    reached = stood[PersonState.DELIVERED] + stood[PersonState.SENT]
    waiting, uncertain = stood[PersonState.WAITING], stood[PersonState.UNCERTAIN]
    return reached, waiting, uncertain, stood.total() - reached - waiting - uncertain


def _table(name: str, by: Mapping[str, Mapping[DeliveryState, int]]) -> str:
    """The largest first."""
    ordered = sorted(by.items(), key=lambda entry: (-sum(entry[1].values()), entry[0]))
    rows: list[Row] = [(word, *stages(states)) for word, states in ordered[:LARGEST]]
    if rest := [stages(states) for _, states in ordered[LARGEST:]]:
        rows.append((f"{len(rest)} others", *map(sum, zip(*rest, strict=True))))
    return fitted((f"messages by {name}", *STAGES), rows)


def _reasons(numbers: "Numbers") -> str:
    """Why messages were put off or reached nobody, the most frequent first."""
    found = numbers.reasons.most_common()
    rows: list[Row] = [(state, reason, count) for (state, reason), count in found[:LARGEST]]
    if rest := found[LARGEST:]:
        rows.append(("others", f"{len(rest)} reasons", sum(count for _, count in rest)))
    return fitted(("state", "reason", "messages"), rows)


def _values(numbers: "Numbers") -> dict[str, Any]:
    """For programs."""
    by = {"channel": numbers.by_channel, "country": numbers.by_country, "variant": numbers.by_variant}
    return {
        "people": _people(numbers),
        "messages": _in_order(numbers.messages),
        "gone": numbers.gone,
        "not_told": numbers.not_told,
        **{f"by_{name}": {word: _staged(states) for word, states in sorted(of.items())} for name, of in by.items()},
        "reasons": [
            {"state": state, "reason": reason, "messages": count}
            for (state, reason), count in numbers.reasons.most_common()
        ],
    }


def _staged(states: Mapping[DeliveryState, int]) -> dict[str, int]:
    return {name.replace(" ", "_"): count for name, count in zip(STAGES, stages(states), strict=True)}


# Files.


def write_csv(file: IO[bytes], rows: Iterable[Row]) -> None:
    """A table that no spreadsheet takes for formulas."""
    writer = csv.writer(Utf8(file), lineterminator="\r\n")
    writer.writerow(HEAD)
    writer.writerows([inert(_one_cell(say(cell))) for cell in row] for row in rows)


def inert(cell: str) -> str:
    """The cell with an apostrophe before what a spreadsheet would carry out."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _one_cell(cell: str) -> str:
    """Without semicolons: where people write 1,5 a spreadsheet begins a new cell after each, which may be a formula."""
    return cell.replace(";", ",")


def write_xlsx(file: IO[bytes], rows: Iterable[Row], folder: Path) -> None:
    """A workbook in which all but numbers is text, whatever it begins with; as many sheets as the rows need.

    The folder takes what cannot be in memory meanwhile. Raises OSError when there is no room for it.
    """
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError

    as_text = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    try:
        with (
            TemporaryDirectory(prefix=".amends-", dir=folder) as meanwhile,
            Workbook(file, {**as_text, "constant_memory": True, "tmpdir": meanwhile}) as workbook,
        ):
            _write_sheets(workbook, rows)
    except FileCreateError as error:
        raise error.args[0] from None


def _write_sheets(workbook: Any, rows: Iterable[Row]) -> None:
    sheet, place = _sheet(workbook), 1
    for row in rows:
        if place == SHEET_HOLDS:
            sheet, place = _sheet(workbook), 1
        _write_row(sheet, place, row)
        place += 1


def _sheet(workbook: Any) -> Any:
    """The next sheet, with its head."""
    sheet = workbook.add_worksheet(f"deliveries {len(workbook.worksheets()) + 1}")
    for column, width in enumerate(WIDTHS):
        sheet.set_column(column, column, width)
    _write_row(sheet, 0, HEAD)
    return sheet


def _write_row(sheet: Any, place: int, row: Sequence[object]) -> None:
    for column, cell in enumerate(row):
        if isinstance(cell, int):
            sheet.write_number(place, column, cell)
        else:
            sheet.write_string(place, column, say(cell))
