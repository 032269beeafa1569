"""A case in which one person has left traces everywhere, and a scan for what is left of that person."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from amends.domain.base.home_file import NewHomeFile
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.feedback.question import Sender
from amends.domain.people.person import Person
from amends.domain.people.preference import Preference
from amends.domain.people.report import NewReport, PageReportKind
from amends.domain.receipt.incoming import MailOutcome
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from amends.ledger.deliver.claims import Claim
from amends.ledger.receipt.inbox import TakenMail
from amends.ledger.store.schema import all_tables
from tests.builders import NOW, a_person, a_playbook, a_wording, an_asked
from tests.delivery.sending import INCIDENT, NOTICE, approved
from tests.remembered import remembered

LENA, OMAR = Member(name="lena", role=TeamRole.LEAD), Member(name="omar", role=TeamRole.LEGAL)
LATER = NOW + timedelta(days=500)
ZOE = a_person(
    number=1,
    ref="CANARY-1",
    name="Zoë Canary",
    email="zoe@canary.example",
    phone="+4930555999",
    postal_address="Canary Road 7",
)
KIM = a_person(number=2, ref="OTHER-2", name="Kim Other", email="kim@other.example", phone="+4930555998")
SAID = {
    "question": "Is my canary safe?",
    "answer": "Your canary is safe with us.",
    "objection": "But my bird is sad.",
    "report": "I have moved to Nest Lane.",
    "email": "nest@canary.example",
    "words": "Thank you for the new nest.",
    "dossier": "<p>All about the canary</p>",
    "mailed": "My bird writes by mail.",
    "sender": "bird@canary.example",
}
PROVIDER, REPLY = "SMcanary1", "250 taken for zoe@canary.example"


def people() -> list[Person]:
    return [ZOE, KIM, a_person(number=3, ref="OTHER-3", email="ann@other.example", phone="")]


def send(ledger: Ledger) -> None:
    """All that waits leaves; the provider's answers hold the address."""
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    for kind in ChannelKind:
        while claims := ledger.deliveries.claim(INCIDENT, NOTICE, [kind], 100, NOW):
            ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
            answers = [(claim, _receipt(claim)) for claim in claims]
            ledger.deliveries.record((), answers, INCIDENT, NOTICE, NOW)
            ledger.deliveries.end_leases(sorted({claim.lease for claim in claims}), {}, INCIDENT, NOTICE, NOW)
    ledger.deliveries.finish(INCIDENT, NOTICE, NOW)


def _receipt(claim: Claim) -> Receipt:
    number = claim.about.number if claim.about else 0
    return Receipt(claim.key, Status.SENT, REPLY if number == 1 else "250", f"SMcanary{number}")


@remembered
def with_traces(ledger: Ledger, listed: list[Person] | None = None, **retention: Any) -> None:
    """Everybody was told; person 1 did on the page, by mail and by SMS whatever a person can do."""
    approved(ledger, listed or people(), cascade=(), next_news_at=None)
    send(ledger)
    if retention:
        playbook = a_playbook(approval_expires_after="5000w", retention=retention)
        ledger.playbooks.pin(INCIDENT, playbook, a_wording(), "lena", NOW)
    leave_traces(ledger)


def leave_traces(ledger: Ledger, person: int = 1) -> None:
    asked = ledger.questions.ask(INCIDENT, an_asked(SAID["question"], person=person, once=f"{person} a"), NOW)
    ledger.questions.answer(INCIDENT, asked, SAID["answer"], "omar", NOW)
    ledger.answers.reopen(INCIDENT, asked, NOW, SAID["objection"])
    again = ledger.questions.answer(INCIDENT, asked, SAID["answer"], "omar", NOW)
    assert again is None or again
    sender = Sender(address=SAID["sender"])
    mailed = an_asked(SAID["mailed"], person=person, once=f"{person} b", sender=sender)
    question = ledger.questions.ask(INCIDENT, mailed, NOW)
    file = NewHomeFile(f"file-{person}", "image/png", 3)
    taken = TakenMail(f"mail-{person}", MailOutcome.QUESTION, INCIDENT, question, NOTICE, files=(file,))
    ledger.inbox.record([taken], NOW)
    ledger.questions.answer(INCIDENT, question, SAID["answer"], "omar", NOW)
    moved = NewReport(person, PageReportKind.OUTDATED_ADDRESS, "en", f"{person} c", SAID["report"], SAID["email"])
    ledger.reports.accept(INCIDENT, ledger.reports.add(INCIDENT, moved, NOW), SAID["words"], "omar", NOW)
    request = ledger.requests.add(INCIDENT, person, "en", f"{person} d", NOW)
    ledger.requests.approve(INCIDENT, request, SAID["dossier"], LENA, NOW)
    ledger.choices.prefer(INCIDENT, person, Preference(locale="zh-CN"), NOW)
    ledger.choices.tick(INCIDENT, person, "beware", NOW, done=True)
    ledger.choices.renew_link(INCIDENT, person, "lena", NOW)


@remembered
def closed(ledger: Ledger, **retention: Any) -> None:
    """The same, and the case is closed at NOW."""
    with_traces(ledger, **retention)
    ledger.incidents.close(INCIDENT, "lena", NOW)


def canaries(ledger: Ledger, person: Person = ZOE) -> list[bytes]:
    """All by which the person may be known: words, addresses, keyed indexes, the link."""
    known = [("ref", person.ref), ("email", person.email), ("phone", person.phone), ("email", SAID["email"])]
    indexes = [ledger.store.keys.index(INCIDENT, kind, value) for kind, value in known if value]
    words = [person.ref, person.name, person.email, person.phone, person.postal_address, *SAID.values()]
    link = ledger.people.link_of(INCIDENT, person.number)
    return [*indexes, *(word.encode() for word in (*words, link, PROVIDER, REPLY) if word)]


def found_in_rows(
    ledger: Ledger, wanted: list[bytes], *, incident: str = INCIDENT, but: tuple[str, ...] = ("erased_person",)
) -> list[str]:
    """Every value of every row of every table that holds one of these, opened where it is sealed."""
    seal, found = None, []
    with ledger.store.read() as session:
        seal = ledger.store.seal(session, incident)
        for name in all_tables().tables:
            for row in session.execute(text(f'SELECT * FROM "{name}"')) if name not in but else ():
                found += [f"{name}: {one!r}" for one in wanted for value in row if one in _bytes(value)]
    assert seal
    return found


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    return str(value).encode()


def in_files(ledger: Ledger) -> bytes:
    """All that stands in the ledger's files and beside them."""
    folder = ledger.store.path.parent if ledger.store.path else None
    assert folder
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def opened_words(ledger: Ledger) -> str:
    """All that a member who may read everything reads of the case."""
    numbers = range(1, 10)
    people_now = ledger.people.get_many(INCIDENT, numbers)
    said = [str(tuple(person)) for person in people_now.values()]
    said += [question.model_dump_json() for question in ledger.questions.all(INCIDENT)]
    said += [answer.model_dump_json() for answer in ledger.answers.all(INCIDENT)]
    said += [report.model_dump_json() for report in ledger.reports.all(INCIDENT)]
    said += [request.model_dump_json() for request in ledger.requests.all(INCIDENT)]
    said += [ledger.requests.offered(INCIDENT, number, NOW) for number in numbers]
    return "\n".join(said)
