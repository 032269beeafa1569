"""Mailboxes as their owners read them: what each message is, says, corrects and promises, from its words alone."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import StrEnum
from functools import cached_property

ORGANISATION_ZONE = timezone(timedelta(hours=8))
AMERICAN = re.compile(r"\b([A-Z][a-z]{2,8}) (\d{1,2}), (\d{4})\b")
"""A day as letters to the United States write it, which is read as 17 November 2026 here."""
CHINESE = re.compile(r"[\u4e00-\u9fff]")


class Kind(StrEnum):
    """What a message is, by its subject."""

    FIRST = "first"
    UPDATE = "update"
    CORRECTION = "correction"
    NOT_AFFECTED = "not affected"
    MADE = "made"
    KEPT = "kept"
    LATE = "late"
    DROPPED = "dropped"
    BROKEN = "broken"
    CLAIM = "claim"
    SURVEY = "survey"
    CLOSING = "closing"


class ClaimStep(StrEnum):
    """What a message about a claim of compensation says, by its first words."""

    RECEIVED = "received"
    GRANTED = "granted"
    REJECTED = "rejected"
    REOPENED = "reopened"
    PAID = "paid"
    RETURNED = "returned"
    REMINDED = "reminded"
    LAPSED = "lapsed"


@dataclass(frozen=True)
class Words:
    """The words of a language by which a reader knows what a message says."""

    subjects: Mapping[str, Kind]
    """By the beginning of the subject."""
    facts: Mapping[str, str]
    """By the heading of a fact, its key."""
    colon: str
    wrote: str
    right: str
    nothing_new: str
    not_yours: str
    """What somebody takes for true of their own data who reads that they are not affected."""
    own_data: re.Pattern[str]
    again_by: re.Pattern[str]
    ended: tuple[str, ...]
    """The words before a promise that has ended, in a list of promises."""
    claims: Mapping[re.Pattern[str], ClaimStep]
    """What a message about a claim says, by its words."""


WORDS = {
    "en": Words(
        subjects={
            "Notice of data breach: ": Kind.FIRST,
            "Data breach: our update of ": Kind.UPDATE,
            "Correction to our notice": Kind.CORRECTION,
            "Correction: your data was not part": Kind.NOT_AFFECTED,
            "After the data breach: a promise": Kind.MADE,
            "We have kept a promise": Kind.KEPT,
            "A promise to you will be late": Kind.LATE,
            "We cannot keep a promise": Kind.DROPPED,
            "We have broken a promise": Kind.BROKEN,
            "Your claim for compensation": Kind.CLAIM,
            "Five short questions": Kind.SURVEY,
            "Data breach: our last regular report": Kind.CLOSING,
        },
        facts={
            "When we found out": "discovered",
            "When we took first steps to contain it": "contained",
            "Which data it is about": "elements",
        },
        colon=": ",
        wrote="We wrote: ",
        right="Right is: ",
        nothing_new="There is nothing new",
        not_yours="none of your data",
        own_data=re.compile(r"(?:it was|It concerns|It involves) your (.+?)\.(?: |$)", re.MULTILINE),
        again_by=re.compile(r"write again by \w+, (?P<day>\d+ \w+ \d{4}), even"),
        ended=("Kept", "Not kept", "Broken"),
        claims={
            re.compile(r"^Your claim of \S+ EUR has reached us", re.MULTILINE): ClaimStep.RECEIVED,
            re.compile(r"^We pay you the \S+ EUR that you asked for", re.MULTILINE): ClaimStep.GRANTED,
            re.compile(r"^We do not pay your claim", re.MULTILINE): ClaimStep.REJECTED,
            re.compile(r"^You do not agree with our decision", re.MULTILINE): ClaimStep.REOPENED,
            re.compile(r"^We have paid you \S+ EUR", re.MULTILINE): ClaimStep.PAID,
            re.compile(r"^Our payment of .* came back", re.MULTILINE): ClaimStep.RETURNED,
            re.compile(r"^We want to pay you \S+ EUR", re.MULTILINE): ClaimStep.REMINDED,
            re.compile(r"so your claim has ended", re.MULTILINE): ClaimStep.LAPSED,
        },
    ),
    "zh-CN": Words(
        subjects={
            "关于个人信息安全事件的通知": Kind.FIRST,
            "更正：关于个人信息安全事件": Kind.CORRECTION,
            "更正：您的信息并未涉及": Kind.NOT_AFFECTED,
            "个人信息安全事件后，我们向您作出": Kind.MADE,
            "我们对您的一项承诺已经兑现": Kind.KEPT,
            "我们对您的一项承诺要延期": Kind.LATE,
            "我们有一项承诺无法兑现": Kind.DROPPED,
            "我们没有遵守对您的一项承诺": Kind.BROKEN,
            "您的补偿申请": Kind.CLAIM,
            "五个小问题": Kind.SURVEY,
            "个人信息安全事件：最后一次": Kind.CLOSING,
            "个人信息安全事件：": Kind.UPDATE,
        },
        facts={"发现时间": "discovered", "采取控制措施的时间": "contained", "涉及哪些信息": "elements"},
        colon="：",
        wrote="我们曾写：",
        right="应当是：",
        nothing_new="没有新的情况",
        not_yours="没有涉及您的信息",
        own_data=re.compile(r"(?:^据我们目前所知，涉及|^这件事涉及|事件。涉及)您的(.+?)。", re.MULTILINE),
        again_by=re.compile(r"会在 (?P<day>\d+年\d+月\d+日)（\w+） 前（含当日）再次"),
        ended=("已兑现", "未能兑现", "已违背"),
        claims={
            re.compile(r"^我们已收到您.*的补偿申请", re.MULTILINE): ClaimStep.RECEIVED,
            re.compile(r"^我们会付给您所申请的", re.MULTILINE): ClaimStep.GRANTED,
            re.compile(r"我们不予支付", re.MULTILINE): ClaimStep.REJECTED,
            re.compile(r"^您不同意我们的决定", re.MULTILINE): ClaimStep.REOPENED,
            re.compile(r"^我们已把.*付到您", re.MULTILINE): ClaimStep.PAID,
            re.compile(r"^我们汇往您.*被退回了", re.MULTILINE): ClaimStep.RETURNED,
            re.compile(r"^我们想付给您", re.MULTILINE): ClaimStep.REMINDED,
            re.compile(r"您的申请已经结束", re.MULTILINE): ClaimStep.LAPSED,
        },
    ),
}
DAYS = {"en": "%d %B %Y", "zh-CN": "%Y年%m月%d日"}


@dataclass(frozen=True)
class Corrected:
    """A fact that a message corrects, in the words of the message."""

    key: str
    was: str
    now: str


@dataclass(frozen=True)
class Mail:
    """A message in a mailbox."""

    to: str
    at: datetime
    subject: str
    text: str

    @cached_property
    def locale(self) -> str:
        """Return the language of the subject."""
        return "zh-CN" if CHINESE.search(self.subject) else "en"

    @property
    def words(self) -> Words:
        return WORDS[self.locale]

    @cached_property
    def kind(self) -> Kind:
        """Return what the message is. Raises StopIteration for a subject that no reader knows."""
        return next(kind for start, kind in self.words.subjects.items() if self.subject.startswith(start))

    @cached_property
    def corrected(self) -> tuple[Corrected, ...]:
        """Return what was written wrongly and is right, as the message sets them side by side."""
        lines = [line.strip(" •") for line in self.text.splitlines()]
        found = []
        for heading, was, now in zip(lines, lines[1:], lines[2:], strict=False):
            if heading in self.words.facts and was.startswith(self.words.wrote) and now.startswith(self.words.right):
                one = was.removeprefix(self.words.wrote), now.removeprefix(self.words.right)
                found.append(Corrected(self.words.facts[heading], *one))
        return tuple(found)

    @cached_property
    def stated(self) -> tuple[tuple[str, str], ...]:
        """Return each fact that the message states as so, with its value, in order."""
        return (*((one.key, one.now) for one in self.corrected), *self._listed(), *self._own_data())

    def _listed(self) -> Iterator[tuple[str, str]]:
        for line in self.text.splitlines():
            heading, colon, value = line.strip(" •").partition(self.words.colon)
            if colon and heading in self.words.facts:
                yield self.words.facts[heading], value

    def _own_data(self) -> Iterator[tuple[str, str]]:
        if self.kind is Kind.NOT_AFFECTED:
            yield "elements", self.words.not_yours
        yield from (("elements", found) for found in self.words.own_data.findall(self.text))

    @property
    def nothing_new(self) -> bool:
        """Return True when the message says that there is nothing new."""
        return self.words.nothing_new in self.text

    @cached_property
    def again_by(self) -> datetime | None:
        """Return the end of the day by which the reader is to hear again, or None when the message names none."""
        found = self.words.again_by.search(self.text)
        if not found:
            return None
        named = f"{found['day']} 23:59 +0800"
        return datetime.strptime(named, f"{DAYS[self.locale]} %H:%M %z")

    @property
    def claim_steps(self) -> list[ClaimStep]:
        """Return what the message says of the reader's claim, in its order."""
        found = [
            (match.start(), step) for words, step in self.words.claims.items() if (match := words.search(self.text))
        ]
        return [step for _, step in sorted(found)]

    def names(self, promise: Mapping[str, str]) -> bool:
        """Return True when the message names this promise."""
        return promise[self.locale] in self.text

    def says_ended(self, promise: Mapping[str, str]) -> bool:
        """Return True when a list in the message says of this promise that it has ended."""
        return any(f"{word}{self.words.colon}“{promise[self.locale]}" in self.text for word in self.words.ended)


def spelled(day: datetime, locale: str) -> str:
    """Return a day as messages in this language write it."""
    here = day.astimezone(ORGANISATION_ZONE)
    return f"{here.day} {here:%B %Y}" if locale == "en" else f"{here.year}年{here.month}月{here.day}日"


def in_one_form(text: str) -> str:
    """Return the text with each day in the form 17 November 2026, wherever its reader lives."""
    return AMERICAN.sub(r"\2 \1 \3", text)


def mailboxes(log: Iterable[tuple[str, datetime, bytes]]) -> dict[str, list[Mail]]:
    """Return the messages of each address, in the order in which the relay took them."""
    found: dict[str, list[Mail]] = defaultdict(list)
    for to, at, content in log:
        letter = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
        body = letter.get_body(("plain",))
        assert body
        text = body.get_content().replace("\r\n", "\n").removesuffix("\n")
        found[to].append(Mail(to, at, str(letter["Subject"]), in_one_form(text)))
    return dict(found)
