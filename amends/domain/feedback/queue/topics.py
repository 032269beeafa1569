"""Topics and urgency of a question, guessed from its words by the rules of the playbook and by shipped ones.

The German and French words of the shipped rules have not been read by native speakers yet. A guess only sorts: no text
that a person reads depends on it, and a member can move a question to another topic.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from typing import Annotated, NamedTuple

from pydantic import Field

from amends.domain.base.value import Lasting, Locale, Slug, Value
from amends.domain.feedback.question import Urgency, topic_of

Keyword = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]
MOST_KEYWORDS = 200
"""The most keywords of one topic in one language."""
FIRST_OF_CHINA = "⺀"
"""The first character of the scripts of East Asia, which put no blanks between words."""

URGENT: dict[Urgency, re.Pattern[str]] = {
    urgency: re.compile(pattern, re.IGNORECASE)
    for urgency, pattern in {
        Urgency.SAFETY: r"\bstalk|threaten|violen(?:t|ce)"
        r"|(?:ex|former)[- ](?:husband|wife|partner|boyfriend|girlfriend)"
        r"|domestic abuse|restraining order|witness protection|women'?s (?:shelter|refuge)|in hiding|afraid for my life"
        r"|kill (?:me|myself|him|her|us)|suicid|in danger\b|safe ?house"
        r"|跟踪|威胁|家暴|家庭暴力|前夫|前妻|人身安全|生命危险|有危险|自杀|害怕被找到|保护令|躲避"
        r"|bedroh|stalk|gewalt(?!ig)|vergewalt|ex-?(?:mann|frau|freund|partner)|frauenhaus|lebensgefahr"
        r"|in gefahr|umbringen|selbstmord|suizid|zeugenschutz"
        r"|menac|violen(?:t|ce)|harcèle|harcel|ex-?(?:mari|femme|conjoint|compagn)|en danger|suicid|me tuer"
        r"|danger de mort|me cache",
        Urgency.MONEY: r"(?:money|savings|funds) (?:\w+ ){0,2}(?:gone|missing|stolen|taken|withdrawn)"
        r"|(?:withdr[ae]w\w*|debit\w*|charg\w+|transfer\w*|took|taken|stole\w*) (?:\w+ ){0,5}(?:my|our) (?:\w+ ){0,2}"
        r"(?:account|card|bank)"
        r"|account (?:\w+ ){0,2}(?:emptied|drained)|opened (?:\w+ ){0,3}(?:loan|credit|account) in my name"
        r"|loan in my name"
        r"|unauthori[sz]ed (?:\w+ ){0,2}(?:payment|charge|transaction|transfer)"
        r"|盗刷|被转走|钱(?:没|不见|被)|账户被(?:盗|清空)|以我的名义(?:贷款|开户)|被扣款|转账被骗|被骗了?钱"
        r"|abgebucht|geld (?:\w+ ){0,2}(?:weg|gestohlen|verschwunden)|konto (?:\w+ ){0,2}(?:leer|geplündert)"
        r"|(?:kredit|konto) (?:\w+ ){0,2}(?:auf|in) meinem namen"
        r"|débité|prélèvement (?:\w+ ){0,2}(?:inconnu|frauduleux)|argent (?:\w+ ){0,2}(?:volé|disparu)|compte vidé"
        r"|(?:crédit|compte) (?:\w+ ){0,2}à mon nom",
        Urgency.LEGAL: r"\blawyer|attorney|solicitor|lawsuit|\bsu(?:e|ing)\b|legal action|court\b|class action"
        r"|data protection authority|regulator|\bgdpr\b|ombudsman"
        r"|律师|起诉|诉讼|法院|投诉到|网信办|监管部门|维权"
        r"|rechtsanw|\banwalt|anwält|verklag|klage\b|gericht\b|datenschutzbehörde|dsgvo|schadens?ersatz"
        r"|avocat|porter plainte|tribunal|poursuites?\b|\bcnil\b|\brgpd\b|justice\b",
        Urgency.PRESS: r"journalist|reporter|newspaper (?:article|interview)|press (?:enquiry|inquiry|request|office)"
        r"|for (?:an|our) article|editor(?:ial)? (?:team|staff|office)"
        r"|记者|采访|报社|媒体采访|电视台"
        r"|journalist|redaktion|presseanfrage|reporterin"
        r"|journaliste|rédaction\b|demande de presse",
        Urgency.ANGER: r"outrag|disgust|furious|unacceptable|shame on you|scandal|never again"
        r"|fed up|appalling|ridiculous"
        r"|!!!|愤怒|气愤|太过分|无耻|不能接受|忍无可忍|可耻|！！"
        r"|unverschämt|empör|wütend|skandal|unerhört|frechheit|nie wieder"
        r"|scandale|inadmissible|inacceptable|furieu|honteu|marre\b|indign",
    }.items()
}
"""Patterns of urgency, the gravest first; the first match wins."""

FURTHER_TOPICS: dict[str, re.Pattern[str]] = {
    topic: re.compile(pattern, re.IGNORECASE)
    for topic, pattern in {
        "scam": r"betrug|betrüg|verdächtig|gefälscht|arnaque|fraude|hameçonnage|suspect",
        "compensation": r"entschädig|schadens?ersatz|erstatt|geld zurück|anwalt|indemni|dédommag|rembours|avocat",
        "monitoring": r"schufa|bonität|überwachungsdienst|surveillance (?:du |de )?crédit",
        "my_data": r"welche (?:\w+ )?(?:daten|angaben)|meine (?:\w+ )?(?:daten|adresse|nummer)"
        r"|quelles? (?:\w+ )?(?:données|informations)|mes (?:\w+ )?(?:données|coordonnées)|mon (?:adresse|numéro)",
        "delete": r"lösch|konto schließen|kündig|supprim|effac|fermer mon compte|résili",
        "password": r"passw[oö]rt|kennwort|anmeld|mot de passe|connexion|connecter",
        "next_steps": r"was (?:soll|kann|muss) ich|wie geht es weiter|que (?:dois|puis|faire)|quoi faire",
    }.items()
}
"""Patterns of the shipped topics in German and French."""


class Topic(Value):
    """A topic of a playbook: which questions belong to it, who answers them, and by when."""

    keywords: dict[Locale, Annotated[tuple[Keyword, ...], Field(max_length=MOST_KEYWORDS)]] = Field(min_length=1)
    """Words by language; one of them in a question is enough. A word also stands for the longer words it begins."""
    owner: str = ""
    """The member or the office that answers; the playbook's `questions_owner` when left out."""
    urgency: Urgency | None = None
    """The urgency of every question of this topic, unless its words tell of a graver one."""
    reply_within: Lasting | None = None
    """The time within which a question of this topic is answered."""


class Sorted(NamedTuple):
    """The topic and the urgency of a question, as its words tell."""

    topic: str
    urgency: Urgency | None


def sort_question(text: str, topics: Mapping[Slug, Topic]) -> Sorted:
    """Return the topic and the urgency of a question; the topics of the playbook go before the shipped ones."""
    own = next((name for name, topic in topics.items() if _pattern(_words(topic)).search(text)), "")
    graver = [urgency_of(text), topics[own].urgency if own else None]
    return Sorted(own or shipped_topic(text), _gravest(graver))


def shipped_topic(text: str) -> str:
    """Return the topic by the shipped rules of four languages."""
    first = topic_of(text)
    if first != "other":
        return first
    return next((topic for topic, pattern in FURTHER_TOPICS.items() if pattern.search(text)), "other")


def urgency_of(text: str) -> Urgency | None:
    """Return the gravest urgency that the words tell of, or None."""
    return next((urgency for urgency, pattern in URGENT.items() if pattern.search(text)), None)


def service_level(
    found: Sorted, topics: Mapping[Slug, Topic], urgent: Mapping[Urgency, timedelta], otherwise: timedelta
) -> timedelta:
    """Return the time within which a question is answered: the shorter of its topic's and its urgency's."""
    topic = topics.get(found.topic)
    spans = [topic.reply_within if topic else None, urgent.get(found.urgency) if found.urgency else None]
    return min((span for span in spans if span is not None), default=otherwise)


def _gravest(found: Iterable[Urgency | None]) -> Urgency | None:
    order = list(Urgency)
    return min(filter(None, found), key=order.index, default=None)


def _words(topic: Topic) -> tuple[str, ...]:
    return tuple(word for words in topic.keywords.values() for word in words)


@cache
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern that finds a word at the beginning of a word, or anywhere in a script without blanks."""
    begins = (("" if word.strip()[0] >= FIRST_OF_CHINA else r"(?<!\w)") + re.escape(word.strip()) for word in words)
    return re.compile("|".join(begins), re.IGNORECASE)
