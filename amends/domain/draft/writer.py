"""The writing of a draft's texts: a variant for each kind of reader, from the case and the words."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from types import TracebackType
from typing import Any

from jinja2 import TemplateSyntaxError

from amends.domain.assess.assessment import Tone
from amends.domain.base.audience import EVERYONE, Audience, NoLonger, ToldOtherwise
from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.value import Texts, text_for
from amends.domain.case.next_update import NextUpdate
from amends.domain.case.views.draft import DraftView
from amends.domain.channel.channel import ChannelKind
from amends.domain.draft.languages import language_findings
from amends.domain.entitlement.code import reminded_of
from amends.domain.entitlement.remedy import corrected_by
from amends.domain.feedback.queue.gaps import ManyAsked
from amends.domain.incident.commitment import CodePlace, Commitment, CommitmentState, TakeUp, fate, said_when_kept
from amends.domain.incident.facts import Certainty, Facts, RecipientKind
from amends.domain.incident.incident import NATURE, STORY_STATES, Incident, News, StatementKey
from amends.domain.incident.per_person import DECLINED
from amends.domain.notice.bounds import LESS, TooMuch
from amends.domain.notice.difference import OWN, OWN_BEFORE, Change, Changes, Differences, revision
from amends.domain.notice.notice import Reader, Slot, TextName, Variant, code_slot
from amends.domain.notice.statement import COMMITMENT, Statement, about, committed, next_update, stated_by
from amends.domain.notice.templates import (
    PART_CLOSE,
    PART_OPEN,
    Quoted,
    SaidText,
    environment,
    mark_items,
    mark_statements,
    split_items,
    split_parts,
    split_quotes,
    split_statements,
)
from amends.domain.notice.told import Pages
from amends.domain.notice.wording import (
    Phrases,
    Wording,
    quote_statement,
    say_count,
    say_data,
    say_date,
    say_day,
    say_hour,
    say_moment,
    say_statement,
)
from amends.domain.people.locales import ruled_instead, written_in
from amends.domain.playbook.session import PlannedSession
from amends.domain.risk.levels import Severity

LONGEST_IN_NOTICE = 500
"""The most characters of a public answer that a notice repeats; a longer one is left to the page."""
TOLL_FREE = re.compile(r"(?:\+1|\b1|^)[\s().-]*8(?:00|33|44|55|66|77|88)\b")
"""A number that is free to call within North America."""
TOLD_IN: Mapping[StatementKey, str] = {
    **dict.fromkeys((*NATURE, StatementKey.MISUSE, StatementKey.MEASURES), "nature"),
    StatementKey.PEOPLE: "people_count",
}
"""The item of addenda.yaml that a text says when it tells what such a statement is about."""
UNKNOWN_RECIPIENTS = (
    RecipientKind.UNKNOWN_ATTACKER,
    RecipientKind.ATTACKER_CIPHERTEXT_ONLY,
    RecipientKind.UNKNOWN_THIEF,
    RecipientKind.THIEF_CIPHERTEXT_ONLY,
)
"""The kinds of recipients of the data whose identity nobody knows."""


@dataclass(frozen=True)
class Wanted:
    """A notice that an occurrence of a step has to send."""

    id: str
    template: str
    audience: Audience
    about: str = ""
    """The commitment that the notice is about; empty for other notices."""
    change: int = 0
    """The number of the change of the commitment that the notice tells."""
    session: PlannedSession | None = None
    """The question hour that the notice announces; None for other notices."""

    @property
    def tells_of(self) -> str:
        """Return the commitment that the notice is about, or of whose codes it reminds people; empty for others."""
        return self.tells_results_of or reminded_of(self.audience)

    @property
    def tells_results_of(self) -> str:
        """Return the commitment of which the notice tells, or corrects, each person's own result, if it is kept."""
        return self.about or corrected_by(self.audience)[0]


@dataclass(frozen=True)
class Readers:
    """The present audience of a notice: its digest, its size, and its kinds of readers."""

    digest: str
    people: int
    kinds: frozenset[TextName]
    """Every combination of locale, kind of reader, addendum and cohort in the audience."""
    differences: Differences = field(default_factory=Differences)
    """All that these readers, and those of pages and posts, were told otherwise than is known now."""
    pages: Pages = field(default_factory=Pages)
    """The pages that were published: earlier versions of this notice's own, and pages of others that are wrong."""


@dataclass(frozen=True)
class Links:
    """The links of messages: to the public notice pages, the personal pages and the opt-out."""

    public_url: str

    def pages(self, incident: str) -> str:
        """Return the beginning of the address of the notice page, the same for every locale."""
        return f"{self.public_url}/n/{incident}/"

    def page(self, incident: str, locale: str) -> str:
        """Return the address of the notice page in this locale."""
        return f"{self.pages(incident)}{locale}/"

    def notice_page(self, incident: str, locale: str, notice: str) -> str:
        """Return the address of the page of this notice, or of the latest one when `notice` is empty."""
        return self.page(incident, locale) + (f"{notice}.html" if notice else "")

    @property
    def personal(self) -> str:
        """Return the address of a personal page, with a slot for the person's token."""
        return f"{self.public_url}/p/{Slot.PERSONAL_LINK.mark}"

    def opt_out(self, token: str) -> str:
        """Return the address at which one POST ends the optional messages to a person (RFC 8058)."""
        return f"{self.public_url}/u/{token}"

    def hour(self, incident: str, hour: str, locale: str) -> str:
        """Return the address of the page of a question hour in this locale."""
        return f"{self.public_url}/s/{incident}/{hour}?lang={locale}"


class Writer:
    """A writer of one notice, which renders the notice's templates."""

    def __init__(
        self,
        case: DraftView,
        wording: Wording,
        wanted: Wanted,
        links: Links,
        readers: Readers,
        made: tuple[Commitment, ...],
        news_at: datetime | None,
        missed: NextUpdate | None,
        now: datetime,
        channels: Iterable[ChannelKind],
    ) -> None:
        self._case, self._wording, self._wanted, self._links = case, wording, wanted, links
        self._readers, self._made, self._news_at, self._missed, self._now = readers, made, news_at, missed, now
        # People who were told otherwise may be of any segment: what was promised to everyone is for them all.
        self._promised_to: set[Audience] = {wanted.audience}
        if isinstance(wanted.audience, ToldOtherwise):
            self._promised_to.add(EVERYONE)
        self._templates = environment(wording.templates)
        self._stated = self._what_is_known()
        self._channels = tuple(dict.fromkeys(channels))
        self._locales = [name for name in wording.locales(wanted.template) if name in case.incident.texts]

    def variants(self) -> tuple[Variant, ...]:
        """Return every variant: on a personal channel for each kind of reader, else for each locale."""
        if not self._locales:
            raise ContentError(self._missing_language())
        if found := tuple(self._about_languages()):
            raise ContentError(*found)
        return tuple(self._variant(name, channel) for channel in self._channels for name in self._names(channel))

    def _about_languages(self) -> Iterator[Finding]:
        """Yield the findings about the languages of these readers, if people read the notice, and of the texts."""
        people = self._case.audience.by_locale
        read = (
            {kind.locale for kind in self._readers.kinds}
            if any(channel.personal for channel in self._channels)
            else set[str]()
        )
        words = self._wording.locales(self._wanted.template)
        readers = {locale: people.get(locale, 0) for locale in sorted(read)}
        return language_findings(self._case.incident, words, readers, self._case.locale_rulings)

    def _names(self, channel: ChannelKind) -> list[TextName]:
        """Return the names of the texts on this channel; only a detailed one tells each cohort its difference."""
        if not channel.personal:
            return [TextName(locale, Reader.SELF) for locale in self._locales]
        kinds = self._readers.kinds if channel.detailed else (kind._replace(cohort="") for kind in self._readers.kinds)
        own = (
            kind._replace(locale=self.locale_for(kind.locale), addendum=self._addendum(kind.addendum)) for kind in kinds
        )
        return sorted(set(own))

    def _what_is_known(self) -> dict[str, Statement]:
        """Return each statement that the notice could make, by its key."""
        case, zone = self._case, self._case.incident.organisation.timezone
        made = (committed(commitment, self._now, zone) for commitment in self._commitments())
        news = [next_update(self._news_at)] if self._news_at else []
        none = [Statement(key=StatementKey.ELEMENTS, value="")] if isinstance(self._wanted.audience, NoLonger) else []
        return stated_by(case.incident, case.audience.people) | {one.key: one for one in (*made, *news, *none)}

    def _addendum(self, addendum: str) -> str:
        return self._wording.addenda.in_notice(self._wanted.template, addendum)

    def locale_for(self, locale: str) -> str:
        """Return the locale in which a reader of this locale is written to, in their language or as a member ruled."""
        return written_in(locale, self._locales, self._case.locale_rulings)

    def instead(self) -> dict[str, str]:
        """Return the locale that was ruled for each locale of these readers without words."""
        return ruled_instead((kind.locale for kind in self._readers.kinds), self._locales, self._case.locale_rulings)

    def _missing_language(self) -> Finding:
        return Finding(
            f"notices/{self._wanted.template}",
            "E120",
            f"has no templates in a language that the incident has texts in: {', '.join(self._case.incident.texts)}",
            "write the templates, or add the incident's texts in one of their languages",
        )

    def _variant(self, name: TextName, channel: ChannelKind) -> Variant:
        path = f"{self._wanted.template}/{name.locale}.{channel}.{channel.suffix}"
        phrases = self._wording.phrases_for(name.locale, name.addendum, self._seat)
        values = self._values(phrases, Reader(name.reader), channel) | self._marks(name.addendum)
        values["changes"] = self._changes(phrases, name, channel)
        values["revisions"] = self._revisions(phrases) if channel.page else []
        try:
            rendered, named = self._templates.text_and_subject(path, values)
        except Exception as error:  # any error of a template is for its author to correct
            raise ContentError(_wrong(error, path)) from error
        whole, states = split_statements(rendered.strip())
        unquoted, quotes = split_quotes(whole)
        marked, items = split_items(unquoted)
        text, parts = split_parts(marked)
        heading, in_subject = split_statements(named.strip())
        subject, _ = split_items(heading)
        return Variant(
            **name._asdict(),
            channel=channel,
            subject=subject,
            text=text,
            parts=parts,
            items=items,
            states=self._known(states | in_subject),
            quotes=quotes,
        )

    def _changes(self, phrases: Phrases, name: TextName, channel: ChannelKind) -> list[dict[str, Any]]:
        """Return what these readers were told otherwise, as far as the laws of their home let a notice say it.

        Where only a person can word what is new, as for measures, the text of the story tells it.
        """
        told = self._readers.differences
        found = told.people.get(name.cohort, ()) if channel.personal else told.public
        in_words = (self._change(phrases, one) for one in found if self._may_say(name.addendum, one.key))
        return [one for one in in_words if one["wrong"] or one["now"]]

    def _change(self, phrases: Phrases, change: Change) -> dict[str, Any]:
        ruled_out = change.now.certainty is Certainty.RULED_OUT
        was, now = _in_words(phrases, change.was, quote_statement), _in_words(phrases, change.now)
        return {
            "key": change.key,
            "name": self._heading(phrases, change.key),
            "was": Quoted(was) if was and now else "",
            "now": SaidText(now, change.key),
            "sure": "yes" if change.now.certainty is Certainty.CONFIRMED else "",
            "ruled_out": "yes" if ruled_out else "",
            "wrong": "yes" if change.wrong else "",
        }

    def _heading(self, phrases: Phrases, key: str) -> str:
        """Return the heading of what a statement with this key is about; of a commitment, its words."""
        if not key.startswith(COMMITMENT):
            return phrases.statements[StatementKey(key)]
        made = {about(one.id): one for one in (*self._case.commitments, *self._made)}
        return _said(made[key].promise, phrases.locale, f"commitments.{made[key].id}.promise")

    def _revisions(self, phrases: Phrases) -> list[dict[str, Any]]:
        """Return each date on which the page was published again, the latest first, with what it says otherwise since.

        A value that was changed again is a quote: it is as little right as the value that it replaced.
        """
        earlier = self._readers.pages.earlier
        dates = [*(version.dated for version in earlier), self._now][1:]
        told = [*earlier.values(), self._stated]
        found: list[dict[str, Any]] = []
        changed_later: set[str] = set()
        for at, before, after in reversed([*zip(dates, told, told[1:], strict=False)]):
            changes = revision(before, after)
            found.append(self._revision(phrases, at, changes, changed_later))
            changed_later |= {change.key for change in changes}
        return found

    def _revision(
        self, phrases: Phrases, at: datetime, changes: Changes, changed_later: Collection[str]
    ) -> dict[str, Any]:
        date, in_words = self._date(phrases, at), []
        for change in changes:
            overtaken = change.key in changed_later
            now = {"now": Quoted(_in_words(phrases, change.now))} if overtaken else {}
            marks = {
                "overtaken": "yes" if overtaken else "",
                "promise": "yes" if change.key.startswith(COMMITMENT) else "",
            }
            in_words.append(self._change(phrases, change) | marks | now)
        return {"date": date if at == self._now else Quoted(date), "changes": in_words}

    def _may_say(self, addendum: str, key: str) -> bool:
        """Return False when the laws of the readers' home forbid to say what the statement is about."""
        addenda, item = self._wording.addenda, TOLD_IN.get(StatementKey(key), "")
        return item not in addenda.items or addenda.says(addendum, item)

    def statements(self, variants: Iterable[Variant]) -> tuple[Statement, ...]:
        """Return the statements that these variants make, sorted by key."""
        return tuple(self._stated[key] for key in sorted({key for variant in variants for key in variant.states}))

    def _known(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Return the keys of which something is known; a text that says that nothing is known states nothing."""
        return tuple(sorted(self._stated.keys() & set(keys)))

    def _marks(self, addendum: str) -> dict[str, Any]:
        """Return the functions with which a template marks parts, items and statements, and asks about the addendum."""
        addenda = self._wording.addenda
        return {
            "states": lambda *keys: mark_statements(map(StatementKey, keys)),
            "part": lambda name: f"{PART_OPEN}{name}{PART_CLOSE}",
            "item": lambda *names: mark_items(names, addenda.items),
            "help_says": self._help_says(addendum),
            "addendum": {"id": addendum, "says": lambda item: addenda.says(addendum, item)},
        }

    @property
    def _seat(self) -> str:
        """Return the place where the organisation is established, or "" while nobody has said."""
        return self._case.incident.organisation.established_in or ""

    def _own_page(self) -> str:
        """Return the id of the notice when it is published as a page, else "", for the latest page of all."""
        return self._wanted.id if any(kind.page for kind in self._channels) else ""

    def _homes(self) -> set[str]:
        """Return the countries where people of the audience live, as far as somebody has said."""
        return {*self._case.audience.by_country, *(place[:2] for place in self._case.incident.residences)} - {""}

    def _help_says(self, addendum: str) -> tuple[str, ...]:
        """Return the items that the help says to everybody who has this addendum."""
        found = self._wording.addenda.addendum(addendum)
        helps = self._wording.help_in(found.places[0][:2]) if found else None
        return helps.says(found.places) if found and helps else ()

    def _values(self, phrases: Phrases, reader: Reader, channel: ChannelKind) -> dict[str, Any]:
        case, locale = self._case, phrases.locale
        of_commitments = self._commitment_values(phrases, locale, own=channel.personal)
        categories = case.incident.facts.categories()
        assessed = case.assessment
        return {
            "organisation": _organisation(case.incident, locale),
            "story": _story(case.incident, locale),
            **self._dates(phrases),
            "late": self._late(phrases),
            "data": [
                SaidText(name, StatementKey.ELEMENTS)
                for category, name in phrases.data.items()
                if category in categories
            ],
            "data_in_words": SaidText(say_data(phrases, categories), StatementKey.ELEMENTS),
            "steps": self._wording.steps_for_all(locale, categories),
            "helps": self._wording.helps_for_all(locale, self._homes(), categories),
            "reader": reader.value,
            "person": {
                "name": Slot.NAME.mark,
                "your_data": SaidText(Slot.YOUR_DATA.mark, StatementKey.ELEMENTS),
                "link": self._links.personal,
                "child": Slot.CHILD.mark,
                "first_step": Slot.FIRST_STEP.mark,
                "steps": Slot.STEPS.mark,
                "help": Slot.HELP.mark,
                "code": _only_code(of_commitments["promises"]),
                "remedy": self._result(own=channel.personal),
                "earlier_remedy": Quoted(Slot.EARLIER_RESULT.mark if self._result(own=channel.personal) else ""),
            },
            "page": self._links.notice_page(case.incident.id, locale, self._own_page()),
            "promises_page": f"{self._links.page(case.incident.id, locale)}promises",
            **of_commitments,
            "news": self._news(phrases, locale, self._fresh_news()),
            "since": self._since(phrases, locale),
            "survey": self._survey(phrases),
            "many_asked": self._many_asked(locale),
            "faq_page": f"{self._links.page(case.incident.id, locale)}questions",
            "questions": {"asked": case.questions.asked, "open": case.questions.open},
            "people": SaidText(
                say_count(phrases, case.incident.people_stated(case.audience.people)), StatementKey.PEOPLE
            ),
            **_known(case.incident.facts),
            "session": self._session(phrases),
            "severity": str(assessed.band if assessed else Severity.HIGH),
            "tone": str(assessed.tone if assessed else Tone.SERIOUS),
        }

    def _survey(self, phrases: Phrases) -> dict[str, str]:
        """Return the number of answers to the latest survey with results, and what was rated best and lowest.

        Without results there is nothing of it, not even the number of answers.
        """
        playbook, done = self._case.playbook, [one for one in self._case.surveys if one.means]
        survey = playbook.survey(done[-1].survey) if playbook and done else None
        if survey is None:
            return {}
        means, words = done[-1].means, {question.id: question.words for question in survey.questions}
        rated = [(mean, text_for(words[name], phrases.locale)) for name, mean in means.items() if name in words]
        said = sorted((mean, text) for mean, text in rated if text)
        if not said:
            return {}
        answers = f"{done[-1].counted:,}".replace(",", phrases.thousands)
        return {"answers": answers, "lowest": said[0][1], "best": said[-1][1] if len(said) > 1 else ""}

    def _session(self, phrases: Phrases) -> dict[str, str]:
        """Return the question hour that the notice announces; empty for any other notice.

        Raises ContentError while nobody can say when the hour begins.
        """
        case, planned = self._case, self._wanted.session
        if planned is None:
            return {}
        name = planned.id
        begins = planned.begins(case.events, case.calendar)
        if begins is None:
            what = f"it begins after {planned.of}, which has not happened yet"
            raise ContentError(Finding(f"sessions.{name}", "E123", what, "announce it by a step that comes later"))
        locale, zone = phrases.locale, case.incident.organisation.timezone
        return {
            "title": _said(planned.title, locale, f"sessions.{name}.title"),
            "where": _said(planned.where, locale, f"sessions.{name}.where"),
            "begins": say_hour(phrases, begins, zone),
            "minutes": str(planned.minutes),
            "page": self._links.hour(case.incident.id, name, locale),
        }

    def _date(self, phrases: Phrases, moment: datetime | None) -> str:
        return say_date(phrases, moment, self._case.incident.organisation.timezone) if moment else ""

    def _dates(self, phrases: Phrases) -> dict[str, str]:
        times, zone = self._case.incident.times, self._case.incident.organisation.timezone
        return {
            "occurred_from": SaidText(self._date(phrases, times.occurred.start), StatementKey.OCCURRED),
            "occurred_to": SaidText(self._date(phrases, times.occurred.end), StatementKey.OCCURRED),
            "discovered": SaidText(self._date(phrases, times.events.get("discovered")), StatementKey.DISCOVERED),
            "contained": SaidText(self._date(phrases, times.contained), StatementKey.CONTAINED),
            "next_news": SaidText(
                say_moment(phrases, self._news_at, zone) if self._news_at else "", StatementKey.NEXT_UPDATE
            ),
            "dated": self._date(phrases, self._now),
        }

    def _many_asked(self, locale: str) -> list[dict[str, str]]:
        """Return what many people ask: the answers published since the last news, and what has no answer yet."""
        since = self._case.told_news_until()
        return [_asked_by_many(one, locale) for one in self._case.many_asked if one.is_news(since)]

    def _late(self, phrases: Phrases) -> dict[str, str]:
        """Return the time by which people expected news in vain, and "yes" when the news has come since."""
        missed, zone = self._missed, self._case.incident.organisation.timezone
        named = say_moment(phrases, missed.until, zone) if missed else ""
        return {"named": named, "came": "yes" if missed and missed.came_at else ""}

    def _since(self, phrases: Phrases, locale: str) -> dict[str, Any]:
        """Return the day on which others had this notice first, and the news since; empty when these readers are first.

        A notice that some still wait for has not reached the others either: nobody is late before all have it.
        """
        notice = self._case.notice(self._wanted.id)
        if notice is None or notice.begun_at is None or not notice.everybody_told:
            return {"first": "", "news": []}
        news = [one for one in self._case.incident.news if one.at <= self._now]
        first = notice.told_versions[0].drafted_at  # the date that the others' letters bear
        return {"first": self._date(phrases, first), "news": self._news(phrases, locale, news)}

    def _news(self, phrases: Phrases, locale: str, news: Iterable[News]) -> list[dict[str, str]]:
        return [
            {
                "date": self._date(phrases, one.at),
                "text": SaidText(_said(one.text, locale, f"news of {one.at:%Y-%m-%d}"), *one.states),
            }
            for one in news
        ]

    def _fresh_news(self) -> list[News]:
        told = self._case.news_told
        return [news for news in self._case.incident.news if news not in told and news.at <= self._now]

    def _commitment_values(self, phrases: Phrases, locale: str, *, own: bool) -> dict[str, Any]:
        """Return the commitments of these readers; only a text for one person alone (`own`) has slots for their own."""
        values = {
            commitment.id: self._commitment(phrases, locale, commitment, own=own)
            for commitment in self._commitments()
            if commitment.audience in self._promised_to or commitment.id == self._wanted.tells_of
        }
        return {"promises": list(values.values()), "promise": values.get(self._wanted.tells_of, {})}

    def _commitments(self) -> tuple[Commitment, ...]:
        """Return the commitments that were made, and those that this notice makes."""
        return (*(commitment for commitment in self._case.commitments if commitment.made_in), *self._made)

    @cached_property
    def results(self) -> dict[str, Texts]:
        """Return the words for each person's own result by its name; empty unless the notice tells these results."""
        told = next(
            (commitment for commitment in self._commitments() if commitment.id == self._wanted.tells_results_of), None
        )
        if told is None or told.per_person is None or told.state is not CommitmentState.KEPT:
            return {}
        declined = {locale: self._wording.phrases[locale].portal.get("remedy_declined", "") for locale in self._locales}
        return {**told.per_person.words, DECLINED: declined}

    def _result(self, *, own: bool) -> str:
        return Slot.RESULT.mark if own and self.results else ""

    def _commitment(self, phrases: Phrases, locale: str, commitment: Commitment, *, own: bool) -> dict[str, Any]:
        state, again = fate(commitment, self._now), commitment.next_word_at
        key = about(commitment.id)
        take_up = _take_up(phrases, locale, commitment.take_up)
        if own and commitment.take_up.codes is CodePlace.LETTER:
            take_up["code"] = code_slot(commitment.id)
        proof, link = (commitment.evidence, commitment.evidence_link) if state == CommitmentState.KEPT else ({}, "")
        said = _said_if_any(proof, locale, f"evidence of {commitment.id}")
        evidence = f"{said} <{link}>" if said and link else said
        kept = text_for(commitment.kept, locale) if state == CommitmentState.KEPT else ""
        result = self._result(own=own) if commitment.id == self._wanted.about else ""
        sentences = said_when_kept(kept, {**take_up, "result": result if commitment.per_person else evidence})
        return {
            "kind": commitment.kind.value,
            "text": SaidText(_said(commitment.promise, locale, f"commitments.{commitment.id}.promise"), key),
            "due": SaidText(self._date(phrases, commitment.due_at), key),
            "state": state,
            "state_in_words": SaidText(phrases.commitment_states[state], key),
            "new_due": SaidText("" if again else self._date(phrases, commitment.new_due_at), key),
            "next_word": SaidText(self._date(phrases, again), key),
            "reason": _said_if_any(commitment.reason, locale, f"reason for {commitment.id}"),
            "evidence": evidence,
            "per_person": "yes" if commitment.per_person else "",
            "take_up": take_up,
            "kept": SaidText(("" if locale.startswith("zh") else " ").join(sentences), key),
        }


def _asked_by_many(one: ManyAsked, locale: str) -> dict[str, str]:
    """Return topic, question and answer in one line each; a long answer is left to the page."""
    question = text_for({name: text.question for name, text in one.public.items()}, locale)
    answer = " ".join(text_for({name: text.answer for name, text in one.public.items()}, locale).split())
    short = answer if len(answer) <= LONGEST_IN_NOTICE else ""
    return {
        "topic": one.topic,
        "question": " ".join(question.split()),
        "answer": short,
        "open": "" if one.answered else "yes",
    }


def _take_up(phrases: Phrases, locale: str, take_up: TakeUp) -> dict[str, str]:
    """Return the way to take up an offer, in this locale; empty where nothing is offered."""
    texts = {"provider": text_for(take_up.provider, locale), "how": text_for(take_up.how, locale)}
    until = say_day(phrases, date.fromisoformat(take_up.until)) if take_up.until else ""
    given = {"code": take_up.code, "link": take_up.link, "phone": take_up.phone, "until": until}
    return {**texts, **given, "codes": take_up.codes.value if take_up.codes else ""}


def _only_code(promises: Iterable[Mapping[str, Any]]) -> str:
    """Return the slot of the person's own code when one of these commitments has one, else ""."""
    found = [
        promise["take_up"]["code"] for promise in promises if promise["take_up"]["codes"] and promise["take_up"]["code"]
    ]
    return found[0] if len(found) == 1 else ""


def _in_words(
    phrases: Phrases, statement: Statement | None, say: Callable[[Phrases, Statement], str] = say_statement
) -> str:
    """Return the value of a statement in words, with a slot for the data of each person's own; empty without any."""
    if statement is None:
        return ""
    slot = {OWN: Slot.YOUR_DATA, OWN_BEFORE: Slot.EARLIER_DATA}.get(statement.value)
    return slot.mark if slot else say(phrases, statement)


def _said(texts: dict[str, str], locale: str, where: str) -> str:
    """Return the text in this locale. Raises ContentError when there is none, because nobody would notice the gap."""
    if text := text_for(texts, locale):
        return text
    raise ContentError(Finding(where, "E110", f"says nothing in {locale}", "write it in every language of the notice"))


def _said_if_any(texts: dict[str, str], locale: str, where: str) -> str:
    """Return the text in this locale, or "" when there is a text in no language. Raises ContentError as `_said`."""
    return _said(texts, locale, where) if texts else ""


def _wrong(error: Exception, path: str) -> Finding:
    """Return the finding about a template that could not be rendered."""
    if isinstance(error, TooMuch | RecursionError | MemoryError):
        what = str(error) if isinstance(error, TooMuch) else f"it asks for too much ({type(error).__name__})"
        return Finding(_place(error, path), "E129", what, LESS)
    return Finding(_place(error, path), "E121", f"{type(error).__name__}: {error}")


def _place(error: Exception, path: str) -> str:
    """Return the file and line of the template where the error was raised, which may be an included template."""
    if isinstance(error, TemplateSyntaxError):
        return f"notices/{error.name or path}:{error.lineno}:1"
    place, trace = f"{path}:1", error.__traceback__
    while trace:
        if template := trace.tb_frame.f_globals.get("__jinja_template__"):
            place = f"{template.name}:{template.get_corresponding_lineno(_line(trace))}"
        trace = trace.tb_next
    return f"notices/{place}:1"


def _line(trace: TracebackType) -> int:
    """Return the line of the code; where Python knows none, as at the end of a loop's round, the line before."""
    code, reached = trace.tb_frame.f_code, trace.tb_lasti
    before = [line for start, _, line in code.co_lines() if line and start <= reached]
    return before[-1] if before else code.co_firstlineno


def _organisation(incident: Incident, locale: str) -> dict[str, str]:
    organisation = incident.organisation
    contacts = organisation.contacts
    return {
        "name": text_for(organisation.name, locale),
        "signed_by": text_for(organisation.signed_by, locale),
        "email": SaidText(contacts.email, StatementKey.CONTACT),
        "phone": SaidText(contacts.phone, StatementKey.CONTACT),
        "dial": re.sub(r"[^+\d]", "", contacts.phone),
        "toll_free": "yes" if TOLL_FREE.search(contacts.phone) else "",
        "hours": text_for(contacts.hours, locale),
        "postal_address": text_for(contacts.postal_address, locale),
        "officer": text_for(contacts.officer, locale),
        "sms_signature": organisation.sms_signature or "",
    }


def _story(incident: Incident, locale: str) -> dict[str, str]:
    """Return the texts that a person wrote in this locale, each with the statements that it makes."""
    texts, states = incident.texts[locale], STORY_STATES | incident.states
    return {name: SaidText(getattr(texts, name), *keys) for name, keys in states.items()}


def _known(facts: Facts) -> dict[str, str]:
    """Return facts that the addenda of some places say; empty unless the facts are confirmed."""
    encrypted, recipient = facts.encrypted_at_rest, facts.recipient
    kind = recipient.value.kind if recipient.certainty is Certainty.CONFIRMED and recipient.value else None
    return {
        "encrypted": "yes" if encrypted.sure(True) else "no" if encrypted.sure(False) else "",
        "nobody_knows_who": "yes" if kind in UNKNOWN_RECIPIENTS else "",
    }
