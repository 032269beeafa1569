"""The vocabulary of an incident file: its facts, and its times, of which most come from the table of duties."""

from amends.content.law.regimes import read_duties
from amends.domain.base.docstrings import field_docstrings
from amends.domain.incident.elements import ELEMENTS
from amends.domain.incident.incident import CLOCK_EVENTS, Times
from amends.domain.incident.vocabulary import Entry, facts_vocabulary, markdown_table

OCCURRED = "When did it happen? Write `from` and `to`, one moment, or a date."
CONTAINED = "From when on was no more harm done?"
ELEMENTS_INTRO = """\
An element is a piece of data as people and laws name it; a class holds several. Write elements, in the incident file
and in the list of people: letters name them, each person's first step hangs on them, and most laws of the United States
count them. A class can be read everywhere too, and then `amends assess` asks which of its elements it was."""
FACTS_HEAD = ("fact", "meaning", "written as")
TIMES_HEAD = ("time", "meaning", "ask yourself")


def times_vocabulary() -> tuple[Entry, ...]:
    """Return every time that an incident file may give: those of the incident itself, then the clock events."""
    own, events = field_docstrings(Times), read_duties().clock_events
    return (
        Entry("occurred", own["occurred"], OCCURRED),
        Entry("contained", own["contained"], CONTAINED),
        *(Entry(name, f"{_capital(events[name].means)}.", events[name].ask) for name in events if name in CLOCK_EVENTS),
    )


def sectors() -> tuple[str, ...]:
    """Return the words for a trade that some law goes by, in alphabetical order."""
    return tuple(sorted({sector for regime in read_duties().all_regimes() for sector in regime.sectors}))


def vocabulary_page() -> str:
    """Return the tables of docs/facts.md, with the words for a trade and the data elements of each class."""
    facts = markdown_table(FACTS_HEAD, facts_vocabulary())
    times = markdown_table(TIMES_HEAD, times_vocabulary())
    known = f"Laws know these sectors: {', '.join(sectors())}."
    return f"{facts}\n\n{known}\n\n## Elements and classes\n{ELEMENTS_INTRO}\n\n{elements_table()}\n\n## Times\n{times}"


def elements_table() -> str:
    """Return the data elements of each class that has several, as a Markdown table."""
    rows = (f"| `{one}` | {', '.join(f'`{element}`' for element in ELEMENTS[one])} |" for one in ELEMENTS)
    return "\n".join(("| class | elements |", "|---|---|", *rows))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
