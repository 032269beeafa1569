"""Stops of sends and of domains on both databases: recorded once, ended once, each noted in the audit chain."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.incident.alert import AlertId, AlertKind
from amends.domain.incident.stops import LONGEST_REASON, StoppedDomain, StoppedSend
from amends.domain.people.person import MailboxRuling
from amends.domain.team.member import Member, TeamRole
from amends.domain.timeline.timeline import Wait, waiting_tasks
from amends.ledger import Ledger
from amends.ledger.store.schema import all_tables
from amends.ledger.tables.incident import StopRow
from flows.run.artifacts import timeline_page
from tests.builders import NOW, a_person, an_incident
from tests.delivery.sending import INCIDENT, NOTICE

OMAR = Member(name="omar", role=TeamRole.LEGAL)
DOMAIN, WHY = "mail.example", "3 of the last 20 answers were refused by policy: 550 5.7.1"


@pytest.fixture
def opened(ledger: Ledger) -> Ledger:
    ledger.incidents.open(an_incident(), [a_person()], "lena", NOW)
    return ledger


def acts(ledger: Ledger) -> list[str]:
    return [entry.act for entry in ledger.audit.entries(INCIDENT)][1:]


def test_a_stop_is_recorded_once_and_ends_once(opened: Ledger) -> None:
    stops = opened.stops
    assert [stops.send_stopped(INCIDENT, NOTICE, "email", "no\nlogin", NOW) for _ in range(3)] == [True, False, False]
    assert stops.sends(INCIDENT, NOTICE) == {"email"}
    assert stops.sends(INCIDENT, "update-1") == frozenset()
    (stop,) = opened.views.timeline(INCIDENT, NOW).stopped_sends
    assert (stop.notice, stop.part, stop.why, stop.at) == (NOTICE, "email", "no login", NOW)
    stops.send_goes_on(INCIDENT, NOTICE, ["sms"], NOW)
    assert stops.sends(INCIDENT, NOTICE) == {"email"}
    stops.send_goes_on(INCIDENT, NOTICE, ["email", "sms"], NOW)
    stops.send_goes_on(INCIDENT, NOTICE, ["email", "sms"], NOW)
    assert stops.sends(INCIDENT, NOTICE) == frozenset()
    assert acts(opened) == ["alert", "send goes on"]
    assert opened.audit.verify() == ()


def test_another_reason_takes_the_place_of_the_first(opened: Ledger) -> None:
    for why in ("no login", "no certificate"):
        opened.stops.send_stopped(INCIDENT, NOTICE, "email", why, NOW)
    assert [stop.why for stop in opened.views.timeline(INCIDENT, NOW).stopped_sends] == ["no certificate"]


def test_a_long_reason_is_cut(opened: Ledger) -> None:
    opened.stops.send_stopped(INCIDENT, NOTICE, "email", "x" * 10_000, NOW)
    opened.stops.stop_domain(INCIDENT, NOTICE, DOMAIN, "y" * 10_000, NOW)
    case = opened.views.timeline(INCIDENT, NOW)
    assert {len(stop.why) for stop in (*case.stopped_sends, *case.stopped_domains)} == {LONGEST_REASON}


@pytest.mark.parametrize("why", ["", ": ", "a b: c: d", "first-notice email: no login"])
def test_a_stop_says_what_was_recorded_whatever_its_words(opened: Ledger, why: str) -> None:
    opened.stops.send_stopped(INCIDENT, "a notice: of two words", "email", why, NOW)
    opened.stops.stop_domain(INCIDENT, NOTICE, DOMAIN, why, NOW)
    case, words = opened.views.timeline(INCIDENT, NOW, domains=True), " ".join(why.split())
    assert case.stopped_sends == (StoppedSend("a notice: of two words", "email", words, NOW),)
    assert case.stopped_domains == (StoppedDomain(DOMAIN, words, NOW),)


def test_no_text_that_outlasts_the_data_names_a_domain(opened: Ledger) -> None:
    """A domain stands in no alert, no outgoing message and no entry of the audit chain, and in clear in no column."""
    for domain in (DOMAIN, "other.example"):
        opened.stops.stop_domain(INCIDENT, NOTICE, domain, WHY, NOW)
    opened.stops.let_domain_go_on(INCIDENT, DOMAIN, OMAR, NOW)
    alerts = opened.views.timeline(INCIDENT, NOW).alerts
    assert [alert.id for alert in alerts] == [AlertId(AlertKind.DOMAIN_STOPPED, number) for number in "12"]
    stored = stored_texts(opened)
    assert [place for place, text in stored if DOMAIN in text or "other.example" in text] == []
    assert [entry.subject for entry in opened.audit.entries(INCIDENT) if entry.act == "domain goes on"] == ["stop 1"]


def stored_texts(ledger: Ledger) -> list[tuple[str, str]]:
    """Return all that the ledger holds of each table, as text."""
    with ledger.store.engine.connect() as connection:
        return [
            (table.name, repr([tuple(row) for row in connection.execute(table.select())]))
            for table in all_tables().sorted_tables
        ]


def test_a_domain_that_does_not_open_holds_up_no_other(opened: Ledger) -> None:
    for domain in (DOMAIN, "other.example"):
        opened.stops.stop_domain(INCIDENT, NOTICE, domain, WHY, NOW)
    with opened.store.write() as write:
        write.session.get_one(StopRow, (INCIDENT, 1)).sealed_domain = b"damaged"
    assert opened.stops.domains(INCIDENT) == {"other.example"}
    stops = opened.views.timeline(INCIDENT, NOW, domains=True).stopped_domains
    assert {stop.domain for stop in stops} == {"other.example", ""}


def test_what_waits_names_a_domain_only_where_names_are_asked_for(opened: Ledger) -> None:
    """The names are for a terminal: a page in Prefect has none."""
    opened.stops.stop_domain(INCIDENT, NOTICE, DOMAIN, WHY, NOW)
    seen, named = (opened.views.timeline(INCIDENT, NOW, domains=domains) for domains in (False, True))
    (task,) = [task for task in waiting_tasks(seen, NOW) if task.wait is Wait.STOPPED]
    assert DOMAIN not in f"{task} {timeline_page(seen, NOW)}"
    assert f"`amends timeline {INCIDENT}` names" in task.what
    assert task.do == f"amends deliver {INCIDENT} NOTICE --domain DOMAIN --as NAME"
    (task,) = [task for task in waiting_tasks(named, NOW) if task.wait is Wait.STOPPED]
    assert task.what.startswith(f"{DOMAIN} refuses our mail")
    assert task.do == f"amends deliver {INCIDENT} NOTICE --domain {DOMAIN} --as NAME"


def test_a_stopped_domain_is_known_after_the_key_was_rotated(opened: Ledger) -> None:
    opened.stops.stop_domain(INCIDENT, NOTICE, DOMAIN, WHY, NOW)
    opened.keys.case(INCIDENT, OMAR, NOW)
    assert opened.stops.domains(INCIDENT) == {DOMAIN}
    assert (opened.audit.verify(), opened.audit.disagreements()) == ((), ())


def test_who_has_no_stops_asks_for_none(opened: Ledger) -> None:
    """The timeline of an incident looks for stops only once there was one, and a decision on mailboxes costs nothing."""
    opened.views.timeline(INCIDENT, NOW)  # fills the cache
    before = statements(opened, lambda: opened.views.timeline(INCIDENT, NOW))
    assert [statement for statement in before if "FROM stop" in statement] == []
    opened.mailboxes.rule(INCIDENT, MailboxRuling.ONE, OMAR, NOW)
    assert len(statements(opened, lambda: opened.views.timeline(INCIDENT, NOW))) == len(before)
    opened.stops.send_stopped(INCIDENT, NOTICE, "email", "no login", NOW)
    assert len(statements(opened, lambda: opened.views.timeline(INCIDENT, NOW))) == len(before) + 1


def statements(ledger: Ledger, work: Callable[[], object]) -> list[str]:
    """Do the work, and return the statements that the database got."""
    made: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        made.append(" ".join(statement.split()))

    event.listen(ledger.store.engine, "before_cursor_execute", note)
    work()
    event.remove(ledger.store.engine, "before_cursor_execute", note)
    return made


def test_a_part_that_stops_again_has_a_new_number(opened: Ledger) -> None:
    for _ in range(2):
        opened.stops.send_stopped(INCIDENT, NOTICE, "email", "no login", NOW)
        opened.stops.send_goes_on(INCIDENT, NOTICE, ["email"], NOW)
    opened.stops.stop_domain(INCIDENT, NOTICE, DOMAIN, WHY, NOW)
    (alert,) = [alert for alert in opened.views.timeline(INCIDENT, NOW).alerts if alert.id.subject == "3"]
    assert alert.id.kind is AlertKind.DOMAIN_STOPPED
    assert opened.stops.any_of(INCIDENT)
    assert (opened.audit.verify(), opened.audit.disagreements()) == ((), ())


def test_processes_that_stop_a_send_at_once_stop_it_once(opened: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        new = pool.map(lambda _: opened.stops.send_stopped(INCIDENT, NOTICE, "email", "no login", NOW), range(8))
        assert sum(new) == 1
    assert acts(opened) == ["alert"]


def test_workers_that_stop_a_domain_at_once_stop_it_once(opened: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        new = pool.map(lambda _: opened.stops.stop_domain(INCIDENT, NOTICE, DOMAIN, WHY, NOW), range(8))
        assert sum(new) == 1
    assert opened.stops.domains(INCIDENT) == {DOMAIN}
    assert acts(opened) == ["alert"]


def test_a_domain_goes_on_by_the_word_of_who_may_approve(opened: Ledger) -> None:
    opened.stops.stop_domain(INCIDENT, NOTICE, DOMAIN, WHY, NOW)
    with pytest.raises(NotAllowed):
        opened.stops.let_domain_go_on(INCIDENT, DOMAIN, Member(name="rosa", role=TeamRole.RESPONDER), NOW)
    assert opened.stops.let_domain_go_on(INCIDENT, DOMAIN, OMAR, NOW) == 0
    with pytest.raises(NotInLedger):
        opened.stops.let_domain_go_on(INCIDENT, DOMAIN, OMAR, NOW)
    assert opened.stops.domains(INCIDENT) == frozenset()
    assert acts(opened) == ["alert", "domain goes on"]


def test_a_stop_of_an_unknown_incident_is_an_error(opened: Ledger) -> None:
    with pytest.raises(NotInLedger):
        opened.stops.send_stopped("nobody", NOTICE, "email", "no login", NOW)
