"""The codes of the lint, which are stable, and the values that its rules read: a draft, its case and its variants."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo

from amends.domain.base.errors import Finding
from amends.domain.base.value import text_for
from amends.domain.incident.commitment import Commitment
from amends.domain.incident.incident import Incident, Story
from amends.domain.law.addendum import Addenda
from amends.domain.law.duty import Duty
from amends.domain.lint.extract import Headcount, NamedDay, days, headcounts, plain, stated
from amends.domain.notice.notice import OWN_CODE, SLOT_CLOSE, SLOT_OPEN, Draft, Reader, Slot, Variant
from amends.domain.notice.wording import Phrases, Wording, say_data
from amends.domain.people.person import AudienceCounts

MARK = re.compile(f"{SLOT_OPEN}({'|'.join(Slot)}|{OWN_CODE}[a-z0-9_-]+){SLOT_CLOSE}")
TOKEN = "x" * 27
"""A text as long as the token at the end of a personal link."""


class Stops(StrEnum):
    """The rule whether a code prevents the approval of a notice: always, sometimes or never."""

    ALWAYS = "stops"
    SOMETIMES = "stops or advises"
    NEVER = "advises"


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of a code, in words for people who write notices."""

    stops: Stops
    means: str
    advice: str


CODES = {
    "L100": Meaning(Stops.ALWAYS, "A variant has no text, or an email no subject in one line.", "Write its template."),
    "L101": Meaning(Stops.ALWAYS, "A first notice lacks one of its parts.", "Fill the part that is named."),
    "L102": Meaning(
        Stops.ALWAYS,
        "An SMS or a post stands alone: nothing detailed says more in its language.",
        "Add email or website.",
    ),
    "L103": Meaning(
        Stops.ALWAYS, "A short message does not lead to the reader's own page or to the notice page.", "Name the page."
    ),
    "L104": Meaning(
        Stops.ALWAYS,
        "It links to a website of others or a shortener, or names one that is not listed.",
        "Lead only to own domains; a host in `outside_contacts` of the locale may be named without a link.",
    ),
    "L105": Meaning(
        Stops.ALWAYS, "A detailed notice lacks the telephone number or the email address.", "Say how to reach you."
    ),
    "L106": Meaning(
        Stops.ALWAYS,
        "A phrase of `never_say` makes light of it, blames somebody or cannot be true.",
        "Say what is known and what is not.",
    ),
    "L107": Meaning(
        Stops.ALWAYS,
        "It seems to ask for a password, a code or a card number.",
        "Never ask; people must be able to rely on it.",
    ),
    "L108": Meaning(Stops.ALWAYS, "It does not say when the next news comes.", "Name the day."),
    "L109": Meaning(
        Stops.ALWAYS, "A variable is empty, or a brace of the template is left.", "Fill it, or leave it out."
    ),
    "L110": Meaning(Stops.ALWAYS, "A character that nobody can read or see.", "Copy the text again as plain text."),
    "L111": Meaning(
        Stops.ALWAYS,
        "A value of one person stands where others read, or a child's where there is none.",
        "Leave it out.",
    ),
    "L112": Meaning(
        Stops.SOMETIMES, "An SMS takes many segments; more than four are stopped.", "Shorten it: two are best."
    ),
    "L113": Meaning(Stops.ALWAYS, "A post is too long.", "280 characters are the most."),
    "L114": Meaning(
        Stops.ALWAYS,
        "A placeholder was left: TODO, an address at example.invalid, the telephone number 000 000 000.",
        "Write what belongs there, in the incident file or the template.",
    ),
    "L120": Meaning(
        Stops.NEVER, "Numbers, dates or links differ between two languages.", "Say the same in every language."
    ),
    "L130": Meaning(
        Stops.NEVER, "A sentence is long: over 30 words, or 40 characters of Chinese.", "Make two sentences of it."
    ),
    "L131": Meaning(
        Stops.SOMETIMES,
        "English that asks for more than 8 years of school (Flesch-Kincaid); more than 10 are stopped.",
        "Shorter sentences, shorter words.",
    ),
    "L132": Meaning(Stops.NEVER, "It sounds like advertising.", "Sell nothing in a notice."),
    "L133": Meaning(
        Stops.NEVER, "It speaks of an attachment; notices have none.", "Put it on the notice page, and name the page."
    ),
    "L140": Meaning(
        Stops.SOMETIMES,
        "The message does not say something that the law of its readers' home asks for. It stops where the law applies "
        "and somebody has checked the row.",
        "Say it and mark it with item() in the template, or let a lawyer rule on the duty.",
    ),
    "L141": Meaning(
        Stops.ALWAYS,
        "The message says something that the law of its readers' home forbids.",
        "Leave it out of this message.",
    ),
    "L142": Meaning(
        Stops.SOMETIMES,
        "A number of people that the facts and the audience do not allow, or a share that hides the number. It only "
        "advises where police or staff may be counted.",
        "Correct the text or the facts.",
    ),
    "L143": Meaning(
        Stops.SOMETIMES,
        "A day that is not among those of the facts; it stops where the text says what happened that day and the facts "
        "say otherwise.",
        "Correct the text or the facts.",
    ),
    "L144": Meaning(
        Stops.ALWAYS,
        "A telephone number that is not yours.",
        "Name only your own number and those in `outside_contacts` of the locale.",
    ),
    "L145": Meaning(Stops.ALWAYS, "An email address that is not yours.", "Name only addresses on your own domains."),
    "L146": Meaning(
        Stops.ALWAYS,
        "A short message says a number, a day or a link that nothing detailed in its language says.",
        "Say the same everywhere; short messages may say less.",
    ),
    "L147": Meaning(
        Stops.NEVER,
        "A sentence promises something by some time, and no commitment tracks it.",
        "Make it a commitment with an owner, or take out the time.",
    ),
    "L148": Meaning(
        Stops.ALWAYS,
        "A commitment is made with this notice, but its words or its date are not in it.",
        "Name it, or take it out of the incident or the playbook.",
    ),
    "L149": Meaning(
        Stops.NEVER,
        "Nobody checks requests for secrets, promises or numbers of people in this language.",
        "Let somebody who reads it look for them.",
    ),
    "L150": Meaning(
        Stops.NEVER,
        "A law wants somebody else to be told before these people, and nothing is filed for that.",
        "Tell them first and record it with `amends duty filed`.",
    ),
    "L151": Meaning(
        Stops.NEVER,
        "The law of its readers' home wants something to be given to them, such as credit monitoring.",
        "Hold what is promised against it: its length, and whom it is for.",
    ),
    "L152": Meaning(
        Stops.ALWAYS,
        "A message that leaves something out leads to the public page, which tells it.",
        "Lead to `{{ person.link }}`, or leave it out of the page too.",
    ),
    "L153": Meaning(
        Stops.NEVER,
        "It goes to people in a country whose states have addenda of their own, and nobody knows in which they live.",
        "Fill `region` in the audience file.",
    ),
    "L154": Meaning(
        Stops.ALWAYS,
        "The draft is older than the words in force, which do not know its addendum or its language any more.",
        "It is drafted afresh before anybody can approve it.",
    ),
    "L155": Meaning(
        Stops.NEVER,
        "A time that people were given for news was missed, and the text does not say so.",
        "Put `late.named` into the template, or the piece `lateness` of `_base`.",
    ),
    "L156": Meaning(
        Stops.ALWAYS,
        "The incident file, as it stands now, lacks something that every notice needs, such as a telephone number.",
        "Add it with `amends incident amend`; `amends incident check` lists all of it.",
    ),
    "L157": Meaning(
        Stops.ALWAYS,
        "It names the number of people, and the facts and the list are more than 2 % apart.",
        "Correct the list, or amend facts.people with min (at least) or max (up to).",
    ),
    "L158": Meaning(
        Stops.ALWAYS,
        "It names to people which of their data it is, and the list has kinds of data that the facts do not name.",
        "Correct the list, or amend facts.data_categories.",
    ),
    "L159": Meaning(
        Stops.NEVER,
        "It names a number of people or a day of the incident that none of its statements covers, so nobody would know "
        "who was told it.",
        "Put the key under `states` in the incident file, or let the template print the fact.",
    ),
    "L160": Meaning(
        Stops.NEVER,
        "It is a page that is published again, and it does not list what changed since the first time.",
        'Put `part("revisions")` and the piece `revised` of `_base` into the template.',
    ),
    "L161": Meaning(
        Stops.ALWAYS,
        "A link without https, with a port or a login in it, or with another address inside to which it leads on.",
        "Link to the page itself: https, the host, the path.",
    ),
    "L162": Meaning(
        Stops.ALWAYS,
        "Something is offered, such as credit monitoring, and a way to take it up or its last day is missing.",
        "Write code, link or phone, and until, under `take_up` of the commitment in the incident file.",
    ),
    "L170": Meaning(
        Stops.ALWAYS,
        "A first letter does not say the reader's own first step within its first 80 words.",
        "Write `{{ person.first_step }}` at the top of the template.",
    ),
    "L171": Meaning(
        Stops.SOMETIMES,
        "A first letter has more than 350 words without its help; above 700 it stops, unless people are told late.",
        "Shorten the texts of the incident file; the notice page has room for the rest.",
    ),
    "L172": Meaning(
        Stops.ALWAYS,
        "A personal letter leaves it to the reader whether a step is for them: “If a card is named above …”.",
        "Write `{{ person.steps }}`, which holds only the reader's own steps.",
    ),
    "L173": Meaning(
        Stops.NEVER,
        "It says something that a court may read as an admission of fault.",
        "Say sorry for what happened, and let a lawyer read the rest. The list is `admissions` of the locale.",
    ),
    "L174": Meaning(
        Stops.ALWAYS, "A promise is told as kept in words that still promise it.", "Say what has been done."
    ),
    "L175": Meaning(
        Stops.NEVER,
        "The evidence of a kept promise is a number that only your own people know.",
        "Say what was found for the reader: “We checked your account. Nothing had been changed.”",
    ),
    "L176": Meaning(
        Stops.ALWAYS,
        "The text contradicts itself or the facts: nobody has read the data and somebody may have; it was stopped, and "
        "it was published.",
        "Say what is known, and that the rest is not.",
    ),
    "L177": Meaning(
        Stops.NEVER,
        "Many people ask the same, nobody has an answer, and the update does not speak of it.",
        'Answer the group, or put `part("many_asked")` and the piece `asked_by_many` of `_base` into the template.',
    ),
}
"""All findings of the lint. A code keeps its meaning for ever; a new meaning gets a new code."""


@dataclass(frozen=True)
class LintContext:
    """A draft and the facts that it is compared with, the same for all its variants."""

    draft: Draft
    incident: Incident
    page: str
    """The beginning of the address of the notice page, the same for every locale."""
    wording: Wording
    duties: tuple[Duty, ...]
    audience: AudienceCounts
    commitments: tuple[Commitment, ...]
    """The commitments made before and those made with this notice."""

    @property
    def addenda(self) -> Addenda:
        """Return the addenda of the words."""
        return self.wording.addenda

    def day(self, moment: datetime) -> date:
        """Return the day of this moment in the organisation's time zone."""
        return moment.astimezone(ZoneInfo(self.incident.organisation.timezone)).date()


@dataclass(frozen=True)
class Proof:
    """One variant of a draft, with the facts that it is compared with."""

    known: LintContext
    variant: Variant
    phrases: Phrases

    @property
    def draft(self) -> Draft:
        """Return the draft to which the variant belongs."""
        return self.known.draft

    @property
    def incident(self) -> Incident:
        """Return the incident that the notice is about."""
        return self.known.incident

    @property
    def detailed(self) -> bool:
        """Return True when the variant's channel carries everything that a notice must say."""
        return self.variant.channel.detailed

    @property
    def language(self) -> str:
        """Return the language without script and country, such as zh."""
        return self.variant.locale.split("-")[0]

    @property
    def whole(self) -> str:
        """Return subject and text, as sent except for the slots."""
        return f"{self.variant.subject}\n\n{self.variant.text}"

    @cached_property
    def said(self) -> str:
        """Return subject and text in plain writing, as the rules search them, without slots and quotes.

        A line that quotes what was wrong names days and numbers that no fact knows any more.
        """
        quotes = frozenset(self.variant.quotes)
        own = "\n".join(line for line in self.whole.split("\n") if line not in quotes)
        return plain(MARK.sub("…", own))

    @cached_property
    def days(self) -> tuple[NamedDay, ...]:
        """Return the days that the variant names."""
        return days(self.said, self.phrases)

    @cached_property
    def headcounts(self) -> tuple[Headcount, ...]:
        """Return the numbers of people that the variant states."""
        return headcounts(self.said)

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Return all numbers and links of the variant, written in one way in every language."""
        return stated(self.said, self.phrases)

    @property
    def filled(self) -> str:
        """Return the text with values of usual length in its slots, and without the help at its end."""
        usual = self._own_values | {Slot.YOUR_DATA: "Alex Example"}
        return MARK.sub(lambda mark: usual.get(mark[1], "Alex Example"), self.variant.text)

    @property
    def letter(self) -> str:
        """Return the text as somebody reads it whose every kind of data was touched, without the help at its end."""
        return self.with_own_values(self.variant.text)

    def with_own_values(self, text: str) -> str:
        """Return a piece of the text as somebody reads it whose every kind of data was touched."""
        return MARK.sub(lambda mark: self._own_values.get(mark[1], "Alex Example"), text)

    @cached_property
    def _own_values(self) -> dict[str, str]:
        """Return the values of somebody whose every kind of data was touched and who lives where the variant is for."""
        kinds, name = self.incident.facts.categories(), self.variant.name
        child = self.variant.reader is Reader.GUARDIAN
        return {
            **self.known.wording.example(name.locale, name.addendum, kinds, child=child),
            Slot.PERSONAL_LINK: TOKEN,
            Slot.YOUR_DATA: say_data(self.phrases, kinds),
            Slot.HELP: "",
            Slot.RESULT: self._longest_result,
            Slot.EARLIER_RESULT: self._longest_result,
        }

    @property
    def _longest_result(self) -> str:
        """Return the longest of the results that a reader of the variant can have; empty without any."""
        results = (text_for(texts, self.variant.locale) for texts in self.draft.results.values())
        return max(results, key=len, default="")

    @property
    def story(self) -> Story | None:
        """Return the incident's texts in this locale, or None when there are none."""
        return self.incident.texts.get(self.variant.locale)

    @property
    def sms(self) -> bool:
        """Return True when the variant is an SMS, which is charged by the segment."""
        return self.variant.channel.segmented

    def finding(self, code: str, what: str, advice: str, *, blocks: bool | None = None) -> Finding:
        """Return a finding about this variant; `blocks` must be given for a code that only sometimes stops."""
        always = CODES[code].stops is Stops.ALWAYS
        where = f"{self.draft.notice} {self.variant.id}"
        return Finding(where=where, code=code, what=what, advice=advice, blocks=always if blocks is None else blocks)
