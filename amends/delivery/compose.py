"""From a variant and a person to a message: all that is the same is made once, only the values differ."""

import html
import re
from dataclasses import dataclass
from urllib.parse import quote

from markdown_it import MarkdownIt

from amends.domain.channel import ChannelKind, Message
from amends.domain.drafting import Links
from amends.domain.incident import Incident
from amends.domain.notice import SLOT_CLOSE, SLOT_OPEN, Draft, Reader, Slot, Variant, text_name
from amends.domain.value import nearest_locale, text_for
from amends.domain.wording import Wording, say_data
from amends.ledger import Claim

SLOT = re.compile(f"{SLOT_OPEN}([a-z_]+){SLOT_CLOSE}")
QUOTED_OPEN, QUOTED_CLOSE = quote(SLOT_OPEN), quote(SLOT_CLOSE)
MARKDOWN = MarkdownIt("commonmark", {"html": False})


@dataclass(frozen=True)
class Skeleton:
    """A variant with its HTML, ready to be filled; every second piece is the name of a slot."""

    variant: Variant
    subject: tuple[str, ...]
    text: tuple[str, ...]
    html: tuple[str, ...]


class Composer:
    """Makes the messages of one notice."""

    def __init__(self, incident: Incident, draft: Draft, wording: Wording, links: Links) -> None:
        self._incident, self._draft, self._wording, self._links = incident, draft, wording, links
        self._skeletons = {variant.id: _skeleton(variant) for variant in draft.variants}
        self._locales: dict[tuple[str, str, str], list[str]] = {}
        for variant in draft.variants:
            kind = (variant.reader, variant.letter, variant.channel)
            self._locales.setdefault(kind, []).append(variant.locale)

    def message(self, claim: Claim) -> Message:
        """The message of this claim, complete.

        Raises KeyError when no variant was approved for its reader and its letter: another letter would tell what the
        laws of a place forbid, or not tell what they ask for.
        """
        locale = self._locale_for(claim)
        skeleton = self._skeletons[f"{text_name(locale, claim.reader, claim.letter)}/{claim.channel}"]
        values = self._values(claim, locale)
        marked = {slot: html.escape(value) for slot, value in values.items()}
        return Message(
            key=claim.key,
            kind=claim.channel,
            locale=locale,
            to=_address(claim),
            to_name=claim.to.name if claim.to else "",
            subject=_fill(skeleton.subject, values),
            text=_summary(skeleton) if claim.channel is ChannelKind.WEBSITE else _fill(skeleton.text, values),
            html=_fill(skeleton.html, marked),
            link=self._links.page(self._draft.incident, locale),
            incident=self._draft.incident,
            notice=self._draft.notice,
            sender=text_for(self._incident.organisation.name, locale),
            signature=self._signature(locale, claim.channel),
            published_at=self._draft.dated,
        )

    def _locale_for(self, claim: Claim) -> str:
        """The locale of the variant that this reader gets, of those that were approved for such a reader."""
        offered = self._locales[claim.reader, claim.letter, claim.channel]
        default = self._incident.default_locale
        return nearest_locale(claim.locale, offered, default if default in offered else offered[0])

    def _signature(self, locale: str, kind: ChannelKind) -> str:
        chinese_sms = kind is ChannelKind.SMS and locale.startswith("zh")
        return (self._incident.organisation.sms_signature or "") if chinese_sms else ""

    def _values(self, claim: Claim, locale: str) -> dict[Slot, str]:
        if claim.about is None or claim.to is None:
            return {}
        touched = claim.about.data or self._incident.facts.categories()
        return {
            Slot.NAME: claim.to.name,
            Slot.YOUR_DATA: say_data(self._wording.phrases[locale], touched),
            Slot.PERSONAL_LINK: claim.link,
            Slot.CHILD: claim.about.name if claim.reader == Reader.GUARDIAN else "",
        }


def _address(claim: Claim) -> str:
    if claim.to is None:
        return ""
    return claim.to.email if claim.channel is ChannelKind.EMAIL else claim.to.phone


def _skeleton(variant: Variant) -> Skeleton:
    markup = to_html(variant.text) if variant.channel.detailed else ""
    slots_as_such = markup.replace(QUOTED_OPEN, SLOT_OPEN).replace(QUOTED_CLOSE, SLOT_CLOSE)
    return Skeleton(variant, _pieces(variant.subject), _pieces(variant.text), _pieces(slots_as_such))


def to_html(markdown: str) -> str:
    """Markdown as markup; HTML inside it stays text."""
    return str(MARKDOWN.render(markdown))


def _pieces(text: str) -> tuple[str, ...]:
    return tuple(SLOT.split(text))


def _fill(pieces: tuple[str, ...], values: dict[Slot, str]) -> str:
    """The fixed pieces and, between them, the person's values. Raises KeyError for a slot without a value."""
    return "".join(values[Slot(piece)] if place % 2 else piece for place, piece in enumerate(pieces))


def _summary(skeleton: Skeleton) -> str:
    """The first part in plain words, for feeds."""
    first = next(iter(skeleton.variant.parts.values()), skeleton.variant.text)
    lines = [line for line in first.splitlines() if line.strip() and not line.startswith("#")]
    return re.sub(r"[*_`<>]", "", lines[0]) if lines else skeleton.variant.subject
