"""When an incident is over, two people destroy its personal data: nobody is found any more, and the counts stay."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import text

from amends.delivery.inbox.replies import take_reply
from amends.domain.base.errors import DataDestroyed, LedgerUnavailable, NotAllowed, NotInLedger
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.entitlement.code import CodeVariant, NewCode
from amends.domain.people.person import Person
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.domain.receipt.webhook import ProviderReceipt
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from amends.ledger.commitment.files import NewFile
from amends.ledger.entitlement.code_rows import index_of
from amends.ledger.feedback.survey.ballots import text_place
from amends.ledger.forget import destruction as destroying
from amends.ledger.forget.destruction import Destruction
from amends.ledger.receipt.receipts import Effect
from amends.ledger.tables.feedback import SurveyTextRow
from tests.builders import NOW, a_commitment, a_person, a_survey, an_asked, an_incident
from tests.delivery.sending import INCIDENT, NOTICE, approved

LENA, OMAR = Member(name="lena", role=TeamRole.LEAD), Member(name="omar", role=TeamRole.LEGAL)
LATER = NOW + timedelta(days=500)
NAME, EMAIL, PHONE, STREET = "Zoë Canary", "zoe@canary.example", "+4930555999", "Canary Road 7"
WORDS, ANSWER, COMMENT = "Is my canary safe?", "It is safe with us.", "You were kind to my bird."
TOKEN = "SMcanary1"
CODE = "CANARY-CODE-1"


def people() -> list[Person]:
    zoe = a_person(number=1, ref="CANARY-1", name=NAME, email=EMAIL, phone=PHONE, postal_address=STREET)
    return [zoe, a_person(number=2), a_person(number=3, email="", phone="+4930555998")]


def send(ledger: Ledger) -> list[str]:
    """All that waits leaves; the names by which mails about it come back."""
    named, tokens = count(1), []
    for kind in ChannelKind:
        while claims := ledger.deliveries.claim(INCIDENT, NOTICE, [kind], 100, NOW):
            ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
            tokens += [
                ledger.store.keys.bounce_token(claim.id, claim.key) for claim in claims if kind is ChannelKind.EMAIL
            ]
            names = [TOKEN.replace("1", str(next(named))) if kind is ChannelKind.SMS else "" for _ in claims]
            answers = [
                (claim, Receipt(claim.key, Status.SENT, provider_id=name))
                for claim, name in zip(claims, names, strict=True)
            ]
            ledger.deliveries.record((), answers, INCIDENT, NOTICE, NOW)
            ledger.deliveries.end_leases(sorted({claim.lease for claim in claims}), {}, INCIDENT, NOTICE, NOW)
    ledger.deliveries.finish(INCIDENT, NOTICE, NOW)
    return tokens


def told(ledger: Ledger) -> list[str]:
    """Everybody was told, one asked and was answered, and the case is closed."""
    approved(ledger, people(), cascade=(), next_news_at=None)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    tokens = send(ledger)
    asked = ledger.questions.ask(INCIDENT, an_asked(WORDS), NOW)
    ledger.questions.answer(INCIDENT, asked, ANSWER, "omar", NOW)
    given = {"understood": "5", "comment": COMMENT}
    ledger.surveys.answer(INCIDENT, NOTICE, 1, a_survey(), given, NOW)
    with ledger.store.write() as write:
        sealed = ledger.store.seal(write.session, INCIDENT).close(COMMENT, text_place("a"))
        write.session.add(
            SurveyTextRow(incident=INCIDENT, notice=NOTICE, id="a", question="comment", sealed_text=sealed)
        )
    ledger.codes.add(INCIDENT, "monitoring", [NewCode(CODE, CodeVariant.EVERYONE)], "lena", NOW)
    ledger.incidents.close(INCIDENT, "lena", NOW)
    return tokens


@pytest.fixture
def over(ledger: Ledger) -> Ledger:
    told(ledger)
    return ledger


def destroy(ledger: Ledger) -> None:
    ledger.destruction.destroy(INCIDENT, LENA, OMAR, LATER)


def wrapped_key(ledger: Ledger) -> bytes:
    with ledger.store.read() as session:
        return bytes(session.execute(text("SELECT wrapped_key FROM incident")).scalar_one())


def columns(ledger: Ledger) -> Iterator[object]:
    """Every value of every row that the ledger has."""
    with ledger.store.read() as session:
        for table in (
            "incident",
            "person",
            "delivery",
            "question",
            "survey_text",
            "audit",
            "event",
            "sms_reply",
            "incoming_mail",
            "code",
        ):
            for row in session.execute(text(f"SELECT * FROM {table}")):
                yield from row


def indexes(ledger: Ledger) -> set[bytes]:
    """What an address is looked up by, for whoever has the master key and guesses it."""
    said = (("ref", "CANARY-1"), ("email", EMAIL), ("phone", PHONE))
    codes = {index_of(ledger.store.keys, CODE)}
    return codes | {ledger.store.keys.index(INCIDENT, kind, value) for kind, value in said}


def test_what_was_sealed_cannot_be_opened_any_more(over: Ledger) -> None:
    kept = wrapped_key(over)
    destroy(over)
    assert (len(kept) > 32, wrapped_key(over)) == (True, b"")
    for read in (
        lambda: over.people.get(INCIDENT, 1),
        lambda: over.people.get_many(INCIDENT, [1]),
        lambda: over.questions.all(INCIDENT),
        lambda: over.surveys.comments(INCIDENT),
    ):
        with pytest.raises(DataDestroyed, match=f"{INCIDENT} was destroyed on {LATER:%Y-%m-%d}"):
            read()


def test_a_ballot_that_waits_is_gone_with_its_key(over: Ledger, tmp_path: Path) -> None:
    with over.store.read() as session:
        assert session.execute(text("SELECT count(*) FROM held_ballot")).scalar_one() == 1
    destroy(over)
    with over.store.read() as session:
        assert session.execute(text("SELECT count(*) FROM held_ballot")).scalar_one() == 0
    assert (tmp_path / "survey-keys" / f"{INCIDENT}.{NOTICE}").read_text() == ""


def test_nobody_is_found_by_address_or_link_even_with_the_master_key(over: Ledger) -> None:
    """Once an incident's personal data is destroyed, no link, reference or phone number leads to a person.

    Even the master key and the right address together find no index in any column.
    """
    link, guesses = over.people.link_of(INCIDENT, 1), indexes(over)
    assert guesses <= {bytes(value) for value in columns(over) if isinstance(value, bytes | memoryview)}
    destroy(over)
    assert not guesses & {bytes(value) for value in columns(over) if isinstance(value, bytes | memoryview)}
    assert (
        over.people.whose_link(link),
        over.people.number_of(INCIDENT, "CANARY-1"),
        over.sms_replies.texted(PHONE),
    ) == (None, None, ())
    assert not [value for value in columns(over) if isinstance(value, str) and "SMcanary" in value]


def test_counts_times_and_the_audit_chain_stay(over: Ledger) -> None:
    before = over.cases.read(INCIDENT, LATER)
    destroy(over)
    after = over.cases.read(INCIDENT, LATER)
    assert after.destroyed_at == LATER
    assert after.model_copy(update={"events": before.events}) == before
    assert over.audit.verify() == ()
    (entry,) = [one for one in over.audit.entries(INCIDENT) if one.act == "data destroyed"]
    assert (entry.actor, entry.detail) == ("lena", {"second": "omar", "people": 3})


def test_how_many_letters_were_handed_over_can_still_be_told(over: Ledger) -> None:
    with over.store.write() as write:
        to_print = "UPDATE delivery SET channel = 'letter', batch = 1 WHERE channel = 'email'"
        write.session.execute(text(to_print))
    destroy(over)
    with over.store.read() as session:
        found = "SELECT count(*) FROM delivery WHERE channel = 'letter' AND batch = 1"
        assert session.execute(text(found)).scalar_one() == 2


def test_another_incident_loses_nothing(over: Ledger) -> None:
    over.incidents.open(an_incident(id="other"), people(), "lena", NOW)
    destroy(over)
    assert over.people.get("other", 1).name == NAME
    assert over.people.number_of("other", "CANARY-1") == 1


def test_one_person_alone_destroys_nothing(over: Ledger) -> None:
    with pytest.raises(NotAllowed, match="two different people"):
        over.destruction.destroy(INCIDENT, LENA, LENA, LATER)
    assert over.people.get(INCIDENT, 1).name == NAME


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_both_must_have_a_role_that_may_approve(over: Ledger, order: slice) -> None:
    first, second = (LENA, Member(name="rosa", role=TeamRole.RESPONDER))[order]
    with pytest.raises(NotAllowed, match="rosa may not destroy personal data"):
        over.destruction.destroy(INCIDENT, first, second, LATER)
    assert over.people.get(INCIDENT, 1).name == NAME


def still_open(ledger: Ledger) -> None:
    approved(ledger, people())


def paused_after_the_end(ledger: Ledger) -> None:
    told(ledger)
    ledger.incidents.pause(INCIDENT, "lena", NOW)


def asked_again(ledger: Ledger) -> None:
    told(ledger)
    ledger.questions.ask(INCIDENT, an_asked("And now?", once="later"), NOW)


def closed_while_it_leaves(ledger: Ledger) -> None:
    approved(ledger, people())
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.WEBSITE], 100, NOW)
    ledger.incidents.close(INCIDENT, "lena", NOW)


@pytest.mark.parametrize(
    ("arrange", "why"),
    [
        (still_open, "it is open, not closed"),
        (paused_after_the_end, "it is paused, not closed"),
        (asked_again, "1 questions have no answer"),
        (closed_while_it_leaves, f"messages are still to leave: {NOTICE}"),
    ],
)
def test_nothing_is_destroyed_that_somebody_still_waits_for(
    ledger: Ledger, arrange: Callable[[Ledger], None], why: str
) -> None:
    arrange(ledger)
    kept = wrapped_key(ledger)
    with pytest.raises(NotAllowed, match=why):
        destroy(ledger)
    assert wrapped_key(ledger) == kept


def test_an_incident_that_is_not_there_is_not_destroyed(ledger: Ledger) -> None:
    with pytest.raises(NotInLedger, match="no incident"):
        destroy(ledger)


def test_nothing_of_it_changes_any_more(over: Ledger) -> None:
    destroy(over)
    for change in (
        lambda: over.incidents.pause(INCIDENT, "lena", LATER),
        lambda: over.incidents.amend(an_incident(title="Other"), "lena", LATER),
        lambda: over.questions.ask(INCIDENT, an_asked("Hello?", once="new"), LATER),
        lambda: over.surveys.answer(INCIDENT, NOTICE, 2, a_survey(), {"understood": "1"}, LATER),
        lambda: over.opt_outs.end(INCIDENT, 1, "by hand", LATER),
        lambda: over.opt_outs.add(INCIDENT, 1, "by hand", LATER),
    ):
        with pytest.raises(DataDestroyed):
            change()


def test_what_comes_back_about_it_is_news_of_nobody(ledger: Ledger) -> None:
    tokens = told(ledger)
    destroy(ledger)
    before = ledger.cases.read(INCIDENT, LATER), ledger.audit.entries(INCIDENT)
    bounces = [MailReport(kind=ReportKind.FAILED, token=token, status="5.1.1", message_id="") for token in tokens]
    receipt = ProviderReceipt(provider_id=TOKEN, status=Status.REJECTED, detail="")
    assert set(ledger.receipts.take([*bounces, receipt], LATER).each) == {Effect.FOREIGN}
    assert (ledger.cases.read(INCIDENT, LATER), ledger.audit.entries(INCIDENT)) == before


def test_a_reply_by_mail_about_it_is_nobody_s(ledger: Ledger) -> None:
    tokens = told(ledger)
    destroy(ledger)
    before = list(columns(ledger))
    for number, (token, words) in enumerate(zip(tokens, ("stop", "What now?"), strict=False)):
        raw = f"From: {EMAIL}\nSubject: Re\nMessage-ID: <{number}@x>\n\n{words}\n".encode()
        report = MailReport(kind=ReportKind.UNKNOWN, token=token)
        assert take_reply(ledger, raw, report, Effect.FOREIGN, LATER) is Effect.FOREIGN
    assert list(columns(ledger)) == before


def test_files_of_evidence_go_too(over: Ledger) -> None:
    over.commitments.add(INCIDENT, [(a_commitment(made_in=""), ())], "lena", NOW)
    files = [NewFile(f"{NAME}.pdf", NAME.encode())]
    over.commitments.keep(INCIDENT, "audit", {"*": "Report 17"}, "lena", NOW, files=files)
    over.commitments.accept(INCIDENT, "audit", "omar", NOW)
    destroy(over)
    (file,) = over.commitment_files.all(INCIDENT, "audit")
    assert (file.name, file.size) == ("", len(files[0].content))
    with pytest.raises(DataDestroyed):
        over.commitment_files.content(INCIDENT, "audit", 1, "omar", LATER)


def test_the_domains_that_refused_us_go_too(over: Ledger) -> None:
    over.stops.stop_domain(INCIDENT, NOTICE, "family.example", "550 5.7.1", NOW)
    over.stops.stop_domain(INCIDENT, NOTICE, "other.example", "550 5.7.1", NOW)
    over.stops.let_domain_go_on(INCIDENT, "other.example", OMAR, NOW)
    destroy(over)
    assert over.stops.domains(INCIDENT) == frozenset()
    assert not over.stops.any_of(INCIDENT)
    case = over.views.timeline(INCIDENT, LATER)
    assert case.stopped_domains == ()
    said = [*(f"{alert.id} {alert.what}" for alert in case.alerts), *(map(str, over.audit.entries(INCIDENT)))]
    assert [line for line in said if "family.example" in line or "other.example" in line] == []
    assert over.audit.verify() == ()


def test_a_text_that_comes_in_later_is_about_another_incident(over: Ledger) -> None:
    assert over.sms_replies.texted_last() == INCIDENT
    destroy(over)
    assert over.sms_replies.texted_last() == ""


def test_a_process_that_knew_the_key_does_not_use_it_any_more(over: Ledger) -> None:
    elsewhere = Ledger(over.store.engine.url.render_as_string(hide_password=False), over.store.keys)
    assert elsewhere.people.get(INCIDENT, 1).name == NAME
    destroy(over)
    with pytest.raises(DataDestroyed):
        elsewhere.people.get(INCIDENT, 1)
    elsewhere.dispose()


class Killed(BaseException):
    """As when the process is gone at this place."""


def die(*_: object) -> None:
    raise Killed


def test_a_process_killed_before_the_commit_has_destroyed_nothing(
    over: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is killed before the end of the destroying transaction has destroyed nothing.

    The incident's key and its people are as before.
    """
    kept = wrapped_key(over)
    monkeypatch.setattr(destroying, "happened", die)
    with pytest.raises(Killed):
        destroy(over)
    assert wrapped_key(over) == kept
    assert over.people.get(INCIDENT, 1).name == NAME


def test_a_second_call_completes_a_destruction_that_was_killed(over: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a process is killed after the destroying transaction, a second call removes the indexes that were left.

    The time of the destruction and the audit chain stay as they were.
    """
    guesses = indexes(over)
    with monkeypatch.context() as patch:
        patch.setattr(Destruction, "_forget_addresses", die)
        with pytest.raises(Killed):
            destroy(over)
    assert over.sms_replies.texted(PHONE) == ()  # its indexes are still there
    tokens_before = over.audit.entries(INCIDENT)
    over.destruction.destroy(INCIDENT, OMAR, LENA, LATER + timedelta(days=1))
    assert not guesses & {bytes(value) for value in columns(over) if isinstance(value, bytes | memoryview)}
    assert (over.cases.read(INCIDENT).destroyed_at, over.audit.entries(INCIDENT)) == (LATER, tokens_before)


def test_a_bounce_between_the_two_steps_stops_no_other_report(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    token, *_ = told(ledger)
    with monkeypatch.context() as patch:
        patch.setattr(Destruction, "_forget_addresses", die)
        with pytest.raises(Killed):
            destroy(ledger)
    bounce = MailReport(kind=ReportKind.FAILED, token=token, status="5.1.1", message_id="")
    assert ledger.receipts.take([bounce], LATER).each == (Effect.UNCHANGED,)


def test_more_people_than_a_page_holds_are_all_forgotten(over: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    guesses = {over.store.keys.index(INCIDENT, "phone", person.phone) for person in people()}
    monkeypatch.setattr(destroying, "PAGE", 1)
    destroy(over)
    assert not guesses & {bytes(value) for value in columns(over) if isinstance(value, bytes | memoryview)}


def in_files(ledger: Ledger) -> bytes:
    """All that stands in the ledger's files and beside them."""
    folder = ledger.store.path.parent if ledger.store.path else None
    assert folder
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_no_file_holds_the_key_or_a_person_any_more(ledger_on_sqlite: Ledger) -> None:
    ledger = ledger_on_sqlite
    told(ledger)
    key, guesses, link = wrapped_key(ledger), indexes(ledger), ledger.people.link_of(INCIDENT, 1)
    before = in_files(ledger)
    assert key in before
    assert all(guess in before for guess in guesses)
    destroy(ledger)
    said = (NAME, EMAIL, PHONE, STREET, "CANARY-1", WORDS, ANSWER, COMMENT, TOKEN, CODE, link)
    after = in_files(ledger)
    assert not [canary for canary in (key, *guesses, *map(str.encode, said)) if canary in after]


def test_as_long_as_somebody_reads_the_old_pages_it_says_so(
    ledger_on_sqlite: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = ledger_on_sqlite
    told(ledger)
    key = wrapped_key(ledger)
    monkeypatch.setattr("amends.ledger.store.database.BUSY_SECONDS", 0.1)
    ledger.dispose()  # so that connections are made that wait for a shorter time
    with ledger.store.read() as session:
        session.execute(text("SELECT * FROM incident")).all()
        with pytest.raises(LedgerUnavailable, match="do the same again"):
            destroy(ledger)
    destroy(ledger)
    assert key not in in_files(ledger)


def test_somebody_who_reads_them_for_a_moment_is_waited_for(ledger_on_sqlite: Ledger) -> None:
    ledger, reads = ledger_on_sqlite, Event()
    told(ledger)
    key = wrapped_key(ledger)

    def read() -> None:
        with ledger.store.read() as session:
            session.execute(text("SELECT * FROM incident")).all()
            reads.set()
            time.sleep(1)

    with ThreadPoolExecutor(1) as elsewhere:
        begun = elsewhere.submit(read)
        reads.wait()
        destroy(ledger)
        begun.result()
    assert key not in in_files(ledger)
