"""The library of commitments on the command line."""

import pytest

from tests.cli.conftest import Office


def test_the_library_is_listed_for_a_place(empty: Office) -> None:
    """The entries of a state come first, and those of other states are left out."""
    lines = empty.amends("commitments", "library", "--for", "US-MA").stdout.splitlines()
    assert lines[1].startswith("monitoring-us-ma ")
    assert not any(line.startswith("monitoring-us-ct ") for line in lines)


def test_the_library_needs_no_home(empty: Office) -> None:
    ids = {one["id"] for one in empty.values("commitments", "library", "--for", "CN")}
    assert "cn-person-check" in ids
    assert not any(id_.startswith("monitoring") for id_ in ids)


def test_one_entry_is_shown_with_law_and_cost(empty: Office) -> None:
    shown = empty.amends("commitments", "library", "--show", "monitoring-us-ct").stdout
    assert "24 months of credit monitoring" in shown
    assert "costs: About 5 to 30 US dollars a year" in shown
    assert "36a-701b" in shown
    assert "fill in under take_up: provider, code, link, phone and until" in shown


@pytest.mark.parametrize("wrong", [("--for", "Boston"), ("--show", "monitoring-on-mars")])
def test_a_wrong_place_or_entry_is_refused(empty: Office, wrong: tuple[str, str]) -> None:
    assert empty.amends("commitments", "library", *wrong).exit_code == 2
