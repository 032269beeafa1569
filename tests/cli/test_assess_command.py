"""An incident file is assessed without a ledger: what to do first comes first, and what nobody knows is asked."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from amends.cli.assessment_words import COLUMNS, SOON, fitting, in_words, when
from amends.cli.words import width
from amends.domain.duty import Addressee, Duty, DutyStanding, Exemption, SetAside
from tests.builders import NOW, a_duty, an_assessment
from tests.cli.conftest import STORY, Office

HOUR = timedelta(hours=1)
ZONE = "Asia/Shanghai"
BARE = """
id: bare
title: Something happened
organisation:
  name: Betapai
  own_domains: [betapai.example]
  contacts: {email: care@betapai.example, phone: +49 30 5550100}
texts:
  en: {what_happened: Something., in_short: Something., what_it_means: We do not know., what_we_do: We look.}
"""
FIELDS = {
    "severity": dict, "risk": str, "document": bool, "notify_authority": bool, "tell_people": bool, "rules": list,
    "duties": list, "set_aside": list, "open_questions": list, "changes": list,
}  # fmt: skip
DUTY_FIELDS: dict[str, type | tuple[type, ...]] = {
    "id": str, "recipient": str, "due_at": (str, type(None)), "clock": str, "why": str, "content": list,
    "must_not": list, "confidence": str, "standing": str, "lawyer_needed": list,
}  # fmt: skip


@pytest.fixture
def nowhere(tmp_path: Path) -> Office:
    return Office(tmp_path / "nowhere")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An incident file with nothing but the keys that it must have."""
    path = tmp_path / "bare.yaml"
    path.write_text(BARE, encoding="utf-8")
    return path


def story(office: Office, *more: object) -> Any:
    return office.values("assess", STORY / "incident.yaml", "--audience", STORY / "audience.csv", *more)


def said(*duties: Duty, zone: str = ZONE, **changes: Any) -> str:
    return "\n".join(in_words(an_assessment(duties=duties, **changes), zone))


def do_now(*duties: Duty) -> str:
    """The part about the next hours."""
    return said(*duties).split("\n\n")[1]


def test_a_program_gets_every_field_by_its_name(nowhere: Office) -> None:
    found = story(nowhere)
    assert {name: type(found[name]) for name in FIELDS} == FIELDS
    assert {"score", "band", "components", "would_change_it"} <= found["severity"].keys()
    assert {"name", "value", "reason", "facts"} <= found["severity"]["components"][0].keys()
    assert {"id", "says", "source", "risk", "facts"} <= found["rules"][0].keys()


def test_a_program_gets_every_field_of_every_duty(nowhere: Office) -> None:
    duties = story(nowhere)["duties"]
    wrong = [(duty["id"], name) for duty in duties for name, kind in DUTY_FIELDS.items()
             if not isinstance(duty[name], kind)]  # fmt: skip
    assert duties
    assert wrong == []
    assert any(duty["due_at"] is None for duty in duties)


def test_where_the_people_live_decides_who_must_be_told(nowhere: Office) -> None:
    alone = {duty["id"] for duty in nowhere.values("assess", STORY / "incident.yaml")["duties"]}
    assert {duty["id"] for duty in story(nowhere)["duties"]} - alone >= {"eu-gdpr-33.supervisory_authority@DE"}


def test_a_file_that_says_nothing_gives_questions_and_the_worse_case(nowhere: Office, bare: Path) -> None:
    found = nowhere.values("assess", bare)
    assert "Which kinds of data were touched?" in found["open_questions"]
    assert (found["risk"], found["notify_authority"], found["tell_people"]) == ("high", True, True)
    assert {name: type(found[name]) for name in FIELDS} == FIELDS
    assert nowhere.amends("assess", bare).exit_code == 0


def test_decisions_and_the_next_hours_stand_within_the_first_forty_lines(nowhere: Office) -> None:
    lines = nowhere.amends("assess", STORY / "incident.yaml", "--audience", STORY / "audience.csv").stdout.splitlines()
    top = "\n".join(lines[:40])
    for word in ("tell an authority: YES", "tell the people: YES", "risk to people: high", "do now", "may apply: "):
        assert word in top


def test_no_line_is_too_long(nowhere: Office) -> None:
    shown = nowhere.amends("assess", STORY / "incident.yaml", "--audience", STORY / "audience.csv").stdout
    assert max(map(width, shown.splitlines())) <= COLUMNS


def test_chinese_is_wrapped_by_the_room_it_takes_and_loses_nothing() -> None:
    line = "  " + "个人信息保护法" * 20
    cut = list(fitting(line))
    assert len(cut) > 2
    assert max(map(width, cut)) <= COLUMNS
    assert "".join(part.strip() for part in cut) == line.strip()


def test_an_overdue_duty_is_called_so_and_stands_first() -> None:
    shown = do_now(a_duty(due_at=None, id="a.b"), a_duty(due_at=NOW - 25 * HOUR))
    assert shown.splitlines()[1] == "  OVERDUE since 2026-11-23 08:00 UTC (Mon 23 Nov 16:00 Asia/Shanghai), for 1 d 1 h"
    assert shown.index("OVERDUE") < shown.index("at once\n")


def test_what_is_due_at_the_very_end_of_the_three_days_is_to_be_done_now() -> None:
    assert "nothing" not in do_now(a_duty(due_at=NOW + SOON))
    assert "nothing" in do_now(a_duty(due_at=NOW + SOON + timedelta(minutes=1)))


@pytest.mark.parametrize("changes", [{"waits": True, "due_at": None}, {"waits": True, "due_at": NOW + HOUR},
                                     {"standing": DutyStanding.EXEMPT}, {"standing": DutyStanding.MAY_APPLY}])  # fmt: skip
def test_what_waits_is_exempt_or_in_doubt_is_not_among_what_to_do_now(changes: dict[str, Any]) -> None:
    duty = a_duty(**changes)
    assert duty.id not in do_now(duty)
    assert duty.id in said(duty)


def test_a_claimed_exemption_is_told_with_its_evidence_and_never_called_overdue() -> None:
    ground = Exemption(text="encrypted", claimed=True, evidence=("encrypted_at_rest",))
    shown = said(a_duty(standing=DutyStanding.EXEMPT, due_at=NOW - HOUR, exemptions=(ground,)))
    assert "exemption claimed: encrypted (encrypted_at_rest)" in shown
    assert "OVERDUE" not in shown


def test_duties_that_may_apply_are_counted_at_the_top_and_shown_below() -> None:
    soon = a_duty(id="a.soon", standing=DutyStanding.MAY_APPLY, due_at=NOW + HOUR)
    late = a_duty(id="a.late", standing=DutyStanding.MAY_APPLY, due_at=NOW + 100 * HOUR)
    shown = said(a_duty(), soon, late)
    assert "may apply: 2 more, 1 of them this soon" in shown.split("\n\n")[1]
    assert shown.index("duties that may apply; treat them as applying") < shown.index("a.soon")


def test_what_must_come_first_says_so_where_it_is_to_be_done() -> None:
    shown = do_now(a_duty(before=("eu-gdpr-34.data_subjects",)))
    assert ", before eu-gdpr-34.data_subjects" in " ".join(shown.split())


def test_a_clock_that_is_assumed_says_so_where_it_is_to_be_done() -> None:
    assert "(its clock is assumed)" in do_now(a_duty(assumed="counted from now"))


def test_authorities_of_many_countries_are_one_line_that_names_each_country() -> None:
    places = ("DE", "FR", "IT", "ES")
    duties = [a_duty(id=f"eu-gdpr-33.supervisory_authority@{place}", places=(place,), recipient_name=f"DPA of {place}",
                     why=f"5 people live in {place}; the risk is high") for place in places]  # fmt: skip
    shown = " ".join(said(*duties).split())
    assert "4 × supervisory authority: DE, FR, IT, ES" in shown
    assert shown.count("[eu-gdpr-33.supervisory_authority@PLACE]") == 2
    assert shown.count("the risk is high") == 1
    assert all(f"5 people live in {place}" in shown for place in places)


def test_duties_with_different_times_are_not_one_line() -> None:
    shown = do_now(a_duty(id="a.x", due_at=NOW + HOUR), a_duty(id="a.y", due_at=NOW + 2 * HOUR))
    assert len(re.findall(r"^  by ", shown, re.MULTILINE)) == 2


def test_duties_that_do_not_apply_stand_together_by_their_reason() -> None:
    aside = [SetAside(id=f"us.{name}", places=("US",), why="it is no bank") for name in "ab"]
    assert "it is no bank: us.a, us.b" in said(set_aside=tuple(aside))


def test_a_time_is_told_in_utc_and_as_clocks_show_it_there() -> None:
    late = datetime(2026, 11, 20, 23, 5, tzinfo=UTC)
    assert when(late, ZONE) == "2026-11-20 23:05 UTC (Sat 21 Nov 07:05 Asia/Shanghai)"
    assert when(late, "UTC") == "2026-11-20 23:05 UTC"


def test_the_page_stands_alone_and_shows_what_the_terminal_says(nowhere: Office, tmp_path: Path) -> None:
    out = tmp_path / "assessment.html"
    found, page = story(nowhere, "--report", out), out.read_text(encoding="utf-8")
    assert 'class="duty-picture"' in page
    assert [duty["id"] for duty in found["duties"] if f"<code>{duty['id']}</code>" not in page] == []
    assert [rule["id"] for rule in found["rules"] if rule["id"] not in page] == []
    assert out.stat().st_mode & 0o077 == 0


def test_the_page_names_nobody_and_loads_nothing(nowhere: Office, tmp_path: Path) -> None:
    out = tmp_path / "assessment.html"
    story(nowhere, "--report", out)
    page = out.read_text(encoding="utf-8")
    rows = (STORY / "audience.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [row for row in rows if any(cell in page for cell in row.split(",")[1:4] if cell)] == []
    assert sources(page) == []


def sources(page: str) -> list[str]:
    found: list[str] = []

    class Sources(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "srcset", "xlink:href"))

    Sources().feed(page)
    return found + re.findall(r"<script|@import|url\(", page)


def test_markup_in_the_file_stays_text_on_the_page(nowhere: Office, bare: Path, tmp_path: Path) -> None:
    out = tmp_path / "assessment.html"
    ruling = '\nrulings:\n  unknown-place.authority: {applies: true, by: "<b>Law</b>", reason: "<script>x</script>"}\n'
    bare.write_text(BARE.replace("Something happened\n", "<script>alert(1)</script>\n") + ruling, encoding="utf-8")
    answer = nowhere.amends("assess", bare, "--report", out)
    assert answer.exit_code == 0, answer.output
    assert "&lt;script&gt;" in out.read_text(encoding="utf-8")
    assert "<script" not in out.read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_told_in_words(nowhere: Office, bare: Path, tmp_path: Path) -> None:
    answer = nowhere.amends("assess", bare, "--report", tmp_path / "no" / "where.html")
    assert answer.exit_code == 1
    assert "where.html" in answer.stderr


def test_a_duty_to_people_is_among_what_to_do_now() -> None:
    assert "people of Germany" in do_now(
        a_duty(addressee=Addressee.PEOPLE, recipient_name="people of Germany", due_at=None)
    )
