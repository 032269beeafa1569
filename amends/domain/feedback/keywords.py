"""Words with which people end our optional text messages, or let them come again."""

import unicodedata
from enum import StrEnum


class Wish(StrEnum):
    """What a text asks for that a machine may do at once."""

    STOP = "stop"
    START = "start"


WORDS: dict[Wish, tuple[str, ...]] = {
    Wish.STOP: (
        "stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe",
        "stop all", "remove", "please stop", "stop please", "stop texting", "stop texting me",
        "arrêt", "arrêter", "désabonner", "stopp", "abbestellen", "abmelden", "baja", "parar", "sair",
        "退订", "退订短信", "退", "td", "td退订", "t", "t退订", "拒收", "拒收短信", "拒绝", "取消", "取消订阅", "qx",
        "停止", "停止发送", "不再接收", "退訂", "取消訂閱", "拒絕",
    ),
    Wish.START: (
        "start", "unstop", "subscribe", "resubscribe", "opt in",
        "恢复", "恢复接收", "开通", "订阅", "重新订阅", "恢復", "開通", "訂閱",
    ),
}  # fmt: skip
"""A text that is one of these and nothing else. Every other one is read by a person: `cancel my card` is no wish.

The first line is what 47 CFR 64.1200(a)(10) names as reasonable means for everybody in the United States; the second,
what CTIA's Messaging Principles and Best Practices and gateways add. ARRET is what Canada's carriers want. The Chinese
ones senders offer in their own texts; TD, T and QX are the initials of 退订 and 取消.
"""


def wish_of(text: str) -> Wish | None:
    """The wish that this text is, in whatever case, width and accents, and whatever signs stand around it."""
    return WISHES.get(_bare(text))


def _bare(text: str) -> str:
    """Letters and digits alone, without their accents."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text).casefold()))


WISHES = {_bare(word): wish for wish, words in WORDS.items() for word in words}
