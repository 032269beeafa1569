"""News of a commitment goes to those whom a message told of it, also when that was after the news had left."""

from collections.abc import Iterable

import pytest

from amends.domain.base.errors import ApprovalMissing, NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.incident.commitment import Commitment
from amends.domain.notice.notice import Draft, NoticeStage, Reader, TextName, Variant
from amends.domain.notice.statement import Statement, about
from amends.domain.people.person import Flag
from amends.ledger import Ledger
from tests.builders import NOW, a_commitment, a_person
from tests.commitments import keep
from tests.delivery.sending import INCIDENT, NOTICE, approved, approved_again, personal_variants

AUDIENCE = "promised:audit"
OPEN, KEPT = "open 2027-01-24", "kept 2027-01-24"


def stating(variants: Iterable[Variant], *readers: Reader) -> tuple[Variant, ...]:
    """These texts; those for these readers state the audit."""
    keys = (about("audit"),)
    return tuple(
        variant.model_copy(update={"states": keys if variant.reader in readers else ()}) for variant in variants
    )


def states(value: str) -> tuple[Statement, ...]:
    return (Statement(key=about("audit"), value=value),)


@pytest.fixture
def promised(ledger: Ledger) -> Ledger:
    """Three people, of whom the second is a child whose parent, the third, reads for it, have waiting messages."""
    people = [
        a_person(number=1),
        a_person(number=2, flags=frozenset({Flag.MINOR})),
        a_person(number=3, guardian_of="C-00002", phone=""),
        a_person(number=4, email="", phone=""),
    ]
    made: tuple[Commitment, ...] = (a_commitment(),)
    variants = stating(personal_variants("en", "zh-CN"), *Reader)
    approved(ledger, people, commitments=made, statements=states(OPEN), variants=variants)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    return ledger


def send(ledger: Ledger, notice: str, persons: set[int], status: Status = Status.SENT) -> None:
    """Let the messages of these persons leave with this answer, and try to finish the notice."""
    claims = ledger.deliveries.claim(INCIDENT, notice, tuple(ChannelKind), 100, NOW)
    theirs = [claim for claim in claims if claim.about is None or claim.about.number in persons]
    ledger.deliveries.record((), [(one, Receipt(one.key, status)) for one in theirs], INCIDENT, notice, NOW)
    ledger.deliveries.give_back([one for one in claims if one not in theirs], NOW)
    ledger.deliveries.finish(INCIDENT, notice, NOW)


def told(ledger: Ledger) -> int:
    return ledger.notices.audience(INCIDENT, AUDIENCE).people


def news(ledger: Ledger) -> Draft:
    """The news that the audit was kept, approved."""
    name = {"notice": "promise-kept-audit-1", "template": "promise-kept", "step": "chase"}
    to = {"audience": AUDIENCE, "audience_digest": ledger.notices.audience(INCIDENT, AUDIENCE).digest}
    return approved_again(ledger, **name, **to, about="audit", change=1, statements=states(KEPT))


@pytest.mark.parametrize(
    ("status", "people"), [(Status.SENT, 1), (Status.UNCERTAIN, 1), (Status.REJECTED, 0)], ids=lambda one: str(one)
)
def test_whoever_may_have_read_a_promise_was_told_of_it(promised: Ledger, status: Status, people: int) -> None:
    assert told(promised) == 0
    send(promised, NOTICE, {1}, status)
    assert told(promised) == people


def test_a_promise_told_to_a_parent_counts_for_the_child(promised: Ledger) -> None:
    send(promised, NOTICE, {2})
    ledger_says = promised.notices.audience(INCIDENT, AUDIENCE)
    assert ledger_says.people == 1
    assert TextName("en", Reader.GUARDIAN) in ledger_says.readers


def test_only_readers_whose_text_states_it_were_told(ledger: Ledger) -> None:
    """A promise that only the text for parents states was told to the parent of a child, and to nobody else."""
    people = [
        a_person(number=1),
        a_person(number=2, flags=frozenset({Flag.MINOR})),
        a_person(number=3, guardian_of="C-00002"),
    ]
    variants = stating(personal_variants("en", "zh-CN"), Reader.GUARDIAN)
    approved(ledger, people, commitments=(a_commitment(),), statements=states(OPEN), variants=variants)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    send(ledger, NOTICE, {1, 2, 3})
    assert told(ledger) == 1


def test_people_told_between_draft_and_release_are_in(promised: Ledger) -> None:
    send(promised, NOTICE, {1})
    keep(promised, INCIDENT, "audit", {"*": "Report 17"}, "lena", NOW)
    drafted = news(promised)
    send(promised, NOTICE, {2})
    promised.notices.release(INCIDENT, drafted.notice, NOW)
    assert {line.person for line in promised.statistics.lines(INCIDENT, drafted.notice)} >= {1, 2}


def test_whoever_is_told_after_the_news_left_gets_the_news(promised: Ledger) -> None:
    """A person whose message with the promise leaves after the news that the promise was kept gets this news too,
    under the approval that it had.
    """
    send(promised, NOTICE, {1})
    keep(promised, INCIDENT, "audit", {"*": "Report 17"}, "lena", NOW)
    drafted = news(promised)
    promised.notices.release(INCIDENT, drafted.notice, NOW)
    send(promised, drafted.notice, {1})
    assert promised.cases.read(INCIDENT).untold == {}
    send(promised, NOTICE, {2, 3, 4})
    case = promised.cases.read(INCIDENT)
    again = case.notice(drafted.notice)
    assert again is not None
    assert (case.untold, again.stage) == ({"audit": 1}, NoticeStage.SENDING)
    promised.notices.release(INCIDENT, drafted.notice, NOW)
    send(promised, drafted.notice, {1, 2, 3})
    assert promised.cases.read(INCIDENT).untold == {}
    assert {line.person for line in promised.statistics.lines(INCIDENT, drafted.notice) if line.person} == {1, 2, 3}


def test_whoever_is_told_only_the_end_hears_no_news_of_it(promised: Ledger) -> None:
    send(promised, NOTICE, {1})
    keep(promised, INCIDENT, "audit", {"*": "Report 17"}, "lena", NOW)
    update = approved_again(
        promised,
        notice="update-1",
        template="update",
        step="update",
        statements=states(KEPT),
        variants=stating(personal_variants("en", "zh-CN"), *Reader),
    )
    promised.notices.release(INCIDENT, update.notice, NOW)
    send(promised, update.notice, {1, 2, 3, 4})
    assert told(promised) == 1


def test_a_draft_that_states_a_promise_is_overtaken_by_its_end(promised: Ledger) -> None:
    """An approved update that says that a promise is open does not leave once the promise is kept."""
    update = approved_again(
        promised, notice="update-1", template="update", step="update", statements=states(OPEN), changes={"audit": 0}
    )
    keep(promised, INCIDENT, "audit", {"*": "Report 17"}, "lena", NOW)
    with pytest.raises(ApprovalMissing, match="says how audit stood before"):
        promised.notices.release(INCIDENT, update.notice, NOW)
    status = promised.cases.read(INCIDENT).notice("update-1")
    assert status is not None
    assert not status.current


def test_a_promise_for_some_persons_reaches_them_alone(promised: Ledger) -> None:
    one = a_commitment(id="doors", made_in="", audience="persons:doors")
    promised.commitments.add(INCIDENT, [(one, (1, 4))], "lena", NOW)
    audience = promised.notices.audience(INCIDENT, "persons:doors")
    assert audience.people == 2
    assert promised.commitments.get(INCIDENT, "doors").waits_to_be_made


def test_promises_are_added_all_or_none(promised: Ledger) -> None:
    new = [(a_commitment(id=name, made_in=""), ()) for name in ("doors", "audit")]
    with pytest.raises(NotAllowed, match="a commitment audit already"):
        promised.commitments.add(INCIDENT, new, "lena", NOW)
    assert [commitment.id for commitment in promised.commitments.all(INCIDENT)] == ["audit"]


def test_people_of_a_place_are_those_who_live_there(ledger: Ledger) -> None:
    homes = (("US", "MA"), ("US", "ma"), ("US", "WA"), ("DE", "MA"))
    people = [a_person(number=n, country=country, region=region) for n, (country, region) in enumerate(homes, 1)]
    approved(ledger, people)
    found = {place: ledger.notices.audience(INCIDENT, f"place:{place}").people for place in ("US-MA", "US", "DE")}
    assert found == {"US-MA": 2, "US": 3, "DE": 1}
