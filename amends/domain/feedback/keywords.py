"""Words with which people end our optional text messages, or start them again."""

import unicodedata
from enum import StrEnum


class Wish(StrEnum):
    """A request in a text message that a machine may fulfil at once."""

    STOP = "stop"
    START = "start"


WORDS: dict[Wish, tuple[str, ...]] = {
    Wish.STOP: (
        "stop",
        "quit",
        "end",
        "revoke",
        "opt out",
        "cancel",
        "unsubscribe",
        "stop all",
        "remove",
        "please stop",
        "stop please",
        "stop texting",
        "stop texting me",
        "arrêt",
        "arrêter",
        "désabonner",
        "stopp",
        "abbestellen",
        "abmelden",
        "baja",
        "parar",
        "sair",
        "退订",
        "退订短信",
        "退",
        "td",
        "td退订",
        "t",
        "t退订",
        "拒收",
        "拒收短信",
        "拒绝",
        "取消",
        "取消订阅",
        "qx",
        "停止",
        "停止发送",
        "不再接收",
        "退訂",
        "取消訂閱",
        "拒絕",
    ),
    Wish.START: (
        "start",
        "unstop",
        "subscribe",
        "resubscribe",
        "opt in",
        "恢复",
        "恢复接收",
        "开通",
        "订阅",
        "重新订阅",
        "恢復",
        "開通",
        "訂閱",
    ),
}
"""Texts that are a wish when nothing else stands beside them. A person reads every other text, as `cancel my card`.

The words of the first line are reasonable means for everybody in the United States by 47 CFR 64.1200(a)(10); CTIA's
Messaging Principles and Best Practices and gateways add those of the second. Canada's carriers want ARRET. Senders in
China offer the Chinese words in their texts; TD, T and QX are the initials of 退订 and 取消.
"""


LONGEST_WISH = 100
"""The number of characters above which no text is taken for a wish."""


def wish_of(text: str) -> Wish | None:
    """Return the wish that the whole text is, or None; case, width, accents and signs do not matter."""
    return WISHES.get(_bare(text))


def _bare(text: str) -> str:
    """Return the letters and digits of the text alone, without accents."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text).casefold()))


WISHES = {_bare(word): wish for wish, words in WORDS.items() for word in words}
