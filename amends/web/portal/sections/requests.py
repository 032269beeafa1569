"""The sections in which people ask for a copy of their data, or say that something about them is not right."""

from collections.abc import Callable, Mapping

from amends.content.people.columns import UnfitCell, email, phone
from amends.domain.people.report import LONGEST_REPORT, NewReport, PageReportKind
from amends.web.portal.sections.section import Mistake, PageForm, PageSection, PageView, SentForm
from amends.web.portal.visit import Visit


class CopyOfDataSection(PageSection):
    """The section for a copy of the person's data."""

    template = "copy.html"

    def ask_for_data(self, visit: Visit, sent: SentForm) -> Mistake | None:
        """Record the request for a copy of the person's data."""
        locale = visit.voice.phrases.locale
        self._ledger.requests.add(visit.incident, visit.person.number, locale, sent.once, visit.now)
        return None

    forms = {"data": PageForm(ask_for_data, is_button=True)}

    def shown(self, view: PageView) -> Mapping[str, object]:
        """Return the person's last request."""
        asked = self._ledger.requests.all(view.visit.incident, person=view.visit.person.number)
        return {"request": max(asked, key=lambda request: request.id, default=None)}


class NotRightSection(PageSection):
    """The section for reports of a wrong person and of outdated addresses."""

    template = "not_right.html"
    fields = ("wrong_text", "address_text", "email", "phone")

    def wrong_person(self, visit: Visit, sent: SentForm) -> Mistake | None:
        """Record that the message is for somebody else."""
        text = sent.text("wrong_text")
        if len(text) > LONGEST_REPORT:
            return Mistake("too_long", "wrong_text")
        self._report(visit, sent, PageReportKind.WRONG_PERSON, text)
        return None

    def outdated_address(self, visit: Visit, sent: SentForm) -> Mistake | None:
        """Record that an address is outdated, with the new ones that the person has left."""
        text = sent.text("address_text")
        if len(text) > LONGEST_REPORT:
            return Mistake("too_long", "address_text")
        new_email, new_phone = _read(email, sent.text("email")), _read(_phone_of(visit), sent.text("phone"))
        if new_email is None:
            return Mistake("address_bad_email", "email")
        if new_phone is None:
            return Mistake("address_bad_phone", "phone")
        if not (text or new_email or new_phone):
            return Mistake("empty_text", "email")
        self._report(visit, sent, PageReportKind.OUTDATED_ADDRESS, text, (new_email, new_phone))
        return None

    forms = {"wrong": PageForm(wrong_person), "address": PageForm(outdated_address)}

    def shown(self, view: PageView) -> Mapping[str, object]:
        """Return the person's last report of each kind."""
        reports = self._ledger.reports.all(view.visit.incident, person=view.visit.person.number)
        return {"reports": {report.kind.value: report for report in reports}}

    def _report(
        self, visit: Visit, sent: SentForm, kind: PageReportKind, text: str, ways: tuple[str, str] = ("", "")
    ) -> None:
        locale = visit.voice.phrases.locale
        new = NewReport(visit.person.number, kind, locale, sent.once, text, *ways)
        self._ledger.reports.add(visit.incident, new, visit.now)


def _phone_of(visit: Visit) -> Callable[[str], str]:
    return lambda cell: phone(cell, visit.person.country)


def _read(read: Callable[[str], str], typed: str) -> str | None:
    """Return what was typed as it is stored, "" when nothing was, or None when it cannot be read."""
    try:
        return read(" ".join(typed.split()))
    except UnfitCell:
        return None
