"""Messages of each kind, made ready to leave by the verbs of the product: of a notice, and all that the outbox brings."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlmodel import select

from amends.content.notice import shipped_wording
from amends.delivery.alerts import alert_leads, remind_approvers
from amends.delivery.answers.send import send_replies_now
from amends.delivery.channels import ChannelSettings, connected
from amends.delivery.outbox.hours import remind
from amends.delivery.send.engine import deliver
from amends.domain.base.errors import NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.outgoing import IN_HAND, OutgoingKind, OutgoingState
from amends.domain.deliver.limits import Limits
from amends.domain.feedback.hour import HourReminder, QuestionHour
from amends.domain.notice.notice import NoticeStatus
from amends.domain.people.person import Person
from amends.domain.team.member import TeamRole
from amends.ledger import Ledger
from amends.ledger.tables.feedback import OutgoingRow
from tests.builders import a_draft, a_playbook, a_wording, an_alert, an_asked, an_incident
from tests.delivery.sending import APPROVERS, FOR_EVER, INCIDENT, LINKS, NOTICE, approved_again, bound, looked_over
from tests.playbooks.rendering import phrases

ANY_RATE = Limits(useless=2, uncertain=2, complained=2)
"""So many bounces and open ends would stop a real send; what guards against sending twice stays on."""
CHANNELS = (ChannelKind.WEBSITE, ChannelKind.EMAIL, ChannelKind.SOCIAL)
DAY = timedelta(days=1)
WHERE = {"*": "+49 30 5550100"}

Clock = Callable[[], datetime]
States = list[tuple[int, str]]
"""The number of each reader, with the state of a message to the reader."""


class MessageKind(NamedTuple):
    """How messages of one kind get ready, how they are sent, and how they stand."""

    prepare: Callable[[Ledger, Collection[int], datetime], object]
    """Makes a message ready for each of these readers."""
    send: Callable[[Ledger, ChannelSettings, Clock], object]
    """Sends what is due, as often as it is called."""
    states: Callable[[Ledger], States]
    is_left: Callable[[Ledger], bool]
    """Returns True while messages are to be sent."""
    to_team: bool = False
    repeats: bool = False
    """True when a message that may have left is sent again."""


def begin(ledger: Ledger, people: Iterable[Person], leads: Mapping[int, str], now: datetime) -> None:
    """Open the incident with these people, and with leads who can be reached at these addresses."""
    ledger.incidents.open(an_incident(), people, "lena", now)
    wording = a_wording(phrases={locale: phrases(locale) for locale in ("en", "zh-CN")})
    ledger.playbooks.pin(INCIDENT, a_playbook(approval_expires_after=FOR_EVER), wording, "lena", now)
    for number, address in leads.items():
        ledger.team.add(member(number), TeamRole.LEAD, "lena", now)
        ledger.team.set_contact(member(number), address, member(number), now)


def member(number: int) -> str:
    """Return the name of the lead with this number."""
    return f"member-{number}"


# Notices.


def _approved(ledger: Ledger, _: Collection[int], now: datetime) -> None:
    for approver in APPROVERS:
        ledger.team.add(approver.name, approver.role, "lena", now)
    approved_again(ledger, channels=CHANNELS)


def _send_notice(ledger: Ledger, settings: ChannelSettings, clock: Clock) -> None:
    async def send() -> None:
        async with connected(settings) as channels:
            with suppress(NotAllowed):  # the incident is paused or under an embargo
                await deliver(ledger, channels, INCIDENT, NOTICE, LINKS, clock, limits=ANY_RATE)

    asyncio.run(send())


def _lines(ledger: Ledger) -> States:
    return [(line.person, line.state.value) for line in ledger.statistics.lines(INCIDENT, NOTICE) if line.person]


def _unfinished(ledger: Ledger) -> bool:
    return not _status(ledger).stage.is_over


def _status(ledger: Ledger) -> NoticeStatus:
    status = ledger.cases.read(INCIDENT).notice(NOTICE)
    assert status
    return status


# The outbox.


def _answered(ledger: Ledger, readers: Collection[int], now: datetime) -> None:
    for reader in readers:
        question = ledger.questions.ask(INCIDENT, an_asked(f"Is card {reader} among it?", person=reader), now)
        ledger.answers.give(INCIDENT, [question], {"en": f"Card {reader} is."}, member(1), now)


def _signed_up(ledger: Ledger, readers: Collection[int], now: datetime) -> None:
    """Announce an hour of which people are reminded the day before, which begins now."""
    hour = QuestionHour(id="ask-us", title={"en": "Ask us"}, where=WHERE, begins_at=now + DAY, minutes=60)
    ledger.hours.announce(INCIDENT, hour, "lena", now)
    for reader in readers:
        ledger.hours.sign_up(INCIDENT, "ask-us", reader, now)


def _drafted(ledger: Ledger, _: Collection[int], now: datetime) -> None:
    draft = a_draft(**bound(ledger))
    ledger.notices.draft(draft, now)
    looked_over(ledger, draft)


def _alerted(ledger: Ledger, _: Collection[int], now: datetime) -> None:
    ledger.alerts.record(INCIDENT, an_alert("the relay refuses us", now))


def _of_outbox(
    kind: OutgoingKind,
    prepare: Callable[[Ledger, Collection[int], datetime], object],
    send: Callable[[Ledger, ChannelSettings, Clock], object],
) -> MessageKind:
    def rows(ledger: Ledger) -> list[OutgoingRow]:
        ours = select(OutgoingRow).where(OutgoingRow.kind == kind, OutgoingRow.window != HourReminder.HOUR_BEFORE)
        with ledger.store.read() as session:
            return list(session.exec(ours))

    def states(ledger: Ledger) -> States:
        return [(row.person or int(row.reader.removeprefix("member-")), row.state) for row in rows(ledger)]

    def is_left(ledger: Ledger) -> bool:
        stand = {row.state for row in rows(ledger)}
        return not stand or bool(stand.intersection((OutgoingState.WAITING, *IN_HAND)))

    return MessageKind(prepare, send, states, is_left, kind.traits.to_team, kind.traits.repeats)


KINDS: Mapping[str, MessageKind] = {
    "notice": MessageKind(_approved, _send_notice, _lines, _unfinished),
    "answer": _of_outbox(
        OutgoingKind.ANSWER,
        _answered,
        lambda ledger, settings, clock: send_replies_now(ledger, settings, LINKS, INCIDENT, clock),
    ),
    "hour_reminder": _of_outbox(
        OutgoingKind.HOUR_REMINDER,
        _signed_up,
        lambda ledger, settings, clock: asyncio.run(remind(ledger, settings, LINKS, INCIDENT, clock, shipped_wording)),
    ),
    "approval_reminder": _of_outbox(
        OutgoingKind.APPROVAL_REMINDER,
        _drafted,
        lambda ledger, _, clock: remind_approvers(ledger, ledger.cases.read(INCIDENT, clock()), clock()),
    ),
    "alert": _of_outbox(
        OutgoingKind.ALERT,
        _alerted,
        lambda ledger, _, clock: alert_leads(ledger, ledger.views.timeline(INCIDENT, clock()), clock()),
    ),
}
TO_PEOPLE = tuple(name for name, kind in KINDS.items() if not kind.to_team)
