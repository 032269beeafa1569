"""A person reads at a lasting link what was sent to them, word for word, and nobody else's."""

import re

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.ledger import Ledger
from tests.delivery.sending import personal_variants
from tests.web.scene import ADA, INCIDENT, Clock, Visitor, release

UPDATE = "update-1"


def sent(ledger: Ledger, clock: Clock) -> None:
    """An update by email and SMS leaves for everybody."""
    variants = personal_variants("en", "zh-CN")
    release(ledger, notice=UPDATE, variants=variants, channels=(ChannelKind.EMAIL, ChannelKind.SMS))
    claims = ledger.deliveries.claim(INCIDENT, UPDATE, tuple(ChannelKind), 100, clock())
    ledger.deliveries.record(claims, (), INCIDENT, UPDATE, clock())
    answers = [(claim, Receipt(claim.key, Status.SENT)) for claim in claims]
    ledger.deliveries.record((), answers, INCIDENT, UPDATE, clock())


def test_what_was_sent_is_read_word_for_word(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    sent(ledger, clock)
    found = re.search(r'href="(/p/[^"]+/notice/[^"]+)"', ada.look().text)
    assert found
    page = ada.client.get(found[1]).text
    assert "<p>Dear Ada Example,</p>" in page
    assert "bank card details" in page
    assert f"https://betapai.example/p/{ada.link}" in page  # the link in the message is the reader's own
    assert "Betapai: customer data was copied." in page
    assert "Sent to you on 24 December 2026" in page


def test_each_reads_the_language_in_which_they_were_written_to(ledger: Ledger, li: Visitor, clock: Clock) -> None:
    sent(ledger, clock)
    page = li.client.get(f"{li.page}/notice/{UPDATE}?lang=en").text
    assert '<div class="sent" lang="zh-CN"' in page
    assert "【贝塔派】客户数据被复制" in page


def test_what_the_person_did_not_get_is_not_there(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    for notice in (UPDATE, "first-notice", "no-such", "..%2F..", "<script>"):
        assert ada.client.get(f"{ada.page}/notice/{notice}").status_code == 404
    sent(ledger, clock)
    assert ada.client.get(f"/p/{'x' * 27}/notice/{UPDATE}").status_code == 404


def test_looking_at_a_notice_changes_nothing(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    sent(ledger, clock)
    before = ledger.audit.entries(INCIDENT)
    assert ada.client.get(f"{ada.page}/notice/{UPDATE}").status_code == 200
    assert ledger.audit.entries(INCIDENT) == before
    assert ledger.visits.versions_got(INCIDENT, ADA) == {UPDATE: 1}
