"""One person is erased on the word of two: nothing of them is found anywhere, and that they were told stays proven."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.case.case import Case
from amends.domain.deliver.correction import Ask
from amends.domain.people.person import Flag
from amends.domain.people.report import NewReport, PageReportKind
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from tests.builders import NOW, a_person, an_asked
from tests.delivery.sending import INCIDENT, NOTICE, approved, approved_again
from tests.ledger.forget.forgetting import (
    KIM,
    LATER,
    LENA,
    OMAR,
    SAID,
    ZOE,
    canaries,
    found_in_rows,
    in_files,
    opened_words,
    people,
    with_traces,
)

ROSA = Member(name="rosa", role=TeamRole.RESPONDER)


def erase(ledger: Ledger, person: int = 1) -> None:
    ledger.erasure.erase(INCIDENT, person, LENA, OMAR, LATER)


def lines(ledger: Ledger) -> list[tuple[object, ...]]:
    found = ledger.statistics.lines(INCIDENT, NOTICE)
    return sorted((one.person, one.channel.value, one.state.value) for one in found)


def test_no_row_holds_the_person_any_more(ledger: Ledger) -> None:
    with_traces(ledger)
    wanted = canaries(ledger)
    assert found_in_rows(ledger, wanted)
    assert all(word in opened_words(ledger) for word in (ZOE.name, SAID["question"], SAID["report"]))
    erase(ledger)
    assert found_in_rows(ledger, wanted) == []
    read = opened_words(ledger)
    said = (ZOE.ref, ZOE.name, ZOE.phone, ZOE.postal_address, *SAID.values())
    assert [word for word in said if word and word in read and word != SAID["answer"]] == []


def test_no_file_holds_the_person_any_more(ledger_on_sqlite: Ledger) -> None:
    with_traces(ledger_on_sqlite)
    with ledger_on_sqlite.store.read() as session:
        sealed = session.connection().exec_driver_sql("SELECT sealed FROM person WHERE number = 1").scalar_one()
    wanted = [*canaries(ledger_on_sqlite)[1:], bytes(sealed)]  # the first is the line of the suppression list
    assert sum(one in in_files(ledger_on_sqlite) for one in wanted) > 4
    erase(ledger_on_sqlite)
    assert [one for one in wanted if one in in_files(ledger_on_sqlite)] == []


def test_that_the_person_was_told_stays_proven(ledger: Ledger) -> None:
    with_traces(ledger)
    before, told, case = lines(ledger), ledger.told.person(INCIDENT, 1), ledger.cases.read(INCIDENT, LATER)
    erase(ledger)
    assert lines(ledger) == before
    assert ledger.told.person(INCIDENT, 1) == told
    assert told
    assert counts(ledger.cases.read(INCIDENT, LATER)) == counts(case)


def counts(case: Case) -> tuple[object, ...]:
    return case.audience, [(notice.id, notice.people) for notice in case.notices], case.questions.asked, case.reach


def test_the_audit_chain_and_the_tables_still_agree(ledger: Ledger) -> None:
    with_traces(ledger)
    erase(ledger)
    assert (ledger.audit.verify(), ledger.audit.disagreements(), ledger.audit.miscounted()) == ((), (), ())
    (entry,) = [one for one in ledger.audit.entries(INCIDENT) if one.act == "person erased"]
    assert (entry.actor, entry.subject, entry.detail["second"]) == ("lena", "person 1", "omar")


def test_other_people_lose_nothing(ledger_on_sqlite: Ledger) -> None:
    with_traces(ledger_on_sqlite)
    link = ledger_on_sqlite.people.link_of(INCIDENT, 2)
    erase(ledger_on_sqlite)
    assert ledger_on_sqlite.people.get(INCIDENT, 2) == KIM
    assert ledger_on_sqlite.people.whose_link(link) == (INCIDENT, 2)


def test_the_link_of_the_person_ends(ledger_on_sqlite: Ledger) -> None:
    with_traces(ledger_on_sqlite)
    link = ledger_on_sqlite.people.link_of(INCIDENT, 1)
    erase(ledger_on_sqlite)
    assert ledger_on_sqlite.people.whose_link(link) is None


def test_an_erasure_that_is_repeated_changes_nothing(ledger_on_sqlite: Ledger) -> None:
    with_traces(ledger_on_sqlite)
    erase(ledger_on_sqlite)
    entries = ledger_on_sqlite.audit.entries(INCIDENT)
    ledger_on_sqlite.erasure.erase(INCIDENT, 1, OMAR, LENA, LATER + timedelta(days=1))
    assert ledger_on_sqlite.audit.entries(INCIDENT) == entries
    assert ledger_on_sqlite.erasure.erased(INCIDENT) == {1: LATER}


# Nobody is told twice.


def test_a_corrected_list_does_not_bring_the_person_back(ledger: Ledger) -> None:
    with_traces(ledger)
    erase(ledger)
    again = ledger.corrections.compare(INCIDENT, people())
    assert (again.difference.changes, again.difference.erased) == ((), (1,))
    more = ledger.corrections.compare(INCIDENT, [*people(), a_person(number=9, ref="NEW-9")])
    ledger.corrections.apply(more, {}, "f", "lena", LATER)
    assert ledger.people.number_of(INCIDENT, ZOE.ref) is None
    assert ledger.people.number_of(INCIDENT, "NEW-9") == 4
    assert not [line for line in lines(ledger) if line[0] == 1 and line[2] == "waiting"]


def test_a_list_without_the_person_says_nothing_of_them(ledger_on_sqlite: Ledger) -> None:
    with_traces(ledger_on_sqlite)
    erase(ledger_on_sqlite)
    assert ledger_on_sqlite.corrections.compare(INCIDENT, people()[1:]).difference.changes == ()


def test_a_list_that_was_compared_before_the_erasure_is_refused(ledger_on_sqlite: Ledger) -> None:
    with_traces(ledger_on_sqlite)
    moved = [ZOE._replace(postal_address="New Road 1"), *people()[1:]]
    correction = ledger_on_sqlite.corrections.compare(INCIDENT, moved)
    erase(ledger_on_sqlite)
    with pytest.raises(NotAllowed, match="erased on request meanwhile"):
        ledger_on_sqlite.corrections.apply(correction, {Ask.CHANGED: 1}, "f", "lena", LATER)


def test_a_message_that_waits_for_the_person_never_leaves(ledger_on_sqlite: Ledger) -> None:
    ledger = ledger_on_sqlite
    approved(ledger, people(), cascade=(), next_news_at=None)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    erase(ledger)
    assert {state for person, _, state in lines(ledger) if person == 1} == {"held"}
    assert not ledger.audit.disagreements()


def test_the_next_notice_is_held_for_the_person(ledger_on_sqlite: Ledger) -> None:
    with_traces(ledger_on_sqlite)
    erase(ledger_on_sqlite)
    approved_again(ledger_on_sqlite, notice="update-1", cascade=(), next_news_at=None)
    ledger_on_sqlite.notices.release(INCIDENT, "update-1", NOW)
    found = ledger_on_sqlite.statistics.lines(INCIDENT, "update-1")
    assert {(one.state.value, one.reason) for one in found if one.person == 1} == {
        ("held", "the person's data was erased")
    }
    assert {one.state.value for one in found if one.person == 2} == {"waiting"}


def test_a_child_of_an_erased_guardian_is_held(ledger_on_sqlite: Ledger) -> None:
    child = a_person(number=4, ref="CHILD-4", email="", phone="", flags=frozenset({Flag.MINOR}))
    parent = ZOE._replace(guardian_of="CHILD-4")
    with_traces(ledger_on_sqlite, [parent, *people()[1:], child])
    erase(ledger_on_sqlite)
    with ledger_on_sqlite.store.read() as session:
        held = "SELECT hold, guardian FROM person WHERE number = 4"
        assert tuple(session.connection().exec_driver_sql(held).one()) == ("minor_without_guardian", 0)
    assert not ledger_on_sqlite.audit.disagreements()


def test_a_guardian_forgets_an_erased_child(ledger_on_sqlite: Ledger) -> None:
    child = a_person(number=4, ref="CHILD-4", name="Bird", email="", phone="", flags=frozenset({Flag.MINOR}))
    listed = [ZOE._replace(guardian_of="CHILD-4"), *people()[1:], child]
    with_traces(ledger_on_sqlite, listed)
    erase(ledger_on_sqlite, 4)
    assert ledger_on_sqlite.people.get(INCIDENT, 1).guardian_of == ""
    again = ledger_on_sqlite.corrections.compare(INCIDENT, listed).difference
    assert again.erased == (4,)
    assert not ledger_on_sqlite.audit.disagreements()


# Who may, and when nobody may.


def under_hold(ledger: Ledger) -> None:
    ledger.holds.give(INCIDENT, 1, "the court asked", OMAR, NOW)


def case_under_hold(ledger: Ledger) -> None:
    ledger.holds.give(INCIDENT, None, "the court asked", OMAR, NOW)


def report_open(ledger: Ledger) -> None:
    ledger.reports.add(INCIDENT, NewReport(1, PageReportKind.WRONG_PERSON, "en", "new"), NOW)


def request_open(ledger: Ledger) -> None:
    ledger.requests.add(INCIDENT, 1, "en", "new", LATER)


@pytest.mark.parametrize(
    ("arrange", "why"),
    [
        (under_hold, "person 1 under hold by omar: the court asked"),
        (case_under_hold, "under hold by omar: the court asked"),
        (report_open, "decide first on report 2"),
        (request_open, "decide first on request 2"),
    ],
)
def test_nobody_is_erased_who_must_be_kept(
    ledger_on_sqlite: Ledger, arrange: Callable[[Ledger], None], why: str
) -> None:
    with_traces(ledger_on_sqlite)
    arrange(ledger_on_sqlite)
    with pytest.raises(NotAllowed, match=why):
        erase(ledger_on_sqlite)
    assert ledger_on_sqlite.people.get(INCIDENT, 1).name == ZOE.name


def test_a_hold_on_another_person_hinders_nothing(ledger_on_sqlite: Ledger) -> None:
    with_traces(ledger_on_sqlite)
    ledger_on_sqlite.holds.give(INCIDENT, 2, "the court asked", OMAR, NOW)
    erase(ledger_on_sqlite)
    assert ledger_on_sqlite.erasure.erased(INCIDENT) == {1: LATER}


def test_a_hold_that_was_lifted_hinders_nothing(ledger_on_sqlite: Ledger) -> None:
    with_traces(ledger_on_sqlite)
    under_hold(ledger_on_sqlite)
    ledger_on_sqlite.holds.lift(INCIDENT, 1, "the case is over", LENA, LATER)
    erase(ledger_on_sqlite)
    assert ledger_on_sqlite.erasure.erased(INCIDENT) == {1: LATER}


@pytest.mark.parametrize(("first", "second"), [(LENA, LENA), (LENA, ROSA), (ROSA, OMAR)])
def test_two_who_may_approve_must_want_it(ledger_on_sqlite: Ledger, first: Member, second: Member) -> None:
    with_traces(ledger_on_sqlite)
    with pytest.raises(NotAllowed):
        ledger_on_sqlite.erasure.erase(INCIDENT, 1, first, second, LATER)
    assert ledger_on_sqlite.erasure.erased(INCIDENT) == {}


def test_a_person_who_is_not_there_is_not_erased(ledger_on_sqlite: Ledger) -> None:
    with_traces(ledger_on_sqlite)
    with pytest.raises(NotInLedger):
        erase(ledger_on_sqlite, 99)


def test_an_open_question_of_the_person_is_closed(ledger_on_sqlite: Ledger) -> None:
    with_traces(ledger_on_sqlite)
    ledger_on_sqlite.questions.ask(INCIDENT, an_asked("And now?", once="later"), NOW)
    erase(ledger_on_sqlite)
    assert ledger_on_sqlite.cases.read(INCIDENT, LATER).questions.open == 0
