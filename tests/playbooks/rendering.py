"""The words of the repository, bound to their models, and every template rendered with what a notice may hold."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from amends.content.incident.incident import read_incident
from amends.content.notice import shipped_wording
from amends.domain.assess.assessment import Tone
from amends.domain.base.value import text_for
from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.commitment import commit, planned_commitments
from amends.domain.incident.facts import Count
from amends.domain.incident.incident import Incident, Organisation, StatementKey
from amends.domain.law.addendum import GENERAL, Addenda
from amends.domain.notice.help import Help
from amends.domain.notice.notice import Reader, Slot
from amends.domain.notice.sandbox import BoundedSandbox
from amends.domain.notice.templates import (
    PART_CLOSE,
    PART_OPEN,
    environment,
    mark_items,
    mark_statements,
    split_items,
    split_parts,
    split_statements,
)
from amends.domain.notice.wording import Phrases, say_count, say_data, say_date, say_moment
from amends.domain.playbook.playbook import Playbook
from amends.domain.risk.levels import Severity
from tests.builders import picked

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
STORY = PLAYBOOKS / "examples" / "stolen-terminals"
LOCALES = ("en", "zh-CN")
ZONE = "Asia/Shanghai"
TOLD = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
NEXT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
MISSED = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
PUT_OFF = datetime(2026, 12, 30, 9, 0, tzinfo=UTC)
TONES = dict(zip(Severity, Tone, strict=True))
PAGE = "https://notices.btepai.example/n/stolen-terminals/any-LOCAL/"
"""Sixty characters, more than a notice page usually has."""
PERSON = {
    "en": {Slot.NAME: "Harriet Vance", Slot.YOUR_DATA: "name, contact details and bills", Slot.CHILD: "Toby"},
    "zh-CN": {Slot.NAME: "叶明轩", Slot.YOUR_DATA: "姓名等身份信息、电话等联系方式和账单", Slot.CHILD: "叶雨桐"},
}
RESULTS = {
    "en": {Slot.EARLIER_RESULT: "Your lock is sound.", Slot.RESULT: "Your lock was worn, and we put in a new one."},
    "zh-CN": {Slot.EARLIER_RESULT: "您的门锁没有问题。", Slot.RESULT: "您的门锁已磨损，我们换了新锁。"},
}
REASON = {"en": "The parts for the new terminals came late.", "zh-CN": "新终端的零件到货晚了。"}
EVIDENCE = {"en": "Contract of 1 December 2026", "zh-CN": "2026年12月1日的合同"}
STATES = {"promise-kept": ("kept",), "result-corrected": ("kept",), "promise-late": ("late", "dropped", "broken")}


@dataclass(frozen=True)
class Setting:
    """Everything that one rendering of a template depends on."""

    notice: str
    locale: str
    channel: ChannelKind
    reader: Reader = Reader.SELF
    severity: Severity = Severity.HIGH
    sparse: bool = False
    """Every value that may be empty is empty."""
    state: str = "open"
    """Of the promise that the notice is about."""
    letter: str = GENERAL

    @property
    def path(self) -> str:
        return f"{self.notice}/{self.locale}.{self.channel}.{self.channel.suffix}"

    def __str__(self) -> str:
        sparse = " sparse" if self.sparse else ""
        return f"{self.path} {self.letter} {self.reader} {self.severity} {self.state}{sparse}"


@dataclass(frozen=True)
class Rendered:
    """A notice as one person reads it."""

    setting: Setting
    subject: str
    text: str
    """With the person's own values filled in."""
    parts: dict[str, str]
    drafted: str
    """With slots where the person's own values go."""
    items: tuple[str, ...]


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


@cache
def phrases(locale: str) -> Phrases:
    return Phrases.model_validate(read_yaml(PLAYBOOKS / "locales" / f"{locale}.yaml"))


@cache
def playbooks() -> dict[str, Playbook]:
    return {
        path.stem: Playbook.model_validate(read_yaml(path))
        for path in PLAYBOOKS.glob("*.yaml")
        if path.name != "addenda.yaml"
    }


def helps() -> tuple[Help, ...]:
    return shipped_wording().helps


@cache
def letters() -> Addenda:
    return Addenda.model_validate(read_yaml(PLAYBOOKS / "addenda.yaml"))


@cache
def incident() -> Incident:
    return read_incident(STORY / "incident.yaml")


@cache
def templates() -> dict[str, str]:
    root = PLAYBOOKS / "notices"
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in root.rglob("*.*")}


@cache
def _environment() -> BoundedSandbox:
    return environment(templates())


@cache
def settings() -> tuple[Setting, ...]:
    """Each template in each letter, with both readers, each severity, all or nothing in what may be empty."""
    own = sorted(path for path in templates() if not path.startswith("_base/"))
    return tuple(setting for path in own for setting in _settings_of(path))


def _settings_of(path: str) -> list[Setting]:
    notice, name = path.split("/")
    locale, channel, _ = name.split(".")
    kind = ChannelKind(channel)
    own = {letters().in_notice(notice, letter.id) for letter in letters().addenda} if kind.personal else set()
    ways = product(Reader, Severity, (False, True), STATES.get(notice, ("open",)), sorted({GENERAL} | own))
    return [Setting(notice, locale, kind, *way) for way in ways]


@cache
def render(setting: Setting) -> Rendered:
    module = _environment().get_template(setting.path).make_module(context_of(setting))
    whole, _ = split_statements(str(module).strip())
    marked, items = split_items(whole)
    drafted, parts = split_parts(marked)
    text = drafted
    for slot, value in (
        PERSON[setting.locale]
        | RESULTS[setting.locale]
        | own_words(setting)
        | {Slot.PERSONAL_LINK: "3q2Zk9vYb0Xw7Lm4Rt8Hs1Ne6Ud"}
    ).items():
        text = text.replace(slot.mark, value)
    return Rendered(setting, str(getattr(module, "subject", "")), text, parts, drafted, items)


@cache
def own_words(setting: Setting) -> dict[Slot, str]:
    """The steps and the help of a person of the example who lives where the setting's addendum is for."""
    touched, child = incident().facts.categories(), setting.reader is Reader.GUARDIAN
    place = home_of(setting)
    steps = shipped_wording().steps_in(setting.locale, place[:2])
    return {
        Slot.FIRST_STEP: steps.first(touched, child=child),
        Slot.STEPS: steps.numbered(touched, child=child),
        Slot.HELP: shipped_wording().help_text(setting.locale, place, touched, child=child),
    }


def home_of(setting: Setting) -> str:
    """The first place for which the setting's addendum is, else China, where the example's people live."""
    found = letters().addendum(setting.letter)
    return found.places[0] if found else "CN"


SESSION = {
    "en": {
        "title": "Ask our engineers",
        "begins": "Tuesday, 8 December 2026, 17:00 (UTC+8)",
        "minutes": "60",
        "where": "+86 571 5550 0142",
    },
    "zh-CN": {
        "title": "向工程师提问",
        "begins": "2026年12月8日（星期二）17:00（UTC+8）",
        "minutes": "60",
        "where": "+86 571 5550 0142",
    },
}
"""The question hour of a notice that announces one."""


def help_says(setting: Setting) -> tuple[str, ...]:
    """The items that the help says to everybody with the setting's addendum."""
    found, helps = letters().addendum(setting.letter), shipped_wording().help_in(home_of(setting)[:2])
    return helps.says(found.places) if found and helps else ()


def context_of(setting: Setting) -> dict[str, Any]:
    """What a template is given in this setting."""
    always = {
        "part": lambda name: f"{PART_OPEN}{name}{PART_CLOSE}",
        "item": lambda *names: mark_items(names, letters().items),
        "states": lambda *keys: mark_statements(map(StatementKey, keys)),
        "addendum": {"id": setting.letter, "says": lambda item: letters().says(setting.letter, item)},
        "reader": setting.reader.value,
        "help_says": help_says(setting),
        "page": PAGE,
        "promises_page": f"{PAGE}promises",
        "faq_page": f"{PAGE}questions",
        "dated": say_date(phrases(setting.locale), TOLD, ZONE),
        "severity": setting.severity.value,
        "tone": TONES[setting.severity].value,
        "organisation": _organisation(incident().organisation, setting),
        "story": _story(setting),
        "promise": _promise(setting),
        "session": SESSION[setting.locale] | {"page": "https://btepai.example/s/stolen-terminals/ask-us?lang=en"},
    }
    varying = _nothing() if setting.sparse else _everything(setting.locale)
    varying |= {} if letters().says(setting.letter, "nature") else {"changes": []}  # as a draft leaves them out
    personal = {"person": _person(setting)} if setting.channel.personal else {}
    return always | varying | personal


def _nothing() -> dict[str, Any]:
    empty = ("occurred_from", "occurred_to", "discovered", "contained", "data_in_words", "next_news")
    empty += ("encrypted", "nobody_knows_who")
    lists: dict[str, Any] = {"data": [], "steps": [{"about": "", "text": "-"}], "helps": [], "promises": [], "news": []}
    lists |= {"changes": [], "revisions": [], "many_asked": []}
    since, late = {"first": "", "news": []}, {"named": "", "came": ""}
    others = {"late": late, "since": since, "questions": {"asked": 0, "open": 0}, "survey": {}, "people": ""}
    return {**dict.fromkeys(empty, ""), **lists, **others}


def _rated(locale: str) -> dict[str, str]:
    first, *_, last = playbooks()["customer-data-theft"].surveys[0].scales
    return {"answers": "1,234", "best": first.words[locale], "lowest": last.words[locale]}


def _everything(locale: str) -> dict[str, Any]:
    words, told = phrases(locale), incident()
    touched = told.facts.categories()
    news = [{"date": say_date(words, news.at, ZONE), "text": text_for(news.text, locale)} for news in told.news]
    return {
        **_dates(told, words),
        "data": [name for kind, name in words.data.items() if kind in touched],
        "data_in_words": say_data(words, touched),
        "steps": shipped_wording().steps_for_all(locale, touched),
        "helps": shipped_wording().helps_for_all(locale, ("US", "CN"), touched),
        "promises": _promises(locale),
        "news": news,
        "since": {"first": say_date(words, TOLD, ZONE), "news": news},
        "changes": _changes(words),
        "next_news": say_moment(words, NEXT, ZONE),
        "late": {"named": say_moment(words, MISSED, ZONE), "came": ""},
        "questions": {"asked": 12, "open": 3},
        "survey": _rated(locale),
        "many_asked": [
            {"topic": "scam", "question": "", "answer": "", "open": "yes"},
            {"topic": "my_data", "question": "?", "answer": "", "open": ""},
        ],
        "people": say_count(words, told.facts.people.value or Count()),
        "encrypted": "no",
        "nobody_knows_who": "yes",
        "revisions": _revisions(words),
    }


def _changes(words: Phrases) -> list[dict[str, str]]:
    """One thing that was wrong, one that nobody was told, one that a person words, and one that is ruled out."""
    names, values = words.statements, words.values[StatementKey.CAUSE]
    sure, wrong = {"sure": "yes", "ruled_out": ""}, {"wrong": "yes"}
    was = {"name": names[StatementKey.CAUSE], "was": values["theft"], "now": values["insider"]}
    return [
        {"key": "cause", **was, **sure, **wrong},
        {"key": "people", "name": names[StatementKey.PEOPLE], "was": "", "now": "240", **sure, "wrong": ""},
        {"key": "measures", "name": names[StatementKey.MEASURES], "was": "", "now": "", **sure, **wrong},
        {"key": "misuse", **was, "now": words.not_so, "sure": "", "ruled_out": "yes", **wrong},
    ]


def _revisions(words: Phrases) -> list[dict[str, Any]]:
    """A page that was published three times more: without a difference, with several, and with one overtaken since."""
    listed = [{**change, "overtaken": "", "promise": ""} for change in _changes(words)]
    promise = {**listed[0], "promise": "yes"}
    found = [[], [*listed, promise], [{**listed[0], "overtaken": "yes"}]]
    return [{"date": say_date(words, TOLD, ZONE), "changes": changes} for changes in found]


def _dates(told: Incident, words: Phrases) -> dict[str, str]:
    moments = {
        "occurred_from": told.times.occurred.start,
        "occurred_to": told.times.occurred.end,
        "discovered": told.times.events["discovered"],
        "contained": told.times.contained,
    }
    return {name: say_date(words, moment, ZONE) if moment else "" for name, moment in moments.items()}


def _story(setting: Setting) -> dict[str, str]:
    story: dict[str, str] = incident().texts[setting.locale].model_dump()
    return story | ({"what_you_can_do": ""} if setting.sparse else {})


def _person(setting: Setting) -> dict[str, str]:
    link = f"https://btepai.example/p/{Slot.PERSONAL_LINK.mark}"
    slots = (Slot.NAME, Slot.YOUR_DATA, Slot.FIRST_STEP, Slot.STEPS, Slot.HELP)
    results = {"remedy": Slot.RESULT.mark, "earlier_remedy": Slot.EARLIER_RESULT.mark}
    own = {"link": link, "code": "", "remedy": "", "earlier_remedy": ""} | {slot.value: slot.mark for slot in slots}
    own |= results if setting.notice == "result-corrected" else {}
    return own | ({"child": Slot.CHILD.mark} if setting.reader is Reader.GUARDIAN else {})


def _organisation(told: Organisation, setting: Setting) -> dict[str, str]:
    contacts = told.contacts
    optional = {
        "signed_by": text_for(told.signed_by, setting.locale),
        "hours": text_for(contacts.hours, setting.locale),
        "postal_address": text_for(contacts.postal_address, setting.locale),
        "officer": text_for(contacts.officer, setting.locale),
        "sms_signature": told.sms_signature or "",
        "toll_free": "yes",
    }
    always = {"name": text_for(told.name, setting.locale), "email": contacts.email, "phone": contacts.phone}
    always["dial"] = re.sub(r"[^+\d]", "", contacts.phone)
    return always | (dict.fromkeys(optional, "") if setting.sparse else optional)


def _promises(locale: str) -> list[dict[str, str]]:
    words = phrases(locale)
    given = planned_commitments(picked(*playbooks()["customer-data-theft"].offers), incident().commitments)
    return [
        {
            "kind": promise.kind.value,
            "text": text_for(promise.promise, locale),
            "due": say_date(words, commit(promise, TOLD, "first-notice").due_at, ZONE),
            "state": "open",
            "state_in_words": words.commitment_states["open"],
            "new_due": "",
            "next_word": "",
            "reason": "",
            "evidence": "",
            "take_up": {"provider": "", "code": "", "link": "", "phone": "", "until": "", "how": "", "codes": ""},
            "per_person": "",
            "kept": "",
        }
        for promise in given
    ]


def _promise(setting: Setting) -> dict[str, str]:
    """The first of the promises, in the state that the notice tells of."""
    words = phrases(setting.locale)
    told = {"state": setting.state, "state_in_words": words.commitment_states[setting.state]}
    first = _promises(setting.locale)[0] | told
    if setting.sparse:
        return first | {"next_word": say_date(words, NEXT, ZONE) if setting.state == "late" else ""}
    new_due = say_date(words, PUT_OFF, ZONE) if setting.state == "late" else ""
    return first | {"new_due": new_due, "reason": REASON[setting.locale], "evidence": EVIDENCE[setting.locale]}
