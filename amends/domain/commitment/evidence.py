"""Evidence that a commitment was kept: files, and pages on the organisation's own domains."""

from urllib.parse import urlsplit

from amends.domain.base.errors import Refusal
from amends.domain.base.url import is_on_the_web
from amends.domain.base.value import Moment, Value


class EvidenceFile(Value):
    """A file of evidence as the ledger describes it; its content is sealed."""

    number: int
    name: str
    """The name of the file; empty once the incident's personal data was destroyed."""
    digest: str
    """The SHA-256 of the content, in hexadecimal digits."""
    size: int
    """The size in bytes."""
    by: str
    at: Moment


def why_not_link(link: str, own_domains: tuple[str, ...]) -> Refusal | None:
    """Return why people may not be led to this page as evidence, or None; only own domains are safe to name."""
    if not (link.startswith("https://") and is_on_the_web(link)):
        return Refusal("a whole address is meant, such as https://example.org/audit")
    host = (urlsplit(link).hostname or "").casefold()
    own = any(host == domain or host.endswith(f".{domain}") for domain in map(str.casefold, own_domains))
    return None if own else Refusal(f"{host} is none of the own_domains of the incident; people are led only there")
