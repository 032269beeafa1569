"""A year of an incident, as the mailboxes of its people tell it: each of them holds one consistent true story.

The relay's log is the witness. Each check reads messages as a person would and holds them against what the test itself
knows to be so; the ledger is asked for the dossiers only, which must be what the relay took, word for word.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from amends.delivery.dossier import with_words
from amends.domain.case.case import IncidentState
from amends.domain.case.dossier import MASK
from amends.domain.channel.channel import ChannelKind
from amends.sandbox.mail import MailServer
from tests.acceptance.mailboxes import Kind, Mail, in_one_form, mailboxes
from tests.acceptance.truth import GROWN, Truth
from tests.acceptance.year import SCRIPT, Sizes, Year
from tests.story import INCIDENT, START

pytestmark = pytest.mark.timeout(1200)
PEOPLE = int(os.environ.get("AMENDS_YEAR_PEOPLE", "200"))
"""The people of the first list; half as many are found late. A thousand take ten minutes."""
SIZES = Sizes(known=PEOPLE, found_late=PEOPLE // 2, removed=PEOPLE // 20, grown=PEOPLE // 20)
END_OF = {"kept": Kind.KEPT, "dropped": Kind.DROPPED}


@dataclass(frozen=True)
class Story:
    """A year that is over, and the mailbox of each person by number."""

    year: Year
    boxes: dict[int, list[Mail]]

    @property
    def truth(self) -> Truth:
        return self.year.truth

    @property
    def staying(self) -> dict[int, list[Mail]]:
        """Return the mailboxes of the people whom the list names in the end."""
        gone = self.truth.removed.keys() - self.truth.back.keys()
        return {person: box for person, box in self.boxes.items() if person not in gone}

    @property
    def never_gone(self) -> dict[int, list[Mail]]:
        """Return the mailboxes of the people whom no list has left out."""
        return {person: box for person, box in self.boxes.items() if person not in self.truth.removed}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("year")
    with MailServer(folder / "relay") as relay:
        year = Year(folder, relay, SIZES)
        asyncio.run(year.pass_by(SCRIPT))
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
            told_open = bool(naming) and not naming[0].says_ended(promise)
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
    assert states == [IncidentState.OPEN, IncidentState.CLOSED] * 2
    after = [mail for box in story.boxes.values() for mail in box if mail.at > story.year.closed_at]
    assert {mail.kind for mail in after} == {Kind.LATE, Kind.KEPT, Kind.DROPPED, Kind.CORRECTION, Kind.FIRST}


def test_each_mailbox_is_the_dossier_word_for_word(story: Story) -> None:
    for person, box in story.boxes.items():
        secret = story.year.ledger.people.link_of(INCIDENT, person)
        shown = [one for one in dossier(story, person) if one[1]]
        assert Counter(shown) == Counter((mail.subject, mail.text.replace(secret, MASK)) for mail in box), person


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
