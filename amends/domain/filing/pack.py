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
    """Everything for one filing; no personal data of those affected."""

    markdown: str
    fields: dict[str, object]
    """The form's fields as far as known, one answer each: valid in the form's schema but for what is missing."""
    several: dict[str, object]
    """All answers to fields that have more than one."""
    beside: dict[str, str]
    """What must be said beside the answer to a field."""
    to_follow: tuple[str, ...]
    """Fields that say that it is not known yet: they follow in a later part."""
    to_be_filled: tuple[dict[str, object], ...]
    """Fields that only a person can fill, each with null as its value; where the form is not this recipient's, both are
    codes of what the duty asks for instead."""
    about: dict[str, object]
    """Which form, which duty, of which facts."""

    def document(self) -> dict[str, object]:
        """The pack for programs."""
        return {
            "about": self.about,
            "notification": self.fields,
            "several": self.several,
            "beside": self.beside,
            "to_follow": self.to_follow,
            "to_be_filled": self.to_be_filled,
        }


def pack(case: Case, duty: Duty, form: Form, table: DutyTable, now: datetime) -> Pack:
    """What can be said to this duty's recipient now; what nobody knows is said to be unknown."""
    asked = FilingContext(case, duty, now, frozenset(form.area), also_called=table.also_called)
    filled = _filled(asked, form)
    return Pack(
        markdown=EMPTY_LINES.sub("\n\n", "\n".join(_page(asked, form, table, filled))).strip() + "\n",
        fields=filled.fields,
        several=filled.several,
        beside=filled.beside,
        to_follow=filled.to_follow,
        to_be_filled=tuple(one.model_dump() for one in filled.to_be_filled),
        about=_about(asked, form),
    )


def _filled(asked: FilingContext, form: Form) -> Filled:
    """What is left open is only what this recipient asks for: the form's fields, or else the codes of the duty."""
    filled = fill(form, asked)
    filled = fill(form, replace(asked, complete=filled.complete))
    if _is_theirs(form, asked.duty):
        return filled
    left = {"to_follow": tuple(_unanswered(asked, form)), "to_be_filled": tuple(_left_to_a_person(asked, form))}
    return filled.model_copy(update=left)


def _headings(asked: FilingContext, form: Form) -> dict[str, Heading]:
    """What the duty asks for, by its codes."""
    known = form.contents.content
    return {
        code: known.get(code, Heading(title=spoken(code).capitalize(), ask=spoken(code)))
        for code in asked.duty.content or form.contents.unsaid
    }


def _unanswered(asked: FilingContext, form: Form) -> Iterator[str]:
    for code, heading in _headings(asked, form).items():
        if any(VALUES[name](asked) in (None, "") for name in heading.says):
            yield code


def _left_to_a_person(asked: FilingContext, form: Form) -> Iterator[ToFill]:
    for code, heading in _headings(asked, form).items():
        if heading.ask or not heading.says:
            yield ToFill(field=code, asks=heading.ask or heading.title, required=False)


def _about(asked: FilingContext, form: Form) -> dict[str, object]:
    case, duty = asked.case, asked.duty
    return {
        "form": form.title,
        "source": form.source,
        "licence": form.licence,
        "is_this_authoritys_form": _is_theirs(form, duty),
        "incident": case.incident.id,
        "duty": duty.id,
        "recipient": duty.recipient_name,
        "due_at": duty.due_at.isoformat() if duty.due_at else None,
        "prepared_at": asked.now.isoformat(),
        "facts_version": case.version,
        "assessment": case.assessment.version if case.assessment else None,
    }


def _is_theirs(form: Form, duty: Duty) -> bool:
    return duty.regime in form.regimes and duty.addressee is Addressee.AUTHORITY


def _page(asked: FilingContext, form: Form, table: DutyTable, filled: Filled) -> Iterator[str]:
    yield from _head(asked, table)
    found = status(asked.case, asked.duty, asked.now)
    yield from _section("By when", _by_when(asked, table, found))
    yield from _section("Filed so far", _filed(asked, found))
    yield from _section("Who files, and who can be asked", _contacts(asked))
    for heading in _headings(asked, form).values():
        yield from _section(heading.title, _answers(asked, heading))
    yield from _section("What must follow later", _to_follow(asked, form, filled))
    yield from _section("What to heed", _to_heed(asked.duty))
    yield from _section("What a person must still fill in", _to_be_filled(asked.duty, form, filled))
    yield from _section("The assessment behind it", _assessment(asked))


def _head(asked: FilingContext, table: DutyTable) -> Iterator[str]:
    case, duty = asked.case, asked.duty
    recipient = table.recipients.get(duty.recipient)
    yield f"# {duty.recipient_name}\n\n{duty.law}, {duty.citation}\n"
    if recipient and recipient.contact:
        yield f"How to reach it: {recipient.contact}.\n"
    yield f"Incident {case.incident.id}: {case.incident.title}."
    yield f"Prepared {asked.local(asked.now)} from version {case.version} of the facts."
    yield "Nothing was filed by this page: a person files, and then records the receipt:"
    yield f"`amends duty filed {case.incident.id} {duty.id} --at TIME --receipt REF --as NAME`\n"


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    """Nothing when there are no lines."""
    if said := list(lines):
        yield f"## {title}\n"
        yield from said
        yield ""


def _by_when(asked: FilingContext, table: DutyTable, found: DutyStatus) -> Iterator[str]:
    duty = asked.duty
    yield f"- {due_in_words(asked, duty)}"
    yield f"- The law says: {duty.standard or 'no time is given'}"
    started = f": {asked.local(duty.starts_at)}" if duty.starts_at else ""
    yield f"- The clock starts with “{clock_in_words(duty, table)}”{started}"
    if duty.assumed:
        yield f"- **Assumed:** {duty.assumed}"
    if duty.standing is not DutyStanding.APPLIES:
        yield f"- **{spoken(duty.standing).capitalize()}:** {duty.why}"
    if duty.before:
        yield f"- It must come before {', '.join(duty.before)}"
    yield from (f"- **Out of order:** {line}" for line in found.out_of_order)


def due_in_words(asked: FilingContext, duty: Duty) -> str:
    """Due when, and how long that is from now."""
    if duty.due_at is None:
        return "No date: at once" if not duty.waits else "No date yet: its clock has not started"
    left = duty.due_at - asked.now
    away = f"{length(left)} from now" if left.total_seconds() >= 0 else f"{length(-left)} ago"
    return f"Due {asked.local(duty.due_at)}, {away}"


def _filed(asked: FilingContext, found: DutyStatus) -> Iterator[str]:
    for filing in found.filings:
        early = f", {in_time(found.duty.due_at - filing.filed_at)}" if found.duty.due_at else ""
        yield f"- {filing.part}, {asked.local(filing.filed_at)}{early}, reference {filing.receipt}"
    if not found.filings:
        yield "Nothing is recorded."


def _contacts(asked: FilingContext) -> Iterator[str]:
    yield f"- Organisation: {VALUES['organisation_name'](asked)}; {VALUES['contacts'](asked)}"
    yield f"- Responsible for personal data: {VALUES['officer'](asked) or UNKNOWN}"
    yield f"- Our reference: {asked.case.incident.id}"
    yield f"- {PERSON} who reports, in which function, and who answers questions"


def _answers(asked: FilingContext, heading: Heading) -> Iterator[str]:
    for name in heading.says:
        said = VALUES[name](asked)
        shown = asked.local(said) if isinstance(said, datetime) else said
        yield f"{UNKNOWN} ({spoken(name)})\n" if shown in (None, "") else f"{_apart(str(shown))}\n"
    if heading.ask or not heading.says:
        yield f"{PERSON} {heading.ask or heading.title}"


def _apart(text: str) -> str:
    """With the empty line that Markdown wants before a list."""
    lines = text.split("\n")
    begins = (
        line.startswith("- ") and place and not lines[place - 1].startswith("- ") for place, line in enumerate(lines)
    )
    return "\n".join(f"\n{line}" if first else line for line, first in zip(lines, begins, strict=True))


def _to_follow(asked: FilingContext, form: Form, filled: Filled) -> Iterator[str]:
    titles = {code: heading.title for code, heading in _headings(asked, form).items()}
    asks = {name: field.asks for name, field in form.fields.items()}
    yield from (f"- {(asks | titles)[name]}" for name in filled.to_follow)
    questions = asked.case.assessment.open_questions if asked.case.assessment else ()
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


def _assessment(asked: FilingContext) -> Iterator[str]:
    assessment = asked.case.assessment
    if assessment is None:
        return
    yield f"Assessment {assessment.version} of {asked.local(assessment.at)}.\n"
    yield from (f"- Changed since the one before: {line}" for line in assessment.changes)
    yield from (f"- Would change it: {line}" for line in assessment.severity.would_change_it)
