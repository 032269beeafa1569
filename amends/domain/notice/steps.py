"""The steps that a person can take, by the elements of their own data and the place where they live."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from pydantic import Field

from amends.domain.base.value import Value
from amends.domain.incident.elements import class_of
from amends.domain.incident.facts import DataCategory

BEWARE = "beware"
"""The key of the step of everybody; any other step has the name of the first kind of data that it is for."""
MOST_STEPS = 4
"""The most steps in one letter: who is asked for more does none."""


class StepTime(StrEnum):
    """A time by which a step should be taken; the most urgent first."""

    TODAY = "today"
    THIS_WEEK = "this_week"
    FROM_NOW = "from_now"

    @property
    def rank(self) -> int:
        """Return the place among the times, 0 for the most urgent."""
        return list(StepTime).index(self)


class SafetyStep(Value):
    """One step of a person whose data is in wrong hands, in one language."""

    when: StepTime
    minutes: int | None = Field(default=None, ge=1, le=600)
    """The minutes that the step takes, where somebody has measured them."""
    first: str
    """The step as a letter begins with it, in one or two sentences."""
    do: str
    """The step as it stands in the list, after the words of `when`."""
    child_first: str = ""
    """The same as `first`, for the parent or guardian of a child; empty when `first` fits both."""
    child_do: str = ""
    child_when: StepTime | None = None
    """The time for a parent or guardian, where it is another one; then `minutes` is not theirs either."""

    def for_reader(self, *, child: bool) -> "SafetyStep":
        """Return the step in the words for this kind of reader."""
        if not child:
            return self
        own = {"first": self.child_first or self.first, "do": self.child_do or self.do}
        times = {"when": self.child_when, "minutes": None} if self.child_when else {}
        return self.model_copy(update=own | times)


class StepWords(Value):
    """The words around steps and help in one language."""

    today: str
    this_week: str
    from_now: str
    entry: str
    """The form of an entry of the list: `**{when}:** {do}`."""
    timed: str
    """The form of an entry that says how long it takes: `**{when}, {minutes} minutes:** {do}`."""
    contact: str
    """The form of the line of an office that helps: `{name}: {ways}`."""
    or_by: str
    """The text between two ways to reach an office: `; `."""
    your: str
    """The word that stands for `{your}` in a step: `your`."""
    child: str
    """The word that stands for `{your}` in a step for a parent or guardian: `your child's`."""
    beware: SafetyStep
    """The step of everybody, which comes last."""

    def said(self, text: str, *, child: bool) -> str:
        """Return the text with the word for whose data it is."""
        return text.replace("{your}", self.child if child else self.your)


class StepBook(Value):
    """The steps of one language, those of one place before those that fit everywhere."""

    words: StepWords
    general: Mapping[DataCategory, SafetyStep]
    local: Mapping[DataCategory, SafetyStep] = {}

    def steps(self, kinds: Iterable[DataCategory], *, child: bool) -> tuple[SafetyStep, ...]:
        """Return the steps for these kinds of data, the most urgent first; `beware` is the last, or the only one."""
        own = dict.fromkeys(step.for_reader(child=child) for step in self._found(frozenset(kinds)))
        found = sorted(own, key=lambda step: step.when.rank)
        return (*found[: MOST_STEPS - 1], self.words.beware.for_reader(child=child))

    def _found(self, kinds: frozenset[DataCategory]) -> Iterator[SafetyStep]:
        """Yield the step of each kind, in the order of the book."""
        for kind in self.general:
            if kind in kinds and (step := self._step(kind)):
                yield step
        for kind in sorted(kinds - self.general.keys()):
            if step := self._step(kind):
                yield step

    def _step(self, kind: DataCategory) -> SafetyStep | None:
        one = class_of(kind)
        return self.local.get(kind) or self.general.get(kind) or self.local.get(one) or self.general.get(one)

    def by_step(self, kinds: Iterable[DataCategory]) -> tuple[tuple[tuple[DataCategory, ...], str], ...]:
        """Return each step's entry with the kinds of data that it is for, for a page that everybody reads."""
        found: dict[SafetyStep, list[DataCategory]] = {}
        for kind in dict.fromkeys(kinds):
            if step := self._step(kind):
                found.setdefault(step, []).append(kind)
        ordered = sorted(found, key=lambda step: step.when.rank)
        return tuple((tuple(found[step]), self._entry(step, child=False)) for step in ordered)

    def first(self, kinds: Iterable[DataCategory], *, child: bool) -> str:
        """Return the sentence with the first step."""
        return self.words.said(self.steps(kinds, child=child)[0].first, child=child)

    def entries(self, kinds: Iterable[DataCategory], *, child: bool) -> tuple[str, ...]:
        """Return the entries of the list of steps, as Markdown."""
        return tuple(self._entry(step, child=child) for step in self.steps(kinds, child=child))

    def keyed(self, kinds: Iterable[DataCategory], *, child: bool) -> tuple[tuple[str, str], ...]:
        """Return the entries of the list with keys, which are the same in every language and in every place."""
        keys: dict[SafetyStep, str] = {self.words.beware.for_reader(child=child): BEWARE}
        for kind in (*self.general, *sorted(frozenset(kinds) - self.general.keys())):
            if kind in kinds and (step := self._step(kind)):
                keys.setdefault(step.for_reader(child=child), kind.value)
        return tuple((keys[step], self._entry(step, child=child)) for step in self.steps(kinds, child=child))

    def numbered(self, kinds: Iterable[DataCategory], *, child: bool) -> str:
        """Return the list of steps with numbers, as Markdown."""
        return "\n".join(f"{number}. {step}" for number, step in enumerate(self.entries(kinds, child=child), 1))

    def _entry(self, step: SafetyStep, *, child: bool) -> str:
        form = self.words.timed if step.minutes else self.words.entry
        do = self.words.said(step.do, child=child)
        when = getattr(self.words, step.when)
        return form.replace("{when}", when).replace("{minutes}", str(step.minutes)).replace("{do}", do)
