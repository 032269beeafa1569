"""A bank's answer is read from CSV, pain.002 and camt; what is wrong in it is named with its place."""

from pathlib import Path

import pytest

from amends.content.claim.bank_answers import read_bank_answer
from amends.domain.base.errors import ContentError
from amends.domain.claim.payment import BankStatus

PAIN_002 = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10">
 <CstmrPmtStsRpt>
  <OrgnlGrpInfAndSts><OrgnlMsgId>AM0-F1</OrgnlMsgId>{group}</OrgnlGrpInfAndSts>
  {rest}
 </CstmrPmtStsRpt>
</Document>"""
TRANSACTION = """<OrgnlPmtInfAndSts><TxInfAndSts><OrgnlEndToEndId>AM0-{n}-1</OrgnlEndToEndId><TxSts>{status}</TxSts>
   {reason}<OrgnlTxRef><Amt><InstdAmt Ccy="EUR">50.00</InstdAmt></Amt></OrgnlTxRef></TxInfAndSts></OrgnlPmtInfAndSts>"""
CAMT = """<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><BkToCstmrDbtCdtNtfctn><Ntfctn>
 <Ntry><CdtDbtInd>{side}</CdtDbtInd><Sts><Cd>{status}</Cd></Sts><NtryDtls><TxDtls>
  <Refs><EndToEndId>{reference}</EndToEndId></Refs><Amt Ccy="EUR">50.000</Amt>{back}
 </TxDtls></NtryDtls></Ntry></Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"""
BACK = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"


def read(folder: Path, content: str | bytes, name: str = "answer.xml"):  # type: ignore[no-untyped-def]
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_bank_answer(file)


def refusal(folder: Path, content: str | bytes, name: str = "answer.xml") -> str:
    with pytest.raises(ContentError) as refused:
        read(folder, content, name)
    return str(refused.value).removeprefix(f"{folder}/")


def test_a_csv_says_what_was_paid(tmp_path: Path) -> None:
    content = "end_to_end,status,amount,currency,reason\nAM0-1-1,Paid,50.00,EUR,\nAM0-2-1,returned,,,AC04\n"
    first, second = read(tmp_path, content, "answer.csv")
    assert (first.status, first.end_to_end, first.minor, first.currency) == (BankStatus.PAID, "AM0-1-1", 5000, "EUR")
    assert (second.status, second.minor, second.reason) == (BankStatus.RETURNED, None, "AC04")
    assert first.place.endswith("answer.csv:2:1")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("AM0-1-1,lost,,\n", "answer.csv:2:2 E104 a status is one of"),
        (",paid,,\n", "answer.csv:2:1 E104 the reference is empty"),
        ("AM0-1-1,paid,50,\n", "answer.csv:2:4 E104 an amount needs its currency"),
        ("AM0-1-1,paid,5e3,EUR\n", "answer.csv:2:3 E104 an amount is written like"),
        ("AM0-1-1,paid\n", "answer.csv:2:3"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_taken(tmp_path: Path, rows: str, said: str) -> None:
    assert refusal(tmp_path, f"end_to_end,status,amount,currency\n{rows}", "answer.csv").startswith(said)


@pytest.mark.parametrize(
    ("status", "means"), [("ACSC", BankStatus.PAID), ("RJCT", BankStatus.RETURNED), ("ACSP", BankStatus.PENDING)]
)
def test_pain_002_says_what_became_of_each(tmp_path: Path, status: str, means: BankStatus) -> None:
    reason = "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf>"
    rest = TRANSACTION.format(n=1, status=status, reason=reason)
    (line,) = read(tmp_path, PAIN_002.format(group="", rest=rest))
    assert (line.status, line.end_to_end, line.minor, line.currency) == (means, "AM0-1-1", 5000, "EUR")
    assert (line.reason, line.place.rpartition("/")[2]) == ("AC04", "answer.xml:5:22")


def test_pain_002_may_settle_the_whole_file(tmp_path: Path) -> None:
    (line,) = read(tmp_path, PAIN_002.format(group="<GrpSts>ACSC</GrpSts>", rest=""))
    assert (line.status, line.message_id, line.end_to_end) == (BankStatus.PAID, "AM0-F1", "")


def test_an_unknown_status_is_named(tmp_path: Path) -> None:
    said = refusal(tmp_path, PAIN_002.format(group="", rest=TRANSACTION.format(n=1, status="XXXX", reason="")))
    assert said.startswith("answer.xml:5:22 E102 the status 'XXXX' is none of")


@pytest.mark.parametrize(
    ("side", "status", "reference", "back", "means"),
    [
        ("DBIT", "BOOK", "AM0-1-1", "", [BankStatus.PAID]),
        ("CRDT", "BOOK", "AM0-1-1", BACK, [BankStatus.RETURNED]),
        ("DBIT", "PDNG", "AM0-1-1", "", []),
        ("DBIT", "BOOK", "NOTPROVIDED", "", []),
    ],
)
def test_camt_tells_what_was_booked(
    tmp_path: Path, side: str, status: str, reference: str, back: str, means: list[BankStatus]
) -> None:
    found = read(tmp_path, CAMT.format(side=side, status=status, reference=reference, back=back))
    assert [line.status for line in found] == means
    assert [line.minor for line in found if line.status is BankStatus.PAID] == [5000] * (means == [BankStatus.PAID])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "answer.xml:1:13 E108 a document type is refused"),
        ("<a>" * 60, "answer.xml:1:"),
        ("<a><b></a>", "answer.xml:1:9 E105 it is no XML: mismatched tag"),
        ("<a/>", "answer.xml:1:1 E201 it is none of pain.002"),
        (b"\xff\xfe<\x00a\x00", "answer.xml:1:1 E202"),
    ],
)
def test_what_is_no_banks_answer_is_refused(tmp_path: Path, content: str | bytes, said: str) -> None:
    assert refusal(tmp_path, content).startswith(said)
