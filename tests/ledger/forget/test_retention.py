"""Each kind of data goes when its time is over, and stays while a hold keeps it or somebody needs it."""

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amends.delivery.forget import DataPlaces, forget_due
from amends.domain.base.errors import AmendsError, NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.forget.hold import why_kept
from amends.domain.forget.plan import in_words
from amends.domain.forget.retention import DataKind
from amends.ledger import Ledger
from tests.builders import NOW
from tests.delivery.sending import INCIDENT, a_ledger, sqlite_url
from tests.ledger.forget.forgetting import (
    KIM,
    LENA,
    OMAR,
    SAID,
    ZOE,
    canaries,
    closed,
    found_in_rows,
    leave_traces,
    opened_words,
    people,
)

DAY = timedelta(days=1)
NOWHERE = DataPlaces({})
ALL = {"contacts": "90d", "questions": "30d", "page_forms": "60d", "attachments": "20d", "survey_texts": "10d"}


def sweep(ledger: Ledger, now: datetime, places: DataPlaces = NOWHERE) -> tuple[DataKind, ...]:
    """As the sweep does it."""
    return forget_due(ledger, places, ledger.views.closing(INCIDENT, now), now)


def test_each_kind_goes_when_its_span_ends(ledger: Ledger) -> None:
    closed(ledger, **ALL)
    went = {days: sweep(ledger, NOW + days * DAY) for days in (9, 10, 20, 29, 30, 60, 89, 90, 91)}
    assert {days: kinds for days, kinds in went.items() if kinds} == {
        10: (DataKind.SURVEY_TEXTS,),
        20: (DataKind.ATTACHMENTS,),
        30: (DataKind.QUESTIONS,),
        60: (DataKind.PAGE_FORMS,),
        90: (DataKind.CONTACTS,),
    }
    assert (ledger.audit.verify(), ledger.audit.disagreements(), ledger.audit.miscounted()) == ((), (), ())


def test_after_all_spans_nothing_of_anybody_is_left(ledger: Ledger) -> None:
    closed(ledger, **ALL, messages="5d")
    wanted = [*canaries(ledger), *canaries(ledger, KIM)]
    sweep(ledger, NOW + 100 * DAY)
    assert found_in_rows(ledger, wanted, but=()) == []
    assert not [word for word in (ZOE.name, KIM.name, *SAID.values()) if word in opened_words(ledger)]
    assert ledger.cases.read(INCIDENT, NOW).audience.people == 3


def test_domains_that_refused_us_go_with_the_contacts(ledger: Ledger) -> None:
    closed(ledger, **ALL)
    ledger.stops.stop_domain(INCIDENT, "first-notice", "family.example", "550 5.7.1", NOW)
    sweep(ledger, NOW + 89 * DAY)
    assert ledger.stops.domains(INCIDENT) == {"family.example"}
    sweep(ledger, NOW + 90 * DAY)
    assert ledger.stops.domains(INCIDENT) == frozenset()
    assert found_in_rows(ledger, [b"family.example"], but=()) == []
    assert (ledger.audit.verify(), ledger.audit.disagreements()) == ((), ())


def test_words_go_before_names_do(ledger_on_sqlite: Ledger) -> None:
    closed(ledger_on_sqlite, **ALL)
    sweep(ledger_on_sqlite, NOW + 40 * DAY)
    read = opened_words(ledger_on_sqlite)
    assert (SAID["question"] in read, SAID["report"] in read, ZOE.name in read) == (False, True, True)


def test_the_whole_case_is_destroyed_by_its_span(ledger_on_sqlite: Ledger) -> None:
    closed(ledger_on_sqlite, whole_case="365d")
    assert sweep(ledger_on_sqlite, NOW + 364 * DAY) == ()
    assert sweep(ledger_on_sqlite, NOW + 365 * DAY) == (DataKind.WHOLE_CASE,)
    assert ledger_on_sqlite.cases.read(INCIDENT, NOW).destroyed_at == NOW + 365 * DAY
    assert sweep(ledger_on_sqlite, NOW + 366 * DAY) == ()


def test_the_incident_s_own_day_counts_instead(ledger_on_sqlite: Ledger) -> None:
    closed(ledger_on_sqlite, whole_case="365d")
    ledger_on_sqlite.retention.set_date(INCIDENT, NOW + 500 * DAY, "a lawsuit", OMAR, NOW)
    assert sweep(ledger_on_sqlite, NOW + 499 * DAY) == ()
    assert sweep(ledger_on_sqlite, NOW + 500 * DAY) == (DataKind.WHOLE_CASE,)


def test_a_case_that_was_reopened_counts_from_its_last_closing(ledger_on_sqlite: Ledger) -> None:
    closed(ledger_on_sqlite, questions="30d")
    ledger_on_sqlite.incidents.reopen(INCIDENT, "lena", NOW + 20 * DAY)
    assert sweep(ledger_on_sqlite, NOW + 40 * DAY) == ()
    ledger_on_sqlite.incidents.close(INCIDENT, "lena", NOW + 40 * DAY)
    assert sweep(ledger_on_sqlite, NOW + 69 * DAY) == ()
    assert sweep(ledger_on_sqlite, NOW + 70 * DAY) == (DataKind.QUESTIONS,)


def test_a_person_under_hold_keeps_their_own(ledger: Ledger) -> None:
    closed(ledger, **ALL)
    hold = ledger.holds.give(INCIDENT, 1, "the court asked", OMAR, NOW)
    wanted = canaries(ledger, KIM)[:3]
    sweep(ledger, NOW + 100 * DAY)
    read = opened_words(ledger)
    assert all(word in read for word in (ZOE.name, SAID["question"], SAID["report"]))
    assert found_in_rows(ledger, wanted, but=()) == []
    assert sweep(ledger, NOW + 101 * DAY) == ()
    ledger.holds.lift(INCIDENT, hold, "settled", OMAR, NOW + 102 * DAY)
    assert len(sweep(ledger, NOW + 103 * DAY)) == len(ALL)
    assert ZOE.name not in opened_words(ledger)
    assert not ledger.audit.disagreements()


def test_a_case_under_hold_keeps_everything(ledger_on_sqlite: Ledger) -> None:
    closed(ledger_on_sqlite, **ALL, whole_case="100d")
    ledger_on_sqlite.holds.give(INCIDENT, None, "the court asked", OMAR, NOW)
    assert sweep(ledger_on_sqlite, NOW + 999 * DAY) == ()
    for kind in DataKind:
        with pytest.raises(NotAllowed, match="under hold by omar"):
            ledger_on_sqlite.retention.forget(INCIDENT, kind, NOW + 999 * DAY)
    plan = ledger_on_sqlite.retention.plan(ledger_on_sqlite.views.closing(INCIDENT, NOW), NOW)
    assert all("kept: under hold by omar" in in_words(line) for line in plan)


def test_two_people_cannot_destroy_a_case_with_a_hold(ledger_on_sqlite: Ledger) -> None:
    closed(ledger_on_sqlite)
    ledger_on_sqlite.holds.give(INCIDENT, 2, "the court asked", OMAR, NOW)
    with pytest.raises(NotAllowed, match="person 2 under hold by omar"):
        ledger_on_sqlite.destruction.destroy(INCIDENT, LENA, OMAR, NOW + 999 * DAY)
    assert ledger_on_sqlite.people.get(INCIDENT, 1).name == ZOE.name


def test_no_list_changes_people_whose_data_was_forgotten(ledger_on_sqlite: Ledger) -> None:
    closed(ledger_on_sqlite, contacts="90d")
    sweep(ledger_on_sqlite, NOW + 90 * DAY)
    with pytest.raises(NotAllowed, match="were forgotten on"):
        ledger_on_sqlite.corrections.compare(INCIDENT, people())


def test_files_go_with_their_kind(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    closed(ledger_on_sqlite, attachments="20d", messages="30d")
    file = tmp_path / "inbox" / "files" / INCIDENT / "file-1.sealed"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"sealed")
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    (outbox / "a.json").write_text(json.dumps({"incident": INCIDENT, "key": "k", "to": ZOE.email}))
    (outbox / "b.json").write_text(json.dumps({"incident": "another", "key": "l"}))
    places = DataPlaces({ChannelKind.EMAIL: {"use": "outbox", "folder": str(outbox)}}, tmp_path)
    assert sweep(ledger_on_sqlite, NOW + 20 * DAY, places) == (DataKind.ATTACHMENTS,)
    assert (file.exists(), ledger_on_sqlite.mail_files.all(INCIDENT)) == (False, ())
    assert sweep(ledger_on_sqlite, NOW + 30 * DAY, places) == (DataKind.MESSAGES,)
    assert [path.name for path in outbox.iterdir()] == ["b.json"]


@pytest.fixture(scope="module")
def a_closed_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger's folder with a closed case, to be copied."""
    folder = tmp_path_factory.mktemp("closed")
    ledger = a_ledger(sqlite_url(folder), folder).migrate()
    closed(ledger, **ALL, whole_case="200d")
    leave_traces(ledger, 2)
    ledger.dispose()
    return folder


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), st.one_of(st.none(), st.integers(1, 3))),
        st.tuples(st.just("lift"), st.integers(1, 4)),
        st.tuples(st.just("erase"), st.integers(1, 3)),
        st.tuples(st.just("wait"), st.integers(5, 120)),
    ),
    min_size=3,
    max_size=8,
)


def kept_of(ledger: Ledger, person: int) -> tuple[object, ...]:
    """All that is known of one person."""
    said = [
        (question.id, question.text, question.objection)
        for question in ledger.questions.all(INCIDENT)
        if question.person == person
    ]
    reports = [
        (report.id, report.text, report.words) for report in ledger.reports.all(INCIDENT) if report.person == person
    ]
    return ledger.people.get(INCIDENT, person), sorted(said), sorted(reports), ledger.people.link_of(INCIDENT, person)


def do(ledger: Ledger, what: str, which: int | None, now: datetime) -> bool:
    """Take a step of somebody, or of the sweep; return False when it is refused."""
    steps = {
        "hold": lambda: ledger.holds.give(INCIDENT, which, "court", OMAR, now),
        "lift": lambda: ledger.holds.lift(INCIDENT, which or 0, "settled", OMAR, now),
        "erase": lambda: ledger.erasure.erase(INCIDENT, which or 0, LENA, OMAR, now),
        "wait": lambda: sweep(ledger, now),
    }
    try:
        steps[what]()
    except AmendsError:
        return False
    return True


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_nothing_is_forgotten_under_hold_whatever_happens(
    steps: list[tuple[str, int | None]], a_closed_case: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No step changes what is known of a person under hold; who was erased is found nowhere any more."""
    folder = tmp_path_factory.mktemp("one")
    shutil.copytree(a_closed_case, folder, dirs_exist_ok=True)
    ledger, now = a_ledger(sqlite_url(folder), folder), NOW
    wanted = {person.number: [ledger.store.keys.index(INCIDENT, "ref", person.ref)] for person in people()}
    for what, which in steps:
        held = [one for one in wanted if why_kept(ledger.holds.all(INCIDENT), one)]
        before = {person: kept_of(ledger, person) for person in held}
        now += timedelta(days=which or 0) if what == "wait" else timedelta()
        done = do(ledger, what, which, now)
        if ledger.cases.read(INCIDENT, now).destroyed_at:
            assert not held
            break
        assert {person: kept_of(ledger, person) for person in held} == before
        if what == "erase" and done:
            assert found_in_rows(ledger, wanted[which or 0]) == []
    assert (ledger.audit.verify(), ledger.audit.disagreements()) == ((), ())
    ledger.dispose()
