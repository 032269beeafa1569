"""Verbs about the playbook in force, the turns of its steps, and assessments."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from amends.domain.assess.assessment import Assessment
from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.base.text import minute
from amends.domain.case.case import OccurrenceState
from amends.domain.notice.notice import NoticeStage, digest
from amends.domain.notice.wording import Wording
from amends.domain.playbook.playbook import Playbook
from amends.ledger.incident.incidents import happened, note_alert
from amends.ledger.store.session import Store, Write
from amends.ledger.store.tables import AssessmentRow, NoticeRow, OccurrenceRow, PinRow


class Steps(Store):
    """Pin playbooks and keep book of what each step has done."""

    def pin_playbook(
        self, incident: str, playbook: Playbook, wording: Wording, by: str, now: datetime, seen: str | None = None
    ) -> str:
        """From now on the incident runs with exactly this content; its hash. Pinning the same again changes nothing.

        With what was seen in force (empty for nothing), it raises NotAllowed when that is another content by now.
        """
        with self.write() as write:
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
        """The words in force. Raises NotInLedger when no playbook runs."""
        with self.read() as session:
            row = pin_row(session, incident)
            if row is None:
                raise NotInLedger(f"no playbook runs for incident {incident}; start one with `amends run {incident}`")
            return self._memory.get(("wording", row.digest), lambda: Wording.model_validate(row.wording))

    def mark_occurrence(
        self,
        incident: str,
        step: str,
        number: int,
        due_at: datetime,
        state: OccurrenceState,
        now: datetime,
        note: str = "",
        after: Collection[str] = (),
    ) -> None:
        """Note where a step's turn stands; a turn that is done stays done.

        With the notices that it comes `after`, nothing is noted while one of them goes on, be it since just now.
        One that is held is an alert, each time.
        """
        with self.write() as write:
            write.incident(incident)
            row = write.session.get(OccurrenceRow, (incident, step, number))
            if row is not None and (row.state in (OccurrenceState.DONE, state)):
                return
            if after and not _are_over(write.session, incident, after):
                return
            row = row or _begun(write.session, incident, step, number, due_at)
            row.state, row.note = state, note
            if state is OccurrenceState.DONE:
                row.done_at = now
                happened(write.session, incident, step, now)
            if state is OccurrenceState.HELD:
                note_alert(write, incident, f"{step} {number} is held since {minute(now)}: {note}", now)
            write.note(now, incident, f"step {state}", f"{step} {number}", note=note)

    def revise_occurrence(
        self, incident: str, step: str, number: int, due_at: datetime, now: datetime, why: str,
        after: int | None = None,
    ) -> int:  # fmt: skip
        """A turn's run must be set up again, under a new key; the turn's new revision.

        Two who look at the same time both say after which one, and get the same.
        """
        with self.write() as write:
            write.incident(incident)
            row = write.session.get(OccurrenceRow, (incident, step, number))
            row = row or _begun(write.session, incident, step, number, due_at)
            if after is not None and row.revision > after:
                return row.revision
            row.revision += 1
            write.note(now, incident, "step again", f"{step} {number}", why=why, revision=row.revision)
            return row.revision

    def record_assessment(self, incident: str, assessment: Assessment, now: datetime) -> None:
        """Keep what was concluded from this version of the facts; the same version twice changes nothing."""
        with self.write() as write:
            write.incident(incident)
            if write.session.get(AssessmentRow, (incident, assessment.version)):
                return
            content = assessment.model_dump(mode="json")
            write.session.add(AssessmentRow(incident=incident, version=assessment.version, content=content, at=now))
            happened(write.session, incident, "assessed", now)
            write.note(now, incident, "assessed", f"version {assessment.version}", band=assessment.band)

    def assessments(self, incident: str) -> tuple[Assessment, ...]:
        """Every assessment ever made of it, the oldest first: a newer one replaces none."""
        query = (
            select(AssessmentRow.content)
            .where(AssessmentRow.incident == incident, col(AssessmentRow.version) > 0)
            .order_by(col(AssessmentRow.version))
        )
        with self.read() as session:
            return tuple(map(Assessment.model_validate, session.exec(query)))


def _are_over(session: Session, incident: str, notices: Collection[str]) -> bool:
    """Whether nothing is to be done for these any more; of each, its latest version tells."""
    here = (NoticeRow.incident == incident, col(NoticeRow.notice).in_(notices))
    stages = session.exec(select(NoticeRow.notice, NoticeRow.stage).where(*here).order_by(col(NoticeRow.version)))
    return all(NoticeStage(stage).is_over for stage in dict(stages.all()).values())


def _begun(session: Session, incident: str, step: str, number: int, due_at: datetime) -> OccurrenceRow:
    """The row of a turn of which nothing was stored yet."""
    row = OccurrenceRow(
        incident=incident, step=step, number=number, due_at=due_at,
        state=OccurrenceState.PLANNED, revision=0, note="",
    )  # fmt: skip
    session.add(row)
    return row


def content_hash(playbook: Playbook, wording: Wording) -> str:
    """Names exactly this content."""
    return digest(_spelled(playbook, wording))


def pin(write: Write, incident: str, playbook: Playbook, wording: Wording, now: datetime) -> str:
    """Put this content in force; its hash."""
    current, content = pin_row(write.session, incident), content_hash(playbook, wording)
    number, spelled = current.number + 1 if current else 1, _spelled(playbook, wording)
    write.session.add(PinRow(incident=incident, number=number, digest=content, at=now, **spelled))
    write.session.flush()
    return content


def _spelled(playbook: Playbook, wording: Wording) -> dict[str, Any]:
    return {"playbook": playbook.model_dump(mode="json", by_alias=True), "wording": wording.model_dump(mode="json")}


LATEST_PIN = (
    select(PinRow)
    .where(PinRow.incident == bindparam("incident"))
    .order_by(col(PinRow.number).desc())
    .limit(1)
    .options(defer(PinRow.wording), defer(PinRow.playbook))  # type: ignore[arg-type]
)


def pin_row(session: Session, incident: str) -> PinRow | None:
    """The pin in force."""
    return session.exec(LATEST_PIN, params={"incident": incident}).first()
