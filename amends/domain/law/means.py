"""The ways in which laws let people be told, as a closed vocabulary, and the messages that tell people so.

Whether a message tells a person lawfully depends on its channel, on where the person lives, and on whether the person
has consented to notice by email. Of several duties that bind one person, a channel must satisfy all.
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

from amends.domain.base.value import Value
from amends.domain.channel.channel import ChannelKind


class Means(StrEnum):
    """A way of telling people that a law names."""

    WRITTEN = "written"
    """On paper, to the person's postal address."""
    FIRST_CLASS_MAIL = "first_class_mail"
    ELECTRONIC_WITH_CONSENT = "electronic_with_consent"
    """By email to whoever has consented to electronic notice, as E-SIGN asks."""
    ELECTRONIC = "electronic"
    """By email, whether or not the person has consented."""
    AUTHENTICATED_ELECTRONIC = "authenticated_electronic"
    """With an electronic signature that the law names; no message of Amends has one."""
    EMAIL = "email"
    SMS = "sms"
    TELEPHONE = "telephone"
    """By a call; SMS is no call."""
    IN_PERSON = "in_person"
    IN_APP = "in_app"
    """In an account, an app or a messenger of the organisation's own."""
    WEBSITE = "website"
    """On a page for everybody, which the law counts as telling each person."""
    MEDIA = "media"
    SUBSTITUTE_ONLY = "substitute_only"
    """By substitute notice alone."""


EVERY_CHANNEL = frozenset(ChannelKind)


class ChannelRule(Value):
    """The ways in which one duty lets the people of its places be told."""

    duty: str
    places: tuple[str, ...]
    means: tuple[Means, ...]

    def channels(self, *, consented: bool) -> frozenset[ChannelKind]:
        """Return the channels whose messages tell a person as the duty demands."""
        return _channels(self.means, consented)


@lru_cache(1024)
def _channels(means: tuple[Means, ...], consented: bool) -> frozenset[ChannelKind]:
    """Return the channels of which a message meets one of these ways of telling."""
    return frozenset(
        kind
        for kind in ChannelKind
        if not (kind.means | kind.means_with_consent if consented else kind.means).isdisjoint(means)
    )


def restricts(means: Iterable[Means]) -> bool:
    """Return True when some message to a person would not count; a row without any way of telling restricts nothing."""
    named = tuple(means)
    personal = {kind for kind in ChannelKind if kind.personal}
    return bool(named) and not personal <= _channels(named, False)


def is_in(home: str, places: tuple[str, ...]) -> bool:
    """Return True when the home is in one of the places; the law of a country holds in its states too."""
    return home in places or (home[:2] in places and "-" in home)


def lawful_channels(rules: Iterable[ChannelRule], home: str, *, consented: bool) -> frozenset[ChannelKind]:
    """Return the channels on which a message lawfully tells somebody who lives there, by all rules that hold there.

    `home` is a place such as US-CA or DE. Where no rule holds, every channel is lawful. A page counts only where each
    of the rules says so.
    """
    lawful = EVERY_CHANNEL
    for rule in rules:
        if is_in(home, rule.places):
            lawful &= rule.channels(consented=consented)
    return lawful
