"""After a backup was restored: nothing leaves until the ledger was compared with what the relay knows.

The ledger is then older than what was noted beside it, and would send again what has left since. The key of a message,
which is its Message-ID, is made of who gets what, so it is the same in the restored ledger and in the relay's log.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select, update

from amends.domain.channel import ChannelKind
from amends.domain.errors import NotAllowed
from amends.domain.notice import DeliveryState
from amends.domain.team import Member
from amends.ledger.store import Store, Write
from amends.ledger.tables import DeliveryRow, LeftRow

PAGE = 2_000
OPEN = (
    DeliveryState.WAITING, DeliveryState.DEFERRED, DeliveryState.CLAIMED, DeliveryState.UNCERTAIN,
    DeliveryState.TO_PRINT,
)  # fmt: skip
LOGGED = ChannelKind.EMAIL
"""What a relay's log can tell of. Whether an SMS, a post or a letter has left stands in none."""
NOT_KNOWN = "a backup was restored, and whether it has left is not known"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What came of the comparison, in messages."""

    sent: int
    uncertain: int
    waiting: int


class Reconciling(Store):
    """Brings a restored ledger up to what has really left."""

    def reconcile(self, left: Iterable[str], by: Member, now: datetime, *, complete: bool) -> Reconciled:
        """Take these keys as sent, also of messages that this ledger does not hold yet; then sending may go on.

        An email that is not among them still waits when the keys are `complete`; all else becomes uncertain, for a
        person to decide. A page is no message: put up again, it is the same page.
        Raises NotAllowed when this member may not do that.
        """
        if not by.role.may_approve:
            raise NotAllowed(f"{by.name} may not decide this: it needs a role that may approve")
        with self.write() as write:
            known = _remember(write.session, left)
            found = Reconciled(*self._settle(write, known, now, complete=complete))
            write.note(now, "", "reconciled", actor=by.name, keys=len(known), complete=complete, found=asdict(found))
        if write.head:
            self._chain.keep(write.head, anew=True)
        return found

    def _settle(self, write: Write, known: set[str], now: datetime, *, complete: bool) -> tuple[int, int, int]:
        sent = uncertain = waiting = 0
        for page in _pages(write.session):
            gone = [row for row in page if self._spelled_key(row) in known]
            rest = [row for row in page if self._spelled_key(row) not in known]
            open_still = [row for row in rest if row.state != DeliveryState.UNCERTAIN]
            in_doubt = [row for row in open_still if not (complete and row.channel == LOGGED)]
            sent += _turn(write, gone, DeliveryState.SENT, "found in the relay's log", now)
            uncertain += _turn(write, in_doubt, DeliveryState.UNCERTAIN, NOT_KNOWN, now)
            waiting += len(open_still) - len(in_doubt)
        return sent, uncertain, waiting

    def _spelled_key(self, row: DeliveryRow) -> str:
        return self.keys.message_key(row.incident, row.notice, row.person, row.channel, row.address_index)


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


def _pages(session: Session) -> Iterable[Sequence[DeliveryRow]]:
    """Messages that have not come to an end."""
    last = 0
    here = (col(DeliveryRow.state).in_(OPEN), DeliveryRow.channel != ChannelKind.WEBSITE)
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
