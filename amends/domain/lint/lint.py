"""The lint of a draft: findings that block the notice, and advice for better words, before people read the draft.

Codes are stable; codes.py gives the meaning of each. L100 to L119 block a notice, L120 to L139 advise on style, and the
codes from L140 on compare the notice with facts, laws and commitments. Where a code only sometimes blocks, the finding
says so.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from amends.domain.assess.assess import CONTENT
from amends.domain.base.errors import Finding
from amends.domain.base.value import text_for
from amends.domain.case.views.draft import DraftView
from amends.domain.channel.sms import segments
from amends.domain.incident.commitment import Commitment
from amends.domain.incident.gaps import why_not_draft
from amends.domain.incident.incident import Incident
from amends.domain.law.addendum import GENERAL
from amends.domain.law.duty import Duty
from amends.domain.lint import advisories, consistency, covered, letter
from amends.domain.lint.codes import CODES, MARK, LintContext, Proof
from amends.domain.lint.extract import EMAIL, links, plain, stated
from amends.domain.lint.readability import grade, sentences, words
from amends.domain.notice.notice import Draft, Reader, Slot
from amends.domain.notice.wording import Wording, say_date
from amends.domain.people.person import AudienceCounts

__all__ = ["CODES", "links", "lint", "lint_in", "stated", "table_of_codes"]

SECRETS = {
    "en": re.compile(
        r"(?:\b(?:send|tell|give|reply|enter|confirm|provide|verify|type|submit|share|forward|text|email|upload)\b"
        r"|\bwe (?:(?!never|not)\w+ )?(?:need|require|ask(?: you)? for)\b).{0,40}"
        r"\b(?:passwords?|pass ?codes?|pins?|(?<!zip )(?<!postal )(?<!source )(?<!qr )codes?|card numbers?|cvv|cvc)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"(?:发送|提供|告知|告诉|回复|输入|填写|上传|转发|核对|验证).{0,12}(?:密码|验证码|卡号|口令|安全码|动态码)"
        r"|[将把].{0,12}(?:密码|验证码|卡号|口令|安全码|动态码).{0,12}(?:发|提供|告知|告诉|回复|填|输入|转)"
    ),
}
"""A request for a secret, by language."""
NEVER = {
    "en": re.compile(
        r"\b(?:never|nobody|no one|will not|won't|someone|somebody|any ?one|any ?body|whoever"
        r"|callers?|criminals|thieves)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"不会|绝不|从不|任何人|有人|凡是|凡|自称|冒充|谁"),
}
"""Words that turn a request into a warning, even when a comma stands between."""
DO_NOT = {
    "en": re.compile(r"\b(?:not|without|nor)\b|n't\b", re.IGNORECASE),
    "zh": re.compile(r"不要|切勿|请勿|勿|别|不得|无需|不必"),
}
"""Words that turn a request into a warning when no comma stands between."""

LEFT_OVER = re.compile(r"\{[{%#]|[}%#]\}|\{[\w. ]*\}|[(（]\s*[)）]|\s[,.](?=\s|$)|[:：]\s*[。.](?=\s|$)")
"""A brace of a template, or marks around an empty value."""
PLACEHOLDER = re.compile(
    r"\bTODO\b|(?:[\w.+-]{1,64}@)?\bexample\.invalid\b|(?<!\d)(?<!\d[ ,.])0{3}[ -]?0{3}[ -]?0{3}(?!\d)"
)
"""A text that an imported incident file holds where nobody has written anything yet."""
JOINERS = "\u200c\u200d\u200e\u200f"
"""Invisible characters that some scripts need."""

SMS_FINE, SMS_AT_MOST = 2, 4
"""Segments of an SMS: the most without a finding, and the most allowed. Longer ones arrive torn or late on some
telephones."""
WORDS_AT_MOST, CHINESE_AT_MOST = 30, 40
"""The longest sentence without a finding, in words, or in characters of Chinese."""
GRADE_AT_MOST, GRADE_NEVER_ABOVE = 8, 10

ADVERTISING = re.compile(
    r"\b(?:discounts?|vouchers?|promo(?:tion(?:al)?)? codes?|special offers?|limited[- ]time|newsletters?|award-winning"
    r"|upgrade (?:now|today)|our (?:new|latest) (?:product|service|app)s?|loyalty points|shop now|best-in-class"
    r"|industry-leading|world-class)\b|优惠|折扣|促销|限时|新品|立减|抽奖|红包|行业领先|会员升级",
    re.IGNORECASE,
)
ATTACHMENT = re.compile(r"\b(?:attached|enclosed)\b(?! to)|\b(?:the|our|an?) attachments?\b|附件", re.IGNORECASE)


def lint_in(case: DraftView, draft: Draft, wording: Wording, page: str) -> tuple[Finding, ...]:
    """Return all findings about the draft, compared with the case.

    Of an outdated draft, return only that it is outdated; of an incident file with a gap, only its gaps.
    """
    if unreadable := (*_outdated(wording, draft), *_gaps(case.incident, draft)):
        return unreadable
    duties = case.assessment.duties if case.assessment else ()
    found = lint(draft, case.incident, wording, page, duties, case.audience, case.commitments)
    asked = advisories.many_asked(case, draft)
    return (*found, *advisories.told_first(case, draft, wording.addenda), *asked)


def lint(
    draft: Draft,
    incident: Incident,
    wording: Wording,
    page: str,
    duties: tuple[Duty, ...] = (),
    audience: AudienceCounts | None = None,
    commitments: tuple[Commitment, ...] = (),
) -> tuple[Finding, ...]:
    """Return all findings about the draft; `page` is the beginning of the notice page's address in every locale.

    Raises KeyError when a variant is in a locale without phrases, or has an addendum that the wording does not have.
    """
    made = {commitment.id: commitment for commitment in (*draft.commitments, *commitments)}
    counts = audience or AudienceCounts()
    known = LintContext(draft, incident, page, wording, duties, counts, tuple(made.values()))
    seat = incident.organisation.established_in or ""
    spoken = {one.name: wording.phrases_for(one.locale, one.addendum, seat) for one in draft.variants}
    proofs = tuple(Proof(known, variant, spoken[variant.name]) for variant in draft.variants)
    found = [finding for proof in proofs for rule in RULES for finding in rule(proof)]
    told = (finding for proof in _with_results(proofs) for rule in OF_RESULTS for finding in rule(proof))
    return (
        *dict.fromkeys((*found, *told)),
        *consistency.channels_agree(proofs),
        *consistency.languages_agree(proofs),
        *advisories.homes_unknown(known),
        *consistency.counts_apart(known),
        *consistency.data_apart(known),
        *consistency.offers_can_be_taken_up(known),
    )


def _with_results(proofs: Iterable[Proof]) -> Iterator[Proof]:
    """Yield each variant that tells a person's own result once for each result, with its words in place of the slot."""
    for proof in (one for one in proofs if Slot.RESULT.mark in one.variant.text):
        for texts in proof.draft.results.values():
            said = proof.variant.text.replace(Slot.RESULT.mark, text_for(texts, proof.variant.locale))
            yield Proof(proof.known, proof.variant.model_copy(update={"text": said}), proof.phrases)


def _outdated(wording: Wording, draft: Draft) -> Iterator[Finding]:
    """Yield L154 when the words in force lack a language or an addendum with which the draft was written."""
    known = {GENERAL, *(one.id for one in wording.addenda.addenda)}
    locales = {variant.locale for variant in draft.variants} - wording.phrases.keys()
    addenda = {variant.addendum for variant in draft.variants} - known
    gone = [f"the language {name}" for name in sorted(locales)] + [f"the addendum {name}" for name in sorted(addenda)]
    if gone:
        what = f"is older than the words in force, which do not have {' or '.join(gone)}"
        yield Finding(draft.notice, "L154", what, "it is drafted afresh before anybody can approve it")


def _gaps(incident: Incident, draft: Draft) -> Iterator[Finding]:
    """Yield L156 when the incident file, as it stands now, lacks something that every notice needs."""
    if why := why_not_draft(incident):
        yield Finding(draft.notice, "L156", f"cannot be read: {why}", "add it with `amends incident amend`")


def table_of_codes() -> str:
    """Return all codes with their meaning and advice, as a Markdown table."""
    rows = (f"| {code} | {one.stops} | {one.means} | {one.advice} |" for code, one in CODES.items())
    return "\n".join(("| code | | what it means | what to do |", "|---|---|---|---|", *rows))


def _empty(proof: Proof) -> Iterator[Finding]:
    if not proof.variant.text.strip():
        yield proof.finding("L100", "has no text", "write its template")
    if proof.variant.channel.mail and len(proof.variant.subject.strip().splitlines()) != 1:
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
    text = proof.variant.text
    own = proof.variant.channel.personal and Slot.PERSONAL_LINK.mark in text
    if not proof.detailed and not own and proof.known.page not in text:
        yield proof.finding("L103", "leads nowhere that says more", f"add {{{{ person.link }}}} or {proof.known.page}")


def _contacts(proof: Proof) -> Iterator[Finding]:
    contacts = proof.incident.organisation.contacts
    if proof.detailed and _dense(contacts.phone) not in _dense(proof.variant.text):
        yield proof.finding("L105", "does not name the telephone number", f"add {contacts.phone}")
    if proof.detailed and contacts.email.casefold() not in proof.variant.text.casefold():
        yield proof.finding("L105", "does not name the email address", f"add {contacts.email}")


def _never_said(proof: Proof) -> Iterator[Finding]:
    text = " ".join(proof.said.split()).casefold()
    for phrase in proof.phrases.never_say:
        if _phrase(phrase).search(text):
            yield proof.finding("L106", f"says “{phrase}”", "say what is known and what is not, without comfort")


@cache
def _phrase(phrase: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9]){re.escape(plain(phrase).casefold())}")


def _secrets(proof: Proof) -> Iterator[Finding]:
    if proof.language not in SECRETS:
        what = f"nobody checks requests for secrets, promises and numbers of people in {proof.phrases.language}"
        yield proof.finding("L149", what, "let somebody who reads it look for them")
        return
    for sentence in sentences(proof.said):
        if any(not _warns(proof.language, sentence, ask.start()) for ask in SECRETS[proof.language].finditer(sentence)):
            advice = "people must be able to rely on it that we never do"
            yield proof.finding("L107", f"seems to ask for a secret: “{sentence}”", advice)


def _warns(language: str, sentence: str, asked_at: int) -> bool:
    """Return True when the words before a request for a secret turn the request into a warning."""
    before = re.split(r"[;:–—]|\b(?:but|so|instead)\b|但|所以", sentence[:asked_at])[-1]
    clause = re.split(r"[,，]", before)[-1]
    return NEVER[language].search(before) is not None or DO_NOT[language].search(clause) is not None


def _next_news(proof: Proof) -> Iterator[Finding]:
    moment = proof.draft.next_news_at
    if moment is None or not proof.detailed:
        return
    date = say_date(proof.phrases, moment, proof.incident.organisation.timezone)
    if date not in proof.variant.text:
        yield proof.finding("L108", "does not say when the next news comes", f"name the day: {date}")


def _late(proof: Proof) -> Iterator[Finding]:
    missed = proof.draft.sorry_for
    if missed is None or not proof.detailed:
        return
    date = say_date(proof.phrases, missed, proof.incident.organisation.timezone)
    if date not in proof.variant.text:
        advice = f"say that people should have heard by {date}, and that you are sorry"
        yield proof.finding("L155", "does not say that news comes late", advice)


def _revisions(proof: Proof) -> Iterator[Finding]:
    again = proof.draft.first_dated is not None and proof.variant.channel.page
    if again and not proof.variant.parts.get("revisions", "").strip():
        advice = 'put the piece `revised` of `_base` into the template, after part("revisions")'
        yield proof.finding("L160", "is published again and does not list what changed", advice)


def _left_over(proof: Proof) -> Iterator[Finding]:
    for left in dict.fromkeys(LEFT_OVER.findall(proof.whole)):
        yield proof.finding("L109", f"holds “{left.strip()}”", "a variable is empty, or a brace was left")


def _placeholders(proof: Proof) -> Iterator[Finding]:
    for left in dict.fromkeys(PLACEHOLDER.findall(proof.whole)):
        advice = "write what belongs there, in the incident file or the template"
        yield proof.finding("L114", f"holds the placeholder “{left}”", advice)


def _characters(proof: Proof) -> Iterator[Finding]:
    for character in dict.fromkeys(MARK.sub("", proof.whole)):
        if unicodedata.category(character) in ("Co", "Cc", "Cf") and character not in f"\n\t{JOINERS}":
            advice = "copy the text again as plain text"
            yield proof.finding("L110", f"holds the character U+{ord(character):04X}, which nobody can read", advice)


def _slots(proof: Proof) -> Iterator[Finding]:
    for name in dict.fromkeys(MARK.findall(proof.whole)):
        if not proof.variant.channel.personal:
            yield proof.finding("L111", f"holds {name} where everybody reads", "leave it out on this channel")
        elif name == Slot.CHILD and proof.variant.reader is not Reader.GUARDIAN:
            yield proof.finding("L111", f"holds {name} for people who have none", "only guardians read about a child")


def _sms(proof: Proof) -> Iterator[Finding]:
    if not proof.sms:
        return
    count = segments(proof.filled).count
    if count > SMS_FINE:
        advice = f"{SMS_FINE} are best, {SMS_AT_MOST} the most"
        yield proof.finding("L112", f"takes {count} segments", advice, blocks=count > SMS_AT_MOST)


def _social(proof: Proof) -> Iterator[Finding]:
    longest = proof.variant.channel.longest
    if longest is not None and (length := len(proof.variant.text)) > longest:
        yield proof.finding("L113", f"has {length} characters", f"{longest} are the most")


def _long_sentences(proof: Proof) -> Iterator[Finding]:
    chinese = proof.language == "zh"
    limit, unit = (CHINESE_AT_MOST, "characters") if chinese else (WORDS_AT_MOST, "words")
    said = [
        (len(_dense(sentence)) if chinese else len(words(sentence)), sentence) for sentence in sentences(proof.filled)
    ]
    length, longest = max(said, default=(0, ""))
    if length > limit:
        what = f"has a sentence of {length} {unit}: “{longest[:60]}…”"
        yield proof.finding("L130", what, f"{limit} are the most")


def _grade(proof: Proof) -> Iterator[Finding]:
    if not proof.detailed or proof.language != "en":
        return
    if (found := grade(EMAIL.sub("link", proof.filled))) > GRADE_AT_MOST:
        advice = f"shorter sentences, shorter words; aim at {GRADE_AT_MOST}"
        yield proof.finding("L131", f"asks for {found:.0f} years of school", advice, blocks=found > GRADE_NEVER_ABOVE)


def _advertising(proof: Proof) -> Iterator[Finding]:
    for match in ADVERTISING.finditer(proof.said):
        yield proof.finding("L132", f"sounds like advertising: “{match[0]}”", "sell nothing in a notice")


def _attachment(proof: Proof) -> Iterator[Finding]:
    if match := ATTACHMENT.search(proof.said):
        yield proof.finding("L133", f"speaks of an attachment: “{match[0]}”", "put it on the notice page")


def _dense(text: str) -> str:
    """Return the text without spaces and without the marks that people put into telephone numbers."""
    return re.sub(r"[\s().·/-]", "", text)


RULES: tuple[Callable[[Proof], Iterator[Finding]], ...] = (
    _empty,
    _parts,
    _alone,
    _page,
    _contacts,
    _never_said,
    _secrets,
    _next_news,
    _late,
    _revisions,
    _left_over,
    _placeholders,
    _characters,
    _slots,
    _sms,
    _social,
    _long_sentences,
    _grade,
    _advertising,
    _attachment,
    letter.first_step,
    letter.long,
    letter.conditional_steps,
    letter.admissions,
    letter.kept,
    letter.evidence,
    letter.contradictions,
    consistency.contacts,
    consistency.items_asked_for,
    consistency.items_forbidden,
    consistency.people,
    consistency.dates,
    covered.uncovered,
    consistency.commitments_tracked,
    consistency.commitments_said,
    advisories.remedies,
    advisories.page_that_tells,
)
OF_RESULTS: tuple[Callable[[Proof], Iterator[Finding]], ...] = (
    _never_said,
    _secrets,
    _left_over,
    _placeholders,
    _characters,
    _advertising,
    _attachment,
    letter.admissions,
    consistency.contacts,
)
"""The rules that look at the words themselves, which also read the words of each person's own result."""
