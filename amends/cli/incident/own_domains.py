"""The check that the notices of an incident can lead to the portal of this home."""

from amends.domain.base.errors import Refusal
from amends.domain.incident.incident import Incident
from amends.domain.lint.extract import host_of, within


def why_not_on_portal(public_url: str, incident: Incident) -> Refusal | None:
    """Return why no notice of the incident can lead to the portal, and what to do; None when notices can.

    An incident that names no own domain yet has a gap, which is told apart.
    """
    host, own = host_of(public_url), incident.organisation.own_domains
    if not own or within(host, own):
        return None
    return Refusal(
        f"public_url is on {host}, which is none of the own_domains of {incident.id}, so no notice can be drafted: "
        "correct amends.toml or the incident file"
    )
