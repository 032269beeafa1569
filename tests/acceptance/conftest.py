"""Reads a case as seldom as the tests of the flows do."""

from tests.flows.conftest import read_once

__all__ = ["read_once"]
