"""What must hold while a notice leaves: counts that stop everything, and a few messages that go first."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from amends.domain.channel.channel import ChannelKind, Status
from amends.domain.notice.notice import Draft, Reader

FEWEST_FIRST, MOST_FIRST = 5, 20
"""How many messages go first: what slips out when all is wrong stays within twenty."""
SHARE_FIRST = 100
"""One of so many goes first, within these bounds."""


@dataclass(frozen=True, slots=True)
class Approved:
    """The most messages that may leave for what was approved."""

    people: int
    at_first: int
    """How many messages a person gets when no channel fails them."""
    on: Mapping[ChannelKind, int]
    """How many messages may leave on each channel; on all others none."""


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """The messages of one channel, in numbers; each message counts once, however often it was tried."""

    sent: int = 0
    """Taken over by it, whatever became of them later: delivered, bounced, complained of."""
    rejected: int = 0
    """Refused for good by the channel itself."""
    bounced: int = 0
    """Of those sent, came back for good."""
    complained: int = 0
    """Of those sent, reported as spam."""
    uncertain: int = 0
    """Left open by the channel's answer; without those that a crash of our own left open."""

    @property
    def answered(self) -> int:
        """How many have an answer for good, or one that only a person can settle."""
        return self.sent + self.rejected + self.uncertain

    @property
    def useless(self) -> int:
        """How many addresses took nothing."""
        return self.rejected + self.bounced


@dataclass(frozen=True, slots=True)
class SendCounts:
    """One version of a notice in numbers, counted anew each time and never carried on."""

    approved: Approved
    on: Mapping[ChannelKind, ChannelCounts]
    most_times_sent: int = 0
    """How often the message was sent that was sent most often: answers that say sent, for one key."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on counts are an alarm. A share is 0.05 for five in a hundred; one above 1 switches its rule off."""

    useless: float = 0.05
    """Refused or bounced: an old or wrong list. Amazon SES reviews an account at 5 % of bounces, halts it at 10 %."""
    useless_among: int = 200
    """Ten wrong addresses at least: fewer say little about a list."""
    uncertain: float = 0.02
    """Each one costs a person a decision. A sound relay leaves next to none open, so this is a broken one."""
    uncertain_among: int = 200
    complained: float = 0.003
    """Google's and Yahoo's guidelines for senders: never reach 0.3 % …"""
    complained_warning: float = 0.001
    """… and stay below 0.1 %."""
    complained_among: int = 1000


DEFAULT = Limits()


def approved(draft: Draft) -> Approved:
    """What may leave for this draft at most.

    A person gets one message on each personal channel, of the step or of its cascade, and never two on the same one.
    The public gets one for each variant that is written for all.
    """
    personal = {channel for channel in draft.channels if channel.personal}
    public = Counter(
        variant.channel
        for variant in draft.variants
        if not variant.channel.personal and variant.reader is Reader.SELF and variant.channel in draft.channels
    )
    on = {**dict.fromkeys(personal.union(draft.cascade), draft.people), **public}
    return Approved(draft.people, len(personal) or min(len(draft.cascade), 1), on)


def alarm(counts: SendCounts, limits: Limits = DEFAULT) -> str:
    """Why everything must stop and a person must look, or empty. Breaches of what we promise come before rates."""
    return next(_alarms(counts, limits), "")


def rates(counts: SendCounts, limits: Limits = DEFAULT) -> str:
    """Why the shares alone are an alarm, or empty; also of counts that span more than one version of a notice."""
    return next(_rates(counts, limits), "")


def complaints(counts: SendCounts, limits: Limits = DEFAULT) -> str:
    """Why mail that people may do without must stop, or empty; what the law wants told goes on (GDPR Art. 34)."""
    return _complained(counts, limits.complained, limits.complained_among)


def warning(counts: SendCounts, limits: Limits = DEFAULT) -> str:
    """What a person should look at while all goes on, or empty."""
    return _complained(counts, limits.complained_warning, limits.complained_among)


def canary_size(total: int) -> int:
    """How many of so many messages go first, alone: one in a hundred, but 5 at least and 20 at most."""
    return min(max(-(-total // SHARE_FIRST), FEWEST_FIRST), MOST_FIRST, total)


def canary_verdict(answers: Collection[Status]) -> str:
    """Why the rest must not follow the messages that went first, or empty.

    More than half of them refused or left open is a surprise. That all are put off is none: many servers do that to
    whoever comes for the first time (RFC 6647), and it would happen to the next few again.
    """
    bad = sum(answer in (Status.REJECTED, Status.UNCERTAIN) for answer in answers)
    if 2 * bad > len(answers):
        return f"{bad} of the first {len(answers)} messages were refused or left open, so the rest waits"
    return ""


def nothing_taken(answers: Collection[Status]) -> bool:
    """Whether none of the messages that went first was taken over."""
    return not {Status.SENT, Status.DELIVERED}.intersection(answers)


def _alarms(counts: SendCounts, limits: Limits) -> Iterator[str]:
    yield from _sent_twice(counts)
    yield from _sent_too_many(counts)
    yield from _rates(counts, limits)


def _sent_twice(counts: SendCounts) -> Iterator[str]:
    if counts.most_times_sent > 1:
        yield f"a message was sent {counts.most_times_sent} times, and none may be sent twice"


def _sent_too_many(counts: SendCounts) -> Iterator[str]:
    for kind, on in counts.on.items():
        may = counts.approved.on.get(kind, 0)
        if on.sent > may:
            yield f"{on.sent} messages were sent on {kind}, and {may} were approved"
    sent, may = _sent_to_people(counts), _may_reach_people(counts)
    if sent > may:
        yield f"{sent} messages were sent to {counts.approved.people} people, and {may} are explained"


def _sent_to_people(counts: SendCounts) -> int:
    return sum(on.sent for kind, on in counts.on.items() if kind.personal)


def _may_reach_people(counts: SendCounts) -> int:
    """Everybody's first messages, and one more for each that came back, by the cascade.

    One that was refused at once makes room for no other: it was never sent, and the next one takes its place.
    """
    bounced = sum(on.bounced for kind, on in counts.on.items() if kind.personal)
    return counts.approved.people * counts.approved.at_first + bounced


def _rates(counts: SendCounts, limits: Limits) -> Iterator[str]:
    for kind, on in counts.on.items():
        if _reaches(on.useless, on.answered, limits.useless, limits.useless_among):
            yield f"{on.useless} of {on.answered} on {kind} were refused or came back, so the list looks old or wrong"
        if _reaches(on.uncertain, on.answered, limits.uncertain, limits.uncertain_among):
            yield f"{on.uncertain} of {on.answered} answers on {kind} left open whether the message arrived"


def _complained(counts: SendCounts, limit: float, among: int) -> str:
    on = counts.on.get(ChannelKind.EMAIL, ChannelCounts())
    if not _reaches(on.complained, on.sent, limit, among):
        return ""
    return f"{on.complained} of {on.sent} emails were reported as spam, and the limit is {limit:.1%}"


def _reaches(count: int, among: int, share: float, at_least: int) -> bool:
    return among >= max(at_least, 1) and count / among >= share
