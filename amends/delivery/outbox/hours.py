"""Reminders of question hours: one email the day before and one an hour before, to each who asked for them, once."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from amends.delivery.channels import ChannelSettings
from amends.delivery.markdown import to_html
from amends.delivery.outbox.in_flight import Composed, NotComposed
from amends.delivery.outbox.send import OutgoingSent, send_outgoing
from amends.delivery.send.postpone import zones
from amends.domain.base.errors import NotInLedger
from amends.domain.base.value import nearest_locale, text_for
from amends.domain.case.outline import Outline
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Message, VariantForm
from amends.domain.channel.outgoing import OutgoingKind, OutgoingName
from amends.domain.draft.writer import Links
from amends.domain.feedback.hour import QuestionHour, clocks
from amends.domain.notice.wording import Phrases, Wording, say_hour
from amends.domain.people.person import Person
from amends.ledger import Ledger
from amends.ledger.outbox.outbox import OutgoingClaim

Opened = Callable[[OutgoingName], tuple[QuestionHour, Person]]
"""A function that returns the hour of a reminder and who reads it."""
EMAIL = next(kind for kind in ChannelKind if kind.mail)
ESCAPED = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>#"})
"""Marks that Markdown would take for its own in a title."""


async def remind(
    ledger: Ledger,
    settings: ChannelSettings,
    links: Links,
    incident: str,
    clock: Callable[[], datetime],
    shipped: Callable[[], Wording],
) -> OutgoingSent:
    """Send the reminders that are due. Safe to repeat, and to be killed at any moment."""

    def composer() -> HourReminderComposer:
        case = ledger.cases.outline(incident)
        return HourReminderComposer(case, shipped(), links, ledger.hours.to_remind, clock())

    return await send_outgoing(ledger, settings, incident, OutgoingKind.HOUR_REMINDER, composer, clock)


class HourReminderComposer:
    """A composer of reminders in each reader's language, and on each reader's clock."""

    def __init__(self, case: Outline, shipped: Wording, links: Links, opened: Opened, now: datetime) -> None:
        self._case, self._shipped, self._links, self._opened, self._now = case, shipped, links, opened, now

    def why_not(self) -> str:
        """Return "", as the words of reminders are shipped."""
        return ""

    def composed(self, claim: OutgoingClaim) -> Composed:
        """Return the email of a reminder. Raises NotComposed."""
        try:
            hour, reader = self._opened(claim.name)
        except NotInLedger as error:
            raise NotComposed(str(error)) from error
        if not reader.email:
            raise NotComposed("there is no address")
        message = Message(
            self._form(claim.name.incident, hour, reader), claim.key, reader.email, reader.name, bounce=claim.bounce
        )
        return Composed(message, reader.timezone, reader.country)

    def _form(self, incident: str, hour: QuestionHour, reader: Person) -> VariantForm:
        organisation = self._case.incident.organisation
        phrases, default = self._phrases(reader.locale), self._case.incident.default_locale
        title = _said(hour.title, phrases.locale, default)
        theirs = clocks(hour.begins_at, zones(reader.timezone, reader.country) or (organisation.timezone,))
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
        return VariantForm(
            kind=EMAIL,
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

    def _phrases(self, locale: str) -> Phrases:
        locales = tuple(self._shipped.phrases)
        default = nearest_locale(self._case.incident.default_locale, locales, locales[0])
        return self._shipped.phrases[nearest_locale(locale, locales, default)]


def _markdown(lines: Sequence[str], page: str) -> str:
    """Return the lines as Markdown, in which only the address of the page is a link."""
    return "\n\n".join(line.translate(ESCAPED).replace(page.translate(ESCAPED), f"<{page}>") for line in lines)


def _said(texts: Mapping[str, str], locale: str, default: str) -> str:
    return text_for(dict(texts), locale) or text_for(dict(texts), default) or next(iter(texts.values()), "")
