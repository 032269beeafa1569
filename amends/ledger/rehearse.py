"""A ledger that one process has for itself and throws away: for rehearsals, where weeks pass in seconds."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlmodel import Session

from amends.domain.case.case import Case
from amends.domain.notice.notice import NoticeStatus
from amends.ledger.case.case import Counted
from amends.ledger.deliver.claims import Known
from amends.ledger.ledger import Ledger
from amends.ledger.notice.stage import RELEASED
from amends.ledger.store.encryption import Keys

WRITES = re.compile(
    r"\s*(?:WITH\b.*?)?\b(?:INSERT|UPDATE|DELETE|REPLACE)\s+(?:OR\s+\w+\s+)?(?:INTO\s+|FROM\s+)?\"?(\w+)",
    re.IGNORECASE | re.DOTALL,
)
"""A statement that writes, and to which table."""
OF_NO_NOTICE = frozenset(
    ("occurrence", "event", "audit", "question", "survey_answer", "filing", "assessment", "commitment", "lease")
)
"""Tables from which nothing is read that is told of a notice."""
OF_NO_MESSAGE = OF_NO_NOTICE | {"notice", "approval", "release", "member", "pin", "incident", "incident_version"}
"""Tables from which nothing is read that is told of messages."""


class LedgerAlone(Ledger):
    """Nobody else writes to it, so what was read holds until it writes itself; and nothing of it survives a crash."""

    def __init__(self, file: Path, keys: Keys) -> None:
        super().__init__(f"sqlite:///{file}", keys)
        self._writes, self._notice_writes, self._message_writes = 0, 0, 0
        self._case: tuple[tuple[str, datetime | None, int], Case] | None = None
        self._statuses: tuple[tuple[object, ...], tuple[NoticeStatus, ...]] | None = None
        self._messages: tuple[tuple[str, int], Counted] | None = None
        self._opened: dict[tuple[str, int], Known] = {}
        event.listen(self.engine, "connect", _without_waiting_for_the_disk)
        event.listen(self.engine, "before_cursor_execute", self._look_at)

    @contextmanager
    def write(self) -> Iterator[Any]:
        self._writes += 1
        with super().write() as write:
            yield write

    @contextmanager
    def swift_write(self) -> Iterator[Any]:
        self._writes += 1
        self._notice_writes += 1
        self._message_writes += 1
        with super().swift_write() as swift:
            yield swift

    def case(self, incident: str, now: datetime | None = None) -> Case:
        asked = (incident, now, self._writes)
        if self._case is None or self._case[0] != asked:
            self._case = (asked, super().case(incident, now))
        return self._case[1]

    def _notices(self, session: Session, incident: str, now: datetime | None) -> tuple[NoticeStatus, ...]:
        same = (incident, self._notice_writes)
        if self._statuses and self._statuses[0] in ((*same, now), (*same, None)):
            return self._statuses[1]
        found = super()._notices(session, incident, now)
        timeless = all(
            notice.stage in RELEASED for notice in found
        )  # of those that have not left, time makes drafts old
        self._statuses = ((*same, None if timeless else now), found)
        return found

    def _counted(self, session: Session, incident: str) -> Counted:
        asked = (incident, self._message_writes)
        if self._messages is None or self._messages[0] != asked:
            self._messages = (asked, super()._counted(session, incident))
        return self._messages[1]

    def _known(self, session: Session, incident: str, numbers: Collection[int]) -> dict[int, Known]:
        """Each notice goes to the same people; opening them every time anew takes a tenth of a rehearsal."""
        new = [number for number in numbers if (incident, number) not in self._opened]
        found = super()._known(session, incident, new)
        self._opened |= {(incident, number): person for number, person in found.items()}
        kept = ((number, self._opened.get((incident, number))) for number in numbers)
        return {number: person for number, person in kept if person}

    def _look_at(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if writes := WRITES.match(statement):
            if writes[1] == "person":
                self._opened.clear()
            self._notice_writes += writes[1] not in OF_NO_NOTICE
            self._message_writes += writes[1] not in OF_NO_MESSAGE


def _without_waiting_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")
