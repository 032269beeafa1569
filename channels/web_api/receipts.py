"""Settings that describe the delivery reports of an SMS gateway, sent by webhook or given when asked."""

import re

from amends.domain.channel.message import Status
from amends.domain.receipt.webhook import TWILIO, ReportRules, ReportShape, Scheme
from channels.base.settings import ProviderSettings

WORDS = {
    "delivered_words": "delivered",
    "rejected_words": "undelivered, undeliverable, rejected, failed, expired",
    "deferred_words": "",
}
"""Settings that list the gateway's words, separated by commas, with defaults; a word may be in one list only."""
OUTCOMES = {"delivered_words": Status.DELIVERED, "rejected_words": Status.REJECTED, "deferred_words": Status.DEFERRED}
CALLBACK = ("callback_url", "callback_field", "callback_secret")
"""Settings for a gateway that is given with each message the address for its reports; all three or none."""
PLAIN_OPTIONAL = {
    **WORDS,
    **dict.fromkeys((*CALLBACK, "callback_query", "code_field", "key_field"), ""),
    "status_field": "status",
}
TWILIO_OPTIONAL = {"callback_url": "", "callback_secret": ""}


def plain_shape(chosen: ProviderSettings) -> ReportShape:
    """Return the shape of the reports of a gateway with names and words of its own."""
    return ReportShape(
        id_field=chosen.text("id_field"),
        status_field=chosen.text("status_field"),
        outcomes=_outcomes(chosen),
        code_field=chosen.text("code_field"),
        key_field=chosen.text("key_field"),
    )


def plain_rules(chosen: ProviderSettings, shape: ReportShape) -> ReportRules | None:
    """Return the rules to read and verify the gateway's reports; None without a secret: anybody could send a report.

    With callback_field the gateway is given an address of its own for each message, under callback_url, and need not
    sign: callback_secret is known to us alone then. callback_query is filled in by the gateway there: status=%d.
    Raises ChannelMisconfigured for settings that do not fit together.
    """
    secret = chosen.secret("callback_secret")
    if not any(chosen.text(name) for name in ("callback_url", "callback_field", "callback_query")):
        return ReportRules(shape, Scheme.BODY, secret) if secret else None
    if missing := [name for name in CALLBACK if not chosen.text(name)]:
        raise chosen.wrong(missing[0], f"is needed too: {', '.join(CALLBACK)} go together")
    if chosen.text("status_url"):
        raise chosen.wrong("status_url", "cannot stand beside callback_url: the message is known by our key there")
    return ReportRules(shape, Scheme.ADDRESS, secret, chosen.url("callback_url"), _filled_in(chosen))


def twilio_rules(chosen: ProviderSettings) -> ReportRules | None:
    """Return the rules to read and verify Twilio's reports; None without callback_url, when Twilio sends no reports.

    Twilio signs with the account's main token; callback_secret holds that token where `token` is another key.
    """
    if not chosen.text("callback_url"):
        return None
    secret = chosen.secret("callback_secret") or chosen.secret("token")
    return ReportRules(TWILIO, Scheme.TWILIO, secret, chosen.url("callback_url"))


def _filled_in(chosen: ProviderSettings) -> str:
    query = chosen.text("callback_query")
    if re.search(r"[\s#?]|(^|&)(key|proof)=", query):
        raise chosen.wrong("callback_query", "must be written as in a query, as status=%d, without key or proof")
    return query


def _outcomes(chosen: ProviderSettings) -> dict[str, Status]:
    found: dict[str, Status] = {}
    for name, status in OUTCOMES.items():
        words = {word.strip().casefold() for word in chosen.text(name).split(",")} - {""}
        if twice := words & found.keys():
            raise chosen.wrong(name, f"has a word of another list: {', '.join(sorted(twice))}")
        found |= dict.fromkeys(words, status)
    return found
