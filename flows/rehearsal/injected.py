"""The injects of a rehearsal that change the case itself."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from amends.domain.deliver.correction import Ask
from amends.domain.people.person import Person
from amends.domain.rehearse.injects import Script, WrongFact, amended
from flows.rehearsal.scene import LEAD, Scene


class InjectedChanges:
    """The injects that change the case: a wrong fact is corrected, a late cohort is added to the audience."""

    def __init__(self, scene: Scene, everybody: Callable[[], Iterable[Person]]) -> None:
        self._scene, self._everybody = scene, everybody
        injects, script = scene.script.injects, scene.script
        self._wrong = deque(sorted(injects.wrong_facts, key=lambda one: one.at))
        self._cohorts = deque(injects.late_cohorts)
        self._announced = deque(sorted(_announcements(script)))

    def next_at(self) -> datetime | None:
        """Return the time of the next inject, or None when none is left."""
        at = self._scene.script.at
        listed = (*(self._wrong and [self._wrong[0].at]), *(self._cohorts and [self._cohorts[0].at]))
        return min((*map(at, listed), *(self._announced and [self._announced[0][0]])), default=None)

    def apply_due(self, now: datetime) -> None:
        """Apply every inject whose time has come."""
        script = self._scene.script
        while self._announced and self._announced[0][0] <= now:
            self._scene.record_inject(*self._announced.popleft())
        while self._wrong and script.at(self._wrong[0].at) <= now:
            self._amend(self._wrong.popleft(), now)
        while self._cohorts and script.at(self._cohorts[0].at) <= now:
            self._cohorts.popleft()
            self._add_cohort(now)

    def _amend(self, wrong: WrongFact, now: datetime) -> None:
        scene = self._scene
        incident = amended(scene.ledger.cases.incident_file(scene.incident), wrong, now)
        version = scene.ledger.incidents.amend(incident, LEAD.name, now)
        scene.amended_at.append(now)
        scene.record_inject(now, f"a fact was wrong: the incident file is amended to version {version}")

    def _add_cohort(self, now: datetime) -> None:
        """Correct the audience to the whole file, late cohort included, as `amends audience correct` does."""
        scene = self._scene
        correction = scene.ledger.corrections.compare(scene.incident, self._everybody())
        counted = correction.difference.counts
        followed = scene.ledger.corrections.apply(correction, dict.fromkeys(Ask), "rehearsal", LEAD.name, now)
        afresh = ", ".join(one.notice for one in followed if one.drafted_afresh) or "nothing"
        new = sum(counted.values())
        scene.record_inject(now, f"{new} more people are found; drafted afresh for them: {afresh}")


def _announcements(script: Script) -> Iterator[tuple[datetime, str]]:
    """Yield when each inject happens that does not change the case, and what the report says of it."""
    injects = script.injects
    for outage in injects.outages:
        yield script.at(outage.at), f"the provider of {outage.channel} is down for {outage.lasts}"
    for leak in injects.press_leaks:
        yield script.at(leak.at), f"the press has it: {leak.asking:.1%} of the people ask within {leak.within}"
    for angry in injects.angry_replies:
        if angry.complaining:
            yield script.at(angry.at), f"{angry.complaining:.1%} of the people complain within {angry.within}"
    for away in injects.approvers_away:
        yield script.at(away.at), f"rehearsal-{away.who} is away for {away.lasts}"
