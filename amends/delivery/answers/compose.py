"""Composing replies: the words around an answer, in the language of the person who asked."""

from collections.abc import Callable, Iterator
from datetime import datetime

from amends.delivery.outbox.in_flight import Composed, NotComposed
from amends.domain.base.value import text_for
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Message, VariantForm
from amends.domain.channel.outgoing import OutgoingName
from amends.domain.draft.writer import Links
from amends.domain.feedback.answer import AnswerKind, ReplyChannel, best_locale, fits_sms, reply_subject, thread
from amends.domain.feedback.clean import clean
from amends.domain.incident.incident import Incident
from amends.domain.notice.wording import Phrases, Wording, say_date
from amends.ledger.feedback.replies import ReplyContent, ReplyReader
from amends.ledger.outbox.outbox import OutgoingClaim

Opened = Callable[[OutgoingName], tuple[ReplyContent, ReplyReader]]
"""A function that returns the content and the reader of a reply."""
UNREADABLE = "the answer or the address cannot be read"
NOTICE = "answer"
"""The name of a notice that a channel sees; replies have no version of a notice."""
QUOTED = 400
"""The most characters of the question that a reply repeats."""
NEEDED = frozenset(
    {
        "hello",
        "reply_subject",
        "reply_hello",
        "reply_asked",
        "reply_answer",
        "reply_wrong",
        "reply_closed",
        "reply_not_satisfied",
        "reply_not_satisfied_mail",
        "reply_thanks",
        "reply_sms",
        "reply_sms_wrong",
        "reply_sms_correction",
        "reply_contact",
        "we_never_ask",
    }
)
"""The words of a locale that replies are made of."""
OF_CLAIMS = {
    "reply_subject": "claim_reply_subject",
    "reply_asked": "claim_reply_asked",
    "reply_answer": "claim_reply_answer",
    "reply_not_satisfied": "claim_reply_page",
    "reply_thanks": "claim_reply_thanks",
}
"""The words of a reply about a claim of compensation, where the playbook has them."""
LACKS = "the playbook of {incident} has no words in {locale} for answers; `amends migrate {incident}` brings newer ones"
TOO_LONG = "the answer is too long for an SMS, and there is no page on which to read it"


class TooLong(NotComposed):
    """An answer that does not fit into an SMS, for somebody without a page."""


class ReplyComposer:
    """A composer of the replies of one incident."""

    def __init__(self, incident: Incident, wording: Wording, links: Links, opened: Opened) -> None:
        self._incident, self._wording, self._links, self._opened = incident, wording, links, opened

    def why_not(self) -> str:
        """Return why no reply can be composed, as with the words of an older playbook, or ""."""
        lack = [locale for locale, phrases in self._wording.phrases.items() if not phrases.portal.keys() >= NEEDED]
        return LACKS.format(locale=lack[0], incident=self._incident.id) if lack else ""

    def composed(self, claim: OutgoingClaim) -> Composed:
        """Return the complete message of this claim. Raises NotComposed."""
        content, to = self._opened(claim.name)
        if not (content.text and to.address):
            raise NotComposed(UNREADABLE)
        return Composed(self._message(claim, content, to), to.timezone, to.country)

    def _message(self, claim: OutgoingClaim, content: ReplyContent, to: ReplyReader) -> Message:
        phrases, by_mail = self._phrases(content, to), claim.channel == ReplyChannel.EMAIL
        text = self._email(phrases, content, to) if by_mail else self._sms(phrases, content, to)
        answered, references = thread(content.sender) if by_mail and content.sender else ("", ())
        return Message(
            form=self._form(claim, content, phrases, text, self._subject(phrases, content) if by_mail else ""),
            key=claim.key,
            to=to.address,
            to_name=to.name if by_mail else "",
            bounce=claim.bounce,
            in_reply_to=answered,
            references=references,
        )

    def _form(
        self, claim: OutgoingClaim, content: ReplyContent, phrases: Phrases, text: str, subject: str
    ) -> VariantForm:
        kind = ChannelKind(claim.channel)
        return VariantForm(
            kind=kind,
            locale=content.locale,
            text=(text,),
            subject=(subject,),
            incident=claim.name.incident,
            notice=NOTICE,
            sender=self._organisation(phrases),
            signature=self._signature(content.locale) if kind.segmented else "",
            published_at=content.answered_at,
            zone=self._incident.organisation.timezone,
        )

    def _phrases(self, content: ReplyContent, to: ReplyReader) -> Phrases:
        """Return the words in the language of the answer, else in the incident's, else in any."""
        known = self._wording.phrases
        own = best_locale(known, content.locale) or best_locale(known, self._incident.default_locale)
        phrases = self._wording.phrases_in(own or next(iter(known)), to.country)
        return _about_claims(phrases) if content.kind is AnswerKind.CLAIM_NEWS else phrases

    def _subject(self, phrases: Phrases, content: ReplyContent) -> str:
        theirs = reply_subject(content.sender.subject) if content.sender else ""
        return theirs or phrases.portal["reply_subject"]

    def _email(self, phrases: Phrases, content: ReplyContent, to: ReplyReader) -> str:
        return "\n\n".join(self._paragraphs(phrases, content, to)) + "\n"

    def _paragraphs(self, phrases: Phrases, content: ReplyContent, to: ReplyReader) -> Iterator[str]:
        words = phrases.portal
        yield words["hello"].format(name=to.name) if to.name else words["reply_hello"]
        if content.question:
            yield words["reply_asked"].format(date=self._date(phrases, content.asked_at))
            yield _quoted(content.question)
        yield self._head(phrases, content)
        yield clean(content.text)
        yield (
            words["reply_not_satisfied"].format(link=self._page(to.link))
            if to.link
            else words["reply_not_satisfied_mail"]
        )
        yield self._reach(phrases)
        yield f"{words['reply_thanks']}\n{self._organisation(phrases)}"

    def _head(self, phrases: Phrases, content: ReplyContent) -> str:
        """Return the line above the answer: which kind it is, and when an earlier one was wrong, that it was."""
        words = phrases.portal
        if content.wrong_at:
            return words["reply_wrong"].format(date=self._date(phrases, content.wrong_at))
        return words["reply_closed" if content.kind is AnswerKind.CLOSED else "reply_answer"]

    def _reach(self, phrases: Phrases) -> str:
        contacts, locale = self._incident.organisation.contacts, phrases.locale
        ways = (contacts.phone, contacts.email, text_for(contacts.hours, locale))
        return "\n".join((phrases.portal["reply_contact"], *filter(None, ways), phrases.portal["we_never_ask"]))

    def _sms(self, phrases: Phrases, content: ReplyContent, to: ReplyReader) -> str:
        """Return the whole answer when it fits, else where to read it. Raises TooLong."""
        words, before = phrases.portal, self._sms_begin(phrases, content.locale)
        sorry = (
            words["reply_sms_correction"].format(date=self._date(phrases, content.wrong_at)) if content.wrong_at else ""
        )
        whole = f"{before}{sorry}{' ' if sorry else ''}{' '.join(clean(content.text).split())}"
        if fits_sms(whole):
            return whole
        if not to.link:
            raise TooLong(TOO_LONG)
        word, day = ("reply_sms_wrong", content.wrong_at) if content.wrong_at else ("reply_sms", content.asked_at)
        return before + words[word].format(date=self._date(phrases, day), link=self._page(to.link))

    def _sms_begin(self, phrases: Phrases, locale: str) -> str:
        signature = self._signature(locale)
        return f"【{signature}】" if signature else f"{self._organisation(phrases)}: "

    def _signature(self, locale: str) -> str:
        return (self._incident.organisation.sms_signature or "") if locale.startswith("zh") else ""

    def _organisation(self, phrases: Phrases) -> str:
        names, default = self._incident.organisation.name, self._incident.default_locale
        return text_for(names, phrases.locale) or text_for(names, default)

    def _page(self, link: str) -> str:
        return f"{self._links.public_url}/p/{link}"

    def _date(self, phrases: Phrases, moment: datetime) -> str:
        return say_date(phrases, moment, self._incident.organisation.timezone)


def _about_claims(phrases: Phrases) -> Phrases:
    """Return the phrases with the words around a reply about a claim in place of those around an answer."""
    own = {word: phrases.portal[ours] for word, ours in OF_CLAIMS.items() if ours in phrases.portal}
    return phrases.model_copy(update={"portal": phrases.portal | own})


def _quoted(question: str) -> str:
    """Return the beginning of a question, each line marked as a quotation."""
    words = clean(question)
    shown = words if len(words) <= QUOTED else f"{words[:QUOTED].rstrip()} …"
    return "\n".join(f"> {line}" for line in shown.splitlines())
