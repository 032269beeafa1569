"""Help in a country is read strictly, and what comes with Amends says in every language whom to ask and who says so."""

from itertools import product

import pytest

from amends.content.file.regions import CODES
from amends.content.law.help import read_help
from amends.content.notice import shipped_wording
from amends.domain.base.errors import ContentError
from amends.domain.base.value import text_for
from amends.domain.incident.facts import DataCategory
from amends.domain.lint.extract import bare_hosts, links, same_telephone, telephones
from amends.domain.notice.help import Help

HELP = """\
places: [DE]
reviewed: "2026-11-30"
title: {en: Help, zh-CN: 帮助}
parts:
  - says: [freeze]
    contacts: [police]
    text: {en: Call them., zh-CN: 请致电。}
contacts:
  police:
    name: {en: Police, zh-CN: 警察}
    phone: "110"
    source: known there
"""
LOCALES = ("en", "zh-CN")
SHIPPED = shipped_wording().helps
TERRITORIES = {"PR", "GU", "VI", "AS", "MP"}
EACH = pytest.mark.parametrize("one", SHIPPED, ids=lambda one: one.places[0])


@pytest.fixture
def file(write):
    """A folder with one file of help, with one part replaced."""

    def with_(old="", new="", name="DE"):
        assert old in HELP
        return write(f"help/{name}.yaml", HELP.replace(old, new, 1)).parent

    return with_


def findings(folder):
    with pytest.raises(ContentError) as caught:
        read_help(folder, LOCALES, {"freeze"})
    return [(finding.where.split("/")[-1], str(finding.code)) for finding in caught.value.findings]


def test_a_file_becomes_the_help_of_its_country(file):
    (read,) = read_help(file(), LOCALES, {"freeze"})
    assert (read.places, read.says(["DE"])) == (("DE",), ("freeze",))


def test_there_may_be_no_help_at_all(tmp_path):
    assert read_help(tmp_path / "help", LOCALES, ()) == ()


WRONG = {
    "a contact that nobody has": ("contacts: [police]", "contacts: [polce]", "DE.yaml:6:16", "E102"),
    "a contact that no part names": ("    contacts: [police]\n", "", "DE.yaml:8:3", "E107"),
    "a contact without a way to reach it": ('    phone: "110"\n', "", "DE.yaml:10:5", "E107"),
    "a contact without a source": ("    source: known there\n", "", "DE.yaml:10:5", "E103"),
    "a source that says nothing": ("known there", '""', "DE.yaml:12:13", "E104"),
    "a number without quotes": ('"110"', "110", "DE.yaml:11:12", "E104"),
    "words in place of a number": ('"110"', "call us", "DE.yaml:11:12", "E104"),
    "two numbers in one place": ('"110"', "110 or 112", "DE.yaml:11:12", "E104"),
    "a link in place of a host": ('phone: "110"', "site: https://bka.de", "DE.yaml:11:11", "E104"),
    "a path of which mail programs make a link": ('phone: "110"', "site: bka.de/hilfe", "DE.yaml:11:11", "E104"),
    "an item that addenda.yaml lacks": ("[freeze]", "[freze]", "DE.yaml:5:12", "E102"),
    "a kind of data that nobody knows": ("[freeze]", "[freeze]\n    data: [snn]", "DE.yaml:6:12", "E102"),
    "a title in one language": ("{en: Help, zh-CN: 帮助}", "{en: Help}", "DE.yaml:3:8", "E110"),
    "a text in one language": (", zh-CN: 请致电。", "", "DE.yaml:7:11", "E110"),
    "a name in one language": (", zh-CN: 警察", "", "DE.yaml:10:11", "E110"),
    "a country that does not exist": ("[DE]", "[DE, XX]", "DE.yaml:1:14", "E102"),
    "a country that stands twice": ("[DE]", "[DE, DE]", "DE.yaml:1:14", "E106"),
    "a state of another country": ("[freeze]", "[freeze]\n    places: [US-MA]", "DE.yaml:6:14", "E102"),
    "a file with the name of another": ("[DE]", "[AT]", "DE.yaml:1:10", "E107"),
    "a day that is none": ('"2026-11-30"', '"30 November"', "DE.yaml:2:11", "E104"),
    "an unknown key": ("phone:", "fone:", "DE.yaml:11:5", "E101"),
    "a character that nobody sees": ("Call them.", "Call\ue000 them.", "DE.yaml:7:16", "E109"),
    "steps in an unknown language": (
        "contacts:\n  police",
        "steps:\n  de:\n    ssn: {when: today, first: a, do: b}\ncontacts:\n  police",
        "DE.yaml:9:3",
        "E102",
    ),
}


@pytest.mark.parametrize(("old", "new", "where", "code"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_found_with_its_place(file, old, new, where, code):
    assert (where, code) in findings(file(old, new))


def test_a_misspelt_contact_is_one_finding_with_the_nearest_name(file):
    with pytest.raises(ContentError) as caught:
        read_help(file("contacts: [police]", "contacts: [polce]"), LOCALES, {"freeze"})
    (finding,) = caught.value.findings
    assert finding.advice == "Did you mean 'police'? Known: police"


def test_two_files_for_one_country_are_found(file):
    file("[DE]", "[AT, DE]", "AT")
    assert findings(file()) == [("DE.yaml:1:10", "E106")]


def test_the_findings_of_all_files_come_at_once(file):
    file("[DE]", "[AT]\nplces: []", "AT")
    assert findings(file("[freeze]", "[freze]")) == [("AT.yaml:2:1", "E101"), ("DE.yaml:5:12", "E102")]


# What comes with Amends.


def every_text(one: Help, locale: str) -> list[str]:
    """The help of each state and kind of reader of a country, for people all of whose data is touched."""
    places = {place for part in one.parts for place in part.places} | {one.places[0]}
    ways = product(sorted(places), (False, True))
    words = shipped_wording().phrases[locale].step_words
    return [one.markdown(locale, words, place, tuple(DataCategory), child=child) for place, child in ways]


def test_large_countries_have_help_of_their_own():
    known = {place for one in SHIPPED for place in one.places}
    assert {"AU", "BR", "CA", "CN", "DE", "ES", "FR", "GB", "HK", "IT", "JP", "KR", "NL", "SG", "TW", "US"} <= known


@EACH
@pytest.mark.parametrize("locale", LOCALES)
def test_help_is_there_in_each_language(one, locale):
    texts = [one.title, *(part.text for part in one.parts if part.text), *(each.name for each in one.contacts.values())]
    assert [text for text in texts if not text_for(text, locale)] == []


@EACH
def test_steps_of_a_country_are_the_same_in_each_language(one):
    shapes = [
        [(kind, step.when, step.minutes, bool(step.child_do)) for kind, step in one.steps.get(locale, {}).items()]
        for locale in LOCALES
    ]
    assert shapes[0] == shapes[1]


@EACH
def test_each_contact_says_who_gave_it(one):
    assert [name for name, each in one.contacts.items() if len(each.source) < len("mass.gov")] == []


@EACH
@pytest.mark.parametrize("locale", LOCALES)
def test_help_names_no_number_or_host_but_those_of_contacts(one, locale):
    """Help names no telephone number and no host but those of contacts, so that a notice with it passes the lint."""
    phones = [each.phone for each in one.contacts.values() if each.phone]
    hosts = {host.casefold() for each in one.contacts.values() for host in each.hosts}
    for text in every_text(one, locale):
        named = telephones(text, shipped_wording().phrases[locale])
        assert [number for number in named if not any(same_telephone(number, phone) for phone in phones)] == []
        assert {host.casefold() for host in bare_hosts(text)} <= hosts
        assert links(text) == ()


def test_a_number_in_north_america_has_ten_digits_or_three():
    phones = [each.phone for one in SHIPPED for each in one.contacts.values() if one.places[0] in ("US", "CA")]
    digits = {len("".join(filter(str.isdigit, phone)).removeprefix("1")) for phone in phones if phone}
    assert digits <= {3, 10}


def test_everybody_in_the_states_learns_who_their_attorney_general_is():
    states = set(CODES["US"].values()) - TERRITORIES
    found = next(one for one in SHIPPED if "US" in one.places)
    assert {state for state in states if "attorney_general" not in found.says([f"US-{state}"])} == set()


@pytest.mark.parametrize(
    ("country", "kind", "first"),
    [
        ("DE", DataCategory.ACCOUNT_NUMBER, "direct debits"),
        ("DE", DataCategory.ID_CARD, "SCHUFA"),
        ("GB", DataCategory.PASSPORT, "Cifas"),
        ("AU", DataCategory.DRIVERS_LICENSE, "credit report"),
        ("CA", DataCategory.NATIONAL_ID, "fraud alert"),
        ("JP", DataCategory.ID_CARD, "leave a note with the credit bureaus"),
    ],
)
def test_the_first_step_is_the_one_that_helps_there(country, kind, first):
    assert first in shipped_wording().steps_in("en", country).first([kind], child=False)


def test_a_child_is_not_sent_to_a_credit_bureau_that_has_no_file():
    assert "IDCARE" in shipped_wording().steps_in("en", "AU").first([DataCategory.PASSPORT], child=True)
