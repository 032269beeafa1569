"""What goes out of a ledger, told by a relay that keeps its own count, and what people decide meanwhile."""

import copy
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlmodel import select

from amends.domain.base.errors import ApprovalMissing, LedgerRestored, NotAllowed, NotInLedger
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.deliver.correction import Ask
from amends.domain.deliver.preflight import Preflight
from amends.domain.notice.notice import PERSON_STATE, DeliveryState, Draft, NoticeStatus
from amends.domain.people.person import Flag, Person
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.domain.receipt.webhook import ProviderReceipt
from amends.domain.team.approval import Decision
from amends.ledger import Claim, Ledger
from amends.ledger.deliver.letters import reference_of
from amends.ledger.receipt.receipts import Effect
from amends.ledger.store.leases import LEASE
from amends.ledger.tables.deliver import DeliveryRow
from tests.builders import NOW, a_draft, a_person, a_playbook, a_wording, an_incident
from tests.databases import empty
from tests.delivery.sending import APPROVERS, FOR_EVER, INCIDENT, NOTICE, a_ledger, bound, sqlite_url, variants_for

EMAIL, SMS, LETTER = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.LETTER
CASCADE = (EMAIL, SMS, LETTER)
S = DeliveryState
FINAL = {S.SENT, S.DELIVERED, S.BOUNCED, S.COMPLAINED, S.FAILED}
DEAD, MINOR = frozenset({Flag.DECEASED}), frozenset({Flag.MINOR})
OMAR = APPROVERS[0]
FEWEST = 3
SOME = st.integers(0, 20)
VERDICT = st.sampled_from(["taken", "lost", "lost before", "asks key", "refused", "later"])


@dataclass
class Piece:
    """A message in somebody's hands."""

    claim: Claim
    ref: str
    marked: bool = False
    taken: bool = False
    receipt: Receipt | None = None


@dataclass
class Hand:
    """A worker with a page of messages."""

    lease: int
    until: datetime
    epoch: int
    pieces: list[Piece]
    alive: bool = True
    lease_there: bool = True

    @property
    def fresh(self) -> list[Piece]:
        """Those of which nothing can have left, and of which nothing is to be said."""
        return [piece for piece in self.pieces if not piece.marked and not piece.receipt]


@dataclass
class Copy:
    """What the relay, the gateway or the post took for somebody."""

    ref: str
    key: str
    token: str
    channel: ChannelKind
    bounced: bool = False
    arrived: bool = False


@dataclass
class Books:
    """What the ledger was told; an older copy of it knows less."""

    listed: dict[str, Person]
    optional: bool
    opted_out: set[str] = field(default_factory=set)
    let_go: set[str] = field(default_factory=set)
    heard: dict[str, DeliveryState] = field(default_factory=dict)
    hands: list[Hand] = field(default_factory=list)
    holder: dict[str, Piece] = field(default_factory=dict)
    """Who has a message in hand, or had it last and may still answer for it."""
    epoch: int = 0
    current: bool = True
    paused: bool = False


def first_people() -> list[Person]:
    def one(number: int, **changes: Any) -> Person:
        return a_person(number=number, ref=f"C-{number}", name=f"C-{number}", **changes)

    return [
        one(1, postal_address="1 Road"),
        one(2, phone=""),
        one(3, email=""),
        one(4, email="", phone=""),
        one(5, flags=MINOR),
        one(6, guardian_of="C-5"),
    ]


def drafted(ledger: Ledger, now: datetime, *, optional: bool) -> Draft:
    readers = ledger.notices.audience(INCIDENT, "everyone").readers
    draft = a_draft(
        **bound(ledger)
        | {
            "variants": tuple(variant for variant in variants_for(readers) if variant.channel.personal),
            "channels": (EMAIL,),
            "cascade": CASCADE,
            "optional": optional,
            "dated": now,
        }
    )
    ledger.notices.draft(draft, now)
    ledger.notices.keep_preflight(draft, Preflight(messages=1), now)
    for member in APPROVERS:
        ledger.approvals.decide(INCIDENT, NOTICE, member, Decision.APPROVE, draft.binding, "", now)
    return ledger.notices.release(INCIDENT, NOTICE, now)


def with_a_notice(ledger: Ledger, *, optional: bool) -> Ledger:
    """Released to the first people."""
    ledger.incidents.open(an_incident(), first_people(), "lena", NOW)
    ledger.playbooks.pin(INCIDENT, a_playbook(approval_expires_after=FOR_EVER), a_wording(), "lena", NOW)
    for member in APPROVERS:
        ledger.team.add(member.name, member.role, "lena", NOW)
    drafted(ledger, NOW, optional=optional)
    return ledger


def made(folder: Path, *, optional: bool) -> Path:
    """Where such a ledger stands, to be copied: that is quicker than to make it."""
    made = folder / ("optional" if optional else "for all")
    if not made.exists():
        made.mkdir()
        with_a_notice(a_ledger(sqlite_url(made), made).migrate(), optional=optional).dispose()
    return made


def emptied(url: str, folder: Path) -> Ledger:
    """The ledger on a server, with nothing in it."""
    ledger = a_ledger(url, folder)
    empty(ledger.store.engine)
    return ledger


CORRECTIONS = ("gone", "back", "new", "email", "phone", "no email", "no phone", "postal", "dead", "no guardian", "swap")


def corrected(listed: dict[str, Person], what: str, which: int, fresh: int) -> dict[str, Person]:
    """The list with one thing changed; `fresh` makes what was never there."""
    refs = sorted(listed)
    one, other = listed[refs[which % len(refs)]], listed[refs[(which + 1) % len(refs)]]
    changes: dict[str, dict[str, Person | None]] = {
        "gone": {one.ref: None} if len(listed) > FEWEST else {},
        "back": {person.ref: person for person in first_people() if person.ref not in listed},
        "new": {f"C-{fresh}": a_person(number=fresh, ref=f"C-{fresh}", name=f"C-{fresh}")},
        "email": {one.ref: one._replace(email=f"new{fresh}@mail.example")},
        "phone": {one.ref: one._replace(phone=f"+4930777{fresh:05}")},
        "no email": {one.ref: one._replace(email="")},
        "no phone": {one.ref: one._replace(phone="")},
        "postal": {one.ref: one._replace(postal_address=f"{fresh} Lane")},
        "dead": {one.ref: one._replace(flags=one.flags ^ DEAD)},
        "no guardian": {one.ref: one._replace(guardian_of="")},
        "swap": {one.ref: one._replace(email=other.email), other.ref: other._replace(email=one.email)},
    }
    return {ref: person for ref, person in (listed | changes[what]).items() if person}


class World(RuleBasedStateMachine):
    """One notice of one incident; some workers, a relay, and a team."""

    def __init__(self, place: Path, server: str = "") -> None:
        super().__init__()
        self.place, self.server = place, server

    @initialize(optional=st.booleans())
    def a_notice_is_released(self, optional: bool) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=self.place))
        self.ledger = self.opened(optional=optional)
        self.now = NOW
        self.books = Books({first_person.ref: first_person for first_person in first_people()}, optional)
        self.copies: list[Copy] = []
        self.words: Counter[str] = Counter()
        """How many more copies each may get, because somebody said so."""
        self.told: list[MailReport | ProviderReceipt] = []
        self.wishes: set[str] = set()
        self.once_opted: set[str] = set()
        self.listed = dict(self.books.listed)
        self.names: dict[str, str] = {}
        self.numbered: dict[str, int] = {}
        self.backup: Books | None = None
        self.newest = 6
        self.counts_differ = True
        self.since_backup = 0

    def opened(self, *, optional: bool) -> Ledger:
        if self.server:
            return with_a_notice(emptied(self.server, self.folder), optional=optional)
        shutil.copytree(made(self.place, optional=optional), self.folder, dirs_exist_ok=True)
        return a_ledger(sqlite_url(self.folder), self.folder)

    # Who may be told, and where.

    def guardian(self, ref: str) -> str:
        """Who is told in the stead of this person; or nobody."""
        if MINOR - self.books.listed[ref].flags or ref in self.books.let_go:
            return ""
        return next((o.ref for o in self.books.listed.values() if o.guardian_of == ref and not o.flags), "")

    def held(self, ref: str) -> bool:
        person = self.books.listed.get(ref)
        if person is None:
            return True
        if ref in self.books.let_go:
            return False
        return Flag.DECEASED in person.flags or (Flag.MINOR in person.flags and not self.guardian(ref))

    def address(self, ref: str, channel: ChannelKind) -> str:
        reader = self.books.listed[self.guardian(ref) or ref]
        return {EMAIL: reader.email, SMS: reader.phone, LETTER: reader.postal_address}[channel]

    def unwanted(self, ref: str) -> bool:
        return self.books.optional and (self.guardian(ref) or ref) in self.books.opted_out

    def live(self, ref: str) -> list[Copy]:
        return [copy for copy in self.copies if copy.ref == ref and not copy.bounced]

    def number(self, ref: str) -> int:
        """Of somebody in the list; once given, it stays."""
        if ref not in self.numbered:
            number = self.ledger.people.number_of(INCIDENT, ref)
            assert number
            self.numbered[ref] = number
        return self.numbered[ref]

    # Workers.

    @rule(channel=st.sampled_from([EMAIL, SMS]), limit=st.integers(1, 5))
    def a_worker_claims(self, channel: ChannelKind, limit: int) -> None:
        self.claim(channel, limit)

    @rule(
        channel=st.sampled_from([EMAIL, SMS]),
        limit=st.integers(1, 5),
        verdicts=st.lists(VERDICT, min_size=1, max_size=3),
    )
    def a_worker_sends(self, channel: ChannelKind, limit: int, verdicts: list[str]) -> None:
        if hand := self.claim(channel, limit):
            self.mark(hand, hand.fresh)
            for place, piece in enumerate(hand.pieces):
                self.carry(piece, verdicts[place % len(verdicts)])
            self.answer(hand)

    @precondition(lambda self: self.some_hand(0))
    @rule(which=SOME, most=st.integers(1, 5), verdict=st.one_of(VERDICT, st.just("")))
    def a_worker_marks(self, which: int, most: int, verdict: str) -> None:
        """And perhaps sends them, but writes down no answer yet."""
        if (hand := self.some_hand(which)) and (pieces := hand.fresh[:most]):
            self.mark(hand, pieces)
            for piece in pieces:
                if piece.marked and verdict:
                    self.carry(piece, verdict)

    def claim(self, channel: ChannelKind, limit: int) -> Hand | None:
        try:
            claims = self.ledger.deliveries.claim(INCIDENT, NOTICE, [channel], limit, self.now)
        except (NotAllowed, ApprovalMissing):
            claims = None
        assert (claims is None) == (self.books.paused or not self.books.current)
        if not claims:
            return None
        hand = Hand(claims[0].lease, self.now + LEASE, self.books.epoch, [])
        for claim in claims:
            assert claim.key not in self.books.heard, "claimed although something is known of it"
            piece = Piece(claim, claim.about.name if claim.about else "")
            self.names[claim.key], self.books.holder[claim.key] = piece.ref, piece
            hand.pieces.append(piece)
        self.books.hands.append(hand)
        return hand

    def some_hand(self, which: int) -> Hand | None:
        alive = [hand for hand in self.books.hands if hand.alive]
        return alive[which % len(alive)] if alive else None

    def mark(self, hand: Hand, pieces: list[Piece]) -> None:
        may = self.ledger.deliveries.record([one.claim for one in pieces], (), INCIDENT, NOTICE, self.now)
        for piece in pieces:
            piece.marked = piece.claim.id in may
            if piece.marked:
                self.assert_may_leave(hand, piece)
                self.since_backup += 1
        self.give_back(hand, [one for one in pieces if not one.marked])

    def give_back(self, hand: Hand, pieces: list[Piece]) -> None:
        if pieces:
            self.ledger.deliveries.give_back([piece.claim for piece in pieces], self.now)
            self.drop(hand, pieces)

    def drop(self, hand: Hand, pieces: list[Piece]) -> None:
        """The worker is through with these."""
        hand.pieces = [one for one in hand.pieces if one not in pieces]
        for piece in pieces:
            if self.books.holder.get(piece.claim.key) is piece:
                del self.books.holder[piece.claim.key]
        if not hand.pieces:
            self.ledger.deliveries.end_leases([hand.lease], {}, INCIDENT, NOTICE, self.now)
            hand.alive = hand.lease_there = False

    def assert_may_leave(self, hand: Hand, piece: Piece) -> None:
        ref, claim = piece.ref, piece.claim
        assert not self.books.paused, "paused"
        assert self.books.current and hand.epoch == self.books.epoch, "not what was approved"
        assert hand.lease_there, "in other hands"
        assert not self.held(ref), f"{ref} is held"
        assert not self.unwanted(ref), f"{ref} opted out"
        assert claim.to and claim.to.name == (self.guardian(ref) or ref), "another reader"
        assert self.address(ref, claim.channel) == {EMAIL: claim.to.email, SMS: claim.to.phone}[claim.channel]
        assert claim.key not in self.books.heard, f"{self.books.heard.get(claim.key)} is known of it"

    @precondition(lambda self: self.some_hand(0))
    @rule(which=SOME, verdict=st.sampled_from(["taken", "lost", "lost before", "asks key", "refused", "later"]))
    def what_was_marked_reaches_the_relay(self, which: int, verdict: str) -> None:
        """Perhaps much later: the worker stood still."""
        hand = self.some_hand(which)
        for piece in hand.pieces if hand else []:
            if piece.marked and not piece.receipt and not piece.taken:
                self.carry(piece, verdict)

    def carry(self, piece: Piece, verdict: str) -> None:
        claim = piece.claim
        if verdict in ("taken", "lost", "asks key"):
            piece.taken = True
            self.take(piece.ref, claim.key, claim.bounce, claim.channel)
        piece.receipt = {
            "taken": Receipt(claim.key, Status.SENT, "250", f"id-{claim.key[:8]}"),
            "lost": Receipt(claim.key, Status.UNCERTAIN, "no answer"),
            "lost before": Receipt(claim.key, Status.UNCERTAIN, "no answer"),
            "asks key": Receipt(claim.key, Status.UNCERTAIN, "no answer")
            if claim.channel is EMAIL
            else Receipt(claim.key, Status.DEFERRED, "no answer", doubtful=True),
            "refused": Receipt(claim.key, Status.REJECTED, "550 5.1.1"),
            "later": Receipt(claim.key, Status.DEFERRED, "450 4.2.0"),
        }[verdict]
        if claim.channel is SMS and verdict == "refused" and any(one.key == claim.key for one in self.copies):
            piece.receipt = Receipt(claim.key, Status.SENT, "", f"id-{claim.key[:8]}")  # it knows our key

    def take(self, ref: str, key: str, token: str, channel: ChannelKind) -> None:
        if channel is SMS and any(one.key == key and not one.bounced for one in self.copies):
            return  # the gateway knows it
        before = self.live(ref)
        assert len(before) <= self.words[ref], f"{ref} is told twice: {before} and {channel}"
        self.copies.append(Copy(ref, key, token, channel))

    @precondition(lambda self: self.some_hand(0))
    @rule(which=SOME, twice=st.booleans())
    def a_worker_answers(self, which: int, twice: bool) -> None:
        """Twice when it did not hear that the first time was written down."""
        if hand := self.some_hand(which):
            if twice:
                answers = [(piece.claim, piece.receipt) for piece in hand.pieces if piece.receipt]
                self.ledger.deliveries.record((), answers, INCIDENT, NOTICE, self.now)
            self.answer(hand)

    def answer(self, hand: Hand) -> None:
        answers = [(one.claim, one.receipt) for one in hand.pieces if one.receipt]
        self.ledger.deliveries.record((), answers, INCIDENT, NOTICE, self.now)
        done = [one for one in hand.pieces if one.receipt]
        for piece in done:
            if self.books.holder.get(piece.claim.key) is piece:
                self.hear(piece)
        if done:
            self.drop(hand, done)

    def hear(self, piece: Piece) -> None:
        """The answer of who still may answer for it."""
        key, heard = piece.claim.key, self.books.heard
        assert piece.receipt
        if heard.get(key, S.UNCERTAIN) is not S.UNCERTAIN:
            return
        match piece.receipt.status:
            case Status.SENT:
                heard[key] = S.SENT
            case Status.UNCERTAIN:
                heard[key] = S.UNCERTAIN
            case Status.REJECTED:
                heard[key] = S.UNCERTAIN if piece.claim.doubtful else S.FAILED
            case _:
                heard.pop(key, None)

    @precondition(lambda self: self.some_hand(0))
    @rule(which=SOME)
    def a_message_cannot_be_put_together(self, which: int) -> None:
        if hand := self.some_hand(which):
            for piece in hand.fresh[:1]:
                piece.receipt = Receipt(piece.claim.key, Status.DEFERRED, "KeyError", cause=ReceiptCause.FAULT)

    @precondition(lambda self: self.some_hand(0))
    @rule(which=SOME)
    def a_worker_gives_back(self, which: int) -> None:
        if hand := self.some_hand(which):
            self.give_back(hand, hand.fresh)

    @rule(channel=st.sampled_from([EMAIL, SMS]), verdict=st.one_of(VERDICT, st.just("")))
    def a_worker_dies_while_it_sends(self, channel: ChannelKind, verdict: str) -> None:
        if hand := self.claim(channel, 2):
            self.mark(hand, hand.fresh[:1])
            for piece in hand.pieces[:1]:
                if piece.marked and verdict:
                    self.carry(piece, verdict)
            hand.alive = False
            self.now += 2 * LEASE
            self.what_is_left_of_the_dead_is_taken_up()

    @rule(channel=st.sampled_from([EMAIL, SMS]))
    def the_lead_stops_a_worker_who_sends(self, channel: ChannelKind) -> None:
        if hand := self.claim(channel, 2):
            self.the_lead_stops_or_resumes(paused=True)
            self.mark(hand, hand.fresh)
            self.the_lead_stops_or_resumes(paused=False)

    @precondition(lambda self: self.some_hand(0))
    @rule(which=SOME)
    def a_worker_dies(self, which: int) -> None:
        if hand := self.some_hand(which):
            hand.alive = False

    @precondition(lambda self: self.some_hand(0))
    @rule(which=SOME)
    def a_worker_renews(self, which: int) -> None:
        if hand := self.some_hand(which):
            self.ledger.deliveries.renew([hand.lease], self.now)
            hand.until = self.now + LEASE

    @rule(seconds=st.sampled_from([20, 100, 3600, 6 * 3600, 80 * 3600]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def what_is_left_of_the_dead_is_taken_up(self) -> None:
        self.ledger.deliveries.recover(INCIDENT, NOTICE, self.now)
        self.recovered()

    def recovered(self) -> None:
        for hand in self.books.hands:
            if hand.lease_there and hand.until < self.now:
                hand.lease_there = False
                for piece in hand.pieces:
                    key = piece.claim.key
                    if self.books.holder.get(key) is not piece:
                        continue
                    if piece.marked:
                        self.books.heard.setdefault(key, S.UNCERTAIN)
                    else:
                        del self.books.holder[key]

    # What comes back.

    @precondition(lambda self: self.copies)
    @rule(which=SOME, kind=st.sampled_from([ReportKind.FAILED, ReportKind.DELIVERED, ReportKind.COMPLAINED]))
    def something_is_reported(self, which: int, kind: ReportKind) -> None:
        if not self.copies:
            return
        copy = self.copies[which % len(self.copies)]
        if copy.channel is LETTER:
            return
        if kind is ReportKind.FAILED:
            if copy.arrived:
                return
            copy.bounced = True
        else:
            if copy.bounced:
                return
            copy.arrived = True
        if copy.channel is SMS:
            if kind is ReportKind.COMPLAINED:
                return
            status = Status.REJECTED if kind is ReportKind.FAILED else Status.DELIVERED
            told: MailReport | ProviderReceipt = ProviderReceipt(f"id-{copy.key[:8]}", status, "x", copy.key)
        else:
            told = MailReport(kind, copy.token, status="5.1.1" if kind is ReportKind.FAILED else "")
        self.told.append(told)
        self.report(copy, told, kind)

    def report(self, copy: Copy, told: MailReport | ProviderReceipt, kind: ReportKind) -> None:
        state = {ReportKind.FAILED: S.BOUNCED, ReportKind.DELIVERED: S.DELIVERED, ReportKind.COMPLAINED: S.COMPLAINED}[
            kind
        ]
        (effect,) = self.ledger.receipts.take([told], self.now).each
        known = self.books.heard.get(copy.key)
        piece = self.books.holder.get(copy.key)
        before = (S.SENT, S.UNCERTAIN, S.DELIVERED) if state is not S.BOUNCED else (S.SENT, S.UNCERTAIN)
        if (known in before and known != state) or (known is None and piece and piece.taken):
            assert effect == state.value, f"{state} of what is {known} is {effect}"
        if effect in (Effect.BOUNCED, Effect.DELIVERED, Effect.COMPLAINED):
            assert effect == state.value
            self.books.heard[copy.key] = state
        if kind is ReportKind.COMPLAINED and effect is not Effect.FOREIGN and copy.ref in self.books.listed:
            self.opted(copy.ref)

    def opted(self, ref: str) -> None:
        reader = self.guardian(ref) or ref
        self.books.opted_out.add(reader)
        self.wishes.add(reader)
        self.once_opted |= {one for one in self.books.listed if (self.guardian(one) or one) == reader}

    @precondition(lambda self: any(row.state == S.TO_PRINT for row in self.rows()))
    @rule()
    def letters_are_handed_over(self) -> None:
        waiting = [row for row in self.rows() if row.state == S.TO_PRINT]
        try:
            batch = self.ledger.letters.take(INCIDENT, NOTICE, OMAR, self.now)
        except (NotAllowed, ApprovalMissing):
            assert self.books.paused or not self.books.current
            return
        assert not self.books.paused and self.books.current
        gone = [row for row in self.rows() if row.id in {one.id for one in waiting} and row.state == S.SENT]
        for row in gone:
            ref, key = self.ref_of(row.person), self.key(row)
            assert not self.held(ref) and not self.unwanted(ref)
            self.names[key] = ref
            self.take(ref, key, "", LETTER)
            self.since_backup += 1
            self.books.heard[key] = S.SENT
        assert (batch.letters if batch else 0) == len(gone)

    @precondition(lambda self: any(one.channel is LETTER for one in self.copies))
    @rule(which=SOME)
    def a_letter_comes_back(self, which: int) -> None:
        letters = [one for one in self.copies if one.channel is LETTER and not one.bounced]
        if letters:
            copy = letters[which % len(letters)]
            copy.bounced = True
            self.hand_in_returned(copy)

    def hand_in_returned(self, letter: Copy) -> None:
        with suppress(NotInLedger):
            self.ledger.letters.returned(INCIDENT, NOTICE, reference_of(letter.key), self.now)
        if self.books.heard.get(letter.key) is S.SENT:
            self.books.heard[letter.key] = S.BOUNCED

    # What people decide.

    @rule(paused=st.booleans())
    def the_lead_stops_or_resumes(self, paused: bool) -> None:
        if paused == self.books.paused:
            return
        if paused:
            self.ledger.incidents.pause(INCIDENT, "lena", self.now)
            assert self.ledger.incidents.marks_are_kept(INCIDENT)
        else:
            self.ledger.incidents.resume(INCIDENT, "lena", self.now)
        self.books.paused = paused

    def some_person(self, which: int) -> str:
        return sorted(self.books.listed)[which % len(self.books.listed)]

    @rule(which=SOME, out=st.booleans())
    def somebody_opts_out_or_in(self, which: int, out: bool) -> None:
        ref = self.some_person(which)
        if out:
            self.ledger.opt_outs.add(INCIDENT, self.number(ref), "test", self.now)
            self.opted(ref)
        else:
            self.ledger.opt_outs.end(INCIDENT, self.number(ref), "test", self.now)
            self.books.opted_out.discard(self.guardian(ref) or ref)
            self.wishes.discard(self.guardian(ref) or ref)

    @precondition(lambda self: S.UNCERTAIN in self.books.heard.values())
    @rule(which=SOME)
    def somebody_has_it_sent_again(self, which: int) -> None:
        ref = self.some_person(which)
        try:
            again = self.ledger.decisions.send_again(INCIDENT, NOTICE, self.number(ref), OMAR, self.now)
        except (NotInLedger, NotAllowed):
            return
        assert not self.held(ref)
        self.words[ref] += again
        for key, whose in self.names.items():
            if whose == ref and self.books.heard.get(key) is S.UNCERTAIN:
                del self.books.heard[key]
                self.books.holder.pop(key, None)

    @precondition(lambda self: any(row.state == S.PARKED for row in self.rows()))
    @rule(which=SOME, give_up=st.booleans())
    def somebody_decides_on_the_parked(self, which: int, give_up: bool) -> None:
        number = self.number(self.some_person(which))
        with suppress(NotInLedger):
            if give_up:
                self.ledger.decisions.give_up_parked(INCIDENT, NOTICE, number, OMAR, self.now)
            else:
                self.ledger.decisions.try_parked(INCIDENT, NOTICE, number, OMAR, self.now)

    @precondition(lambda self: any(row.state == S.HELD for row in self.rows()))
    @rule(which=SOME)
    def somebody_lets_go_who_was_held(self, which: int) -> None:
        ref = self.some_person(which)
        if self.books.listed[ref].guardian_of:
            return  # with the next list their child is told through them again: a rule that is not counted here
        with suppress(NotInLedger, NotAllowed):
            self.ledger.decisions.release_held(INCIDENT, NOTICE, self.number(ref), OMAR, self.now)
            if self.held(ref):
                self.books.let_go.add(ref)

    @rule()
    def the_facts_are_amended(self) -> None:
        self.ledger.incidents.amend(an_incident(title=f"Told at {self.now} {self.books.epoch}"), "lena", self.now)
        self.books.epoch += 1
        self.books.current = False

    @rule(what=st.sampled_from(CORRECTIONS), which=SOME)
    def the_list_is_corrected(self, what: str, which: int) -> None:
        self.newest += 1
        self.hand_in(corrected(self.listed, what, which, self.newest))

    def hand_in(self, listed: dict[str, Person]) -> bool:
        correction = self.ledger.corrections.compare(INCIDENT, listed.values())
        if not correction.difference.changes:
            return True
        said = {ask: correction.difference.counts[ask] for ask in Ask}
        try:
            self.ledger.corrections.apply(correction, said, "f" * 64, "lena", self.now)
            taken = True
        except NotAllowed:
            taken = False
        self.recovered()
        assert taken != any(hand.lease_there for hand in self.books.hands)
        if not taken:
            return False
        old = self.books.listed
        changed = {
            ref
            for ref in old.keys() | listed.keys()
            if ref not in old
            or ref not in listed
            or (old[ref].flags, old[ref].guardian_of) != (listed[ref].flags, listed[ref].guardian_of)
        }
        self.books.let_go -= changed
        self.books.listed, self.listed = dict(listed), dict(listed)
        self.books.epoch += 1
        self.books.current, self.counts_differ = False, True
        return True

    @precondition(lambda self: not self.books.current)
    @rule(optional=st.booleans())
    def it_is_drafted_afresh_and_approved(self, optional: bool) -> None:
        status = self.status()
        if self.books.current or not status.wants_work(self.now):
            return
        if not (status.pending or status.parked or status.not_told or status.people.get("waiting")):
            self.ledger.corrections.end_notice(INCIDENT, NOTICE, self.now)
            return
        drafted(self.ledger, self.now, optional=optional)
        self.books.optional, self.books.current = optional, True

    @rule()
    def it_is_finished(self) -> None:
        done = self.ledger.deliveries.finish(INCIDENT, NOTICE, self.now)
        if done:
            assert not {row.state for row in self.rows()} & {S.WAITING, S.DEFERRED, S.CLAIMED, S.PARKED}

    # Backups.

    @precondition(lambda self: not self.server)
    @rule()
    def a_backup_is_made(self) -> None:
        with sqlite3.connect(self.folder / "ledger.sqlite3") as here, sqlite3.connect(self.folder / "backup") as there:
            here.backup(there)
        here.close()
        there.close()
        self.backup = copy.deepcopy(self.books)
        self.since_backup = 0

    @precondition(lambda self: self.backup is not None)
    @rule()
    def the_backup_is_restored_and_reconciled(self) -> None:
        self.ledger.dispose()
        for file in ("ledger.sqlite3-wal", "ledger.sqlite3-shm"):
            (self.folder / file).unlink(missing_ok=True)
        shutil.copy(self.folder / "backup", self.folder / "ledger.sqlite3")
        self.ledger = a_ledger(sqlite_url(self.folder), self.folder).migrate()
        assert self.backup
        self.numbered.clear()
        self.books = copy.deepcopy(self.backup)
        for hand in self.books.hands:
            hand.alive = False
        if self.ledger.store.doubt():
            self.reconcile()
        else:
            assert not self.since_backup, "what has left since the backup is not missed"
        self.report_again()
        self.now += timedelta(minutes=5)
        assert self.hand_in(self.listed)
        for ref in self.wishes & self.books.listed.keys():
            self.ledger.opt_outs.add(INCIDENT, self.number(ref), "test", self.now)
            self.books.opted_out.add(ref)

    def reconcile(self) -> None:
        """The relay's log names every email that it took; of all else nobody knows."""
        with pytest.raises(LedgerRestored):
            self.ledger.deliveries.claim(INCIDENT, NOTICE, [EMAIL], 1, self.now)
        left = [one.key for one in self.copies if one.channel is EMAIL]
        self.ledger.restore.reconcile(left, OMAR, self.now, (EMAIL,))
        for row in self.rows():
            key = self.key(row)
            if self.books.heard.get(key) in FINAL:
                continue
            self.books.heard.pop(key, None)
            self.books.holder.pop(key, None)
            self.names[key] = self.ref_of(row.person)
            if key in left:
                self.books.heard[key] = S.SENT
            elif row.state == S.UNCERTAIN:
                self.books.heard[key] = S.UNCERTAIN

    def report_again(self) -> None:
        """The mailbox still has them, and the letters lie there."""
        for letter in self.copies:
            if letter.channel is LETTER and letter.bounced:
                self.hand_in_returned(letter)
        for told in self.told:
            (effect,) = self.ledger.receipts.take([told], self.now).each
            if effect in (Effect.BOUNCED, Effect.DELIVERED, Effect.COMPLAINED):
                key = told.key if isinstance(told, ProviderReceipt) else self.key_of(told.token)
                self.books.heard[key] = S(effect.value)
            if isinstance(told, MailReport) and told.kind is ReportKind.COMPLAINED:
                ref = self.names[self.key_of(told.token)]
                if effect is not Effect.FOREIGN and ref in self.books.listed:
                    self.opted(ref)

    def key_of(self, token: str) -> str:
        return next(one.key for one in self.copies if one.token == token)

    # What must be so.

    def rows(self) -> list[DeliveryRow]:
        with self.ledger.store.read() as session:
            return list(session.exec(select(DeliveryRow)).all())

    def key(self, row: DeliveryRow) -> str:
        return self.ledger.store.keys.message_key(INCIDENT, NOTICE, row.person, row.channel, row.address_index)

    def ref_of(self, number: int) -> str:
        return self.ledger.people.get(INCIDENT, number).ref

    def status(self) -> NoticeStatus:
        status = self.ledger.cases.read(INCIDENT, self.now).notice(NOTICE)
        assert status
        return status

    @invariant()
    def the_ledger_agrees(self) -> None:
        rows = self.rows()
        self.nothing_that_was_heard_is_lost(rows)
        self.nobody_counts_as_told_who_is_not(rows)
        self.everybody_is_counted_once(rows)
        assert self.ledger.audit.miscounted() == ()

    def nothing_that_was_heard_is_lost(self, rows: list[DeliveryRow]) -> None:
        stands = {self.key(row): row.state for row in rows}
        for key, state in self.books.heard.items():
            assert stands.get(key) == state, f"{self.names.get(key)}: {stands.get(key)}, and not {state}"

    def nobody_counts_as_told_who_is_not(self, rows: list[DeliveryRow]) -> None:
        taken = {one.key for one in self.copies}
        for row in rows:
            if row.state in (S.SENT, S.DELIVERED, S.COMPLAINED, S.BOUNCED):
                assert self.key(row) in taken, f"{row.channel} of {row.person} never left"

    def everybody_is_counted_once(self, rows: list[DeliveryRow]) -> None:
        best: dict[int, DeliveryState] = {}
        for row in rows:
            state = S(row.state)
            best[row.person] = min(best.get(row.person, state), state, key=list(S).index)
        assert self.ledger.statistics.people(INCIDENT, NOTICE) == Counter(PERSON_STATE[one] for one in best.values())
        if self.counts_differ:
            numbers = self.ledger.statistics.numbers(INCIDENT, NOTICE)
            lacking = {self.number(ref) for ref in self.books.listed} - best.keys()
            assert (numbers.people, numbers.not_told) == (Counter(best.values()), len(lacking))
            assert self.status().not_told == len(lacking)
            self.counts_differ = False

    # The end.

    def teardown(self) -> None:
        if not hasattr(self, "books"):
            return
        try:
            if sys.exc_info()[0] is None:
                self.until_nothing_is_left()
        finally:
            self.close()

    def close(self) -> None:
        self.ledger.dispose()
        shutil.rmtree(self.folder)

    def until_nothing_is_left(self) -> None:
        for hand in self.books.hands:
            hand.alive = False
        self.the_lead_stops_or_resumes(paused=False)
        for _ in range(40):
            self.now += timedelta(hours=5)
            self.what_is_left_of_the_dead_is_taken_up()
            self.letters_are_handed_over()
            self.ledger.deliveries.finish(INCIDENT, NOTICE, self.now)
            status = self.status()
            if not status.wants_work(self.now) and not status.pending:
                break
            if not self.books.current:
                self.it_is_drafted_afresh_and_approved(optional=self.books.optional)
            for channel in (EMAIL, SMS):
                self.a_worker_sends(channel, 50, ["taken"])
        else:
            raise AssertionError(f"it does not come to its end: {self.status()}")
        self.counts_differ = True
        self.the_ledger_agrees()
        self.nobody_is_forgotten()

    def nobody_is_forgotten(self) -> None:
        status = self.status()
        assert status.stage.is_over or status.only_parked, status
        rows: dict[str, list[DeliveryRow]] = {}
        for row in self.rows():
            assert row.state not in (S.WAITING, S.DEFERRED, S.CLAIMED), f"{row.person} hangs"
            rows.setdefault(self.ref_of(row.person), []).append(row)
        for ref in self.books.listed:
            theirs = rows.get(ref, [])
            states = {row.state for row in theirs}
            assert states, f"{ref} has no message"
            if self.held(ref) or states & {S.UNCERTAIN, S.PARKED, S.TO_PRINT} or self.live(ref):
                continue
            if self.unwanted(ref) or (self.books.optional and ref in self.once_opted):
                continue  # who opts in again hears from the next notice on
            failed = {(row.channel, row.address_index) for row in theirs if row.state in (S.BOUNCED, S.FAILED)}
            left = [kind for kind in CASCADE if self.address(ref, kind) and (kind, self.index(ref, kind)) not in failed]
            assert not left, f"{ref} is forgotten: {[(row.channel, row.state, row.cause) for row in theirs]}, {left}"

    def index(self, ref: str, channel: ChannelKind) -> bytes:
        kind = {EMAIL: "email", SMS: "phone", LETTER: "postal"}[channel]
        return self.ledger.store.keys.index(INCIDENT, kind, self.address(ref, channel).lower())
