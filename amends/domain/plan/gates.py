"""What keeps an approved notice from leaving: authorities that must hear first, and a hold of law enforcement."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from amends.domain.base.text import minute
from amends.domain.case.case import Case
from amends.domain.case.deadlines import open_duties
from amends.domain.law.duty import Addressee, Duty
from amends.domain.playbook.playbook import Gate

DAY = timedelta(days=1)


def shut(case: Case, waits_for: Collection[Gate], now: datetime) -> tuple[str, ...]:
    """Why a notice that waits for this may not leave now, each with what would change it; empty when it may.

    That the public hears after the people is decided message by message, while they are sent.
    """
    return (*_doubt(case), *_embargo(case, now), *(_unheard(case) if Gate.AUTHORITIES in waits_for else ()))


def opens_at(case: Case, waits_for: Collection[Gate], now: datetime) -> datetime | None:
    """When it may leave without anybody doing anything; now when nothing is shut, None when a person must act."""
    if not shut(case, waits_for, now):
        return now
    return case.embargo.until if case.embargo and not shut(case, waits_for, case.embargo.until) else None


def to_look_at_again(case: Case, now: datetime) -> str:
    """That an embargo is about to end, for whoever must decide whether it may; empty when it is not."""
    if case.embargo is None or not case.embargo.until - DAY <= now < case.embargo.until:
        return ""
    return (
        f"the embargo ends at {minute(case.embargo.until)} ({case.embargo.why}); what is approved leaves "
        f"then. Ask whether it may: `amends incident embargo {case.incident.id} --until TIME` moves it"
    )


def _doubt(case: Case) -> Iterator[str]:
    if case.clock_doubt:
        yield f"{case.clock_doubt}; `amends clock trust` says that it is right"
    if case.ledger_doubt:
        yield f"{case.ledger_doubt}; `amends reconcile` compares it with what has left"


def _embargo(case: Case, now: datetime) -> Iterator[str]:
    if case.embargo and now < case.embargo.until:
        yield case.embargo.says(case.incident.id)


def _unheard(case: Case) -> Iterator[str]:
    for duty in filter(_comes_first, open_duties(case)):
        record = f"`amends duty filed {case.incident.id} {duty.id}` records it"
        yield f"{duty.recipient_name} must be told before the people ({duty.law}); {record}"


def _comes_first(duty: Duty) -> bool:
    return duty.first and duty.addressee is not Addressee.PEOPLE and not duty.waits
