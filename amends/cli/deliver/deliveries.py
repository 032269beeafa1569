"""The command `amends deliveries`: who was reached, who waits, who was not reached and why.

In numbers, and message by message, where people appear by their number only.
"""

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
from amends.cli.terminal.options import IncidentId, OneNotice, any_of, channel_kind
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

SCREEN = 50
"""Messages shown in a list."""
HEAD = ("notice", "person", "country", "channel", "variant", "state", "reason", "tries", "since")
FOR_PEOPLE = (DeliveryState.TO_PRINT, DeliveryState.PARKED)
"""States in which a person must act; they are counted apart from messages that wait, or are held, by themselves."""
PEOPLE = (
    PersonState.DELIVERED,
    PersonState.SENT,
    PersonState.WAITING,
    PersonState.UNCERTAIN,
    PersonState.UNREACHABLE,
    PersonState.BOUNCED,
    PersonState.HELD,
    *FOR_PEOPLE,
)
LARGEST = 20
"""Entries shown in a table; --json has all of them."""
STAGES = ("reached", "waiting", "uncertain", "not reached")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Beginnings of a cell that a spreadsheet takes for a formula; in some languages the wide characters count too."""
SHEET_HOLDS = 1_048_576
"""Rows that one sheet holds."""
WIDTHS = (16, 10, 8, 9, 14, 12, 28, 6, 22)


def country_code(said: str) -> str:
    """Return the ISO 3166-1 code in capitals. Raises BadParameter for all else: no message matches a country's name."""
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
        typer.Option(
            metavar="CHANNEL", parser=channel_kind, help=f"List the messages on this channel: {any_of(ChannelKind)}."
        ),
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
    selection = Selection(desk, incident, _notices(desk, incident, notice), only)
    files = tuple(file for file in (csv, xlsx) if file)
    if len(set(files)) < len(files):
        raise typer.BadParameter("--csv and --xlsx name the same file")
    for option, file, other in (("--csv", csv, ".xlsx"), ("--xlsx", xlsx, ".csv")):
        if file and file.suffix.lower() == other:
            raise typer.BadParameter(f"{option} writes no {other} file; give {file.name} another name")
    if csv:
        selection.save(csv, write_csv)
    if xlsx:
        selection.save(xlsx, partial(write_xlsx, folder=xlsx.parent))
    (_list if only else _summary)(selection, files)


@dataclass(frozen=True)
class Selection:
    """The messages that one call of the command is about."""

    desk: Desk
    incident: str
    notices: tuple[str, ...]
    only: "Only"

    def states(self) -> Counter[DeliveryState]:
        """Return how many messages are in each state."""
        ledger = self.desk.ledger
        counted = [ledger.statistics.states(self.incident, name, self.only) for name in self.notices]
        return sum(map(Counter, counted), Counter[DeliveryState]())

    def first(self) -> list[Row]:
        """Return as many messages as fit a screen."""
        rows: list[Row] = []
        for name in self.notices:
            lines = self.desk.ledger.statistics.stream_lines(self.incident, name, self.only, SCREEN - len(rows))
            rows += [_cells(name, line) for line in lines]
        return rows

    def save(self, file: Path, write: Callable[[IO[bytes], Iterable[Row]], None]) -> None:
        """Write all messages to the file, each read from the ledger as it is written."""
        with closing(self._rows()) as rows, whole(file) as opened:
            write(opened, rows)

    def _rows(self) -> Generator[Row]:
        for name in self.notices:
            for line in self.desk.ledger.statistics.stream_lines(self.incident, name, self.only):
                yield _cells(name, line)


def _notices(desk: Desk, incident: str, notice: str) -> tuple[str, ...]:
    """Return the notice asked for, or all that were drafted. Raises NotInLedger for an unknown notice."""
    drafted = desk.ledger.statistics.drafted_notices(incident)
    if notice and notice not in drafted:
        raise NotInLedger(f"incident {incident} has no notice {notice}; it has {', '.join(drafted) or 'none'}")
    return (notice,) if notice else drafted


def _cells(notice: str, line: "DeliveryLine") -> Row:
    who = line.person or PUBLIC
    return (
        notice,
        who,
        line.country,
        line.channel,
        line.variant,
        line.state,
        line.reason,
        line.attempts,
        line.updated_at,
    )


# Single messages


def _list(selection: Selection, files: Sequence[Path]) -> None:
    states = selection.states()
    rows, matching = selection.first(), states.total()
    lines = [fitted(HEAD, rows)] if rows and not files else []
    lines += [f"{counted(matching, 'message')}: {counts(states)}", *_written(files)]
    selection.desk.show(_list_values(states, rows, files), "\n".join(lines))
    if matching > len(rows) and not files:
        selection.desk.hint(f"{matching - len(rows)} more are not shown: --csv FILE or --xlsx FILE writes all of them")
    _hint(selection, states)


def _list_values(states: Counter[DeliveryState], rows: Iterable[Row], files: Sequence[Path]) -> dict[str, object]:
    """Return the values for --json: how many messages there are in all, and the first ones."""
    listed = [dict(zip(HEAD, row, strict=True)) for row in rows]
    return {"matching": states.total(), "states": states, "deliveries": listed, "files": files}


def _written(files: Sequence[Path]) -> list[str]:
    return [f"written to {file}" for file in files]


def _hint(selection: Selection, states: Mapping[DeliveryState, int]) -> None:
    about = f"{selection.incident} {selection.notices[0] if len(selection.notices) == 1 else 'NOTICE'}"
    if states.get(DeliveryState.UNCERTAIN):
        selection.desk.hint(
            "whether an uncertain message left is not known: ask the provider's log; "
            f"`amends deliver {about} --again PERSON --as NAME` sends one once more"
        )
    if states.get(DeliveryState.PARKED):
        selection.desk.hint(
            f"what is parked waits for a decision: `amends deliver {about} --retry PERSON --as NAME` "
            "tries it again, --give-up lets the next channel take over; `all` for everybody"
        )
    if states.get(DeliveryState.TO_PRINT):
        selection.desk.hint(f"letters wait to be printed: `amends letters {about} --out DIR --as NAME`")


# Numbers


def _summary(selection: Selection, files: Sequence[Path]) -> None:
    desk = selection.desk
    found = {name: desk.ledger.statistics.numbers(selection.incident, name) for name in selection.notices}
    shown = {name: numbers for name, numbers in found.items() if numbers.messages or len(found) == 1}
    states = sum((numbers.messages for numbers in shown.values()), Counter[DeliveryState]())
    due = _substitutes(selection, found)
    summaries = [_in_words(name, numbers) for name, numbers in shown.items() if numbers.messages]
    parts = ["\n\n".join(summaries) or _nothing_yet(selection)]
    parts += ["\n".join((*map(in_words, due), *_written(files)))] if due or files else []
    values = {
        **_list_values(states, selection.first() if desk.json else (), files),
        "notices": [{"notice": name, **_values(numbers)} for name, numbers in shown.items()],
        "substitute": [as_values(one) for one in due],
    }
    desk.show(values, "\n\n".join(parts))
    if states.total() and not files:
        desk.hint("--state, --channel and --country list single messages; --csv FILE and --xlsx FILE write them all")
    _hint(selection, states)
    hint_at_publishing(desk, selection.incident, due)


def _nothing_yet(selection: Selection) -> str:
    """Return the text for a list without messages, as in the minute between the last approval and the first message."""
    if not selection.notices:
        return "no notice was drafted yet"
    names = " and ".join(selection.notices)
    return f"no messages yet of {names}; `amends incident show {selection.incident}` says how far that is"


def _substitutes(selection: Selection, found: Mapping[str, "Numbers"]) -> "tuple[SubstituteDue, ...]":
    """Return the substitute notices that are due by the numbers of the first notice found.

    When the call names no notice, the first one is the first drafted, which is the one that the laws ask for.
    """
    return substitutes(selection.desk, selection.incident, *next(iter(found.items()))) if found else ()


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
    """Return the number of people by state; messages on which a person must act are counted apart."""
    people = Counter[str]()
    for state, count in numbers.people.items():
        people[state if state in FOR_PEOPLE else PERSON_STATE[state]] += count
    return {str(state): people[state] for state in PEOPLE if people[state]}


def _in_order(states: Mapping[DeliveryState, int]) -> dict[DeliveryState, int]:
    return {state: states[state] for state in DeliveryState if states.get(state)}


def stages(states: Mapping[DeliveryState, int]) -> tuple[int, int, int, int]:
    """Return how many messages reached somebody, wait, are uncertain and reached nobody, in the order of STAGES."""
    stood = Counter[PersonState]()
    for state, count in states.items():
        stood[PERSON_STATE[state]] += count
    reached = stood[PersonState.DELIVERED] + stood[PersonState.SENT]
    waiting, uncertain = stood[PersonState.WAITING], stood[PersonState.UNCERTAIN]
    return reached, waiting, uncertain, stood.total() - reached - waiting - uncertain


def _table(name: str, by: Mapping[str, Mapping[DeliveryState, int]]) -> str:
    """Return the table of messages by channel, country or variant, the largest entries first."""
    ordered = sorted(by.items(), key=lambda entry: (-sum(entry[1].values()), entry[0]))
    rows: list[Row] = [(word, *stages(states)) for word, states in ordered[:LARGEST]]
    if rest := [stages(states) for _, states in ordered[LARGEST:]]:
        rows.append((f"{len(rest)} others", *map(sum, zip(*rest, strict=True))))
    return fitted((f"messages by {name}", *STAGES), rows)


def _reasons(numbers: "Numbers") -> str:
    """Return the table of reasons why messages were put off or reached nobody, the most frequent first."""
    found = numbers.reasons.most_common()
    rows: list[Row] = [(state, reason, count) for (state, reason), count in found[:LARGEST]]
    if rest := found[LARGEST:]:
        rows.append(("others", f"{len(rest)} reasons", sum(count for _, count in rest)))
    return fitted(("state", "reason", "messages"), rows)


def _values(numbers: "Numbers") -> dict[str, Any]:
    """Return the numbers as values for --json."""
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


# Files


def write_csv(file: IO[bytes], rows: Iterable[Row]) -> None:
    """Write the rows as CSV in which no spreadsheet finds a formula."""
    writer = csv.writer(Utf8(file), lineterminator="\r\n")
    writer.writerow(HEAD)
    writer.writerows([inert(_one_cell(say(cell))) for cell in row] for row in rows)


def inert(cell: str) -> str:
    """Return the cell, with an apostrophe in front when a spreadsheet would run the cell as a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _one_cell(cell: str) -> str:
    """Return the cell with commas for semicolons.

    Where people write 1,5 a spreadsheet begins a new cell after each semicolon, and that cell may be a formula.
    """
    return cell.replace(";", ",")


def write_xlsx(file: IO[bytes], rows: Iterable[Row], folder: Path) -> None:
    """Write the rows as a workbook in which every cell but a number is text, on as many sheets as the rows need.

    The folder takes the temporary files of the workbook. Raises OSError when there is no room for the files.
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
    """Add the next sheet, with the head row."""
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
