"""A ledger restored from a backup: nothing leaves until the ledger was compared with the relay's log.

A restored ledger is older than the marker files beside it, and would send again what has left since the backup. The key
of a message, which is its Message-ID, is made of the notice, the person and the address, so the key is the same in the
restored ledger and in the relay's log.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, delete, func, insert, select, update

from amends.domain.base.audience import EVERYONE
from amends.domain.base.errors import LogUnfit
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import ReceiptCause
from amends.domain.notice.notice import DeliveryState
from amends.domain.receipt.dsn import MailReport
from amends.domain.receipt.relay_log import RelayLog
from amends.domain.team.member import Member
from amends.ledger.notice.first_messages import addressees
from amends.ledger.store.bulk import on_postgresql, pages
from amends.ledger.store.encryption import Keys
from amends.ledger.store.marker_files import missed
from amends.ledger.store.session import Store, Transaction, must_approve
from amends.ledger.store.sums import changing, changing_these, settle
from amends.ledger.tables.deliver import MAIL, PAGES, DeliveryRow, LoggedMessageRow
from amends.ledger.tables.incident import IncidentRow
from amends.ledger.tables.notice import NoticeRow, ReleaseRow, RestoredNoticeRow

Pair = tuple[str, str]
"""The ids of an incident and of a notice."""
PAGE = 2_000
OPEN = (
    DeliveryState.WAITING,
    DeliveryState.DEFERRED,
    DeliveryState.CLAIMED,
    DeliveryState.UNCERTAIN,
    DeliveryState.TO_PRINT,
    DeliveryState.PARKED,
    DeliveryState.HELD,
)
"""The states of messages that may have been sent all the same; a held one too, because a corrected list may hold what
was tried before."""
STAY = (DeliveryState.UNCERTAIN, DeliveryState.HELD)
"""The states of messages that stay as they are unless a log says that the message was sent."""
LEAVE = frozenset(ChannelKind).difference(PAGES)
"""The channels on which a message can reach somebody twice; a page that is put up again is the same page."""

TOLD = (DeliveryState.SENT, DeliveryState.DELIVERED)
EMAIL = (col(DeliveryRow.channel).in_(MAIL),)
WAS_SENT = (*EMAIL, col(DeliveryRow.state).in_(TOLD), DeliveryRow.cause != ReceiptCause.IN_LOG)
"""The conditions for emails that were sent by the ledger's own records: emails that are known from a log only cannot
prove when that log begins."""
IS_UNCERTAIN = DeliveryRow.state == DeliveryState.UNCERTAIN
MANY_LEASES = 1_000_000
"""A number larger than that of the leases since any backup: each lease holds up to two thousand messages."""
LATEST = 20
"""The number of latest emails of which the log must name one; else the log begins after the backup was made."""
GAPS = (
    "the log says itself that lines of it were lost, because there were too many at a time: it does not hold all that "
    "has left. Nothing was changed. Take a log without gaps, or leave --complete away"
)
OTHER_DAYS = (
    f"the log names none of the {LATEST} emails that by this ledger were sent last: it begins too late, or is of other "
    "days or of another relay. Nothing was changed. Give the older log too: --log OLDER --log NEWER"
)
NUMBERS_END = 1 << 40
"""A bound above the numbers of our messages. A token of another ledger decrypts to a larger number, except one token
among some millions."""
NOT_STORED = (
    "the log names {count} emails by nothing but their bounce address, and this ledger does not know them: they are of "
    "an incident or a list from after the backup. Nothing was changed. Leave --complete away"
)
OTHER_LEDGER = (
    "the log names no message of this ledger: it is of other days or of another relay, or holds no Message-IDs. "
    "Nothing was changed. Give the right one; if nothing has left since the backup, say so with --none-left email"
)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The result of a comparison with a log, in numbers of messages."""

    sent: int
    uncertain: int
    waiting: int


class Restore:
    """The comparison of a restored ledger with what has really left."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def check_log(self, log: RelayLog) -> None:
        """Raise LogUnfit when the log cannot hold all emails that have left since the ledger's backup was made."""
        if log.has_gaps:
            raise LogUnfit(GAPS)
        if log.tokens:
            raise LogUnfit(NOT_STORED.format(count=len(log.tokens)))
        with self._store.read() as session:
            if self._names_latest(session, log):
                return
            names_one = any(log.names(key) for _, key in self._emails(session))
            if names_one and _sent_an_email(session):
                raise LogUnfit(OTHER_DAYS)
            if not names_one and not (log.names_any and self._lacks_incidents(session)):
                raise LogUnfit(OTHER_LEDGER)

    def named(self, log: RelayLog) -> RelayLog:
        """Return the log with bounce tokens replaced by message keys; our tokens without a known key stay.

        A token holds half of the message's key. So the key is found even for a message that is not stored yet, or that
        has another number now.
        """
        opened = ((token, self._store.keys.bounced(token) or (0, "")) for token in log.tokens)
        starts = {start: token for token, (number, start) in opened if 0 < number < NUMBERS_END}
        if not starts:
            return replace(log, tokens=())
        with self._store.read() as session:
            found = {key for _, key in self._emails(session) if key[:16] in starts}
        unknown = starts.keys() - {key[:16] for key in found}
        return replace(log, left=found.union(log.left), tokens={starts[start] for start in unknown})

    def reconcile(
        self,
        left: Iterable[str],
        by: Member,
        now: datetime,
        known: Collection[ChannelKind] = (),
        unclear: Collection[str] = (),
    ) -> Reconciled:
        """Record the messages with these keys as sent, also those that are not stored yet; then sending may go on.

        Other messages keep their state on the channels in `known`, for which `left` holds all that has left since the
        backup. On every other channel they become uncertain, for a person to decide about. Messages in `unclear` become
        uncertain too, even if they are stored only later. So do messages of a notice that was released before, by the
        ledger or by the marker files, and that are stored from now on. Raises NotAllowed when the member may not do so.
        """
        must_approve(by)
        with self._store.write() as write:
            # A second comparison after the same backup replaces the first one.
            if any(kind in MAIL for kind in known) and not self._store.doubt_in(write.session):
                with changing(write.session, "logged_message", ()):
                    write.change(delete(LoggedMessageRow).where(col(LoggedMessageRow.unclear)))
            keys, doubt = _remember(write.session, left), LEAVE.difference(known)
            found = Reconciled(*self._settle(write, keys, unclear, doubt, now))
            self._remember_unclear(write.session, set(unclear) - keys)
            self._remember_notices(write.session, doubt)
            lacking = missed(write.session, self._store.mark_notes.all())
            self._store.stays_here(write.session)
            _skip_leases(write.session)
            write.note(
                now, "", "reconciled", actor=by.name, keys=len(keys), may_have_left=sorted(doubt), found=asdict(found)
            )
        if write.head:
            self._store.chain.keep(write.head, anew=True)
        self._store.mark_notes.drop(lacking.marks | lacking.leases)
        return found

    def not_taken(self, refused: Collection[str]) -> list[tuple[str, str, int]]:
        """Return incident, notice and person of each uncertain email that the relay refused by these keys.

        People with another uncertain message of the same notice are left out: a person decides about both at once.
        """
        if not refused:
            return []
        with self._store.read() as session:
            rows = session.exec(select(DeliveryRow).where(*EMAIL, IS_UNCERTAIN).execution_options(yield_per=PAGE))
            places = [(row.incident, row.notice, row.person) for row in rows if _key(self._store.keys, row) in refused]
            return [place for place in places if _is_all_that_is_uncertain(session, *place)]

    def proven(self, came_back: Mapping[str, MailReport]) -> list[MailReport]:
        """Return these reports, given by message key, each with the bounce token of its message."""
        if not came_back:
            return []
        open_to_it = col(DeliveryRow.state).in_((DeliveryState.SENT, DeliveryState.UNCERTAIN))
        with self._store.read() as session:
            rows = session.exec(select(DeliveryRow).where(*EMAIL, open_to_it).execution_options(yield_per=PAGE))
            keyed = ((row.id or 0, _key(self._store.keys, row)) for row in rows)
            return [
                replace(came_back[key], token=self._store.keys.bounce_token(number, key))
                for number, key in keyed
                if key in came_back
            ]

    def _settle(
        self,
        write: Transaction,
        keys: set[str],
        unclear: Collection[str],
        doubt: Collection[ChannelKind],
        now: datetime,
    ) -> tuple[int, int, int]:
        sent = uncertain = waiting = 0
        for page in _pages(write.session):
            named = {row.id: _key(self._store.keys, row) for row in page}
            gone = [row.id for row in page if named[row.id] in keys]
            rest = [row for row in page if named[row.id] not in keys and row.state not in STAY]
            only_named = [row.id for row in rest if named[row.id] in unclear]
            unnamed = [row for row in rest if named[row.id] not in unclear]
            in_doubt = [row.id for row in unnamed if row.channel in doubt]
            sent += _set_state(write, gone, DeliveryState.SENT, ReceiptCause.IN_LOG, now)
            uncertain += _set_state(write, only_named, DeliveryState.UNCERTAIN, ReceiptCause.ONLY_NAMED, now)
            uncertain += _set_state(write, in_doubt, DeliveryState.UNCERTAIN, ReceiptCause.NOT_KNOWN, now)
            waiting += sum(row.channel not in doubt and row.state != DeliveryState.PARKED for row in unnamed)
        return sent, uncertain, waiting

    def _remember_unclear(self, session: Session, unclear: set[str]) -> None:
        """Record the unclear keys without a stored message, so that the message becomes uncertain once it is stored."""
        if missing := unclear.difference(key for _, key in self._stored(session)) if unclear else ():
            known = set(session.exec(select(LoggedMessageRow.key)).all())
            _insert(session, [{"key": key, "unclear": True} for key in sorted(missing - known)])

    def _remember_notices(self, session: Session, doubt: Collection[ChannelKind]) -> None:
        """Record the channels on which messages of each released notice may have left that the ledger lacks.

        A channel that is in doubt since an earlier backup stays in doubt: a log is known to be complete only since the
        last backup. A second comparison after the same backup replaces the first one.
        """
        earlier = session.exec(select(RestoredNoticeRow)).all() if self._store.doubt_in(session) else ()
        before = {(row.incident, row.notice): row.may_have_left.split("|") for row in earlier if row.may_have_left}
        for incident, notice in self._released(session):
            kinds = {*doubt, *before.get((incident, notice), ())}
            session.merge(RestoredNoticeRow(incident=incident, notice=notice, may_have_left="|".join(sorted(kinds))))

    def _released(self, session: Session) -> set[Pair]:
        """Return the notices that were released, by the ledger or by the marker files beside it."""
        stored = session.exec(select(ReleaseRow.incident, ReleaseRow.notice).distinct()).all()
        return self._store.released_notes.all().union((pair[0], pair[1]) for pair in stored)

    def _names_latest(self, session: Session, log: RelayLog) -> bool:
        by_time = (col(DeliveryRow.updated_at).desc(), col(DeliveryRow.id).desc())
        latest = session.exec(select(DeliveryRow).where(*WAS_SENT).order_by(*by_time).limit(LATEST)).all()
        return any(log.names(_key(self._store.keys, row)) for row in latest)

    def _emails(self, session: Session) -> Iterator[tuple[Pair, str]]:
        """Yield notice and key of all stored emails, then of all that any notice may have sent by the list in force."""
        yield from self._stored(session)
        drafted = session.exec(select(NoticeRow.incident, NoticeRow.notice).distinct()).all()
        yield from self._planned(session, {*drafted, *self._store.released_notes.all()})

    def _stored(self, session: Session) -> Iterator[tuple[Pair, str]]:
        for row in session.exec(select(DeliveryRow).where(*EMAIL).execution_options(yield_per=PAGE)):
            yield (row.incident, row.notice), _key(self._store.keys, row)

    def _planned(self, session: Session, notices: Iterable[Pair]) -> Iterator[tuple[Pair, str]]:
        for incident, notice in notices:
            for person in session.execute(addressees(incident, EVERYONE).execution_options(yield_per=PAGE)):
                for kind in MAIL:
                    key = (incident, notice, person.number, kind, getattr(person, f"to_{kind}") or b"")
                    yield (incident, notice), self._store.keys.message_key(*key)

    def _lacks_incidents(self, session: Session) -> bool:
        """Return True when the marker files name a released notice of an incident that is not in the ledger."""
        known = set(session.exec(select(IncidentRow.id)).all())
        return any(incident not in known for incident, _ in self._store.released_notes.all())


def _skip_leases(session: Session) -> None:
    """Skip the numbers of leases taken since the backup, as a worker that was halted may still hold such a lease."""
    if on_postgresql(session.connection()):  # a worker with an SQLite ledger still has the replaced file open
        sequence = "pg_get_serial_sequence('lease', 'id')"
        session.execute(text(f"SELECT setval({sequence}, nextval({sequence}) + {MANY_LEASES})"))


def _is_all_that_is_uncertain(session: Session, incident: str, notice: str, person: int) -> bool:
    here = (DeliveryRow.incident == incident, DeliveryRow.notice == notice, DeliveryRow.person == person)
    return session.exec(select(func.count()).select_from(DeliveryRow).where(*here, IS_UNCERTAIN)).one() == 1


def _sent_an_email(session: Session) -> bool:
    return session.exec(select(DeliveryRow.id).where(*WAS_SENT).limit(1)).first() is not None


def settle_left(write: Transaction, keys: Keys, incident: str, notice: str, now: datetime) -> int:
    """Give the notice's uncertain messages that a relay's log names the state in the log, and return their number."""
    if not (named := dict(write.session.exec(select(LoggedMessageRow.key, LoggedMessageRow.unclear)).all())):
        return 0
    here = (DeliveryRow.incident == incident, DeliveryRow.notice == notice, DeliveryRow.cause == ReceiptCause.NOT_KNOWN)
    pages = ({row.id or 0: _key(keys, row) for row in page} for page in _pages(write.session, *here))
    return sum(as_the_log_says(write, page, named, now) for page in pages)


def as_the_log_says(write: Transaction, messages: Mapping[int, str], named: Mapping[str, bool], now: datetime) -> int:
    """Record these messages as sent, or as uncertain when the log only names them, and return how many changed.

    The key of an uncertain one is forgotten, so that a person who sends the message again has decided about it.
    """
    left = [number for number, key in messages.items() if key in named and not named[key]]
    unclear = {number: key for number, key in messages.items() if named.get(key)}
    if unclear:
        with changing_these(write.session, "logged_message", (), "key", unclear.values()):
            write.change(delete(LoggedMessageRow).where(col(LoggedMessageRow.key).in_(unclear.values())))
    sent = _set_state(write, left, DeliveryState.SENT, ReceiptCause.IN_LOG, now)
    return sent + _set_state(write, unclear, DeliveryState.UNCERTAIN, ReceiptCause.ONLY_NAMED, now)


def _key(keys: Keys, row: DeliveryRow) -> str:
    return keys.message_key(row.incident, row.notice, row.person, row.channel, row.address_index)


ANY_LEFT = select(LoggedMessageRow.key).limit(1)


def left_among(session: Session, keys: Sequence[str]) -> dict[str, bool]:
    """Return the keys among these that a relay's log names, each with whether the log only names the message.

    A quick first query returns early in the usual case, that no log was ever read.
    """
    if session.exec(ANY_LEFT).first() is None:
        return {}
    return dict(
        session.exec(
            select(LoggedMessageRow.key, LoggedMessageRow.unclear).where(col(LoggedMessageRow.key).in_(keys))
        ).all()
    )


def _remember(session: Session, left: Iterable[str]) -> set[str]:
    """Record these keys as sent, and return them with the keys that were recorded as sent before."""
    keys, known = set(left), dict(session.exec(select(LoggedMessageRow.key, LoggedMessageRow.unclear)).all())
    if clear_now := sorted(key for key in keys if known.get(key)):
        with changing_these(session, "logged_message", (), "key", clear_now):
            session.execute(update(LoggedMessageRow), [{"key": key, "unclear": False} for key in clear_now])
    _insert(session, [{"key": key, "unclear": False} for key in sorted(keys.difference(known))])
    return keys.union(key for key, unclear in known.items() if not unclear)


def _insert(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    for page in pages(rows, PAGE):
        with changing_these(session, "logged_message", (), "key", [row["key"] for row in page]):
            session.execute(insert(LoggedMessageRow), page)


def _pages(session: Session, *where: Any) -> Iterable[Sequence[DeliveryRow]]:
    """Yield, page by page, the messages that are still open and meet these conditions."""
    last = 0
    here = (col(DeliveryRow.state).in_(OPEN), col(DeliveryRow.channel).in_(LEAVE), *where)
    while True:
        query = select(DeliveryRow).where(*here, col(DeliveryRow.id) > last).order_by(col(DeliveryRow.id)).limit(PAGE)
        page = session.exec(query).all()
        if not page:
            return
        yield page
        last = page[-1].id or 0


def _set_state(
    write: Transaction, numbers: Collection[int | None], state: DeliveryState, cause: ReceiptCause, now: datetime
) -> int:
    changed = (
        update(DeliveryRow)
        .where(col(DeliveryRow.id).in_(list(numbers)))
        .values(state=state, cause=cause, detail="", doubtful=False, lease=None, next_try_at=None, updated_at=now)
    )
    return settle(write.session, changed)
