"""docs/facts.md lists every fact and every time that an incident file may say, and the example on it can be read."""

import re
from pathlib import Path

import pytest

from amends.content.incident.incident import read_incident
from amends.content.incident.vocabulary import sectors, times_vocabulary, vocabulary_page
from amends.content.law.regimes import read_duties
from amends.domain.base.value import UNKNOWN
from amends.domain.incident.facts import Cause, DataCategory, Facts, RecipientKind
from amends.domain.incident.incident import CLOCK_EVENTS, Times
from amends.domain.incident.vocabulary import facts_vocabulary, words_of

PAGE = Path(__file__).parents[3] / "docs" / "facts.md"


def test_the_tables_in_the_docs_are_current() -> None:
    """Print them with `python -c "from amends.content.incident.vocabulary import *; print(vocabulary_page())"`."""
    assert vocabulary_page() in PAGE.read_text(encoding="utf-8")


def test_every_fact_has_a_meaning() -> None:
    known = facts_vocabulary()
    assert [entry.key for entry in known] == list(Facts.model_fields)
    assert [entry.key for entry in known if len(entry.meaning) < 10 or not entry.meaning.endswith(".")] == []


def test_every_time_has_a_meaning_and_a_question() -> None:
    known = times_vocabulary()
    assert {entry.key for entry in known} == CLOCK_EVENTS | Times.model_fields.keys() - {"events", "why_aware_later"}
    assert [entry.key for entry in known if len(entry.meaning) < 10 or "?" not in entry.written] == []


@pytest.mark.parametrize(
    ("fact", "words"), [("cause", Cause), ("data_categories", DataCategory), ("recipient", RecipientKind)]
)
def test_the_words_of_a_fact_are_those_that_are_read(fact: str, words: type[Cause]) -> None:
    (entry,) = (entry for entry in facts_vocabulary() if entry.key == fact)
    assert ", ".join(words) in entry.written


@pytest.mark.parametrize(
    ("fact", "words"),
    [("restored", ("full", "most", "none")), ("malicious", ("true", "false")), ("people", ()), ("recipient", ())],
)
def test_words_are_those_of_a_fixed_list(fact: str, words: tuple[str, ...]) -> None:
    assert words_of(fact) == words


def test_no_fact_has_a_word_that_means_unknown() -> None:
    assert [name for name in Facts.model_fields if UNKNOWN in words_of(name)] == []


def test_every_trade_that_a_law_goes_by_is_named() -> None:
    assert {"banking", "healthcare"} <= set(sectors())
    assert {sector for regime in read_duties().all_regimes() for sector in regime.sectors} == set(sectors())


def test_the_example_on_the_page_can_be_read(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert example
    path = tmp_path / "incident.yaml"
    path.write_text(example[1], encoding="utf-8")
    facts = read_incident(path).facts
    assert (facts.encrypted_at_rest.unknown, facts.vector.certainty) == (True, "suspected")
