"""Alerts to work that no machine does: letters to hand over, and substitute notices to publish."""

from collections.abc import Iterator
from datetime import datetime

from amends.domain.base.text import counted, minute
from amends.domain.case.case import Case
from amends.domain.case.reach import substitutes_demanded


def work_by_hand(case: Case, now: datetime) -> tuple[str, ...]:
    """Return an alert for each notice with letters to hand over, and for each substitute notice that a law demands.

    The words are the same all day, so that each alert is given once a day, until the work is done.
    """
    return (*_letters(case, now), *_substitutes(case, now))


def _letters(case: Case, now: datetime) -> Iterator[str]:
    for notice in case.notices:
        if count := notice.letters_to_hand_over:
            do = f"`amends letters {case.incident.id} {notice.id} --out DIR --as NAME`"
            yield f"{notice.id}: {counted(count, 'letter')} to hand over on {now:%Y-%m-%d}: {do}"


def _substitutes(case: Case, now: datetime) -> Iterator[str]:
    due_at = {duty.id: duty.due_at for duty in case.duties}
    for one in substitutes_demanded(case):
        by = f", due {minute(due_at[one.duty])}" if due_at[one.duty] else ""
        do = f"`amends duty substitute {case.incident.id} {one.duty}` records it"
        yield f"{one.duty} demands a substitute notice{by}, on {now:%Y-%m-%d} none is recorded: {do}"
