"""The place of the playbooks that come with Amends."""

from pathlib import Path

ADDENDA_FILE = "addenda.yaml"
"""The file of the laws' addenda. It stands beside the playbooks and is not a playbook."""

EXAMPLES = "examples"
"""The folder of the incidents to try Amends with, in the library."""

EXAMPLE_FILE = f"{EXAMPLES}/stolen-terminals/incident.yaml"
"""The incident file of the example, in the library."""


def library() -> Path:
    """Return the folder of the playbooks that come with Amends.

    The folder stands beside the package `amends`, in a checkout and in a wheel. A folder `playbooks` in the current
    working directory is ignored.
    """
    return Path(__file__).resolve().parents[3] / "playbooks"
