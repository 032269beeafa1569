"""A notice: one thing to say, drafted in all its variants before anybody approves it."""

import hashlib
import json
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from amends.domain.base.value import EVERYONE, Moment, Value
from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.commitment import Commitment
from amends.domain.law.addendum import GENERAL
from amends.domain.playbook.playbook import Gate, QuietHours, Waves
from amends.domain.team.approval import ApprovalRule, Standing

SLOT_OPEN, SLOT_CLOSE = "\ue000", "\ue001"
"""Around the name of a value that differs from person to person; private-use characters that no text may hold."""


class Reader(StrEnum):
    """Who reads the variant: the person affected, or the guardian of a child."""

    SELF = "self"
    GUARDIAN = "guardian"


class Slot(StrEnum):
    """Values filled in per person; all else in a variant is the same for all who get it."""

    NAME = "name"
    YOUR_DATA = "your_data"
    """The kinds of data of this person, as a list in words."""
    PERSONAL_LINK = "personal_link"
    CHILD = "child"
    """The name of the child whose data it is; only for guardians."""

    @property
    def mark(self) -> str:
        """How the slot stands in a variant's text."""
        return f"{SLOT_OPEN}{self.value}{SLOT_CLOSE}"


def text_name(locale: str, reader: str, letter: str = GENERAL) -> str:
    """Names one text of a notice, whatever the channel: zh-CN/guardian, en/self/us-ma."""
    return f"{locale}/{reader}" if letter == GENERAL else f"{locale}/{reader}/{letter}"


@lru_cache(1024)
def name_parts(name: str) -> tuple[str, str, str]:
    """Locale, reader and letter of a text by its name."""
    locale, reader, *letter = name.split("/")
    return locale, reader, letter[0] if letter else GENERAL


class Variant(Value):
    """A notice's text for one locale, kind of reader, letter and channel, with slots for the person's own values."""

    locale: str
    reader: Reader
    addendum: str = GENERAL
    """Which laws it is written for, as addenda.yaml names them."""
    channel: ChannelKind
    subject: str
    text: str
    """Markdown on email and website, plain text on SMS and social."""
    parts: dict[str, str] = {}
    """The named parts of a detailed notice, as rendered: what_happened and so on."""
    items: tuple[str, ...] = ()
    """The items of addenda.yaml that the text says, as its template marks them; sorted."""

    @property
    def id(self) -> str:
        """Names the variant inside its notice: zh-CN/guardian/email, en/self/us-ma/email."""
        return f"{text_name(self.locale, self.reader, self.addendum)}/{self.channel}"


class Draft(Value):
    """Everything that approvers see and bind: texts, audience, channels, facts, schedule, promises."""

    incident: str
    notice: str
    """The notice's own id: first-notice, update-2, promise-kept-audit."""
    template: str
    step: str
    occurrence: int
    about: str = ""
    """The commitment that the notice is about."""
    change: int = 0
    """Which change of the commitment's fate it tells."""
    author: str
    earlier_authors: tuple[str, ...] = ()
    """Who else wrote what it rests on: earlier versions of the facts or of the list, the evidence of a promise."""
    audience: str
    """Everyone, a segment, or the askers whose answer is ready."""
    audience_digest: str
    people: int
    channels: tuple[ChannelKind, ...]
    cascade: tuple[ChannelKind, ...]
    approvals: ApprovalRule
    optional: bool = False
    """Whoever opted out does not get it; else it is one that people must get."""
    facts_digest: str
    pinned: str = ""
    """Content hash of the playbook and the words that it was written with, which also word each person's data."""
    variants: tuple[Variant, ...]
    commitments: tuple[Commitment, ...] = ()
    waits_for: tuple[Gate, ...] = ()
    """What must be so before it leaves, however many have approved it."""
    waves: Waves | None = None
    """In which parts it leaves; else all at once."""
    quiet_hours: QuietHours | None = None
    """When people are not disturbed with it; nothing when waiting would do more harm."""
    planned_for: Moment
    next_news_at: Moment | None = None
    """The time that the notice names for the next one."""
    sorry_for: Moment | None = None
    """The time that was named for news and missed, for which the notice says sorry."""
    dated: Moment
    """The date that the notice bears."""

    @property
    def authors(self) -> tuple[str, ...]:
        """Everybody who wrote something of it, and so cannot approve it."""
        return (self.author, *self.earlier_authors)

    def outdated(self, now: datetime) -> bool:
        """The time that it names for the next notice has passed, so it would tell people something untrue."""
        return self.next_news_at is not None and self.next_news_at <= now

    @property
    def binding(self) -> str:
        """The hash that an approval binds; any change of what people get, who gets it or when, changes it."""
        content = self.model_dump(mode="json", exclude={"occurrence", "step"})
        content["variants"] = [_as_bound(variant, LATER_IN_VARIANT) for variant in content["variants"]]
        return digest(_as_bound(content, LATER_IN_DRAFT))

    def variant(self, locale: str, reader: Reader, channel: ChannelKind, letter: str = GENERAL) -> Variant:
        """The variant for this reader. Raises KeyError when none was drafted."""
        name = f"{text_name(locale, reader, letter)}/{channel}"
        return {variant.id: variant for variant in self.variants}[name]


LATER_IN_VARIANT: dict[str, object] = {"addendum": GENERAL, "items": []}
LATER_IN_DRAFT: dict[str, object] = {
    "earlier_authors": [],
    "optional": False,
    "waits_for": [],
    "waves": None,
    "quiet_hours": None,
    "sorry_for": None,
}
"""What there was not from the first, with the value that says nothing new."""


def _as_bound(content: dict[str, object], later: dict[str, object]) -> dict[str, object]:
    """Without what came later and says nothing new, so that approvals given before still hold."""
    return {name: value for name, value in content.items() if name not in later or value != later[name]}


def digest(content: object) -> str:
    """SHA-256 over canonical JSON, in hex."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


class DeliveryState(StrEnum):
    """Where one message stands; the order is how much a person knows, best first."""

    DELIVERED = "delivered"
    SENT = "sent"
    COMPLAINED = "complained"
    UNCERTAIN = "uncertain"
    CLAIMED = "claimed"
    WAITING = "waiting"
    DEFERRED = "deferred"
    TO_PRINT = "to_print"
    """A letter that a person must hand to a print shop. Nothing for the engine, so the notice can finish without it."""
    PARKED = "parked"
    """At fault itself, so often that a person must decide on it; until then the notice is not sent."""
    HELD = "held"
    BOUNCED = "bounced"
    FAILED = "failed"
    UNREACHABLE = "unreachable"

    @property
    def pending(self) -> bool:
        """The engine still has something to do."""
        return self in (self.CLAIMED, self.WAITING, self.DEFERRED)

    @property
    def gone_wrong(self) -> bool:
        """This channel will not reach the person any more; the next one of the cascade takes over."""
        return self in (self.BOUNCED, self.FAILED)


class PersonState(StrEnum):
    """How a person stands to a notice: always exactly one of these."""

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
    DeliveryState.TO_PRINT: PersonState.WAITING,  # not told yet, and it is for us to act
    DeliveryState.PARKED: PersonState.HELD,
    DeliveryState.HELD: PersonState.HELD,
    DeliveryState.BOUNCED: PersonState.BOUNCED,
    DeliveryState.FAILED: PersonState.UNREACHABLE,
    DeliveryState.UNREACHABLE: PersonState.UNREACHABLE,
}
"""A person with several messages of one notice stands where the best of them stands, in DeliveryState's order."""


class NoticeStage(StrEnum):
    """How far a notice has come."""

    DRAFTED = "drafted"
    """Waits for approvals."""
    APPROVED = "approved"
    SENDING = "sending"
    SENT = "sent"
    """Nothing of it is pending any more, and nothing is parked."""
    REJECTED = "rejected"
    """An approver said no; a new draft is needed."""
    DROPPED = "dropped"
    """Nobody was left to tell before this version was let go; a list that brings somebody has it drafted afresh."""

    @property
    def is_over(self) -> bool:
        """Nothing is to be done for it any more, and nobody is asked about it."""
        return self in (NoticeStage.SENT, NoticeStage.DROPPED)


class NoticeRelease(Value):
    """A version of a notice that was let go, and what it says of the times for news."""

    at: Moment
    drafted_at: Moment
    """What was known then is what it says."""
    sent_at: Moment | None = None
    """When nothing of it was pending any more for the first time."""
    told: bool = True
    """Something of it has left for somebody, once something of the notice has."""
    next_news_at: Moment | None = None
    """The time that it names for the next news."""
    sorry_for: Moment | None = None
    """The time that was missed, for which it says sorry."""


GOT_IT = (PersonState.DELIVERED, PersonState.SENT, PersonState.UNCERTAIN, PersonState.BOUNCED)
"""Something has left for these people."""


class NoticeStatus(Value):
    """A notice in the case: its stage and its deliveries in numbers."""

    id: str
    version: int
    template: str
    step: str
    occurrence: int
    about: str = ""
    audience: str = EVERYONE
    meant_for: int = 0
    """How many people stood in its audience when it was drafted."""
    authors: tuple[str, ...] = ()
    """Who handed in what it was drafted from, and so cannot approve it."""
    stage: NoticeStage
    binding: str
    approvals_needed: int
    approvals: tuple[str, ...] = ()
    """Who has approved exactly this."""
    standing: Standing = Standing(still_needed=0)
    """How it stands with its approvers: what is missing, what ran out, whether two let it go in an emergency."""
    drafted_at: Moment
    sent_at: Moment | None = None
    """When nothing of it was pending any more for the first time."""
    next_news_at: Moment | None = None
    sorry_for: Moment | None = None
    """The missed time for which this version says sorry."""
    releases: tuple[NoticeRelease, ...] = ()
    """Every version that was let go, the first one first: those who got an earlier one go by what that says."""
    people: dict[PersonState, int] = {}
    pending: int = 0
    parked: int = 0
    """Messages on which a person must decide before the notice counts as sent."""
    not_told: int = 0
    """People of its audience who have no message of it, because a corrected list brought them after it was released."""
    next_try_at: Moment | None = None
    """When the earliest pending message may be tried; None when nothing is pending."""
    kept_back: int = 0
    """Messages that wait for the morning where the person lives: nobody has tried them."""
    more_waves: bool = False
    """Parts of it have not begun to leave."""
    waits_for: tuple[Gate, ...] = ()
    """What must be so before it leaves."""
    current: bool = True
    """Drafted from the facts, the audience and the words as they stand now, and no time in it has passed."""

    @property
    def approvals_missing(self) -> int:
        """How many must still be given; where roles are asked for it can be more than the bare number."""
        return max(self.standing.still_needed, self.approvals_needed - len(self.approvals))

    @property
    def stands(self) -> str:
        """How far it has come, in words: sending, 2 parked."""
        return f"{self.stage}, {self.parked} parked" if self.parked else self.stage.value

    @property
    def begun_at(self) -> datetime | None:
        """When it began to leave; None as long as nobody can have it."""
        if self.sent_at is None and not any(self.people.get(state) for state in GOT_IT):
            return None
        return min((one.at for one in self.releases if one.told), default=self.sent_at)

    @property
    def told_versions(self) -> tuple[NoticeRelease, ...]:
        """The versions of which somebody has something, the first one first."""
        if self.begun_at is None:
            return ()
        as_sent = NoticeRelease(
            at=self.begun_at, drafted_at=self.drafted_at, sent_at=self.sent_at,
            next_news_at=self.next_news_at, sorry_for=self.sorry_for,
        )  # fmt: skip
        return tuple(one for one in self.releases if one.told) or (as_sent,)

    @property
    def everybody_told(self) -> bool:
        """Whether some version of it went to all, whatever was drafted since for those who are left or came late."""
        deferred = self.next_try_at is not None and self._all_were_tried
        return any(self.has_gone or deferred or one.sent_at for one in self.told_versions)

    @property
    def only_parked(self) -> bool:
        """All else of it has gone, and what is left waits for a person's decision."""
        all_else_gone = self.stage is NoticeStage.SENDING and self.sent_at is not None and not self.pending
        return all_else_gone and self.parked > 0

    @property
    def has_gone(self) -> bool:
        """People count as told when only those are left whose mailbox said `later`, or whose message is parked."""
        only_deferred = self.stage is NoticeStage.SENDING and self.next_try_at is not None
        return self.stage.is_over or (only_deferred and self._all_were_tried) or self.only_parked

    @property
    def _all_were_tried(self) -> bool:
        return not (self.more_waves or self.kept_back)

    @property
    def is_on_its_way(self) -> bool:
        """A version was let go and somebody waits for it still, or for the one that was drafted since."""
        return self.stage is NoticeStage.SENDING or (bool(self.releases) and not self.stage.is_over)

    @property
    def is_open(self) -> bool:
        """People can still decide on it."""
        return self.current and self.stage in (NoticeStage.DRAFTED, NoticeStage.APPROVED)

    def wants_work(self, now: datetime) -> bool:
        """Something can be done for it without a person: sending on, or drafting afresh."""
        if self.stage.is_over or self.only_parked:
            return False
        if not self.current:
            return True
        if self.stage is NoticeStage.APPROVED:
            return True  # whoever put off an earlier version is tried in time, and this one is for others too
        due = self.next_try_at is None or self.next_try_at <= now
        return due and self.stage is NoticeStage.SENDING
