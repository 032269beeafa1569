"""Forgetting carried out: files outside the database go first, then the ledger's rows, so that a second call finishes.

Outboxes hold messages in the clear, and the home holds files that came with mails.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from amends.domain.base.errors import AmendsError
from amends.domain.channel.channel import ChannelKind
from amends.domain.forget.plan import due
from amends.domain.forget.retention import DataKind
from amends.ledger import Ledger
from amends.ledger.forget.folders import FOLDERS
from amends.ledger.forget.restored_data import EmptiedFolder, RestoredTombstone
from amends.ledger.store.encryption import Seal
from amends.system.files import changed_at, replace_file, sync_folder

if TYPE_CHECKING:
    from amends.domain.case.views.closing import ClosingView
    from amends.domain.team.member import Member


@dataclass(frozen=True)
class DataPlaces:
    """The places outside the database where personal data lies."""

    channels: Mapping[ChannelKind, Mapping[str, str]] = field(repr=False)
    home: Path | None = None
    """The home with files that came with mails; None where there is none."""


def erase_person(
    ledger: Ledger, places: DataPlaces, incident: str, person: int, first: "Member", second: "Member", now: datetime
) -> None:
    """Erase a person whom two members want erased. Raises as `Erasure.erase` does."""
    ledger.erasure.refuse(incident, person, first, second)
    _remove_files_of(ledger, places, incident, person)
    ledger.erasure.erase(incident, person, first, second, now)


def _remove_files_of(ledger: Ledger, places: DataPlaces, incident: str, person: int) -> None:
    files = ledger.erasure.files_of(incident, person)
    remove_messages(places.channels, lambda said: said.get("key") in files.messages)
    _remove_files(places, files.attachments)


def destroy_case(
    ledger: Ledger, places: DataPlaces, incident: str, first: "Member", second: "Member", now: datetime
) -> int:
    """Destroy an incident's personal data on the word of two, with its files; return how many messages outboxes had.

    A second call after a crash finishes the work, and so does the next start. Raises as `Destruction.destroy` does.
    """
    ledger.destruction.destroy(incident, first, second, now)
    ledger.forgettings.note()
    _remove_files_gone(ledger, places)
    return remove_from_outboxes(places.channels, incident)


def forget_due(ledger: Ledger, places: DataPlaces, case: "ClosingView", now: datetime) -> tuple[DataKind, ...]:
    """Forget what of this case is due, and return the kinds. Raises as `Retentions.forget` does."""
    kinds = due(ledger.retention.plan(case, now), now)
    for kind in kinds:
        _forget(ledger, places, case.incident.id, kind, now)
    _remove_files_gone(ledger, places)
    return kinds


def forget_again(ledger: Ledger, places: DataPlaces) -> tuple[str, ...]:
    """Forget again what a restored backup has brought back, of the ledger and of the home's files.

    Return in words what could not be forgotten, and why.
    """
    troubles = []
    for one in ledger.restored_data.found():
        try:
            _forget_one_again(ledger, places, one)
        except AmendsError as error:
            what = f"person {one.person}" if one.person else str(one.kind)
            troubles.append(f"{one.incident}: a restored backup has brought back {what}: {error}")
    try:
        _remove_files_gone(ledger, places)
    except OSError as error:
        troubles.append(f"files of forgotten data cannot be removed: {error}")
    return tuple(troubles)


def _forget_one_again(ledger: Ledger, places: DataPlaces, one: RestoredTombstone) -> None:
    if one.person is not None:
        ledger.erasure.refuse_kept(one.incident, one.person)
        _remove_files_of(ledger, places, one.incident, one.person)
        ledger.erasure.again(one.incident, one.person, one.at)
    elif one.kind is not None:
        _forget(ledger, places, one.incident, one.kind, one.at, again=True)


def _forget(
    ledger: Ledger, places: DataPlaces, incident: str, kind: DataKind, now: datetime, *, again: bool = False
) -> None:
    ledger.retention.refuse_held(incident, kind)
    if kind is DataKind.MESSAGES:
        kept = ledger.retention.files_to_keep(incident)
        remove_messages(places.channels, lambda said: said.get("incident") == incident and said.get("key") not in kept)
    _remove_files(places, ledger.retention.files(incident, kind))
    ledger.retention.forget(incident, kind, now, again=again)
    if kind is DataKind.WHOLE_CASE:
        remove_from_outboxes(places.channels, incident)


def remove_from_outboxes(channels: Mapping[ChannelKind, Mapping[str, str]], incident: str) -> int:
    """Delete the messages of this incident from all outboxes in use; return how many there were."""
    return remove_messages(channels, lambda said: said.get("incident") == incident)


def remove_messages(
    channels: Mapping[ChannelKind, Mapping[str, str]], wanted: Callable[[Mapping[str, object]], bool]
) -> int:
    """Delete the wanted messages from all outboxes in use; return how many there were."""
    folders = {Path(settings["folder"]) for settings in channels.values() if settings.get("use") == "outbox"}
    mine = [path for folder in folders for path in sorted(folder.glob("*.json")) if wanted(_said_in(path))]
    _remove(mine)
    return len(mine)


def _said_in(path: Path) -> Mapping[str, object]:
    """Return the message in a file; empty for a file that no outbox has written."""
    try:
        said = json.loads(path.read_bytes())
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _remove_files(places: DataPlaces, paths: Iterable[str]) -> None:
    if places.home is not None:
        _remove(places.home / path for path in paths)


def _remove_files_gone(ledger: Ledger, places: DataPlaces) -> None:
    """Remove the home's sealed files whose data the ledger has forgotten, such as those that a crash left there."""
    home = places.home
    if home is None or not any((home / folder).is_dir() for folder in FOLDERS.values()):
        return
    for emptied in ledger.restored_data.folders():
        if (folder := home / emptied.path).is_dir() and (files := sorted(folder.iterdir())):
            _remove(_forgotten(ledger, emptied, files))


def _forgotten(ledger: Ledger, emptied: EmptiedFolder, files: Iterable[Path]) -> Iterable[Path]:
    """Return the forgotten ones among the files of a folder: not those under hold, nor later ones."""
    if emptied.before is None:
        return files
    kept, before = ledger.retention.files_listed(emptied.incident, emptied.kind), emptied.before
    return [path for path in files if f"{emptied.path}/{path.name}" not in kept and changed_at(path) < before]


def seal_files_in(home: Path) -> Callable[[Iterable[tuple[str, str]], Seal], None]:
    """Return the function that seals files of this home anew where they are sealed with a key that is being replaced.

    Each file is named by its path in the home and the place for which it is sealed; files that are gone are left out.
    """

    def seal_anew(files: Iterable[tuple[str, str]], seal: Seal) -> None:
        for path, place in files:
            file = home / path
            if file.exists() and not seal.is_current(sealed := file.read_bytes(), place):
                replace_file(file, seal.close(seal.open(sealed, place), place))

    return seal_anew


def _remove(paths: Iterable[Path]) -> None:
    gone = [path for path in paths if path.exists()]
    for path in gone:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in gone}:
        sync_folder(folder)  # or a power cut may bring the files back
