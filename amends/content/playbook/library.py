"""The playbooks that come with Amends, and the search for a playbook by name or path."""

import os
from pathlib import Path

from amends.content.file.binding import did_you_mean
from amends.content.file.codes import Code
from amends.content.file.shipped import ADDENDA_FILE, library
from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.value import NAME

ENDINGS = (".yaml", ".yml", ".json")
"""The endings of playbook files that are given by path."""


def shipped_playbooks() -> dict[str, Path]:
    """Return the files of the playbooks that come with Amends, by name."""
    return {path.stem: path for path in sorted(library().glob("*.yaml")) if path.name != ADDENDA_FILE}


def find_playbook(name_or_path: str | Path) -> Path:
    """Return the file of the shipped playbook of this name, or the file at this path. Raises ContentError."""
    wanted, known = str(name_or_path), shipped_playbooks()
    if wanted in known:
        return known[wanted]
    # os.path returns False for a text that can be no path, where pathlib raises.
    if not NAME.fullmatch(wanted) and os.path.isfile(wanted):  # noqa: PTH113
        return Path(wanted)
    if wanted.endswith(ENDINGS):
        advice = f"it is looked for from the folder that you are in; shipped ones have no ending: {', '.join(known)}"
        raise ContentError(Finding(wanted[-200:], Code.UNREADABLE, "there is no such file", advice))
    advice = f"{did_you_mean(wanted, known)}; a file of your own is named with its ending, such as my-leak.yaml"
    raise ContentError(Finding(wanted[:200], Code.UNKNOWN_WORD, "there is no such playbook", advice))
