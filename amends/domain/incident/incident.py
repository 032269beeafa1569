"""An incident as its file tells it: whose it is, what happened when, and the words only a person can write."""

import re
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, field_validator, model_validator

from amends.domain.base.value import Country, Locale, Moment, Place, Slug, Texts, Value
from amends.domain.incident.commitment import PlannedCommitment
from amends.domain.incident.facts import Facts

CLOCK_EVENTS = frozenset(
    """
    assessed_notifiable aware aware_significant_incident breach_detected breach_determined classified_major
    controller_aware credible_grounds detected discovered discovered_or_determined
    discovered_or_notice_sent_whichever_first discovered_or_notified end_of_calendar_year found_or_learned
    handling_finished high_risk_established incident incident_determined incident_notification_submitted
    individuals_notified initial_notification_submitted intermediate_report_submitted known_or_reason_to_know
    known_that_personal_data_affected leak_occurred_or_may_occur leak_tamper_loss_occurred_or_may_occur learned
    materiality_determined noticed ordered_by_commissioner pdpc_notified processor_aware ransom_paid
    reasonable_belief reasonable_grounds risk_established
    risk_found_that_may_harm_national_security_or_public_interest service_provider_aware statement_prepared
    suspected vendor_discovers
    """.split()
)
"""The events that start a legal clock; a time may be given for each."""


class Role(StrEnum):
    """What the organisation is to the data; the last three are words of laws in the United States."""

    CONTROLLER = "controller"
    PROCESSOR = "processor"
    BUSINESS_ASSOCIATE = "business_associate"
    VENDOR = "vendor"
    MAINTAINER = "maintainer"


class Regulated(StrEnum):
    """Laws of certain trades that an organisation may be under; some of them bring duties of their own."""

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
}
"""In words, after `the organisation is`; what is not here is its own word."""


def _domain(name: str) -> str:
    if not DOMAIN.fullmatch(name):
        raise ValueError(
            "a domain of the organisation is meant, such as example.org: no wildcard, because what is below it counts "
            "too, no single word such as com, no address of a page; one in other letters is written xn--…"
        )
    return name


LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = re.compile(rf"(?=.{{4,253}}\Z){LABEL}(?:\.{LABEL})+", re.IGNORECASE)
Domain = Annotated[str, AfterValidator(_domain)]
"""A host name of two parts or more, or an address such as 127.0.0.1."""


class Contacts(Value):
    """How people reach the organisation; shown in every notice."""

    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    phone: str
    hours: Texts = {}
    postal_address: Texts = {}
    officer: Texts = {}
    """The person or office responsible for personal data."""


class Organisation(Value):
    """The company that must tell its customers."""

    name: Texts
    established_in: Country | None = None
    """Where the company has its seat; left out means that nobody has said."""
    sector: str | None = None
    role: Role | None = None
    regulated: tuple[Regulated, ...] | None = None
    """Laws of certain trades that it is under. Left out means not known; an empty list means none of them."""
    size: int | None = Field(default=None, ge=0)
    """Number of staff."""
    timezone: str = "UTC"
    """IANA zone in which notices tell dates and times."""
    own_domains: tuple[Domain, ...] = Field(min_length=1)
    """Links in messages lead only here."""
    contacts: Contacts
    signed_by: Texts = {}
    """Who signs the notices: a person and their office."""
    sms_signature: str | None = Field(default=None, max_length=20)
    """Registered signature that a Chinese SMS must start with, without the brackets."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            return ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("this is no IANA time zone, such as Asia/Shanghai or Europe/Berlin") from None


class Period(Value):
    """From when to when it happened; either end may be unknown. Key `from` in the file."""

    start: Moment | None = Field(default=None, alias="from")
    end: Moment | None = Field(default=None, alias="to")

    model_config = {**Value.model_config, "populate_by_name": True}

    @model_validator(mode="after")
    def _in_order(self) -> "Period":
        if self.start and self.end and self.start > self.end:
            raise ValueError("it ends before it starts")
        return self


class Times(Value):
    """When things happened, each with its zone."""

    occurred: Period = Period()
    contained: Moment | None = None
    events: dict[str, Moment] = {}
    """Clock events by name, such as discovered and aware; in the file they stand beside the others."""

    @model_validator(mode="before")
    @classmethod
    def _events_stand_beside(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        own = {"occurred", "contained", "events"}
        events = {key: given[key] for key in given if key in CLOCK_EVENTS and given[key] is not None}
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


class Story(Value):
    """What a person must write, in one locale. Markdown is not read here; a blank line parts paragraphs."""

    what_happened: str
    """What happened, when and where, in plain words."""
    in_short: str = Field(max_length=120)
    """The same in one sentence without names, for SMS and social posts."""
    what_it_means: str
    """What could follow for the people concerned, honestly."""
    what_we_do: str
    what_you_can_do: str = ""
    """Only what is special to this incident; advice for each kind of data comes with the locale."""


class News(Value):
    """Something new that people should hear in the next update."""

    at: Moment
    text: Texts


class Ruling(Value):
    """A lawyer's decision that a duty applies, or does not, in this incident; it stands in the decision record."""

    applies: bool
    reason: str = Field(min_length=3)
    by: str = Field(min_length=2)
    """The office or the law firm that decided."""


class Incident(Value):
    """Everything an incident file says. Amending it makes a new version; the old ones stay."""

    id: Slug
    title: str = Field(min_length=3, max_length=120)
    organisation: Organisation
    times: Times = Times()
    facts: Facts = Facts()
    residences: dict[Place, int] = {}
    """People per country or state (DE, US-WA), when there is no audience file yet."""
    rulings: dict[str, Ruling] = {}
    """Decisions of lawyers by the id of the duty, as `amends assess` prints it."""
    texts: dict[Locale, Story] = Field(min_length=1)
    commitments: tuple[PlannedCommitment, ...] = ()
    """Promises of this incident; one with the id of a playbook's promise replaces it."""
    news: tuple[News, ...] = ()

    @property
    def default_locale(self) -> str:
        """The first locale written; people whose language is missing get this one."""
        return next(iter(self.texts))
