"""The forms of a personal page on which people say something about themselves; each is recorded in the ledger."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from amends.content.people.columns import UnfitCell, email, phone
from amends.domain.channel.channel import ChannelKind
from amends.domain.feedback.clean import clean
from amends.domain.people.preference import Preference
from amends.domain.people.report import LONGEST_REPORT, NewReport, PageReportKind
from amends.ledger import Ledger, once_for
from amends.web.portal.visit import Visit

WAYS = (ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.LETTER)
"""The channels that a person can wish for."""
OWN_FIELDS = ("wrong_text", "address_text", "email", "phone", "locale", "channel", "step", "done")


class Mistake(NamedTuple):
    """A word of the portal for what is wrong with a form, and the field that it is about."""

    word: str
    field: str = ""


class OwnForms:
    """The recorder of the forms: wrong person, outdated address, wishes, ticked steps and a copy of one's data."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def wrong_person(self, visit: Visit, fields: Mapping[str, str]) -> Mistake | None:
        """Record that the message is for somebody else."""
        text = clean(fields.get("wrong_text", ""))
        if len(text) > LONGEST_REPORT:
            return Mistake("too_long", "wrong_text")
        self._report(visit, fields, PageReportKind.WRONG_PERSON, text)
        return None

    def outdated_address(self, visit: Visit, fields: Mapping[str, str]) -> Mistake | None:
        """Record that an address is outdated, with the new ones that the person has left."""
        text = clean(fields.get("address_text", ""))
        if len(text) > LONGEST_REPORT:
            return Mistake("too_long", "address_text")
        new_email, new_phone = _read(email, fields.get("email", "")), _read(_phone_of(visit), fields.get("phone", ""))
        if new_email is None:
            return Mistake("address_bad_email", "email")
        if new_phone is None:
            return Mistake("address_bad_phone", "phone")
        if not (text or new_email or new_phone):
            return Mistake("empty_text", "email")
        self._report(visit, fields, PageReportKind.OUTDATED_ADDRESS, text, new_email, new_phone)
        return None

    def preference(self, visit: Visit, fields: Mapping[str, str]) -> Mistake | None:
        """Store the wishes for optional messages; a language or a channel that is not offered is no wish."""
        locale, channel = fields.get("locale", ""), fields.get("channel", "")
        wanted = Preference(
            locale=locale if locale in visit.known.locales else "", channel=channel if channel in (*WAYS,) else ""
        )
        self._ledger.choices.prefer(visit.incident, visit.person.number, wanted, visit.now)
        return None

    def tick(self, visit: Visit, fields: Mapping[str, str]) -> Mistake | None:
        """Record that a step of the page is done, or is not done after all; any other step is passed over."""
        step = fields.get("step", "")
        if step in dict(visit.steps):
            done = fields.get("done") == "1"
            self._ledger.choices.tick(visit.incident, visit.person.number, step, visit.now, done=done)
        return None

    def ask_for_data(self, visit: Visit, fields: Mapping[str, str]) -> Mistake | None:
        """Record the request for a copy of the person's data."""
        locale, once = visit.voice.phrases.locale, once_for(fields.get("form", ""))
        self._ledger.requests.add(visit.incident, visit.person.number, locale, once, visit.now)
        return None

    def shown(self, visit: Visit) -> dict[str, object]:
        """Return the values of the page that come from these forms."""
        whose = visit.incident, visit.person.number
        reports = {one.kind.value: one for one in self._ledger.reports.all(whose[0], person=whose[1])}
        asked = self._ledger.requests.all(whose[0], person=whose[1])
        return {
            "reports": reports,
            "ticked": self._ledger.choices.ticked(*whose),
            "wish": self._ledger.choices.preference(*whose),
            "ways": WAYS,
            "request": max(asked, key=lambda one: one.id, default=None),
        }

    def _report(
        self, visit: Visit, fields: Mapping[str, str], kind: PageReportKind, text: str, mail: str = "", number: str = ""
    ) -> None:
        locale, once = visit.voice.phrases.locale, once_for(fields.get("form", ""))
        new = NewReport(visit.person.number, kind, locale, once, text, mail, number)
        self._ledger.reports.add(visit.incident, new, visit.now)


def _phone_of(visit: Visit) -> Callable[[str], str]:
    return lambda cell: phone(cell, visit.person.country)


def _read(read: Callable[[str], str], typed: str) -> str | None:
    """Return what was typed as it is stored, "" when nothing was, or None when it cannot be read."""
    try:
        return read(" ".join(clean(typed).split()))
    except UnfitCell:
        return None
