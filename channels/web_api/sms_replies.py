"""Settings that describe how an SMS gateway hands on the texts of people who write back."""

import re

from amends.domain.feedback.sms_reply import TWILIO_INCOMING, IncomingRules, IncomingShape
from amends.domain.receipt.webhook import Scheme
from channels.base.settings import ProviderSettings

FIELDS = ("incoming_from_field", "incoming_text_field", "incoming_id_field")
"""Settings that incoming texts need of every gateway but Twilio."""
PLAIN_OPTIONAL = dict.fromkeys(
    (*FIELDS, "incoming_hex_field", "incoming_hex_when", "incoming_secret", "incoming_country"), ""
)
TWILIO_OPTIONAL = {"incoming_url": ""}
SECRET = re.compile(r"[\w-]{16,200}", re.ASCII)
"""A secret that can stand in an address and is too long to be guessed."""
COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)


def plain_rules(chosen: ProviderSettings) -> IncomingRules | None:
    """Return the rules to read and verify incoming texts; None when no setting mentions them.

    The gateway shows incoming_secret in the address that it is given, ?proof=…; without incoming_secret it signs with
    callback_secret, which both sides know, as it signs its reports. Raises ChannelMisconfigured.
    """
    if not any(chosen.text(name) for name in PLAIN_OPTIONAL):
        return None
    if missing := [name for name in FIELDS if not chosen.text(name)]:
        raise chosen.wrong(missing[0], f"is needed too: {', '.join(FIELDS)} go together")
    scheme, secret = _proof(chosen)
    country = chosen.text("incoming_country")
    if country and not COUNTRY.fullmatch(country):
        raise chosen.wrong("incoming_country", "must be two capital letters, as in CN, DE or GB")
    return IncomingRules(_shape(chosen), scheme, secret, country=country)


def twilio_rules(chosen: ProviderSettings) -> IncomingRules | None:
    """Return the rules to verify texts from Twilio, which are signed as its reports; None without incoming_url."""
    if not chosen.text("incoming_url"):
        return None
    secret = chosen.secret("callback_secret") or chosen.secret("token")
    return IncomingRules(TWILIO_INCOMING, Scheme.TWILIO, secret, chosen.url("incoming_url"))


def _shape(chosen: ProviderSettings) -> IncomingShape:
    hex_field, hex_when = chosen.text("incoming_hex_field"), chosen.query("incoming_hex_when")
    if hex_when and not hex_field:
        raise chosen.wrong("incoming_hex_when", "needs incoming_hex_field, which it says when to read")
    sender, text, name = map(chosen.text, FIELDS)
    return IncomingShape(sender, text, name, hex_field, tuple(hex_when.items()))


def _proof(chosen: ProviderSettings) -> tuple[Scheme, str]:
    if secret := chosen.secret("incoming_secret"):
        if not SECRET.fullmatch(secret):
            raise chosen.wrong("incoming_secret", "must be 16 letters and digits at least, as an address may have them")
        return Scheme.ADDRESS, secret
    if chosen.text("callback_url") or not chosen.text("callback_secret"):
        raise chosen.wrong("incoming_secret", "is needed too: without it anybody could write in a person's name")
    return Scheme.BODY, chosen.secret("callback_secret")
