"""Drafting a notice: from the case and the words to every variant that the audience needs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from traceback import walk_tb
from typing import Any

from jinja2 import TemplateSyntaxError

from amends.domain.assess.assessment import Tone
from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.value import nearest_locale, text_for
from amends.domain.case.case import Case
from amends.domain.case.next_update import NextUpdate, is_needless, to_be_sorry_for
from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.commitment import IS_LATE, Commitment, CommitmentState, commit, planned_commitments
from amends.domain.incident.facts import Certainty, Facts, RecipientKind
from amends.domain.incident.incident import Incident
from amends.domain.law.addendum import GENERAL
from amends.domain.notice.notice import Draft, Reader, Slot, Variant
from amends.domain.notice.templates import PART_CLOSE, PART_OPEN, environment, mark_items, split_items, split_parts
from amends.domain.notice.wording import Phrases, Wording, say_data, say_date, say_moment
from amends.domain.plan.plan import next_news_at
from amends.domain.playbook.playbook import HOLDING, Phase, QuietHours, Step
from amends.domain.risk.levels import Severity

MOST_ADVICE = 5
TOLL_FREE = re.compile(r"(?:\+1|\b1|^)[\s().-]*8(?:00|33|44|55|66|77|88)\b")
"""A number that is free to call within North America."""
UNKNOWN_TAKERS = (
    RecipientKind.UNKNOWN_ATTACKER,
    RecipientKind.ATTACKER_CIPHERTEXT_ONLY,
    RecipientKind.UNKNOWN_THIEF,
    RecipientKind.THIEF_CIPHERTEXT_ONLY,
)
UPDATE = "update"
KEPT, LATE = "promise-kept", "promise-late"
"""What tells the fate of a promise. Late or dropped, it corrects what people were told, so it is never optional."""
SUFFIX = {ChannelKind.EMAIL: "md", ChannelKind.WEBSITE: "md", ChannelKind.SMS: "txt", ChannelKind.SOCIAL: "txt"}


@dataclass(frozen=True)
class Wanted:
    """A notice that a step's turn has to say."""

    id: str
    template: str
    audience: str
    about: str = ""
    change: int = 0


@dataclass(frozen=True)
class Readers:
    """The audience of a notice as it stands: its digest, its size, and who reads it under which laws."""

    digest: str
    people: int
    kinds: frozenset[tuple[str, Reader, str]]
    """Every locale, kind of reader and letter in it."""


@dataclass(frozen=True)
class Links:
    """Where messages lead: the public notice page, and the start of every personal page."""

    public_url: str

    def pages(self, incident: str) -> str:
        """How the notice pages of every locale begin."""
        return f"{self.public_url}/n/{incident}/"

    def page(self, incident: str, locale: str) -> str:
        """The notice page in this locale."""
        return f"{self.pages(incident)}{locale}/"

    @property
    def personal(self) -> str:
        """A personal page; the slot is filled with the person's token."""
        return f"{self.public_url}/p/{Slot.PERSONAL_LINK.mark}"

    def opt_out(self, token: str) -> str:
        """Where one POST ends the optional messages to a person (RFC 8058)."""
        return f"{self.public_url}/u/{token}"


def notices_wanted(case: Case, step: Step, number: int) -> tuple[Wanted, ...]:
    """What this turn has to say: one notice, or one for each promise whose fate people have not heard of."""
    if step.phase is Phase.FOLLOW_UP:
        return _promise_notices(case, step, number)
    if step.notice is None:
        return ()
    name = f"{step.notice}-{number}" if step.repeats else step.notice
    needless = step.id == HOLDING and is_needless(case, number) and case.notice(name) is None
    return () if needless else (Wanted(name, step.notice, step.audience),)


def _promise_notices(case: Case, step: Step, number: int) -> tuple[Wanted, ...]:
    fates = {commitment.id: commitment for commitment in case.commitments}
    wanted = []
    for commitment_id, change in case.untold.items():
        notice = notice_about(fates[commitment_id], change)
        drafted = case.notice(notice.id)
        if drafted is None or (drafted.step, drafted.occurrence) == (step.id, number):
            wanted.append(notice)
    return tuple(wanted)


def notice_about(commitment: Commitment, change: int) -> Wanted:
    """What tells those promised of this change of its fate."""
    template = KEPT if commitment.state is CommitmentState.KEPT else LATE
    return Wanted(f"{template}-{commitment.id}-{change}", template, commitment.audience, commitment.id, change)


def draft(
    case: Case, wording: Wording, step: Step, number: int, wanted: Wanted, readers: Readers, links: Links,
    facts_digest: str, now: datetime,
) -> Draft:  # fmt: skip
    """Write the notice in every variant that its audience needs.

    Raises ContentError when a template or a language is missing, or a template asks for a value that there is not.
    """
    promises = _new_promises(case, step, wanted, now)
    news_at, missed = next_news_at(case, step, number, now), _missed(case, step, now)
    writer = _Writer(case, wording, wanted, links, promises, news_at, missed, now)
    return Draft(
        incident=case.incident.id,
        notice=wanted.id,
        template=wanted.template,
        step=step.id,
        occurrence=number,
        about=wanted.about,
        change=wanted.change,
        author=case.author,
        earlier_authors=case.earlier_authors_about(wanted.about),
        audience=wanted.audience,
        audience_digest=readers.digest,
        people=readers.people,
        channels=step.channels,
        cascade=step.cascade,
        approvals=step.approvals,
        optional=step.optional and wanted.template != LATE,
        waits_for=step.waits_for,
        waves=step.waves,
        quiet_hours=quiet_hours_of(case),
        facts_digest=facts_digest,
        pinned=case.pinned,
        variants=writer.variants(step.written_for, readers.kinds),
        commitments=promises,
        planned_for=now,
        next_news_at=news_at,
        sorry_for=missed.until if missed else None,
        dated=now,
    )


def in_its_words(step: Step, wanted: Wanted, wording: Wording) -> tuple[Step, Wanted]:
    """A holding statement in the words that there are: words of one's own may have none, and an update says the same.

    A quick channel for which the update has no text is left out.
    """
    if step.id != HOLDING or wording.locales(HOLDING):
        return step, wanted
    written = [kind for kind in step.channels if _is_written(wording, UPDATE, kind)]
    cascade = [kind for kind in step.cascade if kind.printed or _is_written(wording, UPDATE, kind)]
    spoken = step.model_copy(update={"channels": tuple(written), "cascade": tuple(cascade)})
    return spoken, Wanted(wanted.id, UPDATE, wanted.audience)


def _is_written(wording: Wording, notice: str, kind: ChannelKind) -> bool:
    return all(f"{notice}/{locale}.{kind}.{SUFFIX[kind]}" in wording.templates for locale in wording.locales(notice))


def _missed(case: Case, step: Step, now: datetime) -> NextUpdate | None:
    """The missed time for which this notice says sorry; only one with news does."""
    with_news = step.phase not in (Phase.COLLECT_FEEDBACK, Phase.FOLLOW_UP)
    return to_be_sorry_for(case, now) if with_news else None


def quiet_hours_of(case: Case) -> QuietHours | None:
    """Those of the playbook, unless the case is so grave that waiting would do more harm than waking."""
    hours = case.playbook.quiet_hours if case.playbook else None
    if hours is None or hours.unless_severity is None or case.assessment is None:
        return hours
    return None if case.assessment.band.rank >= hours.unless_severity.rank else hours


def _new_promises(case: Case, step: Step, wanted: Wanted, now: datetime) -> tuple[Commitment, ...]:
    """Promises that this notice gives for the first time, the earliest due first; only the notify phase gives any."""
    if step.phase is not Phase.NOTIFY or case.playbook is None or "notified" in case.events:
        return ()
    known = {commitment.id for commitment in case.commitments}
    given = planned_commitments(case.playbook.commitments, case.incident.commitments)
    made = (
        commit(promise, now, wanted.id)
        for promise in given
        if promise.audience == wanted.audience and promise.id not in known
    )
    return tuple(sorted(made, key=lambda promise: promise.due_at))


class _Writer:
    """Renders the templates of one notice."""

    def __init__(
        self, case: Case, wording: Wording, wanted: Wanted, links: Links,
        promises: tuple[Commitment, ...], news_at: datetime | None, missed: NextUpdate | None, now: datetime,
    ) -> None:  # fmt: skip
        self._case, self._wording, self._wanted, self._links = case, wording, wanted, links
        self._promises, self._news_at, self._missed, self._now = promises, news_at, missed, now
        self._templates = environment(wording.templates)
        self._locales = [name for name in wording.locales(wanted.template) if name in case.incident.texts]

    def variants(
        self, channels: Iterable[ChannelKind], readers: frozenset[tuple[str, Reader, str]]
    ) -> tuple[Variant, ...]:
        """Every variant: the personal channels for each kind of reader and letter, the public ones for each locale."""
        if not self._locales:
            raise ContentError(self._missing_language())
        personal = sorted(
            {(self.locale_for(locale), reader, self._letter(letter)) for locale, reader, letter in readers}
        )
        public = [(locale, Reader.SELF, GENERAL) for locale in self._locales]
        return tuple(
            self._variant(locale, reader, letter, channel)
            for channel in dict.fromkeys(channels)
            for locale, reader, letter in (personal if channel.personal else public)
        )

    def _letter(self, letter: str) -> str:
        return self._wording.addenda.in_notice(self._wanted.template, letter)

    def locale_for(self, locale: str) -> str:
        """The locale in which somebody who reads this one is written to."""
        return nearest_locale(locale, self._locales, self._default())

    def _default(self) -> str:
        wanted = self._case.incident.default_locale
        return wanted if wanted in self._locales else self._locales[0]

    def _missing_language(self) -> Finding:
        return Finding(
            f"notices/{self._wanted.template}",
            "E120",
            f"has no templates in a language that the incident has texts in: {', '.join(self._case.incident.texts)}",
            "write the templates, or add the incident's texts in one of their languages",
        )

    def _variant(self, locale: str, reader: Reader, letter: str, channel: ChannelKind) -> Variant:
        path = f"{self._wanted.template}/{locale}.{channel}.{SUFFIX[channel]}"
        values = self._values(locale, reader) | self._marks(letter)
        try:
            module = self._templates.get_template(path).make_module(values)
        except Exception as error:  # whatever a template raises, its author must correct it
            raise ContentError(Finding(_place(error, path), "E121", f"{type(error).__name__}: {error}")) from error
        marked, items = split_items(str(module).strip())
        text, parts = split_parts(marked)
        subject, _ = split_items(str(getattr(module, "subject", "")).strip())
        return Variant(
            locale=locale, reader=reader, addendum=letter, channel=channel,
            subject=subject, text=text, parts=parts, items=items,
        )  # fmt: skip

    def _marks(self, letter: str) -> dict[str, Any]:
        """How a template marks what it says, and asks what the letter is to say."""
        letters = self._wording.addenda
        return {
            "part": lambda name: f"{PART_OPEN}{name}{PART_CLOSE}",
            "item": lambda *names: mark_items(names, letters.items),
            "letter": {"id": letter, "says": lambda item: letters.says(letter, item)},
        }

    def _values(self, locale: str, reader: Reader) -> dict[str, Any]:
        case, phrases = self._case, self._wording.phrases[locale]
        categories = case.incident.facts.categories()
        advised = [category for category in phrases.advice if category in categories][:MOST_ADVICE]
        assessed = case.assessment
        return {
            "organisation": _organisation(case.incident, locale),
            "story": case.incident.texts[locale].model_dump(),
            **self._dates(phrases),
            "late": self._late(phrases),
            "data": [name for category, name in phrases.data.items() if category in categories],
            "data_in_words": say_data(phrases, categories),
            "advice": [phrases.advice[category] for category in advised],
            "advice_about": [category.value for category in advised],
            "reader": reader.value,
            "person": {
                "name": Slot.NAME.mark,
                "your_data": Slot.YOUR_DATA.mark,
                "link": self._links.personal,
                "child": Slot.CHILD.mark,
            },
            "page": self._links.page(case.incident.id, locale),
            **self._promise_values(phrases, locale),
            "news": [
                {"date": self._date(phrases, news.at), "text": _said(news.text, locale, f"news of {news.at:%Y-%m-%d}")}
                for news in self._fresh_news()
            ],
            "questions": {"asked": case.questions.asked, "open": case.questions.open},
            "people": case.audience.people,
            **_known(case.incident.facts),
            "severity": str(assessed.band if assessed else Severity.HIGH),
            "tone": str(assessed.tone if assessed else Tone.SERIOUS),
        }

    def _date(self, phrases: Phrases, moment: datetime | None) -> str:
        return say_date(phrases, moment, self._case.incident.organisation.timezone) if moment else ""

    def _dates(self, phrases: Phrases) -> dict[str, str]:
        times, zone = self._case.incident.times, self._case.incident.organisation.timezone
        return {
            "occurred_from": self._date(phrases, times.occurred.start),
            "occurred_to": self._date(phrases, times.occurred.end),
            "discovered": self._date(phrases, times.events.get("discovered")),
            "contained": self._date(phrases, times.contained),
            "next_news": say_moment(phrases, self._news_at, zone) if self._news_at else "",
            "dated": self._date(phrases, self._now),
        }

    def _late(self, phrases: Phrases) -> dict[str, str]:
        """The time at which people expected news in vain, and whether it has come since."""
        missed, zone = self._missed, self._case.incident.organisation.timezone
        named = say_moment(phrases, missed.until, zone) if missed else ""
        return {"named": named, "came": "yes" if missed and missed.came_at else ""}

    def _fresh_news(self) -> list[Any]:
        told = self._case.news_told
        return [news for news in self._case.incident.news if news not in told and news.at <= self._now]

    def _promise_values(self, phrases: Phrases, locale: str) -> dict[str, Any]:
        said = {
            commitment.id: self._promise(phrases, locale, commitment)
            for commitment in (*self._case.commitments, *self._promises)
            if commitment.audience == self._wanted.audience or commitment.id == self._wanted.about
        }
        return {"promises": list(said.values()), "promise": said.get(self._wanted.about, {})}

    def _promise(self, phrases: Phrases, locale: str, commitment: Commitment) -> dict[str, str]:
        state = fate(commitment, self._now)
        return {
            "kind": commitment.kind.value,
            "text": _said(commitment.promise, locale, f"commitments.{commitment.id}.promise"),
            "due": self._date(phrases, commitment.due_at),
            "state": state,
            "state_in_words": phrases.commitment_states[state],
            "new_due": self._date(phrases, commitment.new_due_at),
            "reason": _said_if_any(commitment.reason, locale, f"reason for {commitment.id}"),
            "evidence": _said_if_any(commitment.evidence, locale, f"evidence of {commitment.id}"),
        }


def fate(commitment: Commitment, now: datetime) -> str:
    """Open, kept, late or dropped: as people are told it."""
    late = commitment.state is CommitmentState.OPEN and (commitment.new_due_at is not None or commitment.overdue(now))
    return IS_LATE if late else commitment.state.value


def _said(texts: dict[str, str], locale: str, where: str) -> str:
    """The text in this locale. Raises ContentError when there is none, because a gap would pass for a text."""
    if text := text_for(texts, locale):
        return text
    raise ContentError(Finding(where, "E110", f"says nothing in {locale}", "write it in every language of the notice"))


def _said_if_any(texts: dict[str, str], locale: str, where: str) -> str:
    """The same of what nobody may have said yet: empty where it is said in no language."""
    return _said(texts, locale, where) if texts else ""


def _place(error: Exception, path: str) -> str:
    """The file and line of the template where this came up, which another may have included."""
    if isinstance(error, TemplateSyntaxError):
        return f"notices/{error.name or path}:{error.lineno}:1"
    place = f"{path}:1"
    for frame, line in walk_tb(error.__traceback__):
        if template := frame.f_globals.get("__jinja_template__"):
            place = f"{template.name}:{template.get_corresponding_lineno(line)}"
    return f"notices/{place}:1"


def _organisation(incident: Incident, locale: str) -> dict[str, str]:
    organisation = incident.organisation
    contacts = organisation.contacts
    return {
        "name": text_for(organisation.name, locale),
        "signed_by": text_for(organisation.signed_by, locale),
        "email": contacts.email,
        "phone": contacts.phone,
        "toll_free": "yes" if TOLL_FREE.search(contacts.phone) else "",
        "hours": text_for(contacts.hours, locale),
        "postal_address": text_for(contacts.postal_address, locale),
        "officer": text_for(contacts.officer, locale),
        "sms_signature": organisation.sms_signature or "",
    }


def _known(facts: Facts) -> dict[str, str]:
    """Facts that the letters of some places tell; empty unless they are confirmed."""
    encrypted, recipient = facts.encrypted_at_rest, facts.recipient
    taker = recipient.value.kind if recipient.certainty is Certainty.CONFIRMED and recipient.value else None
    return {
        "encrypted": "yes" if encrypted.sure(True) else "no" if encrypted.sure(False) else "",
        "nobody_knows_who": "yes" if taker in UNKNOWN_TAKERS else "",
    }
