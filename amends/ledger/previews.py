"""Verbs that look ahead: what a draft would do if it were released as it is."""

from collections import Counter

from sqlalchemy import and_, case, or_
from sqlalchemy.orm import aliased
from sqlmodel import col, func, select

from amends.domain.channel import ChannelKind
from amends.domain.notice import PERSON_STATE, DeliveryState, Draft, PersonState
from amends.domain.reach import first_messages
from amends.ledger.deliveries import Claim, Deliveries
from amends.ledger.notices import addressees_of, first_rows, in_audience, letters_in_force
from amends.ledger.tables import DeliveryRow, PersonRow


class Previews(Deliveries):
    """Reads only; nothing is released or claimed."""

    def expected(self, draft: Draft) -> dict[PersonState, int]:
        """How many people would wait for a message, be held, or be unreachable, counted without opening any row."""
        addressee = aliased(PersonRow)
        told = case((col(PersonRow.guardian) > 0, col(PersonRow.guardian)), else_=col(PersonRow.number))
        kinds = (PersonRow.hold, col(addressee.email_index).is_not(None), col(addressee.phone_index).is_not(None))
        query = (
            select(*kinds, func.count())
            .join(addressee, and_(col(addressee.incident) == PersonRow.incident, col(addressee.number) == told))
            .where(*in_audience(draft.incident, draft.audience))
            .group_by(*kinds)
        )
        counted: Counter[PersonState] = Counter()
        with self.read() as session:
            for hold, email, phone, count in session.exec(query):
                known = {ChannelKind.EMAIL: email, ChannelKind.SMS: phone}
                addresses = [kind for kind, has_one in known.items() if has_one]
                planned = first_messages(hold, addresses, draft.channels, draft.cascade)
                counted[PERSON_STATE[planned[0].state]] += count
        return dict(counted)

    def samples(self, draft: Draft, how_many: int) -> tuple[Claim, ...]:
        """The first messages of some people chosen at random, as claims that nobody can send."""
        has_address = or_(
            col(PersonRow.email_index).is_not(None),
            col(PersonRow.phone_index).is_not(None),
            col(PersonRow.guardian) > 0,
        )
        with self.read() as session:
            chosen = session.exec(
                select(PersonRow)
                .where(*in_audience(draft.incident, draft.audience), PersonRow.hold == "", has_address)
                .order_by(func.random())
                .limit(how_many)
            ).all()
            addressees = addressees_of(session, draft.incident, chosen)
            letters = letters_in_force(session, draft.incident)
            rows = [row for person in chosen for row in first_rows(draft, 0, person, addressees, letters, draft.dated)]
            waiting = [DeliveryRow(**row) for row in rows if row["state"] == DeliveryState.WAITING]
            return self._claims(session, draft.incident, waiting, draft.template)
