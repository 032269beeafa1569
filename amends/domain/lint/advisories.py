"""Rules of the lint that never block a notice: facts about the laws that approvers must know before they approve."""

from collections.abc import Iterator

from amends.domain.base.errors import Finding
from amends.domain.case.filings import begun_at
from amends.domain.case.views.draft import DraftView
from amends.domain.feedback.queue.gaps import gaps
from amends.domain.incident.commitment import CommitmentKind
from amends.domain.law.addendum import Addenda
from amends.domain.law.duty import Addressee, Duty
from amends.domain.lint.codes import LintContext, Proof
from amends.domain.lint.consistency import binding, forbidden_items
from amends.domain.notice.notice import Draft
from amends.domain.playbook.playbook import Phase


def told_first(case: DraftView, draft: Draft, addenda: Addenda) -> Iterator[Finding]:
    """Yield L150 for each recipient whom a law wants told before the people of this notice, without a filing yet."""
    duties = case.assessment.duties if case.assessment else ()
    undone = [duty for duty in duties if duty.standing.owed and begun_at(case, duty) is None]
    met_by_notice = {duty.id for duty in undone if _meets(draft, addenda, duty)}
    for duty in undone:
        if met_by_notice & set(duty.before):
            yield _first(draft, duty)


def _meets(draft: Draft, addenda: Addenda, duty: Duty) -> bool:
    """Return True when sending the notice meets the duty; a public variant tells people everywhere."""
    return duty.addressee is Addressee.PEOPLE and any(
        not variant.channel.personal or addenda.reaches(duty.places, variant.addendum) for variant in draft.variants
    )


def _first(draft: Draft, duty: Duty) -> Finding:
    must, wants = ("must", "wants") if binding(duty) else ("may have to", "may want")
    what = (
        f"{duty.recipient_name} {must} be told first: {duty.law} {wants} that before people are told "
        f"({duty.citation}, {duty.id}), and nothing is filed for it"
    )
    command = f"amends duty filed {draft.incident} {duty.id} --at TIME --receipt REF --as NAME"
    return Finding(draft.notice, "L150", what, f"once it is done, `{command}` records it", blocks=False)


def remedies(proof: Proof) -> Iterator[Finding]:
    """Yield L151 for each remedy, such as credit monitoring, that a law of the readers' homes asks for."""
    known, variant = proof.known, proof.variant
    if proof.draft.template not in known.addenda.whole or not (proof.detailed and variant.channel.personal):
        return
    promised = [
        commitment.id for commitment in known.commitments if commitment.kind is CommitmentKind.CREDIT_MONITORING
    ]
    advice = f"check the promise {' and '.join(promised)}" if promised else "check it: no credit monitoring is promised"
    for duty in known.duties:
        owed = duty.remedy and duty.addressee is Addressee.PEOPLE and duty.standing.owed
        if owed and known.addenda.reaches(duty.places, variant.addendum):
            what = f"goes where the law wants: {duty.remedy} ({duty.law}, {duty.citation}, {duty.id})"
            yield proof.finding("L151", what, advice)


def page_that_tells(proof: Proof) -> Iterator[Finding]:
    """Yield L152 when a message with an addendum leads to the public page, which says what the addendum leaves out."""
    if not proof.variant.channel.personal or proof.known.page not in proof.variant.text:
        return
    forbidden = forbidden_items(proof.known, proof.variant)
    pages = [variant for variant in proof.draft.variants if variant.channel.page]
    # A notice without a page of its own leads to the page of an earlier notice, whose items are not known here.
    shown = forbidden.keys() & {item for page in pages for item in page.items} if pages else forbidden.keys()
    if shown:
        items = " and ".join(item.replace("_", " ") for item in sorted(shown))
        laws = " and ".join(sorted({forbidden[item] for item in shown}))
        what = f"leads to the public page, which says what this message leaves out: {items} ({laws})"
        yield proof.finding("L152", what, "lead to {{ person.link }}, or leave it out of the page too")


def homes_unknown(known: LintContext) -> Iterator[Finding]:
    """Yield L153 for each country whose states have addenda, when of some people only the country is known."""
    homes = known.audience.by_place or known.incident.residences
    with_states = {place.split("-")[0] for one in known.addenda.addenda for place in one.places if "-" in place}
    for country in sorted(with_states & {place for place, people in homes.items() if people}):
        addendum = known.addenda.in_notice(known.draft.template, known.addenda.addendum_for(country))
        if any(variant.channel.personal and variant.addendum == addendum for variant in known.draft.variants):
            what = f"goes to people in {country} whose state nobody knows ({homes[country]:,} of the incident)"
            advice = "their addendum may be the wrong one: fill `region` in the audience file"
            yield Finding(known.draft.notice, "L153", what, advice, blocks=False)


def many_asked(case: DraftView, draft: Draft) -> Iterator[Finding]:
    """Yield L177 for each detailed text of an update that leaves out what many ask and nobody was answered."""
    steps = case.playbook.steps if case.playbook else ()
    if not gaps(case.many_asked) or not any(step.id == draft.step and step.phase is Phase.UPDATE for step in steps):
        return
    groups = ", ".join(str(gap.group) for gap in gaps(case.many_asked))
    for variant in draft.variants:
        if variant.channel.detailed and not variant.parts.get("many_asked", "").strip():
            what = f"{variant.name} does not speak of what many people ask and have no answer to: group {groups}"
            advice = f"answer them (`amends questions groups {draft.incident}`), or print `asked_by_many` of `_base`"
            yield Finding(draft.notice, "L177", what, advice, blocks=False)
