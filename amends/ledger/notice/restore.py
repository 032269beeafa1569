"""After a backup was restored: nothing leaves until the ledger was compared with what the relay knows.

The ledger is then older than what was noted beside it, and would send again what has left since. The key of a message,
which is its Message-ID, is made of who gets what, so it is the same in the restored ledger and in the relay's log.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, delete, func, insert, select, update

from amends.domain.base.errors import LogUnfit
from amends.domain.base.value import EVERYONE
from amends.domain.channel.channel import Cause, ChannelKind
from amends.domain.notice.notice import DeliveryState
from amends.domain.receipt.dsn import MailReport
from amends.domain.receipt.relay_log import RelayLog
from amends.domain.team.member import Member
from amends.ledger.notice.first_messages import addressees
from amends.ledger.store.bulk import on_postgresql
from amends.ledger.store.encryption import Keys
from amends.ledger.store.marker_files import missed
from amends.ledger.store.session import Store, Write, must_approve
from amends.ledger.store.tables import DeliveryRow, IncidentRow, LeftRow, NoticeRow, ReleaseRow, RestoredNoticeRow

Pair = tuple[str, str]
"""Incident and notice."""
PAGE = 2_000
OPEN = (
    DeliveryState.WAITING, DeliveryState.DEFERRED, DeliveryState.CLAIMED, DeliveryState.UNCERTAIN,
    DeliveryState.TO_PRINT, DeliveryState.PARKED,
)  # fmt: skip
LEAVE = frozenset(ChannelKind) - {ChannelKind.WEBSITE}
"""A page is no message: put up again, it is the same page."""

TOLD = (DeliveryState.SENT, DeliveryState.DELIVERED)
EMAIL = (DeliveryRow.channel == ChannelKind.EMAIL,)
WAS_SENT = (*EMAIL, col(DeliveryRow.state).in_(TOLD), DeliveryRow.cause != Cause.IN_LOG)
"""By what the ledger wrote down itself: what it has from a log says nothing of when that log begins."""
IS_UNCERTAIN = DeliveryRow.state == DeliveryState.UNCERTAIN
MANY_LEASES = 1_000_000
"""More than were taken since any backup: each holds up to two thousand messages."""
LATEST = 20
"""Of so many emails the log must name one, or it begins after the backup was made."""
GAPS = (
    "the log says itself that lines of it were lost, because there were too many at a time: it does not hold all that "
    "has left. Nothing was changed. Take a log without gaps, or leave --complete away"
)
OTHER_DAYS = (
    f"the log names none of the {LATEST} emails that by this ledger were sent last: it begins too late, or is of other "
    "days or of another relay. Nothing was changed. Give the older log too: --log OLDER --log NEWER"
)
NUMBERS_END = 1 << 40
"""No message of ours has such a number; a token of another ledger seems to, but for one in some millions."""
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
    """What came of the comparison, in messages."""

    sent: int
    uncertain: int
    waiting: int


class Restore:
    """Brings a restored ledger up to what has really left."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def check_log(self, log: RelayLog) -> None:
        """Raises LogUnfit when this cannot be a log of all emails that have left since the ledger's backup was made."""
        if log.has_gaps:
            raise LogUnfit(GAPS)
        if log.tokens:
            raise LogUnfit(NOT_STORED.format(count=len(log.tokens)))
        with self._store.read() as session:
            if self._names_latest(session, log):
                return
            names_one = any(log.names(key) for _, key in self._emails(session))
            if names_one and _told_of_email(session):
                raise LogUnfit(OTHER_DAYS)
            if not names_one and not (log.names_any and self._lacks_incidents(session)):
                raise LogUnfit(OTHER_LEDGER)

    def named(self, log: RelayLog) -> RelayLog:
        """This log with keys in place of tokens; only tokens of ours stay whose key is not to be found.

        A token holds half of a key, so it tells also of a message that is not stored yet, or has another number now.
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
        """Take these keys as sent, also of messages that this ledger does not hold yet; then sending may go on.

        What is not among them is as before on the channels of which all that has left since the backup is `known`.
        All else becomes uncertain, for a person to decide, and so does what is `unclear`, be it stored only later; and
        so does what is stored from now on of a notice that had been released, be it only by what was noted beside the
        ledger. Raises NotAllowed when this member may not do that.
        """
        must_approve(by)
        with self._store.write() as write:
            # Of two words about the same backup the second counts.
            if ChannelKind.EMAIL in known and not self._store.doubt_in(write.session):
                write.change(delete(LeftRow).where(col(LeftRow.unclear)))
            keys, doubt = _remember(write.session, left), LEAVE.difference(known)
            found = Reconciled(*self._settle(write, keys, unclear, doubt, now))
            self._remember_unclear(write.session, set(unclear) - keys)
            self._remember_notices(write.session, doubt)
            lacking = missed(write.session, self._store.mark_notes.all())
            self._store.stays_here(write.session)
            _skip_leases(write.session)
            write.note(
                now, "", "reconciled", actor=by.name,
                keys=len(keys), may_have_left=sorted(doubt), found=asdict(found),
            )  # fmt: skip
        if write.head:
            self._store.chain.keep(write.head, anew=True)
        self._store.mark_notes.drop(lacking.marks | lacking.leases)
        return found

    def not_taken(self, refused: Collection[str]) -> list[tuple[str, str, int]]:
        """Incident, notice and person of each uncertain email among these, of which the relay says that it took none.

        Not of whom another message of the same notice is uncertain too: a person decides about both at once.
        """
        if not refused:
            return []
        with self._store.read() as session:
            rows = session.exec(select(DeliveryRow).where(*EMAIL, IS_UNCERTAIN).execution_options(yield_per=PAGE))
            places = [(row.incident, row.notice, row.person) for row in rows if _key(self._store.keys, row) in refused]
            return [place for place in places if _is_all_that_is_uncertain(session, *place)]

    def proven(self, came_back: Mapping[str, MailReport]) -> list[MailReport]:
        """These reports, by key, with the tokens that mails about the same messages would bear."""
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
        self, write: Write, keys: set[str], unclear: Collection[str], doubt: Collection[ChannelKind], now: datetime
    ) -> tuple[int, int, int]:
        sent = uncertain = waiting = 0
        for page in _pages(write.session):
            named = {row.id: _key(self._store.keys, row) for row in page}
            gone = [row.id for row in page if named[row.id] in keys]
            rest = [row for row in page if named[row.id] not in keys and row.state != DeliveryState.UNCERTAIN]
            only_named = [row.id for row in rest if named[row.id] in unclear]
            unnamed = [row for row in rest if named[row.id] not in unclear]
            in_doubt = [row.id for row in unnamed if row.channel in doubt]
            sent += _turn(write, gone, DeliveryState.SENT, Cause.IN_LOG, now)
            uncertain += _turn(write, only_named, DeliveryState.UNCERTAIN, Cause.ONLY_NAMED, now)
            uncertain += _turn(write, in_doubt, DeliveryState.UNCERTAIN, Cause.NOT_KNOWN, now)
            waiting += sum(row.channel not in doubt and row.state != DeliveryState.PARKED for row in unnamed)
        return sent, uncertain, waiting

    def _remember_unclear(self, session: Session, unclear: set[str]) -> None:
        """Those of which no message is stored: they are uncertain as soon as one is."""
        if missing := unclear.difference(key for _, key in self._stored(session)) if unclear else ():
            known = set(session.exec(select(LeftRow.key)).all())
            _insert(session, [{"key": key, "unclear": True} for key in sorted(missing - known)])

    def _remember_notices(self, session: Session, doubt: Collection[ChannelKind]) -> None:
        """Of each notice that was released: on which channels something may have left that the ledger lacks.

        What is in doubt since an earlier backup stays so: what is known is known of the time since this one. Of two
        words about the same backup the second counts.
        """
        earlier = session.exec(select(RestoredNoticeRow)).all() if self._store.doubt_in(session) else ()
        before = {(row.incident, row.notice): row.may_have_left.split("|") for row in earlier if row.may_have_left}
        for incident, notice in self._released(session):
            kinds = {*doubt, *before.get((incident, notice), ())}
            session.merge(RestoredNoticeRow(incident=incident, notice=notice, may_have_left="|".join(sorted(kinds))))

    def _released(self, session: Session) -> set[Pair]:
        """Also by what was noted beside the ledger."""
        stored = session.exec(select(ReleaseRow.incident, ReleaseRow.notice).distinct()).all()
        return self._store.released_notes.all().union((pair[0], pair[1]) for pair in stored)

    def _names_latest(self, session: Session, log: RelayLog) -> bool:
        by_time = (col(DeliveryRow.updated_at).desc(), col(DeliveryRow.id).desc())
        latest = session.exec(select(DeliveryRow).where(*WAS_SENT).order_by(*by_time).limit(LATEST)).all()
        return any(log.names(_key(self._store.keys, row)) for row in latest)

    def _emails(self, session: Session) -> Iterator[tuple[Pair, str]]:
        """All that are stored, then all that any notice may have sent to those who are in the list now."""
        yield from self._stored(session)
        drafted = session.exec(select(NoticeRow.incident, NoticeRow.notice).distinct()).all()
        yield from self._planned(session, {*drafted, *self._store.released_notes.all()})

    def _stored(self, session: Session) -> Iterator[tuple[Pair, str]]:
        for row in session.exec(select(DeliveryRow).where(*EMAIL).execution_options(yield_per=PAGE)):
            yield (row.incident, row.notice), _key(self._store.keys, row)

    def _planned(self, session: Session, notices: Iterable[Pair]) -> Iterator[tuple[Pair, str]]:
        for incident, notice in notices:
            for person in session.execute(addressees(incident, EVERYONE).execution_options(yield_per=PAGE)):
                key = (incident, notice, person.number, ChannelKind.EMAIL, person.email_index or b"")
                yield (incident, notice), self._store.keys.message_key(*key)

    def _lacks_incidents(self, session: Session) -> bool:
        """Something was released of an incident that the ledger does not know at all."""
        known = set(session.exec(select(IncidentRow.id)).all())
        return any(incident not in known for incident, _ in self._store.released_notes.all())


def _skip_leases(session: Session) -> None:
    """Numbers of leases taken since the backup must not come again: a sender that stood still may hold such a page."""
    if on_postgresql(session.connection()):  # a sender at a file holds the file that was there before
        sequence = "pg_get_serial_sequence('lease', 'id')"
        session.execute(text(f"SELECT setval({sequence}, nextval({sequence}) + {MANY_LEASES})"))


def _is_all_that_is_uncertain(session: Session, incident: str, notice: str, person: int) -> bool:
    here = (DeliveryRow.incident == incident, DeliveryRow.notice == notice, DeliveryRow.person == person)
    return session.exec(select(func.count()).select_from(DeliveryRow).where(*here, IS_UNCERTAIN)).one() == 1


def _told_of_email(session: Session) -> bool:
    return session.exec(select(DeliveryRow.id).where(*WAS_SENT).limit(1)).first() is not None


def settle_left(write: Write, keys: Keys, incident: str, notice: str, now: datetime) -> int:
    """What was stored as uncertain of this notice, and a relay's log names, is as the log says; how many."""
    if not (named := dict(write.session.exec(select(LeftRow.key, LeftRow.unclear)).all())):
        return 0
    here = (DeliveryRow.incident == incident, DeliveryRow.notice == notice, DeliveryRow.cause == Cause.NOT_KNOWN)
    pages = ({row.id or 0: _key(keys, row) for row in page} for page in _pages(write.session, *here))
    return sum(as_the_log_says(write, page, named, now) for page in pages)


def as_the_log_says(write: Write, messages: Mapping[int, str], named: Mapping[str, bool], now: datetime) -> int:
    """Those of these messages that have left count as sent, and those that the log only names are uncertain; how many.

    Whoever has such a one sent again has decided about it.
    """
    left = [number for number, key in messages.items() if key in named and not named[key]]
    unclear = {number: key for number, key in messages.items() if named.get(key)}
    if unclear:
        write.change(delete(LeftRow).where(col(LeftRow.key).in_(unclear.values())))
    sent = _turn(write, left, DeliveryState.SENT, Cause.IN_LOG, now)
    return sent + _turn(write, unclear, DeliveryState.UNCERTAIN, Cause.ONLY_NAMED, now)


def _key(keys: Keys, row: DeliveryRow) -> str:
    return keys.message_key(row.incident, row.notice, row.person, row.channel, row.address_index)


ANY_LEFT = select(LeftRow.key).limit(1)


def left_among(session: Session, keys: Sequence[str]) -> dict[str, bool]:
    """Those of these messages that a relay's log knows of, and whether it only names them.

    Nearly always there is no such log at all.
    """
    if session.exec(ANY_LEFT).first() is None:
        return {}
    return dict(session.exec(select(LeftRow.key, LeftRow.unclear).where(col(LeftRow.key).in_(keys))).all())


def _remember(session: Session, left: Iterable[str]) -> set[str]:
    """These, and those that were known to have left before."""
    keys, known = set(left), dict(session.exec(select(LeftRow.key, LeftRow.unclear)).all())
    if clear_now := sorted(key for key in keys if known.get(key)):
        session.execute(update(LeftRow), [{"key": key, "unclear": False} for key in clear_now])
    _insert(session, [{"key": key, "unclear": False} for key in sorted(keys.difference(known))])
    return keys.union(key for key, unclear in known.items() if not unclear)


def _insert(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), PAGE):
        session.execute(insert(LeftRow), rows[start : start + PAGE])


def _pages(session: Session, *where: Any) -> Iterable[Sequence[DeliveryRow]]:
    """Messages that have not come to an end, and for which this holds."""
    last = 0
    here = (col(DeliveryRow.state).in_(OPEN), col(DeliveryRow.channel).in_(LEAVE), *where)
    while True:
        query = select(DeliveryRow).where(*here, col(DeliveryRow.id) > last).order_by(col(DeliveryRow.id)).limit(PAGE)
        page = session.exec(query).all()
        if not page:
            return
        yield page
        last = page[-1].id or 0


def _turn(write: Write, numbers: Collection[int | None], state: DeliveryState, cause: Cause, now: datetime) -> int:
    return write.change(
        update(DeliveryRow)
        .where(col(DeliveryRow.id).in_(list(numbers)))
        .values(state=state, cause=cause, detail="", doubtful=False, lease=None, next_try_at=None, updated_at=now)
    )
