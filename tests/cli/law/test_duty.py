"""Duties are listed and explained, what was filed is recorded with its receipt, and the pack helps to file."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from amends.cli.terminal.exits import Exit
from amends.domain.law.duty import Addressee, Duty, DutyStanding, Exemption, SetAside, Substitute
from tests.builders import a_duty, an_assessment
from tests.cli.conftest import INCIDENT, Office

AUTHORITY, PEOPLE, MARKET = "eu-gdpr-33.supervisory_authority@DE", "eu-gdpr-34.data_subjects", "us-sec.investors"
HOUR = timedelta(hours=1)
FILED = ("--at", "2026-11-19T08:00+08:00", "--receipt", "DPA-17")


def duties(due_at: datetime) -> tuple[Duty, ...]:
    return (
        a_duty(
            due_at=due_at,
            starts_at=due_at - 72 * HOUR,
            before=(PEOPLE,),
            first=True,
            sets="incident_notification_submitted",
            must_not=("no marketing",),
            lawyer_needed=("lead authority",),
            substitute=Substitute(if_any=("too costly",), do_all=("publish it",), for_days=90),
            asks=("is it a trade",),
            exemptions=(
                Exemption(text="encrypted", claimed=True, evidence=("encrypted_at_rest",)),
                Exemption(text="secret"),
            ),
        ),
        a_duty(id=PEOPLE, addressee=Addressee.PEOPLE, due_at=None, recipient_name="the people"),
        a_duty(
            id=MARKET,
            due_at=due_at + 48 * HOUR,
            standing=DutyStanding.MAY_APPLY,
            places=("US", "CN", "DE", "FR"),
            assumed="counted from now",
        ),
    )


@pytest.fixture
def owing(office: Office) -> Office:
    """An office whose incident was assessed: one authority, due in an hour, before the people."""
    assess(office, datetime.now(UTC) + HOUR)
    return office


def assess(office: Office, due_at: datetime, version: int = 1) -> None:
    aside = SetAside(id="us-ca.individuals", places=("US-CA",), why="nobody lives there")
    ledger = office.ledger()
    assessment = an_assessment(version=version, duties=duties(due_at), set_aside=(aside,))
    ledger.assessments.record(INCIDENT, assessment, datetime.now(UTC))
    ledger.dispose()


def listed(office: Office) -> dict[str, Any]:
    return {one["duty"]["id"]: one for one in office.values("duty", "list", INCIDENT)}


def test_the_list_shows_each_duty_with_its_time_and_its_standing(owing: Office) -> None:
    head, *rows = owing.amends("duty", "list", INCIDENT).stdout.split("\n\n")[0].splitlines()
    assert re.split(r"\s{2,}", head) == [
        "duty",
        "due (UTC)",
        "due (Asia/Shanghai)",
        "recipient",
        "places",
        "standing",
        "earliest",
        "done",
        "lawyer needed",
    ]
    at_once, authority, market = rows[0], rows[1], rows[-1]
    assert at_once.startswith(PEOPLE)
    assert "at once" in at_once
    assert authority.startswith(AUTHORITY)
    assert authority.split()[-3:] == ["yes", "–", "yes"]
    assert "(assumed)" in market
    assert "US, CN, DE and 1 more" in market
    assert "may apply" in market


def test_the_list_explains_its_columns(owing: Office) -> None:
    legend = owing.amends("duty", "list", INCIDENT).stdout.split("\n\n")[1]
    for word in ("earliest:", "(assumed):", "lawyer needed:", "Overdue first"):
        assert word in legend


def test_a_time_is_told_in_utc_and_by_the_organisations_clock(office: Office) -> None:
    assess(office, datetime(2026, 11, 18, 21, 0, tzinfo=UTC))
    row = next(line for line in office.amends("duty", "list", INCIDENT).stdout.splitlines() if AUTHORITY in line)
    assert "2026-11-18 21:00 UTC" in row
    assert "Thu 19 Nov 05:00" in row
    shown = office.amends("duty", "show", INCIDENT, AUTHORITY).stdout
    assert "OVERDUE since 2026-11-18 21:00 UTC (Thu 19 Nov 05:00 Asia/Shanghai)" in shown


def test_what_presses_most_stands_first(office: Office) -> None:
    at = datetime.now(UTC)
    times: dict[str, dict[str, Any]] = {
        "waits": {"waits": True, "due_at": at + HOUR},
        "done": {"due_at": at - 9 * HOUR},
        "exempt": {"due_at": at - 8 * HOUR, "standing": DutyStanding.EXEMPT},
        "later": {"due_at": at + 9 * HOUR},
        "soon": {"due_at": at + HOUR},
        "at-once": {"due_at": None},
        "maybe-late": {"due_at": at - HOUR, "standing": DutyStanding.MAY_APPLY},
        "late": {"due_at": at - 2 * HOUR},
    }
    ledger = office.ledger()
    found = tuple(a_duty(id=name, **changes) for name, changes in times.items())
    ledger.assessments.record(INCIDENT, an_assessment(duties=found), at)
    ledger.dispose()
    office.values("duty", "filed", INCIDENT, "done", *FILED, by="lena")
    assert list(listed(office)) == ["late", "maybe-late", "at-once", "soon", "later", "waits", "exempt", "done"]


def test_what_is_not_assessed_has_no_duties_yet(office: Office) -> None:
    for words in (("list", INCIDENT), ("show", INCIDENT, AUTHORITY), ("pack", INCIDENT, AUTHORITY, "--out", "packs")):
        answer = office.amends("duty", *words)
        assert (answer.exit_code, answer.stdout) == (1, "")
        assert "is not assessed yet" in answer.stderr
        assert f"amends run {INCIDENT}" in answer.stderr


def test_an_overdue_duty_is_told_and_what_to_do(office: Office) -> None:
    assess(office, datetime.now(UTC) - 2 * HOUR)
    answer = office.amends("duty", "list", INCIDENT)
    assert "OVERDUE for 2 h" in answer.stdout
    assert f"amends duty pack {INCIDENT} {AUTHORITY}" in answer.stderr


def test_a_duty_is_shown_with_all_that_is_known_about_it(owing: Office) -> None:
    text = owing.amends("duty", "show", INCIDENT, AUTHORITY).stdout
    for said in (
        "GDPR (EU) 2016/679, Art. 33",
        "2 people live in Germany",
        "within 72 hours",
        f"must come before\n  {PEOPLE}",
        "no marketing",
        "lead authority",
        "verified",
        "it must stay up for 90 days",
        "encrypted (claimed, shown by: encrypted at rest; a lawyer must agree)",
        "if any of:\n    - too costly",
        "do all of:\n    - publish it",
        "What kind of breach it is\n  What was done",
        "from when the controller became aware of the breach: ",
        "secret (not claimed)",
        "is it a trade?",
        "the earliest to this recipient",
    ):
        assert said in text
    assert "must be given" not in text


def test_a_duty_in_json_has_everything(owing: Office) -> None:
    shown = owing.values("duty", "show", INCIDENT, AUTHORITY)
    assert shown["duty"]["lawyer_needed"] == ["lead authority"]
    assert (shown["filings"], shown["done_at"], shown["overdue"]) == ([], None, False)


def test_a_misspelt_duty_is_answered_with_the_one_that_was_meant(owing: Office) -> None:
    answer = owing.amends("duty", "show", INCIDENT, AUTHORITY.replace("visory", "visery"))
    assert answer.exit_code == 1
    assert f"did you mean {AUTHORITY}" in answer.stderr


def test_a_duty_that_was_set_aside_is_answered_with_the_reason(owing: Office) -> None:
    assert "nobody lives there" in owing.amends("duty", "show", INCIDENT, "us-ca.individuals").stderr


def test_what_was_filed_is_recorded_with_how_early_it_was(owing: Office) -> None:
    answer = owing.amends("duty", "filed", INCIDENT, AUTHORITY, *FILED, "--note", "by the portal", by="lena")
    assert answer.exit_code == 0, answer.output
    assert "early" in answer.stdout
    (filing,) = listed(owing)[AUTHORITY]["filings"]
    assert (filing["by"], filing["receipt"], filing["note"], filing["part"]) == (
        "lena",
        "DPA-17",
        "by the portal",
        "initial",
    )
    assert filing["filed_at"] == "2026-11-19T00:00:00Z"
    assert "starts the clock" in answer.stderr
    assert "DPA-17" in owing.amends("duty", "show", INCIDENT, AUTHORITY).stdout


def test_what_was_filed_late_is_said_to_be_late(office: Office) -> None:
    assess(office, datetime(2026, 11, 18, 21, 0, tzinfo=UTC))
    assert "3 h late" in office.amends("duty", "filed", INCIDENT, AUTHORITY, *FILED, by="lena").stdout


def test_a_time_without_a_zone_is_the_organisations(owing: Office) -> None:
    words = ("duty", "filed", INCIDENT, AUTHORITY, "--at", "2026-11-19T08:00", "--receipt", "DPA-17")
    assert owing.values(*words, by="lena")["filing"]["filed_at"] == "2026-11-19T00:00:00Z"


@pytest.mark.parametrize("time", ["2026-11-19", "yesterday", "2026-13-01T10:00"])
def test_what_is_no_time_is_a_usage_error(owing: Office, time: str) -> None:
    words = ("duty", "filed", INCIDENT, AUTHORITY, "--at", time, "--receipt", "DPA-17")
    assert owing.amends(*words, by="lena").exit_code == 2


@pytest.mark.parametrize("time", ["2926-11-19T08:00", "9999-12-31T23:59", "9999-12-31T23:59-05:00", "0001-01-01T00:00"])
def test_a_mistyped_year_is_a_usage_error_that_names_the_years(owing: Office, time: str) -> None:
    answer = owing.amends("duty", "filed", INCIDENT, AUTHORITY, "--at", time, "--receipt", "DPA-17", by="lena")
    assert (answer.exit_code, "between the years 1970 and 2300" in answer.stderr) == (2, True)


@pytest.mark.parametrize(("at", "says"), [("2099-01-01T00:00Z", "has not come yet"), ("2020-01-01T00:00Z", "before")])
def test_a_time_that_cannot_be_is_refused(owing: Office, at: str, says: str) -> None:
    answer = owing.amends("duty", "filed", INCIDENT, AUTHORITY, "--at", at, "--receipt", "DPA-17", by="lena")
    assert answer.exit_code == 1
    assert says in answer.stderr


def test_who_is_not_in_the_team_or_only_reads_records_nothing(owing: Office) -> None:
    assert owing.amends("duty", "filed", INCIDENT, AUTHORITY, *FILED, by="aude").exit_code == 1
    assert owing.amends("duty", "filed", INCIDENT, AUTHORITY, *FILED, "--as", "nobody").exit_code == 1
    assert listed(owing)[AUTHORITY]["filings"] == []


def test_an_order_that_was_broken_is_told_and_recorded_all_the_same(owing: Office) -> None:
    filed = owing.values("duty", "filed", INCIDENT, PEOPLE, *FILED, "--note", "by post", by="lena")
    assert filed["out_of_order"] == [f"{AUTHORITY} must come before {PEOPLE}, and nothing is recorded for it"]
    text = owing.amends(
        "duty", "filed", INCIDENT, AUTHORITY, "--at", "2026-11-19T10:00", "--receipt", "X", by="lena"
    ).stdout
    assert f"out of order: {AUTHORITY} must come before {PEOPLE}, which was done 2 h earlier" in text


def test_a_duty_to_people_is_not_filed_without_saying_how(owing: Office) -> None:
    """A duty to people is fulfilled by what Amends sends: recording it by hand is refused unless the user says how
    people were told outside Amends.
    """
    answer = owing.amends("duty", "filed", INCIDENT, PEOPLE, *FILED, by="lena")
    assert answer.exit_code == 1
    assert "outside Amends" in answer.stderr
    assert listed(owing)[PEOPLE]["done_at"] is None


def test_a_correction_takes_the_place_of_what_it_corrects(owing: Office) -> None:
    owing.values("duty", "filed", INCIDENT, AUTHORITY, *FILED, by="lena")
    words = ("--at", "2026-11-19T07:00", "--receipt", "DPA-17", "--corrects", 1)
    owing.values("duty", "filed", INCIDENT, AUTHORITY, *words, by="lena")
    (filing,) = listed(owing)[AUTHORITY]["filings"]
    assert (filing["number"], filing["corrects"], filing["filed_at"]) == (2, 1, "2026-11-18T23:00:00Z")


def test_the_pack_is_a_page_and_a_fields_file_for_its_owner_only(owing: Office, tmp_path: Path) -> None:
    """The pack of a filing is a page and a file of fields, both of which only their owner can read; what is still to be
    filled in is listed.
    """
    written = owing.values("duty", "pack", INCIDENT, AUTHORITY, "--out", tmp_path / "packs" / "first")
    page, fields = Path(written["page"]), Path(written["fields"])
    assert page.name == f"{AUTHORITY}.md"
    assert page.read_text(encoding="utf-8").startswith("# Data protection authority of Germany")
    document = json.loads(fields.read_text(encoding="utf-8"))
    assert document["notification"]["field_12"] == "B-Tepai"
    assert document["to_be_filled"][0]["value"] is None
    assert {path.stat().st_mode & 0o777 for path in (page, fields)} == {0o600}


def test_the_pack_holds_nothing_of_those_affected(owing: Office, tmp_path: Path) -> None:
    owing.values("duty", "pack", INCIDENT, AUTHORITY, "--out", tmp_path)
    text = "".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("eu-*"))
    assert text
    assert not [
        secret for secret in ("Kim", "李雷", "lilei", "kim@", "+4930", "138001", "C-1", "C-2") if secret in text
    ]


def test_a_pack_that_somebody_may_have_filled_in_is_not_overwritten(owing: Office, tmp_path: Path) -> None:
    owing.values("duty", "pack", INCIDENT, AUTHORITY, "--out", tmp_path)
    (tmp_path / f"{AUTHORITY}.json").write_text("filled in by hand")
    assert owing.amends("duty", "pack", INCIDENT, AUTHORITY, "--out", tmp_path).exit_code == 1
    assert (tmp_path / f"{AUTHORITY}.json").read_text() == "filled in by hand"


def test_people_are_told_by_notices_and_not_by_a_pack(owing: Office, tmp_path: Path) -> None:
    answer = owing.amends("duty", "pack", INCIDENT, PEOPLE, "--out", tmp_path / "packs")
    assert answer.exit_code == 1
    assert not (tmp_path / "packs").exists()


# Reviews of the table


def test_rows_due_for_review_are_listed_with_their_age(office: Office) -> None:
    """Rows over age are listed with their last and next review, and the exit code says that something is to be done."""
    found = office.amends("duty", "stale", "--as-of", "2030-01-01")
    assert found.exit_code == Exit.FINDINGS
    (line,) = (line for line in found.stdout.splitlines() if line.startswith("eu-gdpr-33 "))
    assert re.search(r"GDPR .*Art. 33 +20\d\d-\d\d-\d\d +20\d\d-\d\d-\d\d +verified", line)


def test_a_fresh_table_has_nothing_to_review(office: Office) -> None:
    found = office.amends("duty", "stale", "--as-of", "2026-12-01")
    assert (found.exit_code, found.stdout) == (Exit.OK, "none\n")


def test_a_day_that_is_none_is_refused_for_the_review(office: Office) -> None:
    found = office.amends("duty", "stale", "--as-of", "June")
    assert found.exit_code == Exit.USAGE and "no day such as" in found.stderr
