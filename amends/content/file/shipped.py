"""Where the playbooks that come with Amends stand."""

from pathlib import Path

FILE = "addenda.yaml"
"""Stands beside the playbooks and is none."""


def library() -> Path:
    """The folder of the playbooks that come with Amends.

    It stands beside the package `amends`, in a checkout and in a wheel; a `playbooks` folder where somebody happens to
    work is not looked at.
    """
    return Path(__file__).resolve().parents[3] / "playbooks"
