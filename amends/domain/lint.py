"""Reads a draft before people do: what must not leave like this, and what could be said better.

Codes are stable. L100 to L119 stop a notice, L120 and above are advice, and so are L107 and a slightly long SMS.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from amends.domain.assess import CONTENT
from amends.domain.channel import ChannelKind
from amends.domain.errors import Finding
from amends.domain.incident import Incident
from amends.domain.notice import SLOT_CLOSE, SLOT_OPEN, Draft, Reader, Slot, Variant
from amends.domain.reading import LINK, grade, sentences, words
from amends.domain.sms import segments
from amends.domain.wording import Phrases, Wording, say_date

SOCIAL_LENGTH = 280
SMS_FINE, SMS_AT_MOST = 2, 4
"""Segments; longer ones arrive torn or late on some telephones."""
GRADE_AT_MOST = 8
WORDS_AT_MOST, CHINESE_AT_MOST = 30, 40
"""In one sentence: words, or characters of Chinese."""

SECRETS = {
    "en": (
        r"\b(?:send|tell|give|reply|enter|confirm|provide)\b.{0,40}\b(?:password|pin|code|card number|cvv)\b",
        r"\b(?:never|not|nobody|no one)\b|n['’]t\b",
    ),
    "zh": (
        r"(?:发送|提供|告知|告诉|回复|输入|填写).{0,12}(?:密码|验证码|卡号)",
        r"不会|不要|切勿|请勿|绝不|从不|勿|任何人",
    ),
}
"""Per language: a request for a secret, and the words that turn it into a warning against one."""

LEFT_OVER = re.compile(r"\{[{%#]|[}%#]\}|\{[\w. ]*\}|[(（]\s*[)）]|\s[,.](?=\s|$)|[:：]\s*[。.](?=\s|$)")
MARK = re.compile(f"{SLOT_OPEN}({'|'.join(Slot)}){SLOT_CLOSE}")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*")
TOKEN = "x" * 43
"""As long as the token at the end of a personal link."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One variant of a draft, with all that it is held against."""

    draft: Draft
    variant: Variant
    incident: Incident
    phrases: Phrases
    page: str

    @property
    def detailed(self) -> bool:
        """Carries everything a notice must say."""
        return self.variant.channel.detailed

    @property
    def whole(self) -> str:
        """Subject and text, as sent but for the slots."""
        return f"{self.variant.subject}\n\n{self.variant.text}"

    @property
    def filled(self) -> str:
        """The text with values of usual length in its slots."""
        usual = {Slot.PERSONAL_LINK: TOKEN}
        return MARK.sub(lambda mark: usual.get(Slot(mark[1]), "Alex Example"), self.variant.text)

    def finding(self, code: str, what: str, advice: str, *, blocks: bool = True) -> Finding:
        """A finding about this variant."""
        return Finding(
            where=f"{self.draft.notice} {self.variant.id}", code=code, what=what, advice=advice, blocks=blocks
        )


def lint(draft: Draft, incident: Incident, wording: Wording, page: str) -> tuple[Finding, ...]:
    """Everything found in the draft; page is how the address of the notice page begins in every language.

    Raises KeyError when a variant is in a locale that has no phrases.
    """
    proofs = tuple(Proof(draft, variant, incident, wording.phrases[variant.locale], page) for variant in draft.variants)
    found = [finding for proof in proofs for rule in RULES for finding in rule(proof)]
    return (*found, *_differences(proofs))


def _empty(proof: Proof) -> Iterator[Finding]:
    if not proof.variant.text.strip():
        yield proof.finding("L100", "has no text", "write its template")
    if proof.variant.channel is ChannelKind.EMAIL and len(proof.variant.subject.strip().splitlines()) != 1:
        yield proof.finding("L100", "has no subject in one line", "write `subject:` in its template")


def _parts(proof: Proof) -> Iterator[Finding]:
    if proof.draft.template != "first-notice" or not proof.detailed:
        return
    for part in CONTENT:
        if not proof.variant.parts.get(part, "").strip():
            yield proof.finding("L101", f"does not say {part.replace('_', ' ')}", f"fill the block {part}")


def _alone(proof: Proof) -> Iterator[Finding]:
    if not proof.detailed and not any(
        other.channel.detailed and other.locale == proof.variant.locale for other in proof.draft.variants
    ):
        yield proof.finding("L102", "stands alone", "add email or website in the same language")


def _page(proof: Proof) -> Iterator[Finding]:
    if not proof.detailed and proof.page not in proof.variant.text:
        yield proof.finding("L103", "does not lead to the notice page", f"add {proof.page}")


def _links(proof: Proof) -> Iterator[Finding]:
    own = proof.incident.organisation.own_domains
    for link in links(proof.whole):
        if not _ours(link, own):
            yield proof.finding("L104", f"links to {link}", f"link only to {', '.join(own)}")


def _contacts(proof: Proof) -> Iterator[Finding]:
    contacts = proof.incident.organisation.contacts
    if proof.detailed and _dense(contacts.phone) not in _dense(proof.variant.text):
        yield proof.finding("L105", "does not name the telephone number", f"add {contacts.phone}")
    if proof.detailed and contacts.email.casefold() not in proof.variant.text.casefold():
        yield proof.finding("L105", "does not name the email address", f"add {contacts.email}")


def _never_said(proof: Proof) -> Iterator[Finding]:
    text = " ".join(re.sub("[*_]", "", proof.whole).replace("’", "'").split()).casefold()
    for phrase in proof.phrases.never_say:
        wanted = re.escape(phrase.replace("’", "'").casefold())
        if re.search(rf"(?<![a-z0-9]){wanted}", text):
            yield proof.finding("L106", f"says “{phrase}”", "say what is known and what is not, without comfort")


def _secrets(proof: Proof) -> Iterator[Finding]:
    asks, warns = SECRETS.get(proof.variant.locale.split("-")[0], (r"(?!)", ""))
    for sentence in sentences(proof.variant.text):
        if re.search(asks, sentence, re.IGNORECASE) and not re.search(warns, sentence, re.IGNORECASE):
            advice = "people must be able to rely on it that we never do"
            yield proof.finding("L107", f"seems to ask for a secret: “{sentence}”", advice, blocks=False)


def _next_news(proof: Proof) -> Iterator[Finding]:
    moment = proof.draft.next_news_at
    if moment is None or not proof.detailed:
        return
    date = say_date(proof.phrases, moment, proof.incident.organisation.timezone)
    if date not in proof.variant.text:
        yield proof.finding("L108", "does not say when the next news comes", f"name the day: {date}")


def _left_over(proof: Proof) -> Iterator[Finding]:
    for left in dict.fromkeys(LEFT_OVER.findall(proof.whole)):
        yield proof.finding("L109", f"holds “{left.strip()}”", "a variable is empty, or a brace was left")


def _characters(proof: Proof) -> Iterator[Finding]:
    for character in dict.fromkeys(MARK.sub("", proof.whole)):
        if unicodedata.category(character) in ("Co", "Cc") and character not in "\n\t":
            advice = "copy the text again as plain text"
            yield proof.finding("L110", f"holds the character U+{ord(character):04X}, which nobody can read", advice)


def _slots(proof: Proof) -> Iterator[Finding]:
    for name in dict.fromkeys(MARK.findall(proof.whole)):
        if not proof.variant.channel.personal:
            yield proof.finding("L111", f"holds {name} where everybody reads", "leave it out on this channel")
        elif name == Slot.CHILD and proof.variant.reader is not Reader.GUARDIAN:
            yield proof.finding("L111", f"holds {name} for people who have none", "only guardians read about a child")


def _sms(proof: Proof) -> Iterator[Finding]:
    if proof.variant.channel is not ChannelKind.SMS:
        return
    count = segments(proof.filled).count
    if count > SMS_FINE:
        advice = f"{SMS_FINE} are best, {SMS_AT_MOST} the most"
        yield proof.finding("L112", f"takes {count} segments", advice, blocks=count > SMS_AT_MOST)


def _social(proof: Proof) -> Iterator[Finding]:
    if proof.variant.channel is ChannelKind.SOCIAL and (length := len(proof.variant.text)) > SOCIAL_LENGTH:
        yield proof.finding("L113", f"has {length} characters", f"{SOCIAL_LENGTH} are the most")


def _long_sentences(proof: Proof) -> Iterator[Finding]:
    chinese = proof.variant.locale.split("-")[0] == "zh"
    limit, unit = (CHINESE_AT_MOST, "characters") if chinese else (WORDS_AT_MOST, "words")
    said = [
        (len(_dense(sentence)) if chinese else len(words(sentence)), sentence) for sentence in sentences(proof.filled)
    ]
    length, longest = max(said, default=(0, ""))
    if length > limit:
        what = f"has a sentence of {length} {unit}: “{longest[:60]}…”"
        yield proof.finding("L130", what, f"{limit} are the most", blocks=False)


def _grade(proof: Proof) -> Iterator[Finding]:
    if not proof.detailed or proof.variant.locale.split("-")[0] != "en":
        return
    if (found := grade(EMAIL.sub("link", proof.filled))) > GRADE_AT_MOST:
        advice = f"shorter sentences, shorter words; aim at {GRADE_AT_MOST}"
        yield proof.finding("L131", f"asks for {found:.0f} years of school", advice, blocks=False)


RULES: tuple[Callable[[Proof], Iterator[Finding]], ...] = (
    _empty,
    _parts,
    _alone,
    _page,
    _links,
    _contacts,
    _never_said,
    _secrets,
    _next_news,
    _left_over,
    _characters,
    _slots,
    _sms,
    _social,
    _long_sentences,
    _grade,
)


def _differences(proofs: tuple[Proof, ...]) -> Iterator[Finding]:
    """Numbers, dates and links that one language has and the first one has not, or the other way round."""
    firsts: dict[tuple[Reader, ChannelKind], Proof] = {}
    for proof in proofs:
        first = firsts.setdefault((proof.variant.reader, proof.variant.channel), proof)
        mine, theirs = stated(proof.variant.text, proof.phrases), stated(first.variant.text, first.phrases)
        if odd := sorted(mine ^ theirs):
            what = f"differs from {first.variant.locale} in {', '.join(odd)}"
            yield proof.finding("L120", what, "say the same in every language", blocks=False)


def links(text: str) -> tuple[str, ...]:
    """The links of a text, each once, without the full stop that follows them."""
    return tuple(dict.fromkeys(link.rstrip(".,;:!?*_") for link in LINK.findall(text)))


def stated(text: str, phrases: Phrases) -> frozenset[str]:
    """The links and numbers of a text: months by their number, thousands without a mark, links without the locale."""
    rest = text
    for link in links(text):
        rest = rest.replace(link, " ")
    for number, month in enumerate(phrases.months, start=1):
        if not month[0].isdigit():
            rest = re.sub(rf"(?<=\d\s){month}\b|(?<=\d\.\s){month}\b|\b{month}(?=\s\d)", str(number), rest)
    rest = re.sub(r"(?<=\d)[,.  ](?=\d{3}(?!\d))", "", rest)
    pages = (link.replace(f"/{phrases.locale}/", "/") for link in links(text))
    return frozenset((*pages, *(str(int(digits)) for digits in re.findall(r"\d+", rest))))


def _ours(link: str, own_domains: tuple[str, ...]) -> bool:
    try:
        host = urlsplit(link if "://" in link else f"https://{link}").hostname or ""
    except ValueError:
        return False
    return HOST.fullmatch(host) is not None and any(
        host == domain or host.endswith(f".{domain}") for domain in map(str.lower, own_domains)
    )


def _dense(text: str) -> str:
    """Without spaces and the marks that people put into telephone numbers."""
    return re.sub(r"[\s().·/-]", "", text)
