"""The questions that so many people ask that the next update must speak of them."""

from collections.abc import Iterable
from datetime import datetime

from amends.domain.base.value import Moment, Value
from amends.domain.feedback.queue.faq import FaqText

MOST = 10
"""The most groups of which a case knows; those of which most people are."""


class ManyAsked(Value):
    """A group of questions at or over the playbook's `gap_at`; it holds no words of those who asked."""

    group: int
    topic: str
    questions: int
    answered: bool
    """True when somebody of the group has an answer; until then the group is a gap."""
    public: dict[str, FaqText] = {}
    """The question and the answer that everybody can read, by locale; empty while there is no such entry."""
    public_at: Moment | None = None

    def is_news(self, since: datetime | None) -> bool:
        """Return True when people have to hear of it: nobody has an answer, or it was published since."""
        if not self.answered:
            return True
        return self.public_at is not None and (since is None or self.public_at > since)


def gaps(asked: Iterable[ManyAsked]) -> tuple[ManyAsked, ...]:
    """Return the questions that many ask and to which nobody has an answer."""
    return tuple(group for group in asked if not group.answered)
