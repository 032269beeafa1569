"""A member decides what people say on their pages, with words, and hands out a copy of their data."""

import re

from amends.cli.terminal.clock import now
from amends.domain.people.report import NewReport, PageReportKind
from tests.cli.conftest import INCIDENT, Office

LI = 3
NEW = "li@new.example"


def report(office: Office, kind: PageReportKind = PageReportKind.OUTDATED_ADDRESS) -> None:
    ledger = office.ledger()
    ledger.reports.add(INCIDENT, NewReport(LI, kind, "zh-CN", "once", "我搬家了", NEW), now())
    ledger.dispose()


def request(office: Office) -> None:
    ledger = office.ledger()
    ledger.requests.add(INCIDENT, LI, "zh-CN", "once", now())
    ledger.dispose()


def test_a_list_of_reports_has_no_words(sent: Office) -> None:
    report(sent)
    listed = sent.amends("reports", "list", INCIDENT, "--open")
    assert "outdated address" in listed.stdout
    assert NEW not in listed.stdout
    shown = sent.amends("reports", "show", INCIDENT, 1)
    assert f"→ {NEW}" in shown.stdout
    assert "ask the person by another way" in shown.stderr


def test_an_accepted_address_is_the_person_s(sent: Office) -> None:
    report(sent)
    decided = sent.values("reports", "decide", INCIDENT, 1, "--accept", "--words", "谢谢", by="lena")
    assert decided["state"] == "accepted"
    ledger = sent.ledger()
    assert ledger.people.get(INCIDENT, LI).email == NEW
    ledger.dispose()


def test_a_refusal_without_words_is_none(sent: Office) -> None:
    report(sent, PageReportKind.WRONG_PERSON)
    answer = sent.amends("reports", "decide", INCIDENT, 1, "--refuse", by="lena")
    assert answer.exit_code == 1
    assert "needs words" in answer.stderr


def test_an_approved_request_puts_the_sealed_dossier_on_the_page(sent: Office) -> None:
    request(sent)
    sent.values("requests", "approve", INCIDENT, 1, by="lena")
    ledger = sent.ledger()
    file = ledger.requests.offered(INCIDENT, LI, now())
    assert "<html" in file
    assert ledger.dossiers.check(file.encode()).problems == ()
    ledger.dispose()
    assert [one["state"] for one in sent.values("requests", "list", INCIDENT)] == ["approved"]


def test_a_request_is_refused_with_a_reason(sent: Office) -> None:
    request(sent)
    sent.values("requests", "refuse", INCIDENT, 1, "--words", "请先致电我们。", by="lena")
    ledger = sent.ledger()
    assert ledger.requests.get(INCIDENT, 1).words == "请先致电我们。"
    ledger.dispose()


def test_a_renewed_link_is_shown_once_and_is_the_person_s(sent: Office) -> None:
    link = sent.values("link", "renew", INCIDENT, LI, by="lena")["link"]
    found = re.fullmatch(r"https?://[^/]+.*/p/([\w-]{27})", link)
    assert found
    ledger = sent.ledger()
    assert ledger.people.whose_link(found[1]) == (INCIDENT, LI)
    ledger.dispose()
