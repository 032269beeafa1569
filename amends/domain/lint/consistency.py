"""Rules of the lint that compare a variant with facts, laws, commitments and other variants, so that it is true."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

from amends.domain.base.errors import Finding
from amends.domain.base.text import counted, listed
from amends.domain.base.url import same_site
from amends.domain.base.value import text_for
from amends.domain.incident.commitment import Commitment, CommitmentKind, TakeUp, needs_of
from amends.domain.incident.facts import Fact
from amends.domain.incident.incident import StatementKey
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
    is_plain_https,
    leads_on,
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
from amends.domain.people.number import to_amend

DISCOVERIES = ("discovered", "detected", "breach_detected", "found_or_learned", "noticed", "learned", "suspected")
NATURE, PEOPLE_COUNT = "nature", "people_count"
STREET_OR_BOX = re.compile(r"\b[Bb]ox \d+|\b\d+(?= [A-Z])")
"""The number of an address, such as 600 Pennsylvania Avenue."""
BARE_NUMBER = 100
"""A number of this size or more that equals the count of people reveals the count, even without people beside it."""
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
    r"^\W*(?:when we (?:stopped it|took first steps)[^:]{0,30}|contained|"
    r"(?:采取)?控制措施的?时间|控制(?:时间|日期)) ?:",
    re.IGNORECASE,
)
TELLS_HOW = {
    "en": re.compile(
        r"\b(?:stolen|theft|thie(?:f|ves)|laptops?|devices?|terminals?|phones?|papers?|vans?|cars?|on the road|"
        r"break-?in|locked away|ransom\w*|phish\w*|malware|hack\w*|attack\w*|intru\w*|servers?|websites?|"
        r"mailbox(?:es)?|vendors?|suppliers?|insiders?|encrypt\w*|leaves? our offices?)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"被盗|盗窃|笔记本|电脑|终端|设备|纸质|车上|上锁|勒索|钓鱼|木马|黑客|攻击|入侵|服务器|网站|邮箱|供应商|擅自|加密"
    ),
}
"""Words in a promise that let a reader guess what happened, by language."""
NEXT_NEWS = re.compile(
    r"next (?:news|update|report)|(?:write|report|inform you)(?: to you)? again|hear from us again"
    r"|下次(?:通知|通报|更新)|下一次(?:通知|通报|更新)|再次(?:通知|通报)",
    re.IGNORECASE,
)


def items_asked_for(proof: Proof) -> Iterator[Finding]:
    """Yield L140 for each item that a law of the readers' homes asks for and the variant does not say."""
    known, variant = proof.known, proof.variant
    if proof.draft.template not in known.addenda.whole or not (proof.detailed and variant.channel.personal):
        return
    for item, asked in _asked_for(known, variant).items():
        if item in variant.items:
            continue
        strictest, code = max(asked, key=_is_strict)
        exists = item in known.addenda.items
        named = f"does not say {_words(item)}" if exists else f"may not say {_words(item)}"
        more = f" and {len(asked) - 1} more" if len(asked) > 1 else ""
        what = f"{named}, which {strictest.law} asks for ({strictest.citation}, {strictest.id}){more}"
        blocks = exists and _is_strict((strictest, code)) and _expected(known, variant, item)
        yield proof.finding("L140", what, _advice(known, variant, item, strictest, blocks=blocks), blocks=blocks)


def _asked_for(known: LintContext, variant: Variant) -> dict[str, list[tuple[Duty, str]]]:
    """Return the items asked for, each with the duties and codes that ask for it.

    A code that no item answers is listed under the code itself.
    """
    asked: dict[str, list[tuple[Duty, str]]] = {}
    for duty in known.duties:
        if duty.addressee is not Addressee.PEOPLE or duty.standing is DutyStanding.EXEMPT:
            continue
        if not known.addenda.reaches(duty.places, variant.addendum):
            continue
        for code in duty.content:
            asked.setdefault(known.addenda.item_of(code) or code, []).append((duty, code))
    return asked


def _is_strict(asked: tuple[Duty, str]) -> bool:
    """Return True when a binding law asks for the content without an if."""
    duty, code = asked
    return binding(duty) and "_if_" not in code


def _words(name: str) -> str:
    return name.replace("_", " ")


def binding(duty: Duty) -> bool:
    """Return True when the duty applies and a person has checked its row against the law."""
    return duty.standing is DutyStanding.APPLIES and duty.confidence.verified


def _expected(known: LintContext, variant: Variant, item: str) -> bool:
    """Return True when there is something to say about the item, and no law of the place forbids it."""
    optional = known.addenda.items[item].if_any or item in forbidden_items(known, variant)
    return not optional and _in_the_facts(known, item)


def _in_the_facts(known: LintContext, item: str) -> bool:
    """Return True when the facts hold what the item says, or the item does not depend on facts."""
    times, contacts = known.incident.times, known.incident.organisation.contacts
    depending = {
        "breach_dates": times.occurred.start or times.occurred.end,
        "discovery_date": any(event in times.events for event in DISCOVERIES),
        "officer": contacts.officer,
        "people_count": known.incident.facts.people.stands,
        "credit_monitoring": any(p.kind is CommitmentKind.CREDIT_MONITORING for p in known.commitments),
    }
    return bool(depending.get(item, True))


def _advice(known: LintContext, variant: Variant, item: str, duty: Duty, *, blocks: bool) -> str:
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
    """Return the items that the variant must leave out, each with the law that forbids it."""
    addendum = known.addenda.addendum(variant.addendum)
    listed = dict.fromkeys(addendum.leaves_out if addendum else (), "addenda.yaml")
    laws = {
        item: f"{duty.law}, {duty.citation}"
        for duty in known.duties
        if duty.addressee is Addressee.PEOPLE and duty.standing is not DutyStanding.EXEMPT
        for place in duty.places
        if known.addenda.is_for(place, variant.addendum)
        for item in duty.leaves_out
    }
    return listed | laws


def items_forbidden(proof: Proof) -> Iterator[Finding]:
    """Yield L141 for each item that a law of the readers' homes forbids, marked in the template or only said."""
    forbidden = forbidden_items(proof.known, proof.variant)
    for item in sorted(forbidden.keys() & set(proof.variant.items)):
        what = f"says {_words(item)}, which is forbidden there ({forbidden[item]})"
        yield proof.finding("L141", what, f"leave it out: addendum.says('{item}') is false here")
    if NATURE in forbidden and (sentence := _sentence_on_nature(proof)):
        what = f"says what happened, which is forbidden there ({forbidden[NATURE]}): “{sentence}”"
        yield proof.finding("L141", what, "leave out what the incident's texts say of it")
    if NATURE in forbidden:
        yield from _hints_of_nature(proof, forbidden[NATURE])
    if PEOPLE_COUNT in forbidden and (count := _stated_count(proof)):
        what = f"says how many people it is, which is forbidden there ({forbidden[PEOPLE_COUNT]}): {count}"
        yield proof.finding("L141", what, "leave the number out")


def _sentence_on_nature(proof: Proof) -> str:
    """Return a sentence of the incident's texts on what happened that the variant repeats, or ""."""
    if proof.story is None:
        return ""
    said = _dense(proof.said)
    on_nature = sentences(plain(f"{proof.story.in_short}\n\n{proof.story.what_happened}"))
    return next((sentence for sentence in on_nature if _dense(sentence) in said), "")


def _hints_of_nature(proof: Proof, law: str) -> Iterator[Finding]:
    """Yield L141 for each promise that lets a reader guess what happened."""
    hint, said = TELLS_HOW.get(proof.language), _dense(proof.said)
    for made in proof.known.commitments:
        text = text_for(made.promise, proof.variant.locale)
        if hint and text and _dense(text) in said and (word := hint.search(text)):
            what = f"promises “{text}”, where “{word[0]}” tells what happened, which is forbidden there ({law})"
            yield proof.finding("L141", what, "word it without the cause, or promise it to other places only")


def _stated_count(proof: Proof) -> str:
    """Return the number of people that the variant states or reveals, or ""."""
    if proof.headcounts:
        return f"“{proof.headcounts[0].words}”"
    rest = STREET_OR_BOX.sub(" ", without_addresses(proof.said))
    for words in (*(day.words for day in proof.days), *telephones(rest, proof.phrases)):
        rest = rest.replace(words, " ")
    revealed = stated(rest, proof.phrases) & {str(number) for number in _counts_of(proof) if number >= BARE_NUMBER}
    return next(iter(sorted(revealed)), "")


def _counts_of(proof: Proof) -> set[int]:
    """Return the numbers of people in all, and in the places where the variant's addendum is used."""
    known, addendum = proof.known, proof.variant.addendum
    living = [duty.people for duty in known.duties if any(known.addenda.is_for(p, addendum) for p in duty.places)]
    homes = {**known.incident.residences, **known.audience.by_place}
    there = [people for place, people in homes.items() if known.addenda.is_for(place, addendum)]
    return _people_in_facts(known) | {number for number in (*living, *there) if number}


def _dense(text: str) -> str:
    return re.sub(r"\W+", " ", text).casefold().strip()


def people_known(known: LintContext) -> frozenset[int]:
    """Return every number of people that the facts, the audience and the duties hold."""
    fact, audience = known.incident.facts.people, known.audience
    ends = (fact.value.min, fact.value.max) if fact.value and fact.stands else ()
    parts = (audience.by_category, audience.by_segment, audience.by_place, audience.by_country)
    counted = [count for part in parts for count in part.values()]
    living = [duty.people for duty in known.duties]
    numbers = (*ends, known.draft.people, audience.people, *counted, *known.incident.residences.values(), *living)
    return frozenset(number for number in numbers if number)


def people(proof: Proof) -> Iterator[Finding]:
    """Yield L142 for each number of people that contradicts the facts, and for shares that hide the number."""
    known, between = people_known(proof.known), _allowed_range(proof.known)
    wrong = [count for count in proof.headcounts if not count.fits(known, between)]
    for count in {count.words: count for count in wrong}.values():
        others = OTHERS.search(count.sentence) is not None
        advice = f"the facts and the audience say {_people_in_words(proof.known)}"
        yield proof.finding("L142", f"says “{count.words}”", advice, blocks=not others)
    if len(wrong) == len(proof.headcounts):
        for share in dict.fromkeys(shares(proof.said)):
            yield proof.finding("L142", f"says “{share}” and no number", "say how many people it is", blocks=True)


def counts_apart(known: LintContext) -> Iterator[Finding]:
    """Yield L157 when a notice names the number of people, and the facts and the list are too far apart.

    Nobody can say which of the two is wrong: a person amends the facts or corrects the list, or rules that more people
    are still to be listed.
    """
    listed = known.audience.people
    states = any(statement.key == StatementKey.PEOPLE for statement in known.draft.statements)
    if states and (way_out := to_amend(known.incident, listed)):
        what = f"the facts say {_people_in_words(known)}, and the list has {counted(listed, 'person', 'people')}"
        yield Finding(known.draft.notice, "L157", what, f"correct the list, or amend {way_out}")


def data_apart(known: LintContext) -> Iterator[Finding]:
    """Yield L158 when a notice names to people their own data, and the list has kinds that the facts do not name."""
    apart = known.audience.not_in_the_facts(known.incident.facts)
    states = any(
        variant.channel.personal and StatementKey.ELEMENTS in variant.states for variant in known.draft.variants
    )
    if states and apart:
        kinds = listed([f"{kind} ({counted(people, 'person', 'people')})" for kind, people in sorted(apart.items())])
        what = f"the list has {kinds}, which the facts rule out or do not name"
        yield Finding(known.draft.notice, "L158", what, "correct the list, or amend facts.data_categories")


def _allowed_range(known: LintContext) -> range:
    """Return the numbers of people that the facts allow; empty when the facts give one end of the range, or none."""
    fact = known.incident.facts.people
    if not (fact.value and fact.stands) or fact.value.min is None or fact.value.max is None:
        return range(0)
    return range(fact.value.min, fact.value.max + 1)


def _people_in_words(known: LintContext) -> str:
    """Return the numbers that a notice may state, such as "between 4,800 and 6,000 or 5,203"."""
    between, numbers = _allowed_range(known), sorted(_people_in_facts(known))
    ends = [f"between {between[0]:,} and {between[-1]:,}"] if len(between) > 1 else []
    listed = [f"{number:,}" for number in numbers if not ends or number not in (between[0], between[-1])]
    return " or ".join((*ends, *listed)) or "no number"


def _people_in_facts(known: LintContext) -> set[int]:
    """Return the numbers of people in the facts, and the size of the draft's audience."""
    fact = known.incident.facts.people
    ends = {fact.value.min, fact.value.max} if fact.value and fact.stands else set()
    return {number for number in (*ends, known.draft.people) if number}


def dates(proof: Proof) -> Iterator[Finding]:
    """Yield L143 for each day that no fact names, or that contradicts the facts."""
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
    """Yield each day of a line that is wrong for the event that the line names, with the days of that event."""
    named = days(line, proof.phrases)
    for label, wanted, both_ends in _labels(proof):
        if not label.search(line) or not (wanted or label is NEXT_NEWS):
            continue
        wrong = [day for day in named if not day.among(wanted)]
        # A sentence may name another day beside the right one; a line with the beginning and the end may not.
        if both_ends or len(wrong) == len(named):
            yield from ((day, wanted) for day in wrong)


def _contradiction(proof: Proof, line: str, day: NamedDay, wanted: frozenset[date]) -> Finding:
    zone = proof.incident.organisation.timezone
    noons = [datetime(each.year, each.month, each.day, 12, tzinfo=ZoneInfo(zone)) for each in sorted(wanted)]
    said = ", ".join(say_date(proof.phrases, noon, zone) for noon in noons) or "no day for it"
    return proof.finding("L143", f"names {day.words} in “{line[:60]}”", f"the facts say {said}", blocks=True)


def _labels(proof: Proof) -> tuple[tuple[re.Pattern[str], frozenset[date], bool], ...]:
    """Return the events that a line may name, each with its days and True when the line may name no other days."""
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
    """Return every day that the facts, the news, the commitments and the draft itself name."""
    draft, incident, known = proof.draft, proof.incident, proof.known
    times, facts, commitments = incident.times, incident.facts, known.commitments
    moments = [draft.dated, draft.first_dated, draft.planned_for, draft.next_news_at, draft.sorry_for]
    moments += [
        times.occurred.start,
        times.occurred.end,
        times.contained,
        *times.events.values(),
        *(news.at for news in incident.news),
    ]
    moments += [fact.at for _, fact in facts if isinstance(fact, Fact)]
    moments += [done.at for done in facts.mitigations.value or ()]
    moments += [
        at
        for commitment in commitments
        for at in (commitment.due_at, commitment.new_due_at, commitment.next_word_at, commitment.settled_at)
    ]
    tracked = "\n".join(line for commitment in commitments for line in _in_words(commitment, proof.variant.locale))
    in_texts = (day.as_date for day in days(tracked, proof.phrases))
    last_days = (date.fromisoformat(one.until) for one in _offered(proof) if one.until)
    return frozenset((*(known.day(at) for at in moments if at), *(day for day in in_texts if day), *last_days))


def _in_words(commitment: Commitment, locale: str) -> tuple[str, str, str]:
    return (
        text_for(commitment.promise, locale),
        text_for(commitment.reason, locale),
        text_for(commitment.evidence, locale),
    )


def contacts(proof: Proof) -> Iterator[Finding]:
    """Yield L104, L144, L145 and L161 for each website, number and mailbox that people should not be led to."""
    organisation, outside = proof.incident.organisation, (*proof.phrases.outside_contacts, *proof.known.wording.helpers)
    own, named = organisation.own_domains, tuple(contact.casefold() for contact in outside)
    offered = _offered(proof)
    phones = [one.phone for one in offered if one.phone]
    for link in (*links(proof.whole), *bare_hosts(proof.whole)):
        # A listed host of others may be named without a link, so that people can type it.
        of_offer = any(link.rstrip("/") == one.link.rstrip("/") for one in offered if one.link)
        if not within(host_of(link), own) and link.casefold() not in named and not of_offer:
            yield proof.finding("L104", f"links to {link}", f"link only to {', '.join(own)}")
    yield from _roundabout_links(proof)
    for number in telephones(proof.said, proof.phrases):
        if not any(same_telephone(number, ours) for ours in (organisation.contacts.phone, *outside, *phones)):
            advice = f"name only {organisation.contacts.phone}, or list it in outside_contacts of the locale"
            yield proof.finding("L144", f"names the telephone number {number}", advice)
    for address in emails(proof.whole):
        ours = address.casefold() in (organisation.contacts.email.casefold(), *named)
        if not ours and not within(address.rpartition("@")[2].casefold(), own):
            yield proof.finding("L145", f"names the email address {address}", f"use one at {', '.join(own)}")


def _roundabout_links(proof: Proof) -> Iterator[Finding]:
    """Yield L161 for each link without https, with a port or a login of its own, or with another address inside.

    The portal may have a port of its own, and no https on this machine alone: its address was checked as a setting.
    """
    for link in links(proof.whole):
        if not (is_plain_https(link) or ("@" not in link and same_site(link, proof.known.page))):
            advice = "write it with https, and without a port or a login"
            yield proof.finding("L161", f"links to {link}, which is no plain https link", advice)
        elif leads_on(MARK.sub("", link)):
            advice = "link to the page itself, because whoever changes the address inside leads people elsewhere"
            yield proof.finding("L161", f"links to {link}, which holds another address", advice)


def commitments_tracked(proof: Proof) -> Iterator[Finding]:
    """Yield L147 for each promise with a time that no commitment tracks.

    Sentences about the next update are left out, because the plan tracks its time.
    """
    locale = proof.variant.locale
    tracked = [_dense(plain(text_for(commitment.promise, locale))) for commitment in proof.known.commitments]
    for sentence in dict.fromkeys(dated_promises(MARK.sub("…", proof.variant.text), proof.phrases)):
        said = _dense(sentence)
        if not NEXT_NEWS.search(sentence) and not any(text and (text in said or said in text) for text in tracked):
            what = f"promises something by a time: “{sentence[:80]}”"
            yield proof.finding("L147", what, "make it a commitment with an owner, or take out the time")


def commitments_said(proof: Proof) -> Iterator[Finding]:
    """Yield L148 for each commitment of this notice that a detailed variant does not name with its date."""
    if not proof.detailed:
        return
    zone, said = proof.incident.organisation.timezone, _dense(proof.said)
    for commitment in proof.draft.commitments:
        due = say_date(proof.phrases, commitment.due_at, zone)
        if _dense(plain(text_for(commitment.promise, proof.variant.locale))) not in said:
            yield proof.finding("L148", f"does not say the promise {commitment.id}", "say all that is promised with it")
        elif due not in proof.variant.text:
            yield proof.finding("L148", f"does not say by when {commitment.id} is due", f"name the day: {due}")


def offers_can_be_taken_up(known: LintContext) -> Iterator[Finding]:
    """Yield L162 for each offer of this notice that nobody could take up."""
    planned = {commitment.id: commitment.needs for commitment in known.incident.commitments}
    for commitment in known.draft.commitments:
        if lacks := commitment.take_up.lacks(needs_of(commitment.kind, planned.get(commitment.id, ()))):
            what = f"offers {commitment.id}, and nobody could take it up without {listed(lacks)}"
            take_up = f"take_up of {commitment.id} in the incident file"
            advice = f"write it under {take_up}, or promise it once there is a contract"
            yield Finding(known.draft.notice, "L162", what, advice)


def _offered(proof: Proof) -> tuple[TakeUp, ...]:
    return tuple(commitment.take_up for commitment in proof.known.commitments)


def channels_agree(proofs: tuple[Proof, ...]) -> Iterator[Finding]:
    """Yield L146 for each short message that says a number, a day or a link which no detailed variant says.

    The link to the notice page is none of these: where all letters lead to the readers' own pages, no letter has it.
    """
    for proof in proofs:
        detailed = [other for other in proofs if other.detailed and other.variant.locale == proof.variant.locale]
        if proof.detailed or not detailed:
            continue
        elsewhere = {said for said in proof.numbers if not said.startswith(proof.known.page)}
        more = sorted(elsewhere.difference(*(other.numbers for other in detailed)))
        said = [day for other in detailed for day in other.days]
        more += [day.words for day in proof.days if not any(map(day.same_as, said))]
        if more:
            advice = "short messages may say less, never something else"
            yield proof.finding("L146", f"says {', '.join(dict.fromkeys(more))}, and nothing detailed does", advice)


def languages_agree(proofs: tuple[Proof, ...]) -> Iterator[Finding]:
    """Yield L120 for each variant whose numbers, dates or links differ from those in the first language."""
    firsts: dict[tuple[str, ...], Proof] = {}
    for proof in proofs:
        variant = proof.variant
        first = firsts.setdefault((*variant.name[1:], variant.channel), proof)
        if proof.numbers != first.numbers:
            yield proof.finding("L120", _difference(proof, first), "say the same in every language")


def _difference(proof: Proof, first: Proof) -> str:
    language = first.phrases.language
    more, less = sorted(proof.numbers - first.numbers), sorted(first.numbers - proof.numbers)
    says = [f"says {', '.join(more)}, which the {language} text does not"] if more else []
    lacks = [f"does not say {', '.join(less)}, which the {language} text does"] if less else []
    return ", and ".join((*says, *lacks))
