"""What is known of a case as texts, numbers and times: what stands in an authority's form and in the filing pack.

None means that nobody knows. No text holds personal data of those affected: a case has none.
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
    filed_elsewhere,
    first_notice,
    people_counted,
    promised,
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
    """A word of a vocabulary as it reads in a sentence."""
    return str(word).replace("_", " ")


def listed(lines: Iterable[str]) -> str | None:
    """One line each; None when there is none."""
    return "\n".join(f"- {line}" for line in lines) or None


def clock_in_words(duty: Duty, table: DutyTable) -> str:
    """What starts the clock of the duty."""
    clock = table.clock_events.get(duty.clock)
    return clock.means if clock else spoken(duty.clock)


def how_sure(duty: Duty) -> str:
    """How well the rule was checked, and where its author read it."""
    return "; ".join(
        filter(None, (SURE[duty.confidence], duty.confidence_note, duty.source and f"source: {duty.source}"))
    )


def between(limits: Count) -> str | None:
    """Two limits in words: between 4,800 and 6,000, at least 100; None without any."""
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
    """A fact with its certainty: `exfiltration: possible (suspected)`, `cause: not known yet`."""
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


def _nature(asked: FilingContext) -> str | None:
    facts = asked.facts
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


def _holder(asked: FilingContext) -> str | None:
    recipient = asked.facts.recipient
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


def _protection_text(asked: FilingContext) -> str | None:
    facts = asked.facts
    lines = [
        stated("encrypted where it was stored", facts.encrypted_at_rest),
        stated("the key is safe", facts.encryption_key_safe),
        stated("backup", facts.backup),
    ]
    return listed([*lines, *([str(facts.protection_note.value)] if facts.protection_note.stands else [])])


def _measures_in_place(asked: FilingContext) -> str | None:
    """Only when somebody has written it."""
    note = asked.facts.protection_note
    return note.value if note.stands else None


def _recovery(asked: FilingContext) -> str | None:
    facts = asked.facts
    parts: tuple[tuple[str, Fact[Any]], ...] = (
        ("restored", facts.restored),
        ("hours until it worked again", facts.restore_hours),
        ("data is lost for good", facts.permanent_loss),
        ("what people noticed", facts.service_impact),
    )
    return listed(stated(name, fact) for name, fact in parts)


def _data(asked: FilingContext) -> str | None:
    kinds = categories(asked)
    if kinds is None:
        return None
    suspected = _suspected(asked.facts)
    people = asked.case.audience.by_category
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


def _subjects_text(asked: FilingContext) -> str | None:
    kinds = subjects(asked)
    vulnerable = stated("people in need of protection are among them", asked.facts.vulnerable_subjects)
    return f"{', '.join(map(spoken, kinds))}\n{vulnerable}" if kinds else None


def _people_text(asked: FilingContext) -> str | None:
    found = people_counted(asked)
    if found is None:
        return None
    where = listed(f"{place or 'country not known'}: {people:,}" for place, people in asked.homes.items())
    return "\n".join(filter(None, (_in_all(asked, found), where)))


def _in_all(asked: FilingContext, found: HowMany) -> str:
    """A range stays one: neither of its ends is told as the number."""
    limits = between(found.limits)
    doubt = " (suspected)" if asked.facts.people.certainty is Certainty.SUSPECTED else ""
    if found.number is None:
        return f"{limits} people in all{doubt}"
    head = f"{_count(found.number)} in all ({'exact' if found.exact else 'approximate'})"
    return f"{head}; {limits} by the facts{doubt}" if limits else head


def _residents(asked: FilingContext) -> str | None:
    """The duty counts those who may live there, too, so that no threshold is missed; they are told apart here."""
    most, known = asked.duty.people, asked.known_in(asked.duty.places)
    if most is None:
        return None
    people = f"{between(Count(min=known, max=most))} people" if known < most else _count(most)
    return f"{people} in {', '.join(asked.duty.places)}"


def _aware(asked: FilingContext) -> datetime | None:
    events = asked.case.incident.times.events
    return events.get("controller_aware") or events.get("aware")


def _dates(asked: FilingContext) -> str | None:
    began, ended = asked.began, asked.case.incident.times.occurred.end
    if began is None:
        return None
    return f"from {asked.local(began)} " + (f"to {asked.local(ended)}" if ended else "; its end is not known yet")


def _discovered(asked: FilingContext) -> str | None:
    events = asked.case.incident.times.events
    at = events.get("discovered") or events.get("detected")
    return asked.local(at) if at else None


def _timeline(asked: FilingContext) -> str | None:
    times = as_known(asked.case).times
    named = {"it began": times.occurred.start, "it ended": times.occurred.end, "contained": times.contained}
    moments = [(at, name) for name, at in (*named.items(), *times.events.items()) if at]
    return listed(f"{asked.local(at)}: {spoken(name)}" for at, name in sorted(moments))


def _contacts(asked: FilingContext) -> str:
    contacts = asked.organisation.contacts
    post = text_for(contacts.postal_address, asked.locale)
    return "; ".join(filter(None, (contacts.email, contacts.phone, post)))


def _organisation(asked: FilingContext) -> str | None:
    own = asked.organisation
    parts = {
        "sector": own.sector and spoken(own.sector),
        "role": own.role and spoken(own.role),
        "staff": own.size,
        "established in": own.established_in,
    }
    return listed(
        (text_for(own.name, asked.locale), *(f"{name}: {part or 'not known yet'}" for name, part in parts.items()))
    )


def _risk_text(asked: FilingContext) -> str | None:
    assessment = asked.case.assessment
    if assessment is None:
        return None
    score = assessment.severity
    head = (
        f"Risk to people: {assessment.risk}. Severity {spoken(score.band)}, score {score.score:g} of 0.25 to 6 "
        "by ENISA's method of 2013."
    )
    return "\n".join((head, *(f"- {rule.says} ({rule.source})" for rule in assessment.rules)))


def _measures(asked: FilingContext) -> str | None:
    done = asked.facts.mitigations
    mitigations = done.value or () if done.stands else ()
    lines = [f"{spoken(one.what)}{f', {asked.local(one.at)}' if one.at else ''}" for one in mitigations]
    return "\n".join(filter(None, (asked.story.what_we_do, listed(lines))))


def _promises_text(asked: FilingContext) -> str | None:
    return listed(text for _, text in promised(asked))


def _told_on(asked: FilingContext) -> date | None:
    at = as_known(asked.case).times.events.get(INDIVIDUALS_NOTIFIED)
    return asked.local_date(at) if at else None


def _tell_on(asked: FilingContext) -> date | None:
    """When the first notice is planned."""
    planned = plan(asked.case, asked.now)
    turns = (turn for turn in (*planned.due, *planned.upcoming) if turn.phase is Phase.NOTIFY)
    return next((asked.local_date(max(turn.due_at, asked.now)) for turn in turns), None)


def _told(asked: FilingContext) -> str | None:
    """How far telling the people has come."""
    first, on = first_notice(asked.case), _told_on(asked)
    if on is None:
        return f"nobody yet; planned for {day}" if (day := _tell_on(asked)) else "nobody yet"
    states = first.people if first else {}
    return "\n".join(filter(None, (f"since {on}", listed(f"{state}: {n}" for state, n in states.items() if n))))


def _previous_reference(asked: FilingContext) -> str | None:
    filed = filings_for(asked.case, asked.duty.id)
    return filed[0].receipt if filed else None


def _filed_text(asked: FilingContext) -> str | None:
    """What was told to the police and to other authorities."""
    police = ["the police"] if told_police(asked) else []
    return listed((*police, *filed_elsewhere(asked)))


def _number(asked: FilingContext) -> int | None:
    found = people_counted(asked)
    return found.number if found else None


def _number_range(asked: FilingContext) -> str | None:
    found = people_counted(asked)
    limits = between(found.limits) if found else None
    return f"{limits} by the facts" if limits else None


VALUES: dict[str, Callable[[FilingContext], Said]] = {
    "advice": lambda asked: asked.story.what_you_can_do or None,
    "authority": lambda asked: asked.duty.recipient_name,
    "aware_at": _aware,
    "began_at": lambda asked: asked.began,
    "consequences": lambda asked: asked.story.what_it_means,
    "contacts": _contacts,
    "countries": lambda asked: ", ".join(asked.in_area) or None,
    "data": _data,
    "dates": _dates,
    "discovered": _discovered,
    "ended_at": lambda asked: asked.ended,
    "filed_elsewhere": _filed_text,
    "holder": _holder,
    "in_short": lambda asked: asked.story.in_short,
    "measures": _measures,
    "measures_in_place": _measures_in_place,
    "nature": _nature,
    "number_of_people": _number,
    "number_of_records": lambda _asked: None,
    "officer_contacts": lambda asked: (
        _contacts(asked) if text_for(asked.organisation.contacts.officer, asked.locale) else None
    ),
    "officer": lambda asked: text_for(asked.organisation.contacts.officer, asked.locale) or None,
    "organisation": _organisation,
    "organisation_name": lambda asked: text_for(asked.organisation.name, asked.locale),
    "people": _people_text,
    "people_by_country": lambda asked: asked.in_area or None,
    "previous_reference": _previous_reference,
    "promises": _promises_text,
    "protection": _protection_text,
    "range_of_people": _number_range,
    "recovery": _recovery,
    "reference": lambda asked: asked.case.incident.id,
    "residents": _residents,
    "risk": _risk_text,
    "seat": lambda asked: asked.organisation.established_in,
    "sector": lambda asked: spoken(asked.organisation.sector) if asked.organisation.sector else None,
    "subjects": _subjects_text,
    "tell_on": _tell_on,
    "timeline": _timeline,
    "told": _told,
    "told_on": _told_on,
    "today": lambda asked: asked.local_date(asked.now),
    "what_happened": lambda asked: asked.story.what_happened,
}
"""By name, as a form's fields and its headings call them."""
