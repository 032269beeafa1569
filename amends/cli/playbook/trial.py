"""The trial of templates, carried out once for the same words, playbook, incident and day, also between commands.

Thousands of texts are rendered in a trial, which takes most of the time of `amends playbook validate`.
"""

import json
from dataclasses import astuple
from datetime import datetime
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import amends.domain
from amends.content.file.codes import Code
from amends.delivery.rendering import rendered
from amends.domain.base.errors import Finding
from amends.domain.case.views.draft import DraftView
from amends.domain.draft.trial import faults
from amends.domain.notice.wording import Wording
from amends.system import cache_folder
from amends.system.cache_folder import code_digest

CODE = Path(amends.domain.__path__[0])
_known: dict[str, bytes] = {}
"""The findings of each trial in this process, by the name under which they are kept."""


def template_faults(case: DraftView, wording: Wording, now: datetime) -> tuple[Finding, ...]:
    """Return the findings of the trial. Raises ContentError when a limit ended the process that renders.

    Findings that depend on how fast this machine is now are not kept.
    """
    name = _name(case, wording, now)
    kept = _known.get(name) or cache_folder.kept(name)
    if kept:
        _known[name] = kept
        return tuple(Finding(*finding) for finding in json.loads(kept))
    found = rendered(partial(faults, case, wording, now))
    if not any(finding.code == Code.TOO_MUCH for finding in found):
        _known[name] = json.dumps([astuple(finding) for finding in found]).encode()
        cache_folder.keep(name, _known[name])
    return found


def _name(case: DraftView, wording: Wording, now: datetime) -> str:
    """Return the digest of all that the trial reads, and of the code that carries it out."""
    playbook = case.playbook.model_dump_json() if case.playbook else ""
    read = (case.incident.model_dump_json(), playbook, wording.model_dump_json(), f"{now:%Y-%m-%d}")
    return sha256("\n".join((version("jinja2"), code_digest(CODE), *read)).encode()).hexdigest()
