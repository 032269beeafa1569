"""The facts of an incident, each with its certainty. A fact that is left out is unknown, never "no"."""

from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from amends.domain.base.value import LONGEST, People, StatedMoment, Truth, Unfinished, Value, is_unknown

T = TypeVar("T")
Days = Annotated[float, Field(ge=0, le=LONGEST.days)]
Hours = Annotated[float, Field(ge=0, le=24 * LONGEST.days)]

APART = 0.02
"""The largest difference between the number of people in the facts and in the list that needs no ruling, as a share."""
FEW = 3
"""The difference in people that needs no ruling either, however small the number is."""


class Certainty(StrEnum):
    """The certainty of a statement."""

    CONFIRMED = "confirmed"
    SUSPECTED = "suspected"
    RULED_OUT = "ruled_out"
    UNKNOWN = "unknown"


class Fact(Value, Generic[T]):
    """A statement with a certainty. A bare value is confirmed; null, the word `unknown`, or nothing is unknown."""

    value: T | None = None
    certainty: Certainty = Certainty.UNKNOWN
    at: StatedMoment | None = None
    note: str = ""

    @model_validator(mode="before")
    @classmethod
    def _bare_means_confirmed(cls, given: Any) -> Any:
        if isinstance(given, Fact):
            return given.model_dump()
        if isinstance(given, dict) and (not given or {"value", "certainty"} & given.keys()):
            return given if not given or "certainty" in given else {**given, "certainty": Certainty.CONFIRMED}
        return {} if is_unknown(given) else {"value": given, "certainty": Certainty.CONFIRMED}

    @model_validator(mode="after")
    def _a_statement_says_something(self) -> "Fact[T]":
        if self.value is None and self.certainty is not Certainty.UNKNOWN:
            raise ValueError(f"a fact that is {self.certainty} needs a value")
        return self

    @property
    def stands(self) -> bool:
        """Return True when the statement is confirmed or suspected, so that its value counts."""
        return self.certainty in (Certainty.CONFIRMED, Certainty.SUSPECTED)

    @property
    def unknown(self) -> bool:
        """Return True when nobody can say."""
        return self.certainty is Certainty.UNKNOWN

    def says(self, *values: T) -> bool:
        """Return True when the value is confirmed or suspected and is one of these."""
        return self.stands and self.value in values

    def sure(self, *values: T) -> bool:
        """Return True when the value is confirmed and is one of these."""
        return self.certainty is Certainty.CONFIRMED and self.value in values

    def may_be(self, *values: T) -> bool:
        """Return True when the value is one of these or unknown: the reading that protects people."""
        return self.unknown or self.says(*values)


class BreachType(StrEnum):
    CONFIDENTIALITY = "confidentiality"
    INTEGRITY = "integrity"
    AVAILABILITY = "availability"


class Cause(StrEnum):
    EXTERNAL_ATTACK = "external_attack"
    INSIDER = "insider"
    HUMAN_ERROR = "human_error"
    TECHNICAL_ERROR = "technical_error"
    THEFT = "theft"
    LOSS = "loss"
    VENDOR = "vendor"


class Vector(StrEnum):
    RANSOMWARE = "ransomware"
    CREDENTIAL_STUFFING = "credential_stuffing"
    SQL_INJECTION = "sql_injection"
    WEB_MALWARE = "web_malware"
    PHISHING = "phishing"
    BUSINESS_EMAIL_COMPROMISE = "business_email_compromise"
    SOCIAL_ENGINEERING_PHONE = "social_engineering_phone"
    PRIVILEGE_MISUSE = "privilege_misuse"
    STOLEN_DEVICE = "stolen_device"
    LOST_DEVICE = "lost_device"
    STOLEN_PAPER = "stolen_paper"
    LOST_PAPER = "lost_paper"
    MISDIRECTED_EMAIL = "misdirected_email"
    MISDELIVERED_POST = "misdelivered_post"
    MISCONFIGURATION = "misconfiguration"
    OTHER = "other"


class DataCategory(StrEnum):
    """A kind of data: an element, as people and laws name it, or a class of several elements (elements.py)."""

    BASIC_IDENTITY = "basic_identity"
    FULL_NAME = "full_name"
    BIRTH_DATE = "birth_date"
    CONTACT = "contact"
    HOME_ADDRESS = "home_address"
    PHONE_NUMBER = "phone_number"
    EMAIL_ADDRESS = "email_address"
    USER_ID = "user_id"
    PSEUDONYMOUS_USERNAME = "pseudonymous_username"
    CREDENTIALS_PLAIN = "credentials_plain"
    SECURITY_ANSWERS = "security_answers"
    CREDENTIALS_HASHED = "credentials_hashed"
    NATIONAL_ID = "national_id"
    SSN = "ssn"
    DRIVERS_LICENSE = "drivers_license"
    PASSPORT = "passport"
    TAX_NUMBER = "tax_number"
    ID_CARD = "id_card"
    PAYMENT_CARD = "payment_card"
    CARD_NUMBER = "card_number"
    CARD_WITH_CODE = "card_with_code"
    FINANCIAL_ACCOUNT = "financial_account"
    ACCOUNT_NUMBER = "account_number"
    ACCOUNT_WITH_ACCESS = "account_with_access"
    BILLING = "billing"
    PURCHASE = "purchase"
    WAGE = "wage"
    INSURANCE_CONTRACT = "insurance_contract"
    VEHICLE_REGISTRATION = "vehicle_registration"
    LOCATION = "location"
    LOCATION_TRAIL = "location_trail"
    COMMUNICATIONS_METADATA = "communications_metadata"
    COMMUNICATIONS_CONTENT = "communications_content"
    EMPLOYMENT = "employment"
    CV_EMPLOYMENT_HISTORY = "cv_employment_history"
    EDUCATION = "education"
    FAMILY_STATUS = "family_status"
    PHOTO = "photo"
    BIOMETRIC = "biometric"
    FINGERPRINT = "fingerprint"
    FACE_TEMPLATE = "face_template"
    VOICE_PRINT = "voice_print"
    GENETIC = "genetic"
    HEALTH = "health"
    DIAGNOSIS = "diagnosis"
    TREATMENT = "treatment"
    PRESCRIPTIONS = "prescriptions"
    HEALTH_INSURANCE_NUMBER = "health_insurance_number"
    HEALTH_MINOR = "health_minor"
    SEXUAL_LIFE = "sexual_life"
    POLITICAL = "political"
    RELIGIOUS = "religious"
    ETHNIC = "ethnic"
    UNION = "union"
    CRIMINAL = "criminal"
    OTHER = "other"


class DataSubject(StrEnum):
    CUSTOMERS = "customers"
    USERS = "users"
    EMPLOYEES = "employees"
    JOB_APPLICANTS = "job_applicants"
    PATIENTS = "patients"
    STUDENTS = "students"
    CHILDREN = "children"
    CITIZENS = "citizens"
    OTHER = "other"


class Backup(StrEnum):
    ELECTRONIC = "electronic"
    PAPER_ONLY = "paper_only"
    ALSO_ENCRYPTED = "also_encrypted"
    NONE = "none"


class Restored(StrEnum):
    FULL = "full"
    MOST = "most"
    NONE = "none"


class Exfiltration(StrEnum):
    YES = "yes"
    POSSIBLE = "possible"
    NO = "no"
    NOT_APPLICABLE = "not_applicable"


class ExfiltrationEvidence(StrEnum):
    COMPLETE_LOGS_AND_EXTERNAL_FORENSICS = "complete_logs_and_external_forensics"
    INTERNAL_INVESTIGATION = "internal_investigation"
    ATTACKER_COULD_ERASE_HISTORY = "attacker_could_erase_history"
    DATABASE_ACCESS_CONFIRMED = "database_access_confirmed"
    DEVICE_GONE_CONTENT_UNCERTAIN = "device_gone_content_uncertain"
    PAPER_GONE = "paper_gone"
    ENCRYPTION = "encryption"
    FORWARDING_RULES = "forwarding_rules"
    SOC_DETECTED_LOGINS = "soc_detected_logins"
    LATER_USE = "later_use"
    PUBLISHED = "published"
    NONE = "none"
    OTHER = "other"


class RecipientKind(StrEnum):
    UNKNOWN_ATTACKER = "unknown_attacker"
    ATTACKER_CIPHERTEXT_ONLY = "attacker_ciphertext_only"
    UNKNOWN_THIEF = "unknown_thief"
    THIEF_CIPHERTEXT_ONLY = "thief_ciphertext_only"
    IMPOSTOR = "impostor"
    FORMER_EMPLOYEE = "former_employee"
    FEW_KNOWN_INDIVIDUALS = "few_known_individuals"
    MANY_KNOWN_INDIVIDUALS = "many_known_individuals"
    OTHER_CUSTOMER = "other_customer"
    PROFESSIONAL_UNDER_SECRECY = "professional_under_secrecy"
    TRUSTED_PARTNER = "trusted_partner"
    PUBLIC = "public"


class ServiceImpact(StrEnum):
    NONE = "none"
    MINOR = "minor"
    MAJOR = "major"


class Count(Unfinished):
    """A number as far as known: from min to max, both included; a bare number is both."""

    min: People | None = None
    max: People | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_number(cls, given: Any) -> Any:
        if isinstance(given, int) and not isinstance(given, bool):
            return {"min": given, "max": given}
        if isinstance(given, str | float | bool):
            raise ValueError("write how many, as in 240, or {min: 200, max: 300}")  # noqa: TRY004 - pydantic takes no other
        return given

    @model_validator(mode="after")
    def _in_order(self) -> "Count":
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")
        return self

    def is_exceeded_by(self, listed: int) -> bool:
        """Return True when a list has so many more people than this number that a person must rule which is right."""
        return self.max is not None and listed > self.max + max(self.max * APART, FEW)

    def is_short_of(self, listed: int) -> bool:
        """Return True when a list has so many people less than this number that it cannot be the whole list."""
        return self.min is not None and listed < self.min - max(self.min * APART, FEW)


class DataHolder(Unfinished):
    """A recipient who has the data now."""

    kind: RecipientKind | None = None
    count: People | None = None
    trusted: Truth | None = None
    deletion_confirmed: Truth | None = None


def _not_empty(given: Any) -> Any:
    if given is None:
        raise ValueError("nothing stands here; name a kind of data, or delete the item")
    return given


TouchedCategory = Annotated[Fact[DataCategory], BeforeValidator(_not_empty)]
"""A kind of data with its certainty; an item of a list that holds nothing is an error, not an unknown fact."""


class Mitigation(Value):
    """One measure against the harm, with its time where known."""

    what: str = Field(pattern=r"^[a-z0-9_]+$")
    at: StatedMoment | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_word(cls, given: Any) -> Any:
        return {"what": given} if isinstance(given, str) else given


class Facts(Value):
    """The facts block of an incident file; every field may be unknown."""

    # docs/facts.md and the schema show what stands below each fact.

    sector: Fact[str] = Fact[str]()
    """The trade of the organisation, such as banking, healthcare, insurance, retail or public_administration. Some laws
    are for certain trades only."""
    breach_types: Fact[tuple[BreachType, ...]] = Fact[tuple[BreachType, ...]]()
    """The harm to the data: its secrecy (somebody has seen the data, or may have), correctness, or access to it."""
    cause: Fact[Cause] = Fact[Cause]()
    """The origin of the incident."""
    vector: Fact[Vector] = Fact[Vector]()
    """The way in which it was done, or happened."""
    malicious: Fact[Truth] = Fact[Truth]()
    """Somebody meant harm or gain."""
    data_categories: Fact[tuple[TouchedCategory, ...]] = Fact[tuple[TouchedCategory, ...]]()
    """The data elements that were touched, each confirmed or suspected: ssn, not national_id, where you know it.
    health_minor is a trivial hint, such as a food preference; health is the real thing."""
    data_subjects: Fact[tuple[DataSubject, ...]] = Fact[tuple[DataSubject, ...]]()
    """The people whose data it is."""
    vulnerable_subjects: Fact[Truth] = Fact[Truth]()
    """Children, patients or people in need of protection are among them."""
    people: Fact[Count] = Fact[Count]()
    """The number of people touched, as far as known. The highest possible number counts."""
    encrypted_at_rest: Fact[Truth] = Fact[Truth]()
    """The data was encrypted where it lay, by the state of the art."""
    encryption_key_safe: Fact[Truth] = Fact[Truth]()
    """The key was not taken. Leave it unknown when nothing was encrypted."""
    protection_note: Fact[str] = Fact[str]()
    """Other protection of the data: the strength of passwords, a salt, a remote lock."""
    backup: Fact[Backup] = Fact[Backup]()
    """The copy from which the data can be brought back; also_encrypted means that the attack reached it too."""
    restored: Fact[Restored] = Fact[Restored]()
    """The share of the data that is back."""
    restore_hours: Fact[Hours] = Fact[Hours]()
    """The hours until people could be served again."""
    permanent_loss: Fact[Truth] = Fact[Truth]()
    """Some of the data is lost for good."""
    exfiltration: Fact[Exfiltration] = Fact[Exfiltration]()
    """Data was copied or carried away. The answer no counts only with sound evidence; not_applicable is for an incident
    in which nothing can leave, such as a deletion."""
    exfiltration_evidence: Fact[ExfiltrationEvidence] = Fact[ExfiltrationEvidence]()
    """The evidence for that statement."""
    recipient: Fact[DataHolder] = Fact[DataHolder]()
    """The holder of the data now: kind, number, whether they can be trusted, and whether they deleted it."""
    exposure_days: Fact[Days] = Fact[Days]()
    """The days for which the data lay open."""
    service_impact: Fact[ServiceImpact] = Fact[ServiceImpact]()
    """The disturbance that the people concerned noticed."""
    misuse_observed: Fact[Truth] = Fact[Truth]()
    """Somebody has used the data already."""
    mitigations: Fact[tuple[Mitigation, ...]] = Fact[tuple[Mitigation, ...]]()
    """Measures against the harm, in your own words joined by _, such as police_report, access_revoked,
    remote_wipe or forced_password_reset; with a time where known."""

    def categories(self) -> tuple[DataCategory, ...]:
        """Return the categories of data that are confirmed or suspected to be touched."""
        if not self.data_categories.stands:
            return ()
        return tuple(fact.value for fact in self.data_categories.value or () if fact.stands and fact.value)
