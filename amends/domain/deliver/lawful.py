"""Lawful channels as a rule of delivery: the message that is added so that a person is told as the laws demand.

An SMS or an email that does not count goes out all the same, because it is there first; it never stands for the notice.
"""

from collections.abc import Collection, Iterable

from amends.domain.channel.channel import ChannelKind
from amends.domain.law.duty import Duty
from amends.domain.law.means import EVERY_CHANNEL, ChannelRule, lawful_channels
from amends.domain.notice.notice import Draft
from amends.domain.people.person import place_of
from amends.domain.playbook.playbook import Step


def channel_rules(duties: Iterable[Duty], step: Step) -> tuple[ChannelRule, ...]:
    """Return the rules for a notice of this step: those of the duties to people, when the step first tells people."""
    return tuple(rule for duty in duties if (rule := duty.channel_rule)) if step.tells_first else ()


def cascade_with_letter(step: Step, rules: Collection[ChannelRule]) -> tuple[ChannelKind, ...]:
    """Return the cascade of the step, with a letter at its end where a rule may ask for one.

    A letter is the email on paper, so a step without email has none.
    """
    letters = [kind for kind in ChannelKind if kind.printed and kind.reads in step.written_for]
    has_one = any(kind.printed for kind in step.cascade)
    return step.cascade if has_one or not rules else (*step.cascade, *letters[:1])


def lawful_for(draft: Draft, country: str, region: str, *, consented: bool) -> frozenset[ChannelKind]:
    """Return the channels on which this notice lawfully tells a person who lives there."""
    if not draft.channel_rules:
        return EVERY_CHANNEL
    return lawful_channels(draft.channel_rules, place_of(country, region), consented=consented)


def lawful_addition(
    standing: Collection[ChannelKind], offered: Iterable[ChannelKind], lawful: Collection[ChannelKind]
) -> ChannelKind | None:
    """Return the channel of the message to add so that the person is told lawfully.

    None when one of the messages that stand is lawful, or when none of the channels offered is.
    """
    if any(channel in lawful for channel in standing):
        return None
    return next((channel for channel in offered if channel in lawful), None)
