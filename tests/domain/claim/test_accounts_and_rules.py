"""An IBAN with a wrong digit is no IBAN, names are in letters that banks take, and unfit rules are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from stdnum.iso7064 import mod_97_10

from amends.domain.claim.account import UnfitAccount, UnfitLetters, read_account, sepa_text, why_not_iban
from amends.domain.claim.claim import PaymentState, later
from amends.domain.claim.payment import fits_pain
from amends.domain.claim.rules import ClaimRules
from tests.ledger.claim.claiming import IBANS, claim_rules, in_china


@pytest.mark.parametrize("iban", IBANS)
def test_a_real_iban_is_one(iban: str) -> None:
    assert why_not_iban(iban) is None


@given(st.sampled_from(IBANS), st.data())
def test_no_iban_survives_a_mistyped_digit(iban: str, data: st.DataObject) -> None:
    at = data.draw(st.sampled_from([n for n, character in enumerate(iban) if n > 3 and character.isdecimal()]))
    digit = data.draw(st.sampled_from("0123456789".replace(iban[at], "")))
    assert why_not_iban(iban[:at] + digit + iban[at + 1 :])


@pytest.mark.parametrize(
    ("holder", "account", "bank", "field"),
    [
        ("", IBANS[0], "", "holder"),
        ("Kim", "DE89", "", "account"),
        ("Kim", "XX89370400440532013000", "Bank", "account"),
        ("Kim", IBANS[0][:-1], "", "account"),
        ("Kim", "12345678", "", "bank"),
        ("李雷", IBANS[0], "", "holder"),
        ("\u0301", IBANS[0], "", "holder"),
        ("李雷", "6222 0202 0011 2345 678", "", "bank"),
        ("Kim", "<script>", "Bank", "account"),
    ],
)
def test_an_unfit_account_names_its_field(holder: str, account: str, bank: str, field: str) -> None:
    with pytest.raises(UnfitAccount) as refused:
        read_account(holder, account, bank)
    assert refused.value.field == field
    assert IBANS[0][4:12] not in str(refused.value)


def test_an_account_in_china_has_its_name_as_it_is_written() -> None:
    for bank in ("中国工商银行", "102100099996"):
        found = read_account("李雷", "6222 0202 0011 2345 678", bank)
        assert (found.holder, found.number, found.bank, found.iban) == ("李雷", "6222020200112345678", bank, "")


def test_only_letters_beside_an_iban_are_unfit_letters() -> None:
    with pytest.raises(UnfitLetters, match="in Latin letters"):
        read_account("李雷", IBANS[0])


def test_a_bank_beside_an_iban_counts_as_its_bic_alone() -> None:
    said = [read_account("Kim", IBANS[0], bank).bic for bank in ("Sparkasse", "deut de ff", "CHASUS33")]
    assert said == ["", "DEUTDEFF", ""]


def test_pain001_names_no_number_beside_euros_and_no_chinese_name() -> None:
    kim = read_account("Kim", "12345678", "021000021")
    assert [fits_pain(kim, currency) for currency in ("USD", "EUR")] == [True, False]
    assert [fits_pain(in_china(holder), "CNY") for holder in ("Li Lei", "李雷")] == [False, False]
    assert fits_pain(read_account("Kim", IBANS[0]), "EUR")


def test_names_are_written_in_letters_of_sepa() -> None:
    assert sepa_text("Łukasz Ørsted-Müßig & Søn") == "Lukasz Orsted-Mussig + Son"
    assert sepa_text("Ангел") is None


@given(st.text())
def test_no_other_character_reaches_a_bank(text: str) -> None:
    written = sepa_text(text)
    assert written is None or all(one.isascii() and (one.isalnum() or one in "/-?:().,'+ ") for one in written)


@given(st.lists(st.sampled_from(PaymentState), min_size=1))
def test_the_order_of_answers_does_not_matter(states: list[PaymentState]) -> None:
    found = states[0]
    for state in states:
        found = later(found, state)
    assert found is max(states, key=list(PaymentState).index)


@pytest.mark.parametrize("iban", IBANS)
def test_another_length_or_country_is_no_iban(iban: str) -> None:
    """Check digits that fit make no IBAN of a text that is too short, too long, or of a country without IBANs."""
    for country, body in ((iban[:2], iban[4:-1]), (iban[:2], iban[4:] + "0"), ("US", iban[4:])):
        said = why_not_iban(country + mod_97_10.calc_check_digits(body + country) + body)
        assert ("no country" if country == "US" else "no bank in") in (said or "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"currency": "XXX"}, "ISO 4217"),
        ({"cap": 0}, "cap must be above 0"),
        ({"cap": 400}, "cap_per_person at least cap"),
        ({"by_rule_up_to": 101}, "needs two people"),
        ({"cap": 12.5}, "in quotes"),
        ({"cap": "12.505"}, "at most 2 digits"),
        ({"within": "90d"}, "either last_day, or within"),
        ({"last_day": None}, "either last_day, or within"),
        ({"pay_from": {"name": "B", "iban": "DE00"}}, "iban"),
        ({"audience": "unredeemed:codes"}, "a segment of the list"),
        ({"account_within": "14d"}, "above 14d"),
        ({"object_within": "90d"}, "at least object_within"),
        ({"cappp": 1}, "Extra inputs"),
    ],
)
def test_unfit_rules_are_refused_in_words(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        claim_rules(**changes)


def test_rules_are_the_same_after_they_were_stored() -> None:
    rules = claim_rules(by_rule_up_to="24.50")
    assert ClaimRules.model_validate(rules.model_dump(mode="json")) == rules
