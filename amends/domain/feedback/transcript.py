"""Recognition of transcripts: the words of whole calls and chats are not stored, only the question that was asked."""

import re

from amends.domain.base.errors import Refusal

SPEAKERS = (
    r"agent|caller|customer|client|operator|advisor|adviser|representative|rep|support|speaker ?\d|me|"
    r"anrufer(?:in)?|kunde|kundin|berater(?:in)?|mitarbeiter(?:in)?|appelant|conseiller|conseillère|"
    r"坐席|座席|客服|客户|顾客|用户|来电人|主叫|被叫|接线员"
)
TURN = re.compile(rf"(?:^|(?<=[\s\])）】]))(?P<who>{SPEAKERS})\s*\d*\s*[:：]", re.IGNORECASE | re.MULTILINE)
"""The beginning of a speaker's turn: "Agent: good morning", "[00:12] Caller:", "坐席：您好", "Speaker 2: yes"."""
STAMP = re.compile(r"^\s*[\[(（【]?\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?[\])）】]?(?=\s|$)", re.MULTILINE)
"""A time at the beginning of a line: "[00:01:23] yes", "10:32 good morning", "00:00:01,500 --> 00:00:04"."""
FEWEST_TURNS, FEWEST_STAMPS = 3, 3
NOTE_INSTEAD = "it looks like a transcript, and transcripts are not stored: note the question instead, in a few words"


def why_not_store(text: str) -> Refusal | None:
    """Return why a text is not stored as a question, because it is the transcript of a talk, or None.

    A talk has turns of at least two speakers, or times at the beginnings of its lines.
    """
    turns = [found["who"].casefold() for found in TURN.finditer(text)]
    talks = len(set(turns)) >= 2 and (len(turns) >= FEWEST_TURNS or len(text.strip().splitlines()) >= 2)
    return Refusal(NOTE_INSTEAD) if talks or len(STAMP.findall(text)) >= FEWEST_STAMPS else None
