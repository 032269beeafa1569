"""Writes an incident file from a VERIS record: what it says, where that comes from, and what a person must add."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from amends.content.file.binding import bind
from amends.content.file.codes import Code
from amends.content.file.countries import COUNTRIES
from amends.content.file.document import Document
from amends.content.incident.veris.mapping import Noted, facts_of, noted, sector
from amends.content.incident.veris.record import Length, Record, RecordTimeline, Victim
from amends.domain.base.errors import ContentError, Finding


@dataclass(frozen=True)
class VerisImport:
    """An incident file in the making."""

    said: dict[str, Any]
    """What it says, with the comments."""
    head: tuple[str, ...]

    @property
    def content(self) -> dict[str, Any]:
        """What the file says."""
        return {key: _bare(value) for key, value in self.said.items()}

    @property
    def todo(self) -> tuple[str, ...]:
        """The keys that a person must fill in."""
        return tuple(key.removeprefix(".") for key in _todo(self.said, ""))

    def yaml(self) -> str:
        """The file's text."""
        lines = [f"# {line}" for line in self.head]
        for key, value in self.said.items():
            entry = list(_entry(f"{key}:", value))
            lines += [""] * (len(entry) > 1) + entry
        return "\n".join(lines) + "\n"


def from_veris(document: Document) -> VerisImport:
    """The incident file that a record gives. Raises ContentError with every finding."""
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
    """Only when one country is named."""
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


# The file: what stands in it, with its comments or without. Written by hand, because a comment that ruamel.yaml puts
# beside a mapping in a list gave a text that cannot be read again.


def _bare(value: Any) -> Any:
    match value:
        case Noted():
            return _bare(value.value)
        case dict():
            return {key: _bare(inner) for key, inner in value.items()}
        case list():
            return [_bare(inner) for inner in value]
    return value


def _todo(value: Any, trail: str) -> Iterator[str]:
    match value:
        case Noted():
            if value.comment.startswith("TODO"):
                yield trail
            yield from _todo(value.value, trail)
        case dict():
            for key, inner in value.items():
                yield from _todo(inner, f"{trail}.{key}")


_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_OTHER_THINGS = frozenset({"false", "n", "no", "null", "off", "on", "true", "y", "yes"})
"""Words that some reader of YAML takes for something else than a text."""


def _entry(head: str, value: Any) -> Iterator[str]:
    """`head` and the value, on as many lines as it needs; the comment stands on the first."""
    comment = ""
    if isinstance(value, Noted):
        value, comment = value.value, f"  # {value.comment}"
    match value:
        case dict() if head != "-":
            yield f"{head}{comment}"
            for key, inner in value.items():
                yield from (f"  {line}" for line in _entry(f"{key}:", inner))
        case [Noted(), *_]:
            yield f"{head}{comment}"
            for inner in value:
                yield from (f"  {line}" for line in _entry("-", inner))
        case _:
            yield f"{head} {_scalar(value)}".rstrip() + comment


def _scalar(value: Any) -> str:
    match value:
        case None:
            return ""
        case list():
            return f"[{', '.join(map(_scalar, value))}]"
        case dict():
            return f"{{{', '.join(f'{key}: {_scalar(inner)}' for key, inner in value.items())}}}"
        case str() if _PLAIN.fullmatch(value) and value.casefold() not in _OTHER_THINGS:
            return value
    return json.dumps(value, ensure_ascii=False)
