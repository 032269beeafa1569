"""Identifiers by which we recognise a message that has left: its Message-ID and the address for its bounces."""

import hmac
import re

BOUNCE = re.compile(r"b\+([0-9a-f]{32})@", re.IGNORECASE)


def mark(key: str, purpose: str) -> str:
    """Return 32 hex digits, the same for each message and purpose, that reveal neither the key nor another mark."""
    return hmac.digest(key.encode(), purpose.encode(), "sha256").hex()[:32]


def message_id(key: str, domain: str) -> str:
    """Return the Message-ID of a message, angle brackets included, as the relay's log shows it."""
    return f"<{key}@{domain}>"


def bounce_address(token: str, domain: str) -> str:
    """Return the envelope sender of a message, to which its bounces go (VERP)."""
    return f"b+{token}@{domain}"


def bounced_token(recipient: str) -> str | None:
    """Return the token in the address that a bounce came to, or None when the address is not one of ours."""
    found = BOUNCE.match(recipient)
    return found[1].lower() if found else None
