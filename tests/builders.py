"""Small, realistic values for every test: change what the test is about, leave the rest."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from amends.content.file.shipped import library
from amends.content.playbook.commitment_library import shipped_commitments
from amends.domain.assess.assessment import Affected, Assessment, Cadence, Score, Tone
from amends.domain.base.value import Span
from amends.domain.case.states import IncidentState
from amends.domain.case.views.closing import ClosingView
from amends.domain.case.views.draft import DraftView
from amends.domain.case.views.timeline import TimelineView
from amends.domain.channel.channel import ChannelKind
from amends.domain.closing.criteria import unmet
from amends.domain.feedback.question import NewQuestion, QuestionKind, QuestionSource
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.incident.commitment import Commitment, CommitmentKind, PlannedCommitment
from amends.domain.incident.facts import DataCategory
from amends.domain.incident.incident import Incident, StatementKey
from amends.domain.law.addendum import GENERAL
from amends.domain.law.duty import Addressee, Confidence, Duty, DutyStanding
from amends.domain.notice.notice import Draft, Reader, Slot, TextName, Variant
from amends.domain.notice.statement import CAN_BE_WRONG
from amends.domain.notice.wording import Phrases, Wording
from amends.domain.people.locales import LocaleRuling
from amends.domain.people.person import AudienceCounts, Person
from amends.domain.playbook.playbook import Playbook
from amends.domain.playbook.survey import Survey
from amends.domain.risk.levels import Component, Risk, Severity
from amends.domain.team.member import Member, TeamRole

FOLDER = TemporaryDirectory()
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
"""When the incident was opened in these values."""
AWARE = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
"""When the company became aware, in these values."""
PAGE = "https://betapai.example/notices/november-breach/"
"""The notice page of the incident."""
NEXT_NEWS = NOW + timedelta(days=4)
"""When the first notice says that the next one comes."""


HAPPENED = {
    "on": "on {first}",
    "between": "between {first} and {last}",
    "from": "from {first} on",
    "until": "until {last}",
}
HEADINGS = {key: key.value for key in StatementKey if key in CAN_BE_WRONG}


@cache
def story_of_few() -> Path:
    """The incident file of the shipped example for fewer people: its notices say that it affects up to 240."""
    whole = (library() / "examples" / "stolen-terminals" / "incident.yaml").read_text(encoding="utf-8")
    file = Path(FOLDER.name) / "incident.yaml"
    file.write_text(whole.replace("  people: 240\n", "  people: {max: 240}\n"), encoding="utf-8")
    return file


def an_incident(**changes: Any) -> Incident:
    """A stolen customer database at a payment company in Germany, written up in English and Chinese."""
    given: dict[str, Any] = {
        "id": "november-breach",
        "title": "Customer database copied in November",
        "organisation": {
            "name": {"en": "Betapai", "zh-CN": "贝塔派"},
            "established_in": "DE",
            "sector": "banking",
            "role": "controller",
            "own_domains": ["betapai.example"],
            "contacts": {"email": "care@betapai.example", "phone": "+49 30 5550100", "hours": "8 to 20"},
            "signed_by": {"en": "Ada Wong, chief executive", "zh-CN": "首席执行官 王爱达"},
            "sms_signature": "贝塔派",
        },
        "times": {
            "occurred": {"from": "2026-11-20T22:00:00Z", "to": "2026-11-21T03:00:00Z"},
            "discovered": "2026-11-23T08:00:00Z",
            "aware": "2026-11-23T10:00:00Z",
            "contained": "2026-11-23T12:00:00Z",
        },
        "facts": {
            "breach_types": ["confidentiality"],
            "cause": "external_attack",
            "vector": "sql_injection",
            "malicious": True,
            "data_categories": ["basic_identity", "contact", "credentials_hashed"],
            "data_subjects": ["customers"],
            "people": 3,
            "encrypted_at_rest": False,
            "exfiltration": "yes",
            "recipient": {"kind": "unknown_attacker"},
        },
        "texts": {
            "en": {
                "what_happened": "Between 20 and 21 November somebody copied part of our customer database.",
                "in_short": "Somebody copied customer data from our systems.",
                "what_it_means": "Others may use your email address to write to you in our name.",
                "what_we_do": "We closed the hole and told the police.",
            },
            "zh-CN": {
                "what_happened": "11月20日至21日,有人复制了我们的部分客户数据。",
                "in_short": "有人从我们的系统复制了客户数据。",
                "what_it_means": "可能有人冒充我们给您发邮件。",
                "what_we_do": "我们已堵住漏洞并报警。",
            },
        },
    }
    return Incident.model_validate(given | changes)


def a_person(**changes: Any) -> Person:
    """A customer in Germany who reads English; another number makes another person."""
    number = changes.get("number", 1)
    given: dict[str, Any] = {
        "number": number,
        "ref": f"C-{number:05}",
        "name": f"Kim Example {number}",
        "email": f"kim{number}@mail.example",
        "phone": f"+4930555{number:05}",
        "locale": "en",
        "country": "DE",
        "data": (DataCategory.BASIC_IDENTITY, DataCategory.CONTACT),
    }
    return Person(**(given | changes))


def an_audience(**changes: Any) -> AudienceCounts:
    """Three people: two read English in Germany, one reads Chinese in China."""
    given: dict[str, Any] = {
        "people": 3,
        "by_place": {"DE": 2, "CN": 1},
        "by_locale": {"en": 2, "zh-CN": 1},
        "by_category": {"basic_identity": 3, "contact": 3, "credentials_hashed": 1},
        "with_email": 3,
        "with_phone": 2,
        "digest": "audience-1",
    }
    return AudienceCounts.model_validate(given | changes)


def a_ruling(locale: str, instead: str) -> LocaleRuling:
    """A lead's decision on readers of a locale without words."""
    return LocaleRuling(locale=locale, instead=instead, by="ruth", at=NOW)


def picked(*uses: str, **changes: Any) -> tuple[PlannedCommitment, ...]:
    """Commitments that a lead has picked from the library, with a way to take up what they offer."""
    take_up = {
        "provider": "Watchful",
        "link": "https://watchful.example",
        "phone": "+49 30 5550199",
        "until": "2027-11-30",
    }
    given = {"take_up": take_up, **changes}
    return tuple(PlannedCommitment.model_validate(shipped_commitments().picked(use, given)) for use in uses)


def an_assessment(score: float = 3.0, band: Severity = Severity.HIGH, **changes: Any) -> Assessment:
    """A high band and a high risk, without duties."""
    part = Component(name="DPC", value=2, reason="Passwords, hashed", facts=("data_categories",))
    given: dict[str, Any] = {
        "version": 1,
        "at": NOW,
        "severity": Score(score=score, band=band, components=(part,), would_change_it=()),
        "risk": Risk.HIGH,
        "notify_authority": True,
        "tell_people": True,
        "rules": (),
        "tone": Tone.SERIOUS,
        "cadence": Cadence(first_update=Span.parse("24h"), then_every=Span.parse("7d")),
        "signed_by": "executive",
        "channels": (ChannelKind.EMAIL, ChannelKind.WEBSITE, ChannelKind.SMS),
        "content": ("what_happened", "what_it_means", "what_we_do", "what_you_can_do", "how_to_reach_us"),
        "affected": (Affected(category=DataCategory.CONTACT, people=3),),
        "duties": (),
        "open_questions": (),
    }
    return Assessment(**(given | changes))


def a_duty(**changes: Any) -> Duty:
    """The supervisory authority in Germany, due 72 hours after the company became aware."""
    given: dict[str, Any] = {
        "id": "eu-gdpr-33.supervisory_authority@DE",
        "regime": "eu-gdpr-33",
        "law": "GDPR (EU) 2016/679",
        "citation": "Art. 33",
        "recipient": "supervisory_authority",
        "recipient_name": "Data protection authority of Germany",
        "addressee": Addressee.AUTHORITY,
        "places": ("DE",),
        "people": 2,
        "standing": DutyStanding.APPLIES,
        "due_at": AWARE + timedelta(hours=72),
        "standard": "within 72 hours; where feasible",
        "clock": "controller_aware",
        "starts_at": AWARE,
        "why": "2 people live in Germany",
        "content": ("nature", "measures"),
        "confidence": Confidence.VERIFIED,
    }
    return Duty(**(given | changes))


def a_promise(**changes: Any) -> PlannedCommitment:
    """An outside audit, due sixty days after people were told."""
    given: dict[str, Any] = {
        "id": "audit",
        "kind": CommitmentKind.AUDIT,
        "promise": {
            "en": "An outside firm will check our systems, and we will publish what it finds.",
            "zh-CN": "我们将请外部机构检查系统,并公布结果。",
        },
        "owner": "security",
        "due": Span.parse("60d"),
    }
    return PlannedCommitment(**(given | changes))


def a_commitment(**changes: Any) -> Commitment:
    """The audit, promised in the first notice, open."""
    promise = a_promise()
    given: dict[str, Any] = {
        "id": promise.id,
        "kind": promise.kind,
        "promise": promise.promise,
        "owner": promise.owner,
        "audience": promise.audience,
        "due_at": NOW + timedelta(days=61),
        "made_in": "first-notice",
    }
    return Commitment(**(given | changes))


def a_playbook(**changes: Any) -> Playbook:
    """Assess, tell, update every third day, ask, chase promises, close."""
    given: dict[str, Any] = {
        "id": "test-playbook",
        "title": "Customer data stolen",
        "for": "Customer data left the company, or may have.",
        "reply_within": "48h",
        "questions_owner": "support",
        "remind_before": "7d",
        "steps": [
            {"id": "assess", "phase": "assess", "after": 0, "of": "opened"},
            {
                "id": "first-notice",
                "phase": "notify",
                "after": "24h",
                "of": "assessed",
                "notice": "first-notice",
                "channels": ["email", "website", "sms", "social"],
                "cascade": ["email", "sms"],
            },
            {
                "id": "update",
                "phase": "update",
                "after": "3d",
                "of": "notified",
                "every": "3d",
                "until": "resolved",
                "at_most": 20,
                "notice": "update",
                "channels": ["email", "website"],
            },
            {
                "id": "survey",
                "phase": "collect_feedback",
                "after": "5d",
                "of": "notified",
                "notice": "survey",
                "survey": "how-we-did",
                "channels": ["email"],
                "approvals": 1,
            },
            {
                "id": "chase",
                "phase": "follow_up",
                "after": "1d",
                "of": "notified",
                "every": "1d",
                "until": "closed",
                "at_most": 400,
                "when": {"open_commitments": True},
            },
        ],
        "commitments": [a_promise().model_dump()],
        "surveys": [a_survey().model_dump()],
    }
    return Playbook.model_validate(given | changes)


def a_survey(**changes: Any) -> Survey:
    """Two scales, a choice and a free text."""
    given: dict[str, Any] = {
        "id": "how-we-did",
        "title": {"en": "How did we do?", "zh-CN": "我们做得怎么样？"},
        "intro": {"en": "A few short questions.", "zh-CN": "几个小问题。"},
        "low": {"en": "1 = not at all", "zh-CN": "1 = 完全不同意"},
        "high": {"en": "5 = fully", "zh-CN": "5 = 完全同意"},
        "questions": [
            {"id": "understood", "kind": "scale", "words": {"en": "I understood it.", "zh-CN": "我明白。"}},
            {"id": "trust_now", "kind": "scale", "words": {"en": "I trust you now.", "zh-CN": "我信任你们。"}},
            {
                "id": "best-way",
                "kind": "choice",
                "words": {"en": "How shall we write?", "zh-CN": "怎样联系您？"},
                "choices": [
                    {"id": "email", "words": {"en": "By email", "zh-CN": "邮件"}},
                    {"id": "sms", "words": {"en": "By SMS", "zh-CN": "短信"}},
                ],
            },
            {"id": "comment", "kind": "text", "words": {"en": "Anything else?", "zh-CN": "还有吗？"}},
        ],
    }
    return Survey.model_validate(given | changes)


class WholeCase(TimelineView, DraftView):
    """A case with all that any view of it has."""


def a_case(**changes: Any) -> WholeCase:
    """The incident as just opened and handed to the playbook: nothing done yet."""
    given: dict[str, Any] = {
        "incident": an_incident(),
        "version": 1,
        "state": IncidentState.OPEN,
        "opened_at": NOW,
        "author": "lena",
        "audience": an_audience(),
        "playbook": a_playbook(),
        "pinned": "playbook-1",
        "events": {"opened": NOW},
    }
    return WholeCase(**(given | changes))


def an_alert(what: str = "update 1 is held", at: datetime = NOW, **known_by: str) -> Alert:
    """An alert that is known by its words, as far as a test does not care."""
    return Alert(AlertId(**({"kind": AlertKind.STEP_HELD, "subject": what} | known_by)), what, at)


def a_member(**changes: Any) -> Member:
    """Someone of the legal team, who may approve."""
    return Member(**({"name": "omar", "role": TeamRole.LEGAL} | changes))


def a_step(do: str, *, when: str = "from_now", minutes: int | None = None) -> dict[str, Any]:
    """A step that says the same at the head of a letter and in its list."""
    return {"when": when, "minutes": minutes, "first": do, "do": do}


STEP_WORDS = {
    "today": "Today",
    "this_week": "This week",
    "from_now": "From now on",
    "entry": "{when}: {do}",
    "timed": "{when}, {minutes} minutes: {do}",
    "contact": "{name}: {ways}",
    "or_by": "; ",
    "your": "your",
    "child": "your child's",
    "beware": a_step("Be careful with calls about this."),
}


def a_phrases(**changes: Any) -> Phrases:
    """English, with only the kinds of data of the incident."""
    given: dict[str, Any] = {
        "locale": "en",
        "language": "English",
        "date": "{day} {month} {year}",
        "months": (
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ),
        "weekdays": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        "moment": "{weekday}, {date}, {hour}:{minute} {zone}",
        "at_least": "at least {number}",
        "at_most": "up to {number}",
        "between": "between {first} and {last}",
        "happened": HAPPENED,
        "statements": HEADINGS,
        "values": {},
        "no_data": "none",
        "not_so": "That was not so.",
        "denied": "not {value}",
        "list_comma": ", ",
        "list_and": " and ",
        "data": {
            DataCategory.BASIC_IDENTITY: "name",
            DataCategory.CONTACT: "contact details",
            DataCategory.CREDENTIALS_HASHED: "password in scrambled form",
        },
        "step_words": STEP_WORDS,
        "steps": {
            DataCategory.CREDENTIALS_HASHED: a_step("Change your password.", when="today", minutes=10),
            DataCategory.CONTACT: a_step("Be careful with emails and calls in our name."),
        },
        "help_elsewhere": "Tell the police.",
        "commitment_states": {"open": "open", "kept": "kept", "dropped": "dropped"},
        "never_say": (
            "no evidence of misuse",
            "sophisticated attack",
            "small number of",
            "abundance of caution",
            "your security is our top priority",
        ),
        "portal": {},
    }
    return Phrases(**(given | changes))


def a_chinese_phrases(**changes: Any) -> Phrases:
    """Simplified Chinese, with only the kinds of data of the incident."""
    given: dict[str, Any] = {
        "locale": "zh-CN",
        "language": "简体中文",
        "date": "{year}年{month}{day}日",
        "months": tuple(f"{month}月" for month in range(1, 13)),
        "weekdays": ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
        "moment": "{date}({weekday}){hour}:{minute}({zone})",
        "at_least": "at least {number}",
        "at_most": "up to {number}",
        "between": "between {first} and {last}",
        "happened": HAPPENED,
        "statements": HEADINGS,
        "values": {},
        "no_data": "none",
        "not_so": "That was not so.",
        "denied": "并非{value}",
        "list_comma": "、",
        "list_and": "和",
        "data": {
            DataCategory.BASIC_IDENTITY: "姓名",
            DataCategory.CONTACT: "联系方式",
            DataCategory.CREDENTIALS_HASHED: "加密后的密码",
        },
        "step_words": STEP_WORDS,
        "steps": {DataCategory.CONTACT: a_step("请警惕冒充我们的邮件和电话。")},
        "help_elsewhere": "请报警。",
        "commitment_states": {"open": "进行中", "kept": "已兑现", "dropped": "已取消"},
        "never_say": ("绝对安全", "极少数用户", "未发现数据被滥用"),
        "portal": {},
    }
    return Phrases(**(given | changes))


def a_wording(**changes: Any) -> Wording:
    """The phrases of two locales; no templates."""
    phrases = {"en": a_phrases(), "zh-CN": a_chinese_phrases()}
    return Wording(**({"templates": {}, "phrases": phrases} | changes))


ENGLISH_PARTS = {
    "what_happened": "On 20 November 2026 somebody copied part of our customer database.",
    "what_it_means": "Others have your data now. They may write to you in our name.",
    "what_we_do": "We closed the hole. We told the police.",
    "what_you_can_do": f"Be careful with emails in our name. See {PAGE} for more.",
    "how_to_reach_us": "Call +49 30 5550100 or write to care@betapai.example. We write again on 28 November 2026.",
}
CHINESE_PARTS = {
    "what_happened": "2026年11月20日,有人复制了我们的部分客户数据。",
    "what_it_means": "您的数据落入他人之手。可能有人冒充我们联系您。",
    "what_we_do": "我们已堵住漏洞,并已报警。",
    "what_you_can_do": f"请警惕冒充我们的邮件。详情见 {PAGE} 。",
    "how_to_reach_us": "请致电 +49 30 5550100 或写信至 care@betapai.example。我们将于2026年11月28日再次通知您。",
}
SHORT = {
    "en": f"Betapai: Somebody copied customer data from our systems. Read {PAGE}",
    "zh-CN": f"【贝塔派】有人从我们的系统复制了客户数据。详情 {PAGE}",
}


TOUCHED = {"en": f"It was your {Slot.YOUR_DATA.mark}.", "zh-CN": f"涉及您的{Slot.YOUR_DATA.mark}。"}


def a_variant(**changes: Any) -> Variant:
    """The English first notice by email, for the person affected; only the email names the person's own data."""
    locale, channel = changes.get("locale", "en"), ChannelKind(changes.get("channel", ChannelKind.EMAIL))
    parts = dict(ENGLISH_PARTS if locale == "en" else CHINESE_PARTS) if channel.detailed else {}
    if channel is ChannelKind.EMAIL:
        parts["what_it_means"] += f" {TOUCHED[locale]}"
    begins = (Slot.FIRST_STEP.mark,) if channel is ChannelKind.EMAIL else ()
    given: dict[str, Any] = {
        "locale": locale,
        "reader": Reader.SELF,
        "channel": channel,
        "subject": "Your data was copied" if locale == "en" else "您的数据被复制",
        "text": "\n\n".join((*begins, *parts.values())) or SHORT[locale],
        "parts": parts,
        "states": ("occurred", "people") if channel.detailed else (),
    }
    return Variant(**(given | changes))


def a_draft(**changes: Any) -> Draft:
    """The first notice in English and Chinese on every channel, fit to be approved."""
    given: dict[str, Any] = {
        "incident": "november-breach",
        "notice": "first-notice",
        "template": "first-notice",
        "step": "first-notice",
        "occurrence": 1,
        "author": "lena",
        "audience": "everyone",
        "audience_digest": "audience-1",
        "people": 3,
        "channels": tuple(kind for kind in ChannelKind if not kind.printed),
        "cascade": (ChannelKind.EMAIL, ChannelKind.SMS),
        "approvals": 2,
        "facts_digest": "facts-1",
        "variants": tuple(
            a_variant(locale=locale, channel=channel)
            for locale in ("en", "zh-CN")
            for channel in ChannelKind
            if not channel.printed
        ),
        "planned_for": NOW + timedelta(hours=24),
        "next_news_at": NEXT_NEWS,
        "dated": NOW,
    }
    return Draft(**(given | changes))


def an_asked(text: str = "Is my address among it?", **changes: Any) -> NewQuestion:
    """What somebody asks on the portal."""
    given: dict[str, Any] = {
        "person": 1,
        "kind": QuestionKind.QUESTION,
        "source": QuestionSource.PORTAL,
        "locale": "en",
        "once": text,
        "reply_within": timedelta(hours=48),
        "owner": "support",
        "at": NOW,
    }
    return NewQuestion(text, **(given | changes))


def variant_of(draft: Draft, locale: str, channel: ChannelKind, addendum: str = GENERAL, cohort: str = "") -> Variant:
    """Return the variant of a draft that a person affected reads."""
    return draft.nearest(TextName(locale, Reader.SELF, addendum, cohort), channel, "en")


def reasons_not_to_close(case: ClosingView, now: datetime) -> tuple[str, ...]:
    """What keeps the case from closing, in words."""
    return tuple(one.what for one in unmet(case, now))
