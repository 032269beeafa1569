"""Nobody is disturbed at night, waves leave one after the other, and the public hears last; nobody is told twice."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from amends.delivery.send.postpone import PEOPLE_FIRST, QUIET, zones
from amends.domain.base.clock import Seen
from amends.domain.base.errors import NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import ReceiptCause
from amends.domain.deliver.correction import Ask
from amends.domain.draft.draft import quiet_hours_of
from amends.domain.notice.notice import NoticeStatus
from amends.domain.people.person import Flag, Person
from amends.domain.playbook.playbook import Gate, QuietHours, Waves
from amends.domain.risk.levels import Severity
from tests.builders import NOW, a_case, a_draft, a_duty, a_person, a_playbook, an_assessment
from tests.delivery.sending import INCIDENT, NOTICE, Rig, approved, approved_again

NIGHT = QuietHours.model_validate({"from": "21:00", "until": "08:00"})
BY_SMS = (ChannelKind.WEBSITE, ChannelKind.EMAIL, ChannelKind.SMS)
BY_EMAIL = (ChannelKind.WEBSITE, ChannelKind.EMAIL)
HOUR = timedelta(hours=1)


def people(count: int, **changes: Any) -> list[Person]:
    return [a_person(number=number, **changes) for number in range(1, count + 1)]


def status(rig: Rig) -> NoticeStatus:
    found = rig.ledger.cases.read(INCIDENT, rig.clock.now).notice(NOTICE)
    assert found
    return found


def at_night(rig: Rig) -> None:
    """Three at night in Berlin, ten in the morning in Shanghai."""
    rig.clock.now = datetime(NOW.year, NOW.month, NOW.day, 2, 0, tzinfo=UTC) + timedelta(days=1)


# Quiet hours.


def test_at_night_emails_are_sent_and_sms_wait_for_the_morning(rig: Rig) -> None:
    """At night emails are sent, and each SMS waits for the morning where its person is."""
    berlin, shanghai = a_person(number=1), a_person(number=2, country="CN", phone="+8613800138000")
    approved(rig.ledger, [berlin, shanghai], channels=BY_SMS, cascade=(), quiet_hours=NIGHT)
    at_night(rig)
    rig.run()
    assert len(rig.mailed()) == 2
    assert rig.texted() == [shanghai.phone]
    assert status(rig).next_try_at == rig.clock.now + 5 * HOUR
    rig.clock.forward(5 * HOUR)
    assert rig.run().finished
    assert rig.texted() == sorted([berlin.phone, shanghai.phone])
    assert len(rig.mailed()) == 2


def test_a_home_is_told_by_its_own_zone_and_else_by_ours(rig: Rig) -> None:
    """Quiet hours go by the person's own time zone; without zone and country, by the zone of the organisation."""
    moved = a_person(number=1, timezone="Asia/Shanghai", phone="+4915100000001")
    unknown = a_person(number=2, country="", phone="+4915100000002")
    approved(rig.ledger, [moved, unknown], channels=BY_SMS, cascade=(), quiet_hours=NIGHT)
    at_night(rig)
    rig.run()
    assert rig.texted() == [moved.phone]


def test_it_is_the_guardians_night_that_counts_and_not_the_childs(rig: Rig) -> None:
    child = a_person(number=1, country="CN", flags=frozenset({Flag.MINOR}))
    parent = a_person(number=2, guardian_of=child.ref, data=())
    approved(rig.ledger, [child, parent], channels=BY_SMS, cascade=(), quiet_hours=NIGHT)
    at_night(rig)
    rig.run()
    assert (len(rig.mailed()), rig.texted()) == (1, [])


def test_who_sleeps_does_not_count_as_told_before_somebody_has_tried(rig: Rig) -> None:
    approved(rig.ledger, people(2, email=""), channels=BY_SMS, cascade=(), quiet_hours=NIGHT)
    at_night(rig)
    rig.run()
    assert (status(rig).kept_back, status(rig).has_gone) == (2, False)
    rig.clock.forward(5 * HOUR)
    rig.run()
    assert (status(rig).kept_back, status(rig).has_gone) == (0, True)


def test_the_list_says_why_a_message_waits_for_the_morning(rig: Rig) -> None:
    approved(rig.ledger, people(1), channels=BY_SMS, cascade=(), quiet_hours=NIGHT)
    at_night(rig)
    rig.run()
    (waiting,) = [line for line in rig.ledger.statistics.lines(INCIDENT, NOTICE) if line.channel is ChannelKind.SMS]
    assert (waiting.state, waiting.cause, waiting.reason) == ("deferred", ReceiptCause.POSTPONED, f"not yet: {QUIET}")


def test_a_home_zone_is_the_persons_then_the_countrys_then_ours() -> None:
    """A person is at home in their own time zone, else in the time zones of their country.

    With neither of the two, the time zone of the organisation counts.
    """
    assert zones("Asia/Kathmandu", "DE") == ("Asia/Kathmandu",)
    assert zones("", "NP") == ("Asia/Kathmandu",)
    assert {"America/New_York", "Pacific/Honolulu"} <= set(zones("", "US"))
    assert zones("", "") == zones("", "XX") == ()


def test_a_sleepless_night_of_tries_does_not_use_up_anybodys_tries(rig: Rig) -> None:
    approved(rig.ledger, people(1), channels=BY_SMS, cascade=(), quiet_hours=NIGHT)
    at_night(rig)
    for _ in range(30):
        rig.run()
        rig.clock.forward(timedelta(minutes=5))
    rig.clock.forward(5 * HOUR)
    assert rig.run().finished
    assert len(rig.texted()) == 1


def test_quiet_hours_are_approved_and_give_way_to_grave_cases(rig: Rig) -> None:
    """An approval binds the quiet hours of a notice. Quiet hours give way to the severity that the playbook names."""
    quiet, loud = a_draft(quiet_hours=NIGHT), a_draft()
    assert quiet.binding != loud.binding
    hours = NIGHT.model_copy(update={"unless_severity": Severity.VERY_HIGH})
    playbook = a_playbook().model_copy(update={"quiet_hours": hours})
    for severity, expected in ((Severity.HIGH, hours), (Severity.VERY_HIGH, None)):
        case = a_case(playbook=playbook, assessment=an_assessment(band=severity))
        assert quiet_hours_of(case) == expected


# Waves.


@pytest.fixture
def in_waves(rig: Rig) -> Rig:
    waves = Waves.model_validate({"size": 4, "pause": "2h"})
    approved(rig.ledger, people(10), channels=BY_EMAIL, cascade=(), waves=waves)
    return rig


def test_each_wave_leaves_at_its_time_and_nobody_gets_two(in_waves: Rig) -> None:
    counted = []
    for _ in range(5):
        in_waves.run()
        in_waves.run()
        counted.append(len(in_waves.mailed()))
        in_waves.clock.forward(HOUR)
    assert counted == [4, 4, 8, 8, 10]
    assert set(Counter(in_waves.mailed()).values()) == {1}


def test_between_two_waves_nothing_is_due_and_nobody_counts_as_told(in_waves: Rig) -> None:
    """Between two waves a notice wants no work before the pause is over, and it does not count as sent."""
    in_waves.run()
    between = status(in_waves)
    assert (between.more_waves, between.has_gone) == (True, False)
    assert between.next_try_at == in_waves.clock.now + 2 * HOUR
    assert not between.wants_work(in_waves.clock.now)
    assert between.wants_work(in_waves.clock.now + 2 * HOUR)


def test_the_last_wave_ends_the_notice(in_waves: Rig) -> None:
    in_waves.run()
    in_waves.clock.forward(100 * HOUR)
    assert in_waves.run().finished
    assert (status(in_waves).more_waves, status(in_waves).has_gone) == (False, True)


def test_after_an_outage_the_waves_that_were_missed_leave_together(in_waves: Rig) -> None:
    in_waves.run()
    in_waves.clock.forward(3 * HOUR)
    in_waves.run()
    assert len(in_waves.mailed()) == 8


def found_late(in_waves: Rig, count: int) -> None:
    """A corrected list brings more people; the notice is drafted and approved again."""
    correction = in_waves.ledger.corrections.compare(INCIDENT, people(count))
    in_waves.ledger.corrections.apply(correction, dict.fromkeys(Ask), "", "lena", in_waves.clock.now)
    waves = Waves.model_validate({"size": 4, "pause": "2h"})
    approved_again(in_waves.ledger, channels=BY_EMAIL, cascade=(), waves=waves)


def test_who_is_found_late_does_not_wait_while_those_pass_by_who_know(in_waves: Rig) -> None:
    for _ in range(3):
        in_waves.run()
        in_waves.clock.forward(2 * HOUR)
    found_late(in_waves, 16)
    in_waves.run()
    assert len(in_waves.mailed()) == 14
    assert status(in_waves).next_try_at == in_waves.clock.now + 2 * HOUR
    in_waves.clock.forward(2 * HOUR)
    assert in_waves.run().finished
    assert len(in_waves.mailed()) == 16


def test_a_new_version_goes_on_with_the_next_wave_after_the_pause(in_waves: Rig) -> None:
    """A new version goes on with the wave that comes next and keeps the pause; nobody is told twice."""
    in_waves.run()
    in_waves.clock.forward(HOUR / 2)
    found_late(in_waves, 11)
    counted = []
    for _ in range(5):
        in_waves.run()
        counted.append(len(in_waves.mailed()))
        in_waves.clock.forward(HOUR)
    assert counted == [4, 4, 8, 8, 11]
    assert set(Counter(in_waves.mailed()).values()) == {1}


def test_after_a_part_told_at_once_the_others_come_in_waves(rig: Rig) -> None:
    """After a part of the list was told at once, the others still come in waves."""
    shops = people(2, segment="shops")
    approved(rig.ledger, [*shops, *(a_person(number=number) for number in range(3, 11))])
    waves = Waves.model_validate({"size": 4, "pause": "2h"})
    for audience, changes in (("shops", {}), ("everyone", {"waves": waves})):
        bound_to = rig.ledger.notices.audience(INCIDENT, audience)
        there = {"audience": audience, "audience_digest": bound_to.digest, "people": bound_to.people}
        approved_again(rig.ledger, channels=BY_EMAIL, cascade=(), **there, **changes)
        rig.run()
    assert len(rig.mailed()) == len(shops) + waves.size


# The public after the people.


def with_grey(count: int, grey: int) -> list[Person]:
    """So many people, the first of them with mailboxes that take a message the second time."""
    return [
        a_person(number=n, email=f"{'grey' if n <= grey else 'kim'}{n}@mail{n}.example") for n in range(1, count + 1)
    ]


def test_the_public_hears_once_nearly_all_messages_were_sent(rig: Rig) -> None:
    """The public hears of a notice once nearly all messages to people were sent.

    Until then, each post says why it waits.
    """
    channels = (*BY_EMAIL, ChannelKind.SOCIAL)
    approved(rig.ledger, with_grey(20, grey=2), cascade=(), channels=channels, waits_for=(Gate.DIRECT_NOTICES,))
    rig.run()
    assert (len(rig.mailed()), rig.posts(), public_reason(rig)) == (18, [], f"not yet: {PEOPLE_FIRST}")
    rig.clock.forward(HOUR)
    assert rig.run().finished
    assert (len(rig.mailed()), len(rig.posts())) == (20, 2)


def test_one_in_twenty_hard_to_reach_does_not_delay_the_public(rig: Rig) -> None:
    """One person in twenty who is hard to reach does not keep the public waiting."""
    channels = (*BY_EMAIL, ChannelKind.SOCIAL)
    approved(rig.ledger, with_grey(20, grey=1), cascade=(), channels=channels, waits_for=(Gate.DIRECT_NOTICES,))
    rig.run()
    assert (len(rig.mailed()), len(rig.posts())) == (19, 2)


def test_pages_and_posts_are_not_counted_among_the_messages_to_people(rig: Rig) -> None:
    channels = (*BY_EMAIL, ChannelKind.SOCIAL)
    approved(rig.ledger, with_grey(38, grey=2), cascade=(), channels=channels, waits_for=(Gate.DIRECT_NOTICES,))
    rig.run()
    assert (len(rig.mailed()), rig.posts()) == (36, [])


def test_a_notice_to_the_public_alone_waits_for_nobody(rig: Rig) -> None:
    channels = (ChannelKind.WEBSITE, ChannelKind.SOCIAL)
    approved(rig.ledger, [], cascade=(), channels=channels, waits_for=(Gate.DIRECT_NOTICES,))
    assert rig.run().finished
    assert len(rig.posts()) == 2


def test_a_message_that_is_in_hand_has_not_left(rig: Rig) -> None:
    approved(rig.ledger, people(4), cascade=(), channels=BY_EMAIL)
    rig.ledger.notices.release(INCIDENT, NOTICE, NOW)
    assert rig.ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 4, NOW)
    assert rig.ledger.deliveries.share_left(INCIDENT, NOTICE) == 0


def test_the_public_hears_nothing_between_two_waves(rig: Rig) -> None:
    waves = Waves.model_validate({"size": 4, "pause": "2h"})
    channels = (*BY_EMAIL, ChannelKind.SOCIAL)
    approved(rig.ledger, people(6), cascade=(), channels=channels, waits_for=(Gate.DIRECT_NOTICES,), waves=waves)
    rig.run()
    assert rig.posts() == []
    rig.clock.forward(2 * HOUR)
    rig.run()
    assert len(rig.posts()) == 2


def public_reason(rig: Rig) -> str:
    lines = rig.ledger.statistics.lines(INCIDENT, NOTICE)
    return next(line.reason for line in lines if line.channel is ChannelKind.SOCIAL)


# Gates.


def test_people_wait_for_an_authority_that_must_hear_first(rig: Rig) -> None:
    approved(rig.ledger, people(2), channels=BY_EMAIL, cascade=(), waits_for=(Gate.AUTHORITIES,))
    duty = a_duty(first=True)
    rig.ledger.assessments.record(INCIDENT, an_assessment(duties=(duty,)), NOW)
    with pytest.raises(NotAllowed, match="must be told before the people"):
        rig.run()
    rig.ledger.filings.record(INCIDENT, duty.id, NOW, "lena", "R-1", "", NOW)
    assert rig.run().finished


def test_an_embargo_in_mid_send_stops_it_and_nobody_is_told_twice(rig: Rig) -> None:
    """An embargo in the middle of a send stops the send until the embargo ends.

    Then all others are told, and nobody twice.
    """
    approved(rig.ledger, people(60), channels=BY_EMAIL, cascade=())

    def told(_: object) -> None:
        if len(rig.mail.arrived) > 5 and rig.ledger.cases.read(INCIDENT).embargo is None:
            rig.ledger.incidents.embargo(INCIDENT, rig.clock.now + HOUR, "letter 17", "lena", rig.clock.now)

    rig.mail.delay = 0.05
    with pytest.raises(NotAllowed, match="letter 17"):
        rig.run(told)
    rig.mail.delay = 0
    stopped_at = len(rig.mailed())
    assert 5 < stopped_at < 60
    with pytest.raises(NotAllowed, match="letter 17"):
        rig.run()
    rig.clock.forward(HOUR)
    assert rig.run().finished
    assert set(Counter(rig.mailed()).values()) == {1}
    assert len(rig.mailed()) == 60


def test_with_a_doubtful_clock_nothing_leaves(rig: Rig) -> None:
    approved(rig.ledger, people(2), channels=BY_EMAIL, cascade=())
    rig.ledger.clocks.observe(Seen("host-1", "boot-1", 0.0, NOW))
    rig.ledger.clocks.observe(Seen("host-1", "boot-1", 1.0, NOW + timedelta(days=30)))
    with pytest.raises(NotAllowed, match="jumped ahead by about 30 days"):
        rig.run()
    assert rig.mailed() == []
    rig.ledger.clocks.trust("lena", NOW)
    assert rig.run().finished
