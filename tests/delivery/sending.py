"""An approved notice, channels to the simulated world, and what arrived there: for delivery, chaos and the bench."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from amends.delivery.channels import Pace, connected
from amends.delivery.preflight import look_over
from amends.delivery.send.engine import Tally, deliver
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.preflight import Preflight
from amends.domain.draft.writer import Links
from amends.domain.notice.notice import Draft, Reader, Slot, TextName, Variant
from amends.domain.people.person import Person
from amends.domain.team.approval import Decision
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Keys, Ledger
from amends.ledger.store.disk_reserve import MEGABYTE
from amends.sandbox.mail import MailServer
from amends.sandbox.web import WebServices
from tests.builders import NOW, a_draft, a_playbook, a_variant, a_wording, an_incident
from tests.remembered import remembered

INCIDENT, NOTICE = "november-breach", "first-notice"
FAR_AHEAD = NOW + timedelta(days=100 * 365)
"""Also by the clock of the machine, which the tests of whole processes run by."""
LINKS = Links("https://betapai.example")
APPROVERS = (Member(name="omar", role=TeamRole.LEGAL), Member(name="wei", role=TeamRole.SECURITY))
ChannelSettings = dict[ChannelKind, dict[str, str]]
FOR_EVER = "5000w"
"""Approved at NOW it is sent by the clock of the machine, where processes of their own send."""
OUTBOXES: ChannelSettings = {kind: {"use": "outbox", "kind": kind, "folder": "/nowhere"} for kind in ChannelKind}

PERSONAL_TEXT = (
    f"Dear {Slot.NAME.mark},\n\n"
    f"**it was your {Slot.YOUR_DATA.mark}.** Read [your page]({LINKS.personal}) or <{LINKS.personal}>."
)
GUARDIAN_TEXT = f"Dear {Slot.NAME.mark},\n\nit is about {Slot.CHILD.mark}: {Slot.YOUR_DATA.mark}. {LINKS.personal}"
PERSONAL_SMS = {
    "en": f"Betapai: customer data was copied. Yours: {LINKS.personal}",
    "zh-CN": f"【贝塔派】客户数据被复制。详情 {LINKS.personal}",
}


def personal_variants(*locales: str) -> tuple[Variant, ...]:
    """The notice in these locales: emails that name the person, an SMS with the link, the public texts."""
    email = [
        a_variant(locale=locale, reader=reader, text=text)
        for locale in locales
        for reader, text in ((Reader.SELF, PERSONAL_TEXT), (Reader.GUARDIAN, GUARDIAN_TEXT))
    ]
    sms = [
        a_variant(locale=locale, reader=reader, channel=ChannelKind.SMS, text=PERSONAL_SMS[locale])
        for locale in locales
        for reader in Reader
    ]
    public = [
        a_variant(locale=locale, channel=channel)
        for locale in locales
        for channel in (ChannelKind.WEBSITE, ChannelKind.SOCIAL)
    ]
    return (*email, *sms, *public)


def variants_for(readers: Iterable[TextName]) -> tuple[Variant, ...]:
    """The notice of `a_draft`, and what else these readers need: in their locales, for guardians, in their letters."""
    personal = [
        a_variant(**name._asdict(), channel=channel)
        for name in sorted(readers)
        for channel in (ChannelKind.EMAIL, ChannelKind.SMS)
    ]
    return tuple({variant.id: variant for variant in (*a_draft().variants, *personal)}.values())


def a_ledger(url: str, folder: Path) -> Ledger:
    """A ledger with the test's key; the tables are made by `migrate`."""
    return Ledger(url, Keys(b"m" * 32), anchor=folder / "audit-head", reserve=MEGABYTE)


def sqlite_url(folder: Path) -> str:
    """A ledger's address in this folder."""
    return f"sqlite:///{folder / 'ledger.sqlite3'}"


@remembered
def approved(ledger: Ledger, people: Iterable[Person], **changes: Any) -> Draft:
    """Open the incident for these people, draft its first notice and approve it; nothing is released yet."""
    ledger.incidents.open(an_incident(), people, "lena", NOW)
    ledger.playbooks.pin(INCIDENT, a_playbook(approval_expires_after=FOR_EVER), a_wording(), "lena", NOW)
    for member in APPROVERS:
        ledger.team.add(member.name, member.role, "lena", NOW)
    return approved_again(ledger, **changes)


def bound(ledger: Ledger) -> dict[str, Any]:
    """What binds a draft to the incident as it stands now, and texts for everybody."""
    audience = ledger.notices.audience(INCIDENT, "everyone")
    return {
        "audience_digest": audience.digest,
        "people": audience.people,
        "facts_digest": ledger.incidents.facts_digest(INCIDENT),
        "pinned": ledger.cases.read(INCIDENT).pinned,
        "variants": personal_variants("en", "zh-CN"),
        "next_news_at": FAR_AHEAD,
    }


def approved_again(ledger: Ledger, **changes: Any) -> Draft:
    """The first notice drafted from the facts as they are now, and approved."""
    draft = a_draft(**(bound(ledger) | changes))
    ledger.notices.draft(draft, NOW)
    looked_over(ledger, draft)
    for member in APPROVERS:
        ledger.approvals.decide(INCIDENT, draft.notice, member, Decision.APPROVE, draft.binding, "", NOW)
    return draft


def looked_over(ledger: Ledger, draft: Draft, settings: ChannelSettings = OUTBOXES) -> Preflight:
    """Everybody's message is put together, as the product does before anybody may approve the notice."""
    with ThreadPoolExecutor(1) as elsewhere:  # where no event loop runs
        return elsewhere.submit(asyncio.run, look_over(ledger, draft, settings, LINKS, NOW)).result()


def channel_settings(mail_port: int, web_url: str, folder: Path, **email: str) -> ChannelSettings:
    """Real channels of every kind: to a relay and services on this machine, and a website in this folder."""
    site = folder / "site"
    site.mkdir(exist_ok=True)
    relay = {"host": "127.0.0.1", "port": str(mail_port), "security": "none", "command_timeout": "5"}
    identity = {"sender": "care@betapai.example", "bounce_domain": "bounces.betapai.example", "final_timeout": "5"}
    sms = {"shape": "json", "url": f"{web_url}/sms", "to_field": "to", "text_field": "text", "id_field": "id"}
    return {
        ChannelKind.EMAIL: {"use": "email_smtp", **relay, **identity, **email},
        ChannelKind.SMS: {"use": "sms_http", **sms, "token": "rehearsal"},
        ChannelKind.SOCIAL: {"use": "social_mastodon", "url": web_url, "token": "rehearsal"},
        ChannelKind.WEBSITE: {"use": "website_static", "folder": str(site), "base_url": "https://betapai.example/n"},
    }


IMPATIENT = {kind: Pace(patience=0) for kind in ChannelKind}
"""A test does not wait for a channel that does not work."""


class PassedClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """The time it was moved to."""
        return self.now

    def forward(self, by: timedelta) -> None:
        """Move it."""
        self.now += by


@dataclass
class Rig:
    """A ledger, the world around it, and the engine between them."""

    ledger: Ledger
    mail: MailServer
    web: WebServices
    settings: ChannelSettings
    clock: PassedClock = field(default_factory=PassedClock)

    def run(self, progress: Callable[[Tally], None] = lambda _: None) -> Tally:
        """One run of the engine in an event loop of its own."""
        return asyncio.run(self.send(progress))

    async def send(self, progress: Callable[[Tally], None] = lambda _: None) -> Tally:
        """One run of the engine."""
        async with connected(self.settings) as channels:
            return await deliver(self.ledger, channels, INCIDENT, NOTICE, LINKS, self.clock, progress, IMPATIENT)

    def states(self, channel: ChannelKind = ChannelKind.EMAIL) -> dict[int, str]:
        """Where each person's message on this channel stands."""
        lines = self.ledger.statistics.lines(INCIDENT, NOTICE)
        return {line.person: line.state.value for line in lines if line.channel is channel}

    def mailed(self) -> list[str]:
        """Whom the relay took a message for, once for each message."""
        return sorted(address for arrived in self.mail.arrived for address in arrived.recipients)

    def texted(self) -> list[str]:
        """The numbers that got an SMS, once for each."""
        return sorted(taken.fields["to"] for taken in self.web.taken if taken.service == "sms")

    def posts(self) -> list[str]:
        """What was said to the public."""
        return [taken.fields["status"] for taken in self.web.taken if taken.service == "mastodon"]


def letters(mail: MailServer) -> dict[str, EmailMessage]:
    """The emails that arrived, by address; a person who got two shows the later one."""
    return {arrived.recipients[0]: _read(arrived.content) for arrived in mail.arrived}


def read_all(mail: MailServer, address: str) -> list[EmailMessage]:
    """Every email that arrived for this address, in order."""
    return [_read(arrived.content) for arrived in mail.arrived if address in arrived.recipients]


def bodies(letter: EmailMessage) -> str:
    """Text part and HTML part of an email, decoded."""
    return "".join(part.get_content() for part in letter.iter_parts())


def _read(content: bytes) -> EmailMessage:
    return message_from_bytes(content, _class=EmailMessage, policy=policy.default)
