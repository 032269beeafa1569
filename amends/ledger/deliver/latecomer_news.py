"""News of commitments for people whom a message told of a commitment after the news had left."""

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, select

from amends.domain.base.audience import Promised
from amends.domain.entitlement.remedy import ENDED
from amends.domain.incident.commitment import IS_LATE, CommitmentState
from amends.domain.notice.notice import NoticeStage
from amends.ledger.commitment.told import untold_again
from amends.ledger.deliver.cascade import reopen
from amends.ledger.notice.notices import not_told
from amends.ledger.notice.stage import RELEASED
from amends.ledger.store.session import Store, incident_row
from amends.ledger.tables.commitment import CommitmentRow, RemedyRow
from amends.ledger.tables.notice import NoticeRow, ReleaseRow, StatedCommitmentRow


class LatecomerNews:
    """The news of commitments for people who are told later than the others."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def send_results(self, incident: str, now: datetime) -> int:
        """Reopen the news of each commitment kept person by person, for people who have a result since the news left.

        Return how many are reopened. The news was approved with the words of every result, so that these people get it
        without a new approval, unless the list of people has changed since. Raises NotInLedger.
        """
        with self._store.read() as session:
            incident_row(session, incident)
            if not _with_late_results(session, incident):
                return 0
        with self._store.write() as write:
            write.incident(incident)
            found = _with_late_results(write.session, incident)
            for row, news in found:
                _reopen(write.session, row, news)
                write.note(now, incident, "news reopened", news.notice, commitment=row.id)
            return len(found)


def _with_late_results(session: Session, incident: str) -> list[tuple[CommitmentRow, NoticeRow]]:
    """Return the commitments, each with its news that left, of which a person has a result and not the news."""
    kept = (CommitmentRow.incident == incident, CommitmentRow.state == CommitmentState.KEPT)
    found = []
    for row in session.exec(select(CommitmentRow).where(*kept)).all():
        news = _news(session, row) if row.per_person else None
        if news and news.stage == NoticeStage.SENT and _has_late_result(session, news, row.id):
            found.append((row, news))
    return found


def _has_late_result(session: Session, news: NoticeRow, commitment: str) -> bool:
    """Return True when a person has a result since the news was released, and no message of the news.

    The results since then are looked up first, because nobody else can lack the news and all people would be read.
    """
    released = session.get_one(ReleaseRow, (news.incident, news.notice, news.version))
    ended = (col(RemedyRow.state).in_(ENDED), col(RemedyRow.changed_at) >= released.at)
    since = select(RemedyRow.person).where(
        RemedyRow.incident == news.incident, RemedyRow.commitment == commitment, *ended
    )
    if session.exec(since.limit(1)).first() is None:
        return False
    return not_told(session, news.incident, news.notice, Promised(commitment)) > 0


def _reopen(session: Session, row: CommitmentRow, news: NoticeRow) -> None:
    release = session.get_one(ReleaseRow, (row.incident, news.notice, news.version), with_for_update=True)
    release.prepared = 0
    reopen(session, news)
    untold_again(session, row.incident, row.id, row.changes)


def send_news_again(session: Session, incident: str, notice: str) -> None:
    """Reopen the news of each commitment of which this notice told people otherwise, after the news had left.

    A notice that takes days, by waves or by letters, can tell people of a promise that is kept by then. The news was
    approved for all who are told of the commitment, so that these people get it without a new approval.
    """
    stated = select(StatedCommitmentRow.commitment, StatedCommitmentRow.fate).where(
        StatedCommitmentRow.incident == incident, StatedCommitmentRow.notice == notice
    )
    told = set(session.exec(stated))
    for commitment, fate in sorted(told | _later_ones(session, incident, {name for name, _ in told})):
        row = session.get(CommitmentRow, (incident, commitment))
        news = _news(session, row) if row and fate != _fate(row) else None
        if row and news and not_told(session, incident, news.notice, Promised(commitment)):
            _reopen(session, row, news)


def _later_ones(session: Session, incident: str, told: Collection[str]) -> set[tuple[str, str]]:
    """Return the later occurrences of the series told of, which these messages do not state, as people await them."""
    recurs = (CommitmentRow.incident == incident, CommitmentRow.series != "")
    rows = session.exec(select(CommitmentRow).where(*recurs)).all()
    begun = {row.series: row.number for row in rows if row.id in told}
    later = (row for row in rows if row.number > begun.get(row.series, row.number) and row.id not in told)
    return {(row.id, CommitmentState.OPEN.value) for row in later}


def _fate(row: CommitmentRow) -> str:
    said_to_be_late = row.state == CommitmentState.OPEN and (row.new_due_at or row.next_word_at)
    return IS_LATE if said_to_be_late else row.state


def _news(session: Session, row: CommitmentRow) -> NoticeRow | None:
    """Return the notice about the commitment's last change, or None until it is released."""
    about, change = col(NoticeRow.draft)["about"].as_string(), col(NoticeRow.draft)["change"].as_integer()
    query = select(NoticeRow).where(NoticeRow.incident == row.incident, about == row.id, change == row.changes)
    latest = session.exec(query.order_by(col(NoticeRow.version).desc()).limit(1)).first()
    return latest if latest and latest.stage in RELEASED and latest.notice != row.made_in else None
