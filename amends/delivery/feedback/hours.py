"""Reminders of question hours: one email the day before and one an hour before, to each who asked for them, once."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from amends.delivery.channels import Channels
from amends.delivery.markdown import to_html
from amends.domain.base.errors import StaleClaim
from amends.domain.base.value import nearest_locale, text_for
from amends.domain.case.case import Outline
from amends.domain.channel.channel import LOOP_ITERATIONS, Called, ChannelKind, Message, Receipt, Status, VariantForm
from amends.domain.draft.writer import Links
from amends.domain.feedback.hour import clocks
from amends.domain.notice.wording import Phrases, Wording, say_hour
from amends.ledger import Ledger
from amends.ledger.feedback.hours import FAILED, SENT, WAITS, DueReminder

ZonesOf = Callable[[str, str], tuple[str, ...]]
"""A function that returns a person's time zone, else the zones of the country."""
ESCAPED = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>#"})
"""Marks that Markdown would take for its own in a title."""


async def remind(
    ledger: Ledger, channels: Channels, incident: str, words: "ReminderWords", clock: Callable[[], datetime]
) -> int:
    """Send the reminders that are due, and return how many were sent. Safe to repeat, and to be killed at any moment.

    A reminder that may have left is not sent again. None leaves while the incident is paused or under an embargo, or
    the machine's clock is in doubt. Raises ChannelError when the email channel fails as a whole.
    """
    if ledger.replies.why_shut(incident, clock()) or ledger.clocks.doubts():
        return 0
    due = [one for one in ledger.hours.due_reminders(incident, clock()) if one.reader.email]
    if not due or (email := channels.get(ChannelKind.EMAIL)) is None:
        return 0
    in_flight = RemindersInFlight(ledger, incident, {one.key: one for one in due}, words, clock)
    await email.carry(in_flight)
    return in_flight.sent


@dataclass
class RemindersInFlight:
    """The reminders for one connection. The mark that one may have left is committed just before it leaves."""

    ledger: Ledger
    incident: str
    due: Mapping[str, DueReminder] = field(repr=False)
    words: "ReminderWords"
    clock: Callable[[], datetime]
    sent: int = 0

    def __post_init__(self) -> None:
        self._left = list(self.due)
        self._begun: set[str] = set()
        self._marking: set[asyncio.Task[None]] = set()

    async def next(self) -> Message | None:
        return self.next_at_once()

    def next_at_once(self) -> Message | None:
        return self.words.message(self.incident, self.due[self._left.pop(0)]) if self._left else None

    def last_call(self, key: str, then: Called) -> None:
        task = asyncio.get_running_loop().create_task(self._mark(key, then))
        self._marking.add(task)
        task.add_done_callback(self._marking.discard)

    async def _mark(self, key: str, then: Called) -> None:
        try:
            mine = await asyncio.to_thread(self.ledger.hours.begin_reminder, self.incident, self.due[key], self.clock())
        except Exception as error:  # noqa: BLE001 - the channel must hear that nothing may leave
            then(error)
            return
        for _ in range(LOOP_ITERATIONS):
            await asyncio.sleep(0)
        self._begun |= {key} if mine else set()
        then(None if mine else StaleClaim("the reminder was begun before"))

    def answer(self, receipt: Receipt) -> None:
        key, state = receipt.key, SENT if receipt.status in (Status.SENT, Status.DELIVERED) else FAILED
        if receipt.status is Status.UNCERTAIN or receipt.doubtful or key not in self._begun:
            return  # it stays in doubt; one that never left is tried again while it is due
        if receipt.status is Status.DEFERRED:
            state = WAITS
        self.sent += state == SENT
        self.ledger.hours.settle_reminder(self.incident, self.due[key], state, self.clock())


class ReminderWords:
    """The words of reminders in each reader's language, and on each reader's clock."""

    def __init__(self, case: Outline, shipped: Wording, links: Links, zones: ZonesOf, now: datetime) -> None:
        self._case, self._shipped, self._links, self._zones, self._now = case, shipped, links, zones, now

    def message(self, incident: str, reminder: DueReminder) -> Message:
        """Return the email of a reminder."""
        organisation, reader, hour = self._case.incident.organisation, reminder.reader, reminder.hour
        phrases, default = self._phrases(reader.locale), self._case.incident.default_locale
        title = _said(hour.title, phrases.locale, default)
        theirs = clocks(hour.begins_at, self._zones(reader.timezone, reader.country) or (organisation.timezone,))
        shown = [say_hour(phrases, hour.begins_at, zone) for zone in dict.fromkeys((*theirs, organisation.timezone))]
        page = self._links.hour(incident, hour.id, phrases.locale)
        words = phrases.portal
        lines = (
            words["hour_reminder_text"].format(title=title),
            *(f"- {moment}" for moment in dict.fromkeys(shown)),
            words["hour_where"].format(where=_said(hour.where, phrases.locale, default)),
            words["hour_page"].format(page=page),
            words["we_never_ask"],
        )
        text = "\n\n".join(lines)
        form = VariantForm(
            kind=ChannelKind.EMAIL,
            locale=phrases.locale,
            subject=(words["hour_reminder_subject"].format(title=title),),
            text=(text,),
            html=(to_html(_markdown(lines, page)),),
            incident=incident,
            notice=f"question-hour-{hour.id}",
            sender=text_for(organisation.name, phrases.locale),
            published_at=self._now,
            zone=organisation.timezone,
        )
        return Message(form, reminder.key, reader.email, reader.name, bounce=reminder.bounce)

    def _phrases(self, locale: str) -> Phrases:
        locales = tuple(self._shipped.phrases)
        default = nearest_locale(self._case.incident.default_locale, locales, locales[0])
        return self._shipped.phrases[nearest_locale(locale, locales, default)]


def _markdown(lines: Sequence[str], page: str) -> str:
    """Return the lines as Markdown, in which only the address of the page is a link."""
    return "\n\n".join(line.translate(ESCAPED).replace(page.translate(ESCAPED), f"<{page}>") for line in lines)


def _said(texts: Mapping[str, str], locale: str, default: str) -> str:
    return text_for(dict(texts), locale) or text_for(dict(texts), default) or next(iter(texts.values()), "")
