"""What people get at first when a notice is released, and who is written to about whom."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    Select,
    String,
    and_,
    case,
    cast,
    column,
    func,
    insert,
    literal,
    union_all,
    values,
)
from sqlalchemy import select as sql
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from amends.domain.base.errors import LedgerUnavailable
from amends.domain.base.value import EVERYONE
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.cascade import Planned, first_messages, in_doubt, starts_as, why_held
from amends.domain.law.addendum import Addenda
from amends.domain.notice.notice import Draft, Reader, text_name
from amends.ledger.store.bulk import DELIVERY, on_postgresql
from amends.ledger.store.tables import DeliveryRow, PersonRow, RestoredNoticeRow

PAGE = 10_000
"""So many people of the list at most get their messages in one transaction."""
MOST_KINDS = 500
"""So many kinds of people in one statement: databases take only so many values in one."""
ADDRESSED = (ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.LETTER)
"""In the order in which `addressees` tells the addresses."""
EMAIL, SMS, LETTER = (kind.value for kind in ADDRESSED)
NAMED = ("hold", "country", "region", "locale")
TRUE_OR_NOT = ("guarded", "has_email", "has_phone", "has_postal", "opted_out")
KIND = (*NAMED, *TRUE_OR_NOT)
"""What decides which messages a person gets. Of a million people few differ in it."""
PLANNED = ("channel", "variant", "state", "cause")
GUARDED = col(PersonRow.guardian) > 0
"""Somebody else is written to for this person."""


class FirstMessages:
    """Writes the first messages of one notice, for whoever they are."""

    def __init__(
        self, draft: Draft, version: int, letters: Addenda, at: Any, may_have_left: Collection[ChannelKind] = ()
    ) -> None:
        self._draft, self._letters, self._may_have_left = draft, letters, may_have_left
        self._head, self._tail = (draft.incident, draft.notice, version), ("", 0, at)
        # Few answers to questions that are asked for everybody.
        self._plan = cache(self._planned)

    def store_page(self, connection: Connection, after: int, end: int) -> int:
        """Store what the next people of the list get at first; up to which number everybody has a message now.

        The database makes the rows, from what each kind of people gets. Who has messages of an earlier version is left
        alone. Raises LedgerUnavailable when people were changed meanwhile, with nothing stored.
        """
        last = min(after + PAGE, end)
        part = self._part(after, last)
        kinds = connection.execute(sql(*(part.c[name] for name in KIND)).distinct()).all()
        people = self._without_messages(part, after, last)
        for start in range(0, len(kinds), MOST_KINDS):
            connection.execute(self._first_messages(people, kinds[start : start + MOST_KINDS]))
        # On SQLite nobody else can have changed anything meanwhile.
        if on_postgresql(connection) and connection.execute(sql(func.count()).select_from(people)).scalar_one():
            raise LedgerUnavailable("people were changed while their messages were stored; repeat it")
        return last

    def first_rows(
        self, number: int, hold: str, guardian: int, country: str, region: str, locale: str,
        email: bytes | None, phone: bytes | None, postal: bytes | None = None, opted_out: bool = False,
    ) -> list[tuple[Any, ...]]:  # fmt: skip
        """What a person gets at first, as values of DELIVERY; the arguments are the columns of `addressees`."""
        addresses = {EMAIL: email, SMS: phone, LETTER: postal}
        known = (email is not None, phone is not None, postal is not None)
        planned = self._plan(hold, country, region, locale, guardian > 0, *known, bool(opted_out))
        return [
            (*self._head, number, channel, addresses.get(channel) or b"", *rest, *self._tail)
            for channel, *rest in planned
        ]

    def name(self, guarded: bool, country: str, region: str, locale: str) -> str:
        """Names the text that a person gets who is like this."""
        reader = Reader.GUARDIAN if guarded else Reader.SELF
        return text_name(locale, reader, addendum_of(self._letters, self._draft.template, country, region))

    def row(
        self, person: int, channel: ChannelKind, address: bytes, name: str, planned: Planned | None = None
    ) -> tuple[Any, ...]:
        """One message, as values of DELIVERY."""
        begins = in_doubt(planned or Planned(channel, starts_as(channel)), self._may_have_left)
        return (*self._head, person, channel.value, address, name, begins.state.value, begins.cause.value, *self._tail)

    def _planned(
        self, hold: str, country: str, region: str, locale: str, guarded: bool,
        email: bool, phone: bool, postal: bool, opted_out: bool,
    ) -> list[tuple[str, str, str, str]]:  # fmt: skip
        """The PLANNED messages of anybody who is of this KIND."""
        draft = self._draft
        name = self.name(guarded, country, region, locale)
        addresses = [kind for kind, has_one in zip(ADDRESSED, (email, phone, postal), strict=True) if has_one]
        why = why_held(hold, optional=draft.optional, opted_out=opted_out)
        first = first_messages(why, addresses, draft.channels, draft.cascade)
        planned = [in_doubt(one, self._may_have_left) for one in first]
        return [(one.channel.value, name, one.state.value, one.cause.value) for one in planned]

    def _part(self, after: int, last: int) -> Any:
        """Those of the list with these numbers: their KIND and their addresses.

        Whoever reads for themselves is not joined with anybody: databases would hold the page against the whole list.
        """
        who, here = (self._draft.incident, self._draft.audience), col(PersonRow.number).between(after + 1, last)
        themselves = _told_by(PersonRow).where(*in_audience(*who), ~GUARDED, here)
        part = union_all(themselves, addressees(*who).where(GUARDED, here)).subquery()
        has = {name: part.c[f"{name}_index"].is_not(None) for name in ("email", "phone", "postal")}
        known = [found.label(f"has_{name}") for name, found in has.items()]
        return sql(part, (part.c.guardian > 0).label("guarded"), *known).subquery()

    def _without_messages(self, part: Any, after: int, last: int) -> Any:
        """Those of them who have no message of the notice.

        By a list of those who have one: without an up-to-date idea of how many they are, PostgreSQL would hold each of
        the others against all of them.
        """
        draft, person = self._draft, col(DeliveryRow.person)
        theirs = (col(DeliveryRow.incident) == draft.incident, col(DeliveryRow.notice) == draft.notice)
        have_one = sql(person).where(*theirs, person.between(after + 1, last))
        return sql(part).where(part.c.number.not_in(have_one)).subquery()

    def _first_messages(self, people: Any, kinds: Sequence[Any]) -> Any:
        columns = [column(name, Boolean if name in TRUE_OR_NOT else String) for name in (*KIND, *PLANNED)]
        rows = [(*kind, *one) for kind in kinds for one in self._plan(*kind)]
        listed = values(*columns, name="listed").data(rows).cte()
        # SQLite looks a kind up by an index of its own only among stored rows, and only by columns of the same type.
        typed = (cast(listed.c[one.name], one.type).label(one.name) for one in columns)
        planned = sql(*typed).cte("planned").prefix_with("MATERIALIZED")
        theirs = {EMAIL: people.c.email_index, SMS: people.c.phone_index, LETTER: people.c.postal_index}
        address = func.coalesce(case(*((planned.c.channel == kind, index) for kind, index in theirs.items())), b"")
        head, tail = map(literal, self._head), map(literal, self._tail)
        chosen = sql(*head, people.c.number, planned.c.channel, address, *(planned.c[n] for n in PLANNED[1:]), *tail)
        same = and_(*(planned.c[name] == people.c[name] for name in KIND))
        return insert(DeliveryRow).from_select(DELIVERY, chosen.join(planned, same).order_by(people.c.number))


def last_told(session: Session, draft: Draft) -> int:
    """The number of the last person in the audience of this notice; 0 when nobody is in it."""
    told = in_audience(draft.incident, draft.audience)
    return session.exec(select(func.max(PersonRow.number)).where(*told)).one() or 0


def may_have_left(session: Session, draft: Draft) -> frozenset[ChannelKind]:
    """On which channels a message of this notice may have left that the ledger does not hold: a backup was restored."""
    row = session.get(RestoredNoticeRow, (draft.incident, draft.notice))
    return frozenset(ChannelKind(word) for word in row.may_have_left.split("|") if word) if row else frozenset()


def addressees(incident: str, audience: str) -> Select[Any]:
    """Of each person of this audience: what decides which messages they get, and who is written to for them."""
    reader = aliased(PersonRow)
    told = case((GUARDED, col(PersonRow.guardian)), else_=col(PersonRow.number))
    joined = and_(col(reader.incident) == PersonRow.incident, col(reader.number) == told)
    return _told_by(reader).join(reader, joined).where(*in_audience(incident, audience))


def _told_by(reader: Any) -> Select[Any]:
    """The columns of `addressees`, where this is who reads what is written."""
    decisive = ("number", "hold", "guardian", "country", "region")
    address = ("locale", "email_index", "phone_index", "postal_index")
    columns = [col(getattr(PersonRow, name)) for name in decisive] + [col(getattr(reader, name)) for name in address]
    return sql(*columns, col(reader.opted_out_at).is_not(None).label("opted_out"))


def in_audience(incident: str, name: str) -> list[Any]:
    """Conditions that the people of this audience meet; nobody is in one who is gone from the list."""
    conditions = [PersonRow.incident == incident, col(PersonRow.gone_at).is_(None)]
    return conditions if name == EVERYONE else [*conditions, PersonRow.segment == name]


def addendum_of(letters: Addenda, template: str, country: str, region: str) -> str:
    """The letter in which a notice is written about somebody who lives there.

    The home of the person whose data it is decides, as the laws do, and not that of a guardian who reads it for them.
    """
    return letters.in_notice(template, letters.addendum_for(country, region))


def addresses(person: PersonRow) -> dict[ChannelKind, bytes]:
    """The personal channels on which this person has an address, with its keyed index."""
    indexes = {
        ChannelKind.EMAIL: person.email_index,
        ChannelKind.SMS: person.phone_index,
        ChannelKind.LETTER: person.postal_index,
    }
    return {kind: index for kind, index in indexes.items() if index}
