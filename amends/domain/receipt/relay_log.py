"""Outcomes of our messages in the logs of relays. A log may name a message that the relay then does not accept.

Postfix and Sendmail write a Message-ID as soon as they have read it, so only their later lines about the same queue id
count. Exim names a message that it accepted, and OpenSMTPD only the envelope sender. Any other log tells less: a line
that names a message counts as proof that it was sent, unless another line refuses the message.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from amends.domain.receipt.codes import codes_in, more_specific, words_of
from amends.domain.receipt.dsn import MailReport, ReportKind

# Flags of what the lines say about a message. Bare numbers, as an enum takes as long as all other work on a line.
TAKEN = 1
"""Postfix or Sendmail had the message in its queue."""
DROPPED = 2
"""Postfix or Sendmail dropped the message before accepting it."""
OPEN = 4
"""Postfix or Sendmail began to read the message, and no line tells how the reading ended."""
NAMED = 8
"""The log of an unknown program names the message."""
REFUSED = 16
"""A line of refusal names the message, and it is neither Postfix's nor Sendmail's."""
MENTIONED = 32
"""Another program names the message in the log of a known relay, or a log shows the headers of a refused message."""
ACCEPTED = 64
"""Exim accepted the message, as a line of its own says."""

KEY = re.compile(rb"(?<!\+)([0-9a-f]{32})@")
"""The key in our Message-ID, with or without angle brackets; after a plus sign stands a bounce token instead."""
ENTRY = re.compile(rb'(?:^|[\s"])([0-9A-Za-z]{5,25}): ')
"""A queue id where Postfix writes it: before any text that a stranger can influence."""
PROCESS = b"]: "
"""The text that mostly precedes the queue id, so that the queue id is found at once."""
OTHER_STYLES = (b"<", b"{")
"""Beginnings of lines in RFC 5424 and JSON, which contain PROCESS nowhere, or only in a stranger's text."""
AFTER_PROCESS = re.compile(rb"([0-9A-Za-z]{5,25}): ")
NAMES = b"message-id="
FROM, MSGID = b"from=", b", msgid="
"""Fields of the line in which Sendmail names a message that it has read and may still refuse."""
OURS = re.compile(rb"(?:message-id=|from=.*, msgid=)<?([0-9a-f]{32})@")
BEGINS, ENDS = b"client=", b"removed"
GIVES_UP = (b"removed (canceled)", b"canceled", b"reject: ", b"milter-reject: ")
REFUSES_AFTER_ITS_END = (b"reject: END-OF-MESSAGE", b"milter-reject: END-OF-MESSAGE")
QUEUED = (b"from=<", b"to=<")
"""Beginnings of the entries of the queue manager, and of the programs that deliver."""
STATUS_IS = b"status="
STATUS = re.compile(
    rb'(?:(?:orig_)?(?:to|from)=<(?:"(?:\\.|[^"\\])*"|[^">])*>, )+'
    rb"(?:[^(<]*?, )??(?:dsn=([0-9.]+), )?status=([a-z-]+)(.*)",
    re.DOTALL,
)
"""A status behind the addresses, which may read like a status themselves, and before the words of another server."""
RECIPIENTS = re.compile(rb"from=<[^>]*>, size=\d+, nrcpt=(\d+) ")
ACTIVE = re.compile(rb"from=<b\+([0-9a-f]{32})@[^>]*>, size=\d+, nrcpt=\d+ \(queue active\)")
"""A message in Postfix's queue, by its bounce token, for the case that the line with its Message-ID was lost."""
SENT = b"sent"
CAME_BACK = {b"bounced": ReportKind.FAILED, b"expired": ReportKind.GAVE_UP, b"force-expired": ReportKind.GAVE_UP}
REFUSAL = re.compile(rb"rejected after DATA|rejected during|[\",;\t](?:rejected|dropped)[\",;\t]", re.IGNORECASE)
"""A refusal by Exim, or in a cell of a table or a value of JSON."""
SHOWN_HEADER = re.compile(rb"(?:^|\[\d+[/\\]\d+\] )[ A-Z*] +Message-I[dD]: ")
"""A Message-ID among the headers of a rejected message, in Exim's reject log or in the syslog."""
EVPID = b" evpid="
ENVELOPE = re.compile(
    rb"(?<!\w)[0-9a-f]{16} (?:smtp envelope|m[dt]a delivery) evpid=[0-9a-f]{16} from=<b\+([0-9a-f]{32})@", re.IGNORECASE
)
"""A message in OpenSMTPD's queue, by its bounce token; OpenSMTPD logs no Message-ID."""
ARRIVED = b" <= "
ARRIVAL = re.compile(rb" \w{6}-\w{6,11}-\w{2,4} <= ")
TO, MAILER, STAT, QUARANTINE = b"to=", b", mailer=", b", stat=", b", quarantine="
"""Fields of Sendmail: a recipient, the mailer for the next hop, the outcome, and that the message is held."""
MOST_REFUSED_IDS = 10_000
LOST, SUPPRESSED = b"due to rate-limiting", b"Suppressed "
"""Words of rsyslog and of journald for dropped lines; a few hundred emails a minute reach rsyslog's usual limit."""
OF_SYSTEM = re.compile(
    rb"(?:(?!: ).)*?(?<!\S)(?:rsyslogd|(?:systemd-)?journald?)[^\s@]* "
    rb'|\{.*(?<!\\)"(?:rsyslogd|(?:systemd-)?journald?)[^"\s]*"'
)
"""A line of rsyslogd or journald, named where strangers cannot write: before the first colon, or in a value of JSON."""
OF_MAIL = re.compile(rb"Suppressed \d+ messages from \S*(?:postfix|exim|mail|smtp)")
"""Lines of a mail program that journald dropped."""


@dataclass(frozen=True, slots=True)
class RelayLog:
    """Outcomes of messages in some logs, by key; every key that the logs name is in `left`, `refused` or `unclear`."""

    left: Collection[str] = frozenset()
    refused: Collection[str] = frozenset()
    """Messages that the relay did not accept, so that they were not sent."""
    unclear: Collection[str] = frozenset()
    """Messages that a log names without telling whether the relay accepted them."""
    came_back: Mapping[str, MailReport] = field(default_factory=dict)
    """Reports, without a token, of messages that were sent and bounced."""
    tokens: Collection[str] = frozenset()
    """Bounce tokens of further messages that were sent; the ledger finds their keys."""
    has_gaps: bool = False
    """True when the system says that it dropped lines because there were too many at a time."""

    @property
    def names_any(self) -> bool:
        """Return True when the logs name any message with a key like ours, be it of another ledger."""
        return bool(self.left or self.refused or self.unclear)

    def names(self, key: str) -> bool:
        """Return True when the logs name the message with this key."""
        return key in self.left or key in self.refused or key in self.unclear


def read_relay_logs(logs: Iterable[Iterable[bytes]]) -> RelayLog:
    """Return the outcomes in the logs, each given as lines; the oldest comes first, because others continue it."""
    reader = _Reader()
    for lines in logs:
        reader.read(lines)
    return reader.found()


@dataclass(slots=True)
class _QueueId:
    """A queue id that stands for one of our messages."""

    key: str
    number: int
    """The position of the queue id among all queue ids of our messages."""
    by_sendmail: bool
    recipients: int = 0
    """The largest number of recipients in the queue manager's lines; a relay may send a copy to an archive."""


class _Reader:
    """A reader that collects flags of our messages and knows their current queue ids, which relays use again later."""

    def __init__(self) -> None:
        self._flags: dict[str, int] = {}
        self._outcomes: dict[str, tuple[int, MailReport | None]] = {}
        """By key, the number of the last queue id that was delivered or bounced, with the report of a bounce.

        A filter and a second attempt give the message a new queue id."""
        self._by_queue_id: dict[bytes, _QueueId] = {}
        """Our messages by queue id, from the line that names the message to the line that ends the queue id."""
        self._count = 0
        self._has_gaps = False
        self._tokens: set[str] = set()
        self._refused_ids: dict[bytes, None] = {}
        """Queue ids that were refused: some lines of refusal stand before the line that names the message."""

    def read(self, lines: Iterable[bytes]) -> None:
        others, by_queue_ids = _OtherLines(), False
        for line in lines:
            entry = _entry(line)
            if entry and _names(line, entry.end()):
                by_queue_ids = True
                self._begin(entry[1], OURS.match(line, entry.end()))
            elif not (entry and self._continue(entry[1], line, entry.end())):
                others.take(line)
                self._has_gaps = self._has_gaps or _is_gap(line)
        self._flag(others.shown, MENTIONED)
        self._flag(others.named, MENTIONED if by_queue_ids or others.of_relay else NAMED)
        self._flag(others.refused, MENTIONED if by_queue_ids else REFUSED)
        self._flag(others.accepted, MENTIONED if by_queue_ids else ACCEPTED)
        self._tokens |= others.tokens

    def found(self) -> RelayLog:
        for queue_id in tuple(self._by_queue_id):
            self._close(queue_id)
        by_outcome: dict[str, set[str]] = {"left": set(), "refused": set(), "unclear": set()}
        for key, flags in self._flags.items():
            by_outcome[_outcome(flags)].add(key)
        came_back = {key: report for key, (_, report) in self._outcomes.items() if report}
        return RelayLog(**by_outcome, came_back=came_back, tokens=self._tokens, has_gaps=self._has_gaps)

    def _begin(self, queue_id: bytes, ours: re.Match[bytes] | None) -> None:
        self._close(queue_id)
        was_refused = queue_id in self._refused_ids
        self._refused_ids.pop(queue_id, None)
        if ours and was_refused:
            self._flag((ours[1].decode(),), DROPPED)
        elif ours:
            self._count += 1
            self._by_queue_id[queue_id] = _QueueId(ours[1].decode(), self._count, ours[0].startswith(FROM))

    def _continue(self, queue_id: bytes, line: bytes, at: int) -> bool:
        """Apply a further line about a queue id; return True when nothing else can be read from the line."""
        if line.startswith(BEGINS, at):
            self._refused_ids.pop(queue_id, None)
            self._close(queue_id)
            return True
        if ours := self._by_queue_id.get(queue_id):
            apply = self._apply_sendmail if ours.by_sendmail else self._apply_postfix
            apply(queue_id, ours, line, at)
            return True
        if line.startswith(REFUSES_AFTER_ITS_END, at):
            self._refuse(queue_id)
        elif line.startswith(FROM, at) and (active := ACTIVE.match(line, at)):
            self._tokens.add(active[1].decode())
        return False

    def _apply_postfix(self, queue_id: bytes, ours: _QueueId, line: bytes, at: int) -> None:
        if line.startswith(GIVES_UP, at):
            self._flag((ours.key,), DROPPED)
            del self._by_queue_id[queue_id]
        elif line.startswith(ENDS, at):
            self._close(queue_id)
        elif line.startswith(QUEUED, at):
            self._flag((ours.key,), TAKEN)
            if counted := RECIPIENTS.match(line, at):
                ours.recipients = max(ours.recipients, int(counted[1]))
            elif ours.recipients == 1 and STATUS_IS in line and (found := STATUS.match(line, at)):
                self._apply_status(ours, found)

    def _apply_sendmail(self, queue_id: bytes, ours: _QueueId, line: bytes, at: int) -> None:
        """Apply a line of Sendmail, which names the recipient of a refused message too, but then no mailer."""
        before_words = line[at:].partition(STAT)[0]
        if before_words.startswith(TO) and QUARANTINE not in before_words:
            self._flag((ours.key,), TAKEN if MAILER in before_words else DROPPED)
            del self._by_queue_id[queue_id]

    def _apply_status(self, ours: _QueueId, found: re.Match[bytes]) -> None:
        """Record the outcome for the only recipient of the message, who is therefore the person."""
        ends = found[2] == SENT or found[2] in CAME_BACK
        if ends and ours.number >= self._outcomes.get(ours.key, (0, None))[0]:
            self._outcomes[ours.key] = (ours.number, None if found[2] == SENT else _report(found))

    def _close(self, queue_id: bytes) -> None:
        ours = self._by_queue_id.pop(queue_id, None)
        if ours and not self._flags.get(ours.key, 0) & TAKEN:
            self._flag((ours.key,), OPEN)

    def _refuse(self, queue_id: bytes) -> None:
        self._refused_ids[queue_id] = None
        if len(self._refused_ids) > MOST_REFUSED_IDS:
            del self._refused_ids[next(iter(self._refused_ids))]

    def _flag(self, keys: Iterable[str], flag: int) -> None:
        for key in keys:
            self._flags[key] = self._flags.get(key, 0) | flag


class _OtherLines:
    """The messages named in one log by lines that are about no queue id of ours."""

    def __init__(self) -> None:
        self.named: set[str] = set()
        self.shown: set[str] = set()
        self.refused: set[str] = set()
        self.accepted: set[str] = set()
        self.tokens: set[str] = set()
        self.of_relay = False
        """True when Exim or OpenSMTPD wrote in the log."""

    def take(self, line: bytes) -> None:
        if EVPID in line and (envelope := ENVELOPE.search(line)):
            self.tokens.add(envelope[1].decode().lower())
            self.of_relay = True
            return
        keys = [key.decode() for key in KEY.findall(line)] if b"@" in line else []
        arrived = ARRIVED in line and ARRIVAL.search(line) is not None
        self.of_relay = self.of_relay or arrived
        if len(keys) != 1:
            self.named.update(keys)
        elif arrived:
            self.accepted.update(keys)
        elif REFUSAL.search(line):
            self.refused.update(keys)
        elif SHOWN_HEADER.search(line):
            self.shown.update(keys)
        else:
            self.named.update(keys)


def _entry(line: bytes) -> re.Match[bytes] | None:
    at = -1 if line.startswith(OTHER_STYLES) else line.find(PROCESS)
    return (AFTER_PROCESS.match(line, at + len(PROCESS)) if at >= 0 else None) or ENTRY.search(line)


def _names(line: bytes, at: int) -> bool:
    return line.startswith(NAMES, at) or (line.startswith(FROM, at) and MSGID in line)


def _is_gap(line: bytes) -> bool:
    is_lost = LOST in line or (SUPPRESSED in line and OF_MAIL.search(line) is not None)
    return is_lost and OF_SYSTEM.match(line) is not None


def _outcome(flags: int) -> str:
    """Return the outcome of a message by its flags.

    Flags of a queue go before flags of other lines, and an acceptance before a refusal of another attempt. Where flags
    contradict each other otherwise, only a person can tell: a filter names a message that is refused afterwards.
    """
    of_others = flags & ACCEPTED or (flags & NAMED and not flags & REFUSED)
    if flags & TAKEN or (of_others and not flags & (OPEN | DROPPED)):
        return "left"
    if flags & (OPEN | NAMED | ACCEPTED) or not flags & (DROPPED | REFUSED):
        return "unclear"
    return "refused"


def _report(found: re.Match[bytes]) -> MailReport:
    """Return the report as the relay's mail to the bounce address would give it."""
    codes = more_specific((found[1] or b"").decode(), codes_in(words_of(found[3].decode("utf-8", "replace"))))
    return MailReport(CAME_BACK[found[2]], status=codes.status, detail=str(codes) or found[2].decode())
