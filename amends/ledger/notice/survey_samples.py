"""Random samples of people, to whom an invitation to a survey goes."""

import hmac
from collections.abc import Mapping
from datetime import datetime

from sqlmodel import select

from amends.domain.playbook.survey import Sample
from amends.ledger.notice.audience import in_audience
from amends.ledger.store.session import Store
from amends.ledger.store.sums import changing
from amends.ledger.tables.notice import SurveySampleRow
from amends.ledger.tables.people import PersonRow

VALUES = 2**64
"""The number of values that the draw can give to a person."""


class SurveySamples:
    """The random samples of people that surveys ask."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def draw(self, incident: str, notice: str, survey: str, sample: Sample, audience: str, now: datetime) -> int:
        """Draw the sample that an invitation goes to, and return its size; people drawn before stay in it.

        The draw is a keyed hash of survey and person: nobody can steer it, and it is the same for each invitation.
        """
        with self._store.write() as write:
            write.incident(incident)
            here = (SurveySampleRow.incident == incident, SurveySampleRow.notice == notice)
            known = set(write.session.exec(select(SurveySampleRow.person).where(*here)))
            people = write.session.exec(select(PersonRow.number).where(*in_audience(incident, audience)))
            new = chosen({person: self._value(incident, survey, person) for person in people}, sample, known)
            if new:
                rows = [SurveySampleRow(incident=incident, notice=notice, person=person) for person in sorted(new)]
                with changing(write.session, "survey_sample", (incident, notice)):
                    write.session.add_all(rows)
                write.note(now, incident, "survey sample drawn", notice, survey=survey, people=len(new))
            return len(known) + len(new)

    def _value(self, incident: str, survey: str, person: int) -> int:
        word = f"{incident}:{survey}:{person}".encode()
        return int.from_bytes(hmac.digest(self._store.keys.draws, word, "sha256")[:8])


def chosen(values: Mapping[int, int], sample: Sample, known: set[int]) -> set[int]:
    """Return the people whom the draw adds to those drawn before, by the value of each person."""
    if sample.percent is not None:
        return {person for person, value in values.items() if value * 100 < sample.percent * VALUES} - known
    by_lot = sorted(values.keys() - known, key=lambda person: values[person])
    return set(by_lot[: max((sample.people or 0) - len(known), 0)])
