"""The codes that a lead imports, from the file to the letter, at the command line."""

from pathlib import Path

import pytest
import xlsxwriter

from tests.builders import story_of_few
from tests.cli.conftest import (
    AUDIENCE,
    INCIDENT,
    NOTICE,
    PLAYBOOK,
    TEAM,
    Office,
    a_copy,
    approve,
    make_home,
    write_draft,
)

OFFER = "number-protection"
WITHOUT, WITH = "      phone: +86 571 5550 0142\n", "      phone: +86 571 5550 0142\n      codes: {place}\n"


def an_office(folder: Path, place: str = "letter") -> Office:
    """An office whose incident promises each person a code of their own."""
    office = make_home(folder / "home")
    for name, role in TEAM.items():
        office.tokens[name] = office.values("team", "add", name, "--role", role, by="" if name == "lena" else "lena")[
            "token"
        ]
    audience, story = folder / "audience.csv", folder / "incident.yaml"
    audience.write_text(AUDIENCE, encoding="utf-8")
    text = story_of_few().read_text(encoding="utf-8")
    assert WITHOUT in text
    story.write_text(text.replace(WITHOUT, WITH.format(place=place)), encoding="utf-8")
    office.values("incident", "open", story, "--audience", audience, by="lena")
    office.values("run", INCIDENT, "--playbook", PLAYBOOK, by="lena")
    ledger = office.ledger()
    write_draft(ledger)
    ledger.dispose()
    return office


@pytest.fixture(scope="session")
def promising_template(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return an_office(tmp_path_factory.mktemp("coded"))


@pytest.fixture
def promising(promising_template: Office, tmp_path: Path) -> Office:
    return a_copy(promising_template, tmp_path / "home")


def a_file(folder: Path, *lines: str, name: str = "codes.txt") -> Path:
    (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder / name


def import_(office: Office, file: Path, *options: object, commitment: str = OFFER) -> tuple[int, str]:
    answer = office.amends("codes", "import", INCIDENT, commitment, file, *options, by="lena")
    return answer.exit_code, answer.output


def test_from_the_file_to_the_letter(promising: Office, tmp_path: Path) -> None:
    refused = approve(promising, "omar")
    assert (
        refused.exit_code,
        "2 people of first-notice need a code of number-protection/everyone" in refused.output,
    ) == (1, True)
    assert (
        "nobody can approve it: 2 people of first-notice need" in promising.amends("preview", INCIDENT, NOTICE).output
    )
    assert "no codes yet of number-protection" in promising.amends("codes", "stock", INCIDENT).output
    assert import_(promising, a_file(tmp_path, "CANARY-1", "CANARY-2", "CANARY-3"))[0] == 0
    assert approve(promising, "omar", "wei").exit_code == 0
    promising.amends("deliver", INCIDENT, NOTICE)
    letters = [path.read_text(encoding="utf-8") for path in (promising.home / "outbox").iterdir()]
    assert [sum(f"CANARY-{number}" in letter for letter in letters) for number in (1, 2, 3)] == [1, 1, 0]
    (line,) = promising.values("codes", "stock", INCIDENT)
    assert (line["free"], line["given"]) == (1, 2)
    shown = promising.values("codes", "show", INCIDENT, "C-1", by="lena")
    assert [(one["code"], one["state"]) for one in shown] == [("CANARY-1", "given")]
    assert promising.amends("codes", "show", INCIDENT, 2).exit_code == 2, "only a member sees it"
    ledger = promising.ledger()
    looked = [(x.actor, x.subject) for x in ledger.audit.entries(INCIDENT) if x.act == "codes looked at"]
    ledger.dispose()
    assert looked == [("lena", "person 2")]


def test_a_code_is_replaced_withdrawn_and_redeemed(promising: Office, tmp_path: Path) -> None:
    import_(promising, a_file(tmp_path, *(f"CANARY-{number}" for number in range(1, 6))))
    approve(promising, "omar", "wei")
    promising.amends("deliver", INCIDENT, NOTICE)
    promising.values("codes", "reissue", INCIDENT, OFFER, "C-1", "--reason", "typed wrongly", by="omar")
    states = [
        (one["code"], one["state"]) for one in promising.values("codes", "show", INCIDENT, "--number", 2, by="lena")
    ]
    assert states == [("CANARY-1", "void"), ("CANARY-3", "given")]
    unknown = promising.amends("codes", "redeemed", INCIDENT, OFFER, a_file(tmp_path, "CANARY-3", "OTHER-9"), by="lena")
    assert (unknown.exit_code, "codes.txt:2:1 E102 number-protection has no such code" in unknown.output) == (3, True)
    free = promising.amends("codes", "redeemed", INCIDENT, OFFER, a_file(tmp_path, "CANARY-5"), by="lena")
    assert "codes.txt:1:1 E102 this code was given to nobody" in free.output
    file = a_file(tmp_path, "code,day", "CANARY-3,2026-12-01", "CANARY-1,2026-12-01", name="used.csv")
    done = promising.values("codes", "redeemed", INCIDENT, OFFER, file, by="lena")
    assert (done["new"], done["void"]) == (1, [f"{file}:3:1"])
    assert promising.values("codes", "redeemed", INCIDENT, OFFER, file, by="lena")["new"] == 0
    withdrawn = a_file(tmp_path, "CANARY-2", "CANARY-4")
    void = promising.values("codes", "void", INCIDENT, OFFER, withdrawn, "--reason", "a leak", by="omar")
    assert void == {"codes": 2, "persons": [3]}
    assert promising.values("codes", "stock", INCIDENT)[0]["void"] == 3


WRONG = (
    (["CANARY-1", "CANARY-2", "CANARY-1"], "codes.txt:3:1 E106 this code stands in the file twice, first at"),
    (["CANARY-1", "has a space"], "codes.txt:2:1 E104 a code has 4 to 64 letters"),
    (["code,variant", "CANARY-1,grown-up"], "codes.txt:2:1 E104 variant is none of everyone, adult, minor, estate"),
    (["code;expires", "CANARY-1;2020-01-01"], "codes.txt:2:1 E104 the code has expired already"),
    (["code;expires", "CANARY-1;2027-01-01"], "expires before 2027-11-30, the last day that people are told"),
    (["code;expires", "CANARY-1;soon"], "expires is no day such as"),
    (["codes,variant", "CANARY-1,adult"], "codes.txt:1:1 E202 the columns code are missing"),
    ([""], "codes.txt:1:1 E103 there is no code in the file"),
)


@pytest.mark.parametrize(("lines", "finding"), WRONG)
def test_a_wrong_file_is_refused_whole(promising: Office, tmp_path: Path, lines: list[str], finding: str) -> None:
    code, said = import_(promising, a_file(tmp_path, *lines))
    assert (code, finding in said) == (3, True), said
    assert "CANARY" not in said
    assert promising.values("codes", "stock", INCIDENT) == []


def test_codes_of_another_stock_are_named_by_their_place(promising: Office, tmp_path: Path) -> None:
    import_(promising, a_file(tmp_path, "CANARY-1"))
    code, said = import_(promising, a_file(tmp_path, "NEW-1", "CANARY-1"))
    assert (code, "codes.txt:2:1 E106 number-protection of stolen-terminals has this code" in said) == (3, True)
    assert promising.values("codes", "stock", INCIDENT)[0]["free"] == 1


def test_a_workbook_is_taken_in_with_its_kinds(promising: Office, tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "codes.xlsx") as book:
        sheet = book.add_worksheet()
        rows = [("Activation", "variant", "expires"), ("CANARY-1", "adult", "2028-01-31"), ("CANARY-2", "minor", "")]
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    assert import_(promising, tmp_path / "codes.xlsx", "--column", "code=Activation")[0] == 0
    lines = promising.values("codes", "stock", INCIDENT)
    assert [(line["variant"], line["free"]) for line in lines] == [("adult", 1), ("minor", 1)]


def test_a_stock_by_kind_counts_the_people_of_each_kind(promising: Office, tmp_path: Path) -> None:
    """The people were counted before there was a stock; what the stock is for decides which codes they need."""
    assert "monitoring" not in approve(promising, "omar").output
    file = a_file(tmp_path, "code;variant", "CANARY-1;adult", "CANARY-2;minor")
    assert import_(promising, file)[0] == 0
    assert (
        "2 people of first-notice need a code of number-protection/adult and 1 are left"
        in approve(promising, "omar").output
    )
    assert import_(promising, a_file(tmp_path, "CANARY-3"), "--for", "adult")[0] == 0
    assert approve(promising, "omar", "wei").exit_code == 0


def test_a_promise_without_codes_gets_no_stock(promising: Office, tmp_path: Path) -> None:
    code, said = import_(promising, a_file(tmp_path, "CANARY-1"), commitment="audit")
    assert code == 1
    assert "no promise audit of stolen-terminals says `codes: letter` or `codes: page` under take_up" in said
    assert "those that do: number-protection" in said
