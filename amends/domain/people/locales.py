"""The languages of an audience: readers without words in theirs, and decisions to write to them in another one."""

from collections.abc import Collection, Iterable, Mapping

from amends.domain.base.errors import Refusal
from amends.domain.base.text import counted, listed, minute
from amends.domain.base.value import Locale, Moment, Value, fallbacks, nearest_locale, other_script

MOST_NAMED = 8
"""The most locales that a sentence names."""


class LocaleRuling(Value):
    """A decision that people who read a locale without words are written to in another locale."""

    locale: Locale
    instead: Locale
    by: str
    at: Moment

    def says(self, by_locale: Mapping[str, int]) -> str:
        """Return the ruling in words, with the number of people who read the locale."""
        people = sum(count for locale, count in by_locale.items() if _counts_for(self.locale, locale))
        who = counted(people, "person who reads", "people who read")
        verb = "is" if people == 1 else "are"
        return f"{who} {self.locale} {verb} written to in {self.instead}, as {self.by} ruled on {minute(self.at)}"

    @property
    def of_one(self) -> str:
        """Return the ruling in words, as it concerns one of its readers."""
        return f"told in {self.instead} while there are no words in it, as {self.by} ruled on {minute(self.at)}"


def ruling_for(locale: str, rulings: Iterable[LocaleRuling]) -> LocaleRuling | None:
    """Return the ruling on readers of this locale, or None; the one on `de-AT` goes before one on `de`."""
    return max(
        (ruling for ruling in rulings if _counts_for(ruling.locale, locale)),
        key=lambda ruling: len(ruling.locale),
        default=None,
    )


def written_in(locale: str, offered: Collection[str], rulings: Iterable[LocaleRuling]) -> str:
    """Return the offered locale in which a reader of this locale is written to, or "" without words and a ruling.

    Words in the reader's own language and script go before a ruling.
    """
    words = tuple(offered)
    if own := nearest_locale(locale, words, ""):
        return own
    ruling = ruling_for(locale, rulings)
    return nearest_locale(ruling.instead, words, "") if ruling else ""


def ruled_instead(locales: Iterable[str], offered: Collection[str], rulings: Iterable[LocaleRuling]) -> dict[str, str]:
    """Return, for each of these locales without words, the offered locale that somebody ruled; sorted by locale."""
    words, known = tuple(offered), tuple(rulings)
    without = (one for one in sorted(set(locales)) if not nearest_locale(one, words, ""))
    found = ((one, written_in(one, words, known)) for one in without)
    return {locale: instead for locale, instead in found if instead}


def without_words(
    by_locale: Mapping[str, int], offered: Collection[str], rulings: Iterable[LocaleRuling] = ()
) -> dict[str, int]:
    """Return the people by locale for whom there are neither words nor a ruling, the most people first."""
    known = tuple(rulings)
    found = {locale: people for locale, people in by_locale.items() if not written_in(locale, offered, known)}
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def in_words(by_locale: Mapping[str, int]) -> str:
    """Return how many people read these locales: 440 people read de (380), fr (60)."""
    people = sum(by_locale.values())
    shown = [f"{name} ({count:,})" if people and len(by_locale) > 1 else name for name, count in by_locale.items()]
    more = [f"{len(shown) - MOST_NAMED} more locales"] if len(shown) > MOST_NAMED else []
    who = f"{people:,} {'person reads' if people == 1 else 'people read'}" if people else "readers of this notice read"
    return f"{who} {listed([*shown[:MOST_NAMED], *more])}"


def rule_command(incident: str, by_locale: Collection[str], instead: str) -> str:
    """Return the command with which a member rules that readers of these locales are written to in another."""
    ruled = " ".join(f"--rule {locale}={instead}" for locale in list(by_locale)[:MOST_NAMED])
    return f"`amends audience locales {incident} {ruled} --as NAME`"


def why_not_rule(locale: str, instead: str, by_locale: Mapping[str, int], offered: Collection[str]) -> Refusal | None:
    """Return why readers of a locale cannot be written to in the other one, or None."""
    if not any(_counts_for(locale, one) for one in by_locale):
        return Refusal(f"nobody in the list reads {locale}; its locales are {listed(sorted(by_locale))}")
    if nearest_locale(locale, tuple(offered), ""):
        return Refusal(f"there are words for readers of {locale}, so they are written to in these")
    if not nearest_locale(instead, tuple(offered), ""):
        return Refusal(f"there are no words in {instead}; there are words in {listed(sorted(offered))}")
    return None


def _counts_for(ruled: str, locale: str) -> bool:
    """Return True when a ruling on one locale counts for readers of the other: one on `de` for `de-AT`."""
    return ruled in fallbacks(locale) and not other_script(locale, ruled)
