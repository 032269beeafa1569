"""After a backup was restored: nothing leaves until the ledger was compared with what the relay knows.

The ledger is then older than what was noted beside it, and would send again what has left since. The key of a message,
which is its Message-ID, is made of who gets what, so it is the same in the restored ledger and in the relay's log.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select, update

from amends.domain.channel import ChannelKind
from amends.domain.notice import DeliveryState
from amends.domain.reach import NOT_KNOWN
from amends.domain.team import Member
from amends.ledger.marked import missed
from amends.ledger.sealing import Keys
from amends.ledger.store import Store, Write, must_approve
from amends.ledger.tables import DeliveryRow, LeftRow, ReleaseRow, RestoredNoticeRow

PAGE = 2_000
OPEN = (
    DeliveryState.WAITING, DeliveryState.DEFERRED, DeliveryState.CLAIMED, DeliveryState.UNCERTAIN,
    DeliveryState.TO_PRINT, DeliveryState.PARKED,
)  # fmt: skip
LEAVE = frozenset(ChannelKind) - {ChannelKind.WEBSITE}
"""A page is no message: put up again, it is the same page."""


IN_LOG = "found in the relay's log"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What came of the comparison, in messages."""

    sent: int
    uncertain: int
    waiting: int


class Reconciling(Store):
    """Brings a restored ledger up to what has really left."""

    def reconcile(
        self, left: Iterable[str], by: Member, now: datetime, known: Collection[ChannelKind] = ()
    ) -> Reconciled:
        """Take these keys as sent, also of messages that this ledger does not hold yet; then sending may go on.

        What is not among them is as before on the channels of which all that has left since the backup is `known`.
        All else becomes uncertain, for a person to decide; and so does what is stored from now on of a notice that had
        been released, be it only by what was noted beside the ledger. Raises NotAllowed when this member may not do
        that.
        """
        must_approve(by)
        with self.write() as write:
            keys, doubt = _remember(write.session, left), LEAVE.difference(known)
            found = Reconciled(*self._settle(write, keys, doubt, now))
            self._remember_notices(write.session, doubt)
            lacking = missed(write.session, self.mark_notes.all())
            write.note(
                now, "", "reconciled", actor=by.name,
                keys=len(keys), may_have_left=sorted(doubt), found=asdict(found),
            )  # fmt: skip
        if write.head:
            self._chain.keep(write.head, anew=True)
        self.mark_notes.drop(lacking.marks | lacking.leases)
        return found

    def _settle(
        self, write: Write, keys: set[str], doubt: Collection[ChannelKind], now: datetime
    ) -> tuple[int, int, int]:
        sent = uncertain = waiting = 0
        for page in _pages(write.session):
            gone = [row for row in page if _key(self.keys, row) in keys]
            rest = [row for row in page if _key(self.keys, row) not in keys]
            open_still = [row for row in rest if row.state != DeliveryState.UNCERTAIN]
            in_doubt = [row for row in open_still if row.channel in doubt]
            sent += _turn(write, gone, DeliveryState.SENT, IN_LOG, now)
            uncertain += _turn(write, in_doubt, DeliveryState.UNCERTAIN, NOT_KNOWN, now)
            waiting += sum(row.channel not in doubt and row.state != DeliveryState.PARKED for row in open_still)
        return sent, uncertain, waiting

    def _remember_notices(self, session: Session, doubt: Collection[ChannelKind]) -> None:
        """Of each notice that was released: on which channels something may have left that the ledger lacks.

        What is in doubt since an earlier backup stays so: what is known is known of the time since this one. Of two
        words about the same backup the second counts.
        """
        released = session.exec(select(ReleaseRow.incident, ReleaseRow.notice).distinct()).all()
        earlier = session.exec(select(RestoredNoticeRow)).all() if self.is_restored(session) else ()
        before = {(row.incident, row.notice): row.may_have_left.split("|") for row in earlier if row.may_have_left}
        for incident, notice in self.released_notes.all().union((pair[0], pair[1]) for pair in released):
            words = "|".join(sorted({*doubt, *before.get((incident, notice), ())}))
            session.merge(RestoredNoticeRow(incident=incident, notice=notice, may_have_left=words))


def settle_left(write: Write, keys: Keys, incident: str, notice: str, now: datetime) -> int:
    """What was stored as uncertain of this notice and stands in a relay's log has been sent; how many."""
    if not (left := set(write.session.exec(select(LeftRow.key)).all())):
        return 0
    here = (DeliveryRow.incident == incident, DeliveryRow.notice == notice, DeliveryRow.detail == NOT_KNOWN)
    return sum(
        _turn(write, [row for row in page if _key(keys, row) in left], DeliveryState.SENT, IN_LOG, now)
        for page in _pages(write.session, *here)
    )


def _key(keys: Keys, row: DeliveryRow) -> str:
    return keys.message_key(row.incident, row.notice, row.person, row.channel, row.address_index)


def left_among(session: Session, keys: Sequence[str]) -> set[str]:
    """Those of these messages that a relay's log knows of; nearly always there is no such log at all."""
    if session.exec(select(func.count()).select_from(LeftRow)).one() == 0:
        return set()
    return set(session.exec(select(LeftRow.key).where(col(LeftRow.key).in_(keys))).all())


def _remember(session: Session, left: Iterable[str]) -> set[str]:
    known = set(session.exec(select(LeftRow.key)).all())
    fresh = set(left) - known
    session.add_all(LeftRow(key=key) for key in sorted(fresh))
    session.flush()
    return known | fresh


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


def _turn(write: Write, rows: Sequence[DeliveryRow], state: DeliveryState, why: str, now: datetime) -> int:
    numbers = [row.id for row in rows]
    return write.change(
        update(DeliveryRow)
        .where(col(DeliveryRow.id).in_(numbers))
        .values(state=state, detail=why, lease=None, next_try_at=None, updated_at=now)
    )
