"""Alerts to work that no machine does: letters to hand over, and substitute notices to publish."""

from collections.abc import Iterator
from datetime import datetime

from amends.domain.base.text import counted, day, minute
from amends.domain.case.case import Case
from amends.domain.case.reach import substitutes_demanded
from amends.domain.incident.alert import Alert, AlertId, AlertKind


def work_by_hand(case: Case, now: datetime) -> tuple[Alert, ...]:
    """Return an alert for each notice with letters to hand over, and for each substitute notice that a law demands.

    Each alert is given once a day, until the work is done.
    """
    return (*_letters(case, now), *_substitutes(case, now))


def _letters(case: Case, now: datetime) -> Iterator[Alert]:
    for notice in case.notices:
        if count := notice.letters_to_hand_over:
            do = f"`amends letters {case.incident.id} {notice.id} --out DIR --as NAME`"
            what = f"{notice.id}: {counted(count, 'letter')} to hand over on {day(now)}: {do}"
            yield Alert(AlertId(AlertKind.LETTERS_WAIT, notice.id, day(now)), what, now)


def _substitutes(case: Case, now: datetime) -> Iterator[Alert]:
    due_at = {duty.id: duty.due_at for duty in case.duties}
    for one in substitutes_demanded(case):
        by = f", due {minute(due_at[one.duty])}" if due_at[one.duty] else ""
        do = f"`amends duty substitute {case.incident.id} {one.duty}` records it"
        what = f"{one.duty} demands a substitute notice{by}, on {day(now)} none is recorded: {do}"
        yield Alert(AlertId(AlertKind.SUBSTITUTE_DUE, one.duty, day(now)), what, now)
