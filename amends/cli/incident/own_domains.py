"""Whether the notices of an incident could lead to the portal of this home."""

from amends.domain.incident.incident import Incident
from amends.domain.lint.extract import host_of, within


def portal_elsewhere(public_url: str, incident: Incident) -> str:
    """That no notice could lead to the portal, and what to do; empty when it can."""
    host = host_of(public_url)
    if within(host, incident.organisation.own_domains):
        return ""
    return (
        f"public_url is on {host}, which is none of the own_domains of {incident.id}, so no notice can be drafted: "
        "correct amends.toml or the incident file"
    )
