"""Injects: the troubles of a rehearsal and their times. The same injects and the same seed give the same rehearsal."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Any

from pydantic import Field, model_validator

from amends.domain.base.value import Lasting, Span, Texts, Value, nearest_locale
from amends.domain.channel.channel import ChannelKind
from amends.domain.feedback.question import QuestionKind, QuestionSource
from amends.domain.incident.commitment import Commitment
from amends.domain.incident.facts import DataCategory
from amends.domain.incident.incident import Incident, News
from amends.domain.law.duty import Addressee, Duty
from amends.domain.team.member import TeamRole

Share = Annotated[float, Field(ge=0, le=1)]
"""A share of all people or messages: 0.03 for three in a hundred."""

CURIOUS, CURIOUS_WITHIN = 0.01, timedelta(days=3)
"""The share of people who ask a question without an inject, and the time after they were told within which they ask."""
HOUR = timedelta(hours=1)


class Bounces(Value):
    """Addresses that take no message; the same addresses each time."""

    channel: ChannelKind
    refused: Share = 0
    """The share of addresses that the provider refuses while the message is handed over."""
    come_back: Share = 0
    """The share of addresses whose message is taken over and bounces later; only email bounces."""
    come_back_after: Span = Span(hours=2)

    @model_validator(mode="after")
    def _possible(self) -> "Bounces":
        if not self.channel.personal or self.channel.printed:
            raise ValueError("addresses bounce on email and sms; the others have none")
        if self.come_back and not self.channel.mail:
            raise ValueError("only email comes back later: use refused")
        if not self.refused and not self.come_back:
            raise ValueError("say what share is refused, or comes back")
        return self


class Outage(Value):
    """A provider that cannot be reached."""

    channel: ChannelKind
    at: Span
    """The time since the incident was opened, as everywhere in this file."""
    lasts: Lasting

    @model_validator(mode="after")
    def _carried(self) -> "Outage":
        if self.channel.printed:
            raise ValueError("no provider carries letters")
        return self


class PressLeak(Value):
    """A report in the press: many people ask at once, some of them angrily."""

    at: Span
    asking: Share
    angry: Share = 0
    """The share of angry people among the people who ask."""
    within: Lasting = Span(hours=6)


class WrongFact(Value):
    """A fact that people were told and that turns out to be wrong, so that the incident file is amended."""

    at: Span
    facts: dict[str, Any] = {}
    """Facts as in an incident file, which replace the facts of the incident file."""
    also_touched: tuple[DataCategory, ...] = ()
    """Kinds of data that were touched as well."""
    says: Texts
    """The news for people about the fact, in every language of the incident, or one text for all."""

    @model_validator(mode="after")
    def _changes_something(self) -> "WrongFact":
        if not self.facts and not self.also_touched:
            raise ValueError("say which facts change: facts, or also_touched")
        return self


class AngryReplies(Value):
    """People who complain, or report our emails as spam."""

    at: Span
    complaining: Share = 0
    within: Lasting = Span(hours=24)
    reported_as_spam: Share = 0
    """The share of all emails that are reported."""

    @model_validator(mode="after")
    def _says_how_many(self) -> "AngryReplies":
        if not self.complaining and not self.reported_as_spam:
            raise ValueError("say what share is complaining, or reported_as_spam")
        return self


class Away(Value):
    """An approver who decides nothing for a while."""

    who: TeamRole
    at: Span
    lasts: Lasting
    deputy: bool = True
    """True when other members decide once the approver takes too long."""

    @model_validator(mode="after")
    def _would_approve(self) -> "Away":
        if not self.who.may_approve or self.who is TeamRole.LEAD:
            raise ValueError("this role approves nothing in a rehearsal: legal, communications, security and so on do")
        return self


class LateCohort(Value):
    """People affected who are found only later, with a corrected list."""

    at: Span
    share: Annotated[float, Field(gt=0, lt=1)]
    """The share of the audience file that is not in the list at first."""


class LateCommitment(Value):
    """A commitment that is put off; the people to whom it was made are told before its date."""

    promise: str = ""
    """The id of the commitment; left out, the commitment that is due first."""
    by: Span
    reason: Texts


class ForgottenFiling(Value):
    """A filing that nobody thinks of until its time has passed and the reminder says so."""

    recipient: str = ""
    """The recipient as the table of duties names it, such as supervisory_authority; left out, the filing due first."""


class Injects(Value):
    """A file of injects, or several files merged."""

    title: str = Field(min_length=3, max_length=120)
    bounces: tuple[Bounces, ...] = ()
    outages: tuple[Outage, ...] = ()
    press_leaks: tuple[PressLeak, ...] = ()
    wrong_facts: tuple[WrongFact, ...] = ()
    angry_replies: tuple[AngryReplies, ...] = ()
    approvers_away: tuple[Away, ...] = ()
    late_cohorts: tuple[LateCohort, ...] = Field(default=(), max_length=1)
    late_commitments: tuple[LateCommitment, ...] = ()
    forgotten_filings: tuple[ForgottenFiling, ...] = ()

    @model_validator(mode="after")
    def _injects_something(self) -> "Injects":
        if not any(getattr(self, name) for name in KINDS):
            raise ValueError(f"it injects nothing: name one of {', '.join(KINDS)}")
        return self


KINDS = tuple(name for name in Injects.model_fields if name != "title")
NOTHING = Injects.model_construct(title="nothing goes wrong")


def together(files: Iterable[Injects]) -> Injects:
    """Return all injects as one file.

    Raises ValueError for two late cohorts, because nothing would say which person is in which.
    """
    listed = tuple(files)
    if not listed:
        return NOTHING
    merged: dict[str, Any] = {name: tuple(one for file in listed for one in getattr(file, name)) for name in KINDS}
    if len(merged["late_cohorts"]) > 1:
        raise ValueError("two injects have a late cohort; one can be rehearsed at a time")
    titles = "; ".join(file.title for file in listed)
    return Injects(title=listed[0].title, **merged).model_copy(update={"title": titles})


def amended(incident: Incident, wrong: WrongFact, now: datetime) -> Incident:
    """Return the incident file with the fact corrected and the news for people added. Raises ValidationError."""
    content = incident.model_dump(mode="json", by_alias=True)
    content["facts"] |= wrong.facts
    if wrong.also_touched:
        content["facts"]["data_categories"] = _with_added(content["facts"]["data_categories"], wrong.also_touched)
    news = News(at=now, text=_in_every_locale(wrong.says, incident))
    content["news"] = [*content["news"], news.model_dump(mode="json")]
    return Incident.model_validate(content)


def _with_added(listed: Any, added: Iterable[DataCategory]) -> list[Any]:
    """Return the kinds of data that the file lists, and the added ones."""
    present = (listed.get("value") if isinstance(listed, dict) else listed) or []
    known = {one["value"] if isinstance(one, dict) else one for one in present}
    return [*present, *(category.value for category in added if category.value not in known)]


def _in_every_locale(texts: dict[str, str], incident: Incident) -> dict[str, str]:
    """Return the texts for every locale of the incident, so that no notice has a gap.

    A locale without a text gets the nearest one, as a person's locale does.
    """
    if "*" in texts:
        return texts
    offered = list(texts)
    return {locale: texts[nearest_locale(locale, offered, offered[0])] for locale in incident.texts}


@dataclass(frozen=True)
class Asking:
    """A question or complaint that a person sends."""

    at: datetime
    person: int
    kind: QuestionKind
    source: QuestionSource
    saying: int
    """A number that picks one of the prepared texts."""


@dataclass(frozen=True)
class Script:
    """The script of one rehearsal: its injects, with times counted from the start."""

    injects: Injects
    start: datetime
    seed: int = 1

    def at(self, after: timedelta) -> datetime:
        """Return the time that is `after` the opening."""
        return self.start + after

    def hits(self, what: str, name: str, share: float) -> bool:
        """Return True when `name` is in the share to which `what` happens; the same name always has the same answer."""
        return share > 0 and self._lot(what, name) < share

    def _lot(self, what: str, name: str) -> float:
        drawn = blake2b(f"{self.seed}\0{what}\0{name}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn) / 2**64

    # Providers.

    def down_until(self, channel: ChannelKind, now: datetime) -> datetime | None:
        """Return when the present outage of this channel ends, or None while the channel works."""
        ends = (self.at(o.at + o.lasts) for o in self.injects.outages if o.channel is channel)
        starts = (self.at(o.at) for o in self.injects.outages if o.channel is channel)
        return max((end for start, end in zip(starts, ends, strict=True) if start <= now < end), default=None)

    def outage_ends(self, now: datetime) -> datetime | None:
        """Return when the first of the present outages ends, or None when there is none."""
        ends = (self.down_until(kind, now) for kind in ChannelKind)
        return min((end for end in ends if end), default=None)

    def refuses(self, channel: ChannelKind, address: str) -> bool:
        """Return True when the provider refuses this address."""
        shares = (bounce.refused for bounce in self.injects.bounces if bounce.channel is channel)
        return any(self.hits(f"refused {channel}", address, share) for share in shares)

    def comes_back_after(self, address: str) -> timedelta | None:
        """Return how long after it was taken over an email to this address bounces, or None when it does not."""
        for bounce in self.injects.bounces:
            if self.hits("comes back", address, bounce.come_back):
                return bounce.come_back_after
        return None

    def reports_as_spam(self, key: str) -> bool:
        """Return True when the recipient of this email reports it as spam."""
        return any(self.hits("spam", key, angry_reply.reported_as_spam) for angry_reply in self.injects.angry_replies)

    # The audience.

    def found_late(self, ref: str) -> bool:
        """Return True when this person is not in the list at first."""
        return any(self.hits("cohort", ref, late_cohort.share) for late_cohort in self.injects.late_cohorts)

    def curious(self, people: Iterable[int], told_at: datetime) -> list[Asking]:
        """Return the questions of people who ask without an inject after they were told, in order of time."""
        return sorted(
            (
                self._asking("curious", person, told_at, CURIOUS_WITHIN, QuestionSource.PORTAL)
                for person in people
                if self.hits("curious", str(person), CURIOUS)
            ),
            key=_in_time,
        )

    def asking(self, people: Iterable[int]) -> list[Asking]:
        """Return the questions and complaints that injects cause, in order of time."""
        everybody = tuple(people)
        injects = self.injects
        waves = [
            *(self._leaking(number, leak, everybody) for number, leak in enumerate(injects.press_leaks)),
            *(self._complaining(number, one, everybody) for number, one in enumerate(injects.angry_replies)),
        ]
        return sorted((asking for wave in waves for asking in wave), key=_in_time)

    def _leaking(self, number: int, leak: PressLeak, people: Iterable[int]) -> Iterator[Asking]:
        what, at = f"leak {number}", self.at(leak.at)
        for person in people:
            if self.hits(what, str(person), leak.asking):
                angry = self.hits(f"angry {number}", str(person), leak.angry)
                yield self._asking(what, person, at, leak.within, QuestionSource.HOTLINE, angry=angry)

    def _complaining(self, number: int, replies: AngryReplies, people: Iterable[int]) -> Iterator[Asking]:
        what, at = f"replies {number}", self.at(replies.at)
        for person in people:
            if self.hits(what, str(person), replies.complaining):
                yield self._asking(what, person, at, replies.within, QuestionSource.MAILBOX, angry=True)

    def _asking(
        self, what: str, person: int, start: datetime, within: timedelta, source: QuestionSource, *, angry: bool = False
    ) -> Asking:
        kind = QuestionKind.COMPLAINT if angry else QuestionKind.QUESTION
        moment = full_hour(start + self._lot(f"{what} when", str(person)) * within)
        return Asking(moment, person, kind, source, int(self._lot(f"{what} saying", str(person)) * 1000))

    # The team.

    def back_at(self, who: TeamRole, now: datetime) -> datetime | None:
        """Return when an approver of this role who is away now is back, or None while the approver is here."""
        stays = (
            (self.at(one.at), self.at(one.at + one.lasts)) for one in self.injects.approvers_away if one.who is who
        )
        return max((end for start, end in stays if start <= now < end), default=None)

    def deputies_step_in(self) -> bool:
        """Return True when other members decide once the approvers asked have taken too long."""
        return all(one.deputy for one in self.injects.approvers_away)

    def put_off(self, commitments: Iterable[Commitment]) -> dict[str, LateCommitment]:
        """Return the commitments that will be late, by their ids."""
        listed = sorted(commitments, key=lambda commitment: (commitment.due_at, commitment.id))
        late: dict[str, LateCommitment] = {}
        for late_commitment in self.injects.late_commitments:
            meant = next((c.id for c in listed if late_commitment.promise in ("", c.id) and c.id not in late), None)
            if meant:
                late[meant] = late_commitment
        return late

    def forgotten(self, duties: Iterable[Duty]) -> frozenset[str]:
        """Return the ids of duties whose filing nobody thinks of in time."""
        filed_by_hand = [duty for duty in duties if duty.addressee is not Addressee.PEOPLE and duty.due_at]
        listed = sorted(filed_by_hand, key=lambda duty: (duty.pressure, duty.id))
        found: set[str] = set()
        for forgotten_filing in self.injects.forgotten_filings:
            meant = [duty.id for duty in listed if forgotten_filing.recipient in ("", duty.recipient)]
            found |= set(meant if forgotten_filing.recipient else meant[:1])
        return frozenset(found)


def full_hour(moment: datetime) -> datetime:
    """Return the moment itself or the next full hour, because a rehearsal looks at people's acts once an hour."""
    past = timedelta(minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond)
    return moment - past + HOUR if past else moment


def _in_time(asking: Asking) -> tuple[datetime, int]:
    return asking.at, asking.person
