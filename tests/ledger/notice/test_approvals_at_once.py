"""However many decide at once, from threads or processes: one outcome, everybody told, every try in the audit chain."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pytest

from amends.domain.base.errors import AmendsError, ApprovalMissing, NotAllowed
from amends.domain.notice.notice import Draft, NoticeStage, NoticeStatus
from amends.domain.team.approval import Decision
from amends.domain.team.member import Member, TeamRole
from amends.ledger import AuditEntry, Ledger
from tests.builders import NOW, a_draft, a_person, a_playbook, a_wording, an_incident
from tests.delivery.sending import INCIDENT, NOTICE, bound, looked_over

MANY = 20
PEOPLE = tuple(Member(name=f"member-{n:02}", role=TeamRole.LEGAL) for n in range(MANY))
LEAD = Member(name="mei", role=TeamRole.LEAD)


@dataclass(frozen=True)
class Try:
    """What somebody wants of the ledger."""

    who: str
    what: str
    binding: str
    moments: int = 0
    """Microseconds after NOW."""


def carry_out(ledger: Ledger, wish: Try) -> str:
    """What came of it: the stage, or why it was refused."""
    member, now = Member(name=wish.who, role=TeamRole.LEGAL), NOW + timedelta(microseconds=wish.moments)
    try:
        match wish.what:
            case "edit":
                ledger.notices.draft(a_draft(**(bound(ledger) | {"people": wish.moments})), now)
                return "drafted"
            case "release":
                ledger.notices.release(INCIDENT, NOTICE, now)
                return "released"
            case "emergency":
                ledger.approvals.release_in_emergency(INCIDENT, NOTICE, LEAD, member, wish.binding, "fire", now)
                return "emergency"
        return ledger.approvals.decide(INCIDENT, NOTICE, member, Decision(wish.what), wish.binding, "", now).value
    except (NotAllowed, ApprovalMissing) as refusal:
        return f"refused: {refusal}"


AtOnce = Callable[[Ledger, Iterable[Try]], list[str]]


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    """To start them takes longer than all that they do here."""
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(MANY) as pool:
        yield pool


@pytest.fixture(params=["threads", pytest.param("processes", marks=pytest.mark.full)])
def at_once(request: pytest.FixtureRequest) -> AtOnce:
    """Carries out all of it at the same time; what came of each."""
    pool: Executor = request.getfixturevalue(request.param)
    return lambda ledger, wishes: list(pool.map(partial(carry_out, ledger), wishes))


@pytest.fixture
def draft(ledger: Ledger) -> Draft:
    """Looked over, with a team of twenty-one and no word on it."""
    ledger.incidents.open(an_incident(), [a_person(number=1)], "lena", NOW)
    ledger.playbooks.pin(INCIDENT, a_playbook(), a_wording(), "lena", NOW)
    for member in (*PEOPLE, LEAD):
        ledger.team.add(member.name, member.role, "lena", NOW)
    return drafted(ledger)


def drafted(ledger: Ledger) -> Draft:
    made = a_draft(**bound(ledger))
    ledger.notices.draft(made, NOW)
    looked_over(ledger, made)
    return made


def wishes(draft: Draft, *words: str) -> list[Try]:
    """These words in turn, each by another member."""
    whats = (words * MANY)[:MANY]
    pairs = zip(PEOPLE, whats, strict=True)
    return [Try(member.name, what, draft.binding, n + 1) for n, (member, what) in enumerate(pairs)]


def status(ledger: Ledger) -> NoticeStatus:
    (notice,) = ledger.cases.read(INCIDENT, NOW).notices
    return notice


def tries(ledger: Ledger) -> list[AuditEntry]:
    """What was tried, in the order in which the ledger heard it."""
    heard = ("approve", "reject", "approve refused", "reject refused", "emergency release refused", "EMERGENCY RELEASE")
    return [entry for entry in ledger.audit.entries(INCIDENT) if entry.act in heard]


def test_twenty_who_approve_at_once_are_all_heard(ledger: Ledger, draft: Draft, at_once: AtOnce) -> None:
    answers = at_once(ledger, wishes(draft, "approve"))
    assert Counter(answers) == {"drafted": 1, "approved": MANY - 1}
    assert set(status(ledger).approvals) == {member.name for member in PEOPLE}
    assert {entry.actor for entry in tries(ledger)} == {member.name for member in PEOPLE}
    assert ledger.audit.verify() == ()


def test_one_who_approves_twenty_times_at_once_counts_once(ledger: Ledger, draft: Draft, at_once: AtOnce) -> None:
    answers = at_once(ledger, [Try("member-00", "approve", draft.binding, n) for n in range(MANY)])
    assert answers == ["drafted"] * MANY
    assert status(ledger).approvals == ("member-00",)
    assert len(tries(ledger)) == MANY


def test_a_rejection_wins_over_all_who_approve_at_once(ledger: Ledger, draft: Draft, at_once: AtOnce) -> None:
    answers = at_once(ledger, wishes(draft, "approve", "approve", "approve", "reject"))
    assert status(ledger).stage is NoticeStage.REJECTED
    order = tries(ledger)
    first_no = next(place for place, entry in enumerate(order) if entry.act == "reject")
    assert len(order) == MANY
    assert [entry.act for entry in order[:first_no]] == ["approve"] * first_no
    assert all(entry.act in ("approve refused", "reject refused") for entry in order[first_no + 1 :])
    refused = [answer for answer in answers if answer.startswith("refused")]
    assert len(refused) == MANY - first_no - 1
    assert all(f"was rejected by {order[first_no].actor}" in answer for answer in refused)
    with pytest.raises(ApprovalMissing):
        ledger.notices.release(INCIDENT, NOTICE, NOW)


def test_an_edit_voids_earlier_approvals_and_refuses_later_ones(ledger: Ledger, draft: Draft, at_once: AtOnce) -> None:
    """When a notice is edited amid many approvals, the edit voids the earlier approvals and the later ones are refused.

    Each try is in the audit chain once.
    """
    answers = at_once(ledger, [Try("lena", "edit", "", 7), *wishes(draft, "approve")])
    stands, refused = status(ledger), [answer for answer in answers if answer.startswith("refused")]
    assert (stands.version, stands.stage, stands.approvals) == (2, NoticeStage.DRAFTED, ())
    assert all("another by now" in answer and "version 2" in answer for answer in refused)
    entries = ledger.audit.entries(INCIDENT)
    edited = max(place for place, entry in enumerate(entries) if entry.act == "drafted")
    assert all(entry.act != "approve" for entry in entries[edited:])
    assert all(entry.act != "approve refused" for entry in entries[:edited])
    assert len(tries(ledger)) == MANY
    assert sum(entry.act == "approve refused" for entry in entries) == len(refused)


def test_of_release_and_rejection_at_once_only_one_holds(ledger: Ledger, draft: Draft, at_once: AtOnce) -> None:
    """When members release and reject a notice at the same moment, exactly one of the two holds.

    A released notice stays released, a rejected notice is never sent, and each late try learns why it was refused.
    """
    for member in PEOPLE[:2]:
        ledger.approvals.decide(INCIDENT, NOTICE, member, Decision.APPROVE, draft.binding, "", NOW)
    answers = at_once(ledger, wishes(draft, "release", "reject"))
    acts = [entry.act for entry in ledger.audit.entries(INCIDENT)]
    if status(ledger).stage is NoticeStage.SENDING:
        assert acts.count("released") == 1
        assert "reject" not in acts
        assert sum("released already" in answer for answer in answers) == MANY // 2
    else:
        assert (status(ledger).stage, acts.count("reject")) == (NoticeStage.REJECTED, 1)
        assert "released" not in acts
        assert sum("rejected by" in answer for answer in answers) == MANY - 1


def test_an_emergency_is_declared_once_however_many_do_so(ledger: Ledger, draft: Draft, at_once: AtOnce) -> None:
    answers = at_once(ledger, wishes(draft, "emergency"))
    assert answers.count("emergency") == 1
    assert sum("without an emergency" in answer for answer in answers) == MANY - 1
    assert Counter(entry.act for entry in tries(ledger)) == {
        "EMERGENCY RELEASE": 1,
        "emergency release refused": MANY - 1,
    }


def test_an_emergency_and_a_rejection_at_once_end_rejected(ledger: Ledger, draft: Draft, at_once: AtOnce) -> None:
    at_once(ledger, wishes(draft, "emergency", "reject"))
    assert status(ledger).stage is NoticeStage.REJECTED
    with pytest.raises(AmendsError):
        ledger.notices.release(INCIDENT, NOTICE, NOW)
    assert len(tries(ledger)) == MANY
    assert ledger.audit.verify() == ()
