"""What the logs of relays say became of our messages. A log names a message before it is taken, and often it never is.

Postfix and Sendmail write a message's Message-ID when they have read that far, so what counts are their later lines
about the same queue id. Exim names what it took, and OpenSMTPD only its envelope sender. Of any other log we know less:
a line that names a message tells that it has left, unless another one refuses it.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from amends.domain.receipt.codes import codes_in, more_specific, words_of
from amends.domain.receipt.dsn import MailReport, ReportKind


@dataclass(frozen=True, slots=True)
class RelayLog:
    """What some logs say, by the keys of messages; every key that they name is in one of the first three."""

    left: Collection[str] = frozenset()
    refused: Collection[str] = frozenset()
    """The relay did not take them, so they have not left."""
    unclear: Collection[str] = frozenset()
    """Named, and nothing tells whether they were taken."""
    came_back: Mapping[str, MailReport] = field(default_factory=dict)
    """What arrived nowhere although it had left; reports without a token."""
    tokens: Collection[str] = frozenset()
    """What has left as well, by the tokens in its addresses for bounces, of which the ledger knows the keys."""
    has_gaps: bool = False
    """The system dropped lines because there were too many at a time, as it says itself."""

    @property
    def names_any(self) -> bool:
        """Whether a message of this form stands in the logs, be it of another ledger."""
        return bool(self.left or self.refused or self.unclear)

    def names(self, key: str) -> bool:
        """Whether the message stands in the logs at all."""
        return key in self.left or key in self.refused or key in self.unclear


# What lines say of one message. Bare numbers, because an enum's take as long as all else that is done with a line.
TAKEN = 1
"""Postfix or Sendmail had it in its queue."""
DROPPED = 2
"""Postfix or Sendmail gave it up before it was taken."""
OPEN = 4
"""Postfix or Sendmail had begun to read it, and no line tells how that ended."""
NAMED = 8
"""In a log of which we do not know whose it is."""
REFUSED = 16
"""In a line of refusal that is neither Postfix's nor Sendmail's."""
MENTIONED = 32
"""In a log of one of these relays, by some other program; or in headers that are shown of what was refused."""
ACCEPTED = 64
"""By Exim, which says so in a line of its own."""

KEY = re.compile(rb"(?<!\+)([0-9a-f]{32})@")
"""Our Message-ID, with or without angle brackets; after a plus it is the token of an address for bounces."""
ENTRY = re.compile(rb'(?:^|[\s"])([0-9A-Za-z]{5,25}): ')
"""A queue id, where Postfix writes it: before anything that strangers had a hand in."""
PROCESS = b"]: "
"""Behind which it mostly stands, so that it is found at once."""
OTHER_STYLES = (b"<", b"{")
"""RFC 5424 and JSON have it nowhere, or only where a stranger wrote it."""
AFTER_PROCESS = re.compile(rb"([0-9A-Za-z]{5,25}): ")
NAMES = b"message-id="
FROM, MSGID = b"from=", b", msgid="
"""Of Sendmail, which names a message so when it has read it, and may still refuse it."""
OURS = re.compile(rb"(?:message-id=|from=.*, msgid=)<?([0-9a-f]{32})@")
BEGINS, ENDS = b"client=", b"removed"
GIVES_UP = (b"removed (canceled)", b"canceled", b"reject: ", b"milter-reject: ")
REFUSES_AFTER_ITS_END = (b"reject: END-OF-MESSAGE", b"milter-reject: END-OF-MESSAGE")
QUEUED = (b"from=<", b"to=<")
"""Of the queue manager, and of whoever delivers."""
STATUS_IS = b"status="
STATUS = re.compile(
    rb'(?:(?:orig_)?(?:to|from)=<(?:"(?:\\.|[^"\\])*"|[^">])*>, )+'
    rb"(?:[^(<]*?, )??(?:dsn=([0-9.]+), )?status=([a-z-]+)(.*)",
    re.DOTALL,
)
"""Behind the addresses, which may read like a status themselves, and before the words of another server."""
RECIPIENTS = re.compile(rb"from=<[^>]*>, size=\d+, nrcpt=(\d+) ")
ACTIVE = re.compile(rb"from=<b\+([0-9a-f]{32})@[^>]*>, size=\d+, nrcpt=\d+ \(queue active\)")
"""With the token of what Postfix has in its queue, when the line that names it was lost."""
SENT = b"sent"
CAME_BACK = {b"bounced": ReportKind.FAILED, b"expired": ReportKind.GAVE_UP, b"force-expired": ReportKind.GAVE_UP}
REFUSAL = re.compile(rb"rejected after DATA|rejected during|[\",;\t](?:rejected|dropped)[\",;\t]", re.IGNORECASE)
"""Exim, and a cell of a table or a value of JSON."""
SHOWN_HEADER = re.compile(rb"(?:^|\[\d+[/\\]\d+\] )[ A-Z*] +Message-I[dD]: ")
"""In Exim's log of what it rejected, or in the syslog."""
EVPID = b" evpid="
ENVELOPE = re.compile(
    rb"(?<!\w)[0-9a-f]{16} (?:smtp envelope|m[dt]a delivery) evpid=[0-9a-f]{16} from=<b\+([0-9a-f]{32})@", re.IGNORECASE
)
"""In OpenSMTPD's log, which names no Message-ID: the token of what it has put into its queue."""
ARRIVED = b" <= "
ARRIVAL = re.compile(rb" \w{6}-\w{6,11}-\w{2,4} <= ")
TO, MAILER, STAT, QUARANTINE = b"to=", b", mailer=", b", stat=", b", quarantine="
"""Of Sendmail: what became of a recipient, by which way it was to go on, how it ended, and that it is held."""
MOST_TURNED_AWAY = 10_000
LOST, SUPPRESSED = b"due to rate-limiting", b"Suppressed "
OF_SYSTEM = re.compile(
    rb"(?:(?!: ).)*?(?<!\S)(?:rsyslogd|(?:systemd-)?journald?)[^\s@]* "
    rb'|\{.*(?<!\\)"(?:rsyslogd|(?:systemd-)?journald?)[^"\s]*"'
)
"""The program that writes the line, where strangers have no hand in it: before the first colon, or a value of JSON."""
OF_MAIL = re.compile(rb"Suppressed \d+ messages from \S*(?:postfix|exim|mail|smtp)")
"""Of rsyslog, whose usual limit is reached by a few hundred emails a minute, and of journald."""


def read_relay_logs(logs: Iterable[Iterable[bytes]]) -> RelayLog:
    """What these logs say, each given line by line; the older ones first, because one goes on where another ends."""
    reader = _Reader()
    for lines in logs:
        reader.read(lines)
    return reader.found()


@dataclass(slots=True)
class _Held:
    """A queue id of a message of ours."""

    key: str
    number: int
    """Which one of all that were ours."""
    by_sendmail: bool
    recipients: int = 0
    """The most that the queue manager spoke of; a relay may send a copy to an archive."""


class _Reader:
    """Keeps what is known of our messages, and which queue ids are theirs at the moment: those come again in time."""

    def __init__(self) -> None:
        self._said: dict[str, int] = {}
        self._ends: dict[str, tuple[int, MailReport | None]] = {}
        """By key, the last queue id of it that was delivered or came back; a filter and a second try make new ones."""
        self._held: dict[bytes, _Held] = {}
        """From the line that names the message to the one that ends it."""
        self._begun = 0
        self._has_gaps = False
        self._tokens: set[str] = set()
        self._turned_away: dict[bytes, None] = {}
        """Queue ids that were refused; some lines of refusal stand before the one that names the message."""

    def read(self, lines: Iterable[bytes]) -> None:
        others, by_queue_ids = _Others(), False
        for line in lines:
            entry = _entry(line)
            if entry and _names(line, entry.end()):
                by_queue_ids = True
                self._begin(entry[1], OURS.match(line, entry.end()))
            elif not (entry and self._follow(entry[1], line, entry.end())):
                others.take(line)
                self._has_gaps = self._has_gaps or _is_gap(line)
        self._add(others.shown, MENTIONED)
        self._add(others.named, MENTIONED if by_queue_ids or others.of_relay else NAMED)
        self._add(others.refused, MENTIONED if by_queue_ids else REFUSED)
        self._add(others.accepted, MENTIONED if by_queue_ids else ACCEPTED)
        self._tokens |= others.tokens

    def found(self) -> RelayLog:
        for queue_id in tuple(self._held):
            self._end(queue_id)
        sorted_out: dict[str, set[str]] = {"left": set(), "refused": set(), "unclear": set()}
        for key, said in self._said.items():
            sorted_out[_outcome(said)].add(key)
        came_back = {key: report for key, (_, report) in self._ends.items() if report}
        return RelayLog(**sorted_out, came_back=came_back, tokens=self._tokens, has_gaps=self._has_gaps)

    def _begin(self, queue_id: bytes, ours: re.Match[bytes] | None) -> None:
        self._end(queue_id)
        turned_away = queue_id in self._turned_away
        self._turned_away.pop(queue_id, None)
        if ours and turned_away:
            self._add((ours[1].decode(),), DROPPED)
        elif ours:
            self._begun += 1
            self._held[queue_id] = _Held(ours[1].decode(), self._begun, ours[0].startswith(FROM))

    def _follow(self, queue_id: bytes, line: bytes, at: int) -> bool:
        """A further line about a queue id; whether it is one, and of a message of ours."""
        if line.startswith(BEGINS, at):
            self._turned_away.pop(queue_id, None)
            self._end(queue_id)
            return True
        if held := self._held.get(queue_id):
            hear = self._hear_sendmail if held.by_sendmail else self._hear
            hear(queue_id, held, line, at)
            return True
        if line.startswith(REFUSES_AFTER_ITS_END, at):
            self._turn_away(queue_id)
        elif line.startswith(FROM, at) and (active := ACTIVE.match(line, at)):
            self._tokens.add(active[1].decode())
        return False

    def _hear(self, queue_id: bytes, held: _Held, line: bytes, at: int) -> None:
        if line.startswith(GIVES_UP, at):
            self._add((held.key,), DROPPED)
            del self._held[queue_id]
        elif line.startswith(ENDS, at):
            self._end(queue_id)
        elif line.startswith(QUEUED, at):
            self._add((held.key,), TAKEN)
            if counted := RECIPIENTS.match(line, at):
                held.recipients = max(held.recipients, int(counted[1]))
            elif held.recipients == 1 and STATUS_IS in line and (told := STATUS.match(line, at)):
                self._hear_status(held, told)

    def _hear_sendmail(self, queue_id: bytes, held: _Held, line: bytes, at: int) -> None:
        """Of what was refused it says as well what became of the recipient, but names no way to go on."""
        before_words = line[at:].partition(STAT)[0]
        if before_words.startswith(TO) and QUARANTINE not in before_words:
            self._add((held.key,), TAKEN if MAILER in before_words else DROPPED)
            del self._held[queue_id]

    def _hear_status(self, held: _Held, told: re.Match[bytes]) -> None:
        """Of one who alone got the mail, so that it is the person's."""
        ends = told[2] == SENT or told[2] in CAME_BACK
        if ends and held.number >= self._ends.get(held.key, (0, None))[0]:
            self._ends[held.key] = (held.number, None if told[2] == SENT else _report(told))

    def _end(self, queue_id: bytes) -> None:
        held = self._held.pop(queue_id, None)
        if held and not self._said.get(held.key, 0) & TAKEN:
            self._add((held.key,), OPEN)

    def _turn_away(self, queue_id: bytes) -> None:
        self._turned_away[queue_id] = None
        if len(self._turned_away) > MOST_TURNED_AWAY:
            del self._turned_away[next(iter(self._turned_away))]

    def _add(self, keys: Iterable[str], said: int) -> None:
        for key in keys:
            self._said[key] = self._said.get(key, 0) | said


class _Others:
    """What all lines of a log say that are about no queue id of ours."""

    def __init__(self) -> None:
        self.named: set[str] = set()
        self.shown: set[str] = set()
        self.refused: set[str] = set()
        self.accepted: set[str] = set()
        self.tokens: set[str] = set()
        self.of_relay = False
        """Exim or OpenSMTPD wrote in it."""

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


def _outcome(said: int) -> str:
    """What tells of a queue goes before what others say, and what was accepted before what was refused another time.

    Where they differ otherwise only a person can tell: a filter names what is then refused.
    """
    of_others = said & ACCEPTED or (said & NAMED and not said & REFUSED)
    if said & TAKEN or (of_others and not said & (OPEN | DROPPED)):
        return "left"
    if said & (OPEN | NAMED | ACCEPTED) or not said & (DROPPED | REFUSED):
        return "unclear"
    return "refused"


def _report(told: re.Match[bytes]) -> MailReport:
    """As the mail would say it that the relay writes to the address for bounces."""
    codes = more_specific((told[1] or b"").decode(), codes_in(words_of(told[3].decode("utf-8", "replace"))))
    return MailReport(CAME_BACK[told[2]], status=codes.status, detail=str(codes) or told[2].decode())
