"""A person reads on their page how a promise stands that is kept for each person alone, in their language."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.entitlement.remedy import RemedyOutcome, RemedyState
from amends.domain.incident.per_person import DECLINED
from amends.domain.notice.notice import Reader
from amends.ledger import Ledger
from tests.builders import NOW, a_commitment, a_person, a_variant
from tests.commitments import keep
from tests.ledger.entitlement.remedy_scene import LOCKS, MOVED, SOUND, WORDS
from tests.web.scene import ADA, INCIDENT, LI, SAM, TOBY, Visitor, people, release

OPEN = ("We have not got to you yet.", "还没有处理到您这里。")
UNDER_WAY = ("We are working on it.", "正在为您处理。")
NO_THANKS = ("You told us that you do not want this", "您曾表示不需要")
FOR_OTHERS = "其他人的已兑现，您的还在处理"
MARK = 'class="own-result'


@pytest.fixture
def promised(ledger: Ledger) -> Ledger:
    """Everybody was told by mail that their own lock will be looked at."""
    tell(ledger)
    return ledger


@pytest.fixture
def with_guardian(ledger: Ledger) -> Ledger:
    """The same, and the list names a guardian of the child."""
    listed = [*people(), a_person(number=5, guardian_of="C-00003")]
    correction = ledger.corrections.compare(INCIDENT, listed)
    ledger.corrections.apply(correction, {}, "", "lena", NOW)
    tell(ledger)
    return ledger


def tell(ledger: Ledger) -> None:
    one = a_commitment(id=LOCKS, per_person=WORDS, made_in="update-1")
    texts = tuple(a_variant(locale=locale, reader=reader) for locale in ("en", "zh-CN") for reader in Reader)
    emails = {"channels": (ChannelKind.EMAIL,), "cascade": (), "variants": texts}
    release(ledger, notice="update-1", commitments=(one,), **emails)
    claims = ledger.deliveries.claim(INCIDENT, "update-1", [ChannelKind.EMAIL], 100, NOW)
    ledger.deliveries.record(claims, (), INCIDENT, "update-1", NOW)
    sent = [(claim, Receipt(claim.key, Status.SENT, "250", "Q1")) for claim in claims]
    ledger.deliveries.record((), sent, INCIDENT, "update-1", NOW)
    ledger.deliveries.end_leases(sorted({one.lease for one in claims}), {}, INCIDENT, "update-1", NOW)


def settle(ledger: Ledger, outcomes: dict[int, RemedyOutcome]) -> None:
    assert ledger.remedies.settle(INCIDENT, LOCKS, outcomes, "lena", NOW).refused == {}


def test_who_was_told_reads_that_they_still_wait(promised: Ledger, ada: Visitor, li: Visitor) -> None:
    """Also before anybody has made a list of those who wait."""
    assert [words in visitor.look().text for words, visitor in zip(OPEN, (ada, li), strict=True)] == [True, True]
    assert promised.remedies.of_person(INCIDENT, ADA) == {}


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (RemedyOutcome(RemedyState.UNDER_WAY), UNDER_WAY),
        (SOUND, tuple(WORDS.results["sound"].values())),
        (MOVED, tuple(WORDS.reasons["moved"].values())),
        (RemedyOutcome(RemedyState.DECLINED, DECLINED), NO_THANKS),
    ],
)
def test_the_state_is_read_in_both_languages(
    promised: Ledger, ada: Visitor, li: Visitor, outcome: RemedyOutcome, said: tuple[str, str]
) -> None:
    settle(promised, {ADA: outcome, LI: outcome})
    assert [words in visitor.look().text for words, visitor in zip(said, (ada, li), strict=True)] == [True, True]


def test_two_people_read_their_own_results(promised: Ledger, ada: Visitor, li: Visitor) -> None:
    settle(promised, {ADA: SOUND, LI: RemedyOutcome(RemedyState.DONE, "replaced")})
    assert WORDS.results["sound"]["en"] in ada.look("?lang=en").text
    assert WORDS.results["sound"]["en"] not in li.look("?lang=en").text
    assert WORDS.results["replaced"]["en"] in li.look("?lang=en").text


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", "For Toby Vance (here “you” and “your” mean Toby Vance):"),
        ("zh-CN", "Toby Vance的情况（这里的“您”指Toby Vance）："),
    ],
)
def test_a_guardian_reads_that_you_means_the_child(
    with_guardian: Ledger, visitor: Callable[[int], Visitor], lang: str, said: str
) -> None:
    settle(with_guardian, {TOBY: SOUND})
    page = visitor(TOBY).look(f"?lang={lang}").text
    assert f"<strong>{said}</strong>" in page
    assert WORDS.results["sound"][lang] in page


def test_nobody_reads_a_result_on_the_public_page(promised: Ledger, client: TestClient, ada: Visitor) -> None:
    settle(promised, {ADA: SOUND})
    board = client.get(f"/n/{INCIDENT}/en/promises").text
    assert (MARK in board, WORDS.results["sound"]["en"] in board) == (False, False)
    assert MARK in ada.look().text


def test_a_promise_for_all_at_once_shows_no_result(ada: Visitor) -> None:
    assert MARK not in ada.look().text


def test_who_waits_is_told_so_even_when_the_promise_is_kept(promised: Ledger, ada: Visitor, li: Visitor) -> None:
    """A promise that is kept for the others does not tell a latecomer that theirs is done."""
    settle(promised, dict.fromkeys((ADA, LI, SAM), SOUND))
    keep(promised, INCIDENT, LOCKS, {"*": "Report 9"}, "lena", NOW)
    settle(promised, {SAM: MOVED, LI: RemedyOutcome(RemedyState.OPEN)})
    (theirs,) = (entry for entry in li.look().text.split("<li>") if OPEN[1] in entry)
    assert f'class="state open">{FOR_OTHERS}<' in theirs
    (kept,) = (entry for entry in ada.look().text.split("<li>") if WORDS.results["sound"]["en"] in entry)
    assert 'class="state kept">Kept<' in kept
