"""The ways in which laws let people be told, and the messages that count for them."""

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.domain.law.duty import Addressee, DutyStanding
from amends.domain.law.means import EVERY_CHANNEL, ChannelRule, Means, lawful_channels, restricts
from tests.builders import a_duty

EMAIL, SMS, LETTER, WEBSITE = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.LETTER, ChannelKind.WEBSITE
E_SIGN = (Means.WRITTEN, Means.ELECTRONIC_WITH_CONSENT)


def a_rule(*means: Means, places: tuple[str, ...] = ("US-CA",)) -> ChannelRule:
    return ChannelRule(duty="us-ca.individuals", places=places, means=means)


@pytest.mark.parametrize(
    ("means", "without", "consented"),
    [
        ((Means.WRITTEN,), {LETTER}, {LETTER}),
        ((Means.FIRST_CLASS_MAIL,), {LETTER}, {LETTER}),
        (E_SIGN, {LETTER}, {LETTER, EMAIL}),
        ((Means.ELECTRONIC, Means.SMS), {EMAIL, SMS}, {EMAIL, SMS}),
        ((Means.TELEPHONE, Means.MEDIA, Means.IN_APP, Means.AUTHENTICATED_ELECTRONIC), set(), set()),
        ((Means.EMAIL, Means.WEBSITE), {EMAIL, WEBSITE}, {EMAIL, WEBSITE}),
        ((Means.SUBSTITUTE_ONLY,), set(), set()),
    ],
)
def test_each_way_of_telling_counts_some_messages(
    means: tuple[Means, ...], without: set[ChannelKind], consented: set[ChannelKind]
) -> None:
    rule = a_rule(*means)
    assert rule.channels(consented=False) == without and rule.channels(consented=True) == consented


def test_of_several_rules_a_channel_must_satisfy_all() -> None:
    rules = (a_rule(*E_SIGN), a_rule(Means.FIRST_CLASS_MAIL, Means.SMS, places=("US",)))
    assert lawful_channels(rules, "US-CA", consented=True) == {LETTER}
    assert lawful_channels(rules, "US-TX", consented=True) == {LETTER, SMS}


def test_where_no_rule_holds_every_channel_is_lawful() -> None:
    assert lawful_channels((a_rule(*E_SIGN),), "DE", consented=False) == EVERY_CHANNEL


@pytest.mark.parametrize(
    ("means", "expected"),
    [((), False), ((Means.EMAIL, Means.SMS, Means.WRITTEN), False), (E_SIGN, True), ((Means.TELEPHONE,), True)],
)
def test_a_row_restricts_when_some_message_does_not_count(means: tuple[Means, ...], expected: bool) -> None:
    assert restricts(means) is expected


@pytest.mark.parametrize(
    ("changes", "has_rule"),
    [
        ({}, True),
        ({"standing": DutyStanding.MAY_APPLY}, True),
        ({"standing": DutyStanding.EXEMPT}, False),
        ({"addressee": Addressee.AUTHORITY}, False),
        ({"channels": ()}, False),
    ],
)
def test_a_duty_to_people_that_stands_has_a_rule(changes: dict[str, object], has_rule: bool) -> None:
    duty = a_duty(**({"addressee": Addressee.PEOPLE, "channels": E_SIGN} | changes))
    assert (duty.channel_rule is not None) is has_rule
