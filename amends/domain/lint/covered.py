"""Numbers and days that a text names without stating them, so that nobody would know who was told them."""

from collections.abc import Iterator
from datetime import date, datetime

from amends.domain.base.errors import Finding
from amends.domain.incident.incident import StatementKey
from amends.domain.lint.codes import Proof

ADVICE = (
    "put the key under `states` of the text or of the news in the incident file, or let the template print the fact"
)


def uncovered(proof: Proof) -> Iterator[Finding]:
    """Yield L159 for each number of people and each day of the incident that no statement of the text covers."""
    states = _states(proof)
    facts = _people(proof)
    if StatementKey.PEOPLE not in states:
        for count in {
            headcount.words: headcount for headcount in proof.headcounts if headcount.number in facts
        }.values():
            yield proof.finding("L159", f"names “{count.words}” and does not state people", ADVICE)
    for day in {one.words: one for one in proof.days}.values():
        keys = [key for key, known in _days(proof).items() if day.among(known)]
        if keys and not states & set(keys) and not day.among(_own_days(proof)):
            yield proof.finding("L159", f"names {day.words} and does not state {' or '.join(keys)}", ADVICE)


def _states(proof: Proof) -> frozenset[str]:
    """Return the keys of all that the text states; a quick message to a person also tells what its page says."""
    own, channel = frozenset(proof.variant.states), proof.variant.channel
    if channel.detailed or not channel.personal:
        return own
    pages = (variant for variant in proof.draft.variants if variant.channel.page)
    return own.union(*(page.states for page in pages if page.locale == proof.variant.locale))


def _people(proof: Proof) -> frozenset[int]:
    fact = proof.incident.facts.people
    ends = (fact.value.min, fact.value.max) if fact.value and fact.stands else ()
    return frozenset(end for end in ends if end)


def _days(proof: Proof) -> dict[StatementKey, frozenset[date]]:
    """Return the days of the incident by the statement that tells them."""
    times = proof.incident.times

    def of(*moments: datetime | None) -> frozenset[date]:
        return frozenset(proof.known.day(moment) for moment in moments if moment)

    return {
        StatementKey.OCCURRED: of(times.occurred.start, times.occurred.end),
        StatementKey.DISCOVERED: of(times.events.get("discovered")),
        StatementKey.CONTAINED: of(times.contained),
    }


def _own_days(proof: Proof) -> frozenset[date]:
    """Return the days that a text may name for another reason: its own, those of news and of commitments."""
    draft, commitments = proof.draft, proof.known.commitments
    moments = [draft.dated, draft.first_dated, draft.planned_for, draft.next_news_at, draft.sorry_for]
    moments += [news.at for news in proof.incident.news]
    moments += [
        at for commitment in commitments for at in (commitment.due_at, commitment.new_due_at, commitment.settled_at)
    ]
    return frozenset(proof.known.day(at) for at in moments if at)
