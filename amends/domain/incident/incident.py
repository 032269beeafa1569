"""An incident as its file describes it: the organisation, times and facts, and texts that only a person can write."""

import re
from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, field_validator, model_validator

from amends.domain.base.value import (
    LAST_MINUTE,
    Locale,
    People,
    Place,
    Slug,
    StatedMoment,
    Texts,
    Truth,
    Unfinished,
    Value,
    is_unknown,
)
from amends.domain.incident.commitment import PlannedCommitment
from amends.domain.incident.facts import Count, Facts

CLOCK_EVENTS = frozenset(
    """
    agencies_named assessed_notifiable aware aware_significant_incident breach_detected breach_determined
    classified_major controller_aware credible_grounds detected discovered discovered_or_determined
    discovered_or_notice_sent_whichever_first discovered_or_notified end_of_calendar_year found_or_learned
    handling_finished hhs_notified high_risk_established incident incident_determined incident_notification_submitted
    individuals_notified initial_notification_submitted intermediate_report_submitted known_or_reason_to_know
    known_that_personal_data_affected leak_occurred_or_may_occur leak_tamper_loss_occurred_or_may_occur learned
    materiality_determined noticed ordered_by_commissioner pdpc_notified processor_aware ransom_paid
    reasonable_belief reasonable_grounds risk_established
    risk_found_that_may_harm_national_security_or_public_interest service_provider_aware statement_prepared
    suspected vendor_discovers
    """.split()
)
"""The clock events, which start the term of a law; a time may be given for each."""
ENGLISH = "en"
EMAIL_IF_ANY = r"^([^@\s]+@[^@\s]+)?$"
BARE_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
UTC_ZONE = ZoneInfo("UTC")
LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = re.compile(rf"(?=.{{4,253}}\Z){LABEL}(?:\.{LABEL})+", re.IGNORECASE)


class StatementKey(StrEnum):
    """The subject of a statement; a statement about a commitment has the key `commitment:ID` instead."""

    OCCURRED = "occurred"
    DISCOVERED = "discovered"
    CONTAINED = "contained"
    PEOPLE = "people"
    CAUSE = "cause"
    VECTOR = "vector"
    MALICIOUS = "malicious"
    ENCRYPTED = "encrypted"
    EXFILTRATION = "exfiltration"
    RECIPIENT = "recipient"
    MISUSE = "misuse"
    MEASURES = "measures"
    ELEMENTS = "elements"
    """The kinds of data: in a message to a person those of this person, else all of the incident."""
    NEXT_UPDATE = "next_update"
    CONTACT = "contact"


NATURE = (
    StatementKey.CAUSE,
    StatementKey.VECTOR,
    StatementKey.MALICIOUS,
    StatementKey.ENCRYPTED,
    StatementKey.EXFILTRATION,
    StatementKey.RECIPIENT,
)
"""The statements that a text about what happened makes."""
STORY_STATES: dict["StoryText", tuple[StatementKey, ...]] = {
    "what_happened": NATURE,
    "in_short": NATURE,
    "what_it_means": (StatementKey.MISUSE,),
    "what_we_do": (StatementKey.MEASURES,),
    "what_you_can_do": (),
}
"""The statements that each text of the story makes, unless the incident file says otherwise under `states`."""


class Role(StrEnum):
    """The organisation's role for the data; the last three are terms of laws in the United States."""

    CONTROLLER = "controller"
    PROCESSOR = "processor"
    BUSINESS_ASSOCIATE = "business_associate"
    VENDOR = "vendor"
    MAINTAINER = "maintainer"


class Regulated(StrEnum):
    """A trade or status that puts an organisation under laws of its own; some of these laws bring duties."""

    ESSENTIAL_ENTITY = "essential_entity"
    IMPORTANT_ENTITY = "important_entity"
    FINANCIAL_ENTITY = "financial_entity"
    TELECOM_PROVIDER = "telecom_provider"
    PRODUCT_MANUFACTURER = "product_manufacturer"
    HIPAA_COVERED_ENTITY = "hipaa_covered_entity"
    HIPAA_BUSINESS_ASSOCIATE = "hipaa_business_associate"
    HEALTH_APP = "health_app"
    NON_BANK_FINANCIAL = "non_bank_financial"
    US_LISTED = "us_listed"
    INVESTMENT_FIRM = "investment_firm"
    US_BANK = "us_bank"
    NYDFS_COVERED = "nydfs_covered"
    US_CRITICAL_INFRASTRUCTURE = "us_critical_infrastructure"
    CN_CRITICAL_INFRASTRUCTURE = "cn_critical_infrastructure"
    CN_STATE_ORGAN = "cn_state_organ"
    CN_INDUSTRY_OR_TELECOM = "cn_industry_or_telecom"
    HK_CRITICAL_INFRASTRUCTURE = "hk_critical_infrastructure"


CALLED: dict[str, str] = {
    Regulated.ESSENTIAL_ENTITY: "an essential entity (NIS2)",
    Regulated.IMPORTANT_ENTITY: "an important entity (NIS2)",
    Regulated.FINANCIAL_ENTITY: "a financial entity (DORA)",
    Regulated.TELECOM_PROVIDER: "a telecom provider",
    Regulated.PRODUCT_MANUFACTURER: "a manufacturer of products with digital elements (CRA)",
    Regulated.HIPAA_COVERED_ENTITY: "a covered entity under HIPAA",
    Regulated.HIPAA_BUSINESS_ASSOCIATE: "a business associate under HIPAA",
    Regulated.HEALTH_APP: "a health app under the FTC's breach rule",
    Regulated.NON_BANK_FINANCIAL: "a financial institution under the FTC Safeguards Rule",
    Regulated.US_LISTED: "listed in the United States",
    Regulated.INVESTMENT_FIRM: "an investment firm under Regulation S-P",
    Regulated.US_BANK: "a bank in the United States",
    Regulated.NYDFS_COVERED: "covered by the rules of the NYDFS",
    Regulated.US_CRITICAL_INFRASTRUCTURE: "critical infrastructure in the United States",
    Regulated.CN_CRITICAL_INFRASTRUCTURE: "critical information infrastructure in China",
    Regulated.CN_STATE_ORGAN: "a state organ of China",
    Regulated.CN_INDUSTRY_OR_TELECOM: "in industry or telecommunications in China",
    Regulated.HK_CRITICAL_INFRASTRUCTURE: "an operator of critical infrastructure in Hong Kong",
}
"""Words for a role or trade after `the organisation is`; any other word stands for itself."""


def _domain(name: str) -> str:
    if not DOMAIN.fullmatch(name):
        raise ValueError(
            "a domain of the organisation is meant, such as example.org: no wildcard, because what is below it counts "
            "too, no single word such as com, no address of a page; one in other letters is written xn--…"
        )
    return name


Domain = Annotated[str, AfterValidator(_domain)]
"""A host name of two or more parts, or an IPv4 address such as 127.0.0.1."""


class Contacts(Unfinished):
    """The ways to reach the organisation; shown in every notice."""

    email: str = Field(default="", pattern=EMAIL_IF_ANY)
    phone: str = ""
    hours: Texts = {}
    postal_address: Texts = {}
    officer: Texts = {}
    """The person or office responsible for personal data."""


class Organisation(Unfinished):
    """The company that must tell its customers."""

    name: Texts = {}
    established_in: Place | None = None
    """The country of the company's seat, or the part of it with laws or an authority of its own: DE-BE, US-CA, CA-QC.
    Left out means not known."""
    sector: str | None = None
    role: Role | None = None
    regulated: tuple[Regulated, ...] | None = None
    """Trades of the company that have laws of their own. Left out means not known; an empty list means none."""
    size: People | None = None
    """Number of staff."""
    timezone: str = "UTC"
    """IANA time zone in which notices give dates and times."""
    own_domains: tuple[Domain, ...] = ()
    """Domains of the company; links in messages lead only to these."""
    contacts: Contacts = Contacts()
    signed_by: Texts = {}
    """The person who signs the notices, with their office."""
    sms_signature: str | None = Field(default=None, max_length=20)
    """Registered signature with which a Chinese SMS must start, without the brackets."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            return ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("this is no IANA time zone, such as Asia/Shanghai or Europe/Berlin") from None


class Period(Unfinished):
    """The period of the incident; either end may be unknown. The keys in the file are `from` and `to`.

    A bare moment is both ends. In an incident file a bare date is that day in the organisation's time zone.
    """

    start: StatedMoment | None = Field(default=None, alias="from")
    end: StatedMoment | None = Field(default=None, alias="to")

    model_config = {**Value.model_config, "populate_by_name": True}

    @model_validator(mode="before")
    @classmethod
    def _bare_moment_is_both_ends(cls, given: Any) -> Any:
        return {"from": given, "to": given} if isinstance(given, str | int | float | datetime) else given

    @model_validator(mode="after")
    def _in_order(self) -> "Period":
        if self.start and self.end and self.start > self.end:
            raise ValueError("it ends before it starts")
        return self


class Times(Unfinished):
    """The times of the incident, each with its time zone."""

    occurred: Period = Period()
    """The time in which it happened."""
    contained: StatedMoment | None = None
    """The time from which no more harm was done."""
    why_aware_later: str = ""
    """The reason why the company became aware of the breach a day or more after the discovery, for the authority."""
    events: dict[str, StatedMoment] = {}
    """Times of clock events by name, such as discovered and aware; in the file they stand beside the other times."""

    @model_validator(mode="before")
    @classmethod
    def _events_stand_beside(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        own = {"occurred", "contained", "why_aware_later", "events"}
        events = {key: given[key] for key in given if key in CLOCK_EVENTS and not is_unknown(given[key])}
        rest = {key: value for key, value in given.items() if key in own or key not in CLOCK_EVENTS}
        said = rest.get("events", {})
        if not isinstance(said, dict):
            return given
        if twice := sorted(said.keys() & events.keys()):
            raise ValueError(f"{', '.join(twice)} stands here and under events")
        return {**rest, "events": {**said, **events}}

    @model_validator(mode="after")
    def _possible(self) -> "Times":
        started, discovered = self.occurred.start, self.events.get("discovered")
        if started and discovered and discovered < started:
            raise ValueError("discovered is before occurred.from")
        if started and self.contained and self.contained < started:
            raise ValueError("contained is before occurred.from")
        return self


class Story(Unfinished):
    """The texts that a person must write, in one locale. Markdown is not read; a blank line separates paragraphs.

    Facts can be assessed before any text is written.
    """

    what_happened: str = ""
    """The events with their times and places, in plain words."""
    in_short: str = Field(default="", max_length=120)
    """The events in one sentence without names, for SMS and social posts."""
    what_it_means: str = ""
    """The possible consequences for the people concerned, stated honestly."""
    what_we_do: str = ""
    """The measures taken, and those that are still being taken."""
    what_you_can_do: str = ""
    """Advice that is special to this incident; advice for each kind of data comes with the locale."""

    @model_validator(mode="before")
    @classmethod
    def _nothing_written(cls, given: Any) -> Any:
        return {} if is_unknown(given) else given


StoryText = Literal["what_happened", "in_short", "what_it_means", "what_we_do", "what_you_can_do"]


class News(Value):
    """One thing that people should be told in the next update."""

    at: StatedMoment
    text: Texts
    states: tuple[StatementKey, ...] = ()
    """The facts that the text states, such as cause or people; its readers count as told of these."""


class ListExtent(StrEnum):
    """The extent of a list of people, as the incident lead rules it."""

    WHOLE = "whole"
    FIRST_PART = "first_part"


class Ruling(Value):
    """A lawyer's decision that a duty does or does not apply in this incident; the decision record shows it."""

    applies: Truth
    reason: str = Field(min_length=3)
    by: str = Field(min_length=2)
    """The office or the law firm that decided."""


class Incident(Unfinished):
    """The content of an incident file. An amendment makes a new version; the old versions stay.

    An id, a title and facts are enough to be assessed; gaps.py says what notices need beside them.
    """

    id: Slug
    title: str = Field(min_length=3, max_length=120)
    organisation: Organisation = Organisation()
    times: Times = Times()
    facts: Facts = Facts()
    residences: dict[Place, int] = {}
    """People per country or state (DE, US-WA): all of them, also those whom the list does not have yet."""
    list_is: ListExtent = ListExtent.WHOLE
    """`first_part` while more people are to be listed: those who are listed are told, `facts.people` is the number, and
    its end is open where the facts give none."""
    rulings: dict[str, Ruling] = {}
    """Decisions of lawyers by the id of the duty, as `amends assess` prints it."""
    texts: dict[Locale, Story] = {}
    states: dict[StoryText, tuple[StatementKey, ...]] = {}
    """The facts that these texts state, where that is more or less than usual: `what_happened: [cause]`."""
    commitments: tuple[PlannedCommitment, ...] = ()
    """Commitments of this incident; one with the id of a playbook's commitment replaces that commitment."""
    news: tuple[News, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _bare_date_is_a_day(cls, given: Any) -> Any:
        times = given.get("times") if isinstance(given, dict) else None
        if not isinstance(times, dict) or (day := _day(times.get("occurred"))) is None:
            return given
        return {**given, "times": {**times, "occurred": _whole(day, _zone(given.get("organisation")))}}

    def lacks_people(self, listed: int) -> bool:
        """Return True when a list of this many people is not everybody: by the lead's ruling, or by the facts."""
        stated = self.facts.people
        short = stated.stands and stated.value is not None and stated.value.is_short_of(listed)
        return short or self.list_is is ListExtent.FIRST_PART

    def people_stated(self, listed: int) -> Count:
        """Return the number of people that notices give: that of the facts, else that of the list.

        The end is open for a list that is the first part.
        """
        stated = self.facts.people
        if stated.stands and stated.value:
            return stated.value
        return Count(min=listed or None, max=None if self.lacks_people(listed) else listed or None)

    @property
    def default_locale(self) -> str:
        """Return the first locale of the texts, which people get whose language is missing.

        Before any text is written, return the first locale of the organisation's name, else English.
        """
        named = (locale for locale in self.organisation.name if locale != "*")
        return next(iter((*self.texts, *named, ENGLISH)))


def _day(said: object) -> date | None:
    """Return the day that a bare date names, or None for anything else."""
    if not (isinstance(said, str) and BARE_DATE.fullmatch(said)):
        return None
    try:
        return date.fromisoformat(said)
    except ValueError:
        return None  # read as a time, the date gets an error that names its place


def _zone(organisation: object) -> ZoneInfo:
    """Return the zone that the organisation names, or UTC; a zone that does not exist gets an error at its place."""
    named = organisation.get("timezone") if isinstance(organisation, dict) else None
    try:
        return ZoneInfo(named) if isinstance(named, str) else UTC_ZONE
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC_ZONE


def _whole(day: date, zone: ZoneInfo) -> dict[str, datetime]:
    """Return the first and the last minute of the day."""
    return {"from": datetime.combine(day, time.min, zone), "to": datetime.combine(day, LAST_MINUTE, zone)}
