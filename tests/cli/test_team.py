"""The team, personal links, the audit chain and held steps: who may decide, and what stays."""

from datetime import UTC, datetime

import pytest

from amends.domain.case.states import OccurrenceState
from amends.domain.plan.plan import plan
from amends.domain.playbook.playbook import Playbook
from tests.builders import story_of_few
from tests.cli.conftest import INCIDENT, Office, approve, tamper


def test_the_first_lead_is_added_without_a_token(empty: Office) -> None:
    assert empty.values("team", "add", "lena", "--role", "lead")["token"]


def test_once_there_is_a_lead_only_leads_add_people(office: Office) -> None:
    assert office.amends("team", "add", "eve", "--role", "legal").exit_code == 1
    assert office.amends("team", "add", "eve", "--role", "legal", by="omar").exit_code == 1


def test_a_lead_adds_people(office: Office) -> None:
    assert office.amends("team", "add", "mia", "--role", "legal", by="lena").exit_code == 0


def test_a_variable_that_is_not_set_is_nobodys_name(office: Office) -> None:
    answer = office.amends("team", "add", "", "--role", "legal", by="lena")
    assert (answer.exit_code, "variable" in answer.stderr) == (1, True)


def test_the_token_stands_alone_on_stdout(office: Office) -> None:
    added = office.amends("team", "add", "mia", "--role", "legal", by="lena")
    office.tokens["mia"] = added.stdout.strip()
    assert approve(office, "mia").exit_code == 4


def test_an_unknown_role_is_a_usage_error(office: Office) -> None:
    assert office.amends("team", "add", "mia", "--role", "boss", by="lena").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("incident", "open", story_of_few(), "--audience", "people.csv"),
        ("run", INCIDENT, "--playbook", "customer-data-theft"),
        ("incident", "amend", story_of_few()),
        ("audience", "correct", INCIDENT, "people.csv"),
        ("commitments", "late", INCIDENT, "credit-monitoring", "--until", "2099-01-01", "--reason-en", "Late."),
        ("commitments", "drop", INCIDENT, "credit-monitoring", "--reason", "en=No."),
        ("incident", "close", INCIDENT),
    ],
    ids=lambda words: " ".join(map(str, words[:2])),
)
def test_a_responder_answers_and_decides_nothing(office: Office, words: tuple[object, ...]) -> None:
    before = office.values("audit", "head")["entries"]
    answer = office.amends(*words, by="rosa")
    assert (answer.exit_code, answer.stderr.startswith("amends: rosa is responder, and `amends ")) == (1, True)
    assert office.values("audit", "head")["entries"] == before + 1, "only that it was refused"


def test_the_table_of_roles_is_shown_whole_or_for_one_role(empty: Office) -> None:
    every, one = empty.values("team", "roles"), empty.values("team", "roles", "--role", "responder")
    closing = next(row for row in every if row["verb"] == "incident close")
    assert (closing["roles"], closing["people"]) == ("lead, legal and executive", 1)
    assert {row["verb"] for row in one} < {row["verb"] for row in every}
    assert "incident close" not in {row["verb"] for row in one}


def test_the_word_of_somebody_removed_counts_no_more(office: Office) -> None:
    office.values("team", "remove", "omar", by="lena")
    assert approve(office, "omar").exit_code == 1


def test_the_only_lead_stays(office: Office) -> None:
    answer = office.amends("team", "remove", "lena", by="lena")
    assert answer.exit_code == 1
    assert "only lead" in answer.stderr


def test_the_list_shows_no_tokens(office: Office) -> None:
    listed = office.amends("team", "list").stdout
    assert not any(token in listed for token in office.tokens.values())


def test_a_revoked_link_leads_nowhere(office: Office) -> None:
    ledger = office.ledger()
    token = ledger.people.link_of(INCIDENT, 2)
    office.values("link", "revoke", INCIDENT, 2, by="rosa")
    assert ledger.people.whose_link(token) is None
    ledger.dispose()


def test_a_link_of_nobody_is_an_error(office: Office) -> None:
    assert office.amends("link", "revoke", INCIDENT, 99, by="rosa").exit_code == 1


@pytest.mark.parametrize("number", ["9" * 22, 0])
def test_a_number_that_no_person_has_is_a_usage_error(office: Office, number: object) -> None:
    assert office.amends("link", "revoke", INCIDENT, number, by="rosa").exit_code == 2


def test_what_somebody_tells_the_team_counts_as_their_own_opt_out(office: Office) -> None:
    asked = ("opt-out", INCIDENT, 2)
    assert [office.values(*asked, by="rosa")["new"] for _ in range(2)] == [True, False]
    ledger = office.ledger()
    assert ledger.opt_outs.has(INCIDENT, 2)
    assert office.values(*asked, "--again", by="rosa")["opted_out"] is False
    assert not ledger.opt_outs.has(INCIDENT, 2)
    noted = [(entry.actor, entry.act) for entry in ledger.audit.entries(INCIDENT) if entry.act.startswith("opted")]
    assert noted == [("rosa", "opted out"), ("rosa", "opted in")]
    ledger.dispose()


def test_an_opt_out_of_nobody_is_an_error(office: Office) -> None:
    answer = office.amends("opt-out", INCIDENT, 99, by="rosa")
    assert (answer.exit_code, "no person 99" in answer.stderr) == (1, True)


def test_an_untouched_audit_chain_holds(office: Office) -> None:
    assert office.values("audit", "verify") == {"problems": []}


def test_an_altered_audit_chain_is_a_finding(office: Office) -> None:
    tamper(office, 3)
    answer = office.amends("audit", "verify")
    assert answer.exit_code == 3
    assert "entry 3" in answer.stdout


def test_the_head_of_the_audit_chain_moves_with_every_act(office: Office) -> None:
    approve(office, "omar")
    before = office.values("audit", "head")["entries"]
    approve(office, "wei")
    assert office.values("audit", "head")["entries"] == before + 1


def hold(office: Office) -> None:
    ledger, now = office.ledger(), datetime.now(UTC)
    ledger.occurrences.mark(INCIDENT, "survey", 1, now, OccurrenceState.HELD, now, "cancelled")
    ledger.dispose()


def turn(office: Office) -> dict[str, object]:
    turns = office.values("incident", "show", INCIDENT)["case"]["occurrences"]
    return next(turn for turn in turns if turn["step"] == "survey")


def test_a_held_step_can_be_let_go(office: Office) -> None:
    hold(office)
    office.values("step", "go", INCIDENT, "survey", 1, by="lena")
    assert (turn(office)["state"], turn(office)["revision"]) == ("waiting", 1)


TASK = {
    "id": "call-bank",
    "phase": "follow_up",
    "after": 0,
    "of": "opened",
    "task": "Call the bank.",
    "owner": "Finance",
    "within": "4h",
}


@pytest.mark.parametrize("before", [["held"], ["waiting", "held"]], ids=["before its owner was asked", "afterwards"])
def test_the_owner_of_a_task_that_may_go_on_is_asked_if_they_were_not(office: Office, before: list[str]) -> None:
    ledger, now = office.ledger(), datetime.now(UTC)
    case, wording = ledger.cases.read(INCIDENT, now), ledger.playbooks.wording(INCIDENT)
    content = case.playbook.model_dump(mode="json", by_alias=True) if case.playbook else {}
    playbook = Playbook.model_validate(content | {"steps": [*content["steps"], TASK]})
    ledger.playbooks.pin(INCIDENT, playbook, wording, "lena", now)
    for state in before:
        ledger.occurrences.mark(INCIDENT, "call-bank", 1, now, OccurrenceState(state), now)
    office.values("step", "go", INCIDENT, "call-bank", 1, by="lena")
    planned = plan(ledger.cases.read(INCIDENT, now), now)
    begins = ("call-bank", 1, 1) in {(turn.step, turn.number, turn.revision) for turn in planned.due}
    told_late = "call-bank" in {turn.step for turn in planned.upcoming}
    assert (begins, told_late) == (before == ["held"], before != ["held"])
    ledger.dispose()


def test_a_held_step_can_be_left_out(office: Office) -> None:
    hold(office)
    office.values("step", "skip", INCIDENT, "survey", 1, by="lena")
    assert turn(office)["state"] == "skipped"


@pytest.mark.parametrize("verb", ["go", "skip"])
def test_a_turn_that_no_step_can_have_is_a_usage_error(office: Office, verb: str) -> None:
    assert office.amends("step", verb, INCIDENT, "survey", 2**63, by="lena").exit_code == 2


@pytest.mark.parametrize("act", ["go", "skip"])
def test_a_step_that_is_not_held_is_left_alone(office: Office, act: str) -> None:
    assert office.amends("step", act, INCIDENT, "survey", 1, by="lena").exit_code == 1


def test_a_held_step_is_named_by_show(office: Office) -> None:
    hold(office)
    assert "survey is held" in office.amends("incident", "show", INCIDENT).stderr
