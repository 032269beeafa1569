"""Previews of a draft: counts and samples of the messages that its release would store."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_, case, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.cascade import Planned, first_messages, hold_within, why_held
from amends.domain.deliver.coded import CodedTexts
from amends.domain.deliver.lawful import lawful_for
from amends.domain.notice.notice import PERSON_STATE, DeliveryState, Draft, PersonState
from amends.domain.people.person import Hold, place_of
from amends.ledger.deliver.claims import Claim, Claims, Released, WaitingMessage
from amends.ledger.entitlement.code_rows import stocks_of
from amends.ledger.notice.audience import in_audience
from amends.ledger.notice.bad_addresses import ADDRESSED, usable
from amends.ledger.notice.first_messages import FirstMessages, addressees_of
from amends.ledger.notice.notices import Notices
from amends.ledger.people.people import CHUNK
from amends.ledger.store.bulk import DELIVERY
from amends.ledger.store.session import Store
from amends.ledger.tables.people import PersonRow

SENT_TO = tuple(kind.address.index for kind in ADDRESSED if kind.address and not kind.printed)
STATE = DELIVERY.index("state")
NO_MESSAGE = (DeliveryState.HELD, DeliveryState.UNREACHABLE)


class Expected(NamedTuple):
    """The numbers of people in each state right after a release of the draft."""

    people: dict[PersonState, int]
    """The people who would wait for a message, be held, or be unreachable."""
    letters: int
    """The people among them who would get a letter."""
    not_lawfully: dict[str, int]
    """By place, the people who would get messages of which a law there counts none."""


class Previews:
    """The previews of a ledger. They only read: nothing is released or claimed."""

    def __init__(self, store: Store, claims: Claims, notices: Notices) -> None:
        self._store = store
        self._claims = claims
        self._notices = notices
        self._latest: tuple[Draft, list[str], CodedTexts] | None = None
        """The texts with codes of the draft looked at last, and the stocks there were then."""

    def expected(self, draft: Draft) -> Expected:
        """Count the people in each state after a release, without opening their data: a second for a million people."""
        people: Counter[PersonState] = Counter()
        not_lawfully: Counter[str] = Counter()
        public, letters = {kind for kind in draft.channels if not kind.personal}, 0
        for planned, place, lawful, count in self._first_messages(draft):
            people[PERSON_STATE[planned[0].state]] += count
            letters += count if any(one.channel.printed for one in planned) else 0
            if planned[0].state not in NO_MESSAGE and lawful.isdisjoint(public.union(one.channel for one in planned)):
                not_lawfully[place] += count
        return Expected(dict(people), letters, dict(sorted(not_lawfully.items())))

    def _first_messages(self, draft: Draft) -> Iterator[tuple[tuple[Planned, ...], str, frozenset[ChannelKind], int]]:
        """Yield each combination of first messages with a place, the lawful channels there and the people's number."""
        reader = aliased(PersonRow)
        addressee = case((col(PersonRow.guardian) > 0, col(PersonRow.guardian)), else_=col(PersonRow.number))
        kept = (*usable(reader, draft.incident), col(reader.opted_out_at))
        theirs = (PersonRow.country, PersonRow.region, col(reader.consents_to_email))
        kinds = (PersonRow.hold, *theirs, *(column.is_not(None) for column in kept))
        query = (
            select(*kinds, func.count())  # type: ignore[call-overload]  # typed for up to four columns only
            .join(reader, and_(col(reader.incident) == PersonRow.incident, col(reader.number) == addressee))
            .where(*in_audience(draft.incident, draft.audience))
            .group_by(*kinds)
        )
        with self._store.read() as session:
            for hold, country, region, consents, *known, opted_out, count in session.exec(query):
                addresses = [kind for kind, has_one in zip(ADDRESSED, known, strict=True) if has_one]
                why = why_held(hold_within(draft, hold), optional=draft.optional, opted_out=opted_out)
                lawful = lawful_for(draft, country, region, consented=consents)
                planned = first_messages(why, addresses, draft.channels, draft.cascade, lawful)
                yield planned, place_of(country, region), lawful, count

    def samples(self, draft: Draft, how_many: int) -> tuple[Claim, ...]:
        """Return the first messages of people chosen at random, as claims that cannot be sent."""
        has_address = or_(
            *(col(getattr(PersonRow, name)).is_not(None) for name in SENT_TO), col(PersonRow.guardian) > 0
        )
        free = [hold for hold in ("", Hold.GONE.value) if not hold_within(draft, hold)]
        with self._store.read() as session:
            query = addressees_of(draft).where(col(PersonRow.hold).in_(free), has_address)
            chosen = session.execute(query.order_by(func.random()).limit(how_many)).all()
            claims = self._claims_of(session, draft, chosen, {DeliveryState.WAITING})
            return tuple(claim for claim in claims if claim.readable)

    def first_claims(self, draft: Draft) -> Iterator[Claim]:
        """Yield every person's first messages, letters included, by person, as claims that cannot be sent."""
        after = 0
        while True:
            with self._store.read() as session:
                query = addressees_of(draft).where(col(PersonRow.number) > after)
                page = session.execute(query.order_by(col(PersonRow.number)).limit(CHUNK)).all()
                claims = self._claims_of(session, draft, page, {DeliveryState.WAITING, DeliveryState.TO_PRINT})
            if not page:
                return
            yield from claims
            after = page[-1].number

    def _coded(self, session: Session, draft: Draft) -> CodedTexts:
        """Return the texts of the draft that promise a code; those of one draft are found once for all its pages."""
        stocks, known = sorted(stocks_of(session, draft.incident)), self._latest
        if known is None or known[0] is not draft or known[1] != stocks:
            self._latest = known = draft, stocks, CodedTexts(draft, stocks)
        return known[2]

    def _claims_of(
        self, session: Session, draft: Draft, people: Sequence[Any], states: Collection[DeliveryState]
    ) -> tuple[Claim, ...]:
        """Return the first messages in one of these states, as claims; `people` has the columns of `addressees`."""
        writer = FirstMessages(draft, 0, self._notices.addenda(session, draft.incident), draft.dated)
        rows = (row for person in people for row in writer.first_rows(person))
        waiting = [WaitingMessage.of(number, row) for number, row in enumerate(rows, 1) if row[STATE] in states]
        released = Released(
            draft.template,
            draft.dated,
            optional=draft.optional,
            has_cohorts=draft.has_cohorts,
            has_results=bool(draft.results),
            coded=self._coded(session, draft),
            preview=True,
        )
        return self._claims.of_rows(session, draft.incident, waiting, released)
