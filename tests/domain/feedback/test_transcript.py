"""Transcripts are told from questions."""

import pytest

from amends.domain.feedback.transcript import why_not_store


@pytest.mark.parametrize(
    "text",
    [
        "Agent: Good morning.\nCaller: Is my card safe?",
        "Agent: Hello. Caller: Is it safe? Agent: Yes.",
        "坐席：您好\n客户：我的卡安全吗？",
        "[00:01:23] hello\n[00:01:30] yes\n[00:01:44] thanks",
        "00:00:01,500 --> 00:00:04\nhello\n00:00:05,000 --> 00:00:06\nyes\n00:00:07,000 --> 00:00:08\nbye",
        "Speaker 1: hello\nSpeaker 2: hello",
        "Berater: Guten Tag\nKundin: Ist meine Karte sicher?",
    ],
)
def test_a_talk_is_not_stored(text: str) -> None:
    assert why_not_store(text)


@pytest.mark.parametrize(
    "text",
    [
        "Is my card safe?",
        "My agent: a Mr Example, said it was safe.",
        "I called at\n10:32 and again at\n11:40.",
        "Customer: I was told nothing. What now?",
        "客户：我的卡安全吗？",
        "Dear support: who are you? I am a client: number C-1.",
    ],
)
def test_a_question_is_stored(text: str) -> None:
    assert why_not_store(text) is None
