"""The rules on a personal letter: its first step, its length, and words that are untrue, unkind or for insiders."""

import re
from collections.abc import Iterator

from amends.domain.base.errors import Finding
from amends.domain.incident.commitment import CommitmentState
from amends.domain.incident.facts import ExfiltrationEvidence, RecipientKind
from amends.domain.lint.codes import LintContext, Proof
from amends.domain.lint.extract import plain
from amends.domain.lint.readability import LINK, sentences, words
from amends.domain.notice.notice import Slot

FIRST_NOTICE = "first-notice"
FIRST_STEP_WITHIN, LENGTH, LENGTH_NEVER_ABOVE = 80, 350, 700
"""In words: the place of the first step, the length of a letter without its help, and the length that is refused."""
CHARACTERS_A_WORD = 2
"""Characters of Chinese, Japanese or Korean that are read in the time of one English word."""
UNSPACED = ("zh", "ja", "ko", "th")
CHARACTER = re.compile(r"[^\W_]")

CONDITIONAL = {
    "en": re.compile(
        r"\bif (?:an? |the |your )?[\w' -]{2,60}? (?:is|are|was|were) (?:named|listed|mentioned|shown|among)"
        r"(?: (?:above|below|here|it|them))?\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"如果?(?:上面|上文|下面|下文)[^，。]{0,6}(?:提到|写明|列出|涉及)"),
}
"""A step that leaves it to the reader to look up whether it is for them, by language."""
STILL_PROMISED = {
    "en": re.compile(r"(?<![Nn]ot )\b(?:[Kk]ept|[Dd]one)\b[^.\n“\"]{0,40}:\s*(?:We|we) will\b"),
    "zh": re.compile(r"(?<!无法)(?<!不能)(?<!未能)(?<!没有)(?<!未)兑现[^。\n“]{0,20}[：:]\s*我们[将会]"),
}
"""A promise that is told as kept in words that still promise it, by language; quoted words are past words."""
INSIDERS = re.compile(r"\b[A-Z]{2,6}[-/ ]?\d[\d-]{2,}\b")
"""A number by which only the company's own people know a file, such as CHK-2026-11."""
NOBODY = {
    "en": re.compile(
        r"\b(?:nobody|no one|no-one) (?:has |had )?(?:read|saw|seen|opened|copied|used)"
        r"|\b(?:did|has|have|had) not (?:been )?(?:read|seen|opened|copied)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"(?:(?<!有)没有人|无人)(?:看过|读取|查看|复制|打开)|(?:未被|没有被)(?:查看|读取|复制)"),
}
PERHAPS = {
    "en": re.compile(
        r"\b(?:may|might|could) (?:have been |have |be able to )?(?:read|seen|opened|copied|used)", re.IGNORECASE
    ),
    "zh": re.compile(r"(?:可能|或许)(?:已经?|会)?被?(?:他人|别人)?(?:看到|看过|读取|查看|复制|打开)"),
}
"""Claims that nobody did something with the data, and that somebody may have: both in one letter cannot be true."""
STOPPED = re.compile(r"\b(?:stopped|kept|prevented) it from\b|阻止了?(?:扩散|进一步)|未(?:扩散|外泄)", re.IGNORECASE)
"""A claim that the data went no further."""
PUBLISHED = re.compile(
    r"\b(?:published|put (?:[\w ]{1,30})?on the internet|posted online)\b|公开发布|发布到网上|在网上公开", re.IGNORECASE
)


def first_step(proof: Proof) -> Iterator[Finding]:
    """Yield L170 when the reader's first step is missing, or stands too far down."""
    if not _is_first_letter(proof):
        return
    before, slot, _ = proof.variant.text.partition(Slot.FIRST_STEP.mark)
    place = length(proof.language, proof.with_own_values(before)) if slot else None
    if place is None:
        yield proof.finding("L170", "does not say the reader's first step", "write {{ person.first_step }} at the top")
    elif place > FIRST_STEP_WITHIN:
        what = f"says the first step after {place} words"
        yield proof.finding("L170", what, f"say it within the first {FIRST_STEP_WITHIN}")


def long(proof: Proof) -> Iterator[Finding]:
    """Yield L171 when a first letter is longer than people read; it stops far above that.

    It only advises once the page of the notice is up: the letter to people who are found late grows with what has
    become of each promise since, which nobody can shorten, and they must be told.
    """
    if not _is_first_letter(proof):
        return
    found = length(proof.language, proof.letter)
    if found > LENGTH:
        advice = f"say it in {LENGTH}; the page has room for the rest"
        blocks = found > LENGTH_NEVER_ABOVE and proof.draft.first_dated is None
        yield proof.finding("L171", f"has {found} words", advice, blocks=blocks)


def length(language: str, text: str) -> int:
    """Return the length of a text in words; in a language without spaces, two characters count as a word."""
    bare = plain(LINK.sub("link", text))
    if language in UNSPACED:
        return len(CHARACTER.findall(bare)) // CHARACTERS_A_WORD
    return sum(len(words(sentence)) for sentence in sentences(bare))


def _is_first_letter(proof: Proof) -> bool:
    return proof.draft.template == FIRST_NOTICE and proof.variant.channel.mail


def conditional_steps(proof: Proof) -> Iterator[Finding]:
    """Yield L172 for each step of a personal letter that begins with what the reader must look up."""
    if proof.variant.channel.personal and proof.language in CONDITIONAL:
        for match in CONDITIONAL[proof.language].finditer(proof.said):
            advice = "write {{ person.steps }}: it holds only the steps that are for this reader"
            yield proof.finding("L172", f"leaves it to the reader: “{match[0]}”", advice)


def admissions(proof: Proof) -> Iterator[Finding]:
    """Yield L173 for each phrase that a court may read as an admission of fault."""
    text = " ".join(proof.said.split()).casefold()
    for phrase in proof.phrases.admissions:
        if plain(phrase).casefold() in text:
            yield proof.finding("L173", f"says “{phrase}”", "say sorry for what happened; ask a lawyer about the rest")


def kept(proof: Proof) -> Iterator[Finding]:
    """Yield L174 when a promise is told as kept in words that still promise it."""
    pattern = STILL_PROMISED.get(proof.language)
    if pattern and (match := pattern.search(proof.said)):
        yield proof.finding("L174", f"tells a kept promise as one to come: “{match[0]}”", "say what has been done")


def evidence(proof: Proof) -> Iterator[Finding]:
    """Yield L175 for each evidence of a commitment that the letter names and that is a number for insiders."""
    for made in proof.known.commitments:
        for text in made.evidence.values() if made.state is CommitmentState.KEPT else ():
            if (match := INSIDERS.search(text)) and text in proof.variant.text:
                what = f"shows “{match[0]}”, a number that says nothing to the reader"
                yield proof.finding("L175", what, "say what was found for the reader")


def contradictions(proof: Proof) -> Iterator[Finding]:
    """Yield L176 when the text says two things of which one is untrue, or what the facts speak against."""
    said, language = proof.said, proof.language
    if language in NOBODY and (sure := NOBODY[language].search(said)) and (may := PERHAPS[language].search(said)):
        what = f"says “{sure[0]}” and “{may[0]}”"
        yield proof.finding("L176", what, "both cannot be true; say what is known, and that the rest is not")
    if (claim := STOPPED.search(said)) and (_is_out(proof.known) or PUBLISHED.search(said)):
        what = f"says “{claim[0]}”, but the data was published or went to people nobody knows"
        yield proof.finding("L176", what, "say what was done, and that the data is still out")


def _is_out(known: LintContext) -> bool:
    facts = known.incident.facts
    holder = facts.recipient.value if facts.recipient.stands else None
    published = facts.exfiltration_evidence.says(ExfiltrationEvidence.PUBLISHED)
    return published or (holder is not None and holder.kind is RecipientKind.PUBLIC)
