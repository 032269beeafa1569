"""Mentions of our account: take in the posts that a server tells of, as questions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from amends.domain.channel.message import LastCall, Receipt
from amends.domain.feedback.mention import MentionsFound
from amends.domain.playbook.playbook import Playbook
from amends.ledger import Ledger


@runtime_checkable
class MentionedAccount(Protocol):
    """A channel whose server tells which posts mention our account, and takes replies to them."""

    @property
    def server(self) -> str:
        """Return the address under which the ledger remembers the last mention."""

    async def mentions(self, since: str) -> MentionsFound:
        """Return the posts since this notification. Raises ChannelError."""

    async def reply(self, post: str, account: str, text: str, locale: str, key: str, last_call: LastCall) -> Receipt:
        """Post a reply to this post, once for each key."""


@dataclass(frozen=True)
class MentionsTaken:
    """The counts of one visit to the server."""

    posts: int
    new: int
    older: int
    """Posts from before the incident was opened, which are left out."""
    unreadable: int


async def take_mentions(
    ledger: Ledger, account: MentionedAccount, incident: str, playbook: Playbook, now: datetime, by: str = ""
) -> MentionsTaken:
    """Record the posts since the last visit as questions. Safe to repeat: the place is noted when all are stored.

    Raises ChannelError.
    """
    opened = ledger.cases.outline(incident).opened_at
    found = await account.mentions(ledger.mentions.last_taken(incident, account.server))
    here = [post for post in found.posts if post.at >= opened]
    new = sum(ledger.mentions.take(incident, post, playbook, now, by) for post in here)
    ledger.mentions.note_taken(incident, account.server, found.last, now)
    return MentionsTaken(len(found.posts), new, len(found.posts) - len(here), found.unreadable)
