"""A year of an incident, as the mailboxes of its people tell it: each of them holds one consistent true story.

The relay's log is the witness. Each check reads messages as a person would and holds them against what the test itself
knows to be so; the ledger is asked for the dossiers only, which must be what the relay took, word for word.
"""

import asyncio
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest

from amends.delivery import compose
from amends.delivery.dossier import with_words
from amends.domain.case.dossier import MASK
from amends.domain.case.states import IncidentState
from amends.domain.channel.channel import ChannelKind
from amends.domain.claim.claim import ClaimState
from amends.domain.playbook.closing import Criterion
from amends.sandbox.mail import MailServer
from tests.acceptance.keeping import CHECKED, COURSE, KEPT_SCRIPT, LESSONS, OUTCOMES, ROUNDS, RULES, KeptYear
from tests.acceptance.mailboxes import ClaimStep, Kind, Mail, in_one_form, mailboxes
from tests.acceptance.truth import GROWN, Truth
from tests.acceptance.year import Sizes
from tests.ledger.forget.forgetting import found_in_rows
from tests.story import INCIDENT, START

pytestmark = pytest.mark.timeout(2400)
PEOPLE = int(os.environ.get("AMENDS_YEAR_PEOPLE", "200"))
"""The people of the first list; half as many are found late. A thousand take ten minutes."""
SIZES = Sizes(known=PEOPLE, found_late=PEOPLE // 2, removed=PEOPLE // 20, grown=PEOPLE // 20)
END_OF = {"kept": Kind.KEPT, "dropped": Kind.DROPPED, "broken": Kind.BROKEN}
CODE = re.compile(r"\bBTP-\d{5}\b")


@dataclass(frozen=True)
class Story:
    """A year that is over, and the mailbox of each person by number."""

    year: KeptYear
    boxes: dict[int, list[Mail]]

    @property
    def truth(self) -> Truth:
        return self.year.truth

    @property
    def staying(self) -> dict[int, list[Mail]]:
        """Return the mailboxes of the people whom the list names in the end."""
        gone = {self.year.erased, *(self.truth.removed.keys() - self.truth.back.keys())}
        return {person: box for person, box in self.boxes.items() if person not in gone}

    @property
    def never_gone(self) -> dict[int, list[Mail]]:
        """Return the mailboxes of the people whom no list has left out."""
        gone = {self.year.erased, *self.truth.removed}
        return {person: box for person, box in self.boxes.items() if person not in gone}

    @property
    def claims(self) -> dict[int, list[Mail]]:
        """Return of each mailbox what it says of a claim of compensation."""
        return {person: [mail for mail in box if mail.kind is Kind.CLAIM] for person, box in self.boxes.items()}


@pytest.fixture(scope="module", autouse=True)
def formatted_once() -> Iterator[None]:
    """Turn each text into HTML once for all dossiers: they are thousands of messages made of a few hundred texts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compose, "to_html", cache(compose.to_html))
        yield


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("year")
    with MailServer(folder / "relay") as relay:
        year = KeptYear(folder, relay, SIZES)
        asyncio.run(year.pass_by(KEPT_SCRIPT))
        log = [(one.recipients[0], year.when(place), one.content) for place, one in enumerate(relay.arrived)]
    found = mailboxes(log)
    yield Story(year, {person: found.pop(one.email, []) for person, one in year.truth.people.items()})
    year.ledger.dispose()
    assert not found, "somebody got a message whom no list ever named"


def test_each_person_gets_exactly_one_first_notice(story: Story) -> None:
    assert {person: of(box, Kind.FIRST) for person, box in story.boxes.items() if of(box, Kind.FIRST) != 1} == {}
    assert all(box[0].kind is Kind.FIRST for box in story.boxes.values())


def test_nobody_gets_one_message_twice(story: Story) -> None:
    twice = {person for person, box in story.boxes.items() if len({(one.subject, one.text) for one in box}) < len(box)}
    assert twice == set()


def test_what_a_message_states_is_true_when_it_comes(story: Story) -> None:
    """Among them the dates that latecomers read."""
    assert list(untrue(story)) == []


def untrue(story: Story) -> Iterator[str]:
    for person, box in story.boxes.items():
        for mail in box:
            for key, value in mail.stated:
                if value != story.truth.said(key, person, mail.locale, mail.at):
                    yield f"{person} read in {mail.subject!r} of {mail.at}: {key} is {value}"


def test_nobody_is_corrected_on_what_they_were_not_told(story: Story) -> None:
    assert list(unfounded_corrections(story.boxes)) == []
    assert all(mail.corrected for box in story.boxes.values() for mail in box if mail.kind is Kind.CORRECTION)


def unfounded_corrections(boxes: dict[int, list[Mail]]) -> Iterator[str]:
    for person, box in boxes.items():
        for place, mail in enumerate(box):
            believed = beliefs(box[:place])
            for one in mail.corrected:
                if believed.get(one.key) != one.was:
                    yield f"{person} never read {one.was!r}, which {mail.subject!r} takes back"


def test_whoever_was_told_wrongly_reads_what_was_and_is(story: Story) -> None:
    assert list(uncorrected(story)) == []
    assert sum(of(box, Kind.CORRECTION) for box in story.boxes.values()) > SIZES.known


def uncorrected(story: Story) -> Iterator[str]:
    for person, box in story.staying.items():
        for key, at in story.truth.changes(person):
            believed = beliefs([mail for mail in box if mail.at < at]).get(key)
            later = {(one.key, one.was): one.now for mail in box if mail.at >= at for one in mail.corrected}
            right = story.truth.said(key, person, box[0].locale, at)
            if believed and believed != right and later.get((key, believed)) != right:
                yield f"{person} believes {key} is {believed!r}, and it is {right!r}"


def test_nobody_believes_anything_wrong_in_the_end(story: Story) -> None:
    end = story.year.clock.now
    for person, box in story.staying.items():
        for key, believed in beliefs(box).items():
            assert believed == story.truth.said(key, person, box[0].locale, end), (person, key)


def test_a_correction_reaches_only_those_it_is_for(story: Story) -> None:
    """The data elements of most people stay as they were, and no message corrects them."""
    grown = {person for person, data in story.truth.data.items() if data[-1][1] == GROWN}
    corrected = {
        person
        for person, box in story.boxes.items()
        for mail in box
        if any(one.key == "elements" for one in mail.corrected)
    }
    assert corrected == grown | story.truth.back.keys()
    assert len(grown) == SIZES.grown


def test_latecomers_read_of_nothing_that_was_before_them(story: Story) -> None:
    late = {person: box for person, box in story.boxes.items() if story.truth.found[person] > START}
    assert len(late) > SIZES.found_late
    for person, box in late.items():
        assert box[0].kind is Kind.FIRST
        before = story.truth.superseded(box[0].locale, story.truth.found[person])
        assert not [one for mail in box for one in mail.corrected if one.was in before], person


def test_whoever_was_told_of_a_promise_hears_its_end_once(story: Story) -> None:
    assert list(unended(story)) == []


def unended(story: Story) -> Iterator[str]:
    for name, promise in story.truth.promises.items():
        end = END_OF[story.truth.ends[name]]
        for person, box in story.staying.items():
            naming = [mail for mail in box if mail.names(promise)]
            ends = [mail.kind for mail in naming if mail.kind in END_OF.values()]
            told_open = bool(naming) and (name == CHECKED or not naming[0].says_ended(promise))
            if ends != [end] * told_open:
                yield f"{person} was {'' if told_open else 'never '}promised {name}, and read {ends}"


def test_whoever_waits_for_a_late_promise_hears_that_in_time(story: Story) -> None:
    for name in story.truth.late:
        promise = story.truth.promises[name]
        for person, box in story.never_gone.items():
            open_for = [mail for mail in box if mail.names(promise)]
            if open_for and not open_for[0].says_ended(promise):
                late = [mail for mail in open_for if mail.kind is Kind.LATE]
                assert late, (person, name)
                assert late[0].at <= story.truth.due[name], (person, name)


def test_nobody_hears_the_end_of_what_they_were_not_promised(story: Story) -> None:
    news = (Kind.KEPT, Kind.LATE, Kind.DROPPED)
    for promise in story.truth.promises.values():
        for person, box in story.boxes.items():
            naming = [mail.kind for mail in box if mail.names(promise)]
            assert not naming or naming[0] not in news, (person, promise["en"])


def test_a_promise_for_some_people_stays_theirs(story: Story) -> None:
    for name, to in story.truth.promised_to.items():
        promise = story.truth.promises[name]
        told = {person for person, box in story.boxes.items() if any(mail.names(promise) for mail in box)}
        assert told == to, name


def test_removed_people_hear_that_once_and_nothing_after(story: Story) -> None:
    assert len(story.truth.removed) == SIZES.removed
    for person, since in story.truth.removed.items():
        until = story.truth.back.get(person, story.year.clock.now)
        after = [mail.kind for mail in story.boxes[person] if since <= mail.at < until]
        assert after == [Kind.NOT_AFFECTED], person
    assert sum(of(box, Kind.NOT_AFFECTED) for box in story.boxes.values()) == SIZES.removed


def test_nothing_new_is_only_said_when_nothing_differs(story: Story) -> None:
    said = 0
    for person, box in story.boxes.items():
        for place, mail in enumerate(box):
            if mail.nothing_new:
                said += 1
                for key, believed in beliefs(box[:place]).items():
                    right = story.truth.said(key, person, mail.locale, mail.at)
                    assert believed == right, (person, mail.subject, key)
    assert said > SIZES.known


def test_the_next_message_comes_when_the_last_one_said(story: Story) -> None:
    assert list(overdue(story)) == []


def overdue(story: Story) -> Iterator[str]:
    for person, box in story.boxes.items():
        for mail, following in zip(box, [*box[1:], None], strict=True):
            if mail.again_by and (following is None or following.at > mail.again_by):
                yield f"{person} was to hear again by {mail.again_by} ({mail.subject!r}), and did not"


def test_the_last_report_comes_once_to_all_who_followed(story: Story) -> None:
    closed = story.year.closed_at
    for person, box in story.boxes.items():
        followed = story.truth.found[person] < closed and person not in story.truth.removed
        assert of(box, Kind.CLOSING) == followed, person


def test_the_case_opens_by_itself_and_closes_again(story: Story) -> None:
    states = [state for _, state in story.year.states]
    assert states == [IncidentState.OPEN, IncidentState.CLOSED] * 3, (
        "for a correction, and for results of those found late"
    )
    after = [mail for box in story.boxes.values() for mail in box if mail.at > story.year.closed_at]
    promises = {Kind.MADE, Kind.LATE, Kind.KEPT, Kind.DROPPED, Kind.BROKEN}
    assert {mail.kind for mail in after} == {*promises, Kind.CORRECTION, Kind.FIRST}


def test_each_mailbox_is_the_dossier_word_for_word(story: Story) -> None:
    for person, box in story.boxes.items():
        if person == story.year.erased:
            continue
        box = [mail for mail in box if mail.kind is not Kind.CLAIM]
        secret = story.year.ledger.people.link_of(INCIDENT, person)
        shown = [one for one in dossier(story, person) if one[1]]
        assert Counter(shown) == Counter((mail.subject, mail.text.replace(secret, MASK)) for mail in box), person


# The word that was given, kept.


def test_each_person_reads_one_code_and_nobody_else_s(story: Story) -> None:
    read = {person: {code for mail in box for code in CODE.findall(mail.text)} for person, box in story.boxes.items()}
    assert {person for person, codes in read.items() if len(codes) != 1} == set()
    assert len({code for codes in read.values() for code in codes}) == len(story.boxes) > 1.5 * SIZES.known


def test_each_person_reads_what_was_found_in_their_own_account(story: Story) -> None:
    commitment = story.year.ledger.commitments.get(INCIDENT, CHECKED)
    assert commitment.per_person
    words = {outcome.word: commitment.per_person.words[outcome.word] for outcome in OUTCOMES}
    for person, box in story.staying.items():
        own = story.year.results[person].word
        read = {one for mail in box for one, said in words.items() if said[mail.locale] in mail.text}
        assert read == {own}, person


def test_each_round_of_a_series_ends_for_all_who_were_told_of_it(story: Story) -> None:
    for person, box in story.never_gone.items():
        naming = [mail for mail in box if mail.names(COURSE)]
        kept = [mail for mail in naming if mail.kind is Kind.KEPT]
        assert len(kept) == sum(held >= naming[0].at for held in story.year.rounds_held), person
    assert len(story.year.rounds_held) == ROUNDS


def test_whoever_claimed_hears_each_step_and_nobody_else_any(story: Story) -> None:
    heard = {person: [step for mail in box for step in mail.claim_steps] for person, box in story.claims.items()}
    claims = {claim.person: claim.steps for claim in story.year.claims}
    assert {person: steps for person, steps in heard.items() if steps} == claims
    assert Counter(steps[-1] for steps in claims.values()) == {
        ClaimStep.PAID: 38,
        ClaimStep.REJECTED: 1,
        ClaimStep.LAPSED: 1,
    }


def test_the_money_that_left_is_the_money_that_people_read_of(story: Story) -> None:
    totals = story.year.ledger.claims.totals(INCIDENT, RULES, story.year.clock.now)
    paid = [claim.amount for claim in story.year.claims if ClaimStep.PAID in claim.steps]
    assert totals.claims == {ClaimState.PAID: 38, ClaimState.REJECTED: 1, ClaimState.LAPSED: 1}
    assert totals.granted == totals.paid == 100 * sum(paid)


def test_the_team_could_not_close_while_people_waited(story: Story) -> None:
    early, late = story.year.refusals
    assert {Criterion.CLAIMS_SETTLED, Criterion.COMMITMENTS_SETTLED} <= early
    assert Criterion.COMMITMENTS_SETTLED in late
    assert Criterion.CLAIMS_SETTLED not in late


def test_what_the_review_taught_was_promised_and_kept(story: Story) -> None:
    notes = story.year.ledger.reviews.notes(INCIDENT)
    assert [note.commitment for note in notes if note.commitment] == [name for name, _ in LESSONS]
    (ended,) = story.year.ledger.reviews.ended(INCIDENT)
    assert ended.step == "review"
    for _, words in LESSONS:
        naming = [[mail.kind for mail in box if mail.names(words)] for box in story.never_gone.values()]
        news = {tuple(kind for kind in kinds if kind is not Kind.CORRECTION) for kinds in naming}
        assert news == {(Kind.MADE, Kind.KEPT), (Kind.FIRST, Kind.KEPT)}


def test_an_erased_person_hears_nothing_more_and_is_nowhere(story: Story) -> None:
    year, gone = story.year, story.truth.people[story.year.erased]
    assert year.erased_at
    assert max(mail.at for mail in story.boxes[gone.number]) < year.erased_at
    known = (("ref", gone.ref), ("email", gone.email))
    indexes = [year.ledger.store.keys.index(INCIDENT, kind, value) for kind, value in known]
    words = [gone.ref, gone.name, gone.email, gone.postal_address, f"receipt {gone.number}."]
    assert found_in_rows(year.ledger, [*indexes, *(word.encode() for word in words)], incident=INCIDENT) == []
    left = year.ledger.people.get_many(INCIDENT, [gone.number])[gone.number]
    assert (left.ref.partition("-")[0], left.name, left.email, left.postal_address) == ("erased", "", "", "")
    assert [question.text for question in year.ledger.questions.all(INCIDENT, person=gone.number)] == [""]
    assert [one.code for one in year.ledger.codes.of_person(INCIDENT, gone.number)] == [""]
    assert year.ledger.audit.verify() == ()


def test_that_an_erased_person_was_told_stays_on_record(story: Story) -> None:
    told = [mail for mail in story.boxes[story.year.erased] if mail.kind is not Kind.CLAIM]
    record = story.year.ledger.dossiers.read(INCIDENT, story.year.erased, story.year.clock.now)
    kept = [
        message.shown for message in record.messages if message.shown.channel is ChannelKind.EMAIL and message.source
    ]
    assert len(kept) == len(told) > 5


def test_a_legal_hold_kept_one_claim_when_the_others_went(story: Story) -> None:
    assert "hold" in story.year.hold_refused
    claims = story.year.ledger.claims.all(INCIDENT)
    assert {claim.person for claim in claims if claim.account} == {story.year.held}
    assert [claim.text for claim in claims if claim.person == story.year.held] == [
        f"A new lock, receipt {story.year.held}."
    ]


def test_keys_were_rotated_under_kills_at_each_write(story: Story) -> None:
    assert story.year.kills["master"] > 4
    assert story.year.kills["case"] > 8
    assert story.year.ledger.keys.under_way() == ()
    assert len(list((story.year.folder / "keys").glob("master.key.until-*"))) == 1


def dossier(story: Story, person: int) -> list[tuple[str, str]]:
    """Subject and text of each email in the person's dossier."""
    year = story.year
    record = year.ledger.dossiers.read(INCIDENT, person, year.clock.now)
    found = with_words(record, year.links).messages
    return [(one.subject, in_one_form(one.text)) for one in found if one.channel is ChannelKind.EMAIL]


def of(box: list[Mail], kind: Kind) -> int:
    """How many messages of this kind are in the mailbox."""
    return sum(mail.kind is kind for mail in box)


def beliefs(box: list[Mail]) -> dict[str, str]:
    """What the reader of these messages takes for true, by key: what was said last."""
    return {key: value for mail in box for key, value in mail.stated}
