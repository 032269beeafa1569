"""Who comes second waits for who came first, and then goes by what that one has done."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event

from amends.domain.base.errors import ApprovalMissing, LedgerUnavailable, NotAllowed, NotInLedger
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.notice.notice import NoticeStage
from amends.domain.receipt.dsn import ReportKind
from amends.ledger import Ledger
from amends.ledger.deliver.deliveries import park
from amends.ledger.people.opt_outs import opted_out
from amends.ledger.store.bulk import Kept
from amends.ledger.tables.audit import KeyCheckRow
from amends.ledger.tables.deliver import DeliveryRow, LeaseRow
from amends.ledger.tables.incident import IncidentRow
from amends.ledger.tables.team import MemberRow
from tests.builders import NOW, a_member, a_person, an_asked, an_incident
from tests.delivery.sending import APPROVERS, INCIDENT, NOTICE, approved
from tests.ledger.commitment.test_commitments import REASON, promise_in
from tests.ledger.deliver import test_letters as by_post
from tests.ledger.playbook.test_migration import OMAR, STRONGER, replace
from tests.ledger.receipt.test_receipts import a_report

LATER = NOW + timedelta(minutes=10)
"""When the lease of whoever claimed at NOW has run out."""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

Second = Callable[[Callable[[], Any]], "Future[Any]"]


@pytest.fixture
def second(ledger: Ledger) -> Iterator[Second]:
    """Begins something in another thread; returns when that is at its end, or waits for what this one holds."""

    def begins(act: Callable[[], Any]) -> "Future[Any]":
        begun = thread.submit(act)
        while not (begun.done() or has_to_wait(ledger)):
            time.sleep(0.005)
        return begun

    with ThreadPoolExecutor(1) as thread:
        yield begins


def has_to_wait(ledger: Ledger) -> bool:
    """Whether somebody waits for a lock; on SQLite whoever wants to write waits for whoever writes."""
    if ledger.store.engine.dialect.name == "sqlite":
        return True
    with ledger.store.engine.connect() as look:
        return look.exec_driver_sql(WAITING).scalar_one() > 0


def before(ledger: Ledger, statement: str, act: Callable[[], object]) -> None:
    """Do this once, just before the first statement with these words."""
    once = [act]

    def look(_: Connection, __: object, said: str, *___: object) -> None:
        if statement in said and once:
            once.pop()()

    event.listen(ledger.store.engine, "before_cursor_execute", look)


def just_before(
    ledger: Ledger, statement: str, second: Second, theirs: Callable[[], Any], ours: Callable[[], Any]
) -> Any:
    """Let somebody begin theirs just before this statement of ours; what came of theirs."""
    begun: list[Future[Any]] = []
    before(ledger, statement, lambda: begun.append(second(theirs)))
    ours()
    (other,) = begun
    return other.result()


@pytest.fixture
def released(ledger: Ledger) -> Ledger:
    approved(ledger, [a_person(number=1), a_person(number=2)], optional=True, template="news")
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    return ledger


def claim(ledger: Ledger, most: int = 10) -> Any:
    return ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], most, NOW)


def sent(claims: Any) -> list[Any]:
    return [(one, Receipt(one.key, Status.SENT)) for one in claims]


def on_server(ledger: Ledger) -> bool:
    return ledger.store.engine.dialect.name == "postgresql"


def looks_through(ledger: Ledger, table: str) -> None:
    """PostgreSQL looks through a table that it knows to be small, and comes last by a row that was changed."""
    with ledger.store.engine.begin() as connection:
        connection.exec_driver_sql(f"ANALYZE {table}")


def states(ledger: Ledger) -> dict[int, str]:
    lines = ledger.statistics.lines(INCIDENT, NOTICE)
    return {line.person: line.state.value for line in lines if line.channel is ChannelKind.EMAIL}


@pytest.fixture
def uncertain(released: Ledger) -> Any:
    """The messages of a worker that fell behind after it had marked them."""
    in_hand = claim(released)
    released.deliveries.record(in_hand, (), INCIDENT, NOTICE, NOW)
    assert released.deliveries.recover(INCIDENT, NOTICE, LATER) == len(in_hand) == 2
    return in_hand


def test_two_workers_that_claim_at_once_get_different_messages(released: Ledger, second: Second) -> None:
    others: list[Future[Any]] = []
    before(released, "INSERT INTO lease", lambda: others.append(second(lambda: claim(released, 1))))
    claimed = [*claim(released, 1), *(one for other in others for one in other.result())]
    assert sorted(one.about.number for one in claimed) == [1, 2]


def test_nobody_claims_by_a_list_that_is_just_being_replaced(released: Ledger, second: Second) -> None:
    with released.store.write() as write:
        write.session.get_one(IncidentRow, INCIDENT, with_for_update=True).audience_digest = "corrected"
        claimed = second(lambda: claim(released))
    with pytest.raises(ApprovalMissing):
        claimed.result()


def test_whoever_takes_over_sees_a_mark_that_was_just_being_kept(released: Ledger, second: Second) -> None:
    in_hand = claim(released)
    with released.store.driver_write() as transaction:
        assert transaction.keep_mark(in_hand[0].lease, [one.id for one in in_hand], NOW)
        taken_over = second(lambda: released.deliveries.recover(INCIDENT, NOTICE, LATER))
    assert taken_over.result() + released.deliveries.recover(INCIDENT, NOTICE, LATER) == 2
    assert states(released) == {1: "uncertain", 2: "uncertain"}


def test_an_answer_kept_during_a_takeover_leaves_no_doubt(released: Ledger, second: Second) -> None:
    """A takeover waits for the answers that are just being kept: an answered message is sent and not uncertain."""
    in_hand = claim(released)
    released.deliveries.record(in_hand, (), INCIDENT, NOTICE, NOW)
    with released.store.driver_write() as transaction:
        answered = next(one for one in in_hand if one.about.number == 1)
        transaction.keep_answers(
            [Kept("sent", "", "250", False, None, transaction.spelled(LATER), {answered.id: ""}, answered.lease)]
        )
        taken_over = second(lambda: released.deliveries.recover(INCIDENT, NOTICE, LATER))
    assert taken_over.result() == 1
    assert states(released) == {1: "sent", 2: "uncertain"}


def test_a_worker_and_the_one_that_takes_over_do_not_deadlock(released: Ledger, second: Second) -> None:
    """A worker that keeps its answers and a worker that takes over its page do not wait for each other for ever."""
    first, last = sorted(claim(released))
    released.deliveries.record([first, last], (), INCIDENT, NOTICE, NOW)
    answers = [(last, Receipt(last.key, Status.SENT))]
    with ThreadPoolExecutor(1) as third, released.store.write() as write:
        write.session.get_one(DeliveryRow, first.id, with_for_update=True)
        taken_over = second(lambda: released.deliveries.recover(INCIDENT, NOTICE, LATER))
        answered = third.submit(released.deliveries.record, [first], answers, INCIDENT, NOTICE, LATER)
        time.sleep(0.3)
        write.session.rollback()
    assert (taken_over.exception(), answered.exception()) == (None, None)
    assert states(released) == {first.about.number: "uncertain", last.about.number: "sent"}


def test_marking_two_pages_and_recalling_them_do_not_deadlock(released: Ledger, second: Second) -> None:
    """A worker that marks two pages and a process that recalls them do not wait for each other for ever.

    PostgreSQL comes last by a row that was changed, unless the statement says in which order to take the rows.
    """
    leases = [one.lease for _ in range(2) for one in claim(released, most=1)]
    released.deliveries.renew(leases[:1], NOW)
    with released.store.write() as write:
        write.session.get_one(LeaseRow, leases[0], with_for_update=True)
        recalled = second(lambda: replace(released, STRONGER))
        write.session.get_one(LeaseRow, leases[1], with_for_update=True)
    assert recalled.exception() is None


@pytest.mark.parametrize("act", ["renew", "end"])
def test_renewing_or_ending_two_pages_and_a_recall_do_not_deadlock(released: Ledger, second: Second, act: str) -> None:
    """A worker that renews or ends two pages and a process that recalls them do not wait for each other for ever."""
    claims = [one for _ in range(2) for one in claim(released, most=1)]
    leases = [one.lease for one in claims]
    released.deliveries.renew(leases[:1], NOW)
    released.deliveries.give_back(claims, NOW)
    looks_through(released, "lease")
    acts = {
        "renew": lambda: released.deliveries.renew(leases, NOW),
        "end": lambda: released.deliveries.end_leases(leases, {}, INCIDENT, NOTICE, NOW),
    }
    with released.store.write() as write:
        write.session.get_one(LeaseRow, leases[0], with_for_update=True)
        acted = second(acts[act])
        write.session.get_one(LeaseRow, leases[1], with_for_update=True)
    assert acted.exception() is None


def test_ending_a_page_late_and_taking_it_over_do_not_deadlock(released: Ledger, second: Second) -> None:
    """A worker that ends its page late and a worker that takes the page over do not wait for each other for ever.

    All messages of the page stay sent.
    """
    in_hand = claim(released)
    released.deliveries.record(in_hand, (), INCIDENT, NOTICE, NOW)
    released.deliveries.record((), sent(in_hand), INCIDENT, NOTICE, NOW)

    def taking_over() -> int:
        return released.deliveries.recover(INCIDENT, NOTICE, LATER)

    def ending() -> None:
        released.deliveries.end_leases([in_hand[0].lease], {}, INCIDENT, NOTICE, LATER)

    assert just_before(released, "DELETE FROM lease", second, taking_over, ending) == 0
    assert states(released) == {1: "sent", 2: "sent"}


def test_handing_over_late_and_taking_the_page_over_do_not_deadlock(released: Ledger, second: Second) -> None:
    """A worker whose late refusals hand over and one that takes over its page do not wait for each other for ever.

    All refusals count.
    """
    first, last = sorted(claim(released))
    released.deliveries.record([first, last], (), INCIDENT, NOTICE, NOW)
    with released.store.write() as write:
        write.session.get_one(DeliveryRow, first.id).detail = "changed"
    looks_through(released, "delivery")

    def handing_over() -> None:
        answers = [(one, Receipt(one.key, Status.REJECTED)) for one in (first, last)]
        released.deliveries.record((), answers, INCIDENT, NOTICE, LATER)

    def taking_over() -> int:
        return released.deliveries.recover(INCIDENT, NOTICE, LATER)

    assert just_before(released, "FROM person", second, taking_over, handing_over) == 0
    assert states(released) == {1: "failed", 2: "failed"}


def test_who_takes_over_leaves_alone_what_is_just_being_answered(released: Ledger, second: Second) -> None:
    """In the order in which each would take the messages, they could wait for each other."""
    in_hand = claim(released)
    released.deliveries.record(in_hand, (), INCIDENT, NOTICE, NOW)
    with ThreadPoolExecutor(1) as third, released.store.write() as write:
        write.session.get_one(DeliveryRow, in_hand[0].id, with_for_update=True)
        answered = second(lambda: released.deliveries.record((), sent(in_hand), INCIDENT, NOTICE, LATER))
        taken_over = third.submit(released.deliveries.recover, INCIDENT, NOTICE, LATER)
        if on_server(released):
            assert taken_over.result(5) == 0
        write.session.rollback()
    answered.result()
    assert states(released) == {1: "sent", 2: "sent"}


def test_a_report_and_a_takeover_of_its_page_do_not_deadlock(released: Ledger, uncertain: Any, second: Second) -> None:
    """A report about a message and a takeover of the message's page do not wait for each other for ever.

    The message was in hand to be sent once more, so the report would recall the page.
    """
    released.decisions.send_again(INCIDENT, NOTICE, 1, a_member(), LATER)
    (once_more,) = claim(released)

    def reporting() -> Any:
        return released.receipts.take([a_report(once_more, ReportKind.DELIVERED)], LATER)

    def taking_over() -> None:
        assert released.deliveries.recover(INCIDENT, NOTICE, LATER) == 0

    reported = just_before(released, "UPDATE delivery SET state = 'uncertain'", second, reporting, taking_over)
    assert [effect.value for effect in reported.each] == ["delivered"]
    assert states(released) == {1: "delivered", 2: "uncertain"}


def test_a_report_of_what_is_claimed_just_as_it_comes_recalls_it(
    released: Ledger, uncertain: Any, second: Second
) -> None:
    released.decisions.send_again(INCIDENT, NOTICE, 1, a_member(), LATER)
    (first,) = (one for one in uncertain if one.about.number == 1)
    in_hand: list[Any] = []
    looked = "FOR UPDATE SKIP LOCKED" if on_server(released) else "SELECT delivery.id, delivery.incident"
    before(released, looked, lambda: in_hand.extend(claim(released)))
    reported = released.receipts.take([a_report(first, ReportKind.DELIVERED)], LATER)
    assert [effect.value for effect in reported.each] == ["delivered"]
    assert len(in_hand) == 1
    assert released.deliveries.record(in_hand, (), INCIDENT, NOTICE, LATER) == frozenset()


def test_who_stops_a_send_can_wait_for_what_is_just_being_marked(released: Ledger, second: Second) -> None:
    """What leaves afterwards would be nowhere when somebody counts what has no answer yet."""
    in_hand = claim(released)
    with released.store.driver_write() as transaction:
        assert transaction.keep_mark(in_hand[0].lease, [one.id for one in in_hand], NOW)
        if on_server(released):
            released.incidents.pause(INCIDENT, "lena", NOW)
        through = second(lambda: released.incidents.marks_are_kept(INCIDENT))
        assert not through.done()
    assert through.result()
    assert released.deliveries.unanswered(INCIDENT) == 2


def test_a_late_refusal_while_a_notice_ends_keeps_the_notice_going(ledger: Ledger, second: Second) -> None:
    """When a late refusal arrives while the notice is just being finished, the next channel takes over.

    The notice goes on being sent.
    """
    approved(ledger, [a_person(number=1)], channels=(ChannelKind.WEBSITE, ChannelKind.EMAIL))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    (late,) = claim(ledger)
    ledger.deliveries.record([late], (), INCIDENT, NOTICE, NOW)
    assert ledger.deliveries.recover(INCIDENT, NOTICE, LATER) == 1
    pages = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.WEBSITE, ChannelKind.SOCIAL], 10, LATER)
    ledger.deliveries.record((), sent(pages), INCIDENT, NOTICE, LATER)

    def answering() -> None:
        ledger.deliveries.record((), [(late, Receipt(late.key, Status.REJECTED))], INCIDENT, NOTICE, LATER)

    def ending() -> None:
        assert ledger.deliveries.finish(INCIDENT, NOTICE, LATER)

    just_before(ledger, "INSERT INTO audit", second, answering, ending)
    (notice,) = ledger.cases.read(INCIDENT, LATER).notices
    assert (notice.stage, notice.pending) == (NoticeStage.SENDING, 1)


def test_nothing_is_marked_once_an_opt_out_under_way_is_recorded(released: Ledger, second: Second) -> None:
    """A worker that marks its page while an opt-out is being recorded waits for the opt-out.

    After that, the worker may send nothing of the page.
    """
    in_hand = claim(released)
    with released.store.write() as write:
        opted_out(write.session, INCIDENT, 1, NOW)
        marked = second(lambda: released.deliveries.record(in_hand, (), INCIDENT, NOTICE, NOW))
    assert marked.result() == frozenset()


def test_a_worker_may_not_mark_messages_just_being_taken_over(released: Ledger, second: Second) -> None:
    """A worker that marks messages while another worker takes them over learns that none of them may be sent."""
    in_hand, marks = claim(released), list[Future[Any]]()

    def marking() -> object:
        return released.deliveries.record(in_hand, (), INCIDENT, NOTICE, LATER)

    before(released, "DELETE FROM lease", lambda: marks.append(second(marking)))
    assert released.deliveries.recover(INCIDENT, NOTICE, LATER) == 0
    assert [mark.result() for mark in marks] == [frozenset()]


def test_a_message_found_sent_during_a_decision_is_not_sent_again(
    released: Ledger, uncertain: Any, second: Second
) -> None:
    """When the answer "sent" is kept while a team member decides to send the message again, the decision is refused."""
    first = next(one for one in uncertain if one.about.number == 1)
    with released.store.driver_write() as transaction:
        at = transaction.spelled(LATER)
        transaction.keep_answers([Kept("sent", "", "250", False, None, at, {first.id: ""}, first.lease)])
        again = second(lambda: released.decisions.send_again(INCIDENT, NOTICE, 1, a_member(), LATER))
    with pytest.raises(NotInLedger):
        again.result()
    assert states(released) == {1: "sent", 2: "uncertain"}


def test_a_message_reported_delivered_while_claimed_is_not_sent(
    released: Ledger, uncertain: Any, second: Second
) -> None:
    """When a message is reported delivered while a worker claims it once more, the worker may not send the message."""
    first, reports = next(one for one in uncertain if one.about.number == 1), list[Future[Any]]()
    released.decisions.send_again(INCIDENT, NOTICE, 1, a_member(), LATER)

    def reporting() -> object:
        return released.receipts.take([a_report(first, ReportKind.DELIVERED)], LATER)

    before(released, "INSERT INTO lease", lambda: reports.append(second(reporting)))
    once_more = claim(released)
    assert [[effect.value for effect in report.result().each] for report in reports] == [["delivered"]]
    assert released.deliveries.record(once_more, (), INCIDENT, NOTICE, LATER) == frozenset()


# Who decides while somebody else decides.


def test_a_promise_that_is_just_being_kept_is_not_put_off(ledger: Ledger, second: Second) -> None:
    promise_in(ledger)

    def putting_off() -> None:
        ledger.commitments.put_off(INCIDENT, "audit", NOW + timedelta(days=90), REASON, "omar", LATER)

    def keeping() -> None:
        ledger.commitments.keep(INCIDENT, "audit", {"*": "Report 17"}, "mei", LATER)

    with pytest.raises(NotAllowed, match="mei reported that audit is kept; decide on that first"):
        just_before(ledger, "INSERT INTO audit", second, putting_off, keeping)
    assert ledger.cases.read(INCIDENT).untold == {}


def test_evidence_that_is_just_being_accepted_is_not_refused(ledger: Ledger, second: Second) -> None:
    promise_in(ledger)
    ledger.commitments.keep(INCIDENT, "audit", {"*": "Report 17"}, "mei", NOW)

    def refusing() -> None:
        ledger.commitments.refuse(INCIDENT, "audit", "It is a draft.", "wei", LATER)

    def accepting() -> None:
        ledger.commitments.accept(INCIDENT, "audit", "omar", LATER)

    with pytest.raises(NotAllowed, match="audit is kept already"):
        just_before(ledger, "INSERT INTO audit", second, refusing, accepting)
    assert ledger.cases.read(INCIDENT).untold == {"audit": 1}


def test_a_question_that_is_just_being_answered_is_not_answered_again(ledger: Ledger, second: Second) -> None:
    ledger.incidents.open(an_incident(), [a_person(number=1)], "lena", NOW)
    number = ledger.questions.ask(INCIDENT, an_asked("Is my address among it?"), NOW)

    def answering(words: str) -> Callable[[], None]:
        return lambda: ledger.questions.answer(INCIDENT, number, words, "mei", LATER)

    with pytest.raises(NotAllowed, match="was answered already"):
        just_before(ledger, "INSERT INTO audit", second, answering("Yes."), answering("No."))
    assert [question.answer for question in ledger.questions.all(INCIDENT)] == ["No."]


def test_a_question_being_answered_can_be_filed_under_another_topic(ledger: Ledger, second: Second) -> None:
    """A question that is just being answered can be filed under another topic.

    Both the answer and the new topic are kept.
    """
    ledger.incidents.open(an_incident(), [a_person(number=1)], "lena", NOW)
    number = ledger.questions.ask(INCIDENT, an_asked("Is my address among it?"), NOW)

    def filing() -> None:
        ledger.questions.file_under(INCIDENT, number, "my data", "omar", LATER)

    def answering() -> None:
        ledger.questions.answer(INCIDENT, number, "Yes.", "mei", LATER)

    just_before(ledger, "SELECT incident.wrapped_key", second, filing, answering)
    assert [(question.topic, question.answer) for question in ledger.questions.all(INCIDENT)] == [("my data", "Yes.")]


def test_a_letter_that_two_bring_back_at_once_came_back_once(ledger: Ledger, second: Second) -> None:
    by_post.released(ledger)
    by_post.taken(ledger)
    reference = by_post.reference(ledger, 2)

    def returning() -> Any:
        return ledger.letters.returned(INCIDENT, NOTICE, reference, LATER)

    assert just_before(ledger, "INSERT INTO audit", second, returning, returning).person == 2
    assert [entry.act for entry in ledger.audit.entries(INCIDENT)].count("letter returned") == 1


def test_a_link_that_two_revoke_at_once_is_revoked_twice(released: Ledger, second: Second) -> None:
    def revoking() -> None:
        released.people.revoke_link(INCIDENT, 1, "lena", LATER)

    just_before(released, "INSERT INTO audit", second, revoking, revoking)
    assert released.people.link_of(INCIDENT, 1) == released.store.keys.link_token(INCIDENT, 1, 3)


def test_parked_messages_made_uncertain_meanwhile_are_not_tried_again(released: Ledger, second: Second) -> None:
    """When a restored ledger's parked messages are just being made uncertain, trying them again is refused."""
    in_hand = claim(released)
    with released.store.write() as write:
        park(write, [one.id for one in in_hand], NOW)

    def trying() -> int:
        return released.decisions.try_parked(INCIDENT, NOTICE, None, a_member(), LATER)

    with pytest.raises(NotInLedger):
        just_before(
            released, "INSERT INTO audit", second, trying, lambda: released.restore.reconcile((), a_member(), LATER)
        )
    assert states(released) == {1: "uncertain", 2: "uncertain"}


# Who is in the team.


@pytest.fixture
def team(ledger: Ledger) -> Ledger:
    for member in APPROVERS:
        ledger.team.add(member.name, member.role, "lena", NOW)
    return ledger


def stand_in(ledger: Ledger, to: str, name: str) -> Callable[[], None]:
    return lambda: ledger.team.delegate(name, to, NOW + timedelta(days=1), NOW)


def test_who_is_just_being_removed_is_not_removed_again(team: Ledger, second: Second) -> None:
    def removing() -> None:
        team.team.remove("wei", "lena", NOW)

    with pytest.raises(NotAllowed, match="wei is not in the team"):
        just_before(team, "INSERT INTO audit", second, removing, removing)


def test_two_members_cannot_become_each_others_deputy_at_once(team: Ledger, second: Second) -> None:
    """When two members name each other as deputy at the same moment, the second delegation is refused."""
    with pytest.raises(NotAllowed):
        just_before(team, "INSERT INTO audit", second, stand_in(team, "omar", "wei"), stand_in(team, "wei", "omar"))
    assert {member.name: member.deputy for member in team.team.members()} == {"omar": "wei", "wei": ""}


def test_two_who_say_so_at_once_do_not_wait_for_each_other_for_ever(team: Ledger, second: Second) -> None:
    with team.store.write() as write:
        write.session.get(MemberRow, "omar", with_for_update=True)
        said = second(stand_in(team, "omar", "wei"))
        write.session.get(MemberRow, "wei", with_for_update=True)
    said.result()
    assert {member.name: member.deputy for member in team.team.members()} == {"omar": "", "wei": "omar"}


# What is put in force while messages are prepared or taken.


def correcting(ledger: Ledger) -> Callable[[], Any]:
    """The list that is handed in has another address for the first of them."""
    correction = ledger.corrections.compare(
        INCIDENT, [a_person(number=1, email="new@mail.example"), a_person(number=2)]
    )
    said = correction.difference.counts
    return lambda: ledger.corrections.apply(correction, said, "f" * 64, "lena", NOW)


def test_a_list_is_not_replaced_under_whoever_is_just_claiming_by_it(released: Ledger, second: Second) -> None:
    with pytest.raises(NotAllowed, match="are being sent right now"):
        just_before(released, "INSERT INTO lease", second, correcting(released), lambda: claim(released))


def test_a_release_under_way_follows_a_list_corrected_meanwhile(ledger: Ledger, second: Second) -> None:
    """When a list is corrected while a release is being prepared, the new list redirects the prepared message."""
    approved(ledger, [a_person(number=1), a_person(number=2)])

    def releasing() -> object:
        return ledger.notices.release(INCIDENT, NOTICE, NOW)

    followed = just_before(ledger, "UPDATE release SET seal", second, correcting(ledger), releasing)
    assert [one.redirected for one in followed] == [1]


def test_nothing_is_prepared_for_whom_an_opt_out_is_just_being_kept(ledger: Ledger, second: Second) -> None:
    approved(ledger, [a_person(number=1), a_person(number=2)], optional=True, template="news")
    with ledger.store.write() as write:
        opted_out(write.session, INCIDENT, 1, NOW)
        releasing = second(lambda: ledger.notices.release(INCIDENT, NOTICE, NOW))
    releasing.result()
    assert states(ledger) == {1: "held", 2: "waiting"}


def test_whoever_changes_while_messages_are_stored_is_not_left_out(ledger: Ledger, second: Second) -> None:
    """They are of no kind that was found among the people before: on a server that is noticed, and done again."""
    approved(ledger, [a_person(number=1), a_person(number=2)])
    opting_out: list[Future[Any]] = []
    before(
        ledger,
        "INSERT INTO delivery",
        lambda: opting_out.append(second(lambda: ledger.opt_outs.add(INCIDENT, 1, "test", NOW))),
    )
    with suppress(LedgerUnavailable):
        ledger.notices.release(INCIDENT, NOTICE, NOW)
    assert opting_out[0].result()
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    assert states(ledger) == {1: "waiting", 2: "waiting"}


def test_a_release_under_way_follows_an_opt_out_made_meanwhile(ledger: Ledger, second: Second) -> None:
    """When a person opts out while an optional notice is being prepared for release, the person's message is held."""
    approved(ledger, [a_person(number=1), a_person(number=2)], optional=True, template="news")

    def opting_out() -> bool:
        return ledger.opt_outs.add(INCIDENT, 1, "test", NOW)

    def releasing() -> object:
        return ledger.notices.release(INCIDENT, NOTICE, NOW)

    assert just_before(ledger, "UPDATE release SET seal", second, opting_out, releasing)
    assert states(ledger) == {1: "held", 2: "waiting"}


def test_taking_back_an_opt_out_that_is_being_recorded_ends_it(released: Ledger, second: Second) -> None:
    """When a person takes back an opt-out that is just being recorded, the person gets optional messages again."""

    def opting(back: bool) -> Callable[[], bool]:
        return lambda: (released.opt_outs.end if back else released.opt_outs.add)(INCIDENT, 1, "test", LATER)

    assert just_before(released, "INSERT INTO audit", second, opting(back=True), opting(back=False))
    assert not released.opt_outs.has(INCIDENT, 1)


def test_messages_claimed_while_the_playbook_changes_are_not_sent(released: Ledger, second: Second) -> None:
    """Messages that a worker claims while the playbook is being replaced may not be sent."""
    in_hand: list[Any] = []

    def replacing() -> str:
        return replace(released, STRONGER, second=OMAR)

    just_before(released, "INSERT INTO lease", second, replacing, lambda: in_hand.extend(claim(released)))
    assert len(in_hand) == 2
    assert released.deliveries.record(in_hand, (), INCIDENT, NOTICE, LATER) == frozenset()


def test_two_who_open_a_ledger_first_note_its_key_once(ledger: Ledger, second: Second) -> None:
    with ledger.store.write() as write:
        write.session.delete(write.session.get_one(KeyCheckRow, 1))
    just_before(ledger, "INSERT INTO key_check", second, ledger.store.check_key, ledger.store.check_key)
