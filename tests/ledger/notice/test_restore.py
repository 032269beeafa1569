"""A restored backup does not send again what had left, and says what it cannot know."""

import shutil
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from amends.domain.base.errors import LedgerRestored, LogUnfit, NotAllowed, NotInLedger
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.deliver.cascade import STRIKES
from amends.domain.notice.notice import PersonState
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.domain.receipt.relay_log import RelayLog
from amends.domain.team.approval import Decision
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from amends.ledger.notice.restore import LATEST, left_among
from amends.ledger.receipt.receipts import Effect
from amends.ledger.store.marker_files import ReleasedNotes
from tests.builders import NOW, a_person, an_asked
from tests.delivery.sending import APPROVERS, INCIDENT, NOTICE, a_ledger, approved, approved_again, sqlite_url

OMAR = Member(name="omar", role=TeamRole.LEGAL)
EMAIL, SMS = (ChannelKind.EMAIL,), (ChannelKind.SMS,)
POSTS = 2
"""To the public, one for each language; whether they have left stands in no log."""


def send(ledger: Ledger, how_many: int, by: tuple[ChannelKind, ...] = EMAIL) -> list[str]:
    """So many messages leave; their keys, as the relay's log has them."""
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, by, how_many, NOW)
    ledger.deliveries.record(claims, [], INCIDENT, NOTICE, NOW)
    answers = [(claim, Receipt(claim.key, Status.SENT, "250")) for claim in claims]
    ledger.deliveries.record([], answers, INCIDENT, NOTICE, NOW)
    ledger.deliveries.end_leases([claim.lease for claim in claims], {"sent": len(claims)}, INCIDENT, NOTICE, NOW)
    return [claim.key for claim in claims]


def opened(folder: Path) -> Ledger:
    return a_ledger(sqlite_url(folder), folder).migrate()


def back_up(ledger: Ledger, folder: Path) -> None:
    ledger.dispose()
    shutil.copy(folder / "ledger.sqlite3", folder / "backup")


def restore(ledger: Ledger, folder: Path) -> Ledger:
    ledger.dispose()
    for file in ("ledger.sqlite3-wal", "ledger.sqlite3-shm"):
        (folder / file).unlink(missing_ok=True)
    shutil.copy(folder / "backup", folder / "ledger.sqlite3")
    return opened(folder)


@pytest.fixture
def restored(tmp_path: Path) -> Iterator[tuple[Ledger, list[str]]]:
    """Ten people; the backup was made when two had been told, five more were told after that."""
    ledger = opened(tmp_path)
    approved(ledger, [a_person(number=number) for number in range(1, 11)], channels=EMAIL)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    send(ledger, 2)
    back_up(ledger, tmp_path)
    left = send(ledger, 5)
    old = restore(ledger, tmp_path)
    yield old, left
    old.dispose()


def test_a_restored_ledger_sends_nothing(restored: tuple[Ledger, list[str]]) -> None:
    with pytest.raises(LedgerRestored, match="amends reconcile"):
        restored[0].notices.release(INCIDENT, NOTICE, NOW)


def test_nor_does_it_take_the_word_of_an_approver(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    draft = approved(ledger, [a_person(number=1)], channels=EMAIL)
    back_up(ledger, tmp_path)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    old = restore(ledger, tmp_path)
    before = old.audit.entries(INCIDENT)
    with pytest.raises(LedgerRestored):
        old.approvals.decide(INCIDENT, NOTICE, OMAR, Decision.APPROVE, draft.binding, "", NOW)
    with pytest.raises(LedgerRestored):
        old.approvals.release_in_emergency(INCIDENT, NOTICE, *APPROVERS[:2], draft.binding, "fire", NOW)
    assert old.audit.entries(INCIDENT) == before
    old.dispose()


def test_a_bounce_waits_until_a_restored_ledger_knows_of_the_sending(tmp_path: Path) -> None:
    """A restored ledger refuses a bounce until `amends reconcile` has recorded that the message was sent.

    After that, the bounce counts.
    """
    ledger = opened(tmp_path)
    approved(ledger, [a_person(number=1)], channels=EMAIL)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    back_up(ledger, tmp_path)
    (claim,) = ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 1, NOW)
    ledger.deliveries.record([claim], [(claim, Receipt(claim.key, Status.SENT))], INCIDENT, NOTICE, NOW)
    old = restore(ledger, tmp_path)
    came_back = [MailReport(ReportKind.FAILED, claim.bounce)]
    with pytest.raises(LedgerRestored, match="amends reconcile"):
        old.receipts.take(came_back, NOW)
    old.restore.reconcile([claim.key], OMAR, NOW, EMAIL)
    assert old.receipts.take(came_back, NOW).each == (Effect.BOUNCED,)
    old.dispose()


def test_a_bounce_of_a_message_stored_anew_is_known_by_its_key(tmp_path: Path) -> None:
    """A bounce of a message that a restored ledger stored anew is recognised by the message's key.

    A forged token is foreign, and a token with the message ID of another message is contradicted.
    """
    old, left = lacking_the_release(tmp_path, 3)
    old.restore.reconcile(left, OMAR, NOW)
    old.notices.release(INCIDENT, NOTICE, NOW)
    token = old.store.keys.bounce_token(900, left[0])
    failed, forged = MailReport(ReportKind.FAILED, token), MailReport(ReportKind.FAILED, "0" * 32)
    confused = MailReport(ReportKind.FAILED, token, message_id=f"<{left[1]}@shop.example>")
    reported = old.receipts.take([confused, forged, failed], NOW)
    assert reported.each == (Effect.CONTRADICTED, Effect.FOREIGN, Effect.BOUNCED)
    old.dispose()


def test_nor_after_others_have_written_to_it_as_much_as_it_lacks(restored: tuple[Ledger, list[str]]) -> None:
    ledger, _ = restored
    for number in range(6):
        ledger.questions.ask(INCIDENT, an_asked(f"is it me? {number}"), NOW)
        with pytest.raises(LedgerRestored):
            ledger.notices.release(INCIDENT, NOTICE, NOW)
    assert any("not the one that was noted" in what for what in ledger.audit.verify())


def test_nor_when_the_backup_was_made_a_moment_before_a_page_was_sent(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    approved(ledger, [a_person(number=number) for number in (1, 2, 3)], channels=EMAIL)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    back_up(ledger, tmp_path)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 3, NOW)
    ledger.deliveries.record(claims, [], INCIDENT, NOTICE, NOW)
    old = restore(ledger, tmp_path)
    with pytest.raises(LedgerRestored):
        old.notices.release(INCIDENT, NOTICE, NOW)
    old.dispose()


def test_nor_on_a_machine_that_had_looked_at_it_before(tmp_path: Path) -> None:
    here, there = a_ledger(sqlite_url(tmp_path), tmp_path), tmp_path / "elsewhere"
    approved(here.migrate(), [a_person(number=1)], channels=EMAIL)
    back_up(here, tmp_path)
    here.notices.release(INCIDENT, NOTICE, NOW)
    there.mkdir()
    other = a_ledger(sqlite_url(tmp_path), there)
    other.notices.release(INCIDENT, NOTICE, NOW)
    other.dispose()
    restore(here, tmp_path).dispose()
    with pytest.raises(LedgerRestored):
        other.notices.release(INCIDENT, NOTICE, NOW)
    other.dispose()


def test_letters_and_posts_of_a_restored_ledger_wait_for_a_person(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    people = [a_person(number=n, email="", phone="", postal_address=f"Road {n}, Berlin") for n in (1, 2, 3)]
    by = (*EMAIL, ChannelKind.SOCIAL)
    approved(ledger, people, channels=by, cascade=(ChannelKind.EMAIL, ChannelKind.LETTER))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    back_up(ledger, tmp_path)
    assert ledger.letters.take(INCIDENT, NOTICE, OMAR, NOW)
    old = restore(ledger, tmp_path)
    with pytest.raises(LedgerRestored):
        old.letters.take(INCIDENT, NOTICE, OMAR, NOW)
    found = old.restore.reconcile([], OMAR, NOW, EMAIL)
    assert (found.uncertain, found.waiting) == (3 + POSTS, 0)
    assert old.letters.take(INCIDENT, NOTICE, OMAR, NOW) is None
    old.notices.release(INCIDENT, NOTICE, NOW)
    assert old.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.SOCIAL], 9, NOW) == ()
    assert old.decisions.send_again(INCIDENT, NOTICE, 2, OMAR, NOW) == 1
    batch = old.letters.take(INCIDENT, NOTICE, OMAR, NOW)
    assert batch is not None
    assert batch.letters == 1
    old.dispose()


def test_with_a_complete_log_only_those_who_were_not_told_are_told(restored: tuple[Ledger, list[str]]) -> None:
    ledger, left = restored
    found = ledger.restore.reconcile(left, OMAR, NOW, EMAIL)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    assert (found.sent, found.uncertain, found.waiting) == (5, POSTS, 3)
    assert set(send(ledger, 10)).isdisjoint(left)
    assert ledger.statistics.people(INCIDENT, NOTICE) == {PersonState.SENT: 10}


def test_what_no_log_tells_is_uncertain(restored: tuple[Ledger, list[str]]) -> None:
    ledger, left = restored
    ledger.restore.reconcile(left[:1], OMAR, NOW)
    assert ledger.statistics.people(INCIDENT, NOTICE) == {PersonState.SENT: 3, PersonState.UNCERTAIN: 7}


def test_a_message_unknown_to_the_restored_ledger_is_not_sent_again(tmp_path: Path) -> None:
    """A message that the log names, and of which the restored ledger knows nothing, is not sent again."""
    ledger = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    approved(ledger, [a_person(number=number) for number in (1, 2, 3)], channels=EMAIL)
    ledger.dispose()
    shutil.copy(tmp_path / "ledger.sqlite3", tmp_path / "backup")
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    left = send(ledger, 2)
    ledger.dispose()
    shutil.copy(tmp_path / "backup", tmp_path / "ledger.sqlite3")
    old = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    old.restore.reconcile(left, OMAR, NOW, EMAIL)
    old.notices.release(INCIDENT, NOTICE, NOW)
    assert set(send(old, 10)).isdisjoint(left)
    assert old.statistics.people(INCIDENT, NOTICE) == {PersonState.SENT: 3}
    old.dispose()


def test_the_chain_holds_again_afterwards(restored: tuple[Ledger, list[str]]) -> None:
    ledger, left = restored
    assert ledger.audit.verify() != ()
    ledger.restore.reconcile(left, OMAR, NOW, EMAIL)
    assert ledger.audit.verify() == ()


def test_only_who_may_approve_reconciles(restored: tuple[Ledger, list[str]]) -> None:
    with pytest.raises(NotAllowed):
        restored[0].restore.reconcile([], Member(name="sam", role=TeamRole.RESPONDER), NOW, EMAIL)


def with_phones(folder: Path) -> Ledger:
    """An approved notice for three people, by email and SMS, of which nothing was released yet."""
    ledger = opened(folder)
    approved(ledger, [a_person(number=n, phone=f"+4930123456{n}") for n in (1, 2, 3)], channels=(*EMAIL, *SMS))
    return ledger


def test_what_was_first_released_after_the_backup_may_have_left_too(tmp_path: Path) -> None:
    ledger = with_phones(tmp_path)
    back_up(ledger, tmp_path)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    left = send(ledger, 3)
    send(ledger, 3, SMS)
    old = restore(ledger, tmp_path)
    old.restore.reconcile(left, OMAR, NOW, EMAIL)
    old.notices.release(INCIDENT, NOTICE, NOW)
    assert send(old, 6, (*EMAIL, *SMS)) == []
    assert old.decisions.send_again(INCIDENT, NOTICE, 2, OMAR, NOW) == 1
    assert len(send(old, 6, SMS)) == 1
    assert old.decisions.send_again(INCIDENT, NOTICE, None, OMAR, NOW) == 2 + POSTS
    old.dispose()


def test_who_joins_a_send_notes_the_release_as_well_as_who_began_it(tmp_path: Path) -> None:
    ledger = with_phones(tmp_path)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    (tmp_path / "elsewhere").mkdir()
    joined = Ledger(sqlite_url(tmp_path), ledger.store.keys, tmp_path / "elsewhere" / "audit-head")
    assert joined.store.released_notes.all() == set()
    joined.notices.release(INCIDENT, NOTICE, NOW)
    assert joined.store.released_notes.all() == ledger.store.released_notes.all() == {(INCIDENT, NOTICE)}
    joined.dispose()
    ledger.dispose()


def test_an_email_that_the_log_names_is_sent_after_a_later_release(tmp_path: Path) -> None:
    """An email that the log names counts as sent, also when its notice is released only after the reconciliation.

    An email that the log does not name is uncertain.
    """
    old, left = lacking_the_release(tmp_path, 2)
    old.restore.reconcile(left, OMAR, NOW)
    old.notices.release(INCIDENT, NOTICE, NOW)
    sent, uncertain = PersonState.SENT, PersonState.UNCERTAIN
    assert old.statistics.people(INCIDENT, NOTICE) == {sent: 2, uncertain: 1}
    with pytest.raises(NotInLedger, match="person 7"):
        old.decisions.send_again(INCIDENT, NOTICE, 7, OMAR, NOW)
    old.dispose()


@pytest.mark.parametrize("left", ["inc-1 first-no", "inc-1"])
def test_a_note_that_was_cut_off_takes_no_other_with_it(tmp_path: Path, left: str) -> None:
    (tmp_path / "released").write_text(left)
    notes = ReleasedNotes(tmp_path / "audit-head")
    notes.add("inc-2", "first-notice")
    notes.add("inc-2", "update-1")
    assert {("inc-2", "first-notice"), ("inc-2", "update-1")} <= notes.all()
    assert ("inc-1", "first-notice") not in notes.all()


def test_a_handover_made_before_the_restore_waits_for_a_person(tmp_path: Path) -> None:
    """When the next channel may have taken over before the backup was restored, its message is uncertain.

    A team member decides about the message.
    """
    ledger = opened(tmp_path)
    approved(ledger, [a_person(number=1, phone="+49301234561")], channels=EMAIL, cascade=(*EMAIL, *SMS))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    (claim,) = ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 1, NOW)
    ledger.deliveries.record([claim], [(claim, Receipt(claim.key, Status.SENT))], INCIDENT, NOTICE, NOW)
    back_up(ledger, tmp_path)
    came_back = [MailReport(ReportKind.FAILED, claim.bounce)]
    ledger.receipts.take(came_back, NOW)
    assert len(send(ledger, 1, SMS)) == 1
    old = restore(ledger, tmp_path)
    old.restore.reconcile([claim.key], OMAR, NOW, EMAIL)
    old.receipts.take(came_back, NOW)
    assert send(old, 1, SMS) == []
    assert old.statistics.people(INCIDENT, NOTICE) == {PersonState.UNCERTAIN: 1}
    old.dispose()


def lacking_the_release(folder: Path, how_many: int) -> tuple[Ledger, list[str]]:
    """So many emails left of a notice that was released after the backup was made, which is in its place now."""
    ledger = with_phones(folder)
    back_up(ledger, folder)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    left = send(ledger, how_many)
    return restore(ledger, folder), left


def test_what_the_provider_says_has_not_left_is_sent(tmp_path: Path) -> None:
    old, _ = lacking_the_release(tmp_path, 3)
    old.restore.reconcile([], OMAR, NOW, SMS)
    old.notices.release(INCIDENT, NOTICE, NOW)
    assert send(old, 6) == []
    assert len(send(old, 6, SMS)) == 3
    old.dispose()


def restored_twice(folder: Path) -> Ledger:
    """What left between the two backups is known by neither; since the second one nothing has left."""
    ledger = with_phones(folder)
    back_up(ledger, folder)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    send(ledger, 3, SMS)
    first = restore(ledger, folder)
    first.restore.reconcile([], OMAR, NOW, EMAIL)
    back_up(first, folder)
    first.team.add("max", TeamRole.LEAD, "lena", NOW)
    return restore(first, folder)


def test_what_is_in_doubt_since_an_earlier_backup_stays_so(tmp_path: Path) -> None:
    second = restored_twice(tmp_path)
    second.restore.reconcile([], OMAR, NOW, (*EMAIL, *SMS))
    second.notices.release(INCIDENT, NOTICE, NOW)
    assert len(send(second, 6, EMAIL)) == 3
    assert send(second, 6, SMS) == []
    second.dispose()


def test_a_further_word_about_the_same_backup_is_the_one_that_counts(tmp_path: Path) -> None:
    ledger = with_phones(tmp_path)
    back_up(ledger, tmp_path)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    old = restore(ledger, tmp_path)
    old.restore.reconcile([], OMAR, NOW)
    old.restore.reconcile([], OMAR, NOW, (*EMAIL, *SMS))
    old.notices.release(INCIDENT, NOTICE, NOW)
    assert len(send(old, 6, (*EMAIL, *SMS))) == 6
    old.dispose()


def test_a_notice_that_was_never_released_is_in_no_doubt(tmp_path: Path) -> None:
    ledger = with_phones(tmp_path)
    back_up(ledger, tmp_path)
    ledger.team.add("max", TeamRole.LEAD, "lena", NOW)
    old = restore(ledger, tmp_path)
    old.restore.reconcile([], OMAR, NOW)
    old.notices.release(INCIDENT, NOTICE, NOW)
    assert len(send(old, 6, (*EMAIL, *SMS))) == 6
    old.dispose()


def test_nor_is_an_incident_lost_with_the_ledger_told_of_twice(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    back_up(ledger, tmp_path)
    ledger.dispose()
    ledger = with_phones(tmp_path)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    left = send(ledger, 3)
    send(ledger, 3, SMS)
    old = restore(ledger, tmp_path)
    old.restore.reconcile(left, OMAR, NOW, EMAIL)
    old.dispose()
    old = with_phones(tmp_path)
    old.notices.release(INCIDENT, NOTICE, NOW)
    assert send(old, 6, (*EMAIL, *SMS)) == []
    old.dispose()


def test_a_parked_message_maybe_tried_again_waits_for_a_person(tmp_path: Path) -> None:
    """After a restore, a parked message that may have been tried again since the backup is not simply tried again.

    The message is not parked any more: a team member decides about it.
    """
    ledger = with_phones(tmp_path)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    for tries in range(STRIKES):
        later = NOW + timedelta(hours=tries)
        claims = ledger.deliveries.claim(INCIDENT, NOTICE, SMS, 3, later)
        faults = [
            (claim, Receipt(claim.key, Status.DEFERRED, "KeyError", cause=ReceiptCause.FAULT)) for claim in claims
        ]
        ledger.deliveries.record((), faults, INCIDENT, NOTICE, later)
    back_up(ledger, tmp_path)
    ledger.decisions.try_parked(INCIDENT, NOTICE, None, OMAR, NOW)
    old = restore(ledger, tmp_path)
    old.restore.reconcile([], OMAR, NOW, EMAIL)
    with pytest.raises(NotInLedger, match="parked"):
        old.decisions.try_parked(INCIDENT, NOTICE, None, OMAR, NOW)
    old.dispose()


def test_a_held_message_that_the_log_names_counts_as_sent(tmp_path: Path) -> None:
    """A message that was uncertain, was to be sent again, and is held since a corrected list lacks its person, counts as
    sent when the relay's log names it; if the person comes back, nobody is told twice.
    """
    ledger, people = opened(tmp_path), [a_person(number=number) for number in range(1, 11)]
    approved(ledger, people, channels=EMAIL)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    (claim,) = ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 1, NOW)
    ledger.deliveries.record([claim], [(claim, Receipt(claim.key, Status.UNCERTAIN))], INCIDENT, NOTICE, NOW)
    ledger.deliveries.end_leases([claim.lease], {"uncertain": 1}, INCIDENT, NOTICE, NOW)
    ledger.decisions.send_again(INCIDENT, NOTICE, 1, OMAR, NOW)
    ledger.corrections.apply(ledger.corrections.compare(INCIDENT, people[1:]), {}, "", "lena", NOW)
    back_up(ledger, tmp_path)
    approved_again(ledger)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    send(ledger, 2)
    old = restore(ledger, tmp_path)
    old.restore.reconcile([claim.key], OMAR, NOW, EMAIL)
    assert {line.person: line.state for line in old.statistics.lines(INCIDENT, NOTICE)}[1] == "sent"
    old.dispose()


# What the log only names, and what it refused


def test_messages_that_the_log_only_names_wait_for_a_person(restored: tuple[Ledger, list[str]]) -> None:
    """A message that the log names without its outcome is uncertain, also where the log is complete.

    A team member decides about the message.
    """
    ledger, left = restored
    found = ledger.restore.reconcile(left[:3], OMAR, NOW, (*EMAIL, ChannelKind.SOCIAL), unclear=set(left[3:]))
    assert (found.sent, found.uncertain, found.waiting) == (3, 2, 3 + POSTS)
    assert set(send(ledger, 10)).isdisjoint(left)
    assert ledger.statistics.people(INCIDENT, NOTICE) == {PersonState.SENT: 8, PersonState.UNCERTAIN: 2}


def test_nor_is_it_among_those_that_go_out_again_all_at_once(restored: tuple[Ledger, list[str]]) -> None:
    ledger, left = restored
    ledger.restore.reconcile(left[:3], OMAR, NOW, (*EMAIL, ChannelKind.SOCIAL), unclear=set(left[3:]))
    with pytest.raises(NotInLedger, match="since a backup was restored"):
        ledger.decisions.send_again(INCIDENT, NOTICE, None, OMAR, NOW)


def test_a_later_release_does_not_send_what_the_log_only_names(tmp_path: Path) -> None:
    """A notice that is stored only after the reconciliation does not send what the log names without its outcome.

    All other messages of the notice are sent.
    """
    old, left = lacking_the_release(tmp_path, 2)
    old.restore.reconcile(left[:1], OMAR, NOW, (*EMAIL, *SMS), unclear={left[1]})
    old.notices.release(INCIDENT, NOTICE, NOW)
    assert len(sent := send(old, 6)) == 1
    assert set(sent).isdisjoint(left)
    states = {(line.person, line.channel): line.state for line in old.statistics.lines(INCIDENT, NOTICE)}
    assert [states[person, ChannelKind.EMAIL] for person in (1, 2, 3)] == ["sent", "uncertain", "sent"]
    old.dispose()


def test_a_decision_sends_again_what_the_log_only_named(tmp_path: Path) -> None:
    """A message that the log names without its outcome is sent when a team member has it sent again."""
    old, left = lacking_the_release(tmp_path, 1)
    old.restore.reconcile([], OMAR, NOW, (*EMAIL, *SMS), unclear=left)
    old.notices.release(INCIDENT, NOTICE, NOW)
    assert len(send(old, 6)) == 2
    old.decisions.send_again(INCIDENT, NOTICE, 1, OMAR, NOW)
    assert send(old, 6) == left
    old.dispose()


@pytest.mark.parametrize("known", [(), EMAIL])
def test_a_log_that_says_more_replaces_what_an_earlier_one_only_named(
    tmp_path: Path, known: tuple[ChannelKind, ...]
) -> None:
    old, left = lacking_the_release(tmp_path, 2)
    old.restore.reconcile([], OMAR, NOW, known, unclear=left)
    old.restore.reconcile(left[:1], OMAR, NOW, EMAIL)
    old.notices.release(INCIDENT, NOTICE, NOW)
    assert set(send(old, 6)) & set(left) == {left[1]}
    old.dispose()


def test_a_second_log_does_not_undo_what_an_earlier_log_named(tmp_path: Path) -> None:
    """A message that an earlier log named as sent stays sent when a second log does not name the message."""
    old, left = lacking_the_release(tmp_path, 2)
    old.restore.reconcile(left, OMAR, NOW, (*EMAIL, *SMS))
    old.notices.release(INCIDENT, NOTICE, NOW)
    assert old.restore.reconcile([], OMAR, NOW).sent == 2
    old.dispose()


def test_a_log_may_name_more_messages_than_a_statement_has_room_for(restored: tuple[Ledger, list[str]]) -> None:
    """A later log may say more of more messages than one SQL statement takes values."""
    ledger, keys = restored[0], [f"{number:032x}" for number in range(2_200)]
    event.listen(
        ledger.store.engine, "connect", lambda raw, _: raw.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 2_100)
    )
    ledger.dispose()
    ledger.restore.reconcile([], OMAR, NOW, unclear=keys)
    ledger.restore.reconcile(keys, OMAR, NOW)
    with ledger.store.read() as session:
        assert left_among(session, keys[-2_000:]) == dict.fromkeys(keys[-2_000:], False)


def test_a_second_word_without_emails_leaves_unclear_emails_unclear(tmp_path: Path) -> None:
    """A second reconciliation that says nothing of emails leaves emails unclear that were unclear before.

    Such emails stay behind when all uncertain messages are sent again at once.
    """
    old, left = lacking_the_release(tmp_path, 2)
    old.restore.reconcile([], OMAR, NOW, EMAIL, unclear=left)
    old.restore.reconcile([], OMAR, NOW, SMS)
    old.notices.release(INCIDENT, NOTICE, NOW)
    old.decisions.send_again(INCIDENT, NOTICE, None, OMAR, NOW)
    assert set(send(old, 6)).isdisjoint(left)
    old.dispose()


def test_an_uncertain_message_the_log_names_is_not_sent_in_bulk(tmp_path: Path) -> None:
    """A message that is uncertain anyway records that the log names it without its outcome.

    So it stays behind when all uncertain messages are sent again at once.
    """
    old, left = lacking_the_release(tmp_path, 2)
    old.restore.reconcile([], OMAR, NOW, unclear=left)
    old.notices.release(INCIDENT, NOTICE, NOW)
    old.decisions.send_again(INCIDENT, NOTICE, None, OMAR, NOW)
    assert set(send(old, 6)).isdisjoint(left)
    old.dispose()


def test_what_is_unclear_of_others_mails_holds_nobody_up(tmp_path: Path) -> None:
    ledger = with_phones(tmp_path)
    back_up(ledger, tmp_path)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    left = send(ledger, 2)
    old = restore(ledger, tmp_path)
    old.restore.reconcile(left, OMAR, NOW, (*EMAIL, *SMS), unclear={"0" * 32})
    old.notices.release(INCIDENT, NOTICE, NOW)
    assert len(send(old, 6)) == 1
    old.dispose()


@pytest.fixture
def uncertain(ledger: Ledger) -> tuple[Ledger, list[str]]:
    """Three people with telephones; a crash left open whether the emails to the first two have left."""
    people = [a_person(number=n, phone=f"+4930123456{n}") for n in (1, 2, 3)]
    approved(ledger, people, channels=EMAIL, cascade=(*EMAIL, *SMS))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 2, NOW)
    ledger.deliveries.record(
        claims, [(claim, Receipt(claim.key, Status.UNCERTAIN)) for claim in claims], INCIDENT, NOTICE, NOW
    )
    ledger.deliveries.end_leases([claim.lease for claim in claims], {"uncertain": 2}, INCIDENT, NOTICE, NOW)
    return ledger, [claim.key for claim in claims]


def test_what_a_crash_left_open_and_the_relay_refused_can_be_told(uncertain: tuple[Ledger, list[str]]) -> None:
    ledger, keys = uncertain
    assert ledger.restore.not_taken({keys[0], "0" * 32}) == [(INCIDENT, NOTICE, 1)]
    assert ledger.restore.not_taken(()) == []


def test_of_whom_more_is_uncertain_a_person_decides(ledger: Ledger) -> None:
    approved(ledger, [a_person(number=1, phone="+49301234561")], channels=(*EMAIL, *SMS))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, (*EMAIL, *SMS), 2, NOW)
    ledger.deliveries.record(
        claims, [(claim, Receipt(claim.key, Status.UNCERTAIN)) for claim in claims], INCIDENT, NOTICE, NOW
    )
    assert ledger.restore.not_taken({claim.key for claim in claims}) == []


# What came back by the log


def test_what_came_back_by_the_log_is_handed_over_as_by_a_mail(uncertain: tuple[Ledger, list[str]]) -> None:
    ledger, keys = uncertain
    failed = MailReport(ReportKind.FAILED, status="5.1.1", detail="5.1.1")
    ledger.restore.reconcile(keys, OMAR, NOW, (*EMAIL, *SMS))
    reports = ledger.restore.proven({keys[0]: failed, "0" * 32: failed})
    reported = ledger.receipts.take(reports, NOW)
    assert (reported.each, reported.handed_over) == ((Effect.BOUNCED,), 1)
    assert ledger.restore.proven({keys[0]: failed}) == []
    assert len(send(ledger, 5, SMS)) == 1


# A log of other days


def a_log(*keys: str) -> RelayLog:
    return RelayLog(left=frozenset(keys))


def test_a_log_that_names_none_of_our_messages_is_refused(restored: tuple[Ledger, list[str]]) -> None:
    for log in (RelayLog(), a_log("0" * 32)):
        with pytest.raises(LogUnfit, match="--none-left email"):
            restored[0].restore.check_log(log)


def by_tokens(ledger: Ledger, keys: list[str]) -> RelayLog:
    """A log without Message-IDs; the numbers are not those that the messages have, or will have."""
    return RelayLog(tokens={ledger.store.keys.bounce_token(900 + place, key) for place, key in enumerate(keys)})


def test_a_log_may_tell_by_bounce_addresses_alone(restored: tuple[Ledger, list[str]]) -> None:
    ledger, left = restored
    log = ledger.restore.named(by_tokens(ledger, left))
    assert (log.left, log.tokens) == (set(left), set())


def test_so_it_may_of_a_notice_released_since(tmp_path: Path) -> None:
    old, left = lacking_the_release(tmp_path, 2)
    log = old.restore.named(by_tokens(old, left))
    old.restore.check_log(log)
    assert log.left == set(left)
    old.dispose()


def test_a_log_with_a_bounce_address_of_unknown_key_is_refused(restored: tuple[Ledger, list[str]]) -> None:
    """A log that names messages by bounce addresses alone is refused when a message's key cannot be found.

    The refusal says how many emails the log names so.
    """
    ledger, left = restored
    with pytest.raises(LogUnfit, match="names 1 emails by nothing but their bounce address"):
        ledger.restore.check_log(ledger.restore.named(by_tokens(ledger, [*left, "0" * 32])))


def test_tokens_of_another_ledger_hold_nobody_up(restored: tuple[Ledger, list[str]]) -> None:
    assert restored[0].restore.named(RelayLog(tokens={"a" * 32, "b" * 32})) == RelayLog(tokens=())


def test_nor_may_lines_of_it_be_lost(restored: tuple[Ledger, list[str]]) -> None:
    with pytest.raises(LogUnfit, match="lines of it were lost"):
        restored[0].restore.check_log(RelayLog(left=frozenset(restored[1]), has_gaps=True))


def test_nor_may_it_begin_after_the_backup(restored: tuple[Ledger, list[str]]) -> None:
    with pytest.raises(LogUnfit, match="Give the older log too"):
        restored[0].restore.check_log(a_log(*restored[1]))


def test_a_log_is_not_fit_by_what_the_ledger_took_from_the_same_log(restored: tuple[Ledger, list[str]]) -> None:
    """A log that begins after the backup is refused, also when the ledger has taken messages from the same log before.

    The refusal asks for the older log too.
    """
    ledger, left = restored
    late = a_log(*left[2:])
    ledger.restore.reconcile(late.left, OMAR, NOW)
    with pytest.raises(LogUnfit, match="Give the older log too"):
        ledger.restore.check_log(late)


def test_one_that_names_an_email_sent_just_before_the_backup_will_do(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    approved(ledger, [a_person(number=number) for number in range(1, LATEST + 10)], channels=EMAIL)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    early = send(ledger, 5)
    late = send(ledger, LATEST)
    ledger.restore.check_log(a_log(late[0]))
    with pytest.raises(LogUnfit, match="Give the older log too"):
        ledger.restore.check_log(a_log(*early))
    ledger.dispose()


def test_with_nothing_sent_by_then_any_message_of_ours_will_do(tmp_path: Path) -> None:
    """When nothing was sent before the backup, a log will do that names any message of this ledger.

    A log that names none is refused.
    """
    ledger = with_phones(tmp_path)
    back_up(ledger, tmp_path)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    left = send(ledger, 2)
    old = restore(ledger, tmp_path)
    old.restore.check_log(a_log(*left))
    with pytest.raises(LogUnfit):
        old.restore.check_log(a_log("0" * 32))
    old.dispose()


def test_nor_is_what_the_ledger_has_from_a_log_something_sent_by_then(uncertain: tuple[Ledger, list[str]]) -> None:
    ledger, keys = uncertain
    ledger.restore.reconcile(keys, OMAR, NOW)
    ledger.restore.check_log(a_log(*keys))


def test_what_nobody_was_sent_yet_counts_as_ours_too(uncertain: tuple[Ledger, list[str]]) -> None:
    ledger, keys = uncertain
    ledger.restore.check_log(RelayLog(unclear=frozenset(keys)))
    with pytest.raises(LogUnfit):
        ledger.restore.check_log(a_log("0" * 32))
    ledger.restore.reconcile([], OMAR, NOW, EMAIL, unclear={"0" * 32})
    assert len(send(ledger, 5)) == 1


def test_messages_of_a_lost_incident_cannot_be_told_from_others(tmp_path: Path) -> None:
    """When the backup lacks a whole incident, the incident's messages cannot be told from those of others.

    So a log with any messages will do, and an empty log is refused.
    """
    ledger = opened(tmp_path)
    back_up(ledger, tmp_path)
    ledger.dispose()
    ledger = with_phones(tmp_path)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    left = send(ledger, 3)
    old = restore(ledger, tmp_path)
    old.restore.check_log(a_log(*left))
    with pytest.raises(LogUnfit):
        old.restore.check_log(RelayLog())
    old.dispose()
