"""Assessments in the ledger: record and read them."""

from datetime import datetime

from sqlmodel import col, select

from amends.domain.assess.assessment import Assessment
from amends.ledger.incident.incidents import happened
from amends.ledger.store.session import Store
from amends.ledger.tables.playbook import AssessmentRow


class Assessments:
    """The assessments of the incidents, one for each version of an incident file that was assessed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, incident: str, assessment: Assessment, now: datetime) -> None:
        """Record the assessment of a version of the incident file; the same version twice changes nothing."""
        with self._store.write() as write:
            write.incident(incident)
            if write.session.get(AssessmentRow, (incident, assessment.version)):
                return
            content = assessment.model_dump(mode="json")
            write.session.add(AssessmentRow(incident=incident, version=assessment.version, content=content, at=now))
            happened(write.session, incident, "assessed", now)
            write.note(now, incident, "assessed", f"version {assessment.version}", band=assessment.band)

    def all(self, incident: str) -> tuple[Assessment, ...]:
        """Return every assessment of the incident, the oldest first; a newer one replaces none."""
        query = (
            select(AssessmentRow.content).where(AssessmentRow.incident == incident).order_by(col(AssessmentRow.version))
        )
        with self._store.read() as session:
            return tuple(map(Assessment.model_validate, session.exec(query)))
