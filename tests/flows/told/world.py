"""An incident of which more and other things become known, with lists that are corrected and promises that are made."""

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from amends.domain.deliver.correction import Ask
from amends.domain.incident.commitment import CommitmentState
from amends.domain.people.person import Person
from tests.builders import NOW, a_commitment
from tests.commitments import keep
from tests.delivery.sending import INCIDENT
from tests.flows.told.incident import CAUSES, DAYS, ELEMENTS, PEOPLE, RULED_OUT, SURE, SUSPECTED, person
from tests.flows.told.team import DAY, LEAD, MINUTE, SOME, Team

MOST = 8
"""The highest number of a person."""
UNTIL = NOW + 1000 * DAY
"""The day for which promises are made, which no run of the machine reaches."""


class Lists(Team):
    """Lists of people that are corrected while the team tells them."""

    @rule(which=SOME, mailbox=SOME, elements=SOME)
    def somebody_is_found(self, which: int, mailbox: int, elements: int) -> None:
        """Perhaps somebody who was in the list before, or who shares the mailbox of another."""
        number = which % MOST + 1
        box = number if mailbox > 3 else mailbox + 1
        self.hand_in(self.listed | {number: person(number, box, elements)})

    @precondition(lambda self: len(self.listed) > 2)
    @rule(which=SOME)
    def somebody_is_gone(self, which: int) -> None:
        self.leave_out(sorted(self.listed)[which % len(self.listed)])

    @rule(which=SOME, elements=SOME)
    def somebody_lost_other_data(self, which: int, elements: int) -> None:
        number = sorted(self.listed)[which % len(self.listed)]
        data = ELEMENTS[elements % len(ELEMENTS)]
        self.hand_in(self.listed | {number: self.listed[number]._replace(data=data)})

    @precondition(lambda self: self.neighbours)
    @rule(which=SOME)
    def somebody_who_shares_a_mailbox_is_gone(self, which: int) -> None:
        self.leave_out(self.neighbours[which % len(self.neighbours)])

    @rule(which=SOME, mailbox=st.integers(0, 1000))
    def somebody_has_another_mailbox(self, which: int, mailbox: int) -> None:
        self.move(which, f"other{mailbox}@mail.example")

    @rule(which=SOME, to=SOME)
    def somebody_shares_the_mailbox_of_another(self, which: int, to: int) -> None:
        self.move(which, self.listed[sorted(self.listed)[to % len(self.listed)]].email)

    def leave_out(self, gone: int) -> None:
        self.hand_in({number: one for number, one in self.listed.items() if number != gone})

    def move(self, which: int, email: str) -> None:
        number = sorted(self.listed)[which % len(self.listed)]
        self.hand_in(self.listed | {number: self.listed[number]._replace(email=email)})

    @property
    def neighbours(self) -> list[int]:
        """The numbers of those in the list who share a mailbox."""
        readers = Counter(one.email for one in self.listed.values())
        return [number for number, one in sorted(self.listed.items()) if readers[one.email] > 1]

    def hand_in(self, listed: dict[int, Person]) -> None:
        self.now += MINUTE
        correction = self.ledger.corrections.compare(INCIDENT, listed.values())
        said = {ask: correction.difference.counts[ask] for ask in Ask}
        self.ledger.corrections.apply(correction, said, "f" * 64, LEAD, self.now)
        self.listed = listed
        self.number_people()


class Promises(Lists):
    """Promises that are made, kept, put off and dropped besides."""

    @precondition(lambda self: self.promises < 3)
    @rule(merchants=st.booleans())
    def a_promise_is_added(self, merchants: bool) -> None:
        self.promises += 1
        name = f"p{self.promises}"
        whom = "merchants" if merchants else "everyone"
        added = a_commitment(id=name, promise={"en": name}, audience=whom, due_at=UNTIL, made_in="")
        self.ledger.commitments.add(INCIDENT, [(added, ())], LEAD, self.now)

    @precondition(lambda self: self.promises)
    @rule(which=SOME, how=st.sampled_from(["keep", "keep", "put off", "drop"]))
    def a_promise_is_settled_or_put_off(self, which: int, how: str) -> None:
        name, words, commitments = f"p{which % self.promises + 1}", {"en": "so it is"}, self.ledger.commitments
        now = commitments.get(INCIDENT, name)
        if now.state is not CommitmentState.OPEN:
            return
        if how == "keep":
            keep(self.ledger, INCIDENT, name, words, LEAD, self.now)
        elif how == "drop":
            commitments.drop(INCIDENT, name, words, LEAD, self.now)
        else:
            until = (now.new_due_at or now.due_at) + DAY
            commitments.put_off(INCIDENT, name, until, words, LEAD, self.now)


class World(Promises):
    """What becomes known of the incident besides."""

    @rule(which=SOME, certainty=st.sampled_from([SURE, SURE, SUSPECTED, RULED_OUT]))
    def the_cause_is_another(self, which: int, certainty: str) -> None:
        self.know("cause", list(CAUSES)[which % len(CAUSES)], certainty)

    @rule(which=SOME, certainty=st.sampled_from([SURE, SUSPECTED]))
    def the_number_is_another(self, which: int, certainty: str) -> None:
        self.know("people", list(PEOPLE)[which % len(PEOPLE)], certainty)

    @rule(which=SOME)
    def the_day_is_another(self, which: int) -> None:
        self.know("discovered", list(DAYS)[which % len(DAYS)], SURE)

    def know(self, key: str, said: str, certainty: str) -> None:
        self.facts.said[key], self.facts.certainty[key] = said, certainty
        self.now += MINUTE
        self.ledger.incidents.amend(self.facts.file(), LEAD, self.now)
