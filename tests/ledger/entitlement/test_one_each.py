"""Whatever happens to a stock and its people: no code is held by two, nobody holds two, and none is lost."""

import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.entitlement.code import CodeState, CodeVariant
from amends.domain.people.person import Flag, Person
from amends.ledger import Claim, Ledger
from tests.builders import NOW, a_person
from tests.delivery.sending import APPROVERS, INCIDENT, NOTICE, a_ledger, sqlite_url
from tests.ledger.entitlement.stocked import OFFER, claimed, codes_of, new_codes, sent, stocked

OMAR = APPROVERS[0]
PEOPLE, STOCK = 9, 14
ACTS = ("claim", "claim", "send", "give back", "reissue", "void", "redeem", "import", "release", "kill")
Act = tuple[str, int]


def everybody() -> list[Person]:
    """Adults, and two children with their parent."""
    children = [a_person(number=n, ref=f"child-{n}", email="", phone="", flags=frozenset({Flag.MINOR})) for n in (8, 9)]
    parents = [a_person(number=n, guardian_of=f"child-{n + 7}") for n in (1, 2)]
    return [*parents, *(a_person(number=number) for number in range(3, 8)), *children]


class World:
    """A ledger, and what its senders hold."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger, self.folder, self.held, self.told = ledger, folder, list[Claim](), dict[int, set[str]]()
        self.imported, self.now = STOCK, NOW
        codes = [*new_codes(*range(1, 11), variant=CodeVariant.ADULT)]
        codes += new_codes(*range(11, STOCK + 1), variant=CodeVariant.MINOR)
        self.draft = stocked(ledger, everybody(), codes)
        ledger.notices.release(INCIDENT, NOTICE, NOW)

    def act(self, act: Act) -> None:
        """Do one thing; what is refused changes nothing."""
        name, number = act
        self.now += timedelta(seconds=1)
        with suppress(NotAllowed, NotInLedger):
            getattr(self, name.replace(" ", "_"))(number)

    def claim(self, number: int) -> None:
        self.held += claimed(self.ledger, self.draft, limit=number, now=self.now)

    def send(self, _: int) -> None:
        for person, code in codes_of(self.held).items():
            self.told.setdefault(person, set()).add(code)
        if self.held:
            sent(self.ledger, self.draft, self.held, self.now)
        self.held = []

    def give_back(self, _: int) -> None:
        self.ledger.deliveries.give_back(self.held, self.now)
        self.held = []

    def kill(self, _: int) -> None:
        """The sender dies with its claims, and another takes over; the ledger is opened anew."""
        self.held, self.now = [], self.now + timedelta(hours=1)
        self.ledger.dispose()
        self.ledger = a_ledger(sqlite_url(self.folder), self.folder)
        self.ledger.deliveries.recover(INCIDENT, NOTICE, self.now)

    def reissue(self, number: int) -> None:
        self.ledger.codes.reissue(INCIDENT, OFFER, number, "lost", OMAR, self.now)

    def void(self, number: int) -> None:
        self.ledger.codes.void(INCIDENT, OFFER, [f"CANARY-{number:06d}"], "leaked", OMAR, self.now)

    def redeem(self, number: int) -> None:
        self.ledger.codes.redeem(INCIDENT, OFFER, [f"CANARY-{number:06d}"], "omar", self.now)

    def import_(self, number: int) -> None:
        more = new_codes(*range(self.imported + 1, self.imported + number + 1), variant=CodeVariant.ADULT)
        self.ledger.codes.add(INCIDENT, OFFER, more, "lena", self.now)
        self.imported += number

    def release(self, _: int) -> None:
        self.ledger.notices.release(INCIDENT, NOTICE, self.now)

    def check(self) -> None:
        """Nobody shares a code, nobody has two, and every code ever imported is somewhere."""
        known = {number: self.ledger.codes.of_person(INCIDENT, number) for number in range(1, PEOPLE + 1)}
        held = {number: [code for code in codes if code.state.held] for number, codes in known.items()}
        assert max(map(len, held.values())) <= 1
        owners = Counter(code.code for codes in known.values() for code in codes)
        assert max(owners.values(), default=1) == 1, "a code belongs, or belonged, to two people"
        for number, codes in self.told.items():
            assert codes <= {one.code for one in known[number]}, "somebody was told a code that is not theirs"
        minors = {one.variant for number in (8, 9) for one in known[number]}
        assert minors <= {CodeVariant.MINOR}
        assert sum(line.codes for line in self.ledger.codes.stock(INCIDENT, self.now)) == self.imported
        assert [*self.ledger.audit.verify(), *self.ledger.audit.disagreements()] == []
        assert {code.state for codes in held.values() for code in codes} <= {CodeState.GIVEN, CodeState.REDEEMED}


def play(made: Path, acts: list[Act]) -> None:
    """Carry out these acts on a ledger of their own, and check what must hold."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(made, Path(folder) / made.name)
        (Path(folder) / made.name).chmod(0o600)
        world = World(a_ledger(sqlite_url(Path(folder)), Path(folder)), Path(folder))
        for act in acts:
            world.act(("import_", act[1]) if act[0] == "import" else act)
        world.check()
        world.ledger.dispose()


EACH = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
SOME_ACTS = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(1, 9)), max_size=14)


@settings(EACH, max_examples=8)
@given(acts=SOME_ACTS)
def test_no_code_to_two_and_nobody_with_two(made_on_sqlite: Path, acts: list[Act]) -> None:
    play(made_on_sqlite, acts)


@pytest.mark.full
@pytest.mark.timeout(0)
@settings(EACH, max_examples=300)
@given(acts=SOME_ACTS)
def test_three_hundred_stories_give_one_code_each(made_on_sqlite: Path, acts: list[Act]) -> None:
    play(made_on_sqlite, acts)
