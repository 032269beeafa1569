"""What approvers see of a draft in the Prefect UI."""

from functools import partial

from amends.domain.base.errors import Finding
from amends.domain.channel.message import PageVersion
from amends.domain.deliver.preflight import Preflight, Trouble
from amends.domain.incident.facts import DataCategory
from amends.domain.notice.wording import with_example
from flows.run.artifacts import preview_page
from tests.builders import NOW, a_draft, a_wording

ADVICE = Finding("first-notice en/self/email", "L130", "has a sentence of 44 words", "30 are the most", blocks=False)


def test_advice_stands_before_the_texts() -> None:
    page = preview_page(a_draft(), (ADVICE,))
    assert page.index("L130 has a sentence of 44 words (30 are the most)") < page.index("## en/self/email")


def test_without_advice_nothing_is_said_of_it() -> None:
    assert "Look at this first" not in preview_page(a_draft())


def test_the_page_says_whether_people_can_opt_out() -> None:
    assert "\nOptional, 3 people" in preview_page(a_draft(optional=True))
    assert "\nMandatory, 3 people" in preview_page(a_draft())


def test_the_page_names_the_pages_that_get_a_note() -> None:
    page = preview_page(a_draft(corrects=(PageVersion("first-notice", NOW), PageVersion("update-1", NOW))))
    assert "Its page puts a dated note, with a link to it, on the wrong pages of: first-notice, update-1." in page
    assert "a dated note" not in preview_page(a_draft())


def test_how_everybodys_message_came_out_stands_before_the_texts() -> None:
    trouble = Trouble(why="name is empty", messages=2, people=2, first=(3, 8))
    page = preview_page(a_draft(), (), Preflight(messages=9, wrong=(trouble,)))
    assert page.index("7 messages composed and checked, 2 cannot be put together") < page.index("## en/self/email")
    assert "name is empty (persons 3, 8)" in page


def test_slots_are_shown_by_their_names() -> None:
    assert "It was your [your_data]." in preview_page(a_draft())


def test_approvers_read_an_example_of_the_readers_own_words() -> None:
    """They approve the steps and the help with the text, so the page shows them after the names of their slots."""
    kinds = (DataCategory.CREDENTIALS_HASHED,)
    shown = partial(with_example, wording=a_wording(), kinds=kinds)
    page = preview_page(a_draft(), (), None, shown)
    assert "[first_step, for example:] Change your password." in page
    assert "It was your [your_data]." in page


def test_the_page_stays_true_once_the_notice_was_approved_and_sent() -> None:
    page = preview_page(a_draft())
    assert "waits for" not in page
    assert page.startswith("# first-notice, as it was drafted for approval\n\nIt needs ")
