"""Who may hold which data, and whether they can read it: what the rules of risk need from the facts.

What is unknown is read as the worse case. Where two facts contradict each other, the one that tells of harm wins.
"""

from enum import StrEnum

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
    """What a stranger can do with the data, the mildest first."""

    EMPTY = "empty"
    """It tells nobody whose it is."""
    ORDINARY = "ordinary"
    BILLING = "billing"
    TELLING = "telling"
    """It shows how somebody lives."""
    GRAVE = "grave"
    """Enough to steal from somebody, to act in their name or to shame them."""
    SPECIAL = "special"
    """The special categories of GDPR 9(1), and criminal records (GDPR 10)."""

    @property
    def rank(self) -> int:
        """0 for empty to 5 for special."""
        return list(DataClass).index(self)


class Holder(StrEnum):
    """Who has the data, those least to be feared first."""

    DELETED = "deleted"
    """Somebody bound to secrecy, who has confirmed that it is deleted."""
    BOUND = "bound"
    FEW = "few"
    """A few honest people we know, who did not ask for it."""
    INSIDER = "insider"
    """Somebody who worked for us, or is bound to us, and may use it for their own ends."""
    MANY = "many"
    HOSTILE = "hostile"
    """Somebody who means harm, the public, or nobody can say who."""


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
"""From somebody who looks for work they make a life's story, as a CV does (EDPB Guidelines 01/2021, case 05)."""

CIPHERTEXT_ONLY = (RecipientKind.ATTACKER_CIPHERTEXT_ONLY, RecipientKind.THIEF_CIPHERTEXT_ONLY)
CHANCE_RECIPIENTS = (
    RecipientKind.FEW_KNOWN_INDIVIDUALS,
    RecipientKind.MANY_KNOWN_INDIVIDUALS,
    RecipientKind.OTHER_CUSTOMER,
)
"""They got it by somebody's mistake; honest, unless we know better."""
HAS_IT = (*CHANCE_RECIPIENTS, RecipientKind.FORMER_EMPLOYEE, RecipientKind.IMPOSTOR, RecipientKind.PUBLIC)
"""Named only when somebody knows that it reached them; an attacker is named even when he took nothing."""
STILL_FEW = 20
"""Up to here known recipients can be spoken to one by one; the EDPB's case 15 has fifteen."""

MISSENT = (Vector.MISDIRECTED_EMAIL, Vector.MISDELIVERED_POST)
SLIPS = (*MISSENT, Vector.LOST_DEVICE, Vector.LOST_PAPER)
"""Nobody does these on purpose."""
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
"""These show data to others; unless the kinds of breach say more, nothing is lost or changed by them."""


def feared(fact: Fact[bool]) -> bool:
    """Said to be so, for sure or as a suspicion."""
    return fact.says(True) or holds(fact)


def denied(fact: Fact[bool]) -> bool:
    """Said not to be so, for sure or as a suspicion."""
    return fact.says(False) or cannot_hold(fact)


def gravest(facts: Facts) -> DataClass:
    """The class of the most telling data that may be touched; the gravest while nobody can say."""
    kinds = touched(facts)
    if kinds is None:
        return DataClass.SPECIAL
    return max((class_of(kind, facts) for kind in kinds), key=lambda found: found.rank, default=DataClass.EMPTY)


def class_of(kind: DataCategory, facts: Facts) -> DataClass:
    """The class of one kind of data in this incident."""
    if kind in IN_AN_APPLICATION and about(facts, DataSubject.JOB_APPLICANTS):
        return DataClass.GRAVE
    return CLASS_OF[kind]


def about(facts: Facts, *subjects: DataSubject) -> bool:
    """Some of these are said to be among the people concerned."""
    known = facts.data_subjects
    return known.stands and bool(set(subjects) & set(known.value or ()))


def vulnerable(facts: Facts) -> bool:
    """Children, patients or people in need of protection are said to be among them."""
    return feared(facts.vulnerable_subjects) or about(facts, DataSubject.PATIENTS, DataSubject.CHILDREN)


def key_safe(facts: Facts) -> bool:
    """The data was encrypted and nobody else has the key, both for sure."""
    return holds(facts.encrypted_at_rest) and holds(facts.encryption_key_safe)


def ciphertext_only(facts: Facts) -> bool:
    """Whoever has it is known to hold nothing but ciphertext, something else speaks of encryption, nothing against."""
    both = (facts.encrypted_at_rest, facts.encryption_key_safe)
    spoken_of = any(map(holds, both)) or facts.exfiltration_evidence.sure(ExfiltrationEvidence.ENCRYPTION)
    return _recipient(facts).kind in CIPHERTEXT_ONLY and spoken_of and not any(map(denied, both))


def used(facts: Facts) -> bool:
    """Somebody is said to have used or published it, so it was taken and could be read."""
    shows_use = (ExfiltrationEvidence.LATER_USE, ExfiltrationEvidence.PUBLISHED)
    return feared(facts.misuse_observed) or facts.exfiltration_evidence.says(*shows_use)


def readable(facts: Facts) -> bool:
    """Whoever has it may be able to read it."""
    return used(facts) or not (key_safe(facts) or ciphertext_only(facts))


def no_copy(facts: Facts) -> bool:
    """Sound evidence says that nobody has it, and nothing else says that somebody does.

    That copying is "not applicable" is no such evidence: nobody copies a letter that was sent to the wrong house.
    """
    not_asked = facts.exfiltration.sure(Exfiltration.NOT_APPLICABLE)
    return not (may_have_left(facts) or not_asked or _somebody_has_it(facts))


def undisclosed(facts: Facts) -> bool:
    """The kinds of breach are known and disclosure is not among them, and nothing else says that somebody has it."""
    taken = facts.exfiltration.says(Exfiltration.YES, Exfiltration.POSSIBLE)
    return not (may_touch(facts, BreachType.CONFIDENTIALITY) or taken or _somebody_has_it(facts))


def no_personal_data(facts: Facts) -> bool:
    """It is known that no personal data was touched."""
    return touched(facts) == ()


def exposed(facts: Facts) -> bool:
    """Somebody may hold personal data and be able to read it."""
    return readable(facts) and not (no_copy(facts) or undisclosed(facts) or no_personal_data(facts))


def only_disclosed(facts: Facts, kind: BreachType) -> bool:
    """Breaches of this kind are not among them: they are known, or it came about in a way that only discloses."""
    known = facts.breach_types
    listed = known.stands and kind in (known.value or ())
    return not may_touch(facts, kind) or (not listed and facts.vector.sure(*DISCLOSING_VECTORS))


def holder(facts: Facts) -> Holder:
    """Who has the data, as far as it is known for sure; otherwise somebody to be feared."""
    recipient = _recipient(facts)
    if recipient.kind in BOUND_RECIPIENTS and recipient.trusted is not False:
        return _bound(facts, recipient)
    if recipient.kind is RecipientKind.FORMER_EMPLOYEE:
        return Holder.INSIDER
    if recipient.kind in (*CHANCE_RECIPIENTS, *BOUND_RECIPIENTS) and not malice(facts):
        return Holder.FEW if _few(recipient) else Holder.MANY
    return Holder.HOSTILE


def malice(facts: Facts) -> bool:
    """Somebody means harm or gain; while nobody can say, unless it came about by a slip."""
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
    """Who has it, if that is known for sure; a suspicion about it protects nobody."""
    known = facts.recipient.value
    return known if known is not None and facts.recipient.sure(known) else DataHolder()
