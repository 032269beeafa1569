"""What a dossier says of promises and corrections follows from the messages that the person heard."""

from datetime import timedelta

from amends.domain.case.dossier import ToldOf, corrections_told, promises_told
from amends.domain.channel.channel import ChannelKind
from amends.domain.entitlement.remedy import Remedy, RemedyState
from amends.domain.incident.commitment import CommitmentState
from amends.domain.incident.facts import Certainty
from amends.domain.notice.notice import DeliveryState
from amends.domain.notice.statement import Statement
from amends.domain.notice.told import Heard, Saying
from tests.builders import NOW, a_commitment
from tests.ledger.entitlement.remedy_scene import WORDS

DAY = timedelta(days=1)
THEFT, INSIDER = Statement(key="cause", value="theft"), Statement(key="cause", value="insider")
SUSPECTED = Statement(key="cause", value="theft", certainty=Certainty.SUSPECTED)


def heard(notice: str, day: int, *statements: Statement, channel: ChannelKind = ChannelKind.EMAIL) -> Heard:
    """A message of this notice, written and sent on this day."""
    at, made = NOW + day * DAY, {statement.key: statement for statement in statements}
    return Heard(Saying(notice, 1, channel, "en/self", "", False, at, made), DeliveryState.SENT, at)


def test_a_correction_names_both_values_and_both_notices() -> None:
    messages = [heard("first-notice", 0, THEFT), heard("correction-1", 2, INSIDER)]
    (found,) = corrections_told(messages, {"cause": INSIDER})
    assert (found.about, found.was, found.told_in, found.told_at) == ("cause", "theft", "first-notice", NOW)
    assert (found.now, found.corrected_in, found.corrected_at) == ("insider", "correction-1", NOW + 2 * DAY)


def test_what_is_wrong_and_not_corrected_yet_says_so() -> None:
    (found,) = corrections_told([heard("first-notice", 0, THEFT)], {"cause": INSIDER})
    assert (found.now, found.corrected_in, found.corrected_at) == ("insider", "", None)


def test_a_value_corrected_twice_has_two_corrections() -> None:
    loss = Statement(key="cause", value="loss")
    messages = [heard("a", 0, THEFT), heard("b", 1, INSIDER), heard("c", 2, loss)]
    found = [(one.was, one.now, one.corrected_in) for one in corrections_told(messages, {"cause": loss})]
    assert found == [("theft", "insider", "b"), ("insider", "loss", "c")]


def test_what_was_only_suspected_is_no_correction() -> None:
    assert list(corrections_told([heard("a", 0, SUSPECTED)], {"cause": INSIDER})) == []


def test_what_still_stands_is_no_correction() -> None:
    assert list(corrections_told([heard("a", 0, THEFT), heard("b", 1, THEFT)], {"cause": THEFT})) == []


def test_a_promise_has_each_telling_once_and_its_fate() -> None:
    """An email and an SMS of one notice tell once; the texts are those of the reader's language."""
    promised = Statement(key="commitment:audit", value="open 2027-01-14")
    done = Statement(key="commitment:audit", value="kept 2027-01-14")
    messages = [
        heard("first-notice", 0, promised),
        heard("first-notice", 0, promised, channel=ChannelKind.SMS),
        heard("promise-kept-audit-1", 5, done),
    ]
    kept = a_commitment(
        id="audit", state=CommitmentState.KEPT, settled_at=NOW + 4 * DAY, evidence={"en": "Report", "zh-CN": "报告"}
    )
    (found,) = promises_told(messages, [kept, a_commitment(id="training")], "zh-CN", NOW + 6 * DAY)
    assert found.told == (
        ToldOf(notice="first-notice", value="open 2027-01-14", at=NOW),
        ToldOf(notice="promise-kept-audit-1", value="kept 2027-01-14", at=NOW + 5 * DAY),
    )
    assert (found.id, found.fate, found.evidence, found.settled_at) == ("audit", "kept", "报告", NOW + 4 * DAY)


def test_a_promise_has_the_persons_own_result() -> None:
    """A person without a row waits; the words of the result are those of the reader's language."""
    messages = [heard("first-notice", 0, Statement(key="commitment:locks", value="open 2027-01-14"))]
    given = [a_commitment(id="locks", per_person=WORDS)]
    (waits,) = promises_told(messages, given, "zh-CN", NOW)
    assert (waits.own_state, waits.own_result) == (RemedyState.OPEN, "")
    own = {"locks": Remedy(person=1, state=RemedyState.DONE, word="sound", changed_at=NOW)}
    (done,) = promises_told(messages, given, "zh-CN", NOW, own)
    assert (done.own_state, done.own_result) == (RemedyState.DONE, WORDS.results["sound"]["zh-CN"])
