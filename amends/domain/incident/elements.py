"""The data elements that people and laws name, each below the class of data that it belongs to.

A class such as national_id says less than an element such as ssn: nobody can tell from a class what to do first, and
most laws of the United States name elements. A class is readable everywhere, and a person is asked to make it precise.
"""

from collections.abc import Collection, Iterable

from amends.domain.incident.facts import DataCategory

ELEMENTS = {
    DataCategory.BASIC_IDENTITY: (DataCategory.FULL_NAME, DataCategory.BIRTH_DATE),
    DataCategory.CONTACT: (DataCategory.HOME_ADDRESS, DataCategory.PHONE_NUMBER, DataCategory.EMAIL_ADDRESS),
    DataCategory.CREDENTIALS_PLAIN: (DataCategory.SECURITY_ANSWERS,),
    DataCategory.NATIONAL_ID: (
        DataCategory.SSN,
        DataCategory.DRIVERS_LICENSE,
        DataCategory.PASSPORT,
        DataCategory.TAX_NUMBER,
        DataCategory.ID_CARD,
    ),
    DataCategory.PAYMENT_CARD: (DataCategory.CARD_NUMBER, DataCategory.CARD_WITH_CODE),
    DataCategory.FINANCIAL_ACCOUNT: (DataCategory.ACCOUNT_NUMBER, DataCategory.ACCOUNT_WITH_ACCESS),
    DataCategory.LOCATION: (DataCategory.LOCATION_TRAIL,),
    DataCategory.BIOMETRIC: (DataCategory.FINGERPRINT, DataCategory.FACE_TEMPLATE, DataCategory.VOICE_PRINT),
    DataCategory.HEALTH: (
        DataCategory.DIAGNOSIS,
        DataCategory.TREATMENT,
        DataCategory.PRESCRIPTIONS,
        DataCategory.HEALTH_INSURANCE_NUMBER,
    ),
}
"""The elements of each class that has several."""
CLASS_OF = {element: one for one, elements in ELEMENTS.items() for element in elements}
VAGUE = frozenset(ELEMENTS) - {DataCategory.CREDENTIALS_PLAIN, DataCategory.LOCATION}
"""The classes that must be made precise: a password and a place are elements by themselves."""


def class_of(kind: DataCategory) -> DataCategory:
    """Return the class of an element; a kind that belongs to no other is its own class."""
    return CLASS_OF.get(kind, kind)


def classes_of(kinds: Iterable[DataCategory]) -> frozenset[DataCategory]:
    """Return the classes of these kinds of data."""
    return frozenset(map(class_of, kinds))


def covers(wanted: DataCategory, found: DataCategory) -> bool:
    """Return True when the kind found surely is of the kind wanted: the same one, or an element of the class wanted."""
    return found is wanted or class_of(found) is wanted


def may_cover(wanted: DataCategory, found: DataCategory) -> bool:
    """Return True when the kind found may be of the kind wanted: a class may hold each of its elements."""
    return covers(wanted, found) or class_of(wanted) is found


def named_by(kinds: Collection[DataCategory], kind: DataCategory) -> bool:
    """Return True when one of these kinds names the kind, its class, or an element of it."""
    return any(may_cover(one, kind) for one in kinds)


def vague(kinds: Iterable[DataCategory]) -> tuple[DataCategory, ...]:
    """Return the classes among these kinds of data that must be made precise."""
    return tuple(kind for kind in kinds if kind in VAGUE)
