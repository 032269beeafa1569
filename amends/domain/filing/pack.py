"""The filing pack: what a person needs to file one duty with an authority, as a page to read and as a form's fields."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from amends.domain.base.text import in_time, length
from amends.domain.base.value import Value
from amends.domain.case.case import Case
from amends.domain.case.filings import DutyStatus, status
from amends.domain.filing.answers import FilingContext
from amends.domain.filing.form import Filled, Form, Heading, ToFill, fill
from amends.domain.filing.statements import VALUES, clock_in_words, how_sure, spoken
from amends.domain.law.duty import Addressee, Duty, DutyStanding
from amends.domain.law.regime import DutyTable

UNKNOWN = "**Not known yet.**"
EMPTY_LINES = re.compile(r"\n{3,}")
PERSON = "**A person writes this:**"


class Pack(Value):
    """The pack for one filing, without personal data of the people affected."""

    markdown: str
    fields: dict[str, object]
    """The form's fields as far as known, one answer each: valid in the form's schema save for missing fields."""
    several: dict[str, object]
    """All answers to fields that have more than one."""
    beside: dict[str, str]
    """Texts that must be said beside the answers to fields."""
    to_follow: tuple[str, ...]
    """Fields whose answers are not known yet and follow in a later part."""
    to_be_filled: tuple[dict[str, object], ...]
    """Fields that only a person can fill, each with null as its value. Where the form is not this recipient's,
    `to_follow` and `to_be_filled` hold content codes of the duty instead."""
    about: dict[str, object]
    """The form, the duty and the version of the facts."""

    def document(self) -> dict[str, object]:
        """Return the pack for programs, without the page."""
        return {
            "about": self.about,
            "notification": self.fields,
            "several": self.several,
            "beside": self.beside,
            "to_follow": self.to_follow,
            "to_be_filled": self.to_be_filled,
        }


def pack(case: Case, duty: Duty, form: Form, table: DutyTable, now: datetime) -> Pack:
    """Return the pack with all that can be said to the duty's recipient now; unknown values are marked as unknown."""
    context = FilingContext(case, duty, now, frozenset(form.area), also_called=table.also_called)
    filled = _filled(context, form)
    return Pack(
        markdown=EMPTY_LINES.sub("\n\n", "\n".join(_page(context, form, table, filled))).strip() + "\n",
        fields=filled.fields,
        several=filled.several,
        beside=filled.beside,
        to_follow=filled.to_follow,
        to_be_filled=tuple(one.model_dump() for one in filled.to_be_filled),
        about=_about(context, form),
    )


def _filled(context: FilingContext, form: Form) -> Filled:
    """Return the form filled in; only what this recipient asks for is left open: fields, or else codes of the duty."""
    filled = fill(form, context)
    filled = fill(form, replace(context, complete=filled.complete))
    if _is_theirs(form, context.duty):
        return filled
    left = {"to_follow": tuple(_unanswered(context, form)), "to_be_filled": tuple(_left_to_a_person(context, form))}
    return filled.model_copy(update=left)


def _headings(context: FilingContext, form: Form) -> dict[str, Heading]:
    """Return the headings of the duty by content code."""
    known = form.contents.content
    return {
        code: known.get(code, Heading(title=spoken(code).capitalize(), ask=spoken(code)))
        for code in context.duty.content or form.contents.unsaid
    }


def _unanswered(context: FilingContext, form: Form) -> Iterator[str]:
    for code, heading in _headings(context, form).items():
        if any(VALUES[name](context) in (None, "") for name in heading.says):
            yield code


def _left_to_a_person(context: FilingContext, form: Form) -> Iterator[ToFill]:
    for code, heading in _headings(context, form).items():
        if heading.ask or not heading.says:
            yield ToFill(field=code, asks=heading.ask or heading.title, required=False)


def _about(context: FilingContext, form: Form) -> dict[str, object]:
    case, duty = context.case, context.duty
    return {
        "form": form.title,
        "source": form.source,
        "licence": form.licence,
        "is_this_authoritys_form": _is_theirs(form, duty),
        "incident": case.incident.id,
        "duty": duty.id,
        "recipient": duty.recipient_name,
        "due_at": duty.due_at.isoformat() if duty.due_at else None,
        "prepared_at": context.now.isoformat(),
        "facts_version": case.version,
        "assessment": case.assessment.version if case.assessment else None,
    }


def _is_theirs(form: Form, duty: Duty) -> bool:
    return duty.regime in form.regimes and duty.addressee is Addressee.AUTHORITY


def _page(context: FilingContext, form: Form, table: DutyTable, filled: Filled) -> Iterator[str]:
    yield from _head(context, table)
    found = status(context.case, context.duty, context.now)
    yield from _section("By when", _by_when(context, table, found))
    yield from _section("Filed so far", _filed(context, found))
    yield from _section("Who files, and who can be asked", _contacts(context))
    for heading in _headings(context, form).values():
        yield from _section(heading.title, _answers(context, heading))
    yield from _section("What must follow later", _to_follow(context, form, filled))
    yield from _section("What to heed", _to_heed(context.duty))
    yield from _section("What a person must still fill in", _to_be_filled(context.duty, form, filled))
    yield from _section("The assessment behind it", _assessment(context))


def _head(context: FilingContext, table: DutyTable) -> Iterator[str]:
    case, duty = context.case, context.duty
    recipient = table.recipients.get(duty.recipient)
    contact = duty.contact or (recipient.contact if recipient else "")
    yield f"# {duty.recipient_name}\n\n{duty.law}, {duty.citation}\n"
    if contact:
        yield f"How to reach it: {contact}.\n"
    yield f"Incident {case.incident.id}: {case.incident.title}."
    yield f"Prepared {context.local(context.now)} from version {case.version} of the facts."
    yield "Nothing was filed by this page: a person files, and then records the receipt:"
    yield f"`amends duty filed {case.incident.id} {duty.id} --at TIME --receipt REF --as NAME`\n"


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    """Yield the section with its title, or nothing when there are no lines."""
    if said := list(lines):
        yield f"## {title}\n"
        yield from said
        yield ""


def _by_when(context: FilingContext, table: DutyTable, found: DutyStatus) -> Iterator[str]:
    duty = context.duty
    yield f"- {due_in_words(context, duty)}"
    yield f"- The law says: {duty.standard or 'no time is given'}"
    started = f": {context.local(duty.starts_at)}" if duty.starts_at else ""
    yield f"- The clock starts with “{clock_in_words(duty, table)}”{started}"
    if duty.assumed:
        yield f"- **Assumed:** {duty.assumed}"
    if duty.standing is not DutyStanding.APPLIES:
        yield f"- **{spoken(duty.standing).capitalize()}:** {duty.why}"
    if duty.before:
        yield f"- It must come before {', '.join(duty.before)}"
    yield from (f"- **Out of order:** {line}" for line in found.out_of_order)


def due_in_words(context: FilingContext, duty: Duty) -> str:
    """Return when the duty is due, and how far that is from now."""
    if duty.due_at is None:
        return "No date: at once" if not duty.waits else "No date yet: its clock has not started"
    left = duty.due_at - context.now
    away = f"{length(left)} from now" if left.total_seconds() >= 0 else f"{length(-left)} ago"
    return f"Due {context.local(duty.due_at)}, {away}"


def _filed(context: FilingContext, found: DutyStatus) -> Iterator[str]:
    for filing in found.filings:
        early = f", {in_time(found.duty.due_at - filing.filed_at)}" if found.duty.due_at else ""
        yield f"- {filing.part}, {context.local(filing.filed_at)}{early}, reference {filing.receipt}"
    if not found.filings:
        yield "Nothing is recorded."


def _contacts(context: FilingContext) -> Iterator[str]:
    yield f"- Organisation: {VALUES['organisation_name'](context) or UNKNOWN}; {VALUES['contacts'](context) or UNKNOWN}"
    yield f"- Responsible for personal data: {VALUES['officer'](context) or UNKNOWN}"
    yield f"- Our reference: {context.case.incident.id}"
    yield f"- {PERSON} who reports, in which function, and who answers questions"


def _answers(context: FilingContext, heading: Heading) -> Iterator[str]:
    for name in heading.says:
        said = VALUES[name](context)
        shown = context.local(said) if isinstance(said, datetime) else said
        yield f"{UNKNOWN} ({spoken(name)})\n" if shown in (None, "") else f"{_with_list_gaps(str(shown))}\n"
    if heading.ask or not heading.says:
        yield f"{PERSON} {heading.ask or heading.title}"


def _with_list_gaps(text: str) -> str:
    """Return the text with the empty line that Markdown wants before a list."""
    lines = text.split("\n")
    begins = (
        line.startswith("- ") and place and not lines[place - 1].startswith("- ") for place, line in enumerate(lines)
    )
    return "\n".join(f"\n{line}" if first else line for line, first in zip(lines, begins, strict=True))


def _to_follow(context: FilingContext, form: Form, filled: Filled) -> Iterator[str]:
    titles = {code: heading.title for code, heading in _headings(context, form).items()}
    asks = {name: field.asks for name, field in form.fields.items()}
    yield from (f"- {(asks | titles)[name]}" for name in filled.to_follow)
    questions = context.case.assessment.open_questions if context.case.assessment else ()
    yield from (f"- {question}" for question in questions)


def _to_heed(duty: Duty) -> Iterator[str]:
    named = {
        "Not to be said or done": duty.must_not,
        "Form": duty.format_rules,
        "A delay is allowed": duty.delay_allowed,
        "To be given": (duty.remedy,),
        "To be kept": (duty.records,),
        "Note": (duty.note,),
        "A lawyer must check": duty.lawyer_needed,
    }
    yield from (f"- {name}: {line}" for name, lines in named.items() for line in lines if line)
    for exemption in duty.exemptions:
        shown = (
            f"claimed, shown by {', '.join(map(spoken, exemption.evidence))}" if exemption.claimed else "not claimed"
        )
        yield f"- Exemption ({shown}): {exemption.text}"
    yield f"- How sure this rule is: {how_sure(duty)}"


def _to_be_filled(duty: Duty, form: Form, filled: Filled) -> Iterator[str]:
    if not _is_theirs(form, duty):
        yield "This recipient has its own form, or none; its law asks for what is written here."
        yield f"The file beside this page has the facts as fields of {form.title}, to copy from.\n"
    else:
        answered = {name: said for name, said in filled.beside.items() if name in filled.fields}
        yield from (f"- Say beside “{form.fields[name].asks}”: {said}" for name, said in answered.items())
    for one in sorted(filled.to_be_filled, key=lambda one: not one.required):
        note = f" ({one.note})" if one.note else ""
        yield f"- **{one.asks}**: {one.field}{note}" if one.required else f"- {one.asks}: {one.field}{note}"


def _assessment(context: FilingContext) -> Iterator[str]:
    assessment = context.case.assessment
    if assessment is None:
        return
    yield f"Assessment {assessment.version} of {context.local(assessment.at)}.\n"
    yield from (f"- Changed since the one before: {line}" for line in assessment.changes)
    yield from (f"- Would change it: {line}" for line in assessment.severity.would_change_it)
