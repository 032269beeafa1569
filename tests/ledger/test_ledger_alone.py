"""A ledger that one process has for itself says the same as any other, and reads less."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from amends.domain.case.case import Case, OccurrenceState
from amends.domain.deliver.correction import Ask
from amends.ledger import Keys, Ledger
from amends.ledger.rehearse import LedgerAlone
from tests.builders import a_person
from tests.delivery.sending import INCIDENT, NOTICE, NOW, approved

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LedgerAlone]:
    alone = LedgerAlone(tmp_path / "ledger.sqlite3", Keys(b"a" * 32))
    alone.migrate()
    approved(alone, [a_person(number=number) for number in range(1, 4)])
    yield alone
    alone.dispose()


def read_afresh(ledger: LedgerAlone, now: datetime) -> Case:
    """As another process would read it."""
    other = Ledger(str(ledger.engine.url), ledger.keys)
    try:
        return other.case(INCIDENT, now)
    finally:
        other.dispose()


def test_what_was_read_holds_until_the_next_write(ledger: LedgerAlone) -> None:
    assert ledger.case(INCIDENT, NOW) is ledger.case(INCIDENT, NOW)
    ledger.event(INCIDENT, "something", NOW)
    assert "something" in ledger.case(INCIDENT, NOW).events


def test_another_time_is_another_case(ledger: LedgerAlone) -> None:
    assert ledger.case(INCIDENT, NOW) is not ledger.case(INCIDENT, LATER)


@pytest.mark.parametrize("what", ["release", "claim", "step", "pause", "leave", "alert"])
def test_after_any_write_it_says_what_another_process_would_read(ledger: LedgerAlone, what: str) -> None:
    ledger.case(INCIDENT, NOW)
    write(ledger, what)
    for now in (NOW, LATER):
        assert ledger.case(INCIDENT, now) == read_afresh(ledger, now)


def write(ledger: LedgerAlone, what: str) -> None:
    match what:
        case "release":
            ledger.release(INCIDENT, NOTICE, NOW)
        case "claim":
            ledger.release(INCIDENT, NOTICE, NOW)
            ledger.case(INCIDENT, NOW)
            assert ledger.claim(INCIDENT, NOTICE, ledger.draft(INCIDENT, NOTICE).channels, 10, NOW)
        case "step":
            ledger.mark_occurrence(INCIDENT, "feedback", 1, NOW, OccurrenceState.DONE, NOW, "")
        case "pause":
            ledger.pause_incident(INCIDENT, "mei", NOW)
        case "leave":
            member = next(one for one in ledger.members() if one.role.may_approve)
            ledger.remove_member(member.name, "mei", NOW)
        case "alert":
            ledger.alert(INCIDENT, "a question of the press", NOW)


def test_it_is_read_by_nobody_without_its_key(ledger: LedgerAlone) -> None:
    content = b"".join(path.read_bytes() for path in Path(ledger.engine.url.database or "").parent.iterdir())
    assert a_person(number=1).email.encode() not in content


def test_whoever_has_another_address_by_now_is_written_to_there(ledger: LedgerAlone) -> None:
    draft = ledger.draft(INCIDENT, NOTICE)
    before = {claim.to.email for claim in ledger.first_claims(draft) if claim.to}
    moved = [a_person(number=1, email="moved@new.example"), a_person(number=2), a_person(number=3)]
    correction = ledger.compare_audience(INCIDENT, moved)
    ledger.correct_audience(correction, {ask: correction.difference.counts[ask] for ask in Ask}, "f" * 64, "mei", NOW)
    after = {claim.to.email for claim in ledger.first_claims(draft) if claim.to}
    assert (before - after, after - before) == ({a_person(number=1).email}, {"moved@new.example"})


def test_a_release_does_not_have_everybody_opened_again(ledger: LedgerAlone) -> None:
    list(ledger.first_claims(ledger.draft(INCIDENT, NOTICE)))
    opened: list[str] = []

    def look(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        opened.extend([statement] if "person.sealed" in statement else [])

    event.listen(ledger.engine, "before_cursor_execute", look)
    ledger.release(INCIDENT, NOTICE, NOW)
    assert ledger.claim(INCIDENT, NOTICE, ledger.draft(INCIDENT, NOTICE).channels, 10, NOW)
    assert opened == []
