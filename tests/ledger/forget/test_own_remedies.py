"""Claims, codes, results and evidence: forgotten with their person, and readable after a rotation of the key."""

import pytest
from sqlmodel import select

from amends.domain.base.errors import NotAllowed
from amends.domain.claim.payment import BankStatus
from amends.domain.entitlement.remedy import RemedyState, RightOutcome
from amends.ledger import Ledger
from amends.ledger.commitment.files import NewFile
from amends.ledger.tables.commitment import ResultCorrectionRow
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT
from tests.ledger.claim.claiming import an_account, bank_says, decided, paid_file, with_claims
from tests.ledger.claim.claiming import claimed as claims_money
from tests.ledger.entitlement.remedy_scene import LOCKS, MOVED, SOUND, promised, told_results
from tests.ledger.entitlement.stocked import OFFER, claimed, new_codes, sent, stocked
from tests.ledger.forget.forgetting import LATER, LENA, OMAR

WORD, WHY = "My canary flew away.", "A canary is no bank card."


def erase(ledger: Ledger) -> None:
    ledger.erasure.erase(INCIDENT, 1, LENA, OMAR, LATER)


def rotate(ledger: Ledger) -> None:
    assert ledger.keys.case(INCIDENT, OMAR, LATER)


def sound(ledger: Ledger) -> bool:
    return (ledger.audit.verify(), ledger.audit.disagreements()) == ((), ())


@pytest.fixture
def paid(ledger: Ledger) -> Ledger:
    """Person 1 was paid one claim and refused another; person 2 was paid one."""
    with_claims(ledger)
    claims_money(ledger, text=WORD)
    claims_money(ledger, once="b", text=WORD)
    claims_money(ledger, once="c", person=2)
    for claim in (1, 3):
        decided(ledger, claim, "50")
    decided(ledger, 2, "0", reason=WHY)
    paid_file(ledger)
    for claim in (1, 3):
        bank_says(ledger, ledger.claims.get(INCIDENT, claim).payments[0].end_to_end, BankStatus.PAID)
    return ledger


@pytest.fixture
def coded(ledger: Ledger) -> Ledger:
    """Persons 1 and 2 have a code each, and the first one of person 1 is void."""
    draft = stocked(ledger, [a_person(number=1), a_person(number=2)], new_codes(1, 2, 3))
    ledger.notices.release(INCIDENT, draft.notice, NOW)
    sent(ledger, draft, claimed(ledger, draft))
    ledger.codes.reissue(INCIDENT, OFFER, 1, WHY, OMAR, NOW)
    return ledger


def texts(ledger: Ledger, person: int) -> list[str]:
    return [one.code for one in ledger.codes.of_person(INCIDENT, person)]


def test_an_erased_person_has_no_claim_that_names_them(paid: Ledger) -> None:
    before = paid.claims.totals(INCIDENT, None, LATER)
    erase(paid)
    said = "".join(claim.model_dump_json() for claim in paid.claims.all(INCIDENT) if claim.person == 1)
    assert not any(word in said for word in (WORD, WHY, an_account().iban, an_account().holder))
    assert paid.claims.totals(INCIDENT, None, LATER) == before
    assert paid.claims.get(INCIDENT, 3).account == an_account()
    assert sound(paid)


def test_nobody_is_erased_while_their_claim_is_open(ledger: Ledger) -> None:
    with_claims(ledger)
    claims_money(ledger)
    with pytest.raises(NotAllowed, match="claim 1 of this person: `amends claims list"):
        erase(ledger)


def test_an_erased_person_has_no_code(coded: Ledger) -> None:
    assert len(set(texts(coded, 1))) == 2
    erase(coded)
    assert set(texts(coded, 1)) <= {""}
    assert texts(coded, 2) == ["CANARY-000002"]
    assert sound(coded)


def test_an_erased_person_has_no_result(ledger: Ledger) -> None:
    promised(ledger)
    ledger.remedies.settle(INCIDENT, LOCKS, {1: MOVED, 2: SOUND}, "lena", NOW)
    erase(ledger)
    stands = {remedy.person: (remedy.state, remedy.word) for remedy in ledger.remedies.all(INCIDENT, LOCKS)}
    assert stands[1] == (RemedyState.NOT_POSSIBLE, "")
    assert stands[2] == (RemedyState.DONE, SOUND.word)
    assert sound(ledger)


def test_nothing_is_left_of_a_correction(ledger: Ledger) -> None:
    told_results(ledger)
    for person in (1, 2):
        ledger.remedies.correct(INCIDENT, LOCKS, person, RightOutcome(MOVED, "mixed up"), "lena", NOW)
    erase(ledger)
    with ledger.store.read() as session:
        rows = session.exec(select(ResultCorrectionRow)).all()
        assert {row.person: (row.was, row.word) for row in rows} == {1: ("", ""), 2: (SOUND.word, MOVED.word)}
    assert sound(ledger)


def test_claims_are_read_after_the_key_is_rotated(paid: Ledger) -> None:
    before = paid.claims.all(INCIDENT)
    rotate(paid)
    assert paid.claims.all(INCIDENT) == before
    assert WHY in before[1].model_dump_json()
    assert sound(paid)


def test_codes_are_read_after_the_key_is_rotated(coded: Ledger) -> None:
    before = [coded.codes.of_person(INCIDENT, number) for number in (1, 2)]
    rotate(coded)
    assert [coded.codes.of_person(INCIDENT, number) for number in (1, 2)] == before
    assert before[0]
    assert sound(coded)


def test_evidence_is_read_after_the_key_is_rotated(ledger: Ledger) -> None:
    promised(ledger)
    ledger.commitment_files.add(INCIDENT, LOCKS, [NewFile("report.pdf", b"%PDF canary")], "lena", NOW)
    rotate(ledger)
    (kept,) = ledger.commitment_files.all(INCIDENT, LOCKS)
    assert ledger.commitment_files.content(INCIDENT, LOCKS, kept.number, "lena", NOW).content == b"%PDF canary"
    assert sound(ledger)
