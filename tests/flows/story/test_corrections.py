"""Corrections go to those who were told otherwise than is known now, and to nobody else."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest

from amends.domain.base.value import Span
from amends.domain.case.states import IncidentState
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.correction import Ask
from amends.domain.incident.commitment import CommitmentKind, PlannedCommitment
from amends.domain.incident.facts import Cause, Certainty, Count, DataCategory, Fact
from amends.domain.incident.incident import News
from amends.domain.notice.notice import NoticeStage
from amends.domain.notice.told import by_statement
from amends.domain.notice.wording import say_data
from amends.domain.people.person import Person
from amends.domain.plan.plan import plan
from amends.domain.playbook.playbook import Event
from flows.assess import assess
from flows.notify import notify
from flows.rehearsal.closing import pass_over
from flows.rehearsal.fast_forward import PassedClock
from flows.run.context import Context, using
from flows.sweep import sweep
from flows.update import update
from tests.story import APPROVERS, INCIDENT, LEAD, START, a_context, a_ledger, approve_all, everybody, opened, outbox

DAY = timedelta(days=1)
FEW = 6
AT_THE_END = {"deadlines", "promises"}
"""What goes on after a case is closed."""


class Told:
    """A case in which six people were told that it was a theft."""

    def __init__(self, context: Context, clock: PassedClock, folder: Path) -> None:
        self.context, self.ledger, self.clock, self.folder = context, context.ledger, clock, folder
        self.people = list(islice(everybody(), FEW + 3))

    async def tell(self, notice: str, number: int = 1) -> None:
        """What this occurrence has to tell is drafted, approved and sent."""
        flow = update if notice == "update" else notify
        await flow.fn(INCIDENT, notice, number)
        approve_all(self.ledger, self.clock.now)
        await flow.fn(INCIDENT, notice, number)

    def amend(self, cause: Cause, certainty: Certainty = Certainty.CONFIRMED) -> None:
        """It was something else."""
        self.clock.now += DAY
        file = self.ledger.cases.incident_file(INCIDENT)
        facts = file.facts.model_copy(update={"cause": Fact[Cause](value=cause, certainty=certainty)})
        self.ledger.incidents.amend(file.model_copy(update={"facts": facts}), LEAD.name, self.clock.now)

    def list_is(self, people: list[Person]) -> None:
        """The list is corrected to these people."""
        correction = self.ledger.corrections.compare(INCIDENT, people)
        changes = {ask: correction.difference.counts[ask.value] for ask in Ask}
        self.ledger.corrections.apply(correction, changes, "", LEAD.name, self.clock.now)

    def wrong(self) -> tuple[str, ...]:
        return self.ledger.cases.read(INCIDENT, self.clock.now).told_wrongly

    def got(self, notice: str) -> set[int]:
        """The people who have a message of this notice."""
        return {line.person for line in self.ledger.statistics.lines(INCIDENT, notice) if line.person}

    def published(self, notice: str) -> bool:
        """Return True when the notice has a page or a post."""
        return any(line.person == 0 for line in self.ledger.statistics.lines(INCIDENT, notice))

    def mails(self, notice: str) -> list[str]:
        """The texts of the emails of this notice that left."""
        sent = [json.loads(path.read_text("utf-8")) for path in outbox(self.folder)]
        return [one["text"] for one in sent if one["notice"] == notice and one["kind"] == "email"]

    def due(self) -> set[str]:
        case = self.ledger.cases.read(INCIDENT, self.clock.now)
        return {one.step for one in plan(case, self.clock.now).due}

    @property
    def correction(self) -> int:
        """The number of the correction that is due."""
        return self.ledger.cases.read(INCIDENT, self.clock.now).version - 1


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Told]:
    ledger = a_ledger(tmp_path)
    opened(ledger, islice(everybody(), FEW))
    context, clock = a_context(ledger, tmp_path)
    with using(context):
        story = Told(context, clock, tmp_path)
        await sweep.fn(INCIDENT)

        await assess.fn(INCIDENT, "assess", 1)
        await story.tell("first-notice")
        yield story
    ledger.dispose()


async def test_everybody_who_was_told_otherwise_gets_the_correction_once(told: Told) -> None:
    told.amend(Cause.INSIDER)
    assert told.wrong() == ("cause",)
    await told.tell("correction", told.correction)
    assert told.got("correction-1") == told.got("first-notice")
    assert told.published("correction-1")
    assert (told.wrong(), "correction" in told.due()) == ((), False)


async def test_a_latecomer_gets_the_first_notice_and_no_correction(told: Told) -> None:
    """A person found after the facts changed hears today's facts in the first notice, and gets no correction of what
    nobody told them; see the second of the surprises in the walk through the product.
    """
    before = told.got("first-notice")
    told.amend(Cause.INSIDER)
    told.list_is(told.people[: FEW + 1])
    number = told.correction
    await told.tell("correction", number)
    await told.tell("first-notice")
    assert told.got(f"correction-{number}") == before
    assert len(told.got("first-notice") - before) == 1
    assert told.wrong() == ()


async def test_who_has_other_data_than_they_were_told_is_told(told: Told) -> None:
    """A person whose own data grew in a corrected list gets a correction, and nobody else does."""
    grown = told.people[1]._replace(data=(*told.people[1].data, DataCategory.COMMUNICATIONS_CONTENT))
    told.clock.now += DAY
    told.list_is([told.people[0], grown, *told.people[2:FEW]])
    assert told.wrong() == ("elements",)
    number = told.correction
    await told.tell("correction", number)
    assert told.got(f"correction-{number}") == {grown.number}
    assert not told.published(f"correction-{number}"), "no page said what data this person has"
    assert told.wrong() == ()


async def test_what_was_only_suspected_is_not_corrected(told: Told) -> None:
    told.amend(Cause.INSIDER, Certainty.SUSPECTED)
    await told.tell("correction", told.correction)
    told.amend(Cause.LOSS)
    assert told.wrong() == ()
    assert "correction" not in told.due()


async def test_a_second_change_is_corrected_for_those_told_the_first(told: Told) -> None:
    told.amend(Cause.INSIDER)
    await told.tell("correction", told.correction)
    told.amend(Cause.LOSS)
    number = told.correction
    assert told.wrong() == ("cause",)
    await told.tell("correction", number)
    assert told.got(f"correction-{number}") == told.got("first-notice")
    assert told.wrong() == ()


async def test_what_was_ruled_out_and_is_so_after_all_is_corrected(told: Told) -> None:
    told.amend(Cause.THEFT, Certainty.RULED_OUT)
    await told.tell("correction", told.correction)
    told.amend(Cause.THEFT)
    assert told.wrong() == ("cause",)
    number = told.correction
    await told.tell("correction", number)
    assert told.got(f"correction-{number}") == told.got("first-notice")
    (email,) = texts_of(told, f"correction-{number}", ChannelKind.EMAIL).values()
    assert "  - We wrote: this was not so: a theft\n  - Right is: a theft" in email
    assert told.wrong() == ()


async def test_what_is_known_again_as_it_was_told_needs_no_correction(told: Told) -> None:
    """When the facts go back to what people were told before a correction was sent, nobody is corrected."""
    told.amend(Cause.INSIDER)
    told.amend(Cause.THEFT)
    assert told.wrong() == ()
    assert Event.FACTS_CHANGED not in told.ledger.cases.read(INCIDENT).events


async def test_a_draft_overtaken_by_the_facts_leaves_nobody_a_correction(told: Told) -> None:
    """A correction that was drafted and is needless by now is not sent to anybody."""
    told.amend(Cause.INSIDER)
    number = told.correction
    await notify.fn(INCIDENT, "correction", number)
    told.amend(Cause.THEFT)
    await sweep.fn(INCIDENT)
    approve_all(told.ledger, told.clock.now)
    await sweep.fn(INCIDENT)
    assert told.got(f"correction-{number}") == set()
    (one,) = [notice for notice in told.ledger.cases.read(INCIDENT).notices if notice.id == f"correction-{number}"]
    assert one.stage in (NoticeStage.DRAFTED, NoticeStage.DROPPED)


async def test_whoever_waits_for_a_correction_may_need_it_no_more(told: Told) -> None:
    """What people were told is right again before the correction has left: it ends, and nobody is asked to approve it."""
    told.amend(Cause.INSIDER)
    await notify.fn(INCIDENT, "correction", 1)
    approve_all(told.ledger, told.clock.now)
    told.ledger.notices.release(INCIDENT, "correction-1", told.clock.now)
    told.amend(Cause.THEFT)
    await notify.fn(INCIDENT, "correction", 1)
    assert (told.got("correction-1"), told.published("correction-1")) == (set(), False)
    assert told.ledger.cases.read(INCIDENT, told.clock.now).notice("correction-1").stage is NoticeStage.SENT


async def test_a_promise_decided_later_is_given_by_the_next_update(told: Told) -> None:
    """A commitment that is added after the first notice is made by the next update, and those told hear how it ends."""
    told.clock.now += DAY
    file = told.ledger.cases.incident_file(INCIDENT)
    locks = PlannedCommitment(
        id="new-locks",
        kind=CommitmentKind.SECURITY_FIX,
        owner="Facilities",
        due=Span.parse("7d"),
        promise={"en": "We will put new locks on every van.", "zh-CN": "我们将为每辆车更换新锁。"},
    )
    amended = file.model_copy(update={"commitments": (*file.commitments, locks)})
    told.ledger.incidents.amend(amended, LEAD.name, told.clock.now)
    assert "new-locks" not in {commitment.id for commitment in told.ledger.commitments.all(INCIDENT)}
    told.clock.now = START + 3 * DAY
    await told.tell("update")
    made = {commitment.id: commitment for commitment in told.ledger.commitments.all(INCIDENT)}["new-locks"]
    assert made.made_in == "update-1"
    values = {one.statement.key: one for one in by_statement(told.ledger.told.sayings(INCIDENT))}
    assert values["commitment:new-locks"].notices == ("update-1",)


def texts_of(told: Told, notice: str, channel: ChannelKind) -> dict[str, str]:
    """The English texts of this notice on a channel, by cohort."""
    draft = told.ledger.notices.latest_draft(INCIDENT, notice)
    return {
        variant.cohort: variant.text
        for variant in draft.variants
        if (variant.locale, variant.channel) == ("en", channel)
    }


async def test_a_correction_says_what_was_wrong_and_what_is_right(told: Told) -> None:
    told.amend(Cause.INSIDER)
    await told.tell("correction", told.correction)
    (email,) = texts_of(told, "correction-1", ChannelKind.EMAIL).values()
    side_by_side = "- **How it came about**\n  - We wrote: a theft\n  - Right is: somebody who works for us"
    assert side_by_side in email
    (page,) = texts_of(told, "correction-1", ChannelKind.WEBSITE).values()
    assert side_by_side in page


async def test_whoever_was_told_something_else_reads_another_correction(told: Told) -> None:
    """Each cohort reads what it was told and what is right; a person of no difference gets no correction."""
    told.amend(Cause.INSIDER)
    told.list_is(told.people[: FEW + 1])
    await told.tell("first-notice")  # the latecomer's; the others wait for their correction
    told.amend(Cause.LOSS)
    number = told.correction
    await told.tell("correction", number)
    emails = texts_of(told, f"correction-{number}", ChannelKind.EMAIL)
    assert sorted(text.split("We wrote: ")[1].split("\n")[0] for text in emails.values()) == [
        "a theft",
        "somebody who works for us",
    ]
    assert told.got(f"correction-{number}") == told.got("first-notice")
    assert told.wrong() == ()


async def test_own_data_stands_beside_what_was_told_of_it(told: Told) -> None:
    grown = told.people[1]._replace(data=(DataCategory.COMMUNICATIONS_CONTENT,))
    told.clock.now += DAY
    told.list_is([told.people[0], grown, *told.people[2:FEW]])
    number = told.correction
    await told.tell("correction", number)
    (mail,) = told.mails(f"correction-{number}")
    phrases = told.ledger.playbooks.wording(INCIDENT).phrases["en"]
    was, now = (say_data(phrases, data) for data in (told.people[1].data, grown.data))
    assert f"We wrote: {was}" in mail
    assert f"Right is: {now}" in mail


async def test_surprise_4_an_update_says_that_the_number_rose(told: Told) -> None:
    """An update never says that there is nothing new when a fact that people were told is different."""
    file = told.ledger.cases.incident_file(INCIDENT)
    facts = file.facts.model_copy(
        update={"people": Fact[Count](value=Count(min=5, max=6), certainty=Certainty.CONFIRMED)}
    )
    told.clock.now = START + 3 * DAY
    told.ledger.incidents.amend(file.model_copy(update={"facts": facts}), LEAD.name, told.clock.now)
    await update.fn(INCIDENT, "update", 1)
    (email,) = texts_of(told, "update-1", ChannelKind.EMAIL).values()
    assert "There is nothing new" not in email
    assert "- **How many people it affects:** between 5 and 6" in email


@pytest.mark.parametrize("ruled_out", [False, True], ids=["another cause", "not that cause"])
@pytest.mark.parametrize("told_today", [False, True], ids=["told nothing yet", "told what is right"])
async def test_an_update_takes_back_only_what_its_reader_was_told(
    told: Told, told_today: bool, ruled_out: bool
) -> None:
    """A person found late reads another update than those who were told something wrong, before and after they are told
    anything: nobody reads "we wrote" of what nobody wrote to them.
    """
    told.amend(*((Cause.THEFT, Certainty.RULED_OUT) if ruled_out else (Cause.INSIDER,)))
    told.list_is(told.people[: FEW + 1])
    if told_today:
        await told.tell("first-notice")
    told.clock.now = START + 3 * DAY
    await update.fn(INCIDENT, "update", 1)
    emails = texts_of(told, "update-1", ChannelKind.EMAIL)
    assert "We wrote: a theft" in emails.pop("")
    (latecomers,) = emails.values()
    assert "We wrote" not in latecomers


async def test_an_update_without_a_difference_says_nothing_new(told: Told) -> None:
    told.clock.now = START + 3 * DAY
    await update.fn(INCIDENT, "update", 1)
    (email,) = texts_of(told, "update-1", ChannelKind.EMAIL).values()
    assert "There is nothing new" in email


async def test_whoever_is_not_affected_after_all_hears_that_once(told: Told) -> None:
    left, *stay = told.people[:FEW]
    told.clock.now += DAY
    told.list_is(stay)
    number = told.correction
    assert "not-affected" in told.due()
    await told.tell("not-affected", number)
    assert told.got(f"not-affected-{number}") == {left.number}
    (mail,) = told.mails(f"not-affected-{number}")
    assert "your data was not among it" in mail
    assert "not-affected" not in told.due()
    assert told.wrong() == ()


async def test_whoever_comes_back_to_the_list_hears_what_is_right(told: Told) -> None:
    """Somebody was told that their data was not affected, and then stands in the list again."""
    left, *stay = told.people[:FEW]
    told.clock.now += DAY
    told.list_is(stay)
    await told.tell("not-affected", told.correction)
    told.clock.now += DAY
    told.list_is(told.people[:FEW])
    assert told.wrong() == ("elements",)
    number = told.correction
    await told.tell("correction", number)
    assert told.got(f"correction-{number}") == {left.number}
    (mail,) = told.mails(f"correction-{number}")
    assert "We wrote: none of your data" in mail
    assert told.wrong() == ()


async def test_who_stands_once_in_place_of_twice_is_not_sent_away(told: Told) -> None:
    """A list that holds a person once instead of twice says nothing about whether they are affected."""
    twin = told.people[0]._replace(number=FEW + 1, ref="twin-of-the-first")
    told.list_is([*told.people[:FEW], twin])
    await told.tell("first-notice")
    told.clock.now += DAY
    told.list_is(told.people[:FEW])
    assert "not-affected" not in told.due()


async def test_a_latecomer_reads_what_has_happened_since(told: Told) -> None:
    file = told.ledger.cases.incident_file(INCIDENT)
    told.clock.now += 2 * DAY
    news = News(at=told.clock.now, text={"en": "The police have found the terminals.", "zh-CN": "警方已找到这些终端。"})
    told.ledger.incidents.amend(file.model_copy(update={"news": (*file.news, news)}), LEAD.name, told.clock.now)
    told.list_is(told.people[: FEW + 1])
    before = set(told.mails("first-notice"))
    await told.tell("first-notice")
    (mail,) = set(told.mails("first-notice")) - before
    assert "We first wrote to others about this on 18 November 2026." in mail
    assert "The police have found the terminals." in mail
    assert all("We first wrote to others" not in one for one in before)


async def closed(told: Told) -> None:
    """The case is closed by its lead."""
    told.clock.now += DAY
    told.ledger.incidents.close(INCIDENT, LEAD.name, told.clock.now)
    await sweep.fn(INCIDENT)


def state(told: Told) -> IncidentState:
    return told.ledger.cases.read(INCIDENT, told.clock.now).state


async def test_surprise_16_a_closed_case_takes_a_latecomer(told: Told) -> None:
    """A case that was closed opens again by itself for somebody found late, and closes once they have been told."""
    await closed(told)
    before = told.got("first-notice")
    told.clock.now += DAY
    told.list_is(told.people[: FEW + 1])
    await sweep.fn(INCIDENT)
    assert state(told) is IncidentState.OPEN
    assert told.due() <= {"first-notice", *AT_THE_END}
    await told.tell("first-notice")
    assert len(told.got("first-notice") - before) == 1
    await sweep.fn(INCIDENT)
    assert state(told) is IncidentState.CLOSED


async def test_a_closed_case_corrects_what_people_were_told(told: Told) -> None:
    await closed(told)
    told.amend(Cause.INSIDER)
    await sweep.fn(INCIDENT)
    assert state(told) is IncidentState.OPEN
    await told.tell("correction", told.correction)
    assert told.got("correction-1") == told.got("first-notice")
    await sweep.fn(INCIDENT)
    assert (state(told), told.due()) == (IncidentState.CLOSED, AT_THE_END)


async def test_a_closed_case_stays_closed_when_nobody_must_hear_more(told: Told) -> None:
    await closed(told)
    told.amend(Cause.THEFT)
    await sweep.fn(INCIDENT)
    assert state(told) is IncidentState.CLOSED


async def test_a_reopened_case_waits_until_the_word_has_left(told: Told) -> None:
    """A case that opened again for a correction does not close while the correction waits for approval."""
    await closed(told)
    told.amend(Cause.INSIDER)
    await sweep.fn(INCIDENT)
    await notify.fn(INCIDENT, "correction", told.correction)
    await sweep.fn(INCIDENT)
    assert state(told) is IncidentState.OPEN
    approve_all(told.ledger, told.clock.now)
    await sweep.fn(INCIDENT)
    await notify.fn(INCIDENT, "correction", told.correction)
    assert state(told) is IncidentState.CLOSED


async def test_the_last_report_is_not_for_those_found_after_it(told: Told) -> None:
    """Whoever is found after the last report was sent reads the first notice, and no report on what they never heard."""
    told.clock.now += DAY
    pass_over(told.ledger, INCIDENT, (LEAD, APPROVERS[0]), "all is told", told.clock.now)
    told.ledger.incidents.resolve(INCIDENT, LEAD.name, told.clock.now)
    await told.tell("closing")
    assert state(told) is IncidentState.CLOSED
    before = told.got("closing")
    told.list_is(told.people[: FEW + 1])
    await sweep.fn(INCIDENT)
    assert told.due() <= {"first-notice", *AT_THE_END}
    await told.tell("first-notice")
    assert (told.got("closing"), state(told)) == (before, IncidentState.CLOSED)


async def test_who_is_not_affected_is_promised_no_more_messages(told: Told) -> None:
    told.clock.now += DAY
    told.list_is(told.people[1:FEW])
    number = told.correction
    await told.tell("not-affected", number)
    (mail,) = told.mails(f"not-affected-{number}")
    assert "You will get no more messages from us about this" in mail
    assert "We will write again" not in mail
    assert "not right either.\n\nYours sincerely" in mail
