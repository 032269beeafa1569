"""The report of a rehearsal, gathered from its ledger and its world."""

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from amends.domain.base.audience import EVERYONE
from amends.domain.base.text import length
from amends.domain.base.value import some_text
from amends.domain.case.case import Case
from amends.domain.case.lawfully import told_in_all
from amends.domain.channel.channel import ChannelKind
from amends.domain.feedback.question import QuestionKind
from amends.domain.notice.notice import DeliveryState, NoticeStatus
from amends.domain.plan.plan import PlannedOccurrence
from amends.domain.rehearse.report import (
    ChannelNumbers,
    Happening,
    Noticed,
    Order,
    RehearsalReport,
    asked,
    deadlines,
    named_times,
    rehearsed_commitments,
    silences,
    tells_news,
)
from amends.ledger import AuditEntry, Ledger
from channels.simulated import World
from flows.rehearsal.scene import Scene

VERSION = re.compile(r"(.+) v(\d+)")
"""Subject of an audit entry about a version of a notice, such as "first-notice v2"."""
SENT_STATES = (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.BOUNCED, DeliveryState.COMPLAINED)


def report(
    scene: Scene, world: World, order: Order, carried_out: list[PlannedOccurrence], now: datetime
) -> RehearsalReport:
    """Gather everything that people want to know after the rehearsal."""
    ledger, incident = scene.ledger, scene.incident
    case = ledger.cases.read(incident, now)
    first_at = _first_arrivals(world)
    corrected = list(_corrected(scene, case, first_at))
    questions = ledger.questions.all(incident)
    approved = _approvals(ledger.audit.entries(incident))
    organisation = case.incident.organisation
    return RehearsalReport(
        incident=incident,
        title=case.incident.title,
        organisation=some_text(organisation.name, "en"),
        timezone=organisation.timezone,
        playbook=case.playbook.id if case.playbook else "",
        injects=scene.script.injects.title,
        people=case.audience.people,
        days=order.days,
        start=scene.script.start,
        end=now,
        state=case.state,
        events=case.named_events,
        notices=tuple(_noticed(notice, world, approved, first_at) for notice in case.notices),
        deadlines=deadlines(case, now),
        told=told_in_all(case),
        named_times=named_times(case, now, first_at),
        silences=silences(case, scene.script.start, now, first_at)[:5],
        questions=asked(questions, sum(question.kind is QuestionKind.COMPLAINT for question in questions), now),
        commitments=rehearsed_commitments(case, now),
        injected=tuple(sorted((*scene.injected, *corrected), key=lambda one: one.at)),
        team=tuple(scene.team),
        troubles=tuple(scene.troubles),
        occurrences=len(carried_out),
        messages=sum(post.arrived for post in world.posts.values()),
        twice=world.twice,
        ledger_faults=(*ledger.audit.verify(), *_disagreements(ledger, case, world)),
    )


def _first_arrivals(world: World) -> dict[str, datetime]:
    first: dict[str, datetime] = {}
    for (notice, _), post in world.posts.items():
        if post.first_at:
            first[notice] = min(post.first_at, first.get(notice, post.first_at))
    return first


def _corrected(scene: Scene, case: Case, first_at: dict[str, datetime]) -> Iterator[Happening]:
    """Yield the notice that told people of each wrong fact; record a trouble for a fact that no notice corrected."""
    for found_at in scene.amended_at:
        news = [n for n in case.notices if n.drafted_at >= found_at and n.id in first_at and tells_news(case, n)]
        if not news:
            scene.record_trouble(found_at, "people were not told of the wrong fact before the rehearsal ended")
            continue
        first = min(news, key=lambda notice: first_at[notice.id])
        after = length(first_at[first.id] - found_at)
        yield Happening(
            at=first_at[first.id], what=f"people hear of the wrong fact, {after} after it was found, in {first.id}"
        )


class ApprovalTimes:
    """The times at which each version of a notice was drafted and approved."""

    def __init__(self) -> None:
        self.drafted: dict[str, datetime] = {}
        self.approved: defaultdict[str, defaultdict[int, dict[str, datetime]]] = defaultdict(lambda: defaultdict(dict))
        """First approval by notice, version and member; a member approves again when the first approval has expired."""

    def approved_at(self, notice: NoticeStatus) -> datetime | None:
        """Return when the first version with enough approvals got them, or None when no version did."""
        listed = (sorted(approvals.values()) for approvals in self.approved[notice.id].values())
        enough = (times for times in listed if len(times) >= notice.approvals_needed)
        return min((times[notice.approvals_needed - 1] for times in enough), default=None)


def _approvals(entries: tuple[AuditEntry, ...]) -> ApprovalTimes:
    found = ApprovalTimes()
    for entry in entries:
        if entry.act in ("drafted", "approve") and (named := VERSION.fullmatch(entry.subject)):
            if entry.act == "drafted":
                found.drafted.setdefault(named[1], entry.at)
            else:
                found.approved[named[1]][int(named[2])].setdefault(entry.actor, entry.at)
    return found


def _noticed(notice: NoticeStatus, world: World, approvals: ApprovalTimes, first_at: dict[str, datetime]) -> Noticed:
    return Noticed(
        id=notice.id,
        template=notice.template,
        step=notice.step,
        stands=notice.stands,
        drafted_at=approvals.drafted.get(notice.id, notice.drafted_at),
        approved_at=approvals.approved_at(notice),
        first_at=first_at.get(notice.id),
        sent_at=notice.sent_at,
        approved_by=notice.approvals,
        next_news_at=notice.next_news_at,
        people=notice.people,
        not_told=notice.not_told,
        channels=tuple(_channels(notice.id, world)),
    )


def _channels(notice: str, world: World) -> Iterator[ChannelNumbers]:
    for kind in ChannelKind:
        if post := world.posts.get((notice, kind)):
            yield ChannelNumbers(
                channel=kind, arrived=post.arrived, refused=post.refused, first_at=post.first_at, last_at=post.last_at
            )


def _disagreements(ledger: Ledger, case: Case, world: World) -> Iterator[str]:
    """Yield each notice whose numbers of people do not add up, or differ between the ledger and the world."""
    for notice in case.notices:
        states, people = sum(notice.people.values()) + notice.not_told, case.audience.people + case.audience.gone
        if (
            notice.people
            and ledger.notices.latest_draft(case.incident.id, notice.id).audience == EVERYONE
            and states != people
        ):
            yield f"{notice.id}: {states} states for {people} people"
        numbers = ledger.statistics.numbers(case.incident.id, notice.id)
        for kind in (kind for kind in ChannelKind if not kind.printed):
            said = sum(numbers.by_channel[kind.value][state] for state in SENT_STATES)
            post = world.posts.get((notice.id, kind))
            if said != (arrived := post.arrived if post else 0):
                yield f"{notice.id} on {kind}: the ledger says {said} sent, {arrived} arrived"
