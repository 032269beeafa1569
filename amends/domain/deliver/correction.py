"""A corrected list of people against the one in force: what differs, what a person must look at, where messages go."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from operator import attrgetter

from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.cascade import Planned, first_messages, may_have_it, starts_as
from amends.domain.notice.notice import DeliveryState
from amends.domain.people.person import Hold, Person

FIELDS = (
    "name", "email", "phone", "locale", "country", "region", "postal_address", "timezone", "data", "segment",
    "guardian_of", "flags",
)  # fmt: skip
"""What a list says of a person, beside the number and the company's own id."""
_values = attrgetter(*FIELDS)

ALARMING_SHARE = 0.2
"""When more of the people are gone, or changed, it may well be another list."""
ADDRESS_GONE = "address_gone"
"""The address is not the person's any more, and the one that is was tried already, or there is none."""


class DifferenceKind(StrEnum):
    """How a person in the corrected list stands to the list in force."""

    NEW = "new"
    BACK = "back"
    """Was gone by an earlier correction."""
    CHANGED = "changed"
    GONE = "gone"


class Ask(StrEnum):
    """What looks like an accident and needs a person's word."""

    SWAPPED = "swapped"
    CHANGED = "changed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class PersonChange:
    """One person in whom the lists differ. Holds no personal data."""

    kind: DifferenceKind
    person: int
    row: int = 0
    """Of the corrected file; 0 for who is not in it."""
    fields: tuple[str, ...] = ()
    """What is another now."""
    taken_over: tuple[str, ...] = ()
    """The addresses that were another person's, who has them no longer."""


@dataclass(frozen=True)
class Difference:
    """What a corrected list changes, in numbers and person by person."""

    before: int
    """How many people the list in force has."""
    unchanged: int
    changes: tuple[PersonChange, ...]

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many are new, back, changed and gone, and how many have an address that was another's."""
        kinds = Counter(change.kind.value for change in self.changes)
        swapped = sum(bool(change.taken_over) for change in self.changes)
        return {**{kind.value: kinds[kind] for kind in DifferenceKind}, "swapped": swapped}

    @cached_property
    def fields(self) -> dict[str, int]:
        """In how many people each of the fields changed."""
        counted = Counter(field for change in self.changes for field in change.fields)
        return {field: counted[field] for field in FIELDS if counted[field]}

    @property
    def after(self) -> int:
        """How many people the corrected list has."""
        return self.before - self.counts["gone"] + self.counts["new"] + self.counts["back"]


def changed_fields(old: Person, new: Person) -> tuple[str, ...]:
    """What the lists say differently of a person."""
    before, after = _values(old), _values(new)
    if before == after:
        return ()
    return tuple(field for field, one, other in zip(FIELDS, before, after, strict=True) if one != other)


def stands_otherwise(old: Person, new: Person) -> bool:
    """Whether the person, or the child they are guardian of, may be held for another reason now, or for none."""
    return _standing(old) != _standing(new)


def _standing(person: Person) -> tuple[object, ...]:
    return person.flags, person.guardian_of, bool(person.data) or not person.guardian_of


def objections(difference: Difference, said: Mapping[Ask, int | None]) -> tuple[str, ...]:
    """Why the correction must not be stored before somebody says that it is right; empty when nothing speaks against.

    What they say is how many it is that they have looked at.
    """
    return tuple(_objections(difference, said))


def _objections(difference: Difference, said: Mapping[Ask, int | None]) -> Iterator[str]:
    most = difference.before * ALARMING_SHARE
    suspect = {
        Ask.SWAPPED: difference.counts["swapped"] > 0,
        Ask.CHANGED: difference.counts["changed"] > most,
        Ask.GONE: difference.counts["gone"] > most,
    }
    for ask, looks_wrong in suspect.items():
        count, word = difference.counts[ask], said.get(ask)
        if word is not None and word != count:
            yield f"{count} {WORDS[ask][count != 1]}, and not {word}"
        elif looks_wrong and word is None:
            yield f"{count} {WORDS[ask][count != 1]}: {WHY[ask]}"


WORDS = {
    Ask.SWAPPED: ("person has an address that was another's", "people have an address that was another's"),
    Ask.CHANGED: ("person is changed", "people are changed"),
    Ask.GONE: ("person is gone", "people are gone"),
}
"""Of one, and of more."""
WHY = {
    Ask.SWAPPED: "as after one column was sorted without the others",
    Ask.CHANGED: f"more than {ALARMING_SHARE:.0%}, as in another list",
    Ask.GONE: f"more than {ALARMING_SHARE:.0%}, as in another list or a part of one",
}


# Where messages go.

OPEN = (DeliveryState.WAITING, DeliveryState.DEFERRED, DeliveryState.TO_PRINT, DeliveryState.PARKED)
"""Nothing has left, and it may leave yet."""
LOST = (DeliveryState.BOUNCED, DeliveryState.FAILED)
HOLDS = frozenset(hold.value for hold in Hold)


@dataclass(frozen=True, slots=True)
class Stored:
    """A message of one notice to one person, as it is stored."""

    id: int
    channel: ChannelKind
    address: bytes
    """Its keyed index."""
    state: DeliveryState
    detail: str = ""

    @property
    def stands_in(self) -> bool:
        """It only says why there is none."""
        return self.state is DeliveryState.UNREACHABLE or (self.state is DeliveryState.HELD and self.detail in HOLDS)

    @property
    def settled(self) -> bool:
        """It has left, may have left, or somebody decided about it: nobody is told a second time by a machine."""
        return self.state not in (*OPEN, *LOST) and not self.stands_in


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of one person's messages of one notice."""

    changed: tuple[Stored, ...] = ()
    """As they are from now on."""
    dropped: tuple[int, ...] = ()
    """Those that only stood in for the new ones."""
    new: tuple[tuple[Planned, bytes], ...] = ()
    """Messages to be stored, each with its address."""


def course(
    messages: Sequence[Stored],
    hold: str,
    addresses: Mapping[ChannelKind, bytes],
    channels: Collection[ChannelKind],
    cascade: Collection[ChannelKind],
    why_not: str = "",
) -> Course:
    """What becomes of the messages to a person of whom a corrected list says something else.

    Whoever is held now gets nothing more. What has not left goes to the corrected address; what a provider may have all
    the same is uncertain, and goes there by a person's word. Who was reached, or may have been, gets nothing new; whom
    nothing has reached is written to at the addresses that were not tried yet, or `why_not` says there why they do not
    get this notice.
    """
    if hold:
        return Course(tuple(_held(one, hold) for one in messages if one.state in OPEN))
    after = _redirected(messages, addresses)
    changed = tuple(new for old, new in zip(messages, after, strict=True) if new != old)
    if any(one.state in OPEN or one.settled for one in after):
        return Course(changed)
    dropped = [one for one in after if one.stands_in]
    tried = {(one.channel, one.address) for one in after if one not in dropped}
    left = {channel: address for channel, address in addresses.items() if (channel, address) not in tried}
    first = first_messages(why_not, left, channels, cascade)
    unreachable = not left or any(planned.state is DeliveryState.UNREACHABLE for planned in first)
    if unreachable and any(one.state is not DeliveryState.HELD for one in after):
        return Course(changed)  # that nothing reaches them is known already
    return Course(changed, tuple(one.id for one in dropped), tuple((one, left.get(one.channel, b"")) for one in first))


def _held(message: Stored, hold: str) -> Stored:
    """Were it held as if untried, whoever is held no more would get it a second time."""
    if may_have_it(message.detail):
        return replace(message, state=DeliveryState.UNCERTAIN)
    return replace(message, state=DeliveryState.HELD, detail=hold)


def _redirected(messages: Sequence[Stored], addresses: Mapping[ChannelKind, bytes]) -> list[Stored]:
    """Each message as it is from now on; no two of them to the same address."""
    taken = {(one.channel, one.address) for one in messages}
    after: list[Stored] = []
    for one in messages:
        address = addresses.get(one.channel)
        if one.state not in OPEN or one.address == address:
            after.append(one)
        elif may_have_it(one.detail):
            after.append(replace(one, state=DeliveryState.UNCERTAIN))
        elif address is None or (one.channel, address) in taken:
            after.append(replace(one, state=DeliveryState.FAILED, detail=ADDRESS_GONE))
        else:
            taken.add((one.channel, address))
            after.append(replace(one, address=address, state=starts_as(one.channel), detail=""))
    return after
