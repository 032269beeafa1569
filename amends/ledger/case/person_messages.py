"""The messages of one person with all that is needed to put their words together again."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from sqlmodel import Session, col, select

from amends.domain.base.errors import DataDamaged
from amends.domain.case.dossier import MASK, DossierMessage
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import ReceiptCause
from amends.domain.deliver.reason import reason
from amends.domain.entitlement.code import NO_CODES, OwnCodes
from amends.domain.notice.notice import DeliveryState, Draft, Reader, name_parts
from amends.domain.people.person import damaged
from amends.ledger.deliver.claims import Claim, Claims, Released, WaitingMessage
from amends.ledger.deliver.letters import WAITING_COLUMNS, PrintedFrom, sources
from amends.ledger.deliver.told import ElementSet, element_sets, messages_to
from amends.ledger.entitlement.entitled import LEFT
from amends.ledger.notice.first_messages import addresses
from amends.ledger.notice.notices import Notices
from amends.ledger.people.opt_outs import reader_of
from amends.ledger.people.people import categories, person_row
from amends.ledger.store.session import Store
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.notice import NoticeRow
from amends.ledger.tables.people import PersonRow

MOVED = "it went to an address that is not the reader's in today's list; the name is that of today's list"
NO_GUARDIAN = "today's list names no guardian of this person, so the name of the reader is not known"
NO_DATA = "which data the message named is not recorded; the words have the data of today's list"


@dataclass(frozen=True)
class PersonMessage:
    """A message of a person, with all that is needed to put its words together."""

    shown: DossierMessage
    """The message without its words."""
    claim: Claim = field(repr=False)
    """The message as it was claimed, with the person's link masked; nobody can send it."""
    source: PrintedFrom | None = field(repr=False)
    """The draft, facts and words of the message; None for a message that did not leave."""


class SentMessages:
    """The messages that people got, for their own pages."""

    def __init__(self, store: Store, notices: Notices, claims: Claims) -> None:
        self._store, self._notices, self._claims = store, notices, claims

    def of_notice(self, incident: str, number: int, notice: str, now: datetime) -> tuple[PersonMessage, ...]:
        """Return the messages of this notice about the person that left, in the order in which they were stored.

        Raises NotInLedger, DataDamaged.
        """
        with self._store.read() as session:
            row = person_row(session, incident, number)
            found = messages_of(session, self._notices, self._claims, row, now)
            return tuple(one for one in found if one.shown.notice == notice and one.source)


def messages_of(
    session: Session, notices: Notices, claims: Claims, person: PersonRow, now: datetime
) -> Iterator[PersonMessage]:
    """Yield the messages about this person, also those that did not leave, in the order in which they were stored.

    The words of a message are those of its version, its addendum and the data that it named; names are the present
    ones. Raises DataDamaged.
    """
    incident = person.incident
    theirs = select(DeliveryRow).where(*messages_to(session, incident, person.number))
    rows = session.exec(theirs.order_by(col(DeliveryRow.id))).all()
    waiting = [WaitingMessage(*(getattr(row, name) for name in WAITING_COLUMNS)) for row in rows]
    elements, at_home = element_sets(session, incident), addresses(reader_of(session, incident, person.number))

    @cache
    def draft(notice: str, version: int) -> Draft:
        return notices.drafted(session.get_one(NoticeRow, (incident, notice, version)))

    printed = sources(session)
    source = cache(lambda notice, version: printed(draft(notice, version)))

    claimed = claims.of_rows(session, incident, waiting, Released("", now, has_cohorts=True, has_results=True))
    held, before = claims.codes_of(session, incident, person.number)
    for row, claim in zip(rows, claimed, strict=True):
        if shut := [one.number for one in (claim.about, claim.to) if one and not one.readable]:
            raise DataDamaged(damaged(shut[0]))
        left, text = row.state in LEFT, (row.notice, row.version)
        own = OwnCodes(held | before.get(row.id or 0, NO_CODES))
        coded = claim._replace(codes=own)
        sent = _as_sent(coded, row, elements.get(row.elements or 0), guarded=person.guardian > 0)
        notes = _notes(row, at_home, guarded=person.guardian > 0) if left else ()
        shown = _shown(row, sent, draft(*text).dated, tuple(notes))
        yield PersonMessage(shown, sent, source(*text) if left else None)


def _as_sent(claim: Claim, row: DeliveryRow, elements: ElementSet | None, *, guarded: bool) -> Claim:
    """Return the claim with the text and the data of the message as it was sent, and the link masked."""
    about, to = claim.about, claim.to
    if about and elements is not None:
        about = about._replace(data=categories(elements.elements), country=elements.country, region=elements.region)
    to_guardian = claim.text.reader == Reader.GUARDIAN
    if not to_guardian:
        to = about
    elif not guarded and to:
        to = to._replace(name=MASK)
    return claim._replace(about=about, to=to, text=name_parts(row.variant), link=MASK)


def _notes(row: DeliveryRow, at_home: dict[ChannelKind, bytes], *, guarded: bool) -> Iterator[str]:
    to_guardian = name_parts(row.variant).reader == Reader.GUARDIAN
    if to_guardian and not guarded:
        yield NO_GUARDIAN
    elif at_home.get(ChannelKind(row.channel)) != row.address_index:
        yield MOVED
    if row.elements is None:
        yield NO_DATA


def _shown(row: DeliveryRow, claim: Claim, dated: datetime, notes: tuple[str, ...]) -> DossierMessage:
    return DossierMessage(
        notice=row.notice,
        version=row.version,
        channel=claim.channel,
        locale=claim.text.locale,
        reader=Reader(claim.text.reader),
        to=claim.to.name if claim.to else "",
        state=DeliveryState(row.state),
        reason=reason(ReceiptCause(row.cause), row.detail, doubtful=row.doubtful),
        at=row.updated_at,
        dated=dated,
        notes=notes,
    )
