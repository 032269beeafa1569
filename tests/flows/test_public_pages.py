"""Pages that were published are never rewritten without a dated note, and a wrong page says where the right words are."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.correction import Ask
from amends.domain.incident.facts import Cause, Certainty, Fact
from flows.assess import assess
from flows.notify import notify
from flows.rehearsal.fast_forward import PassedClock
from flows.run.context import Context, using
from flows.sweep import sweep
from flows.update import update
from tests.story import INCIDENT, LEAD, START, a_context, a_ledger, approve_all, everybody, opened, outbox

DAY = timedelta(days=1)
FEW = 6
SITE = "http://127.0.0.1:8400/n"


class Public:
    """A case in which six people were told, with its pages in a folder."""

    def __init__(self, context: Context, clock: PassedClock, folder: Path) -> None:
        self.ledger, self.clock, self.folder = context.ledger, clock, folder
        self.listed = FEW

    async def tell(self, notice: str, number: int = 1) -> None:
        """What this occurrence has to tell is drafted, approved and published."""
        flow = update if notice == "update" else notify
        await flow.fn(INCIDENT, notice, number)
        approve_all(self.ledger, self.clock.now)
        await flow.fn(INCIDENT, notice, number)

    async def correct(self) -> str:
        """The correction that is due is published; its name."""
        number = self.ledger.cases.read(INCIDENT, self.clock.now).version - 1
        await self.tell("correction", number)
        return f"correction-{number}"

    def it_was(self, cause: Cause) -> None:
        """A day later it is known to have come about in this way."""
        self.clock.now += DAY
        file = self.ledger.cases.incident_file(INCIDENT)
        facts = file.facts.model_copy(update={"cause": Fact[Cause](value=cause, certainty=Certainty.CONFIRMED)})
        self.ledger.incidents.amend(file.model_copy(update={"facts": facts}), LEAD.name, self.clock.now)

    def a_latecomer_is_found(self) -> None:
        """The list is corrected to one person more."""
        self.listed += 1
        correction = self.ledger.corrections.compare(INCIDENT, list(islice(everybody(), self.listed)))
        changes = {ask: correction.difference.counts[ask.value] for ask in Ask}
        self.ledger.corrections.apply(correction, changes, "", LEAD.name, self.clock.now)

    def page(self, name: str, locale: str = "en") -> str:
        """The words of a page, as they are read."""
        markup = (self.folder / INCIDENT / locale / f"{name}.html").read_text("utf-8").split("<main", 1)[1]
        return re.sub(r"\s+", " ", re.sub("<[^>]*>", "", markup))

    def left(self, notice: str, kind: ChannelKind) -> list[str]:
        """The English texts of this notice that left on a channel."""
        sent = [json.loads(path.read_text("utf-8")) for path in outbox(self.folder.parent)]
        return [one["text"] for one in sent if (one["notice"], one["kind"], one["locale"]) == (notice, kind, "en")]

    def notes(self, name: str, locale: str = "en") -> list[str]:
        """The notices to which the notes on a page lead."""
        markup = (self.folder / INCIDENT / locale / f"{name}.html").read_text("utf-8")
        return re.findall(r'<p class="corrected".*?/([^/"]+)\.html">', markup)


@pytest.fixture
async def public(tmp_path: Path) -> AsyncIterator[Public]:
    ledger = a_ledger(tmp_path)
    opened(ledger, islice(everybody(), FEW))
    context, clock = a_context(ledger, tmp_path)
    site = tmp_path / "site"
    site.mkdir()
    website = {"use": "website_static", "folder": str(site), "base_url": SITE}
    with using(replace(context, channels={**context.channels, ChannelKind.WEBSITE: website})):
        story = Public(context, clock, site)
        await sweep.fn(INCIDENT)
        await assess.fn(INCIDENT, "assess", 1)
        await story.tell("first-notice")
        yield story
    ledger.dispose()


async def test_surprise_17_a_page_published_again_says_since_when(public: Public) -> None:
    public.clock.now += 2 * DAY
    public.a_latecomer_is_found()
    await public.tell("first-notice")
    page = public.page("first-notice")
    assert "Published 18 November 2026, 10:00 (UTC+8), last changed 20 November 2026, 10:00 (UTC+8)" in page
    assert "What changed on this page 20 November 2026: we brought this page up to date." in page


async def test_surprise_4_a_page_lists_what_it_said_otherwise_before(public: Public) -> None:
    """Each version of a page says what every earlier one said otherwise, in each language."""
    public.it_was(Cause.INSIDER)
    public.a_latecomer_is_found()
    await public.tell("first-notice")
    changed = "How it came about We wrote: a theft"
    assert f"19 November 2026 {changed} Right is: somebody who works for us" in public.page("first-notice")
    public.it_was(Cause.LOSS)
    public.a_latecomer_is_found()
    await public.tell("first-notice")
    page = public.page("first-notice")
    assert "20 November 2026 How it came about We wrote: somebody who works for us Right is: something was lost" in page
    assert f"19 November 2026 {changed} Then we wrote: somebody who works for us" in page
    assert "2026年11月20日 起因 我们曾写：我们内部人员所为 应当是：遗失" in public.page("first-notice", "zh-CN")


async def test_a_page_lists_a_promise_that_was_put_off(public: Public) -> None:
    public.clock.now += DAY
    reason = {"en": "The parts came late.", "zh-CN": "零件到货晚了。"}
    public.ledger.commitments.put_off(
        INCIDENT, "photo-before-visit", START + 20 * DAY, reason, LEAD.name, public.clock.now
    )
    public.a_latecomer_is_found()
    await public.tell("first-notice")
    promise = "Before each visit we will send the name and photo of the person who comes."
    assert f"{promise} We wrote: Open, 25 November 2026 Now: Late, 8 December 2026" in public.page("first-notice")


async def test_a_wrong_page_gets_a_dated_note_by_its_correction(public: Public) -> None:
    public.it_was(Cause.INSIDER)
    name = await public.correct()
    assert "Corrected on 19 November 2026, 10:00 (UTC+8): part of this page was wrong." in public.page("first-notice")
    assert "2026年11月19日 10:00（UTC+8）更正：本页部分内容有误" in public.page("first-notice", "zh-CN")
    assert public.notes("first-notice") == [name]
    assert public.notes("index") == [name]
    assert public.notes(name) == []


async def test_a_note_names_the_latest_correction(public: Public) -> None:
    public.it_was(Cause.INSIDER)
    first = await public.correct()
    public.it_was(Cause.LOSS)
    second = await public.correct()
    assert public.notes("first-notice") == public.notes(first) == [second]


async def test_a_page_that_is_put_right_itself_loses_its_note(public: Public) -> None:
    """The list of what changed stands on the page instead, and a correction that is published again brings no note."""
    public.it_was(Cause.INSIDER)
    await public.correct()
    public.a_latecomer_is_found()
    await public.tell("first-notice")
    assert public.notes("first-notice") == []
    assert "We wrote: a theft Right is: somebody who works for us" in public.page("first-notice")


async def test_an_update_that_corrects_puts_the_note_on_the_page(public: Public) -> None:
    """Whichever notice is the first to say what is right is named: here the update, before a correction is approved."""
    public.it_was(Cause.INSIDER)
    public.clock.now = START + 3 * DAY
    await public.tell("update")
    assert public.notes("first-notice") == ["update-1"]
    assert "How it came about We wrote: a theft Right is: somebody who works for us" in public.page("update-1")


async def test_updates_and_corrections_are_posted(public: Public) -> None:
    public.it_was(Cause.INSIDER)
    name = await public.correct()
    public.clock.now = START + 3 * DAY
    await public.tell("update")
    (correction,), (update_post,) = (public.left(one, ChannelKind.SOCIAL) for one in (name, "update-1"))
    assert "part of our notice on the data breach was wrong" in correction
    assert (
        f"our update on the data breach: {SITE}/{INCIDENT}/en/update-1.html Next news by Sunday, 29 November 2026"
        in update_post
    )


async def test_surprise_17_the_steps_are_on_the_page_that_is_named(public: Public) -> None:
    """An update's email leads to the reader's own page, which has their steps; each page stays what it was."""
    public.clock.now = START + 3 * DAY
    await public.tell("update")
    mails = public.left("update-1", ChannelKind.EMAIL)
    assert mails
    assert all("You find yours, and all our notices, on your own page:" in mail for mail in mails)
    assert "our update of" in public.page("index")
    assert "let nobody in who says that we sent them" in public.page("first-notice")
    assert "There is newer news: " in public.page("first-notice")


async def test_a_note_names_nothing_that_approvers_did_not_see(public: Public) -> None:
    """The pages that get a note are part of the draft, so the approvals bind them."""
    public.it_was(Cause.INSIDER)
    await public.correct()
    draft = public.ledger.notices.latest_draft(INCIDENT, "correction-1")
    assert [one.notice for one in draft.corrects] == ["first-notice"]
    assert draft.binding != draft.model_copy(update={"corrects": ()}).binding
