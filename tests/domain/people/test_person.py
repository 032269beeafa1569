"""A person as a value."""

from tests.builders import a_person


def test_neither_repr_nor_text_shows_who_it_is() -> None:
    person = a_person(number=7)
    assert repr(person) == str(person) == f"{person}" == "Person(number=7)"
