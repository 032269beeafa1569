"""Makes an incident file from a record in VERIS 1.3 or 1.4 (verisframework.org)."""

from amends.content.incident.veris.incident_file import VerisImport, from_veris
from amends.content.incident.veris.record_file import read_record

__all__ = ["VerisImport", "from_veris", "read_record"]
