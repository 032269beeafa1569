"""Codes for the readers of a notice: given with the messages, so that no message that promises one lacks it."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import case, update
from sqlmodel import Session, col, select

from amends.domain.base.errors import Refusal
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import ReceiptCause
from amends.domain.deliver.coded import CodedTexts
from amends.domain.deliver.preflight import Preflight
from amends.domain.entitlement.code import why_short
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.notice.notice import DeliveryState, Draft, name_parts
from amends.ledger.entitlement.code_rows import stocks_of
from amends.ledger.entitlement.giving import CodedMessage, Given, PeopleQuery, give_for, give_to
from amends.ledger.entitlement.stocks import stock_of
from amends.ledger.incident.incidents import note_alert
from amends.ledger.store.bulk import among, listed, statement
from amends.ledger.store.session import Transaction
from amends.ledger.store.sums import settle
from amends.ledger.tables.commitment import CodeRow
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.notice import NoticeRow

OF_THE_PAGE = """
FROM delivery WHERE incident = :incident AND notice = :notice AND person BETWEEN :first AND :last
AND state || '' IN ('waiting', 'deferred', 'to_print', 'uncertain')
"""
"""The messages to these people that are to leave, or may have before a backup was restored.

The `|| ''` keeps SQLite to the index of people.
"""
REDEEMED = """
SELECT person FROM code
WHERE incident = :incident AND commitment = :commitment AND state = 'redeemed' AND {people}
"""
KIND = "variant || ':' || channel"
"""The name of a message's text, and its channel."""

Row = TypeVar("Row", bound=CodedMessage)


def coded_texts(session: Session, draft: Draft) -> CodedTexts:
    """Return the texts of the draft that promise a person a code of their own."""
    return CodedTexts(draft, stocks_of(session, draft.incident))


def give_codes(
    write: Transaction, incident: str, notice: str, rows: Sequence[Row], coded: CodedTexts | None, now: datetime
) -> list[Row]:
    """Give codes to the people of these messages, and return the messages whose people have what the text promises.

    The others are parked, with an alert, until there are codes again; a reminder of a code that was redeemed meanwhile
    is held. The caller holds these messages.
    """
    if coded is None:
        return list(rows)
    rows = _without_redeemed(write, incident, rows, coded.reminds_of, now)
    if not coded.commitments:
        return list(rows)
    given = _give(write, incident, notice, rows, coded, now)
    if not given.lacking:
        return list(rows)
    _park(write, given, incident, notice, now)
    return [row for row in rows if row.id not in given.lacking]


def give_codes_to_page(write: Transaction, draft: Draft, first: int, last: int, now: datetime) -> None:
    """Give codes to the people with these numbers whose messages of the draft were just stored.

    Where the stock is too small, the message is stored all the same, and parked when somebody would send it.
    """
    coded = coded_texts(write.session, draft)
    if not coded.commitments:
        return
    asked = {"incident": draft.incident, "notice": draft.notice, "first": first, "last": last}
    connection, given = write.session.connection(), 0
    kinds = connection.execute(statement(f"SELECT DISTINCT variant, channel {OF_THE_PAGE}"), asked).all()
    tells = {f"{name}:{channel}": coded.of(name_parts(name), ChannelKind(channel)) for name, channel in kinds}
    query = f"SELECT person {OF_THE_PAGE} AND {among(connection, KIND, 'kinds')}"
    for commitment in coded.commitments:
        those = listed(connection, [kind for kind, told in tells.items() if commitment in told])
        people = PeopleQuery(query, asked | {"kinds": those})
        given += give_to(write.session, draft.incident, commitment, people, now)[0]
    if given:
        write.note(now, draft.incident, "codes given", draft.notice, codes=given)


def why_not_enough_codes(session: Session, row: NoticeRow, now: datetime) -> Refusal | None:
    """Return why the stock keeps this version from being approved, or None; the preflight has counted the people."""
    needed = Preflight.model_validate(row.preflight).codes if row.preflight else {}
    return why_short(row.notice, needed, stock_of(session, row.incident, now)) if needed else None


def _without_redeemed(
    write: Transaction, incident: str, rows: Sequence[Row], commitment: str, now: datetime
) -> Sequence[Row]:
    """Hold the reminders to people whose code of this commitment is redeemed by now, and return the others.

    A message that a provider may have becomes uncertain instead.
    """
    if not commitment or not rows:
        return rows
    connection = write.session.connection()
    asked = {"incident": incident, "commitment": commitment, "ids": listed(connection, [row.person for row in rows])}
    query = statement(REDEEMED.format(people=among(connection, "person")))
    redeemed = {person for (person,) in connection.execute(query, asked)}
    if over := [row.id for row in rows if row.person in redeemed]:
        may_have_it = col(DeliveryRow.doubtful)
        ended = {
            "state": case((may_have_it, DeliveryState.UNCERTAIN.value), else_=DeliveryState.HELD.value),
            "cause": case((may_have_it, DeliveryRow.cause), else_=ReceiptCause.CODE_REDEEMED.value),
            "updated_at": now,
        }
        settle(write.session, update(DeliveryRow).where(col(DeliveryRow.id).in_(over)).values(**ended))
    return [row for row in rows if row.person not in redeemed]


def _give(
    write: Transaction, incident: str, notice: str, waiting: Sequence[CodedMessage], coded: CodedTexts, now: datetime
) -> Given:
    given = give_for(
        write.session,
        incident,
        waiting,
        lambda variant, channel: coded.of(name_parts(variant), ChannelKind(channel)),
        now,
    )
    if given.codes:
        write.note(now, incident, "codes given", notice, codes=given.codes)
    return given


def _park(write: Transaction, given: Given, incident: str, notice: str, now: datetime) -> None:
    for part in sorted({*given.lacking.values()}):
        messages = [number for number, lacks in given.lacking.items() if lacks == part]
        why = {"cause": ReceiptCause.NO_CODE.value, "detail": part}
        parked = {"state": DeliveryState.PARKED, **why, "updated_at": now}
        settle(write.session, update(DeliveryRow).where(col(DeliveryRow.id).in_(messages)).values(**parked))
        no_code = AlertId(AlertKind.NO_CODE_LEFT, f"{notice} {part}", str(_last_code(write.session, incident)))
        note_alert(
            write, incident, Alert(no_code, f"{notice}: no code of {part} is left, so messages wait for you", now)
        )


def _last_code(session: Session, incident: str) -> int:
    """Return the number of the code that was imported last, or 0: more codes that run out too are another alert."""
    last = select(CodeRow.id).where(CodeRow.incident == incident).order_by(col(CodeRow.id).desc()).limit(1)
    return session.exec(last).first() or 0
