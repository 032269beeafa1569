"""Payment files as a bank takes them: sums, the order of ISO 20022, escaped signs, and no formula for a spreadsheet."""

import csv
import xml.etree.ElementTree as ET
from decimal import Decimal

import pytest

from amends.content.claim.payment_files import NAMESPACE, payment_csv, payment_pain001
from amends.domain.base.errors import NotAllowed
from amends.domain.base.money import Money, read_money
from amends.domain.claim.account import Account, read_account
from amends.domain.claim.payment import PaymentFile, PaymentLine
from tests.builders import NOW
from tests.ledger.claim.claiming import IBANS, OURS

ORDER = {
    "Document": "CstmrCdtTrfInitn",
    "CstmrCdtTrfInitn": "GrpHdr PmtInf",
    "GrpHdr": "MsgId CreDtTm NbOfTxs CtrlSum InitgPty",
    "PmtInf": "PmtInfId PmtMtd NbOfTxs CtrlSum PmtTpInf ReqdExctnDt Dbtr DbtrAcct DbtrAgt ChrgBr CdtTrfTxInf",
    "PmtTpInf": "SvcLvl",
    "CdtTrfTxInf": "PmtId Amt CdtrAgt Cdtr CdtrAcct RmtInf",
    "PmtId": "EndToEndId",
    "Amt": "InstdAmt",
    "FinInstnId": "BICFI Nm Othr",
}
"""The elements below each one, in the order that the schema pain.001.001.09 demands, as far as Amends writes them."""
REPEATED = {"CdtTrfTxInf"}


def lines(*amounts: str, currency: str = "EUR", holder: str = "Jürgen & <Söhne>") -> tuple[PaymentLine, ...]:
    return tuple(
        PaymentLine(
            claim=number,
            end_to_end=f"AM0-{number}-1",
            money=read_money(amount, currency),
            account=read_account(holder, IBANS[number % 4], "DEUTDEFF"),
        )
        for number, amount in enumerate(amounts, start=1)
    )


def a_file(paid: tuple[PaymentLine, ...], currency: str = "EUR") -> PaymentFile:
    return PaymentFile(
        id=1,
        made_by="omar",
        made_at=NOW,
        currency=currency,
        count=len(paid),
        message_id="AM0-F1",
        pay_from=OURS,
        total=sum(line.money.minor for line in paid),
        released_by="wei",
        released_at=NOW,
    )


def bare(element: ET.Element) -> str:
    return element.tag.removeprefix(f"{{{NAMESPACE}}}")


def out_of_order(element: ET.Element) -> list[str]:
    """The elements whose children stand in another order than the schema's, or more than once."""
    allowed, names = ORDER.get(bare(element), "").split(), [bare(child) for child in element]
    places = [allowed.index(name) if name in allowed else -1 for name in names]
    once = all(names.count(name) == 1 or name in REPEATED for name in names)
    wrong = bool(allowed) and (-1 in places or places != sorted(places) or not once)
    return [bare(element)] * wrong + [name for child in element for name in out_of_order(child)]


def test_the_sums_and_the_order_are_those_of_the_schema() -> None:
    paid = lines("20", "0.10", "179.95")
    root = ET.fromstring(payment_pain001(a_file(paid), paid))
    assert out_of_order(root) == []
    assert bare(root) == "Document"
    amounts = [Decimal(one.text or "") for one in root.iter(f"{{{NAMESPACE}}}InstdAmt")]
    assert amounts == [Decimal("20.00"), Decimal("0.10"), Decimal("179.95")]
    assert {one.text for one in root.iter(f"{{{NAMESPACE}}}CtrlSum")} == {"200.05"}
    assert {one.text for one in root.iter(f"{{{NAMESPACE}}}NbOfTxs")} == {"3"}
    assert {one.get("Ccy") for one in root.iter(f"{{{NAMESPACE}}}InstdAmt")} == {"EUR"}


def test_names_are_in_the_characters_that_banks_take() -> None:
    paid = lines("20")
    written = payment_pain001(a_file(paid), paid).decode()
    assert "<Nm>Jurgen + .Sohne.</Nm>" in written


def test_the_same_file_is_the_same_bytes() -> None:
    paid = lines("20", "30")
    assert payment_pain001(a_file(paid), paid) == payment_pain001(a_file(paid), paid)


def test_outside_of_sepa_a_bank_is_named() -> None:
    to = Account(holder="Kim Example", number="12345678", bank="021000021")
    paid = (PaymentLine(claim=1, end_to_end="AM0-1-1", account=to, money=read_money("20", "USD")),)
    written = payment_pain001(a_file(paid, "USD"), paid).decode()
    assert "SEPA" not in written
    assert out_of_order(ET.fromstring(written)) == []
    assert "<Id>12345678</Id>" in written.replace("\n", "").replace("  ", "")


def test_a_name_in_other_letters_goes_as_csv_alone() -> None:
    to = Account(holder="李雷", number="6222000012345678", bank="中国银行")
    paid = (PaymentLine(claim=7, end_to_end="AM0-7-1", account=to, money=read_money("20", "CNY")),)
    with pytest.raises(NotAllowed, match=r"claim 7: pain\.001 cannot name this account"):
        payment_pain001(a_file(paid, "CNY"), paid)
    assert "李雷" in payment_csv(paid).decode()


def test_without_our_account_there_is_no_pain001() -> None:
    paid = lines("20")
    with pytest.raises(NotAllowed, match="names no account to pay from"):
        payment_pain001(a_file(paid).model_copy(update={"pay_from": None}), paid)


def test_a_csv_has_no_formula() -> None:
    to = Account(holder='=HYPERLINK("x"),Kim', number="12345678", bank="@bank")
    money = Money(2000, "USD")
    (head, row) = csv.reader(
        payment_csv((PaymentLine(claim=1, end_to_end="AM0-1-1", account=to, money=money),))
        .decode("utf-8-sig")
        .splitlines()
    )
    assert dict(zip(head, row, strict=True)) == {
        "end_to_end": "AM0-1-1",
        "holder": '\'=HYPERLINK("x"),Kim',
        "iban": "",
        "bic": "",
        "account": "12345678",
        "bank": "'@bank",
        "amount": "20.00",
        "currency": "USD",
        "purpose": "Compensation",
    }
