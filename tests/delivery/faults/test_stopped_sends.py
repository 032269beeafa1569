"""A send that stops, and a domain that refuses us by policy: an alert once, a task for people, gone when it goes on."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from amends.delivery.send.engine import Tally
from amends.delivery.send.workers import Work, send
from amends.domain.base.errors import ChannelMisconfigured, LedgerAltered, NotAllowed, NotInLedger
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.pace import BLOCKS, WINDOW
from amends.domain.people.person import Person
from amends.domain.team.member import Member, TeamRole
from amends.domain.timeline.timeline import Wait, WaitingTask, waiting_tasks
from amends.ledger import Ledger
from amends.sandbox.mail import CREDENTIALS, MailServer
from amends.sandbox.web import WebServices
from tests.builders import a_person
from tests.certificates import self_signed
from tests.delivery.sending import INCIDENT, LINKS, NOTICE, Rig, approved, channel_settings

EMAIL, SMS, WEBSITE = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.WEBSITE
ONLY_EMAIL = {"channels": (WEBSITE, EMAIL), "cascade": (EMAIL,)}
REFUSES = "refuses.example"
OMAR = Member(name="omar", role=TeamRole.LEGAL)


class PolicyRelay(MailServer):
    """A relay that refuses mail to some domains by its policy, in its reply to the final dot."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.refuses = {REFUSES}
        self.offered: Counter[str] = Counter()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        domain = envelope.rcpt_tos[0].partition("@")[2]
        self.offered[domain] += 1
        if domain in self.refuses:
            return "550 5.7.1 Message refused by our policy"
        return await super().handle_DATA(server, session, envelope)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[PolicyRelay]:
    with PolicyRelay(tmp_path / "mail") as server:
        yield server


@pytest.fixture
def rig(ledger: Ledger, relay: PolicyRelay, tmp_path: Path) -> Iterator[Rig]:
    with WebServices(tmp_path / "web") as web:
        yield Rig(ledger, relay, web, channel_settings(relay.port, web.url, tmp_path))


@pytest.fixture
def guarded(ledger: Ledger, tmp_path: Path) -> Iterator[Rig]:
    """A relay that wants encryption and a login; the settings have both."""
    certificate, server_tls = self_signed(tmp_path), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_tls.load_cert_chain(certificate)
    with MailServer(tmp_path / "mail", tls=server_tls, passwords=True) as server, WebServices(tmp_path / "web") as web:
        username, password = CREDENTIALS
        given = {"host": "localhost", "security": "starttls", "ca_file": str(certificate)}
        settings = channel_settings(server.port, web.url, tmp_path, **given, username=username, password=password)
        yield Rig(ledger, server, web, settings)


def people(count: int, domain: str = "mail.example", first: int = 1) -> list[Person]:
    return [a_person(number=number, email=f"kim{number}@{domain}") for number in range(first, first + count)]


def tasks(rig: Rig) -> list[WaitingTask]:
    found = waiting_tasks(rig.ledger.views.timeline(INCIDENT, rig.clock(), domains=True), rig.clock())
    return [task for task in found if task.wait is Wait.STOPPED]


def alerts(rig: Rig) -> list[str]:
    return [entry.subject for entry in rig.ledger.audit.entries(INCIDENT) if entry.act == "alert"]


def later(rig: Rig, by: timedelta = timedelta(hours=5)) -> Tally:
    rig.clock.forward(by)
    return rig.run()


# A channel stops.


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"password": "wrong"}, "refused username or password"),
        ({"ca_file": ""}, "certificate not accepted"),
        ({"username": "", "password": ""}, "wants username and password"),
    ],
)
def test_a_stopped_send_is_an_alert_and_a_task_until_it_goes_on(guarded: Rig, wrong: dict[str, str], why: str) -> None:
    approved(guarded.ledger, people(3), **ONLY_EMAIL)
    right = dict(guarded.settings[EMAIL])
    guarded.settings[EMAIL] = right | wrong
    assert why in guarded.run().trouble[EMAIL]
    later(guarded)
    (task,) = tasks(guarded)
    assert f"{NOTICE} has stopped" in task.what and "(email)" in task.what and why in task.what
    assert (task.whom, task.do) == ("the lead", f"amends deliver {INCIDENT} {NOTICE}")
    assert [alert for alert in alerts(guarded) if why in alert] == [
        alert for alert in alerts(guarded) if "has stopped (email)" in alert
    ]
    assert len(alerts(guarded)) == 1
    guarded.settings[EMAIL] = right
    assert later(guarded).finished
    assert tasks(guarded) == []
    assert "send goes on" in [entry.act for entry in guarded.ledger.audit.entries(INCIDENT)]
    assert guarded.ledger.audit.verify() == ()


def test_a_relay_without_tls_stops_the_channel(rig: Rig) -> None:
    approved(rig.ledger, people(3), **ONLY_EMAIL)
    rig.settings[EMAIL] |= {"host": "localhost", "security": "starttls"}
    rig.run()
    (task,) = tasks(rig)
    assert "STARTTLS" in task.what


def test_trouble_that_returns_is_a_new_alert(guarded: Rig) -> None:
    """The same trouble after the send went on is a new alert; in between it is none."""
    approved(guarded.ledger, people(40), **ONLY_EMAIL)
    right = dict(guarded.settings[EMAIL])
    for settings in (right | {"password": "wrong"}, right | {"password": "wrong"}):
        guarded.settings[EMAIL] = settings
        later(guarded)
    assert len(alerts(guarded)) == 1
    guarded.ledger.stops.send_goes_on(INCIDENT, NOTICE, ["email"], guarded.clock())
    later(guarded)
    assert len(alerts(guarded)) == 2


def test_one_channel_that_stops_leaves_the_other_s_task_alone(guarded: Rig) -> None:
    """SMS that go out do not end the stop of email."""
    approved(guarded.ledger, people(3), channels=(WEBSITE, EMAIL, SMS))
    guarded.settings[EMAIL]["password"] = "wrong"
    guarded.run()
    later(guarded)
    assert len(guarded.texted()) == 3
    assert ["(email)" in task.what for task in tasks(guarded)] == [True]


def test_settings_that_are_wrong_stop_the_whole_send(rig: Rig, tmp_path: Path) -> None:
    """What is found wrong before anything leaves is an alert too, and ends with the first message that leaves."""
    approved(rig.ledger, people(3), **ONLY_EMAIL)
    right = rig.settings[EMAIL]
    rig.settings[EMAIL] = right | {"ca_file": str(tmp_path / "missing.pem")}
    work = Work(rig.ledger, rig.settings, INCIDENT, NOTICE, LINKS, rig.clock)
    with pytest.raises(ChannelMisconfigured):
        asyncio.run(send(work))
    (task,) = tasks(rig)
    assert "(send)" in task.what and "ca_file" in task.what
    rig.settings[EMAIL] = right
    asyncio.run(send(work))
    assert tasks(rig) == []


def test_a_stop_by_the_guard_waits_as_a_pause(rig: Rig) -> None:
    approved(rig.ledger, [a_person(number=n, email=f"bounce{n}@mail.example") for n in range(1, 101)], **ONLY_EMAIL)
    rig.run()
    found = waiting_tasks(rig.ledger.views.timeline(INCIDENT, rig.clock()), rig.clock())
    assert [task.wait for task in found if task.wait is Wait.RESUME] == [Wait.RESUME]
    assert any("stopped by itself" in alert for alert in alerts(rig))


# A domain refuses by policy.


def test_a_refusal_at_the_final_dot_stops_its_domain_once(rig: Rig, relay: PolicyRelay) -> None:
    """The first refusals stop the domain for good; everybody else of it waits, and other domains go on at once."""
    approved(rig.ledger, [*people(100), *people(300, REFUSES, 101)], **ONLY_EMAIL)
    rig.run()
    tried = relay.offered[REFUSES]
    assert BLOCKS <= tried <= WINDOW
    assert relay.offered["mail.example"] == 100
    for _ in range(6):
        later(rig, timedelta(days=1))
    assert relay.offered[REFUSES] == tried
    assert Counter(rig.states().values()) == {"sent": 100, "deferred": 300}
    assert rig.texted() == []


def test_the_alert_names_count_and_command_the_timeline_the_domain(rig: Rig) -> None:
    approved(rig.ledger, [*people(60), *people(100, REFUSES, 101)], **ONLY_EMAIL)
    rig.run()
    later(rig)
    (alert,) = alerts(rig)
    do = f"amends deliver {INCIDENT} {NOTICE} --domain {REFUSES} --as NAME"
    assert alert.startswith("a recipient domain refuses our mail by its policy")
    assert "3 of the last 20 answers were refused by policy: 550 5.7.1" in alert
    assert do.replace(REFUSES, "DOMAIN") in alert
    assert f"`amends timeline {INCIDENT}` names the domain" in alert
    assert REFUSES not in alert
    (task,) = tasks(rig)
    assert task.what.startswith(f"{REFUSES} refuses our mail by its policy")
    assert "100 messages wait" in task.what
    assert (task.whom, task.do) == ("the lead", do)


def test_a_refusal_is_said_as_one_by_policy(rig: Rig) -> None:
    approved(rig.ledger, [*people(20), *people(30, REFUSES, 101)], **ONLY_EMAIL)
    rig.run()
    reasons = {line.reason for line in rig.ledger.statistics.lines(INCIDENT, NOTICE) if line.state == "deferred"}
    assert reasons == {"refused by policy: 550 5.7.1", "domain stopped"}


def test_a_person_lets_a_domain_go_on(rig: Rig, relay: PolicyRelay) -> None:
    approved(rig.ledger, [*people(20), *people(100, REFUSES, 101)], **ONLY_EMAIL)
    rig.run()
    relay.refuses = set()
    assert rig.ledger.stops.let_domain_go_on(INCIDENT, REFUSES, OMAR, rig.clock()) > 80
    assert tasks(rig) == []
    rig.run()
    later(rig)
    assert set(rig.states().values()) == {"sent"}
    assert Counter(rig.mailed()).most_common(1)[0][1] == 1


def test_a_domain_that_still_refuses_stops_again(rig: Rig, relay: PolicyRelay) -> None:
    approved(rig.ledger, [*people(20), *people(200, REFUSES, 101)], **ONLY_EMAIL)
    rig.run()
    rig.ledger.stops.let_domain_go_on(INCIDENT, REFUSES, OMAR, rig.clock())
    later(rig)
    assert relay.offered[REFUSES] <= 2 * WINDOW
    assert len(tasks(rig)) == 1
    assert len(alerts(rig)) == 2


def test_only_who_may_approve_lets_a_domain_go_on(rig: Rig) -> None:
    approved(rig.ledger, [*people(20), *people(100, REFUSES, 101)], **ONLY_EMAIL)
    rig.run()
    with pytest.raises(NotAllowed):
        rig.ledger.stops.let_domain_go_on(INCIDENT, REFUSES, Member(name="aude", role=TeamRole.AUDITOR), rig.clock())
    with pytest.raises(NotInLedger):
        rig.ledger.stops.let_domain_go_on(INCIDENT, "other.example", OMAR, rig.clock())
    assert len(tasks(rig)) == 1


def test_a_domain_goes_on_in_a_send_under_way(rig: Rig, relay: PolicyRelay) -> None:
    """A run that has stopped a domain sends to it again as soon as a person lets it go on."""
    approved(rig.ledger, [*people(60), *people(300, REFUSES, 101)], **ONLY_EMAIL)
    decided = []

    def decide(_: Tally) -> None:
        if not decided and rig.states().values() and "deferred" in rig.states().values() and tasks(rig):
            relay.refuses = set()
            decided.append(rig.ledger.stops.let_domain_go_on(INCIDENT, REFUSES, OMAR, rig.clock()))

    rig.run(decide)
    assert decided
    assert Counter(rig.states().values())["sent"] >= 360 - WINDOW


# The ledger was changed by other means than Amends.


def test_a_send_that_altered_rows_stop_waits_for_people(rig: Rig) -> None:
    """Messages that are made to wait again stop the send, alert the lead once, and are never sent."""
    approved(rig.ledger, people(3), **ONLY_EMAIL)
    assert rig.run().finished
    with rig.ledger.store.engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE delivery SET state = 'waiting', attempts = 0 WHERE channel = 'email'")
    for _ in range(2):
        with pytest.raises(LedgerAltered, match="3 messages of first-notice wait that have left"):
            asyncio.run(send(Work(rig.ledger, rig.settings, INCIDENT, NOTICE, LINKS, rig.clock)))
    (task,) = tasks(rig)
    assert "wait that have left by the audit chain" in task.what
    assert len(alerts(rig)) == 1
    assert len(rig.mailed()) == 3
