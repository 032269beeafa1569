"""A bank's answer to a payment file: CSV, or a message of ISO 20022 (pain.002, camt.053, camt.054)."""

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
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
        return tuple(_from_xml(parsed_xml(path, content)))
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
    """Return the root of an XML file without namespaces; each element has its `place`, and an amount its `Ccy`.

    Raises ContentError for what is not well-formed, for a document type (by which a small file grows without bound),
    and for elements nested too deep.
    """
    parser, builder, depth = expat.ParserCreate(namespace_separator=" "), TreeBuilder(), 0

    def place() -> str:
        return f"{path}:{parser.CurrentLineNumber}:{parser.CurrentColumnNumber + 1}"

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise ContentError(Finding(place(), Code.NOT_ALLOWED, f"elements are nested more than {DEEPEST} deep"))
        builder.start(name.rpartition(" ")[2], {"place": place(), "Ccy": attributes.get("Ccy", "")})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name.rpartition(" ")[2])

    def no_doctype(*_: object) -> None:
        raise ContentError(Finding(place(), Code.NOT_ALLOWED, "a document type is refused: no bank's answer has one"))

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = builder.data, no_doctype
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        at, why = f"{path}:{error.lineno}:{error.offset + 1}", expat.errors.messages[error.code]
        raise ContentError(Finding(at, Code.UNREADABLE, f"it is no XML: {why}")) from None
    return builder.close()


def _from_xml(root: Element) -> Iterator[BankLine]:
    report = root.find("CstmrPmtStsRpt")
    if report is not None:
        yield from _from_pain002(report)
    elif any(root.find(kind) is not None for kind in STATEMENTS):
        yield from _from_camt(root)
    else:
        what = "it is none of pain.002 (CstmrPmtStsRpt), camt.053 (BkToCstmrStmt) and camt.054 (BkToCstmrDbtCdtNtfctn)"
        raise ContentError(Finding(_place(root), Code.NO_TABLE, what))


def _from_pain002(report: Element) -> Iterator[BankLine]:
    """Yield a line for each transaction, or one for the whole file when none stands there."""
    single = list(report.iter("TxInfAndSts"))
    for one in single:
        reason = _text(one, "StsRsnInf/Rsn/Cd") or _text(one, "StsRsnInf/Rsn/Prtry")
        status, money = _status(one, _text(one, "TxSts")), _money(next(one.iter("InstdAmt"), None))
        yield BankLine(_place(one), status, _text(one, "OrgnlEndToEndId"), "", *money, _short(reason))
    group = report.find("OrgnlGrpInfAndSts")
    if single or group is None:
        return
    if word := _text(group, "GrpSts") or _text(report, "OrgnlPmtInfAndSts/PmtInfSts"):
        yield BankLine(_place(group), _status(group, word), message_id=_text(group, "OrgnlMsgId"))


def _status(element: Element, word: str) -> BankStatus:
    if word not in OF_PAIN:
        what = f"the status {word[:10]!r} is none of {', '.join(OF_PAIN)}"
        raise ContentError(Finding(_place(element), Code.UNKNOWN_WORD, what))
    return OF_PAIN[word]


def _from_camt(root: Element) -> Iterator[BankLine]:
    """Yield a line for each transaction that is booked; others of the account, without our reference, are left out."""
    for entry in root.iter("Ntry"):
        if (_text(entry, "Sts/Cd") or _text(entry, "Sts")) != "BOOK":
            continue
        for one in entry.iter("TxDtls"):
            reference = _text(one, "Refs/EndToEndId")
            if not reference.startswith("AM"):
                continue
            came_back = _text(entry, "CdtDbtInd") == "CRDT" or _text(entry, "RvslInd") == "true"
            came_back = came_back or one.find("RtrInf") is not None
            status = BankStatus.RETURNED if came_back else BankStatus.PAID
            # A bank may take its charge off what it returns, so the amount of a return tells nothing.
            amount = None if came_back else next(chain(one.iterfind("Amt"), one.iter("InstdAmt")), None)
            reason = _short(_text(one, "RtrInf/Rsn/Cd"))
            yield BankLine(_place(one), status, reference, "", *_money(amount), reason)


def _money(amount: Element | None) -> tuple[int | None, str]:
    """Return the minor units and the currency of an amount; None and "" without one.

    Zeros that some banks add after the point are left out.
    """
    if amount is None:
        return None, ""
    text, currency = (amount.text or "").strip(), amount.attrib["Ccy"]
    try:
        return read_money(text.rstrip("0").rstrip(".") if "." in text else text, currency).minor, currency
    except ValueError:
        what = "this is no amount with its currency"
        raise ContentError(Finding(_place(amount), Code.WRONG_FORM, what)) from None


def _text(element: Element, path: str) -> str:
    """Return the text of the first element at the path, or ""."""
    return (element.findtext(path) or "").strip()


def _place(element: Element) -> str:
    return element.attrib["place"]


def _short(reason: str) -> str:
    """Return a bank's code; free words, which may name a person, are left out."""
    return reason if reason.isalnum() and reason.isascii() and len(reason) <= LONGEST_REASON else ""
