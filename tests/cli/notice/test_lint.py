"""Notices are linted from the ledger, or from files before there is a ledger; the exit code says whether one may leave."""

import json
from datetime import UTC, datetime
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from amends.cli.notice.dry_run import Kinds, kinds_at_home, kinds_in, opened, rehearse
from amends.content.incident.incident import read_incident
from amends.content.people.audience import AudienceFile
from amends.content.playbook.library import shipped_playbooks
from amends.content.playbook.playbook import load_playbook
from amends.domain.base.errors import Finding
from amends.domain.case.views.draft import DraftView
from amends.domain.draft.writer import Links
from amends.domain.incident.incident import Incident
from amends.domain.law.addendum import GENERAL
from amends.domain.lint.lint import lint_in
from amends.domain.notice.notice import Reader, TextName
from amends.domain.notice.wording import Wording
from amends.domain.people.person import AudienceCounts
from tests.builders import a_case, an_assessment
from tests.cli.conftest import AUDIENCE_HEAD, INCIDENT, NOTICE, PLAYBOOK, STORY, Office, write_draft

OTHER_PLAYBOOKS = [pytest.param(name, marks=pytest.mark.full) for name in shipped_playbooks() if name != PLAYBOOK]
TODAY = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
IN_THE_STATES = (
    "C-1,Kim Example,kim@mail.example,,en,US,MA,\n"
    "C-2,Jo Example,jo@mail.example,,en,US,CA,\n"
    "C-3,Ann Example,ann@mail.example,,en,DE,,C-4\n"
    "C-4,Bo Example,,,zh-CN,US,CA,\n"
)
FAULTS = {
    "We told the police at once.": "We told the police out of an abundance of caution.",
    "Before each visit we will send the name": "Before each visit we will send 99 customers the name",
}


def story_with(folder: Path, changes: dict[str, str]) -> Path:
    """The incident file of the story with other words."""
    text = (STORY / "incident.yaml").read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "incident.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def linted(office: Office, *words: object) -> tuple[int, Any]:
    answer = office.amends("--json", "lint", *words)
    return answer.exit_code, json.loads(answer.stdout)


@pytest.fixture
def nowhere(tmp_path: Path) -> Office:
    """An office without a home."""
    return Office(tmp_path / "none")


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, set[tuple[str, str]]]:
    """The exit code, and where which codes were found, for a story with faults and people in the United States."""
    folder = tmp_path_factory.mktemp("faulty")
    audience = folder / "audience.csv"
    audience.write_text(AUDIENCE_HEAD.replace("segment", "region,guardian_of") + IN_THE_STATES, encoding="utf-8")
    code, answer = linted(Office(folder), "--incident", story_with(folder, FAULTS), "--audience", audience)
    return code, {(finding["where"], finding["code"]) for finding in answer["findings"]}


def findings_of(case: DraftView, wording: Wording, kinds: Kinds) -> tuple[Finding, ...]:
    """What is found in any notice that the case's playbook would write for these readers."""
    links = Links("https://btepai.example")
    return tuple(
        finding
        for one in rehearse(case, wording, kinds, links, TODAY)
        for finding in (
            *one.findings,
            *(lint_in(one.case, one.draft, wording, links.pages(INCIDENT)) if one.draft else ()),
        )
    )


@cache
def the_story() -> Incident:
    return read_incident(STORY / "incident.yaml")


LONG = {"L171"}
"""What is advised of the story, whose seven promises make a letter of more than 350 words."""


@pytest.mark.parametrize("playbook", shipped_playbooks())
def test_no_notice_of_a_shipped_playbook_has_any_finding(playbook: str) -> None:
    steps, wording = load_playbook(playbook)
    listed = AudienceCounts(people=240)
    case = a_case(incident=the_story(), playbook=steps, assessment=an_assessment(), audience=listed)
    kinds = kinds_in(tuple(AudienceFile(STORY / "audience.csv").rows()), wording.addenda)
    assert {finding.code for finding in findings_of(case, wording, kinds)} == LONG


def of_every_letter(wording: Wording, locales: tuple[str, ...]) -> tuple[Kinds, AudienceCounts]:
    """Adults and guardians in each language, where each letter is for."""
    letters = {letter.id: letter.places[0] for letter in wording.addenda.addenda}
    kinds = Kinds()
    for kind in product(locales, Reader, (*letters, GENERAL)):
        kinds.add("everyone", TextName(*kind))
    return kinds, AudienceCounts(people=240, by_place=dict.fromkeys((*letters.values(), "DE", "US-NJ"), 20))


@pytest.mark.parametrize("playbook", [*OTHER_PLAYBOOKS, PLAYBOOK])
def test_shipped_notices_pass_and_read_well_under_local_laws(playbook: str) -> None:
    """No notice of a shipped playbook is blocked under the laws of its readers' homes, and apart from findings about
    the laws' own words none reads badly.
    """
    steps, wording = load_playbook(playbook)
    kinds, people = of_every_letter(wording, tuple(the_story().texts))
    found = findings_of(opened(the_story(), people, steps, TODAY), wording, kinds)
    assert [str(finding) for finding in found if finding.blocks] == []
    only_of_laws = {"L140", "L150", "L151", "L153"}
    assert [str(finding) for finding in found if finding.code not in only_of_laws | LONG] == []
    assert {"L150", "L153"} <= {finding.code for finding in found}


def test_every_notice_of_the_story_is_linted_and_may_leave(nowhere: Office) -> None:
    """Every notice of the story, including those about commitments, is read under the laws as they stand, and no
    finding blocks any of them.
    """
    files = ("--incident", STORY / "incident.yaml", "--audience", STORY / "audience.csv")
    code, answer = linted(nowhere, *files)
    assert [finding for finding in answer["findings"] if finding["blocks"]] == []
    assert code == 0
    assert {"first-notice", "closing", "promise-kept-security-fix-1", "promise-late-audit-1"} <= set(answer["notices"])


def test_a_story_that_makes_light_of_it_ends_with_exit_code_3(faulty: tuple[int, set[tuple[str, str]]]) -> None:
    code, found = faulty
    assert code == 3
    assert ("first-notice en/self/website", "L106") in found


@pytest.mark.parametrize("variant", ["en/self/us-ma/email", "en/self/us/email"])
def test_each_place_has_its_letter_read(faulty: tuple[int, set[tuple[str, str]]], variant: str) -> None:
    assert (f"first-notice {variant}", "L142") in faulty[1]


def test_a_childs_notice_is_linted_for_its_guardian_at_its_home(faulty: tuple[int, set[tuple[str, str]]]) -> None:
    """The notice about a child is linted as read by the guardian, under the laws of the child's home."""
    assert ("first-notice en/guardian/us/email", "L142") in faulty[1]


def test_without_an_audience_every_language_is_linted_by_residence(tmp_path: Path) -> None:
    """Without an audience file, notices are linted in every language for the places where the incident file says that
    people live.
    """
    path = story_with(tmp_path, {"texts:\n": "residences: {US-MA: 200, DE: 40}\n\ntexts:\n"})
    _, wording = load_playbook(PLAYBOOK)
    readers = kinds_at_home(read_incident(path), wording.addenda).of("everyone")
    assert readers.people == 240
    assert readers.kinds == {
        TextName(locale, Reader.SELF, letter) for locale in ("en", "zh-CN") for letter in ("us-ma", "general")
    }


def test_a_notice_that_cannot_be_written_is_a_finding(nowhere: Office, tmp_path: Path) -> None:
    path = story_with(tmp_path, {"      zh-CN: 警方找到了": "      fr: 警方找到了"})
    code, answer = linted(nowhere, "--incident", path)
    assert code == 3
    assert answer["findings"]


def test_what_stands_drafted_is_linted(office: Office) -> None:
    code, answer = linted(office, INCIDENT)
    assert (code, answer["notices"]) == (0, [NOTICE])


def test_one_notice_can_be_linted_after_it_was_approved(ready: Office) -> None:
    assert linted(ready, INCIDENT, NOTICE)[1]["notices"] == [NOTICE]


def test_a_notice_that_is_not_there_is_an_error(office: Office) -> None:
    assert office.amends("lint", INCIDENT, "no-such-notice").exit_code == 1


@pytest.mark.parametrize("words", [(), ("stolen-terminals", "--incident", "x.yaml")])
def test_an_incident_is_named_once(nowhere: Office, words: tuple[str, ...]) -> None:
    assert nowhere.amends("lint", *words).exit_code == 2


def test_the_codes_are_printed_without_a_ledger(nowhere: Office) -> None:
    assert "| L142 |" in nowhere.amends("lint", "--codes").stdout
    assert nowhere.values("lint", "--codes")["L142"]["stops"] == "stops or advises"


def test_a_preview_shows_what_is_only_advised(office: Office, tmp_path: Path) -> None:
    sad = {"We told the police at once.": f"{'We are sad and ' * 11}sorry. We told the police at once."}
    sad["  people: 240\n"] = "  people: {max: 240}\n"
    assert office.amends("incident", "amend", story_with(tmp_path, sad), by="lena").exit_code == 0
    ledger = office.ledger()
    write_draft(ledger)
    ledger.dispose()
    shown = office.amends("preview", INCIDENT, NOTICE)
    assert shown.exit_code == 0
    assert "L130 has a sentence of" in shown.stdout
