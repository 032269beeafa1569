"""A rehearsal in the United States says how many people were told as the laws of their states demand."""

import asyncio
import csv
import json
from collections import Counter

import pytest

from amends.cli.rehearse.page import page, summary
from amends.content.playbook.library import shipped_playbooks
from amends.domain.channel.channel import ChannelKind
from amends.domain.rehearse.report import Deadline, Order, RehearsalReport, RehearsedOutcome
from amends.domain.rehearse.text import sums
from flows.rehearsal.play import rehearse
from flows.rehearsal.virtual_loop import VirtualLoop

INCIDENT = """
id: lakeside-server
title: A server of a dental group was copied
organisation:
  name: {en: Lakeside Dental}
  established_in: US
  sector: services
  role: controller
  regulated: []
  size: 120
  timezone: America/New_York
  own_domains: [lakeside.example]
  contacts:
    email: care@lakeside.example
    phone: +1 800 555 0142
    hours: {en: "every day, 8:00 to 20:00"}
    postal_address: {en: "Lakeside Dental, 1 Example Street, Albany, NY 12201, USA"}
  signed_by: {en: "Ada Wong, chief executive"}
times:
  occurred: {from: 2026-11-17T01:00:00-05:00, to: 2026-11-17T02:00:00-05:00}
  discovered: 2026-11-17T09:00:00-05:00
  aware: 2026-11-17T10:00:00-05:00
  contained: 2026-11-17T11:00:00-05:00
facts:
  sector: services
  breach_types: [confidentiality]
  cause: external_attack
  malicious: true
  data_categories: [basic_identity, contact, national_id]
  data_subjects: [customers]
  people: {max: 60}
  encrypted_at_rest: false
  exfiltration: "yes"
  recipient: {kind: unknown_attacker}
texts:
  en:
    what_happened: Somebody copied a file with records of our patients from a server.
    in_short: Somebody copied records of our patients.
    what_it_means: Somebody could use the records to open an account in your name.
    what_we_do: We closed the hole and told the police.
"""
COLUMNS = ("id", "name", "email", "phone", "locale", "country", "region", "postal_address", "consents_to_email")
STATES = ("CA", "NY", "TX", "MA")
PEOPLE = 60
Row = dict[str, str]


def person(number: int) -> Row:
    """A third consented, two thirds have a postal address; a few have neither, of whom some have only a telephone."""
    has_neither = number % 20 == 1
    home = f"{number} Example Street, Springfield" if number % 3 != 1 and not has_neither else ""
    return {
        "id": f"P-{number:03}",
        "name": f"Kim Example {number}",
        "email": "" if number % 40 == 1 else f"kim{number}@mail.example",
        "phone": f"+1212555{1000 + number}",
        "locale": "en",
        "country": "US",
        "region": STATES[number % 4],
        "postal_address": home,
        "consents_to_email": "2025-03-31" if number % 3 == 1 and not has_neither else "",
    }


ROWS = [person(number) for number in range(1, PEOPLE + 1)]


def lawfully(row: Row) -> bool:
    """By the laws of these four states: on paper, or by email to whoever consented."""
    return bool(row["postal_address"] or (row["consents_to_email"] and row["email"]))


def only_by(rows: list[Row]) -> Counter[str]:
    return Counter("email and SMS" if row["email"] else "SMS" for row in rows if not lawfully(row))


def living_in(state: str) -> list[Row]:
    return [row for row in ROWS if row["region"] == state]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> RehearsalReport:
    folder = tmp_path_factory.mktemp("lakeside")
    (folder / "incident.yaml").write_text(INCIDENT, encoding="utf-8")
    with (folder / "audience.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(ROWS)
    order = Order(
        playbook=shipped_playbooks()["customer-data-theft"],
        incident=folder / "incident.yaml",
        audience=folder / "audience.csv",
        days=4,
    )
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(rehearse(order, tmp_path_factory.mktemp("rehearsal")))


def duty(found: RehearsalReport, state: str) -> Deadline:
    return next(deadline for deadline in found.deadlines if deadline.duty == f"us-{state.lower()}.individuals")


def test_the_list_is_as_it_should_be() -> None:
    """About a third consented, two thirds have a postal address, and a few neither; some states have none of these."""
    consented, by_post = (sum(bool(row[name]) for row in ROWS) for name in ("consents_to_email", "postal_address"))
    assert PEOPLE / 4 < consented <= PEOPLE / 3 < by_post <= 2 * PEOPLE / 3
    assert set(only_by(ROWS)) == {"email and SMS", "SMS"} and 0 < only_by(ROWS).total() < PEOPLE / 10
    assert {all(map(lawfully, living_in(state))) for state in STATES} == {True, False}


def test_in_all_it_says_how_many_were_told_lawfully(played: RehearsalReport) -> None:
    assert played.told and not played.troubles and not played.ledger_faults
    good = sum(map(lawfully, ROWS))
    assert (played.told.people, played.told.lawfully, played.told.waiting) == (PEOPLE, good, 0)
    assert played.told.only_by == dict(only_by(ROWS).most_common())


@pytest.mark.parametrize("state", STATES)
def test_each_duty_says_how_many_were_told_lawfully(played: RehearsalReport, state: str) -> None:
    told, here = duty(played, state).told, living_in(state)
    assert told and (told.people, told.lawfully) == (len(here), sum(map(lawfully, here)))
    assert Counter(told.only_by) == only_by(here)


@pytest.mark.parametrize("state", STATES)
def test_a_duty_is_met_only_where_all_were_told_lawfully(played: RehearsalReport, state: str) -> None:
    one = duty(played, state)
    if all(map(lawfully, living_in(state))):
        assert (one.outcome, one.missing) == (RehearsedOutcome.MET, "")
    else:
        assert one.done_at is None and "which this law does not count" in one.missing
        assert one.is_owed or one.outcome.bad


def test_letters_go_to_whom_no_email_tells(played: RehearsalReport) -> None:
    """Everybody with a postal address who did not consent gets a letter; the team hands them over as one batch."""
    letters = sum(bool(row["postal_address"]) and not row["consents_to_email"] for row in ROWS)
    (act,) = [one.what for one in played.team if "print shop" in one.what and "first-notice" in one.what]
    assert act == f"hands {letters} letters of first-notice to the print shop"
    arrived = {
        channel.channel: channel.arrived
        for channel in next(n for n in played.notices if n.id == "first-notice").channels
    }
    assert arrived[ChannelKind.SMS] == PEOPLE and arrived[ChannelKind.EMAIL] == sum(bool(row["email"]) for row in ROWS)


def test_all_ways_of_showing_it_have_the_numbers(played: RehearsalReport) -> None:
    said = str(played.told)
    assert f"told lawfully       {said}" in sums(played)
    assert said in summary(played) and "told only by email and SMS" in summary(played)
    assert "Told lawfully" in page(played) and said in page(played)
    assert json.loads(played.model_dump_json())["told"]["lawfully"] == sum(map(lawfully, ROWS))
