"""A corrected list of people: its differences from the list in force, and what becomes of messages already stored."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from operator import attrgetter

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import ReceiptCause
from amends.domain.deliver.cascade import Planned, first_messages, starts_as
from amends.domain.deliver.lawful import lawful_addition
from amends.domain.law.means import EVERY_CHANNEL
from amends.domain.notice.notice import DeliveryState
from amends.domain.people.person import Hold, Person

FIELDS = (
    "name",
    "email",
    "phone",
    "locale",
    "country",
    "region",
    "postal_address",
    "timezone",
    "data",
    "segment",
    "guardian_of",
    "flags",
    "consents_to_email",
    "further",
)
"""The values of a person that two lists are compared by; the number and the company's own id are not among them."""
_values = attrgetter(*FIELDS)

ALARMING_SHARE = 0.2
"""The share of people gone, or changed, above which the file may well be another list."""

OPEN = (DeliveryState.WAITING, DeliveryState.DEFERRED, DeliveryState.TO_PRINT, DeliveryState.PARKED)
"""States of a message that has not left and still may leave."""
LOST = (DeliveryState.BOUNCED, DeliveryState.FAILED)
HOLDS = frozenset(ReceiptCause(hold.value) for hold in Hold)


class DifferenceKind(StrEnum):
    """The kind of difference between a person in the corrected list and in the list in force."""

    NEW = "new"
    BACK = "back"
    """Gone by an earlier correction, and in the corrected list again."""
    CHANGED = "changed"
    GONE = "gone"


class Ask(StrEnum):
    """A difference that looks like an accident, so that a person must confirm it."""

    SWAPPED = "swapped"
    CHANGED = "changed"
    GONE = "gone"


WORDS = {
    Ask.SWAPPED: ("person has an address that was another's", "people have an address that was another's"),
    Ask.CHANGED: ("person is changed", "people are changed"),
    Ask.GONE: ("person is gone", "people are gone"),
}
"""The words for one person, and for several."""
WHY = {
    Ask.SWAPPED: "as after one column was sorted without the others",
    Ask.CHANGED: f"more than {ALARMING_SHARE:.0%}, as in another list",
    Ask.GONE: f"more than {ALARMING_SHARE:.0%}, as in another list or a part of one",
}


@dataclass(frozen=True, slots=True)
class PersonChange:
    """One person in whom the lists differ. Holds no personal data."""

    kind: DifferenceKind
    person: int
    row: int = 0
    """The row of the corrected file; 0 for a person who is not in the file."""
    fields: tuple[str, ...] = ()
    """The names of the fields that changed."""
    taken_over: tuple[str, ...] = ()
    """The addresses of this person that were another person's, who has them no longer."""


@dataclass(frozen=True)
class Difference:
    """The changes of a corrected list, in numbers and person by person."""

    before: int
    """The number of people in the list in force."""
    unchanged: int
    changes: tuple[PersonChange, ...]
    erased: tuple[int, ...] = ()
    """The rows of the corrected file with people who were erased on request, and who stay out."""

    @cached_property
    def counts(self) -> dict[str, int]:
        """Count the people who are new, back, changed and gone, and those who have an address that was another's."""
        kinds = Counter(change.kind.value for change in self.changes)
        swapped = sum(bool(change.taken_over) for change in self.changes)
        return {**{kind.value: kinds[kind] for kind in DifferenceKind}, "swapped": swapped}

    @cached_property
    def fields(self) -> dict[str, int]:
        """Count the people in whom each field changed; fields that changed in nobody are left out."""
        counted = Counter(field for change in self.changes for field in change.fields)
        return {field: counted[field] for field in FIELDS if counted[field]}

    @property
    def after(self) -> int:
        """Return the number of people in the corrected list."""
        return self.before - self.counts["gone"] + self.counts["new"] + self.counts["back"]


def changed_fields(old: Person, new: Person) -> tuple[str, ...]:
    """Return the names of the fields in which the lists differ for one person.

    An email in which only capitals differ is the same: no mail server that people use tells them apart.
    """
    before, after = _values(old), _values(new)
    if before == after:
        return ()
    changed = tuple(field for field, one, other in zip(FIELDS, before, after, strict=True) if one != other)
    same_mailbox = old.email.lower() == new.email.lower()
    return tuple(field for field in changed if field != "email") if same_mailbox else changed


def stands_otherwise(old: Person, new: Person) -> bool:
    """Return True when a change may alter whether, or why, the person or the child in their care is held."""
    return _standing(old) != _standing(new)


def _standing(person: Person) -> tuple[object, ...]:
    return person.flags, person.guardian_of, bool(person.data) or not person.guardian_of


def objections(difference: Difference, confirmed: Mapping[Ask, int | None]) -> tuple[str, ...]:
    """Return why the correction must not be stored before a person has confirmed it; empty when nothing is suspect.

    A person confirms a difference by the number of people whom it concerns.
    """
    return tuple(_objections(difference, confirmed))


def _objections(difference: Difference, confirmed: Mapping[Ask, int | None]) -> Iterator[str]:
    most = difference.before * ALARMING_SHARE
    suspect = {
        Ask.SWAPPED: difference.counts["swapped"] > 0,
        Ask.CHANGED: difference.counts["changed"] > most,
        Ask.GONE: difference.counts["gone"] > most,
    }
    for ask, looks_wrong in suspect.items():
        count, number = difference.counts[ask], confirmed.get(ask)
        if number is not None and number != count:
            yield f"{count} {WORDS[ask][count != 1]}, and not {number}"
        elif looks_wrong and number is None:
            yield f"{count} {WORDS[ask][count != 1]}: {WHY[ask]}"


# Messages already stored.


@dataclass(frozen=True, slots=True)
class Stored:
    """A message of one notice to one person, as it is stored."""

    id: int
    channel: ChannelKind
    address: bytes
    """The keyed index of the address."""
    state: DeliveryState
    cause: ReceiptCause = ReceiptCause.NONE
    detail: str = ""
    doubtful: bool = False
    """True when a provider may have the message from a try whose answer was lost."""

    @property
    def is_placeholder(self) -> bool:
        """Return True when the row is no message, but records why the person gets none."""
        return self.state is DeliveryState.UNREACHABLE or (self.state is DeliveryState.HELD and self.cause in HOLDS)

    @property
    def settled(self) -> bool:
        """Return True when the message has left, may have left, or a person decided about it.

        No machine may then send the notice to this person a second time.
        """
        return self.state not in (*OPEN, *LOST) and not self.is_placeholder


@dataclass(frozen=True, slots=True)
class Course:
    """The changes to one person's messages of one notice after a corrected list."""

    changed: tuple[Stored, ...] = ()
    """The changed messages, as they are from now on."""
    dropped: tuple[int, ...] = ()
    """The ids of placeholders that the new messages replace."""
    new: tuple[tuple[Planned, bytes], ...] = ()
    """Messages to be stored, each with the keyed index of its address, which is empty where there is none."""


def course(
    messages: Sequence[Stored],
    hold: str,
    addresses: Mapping[ChannelKind, bytes],
    channels: Collection[ChannelKind],
    cascade: Collection[ChannelKind],
    why_not: ReceiptCause = ReceiptCause.NONE,
    lawful: Collection[ChannelKind] = EVERY_CHANNEL,
) -> Course:
    """Return the changes to the messages of a person about whom a corrected list says something else.

    A person who is held from now on (`hold`) gets nothing more. A message that has not left goes to the corrected
    address; a message that a provider may have is uncertain, and only a person can send it to the corrected address.
    A person who was reached, or may have been, gets no new message, except a `lawful` one where no other is. A person
    whom nothing has reached is written to at the addresses that were not tried yet, or gets a held message with
    `why_not` as its reason.
    """
    if hold:
        return Course(tuple(_held(message, ReceiptCause(hold)) for message in messages if message.state in OPEN))
    after = _redirected(messages, addresses)
    changed = tuple(new for old, new in zip(messages, after, strict=True) if new != old)
    if standing := [one.channel for one in after if one.state in OPEN or one.settled]:
        public = (channel for channel in channels if not channel.personal)
        tried_at = {(one.channel, one.address) for one in after}
        offered = (kind for kind in cascade if kind in addresses and (kind, addresses[kind]) not in tried_at)
        added = lawful_addition((*standing, *public), offered, lawful)
        return Course(changed, new=((Planned(added, starts_as(added)), addresses[added]),) if added else ())
    dropped = [one for one in after if one.is_placeholder]
    tried = {(one.channel, one.address) for one in after if one not in dropped}
    left = {channel: address for channel, address in addresses.items() if (channel, address) not in tried}
    first = first_messages(why_not, left, channels, cascade, lawful)
    unreachable = not left or any(planned.state is DeliveryState.UNREACHABLE for planned in first)
    if unreachable and any(one.state is not DeliveryState.HELD for one in after):
        return Course(changed)  # the messages that there are say already that nothing reaches the person
    return Course(changed, tuple(one.id for one in dropped), tuple((one, left.get(one.channel, b"")) for one in first))


def _held(message: Stored, hold: ReceiptCause) -> Stored:
    """Return the message as held, or as uncertain when a provider may have it.

    A message held as if untried would reach the person a second time once the hold ends.
    """
    if message.doubtful:
        return replace(message, state=DeliveryState.UNCERTAIN)
    return replace(message, state=DeliveryState.HELD, cause=hold, detail="")


def _redirected(messages: Sequence[Stored], addresses: Mapping[ChannelKind, bytes]) -> list[Stored]:
    """Return each message as it is from now on; none is redirected to an address that another message has."""
    taken = {(message.channel, message.address) for message in messages}
    after: list[Stored] = []
    for message in messages:
        address = addresses.get(message.channel)
        if message.state not in OPEN or message.address == address:
            after.append(message)
        elif message.doubtful:
            after.append(replace(message, state=DeliveryState.UNCERTAIN))
        elif address is None or (message.channel, address) in taken:
            after.append(replace(message, state=DeliveryState.FAILED, cause=ReceiptCause.ADDRESS_GONE, detail=""))
        else:
            taken.add((message.channel, address))
            after.append(
                replace(message, address=address, state=starts_as(message.channel), cause=ReceiptCause.NONE, detail="")
            )
    return after
