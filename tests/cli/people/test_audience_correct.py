"""A corrected list is looked at before it counts, and what looks like an accident needs somebody's word."""

from pathlib import Path

import pytest

from tests.cli.conftest import AUDIENCE, AUDIENCE_HEAD, INCIDENT, NOTICE, Office, write_draft

KIM, LI, NOBODY = AUDIENCE.splitlines()[1:]
NEWCOMER = "C-4,Ada Late,ada@mail.example,,en,DE,household"
RIGHT = KIM.replace("kim@", "kim.example@")
PERSONAL = ("Kim", "kim@", "kim.example@", "Ada", "ada@", "lilei", "李雷")


def a_list(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "corrected.csv"
    path.write_text(AUDIENCE_HEAD + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def correct(office: Office, file: Path, *options: object, by: str = "lena") -> tuple[int, str, str]:
    answer = office.amends("audience", "correct", INCIDENT, file, *options, by=by)
    return answer.exit_code, answer.stdout, answer.stderr


def people(office: Office) -> int:
    return int(office.values("audience", "stats", INCIDENT)["people"])


def test_a_check_lists_changes_by_person_and_row_and_stores_none(office: Office, tmp_path: Path) -> None:
    """With --check, a corrected list is compared by person and row and the changes are listed and counted; nothing is
    stored.
    """
    file = a_list(tmp_path, NEWCOMER, RIGHT, LI, NOBODY)
    code, shown, errors = correct(office, file, "--check", "--changed-are-right", 1, by="")
    assert (code, errors, people(office)) == (0, "", 3)
    lines = [line.split() for line in shown.splitlines()]
    head = lines.index(["row", "person", "what", "fields"])
    assert lines[head + 1 : head + 3] == [["3", "2", "changed", "email"], ["2", "5", "new", "–"]]
    assert "3 people before, 4 after: 1 new, 1 changed (1 email)" in shown


def test_the_report_is_that_of_the_first_import(office: Office, tmp_path: Path) -> None:
    file = a_list(tmp_path, KIM, LI, NOBODY)
    checked = office.values("audience", "check", file)
    assert office.values("audience", "correct", INCIDENT, file, "--check")["audience"] == checked


def test_nothing_of_anybody_is_shown(office: Office, tmp_path: Path) -> None:
    file = a_list(tmp_path, KIM.replace("kim@", "lilei@"), LI.replace("lilei@", "kim@"), NEWCOMER)
    shown = office.amends("audience", "correct", INCIDENT, file, by="lena").output
    shown += office.amends("--json", "audience", "correct", INCIDENT, file, by="lena").output
    assert not any(secret in shown for secret in PERSONAL)


def test_a_correction_takes_its_place_and_voids_what_was_approved(ready: Office, tmp_path: Path) -> None:
    file = a_list(tmp_path, KIM, LI, NOBODY, NEWCOMER)
    assert correct(ready, file)[0] == 0
    assert people(ready) == 4
    assert not ready.ledger().cases.read(INCIDENT).notice(NOTICE).current  # type: ignore[union-attr]
    refused = ready.amends("deliver", INCIDENT, NOTICE)
    assert refused.exit_code == 4


def test_one_newcomer_is_counted_as_one_and_unchanged_messages_said(sent: Office, tmp_path: Path) -> None:
    """When a corrected list adds one person, the answer speaks of one person without a message, and says that no
    message of the notice changes.
    """
    _, shown, _ = correct(sent, a_list(tmp_path, KIM, LI, NOBODY, NEWCOMER))
    assert f"{NOTICE}: no message changes; 1 person has no message of it" in shown
    standing = sent.amends("deliveries", INCIDENT, NOTICE).stdout
    assert "not told: 1 person of the list, without a message of it" in standing


@pytest.mark.parametrize("said", [(), ("--swapped-are-right", 1)])
def test_swapped_addresses_are_refused_until_somebody_says_how_many(
    office: Office, tmp_path: Path, said: tuple[object, ...]
) -> None:
    file = a_list(tmp_path, KIM.replace("kim@", "lilei@"), LI.replace("lilei@", "kim@"), NOBODY)
    code, shown, errors = correct(office, file, "--changed-are-right", 2, *said)
    assert (code, people(office)) == (3, 3)
    assert "email was another's" in shown
    assert "2 people have an address that was another's" in errors
    assert correct(office, file, "--changed-are-right", 2, "--swapped-are-right", 2)[0] == 0
    assert office.ledger().people.get(INCIDENT, 2).email == "lilei@mail.example"


def test_a_list_that_lacks_many_is_refused_until_the_count_is_given(office: Office, tmp_path: Path) -> None:
    """A corrected list that lacks more than 20 % of the people is refused until a member states with --gone-are-right
    how many are gone.
    """
    file = a_list(tmp_path, KIM)
    code, _, errors = correct(office, file)
    assert (code, people(office)) == (3, 3)
    assert "2 people are gone: more than 20%" in errors
    assert "--swapped-are-right COUNT, --gone-are-right COUNT, --changed-are-right COUNT" in errors
    assert correct(office, file, "--gone-are-right", 2)[0] == 0
    answer = office.amends("audience", "stats", INCIDENT)
    assert "1 (1 with email, 1 with phone); 2 more are gone from the list" in answer.stdout


def test_a_bad_row_at_the_end_leaves_nothing_stored(office: Office, tmp_path: Path) -> None:
    rows = (*(KIM.replace("C-1", f"N-{n}").replace("kim@", f"k{n}@").replace("1,en", f"{n},en") for n in range(40)),)
    code, shown, _ = correct(office, a_list(tmp_path, KIM, LI, NOBODY, *rows, NEWCOMER.replace(",DE,", ",Germany,")))
    assert (code, people(office)) == (3, 3)
    assert ":45:country" in shown
    assert "counts as gone" in shown


def test_the_list_in_force_handed_in_again_changes_nothing(office: Office, tmp_path: Path) -> None:
    before = office.ledger().audit.entries(INCIDENT)
    code, shown, _ = correct(office, a_list(tmp_path, NOBODY, LI, KIM))
    assert (code, office.ledger().audit.entries(INCIDENT)) == (0, before)
    assert "3 unchanged" in shown


def test_nobody_corrects_a_list_without_a_name(office: Office, tmp_path: Path) -> None:
    assert correct(office, a_list(tmp_path, KIM, LI, NOBODY, NEWCOMER), by="")[0] == 2
    assert correct(office, a_list(tmp_path, KIM, LI, NOBODY, NEWCOMER), by="aude")[0] == 1
    assert people(office) == 3


@pytest.mark.parametrize("option", ["--gone-are-right", "--changed-are-right", "--swapped-are-right"])
def test_what_is_no_count_is_refused_in_plain_words(office: Office, tmp_path: Path, option: str) -> None:
    answer = office.amends("audience", "correct", INCIDENT, a_list(tmp_path, KIM), "--check", option, "two")
    assert (answer.exit_code, "must be a whole number" in " ".join(answer.stderr.split())) == (2, True)


def test_programs_are_told_who_by_number_only(office: Office, tmp_path: Path) -> None:
    file = a_list(tmp_path, RIGHT, LI, NEWCOMER)
    told = office.values(
        "audience", "correct", INCIDENT, file, "--check", "--gone-are-right", 1, "--changed-are-right", 1
    )
    assert (told["new"], told["changed"], told["gone"], told["stored"], told["fields"]) == (
        1,
        1,
        1,
        False,
        {"email": 1},
    )
    assert [(change["kind"], change["person"], change["row"]) for change in told["changes"]] == [
        ("changed", 2, 2),
        ("new", 5, 4),
        ("gone", 4, 0),
    ]


def test_a_preview_says_how_many_have_it_already(sent: Office, tmp_path: Path) -> None:
    correct(sent, a_list(tmp_path, KIM, LI, NOBODY, NEWCOMER))
    write_draft(sent.ledger())
    answer = sent.amends("preview", INCIDENT, NOTICE)
    assert "2 of them have a message of an earlier version already, and get no second one" in answer.stdout
    assert "4 people: 3 to be reached in all, 1 unreachable" in answer.stdout
