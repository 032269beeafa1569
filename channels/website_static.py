"""A channel that publishes notices as static pages in a folder that a web server serves."""

import asyncio
import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

from pydantic import ValidationError

from amends.domain.base.errors import ChannelUnavailable, Refusal
from amends.domain.base.url import same_site
from amends.domain.base.value import LOCALE, NAME
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.identifiers import mark
from amends.domain.channel.message import LastCall, Message, Receipt, Status
from amends.system.files import replace_file, sync_folder
from channels.base.one_by_one import OneByOne
from channels.base.page import NoticeEntry, PublicNotices, Site
from channels.base.settings import ProviderSettings

STATE = "notices.json"
NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML forbids, such as NUL and lone surrogates: the feed could not be read."""
READABLE, BROWSABLE = 0o644, 0o755
PATIENCE = 20.0
"""Seconds for which another process may lock an incident's folder before a message is deferred."""
ASK_AGAIN = 0.05


def connect(settings: Mapping[str, str]) -> "WebsiteStatic":
    """Return a channel with the settings folder (absolute, must exist), base_url and stylesheet, on the same site."""
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
    """A folder with FOLDER/INCIDENT/LOCALE/NOTICE.html, an index with the latest notice, and two feeds.

    STATE beside the pages holds the notices that they are made from, so that any notice updates all its incident's
    pages.
    """

    kind = ChannelKind.WEBSITE

    def __init__(self, folder: Path, base_url: str, stylesheet: str) -> None:
        self._folder = folder
        self._base_url = base_url
        self._stylesheet = stylesheet
        self._last_published = 0.0
        """Loop time at which a message of this channel was last published."""

    async def deliver(self, message: Message, last_call: LastCall) -> Receipt:
        """Publish the message; the same message again changes nothing. Raises ChannelUnavailable without the folder."""
        if unfit := _unfit(message):
            return Receipt(message.key, Status.REJECTED, unfit)
        if not self._folder.is_dir():
            raise ChannelUnavailable("channel website_static: folder does not exist")
        await last_call()
        return await self._publish_when_free(message)

    async def close(self) -> None:
        """Do nothing: no connection is open."""

    def why_not_writable(self) -> Refusal | None:
        """Return why no page could be published now, or None when one probably can."""
        if not self._folder.is_dir():
            return Refusal("channel website_static: folder does not exist")
        may_write = os.access(self._folder, os.W_OK | os.X_OK)
        return None if may_write else Refusal("channel website_static: folder cannot be written")

    async def _publish_when_free(self, message: Message) -> Receipt:
        """Publish the message when no other process has locked the folder; defer it when the lock is held too long.

        No thread waits for the lock: a halted process may hold it, and a thread that waits cannot be cancelled.
        """
        now = asyncio.get_running_loop().time
        begun = now()
        while (receipt := await asyncio.to_thread(self._publish, message)) is None:
            # While other messages of this channel get the lock, the queue is only long, and waiting goes on.
            if now() - max(begun, self._last_published) > PATIENCE:
                return Receipt(message.key, Status.DEFERRED, "not written: somebody else holds the folder")
            await asyncio.sleep(ASK_AGAIN)
        self._last_published = now()
        return receipt

    def _publish(self, message: Message) -> Receipt | None:
        """Publish the message and return its receipt; None when another process has locked the folder."""
        # Every file is replaced as a whole and the state comes last, so an interrupted update is simply done again.
        try:
            with _locked(self._folder / message.incident) as incident_folder:
                current = self._update(incident_folder, message)
        except BlockingIOError:
            return None
        except OSError as error:
            return Receipt(message.key, Status.DEFERRED, f"not written: {error.strerror}")
        except ValidationError:
            return Receipt(message.key, Status.DEFERRED, f"not written: {STATE} is damaged")
        if not current:
            return Receipt(message.key, Status.DEFERRED, "not written: a version with a later date stands")
        url = f"{self._base_url}/{message.incident}/{message.locale}/{message.notice}.html"
        return Receipt(message.key, Status.DELIVERED, provider_id=url)

    def _update(self, folder: Path, message: Message) -> bool:
        """Update all pages with this message, and return True when the site shows the message now."""
        entry = _entry(message)
        standing = {path.parent.name: _read(path) for path in sorted(folder.glob(f"*/{STATE}"))}
        own = standing.get(message.locale, PublicNotices())
        notices = own.with_entry(entry)
        if notices != own:
            self._write(folder, message, {**standing, message.locale: notices})
        # Also the names of files that a process had just created when it was killed.
        for named in (folder / message.locale, folder, self._folder):
            sync_folder(named)
        shown = notices.of(entry.notice)
        return shown is not None and shown.published_at == entry.published_at

    def _write(self, folder: Path, message: Message, notices: Mapping[str, PublicNotices]) -> None:
        site = Site(self._base_url, self._stylesheet, message.incident, notices)
        _make_folder(folder / message.locale)
        for name, content in site.files().items():
            replace_file(folder / name, content.encode(), READABLE)
        state = notices[message.locale].model_dump_json(indent=2)
        replace_file(folder / message.locale / STATE, state.encode(), READABLE)


def _unfit(message: Message) -> str:
    """Return why the message cannot become a page, or an empty string."""
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
            "first_published_at": message.form.first_published_at,
            "corrects": message.form.corrects,
            "zone": message.form.zone,
        }
    )


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    """Lock the incident's folder for this thread. Raises BlockingIOError when another one has the lock."""
    _make_folder(folder)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder


def _make_folder(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(BROWSABLE)


def _read(path: Path) -> PublicNotices:
    return PublicNotices.model_validate_json(path.read_bytes())
