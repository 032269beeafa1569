"""The table of verbs against the command line and against its page."""

from amends.domain.team.verbs import VERBS
from tests.cli.role_page import HERE, command_of
from tests.domain.team.roles_page import PAGE, generated, parts

TO_COME = frozenset(
    {
        "claims account", "claims add", "claims decide", "claims evidence", "claims list", "claims object",
        "claims paid", "claims pay", "claims show", "claims totals", "codes import", "codes redeemed",
        "codes reissue", "codes show", "codes stock", "codes void", "commitments break", "commitments carry-over",
        "commitments file", "commitments give", "commitments review", "commitments show", "commitments spend",
        "commitments step", "export cacao", "export case", "export veris", "forget date", "forget due", "forget hold",
        "forget holds", "forget lift", "forget person", "forget plan", "keys list", "keys rotate", "remedies done",
        "remedies import", "remedies list", "remedies open", "review end", "review lesson", "review note",
        "review show",
    }
)  # fmt: skip
"""Verbs of rooms that are not here yet."""


def test_every_command_is_in_the_table() -> None:
    assert sorted(HERE - VERBS.keys()) == []


def test_every_verb_of_the_table_is_a_command() -> None:
    assert {command_of(verb) for verb in VERBS} - HERE == TO_COME


def test_the_page_shows_the_table_of_the_code() -> None:
    """`python -m tests.domain.team.roles_page` writes it again."""
    assert parts(PAGE.read_text(encoding="utf-8"))[1] == generated()
