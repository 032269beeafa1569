"""Which tests `make test` runs, and which of them wait for `make test-all`."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
WAITS_FOR_TEST_ALL = (
    "acceptance/test_a_year.py",
    "acceptance/test_two_hundred_questions.py",
    "chaos/",
    "cli/home/test_alarms.py",
    "cli/home/test_demo.py",
    "cli/home/test_prefect_pages.py",
    "cli/home/test_up_parts.py",
    "cli/playbook/test_new.py",
    "cli/playbook/test_playbook_validate.py",
    "cli/rehearse/test_rehearse.py",
    "cli/terminal/test_command_line.py",
    "cli/test_role_table.py",
    "content/people/test_read_ahead.py",
    "delivery/faults/test_clock_jumps.py",
    "delivery/faults/test_faults.py",
    "delivery/faults/test_flooded_send.py",
    "delivery/send/test_canaries.py",
    "delivery/send/test_postpone.py",
    "delivery/send/test_workers.py",
    "delivery/test_rendering.py",
    "e2e/",
    "flows/closing/",
    "flows/own/",
    "flows/rehearsal/test_rehearse.py",
    "flows/run/test_graph.py",
    "flows/run/test_pages.py",
    "flows/run/test_process.py",
    "flows/run/test_schedule.py",
    "flows/story/test_corrections.py",
    "flows/story/test_large_sends.py",
    "flows/story/test_next_update.py",
    "flows/story/test_nothing_falls_through.py",
    "flows/story/test_promises.py",
    "flows/test_public_pages.py",
    "flows/told/test_told_machine.py",
    "ledger/claim/test_killed_team.py",
    "ledger/deliver/test_at_scale.py",
    "ledger/deliver/test_concurrency.py",
    "ledger/deliver/test_large_notices.py",
    "ledger/deliver/test_side_by_side.py",
    "ledger/forget/test_rotation_killed.py",
    "ledger/store/test_copied.py",
    "ledger/store/test_leases.py",
    "ledger/store/test_lost_connections.py",
    "replays/",
    "test_benchmarks.py",
    "web/http/test_connections.py",
    "web/portal/test_portal_browser.py",
    "web/portal/test_portal_guard.py",
    "web/portal/test_portal_process.py",
    "web/test_portal_api.py",
)
"""Files and folders with whole processes, browsers, a Prefect server, kills, many people, slow connections, or whole stories."""
LONGEST = (
    "e2e/test_clicks.py",
    "acceptance/test_a_year.py",
    "flows/told/test_told_machine.py",
    "flows/rehearsal/test_rehearse.py",
    "ledger/entitlement/test_one_each.py",
    "e2e/test_alarms.py",
    "flows/told/test_planted_faults.py",
    "e2e/test_fresh_user.py",
    "e2e/test_forty_days.py",
)
"""Files that take minutes each, in the order in which they begin: before all others, or the last process works alone.

The first and the last live whole weeks on a Prefect server, and would slow each other down side by side.
"""
ON_BOTH_DATABASES = (
    "ledger/claim/test_claims_at_once.py",
    "ledger/deliver/test_locks.py",
    "ledger/test_schema.py",
    "ledger/notice/test_approvals_at_once.py",
    "ledger/entitlement/test_corrections.py",
    "ledger/entitlement/test_remed",
    "ledger/store/",
)
"""Where the database itself is what is tested; elsewhere PostgreSQL waits for `make test-all`."""


def is_left_out(path: Path, wanted: str) -> bool:
    """Return True when no test of this file can be among the wanted ones, so that the file need not be imported."""
    waits = path.is_file() and path.relative_to(TESTS).as_posix().startswith(WAITS_FOR_TEST_ALL)
    return wanted == "not full" and waits and "mark.journey" not in path.read_text(encoding="utf-8")


def waits_for_test_all(item: pytest.Item) -> bool:
    """Return True when `make test` leaves this test out. One marked `journey` is never left out."""
    if item.get_closest_marker("journey"):
        return False
    path = item.path.relative_to(TESTS).as_posix()
    if path.startswith(WAITS_FOR_TEST_ALL):
        return True
    return item.get_closest_marker("postgres") is not None and not path.startswith(ON_BOTH_DATABASES)


def turn(item: pytest.Item) -> int:
    """Return the place of this test's file among the longest; all other files come after them."""
    path = item.path.relative_to(TESTS).as_posix()
    return LONGEST.index(path) if path in LONGEST else len(LONGEST)
