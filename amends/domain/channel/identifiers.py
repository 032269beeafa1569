"""What a message carries in public so that we know it again: in its Message-ID, in the address bounces go to."""

import hmac
import re

BOUNCE = re.compile(r"b\+([0-9a-f]{32})@", re.IGNORECASE)


def mark(key: str, purpose: str) -> str:
    """32 hex digits, always the same for this message and purpose; they tell nothing of the key or another mark."""
    return hmac.digest(key.encode(), purpose.encode(), "sha256").hex()[:32]


def message_id(key: str, domain: str) -> str:
    """The Message-ID of this message, angle brackets included; look for it in the relay's log."""
    return f"<{key}@{domain}>"


def bounce_address(token: str, domain: str) -> str:
    """The envelope sender of a message, which its bounces go to (VERP)."""
    return f"b+{token}@{domain}"


def bounced_token(recipient: str) -> str | None:
    """The token in the address that a bounce came to, or None when it is not one of ours."""
    found = BOUNCE.match(recipient)
    return found[1].lower() if found else None
