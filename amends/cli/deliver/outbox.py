"""The message files of outboxes, which write instead of sending: the files hold names and addresses in the clear."""

import json
from collections.abc import Mapping
from pathlib import Path

from amends.domain.channel.channel import ChannelKind
from amends.system.files import sync_folder


def remove_from_outboxes(channels: Mapping[ChannelKind, Mapping[str, str]], incident: str) -> int:
    """Delete the messages of this incident from all outboxes in use; return how many there were."""
    folders = {Path(settings["folder"]) for settings in channels.values() if settings.get("use") == "outbox"}
    mine = [path for folder in folders for path in sorted(folder.glob("*.json")) if _incident_of(path) == incident]
    for path in mine:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in mine}:
        sync_folder(folder)  # or a power cut may bring the files back
    return len(mine)


def _incident_of(path: Path) -> str:
    """Return the incident that the file's message is about; empty for a file that no outbox has written."""
    try:
        said = json.loads(path.read_bytes())
    except ValueError:
        return ""
    return str(said.get("incident", "")) if isinstance(said, dict) else ""
