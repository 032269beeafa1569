"""The import of an incident file from a record in VERIS 1.3 or 1.4 (verisframework.org)."""
