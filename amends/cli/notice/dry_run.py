"""The dry run of a playbook: a case from files, and every notice that the playbook would write. Nothing is stored."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from amends.cli.terminal import clock
from amends.domain.base.audience import EVERYONE
from amends.domain.base.errors import ContentError, Finding
from amends.domain.case.next_update import holding_step
from amends.domain.case.states import IncidentState
from amends.domain.case.views.draft import DraftView
from amends.domain.draft.draft import draft, notices_wanted
from amends.domain.draft.writer import Links, Readers
from amends.domain.incident.commitment import Commitment, CommitmentState
from amends.domain.law.addendum import Addenda
from amends.domain.notice.notice import Draft, NoticeStage, NoticeStatus, Reader, TextName
from amends.domain.people.person import AudienceCounts, Person
from amends.domain.playbook.playbook import HOLDING, Event, Phase, Playbook, Step

if TYPE_CHECKING:
    from amends.domain.incident.incident import Incident
    from amends.domain.notice.wording import Wording

HOUR, DAY, A_FORTNIGHT = timedelta(hours=1), timedelta(days=1), timedelta(days=14)


def case_from_files(incident_file: Path, audience: Path | None = None) -> DraftView:
    """Return the case as if the incident were opened and assessed now, with these people. Raises ContentError."""
    from amends.content.incident.incident import read_incident
    from amends.content.people.audience import AudienceFile
    from amends.domain.people.census import counted

    at = clock.now()
    people = counted(AudienceFile(audience, today=at.date()).rows()) if audience else AudienceCounts()
    return opened(read_incident(incident_file), people, None, at)


def opened(incident: "Incident", people: AudienceCounts, playbook: Playbook | None, now: datetime) -> DraftView:
    """Return the case as it would be right after its opening: assessed, and with no step taken yet.

    Raises ContentError.
    """
    from amends.content.law.law import read_law
    from amends.domain.assess.assess import assess

    return DraftView(
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
    """The kinds of reader by audience (locale, reader, addendum), and how many people each audience has."""

    readers: dict[str, set[TextName]] = field(default_factory=dict)
    people: Counter[str] = field(default_factory=Counter)

    def of(self, audience: str) -> Readers:
        """Return the readers of this audience."""
        return Readers("", self.people[audience], frozenset(self.readers.get(audience, ())))

    def add(self, audience: str, kind: TextName, people: int = 1) -> None:
        """Add people of this kind to the audience."""
        self.readers.setdefault(audience, set()).add(kind)
        self.people[audience] += people


def kinds_in(people: Sequence[Person], addenda: Addenda) -> Kinds:
    """Return the kinds of reader among these people; a guardian reads for a child, by the laws of the child's home."""
    guardians = {person.guardian_of: person.locale for person in people if person.guardian_of}
    kinds = Kinds()
    for person in people:
        for audience in filter(None, (EVERYONE, person.segment)):
            kinds.add(audience, _kind(person, guardians, addenda))
    return kinds


def _kind(person: Person, guardians: dict[str, str], addenda: Addenda) -> TextName:
    addendum = addenda.addendum_for(person.country, person.region)
    if person.ref in guardians:
        return TextName(guardians[person.ref], Reader.GUARDIAN, addendum)
    return TextName(person.locale, Reader.SELF, addendum)


def kinds_at_home(incident: "Incident", addenda: Addenda) -> Kinds:
    """Return the kinds of reader without an audience file: each locale of the incident in each home that it names."""
    kinds = Kinds()
    homes = incident.residences or {incident.organisation.established_in or "": 0}
    for place, people in homes.items():
        country, _, region = place.partition("-")
        kinds.people[EVERYONE] += people
        for locale in incident.texts:
            kinds.add(EVERYONE, TextName(locale, Reader.SELF, addenda.addendum_for(country, region)), people=0)
    return kinds


@dataclass(frozen=True)
class DryRun:
    """One notice of the playbook: the case at its step, with the draft or with the findings that prevent one."""

    case: DraftView
    draft: Draft | None = None
    findings: tuple[Finding, ...] = ()


def rehearse(case: DraftView, wording: "Wording", kinds: Kinds, links: Links, now: datetime) -> Iterator[DryRun]:
    """Yield every notice of the case's playbook, as it would be drafted when its step comes.

    Raises LookupError when the case has no playbook.
    """
    if case.playbook is None:
        raise LookupError("a rehearsal needs a playbook")
    commitments: tuple[Commitment, ...] = ()
    has_holding = wording.locales(HOLDING) and any(step.notice for step in case.playbook.steps)
    for step in (*case.playbook.steps, *((holding_step(case),) if has_holding else ())):
        for moment in _moments(case, step, commitments, now):
            for dry_run in _dry_runs(moment, wording, step, kinds, links, now):
                if dry_run.draft and dry_run.draft.commitments:
                    commitments = dry_run.draft.commitments
                yield dry_run


def _moments(case: DraftView, step: Step, commitments: tuple[Commitment, ...], now: datetime) -> Iterable[DraftView]:
    """Return the case as it stands when the step comes; at a follow-up, one case for each fate of each commitment."""
    if step.phase is Phase.NOTIFY and not commitments:
        return (case,)
    notified = case.model_copy(update={"events": case.events | {Event.NOTIFIED: now}, "commitments": commitments})
    if step.id == HOLDING:
        return (_after_missed_update(notified, now),)
    if step.phase is not Phase.FOLLOW_UP:
        return (notified,)
    return (_with_fate(notified, fate) for commitment in commitments for fate in _fates(commitment, now))


def _after_missed_update(notified: DraftView, now: datetime) -> DraftView:
    """Return the case an hour after people expected the next update, so that the holding notice must say sorry."""
    first = NoticeStatus(
        id="first",
        version=1,
        template="",
        step="",
        occurrence=1,
        stage=NoticeStage.SENT,
        binding="",
        approvals_needed=0,
        drafted_at=now - DAY,
        sent_at=now - DAY,
        next_news_at=now - HOUR,
    )
    return notified.model_copy(update={"notices": (first,)})


def _fates(commitment: Commitment, at: datetime) -> tuple[Commitment, Commitment]:
    kept = commitment.model_copy(update={"state": CommitmentState.KEPT, "settled_at": at})
    late = commitment.model_copy(update={"new_due_at": commitment.due_at + A_FORTNIGHT})
    return kept, late


def _with_fate(case: DraftView, fate: Commitment) -> DraftView:
    others = tuple(commitment for commitment in case.commitments if commitment.id != fate.id)
    return case.model_copy(update={"commitments": (*others, fate), "untold": {fate.id: 1}})


def _dry_runs(
    case: DraftView, wording: "Wording", step: Step, kinds: Kinds, links: Links, now: datetime
) -> Iterator[DryRun]:
    if not step.channels:
        return
    promised_to = {commitment.id: commitment.audience for commitment in case.commitments}
    for wanted in notices_wanted(case, step, 1):
        readers = kinds.of(promised_to.get(wanted.about, wanted.audience))
        try:
            yield DryRun(case, draft(case, wording, step, 1, wanted, readers, links, "", now))
        except ContentError as error:
            yield DryRun(case, findings=error.findings)
