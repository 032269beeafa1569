"""Looks at personal data and questions: who was shown what of whom, as the audit chain keeps it."""

from collections.abc import Mapping

from amends.domain.base.value import Moment, Value

LOOKED = "looked"
"""The act of a look in the audit chain."""
SHOWING = {
    LOOKED: "",
    "dossier made": "dossier make",
    "link renewed": "link renew",
    "mail file saved": "inbox save",
    "codes looked at": "codes show",
    "claim read": "claims show",
    "evidence opened": "claims evidence",
    "letters handed over": "letters",
    "letters written again": "letters",
}
"""Acts by which a member was shown personal data, each with its verb; a look says its verb itself."""
PERSON = "person "


class Look(Value):
    """One look at personal data: ids and numbers only."""

    at: Moment
    by: str
    """The member who looked, or the program's name before the team had members."""
    verb: str
    about: str
    """The thing that was shown, such as "question 7", or "questions" of several."""
    person: int | None = None
    """The number of the person whom it is about; None of several people, or of nobody known."""
    count: int = 1
    """The number of things that were shown."""


def look_of(at: Moment, by: str, act: str, subject: str, detail: Mapping[str, object]) -> Look:
    """Return the look of an audit entry. Raises KeyError for an act by which nobody is shown anything."""
    verb = SHOWING[act]
    number = subject.removeprefix(PERSON)
    named = int(number) if number != subject and number.isdecimal() else None
    return Look.model_validate(
        {
            "at": at,
            "by": by,
            "verb": verb or detail.get("verb", ""),
            "about": subject,
            "person": detail.get("person", named),
            "count": detail.get("count", detail.get("letters", 1)),
        }
    )
