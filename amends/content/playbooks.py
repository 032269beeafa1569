"""Reads playbooks with their words, and checks that the two fit together."""

import os
from collections.abc import Iterator
from pathlib import Path

from amends.content.binding import bind, did_you_mean
from amends.content.codes import Code
from amends.content.document import Document, Trail, read_document
from amends.content.incidents import odd_characters
from amends.content.letters import FILE as LETTERS
from amends.content.schemas import playbook_schema
from amends.content.wording import SHARED, read_wording
from amends.domain.channel import ChannelKind
from amends.domain.errors import ContentError, Finding
from amends.domain.playbook import Event, Phase, Playbook, Step
from amends.domain.value import NAME
from amends.domain.wording import Wording

__all__ = [
    "check_playbook",
    "find_playbook",
    "library",
    "load_playbook",
    "playbook_schema",
    "read_playbook",
    "read_wording",
    "shipped_playbooks",
]

PROMISE_TEMPLATES = ("promise-kept", "promise-late")
"""What a follow-up step tells those who were promised something."""


def library() -> Path:
    """The folder of the playbooks that come with Amends.

    It stands beside the package `amends`, in a checkout and in a wheel; a `playbooks` folder where somebody happens to
    work is not looked at.
    """
    return Path(__file__).resolve().parents[2] / "playbooks"


def shipped_playbooks() -> dict[str, Path]:
    """The playbooks that come with Amends, by name."""
    return {path.stem: path for path in sorted(library().glob("*.yaml")) if path.name != LETTERS}


def find_playbook(name_or_path: str | Path) -> Path:
    """The file of a shipped playbook, by name, or a file of one's own, by path. Raises ContentError."""
    wanted, known = str(name_or_path), shipped_playbooks()
    if wanted in known:
        return known[wanted]
    # os.path answers no for what can be no path at all, where pathlib raises.
    if not NAME.fullmatch(wanted) and os.path.isfile(wanted):  # noqa: PTH113
        return Path(wanted)
    raise ContentError(
        Finding(wanted[:200], Code.UNKNOWN_WORD, "there is no such playbook", did_you_mean(wanted, known))
    )


def load_playbook(name_or_path: str | Path) -> tuple[Playbook, Wording]:
    """A playbook with its words, checked together. Raises ContentError when they do not fit.

    The words stand beside the playbook's file; one that brings none of its own speaks with the shipped ones.
    """
    path = find_playbook(name_or_path)
    playbook = read_playbook(path)
    wording = read_wording(path.parent if (path.parent / "notices").is_dir() else library())
    blocking = [finding for finding in check_playbook(playbook, wording) if finding.blocks]
    if blocking:
        raise ContentError(*blocking)
    return playbook, wording


def read_playbook(path: Path) -> Playbook:
    """Read a playbook from YAML or JSON. Raises ContentError with every finding."""
    document = read_document(path)
    odd, between = tuple(odd_characters(document)), tuple(_between_steps(document))
    try:
        playbook = bind(document, Playbook)
    except ContentError as error:
        # The playbook's own check names the first of these without its place; here each has one already.
        twice = (document.where(()), Code.DOES_NOT_FIT) if between else None
        rest = (finding for finding in error.findings if (finding.where, finding.code) != twice)
        raise ContentError(*odd, *between, *rest) from None
    if odd or between:
        raise ContentError(*odd, *between)
    return playbook


def _between_steps(document: Document) -> Iterator[Finding]:
    """Where a step takes a name that is taken, or names an event or a step that does not exist."""
    words = {trail: document.at(trail) for trail in document.values if len(trail) == 3 and trail[0] == "steps"}
    taken = list(map(str, Event))
    for trail, word in words.items():
        if trail[2] == "id" and word in taken:
            what = f"{_dotted(trail)}: another step or an event is called {word!r}"
            yield Finding(document.where(trail), Code.DOES_NOT_FIT, what)
        elif trail[2] == "id":
            taken.append(str(word))
    for trail, word in words.items():
        if trail[2] in ("of", "until") and isinstance(word, str) and word not in taken:
            what = f"{_dotted(trail)}: {word!r} is neither an event nor a step"
            yield Finding(document.where(trail), Code.UNKNOWN_WORD, what, did_you_mean(word, taken))


def _dotted(trail: Trail) -> str:
    return ".".join(map(str, trail))


def check_playbook(playbook: Playbook, wording: Wording) -> tuple[Finding, ...]:
    """What keeps the steps from being taken: templates that are missing, and steps that wait for each other.

    That the words bring no letters is told too, but keeps nobody from using them.
    """
    return (
        *(finding for step in playbook.steps for finding in _unspoken(playbook, step, wording)),
        *_circles(playbook),
        *_one_letter_for_all(playbook, wording),
    )


def _one_letter_for_all(playbook: Playbook, wording: Wording) -> Iterator[Finding]:
    if not wording.letters.letters:
        what = f"no {LETTERS} stands beside the notices, so everybody gets the general letter"
        advice = "some places ask for more, and some forbid what others ask for; begin with the shipped one"
        yield Finding(playbook.id, Code.MISSING, what, advice, blocks=False)


def _unspoken(playbook: Playbook, step: Step, wording: Wording) -> Iterator[Finding]:
    notices = [step.notice] if step.notice else []
    if step.phase is Phase.FOLLOW_UP and step.channels:
        notices += PROMISE_TEMPLATES
    for notice in notices:
        yield from _missing_templates(f"{playbook.id}: steps.{step.id}", notice, step.written_for, wording)


def _missing_templates(
    where: str, notice: str, channels: tuple[ChannelKind, ...], wording: Wording
) -> Iterator[Finding]:
    from amends.domain.drafting import SUFFIX

    written = _locales_written(notice, wording)
    if not written:
        known = sorted({path.split("/")[0] for path in wording.templates} - {SHARED})
        what = f"no template is written for the notice {notice!r} in any locale"
        yield Finding(where, Code.TEMPLATE_MISSING, what, did_you_mean(notice, known))
    for locale in written:
        if locale not in wording.phrases:
            yield Finding(
                where, Code.TEMPLATE_MISSING, f"{notice} is written in {locale}, but locales/{locale}.yaml is missing"
            )
        for path in (f"{notice}/{locale}.{channel}.{SUFFIX[channel]}" for channel in channels):
            if path not in wording.templates:
                yield Finding(where, Code.TEMPLATE_MISSING, f"notices/{path} is missing")
    for locale in sorted(wording.phrases.keys() - written) if written else ():
        what = f"{notice} is not written in {locale}"
        advice = f"whoever reads {locale} gets it in another language"
        yield Finding(where, Code.NO_TRANSLATION, what, advice, blocks=False)


def _locales_written(notice: str, wording: Wording) -> list[str]:
    names = (path.split("/")[1] for path in wording.templates if path.startswith(f"{notice}/"))
    return sorted({name.split(".")[0] for name in names})


def _circles(playbook: Playbook) -> Iterator[Finding]:
    waits_for = {step.id: step.of for step in playbook.steps}
    for step in waits_for:
        chain = [step]
        while (before := waits_for.get(chain[-1])) and before not in chain:
            chain.append(before)
        if before == step:
            what = f"the step waits for itself: {' -> '.join((*chain, step))}"
            advice = f"begin with an event: {', '.join(Event)}"
            yield Finding(f"{playbook.id}: steps.{step}", Code.CIRCLE, what, advice)
