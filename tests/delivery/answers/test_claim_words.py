"""The word how a claim stands comes by a real relay, in the language of the claim, about a claim and not a question."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from amends.content.notice import shipped_wording
from amends.delivery.answers.send import send_replies_now
from amends.delivery.claims import claim_terms, kind_of_file, terms_of, why_not_take
from amends.domain.channel.outgoing import OutgoingState
from amends.domain.claim.claim import ClaimState
from tests.builders import NOW, a_person, a_playbook, a_wording, an_incident
from tests.delivery.sending import INCIDENT, LINKS, Rig, bodies, letters
from tests.ledger.claim.claiming import RULES, a_claim, claim_rules
from tests.playbooks.rendering import phrases


@pytest.fixture
def office(rig: Rig) -> Rig:
    people = [a_person(number=1, name="Ada"), a_person(number=2, name="李雷", locale="zh-CN", country="CN")]
    rig.ledger.incidents.open(an_incident(), people, "lena", NOW)
    wording = a_wording(phrases={locale: phrases(locale) for locale in ("en", "zh-CN")})
    playbook = a_playbook(claims=RULES.model_dump(mode="json"))
    rig.ledger.playbooks.pin(INCIDENT, playbook, wording, "lena", NOW)
    return rig


def claim(rig: Rig, amount: str = "20", **changes: Any) -> int:
    terms = claim_terms(rig.ledger, INCIDENT, shipped_wording())
    return rig.ledger.claims.add(INCIDENT, a_claim(amount, **changes), terms, NOW)


def test_a_claim_is_confirmed_and_granted_by_mail(office: Rig) -> None:
    claim(office)
    terms = claim_terms(office.ledger, INCIDENT, shipped_wording())
    assert office.ledger.claims.decide_by_rules(INCIDENT, terms, NOW) == 1
    sent = send_replies_now(office.ledger, office.settings, LINKS, INCIDENT, office.clock)
    assert sent.states == {OutgoingState.SENT: 2}
    mails = [message_from_bytes(one.content, _class=EmailMessage, policy=policy.default) for one in office.mail.arrived]
    texts = [bodies(mail) for mail in mails]
    assert [mail["Subject"] for mail in mails] == ["Your claim for compensation"] * 2
    assert all("You claimed compensation on" in text and "> A new bank card." in text for text in texts)
    assert all("You can follow your claim on your page" in text for text in texts)
    said = "\n".join(texts)
    assert "Your claim of 20.00 EUR has reached us." in said
    assert "We pay you the 20.00 EUR that you asked for." in said
    assert "DE89" not in said


def test_a_reader_of_chinese_hears_it_in_chinese(office: Rig) -> None:
    claim(office, person=2, locale="zh-CN", account=None)
    send_replies_now(office.ledger, office.settings, LINKS, INCIDENT, office.clock)
    (mail,) = letters(office.mail).values()
    assert mail["Subject"] == "您的补偿申请"
    assert "我们已收到您20.00 EUR的补偿申请。" in bodies(mail)
    assert "我们还不知道可以付款到哪个账户。" in bodies(mail)


def test_the_last_day_ends_on_the_organisations_clock(office: Rig) -> None:
    terms = claim_terms(office.ledger, INCIDENT, shipped_wording())
    assert str(terms.last_moment) == "2027-04-01 00:00:00+00:00"
    playbook = a_playbook(claims=claim_rules(last_day=None, within="30d").model_dump(mode="json"))
    case, wording = office.ledger.cases.outline(INCIDENT), office.ledger.playbooks.wording(INCIDENT)
    untold = terms_of(case.model_copy(update={"playbook": playbook}), wording, shipped_wording())
    assert untold and untold.last_moment is None
    assert office.ledger.claims.all(INCIDENT, states=(ClaimState.PAID,)) == ()


@pytest.mark.parametrize(
    ("begins", "kind"),
    [
        (b"%PDF-1.4", "application/pdf"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"MZ\x90", ""),
        (b"<svg onload=alert(1)>", ""),
        (b"PK\x03\x04", ""),
    ],
)
def test_a_files_kind_is_told_by_its_first_bytes(begins: bytes, kind: str) -> None:
    assert kind_of_file(begins) == kind
    assert (why_not_take([begins]) is None) == bool(kind)
