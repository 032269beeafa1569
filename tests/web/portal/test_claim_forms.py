"""People claim compensation on their page, see how it stands, object once, and name the account."""

from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from amends.content.notice import shipped_wording
from amends.domain.claim.claim import ClaimState
from amends.ledger import Ledger
from amends.settings import Settings
from amends.web.app import create_app
from tests.builders import NOW, a_playbook
from tests.ledger.claim.claiming import OMAR, an_account, claim_rules, decided, in_china, words
from tests.web.scene import ADA, INCIDENT, LI, Clock, Visitor, promises, token_in

PDF = b"%PDF-1.7\n\x00\xff\r\n--x\r\n%%EOF"
IBAN = "de89 3704 0044 0532 0130 00"
FIELDS = {
    "claim_amount": "49,90",
    "claim_text": "A new bank card.",
    "claim_holder": "Ada Example",
    "claim_number": IBAN,
}
RULES = claim_rules(within="90d", last_day=None)


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    """The scene, with a playbook that pays compensation."""
    playbook = a_playbook(commitments=promises(), claims=RULES.model_dump(mode="json"))
    ledger.playbooks.pin(INCIDENT, playbook, shipped_wording(), "lena", NOW)
    return ledger


def claim(visitor: Visitor, files: tuple[bytes, ...] = (), **fields: str) -> tuple[int, str]:
    """Fill in the form as a browser sends it; the status of the answer and its page."""
    token = visitor.token("claim")
    visitor.clock.forward(seconds=30)
    answer = visitor.client.post(
        f"{visitor.page}/claim",
        data={"form": token} | FIELDS | fields,
        files=[("claim_files", (f"{n}.pdf", one, "text/html")) for n, one in enumerate(files)]
        or [("claim_files", ("", b""))],
        follow_redirects=False,
    )
    return answer.status_code, answer.text


@pytest.mark.parametrize(("currency", "example"), [("EUR", "49.90"), ("JPY", "4990")])
def test_the_form_says_in_which_currency_we_pay(ledger: Ledger, ada: Visitor, currency: str, example: str) -> None:
    rules = claim_rules(currency=currency, pay_from=None)
    playbook = a_playbook(commitments=promises(), claims=rules.model_dump(mode="json"))
    ledger.playbooks.pin(INCIDENT, playbook, shipped_wording(), "lena", NOW)
    page = ada.look().text
    assert f"We pay in {currency}. If you paid in another currency," in page
    assert f"Amount in {currency}, such as {example}</label>" in page


def test_a_claim_is_recorded_with_its_sealed_file(ledger: Ledger, ada: Visitor, settings: Settings) -> None:
    assert claim(ada, (PDF,)) == (303, "")
    (found,) = ledger.claims.all(INCIDENT)
    assert (str(found.asked), found.text, found.person, found.files) == ("49.90 EUR", "A new bank card.", ADA, 1)
    assert found.account == an_account(0, "Ada Example")
    (file,) = ledger.evidence.all(INCIDENT, 1)
    (lies,) = (settings.home / "claims" / INCIDENT).iterdir()
    assert (file.kind, lies.name) == ("application/pdf", f"{file.name}.sealed")
    assert b"PDF" not in lies.read_bytes()
    assert "Your claim has reached us" not in ada.look().text
    assert "Thank you. Your claim has reached us. You will know our decision by" in ada.look("?sent=claim").text


def test_the_content_comes_back_as_it_was_sent(ledger: Ledger, ada: Visitor, settings: Settings) -> None:
    from amends.delivery.claims import EvidenceFolder

    claim(ada, (PDF, b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 50))
    folder = EvidenceFolder(settings.home, ledger)
    contents = [folder.content(INCIDENT, one) for one in ledger.evidence.all(INCIDENT, 1)]
    assert contents == [PDF, b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 50]


@pytest.mark.parametrize(
    ("fields", "files", "said"),
    [
        ({"claim_amount": "about 50"}, (), "We cannot read this amount."),
        ({"claim_amount": "0"}, (), "We cannot read this amount."),
        ({"claim_amount": "1,234"}, (), "We cannot read this amount."),
        ({"claim_text": " "}, (), "Please write something first."),
        ({"claim_number": "DE89 3704 0044 0532 0130 01"}, (), "This is no account number that we can pay to."),
        ({"claim_holder": "李雷"}, (), "Banks with IBANs only take Latin letters."),
        ({"claim_holder": ""}, (), "Please write the name of the account&#39;s holder, in at most 70 characters."),
        ({"claim_number": "6222020200112345678"}, (), "This account has no IBAN, so we need its bank."),
        ({}, (b"<html><script>",), "We can only take 3 files"),
        ({}, (PDF,) * 4, "We can only take 3 files"),
    ],
)
def test_what_cannot_be_read_is_given_back(
    ledger: Ledger, ada: Visitor, fields: dict[str, str], files: tuple[bytes, ...], said: str
) -> None:
    status, page = claim(ada, files, **fields)
    assert status == 422
    assert said in page
    assert fields.get("claim_amount", "49,90") in page
    assert ledger.claims.all(INCIDENT) == ()


@pytest.mark.parametrize(
    ("above", "said"), [(250, "Above 250.00 EUR we need a receipt"), (0, ">We need a receipt or another paper")]
)
def test_the_form_says_before_sending_when_evidence_is_needed(
    ledger: Ledger, ada: Visitor, above: int, said: str
) -> None:
    rules = claim_rules(within="90d", last_day=None, evidence_above=above).model_dump(mode="json")
    ledger.playbooks.pin(INCIDENT, a_playbook(claims=rules), shipped_wording(), "lena", NOW)
    page = ada.look().text
    assert said in page
    assert page.index(said) < page.index('id="claim_files"')


def test_the_same_form_twice_is_one_claim(ledger: Ledger, ada: Visitor) -> None:
    claim(ada)
    claim(ada)
    assert len(ledger.claims.all(INCIDENT)) == 1


def test_a_decision_stands_on_the_page_and_is_objected_to_once(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    claim(ada)
    decided(ledger, 1, "20", OMAR, "The card cost <20>.", RULES, clock())
    page = ada.look().text
    assert "We pay you 20.00 EUR of the 49.90 EUR that you asked for, for this reason:" in page
    assert "The card cost &lt;20&gt;." in page
    token = token_in(page, "claim-objection")
    ada.clock.forward(seconds=30)
    fields = {"form": token, "claim": "1", "claim_why": "It was two cards."}
    assert ada.send("claim-objection", fields).status_code == 303
    found = ledger.claims.get(INCIDENT, 1)
    assert (found.state, found.objection, found.reopened) == (ClaimState.RECEIVED, "It was two cards.", True)
    assert "Other people look at your claim now." in ada.look().text


def test_a_missing_account_is_given_later(ledger: Ledger, ada: Visitor) -> None:
    claim(ada, claim_holder="", claim_number="")
    token = ada.token("claim-account")
    ada.clock.forward(seconds=30)
    bad = ada.send("claim-account", {"form": token, "claim": "1", "claim_holder": "Ada", "claim_number": "12"})
    assert (bad.status_code, "no account number that we can pay to" in bad.text) == (422, True)
    good = ada.send("claim-account", {"form": token, "claim": "1", "claim_holder": "Ada Example", "claim_number": IBAN})
    assert good.status_code == 303
    assert ledger.claims.get(INCIDENT, 1).account == an_account(0, "Ada Example")


def test_the_page_names_the_last_day_for_an_account_and_its_end(ledger: Ledger, ada: Visitor, li: Visitor) -> None:
    for visitor in (ada, li):
        claim(visitor, claim_holder="", claim_number="")
    for number in (1, 2):
        decided(ledger, number, "49.90", OMAR, "", RULES, NOW)
    assert "Please give it by 23 January 2027." in ada.look().text
    for days in (47, 62):
        ledger.claims.end_without_account(INCIDENT, words(ledger), NOW + timedelta(days=days))
    page = ada.look().text
    assert "so this claim has ended. If you still want the money, please tell us under “Ask us”." in page
    assert "/claim-account" not in page
    assert "这项申请已经结束" in li.look().text


def test_nobody_sees_or_changes_the_claim_of_another(ledger: Ledger, ada: Visitor, li: Visitor) -> None:
    claim(ada, claim_holder="", claim_number="")
    assert "A new bank card." not in li.look().text
    claim(li, claim_text="别的", claim_holder="", claim_number="")
    token = li.token("claim-account")
    li.clock.forward(seconds=30)
    sent = li.send("claim-account", {"form": token, "claim": "1", "claim_holder": "Li Lei", "claim_number": IBAN})
    assert sent.status_code == 422
    assert ledger.claims.get(INCIDENT, 1).account is None
    assert ledger.claims.get(INCIDENT, 2).person == LI


def test_after_the_last_day_the_page_says_so(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    token = ada.token("claim")
    clock.now = NOW + timedelta(days=90, hours=16)  # the day is over in Shanghai
    assert "The last day to claim was" in ada.look().text
    assert ada.send("claim", {"form": token} | FIELDS).status_code == 422
    assert ledger.claims.all(INCIDENT) == ()


def test_the_page_speaks_chinese(ledger: Ledger, li: Visitor) -> None:
    claim(li, claim_holder="Li Lei")
    page = li.look().text
    assert "申请补偿" in page
    assert "没有IBAN的，请填银行账号或卡号" in page
    assert "我们正在处理您的申请。" in page


def test_an_account_in_china_is_taken_in_the_words_of_its_bank(ledger: Ledger, li: Visitor) -> None:
    account = {"claim_holder": "李雷", "claim_number": "6222 0202 0011 2345 678", "claim_bank": "中国工商银行"}
    status, page = claim(li, **account | {"claim_number": IBAN})
    assert (status, "IBAN账户的银行只接受拉丁字母。" in page) == (422, True)
    assert claim(li, **account)[0] == 303
    assert ledger.claims.get(INCIDENT, 1).account == in_china()


def test_without_claims_in_the_playbook_there_is_no_form(resting: TestClient, told_home: Path) -> None:
    from amends.ledger import Keys
    from tests.web.scene import KEY

    ledger = Ledger(Settings(home=told_home, public_url="https://betapai.example").ledger_url, Keys(KEY))
    page = resting.get(f"/p/{ledger.people.link_of(INCIDENT, ADA)}").text
    ledger.dispose()
    assert "/claim" not in page


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"x", 415),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n--y--", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nA: b" * 30 + b"\r\n--x--", 400),
        ("text/plain", b"x", 415),
    ],
)
def test_a_body_that_is_no_form_is_refused(ledger: Ledger, ada: Visitor, kind: str, body: bytes, status: int) -> None:
    answer = ada.client.post(f"{ada.page}/claim", content=body, headers={"content-type": kind})
    assert answer.status_code == status


def test_a_form_that_is_too_large_is_refused(ledger: Ledger, settings: Settings, ada: Visitor, clock: Clock) -> None:
    client = TestClient(create_app(settings, ledger, clock))
    answer = client.post(f"{ada.page}/claim", files={"claim_files": ("a.pdf", PDF + b"x" * 17_000_000)})
    assert answer.status_code == 413
