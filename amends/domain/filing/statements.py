"""The known facts of a case as texts, numbers and times, for an authority's form and for the filing pack.

None means that nobody knows. No text holds personal data of the people affected, because a case has none.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

from amends.domain.base.value import text_for
from amends.domain.case.filings import INDIVIDUALS_NOTIFIED, as_known, filings_for
from amends.domain.filing.answers import (
    FilingContext,
    HowMany,
    categories,
    commitments_of,
    filed_elsewhere,
    first_notice,
    people_counted,
    subjects,
    told_police,
)
from amends.domain.incident.facts import Certainty, Count, Fact, Facts
from amends.domain.law.duty import Confidence, Duty
from amends.domain.law.regime import DutyTable
from amends.domain.plan.plan import plan
from amends.domain.playbook.playbook import Phase

Said = str | int | date | datetime | dict[str, int] | None
SURE = {
    Confidence.VERIFIED: "verified against the law's text",
    Confidence.VERIFIED_SECONDARY: "verified against what others write about the law",
    Confidence.VERIFIED_EXCERPT: "verified against an excerpt of the law's text",
    Confidence.MEMORY_HIGH: "NOT VERIFIED: written from memory, most likely right",
    Confidence.MEMORY_MEDIUM: "NOT VERIFIED: written from memory, likely right",
    Confidence.MEMORY_LOW: "NOT VERIFIED: written from memory, may well be wrong",
}


def spoken(word: object) -> str:
    """Return a word of a vocabulary as it reads in a sentence."""
    return str(word).replace("_", " ")


def listed(lines: Iterable[str]) -> str | None:
    """Return the lines as a list in Markdown, or None when there is no line."""
    return "\n".join(f"- {line}" for line in lines) or None


def clock_in_words(duty: Duty, table: DutyTable) -> str:
    """Return in words what starts the clock of the duty."""
    clock = table.clock_events.get(duty.clock)
    return clock.means if clock else spoken(duty.clock)


def how_sure(duty: Duty) -> str:
    """Return how well the rule of the duty was checked, and where its author read it."""
    return "; ".join(
        filter(None, (SURE[duty.confidence], duty.confidence_note, duty.source and f"source: {duty.source}"))
    )


def between(limits: Count) -> str | None:
    """Return two limits in words: between 4,800 and 6,000, at least 100; None without any limit."""
    match limits.min, limits.max:
        case None, None:
            return None
        case least, None:
            return f"at least {least:,}"
        case None, most:
            return f"at most {most:,}"
        case least, most:
            return f"{least:,}" if least == most else f"between {least:,} and {most:,}"


def stated(name: str, fact: Fact[Any]) -> str:
    """Return a fact with its certainty: `exfiltration: possible (suspected)`, `cause: not known yet`."""
    if fact.unknown:
        return f"{name}: not known yet"
    doubt = "" if fact.certainty is Certainty.CONFIRMED else f" ({spoken(fact.certainty)})"
    return f"{name}: {_in_words(fact.value)}{doubt}"


def _in_words(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(map(_in_words, value)) or "none"
        case float():
            return f"{value:g}"
    return spoken(value)


def _nature(context: FilingContext) -> str | None:
    facts = context.facts
    parts: tuple[tuple[str, Fact[Any]], ...] = (
        ("kind of breach", facts.breach_types),
        ("cause", facts.cause),
        ("way it happened", facts.vector),
        ("somebody meant harm or gain", facts.malicious),
        ("data was copied or disclosed", facts.exfiltration),
        ("what that rests on", facts.exfiltration_evidence),
        ("misuse was observed", facts.misuse_observed),
    )
    return listed(stated(name, fact) for name, fact in parts)


def _holder(context: FilingContext) -> str | None:
    recipient = context.facts.recipient
    if not recipient.stands or recipient.value is None or recipient.value.kind is None:
        return None
    value, doubt = recipient.value, " (suspected)" if recipient.certainty is Certainty.SUSPECTED else ""
    return "; ".join(
        (
            f"{spoken(value.kind)}{doubt}",
            *([f"{value.count} recipients"] if value.count is not None else []),
            *(["they confirmed that they deleted it"] if value.deletion_confirmed else []),
        )
    )


def _protection_text(context: FilingContext) -> str | None:
    facts = context.facts
    lines = [
        stated("encrypted where it was stored", facts.encrypted_at_rest),
        stated("the key is safe", facts.encryption_key_safe),
        stated("backup", facts.backup),
    ]
    return listed([*lines, *([str(facts.protection_note.value)] if facts.protection_note.stands else [])])


def _measures_in_place(context: FilingContext) -> str | None:
    """Return the note on protection, or None when nobody has written one."""
    note = context.facts.protection_note
    return note.value if note.stands else None


def _recovery(context: FilingContext) -> str | None:
    facts = context.facts
    parts: tuple[tuple[str, Fact[Any]], ...] = (
        ("restored", facts.restored),
        ("hours until it worked again", facts.restore_hours),
        ("data is lost for good", facts.permanent_loss),
        ("what people noticed", facts.service_impact),
    )
    return listed(stated(name, fact) for name, fact in parts)


def _data(context: FilingContext) -> str | None:
    kinds = categories(context)
    if kinds is None:
        return None
    suspected = _suspected(context.facts)
    people = context.case.audience.by_category
    return listed(
        f"{spoken(kind)}{' (suspected)' if kind in suspected else ''}{_of_people(people.get(kind))}" for kind in kinds
    )


def _suspected(facts: Facts) -> frozenset[str]:
    kinds = facts.data_categories
    doubted = kinds.certainty is Certainty.SUSPECTED
    return frozenset(str(one.value) for one in kinds.value or () if doubted or one.certainty is Certainty.SUSPECTED)


def _of_people(people: int | None) -> str:
    return "" if people is None else f": {_count(people)}"


def _count(people: int) -> str:
    return "1 person" if people == 1 else f"{people:,} people"


def _subjects_text(context: FilingContext) -> str | None:
    kinds = subjects(context)
    vulnerable = stated("people in need of protection are among them", context.facts.vulnerable_subjects)
    return f"{', '.join(map(spoken, kinds))}\n{vulnerable}" if kinds else None


def _people_text(context: FilingContext) -> str | None:
    found = people_counted(context)
    if found is None:
        return None
    where = listed(f"{place or 'country not known'}: {people:,}" for place, people in context.homes.items())
    return "\n".join(filter(None, (_in_all(context, found), where)))


def _in_all(context: FilingContext, found: HowMany) -> str:
    """Return the number of people in words; a range stays a range, because neither end is the number."""
    limits = between(found.limits)
    doubt = " (suspected)" if context.facts.people.certainty is Certainty.SUSPECTED else ""
    if found.number is None:
        return f"{limits} people in all{doubt}"
    head = f"{_count(found.number)} in all ({'exact' if found.exact else 'approximate'})"
    return f"{head}; {limits} by the facts{doubt}" if limits else head


def _residents(context: FilingContext) -> str | None:
    """Return how many people live in the places of the duty: from those known to, up to those whom the duty counts."""
    most, known = context.duty.people, context.known_in(context.duty.places)
    if most is None:
        return None
    people = f"{between(Count(min=known, max=most))} people" if known < most else _count(most)
    return f"{people} in {', '.join(context.duty.places)}"


def _aware(context: FilingContext) -> datetime | None:
    events = context.case.incident.times.events
    return events.get("controller_aware") or events.get("aware")


def _dates(context: FilingContext) -> str | None:
    began, ended = context.began, context.case.incident.times.occurred.end
    if began is None:
        return None
    return f"from {context.local(began)} " + (f"to {context.local(ended)}" if ended else "; its end is not known yet")


def _discovered(context: FilingContext) -> str | None:
    events = context.case.incident.times.events
    at = events.get("discovered") or events.get("detected")
    return context.local(at) if at else None


def _timeline(context: FilingContext) -> str | None:
    times = as_known(context.case).times
    named = {"it began": times.occurred.start, "it ended": times.occurred.end, "contained": times.contained}
    moments = [(at, name) for name, at in (*named.items(), *times.events.items()) if at]
    return listed(f"{context.local(at)}: {spoken(name)}" for at, name in sorted(moments))


def _contacts(context: FilingContext) -> str | None:
    contacts = context.organisation.contacts
    post = text_for(contacts.postal_address, context.locale)
    return "; ".join(filter(None, (contacts.email, contacts.phone, post))) or None


def _organisation(context: FilingContext) -> str | None:
    own = context.organisation
    parts = {
        "sector": own.sector and spoken(own.sector),
        "role": own.role and spoken(own.role),
        "staff": own.size,
        "established in": own.established_in,
    }
    name = text_for(own.name, context.locale) or "name: not known yet"
    return listed((name, *(f"{name}: {part or 'not known yet'}" for name, part in parts.items())))


def _risk_text(context: FilingContext) -> str | None:
    assessment = context.case.assessment
    if assessment is None:
        return None
    score = assessment.severity
    head = (
        f"Risk to people: {assessment.risk}. Severity {spoken(score.band)}, score {score.score:g} of 0.25 to 6 "
        "by ENISA's method of 2013."
    )
    return "\n".join((head, *(f"- {rule.says} ({rule.source})" for rule in assessment.rules)))


def _measures(context: FilingContext) -> str | None:
    done = context.facts.mitigations
    mitigations = done.value or () if done.stands else ()
    lines = [
        f"{spoken(mitigation.what)}{f', {context.local(mitigation.at)}' if mitigation.at else ''}"
        for mitigation in mitigations
    ]
    return "\n".join(filter(None, (context.story.what_we_do, listed(lines))))


def _commitments_text(context: FilingContext) -> str | None:
    return listed(text for _, text in commitments_of(context))


def _told_on(context: FilingContext) -> date | None:
    at = as_known(context.case).times.events.get(INDIVIDUALS_NOTIFIED)
    return context.local_date(at) if at else None


def _telling_planned_on(context: FilingContext) -> date | None:
    """Return the day for which the first notice is planned, or None when none is."""
    planned = plan(context.case, context.now)
    occurrences = (one for one in (*planned.due, *planned.upcoming) if one.phase is Phase.NOTIFY)
    return next((context.local_date(max(occurrence.due_at, context.now)) for occurrence in occurrences), None)


def _telling_so_far(context: FilingContext) -> str | None:
    """Return in words how far telling the people has come."""
    first, on = first_notice(context.case), _told_on(context)
    if on is None:
        return f"nobody yet; planned for {day}" if (day := _telling_planned_on(context)) else "nobody yet"
    states = first.people if first else {}
    return "\n".join(filter(None, (f"since {on}", listed(f"{state}: {n}" for state, n in states.items() if n))))


def _previous_reference(context: FilingContext) -> str | None:
    filed = filings_for(context.case, context.duty.id)
    return filed[0].receipt if filed else None


def _filed_text(context: FilingContext) -> str | None:
    """Return the list of the police and other authorities that were told, or None when none was."""
    police = ["the police"] if told_police(context) else []
    return listed((*police, *filed_elsewhere(context)))


def _number(context: FilingContext) -> int | None:
    found = people_counted(context)
    return found.number if found else None


def _number_range(context: FilingContext) -> str | None:
    found = people_counted(context)
    limits = between(found.limits) if found else None
    return f"{limits} by the facts" if limits else None


VALUES: dict[str, Callable[[FilingContext], Said]] = {
    "advice": lambda context: context.story.what_you_can_do or None,
    "authority": lambda context: context.duty.recipient_name,
    "aware_at": _aware,
    "began_at": lambda context: context.began,
    "consequences": lambda context: context.story.what_it_means or None,
    "contacts": _contacts,
    "countries": lambda context: ", ".join(context.in_area) or None,
    "data": _data,
    "dates": _dates,
    "discovered": _discovered,
    "ended_at": lambda context: context.ended,
    "filed_elsewhere": _filed_text,
    "holder": _holder,
    "in_short": lambda context: context.story.in_short or None,
    "measures": _measures,
    "measures_in_place": _measures_in_place,
    "nature": _nature,
    "number_of_people": _number,
    "number_of_records": lambda _context: None,
    "officer_contacts": lambda context: (
        _contacts(context) if text_for(context.organisation.contacts.officer, context.locale) else None
    ),
    "officer": lambda context: text_for(context.organisation.contacts.officer, context.locale) or None,
    "organisation": _organisation,
    "organisation_name": lambda context: text_for(context.organisation.name, context.locale) or None,
    "people": _people_text,
    "people_by_country": lambda context: context.in_area or None,
    "previous_reference": _previous_reference,
    "promises": _commitments_text,
    "protection": _protection_text,
    "range_of_people": _number_range,
    "recovery": _recovery,
    "reference": lambda context: context.case.incident.id,
    "residents": _residents,
    "risk": _risk_text,
    "seat": lambda context: context.organisation.established_in,
    "sector": lambda context: spoken(context.organisation.sector) if context.organisation.sector else None,
    "subjects": _subjects_text,
    "tell_on": _telling_planned_on,
    "timeline": _timeline,
    "told": _telling_so_far,
    "told_on": _told_on,
    "today": lambda context: context.local_date(context.now),
    "what_happened": lambda context: context.story.what_happened or None,
}
"""The values by the names that a form's fields and headings use."""
