"""A rehearsal in a process of its own, which blocks its own network: for the command line and for Prefect."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from amends.content.incident.incident import read_incident_for_notices
from amends.content.people.audience import AudienceFile, only_good, usable
from amends.content.playbook.playbook import load_playbook
from amends.content.rehearse import check_injects, read_injects
from amends.domain.base.errors import AmendsError, ContentError, Finding
from amends.domain.draft.languages import NO_WORDS, language_findings, provisional, usable_locales
from amends.domain.incident.incident import Incident
from amends.domain.people.census import counted
from amends.domain.people.locales import why_not_rule
from amends.domain.rehearse.injects import together
from amends.domain.rehearse.report import FOUND, ORDER, Order, RehearsalReport
from amends.system.files import replace_file

OF_AN_INSTALLATION = ("AMENDS_", "PREFECT_")
"""Prefixes of the variables that describe a real installation, of which a rehearsal must know nothing."""


def check(order: Order) -> None:
    """Read every file of the order before anything begins.

    Raises ContentError with the findings of the first file that is wrong, and ValueError for injects that do not go
    together.
    """
    incident = read_incident_for_notices(order.incident)
    _, wording = load_playbook(order.playbook)
    injects = [read_injects(path) for path in order.injects]
    for path, one in zip(order.injects, injects, strict=True):
        check_injects(path, one, incident)
    together(injects)
    people = AudienceFile(order.audience, encoding=order.encoding)
    advice = "correct them, or leave them out: --allow-bad-rows"
    rows = usable(order.audience, people) if order.allow_bad_rows else only_good(order.audience, people, advice)
    _refuse_languages(incident, sorted(wording.phrases), counted(rows).by_locale, order)


def _refuse_languages(incident: Incident, words: Sequence[str], by_locale: Mapping[str, int], order: Order) -> None:
    """Raise ContentError where a real use would stop: for people without words, for unused texts, for odd rules."""
    odd = [
        Finding("--rule", NO_WORDS, why)
        for locale, instead in order.rules.items()
        if (why := why_not_rule(locale, instead, by_locale, usable_locales(incident, words)))
    ]
    found = (*odd, *language_findings(incident, words, by_locale, provisional(order.rules)))
    if found:
        raise ContentError(*found)


def carry_out(order: Order, *, quiet: bool = False) -> RehearsalReport:
    """Rehearse in a process of its own, which blocks its own network. Raises AmendsError when the process fails.

    The folder of the process is private and deleted in the end; its content is sealed with a key that only the process
    has.
    """
    with tempfile.TemporaryDirectory(prefix="amends-rehearsal-") as name:
        folder = Path(name)
        replace_file(folder / ORDER, order.model_dump_json().encode())
        call = [sys.executable, "-P", "-m", "flows.rehearsal", name]
        words = subprocess.PIPE if quiet else None
        done = subprocess.run(
            call,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=words,
            text=True,
            check=False,
            process_group=0,  # Ctrl-C reaches only this process, which ends the child; the child would show a traceback
        )
        if done.returncode:
            raise AmendsError(f"the rehearsal did not end well\n{done.stderr or ''}".rstrip())
        return RehearsalReport.model_validate_json((folder / FOUND).read_text(encoding="utf-8"))


def _environment(folder: Path) -> dict[str, str]:
    """Return the environment of the process: no variable of an installation, none of Prefect's servers and profiles."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OF_AN_INSTALLATION)}
    return {**kept, "PREFECT_HOME": str(folder / "prefect"), "PREFECT_LOGGING_LEVEL": "ERROR", "DO_NOT_TRACK": "1"}
