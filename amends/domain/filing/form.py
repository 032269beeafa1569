"""A form of an authority as lawyers keep it: its fields, and which of our words stands for which option."""

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


OneOrMany = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
"""One or many words; a single word may be written bare."""


class WordOptions(Value):
    """The options of a form that our words for one question stand for."""

    of: str
    """The question, which is answered in our words."""
    answers: dict[str, OneOrMany]
    """The options by word, the weightiest first; the first that holds is given where the form takes one answer only."""
    without: tuple[str, ...] = ()
    """Words for which the form has no option, so that a person must answer."""

    @model_validator(mode="after")
    def _every_word_has_its_place(self) -> "WordOptions":
        _check_known(self.of, WORDS, "question")
        vocabulary, placed = WORDS[self.of].vocabulary, {*self.answers, *self.without}
        for word in (*self.answers, *self.without):
            _check_known(word, vocabulary, f"answer of {self.of}")
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
    """The name of a text, number or time in VALUES."""
    beside: str = ""
    """The name of a text that must be said beside the answer, which alone would say too much."""
    unknown: str = ""
    """The form's own option for what is not known yet."""
    shown_if: dict[str, OneOrMany] = {}
    """The conditions of which one must hold for the field to be asked: a question with its words, or an earlier field
    with its options. An unknown answer counts as meeting the condition."""
    note: str = ""
    """A note for the person who fills in or checks the field."""

    @model_validator(mode="after")
    def _known_words(self) -> "FormField":
        for name in filter(None, (self.value, self.beside)):
            _check_known(name, VALUES, "value")
        if self.value and (self.readings or self.options):
            raise ValueError("a field has either a value or options")
        named = [option for reading in self.readings for found in reading.answers.values() for option in found]
        for option in (*named, *filter(None, (self.unknown,))):
            _check_known(option, self.options, "option")
        return self


class Heading(Value):
    """The title of a content code of the duties, with the values that answer it."""

    title: str
    says: tuple[str, ...] = ()
    """Names of values, in their order."""
    ask: str = ""
    """A text that a person must write under this title."""

    @model_validator(mode="after")
    def _known_values(self) -> "Heading":
        for name in self.says:
            _check_known(name, VALUES, "value")
        return self


class Contents(Value):
    """The headings of the content codes of all duties."""

    unsaid: tuple[Slug, ...] = ()
    """The content codes of a duty whose row names none."""
    content: dict[Slug, Heading] = {}

    @model_validator(mode="after")
    def _closed(self) -> "Contents":
        for code in self.unsaid:
            _check_known(code, self.content, "content code")
        return self


class Form(Value):
    """A form with the country list of its law."""

    id: Slug
    title: str
    source: str
    licence: str
    regimes: tuple[Slug, ...]
    """The regimes whose authorities take this form; other authorities read this form as a sheet of facts."""
    area: tuple[Country, ...]
    """The countries of the form's law."""
    fields: dict[Annotated[str, Field(pattern=r"^field_\d+$")], FormField]
    contents: Contents = Contents()
    """The headings for every authority, which is why they are kept in a file of their own."""

    @model_validator(mode="after")
    def _closed(self) -> "Form":
        answers: dict[str, Iterable[str]] = {name: question.vocabulary for name, question in WORDS.items()}
        for name, field in self.fields.items():
            for key, words in field.shown_if.items():
                _check_known(key, answers, f"question or earlier field ({name})")
                for word in words:
                    _check_known(word, answers[key], f"answer of {key} ({name})")
            answers[name] = field.options
        return self


class ToFill(Value):
    """A field that a person must fill in."""

    field: str
    """The form's name for the field; a content code where the form is not the recipient's."""
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
    """Texts that must be said beside the answers."""
    to_follow: tuple[str, ...]
    """Fields that say that the answer is not known yet."""
    to_be_filled: tuple[ToFill, ...]

    @property
    def complete(self) -> bool:
        """Return True when nothing that must be there is missing or unknown."""
        return not self.to_follow and not any(one.required for one in self.to_be_filled)


def fill(form: Form, context: FilingContext) -> Filled:
    """Return the form filled in for this case; an unknown answer is the form's own option, or is left to a person."""
    chosen: dict[str, Words] = {}
    sheet = _FilledForm()
    for name, field in form.fields.items():
        if not _shown(field, context, chosen):
            chosen[name] = ()
            continue
        options = _options(field, context)
        found = _plain(VALUES[field.value](context)) if field.value else None
        chosen[name] = options or (None if found is None else ())
        sheet.beside |= _beside(name, field, context)
        sheet.put(name, field, options, found)
    return sheet.filled()


@dataclass
class _FilledForm:
    """A form while it is filled in."""

    fields: dict[str, object] = dataclass_field(default_factory=dict)
    several: dict[str, object] = dataclass_field(default_factory=dict)
    beside: dict[str, str] = dataclass_field(default_factory=dict)
    to_follow: list[str] = dataclass_field(default_factory=list)
    to_be_filled: list[ToFill] = dataclass_field(default_factory=list)

    def put(self, name: str, field: FormField, options: Words, found: object) -> None:
        if options:
            self.fields[name] = options[0]
        elif options is None and field.unknown:
            self.fields[name] = field.unknown
            self.to_follow.append(name)
        elif found is None:
            note = "; ".join(filter(None, (self.beside.get(name), field.note)))
            self.to_be_filled.append(ToFill(field=name, asks=field.asks, required=field.required, note=note))
        elif not isinstance(found, dict):
            self.fields[name] = found
        if isinstance(found, dict) or (options and len(options) > 1):
            self.several[name] = found or options

    def filled(self) -> Filled:
        return Filled(
            fields=self.fields,
            several=self.several,
            beside=self.beside,
            to_follow=tuple(self.to_follow),
            to_be_filled=tuple(self.to_be_filled),
        )


def _beside(name: str, field: FormField, context: FilingContext) -> dict[str, str]:
    said = VALUES[field.beside](context) if field.beside else None
    return {name: str(said)} if said else {}


def _shown(field: FormField, context: FilingContext, chosen: dict[str, Words]) -> bool:
    return not field.shown_if or any(_holds(key, words, context, chosen) for key, words in field.shown_if.items())


def _holds(key: str, words: tuple[str, ...], context: FilingContext, chosen: dict[str, Words]) -> bool:
    said = chosen[key] if key in chosen else WORDS[key].answer(context)
    return said is None or bool(set(said) & set(words))


def _options(field: FormField, context: FilingContext) -> Words:
    """Return the options that hold, the weightiest first; None when an answer is unknown and no option holds."""
    found: dict[str, None] = {}
    known = True
    for reading in field.readings:
        said = WORDS[reading.of].answer(context)
        known = known and said is not None
        for word in (word for word in reading.answers if word in (said or ())):
            found.update(dict.fromkeys(reading.answers[word]))
    return tuple(found) if found or known else None


def _plain(said: Said) -> object:
    """Return the value for JSON: None for an empty text, a bare number for the people of a single country."""
    match said:
        case date():
            return said.isoformat()
        case dict() if len(said) == 1:
            return next(iter(said.values()))
        case "":
            return None
    return said


def _check_known(word: str, known: Iterable[str], what: str) -> None:
    """Raise ValueError, with the nearest known word, when the word is not known."""
    words = list(known)
    if word not in words:
        raise ValueError(f"{word!r} is no known {what}{''.join(_near(word, words))}")


def _near(word: str, words: list[str]) -> Iterator[str]:
    yield from (f"; did you mean {near!r}?" for near in get_close_matches(word, words, 1))
