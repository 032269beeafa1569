"""Requirements of each letter by the laws where its readers live, and which of them the shipped letter meets."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from amends.domain.assess.assessment import Assessment
from amends.domain.law.addendum import Addenda
from amends.domain.law.duty import Addressee, Duty, DutyStanding


@dataclass(frozen=True)
class RequiredItem:
    """Something that laws want said in a letter."""

    code: str
    """The item of addenda.yaml, or the content code of the law where no item answers it."""
    words: str
    laws: tuple[str, ...]
    """The regimes that ask for it; one that only may apply says so."""
    said: bool
    """True when the shipped letter says it."""
    forbidden: bool = False
    """True when a law of the place forbids what another law asks for."""


@dataclass(frozen=True)
class RequiredLetter:
    """A letter with one addendum, and what laws want said in it."""

    addendum: str
    items: tuple[RequiredItem, ...]


def required_letters(assessment: Assessment, addenda: Addenda) -> tuple[RequiredLetter, ...]:
    """Return for each addendum that the audience needs what its letter must say, as the laws of its places ask."""
    duties = [duty for duty in assessment.duties if duty.addressee is Addressee.PEOPLE and duty.standing.owed]
    letters = (_letter(addendum, duties, addenda) for addendum in assessment.addenda)
    return tuple(letter for letter in letters if letter.items)


def _letter(addendum: str, duties: list[Duty], addenda: Addenda) -> RequiredLetter:
    asked: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for duty in duties:
        if addenda.reaches(duty.places, addendum):
            for code in duty.content:
                asked[addenda.item_of(code) or code][_named(duty)] = None
    return RequiredLetter(addendum, tuple(_item(name, tuple(laws), addendum, addenda) for name, laws in asked.items()))


def _named(duty: Duty) -> str:
    return f"{duty.regime} (may apply)" if duty.standing is DutyStanding.MAY_APPLY else duty.regime


def _item(name: str, laws: tuple[str, ...], addendum: str, addenda: Addenda) -> RequiredItem:
    known = addenda.items.get(name)
    found = addenda.addendum(addendum)
    return RequiredItem(
        code=name,
        words=known.says if known else name.replace("_", " "),
        laws=laws,
        said=known is not None and addenda.says(addendum, name),
        forbidden=found is not None and name in found.leaves_out,
    )


def in_lines(letters: tuple[RequiredLetter, ...]) -> Iterator[str]:
    """Yield the lines of all letters: a tick before what the shipped letter says, a cross before what it does not."""
    for letter in letters:
        yield f"letter {letter.addendum}"
        yield from (f"  {_line(item)}" for item in letter.items)


def _line(item: RequiredItem) -> str:
    laws = ", ".join(item.laws)
    if item.said:
        return f"✓ {item.words} [{laws}]"
    why = "left out: another law there forbids it" if item.forbidden else f"no shipped letter says it: {item.code}"
    return f"✗ {item.words} [{laws}]; {why}"
