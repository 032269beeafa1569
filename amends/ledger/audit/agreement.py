"""The tables held against the audit chain: rows that it does not know, and rows that it knows and the tables lack."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy import select as sql
from sqlmodel import Session, col, select

from amends.domain.base.errors import KeyMissing
from amends.domain.entitlement.code import CodeState
from amends.domain.incident.incident import Incident
from amends.domain.notice.notice import Draft, digest
from amends.ledger.audit.replay import Replay, Spans, differences
from amends.ledger.entitlement.code_rows import of, rows_where, text_of
from amends.ledger.people.people import ADDRESS_INDEXES, PARTS, contact_indexes, link_index, opened_row
from amends.ledger.store.chain import IN_PAGES
from amends.ledger.store.encryption import Keys, Seal
from amends.ledger.store.schema import all_rows
from amends.ledger.store.sealing import OPEN, SETTLED, Group, Sealer, name_in, named, value_of
from amends.ledger.store.session import Store
from amends.ledger.store.sums import RowSum, sums_of, tally_of
from amends.ledger.tables.declared import hashed_columns
from amends.ledger.tables.deliver import DeliveryRow, LeaseRow
from amends.ledger.tables.incident import IncidentRow, IncidentVersionRow
from amends.ledger.tables.notice import NoticeRow
from amends.ledger.tables.people import PersonRow
from amends.ledger.tables.playbook import PinRow
from amends.ledger.tables.row import Sealed

UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, KeyMissing)
"""Errors of Python and of the database's driver for a value that nobody can have stored."""
MOST_OF_A_KIND = 20
"""The most findings of one kind that are told one by one."""
SAID = ("number", "sealed", "data", "country", "region", "timezone")
INDEXED = ("ref_index", *ADDRESS_INDEXES, "child_index")
LISTED = ("locale", "segment", "flags")
LINK = ("link_version", "link_index")
CONSENT = "consents_to_email"
"""Named in the contact data, as its last part, by the day of the consent."""
CONTENT: dict[type[Sealed], Callable[[Any], bool]] = {
    NoticeRow: lambda row: Draft.model_validate(row["draft"]).binding == row["binding"],
    PinRow: lambda row: digest({"playbook": row["playbook"], "wording": row["wording"]}) == row["digest"],
    IncidentVersionRow: lambda row: digest(_facts(row["content"])) == row["digest"],
}
"""By table, the check that the content of a row has the hash that the row's seal covers."""


def _facts(content: dict[str, Any]) -> dict[str, Any]:
    return Incident.model_validate(content).model_dump(mode="json")


def disagreements(store: Store, session: Session, replay: Replay) -> Iterator[str]:
    """Yield in words each difference between the tables and the audit chain, of which `replay` is the state.

    All rows of all incidents are read.
    """
    for kind in all_rows():
        if issubclass(kind, Sealed):
            yield from _first(str(kind.__tablename__), _rows_of(session, store.sealer, replay, kind))
        if "summed" in kind.__table__.info:
            yield from _first(str(kind.__tablename__), _sums_of(store, session, replay, str(kind.__tablename__)))
    for incident, key in session.exec(select(IncidentRow.id, IncidentRow.wrapped_key)).all():
        if key:  # the data of the others was destroyed
            yield from _first("person", _people_of(store, session, incident))
            yield from _first("code", _codes_of(store, session, incident))
    yield from _first("delivery", _messages(session, replay))


def _first(table: str, wrong: Iterator[str]) -> Iterator[str]:
    """Yield the first findings about a table, to the row that cannot even be read."""
    try:
        yield from islice(wrong, MOST_OF_A_KIND)
    except UNREADABLE:
        yield f"a row of table {table} cannot be read any more"


def _rows_of(session: Session, sealer: Sealer, replay: Replay, kind: type[Sealed]) -> Iterator[str]:
    """Yield what is wrong with the sealed rows of a table."""
    table = kind.__table__
    stored: dict[Group, str] = {}
    for row in session.connection().execute(sql(table).execution_options(**IN_PAGES)).mappings():
        name = name_in(table.name, row)
        sealed = sealer.seal_of(table.name, row) == row["seal"] and _is_bound(kind, row)
        stored[name] = value_of(table.name, row) if sealed else "altered"
        if not sealed:
            yield f"{named(table.name, name)} was altered, moved or forged"
    if "unchained" not in table.info:
        whole = {name: seal for name, seal in stored.items() if seal != "altered"}
        known = {name: seal for name, seal in replay.rows[table.name].items() if stored.get(name) != "altered"}
        yield from differences(table.name, whole, known)


def _is_bound(kind: type[Sealed], row: RowMapping) -> bool:
    """Return True when the content of a row has the hash that stands beside it; also for a row without such content."""
    try:
        return not hashed_columns(kind.__table__) or CONTENT[kind](row)
    except ValueError:  # it cannot even be read
        return False


def _sums_of(store: Store, session: Session, replay: Replay, table: str) -> Iterator[str]:
    """Yield the groups of rows whose number or content is not what the chain knows."""
    stored = dict(sums_of(session, store.summer, table))
    known = {group: total for group, total in replay.sums.items() if group[0] == table and total != RowSum(0, 0)}
    for group in sorted(stored.keys() | known.keys()):
        there, wanted = stored.get(group, RowSum(0, 0)), known.get(group, RowSum(0, 0))
        where = f"table {table}" + (f" of {', '.join(group[1:])}" if group[1:] else "")
        if there.rows != wanted.rows:
            yield f"{where} has {there.rows} rows, and the audit chain knows {wanted.rows}"
        elif there != wanted:
            yield f"a row in {where} was altered or replaced"


def _people_of(store: Store, session: Session, incident: str) -> Iterator[str]:
    """Yield the people whose row was altered, as their sealed contact data shows."""
    seal = store.seal(session, incident)
    columns = [col(getattr(PersonRow, name)) for name in (*SAID, *INDEXED, *LISTED, *LINK, CONSENT)]
    rows = sql(*columns).where(col(PersonRow.incident) == incident).execution_options(**IN_PAGES)
    for row in session.connection().execute(rows).mappings():
        if not _is_whole(store.keys, incident, seal, row):
            yield f"person {row['number']} of {incident} was altered"


def _codes_of(store: Store, session: Session, incident: str) -> Iterator[str]:
    """Yield the codes whose row was altered, as their sealed text shows."""
    seal = store.seal(session, incident)
    for row in rows_where(session.connection(), "incident = :incident", incident=incident):
        try:
            text_of(seal, row)
            CodeState(of(row, "state"))
        except (KeyMissing, ValueError):
            yield f"code {row[0]} of {incident} was altered"


def _is_whole(keys: Keys, incident: str, seal: Seal, row: Any) -> bool:
    """Return True when a person's row is what its sealed contact data says."""
    number, sealed, *said = (row[name] for name in SAID)
    try:
        opened = opened_row(incident, number, sealed, seal, said)
    except KeyMissing:
        return False
    token = keys.link_token(incident, number, row["link_version"])
    return (
        contact_indexes(keys, incident, opened[:PARTS]) == tuple(row[name] for name in INDEXED)
        and opened[PARTS:] == [row[name] for name in LISTED]
        and bool(opened[PARTS - 1]) == row[CONSENT]
        and row["link_index"] == link_index(token)
    )


def _messages(session: Session, replay: Replay) -> Iterator[str]:
    """Yield the messages whose state is not what the chain knows; those in hand are left out."""
    in_hand = set(session.exec(select(LeaseRow.incident, LeaseRow.notice)).all())
    pairs = session.exec(select(DeliveryRow.incident, DeliveryRow.notice).distinct()).all()
    for incident, notice in sorted({*pairs, *replay.messages} - in_hand):
        wrong = list(islice(_states(session, replay, incident, notice), MOST_OF_A_KIND))
        yield from wrong
        if not wrong and tally_of(session, incident, notice) != replay.rows["tally"].get((incident, notice)):
            yield f"the texts or the states of messages of {incident}, {notice} are others than the audit chain knows"


def _states(session: Session, replay: Replay, incident: str, notice: str) -> Iterator[str]:
    spans, seen = replay.messages.get((incident, notice)) or Spans(), 0
    here = (col(DeliveryRow.incident) == incident, col(DeliveryRow.notice) == notice)
    rows = sql(col(DeliveryRow.id), col(DeliveryRow.state)).where(*here).execution_options(**IN_PAGES)
    for number, state in session.connection().execute(rows):
        known, stands = spans.state_of(number or 0), state if state in SETTLED else OPEN
        seen += known != OPEN
        if known != stands:
            knows = f"knows it as {known}" if known else "does not know that it has left"
            yield f"message {number} of {incident}, {notice} stands as {state}; the audit chain {knows}"
    if (settled := sum(last - first + 1 for first, last, _ in spans)) != seen:
        yield f"{settled - seen} messages of {incident}, {notice} have left by the audit chain, and are gone"
