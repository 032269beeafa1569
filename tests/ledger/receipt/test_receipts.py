"""Reports of bounces, complaints and receipts change the ledger once, and only those that prove to know the message."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from amends.domain.base.errors import ApprovalMissing
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.identifiers import message_id
from amends.domain.channel.message import Receipt, Status
from amends.domain.notice.notice import DeliveryState, NoticeStage, PersonState
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.domain.receipt.webhook import ProviderReceipt
from amends.ledger import Claim, Keys, Ledger
from amends.ledger.receipt.receipts import Effect, Reported
from amends.ledger.tables.deliver import DeliveryRow
from tests.builders import NOW, a_member, an_incident
from tests.ledger.notice.test_notices import EVERY_CHANNEL, INCIDENT, LATER, current_draft, opened, release

__all__ = ["opened"]

NOTICE = "first-notice"
EMAIL, SMS = ChannelKind.EMAIL, ChannelKind.SMS
BY_EMAIL = {"channels": (ChannelKind.WEBSITE, EMAIL), "cascade": (EMAIL, SMS)}
BY_SMS = {"channels": (ChannelKind.WEBSITE, SMS), "cascade": (SMS, EMAIL)}
FAILED = ReportKind.FAILED
QUEUE_ID = "4F2A31C0"
Sent = dict[int, Claim]


def claimed(ledger: Ledger, channel: ChannelKind) -> Sent:
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, [channel], 100, LATER)
    return {claim.about.number: claim for claim in claims if claim.about}


def answered(ledger: Ledger, claims: Sent, status: Status, provider_id: str = "") -> None:
    """All of these left and got this answer."""
    every = list(claims.values())
    ledger.deliveries.record(every, (), INCIDENT, NOTICE, LATER)
    receipts = [(claim, Receipt(claim.key, status, "250", provider_id)) for claim in every]
    ledger.deliveries.record((), receipts, INCIDENT, NOTICE, LATER)
    ledger.deliveries.end_leases([claim.lease for claim in every[:1]], {}, INCIDENT, NOTICE, LATER)


def all_sent(ledger: Ledger) -> None:
    """Whatever else there is, so that the notice is finished."""
    for channel in EVERY_CHANNEL:
        claims = ledger.deliveries.claim(INCIDENT, NOTICE, [channel], 100, LATER)
        receipts = [(claim, Receipt(claim.key, Status.DELIVERED)) for claim in claims]
        ledger.deliveries.record(claims, (), INCIDENT, NOTICE, LATER)
        ledger.deliveries.record((), receipts, INCIDENT, NOTICE, LATER)
        ledger.deliveries.end_leases([claim.lease for claim in claims[:1]], {}, INCIDENT, NOTICE, LATER)
    assert ledger.deliveries.finish(INCIDENT, NOTICE, LATER)


@pytest.fixture
def emails(opened: Ledger) -> Sent:
    """The notice was sent to everybody by email, and is finished."""
    release(opened, **BY_EMAIL)
    claims = claimed(opened, EMAIL)
    answered(opened, claims, Status.SENT, provider_id=QUEUE_ID)
    all_sent(opened)
    return claims


@pytest.fixture
def texts(opened: Ledger) -> Sent:
    """The notice goes out by SMS; all of them are claimed."""
    release(opened, **BY_SMS)
    return claimed(opened, SMS)


def a_report(claim: Claim, kind: ReportKind = FAILED, **changes: str) -> MailReport:
    said = {"token": claim.bounce, "message_id": message_id(claim.key, "betapai.example")}
    codes = {"status": "5.1.1", "detail": "550 5.1.1"} if kind is FAILED else {}
    return MailReport(kind, **{**said, **codes, **changes})


def states(ledger: Ledger, channel: ChannelKind) -> dict[int, str]:
    lines = ledger.statistics.lines(INCIDENT, NOTICE)
    return {line.person: line.state.value for line in lines if line.channel is channel}


def stage(ledger: Ledger) -> NoticeStage:
    notice = ledger.cases.read(INCIDENT).notice(NOTICE)
    assert notice
    return notice.stage


def effects(reported: Reported) -> list[str]:
    return [effect.value for effect in reported.each]


def everything(ledger: Ledger) -> tuple[object, ...]:
    """All that a report could change."""
    return ledger.statistics.lines(INCIDENT, NOTICE), ledger.audit.entries(INCIDENT), ledger.cases.read(INCIDENT)


def acts(ledger: Ledger, act: str) -> list[dict[str, object]]:
    return [entry.detail for entry in ledger.audit.entries(INCIDENT) if entry.act == act]


# Bounces


def test_a_person_whose_email_bounces_gets_the_next_channel(opened: Ledger, emails: Sent) -> None:
    """When an email bounces, the person is written to on the next channel.

    The outcome of the report names the notice that has messages waiting.
    """
    reported = opened.receipts.take([a_report(emails[1])], LATER)
    assert (effects(reported), reported.handed_over) == (["bounced"], 1)
    assert states(opened, EMAIL)[1] == "bounced"
    assert states(opened, SMS)[1] == "waiting"
    assert reported.waiting == {(INCIDENT, NOTICE)}


def test_the_reason_that_is_kept_is_the_code_alone(opened: Ledger, emails: Sent) -> None:
    opened.receipts.take([a_report(emails[1])], LATER)
    details = {line.detail for line in opened.statistics.lines(INCIDENT, NOTICE) if line.state is DeliveryState.BOUNCED}
    assert details == {"550 5.1.1"}


def test_a_sent_notice_goes_on_after_a_bounce(opened: Ledger, emails: Sent) -> None:
    """A notice that was sent is being sent again after a bounce and reaches the person on the next channel."""
    assert stage(opened) is NoticeStage.SENT
    opened.receipts.take([a_report(emails[1])], LATER)
    assert stage(opened) is NoticeStage.SENDING
    assert claimed(opened, SMS).keys() == {1}


def test_who_has_no_other_channel_stays_bounced_and_the_notice_sent(opened: Ledger, emails: Sent) -> None:
    reported = opened.receipts.take([a_report(emails[2])], LATER)
    assert (effects(reported), reported.handed_over) == (["bounced"], 0)
    assert stage(opened) is NoticeStage.SENT
    assert opened.cases.read(INCIDENT).notices[0].people[PersonState.BOUNCED] == 1


def test_the_version_in_which_it_is_handed_over_is_its_notices_own(opened: Ledger, emails: Sent) -> None:
    for day in (1, 2, 3):
        release(opened, notice="update-1", template="update", dated=LATER + timedelta(days=day), **BY_EMAIL)
    assert opened.receipts.take([a_report(emails[1])], LATER).handed_over == 1
    assert claimed(opened, SMS)[1].released.version == emails[1].released.version


def test_a_childs_message_is_handed_over_to_the_guardians_telephone(opened: Ledger, emails: Sent) -> None:
    opened.receipts.take([a_report(emails[5])], LATER)
    (claim,) = claimed(opened, SMS).values()
    assert claim.to and claim.to.number == 6
    assert claim.text.reader == "guardian"


def test_a_bounce_that_comes_again_changes_nothing(opened: Ledger, emails: Sent) -> None:
    opened.receipts.take([a_report(emails[1])], LATER)
    before = everything(opened)
    assert effects(opened.receipts.take([a_report(emails[1])] * 2, LATER)) == ["unchanged"] * 2
    assert everything(opened) == before


def test_the_same_bounce_twice_in_one_batch_counts_once(opened: Ledger, emails: Sent) -> None:
    reported = opened.receipts.take([a_report(emails[1])] * 2, LATER)
    assert (effects(reported), reported.handed_over) == (["bounced", "unchanged"], 1)


@pytest.mark.parametrize(
    ("kind", "effect"),
    [
        (ReportKind.DELAYED, Effect.HARMLESS),
        (ReportKind.AUTO_REPLY, Effect.HARMLESS),
        (ReportKind.UNKNOWN, Effect.UNCLEAR),
    ],
)
def test_what_is_no_last_word_changes_nothing(opened: Ledger, emails: Sent, kind: ReportKind, effect: Effect) -> None:
    before = everything(opened)
    assert opened.receipts.take([a_report(emails[1], kind)], LATER).each == (effect,)
    assert everything(opened) == before


def test_a_mailbox_that_took_it_is_delivered(opened: Ledger, emails: Sent) -> None:
    assert effects(opened.receipts.take([a_report(emails[1], ReportKind.DELIVERED)], LATER)) == ["delivered"]
    assert states(opened, EMAIL)[1] == "delivered"


def test_what_a_mailbox_took_does_not_bounce_later(opened: Ledger, emails: Sent) -> None:
    opened.receipts.take([a_report(emails[1], ReportKind.DELIVERED)], LATER)
    assert effects(opened.receipts.take([a_report(emails[1])], LATER)) == ["unchanged"]
    assert states(opened, EMAIL)[1] == "delivered"


def test_a_provider_may_report_a_bounce_after_a_delivery(opened: Ledger, emails: Sent) -> None:
    """A provider that called a message delivered may say later that it came back; a later "delivered" changes nothing.

    "Delivered" says that the next server took it; that server may find out later that it has no such mailbox.
    """
    opened.receipts.take([a_report(emails[1], ReportKind.DELIVERED)], LATER)
    reported = opened.receipts.take([replace(a_report(emails[1]), by_provider=True)], LATER)
    assert (effects(reported), reported.handed_over) == (["bounced"], 1)
    assert effects(opened.receipts.take([a_report(emails[1], ReportKind.DELIVERED)], LATER)) == ["unchanged"]


@pytest.mark.parametrize("status", ["5.7.26", "4.7.0", "5.1.8", "5.1.90", "5.4.5"])
def test_a_refusal_for_our_sake_hands_over_and_alerts_once(opened: Ledger, emails: Sent, status: str) -> None:
    """A refusal for a reason that lies with the sender hands over like any other.

    An alert calls for a person once, however many messages are refused so.
    """
    policy = {"status": status, "detail": status}
    reported = opened.receipts.take([a_report(emails[1], ReportKind.GAVE_UP, **policy)], LATER)
    opened.receipts.take([a_report(emails[2], ReportKind.GAVE_UP, **policy)], LATER)
    alerts = [entry.subject for entry in opened.audit.entries(INCIDENT) if entry.act == "alert"]
    assert reported.handed_over == 1
    assert alerts == [f"first-notice: email came back for a reason that lies with us: {status}"]


def test_a_wrong_address_calls_for_nobody(opened: Ledger, emails: Sent) -> None:
    opened.receipts.take([a_report(emails[1])], LATER)
    assert not acts(opened, "alert")


def test_a_bounce_after_the_end_calls_for_a_person(opened: Ledger, emails: Sent) -> None:
    opened.incidents.close(INCIDENT, "lena", LATER)
    opened.receipts.take([a_report(emails[1])], LATER)
    (alert,) = [entry.subject for entry in opened.audit.entries(INCIDENT) if entry.act == "alert"]
    assert "after the end" in alert


def test_a_handed_over_message_waits_when_the_facts_have_changed(opened: Ledger, emails: Sent) -> None:
    """A message that a bounce hands over waits for a new approval when the facts have changed."""
    opened.incidents.amend(an_incident(title="Two databases copied"), "lena", LATER)
    assert opened.receipts.take([a_report(emails[1])], LATER).handed_over == 1
    with pytest.raises(ApprovalMissing, match="facts changed"):
        opened.deliveries.claim(INCIDENT, NOTICE, [SMS], 10, LATER)


def test_the_cascade_of_the_version_that_was_released_last_decides(opened: Ledger, emails: Sent) -> None:
    opened.incidents.amend(an_incident(title="Two databases copied"), "lena", LATER)
    release(opened, dated=LATER, channels=BY_EMAIL["channels"], cascade=(EMAIL,))
    assert opened.receipts.take([a_report(emails[1])], LATER).handed_over == 0


def test_a_draft_that_nobody_approved_is_not_let_out_by_a_bounce(opened: Ledger, emails: Sent) -> None:
    opened.incidents.amend(an_incident(title="Two databases copied"), "lena", LATER)
    opened.notices.draft(current_draft(opened, dated=LATER, **BY_EMAIL), LATER)
    opened.receipts.take([a_report(emails[1])], LATER)
    assert stage(opened) is NoticeStage.DRAFTED


# Complaints


def test_a_complaint_is_kept_and_ends_optional_messages(opened: Ledger, emails: Sent) -> None:
    """A complaint is recorded, and the person who complained gets nothing optional any more."""
    assert effects(opened.receipts.take([a_report(emails[1], ReportKind.COMPLAINED)], LATER)) == ["complained"]
    assert states(opened, EMAIL)[1] == "complained"
    assert opened.opt_outs.has(INCIDENT, 1)
    assert not opened.opt_outs.has(INCIDENT, 2)


def test_who_complains_has_read_it_and_is_not_written_to_again(opened: Ledger, emails: Sent) -> None:
    assert opened.receipts.take([a_report(emails[1], ReportKind.COMPLAINED)], LATER).handed_over == 0
    assert effects(opened.receipts.take([a_report(emails[1])], LATER)) == ["unchanged"]


def test_who_complains_of_what_came_back_is_heard_all_the_same(opened: Ledger, emails: Sent) -> None:
    opened.receipts.take([a_report(emails[1])], LATER)
    assert effects(opened.receipts.take([a_report(emails[1], ReportKind.COMPLAINED)], LATER)) == ["unchanged"]
    assert states(opened, EMAIL)[1] == "bounced"
    assert opened.opt_outs.has(INCIDENT, 1)
    assert acts(opened, "reported")[-1] == {"states": {}, "handed_over": 0, "opted_out": 1}


def test_troubles_are_counted_by_state(opened: Ledger, emails: Sent) -> None:
    assert opened.statistics.troubles(INCIDENT, NOTICE) == {}
    opened.receipts.take([a_report(emails[1]), a_report(emails[2]), a_report(emails[5], ReportKind.COMPLAINED)], LATER)
    assert opened.statistics.troubles(INCIDENT, NOTICE) == {DeliveryState.BOUNCED: 2, DeliveryState.COMPLAINED: 1}
    assert opened.statistics.troubles(INCIDENT, "update-1") == {}


# Forgeries


def forgeries(ledger: Ledger, emails: Sent) -> dict[str, str]:
    keys, other = ledger.store.keys, emails[2]
    return {
        "empty": "",
        "no hex": "x" * 32,
        "too short": emails[1].bounce[:-2],
        "two blocks": emails[1].bounce * 2,
        "not ASCII": "ä" * 32,
        "of another master key": Keys(b"x" * 32).bounce_token(emails[1].id, emails[1].key),
        "of a message with another key": keys.bounce_token(emails[1].id, other.key),
        "of a message that is not there": keys.bounce_token(987_654, emails[1].key),
        "of number 0": keys.bounce_token(0, emails[1].key),
        "of a number that no database has": keys.bounce_token(2**64 - 1, emails[1].key),
    }


def test_a_forged_token_changes_nothing(opened: Ledger, emails: Sent) -> None:
    before = everything(opened)
    forged = forgeries(opened, emails)
    reports = [a_report(emails[1], token=token, message_id="") for token in forged.values()]
    assert dict(zip(forged, effects(opened.receipts.take(reports, LATER)), strict=True)) == dict.fromkeys(
        forged, "foreign"
    )
    assert everything(opened) == before


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tokens=st.lists(st.binary(min_size=16, max_size=16).map(bytes.hex) | st.text(max_size=40), min_size=1))
def test_no_token_can_be_guessed(opened: Ledger, emails: Sent, tokens: list[str]) -> None:
    reports = [MailReport(FAILED, token) for token in tokens]
    assert set(opened.receipts.take(reports, LATER).each) == {Effect.FOREIGN}


def test_a_token_with_any_bit_turned_over_is_forged(opened: Ledger, emails: Sent) -> None:
    true = int(emails[1].bounce, 16)
    reports = [MailReport(FAILED, f"{true ^ (1 << bit):032x}") for bit in range(128)]
    assert opened.receipts.take(reports, LATER).counts == {Effect.FOREIGN: 128}


def test_the_token_of_an_sms_is_none_for_mail(opened: Ledger, texts: Sent) -> None:
    answered(opened, texts, Status.SENT)
    assert effects(opened.receipts.take([a_report(texts[1])], LATER)) == ["foreign"]


@pytest.mark.parametrize(
    ("named", "effect"),
    [
        (lambda claim: "", "bounced"),
        (lambda claim: f"<{claim.key}@elsewhere.example>", "bounced"),
        (lambda claim: f"<{claim.key.upper()}@BETAPAI.EXAMPLE>", "bounced"),
        (lambda claim: f"<{QUEUE_ID.lower()}-000000@relay.example>", "bounced"),
        (lambda claim: f"<{'0' * 32}@betapai.example>", "contradicted"),
        (lambda claim: f"<x{claim.key}@betapai.example>", "contradicted"),
        (lambda claim: f"<x@{claim.key}>", "contradicted"),
        (lambda claim: "nonsense", "contradicted"),
    ],
)
def test_a_message_id_must_be_ours_or_the_relays_for_the_message(
    opened: Ledger, emails: Sent, named: Callable[[Claim], str], effect: str
) -> None:
    """A report counts only when its message ID is absent, ours, or the name that the relay gave the message.

    Any other message ID contradicts the report.
    """
    assert effects(opened.receipts.take([a_report(emails[1], message_id=named(emails[1]))], LATER)) == [effect]


def test_a_message_without_a_relays_name_has_no_other_id(opened: Ledger) -> None:
    release(opened, **BY_EMAIL)
    claims = claimed(opened, EMAIL)
    answered(opened, claims, Status.SENT)
    report = a_report(claims[1], message_id="<anything@relay.example>")
    assert effects(opened.receipts.take([report], LATER)) == ["contradicted"]


# What is under way, and what was left open


def test_a_bounce_may_be_faster_than_the_answer_of_the_relay(opened: Ledger) -> None:
    release(opened, **BY_EMAIL)
    claim = claimed(opened, EMAIL)[1]
    opened.deliveries.record([claim], (), INCIDENT, NOTICE, LATER)
    assert opened.receipts.take([a_report(claim)], LATER).handed_over == 1
    opened.deliveries.record((), [(claim, Receipt(claim.key, Status.SENT))], INCIDENT, NOTICE, LATER)
    assert states(opened, EMAIL)[1] == "bounced"


def test_what_cannot_have_left_cannot_bounce(opened: Ledger) -> None:
    release(opened, **BY_EMAIL)
    claim = claimed(opened, EMAIL)[1]
    assert effects(opened.receipts.take([a_report(claim)], LATER)) == ["unchanged"]
    assert states(opened, EMAIL)[1] == "claimed"


def test_a_bounce_settles_an_uncertain_message(opened: Ledger) -> None:
    release(opened, **BY_EMAIL)
    claims = claimed(opened, EMAIL)
    answered(opened, claims, Status.UNCERTAIN)
    assert opened.receipts.take([a_report(claims[1])], LATER).handed_over == 1
    assert states(opened, EMAIL)[1] == "bounced"


def test_a_bounce_of_a_first_try_does_not_stop_a_second_one(opened: Ledger) -> None:
    """When a team member has a message sent again, a bounce of its first try changes nothing.

    The message still waits.
    """
    release(opened, **BY_EMAIL)
    claims = claimed(opened, EMAIL)
    answered(opened, claims, Status.UNCERTAIN)
    opened.decisions.send_again(INCIDENT, NOTICE, 1, a_member(), LATER)
    assert effects(opened.receipts.take([a_report(claims[1])], LATER)) == ["unchanged"]
    assert states(opened, EMAIL)[1] == "waiting"


@pytest.mark.parametrize("kind", [ReportKind.DELIVERED, ReportKind.COMPLAINED])
def test_who_has_it_is_not_sent_it_once_more(opened: Ledger, kind: ReportKind) -> None:
    release(opened, **BY_EMAIL)
    claims = claimed(opened, EMAIL)
    answered(opened, claims, Status.UNCERTAIN)
    opened.decisions.send_again(INCIDENT, NOTICE, 1, a_member(), LATER)
    assert effects(opened.receipts.take([a_report(claims[1], kind)], LATER)) == [kind.value]
    assert not claimed(opened, EMAIL)


def test_who_has_it_is_not_sent_it_once_more_from_a_page_in_hand(opened: Ledger) -> None:
    release(opened, **BY_EMAIL)
    claims = claimed(opened, EMAIL)
    answered(opened, claims, Status.UNCERTAIN)
    for person in (1, 2):
        opened.decisions.send_again(INCIDENT, NOTICE, person, a_member(), LATER)
    again = claimed(opened, EMAIL)
    assert effects(opened.receipts.take([a_report(claims[1], ReportKind.DELIVERED)], LATER)) == ["delivered"]
    assert not opened.deliveries.record(list(again.values()), (), INCIDENT, NOTICE, LATER)
    opened.deliveries.give_back(list(again.values()), LATER)
    assert states(opened, EMAIL)[1] == "delivered"
    assert claimed(opened, EMAIL).keys() == {2}


def test_a_report_that_recalls_one_page_leaves_another_in_hand(opened: Ledger) -> None:
    """When a report recalls a page, messages that another worker has in hand may still be sent."""
    release(opened, **BY_EMAIL)
    claims = claimed(opened, EMAIL)
    answered(opened, {1: claims[1]}, Status.UNCERTAIN)
    opened.decisions.send_again(INCIDENT, NOTICE, 1, a_member(), LATER)
    claimed(opened, EMAIL)
    assert effects(opened.receipts.take([a_report(claims[1], ReportKind.DELIVERED)], LATER)) == ["delivered"]
    assert opened.deliveries.record([claims[2]], (), INCIDENT, NOTICE, LATER) == {claims[2].id}


def test_reports_wait_for_what_somebody_else_is_writing(opened: Ledger, emails: Sent) -> None:
    held = threading.Event()

    def hold() -> None:
        with opened.store.write() as write:
            row = write.session.exec(select(DeliveryRow).where(DeliveryRow.id == emails[1].id)).one()
            row.detail = "being written"
            write.session.flush()
            held.set()
            time.sleep(0.3)

    other = threading.Thread(target=hold)
    other.start()
    held.wait(5)
    reported = opened.receipts.take([a_report(emails[1]), a_report(emails[2])], LATER)
    other.join()
    assert effects(reported) == ["bounced", "bounced"]
    assert states(opened, EMAIL)[1] == "bounced"


# Receipts of SMS


def a_receipt(status: Status, provider_id: str = "", key: str = "", detail: str = "word 1") -> ProviderReceipt:
    return ProviderReceipt(provider_id, status, detail, key)


def sent_texts(ledger: Ledger, texts: Sent) -> None:
    for number, claim in texts.items():
        ledger.deliveries.record([claim], (), INCIDENT, NOTICE, LATER)
        receipt = Receipt(claim.key, Status.SENT, provider_id=f"SM{number}")
        ledger.deliveries.record((), [(claim, receipt)], INCIDENT, NOTICE, LATER)


def test_an_sms_is_known_by_the_gateways_name_for_it(opened: Ledger, texts: Sent) -> None:
    sent_texts(opened, texts)
    receipts = [a_receipt(Status.DELIVERED, "SM1"), a_receipt(Status.DELIVERED, "SM9")]
    assert effects(opened.receipts.take(receipts, LATER)) == ["delivered", "foreign"]
    assert [person for person, state in states(opened, SMS).items() if state == "delivered"] == [1]


def test_an_sms_that_did_not_arrive_hands_over_to_email(opened: Ledger, texts: Sent) -> None:
    sent_texts(opened, texts)
    assert opened.receipts.take([a_receipt(Status.REJECTED, "SM1", texts[1].key)], LATER).handed_over == 1
    assert (states(opened, SMS)[1], states(opened, EMAIL)[1]) == ("bounced", "waiting")
    assert not acts(opened, "alert")


def test_an_sms_lost_in_the_network_hands_over_and_alerts(opened: Ledger, texts: Sent) -> None:
    """An SMS that never left the gateway's network hands over to the next channel, and an alert calls for a person."""
    sent_texts(opened, texts)
    assert opened.receipts.take([a_receipt(Status.DEFERRED, "SM1", detail="undelivered 30007")], LATER).handed_over == 1
    (alert,) = [entry.subject for entry in opened.audit.entries(INCIDENT) if entry.act == "alert"]
    assert alert.endswith("sms came back for a reason that lies with us: undelivered 30007")


def test_an_sms_of_which_the_gateway_is_not_sure_is_left_to_a_person(opened: Ledger, texts: Sent) -> None:
    sent_texts(opened, texts)
    assert effects(opened.receipts.take([a_receipt(Status.UNCERTAIN, "SM1")], LATER)) == ["uncertain"]
    assert opened.statistics.troubles(INCIDENT, NOTICE) == {DeliveryState.UNCERTAIN: 1}


@pytest.mark.parametrize(
    ("status", "state"), [(Status.SENT, "sent"), (Status.DELIVERED, "delivered"), (Status.REJECTED, "bounced")]
)
def test_a_late_receipt_settles_an_uncertain_sms(opened: Ledger, texts: Sent, status: Status, state: str) -> None:
    answered(opened, texts, Status.UNCERTAIN)
    assert effects(opened.receipts.take([a_receipt(status, "SM1", texts[1].key)], LATER)) == [state]
    assert states(opened, SMS)[1] == state


def test_the_gateways_name_is_kept_for_its_next_report(opened: Ledger, texts: Sent) -> None:
    answered(opened, texts, Status.UNCERTAIN)
    opened.receipts.take([a_receipt(Status.SENT, "SM1", texts[1].key)], LATER)
    assert effects(opened.receipts.take([a_receipt(Status.DELIVERED, "SM1")], LATER)) == ["delivered"]


def test_a_receipt_may_be_faster_than_the_answer_of_the_gateway(opened: Ledger, texts: Sent) -> None:
    receipt = a_receipt(Status.REJECTED, "SM1", texts[1].key)
    assert effects(opened.receipts.take([receipt], LATER)) == ["foreign"]
    opened.deliveries.record([texts[1]], (), INCIDENT, NOTICE, LATER)
    assert effects(opened.receipts.take([receipt], LATER)) == ["bounced"]


def test_an_sms_to_be_sent_again_hands_over_when_it_came_back(opened: Ledger, texts: Sent) -> None:
    """When an SMS that is to be sent again came back, the person is written to on the next channel.

    The gateway knows the key of the SMS that came back: it would say that it sent the SMS, and send nothing.
    """
    opened.deliveries.record([texts[1]], (), INCIDENT, NOTICE, LATER)
    opened.deliveries.record((), [(texts[1], Receipt(texts[1].key, Status.UNCERTAIN))], INCIDENT, NOTICE, LATER)
    opened.decisions.send_again(INCIDENT, NOTICE, 1, a_member(), LATER)
    reported = opened.receipts.take([a_receipt(Status.REJECTED, "SM1", texts[1].key)], LATER)
    assert (effects(reported), reported.handed_over) == (["bounced"], 1)
    assert (states(opened, SMS)[1], states(opened, EMAIL)[1]) == ("bounced", "waiting")


@pytest.mark.parametrize(("status", "state"), [(Status.REJECTED, "bounced"), (Status.DELIVERED, "delivered")])
def test_a_receipt_settles_an_sms_deferred_for_a_lost_answer(
    opened: Ledger, texts: Sent, status: Status, state: str
) -> None:
    """A receipt settles an SMS that was deferred because the gateway's answer was lost.

    The gateway knows our key: the next try would only be told `sent`, and nobody would hear of the SMS again.
    """
    claim = texts[1]
    opened.deliveries.record([claim], (), INCIDENT, NOTICE, LATER)
    opened.deliveries.record((), [(claim, Receipt(claim.key, Status.DEFERRED, "502"))], INCIDENT, NOTICE, LATER)
    assert effects(opened.receipts.take([a_receipt(status, "SM1", claim.key)], LATER)) == [state]
    assert (states(opened, SMS)[1], 1 in claimed(opened, EMAIL)) == (state, status is Status.REJECTED)


def test_a_name_that_two_gateways_use_names_no_message(opened: Ledger, texts: Sent) -> None:
    answered(opened, texts, Status.SENT, provider_id="1")
    assert effects(opened.receipts.take([a_receipt(Status.REJECTED, "1")], LATER)) == ["foreign"]
    assert effects(opened.receipts.take([a_receipt(Status.REJECTED, "1", texts[1].key)], LATER)) == ["bounced"]


@pytest.mark.parametrize("key", ["", "0" * 32, "' OR 1=1", "x" * 200])
def test_a_receipt_with_a_wrong_key_is_of_no_message(opened: Ledger, texts: Sent, key: str) -> None:
    sent_texts(opened, texts)
    assert effects(opened.receipts.take([a_receipt(Status.REJECTED, "SM1" if key else "", key)], LATER)) == ["foreign"]


def test_the_name_of_an_email_is_none_of_an_sms(opened: Ledger, emails: Sent) -> None:
    assert effects(opened.receipts.take([a_receipt(Status.REJECTED, QUEUE_ID)], LATER)) == ["foreign"]


# The audit chain


def test_a_batch_is_one_entry_in_numbers(opened: Ledger, emails: Sent) -> None:
    reports = [a_report(emails[1]), a_report(emails[2]), a_report(emails[5], ReportKind.COMPLAINED)]
    opened.receipts.take([*reports, MailReport(FAILED, "0" * 32)], LATER)
    counted = {"states": {"bounced": 2, "complained": 1}, "handed_over": 1, "opted_out": 1}
    assert acts(opened, "reported") == [counted]
    assert opened.audit.verify() == ()


def test_forgeries_do_not_lengthen_the_chain(opened: Ledger, emails: Sent) -> None:
    before = opened.audit.entries(INCIDENT)
    opened.receipts.take([MailReport(FAILED, "0" * 32)] * 50, LATER)
    assert opened.audit.entries(INCIDENT) == before


def test_nothing_reported_is_nothing_done(opened: Ledger) -> None:
    assert opened.receipts.take([], NOW) == Reported(())
