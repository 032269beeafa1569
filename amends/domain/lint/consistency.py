"""Rules that hold a variant against facts, laws, promises and its sister variants: nothing in it may be untrue."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

from amends.domain.base.errors import Finding
from amends.domain.base.value import text_for
from amends.domain.incident.commitment import Commitment, CommitmentKind
from amends.domain.incident.facts import Fact
from amends.domain.law.addendum import Addenda
from amends.domain.law.duty import Addressee, Duty, DutyStanding
from amends.domain.lint.codes import MARK, LintContext, Proof
from amends.domain.lint.extract import (
    OTHERS,
    NamedDay,
    bare_hosts,
    dated_promises,
    days,
    emails,
    host_of,
    lines,
    links,
    plain,
    same_telephone,
    shares,
    stated,
    telephones,
    within,
    without_addresses,
)
from amends.domain.lint.readability import sentences
from amends.domain.notice.notice import Variant
from amends.domain.notice.wording import say_date

NATURE, PEOPLE_COUNT = "nature", "people_count"
BARE_NUMBER = 100
"""From here on a number equal to that of the people gives the count away, even where no people are named beside it."""
STREET_OR_BOX = re.compile(r"\b[Bb]ox \d+|\b\d+(?= [A-Z])")
"""Numbers of an address, such as 600 Pennsylvania Avenue."""
NEXT_NEWS = re.compile(
    r"next (?:news|update|report)|(?:write|report|inform you)(?: to you)? again|hear from us again"
    r"|下次(?:通知|通报|更新)|下一次(?:通知|通报|更新)|再次(?:通知|通报)",
    re.IGNORECASE,
)
HAPPENED = re.compile(
    r"^\W*(?:when it happened|date of (?:the )?(?:breach|theft|incident)|发生(?:时间|日期)) ?:", re.IGNORECASE
)
DISCOVERED = re.compile(
    r"^\W*(?:when we (?:found out|noticed|discovered it)|date of discovery|discovered|发现(?:时间|日期)) ?:"
    r"|\bwe (?:first )?(?:discovered|noticed|detected|learned of|became aware of) "
    r"(?:it|this|the (?:breach|theft|incident|attack|leak|loss))\b"
    r"|我们[^,。;]{0,12}发现(?:了)?(?:此事|这件事|本次|该事件|数据泄露|信息泄露)",
    re.IGNORECASE,
)
CONTAINED = re.compile(
    r"^\W*(?:when we stopped it[^:]{0,30}|contained|(?:采取)?控制措施的?时间|控制(?:时间|日期)) ?:", re.IGNORECASE
)
DISCOVERIES = ("discovered", "detected", "breach_detected", "found_or_learned", "noticed", "learned", "suspected")


def items_asked_for(proof: Proof) -> Iterator[Finding]:
    """L140: what the laws of the readers' homes ask for, and the letter does not say."""
    known, variant = proof.known, proof.variant
    if proof.draft.template not in known.addenda.whole or not (proof.detailed and variant.channel.personal):
        return
    for item, asked in _asked_for(known, variant).items():
        if item in variant.items:
            continue
        strictest, code = max(asked, key=_strictness)
        there_is = item in known.addenda.items
        named = f"does not say {_words(item)}" if there_is else f"may not say {_words(item)}"
        more = f" and {len(asked) - 1} more" if len(asked) > 1 else ""
        what = f"{named}, which {strictest.law} asks for ({strictest.citation}, {strictest.id}){more}"
        blocks = there_is and _strictness((strictest, code)) and _expected(known, variant, item)
        yield proof.finding("L140", what, _why_not(known, variant, item, strictest, blocks=blocks), blocks=blocks)


def _asked_for(known: LintContext, variant: Variant) -> dict[str, list[tuple[Duty, str]]]:
    """Items with the duties and codes that ask for them; a code that no item answers stands for itself."""
    asked: dict[str, list[tuple[Duty, str]]] = {}
    for duty in known.duties:
        if duty.addressee is not Addressee.PEOPLE or duty.standing is DutyStanding.EXEMPT:
            continue
        if not reaches(duty, known.addenda, variant.addendum):
            continue
        for code in duty.content:
            asked.setdefault(known.addenda.item_of(code) or code, []).append((duty, code))
    return asked


def _strictness(asked: tuple[Duty, str]) -> bool:
    """It is asked for without an if, by a law that applies and that somebody has checked."""
    duty, code = asked
    return binding(duty) and "_if_" not in code


def _words(name: str) -> str:
    return name.replace("_", " ")


def reaches(duty: Duty, letters: Addenda, letter_id: str) -> bool:
    """Somebody who lives where the duty applies may get this letter; the law of a country holds in its states too."""
    letter = letters.addendum(letter_id)
    states = letter.places if letter else ()
    return any(
        _lives_by(letters, letter_id, place) or any(state.startswith(f"{place}-") for state in states)
        for place in duty.places
    )


def _parted(place: str) -> tuple[str, str]:
    country, _, region = place.partition("-")
    return country, region


def binding(duty: Duty) -> bool:
    """It applies, and somebody has checked the row against the law."""
    return duty.standing is DutyStanding.APPLIES and duty.confidence.verified


def _expected(known: LintContext, variant: Variant, item: str) -> bool:
    """There is something to say, and no law of the place forbids to say it."""
    optional = known.addenda.items[item].if_any or item in forbidden_items(known, variant)
    return not optional and _in_the_facts(known, item)


def _in_the_facts(known: LintContext, item: str) -> bool:
    """Whether the facts have what the item says; items that facts do not bear on are always there to be said."""
    times, contacts = known.incident.times, known.incident.organisation.contacts
    unless = {
        "breach_dates": times.occurred.start or times.occurred.end,
        "discovery_date": any(event in times.events for event in DISCOVERIES),
        "officer": contacts.officer,
        "credit_monitoring": any(p.kind is CommitmentKind.CREDIT_MONITORING for p in known.commitments),
    }
    return bool(unless.get(item, True))


def _why_not(known: LintContext, variant: Variant, item: str, duty: Duty, *, blocks: bool) -> str:
    if item not in known.addenda.items:
        return "no item of addenda.yaml answers this code; a lawyer must say which does"
    if item in forbidden_items(known, variant):
        return "another law of the place forbids it; a lawyer must say which one comes first"
    if blocks:
        return f"mark it with item('{item}') in the template, or have a lawyer rule on {duty.id} in the incident file"
    if not binding(duty):
        return "it is not certain that this law asks for it here; a lawyer must say"
    return "say it if there is something to say"


def forbidden_items(known: LintContext, variant: Variant) -> dict[str, str]:
    """What this letter must leave out, with the law that says so."""
    letter = known.addenda.addendum(variant.addendum)
    listed = dict.fromkeys(letter.leaves_out if letter else (), "addenda.yaml")
    laws = {
        item: f"{duty.law}, {duty.citation}"
        for duty in known.duties
        if duty.addressee is Addressee.PEOPLE and duty.standing is not DutyStanding.EXEMPT
        for place in duty.places
        if _lives_by(known.addenda, variant.addendum, place)
        for item in duty.leaves_out
    }
    return listed | laws


def items_forbidden(proof: Proof) -> Iterator[Finding]:
    """L141: what the law of the readers' home forbids, marked or only said."""
    forbidden = forbidden_items(proof.known, proof.variant)
    for item in sorted(forbidden.keys() & set(proof.variant.items)):
        what = f"says {_words(item)}, which is forbidden there ({forbidden[item]})"
        yield proof.finding("L141", what, f"leave it out: letter.says('{item}') is false in this letter")
    if NATURE in forbidden and (told := _told_of_nature(proof)):
        what = f"says what happened, which is forbidden there ({forbidden[NATURE]}): “{told}”"
        yield proof.finding("L141", what, "leave out what the incident's texts say of it")
    if PEOPLE_COUNT in forbidden and (told := _told_of_count(proof)):
        what = f"says how many people it is, which is forbidden there ({forbidden[PEOPLE_COUNT]}): {told}"
        yield proof.finding("L141", what, "leave the number out")


def _told_of_nature(proof: Proof) -> str:
    """A sentence of the incident's story about what happened that stands in this variant."""
    if proof.story is None:
        return ""
    told = _dense(proof.said)
    of_it = sentences(plain(f"{proof.story.in_short}\n\n{proof.story.what_happened}"))
    return next((sentence for sentence in of_it if _dense(sentence) in told), "")


def _told_of_count(proof: Proof) -> str:
    if proof.headcounts:
        return f"“{proof.headcounts[0].words}”"
    rest = STREET_OR_BOX.sub(" ", without_addresses(proof.said))
    for words in (*(day.words for day in proof.days), *telephones(rest, proof.phrases)):
        rest = rest.replace(words, " ")
    given_away = stated(rest, proof.phrases) & {str(number) for number in _counts_of(proof) if number >= BARE_NUMBER}
    return next(iter(sorted(given_away)), "")


def _counts_of(proof: Proof) -> set[int]:
    """How many people there are, in all and where this letter goes."""
    known, letter = proof.known, proof.variant.addendum
    living = [duty.people for duty in known.duties if any(_lives_by(known.addenda, letter, p) for p in duty.places)]
    homes = {**known.incident.residences, **known.audience.by_place}
    there = [people for place, people in homes.items() if _lives_by(known.addenda, letter, place)]
    return _people_told(known) | {number for number in (*living, *there) if number}


def _lives_by(letters: Addenda, letter_id: str, place: str) -> bool:
    return letters.addendum_for(*_parted(place)) == letter_id


def _dense(text: str) -> str:
    return re.sub(r"\W+", " ", text).casefold().strip()


def people_known(known: LintContext) -> frozenset[int]:
    """Every number of people that the facts, the audience and the duties know."""
    fact, audience = known.incident.facts.people, known.audience
    told = (fact.value.min, fact.value.max) if fact.value and fact.stands else ()
    parts = (audience.by_category, audience.by_segment, audience.by_place, audience.by_country)
    counted = [count for part in parts for count in part.values()]
    living = [duty.people for duty in known.duties]
    numbers = (*told, known.draft.people, audience.people, *counted, *known.incident.residences.values(), *living)
    return frozenset(number for number in numbers if number)


def people(proof: Proof) -> Iterator[Finding]:
    """L142: numbers of people that are not those of the facts, and shares that hide the number."""
    known, between = people_known(proof.known), _between(proof.known)
    wrong = [count for count in proof.headcounts if not count.fits(known, between)]
    for count in {count.words: count for count in wrong}.values():
        others = OTHERS.search(count.sentence) is not None
        advice = f"the facts and the audience say {_people_in_words(proof.known)}"
        yield proof.finding("L142", f"says “{count.words}”", advice, blocks=not others)
    if len(wrong) == len(proof.headcounts):
        for share in dict.fromkeys(shares(proof.said)):
            yield proof.finding("L142", f"says “{share}” and no number", "say how many people it is", blocks=True)


def _between(known: LintContext) -> range:
    """Every number of people that the facts allow; empty where they know only one end, or nothing."""
    fact = known.incident.facts.people
    if not (fact.value and fact.stands) or fact.value.min is None or fact.value.max is None:
        return range(0)
    return range(fact.value.min, fact.value.max + 1)


def _people_in_words(known: LintContext) -> str:
    """What may be said: between 4,800 and 6,000 or 5,203."""
    between, told = _between(known), sorted(_people_told(known))
    ends = [f"between {between[0]:,} and {between[-1]:,}"] if len(between) > 1 else []
    listed = [f"{number:,}" for number in told if not ends or number not in (between[0], between[-1])]
    return " or ".join((*ends, *listed)) or "no number"


def _people_told(known: LintContext) -> set[int]:
    fact = known.incident.facts.people
    told = {fact.value.min, fact.value.max} if fact.value and fact.stands else set()
    return {number for number in (*told, known.draft.people) if number}


def dates(proof: Proof) -> Iterator[Finding]:
    """L143: days that the facts do not know, and days at which the facts say that something else happened."""
    contradicted = set()
    for line in lines(proof.said):
        for day, wanted in _contradicted(proof, line):
            contradicted.add(day.words)
            yield _contradiction(proof, line, day, wanted)
    known = _days_known(proof)
    for words in dict.fromkeys(day.words for day in proof.days if not day.among(known)):
        if words not in contradicted:
            yield proof.finding("L143", f"names {words}", "no fact, news or promise knows this day", blocks=False)


def _contradicted(proof: Proof, line: str) -> Iterator[tuple[NamedDay, frozenset[date]]]:
    """Days in a line that says what happened then, with the days on which it did."""
    named = days(line, proof.phrases)
    for label, wanted, both_ends in _labels(proof):
        if not label.search(line) or not (wanted or label is NEXT_NEWS):
            continue
        wrong = [day for day in named if not day.among(wanted)]
        # A sentence may name another day beside the right one; a line that tells from when to when may not.
        if both_ends or len(wrong) == len(named):
            yield from ((day, wanted) for day in wrong)


def _contradiction(proof: Proof, line: str, day: NamedDay, wanted: frozenset[date]) -> Finding:
    zone = proof.incident.organisation.timezone
    noons = [datetime(each.year, each.month, each.day, 12, tzinfo=ZoneInfo(zone)) for each in sorted(wanted)]
    said = ", ".join(say_date(proof.phrases, noon, zone) for noon in noons) or "no day for it"
    return proof.finding("L143", f"names {day.words} in “{line[:60]}”", f"the facts say {said}", blocks=True)


def _labels(proof: Proof) -> tuple[tuple[re.Pattern[str], frozenset[date], bool], ...]:
    """What a line may say of a day, the days on which that was, and whether the line may name no others."""
    times = proof.incident.times
    found = [at for event, at in times.events.items() if event in DISCOVERIES or "aware" in event]

    def of(*moments: datetime | None) -> frozenset[date]:
        return frozenset(proof.known.day(moment) for moment in moments if moment)

    return (
        (HAPPENED, of(times.occurred.start, times.occurred.end), True),
        (DISCOVERED, of(*found), False),
        (CONTAINED, of(times.contained), False),
        (NEXT_NEWS, of(proof.draft.next_news_at), False),
    )


def _days_known(proof: Proof) -> frozenset[date]:
    """Every day that the facts, the news, the promises and the draft itself know."""
    draft, incident, known = proof.draft, proof.incident, proof.known
    times, facts, promises = incident.times, incident.facts, known.commitments
    moments = [draft.dated, draft.planned_for, draft.next_news_at, draft.sorry_for]
    moments += [
        times.occurred.start,
        times.occurred.end,
        times.contained,
        *times.events.values(),
        *(news.at for news in incident.news),
    ]
    moments += [fact.at for _, fact in facts if isinstance(fact, Fact)]
    moments += [done.at for done in facts.mitigations.value or ()]
    moments += [at for promise in promises for at in (promise.due_at, promise.new_due_at, promise.settled_at)]
    tracked = "\n".join(line for promise in promises for line in _in_words(promise, proof.variant.locale))
    told = (day.as_date for day in days(tracked, proof.phrases))
    return frozenset((*(known.day(at) for at in moments if at), *(day for day in told if day)))


def _in_words(promise: Commitment, locale: str) -> tuple[str, str, str]:
    return (
        text_for(promise.promise, locale),
        text_for(promise.reason, locale),
        text_for(promise.evidence, locale),
    )


def contacts(proof: Proof) -> Iterator[Finding]:
    """L104, L144 and L145: websites, telephones and mailboxes of others."""
    organisation, outside = proof.incident.organisation, proof.phrases.outside_contacts
    own, listed = organisation.own_domains, tuple(contact.casefold() for contact in outside)
    for link in (*links(proof.whole), *bare_hosts(proof.whole)):
        # A host of others may be named, so that people can type it; nothing leads there.
        if not within(host_of(link), own) and link.casefold() not in listed:
            yield proof.finding("L104", f"links to {link}", f"link only to {', '.join(own)}")
    for number in telephones(proof.said, proof.phrases):
        if not any(same_telephone(number, ours) for ours in (organisation.contacts.phone, *outside)):
            advice = f"name only {organisation.contacts.phone}, or list it in outside_contacts of the locale"
            yield proof.finding("L144", f"names the telephone number {number}", advice)
    for address in emails(proof.whole):
        ours = address.casefold() in (organisation.contacts.email.casefold(), *listed)
        if not ours and not within(address.rpartition("@")[2].casefold(), own):
            yield proof.finding("L145", f"names the email address {address}", f"use one at {', '.join(own)}")


def commitments_tracked(proof: Proof) -> Iterator[Finding]:
    """L147: promises with a time that no commitment tracks; when the next news comes is the plan's own."""
    locale = proof.variant.locale
    tracked = [_dense(plain(text_for(promise.promise, locale))) for promise in proof.known.commitments]
    for sentence in dict.fromkeys(dated_promises(MARK.sub("…", proof.variant.text), proof.phrases)):
        said = _dense(sentence)
        if not NEXT_NEWS.search(sentence) and not any(text and (text in said or said in text) for text in tracked):
            what = f"promises something by a time: “{sentence[:80]}”"
            yield proof.finding("L147", what, "make it a commitment with an owner, or take out the time")


def commitments_said(proof: Proof) -> Iterator[Finding]:
    """L148: commitments of this notice that a detailed variant does not name with their date."""
    if not proof.detailed:
        return
    zone, said = proof.incident.organisation.timezone, _dense(proof.said)
    for promise in proof.draft.commitments:
        due = say_date(proof.phrases, promise.due_at, zone)
        if _dense(plain(text_for(promise.promise, proof.variant.locale))) not in said:
            yield proof.finding("L148", f"does not say the promise {promise.id}", "say all that is promised with it")
        elif due not in proof.variant.text:
            yield proof.finding("L148", f"does not say by when {promise.id} is due", f"name the day: {due}")


def channels_agree(proofs: tuple[Proof, ...]) -> Iterator[Finding]:
    """L146: what only a short message says."""
    for proof in proofs:
        detailed = [other for other in proofs if other.detailed and other.variant.locale == proof.variant.locale]
        if proof.detailed or not detailed:
            continue
        more = sorted(proof.numbers - frozenset().union(*(other.numbers for other in detailed)))
        said = [day for other in detailed for day in other.days]
        more += [day.words for day in proof.days if not any(map(day.same_as, said))]
        if more:
            advice = "short messages may say less, never something else"
            yield proof.finding("L146", f"says {', '.join(dict.fromkeys(more))}, and nothing detailed does", advice)


def languages_agree(proofs: tuple[Proof, ...]) -> Iterator[Finding]:
    """L120: numbers, dates and links that one language says and the first one does not, or the other way round."""
    firsts: dict[tuple[str, str, str], Proof] = {}
    for proof in proofs:
        variant = proof.variant
        first = firsts.setdefault((variant.reader, variant.addendum, variant.channel), proof)
        if proof.numbers != first.numbers:
            yield proof.finding("L120", _difference(proof, first), "say the same in every language")


def _difference(proof: Proof, first: Proof) -> str:
    language = first.phrases.language
    more, less = sorted(proof.numbers - first.numbers), sorted(first.numbers - proof.numbers)
    says = [f"says {', '.join(more)}, which the {language} text does not"] if more else []
    lacks = [f"does not say {', '.join(less)}, which the {language} text does"] if less else []
    return ", and ".join((*says, *lacks))
