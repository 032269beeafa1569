"""First messages: what each person gets when a notice is released, and to whom messages about a person are written."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
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
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.cascade import Planned, first_messages, hold_within, in_doubt, starts_as, why_held
from amends.domain.deliver.lawful import lawful_for
from amends.domain.law.addendum import Addenda
from amends.domain.notice.notice import Draft, Reader, TextName
from amends.ledger.notice.audience import in_audience
from amends.ledger.notice.bad_addresses import ADDRESSED, INDEXES, usable
from amends.ledger.store.bulk import DELIVERY, on_postgresql, pages
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.notice import RestoredNoticeRow, ToldOtherwiseRow
from amends.ledger.tables.people import PersonRow, PreferenceRow

PAGE = 10_000
"""The most people whose messages are stored in one transaction."""
MOST_KINDS = 500
"""The most kinds of people in one statement; databases limit the number of values in a statement."""
NAMED = ("hold", "country", "region", "locale", "cohort")
HAS_OR_NOT = ("guarded", *(f"has_{kind}" for kind in ADDRESSED), "opted_out", "consents")
KIND = (*NAMED, *HAS_OR_NOT)
"""The columns that decide which messages a person gets; a million people are of few different kinds."""
PLANNED = ("channel", "variant", "state", "cause", "one_of_several")
TRUE_OR_NOT = (*HAS_OR_NOT, "one_of_several")
GUARDED = col(PersonRow.guardian) > 0
"""The condition that messages about a person are written to a guardian."""


class FirstMessages:
    """A writer of the first messages of one version of a notice."""

    def __init__(
        self, draft: Draft, version: int, addenda: Addenda, at: Any, may_have_left: Collection[ChannelKind] = ()
    ) -> None:
        self._draft, self._addenda, self._may_have_left = draft, addenda, may_have_left
        self._head, self._tail = (draft.incident, draft.notice, version), ("", 0, at)
        # Called for every person, with few different answers.
        self._plan = cache(self._planned)

    def store_page(self, connection: Connection, after: int, end: int) -> int:
        """Store the first messages of the next people, and return the number up to which every person has a message.

        The database makes the rows from the messages of each kind of people. A person who has a message of an earlier
        version gets none. Raises LedgerUnavailable, with nothing stored, when people were changed meanwhile.
        """
        last = min(after + PAGE, end)
        part = self._part(after, last)
        kinds = connection.execute(sql(*(part.c[name] for name in KIND)).distinct()).all()
        people = self._without_messages(part, after, last)
        for page in pages(kinds, MOST_KINDS):
            connection.execute(self._first_messages(people, page))
        # On SQLite a transaction that writes is alone, so that people cannot have been changed meanwhile.
        if on_postgresql(connection) and connection.execute(sql(func.count()).select_from(people)).scalar_one():
            raise LedgerUnavailable("people were changed while their messages were stored; repeat it")
        return last

    def first_rows(self, person: Any) -> list[tuple[Any, ...]]:
        """Return a person's first messages as values of DELIVERY; `person` has the columns of `addressees`."""
        number, hold, guardian, country, region, locale, *known, opted_out, cohort, consents = person
        addresses = dict(zip(ADDRESSED, known, strict=True))
        has = (address is not None for address in known)
        planned = self._plan(hold, country, region, locale, cohort, guardian > 0, *has, bool(opted_out), bool(consents))
        return [
            (*self._head, number, channel, addresses.get(channel) or b"", *rest, *self._tail)
            for channel, *rest in planned
        ]

    def name(self, guarded: bool, country: str, region: str, locale: str, cohort: str) -> str:
        """Return the name of the text for people of this kind."""
        reader = Reader.GUARDIAN if guarded else Reader.SELF
        addendum = addendum_of(self._addenda, self._draft.template, country, region)
        return str(TextName(locale, reader, addendum, cohort))

    def row(
        self, person: int, channel: ChannelKind, address: bytes, name: str, planned: Planned | None = None
    ) -> tuple[Any, ...]:
        """Return one message as values of DELIVERY."""
        begins = in_doubt(planned or Planned(channel, starts_as(channel)), self._may_have_left)
        begun = (begins.state.value, begins.cause.value, False)
        return (*self._head, person, channel.value, address, name, *begun, *self._tail)

    def _planned(self, *kind: Any) -> list[tuple[str, str, str, str, bool]]:
        """Return the messages of a person of this KIND, as values of PLANNED."""
        draft, (hold, country, region, locale, cohort, guarded, *known, opted_out, consents) = self._draft, kind
        name = self.name(guarded, country, region, locale, cohort)
        addresses = [kind for kind, has_one in zip(ADDRESSED, known, strict=True) if has_one]
        why = why_held(hold_within(draft, hold), optional=draft.optional, opted_out=opted_out)
        lawful = lawful_for(draft, country, region, consented=consents)
        first = first_messages(why, addresses, draft.channels, draft.cascade, lawful)
        planned = [in_doubt(one, self._may_have_left) for one in first]
        several = len(planned) > 1
        return [(one.channel.value, name, one.state.value, one.cause.value, several) for one in planned]

    def _part(self, after: int, last: int) -> Any:
        """Return a query for the KIND and the addresses of the people with these numbers.

        People without a guardian are read without a join: databases would join the page with the whole list.
        """
        draft, here = self._draft, col(PersonRow.number).between(after + 1, last)
        columns = _columns_with(PersonRow, draft.incident, _cohorts_of(draft), _locales_to_wish_for(draft))
        themselves = columns.where(*in_audience(draft.incident, draft.audience), ~GUARDED, here)
        part = union_all(themselves, addressees_of(draft).where(GUARDED, here)).subquery()
        known = [part.c[f"to_{kind}"].is_not(None).label(f"has_{kind}") for kind in ADDRESSED]
        return sql(part, (part.c.guardian > 0).label("guarded"), *known).subquery()

    def _without_messages(self, part: Any, after: int, last: int) -> Any:
        """Return a query for the people of this part who have no message of the notice.

        NOT IN first lists the people who have one: otherwise PostgreSQL, without current statistics, would compare each
        of the other people with all of these.
        """
        draft, person = self._draft, col(DeliveryRow.person)
        theirs = (col(DeliveryRow.incident) == draft.incident, col(DeliveryRow.notice) == draft.notice)
        have_one = sql(person).where(*theirs, person.between(after + 1, last))
        return sql(part).where(part.c.number.not_in(have_one)).subquery()

    def _first_messages(self, people: Any, kinds: Sequence[Any]) -> Any:
        columns = [column(name, Boolean if name in TRUE_OR_NOT else String) for name in (*KIND, *PLANNED)]
        rows = [(*kind, *one) for kind in kinds for one in self._plan(*kind)]
        listed = values(*columns, name="listed").data(rows).cte()
        # SQLite makes an index of its own only for materialised rows, and only for columns of the same type.
        typed = (cast(listed.c[one.name], one.type).label(one.name) for one in columns)
        planned = sql(*typed).cte("planned").prefix_with("MATERIALIZED")
        theirs = ((planned.c.channel == kind.value, people.c[f"to_{kind}"]) for kind in ADDRESSED)
        address = func.coalesce(case(*theirs), b"")
        head, tail = map(literal, self._head), map(literal, self._tail)
        chosen = sql(*head, people.c.number, planned.c.channel, address, *(planned.c[n] for n in PLANNED[1:]), *tail)
        same = and_(*(planned.c[name] == people.c[name] for name in KIND))
        return insert(DeliveryRow).from_select(DELIVERY, chosen.join(planned, same).order_by(people.c.number))


def last_person(session: Session, draft: Draft) -> int:
    """Return the number of the last person in the audience of this notice, or 0 when the audience is empty."""
    audience = in_audience(draft.incident, draft.audience)
    return session.exec(select(func.max(PersonRow.number)).where(*audience)).one() or 0


def may_have_left(session: Session, draft: Draft) -> frozenset[ChannelKind]:
    """Return the channels on which messages of this notice may have left that a restored ledger does not hold."""
    row = session.get(RestoredNoticeRow, (draft.incident, draft.notice))
    return frozenset(ChannelKind(word) for word in row.may_have_left.split("|") if word) if row else frozenset()


def addressees_of(draft: Draft, audience: str = "") -> Select[Any]:
    """Return the query `addressees` for this draft; `audience` takes the place of the draft's own."""
    wishes = _locales_to_wish_for(draft)
    return addressees(draft.incident, audience or draft.audience, _cohorts_of(draft), wishes)


def _locales_to_wish_for(draft: Draft) -> tuple[str, ...]:
    """Return the locales in which people who wish so get the draft: of an optional one those that have every text."""
    if not draft.optional:
        return ()
    texts: dict[str, set[tuple[str, ...]]] = {}
    for variant in draft.variants:
        texts.setdefault(variant.locale, set()).add((variant.channel, variant.reader, variant.addendum))
    every = set().union(*texts.values())
    return tuple(sorted(locale for locale, found in texts.items() if found == every))


def _cohorts_of(draft: Draft) -> str:
    """Return the notice whose cohorts decide who reads which text; empty when all read the same."""
    return draft.notice if draft.has_cohorts else ""


def addressees(incident: str, audience: str, notice: str = "", wishes: Collection[str] = ()) -> Select[Any]:
    """Return a query for what decides each person's messages, and for the addresses of the person's reader.

    The reader is the person, or the person's guardian. The cohort is that of `notice`. A locale of `wishes` that the
    person has chosen on their page takes the place of the reader's.
    """
    reader = aliased(PersonRow)
    addressee = case((GUARDED, col(PersonRow.guardian)), else_=col(PersonRow.number))
    joined = and_(col(reader.incident) == PersonRow.incident, col(reader.number) == addressee)
    return _columns_with(reader, incident, notice, wishes).join(reader, joined).where(*in_audience(incident, audience))


def _columns_with(reader: Any, incident: str, notice: str, wishes: Collection[str] = ()) -> Select[Any]:
    """Return a query for the columns of `addressees`, with `reader` as the table of the readers."""
    decisive = ("number", "hold", "guardian", "country", "region")
    known = [index.label(f"to_{kind}") for kind, index in zip(ADDRESSED, usable(reader, incident), strict=True)]
    columns = [*(col(getattr(PersonRow, name)) for name in decisive), _locale_of(reader, wishes), *known]
    opted_out = col(reader.opted_out_at).is_not(None).label("opted_out")
    consents: Any = col(reader.consents_to_email).label("consents")
    if not notice:
        return sql(*columns, opted_out, literal("").label("cohort"), consents)
    cohort = func.coalesce(ToldOtherwiseRow.cohort, "").label("cohort")
    query = sql(*columns, opted_out, cohort, consents).select_from(PersonRow)
    return query.join(ToldOtherwiseRow, in_cohort(incident, notice), isouter=True)


def _locale_of(reader: Any, wishes: Collection[str]) -> Any:
    """Return the column with the locale in which messages about a person are written."""
    if not wishes:
        return col(reader.locale)
    mine = (col(PreferenceRow.incident) == PersonRow.incident, col(PreferenceRow.person) == PersonRow.number)
    wished = sql(col(PreferenceRow.locale)).where(*mine, col(PreferenceRow.locale).in_(wishes)).scalar_subquery()
    return func.coalesce(wished, col(reader.locale)).label("locale")


def in_cohort(incident: str, notice: str) -> ColumnElement[bool]:
    """Return the condition that joins a person with their row among those told otherwise, for this notice."""
    mine = and_(col(ToldOtherwiseRow.incident) == incident, col(ToldOtherwiseRow.notice) == notice)
    return and_(mine, col(ToldOtherwiseRow.person) == PersonRow.number)


def addendum_of(addenda: Addenda, template: str, country: str, region: str) -> str:
    """Return the addendum with which a notice is written about a person who lives in this place.

    As in the laws, the home of the person affected decides, and not the home of a guardian who reads the message.
    """
    return addenda.in_notice(template, addenda.addendum_for(country, region))


def reader_addresses(person: Any) -> dict[ChannelKind, bytes]:
    """Return the channels on which a person's reader has a usable address; `person` has the columns of `addressees`."""
    known = ((kind, getattr(person, f"to_{kind}")) for kind in ADDRESSED)
    return {kind: index for kind, index in known if index}


def addresses(person: PersonRow) -> dict[ChannelKind, bytes]:
    """Return the channels on which this person has an address, each with the address's keyed index."""
    indexes = ((kind, getattr(person, name)) for kind, name in zip(ADDRESSED, INDEXES, strict=True))
    return {kind: index for kind, index in indexes if index}
