"""Nobody approves what would be printed wrongly: everybody's message is looked at first, and what was found is kept."""

import pytest

from amends.domain.base.errors import NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.preflight import Preflight, Trouble
from amends.domain.notice.notice import Draft, NoticeStage
from amends.domain.team.approval import Decision
from amends.ledger import Ledger
from amends.ledger.tables.notice import NoticeRow
from tests.builders import NOW, a_draft, a_member, a_person, an_incident
from tests.delivery.sending import looked_over
from tests.ledger.notice.test_notices import INCIDENT, LATER, approve, current_draft, opened
from tests.rewriting import rewrite

__all__ = ["opened"]

GOOD = Preflight(messages=9)
BAD = Preflight(messages=9, wrong=(Trouble(why="name is empty", messages=1, people=1, first=(3,)),))
EMAIL, SMS, LETTER = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.LETTER


@pytest.fixture
def draft(opened: Ledger) -> Draft:
    drafted = current_draft(opened)
    opened.notices.draft(drafted, NOW)
    return drafted


def decide(ledger: Ledger, draft: Draft, decision: Decision = Decision.APPROVE) -> NoticeStage:
    return ledger.approvals.decide(INCIDENT, draft.notice, a_member(), decision, draft.binding, "", NOW)


def firsts(ledger: Ledger, draft: Draft) -> list[tuple[int, str]]:
    return [(claim.about.number, claim.channel.value) for claim in ledger.previews.first_claims(draft) if claim.about]


# Whom it is about.


@pytest.mark.parametrize("page", [1, 3, 2000])
def test_everybodys_first_messages_are_those_that_a_release_stores(
    opened: Ledger, draft: Draft, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amends.ledger.deliver.previews.CHUNK", page)
    foretold = firsts(opened, draft)
    approve(opened, draft, "omar", "wei")
    opened.notices.release(INCIDENT, draft.notice, NOW)
    stored = [line for line in opened.statistics.lines(INCIDENT, draft.notice) if line.person]
    waiting = [(line.person, line.channel.value) for line in stored if line.state == "waiting"]
    assert sorted(foretold) == sorted(waiting) != []
    assert [number for number, _ in foretold] == sorted(number for number, _ in foretold)


def test_a_letter_is_among_them_and_nobody_of_another_segment(ledger_on_sqlite: Ledger) -> None:
    by_post = a_person(number=3, email="", phone="", postal_address="Example Street 1\n10115 Berlin", segment="shop")
    people = [a_person(number=1, segment="shop"), a_person(number=2), by_post]
    ledger_on_sqlite.incidents.open(an_incident(), people, "lena", NOW)
    draft = a_draft(audience="shop", channels=(EMAIL,), cascade=(SMS, LETTER))
    assert firsts(ledger_on_sqlite, draft) == [(1, "email"), (3, "letter")]


# What was found is kept.


def test_of_a_fresh_draft_nothing_is_known(opened: Ledger, draft: Draft) -> None:
    assert opened.notices.preflight(draft) is None


def test_what_was_found_is_read_back(opened: Ledger, draft: Draft) -> None:
    opened.notices.keep_preflight(draft, BAD, NOW)
    assert opened.notices.preflight(draft) == BAD


def test_what_was_found_in_another_draft_does_not_count_for_this_one(opened: Ledger, draft: Draft) -> None:
    opened.notices.keep_preflight(draft, GOOD, NOW)
    later = current_draft(opened, dated=LATER)
    opened.notices.draft(later, NOW)
    opened.notices.keep_preflight(draft, GOOD, NOW)
    assert (opened.notices.preflight(draft), opened.notices.preflight(later)) == (None, None)


def test_the_same_found_again_is_noted_once(opened: Ledger, draft: Draft) -> None:
    for found in (BAD, BAD, GOOD):
        opened.notices.keep_preflight(draft, found, NOW)
    noted = [entry.detail for entry in opened.audit.entries(INCIDENT) if entry.act == "looked over"]
    assert [(detail["messages"], detail["cannot_be_made"]) for detail in noted] == [(9, 1), (9, 0)]


# Who may approve.


def test_nobody_approves_before_everybodys_message_was_looked_at(opened: Ledger, draft: Draft) -> None:
    with pytest.raises(
        NotAllowed, match=r"nobody has looked yet .* `amends preview november-breach first-notice` does"
    ):
        decide(opened, draft)


def test_nobody_approves_what_cannot_be_put_together(opened: Ledger, draft: Draft) -> None:
    opened.notices.keep_preflight(draft, BAD, NOW)
    with pytest.raises(NotAllowed, match=r"1 message of first-notice .*: 1 × name is empty \(person 3\)"):
        decide(opened, draft)
    assert opened.cases.read(INCIDENT).notices[0].approvals == ()


def test_a_no_needs_no_look(opened: Ledger, draft: Draft) -> None:
    assert decide(opened, draft, Decision.REJECT) is NoticeStage.REJECTED


def test_when_all_is_well_again_it_can_be_approved(opened: Ledger, draft: Draft) -> None:
    opened.notices.keep_preflight(draft, BAD, NOW)
    looked_over(opened, draft)
    assert decide(opened, draft) is NoticeStage.DRAFTED
    assert opened.cases.read(INCIDENT).notices[0].approvals == ("omar",)


def test_each_version_is_looked_at_anew(opened: Ledger, draft: Draft) -> None:
    opened.notices.keep_preflight(draft, GOOD, NOW)
    later = current_draft(opened, dated=LATER)
    opened.notices.draft(later, NOW)
    with pytest.raises(NotAllowed, match="nobody has looked yet"):
        decide(opened, later)


def test_an_approval_of_before_there_was_such_a_look_still_holds(opened: Ledger, draft: Draft) -> None:
    approve(opened, draft, "omar", "wei")
    rewrite(opened, NoticeRow, preflight=None)
    assert opened.notices.release(INCIDENT, draft.notice, NOW) == draft
