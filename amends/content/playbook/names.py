"""The check of the names by which the parts of a playbook refer to each other, with their places in the file."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from amends.content.file.binding import did_you_mean
from amends.content.file.codes import Code
from amends.content.file.reading import Trail
from amends.content.playbook.commitment_library import shipped_commitments
from amends.content.playbook.extends import Whole
from amends.domain.base.errors import Finding
from amends.domain.playbook.playbook import Event, Step, StepChange
from amends.domain.risk.levels import Severity


def misnamed(document: Whole) -> Iterator[Finding]:
    """Yield a finding for each name that stands twice, and each name of no event, step or threshold."""
    words = {trail: document.at(trail) for trail in document.values if len(trail) == 3 and trail[0] == "steps"}
    taken = list(map(str, Event))
    for trail, word in words.items():
        if trail[2] == "id" and word in taken:
            yield _twice(document, trail, f"another step or an event is called {word!r}")
        elif trail[2] == "id":
            taken.append(str(word))
    yield from _misnamed_thresholds(document, taken)
    yield from _misnamed_changes(document, [word for trail, word in words.items() if trail[2] == "id"])
    yield from _unknown_offers(document)
    yield from _unknown_surveys(document, words)
    known = list(dict.fromkeys([*taken, *_keys(document, ("thresholds",))]))
    for trail, word in words.items():
        if trail[2] in ("of", "until") and isinstance(word, str) and word and word not in known:
            yield _unknown(document, trail, word, known)
    yield from _misnamed_sessions(document, known)


def _misnamed_sessions(document: Whole, known: list[str]) -> Iterator[Finding]:
    """Yield a finding for each session whose id stands twice or whose event does not exist, or that no key plans."""
    words = {trail: document.at(trail) for trail in document.values if len(trail) == 3}
    planned: list[str] = []
    for trail, word in words.items():
        if trail[0] == "sessions" and trail[2] == "id":
            if word in planned:
                yield _twice(document, trail, f"another session is called {word!r}")
            else:
                planned.append(str(word))
        if trail[0] == "sessions" and trail[2] == "of" and isinstance(word, str) and word not in known:
            yield _unknown(document, trail, word, known)
    for trail, word in words.items():
        if trail[0] == "steps" and trail[2] == "session" and isinstance(word, str) and word not in planned:
            what = f"{_dotted(trail)}: there is no session {word!r}"
            yield Finding(document.where(trail), Code.UNKNOWN_WORD, what, did_you_mean(word, planned))


def _unknown_offers(document: Whole) -> Iterator[Finding]:
    known = shipped_commitments().entries
    for trail in document.values:
        word = document.at(trail) if len(trail) == 2 and trail[0] == "offers" else None
        if isinstance(word, str) and word not in known:
            what = f"{_dotted(trail)}: the library has no commitment {word!r}"
            yield Finding(document.where(trail), Code.UNKNOWN_WORD, what, did_you_mean(word, known))


def _unknown_surveys(document: Whole, words: Mapping[Any, Any]) -> Iterator[Finding]:
    rows = [document.at(trail) for trail in document.values if len(trail) == 3 and trail[::2] == ("surveys", "id")]
    for trail, word in words.items():
        if trail[2] == "survey" and isinstance(word, str) and word not in rows:
            what = f"{_dotted(trail)}: there is no survey {word!r}"
            yield Finding(document.where(trail), Code.UNKNOWN_WORD, what, did_you_mean(word, list(map(str, rows))))


def _unknown(document: Whole, trail: Trail, word: str, known: list[str]) -> Finding:
    what = f"{_dotted(trail)}: {word!r} is neither an event nor a step"
    if word in document.left_out:
        advice = f"it is left out at {document.left_out[word]}: name another here, or keep it"
    else:
        advice = did_you_mean(word, known)
    return Finding(document.where(trail), Code.UNKNOWN_WORD, what, advice)


def _misnamed_thresholds(document: Whole, taken: list[str]) -> Iterator[Finding]:
    for name in _keys(document, ("thresholds",)):
        if name in taken:
            yield _twice(document, ("thresholds", name), "an event or a step is called that; choose another name")


def _misnamed_changes(document: Whole, steps: list[Any]) -> Iterator[Finding]:
    for severity in _keys(document, ("by_severity",)):
        for name in _keys(document, ("by_severity", severity)):
            if name not in steps:
                trail = ("by_severity", severity, name)
                what = f"{_dotted(trail)}: there is no step {name!r}"
                yield Finding(document.where(trail, of_key=True), Code.UNKNOWN_WORD, what, did_you_mean(name, steps))


def _twice(document: Whole, trail: Trail, what: str) -> Finding:
    return Finding(
        document.where(trail, of_key=trail[0] == "thresholds"), Code.DOES_NOT_FIT, f"{_dotted(trail)}: {what}"
    )


def odd_changes(document: Whole) -> Iterator[Finding]:
    """Yield a finding for each change by severity that makes its step invalid. A graver change adds to the milder."""
    steps = dict(_steps(document))
    for severity in (str(one) for one in Severity if ("by_severity", str(one)) in document.values):
        for name in _keys(document, ("by_severity", severity)):
            trail = ("by_severity", severity, name)
            change = _change_at(document, trail)
            if change is None or name not in steps:
                continue
            try:
                steps[name] = change.of(steps[name])
            except ValidationError as error:
                why = error.errors()[0]["msg"].removeprefix("Value error, ")
                what = f"{_dotted(trail)}: the step makes no sense then: {why}"
                yield Finding(document.where(trail, of_key=True), Code.DOES_NOT_FIT, what)


def _change_at(document: Whole, trail: Trail) -> StepChange | None:
    """Return the change, or None when it is not valid, which binding reports."""
    with suppress(ValidationError):
        return StepChange.model_validate(document.at(trail))
    return None


def _steps(document: Whole) -> Iterator[tuple[str, Step]]:
    rows = document.content.get("steps") if isinstance(document.content, dict) else None
    for row in rows if isinstance(rows, list) else ():
        try:
            step = Step.model_validate(row)
        except ValidationError:
            continue  # binding reports the error
        yield step.id, step


def _keys(document: Whole, trail: Trail) -> list[str]:
    """Return the keys of the dict at this trail, or none when there is no dict."""
    found = document.at(trail) if trail in document.values else None
    return list(found) if isinstance(found, dict) else []


def _dotted(trail: Trail) -> str:
    return ".".join(map(str, trail))
