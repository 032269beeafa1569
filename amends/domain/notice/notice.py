"""A notice: one thing to say, drafted in all its variants before anybody approves it."""

import hashlib
import json
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from amends.domain.base.audience import EVERYONE, Audience
from amends.domain.base.text import counted, listed
from amends.domain.base.value import Locale, Moment, Texts, Value, nearest_locale
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import PageVersion
from amends.domain.incident.commitment import Commitment
from amends.domain.law.addendum import GENERAL
from amends.domain.law.means import ChannelRule
from amends.domain.notice.statement import Statement
from amends.domain.playbook.playbook import Gate, QuietHours, Waves
from amends.domain.team.approval import ApprovalRule, Standing

SLOT_OPEN, SLOT_CLOSE = "\ue000", "\ue001"
"""Marks around the name of a value that differs from person to person; private-use characters that no text may hold."""


class Reader(StrEnum):
    """A kind of reader of a variant: the person affected, or the guardian of a child."""

    SELF = "self"
    GUARDIAN = "guardian"


class Slot(StrEnum):
    """A value that is filled in per person; all else in a variant is the same for everybody."""

    NAME = "name"
    YOUR_DATA = "your_data"
    """The kinds of data of this person, as a list in words."""
    PERSONAL_LINK = "personal_link"
    EARLIER_DATA = "earlier_data"
    """The kinds of data that an earlier message named to this person, as a list in words; only in corrections."""
    CHILD = "child"
    """The name of the child whose data it is; only for guardians."""
    FIRST_STEP = "first_step"
    """The first step of this person, in one or two sentences."""
    STEPS = "steps"
    """All steps of this person, as a list; a passage."""
    HELP = "help"
    """The help where this person lives; a passage."""
    RESULT = "result"
    """The result of this person, in a notice that a commitment is kept that was kept for each person alone."""
    EARLIER_RESULT = "earlier_result"
    """The result that an earlier message told this person wrongly; only in a correction of results."""

    @property
    def mark(self) -> str:
        """Return the mark of the slot in the text of a variant."""
        return f"{SLOT_OPEN}{self.value}{SLOT_CLOSE}"


PASSAGES = (Slot.STEPS, Slot.HELP)
"""The slots whose value is a passage with paragraphs of its own; such a slot stands alone in its paragraph."""


OWN_CODE = "code-"
"""The beginning of the name of the slot with a person's own code; the id of the commitment follows."""


def code_slot(commitment: str) -> str:
    """Return the mark of the slot that holds each person's own code of this commitment."""
    return f"{SLOT_OPEN}{OWN_CODE}{commitment}{SLOT_CLOSE}"


class TextName(NamedTuple):
    """The name of one text of a notice, whatever the channel: zh-CN/guardian, en/self/us-ma."""

    locale: str
    reader: str
    addendum: str = GENERAL
    cohort: str = ""
    """The cohort for which the text is written, as in `cohort_of`; empty for the text of everybody else."""

    def __str__(self) -> str:
        """Return the name in one word, as messages store it; parts at the end that say nothing are left out."""
        if self.cohort:
            return "/".join(self)
        return f"{self.locale}/{self.reader}" if self.addendum == GENERAL else "/".join(self[:3])


@lru_cache(1024)
def name_parts(name: str) -> TextName:
    """Return the parts in the name of a text."""
    return TextName(*name.split("/"))


def with_slot_names(text: str) -> str:
    """Return a text of a variant with the names of its slots in brackets."""
    return text.replace(SLOT_OPEN, "[").replace(SLOT_CLOSE, "]")


class Variant(Value):
    """The text of a notice for one locale, kind of reader, addendum and channel, with slots for personal values."""

    locale: str
    reader: Reader
    addendum: str = GENERAL
    """The id of the addendum with which the text is written, as in addenda.yaml."""
    cohort: str = ""
    """The cohort for which the text is written; empty for the text of everybody else."""
    channel: ChannelKind
    subject: str
    text: str
    """Markdown on email and website, plain text on SMS and social."""
    parts: dict[str, str] = {}
    """The named parts of a detailed notice, as rendered: what_happened and so on."""
    items: tuple[str, ...] = ()
    """The items of addenda.yaml that the text says, as the template marks them; sorted."""
    states: tuple[str, ...] = ()
    """The keys of the statements that the text makes; sorted."""
    quotes: tuple[str, ...] = ()
    """The lines that repeat what an earlier message said, and that is wrong by now."""

    @property
    def name(self) -> TextName:
        """Return the name of the text, which variants of several channels share."""
        return TextName(self.locale, self.reader, self.addendum, self.cohort)

    @property
    def id(self) -> str:
        """Return the name of the variant within its notice: zh-CN/guardian/email, en/self/us-ma/email."""
        return f"{self.name}/{self.channel}"


class Draft(Value):
    """A draft of a notice with all that an approval binds: texts, audience, channels, facts, schedule, commitments."""

    incident: str
    notice: str
    """The id of the notice: first-notice, update-2, promise-kept-audit."""
    template: str
    step: str
    occurrence: int
    about: str = ""
    """The commitment that the notice is about."""
    change: int = 0
    """The number of the change in the commitment's fate that the notice tells."""
    survey: str = ""
    """The survey to which the notice invites."""
    author: str
    earlier_authors: tuple[str, ...] = ()
    """Authors of earlier versions of the facts or of the list, or of the evidence of a commitment."""
    audience: Audience
    """Everyone, a segment, or the askers whose answer is ready."""
    audience_digest: str
    people: int
    instead: dict[Locale, Locale] = {}
    """The locale in which readers are written to whose own has no words, by their own, as a member ruled."""
    channels: tuple[ChannelKind, ...]
    cascade: tuple[ChannelKind, ...]
    channel_rules: tuple[ChannelRule, ...] = ()
    """The rules of laws on the channels of the notice; a letter is added for whom no other message would count."""
    approvals: ApprovalRule
    optional: bool = False
    """True when people who opted out do not get the notice; else everybody in the audience must get the notice."""
    facts_digest: str
    pinned: str = ""
    """Content hash of the playbook and the words used for the draft, which also word each person's data."""
    variants: tuple[Variant, ...]
    results: dict[str, Texts] = {}
    """The words for each person's own result, by its name; empty when the notice tells no such result."""
    commitments: tuple[Commitment, ...] = ()
    """The commitments that the notice is the first to make."""
    changes: dict[str, int] = {}
    """By commitment that the texts state, the number of its last change of which they know."""
    statements: tuple[Statement, ...] = ()
    """The statements that the variants make, sorted by key; each variant names those that are its own."""
    waits_for: tuple[Gate, ...] = ()
    """Gates that must be open before the notice is sent, whatever its approvals."""
    waves: Waves | None = None
    """The waves in which the notice is sent; None sends to everybody at once."""
    quiet_hours: QuietHours | None = None
    """Hours in which people are not disturbed with the notice; None when waiting would do more harm."""
    planned_for: Moment
    next_news_at: Moment | None = None
    """The time that the notice names for the next update."""
    sorry_for: Moment | None = None
    """The missed time of an update, for which the notice says sorry."""
    dated: Moment
    """The date that the notice bears."""
    first_dated: Moment | None = None
    """The date of the first version of the notice whose page was published; None when no page was."""
    corrects: tuple[PageVersion, ...] = ()
    """Pages of other notices that say something wrong, of which the page of this notice says what is right."""

    @property
    def authors(self) -> tuple[str, ...]:
        """Return the members who wrote something of the notice, and so cannot approve it."""
        return (self.author, *self.earlier_authors)

    @property
    def locales(self) -> tuple[str, ...]:
        """Return the locales of the texts."""
        return tuple(dict.fromkeys(variant.locale for variant in self.variants))

    @property
    def instead_in_words(self) -> str:
        """Return a sentence that names the readers who are written to in another language; empty without any."""
        told = listed([f"{locale} in {instead}" for locale, instead in self.instead.items()])
        return (
            f"there are no words for these readers, who are told in another language as ruled: {told}" if told else ""
        )

    def outdated(self, now: datetime) -> bool:
        """Return True when the time named for the next update has passed, so that the text would be untrue."""
        return self.next_news_at is not None and self.next_news_at <= now

    @property
    def binding(self) -> str:
        """Return the hash that an approval binds; any change of texts, recipients or times changes the hash."""
        return digest(self.model_dump(mode="json", exclude={"occurrence", "step"}))

    @property
    def has_cohorts(self) -> bool:
        """Return True when some people read another text because they were told something else before."""
        return any(variant.cohort for variant in self.variants)

    @property
    def has_codes(self) -> bool:
        """Return True when each reader gets, or finds on their page, a code of their own."""
        mark = f"{SLOT_OPEN}{OWN_CODE}"
        return any(commitment.take_up.codes for commitment in self.commitments) or any(
            mark in variant.text for variant in self.variants
        )

    @property
    def notes_in_words(self) -> str:
        """Return a sentence that names the pages on which the notice's page puts a note; empty without any."""
        pages = ", ".join(page.notice for page in self.corrects)
        return f"its page puts a dated note, with a link to it, on the wrong pages of: {pages}" if pages else ""

    @property
    def results_in_words(self) -> str:
        """Return the words of each result that a person can read as their own, a line each; empty without any."""
        lines = (
            f"\n  {name}, {locale}: {text}" for name, texts in self.results.items() for locale, text in texts.items()
        )
        return f"each person reads one of these results as their own:{''.join(lines)}" if self.results else ""

    def nearest(self, name: TextName, channel: ChannelKind, default: str) -> Variant:
        """Return the variant that a reader of this text gets; `default` is the locale that serves all others.

        A quick channel has no room for what differs between cohorts, so its text is that of them all. Raises KeyError
        when none was drafted for such a reader with this addendum and cohort: another one would say what the laws of a
        place forbid, or not say what those laws require, or correct what nobody told this reader.
        """
        kind = (name.reader, name.addendum, name.cohort if channel.detailed else "", channel)
        drafted = {(*variant.name[1:], variant.channel, variant.locale): variant for variant in self.variants}
        offered = [locale for *others, locale in drafted if tuple(others) == kind]
        if not offered:
            raise KeyError(f"{name}/{channel}")
        wanted = self.instead.get(name.locale, name.locale)
        locale = nearest_locale(wanted, offered, default if default in offered else offered[0])
        return drafted[*kind, locale]

    def said_in(self, variant: Variant) -> dict[str, Statement]:
        """Return the statements that this variant makes, by their keys."""
        return {statement.key: statement for statement in self.statements if statement.key in variant.states}


def digest(content: object) -> str:
    """Return the SHA-256 of the content as canonical JSON, in hex."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


class DeliveryState(StrEnum):
    """The state of one message; the states are in the order of how much the person knows, best first."""

    DELIVERED = "delivered"
    SENT = "sent"
    COMPLAINED = "complained"
    UNCERTAIN = "uncertain"
    CLAIMED = "claimed"
    WAITING = "waiting"
    DEFERRED = "deferred"
    TO_PRINT = "to_print"
    """A letter that a person must hand to a print shop; the engine has nothing to do, so the notice can finish."""
    PARKED = "parked"
    """The message failed so often by its own fault that a person must decide; until then the notice is not sent."""
    HELD = "held"
    BOUNCED = "bounced"
    FAILED = "failed"
    UNREACHABLE = "unreachable"

    @property
    def pending(self) -> bool:
        """Return True while the engine still has something to do for the message."""
        return self in (self.CLAIMED, self.WAITING, self.DEFERRED)

    @property
    def gone_wrong(self) -> bool:
        """Return True when this channel cannot reach the person, so that the next one of the cascade takes over."""
        return self in (self.BOUNCED, self.FAILED)


class PersonState(StrEnum):
    """The state of a person in a notice: always exactly one of these."""

    WAITING = "waiting"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    UNCERTAIN = "uncertain"
    UNREACHABLE = "unreachable"
    HELD = "held"


PERSON_STATE = {
    DeliveryState.DELIVERED: PersonState.DELIVERED,
    DeliveryState.SENT: PersonState.SENT,
    DeliveryState.COMPLAINED: PersonState.SENT,
    DeliveryState.UNCERTAIN: PersonState.UNCERTAIN,
    DeliveryState.CLAIMED: PersonState.WAITING,
    DeliveryState.WAITING: PersonState.WAITING,
    DeliveryState.DEFERRED: PersonState.WAITING,
    DeliveryState.TO_PRINT: PersonState.WAITING,  # the person is not told yet, and the organisation must act
    DeliveryState.PARKED: PersonState.HELD,
    DeliveryState.HELD: PersonState.HELD,
    DeliveryState.BOUNCED: PersonState.BOUNCED,
    DeliveryState.FAILED: PersonState.UNREACHABLE,
    DeliveryState.UNREACHABLE: PersonState.UNREACHABLE,
}
"""The person's state by the state of the message; of several messages the best counts, in DeliveryState's order."""


class NoticeStage(StrEnum):
    """A stage in the life of a notice."""

    DRAFTED = "drafted"
    """The notice waits for approvals."""
    APPROVED = "approved"
    SENDING = "sending"
    SENT = "sent"
    """No message is pending any more, and none is parked."""
    REJECTED = "rejected"
    """An approver said no; a new draft is needed."""
    DROPPED = "dropped"
    """Nobody was left to tell before this version was released; a list that adds people brings a fresh draft."""

    @property
    def is_over(self) -> bool:
        """Return True when nothing is left to do for the notice, and nobody is asked about it."""
        return self in (NoticeStage.SENT, NoticeStage.DROPPED)


class NoticeRelease(Value):
    """A released version of a notice, with the times of updates that the text names."""

    at: Moment
    drafted_at: Moment
    """The time of the draft: the text says what was known then."""
    sent_at: Moment | None = None
    """The first time at which no message of the version was pending any more."""
    told: bool = True
    """True when a message of this version was sent; always True for the only version released."""
    next_news_at: Moment | None = None
    """The time that the version names for the next update."""
    sorry_for: Moment | None = None
    """The missed time of an update, for which the version says sorry."""


SENT_STATES = (PersonState.DELIVERED, PersonState.SENT, PersonState.UNCERTAIN, PersonState.BOUNCED)
"""States of people to whom a message was sent, or may have been sent."""


class NoticeStatus(Value):
    """A notice in the case: its stage and its deliveries in numbers."""

    id: str
    version: int
    template: str
    step: str
    occurrence: int
    about: str = ""
    audience: Audience = EVERYONE
    meant_for: int = 0
    """The number of people in the audience when the notice was drafted."""
    authors: tuple[str, ...] = ()
    """Members who handed in what the draft rests on, and so cannot approve the notice."""
    stage: NoticeStage
    binding: str
    approvals_needed: int
    approvals: tuple[str, ...] = ()
    """Members who have approved exactly this version."""
    standing: Standing = Standing(still_needed=0)
    """The standing of the approvals: missing ones, expired ones, and a release in an emergency."""
    drafted_at: Moment
    sent_at: Moment | None = None
    """The first time at which no message was pending any more."""
    next_news_at: Moment | None = None
    sorry_for: Moment | None = None
    """The missed time of an update, for which this version says sorry."""
    releases: tuple[NoticeRelease, ...] = ()
    """Every released version, the first one first; people who got an earlier version know only what that one says."""
    people: dict[PersonState, int] = {}
    pending: int = 0
    parked: int = 0
    """The number of messages on which a person must decide before the notice counts as sent."""
    letters: int = 0
    """The number of letters that wait for a person to hand them over, those of later waves included."""
    not_told: int = 0
    """The number of people in the audience without a message, because a corrected list added them after the release."""
    next_try_at: Moment | None = None
    """The time at which the earliest pending message may be tried; None when nothing is pending."""
    for_domains: int = 0
    """Deferred messages to domains that have stopped, and wait until a person lets them go on."""
    kept_back: int = 0
    """The number of untried messages that wait for the end of the quiet hours where the person lives."""
    more_waves: bool = False
    """True while some waves of the notice have not begun."""
    waits_for: tuple[Gate, ...] = ()
    """Gates that must be open before the notice is sent."""
    current: bool = True
    """True when the draft rests on the present facts, audience and words, and no time in the text has passed."""

    @property
    def approvals_missing(self) -> int:
        """Return how many approvals are missing; where roles are required, this can exceed the bare number."""
        return max(self.standing.still_needed, self.approvals_needed - len(self.approvals))

    @property
    def stands(self) -> str:
        """Return the stage in words: sending, 2 parked; sent, 1 letter to hand over."""
        parked = f"{self.parked} parked" if self.parked else ""
        letters = f"{counted(self.letters, 'letter')} to hand over" if self.letters else ""
        return ", ".join(filter(None, (self.stage.value, parked, letters)))

    @property
    def letters_to_hand_over(self) -> int:
        """Return the number of letters that wait with an approved text of today's facts, people and words."""
        released = self.stage in (NoticeStage.SENDING, NoticeStage.SENT)
        return self.letters if released and self.current else 0

    @property
    def is_over(self) -> bool:
        """Return True when nothing is left to do for the notice but to hand over letters with the text approved.

        A notice is not over while letters wait whose text rests on earlier facts, people or words: as every message
        that has not left, these letters need a new version with approvals of its own.
        """
        return self.stage.is_over and (self.current or not self.letters)

    @property
    def begun_at(self) -> datetime | None:
        """Return the release of the first version that was sent, or None as long as nobody can have the notice."""
        if self.sent_at is None and not any(self.people.get(state) for state in SENT_STATES):
            return None
        return min((release.at for release in self.releases if release.told), default=self.sent_at)

    @property
    def told_versions(self) -> tuple[NoticeRelease, ...]:
        """Return the versions of which at least one message was sent, the first one first."""
        if self.begun_at is None:
            return ()
        as_sent = NoticeRelease(
            at=self.begun_at,
            drafted_at=self.drafted_at,
            sent_at=self.sent_at,
            next_news_at=self.next_news_at,
            sorry_for=self.sorry_for,
        )
        return tuple(release for release in self.releases if release.told) or (as_sent,)

    @property
    def everybody_told(self) -> bool:
        """Return True when some version was sent to all; a later draft for remaining or added people does not count."""
        deferred = self.next_try_at is not None and self._all_were_tried
        return any(self.has_gone or deferred or told_version.sent_at for told_version in self.told_versions)

    @property
    def only_parked(self) -> bool:
        """Return True when only parked messages are left, on which a person must decide."""
        all_else_gone = self.stage is NoticeStage.SENDING and self.sent_at is not None and not self.pending
        return all_else_gone and self.parked > 0

    @property
    def only_letters(self) -> bool:
        """Return True when only letters are left, whichever version of the notice they wait for."""
        all_else_gone = any(release.sent_at for release in self.releases) and not (
            self.pending or self.parked or self.not_told
        )
        return all_else_gone and self.letters > 0

    @property
    def has_gone(self) -> bool:
        """Return True when all count as told: deferred messages, all tried once, parked ones or letters may be left."""
        only_deferred = self.stage is NoticeStage.SENDING and self.next_try_at is not None
        return self.stage.is_over or (only_deferred and self._all_were_tried) or self.only_parked or self.only_letters

    @property
    def _all_were_tried(self) -> bool:
        return not (self.more_waves or self.kept_back)

    @property
    def is_on_its_way(self) -> bool:
        """Return True when a version was released and somebody still waits for this version or a later draft."""
        return self.stage is NoticeStage.SENDING or (bool(self.releases) and not self.is_over)

    @property
    def is_open(self) -> bool:
        """Return True while approvers can still decide on the notice."""
        return self.current and self.stage in (NoticeStage.DRAFTED, NoticeStage.APPROVED)

    def wants_work(self, now: datetime) -> bool:
        """Return True when the notice can go on without a person: by sending more, or by drafting afresh."""
        if self.is_over or self.only_parked:
            return False
        if not self.current:
            return True
        if self.stage is NoticeStage.APPROVED:
            # Deferred messages of an earlier version are tried in time; this version has other recipients too.
            return True
        due = self.next_try_at is None or self.next_try_at <= now
        return due and self.stage is NoticeStage.SENDING
