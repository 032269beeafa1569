"""What must hold while a notice leaves is looked at again and again; a breach pauses the incident, with its reason."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from amends.delivery.send import watchdog as watching
from amends.delivery.send.watchdog import Watch
from amends.domain.base.errors import LedgerUnavailable, NotAllowed
from amends.domain.case.states import IncidentState
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.deliver.limits import DEFAULT, Limits
from amends.domain.incident.alert import Alert
from amends.domain.people.person import Person
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.ledger import Claim, Keys, Ledger
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, Rig, a_ledger, approved, sqlite_url
from tests.ledger.deliver.test_large_notices import WHOLE_NOTICE, ways

EMAIL = (ChannelKind.EMAIL,)
AMONG = Limits(useless_among=100, complained=0.03, complained_among=100)
"""Five in a hundred as ever, among fewer messages; and three complaints."""
LATER = NOW + timedelta(hours=1)


def people(count: int, address: str = "kim{}@mail.example") -> list[Person]:
    return [a_person(number=number, email=address.format(number)) for number in range(1, count + 1)]


def claimed(ledger: Ledger, count: int) -> tuple[Claim, ...]:
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    return ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, count, NOW)


def alerts(ledger: Ledger) -> list[str]:
    return [entry.subject for entry in ledger.audit.entries(INCIDENT) if entry.act == "alert"]


def test_a_message_that_was_sent_twice_stops_everything(ledger: Ledger) -> None:
    draft = approved(ledger, people(3), channels=EMAIL)
    watch = Watch(ledger, draft, DEFAULT)
    (first, *_) = claimed(ledger, 3)
    for _ in range(2):
        watch.note(first, Receipt(first.key, Status.SENT))
    assert "twice" in watch.alarm(NOW) or "2 times" in watch.alarm(NOW)
    assert ledger.cases.read(INCIDENT).state is IncidentState.PAUSED
    assert "stopped by itself" in alerts(ledger)[0]


def test_as_long_as_everybody_gets_one_message_nothing_is_stopped(ledger: Ledger) -> None:
    draft = approved(ledger, people(30), channels=EMAIL)
    watch = Watch(ledger, draft, DEFAULT)
    for claim in claimed(ledger, 30):
        watch.note(claim, Receipt(claim.key, Status.SENT))
    assert watch.alarm(NOW) == ""
    assert ledger.cases.read(INCIDENT).state is IncidentState.OPEN


def test_a_message_that_was_put_off_and_then_sent_was_sent_once(ledger: Ledger) -> None:
    draft = approved(ledger, people(3), channels=EMAIL)
    watch = Watch(ledger, draft, DEFAULT)
    for claim in claimed(ledger, 3):
        watch.note(claim, Receipt(claim.key, Status.DEFERRED, "451"))
        watch.note(claim, Receipt(claim.key, Status.SENT))
    assert watch.alarm(NOW) == ""


def test_a_second_stop_after_a_person_has_looked_is_another_alert(ledger: Ledger) -> None:
    """When a send is stopped again after a person has looked and resumed the incident, another alert is raised."""
    draft = approved(ledger, people(3), channels=EMAIL)
    claims = claimed(ledger, 3)
    for hours in (0, 5):
        watch = Watch(ledger, draft, DEFAULT)
        for claim in (claims[0], claims[0]):
            watch.note(claim, Receipt(claim.key, Status.SENT))
        assert watch.alarm(NOW + timedelta(hours=hours))
        ledger.incidents.resume(INCIDENT, "mei", NOW + timedelta(hours=hours))
    assert len(alerts(ledger)) == 2


def test_messages_with_numbers_far_apart_are_not_taken_for_one(ledger: Ledger) -> None:
    """Messages whose numbers are far apart are not taken for one message that was sent twice."""
    draft = approved(ledger, people(3), channels=EMAIL)
    watch = Watch(ledger, draft, DEFAULT)
    (first, *_) = claimed(ledger, 3)
    for number in (first.id, first.id + watching.PAGE_BITS, first.id + 2 * watching.PAGE_BITS):
        watch.note(first._replace(id=number), Receipt(first.key, Status.SENT))
    assert watch.alarm(NOW) == ""


def test_an_old_list_is_noticed_while_it_is_being_used(rig: Rig) -> None:
    wrong = people(260, "bounce{}@mail.example")[200:]
    approved(rig.ledger, [*people(200), *wrong], channels=(ChannelKind.WEBSITE, ChannelKind.EMAIL))
    watch = Watch(rig.ledger, rig.ledger.notices.latest_draft(INCIDENT, NOTICE), Limits(useless_among=50))
    claims = claimed(rig.ledger, 100)
    for number, claim in enumerate(claims):
        watch.note(claim, Receipt(claim.key, Status.SENT if number % 10 else Status.REJECTED, "550 5.1.1"))
    assert "the list looks old or wrong" in watch.alarm(NOW)
    with pytest.raises(NotAllowed, match="paused"):
        rig.run()


def test_spam_reports_stop_optional_notices_and_only_warn_otherwise(ledger: Ledger) -> None:
    """Spam reports stop an optional notice; about a mandatory notice they only warn, and once."""
    draft = approved(ledger, people(40), channels=EMAIL)
    claims = claimed(ledger, 40)
    ledger.deliveries.record(
        [], [(claim, Receipt(claim.key, Status.SENT, "250")) for claim in claims], INCIDENT, NOTICE, NOW
    )
    with ledger.store.write() as write:
        write.session.connection().exec_driver_sql("UPDATE delivery SET state = 'complained' WHERE person < 3")
    limits = Limits(complained_among=20)
    for optional, stops in ((False, False), (True, True)):
        watch = Watch(ledger, draft.model_copy(update={"optional": optional}), limits)
        for claim in claims:
            watch.note(claim, Receipt(claim.key, Status.SENT))
        assert bool(watch.alarm(NOW)) is stops
        if not stops:
            watch.alarm(NOW)
    warned, stopped = alerts(ledger)
    assert "reported as spam" in warned, "once, however often somebody looks"
    assert stopped.startswith("stopped by itself")


def test_too_many_that_are_left_open_stop_everything(many: Ledger) -> None:
    """Of answers to this many, twenty in a row are not needed: each one costs a person a decision."""
    watch = a_watch(many, Limits(uncertain_among=100))
    for number, claim in enumerate(claimed(many, 120)):
        watch.note(claim, Receipt(claim.key, Status.SENT if number % 40 else Status.UNCERTAIN))
    assert "3 of 120 answers on email" in watch.alarm(NOW)


def test_what_is_known_to_be_there_counts_as_sent(many: Ledger) -> None:
    watch = a_watch(many, Limits(useless_among=5))
    for number, claim in enumerate(claimed(many, 200)):
        watch.note(claim, Receipt(claim.key, Status.DELIVERED if number % 40 else Status.REJECTED))
    assert watch.alarm(NOW) == ""


def test_a_lead_is_warned_of_spam_reports_once(ledger: Ledger) -> None:
    """A lead is warned of spam reports once, however many more reports come."""
    approved(ledger, people(300), channels=EMAIL)
    watch = a_watch(ledger)
    claims = sent(ledger, 200, watch)
    for reports in (claims[:2], claims[2:3], claims[3:4]):
        come_back(ledger, reports, ReportKind.COMPLAINED)
        assert watch.alarm(NOW) == ""
    (warned,) = alerts(ledger)
    assert "2 of 200" in warned


# Each share is of one set.


def sent(ledger: Ledger, count: int, watch: Watch | None = None) -> tuple[Claim, ...]:
    """So many more messages leave, and the watch of the run that sends them hears of it."""
    claims = claimed(ledger, count)
    answers = [(claim, Receipt(claim.key, Status.SENT, "250")) for claim in claims]
    ledger.deliveries.record([], answers, INCIDENT, NOTICE, NOW)
    for answer in answers if watch else ():
        watch.note(*answer)
    return claims


def come_back(ledger: Ledger, claims: Sequence[Claim], kind: ReportKind = ReportKind.FAILED) -> None:
    reports = [MailReport(kind, claim.bounce, status="5.1.1", detail="550 5.1.1") for claim in claims]
    assert sum(ledger.receipts.take(reports, NOW).counts.values()) == len(claims)


def a_watch(ledger: Ledger, limits: Limits = AMONG) -> Watch:
    return Watch(ledger, ledger.notices.latest_draft(INCIDENT, NOTICE), limits)


@pytest.fixture
def many(ledger: Ledger) -> Ledger:
    """An approved notice to six hundred people."""
    approved(ledger, people(600), channels=EMAIL, optional=True)
    return ledger


@pytest.mark.parametrize("kind", [ReportKind.FAILED, ReportKind.COMPLAINED])
def test_bounces_of_an_earlier_run_are_no_share_of_this_run(many: Ledger, kind: ReportKind) -> None:
    """Messages of an earlier run that came back are no share of what the present run sends."""
    come_back(many, sent(many, 400)[:8], kind)  # two in a hundred
    watch = a_watch(many)
    sent(many, 120, watch)
    assert watch.alarm(NOW) == ""


def test_spam_reports_about_an_earlier_run_warn_of_nothing(ledger: Ledger) -> None:
    """Spam reports about an earlier run are no warning about the present run."""
    approved(ledger, people(300), channels=EMAIL)
    come_back(ledger, sent(ledger, 150)[:8], ReportKind.COMPLAINED)
    watch = a_watch(ledger)
    sent(ledger, 120, watch)
    assert watch.alarm(NOW) == ""
    assert alerts(ledger) == []


def test_bounces_of_one_process_are_no_share_of_anothers(many: Ledger) -> None:
    """Messages of one process that came back are no share of what another process sends."""
    watches = [a_watch(many) for _ in range(4)]
    parts = [sent(many, 120, watch) for watch in watches]
    for part in parts:
        come_back(many, part[:4])
    assert [watch.alarm(NOW) for watch in watches] == ["", "", "", ""]


def test_five_in_a_hundred_of_one_process_stop_that_process(many: Ledger) -> None:
    """When more than five in a hundred of the messages of one of several processes came back, that process stops."""
    watches = [a_watch(many) for _ in range(4)]
    parts = [sent(many, 120, watch) for watch in watches]
    come_back(many, [*parts[0][:4], *parts[1][:4], *parts[2][:9], *parts[3][:7]])
    assert "9 of 120 on email" in watches[2].alarm(NOW)


def test_five_in_a_hundred_of_a_run_stop_it_whatever_came_before(many: Ledger) -> None:
    """More than five in a hundred messages of a run that came back stop the run.

    How many messages had arrived before the run does not matter.
    """
    sent(many, 400)
    watch = a_watch(many)
    claims = sent(many, 120, watch)
    come_back(many, claims[:5])
    assert watch.alarm(NOW) == ""
    come_back(many, claims[5:6])
    assert "6 of 120 on email were refused or came back" in watch.alarm(NOW)
    assert many.cases.read(INCIDENT).state is IncidentState.PAUSED


def test_a_process_that_stops_second_stops_for_the_same_reason(many: Ledger) -> None:
    """A process that finds the incident stopped by another process stops for the same reason."""
    come_back(many, sent(many, 400)[:20])
    first, second = a_watch(many), a_watch(many)
    assert "20 of 400 on email" in first.alarm(NOW)
    assert "20 of 400 on email" in second.alarm(NOW)


@pytest.mark.parametrize(
    ("kind", "count", "why"),
    [(ReportKind.FAILED, 20, "20 of 400 on email"), (ReportKind.COMPLAINED, 12, "12 of 400 emails were reported")],
)
def test_what_came_back_of_an_earlier_wave_stops_the_next_one(
    many: Ledger, kind: ReportKind, count: int, why: str
) -> None:
    claims = sent(many, 400)
    come_back(many, claims[1:count], kind)
    watch = a_watch(many)
    assert watch.alarm(NOW) == ""
    come_back(many, claims[:1], kind)
    assert why in watch.alarm(NOW + timedelta(seconds=1))


def test_bounces_before_somebody_resumed_stop_nothing_more(many: Ledger) -> None:
    """Messages that had come back when somebody resumed the incident stop nothing more."""
    claims = sent(many, 400)
    come_back(many, claims[:30])
    assert a_watch(many).alarm(NOW)
    many.incidents.resume(INCIDENT, "lena", LATER)
    watch = a_watch(many)
    sent(many, 120, watch)
    assert watch.alarm(LATER) == ""


def test_while_no_more_comes_back_no_look_reads_every_message(tmp_path: Path) -> None:
    quick = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    approved(quick, people(200), channels=EMAIL)
    watch = a_watch(quick)
    claims = sent(quick, 150, watch)
    with ways(quick) as found:
        watch.alarm(NOW)
    assert found
    assert not any(WHOLE_NOTICE in way or way.startswith("SCAN") for way in found)
    come_back(quick, claims[:3])
    watch.alarm(NOW)
    with ways(quick) as found:
        watch.alarm(LATER)
        quick.statistics.came_back(INCIDENT, NOTICE)
    assert not any(WHOLE_NOTICE in way or way.startswith("SCAN") for way in found)


def test_more_people_mean_a_longer_wait_before_counting_all_again(
    many: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The more people a notice has, the longer it takes until all its messages are counted again."""
    monkeypatch.setattr(watching, "COUNT_PER_SECOND", 10)
    claims = sent(many, 400)
    come_back(many, claims[:1])
    watch = a_watch(many)
    watch.alarm(NOW)
    come_back(many, claims[1:20])
    assert watch.alarm(NOW + timedelta(seconds=59)) == ""
    assert "20 of 400" in watch.alarm(NOW + timedelta(seconds=60))


async def test_too_many_bounces_stop_a_send_within_a_second(rig: Rig) -> None:
    """When too many messages of a send come back while it goes on, the send stops within a second."""
    approved(rig.ledger, people(900), channels=(ChannelKind.WEBSITE, ChannelKind.EMAIL))
    rig.mail.delay = 0.05
    sending = asyncio.create_task(rig.send())
    async with asyncio.timeout(30):
        while len(rig.mail.arrived) < 250:
            await asyncio.sleep(0.01)
    with rig.ledger.store.write() as write:
        bounce = "UPDATE delivery SET state = 'bounced' WHERE person <= 25 AND channel = 'email' AND state = 'sent'"
        assert write.session.connection().exec_driver_sql(bounce).rowcount == 25
    tally = await sending
    assert "25 of" in tally.trouble["guard"]
    assert len(rig.mail.arrived) < 900, "the others would take little longer than a second"


class AwayOnce(Ledger):
    """A ledger that cannot be written when the first alarm is to be noted."""

    away = True

    def __init__(self, *opened_with: Any) -> None:
        super().__init__(*opened_with)
        record = self.alerts.record

        def away_once(incident: str, alert: Alert) -> None:
            if self.away:
                self.away = False
                raise LedgerUnavailable("database is locked")
            record(incident, alert)

        self.alerts.record = away_once


def test_an_alarm_that_could_not_be_recorded_is_raised_again(tmp_path: Path) -> None:
    """An alarm that could not be recorded is raised again at the next look, and pauses the incident."""
    ledger = AwayOnce(sqlite_url(tmp_path), Keys(b"m" * 32), tmp_path / "audit-head").migrate()
    approved(ledger, people(400), channels=EMAIL)
    come_back(ledger, sent(ledger, 200)[:20])
    watch = a_watch(ledger)
    with pytest.raises(LedgerUnavailable):
        watch.alarm(NOW)
    assert "20 of 200" in watch.alarm(NOW)
    assert ledger.cases.read(INCIDENT).state is IncidentState.PAUSED
    ledger.dispose()


def test_what_comes_back_by_email_counts_however_many_sms_have_left(ledger: Ledger) -> None:
    approved(ledger, people(400), channels=(*EMAIL, ChannelKind.SMS))
    sent(ledger, 300)
    watch = a_watch(ledger)
    for claim in ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.SMS], 400, NOW):
        watch.note(claim, Receipt(claim.key, Status.SENT))
    come_back(ledger, sent(ledger, 100, watch)[:10])
    assert "10 of 100 on email" in watch.alarm(NOW)
