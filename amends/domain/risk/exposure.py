"""Conclusions from the facts for the rules of risk: the class of the data, its holder, and whether it is readable.

An unknown fact is read as the worse case. Where two facts contradict each other, the one that tells of harm wins.
"""

from enum import StrEnum

from amends.domain.incident import elements
from amends.domain.incident.facts import (
    BreachType,
    Cause,
    DataCategory,
    DataHolder,
    DataSubject,
    Exfiltration,
    ExfiltrationEvidence,
    Fact,
    Facts,
    RecipientKind,
    Vector,
)
from amends.domain.risk.severity import BOUND_RECIPIENTS, cannot_hold, holds, may_have_left, may_touch, touched


class DataClass(StrEnum):
    """A class of data by the harm that a stranger can do with it, the mildest first."""

    EMPTY = "empty"
    """The data tells nobody whose it is."""
    ORDINARY = "ordinary"
    BILLING = "billing"
    TELLING = "telling"
    """The data shows how somebody lives."""
    GRAVE = "grave"
    """The data is enough to steal from somebody, to act in their name or to shame them."""
    SPECIAL = "special"
    """The special categories of GDPR 9(1), and criminal records (GDPR 10)."""

    @property
    def rank(self) -> int:
        """Return the rank of the class, from 0 for empty to 5 for special."""
        return list(DataClass).index(self)


class Holder(StrEnum):
    """A kind of holder of the data, the least dangerous first."""

    DELETED = "deleted"
    """Somebody bound to secrecy, who has confirmed that the data is deleted."""
    BOUND = "bound"
    FEW = "few"
    """A few honest people we know, who did not ask for the data."""
    INSIDER = "insider"
    """Somebody who worked for us, or is bound to us, and may use the data for their own ends."""
    MANY = "many"
    HOSTILE = "hostile"
    """Somebody who means harm, the public, or a holder whom nobody knows."""


CLASSES = {
    DataClass.EMPTY: (DataCategory.CREDENTIALS_HASHED, DataCategory.PSEUDONYMOUS_USERNAME, DataCategory.USER_ID),
    DataClass.ORDINARY: (
        DataCategory.BASIC_IDENTITY,
        DataCategory.CONTACT,
        DataCategory.PURCHASE,
        DataCategory.HEALTH_MINOR,
        DataCategory.EDUCATION,
        DataCategory.EMPLOYMENT,
        DataCategory.PHOTO,
    ),
    DataClass.BILLING: (DataCategory.BILLING,),
    DataClass.TELLING: (
        DataCategory.INSURANCE_CONTRACT,
        DataCategory.VEHICLE_REGISTRATION,
        DataCategory.FAMILY_STATUS,
        DataCategory.COMMUNICATIONS_METADATA,
        DataCategory.LOCATION,
        DataCategory.OTHER,
    ),
    DataClass.GRAVE: (
        DataCategory.NATIONAL_ID,
        DataCategory.PAYMENT_CARD,
        DataCategory.FINANCIAL_ACCOUNT,
        DataCategory.CREDENTIALS_PLAIN,
        DataCategory.WAGE,
        DataCategory.CV_EMPLOYMENT_HISTORY,
        DataCategory.COMMUNICATIONS_CONTENT,
    ),
    DataClass.SPECIAL: (
        DataCategory.HEALTH,
        DataCategory.GENETIC,
        DataCategory.BIOMETRIC,
        DataCategory.SEXUAL_LIFE,
        DataCategory.POLITICAL,
        DataCategory.RELIGIOUS,
        DataCategory.ETHNIC,
        DataCategory.UNION,
        DataCategory.CRIMINAL,
    ),
}
CLASS_OF = {kind: data_class for data_class, kinds in CLASSES.items() for kind in kinds}

IN_AN_APPLICATION = (DataCategory.EMPLOYMENT, DataCategory.EDUCATION)
"""Kinds of data that tell the life of a job applicant, as a CV does (EDPB Guidelines 01/2021, case 05)."""

CIPHERTEXT_ONLY = (RecipientKind.ATTACKER_CIPHERTEXT_ONLY, RecipientKind.THIEF_CIPHERTEXT_ONLY)
CHANCE_RECIPIENTS = (
    RecipientKind.FEW_KNOWN_INDIVIDUALS,
    RecipientKind.MANY_KNOWN_INDIVIDUALS,
    RecipientKind.OTHER_CUSTOMER,
)
"""Recipients who got the data by somebody's mistake; they count as honest unless the facts say otherwise."""
HAS_IT = (*CHANCE_RECIPIENTS, RecipientKind.FORMER_EMPLOYEE, RecipientKind.IMPOSTOR, RecipientKind.PUBLIC)
"""Recipients named only when the data has reached them; an attacker is named even when nothing was taken."""
STILL_FEW = 20
"""The largest number of known recipients who can be spoken to one by one; the EDPB's case 15 has fifteen."""

MISSENT = (Vector.MISDIRECTED_EMAIL, Vector.MISDELIVERED_POST)
SLIPS = (*MISSENT, Vector.LOST_DEVICE, Vector.LOST_PAPER)
"""Vectors that are never on purpose."""
SLIP_CAUSES = (Cause.HUMAN_ERROR, Cause.TECHNICAL_ERROR, Cause.LOSS)
DEEDS = (Cause.EXTERNAL_ATTACK, Cause.INSIDER, Cause.THEFT)

DISCLOSING_VECTORS = (
    *MISSENT,
    Vector.CREDENTIAL_STUFFING,
    Vector.PHISHING,
    Vector.BUSINESS_EMAIL_COMPROMISE,
    Vector.SOCIAL_ENGINEERING_PHONE,
    Vector.SQL_INJECTION,
    Vector.PRIVILEGE_MISUSE,
    Vector.MISCONFIGURATION,
)
"""Vectors that show data to others; unless the kinds of breach say more, they neither lose nor change data."""


def feared(fact: Fact[bool]) -> bool:
    """Return True when the statement is said to be true, for sure or as a suspicion."""
    return fact.says(True) or holds(fact)


def denied(fact: Fact[bool]) -> bool:
    """Return True when the statement is said to be false, for sure or as a suspicion."""
    return fact.says(False) or cannot_hold(fact)


def gravest(facts: Facts) -> DataClass:
    """Return the gravest class of the data that may be touched; SPECIAL while nobody can say which data it is."""
    kinds = touched(facts)
    if kinds is None:
        return DataClass.SPECIAL
    return max((class_of(kind, facts) for kind in kinds), key=lambda found: found.rank, default=DataClass.EMPTY)


def class_of(kind: DataCategory, facts: Facts) -> DataClass:
    """Return the class of one kind of data in this incident."""
    if kind in IN_AN_APPLICATION and about(facts, DataSubject.JOB_APPLICANTS):
        return DataClass.GRAVE
    return CLASS_OF[elements.class_of(kind)]


def about(facts: Facts, *subjects: DataSubject) -> bool:
    """Return True when some of these are said to be among the people concerned."""
    known = facts.data_subjects
    return known.stands and bool(set(subjects) & set(known.value or ()))


def vulnerable(facts: Facts) -> bool:
    """Return True when children, patients or people in need of protection are said to be among the people concerned."""
    return feared(facts.vulnerable_subjects) or about(facts, DataSubject.PATIENTS, DataSubject.CHILDREN)


def key_safe(facts: Facts) -> bool:
    """Return True when it is certain that the data was encrypted and that nobody else has the key."""
    return holds(facts.encrypted_at_rest) and holds(facts.encryption_key_safe)


def ciphertext_only(facts: Facts) -> bool:
    """Return True when the recipient is known to hold nothing but ciphertext.

    Another fact must confirm the encryption as well, and none may deny it.
    """
    both = (facts.encrypted_at_rest, facts.encryption_key_safe)
    spoken_of = any(map(holds, both)) or facts.exfiltration_evidence.sure(ExfiltrationEvidence.ENCRYPTION)
    return _recipient(facts).kind in CIPHERTEXT_ONLY and spoken_of and not any(map(denied, both))


def used(facts: Facts) -> bool:
    """Return True when somebody is said to have used or published the data, which proves that it was taken and read."""
    shows_use = (ExfiltrationEvidence.LATER_USE, ExfiltrationEvidence.PUBLISHED)
    return feared(facts.misuse_observed) or facts.exfiltration_evidence.says(*shows_use)


def readable(facts: Facts) -> bool:
    """Return True when a holder of the data may be able to read it."""
    return used(facts) or not (key_safe(facts) or ciphertext_only(facts))


def no_copy(facts: Facts) -> bool:
    """Return True when sound evidence says that nobody has the data, and nothing else says that somebody does.

    Copying that is "not applicable" is no such evidence: nobody copies a letter that was sent to the wrong house.
    """
    not_asked = facts.exfiltration.sure(Exfiltration.NOT_APPLICABLE)
    return not (may_have_left(facts) or not_asked or _somebody_has_it(facts))


def undisclosed(facts: Facts) -> bool:
    """Return True when the known kinds of breach exclude disclosure, and nothing says that somebody has the data."""
    taken = facts.exfiltration.says(Exfiltration.YES, Exfiltration.POSSIBLE)
    return not (may_touch(facts, BreachType.CONFIDENTIALITY) or taken or _somebody_has_it(facts))


def no_personal_data(facts: Facts) -> bool:
    """Return True when it is known that no personal data was touched."""
    return touched(facts) == ()


def exposed(facts: Facts) -> bool:
    """Return True when somebody may hold personal data and be able to read it."""
    return readable(facts) and not (no_copy(facts) or undisclosed(facts) or no_personal_data(facts))


def only_disclosed(facts: Facts, kind: BreachType) -> bool:
    """Return True when the kinds of breach are known and exclude this one, or the vector is one that only discloses."""
    known = facts.breach_types
    listed = known.stands and kind in (known.value or ())
    return not may_touch(facts, kind) or (not listed and facts.vector.sure(*DISCLOSING_VECTORS))


def holder(facts: Facts) -> Holder:
    """Return the kind of holder of the data; HOSTILE unless a less dangerous one is known for sure."""
    recipient = _recipient(facts)
    if recipient.kind in BOUND_RECIPIENTS and recipient.trusted is not False:
        return _bound(facts, recipient)
    if recipient.kind is RecipientKind.FORMER_EMPLOYEE:
        return Holder.INSIDER
    if recipient.kind in (*CHANCE_RECIPIENTS, *BOUND_RECIPIENTS) and not malice(facts):
        return Holder.FEW if _few(recipient) else Holder.MANY
    return Holder.HOSTILE


def malice(facts: Facts) -> bool:
    """Return True when somebody means harm or gain, or nobody can say and the breach did not come about by a slip."""
    if feared(facts.malicious):
        return True
    return not (cannot_hold(facts.malicious) or _slip(facts))


def _bound(facts: Facts, recipient: DataHolder) -> Holder:
    reliable = recipient.trusted or recipient.deletion_confirmed
    if feared(facts.malicious) or (malice(facts) and not reliable):
        return Holder.INSIDER
    return Holder.DELETED if recipient.deletion_confirmed else Holder.BOUND


def _few(recipient: DataHolder) -> bool:
    if recipient.count is None:
        return recipient.kind is not RecipientKind.MANY_KNOWN_INDIVIDUALS
    return recipient.count <= STILL_FEW


def _slip(facts: Facts) -> bool:
    if facts.vector.sure(Vector.MISCONFIGURATION):
        return not facts.cause.says(*DEEDS)
    return facts.cause.sure(*SLIP_CAUSES) or facts.vector.sure(*SLIPS)


def _somebody_has_it(facts: Facts) -> bool:
    named = facts.recipient.value if facts.recipient.stands else None
    reached = named is not None and named.kind in HAS_IT
    return reached or facts.vector.says(*MISSENT) or used(facts)


def _recipient(facts: Facts) -> DataHolder:
    """Return the recipient if known for sure, else an unknown one: a suspicion about the recipient protects nobody."""
    known = facts.recipient.value
    return known if known is not None and facts.recipient.sure(known) else DataHolder()
