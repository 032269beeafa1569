"""A good first notice with a letter of its own for Massachusetts, and bad ones such as companies have really sent."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from amends.domain.base.errors import Finding
from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.commitment import Commitment
from amends.domain.incident.incident import Incident
from amends.domain.law.addendum import GENERAL, Addenda, Addendum, Item
from amends.domain.law.duty import Addressee, Confidence, Duty
from amends.domain.lint.lint import lint
from amends.domain.notice.notice import Draft, Reader, Slot, Variant
from amends.domain.notice.wording import Wording
from amends.domain.people.person import AudienceCounts
from tests.builders import NOW, PAGE, a_commitment, a_draft, a_duty, a_variant, an_audience, an_incident
from tests.playbooks.rendering import phrases

CUSTOMERS = 12_000
EMAIL, SMS, SOCIAL, WEBSITE = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.SOCIAL, ChannelKind.WEBSITE
MA = "us-ma"

LETTERS = Addenda(
    items={
        "nature": Item(says="What happened", codes=("nature", "what_happened")),
        "data_types": Item(says="Which data", codes=("data_types",)),
        "contact": Item(says="Where to ask", codes=("contact_point",)),
        "people_count": Item(says="How many"),
        "police_report": Item(says="The right to a police report", codes=("police_report_right",)),
        "parent_company": Item(says="The owner", codes=("parent_company",), if_any=True),
        "wrongdoer": Item(says="Who did it", codes=("identity_of_wrongdoer_if_known",)),
        "discovery_date": Item(says="When it was found out", codes=("date_of_discovery",)),
    },
    addenda=(
        Addendum(id=MA, places=("US-MA",), adds=("police_report",), leaves_out=("nature", "people_count")),
        Addendum(id="za", places=("ZA",), adds=("wrongdoer",)),
    ),
)
COUNTED = {"en": "It touches 12,000 customers.", "zh-CN": "涉及1.2万名客户。"}
PROMISED = {
    "en": "By 24 January 2027: An outside firm will check our systems, and we will publish what it finds.",
    "zh-CN": "最晚2027年1月24日：我们将请外部机构检查系统,并公布结果。",
}
IN_MASSACHUSETTS = f"""
Some of your data is in wrong hands, and we are sorry. It was your {Slot.YOUR_DATA.mark}. {Slot.FIRST_STEP.mark}

You have the right to a police report. If your identity is stolen, you can also file one yourself and get a copy.

By January 24, 2027: An outside firm will check our systems, and we will publish what it finds.

Be careful with emails in our name. See {PAGE} for more.

Call +49 30 5550100 or write to care@betapai.example. We write again on November 28, 2026.
""".strip()


def the_incident(**changes: Any) -> Incident:
    facts = an_incident().facts.model_dump(mode="json", exclude_unset=True)
    return an_incident(**({"facts": facts | {"people": CUSTOMERS}} | changes))


def the_wording() -> Wording:
    return Wording(templates={}, phrases={locale: phrases(locale) for locale in ("en", "zh-CN")}, addenda=LETTERS)


def to_people(**changes: Any) -> Duty:
    """The duty of GDPR to tell the people."""
    given: dict[str, Any] = {
        "id": "eu-gdpr-34.individuals",
        "citation": "Art. 34",
        "recipient": "individuals",
        "addressee": Addressee.PEOPLE,
        "content": ("nature", "contact_point"),
    }
    return a_duty(**(given | changes))


def in_massachusetts(**changes: Any) -> Duty:
    given: dict[str, Any] = {
        "id": "us-ma.individuals",
        "law": "M.G.L. c. 93H",
        "citation": "s. 3(b)",
        "places": ("US-MA",),
        "content": ("police_report_right", "data_types"),
        "leaves_out": ("nature", "people_count"),
        "confidence": Confidence.VERIFIED,
    }
    return to_people(**(given | changes))


DUTIES = (to_people(), in_massachusetts())


def _variant(locale: str, channel: ChannelKind) -> Variant:
    variant = a_variant(locale=locale, channel=channel)
    if not channel.detailed:
        return variant
    text = f"{variant.text}\n\n{COUNTED[locale]}\n\n{PROMISED[locale]}"
    return variant.model_copy(update={"text": text, "items": ("contact", "data_types", "nature", "people_count")})


def _in_massachusetts(channel: ChannelKind) -> Variant:
    if channel is SMS:
        text = f"Betapai: Your data is in wrong hands. Read {PAGE}"
        return a_variant(addendum=MA, channel=SMS, text=text)
    parts = a_variant().parts | {"what_happened": "Some of your data is in wrong hands, and we are sorry."}
    return a_variant(
        addendum=MA,
        text=IN_MASSACHUSETTS,
        parts=parts,
        items=("contact", "data_types", "police_report"),
        subject="Notice of data breach",
    )


def good(promises: tuple[Commitment, ...] = (a_commitment(),), **changes: Any) -> Draft:
    """Fit to be approved: both languages on every channel, and the letter for Massachusetts."""
    variants = [_variant(locale, channel) for locale in ("en", "zh-CN") for channel in ChannelKind]
    variants += [_in_massachusetts(EMAIL), _in_massachusetts(SMS)]
    return a_draft(**({"people": CUSTOMERS, "commitments": promises, "variants": tuple(variants)} | changes))


def found(draft: Draft, duties: tuple[Duty, ...] = DUTIES, **changes: Any) -> tuple[Finding, ...]:
    given: dict[str, Any] = {"incident": the_incident(), "audience": AudienceCounts(), "commitments": ()}
    known = given | changes
    return lint(draft, known["incident"], the_wording(), PAGE, duties, known["audience"], known["commitments"])


def counted() -> AudienceCounts:
    return an_audience(people=CUSTOMERS, by_place={"DE": 7_000, "US-MA": 500}, by_category={"payment_card": 1_250})


def with_text(text: str, *, locale: str = "en", channel: ChannelKind = EMAIL, addendum: str = GENERAL) -> Draft:
    """The good notice with another text in one variant."""
    return _changed(lambda variant: text, locale, channel, addendum)


def late() -> Draft:
    """The good notice, at which people should have heard more some days ago."""
    return good(sorry_for=NOW - timedelta(days=9))


def published_again() -> Draft:
    """The good notice, of which an earlier version stands on the website."""
    return good(first_dated=NOW - timedelta(days=2))


def saying(words: str, *, locale: str = "en", channel: ChannelKind = EMAIL, addendum: str = GENERAL) -> Draft:
    """The good notice with more words in one variant."""
    return _changed(lambda variant: f"{variant.text}\n\n{words}", locale, channel, addendum)


def told_late(draft: Draft) -> Draft:
    """The same notice for people who were found after its page was published."""
    return draft.model_copy(update={"first_dated": NOW - timedelta(days=9)})


def saying_and_promising(words: str, addendum: str) -> Draft:
    """The good notice that makes one more promise, in these words, to people with this addendum."""
    made = a_commitment(id="more", promise={"*": words})
    draft = saying(words, addendum=addendum)
    return draft.model_copy(update={"commitments": (*draft.commitments, made)})


def instead(old: str, new: str, *, locale: str = "en", channel: ChannelKind = EMAIL, addendum: str = GENERAL) -> Draft:
    """The good notice with other words in the place of some, in one variant."""

    def changed(variant: Variant) -> str:
        assert old in variant.text
        return variant.text.replace(old, new)

    return _changed(changed, locale, channel, addendum)


def _changed(text: Any, locale: str, channel: ChannelKind, addendum: str) -> Draft:
    def one(variant: Variant) -> Variant:
        mine = (variant.locale, variant.channel, variant.addendum) == (locale, channel, addendum)
        return variant.model_copy(update={"text": text(variant)}) if mine else variant

    draft = good()
    return draft.model_copy(update={"variants": tuple(map(one, draft.variants))})


def with_items(*items: str, addendum: str = GENERAL) -> Draft:
    """The good notice whose English email marks these items."""
    draft = good()
    return draft.model_copy(
        update={
            "variants": tuple(
                variant.model_copy(update={"items": items})
                if (variant.locale, variant.channel, variant.addendum) == ("en", EMAIL, addendum)
                else variant
                for variant in draft.variants
            )
        }
    )


def only(*channels: ChannelKind) -> Draft:
    """The good notice on these channels."""
    draft = good()
    kept = tuple(variant for variant in draft.variants if variant.channel in channels)
    return draft.model_copy(update={"variants": kept})


def for_guardians(words: str) -> Draft:
    """The good notice with a variant for guardians that ends with these words."""
    draft = good()
    email = _variant("en", EMAIL)
    guardian = email.model_copy(update={"reader": Reader.GUARDIAN, "text": f"{email.text}\n\n{words}"})
    return draft.model_copy(update={"variants": (*draft.variants, guardian)})


@dataclass(frozen=True)
class Bad:
    """A bad notice, and the code by which it must be found."""

    name: str
    code: str
    draft: Draft
    stops: bool = True

    def __str__(self) -> str:
        return self.name


HARD = (
    "An unauthorised individual potentially exfiltrated personally identifiable information. "
    "Subsequently, precautionary authentication credential rotation was operationally necessitated. "
)

BAD = (
    Bad("makes light of it", "L106", saying("Only a small number of customers were affected by this incident.")),
    Bad("finds comfort in no evidence", "L106", saying("We have no evidence that your data has been misused.")),
    Bad("talks of priorities", "L106", saying("Protecting your information is our top priority.")),
    Bad("blames the vendor", "L106", saying("What happened was our supplier's fault, and we have left them.")),
    Bad("calls the users very few", "L106", saying("本次事件仅涉及极少数用户。", locale="zh-CN")),
    Bad("blames one of the staff", "L106", saying("经查，此事系内部员工个人行为。", locale="zh-CN")),
    Bad(
        "hides the number behind a share", "L142", instead(COUNTED["en"], "Less than 1% of our customers are touched.")
    ),
    Bad("hides the number behind thousands", "L142", instead(COUNTED["en"], "It touches thousands of our customers.")),
    Bad("names another number", "L142", saying("The thief copied records of 10,000 customers.")),
    Bad("rounds the number down", "L142", saying("In all, about eleven thousand customers are touched.")),
    Bad("names another number in Chinese", "L142", saying("共有约3000人受到影响。", locale="zh-CN")),
    Bad("gives a second telephone number", "L144", saying("Our partner also answers at +1 (800) 555-0199.")),
    Bad("gives a short number", "L144", saying("如有疑问，请拨打 96188。", locale="zh-CN")),
    Bad("gives a mailbox elsewhere", "L145", saying("Write to betapai.helpdesk@freemail.example for your refund.")),
    Bad("found it out on another day", "L143", saying("We discovered the breach on 19 November 2026.")),
    Bad("names another day of news", "L143", saying("Our next update comes on 2 December 2026.")),
    Bad("names a day nobody knows", "L143", saying("On 3 October 2026 we renewed our firewalls."), stops=False),
    Bad(
        "tells Massachusetts of the attack",
        "L141",
        saying("Somebody copied customer data from our systems.", addendum=MA),
    ),
    Bad(
        "tells Massachusetts by SMS",
        "L141",
        saying("Somebody copied customer data from our systems.", addendum=MA, channel=SMS),
    ),
    Bad("tells Massachusetts how many", "L141", saying("In all, 12,000 people get this letter.", addendum=MA)),
    Bad(
        "promises Massachusetts what tells how",
        "L141",
        saying_and_promising("We will encrypt every laptop that we own.", addendum=MA),
    ),
    Bad("marks the nature for Massachusetts", "L141", with_items("contact", "police_report", "nature", addendum=MA)),
    Bad("keeps the police report from Massachusetts", "L140", with_items("contact", "data_types", addendum=MA)),
    Bad("does not say what happened", "L140", with_items("contact", "data_types")),
    Bad("is an SMS alone", "L102", only(SMS)),
    Bad("links to a shortener", "L104", saying("Sign up for free monitoring: https://bit.ly/3xYzAbC")),
    Bad("links to another company", "L104", saying("Enrol at https://betapai.monitoring.example/enrol today.")),
    Bad("leads on to another site", "L161", saying("See https://betapai.example/out?url=https%3A%2F%2Fbit.ly.")),
    Bad("names a site that only looks like ours", "L104", saying("Go to betapai-help.com to check your account.")),
    Bad(
        "asks for the card number",
        "L107",
        saying("To get your money back, please confirm your card number on our page."),
    ),
    Bad("asks for the code", "L107", saying("Enter the code you received by SMS.")),
    Bad("asks after a comma", "L107", saying("Do not wait, reply with your password.")),
    Bad("asks for the code in Chinese", "L107", saying("请不要担心，回复短信验证码即可核实。", locale="zh-CN")),
    Bad("has them send it", "L107", saying("请将您的银行卡号和密码发送给客服。", locale="zh-CN")),
    Bad("says nothing of the next news", "L108", instead(" We write again on 28 November 2026.", "")),
    Bad("keeps quiet about a time that was missed", "L155", late(), stops=False),
    Bad("rewrites its page in silence", "L160", published_again(), stops=False),
    Bad("promises what nobody tracks", "L147", saying("We will refund all fees within 30 days."), stops=False),
    Bad(
        "promises in Chinese what nobody tracks",
        "L147",
        saying("我们将在30天内完成全面检查。", locale="zh-CN"),
        stops=False,
    ),
    Bad("keeps a commitment to itself", "L148", instead(PROMISED["en"], "Others will check our systems.")),
    Bad("promises without the day", "L148", instead("By 24 January 2027: ", "")),
    Bad("has a sentence without end", "L130", saying("We are sad and " * 11), stops=False),
    Bad("has a Chinese sentence without end", "L130", saying("我们非常抱歉" * 8, locale="zh-CN"), stops=False),
    Bad("is written for lawyers", "L131", saying(HARD * 6)),
    Bad("greets nobody", "L109", saying("Dear ,\n\nwe are writing to you.")),
    Bad("was never filled in", "L114", saying("TODO say in a few words what happened")),
    Bad("shows a template", "L109", saying("Dear {{ person.name }}!")),
    Bad("hides a character in the number", "L110", instead("5550100", "555\u200b0100")),
    Bad("names a child to somebody without", "L111", saying(f"It is about {Slot.CHILD.mark}.")),
    Bad("names a person where all read", "L111", saying(f"Dear {Slot.NAME.mark}!", channel=WEBSITE)),
    Bad("is an SMS of five parts", "L112", with_text(f"{'Sorry. ' * 90}{PAGE}", channel=SMS)),
    Bad("is a post that is too long", "L113", with_text(f"{'Sorry. ' * 40}{PAGE}", channel=SOCIAL)),
    Bad("sells something", "L132", saying("As a thank-you, here is a 20 percent discount."), stops=False),
    Bad("speaks of an attachment", "L133", saying("Please read the attached form."), stops=False),
    Bad("says more by SMS than anywhere", "L146", saying("It touches 12,345 orders.", channel=SMS)),
    Bad("names another day by SMS", "L146", saying("We found it on 23 Nov.", channel=SMS)),
    Bad("says another number in Chinese", "L120", instead("1.2万", "1.3万", locale="zh-CN"), stops=False),
    Bad("leads by SMS to nowhere", "L103", with_text("Betapai: Your data is in wrong hands.", channel=SMS)),
    Bad("has no telephone number", "L105", instead("+49 30 5550100", "us")),
    Bad("has no step for its reader", "L170", instead(Slot.FIRST_STEP.mark, "Please be careful.")),
    Bad("tells the first step at the end", "L170", with_text(f"{'We are sorry. ' * 40}{Slot.FIRST_STEP.mark}")),
    Bad("is longer than anybody reads", "L171", saying("We are sorry. " * 110), stops=False),
    Bad("is longer than a letter may be", "L171", saying("We are sorry. " * 240)),
    Bad("is as long for people told late", "L171", told_late(saying("We are sorry. " * 240)), stops=False),
    Bad("is a Chinese letter without end", "L171", saying("我们深表歉意。" * 260, locale="zh-CN")),
    Bad("has a step only if a card is named", "L172", saying("If a bank card is named above: call the bank now.")),
    Bad("has a step only if places are named", "L172", saying("If places or times are named above, call us first.")),
    Bad("has a conditional step in Chinese", "L172", saying("如果上面提到了银行卡：请致电银行。", locale="zh-CN")),
    Bad("admits by SMS", "L173", saying("Something went wrong on our side.", channel=SMS), stops=False),
    Bad("admits what only a court may find", "L173", saying("We are sorry for what it has cost you."), stops=False),
    Bad("owes the reason", "L173", saying("Please ask us; we owe you the reason."), stops=False),
    Bad("concedes damages", "L173", saying("Whoever is harmed can claim damages from us."), stops=False),
    Bad("admits in Chinese", "L173", saying("这是我们的过错。", locale="zh-CN"), stops=False),
    Bad("keeps a promise in future words", "L174", saying("We have kept our promise: We will check each account.")),
    Bad("keeps it by SMS in future words", "L174", saying("we have kept our promise: We will train.", channel=SMS)),
    Bad("keeps a promise to come in Chinese", "L174", saying("承诺已兑现：我们将逐一核查账户。", locale="zh-CN")),
    Bad(
        "says both that nobody and somebody read it",
        "L176",
        saying("Nobody has read the files. The thief may have read the files."),
    ),
    Bad("says both in Chinese", "L176", saying("没有人看过这些记录。记录可能已被查看。", locale="zh-CN")),
    Bad(
        "stopped what stands on the internet",
        "L176",
        saying("On Sunday we stopped it from going further. On Monday they put part of the data on the internet."),
    ),
    Bad("is empty", "L100", with_text("\n")),
)
