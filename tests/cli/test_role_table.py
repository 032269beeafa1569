"""The table of docs/roles.md, run: each command with each role is allowed or refused as the page says."""

import shutil
from pathlib import Path

import pytest

from amends.domain.base.text import listed
from amends.domain.team.member import TeamRole
from tests.builders import story_of_few
from tests.cli.conftest import AUDIENCE, INCIDENT, NOTICE, PLAYBOOK, TEAM, Office, a_copy
from tests.cli.role_page import HERE, command_of, on_page

CREW = {name: TeamRole(role) for name, role in TEAM.items()} | {
    "cleo": TeamRole.COMMUNICATIONS,
    "pia": TeamRole.PRIVACY,
    "ella": TeamRole.EXECUTIVE,
}
FILES = {"AUDIENCE": AUDIENCE, "CALLS": "person_id,kind,locale,asked_at,text\n", "POSTS": "account,text,posted_at\n"}
FILE = "story.yaml"
LATER = "2099-01-01T00:00+00:00"
WORDS = ("--words", "No.")
CALLS: dict[str, tuple[object, ...]] = {
    "incident open": ("FILE", "--audience", "AUDIENCE"),
    "incident amend": ("FILE",),
    "incident pause": (INCIDENT,),
    "incident resume": (INCIDENT, "--yes"),
    "incident embargo": (INCIDENT, "--until", "2099-01-01T00:00", "--why", "police"),
    "incident lift": (INCIDENT,),
    "incident close": (INCIDENT,),
    "incident destroy": (INCIDENT, "--with", "SECOND", "--yes"),
    "duty filed": (INCIDENT, "none", "--at", "2026-11-20T00:00", "--receipt", "A-1"),
    "duty substitute": (INCIDENT, "none", "--note", "radio"),
    "run": (INCIDENT, "--playbook", PLAYBOOK),
    "migrate": (INCIDENT, "--to", "customer-data-theft", "--yes"),
    "step go": (INCIDENT, "survey", 1),
    "step skip": (INCIDENT, "survey", 1),
    "step done": (INCIDENT, "survey", 1),
    "audience correct": (INCIDENT, "AUDIENCE"),
    "audience locales": (INCIDENT, "--rule", "de=en"),
    "audience mailboxes": (INCIDENT, "--rule", "each"),
    "dossier make": (INCIDENT, "--number", 1, "--out", "OUT.html"),
    "opt-out": (INCIDENT, 1),
    "link revoke": (INCIDENT, 1),
    "link renew": (INCIDENT, 1),
    "reports show": (INCIDENT, 1),
    "reports decide": (INCIDENT, 1, "--accept", *WORDS),
    "requests approve": (INCIDENT, 1),
    "requests refuse": (INCIDENT, 1, *WORDS),
    "preview --people": (INCIDENT, NOTICE, "--people", 1),
    "told --person": (INCIDENT, "--person", 1),
    "approve": (INCIDENT, NOTICE, "--yes"),
    "approve --emergency": (INCIDENT, NOTICE, "--yes", "--emergency", "--with", "SECOND", "--why", "fire"),
    "reject": (INCIDENT, NOTICE),
    "deliver": (INCIDENT, NOTICE, "--again", 1),
    "stop": (INCIDENT,),
    "reconcile": ("--none-left", "email"),
    "letters": (INCIDENT, NOTICE, "--out", "OUT"),
    "letters --returned": (INCIDENT, NOTICE, "--returned", "aaaaaaaaaa"),
    "inbox files": (INCIDENT,),
    "inbox kept": (),
    "inbox save": (INCIDENT, 1, "--to", "OUT.bin"),
    "questions list": (INCIDENT,),
    "questions search": (INCIDENT, "safe"),
    "questions show": (INCIDENT, 1),
    "questions groups --words": (INCIDENT, "--words"),
    "questions answers": (INCIDENT,),
    "questions calls": (INCIDENT,),
    "questions replies": (INCIDENT, "--again", 1),
    "questions assign": (INCIDENT, 1, "--to", "lena"),
    "questions merge": (INCIDENT, 1, 2),
    "questions split": (INCIDENT, 1),
    "questions topic": (INCIDENT, 1, "scam"),
    "questions answer": (INCIDENT, 1, "--canned", "my-data"),
    "questions answer-group": (INCIDENT, 1, "--canned", "my-data"),
    "questions approve": (INCIDENT, 1),
    "questions reject": (INCIDENT, 1, "--why", "wrong"),
    "questions correct": (INCIDENT, 1, "--file", "FILE"),
    "questions close": (INCIDENT, 1, "--reason", "You asked that yesterday."),
    "questions called": (INCIDENT, 1),
    "questions import": (INCIDENT, "CALLS"),
    "questions note": (INCIDENT,),
    "surveys comments": (INCIDENT,),
    "mentions take": (INCIDENT,),
    "mentions import": (INCIDENT, "POSTS"),
    "mentions answer": (INCIDENT, 1, "--file", "FILE"),
    "mentions approve": (INCIDENT, 1),
    "mentions post": (INCIDENT, 1),
    "mentions posted": (INCIDENT, 1, "--url", "https://social.example/1"),
    "sessions announce": (INCIDENT, "ask-us"),
    "sessions publish": (INCIDENT, "ask-us", "--file", "FILE"),
    "sessions publish --approve": (INCIDENT, "ask-us", "--approve"),
    "faq propose": (INCIDENT, 1, "--file", "FILE"),
    "faq approve": (INCIDENT, 1),
    "faq withdraw": (INCIDENT, 1),
    "commitments add": (INCIDENT, "credit-monitoring"),
    "commitments keep": (INCIDENT, "none", "--evidence", "en=done"),
    "commitments late": (INCIDENT, "none", "--until", LATER, "--reason-en", "late"),
    "commitments drop": (INCIDENT, "none", "--reason", "en=no"),
    "commitments give": (INCIDENT, "none", "--owner", "lena"),
    "commitments step": (INCIDENT, "none", "--done", 1),
    "commitments file": (INCIDENT, "none", "--out", "OUT.bin"),
    "commitments review": (INCIDENT, "none"),
    "commitments carry-over": (INCIDENT, "none", "--owner", "lena", "--until", "2099-01-01", "--reason", "more"),
    "commitments break": (INCIDENT, "none", "--reason", "en=no"),
    "commitments spend": (INCIDENT, "none", "--amount", "1.00", "--invoice", "A-1"),
    "remedies import": (INCIDENT, "none", "CALLS"),
    "remedies done": (INCIDENT, "none", 1, "--under-way"),
    "remedies correct": (INCIDENT, "none", 1, "--result", "clean", "--why", "mixed up"),
    "codes import": (INCIDENT, "none", "CALLS"),
    "codes redeemed": (INCIDENT, "none", "CALLS"),
    "codes reissue": (INCIDENT, "none", 1, "--reason", "lost"),
    "codes void": (INCIDENT, "none", "CALLS", "--reason", "leaked"),
    "codes show": (INCIDENT, 1),
    "claims show": (INCIDENT, 1),
    "claims evidence": (INCIDENT, 1, "--to", "OUT.bin"),
    "claims add": (INCIDENT, "--person", 1, "--text", "Stamps", "--amount", "1.00"),
    "claims account": (INCIDENT, 1, "--holder", "Kim", "--account", "DE00"),
    "claims object": (INCIDENT, 1, "--why", "Here it is."),
    "claims decide": (INCIDENT, 1, "--grant", "1.00"),
    "claims pay": (INCIDENT,),
    "claims paid": (INCIDENT, "--file", "CALLS"),
    "review note": (INCIDENT, "well", "Quick."),
    "review lesson": (INCIDENT, "Call sooner."),
    "review end": (INCIDENT,),
    "forget hold": (INCIDENT, "--reason", "court"),
    "forget lift": (INCIDENT, 1, "--reason", "over"),
    "forget date": (INCIDENT, "2099-01-01", "--reason", "law"),
    "forget due": (INCIDENT,),
    "forget person": (INCIDENT, "C-1", "--with", "SECOND", "--yes"),
    "keys rotate": ("--master",),
    "audit looked": (INCIDENT,),
    "audit refused": (INCIDENT,),
    "clock trust": (),
    "team add": ("newcomer", "--role", "legal"),
    "team remove": ("wei",),
    "team delegate": ("omar", "--end"),
    "team contact": ("omar", "--remove"),
}
"""A call of each verb that asks for a member, without `--as`; a call may fail for other reasons than the role."""


THE_PAGE = on_page()
OTHERWISE = {"migrate --with", "incident close --override"}
"""Verbs of a second person, whose first is asked by another verb."""
CALLED = sorted(verb for verb in THE_PAGE if command_of(verb) in HERE and verb not in OTHERWISE)


@pytest.fixture(scope="module")
def crew(template: Office, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """An office in which every role has a member, and somebody has asked a question."""
    office = a_copy(template, tmp_path_factory.mktemp("crew") / "home")
    for name in CREW.keys() - office.tokens.keys():
        office.tokens[name] = office.values("team", "add", name, "--role", CREW[name], by="lena")["token"]
    calls = office.home.parent / "calls.csv"
    asked = "C-1,question,en,2026-11-20T10:00:00Z,Is my data safe?\n"
    calls.write_text(f"{FILES['CALLS']}{asked}", encoding="utf-8")
    office.values("questions", "import", INCIDENT, calls, by="rosa")
    return office


def files(folder: Path) -> dict[str, Path]:
    """Write the files that the calls name, and return their paths."""
    shutil.copy(story_of_few(), folder / FILE)
    for name, content in FILES.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    outs = {name: folder / name for name in ("OUT", "OUT.html", "OUT.bin")}
    return {"FILE": folder / FILE, **{name: folder / f"{name}.csv" for name in FILES}, **outs}


def test_every_verb_with_a_member_is_called_here() -> None:
    assert [verb for verb in CALLED if verb not in CALLS] == []


@pytest.mark.parametrize("verb", CALLED)
def test_each_role_is_allowed_or_refused_as_the_page_says(
    crew: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    office, places = a_copy(crew, tmp_path / "home"), files(tmp_path)
    allowed = [role for role in TeamRole if THE_PAGE[verb][role] == "yes"]
    words = [command_of(verb).split(), *[places.get(str(word), word) for word in CALLS[verb]]]
    for name, role in sorted(CREW.items(), key=lambda member: member[1] in allowed):
        second = "omar" if name == "lena" else "lena"
        monkeypatch.setenv("AMENDS_TOKEN_2", office.tokens[second])
        call = [*words[0], *(second if word == "SECOND" else word for word in words[1:])]
        answer = office.amends(*call, by=name)
        refusal = f"amends: {sentence(name, role, verb, allowed)}\n"
        assert (answer.stderr.endswith(refusal), role) == (role not in allowed, role), answer.output
        assert role in allowed or answer.exit_code == 1


@pytest.mark.parametrize("verb", [verb for verb in CALLED if "SECOND" in CALLS[verb]])
def test_the_second_person_has_a_role_of_the_page_too(
    crew: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    office = a_copy(crew, tmp_path / "home")
    allowed = [role for role in TeamRole if THE_PAGE[verb][role] == "yes"]
    refused = {name: role for name, role in CREW.items() if role not in allowed}
    for name, role in refused.items():
        monkeypatch.setenv("AMENDS_TOKEN_2", office.tokens[name])
        call = [*command_of(verb).split(), *(name if word == "SECOND" else word for word in CALLS[verb])]
        answer = office.amends(*call, by="lena")
        assert answer.stderr == f"amends: {sentence(name, role, verb, allowed)}\n"
        assert answer.exit_code == 1
    assert TeamRole.RESPONDER in refused.values()


def sentence(name: str, role: TeamRole, verb: str, allowed: list[TeamRole]) -> str:
    """Return the words with which a role is refused."""
    if role is TeamRole.AUDITOR and "look" not in THE_PAGE[verb]["besides"]:
        return f"{name} is an auditor; auditors read and change nothing (`amends team roles` has the table)"
    return f"{name} is {role}, and `amends {verb}` is for {listed(allowed)} (`amends team roles` has the table)"
