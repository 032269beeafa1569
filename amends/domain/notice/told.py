"""Statements that reached people: who counts as told, and of what."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import PageVersion
from amends.domain.incident.facts import Certainty
from amends.domain.incident.incident import StatementKey
from amends.domain.notice.notice import DeliveryState, Draft, PersonState, Reader, TextName, name_parts
from amends.domain.notice.statement import COMMITMENT, Statement, contradicts, in_order

COUNTS_AS_TOLD = (PersonState.DELIVERED, PersonState.SENT, PersonState.UNCERTAIN)
"""The states of messages that tell: one that may have arrived tells, one that came back does not."""


@dataclass(frozen=True)
class Saying:
    """One text of one version of a notice, as a group of people with the same data elements read it."""

    notice: str
    version: int
    channel: ChannelKind
    name: str
    """The name of the text, as a message has it: en/self, en/self/us-ma."""
    elements: str
    """The data elements of the readers, as the list of people has them; empty where their own are not known."""
    public: bool
    """True for a page or a post."""
    written_at: datetime
    statements: Mapping[str, Statement] = field(repr=False)

    @property
    def text(self) -> tuple[str, int, str, str]:
        """Return the notice, version, channel and name that identify the text among the texts of an incident."""
        return self.notice, self.version, self.channel.value, self.name


@dataclass(frozen=True, order=True)
class StatedCommitment:
    """A commitment that messages of one notice state on one channel."""

    commitment: str
    channel: str
    readers: str
    """The readers whose text states the commitment, as the name of the text has them behind the locale: self,
    guardian/us-ma. Empty when every text on the channel does."""
    fate: str
    """The state of the commitment that the messages tell: open, kept, late or dropped."""


@dataclass(frozen=True)
class SaidTo:
    """A text, and to how many people it was said; a page or a post counts as said to one."""

    saying: Saying
    people: int
    uncertain: int
    """The number of the people who may not have the message."""
    first: datetime
    last: datetime
    """The times of the first and of the last of these messages."""


@dataclass(frozen=True)
class Heard:
    """A message that told a person something, or may have."""

    saying: Saying
    state: DeliveryState
    at: datetime


@dataclass(frozen=True)
class Pages:
    """The public pages that were published, as far as they concern the page of one notice."""

    earlier: Mapping[PageVersion, Mapping[str, Statement]] = field(default_factory=dict)
    """The versions of the notice's own page with their statements, the first one first."""
    wrong: Mapping[PageVersion, frozenset[str]] = field(default_factory=dict)
    """The pages of other notices that say something wrong, with the keys of what is wrong and nobody has corrected."""


@dataclass(frozen=True)
class ToldValue:
    """A statement that was made, with the texts that make it."""

    statement: Statement
    texts: tuple[SaidTo, ...]

    @property
    def public(self) -> bool:
        """Return True when a page or a post makes, or made, the statement."""
        return any(text.saying.public for text in self.texts)

    @property
    def personal(self) -> tuple[SaidTo, ...]:
        """Return the texts of messages to people."""
        return tuple(text for text in self.texts if not text.saying.public)

    @property
    def notices(self) -> tuple[str, ...]:
        """Return the notices that make the statement, the first one first."""
        return tuple(dict.fromkeys(text.saying.notice for text in self.texts))

    @property
    def first(self) -> datetime:
        """Return when the statement was made for the first time."""
        return min(text.first for text in self.texts)

    @property
    def last(self) -> datetime:
        """Return when the statement was made for the last time."""
        return max(text.last for text in self.texts)


def saying(
    draft: Draft, version: int, channel: ChannelKind, name: str, elements: str, default_locale: str, *, public: bool
) -> Saying:
    """Return what a message of this draft says. A letter on paper says what the email to the same reader says.

    An SMS leads to the notice's page, so it also says what the page says. Raises KeyError when no such variant was
    drafted.
    """
    parts = name_parts(name)
    read = channel.reads
    stated = draft.said_in(draft.nearest(parts, read, default_locale))
    if not (public or read.detailed):
        stated = _on_the_page(draft, parts.locale, default_locale) | stated
    if elements and StatementKey.ELEMENTS in stated and stated[StatementKey.ELEMENTS].value:
        own = {"value": in_order(elements)}
        stated |= {StatementKey.ELEMENTS: stated[StatementKey.ELEMENTS].model_copy(update=own)}
    return Saying(draft.notice, version, channel, name, elements, public, draft.dated, stated)


def _on_the_page(draft: Draft, locale: str, default_locale: str) -> dict[str, Statement]:
    """Return what the notice's page tells a reader of this locale; empty without a page.

    The page lists the data elements of everybody, so it tells nobody their own.
    """
    page = next((variant.channel for variant in draft.variants if variant.channel.page), None)
    if page is None:
        return {}
    said = draft.said_in(draft.nearest(TextName(locale, Reader.SELF), page, default_locale))
    return {key: one for key, one in said.items() if key != StatementKey.ELEMENTS}


def commitments_stated(draft: Draft) -> frozenset[StatedCommitment]:
    """Return the commitments that messages of this draft to people state.

    A text counts as stating a commitment when it does so in any language: whoever may have read a promise hears how the
    promise ends.
    """
    stated = [statement for statement in draft.statements if statement.key.startswith(COMMITMENT)]
    personal = [kind for kind in dict.fromkeys((*draft.channels, *draft.cascade)) if stated and kind.personal]
    return frozenset(
        StatedCommitment(one.key.removeprefix(COMMITMENT), channel.value, readers, one.value.partition(" ")[0])
        for channel in personal
        for keys in (_keys_by_readers(draft, channel),)
        for one in stated
        for readers in _stating(one.key, keys)
    )


def _keys_by_readers(draft: Draft, channel: ChannelKind) -> dict[str, set[str]]:
    """Return the keys of what messages on this channel say, by the part of a text's name behind its locale."""
    read = channel.reads
    keys: defaultdict[str, set[str]] = defaultdict(set)
    for variant in (variant for variant in draft.variants if variant.channel is read):
        name = str(variant.name)
        said = saying(draft, 0, channel, name, "", variant.locale, public=False)
        keys[name.partition("/")[2]].update(said.statements)
    return keys


def _stating(key: str, keys: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Return the readers whose texts make the statement; one empty name when all do."""
    found = tuple(readers for readers, said in keys.items() if key in said)
    return ("",) if found and len(found) == len(keys) else found


def by_statement(said: Iterable[SaidTo]) -> tuple[ToldValue, ...]:
    """Return each value of each statement that was made, by key and in the order of time."""
    made: defaultdict[tuple[str, str, str], list[SaidTo]] = defaultdict(list)
    for one in said:
        for statement in one.saying.statements.values():
            made[statement.key, statement.value, statement.certainty].append(one)
    values = [
        ToldValue(Statement(key=key, value=value, certainty=Certainty(certainty)), tuple(texts))
        for (key, value, certainty), texts in made.items()
    ]
    return tuple(sorted(values, key=lambda one: (one.statement.key, one.first)))


def last_told(sayings: Iterable[Saying]) -> dict[str, Statement]:
    """Return the latest statement about each thing among these sayings."""
    in_order = sorted(sayings, key=lambda one: one.written_at)
    return {key: statement for one in in_order for key, statement in one.statements.items()}


def told_otherwise(sayings: Sequence[Saying], known: Mapping[str, Statement]) -> dict[str, Statement]:
    """Return the latest statements of these sayings that are wrong by what is known now, by their keys."""
    return {key: one for key, one in last_told(sayings).items() if contradicts(one, known.get(key))}


def pages_for(notice: str, sayings: Sequence[Saying], known: Mapping[str, Statement]) -> Pages:
    """Return the published pages as far as they concern this notice, from all that the public was told.

    Of another notice only the latest version stands. A page counts as wrong about what the public was told last and is
    wrong by what is known now: something that a later page or post has set right is no matter for this notice.
    """
    published = _page_versions(sayings)
    standing = {version.notice: version for version in published if version.notice != notice}
    open_errors = told_otherwise(sayings, known).keys()
    wrong = {one: _wrong_in(published[one], known) & open_errors for one in standing.values()}
    return Pages(
        earlier={one: stated for one, stated in published.items() if one.notice == notice},
        wrong={one: keys for one, keys in wrong.items() if keys},
    )


def _page_versions(sayings: Iterable[Saying]) -> dict[PageVersion, dict[str, Statement]]:
    """Return what each version of each page says in any language, the earliest version first."""
    versions: dict[PageVersion, dict[str, Statement]] = {}
    for one in sorted(sayings, key=lambda one: one.written_at):
        if one.channel.page:
            versions.setdefault(PageVersion(one.notice, one.written_at), {}).update(one.statements)
    return versions


def _wrong_in(stated: Mapping[str, Statement], known: Mapping[str, Statement]) -> frozenset[str]:
    return frozenset(key for key, one in stated.items() if contradicts(one, known.get(key)))
