"""An entry for everybody is proposed from a file, approved by another member, and withdrawn."""

from pathlib import Path

import pytest

from tests.builders import NOW, an_asked
from tests.cli.conftest import INCIDENT, Office

GOOD = "texts:\n  en: {question: Is my address in it?, answer: 'No, only your name.'}\n"


@pytest.fixture
def answered(office: Office) -> Office:
    ledger = office.ledger()
    for wording in ("Is my address among the stolen data?", "Was my address in the stolen data?"):
        ledger.questions.ask(INCIDENT, an_asked(wording), NOW)
    ledger.questions.answer(INCIDENT, 1, "No.", "rosa", NOW)
    ledger.dispose()
    return office


def states(office: Office) -> list[str]:
    return [entry["state"] for entry in office.values("faq", "list", INCIDENT)]


def test_an_entry_goes_from_proposed_to_public_to_withdrawn(answered: Office, tmp_path: Path) -> None:
    (tmp_path / "faq.yaml").write_text(GOOD)
    answered.values("faq", "propose", INCIDENT, 1, "--file", tmp_path / "faq.yaml", by="rosa")
    assert states(answered) == ["proposed"]
    assert answered.amends("faq", "approve", INCIDENT, 1, by="rosa").exit_code == 1
    answered.values("faq", "approve", INCIDENT, 1, by="lena")
    assert states(answered) == ["public"]
    answered.values("faq", "withdraw", INCIDENT, 1, by="rosa")
    assert states(answered) == ["withdrawn"]


@pytest.mark.parametrize(("old", "new"), [("answer", "anwser"), ("en:", "english:"), ("Is my address in it?", "x")])
def test_a_faulty_file_is_refused_and_nothing_stored(answered: Office, tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "faq.yaml").write_text(GOOD.replace(old, new))
    assert answered.amends("faq", "propose", INCIDENT, 1, "--file", tmp_path / "faq.yaml", by="rosa").exit_code == 3
    assert states(answered) == []
