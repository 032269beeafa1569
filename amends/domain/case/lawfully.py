"""Counts of the people told as the laws demand: by one duty, and by all duties that bind each person."""

from collections import Counter
from collections.abc import Callable, Iterable

from amends.domain.base.text import listed
from amends.domain.base.value import Value
from amends.domain.case.case import Case
from amends.domain.case.states import ToldBy
from amends.domain.channel.channel import ChannelKind
from amends.domain.law.duty import Duty
from amends.domain.law.means import is_in, lawful_channels
from amends.domain.law.substitute import living_in

Lawful = Callable[[ToldBy], frozenset[ChannelKind]]


class LawfullyTold(Value):
    """The people to whom notice is owed, by whether a message that counts has told them."""

    people: int
    lawfully: int
    waiting: int = 0
    """People whom a message that counts has still to reach."""
    told_meanwhile: int = 0
    """The people among those waiting whom other messages have told."""
    only_by: dict[str, int] = {}
    """People whom only messages that do not count have told, by their channels in words, the most people first."""
    by_place: dict[str, int] = {}
    """The same people by the place where they live."""

    @property
    def unlawfully(self) -> int:
        """Return how many people were told only by messages that do not count."""
        return sum(self.only_by.values())

    def __str__(self) -> str:
        waiting = f"{self.waiting:,} wait" if self.waiting else ""
        only = [f"{people:,} only by {channels}" for channels, people in self.only_by.items()]
        others = "; ".join(filter(None, (*only, waiting)))
        return f"{self.lawfully:,} of {self.people:,}" + (f" ({others})" if others else "")


def told_under(case: Case, duty: Duty) -> LawfullyTold | None:
    """Return how many people were told as this duty demands; None when it counts every message, or nobody was told."""
    rule = duty.channel_rule
    if rule is None or not case.reach.told_by:
        return None
    here = [one for one in case.reach.told_by if is_in(one.place, duty.places)]
    people = living_in(duty.places, case.audience.by_place)
    return _counted(people, here, lambda one: rule.channels(consented=one.consented), case)


def told_in_all(case: Case) -> LawfullyTold | None:
    """Return how many people were told as all duties demand that bind them; None when the laws count every message."""
    rules = [rule for duty in case.duties if (rule := duty.channel_rule)]
    if not rules or not case.reach.told_by:
        return None
    return _counted(
        case.audience.people,
        case.reach.told_by,
        lambda one: lawful_channels(rules, one.place, consented=one.consented),
        case,
    )


def _counted(people: int, told: Iterable[ToldBy], lawful: Lawful, case: Case) -> LawfullyTold:
    public = {kind for kind in ChannelKind if kind.page and case.reach.page_up_since}
    lawfully = waiting = meanwhile = 0
    only_by, by_place = Counter[str](), Counter[str]()
    for one in told:
        counts = lawful(one)
        if not counts.isdisjoint(public.union(one.told)):
            lawfully += one.people
        elif not counts.isdisjoint(one.waits):
            waiting += one.people
            meanwhile += one.people if one.told else 0
        elif one.told:
            only_by[listed([kind.words for kind in one.told])] += one.people
            by_place[one.place] += one.people
    return LawfullyTold(
        people=people,
        lawfully=lawfully,
        waiting=waiting,
        told_meanwhile=meanwhile,
        only_by=dict(only_by.most_common()),
        by_place=dict(sorted(by_place.items())),
    )
