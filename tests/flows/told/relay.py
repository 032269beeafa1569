"""A relay with a log of its own of every message that left, the only witness of what people read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from amends.domain.notice.statement import Statement
from tests.flows.told.incident import ITEM, NO_DATA, NOT_SO, SURE, statement

NEWS = ("promise-kept", "promise-late")
"""The templates of news about one promise."""


@dataclass
class Mail:
    """A message that left, or that may have left for all that Amends can know."""

    person: int
    to: str
    bounce: str
    """The token of the address to which it comes back."""
    notice: str
    template: str
    version: int
    dated: datetime
    """The time at which the notice was drafted."""
    words: str = field(repr=False)
    certainty: dict[str, str]
    left: bool
    answered: bool
    """False when the answer of the relay was lost."""
    back_at: datetime | None = None
    """The time at which it came back."""

    def items(self, name: str) -> list[str]:
        """What the lines with this name say."""
        return [said for found, said in ITEM.findall(self.words) if found == name]

    def may_count(self, at: datetime) -> bool:
        """Whether its reader may have read it, as far as was known at this time."""
        return self.back_at is None or self.back_at > at

    @property
    def stated(self) -> dict[str, Statement]:
        """What it says, by key; the last line about a thing counts."""
        said = {key: self.items("data" if key == "elements" else key) for key in (*self.certainty, "elements")}
        return {key: statement(key, found[-1], self.certainty.get(key, SURE)) for key, found in said.items() if found}

    @property
    def quoted(self) -> dict[str, str]:
        """The words of earlier messages that it takes back, by key."""
        return dict(line.split(" | ") for line in self.items("wrong"))

    @property
    def promises(self) -> dict[str, str]:
        """How promises stand by it, by their ids."""
        return {line.split(" | ")[0]: line.partition(" | ")[2] for line in self.items("promise")}

    def said(self, key: str) -> set[str]:
        """All that it says of this as certain, in its words."""
        sure = self.certainty.get(key, SURE) != "suspected"
        return set(self.items("data" if key == "elements" else key)) if sure else set()


class Relay:
    """The log, and what must be so of every message at the moment when it leaves."""

    def __init__(self) -> None:
        self.log: list[Mail] = []

    def take(self, mail: Mail) -> None:
        """Keep this message. Fail when it tells its reader what they cannot be told."""
        before = [one for one in self.of(mail.person) if one.may_count(mail.dated)]
        self._takes_back_what_was_said(mail, before)
        self._tells_of_a_promise_that_was_made(mail, before)
        self._says_once_that_nothing_happened(mail, before)
        self.log.append(mail)

    @property
    def there(self) -> list[Mail]:
        """The messages that left and did not come back."""
        return [one for one in self.log if one.left and one.back_at is None]

    def of(self, person: int) -> list[Mail]:
        """The messages to this person, in the order in which they left."""
        return [one for one in self.log if one.person == person]

    def _takes_back_what_was_said(self, mail: Mail, before: list[Mail]) -> None:
        for key, was in mail.quoted.items():
            assert any(was in one.said(key) for one in before), f"{mail} takes back {key} = {was}, which nobody said"
        if mail.template == "correction":
            wrong = [key for key, now in mail.stated.items() if any(_other(one, key, now) for one in before)]
            assert wrong, f"{mail} corrects nothing that was said"

    def _tells_of_a_promise_that_was_made(self, mail: Mail, before: list[Mail]) -> None:
        if mail.template in NEWS:
            (promise,) = mail.promises
            assert any(promise in one.promises for one in before), f"{mail} is about {promise}, which they never heard"

    def _says_once_that_nothing_happened(self, mail: Mail, before: list[Mail]) -> None:
        if mail.template == "not-affected":
            last = [said for one in before for said in one.items("data")][-1:]
            assert before, f"{mail} comes to somebody who heard nothing"
            assert last != [NO_DATA], f"{mail} comes a second time"


def _other(mail: Mail, key: str, now: Statement) -> bool:
    said = mail.said(key)
    return bool(said) and any(one == NOT_SO or statement(key, one, SURE).value != now.value for one in said)


def last_statements(mails: list[Mail]) -> Iterator[Statement]:
    """What these messages said last about each thing."""
    yield from {key: one for mail in mails for key, one in mail.stated.items()}.values()
