"""The text of a new playbook: a few commented steps, or a shipped playbook under another name."""

import re
from pathlib import Path

import typer

from amends.domain.base.value import NAME

STARTER = Path(__file__).with_name("playbook.yaml")
EDITOR_LINE = re.compile(r"\A# yaml-language-server:.*\n")
"""The line that names the schema, a file that stands beside the shipped playbooks only."""
ID_LINE = re.compile(r"^id:.*$", re.MULTILINE)


def starting_text(name: str, like: str) -> str:
    """Return the new playbook's text. Raises BadParameter for an unfit name, ContentError for an unknown `like`."""
    from amends.content.file.shipped import ADDENDA_FILE
    from amends.content.playbook.library import find_playbook, shipped_playbooks

    if not NAME.fullmatch(name):
        raise typer.BadParameter("use small letters, digits, '-' and '_' only, at most 64, a letter or digit first")
    if name in shipped_playbooks() or f"{name}.yaml" == ADDENDA_FILE:
        raise typer.BadParameter(f"{name} is a name of a shipped file; choose another, so that nobody takes one for it")
    text = (find_playbook(like) if like else STARTER).read_text(encoding="utf-8-sig")
    head = f"# Begun with {like}; `amends playbook diff {like} {name}.yaml` says what is different.\n" if like else ""
    return head + ID_LINE.sub(f"id: {name}", EDITOR_LINE.sub("", text), count=1)
