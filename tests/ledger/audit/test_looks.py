"""Looks in the audit chain: each is an entry with ids and numbers, and stays after the data is gone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from amends.domain.team.look import Look
from amends.ledger import Ledger
from tests.builders import NOW

INCIDENT = "stolen-terminals"


def a_look(number: int, **changes: object) -> Look:
    values = {"at": NOW + timedelta(minutes=number), "by": "rosa", "verb": "questions show"}
    return Look.model_validate(values | {"about": f"question {number}", "person": number} | changes)


def test_looks_come_back_as_they_were_noted(ledger: Ledger) -> None:
    looks = (a_look(1), a_look(2, person=None), a_look(3, about="questions", person=None, count=40))
    for look in looks:
        ledger.looks.note(INCIDENT, look)
    assert ledger.looks.all(INCIDENT) == looks
    assert ledger.looks.all("another") == ()


def test_acts_that_show_people_are_looks_too(ledger: Ledger) -> None:
    with ledger.store.write() as write:
        write.note(NOW, INCIDENT, "dossier made", "person 7", actor="aude", up_to=3)
        write.note(NOW, INCIDENT, "letters handed over", "first-notice batch 1", actor="omar", letters=12)
        write.note(NOW, INCIDENT, "link revoked", "person 7", actor="omar")
    made, handed_over = ledger.looks.all(INCIDENT)
    assert (made.verb, made.person, made.count) == ("dossier make", 7, 1)
    assert (handed_over.verb, handed_over.person, handed_over.count) == ("letters", None, 12)


def test_many_who_look_at_once_are_all_kept(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: ledger.looks.note(INCIDENT, a_look(number)), range(1, 33)))
    assert sorted(look.person or 0 for look in ledger.looks.all(INCIDENT)) == list(range(1, 33))
    assert ledger.audit.verify() == ()
