"""A playbook played through on paper: the case from files, and every notice that it would write. Nothing is stored."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from amends.cli.terminal import clock
from amends.domain.base.errors import ContentError, Finding
from amends.domain.base.value import EVERYONE
from amends.domain.case.case import Case, IncidentState
from amends.domain.case.next_update import holding_step
from amends.domain.draft.draft import Links, Readers, draft, notices_wanted
from amends.domain.incident.commitment import Commitment, CommitmentState
from amends.domain.law.addendum import Addenda
from amends.domain.notice.notice import Draft, NoticeStage, NoticeStatus, Reader
from amends.domain.people.person import AudienceCounts, Person
from amends.domain.playbook.playbook import HOLDING, Event, Phase, Playbook, Step

if TYPE_CHECKING:
    from amends.domain.incident.incident import Incident
    from amends.domain.notice.wording import Wording

HOUR, DAY, A_FORTNIGHT = timedelta(hours=1), timedelta(days=1), timedelta(days=14)


def case_from_files(incident_file: Path) -> Case:
    """The case as it would be if it were opened and assessed now, without an audience. Raises ContentError."""
    from amends.content.incident.incident import read_incident

    return opened(read_incident(incident_file), AudienceCounts(), None, clock.now())


def opened(incident: "Incident", people: AudienceCounts, playbook: Playbook | None, now: datetime) -> Case:
    """The case as it would be right after it was opened; what follows from its facts is known, its turn to come.

    Raises ContentError.
    """
    from amends.content.law.law import read_law
    from amends.domain.assess.assess import assess

    return Case(
        incident=incident,
        version=1,
        state=IncidentState.OPEN,
        opened_at=now,
        author="",
        audience=people,
        assessment=assess(incident, people, 0, now, read_law()),
        playbook=playbook,
        events={Event.OPENED: now},
    )


@dataclass(frozen=True)
class Kinds:
    """Who reads, by audience: every locale, kind of reader and letter in it, and how many people it has."""

    readers: dict[str, set[tuple[str, Reader, str]]] = field(default_factory=dict)
    people: Counter[str] = field(default_factory=Counter)

    def of(self, audience: str) -> Readers:
        """The readers of this audience."""
        return Readers("", self.people[audience], frozenset(self.readers.get(audience, ())))

    def add(self, audience: str, kind: tuple[str, Reader, str], people: int = 1) -> None:
        """One more person of this kind, or another number of them."""
        self.readers.setdefault(audience, set()).add(kind)
        self.people[audience] += people


def kinds_in(people: Sequence[Person], letters: Addenda) -> Kinds:
    """The kinds of reader among these people; a child is told through its guardian, under the laws of its own home."""
    guardians = {person.guardian_of: person.locale for person in people if person.guardian_of}
    kinds = Kinds()
    for person in people:
        for audience in filter(None, (EVERYONE, person.segment)):
            kinds.add(audience, _kind(person, guardians, letters))
    return kinds


def _kind(person: Person, guardians: dict[str, str], letters: Addenda) -> tuple[str, Reader, str]:
    letter = letters.addendum_for(person.country, person.region)
    if person.ref in guardians:
        return guardians[person.ref], Reader.GUARDIAN, letter
    return person.locale, Reader.SELF, letter


def kinds_at_home(incident: "Incident", letters: Addenda) -> Kinds:
    """Without an audience file: every language of the incident, in the letters of the homes that it names."""
    kinds = Kinds()
    homes = incident.residences or {incident.organisation.established_in or "": 0}
    for place, people in homes.items():
        country, _, region = place.partition("-")
        kinds.people[EVERYONE] += people
        for locale in incident.texts:
            kinds.add(EVERYONE, (locale, Reader.SELF, letters.addendum_for(country, region)), people=0)
    return kinds


@dataclass(frozen=True)
class DryRun:
    """One notice of the playbook: its draft with the case that it was written in, or why it could not be written."""

    case: Case
    draft: Draft | None = None
    findings: tuple[Finding, ...] = ()


def rehearse(case: Case, wording: "Wording", kinds: Kinds, links: Links, now: datetime) -> Iterator[DryRun]:
    """Every notice of the case's playbook, each written as it would be when its step comes. Raises LookupError."""
    if case.playbook is None:
        raise LookupError("a rehearsal needs a playbook")
    promises: tuple[Commitment, ...] = ()
    spoken = wording.locales(HOLDING) and any(step.notice for step in case.playbook.steps)
    for step in (*case.playbook.steps, *((holding_step(case),) if spoken else ())):
        for moment in _moments(case, step, promises, now):
            for one in _written(moment, wording, step, kinds, links, now):
                if one.draft and one.draft.commitments:
                    promises = one.draft.commitments
                yield one


def _moments(case: Case, step: Step, promises: tuple[Commitment, ...], now: datetime) -> Iterable[Case]:
    """The case as it stands when the step comes; once for each fate of each promise where these are told."""
    if step.phase is Phase.NOTIFY and not promises:
        return (case,)
    told = case.model_copy(update={"events": case.events | {Event.NOTIFIED: now}, "commitments": promises})
    if step.id == HOLDING:
        return (_in_vain(told, now),)
    if step.phase is not Phase.FOLLOW_UP:
        return (told,)
    return (_with_fate(told, fate) for promise in promises for fate in _fates(promise, now))


def _in_vain(told: Case, now: datetime) -> Case:
    """The case an hour after people expected news, so that the statement must say sorry for it."""
    first = NoticeStatus(
        id="first", version=1, template="", step="", occurrence=1, stage=NoticeStage.SENT, binding="",
        approvals_needed=0, drafted_at=now - DAY, sent_at=now - DAY, next_news_at=now - HOUR,
    )  # fmt: skip
    return told.model_copy(update={"notices": (first,)})


def _fates(promise: Commitment, at: datetime) -> tuple[Commitment, Commitment]:
    kept = promise.model_copy(update={"state": CommitmentState.KEPT, "settled_at": at})
    late = promise.model_copy(update={"new_due_at": promise.due_at + A_FORTNIGHT})
    return kept, late


def _with_fate(case: Case, fate: Commitment) -> Case:
    others = tuple(promise for promise in case.commitments if promise.id != fate.id)
    return case.model_copy(update={"commitments": (*others, fate), "untold": {fate.id: 1}})


def _written(case: Case, wording: "Wording", step: Step, kinds: Kinds, links: Links, now: datetime) -> Iterator[DryRun]:
    if not step.channels:
        return
    for wanted in notices_wanted(case, step, 1):
        readers = kinds.of(wanted.audience)
        try:
            yield DryRun(case, draft(case, wording, step, 1, wanted, readers, links, "", now))
        except ContentError as error:
            yield DryRun(case, findings=error.findings)
