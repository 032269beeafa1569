"""The plan of forgetting of one case, from its closing, its playbook, its own date and its holds."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from amends.domain.base.value import Moment, Value
from amends.domain.forget.hold import LegalHold, people_held, whole_case_held, why_kept
from amends.domain.forget.retention import WORDS, DataKind, Retention

NOT_CLOSED = "the case is not closed"
NEVER_NEEDED = (DataKind.SURVEY_TEXTS, DataKind.MESSAGES)
"""Kinds that no promise, question or claim rests on."""


class Forgotten(Value):
    """A kind of data of a case that was forgotten, except for people under a hold of their own."""

    kind: DataKind
    at: Moment
    kept: tuple[int, ...] = ()
    """The numbers of the people under hold, whose data of this kind stayed."""


class PlannedForgetting(Value):
    """One line of the plan: a kind of data, and when it goes or went."""

    kind: DataKind
    due_at: Moment | None = None
    """None while the case is not closed, and for a kind without a span."""
    done_at: Moment | None = None
    kept: str = ""
    """The reason why the data stays beyond its time, in words; or empty."""
    except_for: tuple[int, ...] = ()
    """The people under a hold of their own, whose data of this kind stays."""
    open: bool = False
    """True when something is still to go: nothing went yet, or a person is under hold no more."""

    def is_due(self, now: datetime) -> bool:
        """Return True when the data must go now."""
        return self.open and not self.kept and self.due_at is not None and self.due_at <= now


def plan_of(
    retention: Retention,
    closed_at: datetime | None,
    own_date: datetime | None,
    done: Sequence[Forgotten],
    holds: Sequence[LegalHold],
    needed: Sequence[str] = (),
) -> tuple[PlannedForgetting, ...]:
    """Return the plan of a case, by kind; kinds that the playbook does not name and nothing else brings are left out.

    `own_date` is the incident's own day for all of its data, in place of the playbook's span of the whole case; every
    kind goes then at the latest. Spans are counted from `closed_at`, None while the case is not closed. `needed` says
    what the personal data is still needed for; meanwhile only the kinds in NEVER_NEEDED go.
    """
    dates = _dates(retention, closed_at, own_date)
    went = {one.kind: one for one in done}
    kinds = [kind for kind in DataKind if kind in dates or kind in went]
    over = DataKind.WHOLE_CASE in went
    reasons = () if closed_at else (NOT_CLOSED,)
    return tuple(_line(kind, dates.get(kind), went.get(kind), holds, (*reasons, *needed), over=over) for kind in kinds)


def _dates(
    retention: Retention, closed_at: datetime | None, own_date: datetime | None
) -> Mapping[DataKind, datetime | None]:
    """Return when each kind goes, None while nobody can say."""
    dates: dict[DataKind, datetime | None] = {
        kind: closed_at + span if closed_at else None for kind, span in retention.spans.items()
    }
    if own_date is None:
        return dates
    dates = {kind: min(at, own_date) if at else None for kind, at in dates.items()}
    return dates | {DataKind.WHOLE_CASE: own_date}


def _line(
    kind: DataKind,
    due_at: datetime | None,
    went: Forgotten | None,
    holds: Sequence[LegalHold],
    needed: Sequence[str],
    *,
    over: bool,
) -> PlannedForgetting:
    held = people_held(holds)
    still_open = not over and (went is None or bool(set(went.kept) - held))
    return PlannedForgetting(
        kind=kind,
        due_at=due_at,
        done_at=went.at if went else None,
        kept=_kept(kind, holds, needed) if still_open else "",
        except_for=tuple(sorted(held)) if still_open and kind is not DataKind.WHOLE_CASE else went.kept if went else (),
        open=still_open,
    )


def _kept(kind: DataKind, holds: Sequence[LegalHold], needed: Sequence[str]) -> str:
    """Return why this kind stays beyond its time, or ""."""
    whole = kind is DataKind.WHOLE_CASE
    hold = why_kept(holds) if whole else whole_case_held(holds)
    if hold:
        return hold.in_words
    if NOT_CLOSED in needed:
        return NOT_CLOSED
    return f"still needed: {'; '.join(needed)}" if needed and kind not in NEVER_NEEDED else ""


def due(planned: Sequence[PlannedForgetting], now: datetime) -> tuple[DataKind, ...]:
    """Return the kinds of data that must go now; the whole case alone when it must go."""
    kinds = tuple(line.kind for line in planned if line.is_due(now))
    return (DataKind.WHOLE_CASE,) if DataKind.WHOLE_CASE in kinds else kinds


def in_words(line: PlannedForgetting) -> str:
    """Return what becomes of this kind of data, for people."""
    what = f"went on {line.done_at:%Y-%m-%d}" if line.done_at else "goes some time after the closing"
    if line.due_at and not line.done_at:
        what = f"goes on {line.due_at:%Y-%m-%d}"
    kept = f"; kept: {line.kept}" if line.kept else ""
    people = ", ".join(map(str, line.except_for))
    but = f"; kept of people under hold: {people}" if people and not line.kept else ""
    return f"{WORDS[line.kind]}: {what}{kept}{but}"
