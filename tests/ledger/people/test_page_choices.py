"""A language chosen on the page is that of optional messages where all their texts are in it, and of no others."""

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.domain.people.preference import Preference
from amends.ledger import Ledger
from amends.ledger.people import holds
from amends.ledger.tables.people import REPORTED
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, approved, personal_variants


@pytest.mark.parametrize(
    ("optional", "locales", "expected"),
    [(True, ("en", "zh-CN"), "zh-CN"), (False, ("en", "zh-CN"), "en"), (True, ("en",), "en")],
)
def test_an_optional_message_is_in_the_chosen_language(
    ledger: Ledger, optional: bool, locales: tuple[str, ...], expected: str
) -> None:
    changes = {"variants": personal_variants(*locales), "channels": (ChannelKind.EMAIL,), "cascade": ()}
    approved(ledger, [a_person(number=1), a_person(number=2)], optional=optional, **changes)
    ledger.choices.prefer(INCIDENT, 1, Preference(locale="zh-CN", channel="sms"), NOW)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, (ChannelKind.EMAIL,), 100, NOW)
    assert {claim.about.number: claim.text.locale for claim in claims if claim.about} == {1: expected, 2: "en"}


def test_the_same_wish_again_is_noted_once(ledger_on_sqlite: Ledger) -> None:
    approved(ledger_on_sqlite, [a_person(number=1)])
    for _ in range(2):
        ledger_on_sqlite.choices.prefer(INCIDENT, 1, Preference(channel="sms"), NOW)
    assert [entry.act for entry in ledger_on_sqlite.audit.entries(INCIDENT)].count("preference") == 1


def test_the_statements_of_a_hold_find_their_people_by_an_index(ledger_on_sqlite: Ledger) -> None:
    """A claim asks each time whether somebody is held by a report; that must cost nothing with a million people."""
    withhold = holds.WITHHOLD.format(people="person IN (SELECT value FROM json_each(:ids))").replace(":", "@")
    whom = f"SELECT number, hold FROM person WHERE incident = @incident AND {REPORTED}"
    values = {"incident": INCIDENT, "hold": "", "now": "", "ids": "[1]"}
    with ledger_on_sqlite.store.engine.connect() as connection:
        database = connection.connection.driver_connection
        plans = [database.execute(f"EXPLAIN QUERY PLAN {one}", values).fetchall()[0][3] for one in (withhold, whom)]
    assert "person=?" in plans[0]
    assert "ix_person_reported" in plans[1]
