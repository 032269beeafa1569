"""The command `amends preview`: a notice exactly as people will get it, before anybody approves the notice."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amends.cli.notice.approval_text import approval_lines
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk, save
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.options import AsLooker, IncidentId, NoticeId
from amends.domain.base.errors import ChannelMisconfigured, Finding, Refusal
from amends.domain.base.text import counted, counts
from amends.domain.channel.channel import kept_here
from amends.domain.channel.message import Message
from amends.domain.notice.notice import Draft, NoticeStage, NoticeStatus, PersonState, Variant

if TYPE_CHECKING:
    from amends.delivery.compose import Composer
    from amends.domain.deliver.preflight import Preflight
    from amends.domain.incident.facts import DataCategory
    from amends.domain.notice.wording import Wording
    from amends.ledger import Claim
    from amends.ledger.deliver.previews import Expected


OF_PEOPLE = "preview --people"
WITHOUT_MESSAGE = (PersonState.HELD, PersonState.UNREACHABLE)


@dataclass(frozen=True)
class Preview:
    """A draft with everything that a person should know before approving the draft."""

    draft: Draft
    status: NoticeStatus
    expected: "Expected"
    findings: tuple[Finding, ...]
    preflight: "Preflight | None"
    files_only: str
    """The channels of the notice that only write files on this machine, in words; else empty."""
    unchecked_because: str
    """The reason why it could not be checked that everybody's message can be put together; else empty."""
    variants: tuple[Variant, ...]
    samples: tuple[tuple["Claim", Message], ...] = field(repr=False)
    wording: "Wording"
    kinds: "tuple[DataCategory, ...]"
    """The data that the facts name."""

    def shown(self, text: str, variant: Variant) -> str:
        """Return a text of the variant with the names of its slots, and an example of the reader's own words."""
        from amends.domain.notice.wording import with_example

        return with_example(text, variant, self.wording, self.kinds)


def preview(
    ctx: typer.Context,
    incident: IncidentId,
    notice: NoticeId,
    people: Annotated[
        int, typer.Option(min=0, max=50, metavar="N", help="Also the messages of N people chosen at random.")
    ] = 0,
    name: AsLooker = "",
    variant: Annotated[str, typer.Option(metavar="ID", help="Only this variant, such as en/self/email.")] = "",
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it to this file, to look at in a browser.")
    ] = None,
) -> None:
    """Look at a notice exactly as people will get it."""
    desk: Desk = ctx.obj
    by = desk.looker(name, OF_PEOPLE) if people else ""
    seen = _preview(desk, incident, notice, people, variant)
    if people:
        desk.looked(incident, by, "messages", count=len(seen.samples))
    if html:
        save(html, _page(seen))
    desk.show(_values(seen), _heading(seen) if html else "\n\n".join(_pieces(seen)))
    _hint_at_next(desk, seen)
    if any(finding.blocks for finding in seen.findings) or (seen.preflight and seen.preflight.wrong):
        raise typer.Exit(Exit.FINDINGS)


def _preview(desk: Desk, incident: str, notice: str, people: int, variant: str) -> Preview:
    from amends.delivery.compose import Composer
    from amends.domain.draft.writer import Links
    from amends.domain.lint.lint import lint_in

    draft, case = desk.ledger.notices.latest_draft(incident, notice), desk.ledger.views.drafting(incident, now())
    wording, links = desk.ledger.playbooks.wording(incident), Links(desk.settings.public_url)
    status = case.notice(notice)
    if status is None:
        raise LookupError(notice)
    composer = Composer(case.incident, draft, wording, links)
    preflight, unchecked_because = _looked_over(desk, draft, status)
    return Preview(
        draft=draft,
        status=status,
        expected=desk.ledger.previews.expected(draft),
        findings=lint_in(case, draft, wording, links.pages(incident)),
        preflight=preflight,
        files_only=kept_here(desk.settings.channels, draft.channels),
        unchecked_because=unchecked_because,
        variants=_chosen(draft, variant),
        samples=tuple(_samples(composer, desk.ledger.previews.samples(draft, people))),
        wording=wording,
        kinds=case.incident.facts.categories(),
    )


def look_over(desk: Desk, draft: Draft, status: NoticeStatus) -> "Preflight | None":
    """Return what is known of everybody's message, after putting the messages together where that was not done yet.

    For a draft that nobody can approve any more, return what was stored, or None. Raises ChannelMisconfigured.
    """
    from amends.delivery import preflight
    from amends.domain.draft.writer import Links

    if not status.is_open:
        return desk.ledger.notices.preflight(draft)
    settings = desk.settings
    return asyncio.run(preflight.look_over(desk.ledger, draft, settings.channels, Links(settings.public_url), now()))


def _looked_over(desk: Desk, draft: Draft, status: NoticeStatus) -> tuple["Preflight | None", str]:
    try:
        return look_over(desk, draft, status), ""
    except ChannelMisconfigured as error:
        return None, str(error)


def _samples(composer: "Composer", claims: Iterable["Claim"]) -> Iterator[tuple["Claim", Message]]:
    """Yield the claims with their messages, except claims without a text, which the check of all messages counts."""
    for claim in claims:
        with suppress(KeyError):
            yield claim, composer.message(claim)


def _chosen(draft: Draft, wanted: str) -> tuple[Variant, ...]:
    """Return the variants to show. Raises BadParameter for an unknown variant."""
    chosen = tuple(variant for variant in draft.variants if wanted in ("", variant.id))
    if not chosen:
        raise typer.BadParameter(
            f"no variant {wanted}; there are {', '.join(variant.id for variant in draft.variants)}"
        )
    return chosen


def _values(seen: Preview) -> dict[str, Any]:
    draft = seen.draft
    return {
        "notice": draft.notice,
        "version": seen.status.version,
        "binding": draft.binding,
        "stage": seen.status.stage,
        "optional": draft.optional,
        "people": draft.people,
        "corrects": [page.notice for page in draft.corrects],
        "expected": seen.expected.people,
        "printed_too": any(kind.printed for kind in draft.cascade),
        "letters": seen.expected.letters,
        "preflight": seen.preflight,
        "findings": seen.findings,
        "variants": [{"id": v.id, "subject": v.subject, "text": seen.shown(v.text, v)} for v in seen.variants],
        "messages": [
            {"person": claim.about.number if claim.about else None, "channel": message.kind, "to": message.to}
            | {"subject": message.subject, "text": message.text}
            for claim, message in seen.samples
        ],
    }


def _pieces(seen: Preview) -> Iterator[str]:
    """Yield the whole preview as text, piece by piece."""
    for variant in seen.variants:
        yield _titled(_name(seen.draft, variant), variant.subject, seen.shown(variant.text, variant))
    for claim, message in seen.samples:
        who = f"person {claim.about.number} by {message.kind} to {message.to}" if claim.about else message.kind
        yield _titled(who, message.subject, message.text)
    if seen.findings:
        yield "\n".join(map(str, seen.findings))
    yield _heading(seen)


def _name(draft: Draft, variant: Variant) -> str:
    """Return the variant's id, and whether the same text is printed too."""
    printed = any(kind.printed and kind.reads is variant.channel for kind in draft.cascade)
    return f"{variant.id}, also printed as a letter" if printed else variant.id


def _titled(title: str, subject: str, text: str) -> str:
    return f"── {title} ──\n" + (f"{subject}\n\n{text}" if subject else text)


def _heading(seen: Preview) -> str:
    draft = seen.draft
    kind = "optional" if draft.optional else "mandatory"
    already, people = _told_already(seen), seen.expected.people
    to_write = {"to be reached in all" if already else "will be written to": people.get(PersonState.WAITING, 0)}
    others = {state.value: count for state, count in people.items() if state is not PersonState.WAITING}
    noted = "".join(
        f"\n{line}" for line in (draft.notes_in_words, draft.instead_in_words, draft.results_in_words) if line
    )
    return (
        f"{draft.notice} version {seen.status.version}, {kind}, hash {draft.binding[:12]}, {seen.status.stage}\n"
        f"{draft.people} people: {counts(to_write | others)}; channels {', '.join(draft.channels)}{_on_paper(seen)}"
        f"{already}{noted}{_files_only(seen)}\n{seen.preflight or _unchecked(seen)}{_approvals(seen)}"
    )


def _approvals(seen: Preview) -> str:
    """Return the state of the approvals, on a line for each thing to know."""
    return "".join(f"\n{line}" for line in approval_lines(seen.status))


def _told_already(seen: Preview) -> str:
    """Return how many people have a message of an earlier version, and so get none of this one; else empty."""
    told = sum(count for state, count in seen.status.people.items() if state not in WITHOUT_MESSAGE)
    if not told or seen.status.stage in (NoticeStage.SENDING, NoticeStage.SENT):
        return ""
    return f"\n{told} of them have a message of an earlier version already, and get no second one"


def _files_only(seen: Preview) -> str:
    return f"\n{seen.files_only}" if seen.files_only else ""


def _unchecked(seen: Preview) -> Refusal:
    why = f": {seen.unchecked_because}" if seen.unchecked_because else ""
    return Refusal(f"nobody has looked yet whether everybody's message can be put together{why}")


def _on_paper(seen: Preview) -> str:
    if not any(kind.printed for kind in seen.draft.cascade):
        return ""
    return (
        "\nthe text of its email is also printed as a letter, for those whom nothing else reaches or lawfully tells; "
        f"{counted(seen.expected.letters, 'person gets', 'people get')} one"
    )


def _hint_at_next(desk: Desk, seen: Preview) -> None:
    draft, status = seen.draft, seen.status
    if status.stage is NoticeStage.DROPPED:
        desk.hint("it is dropped: nobody is left to tell; a list that brings somebody has it drafted afresh")
    elif not status.current:
        desk.hint("facts, audience or words changed since; it is drafted afresh before anybody can approve it")
    elif status.stage is NoticeStage.DRAFTED and (why := _why_not_approve(desk, seen)):
        desk.hint(f"nobody can approve it: {why}")
    elif status.stage is NoticeStage.DRAFTED:
        desk.hint(
            f"it waits for {status.standing.waits_for}; if this is right, with your token in "
            f"AMENDS_TOKEN: `amends approve {draft.incident} {draft.notice} --as NAME --people {draft.people} "
            f"--binding {draft.binding[:12]}`"
        )
    elif status.stage is NoticeStage.APPROVED:
        desk.hint(f"it is approved; `amends deliver {draft.incident} {draft.notice}` sends it")


def _why_not_approve(desk: Desk, seen: Preview) -> Refusal | None:
    if seen.preflight is None:
        return _unchecked(seen)
    draft, needed = seen.draft, seen.preflight.codes
    short = desk.ledger.codes.why_short(draft.incident, draft.notice, needed, now())
    return seen.preflight.why_not_approve(draft.notice) or short


def _page(seen: Preview) -> str:
    """Return the preview as one page; what the page shows in frames can run nothing and load nothing."""
    from amends.cli.terminal.html import render
    from amends.delivery.markdown import to_html

    shown: list[dict[str, str]] = [
        {
            "title": _name(seen.draft, variant),
            "subject": seen.shown(variant.subject, variant),
            "text": seen.shown(variant.text, variant),
            "html": to_html(seen.shown(variant.text, variant)) if variant.channel.detailed else "",
        }
        for variant in seen.variants
    ]
    shown += [
        {
            "title": f"person {claim.about.number} by {message.kind}" if claim.about else message.kind.value,
            "subject": message.subject,
            "text": message.text,
            "html": message.html,
        }
        for claim, message in seen.samples
    ]
    return render("preview.html", draft=seen.draft, heading=_heading(seen), shown=shown, findings=seen.findings)
