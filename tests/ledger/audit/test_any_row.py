"""Any row of any table, altered, deleted or copied by other means than Amends, is found, or decides nothing."""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amends.content.notice import shipped_wording
from amends.domain.base.clock import Seen
from amends.domain.base.errors import LedgerError
from amends.domain.base.home_file import NewHomeFile
from amends.domain.base.money import Money
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.channel.outgoing import OutgoingKind, OutgoingName
from amends.domain.claim.rules import ClaimVerdict
from amends.domain.claim.words import ClaimTerms, ClaimWords
from amends.domain.entitlement.code import CodeVariant, NewCode
from amends.domain.entitlement.remedy import RemedyOutcome, RemedyState
from amends.domain.feedback.hour import QuestionHour
from amends.domain.feedback.mention import Mention
from amends.domain.feedback.queue.faq import FaqText
from amends.domain.incident.per_person import PerPerson
from amends.domain.people.preference import Preference
from amends.domain.people.report import NewReport, PageReportKind
from amends.domain.playbook.closing import Criterion, UnmetCriterion
from amends.domain.playbook.survey import Sample
from amends.domain.receipt.incoming import MailOutcome
from amends.domain.review import ReviewFigures, ReviewKind
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from amends.ledger.commitment.files import NewFile
from amends.ledger.feedback.survey.ballots import text_place
from amends.ledger.outbox.outbox import put
from amends.ledger.receipt.inbox import TakenMail
from amends.ledger.store.sums import changing
from amends.ledger.tables.commitment import ResultCorrectionRow
from amends.ledger.tables.feedback import BallotRow, SurveyTextRow
from amends.ledger.tables.incident import ErasedPersonRow, ForgottenRow
from amends.ledger.tables.notice import StatedCommitmentRow, ToldOtherwiseRow
from amends.ledger.tables.playbook import SubstituteRow
from tests.builders import NOW, a_commitment, a_draft, a_duty, a_person, a_survey, an_asked, an_assessment
from tests.delivery.sending import INCIDENT, NOTICE, a_ledger, approved, bound, looked_over, sqlite_url
from tests.ledger.claim.claiming import RULES, a_claim

LATER = NOW + timedelta(hours=1)
MEI = Member(name="mei", role=TeamRole.LEAD)
OMAR, WEI = Member(name="omar", role=TeamRole.LEGAL), Member(name="wei", role=TeamRole.SECURITY)
CHECKED = PerPerson(results={"clean": {"*": "We found nothing."}})
DECIDES_NOTHING = {
    "amends_schema": "the version of the tables: another one is refused",
    "sqlite_sequence": "the last number of a lease or a message, which is only ever raised",
    "clock": "a row that is gone or unknown is a machine that was not seen yet",
    "key_check": "Amends does not open a ledger with another key, or in another database, as its own",
    "lease": "a page in hand, for minutes; see the promises",
    "question_likeness": "a mark only finds questions, whose texts are then compared",
    "mark": "a page in hand, for minutes; see the promises",
    "survey_answered": "who has answered a survey: sealed, the audit chain would tell the order of the answers",
    "held_ballot": "a ballot that nobody can open yet; its key is not in the ledger, and one that was altered is lost",
}
"""Tables with a row that decides nothing, or nothing but what is said here."""
HOW_AND_WHEN = frozenset(
    {
        *{("delivery", name) for name in ("cause", "detail", "doubtful", "provider_id", "batch", "attempts", "lease")},
        *{("delivery", name) for name in ("next_try_at", "updated_at", "one_of_several")},
        ("vote", "id"),
        ("code", "given_at"),
        ("tally", "part"),
    }
)
"""Columns that decide how a message is tried and what is said of it, and not whether one that has left leaves again."""


def with_everything(ledger: Ledger) -> None:
    """A ledger with rows in every table that has any while no send is under way."""
    people = [a_person(number=1), a_person(number=2, segment="staff"), a_person(number=3, locale="zh-CN")]
    approved(ledger, people)
    _send(ledger)
    ledger.team.add(MEI.name, MEI.role, "lena", NOW)
    ledger.team.set_contact("omar", "json://127.0.0.1/", "omar", NOW)
    ledger.team.delegate("omar", "wei", LATER, NOW)
    ledger.clocks.observe(Seen("host", "boot", 1.0, NOW))
    ledger.channels.note_used([ChannelKind.EMAIL])
    ledger.assessments.record(INCIDENT, an_assessment(duties=(a_duty(),)), NOW)
    ledger.occurrences.mark(INCIDENT, "assess", 1, NOW, "done", NOW)  # type: ignore[arg-type]
    ledger.questions.ask(INCIDENT, an_asked(person=2, owner="care", at=NOW), NOW)
    ledger.questions.answer(INCIDENT, 1, "Yes.", "omar", NOW)
    ledger.questions.ask(INCIDENT, an_asked("And mine?", once="another", person=1, owner="care", at=NOW), NOW)
    ledger.questions.ask(INCIDENT, an_asked("Was my address among it?", once="yet another", person=1, at=NOW), NOW)
    faq = {"en": FaqText(question="Is mine in it?", answer="Yes.")}
    ledger.faq.approve(INCIDENT, ledger.faq.propose(INCIDENT, 1, faq, "omar", NOW), "mei", NOW)
    ledger.sms_replies.record("once", NOW)
    file = NewHomeFile("aa-1", "image/png", 3)
    ledger.inbox.record([TakenMail("aa", MailOutcome.QUESTION, INCIDENT, 1, NOTICE, files=(file,))], NOW)
    _from_the_page(ledger)
    _in_public(ledger)
    _claim_and_pay(ledger)
    ledger.commitments.add(
        INCIDENT,
        [(a_commitment(id="a", audience="persons:a"), [1, 2]), (a_commitment(id="b", per_person=CHECKED), [])],
        "lena",
        NOW,
    )
    ledger.commitment_work.spend(INCIDENT, "a", "2027-11", Money.parse("9 EUR"), "lena", NOW)
    ledger.commitment_files.add(INCIDENT, "a", [NewFile("report.pdf", b"%PDF")], "lena", NOW)
    ledger.codes.add(INCIDENT, "a", [NewCode("CODE-1", CodeVariant.EVERYONE)], "lena", NOW)
    ledger.filings.record(INCIDENT, a_duty().id, NOW, "lena", "R-1", "", NOW)
    ledger.opt_outs.add(INCIDENT, 2, "page", NOW)
    ledger.locale_rulings.rule(INCIDENT, {"zh-CN": "en"}, ("en",), MEI, NOW)
    ledger.incidents.embargo(INCIDENT, LATER, "the police asked", "omar", NOW)
    ledger.stops.stop_domain(INCIDENT, NOTICE, "mail.example", "550 5.7.1", NOW)
    ledger.stops.send_stopped(INCIDENT, NOTICE, "email", "no login", NOW)
    _release_in_emergency(ledger)
    _what_takes_weeks(ledger)
    _what_a_survey_leaves(ledger)
    ledger.remedies.settle(INCIDENT, "b", {1: RemedyOutcome(RemedyState.DONE, "clean")}, "lena", NOW)
    with ledger.store.write() as write:
        write.session.add(
            ResultCorrectionRow(
                incident=INCIDENT, commitment="b", number=1, person=1, was="clean", word="gone", by="lena", at=NOW
            )
        )
    _what_closing_leaves(ledger)
    _what_is_kept_and_forgotten(ledger)
    ledger.restore.reconcile({"f" * 32}, MEI, NOW, unclear=["e" * 32])


def _from_the_page(ledger: Ledger) -> None:
    """Rows of what a person does on their page."""
    moved = NewReport(2, PageReportKind.OUTDATED_ADDRESS, "en", "moved", email="two@new.example")
    ledger.reports.add(INCIDENT, moved, NOW)
    ledger.reports.accept(INCIDENT, 1, "Thank you.", "omar", NOW)
    ledger.requests.approve(INCIDENT, ledger.requests.add(INCIDENT, 1, "en", "data", NOW), "<p>Ada</p>", MEI, NOW)
    ledger.choices.prefer(INCIDENT, 1, Preference(locale="zh-CN"), NOW)
    ledger.choices.tick(INCIDENT, 1, "beware", NOW, done=True)
    ledger.choices.renew_link(INCIDENT, 1, "lena", NOW)


def _claim_and_pay(ledger: Ledger) -> None:
    """Rows of a claim with a file, of its decision, and of its payment."""
    file = NewHomeFile("aa-1", "image/png", 3)
    words = ClaimWords({"en": shipped_wording().phrases["en"].portal}, "en", lambda _, at: f"{at:%Y-%m-%d}")
    terms = ClaimTerms(RULES, words, "care")
    ledger.claims.add(INCIDENT, a_claim(files=(file,)), terms, NOW)
    ledger.claims.decide(INCIDENT, 1, ClaimVerdict(5000), terms, MEI, NOW)
    ledger.payments.make(INCIDENT, RULES, MEI, NOW)


def _what_is_kept_and_forgotten(ledger: Ledger) -> None:
    """Rows of a hold and of a case's own day, and of a person and a kind of data that are gone, as they are written."""
    ledger.holds.give(INCIDENT, 2, "the court asked", OMAR, NOW)
    ledger.retention.set_date(INCIDENT, LATER, "a lawsuit", OMAR, NOW)
    with ledger.store.write() as write:
        gone = {"ref_index": b"r" * 16, "by": "mei", "second": "omar"}
        write.session.add(ErasedPersonRow(incident=INCIDENT, person=9, at=NOW, **gone))
        write.session.add(ForgottenRow(incident=INCIDENT, kind="survey_texts", at=NOW, kept=[2]))


def _what_takes_weeks(ledger: Ledger) -> None:
    """Rows of a reminder, a substitute notice, a promise that was stated and a correction, as they are written."""
    of_notice: dict[str, Any] = {"incident": INCIDENT, "notice": NOTICE}
    with ledger.store.write() as write:
        put(write, ledger.store.keys, OutgoingName(INCIDENT, OutgoingKind.ALERT, "late", "", "wei"), NOW)
        write.session.add(
            SubstituteRow(incident=INCIDENT, duty="d", url="https://a.example", note="", by="omar", at=NOW)
        )
        told = {"version": 1, "channel": "email", "readers": "self", "fate": "open"}
        write.session.add(StatedCommitmentRow(**of_notice, **told, commitment="b"))
        with changing(write.session, "told_otherwise", (INCIDENT, NOTICE)):
            write.session.add(ToldOtherwiseRow(**of_notice, person=1, cohort="a", elements="email"))


def _what_a_survey_leaves(ledger: Ledger) -> None:
    """Rows of a sample, of an answer that waits, and of a ballot that was opened, as they are written."""
    ledger.samples.draw(INCIDENT, NOTICE, "how-we-did", Sample(people=1), "everyone", NOW)
    ledger.surveys.answer(INCIDENT, NOTICE, 1, a_survey(), {"understood": "4"}, NOW)
    of_notice: dict[str, Any] = {"incident": INCIDENT, "notice": NOTICE}
    with ledger.store.write() as write:
        nobody = {"variant": "", "channel": "email", "country": "DE"}
        write.session.add(BallotRow(**of_notice, **nobody, id="a", answers={"understood": "4"}))
        sealed = ledger.store.seal(write.session, INCIDENT).close("Thank you", text_place("b"))
        write.session.add(SurveyTextRow(**of_notice, id="b", question="comment", sealed_text=sealed))


def _what_closing_leaves(ledger: Ledger) -> None:
    """Rows of an override, of a promise that is carried over, and of a review."""
    ledger.closing.override(INCIDENT, UnmetCriterion(Criterion.CALM, "b", (("calm", "no calm"),)), MEI, "enough", NOW)
    due = ledger.commitments.get(INCIDENT, "a").due_at
    ledger.closing.carry_over(INCIDENT, "a", "mei", due, "omar", NOW)
    ledger.reviews.note(INCIDENT, ReviewKind.LESSON, "Print sooner.", "mei", NOW)
    ledger.reviews.becomes(INCIDENT, 1, "a", "mei", NOW)
    ledger.reviews.end(INCIDENT, "review", ReviewFigures(at=NOW, days_open=1), "mei", NOW)


def _in_public(ledger: Ledger) -> None:
    """A post with its answer, and a question hour for which somebody signed up and asked."""
    post = Mention(account="kim@social.example", text="Safe?", at=NOW, post="9")
    ledger.mentions.take(INCIDENT, post, None, NOW)
    ledger.mentions.note_taken(INCIDENT, "https://social.example", "9", NOW)
    ledger.mentions.answer(INCIDENT, 4, "Yes.", "omar", NOW)
    hour = QuestionHour(
        id="ask-us", title={"en": "Ask"}, where={"en": "+4930555"}, begins_at=NOW + timedelta(days=9), minutes=60
    )
    ledger.hours.announce(INCIDENT, hour, "lena", NOW)
    ledger.hours.sign_up(INCIDENT, hour.id, 1, NOW)
    ledger.hours.collect(INCIDENT, hour.id, 2, NOW)


def _send(ledger: Ledger) -> None:
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, tuple(ChannelKind), 100, NOW)
    ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
    answers = [(claim, Receipt(claim.key, Status.SENT, "250", "Q1")) for claim in claims]
    ledger.deliveries.record((), answers, INCIDENT, NOTICE, NOW)
    ledger.deliveries.end_leases(
        sorted({claim.lease for claim in claims}), {"sent": len(claims)}, INCIDENT, NOTICE, NOW
    )
    ledger.deliveries.finish(INCIDENT, NOTICE, NOW)


def _release_in_emergency(ledger: Ledger) -> None:
    draft = a_draft(**bound(ledger) | {"notice": "update-1"})
    ledger.notices.draft(draft, NOW)
    looked_over(ledger, draft)
    ledger.approvals.release_in_emergency(INCIDENT, draft.notice, MEI, WEI, draft.binding, "it leaks now", NOW)


# One row at a time.


class Table:
    """A table of the ledger as the database itself shows it."""

    def __init__(self, database: sqlite3.Connection, name: str) -> None:
        self.name = name
        self.columns = [row[1] for row in database.execute(f"PRAGMA table_info({name})")]
        self.rows = database.execute(f"SELECT * FROM {name}").fetchall()


class Tampered:
    """A ledger with everything, of which each try alters a copy."""

    def __init__(self, folder: Path) -> None:
        self.whole, self.copy = folder / "whole", folder / "copy"
        self.whole.mkdir()
        with_everything(made := a_ledger(sqlite_url(self.whole), self.whole).migrate())
        made.dispose()
        with closing(sqlite3.connect(self.whole / "ledger.sqlite3", isolation_level=None)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                if not trigger.startswith("tally"):
                    database.execute(f"DROP TRIGGER {trigger}")
            names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            self.tables = [Table(database, name) for (name,) in names]

    def found(self, *statements: tuple[str, tuple[Any, ...]]) -> str:
        """Return what is found on a copy after these statements; "refused" when the database takes none of them."""
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.whole, self.copy)
        with closing(sqlite3.connect(self.copy / "ledger.sqlite3", isolation_level=None)) as database:
            database.execute("PRAGMA foreign_keys=OFF")
            try:
                for statement, values in statements:
                    database.execute(statement, values)
            except sqlite3.IntegrityError:
                return "refused"
        ledger = a_ledger(sqlite_url(self.copy), self.copy)
        try:
            audit = ledger.audit
            return "; ".join((*audit.verify(), *audit.disagreements(), *audit.miscounted()))
        except LedgerError as error:
            return str(error)
        finally:
            ledger.dispose()


@pytest.fixture(scope="module")
def tampered(tmp_path_factory: pytest.TempPathFactory) -> Tampered:
    return Tampered(tmp_path_factory.mktemp("tampered"))


def test_every_table_has_a_row(tampered: Tampered) -> None:
    assert {table.name for table in tampered.tables if not table.rows} == {"lease", "mark"}
    assert tampered.found() == ""


def another(value: Any) -> Any:
    """Return another value of the same kind, as somebody would write it who knows the format."""
    if value is None:
        return 1
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:] if value else b"x"
    if isinstance(value, int | float):
        return 1 - value if value in {0, 1} else value + 1  # any number but 0 is true
    return value.replace("2026", "2025", 1) if "2026" in value else f"{value}x"


def try_one(tampered: Tampered, data: st.DataObject) -> None:
    """Alter, delete or copy one row, drawn at random, and look whether that is found."""
    tables = [table for table in tampered.tables if table.rows and table.name not in DECIDES_NOTHING]
    table = data.draw(st.sampled_from(tables))
    row = data.draw(st.sampled_from(table.rows))
    here = " AND ".join(f'"{name}" IS ?' for name in table.columns)
    act = data.draw(st.sampled_from(["alter", "alter", "alter", "delete", "copy"]))
    column = data.draw(st.sampled_from(table.columns))
    place = table.columns.index(column)
    value = data.draw(st.sampled_from([another(row[place]), *(one[place] for one in table.rows)]))
    if act == "delete":
        found = tampered.found((f"DELETE FROM {table.name} WHERE {here}", row))
    elif act == "alter":
        if value == row[place] or (table.name, column) in HOW_AND_WHEN:
            return
        found = tampered.found((f'UPDATE {table.name} SET "{column}" = ? WHERE {here}', (value, *row)))
    else:
        marks = ", ".join("?" * len(row))
        copied = (*row[:place], value, *row[place + 1 :])
        found = tampered.found((f"INSERT INTO {table.name} VALUES ({marks})", copied))
    assert found, f"{act} {table.name}.{column} of {row!r} to {value!r}"


ANY_ROW = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)


@settings(ANY_ROW, max_examples=60)
@given(data=st.data())
def test_any_row_that_was_changed_is_found(tampered: Tampered, data: st.DataObject) -> None:
    try_one(tampered, data)


@pytest.mark.full
@pytest.mark.timeout(0)
@settings(ANY_ROW, max_examples=1000)
@given(data=st.data())
def test_any_row_of_a_thousand_is_found(tampered: Tampered, data: st.DataObject) -> None:
    try_one(tampered, data)
