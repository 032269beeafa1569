"""Playbooks in the ledger: pin a playbook and its wording to an incident, read both, and replace them in mid-run."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from amends.domain.base.errors import NotAllowed, NotInLedger, Refusal
from amends.domain.case.states import OccurrenceState
from amends.domain.notice.wording import Wording
from amends.domain.plan.changes import PlaybookChange, changes, changes_of_words
from amends.domain.plan.migration import OPEN_OCCURRENCES
from amends.domain.playbook.playbook import BUILT_IN_STEPS, Playbook
from amends.domain.team.member import Member, TeamRole
from amends.domain.team.vote import VoteRule, why_not_together
from amends.ledger.playbook.occurrences import occurrence_row
from amends.ledger.playbook.pins import content_hash, pin, pin_row
from amends.ledger.store.leases import recall
from amends.ledger.store.session import Store, Transaction, incident_row
from amends.ledger.tables.incident import IncidentRow
from amends.ledger.tables.playbook import OccurrenceRow, PinRow

HELD_WHY = "the playbook does not have this step any more; nothing of it has left"


@dataclass(frozen=True, slots=True)
class Pinned:
    """The playbook and the wording with which an incident runs, as they were pinned."""

    content: str
    """The hash of both."""
    playbook: Playbook
    wording: Wording


class Playbooks:
    """The pinned playbooks of the incidents, each with its wording."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def pin(
        self, incident: str, playbook: Playbook, wording: Wording, by: str, now: datetime, seen: str | None = None
    ) -> str:
        """Pin exactly this content to the incident, and return its hash; the same content again changes nothing.

        `seen` is the hash that the caller saw in force, empty for none. Raises NotAllowed when `seen` is given and
        another content is in force by now.
        """
        with self._store.write() as write:
            write.incident(incident)
            current = pin_row(write.session, incident)
            before = current.digest if current else ""
            if before == content_hash(playbook, wording):
                return before
            if seen not in (None, before):
                raise NotAllowed(
                    f"another playbook runs for {incident}: `amends migrate {incident} --to FILE --as NAME` shows what "
                    "a new one would change, and replaces it"
                )
            content = pin(write, incident, playbook, wording, now)
            write.note(now, incident, "playbook pinned", playbook.id, actor=by, content=content)
        return content

    def wording(self, incident: str) -> Wording:
        """Return the wording in force. Raises NotInLedger when no playbook runs."""
        with self._store.read() as session:
            row = pin_row(session, incident)
            if row is None:
                raise NotInLedger(f"no playbook runs for incident {incident}; start one with `amends run {incident}`")
            return self._store.cache.get(("wording", row.digest), lambda: Wording.model_validate(row.wording))

    def pinned(self, incident: str) -> Pinned:
        """Return the playbook and the wording in force, as they were pinned. Raises NotInLedger when none runs."""
        with self._store.read() as session:
            return _pinned(session, incident)

    def migrate(
        self,
        incident: str,
        playbook: Playbook,
        wording: Wording,
        seen: str,
        lead: Member,
        second: Member | None,
        now: datetime,
        hold: Collection[tuple[str, int]] = (),
    ) -> str:
        """Replace the content with the hash `seen` by this content, and return the new hash.

        Approvals become void for all messages that are not yet sent, because they bound the wording as it stood. The
        occurrences in `hold` wait for a person. Raises NotAllowed when another content than `seen` is in force, when a
        begun occurrence would be left without its step, and when a change is weaker and no second approver agrees.
        """
        with self._store.write() as write:
            # An exclusive lock: claims take a shared lock on this row, so they end first and are recalled below.
            write.session.get(IncidentRow, incident, with_for_update=True)
            old = _pinned(write.session, incident)
            weaker = sum(bool(change.weaker) for change in _changes(old, playbook, wording))
            refusal = _why_not_by(lead, second, weaker) or _why_not_as_seen(old, seen)
            if refusal := refusal or _why_not_complete(write.session, incident, playbook):
                raise NotAllowed(refusal)
            recall(write.session, incident)  # locks leases before the audit chain, in the order that workers use
            for step, number in sorted(hold):
                _hold(write, incident, step, number, now)
            content = pin(write, incident, playbook, wording, now)
            detail = {"content": content, "instead_of": seen, "second": second.name if second else "", "weaker": weaker}
            write.note(now, incident, "playbook replaced", playbook.id, actor=lead.name, **detail)
            return content


def _changes(old: Pinned, playbook: Playbook, wording: Wording) -> list[PlaybookChange]:
    return [*changes(old.playbook, playbook), *changes_of_words(old.wording, wording, old.playbook, playbook)]


def _pinned(session: Session, incident: str) -> Pinned:
    row: PinRow | None = pin_row(session, incident)
    if row is None:
        incident_row(session, incident)
        raise NotInLedger(f"no playbook runs for incident {incident}; start one with `amends run {incident}`")
    return Pinned(row.digest, Playbook.model_validate(row.playbook), Wording.model_validate(row.wording))


def _why_not_by(lead: Member, second: Member | None, weaker: int) -> Refusal | None:
    if lead.role is not TeamRole.LEAD:
        return Refusal(f"{lead.name} is {lead.role}; only a lead may replace the playbook of a running incident")
    if not weaker:
        return None
    if second is None:
        return Refusal(
            f"{weaker} of the changes are weaker, so a second person who may approve must want this too: --with NAME"
        )
    words = f"{second.name} cannot be the second person; it needs somebody else who may approve"
    return Refusal(words) if why_not_together(lead, second, VoteRule()) else None


def _why_not_as_seen(old: Pinned, seen: str) -> Refusal | None:
    if old.content == seen:
        return None
    return Refusal(f"another playbook was pinned since you looked ({old.content[:12]}, not {seen[:12]}); look again")


def _why_not_complete(session: Session, incident: str, playbook: Playbook) -> Refusal | None:
    """Return that an open occurrence would wait for ever, because the playbook lacks its step, or None."""
    known = [*BUILT_IN_STEPS, *(step.id for step in playbook.steps)]
    query = select(OccurrenceRow).where(
        OccurrenceRow.incident == incident,
        col(OccurrenceRow.state).in_(OPEN_OCCURRENCES),
        col(OccurrenceRow.step).not_in(known),
    )
    left = session.exec(query).first()
    return (
        Refusal(f"{left.step} {left.number} has begun since you looked, and has no step any more; look again")
        if left
        else None
    )


def _hold(write: Transaction, incident: str, step: str, number: int, now: datetime) -> None:
    row = occurrence_row(write.session, incident, step, number)
    if row is not None and row.state == OccurrenceState.WAITING:
        row.state, row.note = OccurrenceState.HELD, HELD_WHY
        write.note(now, incident, "step held", f"{step} {number}", note=HELD_WHY)
