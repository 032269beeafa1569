"""A form of an authority as lawyers keep it: its fields, which of our words stands for which of its options."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from amends.domain.base.value import Country, Slug, Value
from amends.domain.filing.answers import WORDS, FilingContext, Words
from amends.domain.filing.statements import VALUES, Said


def _one_or_many(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


Letters = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
"""Options of a field; one may be written bare."""


class WordOptions(Value):
    """Which of the form's options each of our words stands for."""

    of: str
    """A question that is answered in words."""
    answers: dict[str, Letters]
    """The weightiest first: it is given where the form takes one answer only."""
    without: tuple[str, ...] = ()
    """Words for which the form has no option, so that a person must say it."""

    @model_validator(mode="after")
    def _every_word_has_its_place(self) -> "WordOptions":
        _known(self.of, WORDS, "question")
        vocabulary, placed = WORDS[self.of].vocabulary, {*self.answers, *self.without}
        for word in (*self.answers, *self.without):
            _known(word, vocabulary, f"answer of {self.of}")
        if missing := sorted(vocabulary - placed):
            raise ValueError(f"{self.of}: say what stands for {', '.join(missing)}, or list them under `without`")
        if twice := sorted(set(self.answers) & set(self.without)):
            raise ValueError(f"{self.of}: {', '.join(twice)} cannot both have an option and be without one")
        return self


class FormField(Value):
    """One field of the form. Without readings and value, only a person can fill it."""

    asks: str
    required: bool = False
    options: dict[str, str] = {}
    readings: tuple[WordOptions, ...] = ()
    value: str = ""
    """The name of a text, number or time."""
    beside: str = ""
    """The name of a text that must be said beside the answer, which alone would say too much."""
    unknown: str = ""
    """The form's own option for what is not known yet."""
    shown_if: dict[str, Letters] = {}
    """It is asked only if one of these is so: a question with its words, or an earlier field with its options. What
    nobody knows counts as being so."""
    note: str = ""
    """For the person who fills it in or checks it."""

    @model_validator(mode="after")
    def _known_words(self) -> "FormField":
        for name in filter(None, (self.value, self.beside)):
            _known(name, VALUES, "value")
        if self.value and (self.readings or self.options):
            raise ValueError("a field has either a value or options")
        letters = [letter for reading in self.readings for found in reading.answers.values() for letter in found]
        for letter in (*letters, *filter(None, (self.unknown,))):
            _known(letter, self.options, "option")
        return self


class Heading(Value):
    """What a content code of the duties asks for, and what answers it."""

    title: str
    says: tuple[str, ...] = ()
    """Names of values, in their order."""
    ask: str = ""
    """What a person must write here."""

    @model_validator(mode="after")
    def _known_values(self) -> "Heading":
        for name in self.says:
            _known(name, VALUES, "value")
        return self


class Contents(Value):
    """What the content codes of all duties ask for."""

    unsaid: tuple[Slug, ...] = ()
    """The codes that answer for a duty whose row names none."""
    content: dict[Slug, Heading] = {}

    @model_validator(mode="after")
    def _closed(self) -> "Contents":
        for code in self.unsaid:
            _known(code, self.content, "content code")
        return self


class Form(Value):
    """A form with the country list of its law."""

    id: Slug
    title: str
    source: str
    licence: str
    regimes: tuple[Slug, ...]
    """The regimes whose authorities take this form; others have their own, and read this as a sheet of facts."""
    area: tuple[Country, ...]
    """The countries of its law."""
    fields: dict[Annotated[str, Field(pattern=r"^field_\d+$")], FormField]
    contents: Contents = Contents()
    """Kept in a file of its own, because it is for every authority."""

    @model_validator(mode="after")
    def _closed(self) -> "Form":
        asked: dict[str, Iterable[str]] = {name: question.vocabulary for name, question in WORDS.items()}
        for name, field in self.fields.items():
            for key, words in field.shown_if.items():
                _known(key, asked, f"question or earlier field ({name})")
                for word in words:
                    _known(word, asked[key], f"answer of {key} ({name})")
            asked[name] = field.options
        return self


class ToFill(Value):
    """A field that a person must fill in."""

    field: str
    """The form's name for it; a content code where the form is not the recipient's."""
    asks: str
    required: bool
    note: str = ""
    value: None = None


class Filled(Value):
    """A form as far as it can be filled in."""

    fields: dict[str, object]
    """One answer for each field that is answered."""
    several: dict[str, object]
    """All answers, where there is more than one."""
    beside: dict[str, str]
    """What must be said beside the answer."""
    to_follow: tuple[str, ...]
    """Fields that say that it is not known yet."""
    to_be_filled: tuple[ToFill, ...]

    @property
    def complete(self) -> bool:
        """Nothing that must be there is missing or unknown."""
        return not self.to_follow and not any(one.required for one in self.to_be_filled)


def fill(form: Form, asked: FilingContext) -> Filled:
    """Every field that is asked in this case; what nobody knows is the form's own word for it, or left to a person."""
    chosen: dict[str, Words] = {}
    sheet = _FilledForm()
    for name, field in form.fields.items():
        if not _shown(field, asked, chosen):
            chosen[name] = ()
            continue
        letters = _letters(field, asked)
        found = _plain(VALUES[field.value](asked)) if field.value else None
        chosen[name] = letters or (None if found is None else ())
        sheet.beside |= _beside(name, field, asked)
        sheet.put(name, field, letters, found)
    return sheet.filled()


@dataclass
class _FilledForm:
    """A form while it is filled in."""

    fields: dict[str, object] = dataclass_field(default_factory=dict)
    several: dict[str, object] = dataclass_field(default_factory=dict)
    beside: dict[str, str] = dataclass_field(default_factory=dict)
    to_follow: list[str] = dataclass_field(default_factory=list)
    to_be_filled: list[ToFill] = dataclass_field(default_factory=list)

    def put(self, name: str, field: FormField, letters: Words, found: object) -> None:
        if letters:
            self.fields[name] = letters[0]
        elif letters is None and field.unknown:
            self.fields[name] = field.unknown
            self.to_follow.append(name)
        elif found is None:
            note = "; ".join(filter(None, (self.beside.get(name), field.note)))
            self.to_be_filled.append(ToFill(field=name, asks=field.asks, required=field.required, note=note))
        elif not isinstance(found, dict):
            self.fields[name] = found
        if isinstance(found, dict) or (letters and len(letters) > 1):
            self.several[name] = found or letters

    def filled(self) -> Filled:
        return Filled(
            fields=self.fields,
            several=self.several,
            beside=self.beside,
            to_follow=tuple(self.to_follow),
            to_be_filled=tuple(self.to_be_filled),
        )


def _beside(name: str, field: FormField, asked: FilingContext) -> dict[str, str]:
    said = VALUES[field.beside](asked) if field.beside else None
    return {name: str(said)} if said else {}


def _shown(field: FormField, asked: FilingContext, chosen: dict[str, Words]) -> bool:
    return not field.shown_if or any(_holds(key, words, asked, chosen) for key, words in field.shown_if.items())


def _holds(key: str, words: tuple[str, ...], asked: FilingContext, chosen: dict[str, Words]) -> bool:
    said = chosen[key] if key in chosen else WORDS[key].answer(asked)
    return said is None or bool(set(said) & set(words))


def _letters(field: FormField, asked: FilingContext) -> Words:
    """The options that hold, the weightiest first; None when something is unknown and nothing else is known."""
    found: dict[str, None] = {}
    known = True
    for reading in field.readings:
        said = WORDS[reading.of].answer(asked)
        known = known and said is not None
        for word in (word for word in reading.answers if word in (said or ())):
            found.update(dict.fromkeys(reading.answers[word]))
    return tuple(found) if found or known else None


def _plain(said: Said) -> object:
    """As JSON has it; None for an empty text. A number for one country only is the number."""
    match said:
        case date():
            return said.isoformat()
        case dict() if len(said) == 1:
            return next(iter(said.values()))
        case "":
            return None
    return said


def _known(word: str, known: Iterable[str], what: str) -> None:
    """Raises ValueError with the nearest known ones."""
    words = list(known)
    if word not in words:
        raise ValueError(f"{word!r} is no known {what}{''.join(_near(word, words))}")


def _near(word: str, words: list[str]) -> Iterator[str]:
    yield from (f"; did you mean {near!r}?" for near in get_close_matches(word, words, 1))
