"""A dossier is written for one person under a seal, and any change to the file is found."""

import itertools
import json
import random
import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from amends.cli.terminal.clock import now
from amends.domain.case.dossier_seal import DossierForm
from amends.ledger.case.dossier import ALTERED, NO_SEAL, NOT_OURS
from tests.builders import an_asked
from tests.cli.conftest import AUDIENCE, INCIDENT, Office, make_home

KIM, LI = 2, 3
"""The numbers of C-1 and C-2."""
ALTERATIONS = 1_000


@pytest.fixture(params=DossierForm)
def made(request: pytest.FixtureRequest, sent: Office, tmp_path: Path) -> tuple[Office, Path]:
    """An office, and the dossier of its Chinese customer in each form."""
    return sent, a_dossier(sent, tmp_path / f"li.{request.param}")


def a_dossier(office: Office, file: Path, *who: str) -> Path:
    written = office.amends("dossier", INCIDENT, *(who or ("--person", "C-2")), "--out", file, by="lena")
    assert written.exit_code == 0, written.output
    return file


def content(office: Office, tmp_path: Path, *who: str) -> dict[str, object]:
    """The content of a person's dossier."""
    found: dict[str, object] = json.loads(a_dossier(office, tmp_path / "content.json", *who).read_text())["dossier"]
    return found


def changed(random_: random.Random, file: bytes) -> bytes:
    """The file with some bytes replaced, removed, added, moved or written twice, or cut off."""
    first, last = sorted(random_.sample(range(len(file)), 2))
    last = min(last, first + random_.choice((1, 1, 1, 8, 200)))
    piece, made_up = file[first:last], random_.randbytes(len(file[first:last]))
    before, after = file[:first], file[last:]
    return random_.choice(
        (
            before + made_up + after,
            before + after,
            before + made_up + piece + after,
            before + piece * 2 + after,
            after + piece + before,
            before,
            before + piece.swapcase() + after,
            file + made_up,
            made_up + file,
        )
    )


def test_an_altered_file_is_found_whatever_was_altered(made: tuple[Office, Path]) -> None:
    office, path = made
    ledger, file, random_ = office.ledger(), path.read_bytes(), random.Random(7)
    altered = [one for one in (changed(random_, file) for _ in range(ALTERATIONS)) if one != file]
    assert len(altered) > ALTERATIONS * 0.9
    assert [one for one in altered if not ledger.dossiers.check(one).problems] == []
    assert ledger.dossiers.check(file).problems == ()
    ledger.dispose()


def test_one_bit_anywhere_in_the_seal_is_found(made: tuple[Office, Path]) -> None:
    office, path = made
    ledger, file = office.ledger(), path.read_bytes()
    start = file.rfind(b"\n", 0, -1)
    for place, bit in itertools.product(range(start, len(file)), range(8)):
        one = bytearray(file)
        one[place] ^= 1 << bit
        assert ledger.dossiers.check(bytes(one)).problems, (place, bit)
    ledger.dispose()


def test_a_file_as_it_was_written_is_genuine(made: tuple[Office, Path]) -> None:
    office, path = made
    answer = office.amends("dossier", "verify", path)
    assert answer.exit_code == 0, answer.output
    assert f"{path}: the dossier of person {LI} of incident {INCIDENT} as it was made" in answer.stdout
    assert office.values("dossier", "verify", path)["seal"]["person"] == LI


def test_an_altered_word_ends_with_findings(made: tuple[Office, Path]) -> None:
    office, path = made
    path.write_bytes(path.read_bytes().replace("李雷".encode(), "李蕾".encode(), 1))
    answer = office.amends("dossier", "verify", path)
    assert (answer.exit_code, answer.stdout) == (3, f"{path}: {ALTERED}\n")


@pytest.mark.parametrize(
    "other", [b"", b"\n", b"<html></html>\n", b"\xff\xfe\x00", b'"seal": {}}\n', b'"seal": {"a":' * 9]
)
def test_a_file_that_is_no_dossier_is_refused(sent: Office, tmp_path: Path, other: bytes) -> None:
    (tmp_path / "other.html").write_bytes(other)
    answer = sent.amends("dossier", "verify", tmp_path / "other.html")
    assert (answer.exit_code, NO_SEAL in answer.stdout) == (3, True)


def test_a_dossier_of_another_ledger_is_refused(made: tuple[Office, Path], tmp_path: Path) -> None:
    """Its seal was made with another master key."""
    answer = make_home(tmp_path / "elsewhere").amends("dossier", "verify", made[1])
    assert (answer.exit_code, NOT_OURS in answer.stdout) == (3, True)


def test_a_chain_that_lost_its_end_is_found(made: tuple[Office, Path], tmp_path: Path) -> None:
    """The ledger was replaced by an earlier copy, whose chain goes on otherwise."""
    office, path = made
    entries = json.loads(office.amends("--json", "dossier", "verify", path).stdout)["seal"]["entries"]
    ledger = office.ledger()
    with ledger.store.write() as write:
        for (trigger,) in write.session.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            write.session.execute(text(f"DROP TRIGGER {trigger}"))
        write.session.execute(text(f"DELETE FROM audit WHERE seq >= {entries}"))
    ledger.dispose()
    answer = office.amends("dossier", "verify", path)
    assert answer.exit_code == 3
    assert f"the audit chain does not hold entry {entries} as it was when the dossier was made" in answer.stdout


def test_that_it_was_made_is_in_the_chain_without_personal_data(sent: Office, tmp_path: Path) -> None:
    a_dossier(sent, tmp_path / "one.html")
    ledger = sent.ledger()
    entry = ledger.audit.entries(INCIDENT)[-1]
    ledger.dispose()
    assert (entry.act, entry.actor, entry.subject) == ("dossier made", "lena", f"person {LI}")
    assert entry.detail == {"up_to": entry.seq - 1}
    assert sent.amends("audit", "verify").exit_code == 0


def test_an_auditor_may_make_one(sent: Office, tmp_path: Path) -> None:
    assert sent.amends("dossier", INCIDENT, "--number", KIM, "--out", tmp_path / "a.html", by="aude").exit_code == 0


def test_nobody_gets_one_without_a_token(sent: Office, tmp_path: Path) -> None:
    sent.tokens.clear()
    answer = sent.amends("dossier", INCIDENT, "--number", KIM, "--out", tmp_path / "a.html", by="lena")
    assert answer.exit_code == 1
    assert not (tmp_path / "a.html").exists()


def test_the_words_are_in_both_forms(sent: Office, tmp_path: Path) -> None:
    html = a_dossier(sent, tmp_path / "li.html").read_text()
    (email,) = [one for one in content(sent, tmp_path)["messages"] if one["channel"] == "email"]  # type: ignore[attr-defined]
    assert email["text"].startswith("尊敬的李雷")
    assert all(line in html for line in email["text"].splitlines())


def test_what_was_asked_and_answered_is_in_it(sent: Office, tmp_path: Path) -> None:
    ledger = sent.ledger()
    number = ledger.questions.ask(INCIDENT, an_asked("Is <b>my</b> address in it?", person=KIM), now())
    ledger.questions.ask(INCIDENT, an_asked("Somebody else asks", person=LI, once="other"), now())
    ledger.questions.answer(INCIDENT, number, "Yes & we are sorry.", "lena", now())
    ledger.dispose()
    (asked,) = content(sent, tmp_path, "--person", "C-1")["questions"]  # type: ignore[misc]
    assert (asked["text"], asked["answer"]) == ("Is <b>my</b> address in it?", "Yes & we are sorry.")
    page = a_dossier(sent, tmp_path / "kim.html", "--person", "C-1").read_text()
    assert "Is &lt;b&gt;my&lt;/b&gt; address in it?" in page
    assert "Somebody else asks" not in page


def test_an_opt_out_has_its_date(sent: Office, tmp_path: Path) -> None:
    assert sent.amends("opt-out", INCIDENT, KIM, by="lena").exit_code == 0
    assert content(sent, tmp_path, "--person", "C-1")["person"]["opted_out_at"]  # type: ignore[index]


def test_whoever_was_not_reached_has_no_words(sent: Office, tmp_path: Path) -> None:
    (message,) = content(sent, tmp_path, "--person", "C-3")["messages"]  # type: ignore[misc]
    assert (message["state"], message["reason"], message["text"]) == ("unreachable", "no_address", "")


def test_a_reference_that_is_the_number_of_another_is_refused(office: Office, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text(AUDIENCE.replace("C-1,", "3,"), encoding="utf-8")
    story = tmp_path / "incident.yaml"
    shutil.copy(Path(__file__).parents[3] / "playbooks" / "examples" / "stolen-terminals" / "incident.yaml", story)
    story.write_text(story.read_text(encoding="utf-8").replace("id: stolen-terminals", "id: other"))
    office.values("incident", "open", story, "--audience", people, by="lena")
    answer = office.amends("dossier", "other", "--person", "3", "--out", tmp_path / "d.html", by="lena")
    assert answer.exit_code == 1
    assert "3 is the reference of person 2 and the number of another; say --number 2 or --number 3" in answer.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((INCIDENT, "--person", "C-9"), 1, "nobody in the list of stolen-terminals has the reference or the number"),
        ((INCIDENT, "--number", "99"), 1, "has no person 99"),
        ((INCIDENT,), 2, "say who: either by the reference or the number in the list, or with --number PERSON"),
        ((INCIDENT, "--person", "C-1", "--number", "2"), 2, "say who: either"),
        (("nope", "--person", "C-1"), 1, "no incident nope in this ledger"),
        (("make", INCIDENT, "--person", "C-1", "--out", "d.pdf"), 2, "d.pdf ends in neither .html nor .json"),
    ],
)
def test_a_call_that_makes_no_sense_says_why(sent: Office, words: tuple[str, ...], code: int, said: str) -> None:
    answer = sent.amends("dossier", *words, by="lena")
    assert (answer.exit_code, said in " ".join(answer.stderr.split())) == (code, True), answer.output


def test_a_file_that_is_there_is_kept_and_nothing_recorded(sent: Office, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("mine")
    answer = sent.amends("dossier", INCIDENT, "--person", "C-1", "--out", tmp_path / "a.html", by="lena")
    assert (answer.exit_code, "is there already" in answer.stderr) == (1, True)
    assert (tmp_path / "a.html").read_text() == "mine"
    ledger = sent.ledger()
    assert "dossier made" not in {entry.act for entry in ledger.audit.entries(INCIDENT)}
    ledger.dispose()


def test_without_out_it_is_named_for_incident_and_person(
    sent: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sent.amends("dossier", INCIDENT, "--person", "C-1", by="lena").exit_code == 0
    (written,) = tmp_path.glob(f"{INCIDENT}-*")
    assert written.name == f"{INCIDENT}-person-{KIM}.html"
    assert written.stat().st_mode & 0o777 == 0o600
