"""Incidents open all or nothing, keep every version, and hold their people unreadable."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from amends.domain.base.errors import AlreadyInLedger, KeyMissing, LedgerUnavailable, NotAllowed, NotInLedger
from amends.domain.case.states import IncidentState
from amends.domain.incident.commitment import commit
from amends.domain.notice.notice import Reader, TextName
from amends.domain.people.person import Flag, Person
from amends.domain.team.member import FROM_PREFECT
from amends.ledger import Ledger
from amends.ledger.people.census import count_people
from tests.builders import NOW, a_person, a_promise, an_alert, an_asked, an_incident
from tests.delivery.sending import INCIDENT, a_ledger, approved, sqlite_url
from tests.ledger.feedback.surveyed import answer, invite

LATER = NOW + timedelta(hours=1)
MINOR = frozenset({Flag.MINOR})


def opened(ledger: Ledger, *people: Person) -> Ledger:
    ledger.incidents.open(an_incident(), people or (a_person(number=1), a_person(number=2)), "lena", NOW)
    return ledger


def test_opening_says_how_many_people_there_are(ledger: Ledger) -> None:
    assert ledger.incidents.open(an_incident(), (a_person(number=n) for n in range(1, 4001)), "lena", NOW) == 4000
    assert len(ledger.people.get_many(INCIDENT, range(1, 4001))) == 4000


def test_a_person_with_everything_is_read_back_as_handed_in(ledger: Ledger) -> None:
    whole = a_person(
        number=7,
        name="王爱达",
        email="Ada@Mail.example",
        locale="zh-Hant-TW",
        region="台北",
        timezone="Asia/Taipei",
        postal_address="1 Road\nTown",
        segment="patients",
        guardian_of="C-00008",
        flags=frozenset(Flag),
    )
    assert opened(ledger, whole).people.get(INCIDENT, 7) == whole


def test_when_reading_the_people_fails_nothing_is_stored(ledger: Ledger) -> None:
    def broken() -> Iterator[Person]:
        yield from (a_person(number=n) for n in range(1, 2501))
        raise OSError("the stick was pulled out")

    with pytest.raises(OSError, match="stick"):
        ledger.incidents.open(an_incident(), broken(), "lena", NOW)
    assert (ledger.incidents.all(), ledger.audit.entries(INCIDENT)) == ((), ())


def test_after_a_failed_attempt_the_incident_can_be_opened(ledger_on_sqlite: Ledger) -> None:
    with pytest.raises(AlreadyInLedger):
        opened(ledger_on_sqlite, a_person(number=1), a_person(number=1))
    assert opened(ledger_on_sqlite).incidents.all()[0].people == 2


def test_two_people_with_the_same_reference_are_refused(ledger: Ledger) -> None:
    with pytest.raises(AlreadyInLedger):
        opened(ledger, a_person(number=1, ref="C-1"), a_person(number=2, ref="C-1"))
    assert ledger.incidents.all() == ()


def test_a_refusal_shows_no_personal_data(ledger: Ledger) -> None:
    with pytest.raises(AlreadyInLedger) as refusal:
        opened(ledger, a_person(number=1, ref="C-1", region="Kreuzberg"), a_person(number=2, ref="C-1"))
    shown = f"{refusal.value} {refusal.value.__cause__}"
    assert not any(secret in shown for secret in ("Kim", "mail.example", "Kreuzberg", "C-1"))


def test_an_incident_is_opened_once(ledger_on_sqlite: Ledger) -> None:
    with pytest.raises(AlreadyInLedger, match="open already"):
        opened(opened(ledger_on_sqlite))


def test_the_same_people_may_be_in_two_incidents(ledger_on_sqlite: Ledger) -> None:
    ledger = opened(ledger_on_sqlite)
    ledger.incidents.open(an_incident(id="december-breach"), [a_person(number=1)], "lena", LATER)
    assert [line.id for line in ledger.incidents.all()] == ["december-breach", INCIDENT]


@pytest.mark.parametrize("change", [{"name": "Kim"}, {"email": ""}, {"segment": "x"}, {"data": ()}, {"flags": MINOR}])
def test_any_change_of_the_audience_changes_its_digest(ledger_on_sqlite: Ledger, change: dict[str, object]) -> None:
    ledger = opened(ledger_on_sqlite, a_person(number=1))
    ledger.incidents.open(an_incident(id="other"), [a_person(number=1, **change)], "lena", NOW)
    ledger.incidents.open(an_incident(id="same"), [a_person(number=1)], "lena", NOW)
    digests = {name: ledger.notices.audience(name, "everyone").digest for name in (INCIDENT, "other", "same")}
    assert digests["same"] == digests[INCIDENT] != digests["other"]


def test_people_counted_while_read_are_as_many_as_in_the_database(ledger_on_sqlite: Ledger) -> None:
    """The people counted while a list is read are as many as the database counts, also by place and as guardians."""
    guardian = a_person(number=1, guardian_of="C-00002", email="", region="BY", segment="parents")
    child = a_person(number=2, flags=MINOR, phone="", country="US", region="WA", data=())
    ledger = opened(ledger_on_sqlite, guardian, child, a_person(number=3, locale="zh-CN", region="Kreuzberg"))
    counts = ledger.cases.read(INCIDENT).audience
    with ledger.store.read() as session:
        assert counts == count_people(session, INCIDENT, counts.digest)
    assert (counts.people, counts.guardians, counts.by_place) == (3, 1, {"DE": 1, "DE-BY": 1, "US-WA": 1})


def test_a_segment_is_an_audience_of_its_own(ledger_on_sqlite: Ledger) -> None:
    ledger = opened(ledger_on_sqlite, a_person(number=1, segment="patients"), a_person(number=2))
    assert [ledger.notices.audience(INCIDENT, name).people for name in ("everyone", "patients", "nobody")] == [2, 1, 0]
    assert ledger.notices.audience(INCIDENT, "everyone").digest != ledger.notices.audience(INCIDENT, "patients").digest


def test_a_child_with_a_guardian_counts_in_the_guardians_language(ledger: Ledger) -> None:
    """A child with a guardian counts as read about in the guardian's language, in the guardian's variant."""
    child = a_person(number=1, locale="en", flags=MINOR)
    parent = a_person(number=2, locale="zh-CN", guardian_of=child.ref)
    assert opened(ledger, child, parent).notices.audience(INCIDENT, "everyone").readers == {
        TextName("zh-CN", Reader.GUARDIAN),
        TextName("zh-CN", Reader.SELF),
    }


def test_a_child_without_a_guardian_is_held(ledger_on_sqlite: Ledger) -> None:
    ledger = opened(ledger_on_sqlite, a_person(number=1, flags=MINOR), a_person(number=2, guardian_of="C-99999"))
    assert ledger.notices.audience(INCIDENT, "everyone").readers == {TextName("en", Reader.SELF)}


def test_a_dead_or_protected_person_is_no_guardian(ledger_on_sqlite: Ledger) -> None:
    guardians = [
        a_person(number=2, guardian_of="C-00001", flags=frozenset({Flag.DECEASED})),
        a_person(number=3, guardian_of="C-00001", flags=frozenset({Flag.PROTECTED})),
    ]
    ledger = opened(ledger_on_sqlite, a_person(number=1, flags=MINOR), *guardians)
    assert TextName("en", Reader.GUARDIAN) not in ledger.notices.audience(INCIDENT, "everyone").readers


def test_amending_keeps_the_old_version(ledger: Ledger) -> None:
    opened(ledger)
    assert ledger.incidents.amend(an_incident(title="Two databases copied"), "mei", LATER) == 2
    case = ledger.views.drafting(INCIDENT)
    assert (case.version, case.incident.title, case.author) == (2, "Two databases copied", "mei")
    with ledger.store.read() as session:
        titles = session.execute(text("SELECT content FROM incident_version ORDER BY version")).scalars().all()
    assert ["Two databases" in str(content) for content in titles] == [False, True]


def test_amending_with_the_same_content_changes_nothing(ledger_on_sqlite: Ledger) -> None:
    opened(ledger_on_sqlite)
    before = ledger_on_sqlite.audit.entries(INCIDENT)
    assert ledger_on_sqlite.incidents.amend(an_incident(), "mei", LATER) == 1
    assert ledger_on_sqlite.audit.entries(INCIDENT) == before


def test_amending_changes_the_digest_of_the_facts(ledger_on_sqlite: Ledger) -> None:
    before = opened(ledger_on_sqlite).incidents.facts_digest(INCIDENT)
    ledger_on_sqlite.incidents.amend(an_incident(title="Two databases copied"), "mei", LATER)
    assert ledger_on_sqlite.incidents.facts_digest(INCIDENT) != before


@pytest.mark.parametrize(
    "verb",
    [
        lambda ledger: ledger.incidents.amend(an_incident(), "lena", NOW),
        lambda ledger: ledger.incidents.pause(INCIDENT, "lena", NOW),
        lambda ledger: ledger.incidents.resolve(INCIDENT, "lena", NOW),
        lambda ledger: ledger.incidents.note_event(INCIDENT, "notified", NOW),
        lambda ledger: ledger.alerts.record(INCIDENT, an_alert("trouble", NOW)),
        lambda ledger: ledger.cases.read(INCIDENT),
        lambda ledger: ledger.notices.audience(INCIDENT, "everyone"),
        lambda ledger: ledger.incidents.facts_digest(INCIDENT),
        lambda ledger: ledger.people.get(INCIDENT, 1),
        lambda ledger: ledger.people.link_of(INCIDENT, 1),
        lambda ledger: ledger.people.revoke_link(INCIDENT, 1, "lena", NOW),
    ],
)
def test_an_incident_that_was_never_opened_is_not_in_the_ledger(ledger_on_sqlite: Ledger, verb: object) -> None:
    with pytest.raises(NotInLedger):
        verb(ledger_on_sqlite)  # type: ignore[operator]


def test_an_incident_is_paused_and_goes_on(ledger_on_sqlite: Ledger) -> None:
    ledger = opened(ledger_on_sqlite)
    ledger.incidents.pause(INCIDENT, "lena", NOW)
    assert ledger.cases.read(INCIDENT).state is IncidentState.PAUSED
    ledger.incidents.resume(INCIDENT, "lena", NOW)
    assert ledger.cases.read(INCIDENT).state is IncidentState.OPEN


def test_only_a_member_ends_the_pause_of_a_member(ledger_on_sqlite: Ledger) -> None:
    """A form in Prefect ends a pause that a form has made, until anybody else pauses the incident too."""
    incidents = opened(ledger_on_sqlite).incidents
    incidents.pause(INCIDENT, FROM_PREFECT, NOW)
    incidents.resume(INCIDENT, FROM_PREFECT, NOW)
    incidents.pause(INCIDENT, FROM_PREFECT, LATER)
    incidents.pause(INCIDENT, "lena", LATER)
    with pytest.raises(NotAllowed, match="a member of the team paused it"):
        incidents.resume(INCIDENT, FROM_PREFECT, LATER)
    incidents.resume(INCIDENT, "lena", LATER)
    with pytest.raises(NotAllowed, match="is open already"):
        incidents.resume(INCIDENT, FROM_PREFECT, LATER)
    incidents.pause(INCIDENT, FROM_PREFECT, LATER)
    incidents.resume(INCIDENT, FROM_PREFECT, LATER)


@pytest.mark.parametrize("verb", ["resume", "close", "pause"])
def test_a_paused_incident_can_only_be_resumed_and_an_open_one_not(ledger_on_sqlite: Ledger, verb: str) -> None:
    ledger = opened(ledger_on_sqlite)
    if verb != "resume":
        ledger.incidents.pause(INCIDENT, "lena", NOW)
    with pytest.raises(NotAllowed):
        getattr(ledger.incidents, verb)(INCIDENT, "lena", NOW)


def test_a_closed_incident_stays_closed(ledger_on_sqlite: Ledger) -> None:
    ledger = opened(ledger_on_sqlite)
    ledger.incidents.close(INCIDENT, "lena", LATER)
    assert ledger.cases.read(INCIDENT).events["closed"] == LATER
    for verb in (ledger.incidents.resume, ledger.incidents.close):
        with pytest.raises(NotAllowed, match="is closed"):
            verb(INCIDENT, "lena", LATER)


def test_a_closed_incident_can_be_stopped_and_is_closed_afterwards(ledger_on_sqlite: Ledger) -> None:
    ledger = opened(ledger_on_sqlite)
    ledger.incidents.close(INCIDENT, "lena", NOW)
    ledger.incidents.pause(INCIDENT, "lena", LATER)
    assert ledger.cases.read(INCIDENT).state is IncidentState.PAUSED
    ledger.incidents.resume(INCIDENT, "lena", LATER)
    assert ledger.cases.read(INCIDENT).state is IncidentState.CLOSED


def test_nothing_is_stored_that_cannot_be_noted_beside_the_ledger(tmp_path: Path) -> None:
    """An act is refused and nothing is stored when its note beside the ledger cannot be written."""
    ledger = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    opened(ledger)
    ledger.dispose()
    without = a_ledger(sqlite_url(tmp_path), tmp_path / "gone")
    with pytest.raises(LedgerUnavailable, match="gone cannot be written"):
        without.incidents.pause(INCIDENT, "lena", NOW)
    assert without.cases.read(INCIDENT).state is IncidentState.OPEN
    without.dispose()


def test_a_damaged_ledger_is_said_in_our_words(tmp_path: Path) -> None:
    ledger = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    ledger.dispose()
    (tmp_path / "ledger.sqlite3").write_bytes(b"no database " * 1000)
    with pytest.raises(
        LedgerUnavailable, match=r"ledger\.sqlite3 cannot be read: file is not a database; .*restore a backup"
    ):
        ledger.incidents.all()
    ledger.dispose()


def test_what_the_database_could_not_read_is_not_quoted(ledger_on_sqlite: Ledger) -> None:
    ledger = opened(ledger_on_sqlite)
    with ledger.store.write() as write:
        write.session.connection().exec_driver_sql(
            "UPDATE incident SET embargo_why = CAST(X'ff' || 'kim@mail' AS TEXT)"
        )
    with pytest.raises(LedgerUnavailable, match="Could not decode to UTF-8") as raised:
        ledger.incidents.all()
    assert "kim" not in str(raised.value)


def events(ledger: Ledger) -> dict[str, datetime]:
    return ledger.cases.read(INCIDENT).events


def test_only_the_first_time_of_an_event_counts(ledger: Ledger) -> None:
    opened(ledger)
    for moment in (NOW, LATER):
        ledger.incidents.resolve(INCIDENT, "lena", moment)
        ledger.incidents.note_event(INCIDENT, "notified", moment)
        ledger.alerts.record(INCIDENT, an_alert("email: it is down", moment))
    assert set(events(ledger).values()) == {NOW}
    assert len([entry for entry in ledger.audit.entries(INCIDENT) if entry.act in ("resolved", "event", "alert")]) == 3


def test_an_alert_and_an_event_of_one_name_are_two(ledger: Ledger) -> None:
    opened(ledger)
    ledger.incidents.note_event(INCIDENT, "notified", NOW)
    for _ in range(2):
        ledger.alerts.record(INCIDENT, an_alert("notified", LATER))
    case = ledger.views.timeline(INCIDENT)
    assert (case.events, case.alerts) == ({"opened": NOW, "notified": NOW}, (an_alert("notified", LATER),))


def test_the_timeline_tells_every_act_with_its_actor(ledger_on_sqlite: Ledger) -> None:
    ledger = opened(ledger_on_sqlite)
    ledger.incidents.pause(INCIDENT, "mei", LATER)
    assert [(entry.at, entry.actor, entry.act) for entry in ledger.audit.entries(INCIDENT)] == [
        (NOW, "lena", "opened"),
        (LATER, "mei", "paused"),
    ]


def test_a_link_leads_to_its_person(ledger: Ledger) -> None:
    opened(ledger)
    assert [ledger.people.whose_link(ledger.people.link_of(INCIDENT, number)) for number in (1, 2)] == [
        (INCIDENT, 1),
        (INCIDENT, 2),
    ]


@pytest.mark.parametrize("token", ["", "x" * 27, "é" * 27, "' OR 1=1 --"])
def test_a_wrong_link_leads_to_nobody(ledger_on_sqlite: Ledger, token: str) -> None:
    assert opened(ledger_on_sqlite).people.whose_link(token) is None


def test_a_revoked_link_leads_to_nobody_and_a_new_one_takes_its_place(ledger_on_sqlite: Ledger) -> None:
    ledger = opened(ledger_on_sqlite)
    old = ledger.people.link_of(INCIDENT, 1)
    ledger.people.revoke_link(INCIDENT, 1, "lena", NOW)
    assert ledger.people.whose_link(old) is None
    assert ledger.people.whose_link(ledger.people.link_of(INCIDENT, 1)) == (INCIDENT, 1)


def test_a_person_is_found_by_the_companys_own_reference(ledger_on_sqlite: Ledger) -> None:
    ledger = opened(ledger_on_sqlite)
    assert [ledger.people.number_of(INCIDENT, ref) for ref in ("C-00002", "C-00009")] == [2, None]


CANARY = a_person(
    number=1,
    ref="CANARYREF",
    name="Canaryname",
    email="canary@secret.example",
    phone="+4917699999999",
    postal_address="Canarystreet 5",
    guardian_of="CANARYCHILD",
)
SECRETS = (
    "CANARYREF",
    "Canaryname",
    "canary@secret",
    "4917699999999",
    "Canarystreet",
    "CANARYCHILD",
    "Canaryquestion",
    "Canaryanswer",
    "Canarycomment",
)


def ask_and_answer(ledger: Ledger) -> None:
    number = ledger.questions.ask(INCIDENT, an_asked("Canaryquestion?", once="1"), NOW)
    ledger.questions.answer(INCIDENT, number, "Canaryanswer.", "lena", NOW)
    invite(ledger)
    answer(ledger, 1, understood="4", comment="Canarycomment")


def test_nothing_personal_can_be_read_in_the_files_of_the_database(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    draft = approved(ledger_on_sqlite, [CANARY], commitments=(commit(a_promise(), NOW, "first-notice"),))
    ledger_on_sqlite.notices.release(INCIDENT, draft.notice, NOW)
    ask_and_answer(ledger_on_sqlite)
    token = ledger_on_sqlite.people.link_of(INCIDENT, 1)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert {"ledger.sqlite3", "ledger.sqlite3-wal", "audit-head"} <= files.keys()
    content = b"".join(files.values())
    found = [
        secret for secret in (*SECRETS, token) if secret.encode() in content or secret.encode("utf-16-le") in content
    ]
    assert found == []


def test_contact_data_that_was_moved_to_another_person_does_not_open(ledger: Ledger) -> None:
    opened(ledger)
    with ledger.store.write() as write:
        write.session.execute(
            text("UPDATE person SET sealed = (SELECT sealed FROM person WHERE number = 1) WHERE number = 2")
        )
    with pytest.raises(KeyMissing, match="altered, moved"):
        ledger.people.get(INCIDENT, 2)


def test_an_error_of_the_database_does_not_show_the_values(ledger: Ledger) -> None:
    opened(ledger)
    with pytest.raises((LedgerUnavailable, SQLAlchemyError)) as error, ledger.store.write() as write:
        write.session.execute(text("UPDATE nothing_here SET a = :value"), {"value": "Canaryname"})
    assert "Canaryname" not in str(error.value)


def test_nor_does_one_that_is_a_fault_of_ours(ledger: Ledger) -> None:
    values = {"value": "Canaryname", "no_value": object()}
    with pytest.raises(SQLAlchemyError) as error, ledger.store.write() as write:
        write.session.execute(text("UPDATE incident SET id = :value WHERE id = :no_value"), values)
    assert "Canaryname" not in str(error.value)


def test_an_unwritable_ledger_says_so_plainly_and_without_values(
    ledger_on_sqlite: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger that cannot be written raises LedgerUnavailable in plain words and without any stored value.

    The same act succeeds once the ledger can be written.
    """
    monkeypatch.setattr("amends.ledger.store.database.BUSY_SECONDS", 0.2)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="cannot be written: database is locked") as error:
            opened(ledger_on_sqlite)
    assert "Kim" not in str(error.value)
    opened(ledger_on_sqlite)
