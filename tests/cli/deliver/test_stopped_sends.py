"""A send that stops is told to the lead at once, and the lead lets a domain go on that refused our mail."""

import re
from collections.abc import Iterator

import pytest

from amends.cli.terminal.clock import now
from amends.cli.terminal.exits import Exit
from tests.cli.conftest import INCIDENT, NOTICE, Office
from tests.desks import Desks, served

DOMAIN = "mail.example"


@pytest.fixture
def desks() -> Iterator[Desks]:
    with served() as desks:
        yield desks


def set_up_wrongly(office: Office) -> str:
    """Give email a certificate file that is not there; return the settings as they were."""
    settings = office.home / "amends.toml"
    before = settings.read_text()
    relay = (
        'use = "email_smtp"\nhost = "localhost"\nsender = "care@example.org"\nbounce_domain = "b.example.org"\n'
        f'ca_file = "{office.home}/missing.pem"\n'
    )
    settings.write_text(
        re.sub(r'(\[channels\.email\]\n)use = "outbox".*?\n\n', rf"\1{relay}\n", before, count=1, flags=re.DOTALL)
    )
    return before


def test_the_lead_is_told_at_once_and_once(ready: Office, desks: Desks) -> None:
    ready.amends("team", "contact", "lena", "--url", desks.address("lena"), by="lena")
    ready.amends("team", "contact", "omar", "--url", desks.address("omar"), by="omar")
    right = set_up_wrongly(ready)
    answers = [ready.amends("deliver", INCIDENT, NOTICE) for _ in range(2)]
    assert [answer.exit_code == 0 for answer in answers] == [False, False]
    assert desks.heard() == {"lena": 1}
    assert f"{NOTICE} has stopped (send)" in desks.got[0][1]["message"]
    assert f"{NOTICE} has stopped since" in ready.amends("timeline", INCIDENT).stdout
    (ready.home / "amends.toml").write_text(right)
    assert ready.amends("deliver", INCIDENT, NOTICE).exit_code == 0
    assert f"{NOTICE} has stopped since" not in ready.amends("timeline", INCIDENT).stdout


def test_a_lead_lets_a_domain_go_on(ready: Office) -> None:
    ledger = ready.ledger()
    ledger.stops.stop_domain(INCIDENT, NOTICE, DOMAIN, "3 of the last 20 answers", now())
    ledger.dispose()
    assert f"{DOMAIN} refuses our mail by its policy since" in ready.amends("timeline", INCIDENT).stdout
    ready.amends("deliver", INCIDENT, NOTICE)
    waiting = ready.values("deliveries", INCIDENT, NOTICE, "--state", "deferred")["deliveries"]
    assert [one["reason"] for one in waiting] == ["domain stopped"] * 2
    assert ready.amends("deliver", INCIDENT, NOTICE, "--domain", DOMAIN).exit_code == Exit.USAGE
    let_go = ready.amends("deliver", INCIDENT, NOTICE, "--domain", DOMAIN.upper(), "--as", "lena", by="lena")
    assert "2 messages that waited are due again" in let_go.stderr
    assert ready.values("deliveries", INCIDENT, NOTICE, "--state", "deferred")["deliveries"] == []
    assert f"{DOMAIN} refuses our mail by its policy since" not in ready.amends("timeline", INCIDENT).stdout


def test_a_domain_that_has_not_stopped_is_named(ready: Office) -> None:
    answer = ready.amends("deliver", INCIDENT, NOTICE, "--domain", "other.example", "--as", "lena", by="lena")
    assert answer.exit_code != 0
    assert "mail to other.example has not stopped" in answer.stderr
