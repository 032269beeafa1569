"""Composing messages: the form of a variant is made once, and each person's values are put into the form."""

import re
from functools import cache
from urllib.parse import quote

from amends.delivery.markdown import blocks_of, plain_text, to_html
from amends.domain.base.value import text_for
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Message, Passage, Pieces, VariantForm
from amends.domain.draft.writer import Links
from amends.domain.incident.facts import DataCategory
from amends.domain.incident.incident import Incident
from amends.domain.notice.notice import (
    OWN_CODE,
    PASSAGES,
    SLOT_CLOSE,
    SLOT_OPEN,
    Draft,
    Reader,
    Slot,
    TextName,
    Variant,
)
from amends.domain.notice.wording import Wording, say_data
from amends.domain.people.person import place_of
from amends.ledger import Claim

SLOT = re.compile(f"{SLOT_OPEN}([a-z0-9_-]+){SLOT_CLOSE}")
QUOTED_OPEN, QUOTED_CLOSE = quote(SLOT_OPEN), quote(SLOT_CLOSE)
CELL_HOLDS = 32_767
"""The most characters in one cell of a spreadsheet; a print shop gets the text of a letter in such a cell."""


class Composer:
    """A composer of the messages of one notice."""

    def __init__(self, incident: Incident, draft: Draft, wording: Wording, links: Links) -> None:
        self._incident, self._draft, self._wording, self._links = incident, draft, wording, links
        self._variants = {variant.id: variant for variant in draft.variants}
        # All are called for every message and have few different answers; a variant that nobody reads is not formed.
        self._form_for = cache(self._find_form)
        self._form = cache(self._form_of)
        self._shared = cache(self._values_of_many)

    def message(self, claim: Claim) -> Message:
        """Return the complete message of this claim.

        Raises KeyError when no variant was approved for the claim's reader and addendum: a variant with another
        addendum would say what the laws of a place forbid, or not say what those laws require.
        """
        form = self._form_for(claim.text, claim.channel)
        return Message(
            form=form,
            key=claim.key,
            to=_address(claim),
            to_name=claim.to.name if claim.to else "",
            values=self._values(claim, form.locale),
            bounce=claim.bounce,
            unsubscribe=self._links.opt_out(claim.opt_out) if claim.opt_out else "",
        )

    def on_paper(self, claim: Claim) -> Message:
        """Return the email whose text is printed as this letter. Raises KeyError as `message` does."""
        return self.message(claim._replace(channel=claim.channel.reads))

    def _find_form(self, text: TextName, channel: ChannelKind) -> VariantForm:
        """Return the form of the variant that was approved for such a reader."""
        return self._form(self._draft.nearest(text, channel, self._incident.default_locale).id)

    def _form_of(self, name: str) -> VariantForm:
        """Return the form of the variant with this id, with its HTML and with slots for the values of each person."""
        variant = self._variants[name]
        markup = to_html(variant.text) if variant.channel.detailed else ""
        slots_as_such = markup.replace(QUOTED_OPEN, SLOT_OPEN).replace(QUOTED_CLOSE, SLOT_CLOSE)
        for slot in PASSAGES:  # a passage has paragraphs of its own
            slots_as_such = slots_as_such.replace(f"<p>{slot.mark}</p>", slot.mark)
        return VariantForm(
            kind=variant.channel,
            locale=variant.locale,
            subject=_pieces(variant.subject),
            text=_pieces(_without_markup(variant, slots_as_such)),
            html=_pieces(slots_as_such),
            link=self._links.page(self._draft.incident, variant.locale),
            incident=self._draft.incident,
            notice=self._draft.notice,
            sender=text_for(self._incident.organisation.name, variant.locale),
            signature=self._signature(variant.locale, variant.channel),
            published_at=self._draft.dated,
            first_published_at=self._draft.first_dated,
            corrects=self._draft.corrects,
            zone=self._incident.organisation.timezone,
        )

    def _signature(self, locale: str, kind: ChannelKind) -> str:
        chinese_sms = kind.segmented and locale.startswith("zh")
        return (self._incident.organisation.sms_signature or "") if chinese_sms else ""

    def _values(self, claim: Claim, locale: str) -> dict[str, str]:
        about, to = claim.about, claim.to
        if about is None or to is None:
            return {}
        guardian, place = claim.text.reader == Reader.GUARDIAN, place_of(about.country, about.region)
        shared, nobody, child = self._shared(locale, about.data, place, guardian, claim.earlier_data, claim.result)
        values = {
            **shared,
            Slot.NAME: to.name or nobody,
            Slot.PERSONAL_LINK: claim.link,
            Slot.CHILD: about.name or child if guardian else "",
        }
        for commitment, code in claim.codes.items():
            values[f"{OWN_CODE}{commitment}"] = code
        return values

    def _values_of_many(
        self,
        locale: str,
        touched: tuple[DataCategory, ...],
        place: str,
        guardian: bool,
        earlier: tuple[DataCategory, ...],
        results: tuple[str, str],
    ) -> tuple[dict[str, str], str, str]:
        """Return the values that very many people share, and the words for a person and a child without a name."""
        phrases = self._wording.phrases.get(locale)
        nobody, child = (phrases.nameless, phrases.nameless_child) if phrases else ("", "")
        told, told_before = (text_for(self._draft.results.get(result, {}), locale) for result in results)
        shared = {
            Slot.YOUR_DATA: self._say_data(locale, touched),
            Slot.EARLIER_DATA: self._say_data(locale, earlier) if earlier else "",
            Slot.RESULT: told,
            Slot.EARLIER_RESULT: told_before,
            **self._own_words(locale, touched, place, guardian),
        }
        return shared, nobody, child

    def _own_words(self, locale: str, touched: tuple[DataCategory, ...], place: str, guardian: bool) -> dict[str, str]:
        """Return the steps and the help for people with this data who live in this place."""
        kinds, steps = touched or self._incident.facts.categories(), self._wording.steps_in(locale, place[:2])
        return {
            Slot.FIRST_STEP: steps.first(kinds, child=guardian),
            Slot.STEPS: as_passage(steps.numbered(kinds, child=guardian)),
            Slot.HELP: as_passage(self._wording.help_text(locale, place, kinds, child=guardian)),
        }

    def _say_data(self, locale: str, touched: tuple[DataCategory, ...]) -> str:
        return say_data(self._wording.phrases[locale], touched or self._incident.facts.categories())


def as_passage(markdown: str) -> Passage:
    """Return the Markdown as a passage of plain text and HTML."""
    markup = to_html(markdown)
    return Passage(plain_text(blocks_of(markup)), markup)


def _address(claim: Claim) -> str:
    address = claim.channel.address
    return address.of(claim.to) if claim.to and address else ""


def _pieces(text: str) -> Pieces:
    return tuple(SLOT.split(text))


def _without_markup(variant: Variant, markup: str) -> str:
    """Return the text for readers without markup: all of a message, but only a summary of a page."""
    if variant.channel.page:
        return _summary(variant)
    return plain_text(blocks_of(markup)) if markup else variant.text


def _summary(variant: Variant) -> str:
    """Return the first line below the headings as plain text, for feeds; the subject when there is no such line."""
    first = next(iter(variant.parts.values()), variant.text)
    lines = [line for line in first.splitlines() if line.strip() and not line.startswith("#")]
    return re.sub(r"[*_`<>]", "", lines[0]) if lines else variant.subject
