"""The statements of a text that the lint compares with the facts: people, days, telephones, addresses, promises."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from urllib.parse import unquote, urlsplit

from amends.domain.lint.readability import LINK
from amends.domain.notice.wording import Phrases

ROUGHLY = 0.02
"""The share of the fact by which a number after "about" may differ from it."""
TELEPHONE_DIGITS = 7
"""The fewest digits of a telephone number; a shorter one is known only by a word before it, such as "call"."""

_LETTERS = "a-z0-9\u00e0-\u024f\u0370-\u04ff"
"""Characters of a host: Greek and Cyrillic too, which can pass for Latin; not Chinese, which has no spaces."""
EMAIL = re.compile(rf"(?<![{_LETTERS}._%+-])[{_LETTERS}._%+-]+@[{_LETTERS}-]+(?:\.[{_LETTERS}-]+)+", re.IGNORECASE)
BARE_HOST = re.compile(
    rf"(?<![{_LETTERS}@./-])(?:[{_LETTERS}-]+\.)+"
    r"(?:com|net|org|info|biz|gov|edu|io|ly|eu|uk|de|fr|cn|hk|tw|jp|kr|ca|au|xyz|example)"
    rf"(?![{_LETTERS}-]|\.[{_LETTERS}])",
    re.IGNORECASE,
)
BEGINNING = re.compile(r"^(?:[a-z]+://)?[^/?#]*", re.IGNORECASE)
"""Scheme and host of a link."""
INNER_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{1,20}:/|javascript:|data:|//|[/\\\\]\\", re.IGNORECASE)
"""The beginning of an address within the path or the query of another, decoded."""
HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*")

_SCALES = {
    "": 1,
    "hundred": 100,
    "k": 1_000,
    "thousand": 1_000,
    "million": 1_000_000,
    "billion": 1_000_000_000,
    "十": 10,
    "百": 100,
    "千": 1_000,
    "万": 10_000,
    "亿": 100_000_000,
}
_WORDS = {
    "half a": 0.5,
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
}
_DIGITS = {digit: number for number, digit in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_NUMBER = r"(?:\d{1,3}(?:[,.' ]\d{3}){1,4}(?!\d)|\d{1,12}(?:\.\d{1,6})?)"
_ROUGH = r"about|around|roughly|approximately|some|nearly|almost|over|more than|up to|at least|fewer than|less than"
_ROUGH_ZH = r"(?:大约|约|将近|近|超过|逾|超|至少|最多)\s*"
_WHO = (
    r"(?:people|persons?|individuals?|customers?|users?|clients?|consumers?|patients?|residents?|members?|"
    r"subscribers?|employees?|students?|pupils?|citizens?|families|households|children|policyholders?|"
    r"account holders?)"
)
_BETWEEN = (
    r"(?:(?:of|our|the|your|other|more|different|affected|current|former|registered|active|adult|private|"
    r"business)\s+){0,4}"
)
_WHO_ZH = (
    r"(?:人(?!民币|次|工|员)|用户|客户|顾客|患者|会员|员工|居民|学生|消费者|业主|乘客|旅客|投保人|储户|孩子|儿童|家庭)"
)
_CHINESE = "零〇一二两三四五六七八九十百千万亿"

PEOPLE = (
    re.compile(
        rf"(?P<rough>\b(?:{_ROUGH})\s+)?(?<![\d.,/:+-])"
        rf"(?:(?P<number>{_NUMBER})\s*(?P<scale>hundred|thousand|k|million|billion)?"
        rf"|\b(?P<word>{_WORD})\s+(?P<wordscale>hundred|thousand|million|billion))\s+{_BETWEEN}{_WHO}\b",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?:(?:how many|number of|total of)\b[^.:\n]{{0,40}}"
        rf"|{_WHO}\s+(?:affected|touched|concerned|involved)\s*):[ \t]*"
        rf"(?P<rough>(?:{_ROUGH})\s+)?(?P<number>{_NUMBER})[ ]*(?P<scale>thousand|million)?(?![\d:])",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?P<rough>{_ROUGH_ZH})?(?<![\d.,/:+\-])"
        rf"(?:(?P<number>{_NUMBER})\s*(?P<scale>[百千万亿])?|(?P<word>(?<![{_CHINESE}])[{_CHINESE}]{{0,12}}[百千万亿][{_CHINESE}]{{0,12}}))"
        rf"\s*(?P<more>[余多])?\s*(?:名|位|个|户)?\s*(?:受影响的?|我们的|注册|相关)?{_WHO_ZH}"
    ),
    re.compile(
        rf"(?:人数|用户数|客户数)[^:。\n]{{0,8}}:\s*(?P<rough>{_ROUGH_ZH})?(?P<number>{_NUMBER})\s*(?P<scale>[百千万亿])?"
    ),
)
"""A number of people: in a sentence or after a label, in English or Chinese."""
SHARE = re.compile(
    rf"(?<!\d)\d{{1,3}}(?:\.\d{{1,4}})?\s?(?:%|per ?cent)\s+{_BETWEEN}{_WHO}\b"
    rf"|\b(?:dozens|hundreds|thousands|millions)\s+of\s+{_BETWEEN}{_WHO}\b"
    rf"|(?:(?<!\d)\d{{1,3}}(?:\.\d{{1,4}})?%|百分之[零一二两三四五六七八九十点]{{1,5}})的?{_WHO_ZH}"
    rf"|(?:数|几|上)[十百千万]+(?:余|多)?(?:名|位|个)?{_WHO_ZH}",
    re.IGNORECASE,
)
OTHERS = re.compile(
    r"\b(?:police|arrest\w*|suspects?|officers?|experts?|staff|team|engineers?)\b"
    r"|警方|公安|抓获|嫌疑|专家|工作人员|团队",
    re.IGNORECASE,
)
"""Other groups of people whom a notice may count."""

TELEPHONE = re.compile(r"(?<![\w./-])(?:\+|\(\+?)?\d[\d ().·/\-]{5,}\d(?![\w%])")
REFERENCE = re.compile(
    r"(?:\b(?:report|case|reference|ref|file|ticket|docket|order|invoice|registration|certificate|id)\b\.?"
    r"(?: (?:no|number|id)\b\.?)?|编号|案号|单号|备|#)\s*:?\s*#?$",
    re.IGNORECASE,
)
"""Words before a number that is no telephone number."""
SHORT_NUMBER = re.compile(
    r"(?:\b(?:call|phone|dial|ring|tel)\b\.?:?(?: us)?(?: (?:at|on))?|拨打|致电|电话:?)\s*(?P<number>\d{3,6})"
    rf"(?![\d:.,()/ -]*\d|\s*(?:times|%|{_WHO}\b|名|位|个|人|次))",
    re.IGNORECASE,
)

ISO_DAY = re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
NUMBER_DAY = re.compile(r"(?<![\d./-])(\d{1,2})([/.])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
CHINESE_DAY = re.compile(r"(?:(\d{4})年)?(?<!\d)(\d{1,2})月(\d{1,2})[日号](?:\s*(?:至|到|-|~|–|—)\s*(\d{1,2})[日号])?")
LAST_MONTH, LAST_DAY = 12, 31

ENGLISH_HOUR = re.compile(
    r"(?<![\d:.,])(?P<hour>1[0-2]|0?[1-9])(?P<minutes>:[0-5]\d)?\s?(?P<half>[ap])\.?\s?m\b", re.IGNORECASE
)
CHINESE_HOUR = re.compile(
    r"(?P<half>凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上|晚间)\s?(?P<hour>1[0-2]|0?[1-9])(?=[:：点时])"
)
MORNING = ("a", "凌晨", "清晨", "早上", "早晨", "上午")
FULL_HOUR = re.compile(r"(?<=\d)[:：]00(?![\d:：])")

SOON = re.compile(
    r"\b(?:today|tonight|tomorrow|this week|next (?:week|month|year)|the end of (?:the|this) (?:week|month|year)|"
    rf"(?:within|in|over) (?:the next )?(?:\d+|{_WORD}|a few) (?:business |working )?(?:hours?|days?|weeks?|months?))\b"
    r"|今天|今晚|明天|本周|下周|本月|下月|月底|年底"
    r"|[\d一二三四五六七八九十两几]{1,4}个?(?:小时|工作日|天|日|周|星期|月)(?:之?内|后)",
    re.IGNORECASE,
)
PROMISING = re.compile(
    r"\bwe(?:'ll| will| shall| are going to| promise| undertake| intend to)\b"
    r"|我们[^,。;]{0,12}(?:将|会|承诺|保证|计划)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Headcount:
    """A number of people that a text states."""

    number: int
    rough: bool
    """True after "about" or a similar word."""
    words: str
    sentence: str

    def fits(self, known: frozenset[int], between: range) -> bool:
        """Return True when the number is in `known` or in `between`; a rough number may also be near a known one."""
        room = ROUGHLY if self.rough else 0
        return self.number in between or any(abs(self.number - fact) <= room * fact for fact in known)


@dataclass(frozen=True, slots=True)
class NamedDay:
    """A day as a text names it; the year may be left out."""

    month: int
    day: int
    year: int | None
    words: str

    def among(self, days: frozenset[date]) -> bool:
        """Return True when the day is one of `days`; a day without a year matches every year."""
        return any((d.month, d.day) == (self.month, self.day) and self.year in (None, d.year) for d in days)

    def same_as(self, other: "NamedDay") -> bool:
        """Return True when the days are equal; a year that is left out equals every year."""
        years = {self.year, other.year} - {None}
        return (self.month, self.day) == (other.month, other.day) and len(years) < len((self, other))

    @property
    def as_date(self) -> date | None:
        """Return the date, or None without a year, or when there is no such day."""
        try:
            return date(self.year, self.month, self.day) if self.year else None
        except ValueError:
            return None


def plain(text: str) -> str:
    """Return the text in plain writing: no markup, straight quotation marks, Latin digits, no full-width characters."""
    unmarked = re.sub(r"[*_`]", "", text).replace("’", "'")
    return unicodedata.normalize("NFKC", unmarked)


def without_addresses(text: str) -> str:
    """Return the text without its links and email addresses, whose numbers state nothing."""
    return EMAIL.sub(" ", LINK.sub(" ", text))


def lines(text: str) -> list[str]:
    """Return the text split at the ends of sentences and lines, with punctuation and colons kept."""
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+|[。\n]", text) if part.strip()]


def headcounts(text: str) -> tuple[Headcount, ...]:
    """Return the numbers of people that a text states, in English or Chinese."""
    split = lines(without_addresses(plain(text)))
    return tuple(_headcount(match, line) for line in split for form in PEOPLE for match in form.finditer(line))


def _headcount(match: re.Match[str], sentence: str) -> Headcount:
    named = match.groupdict()
    if named.get("number"):
        number = _number(named["number"]) * _SCALES[(named.get("scale") or "").lower()]
    elif named.get("wordscale"):
        number = _WORDS[named["word"].lower()] * _SCALES[named["wordscale"].lower()]
    else:
        number = _chinese_number(named["word"])
    rough = bool(named.get("rough") or named.get("more"))
    return Headcount(round(number), rough, match[0].strip(), sentence)


def _number(written: str) -> float:
    return float(re.sub(r"(?<=\d)[,.' ](?=\d{3}(?!\d))", "", written))


def _chinese_number(written: str) -> int:
    """Return a number written in Chinese characters, such as 一万两千."""
    total = section = digit = 0
    for character in written:
        if character in _DIGITS:
            digit = _DIGITS[character]
        elif character in "万亿":
            total = (total + section + digit) * _SCALES[character]
            section = digit = 0
        else:
            section += (digit or 1) * _SCALES[character]
            digit = 0
    return total + section + digit


def shares(text: str) -> tuple[str, ...]:
    """Return the places where a text gives a share of the people, or "thousands" of them, which hides the number."""
    return tuple(match[0] for match in SHARE.finditer(without_addresses(plain(text))))


def days(text: str, phrases: Phrases) -> tuple[NamedDay, ...]:
    """Return the days that a text names, in figures or as the locale writes them; both ends of "20 to 21 November"."""
    rest = without_addresses(plain(text))
    return (*_in_figures(rest), *_in_chinese(rest), *_with_months(rest, phrases))


def _in_figures(text: str) -> Iterator[NamedDay]:
    for match in ISO_DAY.finditer(text):
        yield from _day(match[2], match[3], match[1], match[0])
    for match in NUMBER_DAY.finditer(text):
        first, _, second, year = match.groups()
        full = year if len(year) == len("2026") else f"20{year}"
        # Both 11/20/2026 and 20/11/2026 are in use; where both readings are possible, the month is taken to be second.
        month, day = (second, first) if int(second) <= LAST_MONTH else (first, second)
        yield from _day(month, day, full, match[0])


def _in_chinese(text: str) -> Iterator[NamedDay]:
    for match in CHINESE_DAY.finditer(text):
        year, month, day, until = match.groups()
        yield from _day(month, day, year, match[0])
        if until:
            yield from _day(month, until, year, match[0])


def _with_months(text: str, phrases: Phrases) -> Iterator[NamedDay]:
    names = {name.lower(): number for number, name in enumerate(phrases.months, start=1) if not name[:1].isdigit()}
    if not names:
        return
    names |= {name[:3]: number for name, number in names.items()} | ({"sept": 9} if "september" in names else {})
    for form in _month_forms("|".join(sorted(map(re.escape, names), key=len, reverse=True))):
        for match in re.finditer(form, text, re.IGNORECASE):
            for day in re.findall(r"\d+", match["days"]):
                yield from _day(str(names[match["month"].lower()]), day, match["year"], match[0])


def _month_forms(names: str) -> tuple[str, str]:
    """Return the expressions for days before the month and for days after it."""
    month = rf"(?P<month>{names})\b\.?"
    number = r"\d{1,2}(?:st|nd|rd|th|\.)?"
    between = r"(?:,\s*|\s*(?:and|to|until|till|or|und|bis|et|au|[-–—])\s*)"
    several = rf"(?P<days>{number}(?:{between}{number}){{0,6}})"
    year = r"(?:,?\s+(?:de\s+|of\s+)?(?P<year>\d{4})\b)?"
    return rf"(?<![\d:.,/-]){several}\s+(?:of\s+|de\s+)?{month}{year}", rf"\b{month}\s+{several}(?![\d:%]){year}"


def _day(month: str, day: str, year: str | None, words: str) -> Iterator[NamedDay]:
    if 1 <= int(month) <= LAST_MONTH and 1 <= int(day) <= LAST_DAY:
        yield NamedDay(int(month), int(day), int(year) if year else None, words.strip())


def telephones(text: str, phrases: Phrases) -> tuple[str, ...]:
    """Return the telephone numbers of a text, and the short numbers that it says to call."""
    rest = without_addresses(plain(text))
    other_numbers = {day.words for day in days(text, phrases)} | {count.words for count in headcounts(text)}
    for words in sorted(other_numbers, key=len, reverse=True):
        rest = rest.replace(words, " ; ")
    rest = re.sub(r"\d{1,2}:\d{2}", " ; ", rest)
    long = (match[0].strip() for match in TELEPHONE.finditer(rest) if not REFERENCE.search(rest[: match.start()]))
    short = (match["number"] for match in SHORT_NUMBER.finditer(rest))
    return tuple(dict.fromkeys([*(one for one in long if len(_digits(one)) >= TELEPHONE_DIGITS), *short]))


def same_telephone(one: str, other: str) -> bool:
    """Return True when both are the same number, with or without its country code."""
    shorter, longer = sorted((_digits(one).lstrip("0"), _digits(other).lstrip("0")), key=len)
    return shorter == longer or (len(shorter) >= TELEPHONE_DIGITS and longer.endswith(shorter))


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def emails(text: str) -> tuple[str, ...]:
    """Return the email addresses of a text, each once."""
    return tuple(dict.fromkeys(address.rstrip(".") for address in EMAIL.findall(text)))


def links(text: str) -> tuple[str, ...]:
    """Return the links of a text, each once, without punctuation at the end."""
    return tuple(dict.fromkeys(link.rstrip(".,;:!?*_") for link in LINK.findall(text)))


def bare_hosts(text: str) -> tuple[str, ...]:
    """Return the hosts that a text names without a link; some programs turn them into links."""
    return tuple(dict.fromkeys(BARE_HOST.findall(without_addresses(text))))


def host_of(link: str) -> str:
    """Return the host that a link leads to, in lower case, or "" when no host can be read safely."""
    try:
        host = urlsplit(link if "://" in link else f"https://{link}").hostname or ""
    except ValueError:
        return ""
    return host if HOST.fullmatch(host) else ""


def leads_on(link: str) -> bool:
    """Return True when a link holds another address behind its host, to which an open redirect would lead."""
    behind = BEGINNING.sub("", link)
    while (decoded := unquote(behind)) != behind:
        behind = decoded
    _, mark, asked = re.sub(r"[#;]", "?", behind).partition("?")
    return INNER_ADDRESS.search(behind) is not None or bool(mark and BARE_HOST.search(asked.replace("/", " ")))


def is_plain_https(link: str) -> bool:
    """Return True for a link by https at its usual port and without a login, or for one without a scheme."""
    try:
        parts = urlsplit(link if "://" in link else f"https://{link}")
        return parts.scheme == "https" and parts.port in (None, 443) and "@" not in parts.netloc
    except ValueError:
        return False


def within(host: str, domains: tuple[str, ...]) -> bool:
    """Return True when the host is one of these domains, or a subdomain."""
    return any(host == domain or host.endswith(f".{domain}") for domain in map(str.lower, domains))


def stated(text: str, phrases: Phrases) -> frozenset[str]:
    """Return the links and numbers of a text, written in one way in every language.

    Months are numbers, hours run from 0 to 23, thousands have no separator, and links have no locale.
    """
    rest = text
    for link in links(text):
        rest = rest.replace(link, " ")
    for number, month in enumerate(phrases.months, start=1):
        if not month[0].isdigit():
            rest = re.sub(rf"(?<=\d\s){month}\b|(?<=\d\.\s){month}\b|\b{month}(?=\s\d)", str(number), rest)
    rest = FULL_HOUR.sub("", CHINESE_HOUR.sub(_hour, ENGLISH_HOUR.sub(_hour, rest)))
    rest = re.sub(r"(?<=[点时])半", "30", rest)
    rest = re.sub(r"(?<=\d)[,.\u00a0\u202f ](?=\d{3}(?!\d))", "", rest)
    rest = re.sub(r"(\d{1,12}(?:\.\d{1,6})?) ?(万|亿|million|billion|thousand)", _multiplied, rest)
    pages = (link.replace(f"/{phrases.locale}/", "/") for link in links(text))
    return frozenset((*pages, *(digits.lstrip("0") or "0" for digits in re.findall(r"\d+", rest))))


def _hour(match: re.Match[str]) -> str:
    """Return the hour on the 24-hour clock, from 0 to 23, with the minutes unchanged."""
    hour, half = int(match["hour"]), match["half"].lower()
    before_noon = half in MORNING or (half == "中午" and hour in (10, 11))
    return str(hour % 12 + (0 if before_noon else 12)) + (match.groupdict().get("minutes") or " ")


def _multiplied(match: re.Match[str]) -> str:
    return str(round(float(match[1]) * _SCALES[match[2]]))


def dated_promises(text: str, phrases: Phrases) -> tuple[str, ...]:
    """Return the sentences, in English or Chinese, that promise something for a day or within some time."""
    return tuple(
        line
        for line in lines(plain(LINK.sub("link", text)))
        if PROMISING.search(line) and (SOON.search(line) or days(line, phrases))
    )
