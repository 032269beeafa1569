"""The demo: real flows on a real Prefect server, with real SMTP and HTTP to simulated servers on this machine.

Three service terminals were stolen from a van, with records of 240 customers on them. Seventeen days pass in a minute.
"""

import asyncio
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx2
import uvicorn

from amends.content.feedback.hotline import read_calls, record_calls
from amends.content.file.document import read_document
from amends.content.file.shipped import library
from amends.content.incident.incident import read_incident
from amends.content.people.audience import AudienceFile
from amends.domain.base.text import counted, listed
from amends.domain.base.value import Span, Texts, text_for
from amends.domain.case.case import Case
from amends.domain.case.deadlines import open_duties
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.outgoing import OutgoingState
from amends.domain.closing.criteria import unmet
from amends.domain.deliver.correction import Ask
from amends.domain.draft.writer import Links
from amends.domain.entitlement.remedy import OWED, RemedyOutcome, RemedyState
from amends.domain.incident.commitment import CommitmentKind, PlannedCommitment, commit
from amends.domain.incident.facts import DataCategory
from amends.domain.law.duty import Addressee
from amends.domain.notice.notice import NoticeStage, PersonState
from amends.domain.notice.statement import about
from amends.domain.notice.told import by_statement
from amends.domain.team.approval import Decision
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from amends.sandbox.mail import MailServer
from amends.sandbox.web import WebServices
from amends.settings import Settings, open_ledger, read_settings
from amends.system.files import replace_file
from amends.web.app import create_app
from flows.rehearsal.closing import carry_over, pass_over
from flows.rehearsal.fast_forward import PassedClock, fast_forward
from flows.respond import respond
from flows.run.context import Context, using

STORY = library() / "examples" / "stolen-terminals"
INCIDENT = "stolen-terminals"
START = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
RESOLVED_AFTER = timedelta(days=15)
CORRECTION = "correction"
LEAD = Member(name="mei", role=TeamRole.LEAD)
TEAM = (LEAD, Member(name="omar", role=TeamRole.LEGAL), Member(name="wei", role=TeamRole.SECURITY))
PORTAL_QUESTIONS = {
    2: "Is my address among the stolen records?",
    5: "这是不是骗子发的？我怎么确认？",
    9: "Please send your staff with a code word. That would help me trust them.",
}
SURVEY = "how-we-did"
SURVEY_SCORES = (5, 4, 4, 5, 3)
PHOTOS = (
    "photo-before-visit",
    {
        "en": "Since 25 November you get the name and photo of the person who comes, before each visit.",
        "zh-CN": "自11月25日起，每次上门前您都会收到上门人员的姓名和照片。",
    },
    "names and photos are sent before each visit",
)
ACCOUNTS = (
    "account-recheck",
    {
        "en": "We checked each account. Nobody had changed anything but its owner.",
        "zh-CN": "我们核查了每一个账户，除本人外没有人改动过。",
    },
    "the accounts are checked",
)
"""A commitment: its id, the evidence that it is kept, and what was done."""
WITHOUT_ACCOUNT = 7
"""The person whose account cannot be checked, because it is closed."""
FOUND_LATE, WITH_PHOTOS = 4, 9
"""The people of the list who are found only on the fourth day, and those whose photos turn out to be among the data."""
HOTLINE = {
    "en": "We will keep a line open at night for everyone affected by this, with people who know the case.",
    "zh-CN": "我们将为每位受影响的人开通夜间专线，由了解情况的人员接听。",
}
"""A commitment that is decided in the second week."""


class DemoStory:
    """The acts of the team and of the customers while the weeks of the demo pass."""

    def __init__(self, ledger: Ledger, clock: PassedClock, visitor: "Visitor") -> None:
        self._ledger, self._clock, self._visitor = ledger, clock, visitor
        self._done: set[str] = set()

    async def between(self, case: Case) -> bool:
        """Do what people would do by now, and return True when anybody did something."""
        approved = await asyncio.to_thread(self._approve, case)
        if approved:
            case = await asyncio.to_thread(self._ledger.cases.read, INCIDENT)
        handed_over = await asyncio.to_thread(self._hand_over, case)
        done = len(self._done)
        for name, after, act in (
            ("filed", timedelta(hours=20), self._file),
            ("hotline", timedelta(hours=30), self._hotline),
            ("portal", timedelta(hours=30), self._ask),
            ("answers", timedelta(hours=40), self._answer),
            ("list", timedelta(days=4), self._correct_the_list),
            ("survey", timedelta(days=5, hours=1), self._survey),
            ("photos", timedelta(days=6), partial(self._keep, *PHOTOS)),
            ("hotline promised", timedelta(days=7), self._promise),
            ("accounts", timedelta(days=8), self._recheck),
            ("late", timedelta(days=10), self._put_off),
            ("resolved", RESOLVED_AFTER, self._resolve),
        ):
            if name not in self._done and self._clock.now >= START + after:
                self._done.add(name)
                await asyncio.to_thread(act)
        return approved or handed_over or len(self._done) > done

    def _approve(self, case: Case) -> bool:
        """Approve what is drafted, and return True when anything was."""
        drafted = [one for one in case.notices if one.stage is NoticeStage.DRAFTED and one.current]
        for notice in drafted:
            approvers = TEAM[1 : notice.approvals_needed + 1]
            names = listed(approver.name for approver in approvers)
            say(self._clock.now, f"{notice.id} is drafted, looked at and approved by {names}")
            for member in approvers:
                self._ledger.approvals.decide(
                    INCIDENT, notice.id, member, Decision.APPROVE, notice.binding, "", self._clock.now
                )
        return bool(drafted)

    def _hand_over(self, case: Case) -> bool:
        """Record that letters are handed over; a person would write their files and take them to a print shop."""
        waiting = [one for one in case.notices if one.letters_to_hand_over]
        for notice in waiting:
            self._ledger.letters.take(INCIDENT, notice.id, TEAM[1], self._clock.now)
            say(self._clock.now, f"omar hands {counted(notice.letters, 'letter')} of {notice.id} to the print shop")
        return bool(waiting)

    def _file(self) -> None:
        """Record a filing with its receipt for each duty to an authority, as a person would after filing by hand."""
        owed = [
            duty for duty in open_duties(self._ledger.cases.read(INCIDENT)) if duty.addressee is not Addressee.PEOPLE
        ]
        due = [duty for duty in owed if not duty.waits]
        for number, duty in enumerate(due, start=1):
            at = self._clock.now
            self._ledger.filings.record(INCIDENT, duty.id, at, LEAD.name, f"RECEIPT-{number:03}", "", at)
        say(self._clock.now, f"mei files what {len(due)} duties ask for, and records the receipts")

    def _hotline(self) -> None:
        playbook = self._ledger.cases.outline(INCIDENT).playbook
        if playbook:
            calls = read_calls(STORY / "hotline.csv", datetime.max.replace(tzinfo=UTC))
            taken = record_calls(self._ledger, INCIDENT, playbook, calls, self._clock.now)
            say(self._clock.now, f"the hotline hands in {taken.new} notes")

    def _ask(self) -> None:
        for person, text in PORTAL_QUESTIONS.items():
            self._visitor.send(person, "ask", {"kind": "question", "text": text})
        say(self._clock.now, f"{len(PORTAL_QUESTIONS)} people ask on their personal page")

    def _answer(self) -> None:
        answers = read_document(STORY / "answers.yaml").content
        waiting = self._ledger.questions.all(INCIDENT, open_only=True)
        for question in waiting:
            text = text_for(answers[question.topic], question.locale) or answers[question.topic]["en"]
            self._ledger.questions.answer(INCIDENT, question.id, text, "omar", self._clock.now)
        say(self._clock.now, f"all {len(waiting)} questions are answered in time")

    def _correct_the_list(self) -> None:
        """Hand in the whole list: some are found late, and some have more data in it than they were told."""
        people = list(AudienceFile(STORY / "audience.csv").rows())
        without = [person for person in people[:-FOUND_LATE] if person.data and DataCategory.PHOTO not in person.data]
        more = {one.ref: one._replace(data=(*one.data, DataCategory.PHOTO)) for one in without[:WITH_PHOTOS]}
        found = self._ledger.corrections.compare(INCIDENT, [more.get(person.ref, person) for person in people])
        said = {ask: found.difference.counts[ask.value] for ask in Ask}
        self._ledger.corrections.apply(found, said, "", LEAD.name, self._clock.now)
        what = f"{FOUND_LATE} people are found late, and photos of {len(more)} others were among the data too"
        say(self._clock.now, f"mei hands in a corrected list: {what}")

    def _promise(self) -> None:
        line = PlannedCommitment(
            id="night-line", kind=CommitmentKind.OTHER, owner="Customer care", due=Span.parse("14d"), promise=HOTLINE
        )
        self._ledger.commitments.add(INCIDENT, [(commit(line, self._clock.now, ""), ())], LEAD.name, self._clock.now)
        say(self._clock.now, "a night line is promised from now on: the next update says so")

    def _survey(self) -> None:
        """Let people answer on their pages the survey to which a notice has invited them."""
        case = self._ledger.cases.read(INCIDENT)
        survey = case.playbook.survey(SURVEY) if case.playbook else None
        for person in range(10, 22) if survey else ():
            scores = {
                f"answer-{question.id}": str(SURVEY_SCORES[(person + n) % 5])
                for n, question in enumerate(survey.scales if survey else ())
            }
            self._visitor.send(person, "survey", {"survey": "survey-invitation", **scores})
        say(self._clock.now, "12 people answer the survey")

    def _recheck(self) -> None:
        """Record the result for each person, of whom one has no account any more, and keep the promise."""
        name, now, remedies = ACCOUNTS[0], self._clock.now, self._ledger.remedies
        remedies.enrol(INCIDENT, now)
        people = [remedy.person for remedy in remedies.all(INCIDENT, name, states=OWED)]
        closed = RemedyOutcome(RemedyState.NOT_POSSIBLE, "account-closed")
        clean = RemedyOutcome(RemedyState.DONE, "clean")
        results = {person: closed if person == WITHOUT_ACCOUNT else clean for person in people}
        done = remedies.settle(INCIDENT, name, results, LEAD.name, now)
        say(now, f"the result of {done.changed} account checks is stored: each person hears their own")
        self._keep(*ACCOUNTS)

    def _keep(self, commitment: str, evidence: Texts, done: str) -> None:
        self._ledger.commitments.keep(INCIDENT, commitment, evidence, "mei", self._clock.now)
        self._ledger.commitments.accept(INCIDENT, commitment, "wei", self._clock.now)
        say(self._clock.now, f"{done}: this promise is kept, and wei has looked at the evidence of mei")

    def _put_off(self) -> None:
        reason = {
            "en": "The telephone company needs more time for numbers outside China.",
            "zh-CN": "电信运营商还需要时间为境外号码开通服务。",
        }
        self._ledger.commitments.put_off(
            INCIDENT, "number-protection", START + timedelta(days=24), reason, "mei", self._clock.now
        )
        say(self._clock.now, "the number protection will be late: people are told before its date, and why")

    def _resolve(self) -> None:
        now = self._clock.now
        for one in unmet(self._ledger.views.closing(INCIDENT, now), now):
            say(now, f"closing is refused: {one.what}")
        for commitment in carry_over(self._ledger, INCIDENT, LEAD.name, now):
            say(now, f"mei carries the promise {commitment} over: it has its owner and its date")
        if passed := pass_over(
            self._ledger, INCIDENT, (TEAM[0], TEAM[1]), "nobody is known to whom we may write for these four", now
        ):
            say(now, f"mei and omar pass over {listed(passed)} together, and say why")
        self._ledger.incidents.resolve(INCIDENT, "mei", self._clock.now)
        say(self._clock.now, "nothing new is left to tell: the closing notice is next")


def say(now: datetime, what: str) -> None:
    """Print one line of the story with its time."""
    print(f"  {now:%d %b %H:%M}  {what}", flush=True)  # noqa: T201 - this is what the demo is for


class Visitor:
    """A customer's browser, as far as the forms of the personal page need one."""

    def __init__(self, url: str, ledger: Ledger, clock: PassedClock) -> None:
        self._http = httpx2.Client(base_url=url, trust_env=False)
        self._ledger, self._clock = ledger, clock

    def send(self, person: int, form: str, fields: dict[str, str]) -> None:
        """Open the page, take a minute, send the form. Raises HTTPStatusError or RuntimeError on a refusal."""
        page = f"/p/{self._ledger.people.link_of(INCIDENT, person)}"
        shown = self._http.get(page).raise_for_status().text
        token = re.search(rf'action="[^"]*/{form}[^"]*".*?name="form" value="([^"]+)"', shown, re.DOTALL)
        self._clock.now += timedelta(minutes=1)
        answer = self._http.post(f"{page}/{form}", data={**fields, "form": token[1] if token else ""})
        if answer.status_code != httpx2.codes.SEE_OTHER:
            answer.raise_for_status()
            raise RuntimeError(f"the portal did not take the {form} form: {answer.status_code}")


@contextmanager
def portal(settings: Settings, ledger: Ledger, clock: PassedClock) -> Iterator[str]:
    """Run the real portal on a free port with the story's clock, and yield its address."""
    server = uvicorn.Server(uvicorn.Config(create_app(settings, ledger, clock), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def world_channels(mail: MailServer, web: WebServices, settings: Settings) -> dict[ChannelKind, dict[str, str]]:
    """Return the settings of the demo's channels: real protocols, spoken to servers on this machine."""
    channels = {
        "email": {
            "use": "email_smtp",
            "host": "127.0.0.1",
            "port": str(mail.port),
            "security": "none",
            "sender": "care@btepai.example",
            "bounce_domain": "bounces.btepai.example",
        },
        "sms": {
            "use": "sms_http",
            "shape": "json",
            "url": f"{web.url}/sms",
            "to_field": "to",
            "text_field": "text",
            "id_field": "id",
            "token": "demo",
        },
        "social": {"use": "social_mastodon", "url": web.url, "token": "demo"},
        "website": {"use": "website_static", "folder": str(settings.site), "base_url": f"{settings.public_url}/n"},
    }
    return {ChannelKind(name): own for name, own in channels.items()}


async def play_story(settings: Settings, ledger: Ledger, mail: MailServer, web: WebServices) -> None:
    """Play the whole story, from the stolen terminals to the closing notice."""
    clock = PassedClock(START)
    audience = AudienceFile(STORY / "audience.csv")
    known = list(audience.rows())[:-FOUND_LATE]
    people = ledger.incidents.open(read_incident(STORY / "incident.yaml"), known, LEAD.name, clock.now)
    for member in TEAM:
        token = ledger.team.add(member.name, member.role, LEAD.name, clock.now)
        replace_file(settings.home / f"token-{member.name}", token.encode())
    countries = len(ledger.cases.outline(INCIDENT).audience.by_country)
    say(clock.now, f"mei opens the incident: {people} people in {countries} countries")
    context = Context(ledger, Links(settings.public_url), world_channels(mail, web, settings), clock)
    with using(context), portal(settings, ledger, clock) as url:
        await respond(INCIDENT, "customer-data-theft")
        story = DemoStory(ledger, clock, Visitor(url, ledger, clock))
        end = START + RESOLVED_AFTER + timedelta(days=2)
        await fast_forward(context, clock, INCIDENT, end, story.between, in_prefect=True)
    say(clock.now, f"the case is {ledger.cases.outline(INCIDENT).state}; its open promises are still looked after")


def mistakes(ledger: Ledger, mail: MailServer, web: WebServices) -> list[str]:
    """Print the numbers, and return where the ledger differs from what the world received; empty when all add up."""
    found = []
    case = ledger.cases.read(INCIDENT)
    said: Counter[str] = Counter()
    print(f"\n  {'notice':<34}{'sent':>6}{'to print':>10}{'held':>6}{'unreachable':>13}{'people':>8}")  # noqa: T201
    for notice in case.notices:
        total = sum(notice.people.values())
        sent, waiting, held, unreachable = (
            notice.people.get(PersonState(state), 0) for state in ("sent", "waiting", "held", "unreachable")
        )
        print(f"  {notice.id:<34}{sent:>6}{waiting:>10}{held:>6}{unreachable:>13}{total:>8}")  # noqa: T201
        said.update(line.channel for line in ledger.statistics.lines(INCIDENT, notice.id) if line.state == "sent")
        if total != notice.meant_for:
            found.append(f"{notice.id}: {total} states for {notice.meant_for} people")
    answers = Counter(reply.channel for reply in ledger.replies.all(INCIDENT) if reply.state is OutgoingState.SENT)
    said.update(answers)
    print(f"  answers to questions: {listed(f'{count} by {way}' for way, count in answers.items())}")  # noqa: T201
    received = {
        "email": len(mail.arrived),
        "sms": sum(taken.service == "sms" for taken in web.taken),
        "social": sum(taken.service == "mastodon" for taken in web.taken),
    }
    for kind, count in received.items():
        print(f"  {kind}: {said[kind]} sent says the ledger, {count} received says the world")  # noqa: T201
        if said[kind] != count:
            found.append(f"{kind}: the ledger says {said[kind]}, the world received {count}")
    return [*found, *ledger.audit.verify()]


def who_was_told(ledger: Ledger) -> Iterator[str]:
    """Yield in words who got a correction, who was found late, and who was told of the promise that came later."""
    case = ledger.cases.read(INCIDENT)
    sizes = {notice.id: sum(notice.people.values()) for notice in case.notices}
    for notice in case.notices:
        if notice.template == CORRECTION:
            yield f"{notice.id} went to {sizes[notice.id]} of {case.audience.people}: to those told otherwise alone"
    yield f"{FOUND_LATE} people found late read the first notice with what had happened since, and no correction"
    for told in by_statement(ledger.told.sayings(INCIDENT)):
        if told.statement.key == about("night-line"):
            people, _ = ledger.told.people(INCIDENT, [one.saying for one in told.personal])
            yield f"the night line, promised later, was told to {people} people in {', '.join(told.notices)}"


def main(home: Path) -> int:
    """Play the story in this home, and return 0 when every number adds up, else 1."""
    settings = read_settings(home)
    ledger = open_ledger(settings)
    world = settings.home / "world"
    with MailServer(world / "mail") as mail, WebServices(world / "web") as web:
        asyncio.run(play_story(settings, ledger, mail, web))
        wrong = mistakes(ledger, mail, web)
    for line in who_was_told(ledger):
        print(f"  {line}")  # noqa: T201
    ledger.dispose()
    for line in wrong:
        print(f"  WRONG: {line}", file=sys.stderr)  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
