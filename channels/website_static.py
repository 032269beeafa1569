"""The public notice page as plain files in a folder that a web server serves."""

import asyncio
import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

from pydantic import ValidationError

from amends.domain.base.errors import ChannelUnavailable
from amends.domain.base.url import same_site
from amends.domain.base.value import LOCALE, NAME
from amends.domain.channel.channel import ChannelKind, LastCall, Message, Receipt, Status
from amends.domain.channel.identifiers import mark
from amends.system.files import keep_names, replace_file
from channels.base.one_by_one import OneByOne
from channels.base.page import NoticeEntry, PublicNotices, Site
from channels.base.settings import ProviderSettings

STATE = "notices.json"
NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that would make the feed unreadable."""
READABLE, BROWSABLE = 0o644, 0o755
PATIENCE = 20.0
"""So many seconds somebody else may have an incident's folder to themselves before a message is put off."""
ASK_AGAIN = 0.05


def connect(settings: Mapping[str, str]) -> "WebsiteStatic":
    """Settings: folder (absolute, must exist), base_url where it is read; stylesheet, an address on the same site."""
    chosen = ProviderSettings("website_static", settings, required=("folder", "base_url"), optional={"stylesheet": ""})
    base_url, stylesheet = chosen.url("base_url"), chosen.text("stylesheet")
    if not _on_site(base_url, stylesheet):
        raise chosen.wrong("stylesheet", "must be on the site of base_url: the pages load nothing from elsewhere")
    return WebsiteStatic(chosen.folder("folder"), base_url, stylesheet)


def _on_site(base_url: str, address: str) -> bool:
    try:
        return same_site(base_url, urljoin(base_url, address))
    except ValueError:
        return False


class WebsiteStatic(OneByOne):
    """Writes FOLDER/INCIDENT/LOCALE/NOTICE.html, an index with the latest notice, and two feeds.

    Beside them stands what they are made from, so that any notice brings all pages of its incident up to date.
    """

    kind = ChannelKind.WEBSITE

    def __init__(self, folder: Path, base_url: str, stylesheet: str) -> None:
        self._folder = folder
        self._base_url = base_url
        self._stylesheet = stylesheet
        self._last_alone = 0.0
        """When a message of ours last had its folder to itself."""

    async def deliver(self, message: Message, last_call: LastCall) -> Receipt:
        """The same message again changes nothing. Raises ChannelUnavailable when the folder is not there."""
        if unfit := _unfit(message):
            return Receipt(message.key, Status.REJECTED, unfit)
        if not self._folder.is_dir():
            raise ChannelUnavailable("channel website_static: folder does not exist")
        await last_call()
        return await self._in_turn(message)

    async def close(self) -> None:
        """Nothing is held open."""

    def trouble(self) -> str:
        """Why no page could be put up now, as far as a look tells; empty when one can be."""
        if not self._folder.is_dir():
            return "channel website_static: folder does not exist"
        may_write = os.access(self._folder, os.W_OK | os.X_OK)
        return "" if may_write else "channel website_static: folder cannot be written"

    async def _in_turn(self, message: Message) -> Receipt:
        """Publish it when nobody else is at the folder; later, when whoever is does not come to an end.

        No thread waits for the lock: one that is halted may hold it, and a thread that waits cannot be cancelled.
        """
        now = asyncio.get_running_loop().time
        begun = now()
        while (receipt := await asyncio.to_thread(self._publish, message)) is None:
            # As long as messages of our own get in, it is only a long queue.
            if now() - max(begun, self._last_alone) > PATIENCE:
                return Receipt(message.key, Status.DEFERRED, "not written: somebody else holds the folder")
            await asyncio.sleep(ASK_AGAIN)
        self._last_alone = now()
        return receipt

    def _publish(self, message: Message) -> Receipt | None:
        """What came of it; None when somebody else is at the folder, and nothing was touched."""
        # Every file is replaced as a whole and the state comes last, so what was cut short is simply done again.
        try:
            with _alone_in(self._folder / message.incident) as incident_folder:
                stands = self._update(incident_folder, message)
        except BlockingIOError:
            return None
        except OSError as error:
            return Receipt(message.key, Status.DEFERRED, f"not written: {error.strerror}")
        except ValidationError:
            return Receipt(message.key, Status.DEFERRED, f"not written: {STATE} is damaged")
        if not stands:
            return Receipt(message.key, Status.DEFERRED, "not written: a version with a later date stands")
        url = f"{self._base_url}/{message.incident}/{message.locale}/{message.notice}.html"
        return Receipt(message.key, Status.DELIVERED, provider_id=url)

    def _update(self, folder: Path, message: Message) -> bool:
        """Bring all pages up to date with this message; whether it is what stands there now."""
        entry = _entry(message)
        standing = {path.parent.name: _read(path) for path in sorted(folder.glob(f"*/{STATE}"))}
        own = standing.get(message.locale, PublicNotices())
        notices = own.with_entry(entry)
        if notices != own:
            self._write(folder, message, {**standing, message.locale: notices})
        for named in (folder / message.locale, folder, self._folder):  # also what somebody killed had just put there
            keep_names(named)
        return entry in notices.entries

    def _write(self, folder: Path, message: Message, notices: Mapping[str, PublicNotices]) -> None:
        site = Site(self._base_url, self._stylesheet, message.incident, notices)
        _make_folder(folder / message.locale)
        for name, content in site.files().items():
            replace_file(folder / name, content.encode(), READABLE)
        state = notices[message.locale].model_dump_json(indent=2)
        replace_file(folder / message.locale / STATE, state.encode(), READABLE)


def _unfit(message: Message) -> str:
    """Why this message cannot become a page, or empty."""
    named = NAME.fullmatch(message.incident) and NAME.fullmatch(message.notice) and message.notice != "index"
    if not named or not LOCALE.fullmatch(message.locale):
        return "unsafe name"
    if any(NOT_IN_XML.search(text) for text in (message.subject, message.text, message.html, message.sender)):
        return "unsafe characters"
    return "" if message.published_at else "message has no date"


def _entry(message: Message) -> NoticeEntry:
    return NoticeEntry.model_validate(
        {
            "mark": mark(message.key, "website"),
            "notice": message.notice,
            "subject": message.subject,
            "text": message.text,
            "html": message.html,
            "sender": message.sender,
            "published_at": message.published_at,
            "zone": message.form.zone,
        }
    )


@contextmanager
def _alone_in(folder: Path) -> Iterator[Path]:
    """Keep other processes and threads out of the incident's folder; BlockingIOError when one of them is at it."""
    _make_folder(folder)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder


def _make_folder(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(BROWSABLE)


def _read(path: Path) -> PublicNotices:
    return PublicNotices.model_validate_json(path.read_bytes())
