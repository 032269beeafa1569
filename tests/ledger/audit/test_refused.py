"""Refused attempts in the audit chain: one entry a day for each member and verb, with names from tables alone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from amends.domain.team.refused import RefusedAttempt
from amends.ledger import Ledger
from tests.builders import NOW, an_incident

INCIDENT = "stolen-terminals"


def an_attempt(**changes: object) -> RefusedAttempt:
    given = {"at": NOW, "incident": INCIDENT, "by": "rosa", "role": "responder", "verb": "incident close"}
    return RefusedAttempt.model_validate(given | changes)


def opened(ledger: Ledger) -> Ledger:
    ledger.incidents.open(an_incident(id=INCIDENT), [], "lena", NOW)
    return ledger


def test_an_attempt_is_kept_once_a_day_for_each_member_and_verb(ledger: Ledger) -> None:
    begin = NOW.replace(hour=0, minute=0)
    first = an_attempt(at=begin)
    others = [an_attempt(at=begin, by="aude", role="auditor"), an_attempt(at=begin, verb="incident amend")]
    tomorrow = an_attempt(at=begin + timedelta(days=1))
    again = [an_attempt(at=begin + timedelta(hours=hour)) for hour in range(1, 24)]
    opened(ledger)
    for one in (first, *others, *again, an_attempt(at=begin, incident=""), tomorrow):
        ledger.refused.note(one)
    assert ledger.refused.all() == (first, *others, tomorrow)


def test_an_unknown_incident_is_not_kept_as_it_may_be_any_words(ledger: Ledger) -> None:
    ledger.refused.note(an_attempt(incident="Kim Example, +49 30 4930555"))
    assert [one.incident for one in ledger.refused.all()] == [""]


def test_attempts_at_one_incident_are_listed_alone(ledger: Ledger) -> None:
    opened(ledger)
    ledger.refused.note(an_attempt())
    ledger.refused.note(an_attempt(incident="", verb="team add"))
    assert [one.verb for one in ledger.refused.all(INCIDENT)] == ["incident close"]
    assert len(ledger.refused.all()) == 2


def test_many_attempts_at_once_are_one(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ledger.refused.note(an_attempt()), range(16)))
    assert len(ledger.refused.all()) == 1
    assert ledger.audit.verify() == ()
