"""What is asked for often reads no row for each person, question or answer, and what reads many holds up nobody.

A test with a few people cannot feel it, so these look at the statements.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from amends.domain.channel.channel import ChannelKind
from amends.ledger import Ledger
from amends.ledger.deliver.letters import reference_of
from amends.ledger.store.encryption import Seal
from tests.builders import NOW, a_person, an_asked, an_incident
from tests.delivery.sending import INCIDENT, NOTICE, approved
from tests.ledger.deliver.test_letters import OMAR, released
from tests.ledger.deliver.test_previews import drafted
from tests.ledger.feedback.surveyed import answer, customers, invited


@contextmanager
def statements(ledger: Ledger) -> Iterator[list[tuple[str, bool]]]:
    """Each statement about rows, and whether others who write wait until its transaction ends."""
    found: list[tuple[str, bool]] = []

    def note(connection: Any, _cursor: Any, statement: str, _values: Any, _context: Any, _many: bool) -> None:
        found.append((statement, bool(connection.get_execution_options().get("writes"))))

    event.listen(ledger.store.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(ledger.store.engine, "before_cursor_execute", note)


@contextmanager
def ways(ledger: Ledger, table: str) -> Iterator[list[str]]:
    """How SQLite finds its rows for each look at this table."""
    found: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, _many: bool) -> None:
        if f"FROM {table}" in statement:
            plan = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            found.extend(row[3] for row in plan if table in row[3])

    event.listen(ledger.store.engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(ledger.store.engine, "before_cursor_execute", explain)


@pytest.fixture
def asked(ledger: Ledger) -> Ledger:
    ledger.incidents.open(an_incident(), [a_person(number=1), a_person(number=2)], "lena", NOW)
    for number in (1, 2):
        ledger.questions.ask(INCIDENT, an_asked(f"Question {number}", person=number, once=str(number)), NOW)
    return ledger


@pytest.mark.parametrize("table", ["question"])
def test_a_case_has_questions_and_answers_counted_by_the_database(asked: Ledger, table: str) -> None:
    with statements(asked) as found:
        case = asked.cases.read(INCIDENT, NOW)
    assert (case.questions.open, case.questions.by_topic) == (2, {"other": 2})
    about = [statement for statement, _ in found if f"FROM {table}" in statement]
    assert about
    assert [statement for statement in about if "GROUP BY" not in statement and "count(*)" not in statement] == []


def test_ballots_are_counted_by_the_database(ledger_on_sqlite: Ledger) -> None:
    invited(ledger_on_sqlite, customers(11))
    for person in range(1, 11):
        answer(ledger_on_sqlite, person, understood="4")
    with statements(ledger_on_sqlite) as found:
        assert ledger_on_sqlite.views.closing(INCIDENT, NOW).surveys[0].means == {"understood": 4}
    about = [statement for statement, _ in found if "FROM ballot" in statement]
    assert about
    assert [statement for statement in about if "count(*)" not in statement] == []


def test_a_case_is_read_without_all_messages(ledger_on_sqlite: Ledger) -> None:
    """An index leads to the messages in hand, of several for a person, or to the public; the tally counts the others."""
    released(ledger_on_sqlite)
    with ways(ledger_on_sqlite, "delivery") as found:
        ledger_on_sqlite.cases.read(INCIDENT, NOW)
    narrow = ("ix_delivery_due", "ix_delivery_several", "INTEGER PRIMARY KEY", "notice=? AND person=?")
    assert found
    assert [way for way in found if not any(index in way for index in narrow)] == []


@pytest.mark.parametrize("open_only", [True, False])
def test_the_questions_of_one_person_are_found_by_an_index(ledger_on_sqlite: Ledger, open_only: bool) -> None:
    ledger_on_sqlite.incidents.open(an_incident(), [a_person(number=1)], "lena", NOW)
    with ways(ledger_on_sqlite, "question") as found:
        ledger_on_sqlite.questions.all(INCIDENT, person=1, open_only=open_only)
    assert found == ["SEARCH question USING INDEX ix_question_person (incident=? AND person=?)"]


def test_the_questions_are_counted_without_reading_their_rows(ledger_on_sqlite: Ledger) -> None:
    ledger_on_sqlite.incidents.open(an_incident(), [a_person(number=1)], "lena", NOW)
    with ways(ledger_on_sqlite, "question") as found:
        ledger_on_sqlite.views.timeline(INCIDENT, NOW)
    indexes = ("ix_question_asked", "ix_question_person")
    assert sorted(found) == [f"SEARCH question USING COVERING INDEX {index} (incident=?)" for index in indexes]


def test_a_visit_to_a_personal_page_counts_no_messages(asked: Ledger) -> None:
    with statements(asked) as found:
        outline = asked.cases.outline(INCIDENT)
    assert outline.incident.id == INCIDENT
    many = ("FROM delivery", "FROM person", "FROM question", "FROM ballot")
    assert [statement for statement, _ in found if any(table in statement for table in many)] == []


def test_a_preview_counts_everybody_once(ledger: Ledger) -> None:
    draft = drafted(ledger)
    with statements(ledger) as found:
        ledger.previews.expected(draft)
    assert len([statement for statement, _ in found if "FROM person" in statement]) == 1


def test_one_question_is_shown_without_opening_the_others(asked: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    opens = Seal.open

    def noted(seal: Seal, sealed: bytes, place: str) -> str:
        opened.append(place)
        return opens(seal, sealed, place)

    monkeypatch.setattr(Seal, "open", noted)
    assert asked.questions.get(INCIDENT, 2).text == "Question 2"
    assert opened == [f"question:text:{INCIDENT}:2"]


def test_entries_that_nobody_asked_for_are_not_read(asked: Ledger) -> None:
    with statements(asked) as found:
        read = asked.audit.entries(INCIDENT, without={"asked"})
    assert read == tuple(entry for entry in asked.audit.entries(INCIDENT) if entry.act == "opened")
    assert [statement for statement, _ in found if "FROM audit" in statement and "NOT IN" not in statement] == []


def test_looking_for_a_returned_letter_holds_up_no_sender(ledger_on_sqlite: Ledger) -> None:
    """A returned letter is looked for among all letters in no writing transaction, so that no sender has to wait."""
    released(ledger_on_sqlite)
    ledger_on_sqlite.letters.take(INCIDENT, NOTICE, OMAR, NOW)
    letter = next(claim for claim in ledger_on_sqlite.letters.of_batch(INCIDENT, NOTICE, 1))
    with statements(ledger_on_sqlite) as found:
        ledger_on_sqlite.letters.returned(INCIDENT, NOTICE, reference_of(letter.key), NOW)
    of_all = [waits for statement, waits in found if "batch IS NOT NULL" in statement]
    assert of_all == [False]


def test_opening_letters_to_hand_over_holds_up_no_sender(ledger_on_sqlite: Ledger) -> None:
    """The sealed data of letters to be handed over is read in no writing transaction, so that no sender has to wait."""
    released(ledger_on_sqlite)
    with statements(ledger_on_sqlite) as found:
        ledger_on_sqlite.letters.take(INCIDENT, NOTICE, OMAR, NOW)
    opened = [waits for statement, waits in found if " sealed" in statement]
    assert opened
    assert not any(opened)


def test_a_claim_asks_in_the_same_words_for_any_number_of_pages(ledger: Ledger) -> None:
    """A claim asks in the same SQL words however many pages are in hand.

    The driver keeps what it prepared: with other words for each page, the memory of a long send grew as its square.
    """
    approved(ledger, [a_person(number=number) for number in range(1, 7)], channels=(ChannelKind.EMAIL,))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    asked: list[set[str]] = []
    for _ in range(3):
        with statements(ledger) as found:
            page = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 2, NOW)
        ledger.deliveries.record(page, [], INCIDENT, NOTICE, NOW)
        asked.append({statement for statement, _ in found})
    assert asked[1] == asked[2]
