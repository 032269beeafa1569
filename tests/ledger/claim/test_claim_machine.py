"""No claim is paid twice, and none without its approvals, in whatever order people, banks and crashes come.

A crash is a transaction that ends before its commit, as a SIGKILL leaves it: the acts of `crashing` do all their work
and are broken off at its last statement.
"""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Connection, event

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.claim.claim import BY_RULE, ClaimState, ClaimWay, CompensationClaim, PaymentState
from amends.domain.claim.payment import BankStatus
from amends.ledger import Ledger
from tests.builders import NOW
from tests.delivery.sending import INCIDENT, a_ledger, sqlite_url
from tests.ledger.claim.claiming import (
    EVE,
    MEI,
    OMAR,
    WEI,
    an_account,
    bank_says,
    claim_rules,
    claimed,
    decided,
    objected,
    released,
    terms,
    with_claims,
    words,
)

MEMBERS = (OMAR, WEI, MEI, EVE)
PEOPLE = 3
RULES = claim_rules(budget=500)
UNDER_WAY = (PaymentState.PREPARED, PaymentState.RELEASED, PaymentState.PAID)
NUMBERS = st.integers(1, 6)
ACTS = ("decide_by_rules", "make", "give_account", "lapse", "bank")
AMOUNTS = st.sampled_from(["0", "10", "20", "90", "150", "200", "260"])
members = st.sampled_from(MEMBERS)


class Killed(BaseException):
    """The end of the process, as the transaction sees it."""


class Claiming(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        folder = Path(self._folder.name)
        self.ledger: Ledger = a_ledger(sqlite_url(folder), folder).migrate()
        self.left: dict[str, int] = {}
        """The payments that left for the bank in released files, by reference, in minor units."""

    @initialize()
    def open(self) -> None:
        with_claims(self.ledger, PEOPLE, RULES)
        self.words = words(self.ledger)

    @rule(
        amount=AMOUNTS, person=st.integers(1, PEOPLE), once=NUMBERS, by=st.sampled_from(["", "omar"]), has=st.booleans()
    )
    def claim(self, amount: str, person: int, once: int, by: str, *, has: bool) -> None:
        source = ClaimWay.DESK if by else ClaimWay.PAGE
        account = an_account(person) if has else None
        claimed(self.ledger, amount, by, person=person, once=f"{once}", source=source, account=account)

    @rule(number=NUMBERS, amount=AMOUNTS, by=members)
    def decide(self, number: int, amount: str, by) -> None:  # type: ignore[no-untyped-def]
        with suppress(NotAllowed, NotInLedger):
            decided(self.ledger, number, amount, by, "So it is.", RULES)

    @rule()
    def decide_by_rules(self) -> None:
        self.ledger.claims.decide_by_rules(INCIDENT, terms(self.ledger, RULES), NOW)

    @rule(number=NUMBERS)
    def object(self, number: int) -> None:
        with suppress(NotAllowed, NotInLedger):
            objected(self.ledger, number, "No.")

    @rule(number=NUMBERS, account=st.integers(0, 3), by=st.sampled_from(["", "omar"]))
    def give_account(self, number: int, account: int, by: str) -> None:
        with suppress(NotAllowed, NotInLedger):
            self.ledger.claims.give_account(INCIDENT, number, an_account(account), RULES, NOW, by)

    @rule(days=st.sampled_from([47, 62]))
    def end_without_account(self, days: int) -> None:
        """Remind of missing accounts, or end the claims whose people were reminded."""
        self.ledger.claims.end_without_account(INCIDENT, self.words, NOW + timedelta(days=days))

    @rule(by=members)
    def make(self, by) -> None:  # type: ignore[no-untyped-def]
        with suppress(NotAllowed):
            self.ledger.payments.make(INCIDENT, RULES, by, NOW)

    @rule(file=st.integers(1, 4), by=members, drops=st.booleans())
    def end_file(self, file: int, by, *, drops: bool) -> None:  # type: ignore[no-untyped-def]
        with suppress(NotAllowed, NotInLedger):
            self.ledger.payments.drop(INCIDENT, file, by, NOW) if drops else released(self.ledger, file, by)

    @rule(number=NUMBERS, attempt=st.integers(0, 2), status=st.sampled_from(BankStatus))
    def bank(self, number: int, attempt: int, status: BankStatus) -> None:
        with suppress(NotInLedger, IndexError):
            reference = self.ledger.claims.get(INCIDENT, number).payments[attempt].end_to_end
            bank_says(self.ledger, reference, status)

    @rule(by=members, number=NUMBERS, act=st.sampled_from(ACTS))
    def crashing(self, by, number: int, act: str) -> None:  # type: ignore[no-untyped-def]
        """Do an act whose process is killed just before the commit."""
        before = self.state()
        event.listen(self.ledger.store.engine, "before_cursor_execute", _killed)
        try:
            with suppress(Killed):
                {
                    "decide_by_rules": self.decide_by_rules,
                    "make": lambda: self.make(by=by),
                    "give_account": lambda: self.give_account(number=number, account=0, by="omar"),
                    "lapse": lambda: self.end_without_account(days=62),
                    "bank": lambda: self.bank(number=number, attempt=0, status=BankStatus.PAID),
                }[act]()
        finally:
            event.remove(self.ledger.store.engine, "before_cursor_execute", _killed)
        assert self.state() == before

    def state(self) -> list[CompensationClaim]:
        return list(self.ledger.claims.all(INCIDENT))

    @invariant()
    def no_claim_is_paid_twice(self) -> None:
        for claim in self.state():
            assert sum(payment.state in UNDER_WAY for payment in claim.payments) <= 1
            assert claim.state is not ClaimState.PAID or claim.payments[-1].state is PaymentState.PAID

    @invariant()
    def none_is_granted_without_its_approvals(self) -> None:
        for claim in self.state():
            if claim.granted is None:
                assert not any(payment.state in UNDER_WAY for payment in claim.payments)
                continue
            last = [
                decision
                for decision in claim.decisions
                if decision.round == claim.round and decision.granted == claim.granted.minor
            ]
            people = {one.by for one in last} - {BY_RULE}
            needed = RULES.approvers(claim.asked.minor)
            assert last[-1].by == BY_RULE or len(people) >= needed
            assert claim.entered_by not in people or not claim.entered_by
            assert not people & {decision.by for decision in claim.decisions if decision.round < claim.round}

    @invariant()
    def sums_are_equal_and_within_the_caps(self) -> None:
        claims, files = self.state(), self.ledger.payments.files(INCIDENT)
        granted = [claim for claim in claims if claim.granted and claim.state is not ClaimState.LAPSED]
        totals = self.ledger.claims.totals(INCIDENT, RULES, NOW)
        assert totals.granted == sum(claim.granted.minor for claim in granted if claim.granted)
        assert totals.granted <= RULES.minor("budget")
        for person in range(1, PEOPLE + 1):
            mine = sum(one.granted.minor for one in granted if one.person == person and one.granted)
            assert mine <= RULES.minor("cap_per_person")
        for file in files:
            inside = [payment for claim in claims for payment in claim.payments if payment.file == file.id]
            assert (file.count, file.total) == (len(inside), sum(one.minor for one in inside))

    @invariant()
    def only_a_claim_that_lacks_an_account_has_a_last_day(self) -> None:
        for claim in self.state():
            lacks = claim.state is ClaimState.RETURNED or (claim.state is ClaimState.GRANTED and not claim.account)
            assert (claim.account_due_at is not None) == lacks
            assert claim.state is not ClaimState.LAPSED or claim.account_reminded_at

    @invariant()
    def what_left_stays_as_it_left(self) -> None:
        for file in self.ledger.payments.files(INCIDENT):
            if file.released_at:
                assert file.released_by != file.made_by
                for line in self.ledger.payments.lines(INCIDENT, file.id)[1]:
                    assert self.left.setdefault(line.end_to_end, line.money.minor) == line.money.minor

    def teardown(self) -> None:
        assert not self.ledger.audit.verify()
        self.ledger.dispose()
        self._folder.cleanup()


def _killed(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
    """End the process at the entry in the audit chain, the last statement of each transaction."""
    if statement.startswith("INSERT INTO audit"):
        raise Killed


TestClaiming = Claiming.TestCase
TestClaiming.settings = settings(
    max_examples=6, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
