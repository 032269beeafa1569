"""Kinds of channels and of addresses: all that differs from one kind to another, as rows of data."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

WITHOUT_PROVIDER = ("outbox", "simulated")
"""Values of the setting `use` that name no provider; messages of such a channel stay on this machine."""


@dataclass(frozen=True, slots=True, eq=False)
class Address:
    """A kind of address that people have."""

    column: str
    """The column of the audience file."""
    keyed: str
    """The purpose of the keyed index by which the ledger compares such addresses."""
    of: Callable[[Any], str]
    """A function that returns the address of a person, or of a person's contact data."""

    @property
    def index(self) -> str:
        """Return the column of a person's row that holds the keyed index."""
        return f"{self.keyed}_index"


MAILBOX = Address("email", "email", attrgetter("email"))
PHONE = Address("phone", "phone", attrgetter("phone"))
HOME = Address("postal_address", "postal", attrgetter("postal_address"))
FURTHER: list[Address] = []
"""Addresses beyond those three; people have them in this order, as `further`."""


def further_address(column: str) -> Address:
    """Return a new kind of address; a column of the audience file and a keyed index of this name come with it."""
    place = len(FURTHER)
    FURTHER.append(Address(column, column, lambda whose: whose.further[place] if whose.further else ""))
    return FURTHER[-1]


def addresses() -> tuple[Address, ...]:
    """Return all kinds of addresses that people have."""
    return (MAILBOX, PHONE, HOME, *FURTHER)


class Round(Enum):
    """A round of a send. A round begins when the one before has ended."""

    PAGE = "page"
    """The page is up before anybody gets a link to it."""
    PEOPLE = "people"
    PUBLIC = "public"
    """The public is told after the people concerned."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class KindTraits:
    """All that differs from one kind of channel to another, as one row of data."""

    words: str
    """The kind in a report."""
    task: str = ""
    """The work of sending, in a few words."""
    address: Address | None = None
    """The address to which a message goes; None for a channel that speaks to everybody."""
    round: Round | None = None
    """The round in which the messages leave; None when a person takes a list of them to a print shop."""
    text_of: str = ""
    """The kind whose texts the messages carry; empty for texts of their own."""
    suffix: str = "txt"
    """The ending of a template's name: md for Markdown, txt for plain text."""
    detailed: bool = False
    """True when the channel carries everything that a notice must say; no other channel stands alone."""
    longest: int | None = None
    """The most characters of a text."""
    mail: bool = False
    """True for emails: they may come back later, be reported as spam, be answered, stand in the log of a relay, and be
    one copy for a mailbox that people share."""
    segmented: bool = False
    """True when a message is charged by the segment, and bears a registered signature where one is needed."""
    wakes: bool = False
    """True when a message makes a sound at night."""
    tracked: bool = False
    """True when the provider names each message, and tells by that name what became of it."""
    means: frozenset[str] = frozenset()
    """The ways of telling people, as laws name them, that a message meets."""
    means_with_consent: frozenset[str] = frozenset()
    """The ways that a message meets besides when the person has consented to notice by email."""
    advised_from: int = 3
    """The severity from which an assessment advises the channel: 0 for low, 3 for very high."""
    receipts: str = ""
    """The path of the web page for the reports of providers about our messages."""
    incoming: str = ""
    """The path of the web page for the texts that people write back."""
    personal: bool = field(init=False)
    """True when a message goes to the address of one person; the other channels speak to everybody."""
    printed: bool = field(init=False)
    """True for paper, which a person takes to a print shop; it says what the messages of `text_of` say."""
    page: bool = field(init=False)
    """True for the page to which messages lead, and which is put up again with each version."""
    posts: bool = field(init=False)
    """True for posts to the public, which leave when the people concerned were told."""

    def __post_init__(self) -> None:
        computed = {
            "personal": self.address is not None,
            "printed": self.round is None,
            "page": self.round is Round.PAGE,
            "posts": self.round is Round.PUBLIC,
        }
        self.__dict__.update(computed)


class _Registry(type):
    """The type of a class whose values are registered by name."""

    def __iter__(cls) -> Iterator["ChannelKind"]:
        return iter(tuple(KINDS.values()))

    def __len__(cls) -> int:
        return len(KINDS)

    def __contains__(cls, name: object) -> bool:
        return name in KINDS


if TYPE_CHECKING:

    class _NameWithTraits(str, KindTraits):  # noqa: SLOT000
        """A name that has traits; to Python it is a `str` alone, for a dataclass would be written out as its fields."""

else:
    _NameWithTraits = str


class ChannelKind(_NameWithTraits, metaclass=_Registry):
    """A way to reach people: a name, with the traits of its row. A name has one value, which tables and files spell."""

    EMAIL: ClassVar["ChannelKind"]
    SMS: ClassVar["ChannelKind"]
    SOCIAL: ClassVar["ChannelKind"]
    WEBSITE: ClassVar["ChannelKind"]
    LETTER: ClassVar["ChannelKind"]

    def __new__(cls, name: str) -> Self:
        """Return the kind of this name. Raises ValueError."""
        if (kind := KINDS.get(name)) is None:
            raise ValueError(f"{name!r} is none of {', '.join(KINDS)}")
        return cast(Self, kind)

    @classmethod
    def add(cls, name: str, traits: KindTraits) -> "ChannelKind":
        """Register a kind. Raises ValueError for a name whose first three letters, its seal, another kind has."""
        if any(kind.seal == name[:3] for kind in KINDS.values()):
            raise ValueError(f"{name}: {name[:3]} seals the messages of another kind")
        kind = KINDS[name] = str.__new__(cls, name)
        kind.__dict__.update(traits.__dict__)
        return kind

    @property
    def value(self) -> str:
        """Return the bare name."""
        return str(self)

    @property
    def seal(self) -> str:
        """Return the letters by which a message's sum names the kind."""
        return self[:3]

    @property
    def reads(self) -> "ChannelKind":
        """Return the kind whose texts the messages carry."""
        return KINDS[self.text_of] if self.text_of else self

    def __reduce__(self) -> tuple[type["ChannelKind"], tuple[str]]:
        return ChannelKind, (self.value,)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            _known_kind, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: object, handler: object) -> dict[str, Any]:
        return {"type": "string", "enum": list(KINDS)}


def _known_kind(name: object) -> ChannelKind:
    """Return the kind of this name, in pydantic's words for an enumeration when there is none."""
    if isinstance(name, str) and (kind := KINDS.get(name)):
        return kind
    from pydantic_core import PydanticKnownError

    *names, last = map(repr, KINDS)
    raise PydanticKnownError("enum", {"expected": f"{', '.join(names)} or {last}"})


KINDS: dict[str, ChannelKind] = {}
ChannelKind.EMAIL = ChannelKind.add(
    "email",
    KindTraits(
        words="email",
        task="send email",
        address=MAILBOX,
        round=Round.PEOPLE,
        suffix="md",
        detailed=True,
        mail=True,
        means=frozenset({"electronic", "email"}),
        means_with_consent=frozenset({"electronic_with_consent"}),
        advised_from=0,
        receipts="/receipts/email",
    ),
)
ChannelKind.SMS = ChannelKind.add(
    "sms",
    KindTraits(
        words="SMS",
        task="send SMS",
        address=PHONE,
        round=Round.PEOPLE,
        segmented=True,
        wakes=True,
        tracked=True,
        means=frozenset({"sms"}),
        advised_from=2,
        receipts="/receipts/sms",
        incoming="/incoming/sms",
    ),
)
ChannelKind.SOCIAL = ChannelKind.add("social", KindTraits(words="post", task="post", round=Round.PUBLIC, longest=280))
ChannelKind.WEBSITE = ChannelKind.add(
    "website",
    KindTraits(
        words="page",
        task="publish the page",
        round=Round.PAGE,
        suffix="md",
        detailed=True,
        means=frozenset({"website"}),
        advised_from=1,
    ),
)
ChannelKind.LETTER = ChannelKind.add(
    "letter",
    KindTraits(
        words="letter",
        address=HOME,
        text_of="email",
        suffix="",
        detailed=True,
        means=frozenset({"written", "first_class_mail"}),
    ),
)
"""The kinds that come with Amends."""


def to_people() -> tuple[ChannelKind, ...]:
    """Return the channels to people, the most common first."""
    return tuple(kind for kind in ChannelKind if kind.personal)


def is_kept_here(settings: Mapping[str, str]) -> bool:
    """Return True when the messages of a channel with these settings stay on this machine."""
    return settings.get("use") in WITHOUT_PROVIDER


def kept_here(channels: Mapping[ChannelKind, Mapping[str, str]], wanted: Iterable[ChannelKind]) -> str:
    """Return the warning that names the wanted channels by which nobody is told; empty when each has a provider."""
    kept = [kind for kind in wanted if is_kept_here(channels.get(kind, {}))]
    return f"NOBODY IS TOLD by {', '.join(kept)}: files on this machine, as amends.toml says" if kept else ""
