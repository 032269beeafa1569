"""Limits while messages are being sent: counts that stop everything, and the canary messages that go first."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Status
from amends.domain.deliver.pace import STOP_AFTER
from amends.domain.notice.notice import Draft, Reader

FEWEST_FIRST, MOST_FIRST = 5, 20
"""The bounds of the number of canary messages: even when everything is wrong, no more than twenty leave."""
SHARE_FIRST = 100
"""One message of this many is a canary, within FEWEST_FIRST and MOST_FIRST."""


@dataclass(frozen=True, slots=True)
class Approved:
    """The most messages that an approval allows to be sent."""

    people: int
    at_first: int
    """Messages that a person gets when no channel fails."""
    on: Mapping[ChannelKind, int]
    """The most messages on each channel; on a channel that is not listed none may be sent."""


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """Counts of the messages of one channel; each message counts once, however often it was tried."""

    sent: int = 0
    """Messages that the channel took over, including messages that later bounced or drew a complaint."""
    rejected: int = 0
    """Messages that the channel itself refused for good."""
    bounced: int = 0
    """Sent messages that bounced for good."""
    complained: int = 0
    """Sent messages that were reported as spam."""
    uncertain: int = 0
    """Messages that the channel's answer left open, without messages that a crash of our own left open."""

    @property
    def answered(self) -> int:
        """Count the messages with a final answer, or with one that only a person can settle."""
        return self.sent + self.rejected + self.uncertain

    @property
    def useless(self) -> int:
        """Count the addresses that took nothing."""
        return self.rejected + self.bounced


@dataclass(frozen=True, slots=True)
class SendCounts:
    """Counts of one version of a notice, counted from the ledger each time and never incremented."""

    approved: Approved
    on: Mapping[ChannelKind, ChannelCounts]
    most_times_sent: int = 0
    """The largest number of answers "sent" for one idempotency key."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The shares from which counts are an alarm, each with the fewest answers among which its rule holds.

    A share is 0.05 for five in a hundred; a share above 1 switches its rule off.
    """

    useless: float = 0.05
    """Refused or bounced addresses: a sign of an old or wrong list. Amazon SES reviews an account at 5 % of bounces and
    halts it at 10 %."""
    useless_among: int = 200
    """At the default share the alarm takes ten useless addresses at least: fewer say little about a list."""
    uncertain: float = 0.02
    """Messages left open, each of which costs a person a decision. A sound relay leaves next to none open, so a relay
    that reaches this share is broken."""
    uncertain_among: int = 200
    complained: float = 0.003
    """Spam complaints: Google's and Yahoo's guidelines for senders say never to reach 0.3 %."""
    complained_warning: float = 0.001
    """The same guidelines say to stay below 0.1 %."""
    complained_among: int = 1000


DEFAULT = Limits()


class Canaries:
    """The canary messages of one channel: the first few, which go alone until each has its answer."""

    __slots__ = ("_fewest", "answers", "left")

    def __init__(self, first: int, fewest: int = FEWEST_FIRST) -> None:
        """Begin with the `first` canary messages; fewer answers than `fewest` say too little."""
        self.left = first
        """Canary messages that may be taken."""
        self.answers: list[Status] = []
        self._fewest = fewest

    def review(self) -> str:
        """Return why the rest must wait, or ""; called with the answers to all canary messages that were taken.

        When too few were answered, `left` grows by those that lack, because one refusal says little.
        """
        self.left = max(self._fewest - len(self.answers), 0)
        return "" if self.left else canary_verdict(self.answers)


def approved(draft: Draft) -> Approved:
    """Return the most messages that may leave for this draft.

    A person gets one message on each personal channel of the step or of its cascade, and never two on the same
    channel. The public gets one message for each variant on a public channel.
    """
    personal = {channel for channel in draft.channels if channel.personal}
    public = Counter(
        variant.channel
        for variant in draft.variants
        if not variant.channel.personal and variant.reader is Reader.SELF and variant.channel in draft.channels
    )
    on = {**dict.fromkeys(personal.union(draft.cascade), draft.people), **public}
    return Approved(draft.people, _at_first(draft, personal), on)


def _at_first(draft: Draft, personal: set[ChannelKind]) -> int:
    """Return the most messages that a person gets before any fails; a law may add one to those of the step.

    Letters do not count, because no channel sends them.
    """
    if draft.channel_rules:
        return sum(not channel.printed for channel in personal.union(draft.cascade))
    return len(personal) or min(len(draft.cascade), 1)


def alarm(counts: SendCounts, limits: Limits = DEFAULT) -> str:
    """Return why everything must stop until a person has looked, or "".

    A message sent twice, or more messages than were approved, come before rates.
    """
    return next(_alarms(counts, limits), "")


def rates(on: Mapping[ChannelKind, ChannelCounts], limits: Limits = DEFAULT) -> str:
    """Return why the shares of these counts are an alarm, or ""; they may span several versions of a notice."""
    return next(_rates(on, limits), "")


def complaints(counts: SendCounts, limits: Limits = DEFAULT) -> str:
    """Return why optional emails must stop, or ""; messages that the law requires go on (GDPR Art. 34)."""
    return _complained(counts, limits.complained, limits.complained_among)


def warning(counts: SendCounts, limits: Limits = DEFAULT) -> str:
    """Return what a person should look at while sending goes on, or ""."""
    return _complained(counts, limits.complained_warning, limits.complained_among)


def canary_size(total: int) -> int:
    """Return how many of `total` messages go first, alone: one in a hundred, but 5 at least and 20 at most."""
    return min(max(-(-total // SHARE_FIRST), FEWEST_FIRST), MOST_FIRST, total)


def canary_verdict(answers: Collection[Status]) -> str:
    """Return why the rest must not follow the canary messages, or "".

    The rest waits when more than half of the canary messages were refused or left open. Deferrals do not count, even of
    all of them: many servers defer every sender that they do not know (greylisting, RFC 6647), and the next few
    messages would be deferred again.
    """
    bad = sum(answer in (Status.REJECTED, Status.UNCERTAIN) for answer in answers)
    if 2 * bad > len(answers):
        return f"{bad} of the first {len(answers)} messages were refused or left open, so the rest waits"
    return ""


def nothing_taken(answers: Collection[Status]) -> bool:
    """Return True when no canary message was taken over."""
    return not {Status.SENT, Status.DELIVERED}.intersection(answers)


def has_worked(taken: int, in_vain: int) -> bool:
    """Return True when a channel took a message and has refused fewer since, `in_vain`, than stop a run.

    On any other channel each run would fail the next few people.
    """
    return taken > 0 and in_vain < STOP_AFTER[Status.REJECTED]


def _alarms(counts: SendCounts, limits: Limits) -> Iterator[str]:
    yield from _sent_twice(counts)
    yield from _sent_too_many(counts)
    yield from _rates(counts.on, limits)


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
    """Return how many messages can be explained: each person's first ones, and by the cascade one more for each bounce.

    A message that was refused at once adds none: it was never sent, and the next channel's message takes its place.
    """
    bounced = sum(on.bounced for kind, on in counts.on.items() if kind.personal)
    return counts.approved.people * counts.approved.at_first + bounced


def _rates(on: Mapping[ChannelKind, ChannelCounts], limits: Limits) -> Iterator[str]:
    for kind, counts in on.items():
        useless, uncertain, answered = counts.useless, counts.uncertain, counts.answered
        if _reaches(useless, answered, limits.useless, limits.useless_among):
            yield f"{useless} of {answered} on {kind} were refused or came back, so the list looks old or wrong"
        if _reaches(uncertain, answered, limits.uncertain, limits.uncertain_among):
            yield f"{uncertain} of {answered} answers on {kind} left open whether the message arrived"


def _complained(counts: SendCounts, limit: float, among: int) -> str:
    on = next((counts for kind, counts in counts.on.items() if kind.mail), ChannelCounts())
    if not _reaches(on.complained, on.sent, limit, among):
        return ""
    return f"{on.complained} of {on.sent} emails were reported as spam, and the limit is {limit:.1%}"


def _reaches(count: int, among: int, share: float, at_least: int) -> bool:
    return among >= max(at_least, 1) and count / among >= share
