"""The gates of an approved notice: authorities to be told before the people, an embargo of law enforcement, doubts."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from amends.domain.base.text import minute
from amends.domain.case.case import Case
from amends.domain.case.deadlines import open_duties
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.law.duty import Addressee, Duty
from amends.domain.playbook.playbook import Gate

DAY = timedelta(days=1)


def shut(case: Case, waits_for: Collection[Gate], now: datetime) -> tuple[str, ...]:
    """Return why a notice with these gates may not leave now, each reason with its remedy; empty when it may leave.

    The gate "direct_notices" (people are told before the public) is not checked here: the sending engine decides about
    it message by message.
    """
    return tuple(shut_by(case, waits_for, now).values())


def shut_by(case: Case, waits_for: Collection[Gate], now: datetime) -> dict[str, str]:
    """Return why a notice with these gates may not leave now, by the cause: a doubt, an embargo or a duty."""
    told_first = _not_told_yet(case) if Gate.AUTHORITIES in waits_for else ()
    return dict((*_doubt(case), *_embargo(case, now), *told_first))


def opens_at(case: Case, waits_for: Collection[Gate], now: datetime) -> datetime | None:
    """Return when a notice may leave without a person acting: `now` when no gate is shut, None when a person must act.

    The end of an embargo is the only time known in advance.
    """
    if not shut(case, waits_for, now):
        return now
    return case.embargo.until if case.embargo and not shut(case, waits_for, case.embargo.until) else None


def to_look_at_again(case: Case, now: datetime) -> Alert | None:
    """Return an alert on the last day before an embargo ends, for the person who decides whether it may end."""
    if case.embargo is None or not case.embargo.until - DAY <= now < case.embargo.until:
        return None
    until = minute(case.embargo.until)
    words = (
        f"the embargo ends at {until} ({case.embargo.why}); what is approved leaves "
        f"then. Ask whether it may: `amends incident embargo {case.incident.id} --until TIME` moves it"
    )
    return Alert(AlertId(AlertKind.EMBARGO_ENDS, window=until), words, now)


def _doubt(case: Case) -> Iterator[tuple[str, str]]:
    if case.clock_doubt:
        yield "clock doubt", f"{case.clock_doubt}; `amends clock trust` says that it is right"
    if case.ledger_doubt:
        yield "ledger doubt", f"{case.ledger_doubt}; `amends reconcile` compares it with what has left"


def _embargo(case: Case, now: datetime) -> Iterator[tuple[str, str]]:
    if case.embargo and now < case.embargo.until:
        yield f"embargo until {minute(case.embargo.until)}", case.embargo.says(case.incident.id)


def _not_told_yet(case: Case) -> Iterator[tuple[str, str]]:
    for duty in filter(_comes_first, open_duties(case)):
        record = f"`amends duty filed {case.incident.id} {duty.id}` records it"
        yield duty.id, f"{duty.recipient_name} must be told before the people ({duty.law}); {record}"


def _comes_first(duty: Duty) -> bool:
    return duty.first and duty.addressee is not Addressee.PEOPLE and not duty.waits
