"""An incident of which little is said, in words that a program reads again: its facts, templates, steps and people."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from amends.domain.incident.commitment import FATES
from amends.domain.incident.facts import DataCategory
from amends.domain.incident.incident import Incident
from amends.domain.notice.statement import Statement, in_order
from amends.domain.notice.wording import Wording, say_data
from amends.domain.people.person import Person
from amends.domain.playbook.playbook import Playbook
from tests.builders import a_person, a_phrases, a_playbook, an_incident

SURE, SUSPECTED, RULED_OUT = "confirmed", "suspected", "ruled_out"
PEOPLE = {"up to 20": {"max": 20}, "up to 40": {"max": 40}, "between 2 and 40": {"min": 2, "max": 40}}
DAYS = {"21 November 2026": "2026-11-21", "22 November 2026": "2026-11-22", "23 November 2026": "2026-11-23"}
CAUSES = {"somebody broke in": "external_attack", "one of us": "insider", "we lost it": "loss"}
NOT_SO, NO_DATA = "That was not so.", "none of it"
KINDS = (DataCategory.BASIC_IDENTITY, DataCategory.CONTACT, DataCategory.CREDENTIALS_HASHED)
ELEMENTS = tuple(some for size in (1, 2, 3) for some in combinations(KINDS, size))
PHRASES = a_phrases(
    values={"cause": {word: said for said, word in CAUSES.items()}},
    no_data=NO_DATA,
    not_so=NOT_SO,
    commitment_states={fate: fate for fate in FATES},
)
ITEM = re.compile(r"^\W*(people|discovered|cause|data|promise|wrong) [=:] (.*)$", re.MULTILINE)
"""A line of a message that states something: `people = up to 20`."""

DATA_WORDS = {say_data(PHRASES, some): in_order("|".join(some)) for some in ELEMENTS} | {NO_DATA: ""}
VALUES: dict[str, Mapping[str, str]] = {
    "people": {said: f"{ends.get('min', '')}/{ends['max']}" for said, ends in PEOPLE.items()},
    "discovered": DAYS,
    "cause": CAUSES,
    "elements": DATA_WORDS,
}
"""The value of a statement by its words, for each key."""

CONTACT = "Call {{ organisation.phone }} or write to {{ organisation.email }}."
NEXT = "{% if next_news %}\n\nWe write again on {{ next_news }}.\n{% endif %}"
KNOWN = """
{% if people %}
- people = {{ people }}
{% endif %}
- discovered = {{ discovered }}
- cause = {{ story.what_happened }}
- data = {{ person.your_data }}
"""
PROMISES = """
{% for one in promises %}
- promise = {{ one.text }} | {{ one.state }} | {{ one.due }} | {{ one.new_due or "as promised" }}
{% endfor %}
"""
CHANGES = """
{% for one in changes %}
{% if one.wrong and one.was %}
- wrong = {{ one.key }} | {{ one.was }}
{% endif %}
- {{ "data" if one.key == "elements" else one.key }} = {{ one.now }}
{% endfor %}
"""
PROMISE = "\n- promise = {{ promise.text }} | {{ promise.state }} | {{ promise.due }} | {{ promise.new_due or 'as promised' }}\n\n"
PARTS = "".join(
    f'{{{{ part("{part}") }}}}\n{text}\n'
    for part, text in {
        "what_happened": KNOWN,
        "what_it_means": "{{ story.what_it_means }}",
        "what_we_do": "{{ story.what_we_do }}" + PROMISES,
        "what_you_can_do": "Be careful.",
        "how_to_reach_us": CONTACT + NEXT,
    }.items()
)
BODIES = {
    "first-notice": "{{ person.first_step }}\n" + PARTS,
    "correction": CHANGES + KNOWN + PROMISES + CONTACT + NEXT,
    "update": CHANGES + PROMISES + CONTACT + NEXT,
    "not-affected": '\n{{ states("elements") }}- data = ' + NO_DATA + "\n\n" + CONTACT,
    **dict.fromkeys(("promise-made", "promise-kept", "promise-late"), PROMISE + CONTACT + NEXT),
}


def wording() -> Wording:
    """Each notice as an email in English: a list of what it states."""
    subject = "{{% set subject %}}About {}{{% endset %}}\n"
    templates = {f"{name}/en.email.md": subject.format(name) + body for name, body in BODIES.items()}
    return Wording(templates=templates, phrases={"en": PHRASES})


def playbook() -> Playbook:
    """First notice, updates every third day, corrections, those who are not affected after all, promises."""
    email: dict[str, Any] = {"channels": ["email"], "approvals": 1}
    steps: list[dict[str, Any]] = [
        {"id": "first-notice", "phase": "notify", "of": "opened"},
        {"id": "update", "phase": "update", "after": "3d", "of": "notified", "every": "3d", "until": "resolved"},
        {"id": "correction", "phase": "notify", "of": "facts_changed", "when": {"told_wrongly": True}},
        {"id": "not-affected", "phase": "notify", "of": "no_longer_affected"},
    ]
    told = [{**step, **email, "notice": step["id"]} for step in steps]
    told[1]["at_most"] = 200
    chase = {"id": "chase", "phase": "follow_up", "after": "1d", "of": "notified", "every": "1d", "at_most": 400}
    return a_playbook(steps=[*told, chase | email], commitments=[], approval_expires_after="5000w")


@dataclass
class Facts:
    """What is known: the words of each fact, and how certain it is."""

    said: dict[str, str] = field(
        default_factory=lambda: {"people": "up to 20", "discovered": "23 November 2026", "cause": "we lost it"}
    )
    certainty: dict[str, str] = field(default_factory=lambda: {"people": SURE, "discovered": SURE, "cause": SURE})

    def known(self, data: tuple[DataCategory, ...]) -> dict[str, Statement]:
        """What is known now for a person of whom these data were stolen, by key."""
        own = Statement(key="elements", value=in_order("|".join(data)))
        return {key: statement(key, self.said[key], self.certainty[key]) for key in self.said} | {"elements": own}

    def file(self) -> Incident:
        """The incident file that says so."""
        cause, people = self.said["cause"], self.said["people"]
        happened = cause if self.certainty["cause"] != RULED_OUT else NOT_SO
        texts = {"what_happened": happened, "in_short": "It is bad.", "what_it_means": "A lot.", "what_we_do": "A lot."}
        file = an_incident(states={key: [] for key in texts} | {"what_happened": ["cause"]}, texts={"en": texts})
        times = {"occurred": {}, "discovered": f"{DAYS[self.said['discovered']]}T08:00:00Z"}
        facts = file.facts.model_dump(mode="json") | {
            "people": {"value": PEOPLE[people], "certainty": self.certainty["people"]},
            "cause": {"value": CAUSES[cause], "certainty": self.certainty["cause"]},
        }
        whole = file.model_dump(mode="json", by_alias=True) | {"times": times, "facts": facts}
        return Incident.model_validate(whole)


def statement(key: str, said: str, certainty: str) -> Statement:
    """The statement that these words make; words that something was not so rule it out."""
    if said == NOT_SO:
        return Statement.model_validate({"key": key, "value": "", "certainty": RULED_OUT})
    return Statement.model_validate({"key": key, "value": VALUES[key][said], "certainty": certainty})


def person(number: int, mailbox: int, elements: int) -> Person:
    """Somebody with this mailbox, of whom some data were stolen; every second one is a merchant."""
    return a_person(
        number=number,
        ref=f"C-{number}",
        name=f"C-{number}",
        email=f"box{mailbox}@mail.example",
        phone="",
        data=ELEMENTS[elements % len(ELEMENTS)],
        segment="merchants" if number % 2 else "",
    )
