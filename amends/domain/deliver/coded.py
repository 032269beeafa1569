"""The texts of a notice that promise a person a code of their own, so that nobody gets such a text without a code."""

import re
from collections.abc import Collection

from amends.domain.channel.channel import ChannelKind
from amends.domain.entitlement.code import reminded_of
from amends.domain.notice.notice import OWN_CODE, SLOT_CLOSE, SLOT_OPEN, Draft, TextName, Variant
from amends.domain.notice.statement import COMMITMENT, about

CODE_SLOT = re.compile(f"{SLOT_OPEN}{OWN_CODE}([a-z0-9_-]+){SLOT_CLOSE}")


class CodedTexts:
    """The texts of one draft, each with the commitments of which its reader has a code."""

    def __init__(self, draft: Draft, stocks: Collection[str]) -> None:
        """Begin with the commitments that have a stock; the draft may name more, of which there is none yet."""
        own = {commitment.id for commitment in draft.commitments if commitment.take_up.codes}
        stated = {
            statement.key.removeprefix(COMMITMENT)
            for statement in draft.statements
            if statement.key.startswith(COMMITMENT)
        }
        slots = {name for variant in draft.variants for name in CODE_SLOT.findall(variant.text)}
        self.reminds_of = reminded_of(draft.audience)
        self._draft, self.commitments = draft, tuple(sorted((own | {*stocks} & stated) | slots))
        self._known: dict[tuple[TextName, ChannelKind], tuple[str, ...]] = {}

    def of(self, name: TextName, channel: ChannelKind) -> tuple[str, ...]:
        """Return the commitments of which the reader of this text has a code.

        Where a law asks for another text by now, which was not drafted, any text of the channel counts.
        """
        if not self.commitments:
            return ()
        if (name, channel) not in self._known:
            self._known[name, channel] = self._find(name, channel)
        return self._known[name, channel]

    def _find(self, name: TextName, channel: ChannelKind) -> tuple[str, ...]:
        texts: tuple[Variant, ...]
        try:
            texts = (self._draft.nearest(name, channel.reads, name.locale),)
        except KeyError:
            texts = tuple(variant for variant in self._draft.variants if variant.channel is channel.reads)
        return tuple(
            commitment for commitment in self.commitments if any(_tells_of(text, commitment) for text in texts)
        )


def _tells_of(variant: Variant, commitment: str) -> bool:
    return about(commitment) in variant.states or commitment in CODE_SLOT.findall(variant.text)
