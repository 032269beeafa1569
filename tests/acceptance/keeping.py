"""The year of a case that keeps its word: codes, claims, each person's result, rounds, closing, review, erasure, keys."""

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial

from amends.content.notice import shipped_wording
from amends.content.playbook.playbook import load_playbook
from amends.delivery.claims import EvidenceFolder, claim_terms
from amends.delivery.forget import DataPlaces, erase_person
from amends.domain.base.audience import EVERYONE
from amends.domain.base.errors import NotAllowed
from amends.domain.base.money import read_money
from amends.domain.base.value import Span
from amends.domain.claim.account import Account, read_account
from amends.domain.claim.claim import ClaimState, ClaimWay, NewClaim
from amends.domain.claim.payment import BankLine, BankStatus, PaymentFormat
from amends.domain.claim.rules import ClaimRules, ClaimVerdict
from amends.domain.claim.words import ClaimTerms, ClaimWords
from amends.domain.closing.criteria import unmet
from amends.domain.closing.figures import figures
from amends.domain.entitlement.code import CodeVariant, NewCode
from amends.domain.entitlement.remedy import OWED, RemedyOutcome, RemedyState
from amends.domain.forget.retention import Retention
from amends.domain.incident.commitment import CodePlace, Commitment, CommitmentKind, PlannedCommitment, TakeUp
from amends.domain.incident.incident import Incident
from amends.domain.notice.wording import Wording
from amends.domain.playbook.closing import Criterion
from amends.domain.playbook.playbook import Playbook
from amends.domain.review import ReviewKind
from amends.domain.team.member import Member
from amends.ledger import Ledger
from amends.system.key_file import KeyFile
from tests.acceptance import killed_rotation
from tests.acceptance.mailboxes import ClaimStep
from tests.acceptance.year import SCRIPT, Act, Year, an_incident
from tests.commitments import keep
from tests.story import APPROVERS, INCIDENT, LEAD, START, a_ledger

CODED, CHECKED, COURSES = "number-protection", "account-recheck", "courses"
ROUNDS = 3
HELD, ERASED = 9, 13
"""Places among the people who claim: one is kept by a legal hold, and one asks to be erased."""
NO_ACCOUNT, RETURNED = 5, 3
REJECTED, OBJECTS = (21, 22), 22
"""Places among the people who claim."""
OUTCOMES = (
    RemedyOutcome(RemedyState.DONE, "clean"),
    RemedyOutcome(RemedyState.DONE, "changed"),
    RemedyOutcome(RemedyState.NOT_POSSIBLE, "account-closed"),
)
IBANS = ("DE89370400440532013000", "NL91ABNA0417164300", "FR1420041010050500013M02606", "GB29NWBK60161331926819")
RULES = ClaimRules.model_validate(
    {
        "currency": "EUR",
        "last_day": date(2027, 3, 31),
        "one_approver_up_to": 100,
        "by_rule_up_to": 25,
        "object_within": "20d",
        "account_within": "30d",
        "evidence_above": 100,
        "cap": 200,
        "cap_per_person": 300,
        "budget": 5000,
        "pay_from": {"name": "Betapai GmbH", "iban": "DE75512108001245126199", "bic": "SOGEDEFF"},
    }
)
WHY_NOT = {"en": "Your lock was not affected.", "zh-CN": "您的门锁未受影响。"}
MORE: tuple[tuple[str, CommitmentKind, int, str, str], ...] = (
    (
        "watch",
        CommitmentKind.CREDIT_MONITORING,
        20,
        "We pay a service that watches your credit.",
        "我们出资为您监测信用记录。",
    ),
    ("costs", CommitmentKind.COMPENSATION, 120, "We pay back what you spent.", "我们将补偿您的花费。"),
    ("voucher", CommitmentKind.VOUCHER, 40, "You get a voucher for one visit.", "我们送您一次上门服务券。"),
    (
        "encryption",
        CommitmentKind.ENCRYPTION,
        90,
        "We will keep our old records under lock and key.",
        "我们将把旧记录锁好保存。",
    ),
    ("authority", CommitmentKind.REGULATOR, 25, "We will report to the authority.", "我们将向主管部门报告。"),
    ("public-guide", CommitmentKind.COMMUNITY_CONTRIBUTION, 170, "We will publish a guide.", "我们将发布一份指南。"),
    ("look-back", CommitmentKind.REVIEW, 180, "We will look back after half a year.", "半年后我们将回顾此事。"),
)
"""Promises of the kinds that the story lacks: id, kind, days, and the words in both languages."""
COURSE = {"en": "Each quarter we hold a course for our staff.", "zh-CN": "我们每季度为员工开课。"}
LESSONS = (
    ("second-lock", {"en": "We will put a second lock on each store room.", "zh-CN": "我们将为每间库房加装第二道锁。"}),
    (
        "night-drill",
        {"en": "We will train each spring for such a night.", "zh-CN": "我们每年春天将为这样的夜晚做演练。"},
    ),
)


@dataclass
class Asked:
    """A claim of compensation as its person lives it."""

    person: int
    amount: int
    claim: int = 0
    steps: list[ClaimStep] = field(default_factory=lambda: [ClaimStep.RECEIVED])


class KeptYear(Year):
    """The year, in which the company does for each person what it has promised."""

    def __post_init__(self) -> None:
        self.claims: list[Asked] = []
        self.results: dict[int, RemedyOutcome] = {}
        """What was recorded of each person's account."""
        self.refusals: list[set[Criterion]] = []
        """What was missing each time the team tried to close the case."""
        self.erased_at: datetime | None = None
        self.hold_refused = ""
        self.rounds_held: list[datetime] = []
        self.kills: dict[str, int] = {}
        """How often each rotation of keys was killed."""
        super().__post_init__()

    def _new_ledger(self) -> Ledger:
        file = KeyFile(self.folder / "keys" / "master.key")
        made = a_ledger(self.folder)
        file.path.parent.mkdir()
        file.path.write_text(made.store.keys.text)
        made.dispose()
        return killed_rotation.open_ledger(self.folder)

    def _new_incident(self) -> Incident:
        told = an_incident()
        planned = (*map(_with_codes, told.commitments), *(_planned(*one) for one in MORE), _courses())
        return told.model_copy(update={"commitments": planned})

    def _playbook(self) -> tuple[Playbook, Wording]:
        playbook, wording = load_playbook("customer-data-theft")
        retention = Retention.model_validate({"claims": "60d"})
        return playbook.model_copy(update={"claims": RULES, "retention": retention}), wording

    def _open(self) -> None:
        super()._open()
        del self.truth.promises[COURSES], self.truth.due[COURSES]
        self.stock(self.sizes.known + self.sizes.found_late)

    @property
    def claimants(self) -> list[int]:
        """Return the forty who claim: the last people of the first list whom no corrected list leaves out."""
        return [one.number for one in self.listed if one.number % 10 not in (0, 1)][-40:]

    @property
    def held(self) -> int:
        return self.claims[HELD].person

    @property
    def erased(self) -> int:
        return self.claims[ERASED].person

    def stock(self, codes: int) -> None:
        """So many more codes are bought."""
        first = sum(line.free + line.given for line in self.ledger.codes.stock(INCIDENT, self.clock.now)) + 1
        bought = [NewCode(f"BTP-{first + more:05}", CodeVariant.EVERYONE) for more in range(codes)]
        self.ledger.codes.add(INCIDENT, CODED, bought, LEAD.name, self.clock.now)

    def record_results(self, name: str) -> None:
        """What was found is recorded of everybody who waits for it: three outcomes, by turns."""
        if name != CHECKED:
            return
        self.ledger.remedies.enrol(INCIDENT, self.clock.now)
        waiting = [remedy.person for remedy in self.ledger.remedies.all(INCIDENT, name, states=OWED)]
        found = {person: OUTCOMES[person % len(OUTCOMES)] for person in waiting}
        self.ledger.remedies.settle(INCIDENT, name, found, LEAD.name, self.clock.now)
        self.ledger.latecomer_news.send_results(INCIDENT, self.clock.now)
        self.results |= found

    def break_word(self, name: str) -> None:
        self.truth.ends[name] = "broken"
        self.truth.late.add(name)
        words = {"en": "We have no money left for it.", "zh-CN": "我们已没有资金。"}
        self.ledger.commitments.break_word(INCIDENT, name, words, LEAD.name, self.clock.now)

    # Claims

    def claim(self) -> None:
        """Forty people claim: twenty a little, twelve some, eight much, with a receipt."""
        amounts = [20] * 20 + [80] * 12 + [150] * 8
        self.claims = [Asked(*one) for one in zip(self.claimants, amounts, strict=True)]
        folder, desk = EvidenceFolder(self.folder, self.ledger), claim_terms(self.ledger, INCIDENT, shipped_wording())
        for place, one in enumerate(self.claims):
            once, now = f"claim-{one.person}", self.clock.now
            files = folder.store(INCIDENT, once, [b"%PDF- a receipt"]) if one.amount > 100 else ()
            new = NewClaim(
                person=one.person,
                text=f"A new lock, receipt {one.person}.",
                asked=read_money(f"{one.amount}", "EUR"),
                locale=self.truth.people[one.person].locale,
                source=ClaimWay.PAGE,
                once=once,
                at=now,
                due_at=now + timedelta(days=14),
                account=None if place == NO_ACCOUNT else an_account(place),
                files=files,
            )
            one.claim = self.ledger.claims.add(INCIDENT, new, desk, now)

    def decide(self) -> None:
        """The rules have granted what is small; members decide on the rest, two of them where it is much."""
        for place, one in enumerate(self.claims):
            if one.amount < 25:
                one.steps.append(ClaimStep.GRANTED)
                one.steps += [ClaimStep.REMINDED, ClaimStep.LAPSED] if place == NO_ACCOUNT else []
            elif place in REJECTED:
                one.steps.append(ClaimStep.REJECTED)
                self._decide(one, APPROVERS[0], WHY_NOT[self.truth.people[one.person].locale])
            else:
                one.steps.append(ClaimStep.GRANTED)
                for member in (LEAD, APPROVERS[1])[: 1 if one.amount <= 100 else 2]:
                    self._decide(one, member)

    def _decide(self, one: Asked, by: Member, why_not: str = "") -> None:
        verdict = ClaimVerdict(0 if why_not else one.amount * 100, why_not)
        self.ledger.claims.decide(INCIDENT, one.claim, verdict, ClaimTerms(RULES, self._words), by, self.clock.now)

    @property
    def _words(self) -> ClaimWords:
        return claim_terms(self.ledger, INCIDENT, shipped_wording()).words

    def object(self) -> None:
        one, now = self.claims[OBJECTS], self.clock.now
        one.steps.append(ClaimStep.REOPENED)
        self.ledger.claims.object(INCIDENT, one.claim, "It was.", ClaimTerms(RULES, self._words), now)

    def grant_after_all(self) -> None:
        one = self.claims[OBJECTS]
        one.steps.append(ClaimStep.GRANTED)
        self._decide(one, LEAD)

    def pay(self) -> None:
        """One member makes the payment file, and another releases it."""
        (made,) = self.ledger.payments.make(INCIDENT, RULES, APPROVERS[0], self.clock.now)
        self.ledger.payments.release(INCIDENT, made.id, PaymentFormat.PAIN, APPROVERS[1], self.clock.now)

    def bank_answers(self, returned: Iterable[int] = ()) -> None:
        """The bank has paid all that is on its way, but for some claims whose payment came back."""
        lines = []
        for claim in self.ledger.claims.all(INCIDENT, states=(ClaimState.IN_PAYMENT,)):
            mine = next(one for one in self.claims if one.claim == claim.id)
            back = self.claims.index(mine) in returned
            mine.steps.append(ClaimStep.RETURNED if back else ClaimStep.PAID)
            status = BankStatus.RETURNED if back else BankStatus.PAID
            lines.append(BankLine(f"bank.csv:{claim.id}:1", status, claim.payments[-1].end_to_end))
        answer = self.ledger.payments.take(INCIDENT, lines, ClaimTerms(RULES, self._words), LEAD.name, self.clock.now)
        assert (answer.paid + answer.returned, answer.refused) == (len(lines), [])

    def another_account(self, place: int) -> None:
        self.ledger.claims.give_account(
            INCIDENT, self.claims[place].claim, an_account(place + 1), RULES, self.clock.now
        )

    # The end, and after

    def try_to_close(self) -> None:
        """The team asks to close the case, and reads what is missing."""
        found = unmet(self.ledger.views.closing(INCIDENT, self.clock.now), self.clock.now)
        self.refusals.append({one.criterion for one in found})

    def review(self) -> None:
        """The team looks back, and two lessons become promises."""
        reviews, now = self.ledger.reviews, self.clock.now
        reviews.note(INCIDENT, ReviewKind.WELL, "The first notice left the same day.", LEAD.name, now)
        for name, words in LESSONS:
            one = Commitment(
                id=name,
                kind=CommitmentKind.OTHER,
                promise=words,
                owner=LEAD.name,
                audience=EVERYONE,
                due_at=START + timedelta(days=300),
            )
            self.truth.promises[name], self.truth.due[name] = words, one.due_at
            self.ledger.commitments.add(INCIDENT, [(one, ())], LEAD.name, now)
            lesson = reviews.note(INCIDENT, ReviewKind.LESSON, f"Hence: {words['en']}", LEAD.name, now)
            reviews.becomes(INCIDENT, lesson.number, name, LEAD.name, now)
        case = self.ledger.views.closing(INCIDENT, now)
        reviews.end(INCIDENT, "review", figures(case, [], now), LEAD.name, now)

    def rotate(self, which: str) -> None:
        """A key is rotated by a process that is killed at each of its writes, and begun again."""
        command = [sys.executable, killed_rotation.__file__, str(self.folder), which, self.clock.now.isoformat()]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        self.kills[which] = int(ended.stdout)

    def hold(self) -> None:
        """One person's data is needed in court, so that nobody may erase it."""
        self.ledger.holds.give(INCIDENT, self.held, "lawsuit 12/26", APPROVERS[0], self.clock.now)
        try:
            self._erase(self.held)
        except NotAllowed as refused:
            self.hold_refused = str(refused)

    def erase(self) -> None:
        self.erased_at = self.clock.now
        self._erase(self.erased)

    def _erase(self, person: int) -> None:
        places = DataPlaces(self.context.channels, self.folder)
        erase_person(self.ledger, places, INCIDENT, person, LEAD, APPROVERS[0], self.clock.now)


def an_account(place: int) -> Account:
    """One of four accounts."""
    return read_account("Kim Lee", IBANS[place % len(IBANS)])


def _with_codes(one: PlannedCommitment) -> PlannedCommitment:
    """Let each person have a code of their own, in the letter."""
    if one.id != CODED:
        return one
    return one.model_copy(update={"take_up": one.take_up.model_copy(update={"codes": CodePlace.LETTER})})


def _planned(name: str, kind: CommitmentKind, days: int, en: str, zh: str) -> PlannedCommitment:
    take_up = TakeUp()
    if kind is CommitmentKind.CREDIT_MONITORING:
        take_up = TakeUp(phone="+86 571 5550 0142", until="2027-11-30")
    return PlannedCommitment(
        id=name, kind=kind, promise={"en": en, "zh-CN": zh}, owner=LEAD.name, due=Span(days=days), take_up=take_up
    )


def _courses() -> PlannedCommitment:
    return PlannedCommitment(
        id=COURSES,
        kind=CommitmentKind.TRAINING,
        promise=COURSE,
        owner=LEAD.name,
        due=Span(days=60),
        every=Span(days=90),
        at_most=ROUNDS,
    )


def _round(year: KeptYear, number: int) -> None:
    """A round of the courses is held."""
    year.rounds_held.append(year.clock.now)
    words = {"en": "All of our staff came.", "zh-CN": "全体员工参加。"}
    name = COURSES if number == 1 else f"{COURSES}-{number}"
    keep(year.ledger, INCIDENT, name, words, LEAD.name, year.clock.now)


KEPT_SCRIPT: list[tuple[float, Act]] = [
    *SCRIPT,
    (10, KeptYear.claim),
    (11, KeptYear.try_to_close),
    (12.1, KeptYear.decide),
    (14, KeptYear.object),
    (16, KeptYear.grant_after_all),
    (17, KeptYear.pay),
    (19, partial(KeptYear.bank_answers, returned=(RETURNED,))),
    (19.5, lambda year: year.keep("watch")),
    (20, lambda year: year.record_results(CHECKED)),
    (21, partial(KeptYear.another_account, place=RETURNED)),
    (22, KeptYear.pay),
    (22.5, lambda year: year.keep("authority")),
    (24, KeptYear.bank_answers),
    (38, lambda year: year.keep("voucher")),
    (58, partial(_round, number=1)),
    (59, KeptYear.try_to_close),
    (92, KeptYear.review),
    (93, lambda year: year.break_word("encryption")),
    (100, partial(KeptYear.rotate, which="master")),
    (110, lambda year: year.keep("costs")),
    (148, partial(_round, number=2)),
    (151, partial(KeptYear.rotate, which="case")),
    (165, lambda year: year.keep("public-guide")),
    (175, lambda year: year.keep("look-back")),
    (199, partial(KeptYear.stock, codes=2)),
    (205, lambda year: year.record_results(CHECKED)),
    (229, KeptYear.hold),
    (230, KeptYear.erase),
    (238, partial(_round, number=3)),
    (290, lambda year: [year.keep(name) for name, _ in LESSONS]),
    (310, lambda year: None),  # a look at what is to be forgotten by now
]
"""What happens, by the day on which it does."""
