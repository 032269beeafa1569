"""What must hold while a notice leaves is looked at again and again; a breach pauses the incident, with its reason."""

import pytest

from amends.delivery.watch import Watch
from amends.domain.case import IncidentState
from amends.domain.channel import ChannelKind, Receipt, Status
from amends.domain.errors import NotAllowed
from amends.domain.guard import DEFAULT, Limits
from amends.domain.people import Person
from amends.ledger import Claim, Ledger
from tests.builders import NOW, a_person
from tests.sending import INCIDENT, NOTICE, Rig, approved

EMAIL = (ChannelKind.EMAIL,)


def people(count: int, address: str = "kim{}@mail.example") -> list[Person]:
    return [a_person(number=number, email=address.format(number)) for number in range(1, count + 1)]


def claimed(ledger: Ledger, count: int) -> tuple[Claim, ...]:
    ledger.release(INCIDENT, NOTICE, NOW)
    return ledger.claim(INCIDENT, NOTICE, EMAIL, count, NOW)


def alerts(ledger: Ledger) -> list[str]:
    return [entry.subject for entry in ledger.timeline(INCIDENT) if entry.act == "alert"]


def test_a_message_that_was_sent_twice_stops_everything(ledger: Ledger) -> None:
    draft = approved(ledger, people(3), channels=EMAIL)
    watch = Watch(ledger, draft, DEFAULT)
    (first, *_) = claimed(ledger, 3)
    for _ in range(2):
        watch.note(first, Receipt(first.key, Status.SENT))
    assert "twice" in watch.alarm(NOW) or "2 times" in watch.alarm(NOW)
    assert ledger.case(INCIDENT).state is IncidentState.PAUSED
    assert "stopped by itself" in alerts(ledger)[0]


def test_as_long_as_everybody_gets_one_message_nothing_is_stopped(ledger: Ledger) -> None:
    draft = approved(ledger, people(30), channels=EMAIL)
    watch = Watch(ledger, draft, DEFAULT)
    for claim in claimed(ledger, 30):
        watch.note(claim, Receipt(claim.key, Status.SENT))
    assert watch.alarm(NOW) == ""
    assert ledger.case(INCIDENT).state is IncidentState.OPEN


def test_an_old_list_is_noticed_while_it_is_being_used(rig: Rig) -> None:
    wrong = people(260, "bounce{}@mail.example")[200:]
    approved(rig.ledger, [*people(200), *wrong], channels=(ChannelKind.WEBSITE, ChannelKind.EMAIL))
    watch = Watch(rig.ledger, rig.ledger.draft(INCIDENT, NOTICE), Limits(useless_among=50))
    claims = claimed(rig.ledger, 100)
    for number, claim in enumerate(claims):
        watch.note(claim, Receipt(claim.key, Status.SENT if number % 10 else Status.REJECTED, "550 5.1.1"))
    assert "the list looks old or wrong" in watch.alarm(NOW)
    with pytest.raises(NotAllowed, match="paused"):
        rig.run()


def test_spam_reports_stop_what_people_may_do_without_and_only_warn_otherwise(ledger: Ledger) -> None:
    draft = approved(ledger, people(40), channels=EMAIL)
    claims = claimed(ledger, 40)
    ledger.write_down([], [(claim, Receipt(claim.key, Status.SENT, "250")) for claim in claims], INCIDENT, NOTICE, NOW)
    with ledger.write() as write:
        write.session.connection().exec_driver_sql("UPDATE delivery SET state = 'complained' WHERE person < 3")
    limits = Limits(complained_among=20)
    for optional, stops in ((False, False), (True, True)):
        watch = Watch(ledger, draft.model_copy(update={"optional": optional}), limits)
        for claim in claims:
            watch.note(claim, Receipt(claim.key, Status.SENT))
        assert bool(watch.alarm(NOW)) is stops
    assert any("reported as spam" in alert for alert in alerts(ledger))
