"""The dossier of a person, its messages put together word for word as they were sent."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from amends.delivery.compose import Composer
from amends.domain.case.dossier import Dossier, DossierMessage
from amends.domain.draft.writer import Links
from amends.ledger.case.dossier import PersonRecord
from amends.ledger.case.person_messages import PersonMessage
from amends.ledger.deliver.letters import PrintedFrom

NO_TEXT = "no text was approved for this reader, so the words cannot be put together"


@dataclass(frozen=True, slots=True)
class SentWords:
    """The words of one message as its reader got them. Holds personal data: never log or print it."""

    shown: DossierMessage = field(repr=False)
    html: str = field(repr=False)
    """The words as markup made from escaped text; empty where the message had none."""


def as_sent(messages: Iterable[PersonMessage], links: Links, link: str) -> tuple[SentWords, ...]:
    """Return the words of the messages that left, the latest first, with the reader's present link."""
    composers: dict[tuple[str, int], Composer] = {}
    own = (PersonMessage(message.shown, message.claim._replace(link=link), message.source) for message in messages)
    found = (_words_of(one, _composer(composers, one, one.source, links)) for one in own if one.source)
    return tuple(sorted(found, key=lambda one: one.shown.at, reverse=True))


def _words_of(message: PersonMessage, composer: Composer) -> SentWords:
    shown, claim = _with_words(message, composer), message.claim
    if not shown.text or not (claim.channel.detailed or claim.channel.printed):
        return SentWords(shown, "")
    return SentWords(shown, (composer.on_paper(claim) if claim.channel.printed else composer.message(claim)).html)


def with_words(record: PersonRecord, links: Links) -> Dossier:
    """Return the dossier of this record with the words of each message that left, and the links of the pages."""
    dossier = record.dossier
    pages = (one.model_copy(update={"link": links.page(dossier.incident, one.locale)}) for one in dossier.public)
    return dossier.model_copy(update={"messages": tuple(_messages(record, links)), "public": tuple(pages)})


def _messages(record: PersonRecord, links: Links) -> Iterator[DossierMessage]:
    """Yield the messages, the earliest first."""
    composers: dict[tuple[str, int], Composer] = {}
    for message in sorted(record.messages, key=lambda message: message.shown.dated):
        yield (
            _with_words(message, _composer(composers, message, message.source, links))
            if message.source
            else message.shown
        )


def _composer(
    made: dict[tuple[str, int], Composer], message: PersonMessage, source: PrintedFrom, links: Links
) -> Composer:
    """Return the composer of the message's notice, made once for each of its versions."""
    text = message.shown.notice, message.shown.version
    if text not in made:
        made[text] = Composer(source.incident, source.draft, source.wording, links)
    return made[text]


def _with_words(message: PersonMessage, composer: Composer) -> DossierMessage:
    claim, shown = message.claim, message.shown
    try:
        said = composer.on_paper(claim) if claim.channel.printed else composer.message(claim)
    except KeyError:
        return shown.model_copy(update={"notes": (*shown.notes, NO_TEXT)})
    return shown.model_copy(update={"locale": said.locale, "subject": said.subject, "text": said.text})
