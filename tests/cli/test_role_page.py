"""The table of verbs against the command line and against its page."""

from amends.domain.team.verbs import VERBS
from tests.cli.role_page import HERE, command_of
from tests.domain.team.roles_page import PAGE, generated, parts


def test_every_command_is_in_the_table() -> None:
    assert sorted(HERE - VERBS.keys()) == []


def test_every_verb_of_the_table_is_a_command() -> None:
    assert {command_of(verb) for verb in VERBS} - HERE == set()


def test_the_page_shows_the_table_of_the_code() -> None:
    """`python -m tests.domain.team.roles_page` writes it again."""
    assert parts(PAGE.read_text(encoding="utf-8"))[1] == generated()
