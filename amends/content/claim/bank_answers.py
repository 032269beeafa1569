"""A bank's answer to a payment file: CSV, or a message of ISO 20022 (pain.002, camt.053, camt.054)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from amends.content.feedback.columns import NO_MAP, ColumnMap, Columns, MappedRow, Rejected, mapped_rows
from amends.content.file.codes import Code
from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.money import DIGITS, read_money
from amends.domain.claim.payment import BankLine, BankStatus

COLUMNS = Columns(("end_to_end", "status"), ("amount", "currency", "reason"))
MOST_BYTES = 64 * 1024 * 1024
DEEPEST = 40
OF_PAIN = {
    **dict.fromkeys(("ACSC", "ACCC"), BankStatus.PAID),
    **dict.fromkeys(("RJCT", "CANC", "BLCK"), BankStatus.RETURNED),
    **dict.fromkeys(("ACCP", "ACTC", "ACSP", "ACWC", "ACFC", "RCVD", "PDNG", "PART", "PATC"), BankStatus.PENDING),
}
"""The status of a transaction in pain.002 (external code set ExternalPaymentTransactionStatus1Code) as one of ours."""
STATEMENTS = ("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn")
"""The messages camt.053 and camt.054."""
LONGEST_REASON = 35


@dataclass
class Element:
    """An element of an XML file, with its place."""

    tag: str
    line: int
    column: int
    text: str = ""
    currency: str = ""
    """The attribute Ccy of an amount."""
    children: list["Element"] = field(default_factory=list)

    def all(self, *path: str) -> Iterator["Element"]:
        """Yield the elements below this one at the path of tags."""
        for child in self.children:
            if child.tag == path[0]:
                yield from child.all(*path[1:]) if len(path) > 1 else (child,)

    def text_of(self, *path: str) -> str:
        """Return the text of the first element at the path, or ""."""
        return next((one.text.strip() for one in self.all(*path)), "")

    def every(self, tag: str) -> Iterator["Element"]:
        """Yield the elements with this tag, however deep."""
        for child in self.children:
            if child.tag == tag:
                yield child
            yield from child.every(tag)


def read_bank_answer(path: Path, by: ColumnMap = NO_MAP) -> tuple[BankLine, ...]:
    """Return the lines of a bank's answer. Raises ContentError for a file that is none, with the place of the fault."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ContentError(Finding(str(path), Code.NO_TABLE, f"the file cannot be read: {error.strerror}")) from None
    if len(content) > MOST_BYTES:
        raise ContentError(Finding(f"{path}:1:1", Code.NO_TABLE, f"it is larger than {MOST_BYTES // 1024**2} MB"))
    if content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return tuple(_from_xml(path, parsed_xml(path, content)))
    return tuple(_from_row(path, row) for row in mapped_rows(path, COLUMNS, by))


def _from_row(path: Path, row: MappedRow | Rejected) -> BankLine:
    """Return the line of a row. Raises ContentError, so that nothing of a file with a fault is taken."""
    if isinstance(row, Rejected):
        raise ContentError(Finding(f"{path}:{row.row}:{row.column}", Code.NO_TABLE, row.reason))

    def refuse(column: str, what: str) -> ContentError:
        return ContentError(Finding(f"{path}:{row.number}:{row.places.get(column, 1)}", Code.WRONG_FORM, what))

    cells = {name: cell.strip().removeprefix("'") for name, cell in row.cells.items()}
    status, currency = cells["status"].lower(), cells.get("currency", "").upper()
    if not cells["end_to_end"]:
        raise refuse("end_to_end", "the reference is empty")
    if status not in tuple(BankStatus):
        raise refuse("status", f"a status is one of {', '.join(BankStatus)}; `--map` can name the bank's words")
    minor = None
    if amount := cells.get("amount", ""):
        if currency not in DIGITS:
            raise refuse("currency", "an amount needs its currency, as in EUR")
        try:
            minor = read_money(amount, currency).minor
        except ValueError as error:
            raise refuse("amount", str(error)) from None
    place = f"{path}:{row.number}:{row.places.get('end_to_end', 1)}"
    reason = _short(cells.get("reason", ""))
    return BankLine(place, BankStatus(status), cells["end_to_end"], minor=minor, currency=currency, reason=reason)


def parsed_xml(path: Path, content: bytes) -> Element:
    """Return the root of an XML file without namespaces.

    Raises ContentError for what is not well-formed, for a document type (by which a small file grows without bound),
    and for elements nested too deep.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    root = Element("", 0, 0)
    open_elements = [root]

    def refuse(what: str) -> ContentError:
        at = f"{path}:{parser.CurrentLineNumber}:{parser.CurrentColumnNumber + 1}"
        return ContentError(Finding(at, Code.NOT_ALLOWED, what))

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if len(open_elements) > DEEPEST:
            raise refuse(f"elements are nested more than {DEEPEST} deep")
        found = Element(name.rpartition(" ")[2], parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)
        found.currency = attributes.get("Ccy", "")
        open_elements[-1].children.append(found)
        open_elements.append(found)

    def text(said: str) -> None:
        open_elements[-1].text += said

    def no_doctype(*_: object) -> None:
        raise refuse("a document type is refused: no bank's answer has one")

    parser.StartElementHandler, parser.CharacterDataHandler = start, text
    parser.EndElementHandler = lambda _: open_elements.pop() and None
    parser.StartDoctypeDeclHandler = no_doctype
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        at = f"{path}:{error.lineno}:{error.offset + 1}"
        raise ContentError(
            Finding(at, Code.UNREADABLE, f"it is no XML: {expat.errors.messages[error.code]}")
        ) from None  # fmt: skip
    return root.children[0]


def _from_xml(path: Path, root: Element) -> Iterator[BankLine]:
    if report := next(root.all("CstmrPmtStsRpt"), None):
        yield from _from_pain002(path, report)
    elif any(True for kind in STATEMENTS for _ in root.all(kind)):
        yield from _from_camt(path, root)
    else:
        what = "it is none of pain.002 (CstmrPmtStsRpt), camt.053 (BkToCstmrStmt) and camt.054 (BkToCstmrDbtCdtNtfctn)"
        raise ContentError(Finding(f"{path}:{root.line}:{root.column}", Code.NO_TABLE, what))


def _from_pain002(path: Path, report: Element) -> Iterator[BankLine]:
    single = list(report.every("TxInfAndSts"))
    for one in single:
        reason = one.text_of("StsRsnInf", "Rsn", "Cd") or one.text_of("StsRsnInf", "Rsn", "Prtry")
        status = _status(path, one, one.text_of("TxSts"))
        minor, currency = _money(path, next(one.every("InstdAmt"), None))
        yield BankLine(_place(path, one), status, one.text_of("OrgnlEndToEndId"), "", minor, currency, _short(reason))
    group = next(report.all("OrgnlGrpInfAndSts"), None)
    if not single and group is not None and (word := _whole(report, group)):
        yield BankLine(_place(path, group), _status(path, group, word), message_id=group.text_of("OrgnlMsgId"))


def _whole(report: Element, group: Element) -> str:
    """Return the status of the whole file, or "" when the report states none."""
    return group.text_of("GrpSts") or report.text_of("OrgnlPmtInfAndSts", "PmtInfSts")


def _status(path: Path, element: Element, word: str) -> BankStatus:
    if word not in OF_PAIN:
        what = f"the status {word[:10]!r} is none of {', '.join(OF_PAIN)}"
        raise ContentError(Finding(_place(path, element), Code.UNKNOWN_WORD, what))
    return OF_PAIN[word]


def _from_camt(path: Path, root: Element) -> Iterator[BankLine]:
    """Yield a line for each transaction that is booked; others of the account, without our reference, are left out."""
    for entry in root.every("Ntry"):
        booked = (entry.text_of("Sts", "Cd") or entry.text_of("Sts")) == "BOOK"
        for one in entry.every("TxDtls"):
            reference = one.text_of("Refs", "EndToEndId")
            if not reference.startswith("AM") or not booked:
                continue
            came_back = entry.text_of("CdtDbtInd") == "CRDT" or entry.text_of("RvslInd") == "true"
            came_back = came_back or any(one.all("RtrInf"))
            status = BankStatus.RETURNED if came_back else BankStatus.PAID
            amount = next(one.all("Amt"), None) or next(one.every("InstdAmt"), None)
            reason = one.text_of("RtrInf", "Rsn", "Cd")
            # A bank may take its charge off what it returns, so the amount of a return tells nothing.
            minor, currency = _money(path, None if came_back else amount)
            yield BankLine(_place(path, one), status, reference, "", minor, currency, _short(reason))


def _money(path: Path, amount: Element | None) -> tuple[int | None, str]:
    """Return the minor units and the currency of an amount; None and "" without one."""
    if amount is None:
        return None, ""
    try:
        return read_money(_without_zeros(amount.text.strip()), amount.currency).minor, amount.currency
    except ValueError:
        raise ContentError(
            Finding(_place(path, amount), Code.WRONG_FORM, "this is no amount with its currency")
        ) from None


def _without_zeros(text: str) -> str:
    """Return an amount as written, without the zeros that some banks add after the point."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def _place(path: Path, element: Element) -> str:
    return f"{path}:{element.line}:{element.column}"


def _short(reason: str) -> str:
    """Return a bank's code; free words, which may name a person, are left out."""
    return reason if reason.isalnum() and reason.isascii() and len(reason) <= LONGEST_REASON else ""
