"""A dossier is read by indexes alone, ends with the data, and its file can be checked even then."""

import re

import pytest
from sqlalchemy import event

from amends.domain.base.errors import DataDamaged, DataDestroyed, NotInLedger
from amends.domain.case.dossier import MASK
from amends.domain.case.dossier_seal import DossierForm, split_seal
from amends.domain.channel.message import Status
from amends.domain.notice.notice import DeliveryState
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.ledger import Ledger
from amends.ledger.case.person_messages import NO_DATA
from tests.builders import NOW, an_asked
from tests.delivery.sending import INCIDENT
from tests.ledger.case.test_told import LATER, sent
from tests.ledger.forget.test_destruction import destroy
from tests.ledger.forget.test_destruction import told as closed

BODY = b"<p>words</p>\n"


def sealed(ledger: Ledger, number: int = 1) -> bytes:
    record = ledger.dossiers.read(INCIDENT, number, LATER)
    return ledger.dossiers.seal(record.dossier, DossierForm.HTML, BODY, "lena")


def test_a_message_names_the_data_of_then_and_no_secret(ledger: Ledger) -> None:
    sent(ledger, Status.SENT, Status.SENT)
    (message,) = ledger.dossiers.read(INCIDENT, 2, LATER).messages
    assert message.claim.about is not None
    assert [one.value for one in message.claim.about.data] == ["contact", "health"]
    assert message.claim.link == MASK


def test_a_message_of_unknown_data_says_so(ledger: Ledger) -> None:
    """A message that a restored backup knows only from the relay's log has no set of data elements."""
    sent(ledger, Status.SENT)
    with ledger.store.write() as write:
        write.session.connection().exec_driver_sql("UPDATE delivery SET elements = NULL")
    assert ledger.dossiers.read(INCIDENT, 1, LATER).messages[0].shown.notes == (NO_DATA,)


def test_a_message_that_came_back_keeps_its_words(ledger: Ledger) -> None:
    sent(ledger, Status.SENT)
    with ledger.store.read() as session:
        number = session.connection().exec_driver_sql("SELECT id FROM delivery WHERE channel = 'email'").scalar_one()
    claim = ledger.dossiers.read(INCIDENT, 1, LATER).messages[0].claim
    token = ledger.store.keys.bounce_token(number, claim.key)
    ledger.receipts.take([MailReport(kind=ReportKind.FAILED, token=token, status="5.1.1")], LATER)
    message = ledger.dossiers.read(INCIDENT, 1, LATER).messages[0]
    assert (message.shown.state, message.source is not None) == (DeliveryState.BOUNCED, True)


def test_a_dossier_has_each_answer_and_how_it_came(ledger: Ledger) -> None:
    sent(ledger, Status.SENT)
    question = ledger.questions.ask(INCIDENT, an_asked(person=1), NOW)
    wrong = ledger.answers.give(INCIDENT, [question], {"en": "No."}, "mei", NOW)
    ledger.answers.correct(INCIDENT, wrong, {"en": "Yes."}, "mei", LATER)
    ledger.answers.reopen(INCIDENT, question, LATER, "Which card?")
    (asked,) = ledger.dossiers.read(INCIDENT, 1, LATER).dossier.questions
    said = [(answer.kind, answer.text, answer.corrected, answer.channel, answer.state) for answer in asked.answers]
    assert said == [("given", "No.", True, "email", "withdrawn"), ("correction", "Yes.", False, "email", "waiting")]
    assert asked.objection == "Which card?"


def test_the_seal_names_the_chain_before_the_ledger_was_read(ledger: Ledger) -> None:
    sent(ledger, Status.SENT)
    with ledger.store.read() as session:
        head = ledger.store.chain.newest(session)
    assert head
    parts = split_seal(sealed(ledger))
    assert parts
    assert (parts[0], parts[1].entries, parts[1].head) == (BODY, head.seq, head.mac)


def test_every_statement_about_messages_uses_an_index(ledger_on_sqlite: Ledger) -> None:
    """Each query names the notices and the person, so that a million messages of others are not read."""
    sent(ledger_on_sqlite, Status.SENT, Status.SENT)
    ledger_on_sqlite.questions.ask(INCIDENT, an_asked(person=1), NOW)
    plans: list[str] = []

    def explain(connection, _cursor, statement, values, _context, _many) -> None:  # type: ignore[no-untyped-def]
        if re.search(r"FROM (delivery|person|question)\b", statement):
            database = connection.connection.driver_connection
            plans.extend(row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", values))

    event.listen(ledger_on_sqlite.store.engine, "before_cursor_execute", explain)
    ledger_on_sqlite.dossiers.read(INCIDENT, 1, LATER)
    event.remove(ledger_on_sqlite.store.engine, "before_cursor_execute", explain)
    messages = [plan for plan in plans if "delivery" in plan]
    assert messages
    assert all("(incident=? AND notice=? AND person=?" in plan for plan in messages)
    assert [plan for plan in plans if plan.startswith("SCAN") and "json_each" not in plan] == []


def test_nobody_is_read_when_the_person_is_unknown(ledger: Ledger) -> None:
    sent(ledger, Status.SENT)
    with pytest.raises(NotInLedger, match="has no person 9"):
        ledger.dossiers.read(INCIDENT, 9, LATER)


def test_damaged_data_is_named_by_the_persons_number(ledger: Ledger) -> None:
    sent(ledger, Status.SENT, Status.SENT)
    with ledger.store.write() as write:
        write.session.connection().exec_driver_sql(
            "UPDATE person SET sealed = (SELECT sealed FROM person WHERE number = 1) WHERE number = 2"
        )
    with pytest.raises(DataDamaged, match="2"):
        ledger.dossiers.read(INCIDENT, 2, LATER)


def test_a_dossier_outlives_the_data_and_no_new_one_is_made(ledger: Ledger) -> None:
    closed(ledger)
    record = ledger.dossiers.read(INCIDENT, 1, LATER)
    file = sealed(ledger)
    destroy(ledger)
    assert ledger.dossiers.check(file).problems == ()
    with pytest.raises(DataDestroyed, match="was destroyed on"):
        ledger.dossiers.read(INCIDENT, 1, LATER)
    with pytest.raises(DataDestroyed):
        ledger.dossiers.seal(record.dossier, DossierForm.HTML, BODY, "lena")
