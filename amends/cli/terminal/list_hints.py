"""Hints that the facts and the list of people disagree, for every command that brings new facts or a new list."""

from collections.abc import Iterator

from amends.domain.base.text import counted, listed
from amends.domain.case.outline import Outline
from amends.domain.people.locales import in_words, rule_command
from amends.domain.people.number import to_amend


def list_hints(case: Outline) -> Iterator[str]:
    """Yield a hint for each disagreement that keeps notices from being drafted."""
    incident, audience = case.incident, case.audience
    if without := case.without_texts:
        rule = rule_command(incident.id, without, incident.default_locale)
        yield (
            f"{in_words(without)}, and the incident file has no texts for them. No notice to them can be drafted until "
            f"you write these, or rule in which language they are told: {rule}"
        )
    if way_out := to_amend(incident, audience.people):
        yield (
            f"facts.people and the list disagree: the list has {audience.people:,}. No notice that names the number "
            f"can be drafted until you correct the list or amend {way_out}"
        )
    if apart := audience.not_in_the_facts(incident.facts):
        kinds = listed([f"{kind} ({counted(people, 'person', 'people')})" for kind, people in sorted(apart.items())])
        yield (
            f"facts.data_categories and the list disagree: the list has {kinds}. No notice that names to people their "
            "own data can be drafted until you correct the list or amend the fact"
        )
    yield from hints_on_claims(case)


def hints_on_claims(case: Outline) -> Iterator[str]:
    """Yield a hint when the list has nobody who may claim by the playbook."""
    from amends.domain.draft.recipients import why_nobody_may_claim

    if why := why_nobody_may_claim(case):
        yield f"{why}; correct the list, or change the playbook: `amends migrate {case.incident.id} --to NAME`"
