"""The words of a playbook: templates of notices, and the phrases of each locale that every notice needs."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from amends.domain.base.value import Value
from amends.domain.incident.commitment import NOT_KEPT, CommitmentState
from amends.domain.incident.facts import Certainty, Count, DataCategory
from amends.domain.incident.incident import StatementKey
from amends.domain.law.addendum import Addenda
from amends.domain.notice.dates import date_form
from amends.domain.notice.help import Help
from amends.domain.notice.notice import PASSAGES, Reader, Slot, Variant, with_slot_names
from amends.domain.notice.statement import BETWEEN, CAN_BE_WRONG, COMMITMENT, Statement
from amends.domain.notice.steps import SafetyStep, StepBook, StepWords

SHARED = "_base"
"""The folder of the parts that several templates share; not a notice."""
PARTS: Mapping[str, tuple[str, ...]] = {
    "date": ("day", "month", "year"),
    "moment": ("weekday", "date", "hour", "minute", "zone"),
    "at_least": ("number",),
    "denied": ("value",),
    "at_most": ("number",),
    "on": ("first",),
    "from": ("first",),
    "until": ("last",),
    "between": ("first", "last"),
    "hello": ("name",),
    "guardian_intro": ("child",),
    "remedy_for_child": ("child",),
    "promise_due": ("date",),
    "promise_new_due": ("date",),
    "promise_again": ("number",),
    "faq_dated": ("date",),
    "take_up_code": ("code",),
    "take_up_until": ("date",),
    "code_until": ("date",),
    "code_expired": ("date",),
    "ask_thanks": ("date",),
    "answer_pending": ("date",),
    "answer_late": ("date",),
    "answered_on": ("date",),
    "answer_corrected_on": ("date",),
    "answer_closed_on": ("date",),
    "objected_on": ("date",),
    "objection_thanks": ("date",),
    "reply_asked": ("date",),
    "reply_wrong": ("date",),
    "reply_not_satisfied": ("link",),
    "reply_sms": ("date", "link"),
    "reply_sms_wrong": ("date", "link"),
    "reply_sms_correction": ("date",),
    "claim_intro": ("date",),
    "claim_over": ("date",),
    "claim_currency": ("currency",),
    "claim_amount": ("currency", "example"),
    "claim_files_from": ("amount",),
    "claim_sent": ("date",),
    "claim_made": ("date", "amount"),
    "claim_received": ("date",),
    "claim_late": ("date",),
    "claim_granted": ("amount",),
    "claim_partly": ("amount", "asked"),
    "claim_in_payment": ("amount", "account"),
    "claim_paid": ("amount", "date"),
    "claim_returned": ("amount",),
    "claim_account_until": ("date",),
    "claim_lapsed": ("amount",),
    "claim_object_intro": ("date",),
    "claim_objected": ("date",),
    "claim_reply_asked": ("date",),
    "claim_reply_page": ("link",),
    "claim_reply_received": ("amount", "date"),
    "claim_reply_granted": ("amount",),
    "claim_reply_partly": ("amount", "asked", "reason"),
    "claim_reply_rejected": ("asked", "reason"),
    "claim_reply_object": ("date",),
    "claim_reply_paid": ("amount", "account"),
    "claim_reply_returned": ("amount", "account", "date"),
    "claim_reply_account_until": ("date",),
    "claim_reply_reminder": ("amount", "date"),
    "claim_reply_lapsed": ("amount",),
    "claim_reply_reopened": ("date",),
    "wrong_open": ("date",),
    "address_open": ("date",),
    "report_accepted": ("date",),
    "report_refused": ("date",),
    "data_pending": ("date", "due"),
    "data_late": ("date", "due"),
    "data_ready": ("date",),
    "data_refused": ("date",),
    "sent_to_you": ("date",),
    "hour_begins": ("date", "time", "zone"),
    "hour_when": ("date",),
    "hour_minutes": ("minutes",),
    "hour_where": ("where",),
    "hour_page": ("page",),
    "hour_reminder_subject": ("title",),
    "hour_reminder_text": ("title",),
}
"""The values put into each phrase, as {part}; a phrase that is not listed has none."""


class Phrases(Value):
    """The phrases of one locale that every notice needs: playbooks/locales/LOCALE.yaml."""

    locale: str
    language: str
    """The name of the language in the language itself."""
    date: str
    """The form of a date, with PARTS: `{day} {month} {year}`."""
    months: tuple[str, ...] = Field(min_length=12, max_length=12)
    weekdays: tuple[str, ...] = Field(min_length=7, max_length=7)
    """The days of the week, Monday first."""
    moment: str
    """The form of a date with a time, with PARTS."""
    thousands: str = ""
    """The sign between the thousands of a number of people; empty where the language has none."""
    at_least: str
    """The form of a number of people that may be higher, with PARTS: `at least {number}`."""
    at_most: str
    """The form of a number of people that may be lower, with PARTS: `up to {number}`."""
    between: str
    """The form of a number of people between two others, with PARTS: `between {first} and {last}`."""
    happened: dict[str, str]
    """The forms of the days on which it happened, with PARTS: `on`, `between`, `from`, `until`."""
    list_comma: str
    list_and: str
    """The text between the last two entries of a list: ` and `, `和`."""
    data: dict[DataCategory, str]
    """The name of each kind of data, as it reads after "your"."""
    step_words: StepWords
    steps: dict[DataCategory, SafetyStep]
    """The step for each kind of data that is in wrong hands; of two with the same time, the weightier first.

    An element that is not listed has the step of its class.
    """
    help_elsewhere: str
    """The help for people who live where no file of help is for."""
    commitment_states: dict[str, str]
    statements: dict[StatementKey, str]
    """The heading of each thing that can turn out to be wrong: `When we found out`."""
    values: dict[StatementKey, dict[str, str]]
    """The words for each value of a fact, by the statement about it, as they read after "We wrote:"."""
    no_data: str
    """The words for no data at all, as they read after "We wrote:"."""
    not_so: str
    """The sentence for something that was told and is ruled out by now."""
    denied: str
    """The form in which an earlier message is quoted that ruled something out: `this was not so: {value}`."""
    nameless: str = ""
    """The word that a greeting has for a person whose name is not known: `customer`, as it reads after "Dear"."""
    nameless_child: str = ""
    """The word for a child whose name is not known, as it reads after "parent or guardian of": `your child`."""
    never_say: tuple[str, ...]
    """Phrases that play the incident down, blame somebody or cannot be true."""
    admissions: tuple[str, ...] = ()
    """Phrases that a court may read as an admission of fault."""
    outside_contacts: tuple[str, ...] = ()
    """Telephone numbers and hosts of other organisations that a notice may name: bureaus, offices."""
    portal: dict[str, str]
    """Texts of the portal's pages; some have PARTS."""

    @field_validator("statements")
    @classmethod
    def _names_all(cls, given: dict[StatementKey, str]) -> dict[StatementKey, str]:
        if missing := [key for key in StatementKey if key in CAN_BE_WRONG and not given.get(key)]:
            raise ValueError(f"has no heading for {', '.join(missing)}")
        return given


class Wording(Value):
    """All words of a playbook: templates by path below playbooks/notices, phrases by locale, addenda for places."""

    templates: dict[str, str]
    """Templates by path: `first-notice/en.email.md` and so on."""
    phrases: dict[str, Phrases]
    helps: tuple[Help, ...] = ()
    """The help in each country."""
    addenda: Addenda = Addenda()
    """The addenda by which the laws of a place change a notice; without any, everybody gets the general notice."""

    def locales(self, notice: str) -> tuple[str, ...]:
        """Return the locales in which this notice can be sent."""
        own = (path.split("/")[1] for path in self.templates if path.startswith(f"{notice}/"))
        return tuple(sorted({name.split(".")[0] for name in own} & self.phrases.keys()))

    def phrases_in(self, locale: str, country: str) -> Phrases:
        """Return the phrases of this locale, with dates as people in this country write them."""
        phrases = self.phrases[locale]
        form = date_form(locale, country, phrases.date)
        return phrases if form == phrases.date else phrases.model_copy(update={"date": form})

    def phrases_for(self, locale: str, addendum_id: str, seat: str) -> Phrases:
        """Return the phrases of a text with this addendum; without one, dates are those of the organisation's seat."""
        addendum = self.addenda.addendum(addendum_id)
        return self.phrases_in(locale, (addendum.places[0] if addendum else seat)[:2])

    def help_in(self, country: str) -> Help | None:
        """Return the help in this country, or None when there is no file for it."""
        return next((help_ for help_ in self.helps if country in help_.places), None)

    @cached_property
    def helpers(self) -> tuple[str, ...]:
        """Return the telephone numbers and hosts of all help, which every notice may name."""
        contacts = [contact for found in self.helps for contact in found.contacts.values()]
        return tuple(dict.fromkeys(part for contact in contacts for part in (contact.phone, *contact.hosts) if part))

    def steps_in(self, locale: str, country: str) -> StepBook:
        """Return the steps of people who read this locale and live in this country."""
        phrases, found = self.phrases[locale], self.help_in(country)
        local = found.steps.get(locale, {}) if found else {}
        return StepBook(words=phrases.step_words, general=phrases.steps, local=local)

    def help_text(self, locale: str, place: str, kinds: tuple[DataCategory, ...], *, child: bool) -> str:
        """Return the help for people who read this locale and live in this place, as Markdown."""
        found, phrases = self.help_in(place[:2]), self.phrases[locale]
        words = phrases.step_words
        text = found.markdown(locale, words, place, kinds, child=child) if found else ""
        return words.said(text or phrases.help_elsewhere, child=child)

    def example(self, locale: str, addendum_id: str, kinds: tuple[DataCategory, ...], *, child: bool) -> dict[str, str]:
        """Return a reader's own words as Markdown: of somebody with all this data, in the addendum's first place.

        Without an addendum, it is somebody who lives where no file of help is for.
        """
        addendum = self.addenda.addendum(addendum_id)
        place = addendum.places[0] if addendum else ""
        steps = self.steps_in(locale, place[:2])
        return {
            Slot.FIRST_STEP: steps.first(kinds, child=child),
            Slot.STEPS: steps.numbered(kinds, child=child),
            Slot.HELP: self.help_text(locale, place, kinds, child=child),
        }

    def steps_for_all(self, locale: str, kinds: tuple[DataCategory, ...]) -> list[dict[str, str]]:
        """Return each step with the kinds of data that it is for, for a page that everybody reads."""
        phrases, steps = self.phrases[locale], self.steps_in(locale, "")
        own = [
            {"about": _capital(phrases.list_comma.join(phrases.data[kind] for kind in about)), "text": _plain(entry)}
            for about, entry in steps.by_step(kinds)
        ]
        return [*own, {"about": "", "text": _plain(steps.entries((), child=False)[0])}]

    def helps_for_all(self, locale: str, countries: Iterable[str], kinds: tuple[DataCategory, ...]) -> list[str]:
        """Return the help in each of these countries, for a page that everybody reads."""
        found = {one.places[0]: one for one in map(self.help_in, sorted(countries)) if one}
        return [self.help_text(locale, place, kinds, child=False) for place in found]


def with_example(text: str, variant: Variant, wording: Wording, kinds: tuple[DataCategory, ...]) -> str:
    """Return a text of the variant with the names of its slots in brackets, and an example after those with own words.

    So an approver reads the steps and the help that are approved with the text. A draft may be older than the words,
    which then lack its language or its addendum; it has no example.
    """
    own: dict[str, str] = {}
    with suppress(KeyError):
        own = wording.example(variant.locale, variant.addendum, kinds, child=variant.reader is Reader.GUARDIAN)
    for slot, words in own.items():
        between = "\n\n" if slot in PASSAGES else " "
        text = text.replace(Slot(slot).mark, f"[{slot}, for example:]{between}{words}")
    return with_slot_names(text)


def say_date(phrases: Phrases, moment: datetime, zone: str) -> str:
    """Return the date in this zone, in the form of the locale."""
    return say_day(phrases, moment.astimezone(ZoneInfo(zone)).date())


def say_day(phrases: Phrases, day: date) -> str:
    """Return the day in the form of the locale."""
    return phrases.date.format(day=day.day, month=phrases.months[day.month - 1], year=day.year)


def say_moment(phrases: Phrases, moment: datetime, zone: str) -> str:
    """Return weekday, date and time of day in this zone, with the offset from UTC."""
    local = moment.astimezone(ZoneInfo(zone))
    return phrases.moment.format(
        weekday=phrases.weekdays[local.weekday()],
        date=say_date(phrases, moment, zone),
        hour=f"{local.hour:02}",
        minute=f"{local.minute:02}",
        zone=from_utc(local),
    )


def say_hour(phrases: Phrases, moment: datetime, zone: str) -> str:
    """Return weekday, date and time of day in this zone, always with the offset from UTC."""
    local = moment.astimezone(ZoneInfo(zone))
    form = phrases.portal.get("hour_begins", "{date}, {time} ({zone})")  # a playbook pinned earlier lacks the form
    return form.format(date=say_moment(phrases, moment, zone), time=f"{local:%H:%M}", zone=from_utc(local))


def say_count(phrases: Phrases, count: Count) -> str:
    """Return the number of people as far as it is known; empty when nothing is known of it."""
    ends = (f"{end:,}" if end is not None else "" for end in (count.min, count.max))
    least, most = (end.replace(",", phrases.thousands) for end in ends)
    if least and most:
        return most if least == most else phrases.between.format(first=least, last=most)
    return phrases.at_least.format(number=least) if least else phrases.at_most.format(number=most) if most else ""


def from_utc(local: datetime) -> str:
    """Return the offset from UTC: UTC+8, UTC-3:30. An abbreviation is ambiguous: CST means Shanghai and Chicago."""
    offset = local.utcoffset() or timedelta()
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    ahead = f"{'-' if offset < timedelta() else '+'}{hours}" if offset else ""
    return f"UTC{ahead}" + (f":{minutes:02}" if minutes else "")


def say_list(phrases: Phrases, items: tuple[str, ...]) -> str:
    """Return the items joined into one text, in the form of the locale."""
    if len(items) < 2:
        return "".join(items)
    return phrases.list_comma.join(items[:-1]) + phrases.list_and + items[-1]


def say_data(phrases: Phrases, categories: tuple[DataCategory, ...]) -> str:
    """Return the kinds of data as they read after "your", in the order of the locale."""
    named = tuple(name for category, name in phrases.data.items() if category in categories)
    return say_list(phrases, named)


def say_statement(phrases: Phrases, statement: Statement) -> str:
    """Return the value of a statement in words; empty where only a person can word it, as for measures."""
    if statement.key.startswith(COMMITMENT):
        return _say_commitment(phrases, *statement.value.split(" "))
    return _say_fact(phrases, statement)


def quote_statement(phrases: Phrases, statement: Statement) -> str:
    """Return what an earlier message said, in words; of something that it ruled out, that this was not so."""
    if statement.certainty is not Certainty.RULED_OUT:
        return say_statement(phrases, statement)
    value = say_statement(phrases, statement.model_copy(update={"certainty": Certainty.CONFIRMED}))
    return value and phrases.denied.format(value=value)


def _say_fact(phrases: Phrases, statement: Statement) -> str:
    key, value = StatementKey(statement.key), statement.value
    if statement.certainty is Certainty.RULED_OUT:
        return phrases.not_so
    if key in (StatementKey.DISCOVERED, StatementKey.CONTAINED):
        return say_day(phrases, date.fromisoformat(value))
    if key is StatementKey.OCCURRED:
        return _say_span(phrases, *value.split("/"))
    if key is StatementKey.PEOPLE:
        return say_count(phrases, Count(**dict(zip(("min", "max"), map(_number, value.split("/")), strict=True))))
    if key is StatementKey.ELEMENTS:
        return say_data(phrases, tuple(map(DataCategory, value.split(BETWEEN)))) if value else phrases.no_data
    return phrases.values.get(key, {}).get(value, "")


def _say_commitment(phrases: Phrases, state: str, day: str) -> str:
    """Return in words how a commitment stands, with its day as long as it is open or late."""
    words = phrases.commitment_states[state]
    if state in (CommitmentState.KEPT, *NOT_KEPT):
        return words
    return phrases.list_comma.join((words, say_day(phrases, date.fromisoformat(day))))


def _say_span(phrases: Phrases, first: str, last: str) -> str:
    """Return in words when something happened between these days, of which one may be empty."""
    form = "on" if first == last else "between" if first and last else "from" if first else "until"
    said = {name: say_day(phrases, date.fromisoformat(day)) for name, day in (("first", first), ("last", last)) if day}
    return phrases.happened[form].format(**said)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _plain(entry: str) -> str:
    """Return the entry without bold words, for a list whose entries begin with other bold words."""
    return entry.replace("**", "")


def _number(text: str) -> int | None:
    return int(text) if text else None
