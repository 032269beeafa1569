"""The people whom the first notices have not reached, and what stands for telling them before a case closes."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from amends.domain.base.text import counted, minute
from amends.domain.case.reach import SUBSTITUTE_DEMANDED, given_for, substitutes_demanded, why_not_done
from amends.domain.case.views.closing import ClosingView
from amends.domain.closing.missing import Missing, closing_rules
from amends.domain.law.duty import Addressee, Duty, DutyStanding
from amends.domain.notice.notice import NoticeStatus, PersonState, digest
from amends.domain.playbook.closing import Criterion
from amends.domain.team.member import TeamRole

UNREACHED = (PersonState.BOUNCED, PersonState.UNREACHABLE)


def everyone_reached(case: ClosingView, now: datetime) -> Iterator[Missing]:
    """Yield the people whom no first notice has reached, as long as nothing stands for telling them."""
    yield from _not_listed(case)
    first = [notice for notice in case.notices if case.tells_first(notice) and notice.begun_at]
    waits = [one for notice in first if (one := _waits(case, notice))]
    yield from waits
    demanded = [one.duty for one in substitutes_demanded(case) if one.certain]
    for duty in _surely_to_people(case):
        if duty.id in demanded or (not waits and _owed_to_some(case, duty)):
            yield _to_some(case, duty, demanded=duty.id in demanded)
    ends = dict(_substitutes_end(case))
    for duty_id, until in ends.items():
        if until > now:
            yield _reached_when(duty_id, f"the substitute notice for {duty_id} must stay up", until)
    unreached = {notice.id: count for notice in first if (count := _count(notice, UNREACHED))}
    if unreached and not demanded and not ends:
        yield from _by_our_page(case, first, unreached, now)


def _not_listed(case: ClosingView) -> Iterator[Missing]:
    """Yield that people are missing from the list, as the lead ruled or the facts say."""
    incident, listed = case.incident, case.audience.people
    if incident.lacks_people(listed):
        yield Missing(
            criterion=Criterion.EVERYONE_REACHED,
            about="list",
            state=f"{listed}",
            what=f"the list does not have everybody yet ({counted(listed, 'person', 'people')})",
            owner=TeamRole.LEAD,
            ends=f"`amends audience correct {incident.id} FILE` with all, then `amends incident amend FILE` with "
            "`list_is: whole`",
        )


def _waits(case: ClosingView, notice: NoticeStatus) -> Missing | None:
    """Return the people who still wait for a first notice; letters to hand over are another criterion."""
    held, waiting = _count(notice, (PersonState.HELD,)), _count(notice, (PersonState.WAITING,)) + notice.not_told
    waiting = max(waiting - notice.letters, 0)
    if not held and not waiting:
        return None
    said = (
        f"{counted(waiting, 'person waits', 'people wait')} for {notice.id}" if waiting else "",
        f"{counted(held, 'person is', 'people are')} held back from {notice.id}" if held else "",
    )
    return Missing(
        criterion=Criterion.EVERYONE_REACHED,
        about=notice.id,
        state=_people(case, notice),
        what=", ".join(filter(None, said)),
        owner=TeamRole.COMMUNICATIONS,
        ends=f"`amends deliveries {case.incident.id} {notice.id}` shows why",
    )


def _surely_to_people(case: ClosingView) -> list[Duty]:
    applies = (duty for duty in case.duties if duty.standing is DutyStanding.APPLIES)
    return [duty for duty in applies if duty.addressee is Addressee.PEOPLE]


def _owed_to_some(case: ClosingView, duty: Duty) -> bool:
    filed = any(filing.duty == duty.id for filing in case.filings)
    return not filed and bool(why_not_done(case, duty))


def _to_some(case: ClosingView, duty: Duty, *, demanded: bool) -> Missing:
    why = why_not_done(case, duty)
    substitute = demanded or SUBSTITUTE_DEMANDED in why
    asked = f"no substitute notice is recorded for {duty.id}" if substitute else f"{duty.id}: {why}"
    return Missing(
        criterion=Criterion.EVERYONE_REACHED,
        about=duty.id,
        state=why,
        what=asked,
        owner=TeamRole.LEGAL,
        ends=f"`amends duty show {case.incident.id} {duty.id}` says how the others are told",
    )


def _substitutes_end(case: ClosingView) -> Iterator[tuple[str, datetime]]:
    """Yield the duties with a substitute notice, and the time until which the law wants that to stay up."""
    for duty in case.duties:
        given = given_for(case, duty.id)
        if given:
            days = (duty.substitute.for_days if duty.substitute else None) or 0
            yield duty.id, given.at + timedelta(days=days)


def _by_our_page(
    case: ClosingView, first: Iterable[NoticeStatus], unreached: Mapping[str, int], now: datetime
) -> Iterator[Missing]:
    """Yield the people whom nothing reached, as long as the page on the website has not been up for long enough."""
    steps = case.playbook.steps if case.playbook else ()
    public = {step.id for step in steps if any(kind.page for kind in step.channels)}
    since = min((notice.begun_at for notice in first if notice.step in public and notice.begun_at), default=None)
    until = since + closing_rules(case).page_for if since else None
    if until and until <= now:
        return
    stays = f"our page stands for telling them on {minute(until)}" if until else "no page of ours tells them"
    for notice in first:
        if notice.id in unreached:
            people = counted(unreached[notice.id], "person was", "people were")
            yield Missing(
                criterion=Criterion.EVERYONE_REACHED,
                about=notice.id,
                state=_people(case, notice),
                what=f"{people} not reached by {notice.id}, and {stays}",
                owner=TeamRole.COMMUNICATIONS,
                ends=f"`amends deliveries {case.incident.id} {notice.id}` says why; `amends audience correct` mends it",
            )


def _reached_when(about: str, what: str, until: datetime) -> Missing:
    return Missing(
        criterion=Criterion.EVERYONE_REACHED,
        about=about,
        state=until.isoformat(),
        what=f"{what} until {minute(until)}",
        owner=TeamRole.LEGAL,
    )


def _count(notice: NoticeStatus, states: Iterable[PersonState]) -> int:
    return sum(notice.people.get(state, 0) for state in states)


def _people(case: ClosingView, notice: NoticeStatus) -> str:
    """Return the state of the people of a notice: another list or another number of people is another state."""
    numbers = sorted((state.value, count) for state, count in notice.people.items() if count)
    return digest([case.audience.digest, notice.not_told, *numbers])[:16]
