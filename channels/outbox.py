"""A channel that writes messages to files in a folder and sends nothing: for trials and demos."""

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from amends.domain.base.errors import ChannelUnavailable
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import LastCall, Message, Receipt, Status
from amends.system.files import replace_file
from channels.base.one_by_one import OneByOne
from channels.base.settings import ProviderSettings

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


def connect(settings: Mapping[str, str]) -> "Outbox":
    """Return an outbox with the settings folder (absolute) and kind (email, sms, social or website)."""
    chosen = ProviderSettings("outbox", settings, required=("folder", "kind"), optional={})
    return Outbox(chosen.folder("folder"), chosen.choice("kind", ChannelKind))


class Outbox(OneByOne):
    """A folder with one JSON file for each message, named by its key; a file that exists is not written again."""

    def __init__(self, folder: Path, kind: ChannelKind) -> None:
        self.kind = kind
        self._folder = folder

    async def deliver(self, message: Message, last_call: LastCall) -> Receipt:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ChannelUnavailable(f"channel outbox: folder cannot be made ({error.strerror})") from error
        await last_call()
        path = self._folder / f"{_file_name(message.key)}.json"
        try:
            await asyncio.to_thread(_keep, path, message)
        except OSError as error:
            return Receipt(message.key, Status.DEFERRED, f"not written: {error.strerror}")
        return Receipt(message.key, Status.SENT, provider_id=path.name)

    async def close(self) -> None:
        """Do nothing: no connection is open."""


def _keep(path: Path, message: Message) -> None:
    if not path.exists():
        content = json.dumps(_spelled(message), ensure_ascii=False, indent=2, default=str)
        replace_file(path, content.encode(errors="backslashreplace"), 0o600)


def _spelled(message: Message) -> dict[str, object]:
    """Return all texts that a person reads and all values that are sent with them."""
    texts = {"subject": message.subject, "text": message.text, "html": message.html}
    return {**asdict(message.form), **texts, "key": message.key, "to": message.to, "to_name": message.to_name}


def _file_name(key: str) -> str:
    return key if SAFE_NAME.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()
