"""How a gateway's settings describe what it hands on of people who write back."""

import re

from amends.domain.feedback.sms_reply import TWILIO_INCOMING, IncomingRules, IncomingShape
from amends.domain.receipt.webhook import Scheme
from channels.base.settings import ProviderSettings

FIELDS = ("incoming_from_field", "incoming_text_field", "incoming_id_field")
"""What has to be named of every gateway that is not Twilio."""
PLAIN_OPTIONAL = dict.fromkeys(
    (*FIELDS, "incoming_hex_field", "incoming_hex_when", "incoming_secret", "incoming_country"), ""
)
TWILIO_OPTIONAL = {"incoming_url": ""}
SECRET = re.compile(r"[\w-]{16,200}", re.ASCII)
"""As it may stand in an address, and too long to be guessed."""
COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)


def plain_rules(chosen: ProviderSettings) -> IncomingRules | None:
    """How what people write back is read and checked; None when no setting speaks of it.

    The gateway shows incoming_secret in the address that it is told, ?proof=…; without one it signs with the
    callback_secret that both know, as its reports.
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
    """How what Twilio hands on is checked, which it signs as its reports; None when it is not told where to."""
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
