"""The folders of the home with files that are sealed with the key of their incident."""

from amends.domain.forget.retention import DataKind

FOLDERS = {DataKind.ATTACHMENTS: "inbox/files", DataKind.CLAIMS: "claims"}
"""By kind of data: the folder in which each incident has one of its own."""


def folder_of(kind: DataKind, incident: str) -> str:
    """Return the path in the home of the folder with an incident's sealed files of a kind."""
    return f"{FOLDERS[kind]}/{incident}"
