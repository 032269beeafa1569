"""An incident of which more and other things become known, and a team that tells people, held against the relay's log."""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain, repeat
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from amends.delivery.compose import Composer
from amends.delivery.dossier import with_words
from amends.domain.case.case import Case, OccurrenceState
from amends.domain.channel.channel import ChannelKind, Receipt, Status
from amends.domain.deliver.correction import Ask
from amends.domain.deliver.preflight import Preflight
from amends.domain.draft.draft import notices_wanted
from amends.domain.incident.commitment import Commitment, CommitmentState
from amends.domain.notice.notice import DeliveryState, NoticeStage, NoticeStatus
from amends.domain.notice.statement import contradicts
from amends.domain.people.person import Person
from amends.domain.plan.plan import PlannedOccurrence, plan
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.domain.team.approval import Decision
from amends.ledger import Claim, Ledger
from amends.ledger.store.leases import LEASE
from flows.run import occurrence
from flows.run.context import Context
from tests.builders import NOW, a_commitment
from tests.delivery.sending import APPROVERS, INCIDENT, LINKS, a_ledger, sqlite_url
from tests.flows.told.incident import CAUSES, DAYS, ELEMENTS, NO_DATA, PEOPLE, RULED_OUT, SURE, SUSPECTED, Facts, person
from tests.flows.told.incident import playbook, wording
from tests.flows.told.relay import Mail, Relay, last_statements

EMAIL = ChannelKind.EMAIL
OMAR, LEAD = APPROVERS[0].name, "lena"
FIRST = (1, 2, 3, 4)
"""The numbers of the people in the first list."""
MOST = 8
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
UNTIL = NOW + 1000 * DAY
"""The day for which promises are made, which no run of the machine reaches."""
SOME = st.integers(0, 20)
VERDICTS = st.lists(st.sampled_from(["taken", "taken", "lost", "lost before", "dies", "refused"]), max_size=4)
"""What happens to messages, one after another; those that follow are taken."""
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
    return [one for one in case.notices if one.stage is NoticeStage.DRAFTED and one.current]


def stands(commitment: Commitment) -> str:
    """How a message says that the promise stands."""
    return "late" if commitment.state == "open" and commitment.new_due_at else commitment.state.value


def data_in(mails: Sequence[Mail]) -> str:
    """The data of their own that these messages named last to somebody."""
    return next((said for mail in reversed(mails) for said in mail.items("data")), "")


class World(RuleBasedStateMachine):
    """One incident, its list of people, its team, and the relay."""

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
        self.numbers: dict[int, int] = {}
        """The number in the ledger of everybody who was ever listed."""
        self.promises = 0
        self.number_people()

    # What becomes known.

    @rule(which=SOME, certainty=st.sampled_from([SURE, SURE, SUSPECTED, RULED_OUT]))
    def the_cause_is_another(self, which: int, certainty: str) -> None:
        self.know("cause", list(CAUSES)[which % len(CAUSES)], certainty)

    @rule(which=SOME, certainty=st.sampled_from([SURE, SUSPECTED]))
    def the_number_is_another(self, which: int, certainty: str) -> None:
        self.know("people", list(PEOPLE)[which % len(PEOPLE)], certainty)

    @rule(which=SOME)
    def the_day_is_another(self, which: int) -> None:
        self.know("discovered", list(DAYS)[which % len(DAYS)], SURE)

    def know(self, key: str, said: str, certainty: str) -> None:
        self.facts.said[key], self.facts.certainty[key] = said, certainty
        self.now += MINUTE
        self.ledger.incidents.amend(self.facts.file(), LEAD, self.now)

    # The list.

    @rule(which=SOME, mailbox=SOME, elements=SOME)
    def somebody_is_found(self, which: int, mailbox: int, elements: int) -> None:
        """Perhaps somebody who was in the list before, or who shares the mailbox of another."""
        number = which % MOST + 1
        box = number if mailbox > 3 else mailbox + 1
        self.hand_in(self.listed | {number: person(number, box, elements)})

    @precondition(lambda self: len(self.listed) > 1)
    @rule(which=SOME)
    def somebody_is_gone(self, which: int) -> None:
        gone = sorted(self.listed)[which % len(self.listed)]
        self.hand_in({number: one for number, one in self.listed.items() if number != gone})

    @rule(which=SOME, elements=SOME)
    def somebody_lost_other_data(self, which: int, elements: int) -> None:
        number = sorted(self.listed)[which % len(self.listed)]
        data = ELEMENTS[elements % len(ELEMENTS)]
        self.hand_in(self.listed | {number: self.listed[number]._replace(data=data)})

    def hand_in(self, listed: dict[int, Person]) -> None:
        self.now += timedelta(minutes=1)
        correction = self.ledger.corrections.compare(INCIDENT, listed.values())
        said = {ask: correction.difference.counts[ask] for ask in Ask}
        self.ledger.corrections.apply(correction, said, "f" * 64, LEAD, self.now)
        self.listed = listed
        self.number_people()

    def number_people(self) -> None:
        for one, known in self.listed.items():
            if one not in self.numbers:
                self.numbers[one] = self.ledger.people.number_of(INCIDENT, known.ref) or 0

    # Promises.

    @precondition(lambda self: self.promises < 3)
    @rule(merchants=st.booleans())
    def a_promise_is_added(self, merchants: bool) -> None:
        self.promises += 1
        name = f"p{self.promises}"
        whom = "merchants" if merchants else "everyone"
        added = a_commitment(id=name, promise={"en": name}, audience=whom, due_at=UNTIL, made_in="")
        self.ledger.commitments.add(INCIDENT, [(added, ())], LEAD, self.now)

    @precondition(lambda self: self.promises)
    @rule(which=SOME, how=st.sampled_from(["keep", "keep", "put off", "drop"]))
    def a_promise_is_settled_or_put_off(self, which: int, how: str) -> None:
        name, words, commitments = f"p{which % self.promises + 1}", {"en": "so it is"}, self.ledger.commitments
        now = commitments.get(INCIDENT, name)
        if now.state is not CommitmentState.OPEN:
            return
        if how == "keep":
            commitments.keep(INCIDENT, name, words, LEAD, self.now)
        elif how == "drop":
            commitments.drop(INCIDENT, name, words, LEAD, self.now)
        else:
            until = (now.new_due_at or now.due_at) + DAY
            commitments.put_off(INCIDENT, name, until, words, LEAD, self.now)

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
            if not (plan(case, self.now).due or drafted(case)):
                return self.everybody_knows_what_is_known()
            case = self.carry_out(case)
        raise AssertionError(f"it does not come to its end: {plan(case, self.now).due}")

    @precondition(lambda self: self.relay.there)
    @rule(which=SOME)
    def a_message_comes_back(self, which: int) -> None:
        mail = self.relay.there[which % len(self.relay.there)]
        self.now += MINUTE
        self.ledger.receipts.take([MailReport(ReportKind.FAILED, mail.bounce, status="5.1.1")], self.now)
        mail.back_at, mail.answered = self.now, True

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
        occurrence.mark(self.context, planned, INCIDENT, OccurrenceState.WAITING)
        for wanted in notices_wanted(case, step, planned.number):
            known = case.notice(wanted.id)
            ends = known and occurrence._end_without_recipients
            if occurrence._to_be_drafted(case, wanted) and not (ends and ends(self.context, case, step, wanted, known)):
                occurrence._write(self.context, case, step, planned, wanted)

    def approve(self, notices: Sequence[NoticeStatus]) -> None:
        self.now += MINUTE
        for one in notices:
            draft = self.ledger.notices.latest_draft(INCIDENT, one.id)
            self.ledger.notices.keep_preflight(draft, Preflight(messages=1), self.now)
            self.ledger.approvals.decide(INCIDENT, one.id, APPROVERS[0], Decision.APPROVE, draft.binding, "", self.now)

    def send(self, notice: str, most: int, fates: Iterator[str]) -> None:
        draft = self.ledger.notices.release(INCIDENT, notice, self.now)
        composer = Composer(self.ledger.cases.incident_file(INCIDENT), draft, self.ledger.playbooks.wording(INCIDENT), LINKS)
        deliveries = self.ledger.deliveries
        while claims := deliveries.claim(INCIDENT, notice, [EMAIL], most, self.now):
            answers = []
            for claim in claims:
                verdict = next(fates)
                if verdict == "dies":
                    continue
                assert deliveries.record([claim], (), INCIDENT, notice, self.now) == {claim.id}
                self.relay.take(self.mail(claim, notice, draft, composer.message(claim), verdict))
                status = {"taken": Status.SENT, "refused": Status.REJECTED}.get(verdict)
                if status:
                    answers.append((claim, Receipt(claim.key, status)))
            deliveries.record((), answers, INCIDENT, notice, self.now)
            deliveries.end_leases([claims[0].lease], {}, INCIDENT, notice, self.now)
            if len(answers) < len(claims):
                self.now += 2 * LEASE
                deliveries.recover(INCIDENT, notice, self.now)
            if most < AT_ONCE:
                break
        deliveries.finish(INCIDENT, notice, self.now)

    def mail(self, claim: Claim, notice: str, draft, message, verdict: str) -> Mail:
        assert claim.about
        return Mail(
            person=claim.about.number, key=claim.key, bounce=claim.bounce, notice=notice, template=draft.template,
            version=claim.released.version, dated=draft.dated, subject=message.subject, words=message.text,
            certainty=dict(self.facts.certainty), left=verdict in ("taken", "lost"), answered=verdict in ("taken", "refused"),
            back_at=NOW if verdict == "refused" else None,
        )  # fmt: skip

    # What must be so when all that is due was told.

    def everybody_knows_what_is_known(self) -> None:
        for one, listed in self.listed.items():
            wrong = {kind: set(self.wrong(listed, mails)) for kind, mails in self.mails(one).items()}
            assert not (wrong["read"] and wrong["sent"]), f"{one} reads {wrong['read']}, and nobody tells them"
        for one in self.numbers.keys() - self.listed.keys():
            last = {kind: data_in(mails) for kind, mails in self.mails(one).items()}
            assert self.shares_a_mailbox(one) or {"", NO_DATA} & {*last.values()}, f"{one} is gone, and reads {last}"

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

    def shares_a_mailbox(self, one: int) -> bool:
        mailbox = self.ledger.people.get(INCIDENT, self.numbers[one]).email
        return mailbox in {listed.email for listed in self.listed.values()}

    def dossiers_hold_what_left(self) -> None:
        for number in self.numbers.values():
            dossier = with_words(self.ledger.dossiers.read(INCIDENT, number, self.now), LINKS)
            held = sorted(
                (one.notice, one.version, one.subject, one.text, one.state is DeliveryState.UNCERTAIN)
                for one in dossier.messages if one.text
            )  # fmt: skip
            log = sorted((one.notice, one.version, one.subject, one.words, not one.answered) for one in self.relay.of(number) if one.back_at != NOW)
            assert held == log

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
