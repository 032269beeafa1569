"""Writing of an incident file from a VERIS record: each value, its source, and the values that a person must add."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from amends.content.file.binding import bind
from amends.content.file.codes import Code
from amends.content.file.commented import Noted, commented_yaml, without_comments
from amends.content.file.countries import COUNTRIES
from amends.content.file.document import Document
from amends.content.incident.veris.mapping import facts_of, noted, sector
from amends.content.incident.veris.record import Length, Record, RecordTimeline, Victim
from amends.domain.base.errors import ContentError, Finding


@dataclass(frozen=True)
class VerisImport:
    """The draft of an incident file."""

    said: dict[str, Any]
    """The values of the file, with their comments."""
    head: tuple[str, ...]

    @property
    def content(self) -> dict[str, Any]:
        """Return the values of the file without their comments."""
        return {key: without_comments(value) for key, value in self.said.items()}

    @property
    def todo(self) -> tuple[str, ...]:
        """Return the keys that a person must fill in."""
        return tuple(key.removeprefix(".") for key in _todo(self.said, ""))

    def yaml(self) -> str:
        """Return the text of the file."""
        return commented_yaml(self.said, self.head)


def from_veris(document: Document) -> VerisImport:
    """Return the incident file of a record. Raises ContentError with every finding."""
    record = bind(document, Record)
    if record.security_incident in ("False positive", "Near miss"):
        where = document.where(("security_incident",))
        what = f"security_incident: nothing happened, VERIS says: {record.security_incident}"
        raise ContentError(Finding(where, Code.DOES_NOT_FIT, what))
    title = f"VERIS record {record.incident_id[:8]}: {', '.join(record.action.kinds)}"
    content = {
        "id": record.incident_id,
        "title": Noted(title, "TODO say in a few words what happened"),
        "organisation": _organisation(record),
        "times": _times(record.timeline),
        "facts": facts_of(record),
        "texts": _texts(),
    }
    return VerisImport(content, tuple(_head(record)))


def _head(record: Record) -> Iterator[str]:
    version = f" (schema {record.schema_version})" if record.schema_version else ""
    yield f"Made by `amends incident import` from VERIS record {record.incident_id}{version}."
    yield "What is empty is unknown, never no. Replace every TODO before the incident is opened."
    if record.security_incident == "Suspected":
        yield "VERIS only suspects this incident, so none of its facts is confirmed."
    yield "Records of the VERIS Community Database are under CC BY-SA 4.0: share this file alike."


def _organisation(record: Record) -> dict[str, Any]:
    victim, named = record.victim, sector(record)
    return {
        "name": _name(victim),
        "established_in": _established_in(victim),
        "sector": noted(named) if named else Noted(None, "not said by VERIS"),
        "role": Noted(None, "TODO controller or processor? VERIS does not say"),
        "size": Noted(None, f"TODO number of staff; VERIS: victim.employee_count = {victim.employee_count}"),
        "timezone": Noted("UTC", "TODO the zone in which notices tell times"),
        "own_domains": Noted(["example.invalid"], "TODO links in messages lead only here"),
        "contacts": {
            "email": Noted("todo@example.invalid", "TODO a placeholder: no mail arrives there"),
            "phone": Noted("000 000 000", "TODO a placeholder: nobody answers there"),
        },
    }


def _name(victim: Victim) -> Noted:
    if not victim.victim_id or victim.victim_id.casefold() == "unknown":
        return Noted("TODO name of the organisation", "TODO VERIS does not name it")
    return Noted(victim.victim_id, "VERIS: victim.victim_id")


def _established_in(victim: Victim) -> Noted:
    """Return the victim's country, or a TODO unless VERIS names exactly one country."""
    said = f"victim.country = {', '.join(victim.country) or 'Unknown'}"
    if len(victim.country) != 1 or victim.country[0] not in COUNTRIES:
        return Noted(None, f"TODO the country, in two letters; VERIS: {said}")
    state = re.fullmatch("[A-Z]{2}(-[A-Z0-9]{1,3})?", victim.state or "")
    return Noted(victim.country[0], f"VERIS: {said}" + (f", victim.state = {state[0]}" if state else ""))


def _times(timeline: RecordTimeline) -> dict[str, Any]:
    return {
        "occurred": _occurred(timeline),
        "discovered": _counted("discovery", timeline.discovery, timeline.discovered),
        "contained": _counted("containment", timeline.containment, timeline.contained),
    }


def _occurred(timeline: RecordTimeline) -> Any:
    if timeline.incident is None:
        return {"from": None, "to": None}
    start, end = map(_moment, timeline.incident.bounds())
    return Noted({"from": start, "to": end}, f"VERIS: timeline.incident = {timeline.incident}; some time in it, UTC")


def _counted(name: str, length: Length | None, at: datetime | None) -> Noted:
    if length is None:
        return Noted(None, "not said by VERIS")
    how = "TODO the hour; counted from the start of the day" if at else "not exact enough for a time"
    return Noted(at and _moment(at), f"{how}; VERIS: timeline.{name} = {length}")


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _texts() -> Noted:
    story = {
        "what_happened": "what happened, when and where, in plain words.",
        "in_short": "the same in one sentence without names.",
        "what_it_means": "what could follow for the people concerned, honestly.",
        "what_we_do": "what has been done, and what is still being done.",
    }
    asked = {name: Noted(f"TODO: {ask}", "TODO write it") for name, ask in story.items()}
    return Noted({"en": asked}, "VERIS has no words for customers; its summary can name people and is not taken over")


def _todo(value: Any, trail: str) -> Iterator[str]:
    match value:
        case Noted():
            if value.comment.startswith("TODO"):
                yield trail
            yield from _todo(value.value, trail)
        case dict():
            for key, inner in value.items():
                yield from _todo(inner, f"{trail}.{key}")
