"""What people heard last: whoever has an earlier version of a notice does not get the later ones."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.deliver.correction import Ask
from amends.domain.incident.facts import Cause, Certainty, Fact
from amends.domain.incident.incident import Incident, StatementKey
from amends.domain.notice.statement import stated_by
from amends.domain.playbook.playbook import Event
from amends.domain.team.approval import Decision
from amends.ledger import Ledger
from tests.builders import NOW, a_draft, a_person, an_incident
from tests.delivery.sending import APPROVERS, INCIDENT, NOTICE, approved, bound, looked_over, personal_variants

HOUR = timedelta(hours=1)
STATES = tuple(sorted(StatementKey))
IN_EMAILS = tuple(
    variant.model_copy(update={"states": STATES})
    for variant in personal_variants("en", "zh-CN")
    if variant.channel is ChannelKind.EMAIL
)
EMAIL = {"channels": (ChannelKind.EMAIL,), "cascade": (), "variants": IN_EMAILS}
NEWS = {"en": "The hole is closed.", "zh-CN": "漏洞已修复。"}


def begun(ledger: Ledger, people: int = 3) -> Ledger:
    statements = tuple(stated_by(an_incident(), people).values())
    approved(ledger, [a_person(number=number) for number in range(1, people + 1)], **EMAIL, statements=statements)
    return ledger


def otherwise() -> Incident:
    """It was an insider, and not an attack from outside, as people were told."""
    file, cause = an_incident(), Fact[Cause](value=Cause.INSIDER, certainty=Certainty.CONFIRMED)
    return file.model_copy(update={"facts": file.facts.model_copy(update={"cause": cause})})


def written(ledger: Ledger, at: datetime, notice: str = NOTICE) -> None:
    """The notice drafted from the facts as they are then, and approved."""
    statements = tuple(stated_by(ledger.cases.incident_file(INCIDENT), 3).values())
    draft = a_draft(**bound(ledger) | EMAIL | {"notice": notice, "statements": statements, "dated": at})
    ledger.notices.draft(draft, at)
    looked_over(ledger, draft)
    for member in APPROVERS:
        ledger.approvals.decide(INCIDENT, notice, member, Decision.APPROVE, draft.binding, "", at)


def sent(ledger: Ledger, at: datetime, answers: Sequence[Status] = (), notice: str = NOTICE) -> None:
    """Released and answered so, and the rest of them as sent."""
    ledger.notices.release(INCIDENT, notice, at)
    claims = ledger.deliveries.claim(INCIDENT, notice, [ChannelKind.EMAIL], 99, at)
    each = [*answers, *[Status.SENT] * (len(claims) - len(answers))]
    found = [(claim, Receipt(claim.key, status)) for claim, status in zip(claims, each, strict=True)]
    ledger.deliveries.record((), found, INCIDENT, notice, at)
    ledger.deliveries.finish(INCIDENT, notice, at)


def wrong(ledger: Ledger) -> tuple[str, ...]:
    case = ledger.cases.read(INCIDENT)
    assert (Event.FACTS_CHANGED in case.events) == bool(case.told_wrongly)
    return case.told_wrongly


def test_people_told_are_owed_a_correction_despite_a_full_mailbox(ledger: Ledger) -> None:
    """People who were told a wrong fact are owed a correction, although a full mailbox got only the corrected version.

    The correction is owed until a notice of correction was sent to them.
    """
    sent(begun(ledger), NOW, [Status.DEFERRED])
    ledger.incidents.amend(otherwise(), "lena", NOW + HOUR)
    found = [wrong(ledger)]
    written(ledger, NOW + 2 * HOUR)
    found.append(wrong(ledger))
    sent(ledger, NOW + 2 * HOUR)
    found.append(wrong(ledger))
    assert found == [("cause",)] * 3
    written(ledger, NOW + 3 * HOUR, "correction-1")
    sent(ledger, NOW + 3 * HOUR, notice="correction-1")
    assert wrong(ledger) == ()


def test_people_told_are_owed_a_correction_despite_latecomers(ledger_on_sqlite: Ledger) -> None:
    """People who were told a wrong fact are owed a correction, although people found later were told the right fact."""
    ledger = begun(ledger_on_sqlite)
    sent(ledger, NOW)
    ledger.incidents.amend(otherwise(), "lena", NOW + HOUR)
    listed = ledger.corrections.compare(INCIDENT, [a_person(number=number) for number in range(1, 5)])
    ledger.corrections.apply(listed, dict.fromkeys(Ask), "", "lena", NOW + HOUR)
    written(ledger, NOW + 2 * HOUR)
    sent(ledger, NOW + 2 * HOUR)
    assert wrong(ledger) == ("cause",)


def test_what_reached_nobody_is_not_corrected(ledger_on_sqlite: Ledger) -> None:
    ledger = begun(ledger_on_sqlite)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    ledger.incidents.amend(otherwise(), "lena", NOW + HOUR)
    written(ledger, NOW + 2 * HOUR)
    sent(ledger, NOW + 2 * HOUR)
    assert wrong(ledger) == ()


def test_a_half_sent_overtaken_correction_leaves_a_correction_owed(ledger_on_sqlite: Ledger) -> None:
    """When new facts overtake a correction that only one person was told, a correction is still owed."""
    ledger = begun(ledger_on_sqlite)
    sent(ledger, NOW)
    ledger.incidents.amend(otherwise(), "lena", NOW + HOUR)
    written(ledger, NOW + 2 * HOUR, "correction-1")
    ledger.notices.release(INCIDENT, "correction-1", NOW + 2 * HOUR)
    (claim,) = ledger.deliveries.claim(INCIDENT, "correction-1", [ChannelKind.EMAIL], 1, NOW + 2 * HOUR)
    ledger.deliveries.record((), [(claim, Receipt(claim.key, Status.SENT))], INCIDENT, "correction-1", NOW + 2 * HOUR)
    ledger.incidents.amend(an_incident(title="It was an attack after all"), "lena", NOW + 3 * HOUR)
    assert wrong(ledger) == ("cause",)  # one of them heard that it was an insider


def test_a_corrected_list_alone_changes_no_facts(ledger_on_sqlite: Ledger) -> None:
    ledger = begun(ledger_on_sqlite)
    sent(ledger, NOW)
    listed = ledger.corrections.compare(INCIDENT, [a_person(number=number) for number in range(1, 5)])
    ledger.corrections.apply(listed, dict.fromkeys(Ask), "", "lena", NOW + HOUR)
    assert Event.FACTS_CHANGED not in ledger.cases.read(INCIDENT).events


def test_news_counts_as_told_only_if_recorded_before_the_notice(ledger_on_sqlite: Ledger) -> None:
    """News counts as told only when it was recorded before people were told, however early the news itself is dated.

    News recorded later counts as told after the next update.
    """
    ledger = begun(ledger_on_sqlite)
    sent(ledger, NOW + HOUR)
    late = {"at": NOW - HOUR, "text": NEWS}
    ledger.incidents.amend(an_incident(news=[late]), "lena", NOW + 2 * HOUR)
    before = ledger.views.drafting(INCIDENT).news_told
    written(ledger, NOW + 3 * HOUR, "update-1")
    sent(ledger, NOW + 3 * HOUR, notice="update-1")
    assert (before, [news.text for news in ledger.views.drafting(INCIDENT).news_told]) == ((), [NEWS])
