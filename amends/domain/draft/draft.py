"""The drafting of a notice: every variant that the audience needs, made from the case and the words."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from amends.domain.base.audience import Audience, NoLonger, Promised, Sampled
from amends.domain.base.errors import ContentError, Finding
from amends.domain.case.case import Case
from amends.domain.case.next_update import NextUpdate, is_needless, to_be_sorry_for
from amends.domain.case.outline import Outline
from amends.domain.case.views.draft import DraftView
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import PageVersion
from amends.domain.deliver.lawful import cascade_with_letter, channel_rules
from amends.domain.draft.writer import Links, Readers, Wanted, Writer
from amends.domain.entitlement.code import reminded_of
from amends.domain.entitlement.remedy import CORRECTED
from amends.domain.incident.commitment import Commitment, CommitmentState, commit, planned_commitments
from amends.domain.incident.gaps import gap_findings
from amends.domain.notice.notice import Draft, Variant
from amends.domain.notice.statement import about
from amends.domain.notice.told import Pages
from amends.domain.notice.wording import Wording
from amends.domain.plan.plan import next_news_at, to_be_made
from amends.domain.playbook.playbook import HOLDING, Phase, QuietHours, Step

MADE, KEPT, LATE = "promise-made", "promise-kept", "promise-late"
"""The templates about one commitment. A notice made from LATE, used for a dropped commitment too, corrects what people
were told, as one made from CORRECTED does, and one made from MADE is a promise to them, so none is ever optional."""
UPDATE = "update"
REMINDER = "code-reminder"
"""The beginning of the names of templates that remind people of a code that they have not redeemed."""


def notices_wanted(case: Case, step: Step, number: int) -> tuple[Wanted, ...]:
    """Return the notices that this occurrence has to send.

    A follow-up has one notice for each commitment that no other notice will make, and for each change of a commitment
    that people have not been told of, and one for each correction of results. Any other step has one notice or none; a
    holding statement for which nobody waits any more is left out. A step that begins when the facts have changed writes
    to those who were told otherwise, and to nobody else.
    """
    if step.phase is Phase.FOLLOW_UP:
        return _commitment_notices(case, step, number)
    if step.notice is None:
        return ()
    if step.session and case.playbook:
        session = case.playbook.session(step.session)
        return (Wanted(f"{step.notice}-{step.session}", step.notice, step.audience, session=session),)
    if (commitment := reminded_of(step.audience)) and not _has_codes(case, commitment):
        return ()
    name = f"{_first_name(case, step)}-{number}" if step.repeats else _first_name(case, step)
    needless = step.id == HOLDING and is_needless(case, number) and case.notice(name) is None
    audience = step.found_for(name) if step.found_for else _asked(case, step, name)
    return () if needless else (Wanted(name, step.notice, audience),)


def _has_codes(case: Case, commitment: str) -> bool:
    """Return True when people were told of this commitment, it still stands, and each has a code of their own."""
    return any(
        one.id == commitment and one.made_in and one.take_up.codes and one.state is not CommitmentState.DROPPED
        for one in case.commitments
    )


def _first_name(case: Case, step: Step) -> str:
    """Return the name of the step's notice; a second invitation from the same templates has a name of its own."""
    steps = case.playbook.steps if case.playbook else ()
    first = next((one.id for one in steps if one.survey and one.notice == step.notice), step.id)
    return f"{step.notice}-{step.id}" if step.survey and first != step.id else step.notice or ""


def _asked(case: Case, step: Step, notice: str) -> Audience:
    """Return the audience of the step, or the random sample of it that a survey asks."""
    survey = case.playbook.survey(step.survey) if case.playbook and step.survey else None
    return Sampled(notice) if survey and survey.sample else step.audience


def _commitment_notices(case: Case, step: Step, number: int) -> tuple[Wanted, ...]:
    commitments = {commitment.id: commitment for commitment in case.commitments}
    made = [notice_about(one, case.changes[one.id]) for one in to_be_made(case)]
    changed = [notice_about(commitments[commitment_id], change) for commitment_id, change in case.untold.items()]
    corrected = [
        Wanted(result_correction.notice, CORRECTED, result_correction.audience)
        for result_correction in case.result_corrections
    ]
    wanted = []
    for notice in (*made, *_unfinished(case), *changed, *corrected):
        drafted = case.notice(notice.id)
        if drafted is None or (drafted.step, drafted.occurrence) == (step.id, number):
            wanted.append(notice)
    return tuple(wanted)


def _unfinished(case: Case) -> Iterator[Wanted]:
    """Yield the notices about commitments that some people have and that are not over: letters of theirs wait.

    One that makes a commitment is told to the end, and of the others the one about the latest change.
    """
    commitments = {commitment.id: commitment for commitment in case.commitments}
    for notice in case.notices:
        commitment = commitments.get(notice.about)
        if commitment is None or notice.is_over or not notice.releases:
            continue
        if notice.id == commitment.made_in:
            yield Wanted(notice.id, MADE, commitment.audience, commitment.id, int(notice.id.rpartition("-")[2]))
        elif commitment.id not in case.untold:
            latest = notice_about(commitment, case.changes[commitment.id])
            yield from (latest,) if latest.id == notice.id else ()


def notice_about(commitment: Commitment, change: int) -> Wanted:
    """Return the notice that makes the commitment, or that tells people who were told of it how it stands now."""
    if commitment.waits_to_be_made:
        template, audience = MADE, commitment.audience
    else:
        template = KEPT if commitment.state is CommitmentState.KEPT else LATE
        audience = Promised(commitment.id)
    return Wanted(f"{template}-{commitment.id}-{change}", template, audience, commitment.id, change)


def draft(
    case: DraftView,
    wording: Wording,
    step: Step,
    number: int,
    wanted: Wanted,
    readers: Readers,
    links: Links,
    facts_digest: str,
    now: datetime,
) -> Draft:
    """Return the notice, written in every variant that its audience needs.

    Raises ContentError when the incident file has a gap, a template or a language is missing, or a template asks for a
    value that does not exist.
    """
    if missing := gap_findings(case.incident):
        raise ContentError(*missing)
    planned = _new_commitments(case, step, wanted, now)
    news_at, missed = _next_news(case, step, number, now), _missed(case, step, now)
    writer = Writer(case, wording, wanted, links, readers, planned, news_at, missed, now, step.written_for)
    variants = writer.variants()
    rules = channel_rules(case.duties, step)
    stated = {key for variant in variants for key in variant.states}
    return Draft(
        incident=case.incident.id,
        notice=wanted.id,
        template=wanted.template,
        step=step.id,
        occurrence=number,
        about=wanted.about,
        change=wanted.change,
        survey=step.survey or "",
        author=case.author,
        earlier_authors=_earlier_authors(case, wanted, planned),
        audience=wanted.audience,
        audience_digest=readers.digest,
        people=readers.people,
        instead=writer.instead(),
        channels=step.channels,
        cascade=cascade_with_letter(step, rules),
        channel_rules=rules,
        approvals=step.approvals,
        optional=step.optional and wanted.template not in (MADE, LATE, CORRECTED),
        waits_for=step.waits_for,
        waves=step.waves,
        quiet_hours=quiet_hours_of(case),
        facts_digest=facts_digest,
        pinned=case.pinned,
        variants=variants,
        results=writer.results,
        commitments=tuple(one for one in planned if about(one.id) in stated),
        changes={name: change for name, change in case.changes.items() if about(name) in stated},
        statements=writer.statements(variants),
        planned_for=now,
        next_news_at=news_at,
        sorry_for=missed.until if missed else None,
        dated=now,
        first_dated=min((one.dated for one in readers.pages.earlier), default=None),
        corrects=_corrected(readers.pages, variants),
    )


def _corrected(pages: Pages, variants: Iterable[Variant]) -> tuple[PageVersion, ...]:
    """Return the wrong pages of other notices of which the page among these variants says what is right."""
    on_the_page = {key for variant in variants if variant.channel.page for key in variant.states}
    return tuple(page for page, wrong in pages.wrong.items() if wrong & on_the_page)


def in_its_words(step: Step, wanted: Wanted, wording: Wording) -> tuple[Step, Wanted]:
    """Return the step and the notice as they are; but a holding statement without templates uses those of an update.

    A company's own words may lack templates for holding statements. Channels for which the update has no template are
    left out.
    """
    if step.id != HOLDING or wording.locales(HOLDING):
        return step, wanted
    written = [kind for kind in step.channels if _is_written(wording, UPDATE, kind)]
    cascade = [kind for kind in step.cascade if kind.printed or _is_written(wording, UPDATE, kind)]
    narrowed = step.model_copy(update={"channels": tuple(written), "cascade": tuple(cascade)})
    return narrowed, Wanted(wanted.id, UPDATE, wanted.audience)


def to_people_alone(step: Step) -> Step:
    """Return the step without its pages and posts, for a correction of something that no page and no post said."""
    return step.model_copy(update={"channels": tuple(kind for kind in step.channels if kind.personal)})


def _is_written(wording: Wording, notice: str, kind: ChannelKind) -> bool:
    return all(f"{notice}/{locale}.{kind}.{kind.suffix}" in wording.templates for locale in wording.locales(notice))


def _next_news(case: Case, step: Step, number: int, now: datetime) -> datetime | None:
    """Return when the readers hear news again; None for those who are not affected after all."""
    return None if step.found_for is NoLonger else next_news_at(case, step, number, now)


def _missed(case: Case, step: Step, now: datetime) -> NextUpdate | None:
    """Return the missed next update for which this notice says sorry, or None; only a notice with news says sorry."""
    return to_be_sorry_for(case, now) if step.tells_news else None


def quiet_hours_of(case: Outline) -> QuietHours | None:
    """Return the playbook's quiet hours, or None when the case is so grave that waiting would do more harm."""
    hours = case.playbook.quiet_hours if case.playbook else None
    if hours is None or hours.unless_severity is None or case.assessment is None:
        return hours
    return None if case.assessment.band.rank >= hours.unless_severity.rank else hours


def _new_commitments(case: Case, step: Step, wanted: Wanted, now: datetime) -> tuple[Commitment, ...]:
    """Return the commitments that this notice makes if its text states them, the earliest due first.

    A commitment that comes after the first notice is made by the next notice or update to its audience, or by a notice
    of its own.
    """
    news = step.phase in (Phase.NOTIFY, Phase.UPDATE)
    waiting = (one for one in case.commitments if one.waits_to_be_made)
    added = [one for one in waiting if (news and one.audience == wanted.audience) or one.id == wanted.about]
    planned = _planned(case, wanted, now) if news else ()
    made = (*planned, *(one.model_copy(update={"made_in": wanted.id}) for one in added))
    return tuple(sorted(made, key=lambda commitment: commitment.due_at))


def _planned(case: Case, wanted: Wanted, now: datetime) -> Iterator[Commitment]:
    """Yield the commitments of the playbook and the incident file that nobody made yet and that this audience gets.

    Raises ContentError for one whose day has passed, because no notice may promise that.
    """
    known = {commitment.id for commitment in case.commitments}
    of_playbook = case.playbook.commitments if case.playbook else ()
    for planned in planned_commitments(of_playbook, case.incident.commitments):
        if planned.audience == wanted.audience and planned.id not in known:
            made = commit(planned, now, wanted.id, case.incident.organisation.timezone)
            if made.due_at <= now:
                what, advice = f"{planned.due} has passed", "promise a day that can be kept, or a span such as 30d"
                raise ContentError(Finding(f"commitments.{planned.id}.due", "E125", what, advice))
            yield made


def _earlier_authors(case: DraftView, wanted: Wanted, made: Iterable[Commitment]) -> tuple[str, ...]:
    """Return the other authors of the notice, among them those who added the commitments that the notice makes.

    Those who put a result right are authors of its correction.
    """
    added = {case.worded_by[one.id] for one in made if one.id in case.worded_by}
    corrected = {
        name
        for result_correction in case.result_corrections
        if result_correction.notice == wanted.id
        for name in result_correction.by
    }
    return tuple(sorted({*case.earlier_authors_about(wanted.about), *added, *corrected} - {case.author}))
