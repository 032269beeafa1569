"""A team that tells people what is known, and what must be so by the log of the relay."""

import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import chain, repeat
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from amends.delivery.compose import Composer
from amends.delivery.dossier import with_words
from amends.domain.case.case import Case
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Message, Receipt, Status
from amends.domain.deliver.preflight import Preflight
from amends.domain.draft.draft import notices_wanted
from amends.domain.incident.commitment import Commitment
from amends.domain.notice.notice import DeliveryState, Draft, NoticeStage, NoticeStatus
from amends.domain.notice.statement import contradicts
from amends.domain.people.person import Person
from amends.domain.plan.plan import PlannedOccurrence, plan
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.domain.team.approval import Decision
from amends.ledger import Claim, Ledger
from amends.ledger.store.leases import LEASE
from flows.run import drafting, occurrence
from flows.run.context import Context
from tests.builders import NOW
from tests.delivery.sending import APPROVERS, INCIDENT, LINKS, a_ledger, sqlite_url
from tests.flows.told.incident import NO_DATA, Facts, person, playbook, wording
from tests.flows.told.relay import Mail, Relay, last_statements

EMAIL = ChannelKind.EMAIL
LEAD = "lena"
FIRST = (1, 2, 3, 4)
"""The numbers of the people in the first list."""
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
SOME = st.integers(0, 20)
VERDICTS = st.lists(st.sampled_from(["taken", "taken", "lost", "lost before", "dies", "refused"]), max_size=4)
"""What happens to messages, one after another; those that follow are taken."""
STATUS = {"taken": Status.SENT, "refused": Status.REJECTED}
"""The answers of the relay; every other fate of a message leaves Amends without one."""
AT_ONCE, MOST_ROUNDS = 50, 20


def made(folder: Path) -> Path:
    """The folder of a ledger in which the incident was opened, to be copied: that is quicker than to open one."""
    made = folder / "opened"
    if not made.exists():
        made.mkdir()
        ledger = a_ledger(sqlite_url(made), made).migrate()
        ledger.incidents.open(Facts().file(), [person(one, one, one) for one in FIRST], LEAD, NOW)
        ledger.playbooks.pin(INCIDENT, playbook(), wording(), LEAD, NOW)
        for member in APPROVERS:
            ledger.team.add(member.name, member.role, LEAD, NOW)
        ledger.dispose()
    return made


def drafted(case: Case) -> list[NoticeStatus]:
    """The notices that wait for approval."""
    return [notice for notice in case.notices if notice.stage is NoticeStage.DRAFTED and notice.current]


def stands(commitment: Commitment) -> str:
    """How a message says that the promise stands."""
    return "late" if commitment.state == "open" and commitment.new_due_at else commitment.state.value


def data_in(mails: Sequence[Mail]) -> str:
    """The data of their own that these messages named last to somebody."""
    return next((said for mail in reversed(mails) for said in mail.items("data")), "")


class Team(RuleBasedStateMachine):
    """The ledger of one incident, what its team knows, and the relay to which its messages go."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self.place = place

    @initialize()
    def the_incident_is_opened(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=self.place))
        shutil.copytree(made(self.place), self.folder, dirs_exist_ok=True)
        self.ledger: Ledger = a_ledger(sqlite_url(self.folder), self.folder)
        self.now = NOW
        self.context = Context(self.ledger, LINKS, {}, lambda: self.now, mirrored=False)
        self.facts, self.relay = Facts(), Relay()
        self.listed: dict[int, Person] = {one: person(one, one, one) for one in FIRST}
        self.bad: set[str] = set()
        """The mailboxes that take no message, so that Amends sends none there again."""
        self.numbers: dict[int, int] = {}
        """The number in the ledger of everybody who was ever listed."""
        self.promises = 0
        self.number_people()

    def number_people(self) -> None:
        for one, known in self.listed.items():
            if one not in self.numbers:
                self.numbers[one] = self.ledger.people.number_of(INCIDENT, known.ref) or 0

    # Telling.

    @rule(days=st.sampled_from([0, 1, 3]))
    def what_is_due_is_drafted(self, days: int) -> None:
        self.now += days * DAY
        self.carry_out(self.case, approve=False)

    @rule(most=st.sampled_from([1, 2, AT_ONCE, AT_ONCE]), verdicts=VERDICTS)
    def what_is_due_is_told(self, most: int, verdicts: list[str]) -> None:
        self.carry_out(self.case, most, verdicts)

    @rule(days=st.sampled_from([0, 1, 3]), verdicts=VERDICTS)
    def all_are_told_all_that_is_due(self, days: int, verdicts: list[str]) -> None:
        self.now += days * DAY
        case = self.carry_out(self.case, AT_ONCE, verdicts)
        for _ in range(MOST_ROUNDS):
            if plan(case, self.now).due or drafted(case):
                case = self.carry_out(case)
            elif case.untold:
                self.now += DAY  # the next day somebody looks after the promises again
            else:
                return self.everybody_knows_what_is_known()
        raise AssertionError(f"it does not come to its end: {plan(case, self.now).due}")

    @precondition(lambda self: self.relay.there)
    @rule(which=SOME)
    def a_message_comes_back(self, which: int) -> None:
        mail = self.relay.there[which % len(self.relay.there)]
        self.now += MINUTE
        self.ledger.receipts.take([MailReport(ReportKind.FAILED, mail.bounce, status="5.2.2")], self.now)
        mail.back_at, mail.answered = self.now, True
        self.bad.add(mail.to)

    @property
    def case(self) -> Case:
        return self.ledger.cases.read(INCIDENT, self.now)

    def carry_out(self, case: Case, most: int = AT_ONCE, verdicts: Sequence[str] = (), *, approve: bool = True) -> Case:
        """Carry out what is due by this case, as flows do in `draft_and_send`, with this relay as the sending engine.

        At most so many messages of each notice leave. Returns the case as it is afterwards.
        """
        self.now += MINUTE
        due, fates = plan(case, self.now).due, chain(verdicts, repeat("taken"))
        for one in due:
            self.draft(case, one)
        if not approve:
            return self.case
        self.approve(drafted(self.case))
        self.now += MINUTE
        case = self.case
        due = tuple({(one.step, one.number): one for one in (*due, *plan(case, self.now).due)}.values())
        for notice in (notice for one in due for notice in occurrence._to_send(self.context, case, one)):
            self.send(notice.id, most, fates)
        case = self.case
        for one in due:
            occurrence.conclude(self.context, case, one, [], complete=True)
        return self.case

    def draft(self, case: Case, planned: PlannedOccurrence) -> None:
        step = occurrence.step_of(case, planned)
        occurrence._begin(self.context, planned, INCIDENT)
        for wanted in notices_wanted(case, step, planned.number):
            known = case.notice(wanted.id)
            ends = known and drafting.end_without_recipients
            if drafting.to_be_drafted(case, wanted) and not (ends and ends(self.context, case, step, wanted, known)):
                view = self.ledger.views.to_draft(case)
                drafted = drafting.compose(self.context, view, step, planned, wanted)
                drafting.lint_and_keep(self.context, view, drafted)

    def approve(self, notices: Sequence[NoticeStatus]) -> None:
        self.now += MINUTE
        for notice in notices:
            draft = self.ledger.notices.latest_draft(INCIDENT, notice.id)
            self.ledger.notices.keep_preflight(draft, Preflight(messages=1), self.now)
            self.ledger.approvals.decide(
                INCIDENT, notice.id, APPROVERS[0], Decision.APPROVE, draft.binding, "", self.now
            )

    def send(self, notice: str, most: int, fates: Iterator[str]) -> None:
        """Send so many messages, or all of them, and recover those of workers that died."""
        draft = self.ledger.notices.release(INCIDENT, notice, self.now)
        file, wording = self.ledger.cases.incident_file(INCIDENT), self.ledger.playbooks.wording(INCIDENT)
        composer, deliveries = Composer(file, draft, wording, LINKS), self.ledger.deliveries
        while claims := deliveries.claim(INCIDENT, notice, [EMAIL], most, self.now):
            answers = [one for claim in claims if (one := self.hand_over(claim, draft, composer, next(fates)))]
            deliveries.record((), answers, INCIDENT, notice, self.now)
            deliveries.end_leases([claims[0].lease], {}, INCIDENT, notice, self.now)
            if len(answers) < len(claims):
                self.now += 2 * LEASE
                deliveries.recover(INCIDENT, notice, self.now)
            if most < AT_ONCE:
                break
        deliveries.finish(INCIDENT, notice, self.now)

    def hand_over(self, claim: Claim, draft: Draft, composer: Composer, fate: str) -> tuple[Claim, Receipt] | None:
        """Hand the message to the relay, and return what it answers; None when the worker or the answer is lost."""
        if fate == "dies":
            return None
        assert self.ledger.deliveries.record([claim], (), INCIDENT, draft.notice, self.now) == {claim.id}
        assert claim.about
        gone = claim.about.number not in {self.numbers[one] for one in self.listed}
        assert gone == (draft.template == "not-affected"), f"{draft.notice} goes to {claim.about.number}"
        mail = self.mail(claim, draft, composer.message(claim), fate)
        mailboxes = {one.email for one in self.listed.values()}
        assert not gone or mail.to not in mailboxes, f"{mail} comes to somebody of the list"
        self.relay.take(mail)
        return (claim, Receipt(claim.key, STATUS[fate])) if fate in STATUS else None

    def mail(self, claim: Claim, draft: Draft, message: Message, fate: str) -> Mail:
        return Mail(
            person=claim.about.number if claim.about else 0,
            to=message.to,
            bounce=claim.bounce,
            notice=draft.notice,
            template=draft.template,
            version=claim.released.version,
            dated=draft.dated,
            words=message.text,
            certainty=dict(self.facts.certainty),
            left=fate in ("taken", "lost"),
            answered=fate in STATUS,
            back_at=NOW if fate == "refused" else None,
        )

    # What must be so when all that is due was told.

    def everybody_knows_what_is_known(self) -> None:
        for one, listed in self.listed.items():
            if listed.email in self.bad:
                continue
            wrong = {kind: set(self.wrong(listed, mails)) for kind, mails in self.mails(one).items()}
            assert not (wrong["read"] and wrong["sent"]), f"{one} reads {wrong['read']}, and nobody tells them"
        mailboxes = self.bad | {one.email for one in self.listed.values()}
        for one in self.numbers.keys() - self.listed.keys():
            last = {data_in(mails) for mails in self.mails(one).values()}
            alone = self.ledger.people.get(INCIDENT, self.numbers[one]).email not in mailboxes
            assert not alone or {"", NO_DATA} & last, f"{one} is gone, and reads {last}"

    def mails(self, one: int) -> dict[str, list[Mail]]:
        """All messages to somebody, and those of them that did not come back: nobody can do more than send them."""
        sent = self.relay.of(self.numbers[one])
        return {"sent": sent, "read": [mail for mail in sent if mail.back_at is None]}

    def wrong(self, listed: Person, mails: list[Mail]) -> Iterator[str]:
        """What these messages said last, and is wrong by now."""
        known = self.facts.known(listed.data)
        yield from (f"{said.key} {said.value}" for said in last_statements(mails) if contradicts(said, known[said.key]))
        told = {name: said for mail in mails for name, said in mail.promises.items()}
        stand = {name: stands(self.ledger.commitments.get(INCIDENT, name)) for name in told}
        yield from (f"{name} {said}" for name, said in told.items() if not said.startswith(stand[name]))

    def dossiers_hold_what_left(self) -> None:
        """What may have left without an answer is marked as uncertain; what the relay refused has no words."""
        for number in self.numbers.values():
            dossier = with_words(self.ledger.dossiers.read(INCIDENT, number, self.now), LINKS)
            held = Counter(
                (message.notice, message.version, message.text, message.state is DeliveryState.UNCERTAIN)
                for message in dossier.messages
                if message.text
            )
            log = (one for one in self.relay.of(number) if one.back_at != NOW)
            assert held == Counter((one.notice, one.version, one.words, not one.answered) for one in log)

    def teardown(self) -> None:
        if not hasattr(self, "ledger"):
            return
        try:
            if sys.exc_info()[0] is None:
                self.now += 3 * DAY
                self.all_are_told_all_that_is_due(0, [])
                self.dossiers_hold_what_left()
        finally:
            self.ledger.dispose()
            shutil.rmtree(self.folder)
