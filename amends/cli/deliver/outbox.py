"""Messages that an outbox wrote into a folder instead of sending them: they hold names and addresses in the clear."""

import json
from collections.abc import Mapping
from pathlib import Path

from amends.domain.channel.channel import ChannelKind
from amends.system.files import keep_names


def remove_from_outboxes(channels: Mapping[ChannelKind, Mapping[str, str]], incident: str) -> int:
    """Delete the messages of this incident from all outboxes in use; how many there were."""
    folders = {Path(settings["folder"]) for settings in channels.values() if settings.get("use") == "outbox"}
    mine = [path for folder in folders for path in sorted(folder.glob("*.json")) if _incident_of(path) == incident]
    for path in mine:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in mine}:
        keep_names(folder)  # what is gone does not come back with the power
    return len(mine)


def _incident_of(path: Path) -> str:
    """Empty for a file that no outbox has written."""
    try:
        said = json.loads(path.read_bytes())
    except ValueError:
        return ""
    return str(said.get("incident", "")) if isinstance(said, dict) else ""
