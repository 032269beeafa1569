"""An incident in the middle of its story: people told, promises in every state, notices on the website."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from httpx2 import Response
from starlette.testclient import TestClient

from amends.content.notice import shipped_wording
from amends.domain.base.audience import EVERYONE
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Message, Receipt, Status, VariantForm
from amends.domain.incident.commitment import PlannedCommitment, commit
from amends.domain.incident.facts import DataCategory
from amends.domain.notice.notice import Draft
from amends.domain.notice.statement import committed
from amends.domain.people.person import Flag, Person
from amends.domain.team.approval import Decision
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from amends.ledger.commitment.told import told
from channels.website_static import WebsiteStatic
from tests.builders import NOW, a_draft, a_person, a_playbook, a_promise, a_variant, an_incident
from tests.commitments import keep
from tests.delivery.sending import looked_over

INCIDENT = "november-breach"
INVITATION = "survey-invitation"
KEY = b"m" * 32
ADA, LI, TOBY, SAM = 1, 2, 3, 4
TWILIO_ACCOUNT = {
    "use": "sms_http",
    "shape": "twilio",
    "url": "https://api.gateway.example",
    "account": "AC1",
    "token": "the account's main token",
    "from_": "+4930555000",
}
SUBJECTS = {"en": "Your data was copied", "zh-CN": "您的数据被复制"}


@dataclass
class Clock:
    """Stands still until it is moved."""

    now: datetime = NOW + timedelta(days=30)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


def people() -> list[Person]:
    """A customer who reads English, one who reads Chinese, a child, and one of whose data nothing is known."""
    touched = (
        DataCategory.BASIC_IDENTITY,
        DataCategory.CONTACT,
        DataCategory.CREDENTIALS_HASHED,
        DataCategory.PAYMENT_CARD,
    )
    return [
        a_person(number=ADA, name="Ada Example", data=touched, segment="shop"),
        a_person(number=LI, name="李雷", locale="zh-CN", country="CN", data=touched, segment="shop"),
        a_person(number=TOBY, name="Toby Vance", flags=frozenset({Flag.MINOR})),
        a_person(number=SAM, name="Sam Example", data=()),
    ]


def promises() -> list[dict[str, object]]:
    said = {
        "audit": "An outside firm will check our systems, and we will publish what it finds.",
        "fix": "We will close the way that the thief used.",
        "cards": "We will pay the fee for a new bank card.",
        "course": "We will hold a free course on how to spot scams.",
    }
    given = [a_promise(id=name, promise={"en": text, "zh-CN": f"我们承诺：{name}。"}) for name, text in said.items()]
    only_shop = a_promise(id="shop", audience="shop", promise="Shop customers get a new account number.")
    others = a_promise(id="others", audience="others", promise="Nobody in this story is promised this.")
    return [promise.model_dump() for promise in (*given, only_shop, others)]


def open_scene(ledger: Ledger) -> None:
    """The incident is open and its playbook runs; nobody was told yet."""
    contacts = {
        "email": "care@betapai.example",
        "phone": "+49 30 5550100",
        "hours": {"en": "every day, 8 to 20", "zh-CN": "每天8:00至20:00"},
        "officer": {"en": "Shen Yulan, data protection officer", "zh-CN": "个人信息保护负责人 沈玉兰"},
    }
    organisation = {**an_incident().organisation.model_dump(), "timezone": "Asia/Shanghai", "contacts": contacts}
    ledger.incidents.open(an_incident(organisation=organisation), people(), "lena", NOW)
    ledger.playbooks.pin(INCIDENT, a_playbook(commitments=promises()), shipped_wording(), "lena", NOW)
    for name in ("omar", "wei"):
        ledger.team.add(name, TeamRole.LEGAL, "lena", NOW)


def release(ledger: Ledger, **changes: object) -> None:
    """Draft, approve and release a notice."""
    audience = ledger.notices.audience(INCIDENT, "everyone")
    bound = {
        "audience_digest": audience.digest,
        "people": audience.people,
        "facts_digest": ledger.incidents.facts_digest(INCIDENT),
        "pinned": ledger.cases.read(INCIDENT).pinned,
    }
    draft = _stating(a_draft(**(bound | changes)))
    ledger.notices.draft(draft, NOW)
    looked_over(ledger, draft)
    for name in ("omar", "wei"):
        member = Member(name=name, role=TeamRole.LEGAL)
        ledger.approvals.decide(INCIDENT, draft.notice, member, Decision.APPROVE, draft.binding, "", NOW)
    ledger.notices.release(INCIDENT, draft.notice, NOW)


def _stating(draft: Draft) -> Draft:
    """The draft, each text of which states the commitments that it makes to everyone."""
    stated = tuple(
        committed(commitment, NOW, "UTC") for commitment in draft.commitments if commitment.audience == EVERYONE
    )
    keys = tuple(sorted(one.key for one in stated))
    variants = tuple(variant.model_copy(update={"states": keys}) for variant in draft.variants)
    return draft.model_copy(update={"statements": stated, "variants": variants})


def tell_everybody(ledger: Ledger, site: Path) -> None:
    """The first notice goes out with its promises, and stands on the website."""
    given = tuple(commit(PlannedCommitment.model_validate(promise), NOW, "first-notice") for promise in promises())
    release(ledger, commitments=given)
    ledger.incidents.note_event(INCIDENT, "notified", NOW)
    publish(site)


def ask_about_us(ledger: Ledger, notice: str = INVITATION) -> None:
    """Everybody gets an invitation to the survey."""
    given = {"template": "survey-invitation", "step": "survey", "survey": "how-we-did", "approvals": 2}
    release(ledger, notice=notice, channels=(ChannelKind.EMAIL,), cascade=(), next_news_at=None, **given)
    claims = ledger.deliveries.claim(INCIDENT, notice, [ChannelKind.EMAIL], 100, NOW)
    ledger.deliveries.record(claims, (), INCIDENT, notice, NOW)
    sent = [(claim, Receipt(claim.key, Status.SENT, "250", "Q1")) for claim in claims]
    ledger.deliveries.record((), sent, INCIDENT, notice, NOW)
    ledger.deliveries.end_leases(sorted({one.lease for one in claims}), {}, INCIDENT, notice, NOW)
    ledger.deliveries.finish(INCIDENT, notice, NOW)


def publish(site: Path, notice: str = "first-notice") -> None:
    """Write the notice pages as the website channel does."""
    site.mkdir(exist_ok=True)
    channel = WebsiteStatic(site, "https://betapai.example/n", "")
    for locale, subject in SUBJECTS.items():
        form = VariantForm(
            kind=ChannelKind.WEBSITE,
            locale=locale,
            text=(subject,),
            subject=(subject,),
            html=(f"<p>{a_variant(locale=locale).parts['what_happened']}</p>",),
            incident=INCIDENT,
            notice=notice,
            sender="Betapai",
            published_at=NOW,
        )
        asyncio.run(channel.deliver(Message(form, f"{notice}/{locale}"), _nothing_to_ask))


async def _nothing_to_ask() -> None:
    pass


def settle_promises(ledger: Ledger, now: datetime) -> None:
    """One promise is kept, one late, one dropped, and people were told; the rest stay open."""
    reason = {"en": "The parts came late.", "zh-CN": "零件到货晚了。"}
    keep(ledger, INCIDENT, "fix", {"*": "Report 2026-12, checked by Prüf AG"}, "lena", now)
    ledger.commitments.put_off(INCIDENT, "cards", NOW + timedelta(days=90), reason, "lena", now)
    ledger.commitments.drop(INCIDENT, "course", reason, "lena", now)
    with ledger.store.write() as write:
        for promise in ("fix", "cards", "course"):
            told(write.session, INCIDENT, promise, 1)


@dataclass
class Visitor:
    """Somebody with a browser and a link."""

    client: TestClient
    link: str
    clock: Clock
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def page(self) -> str:
        return f"/p/{self.link}"

    def look(self, query: str = "") -> Response:
        return self.client.get(self.page + query, headers=self.headers)

    def token(self, form: str = "ask", query: str = "") -> str:
        """The token of a form as it stands on the page."""
        return token_in(self.look(query).text, form)

    def send(self, form: str, fields: Mapping[str, str], query: str = "", **headers: str) -> Response:
        """Post a form as it is, without following where it leads."""
        return self.client.post(
            f"{self.page}/{form}{query}", data=fields, headers=self.headers | headers, follow_redirects=False
        )

    def ask(self, text: str, **changes: str) -> Response:
        """Read the page, take a while to write, send."""
        token = self.token()
        self.clock.forward(seconds=30)
        return self.send("ask", {"form": token, "kind": "question", "text": text} | changes)

    def answer(self, **fields: str) -> Response:
        """The same with the survey; a field is named by its question."""
        token = self.token("survey")
        self.clock.forward(seconds=30)
        return self.send("survey", {"form": token} | survey_fields(**fields))


def survey_fields(**given: str) -> dict[str, str]:
    """The fields of the survey's form, by question."""
    return {"survey": INVITATION} | {f"answer-{question}": said for question, said in given.items()}


def token_in(html: str, form: str) -> str:
    found = re.search(rf'action="[^"]*/{form}(?:\?[^"]*)?".*?name="form" value="([^"]*)"', html, re.DOTALL)
    assert found, f"no form {form} on this page"
    return found[1]
