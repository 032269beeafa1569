"""An incident file is assessed without a ledger: what to do first comes first, and what nobody knows is asked."""

import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from amends.domain.assess.assessment import Score
from amends.domain.assess.text import COLUMNS, SOON, fitting, in_words, law, particulars, when
from amends.domain.base.text import width
from amends.domain.law.duty import Addressee, Confidence, Duty, DutyStanding, Exemption, SetAside, Substitute
from amends.domain.law.means import Means
from amends.domain.risk.levels import Component, Severity
from amends.domain.risk.severity import AVAILABILITY, CONFIDENTIALITY, DPC, EI, INTEGRITY, MALICE, MANY
from flows.run.artifacts import assessment_page
from tests.builders import NOW, a_case, a_duty, an_assessment
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
    "severity": dict,
    "risk": str,
    "document": bool,
    "notify_authority": bool,
    "tell_people": bool,
    "rules": list,
    "duties": list,
    "set_aside": list,
    "open_questions": list,
    "changes": list,
}
DUTY_FIELDS: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "recipient": str,
    "due_at": (str, type(None)),
    "clock": str,
    "why": str,
    "content": list,
    "must_not": list,
    "confidence": str,
    "standing": str,
    "lawyer_needed": list,
}


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
    wrong = [
        (duty["id"], name) for duty in duties for name, kind in DUTY_FIELDS.items() if not isinstance(duty[name], kind)
    ]
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


def a_week_ago(folder: Path) -> Path:
    """The story as if it had happened a week ago, by the clock of the machine."""
    later = datetime.now(UTC).date() - date(2026, 11, 26)
    text = (STORY / "incident.yaml").read_text(encoding="utf-8")
    moved = re.sub(r"2026-\d\d-\d\d", lambda found: str(date.fromisoformat(found[0]) + later), text)
    path = folder / "incident.yaml"
    path.write_text(moved, encoding="utf-8")
    return path


def test_decisions_and_the_next_hours_stand_in_the_first_45_lines(nowhere: Office, tmp_path: Path) -> None:
    """The first 45 lines of an assessment hold the decisions about authority and people, the risk, what to do now,
    and what may apply soon or later.
    """
    asked = nowhere.amends("assess", a_week_ago(tmp_path), "--audience", STORY / "audience.csv")
    lines = asked.stdout.splitlines()
    top = "\n".join(lines[:45])
    for word in (
        "tell an authority: YES",
        "tell the people: YES",
        "risk to people: high",
        "do now",
        "may apply, and soon",
        "may apply later: ",
    ):
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


def test_a_duty_that_only_may_apply_is_never_called_overdue() -> None:
    """A duty that only may apply and whose time has passed is said calmly, in short and in full."""
    shown = said(a_duty(standing=DutyStanding.MAY_APPLY, due_at=NOW - 25 * HOUR))
    assert "OVERDUE" not in shown
    assert "would be overdue for 1 d 1 h if it applies" in shown
    assert "would be overdue since 2026-11-23 08:00 UTC (Mon 23 Nov 16:00 Asia/Shanghai) if it applies" in shown


def test_what_is_due_when_the_three_days_end_is_to_be_done_now() -> None:
    """A duty that is due exactly at the end of the next three days is listed under "do now", and a duty due one minute
    later is not.
    """
    assert "nothing" not in do_now(a_duty(due_at=NOW + SOON))
    assert "nothing" in do_now(a_duty(due_at=NOW + SOON + timedelta(minutes=1)))


@pytest.mark.parametrize(
    "changes",
    [{"waits": True, "due_at": None}, {"waits": True, "due_at": NOW + HOUR}, {"standing": DutyStanding.EXEMPT}],
)
def test_what_waits_or_is_exempt_is_not_among_what_to_do_now(changes: dict[str, Any]) -> None:
    duty = a_duty(**changes)
    assert duty.id not in do_now(duty)
    assert duty.id in said(duty)


def test_a_claimed_exemption_shows_evidence_and_is_never_overdue() -> None:
    """A duty with a claimed exemption is shown with the evidence for the exemption, and is not called overdue even when
    its time has passed.
    """
    ground = Exemption(text="encrypted", claimed=True, evidence=("encrypted_at_rest",))
    shown = said(a_duty(standing=DutyStanding.EXEMPT, due_at=NOW - HOUR, exemptions=(ground,)))
    assert "exemption claimed: encrypted (shown by: encrypted at rest)" in shown
    assert "OVERDUE" not in shown


def exempt(**changes: Any) -> Duty:
    ground = Exemption(text="the data was encrypted", claimed=True, evidence=("encrypted_at_rest",))
    given = {"standing": DutyStanding.EXEMPT, "addressee": Addressee.PEOPLE, "exemptions": (ground,)}
    return a_duty(**(given | changes))


def test_a_no_that_rests_on_exemptions_says_so() -> None:
    duties = exempt(id="us-wa.individuals", regime="us-wa"), exempt(id="us-ca.individuals", regime="us-ca")
    assert "tell the people: NO, if a lawyer agrees to 2 exemptions; a playbook's" in said(*duties, tell_people=False)
    assert "tell the people: NO, if a lawyer agrees to 1 exemption; a playbook's" in said(duties[0], tell_people=False)
    assert "tell the people: YES\n" in said(*duties, tell_people=True)


def test_exemptions_for_authorities_do_not_qualify_a_no_on_people() -> None:
    """An exemption from telling an authority qualifies only the answer about the authority: the answer "tell the
    people: NO" stands without a condition.
    """
    shown = said(exempt(addressee=Addressee.AUTHORITY), tell_people=False, notify_authority=False)
    assert "tell the people: NO; a playbook's" in shown
    assert "tell an authority: NO, if a lawyer agrees to 1 exemption\n" in shown


def test_counsel_is_asked_at_the_top_to_agree_to_what_is_claimed() -> None:
    shown = do_now(exempt(law="RCW", citation="19.255.010"))
    _, ask, claim = shown.splitlines()
    assert ask == "  ask counsel to agree to the exemptions claimed:"
    assert claim == "    the data was encrypted (shown by: encrypted at rest): RCW, 19.255.010"


def maybe(name: str, due_in: int | None, **changes: Any) -> Duty:
    due_at = None if due_in is None else NOW + due_in * HOUR
    return a_duty(id=f"{name}.x", regime=name, standing=DutyStanding.MAY_APPLY, due_at=due_at, **changes)


def test_what_may_apply_soon_follows_what_is_sure_by_urgency() -> None:
    """Under "do now", duties that may apply and are pressing follow the duties that surely apply, the most urgent of
    them first.
    """
    shown = do_now(maybe("soon", 4), maybe("at-once", None), maybe("late", -2), a_duty(id="sure.x"))
    sure, heading, *lines = shown.splitlines()[2:]
    assert "[sure.x]" in sure
    assert heading == "  may apply, and soon: treat as applying until somebody answers"
    assert [line.split(": ")[0].strip() for line in lines if ": " in line] == [
        "would be overdue for 2 h if it applies",
        "at once",
        "in 4 h",
    ]
    assert re.findall(r"\[(\S+)\]", " ".join(lines)) == ["late.x", "at-once.x", "soon.x"]


def test_what_may_apply_under_one_law_is_one_line() -> None:
    shown = do_now(maybe("law", 4), maybe("law", 24, recipient_name="police"))
    assert "    in 4 h / in 1 d: Data protection authority of Germany; police: " in shown


def test_what_may_apply_later_is_counted_at_the_top_and_shown_below() -> None:
    shown = said(a_duty(), maybe("soon", 1), maybe("late", 100))
    assert shown.split("\n\n")[1].endswith("  may apply later: 1 more; see below")
    assert "late.x" not in shown.split("\n\n")[1]
    assert shown.index("duties that may apply; treat them as applying") < shown.index("late.x")


def test_a_report_due_within_hours_stays_on_top_if_trade_is_unknown(nowhere: Office, bare: Path) -> None:
    """With more than a million people affected and no statement of the organisation's trade, the report that is due
    within hours stands in the first section.
    """
    million = BARE.replace("  own_domains", "  established_in: CN\n  own_domains") + (
        "times: {discovered: 2026-11-20T09:00:00+08:00}\nfacts: {people: 1200000}\nresidences: {CN: 1200000}\n"
    )
    bare.write_text(million, encoding="utf-8")
    top = nowhere.amends("assess", bare).stdout.split("\n\n")[1]
    assert "cn-incident-reporting-2025.provincial_cac" in top


def test_a_band_that_many_people_raised_says_so() -> None:
    def parts(many: int, reason: str) -> dict[str, Any]:
        values = {DPC: 2, EI: 1, CONFIDENTIALITY: 0.5, INTEGRITY: 0, AVAILABILITY: 0, MALICE: 0, MANY: many}
        return {"components": tuple(Component(name=name, value=value, reason=reason) for name, value in values.items())}

    def severity(many: int, band: Severity, reason: str) -> str:
        found = Score(score=2.5, band=band, would_change_it=(), **parts(many, reason))
        return said(severity=found).splitlines()[5].strip()

    raised = severity(1, Severity.HIGH, "100,000 people or more: one band higher.")
    assert raised == "severity: high (one band higher: 100,000 people or more), score 2.50 (ENISA, 0.25 to 6)"
    assert severity(0, Severity.MEDIUM, "Fewer than 100,000 people.").startswith("severity: medium, score 2.50")


def test_all_that_a_duty_knows_is_shown_a_line_for_each_kind() -> None:
    duty = a_duty(
        addressee=Addressee.PEOPLE,
        channels=(Means.WRITTEN, Means.ELECTRONIC_WITH_CONSENT),
        channels_in_words="and a log of each",
        substitute=Substitute(if_any=("cost > USD 250,000", "no addresses"), do_all=("website", "media"), for_days=30),
        delay_allowed=("the police ask for it",),
        remedy="credit monitoring",
        exemptions=(Exemption(text="no harm is likely"),),
        format_rules=("plain language",),
        must_not=("ask for a card number",),
        before=("other.duty",),
        note="file online",
        records="5 years",
        phased=True,
        confidence=Confidence.MEMORY_LOW,
        confidence_note="the number was checked",
        lawyer_needed=("which office",),
    )
    assert law(duty) == "GDPR (EU) 2016/679, Art. 33 (NOT VERIFIED, memory-low)"
    known = particulars((duty,))
    assert [*known.items()] == [
        ("why", "2 people live in Germany"),
        ("exemptions not claimed", "no harm is likely"),
        ("comes before", "other.duty"),
        ("permitted channels", "written; electronic with consent; and a log of each"),
        ("substitute notice", "if any of (cost > USD 250,000; no addresses): do all of (website; media), for 30 days"),
        ("form", "plain language"),
        ("must not", "ask for a card number"),
        ("must be given", "credit monitoring"),
        ("may wait when", "the police ask for it"),
        ("in phases", "what is not known in time may follow"),
        ("records", "5 years"),
        ("note", "file online"),
        ("how sure", "the number was checked"),
        ("a lawyer must look at", "which office"),
    ]
    shown = " ".join(said(duty).split())
    assert [title for title, text in known.items() if f"{title}: {text}" not in shown] == []


def test_an_authority_is_not_shown_the_laws_demands_on_messages(nowhere: Office, bare: Path) -> None:
    """What a law forbids or demands in messages to people is listed with the duty to people, and not with the duty to
    an authority under the same law.
    """
    bare.write_text(BARE + "residences: {US-MA: 5}\n", encoding="utf-8")
    listing = nowhere.amends("assess", bare).stdout.split("\n\nduties that ", 1)[1]
    blocks = re.split(r"\n    (?=\w)", listing)
    (people,) = (block for block in blocks if "us-ma.individuals]" in block)
    (office,) = (block for block in blocks if "us-ma.attorney_general" in block)
    assert "must not: say in the letter" in people
    assert "must be given: " in people
    assert [word for word in ("say in the letter", "must be given") if word in office] == []


def test_authority_and_people_due_alike_have_a_line_each() -> None:
    """Duties to an authority and to people with the same deadline are two lines when the law forbids something in
    messages to people, and only the line of the people names what is forbidden.
    """
    people = a_duty(id="a.people", addressee=Addressee.PEOPLE, must_not=("name the nature",))
    shown = said(a_duty(id="a.authority"), people).split("duties that apply")[1]
    assert shown.index("[a.authority]") < shown.index("[a.people]") < shown.index("must not: name the nature")
    assert shown.count("must not:") == 1


def test_what_must_come_first_says_so_where_it_is_to_be_done() -> None:
    shown = do_now(a_duty(before=("eu-gdpr-34.data_subjects",)))
    assert ", before eu-gdpr-34.data_subjects" in " ".join(shown.split())


def test_a_clock_that_is_assumed_says_so_where_it_is_to_be_done() -> None:
    assert "(its clock is assumed)" in do_now(a_duty(assumed="counted from now"))


def test_authorities_of_many_countries_are_one_line_naming_each() -> None:
    """The same duty to authorities of several countries is one line that names each country, with the shared reason
    once and each country's own reason beside it.
    """
    places = ("DE", "FR", "IT", "ES")
    duties = [
        a_duty(
            id=f"eu-gdpr-33.supervisory_authority@{place}",
            places=(place,),
            recipient_name=f"DPA of {place}",
            why=f"5 people live in {place}; the risk is high",
        )
        for place in places
    ]
    shown = " ".join(said(*duties).split())
    assert "4 × DPA: DE, FR, IT, ES" in shown
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
    assert [duty["id"] for duty in found["duties"] if f"<code>{duty['id']}</code>" not in page] == []
    assert [rule["id"] for rule in found["rules"] if rule["id"] not in page] == []
    assert out.stat().st_mode & 0o077 == 0


def test_the_page_goes_from_decisions_to_duties_to_reasons(nowhere: Office, tmp_path: Path) -> None:
    """The page of an assessment shows in this order: the decisions, what to do now, what may apply, the table of
    duties, the channels, the open questions, and the reasons.
    """
    out = tmp_path / "assessment.html"
    story(nowhere, "--report", out)
    page = out.read_text(encoding="utf-8")
    order = (
        "Tell an authority",
        "<h3>Do now",
        "may apply, and soon",
        'class="cards owed"',
        "permitted channels:",
        "<h3>Open questions",
        "<h3>Why this risk",
        "<h3>Why this severity",
        "<h3>Looked at",
    )
    assert sorted(order, key=page.index) == list(order)


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


def test_what_each_letter_must_say_stands_in_text_and_page(nowhere: Office, tmp_path: Path) -> None:
    """Terminal and page list for each letter what its laws want said, ticked where the shipped letter says it."""
    page = tmp_path / "page.html"
    asked = nowhere.amends(
        "assess", STORY / "incident.yaml", "--audience", STORY / "audience.csv", "--report", page
    ).stdout
    assert "what each letter must say, by the laws where its readers live" in asked
    assert "✓ What happened, and how [" in asked and "letter us-ag" in asked
    written = page.read_text(encoding="utf-8")
    assert "What each letter must say" in written and "✓ What happened, and how" in written


def test_a_no_to_telling_people_says_what_a_playbook_does() -> None:
    assert "  tell the people: NO; a playbook's notices go to everybody in the list all the same" in said(
        tell_people=False
    )


def test_the_prefect_page_says_in_short_what_the_terminal_says() -> None:
    duties = (
        a_duty(channels=(Means.WRITTEN,), confidence=Confidence.MEMORY_LOW),
        maybe("doubtful", 4),
        exempt(id="us-wa.individuals", regime="us-wa"),
    )
    page = assessment_page(a_case(), an_assessment(duties=duties, tell_people=False))
    for words in (
        "tell the people: **NO, if a lawyer agrees to 1 exemption; a playbook's notices go to everybody",
        "**may apply, and soon: treat as applying until somebody answers**",
        "**ask counsel to agree to the exemptions claimed:**",
        "permitted channels: written",
        "(NOT VERIFIED, memory-low)",
    ):
        assert words in page
