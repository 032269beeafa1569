"""Payment files for a bank: CSV, and the message pain.001.001.09 of ISO 20022 ("customer credit transfer initiation").

Both are made from the same payments, and are the same bytes whenever they are written.
"""

import csv
import io
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import UTC

from amends.domain.base.errors import NotAllowed
from amends.domain.base.money import Money
from amends.domain.claim.account import sepa_text
from amends.domain.claim.payment import PaymentFile, PaymentFormat, PaymentLine, fits_pain
from amends.domain.claim.rules import EURO, PayingAccount

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
HEAD = ("end_to_end", "holder", "iban", "bic", "account", "bank", "amount", "currency", "purpose")
PURPOSE = "Compensation"
"""The words on the statement of the account: nobody at the bank need know what for."""
BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""The mark by which spreadsheets know UTF-8."""


def payment_content(file: PaymentFile, lines: Sequence[PaymentLine], form: PaymentFormat) -> bytes:
    """Return the payments in this format. Raises NotAllowed as `payment_pain001`."""
    return payment_csv(lines) if form is PaymentFormat.CSV else payment_pain001(file, lines)


def payment_csv(lines: Sequence[PaymentLine]) -> bytes:
    """Return the payments as CSV in UTF-8; a cell that a spreadsheet would take for a formula has ' in front."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEAD)
    for line in lines:
        to = line.account
        cells = (line.end_to_end, to.holder, to.iban, to.bic, to.number, to.bank, str(line.money.amount))
        writer.writerow([_inert(cell) for cell in (*cells, line.money.currency, PURPOSE)])
    return (MARK + text.getvalue()).encode()


def _inert(cell: str) -> str:
    return f"'{cell}" if cell.startswith(BEGINS_A_FORMULA) else cell


def payment_pain001(file: PaymentFile, lines: Sequence[PaymentLine]) -> bytes:
    """Return the payments as pain.001.001.09, one payment information with all transactions.

    Raises NotAllowed without the organisation's account, and for an account or a name that the format cannot name.
    """
    if file.pay_from is None or file.released_at is None:
        raise NotAllowed("the playbook names no account to pay from: `claims: pay_from: {name, iban, bic}`")
    root = ET.Element("Document", xmlns=NAMESPACE)
    initiation = ET.SubElement(root, "CstmrCdtTrfInitn")
    _group_header(initiation, file)
    information = ET.SubElement(initiation, "PmtInf")
    _payment_information(information, file, file.pay_from)
    for line in lines:
        _transaction(information, line)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written + b"\n"


def _group_header(initiation: ET.Element, file: PaymentFile) -> None:
    header, at = ET.SubElement(initiation, "GrpHdr"), file.released_at or file.made_at
    _add(header, "MsgId", file.message_id)
    _add(header, "CreDtTm", f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z")
    _sums(header, file)
    _add(header, "InitgPty/Nm", _name(file.pay_from.name if file.pay_from else ""))


def _payment_information(information: ET.Element, file: PaymentFile, payer: PayingAccount) -> None:
    in_sepa, at = file.currency == EURO, file.released_at or file.made_at
    _add(information, "PmtInfId", f"{file.message_id}-1")
    _add(information, "PmtMtd", "TRF")
    _sums(information, file)
    if in_sepa:
        _add(information, "PmtTpInf/SvcLvl/Cd", "SEPA")
    _add(information, "ReqdExctnDt/Dt", f"{at.astimezone(UTC):%Y-%m-%d}")
    _add(information, "Dbtr/Nm", _name(payer.name))
    _add(information, "DbtrAcct/Id/IBAN", payer.iban)
    if payer.bic:
        _add(information, "DbtrAgt/FinInstnId/BICFI", payer.bic)
    else:
        _add(information, "DbtrAgt/FinInstnId/Othr/Id", "NOTPROVIDED")
    _add(information, "ChrgBr", "SLEV" if in_sepa else "SHAR")


def _sums(parent: ET.Element, file: PaymentFile) -> None:
    _add(parent, "NbOfTxs", str(file.count))
    _add(parent, "CtrlSum", str(Money(file.total, file.currency).amount))


def _transaction(information: ET.Element, line: PaymentLine) -> None:
    to, transaction = line.account, ET.SubElement(information, "CdtTrfTxInf")
    if not fits_pain(to, line.money.currency):
        raise NotAllowed(f"claim {line.claim}: pain.001 cannot name this account; write the file as CSV (--format csv)")
    _add(transaction, "PmtId/EndToEndId", line.end_to_end)
    amount = _add(transaction, "Amt/InstdAmt", str(line.money.amount))
    amount.set("Ccy", line.money.currency)
    if to.bic:
        _add(transaction, "CdtrAgt/FinInstnId/BICFI", to.bic)
    elif to.bank:
        _add(transaction, "CdtrAgt/FinInstnId/Nm", _name(to.bank))
    _add(transaction, "Cdtr/Nm", _name(to.holder))
    _add(transaction, "CdtrAcct/Id/IBAN" if to.iban else "CdtrAcct/Id/Othr/Id", to.iban or to.number)
    _add(transaction, "RmtInf/Ustrd", PURPOSE)


def _name(text: str) -> str:
    """Return a name in the characters that banks take."""
    return sepa_text(text) or ""


def _add(parent: ET.Element, path: str, text: str) -> ET.Element:
    """Add an element below the elements of this path, of which each is new, and return the last one."""
    for name in path.split("/"):
        parent = ET.SubElement(parent, name)
    parent.text = text
    return parent
