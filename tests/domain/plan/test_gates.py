"""What keeps an approved notice from leaving, and when it opens by itself."""

from datetime import timedelta
from typing import Any

from amends.domain.case.case import Case
from amends.domain.case.states import Embargo, OccurrenceState, RecordedOccurrence
from amends.domain.law.duty import Addressee
from amends.domain.law.filing import Filing
from amends.domain.notice.notice import NoticeStage
from amends.domain.plan.gates import opens_at, shut, to_look_at_again
from amends.domain.plan.plan import plan
from amends.domain.playbook.playbook import Gate
from tests.builders import NOW, a_case, a_duty, an_assessment
from tests.domain.plan.test_plan import HOUR, a_notice, only

AUTHORITIES = (Gate.AUTHORITIES,)
UNTIL = NOW + 5 * HOUR
EMBARGO = Embargo(until=UNTIL, why="letter 17 of the police")


def owing(**changes: Any) -> Case:
    duty = a_duty(**({"first": True} | changes))
    return a_case(assessment=an_assessment(duties=(duty,)))


def test_an_authority_that_comes_first_must_have_been_told() -> None:
    (why,) = shut(owing(), AUTHORITIES, NOW)
    assert "Data protection authority of Germany must be told before the people" in why
    assert "amends duty filed" in why
    assert shut(owing(), (), NOW) == ()


def test_what_was_filed_opens_the_gate() -> None:
    case = owing()
    filed = Filing(number=1, duty=a_duty().id, filed_at=NOW, by="lena", receipt="R-1", recorded_at=NOW)
    assert shut(case.model_copy(update={"filings": (filed,)}), AUTHORITIES, NOW) == ()


def test_an_authority_that_may_hear_later_keeps_nobody_waiting() -> None:
    assert shut(owing(first=False), AUTHORITIES, NOW) == ()
    assert shut(owing(addressee=Addressee.PEOPLE), AUTHORITIES, NOW) == ()


def test_an_embargo_ends_at_its_time() -> None:
    case = a_case(embargo=EMBARGO)
    assert "letter 17 of the police" in shut(case, (), UNTIL - HOUR)[0]
    assert shut(case, (), UNTIL) == ()
    assert opens_at(case, (), NOW) == UNTIL


def test_what_waits_for_a_person_has_no_time_at_which_it_opens() -> None:
    assert opens_at(owing(), AUTHORITIES, NOW) is None
    assert opens_at(owing().model_copy(update={"embargo": EMBARGO}), AUTHORITIES, NOW) is None
    assert opens_at(a_case(), AUTHORITIES, NOW) == NOW


def test_a_doubtful_clock_shuts_every_gate() -> None:
    assert opens_at(a_case(clock_doubt="the clock jumped"), (), NOW) is None


def test_a_ledger_that_may_lack_what_has_left_shuts_every_gate() -> None:
    assert opens_at(a_case(ledger_doubt="it was restored"), (), NOW) is None


def test_the_lead_looks_at_an_embargo_again_a_day_before_its_end() -> None:
    long = a_case(embargo=Embargo(until=NOW + timedelta(days=9), why="police"))
    assert to_look_at_again(long, NOW) is None
    alert = to_look_at_again(long, NOW + timedelta(days=8))
    assert alert and "the embargo ends" in alert.what
    assert to_look_at_again(long, NOW + timedelta(days=9)) is None
    assert to_look_at_again(a_case(), NOW) is None


def approved(**changes: Any) -> Case:
    """One step whose notice is approved and has not left."""
    turn = RecordedOccurrence(step="only", number=1, due_at=NOW, state=OccurrenceState.WAITING)
    notice = a_notice(step="only", stage=NoticeStage.APPROVED, waits_for=AUTHORITIES)
    book = only(notice="update", channels=["email"], phase="update")
    return owing().model_copy(update={"playbook": book, "occurrences": (turn,), "notices": (notice,)} | changes)


def turns(case: Case) -> list[Any]:
    planned = plan(case, NOW)
    return [turn.due_at for turn in (*planned.due, *planned.upcoming) if turn.step == "only"]


def test_an_approved_notice_comes_again_when_its_gate_opens() -> None:
    assert turns(approved()) == []
    assert turns(approved(assessment=an_assessment())) == [NOW]
    assert turns(approved(assessment=an_assessment(), embargo=EMBARGO)) == [UNTIL]
