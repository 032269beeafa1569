"""The last steps of the cascade with a shipped playbook: letters, then what must be said in public."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.playbook.playbook import Event
from amends.ledger import Ledger
from tests.builders import NOW, an_assessment, story_of_few
from tests.cli.conftest import AUDIENCE_HEAD, INCIDENT, NOTICE, PLAYBOOK, TEAM, Office, a_copy, make_home, write_draft
from tests.cli.deliver.test_deliveries import set_fate
from tests.domain.law.test_substitute import HIPAA, a_duty

AUDIENCE = (
    f"{AUDIENCE_HEAD.rstrip()},postal_address\nC-1,Kim Example,kim@mail.example,,en,US,household,\n"
    + "".join(f"C-{row},Post {row},,,en,US,household,{row} Example Street\n" for row in range(2, 13))
    + "C-13,Nobody Reachable,,,en,US,household,\n"
)


@pytest.fixture(scope="session")
def by_post(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Eleven of thirteen people have only a postal address, and one has none at all; machines have sent what they can."""
    folder = tmp_path_factory.mktemp("by-post")
    office = make_home(folder / "home")
    for name, role in TEAM.items():
        by = "" if name == "lena" else "lena"
        office.tokens[name] = office.values("team", "add", name, "--role", role, by=by)["token"]
    audience = folder / "audience.csv"
    audience.write_text(AUDIENCE, encoding="utf-8")
    office.values("incident", "open", story_of_few(), "--audience", audience, by="lena")
    office.values("run", INCIDENT, "--playbook", PLAYBOOK, by="lena")
    ledger = office.ledger()
    write_draft(ledger)
    for name in ("omar", "wei"):
        office.amends("approve", INCIDENT, NOTICE, "--people", 13, by=name)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    while claims := ledger.deliveries.claim(INCIDENT, NOTICE, tuple(ChannelKind), 100, NOW):
        ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
        ledger.deliveries.record(
            (), [(claim, Receipt(claim.key, Status.DELIVERED)) for claim in claims], INCIDENT, NOTICE, NOW
        )
    ledger.dispose()
    return office


@pytest.fixture
def office(by_post: Office, tmp_path: Path) -> Office:
    return a_copy(by_post, tmp_path / "home")


@pytest.fixture
def ledger(office: Office) -> Iterator[Ledger]:
    ledger = office.ledger()
    yield ledger
    ledger.dispose()


def references(out: Path) -> list[str]:
    with (out / "letters-1.csv").open(encoding="utf-8-sig", newline="") as file:
        return [row["reference"] for row in csv.DictReader(file)]


def test_a_draft_of_the_shipped_playbook_has_no_text_for_letters(ledger: Ledger) -> None:
    """A draft of the shipped playbook has the letter in its cascade and no variant of its own for letters."""
    draft = ledger.notices.latest_draft(INCIDENT, NOTICE)
    assert ChannelKind.LETTER in draft.cascade
    assert ChannelKind.LETTER not in {variant.channel for variant in draft.variants}


def test_the_list_of_deliveries_says_that_letters_wait(office: Office, ledger: Ledger) -> None:
    answer = office.amends("deliveries", INCIDENT)
    assert "11 to_print" in answer.stdout
    assert "amends letters" in answer.stderr


def test_who_delivers_hears_that_what_waits_is_to_be_printed(office: Office, ledger: Ledger) -> None:
    answer = office.amends("deliver", INCIDENT, NOTICE)
    assert answer.exit_code == 0
    assert f"11 letters to print: `amends letters {INCIDENT} {NOTICE} --out DIR --as NAME`" in answer.stdout
    assert "some wait" not in answer.stderr


def test_letters_to_print_are_named_beside_what_waits_for_a_decision(office: Office, ledger: Ledger) -> None:
    set_fate(ledger, "person = 2", "parked", "KeyError", ReceiptCause.FAULT)
    answer = office.amends("deliver", INCIDENT, NOTICE)
    assert (answer.exit_code, "11 letters to print" in answer.stdout) == (5, True)
    assert "some wait" not in answer.stderr


def test_letters_that_come_back_lead_to_a_substitute_notice(office: Office, ledger: Ledger, tmp_path: Path) -> None:
    ledger.assessments.record(INCIDENT, an_assessment(duties=(a_duty(HIPAA, "US", law="HIPAA"),)), NOW)
    office.values("letters", INCIDENT, NOTICE, "--out", tmp_path / "out", by="omar")
    for reference in references(tmp_path / "out")[:9]:
        office.values("letters", INCIDENT, NOTICE, "--returned", reference, by="omar")
    answer = office.amends("deliveries", INCIDENT)
    assert "substitute notice must be given: HIPAA" in answer.stdout
    assert "10 of 13 people there were not reached" in answer.stdout
    assert "our page does: home page for 90 days" in answer.stdout
    assert "to do: toll-free number" in answer.stdout
    assert "nothing is sent to media by machine" in answer.stderr


def test_without_anybody_unreached_there_is_none(office: Office, ledger: Ledger) -> None:
    ledger.assessments.record(INCIDENT, an_assessment(duties=(a_duty(HIPAA, "FR", law="HIPAA"),)), NOW)
    assert office.values("deliveries", INCIDENT)["substitute"] == []


def test_programs_get_the_numbers_too(office: Office, ledger: Ledger) -> None:
    ledger.assessments.record(INCIDENT, an_assessment(duties=(a_duty(HIPAA, "US", law="HIPAA"),)), NOW)
    (due,) = office.values("deliveries", INCIDENT)["substitute"]
    assert (due["must"], due["to_do"]) == (True, ["other written, telephone or other means"])


# The substitute notice is recorded.

DUTY = "us-hipaa.individuals"


@pytest.fixture
def owing(office: Office, ledger: Ledger) -> Office:
    """People were told, but for eleven letters, and one person whom nothing reaches and HIPAA wants told in public."""
    hipaa = a_duty(HIPAA, "US", id=DUTY, law="HIPAA")
    ledger.assessments.record(INCIDENT, an_assessment(duties=(hipaa, a_duty(None, "US", id="us-xx.people"))), NOW)
    ledger.incidents.note_event(INCIDENT, Event.NOTIFIED, NOW)
    return office


def test_surprise_7_a_substitute_notice_is_recorded_once(owing: Office, tmp_path: Path) -> None:
    shown = owing.amends("duty", "substitute", INCIDENT, DUTY, "--note", "telephone", by="omar")
    assert "is recorded; not done yet: 11 people there wait for a message or a letter" in shown.stdout
    owing.values("letters", INCIDENT, NOTICE, "--out", tmp_path / "out", by="omar")
    (found,) = [one for one in owing.values("duty", "list", INCIDENT) if one["duty"]["id"] == DUTY]
    assert found["done_at"]
    assert (found["substitute"]["note"], found["substitute"]["by"]) == ("telephone", "omar")
    assert "telephone, recorded" in owing.amends("duty", "show", INCIDENT, DUTY).stdout
    again = owing.amends("duty", "substitute", INCIDENT, DUTY, "--url", "https://example.org/", by="lena")
    assert (again.exit_code, "by omar: telephone" in again.stderr) == (1, True)
    assert owing.values("deliveries", INCIDENT)["substitute"] == []


@pytest.mark.parametrize(
    ("duty", "said", "why"),
    [
        ("us-hipaa.individual", ("--note", "x"), "did you mean us-hipaa.individuals"),
        ("us-xx.people", ("--note", "x"), "knows no substitute notice"),
        (DUTY, ("--url", "example.org"), "no whole web address"),
        (DUTY, ("--url", "https://example.org", "--note", "x"), "either"),
        (DUTY, (), "either"),
    ],
)
def test_a_substitute_notice_is_refused(owing: Office, duty: str, said: tuple[str, ...], why: str) -> None:
    answer = owing.amends("duty", "substitute", INCIDENT, duty, *said, by="omar")
    assert (answer.exit_code, why in answer.stderr) == (1, True)


def test_who_only_reads_records_no_substitute_notice(owing: Office) -> None:
    answer = owing.amends("duty", "substitute", INCIDENT, DUTY, "--note", "x", by="aude")
    assert answer.exit_code == 1
    assert owing.values("incident", "show", INCIDENT)["case"]["substitutes"] == []


def test_surprise_7_the_timeline_names_letters_and_substitute(owing: Office) -> None:
    shown = owing.amends("timeline", INCIDENT).stdout
    assert f"amends letters {INCIDENT} {NOTICE} --out DIR --as NAME" in shown
    assert f"amends duty substitute {INCIDENT} {DUTY} --url URL --as NAME" in shown


def test_surprise_7_closing_is_refused_for_both(owing: Office) -> None:
    answer = owing.amends("incident", "close", INCIDENT, by="lena")
    assert answer.exit_code == 3
    assert f"letters wait to be handed over: {NOTICE} (11)" in answer.stdout
    assert f"no substitute notice is recorded for {DUTY}" in answer.stdout


def test_an_incident_shows_that_a_sent_notice_has_letters(owing: Office) -> None:
    assert "11 letters to hand over" in owing.amends("incident", "show", INCIDENT).stdout
