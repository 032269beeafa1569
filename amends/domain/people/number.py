"""The number of people: whether the facts and the list of people agree, and what to amend where they do not."""

from amends.domain.incident.incident import Incident, ListExtent

OTHER_NUMBER = "facts.people: {min: 200} is at least, {max: 300} is up to"
FIRST_PART = (
    "the incident file: `list_is: first_part` says that more people are still to be listed, and tells those who are"
)


def to_amend(incident: Incident, listed: int) -> str:
    """Return what to amend because the facts and a list of this many people are too far apart; empty where they agree.

    A list that has less people than the facts agrees when the lead ruled that it is the first part.
    """
    stated = incident.facts.people
    if not (listed and stated.stands and stated.value):
        return ""
    if stated.value.is_exceeded_by(listed):
        return OTHER_NUMBER
    if stated.value.is_short_of(listed) and incident.list_is is ListExtent.WHOLE:
        return f"{FIRST_PART}. Where the number is wrong, amend {OTHER_NUMBER}"
    return ""
