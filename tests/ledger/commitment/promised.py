"""A ledger in which commitments were promised to somebody by a first notice that has left."""

from typing import Any

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.incident.commitment import commit
from amends.domain.notice.statement import about, committed
from amends.ledger import Ledger
from tests.builders import NOW, a_person, a_promise
from tests.delivery.sending import INCIDENT, approved, personal_variants

NOTICE = "first-notice"


def promise(ledger: Ledger, *promises: dict[str, Any], people: int = 1, told: int = 1) -> Ledger:
    """Promise these, each with the keys that differ from an outside audit; the first `told` people are told of them."""
    given = tuple(commit(a_promise(**one), NOW, NOTICE) for one in promises)
    keys = tuple(about(one.id) for one in given)
    variants = tuple(
        personal_variant.model_copy(update={"states": keys}) for personal_variant in personal_variants("en", "zh-CN")
    )
    stated = tuple(committed(one, NOW, "UTC") for one in given)
    listed = [a_person(number=number) for number in range(1, people + 1)]
    approved(ledger, listed, commitments=given, statements=stated, variants=variants)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    tell(ledger, *range(1, told + 1))
    return ledger


def tell(ledger: Ledger, *persons: int, notice: str = NOTICE) -> None:
    """Let the messages of these persons leave."""
    claims = ledger.deliveries.claim(INCIDENT, notice, tuple(ChannelKind), 100, NOW)
    theirs = [claim for claim in claims if claim.about is None or claim.about.number in persons]
    sent = [(one, Receipt(one.key, Status.SENT)) for one in theirs]
    ledger.deliveries.record((), sent, INCIDENT, notice, NOW)
    ledger.deliveries.give_back([claim for claim in claims if claim not in theirs], NOW)
    ledger.deliveries.finish(INCIDENT, notice, NOW)
