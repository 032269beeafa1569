"""The preflight of a draft: every person's first message is composed and checked as for sending, before approval."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from amends.delivery.channels import Channels, ChannelSettings, connected, require
from amends.delivery.compose import CELL_HOLDS, Composer
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import CheckingChannel, Flaw, Message, VariantForm
from amends.domain.deliver.preflight import MOST_NAMED, Preflight, Trouble, gap
from amends.domain.draft.writer import Links
from amends.domain.law.addendum import GENERAL
from amends.domain.notice.notice import Draft, Slot
from amends.ledger import Claim, Ledger
from amends.system.processes import few_cycles

Check = Callable[[Message], Flaw | None]


async def look_over(ledger: Ledger, draft: Draft, settings: ChannelSettings, links: Links, now: datetime) -> Preflight:
    """Return the preflight of this draft; make and record a new one unless an earlier one found nothing wrong.

    Whose codes the stock did not suffice for are counted again, because others may have codes by now, or need others.
    A preflight takes about a minute for a million people. Raises ChannelMisconfigured when the installation lacks one
    of the notice's channels, and NotInLedger without a playbook, whose words the messages need.
    """
    known = ledger.notices.preflight(draft)
    if known and not known.wrong and not ledger.codes.why_short(draft.incident, draft.notice, known.codes, now):
        return known
    with few_cycles():
        found = await _put_together(ledger, draft, settings, links)
    ledger.notices.keep_preflight(draft, found, now)
    return found


async def _put_together(ledger: Ledger, draft: Draft, settings: ChannelSettings, links: Links) -> Preflight:
    require(settings, draft)
    composer = Composer(
        ledger.cases.incident_file(draft.incident), draft, ledger.playbooks.wording(draft.incident), links
    )
    used = {kind for kind in (*draft.channels, *draft.cascade) if kind.personal}
    async with connected({kind: own for kind, own in settings.items() if kind in used}) as channels:
        inspection = Inspection(composer, channels)
        found = await asyncio.to_thread(inspection.of, ledger.previews.first_claims(draft))
        not_lawfully = (await asyncio.to_thread(ledger.previews.expected, draft)).not_lawfully
        return found.model_copy(update={"not_lawfully": not_lawfully})


@dataclass
class _FlawCount:
    """The count of messages with one flaw, the count of the people concerned, and the first of these people."""

    messages: int = 0
    people: int = 0
    first: list[int] = field(default_factory=list)
    latest: int = 0

    def add(self, person: int) -> None:
        """Count one more message; the messages of one person come one after another."""
        self.messages += 1
        if person == self.latest:
            return
        self.people, self.latest = self.people + 1, person
        if self.people <= MOST_NAMED:
            self.first.append(person)


class Inspection:
    """An inspection of messages, one after another; its memory does not grow with their number."""

    def __init__(self, composer: Composer, channels: Channels) -> None:
        self._composer = composer
        self._checks: dict[ChannelKind, Check] = {
            kind: channel.flaw for kind, channel in channels.items() if isinstance(channel, CheckingChannel)
        }
        self._slots = cache(_slots)
        self._troubles: dict[Flaw, _FlawCount] = {}
        self._codes: Counter[str] = Counter()
        self._last: tuple[int, tuple[str, ...]] = (0, ())

    def of(self, claims: Iterable[Claim]) -> Preflight:
        """Compose and check the messages of these claims, and return the findings."""
        messages = 0
        for claim in claims:
            messages += 1
            self._count_codes(claim)
            if (flaw := self._flaw(claim)) and claim.about:
                self._troubles.setdefault(flaw, _FlawCount()).add(claim.about.number)
        wrong, unusable = self._found(of_address=False), self._found(of_address=True)
        return Preflight(messages=messages, wrong=wrong, unusable=unusable, codes=dict(sorted(self._codes.items())))

    def _count_codes(self, claim: Claim) -> None:
        """Count the codes that the person needs, once for all messages to them, which come one after another."""
        if not claim.needs or claim.about is None:
            return
        known = self._last[1] if self._last[0] == claim.about.number else ()
        self._codes.update(set(claim.needs).difference(known))
        self._last = claim.about.number, (*known, *claim.needs)

    def _found(self, *, of_address: bool) -> tuple[Trouble, ...]:
        return tuple(
            Trouble(why=flaw.why, messages=count.messages, people=count.people, first=tuple(count.first))
            for flaw, count in self._troubles.items()
            if flaw.of_address is of_address
        )

    def _flaw(self, claim: Claim) -> Flaw | None:
        if not claim.readable:
            return Flaw("stored data that cannot be opened", of_address=True)
        try:
            message = self._message(claim)
            if message is None:
                return Flaw(_no_text(claim))
            return self._open(claim.channel, message) or self._checked(claim.channel, message)
        except Exception as error:  # noqa: BLE001 - as in sending, one person's trouble must not hide the others'
            return Flaw(f"fault {type(error).__name__}")

    def _message(self, claim: Claim) -> Message | None:
        try:
            return self._composer.on_paper(claim) if claim.channel.printed else self._composer.message(claim)
        except KeyError:
            return None

    def _open(self, channel: ChannelKind, message: Message) -> Flaw | None:
        why = gap(*self._slots(message.form, channel), message.values)
        return Flaw(why) if why else None

    def _checked(self, channel: ChannelKind, message: Message) -> Flaw | None:
        if channel.printed:
            return Flaw("too long for a list of letters") if len(message.text) > CELL_HOLDS else None
        check = self._checks.get(channel)
        return check(message) if check else None


def _slots(form: VariantForm, channel: ChannelKind) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the slots that need a value for every person, and the slots that are shown.

    A name also stands on an envelope and in the header of an email.
    """
    needed = form.slots | ({Slot.NAME} if channel.printed else set())
    shown = needed | ({Slot.NAME} if channel.mail else set())
    return tuple(sorted(needed)), tuple(sorted(shown))


def _no_text(claim: Claim) -> str:
    name = claim.text
    addendum = "" if name.addendum == GENERAL else f" in the addendum {name.addendum}"
    cohort = f" told otherwise ({name.cohort})" if name.cohort else ""
    return f"no text for reader {name.reader}{addendum}{cohort} by {claim.channel}"
