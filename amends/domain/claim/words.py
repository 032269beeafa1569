"""The words in which a person hears how their claim stands, in their language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from amends.domain.base.errors import Refusal
from amends.domain.base.money import Money
from amends.domain.claim.claim import CompensationClaim
from amends.domain.claim.rules import ClaimRules


@dataclass(frozen=True)
class ClaimWords:
    """The words of an incident for messages about claims."""

    portal: Mapping[str, Mapping[str, str]]
    """The words by locale."""
    default: str
    """The locale of the incident."""
    date: Callable[[str, datetime], str]
    """Returns a date in the words of a locale, on the organisation's clock."""

    def received(self, locale: str, asked: Money, due_at: datetime, *, account: bool) -> str:
        """Return the message that a claim has come, and by when it is decided; it asks for a missing account."""
        said = self._say(locale, "claim_reply_received", amount=str(asked), date=self._day(locale, due_at))
        return said if account else f"{said}\n\n{self._say(locale, 'claim_reply_account_needed')}"

    def decided(
        self,
        locale: str,
        asked: Money,
        granted: Money,
        reason: str,
        *,
        account_until: datetime | None = None,
        object_until: datetime | None = None,
    ) -> str:
        """Return the message with the decision, and its reason when less is granted than was asked for.

        The message names the day until which the person can object, where they still can, and the last day to name an
        account, where there is none.
        """
        word = "claim_reply_granted" if granted == asked else "claim_reply_partly"
        word = word if granted.minor else "claim_reply_rejected"
        said = self._say(locale, word, asked=str(asked), amount=str(granted), reason=reason.strip())
        parts = [said]
        if granted != asked and object_until:
            until = self._say(locale, "claim_reply_object", date=self._day(locale, object_until))
            parts.append(f"{until} {self._say(locale, 'claim_reply_after')}" if granted.minor else until)
        if account_until:
            parts.append(self._say(locale, "claim_reply_account_until", date=self._day(locale, account_until)))
        return "\n\n".join(parts)

    def paid(self, locale: str, granted: Money, account: str) -> str:
        """Return the message that the amount was paid, with the end of the account's number."""
        return self._say(locale, "claim_reply_paid", amount=str(granted), account=account)

    def returned(self, locale: str, granted: Money, account: str, until: datetime) -> str:
        """Return the message that the payment came back, and until when another account is needed."""
        date = self._day(locale, until)
        return self._say(locale, "claim_reply_returned", amount=str(granted), account=account, date=date)

    def reminder(self, locale: str, granted: Money, until: datetime) -> str:
        """Return the message that an account is still missing, and the last day to name one."""
        return self._say(locale, "claim_reply_reminder", amount=str(granted), date=self._day(locale, until))

    def lapsed(self, locale: str, granted: Money) -> str:
        """Return the message that no account was named and the claim has ended, and what the person can still do."""
        return self._say(locale, "claim_reply_lapsed", amount=str(granted))

    def reopened(self, locale: str, due_at: datetime) -> str:
        """Return the message that others look at the claim again, and by when."""
        return self._say(locale, "claim_reply_reopened", date=self._day(locale, due_at))

    def _day(self, locale: str, moment: datetime) -> str:
        return self.date(self._own(locale), moment)

    def _own(self, locale: str) -> str:
        """Return the locale of the words for a reader of this one: the same, the same language, or the incident's."""
        language = locale.partition("-")[0]
        alike = (one for one in sorted(self.portal) if one.partition("-")[0] == language)
        return locale if locale in self.portal else next(alike, self.default)

    def _say(self, locale: str, word: str, **values: str) -> str:
        return self.portal[self._own(locale)][word].format(**values)


@dataclass(frozen=True)
class ClaimTerms:
    """The terms of claims in one incident: the playbook's rules, and the words in which people hear of theirs."""

    rules: ClaimRules
    words: ClaimWords
    owner: str = ""
    """The member or team that answers questions about claims."""
    last_moment: datetime | None = None
    """The end of the last day to claim, or None while it is not known."""

    def object_until(self, claim: CompensationClaim) -> datetime | None:
        """Return until when the person can object to the decision, or None before there is one."""
        return claim.decided_at + self.rules.object_within if claim.decided_at else None

    def why_late(self, received: datetime) -> Refusal | None:
        """Return why a claim that came at this time is too late, or None."""
        last = self.last_moment
        if last is None or received < last:
            return None
        return Refusal(f"the last day to claim was over on {last:%Y-%m-%d %H:%M %Z}")
