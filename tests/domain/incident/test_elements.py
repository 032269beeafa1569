"""Data elements and their classes: what one covers, and which class must be made precise."""

import pytest

from amends.domain.incident.elements import ELEMENTS, class_of, covers, may_cover, named_by, vague
from amends.domain.incident.facts import DataCategory, Facts
from amends.domain.people.person import AudienceCounts
from amends.domain.risk.severity import DATA, weight


def test_each_element_belongs_to_one_class() -> None:
    listed = [element for elements in ELEMENTS.values() for element in elements]
    assert len(listed) == len(set(listed))
    assert not set(listed) & ELEMENTS.keys()


@pytest.mark.parametrize(
    ("wanted", "found", "surely", "perhaps"),
    [
        ("ssn", "ssn", True, True),
        ("national_id", "ssn", True, True),
        ("ssn", "national_id", False, True),
        ("ssn", "passport", False, False),
        ("photo", "photo", True, True),
    ],
)
def test_an_element_is_of_its_class(wanted: str, found: str, surely: bool, perhaps: bool) -> None:
    kinds = DataCategory(wanted), DataCategory(found)
    assert (covers(*kinds), may_cover(*kinds)) == (surely, perhaps)


def test_a_class_must_be_made_precise_and_an_element_not() -> None:
    assert vague((DataCategory.NATIONAL_ID, DataCategory.SSN, DataCategory.PHOTO)) == (DataCategory.NATIONAL_ID,)


def test_every_element_weighs_as_its_class_unless_listed() -> None:
    assert all(weight(kind) == DATA.get(kind, DATA[class_of(kind)]) for kind in DataCategory)
    assert weight(DataCategory.CARD_NUMBER) < weight(DataCategory.CARD_WITH_CODE)


def test_a_list_may_be_more_precise_than_the_facts() -> None:
    facts = Facts.model_validate({"data_categories": ["national_id"]})
    assert named_by(facts.categories(), DataCategory.SSN)
    assert AudienceCounts(by_category={"ssn": 3, "photo": 2}).not_in_the_facts(facts) == {"photo": 2}
