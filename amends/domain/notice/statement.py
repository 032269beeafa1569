"""Statements: what a notice says as true, or promises, in a form in which two of them can be compared."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import field_validator

from amends.domain.base.value import Value
from amends.domain.incident.commitment import Commitment, fate
from amends.domain.incident.facts import Certainty, Count, Fact, Facts, Mitigation
from amends.domain.incident.incident import Incident, StatementKey

COMMITMENT = "commitment:"
"""The beginning of the key of a statement about a commitment; the commitment's id follows."""
FACT = {
    StatementKey.CAUSE: "cause",
    StatementKey.VECTOR: "vector",
    StatementKey.MALICIOUS: "malicious",
    StatementKey.ENCRYPTED: "encrypted_at_rest",
    StatementKey.EXFILTRATION: "exfiltration",
    StatementKey.RECIPIENT: "recipient",
    StatementKey.MISUSE: "misuse_observed",
    StatementKey.MEASURES: "mitigations",
}
"""The fact that each of these statements gives."""
NEVER_WRONG = frozenset({StatementKey.NEXT_UPDATE, StatementKey.CONTACT})
"""The statements that are neither corrected nor listed as a change: each notice gives the latest."""
CAN_BE_WRONG = frozenset({*StatementKey} - NEVER_WRONG)
"""The statements that are corrected. A missed next update gets an apology, and a commitment notices of its own."""
SAID_FOR_SURE = (Certainty.CONFIRMED, Certainty.RULED_OUT)
"""The certainties of statements that can turn out to be wrong."""
BETWEEN = "|"
"""The sign between several words of one value."""


class Statement(Value):
    """One thing that a notice says as true, or promises."""

    key: str
    value: str
    """The value in a form that does not depend on the language: a day as 2026-03-02, a span as 200/300, words of the
    incident file."""
    certainty: Certainty = Certainty.CONFIRMED

    @field_validator("key")
    @classmethod
    def _known(cls, key: str) -> str:
        if key not in {*StatementKey} and not key.startswith(COMMITMENT):
            raise ValueError(f"no statement is about {key}; known are {', '.join(StatementKey)} and {COMMITMENT}ID")
        return key


def in_order(elements: str) -> str:
    """Return these data elements as the value of a statement, whatever order a list gives them in."""
    return BETWEEN.join(sorted(elements.split(BETWEEN)))


def about(commitment: str) -> str:
    """Return the key of statements about the commitment with this id."""
    return f"{COMMITMENT}{commitment}"


def stated_by(incident: Incident, people: int) -> dict[str, Statement]:
    """Return each statement that a notice about this incident could make, by its key; what is unknown states nothing.

    `people` is the number of people in the list, which counts as suspected where the facts name no number.
    """
    found = [*_times(incident), *_facts(incident.facts), *_people(incident, people), _contact(incident)]
    return {one.key: one for one in found if one.value or one.certainty is Certainty.RULED_OUT}


def committed(commitment: Commitment, now: datetime, zone: str) -> Statement:
    """Return what a notice says about this commitment now: how it stands and which day is named in the time zone."""
    named = _day(commitment.new_due_at or commitment.due_at, zone)
    return Statement(key=about(commitment.id), value=f"{fate(commitment, now)} {named}")


def next_update(at: datetime) -> Statement:
    """Return the statement that the next update comes by this time."""
    return Statement(key=StatementKey.NEXT_UPDATE, value=at.astimezone(ZoneInfo("UTC")).isoformat(timespec="minutes"))


def contradicts(told: Statement, known: Statement | None) -> bool:
    """Return True when people who were told the first statement were told something wrong, by what is known now.

    A statement that was only suspected cannot turn out to be wrong, and one of which nothing is known any more is not
    known to be wrong. A span is right as long as the present one lies within it, and measures that were added are news.
    That something was not so is wrong when it is confirmed after all.
    """
    if told.certainty not in SAID_FOR_SURE or known is None or told.key not in CAN_BE_WRONG:
        return False
    if told.certainty is Certainty.RULED_OUT:
        return bool(told.value) and known.certainty is Certainty.CONFIRMED and told.value == known.value
    agrees = AGREES.get(StatementKey(told.key), str.__eq__)
    return known.certainty is Certainty.RULED_OUT or not agrees(told.value, known.value)


def _within(told: str, known: str) -> bool:
    """Return True when the second span lies within the first one: `240/240`, `2026-03-02/`."""
    (first, last), (start, end) = (map(_number, value.split("/")) for value in (told, known))
    return (not first or start >= first) and (not last or (bool(end) and end <= last))


def _number(text: str) -> str:
    """Return a number with leading zeros, so that numbers compare as the days of a calendar do."""
    return text.zfill(12) if text.isdecimal() else text


def _still_all(told: str, known: str) -> bool:
    return set(told.split(BETWEEN)) <= set(known.split(BETWEEN))


AGREES: Mapping[StatementKey, Callable[[str, str], bool]] = {
    StatementKey.OCCURRED: _within,
    StatementKey.PEOPLE: _within,
    StatementKey.ENCRYPTED: _still_all,
    StatementKey.MEASURES: _still_all,
}
"""Functions that return True when the known value agrees with the told one; elsewhere the two must be the same."""


def _times(incident: Incident) -> Iterator[Statement]:
    times, zone = incident.times, incident.organisation.timezone
    if times.occurred.start or times.occurred.end:
        both = f"{_day(times.occurred.start, zone)}/{_day(times.occurred.end, zone)}"
        yield Statement(key=StatementKey.OCCURRED, value=both)
    for key, at in {
        StatementKey.DISCOVERED: times.events.get("discovered"),
        StatementKey.CONTAINED: times.contained,
    }.items():
        yield Statement(key=key, value=_day(at, zone))


def _day(moment: datetime | None, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d}" if moment else ""


def _facts(facts: Facts) -> Iterator[Statement]:
    for key, name in FACT.items():
        fact: Fact[Any] = getattr(facts, name)
        value = "" if fact.value is None else PLAIN.get(key, _word)(fact.value)
        if key is StatementKey.ENCRYPTED and fact.value and not facts.encryption_key_safe.unknown:
            value += f"{BETWEEN}key safe" if facts.encryption_key_safe.says(True) else f"{BETWEEN}key taken"
        yield _statement(key, fact, value)
    yield _statement(StatementKey.ELEMENTS, facts.data_categories, BETWEEN.join(sorted(facts.categories())))


def _statement(key: StatementKey, fact: Fact[Any], value: str) -> Statement:
    return Statement(key=key, value="" if fact.unknown else value, certainty=fact.certainty)


def _word(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _measures(measures: Iterable[Mitigation]) -> str:
    return BETWEEN.join(sorted(measure.what for measure in measures))


PLAIN: Mapping[StatementKey, Callable[[Any], str]] = {
    StatementKey.RECIPIENT: lambda holder: holder.kind or "",
    StatementKey.MEASURES: _measures,
}
"""The value of a statement from the value of its fact, where it is not one word."""


def _people(incident: Incident, listed: int) -> Iterator[Statement]:
    fact, count = incident.facts.people, incident.people_stated(listed)
    if count != Count():
        value = "/".join("" if end is None else str(end) for end in (count.min, count.max))
        yield Statement(
            key=StatementKey.PEOPLE, value=value, certainty=fact.certainty if fact.stands else Certainty.SUSPECTED
        )


def _contact(incident: Incident) -> Statement:
    contacts = incident.organisation.contacts
    return Statement(key=StatementKey.CONTACT, value=" ".join(filter(None, (contacts.phone, contacts.email))))
