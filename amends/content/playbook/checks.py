"""The checks of a playbook: steps that can never be taken, missing templates, and duties that the playbook misses."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from amends.content.file.binding import did_you_mean
from amends.content.file.codes import Code
from amends.content.file.document import Document
from amends.content.file.reading import Trail
from amends.content.file.shipped import ADDENDA_FILE
from amends.content.playbook.days_off import unknown_days_off
from amends.domain.base.audience import EVERYONE
from amends.domain.base.errors import Finding
from amends.domain.base.text import minute
from amends.domain.case.case import Case
from amends.domain.channel.channel import ChannelKind
from amends.domain.entitlement.remedy import CORRECTED
from amends.domain.incident.commitment import PlannedCommitment
from amends.domain.notice.wording import SHARED, Wording
from amends.domain.plan.coverage import duties_missed
from amends.domain.playbook.checks import (
    Objection,
    circles,
    endless,
    never_calm,
    never_chosen,
    never_due,
    never_promised,
    no_choice,
    nobody_could_approve,
    perhaps_never,
)
from amends.domain.playbook.playbook import Event, Phase, Playbook, Step
from amends.domain.team.member import Member

COMMITMENT_TEMPLATES = ("promise-made", "promise-kept", "promise-late", CORRECTED)
"""The notices that a follow-up step sends to people about commitments."""


def check_playbook(
    playbook: Playbook, wording: Wording, document: Document | None = None, now: datetime | None = None
) -> tuple[Finding, ...]:
    """Return the errors that keep a step from being taken or a notice from being written, and advice.

    With the document of the playbook's file each finding names file:line:column. A pinned playbook has no document:
    findings name its steps. With a `now`, advice names the dates that have passed.
    """
    places = Places(playbook, document)
    return (
        *(finding for step in playbook.steps for finding in _missing_words(places, step, wording)),
        *_circles(places),
        *_objections(places),
        *(_past_dates(places, now) if now else ()),
        *_missing_addenda(places, wording),
        *_untranslated_surveys(places, wording),
    )


def check_for(playbook: Playbook, case: Case, document: Document | None, now: datetime) -> tuple[Finding, ...]:
    """Return, as advice, duties that the playbook would miss in this case, claims of nobody, and unknown holidays.

    The playbook of the case has the changes for its severity.
    """
    places = Places(playbook, document)
    missed = (places.finding(one, Code.DUTY_MISSED, blocks=False) for one in duties_missed(case, now))
    holidays = unknown_days_off(playbook, case.incident, places.at(()), case.opened_at)
    return (*missed, *_claims_of_nobody(places, case), *holidays)


def check_commitments(
    playbook: Playbook, incident: Document, planned: Sequence[PlannedCommitment]
) -> Iterator[Finding]:
    """Yield a finding for each commitment of an incident file that no notice of the playbook would ever make."""
    for one in never_promised(playbook, planned):
        yield never_told(one, incident.where(("commitments", planned.index(one))))


def never_told(one: PlannedCommitment, where: str) -> Finding:
    """Return the finding that nobody will ever be told of this commitment."""
    what = f"commitments.{one.id}: no notice to come goes to exactly {one.audience}, so that nobody would be told of it"
    advice = "let its audience be that of a notify or update step, or give it later with `amends commitments add`"
    return Finding(where, Code.DOES_NOT_FIT, what, advice)


def check_team(
    playbook: Playbook,
    members: Iterable[Member],
    authors: tuple[str, ...] = (),
    document: Document | None = None,
    *,
    blocks: bool,
) -> tuple[Finding, ...]:
    """Return a finding for each approval that nobody in the team could give."""
    places = Places(playbook, document)
    missing = nobody_could_approve(playbook, members, authors)
    return tuple(places.finding(one, Code.NO_APPROVER, blocks=blocks) for one in missing)


class Places:
    """The places of the parts of a playbook in its file."""

    def __init__(self, playbook: Playbook, document: Document | None = None) -> None:
        self.playbook, self._document = playbook, document
        self._index = {step.id: index for index, step in enumerate(playbook.steps)}

    def at(self, trail: Trail) -> str:
        """Return the place of this value, or the id of a playbook without a document."""
        return self._document.where(trail) if self._document else self.playbook.id

    def step(self, step: str, key: str = "") -> str:
        """Return the place of this key of a step, or of the step when the file does not have the key."""
        if self._document is None:
            return f"{self.playbook.id}: steps.{step}"
        return self._document.where(("steps", self._index[step], *filter(None, (key,))))

    def finding(self, one: Objection, code: Code, *, blocks: bool = True) -> Finding:
        """Return the objection as a finding with its place."""
        if not one.step:
            return Finding(self.at(()), code, one.why, one.advice, blocks)
        if one.severity:
            where = self.at(("by_severity", one.severity, one.step, one.key))
            return Finding(where, code, f"by_severity.{one.severity}.{one.step}: {one.why}", one.advice, blocks)
        key = f".{one.key}" if one.key else ""
        return Finding(self.step(one.step, one.key), code, f"{one.step}{key}: {one.why}", one.advice, blocks)


def _objections(places: Places) -> Iterator[Finding]:
    playbook = places.playbook
    yield from (places.finding(one, Code.NEVER_DUE) for one in never_due(playbook))
    yield from (places.finding(one, Code.NEVER_CHOSEN) for one in never_chosen(playbook))
    yield from (places.finding(one, Code.DOES_NOT_FIT) for one in no_choice(playbook))
    for one in never_promised(playbook, playbook.commitments):
        yield never_told(one, places.at(("commitments", playbook.commitments.index(one))))
    yield from (places.finding(one, Code.DOES_NOT_FIT, blocks=False) for one in never_calm(playbook))
    doubtful = (*endless(playbook), *perhaps_never(playbook))
    yield from (places.finding(one, Code.NEVER_DUE, blocks=False) for one in doubtful)


def _circles(places: Places) -> Iterator[Finding]:
    for step, way in circles(places.playbook).items():
        what = f"{step}.of: the step waits for itself: {' -> '.join(way)}"
        yield Finding(places.step(step, "of"), Code.CIRCLE, what, f"begin with an event: {', '.join(Event)}")


def _past_dates(places: Places, now: datetime) -> Iterator[Finding]:
    for step in places.playbook.steps:
        if step.on and step.on < now:
            what = f"{step.id}.on: {minute(step.on)} is over"
            advice = "the step would be due as soon as the playbook is started"
            yield Finding(places.step(step.id, "on"), Code.IN_THE_PAST, what, advice, blocks=False)


def _claims_of_nobody(places: Places, case: Case) -> Iterator[Finding]:
    from amends.domain.draft.recipients import why_nobody_may_claim

    claims = places.playbook.claims
    if claims and (why := why_nobody_may_claim(case)):
        known = did_you_mean(claims.audience, filter(None, (EVERYONE, *case.audience.by_segment)))
        yield Finding(places.at(("claims", "audience")), Code.UNKNOWN_WORD, why, known, blocks=False)


def _missing_addenda(places: Places, wording: Wording) -> Iterator[Finding]:
    if not wording.addenda.addenda:
        what = f"no {ADDENDA_FILE} stands beside the notices, so everybody gets the general notice"
        advice = "some places ask for more, and some forbid what others ask for; begin with the shipped one"
        yield Finding(places.at(()), Code.MISSING, what, advice, blocks=False)


def _untranslated_surveys(places: Places, wording: Wording) -> Iterator[Finding]:
    for index, survey in enumerate(places.playbook.surveys):
        for locale in sorted(wording.phrases):
            if survey.lacking(locale):
                what = f"surveys.{survey.id}: some of its words are missing in {locale}"
                advice = f"whoever reads {locale} is asked in another language"
                yield Finding(places.at(("surveys", index)), Code.NO_TRANSLATION, what, advice, blocks=False)


def _missing_words(places: Places, step: Step, wording: Wording) -> Iterator[Finding]:
    notices = [step.notice] if step.notice else []
    if step.phase is Phase.FOLLOW_UP and step.channels:
        notices += COMMITMENT_TEMPLATES
    for notice in notices:
        where = places.step(step.id, "notice" if notice == step.notice else "channels")
        yield from _missing_templates(where, notice, step.written_for, wording)


def _missing_templates(
    where: str, notice: str, channels: tuple[ChannelKind, ...], wording: Wording
) -> Iterator[Finding]:
    written = _locales_written(notice, wording)
    if not written:
        known = sorted({path.split("/")[0] for path in wording.templates} - {SHARED})
        what = f"no template is written for the notice {notice!r} in any locale"
        yield Finding(where, Code.TEMPLATE_MISSING, what, did_you_mean(notice, known))
    for locale in written:
        if locale not in wording.phrases:
            yield Finding(
                where, Code.TEMPLATE_MISSING, f"{notice} is written in {locale}, but locales/{locale}.yaml is missing"
            )
        for path in (f"{notice}/{locale}.{channel}.{channel.suffix}" for channel in channels):
            if path not in wording.templates:
                yield Finding(where, Code.TEMPLATE_MISSING, f"notices/{path} is missing")
    for locale in sorted(wording.phrases.keys() - written) if written else ():
        what = f"{notice} is not written in {locale}"
        advice = f"whoever reads {locale} gets it in another language"
        yield Finding(where, Code.NO_TRANSLATION, what, advice, blocks=False)


def _locales_written(notice: str, wording: Wording) -> list[str]:
    names = (path.split("/")[1] for path in wording.templates if path.startswith(f"{notice}/"))
    return sorted({name.split(".")[0] for name in names})
