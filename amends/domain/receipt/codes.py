"""The meaning of a mail server's report of failure: reply codes, enhanced status codes (RFC 3463), and words."""

import re
from dataclasses import dataclass

MOST_WORDS = 20_000
"""The number of characters that are searched; a report says at its beginning that something failed."""

ADDRESS = re.compile(r"[A-Za-z0-9._%+=-]{1,64}@[A-Za-z0-9.-]{1,253}|https?://[!-;=?-~]{1,500}")
"""Addresses and links, which are no words whatever they contain."""
REPLY_AND_STATUS = re.compile(r"(?<![A-Za-z0-9.,-])([45][0-5][0-9])[\s-]{1,2}#?([45]\.[0-7]\.[0-9]{1,3})(?!\.?[0-9])")
STATUS = re.compile(r"(?<![A-Za-z0-9.,-])([245]\.[0-7]\.[0-9]{1,3})(?!\.?[0-9])")
REPLY = re.compile(r"(?<![A-Za-z0-9.,-])(421|45[0-5]|50[0-4]|52[0-9]|55[0-6])(?![A-Za-z0-9]|[.,][0-9])")
"""A reply code, but no port and no part of an IP address or a version."""

OURS = ("4.7.", "5.7.", "5.1.7", "5.1.8", "5.1.90", "5.4.5")
"""Beginnings of statuses that blame our sender, our text or our rate, never the person."""
SPARES_THE_ADDRESS = re.compile(r"[24]\..*|5\.(?:1\.(?:[78]|90)|2\.[23]|3\.\d+|4\.(?:[5-7]|14|300|316)|6\.\d+|7\.\d+)")
"""Statuses that blame the moment, the sender, the content or the server, not the address."""
REPLIES_THAT_SPARE = re.compile(r"4\d\d|552|554")
FULL = re.compile(
    r"(?:mail)?box (?:is |has )?(?:full|exceeded)|over (?:its )?(?:disk )?quota|quota (?:is |has been )?exceeded"
    r"|exceed\w{0,3} .{0,20}quota|insufficient (?:disk |storage )?space"
    r"|postfach .{0,20}voll|bo[iî]te .{0,50}pleine|buz[oó]n .{0,20}lleno"
    r"|(?:邮箱|信箱|邮件箱|空间|容量|郵箱).{0,8}(?:已满|满了|不足|超限|超出|已滿)",
    re.IGNORECASE,
)
REFUSED = re.compile(
    r"\bspam|\bblocked|block ?list|blacklist|content (?:denied|rejected)|frequency|\bpolicy\b"
    r"|拒收|拒绝接收|拒絕|垃圾邮件|频率",
    re.IGNORECASE,
)
NOBODY = re.compile(
    r"(?:user|recipient|mailbox|account|address|host|domain)\b.{0,20}?"
    r"(?:unknown|not (?:be )?found|not known|suspended|disabled)"
    r"|no (?:such|mailbox|valid)|does ?n[o']t exist|unknown (?:user|recipient|mailbox|address)"
    r"|unroute?able|invalid recipient|(?:empfänger|benutzer|adresse) .{0,20}(?:unbekannt|existiert)"
    r"|inconnu|n'existe pas|desconocid|no existe"
    r"|(?:用户|地址|邮箱|帐号|账号|域名|收件人|用戶|郵箱).{0,8}(?:不存在|无效|未开通|被禁用|已注销)|查无此人|无此用户",
    re.IGNORECASE,
)
STILL_TRYING = re.compile(
    r"not been delivered .{0,80}(?:hours|queue)|not yet been delivered|warning message only|no action is required"
    r"|will (?:be retried|continue|keep trying)|still (?:be )?trying"
    r"|(?:系统|服务器)(?:将|会).{0,6}(?:继续|再次|重试)|仍在尝试|继续尝试|延迟投递|投递延迟",
    re.IGNORECASE | re.DOTALL,
)

DELAYED = re.compile(
    r"delayed|being retried|reattempted|(?:attempted|tried) again|(?:keep|continue) trying|attempts (?:will )?continue"
    r"|not been delivered yet|still undelivered|message is queued|verzögert|weitere (?:zustell)?versuche"
    r"|retardée|différée|nouvelle tentative|retrasad|demorad|seguir\w* intentando|遅延|再送"
    r"|重新(?:尝试|投递)|稍后(?:重试|再试)",
    re.IGNORECASE,
)
"""Words of delay, which count only where all codes are temporary and GAVE_UP does not match.

A server that gave up may say as well that the delivery took long."""
GAVE_UP = re.compile(
    r"g[ai]ve?n? up|giving up|no longer|not (?:going to )?(?:re)?try|no (?:more|further)|permanent|too long|expired"
    r"|exceeded|endgültig|définiti|definitiv|退信",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Codes:
    """The reply code of a mail server, such as 550, and its enhanced status, such as 5.1.1; each may be missing."""

    reply: str = ""
    status: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.reply, self.status)))

    @property
    def specific(self) -> bool:
        """Return True when the status says more than its class."""
        return bool(self.status) and not self.status.endswith(".0.0")


def words_of(text: str) -> str:
    """Return the text without addresses and links, cut to MOST_WORDS."""
    return ADDRESS.sub(" ", text[:MOST_WORDS])


def codes_in(words: str) -> Codes:
    """Return the first codes in the words; a reply and a status side by side take precedence."""
    if both := REPLY_AND_STATUS.search(words):
        return Codes(both[1], both[2])
    reply, status = REPLY.search(words), STATUS.search(words)
    return Codes(reply[1] if reply else "", status[1] if status else "")


def more_specific(status: str, diagnostic: Codes) -> Codes:
    """Return the codes of a status field, or of its diagnostic where a server writes only 5.0.0 into the field."""
    found = STATUS.match(status)
    codes = Codes(diagnostic.reply, found[1] if found else "")
    return codes if codes.specific or not diagnostic.status else diagnostic


def still_trying(words: str) -> bool:
    """Return True when the server keeps trying, whatever it says about its last attempt."""
    codes = [*REPLY.findall(words), *STATUS.findall(words)]
    temporary = codes and all(code.startswith("4") for code in codes)
    delayed = temporary and DELAYED.search(words) and not GAVE_UP.search(words)
    return bool(delayed or STILL_TRYING.search(words))


def sounds_like_a_failure(words: str) -> bool:
    """Return True when the words may be a mail server's, whoever sent them; a bare 550 may be a room or a telephone."""
    return codes_in(words).status[:1] in ("4", "5") or bool(FULL.search(words) or NOBODY.search(words))


def spares_the_address(codes: Codes, words: str) -> bool | None:
    """Return True when the address may take the next message although this one failed, None without any failure.

    A mailbox that is full exists, whatever the code. Otherwise an enhanced status says most, and a bare 550 least.
    """
    if FULL.search(words):
        return True
    if codes.specific:
        return bool(SPARES_THE_ADDRESS.fullmatch(codes.status))
    if REFUSED.search(words):
        return True
    if NOBODY.search(words):
        return False
    if not codes.reply and not codes.status:
        return None
    return bool(REPLIES_THAT_SPARE.fullmatch(codes.reply)) or codes.status[:1] in ("2", "4")
