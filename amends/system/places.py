"""Things that are imported when they are used, named by their place."""

from importlib import import_module
from typing import Any


def named(place: str) -> Any:
    """Return what stands at a place such as `amends.ledger.team:Team`, its module imported if that is needed."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
