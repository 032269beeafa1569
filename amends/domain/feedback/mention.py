"""Posts of the public that mention our account, and the short public answers to them."""

from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from amends.domain.base.errors import Refusal
from amends.domain.base.value import Moment, Value
from amends.domain.channel.outgoing import OutgoingState
from amends.domain.feedback.question import QuestionSource, Sender

LONGEST_PUBLIC = 500
"""The largest number of characters of a public answer, the name of the account among them; Mastodon takes no more."""


class Visibility(StrEnum):
    """The visibility of a post."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    PRIVATE = "private"
    DIRECT = "direct"

    @property
    def is_public(self) -> bool:
        """Return True when everybody can read such a post, so that an answer may be public too."""
        return self in (Visibility.PUBLIC, Visibility.UNLISTED)


class Mention(Value):
    """A post that mentions our account. Holds personal data: never log or print it."""

    account: str = Field(repr=False, min_length=1, max_length=200)
    """The name of the account that posted, such as kim@social.example."""
    url: str = Field(default="", repr=False, max_length=500, pattern=r"^(https?://\S+)?$")
    text: str = Field(repr=False, min_length=1, max_length=100_000)
    visibility: Visibility = Visibility.PUBLIC
    locale: str = "en"
    at: Moment
    post: str = Field(default="", repr=False, max_length=100)
    """The server's id of the post, to which a reply refers; empty for a post from a file."""

    @property
    def sender(self) -> Sender:
        """Return the sender as the ledger seals it: the account, and where its post stands."""
        return Sender(address=self.account, message_id=self.url, references=self.post, subject=self.visibility.value)


class MentionsFound(NamedTuple):
    """The posts that a server told us of."""

    last: str
    """The id of the last notification, behind which the next search begins."""
    posts: tuple[Mention, ...]
    unreadable: int
    """Posts without words, or that cannot be read; somebody must look at the account."""


class MentionedPost(Value):
    """The post behind a question of the public. Holds personal data: never log or print it."""

    account: str = Field(repr=False)
    url: str = Field(repr=False)
    post: str = Field(repr=False)
    visibility: Visibility


class PublicAnswer(Value):
    """The newest answer to a post, with its way to the public."""

    question: int
    answer: int
    text: str = Field(repr=False)
    """The text; empty when it was altered or moved."""
    by: str
    approved_by: str = ""
    reply: OutgoingState | None = None
    """The state of the reply; None while the answer waits for approval."""
    at: Moment
    """The time since which the answer is in its state."""
    url: str = ""
    """The address at which the answer stands."""

    @property
    def state(self) -> str:
        """Return how far the answer is, in a word or two."""
        return STATES.get(self.reply, str(self.reply))


STATES: dict[OutgoingState | None, str] = {
    None: "waits for approval",
    OutgoingState.WAITING: "approved",
    OutgoingState.SENDING: "being posted",
    OutgoingState.IN_DOUBT: "being posted",
    OutgoingState.SENT: "posted",
}
"""The words for the states of a public answer; any other state has a word of its own."""


def mentioned(sender: Sender) -> MentionedPost:
    """Return the post that `Mention.sender` described; one that cannot be read counts as private."""
    visibility = next((one for one in Visibility if one == sender.subject), Visibility.DIRECT)
    return MentionedPost(account=sender.address, url=sender.message_id, post=sender.references, visibility=visibility)


def is_private(source: QuestionSource, sender: Sender | None) -> bool:
    """Return True for a post that not everybody can read; what was said in private is never answered in public."""
    return source is QuestionSource.SOCIAL and sender is not None and not mentioned(sender).visibility.is_public


def reply_text(account: str, text: str) -> str:
    """Return the text of a reply, which begins with the name of the account: else its holder hears nothing of it."""
    return f"@{account.removeprefix('@')} {text}"


def why_not_in_public(source: QuestionSource, post: MentionedPost | None, text: str) -> Refusal | None:
    """Return why a question may not be answered by this text in public, or None."""
    if source is not QuestionSource.SOCIAL or post is None:
        return Refusal("it came by another way than a post, and is answered there: `amends questions answer`")
    if not post.visibility.is_public:
        return Refusal("it was not said in public, so it is never answered in public: `amends questions answer`")
    if not text:
        return Refusal("an answer needs words")
    return too_long_in_public(post.account, text)


def too_long_in_public(account: str, text: str) -> Refusal | None:
    """Return why a public answer to this account is too long, or None; the account is empty when nobody knows it."""
    if (length := len(reply_text(account, text))) > LONGEST_PUBLIC:
        return Refusal(f"a public answer has at most {LONGEST_PUBLIC} characters with the account's name, not {length}")
    return None
