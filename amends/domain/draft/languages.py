"""Findings about languages: people in whose language there are no words, and texts that nobody would read."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime

from amends.domain.base.errors import Finding
from amends.domain.base.text import listed
from amends.domain.base.value import nearest_locale
from amends.domain.case.views.draft import DraftView
from amends.domain.incident.incident import Incident
from amends.domain.people.locales import LocaleRuling, in_words, rule_command, ruling_for, without_words

NO_WORDS, UNUSED_TEXT = "E113", "E114"
"""The codes of the findings; amends/content/file/codes.py says what they mean."""
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def usable_locales(incident: Incident, words: Collection[str]) -> tuple[str, ...]:
    """Return the locales in which notices can be written: with templates, and with the incident's texts if any."""
    return tuple(locale for locale in incident.texts or words if locale in words)


def language_findings(
    incident: Incident, words: Collection[str], by_locale: Mapping[str, int], rulings: Iterable[LocaleRuling]
) -> Iterator[Finding]:
    """Yield a finding for readers whom nobody writes to in their language, and one for each text that is not used.

    `words` are the locales with templates, `by_locale` the readers of the notices.
    """
    known = tuple(rulings)
    yield from reader_findings(incident, words, by_locale, known)
    yield from unused_texts(incident, words, known)


def reader_findings(
    incident: Incident, words: Collection[str], by_locale: Mapping[str, int], rulings: Iterable[LocaleRuling]
) -> Iterator[Finding]:
    """Yield a finding for readers without templates in their language, and one for readers without a text."""
    usable, where = usable_locales(incident, words), f"audience of {incident.id}"
    missing = without_words(by_locale, usable, rulings)
    texts = {one: people for one, people in missing.items() if nearest_locale(one, tuple(words), "")}
    templates = {one: people for one, people in missing.items() if one not in texts}
    if templates:
        what = f"{in_words(templates)}; there are no words in {'these' if len(templates) > 1 else 'it'}"
        write = "write them (templates, phrases, and texts in the incident file)"
        yield Finding(where, NO_WORDS, what, f"{write}, {_or_rule(incident, templates, usable)}")
    if texts:
        what = f"{in_words(texts)}; there are templates, but the incident file has no texts for them"
        yield Finding(where, NO_WORDS, what, f"write texts.{next(iter(texts))}, {_or_rule(incident, texts, usable)}")


def unused_texts(
    incident: Incident,
    words: Collection[str],
    rulings: Iterable[LocaleRuling] = (),
    where: Callable[[str], str] | None = None,
) -> Iterator[Finding]:
    """Yield a finding for each text of the incident file without templates, unless somebody ruled on its readers.

    `where` gives the place of a text by its locale.
    """
    known = tuple(rulings)
    for locale in incident.texts:
        if locale not in words and ruling_for(locale, known) is None:
            place = where(locale) if where else f"incident file of {incident.id}"
            what = f"texts.{locale} has no templates and is not used; there are templates in {listed(sorted(words))}"
            advice = f"write templates and phrases in {locale}, or leave the text out"
            yield Finding(place, UNUSED_TEXT, what, advice)


def as_if_ruled(case: DraftView, words: Collection[str], by_locale: Mapping[str, int]) -> DraftView:
    """Return the case as if somebody had ruled on all readers without words, and had left out the unused texts.

    A dry run goes on so, beside the findings, and shows what else is wrong.
    """
    texts = {locale: story for locale, story in case.incident.texts.items() if locale in words}
    usable = usable_locales(case.incident, words)
    if not (texts and usable):
        return case
    missing = without_words(by_locale, usable, case.locale_rulings)
    ruled = provisional(dict.fromkeys(missing, usable[0]))
    incident = case.incident.model_copy(update={"texts": texts})
    return case.model_copy(update={"incident": incident, "locale_rulings": (*case.locale_rulings, *ruled)})


def provisional(rules: Mapping[str, str]) -> tuple[LocaleRuling, ...]:
    """Return rulings for a dry run, which nobody has made."""
    return tuple(LocaleRuling(locale=rule, instead=rules[rule], by="", at=NEVER) for rule in rules)


def _or_rule(incident: Incident, locales: Collection[str], usable: Collection[str]) -> str:
    instead = next(iter(usable), "LOCALE")
    return f"or let a lead rule in which language they are told: {rule_command(incident.id, locales, instead)}"
