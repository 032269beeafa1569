"""The public board of promises shows each promise to everybody as it stands, from the moment on when it changes."""

import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from amends.ledger import Ledger
from tests.builders import NOW
from tests.commitments import keep
from tests.web.scene import INCIDENT, Clock, release

BOARD = f"/n/{INCIDENT}/en/promises"


def test_the_board_changes_the_moment_a_promise_does(ledger: Ledger, client: TestClient, clock: Clock) -> None:
    before = client.get(BOARD).text
    keep(ledger, INCIDENT, "audit", {"*": "Report 2027-01"}, "lena", NOW)
    clock.forward(seconds=15)
    after = client.get(BOARD).text
    assert (before.count('class="state kept"'), after.count('class="state kept"')) == (1, 2)
    assert "Report 2027-01" not in after


def test_evidence_stands_on_the_board_once_its_notice_leaves(ledger: Ledger, client: TestClient, clock: Clock) -> None:
    keep(ledger, INCIDENT, "audit", {"*": "Report 2027-01"}, "lena", NOW)
    release(ledger, notice="kept-audit-1", about="audit", change=1)
    assert "Report 2027-01" in client.get(BOARD).text


def test_a_promise_to_a_segment_is_not_on_the_board(client: TestClient) -> None:
    page = client.get(BOARD).text
    assert "Shop customers" not in page
    assert page.count('<p class="promise">') == 4


def test_a_lateness_that_nobody_approved_is_not_on_the_board(ledger: Ledger, client: TestClient, clock: Clock) -> None:
    ledger.commitments.foresee(INCIDENT, "audit", NOW + timedelta(days=67), NOW)
    assert client.get(BOARD).text.count('class="state late"') == 1


def test_the_board_speaks_the_readers_language(client: TestClient) -> None:
    page = client.get(f"/n/{INCIDENT}/zh-CN/promises").text
    assert ('lang="zh-CN"' in page, "我们对所有人的承诺" in page) == (True, True)


@pytest.mark.parametrize("path", ["/n/nothing/en/promises", f"/n/{INCIDENT}x/en/promises", "/n/..%2F/en/promises"])
def test_there_is_no_board_where_nothing_was_published(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_board_counts_how_promises_stand(client: TestClient) -> None:
    assert "<strong>On time: 1 · Kept: 1 · Late: 1 · Not kept: 1</strong>" in counted(client.get(BOARD).text)


def counted(page: str) -> str:
    """The page with the counts in one order, which is that of the promises' dates."""
    found = re.search(r"<p><strong>(.*)</strong></p>", page)
    assert found
    order = ("On time", "Kept", "Late", "Not kept", "Broken")
    parts = sorted(found[1].split(" · "), key=lambda one: order.index(one.split(":")[0]))
    return f"<strong>{' · '.join(parts)}</strong>"


def test_a_broken_promise_is_called_broken(ledger: Ledger, client: TestClient, clock: Clock) -> None:
    clock.forward(days=61)
    ledger.commitments.break_word(INCIDENT, "audit", {"*": "The firm closed."}, "lena", NOW + timedelta(days=61))
    page = client.get(BOARD).text
    assert '<span class="state broken">Broken</span>' in page
    assert "The firm closed." not in page


def test_what_no_second_member_accepted_is_not_on_the_board(ledger: Ledger, client: TestClient, clock: Clock) -> None:
    before = client.get(BOARD).text
    link = "https://example.org/audit"
    ledger.commitments.keep(INCIDENT, "audit", {"*": "Report 2027-01"}, "lena", NOW, link=link)
    clock.forward(seconds=15)
    assert client.get(BOARD).text == before
    ledger.commitments.accept(INCIDENT, "audit", "omar", NOW)
    release(ledger, notice="kept-audit-1", about="audit", change=1)
    clock.forward(seconds=15)
    assert f'<a href="{link}" rel="noreferrer">' in client.get(BOARD).text
