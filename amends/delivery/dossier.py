"""The dossier of a person, its messages put together word for word as they were sent."""

from collections.abc import Iterator

from amends.delivery.compose import Composer
from amends.domain.case.dossier import Dossier, DossierMessage
from amends.domain.draft.writer import Links
from amends.ledger.case.dossier import PersonRecord
from amends.ledger.case.person_messages import PersonMessage

NO_TEXT = "no text was approved for this reader, so the words cannot be put together"


def with_words(record: PersonRecord, links: Links) -> Dossier:
    """Return the dossier of this record with the words of each message that left, and the links of the pages."""
    dossier = record.dossier
    pages = (one.model_copy(update={"link": links.page(dossier.incident, one.locale)}) for one in dossier.public)
    return dossier.model_copy(update={"messages": tuple(_messages(record, links)), "public": tuple(pages)})


def _messages(record: PersonRecord, links: Links) -> Iterator[DossierMessage]:
    """Yield the messages, the earliest first."""
    composers: dict[tuple[str, int], Composer] = {}
    for one in sorted(record.messages, key=lambda one: one.shown.dated):
        text = one.shown.notice, one.shown.version
        if one.source and text not in composers:
            source = one.source
            composers[text] = Composer(source.incident, source.draft, source.wording, links)
        yield _with_words(one, composers[text]) if one.source else one.shown


def _with_words(message: PersonMessage, composer: Composer) -> DossierMessage:
    claim, shown = message.claim, message.shown
    try:
        said = composer.on_paper(claim) if claim.channel.printed else composer.message(claim)
    except KeyError:
        return shown.model_copy(update={"notes": (*shown.notes, NO_TEXT)})
    return shown.model_copy(update={"locale": said.locale, "subject": said.subject, "text": said.text})
