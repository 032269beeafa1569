"""No table can hold data of people without saying what becomes of it when it is forgotten."""

from sqlmodel import SQLModel

from amends.ledger.forget.sealed_columns import OF_THE_TEAM, TABLES

OF_PEOPLE_THEMSELVES = {"person.sealed"}
ONLY_NUMBERS = {
    "commitment_person", "delivery", "erased_person", "hour_question", "legal_hold", "person", "survey_answered",
    "survey_sample", "told_otherwise",
}  # fmt: skip
"""Tables that name a person by number alone, or that `forget_people` empties."""
BY_A_KEY_BESIDE_THE_LEDGER = {"held_ballot.sealed"}


def test_every_sealed_column_says_what_becomes_of_it() -> None:
    known = {f"{one.row.__tablename__}.{column.name}" for one in TABLES for column in one.columns}
    sealed = {
        f"{table.name}.{column.name}"
        for table in SQLModel.metadata.sorted_tables
        for column in table.columns
        if column.name.startswith("sealed")
    }
    assert sealed - known - OF_THE_TEAM - OF_PEOPLE_THEMSELVES - BY_A_KEY_BESIDE_THE_LEDGER == set()


def test_every_table_that_names_a_person_says_what_becomes_of_it() -> None:
    known = {str(one.row.__tablename__) for one in TABLES}
    naming = {table.name for table in SQLModel.metadata.sorted_tables if "person" in table.columns}
    assert naming - known - ONLY_NUMBERS == set()
