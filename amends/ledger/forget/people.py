"""People whose data is forgotten: their row stays with its number, and names nobody any more."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, text, update
from sqlmodel import Session, col, select

from amends.domain.people.person import Hold
from amends.ledger.people.holds import recall_people, withhold_people
from amends.ledger.people.people import (
    ADDRESS_INDEXES,
    PARTS,
    SEPARATOR,
    contact_indexes,
    contact_place,
    link_index,
    opened_row,
)
from amends.ledger.store.bulk import among, listed, statement
from amends.ledger.store.encryption import Keys, Seal
from amends.ledger.store.session import Transaction
from amends.ledger.store.sums import changing, changing_these
from amends.ledger.tables.deliver import DeliveryRow, LoggedMessageRow
from amends.ledger.tables.notice import ReleaseRow
from amends.ledger.tables.people import PersonRow

NO_CONTACT = ("",) * (PARTS - 1)
RANDOM_BYTES = {"sqlite": "randomblob(16)", "postgresql": "uuid_send(gen_random_uuid())"}
FORGET_MESSAGES = """
UPDATE delivery SET provider_id = '', detail = '',
address_index = CASE WHEN length(address_index) > 0 THEN {random} ELSE address_index END
WHERE incident = :incident AND {people}
"""
"""Notice, version, time, channel and state stay: the proof that somebody was told, and not who."""
KEPT = ("number", "sealed", "country", "region", "data", "locale", "segment", "flags", "link_version", "hold")
GUARDIAN_PARTS = 5
"""The place of the child's reference among the parts of the contact data."""


def forget_people(
    write: Transaction, keys: Keys, seal: Seal, incident: str, numbers: Sequence[int], now: datetime
) -> None:
    """Replace the contact data of these people by nothing, in the caller's transaction.

    Messages that wait are held, links end, children told through them are held, and no keyed index leads to them. Their
    number, locale, country, region, segment, flags and kinds of data stay, by which people are counted.
    """
    session = write.session
    lock_releases(session, incident)
    refs = _forget_rows(session, keys, seal, incident, numbers)
    _forget_children(session, seal, incident, refs)
    _hold_children(session, incident, numbers, now)
    withhold_people(session, incident, numbers, Hold.ERASED, now)
    _forget_messages(session, keys, incident, numbers)


def lock_releases(session: Session, incident: str) -> None:
    """Keep messages from being prepared meanwhile for people as they stood before."""
    session.exec(select(ReleaseRow.notice).where(ReleaseRow.incident == incident).with_for_update()).all()


def in_hand(session: Session, incident: str, numbers: Sequence[int]) -> bool:
    """Recall the leases on messages to these people, and return True when a worker has one of the messages."""
    recall_people(session, incident, numbers)
    these = text(among(session.connection(), "delivery.person"))
    chosen = these.bindparams(ids=listed(session.connection(), numbers))
    claimed = (DeliveryRow.incident == incident, col(DeliveryRow.state) == "claimed", chosen)
    return session.exec(select(DeliveryRow.id).where(*claimed).limit(1)).first() is not None


def _forget_rows(session: Session, keys: Keys, seal: Seal, incident: str, numbers: Sequence[int]) -> list[bytes]:
    """Empty the rows of these people, and return the keyed hashes of the references that they had."""
    with changing_these(session, "person", (incident,), "number", numbers):
        columns = [col(getattr(PersonRow, name)) for name in (*KEPT, "ref_index")]
        chosen = text(among(session.connection(), "person.number"))
        here = chosen.bindparams(ids=listed(session.connection(), numbers))
        query = select(*columns).where(PersonRow.incident == incident, here)
        found = session.execute(query.with_for_update()).all()
        emptied = [_emptied(keys, seal, incident, row) for row in found]
        _store(session, incident, emptied)
    return [row.ref_index for row in found]


def _emptied(keys: Keys, seal: Seal, incident: str, row: Any) -> dict[str, Any]:
    """Return the new values of a row; the random reference keeps references different, and is nobody's."""
    contact = (f"erased-{secrets.token_hex(16)}", *NO_CONTACT)
    ref, *_ = contact_indexes(keys, incident, contact)
    said = (row.data, row.country, row.region, "")
    version = row.link_version + 1
    return {
        "number": row.number,
        "sealed": seal.close(
            SEPARATOR.join((*contact, row.locale, row.segment, row.flags)), contact_place(incident, row.number, *said)
        ),
        "ref_index": ref,
        "link_index": link_index(keys.link_token(incident, row.number, version)),
        "link_version": version,
        "timezone": "",
        **dict.fromkeys((*ADDRESS_INDEXES, "child_index", "opted_out_at")),
        "consents_to_email": False,
        "guardian": 0,
        "hold": Hold.ERASED.value,
    }


def _store(session: Session, incident: str, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    table = PersonRow.__table__
    here = (table.c.incident == bindparam("of_incident"), table.c.number == bindparam("of_number"))
    names = [name for name in rows[0] if name != "number"]
    changed = update(table).where(*here).values({name: bindparam(f"new_{name}") for name in names})
    spelled = [{f"new_{name}": row[name] for name in names} for row in rows]
    asked = [
        {"of_incident": incident, "of_number": row["number"], **new} for row, new in zip(rows, spelled, strict=True)
    ]
    session.connection().execute(changed, asked)


def _forget_children(session: Session, seal: Seal, incident: str, refs: Sequence[bytes]) -> None:
    """Take the reference of a forgotten child from the contact data of the child's guardians."""
    of_child = (PersonRow.incident == incident, col(PersonRow.child_index).in_(refs))
    for row in session.exec(select(PersonRow).where(*of_child).with_for_update()).all() if refs else ():
        with changing_these(session, "person", (incident,), "number", [row.number]):
            said = (row.data, row.country, row.region, row.timezone)
            parts = opened_row(incident, row.number, row.sealed, seal, said)
            parts[GUARDIAN_PARTS] = ""
            place = contact_place(incident, row.number, *said)
            changed = {"sealed": seal.close(SEPARATOR.join(parts), place), "child_index": None}
            here = (col(PersonRow.incident) == incident, col(PersonRow.number) == row.number)
            session.execute(update(PersonRow).where(*here).values(**changed))


def _hold_children(session: Session, incident: str, guardians: Sequence[int], now: datetime) -> None:
    """Hold the children who were told through these people."""
    chosen = text(among(session.connection(), "person.guardian"))
    told = (col(PersonRow.incident) == incident, col(PersonRow.guardian) > 0)
    here = (*told, chosen.bindparams(ids=listed(session.connection(), guardians)))
    children = session.exec(select(PersonRow.number).where(*here)).all()
    if children:
        with changing_these(session, "person", (incident,), "number", children):
            alone = {"guardian": 0, "hold": Hold.MINOR_WITHOUT_GUARDIAN.value}
            session.execute(update(PersonRow).where(*here).values(**alone))
        withhold_people(session, incident, children, Hold.MINOR_WITHOUT_GUARDIAN, now)


def _forget_messages(session: Session, keys: Keys, incident: str, numbers: Sequence[int]) -> None:
    """Take from the messages to these people what leads to an address; what was sent when, and how, stays."""
    connection = session.connection()
    people = among(connection, "person")
    asked = {"incident": incident, "ids": listed(connection, numbers)}
    _forget_logged(session, set(message_keys(session, keys, incident, numbers)))
    notices = select(DeliveryRow.notice).where(DeliveryRow.incident == incident).distinct()
    with ExitStack() as noting:
        for notice in session.exec(notices).all():
            noting.enter_context(changing(session, "delivery", (incident, notice), people, ids=asked["ids"]))
        random = RANDOM_BYTES[connection.dialect.name]
        connection.execute(statement(FORGET_MESSAGES.format(random=random, people=people)), asked)


def message_keys(session: Session, keys: Keys, incident: str, numbers: Sequence[int]) -> Iterator[str]:
    """Yield the keys of the messages to these people, by which outboxes and relays know the messages."""
    connection = session.connection()
    chosen = text(among(connection, "delivery.person")).bindparams(ids=listed(connection, numbers))
    columns = (DeliveryRow.notice, DeliveryRow.person, DeliveryRow.channel, DeliveryRow.address_index)
    for notice, person, channel, address in session.exec(
        select(*columns).where(DeliveryRow.incident == incident, chosen)
    ):
        yield keys.message_key(incident, notice, person, channel, address)


def _forget_logged(session: Session, keys: set[str]) -> None:
    """Delete the keys of messages that were read from a relay's log after a restore."""
    if keys and session.exec(select(LoggedMessageRow.key).limit(1)).first():
        with changing_these(session, "logged_message", (), "key", sorted(keys)):
            session.execute(delete(LoggedMessageRow).where(col(LoggedMessageRow.key).in_(keys)))
