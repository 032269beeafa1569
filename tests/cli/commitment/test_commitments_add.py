"""A promise is added with owner, date and words in each language, or refused with its place and nothing is stored."""

from pathlib import Path

import pytest

from amends.cli.terminal.clock import now
from amends.domain.feedback.question import QuestionKind
from tests.builders import an_asked
from tests.cli.conftest import INCIDENT, Office

PROMISE = ("--promise", "en=We will put new locks on your door.", "--promise", "zh-CN=我们将为您更换门锁。")
OPTIONS = {"--id": "new-locks", "--kind": "security_fix", "--owner": "Facilities", "--due": "2099-03-31"}
FILE = """commitments:
  - id: new-locks
    kind: security_fix
    owner: Facilities
    due: {due}
    promise: {{en: We will put new locks on your door., zh-CN: 我们将为您更换门锁。}}
    {audience}
"""


def words(**changed: str) -> list[str]:
    """The command with these options changed; an empty one is left out."""
    given = OPTIONS | {f"--{name}": value for name, value in changed.items()}
    return ["commitments", "add", INCIDENT, *(word for pair in given.items() if pair[1] for word in pair), *PROMISE]


def listed(office: Office) -> set[str]:
    return {one["id"] for one in office.values("commitments", "list", INCIDENT)}


def a_file(folder: Path, due: str = "2099-03-31", audience: str = "") -> Path:
    path = folder / "more.yaml"
    path.write_text(FILE.format(due=due, audience=audience), encoding="utf-8")
    return path


def test_surprise_5_a_promise_is_added_by_options(sent: Office) -> None:
    (added,) = sent.values(*words(), by="lena")
    assert (added["audience"], added["due_at"], added["made_in"]) == ("everyone", "2099-03-31T15:59:00Z", "")
    assert "new-locks" in listed(sent)


def test_surprise_5_a_promise_is_added_from_a_file(sent: Office, tmp_path: Path) -> None:
    (tmp_path / "door.txt").write_text("C-1\n\nC-2\n")
    file = a_file(tmp_path, audience="people: door.txt")
    (added,) = sent.values("commitments", "add", INCIDENT, file, by="lena")
    assert added["audience"] == "persons:new-locks"
    ledger = sent.ledger()
    assert ledger.notices.audience(INCIDENT, "persons:new-locks").people == 2
    ledger.dispose()


def test_it_is_said_how_people_will_hear_of_the_promise(sent: Office) -> None:
    to_all = sent.amends(*words(), by="lena")
    assert "new-locks: the next notice to everyone says so" in to_all.stderr
    to_some = sent.amends(*words(id="doors", audience="business"), by="lena")
    assert "doors: a notice of its own is drafted for approval" in to_some.stderr


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"owner": ""}, "--owner E103"),
        ({"owner": " "}, "--owner E103 new-locks: nobody owns it"),
        ({"due": ""}, "--due E103"),
        ({"due": "soon"}, "--due E104 new-locks: 'soon' is no date"),
        ({"due": "2020-01-01"}, "--due E125 new-locks: 2020-01-01"),
        ({"id": "New Locks"}, "--id E104"),
        ({"id": "audit"}, "--id E106 audit: there is a commitment with this id already"),
        ({"kind": "gift"}, "--kind E104"),
        ({"audience": "clubs"}, "--audience E102 new-locks: the list has no segment clubs"),
        ({"place": "US-MA"}, "--place E102 new-locks: nobody in the list lives in US-MA"),
        ({"place": "Massachusetts"}, "--place E104"),
        ({"place": "DE", "audience": "business"}, "--audience E107 new-locks: it is for more than one audience"),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_stored(sent: Office, changed: dict[str, str], place: str) -> None:
    before = listed(sent)
    answer = sent.amends(*words(**changed), by="lena")
    assert (answer.exit_code, place in answer.stdout) == (3, True), answer.output
    assert listed(sent) == before


def test_a_promise_needs_words_in_each_language(sent: Office) -> None:
    answer = sent.amends(*words()[:-2], by="lena")
    assert (answer.exit_code, "--promise E110 new-locks: says nothing for zh-CN" in answer.stdout) == (3, True)


def test_words_that_no_notice_could_say_are_refused(sent: Office) -> None:
    answer = sent.amends(*words()[:-4], "--promise", "Send us your password and we will change it.", by="lena")
    assert (answer.exit_code, "L107" in answer.stdout, "--promise" in answer.stdout) == (3, True, True)
    assert "new-locks" not in listed(sent)


def test_one_wrong_entry_keeps_the_whole_file_out(sent: Office, tmp_path: Path) -> None:
    file = a_file(tmp_path)
    more = file.read_text(encoding="utf-8").replace("commitments:\n", "").replace("new-locks", "doors")
    file.write_text(file.read_text(encoding="utf-8") + more.replace("2099-03-31", "2020-03-31"), encoding="utf-8")
    answer = sent.amends("commitments", "add", INCIDENT, file, by="lena")
    assert (answer.exit_code, f"{file}:11:10 E125 doors" in answer.stdout) == (3, True), answer.output
    assert not {"new-locks", "doors"} & listed(sent)


def test_a_line_that_names_nobody_is_named_without_its_words(sent: Office, tmp_path: Path) -> None:
    (tmp_path / "door.txt").write_text("C-1\nC-999\n")
    file = a_file(tmp_path, audience="people: door.txt")
    answer = sent.amends("commitments", "add", INCIDENT, file, by="lena")
    assert (answer.exit_code, f"{tmp_path / 'door.txt'}:2:1 E102" in answer.stdout) == (3, True)
    assert "C-999" not in answer.output


def test_neither_a_file_nor_options_is_a_usage_error(sent: Office, tmp_path: Path) -> None:
    assert sent.amends("commitments", "add", INCIDENT, by="lena").exit_code == 2
    both = (*words(), a_file(tmp_path))
    assert sent.amends(*both, by="lena").exit_code == 2


def test_a_complaint_opens_a_promise_to_its_person_alone(sent: Office) -> None:
    ledger = sent.ledger()
    for kind in (QuestionKind.COMPLAINT, QuestionKind.QUESTION):
        ledger.questions.ask(INCIDENT, an_asked("The thief has my key.", person=3, kind=kind, once=kind), now())
    (added,) = sent.values(*words(complaint="1"), by="lena")
    assert added["audience"] == "persons:new-locks"
    assert ledger.notices.audience(INCIDENT, "persons:new-locks").people == 1
    ledger.dispose()
    refused = sent.amends(*words(id="doors", complaint="2"), by="lena")
    assert refused.exit_code != 0
    assert "question 2 is no complaint" in refused.stderr + refused.stdout
    assert "doors" not in listed(sent)
